"""The explorer of chains: its tapes against samples and tables, and all that it shows of them."""

import functools
import io

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from boltzmann import cpu, fits, five_errors, joint, numbers, states
from ipywidgets.widgets import widget
from matplotlib.image import imread

from genaug_lessons.models.classifier import Classifier
from genaug_lessons.models.dbn import DBN
from genaug_lessons.models.rbm import RBM
from genaug_lessons.nn import Dense
from genaug_lessons.random import normal
from genaug_lessons.widgets import ChainsExplorer, explorer
from genaug_lessons.widgets.chains import descend, record
from genaug_lessons.widgets.pictures import mosaic

CLASSES = 3
SHAPES = {"grey": (1, 2, 2), "colour": (3, 2, 1)}
MAKERS = {
    "an RBM": lambda **how: RBM(hidden=4, **how),
    "a DBN of one layer": lambda **how: DBN(hidden=(4,), **how),
    "a DBN of two layers": lambda **how: DBN(hidden=(3, 5), **how),
    "a DBN of three layers": lambda **how: DBN(hidden=(4, 3, 5), **how),
    "a DBN of four layers": lambda **how: DBN(hidden=(5, 4, 3, 2), **how),
}
every_model = pytest.mark.parametrize("name", MAKERS)
held_and_let_go = pytest.mark.parametrize("held", [True, False])


def scrambled(model, scale=1.0, seed=9):
    rng = cpu(seed)
    for parameter in model.parameters():
        parameter.data = scale * normal(tuple(parameter.shape), rng)
    return model


def made(name, shape=SHAPES["grey"], classes=CLASSES, **how):
    return scrambled(MAKERS[name](shape=shape, classes=classes, rng=cpu(), **how))


@functools.cache
def judging(shape=SHAPES["grey"], classes=CLASSES):
    """A linear judge, undecided at the mean picture of two layers: it reads every label often."""
    judge = scrambled(Classifier(shape, classes=classes, network=Dense(), rng=cpu()), seed=8)
    middle = tape(made("a DBN of two layers", shape=shape)).x.mean((0, 1)).flatten()
    judge.network[-1].bias.data = -judge.network[-1].weight.data @ middle
    return judge


def top(model):
    return model.top if isinstance(model, DBN) else model


def asked(n=60):
    return torch.arange(n) % CLASSES


def tape(model, labels=None, *, steps=6, held=True, seed=3):
    labels = asked() if labels is None else labels
    return record(model, labels, steps=steps, held=held, rng=cpu(seed))


@pytest.fixture
def model():
    return made("a DBN of three layers")


@pytest.fixture
def chains():
    shown = ChainsExplorer(made("a DBN of two layers"), judging(), steps=30)
    yield shown
    shown.close()


def pixels(png: bytes) -> np.ndarray:
    return imread(io.BytesIO(bytes(png)))


def widgets():
    """How many widgets this process holds; ipywidgets 7 and 8 keep them in different places."""
    return len(widget._instances if hasattr(widget, "_instances") else widget.Widget.widgets)


# --- the tape


@every_model
@held_and_let_go
def test_states_are_those_of_the_tops_gibbs_chain(name, held):
    model, rng = made(name), cpu(3)
    found = tape(model, held=held)
    v = top(model).to_visible(top(model)._noise(60, rng), asked())
    chain = top(model).gibbs_chain(v, clamp_label=held, rng=rng)
    expected = torch.stack([v, *(next(chain) for _ in range(6))])
    assert torch.equal(found.v, expected)
    assert torch.equal(found.label, expected[:, :, top(model).size :].argmax(2))


@every_model
@pytest.mark.parametrize("visible", ["binary", "gaussian"])
@pytest.mark.parametrize("steps", [1, 2, 7])
def test_the_last_pictures_are_the_models_samples_after_as_many_steps(name, visible, steps):
    model = made(name, visible=visible)
    found = tape(model, steps=steps)
    expected = model.sample(60, label=asked(), gibbs_steps=steps, rng=cpu(3))
    assert found.x.shape == (steps + 1, 60, 1, 2, 2)
    torch.testing.assert_close(found.x[-1], expected)


@pytest.mark.parametrize("name", ["an RBM", "a DBN of one layer", "a DBN of two layers"])
def test_so_are_the_pictures_before_where_no_layer_lies_between(name):
    model, found = made(name), tape(made(name))
    for step in range(1, 7):
        expected = model.sample(60, label=asked(), gibbs_steps=step, rng=cpu(3))
        torch.testing.assert_close(found.x[step], expected)


