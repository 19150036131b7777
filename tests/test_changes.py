"""The explorer of changes: every change against a literal one, and what is drawn and said."""

import io

import ipywidgets
import numpy as np
import pytest
import torch
from matplotlib.image import imread

from genaug_lessons import data
from genaug_lessons.models.classifier import Classifier
from genaug_lessons.random import generator, uniform
from genaug_lessons.widgets import ChangesExplorer, explorer
from genaug_lessons.widgets.changes import CHANGES, MIRRORS, changed

MOVED = {name: change.shown[-1] for name, change in CHANGES.items()} | {"mirror": "up-down"}


def pictures(*shape, seed=0):
    return uniform(shape, generator(seed, "cpu"))


def close(found, exact):
    torch.testing.assert_close(found, exact, atol=1e-5, rtol=0)


@pytest.fixture
def changes():
    digits, rng = data.digits(), generator(0)
    model = Classifier(digits.shape, classes=10, rng=rng)
    for weight in model.parameters():  # a judge that is sure of itself
        weight.data *= 3
    return ChangesExplorer(model, digits.values[4:8], digits.y[4:8])


def pixels(png):
    return imread(io.BytesIO(bytes(png)))


# --- the changes


@pytest.mark.parametrize("shape", [(2, 1, 8, 8), (3, 3, 5, 9)])
def test_nothing_is_changed_where_nothing_is_asked_for(shape):
    x = pictures(*shape)
    close(changed(x), x)


@pytest.mark.parametrize("degrees, turns", [(0, 0), (90, 1), (180, 2), (-90, 3)])
def test_right_angles_turn_a_square_picture_counterclockwise_exactly(degrees, turns):
    x = pictures(3, 1, 8, 8)
    close(changed(x, rotation=degrees), x.rot90(turns, (2, 3)))


def test_shifts_go_to_the_right_by_shares_of_the_width_and_leave_black():
    x = pictures(2, 1, 6, 8)
    found = changed(x, shift=25)
    close(found[..., 2:], x[..., :-2])
    assert not found[..., :2].any()
    close(changed(x, shift=-50)[..., :4], x[..., 4:])


def test_a_picture_three_times_its_size_shows_its_middle_and_a_third_lies_within_black():
    x = pictures(1, 1, 9, 9)
    close(changed(x, size=300)[0, 0, 1::3, 1::3], x[0, 0, 3:6, 3:6])
    small = changed(x, size=100 / 3)[0, 0]
    close(small[3:6, 3:6], x[0, 0, 1::3, 1::3])
    assert not small[:3].any() and not small[:, 6:].any()


def test_shear_by_45_degrees_leans_the_top_to_the_right():
    x = torch.zeros(1, 1, 5, 5)
    x[..., 2] = 1
    close(changed(x, shear=45)[0, 0], torch.eye(5).flip(1))


def test_mirrors_are_those_of_the_two_axes():
    x = pictures(2, 1, 5, 6)
    close(changed(x, mirror="left-right"), x.flip(3))
    close(changed(x, mirror="up-down"), x.flip(2))


def test_brightness_and_contrast_are_percentages_clipped_to_the_range():
    x = pictures(3, 1, 5, 5)
    mean = x.mean((1, 2, 3), keepdim=True)
    close(changed(x, brightness=40), 0.4 * x)
    close(changed(x, brightness=200), (2 * x).clamp(max=1))
    close(changed(x, contrast=40), mean + 0.4 * (x - mean))
    assert (changed(x, contrast=200) == 1).any()


def test_noise_has_its_standard_deviation_and_is_the_same_every_time():
    x = torch.full((1, 1, 100, 100), 0.5)
    noise = changed(x, noise=0.1) - x
    assert noise.std() == pytest.approx(0.1, rel=0.05)
    assert torch.equal(changed(x, noise=0.1) - x, noise)


def test_a_quarter_erased_is_the_square_of_half_the_side_in_the_middle():
    x = pictures(2, 1, 8, 8) + 0.1
    exact = x.clamp(max=1)
    exact[..., 2:6, 2:6] = 0
    close(changed(x.clamp(max=1), erased=25), exact)


def test_changes_come_in_their_order_mirror_moves_values_noise_and_what_is_erased():
    x = pictures(2, 1, 8, 8)
    close(changed(x, mirror="left-right", rotation=90), x.flip(3).rot90(1, (2, 3)))
    turned = changed(x, rotation=30)
    close(changed(x, rotation=30, brightness=200), (2 * turned).clamp(max=1))
    bright = changed(x, brightness=200)
    mean = bright.mean((1, 2, 3), keepdim=True)
    close(changed(x, brightness=200, contrast=50), (mean + bright) / 2)
    dark = changed(torch.ones(1, 1, 8, 8), brightness=0, noise=0.3)
    assert dark.max() > 0.3  # noise is not dimmed
    assert not changed(x, noise=0.5, erased=25)[..., 2:6, 2:6].any()


