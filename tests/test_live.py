"""Live training without a browser: commands, states, drivers, and nothing left behind."""

import asyncio
import gc
import io
import os
import signal
import threading
import time
import weakref

import numpy as np
import pytest
import torch
from ipywidgets.widgets import widget
from kinds import KINDS, gmm, moons, moved, split, vae, weights
from matplotlib.figure import Figure
from matplotlib.image import imread
from test_training import Duel, points, steps

from genaug_lessons.random import generator
from genaug_lessons.training import training_steps
from genaug_lessons.widgets import LiveTraining, explorer, live, pictures, tempo
from genaug_lessons.widgets.live_figure import Curves, empty, spans

PATIENCE = 20  # seconds that a loaded machine may need for what takes milliseconds


class Page:
    """What a notebook page holds: display id -> newest content."""

    def __init__(self):
        self.outputs, self.updates = [], 0

    def display(self, content, *, metadata, **_):
        self.outputs.append([content, metadata])
        page, place = self, len(self.outputs) - 1

        class Handle:
            def update(self, content, *, metadata, **_):
                page.outputs[place] = [content, metadata]
                page.updates += 1

        return Handle()


TEXT = "live training of Duel, 1000000 steps"


@pytest.fixture
def page(monkeypatch):
    page = Page()
    monkeypatch.setattr(explorer, "display", page.display)
    yield page
    for left in list(live._current):
        left.close()


@pytest.fixture
def loop(monkeypatch):
    """The kernel's main event loop, which runs while a test waits for something."""
    loop = asyncio.new_event_loop()
    monkeypatch.setattr(live, "kernel_loop", lambda: loop)
    yield loop
    for left in list(live._current):
        left.close()
    loop.run_until_complete(asyncio.sleep(0.01))
    loop.close()


def until(loop, condition):
    """Let the loop run until the condition holds."""

    async def wait():
        while not condition():
            await asyncio.sleep(0.002)

    loop.run_until_complete(asyncio.wait_for(wait(), PATIENCE))


def for_a_while(loop):
    loop.run_until_complete(asyncio.sleep(0.1))


def answered(shown):
    """The browser returns what it was sent."""
    shown.dashboard.pong.value = shown.dashboard.ping.value


def showing(training, **settings):
    shown = LiveTraining(training, **settings)
    shown._ipython_display_()
    return shown


def duel(count=10**6, **arguments):
    return steps(Duel(), points(), count, lr=0.01, **arguments)


def widgets():
    """How many widgets this process holds; ipywidgets 7 and 8 keep them in different places."""
    return len(widget._instances if hasattr(widget, "_instances") else widget.Widget.widgets)


def broken(model):
    raise RuntimeError("<b>a monitor</b> of the reader's own")


# in the foreground


def test_a_foreground_run_equals_the_plain_loop_bit_for_bit(page):
    plain, watched = vae(generator(0)), vae(generator(0))
    expected = steps(plain, split().pool, 30)
    list(expected)
    shown = showing(steps(watched, split().pool, 30))
    shown.run(12)
    shown.run()
    assert moved(watched, weights(plain)) == set()
    assert shown.training.losses() == expected.losses()


def test_a_run_needs_no_kernel_and_no_page_and_makes_no_widget():
    before = widgets()
    training = duel(9)
    said = LiveTraining(training).run(4)
    assert training.index == 4
    assert widgets() == before
    assert said.startswith("paused at step 4 of 9: near ")
    assert LiveTraining(training).run().startswith("done at step 9 of 9: ")


@pytest.mark.parametrize("count", [0, -1, 2.5])
def test_a_run_of_no_steps_is_refused(count):
    with pytest.raises(
        (TypeError, ValueError), match=r"steps must be an integer (of at least 1|or None), got"
    ):
        LiveTraining(duel()).run(count)


def test_an_unknown_driver_is_refused():
    with pytest.raises(ValueError, match='driver must be "loop" or "echo", got \'thread\''):
        LiveTraining(duel(), driver="thread")


