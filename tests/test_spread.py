"""A study spread by joblib is the study run here, to the bit; what cannot be sent is named."""

import pickle
import sys
import threading
import time

import joblib
import pytest
import torch

from genaug_lessons import data, machine
from genaug_lessons.augment import Mixup
from genaug_lessons.data import Leak, PlaneMixture
from genaug_lessons.evaluate import Arm, run_arm, study
from genaug_lessons.models.classifier import Classifier
from genaug_lessons.nn import Dense
from genaug_lessons.random import generator, normal

SPREAD = "genaug_lessons.evaluate.spread"


def toy():
    centres = torch.tensor([[-1.0, -1.0], [1.0, 1.0]])
    mixture = PlaneMixture(centres, 0.8, torch.tensor([0, 1]))
    return mixture.sample(120, rng=generator(0, machine.device()))


def small(shape, **settings):
    return Classifier(shape, network=Dense(8, dropout=0.3), **settings)


TOY = dict(repeats=3, labels_per_class=2, steps=20, make_classifier=small, show_progress=False)


@pytest.fixture
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)  # a worker of two has one on a machine of two cores
    yield
    torch.set_num_threads(before)


def bits(found):
    """All that a study found but its cost, as bytes."""
    weights = [
        weight.detach().cpu().numpy().tobytes()
        for ensemble in found.classifiers.values()
        for weight in ensemble.state_dict().values()
    ]
    return found.accuracies, found.question, weights, [*found.classifiers]


@pytest.mark.parametrize("backend", ["loky", "threading"])
def test_a_spread_study_is_the_study_run_here_to_the_bit(backend, two_threads):
    threads, precision = torch.get_num_threads(), torch.get_float32_matmul_precision()

    class Own(Classifier):  # known to this function alone
        def forward(self, x, rng=None):
            return self.network(-x, rng)

    def noisy(split, rng):  # a closure, as a notebook has it
        same = torch.get_num_threads(), torch.get_float32_matmul_precision()
        if same != (threads, precision) or rng.device != machine.device():
            raise RuntimeError(f"other surroundings: {same}")
        rows = split.labelled
        return data.Dataset(rows.x + normal(rows.x.shape, rng), rows.y, 2, rows.support)

    arms = [
        Arm("noisy", bank=noisy),
        Arm("mixup", transform=Mixup(2), share=1.0),
        Arm.duplicates(),
        Arm.more_labels(8),
        Arm(
            "own",
            start=lambda split, rng: Own(2, classes=2, network=Dense(8, dropout=0.3), rng=rng),
        ),
    ]
    here = study(arms, data=toy(), **TOY)
    with joblib.parallel_config(backend=backend, n_jobs=2):
        there = study(arms, data=toy(), **TOY)
    assert bits(there) == bits(here)
    assert there.seconds.keys() == here.seconds.keys()
    assert all(seconds > 0 for seconds in there.seconds.values())
    assert torch.get_num_threads() == threads


def test_nothing_is_spread_or_pickled_unless_it_is_asked_for():
    seen = []

    def bank(split, rng):
        seen.append((split, threading.get_ident(), lock))
        return split.labelled

    lock = threading.Lock()  # cannot be pickled
    study([Arm("own", bank=bank)], data=toy(), **TOY)
    assert len(seen) == 3
    assert {where for _, where, _ in seen} == {threading.get_ident()}


def test_what_cannot_be_sent_to_a_worker_is_named_before_anything_runs(monkeypatch):
    lock = threading.Lock()
    arms = [Arm.duplicates(), Arm("locked", bank=lambda split, _: lock and split.labelled)]
    monkeypatch.setattr(sys.modules[SPREAD], "_run_packed", None)
    with joblib.parallel_config(backend="threading", n_jobs=2):
        with pytest.raises(TypeError, match="arm 'locked' must consist of what can be sent"):
            study(arms, data=toy(), **TOY)


def test_the_bar_of_a_spread_study_counts_arms(monkeypatch):
    seen = []

    def count(items, total, label):
        for done, item in enumerate(items, start=1):
            seen.append((done, total, label))
            yield item

    monkeypatch.setattr(sys.modules[SPREAD], "progress", count)
    arms = [Arm.duplicates(), Arm.more_labels(8)]
    with joblib.parallel_config(backend="threading", n_jobs=2):
        study(arms, data=toy(), **{**TOY, "show_progress": True})
    assert seen == [(1, 3, "study"), (2, 3, "study"), (3, 3, "study")]


def test_errors_and_interrupts_of_a_worker_are_those_of_the_study():
    def leaking(split, rng):
        time.sleep(0.5)  # the other thread has finished by then: none may compute at the very end
        return split.test

    def stopped(split, rng):
        time.sleep(0.5)
        raise KeyboardInterrupt

    with joblib.parallel_config(backend="threading", n_jobs=2):
        with pytest.raises(Leak, match="arm 'leak' has seen 61 of the 61 rows"):
            study([Arm("leak", bank=leaking)], data=toy(), **TOY)
        with pytest.raises(KeyboardInterrupt):
            study([Arm("stop", bank=stopped)], data=toy(), **TOY)


@pytest.mark.parametrize("arm", [Arm.duplicates(0.3), Arm.more_labels(8)])
def test_the_package_s_own_arms_can_be_pickled_as_they_are(arm):
    copy = pickle.loads(pickle.dumps(arm))
    assert (copy.name, copy.share) == (arm.name, arm.share)
    split = data.split(toy(), labels_per_class=2)
    assert torch.equal(copy.bank(split, None).x, arm.bank(split, None).x)


def test_an_arm_runs_by_itself_as_within_a_study():
    splits = [data.split(toy(), labels_per_class=2, repeat=repeat) for repeat in range(3)]
    ticks = []
    arm = Arm("more", bank=Arm.more_labels(8).bank)
    result = run_arm(
        arm,
        splits,
        steps=20,
        make_classifier=small,
        settings={"lr": 0.01},
        tick=lambda: ticks.append(1),
    )
    found = study([arm], data=toy(), lr=0.01, **TOY)
    assert result.ensemble.accuracies(splits[0].test).tolist() == found.accuracies["more"]
    assert len(ticks) == 3
    assert result.seconds > 0
