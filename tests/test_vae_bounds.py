"""Importance-weighted bounds against an exact likelihood; which units are used; interpolation."""

import numpy as np
import pytest
import torch
from scipy.stats import multivariate_normal
from test_vae import LATENT, SIZE, cpu, gaussian_data, linear_vae, probabilistic_pca, scrambled
from torch import distributions as td

from genaug_lessons.models.likelihoods import Bernoulli
from genaug_lessons.models.vae import (
    VAE,
    active_units,
    gaussian_kl,
    importance_weighted,
    importance_weighted_bound,
    log_weights,
)
from genaug_lessons.nn import Dense
from genaug_lessons.random import normal, uniform

REPEATS = 400  # draws of the noise


def linear_case(widened=0.0):
    """A linear VAE at probabilistic PCA, its q widened, with data and their exact log p(x)."""
    x = gaussian_data()
    mean, loadings, noise, _ = probabilistic_pca(x)
    model = linear_vae(mean, loadings, noise)
    with torch.no_grad():
        model.encoder[1].bias[LATENT:] += widened
    covariance = loadings @ loadings.T + noise * np.eye(SIZE)
    return model, torch.tensor(x), multivariate_normal(mean, covariance).logpdf(x)


def test_log_weights_are_the_three_log_densities_of_torch_distributions():
    model = scrambled(
        VAE(4, likelihood=Bernoulli(), network=Dense(5), latent=3, classes=2, rng=cpu()), 0.5
    )
    x, label = uniform((6, 4), cpu(1)).double(), torch.arange(6) % 2
    noise = normal((6, 3), cpu(2)).double()
    mean, log_var = model.encode(x, label)
    q = td.Normal(mean, log_var.div(2).exp())
    z = mean + q.stddev * noise
    ratio = (td.Normal(0.0, 1.0).log_prob(z) - q.log_prob(z)).sum(-1)
    exact = model.log_likelihood(x, z, label) + ratio
    torch.testing.assert_close(log_weights(model, x, label, noise), exact)


def test_every_weight_is_the_likelihood_itself_where_q_is_the_posterior():
    model, x, exact = linear_case()
    for seed in range(3):
        found = log_weights(model, x, None, normal((len(x), LATENT), cpu(seed)).double())
        np.testing.assert_allclose(found.detach(), exact, atol=1e-5)


def test_mean_log_weight_is_the_elbo():
    model, x, _ = linear_case(widened=1.0)
    noise = normal((REPEATS, len(x), LATENT), cpu()).double()
    difference = torch.stack(
        [log_weights(model, x, None, n) - model.elbo(x, None, n).bound for n in noise]
    ).mean(1)
    standard_error = difference.std() / REPEATS**0.5
    assert abs(difference.mean()) < 5 * standard_error


def test_bounds_rise_with_the_number_of_draws_towards_the_log_likelihood():
    model, x, exact = linear_case(widened=1.0)
    truth, runs, draws = exact.mean(), 100, 50
    noise = normal((runs * draws * len(x), LATENT), cpu()).double()
    with torch.no_grad():
        weights = log_weights(model, x.repeat(runs * draws, 1), None, noise)
    weights = weights.view(runs, draws, len(x))

    def ladder(k):
        return torch.stack([importance_weighted(each[:k]).mean() for each in weights])

    one, five, fifty = ladder(1), ladder(5), ladder(50)
    for lower, higher in ((one, five), (five, fifty), (fifty, torch.full_like(fifty, truth))):
        step = higher - lower
        assert step.mean() > 5 * step.std() / len(step) ** 0.5
    assert truth - fifty.mean() < 0.1 * (truth - one.mean())


def test_importance_weighted_is_the_log_of_the_mean_weight_even_where_exp_underflows():
    weights = uniform((7, 3), cpu(), 0.1, 1).double()
    exact = weights.mean(0).log()
    torch.testing.assert_close(importance_weighted(weights.log()), exact)
    torch.testing.assert_close(importance_weighted(weights.log() - 2000), exact - 2000)


