"""Where do a denoiser's arrows point, and where the exact ones? Points walk along both.

Letters: r(x) the denoiser, sigma the noise it was trained with, p_sigma the toy's density smoothed
by that noise. The exact denoiser is r(x) = x + sigma^2 grad log p_sigma(x).
"""

from collections.abc import Mapping

import torch
from matplotlib.figure import Figure
from torch import Tensor

from genaug_lessons.checks import number
from genaug_lessons.data import PlaneMixture
from genaug_lessons.models.autoencoder import Autoencoder
from genaug_lessons.typed import check_types
from genaug_lessons.widgets.field import (
    KINDS,
    Denoiser,
    FieldExplorer,
    exact_denoiser,
    steps_text,
)

WALKERS = 8
MOST_STEPS, STATIC_STEPS = 10, 3


def learnt_denoiser(model: Autoencoder) -> Denoiser:
    """The reconstruction of a trained autoencoder, without gradients: (N, 2) -> (N, 2)."""
    return torch.no_grad()(model.reconstruct)


def walk(x: Tensor, denoise: Denoiser, steps: int) -> Tensor:
    """Places (steps + 1, N, 2) of points x (N, 2) that go from x to r(x) in each step."""
    places = [x]
    for _ in range(steps):
        places.append(denoise(places[-1]))
    return torch.stack(places)


class DenoisingExplorer(FieldExplorer):
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
        extent = number("extent", extent, above=0)
        if not denoisers:
            raise ValueError("denoisers must hold at least one, got none")
        for sigma, model in denoisers.items():
            if not sigma > 0:
                raise ValueError(f"denoisers must have noise above 0, got {sigma}")
            if model.shape != (2,):
                raise ValueError(f"denoisers must work on shape (2,), got {model.shape}")
        pairs = {
            sigma: (learnt_denoiser(model), exact_denoiser(toy, sigma))
            for sigma, model in denoisers.items()
        }
        angle = 2 * torch.pi * torch.arange(WALKERS) / WALKERS
        starts = 0.85 * extent * torch.stack([angle.cos(), angle.sin()], dim=1)
        shown = ", ".join(f"{sigma:.3g}" for sigma in sorted(denoisers))
        alt = (
            f"arrows of learnt and of exact denoisers over the plane for noise of std {shown}, and "
            f"the paths of {WALKERS} points that walk along them for {STATIC_STEPS} steps"
        )
        super().__init__(
            toy,
            pairs,
            starts=starts.to(next(iter(denoisers.values())).device),
            most_steps=MOST_STEPS,
            trails=WALKERS,
            extent=extent,
            alt=alt,
        )

    def walk(self, sigma: float, kind: str, steps: int) -> Tensor:
        """Places (steps + 1, N, 2): each step goes from x to r(x)."""
        return walk(self.starts, self.pairs[sigma][KINDS.index(kind)], steps)

    def sentence(self, sigma: float, ends: Mapping[str, Tensor]) -> str:
        """How far learnt and exact arrows differ, and points that have walked along them."""
        apart = (ends["learnt"] - ends["exact"]).norm(dim=1).max().item()
        return (
            f"Noise {sigma:.3g}: {self.arrows_apart(sigma)}. After {steps_text(self.steps.value)}, "
            f"points that started together are at most {apart:.2f} apart."
        )

    def static_figure(self) -> Figure:
        """Every noise from left to right; learnt arrows above, exact ones below."""
        columns = len(self.pairs)
        figure = Figure(figsize=(3.4 * columns, 7), layout="constrained")
        axes = figure.subplots(2, columns, squeeze=False)
        for row, kind in zip(axes, KINDS, strict=True):
            for axis, sigma in zip(row, self.pairs, strict=True):
                self.panel(axis, sigma, kind, self.walk(sigma, kind, STATIC_STEPS))
        return figure


check_types(__name__)
