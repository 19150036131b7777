"""The mixture explorer: EM's path, its ellipses and curve, the sentence and the twin agree."""

import io

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from matplotlib.image import imread
from sklearn import mixture
from torch.distributions import MultivariateNormal

from genaug_lessons import data
from genaug_lessons.models.gmm import COVARIANCES
from genaug_lessons.random import generator
from genaug_lessons.widgets import MixtureExplorer, explorer
from genaug_lessons.widgets.mixture import ellipse, em_path

STRETCH = torch.tensor([[1.0, 0.8], [0.0, 0.4]])


def cpu(seed=0):
    return generator(seed, "cpu")


@pytest.fixture
def points():
    return data.ring(3, std=0.5).sample(150, rng=cpu()).x @ STRETCH + torch.tensor([3.0, -1.0])


@pytest.fixture
def clouds(points):
    return MixtureExplorer(points, passes=12, seed=4)


def pixels(png: bytes) -> np.ndarray:
    return imread(io.BytesIO(bytes(png)))


def drawn_curve(axis):
    return np.asarray(axis.lines[0].get_xydata())


def centres(axis):
    return np.array([patch.center for patch in axis.patches])


@pytest.mark.parametrize("covariance", COVARIANCES)
def test_the_likelihood_along_the_path_never_falls(points, covariance):
    path = em_path(points, 4, covariance, passes=25, rng=cpu())
    levels = [now.log_likelihood for now in path]
    assert len(levels) == 26
    assert np.diff(levels).min() > -1e-5
    assert levels[-1] > levels[0] + 0.05


def test_a_pass_is_that_of_scikit_learn(points):
    first, second = em_path(points, 3, "full", passes=1, rng=cpu())
    shares = first.pi.double()
    start = {"means_init": first.mu, "precisions_init": torch.linalg.inv(first.Sigma)}
    theirs = mixture.GaussianMixture(
        3, max_iter=1, reg_covar=0.0, weights_init=shares / shares.sum(), **start
    )
    with pytest.warns(match="did not converge"):
        theirs.fit(points.double())
    assert np.allclose(theirs.means_, second.mu, atol=1e-4)
    assert np.allclose(theirs.covariances_, second.Sigma, atol=1e-4)
    assert theirs.lower_bound_ == pytest.approx(first.log_likelihood, abs=1e-4)


def test_the_start_shares_out_every_point(points):
    [start] = em_path(points, 4, "full", passes=0, rng=cpu())
    assert torch.allclose(start.pi @ start.mu, points.mean(0), atol=1e-5)


def test_likeliest_is_the_component_of_greatest_responsibility(points):
    last = em_path(points, 3, "full", passes=5, rng=cpu())[-1]
    bells = MultivariateNormal(last.mu, last.Sigma)
    log_joint = last.pi.log() + bells.log_prob(points[:, None])
    assert torch.equal(last.likeliest, log_joint.argmax(1))
    assert log_joint.logsumexp(1).mean().item() == pytest.approx(last.log_likelihood, abs=1e-4)


@pytest.mark.parametrize("together", [0.9, -0.9, 0.0])
@pytest.mark.parametrize(("across", "up"), [(2.0, 1.0), (1.0, 3.0)])
def test_an_ellipse_lies_two_standard_deviations_from_its_centre(across, up, together):
    mu, Sigma = torch.tensor([1.0, -2.0]), torch.tensor([[across, together], [together, up]])
    shape = ellipse(mu, Sigma)
    curve = torch.as_tensor(shape.get_patch_transform().transform(shape.get_path().vertices))
    offset = curve[:-1] - mu  # the last vertex closes the path and is nowhere
    squares = (offset @ torch.linalg.inv(Sigma.double()) * offset).sum(1)
    on_curve = squares[::3]  # the others steer the Bezier curves between them
    assert torch.allclose(on_curve, torch.full_like(on_curve, 4.0), atol=1e-4)


def test_a_gaussian_on_one_point_ends_the_path():
    lone = torch.tensor([[0.0, 0.0], [1.0, 0.1], [0.2, 1.0], [1.0, 1.2], [50.0, 50.0]])
    path = em_path(lone, 2, "full", passes=10, rng=cpu())
    assert 1 <= len(path) < 11
    view = MixtureExplorer(lone, max_components=2, passes=10)
    view.count.value, view.step.value = 2, 10
    assert "EM ends here: a Gaussian has collapsed" in view.caption.value
    assert f"{len(path) - 1} passes, 2 Gaussians, full" in view.caption.value


