"""What bad input gets: the argument's name, what was expected, what came, before any work."""

import re
from functools import partial

import numpy as np
import pytest
import torch
from kinds import (
    PICTURE,
    autoencoder,
    classifier,
    dbn,
    energy_model,
    ensemble,
    gan,
    gmm,
    joined,
    kinds,
    moons,
    rbm,
    run,
    score_network,
    split,
    stacked,
    vae,
    weights,
)
from torchvision.transforms import v2

from genaug_lessons import augment, banks, data, evaluate, machine
from genaug_lessons.augment import GaussianNoise, Masking, SaltAndPepper
from genaug_lessons.data import Dataset
from genaug_lessons.ensemble import Ensemble, StackedData
from genaug_lessons.models.classifier import Classifier
from genaug_lessons.models.dbn import DBN, transpose_into
from genaug_lessons.models.dropout import dropout_regression
from genaug_lessons.models.gan import dirac_game
from genaug_lessons.models.gmm import GaussianMixture
from genaug_lessons.models.nce import UniformNoise, discriminator_log_density, info_nce_loss
from genaug_lessons.models.rbm import (
    RBM,
    annealed_log_partition,
    exact_states,
    log_likelihood,
    log_partition,
    reverse_annealed_log_partition,
)
from genaug_lessons.models.score import (
    annealed_langevin,
    denoising_score_loss,
    geometric_levels,
    langevin,
)
from genaug_lessons.nn import Conv, Dense, Dropout, small_cnn
from genaug_lessons.random import check_device, generator
from genaug_lessons.training import training_steps

NAN, HUGE = float("nan"), float("inf")
REFUSED = (TypeError, ValueError)  # of another type, of a value out of range
X, Y = torch.zeros(4, 2), torch.tensor([0, 1, 0, 1])
ROWS = torch.arange(8.0).view(4, 2)


def rng():
    return generator(0)


def labelled():
    return split().labelled


def elsewhere():
    """A small VAE on a device without generators or data."""
    return vae(rng()).to("meta")


class Elsewhere(torch.Generator):
    """A generator that lives on a device that is not here."""

    def __new__(cls, device):
        self = super().__new__(cls)
        self.where = torch.device(device)
        return self

    device = property(lambda self: self.where)


def train(model, of=None, steps=1, **settings):
    return training_steps(
        model, split().pool if of is None else of, steps=steps, rng=rng(), **settings
    )


# what is wrong -> the call, and what its message says
DATA = {
    "x of another type": (
        lambda: Dataset([[0.0]]),
        r"x must be a tensor, got \[\[0.0\]\]",
    ),
    "x of another dtype": (lambda: Dataset(X.double()), "x must be a float32.* got torch.float64"),
    "x without examples": (lambda: Dataset(X[0]), r"x must have shape \(rows, .* got \(2,\)"),
    "no rows": (lambda: Dataset(X[:0]), r"x must have shape .* with rows, got \(0, 2\)"),
    "NaN": (lambda: Dataset(X + NAN), "x must be finite, got NaN or infinity"),
    "infinity": (lambda: Dataset(X + HUGE, support="unit"), "x must be finite"),
    "above the unit interval": (
        lambda: Dataset(X + 255, support="unit"),
        r'x must lie in \[0, 1\] for support "unit", got values from 255 to 255',
    ),
    "below the unit interval": (
        lambda: Dataset(X - 0.5, support="binary"),
        r'in \[0, 1\] for support "binary", got values from -0.5 to -0.5',
    ),
    "between 0 and 1": (lambda: Dataset(X + 0.5, support="binary"), "x must hold only 0 and 1"),
    "bytes that are no pixels": (
        lambda: Dataset(X.byte()),
        "uint8 x holds pixels: support must be \"unit\", got 'real'",
    ),
    "unknown support": (lambda: Dataset(X, support="half"), "support must be one of .* got 'half'"),
    "y of another type": (
        lambda: Dataset(X, [0, 1, 0, 1], 2),
        r"y must be a tensor or None, got \[0, 1, 0, 1\]",
    ),
    "y of another dtype": (lambda: Dataset(X, Y.float(), 2), "y must be an int64 .*float32"),
    "y of another length": (lambda: Dataset(X, Y[:3], 2), r"y must have shape \(4,\).* got \(3,\)"),
    "y without classes": (
        lambda: Dataset(X, Y),
        "classes must be an integer of at least 2, got None",
    ),
    "one class only": (lambda: Dataset(X, 0 * Y, 1), "classes must be .* at least 2, got 1"),
    "a label too high": (lambda: Dataset(X, Y + 1, 2), "y must hold labels from 0 to 1.* 1 to 2"),
    "a label too low": (lambda: Dataset(X, Y - 2, 2), "y must hold labels from 0 .* from -2 to -1"),
    "ids of another length": (lambda: Dataset(X, ids=Y[:2]), r"ids must hold one id per row.*\(2,"),
    "labels_per_class of 0": (lambda: cut(0), "labels_per_class must be an integer .* got 0"),
    "half a label": (
        lambda: cut(0.5),
        "labels_per_class must be an integer or a sequence of integers, got 0.5",
    ),
    "no label of one class": (
        lambda: cut([5] * 9 + [0]),
        "labels_per_class must hold integers of at least 1, got .*0",
    ),
    "labels of some classes only": (
        lambda: cut([5, 5, 2]),
        "labels_per_class must be one number or one for each of the 10 classes, got 3",
    ),
    "more labels than rows of one class": (
        lambda: cut([1] * 8 + [88, 1]),
        "labels_per_class must not exceed .* asked for 88, class 8 has 87",
    ),
    "more labels than rows": (
        lambda: cut(88),
        "labels_per_class must not exceed .* asked for 88, class 8 has 87",
    ),
    "a class without rows": (
        lambda: data.split(Dataset(ROWS, Y, 3), labels_per_class=1, repeat=0),
        "asked for 1, class 2 has 0",
    ),
    "nothing left for the pool": (
        lambda: data.split(Dataset(ROWS, Y, 2), labels_per_class=1, repeat=0),
        "labels_per_class must leave rows for the pool, got 1 of 2 rows",
    ),
    "a class of one row": (
        lambda: data.split(Dataset(ROWS[:3], Y[:3], 2), labels_per_class=1, repeat=0),
        "rows of any class outside the test half: asked for 1, class 1 has 0",
    ),
    "one row four times": (
        lambda: data.split(Dataset(X, Y, 2), labels_per_class=1, repeat=0),
        "dataset must hold at least 2 different rows of one class .* got 4 rows in 2 classes",
    ),
    "halves of one row four times": (
        lambda: data.halves(Dataset(X, Y, 2)),
        "dataset must hold at least 2 different rows",
    ),
    "a split of what a model made": (
        lambda: data.split(Dataset(ROWS, Y, 2, synthetic=True), labels_per_class=1, repeat=0),
        "dataset must be real: .* got synthetic data",
    ),
    "a split of a tensor": (
        lambda: data.split(X, labels_per_class=1, repeat=0),
        "dataset must be a Dataset, got a tensor",
    ),
    "a test set of another shape": (
        lambda: data.split(data.digits(), moons(), labels_per_class=1, repeat=0),
        r"test must have the shape of dataset, \(1, 8, 8\), got \(2,\)",
    ),
    "a test set of other classes": (
        lambda: data.split(Dataset(ROWS, Y, 2), Dataset(ROWS, Y, 3), labels_per_class=1, repeat=0),
        "test must have the classes of dataset, 2, got 3",
    ),
    "a test set on another scale": (
        lambda: data.split(
            Dataset(X, Y, 2, "unit"), Dataset(ROWS, Y, 2), labels_per_class=1, repeat=0
        ),
        "test must have the support of dataset, 'unit', got 'real'",
    ),
    "a test set without all its labels": (
        lambda: data.split(Dataset(ROWS, Y, 2), Dataset(X, Y - 1, 2), labels_per_class=1, repeat=0),
        "test must be labelled throughout",
    ),
    "a test set that is a tensor": (
        lambda: data.split(data.digits(), X, labels_per_class=1, repeat=0),
        "test must be a Dataset or None, got a tensor",
    ),
    "half a draw": (
        lambda: data.split(data.digits(), labels_per_class=1, repeat=0.5),
        "repeat must be an integer, got 0.5",
    ),
    "more labels of half a row": (
        lambda: split().with_labels(0),
        "labels_per_class must be an integer of at least 1, got 0",
    ),
    "a pool that is a tensor": (
        lambda: data.join(labelled(), X),
        "pool must be a Dataset, got a tensor",
    ),
    "endless batches of nothing": (
        lambda: next(moons().batches(-1, rng())),
        "batch_size must be an integer of at least 1, got -1",
    ),
    "batches of nothing": (
        lambda: next(stacked().batches(0, rng())),
        "batch_size must be an integer of at least 1, got 0",
    ),
    **{
        f"{classes} classes": (
            lambda classes=classes: Dataset(X, Y, classes),
            f"classes must be an integer or None, got {classes}",
        )
        for classes in (NAN, HUGE, 10.0, 10.5, True)
    },
    "no labels to split": (
        lambda: data.split(Dataset(X), labels_per_class=1, repeat=0),
        "dataset must have labels to be split, got y=None",
    ),
    "a pool of another shape": (
        lambda: data.join(labelled(), moons()),
        r"pool must have 10 classes, got 2",
    ),
    "a pool of another support": (
        lambda: data.join(Dataset(X, Y, 2), Dataset(X, support="unit")),
        "pool must look like labelled: .* 'real', got .* 'unit'",
    ),
    "a pool of bare rows": (
        lambda: data.join(Dataset(X), Dataset(X)),
        "labelled must have labels, got y=None",
    ),
    "a synthetic pool": (
        lambda: data.join(Dataset(X, Y, 2), Dataset(X, synthetic=True)),
        "pool must be as real as labelled",
    ),
    "unknown name": (lambda: data.load("cifar"), "name must be one of .*'digits'.* got 'cifar'"),
    "no points": (
        lambda: data.ring().sample(0, rng=rng()),
        "n must be an integer of at least 1, got 0",
    ),
    "one mode": (lambda: data.ring(1), "modes must be an integer of at least 2, got 1"),
    "a grid of one": (lambda: data.grid(1), "side must be an integer of at least 2, got 1"),
    "bars of one pixel": (
        lambda: data.bars_and_stripes(1),
        "side must be an integer of at least 2, got 1",
    ),
    "no large island": (lambda: data.islands(0), "ratio must be an integer of at least 1, got 0"),
    "no spread": (lambda: data.two_moons(0.0), "std must be above 0, got 0"),
    "points in space": (
        lambda: data.ring().score(torch.zeros(5, 3)),
        r"x must be points of the plane \(N, 2\), got \(5, 3\)",
    ),
    "stacks of unequal length": (
        lambda: StackedData([labelled(), labelled()[:9]]),
        r"datasets must agree in rows, .*\(50, \(1, 8, 8\).*\(9, \(1, 8, 8\)",
    ),
    "stacks of bytes and floats": (
        lambda: StackedData([Dataset(X, Y, 2, "unit"), Dataset(X.byte(), Y, 2, "unit")]),
        "datasets must agree in .*float32.*uint8",
    ),
    "a stack of nothing": (lambda: StackedData([]), r"datasets must agree in .* got \[\]"),
    "a stack without labels": (lambda: StackedData([Dataset(X)]), "datasets must have labels"),
}

