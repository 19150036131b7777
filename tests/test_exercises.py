"""Checks of exercises: every plausible mistake gets its hint, every right answer is taken.

The answers to a lesson's exercises stand in a file of `answers` with the name of its checks: for
each exercise at least two right ones and three wrong ones, with words that their line must hold.
"""

import ast
import importlib
import pkgutil
import signal
import threading
import time
from pathlib import Path

import answers
import numpy as np
import pytest
import torch
from claims import cells_of_claims
from lesson import code_cells, read, tags

from genaug_lessons import exercises
from genaug_lessons.exercises import Case, Exercise, draws, find_out
from genaug_lessons.exercises.calling import NoAnswer, call, time_limit

# --- the machinery, on exercises small enough to see through

HALVES = [torch.arange(2.0), torch.arange(20.0).view(4, 5)]
halve = Exercise(
    "halve",
    lambda x: x / 2,
    [Case(f"halving {x.numel()} numbers", (x,)) for x in HALVES],
    mistakes={"this doubles": lambda x: x * 2, "this spoils its input": lambda x: x.zero_()},
)
both = Exercise(
    "both",
    lambda n: (n / 2, torch.tensor([2.0 * n])),
    [Case("both(4)", (4,)), Case("both(1)", (1,))],
)
slope = Exercise(
    "slope",
    lambda x, by: x * by,
    [Case("slope of two", (torch.tensor([1.0, 2.0]), 3.0))],
    make=lambda rng: (draws.normal(rng, draws.size(rng)), draws.number(rng, 1, 2)),
    gradient=("x",),
)
total = Exercise(
    "total",
    lambda x: x.sum(1),
    [
        Case(
            "total of three rows",
            (torch.tensor([[1.0, 2.0, 4.0], [3.0, 5.0, 9.0], [0.0, 1.0, 0.5]]),),
        )
    ],
    make=lambda rng: (draws.normal(rng, *draws.sizes(rng, 2)),),
)


def in_place(x):
    x /= 2
    return x


def shouts(x):
    raise KeyError("x")


def postponed(x):
    raise NotImplementedError


def documented(x):
    """Return half of x."""
    ...


def forgets(x):
    x / 2


def prints(x):
    print(x / 2)


def endless(x):
    while True:
        try:
            time.sleep(0.01)
        except Exception:
            pass


def recursive(x):
    return recursive(x)


def leaves(x):
    raise SystemExit


def yields(x):
    yield x / 2


async def later(x):
    return x / 2


def fails(*_):
    raise RuntimeError("no words")


class Half:
    """No function, but called like one."""

    def __init__(self, x):
        self.x = x / 2


class Unprintable:
    """An object that no one can print."""

    __repr__ = __str__ = __array__ = __float__ = fails


class Speechless(Exception):
    """An error without words."""

    __str__ = fails


def raises(error):
    raise error


