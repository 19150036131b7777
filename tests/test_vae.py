"""Oracles for the VAE: linear ones are Gaussian, so every number can be known without training."""

import math

import numpy as np
import pytest
import torch
from scipy.special import logsumexp
from scipy.stats import multivariate_normal
from sklearn.decomposition import PCA
from torch import distributions as td

from genaug_lessons.data import Batch, Dataset
from genaug_lessons.models.likelihoods import (
    Bernoulli,
    Gaussian,
    bernoulli_log_likelihood,
    gaussian_log_likelihood,
)
from genaug_lessons.models.vae import (
    VAE,
    gaussian_kl,
    reparameterise,
)
from genaug_lessons.nn import Dense
from genaug_lessons.random import generator, normal, uniform
from genaug_lessons.training import fit

ROWS, SIZE, LATENT = 200, 6, 2
BETWEEN = math.sqrt(LATENT) * torch.cat([torch.eye(LATENT), -torch.eye(LATENT)]).double()


def gaussian_data():
    """(ROWS, SIZE) float64 rows of a correlated Gaussian."""
    rng = np.random.default_rng(0)
    return rng.normal(size=(ROWS, SIZE)) @ rng.normal(size=(SIZE, SIZE)) + rng.normal(size=SIZE)


def probabilistic_pca(x):
    """Maximum likelihood mean, loadings (SIZE, LATENT) and noise variance, and the eigenvalues."""
    values, vectors = np.linalg.eigh(np.cov(x.T, ddof=0))
    values, vectors = values[::-1], vectors[:, ::-1]
    noise = values[LATENT:].mean()
    return x.mean(0), vectors[:, :LATENT] * np.sqrt(values[:LATENT] - noise), noise, values


def linear_vae(means, loadings, noise):
    """A linear VAE, conditional for several means, whose q(z|x) is the exact posterior."""
    means, loadings = torch.tensor(np.atleast_2d(means)), torch.tensor(loadings)
    classes = len(means) if len(means) > 1 else None
    model = VAE(
        SIZE, network=Dense(), latent=LATENT, classes=classes, likelihood=Gaussian(), rng=cpu()
    ).double()
    precision = (loadings.square().sum(0) + noise) / noise  # diagonal: the loadings are orthogonal
    to_latent = loadings.T / (noise * precision[:, None])
    encoder, decoder = model.encoder[1], model.decoder[0]
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
        encoder.weight[:LATENT, :SIZE] = to_latent
        encoder.bias[LATENT:] = -precision.log()
        decoder.weight[:, :LATENT] = loadings
        if classes:
            encoder.weight[:LATENT, SIZE:] = -to_latent @ means.T
            decoder.weight[:, LATENT:] = means.T
        else:
            encoder.bias[:LATENT] = -to_latent @ means[0]
            decoder.bias[:] = means[0]
        model.likelihood.log_var.fill_(math.log(noise))
    return model


def expected(values_at):
    """The exact mean over standard normal noise of a quadratic function of it."""
    return torch.stack([values_at(point) for point in BETWEEN]).mean(0).detach()


def expected_bound(model, x):
    return expected(lambda point: model.elbo(x, None, point.to(x).expand(len(x), -1)).bound)


def cpu(seed=0):
    return generator(seed, "cpu")


def scrambled(model, scale=1.0):
    """The same model in float64 with every parameter drawn anew, so that no zero hides a fault."""
    rng = cpu(9)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(scale * normal(tuple(parameter.shape), rng))
    return model.double()


# --- the terms of the bound


def test_kl_is_that_of_torch_distributions():
    mean, log_var = normal((2, 50, 3), cpu()).double()
    exact = td.kl_divergence(td.Normal(mean, log_var.div(2).exp()), td.Normal(0.0, 1.0)).sum(-1)
    torch.testing.assert_close(gaussian_kl(mean, log_var), exact, atol=1e-10, rtol=0)


def test_kl_is_the_mean_log_ratio_of_the_densities():
    mean, log_var = torch.tensor([[0.7, -1.2]]), torch.tensor([[-1.0, 0.5]])
    q = td.Normal(mean, log_var.div(2).exp())
    z = reparameterise(mean, log_var, normal((100_000, 2), cpu()))
    ratio = (q.log_prob(z) - td.Normal(0.0, 1.0).log_prob(z)).sum(-1)
    standard_error = ratio.std() / len(ratio) ** 0.5
    assert abs(ratio.mean() - gaussian_kl(mean, log_var)) < 5 * standard_error


def test_kl_is_zero_at_the_standard_normal_and_nowhere_near_it():
    zero = torch.zeros(1, 2)
    assert gaussian_kl(zero, zero) == 0
    for change in (0.1 * torch.eye(2)).split(1):
        for sign in (-1, 1):
            assert gaussian_kl(sign * change, zero) > 0
            assert gaussian_kl(zero, sign * change) > 0


