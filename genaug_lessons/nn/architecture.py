"""What a network of a model is, before there are weights: a value that makes encoders and decoders.

A model is handed `Dense(256)` or `Conv(16, 32)`, or any other object with the two methods, and
makes the modules that it needs for the shape of its data.
"""

from typing import Protocol

import torch
from torch import nn

from genaug_lessons.nn.layers import Dropout
from genaug_lessons.typed import check_types


class Architecture(Protocol):
    """Makes modules of one kind for any shape.

    Sizes are listed from the data's side to the code's; a decoder goes through them backwards.
    """

    def encoder(
        self,
        shape: tuple[int, ...],
        outputs: int,
        *,
        classes: int | None = None,
        rng: torch.Generator,
    ) -> nn.Module:
        """A module (B, *shape) -> (B, outputs), its first weights drawn from rng, on its device.

        With classes, it is called with labels (B,) as its second argument. How they enter is the
        architecture's affair: one-hot beside flat values (`Dense`), as constant planes (`Conv`).
        """

    def decoder(
        self,
        inputs: int,
        shape: tuple[int, ...],
        *,
        classes: int | None = None,
        rng: torch.Generator,
    ) -> nn.Module:
        """A module (B, inputs) -> (B, *shape), the other way; labels as for an encoder."""


def check_architecture(name: str, network: Architecture) -> None:
    """Raise a TypeError for a finished module, or a class, in the place of an architecture."""
    if isinstance(network, (nn.Module, type)):
        kind = network if isinstance(network, type) else type(network)
        raise TypeError(
            f"{name} must be a value that makes modules, such as Dense(128), got {kind.__name__}"
        )


def refuse_dropout(model: nn.Module, network: Architecture) -> None:
    """Raise a ValueError if a part of the model drops values: it has no rng for that."""
    if any(isinstance(part, Dropout) and part.p for part in model.modules()):
        name = type(model).__name__
        raise ValueError(f"network must be without dropout in this {name}, got {network!r}")


check_types(__name__)
