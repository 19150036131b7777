"""Checks of exercises: every plausible mistake gets its hint, every right answer is taken.

An exercise of a lesson joins `BANK` with at least two right answers and three wrong ones, each
with words that its hint must hold.
"""

import importlib
import math
import pkgutil

import pytest
import torch
from scipy import stats
from sklearn.preprocessing import StandardScaler
from torch import distributions
from torch.nn import functional as F

from genaug_lessons import exercises
from genaug_lessons.exercises import (
    Case,
    Exercise,
    autoencoders,
    boltzmann_machines,
    classical_augmentation,
    deep_belief_networks,
    denoising,
    dropout,
    gans,
    gaussian_mixtures,
    score_matching,
    start_here,
    variational_autoencoders,
)

# --- the machinery, on an exercise small enough to see through

HALVES = [torch.arange(2.0), torch.arange(16.0).view(4, 4)]
halve = Exercise(
    "halve",
    [Case((x,), x / 2, f"halving {x.numel()} numbers") for x in HALVES],
    mistakes={"this doubles": lambda x: x * 2, "this spoils its input": lambda x: x.zero_()},
)
both = Exercise("both", [Case((4,), (2.0, torch.tensor([8.0])), "both(4)")])


def in_place(x):
    x /= 2
    return x


def rounds_up(x):
    return (x / 2).ceil()


def shouts(x):
    raise KeyError("x")


def postponed(x):
    raise NotImplementedError


def fails(*_):
    raise RuntimeError("no words")


class Unprintable:
    """An object that no one can print."""

    __repr__ = __str__ = __array__ = __float__ = fails


class Speechless(Exception):
    """An error without words."""

    __str__ = fails


def raises(error):
    raise error


def posterior_mean(noisy, points, sigma):
    """By Bayes' rule, place by place."""
    guesses = []
    for place in noisy:
        likely = distributions.Normal(points, sigma).log_prob(place).sum(1)
        guesses.append(likely.softmax(0) @ points)
    return torch.stack(guesses)


def unstable_mean(noisy, points, sigma):
    weight = (-(noisy[:, None] - points).square().sum(2) / (2 * sigma**2)).exp()
    return weight @ points / weight.sum(1, keepdim=True)


def squares(noisy, points):
    return (noisy[:, None] - points).square().sum(2)


def tanh_jacobian(h, weight):
    return (1 - h**2)[:, :, None] * weight


# (exercise, [right answers], [(wrong answer, words of its hint)])
BANK = [
    (
        halve,
        [
            lambda x: x / 2,
            lambda x: 0.5 * x.double() + 1e-6,
            in_place,
            lambda x: (x / 2).tolist(),
            lambda x: (x / 2).numpy(),
            lambda x: (x / 2).to_sparse(),
        ],
        [
            (lambda x: None, "halve: not written yet."),
            (lambda x: ..., "halve: not written yet."),
            (postponed, "halve: not written yet."),
            (lambda x: 2 * x, "not yet: this doubles."),
            (lambda x: x.zero_(), "not yet: this spoils its input."),
            (shouts, "not yet: halving 2 numbers raises KeyError: 'x'."),
            (lambda: 0, "raises TypeError"),
            (lambda x: x.sum() / 2, "should be [0, 0.5], got 0.5."),
            (lambda x: x[:, None] / 2, "should be [0, 0.5], got [[0], [0.5]]."),
            (lambda x: x / 2 + 2e-4, "should be [0, 0.5], got [0.0002, 0.5002]."),
            (lambda x: x / 0 if len(x) == 2 else x / 2, "got [nan, inf]"),
            (lambda x: "half", "should be [0, 0.5], got 'half'."),
            (lambda x: x / 2 + 1j, "should be [0, 0.5], got tensor([0"),
            (lambda x: (x / 2).numpy() + 0j, "got array([0. +0.j, 0.5+0.j]"),
            (lambda x: [complex(value) / 2 for value in x], "got [0j, (0.5+0j)]."),
            (lambda x: (x / 2).to("meta"), "got tensor(..., device='meta'"),
            (lambda x: torch.ones(2).to_sparse(), "should be [0, 0.5], got [1, 1]."),
            (lambda x: Unprintable(), "got an object of Unprintable that cannot be printed."),
            (lambda x: (x / 2, Unprintable()), "got ([0, 0.5], an object of Unprintable that"),
            (lambda x: raises(Speechless()), "raises Speechless: an object of Speechless that"),
            (lambda x: raises(ValueError("one\n\ntwo")), "raises ValueError: one two."),
            (lambda x: "half " * 10**5, "should be [0, 0.5], got 'half half"),
            (lambda x: "x" * 10**6, "halving 2 numbers should be [0, 0.5], got ..."),
            (lambda x: raises(ValueError("no " * 10**5)), "raises ValueError: no no no"),
            (lambda x: x / 2 if len(x) == 2 else 2 * x, "not yet: this doubles."),
            (
                lambda x: x / 2 if len(x) == 2 else x,
                "halving 16 numbers should be a tensor of shape (4, 4), "
                "got a tensor of shape (4, 4) with other numbers.",
            ),
        ],
    ),
    (
        both,
        [lambda n: (n / 2, torch.tensor([2 * n])), lambda n: [torch.tensor(2), [8]]],
        [
            (lambda n: (n / 2, 2 * n), "both(4) should be (2, [8]), got (2, 8)."),
            (lambda n: (n / 2,), "both(4) should be (2, [8]), got (2)."),
            (lambda n: n / 2, "got 2."),
            (lambda n: (n / 2 + 0.0002, [2 * n]), "should be (2, [8]), got (2.0002, [8])."),
            (lambda n: (2 * n, [n / 2]), "got (8, [2])."),
        ],
    ),
]

# --- the lessons


def by_scipy(treated, baseline, t):
    half = t * stats.sem(treated - baseline)
    mean = (treated - baseline).mean()
    return float(mean), float(mean - half), float(mean + half)


def by_loop(treated, baseline, t):
    differences = [a - b for a, b in zip(treated.tolist(), baseline.tolist(), strict=True)]
    n = len(differences)
    mean = sum(differences) / n
    half = t * math.sqrt(sum((d - mean) ** 2 for d in differences) / (n - 1) / n)
    return [mean, mean - half, mean + half]


def paired(treated, baseline, t, spread=lambda d: d.std() / len(d) ** 0.5):
    d = treated - baseline
    return d.mean(), d.mean() - t * spread(d), d.mean() + t * spread(d)


