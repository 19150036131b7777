"""Banks of synthetic data, and mixing them (or classical transforms) into real batches at a share.

A bank is a data set that a model made; it remembers the rows the model saw.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from genaug_lessons.augment.mixing import Mixing
from genaug_lessons.augment.policy import Change, Compose, as_transform
from genaug_lessons.augment.transforms import Transform
from genaug_lessons.checks import count, probability
from genaug_lessons.data import Batch, BatchSource, Dataset, Source
from genaug_lessons.model import Generative, Model, Update
from genaug_lessons.typed import check_types


class Augmented(BatchSource):
    """Real data of which a share of every batch is replaced by augmented examples.

    With a bank and a transform, the share is taken from the bank and then the transform changes
    the whole batch, the real rows and those of the bank alike.

    Args:
        data: the real data, a `Dataset` or a stack of them.
        bank: synthetic data of the same kind; the share of each batch is taken from it.
        transform: changes the share of each batch, or all of it where there is a bank: a
            transform, of torchvision too, or a list of them.
        share: from 0 (real data only) to 1 (augmented only).

    Raises:
        ValueError: neither a bank nor a transform; share outside [0, 1]; a bank of another shape;
            something else for a transform, or one that blends other labels than the data have.
    """

    def __init__(
        self,
        data: Source,
        *,
        bank: Source | None = None,
        transform: Change | None = None,
        share: float = 0.5,
    ):
        if bank is None and transform is None:
            raise ValueError("bank or transform must be given, got neither")
        self.share = probability("share", share)
        if bank is not None and bank.stack != data.stack:
            raise ValueError("bank must be stacked as the data are: use StackedData for both")
        if bank is not None and (bank.shape, bank.classes) != (data.shape, data.classes):
            raise ValueError(
                f"bank must look like the data: shape {data.shape} and {data.classes} classes, "
                f"got {bank.shape} and {bank.classes}"
            )
        sources = [data] if bank is None else [data, bank]
        self.data, self.bank, self.sources = data, bank, sources
        self.shape, self.classes = data.shape, data.classes
        self.device, self.stack = data.device, data.stack
        supports = {source.support for source in sources}
        self.support = data.support if len(supports) == 1 else "real"
        self.held_out = any(source.held_out for source in sources)
        self.labelled = all(source.labelled for source in sources)
        self.transform = None if transform is None else as_transform(transform)
        for part in self.parts() if self.transform else ():
            self.transform.check_data(part)
        blends = _blends_labels(self.transform)
        self.soft_labels = blends or any(source.soft_labels for source in sources)

    @property
    def ids(self) -> Tensor:
        """Ids of all the rows behind the data and the bank."""
        return torch.cat([source.ids for source in self.sources])

    def parts(self) -> list[Dataset]:
        """The data sets that batches are drawn from, as they are before any transform."""
        return [part for source in self.sources for part in source.parts()]

    def batches(self, batch_size: int, rng: torch.Generator) -> Iterator[Batch]:
        """Batches of which round(share * batch_size) examples are augmented.

        Raises:
            ValueError: a share that comes to no row of such a batch, or to all, and should not.
        """
        rows = _augmented_rows(self.share, count("batch_size", batch_size))
        if self.bank is None:
            return self._changed(self.data.batches(batch_size, rng), rows, rng)
        mixed = self._mixed(batch_size - rows, rows, rng)
        return mixed if self.transform is None else self._changed(mixed, batch_size, rng)

    def _mixed(self, real: int, synthetic: int, rng: torch.Generator) -> Iterator[Batch]:
        sizes = zip(self.sources, (real, synthetic), strict=True)
        streams = [source.batches(size, rng) for source, size in sizes if size]
        for batches in zip(*streams, strict=True):
            yield _side_by_side(batches, self._axis)

    def _changed(
        self, batches: Iterator[Batch], rows: int, rng: torch.Generator
    ) -> Iterator[Batch]:
        if not rows:
            yield from batches
        for batch in batches:
            first, rest = _cut(batch, rows, self._axis)
            yield _side_by_side((self.transform.on_batch(first, rng), rest), self._axis)

    @property
    def _axis(self) -> int:
        """The axis of the examples within a batch."""
        return 0 if self.stack is None else 1


class PerClass(Generative):
    """One unconditional model per class: what lets it augment a classifier.

    Args:
        make_model: makes one unconditional model; called once per class.
        classes: number of labels.
    """

    needs_labels = True

    def __init__(self, make_model: Callable[[], Model], *, classes: int):
        classes = count("classes", classes)
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

    def _sample(self, n: int, labels: Tensor | None, rng: torch.Generator) -> Tensor:
        """Each row from the model of its label."""
        x = torch.empty((n, *self.shape), device=self.device)
        for value in labels.unique().tolist():
            rows = labels == value
            x[rows] = self.models[value].sample(int(rows.sum()), rng=rng)
        return x


class _PerClassUpdate:
    def __init__(self, updates: list[Update]):
        self.updates = updates
        self.batches_per_update = getattr(updates[0], "batches_per_update", 1)

    def __call__(self, batch: Batch, rng: torch.Generator) -> dict[str, Tensor]:
        losses = {}
        for label, update in enumerate(self.updates):
            rows = batch.y == label
            if rows.any():
                own = update(Batch(batch.x[rows]), rng)
                losses |= {f"{name}, class {label}": loss for name, loss in own.items()}
        return losses

    @property
    def names(self) -> list[str]:
        return getattr(self.updates[0], "names", [])

    def set_rates(self, rates: Mapping[str, float]) -> None:
        for update in self.updates:
            update.set_rates(rates)

    def state_dict(self) -> dict[int, dict]:
        states = (getattr(update, "state_dict", dict)() for update in self.updates)
        return {label: state for label, state in enumerate(states) if state}

    def load_state_dict(self, state: Mapping[int, dict]) -> None:
        for label, remembered in state.items():
            self.updates[label].load_state_dict(remembered)


def bank(model: Model, *, per_class: int, rng: torch.Generator) -> Dataset:
    """Synthetic examples (classes * per_class, *shape) from a conditional model, with labels.

    The bank remembers the rows that the model saw.

    Raises:
        ValueError: per_class below 1; a model without labels, whose samples nobody could label.
    """
    per_class = count("per_class", per_class)
    if model.classes is None:
        raise ValueError(
            "model must be conditional: samples without labels cannot augment a classifier; "
            "PerClass makes one model per class out of an unconditional family"
        )
    y = torch.arange(model.classes, device=model.device).repeat_interleave(per_class)
    x = model.sample(len(y), label=y, rng=rng)
    return Dataset(x, y, model.classes, model.support, model.seen, synthetic=True)


class Labeller(Protocol):
    """What gives each example one of `classes` labels."""

    classes: int

    def predict(self, x: Tensor) -> Tensor:
        """Labels (N,) of x (N, *shape)."""


def labelled_by(model: Labeller, pool: Dataset) -> Dataset:
    """The pool with the labels that a trained classifier gives it (self-training).

    Source: Lee 2013, "Pseudo-Label", ICML workshop on challenges in representation learning.
    """
    return replace(pool, y=model.predict(pool.values), classes=model.classes)


def _augmented_rows(share: float, batch_size: int) -> int:
    rows = round(share * batch_size)
    if share > 0 and rows == 0:
        raise ValueError(
            f"share must give at least one row of a batch of {batch_size}, got {share}"
        )
    if share < 1 and rows == batch_size:
        raise ValueError(f"share must leave a real row in a batch of {batch_size}, got {share}")
    return rows


def _blends_labels(transform: Transform | None) -> bool:
    if isinstance(transform, Compose):
        return any(map(_blends_labels, transform.transforms))
    return isinstance(transform, Mixing)


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
