"""Every kind of trainable model, small, with data it learns from: what the contract runs over.

A new family adds one line to `KINDS` for each of its variants.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from operator import attrgetter
from typing import Any

import pytest
import torch
from torch import nn

from genaug_lessons import data
from genaug_lessons.augment import GaussianNoise, Masking
from genaug_lessons.banks import PerClass
from genaug_lessons.ensemble import Ensemble, StackedData
from genaug_lessons.model import Model, Objective
from genaug_lessons.models.autoencoder import Autoencoder
from genaug_lessons.models.classifier import Classifier
from genaug_lessons.models.dbn import DBN
from genaug_lessons.models.gan import GAN
from genaug_lessons.models.gmm import GaussianMixture
from genaug_lessons.models.likelihoods import Gaussian
from genaug_lessons.models.nce import EnergyModel, UniformNoise
from genaug_lessons.models.rbm import RBM
from genaug_lessons.models.score import ScoreNetwork
from genaug_lessons.models.vae import VAE
from genaug_lessons.nn import BatchNorm, Conv, Dense, linear
from genaug_lessons.random import generator, normal, spawn, uniform
from genaug_lessons.training import Training, fit

PICTURE = (1, 8, 8)


@cache
def split(draw: int = 0) -> data.Split:
    """Five labelled digits of each class, their pool and their test half."""
    return data.split(data.digits(), labels_per_class=5, repeat=draw)


@cache
def stacked() -> StackedData:
    """Labelled digits of three draws."""
    return StackedData([split(draw).labelled for draw in range(3)])


@cache
def joined() -> data.Dataset:
    """Labelled digits and some without labels."""
    return data.join(split().labelled, split().pool[:50])


@cache
def moons() -> data.Dataset:
    """200 points of the plane, 130 of one class and 70 of another, with ids."""
    points = data.two_moons().sample(400, rng=generator(0))
    first, second = ((points.y == label).nonzero()[:, 0] for label in range(2))
    uneven = points[torch.cat([first[:130], second[:70]]).sort().values]
    return replace(uneven, ids=3 * torch.arange(200, device=points.device).flip(0) + 7)


def classifier(rng: torch.Generator, shape=PICTURE, **settings) -> Classifier:
    """A small classifier of ten labels, without dropout unless asked for."""
    settings = {"network": Dense(16, 8), **settings}
    return Classifier(shape, classes=10, rng=rng, **settings)


def vae(rng: torch.Generator, shape=PICTURE, **settings) -> VAE:
    """A small VAE."""
    return VAE(shape, rng=rng, **{"network": Dense(16), "latent": 3, **settings})


def autoencoder(rng: torch.Generator, shape=PICTURE, **settings) -> Autoencoder:
    """A small autoencoder."""
    return Autoencoder(shape, rng=rng, **{"network": Dense(16), "latent": 3, **settings})


def gmm(rng: torch.Generator, shape=PICTURE, **settings) -> GaussianMixture:
    """A mixture of two Gaussians, or of two for each class."""
    return GaussianMixture(shape, components=2, rng=rng, **settings)


def gan(rng: torch.Generator, shape=PICTURE, **settings) -> GAN:
    """A small GAN."""
    settings = {
        "latent": 3,
        "generator": Dense(16, batch_norm=True),
        "discriminator": Dense(16, leak=0.2),
        **settings,
    }
    return GAN(shape, rng=rng, **settings)


def score_network(rng: torch.Generator, shape=PICTURE, **settings) -> ScoreNetwork:
    """A small score network of three levels of noise."""
    settings = {"network": Dense(16, smooth=True), "sigmas": (1.0, 0.4, 0.2), **settings}
    return ScoreNetwork(shape, rng=rng, **settings)


def energy_model(rng: torch.Generator, shape=PICTURE, noise=None, **settings) -> EnergyModel:
    """A small energy model that learns from noise in the unit box, or other noise."""
    noise = noise or UniformNoise(shape, 0.0, 1.0)
    return EnergyModel(
        shape, noise=noise, rng=rng, **{"network": Dense(16, smooth=True), **settings}
    )


def rbm(rng: torch.Generator, shape=PICTURE, **settings) -> RBM:
    """A small restricted Boltzmann machine."""
    return RBM(shape, 16, rng=rng, **settings)


def dbn(rng: torch.Generator, shape=PICTURE, **settings) -> DBN:
    """A small deep belief network."""
    return DBN(shape, (16, 12), rng=rng, **settings)


def ensemble(rng: torch.Generator, **settings) -> Ensemble:
    """Three small classifiers as one."""
    return Ensemble([classifier(each, **settings) for each in spawn(rng, 3)])


class LinearAutoencoder(Model):
    """A reader's own model: r(x) = V W x, written with einsum or with matrix products.

    With einsum, the gradients are laid out in memory differently from the weights.
    """

    def __init__(self, rng: torch.Generator, shape: int = 2, code: int = 3, einsum: bool = True):
        super().__init__(shape)
        self.einsum = einsum
        self.W = nn.Parameter(0.3 * normal((code, shape), rng))
        self.V = nn.Parameter(0.3 * normal((shape, code), rng))

    def reconstruct(self, x: torch.Tensor) -> torch.Tensor:
        """r(x), (B, D)."""
        if not self.einsum:
            return x @ self.W.T @ self.V.T
        z = torch.einsum("bd,zd->bz", x, self.W)
        return torch.einsum("bz,dz->bd", z, self.V)

    def objectives(self) -> list[Objective]:
        """The squared error of the reconstruction."""

        def loss(batch: data.Batch, rng: torch.Generator) -> torch.Tensor:
            return (self.reconstruct(batch.x) - batch.x).square().sum(1).mean()

        return [Objective("squared error", [self.W, self.V], loss)]


class Residual(nn.Module):
    """x + f(x), with normalisation before and within f."""

    def __init__(self, width: int, rng: torch.Generator):
        super().__init__()
        self.inner = nn.Sequential(
            nn.LayerNorm(width, device=rng.device),
            nn.Sequential(linear(width, width, rng=rng), nn.ReLU()),
            BatchNorm(width, device=rng.device),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, width) -> (B, width)."""
        return x + self.inner(x)


