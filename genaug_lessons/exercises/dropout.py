"""Lesson 02: inverted dropout, the mean over networks, regression under dropout."""

import torch

from genaug_lessons.exercises.check import Case, Exercise
from genaug_lessons.exercises.draws import normal, number, size, sizes, uniform

_HIDDEN = torch.tensor([3.0, 1.0, 2.0], dtype=torch.float64)
_MASK = torch.tensor([1.0, 0.0, 1.0], dtype=torch.float64)
_BATCH = torch.tensor([[3.0, 1.0, 2.0], [-1.0, 0.5, 4.0]], dtype=torch.float64)
_MASKS = torch.tensor([[1.0, 1.0, 0.0], [0.0, 1.0, 1.0]], dtype=torch.float64)


def _masked(rng):
    """Hidden values, a mask that keeps one at least and drops one, and p."""
    h, p = normal(rng, *sizes(rng, 2, least=2)), number(rng, 0.05, 0.9)
    mask = (uniform(rng, *h.shape) >= p).double()
    mask[0, 0], mask[-1, -1] = 1, 0
    return h, mask, p


drop = Exercise(
    "drop",
    lambda h, mask, p: h * mask / (1 - p),
    cases=[
        Case("drop of three values", (_HIDDEN, _MASK, 0.25)),
        Case("drop of two examples", (_BATCH, _MASKS, 0.2)),
    ],
    make=_masked,
    mistakes={
        "the kept values must be scaled up, or the next layer gets more when testing": (
            lambda h, mask, p: h * mask
        ),
        "the kept values become larger: divide by 1 - p": lambda h, mask, p: h * mask * (1 - p),
        "p is the probability of dropping: what is kept is divided by 1 - p, not by p": (
            lambda h, mask, p: h * mask / p
        ),
        "twice as much is right at p = 0.5 only: the factor follows p": (
            lambda h, mask, p: h * mask * 2
        ),
        "1 - p stands without a root: the mean is kept, not the spread": (
            lambda h, mask, p: h * mask / (1 - p) ** 0.5
        ),
        "divide by the chance of being kept, 1 - p, not by the share that this mask keeps": (
            lambda h, mask, p: h * mask / mask.mean()
        ),
        "the mask is turned: it is 1 where a value is kept": (
            lambda h, mask, p: h * (1 - mask) / (1 - p)
        ),
        "nothing has been dropped": lambda h, mask, p: h / (1 - p),
        "these are the values as they are when testing": lambda h, mask, p: h,
    },
)

_WEIGHTS = torch.tensor([0.7, 0.3], dtype=torch.float64)
_ONE = torch.tensor([[[0.7, 0.2, 0.1], [0.1, 0.1, 0.8]]], dtype=torch.float64).log()
_TWO = torch.tensor(  # two networks, two examples, two classes
    [[[0.8, 0.2], [0.1, 0.9]], [[0.3, 0.7], [0.4, 0.6]]], dtype=torch.float64
).log()


def _mean_log(log_probs, weights):
    return torch.tensordot(weights, log_probs, 1)


def _geometric(log_probs, weights):
    return _mean_log(log_probs, weights).log_softmax(-1)


def _misaligned(log_probs, weights):
    """The weights lined up with some other axis than the networks."""
    return (weights * log_probs).sum(0).log_softmax(-1)


def _networks(rng):
    shape = sizes(rng, 3, least=2)
    weights = uniform(rng, shape[0], low=-1.5).softmax(0)
    return (1.5 * normal(rng, *shape)).log_softmax(-1), weights


geometric_mean = Exercise(
    "geometric_mean",
    _geometric,
    cases=[
        Case("geometric_mean of a single network", (_ONE, torch.ones(1))),
        Case("geometric_mean of two networks, two examples, two classes,", (_TWO, _WEIGHTS)),
    ],
    make=_networks,
    mistakes={
        "this is the arithmetic mean: average the logarithms, not the probabilities": (
            lambda log_probs, weights: _mean_log(log_probs.exp(), weights).log()
        ),
        "the probabilities of an example no longer sum to 1: renormalise over the classes": (
            _mean_log
        ),
        "the weights have no effect: each has to multiply the logarithms of its network": (
            lambda log_probs, weights: log_probs.mean(0).log_softmax(-1)
        ),
        "the weights have no effect, and a sum is no mean: each multiplies the logarithms of its "
        "network": lambda log_probs, weights: log_probs.sum(0).log_softmax(-1),
        "the weights sum to 1 already: add up, without dividing by the number of networks": (
            lambda log_probs, weights: (_mean_log(log_probs, weights) / len(weights)).log_softmax(
                -1
            )
        ),
        "the weights met the classes: torch lines shapes up from the right, so give them the "
        "shape (M, 1, 1)": _misaligned,
        "the weights met the examples: they need the shape (M, 1, 1)": (
            lambda log_probs, weights: _misaligned(log_probs, weights[:, None])
        ),
        "the classes are the last axis: renormalise over those, not over the examples": (
            lambda log_probs, weights: _mean_log(log_probs, weights).log_softmax(0)
        ),
        "log probabilities, please: these are probabilities": (
            lambda log_probs, weights: _geometric(log_probs, weights).exp()
        ),
    },
)

