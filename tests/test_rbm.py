"""Restricted Boltzmann machines against tables of all states, scikit-learn and autograd."""

import copy
import math
from itertools import islice, pairwise

import numpy as np
import pytest
import torch
from boltzmann import (
    close,
    cpu,
    fits,
    five_errors,
    joint,
    log_likelihood,
    numbers,
    scrambled,
    states,
    visible_states,
)
from sklearn.neural_network import BernoulliRBM

from genaug_lessons import data
from genaug_lessons.banks import PerClass, bank
from genaug_lessons.data import Batch, Dataset
from genaug_lessons.models.rbm import GAP, RBM, ContrastiveUpdate
from genaug_lessons.random import bernoulli, normal, uniform
from genaug_lessons.training import fit, training_steps

SETTINGS = {
    "lr": 0.1,
    "momentum": 0.0,
    "weight_decay": 0.0,
    "gibbs_steps": 1,
    "persistent_chains": 0,
}


KINDS = pytest.mark.parametrize("classes", [None, 3])


# --- energies


@KINDS
def test_energy_is_that_of_the_table_and_leaves_out_nothing(classes):
    model = scrambled(3, 2, classes=classes)
    v, h = visible_states(model), states(2)
    pairs = v.repeat_interleave(4, 0), h.repeat(len(v), 1)
    p = (-model.energy(*pairs)).softmax(0)
    close(p.view(len(v), 4), joint(model))


def test_energy_by_hand():
    model = RBM(2, 1, rng=cpu())
    with torch.no_grad():
        model.W[:], model.a[:], model.b[:] = torch.tensor([[1.0], [-2]]), torch.tensor([3.0, 5]), 7
    v = torch.tensor([[1.0, 0], [1, 1], [0, 1]])
    close(model.energy(v, torch.ones(3, 1)), [-11.0, -14, -10])
    close(model.energy(v, torch.zeros(3, 1)), [-3.0, -8, -5])
    close(model.free_energy(v[:1]), [-3 - math.log(1 + math.exp(8))], atol=1e-5)


@KINDS
def test_free_energies_sum_out_the_other_layer(classes):
    model = scrambled(classes=classes)
    v, h, p = visible_states(model), states(4), joint(model)
    close((-model.free_energy(v)).softmax(0), p.sum(1))
    close((-model.hidden_free_energy(h)).softmax(0), p.sum(0))
    energies = torch.stack([model.energy(v, each.expand(len(v), -1)) for each in h])
    close((-model.free_energy(v)).logsumexp(0), (-energies).logsumexp((0, 1)))
    close((-model.hidden_free_energy(h)).logsumexp(0), (-energies).logsumexp((0, 1)))


@KINDS
def test_conditionals_are_those_of_the_table(classes):
    model = scrambled(classes=classes)
    v, h, p = visible_states(model), states(4), joint(model)
    close(model.hidden_mean(v), (p / p.sum(1, keepdim=True)) @ h)
    close(model.visible_mean(h), (p / p.sum(0)).T @ v)


def in_sklearn(model):
    twin = BernoulliRBM(model.hidden, batch_size=7, random_state=0)
    twin.components_ = model.W.detach().numpy().T
    twin.intercept_hidden_ = model.b.detach().numpy()
    twin.intercept_visible_ = model.a.detach().numpy()
    return twin


def test_free_energy_and_features_are_those_of_scikit_learn():
    model, x = scrambled(8, 6), uniform((20, 8), cpu(1)).double()
    twin = in_sklearn(model)
    close(model.free_energy(x), twin._free_energy(x.numpy()))
    close(model.hidden_mean(x), twin.transform(x.numpy()))


# --- Gaussian visible units


def on_grid(span=12.0, count=241):
    """Places of the plane and the area that each stands for."""
    ticks = torch.linspace(-span, span, count, dtype=torch.float64)
    return torch.cartesian_prod(ticks, ticks), (2 * span / (count - 1)) ** 2


