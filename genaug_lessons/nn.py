"""Small networks whose randomness is an argument: initial weights and dropout use an rng.

Layers start as torch's own do (weights and biases uniform in +-1/sqrt(fan_in)), but drawn from
the rng, so that the global random state is left alone.
"""

import math
from collections.abc import Sequence
from functools import partial
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import skip_init

from genaug_lessons.checks import count, counts, number
from genaug_lessons.random import uniform
from genaug_lessons.typed import check_types

SHARPNESS = 5  # of the softplus in smooth networks


def linear(inputs: int, outputs: int, *, bias: bool = True, rng: torch.Generator) -> nn.Linear:
    """A dense layer (B, inputs) -> (B, outputs)."""
    inputs, outputs = count("inputs", inputs), count("outputs", outputs)
    layer = skip_init(nn.Linear, inputs, outputs, bias=bias, device=rng.device)
    return _initialise(layer, inputs, rng)


def conv(inputs: int, outputs: int, *, rng: torch.Generator) -> nn.Conv2d:
    """A 3x3 convolution that keeps the size: (B, inputs, H, W) -> (B, outputs, H, W)."""
    inputs, outputs = count("inputs", inputs), count("outputs", outputs)
    layer = skip_init(nn.Conv2d, inputs, outputs, 3, padding=1, device=rng.device)
    return _initialise(layer, 9 * inputs, rng)


def _initialise(layer: nn.Module, fan_in: int, rng: torch.Generator) -> nn.Module:
    bound = 1 / math.sqrt(fan_in)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.copy_(uniform(parameter.shape, rng, -bound, bound))
    return layer


def dropout_mask(shape: tuple[int, ...], p: float, rng: torch.Generator) -> Tensor:
    """1 where a value is kept and 0, with probability p, where it is dropped; float32."""
    return (uniform(shape, rng) >= p).float()


def inverted_dropout(x: Tensor, mask: Tensor, p: float) -> Tensor:
    """The kept values of x, scaled by 1 / (1 - p) so that the expected value stays x; p below 1.

    Source: Srivastava et al. 2014, JMLR 15, section 10.
    """
    return x * (mask * (1 / (1 - p)))


class Dropout(nn.Module):
    """Sets each value to 0 with probability p while training and scales the rest by 1 / (1 - p).

    Evaluating, it changes nothing. p is the probability of *dropping*.

    Source: Srivastava et al. 2014, JMLR 15, section 10 (the "inverted" scaling).
    """

    def __init__(self, p: float):
        super().__init__()
        self.p = number("dropout", p, least=0, below=1)

    def extra_repr(self) -> str:
        """What the printed layer says."""
        return f"p={self.p}"

    def forward(self, x: Tensor, rng: torch.Generator | None) -> Tensor:
        if not self.training or self.p == 0:
            return x
        if rng is None:
            raise ValueError("rng must be given while dropout is training, got None")
        return inverted_dropout(x, dropout_mask(x.shape, self.p, rng), self.p)


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
    """Layers in a row; rng is handed to those that draw random numbers."""

    def forward(self, x: Tensor, rng: torch.Generator | None = None) -> Tensor:
        for layer in self:
            x = layer(x, rng) if isinstance(layer, Dropout) else layer(x)
        return x


def mlp(
    sizes: Sequence[int],
    *,
    dropout: float = 0.0,
    leak: float = 0.0,
    batch_norm: bool = False,
    smooth: bool = False,
    rng: torch.Generator,
) -> Net:
    """A dense ReLU network through the given sizes, the first being the inputs.

    `mlp((64, 10))` is one linear layer; batch normalisation, where wanted, stands before each
    ReLU, in place of a bias, which it would take away; dropout stands behind. A leak is the slope
    of the ReLU below 0; a smooth network has log(1 + exp(5 a)) / 5 (softplus), without a bend, in
    its place.
    """
    sizes, leak = counts("sizes", sizes), number("leak", leak)
    if len(sizes) < 2:
        raise ValueError(f"sizes must hold those of inputs and outputs at least, got {sizes}")
    *hidden, outputs = sizes[1:]
    layers, width = [], sizes[0]
    straight = partial(nn.LeakyReLU, leak) if leak else nn.ReLU
    bend = partial(nn.Softplus, SHARPNESS) if smooth else straight
    for size in hidden:
        layers.append(linear(width, size, bias=not batch_norm, rng=rng))
        if batch_norm:
            layers.append(BatchNorm(size, device=rng.device))
        layers += [bend(), Dropout(dropout)]
        width = size
    return Net(*layers, linear(width, outputs, rng=rng))


def small_cnn(
    shape: tuple[int, int, int],
    outputs: int,
    *,
    channels: Sequence[int] = (16, 32),
    dropout: float = 0.0,
    rng: torch.Generator,
) -> Net:
    """3x3 convolutions with ReLU, each followed by a halving of the picture, then a dense layer."""
    shape = counts("shape", shape)
    if len(shape) != 3:
        raise ValueError(f"shape must be (channels, height, width) for a cnn, got {shape}")
    channels = counts("channels", channels)
    depth, height, width = shape
    layers = []
    for size in channels:
        layers += [conv(depth, size, rng=rng), nn.ReLU(), nn.MaxPool2d(2)]
        depth, height, width = size, height // 2, width // 2
    features = depth * height * width
    if features == 0:
        raise ValueError(f"shape must survive {len(channels)} halvings, got {shape}")
    flat = [nn.Flatten(), Dropout(dropout), linear(features, outputs, rng=rng)]
    return Net(*layers, *flat)


def small_cnn_decoder(
    inputs: int,
    shape: tuple[int, int, int],
    *,
    channels: Sequence[int] = (32, 16),
    rng: torch.Generator,
) -> Net:
    """A dense layer, then 3x3 convolutions, each after a ReLU and a doubling: back to pictures.

    It undoes the shapes of a `small_cnn` of the same shape and the channels in reverse:
    (B, inputs) -> (B, *shape). The last convolution makes the picture itself.
    """
    depth, height, width = counts("shape", shape)
    channels = counts("channels", channels)
    depths, halvings = [*channels, depth], range(len(channels), -1, -1)
    sizes = [(height >> times, width >> times) for times in halvings]
    start = (depths[0], *sizes[0])
    layers = [linear(inputs, math.prod(start), rng=rng), nn.Unflatten(1, start)]
    for (before, after), size in zip(pairwise(depths), sizes[1:], strict=True):
        layers += [nn.ReLU(), nn.Upsample(size), conv(before, after, rng=rng)]
    return Net(*layers)


class Transposed(nn.Module):
    """A dense layer back from another's outputs to its inputs: its weights, a bias of its own.

    (B, layer.out_features) -> (B, layer.in_features).
    """

    def __init__(self, layer: nn.Linear, *, rng: torch.Generator):
        super().__init__()
        bound = 1 / math.sqrt(layer.out_features)
        self.layer = layer
        self.bias = nn.Parameter(uniform((layer.in_features,), rng, -bound, bound))

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.layer.weight.T, self.bias)


check_types(__name__)