def test_reparameterised_gradients_of_a_square_are_those_of_its_expectation():
    mean, log_var = (value.double().requires_grad_() for value in normal((2, 5), cpu()))
    noise = torch.tensor([[1.0], [-1.0]]).double()  # its mean 0 and variance 1 are exact
    (reparameterise(mean, log_var, noise) - 3).square().mean(0).sum().backward()
    torch.testing.assert_close(mean.grad, 2 * (mean - 3))
    torch.testing.assert_close(log_var.grad, log_var.exp())


def test_bernoulli_likelihood_is_that_of_torch_distributions_and_sums_over_pixels():
    logits = 5 * normal((20, 12), cpu())
    x = (uniform((20, 12), cpu(1)) < 0.5).float()
    found = bernoulli_log_likelihood(x, logits)
    torch.testing.assert_close(found, td.Bernoulli(logits=logits).log_prob(x).sum(-1))
    doubled = bernoulli_log_likelihood(x.repeat(1, 2), logits.repeat(1, 2))
    torch.testing.assert_close(doubled, 2 * found)


def test_grey_pixels_get_the_negative_cross_entropy():
    x, p = uniform((2, 20, 12), cpu(), 0.01, 0.99).double()
    by_hand = (x * p.log() + (1 - x) * (1 - p).log()).sum(-1)
    torch.testing.assert_close(bernoulli_log_likelihood(x, p.logit()), by_hand)


def test_gaussian_likelihood_is_that_of_torch_distributions_and_sums_over_values():
    x, mean, log_var = normal((3, 20, 12), cpu()).double()
    exact = td.Normal(mean, log_var.div(2).exp()).log_prob(x).sum(-1)
    torch.testing.assert_close(gaussian_log_likelihood(x, mean, log_var), exact)


# --- the bound against exact likelihoods


def test_elbo_of_the_linear_vae_is_the_exact_log_likelihood_of_every_row():
    x = gaussian_data()
    mean, loadings, noise, values = probabilistic_pca(x)
    bound = expected_bound(linear_vae(mean, loadings, noise), torch.tensor(x)).numpy()
    covariance = loadings @ loadings.T + noise * np.eye(SIZE)
    np.testing.assert_allclose(bound, multivariate_normal(mean, covariance).logpdf(x), atol=1e-9)

    logs = np.log(values[:LATENT]).sum() + (SIZE - LATENT) * math.log(noise)
    formula = -0.5 * (SIZE * math.log(2 * math.pi) + logs + SIZE)
    assert bound.mean() == pytest.approx(formula, abs=1e-9)

    inflation = ROWS / (ROWS - 1)  # scikit-learn divides the covariance by ROWS - 1
    lost = 0.5 * SIZE * (math.log(inflation) + 1 / inflation - 1)
    score = PCA(LATENT, svd_solver="full").fit(x).score(x)
    assert score == pytest.approx(formula - lost, abs=1e-8)


def test_trained_linear_vae_reaches_the_likelihood_of_probabilistic_pca():
    x = gaussian_data()
    best = expected_bound(linear_vae(*probabilistic_pca(x)[:3]), torch.tensor(x)).mean()
    rng = cpu(1)
    model = VAE(SIZE, network=Dense(), latent=LATENT, likelihood=Gaussian(), rng=rng)
    data = torch.tensor(x, dtype=torch.float32)
    settings = dict(lr=0.1, schedule="cosine", batch_size=ROWS, show_progress=False)
    fit(model, data, steps=1500, rng=rng, **settings)
    gap = best - expected_bound(model.double(), torch.tensor(x)).mean()
    assert -1e-6 <= gap < 0.02


@pytest.mark.parametrize("likelihood", [Bernoulli(), Gaussian()])
def test_elbo_falls_short_of_the_log_likelihood_by_the_kl_to_the_posterior(likelihood):
    model = VAE(3, network=Dense(8), latent=1, likelihood=likelihood, rng=cpu())
    model = scrambled(model, scale=0.5)
    x = uniform((10, 3), cpu(3)).double()

    grid = torch.linspace(-20, 20, 8001, dtype=torch.float64)[:, None]  # places for z and noise
    step = 40 / 8000
    log_prior = td.Normal(0.0, 1.0).log_prob(grid)[:, 0]
    with torch.no_grad():
        for row in x[:, None]:
            many = row.expand(len(grid), 3)
            terms = model.elbo(many, None, grid)
            bound = (log_prior.exp() * terms.bound).sum() * step

            joint = model.log_likelihood(many, grid) + log_prior
            evidence = joint.logsumexp(0) + math.log(step)
            mean, log_var = model.encode(row)
            log_q = td.Normal(mean, log_var.div(2).exp()).log_prob(grid)[:, 0]
            kl = (log_q.exp() * (log_q - (joint - evidence))).sum() * step
            assert kl > 0
            torch.testing.assert_close(evidence - bound, kl, atol=1e-6, rtol=1e-6)


