"""Deep belief networks against tables of all states: the bound, the stack, samples, fine-tuning."""

import copy

import pytest
import torch
from boltzmann import close, cpu, fits, five_errors, joint, numbers, states
from torch import nn

from genaug_lessons import data
from genaug_lessons.banks import bank
from genaug_lessons.data import Batch, Dataset, Leak
from genaug_lessons.models.classifier import Classifier
from genaug_lessons.models.dbn import DBN, StackUpdate, fit_greedily, transpose_into
from genaug_lessons.models.rbm import GAP, log_likelihood, log_partition
from genaug_lessons.nn import Dropout
from genaug_lessons.random import bernoulli, normal, uniform
from genaug_lessons.training import fit, training_steps

SETTINGS = {
    "lr": 0.1,
    "momentum": 0.0,
    "weight_decay": 0.0,
    "gibbs_steps": 1,
    "persistent_chains": 0,
}


def scrambled(shape=5, hidden=(4, 3), scale=1.0, seed=9, **settings):
    """A DBN in float64 with every parameter drawn anew."""
    model, rng = DBN(shape, hidden, rng=cpu(), **settings), cpu(seed)
    for parameter in model.parameters():
        parameter.data = scale * normal(tuple(parameter.shape), rng)
    return model.double()


def on(model, **settings):
    """A classifier of ten labels on the way up."""
    given = {"shape": model.shape, "classes": 10, "seen": model.seen, **settings}
    return Classifier.on(model.encoder(), rng=cpu(), **given)


def down(layer):
    """p(v | h) of all states of an RBM, (2^V, 2^H), from its joint table."""
    p = joint(layer)
    return p / p.sum(0)


def exact(model):
    """p(v), or p(v, label) row by row as `visible_states` of the top, of binary layers."""
    p = joint(model.top).sum(1)
    if model.classes is not None:
        p = p.view(-1, model.classes)
    for layer in reversed(model.layers[:-1]):
        p = down(layer) @ p
    return p


def exact_bound(model, label=None):
    """E_q of the log weights of all v by enumeration of the layers between, for two or three."""
    v, log_z = states(model.layers[0].size), log_partition(model.top)
    total = torch.zeros(len(v)).double()
    for row, each in enumerate(v):
        paths = [([each[None]], torch.ones(1).double())]
        for layer in model.layers[:-1]:
            h, longer = states(layer.hidden), []
            for path, chance in paths:
                mean = layer.hidden_mean(path[-1])
                q = (h * mean + (1 - h) * (1 - mean)).prod(1)
                longer += [([*path, state[None]], chance * q[i]) for i, state in enumerate(h)]
            paths = longer
        for path, chance in paths:
            total[row] += (chance * model.log_weight(path, label, log_z=log_z)).sum().detach()
    return total


# --- the bound


def test_log_weight_is_the_joint_over_the_guess_written_out():
    model, log_z = scrambled(hidden=(4, 3, 2)), log_partition(scrambled(hidden=(4, 3, 2)).top)
    v, h1, h2 = states(5)[7:9], states(4)[[3, 12]], states(3)[[5, 1]]
    q1, q2 = model.layers[0].hidden_mean(v), model.layers[1].hidden_mean(h1)
    p0, p1 = model.layers[0].visible_mean(h1), model.layers[1].visible_mean(h2)

    def log_p(x, mean):
        return (x * mean.log() + (1 - x) * (1 - mean).log()).sum(1)

    up, below = log_p(h1, q1) + log_p(h2, q2), log_p(v, p0) + log_p(h1, p1)
    top = -model.top.free_energy(h2) - log_z
    close(model.log_weight([v, h1, h2], log_z=log_z), below + top - up)


@pytest.mark.parametrize("hidden", [(4, 3), (3, 2, 3)])
def test_the_bound_is_below_the_exact_likelihood(hidden):
    model = scrambled(4, hidden)
    gap = exact(model).log() - exact_bound(model)
    assert gap.min() > 0
    assert exact(model).sum().item() == pytest.approx(1)


def test_an_rbm_more_on_top_turned_around_leaves_the_likelihood_and_makes_the_bound_equal():
    model = scrambled(8, (6, 8))
    transpose_into(model.layers[0], model.top)
    log_p = log_likelihood(model.layers[0], states(8), log_z=log_partition(model.layers[0]))
    v = states(8)
    found = model.variational_bound(v, log_z=log_partition(model.top), draws=1, rng=cpu())
    close(found, log_p)  # whatever q draws
    close(exact(model).log(), log_p, atol=1e-8)


