"""Lesson 00: the paired gain and its interval."""

import torch

from genaug_lessons.exercises.check import Case, Exercise
from genaug_lessons.exercises.draws import number, size, uniform

_TREATED = torch.tensor([0.90, 0.87, 0.93, 0.91], dtype=torch.float64)
_BASELINE = torch.tensor([0.85, 0.86, 0.88, 0.85], dtype=torch.float64)
# The 97.5% quantile of Student's t with n - 1 degrees of freedom.
_T = {2: 12.706, 3: 4.303, 4: 3.182, 5: 2.776, 6: 2.571, 7: 2.447}


def _around(mean, half):
    return mean, mean - half, mean + half


def _half(differences, t, *, ddof=1, less=0):
    """Half the interval's width; `less` is taken from the n under the root."""
    n = len(differences)
    return t * differences.std(correction=ddof) / (n - less) ** 0.5


def _interval(treated, baseline, t):
    differences = treated - baseline
    return _around(differences.mean(), _half(differences, t))


def _with_half(half):
    """The interval with another half width, a function of the differences and of t."""

    def mistaken(treated, baseline, t):
        differences = treated - baseline
        return _around(differences.mean(), half(differences, t))

    return mistaken


def _unpaired(treated, baseline, t):
    half = t * ((treated.var() + baseline.var()) / len(treated)).sqrt()
    return _around((treated - baseline).mean(), half)


def _ascending(treated, baseline, t):
    mean, low, high = _interval(treated, baseline, t)
    return low, mean, high


def _mean_and_half(treated, baseline, t):
    mean, _, high = _interval(treated, baseline, t)
    return mean, high - mean


def _without_mean(treated, baseline, t):
    mean, low, high = _interval(treated, baseline, t)
    return mean, low - mean, high - mean


def _repeats(rng):
    """Accuracies of two to seven repeats: better or worse, by differences that spread."""
    n = size(rng, 2, 7)
    baseline = uniform(rng, n, low=0.4, high=0.7)
    gain, spread = number(rng, -0.15, 0.2), number(rng, 0.03, 0.1)
    return baseline + gain + uniform(rng, n, low=-spread, high=spread), baseline, _T[n]


paired_gain = Exercise(
    "paired_gain",
    _interval,
    cases=[
        Case("paired_gain of four repeats", (_TREATED, _BASELINE, _T[4])),
        Case("paired_gain of 0.02 in every single repeat", (_TREATED, _TREATED - 0.02, _T[4])),
        Case(
            "paired_gain of a treatment that does harm",
            (_BASELINE[:3] - 0.1, _TREATED[1:], _T[3]),
        ),
    ],
    make=_repeats,
    mistakes={
        "a gain may be negative: the mean of the differences keeps its sign": (
            lambda treated, baseline, t: _around(
                (treated - baseline).mean().abs(), _half(treated - baseline, t)
            )
        ),
        "the sign is turned: a gain is treated minus baseline": (
            lambda treated, baseline, t: _interval(baseline, treated, t)
        ),
        "the interval is that of two unrelated groups: take the differences first, "
        "repeat by repeat, and the spread of those": _unpaired,
        "the spread of the differences is not the error of their mean: divide by sqrt(n)": (
            _with_half(lambda differences, t: t * differences.std())
        ),
        "this divides by n: the error of the mean falls with sqrt(n) only": (
            _with_half(lambda differences, t: t * differences.std() / len(differences))
        ),
        "the variance is not the standard deviation: its root is missing": (
            _with_half(lambda differences, t: t * differences.var() / len(differences) ** 0.5)
        ),
        "the standard deviation divides by n - 1 here (torch's std does so by itself)": (
            _with_half(lambda differences, t: _half(differences, t, ddof=0))
        ),
        "n - 1 stands in the standard deviation already: below it comes sqrt(n)": (
            _with_half(lambda differences, t: _half(differences, t, less=1))
        ),
        "with few repeats the factor is t, not 1.96": (
            _with_half(lambda differences, t: _half(differences, 1.96))
        ),
        "the error of the mean still has to be multiplied by t": (
            _with_half(lambda differences, t: _half(differences, 1.0))
        ),
        "t s / sqrt(n) goes to each side of the mean, not half of it": (
            _with_half(lambda differences, t: _half(differences, t / 2))
        ),
        "the order is: mean, lower end, upper end": _ascending,
        "these are the mean and the width to each side: the two ends, please": _mean_and_half,
        "the two ends lie around the mean, not around 0": _without_mean,
    },
)
