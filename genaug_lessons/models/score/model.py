"""A network that knows the score of data smoothed by noise, at every level of it.

It learns by score matching, and samples by annealed Langevin dynamics.

Source: Song & Ermon 2019, arXiv:1907.05600.

Letters: x (B, *shape) data, noise (B, *shape), sigma the std of the noise, y (B,) labels,
C classes; scores in 1 / units of x.
"""

import math
from collections import deque
from collections.abc import Sequence

import torch
from torch import Tensor

from genaug_lessons.checks import choice, count, number
from genaug_lessons.data import Batch
from genaug_lessons.model import Generative, Model, Objective, default_support
from genaug_lessons.models.score.dynamics import annealed_langevin, check_levels
from genaug_lessons.models.score.losses import (
    check_sigma,
    denoising_score_loss,
    implicit_score_loss,
    sliced_score_loss,
)
from genaug_lessons.nn import Architecture, Dense, check_architecture, refuse_dropout
from genaug_lessons.random import normal
from genaug_lessons.typed import check_types

OBJECTIVES = ("denoising", "sliced", "implicit")


class ScoreNetwork(Generative):
    """A network that knows the score of the data smoothed by noise of several levels.

    Args:
        shape: shape of one example.
        network: `Dense` or another `Architecture` of flat values, without dropout.
        sigmas: levels of noise, falling, above 0, in the units of x: the first as large as
            distances between examples, the last small beside what matters in one. They learn as
            one network, to which log sigma is an input; each has the same weight.
        objective: "denoising", "sliced" (random directions of +-1) or "implicit".
        classes: number of labels for a conditional network; None for an unconditional one.
        support: "unit" for data in [0, 1], where samples are kept, "real" for any; by default
            that of pictures, "unit", for a shape (C, H, W), and "real" for others.
        rng: initial weights are drawn from it; the model lives on its device.

    The network is smooth unless told: sliced and implicit losses hold a derivative, and its own
    derivative would miss what happens at the bends of a ReLU.
    """

    defaults = {**Model.defaults, "lr": 5e-3, "schedule": "cosine"}

    def __init__(
        self,
        shape: int | tuple[int, ...],
        *,
        network: Architecture = Dense(128, 128, smooth=True),
        sigmas: Sequence[float] = (1.0, 0.5, 0.25, 0.125),
        objective: str = "denoising",
        classes: int | None = None,
        support: str | None = None,
        rng: torch.Generator,
    ):
        super().__init__(shape, classes=classes, support=default_support(shape, support))
        check_architecture("network", network)
        self.sigmas = check_levels(sigmas)
        self.objective = choice("objective", objective, OBJECTIVES)
        levels = torch.tensor(self.sigmas, device=rng.device)
        self.register_buffer("levels", levels, persistent=False)
        size = math.prod(self.shape)
        self.network = network.encoder((size + 1,), size, classes=self.classes, rng=rng)
        refuse_dropout(self, network)

    def score(self, x: Tensor, sigma: float | Tensor, label: Tensor | None = None) -> Tensor:
        """The gradient (B, *shape) of the log density of the data smoothed at level sigma.

        Args:
            x: (B, *shape) places.
            sigma: above 0, one for all or (B,); to be trusted between the last level and the first.
            label: (B,) labels for a conditional network; refused by the others.
        """
        check_sigma(sigma)
        sigma = torch.as_tensor(sigma, dtype=x.dtype, device=x.device).expand(len(x))[:, None]
        places = x.flatten(1) / (1 + sigma.square()).sqrt()  # of one size at every level
        inputs = torch.cat([places, sigma.log()], dim=1)
        return (self.through(self.network, inputs, label) / sigma).view_as(x)

    def objectives(self) -> list[Objective]:
        """The mean over the batch and its levels of sigma^2 times the loss of each example.

        Source: Song & Ermon 2019, eq. 6.
        """

        def loss(batch: Batch, rng: torch.Generator) -> Tensor:
            x, label = batch.x, self.label_of(batch)
            levels, size = len(self.levels), (len(x),)
            which = torch.randint(levels, size, generator=rng, device=rng.device)
            sigma = self.levels[which]
            noise = normal(tuple(x.shape), rng)
            losses = self.loss(x, sigma, noise, label, rng)
            return (sigma.square() * losses).mean()

        return [Objective(f"{self.objective} score matching", list(self.parameters()), loss)]

    def loss(
        self,
        x: Tensor,
        sigma: Tensor,
        noise: Tensor,
        label: Tensor | None,
        rng: torch.Generator,
    ) -> Tensor:
        """The loss (B,) of examples x, each with noise of a level sigma (B,) of its own."""
        spread = sigma.view(-1, *[1] * len(self.shape))

        def score(x: Tensor) -> Tensor:
            return self.score(x, sigma, label)

        if self.objective == "denoising":
            return denoising_score_loss(score, x, noise, spread)
        if self.objective == "sliced":
            directions = normal(tuple(x.shape), rng).sign()
            return sliced_score_loss(score, x + spread * noise, directions)
        return implicit_score_loss(score, x + spread * noise)

    def sample(
        self,
        n: int,
        *,
        label: int | Tensor | None = None,
        steps: int = 20,
        step_size: float = 0.2,
        rng: torch.Generator,
    ) -> Tensor:
        """n new examples (n, *shape) by annealed Langevin dynamics, the noise left taken off.

        Chains start at noise of the first level. From the last, each goes to the example that it
        expects behind the noise there, x + sigma^2 s(x).

        Args:
            n: how many, at least 1.
            label: one label or (n,) labels for a conditional network; refused by the others.
            steps: of each chain at each level, at least 1.
            step_size: a / sigma^2, above 0 and well below 4.
            rng: on the model's device.

        Source: Song & Ermon 2019, algorithm 1; the last step: Song & Ermon 2020, arXiv:2006.09011.
        """
        steps, step_size = count("steps", steps), number("step_size", step_size, above=0)
        return self._checked_sample(n, label, rng, steps=steps, step_size=step_size)

    def _sample(
        self,
        n: int,
        labels: Tensor | None,
        rng: torch.Generator,
        *,
        steps: int,
        step_size: float,
    ) -> Tensor:
        """Chains through the levels, then the step that takes the noise off."""

        def score(x: Tensor, sigma: float) -> Tensor:
            return self.score(x, sigma, labels)

        x = self.sigmas[0] * normal((n, *self.shape), rng)
        chain = annealed_langevin(score, x, self.sigmas, step_size=step_size, steps=steps, rng=rng)
        x = deque(chain, maxlen=1).pop()
        x = x + self.sigmas[-1] ** 2 * score(x, self.sigmas[-1])
        return x.clamp(0, 1) if self.support == "unit" else x


check_types(__name__)
