"""Each transform against torchvision or a literal loop; masks, boxes, mixing, policies, replay."""

import itertools
import math
import random

import numpy as np
import pytest
import torch
from kinds import named
from torch.nn import functional as F
from torchvision import transforms as v1
from torchvision import tv_tensors
from torchvision.transforms import InterpolationMode, v2
from torchvision.transforms import functional as torchvision

from genaug_lessons.augment import (
    Affine,
    Augmented,
    Brightness,
    Compose,
    Contrast,
    Crop,
    CutMix,
    Erase,
    Flip,
    Mixup,
    Noise,
    PerPicture,
    PictureTransform,
    as_transform,
    geometry,
    pixels,
)
from genaug_lessons.data import Batch, Dataset
from genaug_lessons.ensemble import StackedData
from genaug_lessons.evaluate import Arm
from genaug_lessons.random import generator, normal, uniform

EVERY = (
    Affine(),
    Affine(shear=20.0),
    Flip(),
    Flip(vertical=True),
    Crop(),
    Noise(),
    Brightness(),
    Contrast(),
    Erase(),
    Erase(p=1.0, fill="mean"),
    PerPicture(v2.RandomAffine(30, scale=(0.8, 1.2))),
    Compose([Flip(), Noise(), [Crop(), Erase()], v2.ColorJitter(0.3)]),
)
MOVES = (
    Affine(rotation=180, shift=3, scale=0.5, shear=30.0),
    Flip(),
    Flip(vertical=True),
    Crop(3),
)
SIZE = 9, 7  # height and width


class Bare(PictureTransform):
    """Forgets both of its halves."""


def cpu(seed=0):
    return generator(seed, "cpu")


def pictures(*shape, seed=5):
    return uniform(shape, cpu(seed))


def close(found, exact, atol=1e-5):
    torch.testing.assert_close(found, exact, atol=atol, rtol=0)


def even(values, low, high):
    """Whether many values are uniform over a range: its ends, its mean, its spread."""
    u = (values - low) / (high - low)
    assert -1e-5 <= u.min() < 0.01 and 0.99 < u.max() <= 1 + 1e-5
    for power, exact in ((1, 1 / 2), (2, 1 / 3)):
        assert (u.pow(power).mean() - exact).abs() < 5 * u.pow(power).std() / len(u) ** 0.5


def independent(*values):
    """Whether many draws (n,) of each have nothing to do with one another, to first order."""
    correlations = torch.stack(values).corrcoef() - torch.eye(len(values))
    assert correlations.abs().max() < 5 / len(values[0]) ** 0.5


def global_state():
    return torch.get_rng_state().tolist(), repr(np.random.get_state()), random.getstate()  # noqa: NPY002


# --- shear


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 5, 9), (1, 7, 4)])
def test_sheared_pictures_are_those_of_torchvision_picture_by_picture(shape):
    transform, x = Affine(rotation=180, shift=3, scale=0.5, shear=60), pictures(20, *shape)
    drawn = transform.draw(20, cpu(1))
    found = transform.apply(x, drawn)
    for row, (angle, shift, scale, shear) in enumerate(zip(*drawn, strict=True)):
        exact = torchvision.affine(
            x[row],
            angle=-angle.item(),  # torchvision turns clockwise
            translate=shift.tolist(),
            scale=scale.item(),
            shear=[shear.item(), 0.0],
            interpolation=InterpolationMode.BILINEAR,
        )
        close(found[row], exact, atol=2e-4)


def test_shear_by_45_degrees_moves_each_row_a_pixel_further_and_the_top_to_the_right():
    x = pictures(2, 1, 5, 7)
    still = torch.zeros(2), torch.zeros(2, 2), torch.ones(2)
    found, exact = Affine().apply(x, (*still, torch.full((2,), 45.0))), torch.zeros_like(x)
    for row, column in itertools.product(range(5), range(7)):
        if 0 <= column - (2 - row) < 7:
            exact[..., row, column] = x[..., row, column - (2 - row)]
    close(found, exact)


