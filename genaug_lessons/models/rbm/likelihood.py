"""How likely data are under a restricted Boltzmann machine: exactly, or by annealing.

    log p(v) = -F(v) - log Z,   Z = sum_v exp(-F(v))

Z is a sum over all states of one layer, exact as long as one layer is small. Annealed importance
sampling (AIS) estimates it for any size, along models between one without weights (beta = 0),
whose Z is known, and the model itself (beta = 1):

    -log p_beta(v) = F_beta(v) + const,   W, b scaled by beta,   a from the base's to the model's

Z is estimated without bias, so log Z too low on average; run backwards from samples of the
model, 1 / Z is, so log Z too high.

Source: Salakhutdinov & Murray 2008, ICML (AIS for RBMs); Neal 2001, Statistics and Computing 11
(AIS); Grosse, Ghahramani & Adams 2015, arXiv:1511.02543 (backwards).

Letters: v (B, V) visible, h (B, H) hidden units, W, a, b as in `model.py`; x (B, *shape) examples,
y (B,) labels; R runs; all likelihoods and log Z in nats.
"""

import math
from collections.abc import Iterator
from copy import deepcopy
from typing import NamedTuple

import torch
from torch import Tensor

from genaug_lessons.checks import count, number
from genaug_lessons.models.rbm.model import RBM
from genaug_lessons.random import check_device, uniform
from genaug_lessons.typed import check_types

MOST = 25  # units of a layer whose 2^25 states are still counted one by one
BLOCK = 1024  # states at once: bounds the memory, and keeps them in the processor's cache


def log_partition(model: RBM, *, layer: str | None = None) -> Tensor:
    """log Z, exact to rounding, a scalar: the sum over all states of one layer.

    784 x 20 units take seconds, and each further unit of the smaller layer doubles them. It is
    differentiable, for small models.

    Args:
        model: any RBM with a layer of at most 25 binary units, label units not counted.
        layer: "hidden" or "visible", whose states are counted; the smaller one unless given.

    Raises:
        ValueError: a layer above 25 units, or of Gaussian ones.
    """
    if layer not in (None, "hidden", "visible"):
        raise ValueError(f'layer must be "hidden" or "visible", got {layer!r}')
    countable = model.visible == "binary"
    smaller = "visible" if countable and model.size < model.hidden else "hidden"
    layer = layer or smaller
    if layer == "visible" and not countable:
        raise ValueError('layer must be "hidden" for Gaussian visible units, got "visible"')
    energies = _hidden_energies(model) if layer == "hidden" else _visible_energies(model)
    return torch.stack([(-part).cpu().double().logsumexp(0) for part in energies]).logsumexp(0)


@torch.no_grad()
def exact_states(model: RBM, n: int, *, rng: torch.Generator) -> Tensor:
    """n independent visible states v (n, V) of the model itself: what an endless chain would draw.

    Raises:
        ValueError: a hidden layer above 25 units, whose states cannot be counted.
    """
    n = count("n", n)
    check_device(rng, model.device, "model")
    log_p = -torch.cat(list(_hidden_energies(model))).cpu().double()
    until = log_p.softmax(0).cumsum(0)
    drawn = torch.searchsorted(until, uniform((n,), rng).cpu().double() * until[-1])
    h = _bits(drawn.clamp_max(len(until) - 1), model.hidden).to(model.W)
    return model.draw_visible(h, rng)


def log_likelihood(
    model: RBM, x: Tensor, label: Tensor | None = None, *, log_z: float | Tensor
) -> Tensor:
    """log p(x), or log p(x, label) for a model with label units, (B,) in nats.

    Args:
        model: any RBM.
        x: (B, *shape) examples, 0 and 1 for binary units.
        label: (B,) labels for a model with label units.
        log_z: from `log_partition` or `annealed_log_partition`.

    Raises:
        ValueError: values that are no states of the visible units.
    """
    if not isinstance(log_z, Tensor):
        log_z = number("log_z", log_z)
    check_states(model, x)
    return -model.free_energy(model.to_visible(x, label)) - log_z


def check_states(model: RBM, x: Tensor) -> None:
    """Raise a ValueError unless x (B, *shape) holds states of the visible units."""
    if tuple(x.shape[1:]) != model.shape:
        raise ValueError(f"x must have examples of shape {model.shape}, got {tuple(x.shape[1:])}")
    if model.visible == "binary" and not ((x == 0) | (x == 1)).all():
        raise ValueError(
            f"x must hold only 0 and 1, got values from {x.min():.3g} to {x.max():.3g}: "
            "a grey picture has no likelihood under binary units"
        )


class Annealed(NamedTuple):
    """What annealed importance sampling found.

    Attributes:
        log_z: the estimate in nats.
        error: its standard error, as far as the runs show it; too small where all missed a mode.
        runs: (R,) what each run by itself would estimate.
    """

    log_z: float
    error: float
    runs: Tensor


@torch.no_grad()
def annealed_log_partition(
    model: RBM,
    *,
    runs: int = 100,
    betas: Tensor | None = None,
    base: Tensor | None = None,
    rng: torch.Generator,
) -> Annealed:
    """log Z by annealed importance sampling; on average too low, the less so the more betas.

    Args:
        model: any RBM.
        runs: independent runs R, at least 2.
        betas: (K,) rising from 0 to 1; 1001 equal steps unless given.
        base: (V,) visible biases a at beta = 0; the model's own unless given. `base_rates` of the
            data is better.
        rng: on the model's device.

    Raises:
        ValueError: betas that do not rise from 0 to 1; runs below 2; a base of another shape.

    Source: Salakhutdinov & Murray 2008, ICML.
    """
    runs = count("runs", runs, 2)
    check_device(rng, model.device, "model")
    betas, start = _schedule(betas), _without_weights(model, base)
    v = start.draw_visible(start.b.expand(runs, -1), rng)
    log_weights = _log_z_of(start) + _anneal(model, v, betas, start.a, rng)
    return Annealed(*_log_mean_exp(log_weights), log_weights)


