"""Score matching against the scores of Gaussians and mixtures, by algebra and by quadrature."""

import itertools
import math

import pytest
import torch
from torch.autograd.functional import jacobian

from genaug_lessons import data
from genaug_lessons.data import Batch
from genaug_lessons.models.score import (
    ScoreNetwork,
    denoising_score_loss,
    divergence,
    explicit_score_loss,
    geometric_levels,
    hutchinson_divergence,
    implicit_score_loss,
    sliced_score_loss,
)
from genaug_lessons.nn import Dense
from genaug_lessons.random import generator, normal
from genaug_lessons.training import fit

SIZE = 4


def cpu(seed=0):
    return generator(seed, "cpu")


def rows(*shape, seed=0):
    """Standard normal float64 values."""
    return normal(shape, cpu(seed)).double()


def wavy(seed=0):
    """A smooth float64 field of no symmetry, whose Jacobian is no symmetric matrix either."""
    first, second, shift = rows(6, SIZE, seed=seed), rows(SIZE, 6, seed=seed + 1), rows(6, seed=5)
    return lambda x: (x @ first.T + shift).tanh() @ second.T


def signs():
    """(2^SIZE, SIZE): every direction of +-1."""
    return torch.tensor(list(itertools.product([-1.0, 1.0], repeat=SIZE))).double()


def traces(score, x):
    """(B,): the trace of the Jacobian, built whole for each row."""
    return torch.stack([jacobian(lambda v: score(v[None])[0], row).trace() for row in x])


# --- the losses, one example at a time


def test_explicit_loss_is_half_the_squared_length_of_what_is_missing():
    x = torch.tensor([[3.0, 4.0], [1.0, 0.0]])
    found = explicit_score_loss(lambda x: 2 * x, x, torch.tensor([[0.0, 0.0], [2.0, 2.0]]))
    assert found.tolist() == [50, 2]


def test_implicit_loss_by_hand():
    x = torch.tensor([[3.0, 4.0], [1.0, 0.0]])
    found = implicit_score_loss(lambda x: -x / 2, x)  # of the variance 2
    assert found.tolist() == [0.5 * 25 / 4 - 1, 0.5 / 4 - 1]


def test_divergence_and_implicit_loss_have_the_trace_of_the_jacobian():
    score, x = wavy(), rows(5, SIZE, seed=3)
    exact = traces(score, x)
    torch.testing.assert_close(divergence(score, x), exact, atol=1e-12, rtol=0)
    exact = 0.5 * score(x).square().sum(1) + exact
    torch.testing.assert_close(implicit_score_loss(score, x), exact, atol=1e-12, rtol=0)


def test_hutchinson_is_the_quadratic_form_of_the_jacobian_and_averages_to_its_trace():
    score, x, v = wavy(), rows(5, SIZE, seed=3), rows(5, SIZE, seed=4)
    matrices = torch.stack([jacobian(lambda u: score(u[None])[0], row) for row in x])
    exact = torch.einsum("bi,bij,bj->b", v, matrices, v)
    torch.testing.assert_close(hutchinson_divergence(score, x, v), exact, atol=1e-12, rtol=0)
    every = [hutchinson_divergence(score, x, sign.expand_as(x)) for sign in signs()]
    mean = torch.stack(every).mean(0)
    torch.testing.assert_close(mean, divergence(score, x), atol=1e-12, rtol=0)


@pytest.mark.parametrize("variance_reduced", [True, False])
def test_sliced_loss_over_all_directions_of_signs_is_the_implicit_loss(variance_reduced):
    score, x = wavy(), rows(5, SIZE, seed=3)
    every = [
        sliced_score_loss(score, x, sign.expand_as(x), variance_reduced=variance_reduced)
        for sign in signs()
    ]
    mean = torch.stack(every).mean(0)
    torch.testing.assert_close(mean, implicit_score_loss(score, x), atol=1e-12, rtol=0)


def test_sliced_loss_has_the_length_of_the_score_or_of_its_shadow():
    score, x, v = wavy(), rows(5, SIZE, seed=3), rows(5, SIZE, seed=4)
    bent = hutchinson_divergence(score, x, v)
    whole = 0.5 * score(x).square().sum(1) + bent
    shadow = 0.5 * (score(x) * v).sum(1).square() + bent
    torch.testing.assert_close(sliced_score_loss(score, x, v), whole)
    torch.testing.assert_close(sliced_score_loss(score, x, v, variance_reduced=False), shadow)


