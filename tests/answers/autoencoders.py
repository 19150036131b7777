"""Answers to the exercises of lesson 04."""

import numpy as np
import torch
from scipy import stats
from sklearn.metrics import roc_auc_score
from torch import distributions
from torch.nn import functional as F

from genaug_lessons.exercises import autoencoders as check


def solution_lost_by_pca(cov, k):
    eigenvalues = torch.linalg.eigvalsh(cov)  # upwards
    return eigenvalues[: len(cov) - k].sum()


def lost_by_svd(cov, k):
    return torch.linalg.svdvals(cov)[k:].sum()


def lost_by_numpy(cov, k):
    return np.sort(np.linalg.eigvals(cov.numpy()))[::-1][k:].sum()


def lost_by_complex_eigenvalues(cov, k):
    return sum(sorted(torch.linalg.eigvals(cov).tolist(), key=abs)[: len(cov) - k])


def lost_beside_the_kept(cov, k):
    return cov.trace() - torch.linalg.eigvalsh(cov)[len(cov) - k :].sum().item()


def lost_by_rebuilding(cov, k):
    """The mean squared length of what a projection leaves over."""
    kept = torch.linalg.eigh(cov).eigenvectors.flip(1)[:, :k]
    rest = torch.eye(len(cov)) - kept @ kept.T
    return torch.einsum("ij,jk,ik->", rest, cov, rest)


def eigenvalues(cov):
    return torch.linalg.eigvalsh(cov)


def solution_reconstruction_loss(logits, x):
    return (F.softplus(logits) - x * logits).sum(1)


def costs(logits, x):
    return torch.logaddexp(torch.zeros_like(logits), logits) - x * logits


def loss_by_logsigmoid(logits, x):
    return -(x * F.logsigmoid(logits) + (1 - x) * F.logsigmoid(-logits)).sum(-1)


def loss_by_torch(logits, x):
    return F.binary_cross_entropy_with_logits(logits, x, reduction="none").sum(1)


def loss_by_bernoulli(logits, x):
    return -distributions.Bernoulli(logits=logits, validate_args=False).log_prob(x).sum(1)


def loss_by_loop(logits, x):
    return torch.stack([sum(costs(u, y)) for u, y in zip(logits, x, strict=True)])


def loss_by_largest(logits, x):
    return (logits.clamp(min=0) - logits * x + (-logits.abs()).exp().log1p()).sum(1)


def loss_as_written(logits, x):
    white = logits.sigmoid()
    return -(x * white.log() + (1 - x) * (1 - white).log()).sum(1)


def loss_with_crumb(logits, x):
    white = logits.sigmoid()
    return -(x * (white + 1e-12).log() + (1 - x) * (1 - white + 1e-12).log()).sum(1)


def loss_cut_off(logits, x):
    return F.binary_cross_entropy(logits.sigmoid(), x, reduction="none").sum(1)


def solution_area_under_curve(familiar, strange):
    apart = strange[:, None] - familiar
    return (apart > 0).double().mean() + (apart == 0).double().mean() / 2


def area_by_ranks(familiar, strange):
    found = stats.mannwhitneyu(strange.numpy(), familiar.numpy()).statistic
    return found / (len(familiar) * len(strange))


def area_by_sklearn(familiar, strange):
    unknown = [0] * len(familiar) + [1] * len(strange)
    return roc_auc_score(unknown, torch.cat([familiar, strange]))


def area_by_loop(familiar, strange):
    pairs = [(f, s) for f in familiar.tolist() for s in strange.tolist()]
    return sum((s > f) + 0.5 * (s == f) for f, s in pairs) / len(pairs)


def area_by_sorting(familiar, strange):
    ordered = familiar.sort().values
    below = [torch.searchsorted(ordered, strange, right=right) for right in (False, True)]
    return (below[0] + below[1]).sum() / (2 * len(familiar) * len(strange))


def area_in_order(familiar, strange):
    pairs = list(zip(familiar.tolist(), strange.tolist(), strict=False))
    return sum((s > f) + 0.5 * (s == f) for f, s in pairs) / len(pairs)


def area_of_arrays(familiar, strange):
    return strange.reshape(-1, 1).greater(familiar).astype(float).mean()


def accuracy(familiar, strange):
    bar = torch.cat([familiar, strange]).mean()
    right = (strange > bar).sum() + (familiar <= bar).sum()
    return right / (len(familiar) + len(strange))


def wins(strange, familiar):
    return ((strange > familiar) + 0.5 * (strange == familiar)).mean()