def test_shear_comes_last_in_the_stream_and_takes_nothing_from_it_unless_asked_for():
    rng, untouched = cpu(), cpu()
    plain, sheared = Affine().draw(1000, rng), Affine(shear=40.0).draw(1000, cpu())
    uniform((4, 1000), untouched)
    assert torch.equal(rng.get_state(), untouched.get_state())
    for before, after in zip(plain, sheared[:3], strict=True):
        assert torch.equal(before, after)
    assert torch.equal(sheared[3], 40 * uniform((1000,), rng, -1, 1))
    angle, shift, scale, shear = Affine(shear=40.0).draw(20_000, cpu())
    even(shear, -40, 40)
    independent(angle, *shift.T, scale, shear)


# --- pixels


@pytest.mark.parametrize("shape", [(1, 5, 6), (3, 5, 6)])
def test_brightness_and_contrast_are_those_of_torchvision_and_of_a_loop(shape):
    x = pictures(20, *shape)
    factors = Brightness(0.9).draw(20, cpu())
    brighter, sharper = Brightness().apply(x, factors), Contrast().apply(x, factors)
    for row, factor in enumerate(factors[0].tolist()):
        close(brighter[row], torchvision.adjust_brightness(x[row], factor))
        mean = sum(x[row].flatten().tolist()) / x[row].numel()
        for place in itertools.product(*map(range, shape)):
            exact = mean + factor * (x[row][place].item() - mean)
            assert sharper[row][place].item() == pytest.approx(min(max(exact, 0), 1), abs=1e-5)
        if shape[0] == 1:  # for colours torchvision's mean is a weighted one
            close(sharper[row], torchvision.adjust_contrast(x[row], factor))


@pytest.mark.parametrize("kind", [Brightness, Contrast])
def test_factors_are_even_about_1_and_a_change_of_0_changes_nothing(kind):
    even(kind(0.4).draw(20_000, cpu())[0], 0.6, 1.4)
    x = pictures(5, 3, 4, 4)
    assert torch.equal(kind(0.0)(x, cpu()), x)
    assert kind() != kind(0.1) and kind().change == 0.3


@pytest.mark.parametrize("fill", [0.0, 0.25, 1, "mean"])
def test_erase_paints_the_pixels_of_its_rectangle_and_no_others(fill):
    x, transform = pictures(30, 2, *SIZE), Erase(0.8, area=(0.05, 0.7), fill=fill)
    drawn = transform.draw(30, cpu())
    found = transform.apply(x, drawn)
    for row, shares in enumerate(drawn[0].tolist()):
        left, right = round(shares[0] * 7), round(shares[2] * 7)
        top, bottom = round(shares[1] * 9), round(shares[3] * 9)
        exact = x[row].clone()
        for channel in range(2):
            paint = x[row, channel].mean() if fill == "mean" else fill
            exact[channel, top:bottom, left:right] = paint
        assert torch.equal(found[row], exact)
    assert not torch.equal(found, x)


def test_erase_of_area_0_or_of_probability_0_changes_nothing():
    x = pictures(200, 1, 5, 5)
    assert torch.equal(Erase(1.0, area=(0.0, 0.0))(x, cpu()), x)
    assert torch.equal(Erase(0.0)(x, cpu()), x)


def test_probability_0_chooses_no_picture_even_where_the_draw_is_exactly_0(monkeypatch):
    for module in (pixels, geometry):
        monkeypatch.setattr(module, "uniform", lambda shape, rng: torch.zeros(shape))
    left, top, right, bottom = Erase(0.0).draw(5, cpu())[0].T
    assert torch.equal(left, right) and torch.equal(top, bottom)
    assert not Flip(0.0).draw(5, cpu())[0].any()


def test_unless_told_erase_has_the_areas_and_ratios_of_its_source_and_paints_black():
    assert Erase() == Erase(p=0.5, area=(0.02, 0.4), aspect=0.3, fill=0.0)


@pytest.mark.parametrize(
    ("area", "aspect"), [((0.1, 0.3), 0.3), ((0.5, 0.9), 0.2), ((0.0, 0.2), 1)]
)
def test_erased_rectangles_have_their_areas_and_shapes_and_lie_within_the_picture(area, aspect):
    n, p = 20_000, 0.7
    left, top, right, bottom = Erase(p, area, aspect).draw(n, cpu())[0].T
    width, height = right - left, bottom - top
    chosen = width > 0
    share = chosen.float().mean().item()
    assert abs(share - p) < 5 * math.sqrt(p * (1 - p) / n)
    assert min(left.min(), top.min()) >= 0 and max(right.max(), bottom.max()) <= 1 + 1e-6
    even((width * height)[chosen], *area)
    ratio = (height / width)[chosen]
    assert (ratio.log().abs() <= -math.log(aspect) + 1e-3).all()
    assert abs(ratio.log().mean()) <= 5 * ratio.log().std() / chosen.sum() ** 0.5 + 1e-6
    for start, length in ((left, width), (top, height)):
        free = chosen & (length < 0.99)
        even(start[free] / (1 - length[free]), 0, 1)


