"""What an argument must be: what passes, as what, and what the others are told."""

import re

import numpy as np
import pytest
import torch

from genaug_lessons.checks import choice, count, counts, number, numbers, probability

NAN, INFINITE = float("nan"), float("inf")


@pytest.mark.parametrize("value", [3, np.int64(3), np.uint8(3), torch.tensor(3)])
def test_integers_of_every_library_become_an_int(value):
    assert count("steps", value) == 3
    assert type(count("steps", value)) is int
    assert counts("hidden", [value, 5]) == (3, 5)


@pytest.mark.parametrize("value", [True, np.True_, 2.0, "2", None, NAN, [2], 1j])
def test_what_is_no_integer_is_no_count(value):
    with pytest.raises(TypeError, match=r"^steps must be an integer of at least 1, got "):
        count("steps", value)


def test_a_count_has_a_least_value():
    assert (count("chains", 0, 0), count("draws", 2, 2)) == (0, 2)
    with pytest.raises(ValueError, match=r"^draws must be an integer of at least 2, got 1$"):
        count("draws", 1, 2)


@pytest.mark.parametrize("values", [256, None, "ab", (8, 0), (8, 2.0), (8, True), (8, "8")])
def test_several_counts_are_a_series_of_integers(values):
    said = f"hidden must hold integers of at least 1, got {values!r}"
    wrong = ValueError if values == (8, 0) else TypeError
    with pytest.raises(wrong, match=f"^{re.escape(said)}$"):
        counts("hidden", values)


def test_several_counts_may_be_none_at_all():
    assert counts("hidden", ()) == ()
    assert counts("hidden", np.array([4, 3])) == (4, 3)


@pytest.mark.parametrize("value", [0.5, np.float32(0.5), np.float64(0.5), torch.tensor(0.5)])
def test_numbers_of_every_library_become_a_float(value):
    assert number("lr", value, above=0) == 0.5
    assert type(probability("share", value)) is float


@pytest.mark.parametrize("value", ["0.5", None, True, 1j, [0.5], torch.zeros(2), np.zeros(2)])
def test_what_is_no_number_is_told_so(value):
    with pytest.raises(TypeError, match=f"^lr must be a number, got {re.escape(repr(value))}$"):
        number("lr", value)


@pytest.mark.parametrize(
    "bounds, inside, outside, words",
    [
        ({"above": 0}, [1e-9, 5], [0, -1, NAN], "be above 0"),
        ({"at_least": 0}, [0, 5], [-1e-9, NAN], "be at least 0"),
        ({"at_most": 1}, [1, -5], [1.1, NAN], "be at most 1"),
        ({"below": 1}, [0.9, -5], [1, NAN], "be below 1"),
        ({"at_least": 0, "below": 1}, [0, 0.9], [-0.1, 1, NAN], "lie in [0, 1)"),
        ({"above": 0, "at_most": 1}, [0.1, 1], [0, 1.1, NAN], "lie in (0, 1]"),
        ({"at_least": 0, "at_most": 1}, [0, 1], [-0.1, 1.1, NAN], "lie in [0, 1]"),
        ({"above": 0, "below": 1}, [0.1, 0.9], [0, 1, NAN], "lie in (0, 1)"),
        ({}, [-1e300, 1e300], [NAN], "be finite"),
    ],
)
def test_a_number_keeps_within_its_bounds_and_nan_within_none(bounds, inside, outside, words):
    assert [number("p", value, **bounds) for value in inside] == inside
    for value in outside:
        with pytest.raises(ValueError, match=re.escape(f"p must {words}, got {value!r}")):
            number("p", value, **bounds)
    for value in (INFINITE, -INFINITE):
        with pytest.raises(ValueError, match=f"p must be finite, got {value}"):
            number("p", value, **bounds)


def test_a_choice_is_one_of_the_words_and_the_error_lists_them():
    assert choice("loss", "b", {"a": 1, "b": 2}) == "b"
    for value in ("c", ["a"], None):
        said = re.escape(f"loss must be one of ['a', 'b'], got {value!r}")
        with pytest.raises(ValueError if value == "c" else TypeError, match=said):
            choice("loss", value, {"a": 1, "b": 2})


def test_several_numbers_are_floats_within_bounds_each_named_by_the_argument():
    assert numbers("at", np.array([1, 2])) == (1.0, 2.0)
    with pytest.raises(ValueError, match=r"each of betas must lie in \[0, 1\), got 1"):
        numbers("betas", (0.9, 1), at_least=0, below=1)
