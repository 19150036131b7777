"""Scores against scikit-learn and by hand, and studies that are judged by them."""

import math

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from sklearn import metrics
from test_evaluate import TOY, toy, true_labels

from genaug_lessons import plots
from genaug_lessons.data import split
from genaug_lessons.evaluate import (
    Arm,
    Score,
    Study,
    accuracy,
    average_precision,
    brier,
    expected_cost,
    paired_gain,
    recall,
    study,
)
from genaug_lessons.random import generator, normal


def answers(n=200, classes=3, seed=0):
    """Probabilities that know something of the labels, and the labels."""
    rng = generator(seed, "cpu")
    y = torch.randint(classes, (n,), generator=rng)
    logits = normal((n, classes), rng).double() + torch.eye(classes)[y]
    return logits.softmax(-1), y


def test_accuracy_recall_and_average_precision_are_those_of_scikit_learn():
    p, y = answers()
    assert accuracy(p, y) == pytest.approx(metrics.accuracy_score(y, p.argmax(-1)))
    each = metrics.recall_score(y, p.argmax(-1), average=None)
    assert [recall(label)(p, y) for label in range(3)] == pytest.approx(each.tolist())
    for label in range(3):
        exact = metrics.average_precision_score(y == label, p[:, label])
        assert average_precision(label)(p, y) == exact


def test_brier_score_is_twice_that_of_two_classes_and_known_at_its_ends():
    p, y = answers(classes=2)
    assert brier(p, y) == pytest.approx(2 * metrics.brier_score_loss(y, p[:, 1]))
    right, y = torch.eye(3).double(), torch.arange(3)
    assert brier(right, y) == 0
    assert brier(right.roll(1, 0), y) == 2
    assert brier(torch.full((3, 3), 1 / 3).double(), y) == pytest.approx(2 / 3)


def test_expected_cost_decides_by_the_probabilities_and_pays_by_the_truth():
    costs = [[0, 1, 0.3], [10, 0, 0.3]]  # the third answer asks an expert
    p = torch.tensor([[0.99, 0.01], [0.9, 0.1], [0.2, 0.8], [0.5, 0.5], [0.999, 0.001]]).double()
    y = torch.tensor([0, 1, 1, 0, 1])  # answered by 0, the expert, 1 (0.2 < 0.3), the expert, 0
    assert expected_cost(costs)(p, y) == pytest.approx((0 + 0.3 + 0 + 0.3 + 10) / 5)
    assert expected_cost(torch.tensor(costs))(p, y) == pytest.approx(10.6 / 5)


def test_expected_cost_of_equal_mistakes_is_the_share_of_wrong_answers():
    p, y = answers()
    assert expected_cost((1 - torch.eye(3)).tolist())(p, y) == pytest.approx(1 - accuracy(p, y))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: recall(3)(*answers()), "label must lie in 0 to 2, got 3"),
        (lambda: recall(-1), "label must be an integer of at least 0, got -1"),
        (lambda: average_precision(0)(answers()[0], torch.ones(200).long()), "rows of class 0 to"),
        (lambda: recall(2)(answers()[0], torch.ones(200).long()), "rows of class 2 to score it"),
        (lambda: expected_cost([[0, 1]]), "costs must be a table of at least 2 equal rows"),
        (lambda: expected_cost([[0, 1], [1]]), r"equal rows, got \[2, 1\] columns"),
        (lambda: expected_cost(torch.ones(3)), r"a table \(C, A\), got shape \(3,\)"),
        (lambda: expected_cost([[0, math.nan], [1, 0]]), "each of costs must"),
        (lambda: expected_cost([[0, 1], [1, 0]])(*answers()), "row for each of 3 classes, got 2"),
        (lambda: Score("s", accuracy.function, better="more"), "better must be one of"),
        (lambda: Score("s", 3), "function must be a function, got 3"),
        (lambda: Score("s", lambda p, y: p)(*answers()), "what the score 's' gives must be a num"),
        (lambda: Score("s", lambda p, y: math.nan)(*answers()), "'s' gives must be finite"),
        (lambda: study([Arm.duplicates()], score="accuracy"), "score must be a Score, got 'acc"),
    ],
)
def test_scores_that_cannot_be_are_refused(make, message):
    with pytest.raises((TypeError, ValueError), match=message):
        make()


# --- studies


