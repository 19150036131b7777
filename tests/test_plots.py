"""Each figure's line says the right numbers, and the figure shows what the line says."""

from types import SimpleNamespace

import IPython
import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from matplotlib.colors import to_hex

from genaug_lessons import plots
from genaug_lessons.data import Dataset
from genaug_lessons.random import generator, normal, uniform


@pytest.fixture(autouse=True)
def closed():
    """Every test starts without figures and leaves none."""
    plt.close("all")
    yield
    plt.close("all")


def axis():
    return plt.gcf().axes[0]


IMAGES = uniform((7, 1, 4, 5), generator(0, "cpu"))
PLANE = plots.plane(2.0, points=81)
BUMP = 3 * torch.exp(-(PLANE - torch.tensor([0.5, -1.0])).square().sum(-1))
FIGURES = {
    "image_grid": lambda: plots.image_grid(IMAGES),
    "histories": lambda: plots.histories({"loss": [3.0, 2.0]}, ylabel="nats"),
    "curves": lambda: plots.curves([0, 90], {"judge": [1.0, 0.5]}, xlabel="angle", ylabel="share"),
    "density": lambda: plots.density(PLANE, BUMP, samples=PLANE[:5]),
    "samples": lambda: plots.samples({"data": PLANE}),
    "layers": lambda: plots.layers({"machine": "v -- h1"}),
    "forest": lambda: plots.forest({"affine": (3.0, 1.0, 5.0)}, xlabel="points"),
}
every_figure = pytest.mark.parametrize("draw", FIGURES.values(), ids=FIGURES)


# --- one line of numbers for each figure


def test_grid_shows_the_pictures_row_by_row_and_counts_them():
    line = plots.image_grid(IMAGES, columns=3, rows=["a", "b", "c"], about="digits")
    assert line == (
        f"3 x 3 digits (a; b; c), 4 x 5 pixels, mean brightness {IMAGES.numpy().mean():.2f}"
    )
    drawn = plt.gcf().axes
    for axes, image in zip(drawn, IMAGES, strict=False):
        [shown] = axes.images
        np.testing.assert_array_equal(shown.get_array(), image[0])
        look = shown.get_clim(), shown.get_cmap().name, shown.get_interpolation(), shown.origin
        assert look == ((0, 1), "gray", "nearest", "upper")
        assert not axes.get_xticks().size and not axes.get_yticks().size
        assert not any(spine.get_visible() for spine in axes.spines.values())
    assert not any(axes.images for axes in drawn[7:])
    assert [axes.get_ylabel() for axes in drawn[::3]] == ["a", "b", "c"]


def test_grid_clips_reads_bytes_and_takes_colours():
    def shown(images):
        line = plots.image_grid(images)
        return line, [np.array(axes.images[0].get_array()) for axes in plt.gcf().axes]

    line, drawn = shown(IMAGES * 4 - 2)
    assert line.startswith("1 x 7 pictures, 4 x 5 pixels")
    np.testing.assert_array_equal(drawn, (IMAGES * 4 - 2).clamp(0, 1)[:, 0])
    line, drawn = shown(torch.full((2, 1, 3, 4), 51, dtype=torch.uint8))
    assert line.endswith("0.20") and np.allclose(drawn, 0.2)
    colours = uniform((2, 3, 4, 5), generator(1, "cpu"))
    line, drawn = shown(colours)
    assert line.endswith(f"4 x 5 pixels, mean brightness {colours.mean():.2f}")
    np.testing.assert_array_equal(drawn, colours.movedim(1, 3))


def test_grid_outlines_boxes_at_the_edges_of_their_pixels_and_counts_those_with_an_area():
    boxes = torch.zeros(7, 2, 4)
    boxes[0, 0], boxes[2:4, 1] = torch.tensor([1.0, 2, 4, 3]), torch.tensor([0.0, 0, 5, 4])
    line = plots.image_grid(IMAGES, boxes=boxes)
    assert line.endswith(f"mean brightness {IMAGES.numpy().mean():.2f}, 3 boxes")
    drawn = plt.gcf().axes
    assert [len(axes.lines) for axes in drawn] == 7 * [2]
    [box, nothing] = drawn[0].lines
    corners = [[0.5, 1.5], [3.5, 1.5], [3.5, 2.5], [0.5, 2.5]]
    assert box.get_xydata().tolist() == [*corners, corners[0]]  # all around
    assert set(nothing.get_xdata()) == {-0.5}


