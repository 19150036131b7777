"""Gaussian mixtures against scikit-learn, closed forms and slow loops; laws of EM; few labels."""

import math
import warnings
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.stats import chisquare, kstest, multivariate_normal, norm
from sklearn import mixture
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from genaug_lessons import data
from genaug_lessons.banks import PerClass
from genaug_lessons.data import Batch, Dataset
from genaug_lessons.models.gmm import (
    COVARIANCES,
    GaussianMixture,
    clamp,
    constrain,
    e_step,
    gaussians,
    kmeans_plus_plus,
    log_gaussian,
    m_step,
    shrink,
)
from genaug_lessons.random import generator, normal, uniform
from genaug_lessons.training import fit

ROWS, SIZE, COUNT = 400, 3, 4
CLASSES, OF_EACH = 2, 3  # where a mixture knows classes, and its components of each
OWNER = torch.tensor([0, 0, 0, 1, 1, 1])
EXACT = {"rtol": 0, "atol": 1e-10}


def cpu(seed=0):
    return generator(seed, "cpu")


def parameters(count=COUNT, size=SIZE, seed=0):
    """Scrambled pi, mu and Sigma, float64."""
    rng = cpu(seed)
    root = normal((count, size, size), rng).double()
    pi = uniform((count,), rng, 0.5, 1.5).double()
    mu = 2 * normal((count, size), rng).double()
    return pi / pi.sum(), mu, root @ root.mT + 0.3 * torch.eye(size)


def mixture_of(pi, mu, Sigma, **settings):
    """The mixture with these parameters, float64, which its next update starts from."""
    settings = {"components": len(pi), "sphere": 0.0, **settings}
    model = GaussianMixture(mu.shape[1], rng=cpu(), **settings).double()
    model.set_parameters(pi, mu, Sigma)
    return model


def mixture_of_classes(pi, mu, Sigma, **settings):
    """The same of two classes, three components for each."""
    return mixture_of(pi, mu, Sigma, components=OF_EACH, classes=CLASSES, **settings)


def rows(count=ROWS, seed=1, size=SIZE):
    """Rows of a mixture that is not the one in `parameters`, float64."""
    return mixture_of(*parameters(seed=seed, size=size)).sample(count, rng=cpu(seed))


def scattered_labels():
    """Labels of which many are missing, and twice as many are 0 as are 1."""
    return torch.tensor([-1, 0, 0, 1])[torch.randint(4, (ROWS,), generator=cpu(5))]


