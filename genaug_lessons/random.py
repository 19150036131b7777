"""Randomness is an argument: every draw comes from a `torch.Generator` that the caller hands in.

The global random state is never read and never written, so two runs with the same rng, on
the same number of threads, agree whatever else the notebook has done. With another number of
threads torch adds in another order, and long training ends elsewhere.
"""

import torch
from torch import Tensor

from genaug_lessons import machine
from genaug_lessons.checks import count
from genaug_lessons.typed import check_types


def generator(seed: int, device: str | torch.device | None = None) -> torch.Generator:
    """A seeded generator on the chosen device; what is made with it lives there too.

    Args:
        seed: any integer from 0 to 2**63 - 1.
        device: where draws are made; `machine.device()` unless given.
    """
    device = machine.device() if device is None else machine.known(device)
    return torch.Generator(device).manual_seed(count("seed", seed, 0))


def spawn(rng: torch.Generator, n: int) -> list[torch.Generator]:
    """n independent generators, drawn from the given one and on its device."""
    n = count("n", n, 0)
    seeds = torch.randint(2**62, (n,), generator=rng, device=rng.device)
    return [torch.Generator(rng.device).manual_seed(seed) for seed in seeds.tolist()]


def normal(shape: tuple[int, ...], rng: torch.Generator) -> Tensor:
    """Standard normal noise of the given shape, float32, on the device of rng."""
    return torch.randn(shape, generator=rng, device=rng.device)


def uniform(
    shape: tuple[int, ...], rng: torch.Generator, low: float = 0.0, high: float = 1.0
) -> Tensor:
    """Uniform noise in [low, high) of the given shape, float32, on the device of rng."""
    return torch.rand(shape, generator=rng, device=rng.device) * (high - low) + low


def bernoulli(p: Tensor, rng: torch.Generator) -> Tensor:
    """1 with probability p and else 0, of the shape, type and device of p."""
    return torch.empty_like(p).uniform_(generator=rng).lt_(p)


def check_device(rng: torch.Generator, device: torch.device, what: str) -> None:
    """Raise a ValueError unless rng lives where `what` lives."""
    if _place(rng.device) != _place(device):
        raise ValueError(
            f"rng must be on the device of the {what} ({device}), got one on "
            f"{rng.device}; make it with generator(seed, device={str(device)!r})"
        )


def _place(device: torch.device) -> tuple[str, int]:
    """A device by its kind and number; one without a number is the first."""
    device = torch.device(device)
    return device.type, device.index or 0


check_types(__name__)
