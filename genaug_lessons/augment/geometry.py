"""Changes of place: mirror and crop; masks and boxes move along.

Places are (right, down) in pixels. Pixel (row, column) covers the square from (column, row) to
(column + 1, row + 1), as in torchvision.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from genaug_lessons.augment.transforms import (
    PictureTransform,
    check_boxes,
    check_mask,
    check_pictures,
    clip_boxes,
)
from genaug_lessons.checks import count, probability
from genaug_lessons.random import uniform
from genaug_lessons.typed import check_types


class Geometric(PictureTransform):
    """A transform that moves masks and boxes along; `moved` says where boxes go."""

    def apply_to_mask(self, mask: Tensor, parameters: tuple[Tensor, ...]) -> Tensor:
        """Masks (B, H, W) moved as pictures of one channel are."""
        check_mask(mask)
        return self.apply(mask[:, None], parameters)[:, 0]

    def apply_to_boxes(
        self, boxes: Tensor, parameters: tuple[Tensor, ...], size: tuple[int, int]
    ) -> tuple[Tensor, Tensor]:
        """Boxes (B, N, 4) moved and clipped, and which are still in sight (B, N)."""
        check_boxes(boxes)
        return clip_boxes(self.moved(boxes, parameters, size), size)

    def moved(self, boxes: Tensor, parameters: tuple[Tensor, ...], size: tuple[int, int]) -> Tensor:
        """Boxes (B, N, 4) moved, not yet clipped."""
        raise TypeError(f"{type(self).__name__} moves no boxes")


@dataclass(frozen=True)
class Flip(Geometric):
    """Mirror left and right (or, with vertical=True, up and down) with probability p."""

    p: float = 0.5
    vertical: bool = False

    def __post_init__(self):
        probability("p", self.p)

    def draw(self, n: int, rng: torch.Generator) -> tuple[Tensor, ...]:
        """Which of n pictures are mirrored, (n,) bool."""
        return (uniform((n,), rng) < self.p,)

    def apply(self, x: Tensor, parameters: tuple[Tensor, ...]) -> Tensor:
        """Mirror the chosen pictures."""
        chosen = parameters[0][:, None, None, None]
        return torch.where(chosen, x.flip(-2 if self.vertical else -1), x)

    def moved(self, boxes: Tensor, parameters: tuple[Tensor, ...], size: tuple[int, int]) -> Tensor:
        """Mirror the boxes of the chosen pictures."""
        left, top, right, bottom = boxes.unbind(-1)
        height, width = size
        if self.vertical:
            sides = left, height - bottom, right, height - top
        else:
            sides = width - right, top, width - left, bottom
        chosen = parameters[0][:, None, None]
        return torch.where(chosen, torch.stack(sides, dim=-1), boxes)


@dataclass(frozen=True)
class Crop(Geometric):
    """Cut a window of the picture's own size out of the picture padded with black pixels."""

    padding: int = 1

    def __post_init__(self):
        count("padding", self.padding, at_least=0)

    def draw(self, n: int, rng: torch.Generator) -> tuple[Tensor, ...]:
        """Top and left corner of each window in the padded picture, (n,) each."""
        corners = uniform((2, n), rng, 0, 2 * self.padding + 1).long()
        return corners[0], corners[1]

    def draw_for(self, x: Tensor, rng: torch.Generator) -> tuple[Tensor, ...]:
        """Refuses a padding so wide that a window could miss the picture."""
        check_pictures(x)
        side = min(x.shape[-2:])
        if self.padding >= side:
            raise ValueError(
                f"padding must be below {side}, or a window could miss pictures of {side} pixels, "
                f"got {self.padding}"
            )
        return self.draw(len(x), rng)

    def apply(self, x: Tensor, parameters: tuple[Tensor, ...]) -> Tensor:
        """Cut the windows."""
        top, left = parameters
        height, width = x.shape[-2:]
        padded = F.pad(x, (self.padding,) * 4)
        rows = (top[:, None] + torch.arange(height, device=x.device))[:, None, :, None]
        columns = (left[:, None] + torch.arange(width, device=x.device))[:, None, None, :]
        example = torch.arange(len(x), device=x.device)[:, None, None, None]
        channel = torch.arange(x.shape[1], device=x.device)[None, :, None, None]
        return padded[example, channel, rows, columns]

    def moved(self, boxes: Tensor, parameters: tuple[Tensor, ...], size: tuple[int, int]) -> Tensor:
        """Places counted from the windows' corners."""
        top, left = parameters
        return boxes + self.padding - torch.stack([left, top, left, top], dim=-1)[:, None]


check_types(__name__)
