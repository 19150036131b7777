"""Intervals against scipy, distances against closed forms, and a study whose answer is known."""

import math
import sys
import time
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from scipy import stats
from scipy.linalg import sqrtm
from sklearn.neighbors import NearestNeighbors
from torch.distributions import Normal

from genaug_lessons import data, machine, plots
from genaug_lessons.augment import Mixup, Noise, PictureTransform
from genaug_lessons.data import Dataset, Leak, PlaneMixture, ring, split
from genaug_lessons.ensemble import Ensemble
from genaug_lessons.evaluate import (
    Arm,
    Study,
    claim,
    classification_accuracy_score,
    copy_rate,
    estimate,
    frechet_distance,
    mode_shares,
    modes_covered,
    nearest_distance,
    paired_gain,
    quality,
    study,
    under_corruptions,
)
from genaug_lessons.models.classifier import Classifier
from genaug_lessons.models.rbm import RBM, likelihood
from genaug_lessons.nn import Dense
from genaug_lessons.random import generator, normal, spawn, uniform
from genaug_lessons.training import fit


def cpu(seed=0):
    return generator(seed, "cpu")


# --- intervals


def test_estimate_is_the_mean_with_students_interval():
    values = normal((9,), cpu()).double().numpy()
    found = estimate(values)
    exact = stats.t.interval(0.95, 8, values.mean(), stats.sem(values))
    assert found[:3] == pytest.approx((values.mean(), *exact), abs=1e-10)
    assert found.runs == 9
    assert estimate(values.tolist()) == estimate(torch.tensor(values)) == found


def test_paired_gain_is_the_interval_of_the_paired_t_test():
    baseline = uniform((12,), cpu()).tolist()
    treated = (torch.tensor(baseline) + 0.1 * normal((12,), cpu(1))).tolist()
    test = stats.ttest_rel(treated, baseline)
    found, exact = paired_gain(treated, baseline), test.confidence_interval(0.95)
    assert found[1:3] == pytest.approx((exact.low, exact.high), abs=1e-10)
    assert (found.low > 0 or found.high < 0) == (test.pvalue < 0.05)


def test_interval_covers_the_truth_95_times_in_100():
    trials = 4000
    runs = 3.0 + normal((trials, 4), cpu()).double().numpy()
    covered = sum(low <= 3 <= high for _, low, high, _ in map(estimate, runs)) / trials
    assert abs(covered - 0.95) < 5 * math.sqrt(0.95 * 0.05 / trials)


def test_intervals_need_pairs_of_at_least_two_finite_runs():
    with pytest.raises(ValueError, match="at least 2 runs for an interval, got 1"):
        estimate([0.5])
    with pytest.raises(ValueError, match="finite"):
        estimate([0.5, math.nan])
    with pytest.raises(ValueError, match="got 3 and 2 runs"):
        paired_gain([1, 2, 3], [1, 2])


def test_claim_says_whether_it_holds(capsys):
    claim("water is wet", True)
    claim("water is dry", False)
    assert capsys.readouterr().out == "holds: water is wet\ndiffers here: water is dry\n"


# --- Frechet distance


def with_moments(n, mean, deviations, seed):
    """(n, D) float64 rows whose sample mean and (diagonal) sample covariance are exact."""
    z = normal((n, len(mean)), cpu(seed)).double().numpy()
    z -= z.mean(0)
    white = z @ np.linalg.inv(np.linalg.cholesky(z.T @ z / (n - 1))).T
    return torch.tensor(white * deviations + mean)


@pytest.fixture
def features():
    """Two sets of features with different means and full covariances."""
    mix = normal((2, 4, 4), cpu(3)).double()
    x, y = normal((60, 4), cpu(1)).double() @ mix[0], 1 + normal((50, 4), cpu(2)).double() @ mix[1]
    return x, y


def test_frechet_distance_is_its_formula_with_scipys_matrix_root(features):
    x, y = (part.numpy() for part in features)
    first, second = np.cov(x.T), np.cov(y.T)
    cross = np.trace(sqrtm(first @ second)).real
    shift = np.square(x.mean(0) - y.mean(0)).sum()
    exact = shift + np.trace(first) + np.trace(second) - 2 * cross
    assert frechet_distance(*features) == pytest.approx(exact, abs=1e-8)


def test_frechet_distance_on_the_line_is_that_of_means_and_deviations():
    x, y = with_moments(30, [1.0], [2.0], 1), with_moments(40, [-0.5], [0.7], 2)
    assert frechet_distance(x, y) == pytest.approx(1.5**2 + 1.3**2, abs=1e-8)


def test_frechet_distance_of_commuting_covariances_compares_deviations_axis_by_axis():
    a, b = [1.0, 2.0, 0.5], [0.3, 2.5, 0.9]
    x, y = with_moments(30, [0.0] * 3, a, 1), with_moments(40, [0.0] * 3, b, 2)
    exact = sum((s - t) ** 2 for s, t in zip(a, b, strict=True))
    assert frechet_distance(x, y) == pytest.approx(exact, abs=1e-8)


