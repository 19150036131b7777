"""Every lesson's claims have been counted over twenty seeds, for the code it has now."""

import json
import re
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
    for tag in ("colab", "exercise", "check", "solution"):
        book.cells.append(v4.new_code_cell("install()", metadata={"tags": [tag]}))
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


def test_a_star_stands_for_any_letters_of_a_name():
    book = notebook("STEPS = 1200  # of each\nAE_STEPS = 800\nSTEPSIZE = 0.1\nSEED = 0")
    claims.change_settings(book, {"*STEPS": "50"})
    assert book.cells[0].source == "STEPS = 50\nAE_STEPS = 50\nSTEPSIZE = 0.1\nSEED = 0"
    claims.change_settings(book, {"*_STEPS": "30", "*_RATE": "1"})
    assert book.cells[0].source == "STEPS = 50\nAE_STEPS = 30\nSTEPSIZE = 0.1\nSEED = 0"


def test_a_claim_made_twice_must_hold_twice():
    book = notebook("a", "b")
    book.cells[0].outputs = [v4.new_output("stream", text="holds: it helps\nholds: x > 0\n")]
    book.cells[1].outputs = [v4.new_output("stream", text="so\ndiffers here: it helps\n")]
    assert claims.printed_claims(book) == {"it helps": False, "x > 0": True}


LESSON = """
print("holds: always")
print("holds: but for seed 1" if SEED != 1 or LIMIT > 1 else "differs here: but for seed 1")
"""


def run_claims(*arguments):
    command = [sys.executable, "tools/claims.py", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("options", "fails", "says"),
    [
        (["--seeds", "2"], True, "held in 1 of 2 runs: but for seed 1"),
        (["--seeds", "2", "--allow-different"], False, "held in 1 of 2 runs: but for seed 1"),
        (["--seeds", "1", "--first", "1", "--setting", "LIMIT=2"], False, "every claim holds"),
        (["--setting", "LIMIT"], True, "--setting must be NAME=VALUE, got 'LIMIT'"),
    ],
    ids=["differs", "may differ", "another setting", "no setting"],
)
def test_command_counts_how_often_each_claim_held(tmp_path, options, fails, says):
    path = tmp_path / "lesson.ipynb"
    write(notebook("SEED = 0\nLIMIT = 1", LESSON), path)
    ran = run_claims(path, "--check", *options)
    assert says in ran.stdout + ran.stderr
    assert bool(ran.returncode) == fails


@pytest.mark.parametrize(
    "option",
    [["--reword", "a=b"], ["--redrawn"], ["--carry", "HEAD", "--reword", "a"]],
)
def test_a_wrong_word_for_a_change_is_told(tmp_path, option):
    path = tmp_path / "lesson.ipynb"
    write(notebook("SEED = 0\nLIMIT = 1", LESSON), path)
    assert re.search("to --carry has changed|must be NAME=VALUE", run_claims(path, *option).stderr)


@pytest.mark.parametrize("option", [["--first", "1"], ["--setting", "LIMIT=2"], ["--seeds", "1"]])
def test_only_the_lesson_as_it_stands_makes_a_record(tmp_path, option):
    path = tmp_path / "lesson.ipynb"
    write(notebook("SEED = 0\nLIMIT = 1", LESSON), path)
    assert "add --check" in run_claims(path, *option).stderr


MEASURED = """\
from aside import START
print("holds: always", f"{START + LIFT + SEED / 10:.2f}", "took 3 ms")
"""


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """A repository with one recorded lesson: (its folder, the lesson)."""
    monkeypatch.setattr(claims, "ROOT", tmp_path)
    monkeypatch.setattr(claims, "RECORDS", tmp_path / "claims")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    (tmp_path / "aside.py").write_text("START = 0.5\n")  # what the lesson imports
    path = tmp_path / "notebooks" / "lesson.ipynb"
    path.parent.mkdir()
    write(notebook("SEED = 0\nLIFT = 0", MEASURED, tags=["settings", "trained"]), path)
    record(path, 2)
    for command in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "-m", "A lesson"]):
        author = ["-c", "user.name=A", "-c", "user.email=a@b"]
        subprocess.run(["git", "-C", tmp_path, *author, *command], check=True)
    return tmp_path, path


def record(path, seeds):
    runs = {seed: claims.executed(path, {"SEED": str(seed)}, {}) for seed in range(seeds)}
    claims.record(path, claims.count(path, runs), seeds, runs[claims.RECORDED_SEED])


def rewrite(path, old, new):
    path.write_text(path.read_text("utf-8").replace(old, new), encoding="utf-8")


