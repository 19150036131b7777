"""A stranger's own network and likelihood, handed over as values, work wherever they should."""

import copy
import math

import pytest
import torch
from kinds import PICTURE, run, split, vae
from torch import nn
from torch.distributions import Laplace as LaplaceOfTorch

from genaug_lessons import data, evaluate
from genaug_lessons.data import Batch
from genaug_lessons.ensemble import Ensemble
from genaug_lessons.model import Generative, Objective
from genaug_lessons.models.classifier import Classifier
from genaug_lessons.models.gan import GAN
from genaug_lessons.models.likelihoods import Bernoulli, Gaussian
from genaug_lessons.models.vae import VAE
from genaug_lessons.nn import Conv, Dense, Net, linear, mlp, small_cnn
from genaug_lessons.random import generator, normal, spawn, uniform


def cpu(seed=0):
    return generator(seed, "cpu")


# --- a network


class Block(nn.Module):
    """x + f(x)."""

    def __init__(self, width, rng):
        super().__init__()
        self.inner = mlp((width, width, width), rng=rng)

    def forward(self, x):
        return x + self.inner(x)


class Residual:
    """Blocks of one width between two dense layers, without labels."""

    def __init__(self, width, blocks):
        self.width, self.blocks = width, blocks

    def encoder(self, shape, outputs, *, classes=None, rng):
        first = linear(math.prod(shape), self.width, rng=rng)
        blocks = [Block(self.width, rng) for _ in range(self.blocks)]
        return nn.Sequential(nn.Flatten(), first, *blocks, linear(self.width, outputs, rng=rng))

    def decoder(self, inputs, shape, *, classes=None, rng):
        back = self.encoder((inputs,), math.prod(shape), rng=rng)
        return nn.Sequential(*back, nn.Unflatten(1, shape))


def test_a_network_of_residual_blocks_works_in_a_vae():
    model = VAE(PICTURE, network=Residual(12, 2), latent=3, rng=cpu())
    training = run(model, split().pool.to("cpu"), 150)
    losses = training.losses()["negative ELBO"]
    assert sum(losses[-20:]) < sum(losses[:20])
    assert model.sample(5, rng=cpu()).shape == (5, *PICTURE)
    assert sum(isinstance(part, Block) for part in model.modules()) == 4


def test_a_network_of_residual_blocks_works_in_an_ensemble_and_in_a_study():
    def judge(shape, *, classes, rng):
        return Classifier(shape, classes=classes, network=Residual(12, 1), rng=rng)

    models = [judge(PICTURE, classes=10, rng=rng) for rng in spawn(generator(0), 2)]
    x = split().labelled.values
    together = Ensemble(models)(x.expand(2, *x.shape))
    for found, model in zip(together, models, strict=True):
        torch.testing.assert_close(found, model(x))
    result = evaluate.study(
        [evaluate.Arm.duplicates()],
        data=data.digits(),
        make_classifier=judge,
        repeats=2,
        steps=40,
        show_progress=False,
    )
    scores = next(iter(result.accuracies.values()))
    assert min(scores) > 0.15 and len(set(map(float, scores))) == 2


@pytest.mark.parametrize(
    "network", [Dense(5, 4, leak=0.2), Dense(), Dense(3, dropout=0.3, smooth=True), Conv(16, 8)]
)
def test_a_network_is_the_value_that_its_repr_says(network):
    again = eval(repr(network))
    assert again == network and hash(again) == hash(network)
    assert network not in (Dense(5, 4), Conv(16, 8, dropout=0.1), Dense(4, 5, leak=0.2))
    with pytest.raises(AttributeError):
        network.dropout = 0.5


def test_dense_and_conv_are_the_networks_of_their_sizes_with_the_same_draws():
    pairs = [
        (Dense(5, 4).encoder(PICTURE, 3, rng=cpu(1)), mlp((64, 5, 4, 3), rng=cpu(1))),
        (Dense(5, 4).decoder(3, PICTURE, rng=cpu(1)), mlp((3, 4, 5, 64), rng=cpu(1))),
        (
            Conv(4, 6).encoder(PICTURE, 3, rng=cpu(1)),
            small_cnn(PICTURE, 3, channels=(4, 6), rng=cpu(1)),
        ),
    ]
    for one, other in pairs:
        for mine, theirs in zip(one.parameters(), other.parameters(), strict=True):
            assert torch.equal(mine, theirs)


