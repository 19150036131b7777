"""Lesson 07: the free energy, a half-step of the chain, the gradient from data and chains."""

import torch
from torch.nn import functional as F

from genaug_lessons.exercises.check import Case, Exercise
from genaug_lessons.exercises.draws import normal, sizes, states, uniform

_W = torch.tensor([[1.0, -2.0], [0.5, 1.5], [-1.0, 0.3]], dtype=torch.float64)  # (V, H)
_A = torch.tensor([0.2, -0.4, 0.7], dtype=torch.float64)
_B = torch.tensor([-0.3, 0.6], dtype=torch.float64)
_V = torch.tensor([[1.0, 0, 1], [0, 1, 1], [1, 1, 0], [0, 0, 0]], dtype=torch.float64)
_ENDS = torch.tensor([[1.0, 1, 1], [0, 0, 1], [1, 1, 0], [0, 1, 0]], dtype=torch.float64)
_NOISE = torch.tensor([[0.1, 0.2], [0.9, 0.85], [0.6, 0.3], [0.5, 0.7]], dtype=torch.float64)
_OFF_AND_ON = torch.tensor([[0.0], [1.0]], dtype=torch.float64)


def _rows(rng, count, visible):
    """Rows of states; not all of them zeros."""
    rows = states(rng, count, visible)
    return rows if rows.any() else rows + 1


def _inputs(v, W, b):
    return b + v @ W


def _chances(v, W, b):
    return _inputs(v, W, b).sigmoid()


def _free_energy(v, W, a, b):
    return -(v @ a) - F.softplus(_inputs(v, W, b)).sum(1)


def _rows_and_machine(rng):
    visible, rows, hidden = sizes(rng, 3)
    v, W = _rows(rng, rows, visible), normal(rng, visible, hidden)
    return v, W, normal(rng, visible), normal(rng, hidden)


free_energy = Exercise(
    "free_energy",
    _free_energy,
    cases=[
        Case(
            "free_energy without weights, of a switch off and on with a = 1 and two hidden ones, "
            "-2 log 2 and one less,",
            (_OFF_AND_ON, torch.zeros(1, 2), torch.ones(1), torch.zeros(2)),
        ),
        Case("free_energy of four rows", (_V, _W, _A, _B)),
        Case(
            "free_energy with inputs near 1000, where exp() is inf but softplus still works,",
            (_V, 1000 * _W, _A, _B),
        ),
    ],
    make=_rows_and_machine,
    mistakes={
        "the sign is turned: (7.4) has two minus signs": (
            lambda v, W, a, b: -_free_energy(v, W, a, b)
        ),
        "the visible term has a minus sign, too": (
            lambda v, W, a, b: 2 * (v @ a) + _free_energy(v, W, a, b)
        ),
        "the hidden term has a minus sign, too": (
            lambda v, W, a, b: -2 * (v @ a) - _free_energy(v, W, a, b)
        ),
        "the visible biases are missing": (
            lambda v, W, a, b: _free_energy(v, W, torch.zeros_like(a), b)
        ),
        "the hidden biases are missing": (
            lambda v, W, a, b: _free_energy(v, W, a, torch.zeros_like(b))
        ),
        "the hidden units are summed out: log(1 + e^u), not u p(h = 1)": (
            lambda v, W, a, b: -(v @ a) - (_inputs(v, W, b) * _chances(v, W, b)).sum(1)
        ),
        "this is the lowest energy that the hidden units can reach: sum over both of their "
        "states": lambda v, W, a, b: -(v @ a) - _inputs(v, W, b).relu().sum(1),
        "this is the energy (7.1) with every hidden unit on: sum over both of their states": (
            lambda v, W, a, b: -(v @ a) - _inputs(v, W, b).sum(1)
        ),
        "in the logarithm of (7.4) stands e^u, not e^-u": (
            lambda v, W, a, b: -(v @ a) - F.softplus(-_inputs(v, W, b)).sum(1)
        ),
        "the logarithm is missing": lambda v, W, a, b: (
            -(v @ a) - (1 + _inputs(v, W, b).exp()).sum(1)
        ),
        "one logarithm per hidden unit, then the sum: not one logarithm of the sum": (
            lambda v, W, a, b: -(v @ a) - (1 + _inputs(v, W, b).exp().sum(1)).log()
        ),
        "sum over the hidden units: a mean is smaller by their number": (
            lambda v, W, a, b: -(v @ a) - F.softplus(_inputs(v, W, b)).mean(1)
        ),
        "one number per row, please: add up the hidden units": (
            lambda v, W, a, b: -(v @ a) - F.softplus(_inputs(v, W, b))
        ),
        "one number per row, please: do not add up the batch": (
            lambda v, W, a, b: _free_energy(v, W, a, b).sum()
        ),
        "one number per row, please: no mean over the batch": (
            lambda v, W, a, b: _free_energy(v, W, a, b).mean()
        ),
    },
)


def _half_step(v, W, b, noise):
    return (noise < _chances(v, W, b)).to(v)


