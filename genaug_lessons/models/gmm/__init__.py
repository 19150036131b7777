"""Gaussian mixtures, and the Gaussians that they are made of."""

from genaug_lessons.models.gmm.gaussians import (
    COVARIANCES,
    cholesky,
    constrain,
    log_gaussian,
    m_step,
    shrink,
)
from genaug_lessons.models.gmm.model import (
    EMUpdate,
    GaussianMixture,
    clamp,
    e_step,
    kmeans_plus_plus,
)

__all__ = [
    "COVARIANCES",
    "EMUpdate",
    "GaussianMixture",
    "cholesky",
    "clamp",
    "constrain",
    "e_step",
    "kmeans_plus_plus",
    "log_gaussian",
    "m_step",
    "shrink",
]
