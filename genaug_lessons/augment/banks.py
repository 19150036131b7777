"""Banks of synthetic data, and mixing them (or classical transforms) into real batches at a share.

A bank is a data set that a model made; it remembers the rows the model saw.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from genaug_lessons.augment.policy import as_transform
from genaug_lessons.augment.transforms import Transform
from genaug_lessons.checks import probability
from genaug_lessons.data import Batch, Dataset
from genaug_lessons.model import Model, Update
from genaug_lessons.typed import check_types


class Augmented:
    """Real data of which a share of every batch is replaced by augmented examples.

    Args:
        data: the real data, a `Dataset` or a stack of them.
        bank: synthetic data of the same kind; the share of each batch is taken from it.
        transform: changes the share of each batch instead: a transform, of torchvision too, or a
            list of them.
        share: from 0 (real data only) to 1 (augmented only).

    Raises:
        ValueError: both or neither of bank and transform; share outside [0, 1]; a bank of another
            shape; something else for a transform.
    """

    def __init__(self, data, *, bank=None, transform=None, share: float = 0.5):
        if (bank is None) == (transform is None):
            raise ValueError("exactly one of bank and transform must be given")
        probability("share", share)
        if bank is not None and bank.stack != data.stack:
            raise ValueError("bank must be stacked as the data are: use StackedData for both")
        if bank is not None and (bank.shape, bank.classes) != (data.shape, data.classes):
            raise ValueError(
                f"bank must look like the data: shape {data.shape} and {data.classes} classes, "
                f"got {bank.shape} and {bank.classes}"
            )
        self.data, self.bank, self.share = data, bank, share
        self.transform = None if transform is None else as_transform(transform)
        if transform is not None:
            _check_for(self.transform, data)
        self.shape, self.classes = data.shape, data.classes
        self.device, self.stack = data.device, data.stack
        parts = [data] if bank is None else [data, bank]
        supports = {part.support for part in parts}
        self.support = data.support if len(supports) == 1 else "real"
        self.held_out = any(part.held_out for part in parts)
        self.labelled = all(part.labelled for part in parts)
        known = [part.ids for part in parts if part.ids is not None]
        self.ids = torch.cat(known) if known else None

    def batches(self, batch_size: int, generator: torch.Generator) -> Iterator[Batch]:
        """Batches of which round(share * batch_size) examples are augmented."""
        augmented = round(self.share * batch_size)
        axis = 0 if self.stack is None else 1  # of the examples within a batch
        if augmented == 0:
            yield from self.data.batches(batch_size, generator)
        elif self.bank is not None:
            parts = [(self.data, batch_size - augmented), (self.bank, augmented)]
            streams = [part.batches(size, generator) for part, size in parts if size]
            for batches in zip(*streams, strict=True):
                yield _side_by_side(batches, axis)
        else:
            for batch in self.data.batches(batch_size, generator):
                first, rest = _cut(batch, augmented, axis)
                yield _side_by_side((self.transform.on_batch(first, generator), rest), axis)


class PerClass(Model):
    """One unconditional model per class: what lets it augment a classifier.

    Args:
        make_model: makes one unconditional model; called once per class.
        classes: number of labels.
    """

    needs_labels = True

    def __init__(self, make_model: Callable[[], Model], *, classes: int):
        models = [make_model() for _ in range(classes)]
        if models[0].classes is not None:
            raise ValueError("make_model must make unconditional models, got a conditional one")
        super().__init__(models[0].shape)
        self.models, self.classes, self.support = nn.ModuleList(models), classes, models[0].support
        self.defaults = dict(models[0].defaults)
        if "batch_size" in self.defaults:
            self.defaults["batch_size"] = 256

    def updater(self, **settings) -> "_PerClassUpdate":
        """Each class's model takes a step on the batch's rows of that class."""
        return _PerClassUpdate([model.updater(**settings) for model in self.models])

    def sample(
        self, n: int, *, label: int | Tensor | None = None, generator: torch.Generator
    ) -> Tensor:
        """n new examples (n, *shape) of one label or of (n,) labels."""
        labels = self.labels_for(n, label)
        x = torch.empty((n, *self.shape), device=self.device)
        for value in labels.unique().tolist():
            rows = labels == value
            x[rows] = self.models[value].sample(int(rows.sum()), generator=generator)
        return x


class _PerClassUpdate:
    def __init__(self, updates: list[Update]):
        self.updates = updates
        self.batches_per_update = getattr(updates[0], "batches_per_update", 1)

    def __call__(self, batch: Batch, generator: torch.Generator) -> dict[str, Tensor]:
        losses = {}
        for label, update in enumerate(self.updates):
            rows = batch.y == label
            if rows.any():
                found = update(Batch(batch.x[rows]), generator)
                losses |= {f"{name}, class {label}": loss for name, loss in found.items()}
        return losses

    @property
    def names(self) -> list[str]:
        return getattr(self.updates[0], "names", [])

    def set_rates(self, rates: Mapping[str, float]) -> None:
        for update in self.updates:
            update.set_rates(rates)


def bank(model: Model, *, per_class: int, generator: torch.Generator) -> Dataset:
    """Synthetic examples (classes * per_class, *shape) from a conditional model, with labels.

    The bank remembers the rows that the model saw.

    Raises:
        ValueError: per_class below 1; a model without labels, whose samples nobody could label.
    """
    if per_class < 1:
        raise ValueError(f"per_class must be at least 1, got {per_class}")
    if model.classes is None:
        raise ValueError(
            "model must be conditional: samples without labels cannot augment a classifier; "
            "PerClass makes one model per class out of an unconditional family"
        )
    y = torch.arange(model.classes, device=model.device).repeat_interleave(per_class)
    x = model.sample(len(y), label=y, generator=generator)
    return Dataset(x, y, model.classes, model.support, model.seen, synthetic=True)


def labelled_by(model, pool: Dataset) -> Dataset:
    """The pool with the labels that a trained classifier gives it (self-training).

    Source: Lee 2013, "Pseudo-Label", ICML workshop on challenges in representation learning.
    """
    return replace(pool, y=model.predict(pool.values), classes=model.classes)


def _check_for(transform: Transform, data) -> None:
    """Raise a ValueError unless the transform can change the data and all they are mixed of."""
    if isinstance(data, Augmented):
        for part in (data.data, data.bank):
            if part is not None:
                _check_for(transform, part)
    else:
        transform.check_data(data)


def _cut(batch: Batch, at: int, axis: int) -> list[Batch]:
    """A batch as two: its first `at` examples and the rest."""
    x = batch.x.tensor_split([at], axis)
    y = (None, None) if batch.y is None else batch.y.tensor_split([at], axis)
    return [batch._replace(x=part, y=labels) for part, labels in zip(x, y, strict=True)]


def _side_by_side(parts: Sequence[Batch], axis: int) -> Batch:
    """Batches joined; labels become probabilities where those of another part are."""
    x, y = [part.x for part in parts], [part.y for part in parts]
    labelled = all(part.labelled for part in parts)
    if y[0] is None:
        return Batch(torch.cat(x, axis), None, labelled)
    soft = next((labels for labels in y if labels.is_floating_point()), None)
    if soft is not None:
        classes = soft.shape[-1]
        y = [labels if labels.is_floating_point() else F.one_hot(labels, classes) for labels in y]
    return Batch(torch.cat(x, axis), torch.cat(y, axis), labelled)


check_types(__name__)
