"""Playing other processors: what each setting does to a kernel, and what a machine lacks."""

import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import lesson
import processors
import pytest
from nbformat import v4

ROOT = Path(__file__).parent.parent

PROBE = """
import torch
from genaug_lessons import data
from genaug_lessons.models.classifier import Classifier
from genaug_lessons.models.rbm import RBM
from genaug_lessons.random import generator
from genaug_lessons.training import training_steps

def shift(train, kind=Classifier, **settings):
    rng = generator(0)
    model = kind((1, 8, 8), rng=rng, **settings)
    before = [weight.detach().clone() for weight in model.parameters()]
    train(model, rng)
    pairs = zip(model.parameters(), before)
    return max(float((now / was - 1).nan_to_num().abs().max()) for now, was in pairs)

def start(model, rng):
    training_steps(model, data.digits(), steps=1, rng=rng)

print(torch.backends.cpu.get_cpu_capability().replace(" ", "_"), torch.get_num_threads())
print(shift(start, classes=10), shift(start, RBM, hidden=16))
print(shift(lambda model, rng: torch.optim.SGD(model.parameters(), lr=1), classes=10))
print(float(torch.rand(1, generator=generator(0))))
"""


def probe(name):
    """What a kernel under a setting says: instructions, threads, shifts of weights, a draw."""
    book = v4.new_notebook(cells=[v4.new_code_cell(PROBE)])
    lesson.run(book, ROOT, processors.environment(name))
    capability, threads, *numbers = lesson.stream(book.cells[0], "stdout").split()
    return capability, int(threads), *map(float, numbers)


@pytest.fixture(scope="module", autouse=True)
def no_setting():
    """The environment without what these tests themselves may be run under."""
    with pytest.MonkeyPatch.context() as patch:
        for setting in processors.SETTINGS.values():
            for variable in setting:
                patch.delenv(variable, raising=False)
        yield


@pytest.fixture(scope="module")
def plain(no_setting):
    return probe(processors.PLAIN)


def test_as_it_is_nothing_is_changed(plain):
    assert plain[:5] == (processors.capability().replace(" ", "_"), 1, 0, 0, 0)


def test_the_instructions_are_those_of_the_setting():
    assert probe("default")[0] in ("DEFAULT", "NO_AVX")  # the older name


@pytest.mark.parametrize("name", ["avx2", "libraries-avx2"])
def test_a_processor_without_avx2_is_said_to_have_none(monkeypatch, name):
    monkeypatch.setattr(processors, "capability", lambda: "NEON")
    with pytest.raises(ValueError, match=f"'{name}' is not to be had .* no AVX2; torch uses NEON"):
        processors.environment(name)


@pytest.mark.parametrize("offered", ["AVX2", "AVX512"])
def test_a_processor_with_avx2_is_held_to_it(monkeypatch, offered):
    monkeypatch.setattr(processors, "capability", lambda: offered)
    assert processors.environment("avx2")["ATEN_CPU_CAPABILITY"] == "avx2"
    assert processors.environment("libraries-avx2")["ONEDNN_MAX_CPU_ISA"] == "AVX2"


def test_what_torch_offers_is_asked_of_the_machine_and_not_of_the_environment(monkeypatch):
    before = processors.capability()
    monkeypatch.setenv("ATEN_CPU_CAPABILITY", "default")
    assert processors.capability() == before


def test_two_threads_need_two_cores(monkeypatch):
    monkeypatch.setattr(processors.os, "cpu_count", lambda: 2)
    assert processors.environment("two-threads") == {"OMP_NUM_THREADS": "2"}
    monkeypatch.setattr(processors.os, "cpu_count", lambda: 1)
    with pytest.raises(ValueError, match=r"'two-threads' is not to be had .* a single core"):
        processors.environment("two-threads")


def test_every_start_is_shaken_by_a_millionth_and_nothing_else_is(plain):
    capability, threads, trained, without, optimised, drawn = probe("shaken")
    assert (capability, threads, drawn) == (plain[0], plain[1], plain[5])
    assert 3e-7 < trained < 2.4e-6  # by its optimiser and by itself
    assert 3e-7 < without < 1.2e-6  # of an optimiser
    assert 3e-7 < optimised < 1.2e-6


def test_an_unknown_processor_is_refused_before_any_test():
    command = [sys.executable, "-m", "pytest", "--processor=abacus", "tests/test_machine.py"]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ran.returncode == pytest.ExitCode.USAGE_ERROR
    assert "processor must be one of as-it-is, default, avx2" in ran.stderr


@pytest.fixture
def runs(monkeypatch):
    """The pytest command lines that the tool runs; those under `default` are red."""
    commands = []

    def run(command, cwd):
        commands.append(command)
        return SimpleNamespace(returncode=int("--processor=default" in command))

    monkeypatch.setattr(processors.subprocess, "run", run)
    monkeypatch.setattr(processors, "capability", lambda: "NEON")
    return commands


@pytest.mark.parametrize(
    ("arguments", "fails", "names", "says"),
    [
        ([], 1, ["as-it-is", "default", "two-threads", "shaken"], "avx2            not run: its"),
        (["--only", "shaken"], 0, ["shaken"], "shaken          green"),
        (["--only", "avx2"], 1, [], "avx2            not run: its"),
        (["--only", "default"], 1, ["default"], "default         red"),
    ],
    ids=["all", "green", "not to be had", "red"],
)
def test_the_command_says_of_every_setting_how_it_went(
    runs, monkeypatch, capsys, arguments, fails, names, says
):
    monkeypatch.setattr(sys, "argv", ["processors.py", *arguments, "notebooks"])
    with pytest.raises(SystemExit) as ended:
        processors.main()
    assert bool(ended.value.code) == bool(fails)
    assert [command[3] for command in runs] == [f"--processor={name}" for name in names]
    assert says in capsys.readouterr().out


def test_a_test_that_hangs_fails(tmp_path):
    (tmp_path / "test_hang.py").write_text("import time\ndef test_hang(): time.sleep(60)\n")
    command = [sys.executable, "-m", "pytest", "-c", "pyproject.toml", "-o", "addopts="]
    command += ["-o", "timeout=1", "--rootdir", str(ROOT), str(tmp_path)]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=50)
    assert re.search(r"Failed: Timeout \(?>1.0s", ran.stdout)
    assert ran.returncode == pytest.ExitCode.TESTS_FAILED


def test_every_test_has_a_time_limit(pytestconfig):
    assert 0 < float(pytestconfig.getini("timeout")) <= 300
