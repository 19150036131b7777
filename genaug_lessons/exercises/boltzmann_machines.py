"""Lesson 07: the free energy, a half-step of the chain, the gradient from data and chains."""

import torch
from torch.nn import functional as F

from genaug_lessons.exercises.check import Case, Exercise

_W = torch.tensor([[1.0, -2.0], [0.5, 1.5], [-1.0, 0.3]], dtype=torch.float64)  # (V, H)
_A = torch.tensor([0.2, -0.4, 0.7], dtype=torch.float64)
_B = torch.tensor([-0.3, 0.6], dtype=torch.float64)
_V = torch.tensor([[1.0, 0, 1], [0, 1, 1], [1, 1, 0], [0, 0, 0]], dtype=torch.float64)
_ENDS = torch.tensor([[1.0, 1, 1], [0, 0, 1]], dtype=torch.float64)
_NOISE = torch.tensor([[0.1, 0.2], [0.9, 0.85], [0.6, 0.3], [0.5, 0.7]], dtype=torch.float64)


def _inputs(v, W, b):
    return b + v @ W


def _free_energy(v, W, a, b):
    return -(v @ a) - F.softplus(_inputs(v, W, b)).sum(1)


free_energy = Exercise(
    "free_energy",
    cases=[
        Case(
            (torch.ones(1, 1).double(), *(torch.zeros(shape).double() for shape in ((1, 1), 1, 1))),
            torch.tensor([-0.6931472]),
            "free_energy of one switch of each kind without weights, -log 2,",
        ),
        Case((_V, _W, _A, _B), _free_energy(_V, _W, _A, _B), "free_energy of four rows"),
        Case(
            (_V, 1000 * _W, _A, _B),
            _free_energy(_V, 1000 * _W, _A, _B),
            "free_energy with inputs near 1000, where exp() is inf but softplus still works,",
        ),
    ],
    mistakes={
        "the sign is turned: (7.4) has two minus signs": (
            lambda v, W, a, b: -_free_energy(v, W, a, b)
        ),
        "the visible biases are missing": (
            lambda v, W, a, b: _free_energy(v, W, torch.zeros_like(a), b)
        ),
        "the hidden biases are missing": (
            lambda v, W, a, b: _free_energy(v, W, a, torch.zeros_like(b))
        ),
        "the hidden units are summed out: log(1 + e^u), not u p(h = 1)": (
            lambda v, W, a, b: -(v @ a) - (_inputs(v, W, b) * _inputs(v, W, b).sigmoid()).sum(1)
        ),
        "sum over the hidden units: a mean is smaller by their number": (
            lambda v, W, a, b: -(v @ a) - F.softplus(_inputs(v, W, b)).mean(1)
        ),
        "one number per row, please: do not add up the batch": (
            lambda v, W, a, b: _free_energy(v, W, a, b).sum()
        ),
    },
)


def _half_step(v, W, b, noise):
    return (noise < _inputs(v, W, b).sigmoid()).double()


half_step = Exercise(
    "half_step",
    cases=[
        Case((_V, _W, _B, _NOISE), _half_step(_V, _W, _B, _NOISE), "half_step of four rows"),
        Case(
            (_V[:2], _W, _B, _NOISE[2:]),
            _half_step(_V[:2], _W, _B, _NOISE[2:]),
            "half_step of two rows and two hidden units",
        ),
    ],
    mistakes={
        "these are the probabilities: draw states, 1 where the noise lies below": (
            lambda v, W, b, noise: _inputs(v, W, b).sigmoid()
        ),
        "turned round: a unit is on where the noise lies below its probability": (
            lambda v, W, b, noise: 1 - _half_step(v, W, b, noise)
        ),
        "this rounds the probability: without noise the chain would not move about": (
            lambda v, W, b, noise: _inputs(v, W, b).sigmoid().round()
        ),
        "each row needs noise of its own": (
            lambda v, W, b, noise: _half_step(v, W, b, noise[:1].expand_as(noise))
        ),
        "the hidden biases are missing": (
            lambda v, W, b, noise: _half_step(v, W, torch.zeros_like(b), noise)
        ),
        "compare the noise with a probability: the sigmoid is missing": (
            lambda v, W, b, noise: (noise < _inputs(v, W, b)).double()
        ),
    },
)


def _moment(v, of, W, b, rows=None):
    """Mean over rows of v h', with the hidden means at `of`."""
    return v.T @ _inputs(of, W, b).sigmoid() / (rows or len(v))


def _gradient(v, ends, W, b):
    return _moment(v, v, W, b) - _moment(ends, ends, W, b)


gradient = Exercise(
    "gradient",
    cases=[
        Case(
            (_V, _V.flip(0)[:2], _W, _B),
            _gradient(_V, _V.flip(0)[:2], _W, _B),
            "gradient from four rows and two of them as the ends of chains",
        ),
        Case((_V, _ENDS, _W, _B), _gradient(_V, _ENDS, _W, _B), "gradient from four rows"),
    ],
    mistakes={
        "the sign is turned: data less chains": (lambda v, ends, W, b: -_gradient(v, ends, W, b)),
        "the ends of the chains have hidden means of their own: not those of the data": (
            lambda v, ends, W, b: (
                _moment(v, v, W, b) - ends.T @ _inputs(v, W, b).sigmoid()[: len(ends)] / len(ends)
            )
        ),
        "these are sums: each is divided by its own number of rows": (
            lambda v, ends, W, b: _moment(v, v, W, b, 1) - _moment(ends, ends, W, b, 1)
        ),
        "chains are averaged over their own number, which need not be that of the rows": (
            lambda v, ends, W, b: _moment(v, v, W, b) - _moment(ends, ends, W, b, len(v))
        ),
        "this is the mean of v times the mean of h: multiply first, then average": (
            lambda v, ends, W, b: (
                torch.outer(v.mean(0), _inputs(v, W, b).sigmoid().mean(0))
                - torch.outer(ends.mean(0), _inputs(ends, W, b).sigmoid().mean(0))
            )
        ),
        "half of it: what the chains do is missing": (lambda v, ends, W, b: _moment(v, v, W, b)),
        "the gradient has the shape of W, (V, H)": (
            lambda v, ends, W, b: _gradient(v, ends, W, b).T
        ),
        "the hidden biases are missing": (
            lambda v, ends, W, b: _gradient(v, ends, W, torch.zeros_like(b))
        ),
    },
)