def test_an_erased_ratio_is_even_on_a_logarithmic_scale_where_it_fits():
    left, top, right, bottom = Erase(1.0, (0.1, 0.1), 0.3).draw(20_000, cpu())[0].T
    even(((bottom - top) / (right - left)).log(), math.log(0.3), -math.log(0.3))


def test_area_ratio_and_place_of_what_is_erased_have_nothing_to_do_with_one_another():
    left, top, right, bottom = Erase(1.0, (0.1, 0.3)).draw(20_000, cpu())[0].T
    width, height = right - left, bottom - top
    places = left / (1 - width), top / (1 - height)
    independent(width * height, (height / width).log(), *places)


# --- cutmix


def planes(y, classes):
    """Pictures whose channel of their own label is 1 throughout, and 0 in the others."""
    return F.one_hot(y, classes).float()[..., None, None].expand(*y.shape, classes, *SIZE)


def test_cutmix_labels_are_the_shares_of_the_pixels():
    y = torch.arange(60) % 6
    mixed = CutMix(6).on_batch(Batch(planes(y, 6), y), cpu())
    close(mixed.y, mixed.x.mean((-2, -1)))
    close(mixed.y.sum(-1), torch.ones(60))
    assert ((mixed.x == 0) | (mixed.x == 1)).all()  # no pixel is blended
    assert (mixed.y > 0).sum(-1).max() == 2


def test_cutmix_fills_the_rectangle_from_the_same_places_of_the_partner():
    x, y = pictures(30, 2, *SIZE), torch.arange(30) % 4
    rectangles, partner = drawn = CutMix(4).draw(30, cpu())
    found = CutMix(4).apply(Batch(x, y), drawn)
    for row, shares in enumerate(rectangles.tolist()):
        left, right = round(shares[0] * 7), round(shares[2] * 7)
        top, bottom = round(shares[1] * 9), round(shares[3] * 9)
        exact, kept = x[row].clone(), 1 - (right - left) * (bottom - top) / 63
        exact[:, top:bottom, left:right] = x[partner[row], :, top:bottom, left:right]
        assert torch.equal(found.x[row], exact)
        labels = torch.zeros(4)
        labels[y[row]] += kept
        labels[y[partner[row]]] += 1 - kept
        close(found.y[row], labels)


def test_cutmix_is_that_of_torchvision_given_its_rectangle():
    x, y, box = pictures(6, 3, *SIZE), torch.arange(6) % 3, (2, 1, 6, 5)
    theirs = v2.CutMix(num_classes=3)
    given = dict(box=box, lam_adjusted=1 - 16 / 63)
    theirs.make_params = theirs._get_params = lambda _: given  # named so from 0.20 on, or before
    exact_x, exact_y = theirs(x, y)
    rectangle = torch.tensor(box) / torch.tensor([7, 9, 7, 9])
    found = CutMix(3).apply(Batch(x, y), (rectangle.expand(6, 4), torch.arange(6).roll(1)))
    assert torch.equal(found.x, exact_x)
    close(found.y, exact_y)


@pytest.mark.parametrize("alpha", [0.5, 1.0, 3.0])
def test_cutmix_rectangles_have_their_expected_area(alpha):
    """The share cut out is A ~ Beta(alpha, alpha); a border takes s^2 / 4 of a side s = sqrt(A)."""

    def moment(power):  # E[A^power]
        gamma = math.lgamma
        up, down = gamma(alpha + power) - gamma(alpha), gamma(2 * alpha) - gamma(2 * alpha + power)
        return math.exp(up + down)

    n = 40_000
    left, top, right, bottom = CutMix(2, alpha).draw(n, cpu())[0].T
    area = (right - left) * (bottom - top)
    exact = moment(1) - moment(1.5) / 2 + moment(2) / 16
    assert abs(area.mean() - exact) < 5 * area.std() / n**0.5
    whole = (left > 0) & (right < 1) & (top > 0) & (bottom < 1)
    close((right - left)[whole], (bottom - top)[whole], atol=1e-5)  # of the picture's own shape
    for start, end in ((left, right), (top, bottom)):  # centred anywhere
        free = whole & (end - start < 0.9)
        even(start[free] / (1 - end[free] + start[free]), 0, 1)
    independent((left + right)[whole], (top + bottom)[whole], area[whole])


