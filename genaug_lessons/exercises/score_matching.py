"""Lesson 09: the score of a Gaussian, denoising score matching, noise-contrastive estimation."""

import math

import torch
from torch.nn import functional as F

from genaug_lessons.exercises.check import Case, Exercise
from genaug_lessons.exercises.draws import normal, number, sizes, uniform

_PLACES = torch.tensor([[0.0, 0.0], [1.0, 2.0], [-1.5, 0.5]], dtype=torch.float64)
_MEAN = torch.tensor([1.0, -1.0], dtype=torch.float64)
_K = torch.tensor([[2.0, 0.5], [0.5, 1.0]], dtype=torch.float64)
_NOISE = torch.tensor([[1.0, -0.5], [0.5, 2.0], [-1.0, 0.0]], dtype=torch.float64)
_DATA = torch.tensor([2.0, -1.0], dtype=torch.float64)
_OTHER = torch.tensor([0.5, -2.0, 1.0, 3.0, 0.0, -0.5], dtype=torch.float64)


def _score(x, mean, K):
    return -(x - mean) @ K


def _exponent(x, mean, K):
    away = x - mean
    return -0.5 * ((away @ K) * away).sum(1)


def _log_density(x, mean, K):
    return _exponent(x, mean, K) + 0.5 * (torch.logdet(K) - len(K) * math.log(2 * math.pi))


def _gaussian(rng):
    """Places, a mean and a precision matrix that can be inverted without loss."""
    batch, size = sizes(rng, 2)
    axes = torch.linalg.qr(normal(rng, size, size)).Q
    K = (axes * uniform(rng, size, low=0.3, high=3)) @ axes.T
    return normal(rng, batch, size), normal(rng, size), (K + K.T) / 2


gaussian_score = Exercise(
    "gaussian_score",
    _score,
    cases=[
        Case("gaussian_score of three places of the plane", (_PLACES, _MEAN, _K)),
        Case(
            "gaussian_score of N(0, 1) at 3",
            (torch.tensor([[3.0]]), torch.zeros(1), torch.ones(1, 1)),
        ),
    ],
    make=_gaussian,
    mistakes={
        "this is the gradient of the density: take that of its logarithm": (
            lambda x, mean, K: _log_density(x, mean, K).exp()[:, None] * _score(x, mean, K)
        ),
        "this is the gradient of the weight exp(...): take that of its logarithm": (
            lambda x, mean, K: _exponent(x, mean, K).exp()[:, None] * _score(x, mean, K)
        ),
        "this is the log density itself: the score is its gradient, one arrow at each place": (
            _log_density
        ),
        "this is the exponent itself: the score is its gradient, one arrow at each place": (
            _exponent
        ),
        "the score points uphill, towards the mean: turn the sign": (
            lambda x, mean, K: -_score(x, mean, K)
        ),
        "K is the precision matrix already: no inverse": (
            lambda x, mean, K: _score(x, mean, torch.linalg.inv(K))
        ),
        "K itself belongs here, not its root": (
            lambda x, mean, K: _score(x, mean, torch.linalg.cholesky(K))
        ),
        "K is missing: the narrower the Gaussian, the longer its arrows": (
            lambda x, mean, K: mean - x
        ),
        "the mean is not subtracted": lambda x, mean, K: _score(x, 0 * mean, K),
        "subtract the mean of the Gaussian, not that of the places": (
            lambda x, mean, K: _score(x, x.mean(0), K)
        ),
        "K is a matrix: the coordinates pull at one another": (
            lambda x, mean, K: (mean - x) * K.diagonal()
        ),
        "the derivative of x'Kx / 2 is Kx: there is a factor of 2 too much": (
            lambda x, mean, K: 2 * _score(x, mean, K)
        ),
        "the derivative of x'Kx / 2 is Kx: the square's 2 takes the half away": (
            lambda x, mean, K: _score(x, mean, K) / 2
        ),
        "one arrow for each place, please: do not add up its coordinates": (
            lambda x, mean, K: _score(x, mean, K).sum(1)
        ),
    },
)


