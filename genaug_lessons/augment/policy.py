"""A policy is a list of transforms, one after the other."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated

import torch
from torch import Tensor

from genaug_lessons.augment.per_picture import PerPicture
from genaug_lessons.augment.transforms import Transform, check_boxes, check_mask, in_sight
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
    """Transforms one after the other: a policy. Its draws are a tuple of its transforms' draws."""

    transforms: Sequence[Change]

    def __post_init__(self):
        members = tuple(as_transform(each) for each in self.transforms)
        object.__setattr__(self, "transforms", members)  # the way to set it in a frozen class

    def check_data(self, data: Source) -> None:
        """Raise a ValueError unless the data hold what each of the transforms changes."""
        for transform in self.transforms:
            transform.check_data(data)

    def draw_for(self, x: Tensor, rng: torch.Generator) -> tuple:
        """The parameters of each transform for these pictures."""
        return tuple(transform.draw_for(x, rng) for transform in self.transforms)

    def apply(self, x: Tensor, parameters: tuple) -> Tensor:
        """The pictures changed by each transform in turn."""
        for transform, drawn in zip(self.transforms, parameters, strict=True):
            x = transform.apply(x, drawn)
        return x

    def apply_to_mask(self, mask: Tensor, parameters: tuple) -> Tensor:
        """The masks moved by each transform in turn."""
        check_mask(mask)
        for transform, drawn in zip(self.transforms, parameters, strict=True):
            mask = transform.apply_to_mask(mask, drawn)
        return mask

    def apply_to_boxes(
        self, boxes: Tensor, parameters: tuple, size: tuple[int, int]
    ) -> tuple[Tensor, Tensor]:
        """The boxes moved by each transform in turn; those lost on the way stay lost."""
        check_boxes(boxes)
        boxes, seen = in_sight(boxes, size)
        for transform, drawn in zip(self.transforms, parameters, strict=True):
            boxes, still = transform.apply_to_boxes(boxes, drawn, size)
            seen = seen & still
        return boxes * seen[..., None], seen

    def on_batch(self, batch: Batch, rng: torch.Generator) -> Batch:
        """As for pictures alone; transforms that change labels too can take part."""
        for transform in self.transforms:
            batch = transform.on_batch(batch, rng)
        return batch


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
