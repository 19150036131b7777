"""Variational autoencoders: Bernoulli or Gaussian likelihood, conditional, semi-supervised.

A decoder p(x|z, y) turns latent noise z ~ N(0, I) into data; an encoder q(z|x, y) makes learning
it tractable through the evidence lower bound (ELBO) on log p(x|y):

    log p(x|y) >= E_q[log p(x|z, y)] - KL(q(z|x, y) || N(0, I))

Source: Kingma & Welling 2014, arXiv:1312.6114. beta: Higgins et al. 2017 (ICLR). Labels and
unlabelled rows: Kingma et al. 2014, arXiv:1406.5298; here the posterior over the label is exact
given the bounds of all classes, so that no extra network guesses it.

Letters: x (B, *shape) data, z (B, Z) latent, y (B,) label, C classes; likelihoods in nats.
"""

import math
from copy import deepcopy
from typing import NamedTuple

import torch
from torch import Tensor

from genaug_lessons.checks import count, number
from genaug_lessons.data import Batch
from genaug_lessons.model import Generative, Objective, default_support
from genaug_lessons.models.likelihoods import Bernoulli, Gaussian, Likelihood
from genaug_lessons.nn import Architecture, Dense, check_architecture, refuse_dropout
from genaug_lessons.random import normal
from genaug_lessons.typed import check_types


def gaussian_kl(mean: Tensor, log_var: Tensor) -> Tensor:
    """KL divergence from N(mean, exp(log_var)) to the standard normal, per example.

    Args:
        mean: (B, Z) posterior means.
        log_var: (B, Z) log variances, natural log.

    Returns:
        (B,) divergence in nats, never negative.

    Source: Kingma & Welling 2014, arXiv:1312.6114, appendix B.
    """
    return 0.5 * (mean.square() + log_var.exp() - 1 - log_var).sum(-1)


def reparameterise(mean: Tensor, log_var: Tensor, noise: Tensor) -> Tensor:
    """A draw from N(mean, exp(log_var)) as a differentiable function of standard normal noise.

    Source: Kingma & Welling 2014, section 2.4.
    """
    return mean + (0.5 * log_var).exp() * noise


class Elbo(NamedTuple):
    """The two terms of the bound, each (B,) in nats; the bound is their difference."""

    log_likelihood: Tensor
    kl: Tensor

    @property
    def bound(self) -> Tensor:
        """The ELBO (B,), a lower bound on log p(x|y) in nats."""
        return self.log_likelihood - self.kl


