"""Noise-contrastive estimation against exact densities, normalisers and mutual information."""

import math

import pytest
import torch
from torch.nn import functional as F

from genaug_lessons import data
from genaug_lessons.data import Batch
from genaug_lessons.models.gan import discriminator_loss, optimal_discriminator
from genaug_lessons.models.gmm import GaussianMixture
from genaug_lessons.models.nce import (
    EnergyModel,
    UniformNoise,
    discriminator_log_density,
    info_nce_bound,
    info_nce_loss,
    nce_loss,
)
from genaug_lessons.nn import Dense
from genaug_lessons.random import generator, normal, uniform
from genaug_lessons.training import fit


def cpu(seed=0):
    return generator(seed, "cpu")


def lbfgs(parameters, loss):
    settings = {"max_iter": 300, "tolerance_grad": 1e-13, "tolerance_change": 1e-16}
    optimizer = torch.optim.LBFGS(parameters, line_search_fn="strong_wolfe", **settings)

    def closure():
        optimizer.zero_grad()
        value = loss()
        value.backward()
        return value

    optimizer.step(closure)


# --- the loss


def test_loss_by_hand():
    """Two of data, four of noise: nu = 2, so a ratio p / p_n of 2 makes h = 1/2."""
    data, noise = torch.tensor([2.0, 6.0]).log(), torch.tensor([2.0, 0.5, 1.0, 8.0]).log()
    of_data, of_noise = [1 / 2, 3 / 4], [1 / 2, 4 / 5, 2 / 3, 1 / 5]  # the right answers' h
    exact = -sum(map(math.log, of_data)) / 2 - 2 * sum(map(math.log, of_noise)) / 4
    assert nce_loss(data, noise).item() == pytest.approx(exact)


def test_where_model_data_and_noise_agree_the_loss_is_twice_log_two():
    assert nce_loss(torch.zeros(5), torch.zeros(5)).item() == pytest.approx(2 * math.log(2))


def test_with_as_much_noise_as_data_the_loss_is_that_of_a_discriminator():
    logits, fake = normal((9,), cpu()).double(), normal((9,), cpu(1)).double()
    torch.testing.assert_close(nce_loss(logits, fake), discriminator_loss(logits, fake))


DATA, NOISE = torch.tensor([1, 2, 3, 4]), (torch.tensor([3, 3, 2, 2]), torch.tensor([1, 1, 1, 17]))


@pytest.mark.parametrize("noise", NOISE)
@pytest.mark.parametrize("copies", [1, 5])
def test_a_table_without_a_normaliser_comes_to_sum_to_one(noise, copies):
    """Every row of the population is counted, so the optimum is exact."""
    states, other = (torch.arange(4).repeat_interleave(of) for of in (DATA, copies * noise))
    log_noise = (noise / noise.sum()).double().log()
    theta = normal((4,), cpu()).double().requires_grad_()
    lbfgs([theta], lambda: nce_loss((theta - log_noise)[states], (theta - log_noise)[other]))
    torch.testing.assert_close(
        theta.exp().detach(), DATA / 10.0, atol=1e-6, rtol=0, check_dtype=False
    )
    assert theta.exp().sum().item() == pytest.approx(1, abs=1e-6)


def test_the_normaliser_of_a_gaussian_is_found_with_an_error_of_one_over_the_root_of_rows():
    K = torch.tensor([[2.0, 0.6], [0.6, 1.0]]).double()
    L = torch.linalg.cholesky(torch.linalg.inv(K))
    exact = 0.5 * torch.logdet(K) - math.log(2 * math.pi)  # -log Z

    def error(n, seed):
        x = normal((n, 2), cpu(seed)).double() @ L.T
        y = 1.5 * normal((n, 2), cpu(1000 + seed)).double()

        def log_noise(x):
            return -x.square().sum(1) / (2 * 1.5**2) - math.log(2 * math.pi * 1.5**2)

        at_x, at_y = log_noise(x), log_noise(y)
        root, c = torch.eye(2).double().requires_grad_(), torch.zeros(1).double().requires_grad_()

        def log_model(x):
            return c - 0.5 * (x @ root).square().sum(1)

        lbfgs([root, c], lambda: nce_loss(log_model(x) - at_x, log_model(y) - at_y))
        return (c - exact).item()

    sizes = (100, 1000, 10_000)
    spread = [math.sqrt(sum(error(n, seed) ** 2 for seed in range(25)) / 25) for n in sizes]
    slope = math.log(spread[2] / spread[0]) / math.log(sizes[2] / sizes[0])
    assert slope == pytest.approx(-0.5, abs=0.15)
    assert spread[2] < 0.05


