"""Mixing the examples of a batch with one another, labels in the same proportion.

Letters: B the size of a batch, K batches in a stack; labels become probabilities (B, classes).
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from genaug_lessons.augment.pixels import inside
from genaug_lessons.augment.transforms import Transform, check_layout
from genaug_lessons.checks import count, number
from genaug_lessons.data import Batch, Source
from genaug_lessons.random import uniform
from genaug_lessons.typed import check_types


@dataclass(frozen=True)
class Mixing(Transform):
    """What Mixup and CutMix share; both halves, `draw` and `apply`, are of labelled batches."""

    classes: int
    alpha: float

    blends_labels = True

    def __post_init__(self):
        count("classes", self.classes, at_least=2)
        number("alpha", self.alpha, above=0)

    def check_data(self, data: Source) -> None:
        """Raise a ValueError unless the data are labelled throughout, with as many classes."""
        if not data.labelled:
            raise ValueError(
                f"data must be labelled throughout: {type(self).__name__} blends the labels too"
            )
        if data.classes != self.classes:
            raise ValueError(
                f"data must have {self.classes} classes for {self!r}, got {data.classes}"
            )

    def on_batch(self, batch: Batch, rng: torch.Generator) -> Batch:
        """Mix within each batch of a stack; partners are drawn without replacement."""
        if not batch.labelled or batch.y is None:
            raise ValueError(
                f"batch must be labelled throughout: {type(self).__name__} blends the labels too"
            )
        if not batch.x.is_floating_point():
            raise ValueError(f"batch must hold float32 x, got {batch.x.dtype}: use x.float() / 255")
        shape = batch.y.shape[:-1] if batch.y.is_floating_point() else batch.y.shape
        return self.apply(batch, self.draw(tuple(shape), rng))

    def probabilities(self, batch: Batch) -> Tensor:
        """Labels one-hot, (..., classes); those that are probabilities already, as they are."""
        if not batch.y.is_floating_point():
            return F.one_hot(batch.y, self.classes).to(batch.x)
        if batch.y.shape[-1] != self.classes:
            given = batch.y.shape[-1]
            raise ValueError(
                f"batch must have {self.classes} classes, got probabilities of {given}"
            )
        return batch.y


@dataclass(frozen=True)
class Mixup(Mixing):
    """Blend each example with another of its batch, labels in the same proportion.

    Labels become class probabilities (B, classes). alpha is the parameter of the Beta
    distribution of the proportion: near 0 hardly a blend, 1 any proportion equally likely.

    Source: Zhang et al. 2018, arXiv:1710.09412, equation 1.
    """

    alpha: float = 0.2

    def draw(self, n: int | tuple[int, ...], rng: torch.Generator) -> tuple[Tensor, ...]:
        """Each example's own weight and its partner's row; n is B, or (K, B) for a stack."""
        shape = (n,) if isinstance(n, int) else n
        return _beta(self.alpha, shape, rng), _partners(shape, rng)

    def apply(self, batch: Batch, parameters: tuple[Tensor, ...]) -> Batch:
        """Blend examples and labels."""
        weight, partner = parameters
        x, y = _blend(batch.x, weight, partner), self.probabilities(batch)
        return batch._replace(x=x, y=_blend(y, weight, partner))


@dataclass(frozen=True)
class CutMix(Mixing):
    """Fill a rectangle of each picture with that of another picture of its batch.

    Labels become class probabilities (B, classes), in proportion to the pixels. alpha is the
    parameter of the Beta distribution of the share that is kept: 1 makes any equally likely.
    Where the rectangle, centred anywhere, crosses the border, more is kept.

    Source: Yun et al. 2019, arXiv:1905.04899, equations 1 and 2; there one rectangle serves a
    whole batch, here each picture has its own.
    """

    alpha: float = 1.0

    def check_data(self, data: Source) -> None:
        """Raise a ValueError unless the data are labelled pictures, with as many classes."""
        super().check_data(data)
        check_layout("data", data.shape)

    def draw(self, n: int | tuple[int, ...], rng: torch.Generator) -> tuple[Tensor, ...]:
        """Rectangles (B, 4) as shares (left, top, right, bottom), and the partners' rows (B,).

        n is B, or (K, B) for a stack.
        """
        shape = (n,) if isinstance(n, int) else n
        half = (1 - _beta(self.alpha, shape, rng)).sqrt() / 2
        across, down = uniform((2, *shape), rng)
        sides = torch.stack([across - half, down - half, across + half, down + half], dim=-1)
        return sides.clamp(0, 1), _partners(shape, rng)

    def apply(self, batch: Batch, parameters: tuple[Tensor, ...]) -> Batch:
        """Fill the rectangles, whose sides are rounded to whole pixels."""
        rectangles, partner = parameters
        if batch.x.ndim != partner.ndim + 3:
            raise ValueError(f"batch must hold pictures (C, H, W), got x {tuple(batch.x.shape)}")
        cut = inside(rectangles, batch.x.shape[-2:])
        x = torch.where(cut[..., None, :, :], _taken(batch.x, partner), batch.x)
        kept = 1 - cut.to(batch.x).mean((-2, -1))
        return batch._replace(x=x, y=_blend(self.probabilities(batch), kept, partner))


def _beta(alpha: float, shape: tuple[int, ...], rng: torch.Generator) -> Tensor:
    """Draws from Beta(alpha, alpha).

    torch's own take no generator, so numpy's do, seeded from ours.
    """
    import numpy as np

    seed = torch.randint(2**62, (1,), generator=rng, device=rng.device).item()
    draws = np.random.default_rng(seed).beta(alpha, alpha, shape)
    return torch.from_numpy(draws).float().to(rng.device)


def _partners(shape: tuple[int, ...], rng: torch.Generator) -> Tensor:
    """Rows of the partners, each row once within each batch of the stack."""
    return uniform(shape, rng).argsort(-1)


def _taken(values: Tensor, partner: Tensor) -> Tensor:
    """The partners' values, along the batch axis of `partner`."""
    index = partner.view(*partner.shape, *(1,) * (values.ndim - partner.ndim))
    return values.gather(partner.ndim - 1, index.expand_as(values))


def _blend(values: Tensor, weight: Tensor, partner: Tensor) -> Tensor:
    """weight * values + (1 - weight) * the partner's values."""
    weight = weight.view(*weight.shape, *(1,) * (values.ndim - weight.ndim))
    return weight * values + (1 - weight) * _taken(values, partner)


check_types(__name__)
