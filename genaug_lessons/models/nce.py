"""Noise-contrastive estimation (NCE): a density with its normaliser, by telling data from noise.

A model that is known only up to a factor, exp(-E(x)), gets a learnt number for its normaliser,

    log p(x) = -E(x) - log Z,

and a classifier that must use it: the logit for "x is data, not noise" is log p(x) - log p_n(x) -
log nu, where p_n is the noise's density and nu the number of noise examples to each of data. What
classifies best has p = the data's density and log Z its true value: nothing is integrated.

The discriminator of a GAN is the same classifier with a free logit; InfoNCE asks which of K is the
one.

Source: Gutmann & Hyvarinen 2012, JMLR 13. InfoNCE: van den Oord, Li & Vinyals 2018,
arXiv:1807.03748.

Letters: x (B, *shape) data, y (M, *shape) noise, E energy (lower is likelier), log Z the log
normaliser, nu the ratio; log densities in nats.
"""

import math
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from genaug_lessons.checks import count, number
from genaug_lessons.data import Batch, Source
from genaug_lessons.model import Model, Objective, check_shape
from genaug_lessons.nn import Architecture, Dense, check_architecture, refuse_dropout
from genaug_lessons.random import uniform
from genaug_lessons.typed import check_types


class NoiseDistribution(Protocol):
    """What data are told from: it draws examples and knows its own density."""

    def sample(self, n: int, *, rng: torch.Generator) -> Tensor:
        """n examples (n, *shape)."""

    def log_density(self, x: Tensor) -> Tensor:
        """log p_n(x) in nats, (B,), for x (B, *shape); -inf where it never is."""


class UniformNoise:
    """Noise of one density in a box, and of none outside.

    Args:
        shape: shape of one example.
        low: the least value of each coordinate.
        high: the greatest, above `low`.
    """

    def __init__(self, shape: int | tuple[int, ...], low: float, high: float):
        self.low, self.high = number("low", low), number("high", high)
        if not self.low < self.high:
            raise ValueError(f"low must be below high, got {low} and {high}")
        self.shape = check_shape(shape)

    def sample(self, n: int, *, rng: torch.Generator) -> Tensor:
        """n examples (n, *shape)."""
        return uniform((count("n", n), *self.shape), rng, self.low, self.high)

    def log_density(self, x: Tensor) -> Tensor:
        """log p_n(x) in nats, (B,), for x (B, *shape); -inf outside the box."""
        inside = ((x >= self.low) & (x <= self.high)).flatten(1).all(1)
        log_volume = math.prod(self.shape) * math.log(self.high - self.low)
        return torch.where(inside, -log_volume, -math.inf)


def nce_loss(data: Tensor, noise: Tensor) -> Tensor:
    """-mean log h(x) - nu mean log(1 - h(y)), a scalar in nats per example of data.

    h = sigmoid(log p - log p_n - log nu) is the probability that an example is of the data, and
    nu = M / B. With nu = 1 it is the loss of a GAN's discriminator.

    Args:
        data: (B,) log p - log p_n at the examples of the data.
        noise: (M,) log p - log p_n at those of the noise.

    Source: Gutmann & Hyvarinen 2012, section 2.2.
    """
    nu = len(noise) / len(data)
    real, fake = data - math.log(nu), noise - math.log(nu)
    return F.softplus(-real).mean() + nu * F.softplus(fake).mean()


def discriminator_log_density(logits: Tensor, log_noise: Tensor, *, ratio: float = 1.0) -> Tensor:
    """The log density that a discriminator knows, (B,): logit + log p_n + log nu.

    For the best discriminator it is that of the data, exactly; for any other it need not sum to 1.

    Args:
        logits: (B,) the discriminator's, for "x is data, not noise".
        log_noise: (B,) log p_n of what the discriminator learnt to tell the data from.
        ratio: nu, how many of these it saw to each example of data, above 0.

    Source: Goodfellow et al. 2014, arXiv:1406.2661, proposition 1, solved for p.
    """
    return logits + log_noise + math.log(number("ratio", ratio, above=0))


def info_nce_loss(scores: Tensor) -> Tensor:
    """Cross-entropy in nats, a scalar, of finding each row's partner among K; log K for a guess.

    Args:
        scores: (K, K) f(x_i, y_j), of pairs that belong together where i = j.

    Source: van den Oord, Li & Vinyals 2018, eq. 4.
    """
    if scores.ndim != 2 or scores.shape[0] != scores.shape[1]:
        raise ValueError(f"scores must have shape (K, K), got {tuple(scores.shape)}")
    return F.cross_entropy(scores, torch.arange(len(scores), device=scores.device))


