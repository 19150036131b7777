"""Lesson 05: the best linear denoiser, the best denoiser of a few points, a contractive penalty."""

import torch

from genaug_lessons.exercises.check import Case, Exercise

_COV = torch.tensor([[2.0, 1.0], [1.0, 2.0]], dtype=torch.float64)
_EYE = torch.eye(2, dtype=torch.float64)
_PAIR = torch.tensor([[-1.0], [1.0]], dtype=torch.float64)
_NOISY = torch.tensor([[0.0], [0.5], [-1.0]], dtype=torch.float64)
_THREE = torch.tensor([[0.0, 0.0], [2.0, 0.0], [0.0, 1.0]], dtype=torch.float64)
_PLACES = torch.tensor([[0.5, 0.2], [1.0, 1.0], [-0.5, 0.5], [1.2, 0.1]], dtype=torch.float64)
_FAR = torch.tensor([[300.0, 1.0]], dtype=torch.float64)
_H = torch.tensor([[0.0, 0.5], [-0.8, 0.6], [0.9, -0.1]], dtype=torch.float64)
_W = torch.tensor([[1.0, 2.0, 0.0], [-1.0, 1.0, 3.0]], dtype=torch.float64)


def _linear(cov, sigma):
    return cov @ torch.linalg.inv(cov + sigma**2 * _EYE)


def _weights(noisy, points, width, dim=1):
    return (-(torch.cdist(noisy, points) ** 2) / width).softmax(dim)


def _best(noisy, points, sigma):
    return _weights(noisy, points, 2 * sigma**2) @ points


def _penalty(h, weight, slope=lambda h: 1 - h**2):
    return slope(h) ** 2 @ (weight**2).sum(1)


linear_denoiser = Exercise(
    "linear_denoiser",
    cases=[
        Case(
            (_COV, 1.0),
            _COV.new_tensor([[5, 1], [1, 5]]) / 8,
            "linear_denoiser([[2, 1], [1, 2]], 1)",
        ),
        Case((_COV, 0.5), _linear(_COV, 0.5), "linear_denoiser([[2, 1], [1, 2]], 0.5)"),
    ],
    mistakes={
        "sigma is a standard deviation: the variance of the noise is its square": (
            lambda cov, sigma: _linear(cov, sigma**0.5)
        ),
        "noise adds its variance on the diagonal only": (
            lambda cov, sigma: cov @ torch.linalg.pinv(cov + sigma**2)
        ),
        "divide by the matrix, not entry by entry": (
            lambda cov, sigma: cov / (cov + sigma**2 * _EYE)
        ),
        "this is the part that is taken away: the denoiser is what remains": (
            lambda cov, sigma: _EYE - _linear(cov, sigma)
        ),
        "the inverse is missing": lambda cov, sigma: cov @ (cov + sigma**2 * _EYE),
    },
)

best_denoiser = Exercise(
    "best_denoiser",
    cases=[
        Case(
            (_NOISY, _PAIR, 0.8),
            (_NOISY / 0.64).tanh(),
            "best_denoiser of the points -1 and 1, which is tanh(x / sigma^2),",
        ),
        Case(
            (_PLACES, _THREE, 0.7),
            _best(_PLACES, _THREE, 0.7),
            "best_denoiser of three points of the plane",
        ),
        Case((_FAR, _THREE, 0.7), _THREE[1:2], "best_denoiser at (300, 1), far from all points,"),
    ],
    mistakes={
        "the exponent is the squared distance over 2 sigma^2: the 2 is missing": (
            lambda noisy, points, sigma: _weights(noisy, points, sigma**2) @ points
        ),
        "sigma is a standard deviation: the exponent has its square": (
            lambda noisy, points, sigma: _weights(noisy, points, 2 * sigma) @ points
        ),
        "the exponent has the squared distance": (
            lambda noisy, points, sigma: (
                (-torch.cdist(noisy, points) / (2 * sigma**2)).softmax(1) @ points
            )
        ),
        "the weights of one noisy place must sum to 1 over the points": (
            lambda noisy, points, sigma: _weights(noisy, points, 2 * sigma**2, dim=0) @ points
        ),
        "this is the nearest point: the best guess is a mean of all, with weights": (
            lambda noisy, points, _: points[torch.cdist(noisy, points).argmin(1)]
        ),
        "these are the arrows: add the place they start from": (
            lambda noisy, points, sigma: _best(noisy, points, sigma) - noisy
        ),
    },
)

contractive_penalty = Exercise(
    "contractive_penalty",
    cases=[
        Case(
            (_H[:2], _W),
            torch.tensor([11.1875, 5.1536], dtype=torch.float64),
            "contractive_penalty of two rows of codes",
        ),
        Case((_H, _W), _penalty(_H, _W), "contractive_penalty of three rows of codes"),
    ],
    mistakes={
        "h (1 - h) is the slope of the sigmoid: that of tanh is 1 - h^2": (
            lambda h, weight: _penalty(h, weight, lambda h: h * (1 - h))
        ),
        "square the slopes too": (lambda h, weight: (1 - h**2) @ (weight**2).sum(1)),
        "square each entry of the Jacobian, then add: not the other way round": (
            lambda h, weight: (1 - h**2) ** 2 @ weight.sum(1) ** 2
        ),
        "this is the norm: the penalty is its square": lambda h, weight: _penalty(h, weight).sqrt(),
        "one number per example, please: do not add up the batch": (
            lambda h, weight: _penalty(h, weight).sum()
        ),
        "one number per example, please: no mean over the batch": (
            lambda h, weight: _penalty(h, weight).mean()
        ),
        "the slopes depend on the example: leave none of them out": (
            lambda h, weight: (weight**2).sum().expand(len(h))
        ),
    },
)
