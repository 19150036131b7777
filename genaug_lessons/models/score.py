"""Score matching: learning the gradient of a log density, which needs no normaliser.

The score of a density p is s(x) = d log p(x) / dx, a field of arrows that point uphill. Where p is
known only up to a factor, or not at all, it can be fitted by any of

    explicit    1/2 |s(x) - target|^2
    implicit    1/2 |s(x)|^2 + trace of ds/dx
    sliced      1/2 |s(x)|^2 + v' ds/dx v,   v a random direction
    denoising   1/2 |s(x + sigma noise) + noise / sigma|^2

whose expectations differ by constants; the last is for the density smoothed by the noise. A
`ScoreNetwork` learns one field for every level of noise, and samples by annealed Langevin dynamics.

Source: Hyvarinen 2005, JMLR 6 (implicit); Vincent 2011, Neural Computation 23(7) (denoising, and
the names); Song et al. 2019, arXiv:1905.07088 (sliced); Song & Ermon 2019, arXiv:1907.05600
(levels of noise).

Letters: x (B, *shape) data, noise and v (B, *shape), sigma the std of the noise, y (B,) labels,
C classes; scores in 1 / units of x.
"""

import math
from collections import deque
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from genaug_lessons.checks import choice, count, number
from genaug_lessons.data import Batch
from genaug_lessons.model import Generative, Model, Objective, default_support
from genaug_lessons.models.langevin import annealed_langevin, check_levels
from genaug_lessons.nn import Architecture, Dense, check_architecture, refuse_dropout
from genaug_lessons.random import normal
from genaug_lessons.typed import check_types

Score = Callable[[Tensor], Tensor]
OBJECTIVES = ("denoising", "sliced", "implicit")


def explicit_score_loss(score: Score, x: Tensor, target: Tensor) -> Tensor:
    """1/2 |s(x) - target|^2 of each example, (B,): for a target score (B, *shape) that is known.

    Source: Vincent 2011, section 2.
    """
    return 0.5 * (score(x) - target).flatten(1).square().sum(1)


def implicit_score_loss(score: Score, x: Tensor) -> Tensor:
    """1/2 |s(x)|^2 + trace of ds/dx, (B,): on average the explicit loss, but for a constant.

    It takes as many backward passes as x has dimensions.

    Source: Hyvarinen 2005, theorem 1.
    """
    x, s = _followed(score, x)
    return 0.5 * s.square().sum(1) + _divergence(s, x)


def sliced_score_loss(
    score: Score, x: Tensor, directions: Tensor, *, variance_reduced: bool = True
) -> Tensor:
    """1/2 |s(x)|^2 + v' ds/dx v, (B,): on average over directions v, the implicit loss.

    Args:
        score: (B, *shape) -> (B, *shape).
        x: (B, *shape).
        directions: (B, *shape) v, drawn so that the mean of v v' is the identity: standard
            normal, or +-1 with equal chances.
        variance_reduced: False puts 1/2 (v's)^2, of the same mean, for 1/2 |s|^2.

    Source: Song et al. 2019, section 3.
    """
    x, s = _followed(score, x)
    v = directions.flatten(1)
    length = s.square().sum(1) if variance_reduced else (s * v).sum(1).square()
    return 0.5 * length + _curvature(s, x, v)


def denoising_score_loss(score: Score, x: Tensor, noise: Tensor, sigma: float | Tensor) -> Tensor:
    """1/2 |s(x + sigma noise) + noise / sigma|^2, (B,): the arrows should point back to x.

    On average the explicit loss for the density smoothed by the noise, but for a constant.

    Args:
        score: (B, *shape) -> (B, *shape).
        x: (B, *shape).
        noise: (B, *shape) standard normal.
        sigma: above 0; one for all, or of a shape that broadcasts to that of x.

    Source: Vincent 2011, section 4.
    """
    _check_sigma(sigma)
    return explicit_score_loss(score, x + sigma * noise, -noise / sigma)


def divergence(score: Score, x: Tensor) -> Tensor:
    """The trace of ds/dx, (B,), exactly: a backward pass for each dimension of x."""
    x, s = _followed(score, x)
    return _divergence(s, x)


def hutchinson_divergence(score: Score, x: Tensor, directions: Tensor) -> Tensor:
    """v' ds/dx v, (B,), in one backward pass: on average over directions v, the trace of ds/dx.

    Source: Hutchinson 1989; Song et al. 2019, section 3.
    """
    x, s = _followed(score, x)
    return _curvature(s, x, directions.flatten(1))


def _check_sigma(sigma: float | Tensor) -> None:
    if not isinstance(sigma, Tensor):  # checking a tensor would force a device sync
        number("sigma", sigma, above=0)


def _followed(score: Score, x: Tensor) -> tuple[Tensor, Tensor]:
    """x of which derivatives can be taken, and the score there, (B, D)."""
    x = x.detach().requires_grad_()
    return x, score(x).flatten(1)


def _curvature(s: Tensor, x: Tensor, v: Tensor) -> Tensor:
    (gradient,) = torch.autograd.grad((s * v).sum(), x, create_graph=True)
    return (gradient.flatten(1) * v).sum(1)


def _divergence(s: Tensor, x: Tensor) -> Tensor:
    axes = torch.eye(s.shape[1]).to(s)
    return sum(_curvature(s, x, axis.expand_as(s)) for axis in axes)


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
        _check_sigma(sigma)
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
