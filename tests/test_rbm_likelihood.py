"""Likelihoods of restricted Boltzmann machines against tables of all states and scikit-learn."""

import copy
import math

import pytest
import torch
from boltzmann import (
    close,
    cpu,
    fits,
    five_errors,
    joint,
    numbers,
    scrambled,
    states,
    visible_states,
)

from genaug_lessons.models.rbm import (
    Annealed,
    annealed_log_partition,
    base_rates,
    exact_states,
    likelihood,
    log_likelihood,
    log_partition,
    reverse_annealed_log_partition,
)
from genaug_lessons.random import normal

KINDS = pytest.mark.parametrize(
    ("classes", "visible"),
    [(None, "binary"), (3, "binary"), (None, "gaussian"), (3, "gaussian")],
)


def literal(model):
    """log of the sum over all pairs of states of binary units."""
    v, h = visible_states(model), states(model.hidden)
    energies = [model.energy(v, each.expand(len(v), -1)) for each in h]
    return (-torch.stack(energies)).logsumexp((0, 1))


# --- exact


@pytest.mark.parametrize("classes", [None, 3])
@pytest.mark.parametrize(("visible", "hidden"), [(8, 6), (6, 8), (12, 3), (3, 12)])
def test_log_partition_is_the_same_in_both_orders_and_that_of_all_pairs(visible, hidden, classes):
    model = scrambled(visible, hidden, classes=classes)
    exact = literal(model)
    close(log_partition(model, layer="hidden"), exact)
    close(log_partition(model, layer="visible"), exact)
    close(log_partition(model), exact)


def test_unless_told_the_smaller_layer_is_counted(monkeypatch):
    monkeypatch.setattr(likelihood, "MOST", 4)
    for shape in ((20, 4), (4, 20)):
        assert log_partition(scrambled(*shape)).isfinite()
    assert log_partition(scrambled(2, 4, visible="gaussian")).isfinite()


def test_log_partition_of_gaussian_units_is_an_integral():
    model = scrambled(2, 3, visible="gaussian")
    ticks = torch.linspace(-12, 12, 241, dtype=torch.float64)
    v = torch.cartesian_prod(ticks, ticks)
    close(log_partition(model), (-model.free_energy(v)).logsumexp(0) + math.log(0.01), atol=1e-8)


def test_log_partition_without_weights_is_known():
    model = scrambled(7, 5)
    model.W.data.zero_()
    exact = model.a.exp().log1p().sum() + model.b.exp().log1p().sum()
    close(log_partition(model), exact)


def test_log_partition_of_float32_is_summed_in_float64():
    model = scrambled(30, 14, scale=0.5).float()
    found = log_partition(model)
    assert found.dtype == torch.float64
    close(found, log_partition(model.double()), atol=1e-4)


def test_gradient_of_the_exact_likelihood_is_right():
    model, x = scrambled(3, 2, classes=2), states(3)[[1, 6, 6]]
    y = torch.tensor([0, 1, 1])

    def mean(W, a, b):
        twin = copy.copy(model)
        twin._parameters = {"W": W, "a": a, "b": b}
        return log_likelihood(twin, x, y, log_z=log_partition(twin)).mean()

    parameters = [each.detach().clone().requires_grad_() for each in model.parameters()]
    assert torch.autograd.gradcheck(mean, parameters)


@pytest.mark.parametrize("classes", [None, 3])
def test_likelihoods_are_those_of_the_table_and_sum_to_one(classes):
    model = scrambled(classes=classes)
    v, log_z = visible_states(model), log_partition(model)
    label = None if classes is None else v[:, 5:].argmax(1)
    found = log_likelihood(model, v[:, :5], label, log_z=log_z)
    close(found.exp(), joint(model).sum(1))
    close(found.exp().sum(), 1.0 + 0 * log_z)


def test_gaussian_densities_integrate_to_one():
    model = scrambled(2, 3, visible="gaussian")
    ticks = torch.linspace(-12, 12, 241, dtype=torch.float64)
    x = torch.cartesian_prod(ticks, ticks)
    total = log_likelihood(model, x, log_z=log_partition(model)).exp().sum() * 0.01
    assert total.item() == pytest.approx(1, abs=1e-8)


