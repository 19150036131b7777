"""The latent explorer: the point, its picture, the map of codes, and the twin agree."""

import io

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from matplotlib.image import imread
from matplotlib.markers import MarkerStyle

from genaug_lessons import data
from genaug_lessons.models.autoencoder import Autoencoder
from genaug_lessons.models.vae import VAE
from genaug_lessons.nn import Dense
from genaug_lessons.random import generator
from genaug_lessons.widgets import LatentExplorer, explorer
from genaug_lessons.widgets.latent import codes_of, lattice, neighbours


def wide_digits():
    """Digits without their upper and lowest lines: 6 high, 8 wide."""
    digits = data.digits()[:60]
    return data.Dataset(digits.values[:, :, 1:7], digits.y, 10, "unit")


@pytest.fixture
def plane():
    digits, rng = wide_digits(), generator(0)
    model = VAE(digits.shape, network=Dense(16), latent=2, rng=rng)
    with torch.no_grad():
        model.encoder[-1].weight.mul_(10)  # codes that lie apart
        model.decoder[0].weight.mul_(10)
    return LatentExplorer(model, digits)


@pytest.fixture
def codes_without_a_prior():
    digits = data.digits()[:60]
    model = Autoencoder(digits.shape, network=Dense(16), latent=2, rng=generator(0))
    with torch.no_grad():
        model.encoder[-2].weight.mul_(30)
        model.encoder[-2].bias.copy_(torch.tensor([10.0, -4.0]))  # the codes lie off the origin
    return LatentExplorer(model, digits)


def pixels(png: bytes) -> np.ndarray:
    return imread(io.BytesIO(bytes(png)))


def shown_picture(figure):
    """What lies beside the map, from black at 0 to white at 1."""
    [image] = figure.axes[1].images
    assert (image.get_clim(), image.get_cmap().name) == ((0, 1), "gray")
    assert image.get_interpolation() == "nearest"
    return image.get_array()


@pytest.mark.parametrize("control", ["across", "up"])
def test_moving_either_slider_redraws_the_picture_and_its_sentence(plane, control):
    before = pixels(plane.picture.value)
    getattr(plane, control).value = 1.5
    after = pixels(plane.picture.value)
    assert before.shape != after.shape or not np.array_equal(before, after)
    assert f"At ({'1.5, 0.0' if control == 'across' else '0.0, 1.5'}): " in plane.caption.value


def test_picture_is_the_decoders_at_the_point_of_the_sliders(plane):
    plane.across.value, plane.up.value = 1.0, -2.0
    exact = plane.model.decode(torch.tensor([[1.0, -2.0]])).detach()[0, 0]
    assert np.allclose(shown_picture(plane.render()[0]), exact.numpy())
    assert torch.equal(plane.decoded(1.0, -2.0)[0], exact)


def test_map_shows_every_code_at_its_posterior_mean_with_its_class_number(plane):
    axis = plane.render()[0].axes[0]
    digits = wide_digits()
    codes = plane.model.encode(digits.values)[0].detach()
    for label, points in enumerate(axis.collections):
        assert np.array_equal(points.get_offsets(), codes[digits.y == label])
        number = MarkerStyle(f"${label}$")
        shape = number.get_path().transformed(number.get_transform()).vertices
        assert np.array_equal(points.get_paths()[0].vertices, shape)
    assert len(axis.collections) == 10


def test_lines_across_the_map_meet_in_a_ring_at_the_point(plane):
    plane.across.value, plane.up.value = 1.0, -2.0
    left, right = plane.render()[0].axes
    level, upright, ring = left.lines
    assert set(level.get_ydata()) == {-2} and set(upright.get_xdata()) == {1}
    assert ring.get_xydata().tolist() == [[1, -2]] and ring.get_markerfacecolor() == "none"
    assert right.get_title() == "decoded at (1.0, -2.0)"


