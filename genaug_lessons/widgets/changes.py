"""Which changes leave the label alone? A slider for each change, and what a judge makes of it.

Letters: N pictures (N, C, H, W) with values in [0, 1].
"""

from typing import NamedTuple

import ipywidgets
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from genaug_lessons.augment import Affine, Brightness, Contrast, Erase, Flip, Noise
from genaug_lessons.augment.transforms import check_pictures
from genaug_lessons.models.classifier import Classifier
from genaug_lessons.random import generator
from genaug_lessons.typed import check_types
from genaug_lessons.widgets.explorer import Explorer


class Change(NamedTuple):
    """A slider: its unit, its range, where it changes nothing, and what the static figure shows."""

    unit: str
    low: float
    high: float
    step: float
    neutral: float
    shown: tuple


MIRRORS = ("no", "left-right", "up-down")
CHANGES = {
    "rotation": Change("degrees", -180, 180, 5, 0, (15, 45, 90, 180)),
    "shift": Change("% of width", -60, 60, 5, 0, (5, 10, 20, 40)),
    "size": Change("%", 30, 200, 5, 100, (130, 80, 60, 40)),
    "shear": Change("degrees", -60, 60, 5, 0, (10, 20, 40, 60)),
    "brightness": Change("%", 0, 200, 10, 100, (150, 60, 30, 10)),
    "contrast": Change("%", 0, 200, 10, 100, (150, 60, 30, 10)),
    "noise": Change("standard deviation", 0, 1, 0.05, 0, (0.1, 0.2, 0.4, 0.8)),
    "erased": Change("% of area", 0, 90, 5, 0, (5, 10, 30, 60)),
}


def changed(
    x: Tensor,
    *,
    mirror: str = "no",
    rotation: float = 0,
    shift: float = 0,
    size: float = 100,
    shear: float = 0,
    brightness: float = 100,
    contrast: float = 100,
    noise: float = 0,
    erased: float = 0,
) -> Tensor:
    """All pictures mirrored, moved, recoloured, disturbed and erased alike, in this order.

    Args:
        x: (N, C, H, W).
        mirror: "no", "left-right" or "up-down".
        rotation: degrees, counterclockwise.
        shift: to the right, in percent of the width.
        size: in percent.
        shear: degrees by which upright lines lean to the right.
        brightness: in percent.
        contrast: in percent.
        noise: standard deviation; the same noise every time.
        erased: percent of the picture, a rectangle in its middle.
    """
    check_pictures(x)
    if mirror not in MIRRORS:
        raise ValueError(f"mirror must be one of {MIRRORS}, got {mirror!r}")

    def each(*values: float) -> Tensor:
        return torch.tensor(values, device=x.device).float().expand(len(x), len(values))

    mirrored = each(mirror != "no")[:, 0] > 0
    x = Flip(vertical=mirror == "up-down").apply(x, (mirrored,))
    places = each(rotation)[:, 0], each(shift / 100 * x.shape[-1], 0), each(size / 100)[:, 0]
    x = Affine().apply(x, (*places, each(shear)[:, 0]))
    x = Brightness().apply(x, (each(brightness / 100)[:, 0],))
    x = Contrast().apply(x, (each(contrast / 100)[:, 0],))
    x = Noise(noise)(x, generator(0, x.device))
    half = (erased / 100) ** 0.5 / 2
    return Erase().apply(x, (each(0.5 - half, 0.5 - half, 0.5 + half, 0.5 + half),))


