"""The denoising explorer: exact arrows, walks along them, the sentence and the twin agree."""

import io
import math
from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from matplotlib.image import imread
from matplotlib.quiver import Quiver

from genaug_lessons import data
from genaug_lessons.models.autoencoder import Autoencoder
from genaug_lessons.nn import Dense
from genaug_lessons.plots import plane
from genaug_lessons.random import generator, normal
from genaug_lessons.widgets import DenoisingExplorer, explorer
from genaug_lessons.widgets.denoising import learnt_denoiser, walk
from genaug_lessons.widgets.field import LENGTH, disagreement, exact_denoiser

TOY = data.PlaneMixture(torch.tensor([[1.0, 0.0], [-1.0, 0.5]]), 0.3, torch.tensor([0, 1]))
SIGMAS = (0.2, 0.5, 0.9)


def cpu(seed=0):
    return generator(seed, "cpu")


def network(seed, shape=2):
    return Autoencoder(shape, network=Dense(5), latent=4, loss="squared", rng=cpu(seed))


@pytest.fixture
def networks():
    return {sigma: network(seed) for seed, sigma in enumerate(SIGMAS)}


@pytest.fixture
def arrows(networks):
    return DenoisingExplorer(TOY, networks, extent=2.0)


def pixels(png: bytes) -> np.ndarray:
    return imread(io.BytesIO(bytes(png)))


def drawn_arrows(axis):
    [quiver] = [part for part in axis.collections if isinstance(part, Quiver)]
    assert (quiver.angles, quiver.scale_units, quiver.scale) == ("xy", "xy", 1)
    return np.asarray(quiver.XY), np.stack([quiver.U, quiver.V], axis=1)


def drawn_paths(axis):
    return [line.get_xydata() for line in axis.lines if line.get_linestyle() == "-"]


def drawn_ends(axis):
    return np.concatenate([line.get_xydata() for line in axis.lines if line.get_marker() == "o"])


# --- the arrows and the walk


def test_exact_denoiser_is_the_mean_of_what_may_have_been_there():
    """By Bayes' rule on draws: importance weights of the noise that leads to each place."""
    sigma, places = 0.6, torch.tensor([[0.2, 0.1], [1.5, -0.5], [-1.0, 1.2]])
    draws = TOY.sample(200_000, rng=cpu()).x
    weight = (-torch.cdist(places, draws).square() / (2 * sigma**2)).softmax(1)
    found = exact_denoiser(TOY, sigma)(places)
    mean = weight @ draws
    error = (weight[:, :, None] * (draws - mean[:, None])).square().sum(1).sqrt()
    assert ((found - mean).abs() < 5 * error).all()
    assert error.max() < 0.01


def test_exact_denoiser_of_one_bell_shrinks_towards_its_centre():
    bell = data.PlaneMixture(torch.tensor([[1.0, -2.0]]), 0.5, torch.tensor([0]))
    x = normal((20, 2), cpu())
    factor = 0.25 / (0.25 + 0.64)
    exact = bell.centres + factor * (x - bell.centres)
    torch.testing.assert_close(exact_denoiser(bell, 0.8)(x), exact)


def test_learnt_denoiser_is_the_reconstruction_without_gradients():
    model, x = network(1), normal((6, 2), cpu())
    found = learnt_denoiser(model)(x)
    assert torch.equal(found, model.reconstruct(x)) and not found.requires_grad


def test_a_walk_keeps_every_place_from_the_start_on():
    x = torch.tensor([[1.0, 2.0], [-4.0, 0.0]])
    places = walk(x, lambda x: x / 2 + 1, 3)
    assert places[:, 0].tolist() == [[1, 2], [1.5, 2], [1.75, 2], [1.875, 2]]
    assert places[:, 1].tolist() == [[-4, 0], [-1, 1], [0.5, 1.5], [1.25, 1.75]]
    assert torch.equal(walk(x, torch.neg, 0), x[None])


