"""The Stop button: nothing is left half done, and nobody has to press three times."""

import threading

# Signal numbers as they are: the public `signal.signal` looks up names for them in every call,
# which takes 3 to 6 microseconds, twice in each step of training.
from _signal import SIGINT, getsignal, raise_signal, signal

from genaug_lessons.typed import check_types


class deferred_interrupt:
    """Within the block a first interrupt waits for its end; a second one is raised at once.

    At the end of the block, the one that waits is handed to whatever handled interrupts before:
    as a rule it raises KeyboardInterrupt there. An error that leaves the block goes first.
    Threads other than the main one, which no interrupt reaches, are left alone.

    Args:
        breaks: whether a second interrupt is raised; else it waits, too.

    Attributes:
        presses: interrupts so far.
    """

    def __init__(self, *, breaks: bool = True):
        self.breaks, self.presses, self.before = breaks, 0, None

    def __enter__(self) -> "deferred_interrupt":
        if threading.current_thread() is threading.main_thread():
            self.before = getsignal(SIGINT)  # None where another language handles it
            if self.before is not None:
                signal(SIGINT, self._press)
        return self

    def __exit__(self, error: type[BaseException] | None, *_) -> None:
        if self.before is not None:
            signal(SIGINT, self.before)
            if self.presses and error is None:
                raise_signal(SIGINT)

    def answered(self) -> bool:
        """Whether an interrupt waits; if so, what the caller does is the answer to it."""
        if not self.presses:
            return False
        self.presses = 0
        return True

    def _press(self, *_) -> None:
        self.presses += 1
        if self.breaks and self.presses == 2:
            raise KeyboardInterrupt


check_types(__name__)
