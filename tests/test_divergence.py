"""A run whose numbers run away is stopped, says so, and leaves the last model that went well."""

import math
from copy import deepcopy

import pytest
import torch
from kinds import kinds, moons, moved, rbm, run, split, vae, weights
from test_training import Duel, points, steps

from genaug_lessons import evaluate
from genaug_lessons.banks import PerClass
from genaug_lessons.copies import Copies
from genaug_lessons.models.likelihoods import Gaussian
from genaug_lessons.random import generator
from genaug_lessons.training import Diverged
from genaug_lessons.widgets import LiveTraining

INFINITE = float("inf")
over_players = pytest.mark.parametrize("player", ["near", "far"])


class Runaway(Duel):
    """A duel in which one loss is another one from a step on; the weights stay finite.

    Or at some steps only: `wrong_at` holds those that were done before them.
    """

    def __init__(self, from_step, loss=math.nan, player="near"):
        super().__init__()
        self.wrong_at, self.loss, self.player = range(from_step, 10**9), loss, player

    def objectives(self):
        def runaway(objective):
            def loss(batch, rng):
                added = self.loss if self.steps_done in self.wrong_at else 0
                return objective.loss(batch, rng) + added

            return objective._replace(loss=loss) if objective.name == self.player else objective

        return [runaway(objective) for objective in super().objectives()]


def whole(done, far=1e-3):
    """The weights of a duel after so many steps, at this rate of the second player."""
    training = steps(Duel(), points(), 10)
    training.rates["far"] = far
    for _ in range(done):
        next(training)
    return weights(training.model)


@over_players
@pytest.mark.parametrize("loss", [math.nan, INFINITE, -INFINITE])
def test_a_loss_that_is_not_finite_stops_the_loop_and_says_where_and_what_to_try(loss, player):
    training = steps(Runaway(4, loss, player), points(), 10, lr=0.25)
    training.rates["near"] = 0.125  # advice goes by the larger one
    said = f"^{player} is {loss} at step 5 of 10: .* back at step 0, .* try lr below 0.25, or data"
    with pytest.raises(Diverged, match=said):
        list(training)
    assert issubclass(Diverged, FloatingPointError)


@over_players
def test_the_model_goes_back_to_where_its_losses_were_still_finite_and_can_go_on(player):
    training = steps(Runaway(5, player=player), points(), 10)
    training.rates["far"] = 0.5  # at equal rates their distance, and every gradient, is one
    said = f"{player} is nan at step 6 of 10: training is back at step 4"
    with pytest.raises(Diverged, match=said):
        for _ in training:
            training.copies.due_at = 0.0  # as if steps were slow: a copy of each
    model = training.model
    assert training.index == model.steps_done == 4  # those of step 5 gave the loss at step 6
    assert training.losses().keys() == {"near", "far"}
    assert [len(losses) for losses in training.losses().values()] == [4, 4]
    assert moved(model, whole(4, far=0.5)) == set()
    assert not model.training
    model.wrong_at = ()
    assert [step.index for step in training] == [5, 6, 7, 8, 9, 10]
    assert moved(model, whole(10, far=0.5)) == set()


def test_looks_at_lost_steps_are_lost_with_them():
    looks = {"done": lambda model: model.steps_done}
    training = steps(Runaway(5), points(), 10, monitors=looks, monitor_every=1)
    with pytest.raises(Diverged):
        for _ in training:
            training.copies.due_at = 0.0
    assert training.monitored == {"done": [(1, 1), (2, 2), (3, 3), (4, 4)]}
    training = steps(Runaway(2), points(), 10, monitors=looks, monitor_every=2)
    shown = LiveTraining(training)
    with pytest.raises(Diverged):
        shown.run()
    assert training.monitored == {}
    assert shown.sentence() == "failed at step 0 of 10"
    assert shown.figure.png()


def test_one_can_go_back_to_a_copy_more_than_once():
    training = steps(Duel(), points(), 10)
    next(training)
    copies = Copies(training.model, training.update)
    copies.keep(1, {})

    def moments():
        memory = training.update.state_dict()
        return [memory[turn]["state"][0]["exp_avg"].item() for turn in (0, 1)]

    before, kept = weights(training.model), moments()
    for _ in range(3):
        next(training)
        assert moments() != kept
        copies.restore()
        assert moments() == kept and moved(training.model, before) == set()


@pytest.mark.parametrize("done", [5, 6, 7, 8])
def test_losses_that_only_some_steps_have_go_back_with_the_others(done):
    of_two = PerClass(lambda: vae(generator(0), shape=2, likelihood=Gaussian()), classes=2)
    training = steps(of_two, moons(), 9, batch_size=1)  # a loss of one class in each
    for _ in range(done):
        before, remembered = training.losses(), deepcopy(training.update.state_dict())
        next(training)
        training.copies.due_at = 0.0
    next(of_two.parameters()).data.fill_(math.nan)
    with pytest.raises(Diverged, match=f"after step {done}: training is back at step {done - 1}"):
        next(training)
    assert training.losses() == before and len(before) == 2
    torch.testing.assert_close(training.update.state_dict(), remembered, rtol=0, atol=0)


