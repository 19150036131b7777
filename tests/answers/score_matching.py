"""Answers to the exercises of lesson 09."""

import math

import torch
from torch import distributions
from torch.nn import functional as F

from genaug_lessons.exercises import score_matching as check


def score_by_torch(x, mean, K):
    x = x.clone().requires_grad_()
    bell = distributions.MultivariateNormal(mean, precision_matrix=K)
    return torch.autograd.grad(bell.log_prob(x).sum(), x)[0]


def score_by_lists(x, mean, K):
    rows = []
    for place in x:
        away = (mean - place).tolist()
        rows.append([sum(k * a for k, a in zip(row, away, strict=True)) for row in K.tolist()])
    return rows


def score_by_numpy(x, mean, K):
    return (mean.numpy() - x.numpy()) @ K.numpy()


def bell(x, mean, K):
    return distributions.MultivariateNormal(mean, precision_matrix=K).log_prob(x)


def exponent(x, mean, K):
    return -0.5 * torch.einsum("bd,de,be->b", x - mean, K, x - mean)


def pull(x, mean, K):
    return (mean - x) @ K.T


def pull_of_two(x, mean, K):
    """Right in the plane and on the line only."""
    away = mean - x
    return away[:, :1] * K[0] + (away[:, 1:2] * K[1:2] if len(K) > 1 else 0)


def solution_denoising_loss(score, x, noise, sigma):
    missing = score(x + sigma * noise) + noise / sigma
    return 0.5 * (missing**2).sum(1)


def denoising_by_loop(score, x, noise, sigma):
    losses = []
    for place, shift in zip(x, noise, strict=True):
        field = score(place + sigma * shift)
        losses.append(sum((found + e / sigma) ** 2 for found, e in zip(field, shift, strict=True)))
    return torch.stack(losses) / 2


def denoising_by_norm(score, x, noise, sigma):
    noisy = torch.add(x, noise, alpha=sigma)
    return torch.linalg.vector_norm(score(noisy) - (x - noisy) / sigma**2, dim=1).pow(2) / 2


def denoising_by_einsum(score, x, noise, sigma):
    missing = score(x + noise.mul_(sigma)) + noise / sigma**2
    return torch.einsum("bd,bd->b", missing, missing / 2)


def denoising_from(score, x, noise, sigma, *, at=None, target=None):
    """Half the squared length of what is missing; the place or the target may be another."""
    at = x + sigma * noise if at is None else at
    target = -noise / sigma if target is None else target
    return F.mse_loss(score(at), target, reduction="none").sum(1) / 2


def denoising_without_gradient(score, x, noise, sigma):
    with torch.no_grad():
        return denoising_from(score, x, noise, sigma)


def denoising_of_frozen(score, x, noise, sigma):
    """The field's answer is cut off, and x only enters beside it."""
    at = x + sigma * noise
    return 0.5 * (score(at).detach() - (x - at) / sigma**2).square().sum(1)


def solution_nce_loss(data, noise):
    nu = torch.tensor(len(noise) / len(data))
    real, fake = data - nu.log(), noise - nu.log()
    return F.softplus(-real).mean() + nu * F.softplus(fake).mean()


def nce_by_probabilities(data, noise):
    """With h written out: nu weighs the noise's odds."""
    nu = len(noise) / len(data)
    h = [1 / (1 + nu * (-of).exp()) for of in (data, noise)]
    return -h[0].log().mean() - nu * (1 - h[1]).log().mean()


def nce_by_cross_entropy(data, noise, reduction="sum"):
    logits = torch.cat([data, noise]) - math.log(len(noise) / len(data))
    right = torch.cat([torch.ones_like(data), torch.zeros_like(noise)])
    cost = F.binary_cross_entropy_with_logits(logits, right, reduction=reduction)
    return cost / len(data) if reduction == "sum" else cost


def nce_by_loop(data, noise):
    log_nu = math.log(len(noise)) - math.log(len(data))
    right = [F.logsigmoid(logit - log_nu) for logit in data]
    wrong = [F.logsigmoid(log_nu - logit) for logit in noise]
    return -(sum(right) + sum(wrong)) / len(data)


def nce_by_distributions(data, noise):
    log_nu = math.log(len(noise) / len(data))
    real = distributions.Bernoulli(logits=data - log_nu).log_prob(torch.ones_like(data))
    fake = distributions.Bernoulli(logits=noise - log_nu).log_prob(torch.zeros_like(noise))
    return -(real.sum() + fake.sum()) / data.numel()