def test_frechet_distance_is_0_to_itself_symmetric_and_blind_to_rotation(features):
    x, y = features
    distance = frechet_distance(x, y)
    assert frechet_distance(x, x) == pytest.approx(0, abs=1e-8)
    assert frechet_distance(x[:3], x[:3]) == pytest.approx(0, abs=1e-8)  # fewer rows than columns
    assert frechet_distance(y, x) == pytest.approx(distance, abs=1e-8)
    rotation = torch.linalg.qr(normal((4, 4), cpu()).double()).Q
    assert frechet_distance(x @ rotation, y @ rotation) == pytest.approx(distance, abs=1e-8)
    moved = frechet_distance(x + torch.tensor([3.0, 0, 4, 0]), x)
    assert moved == pytest.approx(25, abs=1e-8)


def test_frechet_distance_flattens_pictures_and_refuses_what_it_cannot_compare(features):
    x, y = features
    assert frechet_distance(x.view(-1, 1, 2, 2), y) == frechet_distance(x, y)
    with pytest.raises(ValueError, match=r"one size, got x \(60, 4\), y \(50, 3\)"):
        frechet_distance(x, y[:, :3])
    with pytest.raises(ValueError, match=r"x must be .* N at least 2, got \(1, 4\)"):
        frechet_distance(x[:1], y)


# --- copies


def test_nearest_distance_is_that_of_scikit_learn():
    x, train = normal((1100, 1, 2, 3), cpu(1)), normal((200, 1, 2, 3), cpu(2))
    exact, _ = NearestNeighbors(n_neighbors=1).fit(train.flatten(1)).kneighbors(x.flatten(1))
    np.testing.assert_allclose(nearest_distance(x, train).numpy(), exact[:, 0], atol=1e-5)


@pytest.mark.parametrize("quantile", [0.05, 0.3])
def test_fresh_data_are_taken_for_copies_at_the_chosen_rate(quantile):
    n = 4000
    train, held_out, fresh = (uniform((n, 2), cpu(seed)) for seed in range(3))
    standard_error = math.sqrt(2 * quantile * (1 - quantile) / n)  # of threshold and of count
    assert abs(copy_rate(fresh, train, held_out, quantile) - quantile) < 5 * standard_error


def test_copies_are_found_and_samples_far_away_are_none():
    train, held_out = uniform((500, 4), cpu(1)), uniform((300, 4), cpu(2))
    assert copy_rate(train[:50], train, held_out) == 1
    assert copy_rate(train[:50] + 9, train, held_out) == 0
    half = torch.cat([train[:50], train[:50] + 9])
    assert copy_rate(half, train, held_out) == 0.5
    with pytest.raises(ValueError, match=r"quantile must lie in \(0, 1\), got 1.0"):
        copy_rate(half, train, held_out, 1.0)


def test_what_counts_as_near_is_how_near_fresh_rows_come_to_those_of_training():
    train = torch.cat([torch.arange(10.0), torch.arange(10.0) + 100])[:, None]
    held_out = train[:10] + 0.25  # the other rows of training are far from any of these
    for distance, rate in ((0.2, 1), (0.3, 0)):
        assert copy_rate(train[:7] + distance, train, held_out, 0.9) == rate


def test_copies_are_found_where_real_data_repeat_themselves():
    train = torch.arange(10.0)[:, None]
    assert copy_rate(train, train, held_out=train[:5]) == 1


# --- modes

THREE = torch.tensor([[0.0, 0.0], [4.0, 0.0], [0.0, 4.0]])


def test_each_sample_counts_at_the_nearest_mode_if_it_is_within_the_radius():
    x = torch.tensor([[0.5, 0], [0, 1], [3.9, 0], [2.5, 0], [4, 1.5], [0, -3], [9, 9], [0, 5]])
    assert mode_shares(x, THREE, radius=1.0).tolist() == [2 / 8, 1 / 8, 1 / 8]
    assert mode_shares(x, THREE, radius=1.5).tolist() == [2 / 8, 3 / 8, 1 / 8]
    assert mode_shares(x, THREE, radius=3.5).tolist() == [3 / 8, 3 / 8, 1 / 8]
    assert mode_shares(x[-2:-1], THREE, radius=1.0).tolist() == [0, 0, 0]


@pytest.mark.parametrize("stds", [1, 3, 5])
def test_true_samples_lie_within_the_radius_as_often_as_rayleighs_law_says(stds):
    toy, n = ring(), 40_000
    shares = mode_shares(toy.sample(n, rng=cpu()).x, toy.centres, radius=stds * toy.std)
    exact = (1 - math.exp(-(stds**2) / 2)) / 8
    assert ((shares - exact).abs() < 5 * math.sqrt(exact * (1 - exact) / n)).all()
    assert modes_covered(toy.sample(n, rng=cpu()).x, toy.centres, radius=0.1) == 8


def test_a_mode_is_covered_from_a_tenth_of_its_equal_share():
    def at(*counts):
        return THREE.repeat_interleave(torch.tensor(counts), dim=0)

    assert modes_covered(at(300, 0, 0), THREE, radius=0.1) == 1
    assert modes_covered(at(140, 151, 9), THREE, radius=0.1) == 2  # a tenth of 100 is 10
    assert modes_covered(at(140, 149, 11), THREE, radius=0.1) == 3
    assert modes_covered(at(140, 149, 11) + 1, THREE, radius=0.1) == 0


