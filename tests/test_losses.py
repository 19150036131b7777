"""Losses of one's own: by hand, alone and stacked, and in an arm of a study."""

from itertools import islice

import numpy as np
import pytest
import torch
from kinds import run, stacked
from test_ensemble import TRAINING, members
from test_evaluate import TOY, toy, true_labels
from torch.nn import functional as F

from genaug_lessons.augment import Noise
from genaug_lessons.data import Batch
from genaug_lessons.ensemble import Ensemble, cross_entropy
from genaug_lessons.evaluate import Arm, study
from genaug_lessons.model import GradientUpdate
from genaug_lessons.models.classifier import Classifier
from genaug_lessons.nn import Conv, Dense
from genaug_lessons.random import generator, normal

WEIGHTS = torch.linspace(0.2, 3, 10, dtype=torch.float64)


def plain(model, batch, rng):
    return cross_entropy(model(batch.x, rng), batch.y)


def weighted(model, batch, rng):
    return WEIGHTS[batch.y] * cross_entropy(model(batch.x, rng), batch.y)


def smoothed(model, batch, rng):
    logits = model(batch.x, rng)
    return 0.9 * cross_entropy(logits, batch.y) - 0.1 * logits.log_softmax(-1).mean(-1)


def consistent(model, batch, rng):
    """FixMatch: what is sure of a row must also be said of the row with noise, label or none."""
    noisy = Noise(0.3).on_batch(batch, rng).x
    with torch.no_grad():
        sure, guess = model(batch.x, rng).softmax(-1).max(-1)
    agree = cross_entropy(model(noisy, rng), guess) * (sure > 0.15)
    return cross_entropy(model(batch.x, rng), batch.y) + agree


LOSSES = [plain, weighted, smoothed, consistent]


def batches(count, unlabelled=False):
    for x, y, _ in islice(stacked().batches(16, generator(0)), count):
        if unlabelled:
            y[:, ::3] = -1
        yield Batch(x.double(), y, not unlabelled)


def test_cross_entropy_of_each_example_is_torchs_and_nothing_without_a_label():
    logits, y = normal((3, 7, 10), generator(0)).double(), torch.arange(21).view(3, 7) % 10
    exact = F.cross_entropy(logits.flatten(0, 1), y.flatten(), reduction="none").view(3, 7)
    torch.testing.assert_close(cross_entropy(logits, y), exact)
    torch.testing.assert_close(cross_entropy(logits[0], y[0]), exact[0])
    soft = logits.flip(0).softmax(-1)
    exact = -(soft * logits.log_softmax(-1)).sum(-1)
    torch.testing.assert_close(cross_entropy(logits, soft), exact)
    y[1, 2] = -1
    logits.requires_grad_()
    losses = cross_entropy(logits, y)
    assert losses[1, 2] == 0
    losses.sum().backward()
    assert (logits.grad[1, 2] == 0).all() and (logits.grad[1, 3] != 0).all()


def test_class_weights_move_the_weights_as_the_hand_computed_gradient_says():
    shape, classes = 3, 10
    model = Classifier(shape, classes=classes, network=Dense(), rng=generator(0)).double()
    together = Ensemble([model, model], loss=weighted)
    x, y = normal((2, 8, shape), generator(1)).double(), torch.arange(16).view(2, 8) % classes
    loss = together.objectives()[0].loss(Batch(x, y), generator(2))
    loss.backward()
    layer = together.members.layers[1]
    total = 0.0
    for k in range(2):
        p = (x[k] @ model.network[1].weight.T + model.network[1].bias).softmax(-1)
        w = WEIGHTS[y[k]][:, None]
        by_hand = x[k].T @ (w * (p - F.one_hot(y[k], classes))) / 8  # d loss / d W, (inputs, C)
        torch.testing.assert_close(layer.weight.grad[k], by_hand)
        total += -(w[:, 0] * p[torch.arange(8), y[k]].log()).mean()
    torch.testing.assert_close(loss, total)


def test_label_smoothing_is_torchs():
    model = Ensemble(members(Dense(16, 8)), loss=smoothed).eval()
    batch = next(batches(1))
    alone = [F.cross_entropy(model(batch.x)[k], batch.y[k], label_smoothing=0.1) for k in range(3)]
    loss = model.objectives()[0].loss(batch, generator(0))
    torch.testing.assert_close(loss, sum(alone))


