"""Langevin chains against the law of a Gaussian chain, and annealing where modes are far apart."""

import math

import pytest
import torch

from genaug_lessons import data
from genaug_lessons.models.score import (
    annealed_langevin,
    geometric_levels,
    langevin,
    langevin_step,
)
from genaug_lessons.random import generator, normal


def cpu(seed=0):
    return generator(seed, "cpu")


def last(states):
    """Where the chains end."""
    for place in states:
        final = place
    return final


def settled(variance, step_size):
    """The variance v that a step x' = (1 - a / (2 variance)) x + sqrt(a) noise keeps."""
    return step_size / (1 - (1 - step_size / (2 * variance)) ** 2)


def test_a_step_goes_uphill_by_half_its_size_and_shakes_by_its_root():
    x, noise = torch.tensor([[1.0, 2.0]]), torch.tensor([[0.5, -1.0]])
    found = langevin_step(lambda x: -3 * x, x, noise, step_size=0.25)
    assert found.tolist() == [[1 - 0.125 * 3 + 0.25, 2 - 0.125 * 6 - 0.5]]


@pytest.mark.parametrize("step_size", [0.1, 1.0, 4.0, 7.0])
def test_a_step_keeps_the_exact_variance_of_its_chain_not_that_of_the_density(step_size):
    variance, shares = 2.0, torch.tensor([[1.0, 0.0], [0.0, 1.0]]).double()
    exact = variance / (1 - step_size / (4 * variance))
    assert settled(variance, step_size) == pytest.approx(exact)
    # A step is linear in x and noise: its shares of both, squared, carry the variances over.
    of_x, of_noise = langevin_step(
        lambda x: -x / variance, shares[:, :1], shares[:, 1:], step_size=step_size
    ).squeeze(1)
    assert of_x**2 * exact + of_noise**2 == pytest.approx(exact)


@pytest.mark.parametrize("step_size", [0.3, 1.0, 3.0])
def test_chains_settle_at_the_exact_variance(step_size):
    chains, rng, centre, variance = 20_000, cpu(), 5.0, 1.0
    settings = {"step_size": step_size, "steps": 150, "rng": rng}
    x = last(langevin(lambda x: -(x - centre) / variance, torch.zeros(chains, 1), **settings))
    exact = settled(variance, step_size)
    assert abs(x.mean() - centre) < 5 * math.sqrt(exact / chains)
    assert abs(x.var() - exact) < 5 * exact * math.sqrt(2 / chains)
    assert abs(exact - variance) > 5 * exact * math.sqrt(2 / chains)  # not just about right


def test_a_chain_is_its_steps_one_after_the_other():
    x, rng = normal((3, 2), cpu(1)).double(), cpu()
    states = list(langevin(torch.sin, x, step_size=0.3, steps=4, rng=cpu()))
    assert len(states) == 4
    for state in states:
        x = langevin_step(torch.sin, x, normal((3, 2), rng).double(), step_size=0.3)
        assert torch.equal(state, x)


def test_chains_draw_no_graph_behind_them_and_may_follow_a_gradient():
    toy = data.ring(3)

    def score(x):
        x = x.requires_grad_()
        return torch.autograd.grad(toy.log_density(x).sum(), x)[0]

    weight, x = torch.ones((), requires_grad=True), normal((5, 2), cpu())
    for of in (score, lambda x: -weight * x):
        end = last(langevin(of, x.clone(), step_size=0.01, steps=3, rng=cpu()))
        assert not end.requires_grad
    by_gradient = last(langevin(score, x.clone(), step_size=0.01, steps=3, rng=cpu()))
    exact = last(langevin(toy.score, x, step_size=0.01, steps=3, rng=cpu()))
    torch.testing.assert_close(by_gradient, exact)


def test_annealing_is_a_chain_at_each_level_with_steps_as_large_as_its_noise():
    x, rng, seen = normal((3, 2), cpu(1)), cpu(), []

    def score(x, sigma):
        seen.append(sigma)
        return -x / (1 + sigma**2)

    settings = {"step_size": 0.3, "steps": 2, "rng": cpu()}
    states = list(annealed_langevin(score, x, (2.0, 1.0, 0.5), **settings))
    assert seen == [2.0, 2.0, 1.0, 1.0, 0.5, 0.5]
    for state, sigma in zip(states, list(seen), strict=True):
        noise = normal((3, 2), rng)
        x = langevin_step(lambda x: score(x, sigma), x, noise, step_size=0.3 * sigma**2)  # noqa: B023
        torch.testing.assert_close(state, x)


def test_annealing_finds_the_shares_of_islands_that_a_plain_chain_does_not():
    """Nine of ten chains should end on the left, wherever they start; the gap is 20 stds wide."""
    toy, chains, rng = data.islands(ratio=9, apart=6.0, std=0.3), 2000, cpu()
    start = 12.0 * normal((chains, 2), rng)
    settings = {"step_size": 0.1 * 0.3**2, "steps": 200, "rng": rng}
    plain = (last(langevin(toy.score, start, **settings))[:, 0] < 0).float().mean()
    assert abs(plain - 0.5) < 0.05  # as many on each side as started there
    settings = {"step_size": 0.2, "steps": 30, "rng": rng}
    levels = geometric_levels(12.0, 0.1, 16)
    x = last(annealed_langevin(lambda x, s: toy.smoothed(s).score(x), start, levels, **settings))
    share = (x[:, 0] < 0).float().mean()
    assert abs(share - 0.9) < 0.04  # steps and levels are finite; its standard error is 0.005


def test_levels_are_a_geometric_sequence_with_both_ends():
    levels = geometric_levels(8.0, 0.5, 5)
    assert levels == pytest.approx([8, 4, 2, 1, 0.5])
    assert geometric_levels(1.0, 0.1, 2) == [1.0, 0.1]
