"""Answers to the exercises of lesson 06."""

import math

import torch
from torch import distributions

from genaug_lessons.exercises import variational_autoencoders as check


def kl_by_torch(mean, log_var):
    q = distributions.Normal(mean, log_var.exp().sqrt())
    return distributions.kl_divergence(q, distributions.Normal(0.0, 1.0)).sum(-1)


def kl(mean, log_var, factor=0.5):
    return factor * (mean**2 + log_var.exp() - 1 - log_var).sum(1)


def kl_by_loop(mean, log_var):
    rows = []
    for m, v in zip(mean, log_var, strict=True):
        rows.append(sum(0.5 * (a * a + b.exp() - 1 - b) for a, b in zip(m, v, strict=True)))
    return torch.stack(rows)


def kl_of_normal(mean, log_var, std, backwards=False):
    pair = distributions.Normal(mean, std(log_var)), distributions.Normal(0.0 * mean, 1.0)
    return distributions.kl_divergence(*(pair[::-1] if backwards else pair)).sum(1)


def kl_of_variance(mean, variance):
    return 0.5 * (mean**2 + variance - 1 - variance.log()).sum(1)


def kl_printed(mean, log_var):
    print(kl(mean, log_var))


def drawn(mean, log_var, noise):
    return torch.addcmul(mean, log_var.exp().sqrt(), noise)


def drawn_in_place(mean, log_var, noise):
    return mean.add_(noise.mul_((log_var / 2).exp()))


def log_mean_exp(log_w):
    top = log_w.max(0).values
    return top + (log_w - top).exp().mean(0).log()


def log_mean_by_loop(log_w):
    return [(torch.logsumexp(row, 0) - math.log(len(row))).item() for row in log_w.T]


BANK = [
    (
        check.kl_to_prior,
        [kl_by_torch, kl, kl_by_loop],
        [
            (lambda m, v: kl(m, v) / m.shape[1], "a mean weakens the prior"),
            (lambda m, v: kl(m, v).sum(), "sum over the units only"),
            (lambda m, v: kl(m, v).mean(), "no mean over the batch"),
            (lambda m, v: kl(m, v, factor=1), "one half is missing"),
            (lambda m, v: kl(m, v, factor=-0.5), "never negative"),
            (lambda m, v: 0.5 * (m**2 + v - 1 - v).sum(1), "exp(log_var), not log_var"),
            (lambda m, v: 0.5 * (m**2 + (v / 2).exp() - 1 - v).sum(1), "the variance stands"),
            (lambda m, v: 0.5 * (m + v.exp() - 1 - v).sum(1), "the mean enters squared"),
            (lambda m, v: kl_of_normal(m, v, torch.exp), "torch's Normal asks for its root"),
            (lambda m, v: kl_of_normal(m, v, lambda v: (v / 2).exp(), True), "have a direction"),
            (kl_of_variance, "is a logarithm already"),
            (
                lambda m, v: 0.5 * (m**2 + v.exp() - 1 - v).sum(0),
                "the last axis, not over",
            ),
            (lambda m, v: 0.5 * (m**2 + v.exp() - v).sum(1), "the 1 is missing"),
            (lambda m, v: 0.5 * (m**2 + v.exp() - 1 + v).sum(1), "a small variance costs"),
            (lambda m, v: 0.5 * (m**2 + v.exp() - 1).sum(1), "log_var itself is missing"),
            (lambda m, v: kl(m, v)[:, None], "in the shape (2, 1): (2,) is asked for"),
            (lambda m, v: kl(m, v).detach(), "no gradient comes through to mean"),
            (lambda m, v: kl(m, v.detach()), "no gradient comes through to log_var"),
            (lambda m, v: kl(m, v).tolist(), "no gradient comes through to mean"),
            (kl_printed, "prints something and returns nothing"),
            (lambda m, v: ..., "not written yet"),
        ],
    ),
    (
        check.reparameterise,
        [drawn, drawn_in_place, lambda m, v, e: m + e * (0.5 * v).exp()],
        [
            (lambda m, v, e: m + v * e, "log_var is taken for the standard deviation"),
            (lambda m, v, e: m + v.exp() * e, "multiplied by the variance"),
            (lambda m, v, e: m + v.exp() / 2 * e, "is half the variance"),
            (lambda m, v, e: m + (-v / 2).exp() * e, "the sign in the exponent"),
            (lambda m, v, e: m + v / 2 * e, "exp() is missing"),
            (lambda m, v, e: m + (v / 2).exp(), "the noise is forgotten"),
            (lambda m, v, e: m, "without noise"),
            (lambda m, v, e: m + e, "the noise is not scaled"),
            (lambda m, v, e: (v / 2).exp() * e, "the mean is missing"),
            (lambda m, v, e: m + (v / 2).exp() * torch.randn_like(e), "draw no random numbers"),
            (lambda m, v, e: (m + (v / 2).exp() * e).detach(), "no gradient comes through to mean"),
            (lambda m, v, e: m + (v / 2).exp().data * e, "no gradient comes through to log_var"),
            (lambda m, v, e: None, "not written yet"),
        ],
    ),
    (
        check.importance_weighted,
        [log_mean_exp, log_mean_by_loop],
        [
            (lambda w: w.mean(0), "is the ELBO again"),
            (lambda w: w.logsumexp(0), "subtract log K"),
            (lambda w: w.logsumexp(0) - math.log(3), "other arguments should be"),
            (lambda w: w.logsumexp(1) - math.log(w.shape[1]), "average over the first axis"),
            (lambda w: w.logsumexp((0, 1)) - math.log(w.numel()), "one bound per example"),
            (lambda w: w.logsumexp(0) / len(w), "inside the logarithm"),
            (lambda w: w.logsumexp(0) - math.log(w.shape[1]), "K counts the draws"),
            (lambda w: (w - w.amax(0)).exp().mean(0).log(), "has to be added again"),
            (lambda w: w.max() + (w - w.max()).exp().mean(0).log(), "should be"),
            (lambda w: w[0] + (w - w[0]).exp().mean(0).log(), "should be"),
            (lambda w: w.amax(0), "the largest weight alone"),
            (lambda w: w.exp().mean(0).log(), "where exp() is 0 but torch.logsumexp still works"),
            (lambda w: w.exp().mean(0), "should be"),
            (lambda w: ..., "not written yet"),
        ],
    ),
]
