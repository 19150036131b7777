"""The Stop button: a step is made whole or not at all, and what stands behind it ends, too."""

import itertools
import math
import os
import random
import signal
import sys
import threading
import time
from contextlib import contextmanager

import pytest
import torch
from jupyter_client.manager import start_new_kernel
from kinds import kinds, moved, run, split, vae, weights
from test_training import Duel, points, steps

from genaug_lessons import evaluate
from genaug_lessons.interrupts import deferred_interrupt
from genaug_lessons.random import generator
from genaug_lessons.training import Training, training_steps
from genaug_lessons.widgets import LiveTraining


def press(*_):
    os.kill(os.getpid(), signal.SIGINT)


@contextmanager
def pressed(*, when=lambda: True, after=0.0, times=1, pause=0.1):
    """Presses Stop from outside while the block runs, so long after something has come about."""

    def watch_and_press():
        while not when():
            time.sleep(0.002)
        for wait in [after, *[pause] * (times - 1)]:
            time.sleep(wait)
            press()

    finger = threading.Thread(target=watch_and_press)
    try:
        finger.start()
        yield
    finally:
        wait_for_the_last_press(finger)


def wait_for_the_last_press(finger):
    """Those that come too late find nothing left to interrupt."""
    while True:
        try:
            finger.join()
            time.sleep(0.001)
            return
        except KeyboardInterrupt:
            pass


@pytest.fixture(autouse=True)
def handler_is_given_back():
    before = signal.getsignal(signal.SIGINT)
    yield
    assert signal.getsignal(signal.SIGINT) is before


# the block


def test_a_first_interrupt_waits_for_the_end_of_the_block():
    done = []
    with pytest.raises(KeyboardInterrupt), deferred_interrupt():
        press()
        done.append("rest of the block")
    assert done == ["rest of the block"]


def test_a_second_interrupt_is_raised_at_once_and_a_third_leaves_the_tidying_up_alone():
    done = []
    with pytest.raises(KeyboardInterrupt), deferred_interrupt():
        press()
        try:
            press()
            done.append("rest of the block")
        finally:
            press()
            done.append("tidied up")
    assert done == ["tidied up"]


def test_a_block_that_does_not_break_answers_its_interrupts_itself():
    with deferred_interrupt(breaks=False) as interrupt:
        assert not interrupt.answered()
        for _ in range(3):
            press()
        assert interrupt.answered()
        assert not interrupt.answered()


def test_an_interrupt_is_handed_to_the_block_around():
    with deferred_interrupt(breaks=False) as around:
        with deferred_interrupt() as within:
            press()
            assert (within.presses, around.presses) == (1, 0)
        assert around.answered()


def test_an_error_goes_before_the_interrupt_that_waits():
    with pytest.raises(RuntimeError, match="first"), deferred_interrupt():
        press()
        raise RuntimeError("first")


def test_other_threads_leave_interrupts_alone():
    def block():
        with deferred_interrupt() as interrupt:
            seen.append((signal.getsignal(signal.SIGINT), interrupt.answered()))

    seen = []
    worker = threading.Thread(target=block)
    worker.start()
    worker.join()
    assert seen == [(signal.getsignal(signal.SIGINT), False)]


# training


class Slow(Duel):
    """A duel in which, from a step on, the second player thinks for a minute."""

    def __init__(self, slow_from=3, thinking=60.0):
        super().__init__()
        self.slow_from, self.thinking, self.thinks = slow_from, thinking, False

    def objectives(self):
        near, far = super().objectives()

        def slowly(batch, rng):
            self.thinks = self.steps_done >= self.slow_from
            time.sleep(self.thinking if self.thinks else 0.0)
            return far.loss(batch, rng)

        return [near, far._replace(loss=slowly)]


def as_after(model, done, **settings):
    """Whether the model is, bit for bit, one that was never interrupted, after as many steps."""
    whole = steps(Duel(), points(), 10, **settings)
    for _ in range(done):
        next(whole)
    return moved(model, weights(whole.model)) == set() and model.steps_done == done