def test_gaussian_free_energies_integrate_out_the_other_layer():
    model = scrambled(2, 3, visible="gaussian")
    v, area = on_grid()
    h = states(3)
    energies = torch.stack([model.energy(v, each.expand(len(v), -1)) for each in h])  # (8, N)
    close(-model.free_energy(v), (-energies).logsumexp(0))
    close(-model.hidden_free_energy(h), (-energies).logsumexp(1) + math.log(area), atol=1e-8)
    p = (-energies).flatten().softmax(0).view_as(energies)
    close(model.visible_mean(h), (p @ v) / p.sum(1, keepdim=True), atol=1e-8)
    close(model.hidden_mean(v[::500]), (p / p.sum(0)).T[::500] @ h)
    spread = (p @ v.square()) / p.sum(1, keepdim=True) - model.visible_mean(h).square()
    close(spread, torch.ones(8, 2).double(), atol=1e-8)


def test_gaussian_units_are_drawn_around_their_mean_with_unit_variance_beside_a_label():
    model = scrambled(2, 3, visible="gaussian", classes=3)
    h = states(3)[5].expand(50_000, -1)
    v, mean = model.draw_visible(h, cpu()), model.visible_mean(h)[0].detach()
    five_errors(v.mean(0), mean, v.std(0) / len(v) ** 0.5)
    five_errors(v[:, :2].var(0), 1.0, (2 / len(v)) ** 0.5)
    assert (v[:, 2:].sum(1) == 1).all()


def test_gaussian_energy_beside_a_label_is_written_out():
    model = scrambled(2, 3, visible="gaussian", classes=2)
    x, y = normal((6, 2), cpu(1)).double(), torch.tensor([0, 1, 0, 1, 1, 0])
    h, v = states(3)[:6], model.to_visible(x, y)
    label = torch.eye(2).double()[y]
    exact = (
        0.5 * (x - model.a[:2]).square().sum(1)
        - label @ model.a[2:]
        - h @ model.b
        - torch.einsum("bi,ij,bj->b", v, model.W, h)
    )
    close(model.energy(v, h), exact)


# --- the chain


def kernel(model):
    """T(v, v') = sum_h p(h | v) p(v' | h) of binary units, from the joint table."""
    p = joint(model)
    return (p / p.sum(1, keepdim=True)) @ (p / p.sum(0)).T


def test_the_kernel_keeps_the_law_of_the_model_and_is_reversible():
    model = scrambled()
    T, p = kernel(model), joint(model).sum(1)
    close(T.sum(1), torch.ones(32).double())
    close(p @ T, p)
    close(p[:, None] * T, (p[:, None] * T).T)


@KINDS
@pytest.mark.parametrize("start", [0, 13])
def test_steps_of_the_chain_follow_the_kernel(classes, start):
    model = scrambled(4, 3, classes=classes)
    v = visible_states(model)
    rows = v[start].expand(40_000, -1)
    law = torch.eye(len(v)).double()[start]
    for found in islice(model.gibbs_chain(rows, rng=cpu()), 3):
        law = law @ kernel(model)
        drawn = (found[:, None] == v).all(2).double().argmax(1)
        assert fits(drawn.bincount(minlength=len(v)).double(), law)
    assert not found.requires_grad


def test_long_chains_visit_states_as_often_as_the_model_says():
    model = scrambled(4, 3)
    chain = model.gibbs_chain(torch.zeros(20_000, 4).double(), rng=cpu())
    end = next(islice(chain, 60, None))
    assert fits(numbers(end).bincount(minlength=16).double(), joint(model).sum(1))


def test_a_clamped_label_stays_while_the_rest_comes_to_its_law_given_the_label():
    model = scrambled(4, 3, classes=3)
    v, p = visible_states(model), joint(model).sum(1)
    for label in range(3):
        start = model.to_visible(torch.zeros(20_000, 4).double(), torch.full((20_000,), label))
        chain = model.gibbs_chain(start, clamp_label=True, rng=cpu(label))
        end = next(islice(chain, 60, None))
        assert torch.equal(end[:, 4:], start[:, 4:])
        own = v[:, 4 + label] == 1
        assert fits(numbers(end[:, :4]).bincount(minlength=16).double(), p[own] / p[own].sum())


# --- samples


