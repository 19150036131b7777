"""Work that several arms share, done once for each repeat and booked to each arm that uses it.

@evaluate.once_per_repeat
def learnt(split, rng):  # a model trained on the pool
    ...

def pretrained(split, rng):  # the start of several arms
    net = learnt(split, rng)
    return Classifier.on(net.encoder, shape=net.shape, classes=10, seen=net.seen, rng=rng)
"""

import time
from collections.abc import Callable
from contextvars import ContextVar
from functools import update_wrapper
from typing import NamedTuple

import torch
from torch import Tensor

from genaug_lessons.data import Split
from genaug_lessons.typed import check_types

_saved = ContextVar("seconds of work that was found ready", default=0.0)


class _Done(NamedTuple):
    value: object
    seconds: float
    rng_after: Tensor


class OncePerRepeat:
    """A function of (split, rng) that remembers what it made, and what that cost.

    A call that finds its work ready cannot be told from one that does it: it returns the same
    object, leaves `rng` as the work leaves it, and its seconds are booked to the arm that asks
    (`Study.seconds`). The work is done again for other rows, or for an `rng` in another state. A
    copy in a worker process remembers nothing of it.

    Args:
        function: called with (split, rng); what it returns must not be changed.
    """

    def __init__(self, function: Callable[[Split, torch.Generator], object]):
        update_wrapper(self, function)
        self.function, self.done = function, {}

    def __call__(self, split: Split, rng: torch.Generator) -> object:
        """What the function makes of this repeat."""
        before = rng.get_state()
        rows = tuple(tuple(part.ids.tolist()) for part in (split.labelled, split.candidates))
        key = (split.repeat, hash(rows), before.numpy().tobytes())
        if key in self.done:
            done = self.done[key]
            rng.set_state(done.rng_after)
            _saved.set(_saved.get() + done.seconds)
        else:
            begun = clock()
            value = self.function(split, rng)
            done = self.done[key] = _Done(value, clock() - begun, rng.get_state())
        return done.value

    def __reduce__(self) -> tuple:
        return OncePerRepeat, (self.function,)


def once_per_repeat(function: Callable[[Split, torch.Generator], object]) -> OncePerRepeat:
    """The function, whose work is done once for each repeat, whichever arms use it.

    Args:
        function: called with (split, rng), as banks and starts are.
    """
    return OncePerRepeat(function)


def clock() -> float:
    """CPU seconds of this process, with those that work found ready had taken."""
    return time.process_time() + _saved.get()


check_types(__name__)
