"""Lesson 07: how many steps of the chain are enough?"""

import torch
from torch.nn import functional as F

from genaug_lessons.exercises.draws import number
from genaug_lessons.exercises.find_out.experiment import Experiment, Finding, chosen_count
from genaug_lessons.random import generator, normal

CLOSE = 0.05  # total variation
MOST = 2000


def _states(units):
    return torch.cartesian_prod(*[torch.tensor([0.0, 1.0])] * units).double()


def _log_chances(states, inputs):
    """Of each state (S, V), given inputs (N, V): (N, S)."""
    return F.logsigmoid(inputs) @ states.T + F.logsigmoid(-inputs) @ (1 - states).T


def distances(W, a, b):
    """Total variation between chain and machine after 1, 2, ... steps from all units off.

    It ends where the distance is below 0.01, or after 2000 steps.

    Args:
        W: (V, H) weights of a small machine, float64.
        a: (V,) visible biases.
        b: (H,) hidden biases.
    """
    v, h = _states(len(a)), _states(len(b))
    law = (v @ a + F.softplus(v @ W + b).sum(1)).softmax(0)
    step = _log_chances(h, v @ W + b).exp() @ _log_chances(v, h @ W.T + a).exp()
    chain, found = torch.zeros_like(law), []
    chain[0] = 1.0
    while len(found) < MOST and (not found or found[-1] > 0.01):
        chain = chain @ step
        found.append(0.5 * (chain - law).abs().sum().item())
    return found


def needed(found):
    """The first step after which the distance is below 0.05."""
    return next(step for step, distance in enumerate(found, 1) if distance < CLOSE)


def machines(seed):
    """Weak weights, strong ones, and a machine of two valleys: all on, or all off."""
    rng = generator(50 + seed, "cpu")
    for scale in (0.5, 2.0):
        W, a, b = (normal(shape, rng).double() for shape in ((6, 4), (6,), (4,)))
        yield scale * W, 0.3 * a, 0.3 * b
    w = number(rng, 0.9, 1.4)
    W, a, b = (torch.ones(shape).double() for shape in ((6, 4), 6, 4))
    yield w * W, -2 * w * a, -3 * w * b


def _try(choose, seed):
    enough, frugal, words = [], [], []
    for machine in machines(seed):
        steps = chosen_count(choose(*(part.float() for part in machine)))
        found = distances(*machine)
        fewest, left = needed(found), found[min(steps, len(found)) - 1]
        enough.append(left < 1.1 * CLOSE)
        frugal.append(steps <= 1.25 * fewest + 1)
        words.append(f"{steps} steps leave {left:.3f} where {fewest} are enough")
    return Finding(
        beats_naive=all(enough),
        near_best=all(enough) and all(frugal),
        words=f"{'; '.join(words)} (total variation; {CLOSE} is asked for, with at most a quarter "
        "of the steps too many)",
    )


steps_needed = Experiment("steps_needed", ("W", "a", "b"), _try)