def test_cutmix_takes_every_example_as_a_partner_once_and_never_across_the_stack():
    assert CutMix(2).draw(20, cpu())[1].sort().values.tolist() == list(range(20))
    y = torch.arange(4)[:, None].expand(4, 30)  # one label in each batch of the stack
    batch = Batch(planes(y, 4), y)
    found = CutMix(4).on_batch(batch, cpu())
    assert torch.equal(found.x, batch.x)
    close(found.y, F.one_hot(y, 4).float())
    inner = torch.arange(30).expand(4, 30) % 4
    mixed = CutMix(4).on_batch(Batch(planes(inner, 4), inner), cpu())
    close(mixed.y, mixed.x.mean((-2, -1)))
    assert len(mixed.y.flatten(0, 1).unique(dim=0)) > 60


@pytest.mark.parametrize("mixing", [Mixup(5, alpha=1.0), CutMix(5)], ids=repr)
@pytest.mark.parametrize("shape", [(12,), (3, 12)], ids=str)
def test_mixing_can_be_replayed(mixing, shape):
    y = torch.randint(5, shape, generator=cpu())
    batch = Batch(pictures(*shape, 2, 6, 6), y)
    drawn = mixing.draw(shape if len(shape) > 1 else 12, cpu(1))
    first, again, called = (
        *(mixing.apply(batch, drawn) for _ in range(2)),
        mixing.on_batch(batch, cpu(1)),
    )
    for other in (again, called):
        assert torch.equal(first.x, other.x) and torch.equal(first.y, other.y)
    assert not torch.equal(first.x, mixing.on_batch(batch, cpu(2)).x)


def test_a_policy_clips_boxes_to_the_pictures_before_it_moves_them():
    boxes = torch.tensor([[[6.0, 2, 12, 4], [9, 2, 12, 4], [3, 7, 5, 12]]])
    found, seen = Compose([]).apply_to_boxes(boxes, (), (10, 8))
    assert seen.tolist() == [[True, False, True]]  # the second lies outside
    assert found.tolist() == [[[6, 2, 8, 4], [0, 0, 0, 0], [3, 7, 5, 10]]]


class Larger(PictureTransform):
    """Boxes grow by a pixel on every side, even those that are lost."""

    def apply_to_boxes(self, boxes, parameters, size):
        grown = boxes + torch.tensor([-1.0, -1, 1, 1])
        return grown.clamp(0, size[0]), torch.ones(boxes.shape[:2], dtype=torch.bool)


def test_boxes_lost_on_the_way_through_a_policy_stay_lost_though_they_grow():
    boxes = torch.tensor([[[1.0, 2, 3, 4], [9, 2, 12, 4]]])  # the second lies outside
    found, seen = Compose([Larger()]).apply_to_boxes(boxes, ((),), (8, 8))
    assert seen.tolist() == [[True, False]]
    assert found.tolist() == [[[0, 1, 4, 5], [0, 0, 0, 0]]]


def test_a_policy_takes_as_many_draws_as_it_has_transforms_and_no_fewer():
    x, policy = pictures(3, 1, 4, 4), Compose([Flip(), Crop(1)])
    drawn = policy.draw_for(x, cpu())[:1]
    for replay in (
        lambda: policy.apply(x, drawn),
        lambda: policy.apply_to_mask(x[:, 0], drawn),
        lambda: policy.apply_to_boxes(boxes_of(3, 2, (4, 4)), drawn, (4, 4)),
    ):
        with pytest.raises(ValueError, match="shorter"):
            replay()


@pytest.mark.parametrize("mixing", [Mixup(5, alpha=1.0), CutMix(5)], ids=repr)
def test_every_batch_gets_proportions_and_partners_of_its_own(mixing):
    rng = cpu()
    for first, second in (
        (mixing.draw(12, rng), mixing.draw(12, rng)),  # one after the other
        zip(*mixing.draw((2, 12), rng), strict=True),  # side by side in a stack
    ):
        assert not torch.equal(first[0], second[0]) and not torch.equal(first[1], second[1])
    assert len(Mixup(5, alpha=1.0).draw((2, 12), rng)[0].unique()) == 24


