"""Banks of what a trained model draws: synthetic examples with the labels asked for."""

import torch

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


check_types(__name__)
