"""The Gibbs explorer: its chain, what it shows, undo and reset agree with the table of states."""

import copy
import io

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from boltzmann import cpu, fits, joint, scrambled, states
from matplotlib.image import imread
from scipy.stats import chisquare

from genaug_lessons.models.rbm import RBM
from genaug_lessons.widgets import GibbsExplorer, explorer, gibbs
from genaug_lessons.widgets.gibbs import HIDDEN, MANY, START, TOGGLED, VISIBLE, Moment, half_step


@pytest.fixture
def machine():
    return scrambled(4, 3).float()


@pytest.fixture
def chain(machine):
    return GibbsExplorer(machine)


def pixels(png: bytes) -> np.ndarray:
    return imread(io.BytesIO(bytes(png)))


def press(chain, *names):
    for name in names:
        chain.buttons[name]()


def buttons(chain):
    return {button.description: button for button in chain.box.children[1].children}


def spelt(history):
    return [(gibbs.spelt(now.v), gibbs.spelt(now.h), now.how) for now in history]


def test_states_are_counted_as_binary_numbers():
    assert torch.equal(gibbs.all_states(3, torch.ones(1).double()), states(3))
    assert [gibbs.spelt(row) for row in states(2)] == ["00", "01", "10", "11"]


def test_exact_probabilities_are_those_of_the_table(machine):
    expected = joint(machine.double()).sum(1)
    assert torch.allclose(gibbs.exact(machine), expected)


@pytest.mark.parametrize("how", [START, TOGGLED, VISIBLE])
def test_hidden_states_are_drawn_given_the_visible_ones(machine, how):
    v, rng = torch.tensor([1.0, 0, 1, 1]), cpu()
    drawn = [half_step(machine, Moment(v, torch.zeros(3), how), rng) for _ in range(3000)]
    assert all(now.how == HIDDEN and torch.equal(now.v, v) for now in drawn)
    counts = torch.tensor([int(gibbs.spelt(now.h), 2) for now in drawn]).bincount(minlength=8)
    law = joint(machine.double())[0b1011]
    assert fits(counts.double(), law / law.sum())


def test_visible_states_are_drawn_given_the_hidden_ones(machine):
    h, rng = torch.tensor([0.0, 1, 1]), cpu()
    drawn = [half_step(machine, Moment(torch.zeros(4), h, HIDDEN), rng) for _ in range(3000)]
    assert all(now.how == VISIBLE and torch.equal(now.h, h) for now in drawn)
    assert not drawn[0].v.requires_grad
    counts = torch.tensor([int(gibbs.spelt(now.v), 2) for now in drawn]).bincount(minlength=16)
    law = joint(machine.double())[:, 0b011]
    assert fits(counts.double(), law / law.sum())


def test_visits_are_shares_of_the_states_that_the_chain_drew():
    def moment(digits, how):
        return Moment(torch.tensor([float(digit) for digit in digits]), torch.zeros(1), how)

    history = [moment("11", START), moment("01", VISIBLE), moment("10", VISIBLE)]
    history += [moment("01", HIDDEN), moment("11", TOGGLED), moment("01", VISIBLE)]
    assert gibbs.visits(history).tolist() == pytest.approx([0, 2 / 3, 1 / 3, 0])
    assert gibbs.visits(history[:1]).tolist() == [0, 0, 0, 0]


def test_many_steps_visit_the_states_as_often_as_the_model_says(chain):
    chain.redraw = lambda: None  # drawing takes longer than the chain
    press(chain, *[f"{MANY} steps"] * 20)
    late = [now for now in chain.history if now.how == VISIBLE][::4]  # apart: nearly independent
    found = torch.tensor([int(gibbs.spelt(now.v), 2) for now in late]).bincount(minlength=16)
    law = joint(copy.deepcopy(chain.model).double()).sum(1).detach()
    common = law * len(late) >= 5
    found, law = found[common].double(), law[common]
    assert chisquare(found, law / law.sum() * found.sum()).pvalue > 1e-4


def test_half_steps_take_turns_and_a_step_ends_with_visible_states(chain):
    press(chain, "half-step", "half-step", "step", "half-step", "step")
    turns = [now.how for now in chain.history]
    assert turns == [START, HIDDEN, VISIBLE, HIDDEN, VISIBLE, HIDDEN, VISIBLE]
    press(chain, f"{MANY} steps")
    assert len(chain.history) == 7 + 2 * MANY


def test_undo_takes_back_one_press_and_the_next_draw_is_new(chain):
    press(chain, "step", f"{MANY} steps")
    long = spelt(chain.history)
    press(chain, "undo")
    assert spelt(chain.history) == long[:3]
    press(chain, f"{MANY} steps")
    assert spelt(chain.history) != long
    press(chain, *["undo"] * 5)
    assert spelt(chain.history) == [("0000", "000", START)]


