"""The game that the players of a GAN play: its best moves, its value, and its motion.

For data p and a generator's distribution q, both known, the best discriminator and the value of
the game have closed forms. The Dirac game, the smallest there is, shows why taking turns matters.

Source: Goodfellow et al. 2014, arXiv:1406.2661. Dirac game: Mescheder, Geiger & Nowozin 2018,
arXiv:1801.04406.

Letters: p, q (S,) probabilities of S states, or densities at S places.
"""

import torch
from torch import Tensor

from genaug_lessons.checks import count, number, numbers
from genaug_lessons.typed import check_types


def optimal_discriminator(p: Tensor, q: Tensor) -> Tensor:
    """The best discriminator p / (p + q), (S,), in [0, 1]; 1/2 where neither p nor q ever is.

    Source: Goodfellow et al. 2014, proposition 1.
    """
    return torch.where(p + q > 0, p / (p + q), 0.5)


def value(p: Tensor, q: Tensor, discriminator: Tensor) -> Tensor:
    """E_p log D + E_q log(1 - D) in nats, a scalar: what the discriminator raises.

    Args:
        p: (S,) probabilities of the data.
        q: (S,) probabilities of the generator.
        discriminator: (S,) probabilities D that the discriminator gives to "real".

    Source: Goodfellow et al. 2014, eq. 1.
    """
    return torch.xlogy(p, discriminator).sum() + torch.xlogy(q, 1 - discriminator).sum()


def dirac_game(
    start: tuple[float, float] = (1.0, 0.0),
    *,
    lr: float,
    steps: int,
    alternating: bool = True,
    penalty: float = 0.0,
) -> Tensor:
    """The smallest game: one fake at theta, the data at 0, and a discriminator of slope psi.

    Its value is psi theta. The discriminator climbs, the generator descends. The balance is at
    (0, 0).

    Args:
        start: theta and psi at first.
        lr: the step of both, above 0.
        steps: how many, at least 1.
        alternating: whether the generator faces the discriminator that has just moved.
        penalty: gamma, at least 0; the discriminator also descends gamma / 2 psi^2 (R1).

    Returns:
        (steps + 1, 2) float64: theta and psi along the way.

    Source: Mescheder, Geiger & Nowozin 2018, sections 2 to 4, with f(t) = t.
    """
    lr, steps = number("lr", lr, above=0), count("steps", steps)
    penalty = number("penalty", penalty, at_least=0)
    theta, psi = numbers("start", start)
    path = [(theta, psi)]
    for _ in range(steps):
        moved = psi + lr * (theta - penalty * psi)
        theta, psi = theta - lr * (moved if alternating else psi), moved
        path.append((theta, psi))
    return torch.tensor(path, dtype=torch.float64)


check_types(__name__)
