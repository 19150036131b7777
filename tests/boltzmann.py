"""Small Boltzmann machines whose states can all be written down."""

import torch
from scipy.stats import chisquare

from genaug_lessons.models.rbm import RBM
from genaug_lessons.random import generator, normal

EXACT = {"rtol": 0, "atol": 1e-10}


def cpu(seed=0):
    return generator(seed, "cpu")


def scrambled(shape=5, hidden=4, scale=1.0, seed=9, **settings):
    """An RBM in float64 with every parameter drawn anew, so that no zero hides a fault."""
    model = RBM(shape, hidden, rng=cpu(), **settings)
    rng = cpu(seed)
    for parameter in model.parameters():
        parameter.data = scale * normal(tuple(parameter.shape), rng)
    return model.double()


def states(units):
    """All 2^units binary states, float64; row n spells n in binary digits."""
    return torch.cartesian_prod(*[torch.tensor([0.0, 1.0]).double()] * units).view(-1, units)


def visible_states(model):
    """All binary visible states, each with each label."""
    x = states(model.size)
    if model.classes is None:
        return x
    labels = torch.eye(model.classes).double()
    return torch.cat([x.repeat_interleave(model.classes, 0), labels.repeat(len(x), 1)], 1)


def joint(model):
    """p(v, h) of every pair of states (2^V, 2^H), from the definition of the energy alone."""
    v, h = visible_states(model), states(model.hidden)
    table = torch.empty(len(v), len(h)).double()
    for i, left in enumerate(v):
        for j, right in enumerate(h):
            energy = -(left @ model.W @ right) - left @ model.a - right @ model.b
            table[i, j] = -energy.detach()
    return (table - table.logsumexp((0, 1))).exp()


def close(found, expected, **tolerance):
    torch.testing.assert_close(
        found.detach(), torch.as_tensor(expected).detach(), **{**EXACT, **tolerance}
    )


def fits(found, law):
    """Whether counts may be draws of a law; rare states are counted together."""
    rare = law * found.sum() < 5
    counts = torch.cat([found[~rare], found[rare].sum()[None]])
    expected = torch.cat([law[~rare], law[rare].sum()[None]]) * found.sum()
    counts, expected = counts[expected > 0], expected[expected > 0]
    return chisquare(counts, expected * counts.sum() / expected.sum()).pvalue > 1e-4


def numbers(v):
    """The row of `states` that each binary row is."""
    return (v.double() @ 2.0 ** torch.arange(v.shape[1]).double().flip(0)).long()


def five_errors(found, expected, error):
    assert ((found - expected).abs() < 5 * error).all()


def log_likelihood(model, v):
    """Mean exact log p(v) by the sum over all states."""
    return (-model.free_energy(v)).mean() - (-model.free_energy(visible_states(model))).logsumexp(0)
