"""What a decoder's output says about data: likelihoods as values, handed to a VAE.

A `Likelihood` turns the decoder's output into the log probability of an example and into its mean.
Another one (of counts, of heavy tails) is any object with the same four names.

Source: Kingma & Welling 2014, arXiv:1312.6114, appendix C.

Letters: x (B, *shape) data, out (B, *outputs(shape)) what the decoder makes; nats per example.
"""

import math
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from genaug_lessons.typed import check_types


def bernoulli_log_likelihood(x: Tensor, logits: Tensor) -> Tensor:
    """log p(x) in nats, (...,), for x in [0, 1] and independent pixels; sums the last axis.

    For grey pixels it is the negative cross-entropy, not the logarithm of a density.
    """
    return -F.binary_cross_entropy_with_logits(logits, x, reduction="none").sum(-1)


def gaussian_log_likelihood(x: Tensor, mean: Tensor, log_var: Tensor) -> Tensor:
    """log N(x; mean, exp(log_var)) in nats, (...,), with independent values; sums the last axis."""
    squares = (x - mean).square() / log_var.exp()
    return -0.5 * (squares + log_var + math.log(2 * math.pi)).sum(-1)


class Likelihood(Protocol):
    """p(x | out); a torch module where it has something to learn, of which each model has a copy.

    Attributes:
        support: of the data, "unit" or "real".
    """

    support: str

    def outputs(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """The shape of the decoder's output for an example of a shape."""

    def log_prob(self, x: Tensor, out: Tensor) -> Tensor:
        """log p(x | out) in nats, (B,)."""

    def mean(self, out: Tensor) -> Tensor:
        """The mean of p(x | out), (B, *shape)."""


class Bernoulli(nn.Module):
    """Independent pixels in [0, 1], whose logits the decoder makes."""

    support = "unit"

    def outputs(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """The shape of an example."""
        return shape

    def log_prob(self, x: Tensor, out: Tensor) -> Tensor:
        """log p(x | out) in nats, (B,); for grey pixels the negative cross-entropy."""
        return bernoulli_log_likelihood(x.flatten(1), out.flatten(1))

    def mean(self, out: Tensor) -> Tensor:
        """The probabilities of 1, (B, *shape)."""
        return out.sigmoid()


class Gaussian(nn.Module):
    """Independent real values of one learnt variance, whose means the decoder makes."""

    support = "real"

    def __init__(self):
        super().__init__()
        self.log_var = nn.Parameter(torch.zeros(()))

    def outputs(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """The shape of an example."""
        return shape

    def log_prob(self, x: Tensor, out: Tensor) -> Tensor:
        """log p(x | out) in nats, (B,)."""
        return gaussian_log_likelihood(x.flatten(1), out.flatten(1), self.log_var)

    def mean(self, out: Tensor) -> Tensor:
        """The decoder's output, (B, *shape)."""
        return out


check_types(__name__)
