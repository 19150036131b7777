"""The walking explorer: Langevin steps along learnt and exact scores, the sentence and the twin."""

import io

import numpy as np
import pytest
import torch
from matplotlib.image import imread
from matplotlib.quiver import Quiver

from genaug_lessons import data
from genaug_lessons.models.score import ScoreNetwork, langevin
from genaug_lessons.nn import Dense
from genaug_lessons.plots import plane
from genaug_lessons.random import generator, normal
from genaug_lessons.widgets import WalkingExplorer, explorer
from genaug_lessons.widgets.field import LENGTH, FieldExplorer, disagreement
from genaug_lessons.widgets.walking import langevin_walk, learnt_denoiser

TOY = data.PlaneMixture(torch.tensor([[1.0, 0.0], [-1.0, 0.5]]), 0.3, torch.tensor([0, 1]))
SIGMAS = (1.5, 1.0, 0.6, 0.25)


def cpu(seed=0):
    return generator(seed, "cpu")


def network(**settings):
    settings = {"network": Dense(6, smooth=True), "sigmas": SIGMAS, **settings}
    return ScoreNetwork(settings.pop("shape", 2), **settings, rng=cpu())


MODEL = network()


@pytest.fixture
def walkers():
    return WalkingExplorer(TOY, MODEL, extent=3.0, rng=cpu(3))


def pixels(png: bytes) -> np.ndarray:
    return imread(io.BytesIO(bytes(png)))


def arrows_of(axis):
    [quiver] = [part for part in axis.collections if isinstance(part, Quiver)]
    assert np.allclose(quiver.XY, plane(3.0, 15))
    return np.stack([quiver.U, quiver.V], axis=1)


def ends_of(axis):
    return np.concatenate([line.get_xydata() for line in axis.lines if line.get_marker() == "o"])


def paths_of(axis):
    return [line.get_xydata() for line in axis.lines if line.get_linestyle() == "-"]


def chain(view, score, sigma, steps, shaken=True):
    """The walkers' chain by its formula, one step after the other."""
    x, step_size = view.starts, 0.2 * sigma**2
    places = [x]
    for noise in view.noises[:steps]:
        x = x + step_size / 2 * score(x) + (step_size**0.5 * noise if shaken else 0)
        places.append(x)
    return torch.stack(places)


def learnt(sigma):
    return torch.no_grad()(lambda x: MODEL.score(x, sigma))


# --- the walk and the arrows


def test_a_walk_is_a_langevin_chain_with_the_noise_it_is_given():
    x, rng = normal((5, 2), cpu(1)), cpu(2)
    noise = torch.stack([normal((5, 2), rng) for _ in range(4)])
    found = langevin_walk(x, TOY.score, noise, step_size=0.05)
    exact = list(langevin(TOY.score, x, step_size=0.05, steps=4, rng=cpu(2)))
    torch.testing.assert_close(found, torch.stack([x, *exact]))
    assert torch.equal(langevin_walk(x, TOY.score, noise[:0], step_size=0.05), x[None])


def test_a_network_stands_for_the_denoiser_of_tweedie_without_gradients():
    x = normal((7, 2), cpu())
    found = learnt_denoiser(MODEL, 0.6)(x)
    torch.testing.assert_close(found, x + 0.36 * learnt(0.6)(x))
    assert not found.requires_grad


@pytest.mark.parametrize("shaken", [True, False])
def test_walkers_follow_their_own_arrows_with_noise_or_without(walkers, shaken):
    walkers.shaken.value = shaken
    scores = {"learnt": learnt(0.25), "exact": TOY.smoothed(0.25).score}
    for kind, score in scores.items():
        exact = chain(walkers, score, 0.25, 6, shaken)
        torch.testing.assert_close(walkers.walk(0.25, kind, 6), exact, atol=1e-4, rtol=1e-4)


