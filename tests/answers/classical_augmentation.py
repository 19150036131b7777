"""Answers to the exercises of lesson 01."""

import numpy as np
import torch
from torch.nn import functional as F

from genaug_lessons.exercises import classical_augmentation as check


def brightened(x, factors):
    return (x * factors[:, None, None, None]).clamp(0, 1)


def brightened_by_loop(x, factors):
    return torch.stack([p * v for p, v in zip(x, factors, strict=True)]).clamp(max=1)


def brightened_by_numpy(x, factors):
    return np.clip(x.numpy() * factors.numpy().reshape(-1, 1, 1, 1), 0, 1)


def brightened_in_place(x, factors):
    for picture, factor in zip(x, factors, strict=True):
        picture.mul_(factor).clamp_(0, 1)
    return x


def mirrored(boxes, width):
    left, top, right, bottom = boxes.unbind(-1)
    return torch.stack([width - right, top, width - left, bottom], -1)


def mirrored_by_corners(boxes, width):
    ends = width - boxes[:, [2, 0]]
    return torch.stack([ends[:, 0], boxes[:, 1], ends[:, 1], boxes[:, 3]], 1)


def mirrored_by_loop(boxes, width):
    return [[width - r, top, width - left, bottom] for left, top, r, bottom in boxes.tolist()]


def mirrored_by_matrix(boxes, width):
    turn = torch.tensor([[0.0, 0, -1, 0], [0, 1, 0, 0], [-1, 0, 0, 0], [0, 0, 0, 1]])
    return boxes @ turn + torch.tensor([width, 0.0, width, 0.0])


def mirrored_in_place(boxes, width):
    old = boxes.clone()
    boxes[:, 0], boxes[:, 2] = width - old[:, 2], width - old[:, 0]
    return boxes


def mirrored_about_the_middle(boxes, width):
    boxes = boxes.numpy()
    centre, half = (boxes[:, 0] + boxes[:, 2]) / 2, (boxes[:, 2] - boxes[:, 0]) / 2
    left = width - centre - half
    return np.stack([left, boxes[:, 1], left + 2 * half, boxes[:, 3]], axis=1)


def overwritten(boxes, width, first, second):
    boxes = boxes.clone()
    boxes[:, first] = width - boxes[:, second]
    boxes[:, second] = width - boxes[:, first]
    return boxes


def sides(boxes, left, right):
    return torch.stack([left, boxes[:, 1], right, boxes[:, 3]], 1)


def labels_of_the_lesson(y, partner, cut, classes):
    one_hot = F.one_hot(y, classes).float()
    kept = 1 - cut.float().mean((-2, -1))[:, None]
    return kept * one_hot + (1 - kept) * one_hot[partner]


def cutmix(y, partner, kept, classes):
    own = F.one_hot(y, classes).double()
    return kept[:, None] * own + (1 - kept[:, None]) * own[partner]


def cutmix_by_pixels(y, partner, cut, classes):
    labels = torch.where(cut, y[partner][:, None, None], y[:, None, None])
    return F.one_hot(labels, classes).double().mean((1, 2))


def cutmix_by_loop(y, partner, cut, classes):
    rows = [[0.0] * classes for _ in y]
    for row, label, other, mask in zip(rows, y, y[partner], cut, strict=True):
        share = mask.sum().item() / mask.numel()
        row[label] += 1 - share
        row[other] += share
    return rows


def cutmix_by_scatter(y, partner, cut, classes):
    share = cut.flatten(1).float().mean(1, keepdim=True)
    blank = torch.zeros(len(y), classes)
    blank = blank.scatter_add(1, y[:, None], 1 - share)
    return blank.scatter_add(1, y[partner][:, None], share)


def cutmix_by_einsum(y, partner, cut, classes):
    eye = np.eye(classes)
    share = cut.numpy().mean(axis=(1, 2))
    return np.einsum("b,bk->bk", 1 - share, eye[y]) + np.einsum("b,bk->bk", share, eye[y[partner]])


def cutmix_by_assignment(y, partner, cut, classes, own_last=False):
    out, row = torch.zeros(len(y), classes), torch.arange(len(y))
    share = cut.float().mean((1, 2))
    if own_last:
        out[row, y[partner]] = share
    out[row, y] = 1 - share
    if not own_last:
        out[row, y[partner]] = share
    return out