@pytest.mark.parametrize("radius", [0.0, -1.0, float("nan")])
def test_a_mode_without_extent_is_refused(radius):
    for score in (mode_shares, modes_covered):
        with pytest.raises(ValueError, match=f"radius must be above 0, got {radius}"):
            score(THREE, THREE, radius=radius)


# --- what gets no score

GOOD = torch.tensor([[0.0, 1.0], [2.0, 0.5], [3.0, 3.0]])
SCORES = {
    "frechet distance": (frechet_distance, ("x", "y")),
    "nearest distance": (nearest_distance, ("x", "train")),
    "copy rate": (copy_rate, ("samples", "train", "held_out")),
    "mode shares": (partial(mode_shares, radius=1.0), ("x", "centres")),
    "modes covered": (partial(modes_covered, radius=1.0), ("x", "centres")),
}
NO_ROWS = {
    "one NaN": (lambda x: x.clone().index_fill_(0, torch.tensor(1), math.nan), "must be finite"),
    "infinity": (lambda x: x / 0, "must be finite, got NaN or infinity"),
    "no rows": (lambda x: x[:0], r"must be \(N, \*shape\) with N at least \d, got \(0, 2\)"),
    "numbers": (lambda x: x[:, 0], r"must be \(N, \*shape\) .*, got \(3,\)"),
    "bytes": (
        lambda x: x.byte(),
        "must be a float tensor, as a data set's values, got torch.uint8",
    ),
    "an array": (lambda x: x.numpy(), "must be a tensor, got a NumPy array"),
    "a data set": (Dataset, "must be a tensor, got a Dataset"),
    "wider rows": (lambda x: x.repeat(1, 2), r"rows must have one size, got .*\(3, 4\)"),
}


@pytest.mark.parametrize(("change", "said"), NO_ROWS.values(), ids=NO_ROWS)
@pytest.mark.parametrize(("score", "names"), SCORES.values(), ids=SCORES)
def test_what_are_no_rows_get_no_score(score, names, change, said):
    for wrong in names:
        rows = {name: change(GOOD) if name == wrong else GOOD for name in names}
        message = said if said.startswith("rows") else f"{wrong} {said}"
        with pytest.raises((TypeError, ValueError), match=message):
            score(**rows)


class Single(torch.Tensor):
    """A tensor on a device that knows no float64, as Apple's GPUs do."""

    @classmethod
    def __torch_function__(cls, function, types, args=(), kwargs=None):
        found = super().__torch_function__(function, types, args, kwargs or {})
        if function is torch.Tensor.cpu:
            with torch._C.DisableTorchFunctionSubclass():
                return found.as_subclass(torch.Tensor)
        if isinstance(found, torch.Tensor) and found.dtype == torch.float64:
            raise TypeError("this device knows no float64")
        return found


def test_figures_in_doubles_are_computed_on_the_cpu(features, monkeypatch):
    singles = [part.float() for part in features]
    x, y = (part.as_subclass(Single) for part in singles)
    with pytest.raises(TypeError, match="knows no float64"):
        x.double()
    assert frechet_distance(x, y) == frechet_distance(*singles)
    model = RBM(3, 2, rng=cpu())
    energies = torch.tensor([0.5, -1.0, 0.0, 2.0]).as_subclass(Single)
    monkeypatch.setattr(likelihood, "_hidden_energies", lambda _: iter([energies]))
    exact = math.log(sum(map(math.exp, (-0.5, 1.0, 0.0, -2.0))))
    assert likelihood.log_partition(model, layer="hidden").item() == pytest.approx(exact)


def test_estimates_are_taken_from_the_device_before_they_become_doubles(monkeypatch):
    def as_tensor(values, **wanted):
        assert type(values) is not Single or wanted.get("dtype") != torch.float64
        return original(values, **wanted)

    original, values = torch.as_tensor, torch.tensor([0.1, 0.4, 0.3])
    monkeypatch.setattr(torch, "as_tensor", as_tensor)
    shown = values.as_subclass(Single)
    assert estimate(shown) == estimate(values)
    assert paired_gain(shown, shown / 3) == paired_gain(values, values / 3)


# --- the classification accuracy score


def classes(n, centres, seed, **about):
    """Rows of a round Gaussian around each centre, in turn."""
    y = torch.arange(n) % len(centres)
    x = torch.tensor(centres)[y] + normal((n, 2), cpu(seed))
    return Dataset(x, y, len(centres), **about)


LINEAR = dict(network=Dense())


def test_score_of_a_wrong_generator_is_that_of_the_rule_it_teaches():
    true, wrong = [[-1.0, 0.0], [1.0, 0.0]], [[-0.5, 0.5], [0.2, -0.4]]
    n = 20_000
    test, samples = classes(n, true, 1), classes(n, wrong, 2, synthetic=True)
    below, above = torch.tensor(wrong)
    normal_vector, offset = above - below, (below.square() - above.square()).sum() / 2
    margins = (torch.tensor(true) @ normal_vector + offset) / normal_vector.norm()
    rates = Normal(0.0, 1.0).cdf(margins * torch.tensor([-1.0, 1.0]))  # right answers by class
    exact = rates.mean().item()
    found = classification_accuracy_score(samples, test, rng=cpu(), **LINEAR)
    standard_error = math.sqrt(exact * (1 - exact) / n)
    assert abs(found - exact) < 5 * standard_error + 0.01  # the fitted rule is not quite the best


