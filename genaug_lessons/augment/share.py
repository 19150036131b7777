"""Mixing augmented examples into the batches of real data at a share.

They come from a bank (a data set that a model made) or from a transform of the real ones.
"""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from genaug_lessons.augment.policy import Change, as_transform
from genaug_lessons.checks import count, probability
from genaug_lessons.data import Batch, BatchSource, Dataset, Source
from genaug_lessons.data.dataset import widest
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
        ValueError: neither a bank nor a transform; share outside [0, 1]; a bank of another shape,
            with other labels, on another device or with any values beside data of a bounded
            support; something else for a transform, or one that does not fit the data.
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
        if bank is not None:
            _check_bank(bank, data)
        sources = [data] if bank is None else [data, bank]
        self.data, self.bank, self.sources = data, bank, sources
        self.shape, self.classes = data.shape, data.classes
        self.device, self.stack = data.device, data.stack
        self.support = widest(source.support for source in sources)
        self.held_out = any(source.held_out for source in sources)
        self.labelled = all(source.labelled for source in sources)
        self.transform = None if transform is None else as_transform(transform)
        for part in self.parts() if self.transform else ():
            self.transform.check_data(part)
        changes = [] if self.transform is None else [self.transform]
        if not all(change.keeps_range for change in changes):
            self.support = "real"
        blends = any(change.blends_labels for change in changes)
        self.soft_labels = blends or any(source.soft_labels for source in sources)

    @property
    def ids(self) -> Tensor | None:
        """Ids of all the rows behind the data and the bank; None where neither has any."""
        ids = [source.ids for source in self.sources]
        known = [some for some in ids if some is not None]
        return torch.cat(known) if known else None

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


def _check_bank(bank: Source, data: Source) -> None:
    """Raise a ValueError unless a model that takes the data takes the bank, too."""
    if bank.stack != data.stack:
        raise ValueError("bank must be stacked as the data are: use StackedData for both")
    if (bank.shape, bank.classes) != (data.shape, data.classes):
        raise ValueError(
            f"bank must look like the data: shape {data.shape} and {data.classes} classes, "
            f"got {bank.shape} and {bank.classes}"
        )
    if bank.support == "real" and data.support != "real":
        raise ValueError(
            f'bank must have values of the data\'s support "{data.support}", got "real": where '
            "these are of the same scale, clip them, "
            'replace(bank, x=bank.x.clamp(0, 1), support="unit")'
        )
    if bank.device.type != data.device.type:
        raise ValueError(f"bank must be on the data's device {data.device}, got {bank.device}")


def _augmented_rows(share: float, batch_size: int) -> int:
    rows = round(share * batch_size)
    if share > 0 and rows == 0:
        raise ValueError(
            f"share must give at least one row of a batch of {batch_size}, got {share}"
        )
    if share < 1 and rows == batch_size:
        raise ValueError(f"share must leave a real row in a batch of {batch_size}, got {share}")
    return rows


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