def test_the_length_of_the_whole_score_varies_less_over_directions():
    score, x = wavy(), rows(5, SIZE, seed=3)
    spread = {
        reduced: torch.stack([
            sliced_score_loss(score, x, sign.expand_as(x), variance_reduced=reduced)
            for sign in signs()
        ]).var(0).mean()
        for reduced in (True, False)
    }  # fmt: skip
    assert spread[True] < spread[False]


def test_denoising_loss_points_back_by_hand():
    x, noise = torch.tensor([[1.0, 0.0]]), torch.tensor([[2.0, -1.0]])
    place = torch.tensor([[2.0, -0.5]])  # at sigma 1/2; the arrow back is -noise / sigma

    def score(z):
        assert torch.equal(z, place)
        return torch.tensor([[-3.0, 4.0]])

    found = denoising_score_loss(score, x, noise, 0.5)
    assert found.tolist() == [0.5 * (1 + 4)]
    each = denoising_score_loss(score, x, noise, torch.tensor([[0.5]]))
    assert torch.equal(found, each)


def test_losses_take_pictures_as_they_take_rows():
    score, x, noise = wavy(), rows(5, SIZE, seed=3), rows(5, SIZE, seed=4)

    def pictured(x):
        return score(x.flatten(1)).view_as(x)

    def square(x):
        return x.view(5, 1, 2, 2)

    for loss, *given in (
        (explicit_score_loss, noise),
        (implicit_score_loss,),
        (sliced_score_loss, noise),
        (hutchinson_divergence, noise),
        (divergence,),
    ):
        seen = loss(pictured, square(x), *[square(other) for other in given])
        torch.testing.assert_close(seen, loss(score, x, *given))
    seen = denoising_score_loss(pictured, square(x), square(noise), 0.3)
    torch.testing.assert_close(seen, denoising_score_loss(score, x, noise, 0.3))


def test_losses_pass_gradients_to_the_parameters_of_the_score():
    x, v = rows(5, SIZE, seed=3), rows(5, SIZE, seed=4)
    weight = rows(SIZE, SIZE, seed=6).requires_grad_()
    for loss in (
        lambda w: implicit_score_loss(lambda x: (x @ w).sin(), x),
        lambda w: sliced_score_loss(lambda x: (x @ w).sin(), x, v),
        lambda w: denoising_score_loss(lambda x: (x @ w).sin(), x, v, 0.3),
    ):
        assert torch.autograd.gradcheck(loss, (weight,))


# --- what minimises them


def lbfgs(parameters, loss):
    settings = {"max_iter": 300, "tolerance_grad": 1e-13, "tolerance_change": 1e-16}
    optimizer = torch.optim.LBFGS(parameters, line_search_fn="strong_wolfe", **settings)

    def closure():
        optimizer.zero_grad()
        value = loss()
        value.backward()
        return value

    optimizer.step(closure)


def test_implicit_score_matching_of_a_gaussian_finds_its_inverse_second_moments():
    x = rows(50, SIZE) @ rows(SIZE, SIZE, seed=1) + 0.3
    root = torch.eye(SIZE).double().requires_grad_()  # K = root root' is symmetric
    lbfgs([root], lambda: implicit_score_loss(lambda x: -x @ (root @ root.T), x).mean())
    exact = torch.linalg.inv(x.T @ x / len(x))
    torch.testing.assert_close((root @ root.T).detach(), exact, atol=1e-7, rtol=1e-7)


GRID = torch.linspace(-12, 12, 4001, dtype=torch.float64)[:, None]
STEP = 24 / 4000
THETAS = ((0.7, -0.3), (1.5, 0.4), (0.2, 2.0))


def one(theta):
    """A smooth score on the line, of two parameters."""
    slope, bend = theta
    return lambda x: -slope * x + bend * x.sin()


class Line:
    """An equal mixture of Gaussians on the line: density and score at x (N, 1)."""

    def __init__(self, centres, std):
        self.centres, self.std = torch.tensor(centres, dtype=torch.float64), std

    def density(self, x):
        bells = (-(x - self.centres).square() / (2 * self.std**2)).exp()
        return bells.mean(1) / (self.std * math.sqrt(2 * math.pi))

    def score(self, x):
        weight = (-(x - self.centres).square() / (2 * self.std**2)).softmax(1)
        return ((weight @ self.centres)[:, None] - x) / self.std**2