def test_an_interrupt_of_a_run_is_a_pause_after_the_step_under_way():
    def interrupt(model):
        os.kill(os.getpid(), signal.SIGINT)
        return 0.0

    before = signal.getsignal(signal.SIGINT)
    paused = LiveTraining(duel(monitors={"stop": interrupt}, monitor_every=3))
    assert paused.run(50).startswith("paused at step 3 ")
    assert paused.training.index == len(paused.training.history["near"]) == 3
    assert signal.getsignal(signal.SIGINT) is before


def test_an_error_of_a_run_is_raised_and_shown_escaped(page):
    shown = showing(duel(monitors={"broken": broken}, monitor_every=2))
    with pytest.raises(RuntimeError, match="the reader's own"):
        shown.run(5)
    assert shown.state == "failed"
    assert "&lt;b&gt;a monitor&lt;/b&gt;" in shown.dashboard.error.value
    assert "<b>" not in shown.dashboard.error.value


def test_drawing_takes_at_most_a_fifth_of_the_time(page, monkeypatch):
    monkeypatch.setattr(time, "perf_counter", time.process_time)  # others' work does not count

    def enough(model):
        if shown.train_seconds > 3:
            shown.post("pause")
        return 0.0

    looks = {"enough": enough}
    shown = showing(steps(vae(generator(0)), split().pool, 10**6, monitors=looks, monitor_every=9))
    shown.draw_seconds = 0.0
    shown.run()
    while_training = shown.draw_seconds - shown.tempo.cost  # a halt draws in any case
    assert 0 < while_training <= 0.2 * (shown.train_seconds + while_training)


# buttons


def test_start_trains_until_pause_and_start_goes_on(page, loop):
    shown = showing(duel())
    assert shown.state == "ready"
    shown.dashboard.buttons["start"].click()
    until(loop, lambda: shown.training.index > 20)
    assert shown.state == "running"
    shown.dashboard.buttons["pause"].click()
    until(loop, lambda: shown.state == "paused")
    at = shown.training.index
    for_a_while(loop)
    assert shown.training.index == at
    assert f"paused at step {at} of" in shown.dashboard.caption.value
    shown.dashboard.buttons["start"].click()
    until(loop, lambda: shown.training.index > at)


def test_pause_and_start_in_one_breath_leave_one_driver(page, loop):
    shown = showing(duel())
    for name in ("start", "pause", "start"):
        shown.dashboard.buttons[name].click()
    until(loop, lambda: shown.training.index > 5)
    assert len(asyncio.all_tasks(loop)) == 1


def test_step_makes_exactly_one_step_and_only_while_it_is_not_running(page, loop):
    shown = showing(duel())
    for expected in (1, 2, 3):
        shown.dashboard.buttons["step"].click()
        until(loop, lambda: shown.state == "paused")
        for_a_while(loop)
        assert shown.training.index == expected
    shown.state = "running"
    shown.dashboard.buttons["step"].click()
    for_a_while(loop)
    assert shown.training.index == 3
    shown.state = "paused"


def test_stop_is_for_good_and_the_model_can_be_used(page, loop):
    shown = showing(duel())
    shown.dashboard.buttons["start"].click()
    until(loop, lambda: shown.training.index)
    shown.dashboard.buttons["stop"].click()
    until(loop, lambda: shown.state == "stopped")
    at = shown.training.index
    for name in ("start", "step", "pause"):
        shown.dashboard.buttons[name].click()
    for_a_while(loop)
    assert (shown.training.index, shown.state) == (at, "stopped")
    assert not shown.training.model.training


def test_the_last_step_ends_the_run(page, loop):
    shown = showing(duel(7))
    shown.dashboard.buttons["start"].click()
    until(loop, lambda: shown.state == "done")
    assert shown.training.index == 7
    shown.dashboard.buttons["stop"].click()
    for_a_while(loop)
    assert shown.state == "done"


def test_each_slider_changes_the_rate_of_its_objective_while_it_runs(page, loop):
    shown = showing(duel())
    optimizers = shown.training.update.optimizers
    assert [slider.description for slider in shown.dashboard.sliders.values()] == [
        "learning rate, near",
        "learning rate, far",
    ]
    shown.dashboard.buttons["start"].click()
    until(loop, lambda: shown.training.index)
    shown.dashboard.sliders["far"].value = 0.1
    until(loop, lambda: optimizers[1].param_groups[0]["lr"] == pytest.approx(0.1))
    assert optimizers[0].param_groups[0]["lr"] == 0.01
    assert shown.training.rates["near"] == 0.01


