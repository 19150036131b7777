"""Lesson 00: the paired gain and its interval."""

import torch

from genaug_lessons.exercises.check import Case, Exercise

_TREATED = torch.tensor([0.90, 0.87, 0.93, 0.91], dtype=torch.float64)
_BASELINE = torch.tensor([0.85, 0.86, 0.88, 0.85], dtype=torch.float64)
_T = 3.182  # the 97.5% quantile of Student's t with 3 degrees of freedom


def _interval(differences, t, *, ddof=1, root=0.5):
    mean, n = differences.mean(), len(differences)
    half = t * differences.std(correction=ddof) / n**root
    return mean, mean - half, mean + half


def _unpaired(treated, baseline, t):
    mean, n = (treated - baseline).mean(), len(treated)
    half = t * ((treated.var() + baseline.var()) / n).sqrt()
    return mean, mean - half, mean + half


paired_gain = Exercise(
    "paired_gain",
    cases=[
        Case(
            (_TREATED, _BASELINE, _T),
            _interval(_TREATED - _BASELINE, _T),
            "paired_gain([0.90, 0.87, 0.93, 0.91], [0.85, 0.86, 0.88, 0.85], 3.182)",
        ),
        Case(
            (_TREATED, _TREATED - 0.02, _T),
            (0.02, 0.02, 0.02),
            "a gain of 0.02 in every single draw",
        ),
    ],
    mistakes={
        "the sign is turned: a gain is treated minus baseline": (
            lambda treated, baseline, t: _interval(baseline - treated, t)
        ),
        "the interval is that of two unrelated groups: take the differences first, "
        "draw by draw, and the spread of those": _unpaired,
        "the spread of the draws is not the error of their mean: divide by sqrt(n)": (
            lambda treated, baseline, t: _interval(treated - baseline, t, root=0)
        ),
        "the standard deviation divides by n - 1 here (torch's std does so by itself)": (
            lambda treated, baseline, t: _interval(treated - baseline, t, ddof=0)
        ),
        "with few draws the factor is t, not 1.96": (
            lambda treated, baseline, t: _interval(treated - baseline, 1.96)
        ),
        "the error of the mean still has to be multiplied by t": (
            lambda treated, baseline, t: _interval(treated - baseline, 1.0)
        ),
    },
)
