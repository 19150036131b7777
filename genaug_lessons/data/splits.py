"""Splits for honest studies: a fixed test half, nested labelled draws, the rest without labels."""

import zlib
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from genaug_lessons.data.dataset import UNLABELLED, Dataset, as_float, row_ids
from genaug_lessons.typed import check_types

HALVES_SEED = 20260801  # the one stratified cut into pool and test, the same in every study


@dataclass(frozen=True)
class Split:
    """One draw of a study.

    Attributes:
        labelled: `labels_per_class` labelled rows of each class.
        test: rows to score on; training refuses them.
        candidates: all training rows with their labels, which the draw was made from.
        draw: its number.
    """

    labelled: Dataset
    test: Dataset
    candidates: Dataset
    draw: int

    @property
    def pool(self) -> Dataset:
        """The remaining training rows, their labels removed (y = -1); copied when asked for."""
        rest = self.candidates[~torch.isin(self.candidates.ids, self.labelled.ids)]
        return replace(rest, y=torch.full_like(rest.y, UNLABELLED))

    def with_labels(self, labels_per_class: int) -> Dataset:
        """The same draw with more (or fewer) labels: draws are nested, so it contains this one."""
        return _labelled(self.candidates, labels_per_class, self.draw)


def split(
    dataset: Dataset,
    test: Dataset | None = None,
    *,
    labels_per_class: int,
    draw: int,
    development: bool = False,
) -> Split:
    """Draw a few labelled rows of each class; the rest of the training rows lose their labels.

    Args:
        dataset: labelled rows. Without `test`, half of them (stratified, always the same) is it.
        test: rows to score on, for data sets that bring their own.
        labels_per_class: labelled rows of each class; draws of 5 are contained in draws of 10.
        draw: which draw; the unit of repetition of a study.
        development: score on training rows instead and leave the test half alone. Settings are
            chosen on development draws, results are reported on the others.

    Raises:
        ValueError: fewer rows of a class than labels asked for, or a class without rows.
    """
    dataset = _with_ids(dataset)
    if test is None:
        dataset, test = halves(dataset)
    if development:
        dataset, test = halves(dataset)
    labelled = _labelled(dataset, labels_per_class, draw)
    if len(labelled) == len(dataset):
        raise ValueError(
            f"labels_per_class must leave rows for the pool, got {labels_per_class} "
            f"of {len(dataset)} rows in {dataset.classes} classes"
        )
    return Split(labelled, replace(test, held_out=True), dataset, draw)


def halves(dataset: Dataset) -> tuple[Dataset, Dataset]:
    """The data set cut in two, stratified by class and the same every time: (train, test)."""
    rng = torch.Generator().manual_seed(HALVES_SEED)
    rows = _by_class(dataset, rng)
    test = torch.cat([order[: (len(order) + 1) // 2] for order in rows]).sort().values
    keep = torch.ones(len(dataset), dtype=torch.bool)
    keep[test] = False
    train = keep.nonzero().squeeze(1).to(dataset.device)
    return dataset[train], replace(dataset[test.to(dataset.device)], held_out=True)


def join(labelled: Dataset, pool: Dataset) -> Dataset:
    """Labelled and unlabelled rows as one data set, for semi-supervised fits."""
    if labelled.y is None:
        raise ValueError("labelled must have labels, got y=None")
    if pool.y is not None and pool.classes != labelled.classes:
        raise ValueError(f"pool must have {labelled.classes} classes, got {pool.classes}")
    if labelled.shape != pool.shape or labelled.support != pool.support:
        raise ValueError(
            f"pool must look like labelled: shape {labelled.shape} and support "
            f"{labelled.support!r}, got {pool.shape} and {pool.support!r}"
        )
    if labelled.synthetic != pool.synthetic:
        raise ValueError("pool must be as real as labelled: mix synthetic data at a share instead")
    y = labelled.y.new_full((len(pool),), UNLABELLED) if pool.y is None else pool.y
    same_type = labelled.x.dtype == pool.x.dtype
    x = (labelled.x, pool.x) if same_type else (as_float(labelled.x), as_float(pool.x))
    ids = None if labelled.ids is None or pool.ids is None else torch.cat([labelled.ids, pool.ids])
    held_out = labelled.held_out or pool.held_out
    return replace(
        labelled,
        x=torch.cat(x),
        y=torch.cat([labelled.y, y]),
        ids=ids,
        held_out=held_out,
    )


def _with_ids(dataset: Dataset) -> Dataset:
    """Rows of your own data, which bring no ids, get some: leaks are then caught there too."""
    if dataset.ids is not None:
        return dataset
    source = f"rows with checksum {zlib.crc32(dataset.x.cpu().numpy().tobytes())}"
    return replace(dataset, ids=row_ids(source, len(dataset)).to(dataset.device))


def _labelled(dataset: Dataset, labels_per_class: int, draw: int) -> Dataset:
    if not isinstance(labels_per_class, int) or labels_per_class < 1:
        raise ValueError(f"labels_per_class must be an integer above 0, got {labels_per_class!r}")
    rows = _by_class(dataset, torch.Generator().manual_seed(draw))
    count, label = min((len(order), label) for label, order in enumerate(rows))
    if count < labels_per_class:
        raise ValueError(
            f"labels_per_class must not exceed the rows of any class: asked for "
            f"{labels_per_class}, class {label} has {count}"
        )
    chosen = torch.cat([order[:labels_per_class] for order in rows])
    return dataset[chosen.to(dataset.device)]


def _by_class(dataset: Dataset, rng: torch.Generator) -> list[Tensor]:
    """The row numbers of each class, shuffled; the generator stays on the CPU for one order."""
    if dataset.y is None:
        raise ValueError("dataset must have labels to be split, got y=None")
    y = dataset.y.cpu()
    order = torch.randperm(len(y), generator=rng)
    return [order[y[order] == label] for label in range(dataset.classes)]


check_types(__name__)
