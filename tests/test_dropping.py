"""The dropout explorer: masks, both conventions and the twin agree with a network done by hand."""

import io
import itertools

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from matplotlib.image import imread

from genaug_lessons.widgets import DroppingExplorer, explorer
from genaug_lessons.widgets.dropping import (
    FIRST,
    LAST,
    MASKS,
    SECOND,
    STATIC_MASK,
    STATIC_P,
    at_test,
    average,
    in_training,
)

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


def nodes(axis):
    """What stands in the circles, layer by layer from the top."""
    texts = sorted(axis.texts, key=lambda text: (text.xy[0], -text.xy[1]))
    layers = itertools.groupby(texts, key=lambda text: text.xy[0])
    return [" ".join(text.get_text() for text in layer) for _, layer in layers]


def drawn_lines(axis):
    """(layer, end, start) -> weight, counted from the top, as the lines between circles say."""
    heights = [
        sorted(
            {
                dots.get_offsets()[0][1]
                for dots in axis.collections
                if dots.get_offsets()[0][0] == place
            }
        )[::-1]
        for place in range(4)
    ]
    found = {}
    for line in axis.lines:
        (place, start), (after, end) = line.get_xydata()
        assert after == place + 1
        at = int(place), heights[int(after)].index(end), heights[int(place)].index(start)
        found[at] = line.get_linewidth() * {"-": 1, ":": -1}[line.get_linestyle()]
    return found


def drawn_points(axis):
    """The large markers of each row: (this mask, mean, test) for each convention."""
    values = [line.get_xdata()[0] for line in axis.lines if line.get_marker() in "oDx"]
    return values[:3], values[3:]


@pytest.mark.parametrize(("control", "value"), [("p", 0.2), ("mask", 7), ("where", "the last")])
def test_moving_any_control_redraws_the_picture_and_its_sentence(control, value):
    dropping = DroppingExplorer()
    before, said = pixels(dropping.picture.value), dropping.caption.value
    value = "the last hidden layer" if control == "where" else value
    getattr(dropping, control).value = value
    after = pixels(dropping.picture.value)
    assert before.shape != after.shape or not np.array_equal(before, after)
    assert dropping.caption.value != said


def test_picture_and_sentence_hold_the_same_numbers():
    dropping = DroppingExplorer()
    dropping.p.value, dropping.mask.value = 0.2, 63 - 4  # the third value of the first layer off
    figure, said = dropping.render()
    original, inverted = drawn_points(figure.axes[1])
    now = by_hand([1, 1, 0, 1, 1, 1])
    assert original == pytest.approx([now, mean_by_loop((0.2, 0.2), 1, 1), 7 * 0.64], rel=1e-5)
    assert inverted[0] == pytest.approx(now / 0.64, rel=1e-5)
    assert inverted[2] == pytest.approx(7)
    assert "p = 0.2, mask 110 111;" in said
    words = "original: {:.2f} now, {:.2f} on average over all masks, {:.2f} when tested"
    assert inverted[1] == pytest.approx(mean_by_loop((0.2, 0.2), 1.25, 1.25), rel=1e-5)
    assert words.format(*original) in said
    assert words.replace("original", "inverted").format(*inverted) in said
    axis = figure.axes[1]
    rows = [line.get_ydata()[0] for line in axis.lines if line.get_marker() in "oDx"]
    assert rows == [0] * 3 + [1] * 3 and list(axis.get_yticks()) == [0, 1]
    assert [text.get_text() for text in axis.get_yticklabels()] == ["original", "inverted"]
    [legend] = figure.legends
    named = zip(legend.legend_handles, legend.get_texts(), strict=True)
    assert [(handle.get_marker(), text.get_text()) for handle, text in named] == [
        ("|", "each mask"),
        ("o", "this mask"),
        ("D", "mean over all masks"),
        ("x", "when tested"),
    ]


