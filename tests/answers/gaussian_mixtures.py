"""Answers to the exercises of lesson 03."""

import math

import numpy as np
import torch
from sklearn.preprocessing import StandardScaler
from torch.nn import functional as F

from genaug_lessons.exercises import gaussian_mixtures as check


def standardise_of_the_lesson(x, train):
    spread = train.std(0)
    scale = torch.where(spread > 0, spread, 1.0)
    return (x - train.mean(0)) / scale


def standardised_by_sklearn(x, train):
    scaler = StandardScaler().fit(train)  # its spread divides by N
    factor = ((len(train) - 1) / len(train)) ** 0.5
    varies = torch.as_tensor(scaler.var_ > 0)
    return torch.as_tensor(scaler.transform(x)) * torch.where(varies, factor, 1.0)


def standardised_by_loop(x, train):
    columns = []
    for new, old in zip(x.T, train.T, strict=True):
        spread = old.std().item()
        columns.append((new - old.mean()) / (spread if spread != 0 else 1))
    return torch.stack(columns, dim=1)


def standardised_by_numpy(x, train):
    spread = np.std(train.numpy(), axis=0, ddof=1)
    spread[spread == 0] = 1
    return (x.numpy() - train.numpy().mean(axis=0)) / spread


def standardised(x, centre, spread):
    return (x - centre) / torch.where(spread > 0, spread, 1.0)


def all_or_nothing(x, train):
    spread = train.std(0)
    return (x - train.mean(0)) / (spread if (spread > 0).all() else 1)


def responsibilities_of_the_lesson(log_joint, y):
    r = log_joint.softmax(1)
    known = y >= 0
    r[known] = torch.eye(r.shape[1], dtype=r.dtype)[y[known]]
    return r


def shared_row_by_row(log_joint, y):
    rows = []
    for row, label in zip(log_joint, y.tolist(), strict=True):
        weight = (row - row.max()).exp()
        rows.append(weight / weight.sum() if label < 0 else torch.arange(len(row)) == label)
    return torch.stack([row.double() for row in rows])


def shared_by_masking(log_joint, y):
    other = (y[:, None] >= 0) & (y[:, None] != torch.arange(log_joint.shape[1]))
    return log_joint.masked_fill(other, -math.inf).softmax(1)


def shared_by_numpy(log_joint, y):
    a = log_joint.numpy()
    r = np.exp(a - a.max(axis=1, keepdims=True))
    r /= r.sum(axis=1, keepdims=True)
    known = y.numpy() >= 0
    r[known] = np.eye(r.shape[1])[y[known]]
    return r


def shared_by_difference(log_joint, y):
    r = (log_joint - log_joint.logsumexp(1, keepdim=True)).exp()
    known = y >= 0
    r[known] = F.one_hot(y[known], r.shape[1]).float()
    return r


def clamped(r, y, known=None):
    r = r.clone()
    known = y >= 0 if known is None else known
    r[known] = torch.eye(r.shape[1])[y[known]]
    return r


def one_top_for_all(log_joint, y):
    weight = (log_joint - log_joint.max()).exp()
    return clamped(weight / weight.sum(1, keepdim=True), y)


def others_left(log_joint, y):
    r = log_joint.softmax(1)
    known = y >= 0
    r[known, y[known]] = 1
    return r


def others_zeroed_only(log_joint, y):
    r = log_joint.softmax(1)
    r[y >= 0] = 0
    r[y >= 0][:, y[y >= 0]] = 1  # of a copy
    return r


def covariances_of_the_lesson(x, r):
    total = r.sum(0)
    mu = r.T @ x / total[:, None]
    away = x[:, None] - mu  # (N, K, D)
    scatter = torch.einsum("nk,nkd,nke->kde", r, away, away)
    return scatter / total[:, None, None]


def covariances_by_loop(x, r):
    found = []
    for weight in r.T:
        mean = (weight[:, None] * x).sum(0) / weight.sum()
        found.append(sum(w * torch.outer(d, d) for w, d in zip(weight, x - mean, strict=True)))
    return [(part / of).tolist() for part, of in zip(found, r.sum(0), strict=True)]


def covariances_by_torch(x, r):
    return torch.stack([x.T.cov(correction=0, aweights=weight) for weight in r.T])


def covariances_by_numpy(x, r):
    return np.stack([np.atleast_2d(np.cov(x.T, ddof=0, aweights=weight)) for weight in r.T])


def covariances_by_moments(x, r):
    share = r / r.sum(0)
    mu = share.T @ x
    return torch.einsum("nk,ni,nj->kij", share, x, x) - mu[:, :, None] * mu[:, None]


