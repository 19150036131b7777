"""Lesson 08: weights turned around, one pass down the stack, the bound."""

import torch

from genaug_lessons.exercises.check import Case, Exercise
from genaug_lessons.exercises.draws import normal, number, sizes, states, uniform

_W = torch.tensor([[1.0, -2.0], [0.5, 1.5], [-1.0, 0.3]], dtype=torch.float64)  # (V, H1)
_A = torch.tensor([0.2, -0.4, 0.7], dtype=torch.float64)
_B = torch.tensor([-0.3, 0.6], dtype=torch.float64)
_W2 = torch.tensor([[0.8, -1.2, 0.4], [-0.6, 1.1, 2.0]], dtype=torch.float64)  # (H1, H2)
_A2 = torch.tensor([0.5, -0.9], dtype=torch.float64)
_H2 = torch.tensor([[1.0, 0, 1], [0, 1, 1], [0, 0, 0], [1, 1, 0]], dtype=torch.float64)
_NOISE = torch.tensor([[0.1, 0.7], [0.9, 0.6], [0.6, 0.5], [0.3, 0.2]], dtype=torch.float64)
_LOG_P = torch.tensor([[-2.0, -4.0, -3.0, -6.0], [-1.5, -2.5, -7.0, -5.0]], dtype=torch.float64)
_Q = torch.tensor([[0.5, 0.2, 0.2, 0.1], [0.6, 0.1, 0.2, 0.1]], dtype=torch.float64)
_SURE = torch.tensor([[0.4, 0.6, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0]], dtype=torch.float64)


def _machine(rng):
    """Weights and biases of a Boltzmann machine."""
    visible, hidden = sizes(rng, 2)
    return normal(rng, visible, hidden), normal(rng, visible), normal(rng, hidden)


transpose = Exercise(
    "transpose",
    lambda W, a, b: (W.T, b, a),
    cases=[Case("transpose for 3 visible and 2 hidden units", (_W, _A, _B))],
    make=_machine,
    mistakes={
        "the biases change places, too: the upper machine's visible units are the hidden ones": (
            lambda W, a, b: (W.T, a, b)
        ),
        "W is turned around as well: rows are the upper machine's visible units": (
            lambda W, a, b: (W, b, a)
        ),
        "nothing is turned around": lambda W, a, b: (W, a, b),
        "no sign changes: the energy stays as it was": lambda W, a, b: (-W.T, -b, -a),
        "the weights need no other sign: the energy stays as it was": (
            lambda W, a, b: (-W.T, b, a)
        ),
        "W has the right shape, but its numbers are read on in their old order: that is no "
        "transpose": lambda W, a, b: (W.reshape(W.shape[::-1]), b, a),
        "the weights are one of three results: the two biases belong to the machine": (
            lambda W, a, b: W.T
        ),
    },
)


def _input(h, W, a):
    return a + h @ W.T


def _below(h, W, a):
    return _input(h, W, a).sigmoid()


def _drawn(h2, W2, a2, noise):
    return (noise < _below(h2, W2, a2)).to(noise)


def _pass_down(h2, W2, a2, W1, a1, noise):
    return _below(_drawn(h2, W2, a2, noise), W1, a1)


def _stack(rng):
    """States on top, two layers below, and noise that comes near no chance."""
    batch, top, middle, visible = sizes(rng, 4, most=6)
    h2 = states(rng, batch, top)
    W2, a2 = normal(rng, middle, top), normal(rng, middle)
    W1, a1 = normal(rng, visible, middle), normal(rng, visible)
    noise = uniform(rng, batch, middle)
    near = (noise - _below(h2, W2, a2)).abs() < 0.01
    away = torch.where(noise < 0.5, noise + 0.02, noise - 0.02)
    return h2, W2, a2, W1, a1, torch.where(near, away, noise)