def unpaired(treated, baseline, t):
    half = t * (treated.var() / len(treated) + baseline.var() / len(baseline)) ** 0.5
    mean = treated.mean() - baseline.mean()
    return mean, mean - half, mean + half


BANK += [
    (
        start_here.paired_gain,
        [by_scipy, by_loop, paired],
        [
            (lambda a, b, t: paired(b, a, t), "the sign is turned"),
            (unpaired, "two unrelated groups"),
            (lambda a, b, t: paired(a, b, t, lambda d: d.std()), "divide by sqrt(n)"),
            (lambda a, b, t: paired(a, b, t, lambda d: d.std() / len(d)), "should be"),
            (
                lambda a, b, t: paired(a, b, t, lambda d: d.std(correction=0) / len(d) ** 0.5),
                "divides by n - 1",
            ),
            (lambda a, b, t: paired(a, b, 1.96), "the factor is t, not 1.96"),
            (lambda a, b, t: paired(a, b, 1), "multiplied by t"),
            (lambda a, b, t: (a - b).mean(), "should be"),
            (lambda a, b, t: paired(a, b, t)[1:], "should be"),
            (lambda a, b, t: ..., "not written yet"),
        ],
    ),
]


def kl_by_torch(mean, log_var):
    q = distributions.Normal(mean, log_var.exp().sqrt())
    return distributions.kl_divergence(q, distributions.Normal(0.0, 1.0)).sum(-1)


def kl(mean, log_var, factor=0.5):
    return factor * (mean**2 + log_var.exp() - 1 - log_var).sum(1)


def kl_of_variance(mean, variance):
    return 0.5 * (mean**2 + variance - 1 - variance.log()).sum(1)


def drawn(mean, log_var, noise):
    return torch.addcmul(mean, log_var.exp().sqrt(), noise)


def log_mean_exp(log_w):
    top = log_w.max(0).values
    return top + (log_w - top).exp().mean(0).log()


def log_mean_by_loop(log_w):
    return [(torch.logsumexp(row, 0) - math.log(len(row))).item() for row in log_w.T]


BANK += [
    (
        variational_autoencoders.gaussian_kl,
        [kl_by_torch, kl],
        [
            (lambda m, v: kl(m, v) / m.shape[1], "a mean weakens the prior"),
            (lambda m, v: kl(m, v).sum(), "sum over the units only"),
            (lambda m, v: kl(m, v, factor=1), "one half is missing"),
            (lambda m, v: kl(m, v, factor=-0.5), "never negative"),
            (lambda m, v: 0.5 * (m**2 + v - 1 - v).sum(1), "exp(log_var), not log_var"),
            (lambda m, v: 0.5 * (m**2 + (v / 2).exp() - 1 - v).sum(1), "the variance stands"),
            (lambda m, v: 0.5 * (m + v.exp() - 1 - v).sum(1), "the mean enters squared"),
            (kl_of_variance, "should be"),
            (lambda m, v: kl(m, v).mean(), "one number per example"),
            (lambda m, v: ..., "not written yet"),
        ],
    ),
    (
        variational_autoencoders.reparameterise,
        [drawn, lambda m, v, e: m + e * (0.5 * v).exp()],
        [
            (lambda m, v, e: m + v * e, "log_var is taken for the standard deviation"),
            (lambda m, v, e: m + v.exp() * e, "multiplied by the variance"),
            (lambda m, v, e: m, "without noise"),
            (lambda m, v, e: m + e, "the noise is not scaled"),
            (lambda m, v, e: (v / 2).exp() * e, "the mean is missing"),
            (lambda m, v, e: m + (v / 2).exp() * torch.randn_like(e), "should be"),
            (lambda m, v, e: None, "not written yet"),
        ],
    ),
    (
        variational_autoencoders.importance_weighted,
        [log_mean_exp, log_mean_by_loop],
        [
            (lambda w: w.mean(0), "is the ELBO again"),
            (lambda w: w.logsumexp(0), "subtract log K"),
            (lambda w: w.logsumexp(1) - math.log(2), "average over the first axis"),
            (lambda w: w.logsumexp((0, 1)) - math.log(6), "one bound per example"),
            (lambda w: w.amax(0), "the largest weight alone"),
            (lambda w: w.exp().mean(0).log(), "where exp() is 0 but torch.logsumexp still works"),
            (lambda w: w.exp().mean(0), "should be"),
            (lambda w: ..., "not written yet"),
        ],
    ),
]


def by_cross_entropy(real, fake):
    one, zero = torch.ones_like(real), torch.zeros_like(fake)
    cost = F.binary_cross_entropy_with_logits
    return cost(real, one) + cost(fake, zero), cost(fake, torch.ones_like(fake))


def by_logsigmoid(real, fake):
    return -(F.logsigmoid(real).mean() + F.logsigmoid(-fake).mean()), -F.logsigmoid(fake).mean()


def game(real, fake, discriminator=1.0, rng=1.0, of_real=1.0, of_fake=1.0):
    first = of_real * F.softplus(-real).mean() + of_fake * F.softplus(fake).mean()
    return discriminator * first, rng * F.softplus(-fake).mean()


def saturated(real, fake):
    return -real.sigmoid().log().mean() - (1 - fake.sigmoid()).log().mean(), (
        -fake.sigmoid().log().mean()
    )


def covered_by_loop(samples, centres, radius):
    counts = [0] * len(centres)
    for sample in samples:
        distances = (centres - sample).norm(dim=1)
        if distances.min() <= radius:
            counts[int(distances.argmin())] += 1
    return sum(count >= len(samples) / len(centres) / 10 for count in counts)


def covered(samples, centres, radius, least=None):
    near = torch.cdist(samples, centres) <= radius  # the circles do not meet
    least = 0.1 / len(centres) if least is None else least
    return int((near.double().mean(0) >= least).sum())


def nearest_mode(samples, centres, radius):
    counts = torch.cdist(samples, centres).argmin(1).bincount(minlength=len(centres))
    return int((counts >= 0.1 * len(samples) / len(centres)).sum())


def any_mode(samples, centres, radius):
    return int((torch.cdist(samples, centres) <= radius).any(0).sum())


def chosen(h, mask, p):
    return torch.where(mask == 1, h / (1 - p), 0.0)


def mean_network(log_probs, weights):
    product = (log_probs.exp() ** weights[:, None, None]).prod(0)
    return (product / product.sum(-1, keepdim=True)).log()


