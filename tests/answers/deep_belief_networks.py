"""Answers to the exercises of lesson 08."""

import torch
from torch import distributions
from torch.nn import functional as F

from genaug_lessons.exercises import deep_belief_networks as check


def turned(W, a, b):
    return W.T, b, a


def turned_by_lists(W, a, b):
    return [[list(column) for column in zip(*W.tolist(), strict=True)], b.tolist(), a.tolist()]


def turned_by_einsum(W, a, b):
    return torch.einsum("vh->hv", W), b.clone(), a.clone()


def turned_by_numpy(W, a, b):
    return W.numpy().transpose(), b.numpy(), a.numpy()


def turned_in_place(W, a, b):
    return W.t_(), b, a


def below(h, W, a):
    return 1 / (1 + (-(a + (W @ h[..., None])[..., 0])).exp())


def solution_pass_down(h2, W2, a2, W1, a1, noise):
    h1 = (noise < (a2 + h2 @ W2.T).sigmoid()).to(W1)
    return (a1 + h1 @ W1.T).sigmoid()


def passed_down(h2, W2, a2, W1, a1, noise):
    h1 = (below(h2, W2, a2) - noise).sign().clamp_min(0)
    return below(h1, W1, a1)


def passed_down_by_loop(h2, W2, a2, W1, a1, noise):
    rows = []
    for state, threshold in zip(h2, noise, strict=True):
        chance = [torch.sigmoid(a2[j] + W2[j] @ state) for j in range(len(a2))]
        h1 = torch.tensor([float(e < p) for e, p in zip(threshold, chance, strict=True)])
        rows.append([torch.sigmoid(a1[i] + W1[i] @ h1).item() for i in range(len(a1))])
    return rows


def passed_down_by_linear(h2, W2, a2, W1, a1, noise):
    h1 = 1.0 * (noise < F.linear(h2, W2, a2).sigmoid())
    return F.linear(h1, W1, a1).sigmoid()


def passed_down_by_columns(h2, W2, a2, W1, a1, noise):
    h1 = torch.where(noise < torch.sigmoid((W2 @ h2.T).T + a2), 1.0, 0.0)
    return torch.sigmoid((W1 @ h1.T).T + a1)


def passed_down_by_einsum(h2, W2, a2, W1, a1, noise):
    h1 = torch.heaviside(torch.einsum("bk,jk->bj", h2, W2) + a2 - noise.logit(), 0 * noise)
    return torch.einsum("bj,ij->bi", h1, W1).add(a1).sigmoid()


def passed_down_through_two(h2, W2, a2, W1, a1, noise):
    """Right only where h1 has no more than two units."""
    return passed_down(h2, W2[:2], a2[:2], W1[:, :2], a1, noise[:, :2])


def solution_bound(log_p, q):
    return (q * log_p - torch.xlogy(q, q)).sum(1)


def mean_under(q, values):
    """Of each row, without the states whose chance is 0."""
    sums = [v[p > 0] @ p[p > 0] for p, v in zip(q, values, strict=True)]
    return torch.stack(sums)


def lower_bound(log_p, q):
    return mean_under(q, log_p - q.log())


def bound_by_gap(log_p, q):
    return log_p.logsumexp(1) - mean_under(q, q.log() - log_p.log_softmax(1))


def bound_by_torch(log_p, q):
    return torch.einsum("bs,bs->b", q, log_p) + distributions.Categorical(q).entropy()


def bound_by_lists(log_p, q):
    rows = zip(log_p.tolist(), torch.special.entr(q).tolist(), q.tolist(), strict=True)
    return [sum(p * a + e for a, e, p in zip(*row, strict=True)) for row in rows]