def test_explicit_and_implicit_score_matching_differ_by_a_constant():
    p = Line([-1.0, 0.2, 2.0], 0.6)
    weight = p.density(GRID) * STEP

    def mean(losses):
        return (weight * losses).sum().item()

    gaps = [
        mean(explicit_score_loss(one(theta), GRID, p.score(GRID)))
        - mean(implicit_score_loss(one(theta), GRID))
        for theta in THETAS
    ]
    constant = mean(0.5 * p.score(GRID).square().sum(1))
    assert gaps == pytest.approx([constant] * 3, abs=1e-8)


def test_denoising_and_explicit_score_matching_of_the_smoothed_data_differ_by_a_constant():
    points, sigma = torch.tensor([[-1.0], [0.2], [2.0]]).double(), 0.6
    smoothed = Line(points[:, 0].tolist(), sigma)
    noise, weight = GRID, (-GRID[:, 0].square() / 2).exp() * STEP / math.sqrt(2 * math.pi)
    places = smoothed.density(GRID) * STEP

    def gap(theta):
        denoising = torch.stack([
            (weight * denoising_score_loss(one(theta), point.expand_as(noise), noise, sigma)).sum()
            for point in points
        ]).mean()  # fmt: skip
        explicit = explicit_score_loss(one(theta), GRID, smoothed.score(GRID))
        return (denoising - (places * explicit).sum()).item()

    constant = 0.5 / sigma**2 - (places * 0.5 * smoothed.score(GRID).square().sum(1)).sum().item()
    assert [gap(theta) for theta in THETAS] == pytest.approx([constant] * 3, abs=1e-8)


# --- the network


def network(**settings):
    """A small float64 network with every parameter drawn anew."""
    settings = {"network": Dense(7, smooth=True), "sigmas": (1.0, 0.3), **settings}
    model = ScoreNetwork((1, 2, 2), rng=cpu(), **settings)
    for parameter in model.parameters():
        parameter.data = normal(tuple(parameter.shape), cpu(9))
    return model.double()


def test_a_score_network_is_matrix_products_over_sigma():
    model, x = network(classes=3), rows(5, 1, 2, 2)
    first, second = (layer for layer in model.network if isinstance(layer, torch.nn.Linear))
    sigma, label = torch.tensor([0.3, 1.0, 0.5, 2.0, 0.1]).double(), torch.tensor([0, 2, 1, 1, 0])
    for row in range(5):
        level, hot = sigma[row].item(), [float(label[row] == each) for each in range(3)]
        place = x[row].flatten() / math.sqrt(1 + level**2)
        beside = torch.tensor([math.log(level), *hot], dtype=torch.float64)
        inputs = torch.cat([place, beside])
        hidden = (1 + (5 * (inputs @ first.weight.T + first.bias)).exp()).log() / 5
        exact = hidden @ second.weight.T + second.bias
        found = model.score(x, sigma, label)[row].flatten()
        torch.testing.assert_close(found, exact / level)
    alone = model.score(x[:1], 0.3, label[:1])
    torch.testing.assert_close(alone, model.score(x, sigma, label)[:1])


def expected(objective, model, x, label=None, seed=0):
    """The objective's value, written out one example at a time."""
    rng = cpu(seed)
    which = torch.randint(len(model.sigmas), (len(x),), generator=rng)
    noise, losses = normal(tuple(x.shape), rng).double(), []
    signs = normal(tuple(x.shape), rng).double().sign()
    for row in range(len(x)):
        level = model.sigmas[which[row]]
        at = slice(row, row + 1)
        own = None if label is None else label[at]

        def score(x, level=level, own=own):
            return model.score(x, level, own)

        spoilt = x[at] + level * noise[at]
        loss = {
            "denoising": lambda: denoising_score_loss(score, x[at], noise[at], level),  # noqa: B023
            "implicit": lambda: implicit_score_loss(score, spoilt),  # noqa: B023
            "sliced": lambda: sliced_score_loss(score, spoilt, signs[at]),  # noqa: B023
        }[objective]()
        losses.append(level**2 * loss)
    return torch.cat(losses).mean()


@pytest.mark.parametrize("objective", ["denoising", "implicit", "sliced"])
def test_an_objective_is_the_mean_loss_of_noisy_examples_times_their_squared_levels(objective):
    x, label = rows(9, 1, 2, 2), torch.arange(9) % 3
    for classes in (None, 3):
        model, own = network(objective=objective, classes=classes), classes and label
        (found,) = model.objectives()
        assert found.name == f"{objective} score matching"
        value = found.loss(Batch(x, label), cpu(4))
        torch.testing.assert_close(value, expected(objective, model, x, own, seed=4))