def mean_by_sum(log_probs, weights):
    logits = sum(w * part for w, part in zip(weights, log_probs, strict=True))
    return logits - logits.logsumexp(-1, keepdim=True)


def by_stacked_rows(x, y, p):
    """Least squares on the scaled rows and, for the penalty, a row for each weight."""
    q = 1 - p
    penalty = (q * p * x.square().sum(0)).sqrt().diag()
    rows = torch.cat([q * x, penalty])
    targets = torch.cat([y, torch.zeros(len(penalty)).double()])
    return torch.linalg.lstsq(rows, targets[:, None]).solution[:, 0]


def ridge(x, y, p, *, quadratic=None, penalty=None, right=None):
    q, products = 1 - p, x.T @ x
    quadratic = q**2 if quadratic is None else quadratic
    penalty = q * p * products.diagonal().diag() if penalty is None else penalty
    right = q if right is None else right
    return torch.linalg.inv(quadratic * products + penalty) @ x.T @ y * right


def standardised_by_sklearn(x, train):
    scaler = StandardScaler().fit(train)  # its spread divides by N
    factor = ((len(train) - 1) / len(train)) ** 0.5
    varies = torch.as_tensor(scaler.var_ > 0)
    return torch.as_tensor(scaler.transform(x)) * torch.where(varies, factor, 1.0)


def standardised(x, centre, spread):
    return (x - centre) / torch.where(spread > 0, spread, 1.0)


def shared_row_by_row(log_joint, y):
    rows = []
    for row, label in zip(log_joint, y.tolist(), strict=True):
        weight = (row - row.max()).exp()
        rows.append(weight / weight.sum() if label < 0 else torch.arange(len(row)) == label)
    return torch.stack([row.double() for row in rows])


def shared_by_masking(log_joint, y):
    other = (y[:, None] >= 0) & (y[:, None] != torch.arange(log_joint.shape[1]))
    return log_joint.masked_fill(other, -math.inf).softmax(1)


def covariances_by_loop(x, r):
    found = []
    for weight in r.T:
        mean = (weight[:, None] * x).sum(0) / weight.sum()
        found.append(sum(w * torch.outer(d, d) for w, d in zip(weight, x - mean, strict=True)))
    return [(part / of).tolist() for part, of in zip(found, r.sum(0), strict=True)]


def covariances_by_torch(x, r):
    return torch.stack([x.T.cov(correction=0, aweights=weight) for weight in r.T])


def scatters(x, r, centre, weight=None):
    away = x[:, None] - centre
    return torch.einsum("nk,nkd,nke->kde", r if weight is None else weight, away, away)


def weighted_means(x, r):
    return (r.T @ x) / r.sum(0)[:, None]


def lost_by_svd(cov, k):
    return torch.linalg.svdvals(cov)[k:].sum()


def costs(logits, x):
    return torch.logaddexp(torch.zeros_like(logits), logits) - x * logits


def area_by_ranks(familiar, strange):
    found = stats.mannwhitneyu(strange.numpy(), familiar.numpy()).statistic
    return found / (len(familiar) * len(strange))


def area_by_loop(familiar, strange):
    pairs = [(f, s) for f in familiar.tolist() for s in strange.tolist()]
    return sum((s > f) + 0.5 * (s == f) for f, s in pairs) / len(pairs)