def test_reset_brings_back_the_first_draws(chain):
    press(chain, f"{MANY} steps")
    first = spelt(chain.history)
    press(chain, "reset")
    assert spelt(chain.history) == [("0000", "000", START)]
    press(chain, "undo")
    assert len(chain.history) == 1
    press(chain, f"{MANY} steps")
    assert spelt(chain.history) == first
    other = GibbsExplorer(chain.model, seed=1)
    press(other, f"{MANY} steps")
    assert spelt(other.history) != first


def test_a_switch_changes_one_unit_and_the_chain_goes_on_from_there(chain):
    press(chain, "half-step")
    h = chain.history[-1].h
    chain.switches[1].value = True
    assert spelt(chain.history[2:]) == [("0100", gibbs.spelt(h), TOGGLED)]
    press(chain, "half-step")
    assert chain.history[-1].how == HIDDEN
    press(chain, "undo", "undo")
    assert not chain.switches[1].value and len(chain.history) == 2


def test_switches_follow_the_chain_without_counting_as_moves(chain):
    for _ in range(6):
        press(chain, "step")
        shown = "".join(str(int(switch.value)) for switch in chain.switches)
        assert shown == gibbs.spelt(chain.history[-1].v)
    assert len(chain.history) == 13
    press(chain, "reset")
    assert not any(switch.value for switch in chain.switches) and len(chain.history) == 1
    chain.switches[0].tooltip = "the first"
    assert len(chain.history) == 1  # only the value of a switch is a move


def test_sentence_holds_the_numbers_of_the_table(chain):
    chain.model.double()
    press(chain, "reset", "step")
    now, p = chain.history[-1], joint(chain.model)
    model, v, h = chain.model, now.v, now.h
    energy = -(v @ model.W @ h) - v @ model.a - h @ model.b
    at = int(gibbs.spelt(v), 2)
    marginal, given = p.sum(1)[at], p[at, int(gibbs.spelt(h), 2)] / p.sum(1)[at]
    assert chain.caption.value == (
        f"2 moves, last: {VISIBLE}; v = {gibbs.spelt(v)}, h = {gibbs.spelt(h)}: energy "
        f"{energy:.2f} nats, free energy of v {energy + given.log():.2f} nats, "
        f"p(v) = {marginal:.3f}."
    )


def test_an_energy_of_nothing_has_no_sign(chain):
    assert "energy 0.00 nats" in chain.caption.value  # all switches are off at the start


def test_machine_is_drawn_as_it_stands_with_the_chance_of_each_switch(chain):
    chain.switches[0].value = True
    chain.switches[2].value = True
    press(chain, "half-step")
    now, p = chain.history[-1], joint(copy.deepcopy(chain.model).double())
    at, of = int(gibbs.spelt(now.v), 2), int(gibbs.spelt(now.h), 2)
    axis = chain.render()[0].axes[0]
    texts = [text.get_text() for text in axis.texts]
    assert texts[0:8:2] == ["1", "0", "1", "0"]
    assert texts[8::2] == list(gibbs.spelt(now.h))
    on_v = p[:, of] / p[:, of].sum() @ states(4)
    on_h = p[at] / p[at].sum() @ states(3)
    assert texts[1:8:2] == [f"v{i + 1}: {chance:.2f}" for i, chance in enumerate(on_v)]
    assert texts[9::2] == [f"h{i + 1}: {chance:.2f}" for i, chance in enumerate(on_h)]
    faces = [tuple(dots.get_facecolor()[0][:3]) for dots in axis.collections]
    dark = [face == (0, 0, 0) for face in faces]
    assert dark == [text == "1" for text in texts[::2]]
    inks = [text.get_color() for text in axis.texts[::2]]
    assert inks == ["white" if black else "black" for black in dark]
    dotted = [line.get_linestyle() == ":" for line in axis.lines]
    assert dotted == (chain.model.W.flatten() < 0).tolist()
    widths = torch.tensor([line.get_linewidth() for line in axis.lines])
    assert torch.allclose(widths, chain.model.W.detach().flatten().abs())
    assert axis.get_title().startswith(HIDDEN)


def test_lines_join_their_switches_and_chances_stand_beside_them_within_the_picture(chain):
    axis = chain.render()[0].axes[0]
    switches = np.array([dots.get_offsets()[0] for dots in axis.collections])
    assert switches[:, 0].tolist() == [-1.5, -0.5, 0.5, 1.5, -1, 0, 1]
    assert switches[:, 1].tolist() == [0] * 4 + [1] * 3
    ends = [(switches[i], switches[4 + j]) for i in range(4) for j in range(3)]
    assert np.array_equal([line.get_xydata() for line in axis.lines], ends)
    digits, chances = (np.array([text.xy for text in axis.texts[k::2]]) for k in (0, 1))
    assert np.array_equal(digits, switches) and np.array_equal(chances[:, 0], switches[:, 0])
    (left, right), (low, high) = axis.get_xlim(), axis.get_ylim()
    assert low < chances[:4, 1].max() <= -0.25 and 1.25 <= chances[4:, 1].min() < high
    assert left < -2 and 2 < right  # where five switches end