def test_marks_of_all_masks_are_their_outputs_in_both_conventions():
    dropping = DroppingExplorer()
    dropping.p.value = 0.2
    ticks = [line for line in dropping.render()[0].axes[1].lines if line.get_marker() == "|"]
    for row, (line, scale) in enumerate(zip(ticks, (1, 1.25), strict=True)):
        outputs = [by_hand(keep, scale, scale) for keep in itertools.product((0, 1), repeat=6)]
        assert sorted(line.get_xdata()) == pytest.approx(sorted(outputs), abs=1e-5)
        assert set(map(float, line.get_ydata())) == {row}


def test_in_the_last_layer_only_the_first_layer_stays_whole():
    dropping = DroppingExplorer()
    dropping.where.value, dropping.mask.value = "the last hidden layer", 8  # only the fourth on
    figure, said = dropping.render()
    assert "mask 111 100;" in said
    assert nodes(figure.axes[0]) == ["1 2", "3 1 2", "2 off off", "2"]
    assert figure.axes[1].get_title() == "p = 0.5"
    assert drawn_points(figure.axes[1])[0] == pytest.approx([2, 3.5, 3.5])
    ticks = next(line for line in figure.axes[1].lines if line.get_marker() == "|")
    assert sorted(ticks.get_xdata()) == [0, 2, 2, 3, 4, 5, 5, 7]


def test_network_shows_its_values_and_draws_no_line_to_what_is_off():
    dropping = DroppingExplorer()
    dropping.mask.value = 63
    whole = dropping.render()[0].axes[0]
    assert nodes(whole) == ["1 2", "3 1 2", "2 1 3", "7"]
    lines = {
        (place, end, start): weight
        for place, weights in enumerate((FIRST, SECOND, LAST[None]))
        for end, row in enumerate(weights.tolist())
        for start, weight in enumerate(row)
        if weight
    }
    assert drawn_lines(whole) == lines
    circles = [dots.get_offsets()[0].tolist() for dots in whole.collections]
    hidden = [[place, height] for place in (1, 2) for height in (1, 0, -1)]
    assert circles == [[0, 0.5], [0, -0.5], *hidden, [3, 0]]
    low, high = whole.get_ylim()
    assert low < -1 and 1 < high
    dropping.mask.value = 63 - 1
    damaged = dropping.render()[0].axes[0]
    assert nodes(damaged) == ["1 2", "off 1 2", "0 0 3", "3"]
    off = {(0, 0, 0), (0, 0, 1), (1, 0, 0), (1, 1, 0)}  # into the first value, and out of it
    assert drawn_lines(damaged) == {at: lines[at] for at in lines.keys() - off}
    edges = [dots.get_linestyle()[0][1] is not None for dots in damaged.collections]
    assert edges == [False] * 2 + [True] + [False] * 6  # dashed where dropped
    assert [label.get_text() for label in damaged.get_xticklabels()] == [
        "inputs",
        "hidden",
        "hidden",
        "output",
    ]


def test_twin_shows_one_mask_and_the_outputs_at_three_probabilities():
    figure = DroppingExplorer().static_figure()
    network, *strips = figure.axes
    assert [axis.get_xlabel() for axis in strips] == ["", "", "output"]
    assert [len(part.legends) for part in figure.subfigs] == [0, 1]
    assert nodes(network) == ["1 2", "3 1 off", "2 off 1", "3"]
    for axis, p in zip(strips, STATIC_P, strict=True):
        assert axis.get_title() == f"p = {p}"
        scale = 1 / (1 - p)
        for points, each, tested in zip(
            drawn_points(axis), (1, scale), (7 * (1 - p) ** 2, 7), strict=True
        ):
            exact = [by_hand(MASKS[STATIC_MASK].tolist(), each, each)]
            exact += [mean_by_loop((p, p), each, each), tested]
            assert points == pytest.approx(exact, rel=1e-5)


def test_a_saved_page_holds_the_widget_and_its_static_figure_with_alt_text(monkeypatch):
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