def test_unlabelled_objective_of_the_exact_conditional_model_is_the_mixture_likelihood():
    x = gaussian_data()
    mean, loadings, noise, _ = probabilistic_pca(x)
    means = mean + 2 * np.random.default_rng(1).normal(size=(3, SIZE))
    model = linear_vae(means, loadings, noise)
    rows = torch.tensor(x)
    bounds = expected(lambda point: model.class_bounds(rows, point.expand(len(rows) * 3, -1)))
    covariance = loadings @ loadings.T + noise * np.eye(SIZE)
    exact = np.stack([multivariate_normal(m, covariance).logpdf(x) for m in means], axis=1)
    np.testing.assert_allclose(bounds.numpy(), exact, atol=1e-9)
    summed_out = bounds.logsumexp(-1).numpy() - math.log(3)
    np.testing.assert_allclose(summed_out, logsumexp(exact, axis=1, b=1 / 3), atol=1e-9)


# --- labels


def _ends(network):
    """The first and the last dense layer."""
    dense = [layer for layer in network if isinstance(layer, torch.nn.Linear)]
    return dense[0], dense[-1]


def joined(models, hidden):
    """One conditional VAE made of a VAE per label: each label switches its own units on."""
    switch = 1000.0
    conditional = VAE(
        models[0].shape,
        network=Dense(len(models) * (hidden + 1)),
        latent=models[0].latent,
        classes=len(models),
        rng=cpu(),
    ).double()
    for name in ("encoder", "decoder"):
        first, last = _ends(getattr(conditional, name))
        inputs = first.in_features - len(models)
        with torch.no_grad():
            for parameter in (*first.parameters(), *last.parameters()):
                parameter.zero_()
            for label, model in enumerate(models):
                source = _ends(getattr(model, name))
                constant = (label + 1) * (hidden + 1) - 1  # a unit that is 1 for this label
                units = slice(constant - hidden, constant)
                first.weight[units, :inputs] = source[0].weight
                first.weight[units, inputs + label] = switch
                first.bias[units] = source[0].bias - switch
                first.weight[constant, inputs + label] = 1
                last.weight[:, units] = source[-1].weight
                last.weight[:, constant] = source[-1].bias
    return conditional


def test_conditional_vae_with_units_of_its_own_for_each_label_is_independent_vaes():
    models = [scrambled(VAE((1, 2, 3), network=Dense(5), latent=2, rng=cpu())) for _ in range(3)]
    with torch.no_grad():
        for label, model in enumerate(models):
            for parameter in model.parameters():
                parameter.mul_(1 - 0.3 * label)
    conditional = joined(models, hidden=5)
    x, label = uniform((30, 1, 2, 3), cpu(1)).double(), torch.arange(30) % 3
    noise = normal((30, 2), cpu(2)).double()
    found = conditional.elbo(x, label, noise)
    decoded = conditional.decode(noise, label)
    for value, model in enumerate(models):
        rows = label == value
        exact = model.elbo(x[rows], None, noise[rows])
        torch.testing.assert_close(found.log_likelihood[rows], exact.log_likelihood)
        torch.testing.assert_close(found.kl[rows], exact.kl)
        torch.testing.assert_close(decoded[rows], model.decode(noise[rows]))


def objective(model, batch, seed=0):
    return model.objectives()[0].loss(batch, cpu(seed))


@pytest.fixture
def conditional():
    model = VAE(
        4, likelihood=Bernoulli(), network=Dense(6), latent=2, classes=3, beta=0.6, rng=cpu()
    )
    return scrambled(model, scale=0.5)


def test_row_without_a_label_contributes_the_log_mean_over_labels_of_its_bounds(conditional):
    x, y = uniform((7, 4), cpu(1)).double(), torch.tensor([2, -1, 0, -1, -1, 1, -1])
    noise = normal((7 * 3, 2), cpu()).double().view(7, 3, 2)
    total = 0.0
    for row in range(7):
        bounds = []
        for label in range(3):
            terms = conditional.elbo(x[[row]], torch.tensor([label]), noise[row, [label]])
            bounds.append((terms.log_likelihood - 0.6 * terms.kl).item())
        given = y[row].item()
        mixed = math.log(sum(map(math.exp, bounds)) / 3)
        total += bounds[given] if given >= 0 else mixed
    found = objective(conditional, Batch(x, y, labelled=False)).item()
    assert found == pytest.approx(-total / 7, abs=1e-6)


