"""The judge of every augmentation: its loss by hand, its accuracy against the best possible one."""

import math

import pytest
import torch
from torch.distributions import Normal

from genaug_lessons.data import Batch, Dataset, Leak
from genaug_lessons.models import classifier
from genaug_lessons.models.classifier import Classifier
from genaug_lessons.nn import Conv, Dense
from genaug_lessons.random import generator, normal, uniform
from genaug_lessons.training import fit


def cpu(seed=0):
    return generator(seed, "cpu")


def make(shape=4, classes=3, **settings):
    return Classifier(shape, classes=classes, rng=cpu(), **settings)


def loss(model, x, y):
    return model.objectives()[0].loss(Batch(x, y), cpu())


def gaussians(n, distance, seed):
    """Two round Gaussians in the plane whose means are `distance` apart, around (3, 3)."""
    rng = cpu(seed)
    y = torch.arange(n) % 2
    centre = distance / math.sqrt(8) * (2.0 * y[:, None] - 1)
    return Dataset(3 + centre + normal((n, 2), rng), y, 2)


def test_loss_is_the_mean_negative_log_probability_of_the_labels_in_nats():
    model = make(network=Dense(5))
    x, y = normal((7, 4), cpu(1)), torch.tensor([0, 2, 1, 1, 0, 2, 2])
    by_hand = 0.0
    for logits, label in zip(model(x).tolist(), y.tolist(), strict=True):
        by_hand -= logits[label] - math.log(sum(map(math.exp, logits)))
    assert loss(model, x, y).item() == pytest.approx(by_hand / 7, rel=1e-5)


def test_loss_of_class_probabilities_is_the_mean_of_the_losses_of_the_classes():
    model = make(network=Dense(5))
    x, weight = normal((2, 4), cpu(1)), torch.tensor([[0.2, 0.5, 0.3], [0.7, 0.1, 0.2]])
    each = torch.tensor(
        [[loss(model, row[None], torch.tensor([k])).item() for k in range(3)] for row in x]
    )
    torch.testing.assert_close(loss(model, x, weight), (weight * each).sum(1).mean())


def test_log_probabilities_are_normalised_and_free_of_dropout():
    model = make(network=Dense(50, dropout=0.5)).train()
    x = normal((9, 4), cpu(1))
    found = model.log_probs(x)
    torch.testing.assert_close(found.logsumexp(-1), torch.zeros(9), atol=1e-6, rtol=0)
    torch.testing.assert_close(found, model.log_probs(x), rtol=0, atol=0)
    assert not torch.equal(*(model.train()(x, cpu(seed)) for seed in (1, 2)))


@pytest.mark.parametrize("network", [Dense(5, dropout=0.3), Conv(5, dropout=0.3)])
def test_prediction_in_chunks_is_that_of_the_whole(network, monkeypatch):
    model = make((2, 4, 6), network=network)
    x = normal((23, 2, 4, 6), cpu(1))
    whole = model.log_probs(x)
    monkeypatch.setattr(classifier, "CHUNK", 5)
    torch.testing.assert_close(model.log_probs(x), whole)
    assert torch.equal(model.predict(x), whole.argmax(-1))


def test_accuracy_is_the_share_of_right_answers():
    model = make(network=Dense(5))
    x, y = normal((40, 4), cpu(1)), torch.randint(3, (40,), generator=cpu(2))
    right = sum(model(row[None]).argmax().item() == label for row, label in zip(x, y, strict=True))
    assert 0 < right < 40
    assert model.accuracy(Dataset(x, y, 3)) == pytest.approx(right / 40)


def test_accuracy_on_two_gaussians_comes_close_to_the_best_possible():
    model = make(2, 2, network=Dense())
    fit(model, gaussians(4000, 2.0, 1), steps=400, lr=0.05, rng=cpu(), show_progress=False)
    best, n = Normal(0.0, 1.0).cdf(torch.tensor(1.0)).item(), 20_000
    standard_error = math.sqrt(best * (1 - best) / n)
    assert abs(model.accuracy(gaussians(n, 2.0, 2)) - best) < 5 * standard_error + 0.005


@pytest.mark.parametrize("network", [Dense(8), Conv(8)])
def test_separable_pictures_are_learnt_without_a_mistake(network):
    rng = cpu()
    x, y = 0.2 * uniform((120, 2, 4, 6), rng), (torch.arange(120) % 3).clamp(max=1)
    x[y == 0, :, :2] += 0.7  # bright above, against bright below
    x[y == 1, :, 2:] += 0.7
    model = make((2, 4, 6), 2, network=network)
    fit(model, Dataset(x, y, 2), steps=150, lr=0.02, rng=rng, show_progress=False)
    assert torch.equal(model.predict(x), y)


def test_rows_that_were_trained_on_are_no_test_rows():
    train = gaussians(100, 2.0, 1)
    model = make(2, 2, network=Dense())
    fit(model, train, steps=1, rng=cpu(), show_progress=False)
    with pytest.raises(Leak, match="has seen 10 of the 10 rows"):
        model.accuracy(train[:10])


def test_what_a_classifier_cannot_do_is_refused():
    with pytest.raises(ValueError, match="classes must be an integer of at least 2, got 1"):
        make(classes=1)
    with pytest.raises(
        TypeError, match="network must be an object with encoder and decoder, got 'rnn'"
    ):
        make(network="rnn")
    with pytest.raises(ValueError, match=r"shape must be \(channels, height, width\)"):
        make(network=Conv(5))
    unlabelled = Dataset(torch.zeros(5, 4), torch.full((5,), -1), 3)
    with pytest.raises(ValueError, match="labelled throughout"):
        fit(make(), unlabelled, steps=1, rng=cpu())
    with pytest.raises(ValueError, match="labelled throughout"):
        make().accuracy(unlabelled)
