"""Answers as numbers: whether two are the same, and how one is written in a message."""

import warnings
from typing import Any

import torch

from genaug_lessons.exercises.calling import text

SHOWN = 16  # numbers of a value at most


def numbers_in(value: Any) -> torch.Tensor | None:
    """The value as float64 on the CPU; None for what holds no real numbers.

    Complex numbers are real where none has an imaginary part, as eigenvalues may come.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch's, of lists of tensors with gradients
            value = value.detach().cpu().to_dense() if isinstance(value, torch.Tensor) else value
            tensor = torch.as_tensor(value)
        if tensor.is_complex():
            return None if tensor.imag.any() else tensor.real.double()
        return tensor.double()
    except Exception:  # whatever the reader returned
        return None


def parts_of(value: Any) -> list | None:
    """The values of a tuple, a list, or along the first axis of a tensor or array; else None."""
    if isinstance(value, (tuple, list)):
        return list(value)
    numbers = numbers_in(value)
    return None if numbers is None or numbers.ndim == 0 else list(numbers)


def numbers_of(answer: Any) -> int:
    """How many numbers an answer holds."""
    if isinstance(answer, tuple):
        return sum(map(numbers_of, answer))
    tensor = numbers_in(answer)
    return 0 if tensor is None else tensor.numel()


def same(answered: Any, answer: Any, tolerance: float, equal_nan: bool = False) -> bool:
    """Whether an answer is right: of the same shape, and as near as rounding allows."""
    if isinstance(answer, tuple):
        parts = parts_of(answered)
        if parts is None or len(parts) != len(answer):
            return False
        pairs = zip(parts, answer, strict=True)
        return all(same(*pair, tolerance, equal_nan) for pair in pairs)
    found, right = numbers_in(answered), numbers_in(answer)
    if found is None or right is None or found.shape != right.shape:
        return False
    return torch.allclose(found, right, rtol=1e-5, atol=tolerance, equal_nan=equal_nan)


def written(value: Any, digits: int = 4) -> str:
    """The value in a line: its numbers, if they are few."""
    if isinstance(value, tuple):
        return f"({', '.join(written(part, digits) for part in value)})"
    tensor = numbers_in(value)
    if tensor is None:
        return text(repr, value)
    if tensor.numel() > SHOWN:
        return f"a tensor of shape {tuple(tensor.shape)}"
    return _numbers(tensor.tolist(), digits)


def _numbers(value: float | list, digits: int) -> str:
    if isinstance(value, list):
        return f"[{', '.join(_numbers(part, digits) for part in value)}]"
    return f"{value:.{digits}g}"


def repeats(first: Any, second: Any) -> bool:
    """Whether two answers are the same, nan for nan; so are two without numbers."""
    if isinstance(first, (tuple, list)) and isinstance(second, (tuple, list)):
        return len(first) == len(second) and all(map(repeats, first, second))
    found, again = numbers_in(first), numbers_in(second)
    if found is None or again is None:
        return found is again
    return found.shape == again.shape and torch.allclose(found, again, equal_nan=True)
