"""The game explorer without a browser: what it draws, says, and does when a control is set."""

import io
import math
import re

import numpy as np
import pytest
import torch
from kinds import moved, weights
from matplotlib.figure import Figure
from matplotlib.image import imread
from matplotlib.quiver import Quiver
from test_live import Page, duel, widgets

from genaug_lessons import data
from genaug_lessons.evaluate import modes_covered
from genaug_lessons.models.gan import GAN
from genaug_lessons.random import generator, normal
from genaug_lessons.training import training_steps
from genaug_lessons.widgets import GameExplorer, LiveTraining, explorer, game_picture, live
from genaug_lessons.widgets import game as game_explorer
from genaug_lessons.widgets.game import PLANES, PLAYERS, SMALL, STATIC_STEPS, Game, static_figure
from genaug_lessons.widgets.game_picture import LONGEST, MIDDLING, SHADES, GameFigure

X = data.ring().sample(60, rng=generator(5)).x


@pytest.fixture
def page(monkeypatch):
    page = Page()
    monkeypatch.setattr(explorer, "display", page.display)
    yield page
    for left in list(live._current):
        left.close()


@pytest.fixture
def shown(page, monkeypatch):
    """A game that is shown, where commands are obeyed at once; its still says only the seed."""

    def quick_figure(seed):
        figure = Figure()
        figure.text(0.5, 0.5, f"seed {seed}")
        return figure

    monkeypatch.setattr(game_explorer, "static_figure", quick_figure)
    game = GameExplorer()
    game._ipython_display_()
    return game


def gan(seed=0, scale=2.0, **settings):
    """A GAN whose weights are scrambled: no bias is 0, no player flat, D above and below 1/2."""
    model, rng = GAN(2, **{**SMALL, **settings}, rng=generator(seed)), generator(seed + 1)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(scale).add_(0.1 * normal(parameter.shape, rng))
        model.discriminator[-1].bias.sub_(model.eval().discriminate(X).median())
    return model


def noise(count=50):
    return normal((count, SMALL["latent"]), generator(9))


def drawn(model, x=X, z=None, **layers):
    axes = Figure().add_subplot()
    game_picture.draw(axes, model, x, noise() if z is None else z, **layers)
    return axes


def points(line):
    return torch.tensor(np.array(line.get_data()).T).to(X)


def choose(game, **choices):
    for name, value in choices.items():
        game.dashboard.choices[name].value = value


# the picture


def test_the_shading_is_the_discriminators_opinion_with_the_first_coordinate_across():
    model = gan()
    [image] = drawn(model).images
    shades, ticks = torch.tensor(image.get_array()), torch.linspace(-3, 3, 61)
    for row, column in ((0, 0), (0, 60), (45, 20), (60, 60)):
        place = torch.stack([ticks[column], ticks[row]])[None].to(X)
        assert shades[row, column].item() == pytest.approx(
            model.probability_real(place).item(), abs=1e-6
        )
    assert image.origin == "lower"
    assert image.get_clim() == (0, 1)
    left, right, bottom, top = image.get_extent()
    assert (left + (right - left) / 122, top - (top - bottom) / 122) == pytest.approx((-3, 3))


def test_the_dashed_line_is_where_the_discriminator_cannot_tell():
    model = gan()
    [line] = [each for each in drawn(model).collections if not isinstance(each, Quiver)]
    where = torch.tensor(line.get_paths()[0].vertices).to(X)
    assert len(where) > 20
    assert (model.probability_real(where) - 0.5).abs().max() < 0.02


def test_arrows_start_at_samples_and_point_downhill():
    model = gan()
    [arrows] = [each for each in drawn(model).collections if isinstance(each, Quiver)]
    fake = game_picture.samples(model, noise())[: len(arrows.U)]
    pull = model.descent_direction(fake)
    expected = LONGEST * pull / (pull.norm(dim=1, keepdim=True) + MIDDLING)
    torch.testing.assert_close(torch.tensor(arrows.XY).to(X), fake)
    found = torch.tensor(np.stack([arrows.U, arrows.V], axis=1)).to(X)
    torch.testing.assert_close(found, expected)
    assert (arrows.angles, arrows.scale_units, arrows.scale) == ("xy", "xy", 1)


