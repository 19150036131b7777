"""Answers to the exercises of lesson 07."""

import math

import torch
from torch.nn import functional as F

from genaug_lessons.exercises import boltzmann_machines as check


def solution_free_energy(v, W, a, b):
    return -(v @ a) - F.softplus(b + v @ W).sum(1)


def free_energy_by_sum(v, W, a, b):
    """-log of the sum over both hidden states of each unit, by the definition of the energy."""
    energies = [-v @ a]
    for j in range(len(b)):
        energies = [energy - on * (b[j] + v @ W[:, j]) for energy in energies for on in (0, 1)]
    return -torch.logsumexp(-torch.stack(energies), 0)


def free_energy(v, W, a, b):
    return -v @ a - torch.logaddexp(b + v @ W, torch.zeros_like(b)).sum(1)


def free_energy_by_loop(v, W, a, b):
    energies = []
    for row in v.tolist():
        energy = -sum(x * weight for x, weight in zip(row, a.tolist(), strict=True))
        for column, bias in zip(W.T.tolist(), b.tolist(), strict=True):
            u = bias + sum(x * weight for x, weight in zip(row, column, strict=True))
            energy -= max(u, 0) + math.log1p(math.exp(-abs(u)))
        energies.append(energy)
    return energies


def free_energy_by_sigmoid(v, W, a, b):
    return -torch.einsum("bi,i->b", v, a) + F.logsigmoid(-F.linear(v, W.T, b)).sum(-1)


def free_energy_by_one_largest(v, W, a, b):
    """Of use only while all inputs are near the largest."""
    u = b + v @ W
    return -v @ a - (u.max() + ((-u.max()).exp() + (u - u.max()).exp()).log()).sum(1)


def inputs(v, W, b):
    return v @ W + b


def on(v, W, b):
    return inputs(v, W, b).sigmoid()


def solution_half_step(v, W, b, noise):
    return (noise < (b + v @ W).sigmoid()).double()


def half_step_by_loop(v, W, b, noise):
    rows = []
    for row, draws in zip(v, noise, strict=True):
        odds = [math.exp(b[j] + row @ W[:, j]) for j in range(len(b))]
        rows.append(
            [draw < odd / (1 + odd) for draw, odd in zip(draws.tolist(), odds, strict=True)]
        )
    return rows


def half_step_of_four(v, W, b, noise):
    return torch.stack([noise[n] < on(v[n], W, b) for n in range(4)]) * 1


def solution_gradient(v, ends, W, b):
    def moment(x):
        return x.T @ (b + x @ W).sigmoid() / len(x)

    return moment(v) - moment(ends)


def slope_by_autograd(v, ends, W, b):
    """Of the free-energy gap, whose negative gradient is the update."""
    W = W.clone().requires_grad_()
    zero = torch.zeros(len(W))
    gap = free_energy(v, W, zero, b).mean() - free_energy(ends, W, zero, b).mean()
    return -torch.autograd.grad(gap, W)[0]


def slope(v, ends, W, b):
    return v.T @ on(v, W, b) / len(v) - ends.T @ on(ends, W, b) / len(ends)


def slope_by_loop(v, ends, W, b):
    total = torch.zeros_like(W)
    for rows, sign in ((v, 1), (ends, -1)):
        for row in rows:
            total += sign * torch.outer(row, on(row, W, b)) / len(rows)
    return total


def slope_by_einsum(v, ends, W, b):
    means = [torch.einsum("ni,nj->nij", x, on(x, W, b)).mean(0) for x in (v, ends)]
    return (means[0] - means[1]).numpy()


def slope_with_means_of_data(v, ends, W, b):
    h = on(v, W, b)
    return v.T @ h / len(v) - ends.T @ h / len(ends)


def slope_of_means(v, ends, W, b):
    data, chains = (x.mean(0)[:, None] * on(x, W, b).mean(0) for x in (v, ends))
    return data - chains


