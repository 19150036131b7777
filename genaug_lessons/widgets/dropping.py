"""What does switching neurons off do to a network small enough to see through?

Two inputs, two hidden layers of three ReLU units, one output, no biases. Hidden values are
dropped in the last hidden layer or in both; either way there are 64 masks, few enough to average
over all of them.

Letters: p the probability of dropping, as a pair one for each hidden layer; masks (M, 6), the
first three values for the first hidden layer, 1 where kept.
"""

from collections.abc import Callable

import ipywidgets
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from torch import Tensor

from genaug_lessons.models.dropout import (
    all_masks,
    classical_dropout,
    inverted_dropout,
    mask_probabilities,
    scale_at_test,
)
from genaug_lessons.plots import COLOURS
from genaug_lessons.typed import check_types
from genaug_lessons.widgets.explorer import Explorer

INPUT = torch.tensor([1.0, 2.0])
FIRST = torch.tensor([[1.0, 1.0], [3.0, -1.0], [0.0, 1.0]])  # (3, 2), hidden values 3, 1, 2
SECOND = torch.tensor([[1.0, -1.0, 0.0], [1.0, 0.0, -1.0], [0.0, 1.0, 1.0]])  # (3, 3)
LAST = torch.tensor([1.0, 2.0, 1.0])  # (3,)
MASKS = all_masks(6)
CONVENTIONS = ("original", "inverted")
WHERE = {"the last hidden layer": False, "both hidden layers": True}
STATIC_MASK, STATIC_P = 43, (0.2, 0.5, 0.8)

Pair = tuple[float, float]
Change = Callable[[Tensor], Tensor]


def network(first: Change, second: Change) -> tuple[Tensor, Tensor, Tensor]:
    """Hidden values (..., 3) of both layers, each changed as told, and the output (...)."""
    one = first((FIRST @ INPUT).relu())
    two = second((one @ SECOND.T).relu())
    return one, two, two @ LAST


def in_training(masks: Tensor, p: Pair, convention: str) -> tuple[Tensor, Tensor, Tensor]:
    """The network under each mask, as it is while training."""

    def drop(mask: Tensor, p: float) -> Change:
        if convention == "inverted":
            return lambda h: inverted_dropout(h, mask, p)
        return lambda h: classical_dropout(h, mask)

    return network(drop(masks[..., :3], p[0]), drop(masks[..., 3:], p[1]))


def at_test(p: Pair, convention: str) -> float:
    """The output with nothing dropped, as the convention has it when testing."""
    scale = scale_at_test if convention == "original" else lambda h, _: h
    return network(lambda h: scale(h, p[0]), lambda h: scale(h, p[1]))[-1].item()


def average(p: Pair, convention: str) -> float:
    """The training output averaged over all masks, each with its probability."""
    chances = mask_probabilities(MASKS[:, :3], p[0]) * mask_probabilities(MASKS[:, 3:], p[1])
    return (chances * in_training(MASKS, p, convention)[-1]).sum().item()


class DroppingExplorer(Explorer):
    """Choose p, a mask and the layers it strikes; see the network and what both conventions say."""

    def __init__(self):
        style, layout = {"description_width": "9em"}, ipywidgets.Layout(width="30em")
        self.p = ipywidgets.FloatSlider(
            0.5,
            min=0.0,
            max=0.9,
            step=0.1,
            description="p (probability)",
            readout_format=".1f",
            style=style,
            layout=layout,
        )
        self.mask = ipywidgets.IntSlider(
            STATIC_MASK, min=0, max=63, description="mask (number)", style=style, layout=layout
        )
        self.where = ipywidgets.Dropdown(
            options=list(WHERE),
            value="both hidden layers",
            description="dropped in",
            style=style,
            layout=layout,
        )
        alt = (
            "a network of 2 inputs, two hidden layers of 3 and 1 output under one mask, beside its "
            f"outputs under all 64 masks at p = {', '.join(map(str, STATIC_P))}"
        )
        super().__init__([self.p, self.mask, self.where], alt)

    def render(self) -> tuple[Figure, str]:
        """The network under the mask, and its outputs by both conventions."""
        both = WHERE[self.where.value]
        p = (self.p.value if both else 0.0, self.p.value)
        mask = MASKS[self.mask.value].clone()
        if not both:
            mask[:3] = 1
        figure = Figure(figsize=(9, 3.4), layout="constrained")
        left, right = figure.subplots(1, 2, width_ratios=(1, 1.2))
        draw_network(left, mask)
        draw_outputs(right, mask, p)
        _legend(figure)
        outputs = [
            f"{name}: {in_training(mask, p, name)[-1]:.2f} now, {average(p, name):.2f} on average "
            f"over all masks, {at_test(p, name):.2f} when tested"
            for name in CONVENTIONS
        ]
        kept = "".join(str(int(value)) for value in mask)
        return figure, f"p = {p[1]:.1f}, mask {kept[:3]} {kept[3:]}; {'; '.join(outputs)}."

    def static_figure(self) -> Figure:
        """The network under one mask, and the outputs at three probabilities of dropping."""
        figure = Figure(figsize=(10, 5.6), layout="constrained")
        left, right = figure.subfigures(1, 2, width_ratios=(1, 1.4))
        draw_network(left.subplots(), MASKS[STATIC_MASK])
        for axis, p in zip(right.subplots(3, 1), STATIC_P, strict=True):
            draw_outputs(axis, MASKS[STATIC_MASK], (p, p))
            if p != STATIC_P[-1]:
                axis.set_xlabel("")
        _legend(right)
        return figure