def test_a_first_interrupt_within_a_step_waits_for_the_whole_of_it():
    model = Slow(slow_from=3, thinking=0.3)
    training = steps(model, points(), 10)
    with pytest.raises(KeyboardInterrupt), pressed(when=lambda: model.thinks):
        for _ in training:
            pass
    assert training.index == len(training.history["near"]) == len(training.history["far"]) == 4
    assert as_after(training.model, 4)
    assert not training.model.training
    assert next(training).index == 5


def test_a_second_interrupt_does_not_wait_for_a_slow_step_and_leaves_a_whole_one():
    model, begun = Slow(), time.monotonic()
    training = steps(model, points(), 10)
    with pytest.raises(KeyboardInterrupt), pressed(when=lambda: model.thinks, times=2):
        for _ in training:
            training.copies.due_at = 0.0  # as if steps had been slow before
    assert time.monotonic() - begun < 10
    assert training.index == len(training.history["near"]) == len(training.history["far"]) == 3
    assert as_after(training.model, 3)
    assert not training.model.training
    training.model.thinking = 0.0
    assert [step.index for step in training] == [4, 5, 6, 7, 8, 9, 10]
    assert as_after(training.model, 10)


def test_a_step_that_is_suddenly_slow_goes_back_some_moments_at_most():
    model = Slow(slow_from=5)
    training = steps(model, points(), 10)
    with pytest.raises(KeyboardInterrupt), pressed(when=lambda: model.thinks, times=2):
        for _ in training:
            pass
    assert training.index == model.steps_done == len(training.losses().get("near", [])) <= 5
    assert as_after(model, training.index)


def test_a_second_interrupt_does_not_wait_for_a_slow_monitor():
    looks = {"slow": lambda model: time.sleep(60)}
    training = steps(Duel(), points(), 10, monitors=looks, monitor_every=2)
    begun = time.monotonic()
    with pytest.raises(KeyboardInterrupt), pressed(when=lambda: training.index == 2, times=2):
        for _ in training:
            pass
    assert time.monotonic() - begun < 10
    assert training.index == len(training.history["near"]) == 2
    assert training.monitored == {}
    assert as_after(training.model, 2)


def test_an_interrupted_fit_says_so_once_and_ends_the_loop_around_it(capsys):
    finished = []
    with pytest.raises(KeyboardInterrupt):
        for seed in range(3):
            run(vae(generator(seed)), split().pool, 50, monitors={"stop": press}, monitor_every=4)
            finished.append(seed)
    assert finished == []
    assert capsys.readouterr().out == "interrupted after 4 of 50 steps; the model can be used\n"


def test_an_interrupted_study_ends():
    def bank(split, rng):
        model = vae(rng, classes=10)
        run(model, split.labelled, 50, monitors={"stop": press}, monitor_every=4)
        banks.append(model)

    banks = []
    with pytest.raises(KeyboardInterrupt):
        evaluate.study([evaluate.Arm("bank", bank=bank)], repeats=2, steps=2, show_progress=False)
    assert banks == []


def test_an_error_within_a_step_leaves_a_whole_one():
    class Broken(Slow):
        def objectives(self):
            near, far = super().objectives()

            def broken(batch, rng):
                if self.steps_done == 2:
                    raise RuntimeError("the second player's")
                return far.loss(batch, rng)

            return [near, far._replace(loss=broken)]

    training = steps(Broken(slow_from=99), points(), 10)
    with pytest.raises(RuntimeError, match="the second player's"):
        for _ in training:
            training.copies.due_at = 0.0
    assert training.index == 2
    assert as_after(training.model, 2)
    assert not training.model.training


# every family


class Breaker:
    """Counts the lines of Python that a step runs through and breaks it off at one of them.

    Counted are those within which a second interrupt is raised: from the copy to the last entry
    in the books, whoever's they are.
    """

    def __init__(self, line=None):
        self.line, self.lines, self.within = line, 0, False

    def __enter__(self):
        sys.settrace(self.trace)
        return self

    def __exit__(self, *_):
        sys.settrace(None)

    def trace(self, frame, event, _):
        if frame.f_code in (Training._copy_if_due.__code__, Training._look.__code__):
            self.within = frame.f_code is Training._copy_if_due.__code__
        if self.within and event == "line":
            self.lines += 1
            if self.lines == self.line:
                sys.settrace(None)
                raise KeyboardInterrupt
        return self.trace


