"""Count how often each claim of a lesson holds when everything is drawn anew.

    python tools/claims.py notebooks/00_start_here.ipynb --seeds 20
    python tools/claims.py notebooks/*.ipynb --seeds 1 --first 1 --check
    python tools/claims.py notebooks/00_start_here.ipynb --carry HEAD --reword draws=repeats

A lesson states a claim with `claim(sentence, condition)`, which prints whether it holds. Here the
lesson runs once for each seed, two runs at a time, with the line `SEED = 0` of its settings cell
replaced. The first form records the counts in tests/claims/, with what the lesson printed with
seed 1. `--check` records nothing, and compares what seed 1 prints with the record. Both fail when
a claim did not hold or an output differs, unless `--allow-different` is given, for data that the
claims are not about: `--setting 'SET="mnist"'` replaces any other line of the settings cell, and
`--setting '*_STEPS=600'` every line whose name ends so.

`--carry` is for a change that leaves every output as it was, a renamed argument say. It runs the
lesson as it was in a commit and as it is now, both on this machine; where all outputs are the same
it hands the commit's record on. Words that changed, and nothing else, are named by `--reword`: they
are replaced in the commit's outputs and in its record before the two are compared. Pictures show
words, too; `--redrawn` lets them differ, for someone who has looked at them.
"""

import argparse
import hashlib
import json
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import compare
import processors
from lesson import code_cells, first_line, read, run, stream, tags
from nbclient.exceptions import CellExecutionError

ROOT = Path(__file__).parent.parent
RECORDS = ROOT / "tests" / "claims"
RECORDED_SEED = 1  # whose outputs are recorded; those of seed 0 are saved in the lesson itself
ASIDE = {"colab", "exercise", "check", "solution"}  # tags of cells that no claim depends on


def cells_of_claims(notebook) -> list:
    """The code cells that claims may depend on: they neither install nor belong to an exercise."""
    return [cell for cell in code_cells(notebook) if not ASIDE & set(tags(cell))]


def source_hash(notebook) -> str:
    """Fingerprint of the code that claims may depend on; other cells may change freely."""
    sources = [cell.source for cell in cells_of_claims(notebook)]
    return hashlib.sha256("\n\n".join(sources).encode()).hexdigest()


def change_settings(notebook, settings: dict[str, str]) -> None:
    """Replace the lines `NAME = ...` of the settings cell, in place.

    In a name `*` stands for any letters, so that it may fit several lines, or none.

    Raises:
        ValueError: the settings cell does not have exactly one line for a name without `*`.
    """
    cells = [cell for cell in code_cells(notebook) if "settings" in tags(cell)]
    for name, value in settings.items():
        letters = re.escape(name).replace(r"\*", r"\w*")
        pattern = re.compile(rf"^({letters}) = .*$", re.MULTILINE)
        found = sum(len(pattern.findall(cell.source)) for cell in cells)
        if found != 1 and "*" not in name:
            raise ValueError(f"the settings cell must have one line '{name} = ...', got {found}")
        for cell in cells:
            cell.source = pattern.sub(lambda line, value=value: f"{line[1]} = {value}", cell.source)


def printed_claims(notebook) -> dict[str, bool]:
    """Whether each claim held, by its sentence; one made twice must hold twice."""
    claims = {}
    for cell in code_cells(notebook):
        found = re.findall(r"^(holds|differs here): (.+)$", stream(cell, "stdout"), re.MULTILINE)
        for verdict, sentence in found:
            claims[sentence] = claims.get(sentence, True) and verdict == "holds"
    return claims


def cells_with_outputs(notebook) -> list:
    """Those of them that put out something, but for what is about the machine."""
    return [
        cell
        for cell in cells_of_claims(notebook)
        if compare.texts(cell.outputs) and "nbval-ignore-output" not in tags(cell)
    ]