def test_a_walk_along_the_exact_arrows_climbs_the_smoothed_density():
    x = 2 * normal((50, 2), cpu())
    heights = [
        TOY.smoothed(0.5).log_density(place) for place in walk(x, exact_denoiser(TOY, 0.5), 6)
    ]
    for before, after in pairwise(heights):
        assert (after - before).min() > -1e-5


def test_disagreement_is_the_relative_length_of_the_difference():
    x = torch.tensor([[1.0, 0.0], [0.0, 2.0]])
    assert disagreement(torch.zeros_like, torch.zeros_like, x) == 0
    assert disagreement(lambda x: x, torch.zeros_like, x) == 1  # arrows of length 0
    assert disagreement(lambda x: -x, lambda x: 0 * x, x) == 1
    assert disagreement(lambda x: 0.25 * x, torch.zeros_like, x) == pytest.approx(0.25)
    moved = x + torch.tensor([[3.0, 4.0], [0.0, 0.0]])
    found = disagreement(lambda _: moved - x, torch.zeros_like, x)
    assert found == pytest.approx(math.sqrt(25 / 5))
    weight = torch.tensor([4.0, 1.0])
    weighted = disagreement(lambda _: moved - x, torch.zeros_like, x, weight)
    assert weighted == pytest.approx(math.sqrt(100 / 8))


# --- the explorer


@pytest.mark.parametrize(("control", "value"), [("noise", 0.9), ("steps", 4)])
def test_every_control_redraws_the_picture_and_its_sentence(arrows, control, value):
    picture, sentence = pixels(arrows.picture.value), arrows.caption.value
    getattr(arrows, control).value = value
    after = pixels(arrows.picture.value)
    assert after.shape != picture.shape or not np.array_equal(after, picture)
    assert arrows.caption.value != sentence


def test_it_starts_at_the_middle_noise_before_the_first_step(arrows):
    assert arrows.noise.value == 0.5 and arrows.steps.value == 0
    assert [value for _, value in arrows.noise.options] == sorted(SIGMAS)
    names = arrows.noise.description, arrows.steps.description
    assert names == ("noise (std)", "steps (number)") and arrows.steps.max == 10


def test_both_pictures_show_their_own_arrows_and_paths(arrows, networks):
    arrows.noise.value, arrows.steps.value = 0.9, 3
    learnt, exact = learnt_denoiser(networks[0.9]), exact_denoiser(TOY, 0.9)
    for axis, denoise, name in zip(
        arrows.render()[0].axes, (learnt, exact), ("learnt", "exact"), strict=True
    ):
        x = plane(2.0, 15)
        where, length = drawn_arrows(axis)
        assert np.allclose(where, x)
        assert np.allclose(length, LENGTH * (denoise(x) - x), atol=1e-6)
        paths = walk(arrows.starts, denoise, 3)
        assert np.allclose(np.stack(drawn_paths(axis), axis=1), paths, atol=1e-6)
        assert np.allclose(drawn_ends(axis), paths[-1], atol=1e-6)
        assert axis.get_title() == f"{name}, noise 0.9, 3 steps"


def test_walkers_start_apart_within_the_picture(arrows):
    assert len(arrows.starts) == 8
    assert torch.pdist(arrows.starts).min() > 1
    torch.testing.assert_close(arrows.starts.norm(dim=1), torch.full((8,), 1.7))


@pytest.mark.parametrize("sigma", [0.2, 0.9])
def test_sentence_says_how_far_learnt_and_exact_are_apart(arrows, networks, sigma):
    arrows.noise.value, arrows.steps.value = sigma, 2
    learnt, exact = learnt_denoiser(networks[sigma]), exact_denoiser(TOY, sigma)
    x = plane(2.0, 15)
    density = TOY.smoothed(sigma).log_density(x).exp()
    off = 100 * disagreement(learnt, exact, x, density)
    ends = [walk(arrows.starts, each, 2)[-1] for each in (learnt, exact)]
    apart = (ends[0] - ends[1]).square().sum(1).sqrt().max()
    assert arrows.caption.value == (
        f"Noise {sigma}: weighted by the density, the arrows differ by {off:.0f}%. "
        f"After 2 steps, points that started together are at most {apart:.2f} apart."
    )


