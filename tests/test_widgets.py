"""Explorers: moving a control changes what is shown, and a page without a kernel shows a twin."""

import io

import numpy as np
import pytest
import torch
from matplotlib.image import imread

from genaug_lessons import data
from genaug_lessons.models.classifier import Classifier
from genaug_lessons.random import generator
from genaug_lessons.widgets import TurningExplorer, explorer
from genaug_lessons.widgets.turning import turned


@pytest.fixture
def turning():
    digits, rng = data.digits(), generator(0)
    model = Classifier(digits.shape, classes=10, generator=rng)
    return TurningExplorer(model, digits.values[:3], digits.y[:3])


def pixels(png: bytes) -> np.ndarray:
    return imread(io.BytesIO(bytes(png)))


@pytest.mark.parametrize("degrees, turns", [(0, 0), (90, 1), (180, 2), (-90, 3)])
def test_right_angles_turn_a_square_picture_counterclockwise_exactly(degrees, turns):
    picture = torch.rand(1, 8, 8, generator=generator(0))
    torch.testing.assert_close(turned(picture, degrees), picture.rot90(turns, (1, 2)))


def test_moving_a_slider_redraws_the_picture_and_its_sentence(turning):
    before = pixels(turning.picture.value)
    turning.angle.value = 45
    after = pixels(turning.picture.value)
    assert before.shape != after.shape or not np.array_equal(before, after)
    assert "turned 45°" in turning.said.value


def test_the_sentence_names_the_classifiers_answer_for_the_turned_picture(turning):
    turning.which.value, turning.angle.value = 2, 30
    picture = turned(turning.pictures[2], 30)
    guess = turning.model.predict(picture[None]).item()
    assert f"Label 2, turned 30°: taken for {guess} (" in turning.said.value


def test_right_counts_the_pictures_whose_label_survives(turning):
    guesses = turning.model.predict(torch.stack([turned(x, 60) for x in turning.pictures]))
    assert turning.right(60) == (guesses == turning.labels).sum().item()


def test_a_saved_page_holds_the_widget_and_its_static_twin_with_alt_text(turning, monkeypatch):
    shown = []
    monkeypatch.setattr(explorer, "display", lambda content, **how: shown.append((content, how)))
    turning._ipython_display_()
    [(content, how)] = shown
    assert content[explorer.WIDGET_VIEW]["model_id"] == turning.box.model_id
    assert pixels(content["image/png"]).std() > 0
    assert how["metadata"]["image/png"]["alt"] == turning.alt


def test_every_control_says_what_it_changes(turning):
    assert [control.description for control in (turning.which, turning.angle)] == [
        "picture",
        "angle (degrees)",
    ]
