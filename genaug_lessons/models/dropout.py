"""Dropout: values are switched off at random while training, and all of them work afterwards.

The next layer should expect the same input in both cases. Two conventions see to that: the
original one multiplies by q when testing; the inverted one divides by q while training, as
`torch.nn.Dropout` and `genaug_lessons.nn.Dropout` do (`inverted_dropout`).

Source: Srivastava et al. 2014, JMLR 15, "Dropout: a simple way to prevent neural networks from
overfitting". Monte Carlo predictions: Gal & Ghahramani 2016, arXiv:1506.02142.

Letters: p the probability of dropping, q = 1 - p that of keeping (the paper calls *that* p);
mask 1 where kept, 0 where dropped; x (B, n) values, C classes, T draws.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from genaug_lessons.checks import count, number, probability
from genaug_lessons.models.classifier import CHUNK, Classifier
from genaug_lessons.nn import Dropout, dropout_mask, inverted_dropout
from genaug_lessons.random import check_device
from genaug_lessons.typed import check_types

__all__ = [
    "MonteCarlo",
    "all_masks",
    "classical_dropout",
    "dropout_mask",
    "dropout_regression",
    "dropout_squared_error",
    "inverted_dropout",
    "mask_probabilities",
    "monte_carlo",
    "scale_at_test",
]


def classical_dropout(x: Tensor, mask: Tensor) -> Tensor:
    """The kept values of x as they are: the original convention, while training."""
    return x * mask


def scale_at_test(x: Tensor, p: float) -> Tensor:
    """x times the probability of keeping: the original convention, when testing."""
    return (1 - probability("p", p)) * x


def all_masks(n: int) -> Tensor:
    """Every mask of n values, (2**n, n), float32 on the CPU; n from 1 to 20."""
    if count("n", n) > 20:
        raise ValueError(f"n must lie in 1 to 20, for there are 2**n masks, got {n}")
    return ((torch.arange(2**n)[:, None] >> torch.arange(n)) & 1).float()


def mask_probabilities(masks: Tensor, p: float) -> Tensor:
    """The probability of each mask (M, n), (M,): p for each dropped value, 1 - p for each kept."""
    p = probability("p", p)
    return (masks * (1 - p) + (1 - masks) * p).prod(-1)


def dropout_squared_error(x: Tensor, y: Tensor, w: Tensor, p: float) -> Tensor:
    """The squared error sum (y - (mask * x) w)^2 expected over all masks, exactly.

    With q = 1 - p it is |y - q x w|^2 + q p w' diag(x'x) w: ridge regression whose penalty on each
    weight grows with the size of its input.

    Args:
        x: (N, n) inputs.
        y: (N,) targets.
        w: (n,) weights.
        p: probability of dropping an input, in [0, 1].

    Source: Srivastava et al. 2014, section 9.1.
    """
    q = 1 - probability("p", p)
    penalty = q * p * (x.square().sum(0) * w.square()).sum()
    return (y - q * x @ w).square().sum() + penalty


def dropout_regression(x: Tensor, y: Tensor, p: float) -> Tensor:
    """The weights (n,) at which `dropout_squared_error` is least.

    Raises:
        ValueError: p outside [0, 1); with everything dropped no weight matters.
    """
    q = 1 - number("p", p, at_least=0, below=1)
    products = x.T @ x
    penalised = q * q * products + q * p * products.diagonal().diag()
    return torch.linalg.solve(penalised, q * x.T @ y)


class MonteCarlo(NamedTuple):
    """Predictions (B, C) averaged over draws of the masks, and the spread (B, C) between draws."""

    mean: Tensor
    std: Tensor


@torch.no_grad()
def monte_carlo(model: Classifier, x: Tensor, *, draws: int, rng: torch.Generator) -> MonteCarlo:
    """Class probabilities with dropout left on, over several draws of the masks.

    The mean is what the network of a random mask predicts on average; its standard error is
    std / sqrt(draws). The spread says how far the networks disagree.

    Args:
        model: a classifier with dropout.
        x: (B, *shape) examples.
        draws: T, at least 2.
        rng: on the model's device.

    Raises:
        ValueError: fewer than 2 draws, a model without dropout, an rng on another device.

    Source: Gal & Ghahramani 2016, arXiv:1506.02142.
    """
    draws = count("draws", draws, 2)
    if not any(isinstance(layer, Dropout) and layer.p > 0 for layer in model.modules()):
        raise ValueError("model must have dropout above 0: without it every draw is the same")
    check_device(rng, model.device, "model")
    model.train()
    try:
        parts = x.split(CHUNK) * draws  # all rows again for every draw
        probs = torch.cat([model(part, rng).softmax(-1) for part in parts])
    finally:
        model.eval()
    probs = probs.view(draws, len(x), -1)
    return MonteCarlo(probs.mean(0), probs.std(0))


check_types(__name__)
