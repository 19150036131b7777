"""Exercises that find something out: what a reader's function chooses is tried where it never was.

The reader's function sees development repeats; the check tries it on others, beside what a grid
and a newcomer choose, in the same call and on the same repeats. So no figure is stored that
another processor could miss, and too little fails like too much.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from textwrap import shorten
from typing import Any, NamedTuple

from genaug_lessons.checks import count, number
from genaug_lessons.evaluate import Estimate
from genaug_lessons.exercises.calling import NOT_WRITTEN, NoAnswer, call
from genaug_lessons.exercises.check import LONGEST, Verdict

SECONDS = 120.0  # of one call of the reader's function
REPEATS, STEPS = 6, 400  # of a study


def first(seed: int) -> int:
    """The first of a trial's repeats: a reader's development repeats begin at 0."""
    return 900 + 10 * seed


def points(gain: Estimate) -> str:
    """A gain in accuracy with its interval, in percentage points."""
    mean, low, high = (100 * value for value in gain[:3])
    return f"{mean:+.1f} [{low:+.1f}, {high:+.1f}]"


class Finding(NamedTuple):
    """What a trial found.

    Args:
        beats_naive: whether the choice does better than a newcomer's, beyond chance.
        near_best: whether it comes near the best of the grid; for a threshold, whether both
            sides of it are as they should be.
        words: the figures, with interval and price.
    """

    beats_naive: bool
    near_best: bool
    words: str


@dataclass(frozen=True)
class Experiment:
    """An experiment whose choice is the reader's.

    Calling it with the reader's function prints one line and returns whether the choice is good;
    `grade` raises where it is not, and `points` counts.

    Args:
        name: of the function.
        parameters: names of what it is called with.
        trial: called with (choose, seed), where choose(...) asks the reader's function; it raises
            a NoAnswer for a choice that is none. Another seed has repeats of its own.
    """

    name: str
    parameters: Sequence[str]
    trial: Callable[[Callable[..., Any], int], Finding]

    def __call__(self, function: Callable[..., Any]) -> bool:
        right, line = self.judge(function)
        print(line)
        return right

    def grade(self, function: Callable[..., Any], seed: int = 0) -> None:
        """Raise an AssertionError, in the words of the check, unless the choice is good."""
        right, line = self.judge(function, seed)
        if not right:
            raise AssertionError(line)

    def judge(self, function: Callable[..., Any], seed: int = 0) -> Verdict:
        """The verdict on a function, without a word printed."""
        finding = self._try(function, seed)
        if isinstance(finding, str):
            prefix = "" if finding == NOT_WRITTEN else "not yet: "
            return Verdict(False, self._line(prefix + finding))
        good = finding.beats_naive and finding.near_best
        return Verdict(good, self._line(f"{'found' if good else 'not yet'}: {finding.words}"))

    def points(self, function: Callable[..., Any], seed: int = 0) -> int:
        """0 to 3: one each for running on other repeats, beating a newcomer, nearing the best."""
        finding = self._try(function, seed)
        return 0 if isinstance(finding, str) else 1 + finding.beats_naive + finding.near_best

    def _try(self, function: Callable[..., Any], seed: int) -> Finding | str:
        def choose(*arguments: Any) -> Any:
            named = dict(zip(self.parameters, arguments, strict=True))
            return call(function, named, SECONDS)

        try:
            return self.trial(choose, seed)
        except NoAnswer as error:
            return str(error)

    def _line(self, words: str) -> str:
        words = shorten(words, LONGEST, placeholder=" ...")
        return f"{self.name}: {words}{'' if words[-1] in '.?' else '.'}"


def chosen_number(value: Any, **bounds: float) -> float:
    """The reader's choice as a float within the bounds of `checks.number`.

    Raises:
        NoAnswer: it is none.
    """
    try:
        return number("what it returns", value, **bounds)
    except (TypeError, ValueError) as error:
        raise NoAnswer(str(error)) from None


def chosen_count(value: Any, at_least: int = 1) -> int:
    """The reader's choice as an int of at least `at_least`.

    Raises:
        NoAnswer: it is none.
    """
    try:
        return count("what it returns", value, at_least)
    except (TypeError, ValueError) as error:
        raise NoAnswer(str(error)) from None
