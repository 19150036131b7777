"""Exercises that find something out: a good choice passes, a timid and a bold one do not."""

import inspect

import pytest
import torch

from genaug_lessons import augment, data
from genaug_lessons.evaluate import Estimate
from genaug_lessons.exercises import find_out
from genaug_lessons.exercises.find_out import (
    Experiment,
    Finding,
    autoencoders,
    boltzmann_machines,
    deep_belief_networks,
    dropout,
    gaussian_mixtures,
    score_matching,
    start_here,
)
from genaug_lessons.random import generator


def turned(split, rng, upright=(), angle=180.0):
    """Ten turned copies of the labelled rows, but for some digits."""
    few = split.labelled
    stays = sum((few.y == digit for digit in upright), torch.zeros_like(few.y)).bool()
    any_way = augment.Affine(rotation=angle, shift=0, scale=0)
    copies = [
        torch.where(stays[:, None, None, None], few.values, any_way(few.values, rng))
        for _ in range(10)
    ]
    ids = few.ids.repeat(10)
    return data.Dataset(torch.cat(copies), few.y.repeat(10), 10, "unit", ids)


def steps_of(W, a, b, factor=1.0):
    far = boltzmann_machines.distances(W.double(), a.double(), b.double())
    return round(factor * boltzmann_machines.needed(far))


def nearest(rows, train):
    return torch.cdist(rows, train).min(1).values


def copies(bank, train, held_out, share=0.05):
    near = nearest(held_out, train).quantile(share)
    accused = (nearest(bank, train) < near).double().mean().item()
    return max(0.0, (accused - share) / (1 - share))


def scaled(scale):
    return lambda sizes, rng: deep_belief_networks.normal_weights(sizes, rng, scale)


# exercise: (good, timid, bold), the latter two with their points
CHOICES = {
    "repeats_needed": (
        start_here.fewest,
        (lambda gain, sd: 60, 2),
        (lambda gain, sd: 3, 1),
    ),
    "bank_of_turned": (
        lambda split, rng: turned(split, rng, (6, 9)),
        (lambda split, rng: turned(split, rng, (2, 5, 6, 9)), 2),
        (turned, 1),
    ),
    "choose_p": (lambda x, y: 0.25, (lambda x, y: 0.05, 2), (lambda x, y: 0.9, 1)),
    "choose_shares": (
        lambda splits: (0.5, 0.6),
        (lambda splits: gaussian_mixtures.PLAIN, 1),
        (lambda splits: (0.9, 1), 1),
    ),
    "choose_width": (
        lambda rows, y, strange: 33,
        (lambda rows, y, strange: 15, 2),
        (lambda rows, y, strange: 50, 1),
    ),
    "choose_noise": (lambda gains: 0.4, (lambda gains: 0.1, 2), (lambda gains: 1.2, 2)),
    "break_even": (lambda gain: 0.32, (lambda gain: 0.1, 2), (lambda gain: 0.55, 1)),
    "steps_needed": (
        steps_of,
        (lambda W, a, b: steps_of(W, a, b, 3.0), 2),
        (lambda W, a, b: 5, 1),
    ),
    "first_weights": (scaled(4.0), (scaled(0.4), 2), (scaled(20.0), 2)),
    "step_size": (
        lambda variance: 0.17 * variance,
        (lambda variance: 0.05 * variance, 2),
        (lambda variance: 0.5 * variance, 1),
    ),
    "share_of_copies": (
        copies,
        (lambda *rows: 0.0, 1),
        (lambda bank, train, held: (nearest(bank, train) < 1.5).double().mean().item(), 1),
    ),
}
EXERCISES = {name: getattr(find_out, name) for name in CHOICES}


def test_every_experiment_is_tried_here():
    known = {n for n in find_out.__all__ if isinstance(getattr(find_out, n), Experiment)}
    assert known == set(CHOICES)
    for name, exercise in EXERCISES.items():
        assert exercise.name == name


@pytest.mark.parametrize("name", CHOICES)
def test_good_choice_passes_and_timid_and_bold_ones_do_not(name, capsys):
    exercise, (good, *others) = EXERCISES[name], CHOICES[name]
    assert exercise(good) is True, capsys.readouterr().out
    assert capsys.readouterr().out.startswith(f"{name}: found: ")
    assert exercise.points(good) == 3
    for choice, points in others:
        right, line = exercise.judge(choice)
        assert not right and line.startswith(f"{name}: not yet: ") and len(line) < 700, line
        assert exercise.points(choice) == points, line
        with pytest.raises(AssertionError, match="not yet"):
            exercise.grade(choice)


@pytest.mark.parametrize("name", CHOICES)
@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (..., "not written yet."),
        ("many", "not yet: "),
        (float("nan"), "not yet: "),
        (ValueError("no idea"), "not yet: raises ValueError: no idea"),
    ],
    ids=["nothing", "a word", "nan", "an error"],
)
def test_what_is_no_choice_is_told_in_a_line(name, answer, words, capsys):
    exercise = EXERCISES[name]

    def choose(*_):
        if isinstance(answer, Exception):
            raise answer
        return answer

    assert exercise(choose) is False
    line = capsys.readouterr().out
    assert line.startswith(f"{name}: {words}") and line.count("\n") == 1
    assert exercise.points(choose) == 0