def test_labelled_batch_gives_the_same_through_the_path_for_unlabelled_rows(conditional):
    with torch.no_grad():  # codes almost without noise, for the two paths draw different noise
        conditional.encoder[-1].weight[2:] = 0
        conditional.encoder[-1].bias[2:] = -60
    x, y = uniform((7, 4), cpu(1)).double(), torch.arange(7) % 3
    known, unknown = (objective(conditional, Batch(x, y, labelled)) for labelled in (True, False))
    torch.testing.assert_close(known, unknown)


def test_a_wrong_label_costs_likelihood():
    x = gaussian_data()
    mean, loadings, noise, _ = probabilistic_pca(x)
    model = linear_vae(np.stack([mean, mean + 3]), loadings, noise)
    rows, label = torch.tensor(x), torch.zeros(ROWS, dtype=torch.int64)
    quiet = torch.zeros(ROWS, LATENT).double()
    right, wrong = (model.elbo(rows, y, quiet).bound.mean() for y in (label, label + 1))
    assert right > wrong + 1


def test_labels_are_asked_for_by_conditional_models_and_refused_by_others(conditional):
    plain = VAE(4, likelihood=Bernoulli(), latent=2, rng=cpu())
    x, z, label = torch.zeros(3, 4), torch.zeros(3, 2), torch.zeros(3, dtype=torch.int64)
    for act in (lambda y: plain.encode(x, y), lambda y: plain.decode(z, y)):
        with pytest.raises(ValueError, match="label must not be given"):
            act(label)
    for act in (conditional.encode, conditional.decode):
        with pytest.raises(ValueError, match="label must be given"):
            act(x.double())
    with pytest.raises(ValueError, match="label must not be given"):
        plain.sample(3, label=1, rng=cpu())
    with pytest.raises(ValueError, match="label must be given"):
        conditional.sample(3, rng=cpu())
    with pytest.raises(ValueError, match="label must lie in 0 to 2, got 3"):
        conditional.sample(3, label=3, rng=cpu())


# --- the objective and samples


@pytest.mark.parametrize("beta", [0.0, 0.3, 1.0])
def test_objective_is_the_mean_over_the_batch_of_beta_kl_minus_likelihood(beta):
    model = scrambled(VAE((1, 2, 2), latent=2, network=Dense(5), beta=beta, rng=cpu()), 0.5)
    x = uniform((9, 1, 2, 2), cpu(1)).double()
    terms = model.elbo(x, None, normal((9, 2), cpu()).double())
    exact = (beta * terms.kl - terms.log_likelihood).mean()
    torch.testing.assert_close(objective(model, Batch(x)), exact, atol=1e-6, rtol=1e-6)
    torch.testing.assert_close(terms.bound, terms.log_likelihood - terms.kl)  # whatever beta is


def test_samples_are_decoded_standard_normal_codes_with_the_labels_asked_for():
    model = VAE((1, 2, 3), network=Dense(5, 4), latent=2, classes=3, rng=cpu())
    widths = [
        [layer.in_features for layer in network if isinstance(layer, torch.nn.Linear)]
        for network in (model.encoder, model.decoder)
    ]
    assert widths == [[6 + 3, 5, 4], [2 + 3, 4, 5]]  # mirrored
    label = torch.tensor([2, 0, 1, 1])
    x = model.sample(4, label=label, rng=cpu(5))
    torch.testing.assert_close(x, model.decode(normal((4, 2), cpu(5)), label))
    assert x.shape == (4, 1, 2, 3)
    assert 0 < x.min() and x.max() < 1
    same = model.sample(4, label=1, rng=cpu(5))
    torch.testing.assert_close(same[2:], x[2:])


def test_samples_of_the_linear_vae_have_the_covariance_of_its_loadings():
    mean, loadings, noise, _ = probabilistic_pca(gaussian_data())
    model = linear_vae(mean, loadings, noise).float()
    x = model.sample(20_000, rng=cpu()).double() - torch.tensor(mean)
    products = x[:, :, None] * x[:, None]
    error = products.mean(0) - torch.tensor(loadings @ loadings.T)
    assert (error.abs() < 5 * products.std(0) / len(x) ** 0.5).all()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"likelihood": "poisson"},
            "likelihood must be an object with outputs and log_prob and mean",
        ),
        ({"latent": 0}, "latent must be an integer of at least 1, got 0"),
        ({"beta": -1.0}, "beta must be at least 0, got -1.0"),
        ({"classes": 1}, "classes must be an integer of at least 2"),
    ],
)
def test_impossible_settings_are_refused(settings, message):
    with pytest.raises((TypeError, ValueError), match=message):
        VAE(4, rng=cpu(), **settings)


def test_bernoulli_vae_refuses_data_outside_the_unit_interval():
    with pytest.raises(ValueError, match='support "unit"'):
        fit(
            VAE(2, likelihood=Bernoulli(), rng=cpu()),
            Dataset(torch.randn(5, 2)),
            steps=1,
            rng=cpu(),
        )
