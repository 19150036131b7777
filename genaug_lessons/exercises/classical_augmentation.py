"""Lesson 01: one factor for each picture, boxes under a mirror, labels under CutMix."""

import torch
from torch.nn import functional as F

from genaug_lessons.exercises.check import Case, Exercise
from genaug_lessons.exercises.draws import size, sizes, uniform

_PICTURES = torch.linspace(0.05, 0.6, 16, dtype=torch.float64).view(2, 2, 2, 2)
_FACTORS = torch.tensor([0.5, 1.5], dtype=torch.float64)
_GREY = torch.linspace(0.1, 0.95, 12, dtype=torch.float64).view(3, 1, 2, 2)
_MORE = torch.tensor([1.0, 0.4, 2.0], dtype=torch.float64)


def _for_each(factors):
    return factors[:, None, None, None]


def _clipped(x, factors):
    return (factors * x).clamp(0, 1)


def _rescaled(x):
    return x / x.max().clamp_min(1)


def _bright(rng):
    shape = sizes(rng, 4)
    return uniform(rng, *shape), uniform(rng, shape[0], low=0.2, high=2.5)


brighten = Exercise(
    "brighten",
    lambda x, factors: _clipped(x, _for_each(factors)),
    cases=[
        Case("brighten of two pictures, 2 x 2 pixels in 2 channels,", (_PICTURES, _FACTORS)),
        Case("brighten of three grey pictures of 2 x 2 pixels", (_GREY, _MORE)),
    ],
    make=_bright,
    mistakes={
        "each column got a factor of its own: torch lines shapes up from the right, so give the "
        "factors the shape (B, 1, 1, 1)": _clipped,
        "each row got a factor of its own: the factors need the shape (B, 1, 1, 1)": (
            lambda x, factors: _clipped(x, factors[:, None])
        ),
        "each channel got a factor of its own: one more axis, the factors need the shape "
        "(B, 1, 1, 1)": lambda x, factors: _clipped(x, factors[:, None, None]),
        "all pictures got the first factor: that is one draw for the batch": (
            lambda x, factors: _clipped(x, factors[0])
        ),
        "all pictures got the same factor: that is one draw for the batch": (
            lambda x, factors: _clipped(x, factors.mean())
        ),
        "values left the range: clip to [0, 1], after the factor": (
            lambda x, factors: x * _for_each(factors)
        ),
        "the factor is clipped, too, so that no picture gets brighter: clip the product": (
            lambda x, factors: _clipped(x, _for_each(factors.clamp(0, 1)))
        ),
        "the pictures are multiplied by their factors: this adds them": (
            lambda x, factors: (x + _for_each(factors)).clamp(0, 1)
        ),
        "this rescales by the largest value: clipping changes only what is above 1": (
            lambda x, factors: _rescaled(x * _for_each(factors))
        ),
    },
)


_BOXES = torch.tensor([[1.0, 2.0, 4.0, 5.0], [0.0, 0.0, 12.0, 3.0], [6.5, 1.0, 9.0, 2.5]]).double()


def _mirrored(boxes, width):
    left, top, right, bottom = boxes.unbind(-1)
    return torch.stack([width - right, top, width - left, bottom], dim=-1)


def _with_sides(boxes, left, right):
    return torch.stack([left, boxes[..., 1], right, boxes[..., 3]], dim=-1)


def _in_a_picture(rng):
    """Boxes inside a picture, from 1 to 6 of them."""
    n, width = size(rng, 1, 6), size(rng, 9, 30)
    start, extent = uniform(rng, n, 2, high=0.7), uniform(rng, n, 2, low=0.05, high=0.3)
    return width * torch.cat([start, start + extent], dim=1), width


mirror_boxes = Exercise(
    "mirror_boxes",
    _mirrored,
    cases=[
        Case("mirror_boxes of one box", (_BOXES[:1], 12)),
        Case("mirror_boxes of three boxes", (_BOXES, 12)),
        Case("mirror_boxes in a wider picture", (_BOXES, 16)),
    ],
    make=_in_a_picture,
    mistakes={
        "the new left side lies right of the right one: the mirror swaps them": (
            lambda boxes, width: _with_sides(boxes, width - boxes[:, 0], width - boxes[:, 2])
        ),
        "the right side has not changed: is the old left side read after it was overwritten?": (
            lambda boxes, width: _with_sides(boxes, width - boxes[:, 2], boxes[:, 2])
        ),
        "the left side has not changed: is the old right side read after it was overwritten?": (
            lambda boxes, width: _with_sides(boxes, boxes[:, 0], width - boxes[:, 0])
        ),
        "the sides have changed places, but are still measured from the old edge": (
            lambda boxes, width: boxes[:, [2, 1, 0, 3]]
        ),
        "boxes end where a pixel ends, not at its number: the mirror of 0 is the width itself": (
            lambda boxes, width: _mirrored(boxes, width - 1)
        ),
        "that is a mirror of up and down: left and right change here": (
            lambda boxes, width: _mirrored(boxes[:, [1, 0, 3, 2]], width)[:, [1, 0, 3, 2]]
        ),
        "top and bottom stay as they are: this mirrors both ways": (
            lambda boxes, width: width - boxes[:, [2, 3, 0, 1]]
        ),
        "the other edge is the whole width away, not half of it": (
            lambda boxes, width: _mirrored(boxes, width / 2)
        ),
        "nothing has moved": lambda boxes, width: boxes,
    },
)

