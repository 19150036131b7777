"""Lesson 08: first weights that need no pretraining."""

from functools import cache
from itertools import pairwise

import torch
from torch.nn import functional as F

from genaug_lessons import data
from genaug_lessons.exercises.calling import NoAnswer
from genaug_lessons.exercises.find_out.experiment import Experiment, Finding, first
from genaug_lessons.exercises.values import numbers_in
from genaug_lessons.random import generator, normal

SIZES = (64, 50, 50, 50, 10)
SMALL = 0.04  # over the root of the inputs: std 0.005 to 0.006
GRID = (2.0, 4.0)
NETWORKS, STEPS = 3, 300


def trained(weights, split):
    """Accuracy on test rows of a network of sigmoid units, 300 steps from these weights."""
    layers = [weight.detach().float().clone().requires_grad_() for weight in weights]
    biases = [torch.zeros(weight.shape[1], requires_grad=True) for weight in weights]

    def logits(x):
        for weight, bias in zip(layers[:-1], biases[:-1], strict=True):
            x = (x @ weight + bias).sigmoid()
        return x @ layers[-1] + biases[-1]

    x, y = split.labelled.values.flatten(1).cpu(), split.labelled.y.cpu()
    sgd = torch.optim.SGD([*layers, *biases], lr=0.3, momentum=0.9)
    for _ in range(STEPS):
        sgd.zero_grad()
        F.cross_entropy(logits(x), y).backward()
        sgd.step()
    with torch.no_grad():
        told = logits(split.test.values.flatten(1).cpu()).argmax(1)
    return (told == split.test.y.cpu()).double().mean().item()


def _splits(seed):
    start = first(seed)
    return [
        data.split(data.digits(), labels_per_class=20, repeat=repeat)
        for repeat in range(start, start + NETWORKS)
    ]


def _accuracy(make, seed):
    rngs = [generator(number, "cpu") for number in range(NETWORKS)]
    pairs = zip(rngs, _splits(seed), strict=True)
    return sum(trained(make(SIZES, rng), split) for rng, split in pairs) / NETWORKS


@cache
def _accuracy_of(scale, seed):
    return _accuracy(lambda sizes, rng: normal_weights(sizes, rng, scale), seed)


def normal_weights(sizes, rng, scale):
    """Normal weights of std scale / sqrt(inputs) between layers of these sizes."""
    return [scale / n**0.5 * normal((n, m), rng) for n, m in pairwise(sizes)]


def _matrices(answered):
    shapes = list(pairwise(SIZES))
    several = isinstance(answered, (list, tuple))
    weights = [numbers_in(weight) for weight in answered] if several else []
    if [None if weight is None else tuple(weight.shape) for weight in weights] != shapes:
        raise NoAnswer(f"a list of matrices is asked for, of the shapes {shapes}")
    return weights


def _try(choose, seed):
    yours = _accuracy(lambda sizes, rng: _matrices(choose(sizes, rng)), seed)
    small = _accuracy_of(SMALL, seed)
    best = max(GRID, key=lambda scale: _accuracy_of(scale, seed))
    most = _accuracy_of(best, seed)
    return Finding(
        beats_naive=yours > small + 0.2,
        near_best=yours > most - 0.02,
        words=f"{yours:.1%} of the test rows of {NETWORKS} other repeats after {STEPS} steps; from "
        f"small weights, of std 0.005, {small:.1%}; from std {best:g} / sqrt(inputs), {most:.1%} "
        "(2 points less is near enough)",
    )


first_weights = Experiment("first_weights", ("sizes", "rng"), _try)