# (exercise, [right answers], [(wrong answer, words of its line)])
BANK = [
    (
        halve,
        [
            lambda x: x / 2,
            lambda x: 0.5 * x.double() + 1e-6,
            in_place,
            lambda x: (x / 2).tolist(),
            lambda x: (x / 2).numpy(),
            lambda x: (x / 2).to_sparse(),
            lambda x: (x / 2).requires_grad_(),
            lambda x: (x / 2).numpy() + 0j,
            lambda x, y=2, *more: x / y,
        ],
        [
            (lambda x: None, "halve: not written yet."),
            (lambda x: ..., "halve: not written yet."),
            (documented, "halve: not written yet."),
            (postponed, "halve: not written yet."),
            (forgets, "halve: not yet: returns nothing: is `return` missing?"),
            (prints, "halve: not yet: prints something and returns nothing: is `return` missing?"),
            (recursive, "halve: not yet: calls itself without end."),
            (leaves, "halving 2 numbers raises SystemExit, in the line `raise SystemExit`."),
            (yields, "halve: not yet: is a generator: `return` in place of `yield`, please."),
            (later, "halve: not yet: is asynchronous: `def` without `async`, please."),
            (Half, "halve: not yet: is a class: a function is asked for."),
            (torch.ones(2), "is no function: hand over the function itself, without calling it."),
            (None, "halve: not yet: is no function"),
            (lambda: 0, "halve: not yet: takes (): it is called with (x)."),
            (lambda x, y: x / y, "halve: not yet: takes (x, y): it is called with (x)."),
            (lambda x: 2 * x, "not yet: this doubles."),
            (lambda x: x.zero_(), "not yet: this spoils its input."),
            (
                shouts,
                "halving 2 numbers raises KeyError: 'x', in the line `raise KeyError(\"x\")`.",
            ),
            (
                lambda x: raises(AssertionError()),
                "raises AssertionError, in the line `rai",
            ),
            (lambda x: x.sum() / 2, "should be [0, 0.5], got 0.5 (the sum of what is asked for"),
            (lambda x: x[:, None] / 2, "got [[0], [0.5]] (the right numbers in the shape (2, 1)"),
            (
                lambda x: x / 2 + 2e-4,
                "got [0.0002, 0.5002] (off by +0.0002 everywhere); here x",
            ),
            (lambda x: x / 0 if len(x) == 2 else x / 2, "got [nan, inf] (some of it is nan"),
            (lambda x: -x / 2, "the sign is turned"),
            (lambda x: x / 4, "half of what it should be"),
            (lambda x: x / 3, "off by the factor 0.6667"),
            (lambda x: "half", "should be [0, 0.5], got 'half' (a tensor is asked for)"),
            (lambda x: x / 2 + 1j, "should be [0, 0.5], got tensor([0"),
            (lambda x: [complex(value, 1) / 2 for value in x], "got [0.5j, (0.5+0.5j)]"),
            (lambda x: (x / 2).to("meta"), "got tensor(..., device='meta'"),
            (lambda x: torch.ones(2).to_sparse(), "should be [0, 0.5], got [1, 1]"),
            (lambda x: Unprintable(), "got an object of Unprintable that cannot be printed"),
            (lambda x: (x / 2, Unprintable()), "this returns several, the right one among them"),
            (lambda x: raises(Speechless()), "raises Speechless: an object of Speechless that"),
            (
                lambda x: raises(ValueError("one\n\ntwo.")),
                "raises ValueError: one two, in the",
            ),
            (lambda x: "half " * 10**5, "should be [0, 0.5], got 'half half"),
            (lambda x: "x" * 2**21, "halving 2 numbers should be [0, 0.5], got ..."),
            (lambda x: raises(ValueError("no " * 10**5)), "raises ValueError: no no no"),
            (lambda x: x / 2 if len(x) == 2 else 2 * x, "not yet: this doubles."),
            (lambda x: 2 * x if len(x) == 2 else x, "should be [0, 0.5], got [0, 2]"),
            (lambda x: x / 2 + torch.rand(()), "draw no random numbers of your own."),
            (
                lambda x: torch.cat([x[:1] / 2, x[1:] / 2 + 7 * (len(x) - 2) * x[1:].square()]),
                "halving 20 numbers should be a tensor of shape (4, 5), got a tensor of shape "
                "(4, 5) with other numbers (rows 1, 2, 3 are wrong, the others right); "
                "its arguments are check.halve.cases[1].arguments.",
            ),
        ],
    ),
    (
        both,
        [
            lambda n: (n / 2, torch.tensor([2 * n])),
            lambda n: [n / 2, [2 * n]],
        ],
        [
            (lambda n: (n / 2, 2 * n), "both(4) should be (2, [8]), got (2, 8) (only result 2 is"),
            (
                lambda n: (n / 2,),
                "got (2) (2 results are asked for, separated by commas: this",
            ),
            (
                lambda n: n / 2,
                "got 2 (2 results are asked for, separated by commas",
            ),
            (
                lambda n: (n / 2 + 0.0002, [2 * n]),
                "should be (2, [8]), got (2.0002",
            ),
            (lambda n: ([2 * n], n / 2), "got ([8], 2) (the right results in another order)"),
            (lambda n: (n, [n]), "both(4) should be (2, [8]), got (4, [4])"),
        ],
    ),
    (
        slope,
        [lambda x, by: by * x, lambda x, by: x.mul_(by)],
        [
            (lambda x, by: by * x.detach(), "no gradient comes through to x"),
            (lambda x, by: (by * x).tolist(), "no gradient comes through to x"),
            (lambda x, by: x + (by - 1) * x.detach(), "the gradient with respect to x is not"),
            (lambda x, by: 3 * x, "slope of other arguments should be"),
        ],
    ),
    (
        total,
        [lambda x: x.sum(-1), lambda x: [sum(row) for row in x]],
        [
            (lambda x: x, "the sum over axis 1 is missing"),
            (lambda x: x.sum(), "the sum of what is asked for: keep it apart"),
            (lambda x: x.sum(1).mean(), "the mean of what is asked for: keep it apart"),
            (lambda x: x[:, :2].sum(0), "the shape should be (3,), this is (2,)"),
            (lambda x: x.sum(1).flip(0), "the right numbers in another order"),
            (lambda x: x.sum(1).exp(), "this is exp of it"),
            (lambda x: x.sum(1).abs().log(), "this is the logarithm of it"),
            (lambda x: x.sum(1).square(), "this is the square of it"),
            (lambda x: x.sum(1).abs().sqrt(), "this is the root of it"),
            (lambda x: x.sum(1) / np.log(2), "as base-2 logarithms are"),
            (lambda x: x.sum(1) / np.log(10), "as base-10 logarithms are"),
            (lambda x: 2 * x.sum(1), "twice what it should be"),
            (lambda x: x[:, :3].sum(1), "total of other arguments should be"),
        ],
    ),
]
MODULES = [
    importlib.import_module(f"answers.{module.name}")
    for module in pkgutil.iter_modules(answers.__path__)
]
BANK += [entry for module in MODULES for entry in module.BANK]
RIGHT = [
    pytest.param(exercise, answer, id=f"{exercise.name}-{number}")
    for exercise, right, _ in BANK
    for number, answer in enumerate(right)
]
WRONG = [
    pytest.param(exercise, answer, words, id=f"{exercise.name}-{number}")
    for exercise, _, wrong in BANK
    for number, (answer, words) in enumerate(wrong)
]
FIXED = {"mirror_boxes": {4}}  # sizes that the statement fixes: the four sides of a box
NOTEBOOKS = sorted((Path(__file__).parent.parent / "notebooks").glob("*.ipynb"))
LESSONS = {
    name: exercise
    for module in pkgutil.iter_modules(exercises.__path__, f"{exercises.__name__}.")
    for name, exercise in vars(importlib.import_module(module.name)).items()
    if isinstance(exercise, Exercise)
}


