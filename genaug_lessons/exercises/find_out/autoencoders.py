"""Lesson 04: the widest code that still notices strangers."""

from functools import cache

import torch

from genaug_lessons import data
from genaug_lessons.exercises.find_out.experiment import Experiment, Finding, chosen_count
from genaug_lessons.random import generator

ENOUGH = 0.7


def mean_area(rows, y, strange, k):
    """The area (4.5) of a PCA with a code of k numbers, a mean over strange digits.

    Args:
        rows: (N, 64) pictures; the first half is known, but for the strange digit.
        y: (N,) labels.
        strange: the digits that are left out, one at a time.
        k: of the code.
    """
    half, areas = len(rows) // 2, []
    for digit in strange:
        known = rows[:half][y[:half] != digit]
        mean = known.mean(0)
        axes = torch.linalg.eigh((known - mean).T.cov()).eigenvectors[:, -k:]
        away = rows[half:] - mean
        error = (away - away @ axes @ axes.T).square().sum(1)
        unknown = y[half:] == digit
        apart = error[unknown][:, None] - error[~unknown]
        areas.append(((apart > 0).double() + 0.5 * (apart == 0).double()).mean().item())
    return sum(areas) / len(areas)


@cache
def _shuffled(seed):
    digits = data.digits()
    order = torch.randperm(len(digits), generator=generator(seed, "cpu"))
    return digits.values.flatten(1).double().cpu()[order], digits.y.cpu()[order]


@cache
def _area(seed, k):
    return mean_area(*_shuffled(seed), range(5, 10), k)


def _try(choose, seed):
    k = min(chosen_count(choose(*_shuffled(seed), range(5))), 64)
    widest = next(width for width in range(3, 64) if _area(seed, width + 1) < ENOUGH)
    return Finding(
        beats_naive=_area(seed, k) >= ENOUGH - 0.05,
        near_best=abs(k - widest) <= 8,
        words=f"with a code of {k} numbers the area is {_area(seed, k):.2f} for 5 to 9, strangers "
        f"that your function has not seen; {widest} is the widest code with {ENOUGH} (8 more or "
        "fewer are near enough: a choice for other digits cannot be exact)",
    )


choose_width = Experiment("choose_width", ("rows", "y", "strange"), _try)
