"""The controls of live training: buttons, a slider for each learning rate, picture and status.

Nothing here trains. A control only posts a command, a name with a value; the callbacks may run on
any thread. `ping` and `pong` are linked in the browser: what is written into `ping` comes back as
the command "answered" once the browser has dealt with everything sent before.
"""

import html
import math
from collections.abc import Callable, Mapping, Sequence

import ipywidgets
from ipywidgets import Layout

from genaug_lessons.typed import check_types
from genaug_lessons.widgets.explorer import Panel, view

BUTTONS = {
    "start": ("play", "train on from here"),
    "pause": ("pause", "stop between two steps; Start goes on"),
    "step": ("step-forward", "make exactly one step"),
    "stop": ("stop", "end this run for good; the model can be used"),
}
ALT = "training losses over the steps, beside a picture of what the model has learnt"
DECADES = 2  # a slider reaches from a hundredth to a hundred times the rate it starts at


class Dashboard(Panel):
    """The visible part of live training.

    Args:
        post: takes the commands: a button's name, "rate" with (objective, learning rate), and
            "answered" with the number the browser returned.
        rates: objective -> its present learning rate.
        text: what a page says that shows text only; the same at every run.
        alt: what the picture shows, for readers who cannot see it.
        buttons: command -> (icon, tooltip), in their order.
        controls: further widgets, above the buttons.
    """

    def __init__(
        self,
        post: Callable[..., None],
        rates: Mapping[str, float],
        text: str,
        *,
        alt: str = ALT,
        buttons: Mapping[str, tuple[str, str]] = BUTTONS,
        controls: Sequence[ipywidgets.Widget] = (),
    ):
        self.buttons = {name: button(name, *how, post) for name, how in buttons.items()}
        self.sliders = {
            name: _slider(name if len(rates) > 1 else "", rate) for name, rate in rates.items()
        }
        for name, slider in self.sliders.items():
            slider.observe(_rate_poster(name, post), "value")
        self.error = ipywidgets.HTML()
        self.ping, self.pong = (ipywidgets.IntText(layout=Layout(display="none")) for _ in "ab")
        self.link = ipywidgets.jslink((self.ping, "value"), (self.pong, "value"))
        self.pong.observe(lambda change: post("answered", change["new"]), "value")
        row = ipywidgets.HBox([*self.buttons.values()], layout=Layout(flex_flow="row wrap"))
        below = [self.error, self.ping, self.pong]
        super().__init__([*controls, row, *self.sliders.values()], alt, text, below)
        self.saved = None  # the output that holds the still

    def still(self) -> bytes:
        """The newest picture."""
        return bytes(self.picture.value)

    def show(self, picture: bytes) -> None:
        """Replace the picture."""
        self.picture.value = picture

    def say(self, sentence: str) -> None:
        """The state and the newest figures in words, announced by screen readers."""
        self.caption.value = f'<div role="status">{html.escape(sentence)}</div>'

    def show_error(self, text: str) -> None:
        """A traceback under the picture; an empty text removes it."""
        style = "color: #b00020; white-space: pre-wrap; overflow-x: auto; line-height: 1.3"
        shown = f'<pre role="alert" style="{style}">{html.escape(text)}</pre>'
        self.error.value = shown if text else ""

    def refresh(self) -> None:
        """Put the newest picture into the saved page."""
        if self.saved is not None:
            self.saved.update(self.content(""), raw=True, metadata=self.metadata)

    def close(self) -> None:
        """Close every widget; the page shows the newest picture instead."""
        if self.saved is not None:
            self.saved.update(self.content(None), raw=True, metadata=self.metadata)
        self.link.close()
        super().close()

    def _ipython_display_(self) -> None:
        # Two outputs: to update one that shows a widget would show it anew and lose the focus.
        self.put({"text/plain": self.text} | view(self.box.model_id))
        self.saved = self.put(self.content(""))


def button(name: str, icon: str, tooltip: str, post: Callable[..., None]) -> ipywidgets.Button:
    """A button that posts its name."""
    button = ipywidgets.Button(
        description=name.capitalize(), icon=icon, tooltip=tooltip, layout=Layout(width="6.5em")
    )
    button.on_click(lambda _: post(name))
    return button


def _rate_poster(objective: str, post: Callable[..., None]) -> Callable[[dict], None]:
    def moved(change: dict) -> None:
        # A browser returns the value it was given with a last digit of its own.
        if not math.isclose(change["new"], change["old"], rel_tol=1e-9):
            post("rate", (objective, change["new"]))

    return moved


def _slider(objective: str, rate: float) -> ipywidgets.FloatLogSlider:
    middle = math.log10(rate)
    return ipywidgets.FloatLogSlider(
        value=rate,
        min=middle - DECADES,
        max=middle + DECADES,
        step=0.05,
        description=f"learning rate, {objective}" if objective else "learning rate",
        readout_format=".1e",
        style={"description_width": "initial"},
        layout=Layout(width="32em", max_width="100%"),
    )


check_types(__name__)
