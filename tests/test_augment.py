"""Transforms against torchvision picture by picture; banks and mixing counted by the example."""

import itertools
import math
from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torchvision.transforms import InterpolationMode
from torchvision.transforms import functional as torchvision

from genaug_lessons.augment import (
    Affine,
    Augmented,
    Compose,
    Crop,
    CutMix,
    Erase,
    Flip,
    Mixup,
    Noise,
    PerClass,
    Transform,
    bank,
    labelled_by,
)
from genaug_lessons.data import Batch, Dataset
from genaug_lessons.ensemble import StackedData
from genaug_lessons.model import Model
from genaug_lessons.models.likelihoods import Gaussian
from genaug_lessons.models.vae import VAE
from genaug_lessons.nn import Dense
from genaug_lessons.random import generator, normal, uniform
from genaug_lessons.training import fit


def cpu(seed=0):
    return generator(seed, "cpu")


def pictures(*shape, seed=5):
    return uniform(shape, cpu(seed))


def affine(x, angle=0.0, right=0.0, down=0.0, scale=1.0):
    """Every picture of x changed alike."""
    n = len(x)
    shift = torch.tensor([[right, down]]).expand(n, 2)
    return Affine().apply(x, (torch.full((n,), angle), shift, torch.full((n,), scale)))


def close(found, exact, atol=1e-5):
    torch.testing.assert_close(found, exact, atol=atol, rtol=0)


# --- affine


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 5, 9), (1, 7, 4)])
def test_affine_is_that_of_torchvision_picture_by_picture(shape):
    transform, x = Affine(rotation=180, shift=3, scale=0.5), pictures(20, *shape)
    drawn = transform.draw(20, cpu(1))
    found = transform.apply(x, drawn)
    for row, (angle, shift, scale) in enumerate(zip(*drawn, strict=True)):
        exact = torchvision.affine(
            x[row],
            angle=-angle.item(),  # torchvision turns clockwise
            translate=shift.tolist(),
            scale=scale.item(),
            shear=[0.0, 0.0],
            interpolation=InterpolationMode.BILINEAR,
        )
        close(found[row], exact, atol=2e-4)


def test_affine_that_changes_nothing_returns_the_picture():
    x = pictures(4, 2, 5, 7)
    close(affine(x), x)
    close(Affine(rotation=0, shift=0, scale=0)(x, cpu()), x)


@pytest.mark.parametrize(("right", "down"), [(2, 0), (0, 1), (-1, 3), (-2, -1)])
def test_shift_by_whole_pixels_goes_right_and_down_and_leaves_black(right, down):
    x = pictures(3, 2, 5, 7)
    exact = torch.zeros_like(x)
    for row, column in itertools.product(range(5), range(7)):
        if 0 <= row - down < 5 and 0 <= column - right < 7:
            exact[..., row, column] = x[..., row - down, column - right]
    close(affine(x, right=float(right), down=float(down)), exact)


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_quarter_turns_of_a_square_are_counterclockwise_rotations(turns):
    x = pictures(3, 2, 6, 6)
    close(affine(x, angle=90.0 * turns), x.rot90(turns, (-2, -1)))


def test_scaling_by_three_shows_the_middle_enlarged():
    x = pictures(2, 1, 9, 9)
    close(affine(x, scale=3.0)[..., 1::3, 1::3], x[..., 3:6, 3:6])  # the pixels' centres


def test_affine_draws_are_even_over_their_ranges_and_differ_between_examples():
    n = 20_000
    angle, shift, scale = Affine(rotation=30, shift=2, scale=0.2).draw(n, cpu())
    for values, largest in ((angle, 30), (shift[:, 0], 2), (shift[:, 1], 2), (scale - 1, 0.2)):
        u = values / largest
        assert 0.99 < u.abs().max() <= 1 + 1e-6
        assert u.mean().abs() < 5 * u.std() / n**0.5
        assert (u.square().mean() - 1 / 3).abs() < 5 * u.square().std() / n**0.5
    assert len(angle.unique()) > 0.9 * n
    independent = torch.stack([angle, *shift.T, scale]).corrcoef() - torch.eye(4)
    assert independent.abs().max() < 5 / n**0.5


