"""Where do a denoiser's arrows point, and where the exact ones? Points walk along both.

Letters: r(x) the denoiser, sigma the noise it was trained with, p_sigma the toy's density smoothed
by that noise. The exact denoiser is r(x) = x + sigma^2 grad log p_sigma(x).
"""

from collections.abc import Callable, Mapping

import ipywidgets
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from genaug_lessons.data import PlaneMixture
from genaug_lessons.models.autoencoder import Autoencoder
from genaug_lessons.plots import COLOURS, plane
from genaug_lessons.widgets.explorer import Explorer

WALKERS = 8
MOST_STEPS, TWIN_STEPS = 10, 3
ARROWS, LENGTH = 15, 0.4  # arrows along a side, and the part of their length that is drawn
KINDS = ("learnt", "exact")

Denoiser = Callable[[Tensor], Tensor]


def exact_denoiser(toy: PlaneMixture, sigma: float) -> Denoiser:
    """The best guess of a point of the toy under noise of std sigma: (N, 2) -> (N, 2).

    Source: Efron 2011, "Tweedie's formula and selection bias", JASA 106.
    """
    smooth = toy.smoothed(sigma)
    return lambda x: x + sigma**2 * smooth.score(x)


def learnt_denoiser(model: Autoencoder) -> Denoiser:
    """The reconstruction of a trained autoencoder, without gradients: (N, 2) -> (N, 2)."""
    return torch.no_grad()(model.reconstruct)


def walk(x: Tensor, denoise: Denoiser, steps: int) -> Tensor:
    """Places (steps + 1, N, 2) of points x (N, 2) that go from x to r(x) in each step."""
    places = [x]
    for _ in range(steps):
        places.append(denoise(places[-1]))
    return torch.stack(places)


def disagreement(
    learnt: Denoiser, exact: Denoiser, x: Tensor, weight: Tensor | float = 1.0
) -> float:
    """Length of learnt minus exact arrows at x (N, 2), as a part of that of the exact ones.

    Both are root mean squares under the weight (N,), such as a density; 0 is agreement.
    """
    error, arrow = ((of.square().sum(1) * weight).sum() for of in _arrows(learnt, exact, x))
    return (error / arrow).sqrt().item()


def _arrows(learnt: Denoiser, exact: Denoiser, x: Tensor) -> tuple[Tensor, Tensor]:
    guess = exact(x)
    return learnt(x) - guess, guess - x


class DenoisingExplorer(Explorer):
    """Sliders choose the noise and how many steps the points have walked.

    Args:
        toy: a distribution of the plane.
        denoisers: noise std in training -> an autoencoder of shape 2 trained with it on the toy.
        extent: the plane is shown from -extent to extent.

    Raises:
        ValueError: no denoisers, one of another shape, or noise that is not above 0.
    """

    def __init__(
        self, toy: PlaneMixture, denoisers: Mapping[float, Autoencoder], *, extent: float = 2.2
    ):
        if not denoisers:
            raise ValueError("denoisers must hold at least one, got none")
        for sigma, model in denoisers.items():
            if not sigma > 0:
                raise ValueError(f"denoisers must have noise above 0, got {sigma}")
            if model.shape != (2,):
                raise ValueError(f"denoisers must work on shape (2,), got {model.shape}")
        self.toy, self.extent = toy, extent
        self.pairs = {
            sigma: (learnt_denoiser(denoisers[sigma]), exact_denoiser(toy, sigma))
            for sigma in sorted(denoisers)
        }
        device = next(iter(denoisers.values())).device
        self.lattice = plane(extent, ARROWS).to(device)
        angle = 2 * torch.pi * torch.arange(WALKERS) / WALKERS
        self.starts = 0.85 * extent * torch.stack([angle.cos(), angle.sin()], dim=1).to(device)
        style, layout = {"description_width": "9em"}, ipywidgets.Layout(width="30em")
        how = {"style": style, "layout": layout}
        options = [(f"{sigma:g}", sigma) for sigma in self.pairs]
        self.noise = ipywidgets.SelectionSlider(
            options=options,
            value=options[len(options) // 2][1],
            description="noise (std)",
            **how,
        )
        self.steps = ipywidgets.IntSlider(
            0, min=0, max=MOST_STEPS, description="steps (number)", **how
        )
        shown = ", ".join(text for text, _ in options)
        alt = (
            f"arrows of learnt and of exact denoisers over the plane for noise of std {shown}, and "
            f"the paths of {WALKERS} points that walk along them for {TWIN_STEPS} steps"
        )
        super().__init__([self.noise, self.steps], alt)

    def draw(self) -> tuple[Figure, str]:
        """Both kinds of arrows at the chosen noise, and the paths after the chosen steps."""
        sigma, steps = self.noise.value, self.steps.value
        figure = Figure(figsize=(9, 4.5), layout="constrained")
        for axis, kind in zip(figure.subplots(1, 2), KINDS, strict=True):
            self._plane(axis, sigma, kind, steps)
        learnt, exact = self.pairs[sigma]
        density = self.toy.smoothed(sigma).log_density(self.lattice).exp()
        off = disagreement(learnt, exact, self.lattice, density)
        ends = [walk(self.starts, denoise, steps)[-1] for denoise in (learnt, exact)]
        apart = (ends[0] - ends[1]).norm(dim=1).max().item()
        return figure, (
            f"Noise {sigma:g}: weighted by the density, the arrows differ by {100 * off:.0f}%. "
            f"After {steps} steps, points that started together are at most {apart:.2f} apart."
        )

    def twin(self) -> Figure:
        """Every noise from left to right; learnt arrows above, exact ones below."""
        columns = len(self.pairs)
        figure = Figure(figsize=(3.4 * columns, 7), layout="constrained")
        axes = figure.subplots(2, columns, squeeze=False)
        for row, kind in zip(axes, KINDS, strict=True):
            for axis, sigma in zip(row, self.pairs, strict=True):
                self._plane(axis, sigma, kind, TWIN_STEPS)
        return figure

    def _plane(self, axis: Axes, sigma: float, kind: str, steps: int) -> None:
        """The smoothed density in grey, arrows a part of their length, and the walkers' paths."""
        denoise = self.pairs[sigma][KINDS.index(kind)]
        fine = plane(self.extent, 60).to(self.lattice)
        values = self.toy.smoothed(sigma).log_density(fine).exp().cpu()
        x, y, z = (part.view(60, 60).numpy() for part in (*fine.cpu().T, values))
        axis.contourf(x, y, z, levels=8, cmap="Greys", alpha=0.6)
        arrows = LENGTH * (denoise(self.lattice) - self.lattice)
        straight = {"angles": "xy", "scale_units": "xy", "scale": 1}
        axis.quiver(*self.lattice.cpu().T, *arrows.cpu().T, color=COLOURS[0], **straight)
        for path in walk(self.starts, denoise, steps).cpu().unbind(1):
            axis.plot(*path.T.numpy(), "-", color=COLOURS[1], linewidth=1.5)
            axis.plot(*path[-1].tolist(), "o", color=COLOURS[1], markeredgecolor="black")
        limits = (-1.05 * self.extent, 1.05 * self.extent)
        axis.set(xlabel="$x_1$", ylabel="$x_2$", aspect="equal", xlim=limits, ylim=limits)
        axis.set_title(f"{kind}, noise {sigma:g}, {steps} steps")