def test_wide_pictures_of_a_grid_are_drawn_wider():
    plots.image_grid(torch.zeros(2, 1, 4, 4))
    square = plt.gcf().get_size_inches()
    plots.image_grid(torch.zeros(2, 1, 4, 12))
    wide = plt.gcf().get_size_inches()
    assert wide == pytest.approx(square * (3, 1))
    plots.image_grid(torch.zeros(20, 1, 4, 12))
    assert plt.gcf().get_size_inches()[0] == pytest.approx(9)


def test_labels_of_a_grids_rows_have_room_beside_it():
    plots.image_grid(IMAGES, columns=3)
    wide, high = plt.gcf().get_size_inches()
    plots.image_grid(IMAGES, columns=3, rows=["short", "a long label", "b"])
    figure = plt.gcf()
    assert wide < figure.get_size_inches()[0] < wide + 2
    assert figure.get_size_inches()[1] == high
    figure.canvas.draw()
    left = min(axes.yaxis.label.get_window_extent().x0 for axes in figure.axes[::3])
    assert left >= 0


def test_histories_draw_short_curves_point_by_point():
    curves = {"loss": [3.0, 2.0, 1.5], "other": torch.tensor([1.0, 4.0])}
    line = plots.histories(curves, ylabel="loss (nats)", xlabel="epoch")
    assert line == "loss (nats) over 3 epochs: loss from 3 to 1.5, other from 1 to 4"
    for drawn, values in zip(axis().lines, curves.values(), strict=True):
        np.testing.assert_array_equal(drawn.get_xdata(), np.arange(1, len(values) + 1))
        np.testing.assert_array_equal(drawn.get_ydata(), values)
    assert (axis().get_xlabel(), axis().get_ylabel()) == ("epoch", "loss (nats)")
    assert [text.get_text() for text in axis().get_legend().get_texts()] == ["loss", "other"]


def test_histories_draw_long_curves_as_means_over_short_spans():
    line = plots.histories({"few": [1.0, 3.0], "loss": np.arange(1005.0)}, ylabel="nats")
    last = np.arange(990, 1000).mean()  # of whole spans
    assert line == f"nats over 1005 steps: few from 1 to 3, loss from 0 to {last:.3g}"
    few, drawn = axis().lines
    np.testing.assert_array_equal(few.get_xydata(), [[1, 1], [2, 3]])
    np.testing.assert_array_equal(drawn.get_xdata(), np.arange(10, 1001, 10))
    np.testing.assert_allclose(drawn.get_ydata(), np.arange(4.5, 1000, 10))


def test_curves_pass_through_what_was_measured():
    at, values = (
        [90, 0, 45],
        {"upright": [1.0, 0.5, 0.25], "turned": torch.tensor([0.5, 0.6, 0.7])},
    )
    line = plots.curves(at, values, xlabel="angle (degrees)", ylabel="accuracy")
    said = "upright from 1 to 0.25, turned from 0.5 to 0.7"
    assert line == f"accuracy over angle (degrees) from 90 to 45: {said}"
    for drawn, measured in zip(axis().lines, values.values(), strict=True):
        np.testing.assert_array_equal(drawn.get_xdata(), at)
        np.testing.assert_array_equal(drawn.get_ydata(), measured)
    assert (axis().get_xlabel(), axis().get_ylabel()) == ("angle (degrees)", "accuracy")
    assert [text.get_text() for text in axis().get_legend().get_texts()] == ["upright", "turned"]
    markers = {drawn.get_marker() for drawn in axis().lines}
    dashes = {drawn.get_linestyle() for drawn in axis().lines}
    assert len(markers) == len(dashes) == 2 and "None" not in markers


def test_plane_is_the_square_lattice_within_its_extent():
    assert PLANE.shape == (81**2, 2)
    assert PLANE.min() == -2 and PLANE.max() == 2
    assert len(PLANE.unique(dim=0)) == 81**2