def test_fewer_steps_are_the_beginning_of_more(walkers):
    few, more = (walkers.walk(0.6, "exact", steps) for steps in (4, 9))
    assert torch.equal(more[:5], few) and len(more) == 10


def test_shaken_walkers_settle_at_the_height_of_the_density_and_others_on_its_tops(walkers):
    """On exact arrows: at a = 0.2 sigma^2 the bias is small, and 200 walkers tell it from tops."""
    smooth = TOY.smoothed(0.6)
    usual = smooth.log_density(smooth.sample(4000, rng=cpu(5)).x)
    error = 5 * usual.std() / 200**0.5
    heights = {}
    for shaken in (True, False):
        walkers.shaken.value = shaken
        heights[shaken] = smooth.log_density(walkers.walk(0.6, "exact", 100)[-1])
    assert abs(heights[True].mean() - usual.mean()) < error + 0.1
    top = smooth.log_density(plane(3.0, 121)).max()
    assert (heights[False].mean() - top).abs() < 0.05
    assert top - usual.mean() > 2 * (error + 0.1)


def test_walkers_start_all_over_the_picture(walkers):
    assert walkers.starts.shape == (200, 2)
    assert walkers.starts.abs().max() <= 3 and walkers.starts.abs().max() > 2.8
    assert walkers.starts.mean(0).abs().max() < 5 * 3 / (3 * 200) ** 0.5
    same = WalkingExplorer(TOY, MODEL, extent=3.0, rng=cpu(3))
    assert torch.equal(same.starts, walkers.starts)
    assert torch.equal(same.noises, walkers.noises)


# --- the explorer


@pytest.mark.parametrize(("control", "value"), [("noise", 1.5), ("steps", 7), ("shaken", False)])
def test_every_control_redraws_the_picture_and_its_sentence(walkers, control, value):
    walkers.steps.value = 3
    picture, sentence = pixels(walkers.picture.value), walkers.caption.value
    getattr(walkers, control).value = value
    after = pixels(walkers.picture.value)
    assert after.shape != picture.shape or not np.array_equal(after, picture)
    assert walkers.caption.value != sentence


def test_it_starts_shaken_at_a_middle_level_before_the_first_step(walkers):
    assert walkers.shaken.value is True and walkers.steps.value == 0
    assert walkers.steps.max == 100 and walkers.shaken.description == "walkers' own noise"
    assert walkers.noise.value == pytest.approx(1.0)
    assert [label for label, _ in walkers.noise.options] == ["0.25", "0.6", "1", "1.5"]


def test_both_pictures_show_their_own_arrows_walkers_and_one_path(walkers):
    walkers.noise.value, walkers.steps.value = walkers.noise.options[1][1], 5
    sigma = walkers.noise.value
    scores = (learnt(sigma), TOY.smoothed(sigma).score)
    for axis, score, name in zip(
        walkers.render()[0].axes, scores, ("learnt", "exact"), strict=True
    ):
        arrows = LENGTH * sigma**2 * score(plane(3.0, 15))
        assert np.allclose(arrows_of(axis), arrows, atol=1e-5)
        places = chain(walkers, score, sigma, 5)
        assert np.allclose(ends_of(axis), places[-1], atol=1e-4)
        [path] = paths_of(axis)
        assert np.allclose(path, places[:, 0], atol=1e-4)
        assert axis.get_title() == f"{name}, noise 0.6, 5 steps"


@pytest.mark.parametrize(
    ("shaken", "words"), [(True, "noise of their own"), (False, "no noise of their own")]
)
def test_sentence_says_how_high_walkers_stand(walkers, shaken, words):
    sigma = walkers.noise.options[0][1]
    walkers.noise.value, walkers.steps.value, walkers.shaken.value = sigma, 4, shaken
    smooth = TOY.smoothed(sigma)
    scores = (learnt(sigma), smooth.score)
    high, exact = (
        smooth.log_density(chain(walkers, score, sigma, 4, shaken)[-1]).mean() for score in scores
    )
    x = plane(3.0, 15)
    pair = [lambda x, of=of: x + sigma**2 * of(x) for of in scores]
    off = 100 * disagreement(*pair, x, smooth.log_density(x).exp())
    assert walkers.caption.value == (
        f"Noise 0.25: weighted by the density, the arrows differ by {off:.0f}%. After 4 steps "
        f"with {words}, the walkers' mean log density is {high:.2f} (on exact arrows {exact:.2f}); "
        f"that of points drawn from it is {walkers.usual[sigma]:.2f}."
    )