def share_goes_along(y, partner, cut, classes):
    share, own = cut.float().mean((1, 2))[:, None], F.one_hot(y, classes)
    return (1 - share) * own + (share * own)[partner]


def rows_as_labels(y, partner, cut, classes):
    share = cut.float().mean((1, 2))[:, None]
    return (1 - share) * F.one_hot(y, classes) + share * F.one_hot(partner, classes)


def kept(cut):
    return (~cut).double().mean((1, 2))


def own_share(y, partner, cut, classes):
    return cutmix(y, partner, torch.rand(len(y)), classes)


BANK = [
    (
        check.brighten,
        [
            brightened,
            brightened_by_loop,
            brightened_by_numpy,
            brightened_in_place,
            lambda x, f: (x * f.view(-1, 1, 1, 1)).clamp(0, 1),
            lambda x, f: torch.einsum("bchw,b->bchw", x, f).minimum(torch.ones(())),
            lambda x, f: (x.T * f).T.clamp(0, 1),
        ],
        [
            (lambda x, f: (x * f).clamp(0, 1), "each column got a factor of its own"),
            (lambda x, f: x * f, "each column got a factor of its own"),
            (lambda x, f: x * f[:, None], "each row got a factor of its own"),
            (lambda x, f: (x * f[:, None, None]).clamp(0, 1), "each channel got a factor"),
            (lambda x, f: (x * f[0]).clamp(0, 1), "all pictures got the first factor"),
            (lambda x, f: (x * f.mean()).clamp(0, 1), "all pictures got the same factor"),
            (lambda x, f: x * f[:, None, None, None], "values left the range"),
            (lambda x, f: x.clamp(0, 1) * f[:, None, None, None], "after the factor"),
            (lambda x, f: brightened(x, f.clamp(0, 1)), "the factor is clipped, too"),
            (lambda x, f: x + f[:, None, None, None], "should be"),
            (lambda x, f: (x + f[:, None, None, None]).clamp(0, 1), "this adds them"),
            (lambda x, f: x * f.view(-1, 1, 1, 1) / x.max(), "should be"),
            (
                lambda x, f: x * f.view(-1, 1, 1, 1) / (x * f.view(-1, 1, 1, 1)).max().clamp(1),
                "this rescales by the largest value",
            ),
            (lambda x, f: brightened(x, torch.tensor([0.5, 1.5])), "raises RuntimeError"),
            (lambda x, f: brightened(x, 2 * torch.rand(len(f))), "draw no random numbers"),
            (lambda x, f: brightened(x, f).mean(1), "the shape should be (2, 2, 2, 2)"),
            (lambda x, f: brightened(x, f)[:, 0], "the shape should be (2, 2, 2, 2)"),
            (lambda x, f: x * f[:, None, None, None, None], "the shape should be"),
            (lambda x, f: ..., "not written yet"),
        ],
    ),
    (
        check.mirror_boxes,
        [
            mirrored,
            mirrored_by_corners,
            mirrored_by_loop,
            mirrored_by_matrix,
            mirrored_in_place,
            mirrored_about_the_middle,
            lambda b, w: torch.where(torch.tensor([1, 0, 1, 0]) > 0, w - b[:, [2, 1, 0, 3]], b),
        ],
        [
            (lambda b, w: w - b[:, [0, 3, 2, 1]], "should be"),
            (lambda b, w: sides(b, w - b[:, 0], w - b[:, 2]), "the mirror swaps them"),
            (lambda b, w: overwritten(b, w, 0, 2), "the right side has not changed"),
            (lambda b, w: sides(b, w - b[:, 2], b[:, 2]), "the right side has not changed"),
            (lambda b, w: overwritten(b, w, 2, 0), "the left side has not changed"),
            (lambda b, w: b[:, [2, 1, 0, 3]], "still measured from the old edge"),
            (lambda b, w: mirrored_by_corners(b, w - 1), "the mirror of 0 is the width itself"),
            (
                lambda b, w: torch.stack([b[:, 0], w - b[:, 3], b[:, 2], w - b[:, 1]], 1),
                "a mirror of up and down",
            ),
            (lambda b, w: w - b[:, [2, 3, 0, 1]], "this mirrors both ways"),
            (lambda b, w: mirrored(b, w / 2), "not half of it"),
            (lambda b, w: sides(b, b[:, 2] - w, b[:, 0] - w), "should be"),
            (lambda b, w: b, "nothing has moved"),
            (lambda b, w: b.clone(), "nothing has moved"),
            (lambda b, w: mirrored_by_corners(b, 12), "in a wider picture should be"),
            (lambda b, w: mirrored(b, b.max()), "should be"),
            (lambda b, w: mirrored(b[:1], w), "mirror_boxes of three boxes should be"),
            (lambda b, w: mirrored(b.T[:, :4], w), "raises ValueError"),
            (lambda b, w: mirrored(b, w).T, "(4, 1): (1, 4) is asked for"),
            (lambda b, w: mirrored(b, w)[0], "in the shape (4,): (1, 4) is asked for"),
            (lambda b, w: ..., "not written yet"),
        ],
    ),
    (
        check.cutmix_labels,
        [
            labels_of_the_lesson,
            cutmix_by_pixels,
            cutmix_by_loop,
            cutmix_by_scatter,
            cutmix_by_einsum,
            lambda y, p, cut, k: cutmix(y, p, kept(cut), k),
            lambda y, p, cut, k: torch.lerp(
                torch.eye(k)[y], torch.eye(k)[y[p]], cut.float().mean((1, 2))[:, None]
            ),
        ],
        [
            (lambda y, p, cut, k: F.one_hot(y, k), "the labels have not changed"),
            (lambda y, p, cut, k: F.one_hot(y[p], k), "the partners' labels alone"),
            (lambda y, p, cut, k: cutmix(y, p, 1 - kept(cut), k), "have changed places"),
            (
                lambda y, p, cut, k: cutmix(y, p, kept(cut).mean().expand(len(y)), k),
                "each needs a share of its own",
            ),
            (lambda y, p, cut, k: cutmix(y, p, kept(cut)[:1], k), "the share of the first picture"),
            (
                lambda y, p, cut, k: cutmix(y, p, torch.full((len(y),), 0.5), k),
                "half of each is right",
            ),
            (
                lambda y, p, cut, k: cutmix_by_pixels(y, p, cut, k) * cut[0].numel(),
                "numbers of pixels",
            ),
            (lambda y, p, cut, k: cutmix(y, p, 1 - cut.sum((1, 2)) / 10, k), "labels agree should"),
            (cutmix_by_assignment, "overwrites the first: the shares add up"),
            (
                lambda y, p, cut, k: cutmix_by_assignment(y, p, cut, k, own_last=True),
                "overwrites its partner's: they add up",
            ),
            (rows_as_labels, "partner holds rows, not labels"),
            (share_goes_along, "a picture's share stays its own"),
            (lambda y, p, cut, k: cutmix(y, p.argsort(), kept(cut), k), "goes the other way"),
            (lambda y, p, cut, k: cutmix(y, y, kept(cut), k), "raises IndexError"),
            (lambda y, p, cut, k: cutmix(y, p.flip(0), kept(cut), k), "should be"),
            (lambda y, p, cut, k: cutmix(y, p, kept(cut).sqrt(), k), "should be"),
            (lambda y, p, cut, k: cutmix(y, p, kept(cut).round(), k), "should be"),
            (lambda y, p, cut, k: cutmix(y, p, kept(cut), 4), "the shape should be (4, 3)"),
            (lambda y, p, cut, k: cutmix_by_pixels(y, p, cut, k).argmax(1), "the shape should be"),
            (lambda y, p, cut, k: cutmix_by_pixels(y, p, cut, k).T, "transposed"),
            (lambda y, p, cut, k: cutmix_by_pixels(y, p, cut, k).sum(0), "the shape should be"),
            (lambda y, p, cut, k: cutmix_by_pixels(y, p, cut, k).log(), "some of it is infinite"),
            (own_share, "draw no random numbers of your own"),
            (lambda y, p, cut, k: ..., "not written yet"),
        ],
    ),
]
