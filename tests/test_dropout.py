"""Dropout against enumeration of every mask, against torch's own, and against its known moments."""

import math

import pytest
import torch

from genaug_lessons.models import dropout as file
from genaug_lessons.models.classifier import Classifier
from genaug_lessons.models.dropout import (
    all_masks,
    classical_dropout,
    dropout_mask,
    dropout_regression,
    dropout_squared_error,
    inverted_dropout,
    mask_probabilities,
    monte_carlo,
    scale_at_test,
)
from genaug_lessons.nn import Dense
from genaug_lessons.random import generator, normal


def cpu(seed=0):
    return generator(seed, "cpu")


def doubles(*shape, seed=0):
    return normal(shape, cpu(seed)).double()


def expected(values, p):
    """The mean over all masks of values (2**n, ...) that belong to them, weighted by chance."""
    masks = all_masks(int(math.log2(len(values)))).double()
    return torch.tensordot(mask_probabilities(masks, p), values, 1)


# --- masks and the two scalings


def test_every_mask_appears_once():
    rows = all_masks(4).tolist()
    assert len(rows) == len(set(map(tuple, rows))) == 16
    assert {value for row in rows for value in row} == {0, 1}


@pytest.mark.parametrize("p", [0.0, 0.3, 0.5])
def test_probabilities_of_the_masks_are_those_of_independent_switches(p):
    masks = all_masks(5).double()
    found = mask_probabilities(masks, p)
    for mask, probability in zip(masks.tolist(), found.tolist(), strict=True):
        kept = sum(mask)
        assert probability == pytest.approx((1 - p) ** kept * p ** (5 - kept), abs=1e-15)
    assert found.sum() == pytest.approx(1, abs=1e-12)
    torch.testing.assert_close(expected(masks, p), torch.full((5,), 1 - p).double())


