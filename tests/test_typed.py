"""Arguments are of the annotated type, as a reader means it, or refused by name."""

import inspect
import random
import re
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Protocol

import numpy as np
import pytest
import torch
from kinds import classifier, moons, vae
from torch import Tensor, nn

from genaug_lessons import data
from genaug_lessons.models.vae import VAE, gaussian_kl
from genaug_lessons.random import generator
from genaug_lessons.typed import typed


class Beast:
    """Any class."""


class Tame(Beast):
    """One of its kind."""


class Speaks(Protocol):
    """What has a voice."""

    voice: str

    def speak(self) -> str:
        """A word."""


class Cat:
    """It speaks."""

    voice = "high"
    speak = "miaow"


Pet = Annotated[Beast, "a pet", "pets"]
ROW = np.array([3, 4])


def taking(annotation):
    """A function whose argument is annotated so."""

    def function(x):
        return x

    function.__annotations__["x"] = annotation
    return typed(function)


@pytest.mark.parametrize(
    ("annotation", "right", "wrong", "words"),
    [
        (
            int,
            [3, -1, np.int64(3), np.uint8(3), torch.tensor(3)],
            [True, np.True_, torch.tensor(True), 3.0, "3", None, [3], ROW, float("nan")],
            "an integer",
        ),
        (
            float,
            [0.5, 3, np.float32(0.5), np.int64(3), torch.tensor(0.5), np.array(0.5), np.inf],
            [True, np.True_, torch.tensor(True), "0.5", None, 1j, [0.5], ROW, torch.ones(1)],
            "a number",
        ),
        (
            bool,
            [True, np.False_, torch.tensor(True), np.array(False)],
            [1, 0.0, None, "True", torch.tensor([True]), torch.tensor(1)],
            "True or False",
        ),
        (str, ["", "a"], [3, None, b"a", ["a"]], "text"),
        (Tensor, [torch.ones(2), nn.Parameter(torch.ones(2))], [ROW, [1.0], 3, None], "a tensor"),
        (
            torch.Generator,
            [generator(0)],
            [0, None, np.random.default_rng(0), torch.Generator],
            "made with generator\\(seed\\)",
        ),
        (int | None, [3, None], [3.5, "3"], "an integer or None"),
        (int | Tensor | None, [3, torch.ones(2), None], [ROW, 0.5], "an integer, a tensor or None"),
        (
            tuple[int, ...],
            [(), (3, 4), [3, 4], torch.Size([3]), range(3), ROW, torch.tensor([3, 4])],
            [3, "34", (3, "4"), (3, 4, 5, 0.5), [3, None], {3}, {3: 4}, ROW[None], ROW / 2, None],
            "a sequence of integers",
        ),
        (Sequence[str], [["a"], ("a", "b")], ["ab", [1], ["a", 1], [b"a"]], "a sequence of text"),
        (
            tuple[float, float],
            [(1, 0.5), [1, 2], ROW],
            [(1,), (1, 2, 3), "ab", (1, "2"), 3],
            ".* 2 ",
        ),
        (
            tuple[Tensor, str],
            [(torch.ones(2), "a")],
            [("a", torch.ones(2)), (torch.ones(2),)],
            "a tuple \\(a tensor, text\\)",
        ),
        (
            Mapping[str, Sequence[float]],
            [{}, {"a": [1, 2.5], "b": ROW}],
            [{1: [2]}, {"a": 1}, {"a": ["b"]}, [("a", [1])], "a", None],
            "a dictionary from text to a sequence of numbers",
        ),
        (Callable[[int], int], [len, Beast, nn.ReLU()], [3, None, "len"], "a function"),
        (Beast, [Beast(), Tame()], [Beast, Cat(), None], "a Beast"),
        (Beast | Cat, [Tame(), Cat()], [3], "a Beast or a Cat"),
        (Sequence[Beast], [[Beast(), Tame()]], [[Beast, Tame], Beast()], "a sequence of Beast"),
        (Pet, [Tame()], [Cat()], "a pet"),
        (Sequence[Pet | None], [[Tame(), None]], [[Cat()], Tame()], "a sequence of pets or None"),
        (Speaks, [Cat()], [Beast(), "miaow"], "an object with speak and voice"),
        (VAE, [vae(generator(0))], [classifier(generator(0)), VAE], "a VAE"),
        (Any, [3, None, Beast], [], ""),
        (object, [3, None, Beast], [], ""),
    ],
)
def test_an_annotation_means_what_a_reader_means(annotation, right, wrong, words):
    function = taking(annotation)
    for value in right:
        assert function(value) is value
    for value in wrong:
        with pytest.raises(TypeError, match=f"^x must be {words}.*, got "):
            function(value)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (3.5, "3.5"),
        ("abc", "'abc'"),
        (None, "None"),
        (np.int64(3), repr(np.int64(3))),
        (torch.ones(3), "a tensor"),
        (np.ones(3), "a NumPy array"),
        (generator(0), "a random generator"),
        ([1, "b", Tame(), torch.ones(2), 5], "[1, 'b', a Tame, a tensor, ...]"),
        ((1, [2]), "(1, [2])"),
        (Beast, "the class Beast"),
        (len, "the function len"),
        (moons(), "a Dataset"),
        ("x" * 10**6, "'xxxxxxxxxxxx...xxxxxxxxxxxxx'"),
        (list(range(10**6)), "[0, 1, 2, 3, ...]"),
        ({place: "a" for place in range(10**5)}, "{0: 'a', 1: 'a', 2: 'a', 3: 'a', ...}"),
    ],
)
def test_an_error_says_in_few_words_what_came(value, words):
    with pytest.raises(TypeError, match=f"^x must be a Cat, got {re.escape(words)}$"):
        taking(Cat)(value)