BANK += [
    (
        gans.game_losses,
        [by_cross_entropy, by_logsigmoid, game],
        [
            (lambda r, f: (game(r, f)[0], -F.softplus(f).mean()), "the saturating one"),
            (lambda r, f: game(r, f, of_fake=0), "the discriminator never sees a fake"),
            (lambda r, f: (game(-r, -f)[0], game(r, f)[1]), "takes real for fake"),
            (lambda r, f: game(r, f)[::-1], "in the wrong order"),
            (
                lambda r, f: (len(r) * game(r, f)[0], len(f) * game(r, f)[1]),
                "where the mean should stand",
            ),
            (lambda r, f: game(r, f, discriminator=0.5), "adds its two means"),
            (saturated, "where log(sigmoid) is infinite and softplus is not"),
            (lambda r, f: game(r, f)[0], "should be"),
            (lambda r, f: None, "not written yet"),
        ],
    ),
    (
        gans.covered,
        [covered, covered_by_loop],
        [
            (nearest_mode, "ask for the distance"),
            (any_mode, "ask for a tenth of an equal share"),
            (lambda x, c, r: covered(x, c, r, least=1 / len(c)), "a whole equal share"),
            (lambda x, c, r: covered(x, c, r, least=0.1), "a tenth of all samples"),
            (
                lambda x, c, r: covered(x[(torch.cdist(x, c) <= r).any(1)], c, r),
                "ask for the distance",
            ),
            (lambda x, c, r: 7, "covered of an even cloud should be 4, got 7"),
            (lambda x, c, r: ..., "not written yet"),
        ],
    ),
    (
        gans.in_turn,
        [
            lambda theta, psi, lr: (theta - lr * (psi + lr * theta), psi + lr * theta),
            lambda theta, psi, lr: [(1 - lr**2) * theta - lr * psi, psi + lr * theta],
        ],
        [
            (lambda t, p, lr: (t - lr * p, p + lr * t), "the discriminator of before"),
            (lambda t, p, lr: (t - lr * p, p + lr * (t - lr * p)), "the generator moved first"),
            (lambda t, p, lr: (t + lr * (p + lr * t), p + lr * t), "both climb"),
            (lambda t, p, lr: (t - lr * (p - lr * t), p - lr * t), "both descend"),
            (lambda t, p, lr: (p + lr * t, t - lr * (p + lr * t)), "theta first, then psi"),
            (lambda t, p, lr: (t, p), "should be"),
            (lambda t, p, lr: ..., "not written yet"),
        ],
    ),
    (
        dropout.drop,
        [chosen, lambda h, mask, p: h * mask / (1 - p)],
        [
            (lambda h, mask, p: h * mask, "the kept values must be scaled up"),
            (lambda h, mask, p: h * mask * (1 - p), "become larger"),
            (lambda h, mask, p: h * mask / p, "not by p"),
            (lambda h, mask, p: h * (1 - mask) / (1 - p), "the mask is turned"),
            (lambda h, mask, p: h / (1 - p), "nothing has been dropped"),
            (lambda h, mask, p: h, "should be"),
            (lambda h, mask, p: ..., "not written yet"),
        ],
    ),
    (
        dropout.geometric_mean,
        [mean_network, mean_by_sum],
        [
            (lambda a, w: (a.exp() * w[:, None, None]).sum(0).log(), "the arithmetic mean"),
            (lambda a, w: (a * w[:, None, None]).sum(0), "no longer sum to 1"),
            (lambda a, w: a.mean(0).log_softmax(-1), "each network has its own weight"),
            (lambda a, w: (a * w[:, None, None]).sum(0).log_softmax(0), "not over the examples"),
            (lambda a, w: mean_by_sum(a, w).exp(), "these are probabilities"),
            (lambda a, w: a[0], "should be"),
            (lambda a, w: None, "not written yet"),
        ],
    ),
    (
        dropout.dropout_regression,
        [by_stacked_rows, ridge],
        [
            (lambda x, y, p: ridge(x, y, 0.0), "the weights of least squares"),
            (lambda x, y, p: ridge(x, y, p, penalty=p * (1 - p) * x.T @ x), "on all of X'X"),
            (
                lambda x, y, p: ridge(x, y, p, penalty=p * (1 - p) * torch.eye(2).double()),
                "not the identity",
            ),
            (lambda x, y, p: ridge(x, y, 1 - p), "changed places"),
            (lambda x, y, p: ridge(x, y, p, right=1), "on the right stands q X'y"),
            (lambda x, y, p: ridge(x, y, p, quadratic=1 - p), "the first term is q squared"),
            (lambda x, y, p: (1 - p) * ridge(x, y, p), "these are q w"),
            (lambda x, y, p: ridge(x, y, 0.2), "dropout_regression at p = 0.5 should be"),
            (lambda x, y, p: ridge(x, y, p, right=0), "should be"),
            (lambda x, y, p: ..., "not written yet"),
        ],
    ),
    (
        gaussian_mixtures.standardise,
        [
            lambda x, t: standardised(x, t.mean(0), t.std(0)),
            standardised_by_sklearn,
        ],
        [
            (lambda x, t: standardised(x, x.mean(0), x.std(0)), "come from the training rows"),
            (lambda x, t: x - t.mean(0), "this is centring"),
            (lambda x, t: standardised(x, t.mean(0), t.var(0)), "divides by the variance"),
            (lambda x, t: standardised(x, 0, t.std(0)), "mean is not subtracted"),
            (lambda x, t: (x - t.mean()) / t.std(), "one mean and one spread for each column"),
            (lambda x, t: (x - t.mean(0)) / t.std(0), "constant in training should be"),
            (lambda x, t: (x - t.mean(0)) / (t.std(0) + 1e-8), "constant in training should be"),
            (lambda x, t: standardised(x, t.mean(0), t.std(0, correction=0)), "should be"),
            (lambda x, t: ..., "not written yet"),
        ],
    ),
    (
        gaussian_mixtures.responsibilities,
        [
            shared_row_by_row,
            shared_by_masking,
            lambda a, y: torch.where(y[:, None] == -1, a.softmax(1), torch.eye(3)[y]),
        ],
        [
            (lambda a, y: a.softmax(0), "each row must sum to 1"),
            (lambda a, y: a.exp(), "divide by their sum"),
            (lambda a, y: a - a.logsumexp(1, keepdim=True), "logarithms still"),
            (lambda a, y: a.softmax(1), "belongs to its class"),
            (lambda a, y: torch.eye(3)[y], "y = -1 is no class"),
            (
                lambda a, y: torch.where(
                    y[:, None] >= 0, torch.eye(3)[y], a.exp() / a.exp().sum(1, keepdim=True)
                ),
                "where exp() is 0 but torch.softmax still works",
            ),
            (lambda a, y: None, "not written yet"),
        ],
    ),
    (
        gaussian_mixtures.covariances,
        [covariances_by_loop, covariances_by_torch],
        [
            (lambda x, r: scatters(x, r, weighted_means(x, r)) / len(x), "not by N"),
            (
                lambda x, r: scatters(x, r, weighted_means(x, r)) / (r.sum(0) - 1)[:, None, None],
                "not by N_k - 1",
            ),
            (lambda x, r: scatters(x, r, weighted_means(x, r)), "divide it by N_k"),
            (
                lambda x, r: scatters(x, r, x.mean(0)) / r.sum(0)[:, None, None],
                "each component's own mean",
            ),
            (lambda x, r: scatters(x, r, 0) / r.sum(0)[:, None, None], "second moments"),
            (
                lambda x, r: scatters(x, r, weighted_means(x, r), r * r) / r.sum(0)[:, None, None],
                "r enters once",
            ),
            (
                lambda x, r: covariances_by_torch(x, r).diagonal(dim1=1, dim2=2),
                "the variances alone",
            ),
            (lambda x, r: covariances_by_torch(x, r)[:, :1], "should be"),
            (lambda x, r: ..., "not written yet"),
        ],
    ),
    (
        autoencoders.lost_by_pca,
        [lost_by_svd, lambda c, k: torch.linalg.eigvalsh(c)[: len(c) - k].sum().item()],
        [
            (lambda c, k: torch.linalg.svdvals(c)[:k].sum(), "these eigenvalues are kept"),
            (lambda c, k: torch.linalg.eigvalsh(c)[k:].sum(), "the largest eigenvalues come last"),
            (lambda c, k: lost_by_svd(c, k) / c.trace(), "not their share"),
            (lambda c, k: c.diagonal().sort().values.flip(0)[k:].sum(), "the diagonal holds"),
            (lambda c, k: torch.linalg.svdvals(c)[k:], "should be"),
            (lambda c, k: torch.linalg.svdvals(c)[k:].mean(), "should be"),
            (lambda c, k: ..., "not written yet"),
        ],
    ),
    (
        autoencoders.reconstruction_loss,
        [
            lambda z, x: costs(z, x).sum(1),
            lambda z, x: -(x * F.logsigmoid(z) + (1 - x) * F.logsigmoid(-z)).sum(-1),
        ],
        [
            (lambda z, x: costs(z.sigmoid(), x).sum(1), "the sigmoid is applied twice"),
            (lambda z, x: costs(z, x).mean(1), "sum over the pixels"),
            (lambda z, x: costs(z, x).sum(), "do not add up the batch"),
            (lambda z, x: costs(z, x).sum(1).mean(), "no mean over the batch"),
            (lambda z, x: -costs(z, x).sum(1), "the sign is turned"),
            (
                lambda z, x: -(x * z.sigmoid().log() + (1 - x) * (1 - z.sigmoid()).log()).sum(1),
                "at logits of -1000",
            ),
            (lambda z, x: ..., "not written yet"),
        ],
    ),
    (
        autoencoders.area_under_curve,
        [area_by_ranks, area_by_loop],
        [
            (lambda f, s: area_by_loop(s, f), "the familiar one has the larger error"),
            (lambda f, s: (s[:, None] > f).double().mean(), "a tie counts one half."),
            (lambda f, s: (s[:, None] >= f).double().mean(), "not in full"),
            (lambda f, s: (s > f.mean()).double().mean(), "not with their mean"),
            (lambda f, s: s.mean() - f.mean(), "should be"),
            (lambda f, s: ..., "not written yet"),
        ],
    ),
    (
        denoising.linear_denoiser,
        [
            lambda c, s: c @ torch.linalg.inv(c + s**2 * torch.eye(2)),
            lambda c, s: torch.linalg.solve(c + s**2 * torch.eye(2), c),
        ],
        [
            (lambda c, s: torch.linalg.solve(c + s * torch.eye(2), c), "is its square"),
            (lambda c, s: c @ torch.linalg.inv(c + s**2 + 1e-9 * torch.eye(2)), "diagonal only"),
            (lambda c, s: c / (c + s**2 * torch.eye(2)), "entry by entry"),
            (lambda c, s: s**2 * torch.linalg.inv(c + s**2 * torch.eye(2)), "taken away"),
            (lambda c, s: c @ c + s**2 * c, "the inverse is missing"),
            (lambda c, s: c.diagonal() / (c.diagonal() + s**2), "should be"),
            (lambda c, s: torch.eye(2), "should be"),
            (lambda c, s: ..., "not written yet"),
        ],
    ),
    (
        denoising.best_denoiser,
        [posterior_mean, lambda x, p, s: (-squares(x, p) / (2 * s**2)).softmax(1) @ p],
        [
            (lambda x, p, s: (-squares(x, p) / s**2).softmax(1) @ p, "the 2 is missing"),
            (lambda x, p, s: (-squares(x, p) / (2 * s)).softmax(1) @ p, "has its square"),
            (lambda x, p, s: (-squares(x, p).sqrt() / (2 * s**2)).softmax(1) @ p, "squared dist"),
            (lambda x, p, s: (-squares(x, p) / (2 * s**2)).softmax(0) @ p, "sum to 1 over"),
            (lambda x, p, s: p[squares(x, p).argmin(1)], "this is the nearest point"),
            (lambda x, p, s: posterior_mean(x, p, s) - x, "these are the arrows"),
            (unstable_mean, "far from all points"),
            (lambda x, p, s: (-squares(x, p) / (2 * s**2)).exp() @ p, "should be"),
            (lambda x, p, s: (squares(x, p) / (2 * s**2)).softmax(1) @ p, "should be"),
            (lambda x, p, s: (x / s**2).tanh(), "three points of the plane"),
            (lambda x, p, s: ..., "not written yet"),
        ],
    ),
    (
        denoising.contractive_penalty,
        [
            lambda h, w: tanh_jacobian(h, w).square().sum((1, 2)),
            lambda h, w: torch.linalg.matrix_norm(tanh_jacobian(h, w)) ** 2,
        ],
        [
            (lambda h, w: ((h - h**2)[:, :, None] * w).square().sum((1, 2)), "of the sigmoid"),
            (lambda h, w: ((1 - h**2)[:, :, None] * w**2).sum((1, 2)), "square the slopes too"),
            (lambda h, w: tanh_jacobian(h, w).sum(2).square().sum(1), "not the other way round"),
            (lambda h, w: torch.linalg.matrix_norm(tanh_jacobian(h, w)), "this is the norm"),
            (lambda h, w: tanh_jacobian(h, w).square().sum(), "do not add up the batch"),
            (lambda h, w: tanh_jacobian(h, w).square().sum((1, 2)).mean(), "no mean over"),
            (lambda h, w: w.square().sum().repeat(len(h)), "leave none of them out"),
            (lambda h, w: tanh_jacobian(h, w).square().mean((1, 2)), "should be"),
            (lambda h, w: ..., "not written yet"),
        ],
    ),
]


