"""Answers to the exercises of lesson 05."""

import numpy as np
import torch
from torch import distributions
from torch.nn import functional as F

from genaug_lessons.exercises import denoising as check


def solution_linear_denoiser(cov, sigma):
    noise = sigma**2 * torch.eye(len(cov))
    return cov @ torch.linalg.inv(cov + noise)


def noisy(cov, variance):
    return cov + variance * torch.eye(len(cov))


def linear_by_solving(cov, sigma):
    return torch.linalg.solve(noisy(cov, sigma**2), cov)


def linear_by_directions(cov, sigma):
    values, vectors = torch.linalg.eigh(cov)
    return torch.einsum("ik,k,jk->ij", vectors, values / (values + sigma**2), vectors)


def linear_by_numpy(cov, sigma):
    cov = cov.numpy()
    return (cov @ np.linalg.inv(cov + sigma**2 * np.eye(len(cov)))).tolist()


def linear_by_the_rest(cov, sigma):
    return torch.eye(len(cov)) - sigma**2 * noisy(cov, sigma**2).inverse()


def linear_in_the_plane(cov, sigma):
    return cov @ (cov + sigma**2 * torch.eye(2)).inverse()


def linear_in_place(cov, sigma):
    clean = cov.clone()
    cov.diagonal().add_(sigma**2)
    return torch.linalg.solve(cov, clean, left=False)


def solution_best_denoiser(noisy, points, sigma):
    square = torch.cdist(noisy, points) ** 2
    return (-square / (2 * sigma**2)).softmax(1) @ points


def squares(noisy, points):
    return (noisy[:, None] - points).square().sum(2)


def posterior_mean(noisy, points, sigma):
    """By Bayes' rule, place by place."""
    guesses = []
    for place in noisy:
        likely = distributions.Normal(points, sigma).log_prob(place).sum(1)
        guesses.append(likely.softmax(0) @ points)
    return torch.stack(guesses)


def best_by_products(noisy, points, sigma):
    """The squares of the noisy places leave the weights as they are."""
    logits = (noisy @ points.T - 0.5 * points.square().sum(1)) / sigma**2
    return torch.einsum("bn,nd->bd", logits.softmax(1), points)


def best_by_log(noisy, points, sigma):
    logits = -squares(noisy, points) / (2 * sigma**2)
    return (logits - logits.logsumexp(1, keepdim=True)).exp() @ points


def best_by_loop(noisy, points, sigma):
    """The nearest point has the weight 1 before the division."""
    guesses = []
    for place in noisy:
        square = ((points - place) ** 2).sum(1)
        weight = (-(square - square.min()) / (2 * sigma**2)).exp()
        guesses.append(((weight[:, None] * points).sum(0) / weight.sum()).tolist())
    return guesses


def best_by_one_smallest(noisy, points, sigma):
    """As by loop, but with the smallest square of the whole batch."""
    square = squares(noisy, points)
    return mean_by_division(-(square - square.min()) / (2 * sigma**2), points)


def mean_by_division(logits, points):
    return logits.exp() @ points / logits.exp().sum(1, keepdim=True)


def by_weights(noisy, points, sigma, power=1.0):
    return (-(squares(noisy, points) ** power) / (2 * sigma**2)).softmax(1) @ points


def by_mean_squares(noisy, points, sigma):
    return (-(noisy[:, None] - points).square().mean(2) / (2 * sigma**2)).softmax(1) @ points


def solution_contractive_penalty(h, weight):
    return (1 - h**2) ** 2 @ (weight**2).sum(1)


def jacobian(h, weight):
    return (1 - h**2)[:, :, None] * weight


def penalty(h, weight):
    return jacobian(h, weight).square().sum((1, 2))


def penalty_by_loop(h, weight):
    rows = []
    for row in h:
        slope = torch.diag(1 - row**2)
        rows.append(torch.linalg.matrix_norm(slope @ weight) ** 2)
    return torch.stack(rows)


def penalty_by_autograd(h, weight):
    """The derivatives of tanh(W x + b), where W x + b is 0 and b what makes h."""
    rows, x = [], torch.zeros(weight.shape[1])
    for row in h:
        offset = torch.atanh(row)

        def code(x, offset=offset):
            return torch.tanh(weight @ x + offset)

        J = torch.autograd.functional.jacobian(code, x, create_graph=True)
        rows.append(J.square().sum())
    return torch.stack(rows)


