"""The figure of live training: one canvas that is drawn on again and again, and no pyplot."""

import io
from collections.abc import Mapping, Sequence
from itertools import cycle
from typing import Protocol

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from genaug_lessons.plots import COLOURS, LINES
from genaug_lessons.training import Training
from genaug_lessons.typed import check_types
from genaug_lessons.widgets.pictures import Picture

POINTS = 200  # a line holds at most twice as many


class Drawing(Protocol):
    """What shows how a run of training stands."""

    def png(self) -> bytes:
        """Everything as it stands now."""


class LiveFigure:
    """Losses and monitors over the steps, beside a picture of the model.

    Args:
        training: what is followed.
        picture: draws on empty axes what the model has learnt; None for losses only.
    """

    def __init__(self, training: Training, picture: Picture | None):
        self.training, self.picture = training, picture
        self.history, self.losses = training.history, {}
        self.figure = Figure(figsize=(9, 3.4), dpi=100)
        self.canvas = FigureCanvasAgg(self.figure)
        left, *right = self.figure.add_gridspec(
            1, 1 + (picture is not None), left=0.075, right=0.985, bottom=0.15, top=0.9, wspace=0.15
        )
        rows = left.subgridspec(1 + bool(training.monitors), 1, hspace=0.15)
        axes = rows.subplots(sharex=True, squeeze=False)[:, 0]
        axes[-1].set_xlabel("step")
        self.curves = [Curves(axis) for axis in axes]
        self.beside = self.figure.add_subplot(right[0]) if right else None

    def png(self) -> bytes:
        """Everything as it stands now."""
        self.curves[0].draw({name: spans(values) for name, values in self._losses().items()})
        if self.training.monitors:
            monitored = self.training.monitored.items()
            self.curves[1].draw(
                {name: tuple(zip(*looks, strict=True)) for name, looks in monitored}
            )
        if self.beside is not None:
            empty(self.beside)
            self.picture(self.beside, self.training.model)
        stream = io.BytesIO()
        self.canvas.print_png(stream, pil_kwargs={"compress_level": 1})
        return stream.getvalue()

    def _losses(self) -> dict[str, list[float]]:
        """The losses as numbers; each is fetched from the device once."""
        if self.training.history is not self.history:  # it went back to a step before
            self.history, self.losses = self.training.history, {}
        for name, values in self.training.history.items():
            known = self.losses.setdefault(name, [])
            if new := values[len(known) :]:
                known += torch.stack(new).tolist()
        return self.losses


class Curves:
    """Lines on one pair of axes, each with a colour and a dash of its own."""

    def __init__(self, axes: Axes):
        self.axes, self.lines = axes, {}
        axes.locator_params(nbins=4)  # ticks cost more time than the lines
        self.looks = zip(cycle(COLOURS), cycle(LINES))

    def draw(self, curves: Mapping[str, tuple[Sequence[float], Sequence[float]]]) -> None:
        """Move the lines to where the curves, name -> (steps, values), are now."""
        for name in [new for new in curves if new not in self.lines]:
            colour, dash = next(self.looks)
            [self.lines[name]] = self.axes.plot([], [], color=colour, linestyle=dash, label=name)
            self.axes.legend(loc="upper right", fontsize="small", ncols=1 + len(self.lines) // 5)
        for name, (steps, values) in curves.items():
            self.lines[name].set_data(steps, values)
        self.axes.relim()
        self.axes.autoscale_view()
        self.axes.set_visible(bool(curves))


def empty(axes: Axes) -> None:
    """Take everything drawn off the axes; labels and ticks stay, which is faster than `clear`."""
    for drawn in (axes.lines, axes.collections, axes.images, axes.patches, axes.texts):
        for artist in list(drawn):
            artist.remove()
    axes.relim()
    axes.set_prop_cycle(None)


def spans(values: Sequence[float]) -> tuple[np.ndarray, np.ndarray]:
    """A long history as means over short spans: the step at which each ends, and the mean."""
    span = max(1, len(values) // POINTS)
    kept = np.asarray(values[: len(values) // span * span]).reshape(-1, span)
    return span * (np.arange(len(kept)) + 1), kept.mean(1)


check_types(__name__)