# --- flip, crop, noise, policies


def test_flip_mirrors_exactly_the_chosen_pictures():
    x, chosen = pictures(4, 2, 3, 5), torch.tensor([True, False, False, True])
    for vertical, axis in ((False, -1), (True, -2)):
        found = Flip(vertical=vertical).apply(x, (chosen,))
        assert torch.equal(found[chosen], x[chosen].flip(axis))
        assert torch.equal(found[~chosen], x[~chosen])


@pytest.mark.parametrize("p", [0.0, 0.3, 1.0])
def test_flip_chooses_with_its_probability(p):
    n = 10_000
    share = Flip(p).draw(n, cpu())[0].float().mean().item()
    assert abs(share - p) <= 5 * math.sqrt(p * (1 - p) / n)


def test_crop_cuts_the_window_out_of_the_padded_picture():
    x, corners = pictures(9, 2, 4, 6), torch.cartesian_prod(*2 * (torch.tensor([0, 2, 4]),))
    padded, found = F.pad(x, (2, 2, 2, 2)), Crop(2).apply(x, tuple(corners.T))
    for row, (top, left) in enumerate(corners.tolist()):
        assert torch.equal(found[row], padded[row, :, top : top + 4, left : left + 6])


def test_crop_draws_every_corner_equally_often():
    n = 18_000
    top, left = Crop(1).draw(n, cpu())
    counts = torch.bincount(3 * top + left, minlength=9)
    assert len(counts) == 9
    assert (counts - n / 9).abs().max() < 5 * math.sqrt(n / 9 * 8 / 9)
    x = pictures(3, 1, 4, 4)
    assert torch.equal(Crop(0)(x, cpu()), x)


def test_noise_has_its_standard_deviation_and_is_clipped():
    x, noise = pictures(3, 2, 4, 5), normal((3, 2, 4, 5), cpu(1))
    close(Noise(0.3).apply(x, (noise,)), (x + 0.3 * noise).clamp(0, 1))
    added = Noise(0.05)(torch.full((50, 1, 20, 20), 0.5), cpu()) - 0.5
    assert (added.square().mean() - 0.05**2).abs() < 5 * added.square().std() / 20_000**0.5
    assert torch.equal(Noise(0)(x, cpu()), x)


@pytest.mark.parametrize("transform", [Affine(), Flip(), Crop(), Noise()], ids=repr)
def test_transform_draws_for_each_example_and_works_on_stacks(transform):
    x = pictures(1, 3, 6, 7).repeat(30, 1, 1, 1)
    found = transform(x, cpu())
    assert found.shape == x.shape
    assert len(found.unique(dim=0)) > 1
    stacked = Batch(x.view(5, 6, 3, 6, 7), torch.arange(30).view(5, 6))
    changed = transform.on_batch(stacked, cpu())
    assert torch.equal(changed.x.flatten(0, 1), found)
    assert torch.equal(changed.y, stacked.y)


def test_policy_applies_its_transforms_in_order_to_pictures_and_to_batches():
    x, rng = pictures(6, 1, 4, 4), cpu(1)
    exact = Noise(0.2)(Crop(1)(x, rng), rng)
    policy, y = Compose([Crop(1), Noise(0.2)]), torch.arange(6)
    assert torch.equal(policy(x, cpu(1)), exact)
    assert torch.equal(policy.on_batch(Batch(x, y), cpu(1)).x, exact)
    with_labels = Compose([Flip(1), Mixup(6)]).on_batch(Batch(x, y), cpu(1))
    alone = Mixup(6).on_batch(Batch(x.flip(-1), y), cpu(1))
    assert with_labels.y.shape == (6, 6)
    torch.testing.assert_close(with_labels.y.sum(-1), alone.y.sum(-1))


# --- mixup


def test_mixup_blends_pixels_and_labels_in_the_same_proportion():
    y = torch.arange(12) % 5
    mixed = Mixup(5, alpha=1.0).on_batch(Batch(F.one_hot(y, 5).float(), y), cpu())
    close(mixed.x, mixed.y)
    assert (mixed.y > 0.01).sum(-1).max() == 2


