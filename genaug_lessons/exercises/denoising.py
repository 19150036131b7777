"""Lesson 05: the best linear denoiser, the best denoiser of a few points, a contractive penalty."""

import torch

from genaug_lessons.exercises.check import Case, Exercise
from genaug_lessons.exercises.draws import normal, number, size, sizes, uniform

_COV = torch.tensor([[2.0, 1.0], [1.0, 2.0]], dtype=torch.float64)
_PAIR = torch.tensor([[-1.0], [1.0]], dtype=torch.float64)
_NOISY = torch.tensor([[0.0], [0.5], [-1.0]], dtype=torch.float64)
_THREE = torch.tensor([[0.0, 0.0], [2.0, 0.0], [0.0, 1.0]], dtype=torch.float64)
_PLACES = torch.tensor([[0.5, 0.2], [1.0, 1.0], [-0.5, 0.5], [1.2, 0.1]], dtype=torch.float64)
_FAR_AND_NEAR = torch.tensor([[300.0, 100.0], [0.2, 0.4]], dtype=torch.float64)
_H = torch.tensor([[0.0, 0.5], [-0.8, 0.6], [0.9, -0.1]], dtype=torch.float64)
_W = torch.tensor([[1.0, 2.0, 0.0], [-1.0, 1.0, 3.0]], dtype=torch.float64)


def _covariance(rng, dim):
    """A covariance with random principal directions, none of them flat."""
    directions = torch.linalg.qr(normal(rng, dim, dim)).Q
    return directions * uniform(rng, dim, low=0.3, high=4.0) @ directions.T


def _sigma(rng):
    """Well below 1 or well above: near 1 it is its own square."""
    low = number(rng, 0.4, 0.8)
    return 1 / low if size(rng, 0, 1) else low


def _noisy_cov(cov, variance):
    return cov + variance * torch.eye(len(cov)).to(cov)


def _linear(cov, sigma):
    return cov @ torch.linalg.inv(_noisy_cov(cov, sigma**2))


linear_denoiser = Exercise(
    "linear_denoiser",
    _linear,
    cases=[
        Case("linear_denoiser([[2, 1], [1, 2]], 1)", (_COV, 1.0)),
        Case("linear_denoiser([[2, 1], [1, 2]], 0.5)", (_COV, 0.5)),
        Case(
            "linear_denoiser on the line, of variance 3 and noise of variance 1, which is 3/4,",
            (torch.full((1, 1), 3.0), 1.0),
        ),
    ],
    make=lambda rng: (_covariance(rng, size(rng, 2)), _sigma(rng)),
    mistakes={
        "sigma is a standard deviation: the variance of the noise is its square": (
            lambda cov, sigma: _linear(cov, sigma**0.5)
        ),
        "noise adds its variance on the diagonal only": (
            lambda cov, sigma: cov @ torch.linalg.inv(cov + sigma**2)
        ),
        "divide by the matrix, not entry by entry": (
            lambda cov, sigma: cov / _noisy_cov(cov, sigma**2)
        ),
        "* multiplies entry by entry: between matrices stands @": (
            lambda cov, sigma: cov * torch.linalg.inv(_noisy_cov(cov, sigma**2))
        ),
        "this is the part that is taken away: the denoiser is what remains": (
            lambda cov, sigma: torch.eye(len(cov)).to(cov) - _linear(cov, sigma)
        ),
        "the inverse is missing": lambda cov, sigma: cov @ _noisy_cov(cov, sigma**2),
        "this is the inverse alone: S stands before it": (
            lambda cov, sigma: torch.linalg.inv(_noisy_cov(cov, sigma**2))
        ),
        "here S is inverted: the covariance of what arrives, noise and all, should be": (
            lambda cov, sigma: _noisy_cov(cov, sigma**2) @ torch.linalg.inv(cov)
        ),
        "I alone is noise of variance 1: sigma is missing": lambda cov, _: _linear(cov, 1.0),
        "this looks at each pixel alone: its neighbours tell something, too": (
            lambda cov, sigma: (cov.diagonal() / (cov.diagonal() + sigma**2)).diag()
        ),
    },
)


def _squares(noisy, points):
    return (noisy[:, None] - points).square().sum(2)


def _logits(noisy, points, sigma):
    return -_squares(noisy, points) / (2 * sigma**2)


def _best(noisy, points, sigma):
    return _logits(noisy, points, sigma).softmax(1) @ points


def _places_and_points(rng):
    points, places, dim = sizes(rng, 3)
    return normal(rng, places, dim), normal(rng, points, dim), _sigma(rng)


