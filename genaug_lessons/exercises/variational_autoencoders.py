"""Lesson 06: the KL term, the reparameterised draw, the importance-weighted bound."""

import math

import torch

from genaug_lessons.exercises.check import Case, Exercise
from genaug_lessons.exercises.draws import normal, sizes, states, uniform

_MEAN = torch.tensor([[1.0, 0.0, -2.0], [0.5, -1.0, 0.0]], dtype=torch.float64)
_LOG_VAR = torch.tensor([[0.0, -1.0, 0.5], [-2.0, 1.0, 0.25]], dtype=torch.float64)
_NOISE = torch.tensor([[1.0, -1.0, 0.5], [2.0, 0.25, -1.5]], dtype=torch.float64)
_LOG_WEIGHTS = torch.tensor([[-1.0, -3.0], [-2.0, -3.0], [-4.0, -1.5]], dtype=torch.float64)


def _posterior(rng):
    """Means and log variances of some rows."""
    shape = sizes(rng, 2)
    return normal(rng, *shape), normal(rng, *shape)


def _kl_terms(mean, var, log_var):
    return 0.5 * (mean**2 + var - 1 - log_var)


def _kl(mean, log_var):
    return _kl_terms(mean, log_var.exp(), log_var).sum(-1)


kl_to_prior = Exercise(
    "kl_to_prior",
    _kl,
    cases=[
        Case(
            "kl_to_prior at mean 0 and log variance 0, the prior itself,",
            (torch.zeros(1, 2), torch.zeros(1, 2)),
        ),
        Case("kl_to_prior of two examples, three units,", (_MEAN, _LOG_VAR)),
    ],
    make=_posterior,
    gradient=("mean", "log_var"),
    mistakes={
        "the KL terms of the units add up: sum over them, a mean weakens the prior Z-fold": (
            lambda mean, log_var: _kl_terms(mean, log_var.exp(), log_var).mean(-1)
        ),
        "one number per example, please: sum over the units only, not over the batch": (
            lambda mean, log_var: _kl(mean, log_var).sum()
        ),
        "one number per example, please: no mean over the batch": (
            lambda mean, log_var: _kl(mean, log_var).mean()
        ),
        "the variance is exp(log_var), and torch's Normal asks for its root": (
            lambda mean, log_var: _kl_terms(mean, (2 * log_var).exp(), 2 * log_var).sum(-1)
        ),
        "KL divergences have a direction: from q to the prior, not from the prior to q": (
            lambda mean, log_var: 0.5 * ((1 + mean**2) / log_var.exp() - 1 + log_var).sum(-1)
        ),
        "the factor one half is missing": lambda mean, log_var: 2 * _kl(mean, log_var),
        "the sign is turned: a KL divergence is never negative": (
            lambda mean, log_var: -_kl(mean, log_var)
        ),
        "the variance is exp(log_var), not log_var": (
            lambda mean, log_var: _kl_terms(mean, log_var, log_var).sum(-1)
        ),
        "exp(log_var / 2) is the standard deviation; here the variance stands": (
            lambda mean, log_var: _kl_terms(mean, (log_var / 2).exp(), log_var).sum(-1)
        ),
        "log_var is a logarithm already: take no other": (
            lambda mean, log_var: _kl_terms(mean, log_var, log_var.log()).sum(-1)
        ),
        "one number per example, please: sum over the units, the last axis, not over the batch": (
            lambda mean, log_var: _kl_terms(mean, log_var.exp(), log_var).sum(0)
        ),
        "the 1 is missing: at mean 0 and variance 1 nothing must be left": (
            lambda mean, log_var: 0.5 * (mean**2 + log_var.exp() - log_var).sum(-1)
        ),
        "log_var is subtracted, so that a small variance costs": (
            lambda mean, log_var: 0.5 * (mean**2 + log_var.exp() - 1 + log_var).sum(-1)
        ),
        "log_var itself is missing": (
            lambda mean, log_var: 0.5 * (mean**2 + log_var.exp() - 1).sum(-1)
        ),
        "the mean enters squared": (
            lambda mean, log_var: 0.5 * (mean + log_var.exp() - 1 - log_var).sum(-1)
        ),
    },
)