class ResidualClassifier(Model):
    """A reader's own model of blocks within blocks, with normalisation."""

    def __init__(self, rng: torch.Generator, shape=PICTURE, width: int = 12):
        super().__init__(shape, classes=10)
        size = torch.Size(self.shape).numel()
        blocks = nn.Sequential(Residual(width, rng), nn.Sequential(Residual(width, rng)))
        ends = linear(size, width, rng=rng), linear(width, 10, rng=rng)
        self.network = nn.Sequential(nn.Flatten(), ends[0], blocks, ends[1])

    def objectives(self) -> list[Objective]:
        """Cross-entropy in nats per example."""

        def cross_entropy(batch: data.Batch, rng: torch.Generator) -> torch.Tensor:
            return nn.functional.cross_entropy(self.network(batch.x), batch.y)

        return [Objective("cross-entropy", list(self.parameters()), cross_entropy)]


def frozen(make: Callable[..., Model], part: str) -> Callable[..., Model]:
    """A maker of the same models with one part frozen."""

    def make_frozen(rng: torch.Generator, **settings) -> Model:
        model = make(rng, **settings)
        attrgetter(part)(model).requires_grad_(False)
        return model

    return make_frozen


@dataclass(frozen=True)
class Kind:
    """One kind of model: how to make it, what it trains on, and what it can do besides."""

    name: str
    make: Callable[..., Model]
    data: Callable[[], Any]
    can: frozenset[str]
    settings: dict

    def new(self, seed: int = 0, **settings) -> Model:
        """A fresh model."""
        return self.make(generator(seed), **{**self.settings, **settings})

    def sample(self, model: Model, n: int, seed: int = 0) -> torch.Tensor:
        """Samples, of several labels where the model knows labels."""
        label = None if model.classes is None else torch.arange(n) % model.classes
        return model.sample(n, label=label, rng=generator(seed))


