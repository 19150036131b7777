"""Lesson 09: the fastest honest walk."""

from genaug_lessons.exercises.draws import number
from genaug_lessons.exercises.find_out.experiment import Experiment, Finding, chosen_number
from genaug_lessons.random import generator

FAR, CLOSE, MOST = 25.0, 0.05, 5000


def steps_until(step, variance):
    """Steps until walkers have the variance of N(0, variance) to 5%, and keep it; None for never.

    They start with 25 times the variance; each step of size a is (9.8), whose variance is known.
    """
    if not 0 < step < 4 * variance:
        return None
    factor = (1 - step / (2 * variance)) ** 2
    if abs(step / (1 - factor) / variance - 1) > CLOSE:  # where the walk comes to rest
        return None
    now = FAR * variance
    for count in range(1, MOST + 1):
        now = factor * now + step
        if abs(now / variance - 1) <= CLOSE:
            return count
    return None


def _try(choose, seed):
    rng, quick, sure, words = generator(70 + seed, "cpu"), [], [], []
    for low, high in ((0.02, 0.1), (0.5, 2.0), (10.0, 50.0)):
        variance = number(rng, low, high)
        taken = steps_until(chosen_number(choose(variance), above=0), variance)
        tried = (steps_until(part / 200 * variance, variance) for part in range(1, 100))
        fewest = min(filter(None, tried))
        sure.append(taken is not None)
        quick.append(taken is not None and taken <= 1.2 * fewest)
        words.append(f"variance {variance:.2g}: {taken or 'never'}")
    return Finding(
        beats_naive=all(sure),
        near_best=all(quick),
        words=f"steps until the variance is right to 5%, and stays so: {', '.join(words)}; the "
        f"best step size takes {fewest} (a fifth more is near enough)",
    )


step_size = Experiment("step_size", ("variance",), _try)
