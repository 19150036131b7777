"""What every model promises, tested over all of them by what they can do (see `kinds.py`)."""

import random
import re
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest
import torch
from kinds import (
    classifier,
    kinds,
    moons,
    moved,
    run,
    scramble,
    split,
    stacked,
    vae,
    weights,
)
from torch import nn

from genaug_lessons import augment, banks, data, evaluate
from genaug_lessons.ensemble import Ensemble, StackedData
from genaug_lessons.model import GradientUpdate
from genaug_lessons.models.classifier import Classifier
from genaug_lessons.models.likelihoods import Gaussian
from genaug_lessons.nn import BatchNorm, Dense, Dropout
from genaug_lessons.random import generator
from genaug_lessons.training import training_steps


def same(first, second):
    return first.keys() == second.keys() and all(
        torch.equal(value, second[name]) for name, value in first.items()
    )


@contextmanager
def global_randomness_untouched():
    def state():
        cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []
        tensors = [torch.get_rng_state(), *cuda]
        return [part.tolist() for part in tensors], repr(np.random.get_state()), random.getstate()  # noqa: NPY002

    before = state()
    yield
    assert state() == before


# trains


@kinds()
def test_same_generator_makes_the_same_weights(kind):
    assert same(weights(kind.new(seed=0)), weights(kind.new(seed=0)))


@kinds(but="em")  # which draws where it starts when it sees the data
def test_another_generator_makes_other_weights(kind):
    first = weights(kind.new(seed=0))
    drawn = {name for name, value in first.items() if value.ndim}  # a lone variance starts at 1
    if "chains" in kind.can:  # biases start at 0
        drawn = {name for name in drawn if name.endswith("W")}
    assert moved(kind.new(seed=1), first) == drawn - figures(kind.new())


def figures(model):
    """Names of the scales and shifts of normalisation, which start at 1 and 0."""
    kinds_of = (BatchNorm, nn.LayerNorm)
    layers = {name for name, layer in model.named_modules() if isinstance(layer, kinds_of)}
    return {name for name in weights(model) if name.rpartition(".")[0] in layers}


@kinds()
def test_same_generator_trains_the_same_way_and_another_differently(kind):
    def trained(seed):
        model = kind.new()
        return run(model, kind.data(), 3, seed).losses(), weights(model)

    (losses, first), (again, second), (others, third) = trained(0), trained(0), trained(1)
    assert losses == again
    assert same(first, second)
    assert losses != others
    assert not same(first, third)


@kinds()
def test_global_random_states_are_untouched(kind):
    of = kind.data()
    with global_randomness_untouched():
        model = kind.new()
        run(model, of, 2)
        if "samples" in kind.can:
            kind.sample(model, 4)
        if "classifies" in kind.can:
            model.predict(split().test.values[:4])


def test_evaluating_leaves_global_random_states_untouched():
    arms = [
        evaluate.Arm("affine", transform=augment.Affine()),
        evaluate.Arm("mixup", transform=augment.Mixup(10)),
        evaluate.Arm.duplicates(),
    ]
    settings = {"repeats": 2, "steps": 2, "show_progress": False}
    with global_randomness_untouched():
        result = evaluate.study(arms, data=data.digits(), **settings)
        evaluate.under_corruptions(result.classifiers["mixup"], split().test[:20], rng=generator(0))


def dropping(model, p):
    """The model with another probability of dropping wherever it drops values."""
    for part in model.modules():
        if isinstance(part, Dropout):
            part.p = p
    return model


@kinds()
def test_updates_move_every_parameter_that_is_not_frozen(kind):
    networks = "classifies" in kind.can and "em" not in kind.can
    model = scramble(dropping(kind.new(), 0.0) if networks else kind.new())
    before = weights(model)
    run(model, kind.data(), 2, **({} if "em" in kind.can else {"weight_decay": 0.1}))
    assert moved(model, before) == (before.keys() if "em" in kind.can else learning(model))


def learning(model):
    """Names of the parameters that are not frozen."""
    return {name for name, parameter in model.named_parameters() if parameter.requires_grad}


