"""What the classical transforms of pictures share: parameters drawn per example, then applied.

Each transform has two halves, `draw` and `apply`, so that a picture can be replayed, and so that
masks and boxes can move with the pictures they belong to.

Letters: B pictures, C channels, H and W their height and width, N boxes in each picture.
"""

import torch
from torch import Tensor

from genaug_lessons.data import Batch


def check_probability(name: str, value: float) -> None:
    """Raise a ValueError unless the value lies in [0, 1]."""
    if not 0 <= value <= 1:
        raise ValueError(f"{name} must lie in [0, 1], got {value}")


class Transform:
    """A random change of pictures (B, C, H, W) that keeps shape and label."""

    def draw(self, n: int, generator: torch.Generator) -> tuple[Tensor, ...]:
        """The parameters of n changes, one entry per example."""
        raise TypeError(f"{type(self).__name__} has no draw(n): use draw_for(x, generator)")

    def apply(self, x: Tensor, parameters: tuple[Tensor, ...]) -> Tensor:
        """The pictures changed by the given parameters."""
        raise TypeError(f"{type(self).__name__} applies nothing")

    def apply_to_mask(self, mask: Tensor, parameters: tuple[Tensor, ...]) -> Tensor:
        """Labels of pixels (B, H, W), of any type, moved as the pictures are; 0 comes in."""
        raise TypeError(f"{type(self).__name__} moves no masks")

    def apply_to_boxes(
        self, boxes: Tensor, parameters: tuple[Tensor, ...], size: tuple[int, int]
    ) -> tuple[Tensor, Tensor]:
        """Boxes moved as the pictures are, and which of them are still in sight.

        A box that is turned or sheared becomes the smallest upright one around its corners.

        Args:
            boxes: (B, N, 4) as (left, top, right, bottom) in pixels from the top left corner.
            parameters: as drawn for the pictures.
            size: (H, W) of the pictures.

        Returns:
            boxes: (B, N, 4), clipped to the pictures, zeros for those that left them.
            seen: (B, N) bool, False for boxes without an area.
        """
        raise TypeError(f"{type(self).__name__} moves no boxes")

    def draw_for(self, x: Tensor, generator: torch.Generator) -> tuple[Tensor, ...]:
        """The parameters for these pictures.

        Raises:
            ValueError: x not (B, C, H, W), or pictures so small that nothing might remain of them.
        """
        check_pictures(x)
        return self.draw(len(x), generator)

    def __call__(self, x: Tensor, generator: torch.Generator) -> Tensor:
        return self.apply(x, self.draw_for(x, generator))

    def on_batch(self, batch: Batch, generator: torch.Generator) -> Batch:
        """A batch (or a stack of batches) with every picture changed by a draw of its own."""
        if batch.x.ndim < 4:  # points of a stack would pass for pictures
            raise ValueError(f"batch must hold pictures (C, H, W), got x {tuple(batch.x.shape)}")
        stack = batch.x.shape[:-3]
        x = self(batch.x.reshape(-1, *batch.x.shape[-3:]), generator)
        return batch._replace(x=x.view(*stack, *x.shape[1:]))


def check_pictures(x: Tensor) -> None:
    """Raise a ValueError unless x has the shape (B, C, H, W)."""
    if x.ndim != 4:
        raise ValueError(f"x must be pictures (B, C, H, W), got shape {tuple(x.shape)}")


def check_mask(mask: Tensor) -> None:
    """Raise a ValueError unless the mask has the shape (B, H, W)."""
    if mask.ndim != 3:
        raise ValueError(f"mask must have shape (B, H, W), got {tuple(mask.shape)}")


def check_boxes(boxes: Tensor) -> None:
    """Raise a ValueError unless the boxes have the shape (B, N, 4)."""
    if boxes.ndim != 3 or boxes.shape[-1] != 4:
        raise ValueError(f"boxes must have shape (B, N, 4), got {tuple(boxes.shape)}")


def in_sight(boxes: Tensor, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Boxes (B, N, 4) clipped to pictures of this size, and which still have an area, (B, N)."""
    height, width = size
    right, down = boxes[..., 0::2].clamp(0, width), boxes[..., 1::2].clamp(0, height)
    seen = (right[..., 1] > right[..., 0]) & (down[..., 1] > down[..., 0])
    return torch.stack([right, down], dim=-1).flatten(-2) * seen[..., None], seen