def _zeros(x):
    return 0 * x


def _field(x):
    return torch.stack([1 - x[..., 0], x[..., 0] * x[..., 1]], dim=-1)


def _squares(score, x, noise, sigma, target):
    return 0.5 * (score(x + sigma * noise) - target).square().sum(1)


def _denoising(score, x, noise, sigma):
    return _squares(score, x, noise, sigma, -noise / sigma)


def _random_field(rng, size):
    """A field that bends, and looks the same from no two sides."""
    turn, centre = normal(rng, size, size), normal(rng, size)
    return lambda x: (x @ turn.to(x)).tanh() - x + centre.to(x)


def _noisy(rng):
    batch, size = sizes(rng, 2)
    x, noise = normal(rng, batch, size), normal(rng, batch, size)
    return _random_field(rng, size), x, noise, number(rng, 0.3, 3)


denoising_loss = Exercise(
    "denoising_loss",
    _denoising,
    cases=[
        Case(
            "denoising_loss of a field of zeros, at noise (0.5, 2) and (-1, 0) and sigma 2,",
            (_zeros, _PLACES[1:], _NOISE[1:], 2.0),
        ),
        Case("denoising_loss of three places", (_field, _PLACES, _NOISE, 0.5)),
    ],
    make=_noisy,
    gradient=("x",),
    mistakes={
        "the sign is turned: the noise led away from x, and arrows should lead back": (
            lambda score, x, noise, sigma: _squares(score, x, noise, sigma, noise / sigma)
        ),
        "the score is asked for at the noisy place, x + sigma noise": (
            lambda score, x, noise, sigma: _squares(score, x, 0 * noise, sigma, -noise / sigma)
        ),
        "the noise has std 1: x gets sigma times as much": (
            lambda score, x, noise, sigma: _squares(score, x, noise, 1, -noise / sigma)
        ),
        "add the noise to x, do not take it off": (
            lambda score, x, noise, sigma: _squares(score, x, -noise, sigma, -noise / sigma)
        ),
        "the target is missing: -noise / sigma": (
            lambda score, x, noise, sigma: _squares(score, x, noise, sigma, 0 * noise)
        ),
        "the target is -noise / sigma: the noise is not divided": (
            lambda score, x, noise, sigma: _squares(score, x, noise, sigma, -noise)
        ),
        "divide by sigma once: sigma noise / sigma^2 is noise / sigma": (
            lambda score, x, noise, sigma: _squares(score, x, noise, sigma, -noise / sigma**2)
        ),
        "this is the denoiser's target, sigma noise: the score's is that over sigma^2": (
            lambda score, x, noise, sigma: _squares(score, x, noise, sigma, -sigma * noise)
        ),
        "a weight of sigma^2 belongs to training at many levels, not to (9.6)": (
            lambda score, x, noise, sigma: sigma**2 * _denoising(score, x, noise, sigma)
        ),
        "the factor 1/2 is missing": (
            lambda score, x, noise, sigma: 2 * _denoising(score, x, noise, sigma)
        ),
        "add the squares up over the dimensions: no mean": (
            lambda score, x, noise, sigma: _denoising(score, x, noise, sigma) / x.shape[1]
        ),
        "the squares are averaged over the dimensions where they should be added up, and the "
        "factor 1/2 is missing": (
            lambda score, x, noise, sigma: 2 * _denoising(score, x, noise, sigma) / x.shape[1]
        ),
        "this is a length: take half its square": (
            lambda score, x, noise, sigma: (2 * _denoising(score, x, noise, sigma)).sqrt()
        ),
        "this is half a length: take half its square": (
            lambda score, x, noise, sigma: (_denoising(score, x, noise, sigma) / 2).sqrt()
        ),
        "one number per example, please: do not add up the batch": (
            lambda score, x, noise, sigma: _denoising(score, x, noise, sigma).sum()
        ),
        "one number per example, please: no mean over the batch": (
            lambda score, x, noise, sigma: _denoising(score, x, noise, sigma).mean()
        ),
    },
)