MODELS = {
    "no shape": (lambda: vae(rng(), shape=()), r"shape must hold at least one size, got \(\)"),
    "an empty shape": (lambda: vae(rng(), shape=(1, 0)), r"shape must hold .* got \(1, 0\)"),
    "no latent": (lambda: vae(rng(), latent=0), "latent must be an integer of at least 1, got 0"),
    "a negative beta": (lambda: vae(rng(), beta=-1.0), "beta must be at least 0, got -1.0"),
    "a beta of NaN": (lambda: vae(rng(), beta=NAN), "beta must be at least 0, got nan"),
    "an infinite beta": (lambda: vae(rng(), beta=HUGE), "beta must be finite, got inf"),
    "a beta in words": (lambda: vae(rng(), beta="1"), "beta must be a number, got '1'"),
    "half a latent": (lambda: vae(rng(), latent=2.5), "latent must be an integer, got 2.5"),
    "a width for all layers": (
        lambda: DBN(PICTURE, 256, rng=rng()),
        "hidden must be a sequence of integers, got 256",
    ),
    "half a pixel": (lambda: vae(rng(), shape=(1, 8.5)), r"shape must be .* got \(1, 8\.5\)"),
    "a shape in words": (
        lambda: vae(rng(), shape="8x8"),
        "shape must be an integer or .* got '8x8'",
    ),
    "many classes in words": (lambda: vae(rng(), classes="ten"), "classes must be .* got 'ten'"),
    "dropout of NaN": (lambda: Dense(8, dropout=NAN), r"dropout must lie in \[0, 1\)"),
    "dropout in words": (
        lambda: Dense(8, dropout="0.3"),
        "dropout must be a number, got '0.3'",
    ),
    "an infinite contraction": (
        lambda: autoencoder(rng(), contraction=HUGE),
        "contraction must be finite, got inf",
    ),
    "infinite noise": (lambda: GaussianNoise(HUGE), "std must be finite, got inf"),
    "a fraction of NaN": (lambda: Masking(NAN), r"fraction must lie in \[0, 1\], got nan"),
    "instance noise of NaN": (
        lambda: gan(rng(), instance_noise=NAN),
        "instance_noise must be at least 0, got nan",
    ),
    "infinite instance noise": (
        lambda: gan(rng(), instance_noise=HUGE),
        "instance_noise must be finite, got inf",
    ),
    "a generator with an empty layer": (
        lambda: Dense(8, 0),
        r"widths must hold integers of at least 1, got \(8, 0\)",
    ),
    "a discriminator of one number": (
        lambda: Dense((8, 8)),
        r"widths must be an integer, got \(8, 8\)",
    ),
    "a mixture of True": (
        lambda: GaussianMixture(2, components=True, rng=rng()),
        "components must be an integer, got True",
    ),
    "noise in an infinite box": (
        lambda: UniformNoise(2, 0.0, HUGE),
        "high must be finite, got inf",
    ),
    "noise in a box of NaN": (lambda: UniformNoise(2, NAN, 1.0), "low must be finite, got nan"),
    "steps of infinite size": (
        lambda: langevin(torch.neg, X, step_size=HUGE, steps=1, rng=rng()),
        "step_size must be finite, got inf",
    ),
    "an infinite penalty": (
        lambda: dirac_game(lr=0.1, steps=1, penalty=HUGE),
        "penalty must be finite, got inf",
    ),
    "a penalty of NaN": (
        lambda: dirac_game(lr=0.1, steps=1, penalty=NAN),
        "penalty must be at least 0, got nan",
    ),
    "a stack of one number": (
        lambda: DBN(4, 8, rng=rng()),
        "hidden must be a sequence of integers, got 8",
    ),
    "an unknown likelihood": (
        lambda: vae(rng(), likelihood="poisson"),
        r"likelihood must be an object with .*, got 'poisson'",
    ),
    "one class": (lambda: vae(rng(), classes=1), "classes must be an integer of at least 2"),
    "a classifier of one class": (
        lambda: Classifier(PICTURE, classes=1, rng=rng()),
        "classes must be an integer of at least 2, got 1",
    ),
    "an unknown network": (
        lambda: classifier(rng(), network="rnn"),
        r"network must be an object with encoder and decoder, got 'rnn'",
    ),
    "an empty layer": (
        lambda: Conv(8, 0),
        r"channels must hold integers of at least 1, got \(8, 0\)",
    ),
    "an empty convolution": (
        lambda: small_cnn(PICTURE, 10, channels=(0,), rng=rng()),
        r"must hold integers of at least 1, got \(0,\)",
    ),
    "a flat shape for a cnn": (
        lambda: classifier(rng(), shape=(64,), network=Conv(4)),
        r"shape must be \(channels, height, width\) for a cnn, got \(64,\)",
    ),
    "a picture too small for a cnn": (
        lambda: classifier(rng(), shape=(1, 3, 8), network=Conv(4, 4)),
        r"shape must survive 2 halvings, got \(1, 3, 8\)",
    ),
    "dropout of everything": (lambda: Dropout(1.0), r"dropout must lie in \[0, 1\), got 1.0"),
    "negative dropout": (lambda: Dense(8, dropout=-0.1), r"dropout must .* got -0.1"),
    "dropout without a generator": (
        lambda: Dropout(0.5)(X, None),
        "rng must be given while dropout is training, got None",
    ),
    "a drop probability of 1 for a regression": (
        lambda: dropout_regression(X, X[:, 0], 1.0),
        r"p must lie in \[0, 1\), got 1.0",
    ),
    "noise below 0": (lambda: GaussianNoise(-0.1), "std must be at least 0, got -0.1"),
    "masking of more than everything": (
        lambda: Masking(1.1),
        r"fraction must lie in \[0, 1\], got 1.1",
    ),
    "an unknown corruption": (
        lambda: autoencoder(rng(), corruption="salt"),
        "corruption must be one of this package .* or None, got 'salt'",
    ),
    "contraction of a deep encoder": (
        lambda: autoencoder(rng(), code="sigmoid", contraction=0.1),
        r"penalty needs .* got Dense\(16\) and 'sigmoid'; for other encoders use",
    ),
    "contraction of rectified units": (
        lambda: autoencoder(rng(), network=Dense(), code="relu", contraction=0.1),
        r"penalty needs .* got Dense\(\) and 'relu'; for other encoders use",
    ),
    "an autoencoder without a code": (
        lambda: autoencoder(rng(), latent=0),
        "latent must be an integer of at least 1, got 0",
    ),
    "an ensemble of nobody": (lambda: Ensemble([]), r"models must share one .* got \[\]"),
    "an ensemble of several widths": (
        lambda: Ensemble([classifier(rng()), classifier(rng(), network=Dense(5))]),
        "models must share one architecture, got .*out_features=16.*out_features=5",
    ),
    "an ensemble of several dropouts": (
        lambda: Ensemble([classifier(rng(), network=Dense(5, dropout=p)) for p in (0.1, 0.2)]),
        "models must share one architecture, got .*p=0.1.*p=0.2",
    ),
    "conditional models per class": (
        lambda: banks.PerClass(lambda: vae(rng(), classes=10), classes=10),
        "make_model must make unconditional models",
    ),
    "no components": (
        lambda: GaussianMixture(2, components=0, rng=rng()),
        "components must be an integer of at least 1, got 0",
    ),
    "half a component": (
        lambda: GaussianMixture(2, components=0.5, rng=rng()),
        "components must be an integer, got 0.5",
    ),
    "an unknown covariance": (
        lambda: gmm(rng(), covariance="round"),
        "covariance must be one of .*'spherical'.* got 'round'",
    ),
    "a negative share": (lambda: gmm(rng(), pooled=-0.1), r"pooled must lie in \[0, 1\], got -0.1"),
    "more than everything": (lambda: gmm(rng(), sphere=1.1), r"sphere must lie in .* got 1.1"),
    "a share of NaN": (lambda: gmm(rng(), sphere=NAN), "sphere must lie in .* got nan"),
    "a mixture of one class": (
        lambda: gmm(rng(), classes=1),
        "classes must be .* at least 2, got 1",
    ),
    "means of another shape": (
        lambda: gmm(rng(), shape=2, means=torch.zeros(3, 2)),
        r"means must have shape \(2, 2\), got \(3, 2\)",
    ),
    "too few pi": (
        lambda: gmm(rng(), shape=2).set_parameters(X[0, :1], X[:2], X.view(2, 2, 2)),
        r"pi must have shape \(2,\), got \(1,\)",
    ),
    "flat covariances": (
        lambda: gmm(rng(), shape=2).set_parameters(X[0], X[:2], X.view(2, 2, 2)),
        "the covariance of component 0 is singular",
    ),
    "an unknown loss": (
        lambda: gan(rng(), loss="wasserstein"),
        "loss must be one of .*'minimax', 'non-saturating', .*, got 'wasserstein'",
    ),
    "an unknown support": (
        lambda: gan(rng(), support="binary"),
        r"support must be one of \['unit', 'real'\], got 'binary'",
    ),
    "a gan without latent": (
        lambda: gan(rng(), latent=0),
        "latent must be an integer of at least 1, got 0",
    ),
    "a gan of one class": (
        lambda: gan(rng(), classes=1),
        "classes must be an integer of at least 2, got 1",
    ),
    "negative noise": (
        lambda: gan(rng(), instance_noise=-0.1),
        "instance_noise must be at least 0, got -0.1",
    ),
    "a discriminator that drops everything": (
        lambda: Dense(8, dropout=1.0),
        r"dropout must lie in \[0, 1\), got 1.0",
    ),
    "a game without steps": (
        lambda: dirac_game(lr=0.1, steps=0),
        "steps must be an integer of at least 1, got 0",
    ),
    "a game of half a step": (
        lambda: dirac_game(lr=0.1, steps=1.5),
        "steps must be an integer, got 1.5",
    ),
    "a game that stands still": (
        lambda: dirac_game(lr=0.0, steps=1),
        "lr must be above 0, got 0.0",
    ),
    "a game at a rate of NaN": (
        lambda: dirac_game(lr=NAN, steps=1),
        "lr must be above 0, got nan",
    ),
    "a reward for a penalty": (
        lambda: dirac_game(lr=0.1, steps=1, penalty=-1.0),
        "penalty must be at least 0, got -1.0",
    ),
    "an unknown objective": (
        lambda: score_network(rng(), objective="explicit"),
        "objective must be one of .*'denoising', 'sliced', 'implicit'.*, got 'explicit'",
    ),
    "a score network of one class": (
        lambda: score_network(rng(), classes=1),
        "classes must be an integer of at least 2, got 1",
    ),
    "an unknown support of a score network": (
        lambda: score_network(rng(), support="binary"),
        r"support must be one of \['unit', 'real'\], got 'binary'",
    ),
    "no levels of noise": (
        lambda: score_network(rng(), sigmas=()),
        r"sigmas must be numbers above 0, each below the one before, got \[\]",
    ),
    "rising levels of noise": (
        lambda: score_network(rng(), sigmas=(0.1, 1.0)),
        r"sigmas must be .* each below the one before, got \[0.1, 1.0\]",
    ),
    "the same level of noise twice": (
        lambda: score_network(rng(), sigmas=(1.0, 1.0)),
        r"sigmas must be .* each below the one before, got \[1.0, 1.0\]",
    ),
    "a level without noise": (
        lambda: score_network(rng(), sigmas=(1.0, 0.0)),
        r"sigmas must be numbers above 0, .*, got \[1.0, 0.0\]",
    ),
    "a level of endless noise": (
        lambda: score_network(rng(), sigmas=(HUGE, 1.0)),
        r"sigmas must be .*, got \[inf, 1.0\]",
    ),
    "a level of NaN": (
        lambda: score_network(rng(), sigmas=(NAN,)),
        r"sigmas must be .*, got \[nan\]",
    ),
    "one level for a sequence": (
        lambda: geometric_levels(1.0, 0.1, 1),
        "count must be an integer of at least 2, got 1",
    ),
    "half a level": (
        lambda: geometric_levels(1.0, 0.1, 2.5),
        "count must be an integer, got 2.5",
    ),
    "a sequence that rises": (
        lambda: geometric_levels(0.1, 1.0, 2),
        "sigmas must be .* each below the one before",
    ),
    "a sequence down to nothing": (
        lambda: geometric_levels(1.0, 0.0, 3),
        r"last must be above 0, got 0\.0",
    ),
    "a sequence from nothing": (
        lambda: geometric_levels(0.0, 0.1, 3),
        "first must be above 0, got 0.0",
    ),
    "a ratio of none": (
        lambda: energy_model(rng(), ratio=0),
        "ratio must be an integer of at least 1, got 0",
    ),
    "half a ratio": (
        lambda: energy_model(rng(), ratio=0.5),
        "ratio must be an integer, got 0.5",
    ),
    "noise by name": (
        lambda: energy_model(rng(), noise="normal"),
        "noise must be an object with sample and log_density, got 'normal'",
    ),
    "noise without a density": (
        lambda: energy_model(rng(), noise=vae(rng())),
        "noise must be an object with sample and log_density, got a VAE",
    ),
    "noise of another shape": (
        lambda: energy_model(rng(), shape=3, noise=gmm(rng(), shape=2)),
        r"noise must draw examples of shape \(3,\), got \(2,\)",
    ),
    "noise of pictures": (
        lambda: energy_model(rng(), shape=8, noise=gmm(rng(), shape=(1, 2, 4))),
        r"noise must draw examples of shape \(8,\), got \(1, 2, 4\)",
    ),
    "noise with labels beside it": (
        lambda: energy_model(rng(), shape=2, noise=data.ring()),
        r"noise must draw examples of shape \(2,\), got Dataset",
    ),
    "a box without an inside": (
        lambda: UniformNoise(2, 1.0, 1.0),
        "low must be below high, got 1.0 and 1.0",
    ),
    "an rbm without hidden units": (
        lambda: RBM(2, 0, rng=rng()),
        "hidden must be an integer of at least 1, got 0",
    ),
    "half a hidden unit": (
        lambda: RBM(2, 1.5, rng=rng()),
        "hidden must be an integer, got 1.5",
    ),
    "an rbm of one class": (
        lambda: rbm(rng(), classes=1),
        "classes must be an integer of at least 2, got 1",
    ),
    "unknown visible units": (
        lambda: rbm(rng(), visible="poisson"),
        r"visible must be one of \['binary', 'gaussian'\], got 'poisson'",
    ),
    "a stack of nothing": (
        lambda: DBN(2, (), rng=rng()),
        r"hidden must hold the units of at least one layer, got \(\)",
    ),
    "a stack with an empty layer": (
        lambda: DBN(2, (3, 0), rng=rng()),
        r"hidden must hold integers of at least 1, got \(3, 0\)",
    ),
    "an rbm that is not the other turned around": (
        lambda: transpose_into(*DBN(2, (3, 4), rng=rng()).layers),
        "upper must be a binary RBM of 3 x 2 units without labels .*, got 3 x 4",
    ),
    "an rbm with labels to turn around": (
        lambda: transpose_into(*DBN(2, (3, 2), classes=2, rng=rng()).layers),
        "upper must be a binary RBM of 3 x 2 units without labels",
    ),
    "Gaussian units to turn around": (
        lambda: transpose_into(*DBN(2, (3, 2), visible="gaussian", rng=rng()).layers),
        "upper must be a binary RBM of 3 x 2 units without labels above another such",
    ),
    "an rbm with labels below": (
        lambda: transpose_into(RBM(2, 3, classes=2, rng=rng()), RBM(3, 2, rng=rng())),
        "upper must be a binary RBM of 3 x 2 units without labels above another such",
    ),
    "Gaussian units above": (
        lambda: transpose_into(RBM(2, 3, rng=rng()), RBM(3, 2, visible="gaussian", rng=rng())),
        "upper must be a binary RBM of 3 x 2 units without labels above another such",
    ),
    "a classifier on another device than its stack": (
        lambda: Classifier.on(
            dbn(rng()).to("meta").encoder(), shape=(1, 8, 8), classes=2, seen=None, rng=rng()
        ),
        r"rng must be on the device of the encoder \(meta\)",
    ),
    "an encoder without a code": (
        lambda: Classifier.on(torch.nn.Identity(), shape=(1, 8), classes=2, seen=None, rng=rng()),
        r"encoder must make codes \(B, Z\), got shape \(1, 1, 8\)",
    ),
    "an unknown device": (lambda: machine.use_device("abacus"), "device 'abacus' cannot be used"),
}

