"""How does EM move a mixture's Gaussians over points of the plane, pass by pass?"""

from typing import NamedTuple

import ipywidgets
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Ellipse
from torch import Tensor

from genaug_lessons.checks import count
from genaug_lessons.data import Batch
from genaug_lessons.models.gmm import COVARIANCES, GaussianMixture
from genaug_lessons.plots import COLOURS, LINES, MARKERS
from genaug_lessons.random import generator
from genaug_lessons.typed import check_types
from genaug_lessons.widgets.explorer import Explorer

REACH = 2.0  # the ellipses lie two standard deviations from their centres
STATIC_PASSES = (0, 1, 5)  # and the last


class Moment(NamedTuple):
    """A mixture of K Gaussians after some passes of EM over N points.

    pi (K,), mu (K, 2), Sigma (K, 2, 2), the likeliest component of each point (N,), and the mean
    log likelihood in nats per point.
    """

    pi: Tensor
    mu: Tensor
    Sigma: Tensor
    likeliest: Tensor
    log_likelihood: float


def em_path(
    points: Tensor, components: int, covariance: str, *, passes: int, rng: torch.Generator
) -> list[Moment]:
    """The mixture before the first pass over points (N, 2) and after each; nothing is shrunk.

    It ends early where a component has collapsed: its covariance would be singular.
    """
    kind = {"components": components, "covariance": covariance, "sphere": 0.0}
    model = GaussianMixture(2, **kind, rng=rng)
    model.start(points, None, rng)
    path = [moment(model, points)]
    for _ in range(passes):
        try:
            model.em_step(Batch(points), rng)
        except ValueError:
            break
        path.append(moment(model, points))
    return path


def moment(model: GaussianMixture, points: Tensor) -> Moment:
    """What is drawn of the model as it is now."""
    log_joint = model.log_joint(points)
    level = log_joint.logsumexp(1).mean().item()
    return Moment(model.pi, model.mu.clone(), model.Sigma, log_joint.argmax(1), level)


def ellipse(mu: Tensor, Sigma: Tensor, **style) -> Ellipse:
    """The curve REACH standard deviations from mu (2,), for Sigma (2, 2)."""
    variances, directions = torch.linalg.eigh(Sigma)
    height, width = (2 * REACH * variances.clamp_min(0).sqrt()).tolist()  # the larger one last
    x, y = directions[:, 1].tolist()
    angle = torch.rad2deg(torch.atan2(torch.tensor(y), torch.tensor(x))).item()
    return Ellipse(mu.tolist(), width, height, angle=angle, fill=False, **style)


