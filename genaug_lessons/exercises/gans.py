"""Lesson 10: the losses on logits, the modes covered, a step of the Dirac game."""

import torch
from torch.nn import functional as F

from genaug_lessons.exercises.check import Case, Exercise
from genaug_lessons.exercises.draws import normal, number, size, uniform

_REAL = torch.tensor([2.0, -0.5, 1.0, 3.0], dtype=torch.float64)
_FAKE = torch.tensor([-1.0, 0.5, -3.0, 0.0], dtype=torch.float64)
_SURE = torch.tensor([1000.0, -1000.0], dtype=torch.float64)

_CENTRES = torch.tensor([[0.0, 0.0], [4.0, 0.0], [0.0, 4.0], [4.0, 4.0]], dtype=torch.float64)
_OFFSETS = torch.tensor([[0.1, 0.0], [0.0, 0.1], [-0.1, 0.0], [0.0, -0.1]], dtype=torch.float64)


def _for_discriminator(real, fake):
    return F.softplus(-real).mean() + F.softplus(fake).mean()


def _losses(real, fake):
    return _for_discriminator(real, fake), F.softplus(-fake).mean()


def _clipped(real, fake):
    """By a cross-entropy of chances, whose logarithms end at -100."""
    real, fake = real.sigmoid(), fake.sigmoid()
    cost, one = F.binary_cross_entropy, torch.ones_like(real)
    return cost(real, one) + cost(fake, 0 * one), cost(fake, one)


def _two_batches(rng):
    batch = size(rng, 1, 6)
    return uniform(rng, batch, low=-5, high=5), uniform(rng, batch, low=-5, high=5)


game_losses = Exercise(
    "game_losses",
    _losses,
    cases=[
        Case("game_losses of four real and four fakes", (_REAL, _FAKE)),
        Case(
            "game_losses of a discriminator that guesses, all logits 0,",
            (torch.zeros(3), torch.zeros(3)),
        ),
        Case(
            "game_losses at logits of +-1000, where log(sigmoid) is infinite and softplus is not,",
            (_SURE, _SURE),
        ),
    ],
    make=_two_batches,
    mistakes={
        "one number for each player, please: the mean over its batch": (
            lambda real, fake: (F.softplus(-real) + F.softplus(fake), F.softplus(-fake))
        ),
        "the generator's loss is the saturating one: it should be -log D(G(z))": (
            lambda real, fake: (_for_discriminator(real, fake), -F.softplus(fake).mean())
        ),
        "the discriminator never sees a fake: half of its loss is missing": (
            lambda real, fake: (F.softplus(-real).mean(), F.softplus(-fake).mean())
        ),
        "the discriminator sees fakes only: half of its loss is missing": (
            lambda real, fake: (F.softplus(fake).mean(), F.softplus(-fake).mean())
        ),
        "the discriminator takes real for fake and fake for real: turn the signs of its logits": (
            lambda real, fake: (_for_discriminator(-real, -fake), F.softplus(-fake).mean())
        ),
        "the discriminator's value (10.1) is to be raised: its loss is the negative": (
            lambda real, fake: (-_for_discriminator(real, fake), F.softplus(-fake).mean())
        ),
        "log D(G(z)) is to be raised: the generator's loss is the negative": (
            lambda real, fake: (_for_discriminator(real, fake), -F.softplus(-fake).mean())
        ),
        "both values are to be raised: the losses are their negatives": (
            lambda real, fake: (-_for_discriminator(real, fake), -F.softplus(-fake).mean())
        ),
        "this generator wants its fakes found out: it should want them taken for real": (
            lambda real, fake: (_for_discriminator(real, fake), F.softplus(fake).mean())
        ),
        "the generator is judged by its fakes, not by what is real": (
            lambda real, fake: (_for_discriminator(real, fake), F.softplus(-real).mean())
        ),
        "the two losses are in the wrong order: the discriminator's first": (
            lambda real, fake: _losses(real, fake)[::-1]
        ),
        "a sum over examples, where the mean should stand": (
            lambda real, fake: tuple(len(real) * loss for loss in _losses(real, fake))
        ),
        "the discriminator's loss is halved: eq. 10.1 adds its two means": (
            lambda real, fake: (_for_discriminator(real, fake) / 2, F.softplus(-fake).mean())
        ),
        "the logits go through the sigmoid twice: once is enough": (
            lambda real, fake: _losses(real.sigmoid(), fake.sigmoid())
        ),
        "these are a critic's losses (lesson 11), means of logits: here logarithms of D enter": (
            lambda real, fake: (fake.mean() - real.mean(), -fake.mean())
        ),
        "the logarithm of the mean chance is not the mean of its logarithm": (
            lambda real, fake: (
                -real.sigmoid().mean().log() - (-fake).sigmoid().mean().log(),
                -fake.sigmoid().mean().log(),
            )
        ),
        "F.binary_cross_entropy stops at 100: use the one that takes logits": _clipped,
    },
)