@kinds(but="em chains")
def test_an_objective_moves_its_own_parameters_and_no_others(kind):
    for model in getattr(kind.new(), "models", [kind.new()]):  # one of each class in PerClass
        scramble(model).train()
        names = {id(parameter): name for name, parameter in model.named_parameters()}
        batch = next(kind.data().batches(32, generator(0)))
        if model.classes is None:
            batch = data.Batch(batch.x)
        for objective in model.objectives():
            before = weights(model)
            update = GradientUpdate([objective], lr=0.1, betas=(0.9, 0.999), weight_decay=0.0)
            update(batch, generator(0))
            own = {names[id(parameter)] for parameter in objective.parameters}
            assert moved(model, before) == own & learning(model)


def test_a_class_without_rows_in_a_batch_leaves_its_own_model_alone():
    model = banks.PerClass(lambda: vae(generator(0), shape=2, likelihood=Gaussian()), classes=2)
    of, before = moons(), weights(model)
    run(model, of[of.y == 1], 1)
    assert {name.split(".")[1] for name in moved(model, before)} == {"1"}


@kinds()
def test_losses_are_finite_and_fall_unless_the_fall_of_one_is_the_rise_of_another(kind):
    settings = {} if "em" in kind.can else {"lr": 1e-2}
    for name, losses in run(kind.new(), kind.data(), 80, **settings).losses().items():
        assert np.isfinite(losses).all(), name
        if not kind.can & {"game", "chains"}:  # a free-energy gap: the data's less the chains'
            assert np.mean(losses[-10:]) < np.mean(losses[:10]), name


@kinds()
def test_a_run_stopped_halfway_leaves_a_usable_model_and_goes_on_as_if_never_stopped(kind):
    model, whole = kind.new(), kind.new()
    training = training_steps(model, kind.data(), steps=6, rng=generator(0))
    for step in training:
        if step.index == 3:
            break
    assert model.steps_done == 3
    assert all(len(losses) <= 3 for losses in training.losses().values())
    if "samples" in kind.can:
        assert kind.sample(model, 4).isfinite().all()
    if "classifies" in kind.can:
        model.predict(split().test.values[:4])
    assert [step.index for step in training] == [4, 5, 6]
    run(whole, kind.data(), 6)
    assert same(model.state_dict(), whole.state_dict())


@kinds()
def test_a_trained_model_is_trained_further_only_on_request(kind):
    model = kind.new()
    run(model, kind.data(), 2)
    before = weights(model)
    with pytest.raises(ValueError, match="already trained for 2 steps: pass resume=True"):
        run(model, kind.data(), 2)
    assert same(weights(model), before)
    run(model, kind.data(), 2, resume=True)
    assert model.steps_done == 4
    assert moved(model, before)


@kinds()
def test_an_unknown_setting_is_named_with_those_there_are(kind):
    known = [] if "em" in kind.can else ["batch_size", "betas", "lr", "schedule", "weight_decay"]
    known += ["discriminator_steps", "players"] if "game" in kind.can else []
    if "chains" in kind.can:
        known.remove("betas")
        known += ["gibbs_steps", "momentum", "persistent_chains"]
    known += ["layers"] if "stack" in kind.can else []
    said = re.escape(f"does not know the setting 'learning_rate'; it has {sorted(known)}")
    with pytest.raises(ValueError, match=said):
        run(kind.new(), kind.data(), 1, learning_rate=0.9)


@kinds()
def test_a_model_remembers_the_rows_it_was_trained_on(kind):
    model, of = kind.new(), kind.data()
    assert model.seen is None
    run(model, of, 1)
    assert model.seen.tolist() == sorted(set(of.ids.tolist()))