SAMPLING = {
    "a missing label": (lambda m: sample(m, 3), "label must be given, 0 to 9: .* conditional"),
    "an unknown label": (lambda m: sample(m, 3, 10), "label must lie in 0 to 9, got 10"),
    "a negative label": (lambda m: sample(m, 3, -1), "label must lie in 0 to 9, got -1"),
    "half a label": (
        lambda m: sample(m, 1, 0.5),
        "label must be an integer, a tensor .*got 0.5",
    ),
    "two labels for three": (
        lambda m: sample(m, 3, Y[:2]),
        r"label must be an int or \(3,\) int64",
    ),
    "a table of labels": (lambda m: sample(m, 4, Y.view(2, 2)), r"label must be an int or \(4,\)"),
    "no samples": (lambda m: sample(m, 0, 1), "n must be an integer of at least 1, got 0"),
    "half a sample": (lambda m: sample(m, 1.5, 1), "n must be an integer, got 1.5"),
    "an empty bank": (
        lambda m: banks.bank(m, per_class=0, rng=rng()),
        "per_class must be an integer of at least 1, got 0",
    ),
    "codes without labels": (lambda m: m.encode(labelled().x), "label must be given"),
    "an unwanted label": (lambda _: sample(vae(rng()), 3, 1), "label must not be given"),
    "codes with unwanted labels": (
        lambda _: vae(rng()).encode(labelled().x, labelled().y),
        "label must not be given: this model knows no labels",
    ),
    "a probability without labels": (
        lambda _: gan(rng(), classes=10).probability_real(labelled().x),
        "label must be given: this model is conditional",
    ),
    "a direction with unwanted labels": (
        lambda _: gan(rng()).descent_direction(labelled().x, labelled().y),
        "label must not be given: this model knows no labels",
    ),
    "a gan's generator on another device": (
        lambda _: gan(rng()).to("meta").sample(2, rng=rng()),
        r"rng must be on the device of the model \(meta\)",
    ),
    "an rbm's generator on another device": (
        lambda _: rbm(rng()).to("meta").sample(2, rng=rng()),
        r"rng must be on the device of the model \(meta\)",
    ),
    "a chain of no steps": (
        lambda _: rbm(rng()).sample(2, gibbs_steps=0, rng=rng()),
        "gibbs_steps must be an integer of at least 1, got 0",
    ),
    "a chain of half a step": (
        lambda _: rbm(rng()).sample(2, gibbs_steps=0.5, rng=rng()),
        "gibbs_steps must be an integer, got 0.5",
    ),
    "a stack's generator on another device": (
        lambda _: dbn(rng()).to("meta").sample(2, rng=rng()),
        r"rng must be on the device of the model \(meta\)",
    ),
    "a stack's chain of no steps": (
        lambda _: dbn(rng()).sample(2, gibbs_steps=0, rng=rng()),
        "gibbs_steps must be an integer of at least 1, got 0",
    ),
    "a labelled stack without labels": (
        lambda _: sample(dbn(rng(), classes=10), 2),
        "label must be given, 0 to 9: .* conditional",
    ),
    "a stack with unwanted labels": (
        lambda _: sample(dbn(rng()), 2, 1),
        "label must not be given: this model knows no labels",
    ),
    "label units without labels": (
        lambda _: sample(rbm(rng(), classes=10), 2),
        "label must be given, 0 to 9: .* conditional",
    ),
    "labels without label units": (
        lambda _: sample(rbm(rng()), 2, 1),
        "label must not be given: this model knows no labels",
    ),
    "visible units without their labels": (
        lambda _: rbm(rng(), classes=10).to_visible(labelled().x),
        "label must be given: this model is conditional",
    ),
    "a seed for a generator": (
        lambda m: check_device(0, torch.device("cpu"), "data"),
        "made with generator\\(seed\\), got 0",
    ),
    "no generator": (
        lambda m: training_steps(m, split().pool, steps=1, rng=7),
        "made with generator\\(seed\\), got 7",
    ),
    "a generator on another device of the same kind": (
        lambda m: check_device(Elsewhere("cuda:0"), torch.device("cuda:1"), "model"),
        r"on the device of the model \(cuda:1\), got one on cuda:0; .* device='cuda:1'",
    ),
    "a generator on another device": (
        lambda _: elsewhere().sample(2, rng=rng()),
        r"rng must be on the device of the model \(meta\), got one on \w+",
    ),
    "a mixture's generator on another device": (
        lambda _: gmm(rng()).to("meta").sample(2, rng=rng()),
        r"rng must be on the device of the model \(meta\), got one on \w+",
    ),
}

