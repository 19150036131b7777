"""A call of a reader's function, whatever it does: its answer, or words that say why there is none.

What it prints and what warns is left out, what never ends is ended, and what it changes is a copy.
"""

import contextlib
import dis
import inspect
import io
import signal
import threading
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from typing import Any

SECONDS = 5.0
STUB = {"RESUME", "NOP", "POP_TOP", "LOAD_CONST", "RETURN_CONST", "RETURN_VALUE"}
NOT_WRITTEN = "not written yet"


class NoAnswer(Exception):
    """Why there is no answer, in words for the function's author."""


class _TimeIsUp(BaseException):
    """No error of the reader's: `except Exception` in their function lets it pass."""


class _Unread(io.TextIOBase):
    """What takes all that is printed, and keeps nothing of it."""

    written = 0

    def write(self, text: str) -> int:
        self.written += len(text)
        return len(text)


def call(function: Any, arguments: dict[str, Any], seconds: float = SECONDS) -> Any:
    """What the function returns for the arguments, handed over in their order.

    Args:
        function: whatever the reader hands in.
        arguments: name -> value; the function may have other names for them.
        seconds: how long it may take, where the platform and the thread allow to end it.

    Raises:
        NoAnswer: it is no function, takes other arguments, raises, hangs or returns nothing.
    """
    _check_function(function, arguments)
    printed = _Unread()
    try:
        with (
            contextlib.redirect_stdout(printed),
            contextlib.redirect_stderr(printed),
            warnings.catch_warnings(),
            time_limit(seconds),
        ):
            warnings.simplefilter("ignore")
            answered = function(*arguments.values())
    except NotImplementedError:
        raise NoAnswer(NOT_WRITTEN) from None
    except _TimeIsUp:
        raise NoAnswer(f"is still running after {seconds:g} seconds: does its loop end?") from None
    except RecursionError:
        raise NoAnswer("calls itself without end") from None
    except (Exception, SystemExit) as error:  # whatever the reader wrote
        raise NoAnswer(f"raises {_what(error)}{_where(error, function)}") from None
    _check_answer(function, answered, printed.written > 0)
    return answered


@contextlib.contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """End the block after some seconds; where nothing can, on Windows or in a thread, let it run.

    A timer that was running before goes on afterwards.
    """
    if not hasattr(signal, "SIGALRM") or threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(*_) -> None:
        raise _TimeIsUp

    begun, before = time.monotonic(), signal.signal(signal.SIGALRM, stop)
    left, interval = signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, signal.SIG_DFL if before is None else before)
        if left:
            left = max(left - (time.monotonic() - begun), 1e-3)
            signal.setitimer(signal.ITIMER_REAL, left, interval)


def _check_function(function: Any, arguments: dict[str, Any]) -> None:
    if inspect.isclass(function):
        raise NoAnswer("is a class: a function is asked for")
    if not callable(function):
        raise NoAnswer("is no function: hand over the function itself, without calling it")
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # some that are written in C have none
        return
    try:
        signature.bind(*arguments.values())
    except TypeError:
        wanted = ", ".join(arguments)
        raise NoAnswer(f"takes {signature}: it is called with ({wanted})") from None


def _check_answer(function: Callable[..., Any], answered: Any, printed: bool) -> None:
    if answered is ... or (answered is None and is_stub(function)):
        raise NoAnswer(NOT_WRITTEN)
    if answered is None:
        what = "prints something and returns nothing" if printed else "returns nothing"
        raise NoAnswer(f"{what}: is `return` missing?")
    if inspect.iscoroutine(answered):
        answered.close()
        raise NoAnswer("is asynchronous: `def` without `async`, please")
    if inspect.isgenerator(answered):
        raise NoAnswer("is a generator: `return` in place of `yield`, please")


def is_stub(function: Callable[..., Any]) -> bool:
    """Whether there is nothing in the function but words and dots."""
    code = getattr(function, "__code__", None)
    return code is not None and {line.opname for line in dis.get_instructions(code)} <= STUB


def _what(error: BaseException) -> str:
    """The error in a line."""
    said = text(str, error).rstrip(".")
    return f"{type(error).__name__}: {said}" if said else type(error).__name__


def _where(error: BaseException, function: Callable[..., Any]) -> str:
    """The last line of the reader's own that the error went through."""
    file = getattr(getattr(function, "__code__", None), "co_filename", None)
    lines = [
        frame.line for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file
    ]
    return f", in the line `{lines[-1]}`" if lines and lines[-1] else ""


def text(write: Callable[[Any], str], value: Any) -> str:
    """What `write`, str or repr, makes of the value, which may be an object of the reader's."""
    try:
        return write(value)
    except Exception:
        return f"an object of {type(value).__name__} that cannot be printed"