@pytest.mark.parametrize("shape", [(40,), (3, 40)], ids=str)
def test_mixing_what_is_mixed_already_keeps_the_mass_of_the_labels(shape):
    y = torch.randint(5, shape, generator=cpu(1))
    policy = Compose([Mixup(5, alpha=1.0), CutMix(5), Mixup(5, alpha=1.0)])
    mixed = policy.on_batch(Batch(planes(y, 5), y), cpu())
    close(mixed.y, mixed.x.mean((-2, -1)))
    close(mixed.y.sum(-1), torch.ones(shape))
    assert (mixed.y > 1e-3).sum(-1).max() > 2


# --- replay


@pytest.mark.parametrize("transform", EVERY, ids=repr)
def test_what_was_drawn_can_be_replayed_and_differs_between_examples(transform):
    x = pictures(1, 3, *SIZE).repeat(30, 1, 1, 1)
    before, state = x.clone(), global_state()
    drawn = transform.draw_for(x, cpu(1))
    first = transform.apply(x, drawn)
    assert torch.equal(first, transform.apply(x, drawn))
    assert torch.equal(first, transform(x, cpu(1)))
    assert not torch.equal(first, transform(x, cpu(2)))
    assert len(first.unique(dim=0)) > 1
    assert (first.shape, first.dtype) == (x.shape, x.dtype)
    assert torch.equal(x, before) and global_state() == state


@pytest.mark.parametrize("transform", EVERY, ids=repr)
def test_stacks_are_changed_as_their_pictures_are_and_keep_their_labels(transform):
    x, y = pictures(3, 10, 3, *SIZE), torch.arange(30).view(3, 10)
    found = transform.on_batch(Batch(x, y), cpu())
    assert torch.equal(found.x.flatten(0, 1), transform(x.flatten(0, 1), cpu()))
    assert torch.equal(found.y, y)


@pytest.mark.parametrize("vertical", [False, True])
def test_flipping_twice_is_no_flip(vertical):
    x, transform = pictures(9, 2, 5, 6), Flip(vertical=vertical)
    drawn = transform.draw(9, cpu())
    assert torch.equal(transform.apply(transform.apply(x, drawn), drawn), x)


# --- masks and boxes


def boxes_of(n, count, size=SIZE, seed=3):
    """Random boxes (n, count, 4) with an area, within pictures of this size."""
    height, width = size
    u = uniform((n, count, 2, 2), cpu(seed)).sort(-1).values
    return (u * torch.tensor([[width], [height]])).transpose(-1, -2).flatten(-2)


def by_torchvision(transform, values, parameters):
    """One example's picture, mask or boxes, by torchvision's functions for its own kinds."""
    if isinstance(transform, Affine):
        angle, shift, scale, shear = (each.tolist() for each in parameters)
        return v2.functional.affine(
            values, angle=-angle, translate=shift, scale=scale, shear=[shear, 0.0]
        )
    if isinstance(transform, Flip):
        flip = v2.functional.vertical_flip if transform.vertical else v2.functional.horizontal_flip
        return flip(values) if parameters[0] else values
    top, left = (each.item() for each in parameters)
    return v2.functional.crop(v2.functional.pad(values, transform.padding), top, left, *SIZE)


@pytest.mark.parametrize("transform", MOVES, ids=repr)
def test_masks_and_boxes_move_as_in_torchvision(transform):
    n, boxes = 40, boxes_of(40, 6)
    mask = torch.randint(5, (n, *SIZE), generator=cpu(1))
    drawn = transform.draw(n, cpu(2))
    moved_mask = transform.apply_to_mask(mask, drawn)
    moved_boxes, seen = transform.apply_to_boxes(boxes, drawn, SIZE)
    for row, parameters in enumerate(zip(*drawn, strict=True)):
        exact = by_torchvision(transform, tv_tensors.Mask(mask[row]), parameters)
        assert torch.equal(moved_mask[row], exact.as_subclass(torch.Tensor))
        theirs = tv_tensors.BoundingBoxes(boxes[row], format="XYXY", canvas_size=SIZE)
        exact = by_torchvision(transform, theirs, parameters).as_subclass(torch.Tensor)
        left = (exact[:, 2:] > exact[:, :2]).all(-1)
        assert torch.equal(seen[row], left)
        close(moved_boxes[row], exact * left[:, None], atol=1e-4)
    assert seen.any() and (isinstance(transform, Flip) or not seen.all())


