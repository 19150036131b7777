"""Transforms that a stranger writes in a few lines, and what every transform promises."""

import itertools
import math
import random
from dataclasses import dataclass

import pytest
import torch
from kinds import named
from torchvision.transforms import v2

from genaug_lessons.augment import (
    Affine,
    Augmented,
    Brightness,
    Compose,
    Contrast,
    Crop,
    CutMix,
    Erase,
    ExampleTransform,
    Flip,
    GaussianNoise,
    Masking,
    Mixup,
    Noise,
    PerPicture,
    PictureTransform,
    RowTransform,
    SaltAndPepper,
    SignalTransform,
    Transform,
)
from genaug_lessons.data import Batch, Dataset
from genaug_lessons.ensemble import Ensemble, StackedData
from genaug_lessons.evaluate import Arm, study
from genaug_lessons.models.autoencoder import Autoencoder
from genaug_lessons.models.classifier import Classifier
from genaug_lessons.models.vae import VAE
from genaug_lessons.nn import Dense
from genaug_lessons.random import generator, normal, spawn, uniform
from genaug_lessons.training import fit

ROW, SIGNAL, PICTURE = (6,), (2, 10), (1, 6, 7)


class Roll(SignalTransform):
    """A signal starts somewhere else in its circle."""

    def draw(self, n, rng):
        return (uniform((n,), rng),)

    def apply(self, x, parameters):
        time = torch.arange(x.shape[-1], device=x.device)
        start = (parameters[0][:, None, None] * len(time)).long()
        return x.gather(-1, ((time + start) % len(time)).expand_as(x))


class Drop(RowTransform):
    """One value of each row is set to 0."""

    def draw(self, n, rng):
        return (uniform((n, 1), rng),)

    def apply(self, x, parameters):
        column = (parameters[0] * x.shape[-1]).long()
        return x.scatter(-1, column, 0.0)


class Volume(ExampleTransform):
    """Scans (C, D, H, W) are mirrored: a rank that the package has no name for."""

    rank = 4

    def draw(self, n, rng):
        return (uniform((n,), rng) < 0.5,)

    def apply(self, x, parameters):
        return torch.where(parameters[0].view(-1, 1, 1, 1, 1), x.flip(-1), x)


@dataclass(frozen=True)
class Smooth(Transform):
    """Labels are made less certain: a transform that changes no examples at all."""

    classes: int

    blends_labels = True

    def on_batch(self, batch, rng):
        hard = torch.nn.functional.one_hot(batch.y, self.classes).float()
        return batch._replace(y=0.9 * hard + 0.1 / self.classes)


# A transform, and the shape of the examples it is tried on.
PICTURES = (
    Affine(),
    Affine(shear=20.0),
    Flip(),
    Crop(),
    Noise(),
    Brightness(),
    Contrast(),
    Erase(p=0.9),
    PerPicture(v2.RandomAffine(30)),
    PerPicture(lambda picture: picture * random.random()),
    Compose([Flip(), [GaussianNoise(0.1), Erase()]]),
)
CORRUPTIONS = GaussianNoise(0.3), Masking(0.4), SaltAndPepper(0.4)
OF_EXAMPLES = (
    *((transform, PICTURE) for transform in PICTURES),
    *itertools.product(CORRUPTIONS, (ROW, SIGNAL, PICTURE)),
    (Roll(), SIGNAL),
    (Drop(), ROW),
    (Volume(), (1, 3, 4, 2)),
    (Compose([Roll(), Masking(0.2)]), SIGNAL),
    (Compose([GaussianNoise(0.1), Drop()]), ROW),
)
OF_LABELS = (Mixup(3), ROW), (Mixup(3), PICTURE), (CutMix(3), PICTURE), (Smooth(3), SIGNAL)


over_examples = pytest.mark.parametrize(("transform", "shape"), OF_EXAMPLES, ids=named)
over_all = pytest.mark.parametrize(("transform", "shape"), (*OF_EXAMPLES, *OF_LABELS), ids=named)


def cpu(seed=0):
    return generator(seed, "cpu")


def batch_of(shape, *front):
    """A batch, or a stack of them, of which no two examples are alike, with labels of 3."""
    x = uniform((*front, *shape), cpu(5), 0.1, 0.9)
    return Batch(x, torch.arange(math.prod(front)).view(front) % 3)


