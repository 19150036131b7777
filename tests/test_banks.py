"""Banks: how many of each label, from whose models, and which rows they remember."""

import pytest
import torch
from torch import nn

from genaug_lessons import data
from genaug_lessons.augment import Affine, Augmented, Flip
from genaug_lessons.banks import PerClass, bank, labelled_by, pseudo_labelled
from genaug_lessons.data import Dataset
from genaug_lessons.model import Model
from genaug_lessons.models.classifier import Classifier
from genaug_lessons.models.likelihoods import Gaussian
from genaug_lessons.models.vae import VAE
from genaug_lessons.nn import Dense
from genaug_lessons.random import generator, normal
from genaug_lessons.training import fit


def cpu(seed=0):
    return generator(seed, "cpu")


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


# --- pseudo-labels


@pytest.fixture(scope="module")
def digits():
    return data.split(data.digits(), labels_per_class=5, repeat=0)


def by_hand(split, rows, rng, **settings):
    teacher = Classifier(split.labelled.shape, classes=10, rng=rng, **settings)
    fit(teacher, rows, steps=30, rng=rng, show_progress=False)
    return teacher.predict(split.pool.values), normal((3,), rng)


def test_pseudo_labels_are_those_of_a_teacher_trained_on_the_few_with_affine(digits):
    varied = Augmented(digits.labelled, transform=Affine(), share=0.8)
    exact, after = by_hand(digits, varied, rng := cpu(3))
    found = pseudo_labelled(digits, steps=30, rng=(rng := cpu(3)))
    assert torch.equal(found.y, exact)
    assert torch.equal(normal((3,), rng), after)  # and not one draw more
    assert torch.equal(found.x, digits.pool.x) and torch.equal(found.ids, digits.pool.ids)
    assert found.classes == 10 and found.labelled and not found.synthetic
    assert (digits.pool.y == -1).all()


def test_the_teacher_may_learn_otherwise_and_look_otherwise(digits):
    flipped = Augmented(digits.labelled, transform=[Flip()], share=0.5)
    for rows, settings in ((digits.labelled, {"transform": None}), (flipped, {"share": 0.5})):
        settings = {"transform": [Flip()], **settings}
        exact, _ = by_hand(digits, rows, cpu(3), network=Dense(8, dropout=0.3))

        def small(shape, *, classes, rng):
            return Classifier(shape, classes=classes, network=Dense(8, dropout=0.3), rng=rng)

        found = pseudo_labelled(digits, steps=30, make_classifier=small, rng=cpu(3), **settings)
        assert torch.equal(found.y, exact)


def test_a_teacher_of_enough_steps_is_mostly_right(digits):
    found = pseudo_labelled(digits, steps=600, rng=cpu())
    truth = digits.candidates[torch.isin(digits.candidates.ids, digits.pool.ids)]
    assert torch.equal(truth.ids, found.ids)
    assert (found.y == truth.y).float().mean() > 0.75  # five of a class; a guess is right in 0.1


def test_points_get_pseudo_labels_without_a_transform_of_pictures():
    split = data.split(data.two_moons().sample(200, rng=cpu()), labels_per_class=5)
    found = pseudo_labelled(split, steps=20, transform=None, rng=cpu())
    assert set(found.y.tolist()) <= {0, 1} and len(found) == len(split.pool)
    with pytest.raises(ValueError, match="data must hold pictures"):
        pseudo_labelled(split, steps=20, rng=cpu())
    with pytest.raises(ValueError, match="steps must be an integer of at least 1, got 0"):
        pseudo_labelled(split, steps=0, transform=None, rng=cpu())
    with pytest.raises(ValueError, match=r"share must lie in \[0, 1\], got 1.5"):
        pseudo_labelled(split, steps=1, share=1.5, rng=cpu())
