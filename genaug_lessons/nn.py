"""Small networks whose randomness is an argument: initial weights and dropout use a generator.

Layers start as torch's own do (weights and biases uniform in +-1/sqrt(fan_in)), but drawn from
the generator, so that the global random state is left alone.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import skip_init

from genaug_lessons.random import uniform


def linear(
    inputs: int, outputs: int, *, bias: bool = True, generator: torch.Generator
) -> nn.Linear:
    """A dense layer (B, inputs) -> (B, outputs)."""
    layer = skip_init(nn.Linear, inputs, outputs, bias=bias, device=generator.device)
    return _initialise(layer, inputs, generator)


def conv(inputs: int, outputs: int, *, generator: torch.Generator) -> nn.Conv2d:
    """A 3x3 convolution that keeps the size: (B, inputs, H, W) -> (B, outputs, H, W)."""
    layer = skip_init(nn.Conv2d, inputs, outputs, 3, padding=1, device=generator.device)
    return _initialise(layer, 9 * inputs, generator)


def _initialise(layer: nn.Module, fan_in: int, generator: torch.Generator) -> nn.Module:
    bound = 1 / math.sqrt(fan_in)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.copy_(uniform(parameter.shape, generator, -bound, bound))
    return layer


class Dropout(nn.Module):
    """Sets each value to 0 with probability p while training and scales the rest by 1 / (1 - p).

    Evaluating, it changes nothing. p is the probability of *dropping*.

    Source: Srivastava et al. 2014, JMLR 15, section 10 (the "inverted" scaling).
    """

    def __init__(self, p: float):
        super().__init__()
        if not 0 <= p < 1:
            raise ValueError(f"dropout must lie in [0, 1), got {p}")
        self.p = p

    def extra_repr(self) -> str:
        """What the printed layer says."""
        return f"p={self.p}"

    def forward(self, x: Tensor, generator: torch.Generator | None) -> Tensor:
        if not self.training or self.p == 0:
            return x
        if generator is None:
            raise ValueError("generator must be given while dropout is training, got None")
        kept = uniform(x.shape, generator).ge_(self.p)  # 1 where kept, 0 where dropped
        return x * kept.mul_(1 / (1 - self.p))


class BatchNorm(nn.BatchNorm1d):
    """Torch's own, but a batch of a single row, which has no spread, meets the running figures.

    Source: Ioffe & Szegedy 2015, arXiv:1502.03167, algorithm 1.
    """

    def forward(self, x: Tensor) -> Tensor:
        if len(x) > 1:
            return super().forward(x)
        figures = self.running_mean, self.running_var, self.weight, self.bias
        return F.batch_norm(x, *figures, eps=self.eps)


class Net(nn.Sequential):
    """Layers in a row; the generator is handed to those that draw random numbers."""

    def forward(self, x: Tensor, generator: torch.Generator | None = None) -> Tensor:
        for layer in self:
            x = layer(x, generator) if isinstance(layer, Dropout) else layer(x)
        return x


def mlp(
    sizes: Sequence[int],
    *,
    dropout: float = 0.0,
    leak: float = 0.0,
    batch_norm: bool = False,
    generator: torch.Generator,
) -> Net:
    """A dense ReLU network through the given sizes, the first being the inputs.

    `mlp((64, 10))` is one linear layer; batch normalisation, where wanted, stands before each
    ReLU, in place of a bias, which it would take away; dropout stands behind. A leak is the slope
    of the ReLU below 0.
    """
    _check_sizes(sizes)
    *hidden, outputs = sizes[1:]
    layers, width = [], sizes[0]
    for size in hidden:
        layers.append(linear(width, size, bias=not batch_norm, generator=generator))
        if batch_norm:
            layers.append(BatchNorm(size, device=generator.device))
        layers.append(nn.LeakyReLU(leak) if leak else nn.ReLU())
        if dropout:
            layers.append(Dropout(dropout))
        width = size
    return Net(*layers, linear(width, outputs, generator=generator))


def small_cnn(
    shape: tuple[int, int, int],
    outputs: int,
    *,
    channels: Sequence[int] = (16, 32),
    dropout: float = 0.0,
    generator: torch.Generator,
) -> Net:
    """3x3 convolutions with ReLU, each followed by a halving of the picture, then a dense layer."""
    if len(shape) != 3:
        raise ValueError(f"shape must be (channels, height, width) for a cnn, got {shape}")
    _check_sizes(channels)
    depth, height, width = shape
    layers = []
    for size in channels:
        layers += [conv(depth, size, generator=generator), nn.ReLU(), nn.MaxPool2d(2)]
        depth, height, width = size, height // 2, width // 2
    features = depth * height * width
    if features == 0:
        raise ValueError(f"shape must survive {len(channels)} halvings, got {shape}")
    flat = [nn.Flatten(), Dropout(dropout), linear(features, outputs, generator=generator)]
    return Net(*layers, *flat)


def _check_sizes(sizes: Sequence[int]) -> None:
    if any(size < 1 for size in sizes):
        raise ValueError(f"layer sizes must be at least 1, got {tuple(sizes)}")
