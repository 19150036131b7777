"""Run a lesson from top to bottom in a fresh kernel and save it with its outputs.

    python tools/lesson.py notebooks/00_start_here.ipynb

Prints the slowest cells, the seconds in all and the kernel's peak memory. A lesson that stops at
an error or writes to stderr is not saved.
"""

import argparse
import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

CELL_TIMEOUT = 600  # seconds; only there to end a cell that hangs


def read(path: Path) -> nbformat.NotebookNode:
    """The notebook at `path`."""
    return nbformat.read(path, as_version=4)


def code_cells(notebook) -> list[nbformat.NotebookNode]:
    """The notebook's code cells, in order."""
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def tags(cell) -> list[str]:
    """The tags of a cell."""
    return cell.metadata.get("tags", [])


def stream(cell, name: str) -> str:
    """All that a code cell wrote to `stdout` or `stderr`."""
    return "".join(output.text for output in cell.outputs if output.get("name") == name)


def run(notebook, folder: Path, environment: Mapping[str, str] | None = None) -> dict[int, float]:
    """Execute the notebook in place, in a fresh kernel on one thread that starts in `folder`.

    Args:
        notebook: what to execute; its outputs are replaced.
        folder: where the kernel starts.
        environment: variables of the kernel on top of this process's own.

    Returns:
        The seconds each code cell took, by its place in the notebook.

    Raises:
        CellExecutionError: a cell raised; the message holds the cell and its traceback.
    """
    seconds = {}

    def start(cell, cell_index):
        seconds[cell_index] = -time.perf_counter()

    def stop(cell, cell_index, execute_reply):
        seconds[cell_index] += time.perf_counter()

    client = NotebookClient(
        notebook,
        timeout=CELL_TIMEOUT,
        kernel_name="python3",
        extra_arguments=["--log-level=ERROR"],  # without its remarks on the connection
        resources={"metadata": {"path": str(folder)}},
        record_timing=False,  # the clock is no part of a lesson
        store_widget_state=False,  # with it, the page stays blank where no kernel runs
        on_cell_execute=start,
        on_cell_executed=stop,
    )
    client.execute(env=os.environ | {"OMP_NUM_THREADS": "1"} | dict(environment or {}))
    return seconds


def without_traces(notebook) -> nbformat.NotebookNode:
    """The notebook with nothing of the machine or the programs it was edited on in its metadata."""
    kernel = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
    notebook.metadata = nbformat.from_dict(
        {"kernelspec": kernel, "language_info": {"name": "python"}}
    )
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
    return notebook


def peak_megabytes() -> float:
    """The most memory that the kernel, this process's only child, has held."""
    import resource  # not on Windows, where the other functions of this file still work

    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    return peak / (1e6 if sys.platform == "darwin" else 1e3)


def first_line(cell) -> str:
    """How a cell begins, to recognise it by."""
    return cell.source.split("\n")[0][:60]


def main() -> None:
    """Run one lesson; save it if it neither stopped nor wrote to stderr."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("lesson", type=Path)
    path = parser.parse_args().lesson
    notebook = read(path)
    try:
        seconds = run(notebook, path.parent)
    except CellExecutionError as error:
        sys.exit(f"{path.name} stopped, and was not saved\n{error}")

    for place in sorted(seconds, key=seconds.get, reverse=True)[:5]:
        print(f"{seconds[place]:7.1f} s  cell {place}: {first_line(notebook.cells[place])}")
    print(f"{sum(seconds.values()):7.1f} s  in all, {peak_megabytes():.0f} MB at the peak")
    complaints = "".join(stream(cell, "stderr") for cell in code_cells(notebook))
    if complaints:
        sys.exit(f"{path.name} wrote to stderr, and was not saved\n{complaints}")
    nbformat.write(without_traces(notebook), path)


if __name__ == "__main__":
    main()
