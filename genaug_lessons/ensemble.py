"""The same classifier many times at once: weights stacked, one batched operation per layer.

A paired study trains one classifier per repeat. Stacked, K small classifiers cost little more than
one, because the time of a small step is the number of calls and not the arithmetic. Each of the K
learns exactly as it would alone: the loss is the sum of their losses, so no gradient mixes them.

A loss of one's own gives one number for each example, and is written once for one model and many:

    def weighted(model, batch, rng):  # the rare class counts tenfold
        return torch.tensor([1.0, 10.0])[batch.y] * cross_entropy(model(batch.x, rng), batch.y)

Letters: K models, B rows of a batch, x (K, B, *shape).
"""

from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from genaug_lessons.data import Batch, BatchSource, Dataset, row_batches
from genaug_lessons.data.dataset import UNLABELLED, as_float
from genaug_lessons.model import Model, Objective
from genaug_lessons.models.classifier import Classifier
from genaug_lessons.random import check_device
from genaug_lessons.stacking import stacked
from genaug_lessons.typed import check_types


class StackedData(BatchSource):
    """K data sets of equal size, one for each model of an ensemble; batches are (K, B, *shape).

    Args:
        datasets: labelled data sets that agree in rows, shape, classes and support.

    Raises:
        ValueError: they do not agree, or one has no labels.
    """

    def __init__(self, datasets: Sequence[Dataset]):
        kinds = {
            (len(dataset), dataset.shape, dataset.classes, dataset.support, dataset.x.dtype): 0
            for dataset in datasets
        }
        if len(kinds) != 1:
            raise ValueError(
                f"datasets must agree in rows, shape, classes, support and type, got {list(kinds)}"
            )
        if any(dataset.y is None for dataset in datasets):
            raise ValueError("datasets must have labels, got y=None")
        first, self.stack = datasets[0], len(datasets)
        self.datasets = list(datasets)
        self.shape, self.classes, self.support = first.shape, first.classes, first.support
        self.x = torch.stack([dataset.x for dataset in datasets])  # (K, N, *shape)
        self.y = torch.stack([dataset.y for dataset in datasets])  # (K, N)
        self.device = first.device
        self.held_out = any(dataset.held_out for dataset in datasets)
        self.labelled = all(dataset.labelled for dataset in datasets)

    @property
    def ids(self) -> Tensor:
        """Ids of all the rows behind all the data sets."""
        return torch.cat([dataset.ids for dataset in self.datasets])

    def parts(self) -> list[Dataset]:
        """The data sets that batches are drawn from."""
        return self.datasets

    def batches(self, batch_size: int, rng: torch.Generator) -> Iterator[Batch]:
        """Batches without end: each of the K goes through its own rows in its own order."""
        check_device(rng, self.device, "data")
        models, rows = self.y.shape
        which = torch.arange(models, device=self.device)[:, None]
        for index in row_batches(rows, batch_size, rng, stack=(models,)):
            yield Batch(as_float(self.x[which, index]), self.y[which, index], self.labelled)


Loss = Callable[["Ensemble", Batch, torch.Generator], Tensor]


