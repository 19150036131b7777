"""What the classical transforms of pictures share: parameters drawn per example, then applied.

Each transform has two halves, `draw` and `apply`, so that a picture can be replayed, and so that
masks and boxes can move with the pictures they belong to.

Letters: B pictures, C channels, H and W their height and width, N boxes in each picture.
"""

import torch
from torch import Tensor

from genaug_lessons.data import Batch, Source
from genaug_lessons.typed import check_types

ROUNDING = 1e-4  # how far outside [0, 1] resampling may leave a pixel


class Transform:
    """A random change of pictures (B, C, H, W), values in [0, 1], that keeps shape and label."""

    def draw(self, n: int, rng: torch.Generator) -> tuple[Tensor, ...]:
        """The parameters of n changes, one entry per example."""
        raise TypeError(f"{type(self).__name__} has no draw(n): use draw_for(x, rng)")

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

    def draw_for(self, x: Tensor, rng: torch.Generator) -> tuple[Tensor, ...]:
        """The parameters for these pictures.

        Raises:
            ValueError: x not float32 (B, C, H, W), or pictures so small that nothing might remain.
        """
        check_pictures(x)
        return self.draw(len(x), rng)

    def __call__(self, x: Tensor, rng: torch.Generator) -> Tensor:
        check_pictures(x)
        check_values(x)
        return self.apply(x, self.draw_for(x, rng))

    def on_batch(self, batch: Batch, rng: torch.Generator) -> Batch:
        """A batch (or a stack of batches) with every picture changed by a draw of its own.

        The values are not looked at: `check_data` has done so once, and a GPU would have to wait.
        """
        if batch.x.ndim < 4:  # points of a stack would pass for pictures
            raise ValueError(f"batch must hold pictures (C, H, W), got x {tuple(batch.x.shape)}")
        stack, x = batch.x.shape[:-3], batch.x.flatten(0, -4)
        x = self.apply(x, self.draw_for(x, rng))
        return batch._replace(x=x.view(*stack, *x.shape[1:]))

    def check_data(self, data: Source) -> None:
        """Raise a ValueError unless the data hold what it changes: looks at all values, once.

        Args:
            data: a `Dataset` or a stack of them.
        """
        check_layout("data", data.shape)
        if data.support == "real":  # others are in [0, 1] already
            check_values(data.x)


def check_pictures(x: Tensor) -> None:
    """Raise a ValueError unless x is float32 (B, C, H, W), channels first."""
    if x.ndim != 4 or len(x) == 0:
        raise ValueError(f"x must be pictures (B, C, H, W), got shape {tuple(x.shape)}")
    check_layout("x", tuple(x.shape[1:]))
    if x.dtype == torch.uint8:
        raise ValueError("x must hold pictures in [0, 1], got uint8: use x.float() / 255")
    if x.dtype != torch.float32:
        raise ValueError(f"x must be float32, got {x.dtype}: use x.float()")


def check_layout(name: str, shape: tuple[int, ...]) -> None:
    """Raise a ValueError unless the shape is that of a picture, (C, H, W)."""
    if len(shape) != 3 or 0 in shape:
        raise ValueError(f"{name} must hold pictures (C, H, W), got examples of shape {shape}")
    if shape[0] > 4 and shape[2] in (1, 3):
        raise ValueError(
            f"{name} must hold pictures (C, H, W), got {shape}, which looks like channels last: "
            "use x.permute(0, 3, 1, 2)"
        )


def check_values(x: Tensor) -> None:
    """Raise a ValueError unless all values lie in [0, 1], up to rounding."""
    low, high = (value.item() for value in x.aminmax())
    if -ROUNDING <= low and high <= 1 + ROUNDING:
        return
    advice = ""  # on NaN
    if low < -ROUNDING:
        advice = ": clip them, or standardise after the transform instead of before"
    elif high > 1 + ROUNDING:
        advice = ": divide by the largest possible value, 255 for bytes"
    raise ValueError(f"x must hold pictures in [0, 1], got values from {low:g} to {high:g}{advice}")


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


check_types(__name__)