@pytest.mark.parametrize("classes", [None, 3])
def test_bound_of_a_generator_is_the_one_of_its_noise(classes):
    model = VAE(4, likelihood=Bernoulli(), network=Dense(5), latent=3, classes=classes, rng=cpu())
    x, rng = uniform((6, 4), cpu(1)), cpu(2)
    label = None if classes is None else torch.tensor([2, 0, 1, 1, 0, 2])
    weights = torch.stack([log_weights(model, x, label, normal((6, 3), rng)) for _ in range(4)])
    found = importance_weighted_bound(model, x, label, draws=4, rng=cpu(2))
    torch.testing.assert_close(found, importance_weighted(weights))
    assert not found.requires_grad


@pytest.mark.parametrize("draws", [0, -1, 2.5])
def test_bound_needs_at_least_one_draw(draws):
    model = VAE(4, likelihood=Bernoulli(), latent=2, rng=cpu())
    with pytest.raises((TypeError, ValueError), match=f"draws must be an integer.*, got {draws}"):
        importance_weighted_bound(model, torch.zeros(2, 4), draws=draws, rng=cpu())


# --- what the latent space is used for


def collapsed():
    """A VAE whose third unit has the prior as its posterior, and is ignored by the decoder."""
    model = scrambled(VAE(4, likelihood=Bernoulli(), network=Dense(5), latent=3, rng=cpu()))
    with torch.no_grad():
        for row in (2, 5):
            model.encoder[-1].weight[row] = 0
            model.encoder[-1].bias[row] = 0
        model.decoder[0].weight[:, 2] = 0
    return model


def test_collapsed_unit_is_inactive_costs_nothing_and_changes_nothing():
    model, x = collapsed(), uniform((50, 4), cpu(1)).double()
    mean, log_var = model.encode(x)
    assert active_units(mean).tolist() == [True, True, False]
    costs = [gaussian_kl(mean[:, [unit]], log_var[:, [unit]]).mean() for unit in range(3)]
    assert costs[2] == 0 and min(costs[:2]) > 0.01
    z, moved = mean.clone(), mean.clone()
    moved[:, 2] += 5
    assert torch.equal(model.decode(z), model.decode(moved))


def test_a_unit_is_active_above_the_threshold_of_its_variance():
    spread = torch.tensor([-1.0, 1.0]).repeat(500)[:, None]  # variance 1, apart from ddof
    mean = 7 + spread * torch.tensor([0.09, 0.11, 0.5])
    assert active_units(mean).tolist() == [False, True, True]
    assert active_units(mean, threshold=0.1).tolist() == [False, False, True]
    with pytest.raises(ValueError, match=r"mean must be \(N, Z\) with N above 1, got \(1, 3\)"):
        active_units(mean[:1])


# --- interpolation


def test_interpolation_of_the_linear_vae_is_the_straight_line_between_reconstructions():
    model, x, _ = linear_case()
    found = model.interpolate(x[0], x[1], steps=5)
    ends = model.decode(model.encode(x[:2])[0]).detach()
    assert found.shape == (5, SIZE)
    for step, part in enumerate((0, 0.25, 0.5, 0.75, 1)):
        torch.testing.assert_close(found[step], (1 - part) * ends[0] + part * ends[1])


def test_interpolation_keeps_the_label_of_a_conditional_model():
    model = VAE((1, 2, 3), latent=2, classes=3, rng=cpu())
    x = uniform((2, 1, 2, 3), cpu(1))
    found = model.interpolate(*x, steps=3, label=2)
    label = torch.tensor([2, 2, 2])
    start, end = model.encode(x, label[:2])[0]
    codes = torch.stack([start, (start + end) / 2, end])
    torch.testing.assert_close(found, model.decode(codes, label))
    with pytest.raises(ValueError, match="label must be given"):
        model.interpolate(*x, steps=3)
    with pytest.raises(ValueError, match="steps must be an integer of at least 2, got 1"):
        model.interpolate(*x, steps=1, label=2)