TRAINING = {
    "no steps": (lambda m: train(m, steps=0), "steps must be an integer of at least 1, got 0"),
    "half a step": (lambda m: train(m, steps=0.5), "steps must be an integer, got 0.5"),
    "no rows in a batch": (lambda m: train(m, batch_size=0), "batch_size must be .* 1, got 0"),
    "half a row in a batch": (lambda m: train(m, batch_size=2.5), "batch_size must be .* got 2.5"),
    "no look": (lambda m: train(m, monitor_every=0), "monitor_every must be an integer .* got 0"),
    "a negative learning rate": (lambda m: train(m, lr=-0.1), "lr must be above 0, got -0.1"),
    "a learning rate of NaN": (lambda m: train(m, lr=NAN), "lr must be above 0, got nan"),
    "an infinite learning rate": (lambda m: train(m, lr=HUGE), "lr must be finite, got inf"),
    "a learning rate in words": (lambda m: train(m, lr="0.1"), "lr must be a number, got '0.1'"),
    "True for a number of steps": (lambda m: train(m, steps=True), "steps must be .* got True"),
    "looks every NaN steps": (
        lambda m: train(m, monitor_every=NAN),
        "monitor_every must be an integer, got nan",
    ),
    "a list of monitors": (
        lambda m: train(m, monitors=[len]),
        "monitors must be a dictionary from text to a function .*\\[the function len",
    ),
    "a monitor that is a number": (
        lambda m: train(m, monitors={"accuracy": 0.9}),
        "monitors must be a dictionary from text to a function or None, got {'accuracy': 0.9}",
    ),
    "a negative decay": (
        lambda m: train(m, weight_decay=-0.1),
        "weight_decay must be at least 0, got -0.1",
    ),
    "a decay of NaN": (
        lambda m: train(m, weight_decay=NAN),
        "weight_decay must be at least 0, got nan",
    ),
    "an infinite decay": (
        lambda m: train(m, weight_decay=HUGE),
        "weight_decay must be finite, got inf",
    ),
    "one beta": (lambda m: train(m, betas=0.9), r"betas must be two numbers in \[0, 1\), got 0.9"),
    "three betas": (lambda m: train(m, betas=(0.9, 0.9, 0.9)), "betas must be two numbers"),
    "a beta of 1": (
        lambda m: train(m, betas=(0.9, 1.0)),
        r"each of betas must lie in \[0, 1\), got 1.0",
    ),
    "a beta of NaN": (lambda m: train(m, betas=(NAN, 0.9)), "each of betas must lie in .* got nan"),
    "nothing for a generator": (
        lambda m: training_steps(m, labelled(), steps=1, rng=None),
        r"rng must be made with generator\(seed\), got None",
    ),
    "an array": (
        lambda m: train(m, labelled().x.numpy()),
        r"data must be a data set \(Dataset, .*\) or a tensor, got a NumPy array",
    ),
    "a list of data sets": (
        lambda m: train(m, [labelled()]),
        r"data must be .* a tensor, got \[a Dataset\]",
    ),
    "no data": (
        lambda m: training_steps(m, None, steps=1, rng=rng()),
        "data must be a data set .* or a tensor, got None",
    ),
    "arguments the wrong way round": (
        lambda m: train(labelled(), m),
        "model must be a Model, got a Dataset",
    ),
    "an unknown schedule": (
        lambda m: train(m, schedule="linear"),
        r"schedule must be one of \['constant', 'cosine'\], got 'linear'",
    ),
    "an unknown setting": (
        lambda m: train(m, learning_rate=0.1),
        "VAE does not know the setting 'learning_rate'; it has .*'lr'",
    ),
    "data of another shape": (
        lambda m: train(m, moons()),
        r"data must have examples of shape \(1, 8, 8\), got \(2,\)",
    ),
    "a bare tensor of NaN": (lambda m: train(m, torch.zeros(3, 1, 8, 8) + NAN), "x must be finite"),
    "a bare tensor out of range": (
        lambda m: train(m, torch.full((3, 1, 8, 8), 255.0)),
        r"x must lie in \[0, 1\] .* got values from 255 to 255",
    ),
    "data of another support": (
        lambda m: train(m, Dataset(torch.zeros(3, 1, 8, 8))),
        'data must have support "unit" for this model, got "real"',
    ),
    "a stack for a single model": (
        lambda m: train(m, stacked()),
        "data must hold no stacked data sets for VAE, got 3 stacked data sets",
    ),
    "data on another device": (
        lambda _: train(elsewhere()),
        r"data must be on the model's device meta, got \w+",
    ),
    "a seed for a generator": (
        lambda m: check_device(0, torch.device("cpu"), "data"),
        "made with generator\\(seed\\), got 0",
    ),
    "no generator": (
        lambda m: training_steps(m, split().pool, steps=1, rng=7),
        "made with generator\\(seed\\), got 7",
    ),
    "a generator on another device of the same kind": (
        lambda m: check_device(Elsewhere("cuda:0"), torch.device("cuda:1"), "model"),
        r"on the device of the model \(cuda:1\), got one on cuda:0; .* device='cuda:1'",
    ),
    "a generator on another device": (
        lambda m: check_device(rng(), torch.device("meta"), "data"),
        r"must be on the device of the data \(meta\).* generator\(seed, device='meta'\)",
    ),
}

LABELS = {
    "data without labels": (
        lambda m: train(m, Dataset(labelled().x, support="unit")),
        "data must have labels for this model, got y=None",
    ),
    "other classes": (
        lambda m: train(m, Dataset(labelled().x, labelled().y % 3, 3, "unit")),
        "data must have 10 classes, got 3",
    ),
}


