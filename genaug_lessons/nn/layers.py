"""Layers whose randomness is an argument: initial weights and dropout use an rng.

Layers start as torch's own do (weights and biases uniform in +-1/sqrt(fan_in)), but drawn from
the rng, so that the global random state is left alone.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import skip_init

from genaug_lessons.checks import count, number
from genaug_lessons.random import uniform
from genaug_lessons.typed import check_types


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
        self.p = number("dropout", p, at_least=0, below=1)

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
    """Torch's own, but a batch of one row is normalised by the running statistics.

    Source: Ioffe & Szegedy 2015, arXiv:1502.03167, algorithm 1.
    """

    def forward(self, x: Tensor) -> Tensor:
        if len(x) > 1:
            return super().forward(x)
        statistics = self.running_mean, self.running_var, self.weight, self.bias
        return F.batch_norm(x, *statistics, eps=self.eps)


class Net(nn.Sequential):
    """Layers in a row; rng is handed to those that draw random numbers, and to nets within."""

    def forward(self, x: Tensor, rng: torch.Generator | None = None) -> Tensor:
        for layer in self:
            x = layer(x, rng) if isinstance(layer, (Dropout, Net)) else layer(x)
        return x


class Conditional(Net):
    """A Net that is told a label: forward(x, label, rng) shows x and the label to the first layer.

    Args:
        *layers: as for Net.
        classes: number of labels.
        enter: how the label joins x: `beside` or `as_planes`.
    """

    def __init__(self, *layers: nn.Module, classes: int, enter: Callable[[Tensor, Tensor], Tensor]):
        super().__init__(*layers)
        self.classes, self.enter = count("classes", classes, 2), enter

    def __getitem__(self, place: int | slice) -> nn.Module:
        """A layer, or some of them as a plain Net."""
        return Net(*list(self)[place]) if isinstance(place, slice) else super().__getitem__(place)

    def forward(self, x: Tensor, label: Tensor, rng: torch.Generator | None = None) -> Tensor:
        one_hot = F.one_hot(label, self.classes).to(x)
        return super().forward(self.enter(x, one_hot), rng)


def label_size(classes: int | None) -> int:
    """How many values a one-hot label adds: 0 without classes."""
    return 0 if classes is None else count("classes", classes, 2)


def beside(x: Tensor, one_hot: Tensor) -> Tensor:
    """The values of x (B, *shape) in a row, and the one-hot label (B, C) behind: (B, D + C)."""
    return torch.cat([x.flatten(1), one_hot], dim=1)


def as_planes(x: Tensor, one_hot: Tensor) -> Tensor:
    """Pictures (B, D, H, W) with a constant channel for each class: (B, D + C, H, W)."""
    planes = one_hot[:, :, None, None].expand(-1, -1, *x.shape[2:])
    return torch.cat([x, planes], dim=1)


def net(
    layers: list[nn.Module], classes: int | None, enter: Callable[[Tensor, Tensor], Tensor]
) -> Net:
    """A Net of the layers, a `Conditional` one for a number of classes."""
    return Net(*layers) if classes is None else Conditional(*layers, classes=classes, enter=enter)


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