def test_mixup_takes_every_example_as_a_partner_once():
    rows = torch.arange(20)
    weights = Mixup(20, alpha=1.0).on_batch(Batch(F.one_hot(rows, 20).float(), rows), cpu()).x
    partners = weights - weights.diag().diag() > 0
    assert partners.sum(0).max() == partners.sum(1).max() == 1
    close(weights.sum(1), torch.ones(20))


def test_mixup_never_blends_across_the_stack():
    y = torch.arange(4)[:, None].expand(4, 30)  # one label in each batch of the stack
    batch = Batch(F.one_hot(y, 4).float(), y)
    close(Mixup(4, alpha=1.0).on_batch(batch, cpu()).y, batch.x)


@pytest.mark.parametrize("alpha", [0.2, 1.0, 3.0])
def test_mixup_shrinks_the_variance_by_its_known_factor(alpha):
    stack, rows = 3000, 20
    y = torch.zeros(stack, rows, dtype=torch.int64)
    x = Mixup(2, alpha).on_batch(Batch(normal((stack, rows, 3), cpu()), y), cpu(1)).x
    squares = x.square().mean((1, 2))  # independent over the stack
    itself = 1 / rows  # chance of being one's own partner, which changes nothing
    exact = itself + (1 - itself) * (alpha + 1) / (2 * alpha + 1)
    assert abs(squares.mean() - exact) < 5 * squares.std() / stack**0.5


# --- mixing at a share


class Label(Transform):
    """Paints the picture in the number 1."""

    def draw(self, n, rng):
        return ()

    def apply(self, x, parameters):
        return torch.ones_like(x)


def painted(value, rows=50, stack=None):
    """Pictures that hold `value`, their label, and below it a quarter of their set's number."""
    x, y = torch.full((rows, 1, 2, 2), float(value)), torch.full((rows,), value)
    sets = [Dataset(x.index_fill(2, torch.tensor(1), k / 4), y, 2) for k in range(stack or 1)]
    return sets[0] if stack is None else StackedData(sets)


def owners(batch):
    """The number of the data set behind each picture of a stacked batch, (K, B)."""
    return (4 * batch.x[..., 0, 1, 0]).floor()


@pytest.mark.parametrize("stack", [None, 3])
@pytest.mark.parametrize(("share", "size"), [(0.0, 8), (0.25, 8), (0.5, 7), (0.33, 10), (1.0, 8)])
def test_share_of_every_batch_is_exactly_augmented(share, size, stack):
    data, synthetic = painted(0, stack=stack), painted(1, stack=stack)
    by_bank = Augmented(data, bank=synthetic, share=share)
    by_transform = Augmented(data, transform=Label(), share=share)
    for source in (by_bank, by_transform):
        for batch in itertools.islice(source.batches(size, cpu()), 10):
            values = batch.x[..., 0, 0, 0]
            assert values.shape == batch.y.shape == ((size,) if stack is None else (stack, size))
            assert (values.sum(-1) == round(share * size)).all()
            assert torch.equal(batch.y.float(), values if source is by_bank else 0 * values)
            if source is by_bank and stack:  # each member has its own rows and its own bank
                assert (owners(batch) == torch.arange(3)[:, None]).all()


class Lift(Transform):
    """Adds 10 to whatever it is given, pictures and all, and keeps count of the rows."""

    def __init__(self):
        self.rows = []

    def on_batch(self, batch, rng):
        self.rows.append(batch.y.shape[-1])
        return batch._replace(x=batch.x + 10 + uniform(batch.x.shape, rng, 0, 0.1))