def test_weights_that_run_away_in_the_last_step_are_noticed():
    training = steps(Duel(), points(), 1)
    training.rates["far"] = 1e300
    with pytest.raises(Diverged, match=r"^b is not finite after step 1: .* back at step 0"):
        list(training)
    assert training.model.b.item() == -1.0


def test_weights_that_are_not_finite_at_first_are_not_trained():
    model = vae(generator(0))
    *_, (name, last) = model.named_parameters()
    last.data[-1] = math.nan  # one number of all
    with pytest.raises(Diverged, match=f"^{name} is not finite after step 0"):
        next(steps(model, split().pool, 3))
    assert model.steps_done == 0


@over_players
@pytest.mark.parametrize("copies_from", [0, 8])
def test_losses_on_other_devices_are_looked_at_when_a_copy_is_made(
    monkeypatch, copies_from, player
):
    monkeypatch.setattr("genaug_lessons.training.AT_ONCE", ())
    training = steps(Runaway(5, player=player), points(), 20)
    training.model.wrong_at = (5,)  # long gone when somebody looks
    with pytest.raises(Diverged, match=f"{player} is nan at step"):
        for step in training:
            training.copies.due_at = 0.0 if step.index >= copies_from else INFINITE
    assert training.index == (4 if copies_from == 0 else 0)
    assert moved(training.model, whole(training.index)) == set()


@over_players
def test_losses_on_other_devices_are_looked_at_in_the_end(monkeypatch, player):
    monkeypatch.setattr("genaug_lessons.training.AT_ONCE", ())
    training = steps(Runaway(5, player=player), points(), 9)
    training.model.wrong_at = (5,)
    with pytest.raises(Diverged, match=f"{player} is nan at step"):
        for _ in training:
            training.copies.due_at = INFINITE
    assert training.index == 0


@kinds(but="em")
def test_a_rate_far_too_high_is_noticed_in_every_family_or_leaves_finite_weights(kind):
    model = kind.new()
    try:
        run(model, kind.data(), 60, lr=1e25)
    except Diverged:
        assert model.steps_done < 60
    assert all(weight.isfinite().all() for weight in weights(model).values())
    if "samples" in kind.can and model.steps_done < 60:
        assert kind.sample(model, 5).isfinite().all()


@pytest.mark.parametrize("settings", [{}, {"momentum": 0.5}, {"persistent_chains": 0}])
def test_a_gaussian_rbm_whose_chains_run_away_is_stopped_where_it_can_draw(settings):
    model = rbm(generator(0), shape=2, visible="gaussian")
    with pytest.raises(Diverged, match=r"free-energy gap is .* try lr below 50"):
        run(model, moons(), 2000, lr=50.0, **settings)
    assert model.sample(9, rng=generator(0)).isfinite().all()


def test_a_fit_that_diverged_can_be_run_again_with_a_lower_rate():
    model = vae(generator(0))
    with pytest.raises(Diverged):
        run(model, split().pool, 300, lr=1e6)
    training = run(model, split().pool, 300, lr=1e-3, resume=model.steps_done > 0)
    assert math.isfinite(training.losses()["negative ELBO"][-1])


def test_a_study_whose_classifiers_diverge_ends_with_the_reason():
    with pytest.raises(Diverged, match="cross-entropy is nan at step"):
        evaluate.study(
            [evaluate.Arm.duplicates()], repeats=2, steps=50, show_progress=False, lr=1e30
        )


def test_live_training_that_diverges_has_failed_and_says_why_and_goes_on_when_asked():
    training = steps(Runaway(5), points(), 10)
    shown = LiveTraining(training)
    with pytest.raises(Diverged):
        shown.run()
    assert (shown.state, type(shown.error)) == ("failed", Diverged)
    assert shown.sentence().startswith(f"failed at step {training.index} of 10")
    training.model.wrong_at = ()
    assert shown.run().startswith("done at step 10 of 10")


def test_the_curves_forget_the_steps_that_were_lost():
    training = steps(Runaway(5), points(), 10)
    figure = LiveTraining(training).figure
    for _ in range(5):
        next(training)
        training.copies.due_at = 0.0
    figure.png()
    with pytest.raises(Diverged):
        next(training)
    training.model.wrong_at = ()
    training.model.a.data += 1.0  # the next loss is another than that of the lost step
    next(training)
    figure.png()
    assert figure.losses == training.losses()
