"""The same model many times at once: weights stacked, one batched product per layer.

A paired study trains one classifier per draw. Stacked, K small classifiers cost little more than
one, because the time of a small step is the number of calls and not the arithmetic. Each of the K
learns exactly as it would alone: the loss is the sum of their losses, so no gradient mixes them.

Letters: K models, B rows of a batch, x (K, B, *shape).
"""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from genaug_lessons.data import Batch, Dataset, row_batches
from genaug_lessons.data.dataset import as_float
from genaug_lessons.model import Model, Objective
from genaug_lessons.nn import Dropout
from genaug_lessons.random import check_device
from genaug_lessons.typed import check_types


class StackedData:
    """K data sets of equal size, one for each model of an ensemble; batches are (K, B, *shape).

    Args:
        datasets: labelled data sets that agree in rows, shape, classes and support.

    Raises:
        ValueError: they do not agree, or one has no labels.
    """

    def __init__(self, datasets: Sequence[Dataset]):
        kinds = {
            (len(each), each.shape, each.classes, each.support, each.x.dtype): 0
            for each in datasets
        }
        if len(kinds) != 1:
            raise ValueError(
                f"datasets must agree in rows, shape, classes, support and type, got {list(kinds)}"
            )
        if any(dataset.y is None for dataset in datasets):
            raise ValueError("datasets must have labels, got y=None")
        first, self.stack = datasets[0], len(datasets)
        self.shape, self.classes, self.support = first.shape, first.classes, first.support
        self.x = torch.stack([dataset.x for dataset in datasets])  # (K, N, *shape)
        self.y = torch.stack([dataset.y for dataset in datasets])  # (K, N)
        self.device, self.held_out = first.device, any(each.held_out for each in datasets)
        self.labelled = all(each.labelled for each in datasets)
        known = [dataset.ids for dataset in datasets if dataset.ids is not None]
        self.ids = torch.cat(known) if known else None

    def batches(self, batch_size: int, generator: torch.Generator) -> Iterator[Batch]:
        """Batches without end: each of the K goes through its own rows in its own order."""
        check_device(generator, self.device, "data")
        models, rows = self.y.shape
        which = torch.arange(models, device=self.device)[:, None]
        for index in row_batches(rows, batch_size, generator, stack=(models,)):
            yield Batch(as_float(self.x[which, index]), self.y[which, index], self.labelled)


class StackedLinear(nn.Module):
    """K dense layers as one batched product: (K, B, inputs) -> (K, B, outputs)."""

    def __init__(self, layers: Sequence[nn.Linear]):
        super().__init__()
        self.weight = _stack([layer.weight.T for layer in layers])  # (K, inputs, outputs)
        self.bias = _stack([layer.bias[None] for layer in layers])  # (K, 1, outputs)

    def forward(self, x: Tensor) -> Tensor:
        return torch.baddbmm(self.bias, x, self.weight)


class StackedConv2d(nn.Module):
    """K convolutions as one with K groups: (K, B, C, H, W) -> (K, B, D, H, W)."""

    def __init__(self, layers: Sequence[nn.Conv2d]):
        super().__init__()
        self.weight = _stack([layer.weight for layer in layers])  # (K, D, C, 3, 3)
        self.bias = _stack([layer.bias for layer in layers])  # (K, D)
        self.padding = layers[0].padding

    def forward(self, x: Tensor) -> Tensor:
        models = len(x)
        side_by_side = x.transpose(0, 1).flatten(1, 2)  # (B, K * C, H, W)
        out = F.conv2d(
            side_by_side,
            self.weight.flatten(0, 1),
            self.bias.flatten(),
            padding=self.padding,
            groups=models,
        )
        return out.unflatten(1, (models, -1)).transpose(0, 1)


class Ensemble(Model):
    """K classifiers of one architecture, trained together and each as if alone.

    Args:
        models: classifiers that differ in their weights only; they are copied, not changed.

    Raises:
        ValueError: no models, or models of different architectures.
    """

    needs_labels = True

    def __init__(self, models: Sequence[Model]):
        architectures = {f"{model.shape}, {model.network}" for model in models}
        if len(architectures) != 1:
            raise ValueError(f"models must share one architecture, got {sorted(architectures)}")
        super().__init__(models[0].shape)
        self.stack, self.classes, self.support = len(models), models[0].classes, models[0].support
        seen = [model.seen for model in models if model.seen is not None]
        self.seen = torch.cat(seen).unique() if seen else None
        self.steps_done = max(model.steps_done for model in models)
        self.defaults = models[0].defaults
        self.layers = nn.ModuleList(
            _stacked_layer(alike)
            for alike in zip(*(model.network for model in models), strict=True)
        )

    def forward(self, x: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Logits (K, B, classes) for x (K, B, *shape)."""
        for layer in self.layers:
            if isinstance(layer, Dropout):
                x = layer(x, generator)
            elif isinstance(layer, (StackedLinear, StackedConv2d)):
                x = layer(x)
            else:  # layers without weights treat every example alike
                x = layer(x.flatten(0, 1)).unflatten(0, x.shape[:2])
        return x

    def objectives(self) -> list[Objective]:
        """The sum over the models of each one's mean cross-entropy, in nats."""

        def cross_entropy(batch: Batch, generator: torch.Generator) -> Tensor:
            logits = self(batch.x, generator).flatten(0, 1)
            return len(batch.x) * F.cross_entropy(logits, batch.y.flatten(0, 1))

        return [Objective("cross-entropy", list(self.parameters()), cross_entropy)]

    @torch.no_grad()
    def predict(self, x: Tensor) -> Tensor:
        """Labels (K, N) that each model gives to the same examples x (N, *shape)."""
        self.eval()
        parts = [self(part.expand(self.stack, *part.shape)).argmax(-1) for part in x.split(1024)]
        return torch.cat(parts, dim=1)

    def accuracies(self, test: Dataset) -> Tensor:
        """Share of right answers of each model, (K,).

        Raises:
            ValueError: `test` of another shape or with unlabelled rows.
            Leak: a model, or a generator that made its data, has seen rows of `test`.
        """
        self.check_test(test)
        return (self.predict(test.values) == test.y).float().mean(-1)


def _stacked_layer(layers: Sequence[nn.Module]) -> nn.Module:
    if isinstance(layers[0], nn.Linear):
        return StackedLinear(layers)
    if isinstance(layers[0], nn.Conv2d):
        return StackedConv2d(layers)
    return layers[0]


def _stack(weights: list[Tensor]) -> nn.Parameter:
    return nn.Parameter(torch.stack(weights).detach().clone())


check_types(__name__)
