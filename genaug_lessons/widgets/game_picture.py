"""The game of a GAN in the plane, drawn and put into words.

The discriminator's field is the shading, the data are dots, the generator's samples crosses, and
arrows show where the generator's loss pulls some of them. The arrow for a gradient g of the loss is
`LONGEST` times |g| / (|g| + `MIDDLING`) long: the same gradient looks the same at any time.

Letters: x (N, 2) real points, z (B, Z) the noise of the samples, D the probability of real.
"""

import copy
import io
from collections.abc import Callable

import torch
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.image import imsave
from matplotlib.lines import Line2D
from torch import Tensor

from genaug_lessons.data import PlaneMixture
from genaug_lessons.evaluate import modes_covered
from genaug_lessons.models.gan import GAN, LOSSES
from genaug_lessons.typed import check_types
from genaug_lessons.widgets.live_figure import empty

EXTENT = 3.0  # the plane is shown from -3 to 3
SIDE = 61  # places at which the discriminator is asked, along each axis
ARROWS, LONGEST, MIDDLING = 40, 0.8, 0.2
SHADES = LinearSegmentedColormap.from_list("probability", ["0.65", "0.7", "0.83", "0.95", "1.0"])
DATA = {  # a light dot with a dark edge, which differs from the crosses in grey, too
    "color": "#003E6B",
    "markerfacecolor": "#B7DDF7",
    "marker": "o",
    "markersize": 3.5,
    "markeredgewidth": 0.7,
    "linestyle": "",
}
SAMPLES = {"color": "#A03000", "marker": "x", "markersize": 5, "linestyle": ""}
HALF = {"color": "black", "linestyle": "--", "linewidth": 1.2}
ARROW = {"color": "black", "marker": r"$\rightarrow$", "markersize": 11, "linestyle": ""}
LEGEND = {
    "data": DATA,
    "samples": SAMPLES,
    "where the generator's loss pulls them": ARROW,
    "D = 1/2": HALF,
}


@torch.no_grad()
def samples(model: GAN, z: Tensor) -> Tensor:
    """The generator's points (B, 2) for noise z as one batch, as in training.

    They move only if the generator does: running figures of batch normalisation play no part.
    """
    return copy.deepcopy(model).train().generate(z)


def draw(
    axes: Axes,
    model: GAN,
    x: Tensor,
    z: Tensor,
    *,
    field: bool = True,
    arrows: bool = True,
) -> None:
    """Everything that the plane shows, on empty axes.

    Args:
        axes: what is drawn on.
        model: a GAN of points in the plane.
        x: (N, 2) the data; may be none.
        z: (B, Z) the noise of the samples.
        field: whether to show what the discriminator believes.
        arrows: whether to show where the generator is pulled.
    """
    if field:
        _draw_field(axes, model)
    fake = samples(model, z)
    axes.plot(*x.cpu().numpy().T, **DATA)
    axes.plot(*fake.cpu().numpy().T, **SAMPLES)
    if arrows:
        _draw_arrows(axes, model, fake[:ARROWS])
    axes.set(xlim=(-EXTENT, EXTENT), ylim=(-EXTENT, EXTENT), aspect="equal")


def words(model: GAN, plane: PlaneMixture, x: Tensor, z: Tensor) -> str:
    """How the game stands: what the samples cover, what the discriminator believes, both losses.

    A sample is on the data where the density is at least that of the sparsest hundredth of x.
    """
    fake = samples(model, z)
    level = plane.log_density(x).quantile(0.01)
    near = (plane.log_density(fake) >= level).cpu().double().mean().item()
    means = [model.probability_real(points).mean().item() for points in (x, fake)]
    with torch.no_grad():
        real_logits, fake_logits = model.discriminate(x), model.discriminate(fake)
    discriminator_loss, generator_loss = LOSSES[model.loss]
    losses = discriminator_loss(real_logits, fake_logits).item(), generator_loss(fake_logits).item()
    return "; ".join(
        [
            *_modes_in_words(plane, fake),
            f"{100 * near:.0f}% of the samples lie on the data",
            f"mean D {means[0]:.2f} on data, {means[1]:.2f} on samples",
            f"losses: discriminator {losses[0]:.3f}, generator {losses[1]:.3f}",
        ]
    )