@pytest.mark.parametrize("dtype", [torch.bool, torch.uint8, torch.int64, torch.float32], ids=str)
@pytest.mark.parametrize("transform", MOVES, ids=repr)
def test_masks_keep_their_type_and_get_no_new_labels(transform, dtype):
    mask = (pictures(20, *SIZE) * 5).to(dtype)
    found = transform.apply_to_mask(mask, transform.draw(20, cpu()))
    assert (found.shape, found.dtype) == (mask.shape, dtype)
    assert set(found.flatten().tolist()) <= {*mask.flatten().tolist(), 0}


@pytest.mark.parametrize("transform", [Flip(), Flip(vertical=True), Crop(3), "turns"], ids=str)
def test_a_box_is_still_that_of_its_mask_after_both_have_moved(transform):
    n, size = 60, (8, 10)  # both even: turned by a quarter, pixels still lie on pixels
    corners = torch.randint(0, 5, (n, 2), generator=cpu(1))
    boxes = torch.cat([corners, corners + torch.tensor([3, 2])], dim=-1)[:, None].float()
    if transform == "turns":
        transform, quarter = Affine(), 90.0 * (torch.arange(n) % 4)
        shift = torch.randint(-4, 5, (n, 2), generator=cpu(2)).float()
        drawn = quarter, shift, torch.ones(n)
    else:
        drawn = transform.draw(n, cpu(2))
    mask = torch.zeros(n, *size, dtype=torch.bool)
    for row, (left, top, right, bottom) in enumerate(boxes[:, 0].int().tolist()):
        mask[row, top:bottom, left:right] = True
    moved_mask = transform.apply_to_mask(mask, drawn)
    moved, seen = transform.apply_to_boxes(boxes, drawn, size)
    for row in range(n):
        rows, columns = (moved_mask[row].any(axis).nonzero().flatten().tolist() for axis in (1, 0))
        assert seen[row, 0] == bool(rows)
        exact = [columns[0], rows[0], columns[-1] + 1, rows[-1] + 1] if rows else [0] * 4
        assert moved[row, 0].tolist() == pytest.approx(exact, abs=1e-4)


def test_boxes_that_leave_the_picture_are_marked_and_stay_lost():
    boxes = torch.tensor([[[0.0, 0, 2, 2], [4, 4, 8, 8], [3, 3, 3, 5]]])  # the last is empty
    away, back = (torch.tensor([[float(far), 0.0]]) for far in (-5, 5))
    still = torch.zeros(1), torch.ones(1)
    drawn = tuple((still[0], shift, still[1]) for shift in (away, back))
    found, seen = Affine().apply_to_boxes(boxes, drawn[0], (8, 10))
    assert seen.tolist() == [[False, True, False]]
    assert found.tolist() == [[[0, 0, 0, 0], [0, 4, 3, 8], [0, 0, 0, 0]]]
    both = Compose([Affine(), Affine()])
    found, seen = both.apply_to_boxes(boxes, drawn, (8, 10))
    assert seen.tolist() == [[False, True, False]]
    assert found.tolist() == [[[0, 0, 0, 0], [5, 4, 8, 8], [0, 0, 0, 0]]]


def test_a_policy_moves_masks_and_boxes_by_its_transforms_in_turn():
    x, mask, boxes = pictures(20, 1, *SIZE), (pictures(20, *SIZE) * 5).long(), boxes_of(20, 4)
    first, second = Affine(rotation=30, shift=2), Crop(2)
    policy = Compose([first, Noise(), second])
    drawn = policy.draw_for(x, cpu())
    exact = second.apply_to_mask(first.apply_to_mask(mask, drawn[0]), drawn[2])
    assert torch.equal(policy.apply_to_mask(mask, drawn), exact)
    once, seen = first.apply_to_boxes(boxes, drawn[0], SIZE)
    twice, still = second.apply_to_boxes(once, drawn[2], SIZE)
    found = policy.apply_to_boxes(boxes, drawn, SIZE)
    assert torch.equal(found[0], twice) and torch.equal(found[1], seen & still)
    assert torch.equal(Compose([]).apply_to_mask(mask, ()), mask)
    assert torch.equal(Compose([]).apply_to_boxes(boxes, (), SIZE)[0], boxes)