@pytest.mark.parametrize("visible", ["binary", "gaussian"])
@KINDS
def test_samples_are_the_mean_of_the_visible_units_at_the_end_of_a_chain(classes, visible):
    model = scrambled((1, 2, 3), 4, classes=classes, visible=visible).float()
    rng, shape = cpu(3), (5, 6)
    label = None if classes is None else torch.tensor([2, 0, 1, 1, 0])
    noise = normal(shape, rng)
    noise = noise if visible == "gaussian" else (noise >= 0).float()
    v = model.to_visible(noise, label)
    for _ in range(2):
        clamped = None if label is None else v[:, 6:]
        v = model.draw_visible(model.draw_hidden(v, rng), rng, clamped)
    mean = model.visible_mean(model.draw_hidden(v, rng))[:, :6].view(5, 1, 2, 3)
    found = model.sample(5, label=label, gibbs_steps=3, rng=cpu(3))
    assert torch.equal(found, mean)
    assert not found.requires_grad


def test_long_chains_end_in_samples_of_the_models_mean_given_the_label():
    model = scrambled(4, 3, classes=2).float()
    v, p = visible_states(model), joint(model.double()).sum(1)
    for label in range(2):
        own = v[:, 4 + label] == 1
        mean = (p[own] / p[own].sum()) @ v[own, :4]
        x = model.float().sample(20_000, label=label, gibbs_steps=60, rng=cpu(label))
        five_errors(x.mean(0), mean, x.std(0) / len(x) ** 0.5)


def test_examples_and_labels_become_visible_units_and_come_back():
    model = scrambled((1, 2, 2), 3, classes=3)
    x, y = uniform((5, 1, 2, 2), cpu()).double(), torch.tensor([0, 2, 1, 1, 0])
    v = model.to_visible(x, y)
    assert torch.equal(v, torch.cat([x.view(5, 4), torch.eye(3).double()[y]], 1))
    assert torch.equal(model.to_examples(v), x)


# --- the gradient


@KINDS
def test_gradient_of_the_likelihood_is_data_moments_less_model_moments(classes):
    model = scrambled(classes=classes)
    v, p = visible_states(model), joint(model).sum(1)
    rows = v[torch.randint(len(v), (9,), generator=cpu())]
    found = torch.autograd.grad(log_likelihood(model, rows), list(model.parameters()))
    h, h_rows = model.hidden_mean(v), model.hidden_mean(rows)
    close(found[0], rows.T @ h_rows / 9 - v.T @ (p[:, None] * h))
    close(found[1], rows.mean(0) - p @ v)
    close(found[2], h_rows.mean(0) - p @ h)


def test_gradients_of_free_energies_are_right():
    model = scrambled(3, 2, classes=2, visible="gaussian")
    v, h = normal((4, 5), cpu()).double(), uniform((4, 2), cpu(1)).double()

    def energies(W, a, b):
        given = dict(zip(("W", "a", "b"), (W, a, b), strict=True))
        twin = copy.copy(model)
        twin._parameters = given
        return twin.free_energy(v), twin.hidden_free_energy(h), twin.energy(v, h)

    parameters = [each.detach().clone().requires_grad_() for each in model.parameters()]
    assert torch.autograd.gradcheck(energies, parameters)


class Recorded(ContrastiveUpdate):
    """Keeps what the step is made of."""

    def _ascend(self, v, weighted_h, weight):
        self.v, self.h, self.weight = v, weighted_h / weight[:, None], weight
        super()._ascend(v, weighted_h, weight)


def one_update(model, rows, y=None, seed=0, update=None, **settings):
    """The update made, with what it was made of, its loss, and the steps of the parameters."""
    update = update or Recorded(model, **{**SETTINGS, **settings})
    before = [each.detach().clone() for each in model.parameters()]
    loss = update(Batch(rows, y), cpu(seed))[GAP]
    steps = [now.detach() - old for now, old in zip(model.parameters(), before, strict=True)]
    return update, loss, steps


