"""How tight the bound of a VAE is, and how much of its latent space it uses.

With K draws z_1 ... z_K from q(z|x) instead of one, the importance-weighted bound

    L_K = E[log mean_k w_k],   w_k = p(x|z_k) p(z_k) / q(z_k|x)

rises with K from the ELBO (K = 1) to log p(x).

Source: Burda, Grosse & Salakhutdinov 2016, arXiv:1509.00519 (theorem 1; active units: section 5).

Letters: x (B, *shape) data, z (B, Z) latent, K draws; all bounds in nats per example.
"""

import math

import torch
from torch import Tensor

from genaug_lessons.checks import count, number
from genaug_lessons.models.vae.model import VAE, reparameterise
from genaug_lessons.random import check_device, normal
from genaug_lessons.typed import check_types


def log_weights(model: VAE, x: Tensor, label: Tensor | None, noise: Tensor) -> Tensor:
    """log w = log p(x|z) + log p(z) - log q(z|x) at one draw z for each example.

    Args:
        model: any VAE.
        x: (B, *shape) data.
        label: (B,) labels of a conditional model, else None.
        noise: (B, Z) standard normal; z is its reparameterisation.

    Returns:
        (B,) in nats. Its mean over noise is the ELBO.
    """
    mean, log_var = model.encode(x, label)
    z = reparameterise(mean, log_var, noise)
    log_prior_over_q = 0.5 * (noise.square() + log_var - z.square()).sum(-1)  # 2 pi cancels
    return model.log_likelihood(x, z, label) + log_prior_over_q


def importance_weighted(log_weights: Tensor) -> Tensor:
    """log mean_k w_k of log weights (K, B), (B,): one draw of the bound with K samples."""
    return log_weights.logsumexp(0) - math.log(len(log_weights))


@torch.no_grad()
def importance_weighted_bound(
    model: VAE,
    x: Tensor,
    label: Tensor | None = None,
    *,
    draws: int,
    rng: torch.Generator,
) -> Tensor:
    """An unbiased estimate of L_K with K = draws, (B,) in nats, for data x (B, *shape).

    Raises:
        ValueError: draws below 1, or an rng on another device.
    """
    draws = count("draws", draws)
    check_device(rng, model.device, "model")
    shape = (len(x), model.latent)  # one draw at a time: memory does not grow with K
    weights = [log_weights(model, x, label, normal(shape, rng)) for _ in range(draws)]
    return importance_weighted(torch.stack(weights))


def active_units(mean: Tensor, threshold: float = 0.01) -> Tensor:
    """Which latent units vary with the data: the variance over x of E_q[z] is above a threshold.

    Args:
        mean: (N, Z) posterior means of N examples, N above 1.
        threshold: in units of the prior's variance, 1.

    Returns:
        (Z,) bool; its sum is the number of active units.

    Source: Burda et al. 2016, section 5.
    """
    if mean.ndim != 2 or len(mean) < 2:
        raise ValueError(f"mean must be (N, Z) with N above 1, got {tuple(mean.shape)}")
    return mean.var(0) > number("threshold", threshold, at_least=0)


check_types(__name__)
