"""Splits for honest studies: a fixed test half, nested draws of labels, the rest without labels."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from genaug_lessons.checks import count, counts
from genaug_lessons.data.dataset import UNLABELLED, Dataset, Leak, as_float
from genaug_lessons.typed import check_types

HALVES_SEED = 20260801  # the one stratified cut into pool and test, the same in every study


@dataclass(frozen=True)
class Split:
    """One repeat of a study.

    Attributes:
        labelled: `labels_per_class` labelled rows of each class, or as many as it says of each.
        test: rows to score on; training refuses them.
        candidates: all training rows with their labels, of which `labelled` was drawn.
        repeat: its number.
    """

    labelled: Dataset
    test: Dataset
    candidates: Dataset
    repeat: int

    @property
    def pool(self) -> Dataset:
        """The remaining training rows, their labels removed (y = -1); copied when asked for."""
        rest = self.candidates[~torch.isin(self.candidates.ids, self.labelled.ids)]
        return replace(rest, y=torch.full_like(rest.y, UNLABELLED))

    def with_labels(self, labels_per_class: int | Sequence[int]) -> Dataset:
        """The same repeat with more (or fewer) labels: nested, so it contains this one."""
        labels_per_class = check_labels_per_class(labels_per_class)
        return _labelled(self.candidates, labels_per_class, self.repeat)


def split(
    dataset: Dataset,
    test: Dataset | None = None,
    *,
    labels_per_class: int | Sequence[int],
    repeat: int = 0,
    development: bool = False,
) -> Split:
    """Draw a few labelled rows of each class; the rest of the training rows lose their labels.

    No row stands on both sides: of rows with the same id (equal rows, unless told otherwise) all
    are in the same half, and training rows that are also in a `test` given are left out.

    Args:
        dataset: labelled rows. Without `test`, half of them (stratified, always the same) is it.
        test: rows to score on, for data sets that bring their own.
        labels_per_class: labelled rows of each class, one number for all or one for each (a rare
            class); draws of 5 are contained in draws of 10, class by class.
        repeat: which repeat of a study; each draws other labelled rows.
        development: score on training rows instead and leave the test half alone. Settings are
            chosen on development repeats, results are reported on the others.

    Raises:
        ValueError: fewer rows of a class than labels asked for, or a class without rows; numbers
            for more or fewer classes than there are; a `test` that does not look like `dataset` or
            has unlabelled rows.
        Leak: all rows of `dataset` are in `test`.
    """
    labels_per_class = check_labels_per_class(labels_per_class)
    repeat = count("repeat", repeat, 0)
    _check_real(dataset)
    if test is None:
        dataset, test = halves(dataset)
    else:
        _check_test(dataset, test)
        dataset = _without_rows_of(test, dataset)
    if development:
        dataset, test = halves(dataset)
    labelled = _labelled(dataset, labels_per_class, repeat)
    if len(labelled) == len(dataset):
        raise ValueError(
            f"labels_per_class must leave rows for the pool, got {labels_per_class} "
            f"of {len(dataset)} rows in {dataset.classes} classes"
        )
    return Split(labelled, replace(test, held_out=True), dataset, repeat)


def halves(dataset: Dataset) -> tuple[Dataset, Dataset]:
    """The data set cut in two, stratified by class and the same every time: (train, test).

    Rows with the same id follow the first of them.
    """
    _check_real(dataset)
    in_test = torch.zeros(len(dataset), dtype=torch.bool)
    for order in _by_class(dataset, torch.Generator().manual_seed(HALVES_SEED)):
        in_test[order[: (len(order) + 1) // 2]] = True
    in_test = in_test[_first_copies(dataset)]
    if in_test.all() or not in_test.any():
        raise ValueError(
            "dataset must hold at least 2 different rows of one class to be cut in two, "
            f"got {len(dataset)} rows in {dataset.classes} classes"
        )
    train, test = ((in_test == side).nonzero()[:, 0].to(dataset.device) for side in (False, True))
    return dataset[train], replace(dataset[test], held_out=True)


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
    held_out = labelled.held_out or pool.held_out
    return replace(
        labelled,
        x=torch.cat(x),
        y=torch.cat([labelled.y, y]),
        ids=torch.cat([labelled.ids, pool.ids]),
        held_out=held_out,
    )


def _check_real(dataset: Dataset) -> None:
    if dataset.synthetic:
        raise ValueError("dataset must be real: a split keeps track of rows, got synthetic data")


def _check_test(dataset: Dataset, test: Dataset) -> None:
    for name in ("shape", "classes", "support"):
        wanted, given = getattr(dataset, name), getattr(test, name)
        if given != wanted:
            raise ValueError(f"test must have the {name} of dataset, {wanted!r}, got {given!r}")
    if not test.labelled:
        raise ValueError("test must be labelled throughout: y = -1 has no right answer")


def _without_rows_of(test: Dataset, dataset: Dataset) -> Dataset:
    shared = torch.isin(dataset.ids, test.ids.to(dataset.device))
    if shared.all():
        raise Leak(
            f"dataset must hold rows that are not in test: all {len(dataset)} rows are in both"
        )
    return dataset[~shared] if shared.any() else dataset


def _first_copies(dataset: Dataset) -> Tensor:
    """For each row the number of the first row with the same id, (N,), on the CPU."""
    group = dataset.ids.cpu().unique(return_inverse=True)[1]
    rows = torch.arange(len(dataset))
    return torch.full_like(rows, len(rows)).scatter_reduce(0, group, rows, "amin")[group]


def check_labels_per_class(labels_per_class: int | Sequence[int]) -> int | tuple[int, ...]:
    """One integer of at least 1 for all classes, or one for each class."""
    several = isinstance(labels_per_class, Iterable) and getattr(labels_per_class, "ndim", 1)
    check = counts if several else count
    return check("labels_per_class", labels_per_class)


def _labelled(dataset: Dataset, labels_per_class: int | tuple[int, ...], repeat: int) -> Dataset:
    rows = _by_class(dataset, torch.Generator().manual_seed(repeat))
    wanted = labels_per_class
    if isinstance(wanted, int):
        wanted = (wanted,) * len(rows)
    if len(wanted) != len(rows):
        raise ValueError(
            f"labels_per_class must be one number or one for each of the {len(rows)} classes, "
            f"got {len(wanted)}"
        )
    asked = zip(rows, wanted, strict=True)
    spare, label = min((len(order) - n, label) for label, (order, n) in enumerate(asked))
    if spare < 0:
        raise ValueError(
            "labels_per_class must not exceed the rows of any class outside the test half: "
            f"asked for {wanted[label]}, class {label} has {len(rows[label])}"
        )
    chosen = torch.cat([order[:n] for order, n in zip(rows, wanted, strict=True)])
    return dataset[chosen.to(dataset.device)]


def _by_class(dataset: Dataset, rng: torch.Generator) -> list[Tensor]:
    """The row numbers of each class, shuffled; rng stays on the CPU for one order."""
    if dataset.y is None:
        raise ValueError("dataset must have labels to be split, got y=None")
    y = dataset.y.cpu()
    order = torch.randperm(len(y), generator=rng)
    return [order[y[order] == label] for label in range(dataset.classes)]


check_types(__name__)