def test_dots_are_the_data_and_crosses_what_the_generator_makes_of_the_noise():
    model = gan()
    dots, crosses = drawn(model).lines
    torch.testing.assert_close(points(dots), X)
    torch.testing.assert_close(points(crosses), model.train().generate(noise()).detach())
    assert dots.get_marker() != crosses.get_marker()
    figure = GameFigure(lambda axes: None).figure
    [legend], [plane, scale] = figure.legends, figure.axes
    named = {
        text.get_text(): (handle.get_marker(), handle.get_color(), handle.get_linestyle())
        for text, handle in zip(legend.get_texts(), legend.legend_handles, strict=True)
    }
    for name, line in (("data", dots), ("samples", crosses)):
        assert named[name] == (line.get_marker(), line.get_color(), "None")
    assert named["D = 1/2"] == ("None", "black", "--")
    assert list(named) == ["data", "samples", "where the generator's loss pulls them", "D = 1/2"]
    assert (plane.get_xlabel(), plane.get_ylabel()) == ("$x_1$", "$x_2$")
    assert scale.get_ylabel() == "D(x): 1 = taken for real" and scale.get_ylim() == (0, 1)


def test_samples_move_only_if_the_generator_learns():
    model = gan()
    before, known = game_picture.samples(model, noise()), weights(model)
    training = training_steps(model, X, steps=5, rng=generator(0), players=("discriminator",))
    list(training)
    assert torch.equal(game_picture.samples(model, noise()), before)
    assert {name.split(".")[0] for name in moved(model, known)} == {"discriminator"}
    figures = {name: value.clone() for name, value in model.named_buffers()}
    game_picture.samples(model, noise())
    assert all(torch.equal(value, figures[name]) for name, value in model.named_buffers())
    assert not model.training


@pytest.mark.parametrize("constant", [0.0, 5.0, float("nan")], ids=["1/2", "sure", "lost"])
def test_a_discriminator_that_is_the_same_everywhere_is_drawn_without_a_line(constant):
    model = gan()
    with torch.no_grad():
        for parameter in model.discriminator.parameters():
            parameter.zero_()
        model.discriminator[-1].bias.fill_(constant)
    [arrows] = drawn(model).collections
    assert not np.ma.masked_array(np.hypot(arrows.U, arrows.V), mask=arrows.Umask).any()
    assert game_picture.words(model, data.ring(), X, noise())


def test_each_layer_can_be_left_out():
    axes = drawn(gan(), field=False)
    assert (len(axes.images), len(axes.lines), len(axes.collections)) == (0, 2, 1)
    axes = drawn(gan(), arrows=False)
    assert (len(axes.images), len(axes.lines), len(axes.collections)) == (1, 2, 1)
    assert not isinstance(axes.collections[0], Quiver)


def test_the_plane_is_shown_from_the_same_to_the_same_place_whatever_is_in_it():
    for shift in (0, 100):
        axes = drawn(gan(), x=X + shift)
        assert axes.get_xlim() == axes.get_ylim() == (-3, 3)
        assert axes.get_aspect() == 1


@pytest.mark.parametrize("place", [(-2.5, 1.0), (0.0, 0.0), (2.9, -2.9), (1.3, 2.2)])
def test_a_pixel_of_the_picture_is_mapped_to_the_point_drawn_there(place):
    def blot(axes):
        axes.plot(*place, "s", color="red", markersize=5)

    figure = GameFigure(blot)
    red, green, blue = imread(io.BytesIO(figure.png()))[..., :3].transpose(2, 0, 1)
    rows, columns = np.nonzero((red > 0.9) & (green < 0.1) & (blue < 0.1))
    assert len(rows) > 20
    found = figure.place(columns.mean() + 0.5, rows.mean() + 0.5)
    assert found == pytest.approx(place, abs=0.015)  # a pixel is 0.013 wide


