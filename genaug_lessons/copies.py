"""Copies of a model in training, to go back to when a step is broken off or numbers run away."""

import time
from collections import deque
from collections.abc import Mapping
from copy import deepcopy
from typing import NamedTuple

from torch import Tensor

from genaug_lessons.model import Model, Update
from genaug_lessons.typed import check_types

SHARE = 0.01  # of the time that goes into copies


class Copy(NamedTuple):
    """A model and its update as they were after `index` steps, and how long histories were."""

    index: int
    lengths: Mapping[str, int]
    model: dict[str, Tensor]
    update: dict


class Copies:
    """The two newest copies of a model and its update; they take 1% of the time.

    Where a step takes a hundred times as long as a copy, the newest is that of the step before;
    else it is one of the last tenth of a second or so.
    """

    def __init__(self, model: Model, update: Update):
        self.model, self.update = model, update
        self.kept: deque[Copy] = deque(maxlen=2)
        self.begun = self.due_at = 0.0

    def due(self) -> bool:
        """Whether it is time for the next copy; what it costs is measured from here."""
        self.begun = time.perf_counter()
        return self.begun >= self.due_at

    def keep(self, index: int, lengths: Mapping[str, int]) -> None:
        """Copy the present state."""
        model = {name: value.clone() for name, value in self.model.state_dict().items()}
        update = deepcopy(self.update.state_dict())
        self.kept.append(Copy(index, lengths, model, update))
        now = time.perf_counter()
        self.due_at = now + (now - self.begun) / SHARE

    def restore(self) -> Copy:
        """Give model and update the state of the newest copy."""
        copy = self.kept[-1]
        self.model.load_state_dict(copy.model)
        if copy.update:
            self.update.load_state_dict(deepcopy(copy.update))
        return copy


check_types(__name__)
