"""Live training: any `Training` of the package, run from buttons while the notebook stays free.

    live = LiveTraining(training_steps(model, digits, steps=2000, rng=rng))
    live  # shows the dashboard
    live.run(500)  # the same steps in the foreground, without a browser

Training goes on in slices on the kernel's main event loop, between which cells and controls get
their turn. Controls only append commands to a queue; `advance` alone trains, always on the main
thread. Where a browser hears nothing outside a running request (Colab), the "echo" driver makes
each slice in answer to the browser's own message.
"""

import asyncio
import sys
import threading
import time
import traceback
from collections import deque

from IPython import get_ipython

from genaug_lessons.checks import count
from genaug_lessons.interrupts import deferred_interrupt
from genaug_lessons.training import Training
from genaug_lessons.typed import check_types
from genaug_lessons.widgets.dashboard import Dashboard
from genaug_lessons.widgets.live_figure import Drawing, LiveFigure
from genaug_lessons.widgets.pictures import Picture, samples_of
from genaug_lessons.widgets.tempo import Tempo

SLICE = 0.05  # seconds of training between two looks at the controls
SLOW_BROWSER = 1.0  # seconds without an answer after which the next picture is sent all the same
SILENT_BROWSER = 5.0  # seconds without an answer after which the echo driver gives up
UNFINISHED = ("ready", "paused", "failed")

_current: list["LiveTraining"] = []  # at most one: what this kernel trains or shows live


