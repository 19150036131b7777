"""Lesson 00: how many repeats does a study need?"""

import math

from scipy import stats

from genaug_lessons.exercises.draws import number
from genaug_lessons.exercises.find_out.experiment import Experiment, Finding, chosen_count
from genaug_lessons.random import generator

POWER = 0.8


def power(gain, sd, repeats):
    """How often a paired study finds the gain: the lower end of its interval is above 0.

    Source: Cohen 1988, Statistical Power Analysis for the Behavioral Sciences, chapter 2.
    """
    t = stats.t.ppf(0.975, repeats - 1)
    return stats.nct.sf(t, repeats - 1, gain / sd * math.sqrt(repeats))


def fewest(gain, sd):
    """The fewest repeats whose study finds the gain in four of five cases."""
    return next(n for n in range(2, 10_000) if power(gain, sd, n) >= POWER)


def _try(choose, seed):
    rng, differences, words = generator(30 + seed, "cpu"), [], []
    for low, high in ((0.4, 0.6), (0.8, 1.2), (1.8, 2.6)):
        sd = number(rng, 0.5, 2.0)
        gain = sd * number(rng, low, high)
        repeats, enough = chosen_count(choose(gain, sd), 2), fewest(gain, sd)
        differences.append((repeats - enough) / max(1, 0.1 * enough))
        words.append(
            f"a gain of {gain:.1f} points with a spread of {sd:.1f}: {repeats} repeats find it in "
            f"{power(gain, sd, repeats):.0%} of all studies, {enough} are enough"
        )
    return Finding(
        beats_naive=min(differences) >= -1,
        near_best=max(map(abs, differences)) <= 1,
        words="; ".join(words),
    )


repeats_needed = Experiment("repeats_needed", ("gain", "sd"), _try)