def score_by_torch(x, mean, K):
    x = x.clone().requires_grad_()
    bell = distributions.MultivariateNormal(mean, precision_matrix=K)
    return torch.autograd.grad(bell.log_prob(x).sum(), x)[0]


def weight_of(x, mean, K):
    return (-0.5 * torch.einsum("bd,de,be->b", x - mean, K, x - mean)).exp()[:, None]


def density_of(x, mean, K):
    bell = distributions.MultivariateNormal(mean, precision_matrix=K)
    return bell.log_prob(x).exp()[:, None]


def pull(x, mean, K):
    return (mean - x) @ K.T


def denoising_by_loop(score, x, noise, sigma):
    losses = []
    for place, shift in zip(x, noise, strict=True):
        field = score((place + sigma * shift)[None])[0]
        pairs = zip(field.tolist(), shift.tolist(), strict=True)
        losses.append(sum((found + e / sigma) ** 2 for found, e in pairs) / 2)
    return torch.tensor(losses)


def denoising_from(score, x, noise, sigma, *, at=None, target=None):
    """Half the squared length of what is missing; the place or the target may be another."""
    at = x + sigma * noise if at is None else at
    target = -noise / sigma if target is None else target
    return F.mse_loss(score(at), target, reduction="none").sum(1) / 2


def nce_by_probabilities(data, noise):
    """With h written out: nu weighs the noise's odds."""
    nu = len(noise) / len(data)
    h = [1 / (1 + nu * (-of).exp()) for of in (data, noise)]
    return -h[0].log().mean() - nu * (1 - h[1]).log().mean()


def nce_by_cross_entropy(data, noise):
    logits = torch.cat([data, noise]) - math.log(len(noise) / len(data))
    right = torch.cat([torch.ones_like(data), torch.zeros_like(noise)])
    return F.binary_cross_entropy_with_logits(logits, right, reduction="sum") / len(data)


def nce_with(data, noise, *, log_nu, front):
    real, fake = data - log_nu, noise - log_nu
    return -F.logsigmoid(real).mean() - front * F.logsigmoid(-fake).mean()