def slope_of_states(v, ends, W, b, draw=torch.round):
    data, chains = (x.T @ draw(on(x, W, b)) / len(x) for x in (v, ends))
    return data - chains


BANK = [
    (
        check.free_energy,
        [
            solution_free_energy,
            free_energy,
            free_energy_by_sum,
            free_energy_by_loop,
            free_energy_by_sigmoid,
        ],
        [
            (lambda v, W, a, b: -free_energy(v, W, a, b), "the sign is turned"),
            (lambda v, W, a, b: v @ a - F.softplus(v @ W + b).sum(1), "the visible term has"),
            (lambda v, W, a, b: -v @ a + F.softplus(v @ W + b).sum(1), "the hidden term has"),
            (lambda v, W, a, b: free_energy(v, W, 0 * a, b), "the visible biases are missing"),
            (lambda v, W, a, b: free_energy(v, W, a, 0 * b), "the hidden biases are missing"),
            (
                lambda v, W, a, b: -v @ a - ((v @ W + b) * on(v, W, b)).sum(1),
                "the hidden units are summed out",
            ),
            (lambda v, W, a, b: -v @ a - F.relu(v @ W + b).sum(1), "this is the lowest energy"),
            (lambda v, W, a, b: -v @ a - (v @ W + b).sum(1), "with every hidden unit on"),
            (lambda v, W, a, b: -v @ a - F.softplus(-v @ W - b).sum(1), "not e^-u"),
            (lambda v, W, a, b: -v @ a + on(v, W, b).log().sum(1), "of four rows should be"),
            (lambda v, W, a, b: -v @ a + F.logsigmoid(v @ W + b).sum(1), "not e^-u"),
            (
                lambda v, W, a, b: -v @ a - (1 + (v @ W + b).exp()).sum(1),
                "the logarithm is missing",
            ),
            (
                lambda v, W, a, b: -v @ a - (1 + (v @ W + b).exp().sum(1)).log(),
                "not one logarithm of the sum",
            ),
            (lambda v, W, a, b: -v @ a - F.softplus(v @ W + b).mean(1), "sum over the hidden"),
            (lambda v, W, a, b: free_energy(v, W, a, b).sum(), "do not add up the batch"),
            (lambda v, W, a, b: free_energy(v, W, a, b).mean(), "no mean over the batch"),
            (lambda v, W, a, b: free_energy(v, W, a, b)[0], "the shape should be (2,)"),
            (lambda v, W, a, b: free_energy(v, W, a, b)[:, None], "in the shape (2, 1)"),
            (lambda v, W, a, b: -v @ a - (1 + (v @ W + b).exp()).log().sum(1), "near 1000"),
            (free_energy_by_one_largest, "near 1000"),
            (lambda v, W, a, b: -v @ a - F.softplus(v @ W + b), "add up the hidden units"),
            (lambda v, W, a, b: -v @ a - F.softplus(v @ W[:, :2] + b[:2]).sum(1), "of other"),
            (lambda v, W, a, b: free_energy(v, W.T, a, b), "raises RuntimeError"),
            (lambda v, W, a, b: ..., "not written yet"),
        ],
    ),
    (
        check.half_step,
        [
            solution_half_step,
            half_step_by_loop,
            lambda v, W, b, e: torch.heaviside(on(v, W, b) - e, b[:1] * 0),
            lambda v, W, b, e: torch.where(e < on(v, W, b), 1.0, 0.0),
            lambda v, W, b, e: (torch.logit(e) < torch.einsum("bi,ij->bj", v, W) + b).int(),
            lambda v, W, b, e: (F.linear(v, W.T, b).sigmoid() > e).numpy(),
        ],
        [
            (lambda v, W, b, e: on(v, W, b), "these are the probabilities"),
            (lambda v, W, b, e: (e > on(v, W, b)) * 1, "turned round"),
            (lambda v, W, b, e: (on(v, W, b) > 0.5) * 1, "this rounds the probability"),
            (lambda v, W, b, e: (e[0] < on(v, W, b)) * 1, "each row needs noise of its own"),
            (lambda v, W, b, e: e[:, :1] < on(v, W, b), "each unit needs noise of its own"),
            (lambda v, W, b, e: (e < (v @ W).sigmoid()) * 1, "the hidden biases are missing"),
            (lambda v, W, b, e: (e < v @ W + b) * 1, "compare the noise, as it stands"),
            (lambda v, W, b, e: e.sigmoid() < on(v, W, b), "compare the noise, as it stands"),
            (lambda v, W, b, e: e < on(-v, W, -b), "the sign within the sigmoid"),
            (lambda v, W, b, e: e < (v @ W + b).softmax(1), "lets the units compete"),
            (lambda v, W, b, e: (on(v, W, b) - e).sign(), "not -1 and 1"),
            (lambda v, W, b, e: torch.bernoulli(on(v, W, b)), "draw no random numbers"),
            (lambda v, W, b, e: torch.rand(e.shape) < on(v, W, b), "draw no random numbers"),
            (lambda v, W, b, e: (e[: len(b), 0] < on(v, W, b)) * 1, "should be"),
            (half_step_of_four, "half_step of two rows and two hidden units raises IndexError"),
            (lambda v, W, b, e: (e < on(v, W, b)).T, "should be"),
            (lambda v, W, b, e: e[0] < on(v[0], W, b), "the shape should be (4, 2)"),
            (lambda v, W, b, e: (e < on(v, W, b)) * e, "should be"),
            (lambda v, W, b, e: e < b.sigmoid(), "should be"),
            (lambda v, W, b, e: None, "not written yet"),
        ],
    ),
    (
        check.gradient,
        [
            solution_gradient,
            slope,
            slope_by_autograd,
            slope_by_loop,
            slope_by_einsum,
            lambda v, e, W, b: slope(v, e, W, b).tolist(),
        ],
        [
            (lambda v, e, W, b: -slope(v, e, W, b), "the sign is turned"),
            (slope_with_means_of_data, "hidden means of their own"),
            (lambda v, e, W, b: v.T @ on(v, W, b) - e.T @ on(e, W, b), "these are sums"),
            (
                lambda v, e, W, b: (v.T @ on(v, W, b) - e.T @ on(e, W, b)) / len(v),
                "averaged over their own number",
            ),
            (slope_of_means, "multiply first, then average"),
            (lambda v, e, W, b: v.T @ on(v, W, b) / len(v), "what the chains do is missing"),
            (lambda v, e, W, b: -e.T @ on(e, W, b) / len(e), "what the data do is missing"),
            (lambda v, e, W, b: slope(v, e[:0], W, b), "some of it is nan"),
            (
                lambda v, e, W, b: v.T @ on(v, W, b) / len(v) + e.T @ on(e, W, b) / len(e),
                "here both are added",
            ),
            (lambda v, e, W, b: slope(v, e[:1], W, b), "one chain is not enough"),
            (slope_of_states, "not states: no rounding"),
            (lambda *given: slope_of_states(*given, torch.bernoulli), "draw no random numbers"),
            (lambda *given: slope_of_states(*given, torch.logit), "the sigmoid is missing"),
            (lambda v, e, W, b: slope(v, e, W, b).T, "the shape of W"),
            (lambda v, e, W, b: slope(v, e, W, 0 * b), "the hidden biases are missing"),
            (lambda v, e, W, b: slope(v, e, W, b).sum(), "the sum of what is asked for"),
            (lambda v, e, W, b: slope(v, v[-len(e) :], W, b), "should be"),
            (lambda v, e, W, b: slope(v[:4], e, W, b), "gradient of other arguments should be"),
            (lambda v, e, W, b: slope(v, e, W, b) / 2, "half of what it should be"),
            (lambda v, e, W, b: v.mean(0) - e.mean(0), "the shape should be (3, 2)"),
            (lambda v, e, W, b: ..., "not written yet"),
        ],
    ),
]
