"""Ways to corrupt examples of any shape: noise, masking, salt and pepper.

A denoising autoencoder restores the examples as they were; a classifier that sees some of them
corrupted learns not to mind. Every value is corrupted independently of the others, so a fraction
is an expected one.

Source: Vincent et al. 2010, JMLR 11, section 3.3 (there each example loses exactly the fraction).
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from genaug_lessons.augment.transforms import ExampleTransform, InPlace
from genaug_lessons.checks import number, probability
from genaug_lessons.data import Batch
from genaug_lessons.random import normal, uniform
from genaug_lessons.typed import check_types


class Corruption(InPlace, ExampleTransform):
    """A random change of each value of examples (B, *shape) of any shape, by noise of its own."""

    def draw_for(self, x: Tensor, rng: torch.Generator) -> tuple[Tensor, ...]:
        """Noise of the shape of x: uniform in [0, 1) where a kind needs no other."""
        self.check_layout(x)
        return (uniform(tuple(x.shape), rng),)

    def on_batch(self, batch: Batch, rng: torch.Generator) -> Batch:
        """A batch, or a stack of batches, with every value changed by noise of its own."""
        return batch._replace(x=self.apply(batch.x, self.draw_for(batch.x, rng)))

    def check_layout(self, x: Tensor) -> None:
        """Raise a ValueError unless x holds floats."""
        if not x.is_floating_point():
            raise ValueError(f"x must hold floats, got {x.dtype}: use x.float() / 255 for bytes")


@dataclass(frozen=True)
class GaussianNoise(Corruption):
    """x + std * noise, in the units of x; pixels may leave [0, 1] (`Noise` clips them)."""

    std: float

    keeps_range = False

    def __post_init__(self):
        number("std", self.std, at_least=0)

    def draw_for(self, x: Tensor, rng: torch.Generator) -> tuple[Tensor, ...]:
        """Standard normal noise of the shape of x."""
        self.check_layout(x)
        return (normal(tuple(x.shape), rng),)

    def apply(self, x: Tensor, parameters: tuple[Tensor, ...]) -> Tensor:
        """Add the noise, scaled."""
        return x + self.std * parameters[0]


@dataclass(frozen=True)
class Masking(Corruption):
    """A fraction of the values, in [0, 1], is set to 0; the others are kept as they are."""

    fraction: float

    def __post_init__(self):
        probability("fraction", self.fraction)

    def apply(self, x: Tensor, parameters: tuple[Tensor, ...]) -> Tensor:
        """Erase where uniform noise falls below the fraction."""
        return x * (parameters[0] >= self.fraction)


@dataclass(frozen=True)
class SaltAndPepper(Corruption):
    """A fraction of the values, in [0, 1], is set to 0 or to 1 with equal chances."""

    fraction: float

    def __post_init__(self):
        probability("fraction", self.fraction)

    def apply(self, x: Tensor, parameters: tuple[Tensor, ...]) -> Tensor:
        """0 in the lower half of what falls below the fraction, 1 in the upper half."""
        (noise,) = parameters
        salt = (noise >= self.fraction / 2).to(x)
        return torch.where(noise < self.fraction, salt, x)


check_types(__name__)
