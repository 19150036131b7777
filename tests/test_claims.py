"""Every lesson's claims have been counted over twenty seeds, for the code it has now."""

import json
import subprocess
import sys
from pathlib import Path

import claims
import lesson
import pytest
from nbformat import v4, write

ROOT = Path(__file__).parent.parent
LESSONS = sorted((ROOT / "notebooks").glob("*.ipynb"))


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_claims_of_this_very_lesson_held_in_twenty_runs(path):
    again = f"python tools/claims.py notebooks/{path.name} --seeds 20"
    file = claims.RECORDS / f"{path.stem}.json"
    assert file.exists(), f"no record of its claims: {again}"
    record = json.loads(file.read_text(encoding="utf-8"))
    assert record["hash"] == claims.source_hash(lesson.read(path)), f"the code changed: {again}"
    assert record["seeds"] >= 20
    assert record["claims"]
    assert {s: n for s, n in record["claims"].items() if n != record["seeds"]} == {}


def notebook(*sources, tags=("settings",)):
    cells = [v4.new_code_cell(source, metadata={"tags": list(tags)}) for source in sources]
    return v4.new_notebook(cells=cells)


def test_hash_follows_the_code_and_nothing_else():
    book = notebook("SEED = 0", "print(1)")
    before = claims.source_hash(book)
    book.cells[1].outputs = [v4.new_output("stream", text="1")]
    book.cells.append(v4.new_markdown_cell("prose"))
    book.cells.append(v4.new_code_cell("install()", metadata={"tags": ["colab"]}))
    assert claims.source_hash(book) == before
    book.cells[1].source = "print(2)"
    assert claims.source_hash(book) != before


def test_a_setting_is_replaced_with_its_whole_line():
    book = notebook('SEED = 0  # any whole number\nSET = "digits"\nSEEDS = 3')
    claims.change_settings(book, {"SEED": "7", "SET": r'"\1"'})
    assert book.cells[0].source == 'SEED = 7\nSET = "\\1"\nSEEDS = 3'


@pytest.mark.parametrize(
    ("book", "found"),
    [
        (notebook("seed = 0"), 0),
        (notebook("SEED = 0", tags=()), 0),
        (notebook("SEED = 0", "SEED = 0"), 2),
    ],
    ids=["another name", "no settings cell", "twice"],
)
def test_a_setting_that_is_not_there_once_is_an_error(book, found):
    with pytest.raises(ValueError, match=rf"one line 'SEED = ...', got {found}"):
        claims.change_settings(book, {"SEED": "7"})


def test_a_claim_made_twice_must_hold_twice():
    book = notebook("a", "b")
    book.cells[0].outputs = [v4.new_output("stream", text="holds: it helps\nholds: x > 0\n")]
    book.cells[1].outputs = [v4.new_output("stream", text="so\ndiffers here: it helps\n")]
    assert claims.printed_claims(book) == {"it helps": False, "x > 0": True}


LESSON = """
print("holds: always")
print("holds: but for seed 1" if SEED != 1 or LIMIT > 1 else "differs here: but for seed 1")
"""


@pytest.mark.parametrize(
    ("options", "fails", "says"),
    [
        (["--seeds", "2"], True, "held in 1 of 2 runs: but for seed 1"),
        (["--seeds", "2", "--allow-different"], False, "held in 1 of 2 runs: but for seed 1"),
        (["--seeds", "1", "--first", "1", "--setting", "LIMIT=2"], False, "every claim holds"),
    ],
    ids=["differs", "may differ", "another setting"],
)
def test_command_counts_how_often_each_claim_held(tmp_path, options, fails, says):
    path = tmp_path / "lesson.ipynb"
    write(notebook("SEED = 0\nLIMIT = 1", LESSON), path)
    command = [sys.executable, "tools/claims.py", str(path), "--check", *options]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert says in ran.stdout
    assert bool(ran.returncode) == fails