def test_chains_start_at_noise_with_the_label_asked_for():
    labels = torch.tensor([2, 0, 0, 1]).repeat(2000)
    found = tape(made("a DBN of two layers"), labels, steps=1)
    assert torch.equal(found.label[0], labels)
    counts = numbers(found.v[0, :, :3]).bincount(minlength=8).double()
    assert fits(counts, torch.full((8,), 1 / 8).double())


@pytest.mark.parametrize("visible", ["binary", "gaussian"])
def test_an_rbms_first_picture_is_the_noise_itself(visible):
    found = tape(made("an RBM", visible=visible), asked(9000), steps=1)
    noise = found.x[0]
    assert torch.equal(noise.flatten(1), found.v[0, :, :4])
    mean, std = (0.5, 0.5) if visible == "binary" else (0.0, 1.0)
    assert set(noise.unique().tolist()) == {0, 1} or visible == "gaussian"
    five_errors(noise.mean(0), mean, std / 9000**0.5)
    five_errors(noise.std(0), std, std / 9000**0.5)


def test_a_dbns_first_picture_is_the_noise_passed_down(model):
    found = tape(model, asked(30_000), steps=1)
    h2, h1 = states(3).float(), states(4).float()
    chance = model.layers[1].visible_mean(h2)
    of_h1 = (chance[:, None] * h1 + (1 - chance[:, None]) * (1 - h1)).prod(2).mean(0)
    expected = of_h1 @ model.layers[0].visible_mean(h1)
    spread = found.x[0].flatten(1).std(0)
    five_errors(found.x[0].flatten(1).mean(0), expected.detach(), spread / 30_000**0.5)


def down(layer):
    """p(v | h) of all states of an RBM without labels, (2^V, 2^H)."""
    p = joint(layer)
    return p / p.sum(0)


def exact_mean(model, label):
    """E[x | label] of binary units by the sum over all states of all layers."""
    *lower, highest = model.layers if isinstance(model, DBN) else [model]
    p = joint(highest).sum(1).view(-1, CLASSES)[:, label]
    p = p / p.sum()
    for layer in reversed(lower):
        p = down(layer) @ p
    return p @ states(len(p).bit_length() - 1)


@every_model
def test_pictures_of_long_chains_have_the_exact_mean_given_their_label(name):
    model = made(name).double()
    for label in range(CLASSES):
        x = tape(model, torch.full((8000,), label), steps=30).x[-1].flatten(1)
        five_errors(x.mean(0), exact_mean(model, label), x.std(0) / 8000**0.5)


@every_model
def test_labels_that_are_let_go_are_drawn_as_often_as_they_are_probable(name):
    model = made(name).double()
    found = tape(model, torch.zeros(8000, dtype=torch.int64), steps=30, held=False)
    law = joint(top(model)).sum(1).view(-1, CLASSES).sum(0).detach()
    counts = found.label.sort(1).values[-1].bincount(minlength=CLASSES).double()
    assert fits(counts, law)
    assert (found.label[0] == 0).all() and not (found.label[1] == 0).all()


def test_labels_that_are_held_stay_as_they_are(model):
    found = tape(model, steps=40)
    assert torch.equal(found.label, asked().expand(41, 60))
    one_hot = torch.nn.functional.one_hot(asked(), CLASSES).float()
    assert torch.equal(found.v[:, :, 3:], one_hot.expand(41, 60, CLASSES))


@every_model
def test_both_tapes_start_alike_and_part_after_the_first_step(name):
    held, let_go = (tape(made(name), held=held) for held in (True, False))
    size = top(made(name)).size
    assert torch.equal(held.v[0], let_go.v[0])
    assert torch.equal(held.v[1, :, :size], let_go.v[1, :, :size])
    assert not torch.equal(held.v[2, :, :size], let_go.v[2, :, :size])


def test_a_chain_that_stays_where_it_is_keeps_its_picture(model):
    h = (normal((500, 3), cpu(1)) > 0).float()
    still = descend(model.layers[:-1], h.expand(5, 500, 3), cpu())
    torch.testing.assert_close(still, still[:1].expand(5, 500, 4))
    alike = descend(model.layers[:-1], h[:1].expand(5, 500, 3), cpu())
    assert len(alike[0].unique(dim=0)) > 3  # chains in the same state draw for themselves


def test_the_same_generator_records_the_same_tape_and_another_seed_another(model):
    first, second, other = tape(model), tape(model), tape(model, seed=4)
    assert all(torch.equal(*pair) for pair in zip(first, second, strict=True))
    assert not torch.equal(first.v[0], other.v[0])
    assert not any(each.requires_grad for each in first)


