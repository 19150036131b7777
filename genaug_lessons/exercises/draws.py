"""Random arguments for exercises: sizes that differ, rows of different scale, in float64."""

import torch
from torch import Tensor

from genaug_lessons.random import normal as standard_normal
from genaug_lessons.random import uniform as standard_uniform


def sizes(rng: torch.Generator, count: int, least: int = 1, most: int = 5) -> list[int]:
    """Several sizes, all different; once in four times all the same, to tell axes by no size."""
    if torch.rand((), generator=rng) < 0.25:
        return [size(rng, max(least, 2), most)] * count
    return (torch.randperm(most + 1 - least, generator=rng)[:count] + least).tolist()


def size(rng: torch.Generator, least: int = 1, most: int = 5) -> int:
    """A size from least to most."""
    return int(torch.randint(least, most + 1, (), generator=rng))


def normal(rng: torch.Generator, *shape: int) -> Tensor:
    """Normal numbers, of a scale from about 0.4 to 2.5 that differs from row to row."""
    scale = standard_normal((*shape[:1], *[1] * len(shape[1:])), rng).double().mul(0.6).exp()
    return scale * standard_normal(shape, rng).double()


def uniform(rng: torch.Generator, *shape: int, low: float = 0.0, high: float = 1.0) -> Tensor:
    """Numbers evenly spread from low to high."""
    return low + (high - low) * standard_uniform(shape, rng).double()


def number(rng: torch.Generator, low: float, high: float) -> float:
    """A number from low to high."""
    return float(uniform(rng, low=low, high=high))


def states(rng: torch.Generator, *shape: int) -> Tensor:
    """Zeros and ones, each half of the time."""
    return torch.randint(2, shape, generator=rng).double()
