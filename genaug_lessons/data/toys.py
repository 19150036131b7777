"""Distributions over the plane whose density and score are known exactly; bars and stripes.

Those over the plane are mixtures of K round Gaussians, p(x) = mean_k N(x; centre_k, std^2 I); the
spiral and the moons use many overlapping ones along a curve. The score is the gradient of log p
with respect to x. Bishop 2006, Pattern Recognition and Machine Learning, section 9.2, gives the
mixture.
"""

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from genaug_lessons import machine
from genaug_lessons.checks import count, number
from genaug_lessons.data.dataset import Dataset
from genaug_lessons.random import normal
from genaug_lessons.typed import check_types


@dataclass(frozen=True)
class PlaneMixture:
    """An equal mixture of round Gaussians.

    Args:
        centres: (K, 2) float32 means.
        std: standard deviation of each component, in the units of x; above 0.
        labels: (K,) int64 class of each component.
    """

    centres: Tensor
    std: float
    labels: Tensor

    def __post_init__(self):
        number("std", self.std, above=0)
        if not self.centres.isfinite().all():
            raise ValueError("centres must be finite, got NaN or infinity")

    def sample(self, n: int, *, rng: torch.Generator) -> Dataset:
        """n points with the class of the component each came from."""
        n, device = count("n", n), rng.device
        component = torch.randint(len(self.centres), (n,), generator=rng, device=device)
        x = self.centres.to(device)[component] + self.std * normal((n, 2), rng)
        return Dataset(x, self.labels.to(device)[component], classes=int(self.labels.max()) + 1)

    def log_density(self, x: Tensor) -> Tensor:
        """log p(x) in nats, (N,), for x (N, 2)."""
        normaliser = math.log(2 * math.pi * self.std**2) + math.log(len(self.centres))
        return self._exponents(x).logsumexp(-1) - normaliser

    def score(self, x: Tensor) -> Tensor:
        """Gradient of log p at x, (N, 2): the pull of the centres, weighted by who made x."""
        responsibilities = self._exponents(x).softmax(-1)  # (N, K)
        return (responsibilities @ self.centres.to(x) - x) / self.std**2

    def smoothed(self, sigma: float) -> "PlaneMixture":
        """The distribution of its points with normal noise of std `sigma` added."""
        sigma = number("sigma", sigma, at_least=0)
        return replace(self, std=math.hypot(self.std, sigma))

    def _exponents(self, x: Tensor) -> Tensor:
        if x.ndim != 2 or x.shape[1] != 2:
            raise ValueError(f"x must be points of the plane (N, 2), got {tuple(x.shape)}")
        offset = x[:, None] - self.centres.to(x)  # (N, K, 2)
        return -offset.square().sum(-1) / (2 * self.std**2)


def ring(modes: int = 8, radius: float = 2.0, std: float = 0.1) -> PlaneMixture:
    """Gaussians evenly spaced on a circle; each is its own class."""
    modes, radius = count("modes", modes, 2), number("radius", radius)
    angle = 2 * math.pi * torch.arange(modes) / modes
    return PlaneMixture(radius * _on_circle(angle), std, torch.arange(modes))


def grid(side: int = 5, spacing: float = 1.0, std: float = 0.05) -> PlaneMixture:
    """side x side Gaussians on a square lattice around 0; each is its own class."""
    side, spacing = count("side", side, 2), number("spacing", spacing)
    ticks = spacing * (torch.arange(side) - (side - 1) / 2)
    return PlaneMixture(torch.cartesian_prod(ticks, ticks), std, torch.arange(side**2))


def spiral(turns: float = 1.5, radius: float = 2.0, std: float = 0.1) -> PlaneMixture:
    """Two arms that wind around each other; each is a class."""
    turns, radius = number("turns", turns), number("radius", radius)
    along = torch.linspace(0.15, 1, 150)[:, None]  # 150 components an arm: no gaps at std 0.1
    arm = radius * along * _on_circle(2 * math.pi * turns * along[:, 0])
    return PlaneMixture(torch.cat([arm, -arm]), std, torch.arange(2).repeat_interleave(150))


def two_moons(std: float = 0.1) -> PlaneMixture:
    """Two interleaved half circles of radius 1; each is a class."""
    upper = _on_circle(torch.linspace(0, math.pi, 100))
    lower = torch.tensor([1.0, 0.5]) - upper
    centres = torch.cat([upper, lower]) - torch.tensor([0.5, 0.25])
    return PlaneMixture(centres, std, torch.arange(2).repeat_interleave(100))


def islands(ratio: int = 9, apart: float = 3.0, std: float = 0.3) -> PlaneMixture:
    """A large island and a small one, `ratio` times as rare; each is a class.

    Of the ratio + 1 components, all equally likely, `ratio` lie at the same place.
    """
    ratio, apart = count("ratio", ratio), number("apart", apart)
    labels = torch.tensor([0] * ratio + [1])
    centres = torch.tensor([[-apart / 2, 0.0], [apart / 2, 0.0]])
    return PlaneMixture(centres[labels], std, labels)


def bars_and_stripes(side: int = 3) -> Dataset:
    """All 2 * 2^side binary pictures (1, side, side) of upright bars, 0, or level stripes, 1.

    The black and the white picture are both, so each comes twice. There is no other picture:
    rows are the whole distribution, and no density gives them a higher total log-likelihood than
    their own frequencies do.
    """
    side = count("side", side, 2)
    on = torch.cartesian_prod(*[torch.tensor([0.0, 1.0])] * side)  # (2^side, side)
    bars = on[:, None, None, :].expand(-1, 1, side, side)
    y = torch.arange(2).repeat_interleave(len(on))
    return Dataset(torch.cat([bars, bars.mT]), y, 2, "binary").to(machine.device())


def _on_circle(angle: Tensor) -> Tensor:
    return torch.stack([angle.cos(), angle.sin()], dim=-1)


check_types(__name__)
