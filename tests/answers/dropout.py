"""Answers to the exercises of lesson 02."""

import numpy as np
import torch
from torch.nn import functional as F

from genaug_lessons.exercises import dropout as check


def dropped(h, mask, p):
    return h * mask / (1 - p)


def chosen(h, mask, p):
    return torch.where(mask == 1, h / (1 - p), 0.0)


def zeroed(h, mask, p):
    h[mask == 0] = 0
    return h.div_(1 - p)


def dropped_by_numpy(h, mask, p):
    return np.where(mask.numpy() > 0, h.numpy(), 0.0) / (1 - p)


def of_the_lesson(log_probs, weights):
    mean = (weights[:, None, None] * log_probs).sum(0)
    return mean.log_softmax(-1)


def mean_network(log_probs, weights):
    product = (log_probs.exp() ** weights[:, None, None]).prod(0)
    return (product / product.sum(-1, keepdim=True)).log()


def mean_by_loop(log_probs, weights):
    logits = sum(w * part for w, part in zip(weights, log_probs, strict=True))
    return logits - logits.logsumexp(-1, keepdim=True)


def mean_by_numpy(log_probs, weights):
    logits = np.einsum("mbc,m->bc", log_probs, weights)
    return logits - np.log(np.exp(logits).sum(-1, keepdims=True))


def mean_by_torch(log_probs, weights):
    logits = (log_probs.movedim(0, -1) @ weights).to(torch.float64)
    return torch.distributions.Categorical(logits=logits).logits.tolist()


def weighted(log_probs, weights):
    return (log_probs * weights[:, None, None]).sum(0)


def solved(x, y, p):
    q, products = 1 - p, x.T @ x
    matrix = q**2 * products + q * p * products.diagonal().diag()
    return torch.linalg.solve(matrix, q * x.T @ y)


def by_stacked_rows(x, y, p):
    """Least squares on the scaled rows and, for the penalty, a row for each weight."""
    q = 1 - p
    penalty = (q * p * x.square().sum(0)).sqrt().diag()
    rows = torch.cat([q * x, penalty])
    targets = torch.cat([y, y.new_zeros(len(penalty))])
    return torch.linalg.lstsq(rows, targets[:, None]).solution[:, 0]


def divided_by_q(x, y, p):
    x, y = x.numpy(), y.numpy()
    matrix = x.T @ x
    matrix[np.diag_indices_from(matrix)] /= 1 - p
    return np.linalg.inv((1 - p) * matrix) @ x.T @ y


def by_slopes(x, y, p):
    """The w at which the slope of (2.6), a linear function of w, is 0."""
    q, n = 1 - p, x.shape[1]

    def slope(w):
        w = w.clone().requires_grad_()
        error = (y - q * x @ w).square().sum() + q * p * (x.square() * w.square()).sum()
        return torch.autograd.grad(error, w)[0]

    at_zero = slope(x.new_zeros(n))
    matrix = torch.stack([slope(w) - at_zero for w in torch.eye(n)], 1)
    return torch.linalg.solve(matrix, -at_zero)


def ridge(x, y, p, *, quadratic=None, penalty=None, right=None):
    q, products = 1 - p, x.T @ x
    quadratic = q**2 if quadratic is None else quadratic
    penalty = q * p * products.diagonal().diag() if penalty is None else penalty
    right = q if right is None else right
    return torch.linalg.inv(quadratic * products + penalty) @ x.T @ y * right


def without_inverse(x, y, p):
    q, products = 1 - p, x.T @ x
    return (q**2 * products + q * p * products.diagonal().diag()) @ (q * x.T @ y)