def output_differences(recorded: list[compare.Texts], notebook) -> list[str]:
    """How a run differs from the outputs on record, beyond what another processor explains."""
    cells = cells_with_outputs(notebook)
    if len(cells) != len(recorded):
        return [f"{len(cells)} cells put out something, {len(recorded)} on record"]
    return [
        f"{first_line(cell)}\n  {line}"
        for before, cell in zip(recorded, cells, strict=True)
        for line in compare.differences(
            before, compare.texts(cell.outputs), compare.Rule.of(tags(cell))
        )
    ]


def executed(path: Path, settings: dict[str, str], environment: dict[str, str]):
    """A lesson after one run with these settings; says how it went."""
    start, notebook = time.perf_counter(), read(path)
    change_settings(notebook, settings)
    run(notebook, path.parent, environment)
    claims, took = printed_claims(notebook), time.perf_counter() - start
    changed = ", ".join(f"{name} = {value}" for name, value in settings.items())
    print(f"{path.stem}, {changed}: {sum(claims.values())} of {len(claims)} hold ({took:.0f} s)")
    return notebook


def record_file(path: Path) -> Path:
    """Where the record of a lesson's claims is kept."""
    return RECORDS / f"{path.stem}.json"


def record_of(path: Path) -> dict:
    """What was recorded of a lesson's claims."""
    return json.loads(record_file(path).read_text(encoding="utf-8"))


def record(path: Path, held: Counter, seeds: int, recorded_run) -> None:
    """Write down the counts, the fingerprint of the code behind them, and one run's outputs."""
    content = {
        "lesson": path.stem,
        "hash": source_hash(read(path)),
        "seeds": seeds,
        "claims": held,
        "outputs": [compare.texts(cell.outputs) for cell in cells_with_outputs(recorded_run)],
    }
    write_record(path, content)


def write_record(path: Path, content: dict) -> None:
    """Write a lesson's record to its file."""
    RECORDS.mkdir(exist_ok=True)
    text = json.dumps(content, indent=1, ensure_ascii=False)
    record_file(path).write_text(text + "\n", encoding="utf-8")


def count(path: Path, runs: dict[int, object]) -> Counter:
    """How often each claim of a lesson held over its runs, by seed."""
    held = Counter()
    for notebook in runs.values():
        held.update({sentence: int(holds) for sentence, holds in printed_claims(notebook).items()})
    if not held:
        sys.exit(f"{path.stem} makes no claim")
    return held


@contextmanager
def checkout(commit: str):
    """A folder with the repository as it was in a commit; gone afterwards."""
    with tempfile.TemporaryDirectory() as folder:
        git = ["git", "-C", str(ROOT), "worktree"]
        subprocess.run([*git, "add", "--quiet", "--detach", folder, commit], check=True)
        try:
            yield Path(folder)
        finally:
            subprocess.run([*git, "remove", "--force", folder], check=True)


def reworded(value, words: dict[str, str]):
    """A record, or a part of one, with these words replaced wherever they stand as words."""
    if isinstance(value, str):
        for word, new in words.items():
            value = re.sub(rf"\b{re.escape(word)}\b", lambda _, new=new: new, value)
        return value
    if isinstance(value, dict):
        return {reworded(key, words): reworded(held, words) for key, held in value.items()}
    return [reworded(part, words) for part in value] if isinstance(value, list | tuple) else value


def carry(path: Path, commit: str, words: dict[str, str], redrawn: bool) -> None:
    """Hand the record of a lesson in a commit on to the lesson as it is now.

    Args:
        path: of the lesson.
        commit: that has the lesson of the record.
        words: word -> what stands in its place now.
        redrawn: whether pictures may differ.

    Raises:
        ValueError: the commit's lesson is not the one on record, or an output differs.
    """
    content, place = record_of(path), path.resolve().relative_to(ROOT.resolve())
    with checkout(commit) as folder:
        if content["hash"] != source_hash(read(folder / place)):
            raise ValueError(f"{path.stem} in {commit} is not the lesson on record")
        old = executed(folder / place, {}, {"PYTHONPATH": str(folder)})
    new = executed(path, {}, {})
    before = [everything(cell, words, redrawn) for cell in cells_with_outputs(old)]
    cells = cells_with_outputs(new)
    now = [everything(cell, {}, redrawn) for cell in cells]
    if before != now:
        changed = [
            first_line(cell) for cell, out in zip(cells, now, strict=True) if out not in before
        ]
        raise ValueError(f"{path.stem} puts out something else than in {commit}: {changed}")
    content["claims"] = reworded(content["claims"], words)
    content["outputs"] = reworded(content["outputs"], words)
    write_record(path, content | {"hash": source_hash(new)})