def nu_of(data, noise):
    return len(noise) / len(data)


BANK += [
    (
        score_matching.gaussian_score,
        [score_by_torch, pull, lambda x, m, K: ((m - x)[:, None] @ K).squeeze(1)],
        [
            (lambda x, m, K: density_of(x, m, K) * pull(x, m, K), "gradient of the density"),
            (lambda x, m, K: weight_of(x, m, K) * pull(x, m, K), "gradient of the weight"),
            (lambda x, m, K: (x - m) @ K, "turn the sign"),
            (lambda x, m, K: torch.linalg.solve(K, (m - x).T).T, "no inverse"),
            (lambda x, m, K: -x @ K, "the mean is not subtracted"),
            (lambda x, m, K: (m - x) * K.diagonal(), "the coordinates pull at one another"),
            (lambda x, m, K: -2 * (x - m) @ K, "a factor of 2"),
            (lambda x, m, K: pull(x, m, K).sum(1), "should be"),
            (lambda x, m, K: ..., "not written yet"),
        ],
    ),
    (
        score_matching.denoising_loss,
        [denoising_from, denoising_by_loop],
        [
            (lambda s, x, e, o: denoising_from(s, x, e, o, target=e / o), "the sign is turned"),
            (lambda s, x, e, o: denoising_from(s, x, e, o, at=x), "at the noisy place"),
            (lambda s, x, e, o: denoising_from(s, x, e, o, at=x + e), "enters x as sigma noise"),
            (lambda s, x, e, o: denoising_from(s, x, e, o, target=-e), "is not divided"),
            (lambda s, x, e, o: denoising_from(s, x, e, o, target=-e / o**2), "by sigma once"),
            (lambda s, x, e, o: denoising_from(s, x, e, o, target=-o * e), "denoiser's target"),
            (lambda *given: 2 * denoising_from(*given), "1/2 is missing"),
            (lambda *given: denoising_from(*given) / 2, "no mean"),
            (lambda *given: (2 * denoising_from(*given)) ** 0.5, "take its square"),
            (lambda *given: denoising_from(*given).sum(), "do not add up the batch"),
            (lambda *given: denoising_from(*given).mean(), "no mean over the batch"),
            (lambda *given: None, "not written yet"),
        ],
    ),
    (
        score_matching.nce_loss,
        [nce_by_probabilities, nce_by_cross_entropy],
        [
            (lambda d, n: -F.logsigmoid(torch.cat([d, n])).mean() * 2, "that of 1 - h"),
            (lambda d, n: nce_by_probabilities(-d, -n), "changed places"),
            (lambda d, n: -d.sigmoid().log().mean(), "the noise's term is missing"),
            (lambda d, n: -nce_by_cross_entropy(d, n), "a loss is its negative"),
            (lambda d, n: len(d) * nce_by_cross_entropy(d, n), "means, not sums"),
            (lambda d, n: nce_with(d, n, log_nu=0, front=nu_of(d, n)), "log nu is missing"),
            (
                lambda d, n: nce_with(d, n, log_nu=math.log(nu_of(d, n)), front=1),
                "counts nu times",
            ),
            (lambda d, n: nce_with(d, n, log_nu=0, front=1), "nu enters twice"),
            (
                lambda d, n: nce_with(d, n, log_nu=-math.log(nu_of(d, n)), front=nu_of(d, n)),
                "is subtracted from the logit",
            ),
            (
                lambda d, n: nce_with(d, n, log_nu=math.log(nu_of(n, d)), front=nu_of(n, d)),
                "noise per data",
            ),
            (lambda d, n: nce_by_cross_entropy(d, n) / 2, "not averaged"),
            (lambda d, n: nce_by_cross_entropy(d, n) + 1, "should be"),
            (lambda d, n: ..., "not written yet"),
        ],
    ),
]


def mirrored_by_corners(boxes, width):
    ends = width - boxes[:, [2, 0]]
    return torch.stack([ends[:, 0], boxes[:, 1], ends[:, 1], boxes[:, 3]], 1)


def mirrored_by_loop(boxes, width):
    return [[width - r, top, width - left, bottom] for left, top, r, bottom in boxes.tolist()]


def cutmix(y, partner, kept, classes):
    own = F.one_hot(y, classes).double()
    return kept[:, None] * own + (1 - kept[:, None]) * own[partner]


def cutmix_by_pixels(y, partner, cut, classes):
    labels = torch.where(cut, y[partner][:, None, None], y[:, None, None])
    return F.one_hot(labels, classes).double().mean((1, 2))


BANK += [
    (
        classical_augmentation.brighten,
        [
            lambda x, f: (x * f.view(-1, 1, 1, 1)).clamp(0, 1),
            lambda x, f: torch.stack([p * v for p, v in zip(x, f, strict=True)]).clamp(max=1),
        ],
        [
            (lambda x, f: (x * f).clamp(0, 1), "each column got a factor of its own"),
            (lambda x, f: x * f, "each column got a factor of its own"),
            (lambda x, f: x * f[:, None], "each row got a factor of its own"),
            (lambda x, f: (x * f[0]).clamp(0, 1), "all pictures got the first factor"),
            (lambda x, f: (x * f.mean()).clamp(0, 1), "all pictures got the same factor"),
            (lambda x, f: x * f[:, None, None, None], "values left the range"),
            (lambda x, f: x + f[:, None, None, None], "should be"),
            (lambda x, f: x * f[:, None, None], "raises RuntimeError"),
            (lambda x, f: ..., "not written yet"),
        ],
    ),
    (
        classical_augmentation.mirror_boxes,
        [mirrored_by_corners, mirrored_by_loop],
        [
            (lambda b, w: w - b[:, [0, 3, 2, 1]], "should be"),
            (
                lambda b, w: torch.stack([w - b[:, 0], b[:, 1], w - b[:, 2], b[:, 3]], 1),
                "the mirror swaps them",
            ),
            (lambda b, w: mirrored_by_corners(b, w - 1), "the mirror of 0 is the width itself"),
            (
                lambda b, w: torch.stack([b[:, 0], w - b[:, 3], b[:, 2], w - b[:, 1]], 1),
                "a mirror of up and down",
            ),
            (lambda b, w: b, "nothing has moved"),
            (lambda b, w: mirrored_by_corners(b, 10), "should be"),
            (lambda b, w: ..., "not written yet"),
        ],
    ),
    (
        classical_augmentation.cutmix_labels,
        [
            cutmix_by_pixels,
            lambda y, p, cut, k: cutmix(y, p, (~cut).double().mean((1, 2)), k),
        ],
        [
            (lambda y, p, cut, k: F.one_hot(y, k), "the labels have not changed"),
            (
                lambda y, p, cut, k: cutmix(y, p, cut.double().mean((1, 2)), k),
                "kept and cut have changed places",
            ),
            (
                lambda y, p, cut, k: cutmix(y, p, (~cut).double().mean().expand(len(y)), k),
                "each needs a share of its own",
            ),
            (
                lambda y, p, cut, k: cutmix(y, p, torch.full((len(y),), 0.5), k),
                "half of each is right",
            ),
            (lambda y, p, cut, k: 10 * cutmix_by_pixels(y, p, cut, k), "numbers of pixels"),
            (lambda y, p, cut, k: F.one_hot(y[p], k), "should be"),
            (lambda y, p, cut, k: cutmix_by_pixels(y, p.argsort(), cut, k), "should be"),
            (lambda y, p, cut, k: cutmix_by_pixels(y, p, cut, k).argmax(1), "should be"),
            (lambda y, p, cut, k: ..., "not written yet"),
        ],
    ),
]