def test_density_says_where_it_is_highest_and_draws_the_samples():
    points = normal((9, 2), generator(0, "cpu"))
    line = plots.density(PLANE, BUMP.requires_grad_(), samples=points, about="p")
    assert line == "p over the plane, highest 3 at (0.5, -1.0), 9 samples"
    np.testing.assert_array_equal(axis().lines[0].get_xydata(), points)
    assert texts(axis().get_legend().get_texts()) == ["samples"] and axis().get_aspect() == 1
    assert plots.density(PLANE, BUMP).endswith("at (0.5, -1.0)")
    assert (axis().get_xlabel(), axis().get_ylabel()) == ("$x_1$", "$x_2$")


def test_shades_of_a_density_are_darkest_where_it_is_highest_and_their_scale_names_the_unit():
    plots.density(PLANE, BUMP, about="p", unit="per cm²")
    shades, contours = axis().collections
    assert shades.get_cmap().name == "Greys" and shades.zmax == pytest.approx(3)
    assert np.array_equal(contours.levels, shades.levels[2::2]) and len(shades.levels) > 10
    for drawn in (shades, contours):  # bands from their lower edges up, and lines
        for height, path in zip(drawn.levels, drawn.get_paths(), strict=False):
            if 1.2 <= height < 3:  # a circle within the picture
                low, high = path.vertices.min(0), path.vertices.max(0)
                np.testing.assert_allclose((low + high) / 2, (0.5, -1), atol=0.02)
                np.testing.assert_allclose(high - low, 2 * np.log(3 / height) ** 0.5, atol=0.02)
    assert plt.gcf().axes[1].get_ylabel() == "p (per cm²)"


def test_samples_are_counted_and_placed():
    points = {"data": torch.tensor([[0.0, 1.0], [2.0, 4.0]]), "model": torch.tensor([[5.0, -1.0]])}
    line = plots.samples(points)
    assert line == (
        "points in the plane, data: 2 around (1.00, 2.50); model: 1 around (5.00, -1.00)"
    )
    for drawn, x in zip(axis().collections, points.values(), strict=True):
        np.testing.assert_array_equal(drawn.get_offsets(), x)


def test_layers_stand_above_each_other_and_arrows_go_the_way_that_is_written():
    line = plots.layers({"belief net": "v <- h1 -- h2", "classifier": "x -> y"})
    assert line == (
        "2 networks, from the lowest layer up: belief net: v <- h1 -- h2; classifier: x -> y"
    )
    belief, classifier = plt.gcf().axes
    assert (belief.get_title(), classifier.get_title()) == ("belief\nnet", "classifier")
    texts = [text for text in belief.texts if text.get_text()]
    assert [(text.get_text(), text.xy[1]) for text in texts] == [("v", 0), ("h1", 1), ("h2", 2)]
    circles = [dots.get_offsets().tolist() for dots in belief.collections]
    assert circles == [[[x, height] for x in (-1, 0, 1)] for height in range(3)]
    (left, right), places = belief.get_xlim(), [text.xy[0] for text in texts]
    assert left < -1 < 1 < min(places) and max(places) < right  # names stand beside the circles
    assert not belief.axison and not classifier.axison

    def ends(axis):
        """The y of each arrow's head or heads, with that of its other end."""
        arrows = [text for text in axis.texts if text.arrow_patch]
        styles = [type(text.arrow_patch.get_arrowstyle()).__name__ for text in arrows]
        places = [(text.xyann[1], text.xy[1]) for text in arrows]  # drawn from, drawn to
        assert [(text.xyann[0], text.xy[0]) for text in arrows[:3]] == [(-1, -1), (0, 0), (1, 1)]
        of_three = list(zip(styles, places, strict=True))
        assert of_three[::3] == of_three[1::3] == of_three[2::3]
        return of_three[::3]

    assert ends(belief) == [("CurveFilledA", (0.2, 0.8)), ("Curve", (1.2, 1.8))]
    assert ends(classifier) == [("CurveFilledB", (0.2, 0.8))]
    assert classifier.get_ylim() == belief.get_ylim() == (-0.4, 2.4)


