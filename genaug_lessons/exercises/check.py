"""How an exercise is checked: cases with known answers, and hints for the usual mistakes."""

from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from textwrap import shorten
from typing import Any

import torch

LONGEST = 500  # letters of a message


@dataclass(frozen=True)
class Case:
    """One call with its known answer.

    Args:
        arguments: what the reader's function is called with.
        answer: the right result: a number, a tensor or a tuple of them.
        words: the call in words, for the message.
    """

    arguments: tuple
    answer: Any
    words: str


@dataclass(frozen=True)
class Exercise:
    """What the reader's function must do.

    Calling the exercise with the function prints one line and returns whether it is right.

    Args:
        name: of the function.
        cases: calls with known answers.
        mistakes: hint -> what a function with that mistake would answer, per case.
        tolerance: largest absolute error that counts as right.
    """

    name: str
    cases: Sequence[Case]
    mistakes: dict[str, Callable[..., Any]] = field(default_factory=dict)
    tolerance: float = 1e-4

    def __call__(self, function: Callable[..., Any]) -> bool:
        for case in self.cases:
            try:
                answered = function(*deepcopy(case.arguments))  # which it may change in place
            except NotImplementedError:
                return self._say("not written yet", prefix="")
            except Exception as error:  # whatever the reader wrote: a hint, never a traceback
                return self._say(f"{case.words} raises {type(error).__name__}: {_text(str, error)}")
            if answered is None or answered is ...:
                return self._say("not written yet", prefix="")
            if not self._same(answered, case.answer):
                return self._say(self._hint(case, answered))
        print(f"{self.name}: right.")
        return True

    def _hint(self, case: Case, answered: Any) -> str:
        for hint, wrong in self.mistakes.items():
            if self._same(answered, wrong(*deepcopy(case.arguments))):
                return hint
        expected, got = _written(case.answer), _written(answered)
        if got == expected:
            expected, got = _written(case.answer, digits=9), _written(answered, digits=9)
        if got == expected:  # too long to be written out
            got = f"{got} with other numbers"
        return f"{case.words} should be {expected}, got {got}"

    def _say(self, message: str, prefix: str = "not yet: ") -> bool:
        message = shorten(message, LONGEST, placeholder=" ...")  # and in one line
        print(f"{self.name}: {prefix}{message}.")
        return False

    def _same(self, answered: Any, answer: Any) -> bool:
        if isinstance(answer, tuple):
            return (
                isinstance(answered, (tuple, list))
                and len(answered) == len(answer)
                and all(map(self._same, answered, answer))
            )
        answered, answer = _numbers_in(answered), _numbers_in(answer)
        if answered is None or answered.shape != answer.shape:
            return False
        return bool((answered - answer).abs().max() <= self.tolerance)


def _written(value: Any, digits: int = 4) -> str:
    if isinstance(value, tuple):
        return f"({', '.join(_written(part, digits) for part in value)})"
    tensor = _numbers_in(value)
    if tensor is None:
        return _text(repr, value)
    if tensor.numel() > 6:
        return f"a tensor of shape {tuple(tensor.shape)}"
    return _numbers(tensor.tolist(), digits)


def _numbers_in(value: Any) -> torch.Tensor | None:
    """The value as float64 on the CPU; None for what holds no real numbers."""
    try:
        value = value.cpu().to_dense() if isinstance(value, torch.Tensor) else value
        if torch.as_tensor(value).is_complex():
            return None
        return torch.as_tensor(value, dtype=torch.float64)
    except Exception:  # whatever the reader returned
        return None


def _text(write: Callable[[Any], str], value: Any) -> str:
    """What `write`, str or repr, makes of the value, which may be an object of the reader's."""
    try:
        return write(value)
    except Exception:
        return f"an object of {type(value).__name__} that cannot be printed"


def _numbers(value: float | list, digits: int) -> str:
    if isinstance(value, list):
        return f"[{', '.join(_numbers(part, digits) for part in value)}]"
    return f"{value:.{digits}g}"
