"""What every lesson must hold to, read from the saved notebook without running it."""

import ast
import math
import re
from itertools import chain, groupby
from pathlib import Path

import compare
import nbformat
import pytest
from claims import cells_of_claims
from lesson import code_cells, read, stream, tags

LESSONS = sorted((Path(__file__).parent.parent / "notebooks").glob("*.ipynb"))
EXERCISE = ["exercise", "check", "solution"]  # an exercise's three code cells, in this order


@pytest.fixture(scope="module", params=LESSONS, ids=lambda path: path.stem)
def path(request):
    return request.param


@pytest.fixture(scope="module")
def book(path):
    return read(path)


def tagged(book, tag):
    return [cell for cell in code_cells(book) if tag in tags(cell)]


def words(book):
    prose = " ".join(cell.source for cell in book.cells if cell.cell_type == "markdown")
    return [word for word in prose.split() if any(map(str.isalnum, word))]


def test_notebook_is_valid_and_small(path, book):
    nbformat.validate(book)
    assert book.nbformat_minor >= 5  # cells have ids, which keep changes readable
    assert path.stat().st_size <= 1_000_000


def test_nothing_of_the_editing_machine_is_saved(book):
    assert set(book.metadata) <= {"kernelspec", "language_info"}  # above all no `widgets`
    assert set(book.metadata.language_info) == {"name"}
    assert not [cell for cell in book.cells if "execution" in cell.metadata]


def test_cells_ran_once_from_top_to_bottom(book):
    counts = [cell.execution_count for cell in code_cells(book)]
    assert counts == list(range(1, len(counts) + 1))


def test_no_cell_stops_complains_or_is_skipped(book):
    for cell in code_cells(book):
        assert not [output for output in cell.outputs if output.output_type == "error"]
        assert stream(cell, "stderr") == ""
        assert not {"nbval-skip", "raises-exception"} & set(tags(cell))
        assert not re.search(r"NBVAL_SKIP|NBVAL_RAISES_EXCEPTION", cell.source)


def test_every_figure_has_alt_text_and_a_line_of_numbers(book):
    for cell in code_cells(book):
        figures = [o for o in cell.outputs if "image/png" in o.get("data", {})]
        for figure in figures:
            assert figure.metadata.get("image/png", {}).get("alt", "").strip(), cell.source
            # A widget says it in the text that stands in for it where no kernel runs.
            line = figure.data["text/plain"] + stream(cell, "stdout")
            assert re.search(r"\d", line), cell.source


def test_every_verdict_stands_beside_the_interval_that_gives_it(book):
    for cell in code_cells(book):
        for text in chain(*compare.texts(cell.outputs).values()):
            for line in text.split("\n"):
                assert compare.verdict_errors(line, "saved") == []


def with_a_wrong_number(line, match, rule):
    """The line with another number in place of the matched one, far from what it says."""
    value = float(match[0])
    away = math.copysign(2 * abs(value) + 10 + rule.atol + rule.counts, value)
    wrong = f"{value + away:.0f}" if compare.whole(match[0]) else f"{value + away:.4f}"
    return line[: match.start()] + wrong + line[match.end() :]


def test_a_wrong_number_in_any_cell_goes_red(book):
    for cell in code_cells(book):
        rule = compare.Rule.of(tags(cell))
        for line in "\n".join(chain(*compare.texts(cell.outputs).values())).split("\n"):
            for match in compare.NUMBER.finditer(line):
                if math.isfinite(float(match[0])):
                    wrong = with_a_wrong_number(line, match, rule)
                    assert compare.text_differences(line, wrong, rule), (line, wrong)


def test_a_cell_compared_by_a_number_of_its_own_says_why(book):
    for cell in code_cells(book):
        own = [tag for tag in tags(cell) if tag.startswith((*compare.OWN, "nbval-"))]
        assert bool(own) == bool(cell.metadata.get("reason", "").strip()), cell.source
        compare.Rule.of(tags(cell))


def test_code_cells_are_short(book):
    for cell in code_cells(book):
        lines = cell.source.split("\n")
        assert len(lines) <= 25, lines[0]
        assert [line for line in lines if len(line) > 79] == []


IN_PLACE = (
    "add append clear discard extend insert pop popitem remove reverse setdefault sort update"
)


def test_a_cell_run_twice_changes_nothing_twice_that_another_cell_made(book):
    for cell in code_cells(book):
        if "colab" in tags(cell):
            continue
        nodes = list(ast.walk(ast.parse(cell.source)))
        own = {node.arg for node in nodes if isinstance(node, ast.arg)}
        own |= {n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
        changed = {
            node.func.value.id
            for node in nodes
            if isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in IN_PLACE.split()
            and isinstance(node.func.value, ast.Name)
        }
        assert changed <= own, cell.source


def test_code_and_prose_keep_the_rhythm(book):
    kinds = [cell.cell_type for cell in book.cells]
    assert 15 <= kinds.count("code") <= 45
    assert max(len(list(run)) for kind, run in groupby(kinds) if kind == "code") <= 3
    assert 1200 <= len(words(book)) <= 2700


def test_first_code_cell_installs_on_colab_and_only_there(book):
    cell = code_cells(book)[0]
    assert "colab" in tags(cell)
    assert cell.source == code_cells(read(LESSONS[0]))[0].source
    assert re.search(r"if .*google\.colab", cell.source)
    assert "%pip install" in cell.source
    assert "enable_custom_widget_manager()" in cell.source
    assert cell.outputs == []


def test_one_settings_cell_holds_the_seed(book):
    [settings] = tagged(book, "settings")
    assert len(re.findall(r"^SEED = 0\b", settings.source, re.MULTILINE)) == 1


def test_exercises_have_a_check_and_a_solution(book):
    found = [tag for cell in code_cells(book) for tag in EXERCISE if tag in tags(cell)]
    assert found == EXERCISE * found.count("exercise")
    assert found


def test_other_cells_have_no_name_of_an_exercise_and_no_claim_depends_on_one(book):
    aside = [cell for tag in EXERCISE for cell in tagged(book, tag)]
    assert not any("claim(" in cell.source for cell in aside)
    made = set().union(*map(defined, aside))
    for cell in cells_of_claims(book):
        nodes = list(ast.walk(ast.parse(cell.source)))
        names = {node.id for node in nodes if isinstance(node, ast.Name)}
        names |= {node.asname or node.name for node in nodes if isinstance(node, ast.alias)}
        assert not names & made, cell.source


def test_checks_carry_points(book):
    for check in tagged(book, "check"):
        points = check.metadata.get("points")
        assert isinstance(points, int) and points >= 1, check.source


def defined(cell):
    """The names a cell defines at its top level."""
    body = ast.parse(cell.source).body
    named = [node.name for node in body if isinstance(node, ast.FunctionDef | ast.ClassDef)]
    values = [target for node in body if isinstance(node, ast.Assign) for target in node.targets]
    return {*named, *(target.id for target in values if isinstance(target, ast.Name))}


def test_solutions_are_folded_and_overwrite_nothing_of_the_reader(book):
    exercises, solutions = tagged(book, "exercise"), tagged(book, "solution")
    for exercise, solution in zip(exercises, solutions, strict=True):
        assert solution.metadata.get("jupyter", {}).get("source_hidden") is True
        assert any(name.startswith("solution_") for name in defined(solution)), solution.source
        assert not defined(solution) & defined(exercise)