def test_the_global_random_state_is_untouched(model):
    before = torch.get_rng_state()
    ChainsExplorer(model, judging(), steps=2).close()
    assert torch.equal(torch.get_rng_state(), before)


# --- what the explorer shows


def test_its_tapes_are_those_of_its_seed_with_a_chain_for_each_label(model):
    shown = ChainsExplorer(model, judging(), steps=4, seed=7)
    for held in (True, False):
        expected = tape(model, torch.arange(CLASSES), steps=4, held=held, seed=7)
        assert all(torch.equal(*pair) for pair in zip(shown.tapes[held], expected, strict=True))
        assert shown.tapes[held].label[0].tolist() == [0, 1, 2]
    shown.close()


@held_and_let_go
def test_the_judge_reads_every_picture_of_the_tape(chains, held):
    for step, x in enumerate(chains.tapes[held].x):
        assert torch.equal(chains.read[held][step], judging().predict(x))
    assert chains.read[held].flatten().bincount().min() > 10


def counted(chains, held, step):
    read = judging().predict(chains.tapes[held].x[step]).tolist()
    return sum(label == k for k, label in enumerate(read))


@pytest.mark.parametrize("step", [0, 1, 17, 30])
def test_the_sentence_counts_what_is_read_and_what_labels_hold(chains, step):
    steps = "1 step" if step == 1 else f"{step} steps"
    chains.step.value = step
    right = counted(chains, True, step)
    said = (
        f"After {steps} of Gibbs sampling, label held: a judge reads {right} of 3 pictures as the"
    )
    assert chains.caption.value == f"{said} label asked for."
    chains.held.value = False
    right = counted(chains, False, step)
    kept = sum(label == k for k, label in enumerate(chains.tapes[False].label[step].tolist()))
    assert chains.caption.value == (
        f"After {steps} of Gibbs sampling, label let go: a judge reads {right} of 3 pictures as "
        f"the label asked for, and the label units of {kept} of 3 chains hold it."
    )


def shown_pictures(axis):
    """(height, width, channels), of which matplotlib drops a lone one."""
    return np.atleast_3d(axis.images[0].get_array())


def ticks(axis):
    return [label.get_text() for label in axis.get_xticklabels()]


def captions(chains, held, step):
    read = judging().predict(chains.tapes[held].x[step]).tolist()
    return [f"reads {label}" + ("" if label == k else " ✗") for k, label in enumerate(read)]


@held_and_let_go
@pytest.mark.parametrize("step", [0, 1, 17, 30])
def test_the_chosen_pictures_stand_between_what_was_asked_and_what_is_read(chains, held, step):
    chains.held.value, chains.step.value = held, step
    axis = chains.render()[0].axes[0]
    expected = mosaic(chains.tapes[held].x[step], CLASSES).permute(1, 2, 0)
    assert np.array_equal(shown_pictures(axis), expected)
    assert (axis.images[0].get_clim(), axis.images[0].get_interpolation()) == ((0, 1), "nearest")
    assert axis.images[0].get_cmap().name == "gray"
    assert ticks(axis) == captions(chains, held, step)
    now = chains.tapes[held].label[step].tolist()
    headings = [f"label {k}" if held else f"label {k} → {now[k]}" for k in range(CLASSES)]
    assert [text.get_text() for text in axis.texts] == headings
    middles = [0.5, 3.5, 6.5]  # of pictures two pixels wide, one pixel apart
    assert [text.xy[0] for text in axis.texts] == list(axis.get_xticks()) == middles


def test_wrong_readings_are_crossed_out_and_right_ones_are_not(chains):
    marks = [caption.endswith("✗") for step in range(31) for caption in chains.captions(True, step)]
    assert marks == (~chains.right[True]).flatten().tolist()
    assert 0 < sum(marks) < len(marks)


@pytest.mark.parametrize("step", [0, 13, 30])
def test_curves_are_the_shares_read_as_asked_at_every_step(chains, step):
    chains.step.value = step
    axis = chains.render()[0].axes[1]
    held, let_go, mark = axis.lines
    for line, which in ((held, True), (let_go, False)):
        expected = [100 * counted(chains, which, at) / 3 for at in range(31)]
        np.testing.assert_allclose(line.get_xydata(), list(enumerate(expected)), rtol=1e-6)
        assert line.get_markevery() == 3
    assert list(mark.get_xdata()) == [step, step]
    assert not np.array_equal(held.get_ydata(), let_go.get_ydata())
    assert held.get_linestyle() != let_go.get_linestyle()
    assert held.get_marker() != let_go.get_marker()
    named = [text.get_text() for text in axis.get_legend().get_texts()]
    assert named == ["label held", "label let go", "step shown"]
    assert axis.get_xlabel() == "Gibbs steps"
    assert axis.get_ylabel() == "read as asked\n(% of pictures)"
    low, high = axis.get_ylim()
    assert low < 0 and high > 100
    left, right = axis.get_xlim()
    assert left < 0 and 30 < right < 33


