"""Effects with intervals, and claims that are computed where they are stated."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from genaug_lessons.typed import check_types


class Estimate(NamedTuple):
    """A mean over runs with its 95% confidence interval."""

    mean: float
    low: float
    high: float
    runs: int

    def __str__(self) -> str:
        return f"{self.mean:+.3f} [{self.low:+.3f}, {self.high:+.3f}] over {self.runs} runs"


def estimate(values: Sequence[float] | Tensor) -> Estimate:
    """The mean of independent runs with Student's 95% interval.

    mean +- t(0.975, n - 1) * s / sqrt(n), with s the standard deviation (ddof 1).

    Raises:
        ValueError: fewer than two values, or values that are not finite.

    Source: Student 1908, Biometrika 6(1).
    """
    from scipy.special import stdtrit  # quantiles of Student's t; slow to import

    values = _doubles("values", values)
    if len(values) < 2:
        raise ValueError(f"values must hold at least 2 runs for an interval, got {len(values)}")
    mean, n = values.mean().item(), len(values)
    half = float(stdtrit(n - 1, 0.975)) * values.std().item() / n**0.5
    return Estimate(mean, mean - half, mean + half, n)


def paired_gain(treated: Sequence[float] | Tensor, baseline: Sequence[float] | Tensor) -> Estimate:
    """The mean difference of runs of the same repeat, with its 95% interval.

    Pairing removes the luck of the repeat, which both arms share.

    Raises:
        ValueError: different numbers of runs.
    """
    treated, baseline = _doubles("treated", treated), _doubles("baseline", baseline)
    if treated.shape != baseline.shape:
        raise ValueError(
            f"treated and baseline must pair up, got {len(treated)} and {len(baseline)} runs"
        )
    return estimate(treated - baseline)


def claim(sentence: str, holds: bool) -> None:
    """Print whether a sentence of a lesson is true of the numbers just computed."""
    print(f"{'holds' if holds else 'differs here'}: {sentence}")


def _doubles(name: str, values: Sequence[float] | Tensor) -> Tensor:
    """The values flat, in float64 on the CPU: some devices know no doubles."""
    values = values.cpu() if isinstance(values, Tensor) else values
    doubles = torch.as_tensor(values, dtype=torch.float64).flatten()
    if not doubles.isfinite().all():
        raise ValueError(f"{name} must be finite, got NaN or infinity")
    return doubles


check_types(__name__)
