"""What every widget here shares: controls above one picture, and a still where no kernel runs.

The picture is PNG bytes in one `Image` widget; a slider evaluates and redraws, it never trains.
The saved page holds the still, because a browser without a kernel cannot show widgets.
"""

import html
import io
from collections.abc import Iterator, Sequence

import ipywidgets
from IPython import get_ipython
from IPython.display import display
from matplotlib.figure import Figure

from genaug_lessons.typed import check_types

WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"

_shown: dict["Explorer", tuple[str | None, str | None]] = {}  # by which cell, in which run of it


class Panel:
    """Controls, a picture, and the picture in words; give it `still()`.

    Args:
        controls: widgets above the picture.
        alt: what the picture shows, for readers who cannot see it.
        text: what a page says that shows text only; the same at every run.
        below: widgets under the picture.
    """

    def __init__(
        self,
        controls: Sequence[ipywidgets.Widget],
        alt: str,
        text: str,
        below: Sequence[ipywidgets.Widget] = (),
    ):
        self.alt, self.text = alt, text
        natural_size = ipywidgets.Layout(align_self="flex-start", max_width="100%")
        self.picture = ipywidgets.Image(format="png", layout=natural_size)
        self.caption = ipywidgets.HTML()  # the picture in words, after every change
        self.box = ipywidgets.VBox([*controls, self.picture, self.caption, *below])

    def still(self) -> bytes:
        """The PNG that a page without a kernel shows instead."""
        raise TypeError(f"{type(self).__name__} has no still")

    def content(self, model_id: str | None) -> dict:
        """What a page saves and shows: the still, or the widget instead where a kernel runs.

        Args:
            model_id: the widget's; "" shows nothing in its place, None the still everywhere.
        """
        data = {"text/plain": self.text, "image/png": self.still()}
        return data if model_id is None else data | view(model_id)

    def put(self, data: dict):
        """Display `data` with the alt text, and return the handle that can update it."""
        return display(data, raw=True, metadata=self.metadata, display_id=True)

    @property
    def metadata(self) -> dict:
        """The alt text, where notebooks look for it."""
        return {"image/png": {"alt": self.alt}}

    def close(self) -> None:
        """Close every widget of the tree."""
        for widget in set(tree(self.box)):
            widget.close()

    def _ipython_display_(self) -> None:
        self.put(self.content(self.box.model_id))


class Explorer(Panel):
    """Base of all explorers: give it controls, `render()` and `static_figure()`.

    A cell that runs again closes the explorers that it showed before.

    Args:
        controls: widgets whose value decides the picture.
        alt: what the picture shows, for readers who cannot see it.
    """

    def __init__(self, controls: list[ipywidgets.Widget], alt: str):
        super().__init__(controls, alt, f"explorer: {alt}")
        for control in controls:
            control.observe(lambda _: self.redraw(), "value")
        self.redraw()

    def render(self) -> tuple[Figure, str]:
        """The figure at the present values of the controls, and one sentence about it."""
        raise TypeError(f"{type(self).__name__} draws nothing")

    def static_figure(self) -> Figure:
        """One figure that shows without controls what the explorer shows with them."""
        raise TypeError(f"{type(self).__name__} has no static figure")

    def still(self) -> bytes:
        """The static figure."""
        return png(self.static_figure())

    def redraw(self) -> None:
        """Draw anew; called whenever a control changes."""
        figure, sentence = self.render()
        self.picture.value = png(figure)
        self.caption.value = html.escape(sentence, quote=False)

    def close(self) -> None:
        """Close every widget of the tree."""
        _shown.pop(self, None)
        super().close()

    def _ipython_display_(self) -> None:
        cell, run = _execution()
        if cell is not None:
            earlier = [other for other, (at, when) in _shown.items() if at == cell and when != run]
            for other in earlier:
                if other is not self:
                    other.close()
        _shown[self] = cell, run
        super()._ipython_display_()


def _execution() -> tuple[str | None, str | None]:
    """The cell that is running and the id of this run of it; None where they are not known."""
    request = getattr(get_ipython(), "get_parent", dict)()
    return request.get("metadata", {}).get("cellId"), request.get("header", {}).get("msg_id")


def view(model_id: str) -> dict:
    """The part of an output that has a notebook show a widget."""
    return {WIDGET_VIEW: {"version_major": 2, "version_minor": 0, "model_id": model_id}}


def tree(widget: ipywidgets.Widget) -> Iterator[ipywidgets.Widget]:
    """A widget and all that belong to it: its children, their layouts and styles."""
    yield widget
    parts = [widget.layout, getattr(widget, "style", None), *getattr(widget, "children", ())]
    for part in parts:
        if isinstance(part, ipywidgets.DOMWidget):
            yield from tree(part)
        elif isinstance(part, ipywidgets.Widget):
            yield part


def png(figure: Figure, dpi: int = 100) -> bytes:
    """The figure as PNG bytes; no pyplot, so nothing is left open."""
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=dpi, bbox_inches="tight")
    return stream.getvalue()


check_types(__name__)