@pytest.mark.parametrize("chains", [0, 7])
@pytest.mark.parametrize("steps", [1, 3])
@pytest.mark.parametrize("visible", ["binary", "gaussian"])
@KINDS
def test_update_is_the_gradient_of_the_free_energy_gap(classes, visible, steps, chains):
    model = scrambled(classes=classes, visible=visible)
    still = copy.deepcopy(model)
    x = states(5)[:9] if visible == "binary" else normal((9, 5), cpu(1)).double()
    y = None if classes is None else torch.arange(9) % 3
    update, loss, moved = one_update(model, x, y, gibbs_steps=steps, persistent_chains=chains)
    rows, ends = update.v[:9], update.v[9:]
    assert len(ends) == (chains or 9)
    close(rows, still.to_visible(x, y))
    gap = still.free_energy(rows).mean() - still.free_energy(ends).mean()
    close(loss, gap)
    slopes = torch.autograd.grad(gap, list(still.parameters()))
    for step, slope in zip(moved, slopes, strict=True):
        close(step, -0.1 * slope)


@pytest.mark.parametrize("steps", [1, 2, 5])
def test_mean_update_of_cd_k_is_the_exact_one(steps):
    model = scrambled(4, 3)
    v, T, rows = states(4), kernel(model), states(4)[torch.tensor([3, 3, 9, 14])]
    law = numbers(rows).bincount(minlength=16).double() / 4 @ torch.matrix_power(T, steps)
    h, h_rows = model.hidden_mean(v), model.hidden_mean(rows)
    exact = rows.T @ h_rows / 4 - v.T @ (law[:, None] * h)
    many = rows.repeat(10_000, 1)
    update, _, moved = one_update(copy.deepcopy(model), many, gibbs_steps=steps)
    close(moved[0], 0.1 * (update.v.T @ (update.weight[:, None] * update.h)))
    ends, means = update.v[40_000:], update.h[40_000:]
    products = ends[:, :, None] * means[:, None]
    five_errors(moved[0] / 0.1, exact, products.std(0) / 200)
    start = rows.repeat(10_000, 1)[:, :, None] * h_rows.repeat(10_000, 1)[:, None]
    assert (start.mean(0) - products.mean(0)).abs().max() > 0.1  # the chain has left the data


def test_bias_of_cd_falls_as_the_second_eigenvalue_of_the_chain():
    model = scrambled(scale=0.7)
    v, T, p = states(5), kernel(model), joint(model).sum(1)
    start = torch.zeros(32).double()
    start[[3, 17, 30]] = 1 / 3
    h = model.hidden_mean(v)

    def bias(steps):
        law = start @ torch.matrix_power(T, steps)
        return (v.T @ ((law - p)[:, None] * h)).norm().item()

    second = np.sort(np.linalg.eigvals(T.detach().numpy()).real)[-2]
    assert bias(9) / bias(8) == pytest.approx(second, rel=1e-2)
    assert bias(1) > 10 * bias(5) > 0


# --- persistent chains


def test_chains_survive_a_batch_and_start_at_the_first_ones_rows():
    model, rows = scrambled(20, 4, scale=3.0), (uniform((3, 20), cpu(1)) < 0.5).double()
    update, _, _ = one_update(model, rows, persistent_chains=6, lr=1e-9)
    first = update.chains
    assert first.shape == (6, 4) and set(first.unique().tolist()) <= {0.0, 1.0}
    twin = copy.deepcopy(model)
    other = 1 - rows
    one_update(model, other, seed=5, update=update)
    rng = cpu(5)
    bernoulli(other, rng)  # what the batch itself draws
    expected = twin.draw_visible(first, rng)
    close(update.v[3:], expected)


def test_cd_keeps_no_chains():
    update, _, _ = one_update(scrambled(), states(5)[:4])
    assert update.chains is None


def test_chains_start_at_the_rows_of_the_first_batch_in_turn():
    model = scrambled(8, 8, scale=0.0)
    model.W.data += 100 * torch.eye(8).double()
    model.a.data -= 50
    model.b.data -= 50
    rows = states(8)[[3, 200, 77]]
    update, _, _ = one_update(model, rows, persistent_chains=5)
    assert torch.equal(update.v[3:], rows[[0, 1, 2, 0, 1]])
    one_update(model, 1 - rows, update=update, lr=0.0)
    assert torch.equal(update.v[3:], rows[[0, 1, 2, 0, 1]])  # whatever the batch, they go on
    assert torch.equal(update.chains, rows[[0, 1, 2, 0, 1]])