class VAE(Generative):
    """A variational autoencoder.

    Args:
        shape: shape of one example.
        network: what its encoder and decoder are: `Dense`, `Conv` or another `Architecture`,
            without dropout.
        latent: number of latent dimensions Z.
        classes: number of labels for a conditional VAE; None for an unconditional one.
        likelihood: of data given the decoder's output: `Bernoulli()` for data in [0, 1],
            `Gaussian()` for real data, or another; the model has a copy. Unless given, Bernoulli
            for pictures (C, H, W) and Gaussian for other shapes.
        beta: weight of the KL term while training; 1 makes the loss the negative ELBO.
        rng: initial weights are drawn from it; the model lives on its device.
    """

    takes_unlabelled = True

    def __init__(
        self,
        shape: int | tuple[int, ...],
        *,
        network: Architecture = Dense(256),
        latent: int = 8,
        classes: int | None = None,
        likelihood: Likelihood | None = None,
        beta: float = 1.0,
        rng: torch.Generator,
    ):
        if likelihood is None:
            pictures = default_support(shape, None) == "unit"
            likelihood = Bernoulli() if pictures else Gaussian()
        likelihood = deepcopy(likelihood)
        super().__init__(shape, classes=classes, support=likelihood.support)
        check_architecture("network", network)
        self.latent = latent = count("latent", latent)
        self.beta = number("beta", beta, at_least=0)
        settings = {"classes": self.classes, "rng": rng}
        self.encoder = network.encoder(self.shape, 2 * latent, **settings)
        self.decoder = network.decoder(latent, likelihood.outputs(self.shape), **settings)
        refuse_dropout(self, network)
        self.likelihood = likelihood.to(rng.device) if hasattr(likelihood, "to") else likelihood

    def encode(self, x: Tensor, label: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Mean and log variance, each (B, Z), of q(z|x, label)."""
        mean, log_var = self.through(self.encoder, x, label).chunk(2, dim=-1)
        return mean, log_var

    def decode(self, z: Tensor, label: Tensor | None = None) -> Tensor:
        """The mean of p(x|z, label), (B, *shape)."""
        return self.likelihood.mean(self.through(self.decoder, z, label))

    def elbo(self, x: Tensor, label: Tensor | None, noise: Tensor) -> Elbo:
        """The bound's two terms for data x (B, *shape), label (B,) and noise (B, Z)."""
        mean, log_var = self.encode(x, label)
        z = reparameterise(mean, log_var, noise)
        return Elbo(self.log_likelihood(x, z, label), gaussian_kl(mean, log_var))

    def log_likelihood(self, x: Tensor, z: Tensor, label: Tensor | None = None) -> Tensor:
        """log p(x|z, label) in nats, (B,)."""
        return self.likelihood.log_prob(x, self.through(self.decoder, z, label))

    def objective_bound(self, x: Tensor, label: Tensor | None, noise: Tensor) -> Tensor:
        """What training raises, (B,) in nats: log likelihood - beta KL, the ELBO at beta 1."""
        terms = self.elbo(x, label, noise)
        return terms.log_likelihood - self.beta * terms.kl

    def class_bounds(self, x: Tensor, noise: Tensor) -> Tensor:
        """`objective_bound` of each row under every label, (B, C), for noise (B * C, Z)."""
        label = torch.arange(self.classes, device=x.device).repeat(len(x))
        repeated = x.repeat_interleave(self.classes, dim=0)
        return self.objective_bound(repeated, label, noise).view(len(x), self.classes)

    def objectives(self) -> list[Objective]:
        """The negative ELBO in nats per example.

        A row without a label contributes -log mean_y exp(ELBO(x, y)): the label is summed out
        under equal class probabilities.
        """

        def negative_elbo(batch: Batch, rng: torch.Generator) -> Tensor:
            if self.classes is None or batch.labelled:
                noise = normal((len(batch.x), self.latent), rng)
                return -self.objective_bound(batch.x, self.label_of(batch), noise).mean()
            noise = normal((len(batch.x) * self.classes, self.latent), rng)
            bounds = self.class_bounds(batch.x, noise)
            given = bounds.gather(1, batch.y.clamp_min(0)[:, None]).squeeze(1)
            summed_out = bounds.logsumexp(-1) - math.log(self.classes)
            return -torch.where(batch.y >= 0, given, summed_out).mean()

        return [Objective("negative ELBO", list(self.parameters()), negative_elbo)]

    def _sample(self, n: int, labels: Tensor | None, rng: torch.Generator) -> Tensor:
        """The decoder's mean at z ~ N(0, I)."""
        return self.decode(normal((n, self.latent), rng), labels)

    @torch.no_grad()
    def interpolate(
        self, x: Tensor, other: Tensor, *, steps: int, label: int | Tensor | None = None
    ) -> Tensor:
        """Examples (steps, *shape) decoded along the straight line between two codes.

        Args:
            x: (*shape) where the line starts; its code is the mean of q(z|x, label).
            other: (*shape) where it ends.
            steps: points on the line with both ends, at least 2.
            label: that of both for a conditional model; refused by the others.
        """
        steps = count("steps", steps, 2)
        labels = self.labels_for(steps, label)
        ends = None if labels is None else labels[:2]
        start, end = self.encode(torch.stack([x, other]), ends)[0]
        along = torch.linspace(0, 1, steps, device=start.device).to(start)[:, None]
        return self.decode(start + along * (end - start), labels)


check_types(__name__)