class Ensemble(Model):
    """K classifiers of one architecture, trained together and each as if alone.

    Args:
        models: classifiers that differ in the values of their parameters and buffers only; they
            are copied, not changed. What is frozen (`requires_grad=False`) stays frozen.
        loss: in place of the cross-entropy: loss(model, batch, rng), with the ensemble as its
            model, gives one number for each example, (K, B); each classifier learns from the mean
            over its own. Rows without a label (y = -1) may then be in a batch.

    Raises:
        ValueError: no models, models of different architectures, models that are no classifiers or
            have objectives of their own, or a tensor in them that could not be stacked.
    """

    needs_labels = True
    takes_soft_labels = True

    def __init__(self, models: Sequence[Classifier], *, loss: Loss | None = None):
        _check_alike(models)
        first = models[0]
        super().__init__(first.shape)
        self.loss, self.takes_unlabelled = loss, loss is not None
        self.stack, self.classes, self.support = len(models), first.classes, first.support
        seen = [model.seen for model in models if model.seen is not None]
        self.seen = torch.cat(seen).unique() if seen else None
        self.steps_done = max(model.steps_done for model in models)
        self.defaults = first.defaults
        self.members = stacked(models)

    def forward(self, x: Tensor, rng: torch.Generator | None = None) -> Tensor:
        """Logits (K, B, classes) for x (K, B, *shape)."""
        return self.members(x, rng)

    def objectives(self) -> list[Objective]:
        """The sum over the models of each one's mean cross-entropy, in nats, or mean loss."""

        def cross_entropy(batch: Batch, rng: torch.Generator) -> Tensor:
            logits = self(batch.x, rng).flatten(0, 1)
            return len(batch.x) * F.cross_entropy(logits, batch.y.flatten(0, 1))

        learnable = [parameter for parameter in self.parameters() if parameter.requires_grad]
        if self.loss is not None:
            return [Objective("loss", learnable, self._own_loss)]
        return [Objective("cross-entropy", learnable, cross_entropy)]

    def _own_loss(self, batch: Batch, rng: torch.Generator) -> Tensor:
        losses, shape = self.loss(self, batch, rng), batch.x.shape[:2]
        if not isinstance(losses, Tensor) or losses.shape != shape:
            came = tuple(losses.shape) if isinstance(losses, Tensor) else type(losses).__name__
            raise ValueError(
                f"loss must give one number for each example, shape {tuple(shape)}, got {came}"
            )
        return losses.mean(1).sum()

    @torch.no_grad()
    def predict(self, x: Tensor) -> Tensor:
        """Labels (K, N) that each model gives to the same examples x (N, *shape)."""
        self.eval()
        parts = [self(part.expand(self.stack, *part.shape)).argmax(-1) for part in x.split(1024)]
        return torch.cat(parts, dim=1)

    @torch.no_grad()
    def log_probs(self, x: Tensor) -> Tensor:
        """Log probabilities (K, N, classes) that each model gives to the same x (N, *shape)."""
        self.eval()
        parts = [self(part.expand(self.stack, *part.shape)) for part in x.split(1024)]
        return torch.cat(parts, dim=1).log_softmax(-1)

    def accuracies(self, test: Dataset) -> Tensor:
        """Share of right answers of each model, (K,).

        Raises:
            ValueError: `test` of another shape or with unlabelled rows.
            Leak: a model, or a generator that made its data, has seen rows of `test`.
        """
        self.check_test(test)
        return (self.predict(test.values) == test.y).float().mean(-1)


def cross_entropy(logits: Tensor, y: Tensor) -> Tensor:
    """Cross-entropy of each example in nats, (..., B); 0 for those without a label.

    Args:
        logits: (..., B, C).
        y: (..., B) labels, -1 for unlabelled, or (..., B, C) class probabilities.
    """
    log_p = logits.log_softmax(-1)
    if y.is_floating_point():
        return -(y * log_p).sum(-1)
    right = log_p.gather(-1, y.clamp_min(0)[..., None])[..., 0]
    return -right * (y != UNLABELLED)


def _check_alike(models: Sequence[Classifier]) -> None:
    """Raise a ValueError unless one architecture and one loss serve all the models."""
    if not models:
        raise ValueError("models must share one architecture, got []")
    for model in models:
        if type(model).objectives is not Classifier.objectives:
            raise ValueError(
                "models must learn by the cross-entropy of all classifiers, "
                f"got {type(model).__name__} with objectives of its own"
            )
    first = _architecture(models[0])
    for model in models[1:]:
        other = _architecture(model)
        for name in {**first, **other}:
            if first.get(name) != other.get(name):
                raise ValueError(
                    f"models must share one architecture, got {name or 'models'}: "
                    f"{_in_words(first.get(name))} and {_in_words(other.get(name))}"
                )


def _architecture(model: Model) -> dict[str, tuple[type, dict[str, str]]]:
    """Name of each part of the model -> its type, and its settings and tensors in words."""
    return {name: (type(part), _settings(part)) for name, part in model.named_modules()}


def _settings(part: nn.Module) -> dict[str, str]:
    """What makes the part what it is, apart from the values of its tensors."""
    settings = {
        name: str(value)
        for name, value in vars(part).items()
        if isinstance(value, (bool, int, float, str, tuple))
        and name not in ("training", "steps_done")
    }
    tensors = [*part.named_parameters(recurse=False), *part.named_buffers(recurse=False)]
    return settings | {
        name: f"{tuple(tensor.shape)} {tensor.dtype} requires_grad={tensor.requires_grad}"
        for name, tensor in tensors
    }


def _in_words(part: tuple[type, dict[str, str]] | None) -> str:
    if part is None:
        return "nothing"
    kind, settings = part
    return f"{kind.__name__}({', '.join(f'{name}={value}' for name, value in settings.items())})"


check_types(__name__)
