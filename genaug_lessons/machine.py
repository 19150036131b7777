"""What this machine offers: the device, the threads, and a check that a learner can read.

The device is chosen once (`cuda` where there is one, else `cpu`) and can be overridden by
`use_device` or by the environment variable `GENAUG_DEVICE`. Apple's `mps` has to be asked for: it
knows no float64, in which some figures are computed.
"""

import os
import platform
import re
import time
from collections.abc import Callable, Iterable
from importlib.metadata import PackageNotFoundError, version

import torch

from genaug_lessons.typed import check_types

_chosen: list[torch.device] = []  # at most one: the device that every call agrees on


def device() -> torch.device:
    """The device that data, models and generators live on unless you say otherwise."""
    if not _chosen:
        asked = os.environ.get("GENAUG_DEVICE")
        best = "cuda" if torch.cuda.is_available() else "cpu"
        _chosen[:] = [_usable("GENAUG_DEVICE", asked) if asked else _usable("device", best)]
    return _chosen[0]


def use_device(name: str | torch.device) -> torch.device:
    """Choose the device for everything made from now on.

    Raises:
        ValueError: the name is unknown to torch, or the device is not available here.
    """
    _chosen[:] = [_usable("device", name)]
    return _chosen[0]


def _usable(what: str, name: str | torch.device) -> torch.device:
    """The device of that name, once a value was put there and read back."""
    try:
        value = torch.zeros(1, device=torch.device(name))
        value.item()
    except (RuntimeError, AssertionError, TypeError) as error:
        reason = re.split(r"\. |\n", str(error))[0]  # torch may add the trace of its own code
        raise ValueError(
            f"{what} {str(name)!r} cannot be used on this machine: {reason}"
        ) from error
    return value.device


def known(name: str | torch.device) -> torch.device:
    """The device of that name, which need not be there.

    Raises:
        ValueError: torch knows no such device.
    """
    try:
        return torch.device(name)
    except RuntimeError:
        raise ValueError(
            f'device must be one that torch knows, such as "cpu" or "cuda", got {name!r}'
        ) from None


def matmul_probe(size: int = 512, repeats: int = 8) -> dict[str, tuple[float, float]]:
    """Speed and error of a matrix product at each float32 precision setting of torch.

    Returns:
        For "highest" and "medium": (milliseconds per product, largest error relative to
        the largest entry of the float64 product). The setting found is left as it was.
    """
    rng = torch.Generator().manual_seed(0)
    a, b = (torch.randn(size, size, generator=rng) for _ in range(2))
    exact, errors = a.double() @ b.double(), {}

    def product(precision):
        torch.set_float32_matmul_precision(precision)
        errors[precision] = ((a @ b - exact).abs().max() / exact.abs().max()).item()
        return lambda: a @ b

    before = torch.get_float32_matmul_precision()
    try:
        times = _fastest_ms(("highest", "medium"), product, repeats)
    finally:
        torch.set_float32_matmul_precision(before)
    return {precision: (times[precision], errors[precision]) for precision in times}


def thread_probe(repeats: int = 8) -> dict[int, float]:
    """Milliseconds of a lesson-sized matrix product at one thread and at all of them.

    More threads are slower on a machine that is shared with other busy processes.
    """
    rng = torch.Generator().manual_seed(0)
    a, b = torch.randn(128, 784, generator=rng), torch.randn(784, 400, generator=rng)

    def product(threads):
        torch.set_num_threads(threads)
        return lambda: a @ b

    before = torch.get_num_threads()
    try:
        return _fastest_ms(sorted({1, os.cpu_count() or 1}), product, repeats)
    finally:
        torch.set_num_threads(before)


def _fastest_ms(settings: Iterable, prepare: Callable, repeats: int) -> dict:
    """Setting -> fastest milliseconds of the work it prepares; the settings take turns.

    In turns, so that another busy process slows down all of them and not just one.
    """
    times = {setting: [] for setting in settings}
    for _ in range(repeats):
        for setting, measured in times.items():
            work = prepare(setting)
            work()
            start = time.perf_counter()
            work()
            measured.append((time.perf_counter() - start) * 1e3)
    return {setting: min(measured) for setting, measured in times.items()}


def report() -> list[tuple[str, str]]:
    """What a learner (or whoever helps one) wants to know about this machine, line by line."""
    chosen = device()
    name = torch.cuda.get_device_name(chosen) if chosen.type == "cuda" else platform.machine()
    threads = ", ".join(f"{n}: {ms:.2f} ms" for n, ms in thread_probe().items())
    precision = ", ".join(
        f"{setting} {ms:.1f} ms (error {error:.0e})"
        for setting, (ms, error) in matmul_probe().items()
    )
    return [
        ("Python", platform.python_version()),
        *((package, _version(package)) for package in ("torch", "torchvision", "ipywidgets")),
        ("device", f"{chosen.type} ({name})"),
        ("threads in use", f"{torch.get_num_threads()} of {os.cpu_count()}"),
        ("matrix product by threads", threads),
        ("matrix product by precision", precision),
    ]


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


check_types(__name__)
