"""The losses of a GAN's players, on the discriminator's logits.

Source: Goodfellow et al. 2014, arXiv:1406.2661. Least squares: Mao et al. 2017, arXiv:1611.04076.

Letters: real, fake (B,) the discriminator's logits of real examples and of fakes.
"""

from torch import Tensor
from torch.nn import functional as F

from genaug_lessons.typed import check_types


def discriminator_loss(real: Tensor, fake: Tensor) -> Tensor:
    """-E log D(x) - E log(1 - D(G(z))) in nats, from logits; 2 log 2 for a guess.

    Source: Goodfellow et al. 2014, eq. 1.
    """
    return F.softplus(-real).mean() + F.softplus(fake).mean()


def minimax_loss(fake: Tensor) -> Tensor:
    """E log(1 - D(G(z))) in nats, from logits: flat where the discriminator is sure of a fake.

    Source: Goodfellow et al. 2014, eq. 1.
    """
    return -F.softplus(fake).mean()


def non_saturating_loss(fake: Tensor) -> Tensor:
    """-E log D(G(z)) in nats, from logits: steep where the discriminator is sure of a fake.

    Source: Goodfellow et al. 2014, section 3.
    """
    return F.softplus(-fake).mean()


def least_squares_discriminator_loss(real: Tensor, fake: Tensor) -> Tensor:
    """Half the mean squares of D(x) - 1 and of D(G(z)); the outputs are no logits here.

    Source: Mao et al. 2017, eq. 9 (a = 0, b = c = 1).
    """
    return ((real - 1).square().mean() + fake.square().mean()) / 2


def least_squares_loss(fake: Tensor) -> Tensor:
    """Half the mean square of D(G(z)) - 1.

    Source: Mao et al. 2017, eq. 9 (a = 0, b = c = 1).
    """
    return (fake - 1).square().mean() / 2


LOSSES = {
    "minimax": (discriminator_loss, minimax_loss),
    "non-saturating": (discriminator_loss, non_saturating_loss),
    "least-squares": (least_squares_discriminator_loss, least_squares_loss),
}


check_types(__name__)
