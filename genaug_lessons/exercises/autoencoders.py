"""Lesson 04: what PCA loses, the loss from logits, outliers ranked by their error."""

import math

import torch
from torch.nn import functional as F

from genaug_lessons.exercises.check import Case, Exercise
from genaug_lessons.exercises.draws import normal, number, size, sizes, uniform

_COV = torch.tensor([[2.5, 1.5, 0.0], [1.5, 2.5, 0.0], [0.0, 0.0, 0.5]], dtype=torch.float64)
_X = torch.tensor([[1.0, 0.0, 0.5], [0.2, 1.0, 0.0]], dtype=torch.float64)
_LOGITS = torch.tensor([[2.0, -1.0, 0.5], [-3.0, 0.4, 1.0]], dtype=torch.float64)
_WHITE_AND_BLACK = torch.tensor([[1.0, 1.0], [0.0, 0.0]], dtype=torch.float64)
_FAR = torch.tensor([[-1000.0, -1000.0], [1000.0, -1.0]], dtype=torch.float64)
_OPPOSITE = torch.tensor([[1.0, 1.0], [0.0, 0.3]], dtype=torch.float64)
_FAMILIAR = torch.tensor([1.0, 2.0, 3.0, 4.0], dtype=torch.float64)
_STRANGE = torch.tensor([3.5, 2.0, 2.7], dtype=torch.float64)


def _covariance(rng, dim):
    """A covariance with random principal directions."""
    directions = torch.linalg.qr(normal(rng, dim, dim)).Q
    return directions * uniform(rng, dim, low=0.3, high=4.0) @ directions.T


def _covariance_and_code(rng):
    cov = _covariance(rng, size(rng, 2))
    return cov, size(rng, 0, len(cov))


def _eigenvalues(cov):
    return torch.linalg.eigvalsh(cov).flip(0)  # the largest first


def _lost(cov, k):
    return _eigenvalues(cov)[k:].sum()


lost_by_pca = Exercise(
    "lost_by_pca",
    _lost,
    cases=[
        Case("lost_by_pca with eigenvalues 4, 1 and 0.5 and a code of 1 number", (_COV, 1)),
        Case("lost_by_pca with the same eigenvalues and 2 numbers", (_COV, 2)),
        Case("lost_by_pca with as many numbers as pixels", (_COV, 3)),
        Case("lost_by_pca with a code of 0 numbers, the mean picture for everybody,", (_COV, 0)),
    ],
    make=_covariance_and_code,
    mistakes={
        "with a code of 0 numbers all is lost: [:-k] and [-k:] mean something else at k = 0": (
            lambda cov, k: _lost(cov, k) if k else 0 * cov.trace()
        ),
        "these eigenvalues are kept: the loss is the sum of the others": (
            lambda cov, k: _eigenvalues(cov)[:k].sum()
        ),
        "eigvalsh sorts upwards: the largest eigenvalues come last, and they are kept": (
            lambda cov, k: _eigenvalues(cov).flip(0)[k:].sum()
        ),
        "these are the k smallest: k is the number of those that are kept": (
            lambda cov, k: _eigenvalues(cov).flip(0)[:k].sum()
        ),
        "off by one: the k largest are kept, the next one is lost already": (
            lambda cov, k: _eigenvalues(cov)[k + 1 :].sum()
        ),
        "off by one: this counts the last of those that are kept, too": (
            lambda cov, k: _eigenvalues(cov)[k - 1 :].sum()
        ),
        "the loss is summed over pixels: the sum of the lost eigenvalues, not their share": (
            lambda cov, k: _lost(cov, k) / cov.trace()
        ),
        "the loss is summed over pixels: do not divide by their number": (
            lambda cov, k: _lost(cov, k) / len(cov)
        ),
        "the eigenvalues of a covariance are squares already: no root of them": (
            lambda cov, k: _eigenvalues(cov)[k:].sqrt().sum()
        ),
        "the eigenvalues of a covariance are squares already: do not square them again": (
            lambda cov, k: _eigenvalues(cov)[k:].square().sum()
        ),
        "the diagonal holds the variances of the pixels: the eigenvalues are those along the "
        "principal directions": (lambda cov, k: cov.diagonal().sort(descending=True)[0][k:].sum()),
    },
)


def _costs(logits, x):
    return F.binary_cross_entropy_with_logits(logits, x, reduction="none")


def _loss(logits, x):
    return _costs(logits, x).sum(1)


def _logits_and_pictures(rng):
    """Logits that float32 can do by any formula, and pictures with black and white in them."""
    pixels, pictures = sizes(rng, 2)
    x = uniform(rng, pictures, pixels, low=-0.2, high=1.2).clamp(0, 1)
    return 2 * normal(rng, pictures, pixels).clamp(-2.5, 2.5), x