def test_forest_draws_each_effect_with_its_interval_from_top_to_bottom():
    effects = {"affine": (3.0, 1.0, 5.04), "vae": (-0.26, -1.0, 0.5)}
    line = plots.forest(effects, xlabel="gain (points)")
    assert line == "gain (points): affine +3.0 [+1.0, +5.0]; vae -0.3 [-1.0, +0.5]"
    assert [label.get_text() for label in axis().get_yticklabels()] == ["affine", "vae"]
    bars, means = axis().lines[0:4:2], axis().lines[1:4:2]
    for row, (mean, low, high) in enumerate(effects.values()):
        np.testing.assert_array_equal(bars[row].get_xydata(), [[low, row], [high, row]])
        np.testing.assert_array_equal(means[row].get_xydata(), [[mean, row]])
    bottom, top = axis().get_ylim()
    assert bottom > top
    assert list(axis().lines[4].get_xdata()) == [0, 0]
    assert [(text.get_text(), text.xy, text.xyann) for text in axis().texts] == [
        ("+3.0", (3.0, 0), (0, 6)),  # a little above its row
        ("-0.3", (-0.26, 1), (0, 6)),
    ]
    assert axis().get_xlabel() == "gain (points)"


# --- for every reader


def test_ten_curves_or_sets_of_points_can_be_told_apart_without_colour():
    names = [str(number) for number in range(10)]
    plots.histories({name: [1.0, 2.0] for name in names}, ylabel="nats")
    assert len({str(line._unscaled_dash_pattern) for line in axis().lines}) == 10
    plots.samples({name: PLANE[:3] for name in names})
    shapes = {drawn.get_paths()[0].vertices.tobytes() for drawn in axis().collections}
    assert len(shapes) == 10


@every_figure
def test_in_a_notebook_the_figure_has_alt_text_and_is_closed(draw, monkeypatch):
    shown = []
    shell = SimpleNamespace(kernel=object())
    monkeypatch.setattr(IPython, "get_ipython", lambda: shell)
    monkeypatch.setattr(IPython.display, "display", lambda *it, **said: shown.append((*it, said)))
    line = draw()
    ((content, said),) = shown
    assert said["raw"]
    assert content["image/png"].startswith(b"\x89PNG")
    assert said["metadata"] == {"image/png": {"alt": line}}
    assert line and "\n" not in line
    assert plt.get_fignums() == []


@every_figure
def test_outside_a_notebook_the_figure_stays_open_to_be_saved(draw, tmp_path):
    draw()
    assert len(plt.get_fignums()) == 1
    plt.savefig(tmp_path / "figure.png")


ODD = ["$x^$", "_hidden", "a $5 prize for $10", "", r"50\% \frac"]
PAIR = torch.tensor([[0.0, 1.0], [2.0, 1.5]])


def texts(drawn):
    return [text.get_text() for text in drawn]


@pytest.mark.parametrize(
    ("draw", "shown"),
    [
        (
            lambda: plots.histories({name: [2.0, 1.0] for name in ODD}, ylabel="nats"),
            lambda axes: texts(axes[0].get_legend().get_texts()),
        ),
        (
            lambda: plots.curves([0, 1], dict.fromkeys(ODD, (1, 2)), xlabel="a", ylabel="b"),
            lambda axes: texts(axes[0].get_legend().get_texts()),
        ),
        (
            lambda: plots.samples(dict.fromkeys(ODD, PAIR)),
            lambda axes: texts(axes[0].get_legend().get_texts()),
        ),
        (
            lambda: plots.forest(dict.fromkeys(ODD, (1.0, 0.0, 2.0)), xlabel="$x$"),
            lambda axes: texts(axes[0].get_yticklabels()),
        ),
        (
            lambda: plots.image_grid(IMAGES[:5], columns=1, rows=ODD),
            lambda axes: [axis.get_ylabel() for axis in axes],
        ),
        (
            lambda: plots.layers(dict.fromkeys(ODD, "v -- h")),
            lambda axes: [axis.get_title().replace("\n", " ") for axis in axes],
        ),
    ],
    ids=["histories", "curves", "samples", "forest", "image_grid", "layers"],
)
def test_names_are_drawn_as_they_are_whatever_they_hold(draw, shown):
    line = draw()
    plt.gcf().canvas.draw()  # where mathematics would be read
    assert shown(plt.gcf().axes) == ODD
    assert all(name in line for name in ODD)