class MixtureExplorer(Explorer):
    """Sliders choose a pass of EM and the number of Gaussians, a menu their covariance.

    Args:
        points: (N, 2), more of them distinct than max_components.
        max_components: the largest number of components to choose.
        passes: of EM, at most.
        seed: of the rows the components start from.

    Raises:
        ValueError: points of another shape, or too few; a number of passes below 1.
    """

    def __init__(self, points: Tensor, *, max_components: int = 8, passes: int = 30, seed: int = 0):
        if points.ndim != 2 or points.shape[1] != 2:
            raise ValueError(f"points must be (N, 2), got {tuple(points.shape)}")
        max_components, passes = count("max_components", max_components), count("passes", passes)
        distinct = len(points.unique(dim=0))
        if distinct <= max_components:
            raise ValueError(
                f"points must be more than max_components, {max_components}, "
                f"got {distinct} distinct"
            )
        self.points, self.passes, self.seed = points, passes, seed
        self.paths: dict[tuple[int, str], list[Moment]] = {}
        style, layout = {"description_width": "11em"}, ipywidgets.Layout(width="34em")
        how = {"style": style, "layout": layout}
        self.step = ipywidgets.IntSlider(0, min=0, max=passes, description="passes of EM", **how)
        self.count = ipywidgets.IntSlider(
            3, min=1, max=max_components, description="Gaussians (number)", **how
        )
        self.kind = ipywidgets.Dropdown(options=COVARIANCES, description="covariance (kind)", **how)
        alt = (
            f"{len(points)} points and a mixture of {self.count.value} Gaussians, as ellipses of "
            f"{REACH:.0f} standard deviations, after {', '.join(map(str, STATIC_PASSES))} and "
            f"{passes} passes of EM; beside them the mean log likelihood over the passes"
        )
        super().__init__([self.step, self.count, self.kind], alt)

    def path(self) -> list[Moment]:
        """The passes of EM for the chosen number and kind, worked out once."""
        chosen = self.count.value, self.kind.value
        if chosen not in self.paths:
            rng = generator(self.seed, self.points.device)
            self.paths[chosen] = em_path(self.points, *chosen, passes=self.passes, rng=rng)
        return self.paths[chosen]

    def render(self) -> tuple[Figure, str]:
        """The points and ellipses after the chosen pass, and the log likelihood so far."""
        path = self.path()
        step = min(self.step.value, len(path) - 1)
        figure = Figure(figsize=(8.4, 3.8), layout="constrained")
        left, right = figure.subplots(1, 2, width_ratios=(4, 3))
        self._plane(left, path[step])
        self._curve(right, path, step)
        sentence = (
            f"{step} passes, {self.count.value} Gaussians, {self.kind.value}: "
            f"mean log likelihood {path[step].log_likelihood:.3f} nats a point."
        )
        if step < self.step.value:
            sentence += " EM ends here: a Gaussian has collapsed on too few points."
        return figure, sentence

    def static_figure(self) -> Figure:
        """Four moments of one path, and its log likelihood."""
        path = self.path()
        figure = Figure(figsize=(9.6, 5.4), layout="constrained")
        axes = figure.subplot_mosaic([[0, 1, "curve"], [2, 3, "curve"]])
        for place, step in enumerate((*STATIC_PASSES, self.passes)):
            step = min(step, len(path) - 1)
            self._plane(axes[place], path[step])
            axes[place].set_title(f"after {step} passes")
        self._curve(axes["curve"], path, len(path) - 1)
        return figure

    def _plane(self, axis: Axes, now: Moment) -> None:
        """Points with the marker of their likeliest component, and the components' ellipses."""
        points = self.points.cpu()
        for k in range(len(now.mu)):
            colour, marker, line = (each[k % len(each)] for each in (COLOURS, MARKERS, LINES))
            x, y = points[now.likeliest.cpu() == k].T.numpy()
            axis.scatter(x, y, s=16, c=colour, marker=marker, alpha=0.6, linewidths=0)
            outline = {"edgecolor": colour, "linestyle": line, "linewidth": 2}
            axis.add_patch(ellipse(now.mu[k].cpu(), now.Sigma[k].cpu(), **outline))
            axis.plot(*now.mu[k].tolist(), "+", color="black", markersize=11, markeredgewidth=2)
        low, high = points.min(0).values, points.max(0).values
        edge = 0.15 * (high - low).max().clamp_min(1e-3)
        (left, bottom), (right, top) = (low - edge).tolist(), (high + edge).tolist()
        axis.set(xlim=(left, right), ylim=(bottom, top), aspect="equal")
        axis.set(xlabel="$x_1$", ylabel="$x_2$")

    def _curve(self, axis: Axes, path: list[Moment], step: int) -> None:
        """The log likelihood up to a pass, on axes that hold the whole path."""
        levels = [now.log_likelihood for now in path]
        axis.plot(range(step + 1), levels[: step + 1], "-", color=COLOURS[0])
        axis.plot(step, levels[step], "o", color=COLOURS[0])
        edge = 0.05 * (max(levels) - min(levels)) + 1e-3
        axis.set(xlim=(-1, self.passes + 1), ylim=(min(levels) - edge, max(levels) + edge))
        axis.set(xlabel="passes of EM", ylabel="mean log likelihood (nats a point)")


check_types(__name__)
