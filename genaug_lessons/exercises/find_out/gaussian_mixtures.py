"""Lesson 03: how much shrinkage for five pictures of each class?"""

from functools import cache

from genaug_lessons import data
from genaug_lessons.evaluate import paired_gain
from genaug_lessons.exercises.calling import NoAnswer
from genaug_lessons.exercises.find_out.experiment import (
    REPEATS,
    Experiment,
    Finding,
    chosen_number,
    first,
    points,
)
from genaug_lessons.models.gmm import GaussianMixture
from genaug_lessons.random import generator
from genaug_lessons.training import fit

GRID = [(pooled, sphere) for pooled in (0.0, 0.5, 0.9) for sphere in (0.1, 0.3, 0.6, 1.0)]
PLAIN = (0.5, 0.1)


def accuracy(split, pooled, sphere):
    """Of a mixture with one Gaussian a class, fitted to the labelled rows of a split."""
    rng = generator(0)
    model = GaussianMixture(split.labelled.shape, classes=10, pooled=pooled, sphere=sphere, rng=rng)
    fit(model, split.labelled, steps=1, rng=rng, show_progress=False)
    return model.accuracy(split.test)


def splits(start, development):
    """Six splits of the digits, five labels a class."""
    return [
        data.split(data.digits(), labels_per_class=5, repeat=repeat, development=development)
        for repeat in range(start, start + REPEATS)
    ]


@cache
def _accuracies(seed, pooled, sphere):
    return [accuracy(split, pooled, sphere) for split in splits(first(seed), False)]


def _shares(answered):
    try:
        pooled, sphere = answered
    except (TypeError, ValueError):
        raise NoAnswer("two shares are asked for, pooled and sphere") from None
    return tuple(chosen_number(share, at_least=0, at_most=1) for share in (pooled, sphere))


def _try(choose, seed):
    yours = _shares(choose(splits(0, True)))
    try:
        found = {shares: _accuracies(seed, *shares) for shares in (*GRID, yours)}
    except ValueError as error:
        raise NoAnswer(f"pooled = {yours[0]:g}, sphere = {yours[1]:g}: {error}") from None
    mean = {shares: sum(values) / REPEATS for shares, values in found.items()}
    best = max(GRID, key=mean.get)
    gain = paired_gain(found[yours], found[PLAIN])
    return Finding(
        beats_naive=gain.low > 0,
        near_best=mean[yours] >= mean[best] - 0.01,
        words=f"pooled = {yours[0]:g} and sphere = {yours[1]:g} classify {mean[yours]:.1%} of the "
        f"test rows of six other repeats, {points(gain)} points against {PLAIN}; the best of a "
        f"grid, {best}, has {mean[best]:.1%} (1 point less is near enough)",
    )


choose_shares = Experiment("choose_shares", ("splits",), _try)
