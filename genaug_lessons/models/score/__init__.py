"""Scores: how they are learnt, the network that learns them, and how they make samples."""

from genaug_lessons.models.score.dynamics import (
    annealed_langevin,
    check_levels,
    geometric_levels,
    langevin,
    langevin_step,
)
from genaug_lessons.models.score.losses import (
    Score,
    denoising_score_loss,
    divergence,
    explicit_score_loss,
    hutchinson_divergence,
    implicit_score_loss,
    sliced_score_loss,
)
from genaug_lessons.models.score.model import (
    ScoreNetwork,
)

__all__ = [
    "Score",
    "ScoreNetwork",
    "annealed_langevin",
    "check_levels",
    "denoising_score_loss",
    "divergence",
    "explicit_score_loss",
    "geometric_levels",
    "hutchinson_divergence",
    "implicit_score_loss",
    "langevin",
    "langevin_step",
    "sliced_score_loss",
]