def test_pixels_beside_the_plane_are_no_place():
    figure = GameFigure(lambda axes: None)
    wide, high = figure.canvas.get_width_height()
    for pixel in ((0, 0), (wide - 1, high / 2), (wide / 2, high - 1), (wide / 2, 5)):
        assert figure.place(*pixel) is None


def test_a_picture_drawn_again_is_the_same_and_what_moved_leaves_nothing_behind():
    model, place = gan(), [0.0]
    figure = GameFigure(lambda axes: axes.plot(place, place, "ko", markersize=20))
    before = figure.png()
    place[0] = 2.0
    assert figure.png() != before
    place[0] = 0.0
    assert figure.png() == before
    figure.draw = lambda axes: game_picture.draw(axes, model, X, noise())
    for _ in range(3):
        figure.png()
    assert len(figure.axes.get_children()) == len(drawn(model).get_children())


def test_the_scale_and_the_shading_get_lighter_towards_real_and_leave_dots_dark():
    [image] = drawn(gan()).images
    assert image.get_cmap() is SHADES
    greys = SHADES(np.linspace(0, 1, 9))[:, 0]
    assert (np.diff(greys) > 0).all()
    assert greys[0] > 0.5  # dots and crosses are darker than the darkest shade


# the words


def test_the_words_count_modes_and_samples_on_the_data(monkeypatch):
    ring = data.ring()
    fake = torch.cat([ring.centres[:5].repeat(6, 1), torch.tensor([[2.9, -2.9]] * 10)]).to(
        X
    )  # 30 on
    monkeypatch.setattr(game_picture, "samples", lambda *_: fake)
    said = game_picture.words(gan(), ring, X, noise())
    assert said.startswith("5 of 8 modes covered; 75% of the samples lie on the data; ")
    assert modes_covered(fake, ring.centres, radius=0.3) == 5


def test_the_words_of_a_game_that_diverged_say_so_and_do_not_fail(monkeypatch):
    fake = X.clone()
    fake[3, 1] = torch.nan
    monkeypatch.setattr(game_picture, "samples", lambda *_: fake)
    said = game_picture.words(gan(), data.ring(), X, noise())
    assert said.startswith("the samples are no longer finite; ")


@pytest.mark.parametrize("std, least, most", [(0.1, 97, 100), (0.2, 60, 75)])
def test_real_points_lie_on_the_data_and_those_twice_as_spread_do_not(
    std, least, most, monkeypatch
):
    x, fake = (
        data.ring(std=each).sample(4000, rng=generator(seed)).x
        for each, seed in ((0.1, 1), (std, 2))
    )
    monkeypatch.setattr(game_picture, "samples", lambda *_: fake)
    said = game_picture.words(gan(), data.ring(), x, noise())
    assert least <= int(re.search(r"(\d+)% of the samples", said)[1]) <= most


def test_the_words_say_what_the_discriminator_believes_and_both_losses():
    model = gan()
    with torch.no_grad():
        for parameter in model.discriminator.parameters():
            parameter.zero_()
        model.discriminator[-1].bias.fill_(math.log(3))
    said = game_picture.words(model, data.ring(), X, noise())
    # D = 3/4 everywhere: -log 3/4 - log 1/4, and -log 3/4
    assert (
        "mean D 0.75 on data, 0.75 on samples; losses: discriminator 1.674, generator 0.288" in said
    )
    model = gan()
    fake = game_picture.samples(model, noise())
    means = [f"{model.probability_real(each).mean().item():.2f}" for each in (X, fake)]
    assert means[0] != means[1]
    said = game_picture.words(model, data.ring(), X, noise())
    assert f"mean D {means[0]} on data, {means[1]} on samples" in said
    real, made = (model.probability_real(each).double() for each in (X, fake))
    discriminator = -(real.log().mean() + (1 - made).log().mean()).item()
    assert said.endswith(
        f"losses: discriminator {discriminator:.3f}, generator {-made.log().mean().item():.3f}"
    )


