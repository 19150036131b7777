"""Lesson 01: one factor for each picture, boxes under a mirror, labels under CutMix."""

import torch
from torch.nn import functional as F

from genaug_lessons.exercises.check import Case, Exercise

_PICTURES = torch.linspace(0, 0.6, 2 * 3 * 2 * 2, dtype=torch.float64).view(2, 3, 2, 2)
_FACTORS = torch.tensor([0.5, 1.5], dtype=torch.float64)
_SQUARE = torch.linspace(0, 1, 4 * 4 * 4, dtype=torch.float64).view(4, 1, 4, 4)
_MORE = torch.tensor([1.0, 0.0, 2.0, 0.5], dtype=torch.float64)


def _brightened(x, factors):
    return (factors[:, None, None, None] * x).clamp(0, 1)


brighten = Exercise(
    "brighten",
    cases=[
        Case(
            (_PICTURES, _FACTORS),
            _brightened(_PICTURES, _FACTORS),
            "brighten of two pictures of 2 x 2 pixels, by 0.5 and by 1.5",
        ),
        Case(
            (_SQUARE, _MORE),
            _brightened(_SQUARE, _MORE),
            "brighten of four pictures of 4 x 4 pixels",
        ),
    ],
    mistakes={
        "each column got a factor of its own: torch lines shapes up from the right, so give the "
        "factors the shape (B, 1, 1, 1)": lambda x, factors: (factors * x).clamp(0, 1),
        "each row got a factor of its own: the factors need the shape (B, 1, 1, 1)": (
            lambda x, factors: (factors[:, None] * x).clamp(0, 1)
        ),
        "all pictures got the first factor: that is one draw for the batch": (
            lambda x, factors: (factors[0] * x).clamp(0, 1)
        ),
        "all pictures got the same factor: that is one draw for the batch": (
            lambda x, factors: (factors.mean() * x).clamp(0, 1)
        ),
        "values left the range: clip to [0, 1]": lambda x, factors: (
            factors[:, None, None, None] * x
        ),
    },
)

_BOXES = torch.tensor([[1.0, 2.0, 4.0, 5.0], [0.0, 0.0, 10.0, 3.0], [6.5, 1.0, 9.0, 2.5]]).double()


def _mirrored(boxes, width):
    left, top, right, bottom = boxes.unbind(-1)
    return torch.stack([width - right, top, width - left, bottom], dim=-1)


def _unswapped(boxes, width):
    left, top, right, bottom = boxes.unbind(-1)
    return torch.stack([width - left, top, width - right, bottom], dim=-1)


mirror_boxes = Exercise(
    "mirror_boxes",
    cases=[
        Case(
            (_BOXES[:1], 10),
            _mirrored(_BOXES[:1], 10),
            "mirror_boxes([[1, 2, 4, 5]], 10)",
        ),
        Case((_BOXES, 10), _mirrored(_BOXES, 10), "mirror_boxes of three boxes"),
        Case((_BOXES, 12), _mirrored(_BOXES, 12), "mirror_boxes in a wider picture"),
    ],
    mistakes={
        "the new left side lies right of the right one: the mirror swaps them": _unswapped,
        "boxes end where a pixel ends, not at its number: the mirror of 0 is the width itself": (
            lambda boxes, width: _mirrored(boxes, width - 1)
        ),
        "that is a mirror of up and down: left and right change here": (
            lambda boxes, width: _mirrored(boxes[..., [1, 0, 3, 2]], width)[..., [1, 0, 3, 2]]
        ),
        "nothing has moved": lambda boxes, width: boxes,
    },
)

_Y = torch.tensor([0, 1, 2, 1])
_PARTNER = torch.tensor([1, 2, 3, 0])
_CUT = torch.zeros(4, 2, 5, dtype=torch.bool)
_CUT[0, 0] = _CUT[1, :, :2] = _CUT[2, 1, 4] = True  # 5, 4, 1 and 0 of 10 pixels


def _labels(y, partner, cut, classes):
    kept = 1 - cut.double().mean((-2, -1))[:, None]
    own = F.one_hot(y, classes).double()
    return kept * own + (1 - kept) * own[partner]


cutmix_labels = Exercise(
    "cutmix_labels",
    cases=[
        Case(
            (_Y, _PARTNER, _CUT, 3),
            _labels(_Y, _PARTNER, _CUT, 3),
            "cutmix_labels of four pictures of 2 x 5 pixels",
        ),
        Case(
            (_Y, _PARTNER.flip(0), _CUT.roll(1, 0), 4),
            _labels(_Y, _PARTNER.flip(0), _CUT.roll(1, 0), 4),
            "cutmix_labels with other partners",
        ),
    ],
    mistakes={
        "the labels have not changed: the pixels of the partner bring its label with them": (
            lambda y, partner, cut, classes: F.one_hot(y, classes).double()
        ),
        "kept and cut have changed places: what is cut out belongs to the partner": (
            lambda y, partner, cut, classes: _labels(y, partner, ~cut, classes)
        ),
        "each picture has a rectangle of its own, so each needs a share of its own": (
            lambda y, partner, cut, classes: _labels(
                y, partner, cut.double().mean().expand(len(y), 1, 1), classes
            )
        ),
        "half of each is right for a rectangle of half the picture only: count the pixels": (
            lambda y, partner, cut, classes: _labels(
                y, partner, torch.full((len(y), 1, 1), 0.5), classes
            )
        ),
        "these are numbers of pixels: divide by how many the picture has": (
            lambda y, partner, cut, classes: _labels(y, partner, cut, classes) * cut[0].numel()
        ),
    },
)
