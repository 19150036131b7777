"""Small convolutional networks for pictures, and `Conv`, the value that makes them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import nn

from genaug_lessons.checks import count, counts, number
from genaug_lessons.nn.layers import Dropout, Net, as_planes, beside, conv, label_size, linear, net
from genaug_lessons.typed import check_types


def small_cnn(
    shape: tuple[int, int, int],
    outputs: int,
    *,
    channels: Sequence[int] = (16, 32),
    dropout: float = 0.0,
    rng: torch.Generator,
) -> Net:
    """3x3 convolutions with ReLU, each followed by a halving of the picture, then a dense layer."""
    depth, height, width = shape = _picture(shape)
    channels, layers = counts("channels", channels), []
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
    depth, height, width = _picture(shape)
    channels = counts("channels", channels)
    depths, halvings = [*channels, depth], range(len(channels), -1, -1)
    sizes = [(height >> times, width >> times) for times in halvings]
    start = (depths[0], *sizes[0])
    layers = [linear(inputs, math.prod(start), rng=rng), nn.Unflatten(1, start)]
    for (before, after), size in zip(pairwise(depths), sizes[1:], strict=True):
        layers += [nn.ReLU(), nn.Upsample(size), conv(before, after, rng=rng)]
    return Net(*layers)


@dataclass(frozen=True, init=False, repr=False)
class Conv:
    """Small convolutional networks for pictures (channels, height, width): an `Architecture`.

    Args:
        *channels: of the convolutions, from the picture's side to the code's; each is followed by
            a halving of the picture, in a decoder preceded by a doubling.
        dropout: probability of dropping a value before an encoder's dense layer, in [0, 1).

    Labels enter an encoder as constant planes, one channel for each class, and a decoder one-hot,
    beside the code.
    """

    channels: tuple[int, ...]
    dropout: float

    def __init__(self, *channels: int, dropout: float = 0.0):
        object.__setattr__(self, "channels", counts("channels", channels))
        object.__setattr__(self, "dropout", number("dropout", dropout, at_least=0, below=1))

    def __repr__(self) -> str:
        given = [f"dropout={self.dropout!r}"] if self.dropout else []
        return f"Conv({', '.join([*map(str, self.channels), *given])})"

    def encoder(
        self,
        shape: tuple[int, ...],
        outputs: int,
        *,
        classes: int | None = None,
        rng: torch.Generator,
    ) -> Net:
        """A net (B, *shape) -> (B, outputs); with classes, net(x, label)."""
        shape = _picture(shape)
        seen, outputs = (shape[0] + label_size(classes), *shape[1:]), count("outputs", outputs)
        layers = small_cnn(seen, outputs, channels=self.channels, dropout=self.dropout, rng=rng)
        return net(list(layers), classes, as_planes)

    def decoder(
        self,
        inputs: int,
        shape: tuple[int, ...],
        *,
        classes: int | None = None,
        rng: torch.Generator,
    ) -> Net:
        """A net (B, inputs) -> (B, *shape); with classes, net(z, label)."""
        inputs, channels = count("inputs", inputs) + label_size(classes), self.channels[::-1]
        layers = small_cnn_decoder(inputs, shape, channels=channels, rng=rng)
        return net(list(layers), classes, beside)


def _picture(shape: tuple[int, ...]) -> tuple[int, int, int]:
    """The shape, if it is that of a picture."""
    shape = counts("shape", shape)
    if len(shape) != 3:
        raise ValueError(f"shape must be (channels, height, width) for a cnn, got {shape}")
    return shape


check_types(__name__)