@kinds()
def test_a_saved_model_remembers_its_rows_and_its_steps(kind, tmp_path):
    model, again = kind.new(), kind.new(seed=1)
    run(model, kind.data(), 2)
    torch.save(model.state_dict(), tmp_path / "model.pt")
    again.load_state_dict(torch.load(tmp_path / "model.pt", weights_only=True))
    assert same(weights(again), weights(model))
    assert (again.steps_done, again.seen.tolist()) == (2, model.seen.tolist())
    with pytest.raises(ValueError, match="already trained for 2 steps"):
        run(again, kind.data(), 1)
    if "classifies" in kind.can:
        with pytest.raises(data.Leak, match="has seen 50 of the 50 rows"):
            (again.accuracies if again.stack else again.accuracy)(split().labelled)


@kinds()
def test_a_model_saved_before_any_training_has_seen_nothing(kind):
    model = kind.new()
    model.load_state_dict(kind.new(seed=1).state_dict())
    assert (model.steps_done, model.seen) == (0, None)


@kinds()
def test_a_state_without_the_rows_seen_is_loaded_with_a_warning(kind):
    model, again = kind.new(), kind.new(seed=1)
    state = {name: value for name, value in model.state_dict().items() if "_extra" not in name}
    with pytest.warns(UserWarning, match="does not say which rows it has seen"):
        again.load_state_dict(state)
    assert same(weights(again), weights(model))
    assert (again.steps_done, again.seen) == (0, None)


def test_a_model_that_goes_on_with_other_rows_remembers_both():
    model, (first, second) = vae(generator(0)), (split().pool[:20], split().pool[10:30])
    run(model, first, 1)
    run(model, second, 1, resume=True)
    assert model.seen.tolist() == sorted(split().pool.ids[:30].tolist())


@kinds()
def test_a_test_half_is_refused_before_anything_is_trained(kind):
    model = kind.new()
    halves = data.halves(moons() if model.shape == (2,) else data.digits())
    if model.stack:
        whole, part = (half[:800] for half in halves)  # one test half of several is enough
        halves = [StackedData([whole, whole, last]) for last in (whole, part)]
    train, test = halves
    with pytest.raises(data.Leak, match="must not be a test half"):
        run(model, test, 1)
    assert model.steps_done == 0
    assert model.seen is None
    run(model, train, 1)


# classifies


@kinds(can="classifies")
def test_scoring_on_rows_that_were_trained_on_is_a_leak(kind):
    model = kind.new()
    run(model, kind.data(), 1)
    score = model.accuracies if model.stack else model.accuracy
    score(split().test)
    mixed = data.join(split().labelled[:1], split().test)
    for rows, seen in ((split().labelled, 50), (mixed, 1)):
        with pytest.raises(data.Leak, match=f"has seen {seen} of the {len(rows)} rows"):
            score(rows)


@kinds(can="classifies")
def test_accuracy_is_the_share_of_right_predictions(kind):
    em, test = "em" in kind.can, split().test[:200]
    model = dropping(kind.new(), 0.0)
    run(model, kind.data(), 100, **({} if em else {"lr": 1e-2}))
    score = model.accuracies if model.stack else model.accuracy
    rights = [(labels == test.y).tolist() for labels in model.predict(test.values).view(-1, 200)]
    shares = [sum(right) / 200 for right in rights]
    assert torch.as_tensor(score(test)).view(-1).tolist() == pytest.approx(shares)
    assert min(shares) > 0.3  # a guess has 0.1, three standard errors 0.06


