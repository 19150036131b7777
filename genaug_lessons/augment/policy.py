"""A policy is a list of transforms, one after the other."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated

import torch
from torch import Tensor

from genaug_lessons.augment.per_picture import PerPicture
from genaug_lessons.augment.transforms import (
    ExampleTransform,
    Transform,
    check_boxes,
    check_mask,
    clip_boxes,
)
from genaug_lessons.data import Batch, Source
from genaug_lessons.typed import check_types

Change = Annotated[
    Transform | Callable[[Tensor], Tensor] | Sequence,
    "one of this package or of torchvision, a function of a picture (C, H, W) or a list of them",
    "transforms of this package or of torchvision or functions of a picture (C, H, W)",
]
_OURS = {"MixUp": "Mixup", "CutMix": "CutMix"}  # torchvision's name -> this package's


@dataclass(frozen=True)
class Compose(Transform):
    """Transforms one after the other: a policy. Its draws are a tuple of its transforms' draws.

    It changes batches as `on_batch` of each does. Where all its transforms change examples by a
    draw of their own, it has both halves of them, too.
    """

    transforms: Sequence[Change]

    def __post_init__(self):
        members = tuple(as_transform(member) for member in self.transforms)
        object.__setattr__(self, "transforms", members)  # the way to set it in a frozen class

    @property
    def blends_labels(self) -> bool:
        """Whether one of the transforms makes labels class probabilities."""
        return any(transform.blends_labels for transform in self.transforms)

    @property
    def keeps_range(self) -> bool:
        """Whether each of the transforms leaves values of [0, 1] there."""
        return all(transform.keeps_range for transform in self.transforms)

    def check_data(self, data: Source) -> None:
        """Raise a ValueError unless the data hold what each of the transforms changes."""
        for transform in self.transforms:
            transform.check_data(data)

    def check_examples(self, x: Tensor) -> None:
        """Raise a ValueError unless x holds what each of the transforms changes."""
        for transform in self.transforms:
            _without_labels(transform).check_examples(x)

    def draw_for(self, x: Tensor, rng: torch.Generator) -> tuple:
        """The parameters of each transform for these examples."""
        return tuple(_without_labels(t).draw_for(x, rng) for t in self.transforms)

    def apply(self, x: Tensor, parameters: tuple) -> Tensor:
        """The examples changed by each transform in turn."""
        for transform, drawn in zip(self.transforms, parameters, strict=True):
            x = _without_labels(transform).apply(x, drawn)
        return x

    def __call__(self, x: Tensor, rng: torch.Generator) -> Tensor:
        self.check_examples(x)
        return self.apply(x, self.draw_for(x, rng))

    def apply_to_mask(self, mask: Tensor, parameters: tuple) -> Tensor:
        """The masks moved by each transform in turn."""
        check_mask(mask)
        for transform, drawn in zip(self.transforms, parameters, strict=True):
            mask = _able(transform, "apply_to_mask", "moves no masks")(mask, drawn)
        return mask

    def apply_to_boxes(
        self, boxes: Tensor, parameters: tuple, size: tuple[int, int]
    ) -> tuple[Tensor, Tensor]:
        """The boxes moved by each transform in turn; those lost on the way stay lost."""
        check_boxes(boxes)
        boxes, seen = clip_boxes(boxes, size)
        for transform, drawn in zip(self.transforms, parameters, strict=True):
            move = _able(transform, "apply_to_boxes", "moves no boxes")
            boxes, still = move(boxes, drawn, size)
            seen = seen & still
        return boxes * seen[..., None], seen

    def on_batch(self, batch: Batch, rng: torch.Generator) -> Batch:
        """The batch changed by each transform in turn, labels too."""
        for transform in self.transforms:
            batch = transform.on_batch(batch, rng)
        return batch


def _without_labels(transform: Transform) -> "ExampleTransform | Compose":
    """The transform, if it changes examples by a draw of their own."""
    if isinstance(transform, (ExampleTransform, Compose)):
        return transform
    name = type(transform).__name__
    raise ValueError(f"x must come with labels for {name}: use on_batch(Batch(x, y), ...)")


def _able(transform: Transform, method: str, otherwise: str) -> Callable:
    """The method of a transform, if it has one."""
    if not hasattr(transform, method):
        raise TypeError(f"{type(transform).__name__} {otherwise}")
    return getattr(transform, method)


def as_transform(value: Change) -> Transform:
    """A transform as it is, a list of them as a policy, a change of single pictures per picture.

    Such are torchvision's transforms, old and new, and functions of a picture (C, H, W).

    Raises:
        ValueError: anything else; torchvision's MixUp and CutMix, which need labels.
    """
    if isinstance(value, Transform):
        return value
    if isinstance(value, (list, tuple)):
        return Compose(value)
    name = type(value).__name__
    if name in _OURS:
        raise ValueError(
            f"transform must not be torchvision's {name}, which needs a batch with labels: use "
            f"augment.{_OURS[name]} of this package"
        )
    if callable(value) and not isinstance(value, type):
        return PerPicture(value)
    raise ValueError(
        "transform must be one of this package or of torchvision, a function of a picture or a "
        f"list of them, got {value!r}"
    )


check_types(__name__)