def test_neighbours_are_counted_among_the_nearest_codes():
    codes = torch.cat([torch.zeros(10, 2), torch.ones(10, 2), torch.full((9, 2), 5.0)])
    labels = torch.tensor([3] * 10 + [1] * 10 + [7] * 9)
    assert neighbours(codes, labels, torch.tensor([0.1, 0.1])) == (3, 10)
    assert neighbours(codes, labels, torch.tensor([0.9, 0.9])) == (1, 10)
    assert neighbours(codes, labels, torch.tensor([6.0, 5.0])) == (7, 9)
    assert neighbours(codes[:4], labels[:4], torch.zeros(2)) == (3, 4)


def test_sentence_counts_the_labels_around_the_point(plane):
    label, count = neighbours(plane.codes, plane.labels, torch.tensor([0.5, 0.2]))
    plane.across.value, plane.up.value = 0.5, 0.2
    assert plane.caption.value.endswith(f"{count} of the 15 nearest codes have label {label}.")


def test_lattice_goes_through_the_plane_as_one_reads(plane):
    pictures = lattice(plane.model, side=3, extent=2.0)
    for place, point in {0: (-2.0, 2.0), 2: (2.0, 2.0), 4: (0.0, 0.0), 6: (-2.0, -2.0)}.items():
        torch.testing.assert_close(pictures[place], plane.decoded(*point))


def test_twin_shows_the_map_and_the_lattice_of_pictures(plane):
    figure = plane.static_figure()
    left, right = figure.axes
    drawn = [points.get_offsets().tolist() for points in left.collections]
    assert drawn == [plane.codes[plane.labels == label].tolist() for label in range(10)]
    tiles = shown_picture(figure)
    assert tiles.shape == (77, 99)  # 11 pictures of 6 by 8 pixels, each with a grey line
    assert np.allclose(tiles[:6, 90:98], plane.decoded(2.0, 2.0)[0], atol=1e-6)
    assert np.allclose(tiles[7:13, :8], plane.decoded(-2.0, 1.6)[0], atol=1e-6)
    assert (tiles[6] == 0.5).all() and (tiles[:, 8] == 0.5).all()
    assert right.images[0].origin == "upper"
    assert np.allclose(right.images[0].get_extent(), (-2.2, 2.2, -2.2, 2.2))


def test_a_saved_page_holds_the_widget_and_its_static_figure_with_alt_text(plane, monkeypatch):
    shown = []
    monkeypatch.setattr(explorer, "display", lambda content, **how: shown.append((content, how)))
    plane._ipython_display_()
    [(content, how)] = shown
    assert content[explorer.WIDGET_VIEW]["model_id"] == plane.box.model_id
    assert pixels(content["image/png"]).std() > 0
    assert "map of 60 pictures in the latent plane" in how["metadata"]["image/png"]["alt"]


def test_every_control_says_what_it_changes_and_in_which_unit(plane):
    names = [control.description for control in (plane.across, plane.up)]
    assert names == ["z1 (prior stds)", "z2 (prior stds)"]


def test_nothing_is_left_open_in_pyplot(plane):
    plane.across.value = 2.0
    assert plt.get_fignums() == []


@pytest.mark.parametrize("settings", [{"latent": 3}, {"latent": 2, "classes": 10}])
def test_models_without_a_plane_are_refused(settings):
    digits = data.digits()
    model = VAE(digits.shape, rng=generator(0), **settings)
    with pytest.raises(ValueError, match="unconditional VAE of pictures with latent=2"):
        LatentExplorer(model, digits)


def test_data_without_labels_are_refused(plane):
    pool = data.split(data.digits(), labels_per_class=5, repeat=0).pool
    with pytest.raises(ValueError, match="data must be labelled throughout"):
        LatentExplorer(plane.model, pool)


def test_codes_are_an_autoencoders_own_and_a_vaes_means(plane, codes_without_a_prior):
    x = data.digits()[:60].values
    with torch.no_grad():
        wide = wide_digits().values
        assert torch.equal(codes_of(plane.model, wide), plane.model.encode(wide)[0])
        own = codes_without_a_prior.model.encode(x)
    assert torch.equal(codes_of(codes_without_a_prior.model, x), own)
    assert torch.equal(codes_without_a_prior.codes, own)