def rows(shape, n=24, seed=5):
    return Dataset(uniform((n, *shape), cpu(seed), 0.1, 0.9), torch.arange(n) % 3, 3, "unit")


# --- the contract


@over_all
def test_the_same_rng_changes_a_batch_the_same_way_and_nothing_else(transform, shape):
    batch = batch_of(shape, 20)
    before = Batch(batch.x.clone(), batch.y.clone())
    state, python = torch.get_rng_state(), random.getstate()
    first, again, other = (transform.on_batch(batch, cpu(seed)) for seed in (1, 1, 2))
    assert torch.equal(first.x, again.x) and torch.equal(first.y, again.y)
    changed = torch.cat([first.x.flatten(), first.y.flatten()])
    if not isinstance(transform, Smooth):
        assert not torch.equal(changed, torch.cat([other.x.flatten(), other.y.flatten()]))
    assert torch.equal(batch.x, before.x) and torch.equal(batch.y, before.y)
    assert torch.equal(torch.get_rng_state(), state) and random.getstate() == python


@over_all
@pytest.mark.parametrize("front", [(20,), (3, 20)], ids=named)
def test_shape_and_type_are_kept_and_labels_too_unless_it_says_that_it_blends_them(
    transform, shape, front
):
    batch = batch_of(shape, *front)
    found = transform.on_batch(batch, cpu())
    assert (found.x.shape, found.x.dtype) == (batch.x.shape, batch.x.dtype)
    if transform.blends_labels:
        assert found.y.shape == (*front, 3)
        torch.testing.assert_close(found.y.sum(-1), torch.ones(front))
    else:
        assert torch.equal(found.y, batch.y)
    if transform.keeps_range:
        assert -1e-4 <= found.x.min() and found.x.max() <= 1 + 1e-4


@over_examples
def test_examples_change_one_by_one_and_a_stack_as_they_do(transform, shape):
    stacked = batch_of(shape, 3, 20)
    x = stacked.x.flatten(0, 1)
    together = transform.on_batch(stacked, cpu()).x.flatten(0, 1)
    assert torch.equal(together, transform(x, cpu()))
    same = x[:1].expand(60, *shape).contiguous()  # one example, many draws
    assert len(transform(same, cpu()).unique(dim=0)) > 1
    drawn = transform.draw_for(x, cpu())
    assert torch.equal(transform.apply(x, drawn), together)
    if isinstance(transform, Compose):
        return
    for row in (0, 17, 59):  # what one example becomes does not depend on the others
        alone = transform.apply(x[row : row + 1], tuple(part[row : row + 1] for part in drawn))
        torch.testing.assert_close(alone[0], together[row], atol=1e-6, rtol=0)


@over_all
@pytest.mark.parametrize("stack", [None, 3])
def test_every_transform_works_at_a_share_on_data_and_on_stacks(transform, shape, stack):
    data = rows(shape) if stack is None else StackedData([rows(shape, seed=k) for k in range(3)])
    source = Augmented(data, transform=transform, share=0.5)
    assert source.support == ("unit" if transform.keeps_range else "real")
    assert source.soft_labels == transform.blends_labels
    batch, plain = (next(of.batches(12, cpu())) for of in (source, data))
    axis = 0 if stack is None else 1
    assert torch.equal(batch.x.narrow(axis, 6, 6), plain.x.narrow(axis, 6, 6))
    first = Batch(plain.x.narrow(axis, 0, 6), plain.y.narrow(axis, 0, 6))
    rng = cpu()
    next(data.batches(12, rng))  # the batch is drawn first, then the change
    assert torch.equal(batch.x.narrow(axis, 0, 6), transform.on_batch(first, rng).x)


@pytest.mark.parametrize(
    ("transform", "words"),
    [
        (Drop(), r"rows \(D,\)"),
        (Roll(), r"signals \(C, T\)"),
        (Flip(), r"pictures \(C, H, W\)"),
        (Volume(), "examples of 4 axes"),
        (Compose([Masking(0.1), Roll()]), r"signals \(C, T\)"),
    ],
    ids=named,
)
def test_data_of_another_rank_are_refused_when_the_transform_is_attached(transform, words):
    fits = {Drop: ROW, Roll: SIGNAL, Flip: PICTURE, Volume: (1, 3, 4, 2), Compose: SIGNAL}
    for shape in {ROW, SIGNAL, PICTURE, (1, 3, 4, 2)} - {fits[type(transform)]}:
        with pytest.raises(ValueError, match=f"data must hold {words}, got examples of shape"):
            Augmented(rows(shape), transform=transform)
        with pytest.raises(ValueError, match=r"x must be (a batch of |pictures)"):
            transform(rows(shape).x, cpu())
    with pytest.raises(ValueError, match=f"batch must hold {words}|x must be .*{words}"):
        transform.on_batch(Batch(torch.zeros(1)), cpu())