def test_points_count_what_a_choice_reaches():
    def trial(choose, seed):
        level = choose(seed)
        return Finding(level > 0, level > 1, f"level {level}")

    exercise = Experiment("level", ("seed",), trial)
    assert [exercise.points(lambda seed, n=n: n) for n in range(3)] == [1, 2, 3]
    assert exercise.judge(lambda seed: seed, seed=2) == (True, "level: found: level 2.")
    assert exercise.points(lambda: 1) == 0


def test_a_bank_that_has_seen_test_rows_is_refused():
    def leaks(split, rng):
        return split.test[:50]

    _, line = find_out.bank_of_turned.judge(leaks)
    assert "the study refuses this bank" in line


def test_power_is_that_of_simulated_studies():
    rng = generator(0, "cpu")
    for gain, sd, repeats in ((1.0, 1.0, 10), (0.5, 2.0, 30)):
        d = gain + sd * torch.randn(20_000, repeats, generator=rng)
        half = start_here.stats.t.ppf(0.975, repeats - 1) * d.std(1) / repeats**0.5
        found = (d.mean(1) - half > 0).double().mean().item()
        assert start_here.power(gain, sd, repeats) == pytest.approx(found, abs=0.012)
    assert start_here.power(1, 1, start_here.fewest(1, 1)) >= 0.8
    assert start_here.power(1, 1, start_here.fewest(1, 1) - 1) < 0.8


def test_steps_of_a_walk_are_those_of_simulated_walkers():
    variance, step = 2.0, 0.34
    x = (25 * variance) ** 0.5 * torch.randn(200_000, generator=generator(0, "cpu"))
    rng, steps = generator(1, "cpu"), score_matching.steps_until(step, variance)
    spread = []
    for _ in range(steps):
        x = x - step / 2 * x / variance + step**0.5 * torch.randn(x.shape, generator=rng)
        spread.append(x.var().item() / variance)
    assert spread[-1] == pytest.approx(1.05, abs=0.01)
    assert spread[-10] > spread[-1] + 0.01
    assert score_matching.steps_until(1.0, 2.0) is None  # settles too far out


def test_distance_of_a_chain_is_that_of_simulated_chains():
    W, a, b = (part.double() for part in list(boltzmann_machines.machines(0))[1])
    states, rng = boltzmann_machines._states(6), generator(0, "cpu")
    law = (states @ a + (1 + (states @ W + b).exp()).log().sum(1)).softmax(0)
    v = torch.zeros(100_000, 6).double()
    for distance in boltzmann_machines.distances(W, a, b)[:3]:
        h = (torch.rand(len(v), 4, generator=rng) < (v @ W + b).sigmoid()).double()
        v = (torch.rand(len(v), 6, generator=rng) < (h @ W.T + a).sigmoid()).double()
        index = (v @ (2.0 ** torch.arange(5, -1, -1)).double()).long()
        share = index.bincount(minlength=64).double() / len(v)
        assert 0.5 * (share - law).abs().sum().item() == pytest.approx(distance, abs=0.012)


def test_area_is_that_of_scikit_learn():
    from sklearn.decomposition import PCA
    from sklearn.metrics import roc_auc_score

    rows, y = autoencoders._shuffled(0)
    half = len(rows) // 2
    known = rows[:half][y[:half] != 3]
    pca = PCA(12).fit(known.numpy())
    back = pca.inverse_transform(pca.transform(rows[half:].numpy()))
    error = ((rows[half:].numpy() - back) ** 2).sum(1)
    expected = roc_auc_score(y[half:] == 3, error)
    assert autoencoders.mean_area(rows, y, [3], 12) == pytest.approx(expected, abs=1e-6)


def test_targets_depend_on_the_two_inputs_that_are_nearly_alike():
    x, y = dropout.near_copies(20_000, generator(0, "cpu"))
    assert x.shape == (20_000, 10) and torch.corrcoef(x.T)[0, 1] > 0.98
    weights = torch.linalg.lstsq(x[:, 1:], y[:, None]).solution[:, 0]
    assert weights[0] == pytest.approx(2, abs=0.05) and weights[1:].abs().max() < 0.05


@pytest.mark.parametrize("name", ["choose_noise", "break_even"])
def test_reader_asks_development_repeats_only(name):
    asked = []

    def choose(gain):
        answer = gain(0.3)
        asked.extend(answer if isinstance(answer, tuple) and len(answer) == 2 else [answer])
        return 0.3

    EXERCISES[name].judge(choose)
    assert all(isinstance(estimate, Estimate) for estimate in asked)
    module = inspect.getmodule(EXERCISES[name].trial)
    known = getattr(module, "gains", None) or module.gain
    assert known(0, True, 0.3) != known(900, False, 0.3)
