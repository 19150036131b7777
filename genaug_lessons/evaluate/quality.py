"""What samples are worth apart from a study: usefulness, distance, copies; and robustness.

Rows that are not finite, of which a model that diverged makes some, get no score but an error.
"""

import math

import torch
from torch import Tensor

from genaug_lessons.augment import Affine, Noise
from genaug_lessons.checks import number
from genaug_lessons.data import Dataset, refuse_leaks
from genaug_lessons.ensemble import Ensemble
from genaug_lessons.models.classifier import Classifier
from genaug_lessons.random import uniform
from genaug_lessons.training import fit
from genaug_lessons.typed import check_types


def classification_accuracy_score(
    bank: Dataset, test: Dataset, *, steps: int = 1200, rng: torch.Generator, **settings
) -> float:
    """Accuracy on real test data, 0 to 1, of a classifier trained on synthetic data only.

    Args:
        bank: labelled synthetic data.
        test: real data that no part of the bank's generator has seen.
        steps: updates of the classifier.
        rng: weights, batches and dropout are drawn from it.
        **settings: of the classifier's constructor, such as network.

    Raises:
        ValueError: a test set without labels, or of another shape or other classes.
        Leak: the bank's generator has seen rows of `test`.

    Source: Ravuri & Vinyals 2019, arXiv:1905.10887.
    """
    refuse_leaks(bank.ids, test, "the bank")
    model = Classifier(bank.shape, classes=bank.classes, rng=rng, **settings)
    model.check_test(test)
    fit(model, bank, steps=steps, rng=rng)
    return model.accuracy(test)


def frechet_distance(x: Tensor, y: Tensor) -> float:
    """Squared Wasserstein-2 distance between Gaussians fitted to two sets of features.

    |m1 - m2|^2 + tr(S1 + S2 - 2 (S1^.5 S2 S1^.5)^.5). It is biased upwards for small sets, so
    print their sizes with it.

    Args:
        x: (N, D) features, N above 1; examples are flattened.
        y: (M, D) features, M above 1.

    Raises:
        ValueError: too few rows, of different sizes, or not finite.

    Source: Dowson & Landau 1982; as a score of generators Heusel et al. 2017, arXiv:1706.08500.
    """
    _check_rows(at_least=2, x=x, y=y)
    x, y = x.flatten(1).cpu().double(), y.flatten(1).cpu().double()  # some devices know no doubles
    first, second = (torch.atleast_2d(values.T.cov()) for values in (x, y))  # each (D, D)
    values, vectors = torch.linalg.eigh(first)
    root = vectors * values.clamp_min(0).sqrt() @ vectors.T
    cross = torch.linalg.eigvalsh(root @ second @ root).clamp_min(0).sqrt().sum()
    shift = (x.mean(0) - y.mean(0)).square().sum()
    return (shift + first.trace() + second.trace() - 2 * cross).clamp_min(0).item()


def copy_rate(samples: Tensor, train: Tensor, held_out: Tensor, quantile: float = 0.05) -> float:
    """Share of samples that lie closer to a training row than fresh real data do.

    "Closer" means within the given quantile of the held-out rows' own distances to their nearest
    training row, so fresh data score about `quantile` and copies score 1.

    Args:
        samples: (N, *shape) synthetic examples.
        train: (M, *shape) rows the generator saw.
        held_out: (K, *shape) real rows it did not see.
        quantile: in (0, 1).

    Raises:
        ValueError: no rows, rows of different sizes, or not finite.
    """
    quantile = number("quantile", quantile, above=0, below=1)
    _check_rows(samples=samples, train=train, held_out=held_out)
    threshold = nearest_distance(held_out, train).quantile(quantile)
    return (nearest_distance(samples, train) <= threshold).float().mean().item()


def nearest_distance(x: Tensor, train: Tensor) -> Tensor:
    """(N,) Euclidean distance of each x (N, *shape) to the nearest training row.

    Raises:
        ValueError: no rows, rows of different sizes, or not finite.
    """
    _check_rows(x=x, train=train)
    train = train.flatten(1)
    parts = x.flatten(1).split(1024)
    return torch.cat([torch.cdist(part, train).min(1).values for part in parts])


