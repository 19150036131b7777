"""The machine check: what it measures is so, and measuring leaves everything as it was."""

import os
import subprocess
import sys

import pytest
import torch

from genaug_lessons import machine
from genaug_lessons.random import generator


@pytest.fixture
def undecided(monkeypatch):
    """No device chosen yet, whatever the tests run on."""
    monkeypatch.setattr(machine, "_chosen", [])


def test_the_device_is_chosen_once_and_what_is_made_later_lives_there(undecided, monkeypatch):
    monkeypatch.setenv("GENAUG_DEVICE", "cpu")
    assert machine.device() == torch.device("cpu")
    monkeypatch.setenv("GENAUG_DEVICE", "no such device")  # too late to matter
    assert machine.device() == generator(0).device == torch.device("cpu")


def test_a_device_can_be_chosen_over_the_environments(undecided, monkeypatch):
    monkeypatch.setenv("GENAUG_DEVICE", "no such device")
    assert machine.use_device("cpu") == machine.device() == torch.device("cpu")


@pytest.mark.parametrize("name", ["abacus", "cuda:99", "meta", "mps:7"])
def test_a_device_that_is_not_here_or_holds_no_values_is_named_in_one_line(undecided, name):
    with pytest.raises(ValueError, match=f"device '{name}' cannot be used on this machine") as one:
        machine.use_device(name)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GENAUG_DEVICE", name)
        with pytest.raises(ValueError, match=f"^GENAUG_DEVICE '{name}' cannot be used on") as other:
            machine.device()
    for error in (one, other):
        assert "\n" not in str(error.value) and len(str(error.value)) < 300
    assert machine._chosen == []


@pytest.mark.parametrize(("cuda", "best"), [(True, "cuda"), (False, "cpu")])
def test_mps_is_never_chosen_unasked(undecided, monkeypatch, cuda, best):
    monkeypatch.delenv("GENAUG_DEVICE", raising=False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    asked = []
    monkeypatch.setattr(machine, "_usable", lambda what, name: asked.append((what, name)))
    machine.device()
    assert asked == [("device", best)]


@pytest.mark.parametrize("precision", ["highest", "medium"])
def test_probes_leave_threads_and_precision_as_they_were(precision):
    found_before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision(precision)
    before = torch.get_num_threads(), precision
    times, found = machine.thread_probe(repeats=2), machine.matmul_probe(size=64, repeats=2)
    after = torch.get_num_threads(), torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision(found_before)
    assert after == before
    assert set(times) == {1, os.cpu_count()}
    assert all(ms > 0 for ms in [*times.values(), *(ms for ms, _ in found.values())])


def test_error_of_the_highest_precision_is_that_of_float32():
    _, error = machine.matmul_probe(size=64, repeats=1)["highest"]
    assert 0 < error < 64 * torch.finfo(torch.float32).eps


def test_probed_settings_take_turns_and_the_fastest_time_counts(monkeypatch):
    clock = iter([0, 5, 10, 11, 20, 22, 30, 34])  # a: 5 then 2 seconds, b: 1 then 4
    monkeypatch.setattr(machine.time, "perf_counter", lambda: next(clock))
    order = []
    found = machine._fastest_ms("ab", lambda name: lambda: order.append(name), repeats=2)
    assert found == {"a": 2000, "b": 1000}
    assert order == [*"aabb"] * 2  # once to warm up, once on the clock


def test_the_check_in_a_terminal_says_what_there_is_and_which_data_can_be_reached():
    run = subprocess.run(
        [sys.executable, "-m", "genaug_lessons"], capture_output=True, text=True, check=True
    )
    said = dict(line.split(maxsplit=1) for line in run.stdout.splitlines())
    assert said["torch"].split("+")[0] == torch.__version__.split("+")[0]
    assert said["digits"] == "embedded"
    assert said["device"].startswith(machine.device().type)
    assert {"mnist", "fashion_mnist"} <= set(said)