def test_usual_height_is_that_of_the_smoothed_density_itself(walkers):
    for sigma in SIGMAS:
        smooth = TOY.smoothed(sigma)
        heights = smooth.log_density(smooth.sample(4000, rng=cpu(8)).x)
        [found] = [of for level, of in walkers.usual.items() if abs(level - sigma) < 1e-6]
        assert abs(found - heights.mean()) < 5 * heights.std() * (2 / 4000) ** 0.5


def test_twin_shows_three_levels_unshaken_shaken_and_exact(walkers):
    walkers.shaken.value = False  # which the twin does not heed
    axes = walkers.static_figure().axes
    rows = [("learnt", "not shaken"), ("learnt", "shaken"), ("exact", "shaken")]
    assert [axis.get_title() for axis in axes] == [
        f"{kind}, noise {level}, {own}" for kind, own in rows for level in ("0.25", "1", "1.5")
    ]
    assert walkers.columns == pytest.approx([0.25, 1, 1.5])
    for place, axis in enumerate(axes):
        (kind, own), sigma = rows[place // 3], walkers.columns[place % 3]
        score = learnt(sigma) if kind == "learnt" else TOY.smoothed(sigma).score
        places = chain(walkers, score, sigma, 100, own == "shaken")
        assert np.allclose(ends_of(axis), places[-1], atol=1e-3)
        [path] = paths_of(axis)
        assert np.allclose(path, places[:, 0], atol=1e-3)
        assert np.allclose(arrows_of(axis), LENGTH * sigma**2 * score(plane(3.0, 15)), atol=1e-5)


def test_few_levels_are_all_in_the_twin():
    one = WalkingExplorer(TOY, network(sigmas=(0.5,)), rng=cpu())
    assert one.columns == [0.5]
    two = WalkingExplorer(TOY, network(sigmas=(0.5, 0.25)), rng=cpu())
    assert two.columns == [0.25, 0.5]


def test_a_saved_page_holds_the_twin_with_alt_text(walkers, monkeypatch):
    shown = []
    monkeypatch.setattr(explorer, "display", lambda content, **how: shown.append((content, how)))
    walkers._ipython_display_()
    [(content, how)] = shown
    assert content[explorer.WIDGET_VIEW]["model_id"] == walkers.box.model_id
    assert pixels(content["image/png"]).std() > 0
    alt = how["metadata"]["image/png"]["alt"]
    assert "noise of std 0.25, 1, 1.5, and 200 walkers after 100 Langevin steps" in alt


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"shape": 3}, r"got shape \(3,\) and classes=None"),
        ({"classes": 4}, r"without labels, got shape \(2,\) and classes=4"),
    ],
)
def test_networks_that_cannot_be_shown_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        WalkingExplorer(TOY, network(**settings), rng=cpu())


@pytest.mark.parametrize(("name", "given"), [("walk", (1.0, "exact", 1)), ("sentence", (1.0, {}))])
def test_a_base_that_is_not_complete_says_so(walkers, name, given):
    class Half(FieldExplorer):
        pass

    with pytest.raises(TypeError, match="Half"):
        getattr(FieldExplorer, name)(Half.__new__(Half), *given)


def test_one_step_is_no_plural(walkers):
    walkers.steps.value = 1
    assert "After 1 step with noise" in walkers.caption.value
    walkers.steps.value = 2
    assert "After 2 steps with noise" in walkers.caption.value