def test_persistent_chains_of_a_model_that_stays_come_to_its_law():
    model = scrambled(4, 3)
    update = Recorded(model, **{**SETTINGS, "persistent_chains": 20_000})
    update.set_rates({GAP: 0.0})
    before, rows = copy.deepcopy(model.state_dict()), torch.zeros(2, 4).double()
    rng, p = cpu(), joint(model)
    for step in range(60):
        update(Batch(rows), rng)
        if step == 0:
            assert not fits(numbers(update.chains).bincount(minlength=8).double(), p.sum(0))
    assert fits(numbers(update.v[2:]).bincount(minlength=16).double(), p.sum(1))
    assert fits(numbers(update.chains).bincount(minlength=8).double(), p.sum(0))
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


# --- grey pixels, momentum, decay, rates


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32, torch.float64], ids=str)
def test_a_chance_of_0_never_comes_true_and_one_of_1_always_does(dtype):
    chances = torch.tensor([0.0, 1.0], dtype=dtype).expand(100_000, -1)
    assert torch.equal(bernoulli(chances, cpu()), chances)
    coarse = torch.empty(100_000, dtype=torch.bfloat16).uniform_(generator=cpu())
    assert (coarse == 0).sum() > 100  # the type in which the draw is exactly 0 every so often


def test_grey_values_are_drawn_anew_as_chances_and_black_and_white_stay():
    model = scrambled(6, 3)
    grey = torch.tensor([0.0, 0.1, 0.5, 0.9, 1.0, 1.0]).double()
    update, _, _ = one_update(model, grey.expand(20_000, -1))
    rows = update.v[:20_000]
    assert set(rows.unique().tolist()) == {0.0, 1.0}
    five_errors(rows.mean(0), grey, (grey * (1 - grey) / 20_000).sqrt() + 1e-12)
    again = update.v
    one_update(model, grey.expand(20_000, -1), seed=1, update=update)
    assert not torch.equal(update.v, again)


def test_real_values_are_taken_as_they_are():
    model, x = scrambled(6, 3, visible="gaussian"), normal((5, 6), cpu(1)).double()
    update, _, _ = one_update(model, x)
    assert torch.equal(update.v[:5], x)


def test_momentum_and_decay_are_those_of_the_practical_guide():
    model, rows = scrambled(), states(5)[:8]
    settings = {"momentum": 0.7, "weight_decay": 0.3, "lr": 0.2}
    update, velocity = None, [torch.zeros_like(each) for each in model.parameters()]
    for seed in range(3):
        W = model.W.detach().clone()
        update, _, moved = one_update(model, rows, seed=seed, update=update, **settings)
        weighted = update.weight[:, None] * update.h
        slopes = [update.v.T @ weighted, update.weight @ update.v, weighted.sum(0)]
        slopes[0] = slopes[0] - 0.3 * W
        velocity = [0.7 * old + 0.2 * slope for old, slope in zip(velocity, slopes, strict=True)]
        for step, expected in zip(moved, velocity, strict=True):
            close(step, expected)


def test_decay_without_momentum_shrinks_the_weights_as_they_stood_and_not_the_biases():
    model, plain = scrambled(), scrambled()
    _, _, moved = one_update(model, states(5)[:8], weight_decay=0.3)
    W = plain.W.detach().clone()
    _, _, expected = one_update(plain, states(5)[:8])
    close(moved[0], expected[0] - 0.1 * 0.3 * W)
    for found, exact in zip(moved[1:], expected[1:], strict=True):
        close(found, exact)


def test_a_falling_rate_is_the_trainers():
    model = RBM(5, 4, rng=cpu())
    of = Dataset(states(5).float(), support="binary")
    rates, training = (
        [],
        training_steps(model, of, steps=10, lr=0.2, schedule="cosine", rng=cpu()),
    )
    for _ in training:
        rates.append(training.update.lr)
    exact = [0.2 * 0.5 * (1 + math.cos(math.pi * step / 10)) for step in range(10)]
    assert rates == pytest.approx(exact)
    assert all(later < earlier for earlier, later in pairwise(rates))
    assert training.rates == {GAP: 0.2}


def test_training_starts_from_small_weights_and_no_biases():
    model = RBM(200, 100, rng=cpu())
    assert model.W.std().item() == pytest.approx(0.01, rel=0.02)
    assert abs(model.W.mean()) < 5 * 0.01 / 20_000**0.5
    assert model.a.abs().sum() == model.b.abs().sum() == 0