def test_a_model_without_learning_rates_has_no_slider_and_trains_live(page, loop):
    model = gmm(generator(0), shape=2)
    shown = showing(steps(model, moons(), 12))
    assert shown.dashboard.sliders == {}
    shown.dashboard.buttons["start"].click()
    until(loop, lambda: shown.state == "done")
    assert model.steps_done == 12
    assert "negative log likelihood" in shown.sentence()


def test_the_last_digit_that_a_browser_returns_differently_changes_no_rate(page, loop):
    shown = showing(duel())
    shown.dashboard.sliders["far"].value = 0.01 * (1 + 1e-15)
    assert shown.dashboard.sliders["far"].value != 0.01
    for_a_while(loop)
    assert shown.training.rates == {"near": 0.01, "far": 0.01}


def test_a_command_cuts_a_slice_short(loop, monkeypatch):
    monkeypatch.setattr(live, "SLICE", 60.0)
    shown = LiveTraining(duel(monitors={"click": lambda model: None}, monitor_every=1))
    shown.training.monitors = {"click": lambda model: model.steps_done == 5 and shown.post("pause")}
    shown.post("start")
    until(loop, lambda: shown.state == "paused")
    assert shown.training.index == 5


def test_commands_from_another_thread_are_obeyed_on_the_main_one(loop):
    trained_on = []
    watch = {"thread": lambda model: trained_on.append(threading.current_thread())}
    shown = LiveTraining(duel(3, monitors=watch, monitor_every=1))
    worker = threading.Thread(target=shown.post, args=("start",))
    worker.start()
    worker.join()
    assert trained_on == []
    until(loop, lambda: shown.state == "done")
    assert set(trained_on) == {threading.main_thread()}


def test_an_interrupt_of_a_run_in_the_background_pauses_it(page, loop):
    shown = showing(duel())
    before = signal.getsignal(signal.SIGINT)
    shown.dashboard.buttons["start"].click()
    until(loop, lambda: shown.training.index)
    os.kill(os.getpid(), signal.SIGINT)
    until(loop, lambda: shown.state == "paused")
    for_a_while(loop)
    assert signal.getsignal(signal.SIGINT) is before
    shown.dashboard.buttons["start"].click()
    until(loop, lambda: shown.state == "running")


def test_a_second_interrupt_in_the_background_does_not_wait_for_a_slow_monitor(page, loop):
    looks = {"slow": lambda model: time.sleep(60)}
    shown = showing(duel(monitors=looks, monitor_every=4))
    shown.dashboard.buttons["start"].click()
    begun = time.perf_counter()
    finger = threading.Thread(target=press_twice, args=(lambda: shown.training.index == 4,))
    finger.start()
    until(loop, lambda: shown.state == "paused")
    finger.join()
    assert time.perf_counter() - begun < PATIENCE
    assert shown.training.index == 4
    shown.training.monitors = {}
    shown.dashboard.buttons["start"].click()
    until(loop, lambda: shown.training.index > 4)


def press_twice(condition):
    """Interrupt this process twice as soon as the condition holds."""
    while not condition():
        time.sleep(0.01)
    for _ in range(2):
        time.sleep(0.1)
        os.kill(os.getpid(), signal.SIGINT)


def test_a_run_that_diverges_in_the_background_is_shown_and_start_goes_on(page, loop):
    shown = showing(steps(vae(generator(0)), split().pool, 10**6, lr=1e-3))
    shown.training.rates["negative ELBO"] = 1e12
    shown.dashboard.buttons["start"].click()
    until(loop, lambda: shown.state == "failed")
    assert "Diverged: negative ELBO is " in shown.dashboard.error.value
    assert "try lr below 1e+12" in shown.dashboard.error.value
    at = shown.training.index
    assert f"failed at step {at} of" in shown.dashboard.caption.value
    shown.training.rates["negative ELBO"] = 1e-3
    shown.dashboard.buttons["start"].click()
    until(loop, lambda: shown.training.index > at + 5)
    shown.dashboard.buttons["pause"].click()
    until(loop, lambda: shown.state == "paused")
    assert np.isfinite(shown.training.losses()["negative ELBO"]).all()


