"""What lies where in the latent plane of a VAE, and what does the decoder make of it?"""

import ipywidgets
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor
from torch.nn import functional as F

from genaug_lessons.data import Dataset
from genaug_lessons.models.vae import VAE
from genaug_lessons.plots import COLOURS
from genaug_lessons.widgets.explorer import Explorer

EXTENT = 3.0  # the sliders reach three standard deviations of the prior
NEIGHBOURS = 15
TWIN_SIDE = 11


def neighbours(codes: Tensor, labels: Tensor, z: Tensor) -> tuple[int, int]:
    """The commonest label among the codes (N, 2) nearest to z (2,), and how many have it."""
    distance = (codes - z).square().sum(-1)
    nearest = labels[distance.topk(min(NEIGHBOURS, len(codes)), largest=False).indices]
    counts = nearest.bincount()
    return int(counts.argmax()), int(counts.max())


def lattice(model: VAE, side: int = TWIN_SIDE, extent: float = 2.0) -> Tensor:
    """Decoded pictures (side * side, *shape), row by row from the top left of the plane."""
    ticks = torch.linspace(-extent, extent, side, device=model.device)
    down, across = torch.meshgrid(ticks.flip(0), ticks, indexing="ij")
    with torch.no_grad():
        return model.decode(torch.stack([across.flatten(), down.flatten()], dim=-1))


class LatentExplorer(Explorer):
    """Two sliders move a point through the latent plane; beside it is its decoded picture.

    Args:
        model: a trained VAE of pictures (1, H, W) without labels and with two latent dimensions.
        data: labelled pictures whose codes are mapped; the first 500 are drawn.

    Raises:
        ValueError: a model of another kind, or data without labels.
    """

    def __init__(self, model: VAE, data: Dataset):
        if model.latent != 2 or model.classes is not None or len(model.shape) != 3:
            raise ValueError(
                "model must be an unconditional VAE of pictures with latent=2, got "
                f"latent={model.latent}, classes={model.classes}, shape={model.shape}"
            )
        if not data.labelled:
            raise ValueError("data must be labelled throughout: the map shows the labels")
        self.model, shown = model, data[:500]
        self.labels = shown.y
        with torch.no_grad():
            self.codes = model.encode(shown.values)[0]
        style, layout = {"description_width": "9em"}, ipywidgets.Layout(width="34em")
        self.across, self.up = (
            ipywidgets.FloatSlider(
                0.0,
                min=-EXTENT,
                max=EXTENT,
                step=0.1,
                description=name,
                readout_format=".1f",
                style=style,
                layout=layout,
            )
            for name in ("z1 (prior stds)", "z2 (prior stds)")
        )
        alt = (
            f"map of {len(self.codes)} pictures in the latent plane, their class numbers as "
            f"markers, beside {TWIN_SIDE} x {TWIN_SIDE} pictures decoded from -2 to 2"
        )
        super().__init__([self.across, self.up], alt)

    def decoded(self, across: float, up: float) -> Tensor:
        """The decoder's picture (1, H, W) at a point of the plane."""
        z = torch.tensor([[across, up]], device=self.model.device)
        with torch.no_grad():
            return self.model.decode(z)[0]

    def draw(self) -> tuple[Figure, str]:
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

    def twin(self) -> Figure:
        """The map beside decoded pictures from all over the plane."""
        figure = Figure(figsize=(9.6, 4.7), layout="constrained")
        left, right = figure.subplots(1, 2)
        self._map(left)
        left.set_title("codes of pictures, marked by class")
        pictures = F.pad(lattice(self.model)[:, 0], (0, 1, 0, 1), value=0.5).cpu()  # grey gaps
        height, width = pictures.shape[1:]
        tiled = pictures.view(TWIN_SIDE, TWIN_SIDE, height, width).transpose(1, 2)
        tiled = tiled.reshape(TWIN_SIDE * height, TWIN_SIDE * width).numpy()
        edge = 2 * TWIN_SIDE / (TWIN_SIDE - 1)  # the outer pictures are centred on -2 and 2
        right.imshow(
            tiled,
            cmap="gray",
            vmin=0,
            vmax=1,
            interpolation="nearest",
            extent=(-edge, edge, -edge, edge),
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
        axis.set(
            xlim=(-EXTENT - 0.2, EXTENT + 0.2),
            ylim=(-EXTENT - 0.2, EXTENT + 0.2),
            xlabel="$z_1$ (standard deviations of the prior)",
            ylabel="$z_2$",
            aspect="equal",
        )
