"""What an argument must be, checked where a reader hands it in; each check returns the value.

An error names the argument, what was expected and what came; it is a TypeError for a value of
another type (`typed.py` finds most of these before), a ValueError for one out of range:

    count("gibbs_steps", 0)  # ValueError: gibbs_steps must be an integer of at least 1, got 0
"""

import math
import operator
from collections.abc import Iterable
from typing import SupportsFloat

import numpy as np


def count(name: str, value: object, at_least: int = 1) -> int:
    """The value as an int of at least `at_least`; NumPy's integers pass, truth values do not."""
    number = _integer(value)
    if number is None or number < at_least:
        error = TypeError if number is None else ValueError
        raise error(f"{name} must be an integer of at least {at_least}, got {value!r}")
    return number


def counts(name: str, values: object, at_least: int = 1) -> tuple[int, ...]:
    """Several integers of at least `at_least`, such as the widths of layers; perhaps none."""
    numbers = [_integer(value) for value in values] if _is_series(values) else [None]
    if any(number is None or number < at_least for number in numbers):
        error = TypeError if None in numbers else ValueError
        raise error(f"{name} must hold integers of at least {at_least}, got {values!r}")
    return tuple(numbers)


def number(
    name: str,
    value: object,
    *,
    at_least: float = -math.inf,
    above: float = -math.inf,
    at_most: float = math.inf,
    below: float = math.inf,
) -> float:
    """The value as a finite float within bounds, of which `above` and `below` may not be met."""
    if isinstance(value, bool) or not isinstance(value, SupportsFloat):
        raise TypeError(f"{name} must be a number, got {value!r}")
    try:
        result = float(value)
    except (TypeError, ValueError, RuntimeError, OverflowError):  # an array of several numbers
        raise TypeError(f"{name} must be a number, got {value!r}") from None
    if math.isinf(result):
        raise ValueError(f"{name} must be finite, got {value!r}")
    if not (at_least <= result <= at_most and above < result < below):
        raise ValueError(f"{name} must {_range(at_least, above, at_most, below)}, got {value!r}")
    return result


def numbers(name: str, values: Iterable, **bounds: float) -> tuple[float, ...]:
    """Several finite floats within the bounds of `number`."""
    return tuple(number(f"each of {name}", value, **bounds) for value in values)


def probability(name: str, value: object) -> float:
    """The value as a float in [0, 1]."""
    return number(name, value, at_least=0, at_most=1)


def choice(name: str, value: object, known: Iterable[str]) -> str:
    """The value, one of the known words."""
    known = list(known)
    if not isinstance(value, str) or value not in known:
        error = ValueError if isinstance(value, str) else TypeError
        raise error(f"{name} must be one of {known}, got {value!r}")
    return value


def _integer(value: object) -> int | None:
    """The value as an int; None for what is no integer."""
    if isinstance(value, (bool, np.bool_)):
        return None
    try:
        return operator.index(value)
    except TypeError:
        return None


def _is_series(values: object) -> bool:
    return isinstance(values, Iterable) and not isinstance(values, (str, bytes))


def _range(at_least: float, above: float, at_most: float, below: float) -> str:
    """The bounds in words: "lie in [0, 1)", "be above 0", "be at least 0", "be finite"."""
    low, high = max(at_least, above), min(at_most, below)
    if math.isfinite(low) and math.isfinite(high):
        start, end = "[("[above == low], "])"[below == high]
        return f"lie in {start}{low}, {high}{end}"
    if math.isfinite(low):
        return f"be above {low}" if above == low else f"be at least {low}"
    if math.isfinite(high):
        return f"be below {high}" if below == high else f"be at most {high}"
    return "be finite"