def tensors(state):
    """All tensors and numbers in nested dicts and lists."""
    if isinstance(state, dict):
        state = [value for _, value in sorted(state.items(), key=str)]
    if isinstance(state, (list, tuple)):
        return [leaf for part in state for leaf in tensors(part)]
    return [torch.as_tensor(state)] if isinstance(state, (torch.Tensor, int, float)) else []


def everything(training):
    """A copy of all that a step changes, but for the generator and the batches."""
    update = getattr(training.update, "state_dict", dict)()
    return [part.clone() for part in tensors([training.model.state_dict(), update])]


@kinds()
def test_a_step_broken_off_at_any_line_leaves_no_trace_and_training_goes_on(kind):
    training = training_steps(kind.new(), kind.data(), steps=40, rng=generator(0))
    next(training)
    training.copies.due_at = 0.0
    with Breaker() as counter:
        next(training)
    for line in random.Random(kind.name).sample(range(1, counter.lines), 4):
        training.copies.due_at = 0.0
        before, losses, index = everything(training), training.losses(), training.index
        with pytest.raises(KeyboardInterrupt), Breaker(line):
            next(training)
        assert all(map(torch.equal, everything(training), before))
        assert (training.losses(), training.index) == (losses, index)
        assert not any(module.training for module in training.model.modules())
        assert next(training).index == index + 1
        training.copies.due_at = math.inf  # once more, back to the same copy
        with pytest.raises(KeyboardInterrupt), Breaker(9):
            next(training)
        assert all(map(torch.equal, everything(training), before))
        next(training)


def test_batches_that_are_broken_off_begin_anew():
    training = steps(Duel(), points(), 9)
    whole = training.new_batches

    def broken_off():
        yield from itertools.islice(whole(), 2)
        training.new_batches = whole
        raise KeyboardInterrupt

    training.new_batches = broken_off
    training.batches = broken_off()
    shown = LiveTraining(training)
    assert shown.run().startswith("paused at step ")
    assert shown.run().startswith("done at step 9 of 9")


def interrupted_plain_loop(kind, chance):
    """Stop is pressed at a random moment, once or twice, while a plain loop trains."""
    training = training_steps(kind.new(), kind.data(), steps=10**6, rng=generator(0))
    times = chance.choice([1, 2])
    with pytest.raises(KeyboardInterrupt):
        moment = {"after": 0.05 * chance.random(), "pause": 0.002 * chance.random()}
        with pressed(times=times, **moment):
            for _ in training:
                pass
    check_whole(kind, training.model, training.index)
    assert all(len(values) <= training.index for values in training.losses().values())
    next(training)


def check_whole(kind, model, done):
    """The model is ready for use and, bit for bit, what `done` steps without interrupts make."""
    assert model.steps_done == done
    assert not any(module.training for module in model.modules())
    undisturbed = training_steps(kind.new(), kind.data(), steps=10**6, rng=generator(0))
    for _ in range(done):
        next(undisturbed)
    assert moved(model, weights(undisturbed.model)) == set()
    if "samples" in kind.can:
        assert kind.sample(model, 3).isfinite().all()


@kinds()
def test_plain_loops_interrupted_at_random_moments_leave_whole_steps(kind):
    for seed in range(2):
        interrupted_plain_loop(kind, random.Random(f"{kind.name} {seed}"))


def interrupted_fit(kind, chance):
    """Stop is pressed at a random moment while `fit` trains; it goes on from there afterwards."""
    model = kind.new()
    with pytest.raises(KeyboardInterrupt), pressed(after=0.02 + 0.05 * chance.random()):
        run(model, kind.data(), 10**6)
    check_whole(kind, model, model.steps_done)
    done = model.steps_done
    run(model, kind.data(), 2, resume=done > 0)
    assert model.steps_done == done + 2


@kinds()
def test_fits_interrupted_at_random_moments_leave_whole_steps(kind):
    interrupted_fit(kind, random.Random(kind.name))


