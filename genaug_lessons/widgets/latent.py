"""What lies where in the plane of the codes, and what does the decoder make of it?"""

from typing import NamedTuple

import ipywidgets
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor
from torch.nn import functional as F

from genaug_lessons.data import Dataset
from genaug_lessons.models.autoencoder import Autoencoder
from genaug_lessons.models.vae import VAE
from genaug_lessons.plots import COLOURS
from genaug_lessons.typed import check_types
from genaug_lessons.widgets.explorer import Explorer

NEIGHBOURS = 15
STATIC_SIDE = 11


class Window(NamedTuple):
    """The part of the plane that is shown, a square.

    Attributes:
        centre: its middle.
        reach: how far from the middle the sliders go.
        pictures: how far from it the static figure decodes pictures.
        axes: what is along the two axes.
        sliders: what the two sliders are called.
        where: where the static figure's pictures come from, in words.
    """

    centre: tuple[float, float]
    reach: float
    pictures: float
    axes: tuple[str, str]
    sliders: tuple[str, str]
    where: str


def codes_of(model: VAE | Autoencoder, x: Tensor) -> Tensor:
    """Codes (N, Z) of pictures (N, *shape): those of a VAE are the means of q(z|x)."""
    with torch.no_grad():
        code = model.encode(x)
    return code[0] if isinstance(model, VAE) else code


def window(model: VAE | Autoencoder, codes: Tensor) -> Window:
    """Three standard deviations of a VAE's prior; without a prior, what holds the codes (N, 2)."""
    if isinstance(model, VAE):
        axes = ("$z_1$ (standard deviations of the prior)", "$z_2$")
        sliders = ("z1 (prior stds)", "z2 (prior stds)")
        return Window((0.0, 0.0), 3.0, 2.0, axes, sliders, "from -2 to 2")
    low, high = codes.min(0).values, codes.max(0).values
    reach = max((high - low).max().item() / 2, 1e-3)  # a square even where all codes are one
    centre = tuple(((low + high) / 2).tolist())
    axes = ("$z_1$ (code units)", "$z_2$ (code units)")
    return Window(centre, reach, reach, axes, ("z1", "z2"), "all over it")


def neighbours(codes: Tensor, labels: Tensor, z: Tensor) -> tuple[int, int]:
    """The commonest label among the codes (N, 2) nearest to z (2,), and how many have it."""
    distance = (codes - z).square().sum(-1)
    nearest = labels[distance.topk(min(NEIGHBOURS, len(codes)), largest=False).indices]
    counts = nearest.bincount()
    return int(counts.argmax()), int(counts.max())


def lattice(
    model: VAE | Autoencoder,
    side: int = STATIC_SIDE,
    extent: float = 2.0,
    centre: tuple[float, float] = (0.0, 0.0),
) -> Tensor:
    """Decoded pictures (side * side, *shape), row by row from the top left of the plane."""
    ticks = torch.linspace(-extent, extent, side, device=model.device)
    down, across = torch.meshgrid(ticks.flip(0), ticks, indexing="ij")
    z = torch.stack([across.flatten(), down.flatten()], dim=-1)
    with torch.no_grad():
        return model.decode(z + z.new_tensor(centre))