def _kind(name, make, of, can, **settings):
    return Kind(name, make, of, frozenset(can.split()), settings)


KINDS = (
    _kind(
        "mlp",
        classifier,
        lambda: split().labelled,
        "shapes classifies",
        network=Dense(16, 8, dropout=0.5),
    ),
    _kind(
        "cnn",
        classifier,
        lambda: split().labelled,
        "classifies",
        network=Conv(16, 8, dropout=0.5),
    ),
    _kind("ensemble", ensemble, stacked, "classifies", network=Dense(16, 8, dropout=0.5)),
    _kind("ensemble of cnns", ensemble, stacked, "classifies", network=Conv(16, 8)),
    _kind("vae", vae, lambda: split().pool, "shapes samples encodes"),
    _kind("gaussian vae", vae, moons, "samples encodes", shape=2, likelihood=Gaussian()),
    _kind(
        "conditional vae",
        vae,
        lambda: split().labelled,
        "shapes labels samples encodes",
        classes=10,
    ),
    _kind("semi-supervised vae", vae, joined, "shapes labels samples encodes", classes=10),
    _kind(
        "per class",
        lambda rng: PerClass(lambda: vae(rng, shape=2, likelihood=Gaussian()), classes=2),
        moons,
        "labels samples",
    ),
    _kind(
        "convolutional vae of classes",
        vae,
        lambda: split().labelled,
        "labels samples encodes",
        classes=10,
        network=Conv(4, 8),
    ),
    _kind("gan", gan, lambda: split().pool, "shapes samples game"),
    _kind(
        "convolutional gan of classes",
        gan,
        lambda: split().labelled,
        "labels samples game",
        classes=10,
        generator=Conv(4, 8),
        discriminator=Conv(4, 8, dropout=0.2),
    ),
    _kind("least-squares gan", gan, moons, "samples game", shape=2, loss="least-squares"),
    _kind(
        "conditional gan", gan, lambda: split().labelled, "shapes labels samples game", classes=10
    ),
    _kind(
        "gan per class",
        lambda rng: PerClass(lambda: gan(rng, shape=2), classes=2),
        moons,
        "labels samples game",
    ),
    _kind("autoencoder", autoencoder, lambda: split().pool, "shapes reconstructs"),
    _kind("tied autoencoder", autoencoder, lambda: split().pool, "shapes reconstructs", tied=True),
    _kind(
        "linear autoencoder",
        autoencoder,
        moons,
        "reconstructs",
        shape=2,
        network=Dense(),
        latent=1,
        loss="squared",
    ),
    _kind(
        "denoising autoencoder",
        autoencoder,
        lambda: split().pool,
        "shapes reconstructs",
        latent=8,
        code="relu",
        corruption=[GaussianNoise(0.3), Masking(0.2)],
    ),
    _kind(
        "contractive autoencoder",
        autoencoder,
        lambda: split().pool,
        "shapes reconstructs",
        network=Dense(),
        code="sigmoid",
        contraction=0.1,
    ),
    _kind(
        "convolutional autoencoder",
        autoencoder,
        lambda: split().pool,
        "reconstructs",
        network=Conv(4, 8),
    ),
    _kind("score network", score_network, lambda: split().pool, "shapes samples"),
    _kind(
        "conditional score network",
        score_network,
        lambda: split().labelled,
        "shapes labels samples",
        classes=10,
    ),
    _kind("sliced score network", score_network, moons, "samples", shape=2, objective="sliced"),
    _kind("implicit score network", score_network, moons, "samples", shape=2, objective="implicit"),
    _kind(
        "score network per class",
        lambda rng: PerClass(lambda: score_network(rng, shape=2), classes=2),
        moons,
        "labels samples",
    ),
    _kind("energy model", energy_model, lambda: split().pool, "shapes density"),
    _kind(
        "energy model against a mixture",
        lambda rng: energy_model(rng, shape=2, noise=gmm(rng, shape=2), ratio=3),
        moons,
        "density",
    ),
    _kind("gmm", gmm, moons, "samples em density", shape=2),
    _kind(
        "shrunk gmm", gmm, lambda: split().pool, "shapes samples em density", pooled=0.2, sphere=0.2
    ),
    _kind(
        "gmm of classes",
        gmm,
        joined,
        "shapes labels samples classifies em density",
        classes=10,
        pooled=0.5,
        sphere=0.1,
    ),
    _kind(
        "gmm per class",
        lambda rng: PerClass(lambda: gmm(rng, shape=2), classes=2),
        moons,
        "labels samples em",
    ),
    _kind("rbm", rbm, lambda: split().pool, "shapes samples chains"),
    _kind("gaussian rbm", rbm, moons, "samples chains", shape=2, visible="gaussian"),
    _kind(
        "rbm with labels",
        rbm,
        lambda: split().labelled,
        "shapes labels samples chains",
        classes=10,
    ),
    _kind(
        "rbm per class",
        lambda rng: PerClass(lambda: rbm(rng, shape=2, visible="gaussian"), classes=2),
        moons,
        "labels samples chains",
    ),
    _kind("dbn", dbn, lambda: split().pool, "shapes samples chains stack"),
    _kind(
        "dbn with labels",
        dbn,
        lambda: split().labelled,
        "shapes labels samples chains stack",
        classes=10,
    ),
    _kind(
        "dbn per class",
        lambda rng: PerClass(lambda: dbn(rng, shape=2, visible="gaussian"), classes=2),
        moons,
        "labels samples chains stack",
    ),
    _kind("einsum", LinearAutoencoder, moons, ""),
    _kind("residual classifier", ResidualClassifier, lambda: split().labelled, ""),
    _kind("vae with a frozen encoder", frozen(vae, "encoder"), lambda: split().pool, "samples"),
    _kind(
        "gan with a frozen layer", frozen(gan, "discriminator.1"), moons, "samples game", shape=2
    ),
    _kind("rbm with frozen weights", frozen(rbm, "W"), lambda: split().pool, "samples chains"),
)