def test_score_of_the_real_rows_is_the_accuracy_of_a_classifier_trained_on_them():
    train, test = (classes(60, [[-1.0, 0.0], [1.0, 0.0], [0.0, 1.0]], seed) for seed in (1, 2))
    rng = cpu(4)
    model = Classifier(2, classes=3, rng=rng)
    fit(model, train, steps=50, rng=rng, show_progress=False)
    score = classification_accuracy_score(train, test, steps=50, rng=cpu(4))
    assert score == model.accuracy(test)


def test_score_with_shuffled_labels_is_that_of_chance():
    centres = [[-1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, -1.0]]
    train, test = classes(100, centres, 1), classes(200, centres, 2)
    scores = []
    for seed in range(40):
        order = torch.randperm(100, generator=cpu(seed))
        shuffled = replace(train, y=train.y[order])
        rng = cpu(seed)
        scores.append(classification_accuracy_score(shuffled, test, steps=20, rng=rng, **LINEAR))
    scores = torch.tensor(scores)
    assert abs(scores.mean() - 0.25) < 5 * scores.std() / 40**0.5


def test_score_refuses_banks_that_remember_test_rows():
    test = classes(20, [[-1.0, 0.0], [1.0, 0.0]], 1, ids=torch.arange(20))
    made = replace(test, x=test.x + 1, ids=torch.arange(15, 40), synthetic=True)
    with pytest.raises(Leak, match="the bank has seen 5 of the 20 rows"):
        classification_accuracy_score(made, test, steps=1, rng=cpu())


def test_score_looks_at_the_test_half_before_it_trains(monkeypatch):
    centres = [[-1.0, 0.0], [1.0, 0.0]]
    bank, test = classes(20, centres, 1, synthetic=True), classes(30, centres, 2)
    monkeypatch.setattr(quality, "fit", lambda *_, **__: pytest.fail("trained"))
    for wrong, said in (
        (Dataset(test.x.repeat(1, 2), test.y, 2), r"examples of shape \(2,\), got \(4,\)"),
        (replace(test, classes=3), "test must have 2 classes, got 3"),
        (replace(test, y=test.y - 1), "test must be labelled throughout"),
        (Dataset(test.x), "test must be labelled throughout"),
    ):
        with pytest.raises(ValueError, match=said):
            classification_accuracy_score(bank, wrong, rng=cpu(), **LINEAR)


# --- corruptions


def test_rows_without_an_answer_or_of_other_classes_get_no_accuracy():
    test = Dataset(uniform((30, 1, 6, 6), cpu(1)), torch.arange(30) % 3, 3)
    models = [Classifier((1, 6, 6), classes=3, rng=rng) for rng in spawn(cpu(), 2)]
    wrong = {
        "test must have 3 classes, got 2": replace(test, y=test.y % 2, classes=2),
        "test must have 3 classes, got 4": replace(test, classes=4),
        "test must be labelled throughout": replace(test, y=torch.full_like(test.y, -1)),
        "test must be labelled .*": Dataset(test.x),
        r"test must have examples of shape \(1, 6, 6\)": replace(test, x=test.x[..., :5]),
    }
    for said, rows in wrong.items():
        for score in (
            models[0].accuracy,
            Ensemble(models).accuracies,
            lambda rows: under_corruptions(models[0], rows, rng=cpu()),
            lambda rows: under_corruptions(Ensemble(models), rows, rng=cpu()),
        ):
            with pytest.raises(ValueError, match=said):
                score(rows)


class Recorder(Classifier):
    """A classifier that keeps the pictures it was asked about."""

    def predict(self, x):
        self.asked = [*getattr(self, "asked", []), x]
        return super().predict(x)


def brightness(x, shape=(2, 16, 12)):
    """A test half of pictures of one brightness, 500 of them."""
    return Dataset(torch.full((500, *shape), x), torch.arange(500) % 2, 2)


def corrupted(test):
    model = Recorder(test.shape, classes=2, rng=cpu())
    names = under_corruptions(model, test, rng=cpu())
    return dict(zip(names, model.asked, strict=True))


def test_clean_entry_is_the_accuracy_and_ensembles_get_a_number_for_each_model():
    test = Dataset(uniform((60, 1, 6, 8), cpu(1)), torch.arange(60) % 5 % 3, 3)
    models = [Classifier((1, 6, 8), classes=3, rng=rng) for rng in spawn(cpu(), 4)]
    alone = [under_corruptions(model, test, rng=cpu(2)) for model in models]
    together = under_corruptions(Ensemble(models), test, rng=cpu(2))
    assert set(together) == {
        "as it is",
        "noise",
        "rotation",
        "shift",
        "occlusion",
        "low contrast",
    }
    for name, values in together.items():
        torch.testing.assert_close(values, torch.stack([one[name] for one in alone]))
    exact = [model.accuracy(test) for model in models]
    assert together["as it is"].tolist() == pytest.approx(exact)