reconstruction_loss = Exercise(
    "reconstruction_loss",
    _loss,
    cases=[
        Case(
            "reconstruction_loss of two white pixels, and of two black ones, at logits log 3, a "
            "brightness of 3/4,",
            (torch.full((2, 2), math.log(3)), _WHITE_AND_BLACK),
        ),
        Case("reconstruction_loss of two pictures", (_LOGITS, _X)),
        Case(
            "reconstruction_loss with logits of -1000 and 1000, where log(sigmoid) is -inf,",
            (_FAR, _OPPOSITE),
        ),
    ],
    make=_logits_and_pictures,
    gradient=("logits",),
    mistakes={
        "the sigmoid is applied twice: a loss with logits has a sigmoid of its own": (
            lambda logits, x: _loss(logits.sigmoid(), x)
        ),
        "sum over the pixels of a picture: a mean is smaller by their number": (
            lambda logits, x: _costs(logits, x).mean(1)
        ),
        "one number per picture, please: do not add up the batch": (
            lambda logits, x: _loss(logits, x).sum()
        ),
        "one number per picture, please: no mean over the batch": (
            lambda logits, x: _loss(logits, x).mean()
        ),
        "one number per picture, please: torch's losses are means over everything, unless told "
        "otherwise": lambda logits, x: _costs(logits, x).mean(),
        "the rows are the pictures: add up the pixels of each, not one pixel of all": (
            lambda logits, x: _costs(logits, x).sum(0)
        ),
        "the sign is turned: a loss is minus the log likelihood": (
            lambda logits, x: -_loss(logits, x)
        ),
        "half of (4.3) is missing: black pixels cost something, too": (
            lambda logits, x: -(x * F.logsigmoid(logits)).sum(1)
        ),
        "logits and x have changed places": lambda logits, x: _loss(x, logits),
        "this is the squared error of (4.1): the cross-entropy (4.3) has logarithms": (
            lambda logits, x: (logits.sigmoid() - x).square().sum(1)
        ),
        "torch's binary_cross_entropy cuts off at 100 nats a pixel: look for the one that takes "
        "logits": (
            lambda logits, x: F.binary_cross_entropy(logits.sigmoid(), x, reduction="none").sum(1)
        ),
    },
)


def _wins(apart, ties=0.5):
    """1 where the stranger's error is larger, `ties` where both are the same."""
    return (apart > 0).to(apart) + ties * (apart == 0)


def _share(familiar, strange, ties=0.5):
    return _wins(strange[:, None] - familiar, ties).mean()


def _area(familiar, strange):
    return _share(familiar, strange)


def _share_in_order(familiar, strange):
    pairs = min(len(familiar), len(strange))
    return _wins(strange[:pairs] - familiar[:pairs]).mean()


def _errors(rng):
    """Errors in steps, so that some are the same; but none is the mean of the others."""
    of_familiar, of_strange = sizes(rng, 2, least=3, most=8)
    unit = number(rng, 0.1, 2)
    familiar = torch.randint(1, 8, (of_familiar,), generator=rng).double()
    strange = torch.randint(2, 10, (of_strange,), generator=rng).double()
    familiar[0] += 0.5
    strange[0] += 0.25
    return unit * familiar, unit * strange


area_under_curve = Exercise(
    "area_under_curve",
    _area,
    cases=[
        Case(
            "area_under_curve where every strange picture has a larger error",
            (_FAMILIAR, _FAMILIAR + 10),
        ),
        Case("area_under_curve([1, 2, 3, 4], [3.5, 2, 2.7])", (_FAMILIAR, _STRANGE)),
    ],
    make=_errors,
    mistakes={
        "this is the share of pairs in which the familiar one has the larger error": (
            lambda familiar, strange: _share(strange, familiar)
        ),
        "a tie counts one half": lambda familiar, strange: _share(familiar, strange, ties=0),
        "a tie counts one half, not in full": (
            lambda familiar, strange: _share(familiar, strange, ties=1)
        ),
        "compare each strange picture with every familiar one, not with their mean": (
            lambda familiar, strange: _wins(strange - familiar.mean()).mean()
        ),
        "compare each strange picture with every familiar one, not with the largest error": (
            lambda familiar, strange: _wins(strange - familiar.max()).mean()
        ),
        "compare each strange picture with every familiar one, not only with that of its own "
        "place in the list": _share_in_order,
        "compare every strange picture, not their mean alone": (
            lambda familiar, strange: _wins(strange.mean() - familiar).mean()
        ),
        "this is a number of pairs: divide it by that of all pairs": (
            lambda familiar, strange: _area(familiar, strange) * len(familiar) * len(strange)
        ),
        "divide by the number of pairs, not by that of the strange ones alone": (
            lambda familiar, strange: _area(familiar, strange) * len(familiar)
        ),
        "divide by the number of pairs, not by that of the familiar ones alone": (
            lambda familiar, strange: _area(familiar, strange) * len(strange)
        ),
        "which errors are larger counts, not by how much": (
            lambda familiar, strange: strange.mean() - familiar.mean()
        ),
    },
)