def test_a_record_holds_what_seed_1_put_out(repository):
    _, path = repository
    content = claims.record_of(path)
    assert content["claims"] == {"always 0.50 took 3 ms": 1, "always 0.60 took 3 ms": 1}
    assert content["outputs"] == [{"stdout": ["holds: always 0.60 took DURATION\n"]}]
    again = claims.executed(path, {"SEED": "1"}, {})
    assert claims.output_differences(content["outputs"], again) == []


def test_an_output_that_is_not_the_recorded_one_is_told_with_its_cell(repository):
    _, path = repository
    recorded = claims.record_of(path)["outputs"]
    [line] = claims.output_differences(recorded, claims.executed(path, {"SEED": "3"}, {}))
    assert "0.80 instead of 0.60, which may differ by 0.06" in line
    assert "from aside import START" in line
    [line] = claims.output_differences(recorded * 2, claims.executed(path, {"SEED": "1"}, {}))
    assert line == "1 cells put out something, 2 on record"


@pytest.mark.parametrize(("setting", "differs"), [("LIFT=0.3", False), ("", True)])
def test_a_run_is_compared_with_the_record_unless_its_settings_are_others(
    repository, monkeypatch, capsys, setting, differs
):
    folder, path = repository
    (folder / "aside.py").write_text("START = 0.8\n")
    arguments = [str(path), "--seeds", "1", "--first", "1", "--check", "--allow-different"]
    arguments += ["--setting", setting] if setting else []
    monkeypatch.setattr(sys, "argv", ["claims.py", *arguments])
    with pytest.raises(SystemExit):
        claims.main()
    assert ("instead of 0.60" in capsys.readouterr().out) == differs


def test_pictures_have_to_be_the_same_to_be_carried():
    drawn, other = (
        v4.new_code_cell(outputs=[v4.new_output("display_data", {"image/png": png})])
        for png in ("iVBORw0", "iVBORw1")
    )
    strict, lenient = (
        [claims.everything(cell, {}, redrawn) for cell in (drawn, drawn, other)]
        for redrawn in (False, True)
    )
    assert strict[0] == strict[1] != strict[2]
    assert lenient[0] == lenient[1] == lenient[2]


def test_only_whole_words_are_reworded_wherever_they_stand():
    kept = {"draws a draw": 3, "outputs": [{"stdout": ["12 draws, redraws"]}], "none": None}
    told = claims.reworded(kept, {"draws": "repeats", "a draw": "one"})
    assert told == {
        "repeats one": 3,
        "outputs": [{"stdout": ["12 repeats, redraws"]}],
        "none": None,
    }


def test_a_change_that_leaves_every_output_alone_carries_its_record_over(repository):
    _, path = repository
    before = claims.record_of(path)
    rewrite(path, "SEED / 10", "0.1 * SEED")
    claims.carry(path, "HEAD", {}, redrawn=False)
    assert claims.record_of(path) == before | {"hash": claims.source_hash(lesson.read(path))}
    assert claims.record_of(path)["hash"] != before["hash"]


def test_any_other_change_does_not(repository):
    _, path = repository
    before = claims.record_of(path)
    rewrite(path, "START +", "START + 0.01 +")
    with pytest.raises(ValueError, match="lesson puts out something else than in HEAD"):
        claims.carry(path, "HEAD", {}, redrawn=False)
    assert claims.record_of(path) == before


def test_changed_words_are_named_to_be_carried(repository):
    _, path = repository
    rewrite(path, "always", "ever")
    with pytest.raises(ValueError, match="lesson puts out something else than in HEAD"):
        claims.carry(path, "HEAD", {}, redrawn=False)
    claims.carry(path, "HEAD", {"always": "ever"}, redrawn=False)
    content = claims.record_of(path)
    assert content["claims"] == {"ever 0.50 took 3 ms": 1, "ever 0.60 took 3 ms": 1}
    assert content["outputs"] == [{"stdout": ["holds: ever 0.60 took DURATION\n"]}]
    assert content["hash"] == claims.source_hash(lesson.read(path))


def test_a_number_cannot_hide_behind_changed_words(repository):
    _, path = repository
    rewrite(path, "always", "ever")
    rewrite(path, "START +", "START + 0.01 +")
    with pytest.raises(ValueError, match="lesson puts out something else than in HEAD"):
        claims.carry(path, "HEAD", {"always": "ever"}, redrawn=False)


def test_a_package_that_changed_beside_the_lesson_is_noticed(repository):
    folder, path = repository
    (folder / "aside.py").write_text("START = 0.52\n")
    with pytest.raises(ValueError, match="lesson puts out something else than in HEAD"):
        claims.carry(path, "HEAD", {}, redrawn=False)


def test_a_record_of_another_lesson_is_not_carried(repository):
    _, path = repository
    content = claims.record_of(path)
    claims.write_record(path, content | {"hash": "of something else"})
    with pytest.raises(ValueError, match="lesson in HEAD is not the lesson on record"):
        claims.carry(path, "HEAD", {}, redrawn=False)