def _nu(data, noise):
    return len(noise) / len(data)


def _weighted(data, noise, shift, front):
    """The loss, if the logits lose `shift` and the noise's mean is weighted with `front`."""
    return F.softplus(shift - data).mean() + front * F.softplus(noise - shift).mean()


def _nce(data, noise):
    nu = _nu(data, noise)
    return _weighted(data, noise, math.log(nu), nu)


def _logits(rng):
    batch, others = sizes(rng, 2, most=6)
    return uniform(rng, batch, low=-4, high=4), uniform(rng, others, low=-4, high=4)


def _all_called_data(data, noise):
    nu = _nu(data, noise)
    shift = math.log(nu)
    return F.softplus(shift - data).mean() + nu * F.softplus(shift - noise).mean()


def _places_changed(data, noise):
    nu = _nu(data, noise)
    shift = math.log(nu)
    return F.softplus(data - shift).mean() + nu * F.softplus(shift - noise).mean()


contrast_loss = Exercise(
    "contrast_loss",
    _nce,
    cases=[
        Case("contrast_loss with as much noise as data", (_DATA, _OTHER[:2])),
        Case("contrast_loss with three times as much noise", (_DATA, _OTHER)),
        Case("contrast_loss with half as much noise as data", (_OTHER[2:], _DATA)),
    ],
    make=_logits,
    gradient=("data", "noise"),
    mistakes={
        "the noise is the wrong answer: its term is that of 1 - h": _all_called_data,
        "data and noise have changed places: h is the chance that an example is data": (
            _places_changed
        ),
        "the noise's term is missing": (
            lambda data, noise: F.softplus(math.log(_nu(data, noise)) - data).mean()
        ),
        "the noise's term is missing, and log nu in the logit": (
            lambda data, noise: F.softplus(-data).mean()
        ),
        "the noise's term is that of 1 - h, and nu enters twice: into the logit, and in front": (
            lambda data, noise: F.softplus(-data).mean() + F.softplus(-noise).mean()
        ),
        "add the two terms up: no mean of them": lambda data, noise: _nce(data, noise) / 2,
        "a mean over data and noise together is too small: add up, and divide by the number of "
        "data": lambda data, noise: _nce(data, noise) / (1 + _nu(data, noise)),
        "this is the log-likelihood: a loss is its negative": (
            lambda data, noise: -_nce(data, noise)
        ),
        "means, not sums: only nu weighs the two": (
            lambda data, noise: len(data) * _nce(data, noise)
        ),
        "the logit is log p - log p_n - log nu: log nu is missing": (
            lambda data, noise: _weighted(data, noise, 0.0, _nu(data, noise))
        ),
        "take log nu off the logit, not nu": (
            lambda data, noise: _weighted(data, noise, _nu(data, noise), _nu(data, noise))
        ),
        "the mean over the noise counts nu times": lambda data, noise: _weighted(
            data, noise, math.log(_nu(data, noise)), 1.0
        ),
        "multiply the mean over the noise by nu: do not divide": (
            lambda data, noise: _weighted(data, noise, math.log(_nu(data, noise)), _nu(noise, data))
        ),
        "nu enters twice: into the logit, and in front of the noise's mean": (
            lambda data, noise: _weighted(data, noise, 0.0, 1.0)
        ),
        "take log nu off the logit: do not add it": (
            lambda data, noise: _weighted(data, noise, math.log(_nu(noise, data)), _nu(data, noise))
        ),
        "nu is noise per data: here it is data per noise": (
            lambda data, noise: _weighted(data, noise, math.log(_nu(noise, data)), _nu(noise, data))
        ),
    },
)