def kinds(can: str = "trains", but: str = ""):
    """Runs a test once for each kind that has the capability; all of them train.

    Kinds with one of the words in `but` are left out: "em" for those without gradients and
    learning rates, "chains" for those with updates and settings of their own, "game" for those of
    two players, where the fall of one's loss is the rise of another's.
    """
    able = [kind for kind in KINDS if can == "trains" or can in kind.can]
    chosen = [kind for kind in able if not kind.can & set(but.split())]
    return pytest.mark.parametrize("kind", chosen, ids=[kind.name for kind in chosen])


def named(value: object) -> str:
    """The value in words, without its address, which differs between two runs of the tests."""
    return re.sub(r" (object )?at 0x[0-9a-f]+", "", str(value))


def scramble(model: Model, seed: int = 1) -> Model:
    """The model with every parameter drawn anew, so that no zero hides anything."""
    rng = generator(seed)
    for parameter in model.parameters():
        parameter.data = uniform(tuple(parameter.shape), rng, -0.5, 0.5)
    return model


def weights(model: Model) -> dict[str, torch.Tensor]:
    """A copy of the parameters by name."""
    return {name: parameter.detach().clone() for name, parameter in model.named_parameters()}


def moved(model: Model, before: dict[str, torch.Tensor]) -> set[str]:
    """Names of the parameters that are no longer what they were."""
    return {name for name, now in weights(model).items() if not torch.equal(now, before[name])}


def run(model: Model, of, steps: int, seed: int = 0, **settings) -> Training:
    """A quiet `fit`."""
    return fit(model, of, steps=steps, rng=generator(seed), show_progress=False, **settings)