def mode_shares(x: Tensor, centres: Tensor, *, radius: float) -> Tensor:
    """Share of samples at each mode, (K,): those nearest to its centre and within the radius.

    Their sum is the share of good samples; what is missing from 1 lies between the modes.

    Args:
        x: (N, D) samples.
        centres: (K, D) the modes.
        radius: above 0; three standard deviations of a mode, say.

    Raises:
        ValueError: no samples or modes, of different sizes, or not finite.

    Source: Srivastava et al. 2017, arXiv:1705.07761, section 5.1.
    """
    radius = number("radius", radius, above=0)
    _check_rows(x=x, centres=centres)
    distance, nearest = torch.cdist(x, centres.to(x)).min(1)
    return nearest[distance <= radius].bincount(minlength=len(centres)) / len(x)


def modes_covered(x: Tensor, centres: Tensor, *, radius: float) -> int:
    """How many modes get at least a tenth of their equal share of samples (see `mode_shares`)."""
    return int((mode_shares(x, centres, radius=radius) >= 0.1 / len(centres)).sum())


def under_corruptions(
    model: Classifier | Ensemble, test: Dataset, *, rng: torch.Generator
) -> dict[str, Tensor]:
    """Accuracy, 0 to 1, on the test half as it is and under five corruptions of its pictures.

    Args:
        model: a classifier (one number each) or an ensemble ((K,) numbers each).
        test: pictures (N, C, H, W) that the model has not seen.
        rng: noise, angles and places are drawn from it.

    Raises:
        ValueError: a test half without labels, or of another shape or other classes.
        Leak: the model has seen rows of it.
    """
    model.check_test(test)
    x, size = test.values, min(test.shape[-2:])
    quarter = max(1, size // 4)
    corrupted = {
        "as it is": x,
        "noise": Noise(0.3)(x, rng),
        "rotation": Affine(rotation=30, shift=0, scale=0)(x, rng),
        "shift": Affine(rotation=0, shift=size / 6, scale=0)(x, rng),
        "occlusion": _occluded(x, quarter, rng),
        "low contrast": 0.5 + 0.3 * (x - 0.5),
    }
    return {
        name: (model.predict(pictures) == test.y).float().mean(-1)
        for name, pictures in corrupted.items()
    }


def _check_rows(at_least: int = 1, **rows: Tensor) -> None:
    """Raise a ValueError unless all are finite floats (N, *shape) and of one size."""
    for name, x in rows.items():
        if not x.is_floating_point():
            raise ValueError(
                f"{name} must be a float tensor, as a data set's values, got {x.dtype}"
            )
        if x.ndim < 2 or len(x) < at_least:
            raise ValueError(
                f"{name} must be (N, *shape) with N at least {at_least}, got {tuple(x.shape)}"
            )
        if not x.isfinite().all():
            raise ValueError(f"{name} must be finite, got NaN or infinity")
    if len({math.prod(x.shape[1:]) for x in rows.values()}) > 1:
        shapes = ", ".join(f"{name} {tuple(x.shape)}" for name, x in rows.items())
        raise ValueError(f"rows must have one size, got {shapes}")


def _occluded(x: Tensor, side: int, rng: torch.Generator) -> Tensor:
    """One black square of the given side at a random place in each picture."""
    height, width = x.shape[-2:]
    top = uniform((len(x), 1, 1, 1), rng, 0, height - side + 1).floor()
    left = uniform((len(x), 1, 1, 1), rng, 0, width - side + 1).floor()
    rows = torch.arange(height, device=x.device)[:, None]
    columns = torch.arange(width, device=x.device)
    hidden = (rows >= top) & (rows < top + side) & (columns >= left) & (columns < left + side)
    return x.masked_fill(hidden, 0)


check_types(__name__)
