"""Answers to the exercise of lesson 00."""

import math
from statistics import NormalDist, mean, stdev

import numpy as np
import torch
from scipy import stats

from genaug_lessons.exercises import start_here as check


def of_the_lesson(treated, baseline, t):
    difference = treated - baseline
    mean = difference.mean()
    half = t * difference.std() / len(difference) ** 0.5
    return mean, mean - half, mean + half


def by_scipy(treated, baseline, t):
    half = t * stats.sem(treated - baseline)
    mean = (treated - baseline).mean()
    return float(mean), float(mean - half), float(mean + half)


def by_students_t(treated, baseline, t):
    d = (treated - baseline).numpy()
    return d.mean(), *stats.t.interval(0.95, len(d) - 1, d.mean(), stats.sem(d) + 1e-9)


def by_loop(treated, baseline, t):
    differences = [a - b for a, b in zip(treated.tolist(), baseline.tolist(), strict=True)]
    n = len(differences)
    mean = sum(differences) / n
    half = t * math.sqrt(sum((d - mean) ** 2 for d in differences) / (n - 1) / n)
    return [mean, mean - half, mean + half]


def by_statistics(treated, baseline, t):
    differences = (treated - baseline).tolist()
    half = t * stdev(differences) / math.sqrt(len(differences))
    return [mean(differences) + step for step in (0, -half, half)]


def by_numpy(treated, baseline, t):
    d = np.asarray(treated) - np.asarray(baseline)
    return d.mean() + np.array([0, -1, 1]) * t * d.std(ddof=1) / np.sqrt(d.size)


def by_covariance(treated, baseline, t):
    """The variance of a difference, from the variances and the covariance."""
    cov = torch.stack([treated, baseline]).double().cov()
    var = cov[0, 0] + cov[1, 1] - 2 * cov[0, 1]
    half = t * (var.clamp_min(0) / len(treated)).sqrt()
    m = treated.mean() - baseline.mean()
    return torch.stack([m, m - half, m + half])


def paired(treated, baseline, t, spread=lambda d: d.std() / len(d) ** 0.5, centre=torch.mean):
    d = treated - baseline
    return centre(d), centre(d) - t * spread(d), centre(d) + t * spread(d)


def spread_by(spread):
    return lambda a, b, t: paired(a, b, t, spread)


def unpaired(treated, baseline, t):
    half = t * (treated.var() / len(treated) + baseline.var() / len(baseline)) ** 0.5
    mean = treated.mean() - baseline.mean()
    return mean, mean - half, mean + half


def sorted_first(treated, baseline, t):
    return paired(treated.sort().values, baseline.sort().values, t)


def reordered(order):
    return lambda a, b, t: [paired(a, b, t)[i] for i in order]


BANK = [
    (
        check.paired_gain,
        [
            of_the_lesson,
            by_scipy,
            by_students_t,
            by_loop,
            by_statistics,
            by_numpy,
            by_covariance,
            lambda a, b, t: torch.stack(paired(a, b, t)),
        ],
        [
            (lambda a, b, t: paired(b, a, t), "the sign is turned"),
            (
                lambda a, b, t: paired(a, b, t, centre=lambda d: d.mean().abs()),
                "a gain may be negative",
            ),
            (lambda a, b, t: paired(a, b, t, centre=torch.median), "should be"),
            (lambda a, b, t: paired(a / b, torch.ones(len(b)), t), "should be"),
            (unpaired, "two unrelated groups"),
            (sorted_first, "should be"),
            (spread_by(lambda d: d.std()), "divide by sqrt(n)"),
            (spread_by(lambda d: d.std() / 2), "does harm should be"),
            (spread_by(lambda d: d.std() / len(d)), "falls with sqrt(n) only"),
            (spread_by(lambda d: d.var() / len(d) ** 0.5), "its root is missing"),
            (spread_by(lambda d: d.var() / len(d)), "should be"),
            (spread_by(lambda d: d.std(correction=0) / len(d) ** 0.5), "divides by n - 1"),
            (spread_by(lambda d: torch.tensor(np.std(d.numpy()) / len(d) ** 0.5)), "by n - 1"),
            (spread_by(lambda d: d.std() / (len(d) - 1) ** 0.5), "below it comes sqrt(n)"),
            (spread_by(lambda d: d.std() / len(d) ** 0.5 / 2), "to each side of the mean"),
            (lambda a, b, t: paired(a, b, 1.96), "the factor is t, not 1.96"),
            (lambda a, b, t: paired(a, b, NormalDist().inv_cdf(0.975)), "not 1.96"),
            (lambda a, b, t: paired(a, b, 3.182), "does harm should be"),
            (lambda a, b, t: paired(a, b, 1), "multiplied by t"),
            (lambda a, b, t: paired(a, b, t, centre=lambda d: 0 * d[0]), "should be"),
            (lambda a, b, t: (a - b).mean(), "3 results are asked for"),
            (lambda a, b, t: paired(a, b, t)[1:], "3 results are asked for"),
            (lambda a, b, t: (paired(a, b, t)[0], t * (a - b).std() / 2), "3 results are asked"),
            (
                lambda a, b, t: (paired(a, b, t)[0], t * stats.sem(a - b)),
                "the mean and the width to each side",
            ),
            (
                lambda a, b, t: ((a - b).mean(), -t * stats.sem(a - b), t * stats.sem(a - b)),
                "not around 0",
            ),
            (reordered((1, 0, 2)), "the order is: mean, lower end, upper end"),
            (reordered((0, 2, 1)), "the right results in another order"),
            (lambda a, b, t: paired(a[0], b[0], t), "raises"),
            (lambda a, b: paired(a, b, 3.182), "it is called with (treated, baseline, t)"),
            (lambda a, b, t: ..., "not written yet"),
        ],
    ),
]