@pytest.mark.parametrize("stack", [None, 3])
@pytest.mark.parametrize(("share", "size"), [(0.0, 8), (0.25, 8), (0.5, 7), (1.0, 8)])
def test_with_a_bank_the_transform_changes_the_whole_batch(share, size, stack):
    lift = Lift()
    data, synthetic = painted(0, stack=stack), painted(1, rows=20, stack=stack)
    source = Augmented(data, bank=synthetic, transform=lift, share=share)
    for batch in itertools.islice(source.batches(size, cpu()), 10):
        values = batch.x[..., 0, 0, 0]
        assert values.shape == batch.y.shape == ((size,) if stack is None else (stack, size))
        assert torch.equal(values.floor(), 10 + batch.y)  # each was changed, once
        assert (batch.y.sum(-1) == round(share * size)).all()  # and the share is the bank's
        if stack:
            assert (owners(batch) == 40 + torch.arange(3)[:, None]).all()
    assert lift.rows == [size] * 10


def test_a_bank_and_a_transform_are_the_one_after_the_other():
    data, synthetic = (
        Dataset(pictures(30, 1, 2, 2, seed=s), torch.arange(30) % 2, 2) for s in (1, 2)
    )
    both = Augmented(data, bank=synthetic, transform=[Lift(), Mixup(2)], share=0.25)
    mixed = Augmented(data, bank=synthetic, share=0.25)
    after = Augmented(mixed, transform=[Lift(), Mixup(2)], share=1.0)
    pairs = zip(both.batches(8, cpu()), after.batches(8, cpu()), strict=False)
    for found, exact in itertools.islice(pairs, 10):
        assert torch.equal(found.x, exact.x) and torch.equal(found.y, exact.y)
    assert torch.equal(both.ids, after.ids) and both.soft_labels and after.soft_labels
    assert both.parts() == [data, synthetic]


@pytest.mark.parametrize("extra", [{"bank": painted(1)}, {"transform": Flip()}], ids=str)
@pytest.mark.parametrize(
    ("share", "size", "message"),
    [
        (0.005, 64, "share must give at least one row of a batch of 64, got 0.005"),
        (0.5, 1, "share must give at least one row of a batch of 1, got 0.5"),
        (0.995, 64, "share must leave a real row in a batch of 64, got 0.995"),
        (0.8, 2, "share must leave a real row in a batch of 2, got 0.8"),
        (0.5, 0, "batch_size must be an integer of at least 1, got 0"),
    ],
)
def test_a_share_that_no_batch_of_this_size_can_have_is_refused_at_once(
    share, size, message, extra
):
    with pytest.raises(ValueError, match=message):
        Augmented(painted(0), share=share, **extra).batches(size, cpu())


@pytest.mark.parametrize("extra", [{"bank": painted(1)}, {"transform": Mixup(2)}], ids=str)
def test_share_of_nothing_leaves_the_batches_of_the_data_as_they_are(extra):
    data = Dataset(pictures(30, 1, 2, 2), torch.arange(30) % 2, 2)
    source = Augmented(data, share=0.0, **extra)
    pairs = zip(source.batches(8, cpu()), data.batches(8, cpu()), strict=False)
    for found, exact in itertools.islice(pairs, 10):
        assert torch.equal(found.x, exact.x) and torch.equal(found.y, exact.y)


@pytest.mark.parametrize("stack", [None, 3])
def test_labels_become_probabilities_beside_blended_ones(stack):
    plain = painted(1, stack=stack)
    mixed = Augmented(painted(0, stack=stack), transform=[Mixup(2), Flip()], share=0.5)
    for source in (
        mixed,
        Augmented(mixed, bank=plain, share=0.25),
        Augmented(plain, bank=mixed, share=0.25),
    ):
        batch = next(source.batches(8, cpu()))
        assert batch.y.shape[-2:] == (8, 2) and source.soft_labels
        close(batch.y[..., 1], batch.x[..., 0, 0, 0])
        close(batch.y.sum(-1), torch.ones(batch.y.shape[:-1]))


def test_data_without_labels_can_be_transformed():
    data = Dataset(pictures(10, 1, 2, 2))
    batch = next(Augmented(data, transform=Label(), share=0.5).batches(4, cpu()))
    assert batch.y is None
    assert (batch.x[:2] == 1).all() and (batch.x[2:] < 1).all()
    with pytest.raises(ValueError, match=r"data must be labelled .* Mixup blends the labels"):
        Augmented(data, transform=Mixup(2))