class LiveTraining:
    """Start, pause, step, stop and learning rates for a training that runs while you watch.

    Args:
        training: from `training_steps`; it may have made some steps already.
        picture: draws on empty axes what the model has learnt, as in `pictures`; samples by
            default, where the model makes images or points of the plane.
        figure: what is shown instead of losses beside the picture; its `png()` gives the bytes.
        driver: "loop" or "echo"; chosen for the place it runs in unless given.
        pace: steps per second in the background, above 0; None for as fast as it goes.

    Attributes:
        tempo: its `pace` can be changed while it runs.
        state: "ready", "running", "paused", "stopped", "done" or "failed".
        error: what ended a failed run.
        train_seconds, draw_seconds: time spent so far.
    """

    def __init__(
        self,
        training: Training,
        *,
        picture: Picture | None = None,
        figure: Drawing | None = None,
        driver: str | None = None,
        pace: float | None = None,
    ):
        if driver not in (None, "loop", "echo"):
            raise ValueError(f'driver must be "loop" or "echo", got {driver!r}')
        self.training, self.tempo = training, Tempo(pace)
        self.figure = figure or LiveFigure(training, picture or samples_of(training.model))
        self.driver = driver or ("echo" if "google.colab" in sys.modules else "loop")
        self.state, self.error = "ready", None
        self.dashboard: Dashboard | None = None
        self.train_seconds = self.draw_seconds = 0.0
        self._commands: deque[tuple[str, object]] = deque()
        self._background, self._task = False, None
        self._sent, self._answered, self._sent_at = 0, 0, 0.0

    # what a reader calls

    def run(self, steps: int | None = None) -> str:
        """Train in the foreground, and return the last figures in words.

        Exactly the steps of a plain loop over the training. An interrupt pauses after the step
        under way, a second one at once; an error is raised.

        Args:
            steps: at most so many, at least 1; all that are left by default.
        """
        steps = self.training.steps if steps is None else count("steps", steps)
        self._take_over()
        if self.state == "running":
            self._halt("paused")
        self._enter("running", background=False)
        try:
            self._run_to(min(self.training.steps, self.training.index + steps))
        except Exception as error:
            self._fail(error)
            raise
        return self.sentence()

    def sentence(self) -> str:
        """The state, the step and the newest losses."""
        training = self.training
        losses = (f"{name} {values[-1].item():.4g}" for name, values in training.history.items())
        monitors = (f"{name} {looks[-1][1]:.4g}" for name, looks in training.monitored.items())
        figures = "; ".join([*losses, *monitors])
        return f"{self.state} at step {training.index} of {training.steps}" + (
            f": {figures}" if figures else ""
        )

    def close(self) -> None:
        """Halt, close every widget, and leave the newest picture on the page."""
        if self.state == "running":
            self._halt("paused")
        if self.dashboard is not None:
            self.dashboard.close()
            self.dashboard = None
        if self in _current:
            _current.remove(self)

    def post(self, command: str, value: object = None) -> None:
        """Have a command obeyed on the main thread, as soon as possible; callable from any.

        Args:
            command: "start", "pause", "step", "stop", "rate" or "answered".
            value: (objective, learning rate) for "rate", the number for "answered".
        """
        self._commands.append((command, value))
        loop, main = kernel_loop(), threading.main_thread()
        if loop is None or (self.driver == "echo" and threading.current_thread() is main):
            self._obey()
        else:
            loop.call_soon_threadsafe(self._obey)

    # what only the main thread does

    def advance(self) -> None:
        """One slice: whole steps for 50 ms or until a command waits; then a picture if due."""
        begun = time.perf_counter()
        try:
            while self.state == "running" and not self._commands and self.tempo.step_is_due():
                self._make_step()
                if time.perf_counter() - begun > SLICE:
                    break
            self._draw_if_due()
        except Exception as error:
            self._fail(error)

    def _run_to(self, last: int) -> None:
        with deferred_interrupt(breaks=False) as interrupt:
            while self.state == "running" and self.training.index < last:
                self._make_step()
                self._draw_if_due()
                if self._commands:
                    self._obey()
                if interrupt.answered():
                    break
            if self.state == "running":
                self._halt("done" if self.training.index >= self.training.steps else "paused")

    def _obey(self) -> None:
        with deferred_interrupt(breaks=False) as interrupt:
            while self._commands:
                command, value = self._commands.popleft()
                try:
                    getattr(self, f"_on_{command}")(value)
                except Exception as error:
                    self._fail(error)
            if interrupt.answered():
                self._on_pause(None)

    def _on_start(self, _) -> None:
        if self.state not in UNFINISHED:
            return
        loop = kernel_loop()
        if loop is None:
            raise RuntimeError("Start needs a notebook's kernel: call run() instead")
        self._take_over()
        self._enter("running", background=True)
        if self.driver == "echo":
            self._ping()
            loop.call_later(SILENT_BROWSER, self._watch_echo)
        else:
            self._drive_on()

    def _on_pause(self, _) -> None:
        if self.state == "running":
            self._halt("paused")

    def _on_step(self, _) -> None:
        if self.state in UNFINISHED:
            self._enter("running", background=False)
            self._make_step()
            if self.state == "running":
                self._halt("paused")

    def _on_stop(self, _) -> None:
        if self.state != "done":
            self._halt("stopped")

    def _on_rate(self, change) -> None:
        objective, rate = change
        self.training.rates[objective] = rate

    def _on_answered(self, number) -> None:
        self._answered = max(self._answered, number)
        if self._background and self.driver == "echo":
            self.advance()
            if self.state == "running":
                self._ping()

    def _drive_on(self) -> None:
        if self._task is None or self._task.done():  # a strong reference: loops keep weak ones
            self._task = kernel_loop().create_task(self._drive())

    async def _drive(self) -> None:
        with deferred_interrupt(breaks=False) as interrupt:
            while self._background:
                self.advance()
                if interrupt.answered():
                    self._on_pause(None)
                await asyncio.sleep(0.001 if self.tempo.pace is None else 0.01)

    def _watch_echo(self) -> None:
        """Go on without the browser's answers when there are none."""
        if not self._background or self.driver != "echo":
            return
        silent = self._answered < self._sent and time.perf_counter() - self._sent_at
        if silent >= SILENT_BROWSER:
            self.driver = "loop"
            self._drive_on()
        else:
            kernel_loop().call_later(SILENT_BROWSER - silent, self._watch_echo)

    def _make_step(self) -> None:
        begun = time.perf_counter()
        try:
            step = next(self.training, None)
        except KeyboardInterrupt:  # the second within a step
            return self._halt("paused")
        self.train_seconds += time.perf_counter() - begun
        if step is None or self.training.index >= self.training.steps:
            self._halt("done")

    def _enter(self, state: str, *, background: bool) -> None:
        self.state, self.error, self._background = state, None, background
        self.tempo.begin()
        if self.dashboard is not None:
            self.dashboard.show_error("")
            self.dashboard.say(self.sentence())

    def _halt(self, state: str) -> None:
        self.state, self._background = state, False
        self._draw()
        if self.dashboard is not None:
            self.dashboard.refresh()

    def _fail(self, error: Exception) -> None:
        self.state, self.error, self._background = "failed", error, False
        if self.dashboard is not None:
            self.dashboard.say(self.sentence())
            self.dashboard.show_error("".join(traceback.format_exception(error)[-4:]))
            self.dashboard.refresh()

    # drawing

    def _draw_if_due(self) -> None:
        behind = self._background and self._answered < self._sent
        waited = time.perf_counter() - self._sent_at >= SLOW_BROWSER
        if self.tempo.picture_is_due(self.training.index) and (waited or not behind):
            self._draw()

    def _draw(self) -> None:
        if self.dashboard is None:
            return
        begun = time.perf_counter()
        self.dashboard.show(self.figure.png())
        self.dashboard.say(self.sentence())
        if self.driver == "loop":
            self._ping()
        self.draw_seconds += self.tempo.drawn(self.training.index, begun)

    def _ping(self) -> None:
        self._sent, self._sent_at = self._sent + 1, time.perf_counter()
        if self.dashboard is not None:
            self.dashboard.ping.value = self._sent

    # being the only one

    def _take_over(self) -> None:
        """Be what this kernel trains live: another one is closed, and becomes its picture."""
        for other in [live for live in _current if live is not self]:
            other.close()
        _current[:] = [self]

    def _new_dashboard(self) -> Dashboard:
        text = f"live training of {type(self.training.model).__name__}, {self.training.steps} steps"
        return Dashboard(self.post, self.training.rates, text)

    def _ipython_display_(self) -> None:
        self._take_over()
        if self.dashboard is not None:
            self.dashboard.close()
        self.dashboard = self._new_dashboard()
        self._draw()
        self.dashboard._ipython_display_()


def kernel_loop() -> asyncio.AbstractEventLoop | None:
    """The main event loop of the notebook's kernel; None where there is no kernel.

    A callback may run in a thread with a loop of its own, so the running loop is the wrong one.
    """
    kernel = getattr(get_ipython(), "kernel", None)
    return getattr(getattr(kernel, "io_loop", None), "asyncio_loop", None)


check_types(__name__)