def test_corruptions_have_the_strength_they_say():
    grey = corrupted(brightness(0.5))
    noise = (grey["noise"] - 0.5).flatten()
    expected = Normal(0.0, 0.3).cdf(torch.tensor(-0.5)) * 2  # clipped to black or white
    extreme = (noise.abs() == 0.5).float()
    assert (extreme.mean() - expected).abs() < 5 * extreme.std() / len(noise) ** 0.5
    torch.testing.assert_close(grey["as it is"], torch.full((500, 2, 16, 12), 0.5))

    ramp = Dataset(torch.linspace(0, 1, 64).view(1, 1, 8, 8), torch.tensor([0]), 2)
    torch.testing.assert_close(corrupted(ramp)["low contrast"], 0.35 + 0.3 * ramp.x)


def test_occlusion_hides_one_square_anywhere_of_a_quarter_of_the_side():
    hidden = corrupted(brightness(1.0))["occlusion"] == 0
    assert torch.equal(hidden[:, 0], hidden[:, 1])
    hidden = hidden[:, 0]  # (500, 16, 12)
    assert (hidden.sum((1, 2)) == 9).all()
    assert (hidden.any(1).sum(1) == 3).all() and (hidden.any(2).sum(1) == 3).all()
    assert hidden.any(0).all()
    tiny = Dataset(torch.ones(30, 1, 3, 5), torch.arange(30) % 2, 2)
    assert ((corrupted(tiny)["occlusion"] == 0).sum((1, 2, 3)) == 1).all()


