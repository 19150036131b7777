"""Dense networks: layers of weights between all values, and `Dense`, the value that makes them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import nn

from genaug_lessons.checks import count, counts, number
from genaug_lessons.nn.layers import BatchNorm, Dropout, Net, beside, label_size, linear, net
from genaug_lessons.typed import check_types

SHARPNESS = 5  # of the softplus in smooth networks


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
    of the ReLU below 0; a smooth network has log(1 + exp(5 a)) / 5 (softplus), without a kink, in
    its place.
    """
    sizes, leak = counts("sizes", sizes), number("leak", leak)
    if len(sizes) < 2:
        raise ValueError(f"sizes must hold those of inputs and outputs at least, got {sizes}")
    *hidden, outputs = sizes[1:]
    layers, width = [], sizes[0]
    kinked = partial(nn.LeakyReLU, leak) if leak else nn.ReLU
    activation = partial(nn.Softplus, SHARPNESS) if smooth else kinked
    for size in hidden:
        layers.append(linear(width, size, bias=not batch_norm, rng=rng))
        if batch_norm:
            layers.append(BatchNorm(size, device=rng.device))
        layers += [activation(), Dropout(dropout)]
        width = size
    return Net(*layers, linear(width, outputs, rng=rng))


@dataclass(frozen=True, init=False, repr=False)
class Dense:
    """Dense networks, as `mlp` makes them: an `Architecture`.

    Args:
        *widths: of the hidden layers, from the data's side to the code's; none for a linear map.
        dropout: probability of dropping a hidden value while training, in [0, 1).
        leak: slope of the ReLUs below 0.
        batch_norm: whether each hidden layer is normalised over the batch.
        smooth: softplus in place of ReLU.

    Labels enter one-hot, beside the values.
    """

    widths: tuple[int, ...]
    dropout: float
    leak: float
    batch_norm: bool
    smooth: bool

    def __init__(
        self,
        *widths: int,
        dropout: float = 0.0,
        leak: float = 0.0,
        batch_norm: bool = False,
        smooth: bool = False,
    ):
        values = {
            "widths": counts("widths", widths),
            "dropout": number("dropout", dropout, at_least=0, below=1),
            "leak": number("leak", leak),
            "batch_norm": bool(batch_norm),
            "smooth": bool(smooth),
        }
        for name, value in values.items():
            object.__setattr__(self, name, value)

    def __repr__(self) -> str:
        settings = {"dropout": 0.0, "leak": 0.0, "batch_norm": False, "smooth": False}
        given = [
            f"{name}={getattr(self, name)!r}"
            for name, default in settings.items()
            if getattr(self, name) != default
        ]
        return f"Dense({', '.join([*map(str, self.widths), *given])})"

    def encoder(
        self,
        shape: tuple[int, ...],
        outputs: int,
        *,
        classes: int | None = None,
        rng: torch.Generator,
    ) -> Net:
        """A net (B, *shape) -> (B, outputs); with classes, net(x, label)."""
        size = math.prod(counts("shape", shape)) + label_size(classes)
        layers = self._layers((size, *self.widths, count("outputs", outputs)), rng)
        return net([nn.Flatten(), *layers], classes, beside)

    def decoder(
        self,
        inputs: int,
        shape: tuple[int, ...],
        *,
        classes: int | None = None,
        rng: torch.Generator,
    ) -> Net:
        """A net (B, inputs) -> (B, *shape); with classes, net(z, label)."""
        first = count("inputs", inputs) + label_size(classes)
        sizes = (first, *reversed(self.widths), math.prod(counts("shape", shape)))
        return net([*self._layers(sizes, rng), nn.Unflatten(1, shape)], classes, beside)

    def _layers(self, sizes: tuple[int, ...], rng: torch.Generator) -> Net:
        return mlp(
            sizes,
            dropout=self.dropout,
            leak=self.leak,
            batch_norm=self.batch_norm,
            smooth=self.smooth,
            rng=rng,
        )


check_types(__name__)
