"""Lesson 03: standardising, the E step with few labels, the covariances of the M step."""

import torch

from genaug_lessons.exercises.check import Case, Exercise

_TRAIN = torch.tensor([[0.0, 5.0, 1.0], [2.0, 5.0, 3.0], [7.0, 5.0, 2.0]], dtype=torch.float64)
_NEW = torch.tensor([[1.0, 5.0, 4.0], [3.0, 6.0, 0.0]], dtype=torch.float64)


def _standardise(x, train):
    spread = train.std(0)
    return (x - train.mean(0)) / torch.where(spread > 0, spread, 1.0)


def _divided(x, centre, spread):
    return (x - centre) / torch.where(spread > 0, spread, 1.0)


standardise = Exercise(
    "standardise",
    cases=[
        Case(
            (_NEW[:, :1], _TRAIN[:, :1]),
            _standardise(_NEW, _TRAIN)[:, :1],
            "standardise of two new rows, one column,",
        ),
        Case(
            (_NEW[:, 1:], _TRAIN[:, 1:]),
            _standardise(_NEW, _TRAIN)[:, 1:],
            "standardise with a column that is constant in training",
        ),
    ],
    mistakes={
        "mean and spread come from the training rows, also for new ones": (
            lambda x, train: _divided(x, x.mean(0), x.std(0))
        ),
        "this is centring: divide by the standard deviation as well": (
            lambda x, train: x - train.mean(0)
        ),
        "this divides by the variance: its root has the unit of x": (
            lambda x, train: _divided(x, train.mean(0), train.var(0))
        ),
        "the training mean is not subtracted": (
            lambda x, train: _divided(x, torch.zeros_like(train[0]), train.std(0))
        ),
        "one mean and one spread for each column, please: std(0), not std()": (
            lambda x, train: (x - train.mean()) / train.std()
        ),
    },
)

_LOG_JOINT = torch.tensor([[-1.0, -3.0, -2.5], [-2.0, -2.0, -4.0], [-3.0, -0.5, -1.0]]).double()
_Y = torch.tensor([-1, 2, -1])


def _clamped(r, y):
    known = torch.eye(r.shape[1], dtype=r.dtype)[y.clamp_min(0)]
    return torch.where(y[:, None] >= 0, known, r)


responsibilities = Exercise(
    "responsibilities",
    cases=[
        Case(
            (_LOG_JOINT, torch.full((3,), -1)),
            _LOG_JOINT.softmax(1),
            "responsibilities of three rows without labels",
        ),
        Case(
            (_LOG_JOINT, _Y),
            _clamped(_LOG_JOINT.softmax(1), _Y),
            "responsibilities of three rows, the second one labelled 2,",
        ),
        Case(
            (_LOG_JOINT - 1000, _Y),
            _clamped(_LOG_JOINT.softmax(1), _Y),
            "responsibilities for log densities near -1000, where exp() is 0 but torch.softmax "
            "still works,",
        ),
    ],
    mistakes={
        "each row must sum to 1: normalise over the components, the second axis": (
            lambda log_joint, y: log_joint.softmax(0)
        ),
        "these are joint densities: divide by their sum over the components": (
            lambda log_joint, y: log_joint.exp()
        ),
        "these are logarithms still": lambda log_joint, y: log_joint.log_softmax(1),
        "a labelled row belongs to its class, with responsibility 1": (
            lambda log_joint, y: log_joint.softmax(1)
        ),
        "a row without a label, y = -1, is shared out by its densities; y = -1 is no class": (
            lambda log_joint, y: torch.eye(log_joint.shape[1], dtype=log_joint.dtype)[y]
        ),
    },
)

_X = torch.tensor([[0.0, 1.0], [2.0, 0.0], [1.0, 3.0], [4.0, 2.0]], dtype=torch.float64)
_R = torch.tensor([[0.9, 0.1], [0.5, 0.5], [0.25, 0.75], [0.0, 1.0]], dtype=torch.float64)


def _scatter(x, r, mu):
    away = x[:, None] - mu  # (N, K, D)
    return torch.einsum("nk,nkd,nke->kde", r, away, away)


def _means(x, r):
    return r.T @ x / r.sum(0)[:, None]


def _covariances(x, r):
    return _scatter(x, r, _means(x, r)) / r.sum(0)[:, None, None]


covariances = Exercise(
    "covariances",
    cases=[
        Case(
            (_X, torch.ones(4, 1).double()),
            _X.T.cov(correction=0)[None],
            "covariances of four rows and one component",
        ),
        Case((_X, _R), _covariances(_X, _R), "covariances of four rows and two components"),
    ],
    mistakes={
        "divide by N_k, what the component has of the rows, not by N": (
            lambda x, r: _scatter(x, r, _means(x, r)) / len(x)
        ),
        "(3.4) divides by N_k, not by N_k - 1": (
            lambda x, r: _scatter(x, r, _means(x, r)) / (r.sum(0) - 1)[:, None, None]
        ),
        "the weighted sum is there: divide it by N_k": lambda x, r: _scatter(x, r, _means(x, r)),
        "subtract each component's own mean, not the mean of all rows": (
            lambda x, r: _scatter(x, r, x.mean(0)) / r.sum(0)[:, None, None]
        ),
        "without the means subtracted, these are second moments": (
            lambda x, r: _scatter(x, r, torch.zeros_like(x[:1])) / r.sum(0)[:, None, None]
        ),
        "r enters once, not squared": (
            lambda x, r: _scatter(x, r**2, _means(x, r)) / r.sum(0)[:, None, None]
        ),
        "these are the variances alone: the products of different features are missing": (
            lambda x, r: torch.diagonal(_covariances(x, r), dim1=1, dim2=2)
        ),
    },
)
