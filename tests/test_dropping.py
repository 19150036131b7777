"""The dropout explorer: masks, both conventions and the twin agree with a network done by hand."""

import io
import itertools

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from matplotlib.image import imread

from genaug_lessons.widgets import DroppingExplorer, explorer
from genaug_lessons.widgets.dropping import MASKS, TWIN_MASK, TWIN_P, at_test, average, in_training

ALL_ON = torch.ones(6)


def pixels(png: bytes) -> np.ndarray:
    return imread(io.BytesIO(bytes(png)))


def by_hand(keep, scale_1=1.0, scale_2=1.0):
    """The drawn network in plain numbers: hidden values 3, 1, 2, then 2, 1, 3 and 7 out of it."""
    a, b, c = (value * on * scale_1 for value, on in zip((3, 1, 2), keep[:3], strict=True))
    second = max(a - b, 0), max(a - c, 0), b + c
    d, e, f = (value * on * scale_2 for value, on in zip(second, keep[3:], strict=True))
    return d + 2 * e + f


def mean_by_loop(p, scale_1, scale_2):
    total = 0.0
    for keep in itertools.product((0, 1), repeat=6):
        chances = [1 - p[i // 3] if on else p[i // 3] for i, on in enumerate(keep)]
        total += np.prod(chances) * by_hand(keep, scale_1, scale_2)
    return total


def test_whole_network_has_the_values_that_one_finds_in_the_head():
    one, two, output = in_training(ALL_ON, (0.5, 0.5), "original")
    assert (one.tolist(), two.tolist(), output.item()) == ([3, 1, 2], [2, 1, 3], 7)


@pytest.mark.parametrize("p", [(0.0, 0.3), (0.2, 0.2), (0.5, 0.5)])
def test_every_mask_gives_the_output_found_by_hand_in_both_conventions(p):
    scales = [1 / (1 - each) for each in p]
    original, inverted = (in_training(MASKS, p, name)[-1] for name in ("original", "inverted"))
    for mask, plain, scaled in zip(MASKS.tolist(), original, inverted, strict=True):
        assert plain.item() == pytest.approx(by_hand(mask))
        assert scaled.item() == pytest.approx(by_hand(mask, *scales), rel=1e-5)


@pytest.mark.parametrize("p", [(0.0, 0.3), (0.2, 0.2), (0.0, 0.9), (0.5, 0.5)])
def test_average_is_the_sum_over_all_masks_weighted_by_their_chance(p):
    scales = [1 / (1 - each) for each in p]
    assert average(p, "original") == pytest.approx(mean_by_loop(p, 1, 1), rel=1e-5)
    assert average(p, "inverted") == pytest.approx(mean_by_loop(p, *scales), rel=1e-5)


@pytest.mark.parametrize("p", [0.0, 0.2, 0.5, 0.9])
def test_scaling_is_exact_behind_one_linear_layer_and_not_behind_two(p):
    for name, exact in (("original", 7 * (1 - p)), ("inverted", 7)):
        assert at_test((0.0, p), name) == pytest.approx(exact, rel=1e-5)
        assert average((0.0, p), name) == pytest.approx(exact, rel=1e-5)
    assert at_test((p, p), "original") == pytest.approx(7 * (1 - p) ** 2, rel=1e-5)
    assert at_test((p, p), "inverted") == pytest.approx(7, rel=1e-5)
    if p > 0:
        assert average((p, p), "inverted") > 7.5


def drawn_points(axis):
    """The large markers of each row: (this mask, mean, test) for each convention."""
    values = [line.get_xdata()[0] for line in axis.lines if line.get_marker() in "oDx"]
    return values[:3], values[3:]


@pytest.mark.parametrize(("control", "value"), [("p", 0.2), ("mask", 7), ("where", "the last")])
def test_moving_any_control_redraws_the_picture_and_its_sentence(control, value):
    dropping = DroppingExplorer()
    before, said = pixels(dropping.picture.value), dropping.said.value
    value = "the last hidden layer" if control == "where" else value
    getattr(dropping, control).value = value
    after = pixels(dropping.picture.value)
    assert before.shape != after.shape or not np.array_equal(before, after)
    assert dropping.said.value != said


def test_picture_and_sentence_hold_the_same_numbers():
    dropping = DroppingExplorer()
    dropping.p.value, dropping.mask.value = 0.2, 63 - 4  # the third value of the first layer off
    figure, said = dropping.draw()
    original, inverted = drawn_points(figure.axes[1])
    now = by_hand([1, 1, 0, 1, 1, 1])
    assert original == pytest.approx([now, mean_by_loop((0.2, 0.2), 1, 1), 7 * 0.64], rel=1e-5)
    assert inverted[0] == pytest.approx(now / 0.64, rel=1e-5)
    assert inverted[2] == pytest.approx(7)
    assert "p = 0.2, mask 110 111;" in said
    words = "original: {:.2f} now, {:.2f} on average over all masks, {:.2f} when tested"
    assert words.format(*original) in said


def test_in_the_last_layer_only_the_first_layer_stays_whole():
    dropping = DroppingExplorer()
    dropping.where.value, dropping.mask.value = "the last hidden layer", 8  # only the fourth on
    figure, said = dropping.draw()
    assert "mask 111 100;" in said
    assert drawn_points(figure.axes[1])[0] == pytest.approx([2, 3.5, 3.5])
    ticks = next(line for line in figure.axes[1].lines if line.get_marker() == "|")
    assert sorted(ticks.get_xdata()) == [0, 2, 2, 3, 4, 5, 5, 7]


def test_network_shows_its_values_and_draws_no_line_to_what_is_off():
    dropping = DroppingExplorer()
    dropping.mask.value = 63
    whole = dropping.draw()[0].axes[0]
    assert sorted(text.get_text() for text in whole.texts) == sorted("1 2 3 1 2 2 1 3 7".split())
    assert len(whole.lines) == 5 + 6 + 3  # the weights that are not 0
    assert [line.get_linestyle() for line in whole.lines].count(":") == 3  # those below 0
    dropping.mask.value = 63 - 1
    damaged = dropping.draw()[0].axes[0]
    assert [text.get_text() for text in damaged.texts].count("off") == 1
    assert len(damaged.lines) == len(whole.lines) - 4  # two lines into the first value, two out


def test_twin_shows_one_mask_and_the_outputs_at_three_probabilities():
    network, *strips = DroppingExplorer().twin().axes
    assert [text.get_text() for text in network.texts].count("off") == 6 - MASKS[TWIN_MASK].sum()
    for axis, p in zip(strips, TWIN_P, strict=True):
        assert drawn_points(axis)[1][1:] == pytest.approx([average((p, p), "inverted"), 7])


def test_a_saved_page_holds_the_widget_and_its_static_twin_with_alt_text(monkeypatch):
    dropping, shown = DroppingExplorer(), []
    monkeypatch.setattr(explorer, "display", lambda content, **how: shown.append((content, how)))
    dropping._ipython_display_()
    [(content, how)] = shown
    assert content[explorer.WIDGET_VIEW]["model_id"] == dropping.box.model_id
    assert pixels(content["image/png"]).std() > 0
    assert "all 64 masks at p = 0.2, 0.5, 0.8" in how["metadata"]["image/png"]["alt"]


def test_every_control_says_what_it_changes_and_nothing_is_left_open():
    dropping = DroppingExplorer()
    controls = (dropping.p, dropping.mask, dropping.where)
    names = [control.description for control in controls]
    assert names == ["p (probability)", "mask (number)", "dropped in"]
    assert plt.get_fignums() == []