@pytest.mark.parametrize("transform", [Noise(), Brightness(), Contrast(), Erase()], ids=repr)
def test_changes_of_pixels_leave_masks_and_boxes_where_they_are(transform):
    x, mask, boxes = pictures(5, 1, *SIZE), pictures(5, *SIZE), boxes_of(5, 3)
    drawn = transform.draw_for(x, cpu())
    assert torch.equal(transform.apply_to_mask(mask, drawn), mask)
    found, seen = transform.apply_to_boxes(boxes, drawn, SIZE)
    assert torch.equal(found, boxes) and seen.all()
    beyond, seen = transform.apply_to_boxes(boxes + torch.tensor([100.0, 0, 100, 0]), drawn, SIZE)
    assert not beyond.any() and not seen.any()


@pytest.mark.parametrize("transform", [PerPicture(v2.RandomInvert()), Bare()], ids=named)
def test_what_cannot_say_where_things_go_moves_no_masks_and_no_boxes(transform):
    with pytest.raises(TypeError, match=f"{type(transform).__name__} moves no masks"):
        transform.apply_to_mask(torch.zeros(2, 3, 3), ())
    with pytest.raises(TypeError, match=f"{type(transform).__name__} moves no boxes"):
        transform.apply_to_boxes(torch.zeros(2, 1, 4), (), (3, 3))


@pytest.mark.parametrize("mixing", [Mixup(2), CutMix(2)], ids=repr)
def test_mixing_has_no_halves_of_single_examples_and_a_policy_with_it_says_so(mixing):
    for half in ("draw_for", "apply_to_mask", "apply_to_boxes", "__call__"):
        assert not hasattr(mixing, half)
    policy, x, name = Compose([mixing]), torch.zeros(2, 1, 3, 3), type(mixing).__name__
    with pytest.raises(TypeError, match=f"{name} moves no masks"):
        policy.apply_to_mask(torch.zeros(2, 3, 3), ((),))
    with pytest.raises(TypeError, match=f"{name} moves no boxes"):
        policy.apply_to_boxes(torch.zeros(2, 1, 4), ((),), (3, 3))
    for half in (
        lambda: policy.draw_for(x, cpu()),
        lambda: policy.apply(x, ((),)),
        lambda: policy(x, cpu()),
    ):
        with pytest.raises(ValueError, match=f"x must come with labels for {name}: use on_batch"):
            half()


# --- policies and other people's transforms


@pytest.mark.parametrize("stack", [None, 3])
def test_a_list_is_a_policy_wherever_a_transform_is_taken(stack):
    data = Dataset(pictures(30, 1, 6, 6), torch.arange(30) % 2, 2)
    data = data if stack is None else StackedData([data] * stack)
    members = [Flip(), Crop(1), Mixup(2)]
    for policy in (members, tuple(members), [Flip(), [Crop(1), Mixup(2)]]):
        found = Augmented(data, transform=policy).batches(8, cpu())
        exact = Augmented(data, transform=Compose(members)).batches(8, cpu())
        for one, other in itertools.islice(zip(found, exact, strict=False), 3):
            assert torch.equal(one.x, other.x) and torch.equal(one.y, other.y)
    assert isinstance(as_transform(Flip()), Flip)
    assert Arm("both", transform=members).transform == members


def test_a_torchvision_transform_draws_for_each_picture_what_its_seed_says():
    theirs, x = (
        v2.RandomAffine(90, (0.3, 0.3), (0.5, 2.0)),
        pictures(1, 1, 8, 8).repeat(20, 1, 1, 1),
    )
    together = theirs(x)
    assert len(together.unique(dim=0)) == 1  # the trap: one draw for the whole batch
    transform = as_transform(theirs)
    seeds = transform.draw(20, cpu())
    found = transform.apply(x, seeds)
    assert len(found.unique(dim=0)) == 20
    for row, seed in enumerate(seeds[0].tolist()):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            assert torch.equal(found[row], theirs(x[row]))
    assert torch.equal(Compose([theirs])(x, cpu()), found)