def test_an_error_in_the_background_is_shown_escaped_and_start_tries_again(page, loop):
    shown = showing(duel(monitors={"broken": broken}, monitor_every=2))
    shown.dashboard.buttons["start"].click()
    until(loop, lambda: shown.state == "failed")
    assert isinstance(shown.error, RuntimeError)
    assert "&lt;b&gt;a monitor" in shown.dashboard.error.value
    assert "failed at step 2" in shown.dashboard.caption.value
    shown.training.monitors = {}
    shown.dashboard.buttons["start"].click()
    until(loop, lambda: shown.training.index > 2)
    assert shown.dashboard.error.value == ""


def test_an_error_of_the_picture_is_shown_too(page, loop):
    shown = showing(duel())
    shown.figure.png = lambda: broken(None)
    shown.dashboard.buttons["step"].click()
    until(loop, lambda: shown.state == "failed")
    assert shown.training.index == 1


def test_start_without_a_kernel_says_what_to_do_instead(page):
    shown = showing(duel())
    shown.dashboard.buttons["start"].click()
    assert shown.state == "failed"
    assert "call run() instead" in shown.dashboard.error.value


# slow motion


@pytest.mark.parametrize("pace", [0, -2])
def test_a_pace_of_no_steps_is_refused(pace):
    with pytest.raises(ValueError, match=f"pace must be above 0, got {pace}"):
        LiveTraining(duel(), pace=pace)


def test_a_pace_is_kept_and_can_be_changed_while_it_runs(page, loop):
    shown = showing(duel(), pace=20)
    shown.dashboard.buttons["start"].click()
    loop.run_until_complete(asyncio.sleep(1))
    at = shown.training.index
    assert 10 <= at <= 22
    shown.tempo.pace = 5
    loop.run_until_complete(asyncio.sleep(1))
    assert at + 2 <= shown.training.index <= at + 7
    shown.tempo.pace = None
    until(loop, lambda: shown.training.index > at + 200)


def test_a_pause_in_slow_motion_comes_at_once_and_start_makes_up_for_no_steps(page, loop):
    shown = showing(duel(), pace=0.5)
    shown.dashboard.buttons["start"].click()
    until(loop, lambda: shown.training.index == 1)
    shown.dashboard.buttons["pause"].click()
    begun = time.perf_counter()
    until(loop, lambda: shown.state == "paused")
    assert time.perf_counter() - begun < 1  # the next step would come after 2 s
    shown.tempo.pace = 20
    loop.run_until_complete(asyncio.sleep(0.5))
    shown.dashboard.buttons["start"].click()
    for_a_while(loop)
    assert 2 <= shown.training.index <= 5


def test_slow_motion_draws_no_step_twice(page, loop, monkeypatch):
    monkeypatch.setattr(live, "SLOW_BROWSER", 0.0)
    shown, drawn = showing(duel(), pace=4), []
    shown.dashboard.show = lambda picture: drawn.append(shown.training.index)
    shown.dashboard.buttons["start"].click()
    until(loop, lambda: shown.training.index == 4)
    assert drawn == sorted(set(drawn))
    assert len(drawn) >= 2


@pytest.mark.parametrize("pace, due", [(None, False), (2, True)])
def test_a_slow_picture_is_drawn_less_often_only_at_full_speed(pace, due):
    clock = tempo.Tempo(pace)
    clock.drawn(1, begun=time.perf_counter() - 1)  # it took a second: 12 must pass at full speed
    time.sleep(1.01)
    assert clock.picture_is_due(2) == due
    assert not clock.picture_is_due(1)


def test_a_run_in_the_foreground_knows_no_pace(page):
    shown = showing(duel(300), pace=1)
    assert shown.run().startswith("done at step 300 ")


# drivers