def test_density_behind_the_arrows_is_the_smoothed_one(arrows):
    arrows.noise.value = 0.2
    smooth = TOY.smoothed(0.2)
    highest = smooth.log_density(plane(2.0, 60)).exp().max()
    for axis in arrows.render()[0].axes:
        shades = axis.collections[0]
        assert shades.zmax == pytest.approx(highest.item(), rel=1e-5)
        for level, path in zip(shades.levels[1:], shades.get_paths()[1:], strict=False):
            edge = torch.tensor(path.vertices[:1]).float()  # where the band begins
            height = smooth.log_density(edge).exp().item()
            assert min(abs(height - near) for near in (level, level + shades.levels[1])) < 0.02


def test_axes_stay_where_they_are_whatever_the_controls(arrows):
    limits = set()
    for noise, steps in ((0.2, 0), (0.9, 10)):
        arrows.noise.value, arrows.steps.value = noise, steps
        limits |= {(axis.get_xlim(), axis.get_ylim()) for axis in arrows.render()[0].axes}
    assert limits == {((-2.1, 2.1), (-2.1, 2.1))}


def test_twin_shows_every_noise_learnt_above_exact(arrows, networks):
    axes = arrows.static_figure().axes
    assert [axis.get_title() for axis in axes] == [
        f"{kind}, noise {sigma}, 3 steps" for kind in ("learnt", "exact") for sigma in SIGMAS
    ]
    x = plane(2.0, 15)
    learnt = [learnt_denoiser(networks[sigma]) for sigma in SIGMAS]
    exact = [exact_denoiser(TOY, sigma) for sigma in SIGMAS]
    for axis, denoise in zip(axes, learnt + exact, strict=True):
        assert np.allclose(drawn_arrows(axis)[1], LENGTH * (denoise(x) - x), atol=1e-6)
        paths = walk(arrows.starts, denoise, 3)
        assert np.allclose(np.stack(drawn_paths(axis), axis=1), paths, atol=1e-6)


def test_noise_is_sorted_however_it_comes(networks):
    turned = dict(reversed(networks.items()))
    view = DenoisingExplorer(TOY, turned)
    assert list(view.pairs) == sorted(SIGMAS)
    x = plane(1.0, 3)
    assert torch.equal(view.pairs[0.2][0](x), networks[0.2].reconstruct(x))


def test_a_saved_page_holds_the_widget_and_its_static_figure_with_alt_text(arrows, monkeypatch):
    shown = []
    monkeypatch.setattr(explorer, "display", lambda content, **how: shown.append((content, how)))
    arrows._ipython_display_()
    [(content, how)] = shown
    assert content[explorer.WIDGET_VIEW]["model_id"] == arrows.box.model_id
    assert pixels(content["image/png"]).std() > 0
    alt = how["metadata"]["image/png"]["alt"]
    assert "noise of std 0.2, 0.5, 0.9" in alt and "8 points that walk along them for 3" in alt


def test_nothing_is_left_open_in_pyplot(arrows):
    arrows.steps.value = 2
    assert plt.get_fignums() == []


@pytest.mark.parametrize(
    ("denoisers", "message"),
    [
        ({}, "denoisers must hold at least one, got none"),
        ({0.0: network(0)}, "denoisers must have noise above 0, got 0.0"),
        ({0.5: network(0), float("nan"): network(0)}, "must have noise above 0, got nan"),
        ({0.5: network(0, 3)}, r"denoisers must work on shape \(2,\), got \(3,\)"),
    ],
)
def test_denoisers_that_cannot_be_shown_are_refused(denoisers, message):
    with pytest.raises(ValueError, match=message):
        DenoisingExplorer(TOY, denoisers)