TRANSFORMS = {
    "a shear past upright": (
        lambda: augment.Affine(shear=90.0),
        r"shear must lie in \[0, 90\), got 90.0",
    ),
    "a shear below 0": (lambda: augment.Affine(shear=-1.0), "shear must lie in .* got -1.0"),
    "a scale that leaves nothing": (
        lambda: augment.Affine(scale=0.9)(pictures(), rng()),
        "scale must leave a pixel of pictures of 8 pixels, got 0.9",
    ),
    "a shift out of sight": (
        lambda: augment.Affine(shift=7.6, scale=0.1)(pictures(), rng()),
        "shift must be below 7.6 pixels, or pictures of 8 pixels could leave .* got 7.6",
    ),
    "windows beside the picture": (
        lambda: augment.Crop(8)(pictures(), rng()),
        "padding must be below 8, or a window could miss pictures of 8 pixels, got 8",
    ),
    "a scale that leaves nothing within a policy": (
        lambda: augment.Compose([augment.Flip(), augment.Affine(scale=0.95)])(pictures(), rng()),
        "scale must leave a pixel",
    ),
    "an area that could be the whole picture": (
        lambda: augment.Erase(area=(0.1, 0.77))(pictures()[..., :6], rng()),
        r"area must be at most 0.729, or pictures of 8 x 6 pixels could .* got \(0.1, 0.77\)",
    ),
    "factors of 0": (lambda: augment.Brightness(1.0), r"change must lie in \[0, 1\), got 1.0"),
    "negative factors": (lambda: augment.Contrast(-0.1), "change must lie in .* got -0.1"),
    "a change of NaN": (lambda: augment.Contrast(NAN), "change must lie in .* got nan"),
    "erasing more often than always": (
        lambda: augment.Erase(1.1),
        r"p must lie in \[0, 1\], got 1.1",
    ),
    "erasing everything": (
        lambda: augment.Erase(area=(0.5, 1.0)),
        r"area must be two rising shares in \[0, 1\), got \(0.5, 1.0\)",
    ),
    "a single area": (
        lambda: augment.Erase(area=0.3),
        r"area must be a tuple of 2 numbers, got 0.3",
    ),
    "an area of NaN": (lambda: augment.Erase(area=(NAN, 0.3)), r"area must be two .* got \(nan, 0"),
    "a fill of NaN": (lambda: augment.Erase(fill=NAN), "fill must lie in .* got nan"),
    "falling areas": (lambda: augment.Erase(area=(0.5, 0.1)), r"area must .* got \(0.5, 0.1\)"),
    "a negative area": (lambda: augment.Erase(area=(-0.1, 0.1)), "area must be two rising"),
    "a flat rectangle": (
        lambda: augment.Erase(aspect=0.0),
        r"aspect must lie in \(0, 1\], got 0.0",
    ),
    "an aspect above 1": (lambda: augment.Erase(aspect=1.5), "aspect must lie in .* got 1.5"),
    "an unknown fill": (
        lambda: augment.Erase(fill="noise"),
        r'fill must lie in \[0, 1\] or be "mean", got \'noise\'',
    ),
    "a fill out of range": (lambda: augment.Erase(fill=255), "fill must lie in .* got 255"),
    "mixing into one class": (
        lambda: augment.CutMix(1),
        "classes must be an integer of at least 2, got 1",
    ),
    "cutmix without a spread": (
        lambda: augment.CutMix(2, alpha=0),
        "alpha must be above 0, got 0",
    ),
    "cutmix without labels": (
        lambda: augment.CutMix(2).on_batch(data.Batch(pictures()), rng()),
        "batch must be labelled throughout: CutMix blends the labels too",
    ),
    "mixing where some rows have no label": (
        lambda: augment.Mixup(2).on_batch(data.Batch(pictures(), Y[:4] - 1, False), rng()),
        "batch must be labelled throughout: Mixup blends the labels too",
    ),
    "cutmix of points": (
        lambda: augment.CutMix(2).on_batch(data.Batch(X, Y), rng()),
        r"batch must hold pictures \(C, H, W\), got x \(4, 2\)",
    ),
    "pictures without labels": (
        lambda: augment.Compose([augment.Mixup(2)])(pictures(), rng()),
        r"x must come with labels for Mixup: use on_batch\(Batch\(x, y\)",
    ),
    "probabilities of other classes": (
        lambda: augment.Mixup(3).on_batch(data.Batch(X, X.softmax(-1)), rng()),
        "batch must have 3 classes, got probabilities of 2",
    ),
    "a flat mask": (
        lambda: augment.Flip().apply_to_mask(X, (Y > 0,)),
        r"mask must have shape \(B, H, W\), got \(4, 2\)",
    ),
    "an affine mask with channels": (
        lambda: augment.Affine().apply_to_mask(pictures(), augment.Affine().draw(4, rng())),
        r"mask must have shape \(B, H, W\), got \(4, 1, 8, 8\)",
    ),
    "a mask that stays, with channels": (
        lambda: augment.Noise().apply_to_mask(pictures(), ()),
        "mask must have shape",
    ),
    "a policy's mask with channels": (
        lambda: augment.Compose([]).apply_to_mask(pictures(), ()),
        "mask must have shape",
    ),
    "boxes of two numbers": (
        lambda: augment.Flip().apply_to_boxes(X[:, None], (Y > 0,), (8, 8)),
        r"boxes must have shape \(B, N, 4\), got \(4, 1, 2\)",
    ),
    "boxes that stay, without an axis": (
        lambda: augment.Noise().apply_to_boxes(X.view(2, 4), (), (8, 8)),
        r"boxes must have shape \(B, N, 4\), got \(2, 4\)",
    ),
    "a policy's boxes without an axis": (
        lambda: augment.Compose([]).apply_to_boxes(X.view(2, 4), (), (8, 8)),
        "boxes must have shape",
    ),
    "a change that is none": (
        lambda: augment.PerPicture("invert"),
        "change must be a function, got 'invert'",
    ),
    "a change of the size": (
        lambda: augment.PerPicture(lambda picture: picture[:, :4])(pictures(), rng()),
        r"change must return a picture \(1, 8, 8\) torch.float32, got \(1, 4, 8\) torch.float32",
    ),
    "a change of the type": (
        lambda: augment.PerPicture(lambda picture: picture.double())(pictures(), rng()),
        r"change must return .* got \(1, 8, 8\) torch.float64",
    ),
    "a change into nothing": (
        lambda: augment.PerPicture(lambda picture: None)(pictures(), rng()),
        r"change must return .* got NoneType",
    ),
    "a name for a transform": (
        lambda: augment.Augmented(labelled(), transform="flip"),
        "transform must be one of this package or of torchvision, a function .* got 'flip'",
    ),
    "a class for a transform": (
        lambda: augment.Compose([augment.Flip]),
        "transform must be one of this package .* got <class",
    ),
    "torchvision's Mixup": (
        lambda: evaluate.Arm("mixup", transform=[v2.MixUp(num_classes=10)]),
        r"transform must not be torchvision's MixUp, .*: use augment\.Mixup of this package",
    ),
    "torchvision's CutMix": (
        lambda: augment.as_transform(v2.CutMix(num_classes=10)),
        r"torchvision's CutMix, .*: use augment\.CutMix",
    ),
    "an arm with a name for a transform": (
        lambda: evaluate.Arm("flip", transform=["flip"]),
        r"transforms must be a sequence of .* got \['flip'\]",
    ),
}

SETTINGS = {  # class or function, its setting -> in words what it must be
    (augment.Affine, "rotation"): "be at least 0",
    (augment.Affine, "shift"): "be at least 0",
    (augment.Affine, "scale"): r"lie in \[0, 1\)",
    (augment.Affine, "shear"): r"lie in \[0, 90\)",
    (augment.Flip, "p"): r"lie in \[0, 1\]",
    (augment.Noise, "std"): "be at least 0",
    (augment.Brightness, "change"): r"lie in \[0, 1\)",
    (augment.Contrast, "change"): r"lie in \[0, 1\)",
    (augment.Erase, "p"): r"lie in \[0, 1\]",
    (augment.Erase, "aspect"): r"lie in \(0, 1\]",
    (partial(augment.Mixup, 10), "alpha"): "be above 0",
    (partial(augment.CutMix, 10), "alpha"): "be above 0",
    (GaussianNoise, "std"): "be at least 0",
    (Masking, "fraction"): r"lie in \[0, 1\]",
    (SaltAndPepper, "fraction"): r"lie in \[0, 1\]",
    (Dropout, "p"): r"lie in \[0, 1\)",
    (data.ring, "std"): "be above 0",
    (data.ring().smoothed, "sigma"): "be at least 0",
}
COUNTS = {  # class or function, its setting -> the least it may be
    (augment.Crop, "padding"): 0,
    (augment.Mixup, "classes"): 2,
    (augment.CutMix, "classes"): 2,
    (data.ring, "modes"): 2,
    (data.grid, "side"): 2,
    (data.islands, "ratio"): 1,
    (data.bars_and_stripes, "side"): 2,
    (partial(data.ring().sample, rng=rng()), "n"): 1,
}


@pytest.mark.parametrize(
    ("make", "name", "words"), [(*what, words) for what, words in SETTINGS.items()]
)
@pytest.mark.parametrize("value", [NAN, HUGE, -HUGE, -1.0, "0.5", None, [0.5], True])
def test_a_setting_that_is_no_number_in_its_range_is_refused(make, name, words, value):
    name_in_words = "dropout" if make is Dropout else name
    with pytest.raises(
        REFUSED, match=f"^({name}|{name_in_words}) must (be a number|be finite|{words}), got "
    ):
        make(**{name: value})


