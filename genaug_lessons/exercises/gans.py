"""Lesson 10: the losses on logits, the modes covered, a step of the Dirac game."""

import torch
from torch.nn import functional as F

from genaug_lessons.evaluate import mode_shares
from genaug_lessons.exercises.check import Case, Exercise

_REAL = torch.tensor([2.0, -0.5, 1.0, 3.0], dtype=torch.float64)
_FAKE = torch.tensor([-1.0, 0.5, -3.0, 0.0], dtype=torch.float64)
_SURE = torch.tensor([1000.0, -1000.0], dtype=torch.float64)

_CENTRES = torch.tensor([[0.0, 0.0], [4.0, 0.0], [0.0, 4.0], [4.0, 4.0]], dtype=torch.float64)
_OFFSETS = 0.1 * torch.tensor([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0]]).double()


def _cloud(*counts: int, astray: int = 0) -> torch.Tensor:
    """So many points near each centre, and some halfway between the first and the second."""
    parts = [
        centre + _OFFSETS[torch.arange(count) % 4]
        for centre, count in zip(_CENTRES, counts, strict=True)
    ]
    between = (_CENTRES[:2].mean(0) + torch.tensor([0.5, 0.0])).expand(astray, 2)
    return torch.cat([*parts, between])


def _losses(real, fake):
    discriminator = F.softplus(-real).mean() + F.softplus(fake).mean()
    return discriminator, F.softplus(-fake).mean()


def _nearest_only(samples, centres, least):
    counts = torch.cdist(samples, centres).argmin(1).bincount(minlength=len(centres))
    return int((counts >= least).sum())


def _any_sample(samples, centres, radius):
    return int((mode_shares(samples, centres, radius=radius) > 0).sum())


def _equal_share(samples, centres, radius):
    shares = mode_shares(samples, centres, radius=radius)
    return int((shares >= 1 / len(centres)).sum())


game_losses = Exercise(
    "game_losses",
    cases=[
        Case((_REAL, _FAKE), _losses(_REAL, _FAKE), "game_losses of four real and four fakes"),
        Case(
            (torch.zeros(3).double(), torch.zeros(3).double()),
            (torch.tensor(4.0).log(), torch.tensor(2.0).log()),
            "game_losses of a discriminator that guesses, all logits 0,",
        ),
        Case(
            (_SURE, _SURE),
            (torch.tensor(1000.0), torch.tensor(500.0)),
            "game_losses at logits of +-1000, where log(sigmoid) is infinite and softplus is not,",
        ),
    ],
    mistakes={
        "the generator's loss is the saturating one: it should be -log D(G(z))": (
            lambda real, fake: (_losses(real, fake)[0], -F.softplus(fake).mean())
        ),
        "the discriminator never sees a fake: half of its loss is missing": (
            lambda real, fake: (F.softplus(-real).mean(), _losses(real, fake)[1])
        ),
        "the discriminator takes real for fake and fake for real: turn the signs of its logits": (
            lambda real, fake: (_losses(-real, -fake)[0], _losses(real, fake)[1])
        ),
        "the two losses are in the wrong order: the discriminator's first": (
            lambda real, fake: _losses(real, fake)[::-1]
        ),
        "a sum over examples, where the mean should stand": (
            lambda real, fake: (
                F.softplus(-real).sum() + F.softplus(fake).sum(),
                F.softplus(-fake).sum(),
            )
        ),
        "the discriminator's loss is halved: eq. 10.1 adds its two means": (
            lambda real, fake: (_losses(real, fake)[0] / 2, _losses(real, fake)[1])
        ),
    },
)

covered = Exercise(
    "covered",
    cases=[
        Case((_cloud(25, 25, 25, 25), _CENTRES, 0.5), 4, "covered of an even cloud"),
        Case(
            (_cloud(60, 15, 3, 22), _CENTRES, 0.5),
            4,
            "covered where 4 modes get 60, 15, 3 and 22 of 100 samples",
        ),
        Case(
            (_cloud(30, 2, 1, 29, astray=38), _CENTRES, 0.5),
            2,
            "covered where 38 of 100 samples lie between the modes, and these get 30, 2, 1 and 29,",
        ),
    ],
    mistakes={
        "samples between the modes count, too: ask for the distance": (
            lambda samples, centres, _: _nearest_only(
                samples, centres, 0.1 * len(samples) / len(centres)
            )
        ),
        "a single sample is enough for you: ask for a tenth of an equal share": _any_sample,
        "a whole equal share is too much to ask: a tenth of it": _equal_share,
        "a tenth of all samples is too much to ask: a tenth of an equal share, 1 / K of them": (
            lambda samples, centres, radius: int(
                (mode_shares(samples, centres, radius=radius) >= 0.1).sum()
            )
        ),
    },
)

in_turn = Exercise(
    "in_turn",
    cases=[
        Case((1.0, 0.4, 0.5), (0.55, 0.9), "in_turn(1.0, 0.4, 0.5)"),
        Case((0.3, -0.8, 0.1), (0.3 + 0.1 * 0.77, -0.77), "in_turn(0.3, -0.8, 0.1)"),
    ],
    mistakes={
        "the generator answers the discriminator of before: use the psi that has just moved": (
            lambda theta, psi, lr: (theta - lr * psi, psi + lr * theta)
        ),
        "the generator moved first: it is the discriminator's turn": (
            lambda theta, psi, lr: (theta - lr * psi, psi + lr * (theta - lr * psi))
        ),
        "both climb: the generator descends": (
            lambda theta, psi, lr: (theta + lr * (psi + lr * theta), psi + lr * theta)
        ),
        "both descend: the discriminator climbs": (
            lambda theta, psi, lr: (theta - lr * (psi - lr * theta), psi - lr * theta)
        ),
        "theta first, then psi": (
            lambda theta, psi, lr: (psi + lr * theta, theta - lr * (psi + lr * theta))
        ),
    },
)