def covariances_by_products(x, r):
    away = x[None] - weighted_means(x, r)[:, None]  # (K, N, D)
    return away.mT @ (r.T[:, :, None] * away) / r.sum(0)[:, None, None]


def scatters(x, r, centre, weight=None):
    away = x[:, None] - centre
    return torch.einsum("nk,nkd,nke->kde", r if weight is None else weight, away, away)


def weighted_means(x, r):
    return (r.T @ x) / r.sum(0)[:, None]


def per_part(total, r):
    return total / r.sum(0)[:, None, None]


def in_the_plane(x, r):
    """Two features, written out."""
    found = covariances_by_torch(x[:, :2], r)
    return torch.stack([found[:, 0, 0], found[:, 0, 1], found[:, 1, 0], found[:, 1, 1]], 1).view(
        -1, 2, 2
    )


def one_variance(x, r):
    return covariances_by_torch(x, r).diagonal(dim1=1, dim2=2)


BANK = [
    (
        check.standardise,
        [
            standardise_of_the_lesson,
            standardised_by_sklearn,
            standardised_by_loop,
            standardised_by_numpy,
            lambda x, t: standardised(x, t.mean(0), t.var(0).sqrt()),
            lambda x, t: (x - t.mean(0)) / t.std(0).masked_fill(t.std(0) == 0, 1.0),
            lambda x, t: (x - t.mean(0)) / (t.std(0) + (t.std(0) < 1e-12)),
        ],
        [
            (lambda x, t: standardised(x, x.mean(0), x.std(0)), "come from the training rows"),
            (lambda x, t: standardised(x, x.mean(0), t.std(0)), "here only the spread does"),
            (lambda x, t: standardised(x, t.mean(0), x.std(0)), "here only the mean does"),
            (lambda x, t: x - t.mean(0), "this is centring"),
            (lambda x, t: standardised(x, t.mean(0), t.var(0)), "divides by the variance"),
            (lambda x, t: standardised(x, 0, t.std(0)), "mean is not subtracted"),
            (lambda x, t: (x - t.mean()) / t.std(), "one mean and one spread for each column"),
            (
                lambda x, t: (x - x.mean(1, keepdim=True)) / x.std(1, keepdim=True),
                "columns are standardised, not rows",
            ),
            (lambda x, t: (x - t.mean(0)) / t.std(0), "has a spread of 0: divide by 1 there"),
            (lambda x, t: (x - t.mean(0)) / (t.std(0) + 1e-8), "enormous: divide by 1"),
            (lambda x, t: (x - t.mean(0)) / t.std(0).clamp_min(1e-8), "enormous: divide by 1"),
            (lambda x, t: (x - t.mean(0)) / (t.std(0) + 1e-6), "constant in training should be"),
            (lambda x, t: (x - t.mean(0)) / t.std(0).clamp_min(1), "small spreads count"),
            (lambda x, t: (x - t.mean(0)) / (t.std(0) + 1), "adding 1 changes all columns"),
            (
                lambda x, t: ((x - t.mean(0)) / t.std(0)).nan_to_num(posinf=0, neginf=0),
                "divided by 1, not set to 0",
            ),
            (all_or_nothing, "the others keep their own spread"),
            (lambda x, t: standardised(x, t.mean(0), t.std(0, correction=0)), "less 1, as std(0)"),
            (lambda x, t: standardised(x, t.median(0).values, t.std(0)), "should be"),
            (
                lambda x, t: (x - t.amin(0)) / (t.amax(0) - t.amin(0)),
                "should be",
            ),
            (lambda x, t: standardised(t, t.mean(0), t.std(0)), "the shape should be"),
            (lambda x, t: standardise_of_the_lesson(x, t).T, "should be"),
            (lambda x, t: standardise_of_the_lesson(x, torch.cat([x, t])), "should be"),
            (lambda x, t: ..., "not written yet"),
        ],
    ),
    (
        check.responsibilities,
        [
            responsibilities_of_the_lesson,
            shared_row_by_row,
            shared_by_masking,
            shared_by_numpy,
            shared_by_difference,
            lambda a, y: torch.where(y[:, None] == -1, a.softmax(1), torch.eye(a.shape[1])[y]),
            lambda a, y: clamped(torch.distributions.Categorical(logits=a).probs, y),
        ],
        [
            (lambda a, y: a.softmax(0), "and mind the labels"),
            (lambda a, y: clamped(a.softmax(0), y), "the components, the second axis"),
            (lambda a, y: clamped(a.flatten().softmax(0).view(a.shape), y), "should be"),
            (lambda a, y: a.exp(), "divide by their sum"),
            (lambda a, y: a - a.logsumexp(1, keepdim=True), "logarithms still"),
            (lambda a, y: clamped(a.log_softmax(1), y), "this is the logarithm of it"),
            (lambda a, y: a / a.sum(1, keepdim=True), "should be"),
            (lambda a, y: a.softmax(1), "belongs to its class"),
            (others_left, "its other responsibilities are 0"),
            (others_zeroed_only, "labelled rows are 0 everywhere"),
            (lambda a, y: clamped(a.softmax(1), y, y > 0), "0 is a class like the others"),
            (lambda a, y: torch.eye(a.shape[1])[y], "y = -1 is no class"),
            (lambda a, y: clamped(a.softmax(1).round(), y), "should be"),
            (
                lambda a, y: clamped(F.one_hot(a.argmax(1), a.shape[1]).float(), y),
                "the largest responsibility becomes 1",
            ),
            (
                lambda a, y: clamped(a.exp() / a.exp().sum(1, keepdim=True), y),
                "where exp() is 0 but torch.softmax still works, each row by itself",
            ),
            (one_top_for_all, "each row by itself"),
            (
                lambda a, y: clamped((a - a.min(1, keepdim=True).values).softmax(0), y),
                "should be",
            ),
            (
                lambda a, y: torch.where(y[:, None] >= 0, torch.eye(3)[y], a.softmax(1)),
                "raises",
            ),
            (
                lambda a, y: a.softmax(1) if (y < 0).any() else torch.eye(a.shape[1])[y],
                "a labelled row belongs to its class",
            ),
            (lambda a, y: responsibilities_of_the_lesson(a, y).T, "should be"),
            (lambda a, y: responsibilities_of_the_lesson(a, y).sum(0), "should be"),
            (lambda a, y: a.argmax(1), "the shape should be"),
            (lambda a, y: None, "not written yet"),
        ],
    ),
    (
        check.covariances,
        [
            covariances_of_the_lesson,
            covariances_by_loop,
            covariances_by_torch,
            covariances_by_numpy,
            covariances_by_moments,
            covariances_by_products,
        ],
        [
            (lambda x, r: scatters(x, r, weighted_means(x, r)) / len(x), "not by N"),
            (
                lambda x, r: scatters(x, r, weighted_means(x, r)) / (r.sum(0) - 1)[:, None, None],
                "not by N_k - 1",
            ),
            (lambda x, r: scatters(x, r, weighted_means(x, r)), "divide it by N_k"),
            (lambda x, r: per_part(scatters(x, r, x.mean(0)), r), "each component's own mean"),
            (lambda x, r: per_part(scatters(x, r, 0), r), "second moments"),
            (lambda x, r: per_part(scatters(x, r, r.T @ x), r), "divided by N_k as well"),
            (
                lambda x, r: per_part(scatters(x, r, r.T @ x / len(x)), r),
                "divided by N_k as well, not by N",
            ),
            (
                lambda x, r: per_part(scatters(x, r, weighted_means(x, r), r * r), r),
                "r enters once",
            ),
            (
                lambda x, r: x.T.cov(correction=0).expand(r.shape[1], -1, -1),
                "all components got the covariance of all rows",
            ),
            (
                lambda x, r: scatters(x, torch.ones_like(r), weighted_means(x, r)) / len(x),
                "in the products, too",
            ),
            (one_variance, "the variances alone"),
            (lambda x, r: torch.diag_embed(one_variance(x, r)), "off the diagonal these are 0"),
            (in_the_plane, "the shape should be"),
            (lambda x, r: covariances_by_torch(x, r)[:, :2, :2], "the shape should be"),
            (lambda x, r: covariances_by_torch(x, r)[:2], "the shape should be"),
            (lambda x, r: covariances_by_torch(x, r).flip(0), "the right numbers in another order"),
            (lambda x, r: covariances_by_torch(x, r).movedim(0, -1), "in the shape (2, 2, 1)"),
            (lambda x, r: covariances_by_torch(x, r).sum(0), "should be"),
            (lambda x, r: torch.linalg.cholesky(covariances_by_torch(x, r)), "should be"),
            (lambda x, r: covariances_by_torch(x, r).inverse(), "should be"),
            (lambda x, r: one_variance(x, r).sum(1), "the shape should be"),
            (lambda x, r: ..., "not written yet"),
        ],
    ),
]