@pytest.mark.parametrize(
    ("make", "name", "least"), [(*what, least) for what, least in COUNTS.items()]
)
@pytest.mark.parametrize("value", [NAN, HUGE, -1, 2.5, "3", None, [3], True])
def test_a_setting_that_counts_is_an_integer(make, name, least, value):
    said = f"^{name} must be an integer(| of at least {least}), got {re.escape(repr(value))}$"
    with pytest.raises(REFUSED, match=said):
        make(**{name: value})
    make(**{name: np.int64(4)})


def test_a_generator_is_at_home_on_its_own_device_named_with_its_number_or_without():
    for generators, device in (("cuda", "cuda:0"), ("cuda:0", "cuda"), ("cuda:1", "cuda:1")):
        check_device(Elsewhere(generators), torch.device(device), "data")


@pytest.mark.parametrize("seed", [NAN, -1, 0.5, "0", None, True])
def test_a_seed_is_a_whole_number(seed):
    with pytest.raises(
        (TypeError, ValueError), match=f"seed must be an integer(| of at least 0), got {seed!r}"
    ):
        generator(seed)


def test_places_of_toys_are_finite():
    for make in (lambda: data.ring(radius=NAN), lambda: data.spiral(turns=HUGE)):
        with pytest.raises(
            (TypeError, ValueError), match=r"(radius|turns) must be finite, got (nan|inf)"
        ):
            make()


PICTURES = {
    "no tensor": (
        lambda x: labelled(),
        r"x must be a tensor, got a Dataset",
    ),
    "an array": (lambda x: x.numpy(), "x must be a tensor, got a NumPy array"),
    "a single picture": (lambda x: x[0], r"x must be pictures \(B, C, H, W\), got shape \(1, 7, 6"),
    "no pictures": (lambda x: x[:0], r"x must be pictures .* got shape \(0, 1, 7, 6\)"),
    "no pixels": (
        lambda x: x[..., :0],
        r"x must hold pictures \(C, H, W\), got examples of shape \(1, 7, 0\)",
    ),
    "bytes": (
        lambda x: (255 * x).byte(),
        r"x must hold pictures in \[0, 1\], got uint8: use x\.float\(\) / 255",
    ),
    "doubles": (lambda x: x.double(), r"x must be float32, got torch.float64: use x.float\(\)"),
    "whole numbers": (lambda x: x.long(), "x must be float32, got torch.int64: use x.float"),
    "channels last": (
        lambda x: x.permute(0, 2, 3, 1).expand(-1, -1, -1, 3),
        r"x must hold pictures .* got \(7, 6, 3\), which looks like channels last: use x.permute",
    ),
    "grey channels last": (
        lambda x: x.permute(0, 2, 3, 1),
        r"got \(7, 6, 1\), which looks like channels last",
    ),
}

VALUES = {  # seen by a direct call, and once in a whole data set
    "floats to 255": (
        lambda x: 255 * x,
        r"x must hold pictures in \[0, 1\], got values from 0 to 255: divide by .* 255 for bytes",
    ),
    "standardised": (
        lambda x: 4 * x - 2,
        r"got values from -2 to 2: clip them, or standardise after the transform",
    ),
    "a little outside": (lambda x: 1.01 * x, "got values from 0 to 1.01: divide"),
    "NaN": (lambda x: x.masked_fill(x == 1, NAN), "got values from nan to nan$"),
}


def ramp():
    """Pictures (5, 1, 7, 6) of all greys from 0 to 1, of which one alone is white."""
    return torch.linspace(0, 1, 210).view(5, 1, 7, 6)


EVERY_TRANSFORM = (
    augment.Affine(shift=0.5),
    augment.Flip(),
    augment.Crop(),
    augment.Noise(),
    augment.Brightness(),
    augment.Contrast(),
    augment.Erase(),
    augment.PerPicture(lambda picture: 1 - picture),
    augment.Compose([augment.Flip(), [augment.Noise()]]),
)
over_transforms = pytest.mark.parametrize(
    "transform", EVERY_TRANSFORM, ids=lambda transform: type(transform).__name__
)


@over_transforms
@pytest.mark.parametrize(
    ("change", "said"), [*PICTURES.values(), *VALUES.values()], ids=[*PICTURES, *VALUES]
)
def test_a_transform_refuses_what_are_no_pictures_of_its_scale(transform, change, said):
    with pytest.raises(REFUSED, match=said):
        transform(change(ramp()), rng())


@over_transforms
@pytest.mark.parametrize(("change", "said"), PICTURES.values(), ids=PICTURES)
def test_a_batch_of_what_are_no_pictures_is_refused(transform, change, said):
    if isinstance(x := change(ramp()), torch.Tensor) and x.ndim == 4:
        with pytest.raises(REFUSED, match=said):
            transform.on_batch(data.Batch(x), rng())


@over_transforms
@pytest.mark.parametrize(("change", "said"), VALUES.values(), ids=VALUES)
@pytest.mark.parametrize("stack", [None, 2])
def test_data_of_another_scale_are_refused_when_the_transform_is_attached(
    transform, change, said, stack
):
    if (x := change(ramp())).isnan().any():
        return  # no data set holds any
    of = Dataset(x, torch.arange(5) % 2, 2)
    of = StackedData([Dataset(ramp(), of.y, 2), of]) if stack else of
    with pytest.raises(REFUSED, match=said):
        augment.Augmented(of, transform=transform)
    if not stack:  # a bank of the wrong scale, mixed in before
        good = Dataset(ramp(), of.y, 2)
        with pytest.raises(REFUSED, match=said):
            augment.Augmented(augment.Augmented(good, bank=of), transform=transform)


@over_transforms
def test_rounding_beyond_the_scale_and_bytes_in_a_data_set_are_let_through(transform):
    for x in (ramp() * (1 + 2e-6), ramp() - 1e-6):
        assert transform(x, rng()).shape == x.shape
    of = Dataset((255 * ramp()).byte(), support="unit")
    batch = next(augment.Augmented(of, transform=transform, share=1.0).batches(4, rng()))
    assert batch.x.dtype == torch.float32 and -1e-5 <= batch.x.min() and batch.x.max() <= 1 + 1e-5


MIXED = {
    "classes of others": (
        lambda: augment.Augmented(labelled(), transform=augment.Mixup(3)),
        r"data must have 3 classes for Mixup\(classes=3, alpha=0.2\), got 10",
    ),
    "classes of others within a policy": (
        lambda: augment.Augmented(labelled(), transform=[augment.Flip(), augment.CutMix(11)]),
        r"data must have 11 classes for CutMix\(classes=11, alpha=1.0\), got 10",
    ),
    "rows without labels": (
        lambda: augment.Augmented(joined(), transform=augment.Mixup(10)),
        "data must be labelled throughout: Mixup blends the labels too",
    ),
    "points for CutMix": (
        lambda: augment.Augmented(moons(), transform=augment.CutMix(2)),
        r"data must hold pictures \(C, H, W\), got examples of shape \(2,\)",
    ),
    "points for a policy": (
        lambda: augment.Augmented(moons(), transform=[augment.Mixup(2), augment.Crop()]),
        r"data must hold pictures \(C, H, W\), got examples of shape \(2,\)",
    ),
    "pictures with the channels last": (
        lambda: augment.Augmented(
            Dataset(torch.zeros(4, 28, 20, 3), support="unit"), transform=augment.Flip()
        ),
        r"data must hold pictures .* got \(28, 20, 3\), which looks like channels last",
    ),
    "bytes to blend": (
        lambda: augment.Mixup(2).on_batch(data.Batch(pictures().byte(), Y), rng()),
        r"batch must hold float32 x, got torch.uint8: use x.float\(\) / 255",
    ),
}


def test_points_of_any_scale_can_be_blended():
    of = Dataset(100 * moons().x - 300, moons().y, 2)
    batch = next(augment.Augmented(of, transform=augment.Mixup(2)).batches(8, rng()))
    assert batch.x.shape == (8, 2) and batch.x.max() < 0


def pictures():
    return torch.zeros(4, 1, 8, 8)


def cut(labels_per_class):
    return data.split(data.digits(), labels_per_class=labels_per_class, repeat=0)


def sample(model, n, label=None):
    return model.sample(n, label=label, rng=rng())


def over(cases):
    return pytest.mark.parametrize(("wrong", "said"), cases.values(), ids=cases)


@over(DATA)
def test_bad_data_are_refused(wrong, said):
    with pytest.raises(REFUSED, match=said):
        wrong()


@over(MODELS)
def test_a_model_that_cannot_be_made_is_refused(wrong, said):
    with pytest.raises(REFUSED, match=said):
        wrong()


@over(SAMPLING)
def test_a_sample_that_cannot_be_drawn_is_refused(wrong, said):
    with pytest.raises(REFUSED, match=said):
        wrong(vae(rng(), classes=10))


@over(TRAINING)
def test_training_that_cannot_go_well_is_refused_before_it_begins(wrong, said):
    refused_before_it_begins(vae(rng()), wrong, said)


@over(LABELS)
@pytest.mark.parametrize(
    "make",
    [
        classifier,
        lambda rng: vae(rng, classes=10),
        lambda rng: gmm(rng, classes=10),
        lambda rng: gan(rng, classes=10),
        lambda rng: score_network(rng, classes=10),
        lambda rng: rbm(rng, classes=10),
        lambda rng: dbn(rng, classes=10),
    ],
    ids=["classifier", "vae", "gmm", "gan", "score network", "rbm", "dbn"],
)
def test_labels_that_do_not_fit_are_refused_before_training(make, wrong, said):
    refused_before_it_begins(make(rng()), wrong, said)