@pytest.mark.parametrize("network", [Dense(6), Conv(4, 6)])
def test_labels_enter_beside_flat_values_and_as_constant_planes(network):
    x, y = uniform((5, *PICTURE), cpu(1)), torch.tensor([2, 0, 1, 2, 2])
    z, one_hot = normal((5, 3), cpu(2)), torch.eye(3)[y]
    encoder = network.encoder(PICTURE, 2, classes=3, rng=cpu())
    planes = one_hot[:, :, None, None] * torch.ones(8, 8)
    shown = (
        torch.cat([x, planes], 1)
        if isinstance(network, Conv)
        else torch.cat([x.flatten(1), one_hot], 1)
    )
    torch.testing.assert_close(encoder(x, y), Net(*encoder)(shown))
    decoder = network.decoder(3, PICTURE, classes=3, rng=cpu())
    made = decoder(z, y)
    assert made.shape == (5, *PICTURE)
    torch.testing.assert_close(made, Net(*decoder)(torch.cat([z, one_hot], 1)))


def test_models_of_pictures_with_labels_draw_the_label_asked_for():
    y = torch.arange(64) % 2
    x = torch.where(y == 1, 0.9, 0.1)[:, None, None, None].expand(-1, *PICTURE)
    halves = data.Dataset(x.clone(), y, 10, support="unit")
    model = vae(cpu(), classes=10, network=Conv(4, 8))
    run(model, halves, 200, lr=1e-2)
    means = [model.sample(9, label=label, rng=cpu()).mean().item() for label in (0, 1)]
    assert means[0] < 0.3 and means[1] > 0.7


def test_a_network_that_drops_values_is_refused_where_nothing_drives_it():
    with pytest.raises(ValueError, match=r"network must be without dropout in this VAE, got Dense"):
        vae(cpu(), network=Dense(5, dropout=0.2))
    with pytest.raises(TypeError, match="network must be a value that makes modules"):
        VAE(4, network=vae(cpu()), rng=cpu())
    with pytest.raises(TypeError, match="discriminator must be a value that makes modules"):
        GAN(4, discriminator=Dense, rng=cpu())


# --- a likelihood


class Laplace:
    """Independent values with heavy tails, of scale 1."""

    support = "real"

    def outputs(self, shape):
        return shape

    def log_prob(self, x, out):
        return LaplaceOfTorch(out, 1.0).log_prob(x).flatten(1).sum(1)

    def mean(self, out):
        return out


def test_a_likelihood_of_heavy_tails_works_in_a_vae():
    x = normal((200, 3), cpu(1))
    model = VAE(3, likelihood=Laplace(), network=Dense(6), latent=2, rng=cpu())
    assert model.support == "real"
    z = normal((200, 2), cpu(2))
    exact = -(x - model.decode(z)).abs().sum(1) - 3 * math.log(2)
    torch.testing.assert_close(model.log_likelihood(x, z), exact)
    losses = run(model, data.Dataset(x + 5), 200, lr=1e-2).losses()["negative ELBO"]
    assert losses[-1] < losses[0] - 3
    assert model.sample(50, rng=cpu()).mean() > 3


def test_each_model_has_a_likelihood_of_its_own():
    shared = Gaussian()
    first, second = (VAE(2, likelihood=shared, network=Dense(4), rng=cpu()) for _ in range(2))
    run(first, normal((50, 2), cpu(1)), 3)
    assert shared.log_var == second.likelihood.log_var == 0 != first.likelihood.log_var
    assert "likelihood.log_var" in dict(first.named_parameters())
    assert VAE((1, 4, 4), rng=cpu()).support == Bernoulli().support == "unit"
    assert (
        VAE(2, rng=cpu()).support == VAE((2, 9), rng=cpu()).support == Gaussian().support == "real"
    )


# --- a model that samples


class Dice(Generative):
    """Throws of a die for each label, with a setting of its own for how many are added."""

    def __init__(self):
        super().__init__(1, classes=2, support="real")
        self.faces = nn.Parameter(torch.tensor(6.0))

    def objectives(self):
        return [Objective("none", [self.faces], lambda batch, rng: self.faces.square())]

    def _sample(self, n, labels, rng):
        assert not torch.is_grad_enabled() and not self.training
        throws = torch.randint(1, 7, (n, 1), generator=rng, device=rng.device)
        return throws + 10.0 * labels[:, None]


def test_a_family_says_how_it_samples_and_the_rest_is_checked():
    model = Dice().train()
    found = model.sample(4, label=torch.tensor([0, 1, 0, 1]), rng=cpu())
    assert (found[:, 0] > 10).tolist() == [False, True, False, True]
    for wrong, words in [
        ({"n": 0, "label": 1}, "n must be an integer of at least 1"),
        ({"n": 2}, "label must be given"),
        ({"n": 2, "label": 2}, "label must lie in 0 to 1"),
    ]:
        with pytest.raises(ValueError, match=words):
            model.sample(**wrong, rng=cpu())
    with pytest.raises(ValueError, match="rng must be on the device of the model"):
        copy.deepcopy(model).to("meta").sample(2, label=1, rng=cpu())
    assert model.label_of(Batch(found, torch.zeros(4))) is not None
