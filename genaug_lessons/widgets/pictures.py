"""What a model has learnt so far, drawn on the axes that live training hands out.

A picture is any function of the axes and the model:

    def field(axes, model):
        axes.contourf(x, y, model.score(where))

What was drawn the time before is gone by then; labels and ticks stay. Samples are drawn from the
same noise each time, so that what moves between two pictures is what the model has learnt.
"""

from collections.abc import Callable

import torch
from matplotlib.axes import Axes
from torch import Tensor

from genaug_lessons.model import Model
from genaug_lessons.random import generator
from genaug_lessons.typed import check_types

Picture = Callable[[Axes, Model], None]


def samples_of(model: Model) -> Picture | None:
    """The picture that fits the model's samples: a grid of images, points, or None for neither."""
    if not hasattr(model, "sample"):
        return None
    if len(model.shape) == 3 and model.shape[0] in (1, 3):
        return image_samples()
    return point_samples() if model.shape == (2,) else None


def image_samples(*, columns: int = 10, rows: int = 6, seed: int = 0) -> Picture:
    """Sampled images in a grid; a conditional model has one label for each column."""

    def picture(axes: Axes, model: Model) -> None:
        wide = columns if model.classes is None else model.classes
        images = _sample(model, rows * wide, seed)
        grid = mosaic(images.clamp(0, 1), wide).permute(1, 2, 0).cpu().numpy()
        axes.imshow(grid, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
        labelled = "" if model.classes is None else f", one column for each label 0 to {wide - 1}"
        axes.set_title(f"samples{labelled}", fontsize="medium")
        axes.set_axis_off()

    return picture


def point_samples(data: Tensor | None = None, *, count: int = 300, seed: int = 0) -> Picture:
    """Sampled points of the plane as crosses, over the data (N, 2) as dots."""

    def picture(axes: Axes, model: Model) -> None:
        if data is not None:
            axes.plot(*data.detach().cpu().numpy().T, ".", color="0.6", markersize=3, label="data")
        points = _sample(model, count, seed).cpu().numpy()
        limits = (axes.get_xlim(), axes.get_ylim())
        axes.plot(*points.T, "x", color="#D55E00", markersize=4, label="samples")
        if data is not None:
            axes.set(xlim=limits[0], ylim=limits[1])
        axes.set(xlabel="$x_1$", ylabel="$x_2$", aspect="equal")
        axes.legend(loc="upper right", fontsize="small")

    return picture


def mosaic(images: Tensor, columns: int, gap: int = 1) -> Tensor:
    """Images (N, C, H, W) side by side as one image (C, height, width), grey between them."""
    count, channels, height, width = images.shape
    lines = -(-count // columns)
    page = images.new_full((lines * columns, channels, height + gap, width + gap), 0.5)
    page[:count, :, :height, :width] = images
    page = page.unflatten(0, (lines, columns)).permute(2, 0, 3, 1, 4)  # (C, lines, H, columns, W)
    return page.flatten(3).flatten(1, 2)[:, :-gap, :-gap]


def _sample(model: Model, count: int, seed: int) -> Tensor:
    labels = None if model.classes is None else torch.arange(count) % model.classes
    return model.sample(count, label=labels, rng=generator(seed, model.device)).detach()


check_types(__name__)
