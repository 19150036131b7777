"""A bank between codes: where its examples lie, which rows it comes from, what it refuses."""

import math
from dataclasses import replace

import pytest
import torch
from test_autoencoder import SIZE, cpu, linear_autoencoder

from genaug_lessons import data
from genaug_lessons.banks import interpolation_bank
from genaug_lessons.data import Dataset, Leak
from genaug_lessons.models.autoencoder import Autoencoder
from genaug_lessons.nn import Dense


def two_lines():
    """Rows whose codes (`squaring`) lie on one line for class 0 and on another for class 1."""
    y, places = torch.tensor([0, 1, 0, 0, 1, 1, 0]), torch.tensor([0.0, 1, 2, 4, 2, 4, 1])
    x = torch.zeros(7, SIZE)
    x[torch.arange(7), y] = places.sqrt()
    return Dataset(x, y, 2, ids=torch.arange(7) + 10)


def squaring():
    """An autoencoder whose code z is the square of the example, and which decodes it as z |z|."""
    model = linear_autoencoder(latent=SIZE).float()
    model.encode, model.decode = torch.square, lambda z: z * z.abs()
    return model


def codes(bank):
    """What `squaring` decoded the bank from, (N, SIZE)."""
    return bank.x.sign() * bank.x.abs().sqrt()


def bank_of(of, per_class=2, *, model=None, seed=0, **settings):
    settings = {"per_class": per_class, "rng": cpu(seed), **settings}
    return interpolation_bank(model or squaring(), of, **settings)


def test_interpolation_bank_lies_on_the_lines_between_rows_of_one_class():
    bank = bank_of(two_lines(), 3000)
    assert bank.y.tolist() == [0] * 3000 + [1] * 3000
    assert (bank.classes, bank.synthetic, bank.support) == (2, True, "real")
    z = codes(bank)
    first, second = z[:3000, 0], z[3000:, 1]
    assert (z.sum(1) == torch.cat([first, second])).all()  # 0 on all other axes
    assert -2 <= first.min() < -1.7  # from 0, half of the line from 0 to 4 beyond
    assert 5.7 < first.max() <= 6
    assert -0.5 <= second.min() < -0.3
    assert 5.2 < second.max() <= 5.5


def test_weights_of_the_interpolation_are_uniform_and_the_two_rows_differ():
    two = two_lines()[[1, 6, 4, 0]]  # one pair in each class, at 0 and 1, and at 1 and 2
    for reach in (0.0, 0.3):
        z = codes(bank_of(two, 5000, reach=reach))
        share = (z[:5000, 0].sort().values + reach) / (1 + 2 * reach)
        exact = (torch.arange(5000) + 0.5) / 5000
        assert (share - exact).abs().max() < 2.2 / 5000**0.5  # Kolmogorov and Smirnov
    z = codes(bank_of(two_lines(), 6000))[:6000, 0]
    # Without a row paired with itself, few lie exactly on one.
    assert all((z == row).float().mean() < 0.001 for row in (1.0, 2.0, 4.0))


def test_every_pair_of_a_class_is_as_likely_and_has_one_weight():
    x = torch.eye(SIZE)[[0, 1, 2, 3, 4, 4]]
    between = codes(bank_of(Dataset(x, torch.tensor([0, 0, 0, 0, 1, 1]), 2), 6000))[:6000]
    used = (between != 0).float()
    assert (used.sum(1) == 2).all()
    together = used.T @ used / 6000  # 1/6 for each of the six pairs
    pairs = together[:4, :4][~torch.eye(4, dtype=torch.bool)]
    assert ((pairs - 1 / 6).abs() < 5 * math.sqrt(1 / 6 * 5 / 6 / 6000)).all()
    torch.testing.assert_close(between.sum(1), torch.ones(6000))  # weight and 1 - weight


def test_interpolation_bank_remembers_what_the_model_saw_and_what_it_lies_between():
    model = squaring()
    model.seen = torch.tensor([3, 10])
    between = list(range(10, 17))
    assert bank_of(two_lines(), model=model).ids.tolist() == [3, *between]
    assert bank_of(two_lines()).ids.tolist() == between
    bare = Dataset(two_lines().x, two_lines().y, 2)
    own = set(bare.ids.tolist())
    assert set(bank_of(bare, model=model).ids.tolist()) == {3, 10} | own
    assert set(bank_of(bare).ids.tolist()) == own


def test_interpolation_bank_follows_the_generator_and_needs_no_gradients():
    first, again, other = (bank_of(two_lines(), 5, seed=seed).x for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert not first.requires_grad


def test_interpolation_bank_of_digits_is_pictures():
    digits = data.split(data.digits(), labels_per_class=2, repeat=0).labelled.to("cpu")
    narrow = replace(digits, x=(255 * digits.x[..., 1:7]).byte())  # in bytes
    model = Autoencoder((1, 8, 6), network=Dense(8), latent=3, rng=cpu())
    bank = bank_of(narrow, 4, model=model)
    assert bank.shape == (1, 8, 6)
    assert bank.support == "unit"
    assert bank.y.bincount().tolist() == [4] * 10


def test_rows_that_cannot_be_interpolated_between_are_refused():
    rows = two_lines()
    held_out = data.halves(Dataset(rows.x, rows.y, 2))[1]
    unlabelled = Dataset(rows.x, torch.full((7,), -1), 2)
    for wrong, said in (
        (lambda: bank_of(rows[:4]), "at least 2 rows of each class .* class 1 has 1"),
        (lambda: bank_of(rows[4:6]), "at least 2 rows of each class .* class 0 has 0"),
        (lambda: bank_of(unlabelled), "data must be labelled throughout"),
        (lambda: bank_of(Dataset(rows.x)), "data must be labelled throughout"),
        (lambda: bank_of(held_out), "data must not be a test half"),
        (lambda: bank_of(rows, 0), "per_class must be an integer of at least 1, got 0"),
        (lambda: bank_of(rows, reach=-0.1), "reach must be at least 0, got -0.1"),
        (lambda: bank_of(rows, model=squaring().to("meta")), r"rng must .* model \(meta\)"),
        (lambda: bank_of(data.ring().sample(9, rng=cpu())), r"shape \(6,\), got \(2,\)"),
    ):
        with pytest.raises(ValueError, match=said):
            wrong()
    with pytest.raises(Leak):
        bank_of(held_out)