@pytest.mark.parametrize(("exercise", "answer"), RIGHT)
def test_right_answer_is_taken_every_time(exercise, answer, capsys):
    assert exercise(answer) is exercise(answer) is True
    first, second = capsys.readouterr().out.splitlines()
    assert first == second and first.startswith(f"{exercise.name}: right")
    exercise.grade(answer, seed=5)


@pytest.mark.parametrize(("exercise", "answer", "words"), WRONG)
def test_wrong_answer_gets_one_line_that_fits(exercise, answer, words, capsys):
    assert exercise(answer) is False
    line = capsys.readouterr().out
    assert line.startswith(f"{exercise.name}: ") and line.count("\n") == 1 and len(line) < 700
    assert words in line
    with pytest.raises(AssertionError) as refused:
        exercise.grade(answer)
    assert str(refused.value) == line.strip()


@pytest.mark.parametrize("exercise", LESSONS.values(), ids=LESSONS)
def test_mistake_gets_its_own_hint_also_on_other_random_cases(exercise):
    for hint, mistaken in exercise.mistakes.items():
        for seed in (0, 3):
            right, line = exercise.judge(mistaken, seed)
            assert not right and " ".join(hint.split())[:400] in line, line


@pytest.mark.parametrize("exercise", LESSONS.values(), ids=LESSONS)
def test_random_cases_differ_in_every_size_and_come_again(exercise):
    assert exercise.make is not None
    made = [exercise.hidden(number) for number in range(40)]
    for number in (0, 7):
        assert all(map(same_argument, made[number], exercise.hidden(number)))
    for several in zip(*made, strict=True):
        if isinstance(several[0], torch.Tensor):
            sizes = zip(*(tensor.shape for tensor in several), strict=True)
            fixed = FIXED.get(exercise.name, set())
            assert all(len(set(size)) > 1 or set(size) <= fixed for size in sizes), exercise.name