@pytest.mark.parametrize("classes", [None, 3])
def test_exact_states_are_draws_of_the_model(classes):
    model = scrambled(4, 3, classes=classes)
    found, v = exact_states(model, 40_000, rng=cpu()), visible_states(model)
    drawn = (found[:, None] == v).all(2).double().argmax(1)
    assert fits(drawn.bincount(minlength=len(v)).double(), joint(model).sum(1))


def test_exact_states_of_several_blocks_are_draws_of_the_model(monkeypatch):
    monkeypatch.setattr(likelihood, "BLOCK", 3)
    model = scrambled(4, 3)
    found = numbers(exact_states(model, 40_000, rng=cpu())).bincount(minlength=16)
    assert fits(found.double(), joint(model).sum(1))


# --- annealed


def few(count=6):
    return torch.linspace(0, 1, count)


def biases(model):
    return 0.7 * normal(tuple(model.a.shape), cpu(5)).double()


@KINDS
@pytest.mark.parametrize("own", [True, False])
def test_annealing_estimates_z_without_bias_and_log_z_from_below(classes, visible, own):
    model = scrambled(4, 3, scale=0.6, classes=classes, visible=visible)
    log_z = log_partition(model).detach()
    base = None if own else biases(model)
    found = annealed_log_partition(model, runs=20_000, betas=few(), base=base, rng=cpu())
    ratios = (found.runs - log_z).exp()
    five_errors(ratios.mean(), 1.0, ratios.std() / 20_000**0.5)
    logs = found.runs - log_z
    assert logs.mean() < -5 * logs.std() / 20_000**0.5


@KINDS
def test_annealing_backwards_estimates_one_over_z_and_log_z_from_above(classes, visible):
    model = scrambled(4, 3, scale=0.6, classes=classes, visible=visible)
    log_z, v = log_partition(model).detach(), exact_states(model, 20_000, rng=cpu(1))
    found = reverse_annealed_log_partition(model, v, betas=few(), base=biases(model), rng=cpu())
    ratios = (log_z - found.runs).exp()
    five_errors(ratios.mean(), 1.0, ratios.std() / 20_000**0.5)
    logs = found.runs - log_z
    assert logs.mean() > 5 * logs.std() / 20_000**0.5


def test_few_runs_from_both_sides_hold_log_z_between_them_on_average():
    model = scrambled(6, 5)
    log_z, rng = log_partition(model).item(), cpu()
    below, above = [], []
    for _ in range(300):
        below.append(annealed_log_partition(model, runs=2, betas=few(), rng=rng).log_z)
        v = exact_states(model, 2, rng=rng)
        above.append(reverse_annealed_log_partition(model, v, betas=few(), rng=rng).log_z)
    below, above = torch.tensor(below) - log_z, torch.tensor(above) - log_z
    assert below.mean() < -3 * below.std() / 300**0.5
    assert above.mean() > 3 * above.std() / 300**0.5


def test_more_betas_make_the_runs_agree():
    model = scrambled(6, 5)
    spreads = [
        annealed_log_partition(model, runs=2000, betas=few(count), rng=cpu()).runs.std()
        for count in (2, 11, 101)
    ]
    assert spreads[0] > 2 * spreads[1] > 4 * spreads[2]


def test_two_betas_weigh_states_of_the_base_by_hand():
    model, base = scrambled(4, 3), biases(scrambled(4, 3))
    found = annealed_log_partition(model, runs=50, betas=few(2), base=base, rng=cpu())
    start = copy.deepcopy(model)
    start.W.data.zero_()
    start.b.data.zero_()
    start.a.data.copy_(base)
    v = start.draw_visible(torch.zeros(50, 3).double(), cpu())
    log_base = base.exp().log1p().sum() + 3 * math.log(2)
    close(found.runs, log_base - model.free_energy(v) - v @ base - 3 * math.log(2))