# --- a stranger's


def test_a_strangers_signal_starts_elsewhere_in_its_circle():
    x, drawn = torch.arange(20.0).view(1, 2, 10).expand(3, 2, 10), torch.tensor([0.0, 0.35, 0.99])
    found = Roll().apply(x, (drawn,))
    assert found[0, 0].tolist() == list(range(10))
    assert found[1, 0].tolist() == [3, 4, 5, 6, 7, 8, 9, 0, 1, 2]
    assert found[2, 1].tolist() == [19, *range(10, 19)]


def test_an_ensemble_learns_from_a_strangers_transform_in_a_stack():
    data = Augmented(StackedData([rows(SIGNAL, seed=k) for k in range(3)]), transform=Roll())
    models = [
        Classifier(SIGNAL, classes=3, network=Dense(8, dropout=0.3), rng=each)
        for each in spawn(cpu(), 3)
    ]
    training = fit(Ensemble(models), data, steps=3, rng=cpu(), show_progress=False)
    assert torch.tensor(training.losses()["cross-entropy"]).isfinite().all()


def test_a_transform_without_a_rank_or_without_on_batch_says_so():
    class Rankless(ExampleTransform):
        pass

    with pytest.raises(TypeError, match="Rankless has no rank: it must say how many axes"):
        Rankless().on_batch(batch_of(ROW, 4), cpu())
    with pytest.raises(TypeError, match="Transform changes no batches"):
        Transform().on_batch(batch_of(ROW, 4), cpu())
    Transform().check_data(rows(ROW))


# --- corruptions among the others


def test_a_corruption_and_a_picture_transform_take_turns_and_masks_follow_the_one_that_moves():
    x, mask = batch_of(PICTURE, 20).x, torch.arange(20 * 42).view(20, 6, 7)
    policy = Compose([Masking(0.3), Flip(), GaussianNoise(0.1)])
    rng, drawn = cpu(1), policy.draw_for(x, cpu(1))
    kept = uniform(tuple(x.shape), rng) >= 0.3
    chosen = uniform((20,), rng) < 0.5
    noise = 0.1 * normal(tuple(x.shape), rng)
    flipped = torch.where(chosen.view(-1, 1, 1, 1), (x * kept).flip(-1), x * kept)
    assert torch.equal(policy.apply(x, drawn), flipped + noise)
    exact = torch.where(chosen.view(-1, 1, 1), mask.flip(-1), mask)
    assert torch.equal(policy.apply_to_mask(mask, drawn), exact)
    boxes = torch.tensor([[[1.0, 2, 3, 4]]]).expand(20, 1, 4)
    moved, seen = policy.apply_to_boxes(boxes, drawn, (6, 7))
    assert seen.all() and torch.equal(moved, Flip().apply_to_boxes(boxes, drawn[1], (6, 7))[0])


def test_noise_without_bounds_takes_data_out_of_the_range_that_a_model_may_need():
    for transform in (GaussianNoise(0.1), [Flip(), GaussianNoise(0.1)]):
        noisy = Augmented(rows(PICTURE), transform=transform)
        with pytest.raises(ValueError, match='support "unit" for this model, got "real"'):
            fit(VAE(PICTURE, rng=cpu()), noisy, steps=1, rng=cpu())
    masked = Augmented(rows(PICTURE), transform=Masking(0.1))
    fit(VAE(PICTURE, rng=cpu()), masked, steps=1, rng=cpu(), show_progress=False)


def test_a_corruption_refuses_bytes():
    for change in (Masking(0.1), GaussianNoise(0.1), SaltAndPepper(0.1)):
        with pytest.raises(ValueError, match=r"x must hold floats, got torch.uint8"):
            change(torch.zeros(2, 3, dtype=torch.uint8), cpu())


def test_an_arm_of_a_study_takes_a_corruption():
    arms = [Arm("masking", transform=Masking(0.3)), Arm("both", transform=[Masking(0.3), Flip()])]
    made = {"make_classifier": small, "repeats": 2, "steps": 2, "show_progress": False}
    assert set(study(arms, **made).accuracies) == {"none", "masking", "both"}