@pytest.mark.parametrize("network", [Dense(16, 8), Conv(16, 8)], ids=str)
@pytest.mark.parametrize("loss", LOSSES[:3])
def test_stacked_classifiers_learn_by_a_loss_of_their_own_as_each_would_alone(network, loss):
    models = members(network)
    together, alone = Ensemble(models, loss=loss), [Ensemble([m], loss=loss) for m in models]
    stack, *parts = (GradientUpdate(m.objectives(), **TRAINING) for m in (together, *alone))
    rng = generator(1)
    for batch in batches(4, unlabelled=loss is plain):
        losses = [
            part(Batch(batch.x[k : k + 1], batch.y[k : k + 1], batch.labelled), rng)["loss"]
            for k, part in enumerate(parts)
        ]
        torch.testing.assert_close(stack(batch, rng)["loss"], sum(losses))
    for name, weight in together.state_dict().items():
        if weight.is_floating_point():
            own = torch.cat([model.state_dict()[name] for model in alone])
            torch.testing.assert_close(weight, own)


def test_noise_of_a_loss_is_each_members_own_and_no_gradient_mixes_them():
    together = Ensemble([m.float() for m in members(Dense(16, 8))], loss=consistent)
    batch = next(batches(1, unlabelled=True))
    batch = batch._replace(x=batch.x.float())
    first = together._own_loss(batch, generator(4))
    x = batch.x.clone()
    x[1] += 0.1
    own = consistent(together, Batch(x, batch.y), generator(4)).mean(1)
    before = consistent(together, batch, generator(4)).mean(1)
    assert first == before.sum()
    assert (own == before).tolist() == [True, False, True]


def test_the_plain_loss_as_ones_own_trains_as_the_default():
    network = Dense(16, 8, dropout=0.3)
    first, second = (Ensemble([m.float() for m in members(network)], loss=x) for x in (None, plain))
    for model in (first, second):
        run(model, stacked(), 5)
    for a, b in zip(first.parameters(), second.parameters(), strict=True):
        torch.testing.assert_close(a, b)


@pytest.mark.parametrize(
    ("loss", "message"),
    [
        (
            lambda m, b, rng: plain(m, b, rng).mean(),
            r"loss must give .*, shape \(3, 50\), got \(\)",
        ),
        (lambda m, b, rng: plain(m, b, rng).mean(1), r"one number for each example.* got \(3,\)"),
        (lambda m, b, rng: 3.0, "one number for each example.* got float"),
        (3, "loss must be a function or None, got 3"),
    ],
)
def test_losses_that_are_not_one_number_an_example_are_refused(loss, message):
    with pytest.raises((TypeError, ValueError), match=message):
        run(
            Ensemble([m.float() for m in members(Dense(16, 8))], loss=loss),
            stacked(),
            1,
            batch_size=50,
        )


# --- arms


def fixmatch(model, batch, rng):
    with torch.no_grad():
        sure, guess = model(batch.x, rng).softmax(-1).max(-1)
    moved = batch.x + 0.1 * normal(batch.x.shape, rng)
    unlabelled = (batch.y == -1) & (sure > 0.9)
    return plain(model, batch, rng) + unlabelled * cross_entropy(model(moved, rng), guess)


def test_an_arm_learns_by_its_own_loss_from_rows_without_labels():
    def pool(split, _):
        return split.pool

    def backwards(model, batch, rng):
        return cross_entropy(model(batch.x, rng), 1 - batch.y)

    arms = [
        Arm("plain", loss=plain),
        Arm("backwards", loss=backwards),
        Arm("backwards, truth", loss=backwards, bank=true_labels, share=0.8),
        Arm("fixmatch", bank=pool, loss=fixmatch, share=0.8),
    ]
    found = study(arms, data=toy(), **TOY)
    assert np.mean(found.accuracies["backwards, truth"]) < 0.1
    assert found.accuracies["plain"] == pytest.approx(found.accuracies["none"], abs=0.05)
    wrong = 1 - np.array(found.accuracies["backwards"])
    assert wrong == pytest.approx(np.array(found.accuracies["none"]), abs=0.15)
    assert found.gains["fixmatch"].mean > 0
    with pytest.raises(ValueError, match="cannot learn y = -1"):
        study([Arm("pool", bank=pool)], data=toy(), **TOY)