_Y = torch.tensor([0, 1, 3])
_PARTNER = torch.tensor([1, 2, 0])
_CUT = torch.zeros(3, 2, 5, dtype=torch.bool)
_CUT[0, :, 1:4] = _CUT[1, 0, :1] = _CUT[2, 1, 1:5] = True  # 6, 1 and 4 of 10 pixels
_AGREE = torch.tensor([2, 1, 2, 1])
_AMONG = torch.tensor([2, 0, 1, 3])
_EDGES = torch.zeros(4, 4, 2, dtype=torch.bool)
_EDGES[0, 1:] = _EDGES[1, :3, 0] = _EDGES[2] = True  # 6, 3, all and none of 8 pixels


def _share(cut):
    return cut.double().mean((-2, -1))[:, None]


def _blended(y, partner, share, classes):
    own = F.one_hot(y, classes).double()
    return (1 - share) * own + share * own[partner]


def _labels(y, partner, cut, classes):
    return _blended(y, partner, _share(cut), classes)


def _assigned(first, second, classes):
    """Pairs of labels and shares written one after the other, so that the second overwrites."""
    (y, share), (other, rest) = first, second
    blank = torch.zeros(len(y), classes, dtype=torch.float64)
    return blank.scatter(1, y[:, None], share).scatter(1, other[:, None], rest)


def _rectangle(rng, height, width):
    """Two sizes of a rectangle, from nothing to all, and its place."""
    high, wide = size(rng, 0, height), size(rng, 0, width)
    top, left = size(rng, 0, height - high), size(rng, 0, width - wide)
    cut = torch.zeros(height, width, dtype=torch.bool)
    cut[top : top + high, left : left + wide] = True
    return cut


def _cut_pictures(rng):
    batch, classes, height, width = sizes(rng, 4, least=2, most=6)
    y, partner = (torch.randint(n, (batch,), generator=rng) for n in (classes, batch))
    return y, partner, torch.stack([_rectangle(rng, height, width) for _ in y]), classes


cutmix_labels = Exercise(
    "cutmix_labels",
    _labels,
    cases=[
        Case("cutmix_labels of three pictures of 2 x 5 pixels", (_Y, _PARTNER, _CUT, 4)),
        Case("cutmix_labels where labels agree", (_AGREE, _AMONG, _EDGES, 3)),
    ],
    make=_cut_pictures,
    mistakes={
        "the labels have not changed: the pixels of the partner bring its label with them": (
            lambda y, partner, cut, classes: _blended(y, partner, 0.0, classes)
        ),
        "these are the partners' labels alone: a picture keeps its own for the pixels it keeps": (
            lambda y, partner, cut, classes: _blended(y, partner, 1.0, classes)
        ),
        "kept and cut have changed places: what is cut out belongs to the partner": (
            lambda y, partner, cut, classes: _labels(y, partner, ~cut, classes)
        ),
        "each picture has a rectangle of its own, so each needs a share of its own": (
            lambda y, partner, cut, classes: _blended(y, partner, cut.double().mean(), classes)
        ),
        "the share of the first picture stands for all: each has a rectangle of its own": (
            lambda y, partner, cut, classes: _blended(y, partner, _share(cut)[:1], classes)
        ),
        "half of each is right for a rectangle of half the picture only: count the pixels": (
            lambda y, partner, cut, classes: _blended(y, partner, 0.5, classes)
        ),
        "these are numbers of pixels: divide by how many the picture has": (
            lambda y, partner, cut, classes: _labels(y, partner, cut, classes) * cut[0].numel()
        ),
        "where both labels agree, the second value overwrites the first: the shares add up": (
            lambda y, partner, cut, classes: _assigned(
                (y, 1 - _share(cut)), (y[partner], _share(cut)), classes
            )
        ),
        "where both labels agree, the picture's share overwrites its partner's: they add up": (
            lambda y, partner, cut, classes: _assigned(
                (y[partner], _share(cut)), (y, 1 - _share(cut)), classes
            )
        ),
        "partner holds rows, not labels: the label there is y[partner]": (
            lambda y, partner, cut, classes: (
                (1 - _share(cut)) * F.one_hot(y, classes)
                + _share(cut) * F.one_hot(partner, classes)
            )
        ),
        "a picture's share stays its own: take only the label from the partner's row": (
            lambda y, partner, cut, classes: (
                (1 - _share(cut)) * F.one_hot(y, classes)
                + (_share(cut) * F.one_hot(y, classes))[partner]
            )
        ),
        "the rectangle of row i comes from row partner[i]; this goes the other way": (
            lambda y, partner, cut, classes: _labels(y, partner.argsort(), cut, classes)
        ),
    },
)