def _cloud(*counts: int, astray: int = 0) -> torch.Tensor:
    """So many points near each centre, and some halfway between the first and the second."""
    parts = [
        centre + _OFFSETS[torch.arange(count) % 4]
        for centre, count in zip(_CENTRES, counts, strict=True)
    ]
    between = (_CENTRES[:2].mean(0) + torch.tensor([0.5, 0.0])).expand(astray, 2)
    return torch.cat([*parts, between])


def _counts(distance, radius):
    """Samples of each mode: those nearest to its centre, if they lie within the radius."""
    least, nearest = distance.min(1)
    return nearest[least <= radius].bincount(minlength=distance.shape[1])


def _at_least(least, counts):
    return int((counts >= least).sum())


def _tenth(samples, centres):
    """A tenth of an equal share, in samples."""
    return len(samples) / (10 * len(centres))


def _covered(samples, centres, radius):
    counts = _counts(torch.cdist(samples, centres), radius)
    return _at_least(_tenth(samples, centres), counts)


def _covered_by_norm(p):
    """As `_covered`, with distances of another norm."""
    return lambda samples, centres, radius: _at_least(
        _tenth(samples, centres), _counts(torch.cdist(samples, centres, p=p), radius)
    )


def _covered_from(least):
    """As `_covered`, but a mode needs `least(samples, centres)` samples."""
    return lambda samples, centres, radius: _at_least(
        least(samples, centres), _counts(torch.cdist(samples, centres), radius)
    )


def _of_good_only(samples, centres, radius):
    counts = _counts(torch.cdist(samples, centres), radius)
    return _at_least(counts.sum() / (10 * len(centres)), counts)


def _modes(rng):
    """Centres at least four radii apart."""
    modes, dimension = size(rng, 2, 7), size(rng, 1, 4)
    places = torch.randint(4, (modes, dimension), generator=rng).double()
    places[:, 0] = torch.randperm(modes, generator=rng)
    spacing = number(rng, 0.5, 6)
    return spacing * (places + normal(rng, dimension)), spacing * number(rng, 0.1, 0.24)


def _random_cloud(rng):
    """Modes with no sample to a few more than they need, and samples outside the circles."""
    centres, radius = _modes(rng)
    modes, least = len(centres), size(rng, 2, 6)
    total = 10 * modes * least - size(rng, 1, 10 * modes - 1)  # least - 1 are not enough
    astray = int(total * number(rng, 0.2, 0.5))
    counts = torch.randint(least + 2, (modes,), generator=rng)
    rich = size(rng, 0, modes - 1)
    counts[rich] += total - astray - counts.sum()
    lost = torch.randint(modes, (astray,), generator=rng)
    mode = torch.cat([torch.arange(modes).repeat_interleave(counts), lost])
    inside = uniform(rng, total - astray, low=0.3, high=0.95)
    outside = 1.1 + 1.5 * uniform(rng, astray).square()
    way = F.normalize(normal(rng, total, centres.shape[1]))
    samples = centres[mode] + radius * torch.cat([inside, outside])[:, None] * way
    return samples[torch.randperm(total, generator=rng)], centres, radius


