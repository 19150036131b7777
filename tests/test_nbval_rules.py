"""The rules by which a lesson's saved outputs are compared, on cells whose verdict is known."""

import shutil
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import compare
import pytest
from nbformat import v4, write

ROOT = Path(__file__).parent.parent

FIGURE = """
from IPython.display import display
display({"image/png": "iVBORw0KGgo="}, raw=True, metadata={"image/png": {"alt": ALT}})
"""


def figure(alt):
    return f"ALT = {alt!r}" + FIGURE


def shown_figure(alt):
    data, metadata = {"image/png": "AAAA"}, {"image/png": {"alt": alt}}
    return [v4.new_output("display_data", data=data, metadata=metadata)]


def printed(text):
    return [v4.new_output("stream", name="stdout", text=text)]


def shown(**data):
    return [v4.new_output("display_data", data=data)]


STUDY = "affine  88.5  +4.9 [ +3.6,  +6.2]  5.7 s  helps"  # half-width 1.3
NOTHING = "VAE  83.6  +0.1 [ -0.4,  +0.6]  6.1 s  no effect found"


def study(saved, fresh):
    return f"print({fresh!r})", printed(saved + "\n"), ["trained"]


# name of the case: source, saved outputs, tags, and what the report says (None: it passes)
CASES = {
    "the same text": ("print('loss 0.5000')", printed("loss 0.5000\n"), [], None),
    "rounded otherwise": ("print('loss 0.5001')", printed("loss 0.5000\n"), [], None),
    "a wrong digit": ("print('loss 0.5002')", printed("loss 0.5000\n"), [], "may differ by 0"),
    "a wrong trained number": ("print(0.57)", printed("0.5\n"), ["trained"], "0.57 instead of"),
    "a trained number": ("print('loss 0.54')", printed("loss 0.50\n"), ["trained"], None),
    "a number of its own": ("print(0.61)", printed("0.5\n"), ["trained", "rtol-0.2"], None),
    "beyond its own": ("print(0.71)", printed("0.5\n"), ["trained", "rtol-0.2"], "0.71 instead"),
    "near 0": ("print('+0.4 -0.2')", printed("-0.5 +0.0\n"), ["trained", "atol-1"], None),
    "not so near 0": ("print('+0.7')", printed("-0.5\n"), ["trained", "atol-1"], "+0.7 instead"),
    "rounding itself": ("print(8e-17)", printed("3e-17\n"), [], None),
    "other digits": ("print(0.1099, 10.0)", printed("0.11 9.99\n"), ["trained"], None),
    "0 from below": ("print('-0.0')", printed("-0.1\n"), [], None),
    "a count": ("print('3 of 10')", printed("4 of 10\n"), [], "3 instead of 4"),
    "a trained count": ("print('3 of 10')", printed("4 of 10\n"), ["trained"], "3 instead of 4"),
    "a count of its own": ("print('3 of 10')", printed("5 of 10\n"), ["counts-2"], None),
    "a count beyond its own": ("print('3 of 10')", printed("6 of 10\n"), ["counts-2"], "3 instead"),
    "another sign": ("print(-0.5)", printed("0.5\n"), ["trained"], "-0.5 instead of 0.5"),
    "a number that vanished": ("print('nan')", printed("0.5\n"), ["trained"], "nan instead"),
    "a number that was infinite": ("print(0.5)", printed("inf\n"), ["trained"], "0.5 instead"),
    "another integer": ("print(1797)", printed("1798\n"), [], "1797 instead of 1798"),
    "another word": ("print('holds 0.5')", printed("fails 0.5\n"), ["trained"], "other words"),
    "another version": ("print('24.10.1')", printed("24.11.1\n"), [], "other words"),
    "the same count beside nan": ("print('8 nan 0.5001')", printed("8 nan 0.5000\n"), [], None),
    "one number more": ("print(0.5, 0.5)", printed("0.5\n"), [], "other words"),
    "one line more": ("print('a\\nb')", printed("a\n"), [], "2 lines instead of 1"),
    "a percentage": ("print('91.0%, 8%')", printed("93.5%, 6%\n"), ["trained"], None),
    "a wrong percentage": ("print('86.0%')", printed("93.5%\n"), ["trained"], "86.0 instead"),
    "a wrong whole percentage": ("print('86%')", printed("93%\n"), ["trained"], "86 instead"),
    "a mean within its error": ("print('1.05 +- 0.02')", printed("1.00 +- 0.02\n"), [], "1.05"),
    "a trained mean": ("print('-0.02 +- 0.02')", printed("0.03 +- 0.02\n"), ["trained"], None),
    "a wrong mean": ("print('-0.05 +- 0.02')", printed("0.03 +- 0.02\n"), ["trained"], "-0.05"),
    "a wrong error": ("print('0.03 +- 0.09')", printed("0.03 +- 0.02\n"), ["trained"], "0.09"),
    "an effect": (*study(STUDY, STUDY.replace("+4.9", "+6.1")), None),
    "both its ends": (*study(STUDY, STUDY.replace("+3.6", "+2.5").replace("+6.2", "+7.3")), None),
    "a wrong effect": (*study(STUDY, STUDY.replace("+4.9", "+6.4")), "+6.4 instead of +4.9"),
    "a wrong end": (*study(STUDY, STUDY.replace("+6.2", "+7.7")), "+7.7 instead of +6.2"),
    "a wrong accuracy": (*study(STUDY, STUDY.replace("88.5", "78.5")), "78.5 instead of 88.5"),
    "a wrong verdict": (*study(STUDY, STUDY.replace("helps", "harms")), "now: 'harms' is not"),
    "a wrong saved verdict": (
        *study(STUDY.replace("helps", "no effect found"), STUDY),
        "saved: 'no effect found' is not what its interval says",
    ),
    "a verdict on nothing": (
        *study(STUDY.replace("+3.6", "-0.1"), STUDY.replace("+3.6", "-0.1")),
        "now: 'helps' is not what its interval says",
    ),
    "a verdict on the last": (*study(f"{STUDY[:-6]}{NOTHING}", f"{STUDY[:-6]}{NOTHING}"), None),
    "a verdict at the edge": (
        *study(NOTHING, "VAE  83.9  +0.4 [ +0.0,  +0.7]  9.0 s  helps"),
        None,
    ),
    "a verdict far from the edge": (
        *study(NOTHING, "VAE  83.9  +0.6 [ +0.4,  +0.9]  9.0 s  helps"),
        "+0.4 instead of -0.4",
    ),
    "a verdict without interval": (
        *study("affine +4.9 helps", "affine +4.9 helps"),
        "'helps' stands without the interval it rests on",
    ),
    "a claim of another word": (*study("holds: it helps", "holds: it harms"), "other words"),
    "a claim that helps": ("print('holds: it helps')", printed("holds: it helps\n"), [], None),
    "spacing in an array": ("print('[0.5 -1.1]')", printed("[ 0.5 -1.   ]\n"), ["trained"], None),
    "a duration": ("print('took 3 ms')", printed("took 12.5 s\n"), [], None),
    "sixes, not seconds": ("print('6s are 9s')", printed("5s are 9s\n"), [], "other words"),
    "a result": ("6 * 7.05", shown(**{"text/plain": "42.0"}), ["trained"], None),
    "a hidden result": ("6 * 7;", [], [], None),
    "no output either time": ("x = 1", [], [], None),
    "a lost text": ("print('hello')", [], [], "stdout is new"),
    "a text that is gone": ("x = 1", printed("hello\n"), [], "stdout is missing"),
    "a warning": ("import warnings; warnings.warn('x')", [], [], "stderr is new"),
    "a figure": (figure("loss 0.5"), shown_figure("loss 0.5"), [], None),
    "another figure": (figure("loss 0.7"), shown_figure("loss 0.5"), ["trained"], "0.7 instead"),
    "a lost figure": (figure("loss"), [], [], "picture is new"),
    "a figure that is gone": ("x = 1", shown_figure("loss"), [], "picture is missing"),
    "two figures": (figure("a"), shown_figure("a") * 2, [], "picture: 1 instead of 2"),
    "an error": ("1 / 0", [], [], "ZeroDivisionError"),
}