def test_bad_input_is_refused():
    x, judge = pictures(2, 1, 8, 8), Classifier((1, 8, 8), classes=10, rng=generator(0))
    with pytest.raises(ValueError, match=r"x must be pictures \(B, C, H, W\), got shape \(8, 8\)"):
        changed(x[0, 0])
    with pytest.raises(ValueError, match=r"mirror must be one of .*'up-down'.*, got 'both'"):
        changed(x, mirror="both")
    with pytest.raises(ValueError, match=r"x must be pictures .*got shape \(1, 8, 8\)"):
        ChangesExplorer(judge, x[0], torch.zeros(1))
    with pytest.raises(ValueError, match=r"labels must be one for each .*got \(3,\) for 2"):
        ChangesExplorer(judge, x, torch.zeros(3))
    with pytest.raises(ValueError, match=r"x must be pictures .*, got shape \(0, "):
        ChangesExplorer(judge, x[:0], torch.zeros(0))


# --- the explorer


def test_a_slider_back_at_its_middle_but_for_rounding_says_so(changes):
    changes.sliders["size"].value = 100 - 1e-9
    changes.sliders["noise"].value = 0.05
    assert changes.caption.value.startswith("Label 4, noise 0.05 standard deviation: taken for")


def test_numbers_beside_the_sliders_are_short(changes):
    shown = {
        name: format(7, slider.readout_format)
        for name, slider in changes.sliders.items()
        if name != "mirror"
    }
    assert shown.pop("noise") == "7.00" and set(shown.values()) == {"7"}


@pytest.mark.parametrize("name", [*MOVED, "which"])
def test_moving_any_control_redraws_the_picture_and_its_sentence(changes, name):
    before, said = pixels(changes.picture.value), changes.caption.value
    assert ", as it is: taken for" in said
    if name == "which":
        changes.which.value = 2
        assert changes.caption.value.startswith("Label 6, as it is")
    else:
        changes.sliders[name].value = MOVED[name]
        assert f"Label 4, {name} {MOVED[name]}" in changes.caption.value
    after = pixels(changes.picture.value)
    assert before.shape != after.shape or not np.array_equal(before, after)
    asked = {} if name == "which" else {name: MOVED[name]}
    exact = changed(changes.pictures[changes.which.value][None], **asked)
    assert np.array_equal(changes.render()[0].axes[0].images[0].get_array(), exact[0, 0])


def test_picture_bars_and_sentence_are_the_judges_on_all_changes_together(changes):
    changes.which.value = 1
    changes.sliders["noise"].value, changes.sliders["rotation"].value = 0.2, 90
    picture = changed(changes.pictures, rotation=90, noise=0.2)
    exact = changed(changes.pictures[1:2], rotation=90, noise=0.2)
    chances = changes.model.log_probs(exact)[0].exp()
    figure, said = changes.render()
    assert picture.shape == changes.pictures.shape
    [shown] = figure.axes[0].images
    np.testing.assert_array_equal(shown.get_array(), exact[0, 0])
    assert (shown.get_clim(), shown.get_cmap().name) == ((0, 1), "gray")
    assert figure.axes[0].get_title() == "label 5"
    names = figure.axes[1].get_xlabel(), figure.axes[1].get_ylabel()
    assert names == ("label (hatched: the true one)", "probability")
    bars = figure.axes[1].patches
    assert [bar.get_height() for bar in bars] == pytest.approx(chances.tolist())
    middles = [bar.get_x() + bar.get_width() / 2 for bar in bars]
    assert middles == pytest.approx(list(figure.axes[1].get_xticks())) == list(range(10))
    assert figure.axes[1].get_ylim() == (0, 1)
    assert [bar.get_hatch() for bar in bars] == [None] * 5 + ["//"] + [None] * 4
    guess = chances.argmax().item()
    assert said == (
        f"Label 5, rotation 90 degrees, noise 0.2 standard deviation: taken for {guess} "
        f"({100 * chances[guess]:.0f}%); true label {100 * chances[5]:.0f}%."
    )