_X = torch.tensor(
    [[1.0, 2.0], [-1.0, 0.5], [0.5, 1.0], [2.0, 1.0], [0.0, 3.0]], dtype=torch.float64
)
_Y = torch.tensor([1.0, -2.0, 0.5, 3.0, 1.5], dtype=torch.float64)


def _solution(x, y, quadratic, penalty, right):
    """The w at which the slope of (2.6) is 0; the penalty is a matrix or a number."""
    return torch.linalg.solve(quadratic * x.T @ x + penalty, right * x.T @ y)


def _diagonal(x):
    return x.square().sum(0).diag()


def _regression(x, y, p):
    return _solution(x, y, (1 - p) ** 2, p * (1 - p) * _diagonal(x), 1 - p)


def _penalised(penalty):
    """The regression with another penalty, a function of x and p."""
    return lambda x, y, p: _solution(x, y, (1 - p) ** 2, penalty(x, p), 1 - p)


def _not_solved(x, y, p):
    q = 1 - p
    return (q**2 * x.T @ x + q * p * _diagonal(x)) @ (q * x.T @ y)


def _rows(rng):
    """More rows than inputs, which differ in scale."""
    n, more = size(rng, 1, 4), size(rng, 4, 8)
    x = normal(rng, n + more, n) * uniform(rng, n, low=0.5, high=2)
    return x, normal(rng, n + more), number(rng, 0.1, 0.8)


regression_weights = Exercise(
    "regression_weights",
    _regression,
    cases=[
        Case("regression_weights of five rows, two inputs,", (_X, _Y, 0.2)),
        Case("regression_weights at another p", (_X, _Y, 0.6)),
    ],
    make=_rows,
    mistakes={
        "these are the weights of least squares: the penalty is missing, or stands on all of X'X": (
            lambda x, y, p: _solution(x, y, 1, 0, 1)
        ),
        "each weight has its own penalty: the diagonal of X'X, not the identity": (
            _penalised(lambda x, p: p * (1 - p) * torch.eye(x.shape[1]).to(x))
        ),
        "the diagonal taken out of a matrix is a vector, and + adds it to every row: a second "
        "diag makes it a matrix again": (_penalised(lambda x, p: p * (1 - p) * x.square().sum(0))),
        "the penalty has the factor q p, not p alone": _penalised(lambda x, p: p * _diagonal(x)),
        "the penalty adds up over the rows, as X'X does: here it is their mean": (
            _penalised(lambda x, p: p * (1 - p) * _diagonal(x) / len(x))
        ),
        "the penalty is missing: q p times the diagonal of X'X": _penalised(lambda x, p: 0),
        "q is the probability of keeping, 1 - p: here p and q have changed places": (
            lambda x, y, p: _regression(x, y, 1 - p)
        ),
        "on the right stands q X'y: the inputs are smaller by q, the targets are not": (
            lambda x, y, p: _regression(x, y, p) / (1 - p)
        ),
        "the first term is q squared: both factors of X'X are scaled": (
            lambda x, y, p: _solution(x, y, 1 - p, p * (1 - p) * _diagonal(x), 1 - p)
        ),
        "the first term is q squared: X'X is not scaled at all": (
            lambda x, y, p: _solution(x, y, 1, p * (1 - p) * _diagonal(x), 1 - p)
        ),
        "these are q w, what the network uses when testing: the w of (2.6), please": (
            lambda x, y, p: (1 - p) * _regression(x, y, p)
        ),
        "the inverse is missing: solve, do not multiply by the matrix": _not_solved,
    },
)
