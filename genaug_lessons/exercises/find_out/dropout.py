"""Lesson 02: how much dropout for fifteen rows?"""

import math

import torch

from genaug_lessons.evaluate import paired_gain
from genaug_lessons.exercises.find_out.experiment import Experiment, Finding, chosen_number
from genaug_lessons.models.dropout import dropout_regression
from genaug_lessons.random import generator, normal

GRID = (0.0, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9)
DATA_SETS = 40


def near_copies(rows, rng):
    """Rows (N, 10), whose first two columns are nearly alike, and targets (N,): both, and noise."""
    shared, noise = normal((rows, 1), rng), normal((rows, 11), rng)
    x = torch.cat([shared + 0.1 * noise[:, :2], noise[:, 2:10]], dim=1)
    return x, 2 * shared[:, 0] + noise[:, 10]


def _log_error(p, few, many):
    (x, y), (fresh, truth) = few, many
    guess = fresh @ ((1 - p) * dropout_regression(x, y, p))  # what the network does when testing
    return (guess - truth).square().mean().log().item()


def _try(choose, seed):
    errors = {"yours": [], **{p: [] for p in GRID}}
    for number in range(DATA_SETS):
        rng = generator(1000 * (seed + 1) + number, "cpu")
        few, many = near_copies(15, rng), near_copies(400, rng)
        picked = chosen_number(choose(*few), at_least=0, below=1)
        for name, found in errors.items():
            found.append(_log_error(picked if name == "yours" else name, few, many))
    mean = {name: sum(found) / DATA_SETS for name, found in errors.items()}
    best = min(GRID, key=mean.get)
    change = paired_gain(errors["yours"], errors[0.0])  # in logarithms: errors have long tails
    mid, low, high = (100 * math.expm1(value) for value in change[:3])
    more = 100 * math.expm1(mean["yours"] - mean[best])
    return Finding(
        beats_naive=change.high < 0,
        near_best=more <= 5,
        words=f"on fresh rows of {DATA_SETS} data sets the squared error changes by {mid:+.0f}% "
        f"[{low:+.0f}, {high:+.0f}] from that without dropout; from that of the best fixed p, "
        f"{best}, by {more:+.0f}% (+5% is near enough)",
    )


choose_p = Experiment("choose_p", ("x", "y"), _try)
