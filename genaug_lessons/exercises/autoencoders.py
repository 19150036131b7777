"""Lesson 04: what PCA loses, the loss from logits, outliers ranked by their error."""

import torch
from torch.nn import functional as F

from genaug_lessons.exercises.check import Case, Exercise

_COV = torch.tensor([[2.5, 1.5, 0.0], [1.5, 2.5, 0.0], [0.0, 0.0, 0.5]], dtype=torch.float64)
_X = torch.tensor([[1.0, 0.0, 0.5], [0.2, 1.0, 0.0]], dtype=torch.float64)
_LOGITS = torch.tensor([[2.0, -1.0, 0.5], [-3.0, 0.0, 1.0]], dtype=torch.float64)
_FAMILIAR = torch.tensor([1.0, 2.0, 3.0, 4.0], dtype=torch.float64)
_STRANGE = torch.tensor([3.5, 2.0, 2.7], dtype=torch.float64)


def _eigenvalues(cov):
    return torch.linalg.eigvalsh(cov).flip(0)  # the largest first


def _costs(logits, x):
    return F.binary_cross_entropy_with_logits(logits, x, reduction="none")


def _share(familiar, strange, *, ties=0.5):
    apart = strange[:, None] - familiar
    return (apart > 0).double().mean() + ties * (apart == 0).double().mean()


lost_by_pca = Exercise(
    "lost_by_pca",
    cases=[
        Case((_COV, 1), 1.5, "lost_by_pca with eigenvalues 4, 1 and 0.5 and a code of 1 number"),
        Case((_COV, 2), 0.5, "lost_by_pca with the same eigenvalues and 2 numbers"),
        Case((_COV, 3), 0.0, "lost_by_pca with as many numbers as pixels"),
    ],
    mistakes={
        "these eigenvalues are kept: the loss is the sum of the others": (
            lambda cov, k: _eigenvalues(cov)[:k].sum()
        ),
        "eigvalsh sorts upwards: the largest eigenvalues come last, and they are kept": (
            lambda cov, k: _eigenvalues(cov).flip(0)[k:].sum()
        ),
        "the loss is summed over pixels: the sum of the lost eigenvalues, not their share": (
            lambda cov, k: _eigenvalues(cov)[k:].sum() / cov.trace()
        ),
        "the diagonal holds the variances of the pixels: the eigenvalues are those along the "
        "principal directions": (lambda cov, k: cov.diagonal().sort(descending=True)[0][k:].sum()),
    },
)

reconstruction_loss = Exercise(
    "reconstruction_loss",
    cases=[
        Case(
            (torch.zeros(2, 2).double(), torch.ones(2, 2).double()),
            torch.full((2,), 2 * 0.6931472),
            "reconstruction_loss of pictures of two white pixels at logits 0, 2 log 2 each,",
        ),
        Case((_LOGITS, _X), _costs(_LOGITS, _X).sum(1), "reconstruction_loss of two pictures"),
        Case(
            (torch.full((1, 2), -1000.0).double(), torch.ones(1, 2).double()),
            torch.tensor([2000.0]),
            "reconstruction_loss of two white pixels at logits of -1000",
        ),
    ],
    mistakes={
        "the sigmoid is applied twice: a loss with logits has a sigmoid of its own": (
            lambda logits, x: _costs(logits.sigmoid(), x).sum(1)
        ),
        "sum over the pixels of a picture: a mean is smaller by their number": (
            lambda logits, x: _costs(logits, x).mean(1)
        ),
        "one number per picture, please: do not add up the batch": (
            lambda logits, x: _costs(logits, x).sum()
        ),
        "one number per picture, please: no mean over the batch": (
            lambda logits, x: _costs(logits, x).sum(1).mean()
        ),
        "the sign is turned: a loss is minus the log likelihood": (
            lambda logits, x: -_costs(logits, x).sum(1)
        ),
    },
)

area_under_curve = Exercise(
    "area_under_curve",
    cases=[
        Case(
            (_FAMILIAR, _FAMILIAR + 10),
            1.0,
            "area_under_curve where every strange picture has a larger error",
        ),
        Case(
            (_FAMILIAR, _STRANGE),
            _share(_FAMILIAR, _STRANGE),
            "area_under_curve([1, 2, 3, 4], [3.5, 2, 2.7])",
        ),
    ],
    mistakes={
        "this is the share of pairs in which the familiar one has the larger error": (
            lambda familiar, strange: _share(strange, familiar)
        ),
        "a tie counts one half": lambda familiar, strange: _share(familiar, strange, ties=0),
        "a tie counts one half, not in full": (
            lambda familiar, strange: _share(familiar, strange, ties=1)
        ),
        "compare each strange picture with every familiar one, not with their mean": (
            lambda familiar, strange: (strange > familiar.mean()).double().mean()
        ),
    },
)
