"""Arrows over the plane, learnt beside exact ones, and points that walk: two explorers' base.

Letters: r(x) a denoiser, sigma its noise, p_sigma the toy's density smoothed by that noise. The
arrow at x is r(x) - x; that of the exact denoiser is sigma^2 grad log p_sigma(x).
"""

from collections.abc import Callable, Mapping, Sequence

import ipywidgets
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from genaug_lessons.data import PlaneMixture
from genaug_lessons.plots import COLOURS, plane
from genaug_lessons.typed import check_types
from genaug_lessons.widgets.explorer import Explorer

ARROWS, LENGTH = 15, 0.4  # arrows along a side, and the part of their length that is drawn
KINDS = ("learnt", "exact")
WIDE = {"style": {"description_width": "9em"}, "layout": {"width": "30em"}}

Denoiser = Callable[[Tensor], Tensor]


def exact_denoiser(toy: PlaneMixture, sigma: float) -> Denoiser:
    """The best guess of a point of the toy under noise of std sigma: (N, 2) -> (N, 2).

    Source: Efron 2011, "Tweedie's formula and selection bias", JASA 106.
    """
    smooth = toy.smoothed(sigma)
    return lambda x: x + sigma**2 * smooth.score(x)


def disagreement(
    learnt: Denoiser, exact: Denoiser, x: Tensor, weight: Tensor | float = 1.0
) -> float:
    """Length of learnt minus exact arrows at x (N, 2), as a part of that of the exact ones.

    Both are root mean squares under the weight (N,), such as a density; 0 is agreement.
    """
    error, arrow = ((arrows.square().sum(1) * weight).sum() for arrows in _arrows(learnt, exact, x))
    return (error / arrow).sqrt().item()


def steps_text(steps: int) -> str:
    """A number of steps, one of them in the singular."""
    return "1 step" if steps == 1 else f"{steps} steps"


def _arrows(learnt: Denoiser, exact: Denoiser, x: Tensor) -> tuple[Tensor, Tensor]:
    guess = exact(x)
    return learnt(x) - guess, guess - x


class FieldExplorer(Explorer):
    """Sliders choose the noise and how many steps the points have walked.

    Give it `walk()`, `sentence()` and `static_figure()`.

    Args:
        toy: a distribution of the plane.
        pairs: noise std -> the learnt and the exact denoiser.
        starts: (N, 2) where the points start.
        most_steps: what the steps' slider ends at.
        trails: how many of the points show the path they have come.
        extent: the plane is shown from -extent to extent.
        controls: further ones.
        alt: what the static figure shows, for readers who cannot see it.
    """

    def __init__(
        self,
        toy: PlaneMixture,
        pairs: Mapping[float, tuple[Denoiser, Denoiser]],
        *,
        starts: Tensor,
        most_steps: int,
        trails: int,
        extent: float,
        controls: Sequence[ipywidgets.Widget] = (),
        alt: str,
    ):
        self.toy, self.pairs = toy, {sigma: pairs[sigma] for sigma in sorted(pairs)}
        self.starts, self.trails, self.extent = starts, trails, extent
        self.lattice = plane(extent, ARROWS).to(starts)
        options = [(f"{sigma:.3g}", sigma) for sigma in self.pairs]
        middle = options[len(options) // 2][1]
        self.noise = ipywidgets.SelectionSlider(
            options=options, value=middle, description="noise (std)", **WIDE
        )
        self.steps = ipywidgets.IntSlider(
            0, min=0, max=most_steps, description="steps (number)", **WIDE
        )
        super().__init__([self.noise, self.steps, *controls], alt)

    def walk(self, sigma: float, kind: str, steps: int) -> Tensor:
        """Places (steps + 1, N, 2) of the points, from where they start, along arrows of a kind."""
        raise TypeError(f"{type(self).__name__} does not say how points walk")

    def sentence(self, sigma: float, ends: Mapping[str, Tensor]) -> str:
        """The picture in words; ends are the points (N, 2) after their steps, by kind."""
        raise TypeError(f"{type(self).__name__} has no sentence")

    def arrows_apart(self, sigma: float) -> str:
        """How far learnt and exact arrows differ, weighted by the density."""
        density = self.toy.smoothed(sigma).log_density(self.lattice).exp()
        off = disagreement(*self.pairs[sigma], self.lattice, density)
        return f"weighted by the density, the arrows differ by {100 * off:.0f}%"

    def render(self) -> tuple[Figure, str]:
        """Both kinds of arrows at the chosen noise, and the points after the chosen steps."""
        sigma, steps = self.noise.value, self.steps.value
        figure = Figure(figsize=(9, 4.5), layout="constrained")
        walks = {kind: self.walk(sigma, kind, steps) for kind in KINDS}
        for axis, (kind, places) in zip(figure.subplots(1, 2), walks.items(), strict=True):
            self.panel(axis, sigma, kind, places)
        return figure, self.sentence(sigma, {kind: path[-1] for kind, path in walks.items()})

    def panel(self, axis: Axes, sigma: float, kind: str, places: Tensor) -> None:
        """The smoothed density in grey, arrows a part of their length, and the points' paths."""
        denoise = self.pairs[sigma][KINDS.index(kind)]
        fine = plane(self.extent, 60).to(self.lattice)
        values = self.toy.smoothed(sigma).log_density(fine).exp().cpu()
        x, y, z = (part.view(60, 60).numpy() for part in (*fine.cpu().T, values))
        axis.contourf(x, y, z, levels=8, cmap="Greys", alpha=0.6)
        arrows = LENGTH * (denoise(self.lattice) - self.lattice)
        to_scale = {"angles": "xy", "scale_units": "xy", "scale": 1}
        axis.quiver(*self.lattice.cpu().T, *arrows.cpu().T, color=COLOURS[0], **to_scale)
        places, size = places.cpu(), 6 if len(self.starts) == self.trails else 3
        for path in places.unbind(1)[: self.trails]:
            axis.plot(*path.T.numpy(), "-", color=COLOURS[1], linewidth=size / 4)
        edge = {"markeredgecolor": "black", "markeredgewidth": size / 6}
        axis.plot(*places[-1].T.numpy(), "o", color=COLOURS[1], markersize=size, **edge)
        limits = (-1.05 * self.extent, 1.05 * self.extent)
        axis.set(xlabel="$x_1$", ylabel="$x_2$", aspect="equal", xlim=limits, ylim=limits)
        axis.set_title(f"{kind}, noise {sigma:.3g}, {steps_text(len(places) - 1)}")


check_types(__name__)