@pytest.mark.parametrize("objective", ["denoising", "sliced", "implicit"])
def test_a_trained_network_points_along_the_exact_score_at_every_level(objective):
    toy, rng = data.ring(3, radius=1.0, std=0.2), cpu()
    x = toy.sample(2000, rng=rng).x
    settings = {
        "network": Dense(64, 64, smooth=True),
        "sigmas": (1.0, 0.5, 0.25),
        "objective": objective,
    }
    model = ScoreNetwork(2, rng=rng, **settings)
    settings = {"steps": 600, "batch_size": 256, "lr": 5e-3, "show_progress": False}
    fit(model, x, rng=rng, **settings)
    for sigma in (1.0, 0.5, 0.25):
        z = toy.smoothed(sigma).sample(1000, rng=rng).x
        exact, found = toy.smoothed(sigma).score(z), model.score(z, sigma).detach()
        left = (found - exact).square().sum() / exact.square().sum()
        assert left < 0.2  # of the squared length of the arrows; no arrows at all leave 1


class Known(ScoreNetwork):
    """A network that knows the score of a Gaussian of variance 1 around its label, exactly."""

    def score(self, x, sigma, label=None):
        """The exact score of the smoothed Gaussian."""
        centre = 0 if label is None else label[:, None]
        return (centre - x) / (1 + sigma**2)


def test_samples_have_the_exact_variance_of_the_last_chain_less_its_noise():
    chains, sigma, step_size = 20_000, 0.8, 1.5
    model = Known(1, sigmas=(2.0, sigma), rng=cpu())
    settings = {"steps": 40, "step_size": step_size, "rng": cpu(1)}
    x = model.sample(chains, **settings)
    smoothed = 1 + sigma**2
    settled = smoothed / (1 - step_size * sigma**2 / (4 * smoothed))
    exact = settled / smoothed**2  # shrunk towards 0 by 1 / (1 + sigma^2), not shaken again
    assert abs(x.mean()) < 5 * math.sqrt(exact / chains)
    assert abs(x.var() - exact) < 5 * exact * math.sqrt(2 / chains)


def test_unless_told_chains_make_20_steps_of_a_fifth_of_their_variance():
    model = Known(3, rng=cpu())
    told = model.sample(5, steps=20, step_size=0.2, rng=cpu(1))
    assert torch.equal(model.sample(5, rng=cpu(1)), told)


def test_samples_are_drawn_around_their_own_labels():
    model = Known(1, sigmas=(2.0, 0.1), classes=10, rng=cpu())
    label = torch.arange(10).repeat_interleave(500)
    x = model.sample(5000, label=label, steps=20, step_size=1.5, rng=cpu(1))
    means = x.view(10, 500).mean(1)
    assert ((means - torch.arange(10)).abs() < 5 * math.sqrt(8 / 500)).all()  # settled at 7.1


def test_chains_start_at_noise_of_the_first_level():
    model = Known(2, sigmas=(50.0, 1.0), rng=cpu())
    seen = []
    exact = model.score
    model.score = lambda x, sigma, label=None: seen.append(x) or exact(x, sigma)
    model.sample(1000, steps=1, rng=cpu(1))
    assert len(seen) == 3  # a step at each level, and the noise taken off
    assert torch.equal(seen[0], 50 * normal((1000, 2), cpu(1)))


def test_samples_of_pictures_stay_within_the_unit_interval_and_others_go_where_they_will():
    for shape, support in (((1, 2, 2), "unit"), (4, "real"), ((2, 2), "real")):
        model = Known(shape, rng=cpu())
        assert model.support == support
        x = model.sample(200, rng=cpu(1))
        assert (x.min() >= 0 and x.max() <= 1) == (support == "unit")
    assert Known((1, 2, 2), support="real", rng=cpu()).sample(50, rng=cpu()).min() < 0


def test_trained_networks_sample_the_modes_of_the_labels_asked_for():
    toy, rng = data.ring(3, radius=2.0, std=0.2), cpu()
    points = toy.sample(2000, rng=rng)
    levels = geometric_levels(4.0, 0.1, 8)
    model = ScoreNetwork(2, network=Dense(64, 64, smooth=True), sigmas=levels, classes=3, rng=rng)
    settings = {"steps": 500, "batch_size": 256, "show_progress": False}
    fit(model, points, rng=rng, **settings)
    label = torch.arange(3).repeat_interleave(100)
    x = model.sample(300, label=label, rng=rng)
    nearest = torch.cdist(x, toy.centres).argmin(1)
    assert (nearest == label).float().mean() > 0.95
    assert 0.1 < (x - toy.centres[label]).std() < 0.4