def test_a_vae_is_shown_three_standard_deviations_around_the_prior(plane):
    for slider in (plane.across, plane.up):
        assert (slider.min, slider.value, slider.max) == (-3.0, 0.0, 3.0)
        assert slider.step == pytest.approx(0.1)
    axis = plane.render()[0].axes[0]
    assert np.allclose([axis.get_xlim(), axis.get_ylim()], [[-3.2, 3.2]] * 2)
    assert axis.get_xlabel() == "$z_1$ (standard deviations of the prior)"
    assert plane.alt.endswith("decoded from -2 to 2")


def test_without_a_prior_the_window_is_the_square_that_holds_the_codes(codes_without_a_prior):
    plane = codes_without_a_prior
    low, high = plane.codes.min(0).values, plane.codes.max(0).values
    reach = (high - low).max().item() / 2
    for slider, least, most in zip((plane.across, plane.up), low, high, strict=True):
        middle = (least + most).item() / 2
        assert slider.min == pytest.approx(middle - reach) and slider.min <= least + 1e-5
        assert slider.max == pytest.approx(middle + reach) and slider.max >= most - 1e-5
        assert slider.value == pytest.approx(middle)
        assert slider.step == pytest.approx(reach / 30)
    assert (plane.across.description, plane.up.description) == ("z1", "z2")
    axis = plane.render()[0].axes[0]
    assert axis.get_xlim()[0] < low[0] and axis.get_xlim()[1] > high[0]
    assert axis.get_ylim()[0] < low[1] and axis.get_ylim()[1] > high[1]


def test_without_a_prior_nothing_speaks_of_one(codes_without_a_prior):
    plane = codes_without_a_prior
    axis = plane.render()[0].axes[0]
    said = [plane.alt, plane.across.description, plane.up.description]
    said += [axis.get_xlabel(), axis.get_ylabel()]
    assert not any("prior" in text or "-2" in text for text in said)
    assert (axis.get_xlabel(), axis.get_ylabel()) == ("$z_1$ (code units)", "$z_2$ (code units)")


def test_an_autoencoders_twin_decodes_the_whole_window(codes_without_a_prior):
    plane = codes_without_a_prior
    (across, up), reach = plane.window.centre, plane.window.reach
    image = plane.static_figure().axes[1].images[0]
    tiles = image.get_array()
    assert np.allclose(tiles[:8, :8], plane.decoded(across - reach, up + reach)[0], atol=1e-5)
    assert np.allclose(tiles[90:98, 90:98], plane.decoded(across + reach, up - reach)[0], atol=1e-5)
    edge = 1.1 * reach
    assert np.allclose(image.get_extent(), (across - edge, across + edge, up - edge, up + edge))


def test_moving_an_autoencoders_slider_shows_its_decoders_picture(codes_without_a_prior):
    plane = codes_without_a_prior
    plane.across.value, plane.up.value = plane.across.max, plane.up.min
    exact = plane.decoded(plane.across.value, plane.up.value)
    assert np.allclose(shown_picture(plane.render()[0]), exact[0])
    assert f"At ({plane.across.value:.1f}, {plane.up.value:.1f}): " in plane.caption.value


def test_an_autoencoder_with_all_codes_in_one_place_still_has_a_window():
    digits = data.digits()[:5]
    model = Autoencoder(digits.shape, latent=2, code="relu", rng=generator(0))
    with torch.no_grad():
        model.encoder[-2].bias.fill_(-100)  # every unit is off
    plane = LatentExplorer(model, digits)
    assert plane.across.min < plane.across.value == 0 < plane.across.max


def test_autoencoders_without_a_plane_are_refused():
    digits = data.digits()
    model = Autoencoder(digits.shape, latent=3, rng=generator(0))
    with pytest.raises(ValueError, match=r"an Autoencoder or an unconditional VAE .* latent=3"):
        LatentExplorer(model, digits)
