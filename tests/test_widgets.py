"""Explorers: moving a control changes what is shown, and a page without a kernel shows a twin."""

import io

import ipywidgets
import numpy as np
import pytest
import torch
from ipywidgets.widgets import widget
from matplotlib.figure import Figure
from matplotlib.image import imread

from genaug_lessons import data
from genaug_lessons.models.classifier import Classifier
from genaug_lessons.random import generator
from genaug_lessons.widgets import TurningExplorer, explorer
from genaug_lessons.widgets.changes import changed
from genaug_lessons.widgets.turning import STATIC_ANGLES


@pytest.fixture
def turning():
    digits, rng = data.digits(), generator(0)
    model = Classifier(digits.shape, classes=10, rng=rng)
    return TurningExplorer(model, digits.values[:3], digits.y[:3])


def pixels(png: bytes) -> np.ndarray:
    return imread(io.BytesIO(bytes(png)))


def test_moving_a_slider_redraws_the_picture_and_its_sentence(turning):
    before = pixels(turning.picture.value)
    turning.sliders["rotation"].value = 45
    after = pixels(turning.picture.value)
    assert before.shape != after.shape or not np.array_equal(before, after)
    assert "rotation 45 degrees" in turning.caption.value
    assert turning.picture.value == explorer.png(turning.render()[0])


def test_the_sentence_names_the_classifiers_answer_for_the_turned_picture(turning):
    turning.which.value, turning.sliders["rotation"].value = 2, 30
    guess = turning.model.predict(changed(turning.pictures, rotation=30))[2].item()
    assert f"Label 2, rotation 30 degrees: taken for {guess} (" in turning.caption.value


def test_right_counts_the_pictures_whose_label_survives_a_counterclockwise_turn(turning):
    turning.pictures = torch.zeros(3, 1, 8, 8)
    turning.pictures[:, :, :, 4:] = 1  # right is bright, and after a quarter turn the top
    turning.model.predict = lambda x: (x[:, 0, :4].sum((1, 2)) > x[:, 0, 4:].sum((1, 2))).long()
    turning.labels = torch.tensor([1, 0, 1])
    assert (turning.right(90), turning.right(-90)) == (2, 1)


def test_a_saved_page_holds_the_widget_and_its_static_figure_with_alt_text(turning, monkeypatch):
    shown = []
    monkeypatch.setattr(explorer, "display", lambda content, **how: shown.append((content, how)))
    turning._ipython_display_()
    [(content, how)] = shown
    assert content[explorer.WIDGET_VIEW]["model_id"] == turning.box.model_id
    assert content["image/png"] == explorer.png(turning.static_figure())
    assert content["text/plain"] == f"explorer: {turning.alt}"
    assert how["metadata"]["image/png"]["alt"] == turning.alt and how["raw"]


def test_the_twin_shows_every_picture_at_every_angle(turning):
    axes = turning.static_figure().axes
    assert len(axes) == 3 * len(STATIC_ANGLES)
    assert [axis.get_ylabel() for axis in axes[:: len(STATIC_ANGLES)]] == [
        f"label {label}" for label in turning.labels.tolist()
    ]
    for place, axis in enumerate(axes):
        which, degrees = place // len(STATIC_ANGLES), STATIC_ANGLES[place % len(STATIC_ANGLES)]
        picture = changed(turning.pictures, rotation=degrees)[which]
        np.testing.assert_allclose(axis.images[0].get_array(), picture[0], atol=1e-6)
        chances, label = turning.model.log_probs(picture[None])[0].exp(), turning.labels[which]
        wrong = "" if chances.argmax() == label else "  wrong"
        assert axis.get_title() == f"{degrees}°: {chances.argmax()}{wrong}"
        frame, bar = axis.patches
        share = bar.get_width() / frame.get_width()
        assert share == pytest.approx(chances[label].item(), abs=1e-6)
    assert "3 pictures turned by 0 to 180 degrees" in turning.alt


class Kernel:
    """A notebook's kernel that runs cell after cell."""

    def __init__(self):
        self.runs = 0

    def run(self, cell):
        self.runs += 1
        self.cell = cell

    def get_parent(self):
        return {"metadata": {"cellId": self.cell}, "header": {"msg_id": f"run {self.runs}"}}


class Rule(explorer.Explorer):
    """As small as an explorer can be."""

    def __init__(self):
        super().__init__([ipywidgets.FloatSlider(description="length (cm)")], "a rule")

    def render(self):
        return Figure(), "<b>5 < 6</b> & more"

    def static_figure(self):
        return Figure()


@pytest.fixture
def kernel(monkeypatch):
    """A kernel in whose cells explorers are shown."""
    monkeypatch.setattr(explorer, "_shown", {})
    monkeypatch.setattr(explorer, "display", lambda content, **how: None)
    kernel = Kernel()
    monkeypatch.setattr(explorer, "get_ipython", lambda: kernel)
    return kernel


def registry():
    """All widgets that are open, by id."""
    return widget._instances if hasattr(widget, "_instances") else widget.Widget.widgets


def is_open(*explorers):
    return [shown.box in registry().values() for shown in explorers]


def test_a_cell_that_runs_again_closes_the_explorers_it_showed_and_no_others(kernel):
    before = len(registry())
    first, beside, elsewhere, again = Rule(), Rule(), Rule(), Rule()
    size = (len(registry()) - before) // 4
    for cell, shown in (("a", (first, beside)), ("b", (elsewhere,)), ("a", (again,))):
        kernel.run(cell)
        for one in shown:
            one._ipython_display_()
        assert all(is_open(*shown))
    assert is_open(first, beside, elsewhere, again) == [False, False, True, True]
    for _ in range(4):
        kernel.run("a")
        Rule()._ipython_display_()
        assert len(registry()) - before == 2 * size and len(explorer._shown) == 2


def test_an_explorer_shown_again_stays_open_wherever_it_is_shown(kernel):
    one = Rule()
    for cell in "aab":  # twice by one cell, then by another
        kernel.run(cell)
        one._ipython_display_()
    kernel.run("a")
    Rule()._ipython_display_()
    assert is_open(one) == [True]
    one.close()
    assert is_open(one) == [False] and one not in explorer._shown


def test_where_cells_are_not_told_apart_no_explorer_is_closed(kernel, monkeypatch):
    for shell in (None, kernel):
        monkeypatch.setattr(explorer, "get_ipython", lambda shell=shell: shell)
        shown = Rule(), Rule()
        for one in shown:
            kernel.run(None)
            one._ipython_display_()
        assert is_open(*shown) == [True, True]


def test_the_sentence_of_an_explorer_is_text_and_no_markup():
    assert Rule().caption.value == "&lt;b&gt;5 &lt; 6&lt;/b&gt; &amp; more"


def test_every_control_says_what_it_changes(turning):
    controls = (turning.which, *turning.sliders.values())
    names = [control.description for control in controls]
    assert names == ["picture", "rotation (degrees)"]