class LatentExplorer(Explorer):
    """Two sliders move a point through the latent plane; beside it is its decoded picture.

    Args:
        model: a trained autoencoder, or VAE without labels, of pictures (1, H, W) with latent=2.
        data: labelled pictures whose codes are mapped; the first 500 are drawn.

    Raises:
        ValueError: a model of another kind, or data without labels.
    """

    def __init__(self, model: VAE | Autoencoder, data: Dataset):
        if model.latent != 2 or model.classes is not None or len(model.shape) != 3:
            raise ValueError(
                "model must be an Autoencoder or an unconditional VAE of pictures with "
                f"latent=2, got latent={model.latent}, classes={model.classes}, shape={model.shape}"
            )
        if not data.labelled:
            raise ValueError("data must be labelled throughout: the map shows the labels")
        self.model, shown = model, data[:500]
        self.labels = shown.y
        self.codes = codes_of(model, shown.values)
        self.window = window(model, self.codes)
        style, layout = {"description_width": "9em"}, ipywidgets.Layout(width="34em")
        self.across, self.up = (
            ipywidgets.FloatSlider(
                middle,
                min=middle - self.window.reach,
                max=middle + self.window.reach,
                step=self.window.reach / 30,
                description=name,
                readout_format=".1f",
                style=style,
                layout=layout,
            )
            for name, middle in zip(self.window.sliders, self.window.centre, strict=True)
        )
        alt = (
            f"map of {len(self.codes)} pictures in the latent plane, their class numbers as "
            f"markers, beside {STATIC_SIDE} x {STATIC_SIDE} pictures decoded {self.window.where}"
        )
        super().__init__([self.across, self.up], alt)

    def decoded(self, across: float, up: float) -> Tensor:
        """The decoder's picture (1, H, W) at a point of the plane."""
        z = torch.tensor([[across, up]], device=self.model.device)
        with torch.no_grad():
            return self.model.decode(z)[0]

    def render(self) -> tuple[Figure, str]:
        """The map with the point on it, and the picture decoded there."""
        across, up = self.across.value, self.up.value
        figure = Figure(figsize=(7.2, 4), layout="constrained")
        left, right = figure.subplots(1, 2, width_ratios=(3, 2))
        self._map(left)
        left.axhline(up, color="black", linewidth=0.8)
        left.axvline(across, color="black", linewidth=0.8)
        left.plot(across, up, "o", markersize=13, markerfacecolor="none", color="black")
        picture = self.decoded(across, up)[0].cpu().numpy()
        right.imshow(picture, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
        right.set(xticks=[], yticks=[], title=f"decoded at ({across:.1f}, {up:.1f})")
        z = torch.tensor([across, up], device=self.codes.device)
        label, count = neighbours(self.codes, self.labels, z)
        nearest = min(NEIGHBOURS, len(self.codes))
        where = f"At ({across:.1f}, {up:.1f})"
        return figure, f"{where}: {count} of the {nearest} nearest codes have label {label}."

    def static_figure(self) -> Figure:
        """The map beside decoded pictures from all over the plane."""
        figure = Figure(figsize=(9.6, 4.7), layout="constrained")
        left, right = figure.subplots(1, 2)
        self._map(left)
        left.set_title("codes of pictures, marked by class")
        reach, (across, up) = self.window.pictures, self.window.centre
        pictures = lattice(self.model, extent=reach, centre=(across, up))[:, 0].cpu()
        pictures = F.pad(pictures, (0, 1, 0, 1), value=0.5)  # grey gaps
        height, width = pictures.shape[1:]
        tiled = pictures.view(STATIC_SIDE, STATIC_SIDE, height, width).transpose(1, 2)
        tiled = tiled.reshape(STATIC_SIDE * height, STATIC_SIDE * width).numpy()
        edge = (
            reach * STATIC_SIDE / (STATIC_SIDE - 1)
        )  # the outer pictures are centred on the reach
        right.imshow(
            tiled,
            cmap="gray",
            vmin=0,
            vmax=1,
            interpolation="nearest",
            extent=(across - edge, across + edge, up - edge, up + edge),
        )
        right.set(xlabel="$z_1$", ylabel="$z_2$", title="decoded pictures")
        return figure

    def _map(self, axis: Axes) -> None:
        """Codes as class numbers: told apart by shape, and by colour besides."""
        codes, labels = self.codes.cpu().numpy(), self.labels.cpu().numpy()
        for label in sorted(set(labels.tolist())):
            x, y = codes[labels == label].T
            colour = COLOURS[label % len(COLOURS)]
            axis.scatter(x, y, s=26, marker=f"${label}$", color=colour, linewidths=0.3)
        (across, up), shown = self.window.centre, self.window.reach * 16 / 15
        axis.set(
            xlim=(across - shown, across + shown),
            ylim=(up - shown, up + shown),
            xlabel=self.window.axes[0],
            ylabel=self.window.axes[1],
            aspect="equal",
        )


check_types(__name__)
