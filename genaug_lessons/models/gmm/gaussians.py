"""Several Gaussians over the same rows: their densities, their best fit, their covariances' kinds.

Source: Bishop 2006, Pattern Recognition and Machine Learning, sections 2.3 and 9.2. Shrinkage:
Friedman 1989, "Regularized Discriminant Analysis", whose two shares, lambda and gamma, are
`pooled` and `sphere` here.

Letters: x (N, D) rows, K Gaussians with pi (K,) their shares of the rows, mu (K, D),
Sigma (K, D, D) = L L' with L lower triangular, r (N, K) responsibilities; log densities in nats.
"""

import math

import torch
from torch import Tensor

from genaug_lessons.checks import probability
from genaug_lessons.typed import check_types

COVARIANCES = ("full", "diagonal", "tied", "spherical")
ROWS = 3072  # handled at once: bounds the memory, and keeps them in the processor's cache


def log_gaussian(x: Tensor, mu: Tensor, L: Tensor) -> Tensor:
    """log N(x_n | mu_k, L_k L_k') in nats, (N, K), for x (N, D), mu (K, D) and L (K, D, D).

    Source: Bishop 2006, eq. 2.43.
    """
    size = mu.shape[1]
    centre = mu.mean(0)  # taken off first: far from 0, differences would lose their digits
    inverse = torch.linalg.solve_triangular(L, torch.eye(size).to(L).expand_as(L), upper=False)
    shift = inverse @ (centre - mu)[:, :, None]
    squares = [squared_lengths(inverse, shift, (part - centre).T) for part in x.split(ROWS)]
    half_log_det = L.diagonal(dim1=1, dim2=2).abs().log().sum(1)
    constant = half_log_det + 0.5 * size * math.log(2 * math.pi)
    return torch.cat(squares, dim=1).T.mul_(-0.5).sub_(constant)


def squared_lengths(A: Tensor, b: Tensor, x: Tensor) -> Tensor:
    """|A_k x_n + b_k|^2, (K, N), for lower triangular A (K, D, D), b (K, D, 1) and x (D, N).

    One product for all K, in three parts: a third of A lies in blocks of zeros.
    """
    total, end = torch.zeros(()).to(x), 0
    for rows, shift in zip(A.chunk(3, dim=1), b.chunk(3, dim=1), strict=True):
        end += rows.shape[1]
        part = torch.addmm(shift.flatten(0, 1), rows[:, :, :end].flatten(0, 1), x[:end])
        total = total + part.square_().view(len(A), -1, x.shape[1]).sum(1)
    return total


def m_step(x: Tensor, r: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The pi (K,), mu (K, D) and Sigma (K, D, D) of greatest likelihood for rows x shared by r.

    Source: Bishop 2006, eq. 9.24 to 9.26.
    """
    eps, tiny = torch.finfo(r.dtype).eps, torch.finfo(r.dtype).tiny
    total = r.sum(0).clamp_min(tiny)
    mu = r.T @ x / total[:, None]
    threshold = 0.1 * eps / len(x) * total  # dropping them changes less than float rounding
    scatters = [scatter(x, *component) for component in zip(r.T, mu, threshold, strict=True)]
    return total / total.sum(), mu, torch.stack(scatters) / total[:, None, None]


def scatter(x: Tensor, weight: Tensor, mu: Tensor, threshold: Tensor) -> Tensor:
    """sum_n weight_n (x_n - mu)(x_n - mu)', (D, D), over rows of a weight above `threshold`."""
    total = torch.zeros_like(x[0].expand(x.shape[1], -1))
    for rows in (weight > threshold).nonzero().squeeze(1).split(ROWS):
        offset = x.index_select(0, rows).sub_(mu)  # faster than x[rows]
        offset.mul_(weight.index_select(0, rows).sqrt_()[:, None])
        total.addmm_(offset.T, offset)
    return total


def shrink(Sigma: Tensor, pi: Tensor, *, pooled: float = 0.0, sphere: float = 0.0) -> Tensor:
    """Each Sigma moved towards their mean under pi, then towards a sphere of the same trace.

    Args:
        Sigma: (K, D, D).
        pi: (K,), summing to 1.
        pooled: share of the mean, from 0 to 1; 1 makes them all equal.
        sphere: share of the sphere, from 0 to 1; 1 makes each round.
    """
    pooled, sphere = probability("pooled", pooled), probability("sphere", sphere)
    Sigma = Sigma.lerp(torch.einsum("k,kde->de", pi, Sigma).expand_as(Sigma), pooled)
    variance = Sigma.diagonal(dim1=1, dim2=2).mean(1)[:, None, None]
    return Sigma.lerp(variance * torch.eye(Sigma.shape[1]).to(Sigma), sphere)


def constrain(Sigma: Tensor, pi: Tensor, covariance: str, **shares: float) -> Tensor:
    """The shrunk Sigma of the kind asked for; "tied" and "spherical" are the ends of `shrink`."""
    if covariance == "diagonal":
        Sigma = Sigma.diagonal(dim1=1, dim2=2).diag_embed()
    ends = {"tied": {"pooled": 1.0}, "spherical": {"sphere": 1.0}}
    return shrink(Sigma, pi, **{**shares, **ends.get(covariance, {})})


def cholesky(Sigma: Tensor, mu: Tensor) -> Tensor:
    """The lower triangular L (K, D, D) of Sigma = L L', for Gaussians around mu (K, D).

    Raises:
        ValueError: a Gaussian is flat, to the rounding of numbers as large as mu.
    """
    L, failed = torch.linalg.cholesky_ex(Sigma)
    eps = torch.finfo(Sigma.dtype).eps
    threshold = eps * (Sigma.diagonal(dim1=1, dim2=2) + eps * mu.square())
    regular = (failed == 0) & (L.diagonal(dim1=1, dim2=2).square() > threshold).all(1)
    if not regular.all():
        raise ValueError(
            "sphere must be larger, or components fewer: the covariance of component "
            f"{regular.long().argmin().item()} is singular (a constant feature, or few examples)"
        )
    return L


check_types(__name__)
