"""Lesson 03: standardising, the E step with few labels, the covariances of the M step."""

import torch
from torch.nn import functional as F

from genaug_lessons.exercises.check import Case, Exercise
from genaug_lessons.exercises.draws import normal, sizes, uniform

_TRAIN = torch.tensor([[0.0, 5.0, 1.0], [2.0, 5.0, 1.5], [7.0, 5.0, 1.25]], dtype=torch.float64)
_NEW = torch.tensor([[1.0, 4.0, 1.75], [3.0, 6.5, 0.5]], dtype=torch.float64)


def _scaled(x, centre, spread):
    return (x - centre) / torch.where(spread > 0, spread, 1.0)


def _standardise(x, train):
    return _scaled(x, train.mean(0), train.std(0))


def _all_or_none(x, train):
    return _standardise(x, train) if (train.std(0) > 0).all() else x - train.mean(0)


def _zeroed(x, train):
    return torch.where(train.std(0) > 0, _standardise(x, train), 0.0)


def _columns(rng):
    """Rows whose columns differ in mean, spread and unit; some columns are constant in training.

    The constants are quarters, so that their mean has no rounding and their spread is exactly 0.
    """
    new, old, columns = sizes(rng, 3, least=2, most=6)
    constant = uniform(rng, columns) < 0.25
    unit = torch.where(constant, 1.0, uniform(rng, columns, low=-4, high=2).exp())
    centre = torch.randint(-12, 13, (columns,), generator=rng) / 4
    away = torch.linspace(-1, 1, old)[:, None] + uniform(rng, old, columns, low=-0.3, high=0.3)
    train = centre + torch.where(constant, 0.0, away)
    return unit * (centre + normal(rng, new, columns)), unit * train


standardise = Exercise(
    "standardise",
    _standardise,
    cases=[
        Case("standardise of two new rows", (_NEW[:, ::2], _TRAIN[:, ::2])),
        Case("standardise with a column that is constant in training", (_NEW, _TRAIN)),
    ],
    make=_columns,
    mistakes={
        "mean and spread come from the training rows, also for new ones": (
            lambda x, train: _scaled(x, x.mean(0), x.std(0))
        ),
        "the mean, too, comes from the training rows: here only the spread does": (
            lambda x, train: _scaled(x, x.mean(0), train.std(0))
        ),
        "the spread, too, comes from the training rows: here only the mean does": (
            lambda x, train: _scaled(x, train.mean(0), x.std(0))
        ),
        "only the column that is constant is divided by 1: the others keep their own spread": (
            _all_or_none
        ),
        "this is centring: divide by the standard deviation as well": (
            lambda x, train: x - train.mean(0)
        ),
        "this divides by the variance: its root has the unit of x": (
            lambda x, train: _scaled(x, train.mean(0), train.var(0))
        ),
        "the standard deviation divides by the number of rows less 1, as std(0) does unasked": (
            lambda x, train: _scaled(x, train.mean(0), train.std(0, correction=0))
        ),
        "the training mean is not subtracted": (
            lambda x, train: _scaled(x, torch.zeros_like(train[0]), train.std(0))
        ),
        "one mean and one spread for each column, please: std(0), not std()": (
            lambda x, train: (x - train.mean()) / train.std()
        ),
        "columns are standardised, not rows: the first axis is averaged over": (
            lambda x, train: (x - x.mean(1, keepdim=True)) / x.std(1, keepdim=True)
        ),
        "a column that is constant in training has a spread of 0: divide by 1 there": (
            lambda x, train: (x - train.mean(0)) / train.std(0)
        ),
        "a tiny number in place of the spread 0 still makes the column enormous: divide by 1": (
            lambda x, train: (x - train.mean(0)) / (train.std(0) + 1e-8)
        ),
        "only where the spread is 0 a 1 takes its place: small spreads count, and large ones are "
        "not increased": lambda x, train: (x - train.mean(0)) / train.std(0).clamp_min(1),
        "adding 1 changes all columns: a 1 takes the place of a spread of 0 only": (
            lambda x, train: (x - train.mean(0)) / (train.std(0) + 1)
        ),
        "a column that is constant in training is divided by 1, not set to 0: in new rows it may "
        "differ": _zeroed,
    },
)

_LOG_JOINT = torch.tensor([[-1.0, -3.0, -2.5], [-2.0, -2.0, -4.0], [-3.0, -0.5, -1.0]]).double()
_LABELS = torch.tensor([-1, 2, 0])
_APART = torch.tensor([[0.0], [-1000.0], [-400.0]], dtype=torch.float64)


def _certain(log_joint, y):
    """Responsibility 1 for the label of each row; rows without one come out as class 0."""
    return F.one_hot(y.clamp_min(0), log_joint.shape[1]).to(log_joint)


def _clamped(r, y):
    return torch.where(y[:, None] >= 0, _certain(r, y), r)


def _joint(rng):
    """Rows of log densities from about 0 down to -900, some of them labelled."""
    n, k = sizes(rng, 2, least=2)
    log_joint = normal(rng, n, k) - uniform(rng, n, 1, high=900)
    return log_joint, torch.randint(-1, k, (n,), generator=rng)