def test_shift_and_rotation_keep_within_their_bounds():
    for size in ((17, 13), (13, 17)):
        x, places = torch.zeros(500, 1, *size), [torch.arange(side) - side // 2 for side in size]
        x[:, :, size[0] // 2, size[1] // 2] = 1  # a dot in the middle stays there when turned
        found = corrupted(Dataset(x, torch.arange(500) % 2, 2))
        torch.testing.assert_close(found["rotation"] * x, x, atol=1e-4, rtol=0)
        for axis, place in zip((2, 1), places, strict=True):
            moved = (found["shift"][:, 0].sum(axis) * place).sum(1)
            assert 0.9 * 13 / 6 < moved.abs().max() <= 13 / 6 + 1e-4  # of the shorter side


def test_a_test_set_that_could_not_be_scored_on_is_refused_before_any_training():
    bank = toy(20)
    for test, message in (
        (data.digits()[:9], r"test must have examples of shape \(2,\), got \(1, 8, 8\)"),
        (Dataset(toy(30, seed=2).x), "test must be labelled throughout"),
    ):
        with pytest.raises(ValueError, match=message):
            classification_accuracy_score(bank, test, steps=10**9, rng=generator(0))


# --- the study


def toy(n=300, seed=0):
    """Two classes of two Gaussians each, hard to guess from few rows; on the study's device."""
    centres = torch.tensor([[-1.0, -1.0], [1.0, 1.0], [-1.0, 1.0], [1.0, -1.0]])
    mixture = PlaneMixture(centres, 0.4, torch.tensor([0, 0, 1, 1]))
    return mixture.sample(n, rng=generator(seed, machine.device()))


def true_labels(split, _):
    """The bank that knows everything: all training rows with their true labels."""
    return split.candidates


def small(shape, **settings):
    return Classifier(shape, network=Dense(16), **settings)


TOY = dict(
    repeats=12,
    labels_per_class=2,
    steps=120,
    lr=0.02,
    make_classifier=small,
    show_progress=False,
)


@pytest.fixture(scope="module")
def result():
    arms = [
        Arm("nothing", bank=true_labels, share=0.0),
        Arm("truth", bank=true_labels, share=0.8),
        Arm("lies", bank=lambda s, _: replace(s.candidates, y=1 - s.candidates.y), share=0.8),
        Arm.duplicates(share=0.5),
        Arm.more_labels(20),
    ]
    return study(arms, data=toy(), **TOY)


def test_arm_that_changes_nothing_gains_exactly_nothing(result):
    assert result.accuracies["nothing"] == result.accuracies["none"]
    assert result.gains["nothing"][:3] == (0, 0, 0)
    assert result.verdict("nothing") == "no effect found"


def test_true_labels_help_and_false_ones_harm(result):
    assert result.verdict("truth") == result.verdict("20 real labels a class") == "helps"
    assert result.verdict("lies") == "harms"
    assert np.mean(result.accuracies["truth"]) > 0.9


def test_duplicates_are_half_of_each_batch_and_more_labels_four_fifths_unless_told():
    assert (Arm.duplicates().share, Arm.more_labels(20).share) == (0.5, 0.8)


def test_duplicates_gain_less_than_the_truth(result):
    assert abs(result.gains["duplicates"].mean) < result.gains["truth"].low


def test_gains_are_the_paired_differences_to_none(result):
    assert "none" not in result.gains
    for name, gain in result.gains.items():
        assert gain == paired_gain(result.accuracies[name], result.accuracies["none"])
        assert gain.runs == 12


def test_accuracies_are_those_of_the_kept_classifiers_on_the_test_half(result):
    test = split(toy(), labels_per_class=2, repeat=0).test
    for name, ensemble in result.classifiers.items():
        assert ensemble.accuracies(test).tolist() == result.accuracies[name]


def test_study_repeats_itself_and_other_draws_differ(result):
    again = study([Arm.duplicates()], data=toy(), **TOY)
    assert again.accuracies["none"] == result.accuracies["none"]
    assert again.accuracies["duplicates"] == result.accuracies["duplicates"]
    other = study([Arm.duplicates()], data=toy(), first_repeat=12, **TOY)
    assert other.accuracies["none"] != result.accuracies["none"]


def test_every_arm_starts_from_the_same_weights_and_every_draw_from_its_own():
    made = []

    def remember(shape, **settings):
        made.append(small(shape, **settings))
        return made[-1]

    settings = {**TOY, "repeats": 3, "steps": 1, "make_classifier": remember}
    arms = [Arm.duplicates(), Arm("truth", bank=true_labels)]
    for draw in (0, 5):
        study(arms, data=toy(), first_repeat=draw, **settings)
    first = torch.stack([model.network[1].weight for model in made]).unflatten(0, (2, 3, 3))
    assert (first == first[:, :1]).all()  # (studies, arms, draws, outputs, inputs)
    assert len(first[:, 0].flatten(0, 1).unique(dim=0)) == 6


def test_banks_get_their_own_draw_and_generator_and_are_paid_for(monkeypatch):
    asked, worked, sources = [], [], trained(monkeypatch)

    def make(split, rng):
        start = time.process_time()
        asked.append((split.repeat, uniform((1,), rng).item(), str(split.labelled.ids.tolist())))
        sum(range(1_000_000))
        worked.append(time.process_time() - start)
        return split.labelled

    settings = {**TOY, "repeats": 3, "steps": 1, "first_repeat": 4}
    found = study([Arm("slow", bank=make)], data=toy(), **settings)
    repeats, numbers, rows = zip(*asked, strict=True)
    assert repeats == (4, 5, 6)
    assert len(set(numbers)) == len(set(rows)) == 3
    assert found.seconds["slow"] > sum(worked)
    assert torch.equal(sources[-1].bank.x, sources[0].x)  # each model gets the bank of its draw


def as_study(split, rng):
    """The start that does what the study would do anyway."""
    return small(split.labelled.shape, classes=split.labelled.classes, rng=rng)


def test_arm_that_starts_as_the_study_would_equals_the_plain_arm(result):
    arms = [
        Arm("plain", start=as_study),
        Arm("duplicates, plain", bank=Arm.duplicates().bank, start=as_study),
    ]
    found = study(arms, data=toy(), **TOY)
    assert found.accuracies["plain"] == found.accuracies["none"] == result.accuracies["none"]
    assert found.accuracies["duplicates, plain"] == result.accuracies["duplicates"]
    assert found.gains["plain"][:3] == (0, 0, 0)


def test_starts_get_their_own_draw_and_generator_and_are_paid_for():
    asked, worked = [], []

    def begin(split, rng):
        start = time.process_time()
        asked.append((split.repeat, rng.initial_seed()))
        sum(range(1_000_000))
        worked.append(time.process_time() - start)
        return as_study(split, rng)

    settings = {**TOY, "repeats": 3, "steps": 1, "first_repeat": 4}
    arms = [Arm("slow", start=begin), Arm("again", start=begin)]
    found = study(arms, data=toy(), **settings)
    repeats, seeds = zip(*asked, strict=True)
    assert repeats == (4, 5, 6) * 2
    assert len(set(seeds)) == 3 and seeds[:3] == seeds[3:]
    assert found.seconds["slow"] > sum(worked[:3])


def test_a_start_that_knows_more_than_the_labelled_rows_gains():
    rng = generator(3, machine.device())
    candidates = split(toy(), labels_per_class=2, repeat=0).candidates
    teacher = small(2, classes=2, rng=rng)
    fit(teacher, candidates, steps=300, lr=0.02, rng=rng, show_progress=False)

    def learnt(split, rng):
        model = as_study(split, rng)
        model.load_state_dict(teacher.state_dict())
        model.seen = teacher.seen
        return model

    found = study([Arm("learnt", start=learnt)], data=toy(), **{**TOY, "steps": 1})
    assert found.verdict("learnt") == "helps"
    assert np.mean(found.accuracies["learnt"]) > 0.9
    assert set(candidates.ids.tolist()) <= set(found.classifiers["learnt"].seen.tolist())
    assert not torch.equal(found.classifiers["none"].seen, found.classifiers["learnt"].seen)


def test_a_start_that_has_seen_test_rows_is_a_leak():
    def cheat(split, rng):  # in the last draw alone
        model = as_study(split, rng)
        model.seen = split.test.ids[-1:] if split.repeat == 11 else None
        return model

    with pytest.raises(Leak, match="1 of the 150 rows"):
        study([Arm("cheat", start=cheat)], data=toy(), **{**TOY, "steps": 1})


@pytest.mark.parametrize(
    ("shape", "classes", "message"),
    [(3, 2, r"examples of shape \(3,\)"), (2, 3, "3 classes, got 2")],
)
def test_a_start_that_does_not_fit_the_data_is_refused(shape, classes, message):
    def misfit(split, rng):
        return small(shape, classes=classes, rng=rng)

    with pytest.raises(ValueError, match=message):
        study([Arm("misfit", start=misfit)], data=toy(), **{**TOY, "steps": 1})


def test_the_bar_is_full_when_the_last_arm_is_done(monkeypatch):
    seen = []

    def count(jobs, total, label):
        for done, job in enumerate(jobs, start=1):
            seen.append((done, total))
            yield job

    monkeypatch.setattr(sys.modules["genaug_lessons.evaluate.spread"], "progress", count)
    both = Arm("both", bank=true_labels, start=as_study)
    arms = [Arm.duplicates(), Arm("mixup", transform=Mixup(2)), Arm("start", start=as_study), both]
    shown_unless_told_otherwise = {**TOY, "steps": 1}
    del shown_unless_told_otherwise["show_progress"]
    study(arms, data=toy(), **shown_unless_told_otherwise)
    assert seen[-1] == (5 + 4 * 12, 5 + 4 * 12)


def test_development_studies_leave_the_test_half_alone():
    test = set(split(toy(), labels_per_class=2, repeat=0).test.ids.tolist())
    seen = []

    def look(split, _):
        seen.append(split)
        return split.candidates

    settings = {**TOY, "steps": 1, "development": True}
    found = study([Arm("look", bank=look)], data=toy(), **settings)
    for each in seen:
        used = {*each.candidates.ids.tolist(), *each.test.ids.tolist()}
        assert not used & test
    assert found.question.endswith(f"scored on {len(seen[0].test)} development rows")


def test_classes_may_have_labels_of_unequal_number():
    arms = [Arm.duplicates(), Arm.more_labels([20, 4])]
    found = study(arms, data=toy(), **{**TOY, "steps": 1, "labels_per_class": (10, 2)})
    assert found.question.startswith("10, 2 labels of the classes, 12 repeats, 1 steps, scored")
    assert [*found.accuracies] == ["none", "duplicates", "20, 4 real labels of the classes"]
    seen = found.classifiers["none"].seen
    known = split(toy(), labels_per_class=1).candidates
    counts = known.y[torch.isin(known.ids, seen)].bincount()
    assert counts[0] > 2 * counts[1]


def test_train_and_test_can_come_apart():
    train, test = toy(80, seed=1), toy(50, seed=2)
    found = study([Arm.duplicates()], data=(train, test), **{**TOY, "steps": 1})
    assert found.question == "2 labels a class, 12 repeats, 1 steps, scored on 50 test rows"


@pytest.mark.parametrize("disguised", [False, True])
def test_bank_of_test_rows_is_a_leak(disguised):
    def cheat(split, _):  # in the last draw alone
        test = replace(split.test, held_out=not disguised)
        return test if split.repeat == 11 else split.candidates

    with pytest.raises(Leak, match="arm 'cheat' has seen 150 of the 150 rows"):
        study([Arm("cheat", bank=cheat)], data=toy(), **{**TOY, "steps": 1})


def test_mixup_can_be_an_arm_on_points_and_transforms_of_pictures_cannot():
    mixed = study([Arm("mixup", transform=Mixup(2), share=1.0)], data=toy(), **TOY)
    assert np.mean(mixed.accuracies["mixup"]) > 0.5
    with pytest.raises(ValueError, match="must hold pictures"):
        study([Arm("noise", transform=Noise(0.1))], data=toy(), **TOY)


class Nothing(PictureTransform):
    """A transform of points, which leaves them as they are."""

    def check_data(self, data):
        pass

    def on_batch(self, batch, rng):
        return batch


class Turned(Nothing):
    """Turns every point around the origin, which makes nobody's label wrong here."""

    def __init__(self):
        self.rows = []

    def on_batch(self, batch, rng):
        self.rows.append(tuple(batch.y.shape))
        return batch._replace(x=-batch.x)


def test_an_arm_with_a_bank_and_a_transform_has_both():
    settings = {**TOY, "repeats": 3, "steps": 40}
    turned = Turned()
    arms = [
        Arm("bank", bank=true_labels, share=0.8),
        Arm("bank, nothing", bank=true_labels, transform=Nothing(), share=0.8),
        Arm("bank, turned", bank=true_labels, transform=turned, share=0.8),
        Arm("turned", transform=Turned(), share=1.0),
    ]
    found = study(arms, data=toy(), **settings)
    assert turned.rows == [(3, 64)] * 40  # the whole of each of 40 batches
    assert found.accuracies["bank, nothing"] == found.accuracies["bank"]
    assert found.accuracies["bank, turned"] != found.accuracies["bank"]
    assert found.accuracies["bank, turned"] != found.accuracies["turned"]


def trained(monkeypatch):
    """What a study trains on from now on."""
    module, sources = sys.modules[Arm.__module__], []
    real = module.training_steps

    def remember(model, source, **settings):
        sources.append(source)
        return real(model, source, **settings)

    monkeypatch.setattr(module, "training_steps", remember)
    return sources


def test_a_bank_or_a_start_that_leaks_is_refused_before_it_is_trained_on(monkeypatch):
    whole = replace(toy(), synthetic=True)  # a bank like that of a model fitted before the split

    def learnt(split, rng):
        model = as_study(split, rng)
        model.seen = toy().ids
        return model

    sources = trained(monkeypatch)
    for arm in (Arm("whole", bank=lambda *_: whole), Arm("start", start=learnt)):
        with pytest.raises(Leak, match="has seen 150 of the 150 rows"):
            study([arm], data=toy(), **{**TOY, "repeats": 2, "steps": 1})
    assert len(sources) == 2  # the baselines


def test_what_does_not_fit_the_data_is_refused_before_any_training(monkeypatch):
    sources, digits = trained(monkeypatch), data.digits()
    duplicates = Arm.duplicates()
    for arms, sets, message in (
        (
            [duplicates, Arm("three", transform=Mixup(3))],
            toy(),
            "data must have 3 classes for Mixup.* got 2",
        ),
        ([duplicates], (toy(), digits), r"test must have the shape of dataset, \(2,\), got"),
        ([duplicates], (digits.x, digits.y), r"2 Dataset, .* got \(a tensor, a tensor\)"),
        ([duplicates], digits.x, "data must be a tuple of 2 Dataset, a Dataset or None, got a t"),
        ([duplicates], [toy()] * 3, r"data must be .* got \[a Dataset, "),
        (["affine"], toy(), "arms must be a sequence of Arm, got"),
    ):
        with pytest.raises((TypeError, ValueError), match=message):
            study(arms, data=sets, **{**TOY, "steps": 1})
    assert not sources


def test_a_bank_that_makes_no_data_set_is_named():
    with pytest.raises(TypeError, match="what the bank of arm 'b' makes must be a Dataset, got N"):
        study([Arm("b", bank=lambda *_: None)], data=toy(), **{**TOY, "steps": 1})


def test_train_and_test_may_come_as_a_list():
    train, test = toy(80, seed=1), toy(50, seed=2)
    settings = {**TOY, "repeats": 2, "steps": 3}
    listed, paired = (
        study([Arm.duplicates()], data=d, **settings) for d in ([train, test], (train, test))
    )
    assert listed.accuracies == paired.accuracies


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"bank": 3}, "bank must be a function or None, got 3"),
        ({"bank": toy(9)}, "bank must be a function or None, got a Dataset"),
        ({"start": "vae"}, "start must be a function or None, got 'vae'"),
        ({"share": 2.0}, r"share must lie in \[0, 1\], got 2.0"),
        ({"share": float("nan")}, r"share must lie in \[0, 1\], got nan"),
        ({"name": 3}, "name must be text, got 3"),
    ],
)
def test_an_arm_that_cannot_be_is_refused_when_it_is_made(settings, message):
    with pytest.raises((TypeError, ValueError), match=message):
        Arm(**{"name": "arm", **settings})