def test_survivors_are_the_pictures_that_keep_their_label(changes):
    changes.model.predict = lambda x: x[:, 0].mean((1, 2)).mul(10).round().long()
    changes.pictures = torch.tensor([0.2, 0.4, 0.6, 0.8])[:, None, None, None].expand(4, 1, 8, 8)
    changes.labels = torch.tensor([2, 4, 3, 4])
    assert changes.survivors() == 2
    assert changes.survivors(brightness=50) == 2  # 0.1, 0.2, 0.3 and 0.4
    assert changes.survivors(mirror="up-down") == 2
    assert changes.survivors(brightness=0) == 0


def test_twin_shows_the_first_picture_under_each_change_with_its_verdict_and_its_bar(changes):
    axes = [axis for axis in changes.static_figure().axes if axis.axison]
    values = [(name, value) for name, change in CHANGES.items() for value in change.shown]
    values += [("mirror", value) for value in MIRRORS[1:]]
    label = changes.labels[0].item()
    for axis, (name, value) in zip(axes, values, strict=True):
        exact = changed(changes.pictures[:1], **{name: value})
        chances = changes.model.log_probs(exact)[0].exp()
        np.testing.assert_array_equal(axis.images[0].get_array(), exact[0, 0])
        guess = chances.argmax().item()
        mark = {"rotation": "°", "shear": "°", "noise": "", "mirror": ""}.get(name, "%")
        wrong = "" if guess == label else "  wrong"
        assert axis.get_title() == f"{value}{mark}: {guess}{wrong}"
        frame, bar = axis.patches
        assert bar.get_width() / frame.get_width() == pytest.approx(chances[label].item(), abs=1e-6)
        assert frame.get_width() == 8 and frame.get_x() == bar.get_x() == -0.5
        assert (frame.get_facecolor()[:3], bar.get_facecolor()[:3]) == ((1, 1, 1), (0, 0, 0))
        assert axis.get_ylim()[0] > frame.get_y() + frame.get_height() > 8  # below the picture
    rows = [axis.get_ylabel() for axis in axes if axis.get_ylabel()]
    assert rows == [*CHANGES, "mirror"]


def test_wide_pictures_in_colour_are_shown_whole_with_a_bar_as_wide_beneath():
    x = pictures(2, 3, 5, 9)
    judge = Classifier((3, 5, 9), classes=3, rng=generator(0))
    changes = ChangesExplorer(judge, x, torch.tensor([2, 1]))
    changes.which.value = 1
    shown = changes.render()[0].axes[0].images[0]
    close(torch.tensor(shown.get_array()), x[1].permute(1, 2, 0))
    assert shown.get_interpolation() == "nearest" and not shown.axes.get_xticks().size
    axis = changes.static_figure().axes[0]
    frame, bar = axis.patches
    assert (frame.get_x(), frame.get_width(), axis.get_xlim()) == (-0.5, 9, (-0.5, 8.5))
    assert 5 < frame.get_y() + frame.get_height() < axis.get_ylim()[0] < 6
    chances = judge.log_probs(changed(x[:1], rotation=15))[0].exp()
    assert bar.get_width() == pytest.approx(9 * chances[2].item(), abs=1e-5)


def test_every_slider_names_its_unit_starts_where_nothing_changes_and_reaches_the_twins(changes):
    for name, change in CHANGES.items():
        slider = changes.sliders[name]
        assert isinstance(slider, ipywidgets.FloatSlider)
        assert slider.description == f"{name} ({change.unit})"
        assert (slider.value, slider.step) == (change.neutral, change.step)
        assert slider.min <= min(change.shown) and max(change.shown) <= slider.max
        for value in (change.neutral, *change.shown):
            notches = (value - slider.min) / slider.step
            assert notches == pytest.approx(round(notches))
        assert change.neutral not in change.shown
    mirror = changes.sliders["mirror"]
    assert (mirror.options, mirror.value, mirror.description) == (MIRRORS, "no", "mirror")
    assert (changes.which.min, changes.which.max, changes.which.description) == (0, 3, "picture")
    assert len(changes.box.children) == 1 + len(CHANGES) + 1 + 2  # and the picture and its words


def test_a_saved_page_holds_the_widget_and_its_static_figure_with_alt_text(changes, monkeypatch):
    shown = []
    monkeypatch.setattr(explorer, "display", lambda content, **how: shown.append((content, how)))
    changes._ipython_display_()
    [(content, how)] = shown
    assert content[explorer.WIDGET_VIEW]["model_id"] == changes.box.model_id
    assert pixels(content["image/png"]).std() > 0
    assert how["metadata"]["image/png"]["alt"].startswith("a picture of label 4 under 9 changes")