def test_the_next_picture_waits_for_the_browsers_answer(page, loop, monkeypatch):
    monkeypatch.setattr(live, "SLOW_BROWSER", 1e9)
    monkeypatch.setattr(tempo, "PICTURES_PER_SECOND", 1e9)
    monkeypatch.setattr(tempo, "DRAWING_SHARE", 1e9)
    shown = showing(duel())
    shown.dashboard.buttons["start"].click()
    for_a_while(loop)
    sent = shown.dashboard.ping.value
    for_a_while(loop)
    assert shown.dashboard.ping.value == sent
    answered(shown)
    until(loop, lambda: shown.dashboard.ping.value == sent + 1)


def test_a_browser_that_never_answers_gets_pictures_all_the_same(page, loop, monkeypatch):
    monkeypatch.setattr(live, "SLOW_BROWSER", 0.05)
    shown = showing(duel())
    shown.dashboard.buttons["start"].click()
    until(loop, lambda: shown.dashboard.ping.value >= 3)


def test_the_echo_driver_trains_only_in_answer_to_the_browser(page, loop):
    shown = showing(duel(), driver="echo")
    shown.dashboard.buttons["start"].click()
    for_a_while(loop)
    assert (shown.state, shown.training.index) == ("running", 0)
    answered(shown)
    at = shown.training.index
    assert at > 0
    for_a_while(loop)
    assert shown.training.index == at
    answered(shown)
    assert shown.training.index > at
    shown.dashboard.buttons["pause"].click()
    assert shown.state == "paused"
    at = shown.training.index
    answered(shown)
    assert shown.training.index == at


def test_the_echo_driver_goes_on_by_itself_when_the_browser_stays_silent(page, loop, monkeypatch):
    monkeypatch.setattr(live, "SILENT_BROWSER", 0.2)
    shown = showing(duel(), driver="echo")
    shown.dashboard.buttons["start"].click()
    until(loop, lambda: shown.training.index > 10)
    assert shown.driver == "loop"


# one at a time, and nothing left behind


def test_one_run_per_kernel_starting_another_pauses_the_first(loop):
    first, second = LiveTraining(duel()), LiveTraining(duel())
    first.post("start")
    until(loop, lambda: first.training.index)
    second.post("start")
    until(loop, lambda: second.training.index)
    assert (first.state, second.state) == ("paused", "running")
    second.run(1)
    assert second.state == "paused"
    second.post("start")
    until(loop, lambda: second.state == "running")
    first.run(1)
    assert (first.state, second.state) == ("paused", "paused")


def test_shown_again_it_closes_the_controls_it_had(page, loop):
    shown = showing(duel())
    one, earlier = widgets(), shown.dashboard
    shown._ipython_display_()
    assert widgets() == one and shown.dashboard is not earlier


def test_showing_another_leaves_the_first_as_its_picture(page, loop):
    first = showing(duel())
    first.dashboard.buttons["step"].click()
    until(loop, lambda: first.training.index)
    picture = first.dashboard.still()
    showing(duel())
    [_, (before, _), _, (now, _)] = page.outputs
    assert before == {"text/plain": TEXT, "image/png": picture}
    assert explorer.WIDGET_VIEW in now
    first.run(1)
    assert first.training.index == 2


def test_twenty_runs_leave_no_widget_and_no_thread(page, loop):
    def rerun():
        shown = showing(duel())
        shown.dashboard.buttons["start"].click()
        until(loop, lambda: shown.training.index)
        return shown

    widgets_before, threads_before = widgets(), threading.active_count()
    rerun()
    one = widgets()
    for _ in range(20):
        last = rerun()
    assert widgets() == one > widgets_before
    last.close()
    last.close()
    for_a_while(loop)
    assert widgets() == widgets_before
    assert threading.active_count() == threads_before
    assert asyncio.all_tasks(loop) == set()
    assert live._current == []


def test_a_closed_one_is_freed(page):
    shown = showing(duel())
    shown.close()
    remembered = weakref.ref(shown)
    del shown
    gc.collect()
    assert remembered() is None


# what the page shows and saves


