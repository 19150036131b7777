"""The loop: an iterator of steps, its learning rate, its history, and what an interrupt leaves."""

import math
import os
import signal
import threading

import pytest
import torch
from kinds import (
    KINDS,
    LinearAutoencoder,
    classifier,
    gan,
    moons,
    moved,
    run,
    scramble,
    split,
    vae,
    weights,
)
from torch import nn

from genaug_lessons import data, progress
from genaug_lessons.model import GradientUpdate, Model, Objective, Update
from genaug_lessons.models.vae import VAE
from genaug_lessons.nn import Dense
from genaug_lessons.random import generator, normal
from genaug_lessons.training import fit, training_steps

BETAS = (0.9, 0.999)


class Duel(Model):
    """Two players with a parameter each: one lowers (a - b)^2, the other raises it."""

    def __init__(self):
        super().__init__(2)
        self.a, self.b = nn.Parameter(torch.tensor(1.0)), nn.Parameter(torch.tensor(-1.0))
        self.to(generator(0).device)

    def objectives(self):
        def gap(batch, rng):
            return (self.a - self.b).square() + 0 * batch.x.sum()

        return [
            Objective("near", [self.a], gap),
            Objective("far", [self.b], lambda batch, rng: -gap(batch, rng)),
        ]


def points(rows=8):
    return data.Dataset(normal((rows, 2), generator(1)))  # another state than that of `steps`


def steps(model, of, count, **arguments):
    return training_steps(model, of, steps=count, rng=generator(0), **arguments)


def step_size(training):
    """How far the next update moves the duel's first parameter."""
    before = training.model.a.item()
    next(training)
    return abs(training.model.a.item() - before)


# the update


