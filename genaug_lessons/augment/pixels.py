"""Changes of pixel values in [0, 1]: noise, brightness, contrast, erased rectangles.

Nothing changes its place, so masks and boxes stay as they are.
"""

from dataclasses import dataclass
from numbers import Real

import torch
from torch import Tensor

from genaug_lessons.augment.transforms import InPlace, PictureTransform, check_pictures
from genaug_lessons.checks import number, probability
from genaug_lessons.random import normal, uniform
from genaug_lessons.typed import check_types


class Photometric(InPlace, PictureTransform):
    """A transform of pictures that changes values and leaves everything in its place."""


@dataclass(frozen=True)
class Noise(Photometric):
    """Gaussian noise of the given standard deviation on every pixel; clipped to [0, 1].

    It is drawn by `draw_for`, because it has the pictures' own shape. `GaussianNoise` is the same
    for examples of any shape and scale, and does not clip.
    """

    std: float = 0.1

    def __post_init__(self):
        number("std", self.std, at_least=0)

    def draw_for(self, x: Tensor, rng: torch.Generator) -> tuple[Tensor, ...]:
        """Standard normal noise (B, C, H, W)."""
        check_pictures(x)
        return (normal(tuple(x.shape), rng),)

    def apply(self, x: Tensor, parameters: tuple[Tensor, ...]) -> Tensor:
        """Add standard normal noise (B, C, H, W), scaled."""
        return (x + self.std * parameters[0]).clamp(0, 1)


@dataclass(frozen=True)
class ScaleFactor(Photometric):
    """A change by one factor for each picture, evenly between 1 - change and 1 + change."""

    change: float = 0.3

    def __post_init__(self):
        number("change", self.change, at_least=0, below=1)

    def draw(self, n: int, rng: torch.Generator) -> tuple[Tensor, ...]:
        """Factors (n,)."""
        return (uniform((n,), rng, 1 - self.change, 1 + self.change),)


class Brightness(ScaleFactor):
    """Every value times one factor from 1 - change to 1 + change; clipped to [0, 1]."""

    def apply(self, x: Tensor, parameters: tuple[Tensor, ...]) -> Tensor:
        """Multiply and clip."""
        return (parameters[0][:, None, None, None] * x).clamp(0, 1)


class Contrast(ScaleFactor):
    """Distances from the picture's mean times one factor from 1 - change to 1 + change.

    Clipped to [0, 1]. The mean is over all pixels and channels alike; torchvision's weighs red,
    green and blue as the eye does.
    """

    def apply(self, x: Tensor, parameters: tuple[Tensor, ...]) -> Tensor:
        """Spread the values about their mean and clip."""
        mean = x.mean((1, 2, 3), keepdim=True)
        return torch.lerp(mean, x, parameters[0][:, None, None, None]).clamp(0, 1)


@dataclass(frozen=True)
class Erase(Photometric):
    """With probability p, one rectangle at a random place is painted over.

    Args:
        p: probability that a picture loses a rectangle.
        area: smallest and largest share of the picture that is erased, in [0, 1), up to rounding.
        aspect: smallest ratio, in (0, 1], of height to width, both as shares of the picture's;
            the largest is its inverse. A ratio that would not fit becomes the nearest that does.
        fill: the value painted, or "mean" for the mean of the channel.

    Source: Zhong et al. 2020, arXiv:1708.04896, algorithm 1 (which draws again until it fits).
    """

    p: float = 0.5
    area: tuple[float, float] = (0.02, 0.4)
    aspect: float = 0.3
    fill: float | str = 0.0

    def __post_init__(self):
        probability("p", self.p)
        number("aspect", self.aspect, above=0, at_most=1)
        if not _rising_shares(self.area):
            raise ValueError(f"area must be two rising shares in [0, 1), got {self.area!r}")
        if self.fill != "mean" and not (isinstance(self.fill, Real) and 0 <= self.fill <= 1):
            raise ValueError(f'fill must lie in [0, 1] or be "mean", got {self.fill!r}')

    def draw(self, n: int, rng: torch.Generator) -> tuple[Tensor, ...]:
        """Rectangles (n, 4) as shares (left, top, right, bottom); empty where none is erased."""
        u = uniform((5, n), rng)
        smallest, largest = self.area
        area = (smallest + (largest - smallest) * u[0]) * (u[1] < self.p)
        aspect = (self.aspect ** (2 * u[2] - 1)).clamp(area, 1 / area)
        height, width = (area * aspect).sqrt(), (area / aspect).sqrt()
        left, top = u[3] * (1 - width), u[4] * (1 - height)
        return (torch.stack([left, top, left + width, top + height], dim=-1),)

    def draw_for(self, x: Tensor, rng: torch.Generator) -> tuple[Tensor, ...]:
        """Refuses an area that, rounded to whole pixels, could be all of the picture."""
        check_pictures(x)
        height, width = x.shape[-2:]
        limit = (1 - 1 / height) * (1 - 1 / width)
        if self.area[1] > limit:
            raise ValueError(
                f"area must be at most {limit:.3g}, or pictures of {height} x {width} pixels "
                f"could be erased altogether, got {self.area}"
            )
        return self.draw(len(x), rng)

    def apply(self, x: Tensor, parameters: tuple[Tensor, ...]) -> Tensor:
        """Paint over the rectangles, whose sides are rounded to whole pixels."""
        erased = inside(parameters[0], x.shape[-2:])[:, None]
        fill = x.mean((2, 3), keepdim=True) if self.fill == "mean" else float(self.fill)
        return torch.where(erased, fill, x)


def inside(rectangles: Tensor, size: tuple[int, int]) -> Tensor:
    """Which pixels lie in rectangles (..., 4) of shares: (..., H, W) bool, in whole pixels."""
    height, width = size
    left, top, right, bottom = rectangles[..., None].unbind(-2)  # each (..., 1)
    row = torch.arange(height, device=rectangles.device)
    column = torch.arange(width, device=rectangles.device)
    rows = (row >= (height * top).round()) & (row < (height * bottom).round())
    columns = (column >= (width * left).round()) & (column < (width * right).round())
    return rows[..., :, None] & columns[..., None, :]


def _rising_shares(values: object) -> bool:
    try:
        smallest, largest = values
        return 0 <= smallest <= largest < 1
    except (TypeError, ValueError):
        return False


check_types(__name__)