def everything(cell, words: dict[str, str], redrawn: bool) -> tuple[list, list[str]]:
    """All that a cell put out: its texts, reworded, and its pictures, to the last bit."""
    shown = [output.get("data", {}).get("image/png") for output in cell.outputs]
    pictures = [] if redrawn else [picture for picture in shown if picture]
    return reworded(compare.texts(cell.outputs), words), pictures


def main() -> None:
    """Count the claims of each lesson named on the command line, or hand their records on."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("lessons", type=Path, nargs="+")
    parser.add_argument("--seeds", type=int, default=20, help="how many runs")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--setting", action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("--processor", default=processors.PLAIN, choices=processors.SETTINGS)
    parser.add_argument("--check", action="store_true", help="record nothing")
    parser.add_argument("--allow-different", action="store_true", help="claims need not hold")
    parser.add_argument("--carry", metavar="COMMIT", help="hand its records on")
    parser.add_argument("--reword", action="append", default=[], metavar="OLD=NEW")
    parser.add_argument("--redrawn", action="store_true", help="pictures may differ")
    args = parser.parse_args()
    for name in ("setting", "reword"):
        if malformed := [value for value in getattr(args, name) if "=" not in value]:
            parser.error(f"--{name} must be NAME=VALUE, got {malformed[0]!r}")
    if (args.reword or args.redrawn) and not args.carry:
        parser.error("--reword and --redrawn say how a lesson to --carry has changed")
    plain = not (args.setting or args.first or args.processor != processors.PLAIN)
    if not args.check and not args.carry and not (plain and args.seeds > RECORDED_SEED):
        parser.error("a record is for the lesson as it stands, from seed 0 on: add --check")
    try:
        if args.carry:
            for path in args.lessons:
                words = dict(pair.split("=", 1) for pair in args.reword)
                carry(path, args.carry, words, args.redrawn)
        else:
            count_all(args)
    except (CellExecutionError, ValueError, OSError, subprocess.CalledProcessError) as error:
        sys.exit(f"a lesson stopped: {error}")


def count_all(args: argparse.Namespace) -> None:
    """Run every lesson with every seed; record or compare; exit 1 if anything differs."""
    settings = dict(setting.split("=", 1) for setting in args.setting)
    environment = processors.environment(args.processor)
    seeds = range(args.first, args.first + args.seeds)
    jobs = [(path, seed) for path in args.lessons for seed in seeds]

    def job(path, seed):
        return executed(path, {"SEED": str(seed)} | settings, environment)

    with ThreadPoolExecutor(2) as pool:  # each thread waits for a kernel of its own
        done = dict(zip(jobs, pool.map(job, *zip(*jobs, strict=True)), strict=True))
    failed = []
    for path in args.lessons:
        runs = {seed: done[path, seed] for seed in seeds}
        held, recorded_run = count(path, runs), runs.get(RECORDED_SEED)
        failed += [
            f"{path.stem}: held in {times} of {args.seeds} runs: {sentence}"
            for sentence, times in held.items()
            if times < args.seeds
        ]
        if not args.check:
            record(path, held, args.seeds, recorded_run)
        elif recorded_run and not settings and record_file(path).exists():
            differ = output_differences(record_of(path)["outputs"], recorded_run)
            failed += [f"{path.stem}, seed {RECORDED_SEED}: {line}" for line in differ]
    print("\n".join(failed) or "every claim holds")
    sys.exit(bool(failed) and not args.allow_different)


if __name__ == "__main__":
    main()