def test_settings_of_training_are_those_that_work_on_digits():
    chosen = training_steps(RBM(2, 1, rng=cpu()), torch.ones(3, 2), steps=1, rng=cpu())
    assert (chosen.update.gibbs_steps, chosen.update.persistent_chains) == (1, 64)
    assert (chosen.update.lr, chosen.update.momentum, chosen.update.weight_decay) == (0.05, 0, 0)


# --- learning


def total_log_likelihood(model, x):
    model = copy.deepcopy(model).double()
    return len(x) * log_likelihood(model, model.to_visible(x.double())).item()


def most(x):
    """The greatest total log-likelihood that any distribution can give to rows: theirs."""
    counts = x.unique(dim=0, return_counts=True)[1].double()
    return (counts * (counts / counts.sum()).log()).sum().item()


def test_bars_and_stripes_and_the_shifting_bar_have_the_optima_of_the_literature():
    assert most(data.bars_and_stripes(3).x) == pytest.approx(-41.589, abs=1e-3)
    assert most(data.bars_and_stripes(4).x) == pytest.approx(-108.131, abs=1e-3)
    assert most(torch.eye(9)) == pytest.approx(-19.775, abs=1e-3)


@pytest.mark.parametrize(
    ("settings", "least"),
    [
        ({"gibbs_steps": 10, "persistent_chains": 0, "lr": 0.3}, -60.0),
        ({"persistent_chains": 64, "lr": 0.3, "schedule": "cosine"}, -60.0),
    ],
    ids=["CD-10", "persistent CD"],
)
def test_learning_comes_near_the_optimum_of_bars_and_stripes_and_never_above(settings, least):
    of = data.bars_and_stripes(3)
    model = RBM(of.shape, 9, rng=cpu())
    start = total_log_likelihood(model, of.x)
    fit(
        model, of, steps=2500, batch_size=16, rng=cpu(), show_progress=False,
        weight_decay=0.0, **settings,
    )  # fmt: skip
    found = total_log_likelihood(model, of.x)
    assert start == pytest.approx(-16 * 9 * math.log(2), abs=0.5)
    assert least < found <= most(of.x)


def test_a_gaussian_rbm_learns_the_mean_and_the_direction_of_its_data():
    rng = cpu(1)
    side = torch.where(uniform((2000, 1), rng) < 0.5, -1.0, 1.0)
    x = side * torch.tensor([1.5, 0.0]) + torch.tensor([0.3, -0.4]) + normal((2000, 2), rng)
    model = RBM(2, 4, visible="gaussian", rng=cpu())
    settings = {"lr": 0.05, "schedule": "cosine", "batch_size": 200, "persistent_chains": 200}
    fit(model, Dataset(x), steps=1500, rng=cpu(), show_progress=False, **settings)
    v = torch.zeros(5000, 2)
    end = next(islice(model.gibbs_chain(v, rng=cpu()), 100, None))
    close(end.mean(0), x.mean(0), atol=0.2)
    close(end.var(0), x.var(0), rtol=0.15, atol=0)


def test_a_bank_of_an_rbm_with_label_units_holds_what_its_labels_say():
    y = torch.arange(300) % 3
    x = torch.eye(3)[y].repeat_interleave(3, 1)
    of = Dataset(x, y, 3, "binary")
    model = RBM(9, 8, classes=3, rng=cpu())
    settings = {"lr": 0.2, "weight_decay": 1e-3, "schedule": "cosine"}
    fit(model, of, steps=600, rng=cpu(), show_progress=False, **settings)
    made = bank(model, per_class=50, rng=cpu())
    assert made.support == "unit"
    right = made.x.view(-1, 3, 3).mean(2).argmax(1) == made.y
    assert right.float().mean() > 0.8  # a guess has 0.33
    each = PerClass(lambda: RBM(9, 4, rng=cpu()), classes=3)
    fit(each, of, steps=400, rng=cpu(), show_progress=False, **settings)
    made = bank(each, per_class=50, rng=cpu())
    assert (made.x.view(-1, 3, 3).mean(2).argmax(1) == made.y).float().mean() > 0.8
