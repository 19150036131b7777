"""Lesson 09: the score of a Gaussian, denoising score matching, noise-contrastive estimation."""

import math

import torch
from torch.nn import functional as F

from genaug_lessons.exercises.check import Case, Exercise

_PLACES = torch.tensor([[0.0, 0.0], [1.0, 2.0], [-1.5, 0.5]], dtype=torch.float64)
_MEAN = torch.tensor([1.0, -1.0], dtype=torch.float64)
_K = torch.tensor([[2.0, 0.5], [0.5, 1.0]], dtype=torch.float64)
_THREE = torch.tensor([[3.0]], dtype=torch.float64)
_ONE = torch.ones(1, 1, dtype=torch.float64)


def _score(x, mean, K):
    return -(x - mean) @ K


def _weight(x, mean, K):
    away = x - mean
    return (-0.5 * ((away @ K) * away).sum(1, keepdim=True)).exp()


def _density(x, mean, K):
    return _weight(x, mean, K) * (torch.linalg.det(K) / (2 * math.pi) ** len(K)).sqrt()


gaussian_score = Exercise(
    "gaussian_score",
    cases=[
        Case((_THREE, 0 * _ONE[0], _ONE), -_THREE, "gaussian_score of N(0, 1) at 3"),
        Case(
            (_PLACES, _MEAN, _K),
            _score(_PLACES, _MEAN, _K),
            "gaussian_score of three places of the plane",
        ),
    ],
    mistakes={
        "this is the gradient of the density: take that of its logarithm": (
            lambda x, mean, K: _density(x, mean, K) * _score(x, mean, K)
        ),
        "this is the gradient of the weight exp(...): take that of its logarithm": (
            lambda x, mean, K: _weight(x, mean, K) * _score(x, mean, K)
        ),
        "the score points uphill, towards the mean: turn the sign": (
            lambda x, mean, K: -_score(x, mean, K)
        ),
        "K is the precision matrix already: no inverse": (
            lambda x, mean, K: _score(x, mean, torch.linalg.inv(K))
        ),
        "the mean is not subtracted": lambda x, mean, K: _score(x, 0 * mean, K),
        "K is a matrix: the coordinates pull at one another": (
            lambda x, mean, K: -(x - mean) * K.diagonal()
        ),
        "the derivative of x'Kx / 2 is Kx: a factor of 2 is too much or missing": (
            lambda x, mean, K: 2 * _score(x, mean, K)
        ),
    },
)


def _field(x):
    return torch.stack([1 - x[:, 0], x[:, 0] * x[:, 1]], dim=1)


_NOISE = torch.tensor([[1.0, -0.5], [0.5, 2.0], [-1.0, 0.0]], dtype=torch.float64)


def _squares(score, x, noise, sigma, target):
    return 0.5 * (score(x + sigma * noise) - target).square().sum(1)


def _denoising(score, x, noise, sigma):
    return _squares(score, x, noise, sigma, -noise / sigma)


denoising_loss = Exercise(
    "denoising_loss",
    cases=[
        Case(
            (torch.zeros_like, _PLACES[:2], _NOISE[:2], 1.0),
            torch.tensor([0.625, 2.125], dtype=torch.float64),
            "denoising_loss of a field of zeros, at noise (1, -0.5) and (0.5, 2) and sigma 1,",
        ),
        Case(
            (_field, _PLACES, _NOISE, 0.5),
            _denoising(_field, _PLACES, _NOISE, 0.5),
            "denoising_loss of three places",
        ),
    ],
    mistakes={
        "the sign is turned: the noise led away from x, and arrows should lead back": (
            lambda score, x, noise, sigma: _squares(score, x, noise, sigma, noise / sigma)
        ),
        "the score is asked for at the noisy place, x + sigma noise": (
            lambda score, x, noise, sigma: 0.5 * (score(x) + noise / sigma).square().sum(1)
        ),
        "noise of std 1 enters x as sigma noise": (
            lambda score, x, noise, sigma: 0.5 * (score(x + noise) + noise / sigma).square().sum(1)
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
        "the factor 1/2 is missing": lambda *given: 2 * _denoising(*given),
        "add the squares up over the dimensions: no mean": (
            lambda score, x, noise, sigma: _denoising(score, x, noise, sigma) / x.shape[1]
        ),
        "this is a length: take its square": lambda *given: (2 * _denoising(*given)).sqrt(),
        "one number per example, please: do not add up the batch": (
            lambda *given: _denoising(*given).sum()
        ),
        "one number per example, please: no mean over the batch": (
            lambda *given: _denoising(*given).mean()
        ),
    },
)

_DATA = torch.tensor([2.0, -1.0], dtype=torch.float64)
_OTHER = torch.tensor([0.5, -2.0, 1.0, 3.0, 0.0, -0.5], dtype=torch.float64)


def _nce(data, noise, *, shift=None, front=None, mean=torch.mean):
    nu = len(noise) / len(data)
    shift, front = math.log(nu) if shift is None else shift, nu if front is None else front
    return mean(F.softplus(shift - data)) + front * mean(F.softplus(noise - shift))


nce_loss = Exercise(
    "nce_loss",
    cases=[
        Case((_DATA, _OTHER[:2]), _nce(_DATA, _OTHER[:2]), "nce_loss with as much noise as data"),
        Case((_DATA, _OTHER), _nce(_DATA, _OTHER), "nce_loss with three times as much noise"),
    ],
    mistakes={
        "the noise is the wrong answer: its term is that of 1 - h": (
            lambda data, noise: F.softplus(-data).mean() + F.softplus(-noise).mean()
        ),
        "data and noise have changed places": (
            lambda data, noise: F.softplus(data).mean() + F.softplus(-noise).mean()
        ),
        "the noise's term is missing": lambda data, noise: F.softplus(-data).mean(),
        "the two terms are added up, not averaged": lambda *given: _nce(*given) / 2,
        "this is the log-likelihood: a loss is its negative": lambda *given: -_nce(*given),
        "means, not sums: only nu weighs the two": (
            lambda data, noise: _nce(data, noise, front=1.0, mean=torch.sum)
        ),
        "the logit is log p - log p_n - log nu: log nu is missing": (
            lambda data, noise: _nce(data, noise, shift=0.0)
        ),
        "the mean over the noise counts nu times": lambda data, noise: _nce(data, noise, front=1.0),
        "nu enters twice: into the logit, and in front of the noise's mean": (
            lambda data, noise: _nce(data, noise, shift=0.0, front=1.0)
        ),
        "log nu is subtracted from the logit, not added": (
            lambda data, noise: _nce(data, noise, shift=-math.log(len(noise) / len(data)))
        ),
        "nu is noise per data, not data per noise": (
            lambda data, noise: _nce(
                data,
                noise,
                shift=-math.log(len(noise) / len(data)),
                front=len(data) / len(noise),
            )
        ),
    },
)
