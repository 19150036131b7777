"""Shared work is done once, told from fresh work by nobody, and booked to each who uses it."""

import pickle
import time

import pytest
import torch
from test_evaluate import TOY, as_study, toy

from genaug_lessons.data import split
from genaug_lessons.evaluate import Arm, once_per_repeat, study
from genaug_lessons.random import generator, uniform


def work(seconds):
    begun = time.process_time()
    while time.process_time() - begun < seconds:
        pass


def numbers(split, rng):
    """Something made by chance."""
    return uniform((3,), rng)


def repeats(n, **about):
    return [split(toy(), labels_per_class=2, repeat=repeat, **about) for repeat in range(n)]


def test_ready_work_cannot_be_told_from_fresh_work():
    shared, part = once_per_repeat(numbers), repeats(1)[0]
    first, again, alone = (generator(5) for _ in range(3))
    value = shared(part, first)
    assert shared(repeats(1)[0], again) is value
    assert torch.equal(value, numbers(part, alone))
    assert torch.equal(again.get_state(), alone.get_state())
    assert torch.equal(first.get_state(), alone.get_state())
    assert shared.__doc__ == "Something made by chance."


def test_other_rows_another_repeat_or_rng_are_other_work():
    shared, (first, second) = once_per_repeat(numbers), repeats(2)
    more = split(toy(), labels_per_class=3, repeat=0)
    value = shared(first, generator(5))
    for part, seed in ((second, 5), (more, 5), (repeats(1, development=True)[0], 5), (first, 6)):
        assert shared(part, generator(seed)) is not value
    assert len(shared.done) == 5


def test_a_copy_of_shared_work_remembers_nothing():
    shared, part = once_per_repeat(numbers), repeats(1)[0]
    value = shared(part, generator(5))
    copy = pickle.loads(pickle.dumps(shared))
    assert copy.done == {}
    assert torch.equal(copy(part, generator(5)), value)


def test_each_arm_pays_for_the_work_that_it_uses_though_it_is_done_once():
    calls, price = [], 0.2

    @once_per_repeat
    def inner(split, rng):
        work(price / 2)
        return split.repeat

    @once_per_repeat
    def outer(split, rng):
        calls.append(inner(split, rng))
        work(price / 2)
        return split.labelled

    def start(split, rng):
        outer(split, generator(split.repeat))
        return as_study(split, rng)

    def half(split, rng):
        inner(split, generator(split.repeat))
        return as_study(split, rng)

    arms = [Arm("half", start=half), Arm("start", start=start), Arm("bank", bank=outer)]
    found = study(arms, data=toy(), **{**TOY, "repeats": 2, "steps": 1})
    assert calls == [0, 1]
    assert found.seconds["half"] >= price
    assert found.seconds["start"] >= 2 * price
    assert found.seconds["bank"] >= 2 * price
    again = study(arms, data=toy(), **{**TOY, "repeats": 2, "steps": 1})
    assert calls == [0, 1]
    assert again.seconds["bank"] >= 2 * price
    assert again.seconds["none"] < price
    assert again.accuracies == found.accuracies


def test_shared_work_is_made_of_a_function():
    with pytest.raises(TypeError, match="function must be a function, got 3"):
        once_per_repeat(3)