def free_energy_by_sum(v, W, a, b):
    """-log of the sum over both hidden states of each unit, by the definition of the energy."""
    energies = [[-v @ a + 0 * b[:1]]]
    for j in range(len(b)):
        energies = [[so_far[0] - on * (b[j] + v @ W[:, j])] for so_far in energies for on in (0, 1)]
    return -torch.logsumexp(-torch.stack([energy for [energy] in energies]), 0)


def free_energy(v, W, a, b):
    return -v @ a - torch.logaddexp(b + v @ W, torch.zeros_like(b)).sum(1)


def half_step_by_loop(v, W, b, noise):
    rows = []
    for row, draws in zip(v, noise, strict=True):
        odds = [math.exp(b[j] + row @ W[:, j]) for j in range(len(b))]
        rows.append(
            [draw < odd / (1 + odd) for draw, odd in zip(draws.tolist(), odds, strict=True)]
        )
    return rows


def on(v, W, b):
    return (v @ W + b).sigmoid()


def slope_by_autograd(v, ends, W, b):
    """Of the free-energy gap, whose negative gradient is the update."""
    W = W.clone().requires_grad_()
    zero = torch.zeros(len(W)).double()
    gap = free_energy(v, W, zero, b).mean() - free_energy(ends, W, zero, b).mean()
    return -torch.autograd.grad(gap, W)[0]


def slope(v, ends, W, b):
    return v.T @ on(v, W, b) / len(v) - ends.T @ on(ends, W, b) / len(ends)


BANK += [
    (
        boltzmann_machines.free_energy,
        [free_energy, free_energy_by_sum],
        [
            (lambda v, W, a, b: -free_energy(v, W, a, b), "the sign is turned"),
            (lambda v, W, a, b: free_energy(v, W, 0 * a, b), "the visible biases are missing"),
            (lambda v, W, a, b: free_energy(v, W, a, 0 * b), "the hidden biases are missing"),
            (
                lambda v, W, a, b: -v @ a - ((v @ W + b) * on(v, W, b)).sum(1),
                "the hidden units are summed out",
            ),
            (lambda v, W, a, b: -v @ a - F.softplus(v @ W + b).mean(1), "sum over the hidden"),
            (lambda v, W, a, b: free_energy(v, W, a, b).sum(), "do not add up the batch"),
            (lambda v, W, a, b: -v @ a - (1 + (v @ W + b).exp()).log().sum(1), "near 1000"),
            (lambda v, W, a, b: v @ a - F.softplus(v @ W + b).sum(1), "of four rows should be"),
            (lambda v, W, a, b: ..., "not written yet"),
        ],
    ),
    (
        boltzmann_machines.half_step,
        [half_step_by_loop, lambda v, W, b, e: torch.heaviside(on(v, W, b) - e, b[:1] * 0)],
        [
            (lambda v, W, b, e: on(v, W, b), "these are the probabilities"),
            (lambda v, W, b, e: (e > on(v, W, b)) * 1, "turned round"),
            (lambda v, W, b, e: (on(v, W, b) > 0.5) * 1, "this rounds the probability"),
            (lambda v, W, b, e: (e[0] < on(v, W, b)) * 1, "each row needs noise of its own"),
            (lambda v, W, b, e: (e < (v @ W).sigmoid()) * 1, "the hidden biases are missing"),
            (lambda v, W, b, e: (e < v @ W + b) * 1, "the sigmoid is missing"),
            (lambda v, W, b, e: (e[: len(b), 0] < on(v, W, b)) * 1, "should be"),
            (
                lambda v, W, b, e: torch.stack([e[n] < on(v[n], W, b) for n in range(4)]) * 1,
                "half_step of two rows and two hidden units raises IndexError",
            ),
            (lambda v, W, b, e: None, "not written yet"),
        ],
    ),
    (
        boltzmann_machines.gradient,
        [slope, slope_by_autograd],
        [
            (lambda v, e, W, b: -slope(v, e, W, b), "the sign is turned"),
            (
                lambda v, e, W, b: (
                    v.T @ on(v, W, b) / len(v) - e.T @ on(v[: len(e)], W, b) / len(e)
                ),
                "hidden means of their own",
            ),
            (lambda v, e, W, b: v.T @ on(v, W, b) - e.T @ on(e, W, b), "these are sums"),
            (
                lambda v, e, W, b: (v.T @ on(v, W, b) - e.T @ on(e, W, b)) / len(v),
                "averaged over their own number",
            ),
            (
                lambda v, e, W, b: (
                    v.mean(0)[:, None] * on(v, W, b).mean(0)
                    - e.mean(0)[:, None] * on(e, W, b).mean(0)
                ),
                "multiply first, then average",
            ),
            (lambda v, e, W, b: v.T @ on(v, W, b) / len(v), "what the chains do is missing"),
            (lambda v, e, W, b: slope(v, e, W, b).T, "the shape of W"),
            (lambda v, e, W, b: slope(v, e, W, 0 * b), "the hidden biases are missing"),
            (lambda v, e, W, b: slope(v, e, W, b).sum(), "as the ends of chains should be"),
            (lambda v, e, W, b: slope(v, v[-len(e) :], W, b), "gradient from four rows should be"),
            (lambda v, e, W, b: ..., "not written yet"),
        ],
    ),
]