@pytest.mark.parametrize("weight_decay", [0.0, 0.1])
def test_updates_are_those_of_torchs_adam_on_the_same_gradients(weight_decay):
    model, twin = (scramble(classifier(generator(0))).double() for _ in range(2))
    settings = {"lr": 0.01, "betas": (0.8, 0.99)}
    update = GradientUpdate(model.objectives(), weight_decay=weight_decay, **settings)
    kind = torch.optim.AdamW if weight_decay else torch.optim.Adam
    theirs = kind(twin.parameters(), weight_decay=weight_decay, **settings)
    x, y = split().labelled.values.double(), split().labelled.y
    for _ in range(4):
        loss = update(data.Batch(x, y), generator(0))["cross-entropy"]
        theirs.zero_grad()
        expected = nn.functional.cross_entropy(twin(x), y)
        expected.backward()
        theirs.step()
        torch.testing.assert_close(loss, expected.detach())
    for mine, other in zip(model.parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(mine, other, rtol=0, atol=1e-12)


def test_updates_are_adams_formula_written_out():
    model, gradient_of = Duel(), lambda a, b: 2 * (a - b)
    a, b, m, v = 1.0, -1.0, 0.0, 0.0
    update = GradientUpdate(model.objectives()[:1], lr=0.1, betas=BETAS, weight_decay=0.0)
    for t in range(1, 6):
        g = gradient_of(a, b)
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
        a -= 0.1 * (m / (1 - 0.9**t)) / (math.sqrt(v / (1 - 0.999**t)) + 1e-8)
        update(next(points().batches(4, generator(0))), generator(0))
        assert model.a.item() == pytest.approx(a, rel=1e-5)
    assert model.b.item() == -1


def test_objectives_take_turns_and_the_second_sees_what_the_first_did():
    training = steps(Duel(), points(), 1, lr=0.5)
    losses = next(training).losses
    assert losses["near"].item() == pytest.approx(4.0)  # a = 1, b = -1
    assert losses["far"].item() == pytest.approx(-2.25)  # a = 0.5 by now
    assert (training.model.a.item(), training.model.b.item()) == pytest.approx((0.5, -1.5))


def trained_autoencoder(einsum):
    points_of_plane = data.Dataset(normal((60, 5), generator(1)) @ normal((5, 8), generator(2)))
    model = LinearAutoencoder(generator(0), shape=8, einsum=einsum)
    return run(model, points_of_plane, 400, lr=1e-2)


def test_a_gradient_laid_out_unlike_its_weights_is_applied_where_it_belongs():
    by_einsum, by_products = trained_autoencoder(True), trained_autoencoder(False)
    for theirs, mine in zip(
        by_products.model.parameters(), by_einsum.model.parameters(), strict=True
    ):
        torch.testing.assert_close(mine, theirs)
    losses = by_einsum.losses()["squared error"]
    assert losses[-1] < 0.3 * losses[0]


def test_hooks_on_weights_see_every_gradient_of_their_own_objective_and_no_other():
    model, seen = Duel(), []
    model.a.register_post_accumulate_grad_hook(lambda own: seen.append(("a", own.grad.item())))
    model.b.register_post_accumulate_grad_hook(lambda own: seen.append(("b", own.grad.item())))
    next(steps(model, points(), 1, lr=0.5))
    assert seen == [
        ("a", 4.0),
        ("b", pytest.approx(3.0)),
    ]  # of (a - b)^2 at a = 1, then 0.5; b = -1


def test_frozen_weights_stay_whatever_the_decay_and_can_be_thawed():
    model = vae(generator(0))
    model.encoder.requires_grad_(False)
    training, before = steps(model, split().pool, 9, weight_decay=0.5), weights(model)
    next(training)
    assert {name.split(".")[0] for name in moved(model, before)} == {"decoder"}
    model.encoder.requires_grad_(True)
    next(training)
    assert moved(model, before) == before.keys()
    model.decoder.requires_grad_(False)
    before = weights(model)
    next(training)
    assert {name.split(".")[0] for name in moved(model, before)} == {"encoder"}


def test_a_player_that_is_frozen_throughout_leaves_the_other_to_learn():
    model = gan(generator(0), shape=2)
    model.discriminator.requires_grad_(False)
    before = weights(model)
    losses = run(model, moons(), 3).losses()
    assert {name.split(".")[0] for name in moved(model, before)} == {"generator"}
    assert losses.keys() == {"discriminator", "generator"}


def test_a_model_that_is_frozen_throughout_is_refused():
    model = vae(generator(0)).requires_grad_(False)
    with pytest.raises(ValueError, match="must have parameters to train, got only frozen ones"):
        run(model, split().pool, 1)
    assert model.seen is None


# the iterator


def test_nothing_is_trained_until_somebody_asks_for_a_step():
    model = vae(generator(0))
    before = weights(model)
    training = steps(model, split().pool, 3)
    assert moved(model, before) == set()
    assert model.steps_done == training.index == 0
    next(training)
    assert moved(model, before)
    assert model.steps_done == training.index == 1


def test_steps_are_numbered_from_one_to_the_last_and_then_it_is_over():
    training = steps(vae(generator(0)), split().pool, 4)
    assert [step.index for step in training] == [1, 2, 3, 4]
    assert list(training) == []
    assert training.model.steps_done == 4


def test_a_model_is_ready_for_use_between_any_two_steps():
    training = steps(
        classifier(generator(0), network=Dense(16, 8, dropout=0.5)), split().labelled, 2
    )
    for _ in training:
        assert not training.model.training


def test_history_holds_the_losses_of_every_step():
    training, said = steps(vae(generator(0)), split().pool, 5), []
    for step in training:
        said.append(step.losses["negative ELBO"].item())
        assert not step.losses["negative ELBO"].requires_grad
        assert training.losses() == {"negative ELBO": said}


def test_fit_is_the_iterator_run_to_its_end():
    first, second = vae(generator(0)), vae(generator(0))
    training = run(first, split().pool, 5)
    other = steps(second, split().pool, 5)
    list(other)
    assert training.losses() == other.losses()
    assert moved(first, weights(second)) == set()
    assert training.model is first


def test_a_training_says_how_far_it_is_and_not_every_number_it_holds():
    training = steps(classifier(generator(0)), split().labelled, 3)
    next(training)
    assert repr(training) == "Training of Classifier: 1 of 3 steps"


def test_a_bare_tensor_trains_a_model_that_needs_no_labels():
    first, second = vae(generator(0)), vae(generator(0))
    run(first, split().pool.values, 2)
    run(second, split().pool, 2)
    assert moved(first, weights(second)) == set()


class Watched(Duel):
    """A duel whose update takes several batches at once and keeps what it is handed."""

    def updater(self, **settings):
        update = WatchedUpdate(self.objectives(), **settings)
        update.batches_per_update = self.batches_per_update
        return update


class WatchedUpdate(GradientUpdate):
    def __call__(self, batch, rng):
        self.handed = [*getattr(self, "handed", []), batch.x]
        return super().__call__(batch, rng)


@pytest.mark.parametrize("batches", [1, 3])
def test_an_update_is_handed_the_rows_of_all_its_batches_at_once(batches):
    model = Watched()
    model.batches_per_update = batches
    training = steps(model, points(24), 2, batch_size=4)
    list(training)
    assert [len(x) for x in training.update.handed] == [4 * batches] * 2
    assert len(torch.cat(training.update.handed).unique(dim=0)) == 8 * batches  # no row twice


# the learning rate


def test_the_first_update_moves_by_the_learning_rate():
    assert step_size(steps(Duel(), points(), 9, lr=0.25)) == pytest.approx(0.25, rel=1e-5)


def test_changing_the_learning_rate_changes_the_very_next_update():
    slow, fast = (steps(Duel(), points(), 9, lr=0.01) for _ in range(2))
    assert step_size(slow) == step_size(fast)
    fast.lr = 0.05
    assert step_size(fast) == pytest.approx(5 * step_size(slow), rel=1e-2)
    fast.lr, before = 0.0, weights(fast.model)
    next(fast)
    assert moved(fast.model, before) == set()


def test_a_rate_is_a_number():
    training = steps(Duel(), points(), 2)
    for wrong in (-0.1, math.nan, math.inf):
        with pytest.raises(ValueError, match="lr must be"):
            training.lr = wrong
    with pytest.raises(TypeError, match=r"lr must be a number, got '0\.1'"):
        training.lr = "0.1"
    assert training.lr == 1e-3


def test_each_objective_follows_its_own_learning_rate():
    training = steps(Duel(), points(), 9, lr=0.25)
    assert training.rates == {"near": 0.25, "far": 0.25}
    training.rates["far"], before = 0.0, weights(training.model)
    next(training)
    assert moved(training.model, before) == {"a"}
    training.rates.update(near=0.0, far=0.1)
    before = weights(training.model)
    next(training)
    assert moved(training.model, before) == {"b"}
    assert (training.lr, training.rates["far"]) == (0.0, 0.1)
    training.lr = 0.5
    assert training.rates == {"near": 0.5, "far": 0.5}


def test_every_objectives_rate_follows_the_schedule():
    training = steps(Duel(), points(), 10, lr=0.1, schedule="cosine")
    training.rates["far"] = 0.4
    for done, _ in enumerate(training):
        near, far = (each.param_groups[0]["lr"] for each in training.update.optimizers)
        assert far == pytest.approx(4 * near)
        assert near == pytest.approx(0.05 * (1 + math.cos(math.pi * done / 10)))


def test_a_cosine_schedule_falls_from_the_whole_rate_to_nothing():
    training = steps(Duel(), points(), 50, lr=0.1, schedule="cosine")
    rates = [training.update.optimizers[0].param_groups[0]["lr"] for _ in training]
    expected = [0.05 * (1 + math.cos(math.pi * done / 50)) for done in range(50)]
    assert rates == pytest.approx(expected)
    assert rates[-1] < 0.1 / 500


class Counting(Model):
    """A model with updates of its own, without a learning rate; it keeps the batches it got."""

    defaults = {}

    def __init__(self):
        super().__init__(2)
        self.total, self.batches = nn.Parameter(torch.zeros(())), []
        self.to(generator(0).device)

    def updater(self):
        return CountingUpdate(self.batches)


class CountingUpdate(Update):
    def __init__(self, batches):
        self.batches_handed = batches

    def __call__(self, batch, rng):
        self.batches_handed.append(batch)
        return {"rows": torch.tensor(len(batch.x))}


class AveragedUpdate(Update):
    """Any update, and an average of the weights that it leaves behind (EMA)."""

    def __init__(self, update, model, decay):
        self.update, self.model, self.decay = update, model, decay
        self.names, self.batches_per_update = update.names, update.batches_per_update
        self.average = [weight.detach().clone() for weight in model.parameters()]

    def __call__(self, batch, rng):
        losses = self.update(batch, rng)
        for mean, weight in zip(self.average, self.model.parameters(), strict=True):
            mean.lerp_(weight.detach(), 1 - self.decay)
        return losses

    def set_rates(self, rates):
        self.update.set_rates(rates)

    def state_dict(self):
        return {"update": self.update.state_dict(), "average": self.average}

    def load_state_dict(self, state):
        self.update.load_state_dict(state["update"])
        self.average = state["average"]


class AveragedVAE(VAE):
    def updater(self, **settings):
        return AveragedUpdate(super().updater(**settings), self, decay=0.75)


def test_an_average_of_the_weights_is_an_update_around_another():
    model, alone = (
        kind((1, 8, 8), network=Dense(8), latent=2, rng=generator(0)) for kind in (AveragedVAE, VAE)
    )
    training, path = steps(model, split().pool, 4), [weights(model)]
    for _ in training:
        path.append(weights(model))
    run(alone, split().pool, 4)
    assert moved(model, weights(alone)) == set()
    shares = [0.75**4, *(0.25 * 0.75 ** (3 - step) for step in range(4))]
    for mean, name in zip(training.update.average, path[0], strict=True):
        expected = sum(share * each[name] for share, each in zip(shares, path, strict=True))
        torch.testing.assert_close(mean, expected)


def test_a_training_that_goes_back_takes_the_average_with_it():
    model = AveragedVAE((1, 8, 8), network=Dense(8), latent=2, rng=generator(0))
    training = steps(model, split().pool, 9)
    next(training)
    kept = [mean.clone() for mean in training.update.average]
    training.copies.keep(training.index, {})
    next(training)
    assert not all(map(torch.equal, kept, training.update.average))
    training.copies.restore()
    assert all(map(torch.equal, kept, training.update.average))


def test_a_family_without_a_batch_size_gets_all_rows_as_they_stand_in_every_update():
    of, model = points(), Counting()
    training = steps(model, of, 3)
    assert training.rates == {}
    assert [step.losses["rows"].item() for step in training] == [8, 8, 8]
    assert all(torch.equal(batch.x, of.x) for batch in model.batches)


def test_rows_without_labels_are_known_as_such_when_all_come_at_once():
    of = data.join(split().labelled, split().pool[:5])
    batch = next(of.batches(None, generator(0)))
    assert (len(batch.x), batch.labelled) == (55, False)
    assert torch.equal(batch.y, of.y)


def test_a_family_without_learning_rates_says_so():
    training = steps(Counting(), points(), 2)
    with pytest.raises(AttributeError, match="Counting is trained without a learning rate"):
        training.lr  # noqa: B018
    with pytest.raises(AttributeError, match="Counting is trained without a learning rate"):
        training.lr = 0.1


def test_a_constant_schedule_stays():
    training = steps(Duel(), points(), 5, lr=0.1, schedule="constant")
    assert {training.update.optimizers[1].param_groups[0]["lr"] for _ in training} == {0.1}


def test_every_class_of_a_per_class_model_follows_the_learning_rate():
    kind = next(kind for kind in KINDS if kind.name == "per class")
    training = steps(kind.new(), kind.data(), 3)
    next(training)
    before = weights(training.model)
    training.lr = 0.0
    next(training)
    assert moved(training.model, before) == set()


# monitors


def test_monitors_look_every_so_often_and_at_the_end():
    looks = {"done": lambda model: model.steps_done, "left": lambda model: 7 - model.steps_done}
    training = steps(Duel(), points(), 7, monitors=looks, monitor_every=3)
    three, six, seven = ({"done": done, "left": 7 - done} for done in (3, 6, 7))
    assert [step.monitors for step in training] == [{}, {}, three, {}, {}, six, seven]
    assert training.monitored == {
        "done": [(3, 3), (6, 6), (7, 7)],
        "left": [(3, 4), (6, 1), (7, 0)],
    }


# interrupts


def interrupt(model):
    os.kill(os.getpid(), signal.SIGINT)


def test_an_interrupt_ends_fit_after_the_step_under_way(capsys):
    model, before = vae(generator(0)), signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        run(model, split().pool, 50, monitors={"stop": interrupt}, monitor_every=3)
    assert model.steps_done == 3
    assert "interrupted after 3 of 50 steps; the model can be used" in capsys.readouterr().out
    assert signal.getsignal(signal.SIGINT) is before
    assert model.sample(2, rng=generator(0)).isfinite().all()
    run(model, split().pool, 2, resume=True)
    assert model.steps_done == 5


def test_an_interrupt_between_steps_of_the_readers_own_loop_loses_nothing():
    training = steps(vae(generator(0)), split().pool, 6)
    with pytest.raises(KeyboardInterrupt):
        for step in training:
            if step.index == 2:
                raise KeyboardInterrupt
    list(training)
    whole = vae(generator(0))
    run(whole, split().pool, 6)
    assert moved(whole, weights(training.model)) == set()


def test_a_quiet_fit_prints_nothing_and_a_bar_leaves_nothing_behind(capsys):
    run(Duel(), points(), 3)
    fit(Duel(), points(), steps=3, rng=generator(0))
    assert capsys.readouterr() == ("", "")


def test_a_bar_in_a_notebook_counts_the_steps_and_empties_itself(monkeypatch):
    shown = []

    class Handle:
        def update(self, content, raw):
            shown.append(content["text/html"])

    monkeypatch.setattr(progress, "_in_notebook", lambda: True)
    monkeypatch.setattr(progress, "REDRAW_SECONDS", -1)  # at every step
    monkeypatch.setattr("IPython.display.display", lambda *_, **__: Handle())
    assert list(progress.progress("abc", 3, "R&B")) == ["a", "b", "c"]
    assert [html.split(", about")[0] for html in shown[:2]] == [
        f'<progress value="{done}" max="3"></progress> R&amp;B: {done} of 3' for done in (1, 2)
    ]
    assert shown[-1] == ""
    left_early = progress.progress("abc", 3, "left early")
    next(left_early), next(left_early)
    assert shown[-1] != ""
    left_early.close()
    assert shown[-1] == ""


def test_a_bar_in_a_notebook_expects_the_steps_to_come_to_take_as_long_as_those_made(monkeypatch):
    shown = []

    class Handle:
        def update(self, content, raw):
            shown.append(content["text/html"])

    clock = iter([100, 102, 104, 112, 116, 120])  # at the start, then after each step
    monkeypatch.setattr(progress, "_in_notebook", lambda: True)
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(clock))
    monkeypatch.setattr("IPython.display.display", lambda *_, **__: Handle())
    list(progress.progress("abcde", 5, "VAE"))
    left = [html.split("about ")[1] for html in shown[:-1]]
    assert left == [f"{seconds} s left" for seconds in (8, 6, 8, 4, 0)]


def test_training_in_another_thread_leaves_the_interrupt_alone():
    before = signal.getsignal(signal.SIGINT)
    worker = threading.Thread(target=run, args=(model := Duel(), points(), 3))
    worker.start()
    worker.join()
    assert model.steps_done == 3
    assert signal.getsignal(signal.SIGINT) is before


def test_an_error_in_a_step_reaches_the_reader_and_gives_the_interrupt_back():
    def broken(model):
        raise RuntimeError("a monitor of the reader's own")

    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(RuntimeError, match="the reader's own"):
        run(Duel(), points(), 3, monitors={"broken": broken}, monitor_every=1)
    assert signal.getsignal(signal.SIGINT) is before