def small(shape, *, classes, rng):
    return Classifier(shape, classes=classes, network=Dense(4, dropout=0.3), rng=rng)


class Recorded(PictureTransform):
    """Paints pictures white and counts them."""

    def __init__(self):
        self.rows = 0

    def draw(self, n, rng):
        self.rows += n
        return ()

    def apply(self, x, parameters):
        return torch.ones_like(x)


def autoencoder(corruption, shape=PICTURE, **settings):
    return Autoencoder(
        shape, network=Dense(8), latent=3, corruption=corruption, rng=cpu(), **settings
    )


@pytest.mark.parametrize(
    "corruption",
    [Erase(), [Erase(), Masking(0.2)], Compose([GaussianNoise(0.1), Flip()]), v2.RandomErasing(1)],
    ids=named,
)
def test_an_autoencoder_restores_what_any_transform_of_its_pictures_corrupted(corruption):
    model, batch = autoencoder(corruption), Batch(rows(PICTURE).x)
    corrupted = model.corruption.on_batch(batch, cpu(2)).x
    assert not torch.equal(corrupted, batch.x)
    [objective] = model.objectives()
    exact = model.reconstruction_loss(batch.x, corrupted).mean()
    assert torch.equal(objective.loss(batch, cpu(2)), exact)
    assert not torch.equal(objective.loss(batch, cpu(3)), exact)
    fit(model, rows(PICTURE), steps=2, rng=cpu(), show_progress=False)


def test_an_autoencoder_of_signals_takes_a_strangers_transform():
    model = autoencoder([Roll(), Masking(0.1)], SIGNAL)
    fit(model, rows(SIGNAL), steps=2, rng=cpu(), show_progress=False)


def test_the_initial_weights_and_the_global_state_do_not_depend_on_the_corruption():
    state = torch.get_rng_state()
    plain, erased = autoencoder(None), autoencoder([Erase(), GaussianNoise(0.1)])
    assert torch.equal(torch.get_rng_state(), state)
    for one, other in zip(plain.parameters(), erased.parameters(), strict=True):
        assert torch.equal(one, other)


def test_the_encoder_sees_what_is_corrupted_and_no_one_else():
    corruption = Recorded()
    model = autoencoder(corruption)
    before = corruption.rows
    fit(model, rows(PICTURE), steps=3, batch_size=8, rng=cpu(), show_progress=False)
    assert corruption.rows == before + 24
    model.reconstruct(rows(PICTURE).x)
    assert corruption.rows == before + 24


class Shrink(PictureTransform):
    """Cuts the last column off."""

    def draw(self, n, rng):
        return ()

    def apply(self, x, parameters):
        return x[..., :-1]


@pytest.mark.parametrize(
    ("corruption", "shape", "message"),
    [
        (Flip(), SIGNAL, r"corruption must fit examples of shape \(2, 10\): batch must hold pic"),
        (Roll(), ROW, r"corruption must fit examples of shape \(6,\): batch must hold signals"),
        ([Masking(0.1), Flip()], ROW, r"corruption must fit .*: batch must hold pictures"),
        (Mixup(3), PICTURE, r"corruption must leave labels alone, got Mixup"),
        ([Flip(), CutMix(3)], PICTURE, r"corruption must leave labels alone, got Compose"),
        (Crop(6), PICTURE, r"corruption must fit .*: padding must be below 6"),
        (Shrink(), PICTURE, r"corruption must keep the shape \(1, 6, 7\), got \(1, 6, 6\)"),
    ],
    ids=named,
)
def test_a_corruption_that_does_not_fit_is_refused_at_once(corruption, shape, message):
    with pytest.raises(ValueError, match=message):
        autoencoder(corruption, shape)


def test_a_corruption_of_pictures_needs_pictures_in_its_range():
    model = autoencoder(Erase(), loss="squared")
    wide = Dataset(10 * normal((20, *PICTURE), cpu()))
    with pytest.raises(ValueError, match=r"x must hold pictures in \[0, 1\], got values from"):
        fit(model, wide, steps=1, rng=cpu())
    model = autoencoder(GaussianNoise(1.0), loss="squared")
    fit(model, wide, steps=1, rng=cpu(), show_progress=False)