def test_more_noise_makes_the_estimate_better():
    """One number to find, c of exp(c - x^2 / 2): its spread falls with nu (theorem 3)."""
    exact, n = -0.5 * math.log(2 * math.pi), 500

    def error(nu, seed):
        x, y = normal((n,), cpu(seed)).double(), 2 * normal((nu * n,), cpu(1000 + seed)).double()
        c = torch.zeros(1).double().requires_grad_()

        def log_ratio(x):
            return c - x.square() / 2 + x.square() / 8 + math.log(2 * math.sqrt(2 * math.pi))

        lbfgs([c], lambda: nce_loss(log_ratio(x), log_ratio(y)))
        return (c - exact).item()

    few, many = (sum(error(nu, seed) ** 2 for seed in range(30)) for nu in (1, 20))
    assert many < 0.6 * few


# --- discriminators


def test_the_best_discriminator_knows_the_density_of_the_data():
    p, q = torch.tensor([0.1, 0.2, 0.3, 0.4]).double(), torch.tensor([0.3, 0.3, 0.2, 0.2]).double()
    logits = optimal_discriminator(p, q).logit()
    torch.testing.assert_close(logits, p.log() - q.log())
    torch.testing.assert_close(discriminator_log_density(logits, q.log()), p.log())
    torch.testing.assert_close(
        discriminator_log_density((p / (p + 3 * q)).logit(), q.log(), ratio=3), p.log()
    )


def test_free_logits_that_minimise_the_loss_are_the_log_ratio_of_the_densities():
    states, other = (torch.arange(4).repeat_interleave(of) for of in (DATA, NOISE[0]))
    logits = normal((4,), cpu()).double().requires_grad_()
    lbfgs([logits], lambda: nce_loss(logits[states], logits[other]))
    exact = (DATA / DATA.sum()).log() - (NOISE[0] / NOISE[0].sum()).log()
    torch.testing.assert_close(logits.detach(), exact.double(), atol=1e-6, rtol=0)


# --- InfoNCE


def test_info_nce_loss_is_the_cross_entropy_of_the_diagonal():
    scores = normal((6, 6), cpu()).double()
    exact = -scores.softmax(1).diagonal().log().mean()
    torch.testing.assert_close(info_nce_loss(scores), exact)
    torch.testing.assert_close(info_nce_bound(scores), math.log(6) - exact)
    assert info_nce_loss(torch.ones(7, 7)).item() == pytest.approx(math.log(7))


@pytest.mark.parametrize(("rho", "K"), [(0.8, 64), (0.9999, 8)])
def test_with_the_best_discriminator_info_nce_stays_below_mutual_information_and_below_log_k(
    rho, K
):
    rng, information, bounds = cpu(), -0.5 * math.log(1 - rho**2), []
    for _ in range(400):
        x = normal((K,), rng).double()
        y = rho * x + math.sqrt(1 - rho**2) * normal((K,), rng).double()
        squares = (y[None] - rho * x[:, None]).square() / (1 - rho**2)
        bounds.append(info_nce_bound(0.5 * (y.square()[None] - squares)))
    bounds = torch.stack(bounds)
    error = 5 * bounds.std() / math.sqrt(len(bounds))
    assert bounds.max() <= math.log(K)
    assert bounds.mean() - error < information
    least = 0.95 * min(information, math.log(K))
    assert bounds.mean() + error > least  # not far below either


# --- noise


def test_uniform_noise_has_one_density_in_its_box_and_fills_it():
    noise = UniformNoise((2, 3), -1.0, 3.0)
    x = noise.sample(2000, rng=cpu())
    assert x.shape == (2000, 2, 3)
    assert x.min() >= -1 and x.max() < 3
    assert (x.mean(0) - 1).abs().max() < 5 * 4 / math.sqrt(12 * 2000)
    assert noise.log_density(x).tolist() == pytest.approx([-6 * math.log(4)] * 2000)
    beyond = torch.ones(3, 2, 3)
    beyond[0, 1, 2], beyond[1, 0, 0] = 3.01, -1.01
    exact = [-math.inf, -math.inf, -6 * math.log(4)]
    assert noise.log_density(beyond).tolist() == pytest.approx(exact)


