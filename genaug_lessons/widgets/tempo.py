"""When live training makes its next step, and when it draws its next picture."""

import time

from genaug_lessons.checks import number
from genaug_lessons.typed import check_types

DRAWING_SHARE = 0.08  # of the time at full speed; the picture at every halt comes on top
PICTURES_PER_SECOND = 8


class Tempo:
    """Full speed or a slower pace, and pictures that take little of the time.

    Args:
        pace: steps per second, above 0; None for as fast as it goes.

    Attributes:
        pace: changeable at any time.
        cost: seconds that the newest picture took.
    """

    def __init__(self, pace: float | None = None):
        self.pace = None if pace is None else number("pace", pace, above=0)
        self.cost = 0.0
        self._due_at = self._drawn_at = 0.0
        self._drawn: int | None = None  # the step that the newest picture shows

    def begin(self) -> None:
        """The next step is due now; steps that were missed are not caught up."""
        self._due_at = time.perf_counter()

    def step_is_due(self) -> bool:
        """Whether to make a step now; True is answered once for each."""
        now = time.perf_counter()
        if self.pace is None or now < self._due_at:
            return self.pace is None
        self._due_at = max(self._due_at + 1 / self.pace, now)
        return True

    def picture_is_due(self, step: int) -> bool:
        """Whether there is something new to draw, and the last time is long enough ago."""
        share = DRAWING_SHARE if self.pace is None else 1.0  # a slow pace leaves time to draw
        wait = max(1 / PICTURES_PER_SECOND, self.cost / share)
        return step != self._drawn and time.perf_counter() - self._drawn_at >= wait

    def drawn(self, step: int, begun: float) -> float:
        """The seconds that it took to draw this step."""
        self._drawn, self._drawn_at = step, time.perf_counter()
        self.cost = self._drawn_at - begun
        return self.cost


check_types(__name__)
