"""Variational autoencoders, and how tight their bound is."""

from genaug_lessons.models.vae.bounds import (
    active_units,
    importance_weighted,
    importance_weighted_bound,
    log_weights,
)
from genaug_lessons.models.vae.model import (
    VAE,
    Elbo,
    gaussian_kl,
    reparameterise,
)

__all__ = [
    "VAE",
    "Elbo",
    "active_units",
    "gaussian_kl",
    "importance_weighted",
    "importance_weighted_bound",
    "log_weights",
    "reparameterise",
]
