"""Arrays in, figures out: image grids, histories, curves, densities, samples, layers, effects.

Every function draws a figure with alt text and returns one line of numbers that says what it
shows. Print that line under the figure: screen readers and tests read it.

    print(plots.image_grid(images))

Nothing is told by colour alone: markers and line styles differ too, and the colours are
Okabe and Ito's, which colour-blind readers can tell apart. Names (of curves, arms, rows) are drawn
as they are; labels of axes may hold mathematics, as in "$x_1$".
"""

import io
from collections.abc import Mapping, Sequence
from itertools import cycle

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from genaug_lessons.checks import count, number, numbers
from genaug_lessons.typed import check_types

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*", "<", ">")
_DASHES = ((8, 2), (3, 1, 1, 1, 1, 1), (1, 3), (8, 2, 2, 2), (4, 1, 1, 1), (2, 4))
LINES = ("-", "--", "-.", ":", *((0, dashes) for dashes in _DASHES))
DPI = 110
_HEADS = {"<-": "<|-", "->": "-|>", "--": "-"}
_UNITS = (-1, 0, 1)  # places of the circles that stand for a layer


def image_grid(
    images: Tensor,
    *,
    columns: int | None = None,
    rows: Sequence[str] = (),
    about: str = "pictures",
    boxes: Tensor | None = None,
) -> str:
    """Pictures in a grid, grey (C = 1) or colour (C = 3), black 0 to white 1.

    Args:
        images: (N, C, H, W) in [0, 1], or bytes; values outside are clipped.
        columns: pictures per row; all in one row by default.
        rows: a label for each row.
        about: what the pictures are, for the alt text.
        boxes: (N, M, 4) rectangles (left, top, right, bottom) in pixels to outline; zeros for none.
    """
    if images.ndim != 4 or images.shape[1] not in (1, 3) or len(images) == 0:
        raise ValueError(f"images must be (N, 1 or 3, H, W), got {tuple(images.shape)}")
    boxes = torch.zeros(len(images), 0, 4) if boxes is None else boxes
    if boxes.ndim != 3 or boxes.shape[::2] != (len(images), 4):
        raise ValueError(f"boxes must be ({len(images)}, M, 4), got {tuple(boxes.shape)}")
    scale = 255 if images.dtype == torch.uint8 else 1
    x = (images.detach().float() / scale).clamp(0, 1).cpu()
    columns = len(x) if columns is None else count("columns", columns)
    rows = [str(row) for row in rows]
    lines = -(-len(x) // columns)
    side = min(0.8 * max(1, x.shape[3] / x.shape[2]), 9 / columns)  # inches across a picture
    label_width = 0.085 * max(map(len, rows), default=0)
    size = (columns * side + label_width, lines * side * x.shape[2] / x.shape[3])
    figure, axes = plt.subplots(lines, columns, figsize=size, squeeze=False)
    for place, axis in enumerate(axes.flat):
        axis.set(xticks=[], yticks=[])
        axis.spines[:].set_visible(False)
        if place < len(x):
            axis.imshow(
                x[place].permute(1, 2, 0).numpy(),
                cmap="gray",
                vmin=0,
                vmax=1,
                interpolation="nearest",
            )
            for box in boxes[place].tolist():
                _outline(axis, *box)
    for label, axis in zip(rows, axes[:, 0], strict=False):
        axis.set_ylabel(label, rotation=0, ha="right", va="center", parse_math=False)
    figure.subplots_adjust(0.01 + label_width / size[0], 0.01, 0.99, 0.99, 0.06, 0.06)
    named = f" ({'; '.join(rows)})" if rows else ""
    boxed = f", {boxes.any(-1).sum()} boxes" if boxes.shape[1] else ""
    line = (
        f"{lines} x {columns} {about}{named}, {x.shape[2]} x {x.shape[3]} pixels, "
        f"mean brightness {x.mean():.2f}{boxed}"
    )
    return show(figure, line)


def _outline(axis, left: float, top: float, right: float, bottom: float) -> None:
    """A box whose pixel (row, column) covers the square from (column, row) on."""
    across = [left - 0.5, right - 0.5, right - 0.5, left - 0.5, left - 0.5]  # drawn about centres
    down = [top - 0.5, top - 0.5, bottom - 0.5, bottom - 0.5, top - 0.5]
    axis.plot(across, down, color=COLOURS[4], linewidth=1.5, clip_on=False)


def histories(curves: Mapping[str, Sequence[float]], *, ylabel: str, xlabel: str = "step") -> str:
    """One line per name over the steps 1, 2, ...; long ones are drawn as means over short spans.

    Args:
        curves: name -> values; `Training.losses()` gives them.
        ylabel: the quantity with its unit.
        xlabel: what is counted along the horizontal axis.
    """
    if not curves or not all(map(len, curves.values())):
        raise ValueError("curves must hold at least one value for each name, and one name")
    figure, axis = plt.subplots(figsize=(6, 3))
    words, lines, longest = [], [], max(map(len, curves.values()))
    for (name, values), colour, dash in zip(curves.items(), cycle(COLOURS), cycle(LINES)):
        span = max(1, len(values) // 100)
        kept = np.asarray(values[: len(values) // span * span]).reshape(-1, span)
        steps = span * (np.arange(len(kept)) + 1)
        lines += axis.plot(steps, kept.mean(1), linestyle=dash, color=colour)
        words.append(f"{name} from {values[0]:.3g} to {kept[-1].mean():.3g}")
    axis.set(xlabel=xlabel, ylabel=ylabel)
    _legend(axis, dict(zip(curves, lines, strict=True)))
    return show(figure, f"{ylabel} over {longest} {xlabel}s: {', '.join(words)}")


def curves(
    at: Sequence[float], values: Mapping[str, Sequence[float]], *, xlabel: str, ylabel: str
) -> str:
    """One line per name through values measured at a few places, each with a marker.

    Args:
        at: (N,) places along the horizontal axis.
        values: name -> (N,) what was measured there.
        xlabel: the horizontal quantity with its unit.
        ylabel: the measured quantity with its unit.
    """
    at, lengths = numbers("at", at), [len(measured) for measured in values.values()]
    if not lengths or not at or set(lengths) != {len(at)}:
        raise ValueError(f"values must hold one for each of the {len(at)} places, got {lengths}")
    figure, axis = plt.subplots(figsize=(6, 3))
    lines, looks = {}, zip(cycle(COLOURS), cycle(LINES), cycle(MARKERS))
    for name, measured in values.items():
        colour, dash, marker = next(looks)
        [lines[name]] = axis.plot(at, measured, color=colour, linestyle=dash, marker=marker)
    axis.set(xlabel=xlabel, ylabel=ylabel)
    _legend(axis, lines)
    words = (f"{name} from {line[0]:.3g} to {line[-1]:.3g}" for name, line in values.items())
    where = f"{xlabel} from {at[0]:.3g} to {at[-1]:.3g}"
    return show(figure, f"{ylabel} over {where}: {', '.join(words)}")


def plane(extent: float, points: int = 120) -> Tensor:
    """Points of a square lattice over [-extent, extent]^2, (points^2, 2), for `density`."""
    extent, points = number("extent", extent, above=0), count("points", points)
    ticks = torch.linspace(-extent, extent, points)
    return torch.cartesian_prod(ticks, ticks)


def density(
    where: Tensor,
    values: Tensor,
    *,
    samples: Tensor | None = None,
    about: str = "density",
    unit: str = "per unit area",
) -> str:
    """A function over the plane as shades of grey with contour lines, samples as crosses on top.

    Args:
        where: (P * P, 2) the lattice from `plane`.
        values: (P * P,) the function there.
        samples: (N, 2) points.
        about: what the function is, for the label and the alt text.
        unit: of the values.
    """
    side = round(len(where) ** 0.5)
    if where.shape != (side**2, 2) or values.shape != (side**2,):
        raise ValueError(
            "where must be the (P * P, 2) lattice from plane and values (P * P,), "
            f"got {tuple(where.shape)} and {tuple(values.shape)}"
        )
    x, y, z = (part.detach().reshape(side, side).cpu().numpy() for part in (*where.T, values))
    figure, axis = plt.subplots(figsize=(4.6, 3.8))
    shades = axis.contourf(x, y, z, levels=12, cmap="Greys")
    lines = shades.levels[2::2]  # none around the places where the values underflow to 0
    axis.contour(x, y, z, levels=lines, colors="0.4", linewidths=0.5)
    if samples is not None:
        points = samples.detach().cpu().numpy()
        axis.plot(*points.T, "x", color=COLOURS[1], markersize=4, label="samples")
        axis.legend(loc="upper right")
    figure.colorbar(shades, label=f"{about} ({unit})")
    axis.set(xlabel="$x_1$", ylabel="$x_2$", aspect="equal")
    count = "" if samples is None else f", {len(samples)} samples"
    peak = z.argmax()
    place = f"({x.flat[peak]:.1f}, {y.flat[peak]:.1f})"
    return show(figure, f"{about} over the plane, highest {z.max():.3g} at {place}{count}")


def samples(points: Mapping[str, Tensor], *, axes: tuple[str, str] = ("$x_1$", "$x_2$")) -> str:
    """Sets of points in the plane, each with its own marker and colour.

    Args:
        points: name -> (N, 2).
        axes: what is along the two axes.
    """
    figure, axis = plt.subplots(figsize=(4.2, 3.8))
    words, sets = [], {}
    for (name, x), colour, marker in zip(points.items(), cycle(COLOURS), cycle(MARKERS)):
        if x.ndim != 2 or x.shape[1] != 2:
            raise ValueError(f"points must be (N, 2) for each name, got {name}: {tuple(x.shape)}")
        x = x.detach().cpu()
        sets[name] = axis.scatter(*x.T.numpy(), s=14, c=colour, marker=marker, alpha=0.7)
        words.append(f"{name}: {len(x)} around ({x[:, 0].mean():.2f}, {x[:, 1].mean():.2f})")
    axis.set(xlabel=axes[0], ylabel=axes[1], aspect="equal")
    _legend(axis, sets, loc="upper left", bbox_to_anchor=(1, 1))
    return show(figure, f"points in the plane, {'; '.join(words)}")


def layers(networks: Mapping[str, str]) -> str:
    """Networks side by side as layers one above the other, with the way each connection goes.

    Args:
        networks: name -> its layers from the lowest up, with what connects them between blanks:
            "<-" leads down, "->" up, "--" has no direction. "v <- h1 -- h2" has three layers.
    """
    if not networks:
        raise ValueError("networks must hold at least one network")
    tallest = max(len(network.split()[::2]) for network in networks.values())
    size = (1.9 * len(networks), tallest)
    figure, axes = plt.subplots(1, len(networks), figsize=size, squeeze=False)
    for axis, (name, network) in zip(axes.flat, networks.items(), strict=True):
        names, links = network.split()[::2], network.split()[1::2]
        if len(names) != len(links) + 1 or not set(links) <= _HEADS.keys():
            raise ValueError(f'networks must read like "v <- h1 -- h2", got {name}: {network!r}')
        for height, layer in enumerate(names):
            axis.scatter(_UNITS, [height] * len(_UNITS), s=170, color="0.8", edgecolor="black")
            axis.annotate(layer, (1.5, height), ha="left", va="center")
        for height, link in enumerate(links):
            for x in _UNITS:
                line = {"arrowstyle": _HEADS[link], "linewidth": 1.5}
                axis.annotate("", (x, height + 0.8), (x, height + 0.2), arrowprops=line)
        axis.set(xlim=(-1.6, 2.4), ylim=(-0.4, tallest - 0.6))
        axis.set_title(name.replace(" ", "\n", 1), parse_math=False)
        axis.set_axis_off()
    words = "; ".join(f"{name}: {network}" for name, network in networks.items())
    return show(figure, f"{len(networks)} networks, from the lowest layer up: {words}")


def forest(
    effects: Mapping[str, tuple[float, float, float]], *, xlabel: str, digits: int = 1
) -> str:
    """Effects with their intervals, one row each, beside the line of no effect.

    Args:
        effects: name -> (mean, low, high).
        xlabel: the quantity with its unit.
        digits: after the point, in the picture and in words.
    """
    form = f"+.{count('digits', digits, 0)}f"
    figure, axis = plt.subplots(figsize=(6.5, 0.9 + 0.42 * len(effects)))
    for row, (mean, low, high) in enumerate(effects.values()):
        axis.plot([low, high], [row, row], "-", color=COLOURS[0], linewidth=2)
        axis.plot(mean, row, "o", color=COLOURS[0])
        axis.annotate(
            f"{mean:{form}}", (mean, row), (0, 6), textcoords="offset points", ha="center"
        )
    axis.axvline(0, color="0.4", linestyle="--", linewidth=1)
    axis.set_yticks(range(len(effects)), list(effects), parse_math=False)
    axis.set_xlabel(xlabel)
    axis.set_ylim(len(effects) - 0.5, -0.7)
    axis.spines[["top", "right"]].set_visible(False)
    words = [
        f"{name} {mean:{form}} [{low:{form}}, {high:{form}}]"
        for name, (mean, low, high) in effects.items()
    ]
    return show(figure, f"{xlabel}: {'; '.join(words)}")


def _legend(axis: Axes, drawn: Mapping[str, Artist], **position) -> None:
    """A legend of what was drawn, by name; matplotlib would leave out names that begin with _."""
    legend = axis.legend(drawn.values(), map(str, range(len(drawn))), **position)
    for text, name in zip(legend.get_texts(), drawn, strict=True):
        text.set(text=name, parse_math=False)


def show(figure: Figure, line: str) -> str:
    """Display a figure with `line` as its alt text, close it, and return the line.

    Outside a notebook the figure stays open, for the caller to save.
    """
    try:
        from IPython import get_ipython
        from IPython.display import display
    except ImportError:
        return line
    if hasattr(get_ipython(), "kernel"):
        picture = io.BytesIO()
        figure.savefig(picture, format="png", dpi=DPI, bbox_inches="tight")
        content = {"image/png": picture.getvalue(), "text/plain": "figure; in words and numbers:"}
        display(content, raw=True, metadata={"image/png": {"alt": line}})
        plt.close(figure)
    return line


check_types(__name__)