BANK = [
    (
        check.lost_by_pca,
        [
            solution_lost_by_pca,
            lost_by_svd,
            lost_by_numpy,
            lost_by_complex_eigenvalues,
            lost_beside_the_kept,
            lost_by_rebuilding,
            lambda c, k: eigenvalues(c)[: len(c) - k].sum().item(),
        ],
        [
            (lambda c, k: torch.linalg.svdvals(c)[:k].sum(), "these eigenvalues are kept"),
            (lambda c, k: eigenvalues(c)[k:].sum(), "the largest eigenvalues come last"),
            (lambda c, k: eigenvalues(c)[:k].sum(), "these are the k smallest"),
            (lambda c, k: eigenvalues(c).flip(0)[k + 1 :].sum(), "the next one is lost already"),
            (lambda c, k: eigenvalues(c).flip(0)[k - 1 :].sum(), "the last of those that are kept"),
            (lambda c, k: eigenvalues(c)[: len(c) - k + 1].sum(), "the last of those"),
            (lambda c, k: eigenvalues(c)[:-k].sum(), "mean something else at k = 0"),
            (lambda c, k: c.trace() - eigenvalues(c)[-k:].sum(), "mean something else at k = 0"),
            (lambda c, k: eigenvalues(c)[: 3 - k].sum(), "lost_by_pca of other arguments"),
            (lambda c, k: [1.5, 0.5, 0.0][k - 1], "code of 0 numbers"),
            (lambda c, k: lost_by_svd(c, k) / c.trace(), "not their share"),
            (lambda c, k: lost_by_svd(c, k) / len(c), "do not divide by their number"),
            (lambda c, k: eigenvalues(c)[: len(c) - k].sqrt().sum(), "no root of them"),
            (lambda c, k: eigenvalues(c @ c)[: len(c) - k].sum(), "do not square them again"),
            (lambda c, k: c.diagonal().sort().values.flip(0)[k:].sum(), "the diagonal holds"),
            (lambda c, k: c.diagonal()[k:].sum(), "should be"),
            (lambda c, k: torch.linalg.svdvals(c)[k:], "the sum over axis 0 is missing"),
            (lambda c, k: torch.linalg.svdvals(c)[k:].mean(), "should be 1.5, got 0.75"),
            (lambda c, k: (1 - eigenvalues(c))[: len(c) - k].sum(), "should be"),
            (lambda c, k: -lost_by_svd(c, k), "the sign is turned"),
            (lambda c, k: ..., "not written yet"),
        ],
    ),
    (
        check.reconstruction_loss,
        [
            solution_reconstruction_loss,
            loss_by_logsigmoid,
            loss_by_torch,
            loss_by_bernoulli,
            loss_by_loop,
            loss_by_largest,
            lambda z, x: costs(z, x).sum(1),
        ],
        [
            (lambda z, x: costs(z.sigmoid(), x).sum(1), "the sigmoid is applied twice"),
            (lambda z, x: costs(z, x).mean(1), "sum over the pixels"),
            (lambda z, x: costs(z, x).sum(), "do not add up the batch"),
            (lambda z, x: costs(z, x).sum(1).mean(), "no mean over the batch"),
            (F.binary_cross_entropy_with_logits, "means over everything, unless told"),
            (lambda z, x: costs(z, x).sum(0), "not one pixel of all"),
            (lambda z, x: -costs(z, x).sum(1), "the sign is turned: a loss is minus"),
            (lambda z, x: -(x * F.logsigmoid(z)).sum(1), "black pixels cost something"),
            (lambda z, x: costs(x, z).sum(1), "have changed places"),
            (lambda z, x: ((z.sigmoid() - x) ** 2).sum(1), "this is the squared error"),
            (loss_cut_off, "cuts off at 100 nats"),
            (loss_as_written, "with logits of -1000 and 1000"),
            (loss_with_crumb, "with logits of -1000 and 1000"),
            (lambda z, x: ((1 + z.exp()).log() - x * z).sum(1), "some of it is infinite"),
            (lambda z, x: (z - x * z + (1 + (-z).exp()).log()).sum(1), "some of it is infinite"),
            (lambda z, x: costs(z, x), "the sum over axis 1 is missing"),
            (lambda z, x: costs(z, x).sum(1, keepdim=True), "in the shape (2, 1): (2,) is asked"),
            (lambda z, x: costs(z, x).sum(1) / torch.tensor(2.0).log(), "base-2 logarithms"),
            (lambda z, x: costs(z, x.round()).sum(1), "should be"),
            (lambda z, x: costs(z, x).max(1).values, "should be"),
            (F.binary_cross_entropy, "raises RuntimeError"),
            (lambda z, x: costs(z, x).sum(1).detach(), "no gradient comes through to logits"),
            (lambda z, x: costs(z, x).sum(1).tolist(), "no gradient comes through to logits"),
            (
                lambda z, x: (F.softplus(z) - (x * z).detach()).sum(1),
                "the gradient with respect to logits is not",
            ),
            (lambda z, x: ..., "not written yet"),
        ],
    ),
    (
        check.area_under_curve,
        [
            solution_area_under_curve,
            area_by_ranks,
            area_by_sklearn,
            area_by_loop,
            area_by_sorting,
            lambda f, s: (1 + (s[:, None] - f).sign().mean()) / 2,
        ],
        [
            (lambda f, s: area_by_loop(s, f), "the familiar one has the larger error"),
            (lambda f, s: (s[:, None] > f).double().mean(), "a tie counts one half."),
            (lambda f, s: (s[:, None] >= f).double().mean(), "not in full"),
            (lambda f, s: wins(s, f.mean()), "not with their mean"),
            (lambda f, s: wins(s, f.max()), "not with the largest error"),
            (area_in_order, "only with that of its own place"),
            (lambda f, s: wins(s.mean(), f), "not their mean alone"),
            (lambda f, s: area_by_loop(f, s) * len(f) * len(s), "this is a number of pairs"),
            (lambda f, s: area_by_loop(f, s) * len(f), "of the strange ones alone"),
            (lambda f, s: area_by_loop(f, s) * len(s), "of the familiar ones alone"),
            (lambda f, s: s.mean() - f.mean(), "not by how much"),
            (accuracy, "should be"),
            (lambda f, s: wins(s, f.median()), "should be"),
            (lambda f, s: area_by_loop(f, s.unique()), "should be"),
            (lambda f, s: area_by_loop(f, s[:3]), "should be"),
            (lambda f, s: abs(2 * area_by_loop(f, s) - 1), "should be"),
            (area_of_arrays, "raises AttributeError"),
            (lambda f, s: ((s[:, None] > f) + 0.5 * (s[:, None] == f)).mean(1), "should be"),
            (lambda f, s: ..., "not written yet"),
        ],
    ),
]