@torch.no_grad()
def reverse_annealed_log_partition(
    model: RBM,
    v: Tensor,
    *,
    betas: Tensor | None = None,
    base: Tensor | None = None,
    rng: torch.Generator,
) -> Annealed:
    """log Z by annealing samples of the model back to the base; on average too high.

    Args:
        model: any RBM.
        v: (R, V) visible states of the model, as `exact_states` draws them; those of a chain that
            has not converged to the model's distribution spoil the bound.
        betas: as for `annealed_log_partition`; they are gone through from 1 to 0.
        base: as for `annealed_log_partition`.
        rng: on the model's device.
    """
    if v.ndim != 2 or v.shape[1] != len(model.a) or len(v) < 2:
        wanted, got = f"(R, {len(model.a)}) with R above 1", tuple(v.shape)
        raise ValueError(f"v must have shape {wanted}, got {got}")
    check_device(rng, model.device, "model")
    betas, start = _schedule(betas), _without_weights(model, base)
    log_weights = _log_z_of(start) - _anneal(model, v, betas.flip(0), start.a, rng)
    log_mean, error = _log_mean_exp(-log_weights)
    return Annealed(-log_mean, error, log_weights)


def base_rates(model: RBM, x: Tensor, label: Tensor | None = None) -> Tensor:
    """(V,) visible biases with which a model without weights has the means of data (B, *shape).

    Half a row of each kind is added, so that no unit is always on or off.
    """
    v = model.to_visible(x, label).detach()
    values, labels = v[:, : model.size], v[:, model.size :]
    if model.visible == "binary":
        values = ((values.sum(0) + 0.5) / (len(v) + 1)).logit()
    else:
        values = values.mean(0)
    return torch.cat([values, (labels.sum(0) + 0.5).log()])


@torch.no_grad()
def _anneal(model: RBM, v: Tensor, betas: Tensor, base: Tensor, rng: torch.Generator) -> Tensor:
    """Log weights (R,): the sum of log p_next(v) - log p_now(v), unnormalised, as v moves along."""
    between, log_weights = deepcopy(model), 0.0
    _temper(between, model, betas[0].item(), base)
    for beta in betas[1:].tolist():
        now = between.free_energy(v)
        _temper(between, model, beta, base)
        log_weights = log_weights + now - between.free_energy(v)
        v = between.draw_visible(between.draw_hidden(v, rng), rng)
    return log_weights


def _temper(between: RBM, model: RBM, beta: float, base: Tensor) -> None:
    """Make `between` the model at beta on the way from the base to `model`."""
    between.W.copy_(model.W).mul_(beta)
    between.b.copy_(model.b).mul_(beta)
    between.a.copy_(base.lerp(model.a, beta))


@torch.no_grad()
def _without_weights(model: RBM, base: Tensor | None) -> RBM:
    """The base: visible units alone, with the model's own biases unless others are given."""
    if base is not None and base.shape != model.a.shape:
        wanted, got = tuple(model.a.shape), tuple(base.shape)
        raise ValueError(f"base must have shape {wanted}, got {got}")
    start = deepcopy(model)
    _temper(start, model, 0.0, model.a if base is None else base.to(model.a))
    return start


def _log_z_of(start: RBM) -> float:
    """log Z of a model without weights, whose hidden states are all alike."""
    energy = start.hidden_free_energy(start.b[None])  # b = 0: none of them is on
    return start.hidden * math.log(2) - energy.item()


def _schedule(betas: Tensor | None) -> Tensor:
    if betas is None:
        return torch.linspace(0, 1, 1001)
    rising = betas.ndim == 1 and len(betas) > 1 and bool((betas.diff() > 0).all())
    if not rising or betas[0] != 0 or betas[-1] != 1:
        raise ValueError(f"betas must rise from 0 to 1, got {betas}")
    return betas


def _log_mean_exp(values: Tensor) -> tuple[float, float]:
    """log mean exp of values (R,), and its standard error."""
    largest = values.max()
    parts = (values - largest).exp()
    error = parts.std() / parts.mean() / math.sqrt(len(parts))
    return (largest + parts.mean().log()).item(), error.item()


def _hidden_energies(model: RBM) -> Iterator[Tensor]:
    """-log sum_v exp(-E(v, h)) of all hidden states, in blocks."""
    for states in _all_states(model.hidden, "hidden", model.W):
        yield model.hidden_free_energy(states)


def _visible_energies(model: RBM) -> Iterator[Tensor]:
    """F(v) of all visible states, with each label in turn, in blocks."""
    for states in _all_states(model.size, "visible", model.W):
        if model.classes is None:
            yield model.free_energy(states)
        else:
            for label in torch.arange(model.classes, device=model.device):
                yield model.free_energy(model.to_visible(states, label.expand(len(states))))


def _all_states(units: int, layer: str, like: Tensor) -> Iterator[Tensor]:
    """All binary states of a layer, (up to 1024, units) at a time."""
    if units > MOST:
        raise ValueError(
            f"{layer} layer must have at most {MOST} units to count its states, got {units}: "
            "use annealed_log_partition, which estimates log Z for any size"
        )
    for numbers in torch.arange(2**units, device=like.device).split(BLOCK):
        yield _bits(numbers, units).to(like)


def _bits(numbers: Tensor, units: int) -> Tensor:
    """The binary digits (N, units) of whole numbers (N,)."""
    return numbers[:, None] >> torch.arange(units, device=numbers.device) & 1


check_types(__name__)