BANK = [
    (
        check.transpose,
        [turned, turned_by_lists, turned_by_einsum, turned_by_numpy, turned_in_place],
        [
            (lambda W, a, b: (W.T, a, b), "the biases change places"),
            (lambda W, a, b: (W, b, a), "W is turned around as well"),
            (lambda W, a, b: (W, a, b), "nothing is turned around"),
            (lambda W, a, b: (-W.T, -b, -a), "no sign changes"),
            (lambda W, a, b: (-W.T, b, a), "the weights need no other sign"),
            (lambda W, a, b: (W.reshape(W.shape[1], -1), b, a), "that is no transpose"),
            (lambda W, a, b: (W.T.reshape(W.shape), b, a), "only result 1 is wrong"),
            (lambda W, a, b: (W.flip(0).T, b, a), "should be"),
            (lambda W, a, b: (W.T, b, b), "only result 3 is wrong"),
            (lambda W, a, b: (b, W.T, a), "the right results in another order"),
            (lambda W, a, b: (W.T, b), "3 results are asked for"),
            (lambda W, a, b: W.T, "the weights are one of three results"),
            (lambda W, a, b: (W.view(2, 3), b, a), "that is no transpose"),
            (lambda W, a, b: (W[:3, :2].T, b[:2], a[:3]), "transpose of other arguments"),
            (lambda W, a, b: ..., "not written yet"),
        ],
    ),
    (
        check.pass_down,
        [
            solution_pass_down,
            passed_down,
            passed_down_by_loop,
            passed_down_by_linear,
            passed_down_by_columns,
            passed_down_by_einsum,
        ],
        [
            (
                lambda h, W2, a2, W1, a1, e: below(below(h, W2, a2), W1, a1),
                "states of zeros and ones go down",
            ),
            (
                lambda h, W2, a2, W1, a1, e: below((below(h, W2, a2) > 0.5).float(), W1, a1),
                "this rounds the chances",
            ),
            (
                lambda h, W2, a2, W1, a1, e: below((e > below(h, W2, a2)).float(), W1, a1),
                "turned round",
            ),
            (
                lambda h, W2, a2, W1, a1, e: below((e < a2 + h @ W2.T).float(), W1, a1),
                "its chance is the sigmoid",
            ),
            (
                lambda h, W2, a2, W1, a1, e: below((below(h, W2, a2) - e).sign(), W1, a1),
                "not of -1 and 1",
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
                lambda h, W2, a2, W1, a1, e: passed_down(h, W2, 0 * a2, W1, 0 * a1, e),
                "the biases of both layers",
            ),
            (
                lambda h, W2, a2, W1, a1, e: a1 + (e < below(h, W2, a2)).float() @ W1.T,
                "the last sigmoid is missing",
            ),
            (
                lambda h, W2, a2, W1, a1, e: passed_down(h, W2, a2, W1, a1, e) > 0.5,
                "these are rounded",
            ),
            (
                lambda h, W2, a2, W1, a1, e: (e < below(h, W2, a2)).float(),
                "these are the states of h1",
            ),
            (
                lambda h, W2, a2, W1, a1, e: below(h, W2, a2),
                "these are the chances of h1",
            ),
            (
                lambda h, W2, a2, W1, a1, e: below(torch.bernoulli(below(h, W2, a2)), W1, a1),
                "draw no random numbers of your own",
            ),
            (
                lambda h, W2, a2, W1, a1, e: passed_down(h, W2, a2, W1, a1, e[:1].expand_as(e)),
                "the others right",
            ),
            (
                lambda h, W2, a2, W1, a1, e: passed_down(h, W2, a2, W1, a1, e.mean(1)[:, None]),
                "the others right",
            ),
            (
                lambda h, W2, a2, W1, a1, e: passed_down(h, W2, a2, W1, a1, e).sum(1),
                "the shape should be (4, 3)",
            ),
            (passed_down_through_two, "pass_down of other arguments"),
            (lambda h, W2, a2, W1, a1, e: (a2 + h @ W2).sigmoid(), "raises RuntimeError"),
            (lambda h, W2, a2, W1, a1, e: None, "not written yet"),
        ],
    ),
    (
        check.lower_bound,
        [solution_bound, lower_bound, bound_by_gap, bound_by_torch, bound_by_lists],
        [
            (lambda log_p, q: mean_under(q, log_p), "what log q adds is missing"),
            (lambda log_p, q: torch.special.entr(q).sum(1), "what log p(v, h) adds is missing"),
            (lambda log_p, q: mean_under(q, log_p + q.log()), "the sign of log q is turned"),
            (lambda log_p, q: -lower_bound(log_p, q), "no minus in front"),
            (lambda log_p, q: log_p.exp().sum(1).log(), "this is log p(v) itself"),
            (lambda log_p, q: mean_under(q, q.log() - log_p.log_softmax(1)), "this is the gap"),
            (lambda log_p, q: lower_bound(log_p, q) / q.shape[1], "a mean over them is smaller"),
            (lambda log_p, q: lower_bound(log_p, q) / 4, "off by the factor 0.25"),
            (lambda log_p, q: (log_p - q.log()).sum(1), "here all count alike"),
            (lambda log_p, q: (q * log_p - q.log()).sum(1), "counts alike everywhere"),
            (lambda log_p, q: (q * (log_p - q)).sum(1), "q itself is taken off"),
            (lambda log_p, q: lower_bound(log_p.exp(), q), "no exp"),
            (lambda log_p, q: (q * log_p.exp()).sum(1).log(), "no mean of logarithms"),
            (lambda log_p, q: solution_bound(log_p.T, q.T), "the states are the columns"),
            (lambda log_p, q: lower_bound(log_p, q).sum(), "do not add up the batch"),
            (lambda log_p, q: lower_bound(log_p, q).mean(), "no mean over the batch"),
            (lambda log_p, q: (q * (log_p - q.log())).sum(1), "torch.xlogy knows"),
            (lambda log_p, q: q * log_p - torch.xlogy(q, q), "the sum over axis 1 is missing"),
            (
                lambda log_p, q: lower_bound(log_p[:, :4], q[:, :4]),
                "of other arguments",
            ),
            (lambda log_p, q: lower_bound(log_p, q[:1].expand_as(q)), "row 1 is wrong"),
            (
                lambda log_p, q: lower_bound(log_p, q).clamp_min(-10),
                "of other arguments",
            ),
            (lambda log_p, q: ..., "not written yet"),
        ],
    ),
]
