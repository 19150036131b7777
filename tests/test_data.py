"""Data sets: their rows, splits, batches, exact densities, and files good and bad."""

import gzip
import math
import os
import pickle
import re
import runpy
import shutil
import struct
import subprocess
import sys
import time
from copy import deepcopy
from dataclasses import replace
from hashlib import blake2b
from itertools import islice

import numpy as np
import pytest
import tiny_data
import torch
from kinds import run, split
from scipy import stats
from sklearn.mixture import GaussianMixture

from genaug_lessons import augment, data, machine
from genaug_lessons.data import images
from genaug_lessons.models.classifier import Classifier
from genaug_lessons.models.vae import VAE
from genaug_lessons.nn import Dense
from genaug_lessons.random import generator

TOYS = {
    "ring": data.ring(),
    "grid": data.grid(),
    "spiral": data.spiral(),
    "two moons": data.two_moons(),
    "islands": data.islands(),
    "uneven": data.PlaneMixture(torch.tensor([[0.0, 1], [2, -1]]), 0.7, torch.tensor([0, 1])),
}
over_toys = pytest.mark.parametrize("toy", TOYS.values(), ids=TOYS)


def rows(count, classes=2):
    """Rows that tell their number: x = n, y = n mod classes."""
    number = torch.arange(count)
    return data.Dataset(number.float()[:, None], number % classes, classes, ids=number)


def numbers(dataset):
    return set(dataset.ids.tolist())


# data sets


def test_digits_are_scikit_learns_scaled_to_the_unit_interval():
    from sklearn.datasets import load_digits

    theirs, ours = load_digits(), data.digits()
    assert ours.x.dtype == torch.float32
    assert ours.shape == (1, 8, 8)
    assert np.array_equal(ours.x[:, 0].cpu() * 16, theirs.images)
    assert np.array_equal(ours.y.cpu(), theirs.target)
    assert (ours.classes, ours.support, len(numbers(ours))) == (10, "unit", 1797)


