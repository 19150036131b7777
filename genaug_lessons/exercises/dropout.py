"""Lesson 02: inverted dropout, the mean over networks, regression under dropout."""

import torch

from genaug_lessons.exercises.check import Case, Exercise

_HIDDEN = torch.tensor([3.0, 1.0, 2.0], dtype=torch.float64)
_MASK = torch.tensor([1.0, 0.0, 1.0], dtype=torch.float64)
_BATCH = torch.tensor([[3.0, 1.0, 2.0], [-1.0, 0.5, 4.0]], dtype=torch.float64)
_MASKS = torch.tensor([[1.0, 1.0, 0.0], [0.0, 1.0, 1.0]], dtype=torch.float64)

drop = Exercise(
    "drop",
    cases=[
        Case(
            (_HIDDEN, _MASK, 0.5),
            2 * _HIDDEN * _MASK,
            "drop([3, 1, 2], [1, 0, 1], 0.5)",
        ),
        Case((_BATCH, _MASKS, 0.2), _BATCH * _MASKS / 0.8, "drop of two examples at p = 0.2"),
    ],
    mistakes={
        "the kept values must be scaled up, or the next layer gets more when testing": (
            lambda h, mask, p: h * mask
        ),
        "the kept values become larger: divide by 1 - p": lambda h, mask, p: h * mask * (1 - p),
        "p is the probability of dropping: what is kept is divided by 1 - p, not by p": (
            lambda h, mask, p: h * mask / p
        ),
        "the mask is turned: it is 1 where a value is kept": (
            lambda h, mask, p: h * (1 - mask) / (1 - p)
        ),
        "nothing has been dropped": lambda h, mask, p: h / (1 - p),
    },
)

_WEIGHTS = torch.tensor([0.5, 0.3, 0.2], dtype=torch.float64)
_LOG_PROBS = torch.tensor(
    [
        [[0.7, 0.2, 0.1], [0.1, 0.1, 0.8]],
        [[0.2, 0.6, 0.2], [0.3, 0.3, 0.4]],
        [[0.4, 0.4, 0.2], [0.5, 0.1, 0.4]],
    ],
    dtype=torch.float64,
).log()  # three networks, two examples, three classes


def _mean_log(log_probs, weights):
    return torch.tensordot(weights, log_probs, 1)


def _geometric(log_probs, weights):
    return _mean_log(log_probs, weights).log_softmax(-1)


geometric_mean = Exercise(
    "geometric_mean",
    cases=[
        Case(
            (_LOG_PROBS[:1], torch.ones(1).double()),
            _LOG_PROBS[0],
            "geometric_mean of a single network",
        ),
        Case(
            (_LOG_PROBS, _WEIGHTS),
            _geometric(_LOG_PROBS, _WEIGHTS),
            "geometric_mean of three networks for two examples",
        ),
    ],
    mistakes={
        "this is the arithmetic mean: average the logarithms, not the probabilities": (
            lambda log_probs, weights: _mean_log(log_probs.exp(), weights).log()
        ),
        "the probabilities of an example no longer sum to 1: renormalise over the classes": (
            _mean_log
        ),
        "each network has its own weight: the probability of its mask": (
            lambda log_probs, weights: log_probs.mean(0).log_softmax(-1)
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


def _solution(x, y, quadratic, penalty, right, identity=False):
    products = x.T @ x
    diagonal = torch.eye(len(products)).double() if identity else products.diagonal().diag()
    return torch.linalg.solve(quadratic * products + penalty * diagonal, right * x.T @ y)


def _regression(x, y, p):
    return _solution(x, y, (1 - p) ** 2, p * (1 - p), 1 - p)


dropout_regression = Exercise(
    "dropout_regression",
    cases=[
        Case((_X, _Y, p), _regression(_X, _Y, p), f"dropout_regression at p = {p}")
        for p in (0.2, 0.5)
    ],
    mistakes={
        "these are the weights of least squares: the penalty is missing, or stands on all of X'X": (
            lambda x, y, p: _solution(x, y, 1, 0, 1)
        ),
        "each weight has its own penalty: the diagonal of X'X, not the identity": (
            lambda x, y, p: _solution(x, y, (1 - p) ** 2, p * (1 - p), 1 - p, identity=True)
        ),
        "q is the probability of keeping, 1 - p: here p and q have changed places": (
            lambda x, y, p: _solution(x, y, p**2, p * (1 - p), p)
        ),
        "on the right stands q X'y: the inputs are smaller by q, the targets are not": (
            lambda x, y, p: _solution(x, y, (1 - p) ** 2, p * (1 - p), 1)
        ),
        "the first term is q squared: both factors of X'X are scaled": (
            lambda x, y, p: _solution(x, y, 1 - p, p * (1 - p), 1 - p)
        ),
        "these are q w, what the network uses when testing: the w of (2.6), please": (
            lambda x, y, p: (1 - p) * _regression(x, y, p)
        ),
    },
)
