"""What a transform is: a change of batches; most change each example by a draw of its own.

    Transform              changes a batch, labels too if it likes: Mixup, CutMix, Compose
      ExampleTransform     draws for each example, then applies, and keeps shape and label
        RowTransform       of rows (D,)
        SignalTransform    of signals (C, T)
        PictureTransform   of pictures (C, H, W); may move masks and boxes along
        Corruption         of examples of any shape

One of your own is a class with two methods. A signal that starts somewhere else in its circle:

    class Roll(SignalTransform):
        def draw(self, n, rng):
            return (uniform((n,), rng),)

        def apply(self, x, parameters):
            time = torch.arange(x.shape[-1], device=x.device)
            start = (parameters[0][:, None, None] * len(time)).long()
            return x.gather(-1, ((time + start) % len(time)).expand_as(x))

`draw` and `apply` are two halves so that a change can be replayed, and so that masks and boxes can
move with the pictures they belong to.

Letters: B examples; C channels, T moments; H and W height and width; N boxes in each picture.
"""

import torch
from torch import Tensor

from genaug_lessons.data import Batch, Source
from genaug_lessons.typed import check_types

ROUNDING = 1e-4  # how far outside [0, 1] resampling may leave a pixel
LAYOUTS = {1: "rows (D,)", 2: "signals (C, T)", 3: "pictures (C, H, W)"}  # by rank


class Transform:
    """A random change of a batch, or of a stack of batches: all that `Augmented` asks for.

    Attributes:
        blends_labels: whether labels become class probabilities.
        keeps_range: whether values in [0, 1] stay there.
    """

    blends_labels = False
    keeps_range = True

    def on_batch(self, batch: Batch, rng: torch.Generator) -> Batch:
        """The batch changed; x (B, *shape), or (K, B, *shape) for a stack, keeps its shape."""
        raise TypeError(f"{type(self).__name__} changes no batches")

    def check_data(self, data: Source) -> None:
        """Raise a ValueError unless the data hold what it changes; called once, beforehand."""


class ExampleTransform(Transform):
    """A change of each example by a draw of its own, which keeps shape and label.

    Attributes:
        rank: how many axes an example has; None for any, where `on_batch` must know what to do.
    """

    rank: int | None = None

    def draw(self, n: int, rng: torch.Generator) -> tuple[Tensor, ...]:
        """The parameters of n changes, one entry per example."""
        raise TypeError(f"{type(self).__name__} has no draw(n): use draw_for(x, rng)")

    def apply(self, x: Tensor, parameters: tuple[Tensor, ...]) -> Tensor:
        """The examples x (B, *shape) changed by the given parameters."""
        raise TypeError(f"{type(self).__name__} applies nothing")

    def draw_for(self, x: Tensor, rng: torch.Generator) -> tuple[Tensor, ...]:
        """The parameters for these examples.

        Raises:
            ValueError: x with more or fewer axes, or of another type, than it changes.
        """
        self.check_layout(x)
        return self.draw(len(x), rng)

    def check_layout(self, x: Tensor) -> None:
        """Raise a ValueError unless x (B, *shape) has the axes, and the type, that it changes."""
        if self.rank is not None and x.ndim != self.rank + 1:
            raise ValueError(f"x must be a batch of {self._layout()}, got {tuple(x.shape)}")

    def check_examples(self, x: Tensor) -> None:
        """As `check_layout`, and of the values that it changes."""
        self.check_layout(x)

    def __call__(self, x: Tensor, rng: torch.Generator) -> Tensor:
        self.check_examples(x)
        return self.apply(x, self.draw_for(x, rng))

    def on_batch(self, batch: Batch, rng: torch.Generator) -> Batch:
        """A batch (or a stack of batches) with every example changed by a draw of its own.

        The values are not looked at: `check_data` has done so once, and a GPU would have to wait.
        """
        if self.rank is None:
            name = type(self).__name__
            raise TypeError(f"{name} has no rank: it must say how many axes an example has")
        if batch.x.ndim <= self.rank:  # (K, B, 2) points would look like a batch of signals
            raise ValueError(f"batch must hold {self._layout()}, got x {tuple(batch.x.shape)}")
        stack, x = batch.x.shape[: -self.rank], batch.x.flatten(0, -self.rank - 1)
        x = self.apply(x, self.draw_for(x, rng))
        return batch._replace(x=x.view(*stack, *x.shape[1:]))

    def check_data(self, data: Source) -> None:
        """Raise a ValueError unless examples have its rank.

        Args:
            data: a `Dataset` or a stack of them.
        """
        if self.rank is not None and len(data.shape) != self.rank:
            given = f"got examples of shape {data.shape}"
            raise ValueError(f"data must hold {self._layout()}, {given}")

    def _layout(self) -> str:
        return LAYOUTS.get(self.rank, f"examples of {self.rank} axes")


class RowTransform(ExampleTransform):
    """A random change of rows (B, D), each by a draw of its own."""

    rank = 1


class SignalTransform(ExampleTransform):
    """A random change of signals (B, C, T), each by a draw of its own."""

    rank = 2


class PictureTransform(ExampleTransform):
    """A random change of pictures (B, C, H, W), values in [0, 1], each by a draw of its own."""

    rank = 3

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

    def check_layout(self, x: Tensor) -> None:
        """Raise a ValueError unless x is float32 (B, C, H, W), channels first."""
        check_pictures(x)

    def check_examples(self, x: Tensor) -> None:
        """Raise a ValueError unless x is float32 (B, C, H, W) with values in [0, 1]."""
        check_pictures(x)
        check_values(x)

    def check_data(self, data: Source) -> None:
        """Raise a ValueError unless the data hold pictures in [0, 1]: looks at all values, once.

        Args:
            data: a `Dataset` or a stack of them.
        """
        check_layout("data", data.shape)
        for part in data.parts():
            if part.support == "real":  # others are in [0, 1] already
                check_values(part.x)


class InPlace:
    """What a transform that moves nothing does with masks and boxes: they stay as they are."""

    def apply_to_mask(self, mask: Tensor, parameters: tuple[Tensor, ...]) -> Tensor:
        """The mask (B, H, W) as it is."""
        check_mask(mask)
        return mask

    def apply_to_boxes(
        self, boxes: Tensor, parameters: tuple[Tensor, ...], size: tuple[int, int]
    ) -> tuple[Tensor, Tensor]:
        """The boxes (B, N, 4) as they are, but clipped to pictures of this size (H, W)."""
        check_boxes(boxes)
        return clip_boxes(boxes, size)


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


def clip_boxes(boxes: Tensor, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Boxes (B, N, 4) clipped to pictures of this size, and which still have an area, (B, N)."""
    height, width = size
    right, down = boxes[..., 0::2].clamp(0, width), boxes[..., 1::2].clamp(0, height)
    seen = (right[..., 1] > right[..., 0]) & (down[..., 1] > down[..., 0])
    return torch.stack([right, down], dim=-1).flatten(-2) * seen[..., None], seen


check_types(__name__)