@kinds(can="classifies", but="em")
def test_dropout_follows_the_generator_and_rests_while_predicting(kind):
    model, batch = dropping(kind.new(), 0.5), next(kind.data().batches(32, generator(0)))
    model.train()
    first, again, other = (model(batch.x, generator(seed)) for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    test = split().test.values[:50]
    assert torch.equal(model.predict(test), model.predict(test))
    assert not model.training


def test_an_ensemble_of_trained_classifiers_remembers_what_they_saw():
    members = [classifier(generator(seed)) for seed in range(3)]
    run(members[0], split().labelled, 2)
    together = Ensemble(members)
    with pytest.raises(data.Leak, match="the ensemble has seen 50 of the 50 rows"):
        together.accuracies(split().labelled)
    with pytest.raises(ValueError, match="resume=True"):
        run(together, stacked(), 1)


# samples


@kinds(can="samples")
def test_same_generator_draws_the_same_sample_within_the_support(kind):
    model = scramble(kind.new())
    x = kind.sample(model, 7)
    assert x.shape == (7, *model.shape)
    assert torch.equal(x, kind.sample(model, 7))
    assert not torch.equal(x, kind.sample(model, 7, seed=1))
    data.Dataset(x, support=model.support)  # raises where values leave the support


@kinds(can="labels")
def test_a_bank_made_from_test_rows_is_a_leak_wherever_it_is_used(kind):
    model, (train, test) = kind.new(), data.halves(kind.data())
    run(model, replace(test, held_out=False), 1)
    bank = banks.bank(model, per_class=2, rng=generator(0))
    with pytest.raises(data.Leak, match="the bank has seen"):
        evaluate.classification_accuracy_score(bank, test, steps=1, rng=generator(0))
    judge = Classifier(train.shape, classes=train.classes, network=Dense(4), rng=generator(0))
    real = replace(train[train.y >= 0], support=bank.support)
    run(judge, augment.Augmented(real, bank=bank), 1)
    with pytest.raises(data.Leak, match="the classifier has seen"):
        judge.accuracy(test[test.y >= 0])


@kinds(can="labels")
def test_samples_follow_the_labels_asked_for(kind):
    model, last = scramble(kind.new()), kind.new().classes - 1
    labels = torch.tensor([last, 0, last, last, 0, last, 0, 0, last])

    def sample(label):
        return model.sample(9, label=label, rng=generator(0))

    mixed = sample(labels)
    assert torch.equal(sample(0), sample(torch.zeros(9, dtype=torch.int64)))
    assert not torch.equal(sample(0), sample(last))
    if isinstance(model, banks.PerClass):  # which draws the rows of one label together
        assert not torch.equal(mixed, sample(labels.flip(0)))
        return
    for label in (0, last):
        torch.testing.assert_close(mixed[labels == label], sample(label)[labels == label])


# encodes


@kinds(can="encodes")
def test_codes_have_one_mean_and_one_variance_for_each_latent_and_nothing_random(kind):
    model, of = scramble(kind.new()), kind.data()[:5]
    label = None if model.classes is None else of.y.clamp_min(0)
    mean, log_var = model.encode(of.values, label)
    assert mean.shape == log_var.shape == (5, model.latent)
    assert torch.equal(mean, model.encode(of.values, label)[0])


# reconstructs


@kinds(can="reconstructs")
def test_reconstructions_are_within_the_support_and_nothing_about_them_is_random(kind):
    model, x = scramble(kind.new()).train(), kind.data()[:5].values
    z, again = model.encode(x), model.reconstruct(x)
    assert z.shape == (5, model.latent)
    assert torch.equal(model.decode(z), again)
    assert again.shape == x.shape
    data.Dataset(again.detach(), support=model.support)  # raises where values leave the support
    errors = model.reconstruction_error(x)
    assert errors.shape == (5,)
    assert (errors > 0).all()


# has a density


@kinds(can="density")
def test_a_density_is_a_number_for_each_example_whatever_stands_beside_it(kind):
    model, x = kind.new(), kind.data()[:5].values
    run(model, kind.data(), 2)
    found = model.log_density(x)
    assert found.shape == (5,)
    assert found.isfinite().all()
    assert torch.equal(found, model.log_density(x))
    torch.testing.assert_close(model.log_density(x[2:3]), found[2:3])


# shapes


@kinds(can="shapes")
def test_shape_may_be_a_number_or_a_tuple(kind):
    flat, number, pair = (kind.new(shape=shape) for shape in ((64,), 64, (4, 16)))
    assert number.shape == (64,)
    assert same(weights(flat), weights(number))
    assert same(weights(flat), weights(pair))
    for model in (number, pair):
        of = kind.data()
        x = of.x.view(-1, *model.shape)
        run(model, data.Dataset(x, of.y, of.classes, of.support), 1)
        if "samples" in kind.can:
            assert kind.sample(model, 3).shape == (3, *model.shape)
