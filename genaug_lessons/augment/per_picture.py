"""What others wrote for single pictures, as a transform of the package.

A torchvision transform that is called on a batch makes one draw for all its pictures, and takes
it from torch's or Python's global random state. Here it is called picture by picture, with a seed
for each.
"""

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor

from genaug_lessons.augment.transforms import PictureTransform
from genaug_lessons.typed import check_types


@dataclass(frozen=True)
class PerPicture(PictureTransform):
    """A change of single pictures, such as a torchvision transform, drawn anew for each.

    The change runs on the CPU and may draw from torch's and Python's global random states, which
    are left as they were. Chance from elsewhere (numpy's) is not replayed. A loop over pictures is
    slow: about a millisecond each, while the package's own transforms change a batch in that time.

    Args:
        change: takes a picture (C, H, W) and returns one of the same shape and type.
    """

    change: Callable[[Tensor], Tensor]

    def __post_init__(self):
        if not callable(self.change):
            raise ValueError(f"change must be a function of a picture, got {self.change!r}")

    def draw(self, n: int, rng: torch.Generator) -> tuple[Tensor, ...]:
        """Seeds (n,)."""
        return (torch.randint(2**62, (n,), generator=rng, device=rng.device),)

    def apply(self, x: Tensor, parameters: tuple[Tensor, ...]) -> Tensor:
        """Change each picture with the global random state set to its seed."""
        pictures = x.to("cpu", copy=True)  # a change may work in place
        with _random_states_kept():
            changed = [
                self._changed(picture, seed)
                for picture, seed in zip(pictures, parameters[0].tolist(), strict=True)
            ]
        return torch.stack(changed).to(x.device)

    def _changed(self, picture: Tensor, seed: int) -> Tensor:
        torch.default_generator.manual_seed(seed)
        random.seed(seed)
        changed = self.change(picture)
        wanted, given = (
            f"{tuple(each.shape)} {each.dtype}" if isinstance(each, Tensor) else type(each).__name__
            for each in (picture, changed)
        )
        if given != wanted:
            raise ValueError(f"change must return a picture {wanted}, got {given}")
        return changed


@contextmanager
def _random_states_kept() -> Iterator[None]:
    """Leave the global random states of torch and Python as they were before the block."""
    state = random.getstate()
    with torch.random.fork_rng(devices=[]):
        try:
            yield
        finally:
            random.setstate(state)


check_types(__name__)