def test_a_base_that_is_the_model_needs_no_annealing():
    model = scrambled(4, 3)
    model.W.data.zero_()
    model.b.data.zero_()
    found = annealed_log_partition(model, runs=5, betas=few(2), rng=cpu())
    close(found.runs, log_partition(model).expand(5))
    assert (found.log_z, found.error) == (
        pytest.approx(log_partition(model).item()),
        pytest.approx(0, abs=1e-12),
    )


def test_estimate_and_error_are_those_of_the_mean_of_the_runs():
    model = scrambled(6, 5)
    found = annealed_log_partition(model, runs=400, betas=few(), rng=cpu())
    weights = found.runs.exp()
    assert found.log_z == pytest.approx(weights.mean().log().item())
    assert found.error == pytest.approx((weights.std() / weights.mean() / 20).item())
    v = exact_states(model, 400, rng=cpu())
    found = reverse_annealed_log_partition(model, v, betas=few(), rng=cpu())
    weights = (-found.runs).exp()
    assert found.log_z == pytest.approx(-weights.mean().log().item())
    assert found.error == pytest.approx((weights.std() / weights.mean() / 20).item())


def test_the_error_is_how_far_repeated_estimates_scatter():
    model, rng = scrambled(6, 5, scale=0.7), cpu()
    found = [annealed_log_partition(model, runs=200, betas=few(), rng=rng) for _ in range(200)]
    scatter = torch.tensor([each.log_z for each in found]).std().item()
    assert scatter == pytest.approx(sum(each.error for each in found) / 200, rel=0.25)


def test_large_estimates_do_not_overflow():
    model = scrambled(6, 5).float()
    model.a.data += 100
    found = annealed_log_partition(model, runs=10, rng=cpu())
    close(torch.tensor(found.log_z), log_partition(model).float(), atol=0.1)
    assert math.isfinite(found.error)


def test_annealing_leaves_the_model_alone_and_follows_the_generator():
    model = scrambled(6, 5)
    before = copy.deepcopy(model.state_dict())
    first, again, other = (
        annealed_log_partition(model, betas=few(), rng=cpu(seed)) for seed in (0, 0, 1)
    )
    assert torch.equal(first.runs, again.runs) and len(first.runs) == 100
    assert not torch.equal(first.runs, other.runs)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert isinstance(first, Annealed) and not first.runs.requires_grad


def test_a_thousand_betas_are_used_unless_told(monkeypatch):
    seen = []
    temper = likelihood._temper

    def counted(between, model, beta, base):
        seen.append(beta)
        temper(between, model, beta, base)

    monkeypatch.setattr(likelihood, "_temper", counted)
    annealed_log_partition(scrambled(2, 2), runs=2, rng=cpu())
    assert sorted(set(seen)) == pytest.approx(torch.linspace(0, 1, 1001).tolist())


@KINDS
def test_base_rates_give_a_model_without_weights_the_means_of_the_data(classes, visible):
    model = scrambled(5, 3, classes=classes, visible=visible)
    x = (normal((4000, 5), cpu()) > torch.linspace(-1, 1, 5)).double()
    y = None if classes is None else (torch.arange(4000) % 5).clamp_max(2)
    model.W.data.zero_()
    model.a.data.copy_(base_rates(model, x, y))
    means = model.visible_mean(torch.zeros(1, 3).double())[0]
    close(means, model.to_visible(x, y).mean(0), atol=1e-3)
    assert base_rates(model, 0 * x, y).isfinite().all()


# --- pictures


@pytest.mark.parametrize("classes", [None, 3])
def test_pictures_have_the_likelihoods_of_their_pixels_in_a_row(classes):
    model, flat = scrambled((1, 2, 3), 3, classes=classes), scrambled(6, 3, classes=classes)
    x, log_z = states(6)[:41], log_partition(flat)
    y = None if classes is None else torch.arange(41) % 3
    pictures = x.view(41, 1, 2, 3)
    close(log_partition(model), log_z)
    of_pictures, of_rows = (
        log_likelihood(m, rows, y, log_z=log_z) for m, rows in ((model, pictures), (flat, x))
    )
    close(of_pictures, of_rows)
    close(base_rates(model, pictures, y), base_rates(flat, x, y))