def test_augmented_data_know_what_they_are_made_of():
    real = Dataset(pictures(4, 1, 2, 2), torch.arange(4) % 2, 2, "unit", torch.arange(4))
    made = Dataset(real.x, real.y, 2, "unit", torch.tensor([7, 8]), synthetic=True)
    both = Augmented(real, bank=made)
    assert set(both.ids.tolist()) == {0, 1, 2, 3, 7, 8}
    assert (both.shape, both.classes, both.support, both.labelled) == ((1, 2, 2), 2, "unit", True)
    assert Augmented(real, transform=Flip()).ids.tolist() == [0, 1, 2, 3]
    test, unlabelled = Dataset(real.x, real.y, 2, held_out=True), replace(real, y=real.y - 1)
    assert not both.held_out
    for mixed in (Augmented(real, bank=test), Augmented(test, bank=real)):
        assert mixed.held_out and mixed.labelled
    for mixed in (Augmented(real, bank=unlabelled), Augmented(unlabelled, bank=real)):
        assert not mixed.labelled and not next(mixed.batches(4, cpu())).labelled


# --- banks


class Echo(Model):
    """Samples hold half their label, so that nobody can mistake one for another."""

    classes, support = 3, "unit"

    def __init__(self):
        super().__init__(2)
        self.anchor = nn.Parameter(torch.zeros(()))

    def sample(self, n, *, label, rng):
        return self.labels_for(n, label)[:, None].expand(n, 2) / 2


def test_bank_holds_equally_many_of_each_label_and_remembers_what_the_model_saw():
    model = Echo()
    model.seen = torch.tensor([3, 5])
    made = bank(model, per_class=4, rng=cpu())
    assert made.y.bincount().tolist() == [4, 4, 4]
    assert torch.equal(made.x[:, 0], made.y / 2)
    assert (made.classes, made.support) == (3, "unit")
    assert made.synthetic and made.ids.tolist() == [3, 5]
    assert made[:2].ids.tolist() == [3, 5]  # whatever part is used


def test_unconditional_model_is_refused_with_advice():
    with pytest.raises(ValueError, match=r"must be conditional.*PerClass"):
        bank(VAE(2, rng=cpu()), per_class=3, rng=cpu())
    with pytest.raises(ValueError, match="per_class must be an integer of at least 1, got 0"):
        bank(Echo(), per_class=0, rng=cpu())


def test_a_bank_without_bounds_makes_the_mixture_unbounded():
    real = Dataset(torch.rand(8, 4), torch.zeros(8).long(), 2, "unit")
    free = Dataset(torch.randn(8, 4), torch.zeros(8).long(), 2, "real")
    assert Augmented(real, bank=free).support == Augmented(free, bank=real).support == "real"
    assert Augmented(real, bank=real).support == "unit"
    with pytest.raises(ValueError, match="support"):
        fit(VAE(4, classes=2, rng=cpu()), Augmented(real, bank=free), steps=1, rng=cpu())


@pytest.fixture
def per_class():
    rng = cpu()
    settings = dict(network=Dense(), latent=1, likelihood=Gaussian(), rng=rng)
    return PerClass(lambda: VAE(2, **settings), classes=3)


def test_samples_of_a_label_come_from_its_own_model(per_class):
    with torch.no_grad():
        for value, model in enumerate(per_class.models):
            model.decoder[-2].weight.zero_()
            model.decoder[-2].bias.fill_(value)
    label = torch.tensor([2, 0, 1, 1, 2])
    found = per_class.sample(5, label=label, rng=cpu())
    assert torch.equal(found, label[:, None].float().expand(5, 2))
    made = bank(per_class, per_class=2, rng=cpu())
    assert torch.equal(made.x[:, 0], made.y.float())


def test_rows_of_one_label_move_its_own_model_and_no_other(per_class):
    before = [[p.clone() for p in model.parameters()] for model in per_class.models]
    data = Dataset(normal((20, 2), cpu()), torch.ones(20, dtype=torch.int64), 3)
    training = fit(per_class, data, steps=3, rng=cpu(), show_progress=False)
    moved = [
        any(not torch.equal(*pair) for pair in zip(old, model.parameters(), strict=True))
        for old, model in zip(before, per_class.models, strict=True)
    ]
    assert moved == [False, True, False]
    assert set(training.losses()) == {"negative ELBO, class 1"}
    assert per_class.defaults["batch_size"] == 256  # shared out among the classes