@pytest.mark.parametrize("name, modes", [("grid", 25), ("islands", 2), ("spiral", 0), ("moons", 0)])
def test_modes_are_counted_where_each_is_a_class(name, modes):
    plane = PLANES[name]
    x = plane.sample(100, rng=generator(0)).x
    said = game_picture.words(gan(), plane, x, noise())
    assert ("modes" in said) == bool(modes)
    assert not modes or f"of {modes} modes covered" in said


# the explorer


def test_a_run_is_the_plain_loop_over_the_same_game(page):
    game = GameExplorer(seed=3)
    said = game.run(30)
    plain = Game(data.ring(), seed=3, steps=30, players=PLAYERS["both in turn"])
    list(plain.training)
    assert moved(game.game.model, weights(plain.model)) == set()
    assert said.startswith("paused at step 30 of 5000: ")
    assert f"; losses: discriminator {game.sentence().split('losses: discriminator ')[1]}" in said


def test_settings_are_those_of_the_gan():
    game = GameExplorer(loss="minimax", latent=3)
    assert (game.game.model.loss, game.game.model.latent, game.game.z.shape[1]) == ("minimax", 3, 3)
    with pytest.raises(TypeError, match="colour"):
        GameExplorer(colour=1)


@pytest.mark.parametrize("name", ["grid", "spiral", "moons", "islands"])
def test_other_data_begin_a_new_game_with_the_same_first_weights(shown, name):
    first, fresh = shown.game.model, weights(shown.game.model)
    shown.run(5)
    assert moved(first, fresh)
    shown.state = "running"
    choose(shown, data=name)
    assert (shown.state, shown.training.index) == ("ready", 0)
    assert shown.training.model is shown.game.model is not first
    assert moved(shown.game.model, fresh) == set()
    distance = torch.cdist(shown.game.x, PLANES[name].centres.to(shown.game.x)).min(1).values
    assert distance.max() < 6 * PLANES[name].std
    assert distance.mean() > 0.3 * PLANES[name].std
    shown.run(2)
    assert shown.training.index == 2


def test_reset_is_the_same_game_again_at_the_rates_and_with_the_players_chosen(shown):
    choose(shown, players="discriminator only")
    shown.dashboard.sliders["discriminator"].value = 0.01
    shown.run(10)
    once = weights(shown.game.model)
    shown.dashboard.buttons["reset"].click()
    assert (shown.state, shown.training.index) == ("ready", 0)
    assert moved(shown.game.model, once)
    assert shown.training.rates == {"discriminator": pytest.approx(0.01), "generator": 0.001}
    shown.run(10)
    assert moved(shown.game.model, once) == set()


@pytest.mark.parametrize("name, who", PLAYERS.items(), ids=PLAYERS)
def test_only_who_is_to_move_moves_from_now_on(shown, name, who):
    shown.run(3)
    before = weights(shown.game.model)
    choose(shown, players=name)
    shown.dashboard.buttons["step"].click()
    assert shown.training.index == 4
    parts = {"discriminator": "discriminator", "generator": "generator"}
    assert {parts[key.split(".")[0]] for key in moved(shown.game.model, before)} == set(who)


def test_the_speed_sets_the_pace(shown):
    assert shown.tempo.pace == 50
    for name, pace in (("slow motion: 2 steps a second", 2), ("full speed", None)):
        choose(shown, pace=name)
        assert shown.tempo.pace == pace


def test_a_box_shows_and_hides_its_layer(shown):
    axes, before = shown.figure.axes, bytes(shown.dashboard.picture.value)
    shown.dashboard.layers["the discriminator's field"].value = False
    assert not axes.images
    shown.dashboard.layers["the discriminator's field"].value = True
    shown.dashboard.layers["the generator's gradients"].value = False
    assert axes.images
    assert not [each for each in axes.collections if isinstance(each, Quiver)]
    assert bytes(shown.dashboard.picture.value) != before
    shown.dashboard.layers["the generator's gradients"].value = True
    assert bytes(shown.dashboard.picture.value) == before