responsibilities = Exercise(
    "responsibilities",
    lambda log_joint, y: _clamped(log_joint.softmax(1), y),
    cases=[
        Case("responsibilities of three rows without labels", (_LOG_JOINT, torch.full((3,), -1))),
        Case("responsibilities with labels 2 and 0 in the last rows", (_LOG_JOINT, _LABELS)),
        Case(
            "responsibilities of rows near 0, -1000 and -400, where exp() is 0 but torch.softmax "
            "still works, each row by itself,",
            (_LOG_JOINT + _APART, torch.full((3,), -1)),
        ),
    ],
    make=_joint,
    mistakes={
        "each row must sum to 1: normalise over the components, the second axis": (
            lambda log_joint, y: _clamped(log_joint.softmax(0), y)
        ),
        "each row must sum to 1: normalise over the components, the second axis, and mind the "
        "labels": lambda log_joint, y: log_joint.softmax(0),
        "these are joint densities: divide by their sum over the components": (
            lambda log_joint, y: log_joint.exp()
        ),
        "these are logarithms still": lambda log_joint, y: log_joint.log_softmax(1),
        "a labelled row belongs to its class, with responsibility 1": (
            lambda log_joint, y: log_joint.softmax(1)
        ),
        "a labelled row belongs to its class alone: its other responsibilities are 0": (
            lambda log_joint, y: torch.maximum(
                log_joint.softmax(1), _certain(log_joint, y) * (y[:, None] >= 0)
            )
        ),
        "labelled rows are 0 everywhere: their own class gets 1": (
            lambda log_joint, y: log_joint.softmax(1) * (y[:, None] < 0)
        ),
        "0 is a class like the others: the rows without a label are those with -1": (
            lambda log_joint, y: torch.where(
                y[:, None] > 0, _certain(log_joint, y), log_joint.softmax(1)
            )
        ),
        "the largest responsibility becomes 1 here: a row without a label is shared out": (
            lambda log_joint, y: _clamped(_certain(log_joint, log_joint.argmax(1)), y)
        ),
        "a row without a label, y = -1, is shared out by its densities; y = -1 is no class": (
            lambda log_joint, y: _certain(log_joint, y % log_joint.shape[1])
        ),
    },
)

_X = torch.tensor([[0.0, 1.0], [2.0, 0.0], [1.0, 3.0], [4.0, 2.0]], dtype=torch.float64)
_R = torch.tensor([[0.9, 0.1], [0.5, 0.5], [0.25, 0.75], [0.0, 1.0]], dtype=torch.float64)


def _scatter(x, r, mu):
    away = x[:, None] - mu  # (N, K, D)
    return torch.einsum("nk,nkd,nke->kde", r, away, away)


def _parts(r):
    """N_k, to divide a (K, D, D) by."""
    return r.sum(0)[:, None, None]


def _means(x, r):
    return r.T @ x / r.sum(0)[:, None]


def _covariances(x, r):
    return _scatter(x, r, _means(x, r)) / _parts(r)


def _variances(x, r):
    return _covariances(x, r).diagonal(dim1=1, dim2=2)


def _shared_rows(rng):
    """Rows off the origin, and what the components have of them."""
    n, k, d = sizes(rng, 3, least=2, most=6)
    x = normal(rng, n, d) + uniform(rng, d, low=-2, high=2)
    return x, normal(rng, n, k).softmax(1)


covariances = Exercise(
    "covariances",
    _covariances,
    cases=[
        Case("covariances of four rows and one component", (_X, torch.ones(4, 1))),
        Case("covariances of four rows and two components", (_X, _R)),
    ],
    make=_shared_rows,
    mistakes={
        "divide by N_k, what the component has of the rows, not by N": (
            lambda x, r: _scatter(x, r, _means(x, r)) / len(x)
        ),
        "(3.4) divides by N_k, not by N_k - 1": (
            lambda x, r: _scatter(x, r, _means(x, r)) / (_parts(r) - 1)
        ),
        "the weighted sum is there: divide it by N_k": lambda x, r: _scatter(x, r, _means(x, r)),
        "subtract each component's own mean, not the mean of all rows": (
            lambda x, r: _scatter(x, r, x.mean(0)) / _parts(r)
        ),
        "the means of the components are divided by N_k as well": (
            lambda x, r: _scatter(x, r, r.T @ x) / _parts(r)
        ),
        "the means of the components are divided by N_k as well, not by N": (
            lambda x, r: _scatter(x, r, r.T @ x / len(x)) / _parts(r)
        ),
        "without the means subtracted, these are second moments": (
            lambda x, r: _scatter(x, r, torch.zeros_like(x[:1])) / _parts(r)
        ),
        "r enters once, not squared": lambda x, r: _scatter(x, r**2, _means(x, r)) / _parts(r),
        "all components got the covariance of all rows: each row counts by its share r": (
            lambda x, r: _scatter(x, torch.ones_like(r), x.mean(0)) / len(x)
        ),
        "each row counts by its share r in the products, too, not only in the means": (
            lambda x, r: _scatter(x, torch.ones_like(r), _means(x, r)) / len(x)
        ),
        "these are the variances alone: the products of different features are missing": (
            _variances
        ),
        "off the diagonal these are 0: the products of different features are missing": (
            lambda x, r: torch.diag_embed(_variances(x, r))
        ),
    },
)