covered = Exercise(
    "covered",
    _covered,
    cases=[
        Case("covered of an even cloud", (_cloud(25, 25, 25, 25), _CENTRES, 0.5)),
        Case(
            "covered where 4 modes get 60, 15, 3 and 22 of 100 samples",
            (_cloud(60, 15, 3, 22), _CENTRES, 0.5),
        ),
        Case(
            "covered where 38 of 100 samples lie between the modes, and these get 30, 2, 1 and 29,",
            (_cloud(30, 2, 1, 29, astray=38), _CENTRES, 0.5),
        ),
        Case(
            "covered where 4 modes get 50, 28, 0 and 2 of 80 samples, and 2 are exactly enough,",
            (_cloud(50, 28, 0, 2), _CENTRES, 0.5),
        ),
    ],
    make=_random_cloud,
    mistakes={  # those that seldom spoil a number come first
        "exactly a tenth of a share is enough: at least, not more than": (
            _covered_from(lambda samples, centres: 1.0001 * _tenth(samples, centres))
        ),
        "the distance is the root of the sum of squares: here the sides are added up": (
            _covered_by_norm(1.0)
        ),
        "the distance is the root of the sum of squares: here the longest side alone counts": (
            _covered_by_norm(torch.inf)
        ),
        "the squared distance is compared with the radius: take its root": (
            lambda samples, centres, radius: _covered(samples, centres, radius**0.5)
        ),
        "a tenth of a share need not be a whole number: do not round it down": (
            _covered_from(lambda samples, centres: len(samples) // (10 * len(centres)))
        ),
        "an equal share of all samples: those that belong to no mode count in the total": (
            _of_good_only
        ),
        "samples between the modes count, too: ask for the distance": (
            lambda samples, centres, radius: _covered(samples, centres, torch.inf)
        ),
        "a single sample is enough for you: ask for a tenth of an equal share": (
            _covered_from(lambda samples, centres: 1)
        ),
        "a tenth of all samples is too much to ask: a tenth of an equal share, 1 / K of them": (
            _covered_from(lambda samples, centres: len(samples) / 10)
        ),
        "a whole equal share is too much to ask: a tenth of it": (
            _covered_from(lambda samples, centres: len(samples) / len(centres))
        ),
        "these modes are lost: count those that are covered": (
            lambda samples, centres, radius: len(centres) - _covered(samples, centres, radius)
        ),
        "how many modes, not which share of them": (
            lambda samples, centres, radius: _covered(samples, centres, radius) / len(centres)
        ),
    },
)


def _in_turn(theta, psi, lr):
    psi = psi + lr * theta
    return theta - lr * psi, psi


in_turn = Exercise(
    "in_turn",
    _in_turn,
    cases=[
        Case("in_turn(1.0, 0.4, 0.5)", (1.0, 0.4, 0.5)),
        Case("in_turn(0.3, -0.8, 0.1)", (0.3, -0.8, 0.1)),
    ],
    make=lambda rng: (number(rng, -3, 3), number(rng, -3, 3), number(rng, 0.05, 0.9)),
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
        "the signs are exchanged: the discriminator climbs, the generator descends": (
            lambda theta, psi, lr: (theta + lr * (psi - lr * theta), psi - lr * theta)
        ),
        "theta first, then psi": lambda theta, psi, lr: _in_turn(theta, psi, lr)[::-1],
        "the slope of psi * theta along psi is theta, and along theta it is psi": (
            lambda theta, psi, lr: (theta - lr * theta, psi + lr * psi)
        ),
        "a step goes along the slope of psi * theta, not along its value": (
            lambda theta, psi, lr: (
                theta - lr * theta * (psi + lr * psi * theta),
                psi + lr * psi * theta,
            )
        ),
        "whole steps are taken: lr is missing": lambda theta, psi, lr: _in_turn(theta, psi, 1.0),
        "only the discriminator has moved: the generator answers": (
            lambda theta, psi, lr: (theta, psi + lr * theta)
        ),
        "nobody has moved": lambda theta, psi, lr: (theta, psi),
    },
)