def test_the_saved_page_holds_a_picture_with_alt_text_and_a_constant_text(page, loop):
    shown = showing(duel())
    [(seen, _), (saved, metadata)] = page.outputs
    assert seen["text/plain"] == saved["text/plain"] == TEXT
    assert seen[explorer.WIDGET_VIEW]["model_id"] == shown.dashboard.box.model_id
    assert saved[explorer.WIDGET_VIEW]["model_id"] == ""  # nothing beside the widget
    assert "training losses" in metadata["image/png"]["alt"]
    for _ in range(2):
        shown.dashboard.buttons["step"].click()
        for_a_while(loop)
    assert page.updates == 2
    assert page.outputs[0] == [seen, metadata]  # shown anew, the widget would lose the focus
    [now, _] = page.outputs[1]
    assert now["text/plain"] == TEXT
    assert now["image/png"] == bytes(shown.dashboard.picture.value) != saved["image/png"]
    assert imread(io.BytesIO(now["image/png"])).std() > 0


def test_a_run_refreshes_the_saved_page_once(page):
    showing(steps(vae(generator(0)), split().pool, 200)).run()
    assert page.updates == 1


def test_every_control_has_a_name_and_says_what_it_does(page):
    shown = showing(steps(vae(generator(0)), split().pool, 5))
    for name, button in shown.dashboard.buttons.items():
        assert button.description == name.capitalize()
        assert button.icon and len(button.tooltip.split()) > 2
    [slider] = shown.dashboard.sliders.values()
    assert (
        slider.description == "learning rate"
        and slider.value == shown.training.rates["negative ELBO"]
    )
    ends = slider.base**slider.min, slider.base**slider.max
    assert ends == pytest.approx((slider.value / 100, slider.value * 100))
    assert 'role="status"' in shown.dashboard.caption.value


# the figure


def figure_after(training, count, **settings):
    shown = LiveTraining(training, **settings)
    shown.run(count)
    shown.figure.png()
    return shown.figure


def test_the_curves_hold_the_losses_and_the_monitors():
    training = duel(monitors={"gap": lambda model: model.steps_done / 2}, monitor_every=2)
    figure = figure_after(training, 8)
    figure.png()
    losses, monitors = figure.curves
    for name, values in training.losses().items():
        assert losses.lines[name].get_xdata().tolist() == list(range(1, 9))
        assert losses.lines[name].get_ydata().tolist() == pytest.approx(values)
    assert list(monitors.lines["gap"].get_xdata()) == [2, 4, 6, 8]
    assert list(monitors.lines["gap"].get_ydata()) == [1, 2, 3, 4]
    styles = {(line.get_color(), line.get_linestyle()) for line in losses.lines.values()}
    assert len(styles) == 2
    for curves in (losses, monitors):
        legend = curves.axes.get_legend()
        drawn = zip(curves.lines.items(), legend.get_texts(), legend.get_lines(), strict=True)
        for (name, line), text, handle in drawn:
            assert text.get_text() == name and handle.get_color() == line.get_color()
            assert line in curves.axes.lines
        low, high = curves.axes.get_xlim()
        assert low < 2 and high > 8
    assert (losses.axes.get_xlabel(), monitors.axes.get_xlabel()) == ("", "step")


def test_curves_that_appear_late_get_their_line():
    curves = Curves(Figure().add_subplot())
    curves.draw({"a": ([1], [1.0])})
    curves.draw({"a": ([1, 2], [1.0, 2.0]), "b": ([2], [3.0])})
    assert [text.get_text() for text in curves.axes.get_legend().get_texts()] == ["a", "b"]
    assert curves.axes.get_ylim()[1] > 3


def test_a_long_history_is_drawn_as_means_over_short_spans():
    steps_at, means = spans(list(range(1000)))
    assert steps_at[:3].tolist() == [5, 10, 15]
    assert means[:3].tolist() == [2, 7, 12]
    assert spans([4.0, 2.0])[1].tolist() == [4, 2]