def test_training_the_top_raises_the_bound_for_the_data():
    model = scrambled(4, (3, 4))
    transpose_into(model.layers[0], model.top)
    rows, before = [2, 3, 9, 14], exact_bound(model)
    h, q = states(3), model.layers[0].hidden_mean(states(4)[rows])
    chances = (h * q[:, None] + (1 - h) * (1 - q[:, None])).prod(2).mean(0).detach()
    below = copy.deepcopy(model.layers[0].state_dict())
    optimizer = torch.optim.SGD(model.top.parameters(), lr=0.1)
    for _ in range(50):
        optimizer.zero_grad()
        loss = -(chances * log_likelihood(model.top, h, log_z=log_partition(model.top))).sum()
        loss.backward()
        optimizer.step()
    after = exact_bound(model)
    assert after[rows].mean() > before[rows].mean() + 0.01
    assert exact(model).log()[rows].mean() > after[rows].mean()
    assert all(
        torch.equal(value, below[name]) for name, value in model.layers[0].state_dict().items()
    )


@pytest.mark.parametrize("classes", [None, 2])
def test_the_bounds_estimate_is_unbiased(classes):
    model = scrambled(4, (3, 2), classes=classes)
    label = None if classes is None else torch.ones(20_000, dtype=torch.int64)
    log_z = log_partition(model.top)
    one = None if classes is None else label[:1]
    expected = exact_bound(model, one)
    for row in (3, 12):
        x = states(4)[row].expand(20_000, -1)
        found = model.variational_bound(x, label, log_z=log_z, draws=2, rng=cpu(row))
        five_errors(found.mean(), expected[row], found.std() / 20_000**0.5)
        single = model.variational_bound(x, label, log_z=log_z, draws=1, rng=cpu(row))
        assert found.std() < 0.8 * single.std()
    if classes is not None:
        assert (exact(model)[:, 1].log() >= expected).all()


def test_the_bound_of_gaussian_units_is_below_the_exact_density():
    model = scrambled(2, (3, 2), scale=0.7, visible="gaussian")
    x, h = normal((20, 2), cpu()).double(), states(3)
    p = joint(model.top).sum(1)
    mean = model.layers[0].visible_mean(h)
    density = (-0.5 * (x[:, None] - mean).square().sum(2)).exp() / (2 * torch.pi) @ p
    log_z = log_partition(model.top)
    found = model.variational_bound(x, log_z=log_z, draws=500, rng=cpu())
    assert (found < density.log()).all()
    q = model.layers[0].hidden_mean(x)
    chances = (h * q[:, None] + (1 - h) * (1 - q[:, None])).prod(2)
    weights = torch.stack(
        [model.log_weight([x, each.expand(20, -1)], log_z=log_z) for each in h], 1
    )
    close((chances * weights.exp()).sum(1).log(), density.log(), atol=1e-8)


# --- samples


@pytest.mark.parametrize("hidden", [(3,), (3, 2), (3, 3, 2)])
def test_samples_are_the_stacks_own_law(hidden):
    model = scrambled(4, hidden)
    x = bernoulli(model.sample(40_000, gibbs_steps=60, rng=cpu()).double(), cpu(1))
    assert fits(numbers(x).bincount(minlength=16).double(), exact(model))


def test_samples_of_a_label_follow_the_law_given_the_label():
    model = scrambled(4, (3, 2), classes=2)
    p = exact(model)
    for label in range(2):
        x = model.sample(40_000, label=label, gibbs_steps=60, rng=cpu(label)).double()
        counts = numbers(bernoulli(x, cpu(5))).bincount(minlength=16).double()
        assert fits(counts, p[:, label] / p[:, label].sum())


def test_samples_are_means_given_one_draw_of_the_layer_above():
    model = scrambled((1, 2, 3), (4, 3)).float()
    rng = cpu(2)
    h = bernoulli(model.top.sample(5, gibbs_steps=7, rng=rng), rng)
    found = model.sample(5, gibbs_steps=7, rng=cpu(2))
    assert torch.equal(found, model.layers[0].visible_mean(h).view(5, 1, 2, 3))
    assert not found.requires_grad


# --- the stack


def test_layers_fit_onto_each_other_and_only_the_top_has_labels():
    model = DBN((1, 2, 3), (5, 4, 3), classes=10, visible="gaussian", rng=cpu())
    assert [(rbm.size, rbm.hidden) for rbm in model.layers] == [(6, 5), (5, 4), (4, 3)]
    assert [rbm.classes for rbm in model.layers] == [None, None, 10]
    assert [rbm.visible for rbm in model.layers] == ["gaussian", "binary", "binary"]
    assert (model.support, model.needs_labels) == ("real", True)
    assert DBN(6, rng=cpu()).support == "unit"


