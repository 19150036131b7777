"""How an exercise is checked: cases, more of them at random, and hints for the usual mistakes."""

import contextlib
import inspect
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from textwrap import shorten
from typing import Any, NamedTuple

import torch
from torch import Tensor

from genaug_lessons.exercises.calling import NOT_WRITTEN, NoAnswer, call
from genaug_lessons.exercises.diagnosis import CONSTANTS, diagnose
from genaug_lessons.exercises.values import SHOWN, numbers_in, numbers_of, repeats, same, written

LONGEST = 600  # letters of a message
HIDDEN = 8  # random cases of a check
TELLING = 4  # numbers that do not agree by chance


@dataclass(frozen=True)
class Case:
    """One call of the reader's function.

    Args:
        words: the call in words, for the message.
        arguments: what it is called with; tensors of real numbers are handed over as float32.
    """

    words: str
    arguments: tuple


class Verdict(NamedTuple):
    """Whether a function is right, and the line that says so."""

    right: bool
    line: str


class Answer(NamedTuple):
    """A case, and what the function returned for it."""

    case: Case
    answered: Any
    shown_by: str  # an expression that gives its arguments


@dataclass(frozen=True)
class Exercise:
    """What the reader's function must do.

    Calling the exercise with the function prints one line and returns whether it is right; `grade`
    raises where it is not. Both try the cases and as many random ones.

    Args:
        name: of the function.
        solution: a right function, of float64 tensors; its parameters name the arguments.
        cases: calls that are worth a name: small ones, and those at the edge.
        make: random arguments from an rng, sizes included; None where the cases are all.
        mistakes: hint -> a function with that mistake, likewise of float64 tensors.
        gradient: names of arguments by which the answer must be differentiable.
        tolerance: largest absolute error that counts as right, beside 1e-5 of the answer.
    """

    name: str
    solution: Callable[..., Any]
    cases: Sequence[Case]
    make: Callable[[torch.Generator], tuple] | None = None
    mistakes: dict[str, Callable[..., Any]] = field(default_factory=dict)
    gradient: Sequence[str] = ()
    tolerance: float = 1e-4

    def __call__(self, function: Callable[..., Any]) -> bool:
        verdict = self.judge(function)
        print(verdict.line)
        return verdict.right

    def grade(self, function: Callable[..., Any], seed: int = 0) -> None:
        """Raise an AssertionError, in the words of the check, unless the function is right.

        Args:
            function: the reader's.
            seed: of the random cases; another one than the lesson's 0 has cases of its own.
        """
        verdict = self.judge(function, seed)
        if not verdict.right:
            raise AssertionError(verdict.line)

    def hidden(self, number: int) -> tuple:
        """The arguments of a random case, as a message names it."""
        return self.make(torch.Generator().manual_seed(number))

    def judge(self, function: Callable[..., Any], seed: int = 0) -> Verdict:
        """The verdict on a function, without a word printed.

        Args:
            function: the reader's.
            seed: of the random cases.
        """
        answers, wrong, changes = [], [], set()
        try:
            for case, shown_by in self._trials(seed):
                answered, changed = self._answered(function, case)
                changes |= changed
                answers.append(Answer(case, answered, shown_by))
                if not same(answered, self._right(case), self.tolerance):
                    wrong.append(answers[-1])
            for case, _ in () if wrong else self._trials(seed):
                self._follow_gradient(function, case)
        except NoAnswer as error:
            if not wrong:
                return self._verdict(str(error))
        if wrong:
            return self._verdict(self._hint(answers, wrong) or self._report(function, wrong))
        careful = f" (but it changes {' and '.join(sorted(changes))}, which it was handed)"
        return Verdict(True, f"{self.name}: right{careful if changes else ''}.")

    @property
    def _names(self) -> list[str]:
        return list(inspect.signature(self.solution).parameters)

    def _trials(self, seed: int) -> list[tuple[Case, str]]:
        """The cases, with expressions that show their arguments; those with a name come first."""
        place = f"check.{self.name}"
        trials = [(case, f"{place}.cases[{i}].arguments") for i, case in enumerate(self.cases)]
        numbers = range(HIDDEN * seed, HIDDEN * (seed + 1)) if self.make else ()
        for number in numbers:
            case = Case(f"{self.name} of other arguments", self.hidden(number))
            trials.append((case, f"{place}.hidden({number})"))
        return trials

    def _answered(self, function: Any, case: Case) -> tuple[Any, set[str]]:
        """What the function returns, and the names of the arguments that it changes."""
        given = dict(zip(self._names, _as_float32(case.arguments), strict=True))
        handed = deepcopy(given)
        try:
            answered = call(function, handed)
        except NoAnswer as error:
            if " dtype" in str(error):  # it may be at home in float64
                with contextlib.suppress(NoAnswer):
                    exact = zip(self._names, _exact(case.arguments), strict=True)
                    return call(function, dict(exact)), set()
            told = str(error)
            raise NoAnswer(f"{case.words} {told}" if told.startswith("raises") else told) from None
        return answered, {name for name in given if not _unchanged(given[name], handed[name])}

    def _right(self, case: Case) -> Any:
        return self.solution(*deepcopy(_exact(case.arguments)))

    def _follow_gradient(self, function: Any, case: Case) -> None:
        """Raise a NoAnswer unless the function's gradients are the solution's."""
        if not self.gradient:
            return
        try:
            found = self._gradients(function, _as_float32(case.arguments))
        except NoAnswer:  # by way of NumPy, say
            found = dict.fromkeys(self.gradient)
        right = self._gradients(self.solution, _exact(case.arguments))
        for name in self.gradient:
            if found[name] is None:
                raise NoAnswer(
                    f"the numbers are right, but no gradient comes through to {name}: "
                    "no detach(), item(), no_grad() or new tensor on the way"
                )
            if not same(found[name], right[name], self.tolerance):
                raise NoAnswer(f"the numbers are right, the gradient with respect to {name} is not")

    def _gradients(self, function: Any, arguments: tuple) -> dict[str, Tensor | None]:
        """Of the answer, its numbers weighted 1, 2, 3 ..., with respect to some arguments."""
        given = dict(zip(self._names, deepcopy(arguments), strict=True))
        inputs = [given[name].requires_grad_() for name in self.gradient]
        for name in self.gradient:
            given[name] = given[name] * 1  # which may be changed in place
        answered = call(function, given)
        parts = answered if isinstance(answered, (tuple, list)) else [answered]
        if not all(isinstance(part, Tensor) and part.requires_grad for part in parts):
            return dict.fromkeys(self.gradient)
        numbers = torch.cat([part.flatten() for part in parts])
        weight = torch.arange(1, numbers.numel() + 1).to(numbers)
        gradients = torch.autograd.grad((weight * numbers).sum(), inputs, allow_unused=True)
        return dict(zip(self.gradient, gradients, strict=True))

    def _hint(self, answers: list[Answer], wrong: list[Answer]) -> str | None:
        """The hint whose mistake gives the very answers, also where they are right.

        A mistake that is made in some cases only need not explain the others, if the wrong ones
        hold so many numbers that chance explains nothing.
        """
        sizes = [numbers_in(answered) for _, answered, _ in wrong]
        telling = sum(size.numel() for size in sizes if size is not None) >= TELLING
        for group in (answers, wrong) if telling else (answers,):
            for hint, mistaken in self.mistakes.items():
                if all(self._fits(mistaken, case, answered) for case, answered, _ in group):
                    return hint
        return None

    def _fits(self, mistaken: Callable[..., Any], case: Case, answered: Any) -> bool:
        try:
            expected = mistaken(*deepcopy(_exact(case.arguments)))
        except Exception:  # a mistake that cannot be made with these sizes
            return False
        return same(answered, expected, self.tolerance, equal_nan=True)

    def _report(self, function: Any, wrong: list[Answer]) -> str:
        """What came and what should have come, and all that the numbers say about it."""
        if not all(self._comes_again(function, *one[:2]) for one in wrong):
            return "two calls with the same arguments differ: draw no random numbers of your own"
        (case, answered, shown_by), why = self._diagnosis(wrong)
        answer = self._right(case)
        expected, got = written(answer), written(answered)
        if got == expected:
            expected, got = written(answer, digits=9), written(answered, digits=9)
        if got == expected:  # too long to be written out
            got = f"{got} with other numbers"
        return (
            f"{case.words} should be {expected}, got {got}{f' ({why})' if why else ''}; "
            f"{self._call(case, shown_by)}"
        )

    def _diagnosis(self, wrong: list[Answer]) -> tuple[Answer, str]:
        """A case to show, and what its numbers say; a factor, if those of all others say the same.

        A case whose answer is a single number agrees with too much, and has no say beside others.
        """
        rights = [self._right(one.case) for one in wrong]
        telling = [i for i, right in enumerate(rights) if numbers_of(right) > 1] or [0]
        found = [diagnose(wrong[i].answered, rights[i], self.tolerance) for i in telling]
        by_chance = found[0].startswith(CONSTANTS) and len(set(found)) > 1
        return wrong[telling[0]], "" if by_chance else found[0]

    def _comes_again(self, function: Any, case: Case, answered: Any) -> bool:
        try:
            return repeats(answered, self._answered(function, case)[0])
        except NoAnswer:
            return False

    def _call(self, case: Case, shown_by: str) -> str:
        """The arguments in words, or an expression that shows them."""
        sizes = [numbers_in(argument) for argument in case.arguments]
        if any(size is None for size in sizes) or sum(size.numel() for size in sizes) > SHOWN:
            return f"its arguments are {shown_by}"
        named = zip(self._names, case.arguments, strict=True)
        return "here " + ", ".join(f"{name} = {written(value)}" for name, value in named)

    def _verdict(self, words: str) -> Verdict:
        words = shorten(words, LONGEST, placeholder=" ...")  # and in one line
        prefix = "" if words == NOT_WRITTEN else "not yet: "
        return Verdict(False, f"{self.name}: {prefix}{words}{'' if words[-1] in '.?' else '.'}")


def _as_float32(arguments: tuple) -> tuple:
    return tuple(_cast(argument, torch.float32) for argument in arguments)


def _exact(arguments: tuple) -> tuple:
    """What the reader's function gets, in float64."""
    return tuple(_cast(argument, torch.float64) for argument in _as_float32(arguments))


def _cast(value: Any, dtype: torch.dtype) -> Any:
    return value.to(dtype) if isinstance(value, Tensor) and value.is_floating_point() else value


def _unchanged(before: Any, after: Any) -> bool:
    if not isinstance(before, Tensor):
        return True
    return before.shape == after.shape and torch.equal(before, after)
