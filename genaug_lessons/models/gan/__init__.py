"""Generative adversarial networks: the players, their losses, and what is known of their game."""

from genaug_lessons.models.gan.game import (
    dirac_game,
    optimal_discriminator,
    value,
)
from genaug_lessons.models.gan.losses import (
    LOSSES,
    discriminator_loss,
    least_squares_discriminator_loss,
    least_squares_loss,
    minimax_loss,
    non_saturating_loss,
)
from genaug_lessons.models.gan.model import (
    GAN,
    GameUpdate,
)

__all__ = [
    "GAN",
    "LOSSES",
    "GameUpdate",
    "dirac_game",
    "discriminator_loss",
    "least_squares_discriminator_loss",
    "least_squares_loss",
    "minimax_loss",
    "non_saturating_loss",
    "optimal_discriminator",
    "value",
]