def test_the_same_noise_is_shown_all_the_time(shown):
    z = shown.game.z.clone()
    shown.run(3)
    choose(shown, data="grid")
    assert torch.equal(shown.game.z, z)


# points of your own


def click(game, x, y):
    """What the browser sends for a click at a point of the plane."""
    column, up = game.figure.axes.transData.transform((x, y))
    row = game.figure.canvas.get_width_height()[1] - up
    message = {"type": "click", "dataX": round(column), "dataY": round(row)}
    game.dashboard.clicks._handle_mouse_msg(None, message, None)


def test_clicks_and_the_keyboard_put_clouds_that_are_learnt(shown):
    choose(shown, data="draw your own")
    click(shown, -1.5, 2.0)
    shown.dashboard.mark[0].value = 1.2
    shown.dashboard.mark[1].value = -0.7
    shown.dashboard.buttons["add"].click()
    expected = [pytest.approx((-1.5, 2.0), abs=0.02), pytest.approx((1.2, -0.7))]
    assert shown.clouds == expected
    distance = torch.cdist(shown.game.x.cpu(), torch.tensor(shown.clouds))
    assert distance.min(1).values.max() < 6 * 0.15
    assert distance.min(1).indices.bincount().min() > 900
    torch.testing.assert_close(points(shown.figure.axes.lines[0]), shown.game.x[:250])
    assert "of the samples lie on the data" in shown.dashboard.caption.value
    shown.dashboard.buttons["step"].click()
    assert shown.training.index == 1


def test_a_cross_shows_where_the_keyboard_would_put_a_cloud(shown):
    assert len(shown.figure.axes.lines) == 2
    choose(shown, data="draw your own")
    shown.dashboard.mark[0].value = 1.2
    shown.dashboard.mark[1].value = -0.7
    upright, level = shown.figure.axes.lines[2:]
    assert [*upright.get_xdata(), *level.get_ydata()] == pytest.approx([1.2] * 2 + [-0.7] * 2)


def test_undo_takes_the_last_cloud_away_and_clear_all(shown):
    choose(shown, data="draw your own")
    for place in ((0, 0), (1, 1), (2, 2)):
        shown.post("add", place)
    shown.dashboard.buttons["undo"].click()
    assert shown.clouds == [(0, 0), (1, 1)]
    shown.run(2)
    shown.dashboard.buttons["clear"].click()
    assert (shown.clouds, shown.state, shown.training.index) == ([], "ready", 0)
    shown.dashboard.buttons["undo"].click()
    assert shown.clouds == []
    assert shown.error is None


def test_without_points_a_message_says_what_to_do_and_nothing_moves(shown):
    choose(shown, data="draw your own")
    before = weights(shown.game.model)
    for name in ("start", "step"):
        shown.dashboard.show_error("")
        shown.dashboard.buttons[name].click()
        assert "click the picture, or press Add" in shown.dashboard.error.value
    assert (shown.state, shown.training.index) == ("ready", 0)
    assert "no points to learn from yet" in shown.dashboard.caption.value
    assert len(points(shown.figure.axes.lines[0])) == 0
    with pytest.raises(ValueError, match="no points to learn from yet"):
        shown.run(1)
    assert moved(shown.game.model, before) == set()
    shown.dashboard.buttons["add"].click()
    assert shown.dashboard.error.value == ""
    shown.dashboard.buttons["step"].click()
    assert shown.training.index == 1


def test_clicks_count_only_on_the_plane_and_only_where_you_draw(shown):
    click(shown, 1, 1)
    shown.dashboard.buttons["add"].click()
    assert shown.clouds == []
    choose(shown, data="draw your own")
    click(shown, 3.3, 0)
    click(shown, 0, -3.2)
    assert shown.clouds == []
    click(shown, 1, 1)
    assert len(shown.clouds) == 1
    choose(shown, data="ring")
    assert "of 8 modes" in shown.dashboard.caption.value
    choose(shown, data="draw your own")
    assert len(shown.clouds) == 1  # yours are kept