# --- the model


def gaussian(std=1.0, size=2):
    """A Gaussian around 0 as noise."""
    noise = GaussianMixture(size, rng=cpu())
    noise.set_parameters(torch.ones(1), torch.zeros(1, size), std**2 * torch.eye(size)[None])
    return noise


def energy_model(**settings):
    """A small float64 model with every parameter drawn anew."""
    settings = {"network": Dense(7, smooth=True), "noise": UniformNoise(3, -2.0, 2.0), **settings}
    model = EnergyModel(3, rng=cpu(), **settings)
    for parameter in model.parameters():
        parameter.data = normal(tuple(parameter.shape), cpu(9))
    return model.double()


def test_a_density_is_the_negative_energy_less_the_log_normaliser():
    model, x = energy_model(), normal((5, 3), cpu()).double()
    first, second = (layer for layer in model.network if isinstance(layer, torch.nn.Linear))
    hidden = (1 + (5 * (x @ first.weight.T + first.bias)).exp()).log() / 5
    energy = (hidden @ second.weight.T + second.bias).squeeze(1)
    torch.testing.assert_close(model.energy(x), energy)
    torch.testing.assert_close(model.log_density(x), -energy - model.log_normaliser)
    x = x / x.abs().max()  # within the box of the noise
    ratio = model.log_density(x) + 3 * math.log(4)
    torch.testing.assert_close(model.log_ratio(x), ratio)
    (slope,) = torch.autograd.grad(model.log_density(x.requires_grad_()).sum(), x)
    with torch.no_grad():
        torch.testing.assert_close(model.score(x), slope)


def test_the_objective_tells_a_batch_from_as_many_times_its_noise():
    noise = UniformNoise(3, -2.0, 2.0)
    model, x = energy_model(noise=noise, ratio=3), uniform((5, 3), cpu(2), -1, 1).double()
    (objective,) = model.objectives()
    y = noise.sample(15, rng=cpu(4)).double()
    log_noise = -3 * math.log(4)
    real, fake = (model.log_density(at) - log_noise - math.log(3) for at in (x, y))
    exact = -F.logsigmoid(real).mean() - 3 * F.logsigmoid(-fake).mean()
    torch.testing.assert_close(objective.loss(Batch(x), cpu(4)), exact)
    assert objective.name == "noise-contrastive estimation"


def test_a_trained_model_has_the_density_of_the_data_and_sums_to_one():
    toy, rng = data.ring(3, radius=1.0, std=0.3), cpu()
    x = toy.sample(3000, rng=rng).x
    noise = GaussianMixture(2, rng=rng)
    fit(noise, x, steps=2, rng=rng, show_progress=False)
    model = EnergyModel(2, network=Dense(64, 64, smooth=True), noise=noise, ratio=2, rng=rng)
    fit(model, x, steps=500, batch_size=256, rng=rng, show_progress=False)
    ticks = torch.linspace(-4, 4, 161)
    area, places = 0.05**2, torch.cartesian_prod(ticks, ticks)
    mass = model.log_density(places).exp().sum().item() * area
    assert mass == pytest.approx(1, abs=0.1)
    normaliser = ((-model.energy(places)).exp().sum() * area).log()
    assert (model.log_normaliser - normaliser).abs() < 0.1
    fresh = toy.sample(2000, rng=rng).x
    lost = (toy.log_density(fresh) - model.log_density(fresh)).mean()
    worse = (toy.log_density(fresh) - noise.log_density(fresh)).mean()
    assert lost.abs() < 0.05 < 0.7 < worse


def test_noise_is_left_as_it_is_and_what_it_has_seen_is_remembered():
    points, rng = data.halves(data.digits())[0][:60], cpu()
    noise = GaussianMixture(points.shape, sphere=0.5, rng=rng)
    fit(noise, points[:40], steps=1, rng=rng, show_progress=False)
    model = EnergyModel(points.shape, network=Dense(4, smooth=True), noise=noise, rng=rng)
    names = {name.partition(".")[0] for name, _ in model.named_parameters()}
    assert names == {"network", "log_normaliser"}
    before = noise.mu.clone()
    fit(model, points[40:], steps=2, rng=rng, show_progress=False)
    assert torch.equal(noise.mu, before)
    assert model.seen.tolist() == sorted(points.ids.tolist())