def same_argument(first, second):
    if isinstance(first, torch.Tensor):
        return torch.equal(first, second)
    return callable(first) or first == second


def test_every_exercise_of_the_lessons_has_two_right_and_three_wrong_answers_here():
    known = {id(exercise): found for exercise, *found in BANK}
    for name, exercise in LESSONS.items():
        assert exercise.name == name
        right, wrong = known.get(id(exercise), ([], []))
        assert len(right) >= 2 and len(wrong) >= 3, name


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_solutions_of_a_lesson_are_right(path):
    book, names = read(path), {}
    for cell in cells_of_claims(book):
        for node in ast.parse(cell.source).body:
            if isinstance(node, ast.Import | ast.ImportFrom):
                exec(ast.unparse(node), names)
    cells = [cell for cell in code_cells(book) if {"exercise", "solution"} & set(tags(cell))]
    for cell in cells:
        exec(cell.source, names)
    known = LESSONS | {name: getattr(find_out, name) for name in find_out.__all__}
    solutions = [name for name in names if name.startswith("solution_")]
    assert len(solutions) == len(cells) / 2 >= 2
    for name in solutions:
        exercise = known[name.removeprefix("solution_")]
        for seed in range(4) if isinstance(exercise, Exercise) else [0]:
            exercise.grade(names[name], seed)


def test_change_of_an_argument_is_told_and_reaches_nobody_else():
    for _ in range(2):
        right, line = halve.judge(in_place)
        assert right and line == "halve: right (but it changes x, which it was handed)."
    assert torch.equal(HALVES[0], torch.arange(2.0))


def test_hidden_cases_of_another_seed_are_others():
    def knows_the_lessons_cases(x, by):
        known = [slope.cases[0].arguments, *(slope.hidden(number) for number in range(8))]
        return by * x if any(case[1] == by for case in known) else 0 * x

    assert slope(knows_the_lessons_cases) is True
    with pytest.raises(AssertionError, match=r"its arguments|here x"):
        slope.grade(knows_the_lessons_cases, seed=1)


def test_the_arguments_named_in_a_line_are_those_of_the_call():
    _, line = total.judge(lambda x: x[:, :3].sum(1))
    number = int(line.split("check.total.hidden(")[1].split(")")[0]) if "hidden(" in line else None
    shown = [total.hidden(n)[0] for n in range(8) if n == number or number is None]
    assert any(x.shape[1] > 3 for x in shown)


def test_function_that_never_ends_is_ended_and_an_older_timer_goes_on():
    rang = []
    before = signal.signal(signal.SIGALRM, lambda *_: rang.append(time.monotonic()))
    left = signal.setitimer(signal.ITIMER_REAL, 0.6)
    begun = time.monotonic()
    try:
        with pytest.raises(NoAnswer, match=r"still running after 0\.2 seconds"):
            call(endless, {"x": 1}, seconds=0.2)
        assert not rang
        time.sleep(0.6)
        assert 0.5 < rang[0] - begun < 1.1
    finally:
        signal.signal(signal.SIGALRM, before)
        signal.setitimer(signal.ITIMER_REAL, *left)


def test_in_another_thread_nothing_is_ended():
    results = []

    def run():
        with time_limit(0.01):
            time.sleep(0.05)
        results.append("ran")

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert results == ["ran"]


def test_interrupt_passes_through():
    with pytest.raises(KeyboardInterrupt):
        halve(lambda x: raises(KeyboardInterrupt()))


def test_what_a_function_prints_and_warns_is_left_out(capsys, recwarn):
    def loud(x):
        print("x" * 10**6)
        np.log(np.zeros(1))
        return x / 2

    assert halve(loud) is True
    assert capsys.readouterr().out == "halve: right.\n" and not recwarn