pass_down = Exercise(
    "pass_down",
    _pass_down,
    cases=[Case("pass_down of four rows", (_H2, _W2, _A2, _W, _A, _NOISE))],
    make=_stack,
    mistakes={
        "draw h1: states of zeros and ones go down, not their chances": (
            lambda h2, W2, a2, W1, a1, noise: _below(_below(h2, W2, a2), W1, a1)
        ),
        "this rounds the chances of h1: draw, 1 where the noise lies below": (
            lambda h2, W2, a2, W1, a1, noise: _below(_below(h2, W2, a2).round(), W1, a1)
        ),
        "turned round: a unit is on where the noise lies below its chance": (
            lambda h2, W2, a2, W1, a1, noise: _below(1 - _drawn(h2, W2, a2, noise), W1, a1)
        ),
        "the noise, between 0 and 1, is compared with the input of h1: its chance is the sigmoid": (
            lambda h2, W2, a2, W1, a1, noise: _below((noise < _input(h2, W2, a2)).to(noise), W1, a1)
        ),
        "h1 consists of zeros and ones, not of -1 and 1": (
            lambda h2, W2, a2, W1, a1, noise: _below(2 * _drawn(h2, W2, a2, noise) - 1, W1, a1)
        ),
        "the biases a2 are missing": (
            lambda h2, W2, a2, W1, a1, noise: _pass_down(h2, W2, 0 * a2, W1, a1, noise)
        ),
        "the biases a1 are missing": (
            lambda h2, W2, a2, W1, a1, noise: _pass_down(h2, W2, a2, W1, 0 * a1, noise)
        ),
        "the biases of both layers are missing": (
            lambda h2, W2, a2, W1, a1, noise: _pass_down(h2, W2, 0 * a2, W1, 0 * a1, noise)
        ),
        "chances lie between 0 and 1: the last sigmoid is missing": (
            lambda h2, W2, a2, W1, a1, noise: _input(_drawn(h2, W2, a2, noise), W1, a1)
        ),
        "the chances of v are asked for: these are rounded": (
            lambda h2, W2, a2, W1, a1, noise: _pass_down(h2, W2, a2, W1, a1, noise).round()
        ),
        "these are the states of h1: one more layer down": (
            lambda h2, W2, a2, W1, a1, noise: _drawn(h2, W2, a2, noise)
        ),
        "these are the chances of h1: draw it, and go one more layer down": (
            lambda h2, W2, a2, W1, a1, noise: _below(h2, W2, a2)
        ),
    },
)


def _bound(log_p, q):
    return (q * log_p - torch.xlogy(q, q)).sum(1)


def _pictures(rng):
    """Log chances of some rows, and a q with zeros where it would lie below a tenth."""
    shape = sizes(rng, 2, most=6)
    q = (normal(rng, *shape).softmax(1) - 0.1).relu()
    return -normal(rng, *shape).abs() - number(rng, 0, 20), q / q.sum(1, keepdim=True)


lower_bound = Exercise(
    "lower_bound",
    _bound,
    cases=[
        Case("lower_bound of two pictures and four states", (_LOG_P, _Q)),
        Case(
            "lower_bound where q is the posterior and p(v) = 1, log 1,",
            (_LOG_P.log_softmax(1), _LOG_P.softmax(1)),
        ),
        Case(
            "lower_bound where some q are 0, which add nothing (torch.xlogy knows),",
            (_LOG_P, _SURE),
        ),
    ],
    make=_pictures,
    mistakes={
        "half of it: what log q adds is missing": lambda log_p, q: (q * log_p).sum(1),
        "half of it: what log p(v, h) adds is missing": lambda log_p, q: _bound(0 * log_p, q),
        "the sign of log q is turned: it is taken off": (
            lambda log_p, q: (q * log_p + torch.xlogy(q, q)).sum(1)
        ),
        "the bound lies below log p(v) and is raised: no minus in front, as a loss would have": (
            lambda log_p, q: -_bound(log_p, q)
        ),
        "this is log p(v) itself, the sum over all states; the bound is a mean under q": (
            lambda log_p, q: log_p.logsumexp(1)
        ),
        "this is the gap between the bound and log p(v), a KL divergence, not the bound": (
            lambda log_p, q: log_p.logsumexp(1) - _bound(log_p, q)
        ),
        "weighted with q the states are added up: a mean over them is smaller by their number": (
            lambda log_p, q: _bound(log_p, q) / q.shape[1]
        ),
        "a state counts by its q: here all count alike": lambda log_p, q: (log_p - q.log()).sum(1),
        "log q is taken off, weighted with q like log p: here log q counts alike everywhere": (
            lambda log_p, q: (q * log_p - q.log()).sum(1)
        ),
        "q itself is taken off: it should be its logarithm": (
            lambda log_p, q: (q * (log_p - q)).sum(1)
        ),
        "log_p is a logarithm already: no exp": lambda log_p, q: _bound(log_p.exp(), q),
        "the logarithm of a mean is no mean of logarithms: log_p stays as it is": (
            lambda log_p, q: (q * log_p.exp()).sum(1).log()
        ),
        "the states are the columns: add up over them, and keep the pictures apart": (
            lambda log_p, q: (q * log_p - torch.xlogy(q, q)).sum(0)
        ),
        "one number per picture, please: do not add up the batch": (
            lambda log_p, q: _bound(log_p, q).sum()
        ),
        "one number per picture, please: no mean over the batch": (
            lambda log_p, q: _bound(log_p, q).mean()
        ),
    },
)