def test_arguments_are_checked_wherever_they_stand():
    @typed
    def function(a: int, b: int = 2, *rest: str, c: float = 3, d: float, **others: int):
        return a, b, rest, c, d, others

    assert function(1, d=4) == (1, 2, (), 3, 4, {})
    assert function(1, 5, "x", "y", c=6, d=4, e="z") == (1, 5, ("x", "y"), 6, 4, {"e": "z"})
    assert function(b=1, a=2, d=4) == (2, 1, (), 3, 4, {})
    for arguments, settings, name in (
        (("1",), {"d": 4}, "a"),
        ((1, "2"), {"d": 4}, "b"),
        ((1, 2, "x", 3), {"d": 4}, "rest"),
        ((1,), {"c": "3", "d": 4}, "c"),
        ((1,), {"d": None}, "d"),
    ):
        with pytest.raises(TypeError, match=f"^{name} must be "):
            function(*arguments, **settings)


def test_calls_that_python_refuses_are_refused_in_its_words():
    @typed
    def function(a: int, *, b: int):
        pass

    for arguments, settings, words in (
        ((), {"b": 1}, "missing 1 required positional argument: 'a'"),
        ((1,), {}, "missing 1 required keyword-only argument: 'b'"),
        ((1, 2), {"b": 1}, "takes 1 positional argument but 2"),
        ((1,), {"b": 1, "c": 2}, "unexpected keyword argument 'c'"),
    ):
        with pytest.raises(TypeError, match=r"function\(\).*" + words):
            function(*arguments, **settings)


def test_a_default_may_be_of_another_type_than_its_annotation():
    marker = object()

    @typed
    def function(a: int = marker):
        return a

    assert function() is marker and function(marker) is marker
    with pytest.raises(TypeError, match="a must be an integer, got an object"):
        function(object())


def test_a_checked_function_looks_like_itself():
    assert gaussian_kl.__name__ == "gaussian_kl" and "KL divergence" in gaussian_kl.__doc__
    assert str(inspect.signature(VAE)).startswith("(shape: int | tuple[int, ...], *, network:")
    assert "0.5 * (mean.square()" in inspect.getsource(gaussian_kl)


def test_constructors_of_data_classes_and_functions_of_classes_are_checked():
    with pytest.raises(TypeError, match="std must be a number, got 'a'"):
        data.PlaneMixture(torch.zeros(2, 2), "a", torch.zeros(2).long())
    with pytest.raises(TypeError, match="share must be a number, got None"):
        from genaug_lessons.evaluate import Arm

        Arm.duplicates(None)


def test_tensors_within_vmap_and_grad_are_tensors():
    x = torch.linspace(-1, 1, 6).view(3, 2)
    each = torch.func.vmap(torch.func.grad(lambda row: gaussian_kl(row, row)))(x)
    assert torch.allclose(each, x + 0.5 * (x.exp() - 1))


def test_looking_at_arguments_draws_no_random_numbers():
    before = random.getstate(), torch.get_rng_state()
    for _ in range(20):
        taking(tuple[int, ...])(tuple(range(100)))
    assert random.getstate() == before[0]
    assert torch.equal(torch.get_rng_state(), before[1])


def test_every_element_is_looked_at():
    function = taking(tuple[int, ...])
    for place in range(100):
        values = [1] * 100
        values[place] = "1"
        with pytest.raises(TypeError):
            function(values)


def test_a_wrong_type_is_refused_before_any_work():
    model, rng = vae(generator(0)), generator(1)
    before = rng.get_state()
    with pytest.raises(TypeError, match=r"n must be an integer, got 2\.5"):
        model.sample(2.5, rng=rng)
    assert torch.equal(rng.get_state(), before)


def test_a_traceback_ends_in_the_callers_own_line_as_jupyter_shows_it():
    program = (
        "from genaug_lessons.models.vae import gaussian_kl\n"
        "try:\n    gaussian_kl(1, 2)\nexcept TypeError as error:\n    caught = error\n"
        "frame = caught.__traceback__.tb_next\n"
        "while frame:\n"
        "    print(frame.tb_frame.f_locals['__tracebackhide__'])\n"
        "    frame = frame.tb_next\n"
    )
    command = [sys.executable, "-c", program]
    shown = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert shown.split() == ["True", "True"]
