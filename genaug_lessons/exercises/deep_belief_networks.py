"""Lesson 08: weights turned around, one pass down the stack, the bound."""

import torch

from genaug_lessons.exercises.check import Case, Exercise

_W = torch.tensor([[1.0, -2.0], [0.5, 1.5], [-1.0, 0.3]], dtype=torch.float64)  # (V, H1)
_A = torch.tensor([0.2, -0.4, 0.7], dtype=torch.float64)
_B = torch.tensor([-0.3, 0.6], dtype=torch.float64)
_W2 = torch.tensor([[0.8, -1.2, 0.4], [-0.6, 1.1, 2.0]], dtype=torch.float64)  # (H1, H2)
_A2 = torch.tensor([0.5, -0.9], dtype=torch.float64)
_H2 = torch.tensor([[1.0, 0, 1], [0, 1, 1], [0, 0, 0], [1, 1, 0]], dtype=torch.float64)
_NOISE = torch.tensor([[0.1, 0.7], [0.9, 0.6], [0.6, 0.5], [0.3, 0.2]], dtype=torch.float64)

transpose = Exercise(
    "transpose",
    cases=[
        Case((_W, _A, _B), (_W.T, _B, _A), "transpose for 3 visible and 2 hidden units"),
    ],
    mistakes={
        "the biases change places, too: the upper machine's visible units are the hidden ones": (
            lambda W, a, b: (W.T, a, b)
        ),
        "W is turned around as well: rows are the upper machine's visible units": (
            lambda W, a, b: (W, b, a)
        ),
        "nothing is turned around": (lambda W, a, b: (W, a, b)),
        "no sign changes: the energy stays as it was": (lambda W, a, b: (-W.T, -b, -a)),
    },
)


def _below(h, W, a):
    return (a + h @ W.T).sigmoid()


def _pass_down(h2, W2, a2, W1, a1, noise):
    return _below((noise < _below(h2, W2, a2)).double(), W1, a1)


pass_down = Exercise(
    "pass_down",
    cases=[
        Case(
            (_H2, _W2, _A2, _W, _A, _NOISE),
            _pass_down(_H2, _W2, _A2, _W, _A, _NOISE),
            "pass_down of four rows",
        ),
        Case(
            (_H2[:2], _W2, _A2, _W, _A, _NOISE[2:]),
            _pass_down(_H2[:2], _W2, _A2, _W, _A, _NOISE[2:]),
            "pass_down of two rows",
        ),
    ],
    mistakes={
        "draw h1: states of zeros and ones go down, not their chances": (
            lambda h2, W2, a2, W1, a1, noise: _below(_below(h2, W2, a2), W1, a1)
        ),
        "this rounds the chances of h1: draw, 1 where the noise lies below": (
            lambda h2, W2, a2, W1, a1, noise: _below(_below(h2, W2, a2).round(), W1, a1)
        ),
        "turned round: a unit is on where the noise lies below its chance": (
            lambda h2, W2, a2, W1, a1, noise: _below((noise >= _below(h2, W2, a2)).double(), W1, a1)
        ),
        "the biases a2 are missing": (
            lambda h2, W2, a2, W1, a1, noise: _pass_down(h2, W2, 0 * a2, W1, a1, noise)
        ),
        "the biases a1 are missing": (
            lambda h2, W2, a2, W1, a1, noise: _pass_down(h2, W2, a2, W1, 0 * a1, noise)
        ),
        "chances lie between 0 and 1: the last sigmoid is missing": (
            lambda h2, W2, a2, W1, a1, noise: _pass_down(h2, W2, a2, W1, a1, noise).logit()
        ),
        "these are the states of h1: one more layer down": (
            lambda h2, W2, a2, W1, a1, noise: (noise < _below(h2, W2, a2)).double()
        ),
    },
)

_LOG_P = torch.tensor([[-2.0, -4.0, -3.0, -6.0], [-1.5, -2.5, -7.0, -5.0]], dtype=torch.float64)
_Q = torch.tensor([[0.5, 0.2, 0.2, 0.1], [0.6, 0.1, 0.2, 0.1]], dtype=torch.float64)
_SURE = torch.tensor([[0.5, 0.5, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0]], dtype=torch.float64)


def _bound(log_p, q):
    return (q * log_p - torch.xlogy(q, q)).sum(1)


bound = Exercise(
    "bound",
    cases=[
        Case((_LOG_P, _Q), _bound(_LOG_P, _Q), "bound of two pictures and four states"),
        Case(
            (_LOG_P.log_softmax(1), _LOG_P.softmax(1)),
            torch.zeros(2),
            "bound where q is the posterior and p(v) = 1, log 1,",
        ),
        Case(
            (_LOG_P, _SURE),
            _bound(_LOG_P, _SURE),
            "bound where some q are 0, which add nothing (torch.xlogy knows),",
        ),
    ],
    mistakes={
        "half of it: what log q adds is missing": (lambda log_p, q: (q * log_p).sum(1)),
        "the sign of log q is turned: it is taken off": (
            lambda log_p, q: (q * log_p + torch.xlogy(q, q)).sum(1)
        ),
        "this is log p(v) itself, the sum over all states; the bound is a mean under q": (
            lambda log_p, q: log_p.logsumexp(1)
        ),
        "weighted with q the states are added up: a mean over them is smaller by their number": (
            lambda log_p, q: _bound(log_p, q) / q.shape[1]
        ),
        "every state counts by its q": (lambda log_p, q: (log_p - q.log()).sum(1)),
        "one number per picture, please: do not add up the batch": (
            lambda log_p, q: _bound(log_p, q).sum()
        ),
    },
)