@pytest.mark.parametrize(("control", "value"), [("step", 3), ("count", 5), ("kind", "spherical")])
def test_every_control_redraws_the_picture_and_its_sentence(clouds, control, value):
    picture, sentence = pixels(clouds.picture.value), clouds.caption.value
    getattr(clouds, control).value = value
    after = pixels(clouds.picture.value)
    assert after.shape != picture.shape or not np.array_equal(after, picture)
    assert clouds.caption.value != sentence


def test_figure_shows_the_chosen_moment_and_the_curve_so_far(clouds):
    clouds.count.value, clouds.kind.value, clouds.step.value = 4, "tied", 7
    how = {"passes": 12, "rng": cpu(4)}
    path = em_path(clouds.points, 4, "tied", **how)
    left, right = clouds.render()[0].axes
    assert np.allclose(centres(left), path[7].mu)
    for k, (drawn, patch) in enumerate(zip(left.collections, left.patches, strict=True)):
        assert np.allclose(drawn.get_offsets(), clouds.points[path[7].likeliest == k])
        outline = ellipse(path[7].mu[k], path[7].Sigma[k])
        assert (patch.width, patch.height, patch.angle) == pytest.approx(
            (outline.width, outline.height, outline.angle)
        )
    levels = [now.log_likelihood for now in path[:8]]
    assert np.allclose(drawn_curve(right), list(enumerate(levels)))
    assert np.allclose(right.lines[1].get_xydata(), [[7, levels[-1]]])
    assert right.get_xlim() == (-1, 13)
    assert clouds.caption.value == (
        f"7 passes, 4 Gaussians, tied: mean log likelihood {levels[-1]:.3f} nats a point."
    )


def test_axes_stay_where_they_are_while_em_goes_on(clouds):
    limits = []
    for step in (0, 12):
        clouds.step.value = step
        limits.append([(axis.get_xlim(), axis.get_ylim()) for axis in clouds.render()[0].axes])
    assert limits[0] == limits[1]
    (left, right), (bottom, top) = limits[0][0]  # close around the points
    low, high = clouds.points.min(0).values, clouds.points.max(0).values
    edges = torch.cat([low - torch.tensor([left, bottom]), torch.tensor([right, top]) - high])
    assert 0 < edges.min() and edges.max() < 0.2 * (high - low).max()


def test_no_two_of_eight_gaussians_share_marker_and_line(clouds):
    clouds.count.value = 8
    axis = clouds.render()[0].axes[0]
    markers = {points.get_paths()[0].vertices.tobytes() for points in axis.collections}
    assert len(markers) == len({patch.get_linestyle() for patch in axis.patches}) == 8


def test_a_path_is_worked_out_once(clouds):
    clouds.step.value = 5
    first = clouds.path()
    clouds.count.value = 2
    clouds.count.value = 3
    assert clouds.path() is first


def test_twin_shows_four_moments_and_the_whole_curve(clouds):
    path, axes = clouds.path(), clouds.static_figure().axes
    for axis, step in zip(axes, (0, 1, None, 5, 12), strict=True):
        if step is None:
            whole = [now.log_likelihood for now in path]
            assert np.allclose(drawn_curve(axis), list(enumerate(whole))) and len(whole) == 13
        else:
            assert axis.get_title() == f"after {step} passes"
            assert np.allclose(centres(axis), path[step].mu)


def test_a_saved_page_holds_the_widget_and_its_static_figure_with_alt_text(clouds, monkeypatch):
    shown = []
    monkeypatch.setattr(explorer, "display", lambda content, **how: shown.append((content, how)))
    clouds._ipython_display_()
    [(content, how)] = shown
    assert content[explorer.WIDGET_VIEW]["model_id"] == clouds.box.model_id
    assert pixels(content["image/png"]).std() > 0
    assert "150 points and a mixture of 3 Gaussians" in how["metadata"]["image/png"]["alt"]


def test_nothing_is_left_open_in_pyplot(clouds):
    clouds.step.value = 2
    assert plt.get_fignums() == []


@pytest.mark.parametrize(
    ("given", "settings", "message"),
    [
        (torch.zeros(20, 3), {}, r"points must be \(N, 2\), got \(20, 3\)"),
        (torch.zeros(20, 2), {}, r"points must be more than max_components, 8, got 1 distinct"),
        (
            torch.arange(40.0).view(20, 2),
            {"passes": 0},
            "passes must be an integer of at least 1, got 0",
        ),
    ],
)
def test_points_that_cannot_be_shown_are_refused(given, settings, message):
    with pytest.raises(ValueError, match=message):
        MixtureExplorer(given, **settings)
