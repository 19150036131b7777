"""Langevin dynamics: samples from nothing but a score, the gradient of log p with respect to x.

    x' = x + a / 2 s(x) + sqrt(a) noise,   noise ~ N(0, I)

A step goes uphill and shakes. For small steps a, the chain comes to visit places as often as p
says; larger ones spread it too far. Between modes far apart it seldom crosses. Annealing starts
where noise has joined them, at a high level sigma of it, and follows the smoothed density down.

Source: Roberts & Tweedie 1996, Bernoulli 2(4) (the chain, there "unadjusted"); Song & Ermon 2019,
arXiv:1907.05600 (annealed).

Letters: x (B, *shape) places, s the score, a step size in the units of x squared, sigma the std
of the noise that smooths p.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

import torch
from torch import Tensor

from genaug_lessons import checks
from genaug_lessons.random import check_device, normal
from genaug_lessons.typed import check_types


def langevin_step(
    score: Callable[[Tensor], Tensor], x: Tensor, noise: Tensor, *, step_size: float
) -> Tensor:
    """One step: x + a / 2 score(x) + sqrt(a) noise, of the shape of x.

    Source: Song & Ermon 2019, eq. 4.
    """
    step_size = checks.number("step_size", step_size, above=0)
    return x + step_size / 2 * score(x) + math.sqrt(step_size) * noise


def langevin(
    score: Callable[[Tensor], Tensor],
    x: Tensor,
    *,
    step_size: float,
    steps: int,
    rng: torch.Generator,
) -> Iterator[Tensor]:
    """The places (B, *shape) of B chains after each of their steps.

    Args:
        score: (B, *shape) -> (B, *shape), the gradient of log p.
        x: (B, *shape) where the chains start.
        step_size: a, above 0. For a Gaussian of variance v, the chains settle at the variance
            v / (1 - a / (4 v)), and nowhere from a = 4 v on.
        steps: how many each chain makes, at least 1.
        rng: draws the noise; where x lives.
    """
    step_size, steps = _checked(step_size, steps)
    check_device(rng, x.device, "places")

    def states(x: Tensor) -> Iterator[Tensor]:
        for _ in range(steps):
            noise = normal(tuple(x.shape), rng).to(x.dtype)
            x = langevin_step(score, x, noise, step_size=step_size).detach()
            yield x

    return states(x)


def annealed_langevin(
    score: Callable[[Tensor, float], Tensor],
    x: Tensor,
    sigmas: Sequence[float],
    *,
    step_size: float,
    steps: int,
    rng: torch.Generator,
) -> Iterator[Tensor]:
    """The places (B, *shape) of B chains after each step, level of noise by level.

    Args:
        score: (x, sigma) -> (B, *shape), the gradient of the log of p smoothed at level sigma.
        x: (B, *shape) where the chains start; well spread, such as noise of the first sigma.
        sigmas: levels of noise, falling, above 0.
        step_size: a / sigma^2, the same at every level, above 0 and well below 4. It is
            Song & Ermon's epsilon over the square of the last sigma.
        steps: how many each chain makes at each level, at least 1.
        rng: draws the noise; where x lives.

    Source: Song & Ermon 2019, algorithm 1.
    """
    step_size, steps = _checked(step_size, steps)
    check_device(rng, x.device, "places")
    levels = check_levels(sigmas)

    def states(x: Tensor) -> Iterator[Tensor]:
        for sigma in levels:
            settings = {"step_size": step_size * sigma**2, "steps": steps}
            at_level = _at_level(score, sigma)
            for place in langevin(at_level, x, rng=rng, **settings):
                yield place
            x = place

    return states(x)


def geometric_levels(first: float, last: float, count: int) -> list[float]:
    """`count` levels of noise from `first` down to `last`, each the same share of the one before.

    Source: Song & Ermon 2019, section 4.1; on the choice, Song & Ermon 2020, arXiv:2006.09011.
    """
    count = checks.count("count", count, 2)
    first = checks.number("first", first, above=0)
    ratio = checks.number("last", last, above=0) / first
    return check_levels([first * ratio ** (step / (count - 1)) for step in range(count)])


def check_levels(sigmas: Sequence[float]) -> list[float]:
    """The levels as numbers; raises a ValueError unless they fall and are all above 0."""
    levels = [float(sigma) for sigma in sigmas]
    falling = all(low < high for high, low in pairwise(levels))
    if not levels or not falling or not levels[-1] > 0 or math.isinf(levels[0]):
        raise ValueError(f"sigmas must be numbers above 0, each below the one before, got {levels}")
    return levels


def _at_level(score: Callable, sigma: float) -> Callable[[Tensor], Tensor]:
    return lambda x: score(x, sigma)


def _checked(step_size: float, steps: int) -> tuple[float, int]:
    return checks.number("step_size", step_size, above=0), checks.count("steps", steps)


check_types(__name__)