def test_each_model_learns_the_centre_of_its_class(per_class):
    rng = cpu(1)
    y = torch.arange(300) % 3
    x = 3.0 * (y[:, None] - 1) + normal((300, 2), rng)
    settings = dict(steps=400, lr=0.03, rng=rng, show_progress=False)
    fit(per_class, Dataset(x, y, 3), **settings)
    made = bank(per_class, per_class=400, rng=rng)
    for label in range(3):
        found, rows = made.x[made.y == label].mean(0), x[y == label]
        assert ((found - rows.mean(0)).abs() < 5 * (2 / 400 + 1 / 100) ** 0.5).all()


def test_per_class_refuses_conditional_models_and_asks_for_labels(per_class):
    with pytest.raises(ValueError, match="must make unconditional models"):
        PerClass(lambda: VAE(2, classes=3, rng=cpu()), classes=3)
    with pytest.raises(ValueError, match="label must be given"):
        per_class.sample(3, rng=cpu())


def test_pool_gets_the_labels_that_the_model_gives_it_and_stays_real():
    class Sign:
        classes = 2

        def predict(self, x):
            return (x[:, 0] > 0.5).long()

    x = torch.randint(256, (10, 2), dtype=torch.uint8, generator=cpu())
    for pool in (
        Dataset(x, torch.full((10,), -1), 2, "unit", ids=torch.arange(10)),
        Dataset(x, support="unit"),
    ):
        unlabelled, found = pool.y, labelled_by(Sign(), pool)
        assert torch.equal(found.y, (x[:, 0] > 127).long()) and found.classes == 2
        assert torch.equal(found.ids, pool.ids) and not found.synthetic
        assert pool.y is unlabelled and (pool.y is None or (pool.y == -1).all())


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Augmented(painted(0)), "bank or transform must be given, got neither"),
        (lambda: Augmented(painted(0), transform=Flip(), share=1.5), r"share .*\[0, 1\], got 1.5"),
        (lambda: Augmented(painted(0), bank=painted(1, stack=2)), "bank must be stacked"),
        (
            lambda: Augmented(painted(0), bank=Dataset(torch.zeros(4, 2))),
            r"bank must look like the data: shape \(1, 2, 2\) and 2 classes, got \(2,\) and None",
        ),
        (
            lambda: Augmented(painted(0), transform=Mixup(3)),
            r"data must have 3 classes for Mixup\(classes=3.* got 2",
        ),
        (
            lambda: Augmented(painted(0), transform=[Flip(), [Mixup(2), CutMix(10)]]),
            r"data must have 10 classes for CutMix\(classes=10.* got 2",
        ),
        (
            lambda: Augmented(painted(0), bank=painted(1), transform=Mixup(3)),
            r"data must have 3 classes for Mixup\(classes=3.* got 2",
        ),
        (lambda: Affine(scale=1.0), r"scale must lie in \[0, 1\), got 1.0"),
        (lambda: Affine(rotation=-1.0), "rotation must be at least 0, got -1"),
        (lambda: Flip(1.2), r"p must lie in \[0, 1\], got 1.2"),
        (lambda: Crop(-1), "padding must be an integer of at least 0, got -1"),
        (lambda: Noise(-0.1), "std must be at least 0, got -0.1"),
        (lambda: Mixup(2, alpha=0), "alpha must be above 0, got 0"),
        (lambda: Affine()(torch.zeros(3, 8, 8), cpu()), "x must be pictures"),
        (lambda: Noise()(torch.zeros(3, 2), cpu()), "x must be pictures"),
        (lambda: Erase()(torch.zeros(3, 8, 8), cpu()), "x must be pictures"),
        (lambda: Crop().on_batch(Batch(torch.zeros(4, 3, 2)), cpu()), "batch must hold pictures"),
    ],
)
def test_bad_input_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
