"""Settings for every test run: the processor it is run as, and how lessons are compared.

nbval runs each lesson in a fresh kernel; `tools/compare.py` holds the rule by which what a cell
prints and shows is compared with what was saved.
"""

import os
import signal

import compare
import nbval.kernel
import nbval.plugin
import processors
import pytest

# The lessons' saved outputs are those of a CPU; tools/device_check.py chooses another device.
os.environ.setdefault("GENAUG_DEVICE", "cpu")

LESSON_SECONDS = 660  # a cell may take 600, and the time limit of tests would cut it short


def pytest_addoption(parser):
    """`--processor shaken`: run as another processor would."""
    parser.addoption("--processor", default=processors.PLAIN, help=", ".join(processors.SETTINGS))


def pytest_configure(config):
    """Choose the processor before torch is imported, here, in the workers and in the kernels."""
    try:
        os.environ.update(processors.environment(config.getoption("processor")))
    except ValueError as error:
        raise pytest.UsageError(str(error)) from None


def pytest_runtest_setup(item):
    """Let every test be interrupted, as some press Stop.

    A shell has what it runs in the background ignore interrupts, and live training that a test
    left running keeps them for itself.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)


class LessonCell(nbval.plugin.IPyNbCell):
    """A code cell of a lesson, compared by our rule."""

    def runtest(self):
        """Run the cell and compare; afterwards refuse it if it was saved without being run."""
        super().runtest()
        if self.cell.source.strip() and self.cell.execution_count is None:
            self.raise_cell_error("Saved without being run: run the lesson and save it first")

    def compare_outputs(self, test, ref, skip_compare=None):
        """Whether the new outputs `test` are the saved ones `ref`, as far as processors allow."""
        rule = compare.Rule.of(self.cell.metadata.get("tags", []))
        saved, fresh = compare.texts(ref), compare.texts(test)
        self.comparison_traceback = compare.differences(saved, fresh, rule)
        return not self.comparison_traceback


def execute_with_history(self, cell_input, allow_stdin=None):
    """Run a cell as a notebook does: only with a history does `;` at its end hide the result."""
    return self.kc.execute(cell_input, allow_stdin=allow_stdin, stop_on_error=False)


nbval.kernel.RunningKernel.execute_cell_input = execute_with_history


def pytest_itemcollected(item):
    """Have the cells of lessons judged by our rules; nbval offers no setting for their class."""
    if isinstance(item, nbval.plugin.IPyNbCell):
        item.__class__ = LessonCell
        item.add_marker(pytest.mark.timeout(LESSON_SECONDS))
