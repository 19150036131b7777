"""Score matching: learning the gradient of a log density, which needs no normaliser.

The score of a density p is s(x) = d log p(x) / dx, a field of arrows that point uphill. Where p is
known only up to a factor, or not at all, it can be fitted by any of

    explicit    1/2 |s(x) - target|^2
    implicit    1/2 |s(x)|^2 + trace of ds/dx
    sliced      1/2 |s(x)|^2 + v' ds/dx v,   v a random direction
    denoising   1/2 |s(x + sigma noise) + noise / sigma|^2

whose expectations differ by constants; the last is for the density smoothed by the noise.

Source: Hyvarinen 2005, JMLR 6 (implicit); Vincent 2011, Neural Computation 23(7) (denoising, and
the names); Song et al. 2019, arXiv:1905.07088 (sliced).

Letters: x (B, *shape) data, noise and v (B, *shape), sigma the std of the noise; scores in
1 / units of x.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from genaug_lessons.checks import number
from genaug_lessons.typed import check_types

Score = Callable[[Tensor], Tensor]


def explicit_score_loss(score: Score, x: Tensor, target: Tensor) -> Tensor:
    """1/2 |s(x) - target|^2 of each example, (B,): for a target score (B, *shape) that is known.

    Source: Vincent 2011, section 2.
    """
    return 0.5 * (score(x) - target).flatten(1).square().sum(1)


def implicit_score_loss(score: Score, x: Tensor) -> Tensor:
    """1/2 |s(x)|^2 + trace of ds/dx, (B,): on average the explicit loss, but for a constant.

    It takes as many backward passes as x has dimensions.

    Source: Hyvarinen 2005, theorem 1.
    """
    x, s = _followed(score, x)
    return 0.5 * s.square().sum(1) + _divergence(s, x)


def sliced_score_loss(
    score: Score, x: Tensor, directions: Tensor, *, variance_reduced: bool = True
) -> Tensor:
    """1/2 |s(x)|^2 + v' ds/dx v, (B,): on average over directions v, the implicit loss.

    Args:
        score: (B, *shape) -> (B, *shape).
        x: (B, *shape).
        directions: (B, *shape) v, drawn so that the mean of v v' is the identity: standard
            normal, or +-1 with equal chances.
        variance_reduced: False puts 1/2 (v's)^2, of the same mean, for 1/2 |s|^2.

    Source: Song et al. 2019, section 3.
    """
    x, s = _followed(score, x)
    v = directions.flatten(1)
    length = s.square().sum(1) if variance_reduced else (s * v).sum(1).square()
    return 0.5 * length + _curvature(s, x, v)


def denoising_score_loss(score: Score, x: Tensor, noise: Tensor, sigma: float | Tensor) -> Tensor:
    """1/2 |s(x + sigma noise) + noise / sigma|^2, (B,): the arrows should point back to x.

    On average the explicit loss for the density smoothed by the noise, but for a constant.

    Args:
        score: (B, *shape) -> (B, *shape).
        x: (B, *shape).
        noise: (B, *shape) standard normal.
        sigma: above 0; one for all, or of a shape that broadcasts to that of x.

    Source: Vincent 2011, section 4.
    """
    check_sigma(sigma)
    return explicit_score_loss(score, x + sigma * noise, -noise / sigma)


def divergence(score: Score, x: Tensor) -> Tensor:
    """The trace of ds/dx, (B,), exactly: a backward pass for each dimension of x."""
    x, s = _followed(score, x)
    return _divergence(s, x)


def hutchinson_divergence(score: Score, x: Tensor, directions: Tensor) -> Tensor:
    """v' ds/dx v, (B,), in one backward pass: on average over directions v, the trace of ds/dx.

    Source: Hutchinson 1989; Song et al. 2019, section 3.
    """
    x, s = _followed(score, x)
    return _curvature(s, x, directions.flatten(1))


def check_sigma(sigma: float | Tensor) -> None:
    """Raise a ValueError for a number that is not above 0."""
    if not isinstance(sigma, Tensor):  # checking a tensor would force a device sync
        number("sigma", sigma, above=0)


def _followed(score: Score, x: Tensor) -> tuple[Tensor, Tensor]:
    """x of which derivatives can be taken, and the score there, (B, D)."""
    x = x.detach().requires_grad_()
    return x, score(x).flatten(1)


def _curvature(s: Tensor, x: Tensor, v: Tensor) -> Tensor:
    (gradient,) = torch.autograd.grad((s * v).sum(), x, create_graph=True)
    return (gradient.flatten(1) * v).sum(1)


def _divergence(s: Tensor, x: Tensor) -> Tensor:
    axes = torch.eye(s.shape[1]).to(s)
    return sum(_curvature(s, x, axis.expand_as(s)) for axis in axes)


check_types(__name__)