class ChangesExplorer(Explorer):
    """Sliders change a picture; bars show what the judge makes of it.

    Args:
        model: a trained classifier, the judge.
        pictures: (N, C, H, W) to choose from, in [0, 1].
        labels: (N,) their true labels.
    """

    names = tuple(CHANGES)
    mirrors = True

    def __init__(self, model: Classifier, pictures: Tensor, labels: Tensor):
        check_pictures(pictures)
        if labels.shape != (len(pictures),):
            raise ValueError(
                "labels must be one for each picture, "
                f"got {tuple(labels.shape)} for {len(pictures)}"
            )
        self.model, self.pictures, self.labels = model, pictures, labels
        style, layout = {"description_width": "14em"}, ipywidgets.Layout(width="34em")
        look = {"style": style, "layout": layout}
        self.which = ipywidgets.IntSlider(
            0, min=0, max=len(pictures) - 1, description="picture", **look
        )
        self.sliders = {name: _slider(name, look) for name in self.names}
        if self.mirrors:
            self.sliders["mirror"] = ipywidgets.SelectionSlider(
                options=MIRRORS, description="mirror", **look
            )
        super().__init__([self.which, *self.sliders.values()], self.about())

    def about(self) -> str:
        """What the static figure shows, in words."""
        return (
            f"a picture of label {self.labels[0]} under {len(self.sliders)} changes, each with "
            "the label a judge gives it and a bar for the probability of the true one"
        )

    def judge(self, which: int, **values) -> tuple[Tensor, Tensor]:
        """The changed picture (C, H, W) and the judge's probabilities (classes,)."""
        picture = changed(self.pictures[which][None], **values)
        return picture[0], self.model.log_probs(picture)[0].exp()

    def survivors(self, **values) -> int:
        """How many of the pictures, changed so, still get their true label."""
        guesses = self.model.predict(changed(self.pictures, **values))
        return int((guesses == self.labels).sum())

    def render(self) -> tuple[Figure, str]:
        """The changed picture beside the probabilities of all labels."""
        values = {name: slider.value for name, slider in self.sliders.items()}
        picture, probabilities = self.judge(self.which.value, **values)
        label, guess = self.labels[self.which.value].item(), probabilities.argmax().item()
        figure = Figure(figsize=(6, 2.4), layout="constrained")
        left, right = figure.subplots(1, 2, width_ratios=(1, 2))
        _show(left, picture)
        left.set_title(f"label {label}")
        bars = right.bar(range(len(probabilities)), probabilities.cpu().numpy(), color="0.75")
        bars[label].set(hatch="//", edgecolor="black")
        right.set(
            ylim=(0, 1),
            xticks=range(len(probabilities)),
            xlabel="label (hatched: the true one)",
            ylabel="probability",
        )
        done = ", ".join(_written(*pair) for pair in values.items() if not _neutral(*pair))
        return figure, (
            f"Label {label}, {done or 'as it is'}: taken for {guess} "
            f"({100 * probabilities[guess]:.0f}%); true label {100 * probabilities[label]:.0f}%."
        )

    def rows(self) -> list[tuple[str, int, list[dict]]]:
        """The static figure's rows: a name, the number of a picture, and its changes."""
        kinds = {name: CHANGES[name].shown for name in self.names}
        if self.mirrors:
            kinds["mirror"] = MIRRORS[1:]
        return [(name, 0, [{name: value} for value in shown]) for name, shown in kinds.items()]

    def static_figure(self) -> Figure:
        """A row for each kind of change, every picture with its verdict and its bar."""
        rows = self.rows()
        columns = max(len(changes) for _, _, changes in rows)
        figure = Figure(figsize=(1.15 * columns + 0.9, 1.25 * len(rows)), layout="constrained")
        axes = figure.subplots(len(rows), columns, squeeze=False)
        for (name, which, changes), row in zip(rows, axes, strict=True):
            row[0].set_ylabel(name, rotation=0, ha="right", va="center")
            for axis in row[len(changes) :]:
                axis.set_axis_off()
            for values, axis in zip(changes, row, strict=False):
                self.draw_verdict(axis, which, values)
        return figure

    def draw_verdict(self, axis: Axes, which: int, values: dict) -> None:
        """The changed picture, its verdict, and a bar as long as its true label is probable."""
        picture, probabilities = self.judge(which, **values)
        guess, label = probabilities.argmax().item(), self.labels[which].item()
        _show(axis, picture)
        height, width = picture.shape[-2:]
        bar = {"height": height / 8, "left": -0.5, "edgecolor": "black"}
        for length, colour in ((1.0, "white"), (probabilities[label].item(), "black")):
            axis.barh(height * 1.08, length * width, color=colour, **bar)
        axis.set(xlim=(-0.5, width - 0.5), ylim=(height * 1.16, -0.5))
        [(name, value)] = values.items()
        wrong = "" if guess == label else "  wrong"
        axis.set_title(f"{_short(name, value)}: {guess}{wrong}", fontsize=8)


def _slider(name: str, look: dict) -> ipywidgets.FloatSlider:
    unit, low, high, step, neutral, _ = CHANGES[name]
    digits = ".2f" if step < 1 else ".0f"
    limits = {"min": low, "max": high, "step": step, "readout_format": digits}
    return ipywidgets.FloatSlider(neutral, description=f"{name} ({unit})", **limits, **look)


def _show(axis: Axes, picture: Tensor) -> None:
    pixels = picture.permute(1, 2, 0).cpu().numpy()
    axis.imshow(pixels, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    axis.set(xticks=[], yticks=[])


def _neutral(name: str, value: float | str) -> bool:
    if name == "mirror":
        return value == MIRRORS[0]
    return abs(value - CHANGES[name].neutral) < CHANGES[name].step / 2  # browsers round their way


def _written(name: str, value: float | str) -> str:
    return f"mirror {value}" if name == "mirror" else f"{name} {value:g} {CHANGES[name].unit}"


def _short(name: str, value: float | str) -> str:
    if name == "mirror":
        return value
    mark = {"degrees": "°", "standard deviation": ""}.get(CHANGES[name].unit, "%")
    return f"{value:g}{mark}"


check_types(__name__)