def _rows_machine_and_noise(rng):
    """Noise that lies clear of the chances, which rounding must not decide."""
    visible, rows, hidden = sizes(rng, 3)
    v, W, b = _rows(rng, rows, visible), normal(rng, visible, hidden), normal(rng, hidden)
    noise, chances = uniform(rng, rows, hidden), _chances(v, W, b)
    return v, W, b, torch.where((noise - chances).abs() < 0.01, (chances + 0.5) % 1, noise)


half_step = Exercise(
    "half_step",
    _half_step,
    cases=[
        Case("half_step of four rows", (_V, _W, _B, _NOISE)),
        Case("half_step of two rows and two hidden units", (_V[:2], _W, _B, _NOISE[2:])),
    ],
    make=_rows_machine_and_noise,
    mistakes={
        "these are the probabilities: draw states, 1 where the noise lies below": (
            lambda v, W, b, noise: _chances(v, W, b)
        ),
        "turned round: a unit is on where the noise lies below its probability": (
            lambda v, W, b, noise: 1 - _half_step(v, W, b, noise)
        ),
        "this rounds the probability: without noise the chain would not move about": (
            lambda v, W, b, noise: _chances(v, W, b).round()
        ),
        "each row needs noise of its own": (
            lambda v, W, b, noise: _half_step(v, W, b, noise[:1].expand_as(noise))
        ),
        "each unit needs noise of its own": (
            lambda v, W, b, noise: _half_step(v, W, b, noise[:, :1].expand_as(noise))
        ),
        "the hidden biases are missing": (
            lambda v, W, b, noise: _half_step(v, W, torch.zeros_like(b), noise)
        ),
        "compare the noise, as it stands, with a chance, the sigmoid of the input": (
            lambda v, W, b, noise: (noise < _inputs(v, W, b)).to(v)
        ),
        "the sign within the sigmoid is turned": (
            lambda v, W, b, noise: (noise < 1 - _chances(v, W, b)).to(v)
        ),
        "a softmax lets the units compete: each has a sigmoid of its own": (
            lambda v, W, b, noise: (noise < _inputs(v, W, b).softmax(1)).to(v)
        ),
        "the states are 0 and 1, not -1 and 1": (
            lambda v, W, b, noise: 2 * _half_step(v, W, b, noise) - 1
        ),
    },
)


def _moment(v, of, W, b, rows=None):
    """Mean over rows of v h', with the hidden means at `of`."""
    return v.T @ _chances(of, W, b) / (rows or len(v))


def _gradient(v, ends, W, b):
    return _moment(v, v, W, b) - _moment(ends, ends, W, b)


def _rounded_moment(v, W, b):
    return v.T @ _chances(v, W, b).round() / len(v)


def _product_of_means(v, W, b):
    return torch.outer(v.mean(0), _chances(v, W, b).mean(0))


def _data_chains_and_machine(rng):
    rows, hidden, visible, chains = sizes(rng, 4)
    v, ends = _rows(rng, rows, visible), _rows(rng, chains, visible)
    return v, ends, normal(rng, visible, hidden), normal(rng, hidden)


gradient = Exercise(
    "gradient",
    _gradient,
    cases=[
        Case("gradient from four rows and as many chains", (_V, _ENDS, _W, _B)),
        Case("gradient from four rows and the ends of two chains", (_V, _ENDS[:2], _W, _B)),
    ],
    make=_data_chains_and_machine,
    mistakes={
        "the sign is turned: data less chains": lambda v, ends, W, b: -_gradient(v, ends, W, b),
        "the ends of the chains have hidden means of their own: not those of the data": (
            lambda v, ends, W, b: _moment(v, v, W, b) - _moment(ends, v, W, b)
        ),
        "these are sums: each is divided by its own number of rows": (
            lambda v, ends, W, b: _moment(v, v, W, b, 1) - _moment(ends, ends, W, b, 1)
        ),
        "chains are averaged over their own number, which need not be that of the rows": (
            lambda v, ends, W, b: _moment(v, v, W, b) - _moment(ends, ends, W, b, len(v))
        ),
        "this is the mean of v times the mean of h: multiply first, then average": (
            lambda v, ends, W, b: _product_of_means(v, W, b) - _product_of_means(ends, W, b)
        ),
        "half of it: what the chains do is missing": lambda v, ends, W, b: _moment(v, v, W, b),
        "half of it: what the data do is missing": (
            lambda v, ends, W, b: -_moment(ends, ends, W, b)
        ),
        "data less chains: here both are added": (
            lambda v, ends, W, b: _moment(v, v, W, b) + _moment(ends, ends, W, b)
        ),
        "one chain is not enough: average over all of their ends": (
            lambda v, ends, W, b: _gradient(v, ends[:1], W, b)
        ),
        "hidden means, please, not states: no rounding": (
            lambda v, ends, W, b: _rounded_moment(v, W, b) - _rounded_moment(ends, W, b)
        ),
        "h is a probability: the sigmoid is missing": (
            lambda v, ends, W, b: (
                v.T @ _inputs(v, W, b) / len(v) - ends.T @ _inputs(ends, W, b) / len(ends)
            )
        ),
        "the gradient has the shape of W, (V, H)": (
            lambda v, ends, W, b: _gradient(v, ends, W, b).T
        ),
        "the hidden biases are missing": (
            lambda v, ends, W, b: _gradient(v, ends, W, torch.zeros_like(b))
        ),
    },
)
