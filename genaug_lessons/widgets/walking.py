"""Langevin dynamics on learnt and on exact scores: where do walkers go, with and without noise?

Letters: s(x, sigma) the score of p_sigma, the toy's density smoothed by noise of std sigma; arrows
are drawn for the denoiser that it stands for, r(x) = x + sigma^2 s(x, sigma).
"""

from collections.abc import Mapping

import ipywidgets
import torch
from matplotlib.figure import Figure
from torch import Tensor

from genaug_lessons.checks import number
from genaug_lessons.data import PlaneMixture
from genaug_lessons.models.score import Score, ScoreNetwork, langevin_step
from genaug_lessons.random import normal, uniform
from genaug_lessons.typed import check_types
from genaug_lessons.widgets.field import (
    KINDS,
    WIDE,
    Denoiser,
    FieldExplorer,
    exact_denoiser,
    steps_text,
)

WALKERS, TRAILS = 200, 1
MOST_STEPS = 100
STEP_SIZE = 0.2  # a / sigma^2
STATIC_ROWS = (("learnt", False), ("learnt", True), ("exact", True))  # kind, shaken


def langevin_walk(x: Tensor, score: Score, noise: Tensor, *, step_size: float) -> Tensor:
    """Places (T + 1, N, 2) of points x (N, 2) that make T Langevin steps with noise (T, N, 2)."""
    places = [x]
    for shake in noise:
        places.append(langevin_step(score, places[-1], shake, step_size=step_size))
    return torch.stack(places)


def learnt_denoiser(model: ScoreNetwork, sigma: float) -> Denoiser:
    """x + sigma^2 times the network's score at that level, without gradients."""
    return torch.no_grad()(lambda x: x + sigma**2 * model.score(x, sigma))


class WalkingExplorer(FieldExplorer):
    """Controls choose the level of noise, the number of Langevin steps, and whether they shake.

    The level smooths the density; the walkers' own noise is what the box switches off.

    Args:
        toy: a distribution of the plane.
        model: a score network of shape 2 trained on it, without labels.
        extent: the plane is shown from -extent to extent.
        rng: draws where walkers start and the noise of their steps; on the model's device.

    Raises:
        ValueError: a network of another shape, or with labels.
    """

    def __init__(
        self,
        toy: PlaneMixture,
        model: ScoreNetwork,
        *,
        extent: float = 4.0,
        rng: torch.Generator,
    ):
        extent = number("extent", extent, above=0)
        if model.shape != (2,) or model.classes is not None:
            raise ValueError(
                "model must be a score network of shape (2,) without labels, "
                f"got shape {model.shape} and classes={model.classes}"
            )
        self.noises = normal((MOST_STEPS, WALKERS, 2), rng)
        self.usual = {
            sigma: self._height(toy, sigma, toy.smoothed(sigma).sample(4000, rng=rng).x)
            for sigma in model.sigmas
        }
        self.shaken = ipywidgets.Checkbox(True, description="walkers' own noise", **WIDE)
        pairs = {
            sigma: (learnt_denoiser(model, sigma), exact_denoiser(toy, sigma))
            for sigma in model.sigmas
        }
        levels = sorted(model.sigmas)
        self.columns = [levels[place] for place in sorted({0, len(levels) // 2, len(levels) - 1})]
        shown = ", ".join(f"{sigma:.3g}" for sigma in self.columns)
        alt = (
            f"arrows of scores over the plane at noise of std {shown}, and {WALKERS} walkers after "
            f"{MOST_STEPS} Langevin steps: along learnt arrows without noise of their own, along "
            "learnt arrows with it, along exact arrows with it"
        )
        super().__init__(
            toy,
            pairs,
            starts=uniform((WALKERS, 2), rng, -extent, extent),
            most_steps=MOST_STEPS,
            trails=TRAILS,
            extent=extent,
            controls=[self.shaken],
            alt=alt,
        )

    def walk(self, sigma: float, kind: str, steps: int) -> Tensor:
        """Places (steps + 1, N, 2) of Langevin chains, with or without noise as the box says."""
        return self._walk(sigma, kind, steps, shaken=self.shaken.value)

    def sentence(self, sigma: float, ends: Mapping[str, Tensor]) -> str:
        """How high walkers stand on the smoothed density, beside the height of its own points."""
        learnt, exact = (self._height(self.toy, sigma, ends[kind]) for kind in KINDS)
        own = "noise of their own" if self.shaken.value else "no noise of their own"
        return (
            f"Noise {sigma:.3g}: {self.arrows_apart(sigma)}. After {steps_text(self.steps.value)} "
            f"with {own}, the walkers' mean log density is {learnt:.2f} (on exact arrows "
            f"{exact:.2f}); that of points drawn from it is {self.usual[sigma]:.2f}."
        )

    def static_figure(self) -> Figure:
        """Least, middle and most noise; arrows learnt without shaking, learnt and exact with it."""
        size = (2.7 * len(self.columns), 2.8 * len(STATIC_ROWS))
        figure = Figure(figsize=size, layout="constrained")
        axes = figure.subplots(len(STATIC_ROWS), len(self.columns), squeeze=False)
        for row, (kind, shaken) in zip(axes, STATIC_ROWS, strict=True):
            for axis, sigma in zip(row, self.columns, strict=True):
                self.panel(axis, sigma, kind, self._walk(sigma, kind, MOST_STEPS, shaken=shaken))
                own = "shaken" if shaken else "not shaken"
                axis.set_title(f"{kind}, noise {sigma:.3g}, {own}", fontsize=9)
        return figure

    def _walk(self, sigma: float, kind: str, steps: int, *, shaken: bool) -> Tensor:
        denoise = self.pairs[sigma][KINDS.index(kind)]

        def score(x: Tensor) -> Tensor:
            return (denoise(x) - x) / sigma**2

        noise = shaken * self.noises[:steps]
        return langevin_walk(self.starts, score, noise, step_size=STEP_SIZE * sigma**2)

    @staticmethod
    def _height(toy: PlaneMixture, sigma: float, x: Tensor) -> float:
        return toy.smoothed(sigma).log_density(x).mean().item()


check_types(__name__)
