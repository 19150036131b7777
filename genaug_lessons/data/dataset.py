"""A data set is a few tensors that know what they are and which rows they came from.

Letters: x (N, *shape) examples, y (N,) labels with -1 for "unlabelled", B the size of a batch.
"""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import repeat
from typing import Annotated, NamedTuple

import numpy as np
import torch
from torch import Tensor

from genaug_lessons import machine
from genaug_lessons.checks import choice, count, counts
from genaug_lessons.random import check_device
from genaug_lessons.typed import check_types

SUPPORTS = ("binary", "unit", "real")  # each holds the values of those before it
UNLABELLED = -1
CHUNK = 1024  # rows turned into floats at once: bounds the memory


class Leak(ValueError):
    """Rows that a model is scored on were also used to make it, so the score would flatter it."""


class Batch(NamedTuple):
    """Examples x (B, *shape), float32, and labels y (B,) or class probabilities (B, classes).

    `labelled` says that no y is -1, so that nobody has to ask the device in every step.
    """

    x: Tensor
    y: Tensor | None = None
    labelled: bool = True


class _Ids:
    """The field `ids` of a data set: as given, or made from the rows when first asked for."""

    def __get__(self, dataset: "Dataset | None", owner: type | None = None) -> Tensor | None:
        if dataset is None:
            return None  # the default of the field
        if vars(dataset)["ids"] is None:
            vars(dataset)["ids"] = content_ids(dataset.x)
        return vars(dataset)["ids"]

    def __set__(self, dataset: "Dataset", ids: Tensor | None) -> None:
        vars(dataset)["ids"] = ids


class BatchSource:
    """What training draws its batches from: the contract that all data sets keep.

    `Dataset`, `StackedData` and `Augmented` keep it. So may one of your own, such as a stream from
    a disk: set these attributes and write the two methods, and `fit` takes it.

    Attributes:
        shape: of one example.
        support: of the values that its batches hold, as in `Dataset`.
        classes: how many labels there are; None without labels.
        device: where its batches live.
        ids: int64 ids of all the real rows behind it, by which leaks are caught; None where there
            are none, as in a simulation.
        held_out: whether any of it is a test half, which training refuses.
        labelled: whether every row has a label, so that no batch holds y = -1.
        soft_labels: whether its batches hold class probabilities for labels, as Mixup makes them.
        stack: how many data sets are stacked for an ensemble; None for a single one.
    """

    shape: tuple[int, ...]
    support: str
    classes: int | None
    device: torch.device
    ids: Tensor | None
    held_out: bool
    labelled: bool
    soft_labels = False
    stack: int | None = None

    def parts(self) -> list["Dataset"]:
        """The data sets behind it, as they are before any transform: where to look at all rows."""
        raise TypeError(f"{type(self).__name__} has no parts")

    def batches(self, batch_size: int | None, rng: torch.Generator) -> Iterator["Batch"]:
        """Batches without end, each of `batch_size` examples (*shape), float32, with labels.

        Those of a stack have the axis of the data sets in front: x (K, B, *shape), y (K, B).

        Args:
            batch_size: at least 1. A `Dataset` alone takes None, for all its rows in every batch.
            rng: all chance comes from it; it lives on `device`.
        """
        raise TypeError(f"{type(self).__name__} has no batches")


Source = Annotated[BatchSource, "a data set (Dataset, Augmented, StackedData)", "data sets"]