def below(h, W, a):
    return 1 / (1 + (-(a + (W @ h[..., None])[..., 0])).exp())


def passed_down(h2, W2, a2, W1, a1, noise):
    h1 = (below(h2, W2, a2) - noise).sign().clamp_min(0)
    return below(h1, W1, a1)


def passed_down_by_loop(h2, W2, a2, W1, a1, noise):
    rows = []
    for state, threshold in zip(h2, noise, strict=True):
        chance = [torch.sigmoid(a2[j] + W2[j] @ state) for j in range(len(a2))]
        h1 = torch.tensor([float(e < p) for e, p in zip(threshold, chance, strict=True)]).double()
        rows.append([torch.sigmoid(a1[i] + W1[i] @ h1).item() for i in range(len(a1))])
    return rows


def mean_under(q, values):
    """Of each row, without the states whose chance is 0."""
    sums = [v[p > 0] @ p[p > 0] for p, v in zip(q, values, strict=True)]
    return torch.stack(sums)


def lower_bound(log_p, q):
    return mean_under(q, log_p - q.log())


BANK += [
    (
        deep_belief_networks.transpose,
        [
            lambda W, a, b: (W.T, b, a),
            lambda W, a, b: [[list(column) for column in zip(*W, strict=True)], b, a],
        ],
        [
            (lambda W, a, b: (W.T, a, b), "the biases change places"),
            (lambda W, a, b: (W, b, a), "W is turned around as well"),
            (lambda W, a, b: (W, a, b), "nothing is turned around"),
            (lambda W, a, b: (-W.T, -b, -a), "no sign changes"),
            (lambda W, a, b: (W.flip(0).T, b, a), "should be"),
            (lambda W, a, b: (W.T, b), "should be"),
            (lambda W, a, b: W.T, "should be"),
            (lambda W, a, b: ..., "not written yet"),
        ],
    ),
    (
        deep_belief_networks.pass_down,
        [passed_down, passed_down_by_loop],
        [
            (
                lambda h, W2, a2, W1, a1, e: below(below(h, W2, a2), W1, a1),
                "states of zeros and ones go down",
            ),
            (
                lambda h, W2, a2, W1, a1, e: below((below(h, W2, a2) > 0.5).double(), W1, a1),
                "this rounds the chances",
            ),
            (
                lambda h, W2, a2, W1, a1, e: below((e > below(h, W2, a2)).double(), W1, a1),
                "turned round",
            ),
            (
                lambda h, W2, a2, W1, a1, e: passed_down(h, W2, 0 * a2, W1, a1, e),
                "the biases a2 are missing",
            ),
            (
                lambda h, W2, a2, W1, a1, e: passed_down(h, W2, a2, W1, 0 * a1, e),
                "the biases a1 are missing",
            ),
            (
                lambda h, W2, a2, W1, a1, e: a1 + (e < below(h, W2, a2)).double() @ W1.T,
                "the last sigmoid is missing",
            ),
            (
                lambda h, W2, a2, W1, a1, e: (e < below(h, W2, a2)).double(),
                "these are the states of h1",
            ),
            (
                lambda h, W2, a2, W1, a1, e: passed_down(h, W2, a2, W1, a1, e[:1].expand_as(e)),
                "should be",
            ),
            (lambda h, W2, a2, W1, a1, e: (a2 + h @ W2).sigmoid(), "raises RuntimeError"),
            (lambda h, W2, a2, W1, a1, e: None, "not written yet"),
        ],
    ),
    (
        deep_belief_networks.bound,
        [
            lower_bound,
            lambda log_p, q: log_p.logsumexp(1) - mean_under(q, q.log() - log_p.log_softmax(1)),
        ],
        [
            (lambda log_p, q: mean_under(q, log_p), "what log q adds is missing"),
            (lambda log_p, q: mean_under(q, log_p + q.log()), "the sign of log q is turned"),
            (lambda log_p, q: log_p.exp().sum(1).log(), "this is log p(v) itself"),
            (lambda log_p, q: lower_bound(log_p, q) / 4, "a mean over them is smaller"),
            (lambda log_p, q: (log_p - q.log()).sum(1), "every state counts by its q"),
            (lambda log_p, q: lower_bound(log_p, q).sum(), "do not add up the batch"),
            (lambda log_p, q: (q * (log_p - q.log())).sum(1), "torch.xlogy knows"),
            (lambda log_p, q: -lower_bound(log_p, q), "should be"),
            (lambda log_p, q: ..., "not written yet"),
        ],
    ),
]

RIGHT = [
    pytest.param(exercise, answer, id=f"{exercise.name}-{number}")
    for exercise, answers, _ in BANK
    for number, answer in enumerate(answers)
]
WRONG = [
    pytest.param(exercise, answer, words, id=f"{exercise.name}-{number}")
    for exercise, _, answers in BANK
    for number, (answer, words) in enumerate(answers)
]


@pytest.mark.parametrize(("exercise", "answer"), RIGHT)
def test_right_answer_is_taken_every_time(exercise, answer, capsys):
    assert exercise(answer) is exercise(answer) is True
    assert capsys.readouterr().out == 2 * f"{exercise.name}: right.\n"


@pytest.mark.parametrize(("exercise", "answer", "words"), WRONG)
def test_wrong_answer_gets_one_line_with_the_hint_that_fits(exercise, answer, words, capsys):
    assert exercise(answer) is False
    line = capsys.readouterr().out
    assert line.startswith(f"{exercise.name}: ") and line.count("\n") == 1 and len(line) < 600
    assert words in line


def test_hints_of_each_exercise_are_all_given_to_somebody(capsys):
    for exercise, _, answers in BANK:
        for answer, _ in answers:
            exercise(answer)
        said = capsys.readouterr().out
        assert [hint for hint in exercise.mistakes if hint not in said] == []


def test_every_exercise_of_the_lessons_has_two_right_and_three_wrong_answers_here():
    known = {id(exercise): answers for exercise, *answers in BANK}
    for module in pkgutil.iter_modules(exercises.__path__, f"{exercises.__name__}."):
        for name, exercise in vars(importlib.import_module(module.name)).items():
            if isinstance(exercise, Exercise):
                assert exercise.name == name
                right, wrong = known.get(id(exercise), ([], []))
                assert len(right) >= 2 and len(wrong) >= 3, f"{module.name}.{name}"