def test_controls_only_look_up(chains, monkeypatch):
    def busy(*_, **__):
        raise AssertionError("a model was asked")

    for owner, names in ((RBM, ("hidden_input", "visible_input")), (Classifier, ("forward",))):
        for name in names:
            monkeypatch.setattr(owner, name, busy)
    picture, said = chains.picture.value, chains.caption.value
    chains.step.value = 20
    after = chains.picture.value
    assert after != picture and chains.caption.value != said
    chains.held.value = False
    assert chains.picture.value != after and "let go" in chains.caption.value
    chains.still()


def test_every_move_of_a_control_draws_once(chains):
    drawn, draw = [], chains.render
    chains.render = lambda: drawn.append((chains.step.value, chains.held.value)) or draw()
    chains.step.value = 4
    chains.held.value = False
    assert drawn == [(4, True), (4, False)]


def test_pictures_keep_their_size_while_the_chains_run(chains):
    sizes = set()
    for held in (True, False):
        chains.held.value = held
        for step in (0, 1, 7, 20, 30):
            chains.step.value = step
            sizes.add(pixels(chains.picture.value).shape)
    assert len(sizes) == 1


def test_controls_are_named_and_the_play_button_moves_the_slider(chains):
    assert [chains.step.description, chains.held.description] == ["Gibbs steps", "label"]
    assert [word for word, _ in chains.held.options] == ["held", "let go"]
    for control in (chains.step, chains.play):
        assert (control.value, control.min, control.max, control.step) == (0, 0, 30, 1)
    assert chains.link.source == (chains.play, "value")
    assert chains.link.target == (chains.step, "value")
    assert chains.box.children[0].children == (chains.step, chains.play)
    assert chains.box.children[1] is chains.held


@pytest.mark.parametrize(
    ("steps", "moments"),
    [
        (1, [0, 1]),
        (2, [0, 1, 2]),
        (4, [0, 1, 2, 4]),
        (20, [0, 1, 2, 5, 20]),
        (30, [0, 1, 2, 5, 20, 30]),
    ],
)
def test_twin_shows_moments_with_the_label_held_the_last_let_go_and_the_curves(steps, moments):
    chains = ChainsExplorer(made("a DBN of two layers"), judging(), steps=steps)
    chains.step.value, chains.held.value = 1, False
    *rows, curves = chains.static_figure().axes
    kinds = [(True, step) for step in moments] + [(False, steps)]
    for axis, (held, step) in zip(rows, kinds, strict=True):
        expected = mosaic(chains.tapes[held].x[step], CLASSES).permute(1, 2, 0)
        assert np.array_equal(shown_pictures(axis), expected)
        assert ticks(axis) == captions(chains, held, step)
        count, word = ("1 step" if step == 1 else f"{step} steps"), "held" if held else "let go"
        assert axis.get_ylabel() == f"{count},\n{word}"
    headed = [[text.get_text() for text in axis.texts] for axis in rows]
    assert headed[0] == ["label 0", "label 1", "label 2"]
    assert headed[1:-1] == [[]] * (len(rows) - 2)
    now = chains.tapes[False].label[-1].tolist()
    assert headed[-1] == [f"label {k} → {label}" for k, label in enumerate(now)]
    for line, held in zip(curves.lines, (True, False), strict=True):
        shares = [100 * counted(chains, held, at) / 3 for at in range(steps + 1)]
        np.testing.assert_allclose(line.get_xydata(), list(enumerate(shares)), rtol=1e-6)
    chains.close()


def test_alt_text_names_the_moments_of_the_twin_and_nothing_that_training_decides(chains):
    assert chains.alt == (
        "pictures of 3 Gibbs chains, one for each label, and what a judge reads from them: after "
        "0, 1, 2, 5, 20, 30 steps from noise with the label held, and after 30 steps with the "
        "label let go; beneath, the share read as the label asked for at every step"
    )