BANK = [
    (
        check.linear_denoiser,
        [
            solution_linear_denoiser,
            linear_by_solving,
            linear_by_directions,
            linear_by_numpy,
            linear_by_the_rest,
            linear_in_place,
            lambda c, s: torch.linalg.inv(noisy(c, s**2)) @ c,
        ],
        [
            (lambda c, s: torch.linalg.solve(noisy(c, s), c), "is its square"),
            (lambda c, s: c @ torch.linalg.inv(c + s**2), "diagonal only"),
            (lambda c, s: c / noisy(c, s**2), "divide by the matrix"),
            (lambda c, s: c * torch.linalg.inv(noisy(c, s**2)), "* multiplies entry by entry"),
            (lambda c, s: s**2 * torch.linalg.inv(noisy(c, s**2)), "taken away"),
            (lambda c, s: c @ c + s**2 * c, "the inverse is missing"),
            (lambda c, s: torch.linalg.inv(noisy(c, s**2)), "this is the inverse alone"),
            (lambda c, s: torch.eye(len(c)) + s**2 * c.inverse(), "here S is inverted"),
            (lambda c, s: c @ noisy(c, 1).inverse(), "sigma is missing"),
            (lambda c, s: (c.diagonal() / (c.diagonal() + s**2)).diag(), "each pixel alone"),
            (lambda c, s: c.diagonal() / (c.diagonal() + s**2), "the shape should be (2, 2)"),
            (linear_in_the_plane, "variance 1, which is 3/4, raises RuntimeError"),
            (lambda c, s: c @ noisy(c, 2 * s**2).inverse(), "should be"),
            (lambda c, s: c @ noisy(c, (s**2 if s < 1 else s)).inverse(), "is its square"),
            (lambda c, s: torch.eye(len(c)), "should be"),
            (lambda c, s: c @ c.inverse() + s**2 * torch.eye(len(c)), "should be"),
            (lambda c, s: linear_by_solving(c, s).sum(), "the sum of what is asked for"),
            (lambda c, s: ..., "not written yet"),
        ],
    ),
    (
        check.posterior_mean,
        [
            solution_best_denoiser,
            posterior_mean,
            by_weights,
            best_by_products,
            best_by_log,
            best_by_loop,
            lambda x, p, s: (p.T @ (-squares(p, x) / (2 * s**2)).softmax(0)).T.numpy(),
        ],
        [
            (lambda x, p, s: (-squares(x, p) / s**2).softmax(1) @ p, "the 2 is missing"),
            (lambda x, p, s: by_weights(x, p, s**0.5), "has its square"),
            (lambda x, p, s: by_weights(x, p, s, power=0.5), "has the squared distance"),
            (by_mean_squares, "a sum over the coordinates, not a mean"),
            (lambda x, p, s: (-squares(x, p) / (2 * s**2)).softmax(0) @ p, "sum to 1 over"),
            (lambda x, p, s: (-squares(x, p) / (2 * s**2)).exp() @ p, "need not sum to 1"),
            (lambda x, p, s: (squares(x, p) / (2 * s**2)).softmax(1) @ p, "far points count most"),
            (lambda x, p, s: (-squares(x, p) / (2 * s**2)).softmax(1), "these are the weights"),
            (lambda x, p, s: p[squares(x, p).argmin(1)], "this is the nearest point"),
            (lambda x, p, s: p.mean(0).repeat(len(x), 1), "the mean of all points"),
            (lambda x, p, s: posterior_mean(x, p, s) - x, "these are the arrows"),
            (lambda x, p, s: (posterior_mean(x, p, s) - x) / s**2, "this is the score"),
            (lambda x, p, s: (x / s**2).tanh(), "points -1 and 1 only"),
            (lambda x, p, s: mean_by_division(-squares(x, p) / (2 * s**2), p), "far from all"),
            (best_by_one_smallest, "far from all points, and at (0.2, 0.4)"),
            (lambda x, p, s: posterior_mean(x, p, 0.8), "three points of the plane"),
            (lambda x, p, s: posterior_mean(x, p[:3], s), "posterior_mean of other arguments"),
            (lambda x, p, s: posterior_mean(x[:, :2], p[:, :2], s), "posterior_mean of other"),
            (lambda x, p, s: by_weights(x, p, s)[0], "the shape should be"),
            (lambda x, p, s: x + s**2 * (posterior_mean(x, p, s) - x), "should be"),
            (lambda x, p, s: posterior_mean(x + s * torch.randn_like(x), p, s), "no random"),
            (lambda x, p, s: ..., "not written yet"),
        ],
    ),
    (
        check.contractive_penalty,
        [
            solution_contractive_penalty,
            penalty,
            penalty_by_loop,
            penalty_by_autograd,
            lambda h, w: torch.einsum("bz,zd->b", (1 - h * h) ** 2, w * w),
            lambda h, w: F.linear((1 - h**2) ** 2, w.T**2).sum(1),
        ],
        [
            (lambda h, w: ((h - h**2)[:, :, None] * w).square().sum((1, 2)), "of the sigmoid"),
            (lambda h, w: penalty(h.tanh(), w), "needs no further tanh"),
            (lambda h, w: ((1 - h**2)[:, :, None] * w**2).sum((1, 2)), "square the slopes too"),
            (lambda h, w: (1 - h**2) ** 2 @ w.sum(1), "square the weights too"),
            (lambda h, w: jacobian(h, w).sum((1, 2)), "no square is taken"),
            (lambda h, w: jacobian(h, w).sum(2).square().sum(1), "not the other way round"),
            (lambda h, w: torch.linalg.matrix_norm(jacobian(h, w)), "this is the norm: the"),
            (lambda h, w: torch.linalg.matrix_norm(jacobian(h, w), 2) ** 2, "largest stretch"),
            (lambda h, w: jacobian(h, w).square().mean((1, 2)), "a mean is smaller"),
            (lambda h, w: penalty(h, w).sum(), "do not add up the batch"),
            (lambda h, w: penalty(h, w).mean(), "no mean over the batch"),
            (lambda h, w: w.square().sum().repeat(len(h)), "leave none of them out"),
            (lambda h, w: jacobian(h, w).abs().sum((1, 2)), "should be"),
            (lambda h, w: penalty(h.abs() ** 0.5, w), "should be"),
            (lambda h, w: jacobian(h, w).sum(1).square().sum(1), "should be"),
            (lambda h, w: jacobian(h, w).square().sum(2), "the sum over axis 1 is missing"),
            (lambda h, w: penalty(h, w)[:, None], "in the shape (2, 1)"),
            (lambda h, w: penalty(h.detach(), w), "no gradient comes through to h"),
            (lambda h, w: penalty(h, w.data), "no gradient comes through to weight"),
            (
                lambda h, w: (jacobian(h, w) * jacobian(h, w).detach()).sum((1, 2)),
                "the gradient with respect to h is not",
            ),
            (lambda h, w: penalty(h, w).tolist(), "no gradient comes through to h"),
            (lambda h, w: ..., "not written yet"),
        ],
    ),
]