BANK = [
    (
        check.drop,
        [
            dropped,
            chosen,
            zeroed,
            dropped_by_numpy,
            lambda h, mask, p: torch.einsum("...,...->...", h, mask) * (1 - p) ** -1,
            lambda h, mask, p: h.masked_fill(~mask.bool(), 0) / (1 - p),
        ],
        [
            (lambda h, mask, p: h * mask, "the kept values must be scaled up"),
            (lambda h, mask, p: h * mask * (1 - p), "become larger"),
            (lambda h, mask, p: h * mask / p, "not by p"),
            (lambda h, mask, p: 2 * h * mask, "right at p = 0.5 only"),
            (lambda h, mask, p: h * mask / 0.75, "drop of two examples should be"),
            (lambda h, mask, p: h * mask / (1 - p) ** 0.5, "without a root"),
            (lambda h, mask, p: h * mask / mask.mean(), "not by the share that this mask keeps"),
            (lambda h, mask, p: h * mask * mask.numel() / mask.sum(), "not by the share"),
            (lambda h, mask, p: h * mask / mask.mean(-1, keepdim=True), "should be"),
            (lambda h, mask, p: h * (1 - mask) / (1 - p), "the mask is turned"),
            (lambda h, mask, p: h / (1 - p), "nothing has been dropped"),
            (lambda h, mask, p: h, "as they are when testing"),
            (lambda h, mask, p: h * mask / (1 - p) + (1 - mask) * h, "should be"),
            (lambda h, mask, p: mask / (1 - p), "should be"),
            (lambda h, mask, p: h[mask == 1] / (1 - p), "the shape should be (3,), this is (2,)"),
            (lambda h, mask, p: F.dropout(h, p), "drop: not yet: "),
            (
                lambda h, mask, p: h * mask * (1 + torch.rand_like(h)),
                "draw no random numbers of your own",
            ),
            (lambda h, mask, p: (h * mask).mean() / (1 - p), "the mean of what is asked for"),
            (lambda h, mask, p: ..., "not written yet"),
        ],
    ),
    (
        check.geometric_mean,
        [
            of_the_lesson,
            mean_network,
            mean_by_loop,
            mean_by_numpy,
            mean_by_torch,
            lambda a, w: F.log_softmax(torch.tensordot(w, a, 1), dim=1),
        ],
        [
            (lambda a, w: (a.exp() * w[:, None, None]).sum(0).log(), "the arithmetic mean"),
            (lambda a, w: (a + w.log()[:, None, None]).logsumexp(0), "the arithmetic mean"),
            (weighted, "no longer sum to 1"),
            (lambda a, w: a.mean(0).log_softmax(-1), "the weights have no effect"),
            (lambda a, w: a.sum(0).log_softmax(-1), "have no effect, and a sum is no mean"),
            (
                lambda a, w: (w[:, None, None] * a.exp()).log().mean(0).log_softmax(-1),
                "the weights have no effect: each has to multiply the logarithms",
            ),
            (lambda a, w: (a * w).sum(0).log_softmax(-1), "the weights met the classes"),
            (lambda a, w: (a * w[:, None]).sum(0).log_softmax(-1), "met the examples"),
            (
                lambda a, w: (a * w[:, None, None]).mean(0).log_softmax(-1),
                "without dividing by the number of networks",
            ),
            (lambda a, w: weighted(a, w).log_softmax(0), "not over the examples"),
            (lambda a, w: weighted(a, w).flatten().log_softmax(0).view(a[0].shape), "should be"),
            (lambda a, w: weighted(a, w).softmax(-1), "these are probabilities"),
            (lambda a, w: weighted(a, w) / weighted(a, w).sum(-1, keepdim=True), "should be"),
            (lambda a, w: weighted(a, 1 - w).log_softmax(-1), "should be"),
            (lambda a, w: weighted(a, torch.tensor([0.7, 0.3])[: len(w)]), "should be"),
            (lambda a, w: a[w.argmax()], "geometric_mean of two networks"),
            (lambda a, w: a[0], "geometric_mean of two networks"),
            (lambda a, w: a, "(1, 2, 3): (2, 3) is asked for"),
            (lambda a, w: of_the_lesson(a, w).T, "transposed"),
            (lambda a, w: of_the_lesson(a, w).mean(0), "the shape should be"),
            (lambda a, w: of_the_lesson(a, w).argmax(-1), "the shape should be"),
            (lambda a, w: of_the_lesson(a, w) / np.log(2), "should be"),
            (lambda a, w: None, "not written yet"),
        ],
    ),
    (
        check.regression_weights,
        [
            solved,
            by_stacked_rows,
            divided_by_q,
            by_slopes,
            ridge,
            lambda x, y, p: ridge(x, y, p).tolist(),
        ],
        [
            (lambda x, y, p: ridge(x, y, 0.0), "the weights of least squares"),
            (lambda x, y, p: torch.linalg.lstsq(x, y[:, None]).solution[:, 0], "least squares"),
            (lambda x, y, p: ridge(x, y, p, penalty=p * (1 - p) * x.T @ x), "on all of X'X"),
            (
                lambda x, y, p: ridge(x, y, p, penalty=p * (1 - p) * torch.eye(x.shape[1])),
                "not the identity",
            ),
            (
                lambda x, y, p: ridge(x, y, p, penalty=p * (1 - p) * torch.diag(x.T @ x)),
                "a second diag makes it a matrix again",
            ),
            (
                lambda x, y, p: ridge(x, y, p, penalty=p * (x.T @ x).diag().diag()),
                "the factor q p, not p alone",
            ),
            (
                lambda x, y, p: ridge(x, y, p, penalty=p * (1 - p) * x.square().mean(0).diag()),
                "here it is their mean",
            ),
            (lambda x, y, p: ridge(x, y, p, penalty=0), "q p times the diagonal of X'X"),
            (
                lambda x, y, p: ridge(x, y, p, penalty=p * (1 - p) * x.square().sum()),
                "should be",
            ),
            (lambda x, y, p: ridge(x, y, 1 - p), "changed places"),
            (lambda x, y, p: ridge(x, y, p, right=1), "on the right stands q X'y"),
            (lambda x, y, p: ridge(x, y, p, quadratic=1 - p), "both factors of X'X are scaled"),
            (lambda x, y, p: ridge(x, y, p, quadratic=1), "X'X is not scaled at all"),
            (lambda x, y, p: (1 - p) * ridge(x, y, p), "these are q w"),
            (without_inverse, "the inverse is missing"),
            (lambda x, y, p: ridge(x, y, 0.2), "regression_weights at another p should be"),
            (lambda x, y, p: ridge(x[:, :2], y, p), "the shape should be"),
            (lambda x, y, p: ridge(x, y, p, right=0), "should be"),
            (lambda x, y, p: -ridge(x, y, p), "the sign is turned"),
            (lambda x, y, p: ridge(x, y, p)[:, None], "in the shape (2, 1): (2,) is asked for"),
            (lambda x, y, p: (1 - p) * x @ ridge(x, y, p), "the shape should be (2,)"),
            (lambda x, y, p: ridge(x.T, y, p), "raises RuntimeError"),
            (lambda x, y, p: ..., "not written yet"),
        ],
    ),
]
