"""The rules by which a lesson's saved outputs are compared, on cells whose verdict is known."""

import shutil
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
from nbformat import v4, write

ROOT = Path(__file__).parent.parent

FIGURE = """
from IPython.display import display
display({"image/png": "iVBORw0KGgo=", "text/plain": "figure"}, raw=True)
"""
BARE_FIGURE = FIGURE.replace(', "text/plain": "figure"', "")


def printed(text):
    return [v4.new_output("stream", name="stdout", text=text)]


def shown(**data):
    return [v4.new_output("display_data", data=data)]


PNG = {"image/png": "AAAA"}  # pictures are counted, not compared

# name of the case: source, saved outputs, tags, and what the report says (None: it passes)
CASES = {
    "the same text": ("print('loss 0.5000')", printed("loss 0.5000\n"), [], None),
    "a close number": ("print('loss 0.5001')", printed("loss 0.5000\n"), [], None),
    "a far number": ("print('loss 0.5010')", printed("loss 0.5000\n"), [], "Cell outputs differ"),
    "a far number, wide": ("print('loss 0.501')", printed("loss 0.5\n"), ["rtol-1e-2"], None),
    "a close number, exact": ("print(0.5001)", printed("0.5\n"), ["rtol-0"], "outputs differ"),
    "near 0": ("print('+0.4 -0.2')", printed("-0.5 +0.0\n"), ["atol-1"], None),
    "not so near 0": ("print('+0.6')", printed("-0.5\n"), ["atol-1"], "outputs differ"),
    "a count, wide": ("print('3 of 10')", printed("4 of 10\n"), ["atol-5"], "outputs differ"),
    "another sign": ("print(-0.5)", printed("0.5\n"), [], "outputs differ"),
    "a number that vanished": ("print('nan')", printed("0.5\n"), [], "outputs differ"),
    "another integer": ("print(1797)", printed("1798\n"), [], "outputs differ"),
    "another word": ("print('holds 0.5')", printed("fails 0.5\n"), [], "outputs differ"),
    "another version": ("print('24.10.1')", printed("24.11.1\n"), [], "outputs differ"),
    "the same count beside nan": ("print('8 nan 0.5001')", printed("8 nan 0.5\n"), [], None),
    "one number more": ("print(0.5, 0.5)", printed("0.5\n"), [], "outputs differ"),
    "spacing in an array": ("print('[0.5 -1.0001]')", printed("[ 0.5 -1.   ]\n"), [], None),
    "a duration": ("print('took 3 ms')", printed("took 12.5 s\n"), [], None),
    "a result": ("6 * 7.0001", shown(**{"text/plain": "42.0"}), [], None),
    "a hidden result": ("6 * 7;", [], [], None),
    "no output either time": ("x = 1", [], [], None),
    "a lost text": ("print('hello')", [], [], "Unexpected output fields"),
    "a text that is gone": ("x = 1", printed("hello\n"), [], "Missing output fields"),
    "a warning": ("import warnings; warnings.warn('x')", [], [], "Unexpected output fields"),
    "a figure": (FIGURE, shown(**PNG, **{"text/plain": "figure"}), [], None),
    "a lost figure": (FIGURE, [], [], "Unexpected output fields"),
    "a bare figure": (BARE_FIGURE, shown(**PNG), [], None),
    "a lost bare figure": (BARE_FIGURE, [], [], "1 pictures drawn, 0 saved"),
    "a bare figure that is gone": ("x = 1", shown(**PNG), [], "0 pictures drawn, 1 saved"),
    "an error": ("1 / 0", [], [], "ZeroDivisionError"),
}  # fmt: skip


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
    (folder / "tests").mkdir()
    shutil.copy(ROOT / "conftest.py", folder)
    shutil.copy(ROOT / "pyproject.toml", folder)
    shutil.copy(ROOT / "tests" / "nbval-sanitize.cfg", folder / "tests")
    command = [sys.executable, "-m", "pytest", "--numprocesses=0", "--color=no"]
    command += ["--junit-xml=report.xml", "cases.ipynb"]
    subprocess.run(command, cwd=folder, check=False, capture_output=True)
    found = ElementTree.parse(folder / "report.xml").iter("testcase")
    return ["".join(case.itertext()) for case in found]


@pytest.mark.parametrize(("number", "case"), list(enumerate(CASES)), ids=list(CASES))
def test_cell_is_judged_as_it_should_be(reports, number, case):
    expected = CASES[case][3]
    if expected is None:
        assert reports[number] == ""
    else:
        assert expected in reports[number]


def test_cell_saved_without_being_run_is_refused(reports):
    assert "Saved without being run" in reports[len(CASES)]


def test_empty_cell_needs_no_run(reports):
    assert reports[len(CASES) + 1] == ""