@pytest.mark.parametrize(
    "chosen", [slice(2, 5), torch.tensor([2, 3, 4]), torch.arange(9) // 3 * 3 == 3, [4, 2, 3]]
)
def test_rows_keep_their_label_and_their_id(chosen):
    found = rows(9)[chosen]
    assert torch.equal(found.x[:, 0].long(), found.ids)
    assert torch.equal(found.y, found.ids % 2)
    assert len(found) == 3


def test_one_row_is_a_data_set_of_one_row():
    for four in (4, np.int64(4), torch.tensor(4)):
        assert torch.equal(rows(9)[four].x, torch.tensor([[4.0]]))
        assert rows(9)[four].ids.tolist() == [4]
    assert [row.ids.item() for row in rows(3)] == [0, 1, 2]


def test_synthetic_rows_keep_all_the_ids_their_generator_saw():
    x, seen = torch.rand(3, 2), torch.arange(50)
    assert numbers(data.Dataset(x, ids=seen, synthetic=True)[:1]) == numbers(rows(50))


@pytest.mark.parametrize(
    ("support", "wrong"),
    [("real", math.nan), ("real", -math.inf), ("unit", 1.5), ("unit", -0.5), ("binary", 0.5)],
)
def test_one_wrong_value_in_the_last_row_is_found(support, wrong):
    x = torch.ones(4, 3)
    x[-1, -1] = wrong
    with pytest.raises(ValueError, match="x must"):
        data.Dataset(x, support=support)
    for label in (-2, 3):
        with pytest.raises(ValueError, match=f"y must hold labels from 0 to 2, .* {label}"):
            data.Dataset(x[:3], torch.tensor([1, 0, label]), 3)
    assert not data.Dataset(x[:3], torch.tensor([1, 0, -1]), 3).labelled


def test_a_part_of_a_test_half_is_a_test_half():
    assert split().test[:5].held_out
    assert split().test.to("cpu").held_out


# ids


def test_equal_rows_have_one_id_in_whatever_data_set_they_come():
    digits = data.digits()
    for other in (
        data.Dataset(digits.x.clone()),  # of another support, without labels
        data.Dataset(digits.x.flatten(1)),
        data.Dataset(digits.x.permute(1, 2, 3, 0).contiguous().permute(3, 0, 1, 2)),
        data.Dataset(digits.x.clone().requires_grad_()),
        data.Dataset(digits.x, synthetic=True),
        digits.to("cpu"),
    ):
        assert torch.equal(other.ids.cpu(), digits.ids.cpu())
    order = torch.arange(1797).flip(0)
    assert torch.equal(data.Dataset(digits.x[order]).ids, digits.ids.flip(0))
    assert torch.equal(digits[40:50].ids, data.digits().ids[40:50])


def test_ids_are_blake2b_of_the_rows_little_endian_floats():
    x = torch.tensor([[0.0, 0.2], [-0.0, 0.2], [1.0, 0.0]])
    exact = [
        int.from_bytes(
            blake2b(struct.pack("<2f", *row), digest_size=8).digest(), "little", signed=True
        )
        for row in ([0.0, 0.2], [0.0, 0.2], [1.0, 0.0])
    ]
    assert data.Dataset(x).ids.tolist() == exact
    assert data.Dataset(x).ids.device == x.device


def test_a_picture_in_bytes_and_in_floats_is_the_same_row():
    x = torch.arange(256, dtype=torch.uint8).view(64, 4)
    ids = data.Dataset(x, support="unit").ids
    assert len(ids.unique()) == 64
    for floats in (x / 255, x.float().div(255), torch.from_numpy(x.numpy() / 255).float()):
        assert torch.equal(data.Dataset(floats).ids, ids)


def test_rows_that_differ_in_one_bit_have_different_ids():
    x = torch.rand(5000, 784, generator=generator(0, "cpu"))
    near = x.clone()
    near[torch.arange(5000), torch.arange(5000) % 784] += 2**-20
    assert len(torch.cat([data.Dataset(x).ids, data.Dataset(near).ids]).unique()) == 10_000


def test_ids_are_made_when_asked_for_and_once(monkeypatch):
    module, asked = sys.modules[data.Dataset.__module__], []
    real = module.content_ids
    monkeypatch.setattr(module, "content_ids", lambda x: asked.append(len(x)) or real(x))
    points = data.Dataset(torch.rand(30, 2), torch.arange(30) % 2, 2)
    part = points[:10].to("cpu")
    next(points.batches(8, generator(0, "cpu")))
    source = augment.Augmented(points, bank=points)
    assert not asked
    assert torch.equal(part.ids, points.ids[:10])
    assert asked == [10, 30]
    assert torch.equal(points[5:].ids, replace(points, y=1 - points.y).ids[5:])
    assert len(source.ids) == 60
    assert asked == [10, 30]


def test_changed_rows_keep_the_ids_of_those_they_were_made_from():
    points = data.Dataset(torch.rand(4, 2))
    assert torch.equal(replace(points, x=points.x + 1).ids, points.ids)
    assert torch.equal(data.Dataset(points.x + 1, ids=torch.arange(4)).ids, torch.arange(4))


def test_ids_survive_pickling_and_copies():
    points = data.Dataset(torch.rand(4, 2), ids=torch.arange(4))
    for copy in (pickle.loads(pickle.dumps(points)), deepcopy(points)):
        assert torch.equal(copy.ids, points.ids)
    assert torch.equal(deepcopy(data.digits()).ids, data.digits().ids)


def test_sixty_thousand_pictures_get_their_ids_in_less_than_a_second():
    x = torch.randint(256, (60_000, 784), dtype=torch.uint8, generator=generator(0, "cpu"))
    start = time.process_time()
    assert len(data.Dataset(x, support="unit").ids) == 60_000
    assert time.process_time() - start < 1


# batches


@pytest.mark.parametrize(("count", "size"), [(12, 4), (14, 4), (5, 5)])
def test_a_pass_visits_every_row_at_most_once_and_leaves_out_less_than_a_batch(count, size):
    batches = data.row_batches(count, size, generator(0, "cpu"))
    passes = [torch.cat(list(islice(batches, count // size))) for _ in range(3)]
    for visited in passes:
        assert len(visited.unique()) == len(visited) == count // size * size
        assert visited.max() < count
    assert not torch.equal(passes[0], passes[1])


def test_every_row_left_out_of_a_pass_is_as_likely_to_be_in_the_next():
    passes, batches = 2000, data.row_batches(3, 2, generator(0, "cpu"))
    counts = torch.cat(list(islice(batches, passes))).bincount()
    share, error = 2 / 3, (2 / 9 / passes) ** 0.5
    assert ((counts / passes - share).abs() < 5 * error).all()


def test_too_few_rows_are_drawn_with_replacement_all_alike():
    batches = data.row_batches(3, 10, generator(0, "cpu"), stack=(2,))
    drawn = torch.stack(list(islice(batches, 300)))  # (300, 2, 10)
    agree = (drawn[:, 0] == drawn[:, 1]).double().mean().item()
    assert abs(agree - 1 / 3) < 5 * (2 / 9 / 3000) ** 0.5  # apart over the stack
    drawn = drawn.flatten(0, 1)
    counts, n = drawn.flatten().bincount(minlength=3), 6000
    assert ((counts / n - 1 / 3).abs() < 5 * (2 / 9 / n) ** 0.5).all()
    without_first = (drawn != 0).all(1).double().mean().item()  # (2/3)^10 of the batches
    share = (2 / 3) ** 10
    assert abs(without_first - share) < 5 * (share * (1 - share) / 600) ** 0.5


def test_stacked_batches_are_shuffled_apart():
    first = next(data.row_batches(50, 50, generator(0, "cpu"), stack=(4,)))
    assert torch.equal(first.sort().values, torch.arange(50).expand(4, 50))
    assert len({tuple(order) for order in first.tolist()}) == 4


def test_batches_hold_matching_rows_and_say_whether_all_are_labelled():
    batch = next(rows(20).batches(8, generator(0, "cpu")))
    assert torch.equal(batch.x[:, 0].long() % 2, batch.y)
    assert batch.labelled
    assert not next(split().pool.batches(4, generator(0))).labelled
    assert next(data.Dataset(torch.rand(4, 2)).batches(4, generator(0, "cpu"))).y is None


# splits


@pytest.mark.parametrize("labels_per_class", [1, 5, 20])
def test_a_split_parts_the_training_half_and_balances_the_labels(labels_per_class):
    found = data.split(data.digits(), labels_per_class=labels_per_class, repeat=3)
    labelled, pool, test = map(numbers, (found.labelled, found.pool, found.test))
    assert found.labelled.y.bincount().tolist() == [labels_per_class] * 10
    assert not labelled & pool
    assert not (labelled | pool) & test
    assert len(labelled | pool | test) == 1797
    assert (found.pool.y == -1).all()
    assert found.test.held_out
    assert not found.labelled.held_out
    assert not found.pool.held_out


def test_halves_are_stratified_and_always_the_same():
    train, test = data.halves(data.digits())
    gap = train.y.bincount() - test.y.bincount()
    assert gap.abs().max() <= 1
    assert numbers(test) == numbers(data.halves(data.digits())[1]) == numbers(split(7).test)
    assert torch.equal(train.x, data.digits().x[~torch.isin(data.digits().ids, test.ids)])


def test_draws_are_nested_and_repeatable_and_differ():
    few, more = (data.split(data.digits(), labels_per_class=n, repeat=2) for n in (3, 8))
    assert numbers(few.labelled) < numbers(more.labelled)
    assert numbers(few.with_labels(8)) == numbers(more.labelled)
    again = data.split(data.digits(), labels_per_class=3, repeat=2)
    assert numbers(again.labelled) == numbers(few.labelled)
    assert numbers(again.labelled) != numbers(split(1).with_labels(3))


def test_each_class_may_have_a_number_of_labels_of_its_own_nested_in_the_same_draw():
    wanted = [7, 5, 1, 9, 2, 5, 5, 5, 5, 3]
    few, even = (data.split(data.digits(), labels_per_class=n, repeat=2) for n in (wanted, 5))
    assert few.labelled.y.bincount().tolist() == wanted
    for label, n in enumerate(wanted):
        mine, fives = (part.labelled[part.labelled.y == label].ids for part in (few, even))
        assert torch.equal(mine[: min(n, 5)], fives[: min(n, 5)])
    more = few.with_labels(torch.tensor(wanted) + 2)
    assert numbers(few.labelled) < numbers(more)
    assert more.y.bincount().tolist() == [n + 2 for n in wanted]
    assert len(few.pool) + sum(wanted) == len(few.candidates)
    assert numbers(few.with_labels([5] * 10)) == numbers(even.labelled)


def test_every_training_row_is_as_likely_to_be_labelled():
    draws, few = 300, rows(20)  # 5 of each class are in the training half
    train = numbers(data.halves(few)[0])
    counts = torch.zeros(20)
    for draw in range(draws):
        counts[data.split(few, labels_per_class=2, repeat=draw).labelled.ids] += 1
    share = torch.tensor([0.4 if row in train else 0.0 for row in range(20)])
    error = (share * (1 - share) / draws).sqrt()
    assert ((counts / draws - share).abs() <= 5 * error).all()


def test_a_development_split_never_touches_the_test_half():
    reported = numbers(split().test)
    for draw in range(5):
        found = data.split(data.digits(), labels_per_class=5, repeat=draw, development=True)
        parts = [numbers(part) for part in (found.labelled, found.pool, found.test)]
        assert not set.union(*parts) & reported
        assert sum(map(len, parts)) == len(set.union(*parts)) == 1797 - len(reported)
        assert found.test.held_out


def test_a_development_split_leaves_a_test_set_of_its_own_alone():
    train, test = data.halves(data.digits())
    found = data.split(train, test, labels_per_class=5, repeat=0, development=True)
    assert not numbers(found.test) & numbers(test)
    given = data.split(train, replace(test, held_out=False), labels_per_class=5, repeat=0)
    assert numbers(given.test) == numbers(test)
    assert given.test.held_out


def own_digits(**settings):
    """The embedded digits as somebody else would bring them."""
    digits = data.digits()
    return data.Dataset(digits.x.clone(), digits.y.clone(), 10, **settings)


def judge(of, steps=1):
    model = Classifier(of.shape, classes=of.classes, network=Dense(4), rng=generator(0))
    run(model, of, steps)
    return model


def test_a_model_that_learnt_from_your_own_rows_may_not_be_scored_on_them():
    own = own_digits()
    for learnt in (own, data.split(own, labels_per_class=5, repeat=0).candidates):
        for test in (own, data.digits(), own_digits(support="unit")[:900]):
            with pytest.raises(data.Leak, match="the classifier has seen"):
                judge(learnt).accuracy(test)
    judge(data.split(own, labels_per_class=5, repeat=0).labelled).accuracy(split().test)


def test_your_own_test_set_is_guarded_as_well():
    own = own_digits()
    with pytest.raises(data.Leak, match="dataset must hold rows that are not in test: all 1797"):
        data.split(own, own_digits(), labels_per_class=5, repeat=0)
    found = data.split(own, own[300:700], labels_per_class=5, repeat=0)
    assert len(found.candidates) == 1397
    assert not numbers(found.candidates) & numbers(found.test)
    assert found.test.y.tolist() == own.y[300:700].tolist()
    judge(found.labelled).accuracy(found.test)
    with pytest.raises(data.Leak, match="has seen 100 of the 400 rows"):
        judge(own[:400]).accuracy(found.test)


def test_a_model_fitted_before_the_split_gives_leaks_away():
    own = own_digits(support="unit")
    for rows in (own, own.x):  # a data set, and a bare tensor
        vae = VAE((1, 8, 8), network=Dense(4), latent=2, rng=generator(0))
        run(vae, rows, 1)
        assert set(vae.seen.tolist()) == numbers(data.digits())


def test_a_bank_that_holds_test_rows_is_a_leak_although_nobody_kept_track():
    found = data.split(own_digits(), labels_per_class=5, repeat=0)
    stolen = data.Dataset(found.test.x[:70], found.test.y[:70], 10, synthetic=True)
    with pytest.raises(data.Leak, match="has seen 70 of"):
        judge(augment.Augmented(found.labelled, bank=stolen)).accuracy(found.test)


def test_rows_repeated_before_a_split_stay_on_one_side():
    few = data.digits()[:300]
    often = torch.randint(300, (900,), generator=generator(0, "cpu"))
    repeated = data.Dataset(few.x[often], few.y[often], 10)  # as random oversampling does
    found = data.split(repeated, labels_per_class=3, repeat=0)
    train, test = numbers(found.candidates), numbers(found.test)
    assert not train & test
    assert len(found.candidates) + len(found.test) == 900
    for side in (train, test):
        assert len(side) > 100
    again = data.halves(repeated)[1]
    assert torch.equal(again.x, found.test.x)
    judge(found.labelled).accuracy(found.test)


def test_equal_rows_with_different_labels_stay_on_one_side_too():
    x = torch.rand(40, 3).repeat(2, 1)
    found = data.halves(data.Dataset(x, torch.arange(2).repeat_interleave(40), 2))
    assert not numbers(found[0]) & numbers(found[1])
    assert len(found[0]) + len(found[1]) == 80


def test_a_split_of_different_rows_is_what_it_always_was():
    number, larger = torch.arange(31), (6, 5, 5)  # of 11, 10 and 10 rows
    y = number % 3
    order = torch.randperm(31, generator=torch.Generator().manual_seed(20260801))
    exact = {int(n) for label in range(3) for n in order[y[order] == label][: larger[label]]}
    plain = data.Dataset(number.float()[:, None], y, 3)
    train, test = data.halves(plain)
    assert test.x[:, 0].int().tolist() == sorted(exact)
    assert train.x[:, 0].int().tolist() == sorted({*range(31)} - exact)


def test_your_own_rows_get_ids_so_that_leaks_are_caught():
    points = data.two_moons().sample(100, rng=generator(0))
    first, again = (data.split(points, labels_per_class=9, repeat=draw) for draw in (0, 1))
    assert numbers(first.test) == numbers(again.test)
    model = Classifier(2, classes=2, network=Dense(4), rng=generator(0))
    run(model, first.labelled, 1)
    model.accuracy(again.test)
    with pytest.raises(data.Leak):
        model.accuracy(first.labelled)


def test_joined_data_hold_both_parts_row_for_row():
    labelled, pool = split().labelled, split().pool[:30]
    found = data.join(labelled, pool)
    assert torch.equal(found.x, torch.cat([labelled.x, pool.x]))
    assert torch.equal(found.y, torch.cat([labelled.y, pool.y]))
    assert torch.equal(found.ids, torch.cat([labelled.ids, pool.ids]))
    bare = data.join(own_digits(support="unit")[:3], data.Dataset(pool.x, support="unit"))
    assert torch.equal(bare.ids, torch.cat([data.digits().ids[:3], pool.ids]))
    assert not found.labelled
    assert data.join(labelled, split().test).held_out and not found.held_out
    assert data.join(split().test, pool).held_out


def test_a_pool_of_bytes_or_without_any_labels_can_be_joined():
    labelled = data.Dataset(torch.rand(4, 3), torch.tensor([0, 1, 0, 1]), 2, "unit")
    pixels = torch.tensor([[0, 51, 255]], dtype=torch.uint8)
    pool = data.Dataset(pixels, support="unit")
    found = data.join(labelled, pool)
    assert found.y.tolist() == [0, 1, 0, 1, -1]
    assert found.x[4].tolist() == pytest.approx([0, 0.2, 1])
    in_bytes = data.Dataset(pixels, torch.tensor([1]), 2, "unit")
    found = data.join(in_bytes, data.Dataset(labelled.x, support="unit"))
    assert torch.equal(found.x, torch.cat([pixels / 255, labelled.x]))
    assert data.join(in_bytes, pool).x.dtype == torch.uint8


# toys


def lattice(toy, step):
    extent = toy.centres.abs().max().item() + 6 * toy.std
    ticks = torch.arange(-extent, extent, step, dtype=torch.float64)
    return torch.cartesian_prod(ticks, ticks)


@over_toys
def test_densities_integrate_to_one(toy):
    step = toy.std / 2  # the rule of rectangles is exact to 1e-8 for Gaussians this smooth
    total = sum(part.exp().sum() for part in map(toy.log_density, lattice(toy, step).split(8192)))
    assert (total * step**2).item() == pytest.approx(1, abs=1e-6)


@over_toys
def test_densities_are_scikit_learns_mixture(toy):
    k, x = len(toy.centres), toy.sample(200, rng=generator(0)).x.double().cpu()
    theirs = GaussianMixture(k, covariance_type="spherical")
    theirs.weights_, theirs.means_ = np.full(k, 1 / k), toy.centres.double().numpy()
    theirs.covariances_ = np.full(k, toy.std**2)
    theirs.precisions_cholesky_ = np.full(k, 1 / toy.std)
    assert toy.log_density(x).numpy() == pytest.approx(theirs.score_samples(x.numpy()), abs=1e-9)


@over_toys
def test_scores_are_the_gradients_of_log_densities(toy):
    x = toy.sample(200, rng=generator(0)).x.double().mul(1.1).requires_grad_()
    (gradient,) = torch.autograd.grad(toy.log_density(x).sum(), x)
    torch.testing.assert_close(toy.score(x), gradient, rtol=1e-5, atol=1e-5)


@over_toys
def test_smoothing_is_adding_noise_of_its_own_variance(toy):
    smoothed, x = toy.smoothed(0.7), toy.sample(50, rng=generator(0)).x
    assert smoothed.std == pytest.approx(math.sqrt(toy.std**2 + 0.49))
    assert torch.equal(smoothed.centres, toy.centres)
    assert torch.equal(toy.smoothed(0.0).log_density(x), toy.log_density(x))


@over_toys
def test_samples_have_the_mean_and_covariance_of_the_mixture(toy):
    n = 20_000
    x = toy.sample(n, rng=generator(0)).x.double().cpu()
    centres = toy.centres.double()
    offset = x - centres.mean(0)
    products = offset[:, :, None] * offset[:, None, :]
    covariance = centres.T.cov(correction=0) + toy.std**2 * torch.eye(2)
    for found, exact in ((x, centres.mean(0)), (products, covariance)):
        assert ((found.mean(0) - exact).abs() <= 5 * found.std(0) / n**0.5).all()


@over_toys
def test_sampled_points_carry_the_class_of_a_component_nearby(toy):
    n = 3000
    points = toy.sample(n, rng=generator(0)).to("cpu")
    own = torch.stack(
        [
            torch.cdist(points.x, toy.centres[toy.labels == label]).min(1).values
            for label in range(points.classes)
        ]
    )
    assert own.gather(0, points.y[None]).max() < 6 * toy.std
    share = toy.labels.bincount() / len(toy.labels)
    error = (share * (1 - share) / n).sqrt()
    assert ((points.y.bincount() / n - share).abs() < 5 * error).all()


def test_distances_from_a_component_are_rayleighs():
    toy = data.PlaneMixture(torch.tensor([[0.0, 0], [90, 0]]), 0.3, torch.tensor([0, 1]))
    points = toy.sample(4000, rng=generator(0)).to("cpu")
    distance = (points.x - toy.centres[points.y]).norm(dim=1)
    assert stats.kstest(distance, stats.rayleigh(scale=0.3).cdf).pvalue > 1e-4


def test_rings_and_grids_lie_where_they_say():
    assert data.ring(4, radius=3.0).centres.tolist() == [
        pytest.approx(place, abs=1e-6) for place in ([3, 0], [0, 3], [-3, 0], [0, -3])
    ]
    assert data.grid(2, spacing=4.0).centres.tolist() == [[-2, -2], [-2, 2], [2, -2], [2, 2]]
    spiral = data.spiral(turns=1.25, radius=2.0)
    assert spiral.centres[[0, 150]].norm(dim=1).tolist() == pytest.approx([0.3, 0.3])
    assert spiral.centres[149].tolist() == pytest.approx([0, 2], abs=1e-5)  # counterclockwise
    assert spiral.centres[299].tolist() == pytest.approx([0, -2], abs=1e-5)


def test_toys_have_these_sizes_unless_told():
    for found, told in (
        (data.ring(), data.ring(8, 2.0, 0.1)),
        (data.grid(), data.grid(5, 1.0, 0.05)),
        (data.spiral(), data.spiral(1.5, 2.0, 0.1)),
        (data.two_moons(), data.two_moons(0.1)),
        (data.islands(), data.islands(9, 3.0, 0.3)),
    ):
        assert torch.equal(found.centres, told.centres) and found.std == told.std
    assert data.bars_and_stripes().shape == (1, 3, 3)


def test_moons_are_those_of_scikit_learn_around_the_origin():
    from sklearn.datasets import make_moons

    theirs, labels = make_moons(200, shuffle=False)
    toy, middle = data.two_moons(), torch.tensor([0.5, 0.25])
    torch.testing.assert_close(toy.centres + middle, torch.from_numpy(theirs).float())
    assert torch.equal(toy.labels, torch.from_numpy(labels))


def test_islands_lie_apart_and_the_small_one_is_as_rare_as_it_says():
    toy = data.islands(4, apart=2.0, std=0.1)
    points = toy.sample(5000, rng=generator(0)).to("cpu")
    assert torch.equal(points.y, (points.x[:, 0] > 0).long())
    assert points.y.double().mean().item() == pytest.approx(1 / 5, abs=5 * (0.16 / 5000) ** 0.5)
    assert toy.centres.unique(dim=0).tolist() == [[-1, 0], [1, 0]]


@pytest.mark.parametrize("side", [2, 3, 4])
def test_bars_stand_upright_and_stripes_lie_level_and_all_of_them_are_there(side):
    found = data.bars_and_stripes(side).to("cpu")
    assert (found.shape, found.support, found.classes) == ((1, side, side), "binary", 2)
    for label, axis in ((0, 1), (1, 2)):
        x = found.x[found.y == label][:, 0]
        assert torch.equal(x.amax(axis), x.amin(axis))  # along a bar nothing changes
        assert len(x) == len(x.unique(dim=0)) == 2**side
    counts = found.x.unique(dim=0, return_counts=True)[1]
    assert sorted(counts.tolist()) == [1] * (2 ** (side + 1) - 4) + [2, 2]


# files


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    return tiny_data.write(tmp_path_factory.mktemp("tiny"))


@pytest.fixture
def root(written, tmp_path, monkeypatch):
    """A tiny data root of the test's own, chosen by the environment."""
    shutil.copytree(written, tmp_path / "data")
    monkeypatch.setenv("GENAUG_DATA", str(tmp_path / "data"))
    return tmp_path / "data"


@pytest.fixture
def nowhere(tmp_path, monkeypatch):
    """No data root, an empty cache."""
    monkeypatch.delenv("GENAUG_DATA", raising=False)
    monkeypatch.setattr(images, "CACHE", tmp_path / "cache")
    return tmp_path / "cache"


def file_of(root, part="train-images-idx3"):
    return root / "MNIST" / "raw" / f"{part}-ubyte.gz"


def extract(root):
    for path in root.rglob("*.gz"):
        path.with_suffix("").write_bytes(gzip.decompress(path.read_bytes()))
        path.unlink()


@pytest.mark.parametrize("form", ["archives", "extracted", "read-only"])
def test_a_data_root_is_read_byte_for_byte(root, form):
    if form == "extracted":
        extract(root)
    if form == "read-only":
        for path in (*root.rglob("*"), root):
            path.chmod(0o555 if path.is_dir() else 0o444)
    x, y = tiny_data.pictures()
    train, test = data.mnist(), data.mnist(train=False)
    assert np.array_equal(train.x[:, 0].cpu(), x[:880])
    assert np.array_equal(train.y.cpu(), y[:880])
    assert np.array_equal(test.x[:, 0].cpu(), x[880:1790])
    assert (train.held_out, test.held_out) == (False, True)
    assert not numbers(train) & numbers(test)
    assert np.array_equal(data.fashion_mnist().x[:, 0].mT.cpu(), x[:880])
    assert not numbers(train) & numbers(data.fashion_mnist())
    for folder in root.rglob("*"):
        folder.chmod(0o755)


def test_tiny_data_hold_every_class_in_both_halves_and_can_be_learnt(root):
    train, test = data.load("mnist")
    assert train.y.bincount().min() > 50
    assert test.y.bincount().min() > 20
    model = Classifier(train.shape, classes=10, network=Dense(32, dropout=0.3), rng=generator(0))
    run(model, train, 150)
    assert model.accuracy(test) > 0.7


def test_pixels_stay_bytes_until_a_batch_is_drawn(root):
    train = data.mnist()
    batch = next(train.batches(50, generator(0)))
    pool = data.split(train, labels_per_class=5, repeat=0).pool
    assert train.x.dtype == pool.x.dtype == torch.uint8
    assert batch.x.dtype == torch.float32
    assert batch.x.max() <= 1
    assert torch.equal(train.values, train.x.float() / 255)
    assert torch.equal(next(train.batches(None, generator(0))).x, train.values)
    rounded = {tuple(row) for row in batch.x.mul(255).round().byte().flatten(1).tolist()}
    assert rounded <= {tuple(row) for row in train.x.flatten(1).tolist()}


@pytest.mark.parametrize("name", ["digits", "mnist", "fashion_mnist"])
def test_one_name_loads_training_rows_and_a_test_half(root, name):
    train, test = data.load(name)
    assert (train.held_out, test.held_out) == (False, True)
    assert not numbers(train) & numbers(test)
    if name != "digits":
        half = getattr(data, name)
        assert torch.equal(train.x, half().x) and torch.equal(test.x, half(train=False).x)


def test_what_can_be_reached_is_told(root):
    assert data.reachable() == {"digits": "embedded", "mnist": "ready", "fashion_mnist": "ready"}
    file_of(root).unlink()
    assert "must hold MNIST/raw/train-images-idx3-ubyte" in data.reachable()["mnist"]


def test_what_would_be_downloaded_is_told(nowhere):
    assert "downloaded, or set GENAUG_DATA" in data.reachable()["mnist"]


CORRUPT = {
    "not an archive": (lambda path: path.write_bytes(b"<html>404</html>"), "is corrupt"),
    "half an archive": (lambda path: path.write_bytes(path.read_bytes()[:200]), "is corrupt"),
    "damaged bytes": (
        lambda path: path.write_bytes(path.read_bytes()[:900] + path.read_bytes()[950:]),
        "is corrupt",
    ),
    "too few pixels": (
        lambda path: path.write_bytes(gzip.compress(gzip.decompress(path.read_bytes())[:-9])),
        "cut short or corrupt: 689920 bytes expected, got 689911",
    ),
    "half a header": (
        lambda path: path.write_bytes(gzip.compress(gzip.decompress(path.read_bytes())[:7])),
        "is not an IDX file of 3 dimensions",
    ),
    "nothing in it": (lambda path: path.write_bytes(gzip.compress(b"")), "is not an IDX file"),
    "labels for images": (
        lambda path: path.write_bytes(file_of(path.parents[2], "train-labels-idx1").read_bytes()),
        "is not an IDX file of 3 dimensions",
    ),
}


@pytest.mark.parametrize(("damage", "said"), CORRUPT.values(), ids=CORRUPT)
def test_a_corrupt_file_is_named(root, damage, said):
    damage(file_of(root))
    with pytest.raises(ValueError, match=said) as found:
        data.mnist()
    assert str(file_of(root)) in str(found.value)
    assert "fetch it again" in str(found.value)


def idx(*sizes, magic=2051, content=b""):
    return gzip.compress(struct.pack(f">{1 + len(sizes)}i", magic, *sizes) + content)


@pytest.mark.parametrize(
    ("sizes", "pixels", "said"),
    [
        ((880, 27, 27), 880 * 27 * 27, r"must hold pictures of \(28, 28\), got \[27, 27\]"),
        ((880, 28, 27), 880 * 28 * 27, r"must hold pictures of \(28, 28\), got \[28, 27\]"),
        ((880, 1, 784), 880 * 784, r"must hold pictures of \(28, 28\), got \[1, 784\]"),
        ((880, 0, 28), 0, r"must hold pictures of \(28, 28\), got \[0, 28\]"),
        ((-880, -28, 28), 880 * 784, r"must hold pictures of \(28, 28\), got \[-28, 28\]"),
        ((0, 28, 28), 0, "is cut short or corrupt: 0 bytes expected, got 0"),
        ((-1, 28, 28), 0, "is cut short or corrupt: -784 bytes expected, got 0"),
        ((2**22, 2**21, 2**21), 0, r"must hold pictures of \(28, 28\), got \[2097152, 2097152\]"),
        ((2**31 - 1, 28, 28), 784, f"{(2**31 - 1) * 784} bytes expected, got 784"),
    ],
)
def test_pictures_of_another_size_are_refused_and_the_file_is_named(root, sizes, pixels, said):
    file_of(root).write_bytes(idx(*sizes, content=bytes(pixels)))
    with pytest.raises(ValueError, match=said) as error:
        data.mnist()
    assert str(file_of(root)) in str(error.value) and "fetch it again" in str(error.value)


def test_no_archive_is_unpacked_beyond_the_size_of_mnist(root, monkeypatch):
    monkeypatch.setattr(images, "MOST_BYTES", 880 * 784 + 16)
    assert len(data.mnist()) == 880
    file_of(root).write_bytes(idx(1760, 28, 28, content=bytes(1760 * 784)))
    with pytest.raises(ValueError, match=f"{1760 * 784} bytes expected, got {880 * 784};"):
        data.mnist()


def test_images_and_labels_that_do_not_match_are_both_named(root):
    labels = file_of(root, "t10k-labels-idx1").read_bytes()
    file_of(root, "train-labels-idx1").write_bytes(labels)
    with pytest.raises(ValueError, match=r"holds 880 images but \S+ 910 labels"):
        data.mnist()


def test_a_data_root_that_is_no_folder_is_named(root, monkeypatch):
    monkeypatch.setenv("GENAUG_DATA", str(root / "elsewhere"))
    with pytest.raises(
        FileNotFoundError,
        match=r"GENAUG_DATA must name a folder that you may read, got .*elsewhere",
    ):
        data.mnist()


def test_a_tilde_in_the_name_of_a_data_root_is_the_home_directory(root, monkeypatch):
    monkeypatch.setenv("HOME", str(root.parent))
    monkeypatch.setenv("GENAUG_DATA", f"~/{root.name}")
    assert len(data.mnist()) == 880 and data.reachable()["mnist"] == "ready"


WITHOUT_A_HOME = """
import os, pathlib

def no_home(path):
    raise RuntimeError("Could not determine home directory.")

pathlib.Path.home = classmethod(no_home)
os.path.expanduser = lambda path: path
from genaug_lessons import data
assert len(data.digits()) == 1797
print(data.reachable()["mnist"])
try:
    data.mnist()
except FileNotFoundError as error:
    print(error)
"""


def test_without_a_home_directory_the_embedded_digits_work_and_mnist_says_what_to_do(monkeypatch):
    monkeypatch.delenv("GENAUG_DATA", raising=False)
    run = [sys.executable, "-c", WITHOUT_A_HOME]
    out = subprocess.run(run, capture_output=True, text=True, check=True).stdout.splitlines()
    assert len(out) == 2 and out[0] == out[1]
    assert "there is no home directory" in out[0] and "set GENAUG_DATA to a folder" in out[0]


@pytest.mark.parametrize(
    "name", ["MNIST", "MNIST/raw", "MNIST/raw/train-labels-idx1-ubyte.gz", "."]
)
def test_what_may_not_be_read_is_named(root, monkeypatch, name):
    allowed, closed = os.access, root / name
    monkeypatch.setattr(os, "access", lambda path, how: path != closed and allowed(path, how))
    said = f"{str(closed)!r} may not be read by you"
    with pytest.raises(PermissionError, match=re.escape(said)):
        data.mnist()
    states = data.reachable()
    assert said in states["mnist"]
    assert (states["fashion_mnist"] == "ready") == (name != ".")


@pytest.mark.parametrize("name", ["/nope", "x" * 5000])
def test_what_can_be_reached_is_told_even_of_a_data_root_that_is_not_there(monkeypatch, name):
    monkeypatch.setenv("GENAUG_DATA", name)
    said = f"GENAUG_DATA must name a folder that you may read, got {name!r}"
    assert data.reachable() == {"digits": "embedded", "mnist": said, "fashion_mnist": said}
    with pytest.raises(FileNotFoundError, match=re.escape(said)):
        data.mnist()


def test_what_a_data_root_lacks_is_told(root):
    file_of(root, "t10k-labels-idx1").unlink()
    states = data.reachable()
    assert "must hold MNIST/raw/t10k-images-idx3-ubyte" in states["mnist"]
    assert states["fashion_mnist"] == "ready"


def test_files_that_a_data_root_lacks_are_named(root):
    file_of(root, "t10k-labels-idx1").unlink()
    data.mnist()
    with pytest.raises(FileNotFoundError, match=r"MNIST/raw/t10k-images-idx3-ubyte.*labels-idx1"):
        data.mnist(train=False)


@pytest.mark.parametrize("error", [OSError("no route to host"), RuntimeError("Error downloading")])
def test_without_a_network_the_reader_is_told_what_to_do_instead(nowhere, monkeypatch, error):
    def refused(*_, **__):
        raise error

    monkeypatch.setattr("torchvision.datasets.MNIST", refused)
    with pytest.raises(ConnectionError, match=r"could not be downloaded") as found:
        data.mnist()
    for advice in (str(error), "data.digits()", "GENAUG_DATA", "MNIST/raw"):
        assert advice in str(found.value)


def test_a_download_goes_to_the_cache_once(nowhere, written, monkeypatch):
    calls = []

    def download(root, download):
        calls.append(shutil.copytree(written, root))

    monkeypatch.setattr("torchvision.datasets.FashionMNIST", download)
    monkeypatch.setenv("GENAUG_DATA", "")  # as good as unset
    assert len(data.fashion_mnist()) == 880
    data.fashion_mnist(train=False)
    assert calls == [nowhere]


def test_the_tool_says_how_to_use_what_it_wrote(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["tiny_data.py", str(tmp_path)])
    runpy.run_path(tiny_data.__file__, run_name="__main__")
    assert capsys.readouterr().out.strip() == f"export GENAUG_DATA={tmp_path}"
    assert len(list(tmp_path.rglob("*.gz"))) == 8


def test_data_live_on_the_device_that_was_chosen():
    for of in (data.digits(), data.bars_and_stripes()):
        assert of.device.type == machine.device().type
    assert os.environ.get("GENAUG_DEVICE", data.digits().device.type) == data.digits().device.type
