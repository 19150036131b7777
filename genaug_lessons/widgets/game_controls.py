"""The controls of the game: which data, who moves, how fast, and clouds of your own.

Like those of live training they only post commands. Points are drawn by clicking the picture, or
with the keyboard: two sliders move a cross, and Add puts a cloud there.
"""

from collections.abc import Callable, Mapping, Sequence

import ipyevents
import ipywidgets
from ipywidgets import Layout

from genaug_lessons.typed import check_types
from genaug_lessons.widgets.dashboard import BUTTONS, Dashboard, button
from genaug_lessons.widgets.game_picture import EXTENT

RESET = ("refresh", "begin the same game anew, from the same first weights")
DRAWING = {
    "add": ("plus", "put a cloud of points where the lines cross"),
    "undo": ("undo", "take the last cloud away"),
    "clear": ("trash", "take all clouds away"),
}
HINT = "Click the picture to put a cloud of points there, or move the cross and press Add."


class GameControls(Dashboard):
    """The visible part of the game.

    Args:
        post: takes the commands: those of live training; "data", "players" and "pace" with the
            name chosen; "layer" with (name, whether to show it); "mark" with (x1, x2); "click" with
            (column, row) of the picture's pixels; "add", "undo", "clear" and "reset".
        rates: objective -> its present learning rate.
        still: gives what a page without a kernel shows.
        choices: "data", "players" and "pace" -> (names to choose from, the present one).
        layers: name -> whether it is shown.
        mark: where the cross is.
        text, alt: as in `Panel`.
    """

    def __init__(
        self,
        post: Callable[..., None],
        rates: Mapping[str, float],
        still: Callable[[], bytes],
        *,
        choices: Mapping[str, tuple[Sequence[str], str]],
        layers: Mapping[str, bool],
        mark: tuple[float, float],
        text: str,
        alt: str,
    ):
        self._still = still
        self.choices = {name: _dropdown(name, *choices[name]) for name in choices}
        for name, choice in self.choices.items():
            _on_change(choice, lambda value, name=name: post(name, value))
        self.layers = {name: _checkbox(name, shown) for name, shown in layers.items()}
        for name, box in self.layers.items():
            _on_change(box, lambda value, name=name: post("layer", (name, value)))
        self.mark = [_slider(*where) for where in zip(("x1", "x2"), mark, strict=True)]
        for slider in self.mark:
            _on_change(slider, lambda _: post("mark", tuple(each.value for each in self.mark)))
        drawing = {name: button(name, *how, post) for name, how in DRAWING.items()}
        self.drawing = ipywidgets.VBox(
            [ipywidgets.HTML(HINT), _row([*self.mark, *drawing.values()])]
        )
        buttons = {name: BUTTONS[name] for name in ("start", "pause", "step")} | {"reset": RESET}
        rows = [_row([*self.choices.values()]), self.drawing, _row([*self.layers.values()])]
        super().__init__(post, rates, text, alt=alt, buttons=buttons, controls=rows)
        self.buttons |= drawing
        self.clicks = ipyevents.Event(source=self.picture, watched_events=["click"])
        self.clicks.on_dom_event(lambda event: post("click", (event["dataX"], event["dataY"])))

    def still(self) -> bytes:
        """The game at a few moments."""
        return self._still()

    def offer_drawing(self, offered: bool) -> None:
        """Show or hide what draws points."""
        self.drawing.layout.display = None if offered else "none"

    def refresh(self) -> None:
        """The still is the same all the time."""

    def close(self) -> None:
        """Close every widget; the page shows the still instead."""
        self.clicks.close()
        super().close()


def _row(widgets: list[ipywidgets.Widget]) -> ipywidgets.HBox:
    return ipywidgets.HBox(widgets, layout=Layout(flex_flow="row wrap"))


def _on_change(control: ipywidgets.Widget, act: Callable[[object], None]) -> None:
    control.observe(lambda change: act(change["new"]), "value")


def _dropdown(name: str, options: Sequence[str], value: str) -> ipywidgets.Dropdown:
    described = {"players": "who moves", "pace": "speed"}.get(name, name)
    style, layout = (
        {"description_width": "initial"},
        Layout(width="auto", margin="2px 16px 2px 2px"),
    )
    return ipywidgets.Dropdown(
        options=list(options), value=value, description=described, style=style, layout=layout
    )


def _checkbox(name: str, shown: bool) -> ipywidgets.Checkbox:
    return ipywidgets.Checkbox(
        shown,
        description=name,
        indent=False,
        layout=Layout(width="auto", margin="2px 16px 2px 2px"),
    )


def _slider(name: str, value: float) -> ipywidgets.FloatSlider:
    return ipywidgets.FloatSlider(
        value,
        min=-EXTENT,
        max=EXTENT,
        step=0.1,
        description=name,
        readout_format=".1f",
        style={"description_width": "initial"},
        layout=Layout(width="14em"),
    )


check_types(__name__)
