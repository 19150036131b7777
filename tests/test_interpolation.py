"""A bank between codes: where its examples lie, which rows it comes from, what it refuses."""

import math

import pytest
import torch
from test_autoencoder import SIZE, cpu, linear_autoencoder

from genaug_lessons import data
from genaug_lessons.augment import interpolation_bank
from genaug_lessons.data import Dataset, Leak
from genaug_lessons.models.autoencoder import Autoencoder


def two_lines():
    """Codes that tell rows and classes apart: class 0 on one line, class 1 on another."""
    x = torch.zeros(7, SIZE)
    x[:4, 0] = torch.tensor([0.0, 1.0, 2.0, 4.0])
    x[4:, 1] = torch.tensor([1.0, 2.0, 4.0])
    return Dataset(x, torch.tensor([0] * 4 + [1] * 3), 2, ids=torch.arange(7) + 10)


def identity():
    """An autoencoder whose code is the example and whose reconstruction is perfect."""
    model = linear_autoencoder(latent=SIZE).float()
    with torch.no_grad():
        for layer in (model.encoder[1], model.decoder[0]):
            layer.weight.copy_(torch.eye(SIZE))
            layer.bias.zero_()
    return model


def test_interpolation_bank_lies_on_the_lines_between_rows_of_one_class():
    bank = interpolation_bank(identity(), two_lines(), per_class=3000, generator=cpu())
    assert bank.y.tolist() == [0] * 3000 + [1] * 3000
    assert (bank.classes, bank.synthetic, bank.support) == (2, True, "real")
    first, second = bank.x[:3000, 0], bank.x[3000:, 1]
    assert (bank.x.sum(1) == torch.cat([first, second])).all()  # 0 on all other axes
    assert -2 <= first.min() < -1.7  # from 0, half of the line from 0 to 4 beyond
    assert 5.7 < first.max() <= 6
    assert -0.5 <= second.min() < -0.3
    assert 5.2 < second.max() <= 5.5


def test_weights_of_the_interpolation_are_uniform_and_the_two_rows_differ():
    two = two_lines()[[0, 1, 4, 5]]  # one pair in each class, at 0 and 1, and at 1 and 2
    for reach in (0.0, 0.5):
        bank = interpolation_bank(identity(), two, per_class=5000, reach=reach, generator=cpu())
        share = (bank.x[:5000, 0].sort().values + reach) / (1 + 2 * reach)
        exact = (torch.arange(5000) + 0.5) / 5000
        assert (share - exact).abs().max() < 2.2 / 5000**0.5  # Kolmogorov and Smirnov
    between = interpolation_bank(identity(), two_lines(), per_class=6000, generator=cpu())
    x = between.x[:6000, 0]  # without a row paired with itself, few lie exactly on one
    assert all((x == row).float().mean() < 0.001 for row in (1.0, 2.0, 4.0))


def test_every_pair_of_a_class_takes_its_turn():
    x = torch.eye(SIZE)[[0, 1, 2, 3, 3]]
    rows = Dataset(x, torch.tensor([0, 0, 0, 1, 1]), 2)
    bank = interpolation_bank(identity(), rows, per_class=6000, generator=cpu())
    used = (bank.x[:6000, :3] != 0).float()
    assert (used.sum(1) == 2).all()
    assert ((used.mean(0) - 2 / 3).abs() < 5 * math.sqrt(2 / 9 / 6000)).all()


def test_interpolation_bank_remembers_what_the_model_saw_and_what_it_lies_between():
    model = identity()
    model.seen = torch.tensor([3, 10])
    bank = interpolation_bank(model, two_lines(), per_class=2, generator=cpu())
    assert bank.ids.tolist() == [3, 10, 11, 12, 13, 14, 15, 16]
    model.seen = None
    assert interpolation_bank(
        model, two_lines(), per_class=2, generator=cpu()
    ).ids.tolist() == list(range(10, 17))
    bare = Dataset(two_lines().x, two_lines().y, 2)
    assert interpolation_bank(model, bare, per_class=2, generator=cpu()).ids is None


def test_interpolation_bank_follows_the_generator_and_needs_no_gradients():
    def bank(seed):
        return interpolation_bank(identity(), two_lines(), per_class=5, generator=cpu(seed)).x

    assert torch.equal(bank(0), bank(0))
    assert not torch.equal(bank(0), bank(1))
    assert not bank(0).requires_grad


def test_interpolation_bank_of_digits_is_pictures():
    digits = data.split(data.digits(), labels_per_class=2, draw=0).labelled.to("cpu")
    model = Autoencoder((1, 8, 8), hidden=(8,), latent=3, generator=cpu())
    bank = interpolation_bank(model, digits, per_class=4, generator=cpu())
    assert bank.shape == (1, 8, 8)
    assert bank.support == "unit"
    assert bank.y.bincount().tolist() == [4] * 10


def test_rows_that_cannot_be_interpolated_between_are_refused():
    def bank(of, per_class=2, **settings):
        return interpolation_bank(
            identity(), of, per_class=per_class, **{"generator": cpu(), **settings}
        )

    rows = two_lines()
    held_out = data.halves(Dataset(rows.x, rows.y, 2))[1]
    unlabelled = Dataset(rows.x, torch.full((7,), -1), 2)
    for wrong, said in (
        (lambda: bank(rows[:5]), "at least 2 rows of each class .* class 1 has 1"),
        (lambda: bank(rows[4:]), "at least 2 rows of each class .* class 0 has 0"),
        (lambda: bank(unlabelled), "data must be labelled throughout"),
        (lambda: bank(Dataset(rows.x)), "data must be labelled throughout"),
        (lambda: bank(held_out), "data must not be a test half"),
        (lambda: bank(rows, 0), "per_class must be at least 1, got 0"),
        (lambda: bank(rows, reach=-0.1), "reach must be at least 0, got -0.1"),
        (lambda: bank(data.ring().sample(9, generator=cpu())), r"shape \(6,\), got \(2,\)"),
    ):
        with pytest.raises(ValueError, match=said):
            wrong()
    with pytest.raises(Leak):
        bank(held_out)