class GameFigure:
    """One canvas with the plane, the scale of D and a legend.

    Args:
        draw: draws on the emptied axes.
    """

    def __init__(self, draw: Callable[[Axes], None]):
        self.draw = draw
        self.figure = Figure(figsize=(5.8, 5.4), dpi=100)
        self.canvas = FigureCanvasAgg(self.figure)
        self.axes = self.figure.add_axes((0.085, 0.085, 4.5 / 5.8, 4.5 / 5.4))  # a square
        self.axes.set(xlim=(-EXTENT, EXTENT), ylim=(-EXTENT, EXTENT), xlabel="$x_1$")
        self.axes.set_ylabel("$x_2$", labelpad=-2)
        frame_and_legend(self.figure, (0.88, 0.085, 0.025, 4.5 / 5.4))
        self.still = None

    def png(self) -> bytes:
        """The game as it stands now."""
        empty(self.axes)
        if self.still is None:  # what never changes takes most of the time, so it is drawn once
            self.canvas.draw()
            self.still = self.canvas.copy_from_bbox(self.figure.bbox)
        self.canvas.restore_region(self.still)
        self.draw(self.axes)
        drawn = [*self.axes.images, *self.axes.lines, *self.axes.collections]
        for artist in sorted(drawn, key=lambda artist: artist.get_zorder()):
            self.axes.draw_artist(artist)
        for spine in self.axes.spines.values():
            self.axes.draw_artist(spine)
        stream = io.BytesIO()
        imsave(stream, self.canvas.buffer_rgba(), format="png", pil_kwargs={"compress_level": 1})
        return stream.getvalue()

    def place(self, column: float, row: float) -> tuple[float, float] | None:
        """The point of the plane at a pixel, counted from the top left; None beside the plane."""
        up = self.canvas.get_width_height()[1] - row
        x, y = self.axes.transData.inverted().transform((column, up))
        return (float(x), float(y)) if max(abs(x), abs(y)) <= EXTENT else None


def frame_and_legend(figure: Figure, scale: tuple[float, float, float, float]) -> None:
    """The legend above, and at (left, bottom, width, height) the scale of D."""
    shades = ScalarMappable(Normalize(0, 1), SHADES)
    figure.colorbar(shades, cax=figure.add_axes(scale), label="D(x): 1 = taken for real")
    handles = [Line2D([], [], label=name, **look) for name, look in LEGEND.items()]
    figure.legend(
        handles=handles, loc="upper center", ncols=len(handles), fontsize="small", frameon=False
    )


def _draw_field(axes: Axes, model: GAN) -> None:
    ticks = torch.linspace(-EXTENT, EXTENT, SIDE, device=model.device)
    up, across = torch.meshgrid(ticks, ticks, indexing="ij")
    real = (
        model.probability_real(torch.stack([across, up], dim=-1).flatten(0, 1))
        .view(SIDE, SIDE)
        .cpu()
    )
    edge = EXTENT * SIDE / (SIDE - 1)  # the outer pixels are centred on the limits
    axes.imshow(
        real.numpy(),
        origin="lower",
        extent=(-edge, edge, -edge, edge),
        cmap=SHADES,
        vmin=0,
        vmax=1,
        interpolation="bilinear",
        aspect="auto",
    )
    if real.min() < 0.5 < real.max():
        look = {"colors": HALF["color"], "linewidths": HALF["linewidth"]}
        line = (ticks.cpu().numpy(), ticks.cpu().numpy(), real.numpy())
        axes.contour(*line, levels=[0.5], linestyles=HALF["linestyle"], **look)


def _draw_arrows(axes: Axes, model: GAN, fake: Tensor) -> None:
    downhill = model.descent_direction(fake)
    downhill = LONGEST * downhill / (MIDDLING + downhill.norm(dim=-1, keepdim=True))
    starts, steps = fake.cpu().numpy().T, downhill.cpu().numpy().T
    axes.quiver(
        *starts, *steps, angles="xy", scale_units="xy", scale=1, width=0.004, color=ARROW["color"]
    )


def _modes_in_words(plane: PlaneMixture, fake: Tensor) -> list[str]:
    """How many modes the samples cover, where each mode is a class; nothing for other planes."""
    if not fake.isfinite().all():
        return ["the samples are no longer finite"]
    modes = plane.centres.unique(dim=0)
    if len(modes) != len(plane.labels.unique()):
        return []
    return [f"{modes_covered(fake, modes, radius=3 * plane.std)} of {len(modes)} modes covered"]


check_types(__name__)