@pytest.mark.parametrize("draw", [plots.curves, plots.histories])
def test_a_legends_names_stand_beside_their_own_lines(draw):
    values = {"_up": [1.0, 2.0], "down": [2.0, 1.0], "level": [3.0, 3.0]}
    draw(*([[0, 1]] if draw is plots.curves else []), values, xlabel="a", ylabel="b")
    legend = axis().get_legend()
    assert texts(legend.get_texts()) == list(values)
    for line, handle in zip(axis().lines, legend.legend_handles, strict=True):
        assert (line.get_color(), line.get_marker()) == (handle.get_color(), handle.get_marker())
        assert line._unscaled_dash_pattern == handle._unscaled_dash_pattern


def test_a_legends_names_stand_beside_their_own_points():
    plots.samples({"data": PAIR, "model": PAIR + 1, "noise": PAIR - 1}, axes=("a", "b"))
    legend = axis().get_legend()
    assert texts(legend.get_texts()) == ["data", "model", "noise"]
    for drawn, handle in zip(axis().collections, legend.legend_handles, strict=True):
        for part in (drawn, handle):
            assert len(part.get_paths()) == len(part.get_facecolor()) == 1
        assert np.array_equal(drawn.get_facecolor(), handle.get_facecolor())
        assert np.array_equal(drawn.get_paths()[0].vertices, handle.get_paths()[0].vertices)
    assert (axis().get_xlabel(), axis().get_ylabel()) == ("a", "b")
    colours = [to_hex(drawn.get_facecolor()[0]) for drawn in axis().collections]
    assert colours == [colour.lower() for colour in plots.COLOURS[:3]]
    assert axis().get_aspect() == 1


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (
            lambda: plots.image_grid(Dataset(IMAGES, support="unit")),
            "images must be a tensor, got a Dataset",
        ),
        (lambda: plots.image_grid(IMAGES.numpy()), "images must be a tensor, got a NumPy array"),
        (lambda: plots.image_grid(torch.zeros(2, 4, 4)), r"images must be .*got \(2, 4, 4\)"),
        (lambda: plots.image_grid(torch.zeros(2, 2, 4, 4)), "images must be"),
        (lambda: plots.image_grid(torch.zeros(0, 1, 4, 4)), "images must be"),
        (
            lambda: plots.image_grid(IMAGES, boxes=torch.zeros(6, 1, 4)),
            r"\(7, M, 4\), got \(6, 1, 4",
        ),
        (lambda: plots.image_grid(IMAGES, boxes=torch.zeros(7, 1, 3)), r"boxes .*got \(7, 1, 3\)"),
        (lambda: plots.image_grid(IMAGES, boxes=torch.zeros(7, 4)), r"boxes must .*got \(7, 4\)"),
        (lambda: plots.histories({}, ylabel="nats"), "curves must hold at least one value"),
        (lambda: plots.histories({"loss": []}, ylabel="nats"), "curves must hold at least one"),
        (
            lambda: plots.curves([0, 1], {"a": [1.0]}, xlabel="angle", ylabel="share"),
            r"values must hold one for each of the 2 places, got \[1\]",
        ),
        (lambda: plots.curves([0, 1], {}, xlabel="a", ylabel="b"), r"2 places, got \[\]"),
        (lambda: plots.density(PLANE[:-1], BUMP[:-1]), r"where must be the \(P \* P, 2\) lattice"),
        (lambda: plots.density(PLANE, BUMP[:, None]), r"got \(6561, 2\) and \(6561, 1\)"),
        (lambda: plots.samples({"data": torch.zeros(3)}), r"got data: \(3,\)"),
        (lambda: plots.layers({}), "networks must hold at least one"),
        (lambda: plots.layers({"net": "v -- "}), r'like "v <- h1 -- h2", got net: \'v -- \''),
        (lambda: plots.layers({"net": "v => h"}), r"got net: 'v => h'"),
    ],
)
def test_what_cannot_be_drawn_is_refused(draw, message):
    with pytest.raises((TypeError, ValueError), match=message):
        draw()
