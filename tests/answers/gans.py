"""Answers to the exercises of lesson 10."""

import numpy as np
import torch
from torch import distributions
from torch.nn import functional as F

from genaug_lessons.exercises import gans as check


def solution_game_losses(real, fake):
    discriminator = F.softplus(-real).mean() + F.softplus(fake).mean()
    return discriminator, F.softplus(-fake).mean()


def by_cross_entropy(real, fake, reduction="mean"):
    one, zero = torch.ones_like(real), torch.zeros_like(fake)

    def cost(logits, labels):
        return F.binary_cross_entropy_with_logits(logits, labels, reduction=reduction)

    return cost(real, one) + cost(fake, zero), cost(fake, torch.ones_like(fake))


def by_logsigmoid(real, fake):
    return -(F.logsigmoid(real).mean() + F.logsigmoid(-fake).mean()), -F.logsigmoid(fake).mean()


def by_distributions(real, fake):
    real, fake = distributions.Bernoulli(logits=real), distributions.Bernoulli(logits=fake)
    value = real.log_prob(torch.tensor(1.0)) + fake.log_prob(torch.tensor(0.0))
    return torch.stack([-value.mean(), -fake.log_prob(torch.tensor(1.0)).mean()])


def by_numpy(real, fake):
    real, fake = real.numpy(), fake.numpy()
    value = np.logaddexp(0, -real).mean() + np.logaddexp(0, fake).mean()
    return [value, np.logaddexp(0, -fake).mean()]


def by_loop(real, fake):
    costs = [F.softplus(f) + F.softplus(-r) for r, f in zip(real, fake, strict=True)]
    return sum(costs) / len(costs), sum(F.softplus(-f) for f in fake) / len(fake)


def game(real, fake, discriminator=1.0, generator=1.0, of_real=1.0, of_fake=1.0):
    first = of_real * F.softplus(-real).mean() + of_fake * F.softplus(fake).mean()
    return discriminator * first, generator * F.softplus(-fake).mean()


def unstable(real, fake):
    real, fake = real.sigmoid(), fake.sigmoid()
    return -real.log().mean() - (1 - fake).log().mean(), -fake.log().mean()


def clipped(real, fake):
    real, fake, cost = real.sigmoid(), fake.sigmoid(), F.binary_cross_entropy
    one, zero = torch.ones_like(real), torch.zeros_like(fake)
    return cost(real, one) + cost(fake, zero), cost(fake, one)


def careful(real, fake, least=1e-8):
    real, fake = real.sigmoid(), fake.sigmoid()
    value = (real + least).log().mean() + (1 - fake + least).log().mean()
    return -value, -(fake + least).log().mean()


def of_mean_chances(real, fake):
    real, fake = real.sigmoid().mean(), fake.sigmoid().mean()
    return -real.log() - (1 - fake).log(), -fake.log()


def solution_covered(samples, centres, radius):
    distance, nearest = torch.cdist(samples, centres).min(1)
    good = nearest[distance <= radius]
    counts = good.bincount(minlength=len(centres))
    return (counts >= 0.1 * len(samples) / len(centres)).sum()


def covered_by_loop(samples, centres, radius):
    counts = [0] * len(centres)
    for sample in samples:
        distances = (centres - sample).norm(dim=1)
        if distances.min() <= radius:
            counts[int(distances.argmin())] += 1
    return sum(count >= len(samples) / len(centres) / 10 for count in counts)


def covered(samples, centres, radius, least=None, p=2.0, distance=None):
    """Modes with a share of at least `least`; the circles do not meet."""
    distance = torch.cdist(samples, centres, p=p) if distance is None else distance
    least = 0.1 / len(centres) if least is None else least
    return int(((distance <= radius).double().mean(0) >= least).sum())


def covered_by_numpy(samples, centres, radius):
    away = samples.numpy()[:, None] - centres.numpy()[None]
    counts = (np.sqrt((away**2).sum(-1)) < radius).sum(0)
    return np.count_nonzero(10 * len(centres) * counts >= len(samples))


def covered_by_counter(samples, centres, radius):
    shares = [((samples - c).square().sum(1) <= radius**2).float().mean() for c in centres]
    return len([share for share in shares if share >= 1 / len(centres) / 10])


