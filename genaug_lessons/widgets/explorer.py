"""What every explorer shares: controls above one picture, and a static twin where no kernel runs.

The picture is PNG bytes in one `Image` widget; a slider evaluates and redraws, it never trains.
The saved page holds the static twin, because a browser without a kernel cannot show widgets.
"""

import io

import ipywidgets
from IPython.display import display
from matplotlib.figure import Figure

WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"


class Explorer:
    """Base of all explorers: give it controls, `draw()` and `twin()`.

    Args:
        controls: widgets whose value decides the picture.
        alt: what the picture shows, for readers who cannot see it.
    """

    def __init__(self, controls: list[ipywidgets.Widget], alt: str):
        self.alt = alt
        natural_size = ipywidgets.Layout(align_self="flex-start", max_width="100%")
        self.picture = ipywidgets.Image(format="png", layout=natural_size)
        self.said = ipywidgets.HTML()  # the picture in words, after every change
        self.box = ipywidgets.VBox([*controls, self.picture, self.said])
        for control in controls:
            control.observe(lambda _: self.redraw(), "value")
        self.redraw()

    def draw(self) -> tuple[Figure, str]:
        """The figure at the present values of the controls, and one sentence about it."""
        raise TypeError(f"{type(self).__name__} draws nothing")

    def twin(self) -> Figure:
        """One figure that shows without controls what the explorer shows with them."""
        raise TypeError(f"{type(self).__name__} has no static twin")

    def redraw(self) -> None:
        """Draw anew; called whenever a control changes."""
        figure, sentence = self.draw()
        self.picture.value = png(figure)
        self.said.value = sentence

    def _ipython_display_(self) -> None:
        content = {
            "text/plain": f"explorer: {self.alt}",
            "image/png": png(self.twin()),
            WIDGET_VIEW: {
                "version_major": 2,
                "version_minor": 0,
                "model_id": self.box.model_id,
            },
        }
        display(content, raw=True, metadata={"image/png": {"alt": self.alt}})


def png(figure: Figure, dpi: int = 100) -> bytes:
    """The figure as PNG bytes; no pyplot, so nothing is left open."""
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=dpi, bbox_inches="tight")
    return stream.getvalue()