def draw_network(axis: Axes, mask: Tensor) -> None:
    """Nodes with their values and the weights between them; what is dropped is dashed and 0."""
    one, two, output = in_training(mask, (0.0, 0.0), "original")
    layers = [INPUT, one, two, output[None]]
    kept = [torch.ones(2), mask[:3], mask[3:], torch.ones(1)]
    heights = [torch.arange(len(values)).flip(0) - (len(values) - 1) / 2 for values in layers]
    for place, weights in enumerate((FIRST, SECOND, LAST[None])):
        for end, row in enumerate(weights.tolist()):
            for start, weight in enumerate(row):
                if weight and kept[place][start] and kept[place + 1][end]:
                    ends = [float(heights[place][start]), float(heights[place + 1][end])]
                    line = "-" if weight > 0 else ":"
                    axis.plot([place, place + 1], ends, line, color="0.3", linewidth=abs(weight))
    for place, (values, alive) in enumerate(zip(layers, kept, strict=True)):
        for value, on, height in zip(values.tolist(), alive.tolist(), heights[place], strict=True):
            edge = {"edgecolor": "black", "linestyle": "-" if on else "--", "zorder": 3}
            axis.scatter(place, height, s=500, color="white" if on else "0.85", **edge)
            text = f"{value:g}" if on else "off"
            axis.annotate(text, (place, height), ha="center", va="center", zorder=4)
    axis.set(xlim=(-0.4, 3.4), ylim=(-1.5, 1.5), yticks=[], xticks=range(4))
    axis.set_xticklabels(["inputs", "hidden", "hidden", "output"])
    axis.set_title("values while training, original (dotted: weight below 0)", fontsize="small")
    axis.spines[:].set_visible(False)


def draw_outputs(axis: Axes, mask: Tensor, p: Pair) -> None:
    """One row for each convention: outputs under all masks, this one, their mean, the test's."""
    for row, name in enumerate(CONVENTIONS):
        outputs = in_training(MASKS if p[0] else MASKS[7::8], p, name)[-1]
        axis.plot(outputs, torch.full_like(outputs, row), "|", color="0.5", markersize=14)
        points = (in_training(mask, p, name)[-1].item(), average(p, name), at_test(p, name))
        for value, (_, style) in zip(points, _POINTS, strict=True):
            axis.plot(value, row, linestyle="", **style)
    axis.set(yticks=range(2), yticklabels=CONVENTIONS, ylim=(1.6, -0.6), xlabel="output")
    axis.set_title(f"p = {p[1]:.1f}", fontsize="small")


_HOLLOW = {"markerfacecolor": "none", "markersize": 13, "markeredgewidth": 1.5}
_POINTS = (
    ("this mask", {"marker": "o", "color": COLOURS[0], **_HOLLOW}),
    ("mean over all masks", {"marker": "D", "color": COLOURS[1], "markersize": 8}),
    ("when tested", {"marker": "x", "color": "black", "markersize": 8, "markeredgewidth": 2}),
)


def _legend(figure: Figure) -> None:
    points = [Line2D([], [], linestyle="", label=name, **style) for name, style in _POINTS]
    masks = Line2D([], [], linestyle="", marker="|", color="0.5", markersize=14, label="each mask")
    figure.legend(handles=[masks, *points], loc="outside lower center", ncols=4, fontsize="small")


check_types(__name__)
