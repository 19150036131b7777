"""Banks of real rows that a trained classifier labels (self-training).

Source: Lee 2013, "Pseudo-Label", ICML workshop on challenges in representation learning.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

import torch
from torch import Tensor

from genaug_lessons.augment import Affine, Augmented
from genaug_lessons.augment.policy import Change
from genaug_lessons.data import Dataset, Split
from genaug_lessons.models.classifier import Classifier
from genaug_lessons.training import fit
from genaug_lessons.typed import check_types


class Labeller(Protocol):
    """What gives each example one of `classes` labels."""

    classes: int

    def predict(self, x: Tensor) -> Tensor:
        """Labels (N,) of x (N, *shape)."""


def labelled_by(model: Labeller, pool: Dataset) -> Dataset:
    """The pool (N, *shape) with the labels that a trained classifier gives it, right or wrong."""
    return replace(pool, y=model.predict(pool.values), classes=model.classes)


def pseudo_labelled(
    split: Split,
    *,
    steps: int,
    transform: Change | None = Affine(),  # noqa: B008 (a frozen value)
    share: float = 0.8,
    make_classifier: Callable[..., Classifier] = Classifier,
    rng: torch.Generator,
) -> Dataset:
    """The split's pool, labelled by a teacher that is trained on its few labelled rows.

    What learns from it knows the pictures of the pool, and the teacher's mistakes.

    Args:
        split: labelled rows, and a pool without labels.
        steps: updates of the teacher, at least 1.
        transform: what a share of the teacher's batches is changed by; None for the rows as they
            are. The default is for pictures.
        share: part of each batch that is changed, 0 to 1.
        make_classifier: called with (shape, classes=..., rng=...) to make the teacher.
        rng: draws the teacher's weights, then its batches.

    Returns:
        The rows of the pool, (N, *shape), real, with their ids and the teacher's labels (N,).

    Raises:
        ValueError: steps below 1, share outside [0, 1], a transform that does not fit the rows.
    """
    few = split.labelled
    teacher = make_classifier(few.shape, classes=few.classes, rng=rng)
    rows = few if transform is None else Augmented(few, transform=transform, share=share)
    fit(teacher, rows, steps=steps, rng=rng, show_progress=False)
    return labelled_by(teacher, split.pool)


check_types(__name__)