def nce_with(data, noise, *, log_nu=None, front=None, all_data=False):
    log_nu = math.log(nu_of(data, noise)) if log_nu is None else log_nu
    front = nu_of(data, noise) if front is None else front
    real, fake = data - log_nu, noise - log_nu
    return -F.logsigmoid(real).mean() - front * F.logsigmoid(fake if all_data else -fake).mean()


def nu_of(data, noise):
    return len(noise) / len(data)


def nce_with_whole_nu(data, noise):
    nu = len(noise) // len(data)
    return nce_with(data, noise, log_nu=math.log(nu), front=nu)


BANK = [
    (
        check.gaussian_score,
        [
            lambda x, mean, K: -(x - mean) @ K,
            score_by_torch,
            pull,
            score_by_lists,
            score_by_numpy,
            lambda x, m, K: ((m - x)[:, None] @ K).squeeze(1),
            lambda x, m, K: torch.einsum("de,be->bd", K, m - x),
            lambda x, m, K: torch.linalg.solve(torch.linalg.inv(K), (m - x).T).T,
        ],
        [
            (lambda x, m, K: bell(x, m, K).exp()[:, None] * pull(x, m, K), "of the density"),
            (lambda x, m, K: exponent(x, m, K).exp()[:, None] * pull(x, m, K), "of the weight"),
            (bell, "this is the log density itself"),
            (exponent, "this is the exponent itself"),
            (lambda x, m, K: (x - m) @ K, "turn the sign"),
            (lambda x, m, K: torch.linalg.solve(K, (m - x).T).T, "no inverse"),
            (lambda x, m, K: (m - x) @ torch.linalg.cholesky(K), "not its root"),
            (lambda x, m, K: m - x, "K is missing"),
            (lambda x, m, K: -x @ K, "the mean is not subtracted"),
            (lambda x, m, K: -(x - x.mean(0)) @ K, "not that of the places"),
            (lambda x, m, K: (m - x) * K.diagonal(), "the coordinates pull at one another"),
            (lambda x, m, K: -2 * (x - m) @ K, "a factor of 2 too much"),
            (lambda x, m, K: -0.5 * (x - m) @ K, "takes the half away"),
            (lambda x, m, K: pull(x, m, K).sum(1), "do not add up its coordinates"),
            (lambda x, m, K: pull(x, m, K).sum(0), "the shape should be (3, 2)"),
            (lambda x, m, K: pull(x, m, K).T, "transposed"),
            (lambda x, m, K: pull(x, m, K @ K), "[-4.5, -3.75]"),
            (
                lambda x, m, K: pull(x, m, K) / pull(x, m, K).norm(dim=1)[:, None],
                "should be [[1.5, -0.5]",
            ),
            (lambda x, m, K: pull(x, m[:1], K), "should be"),
            (pull_of_two, "gaussian_score of other arguments"),
            (lambda x, m, K: ..., "not written yet"),
        ],
    ),
    (
        check.denoising_loss,
        [
            solution_denoising_loss,
            denoising_from,
            denoising_by_loop,
            denoising_by_norm,
            denoising_by_einsum,
        ],
        [
            (lambda s, x, e, o: denoising_from(s, x, e, o, target=e / o), "the sign is turned"),
            (lambda s, x, e, o: denoising_from(s, x, e, o, at=x), "at the noisy place"),
            (lambda s, x, e, o: denoising_from(s, x, e, o, at=x + e), "sigma times as much"),
            (lambda s, x, e, o: denoising_from(s, x, e, o, at=x - o * e), "do not take it off"),
            (lambda s, x, e, o: denoising_from(s, x, e, o, target=0 * e), "target is missing"),
            (lambda s, x, e, o: denoising_from(s, x, e, o, target=-e), "is not divided"),
            (lambda s, x, e, o: denoising_from(s, x, e, o, target=-e / o**2), "by sigma once"),
            (lambda s, x, e, o: denoising_from(s, x, e, o, target=-o * e), "denoiser's target"),
            (lambda s, x, e, o: o**2 * denoising_from(s, x, e, o), "at many levels"),
            (lambda *given: 2 * denoising_from(*given), "1/2 is missing"),
            (lambda s, x, e, o: denoising_from(s, x, e, o) / x.shape[1], "dimensions: no mean"),
            (
                lambda s, x, e, o: (s(x + o * e) + e / o).square().mean(1),
                "averaged over the dimensions",
            ),
            (lambda *given: denoising_from(*given) / 2, "half of what it should be"),
            (lambda *given: (2 * denoising_from(*given)) ** 0.5, "this is a length"),
            (lambda *given: (denoising_from(*given) / 2) ** 0.5, "this is half a length"),
            (lambda *given: denoising_from(*given).sum(), "do not add up the batch"),
            (lambda *given: denoising_from(*given).mean(), "no mean over the batch"),
            (
                lambda s, x, e, o: denoising_from(s, x, torch.randn_like(e), o),
                "draw no random numbers of your own",
            ),
            (
                lambda s, x, e, o: 0.5 * (s(x + o * e) + e / o).square(),
                "the sum over axis 1 is missing",
            ),
            (
                lambda s, x, e, o: denoising_from(s, x, e[:1].expand_as(e), o),
                "row 1 is wrong",
            ),
            (
                lambda s, x, e, o: 0.5 * (s(x + o * e) + e / o).square()[:, :2].sum(1),
                "denoising_loss of other arguments",
            ),
            (
                lambda s, x, e, o: 0.5 * (s(x + o * e) + e / o).abs().sum(1).square(),
                "should be [0.5312, 0.125]",
            ),
            (denoising_without_gradient, "no gradient comes through to x"),
            (lambda *given: denoising_from(*given).tolist(), "no gradient comes through to x"),
            (
                lambda s, x, e, o: denoising_from(s, x.detach(), e, o),
                "no gradient comes through to x",
            ),
            (
                lambda s, x, e, o: 0.5 * (s(x + o * e).detach() + e / o).square().sum(1),
                "no gradient comes through to x",
            ),
            (denoising_of_frozen, "the gradient with respect to x is not"),
            (lambda *given: None, "not written yet"),
        ],
    ),
    (
        check.contrast_loss,
        [
            solution_nce_loss,
            nce_by_probabilities,
            nce_by_cross_entropy,
            nce_by_loop,
            nce_by_distributions,
        ],
        [
            (lambda d, n: nce_with(d, n, all_data=True), "that of 1 - h"),
            (
                lambda d, n: -F.logsigmoid(d).mean() - F.logsigmoid(n).mean(),
                "and nu enters twice",
            ),
            (
                lambda d, n: nce_with(2 * math.log(nu_of(d, n)) - d, n, all_data=True),
                "changed places",
            ),
            (lambda d, n: nce_with(d, n, front=0), "the noise's term is missing"),
            (lambda d, n: -d.sigmoid().log().mean(), "and log nu in the logit"),
            (lambda d, n: nce_by_cross_entropy(d, n) / 2, "no mean of them"),
            (lambda d, n: nce_by_cross_entropy(d, n, "mean"), "divide by the number of data"),
            (lambda d, n: -nce_by_cross_entropy(d, n), "a loss is its negative"),
            (lambda d, n: len(d) * nce_by_cross_entropy(d, n), "means, not sums"),
            (lambda d, n: nce_with(d, n, log_nu=0), "log nu is missing"),
            (lambda d, n: nce_with(d, n, log_nu=nu_of(d, n)), "off the logit, not nu"),
            (lambda d, n: nce_with(d, n, front=1), "counts nu times"),
            (lambda d, n: nce_with(d, n, front=nu_of(n, d)), "do not divide"),
            (lambda d, n: nce_with(d, n, log_nu=0, front=1), "nu enters twice"),
            (
                lambda d, n: nce_with(d, n, log_nu=-math.log(nu_of(d, n))),
                "do not add it",
            ),
            (
                lambda d, n: nce_with(d, n, log_nu=math.log(nu_of(n, d)), front=nu_of(n, d)),
                "noise per data",
            ),
            (nce_with_whole_nu, "half as much noise as data raises ValueError"),
            (lambda d, n: nce_with(d, n, log_nu=math.log(3), front=3), "with as much noise"),
            (lambda d, n: nce_by_cross_entropy(d[:2], n[:6]), "contrast_loss with half"),
            (lambda d, n: nce_by_cross_entropy(d, n) + 1, "should be"),
            (lambda d, n: nce_by_cross_entropy(d, n)[None], "in the shape (1,)"),
            (lambda d, n: nce_by_cross_entropy(d, n).detach(), "no gradient comes through to data"),
            (lambda d, n: nce_by_cross_entropy(d, n).item(), "no gradient comes through to data"),
            (lambda d, n: nce_by_cross_entropy(d, n.detach()), "comes through to noise"),
            (lambda d, n: ..., "not written yet"),
        ],
    ),
]
