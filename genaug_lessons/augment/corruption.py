"""Ways to spoil examples, for a denoising autoencoder to mend: noise, masking, salt and pepper.

Each has two halves, `draw` and `apply`, so that the noise can be chosen by hand. Every value is
spoilt independently of the others, so a fraction is an expected one.

Source: Vincent et al. 2010, JMLR 11, section 3.3 (there each example loses exactly the fraction).
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from genaug_lessons.checks import number, probability
from genaug_lessons.random import normal, uniform
from genaug_lessons.typed import check_types


class Corruption:
    """A random change of examples (B, *shape) that keeps the shape."""

    def draw(self, shape: tuple[int, ...], rng: torch.Generator) -> Tensor:
        """The noise for examples of this shape; uniform in [0, 1) where a kind needs no other."""
        return uniform(shape, rng)

    def apply(self, x: Tensor, noise: Tensor) -> Tensor:
        """The examples spoilt by the given noise, of the same shape."""
        raise TypeError(f"{type(self).__name__} applies nothing")

    def __call__(self, x: Tensor, rng: torch.Generator) -> Tensor:
        return self.apply(x, self.draw(tuple(x.shape), rng))


@dataclass(frozen=True)
class GaussianNoise(Corruption):
    """x + std * noise, in the units of x; pixels may leave [0, 1]."""

    std: float

    def __post_init__(self):
        number("std", self.std, least=0)

    def draw(self, shape: tuple[int, ...], rng: torch.Generator) -> Tensor:
        """Standard normal noise."""
        return normal(shape, rng)

    def apply(self, x: Tensor, noise: Tensor) -> Tensor:
        """Add the noise, scaled."""
        return x + self.std * noise


@dataclass(frozen=True)
class Masking(Corruption):
    """A fraction of the values, in [0, 1], is set to 0; the others are kept as they are."""

    fraction: float

    def __post_init__(self):
        probability("fraction", self.fraction)

    def apply(self, x: Tensor, noise: Tensor) -> Tensor:
        """Erase where uniform noise falls below the fraction."""
        return x * (noise >= self.fraction)


@dataclass(frozen=True)
class SaltAndPepper(Corruption):
    """A fraction of the values, in [0, 1], is set to 0 or to 1 with equal chances."""

    fraction: float

    def __post_init__(self):
        probability("fraction", self.fraction)

    def apply(self, x: Tensor, noise: Tensor) -> Tensor:
        """0 in the lower half of what falls below the fraction, 1 in the upper half."""
        salt = (noise >= self.fraction / 2).to(x)
        return torch.where(noise < self.fraction, salt, x)


class InTurn(Corruption):
    """Several corruptions one after the other, each with noise of its own."""

    def __init__(self, *corruptions: Corruption):
        self.corruptions = corruptions

    def __repr__(self) -> str:
        return f"InTurn{self.corruptions}"

    def __call__(self, x: Tensor, rng: torch.Generator) -> Tensor:
        for corruption in self.corruptions:
            x = corruption(x, rng)
        return x


check_types(__name__)