def interrupted_live_run(kind, chance):
    """Stop is pressed, once or twice, at a random moment of a live run, which is a pause."""
    training = training_steps(kind.new(), kind.data(), steps=10**6, rng=generator(0))
    shown, times = LiveTraining(training), chance.choice([1, 2])
    moment = {"after": 0.05 * chance.random(), "pause": 0.002 * chance.random()}
    with pressed(when=lambda: training.index > 0, times=times, **moment):
        try:
            shown.run()
        except KeyboardInterrupt:  # the second came when it had paused
            assert times == 2
    assert shown.sentence().startswith(f"paused at step {training.index} ")
    check_whole(kind, training.model, training.index)
    assert shown.run(2).startswith(f"paused at step {training.index} ")


@kinds(but="game chains em")
def test_live_runs_interrupted_at_random_moments_are_paused_after_a_whole_step(kind):
    interrupted_live_run(kind, random.Random(kind.name))


def test_a_second_interrupt_of_a_live_run_does_not_wait_for_a_slow_step():
    shown = LiveTraining(steps(Slow(), points(), 10))
    begun = time.monotonic()
    with pressed(when=lambda: shown.training.model.thinks, times=2):
        assert shown.run().startswith(f"paused at step {shown.training.index} of 10")
    assert time.monotonic() - begun < 10
    assert as_after(shown.training.model, shown.training.index)
    shown.training.model.thinking = 0.0
    assert shown.run().startswith("done at step 10 of 10")


def interrupted_study(chance):
    """Stop is pressed at a random moment of a study, which hands out nothing then."""
    arms = [evaluate.Arm.duplicates()]
    with pytest.raises(KeyboardInterrupt), pressed(after=0.1 + 0.3 * chance.random()):
        evaluate.study(arms, repeats=2, steps=10**5, show_progress=False)


def test_a_study_interrupted_at_a_random_moment_ends():
    interrupted_study(random.Random(0))


# a notebook's kernel


@pytest.fixture(scope="module")
def kernel():
    manager, client = start_new_kernel(startup_timeout=120)
    yield manager, client
    client.stop_channels()
    manager.shutdown_kernel(now=True)


TRAINED = """
from genaug_lessons import data
from genaug_lessons.models.vae import VAE
from genaug_lessons.random import generator
from genaug_lessons.training import fit, training_steps
digits = data.digits()
model = VAE(digits.shape, latent=2, rng=generator(0))
fit(model, digits, steps=2, rng=generator(0), show_progress=False)
"""


def wait_for(client, text):
    """Read what the kernel prints until it holds the text."""
    printed = ""
    while text not in printed:
        message = client.get_iopub_msg(timeout=60)
        printed += message["content"].get("text", "")
    return printed


@pytest.mark.parametrize(
    "cell, said",
    [
        (
            "print('begun'); fit(model, digits, steps=10**7, rng=generator(0), resume=True)",
            "; the model can be used",
        ),
        (
            "loop = training_steps(model, digits, steps=10**7, rng=generator(0), resume=True)"
            "\nprint('begun')\nfor step in loop: pass",
            "",
        ),
    ],
    ids=["fit", "plain loop"],
)
def test_an_interrupt_in_a_notebook_ends_the_cell_and_those_queued_behind_it(kernel, cell, said):
    manager, client = kernel
    client.execute_interactive(TRAINED, timeout=120)
    requests = [client.execute(code) for code in (cell, "print('next cell')", "print('last')")]
    wait_for(client, "begun")
    time.sleep(0.3)
    manager.interrupt_kernel()
    replies = {}
    while len(replies) < len(requests):
        reply = client.get_shell_msg(timeout=60)
        replies[reply["parent_header"]["msg_id"]] = reply["content"]
    contents = [replies[request] for request in requests]
    assert (contents[0]["status"], contents[0]["ename"]) == ("error", "KeyboardInterrupt")
    assert [content["status"] for content in contents[1:]] == ["aborted"] * 2
    client.execute(
        "import torch; x = model.sample(3, rng=generator(0))\n"
        "print(model.training, model.steps_done > 2, bool(x.isfinite().all()), 'checked')"
    )
    printed = wait_for(client, "checked")
    assert "False True True checked" in printed
    assert said in printed
    assert "next cell" not in printed
