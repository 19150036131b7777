"""Lesson 06: how wrong may labels be before a bank harms?"""

from dataclasses import replace
from functools import cache

import torch

from genaug_lessons import evaluate
from genaug_lessons.exercises.find_out.experiment import (
    REPEATS,
    STEPS,
    Experiment,
    Finding,
    chosen_number,
    first,
    points,
)
from genaug_lessons.random import generator

APART = 0.2


def bank_with(error):
    """A bank of 200 real pictures from the pool, a share of whose labels is wrong."""

    def make(split, _):
        real, rng = split.with_labels(20), generator(split.repeat, "cpu")
        wrong = torch.rand(len(real), generator=rng) < error
        other = torch.randint(1, 10, (len(real),), generator=rng)
        y = (real.y.cpu() + wrong * other) % 10
        return replace(real, y=y.to(real.y.device))

    return make


@cache
def gain(start, development, error):
    """What the bank gains on six repeats, an `Estimate`."""
    study = evaluate.study(
        [evaluate.Arm("bank", bank=bank_with(error), share=0.8)],
        repeats=REPEATS,
        steps=STEPS,
        first_repeat=start,
        development=development,
        show_progress=False,
    )
    return study.gains["bank"]


def _try(choose, seed):
    def ask(error):
        return gain(0, True, chosen_number(error, at_least=0, at_most=1))

    error = chosen_number(choose(ask), at_least=0, at_most=1)
    below, above = max(error - APART, 0.0), min(error + APART, 1.0)
    better, worse = (gain(first(seed), False, share) for share in (below, above))
    return Finding(
        beats_naive=better.low > 0,
        near_best=better.low > 0 > worse.high,
        words=f"on six other repeats the bank gains {points(better)} points with {below:.0%} of "
        f"its labels wrong and {points(worse)} with {above:.0%}; if {error:.0%} is where it turns, "
        "the first interval lies above 0 and the second below",
    )


break_even = Experiment("break_even", ("gain",), _try)