def test_a_borrowed_change_leaves_the_global_state_and_the_pictures_alone_even_if_it_fails():
    def fail(picture):
        torch.rand(3)  # from the global state
        raise RuntimeError("no")

    x, state = pictures(4, 1, 5, 5), torch.get_rng_state()
    with pytest.raises(RuntimeError, match="no"):
        PerPicture(fail)(x, cpu())
    before = x.clone()
    found = PerPicture(lambda picture: picture.zero_())(x, cpu())  # works in place
    assert torch.equal(x, before) and not found.any()
    assert torch.equal(torch.get_rng_state(), state)


def test_an_arm_or_a_policy_takes_torchvision_transforms_beside_its_own():
    data = Dataset(pictures(30, 1, 6, 6), torch.arange(30) % 2, 2)
    policy = [Flip(), v2.RandomErasing(1.0), v2.Compose([v2.RandomRotation(30)])]
    batch = next(Augmented(data, transform=policy, share=0.5).batches(8, cpu()))
    same = next(Augmented(data, transform=policy, share=0.5).batches(8, cpu()))
    assert torch.equal(batch.x, same.x)
    assert (batch.x[:4] == 0).flatten(1).any(1).all() and (batch.x[4:] > 0).all()
    Arm("borrowed", transform=v2.RandomRotation(5))


@pytest.mark.parametrize(
    "theirs",
    [
        v1.Compose([v1.RandomRotation(40), v1.ColorJitter(0.5)]),
        v1.Lambda(lambda picture: picture * torch.rand(())),
        v1.RandomChoice([v1.RandomInvert(1.0), v1.RandomErasing(1.0), torch.nn.Identity()]),
        v1.RandomOrder([v1.RandomInvert(1.0), v1.RandomErasing(1.0)]),
        lambda picture: picture.roll(random.randrange(6), -1),
    ],
    ids=["Compose", "Lambda", "RandomChoice", "RandomOrder", "a function"],
)
def test_older_torchvision_transforms_and_functions_draw_for_each_picture_and_can_be_replayed(
    theirs,
):
    x, before = pictures(1, 1, 5, 6).repeat(30, 1, 1, 1), global_state()
    found = as_transform(theirs)(x, cpu(3))
    assert len(found.unique(dim=0)) > 1 and global_state() == before
    random.seed(8)  # the state of others makes no difference
    assert torch.equal(as_transform([theirs])(x, cpu(3)), found)
    assert not torch.equal(as_transform(theirs)(x, cpu(4)), found)


def test_a_transform_without_its_halves_says_so():
    with pytest.raises(TypeError, match=r"Bare has no draw\(n\): use draw_for"):
        Bare().draw(3, cpu())
    with pytest.raises(TypeError, match="Bare applies nothing"):
        Bare().apply(torch.zeros(1, 1, 2, 2), ())
    with pytest.raises(TypeError, match=r"Noise has no draw\(n\): use draw_for\(x, rng\)"):
        Noise().draw(3, cpu())


def test_noise_is_drawn_for_pictures_in_their_shape():
    x = pictures(3, 2, 4, 5)
    assert torch.equal(Noise().draw_for(x, cpu())[0], normal((3, 2, 4, 5), cpu()))


def test_the_largest_areas_that_are_let_through_leave_something_of_the_picture():
    for size, largest in (((6, 6), 25 / 36), ((4, 9), 2 / 3), ((2, 2), 0.25)):
        x = torch.ones(3000, 1, *size)
        for aspect in (0.1, 0.5, 1.0):
            transform = Erase(1.0, (largest - 0.01, largest), aspect)
            assert (transform(x, cpu()).flatten(1).sum(1) > 0).all()


def test_shifts_and_windows_that_keep_something_of_the_picture_are_let_through():
    x = torch.ones(3000, 1, 6, 6)
    for transform in (Affine(0, shift=4.6, scale=0.4), Affine(0, 0, scale=0.8), Crop(5)):
        assert (transform(x, cpu()).flatten(1).sum(1) > 0).all()


@pytest.mark.parametrize("size", [(6, 9), (9, 6)], ids=str)
def test_the_shorter_side_says_which_shifts_and_windows_are_refused(size):
    x = torch.ones(2, 1, *size)
    for transform in (Affine(0, shift=4.9, scale=0.4), Affine(0, 0, scale=0.85), Crop(6)):
        with pytest.raises(ValueError, match="of 6 pixels"):
            transform(x, cpu())