def log_loss(p, y):
    return -p.gather(1, y[:, None]).log().mean().item()


LOG_LOSS = Score("log loss", log_loss, better="lower")  # a stranger's


@pytest.fixture(scope="module")
def by_log_loss():
    return study([Arm("truth", bank=true_labels, share=0.8)], data=toy(), score=LOG_LOSS, **TOY)


def test_a_strangers_score_judges_every_classifier_and_falls_where_it_gets_better(by_log_loss):
    test = split(toy(), labels_per_class=2).test
    for name, ensemble in by_log_loss.classifiers.items():
        logits = ensemble.eval()(test.x.expand(12, *test.x.shape)).detach().double().cpu()
        y = test.y.cpu().numpy()
        exact = [metrics.log_loss(y, each.softmax(-1).numpy()) for each in logits]
        assert by_log_loss.scores[name] == pytest.approx(exact, rel=1e-5)
    none, truth = (by_log_loss.scores[name] for name in ("none", "truth"))
    assert np.mean(truth) < np.mean(none)
    assert by_log_loss.gains["truth"] == paired_gain(none, truth)
    assert by_log_loss.verdict("truth") == "helps"
    assert by_log_loss.question.endswith("scored by log loss on 150 test rows")
    with pytest.raises(AttributeError, match="judges by log loss: look at its scores"):
        by_log_loss.accuracies  # noqa: B018


def test_another_score_changes_no_classifier(by_log_loss):
    found = study([Arm("truth", bank=true_labels, share=0.8)], data=toy(), **TOY)
    for name, ensemble in found.classifiers.items():
        weights = by_log_loss.classifiers[name].parameters()
        assert all(map(torch.equal, ensemble.parameters(), weights))
    assert found.accuracies is found.scores


def test_accuracy_from_probabilities_is_the_fast_one():
    slow = Score("share of right answers", accuracy.function, percent=True)
    arms = [Arm.duplicates()]
    first, second = (study(arms, data=toy(), score=s, **TOY) for s in (accuracy, slow))
    for name, values in first.accuracies.items():
        assert second.scores[name] == pytest.approx(values, abs=1e-6)


@pytest.mark.parametrize(
    ("score", "none", "arm", "lines", "label"),
    [
        (
            brier,
            [0.5, 0.6],
            [0.4, 0.48],
            [
                "arm     Brier score  fall [95% interval]      cost",
                "none          0.550                           1.0 s",
                "affine        0.440  +0.110 [-0.017, +0.237]  2.0 s  no effect found",
            ],
            "fall in Brier score from none",
        ),
        (
            recall(1),
            [0.5, 0.6],
            [0.6, 0.7],
            [
                "arm     recall of class 1 %  gain in points [95% interval]  cost",
                "none                   55.0                                 1.0 s",
                "affine                 65.0  +10.0 [+10.0, +10.0]           2.0 s  helps",
            ],
            "gain in recall of class 1 over none (percentage points)",
        ),
        (
            average_precision(0),
            [0.5, 0.6],
            [0.4, 0.5],
            [
                "arm     average precision of class 0  gain [95% interval]      cost",
                "none                           0.550                           1.0 s",
                "affine                         0.450  -0.100 [-0.100, -0.100]  2.0 s  harms",
            ],
            "gain in average precision of class 0 over none",
        ),
    ],
)
def test_tables_and_figures_say_what_was_scored_and_which_way_is_good(
    score, none, arm, lines, label, monkeypatch
):
    shown = []
    monkeypatch.setattr(plots, "forest", lambda points, **about: shown.append((points, about)))
    scores, seconds = {"none": none, "affine": arm}, {"none": 1.0, "affine": 2.0}
    found = Study(scores, seconds, {}, "Why?", score)
    assert str(found).splitlines() == ["Why?", *lines]
    found._ipython_display_()
    [(points, about)] = shown
    assert about == {"xlabel": label, "digits": 1 if score.percent else 3}
    assert points["affine"] == pytest.approx(
        tuple((100 if score.percent else 1) * value for value in found.gains["affine"][:3])
    )


def test_a_forest_shows_as_many_digits_as_it_is_told():
    words = plots.forest({"a": (0.0123, -0.001, 0.0257)}, xlabel="fall", digits=3)
    plt.close("all")
    assert str(words).endswith("fall: a +0.012 [-0.001, +0.026]")