def test_unless_told_there_are_two_layers_100_steps_and_10_draws():
    model = DBN(6, rng=cpu())
    assert [rbm.hidden for rbm in model.layers] == [128, 128]
    of = {"log_z": 0.0, "x": states(6)[5:9].float()}
    for method, rest, setting in (
        (model.sample, {"n": 3}, {"gibbs_steps": 100}),
        (model.variational_bound, of, {"draws": 10}),
    ):
        found, told = (method(**rest, **more, rng=cpu(1)) for more in ({}, setting))
        assert torch.equal(found, told)


def changed(model, before):
    """The numbers of the layers that are no longer what they were."""
    now = dict(model.named_parameters())
    return {int(name.split(".")[1]) for name in now if not torch.equal(now[name], before[name])}


@pytest.mark.parametrize("layers", [(0,), (1,), (2,), (0, 2), (2, 0), None])
def test_only_the_layers_named_move(layers):
    model = scrambled(hidden=(4, 3, 3))
    before = copy.deepcopy(model.state_dict())
    update = StackUpdate(model, layers=layers, **SETTINGS)
    losses = update(Batch(states(5)), cpu())
    chosen = (0, 1, 2) if layers is None else sorted(layers)
    assert changed(model, before) == set(chosen)
    assert list(losses) == update.names == [f"{GAP}, layer {depth}" for depth in chosen]


def test_a_layer_learns_from_what_those_below_draw():
    model = scrambled(6, (8, 3))
    bottom, grey = model.layers[0], uniform((1, 6), cpu(3)).double().expand(20_000, -1)
    seen = {}
    update = StackUpdate(model, layers=(1,), **SETTINGS)
    update.updates[1] = lambda batch, rng: seen.update(x=batch.x, y=batch.y) or {GAP: 0.0}
    update(Batch(grey, torch.arange(20_000)), cpu())
    h = seen["x"]
    assert set(h.unique().tolist()) == {0.0, 1.0}
    assert torch.equal(seen["y"], torch.arange(20_000))
    v = states(6)
    chance = (v * grey[0] + (1 - v) * (1 - grey[0])).prod(1)
    mean = chance @ bottom.hidden_mean(v)
    five_errors(h.mean(0), mean, h.std(0) / 20_000**0.5)


def test_every_layer_has_a_falling_rate_of_its_own():
    model = DBN(5, (4, 3), rng=cpu())
    of = Dataset(states(5).float(), support="binary")
    training = training_steps(
        model, of, steps=4, lr=0.2, schedule="cosine", rng=cpu(), batch_size=8
    )
    training.rates[f"{GAP}, layer 1"] = 0.1
    for _ in training:
        rates = [training.update.updates[depth].lr for depth in range(2)]
        assert rates[0] == pytest.approx(2 * rates[1])
    assert rates[0] == pytest.approx(0.2 * 0.1464466)


def test_settings_reach_every_layer():
    update = DBN(5, (4, 3), rng=cpu()).updater(
        layers=None, **{**SETTINGS, "gibbs_steps": 3, "persistent_chains": 7, "momentum": 0.5}
    )
    for each in update.updates.values():
        assert (each.gibbs_steps, each.persistent_chains, each.momentum) == (3, 7, 0.5)


def test_fit_greedily_trains_one_layer_after_the_other_from_the_lowest_up():
    of = data.bars_and_stripes(3)
    arguments = {"batch_size": 16, "lr": 0.1, "schedule": "cosine", "show_progress": False}
    model, twin = (DBN(of.shape, (8, 5, 4), rng=cpu()) for _ in range(2))
    before = copy.deepcopy(model.state_dict())
    rng = cpu(1)
    for depth in range(3):
        fit(twin, of, steps=20, layers=(depth,), resume=depth > 0, rng=rng, **arguments)
        assert changed(twin, before) == set(range(depth + 1))
    found = fit_greedily(model, of, steps=20, rng=cpu(1), **arguments)
    assert changed(model, twin.state_dict()) == set()
    assert [list(each.losses()) for each in found] == [
        [f"{GAP}, layer {depth}"] for depth in range(3)
    ]
    assert model.steps_done == 60
    with pytest.raises(ValueError, match="already trained for 60 steps"):
        fit_greedily(model, of, steps=20, rng=cpu(1), **arguments)


