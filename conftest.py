"""Settings for every test run: one thread, and how a lesson's saved outputs are compared.

nbval runs each lesson in a fresh kernel and compares what a cell prints and shows with what was
saved. On top of that, numbers may differ by a small tolerance, pictures are counted, and a cell
that was saved without being run is refused.
"""

import math
import os
import re

import nbval.kernel
import nbval.plugin

# Before torch is imported, here and in the kernels. The two workers would slow each other down
# with more, and one thread prints the same numbers on every machine.
os.environ["OMP_NUM_THREADS"] = "1"
# The lessons' saved outputs are those of a CPU; tools/device_check.py chooses another device.
os.environ.setdefault("GENAUG_DEVICE", "cpu")

RTOL = 1e-3
NUMBER = re.compile(
    r"(?<![\w.])[-+]?(?:(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?|nan|inf)(?!\.?\w)", re.IGNORECASE
)


class Approximate(str):
    """Text that equals another one when its words are the same and its numbers are close.

    Integers have to be the same; other numbers may differ by `rtol`, relative to the larger, or
    by `atol`.
    """

    def __new__(cls, text: str, rtol: float, atol: float):
        self = super().__new__(cls, text)
        self.rtol, self.atol = rtol, atol
        return self

    def __eq__(self, other):
        return words(self) == words(other) and all(
            close(a, b, self.rtol, self.atol)
            for a, b in zip(NUMBER.findall(self), NUMBER.findall(other), strict=True)
        )

    def __ne__(self, other):
        return not self == other

    __hash__ = str.__hash__


def words(text: str) -> str:
    """The text with `#` for each number and without the spacing, which follows the numbers."""
    return re.sub(r"\s*#\s*", "#", " ".join(NUMBER.sub("#", text).split()))


def close(a: str, b: str, rtol: float, atol: float) -> bool:
    """Whether two printed numbers are the same, or close where at least one has a fraction."""
    if a == b:
        return True
    if not re.search(r"[.en]", a + b, re.IGNORECASE):  # neither a fraction nor nan or inf
        return False
    return math.isclose(float(a), float(b), rel_tol=rtol, abs_tol=atol or min(1e-6, rtol))


class LessonCell(nbval.plugin.IPyNbCell):
    """A code cell of a lesson, compared by our rules."""

    def runtest(self):
        """Run the cell and compare; afterwards refuse it if it was saved without being run."""
        super().runtest()
        if self.cell.source.strip() and self.cell.execution_count is None:
            self.raise_cell_error("Saved without being run: run the lesson and save it first")

    def sanitize(self, s):
        """Let the cell's texts be compared with its tolerances: tags widen them.

        `rtol-1e-2` is for numbers that training decides, `atol-1.5` for such as lie around 0.
        """
        s = super().sanitize(s)
        rtol, atol = self.tolerance("rtol-", RTOL), self.tolerance("atol-", 0.0)
        return Approximate(s, rtol, atol) if isinstance(s, str) else s

    def tolerance(self, tag: str, default: float) -> float:
        """The number in the cell's tag that begins so."""
        tags = self.cell.metadata.get("tags", [])
        return next((float(each[len(tag) :]) for each in tags if each.startswith(tag)), default)

    def compare_outputs(self, test, ref, skip_compare=None):
        """Compare the texts, and that as many pictures were drawn as were saved."""
        if not super().compare_outputs(test, ref, skip_compare):
            return False
        drawn, saved = pictures(test), pictures(ref)
        if drawn != saved:
            self.comparison_traceback.append(f"{drawn} pictures drawn, {saved} saved")
        return drawn == saved


def pictures(outputs) -> int:
    """How many pictures there are among a cell's outputs."""
    return sum("image/png" in output.get("data", {}) for output in outputs)


def execute_with_history(self, cell_input, allow_stdin=None):
    """Run a cell as a notebook does: only with a history does `;` at its end hide the result."""
    return self.kc.execute(cell_input, allow_stdin=allow_stdin, stop_on_error=False)


nbval.kernel.RunningKernel.execute_cell_input = execute_with_history


def pytest_itemcollected(item):
    """Have the cells of lessons judged by our rules; nbval offers no setting for their class."""
    if isinstance(item, nbval.plugin.IPyNbCell):
        item.__class__ = LessonCell
