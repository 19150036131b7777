"""What is wrong with an answer, read off its numbers alone, for mistakes that have no hint."""

import math
from collections.abc import Callable, Iterator
from itertools import permutations
from typing import Any

import torch
from torch import Tensor

from genaug_lessons.exercises.values import numbers_in, parts_of, same

FACTORS = {
    2.0: "twice what it should be",
    0.5: "half of what it should be",
    1 / math.log(2): "off by the factor 1 / log 2, as base-2 logarithms are",
    1 / math.log(10): "off by the factor 1 / log 10, as base-10 logarithms are",
}
CONSTANTS = ("off by", "twice", "half")  # how lines begin that hold by chance in a single case
TRANSFORMED: dict[str, Callable[[Tensor], Tensor]] = {
    "this is the root of it": torch.square,
    "this is the square of it": torch.sqrt,
    "this is the logarithm of it": torch.exp,
    "this is exp of it": torch.log,
}


def diagnose(answered: Any, answer: Any, tolerance: float) -> str:
    """A line about the first thing that explains the difference; "" where nothing does.

    Args:
        answered: what the reader's function returned, which is not the answer.
        answer: the right one: a number, a tensor or a tuple of them.
        tolerance: as for `values.same`.
    """
    if isinstance(answer, tuple):
        return _diagnose_tuple(answered, answer, tolerance)
    if isinstance(answered, (tuple, list)):
        if any(same(part, answer, tolerance) for part in answered):
            return "one result is asked for: this returns several, the right one among them"
    found, right = numbers_in(answered), numbers_in(answer)
    if found is None:
        return f"{'a number' if right.ndim == 0 else 'a tensor'} is asked for"
    if found.shape != right.shape:
        return _diagnose_shape(found, right, tolerance)
    return next(_of_one_shape(found, right, tolerance), "")


def _diagnose_tuple(answered: Any, answer: tuple, tolerance: float) -> str:
    parts = parts_of(answered)
    if parts is None or len(parts) != len(answer):
        several = isinstance(answered, (tuple, list))
        given = f"{len(parts)}" if several else "one thing"
        return f"{len(answer)} results are asked for, separated by commas: this returns {given}"
    for order in permutations(range(len(answer))):
        if all(same(parts[i], right, tolerance) for i, right in zip(order, answer, strict=True)):
            return "the right results in another order"
    pairs = zip(parts, answer, strict=True)
    wrong = [i for i, pair in enumerate(pairs) if not same(*pair, tolerance)]
    why = diagnose(parts[wrong[0]], answer[wrong[0]], tolerance)
    if len(wrong) == 1:
        return f"only result {wrong[0] + 1} is wrong{f': {why}' if why else ''}"
    numbers = " and ".join(f"{i + 1}" for i in wrong)
    return f"results {numbers} are wrong" if len(wrong) < len(answer) else ""


def _diagnose_shape(found: Tensor, right: Tensor, tolerance: float) -> str:
    wanted, given = tuple(right.shape), tuple(found.shape)
    if found.numel() == right.numel() and same(found.reshape(wanted), right, tolerance):
        return f"the right numbers in the shape {given}: {wanted} is asked for"
    if found.ndim == 2 and same(found.T, right, tolerance):
        return "transposed"
    for name, combined in (("sum", Tensor.sum), ("mean", Tensor.mean)):
        if found.ndim == 0 and right.numel() > 1 and same(found, combined(right), tolerance):
            return f"the {name} of what is asked for: keep it apart"
        for axis in range(found.ndim):
            if same(combined(found, axis), right, tolerance):
                return f"the {name} over axis {axis} is missing"
    return f"the shape should be {wanted}, this is {given}"


def _of_one_shape(found: Tensor, right: Tensor, tolerance: float) -> Iterator[str]:
    if found.isnan().any():
        yield "some of it is nan: 0 / 0, inf - inf, or the log or root of a negative number"
    if found.isinf().any():
        yield "some of it is infinite: exp of something large, or a division or log of 0"
    if same(-found, right, tolerance):
        yield "the sign is turned"
    if found.numel() > 1:
        yield from _of_many(found, right, tolerance)


def _of_many(found: Tensor, right: Tensor, tolerance: float) -> Iterator[str]:
    """What a single number would say by chance only."""
    factor = (found * right).sum() / right.square().sum().clamp_min(1e-30)
    if factor.abs() > 1e-6 and same(found / factor, right, tolerance):
        known = [words for value, words in FACTORS.items() if abs(factor / value - 1) < 1e-3]
        yield known[0] if known else f"off by the factor {factor:.4g}"
    shift = (found - right).mean()
    if same(found - shift, right, tolerance):
        yield f"off by {shift:+.4g} everywhere"
    for words, back in TRANSFORMED.items():
        if same(back(found), right, tolerance):
            yield words
    if found.ndim == 2 and same(found.T, right, tolerance):
        yield "transposed"
    if torch.equal(right, right.bool().to(right)):  # zeros and ones agree by luck
        return
    in_order, right_order = found.flatten().sort().values, right.flatten().sort().values
    if same(in_order, right_order, tolerance):
        yield "the right numbers in another order"
    for axis, name in list(enumerate(("row", "column")))[: found.ndim]:
        pairs = zip(found.unbind(axis), right.unbind(axis), strict=True)
        wrong = [i for i, pair in enumerate(pairs) if not same(*pair, tolerance)]
        if 0 < len(wrong) < found.shape[axis]:
            several = (
                f"{name}s {', '.join(map(str, wrong))} are"
                if wrong[1:]
                else f"{name} {wrong[0]} is"
            )
            yield f"{several} wrong, the others right"