def test_a_very_large_weight_is_drawn_no_thicker_than_6_points(chain):
    with torch.no_grad():
        chain.model.W[1, 2] = -50.0
    widths = [line.get_linewidth() for line in chain.render()[0].axes[0].lines]
    assert widths[1 * 3 + 2] == max(widths) == 6


def test_bars_are_the_visits_and_dots_the_exact_probabilities(chain):
    chain.switches[0].value = True
    press(chain, "half-step", f"{MANY} steps")
    axis = chain.render()[0].axes[1]
    assert [bar.get_height() for bar in axis.patches] == pytest.approx(
        gibbs.visits(chain.history).tolist()
    )
    assert axis.lines[0].get_ydata() == pytest.approx(gibbs.exact(chain.model).numpy())
    middles = [bar.get_x() + bar.get_width() / 2 for bar in axis.patches]
    assert middles == pytest.approx(range(16)) and [*axis.lines[0].get_xdata()] == [*range(16)]
    assert list(axis.get_xticks()) == [*range(16)]
    assert axis.lines[0].get_label() == "exact p(v)"
    names = [label.get_text() for label in axis.get_xticklabels()]
    assert names == [f"{number:04b}" for number in range(16)]
    said = {text.get_text() for text in axis.get_legend().get_texts()}
    assert said == {"exact p(v)", f"drawn in {MANY} steps"}
    highest = max(*axis.lines[0].get_ydata(), *(bar.get_height() for bar in axis.patches))
    assert axis.get_ylim() == (0, pytest.approx(highest, rel=0.1))


@pytest.mark.parametrize("name", ["half-step", "step", f"{MANY} steps", "undo", "reset"])
def test_every_button_redraws_the_picture_and_its_sentence(chain, name):
    press(chain, "step")
    picture, said = pixels(chain.picture.value), chain.caption.value
    buttons(chain)[name].click()
    after = pixels(chain.picture.value)
    assert after.shape != picture.shape or not np.array_equal(after, picture)
    assert chain.caption.value != said


def test_switching_redraws_the_picture_and_its_sentence(chain):
    picture, said = pixels(chain.picture.value), chain.caption.value
    chain.switches[3].value = True
    after = pixels(chain.picture.value)
    assert after.shape != picture.shape or not np.array_equal(after, picture)
    assert "v = 0001" in chain.caption.value != said


def test_controls_are_named_after_the_units_and_the_moves(chain):
    assert [switch.description for switch in chain.switches] == ["v1", "v2", "v3", "v4"]
    assert list(buttons(chain)) == ["half-step", "step", f"{MANY} steps", "undo", "reset"]


def test_twin_shows_the_first_moments_and_the_visits_whatever_was_pressed(machine):
    chain = GibbsExplorer(machine, seed=1)
    press(chain, f"{MANY} steps")
    history = chain.history
    press(chain, "reset", "half-step")
    *machines, bars = chain.static_figure().axes
    for axis, now in zip(machines, history, strict=False):
        digits = "".join(text.get_text() for text in axis.texts[::2])
        assert digits == gibbs.spelt(now.v) + gibbs.spelt(now.h)
        assert axis.get_title().startswith(now.how)
    assert len(machines) == 4
    heights = [bar.get_height() for bar in bars.patches]
    assert heights == pytest.approx(gibbs.visits(history).tolist())
    assert bars.lines[0].get_ydata() == pytest.approx(gibbs.exact(machine).numpy())
    assert len(chain.history) == 2


def test_a_saved_page_holds_the_widget_and_its_static_figure_with_alt_text(chain, monkeypatch):
    shown = []
    monkeypatch.setattr(explorer, "display", lambda content, **how: shown.append((content, how)))
    chain._ipython_display_()
    [(content, how)] = shown
    assert content[explorer.WIDGET_VIEW]["model_id"] == chain.box.model_id
    assert pixels(content["image/png"]).std() > 0
    alt = how["metadata"]["image/png"]["alt"]
    assert "4 visible and 3 hidden switches" in alt and f"in {MANY} steps" in alt


def test_nothing_is_left_open_in_pyplot(chain):
    press(chain, "step")
    assert plt.get_fignums() == []


def test_a_machine_of_as_many_units_as_can_be_shown_is_not_refused():
    chain = GibbsExplorer(scrambled(5, 5).float())
    assert len(chain.switches) == 5 and "v = 00000, h = 00000" in chain.caption.value


@pytest.mark.parametrize(
    ("shape", "hidden", "settings", "message"),
    [
        (6, 2, {}, "at most 5 units a layer, got 6 visible and 2 hidden"),
        (2, 6, {}, "at most 5 units a layer, got 2 visible and 6 hidden"),
        (2, 2, {"visible": "gaussian"}, "binary visible units and no labels"),
        (2, 2, {"classes": 2}, "binary visible units and no labels"),
    ],
)
def test_machines_that_cannot_be_shown_are_refused(shape, hidden, settings, message):
    model = RBM(shape, hidden, rng=cpu(), **settings)
    with pytest.raises(ValueError, match=message):
        GibbsExplorer(model)