def test_what_draws_points_is_offered_only_where_you_draw(shown):
    assert shown.dashboard.drawing.layout.display == "none"
    choose(shown, data="draw your own")
    assert shown.dashboard.drawing.layout.display is None
    choose(shown, data="moons")
    assert shown.dashboard.drawing.layout.display == "none"


# the page


def test_every_control_says_what_it_does(shown):
    dashboard = shown.dashboard
    assert [each.description for each in dashboard.choices.values()] == [
        "data",
        "who moves",
        "speed",
    ]
    assert list(dashboard.choices["data"].options) == [*PLANES, "draw your own"]
    assert len(PLANES) == 5
    for name, button in dashboard.buttons.items():
        assert button.description == name.capitalize()
        assert len(button.tooltip.split()) > 2
    assert 'role="status"' in dashboard.caption.value


def test_the_saved_page_holds_the_static_figure_whatever_was_played(shown, page):
    [(seen, _), (saved, metadata)] = page.outputs
    assert seen["text/plain"] == saved["text/plain"]
    assert saved["text/plain"].endswith("the ring after 0, 50, 200 and 800 steps")
    assert saved["image/png"] == explorer.png(game_explorer.static_figure(seed=0))
    assert imread(io.BytesIO(saved["image/png"])).std() > 0
    assert "after 0, 50, 200 and 800 steps" in metadata["image/png"]["alt"]
    shown.run(3)
    shown.close()
    [_, (left, _)] = page.outputs
    assert left == {"text/plain": saved["text/plain"], "image/png": saved["image/png"]}


def test_the_static_figure_shows_the_game_at_the_four_moments():
    figure = static_figure(seed=1)
    panels = figure.axes[: len(STATIC_STEPS)]
    assert [panel.get_title() for panel in panels] == [
        f"after {step} steps" for step in STATIC_STEPS
    ]
    game = Game(data.ring(), seed=1, steps=STATIC_STEPS[-1], players=PLAYERS["both in turn"])
    for panel, step in zip(panels[:3], STATIC_STEPS, strict=False):
        while game.training.index < step:
            next(game.training)
        expected = drawn(game.model, game.x[:250], game.z)
        for line, exact in zip(panel.lines, expected.lines, strict=True):
            torch.testing.assert_close(points(line), points(exact))
        shades, exact = panel.images[0].get_array(), expected.images[0].get_array()
        np.testing.assert_allclose(shades, exact, atol=1e-5)
        assert len(panel.collections) == len(expected.collections)
    later, last = (points(panel.lines[1]) for panel in panels[2:])
    assert not torch.equal(later, last)


def test_a_short_game_covers_the_ring():
    game = GameExplorer()
    game.run(600)
    fake = game_picture.samples(game.game.model, game.game.z)
    assert modes_covered(fake, data.ring().centres, radius=0.3) >= 6


def test_shown_again_it_goes_on_as_it_was_chosen(shown, page):
    choose(shown, data="grid", players="discriminator only", pace="full speed")
    shown.dashboard.layers["the discriminator's field"].value = False
    shown.run(4)
    shown._ipython_display_()
    values = {name: each.value for name, each in shown.dashboard.choices.items()}
    assert values == {"data": "grid", "players": "discriminator only", "pace": "full speed"}
    assert shown.dashboard.layers["the discriminator's field"].value is False
    assert shown.training.index == 4
    assert len(page.outputs) == 4


def test_another_live_training_takes_over_and_nothing_is_left_behind(shown):
    shown.close()
    before = widgets()
    game = GameExplorer()
    assert widgets() == before
    game._ipython_display_()
    assert widgets() > before
    other = LiveTraining(duel())
    other._ipython_display_()
    assert game.dashboard is None
    other.close()
    assert widgets() == before
    game.post("data", "draw your own")
    game.post("start")
    assert (game.state, game.training.index) == ("ready", 0)