def info_nce_bound(scores: Tensor) -> Tensor:
    """log K - `info_nce_loss`, a scalar in nats: on average at most the mutual information.

    Never above log K, however much x and y tell about each other.

    Source: van den Oord, Li & Vinyals 2018, section 2.3.
    """
    return math.log(len(scores)) - info_nce_loss(scores)


class EnergyModel(Model):
    """A network for the energy and a number for the log normaliser, trained by NCE.

    Args:
        shape: shape of one example.
        network: `Dense`, `Conv` or another `Architecture`, without dropout.
        noise: what the data are told from: a `GaussianMixture` fitted to them, `UniformNoise`, or
            anything else with `sample` and `log_density`. The more it is like the data, the more
            there is to learn; where it never is, nothing is learnt. It is not trained.
        ratio: nu, noise examples to each example of data, at least 1.
        rng: initial weights are drawn from it; the model lives on its device.

    Raises:
        ValueError: noise that draws examples of another shape, or is none.
    """

    defaults = {**Model.defaults, "lr": 1e-2, "schedule": "cosine"}

    def __init__(
        self,
        shape: int | tuple[int, ...],
        *,
        network: Architecture = Dense(128, 128, smooth=True),
        noise: NoiseDistribution,
        ratio: int = 1,
        rng: torch.Generator,
    ):
        super().__init__(shape)
        check_architecture("network", network)
        self.ratio = count("ratio", ratio)
        _check_noise(noise, self.shape, rng)
        self.seen = getattr(noise, "seen", None)
        # The methods, not the module, so that its parameters are not registered here.
        self.noise_sample, self.noise_log_density = noise.sample, noise.log_density
        self.network = network.encoder(self.shape, 1, rng=rng)
        refuse_dropout(self, network)
        self.log_normaliser = nn.Parameter(torch.zeros((), device=rng.device))

    def energy(self, x: Tensor) -> Tensor:
        """E(x), (B,), for x (B, *shape): lower is likelier."""
        return self.network(x).squeeze(1)

    def log_density(self, x: Tensor) -> Tensor:
        """-E(x) - log Z in nats, (B,), for x (B, *shape); a density as far as log Z is right."""
        return -self.energy(x) - self.log_normaliser

    def score(self, x: Tensor) -> Tensor:
        """The gradient of the log density at x, (B, *shape), which log Z leaves alone."""
        with torch.enable_grad():
            x = x.detach().requires_grad_()
            return torch.autograd.grad(self.log_density(x).sum(), x)[0]

    def log_ratio(self, x: Tensor) -> Tensor:
        """log p(x) - log p_n(x) in nats, (B,), of model and noise."""
        return self.log_density(x) - self.noise_log_density(x)

    def check_data(self, data: Source) -> None:
        """Raise a ValueError unless the data fit the model and the noise reaches them all."""
        super().check_data(data)
        rows = torch.cat([part.values for part in data.parts()])
        missed = (~self.noise_log_density(rows).isfinite()).sum().item()
        if missed:
            raise ValueError(
                "noise must have support wherever data are: its density is 0 at "
                f"{missed} of {len(rows)} rows"
            )

    def objectives(self) -> list[Objective]:
        """The NCE loss with fresh noise, `ratio` examples to each of the batch."""

        def loss(batch: Batch, rng: torch.Generator) -> Tensor:
            noise = self.noise_sample(self.ratio * len(batch.x), rng=rng)
            both = self.log_ratio(torch.cat([batch.x, noise.to(batch.x)]))
            return nce_loss(both[: len(batch.x)], both[len(batch.x) :])

        return [Objective("noise-contrastive estimation", list(self.parameters()), loss)]


def _check_noise(noise: NoiseDistribution, shape: tuple[int, ...], rng: torch.Generator) -> None:
    if not (hasattr(noise, "sample") and hasattr(noise, "log_density")):
        raise ValueError(
            "noise must draw examples and know its density, as a GaussianMixture or UniformNoise "
            f"does, got {noise!r}"
        )
    drawn = noise.sample(2, rng=rng)
    if not isinstance(drawn, Tensor) or drawn.shape != (2, *shape):
        given = tuple(drawn.shape[1:]) if isinstance(drawn, Tensor) else type(drawn).__name__
        raise ValueError(f"noise must draw examples of shape {shape}, got {given}")


check_types(__name__)