SCORES = {
    "a step of nothing": (lambda: chain(step_size=0.0), "step_size must be above 0, got 0.0"),
    "a step of NaN": (lambda: chain(step_size=NAN), "step_size must be above 0, got nan"),
    "no steps": (lambda: chain(steps=0), "steps must be an integer of at least 1, got 0"),
    "half a step": (lambda: chain(steps=0.5), "steps must be an integer, got 0.5"),
    "annealing by steps of nothing": (
        lambda: chain(sigmas=(1.0,), step_size=-1.0),
        "step_size must be above 0, got -1.0",
    ),
    "annealing without steps": (
        lambda: chain(sigmas=(1.0,), steps=0),
        "steps must be an integer of at least 1, got 0",
    ),
    "annealing that heats": (
        lambda: chain(sigmas=(0.5, 1.0)),
        r"sigmas must be numbers above 0, each below the one before, got \[0.5, 1.0\]",
    ),
    "a chain elsewhere": (
        lambda: chain(x=X.to("meta")),
        r"rng must be on the device of the places \(meta\)",
    ),
    "an annealed chain elsewhere": (
        lambda: chain(x=X.to("meta"), sigmas=(1.0,)),
        r"rng must be on the device of the places \(meta\)",
    ),
    "samples by steps of nothing": (
        lambda: score_network(rng()).sample(2, step_size=0.0, rng=rng()),
        "step_size must be above 0, got 0.0",
    ),
    "samples without steps": (
        lambda: score_network(rng()).sample(2, steps=0, rng=rng()),
        "steps must be an integer of at least 1, got 0",
    ),
    "samples elsewhere": (
        lambda: score_network(rng()).to("meta").sample(2, rng=rng()),
        r"rng must be on the device of the model \(meta\)",
    ),
    "a score without noise": (
        lambda: score_network(rng(), shape=2).score(X, 0.0),
        "sigma must be above 0, got 0.0",
    ),
    "a score without its labels": (
        lambda: score_network(rng(), classes=10).score(labelled().x, 1.0),
        "label must be given: this model is conditional",
    ),
    "a score with unwanted labels": (
        lambda: score_network(rng(), shape=2).score(X, 1.0, Y),
        "label must not be given: this model knows no labels",
    ),
    "denoising without noise": (
        lambda: denoising_score_loss(torch.neg, X, X, 0.0),
        "sigma must be above 0, got 0.0",
    ),
    "denoising of NaN": (
        lambda: denoising_score_loss(torch.neg, X, X, NAN),
        "sigma must be above 0, got nan",
    ),
    "smoothing by less than nothing": (
        lambda: data.ring().smoothed(-0.1),
        "sigma must be at least 0, got -0.1",
    ),
    "pairs that are not square": (
        lambda: info_nce_loss(X),
        r"scores must have shape \(K, K\), got \(4, 2\)",
    ),
    "scores of no pairs": (
        lambda: info_nce_loss(X[0]),
        r"scores must have shape \(K, K\), got \(2,\)",
    ),
    "a discriminator that saw no noise": (
        lambda: discriminator_log_density(X, X, ratio=0.0),
        "ratio must be above 0, got 0.0",
    ),
}


def chain(x=X, sigmas=None, **settings):
    """Asks for a chain, of which no step is taken."""
    settings = {"step_size": 0.1, "steps": 1, "rng": rng(), **settings}
    if sigmas is None:
        return langevin(torch.neg, x, **settings)
    return annealed_langevin(torch.neg, x, sigmas, **settings)


@over(SCORES)
def test_scores_chains_and_discriminators_that_make_no_sense_are_refused(wrong, said):
    with pytest.raises(REFUSED, match=said):
        wrong()


@pytest.mark.parametrize(
    ("of", "said"),
    [
        (moons, r"its density is 0 at \d+ of 200 rows"),
        (
            lambda: Dataset(torch.tensor([[0.5, 0.5], [0.5, 1.5]])),
            "its density is 0 at 1 of 2 rows",
        ),
        (lambda: augment.Augmented(moons(), bank=moons()), r"its density is 0 at \d+ of 400 rows"),
        (
            lambda: augment.Augmented(Dataset(X + 0.5), bank=Dataset(X[:3] + 1.5)),
            "its density is 0 at 3 of 7 rows",
        ),
    ],
    ids=["moons", "a row outside", "augmented moons", "a bank outside"],
)
def test_data_where_the_noise_never_is_are_refused_before_training(of, said):
    model, said = energy_model(rng(), shape=2), "noise must have support wherever data are: " + said
    refused_before_it_begins(model, lambda model: train(model, of()), said)


def test_an_energy_model_takes_examples_of_its_own_shape():
    said = r"data must have examples of shape \(2,\), got \(3,\)"
    of = Dataset(torch.full((4, 3), 0.5))
    refused_before_it_begins(energy_model(rng(), shape=2), lambda model: train(model, of), said)


PLAY = {
    "no step of the discriminator": (
        {"discriminator_steps": 0},
        "discriminator_steps must be an integer of at least 1, got 0",
    ),
    "half a step of the discriminator": (
        {"discriminator_steps": 1.5},
        "discriminator_steps must be an integer, got 1.5",
    ),
    "nobody plays": (
        {"players": ()},
        r"players must be one or more of .*'discriminator'.*, got \(\)",
    ),
    "a stranger plays": (
        {"players": ("discriminator", "critic")},
        r"players must be one or more of .*, got \('discriminator', 'critic'\)",
    ),
    "a bare name plays": (
        {"players": "discriminator"},
        "players must be a sequence of text, got 'discriminator'",
    ),
}


@over(PLAY)
def test_a_game_that_cannot_be_played_is_refused_before_it_begins(wrong, said):
    refused_before_it_begins(gan(rng()), lambda model: train(model, **wrong), said)


CHAINS = {
    "no Gibbs steps": (
        {"gibbs_steps": 0},
        "gibbs_steps must be an integer of at least 1, got 0",
    ),
    "half a Gibbs step": ({"gibbs_steps": 1.5}, "gibbs_steps must be an integer, got 1.5"),
    "fewer chains than none": (
        {"persistent_chains": -1},
        "persistent_chains must be an integer of at least 0, got -1",
    ),
    "momentum without end": ({"momentum": 1.0}, r"momentum must lie in \[0, 1\), got 1.0"),
    "momentum backwards": ({"momentum": -0.1}, r"momentum must lie in \[0, 1\), got -0.1"),
    "growth for decay": ({"weight_decay": -1e-3}, "weight_decay must be at least 0, got -0.001"),
    "decay of NaN": ({"weight_decay": NAN}, "weight_decay must be at least 0, got nan"),
}


@over(CHAINS)
def test_chains_that_cannot_run_are_refused_before_training(wrong, said):
    refused_before_it_begins(rbm(rng()), lambda model: train(model, **wrong), said)


LAYERS = {
    "a layer too high": ((2,), r"layers must be one or more of \[0, 1\], got \(2,\)"),
    "no layer": ((), r"layers must be one or more of \[0, 1\], got \(\)"),
    "a bare number for layers": (1, r"layers must be a sequence of integers or None, got 1"),
}


@over(LAYERS)
def test_layers_that_are_not_there_are_refused_before_training(wrong, said):
    refused_before_it_begins(dbn(rng()), lambda model: train(model, layers=wrong), said)


@pytest.mark.parametrize(
    ("x", "said"),
    [
        (torch.full((3, 1, 8, 8), 2.0), r"x must lie in \[0, 1\] .* got values from 2 to 2"),
        (Dataset(torch.zeros(3, 1, 8, 8)), 'data must have support "unit" .* got "real"'),
    ],
    ids=["a bare tensor", "a data set"],
)
def test_visible_values_outside_the_support_are_refused_before_training(x, said):
    refused_before_it_begins(rbm(rng()), lambda model: train(model, x), said)


def small(**settings):
    """An RBM of the plane."""
    return RBM(2, 3, rng=rng(), **settings)


def annealed(**settings):
    return annealed_log_partition(small(), rng=rng(), **settings)


def bound(x, **settings):
    return DBN(2, (3, 2), rng=rng()).variational_bound(x, log_z=0.0, rng=rng(), **settings)


