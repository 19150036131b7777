"""A stacked ensemble is its members, side by side: same outputs, same training, own data."""

import pytest
import torch
from kinds import classifier, ensemble, run, scramble, split, stacked, weights

from genaug_lessons.data import Batch, Dataset
from genaug_lessons.ensemble import Ensemble, StackedData
from genaug_lessons.model import GradientUpdate
from genaug_lessons.random import generator, normal, spawn

over_networks = pytest.mark.parametrize("network", ["mlp", "cnn"])


def members(network, **settings):
    models = [classifier(each, network=network, **settings) for each in spawn(generator(0), 3)]
    return [scramble(model, seed).double() for seed, model in enumerate(models)]


@over_networks
def test_stacked_forward_is_each_members_own(network):
    models = members(network)
    x = normal((3, 6, 1, 8, 8), generator(1)).double()
    logits = Ensemble(models)(x)
    assert logits.shape == (3, 6, 10)
    for k, model in enumerate(models):
        torch.testing.assert_close(logits[k], model(x[k]))


@over_networks
def test_members_learn_from_given_batches_exactly_as_they_would_alone(network):
    models = members(network)
    together = Ensemble(models)
    settings = {"lr": 1e-2, "betas": (0.9, 0.999), "weight_decay": 0.01}
    stack = GradientUpdate(together.objectives(), **settings)
    alone = [GradientUpdate(model.objectives(), **settings) for model in models]
    batches, rng = stacked().batches(16, generator(0)), generator(1)
    for _ in range(5):
        x, y, _ = next(batches)
        loss = stack(Batch(x.double(), y), rng)["cross-entropy"]
        losses = [
            update(Batch(x[k].double(), y[k]), rng)["cross-entropy"]
            for k, update in enumerate(alone)
        ]
        torch.testing.assert_close(loss, sum(losses))
    for mine, own in zip(together.parameters(), Ensemble(models).parameters(), strict=True):
        torch.testing.assert_close(mine, own, rtol=0, atol=1e-5)


@over_networks
def test_accuracies_are_the_members_own(network):
    models, test = [model.float() for model in members(network)], split().test[:300]
    found = Ensemble(models).accuracies(test)
    assert found.tolist() == pytest.approx([model.accuracy(test) for model in models])
    assert len(set(found.tolist())) > 1


def test_members_are_copied_and_not_changed():
    models = [classifier(generator(seed)) for seed in range(3)]
    before = [weights(model) for model in models]
    run(Ensemble(models), stacked(), 2)
    for model, old in zip(models, before, strict=True):
        assert all(torch.equal(value, old[name]) for name, value in weights(model).items())
        assert model.steps_done == 0


def test_dropout_masks_differ_between_members():
    model = classifier(generator(0), dropout=0.5)
    together = Ensemble([model, model]).train()
    x = split().labelled.values
    logits = together(torch.stack([x, x]), generator(0))
    assert not torch.equal(logits[0], logits[1])
    together.eval()
    torch.testing.assert_close(*together(torch.stack([x, x])))


def test_each_member_goes_through_its_own_rows_in_its_own_order():
    x, y = torch.arange(8.0)[:, None], torch.arange(8)
    parts = [Dataset(x, y, 8), Dataset(x + 10, 7 - y, 8)]
    batches = StackedData(parts).batches(4, generator(0, "cpu"))
    first, second = next(batches), next(batches)
    x, y = torch.cat([first.x, second.x], dim=1)[..., 0], torch.cat([first.y, second.y], dim=1)
    assert torch.equal(x.sort().values, torch.stack([part.x[:, 0] for part in parts]))
    assert torch.equal(x[0], y[0])
    assert torch.equal(x[1] - 10, 7 - y[1])
    assert not torch.equal(y[0], y[1])


def test_bytes_stay_bytes_until_a_batch_is_drawn():
    x = torch.tensor([[0], [51], [255]], dtype=torch.uint8)
    stack = StackedData([Dataset(x, torch.tensor([0, 1, 1]), 2, "unit")] * 2)
    batch = next(stack.batches(3, generator(0, "cpu")))
    assert stack.x.dtype == torch.uint8
    assert batch.x.flatten(1).sort().values.tolist() == [pytest.approx([0, 0.2, 1])] * 2


def test_a_stack_knows_every_row_behind_it():
    expected = {row for draw in range(3) for row in split(draw).labelled.ids.tolist()}
    assert set(stacked().ids.tolist()) == expected
    assert StackedData([split().test[:9]] * 2).held_out


def test_an_ensemble_predicts_for_more_rows_than_it_takes_at_once():
    together, x = ensemble(generator(0)), normal((1030, 1, 8, 8), generator(1))
    labels = together.predict(x)
    assert labels.shape == (3, 1030)
    assert torch.equal(labels[:, 1020:], together.predict(x[1020:]))