@pytest.mark.parametrize("name", ["an RBM", "a DBN of two layers"])
def test_colours_are_shown_as_they_are(name):
    model = made(name, shape=SHAPES["colour"])
    chains = ChainsExplorer(model, judging(SHAPES["colour"]), steps=3)
    chains.step.value = 2
    axis = chains.render()[0].axes[0]
    shown = shown_pictures(axis)
    assert shown.shape == (2, 5, 3)
    assert [text.xy[0] for text in axis.texts] == list(axis.get_xticks()) == [0, 2, 4]
    assert {text.xy[1] for text in axis.texts} == {-0.5}  # the upper edge
    assert np.array_equal(shown[:, ::2], chains.tapes[True].x[2, :, :, :, 0].permute(2, 0, 1))
    chains.close()


def test_standardised_pixels_are_black_two_standard_deviations_below_the_mean():
    chains = ChainsExplorer(made("an RBM", visible="gaussian"), judging(), steps=1)
    values = torch.tensor([[-2.0, -1], [0, 2], [5, -5]]).view(3, 1, 1, 2).expand(3, 1, 2, 2)
    chains.tapes[True].x[0] = values
    shown = shown_pictures(chains.render()[0].axes[0])[0, :, 0]
    assert np.allclose(shown, [0, 0.25, 0.5, 0.5, 1, 0.5, 1, 0])
    chains.close()


def test_a_saved_page_holds_the_widget_and_its_static_figure_with_alt_text(chains, monkeypatch):
    shown = []
    monkeypatch.setattr(explorer, "display", lambda content, **how: shown.append((content, how)))
    chains._ipython_display_()
    [(content, how)] = shown
    assert content[explorer.WIDGET_VIEW]["model_id"] == chains.box.model_id
    assert pixels(content["image/png"]).std() > 0
    assert how["metadata"]["image/png"]["alt"] == chains.alt


def test_nothing_is_left_open_in_pyplot(chains):
    chains.step.value = 3
    chains.still()
    assert plt.get_fignums() == []


def test_closing_closes_every_widget_and_the_link_between_two(model):
    before = widgets()
    chains = ChainsExplorer(model, judging(), steps=2)
    assert widgets() > before
    chains.close()
    assert widgets() == before


# --- what cannot be shown


REFUSED = {
    "no labels": (
        lambda: explorer_of("an RBM", classes=None),
        "model must have label units, got classes=None",
    ),
    "no pictures": (
        lambda: explorer_of("a DBN of two layers", shape=4),
        r"model must have shape \(1 or 3, height, width\), got \(4,\)",
    ),
    "two channels": (
        lambda: explorer_of("an RBM", shape=(2, 2, 2)),
        r"model must have shape \(1 or 3, height, width\), got \(2, 2, 2\)",
    ),
    "a judge of other pictures": (
        lambda: explorer_of("an RBM", judging(SHAPES["colour"])),
        r"judge must read 3 labels from shape \(1, 2, 2\), got 3 from \(3, 2, 1\)",
    ),
    "a judge of other labels": (
        lambda: explorer_of("an RBM", judging(classes=4)),
        r"judge must read 3 labels from shape \(1, 2, 2\), got 4 from \(1, 2, 2\)",
    ),
    "no steps": (
        lambda: explorer_of("an RBM", steps=0),
        "steps must be an integer of at least 1, got 0",
    ),
    "half a step": (
        lambda: explorer_of("an RBM", steps=2.5),
        "steps must be an integer, got 2.5",
    ),
    "a tape without steps": (
        lambda: tape(made("an RBM"), steps=0),
        "steps must be an integer of at least 1, got 0",
    ),
    "a tape of unknown labels": (
        lambda: tape(made("an RBM"), torch.tensor([0, 3])),
        "label must lie in 0 to 2",
    ),
    "a tape of half labels": (
        lambda: tape(made("an RBM"), torch.tensor([0.5, 1])),
        r"label must be an int or \(2,\) int64 labels",
    ),
    "a tape of no chains": (
        lambda: tape(made("an RBM"), asked(0)),
        "n must be an integer of at least 1, got 0",
    ),
    "a tape without labels": (
        lambda: tape(made("a DBN of two layers", classes=None)),
        "label must not be given: this model knows no labels",
    ),
    "a tape elsewhere": (
        lambda: tape(made("an RBM").to("meta")),
        r"rng must be on the device of the model \(meta\)",
    ),
}


def explorer_of(name, judge=None, *, steps=5, **how):
    return ChainsExplorer(made(name, **how), judge or judging(), steps=steps)


@pytest.mark.parametrize(("wrong", "message"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_shown_is_refused_before_a_widget_is_made(wrong, message):
    before = widgets()
    with pytest.raises((TypeError, ValueError), match=message):
        wrong()
    assert widgets() == before