posterior_mean = Exercise(
    "posterior_mean",
    _best,
    cases=[
        Case(
            "posterior_mean of the points -1 and 1, which is tanh(x / sigma^2),",
            (_NOISY, _PAIR, 0.8),
        ),
        Case("posterior_mean of three points of the plane", (_PLACES, _THREE, 0.7)),
        Case(
            "posterior_mean at (300, 100), far from all points, and at (0.2, 0.4)",
            (_FAR_AND_NEAR, _THREE, 0.7),
        ),
    ],
    make=_places_and_points,
    mistakes={
        "the exponent is the squared distance over 2 sigma^2: the 2 is missing": (
            lambda noisy, points, sigma: _best(noisy, points, sigma / 2**0.5)
        ),
        "sigma is a standard deviation: the exponent has its square": (
            lambda noisy, points, sigma: _best(noisy, points, sigma**0.5)
        ),
        "the exponent has the squared distance": (
            lambda noisy, points, sigma: (
                (-_squares(noisy, points).sqrt() / (2 * sigma**2)).softmax(1) @ points
            )
        ),
        "the squared distance is a sum over the coordinates, not a mean": (
            lambda noisy, points, sigma: _best(noisy, points, sigma * points.shape[1] ** 0.5)
        ),
        "the weights of one noisy place must sum to 1 over the points": (
            lambda noisy, points, sigma: _logits(noisy, points, sigma).softmax(0) @ points
        ),
        "these weights need not sum to 1: divide them by their sum": (
            lambda noisy, points, sigma: _logits(noisy, points, sigma).exp() @ points
        ),
        "the exponent is negative: here the far points count most": (
            lambda noisy, points, sigma: (-_logits(noisy, points, sigma)).softmax(1) @ points
        ),
        "these are the weights: the guess is the mean of the points with them": (
            lambda noisy, points, sigma: _logits(noisy, points, sigma).softmax(1)
        ),
        "this is the nearest point: the best guess is a mean of all, with weights": (
            lambda noisy, points, _: points[_squares(noisy, points).argmin(1)]
        ),
        "this is the mean of all points, wherever the place: the near ones count more": (
            lambda noisy, points, _: points.mean(0).expand(len(noisy), -1)
        ),
        "these are the arrows: add the place they start from": (
            lambda noisy, points, sigma: _best(noisy, points, sigma) - noisy
        ),
        "this is the score: Tweedie's formula makes a guess of it": (
            lambda noisy, points, sigma: (_best(noisy, points, sigma) - noisy) / sigma**2
        ),
        "tanh is for the points -1 and 1 only": (lambda noisy, _, sigma: (noisy / sigma**2).tanh()),
    },
)


def _jacobian(h, weight):
    return (1 - h**2)[:, :, None] * weight


def _penalty(h, weight):
    return _jacobian(h, weight).square().sum((1, 2))


def _codes_and_weight(rng):
    """Codes of both signs, some near the ends of their range."""
    units, batch, pixels = sizes(rng, 3)
    return normal(rng, batch, units).clamp(-3, 3).tanh(), normal(rng, units, pixels)


contractive_penalty = Exercise(
    "contractive_penalty",
    _penalty,
    cases=[
        Case("contractive_penalty of two rows of codes", (_H[:2], _W)),
        Case("contractive_penalty of three rows of codes", (_H, _W)),
    ],
    make=_codes_and_weight,
    gradient=("h", "weight"),
    mistakes={
        "h (1 - h) is the slope of the sigmoid: that of tanh is another": (
            lambda h, weight: (h * (1 - h)).square() @ weight.square().sum(1)
        ),
        "h is tanh of something already: its slope needs no further tanh": (
            lambda h, weight: _penalty(h.tanh(), weight)
        ),
        "square the slopes too": lambda h, weight: (1 - h**2) @ weight.square().sum(1),
        "square the weights too": lambda h, weight: (1 - h**2).square() @ weight.sum(1),
        "the entries of the Jacobian are squared, then added up: here no square is taken": (
            lambda h, weight: _jacobian(h, weight).sum((1, 2))
        ),
        "square each entry of the Jacobian, then add: not the other way round": (
            lambda h, weight: _jacobian(h, weight).sum(2).square().sum(1)
        ),
        "this is the norm: the penalty is its square": lambda h, weight: _penalty(h, weight).sqrt(),
        "this is the largest stretch, another norm: add up the squares of all entries": (
            lambda h, weight: torch.linalg.matrix_norm(_jacobian(h, weight), 2).square()
        ),
        "add up the squares of all entries: a mean is smaller by their number": (
            lambda h, weight: _jacobian(h, weight).square().mean((1, 2))
        ),
        "one number per example, please: do not add up the batch": (
            lambda h, weight: _penalty(h, weight).sum()
        ),
        "one number per example, please: no mean over the batch": (
            lambda h, weight: _penalty(h, weight).mean()
        ),
        "the slopes depend on the example: leave none of them out": (
            lambda h, weight: weight.square().sum().expand(len(h))
        ),
    },
)
