"""New examples between the codes of two old ones: a bank made by an autoencoder.

An autoencoder knows no labels and does not sample, so each new example takes its label from the
two rows of one class that it lies between.

Source: DeVries & Taylor 2017, arXiv:1702.05538.
"""

import torch
from torch import Tensor

from genaug_lessons.checks import count, number
from genaug_lessons.data import Dataset, Leak
from genaug_lessons.models.autoencoder import Autoencoder
from genaug_lessons.random import check_device, uniform
from genaug_lessons.typed import check_types


@torch.no_grad()
def interpolation_bank(
    model: Autoencoder,
    data: Dataset,
    *,
    per_class: int,
    reach: float = 0.5,
    rng: torch.Generator,
) -> Dataset:
    """Synthetic examples (classes * per_class, *shape) decoded between two codes of one class.

    Each lies at z + weight (z' - z) for two different rows and a weight that is uniform from
    -reach to 1 + reach: on the line between their codes or, by that part of it, beyond. The bank
    remembers the rows that the model saw and those that it lies between.

    Args:
        model: an autoencoder, which itself knows no labels.
        data: labelled rows, at least 2 of each class; no test half.
        per_class: how many examples of each class.
        reach: how far beyond the ends, in lengths of the line; 0 stays between them.
        rng: on the model's device.

    Raises:
        ValueError: per_class below 1, reach below 0, data that do not fit or have unlabelled rows
            or a class of fewer than 2.
        Leak: the data are a test half.
    """
    per_class, reach = count("per_class", per_class), number("reach", reach, at_least=0)
    if data.held_out:
        raise Leak("data must not be a test half: interpolate between labelled rows instead")
    check_device(rng, model.device, "model")
    model.check_data(data)
    if not data.labelled:
        raise ValueError("data must be labelled throughout: a pair must share its label")
    rows_of = [(data.y == label).nonzero()[:, 0] for label in range(data.classes)]
    for label, rows in enumerate(rows_of):
        if len(rows) < 2:
            raise ValueError(
                "data must have at least 2 rows of each class to lie between, "
                f"class {label} has {len(rows)}"
            )
    pairs = [rows[_pairs(len(rows), per_class, rng)] for rows in rows_of]
    first, second = model.encode(data.values)[torch.cat(pairs, dim=1)]  # each (n, Z)
    weight = uniform((len(first), 1), rng, -reach, 1 + reach)
    x = model.decode(torch.lerp(first, second, weight))
    y = torch.arange(data.classes, device=data.device).repeat_interleave(per_class)
    seen = data.ids if model.seen is None else torch.cat([model.seen.to(data.device), data.ids])
    return Dataset(x, y, data.classes, model.support, seen.unique(), synthetic=True)


def _pairs(rows: int, n: int, rng: torch.Generator) -> Tensor:
    """n pairs of two different row numbers, (2, n)."""
    device = rng.device
    first = torch.randint(rows, (n,), generator=rng, device=device)
    further = torch.randint(1, rows, (n,), generator=rng, device=device)
    return torch.stack([first, (first + further) % rows])


check_types(__name__)