def test_two_layers_learn_bars_and_stripes():
    of = data.bars_and_stripes(3)
    model = DBN(of.shape, (9, 9), rng=cpu())
    arguments = {"batch_size": 16, "lr": 0.3, "schedule": "cosine", "show_progress": False}
    before = exact_of(model, of.x)
    fit_greedily(model, of, steps=2000, rng=cpu(), **arguments)
    after = exact_of(model, of.x)
    assert before == pytest.approx(-16 * 9 * 0.693, abs=0.5)
    assert -65 < after < -41.589


def exact_of(model, x):
    """Total exact log p of rows under a DBN of two layers, by the sum over h1."""
    model, h = copy.deepcopy(model).double(), states(model.layers[0].hidden)
    log_h = log_likelihood(model.top, h, log_z=log_partition(model.top))
    logits = model.layers[0].visible_input(h)
    x = x.flatten(1).double()
    log_x = -torch.stack(
        [
            nn.functional.binary_cross_entropy_with_logits(
                logits, row.expand_as(logits), reduction="none"
            ).sum(1)
            for row in x
        ]
    )  # (B, 2^H)
    return (log_x + log_h).logsumexp(1).sum().item()


def test_a_bank_of_a_stack_with_labels_holds_what_its_labels_say():
    y = torch.arange(300) % 3
    of = Dataset(torch.eye(3)[y].repeat_interleave(3, 1), y, 3, "binary")
    model = DBN(9, (8, 8), classes=3, rng=cpu())
    arguments = {"lr": 0.2, "weight_decay": 1e-3, "schedule": "cosine", "show_progress": False}
    fit_greedily(model, of, steps=600, rng=cpu(), **arguments)
    made = bank(model, per_class=50, rng=cpu())
    assert (made.x.view(-1, 3, 3).mean(2).argmax(1) == made.y).float().mean() > 0.7


# --- turning around


def test_turning_around_exchanges_the_layers():
    model = scrambled(5, (4, 5))
    transpose_into(model.layers[0], model.top)
    p = joint(model.layers[0])
    close(joint(model.top), p.T)


# --- fine-tuning


@pytest.mark.parametrize("classes", [None, 3])
def test_a_classifier_starts_from_the_upward_means(classes):
    model = scrambled((1, 2, 3), (5, 4), classes=classes).float()
    model.seen = torch.arange(7)
    found = on(model, dropout=0.4)
    x = uniform((6, 1, 2, 3), cpu(1))
    h = model.layers[0].hidden_mean(x.flatten(1))
    W, b = (part.detach() for part in (model.top.W[:5], model.top.b))
    h = (h @ W + b).sigmoid()
    last = found.network[-1]
    close(found.eval()(x), h @ last.weight.T + last.bias, atol=1e-5)
    drops = [layer.p for layer in found.network if isinstance(layer, Dropout)]
    assert drops == [0.4] and isinstance(found.network[-2], Dropout)  # of the highest layer alone
    assert found.shape == (1, 2, 3) and found.classes == 10
    assert torch.equal(found.seen, model.seen)


def test_fine_tuning_moves_the_classifier_and_leaves_the_stack_alone():
    split = data.split(data.digits(), labels_per_class=5, repeat=0)
    model = DBN(split.pool.shape, (16, 8), rng=cpu())
    fit(model, split.pool, steps=3, rng=cpu(), show_progress=False)
    before = copy.deepcopy(model.state_dict())
    judge = on(model)
    start = copy.deepcopy(judge.state_dict())
    fit(judge, split.labelled, steps=3, rng=cpu(), show_progress=False)
    assert all(not torch.equal(value, start[name]) for name, value in judge.state_dict().items())
    assert changed(model, before) == set()
    assert 0 <= judge.accuracy(split.test) <= 1
    with pytest.raises(Leak, match="has seen"):
        judge.accuracy(split.candidates)


def test_a_pretrained_start_learns_faster_than_a_fresh_one():
    split = data.split(data.digits(), labels_per_class=10, repeat=0)
    model = DBN(split.pool.shape, (64, 64), rng=cpu())
    arguments = {"lr": 0.2, "momentum": 0.5, "schedule": "cosine", "show_progress": False}
    fit_greedily(model, split.pool, steps=1500, rng=cpu(), **arguments)
    fresh = DBN(split.pool.shape, (64, 64), rng=cpu())
    scores = []
    for stack in (model, fresh):
        judge = on(stack, dropout=0.0)
        fit(judge, split.labelled, steps=200, rng=cpu(), show_progress=False)
        scores.append(judge.accuracy(split.test))
    assert scores[0] > max(0.7, scores[1] + 0.15)
