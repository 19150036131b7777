"""Banks: data sets that a trained model made, or labelled; they remember the rows it saw."""

from dataclasses import replace
from typing import Protocol

import torch
from torch import Tensor

from genaug_lessons.checks import count
from genaug_lessons.data import Dataset
from genaug_lessons.model import Model
from genaug_lessons.typed import check_types


def bank(model: Model, *, per_class: int, rng: torch.Generator) -> Dataset:
    """Synthetic examples (classes * per_class, *shape) from a conditional model, with labels.

    The bank remembers the rows that the model saw.

    Raises:
        ValueError: per_class below 1; a model without labels, whose samples nobody could label.
    """
    per_class = count("per_class", per_class)
    if model.classes is None:
        raise ValueError(
            "model must be conditional: samples without labels cannot augment a classifier; "
            "PerClass makes one model per class out of an unconditional family"
        )
    y = torch.arange(model.classes, device=model.device).repeat_interleave(per_class)
    x = model.sample(len(y), label=y, rng=rng)
    return Dataset(x, y, model.classes, model.support, model.seen, synthetic=True)


class Labeller(Protocol):
    """What gives each example one of `classes` labels."""

    classes: int

    def predict(self, x: Tensor) -> Tensor:
        """Labels (N,) of x (N, *shape)."""


def labelled_by(model: Labeller, pool: Dataset) -> Dataset:
    """The pool with the labels that a trained classifier gives it (self-training).

    Source: Lee 2013, "Pseudo-Label", ICML workshop on challenges in representation learning.
    """
    return replace(pool, y=model.predict(pool.values), classes=model.classes)


check_types(__name__)