def test_drawn_masks_keep_the_expected_share_of_ones_and_are_zero_elsewhere():
    p, n = 0.3, 200_000
    mask = dropout_mask((n // 2, 2), p, cpu())
    assert ((mask == 0) | (mask == 1)).all()
    assert abs(mask.mean() - (1 - p)) < 5 * math.sqrt(p * (1 - p) / n)
    assert dropout_mask((10,), 0.0, cpu()).tolist() == [1] * 10
    assert dropout_mask((10,), 1.0, cpu()).tolist() == [0] * 10


def test_inverted_dropout_is_that_of_torch_under_the_same_mask():
    x, layer = doubles(64, 32), torch.nn.Dropout(0.3)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        theirs = layer(x)
    mask = (theirs != 0).double()
    assert 0.6 < mask.mean() < 0.8
    torch.testing.assert_close(inverted_dropout(x, mask, 0.3), theirs, atol=1e-12, rtol=0)


@pytest.mark.parametrize("p", [0.0, 0.3, 0.5])
def test_both_conventions_have_the_same_mean_and_the_inverted_one_that_of_no_dropout(p):
    x, masks = doubles(6), all_masks(6).double()
    kept, scaled = classical_dropout(x, masks), inverted_dropout(x, masks, p)
    torch.testing.assert_close(expected(kept, p), scale_at_test(x, p), atol=1e-12, rtol=0)
    torch.testing.assert_close(expected(scaled, p), x, atol=1e-12, rtol=0)
    variance = expected(scaled.square(), p) - x.square()
    torch.testing.assert_close(variance, x.square() * p / (1 - p), atol=1e-12, rtol=0)


def test_without_drops_both_conventions_change_nothing():
    x, mask = doubles(5), dropout_mask((5,), 0.0, cpu())
    for same in (classical_dropout(x, mask), inverted_dropout(x, mask, 0.0), scale_at_test(x, 0.0)):
        assert torch.equal(same, x)


# --- linear regression


@pytest.mark.parametrize("p", [0.0, 0.2, 0.5])
def test_expected_squared_error_of_a_linear_rule_is_the_mean_over_all_masks(p):
    x, y, w = doubles(8, 2), doubles(8, seed=1), doubles(2, seed=2)
    masks = all_masks(16).double().view(-1, 8, 2)  # each row of x has a mask of its own
    errors = (y - (masks * x) @ w).square().sum(-1)
    found = dropout_squared_error(x, y, w, p)
    torch.testing.assert_close(expected(errors, p), found, atol=1e-10, rtol=0)


@pytest.mark.parametrize("p", [0.0, 0.2, 0.5])
def test_dropout_regression_is_where_the_expected_error_is_least(p):
    x, y = doubles(20, 6), doubles(20, seed=1)
    w = dropout_regression(x, y, p).requires_grad_()
    (slope,) = torch.autograd.grad(dropout_squared_error(x, y, w, p), w)
    torch.testing.assert_close(slope, torch.zeros(6).double(), atol=1e-10, rtol=0)
    if p == 0:
        torch.testing.assert_close(w.detach(), torch.linalg.lstsq(x, y[:, None]).solution[:, 0])


# --- Monte Carlo predictions


def small_classifier(**settings):
    settings = {"network": Dense(6, dropout=0.4), "rng": cpu(), **settings}
    return Classifier(4, classes=3, **settings)


def exact_prediction(model, x, p):
    """Mean and standard deviation over all masks of the six hidden values."""
    hidden = model.network[1](x).relu()
    masks = all_masks(6)
    probs = model.network[-1](inverted_dropout(hidden, masks[:, None], p)).softmax(-1).detach()
    mean = expected(probs.double(), p)
    return mean, (expected(probs.double().square(), p) - mean.square()).sqrt()


def test_monte_carlo_comes_to_the_mean_and_the_spread_over_all_masks():
    model, x, draws = small_classifier(), 2 * normal((5, 4), cpu(1)), 4000
    mean, std = exact_prediction(model, x, 0.4)
    found = monte_carlo(model, x, draws=draws, rng=cpu(2))
    assert found.mean.shape == found.std.shape == (5, 3)
    assert ((found.mean - mean).abs() < 5 * std / draws**0.5).all()
    torch.testing.assert_close(found.std.double(), std, rtol=0.1, atol=0)
    assert (std > 0.01).all()
    torch.testing.assert_close(found.mean.sum(-1), torch.ones(5))


def test_monte_carlo_error_falls_with_the_root_of_the_number_of_draws():
    model, x = small_classifier(), normal((1, 4), cpu(1))
    mean, rng, counts = exact_prediction(model, x, 0.4)[0], cpu(2), (4, 16, 64, 256)

    def error(draws):  # root mean square over many runs at once: each row is one
        found = monte_carlo(model, x.expand(2000, 4), draws=draws, rng=rng).mean
        return (found - mean).square().mean().sqrt().log()

    first, *_, last = (error(draws) for draws in counts)
    assert (last - first) / math.log(counts[-1] / counts[0]) == pytest.approx(-0.5, abs=0.05)


def test_monte_carlo_spread_is_that_of_a_sample():
    model, x = small_classifier(), normal((3, 4), cpu(1))
    rng = cpu(2)
    model.train()
    draws = torch.stack([model(x, rng).softmax(-1) for _ in range(2)]).detach()
    found = monte_carlo(model, x, draws=2, rng=cpu(2))
    torch.testing.assert_close(found.mean, draws.mean(0))
    torch.testing.assert_close(found.std, (draws[0] - draws[1]).abs() / math.sqrt(2))


def test_monte_carlo_leaves_the_classifier_as_it_was_and_follows_the_generator(monkeypatch):
    model, x = small_classifier(), normal((7, 4), cpu(1))
    before = model.predict(x)
    first, again, other = (monte_carlo(model, x, draws=3, rng=cpu(seed)) for seed in (2, 2, 3))
    assert torch.equal(first.mean, again.mean)
    assert not torch.equal(first.mean, other.mean)
    assert not first.mean.requires_grad
    assert not model.training
    assert torch.equal(model.predict(x), before)
    with pytest.raises(RuntimeError):
        monte_carlo(model, x[:, :2], draws=3, rng=cpu())
    assert not model.training
    monkeypatch.setattr(file, "CHUNK", 2)  # rows in parts, in the order of the draws
    mean, std = exact_prediction(model, x, 0.4)
    found = monte_carlo(model, x, draws=400, rng=cpu())
    assert ((found.mean - mean).abs() < 5 * std / 400**0.5).all()


def test_there_are_masks_for_up_to_20_values():
    masks = all_masks(20)
    assert masks.shape == (2**20, 20) and masks.mean() == 0.5


# --- errors


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (lambda: all_masks(0), "n must be an integer of at least 1, got 0"),
        (lambda: all_masks(21), "n must lie in 1 to 20, .* got 21"),
        (
            lambda: dropout_regression(doubles(4, 2), doubles(4), 1.0),
            r"p must lie in \[0, 1\), got 1.0",
        ),
        (
            lambda: dropout_regression(doubles(4, 2), doubles(4), -0.1),
            r"p must lie in \[0, 1\), got -0.1",
        ),
        (
            lambda: monte_carlo(small_classifier(), torch.ones(1, 4), draws=1, rng=cpu()),
            "draws must be an integer of at least 2, got 1",
        ),
        (
            lambda: monte_carlo(small_classifier(), torch.ones(1, 4), draws=2.5, rng=cpu()),
            "draws must be an integer, got 2.5",
        ),
        (
            lambda: monte_carlo(
                small_classifier(network=Dense(6)), torch.ones(1, 4), draws=2, rng=cpu()
            ),
            "model must have dropout above 0",
        ),
        (
            lambda: monte_carlo(
                small_classifier().to("meta"), torch.ones(1, 4), draws=2, rng=cpu()
            ),
            r"rng must be on the device of the model \(meta\)",
        ),
    ],
)
def test_what_dropout_cannot_do_is_refused(wrong, said):
    with pytest.raises((TypeError, ValueError), match=said):
        wrong()