def _draw(mean, log_var, noise):
    return mean + (log_var / 2).exp() * noise


def _posterior_and_noise(rng):
    mean, log_var = _posterior(rng)
    return mean, log_var, normal(rng, *mean.shape)


reparameterise = Exercise(
    "reparameterise",
    _draw,
    cases=[Case("reparameterise of two examples, three units,", (_MEAN, _LOG_VAR, _NOISE))],
    make=_posterior_and_noise,
    gradient=("mean", "log_var"),
    mistakes={
        "log_var is taken for the standard deviation: it is the logarithm of its square": (
            lambda mean, log_var, noise: mean + log_var * noise
        ),
        "the noise is multiplied by the variance: the standard deviation is exp(log_var / 2)": (
            lambda mean, log_var, noise: mean + log_var.exp() * noise
        ),
        "exp(log_var) / 2 is half the variance: the standard deviation is exp(log_var / 2)": (
            lambda mean, log_var, noise: mean + log_var.exp() / 2 * noise
        ),
        "the sign in the exponent is turned": (
            lambda mean, log_var, noise: mean + (-log_var / 2).exp() * noise
        ),
        "half of log_var is the logarithm of the standard deviation: exp() is missing": (
            lambda mean, log_var, noise: mean + log_var / 2 * noise
        ),
        "the noise is forgotten: a draw differs with it": (
            lambda mean, log_var, noise: mean + (log_var / 2).exp()
        ),
        "without noise this is the mean, not a draw": lambda mean, log_var, noise: mean,
        "the noise is not scaled: its standard deviation would be 1 everywhere": (
            lambda mean, log_var, noise: mean + noise
        ),
        "the mean is missing": lambda mean, log_var, noise: (log_var / 2).exp() * noise,
    },
)


def _small_weights(rng):
    """Log weights of examples that differ in size, and draws of one that do, too."""
    draws, examples = sizes(rng, 2)
    apart = uniform(rng, 1, examples, high=900) + 200 * states(rng, draws, 1)
    return (normal(rng, draws, examples) - apart,)


def _log_mean(log_w):
    return log_w.logsumexp(0) - math.log(len(log_w))


importance_weighted = Exercise(
    "importance_weighted",
    _log_mean,
    cases=[
        Case("importance_weighted of three draws for two examples", (_LOG_WEIGHTS,)),
        Case(
            "importance_weighted of log weights near -1000, where exp() is 0 but "
            "torch.logsumexp still works,",
            (_LOG_WEIGHTS - 1000,),
        ),
    ],
    make=_small_weights,
    mistakes={
        "the mean of the logarithms is the ELBO again: take the logarithm of the mean weight": (
            lambda log_w: log_w.mean(0)
        ),
        "this is the logarithm of the sum: for the mean, subtract log K": (
            lambda log_w: log_w.logsumexp(0)
        ),
        "the draws are the rows: average over the first axis, and keep the examples apart": (
            lambda log_w: log_w.logsumexp(1) - math.log(log_w.shape[1])
        ),
        "this averages over draws and examples at once: one bound per example, please": (
            lambda log_w: log_w.flatten().logsumexp(0) - math.log(log_w.numel())
        ),
        "the largest weight alone is not the mean weight": lambda log_w: log_w.max(0).values,
        "dividing by K inside the logarithm is subtracting log K outside of it": (
            lambda log_w: log_w.logsumexp(0) / len(log_w)
        ),
        "K counts the draws, the rows: this subtracts the logarithm of the number of examples": (
            lambda log_w: log_w.logsumexp(0) - math.log(log_w.shape[1])
        ),
        "the maximum that was subtracted has to be added again": (
            lambda log_w: log_w.logsumexp(0) - math.log(len(log_w)) - log_w.max(0).values
        ),
    },
)