def same_in_sklearn(pi, mu, Sigma, covariance="full", passes=0):
    """scikit-learn's mixture from the same parameters, after so many passes over `rows()`."""
    precision = {
        "full": torch.linalg.inv(Sigma),
        "tied": torch.linalg.inv(Sigma[0]),
        "diagonal": 1 / Sigma.diagonal(dim1=1, dim2=2),
        "spherical": 1 / Sigma[:, 0, 0],
    }[covariance].numpy()
    model = mixture.GaussianMixture(
        len(pi),
        covariance_type=covariance.replace("diagonal", "diag"),
        weights_init=pi.numpy(),
        means_init=mu.numpy(),
        precisions_init=precision,
        max_iter=max(passes, 1),
        tol=0,
        reg_covar=0,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it need not converge
        model.fit(rows().numpy())
    if passes == 0:
        model.weights_, model.means_, model.covariances_ = pi.numpy(), mu.numpy(), Sigma.numpy()
        model.precisions_cholesky_ = np.linalg.cholesky(precision)
    return model


def passes(model, x, y=None, count=1):
    """So many updates of the model; the losses."""
    batch = Batch(x, y)
    return [model.em_step(batch, cpu())["negative log likelihood"].item() for _ in range(count)]


def close(found, expected, **tolerance):
    torch.testing.assert_close(found, torch.as_tensor(expected), **{**EXACT, **tolerance})


# the density


@pytest.mark.parametrize("size", [1, 2, 3, 8])
def test_log_gaussian_is_that_of_scipy_in_several_blocks(monkeypatch, size):
    monkeypatch.setattr(gaussians, "ROWS", 150)
    _, mu, Sigma = parameters(size=size)
    signs = torch.tensor([1, -1, 1] * 3)[:size]  # L L' is the same for all
    x = rows(size=size)
    found = log_gaussian(x, mu, torch.linalg.cholesky(Sigma) * signs)
    for k in range(COUNT):
        close(found[:, k], multivariate_normal(mu[k], Sigma[k]).logpdf(x))


def test_a_density_far_from_zero_keeps_its_digits():
    _, mu, Sigma = parameters()
    L, far = torch.linalg.cholesky(Sigma), 1024.0  # exactly added to what is rounded to 1 / 512
    x, mu = (512 * rows()).round() / 512, (512 * mu).round() / 512
    near = log_gaussian(x.float(), mu.float(), L.float())
    close(log_gaussian((x + far).float(), (mu + far).float(), L.float()), near, rtol=1e-5)


def test_a_row_far_away_costs_the_others_no_digits():
    _, mu, Sigma = parameters()
    x, L = rows().float(), torch.linalg.cholesky(Sigma).float()
    alone, beside = (
        log_gaussian(each, mu.float(), L)[:ROWS]
        for each in (x, torch.cat([x, torch.full((1, SIZE), 1e8)]))
    )
    close(beside, alone, rtol=1e-5)


def test_log_density_is_that_of_scikit_learn():
    found, theirs = mixture_of(*parameters()), same_in_sklearn(*parameters())
    close(found.log_density(rows()), theirs.score_samples(rows()))
    found = e_step(found.log_joint(rows()))[0]
    close(found, theirs.predict_proba(rows()))
    close(found.sum(1), torch.ones(ROWS).double())


def test_chances_of_a_class_are_those_of_its_components_together():
    model = mixture_of_classes(*parameters(6))
    r = e_step(model.log_joint(rows()))[0]
    chances = torch.stack([r[:, OWNER == label].sum(1) for label in range(CLASSES)], 1)
    close(model.log_probs(rows()).exp(), chances)
    assert torch.equal(model.predict(rows()), chances.argmax(1))


def test_gradient_of_a_log_density_is_the_score_of_the_mixture(monkeypatch):
    monkeypatch.setattr(gaussians, "ROWS", 150)
    pi, mu, Sigma = parameters()
    x, components = rows(), list(zip(mu, Sigma, strict=True))
    pulls = torch.stack([(m - x) @ torch.linalg.inv(S) for m, S in components], 1)  # (N, K, D)
    p = pi * torch.tensor(np.array([multivariate_normal(*of).pdf(x) for of in components])).T
    expected = (p[:, :, None] * pulls).sum(1) / p.sum(1, keepdim=True)
    x.requires_grad_()
    (found,) = torch.autograd.grad(mixture_of(pi, mu, Sigma).log_density(x).sum(), x)
    close(found, expected, atol=1e-8)


def test_density_integrates_to_one():
    model = mixture_of(*parameters(size=2))
    model.log_pi.add_(0.7)  # weights that sum to 2
    ticks = torch.linspace(-25, 25, 501).double()
    density = model.log_density(torch.cartesian_prod(ticks, ticks)).exp()
    assert density.sum().item() * 0.1**2 == pytest.approx(1, abs=1e-6)


# EM


@pytest.mark.parametrize("count", [1, 5])
@pytest.mark.parametrize("covariance", COVARIANCES)
def test_passes_of_em_are_those_of_scikit_learn(covariance, count):
    pi, mu, Sigma = parameters()
    Sigma = constrain(Sigma, pi, covariance)
    model, theirs = (
        mixture_of(pi, mu, Sigma, covariance=covariance),
        same_in_sklearn(pi, mu, Sigma, covariance, count),
    )
    passes(model, rows(), count=count)
    close(model.pi, theirs.weights_, atol=1e-8)
    close(model.mu, theirs.means_, atol=1e-8)
    close(model.log_density(rows()), theirs.score_samples(rows().numpy()), atol=1e-8)


def test_one_component_is_the_maximum_likelihood_gaussian_after_one_pass():
    x = rows()
    for covariance in ("full", "tied"):
        model = GaussianMixture(SIZE, covariance=covariance, sphere=0.0, rng=cpu()).double()
        passes(model, x)
        close(model.mu[0], x.mean(0))
        close(model.Sigma[0], x.T.cov(correction=0))
        close(model.pi, torch.ones(1).double())


def test_an_e_step_stays_exact_where_densities_are_too_small_or_large_for_a_number():
    log_joint = torch.tensor([[-1e4, -1e4 - 1, -1e4], [2e4, 2e4 + 3, -math.inf], [0, 1, 2]])
    before = log_joint.double()
    after = before.clone()
    r, log_p = e_step(after)
    close(r, before.softmax(1))
    close(log_p, before.logsumexp(1))
    assert torch.equal(after, before)


def literal_pass(x, y, owner, pi, mu, Sigma):
    """EM row by row: Bishop 2006, eq. 9.23 to 9.26, with clamped rows."""
    weights, log_p = np.zeros((len(x), len(pi))), 0.0
    for n in range(len(x)):
        joint = [
            pi[k] * multivariate_normal(mu[k], Sigma[k]).pdf(x[n])
            if y[n] < 0 or owner[k] == y[n]
            else 0.0
            for k in range(len(pi))
        ]
        weights[n] = np.array(joint) / sum(joint)
        log_p += math.log(sum(joint))
    total = weights.sum(0)
    mu = [weights[:, k] @ x / total[k] for k in range(len(pi))]
    Sigma = [(weights[:, k, None] * (x - m)).T @ (x - m) / total[k] for k, m in enumerate(mu)]
    return total / len(x), np.array(mu), np.array(Sigma), -log_p / len(x)


def test_a_pass_with_few_labels_is_the_one_written_row_by_row():
    start, y = parameters(6), scattered_labels()
    model = mixture_of_classes(*start)
    [loss] = passes(model, rows(), y)
    numbers = [part.numpy() for part in (rows(), y, OWNER, *start)]
    pi, mu, Sigma, expected = literal_pass(*numbers)
    close(model.pi, pi)
    close(model.mu, mu)
    close(model.Sigma, Sigma)
    assert loss == pytest.approx(expected, abs=1e-10)


def test_rows_that_bear_nothing_to_rounding_are_left_out_of_a_covariance():
    x, r = rows(), torch.full((ROWS, 2), 0.5).double()
    expected = m_step(x, r)[2]
    far, nothing = torch.full((3, SIZE), 5e8).double(), torch.full((3, 2), 1e-18).double()
    close(m_step(torch.cat([x, far]), torch.cat([r, nothing]))[2], expected)
    little = torch.full((3, 2), 1e-16).double()
    found = m_step(torch.cat([x, far]), torch.cat([r, little]))[2]
    weights = torch.cat([r, little])[:, 0]
    close(found[0], torch.cat([x, far]).T.cov(correction=0, aweights=weights), atol=1e-8)
    assert not torch.allclose(found, expected, atol=1e-2)


def test_an_m_step_in_blocks_is_the_whole(monkeypatch):
    r = e_step(mixture_of(*parameters()).log_joint(rows()))[0]
    whole = m_step(rows(), r)
    monkeypatch.setattr(gaussians, "ROWS", 7)
    for part, expected in zip(m_step(rows(), r), whole, strict=True):
        close(part, expected)


def test_clamped_rows_belong_to_their_class_alone():
    owner, y = torch.tensor([0, 1, 1]), torch.tensor([1, -1, 0, 1])
    r = e_step(clamp(torch.zeros(4, 3), y, owner))[0]
    close(r, [[0, 0.5, 0.5], [1 / 3] * 3, [1, 0, 0], [0, 0.5, 0.5]], atol=1e-7)


@pytest.mark.parametrize("covariance", COVARIANCES)
@pytest.mark.parametrize("y", [None, scattered_labels()], ids=["no labels", "few labels"])
def test_no_pass_raises_the_loss_and_the_mixture_keeps_the_mean(covariance, y):
    pi, mu, Sigma = parameters(6)
    make = mixture_of if y is None else mixture_of_classes
    model = make(pi, mu, constrain(Sigma, pi, covariance), covariance=covariance)
    losses = passes(model, rows(), y, count=30)
    assert np.diff(losses).max() < 1e-9
    assert losses[0] - losses[-1] > 0.01
    close(model.pi @ model.mu, rows().mean(0))


def test_shrinking_may_raise_the_loss_and_keeps_the_mean():
    model = mixture_of(*parameters())
    before = passes(model, rows(), count=200)[-1]
    model.shares = {"pooled": 0.5, "sphere": 0.5}
    assert passes(model, rows(), count=2)[-1] > before + 0.01
    close(model.pi @ model.mu, rows().mean(0))


def test_loss_is_the_mean_negative_log_likelihood_before_the_pass():
    model = mixture_of(*parameters())
    expected = -model.log_density(rows()).mean().item()
    assert passes(model, rows()) == [pytest.approx(expected, abs=1e-12)]


# kinds of covariance and shrinkage


def test_shrinkage_is_friedmans_formula():
    pi, _, Sigma = parameters()
    common = sum(p * S for p, S in zip(pi, Sigma, strict=True))
    found = shrink(Sigma, pi, pooled=0.3, sphere=0.2)
    for own, S in zip(found, Sigma, strict=True):
        S = 0.7 * S + 0.3 * common
        close(own, 0.8 * S + 0.2 * S.trace() / SIZE * torch.eye(SIZE).double())
    close(shrink(Sigma, pi), Sigma)


def test_shrinkage_in_an_update_follows_the_m_step():
    model = mixture_of(*parameters(), pooled=0.3, sphere=0.2)
    pi, _, Sigma = m_step(rows(), e_step(model.log_joint(rows()))[0])
    passes(model, rows())
    close(model.Sigma, shrink(Sigma, pi, pooled=0.3, sphere=0.2))


def test_kinds_of_covariance_are_what_they_say():
    pi, _, Sigma = parameters()
    close(constrain(Sigma, pi, "full"), Sigma)
    close(constrain(Sigma, pi, "diagonal"), Sigma * torch.eye(SIZE))
    tied, spherical = constrain(Sigma, pi, "tied"), constrain(Sigma, pi, "spherical")
    close(tied, torch.einsum("k,kij->ij", pi, Sigma).expand_as(tied))
    close(spherical, torch.stack([S.trace() / SIZE * torch.eye(SIZE).double() for S in Sigma]))
    both = constrain(Sigma, pi, "diagonal", pooled=0.5, sphere=0.1)
    close(both, shrink(Sigma * torch.eye(SIZE), pi, pooled=0.5, sphere=0.1))


# sampling


def five_errors(found, expected, error):
    assert ((found - expected).abs() < 5 * error).all()


def test_samples_have_the_mean_covariance_and_shares_of_the_mixture():
    pi, mu, Sigma = parameters()
    x = mixture_of(pi, mu, Sigma).sample(200_000, rng=cpu())
    mean = pi @ mu
    between = (mu - mean)[:, :, None] * (mu - mean)[:, None]
    five_errors(x.mean(0), mean, x.std(0) / len(x) ** 0.5)
    products = (x - mean)[:, :, None] * (x - mean)[:, None]
    expected = torch.einsum("k,kij->ij", pi, Sigma + between)
    five_errors(products.mean(0), expected, products.std(0) / len(x) ** 0.5)


def test_components_are_drawn_in_their_shares():
    pi = torch.tensor([0.1, 0.2, 0.3, 0.4], dtype=torch.float64)
    mu = 100 * torch.arange(4).double()[:, None]
    x = mixture_of(pi, mu, torch.ones(4, 1, 1).double()).sample(20_000, rng=cpu())
    counts = (x / 100).round().long().flatten().bincount()
    assert chisquare(counts, 20_000 * pi / pi.sum()).pvalue > 1e-4


def test_samples_on_the_line_follow_the_distribution_function():
    pi, mu, variance = torch.tensor([[0.3, 0.7], [-1.0, 2.0], [0.5, 2.0]], dtype=torch.float64)
    model = mixture_of(pi, mu[:, None], variance[:, None, None])
    pi, mu, std = pi.numpy(), mu.numpy(), variance.sqrt().numpy()

    def below(x):
        return (pi * norm.cdf(x[:, None], mu, std)).sum(1)

    assert kstest(model.sample(20_000, rng=cpu())[:, 0].numpy(), below).pvalue > 1e-4


def test_samples_of_a_label_come_from_the_components_of_its_class():
    pi, mu, Sigma = parameters(6)
    label = torch.tensor([1, 0, 1]).repeat(10_000)
    x = mixture_of_classes(pi, mu, Sigma).sample(len(label), label=label, rng=cpu())
    for y in range(CLASSES):
        own, found = OWNER == y, x[label == y]
        mean = pi[own] @ mu[own] / pi[own].sum()
        five_errors(found.mean(0), mean, found.std(0) / len(found) ** 0.5)


# the start


def test_rows_to_start_from_are_drawn_by_their_squared_distance():
    x = torch.tensor([[0.0], [1.0], [3.0]])
    chance = torch.tensor([[0, 1 / 10, 9 / 10], [1 / 5, 0, 4 / 5], [9 / 13, 4 / 13, 0]]) / 3
    rng, counts = cpu(), torch.zeros(3, 3)
    for _ in range(3000):
        first, second = kmeans_plus_plus(x, 2, rng).flatten()
        counts[x.flatten() == first, x.flatten() == second] += 1
    possible = chance > 0
    assert chisquare(counts[possible], 3000 * chance[possible]).pvalue > 1e-4
    assert counts[~possible].sum() == 0


def test_later_rows_to_start_from_are_far_from_all_before():
    x = torch.tensor([[0.0], [0.0], [5.0], [5.0], [9.0]])
    for seed in range(20):
        assert kmeans_plus_plus(x, 3, cpu(seed)).flatten().sort().values.tolist() == [0, 5, 9]
    assert kmeans_plus_plus(torch.ones(3, 1), 2, cpu()).tolist() == [[1.0], [1.0]]


def test_every_component_starts_from_the_rows_nearest_to_its_centre():
    corners = torch.tensor([[0.0, 9.0], [9.0, 0.0]]).repeat_interleave(torch.tensor([60, 40]), 0)
    x = corners + normal((100, 2), cpu()) @ torch.tensor([[1.0, 0.5], [0.0, 0.5]])
    means = torch.tensor([[8.0, 1.0], [1.0, 8.0]])
    for given in (means, means.flip(0), None):
        model = GaussianMixture(2, components=2, sphere=0.0, means=given, rng=cpu())
        model.start(x, None, cpu())
        order = (model.mu if given is None else given)[:, 1].argsort()
        close(model.mu[order], torch.stack([x[60:].mean(0), x[:60].mean(0)]), atol=1e-5)
        within = 0.6 * x[:60].T.cov(correction=0) + 0.4 * x[60:].T.cov(correction=0)
        expected = 0.5 * within + 0.5 * within.trace() / 2 * torch.eye(2)
        close(model.Sigma, expected.expand(2, 2, 2), atol=1e-5)
        close(model.pi[order], torch.tensor([0.4, 0.6]), atol=1e-6)


def test_one_component_of_each_class_starts_at_the_mean_of_its_labelled_rows():
    x, y = rows(), scattered_labels()
    model = GaussianMixture(SIZE, classes=2, rng=cpu()).double()
    model.start(x, y, cpu())
    close(model.mu, torch.stack([x[y == label].mean(0) for label in range(2)]))
    shares = torch.stack([(y == label).double().mean() for label in range(2)])
    close(model.pi, shares / shares.sum())
    within = sum((y == label).sum() * x[y == label].T.cov(correction=0) for label in range(2))
    within = within / (y >= 0).sum()
    expected = 0.5 * within + 0.5 * within.trace() / SIZE * torch.eye(SIZE).double()
    close(model.Sigma, expected.expand(2, SIZE, SIZE))


def test_components_of_a_class_start_within_it():
    x = torch.cat([normal((40, 1), cpu()) + at for at in (0.0, 30.0, 10.0, 50.0, 20.0, 40.0)])
    y = torch.tensor([0, 0, 1, 1, 1, 0]).repeat_interleave(40)
    for seed in range(5):
        model = GaussianMixture(1, components=3, classes=2, rng=cpu())
        model.start(x, y, cpu(seed))
        starts = model.mu.round(decimals=-1).view(2, 3).sort().values
        assert starts.tolist() == [[0, 30, 40], [10, 20, 50]]


# through the trainer


def trained(model, of, steps, seed=0, **arguments):
    rng = generator(seed, model.device)
    training = fit(model, of, steps=steps, rng=rng, show_progress=False, **arguments)
    return training.losses()["negative log likelihood"]


def test_a_ring_is_learnt_down_to_its_entropy():
    ring = data.ring()
    points, fresh = (ring.sample(2000, rng=cpu(seed)).x for seed in (1, 2))
    model = GaussianMixture(2, components=8, rng=cpu())
    losses = trained(model, points, 30)
    gap = ring.log_density(fresh) - model.log_density(fresh)  # its mean estimates a KL divergence
    assert abs(gap.mean()) < 47 / 2 / 2000 * 2 + 5 * gap.std() / len(gap) ** 0.5  # 47 parameters
    assert losses[-1] < losses[0]


def test_training_through_steps_is_em_over_all_rows():
    pi, mu, Sigma = (part.float() for part in parameters())
    first, second = (mixture_of(pi, mu, Sigma).float() for _ in range(2))
    x = rows().float()
    losses = trained(first, x, 4)
    assert losses == passes(second, x, count=4)
    assert torch.equal(first.Sigma, second.Sigma)


def test_training_that_goes_on_starts_from_what_was_learnt():
    model = GaussianMixture(2, components=8, rng=cpu())
    points = data.ring().sample(500, rng=cpu(1))
    last = trained(model, points, 20)[-1]
    copy = GaussianMixture(2, components=8, rng=cpu())
    copy.load_state_dict(model.state_dict())
    for each in (model, copy):
        assert trained(each, points, 1, seed=1, resume=True)[0] <= last + 1e-4


def test_a_mixture_that_knows_its_classes_may_go_on_without_labels():
    moons = data.two_moons().sample(100, rng=cpu(1))
    model = GaussianMixture(2, classes=2, rng=cpu())
    trained(model, moons, 2)
    alone = replace(moons, y=torch.full_like(moons.y, -1))
    expected = -model.log_density(moons.x).mean().item()
    assert trained(model, alone, 1, resume=True) == [pytest.approx(expected, abs=1e-5)]


def test_linear_discriminant_analysis_is_the_tied_mixture_of_labelled_classes():
    digits = data.digits()
    x = digits.values.flatten(1) @ normal((64, 10), generator(0))
    model = GaussianMixture(10, classes=10, covariance="tied", sphere=0.0, rng=generator(0))
    trained(model, Dataset(x, digits.y, 10), 1)
    theirs = LinearDiscriminantAnalysis(solver="lsqr").fit(x.double().cpu(), digits.y.cpu())
    expected = theirs.predict_proba(x.double().cpu())
    close(model.log_probs(x).exp().double().cpu(), expected, atol=1e-3)
    fresh = Dataset(x + 0.01, digits.y, 10)  # rows it was not fitted to
    right = (model.predict(fresh.x) == digits.y).float().mean().item()
    assert model.accuracy(fresh) == pytest.approx(right)


def test_unlabelled_rows_help_a_mixture_of_digits():
    split = data.split(data.digits(), labels_per_class=5, repeat=0)
    together = data.join(split.labelled, split.pool)
    x = together.values.flatten(1)
    axes = torch.linalg.svd(x - x.mean(0), full_matrices=False).Vh[:24].T

    def reduced(of):
        return replace(of, x=of.values.flatten(1) @ axes, support="real")

    def accuracy(of):
        model = GaussianMixture(24, classes=10, pooled=0.5, sphere=0.05, rng=generator(0))
        trained(model, reduced(of), 20)
        return model.accuracy(reduced(split.test))

    alone, helped = accuracy(split.labelled), accuracy(together)
    assert helped > 0.9
    assert helped - alone > 5 * (0.1 * 0.9 / len(split.test)) ** 0.5


def test_one_mixture_of_each_class_by_hand_is_the_class_conditional_one():
    moons = data.two_moons().sample(300, rng=cpu(1))
    apart = PerClass(lambda: GaussianMixture(2, sphere=0.0, rng=cpu()), classes=2)
    fit(apart, moons, steps=2, rng=cpu(), show_progress=False)
    together = GaussianMixture(2, sphere=0.0, classes=2, rng=cpu())
    trained(together, moons, 2)
    close(torch.cat([each.mu for each in apart.models]), together.mu, atol=1e-5)
    close(torch.cat([each.Sigma for each in apart.models]), together.Sigma, atol=1e-5)


# covariances that cannot be


FLAT = {
    "a constant": lambda x: torch.full_like(x[:, 0], 0.1),
    "a rounded constant": lambda x: torch.full_like(x[:, 0], 123.4),
    "a sum": lambda x: x[:, 0] + x[:, 1],
}


@pytest.mark.parametrize("feature", FLAT.values(), ids=FLAT)
def test_a_flat_feature_needs_a_little_of_the_sphere(feature):
    x = rows().float()
    x = torch.cat([x, feature(x)[:, None]], 1)
    model = GaussianMixture(4, components=2, rng=cpu())
    trained(model, x, 10)
    assert model.sample(5, rng=cpu()).isfinite().all()
    model = GaussianMixture(4, components=2, sphere=0.0, rng=cpu())
    with pytest.raises(ValueError, match=r"sphere must be larger, or components fewer: .* of comp"):
        trained(model, x, 10)
    assert model.log_density(x).isfinite().all()  # what it was before the failed pass


def test_the_flat_component_is_named():
    pi, mu, Sigma = parameters()
    for wrong in ([0.0, 0.0, 0.0], [1.0, 2.0, 0.0]):  # flat, and no covariance at all
        Sigma[2] = torch.eye(SIZE)
        Sigma[2, 0] = Sigma[2, :, 0] = torch.tensor(wrong)
        with pytest.raises(ValueError, match="the covariance of component 2 is singular"):
            mixture_of(pi, mu, Sigma)


def test_features_of_very_different_size_are_not_flat():
    scale = torch.tensor([1e-3, 1.0, 1e4])
    model = GaussianMixture(3, sphere=0.0, rng=cpu())
    trained(model, rows().float() * scale, 2)
    close(model.Sigma[0], (rows() * scale).T.cov(correction=0).float(), rtol=1e-4, atol=1e-9)


def test_a_component_without_rows_does_no_harm_where_the_rest_lend_it_their_shape():
    pi, mu, Sigma = parameters()
    mu[0] += 1e4
    model = mixture_of(pi, mu, Sigma, pooled=0.1)
    losses = passes(model, rows(), count=3)
    assert np.isfinite(losses).all()
    assert model.pi[0] < 1e-12
    assert model.sample(50, rng=cpu()).isfinite().all()
