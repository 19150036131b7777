"""Count how often each claim of a lesson holds when everything is drawn anew.

    python tools/claims.py notebooks/00_start_here.ipynb --seeds 20
    python tools/claims.py notebooks/*.ipynb --seeds 1 --first 1 --check

A lesson states a claim with `claim(sentence, condition)`, which prints whether it holds. Here the
lesson runs once for each seed, two runs at a time, with the line `SEED = 0` of its settings cell
replaced. The first form records the counts in tests/claims/; `--check` records nothing. Both fail
when a claim did not hold, unless `--allow-different` is given, for data that the claims are not
about: `--setting 'SET="mnist"'` replaces any other line of the settings cell.
"""

import argparse
import hashlib
import json
import re
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from lesson import code_cells, read, run, stream, tags
from nbclient.exceptions import CellExecutionError

RECORDS = Path(__file__).parent.parent / "tests" / "claims"


def source_hash(notebook) -> str:
    """Fingerprint of the lesson's code; the Colab cell, which only installs, may change freely."""
    sources = [cell.source for cell in code_cells(notebook) if "colab" not in tags(cell)]
    return hashlib.sha256("\n\n".join(sources).encode()).hexdigest()


def change_settings(notebook, settings: dict[str, str]) -> None:
    """Replace the lines `NAME = ...` of the settings cell, in place.

    Raises:
        ValueError: the settings cell does not have exactly one line for a name.
    """
    cells = [cell for cell in code_cells(notebook) if "settings" in tags(cell)]
    for name, value in settings.items():
        pattern, line = re.compile(rf"^{re.escape(name)} = .*$", re.MULTILINE), f"{name} = {value}"
        found = sum(len(pattern.findall(cell.source)) for cell in cells)
        if found != 1:
            raise ValueError(f"the settings cell must have one line '{name} = ...', got {found}")
        for cell in cells:
            cell.source = pattern.sub(lambda _, line=line: line, cell.source)


def printed_claims(notebook) -> dict[str, bool]:
    """Whether each claim held, by its sentence; one made twice must hold twice."""
    claims = {}
    for cell in code_cells(notebook):
        found = re.findall(r"^(holds|differs here): (.+)$", stream(cell, "stdout"), re.MULTILINE)
        for verdict, sentence in found:
            claims[sentence] = claims.get(sentence, True) and verdict == "holds"
    return claims


def claims_of(path: Path, settings: dict[str, str]) -> dict[str, bool]:
    """The claims of one run of a lesson; says how it went."""
    start, notebook = time.perf_counter(), read(path)
    change_settings(notebook, settings)
    run(notebook, path.parent)
    claims = printed_claims(notebook)
    changed = ", ".join(f"{name} = {value}" for name, value in settings.items())
    took = time.perf_counter() - start
    print(f"{path.stem}, {changed}: {sum(claims.values())} of {len(claims)} hold ({took:.0f} s)")
    return claims


def count(lessons: list[Path], seeds: range, settings: dict[str, str]) -> dict[Path, Counter]:
    """How often each claim of each lesson held over the seeds."""
    jobs = [(path, {"SEED": str(seed)} | settings) for path in lessons for seed in seeds]
    held = {path: Counter() for path in lessons}
    with ThreadPoolExecutor(2) as pool:  # each thread waits for a kernel of its own
        for (path, _), claims in zip(
            jobs, pool.map(claims_of, *zip(*jobs, strict=True)), strict=True
        ):
            held[path].update({sentence: int(holds) for sentence, holds in claims.items()})
    return held


def record(path: Path, held: Counter, seeds: int) -> None:
    """Write down the counts, with the fingerprint of the code they were made with."""
    content = {
        "lesson": path.stem,
        "hash": source_hash(read(path)),
        "seeds": seeds,
        "claims": held,
    }
    RECORDS.mkdir(exist_ok=True)
    text = json.dumps(content, indent=2, ensure_ascii=False)
    (RECORDS / f"{path.stem}.json").write_text(text + "\n", encoding="utf-8")


def main() -> None:
    """Count the claims of each lesson named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("lessons", type=Path, nargs="+")
    parser.add_argument("--seeds", type=int, default=20, help="how many runs")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--setting", action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("--check", action="store_true", help="record nothing")
    parser.add_argument("--allow-different", action="store_true", help="claims need not hold")
    args = parser.parse_args()
    if not args.check and (args.setting or args.first):
        parser.error("a record is for the lesson as it stands, from seed 0: add --check")
    settings = dict(setting.split("=", 1) for setting in args.setting)

    try:
        counts = count(args.lessons, range(args.first, args.first + args.seeds), settings)
    except (CellExecutionError, ValueError) as error:
        sys.exit(f"a lesson stopped: {error}")
    failed = []
    for path, held in counts.items():
        if not held:
            sys.exit(f"{path.stem} makes no claim")
        if not args.check:
            record(path, held, args.seeds)
        failed += [
            f"{path.stem}: held in {times} of {args.seeds} runs: {sentence}"
            for sentence, times in held.items()
            if times < args.seeds
        ]
    print("\n".join(failed) or "every claim holds")
    sys.exit(bool(failed) and not args.allow_different)


if __name__ == "__main__":
    main()
