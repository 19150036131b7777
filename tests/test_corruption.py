"""Corruptions: their noise by hand, their shares counted."""

import math

import pytest
import torch

from genaug_lessons.augment import Compose, GaussianNoise, Masking, SaltAndPepper
from genaug_lessons.data import Batch
from genaug_lessons.random import generator, normal, uniform


def cpu(seed=0):
    return generator(seed, "cpu")


def test_gaussian_noise_is_added_to_scale():
    x, noise = normal((2, 5, 4), cpu())
    torch.testing.assert_close(GaussianNoise(0.3).apply(x, (noise,)), x + 0.3 * noise)
    found = GaussianNoise(0.3)(torch.zeros(500, 200), cpu())
    assert abs(found.mean()) < 5 * 0.3 / found.numel() ** 0.5
    assert abs(found.std() - 0.3) < 5 * 0.3 / (2 * found.numel()) ** 0.5


@pytest.mark.parametrize("fraction", [0.0, 0.2, 1.0])
def test_masking_erases_the_fraction_and_keeps_the_rest(fraction):
    x = uniform((500, 20, 10), cpu(), 0.5, 1)
    found = Masking(fraction)(x, cpu(1))
    kept = found != 0
    n, tolerance = x.numel(), 5 * math.sqrt(fraction * (1 - fraction) / x.numel())
    assert torch.equal(found[kept], x[kept])
    assert abs(kept.sum() / n - (1 - fraction)) <= tolerance
    assert abs((found.mean() / x.mean()) - (1 - fraction)) <= 1.5 * tolerance
    assert fraction != 0.2 or (kept.sum((1, 2)).unique().numel() > 20)  # each example on its own


@pytest.mark.parametrize("fraction", [0.0, 0.3, 1.0])
def test_salt_and_pepper_sets_equal_shares_to_one_and_to_zero(fraction):
    x = uniform((500, 200), cpu(), 0.25, 0.75)
    found = SaltAndPepper(fraction)(x, cpu(1))
    salt, pepper = found == 1, found == 0
    assert torch.equal(found[~(salt | pepper)], x[~(salt | pepper)])
    tolerance = 5 * math.sqrt(fraction / 2 * (1 - fraction / 2) / x.numel())
    for share in (salt.sum() / x.numel(), pepper.sum() / x.numel()):
        assert abs(share - fraction / 2) <= tolerance
    if fraction == 1:
        assert (salt | pepper).all()


def test_corruption_by_hand_follows_the_noise():
    x, u = torch.full((1, 4), 0.5), torch.tensor([[0.0, 0.15, 0.25, 0.9]])
    assert Masking(0.2).apply(x, (u,)).tolist() == [[0, 0, 0.5, 0.5]]
    assert SaltAndPepper(0.2).apply(x, (u,)).tolist() == [[0, 1, 0.5, 0.5]]


def test_corruptions_in_turn_take_their_noise_one_after_the_other():
    x, rng = uniform((30, 4), cpu()), cpu(1)
    both = Compose([GaussianNoise(0.3), Masking(0.2)])
    first = GaussianNoise(0.3).apply(x, (normal((30, 4), rng),))
    exact = Masking(0.2).apply(first, (uniform((30, 4), rng),))
    assert torch.equal(both(x, cpu(1)), exact)
    assert torch.equal(both.on_batch(Batch(x), cpu(1)).x, exact)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: GaussianNoise(-0.1), "std must be at least 0, got -0.1"),
        (lambda: GaussianNoise(float("nan")), "std must be at least 0, got nan"),
        (lambda: Masking(-0.1), r"fraction must lie in \[0, 1\], got -0.1"),
        (lambda: Masking(1.5), r"fraction must lie in \[0, 1\], got 1.5"),
        (lambda: SaltAndPepper(1.5), r"fraction must lie in \[0, 1\], got 1.5"),
    ],
)
def test_noise_out_of_range_is_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        wrong()