@dataclass(frozen=True)
class Dataset(BatchSource):
    """Tensors that stay on one device, with the ids of the rows behind them.

    Args:
        x: (N, *shape) float32, or uint8 pixels that become floats in [0, 1] batch by batch.
        y: (N,) int64 labels from 0 to classes - 1, or -1 for unlabelled; None without labels.
        classes: how many labels there are; None without labels.
        support: "unit" for values in [0, 1], "binary" for 0 and 1, "real" for anything finite.
        ids: int64 ids of the real rows behind the data, by which leaks are caught. Row by row for
            real data; for synthetic data all the rows its generator saw. Those that are not given
            are `content_ids(x)`, so equal rows have the same id in every data set. Give others
            where equal rows are different cases, as in a table of few categories.
        synthetic: made by a model rather than measured.
        held_out: a test half; training refuses it.

    Raises:
        ValueError: a tensor has the wrong shape, type, device or values. The message names it.
    """

    x: Tensor
    y: Tensor | None = None
    classes: int | None = None
    support: str = "real"
    ids: Tensor | None = _Ids()
    synthetic: bool = False
    held_out: bool = False

    def __post_init__(self):
        _check_examples(self.x, self.support)
        if self.y is not None:
            _check_labels(self.y, self.classes, self.x)
        given = vars(self)["ids"]
        if given is not None and not self.synthetic and given.shape != (len(self.x),):
            raise ValueError(
                f"ids must hold one id per row, shape ({len(self.x)},), got {tuple(given.shape)}"
            )

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, rows) -> "Dataset":
        """The data set of some rows: a row number, a slice, a mask or a tensor of row numbers."""
        if isinstance(rows, (int, np.integer, Tensor)) and torch.as_tensor(rows).ndim == 0:
            rows = [int(rows)]
        known = self.ids if self.synthetic else vars(self)["ids"]
        ids = known if known is None or self.synthetic else known[rows]
        return replace(self, x=self.x[rows], y=None if self.y is None else self.y[rows], ids=ids)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one example."""
        return tuple(self.x.shape[1:])

    @property
    def device(self) -> torch.device:
        """Where the tensors live."""
        return self.x.device

    @property
    def values(self) -> Tensor:
        """(N, *shape) examples as float32, in [0, 1] where they were stored as bytes."""
        return as_float(self.x)

    @property
    def labelled(self) -> bool:
        """Whether every row has a label."""
        return self.y is not None and bool((self.y != UNLABELLED).all())

    def to(self, device: str | torch.device) -> "Dataset":
        """The same data on another device."""
        device = machine.known(device)

        def moved(tensor):
            return None if tensor is None else tensor.to(device)

        ids = moved(vars(self)["ids"])
        return replace(self, x=moved(self.x), y=moved(self.y), ids=ids)

    def parts(self) -> list["Dataset"]:
        """The data sets that batches are drawn from: this one alone."""
        return [self]

    def batches(self, batch_size: int | None, rng: torch.Generator) -> Iterator[Batch]:
        """Batches without end, in shuffled passes over the rows.

        With fewer rows than `batch_size`, rows are drawn with replacement; None makes every batch
        all the rows as they stand.
        """
        check_device(rng, self.device, "data")
        labelled = self.labelled
        if batch_size is None:
            yield from repeat(Batch(self.values, self.y, labelled))
        for rows in row_batches(len(self), batch_size, rng):
            y = None if self.y is None else self.y[rows]
            yield Batch(as_float(self.x.index_select(0, rows)), y, labelled)  # faster than x[rows]


def as_float(x: Tensor) -> Tensor:
    """Bytes from 0 to 255 as float32 in [0, 1]; floats as they are."""
    return x.float().div_(255) if x.dtype == torch.uint8 else x


def row_batches(
    rows: int, batch_size: int, rng: torch.Generator, stack: tuple[int, ...] = ()
) -> Iterator[Tensor]:
    """Row numbers (*stack, batch_size) without end: shuffled passes, independent over the stack.

    The rows left at the end of a pass that do not fill a batch wait for another pass. With fewer
    rows than `batch_size`, rows are drawn with replacement.
    """
    rows, batch_size = count("rows", rows), count("batch_size", batch_size)
    stack, device = counts("stack", stack), rng.device
    while rows < batch_size:
        yield torch.randint(rows, (*stack, batch_size), generator=rng, device=device)
    while True:
        order = torch.rand((*stack, rows), generator=rng, device=device).argsort(-1)
        for start in range(0, rows - batch_size + 1, batch_size):
            yield order[..., start : start + batch_size]


def content_ids(x: Tensor) -> Tensor:
    """(N,) int64 ids of the rows of x that depend on nothing but their values, on x's device.

    Equal rows have equal ids, whatever their shape and wherever they live; bytes count as the
    float32 in [0, 1] that they become. Two different rows share one with probability 2^-64.

    Source: Saarinen & Aumasson 2015, RFC 7693 (BLAKE2b).
    """
    digests = [
        hashlib.blake2b(row, digest_size=8).digest()
        for part in x.detach().flatten(1).split(CHUNK)
        for row in (as_float(part.cpu()) + 0.0).contiguous().numpy()  # -0.0 becomes 0.0
    ]
    ids = np.frombuffer(b"".join(digests), dtype="<i8").astype(np.int64)
    return torch.from_numpy(ids).to(x.device)


def widest(supports: Iterable[str]) -> str:
    """The support that holds the values of all these: "real", else "unit", else "binary"."""
    return max(supports, key=SUPPORTS.index)


def refuse_leaks(seen: Tensor | None, test: Dataset, what: str) -> None:
    """Raise a `Leak` when `what` was made from rows that are also in `test`.

    It is a guard against accidents: a row that was changed ever so little passes for another.
    """
    if seen is None:
        return
    shared = torch.isin(test.ids, seen.to(test.device)).sum().item()
    if shared:
        raise Leak(
            f"{what} has seen {shared} of the {len(test)} rows it would be scored on. A score on "
            "rows that were used for training measures memory, not learning: make the split "
            "first, train on its labelled part and its pool, and score on its test half."
        )


def _check_examples(x: Tensor, support: str) -> None:
    choice("support", support, SUPPORTS)
    if x.dtype not in (torch.float32, torch.uint8):
        raise ValueError(f"x must be a float32 or uint8 tensor, got {x.dtype}")
    if x.ndim < 2 or len(x) == 0:
        raise ValueError(f"x must have shape (rows, *shape) with rows, got {tuple(x.shape)}")
    if x.dtype == torch.uint8:
        if support != "unit":
            raise ValueError(f'uint8 x holds pixels: support must be "unit", got {support!r}')
        return
    if not x.isfinite().all():
        raise ValueError("x must be finite, got NaN or infinity")
    if support != "real" and (x.min() < 0 or x.max() > 1):
        raise ValueError(
            f'x must lie in [0, 1] for support "{support}", '
            f"got values from {x.min():.3g} to {x.max():.3g}"
        )
    if support == "binary" and not ((x == 0) | (x == 1)).all():
        raise ValueError('x must hold only 0 and 1 for support "binary", got values between')


def _check_labels(y: Tensor, classes: int | None, x: Tensor) -> None:
    if y.dtype != torch.int64:
        raise ValueError(f"y must be an int64 tensor, got {y.dtype}")
    if y.shape != (len(x),):
        raise ValueError(f"y must have shape ({len(x)},), one label a row, got {tuple(y.shape)}")
    if y.device != x.device:
        raise ValueError(f"y must be on the device of x ({x.device}), got {y.device}")
    count("classes", classes, at_least=2)
    if y.min() < UNLABELLED or y.max() >= classes:
        raise ValueError(
            f"y must hold labels from 0 to {classes - 1}, or -1 for unlabelled, "
            f"got labels from {y.min()} to {y.max()}"
        )


check_types(__name__)