LIKELIHOODS = {
    "too many hidden units to count": (
        lambda: log_partition(RBM(30, 26, rng=rng())),
        "hidden layer must have at most 25 units .*, got 26: use annealed_log_partition",
    ),
    "too many visible units to count": (
        lambda: log_partition(RBM(26, 30, rng=rng())),
        "visible layer must have at most 25 units .*, got 26: use annealed_log_partition",
    ),
    "too many hidden units to draw from": (
        lambda: exact_states(RBM(2, 26, rng=rng()), 5, rng=rng()),
        "hidden layer must have at most 25 units .*, got 26",
    ),
    "no states to draw": (
        lambda: exact_states(small(), 0, rng=rng()),
        "n must be an integer of at least 1, got 0",
    ),
    "Gaussian units to count": (
        lambda: log_partition(small(visible="gaussian"), layer="visible"),
        'layer must be "hidden" for Gaussian visible units, got "visible"',
    ),
    "an unknown layer": (
        lambda: log_partition(small(), layer="top"),
        'layer must be "hidden" or "visible", got \'top\'',
    ),
    "a grey picture": (
        lambda: log_likelihood(small(), X + 0.5, log_z=0.0),
        "x must hold only 0 and 1, got values from 0.5 to 0.5: a grey picture",
    ),
    "a negative picture": (
        lambda: log_likelihood(small(), X - 1, log_z=0.0),
        "x must hold only 0 and 1, got values from -1 to -1",
    ),
    "examples of another shape": (
        lambda: log_likelihood(small(), torch.zeros(4, 3), log_z=0.0),
        r"x must have examples of shape \(2,\), got \(3,\)",
    ),
    "a likelihood without labels": (
        lambda: log_likelihood(small(classes=2), X, log_z=0.0),
        "label must be given",
    ),
    "a bound of a grey picture": (
        lambda: bound(X + 0.5),
        "x must hold only 0 and 1, got values from 0.5 to 0.5: a grey picture",
    ),
    "a bound without draws": (
        lambda: bound(X, draws=0),
        "draws must be an integer of at least 1, got 0",
    ),
    "a bound with a generator on another device": (
        lambda: dbn(rng()).to("meta").variational_bound(X, log_z=0.0, rng=rng()),
        r"rng must be on the device of the model \(meta\)",
    ),
    "betas that start late": (
        lambda: annealed(betas=torch.linspace(0.1, 1, 5)),
        r"betas must rise from 0 to 1, got tensor\(\[0.1",
    ),
    "betas that end early": (
        lambda: annealed(betas=torch.linspace(0, 0.9, 5)),
        "betas must rise from 0 to 1",
    ),
    "betas that fall": (
        lambda: annealed(betas=torch.tensor([0.0, 0.6, 0.4, 1])),
        "betas must rise from 0 to 1",
    ),
    "betas from 1 to 0 backwards": (
        lambda: reverse_annealed_log_partition(
            small(), X, betas=torch.linspace(1, 0, 5), rng=rng()
        ),
        "betas must rise from 0 to 1",
    ),
    "a single beta": (
        lambda: annealed(betas=torch.ones(1)),
        "betas must rise from 0 to 1",
    ),
    "a table of betas": (lambda: annealed(betas=torch.eye(2)), "betas must rise from 0 to 1"),
    "a single run": (lambda: annealed(runs=1), "runs must be an integer of at least 2, got 1"),
    "half a run": (lambda: annealed(runs=2.5), "runs must be an integer, got 2.5"),
    "a base of another shape": (
        lambda: annealed(base=torch.zeros(3)),
        r"base must have shape \(2,\), got \(3,\)",
    ),
    "a single run backwards": (
        lambda: reverse_annealed_log_partition(small(), X[:1], rng=rng()),
        r"v must have shape \(R, 2\) with R above 1, got \(1, 2\)",
    ),
    "states of another shape backwards": (
        lambda: reverse_annealed_log_partition(small(), torch.zeros(4, 3), rng=rng()),
        r"v must have shape \(R, 2\) with R above 1, got \(4, 3\)",
    ),
}


@over(LIKELIHOODS)
def test_likelihoods_that_cannot_be_had_are_refused(wrong, said):
    with pytest.raises(REFUSED, match=said):
        wrong()


@over(TRANSFORMS | MIXED)
def test_transforms_that_cannot_be_made_or_lose_the_picture_are_refused(wrong, said):
    with pytest.raises(REFUSED, match=said):
        wrong()


def refused_before_it_begins(model, wrong, said):
    before = weights(model)
    with pytest.raises(REFUSED, match=said):
        wrong(model)
    assert (model.steps_done, model.seen) == (0, None)
    assert all(torch.equal(value, before[name]) for name, value in weights(model).items())


@pytest.mark.parametrize(
    ("make", "of", "said"),
    [
        (
            lambda: gmm(rng(), shape=2),
            lambda: moons()[:1],
            "data must have a row for each component: 2 in all, got 1",
        ),
        (
            lambda: gmm(rng(), classes=10),
            lambda: joined()[4:],
            "2 labelled as class 0, got 1",
        ),
        (
            lambda: gmm(rng(), shape=2),
            lambda: augment.Augmented(moons(), transform=augment.Mixup(2)),
            "data must be a Dataset: GaussianMixture takes all rows at once, got Augmented",
        ),
        (
            lambda: banks.PerClass(lambda: gmm(rng(), shape=2), classes=2),
            lambda: augment.Augmented(moons(), transform=augment.Mixup(2)),
            "data must be a Dataset: PerClass takes all rows at once, got Augmented",
        ),
    ],
    ids=["too few rows", "too few labels", "rows that change", "rows that change per class"],
)
def test_rows_that_em_cannot_start_from_are_refused_before_it_begins(make, of, said):
    refused_before_it_begins(make(), lambda model: train(model, of()), said)


@kinds()
def test_counts_may_be_integers_of_numpy(kind):
    model = kind.new()
    training = run(model, kind.data(), np.int64(2), monitor_every=np.int32(1))
    assert (training.steps, type(training.steps)) == (2, int)
    if "samples" in kind.can:
        label = None if model.classes is None else 0
        assert len(model.sample(np.int64(3), label=label, rng=rng())) == 3


@kinds()
def test_what_training_is_told_wrongly_leaves_no_trace_on_the_model(kind):
    model, of = kind.new(), kind.data()
    for wrong, said in (
        ({"steps": 1, "monitors": [len]}, "monitors must be a dictionary"),
        ({"steps": 1, "monitor_every": NAN}, "monitor_every must be"),
        ({"steps": 1, "batch_size": NAN}, "batch_size must be|does not know"),
        ({"steps": 1, "lr": HUGE}, "lr must be finite|does not know"),
        ({"steps": 1, "gibbs_steps": 0}, "gibbs_steps must be|does not know"),
    ):
        refused_before_it_begins(model, lambda m, w=wrong: run(m, of, **w), said)


def test_a_first_batch_that_a_model_cannot_use_leaves_no_trace():
    class Halved(augment.Transform):
        def on_batch(self, batch, rng):
            return batch._replace(y=batch.y / 2)

    model = vae(rng(), classes=10)
    with pytest.raises(RuntimeError):
        run(model, augment.Augmented(labelled(), transform=Halved()), 1)
    assert (model.steps_done, model.seen, model.training) == (0, None, False)


def test_a_mixture_without_classes_tells_none_apart():
    with pytest.raises(
        ValueError, match=r"classes must be given to a mixture that predicts, got None"
    ):
        gmm(rng()).predict(labelled().x)


@kinds()
def test_only_models_that_can_use_unlabelled_rows_get_them(kind):
    model = kind.new()
    if model.classes is None or model.takes_unlabelled:
        return
    of = joined() if model.shape == PICTURE else data.join(moons(), Dataset(moons().x))
    of = StackedData([of] * model.stack) if model.stack else of
    said = f"data must be labelled throughout: {type(model).__name__} cannot learn y = -1"
    refused_before_it_begins(model, lambda model: train(model, of), said)


@kinds()
def test_only_classifiers_learn_from_labels_that_are_blended(kind):
    model, source = kind.new(), kind.data()
    if model.classes is None or not source.labelled:
        return
    blends = [augment.Mixup(model.classes), [augment.CutMix(model.classes)]]
    for blend in blends if len(model.shape) == 3 else blends[:1]:  # CutMix is for pictures
        of = augment.Augmented(source, transform=blend)
        if model.takes_soft_labels:
            if model.shape == PICTURE:
                train(kind.new(), of)
        elif "batch_size" in model.defaults:
            said = f"data must have one label a row: {type(model).__name__} cannot learn the labels"
            refused_before_it_begins(model, lambda model, of=of: train(model, of), said)


@kinds(can="classifies")
def test_scoring_needs_pictures_of_the_right_shape_and_their_answers(kind):
    model = kind.new()
    score = model.accuracies if model.stack else model.accuracy
    with pytest.raises(REFUSED, match="test must be labelled throughout"):
        score(split().pool)
    with pytest.raises(
        (TypeError, ValueError), match=r"test must have examples of shape \(1, 8, 8\), got \(2,"
    ):
        score(moons())


def test_an_ensemble_takes_a_data_set_for_each_of_its_models():
    for of, found in ((labelled(), "no"), (StackedData([labelled()] * 2), "2")):
        said = f"data must hold 3 stacked data sets for Ensemble, got {found} stacked"
        refused_before_it_begins(ensemble(rng()), lambda model, of=of: train(model, of), said)


def test_a_single_bank_for_a_stack_is_refused():
    bank = banks.bank(vae(rng(), classes=10), per_class=1, rng=rng())
    with pytest.raises(REFUSED, match="bank must be stacked as the data are"):
        augment.Augmented(stacked(), bank=bank)


def test_a_device_that_was_refused_leaves_the_chosen_one():
    before = machine.device()
    with pytest.raises(REFUSED, match="cannot be used on this machine"):
        machine.use_device("cuda:99")
    assert machine.device() == before


def test_a_leak_explains_itself_and_what_to_do():
    model = classifier(rng())
    run(model, labelled(), 1)
    with pytest.raises(data.Leak) as found:
        model.accuracy(labelled()[:7])
    for words in ("has seen 7 of the 7 rows", "memory, not learning", "score on its test half"):
        assert words in str(found.value)


def test_a_study_refuses_what_it_cannot_pair():
    arm = evaluate.Arm("affine", transform=augment.Affine())
    with pytest.raises(
        (TypeError, ValueError), match="repeats must be an integer of at least 2, got 1"
    ):
        evaluate.study([arm], repeats=1)
    with pytest.raises(REFUSED, match="arms must have different names"):
        evaluate.study([arm, arm])