@pytest.mark.parametrize(
    ("values", "verdict"),
    [
        ([0.7, 0.8, 0.75], "helps"),
        ([0.3, 0.2, 0.25], "harms"),
        ([0.5, 0.6, 0.45], "no effect found"),
    ],
)
def test_verdict_is_the_side_of_0_on_which_the_interval_lies(values, verdict):
    found = Study({"none": [0.5, 0.5, 0.5], "arm": values}, {"none": 1.0, "arm": 2.0}, {}, "?")
    assert found.verdict("arm") == verdict


KNOWN = Study(
    {"none": [0.5, 0.6], "affine": [0.6, 0.72]}, {"none": 1.234, "affine": 2.345}, {}, "Why?"
)


def test_table_holds_accuracy_gain_interval_cost_and_verdict():
    half = stats.t.ppf(0.975, 1) * 1.0  # in points: differences of 10 and 12, standard error 1
    assert str(KNOWN).splitlines() == [
        "Why?",
        "arm     accuracy %  gain in points [95% interval]  cost",
        f"none          55.0  {'':29}  1.2 s",
        f"affine        66.0  {f'+11.0 [{11 - half:+5.1f}, {11 + half:+5.1f}]':<29}  2.3 s  "
        "no effect found",
    ]


def test_study_shows_itself_as_a_table_and_a_forest_plot(capsys, monkeypatch):
    shown = []

    def forest(points, xlabel, digits):
        shown.append((points, xlabel, digits))
        return "drawn"

    monkeypatch.setattr(plots, "forest", forest)
    KNOWN._ipython_display_()
    assert capsys.readouterr().out == f"{KNOWN}\ndrawn\n"
    [(points, xlabel, digits)] = shown
    assert digits == 1
    assert xlabel == "gain in accuracy over none (percentage points)"
    half = stats.t.ppf(0.975, 1)
    assert points == {"affine": pytest.approx((11, 11 - half, 11 + half))}


@pytest.mark.parametrize(
    ("arms", "settings", "message"),
    [
        ([], {}, "arms must"),
        ([Arm("a", transform=Mixup(2))] * 2, {}, "different names"),
        ([Arm("none", transform=Mixup(2))], {}, 'none of them "none"'),
        ([Arm.duplicates()], {"repeats": 1}, "repeats must be an integer of at least 2, got 1"),
        ([Arm.duplicates()], {"first_repeat": -1}, "first_repeat must be an integer of at least 0"),
        ([Arm.duplicates()], {"steps": 0}, "steps must be an integer of at least 1, got 0"),
        ([Arm.duplicates()], {"labels_per_class": 500}, "labels_per_class must not exceed"),
        ([Arm.duplicates()], {"momentum": 0.9}, "does not know the setting 'momentum'"),
    ],
)
def test_impossible_studies_are_refused(arms, settings, message):
    with pytest.raises(ValueError, match=message):
        study(arms, data=toy(), **{**TOY, "steps": 1, **settings})