def counts_of(samples, centres, radius):
    return (torch.cdist(samples, centres) <= radius).sum(0)


def nearest_mode(samples, centres, radius):
    counts = torch.cdist(samples, centres).argmin(1).bincount(minlength=len(centres))
    return int((counts >= 0.1 * len(samples) / len(centres)).sum())


def inside_only(samples, centres, radius):
    inside = (torch.cdist(samples, centres) <= radius).any(1)
    return covered(samples[inside], centres, radius)


def solution_in_turn(theta, psi, lr):
    psi = psi + lr * theta
    return theta - lr * psi, psi


def in_turn_by_matrix(theta, psi, lr):
    return np.array([[1 - lr**2, -lr], [lr, 1]]) @ np.array([theta, psi])


def in_turn_by_autograd(theta, psi, lr):
    theta, psi = (torch.tensor(value, requires_grad=True) for value in (theta, psi))
    psi = psi + lr * torch.autograd.grad(psi * theta, psi)[0]
    theta = theta - lr * torch.autograd.grad(psi * theta, theta)[0]
    return torch.stack([theta, psi])


BANK = [
    (
        check.game_losses,
        [
            solution_game_losses,
            by_cross_entropy,
            by_logsigmoid,
            by_distributions,
            by_numpy,
            by_loop,
            game,
        ],
        [
            (lambda r, f: (F.softplus(-r) + F.softplus(f), F.softplus(-f)), "one number for each"),
            (lambda r, f: by_cross_entropy(r, f, reduction="none"), "the mean over its batch"),
            (lambda r, f: (game(r, f)[0], -F.softplus(f).mean()), "the saturating one"),
            (lambda r, f: game(r, f, of_fake=0), "the discriminator never sees a fake"),
            (lambda r, f: game(r, f, of_real=0), "the discriminator sees fakes only"),
            (lambda r, f: (game(-r, -f)[0], game(r, f)[1]), "takes real for fake"),
            (lambda r, f: game(r, f, discriminator=-1), "is to be raised: its loss"),
            (lambda r, f: game(r, f, generator=-1), "log D(G(z)) is to be raised"),
            (
                lambda r, f: game(r, f, discriminator=-1, generator=-1),
                "both values are to",
            ),
            (lambda r, f: (game(r, f)[0], F.softplus(f).mean()), "wants its fakes found out"),
            (lambda r, f: (game(r, f)[0], F.softplus(-r).mean()), "judged by its fakes"),
            (lambda r, f: game(r, f)[::-1], "in the wrong order"),
            (lambda r, f: by_cross_entropy(r, f, reduction="sum"), "where the mean should stand"),
            (lambda r, f: game(r, f, discriminator=0.5), "adds its two means"),
            (lambda r, f: by_cross_entropy(r.sigmoid(), f.sigmoid()), "the sigmoid twice"),
            (lambda r, f: (f.mean() - r.mean(), -f.mean()), "a critic's losses"),
            (of_mean_chances, "the logarithm of the mean chance"),
            (unstable, "where log(sigmoid) is infinite and softplus is not"),
            (clipped, "stops at 100"),
            (careful, "game_losses at logits of +-1000"),
            (lambda r, f: game(r.clamp(-50, 50), f.clamp(-50, 50)), "at logits of +-1000"),
            (lambda r, f: (4 * game(r, f)[0] / len(r), game(r, f)[1]), "only result 1 is wrong"),
            (lambda r, f: (game(r, f)[0], game(r[:4], f[:4])[1]), "game_losses of other arguments"),
            (lambda r, f: game(r, f)[0], "2 results are asked for"),
            (lambda r, f: sum(game(r, f)), "2 results are asked for"),
            (lambda r, f: None, "not written yet"),
        ],
    ),
    (
        check.covered,
        [
            solution_covered,
            covered,
            covered_by_loop,
            covered_by_numpy,
            covered_by_counter,
        ],
        [
            (nearest_mode, "ask for the distance"),
            (lambda x, c, r: (counts_of(x, c, r) > 0).sum(), "ask for a tenth of an equal share"),
            (lambda x, c, r: covered(x, c, r, least=1 / len(c)), "a whole equal share"),
            (lambda x, c, r: covered(x, c, r, least=0.1), "a tenth of all samples"),
            (inside_only, "those that belong to no mode count in the total"),
            (
                lambda x, c, r: (counts_of(x, c, r) >= len(x) // (10 * len(c))).sum(),
                "do not round it down",
            ),
            (
                lambda x, c, r: (counts_of(x, c, r) > len(x) / (10 * len(c))).sum(),
                "at least, not more than",
            ),
            (lambda x, c, r: len(c) - covered(x, c, r), "these modes are lost"),
            (lambda x, c, r: covered(x, c, r) / len(c), "not which share of them"),
            (
                lambda x, c, r: covered(x, c, r, distance=torch.cdist(x, c).square()),
                "the squared distance is compared with the radius",
            ),
            (lambda x, c, r: covered(x, c, r, p=1.0), "here the sides are added up"),
            (lambda x, c, r: covered(x, c, r, p=torch.inf), "the longest side alone"),
            (
                lambda x, c, r: 10 * len(c) * counts_of(x, c, r) >= len(x),
                "the sum over axis 0 is missing",
            ),
            (lambda x, c, r: counts_of(x, c, r), "the shape should be (), this is (4,)"),
            (lambda x, c, r: covered(x, c, r, least=0.1 / 4), "covered of other arguments"),
            (lambda x, c, r: covered(x, c, r, least=0.1 / 8), "should be 2, got 3"),
            (lambda x, c, r: covered(x, c, 0.5), "covered of other arguments"),
            (lambda x, c, r: covered(x, c, 2 * r), "not yet"),
            (lambda x, c, r: covered(x, c, r / 2), "not yet"),
            (
                lambda x, c, r: (counts_of(x, c, r) >= 2.5).sum(),
                "of 80 samples, and 2 are exactly enough",
            ),
            (lambda x, c, r: covered(x[:, :2], c[:, :2], r), "not yet"),
            (lambda x, c, r: len(c), "1 and 29, should be 2, got 4"),
            (lambda x, c, r: 7, "covered of an even cloud should be 4, got 7"),
            (lambda x, c, r: ..., "not written yet"),
        ],
    ),
    (
        check.in_turn,
        [
            solution_in_turn,
            lambda theta, psi, lr: (theta - lr * (psi + lr * theta), psi + lr * theta),
            lambda theta, psi, lr: [(1 - lr**2) * theta - lr * psi, psi + lr * theta],
            in_turn_by_matrix,
            in_turn_by_autograd,
        ],
        [
            (lambda t, p, lr: (t - lr * p, p + lr * t), "the discriminator of before"),
            (lambda t, p, lr: (t - lr * p, p + lr * (t - lr * p)), "the generator moved first"),
            (lambda t, p, lr: (t + lr * (p + lr * t), p + lr * t), "both climb"),
            (lambda t, p, lr: (t - lr * (p - lr * t), p - lr * t), "both descend"),
            (lambda t, p, lr: (t + lr * (p - lr * t), p - lr * t), "the signs are exchanged"),
            (lambda t, p, lr: (p + lr * t, t - lr * (p + lr * t)), "theta first, then psi"),
            (lambda t, p, lr: (t - lr * t, p + lr * p), "the slope of psi * theta along psi"),
            (
                lambda t, p, lr: (t - lr * t * (p + lr * p * t), p + lr * p * t),
                "not along its value",
            ),
            (lambda t, p, lr: (-p, p + t), "lr is missing"),
            (lambda t, p, lr: (t, p + lr * t), "only the discriminator has moved"),
            (lambda t, p, lr: (t, p), "nobody has moved"),
            (lambda t, p, lr: (t - lr * (p + lr * t), p), "only result 2 is wrong"),
            (lambda t, p, lr: t - lr * (p + lr * t), "2 results are asked for"),
            (lambda t, p, lr: solution_in_turn(t, p, 0.5), "in_turn(0.3, -0.8, 0.1) should be"),
            (lambda t, p, lr: solution_in_turn(abs(t), p, lr), "in_turn of other arguments"),
            (lambda t, p, lr: ..., "not written yet"),
        ],
    ),
]
