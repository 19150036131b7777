"""The check of another device: a device that is not here is told at once."""

import device_check
import pytest


@pytest.mark.parametrize("name", ["banana", "meta"])
def test_a_device_that_is_not_here_is_told_before_any_test_runs(monkeypatch, name):
    monkeypatch.setattr(device_check.sys, "argv", ["device_check.py", name])
    monkeypatch.setattr(device_check.subprocess, "run", lambda *_, **__: pytest.fail("ran tests"))
    with pytest.raises(SystemExit, match=f"device '{name}' cannot be used on this machine"):
        device_check.main()


def test_the_device_is_handed_to_the_tests_and_to_the_benchmark(monkeypatch):
    calls = []

    class Done:
        returncode = 0

    def run(command, *, cwd, env=None):
        calls.append((*map(str, command[1:]), (env or {}).get("GENAUG_DEVICE")))
        return Done

    monkeypatch.setattr(device_check.sys, "argv", ["device_check.py", "cpu"])
    monkeypatch.setattr(device_check.machine, "use_device", lambda name: None)
    monkeypatch.setattr(device_check.subprocess, "run", run)
    with pytest.raises(SystemExit) as ended:
        device_check.main()
    benchmark = str(device_check.ROOT / "tools" / "benchmark.py")
    assert ended.value.code == 0
    assert calls == [("-m", "pytest", "tests", "cpu"), (benchmark, "--device", "cpu", None)]