def test_a_mosaic_puts_the_images_in_rows():
    images = torch.arange(1, 6).float()[:, None, None, None].expand(5, 1, 2, 3)
    colours = torch.cat([images, 10 * images, torch.arange(6.0).view(2, 3).expand_as(images)], 1)
    page = pictures.mosaic(colours, columns=2)
    assert page.shape == (3, 8, 7)
    assert page[1, 3].tolist() == [30, 30, 30, 0.5, 40, 40, 40]
    assert page[2, 3:5].tolist() == [[0, 1, 2, 0.5, 0, 1, 2], [3, 4, 5, 0.5, 3, 4, 5]]
    assert page[0, 0].tolist() == [1, 1, 1, 0.5, 2, 2, 2]
    assert page[0, 3].tolist() == [3, 3, 3, 0.5, 4, 4, 4]
    assert page[0, 7].tolist() == [5, 5, 5, 0.5, 0.5, 0.5, 0.5]


def test_each_model_gets_the_picture_of_its_samples():
    drawn = {}
    for kind in KINDS:
        training = training_steps(kind.new(), kind.data(), steps=1, rng=generator(0))
        beside = figure_after(training, 1).beside
        drawn[kind.name] = beside and (len(beside.images), len(beside.lines))
    assert drawn["vae"] == drawn["conditional vae"] == (1, 0)
    assert drawn["gaussian vae"] == drawn["per class"] == (0, 1)
    assert drawn["mlp"] is None


def test_pictures_of_one_model_are_the_same_and_move_when_it_learns():
    model = vae(generator(0))
    training, axes = steps(model, split().pool, 30), Figure().add_subplot()
    for _ in range(2):
        pictures.image_samples()(axes, model)
    list(training)
    pictures.image_samples()(axes, model)
    shown = [image.get_array() for image in axes.images]
    assert np.array_equal(shown[0], shown[1])
    assert not np.array_equal(shown[0], shown[2])
    samples = model.sample(60, rng=generator(0)).clamp(0, 1)
    assert np.array_equal(shown[2], pictures.mosaic(samples, 10)[0].detach().cpu())
    assert axes.images[2].get_clim() == (0, 1) and axes.get_title() == "samples"


def test_a_conditional_models_pictures_have_a_column_for_each_label():
    kind = next(kind for kind in KINDS if kind.name == "conditional vae")
    model, axes = kind.new(), Figure().add_subplot()
    pictures.image_samples(rows=3, seed=2)(axes, model)
    labels = torch.arange(model.classes).repeat(3)
    samples = model.sample(len(labels), label=labels, rng=generator(2)).detach()
    expected = pictures.mosaic(samples.clamp(0, 1), model.classes)[0]
    assert np.array_equal(axes.images[0].get_array(), expected.cpu())
    last = model.classes - 1
    assert axes.get_title() == f"samples, one column for each label 0 to {last}"


def test_points_are_drawn_over_the_data_and_within_its_limits():
    kind = next(kind for kind in KINDS if kind.name == "gaussian vae")
    model, axes = kind.new(), Figure().add_subplot()
    near = 0.01 * moons().values
    pictures.point_samples(near, count=40)(axes, model)
    data, samples = axes.lines
    assert np.array_equal(data.get_xydata(), near)
    expected = model.sample(40, rng=generator(0)).detach().cpu()
    assert np.array_equal(samples.get_xydata(), expected)
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["data", "samples"]
    assert (data.get_marker(), samples.get_marker()) == (".", "x")
    low, high = axes.get_xlim()
    assert -0.1 < low < near[:, 0].min() and near[:, 0].max() < high < 0.1


def test_a_lessons_own_picture_finds_empty_axes_each_time():
    found = []

    def picture(axes, model):
        found.append(len(axes.lines) + len(axes.collections) + len(axes.texts))
        axes.plot([0, 1])
        axes.contourf(np.eye(3))
        axes.text(0, 0, str(model.steps_done))

    shown = LiveTraining(duel(), picture=picture)
    for _ in range(3):
        shown.run(1)
        shown.figure.png()
    assert found == [0, 0, 0]


def test_emptied_axes_forget_the_limits_of_what_they_showed():
    axes = Figure().add_subplot()
    axes.plot([0, 1000])
    empty(axes)
    axes.plot([0, 1])
    axes.autoscale_view()
    assert axes.get_ylim()[1] < 2