@pytest.fixture(scope="module")
def reports(tmp_path_factory):
    """What a run of pytest says of each case, all of them cells of one notebook."""
    folder = tmp_path_factory.mktemp("rules")
    cells = [
        v4.new_code_cell(source, outputs=outputs, execution_count=1, metadata={"tags": tags})
        for source, outputs, tags, _ in CASES.values()
    ]
    cells.append(v4.new_code_cell("y = 2", execution_count=None))
    cells.append(v4.new_code_cell("", execution_count=None))
    write(v4.new_notebook(cells=cells), folder / "cases.ipynb")
    shutil.copytree(ROOT / "tools", folder / "tools")
    shutil.copy(ROOT / "conftest.py", folder)
    shutil.copy(ROOT / "pyproject.toml", folder)
    command = [sys.executable, "-m", "pytest", "--numprocesses=0", "--color=no"]
    command += ["--junit-xml=report.xml", "cases.ipynb"]
    subprocess.run(command, cwd=folder, check=False, capture_output=True)
    cases = ElementTree.parse(folder / "report.xml").iter("testcase")
    return ["".join(case.itertext()) for case in cases]


@pytest.mark.parametrize(("number", "case"), list(enumerate(CASES)), ids=list(CASES))
def test_cell_is_judged_as_it_should_be(reports, number, case):
    expected = CASES[case][3]
    if expected is None:
        assert reports[number] == ""
    else:
        assert expected in reports[number]


def test_a_text_printed_in_pieces_is_one_text():
    pieces = [*printed("loss "), *shown_figure("curve"), *printed("0.5\n")]
    assert compare.texts(pieces) == {"stdout": ["loss 0.5\n"], "picture": ["curve"]}


def test_cell_saved_without_being_run_is_refused(reports):
    assert "Saved without being run" in reports[len(CASES)]


def test_empty_cell_needs_no_run(reports):
    assert reports[len(CASES) + 1] == ""
