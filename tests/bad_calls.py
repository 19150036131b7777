"""Calls that a reader should not make, made up from calls that are right, and what became of them.

`ENTRANCES` holds a right call of each entrance that a reader uses. `bad_calls` spoils one argument
of it at a time, by a value of another type or out of range, and `outcome` makes the call and says
how it was answered.

`python tests/bad_calls.py` prints how many were answered how, area by area.
"""

import inspect
import linecache
import math
import random
import re
import signal
import sys
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

import kinds
import numpy as np
import torch
from torch import Tensor, nn

import genaug_lessons
from genaug_lessons import augment, banks, data, evaluate, plots, widgets
from genaug_lessons import nn as layers
from genaug_lessons import random as chance
from genaug_lessons.augment import corruption
from genaug_lessons.data import Batch, BatchSource, Dataset
from genaug_lessons.ensemble import Ensemble, StackedData
from genaug_lessons.model import Model
from genaug_lessons.models import (
    autoencoder,
    classifier,
    dbn,
    dropout,
    gan,
    gmm,
    likelihoods,
    nce,
    rbm,
    score,
    vae,
)
from genaug_lessons.nn import Architecture, Conv, Dense
from genaug_lessons.random import generator
from genaug_lessons.training import fit, training_steps

PACKAGE = str(Path(genaug_lessons.__file__).parent)
NAN, INFINITE = math.nan, math.inf


def rng() -> torch.Generator:
    """The generator that right calls get."""
    return generator(0)


@cache
def few() -> Dataset:
    """Ten labelled digits, one of each class."""
    return data.split(data.digits(), labels_per_class=1, repeat=0).labelled


@cache
def unseen() -> Dataset:
    """Thirty digits of the test half."""
    return kinds.split().test[:30]


@cache
def plane() -> Dataset:
    """Points of the plane in two classes."""
    return kinds.moons()


def pictures() -> Tensor:
    """Four pictures of 8x8."""
    return few().values[:4].clone()


def binary() -> Tensor:
    """Four pictures of zeros and ones."""
    return (pictures() > 0.5).float()


def rows(n: int, width: int = 2) -> Tensor:
    """n different rows."""
    return torch.linspace(-1.0, 1.0, n * width).view(n, width)


def labels() -> Tensor:
    """Labels of four rows."""
    return torch.arange(4)


def line(x: Tensor) -> Tensor:
    """A score, a denoiser, a change: half of what comes."""
    return 0.5 * x


def trained(model, source, steps: int = 2):
    """The model after a step or two."""
    return fit(model, source, steps=steps, rng=rng(), show_progress=False).model


def small(**settings) -> dict:
    """Sizes of a small network, and a generator."""
    return {"network": Dense(6, 5), **settings, "rng": rng()}


def arm() -> evaluate.Arm:
    """One way to augment."""
    return evaluate.Arm("noise", transform=augment.Noise())


STUDY = {"repeats": 2, "labels_per_class": 2, "steps": 1, "first_repeat": 0, "development": False}
SPLIT = {"labels_per_class": 2, "repeat": 0, "development": False}
LOOK = {"steps": 1, "monitors": {}, "monitor_every": 1, "show_progress": False}
RUN = {**LOOK, "resume": False}
ADAM = {"batch_size": 4, "lr": 1e-3, "betas": (0.9, 0.99), "weight_decay": 0.0}

# area -> right calls: each makes its function and arguments anew
ENTRANCES: dict[str, list[Callable[[], tuple[Callable, dict]]]] = {
    "randomness": [
        lambda: (generator, {"seed": 0, "device": "cpu"}),
        lambda: (chance.spawn, {"rng": rng(), "n": 2}),
        lambda: (chance.normal, {"shape": (2, 3), "rng": rng()}),
        lambda: (chance.uniform, {"shape": (2,), "rng": rng(), "low": 0.0, "high": 1.0}),
        lambda: (chance.bernoulli, {"p": torch.full((3,), 0.5), "rng": rng()}),
    ],
    "networks": [
        lambda: (layers.linear, {"inputs": 2, "outputs": 3, "bias": True, "rng": rng()}),
        lambda: (layers.conv, {"inputs": 2, "outputs": 3, "rng": rng()}),
        lambda: (layers.dropout_mask, {"shape": (2, 3), "p": 0.5, "rng": rng()}),
        lambda: (layers.inverted_dropout, {"x": rows(2), "mask": rows(2), "p": 0.5}),
        lambda: (layers.Dropout, {"p": 0.5}),
        lambda: (
            layers.mlp,
            {
                "sizes": (4, 3, 2),
                "dropout": 0.1,
                "leak": 0.1,
                "batch_norm": True,
                "smooth": False,
                "rng": rng(),
            },
        ),
        lambda: (
            layers.small_cnn,
            {
                "shape": (1, 8, 8),
                "outputs": 3,
                "channels": (2, 3),
                "dropout": 0.1,
                "rng": rng(),
            },
        ),
        lambda: (
            layers.small_cnn_decoder,
            {"inputs": 3, "shape": (1, 8, 8), "channels": (3, 2), "rng": rng()},
        ),
    ],
    "data": [
        lambda: (
            Dataset,
            {
                "x": rows(4),
                "y": torch.tensor([0, 1, 0, 1]),
                "classes": 2,
                "support": "real",
                "ids": torch.arange(4),
                "synthetic": False,
                "held_out": False,
            },
        ),
        lambda: (few().to, {"device": "cpu"}),
        lambda: (few().batches, {"batch_size": 4, "rng": rng()}),
        lambda: (data.row_batches, {"rows": 9, "batch_size": 4, "rng": rng(), "stack": (2,)}),
        lambda: (data.refuse_leaks, {"seen": torch.arange(3), "test": unseen(), "what": "it"}),
        lambda: (StackedData, {"datasets": [few(), few()]}),
        lambda: (data.split, {"dataset": plane()[:100], "test": plane()[100:], **SPLIT}),
        lambda: (data.halves, {"dataset": plane()}),
        lambda: (data.join, {"labelled": few(), "pool": kinds.split().pool[:5]}),
        lambda: (kinds.split().with_labels, {"labels_per_class": 2}),
        lambda: (data.load, {"name": "digits"}),
        lambda: (
            data.PlaneMixture,
            {"centres": rows(3), "std": 0.1, "labels": torch.tensor([0, 1, 1])},
        ),
        lambda: (data.ring, {"modes": 3, "radius": 1.0, "std": 0.1}),
        lambda: (data.grid, {"side": 2, "spacing": 1.0, "std": 0.1}),
        lambda: (data.spiral, {"turns": 1.0, "radius": 1.0, "std": 0.1}),
        lambda: (data.two_moons, {"std": 0.1}),
        lambda: (data.islands, {"ratio": 3, "apart": 3.0, "std": 0.1}),
        lambda: (data.bars_and_stripes, {"side": 2}),
        lambda: (data.ring().sample, {"n": 3, "rng": rng()}),
        lambda: (data.ring().log_density, {"x": rows(3)}),
        lambda: (data.ring().score, {"x": rows(3)}),
        lambda: (data.ring().smoothed, {"sigma": 0.1}),
    ],
    "constructors": [
        lambda: (
            classifier.Classifier,
            small(shape=kinds.PICTURE, classes=3),
        ),
        lambda: (
            Dense,
            {"dropout": 0.1, "leak": 0.1, "batch_norm": True, "smooth": False},
        ),
        lambda: (Dense(3).encoder, {"shape": (4,), "outputs": 2, "classes": 3, "rng": rng()}),
        lambda: (Dense(3).decoder, {"inputs": 2, "shape": (4,), "classes": 3, "rng": rng()}),
        lambda: (Conv, {"dropout": 0.1}),
        lambda: (
            Conv(3).encoder,
            {"shape": kinds.PICTURE, "outputs": 2, "classes": 3, "rng": rng()},
        ),
        lambda: (
            Conv(3).decoder,
            {"inputs": 2, "shape": kinds.PICTURE, "classes": 3, "rng": rng()},
        ),
        lambda: (
            vae.VAE,
            small(
                shape=(1, 8, 8), latent=2, classes=3, likelihood=likelihoods.Bernoulli(), beta=1.0
            ),
        ),
        lambda: (
            autoencoder.Autoencoder,
            small(
                shape=(1, 8, 8),
                latent=2,
                code="linear",
                loss="squared",
                corruption=corruption.Masking(0.2),
                contraction=0.0,
                tied=False,
            ),
        ),
        lambda: (
            gan.GAN,
            {
                "shape": (1, 8, 8),
                "latent": 3,
                "generator": Dense(4),
                "discriminator": Dense(5),
                "classes": 3,
                "loss": "minimax",
                "support": "unit",
                "instance_noise": 0.1,
                "rng": rng(),
            },
        ),
        lambda: (
            gmm.GaussianMixture,
            {
                "shape": 2,
                "components": 2,
                "covariance": "full",
                "pooled": 0.1,
                "sphere": 0.1,
                "means": rows(2),
                "classes": None,
                "rng": rng(),
            },
        ),
        lambda: (
            rbm.RBM,
            {"shape": 6, "hidden": 4, "classes": 2, "visible": "binary", "rng": rng()},
        ),
        lambda: (
            dbn.DBN,
            {"shape": 6, "hidden": (4, 3), "classes": 2, "visible": "binary", "rng": rng()},
        ),
        lambda: (
            score.ScoreNetwork,
            small(shape=2, sigmas=(1.0, 0.5), objective="denoising", classes=2, support="real"),
        ),
        lambda: (
            nce.EnergyModel,
            small(shape=2, noise=nce.UniformNoise(2, -3.0, 3.0), ratio=2),
        ),
        lambda: (nce.UniformNoise, {"shape": 2, "low": 0.0, "high": 1.0}),
        lambda: (Ensemble, {"models": [kinds.classifier(rng()) for _ in range(2)]}),
        lambda: (
            banks.PerClass,
            {"make_model": lambda: kinds.gmm(rng(), shape=2), "classes": 2},
        ),
        lambda: (corruption.GaussianNoise, {"std": 0.1}),
        lambda: (corruption.Masking, {"fraction": 0.1}),
        lambda: (corruption.SaltAndPepper, {"fraction": 0.1}),
        lambda: (corruption.Masking(0.2), {"x": pictures(), "rng": rng()}),
        lambda: (
            classifier.Classifier.on,
            {
                "encoder": kinds.autoencoder(rng()).encoder,
                "shape": kinds.PICTURE,
                "classes": 3,
                "seen": None,
                "dropout": 0.1,
                "rng": rng(),
            },
        ),
        lambda: (kinds.dbn(rng()).encoder, {}),
    ],
    "training": [
        lambda: (
            fit,
            {
                "model": kinds.classifier(rng()),
                "data": few(),
                "rng": rng(),
                **RUN,
                **ADAM,
                "schedule": "cosine",
            },
        ),
        lambda: (
            training_steps,
            {
                "model": kinds.vae(rng()),
                "data": few(),
                "rng": rng(),
                **{name: value for name, value in RUN.items() if name != "show_progress"},
                **ADAM,
                "schedule": "constant",
            },
        ),
        lambda: (
            fit,
            {
                "model": kinds.gan(rng()),
                "data": few(),
                "rng": rng(),
                **RUN,
                **ADAM,
                "discriminator_steps": 1,
                "players": ("discriminator", "generator"),
            },
        ),
        lambda: (
            fit,
            {
                "model": kinds.rbm(rng()),
                "data": few(),
                "rng": rng(),
                **RUN,
                "batch_size": 4,
                "lr": 0.01,
                "momentum": 0.5,
                "weight_decay": 0.0,
                "gibbs_steps": 1,
                "persistent_chains": 0,
            },
        ),
        lambda: (
            fit,
            {
                "model": kinds.dbn(rng()),
                "data": few(),
                "rng": rng(),
                **RUN,
                "batch_size": 4,
                "lr": 0.01,
                "layers": [0],
            },
        ),
        lambda: (
            fit,
            {"model": kinds.gmm(rng(), shape=2), "data": plane(), "rng": rng(), **RUN},
        ),
        lambda: (
            dbn.fit_greedily,
            {"model": kinds.dbn(rng()), "data": few(), "rng": rng(), **LOOK, "lr": 0.01},
        ),
        lambda: (
            banks.PerClass(lambda: kinds.gmm(rng(), shape=2), classes=2).check_data,
            {"data": plane()},
        ),
    ],
    "methods": [
        lambda: (kinds.classifier(rng()), {"x": pictures(), "rng": rng()}),
        lambda: (kinds.classifier(rng()).predict, {"x": pictures()}),
        lambda: (kinds.classifier(rng()).log_probs, {"x": pictures()}),
        lambda: (kinds.classifier(rng()).accuracy, {"test": unseen()}),
        lambda: (kinds.classifier(rng()).check_test, {"test": unseen()}),
        lambda: (kinds.ensemble(rng()).predict, {"x": pictures()}),
        lambda: (kinds.ensemble(rng()).accuracies, {"test": unseen()}),
        lambda: (
            kinds.vae(rng(), classes=10).sample,
            {"n": 2, "label": 1, "rng": rng()},
        ),
        lambda: (kinds.vae(rng(), classes=10).labels_for, {"n": 2, "label": 1}),
        lambda: (kinds.vae(rng(), classes=10).encode, {"x": pictures(), "label": labels()}),
        lambda: (kinds.vae(rng(), classes=10).decode, {"z": rows(4, 3), "label": labels()}),
        lambda: (
            kinds.vae(rng(), classes=10).elbo,
            {"x": pictures(), "label": labels(), "noise": rows(4, 3)},
        ),
        lambda: (
            kinds.vae(rng(), classes=10).interpolate,
            {"x": pictures()[0], "other": pictures()[1], "steps": 3, "label": 1},
        ),
        lambda: (kinds.autoencoder(rng()).reconstruct, {"x": pictures()}),
        lambda: (kinds.autoencoder(rng()).reconstruction_error, {"x": pictures()}),
        lambda: (
            kinds.gan(rng(), classes=10).sample,
            {"n": 2, "label": torch.tensor([1, 3]), "rng": rng()},
        ),
        lambda: (
            kinds.gan(rng(), classes=10).probability_real,
            {"x": pictures(), "label": labels()},
        ),
        lambda: (kinds.gan(rng()).descent_direction, {"x": pictures(), "label": None}),
        lambda: (
            trained(kinds.gmm(rng(), shape=2, classes=2), plane()).sample,
            {"n": 2, "label": 1, "rng": rng()},
        ),
        lambda: (trained(kinds.gmm(rng(), shape=2), plane()).log_density, {"x": rows(3)}),
        lambda: (
            kinds.gmm(rng(), shape=2).set_parameters,
            {"pi": torch.full((2,), 0.5), "mu": rows(2), "Sigma": torch.eye(2).repeat(2, 1, 1)},
        ),
        lambda: (
            kinds.rbm(rng(), classes=10).sample,
            {"n": 2, "label": 1, "gibbs_steps": 1, "rng": rng()},
        ),
        lambda: (
            kinds.rbm(rng()).gibbs_chain,
            {"v": binary().flatten(1), "clamp_label": False, "rng": rng()},
        ),
        lambda: (kinds.rbm(rng()).free_energy, {"v": binary().flatten(1)}),
        lambda: (
            kinds.dbn(rng(), classes=10).sample,
            {"n": 2, "label": 1, "gibbs_steps": 1, "rng": rng()},
        ),
        lambda: (
            kinds.dbn(rng()).variational_bound,
            {"x": binary(), "label": None, "log_z": 3.0, "draws": 2, "rng": rng()},
        ),
        lambda: (
            kinds.score_network(rng(), classes=10).sample,
            {"n": 2, "label": 1, "steps": 1, "step_size": 0.1, "rng": rng()},
        ),
        lambda: (
            kinds.score_network(rng()).score,
            {"x": pictures(), "sigma": 0.5, "label": None},
        ),
        lambda: (kinds.energy_model(rng()).log_density, {"x": pictures()}),
        lambda: (nce.UniformNoise(2, 0.0, 1.0).sample, {"n": 3, "rng": rng()}),
        lambda: (
            banks.PerClass(lambda: kinds.rbm(rng(), shape=2), classes=2).sample,
            {"n": 2, "label": 1, "rng": rng()},
        ),
    ],
    "functions": [
        lambda: (vae.gaussian_kl, {"mean": rows(3), "log_var": rows(3)}),
        lambda: (vae.reparameterise, {"mean": rows(3), "log_var": rows(3), "noise": rows(3)}),
        lambda: (
            likelihoods.bernoulli_log_likelihood,
            {"x": binary().flatten(1), "logits": rows(4, 64)},
        ),
        lambda: (
            vae.importance_weighted_bound,
            {
                "model": kinds.vae(rng()),
                "x": pictures(),
                "label": None,
                "draws": 2,
                "rng": rng(),
            },
        ),
        lambda: (vae.active_units, {"mean": rows(3), "threshold": 0.01}),
        lambda: (
            autoencoder.denoising_score,
            {"x": pictures(), "reconstruction": pictures(), "std": 0.3},
        ),
        lambda: (dropout.scale_at_test, {"x": rows(3), "p": 0.5}),
        lambda: (dropout.all_masks, {"n": 3}),
        lambda: (dropout.mask_probabilities, {"masks": torch.ones(3, 2), "p": 0.5}),
        lambda: (
            dropout.dropout_regression,
            {"x": rows(4), "y": torch.arange(4.0), "p": 0.5},
        ),
        lambda: (
            dropout.dropout_squared_error,
            {"x": rows(4), "y": torch.arange(4.0), "w": torch.ones(2), "p": 0.5},
        ),
        lambda: (
            dropout.monte_carlo,
            {
                "model": kinds.classifier(rng(), network=Dense(4, dropout=0.5)),
                "x": pictures(),
                "draws": 2,
                "rng": rng(),
            },
        ),
        lambda: (gan.discriminator_loss, {"real": rows(3)[:, 0], "fake": rows(3)[:, 1]}),
        lambda: (
            gan.dirac_game,
            {"start": (1.0, 0.0), "lr": 0.1, "steps": 2, "alternating": True, "penalty": 0.1},
        ),
        lambda: (
            gmm.shrink,
            {
                "Sigma": torch.eye(2).repeat(2, 1, 1),
                "pi": torch.full((2,), 0.5),
                "pooled": 0.1,
                "sphere": 0.1,
            },
        ),
        lambda: (
            score.langevin_step,
            {"score": line, "x": rows(3), "noise": rows(3), "step_size": 0.1},
        ),
        lambda: (
            score.langevin,
            {"score": line, "x": rows(3), "step_size": 0.1, "steps": 2, "rng": rng()},
        ),
        lambda: (
            score.annealed_langevin,
            {
                "score": lambda x, sigma: x,
                "x": rows(3),
                "sigmas": [1.0, 0.5],
                "step_size": 0.1,
                "steps": 1,
                "rng": rng(),
            },
        ),
        lambda: (score.geometric_levels, {"first": 1.0, "last": 0.1, "count": 3}),
        lambda: (nce.nce_loss, {"data": rows(3)[:, 0], "noise": rows(3)[:, 1]}),
        lambda: (
            nce.discriminator_log_density,
            {"logits": rows(3)[:, 0], "log_noise": rows(3)[:, 1], "ratio": 2.0},
        ),
        lambda: (nce.info_nce_loss, {"scores": rows(2)}),
        lambda: (rbm.log_partition, {"model": kinds.rbm(rng()), "layer": "hidden"}),
        lambda: (
            rbm.exact_states,
            {"model": rbm.RBM(4, 3, rng=rng()), "n": 2, "rng": rng()},
        ),
        lambda: (
            rbm.log_likelihood,
            {"model": kinds.rbm(rng()), "x": binary(), "label": None, "log_z": 3.0},
        ),
        lambda: (
            rbm.annealed_log_partition,
            {
                "model": kinds.rbm(rng()),
                "runs": 2,
                "betas": torch.tensor([0.0, 1.0]),
                "base": torch.zeros(64),
                "rng": rng(),
            },
        ),
        lambda: (score.explicit_score_loss, {"score": line, "x": rows(3), "target": rows(3)}),
        lambda: (
            score.sliced_score_loss,
            {"score": line, "x": rows(3), "directions": rows(3), "variance_reduced": True},
        ),
        lambda: (
            score.denoising_score_loss,
            {"score": line, "x": rows(3), "noise": rows(3), "sigma": 0.5},
        ),
    ],
    "augmentation": [
        lambda: (augment.Affine, {"rotation": 5.0, "shift": 0.5, "scale": 0.1, "shear": 3.0}),
        lambda: (augment.Flip, {"p": 0.5, "vertical": False}),
        lambda: (augment.Crop, {"padding": 1}),
        lambda: (augment.Noise, {"std": 0.1}),
        lambda: (augment.Brightness, {"change": 0.1}),
        lambda: (augment.Contrast, {"change": 0.1}),
        lambda: (augment.Erase, {"p": 0.5, "area": (0.1, 0.3), "aspect": 0.5, "fill": 0.0}),
        lambda: (augment.Mixup, {"classes": 10, "alpha": 0.2}),
        lambda: (augment.CutMix, {"classes": 10, "alpha": 0.2}),
        lambda: (augment.PerPicture, {"change": line}),
        lambda: (augment.Compose, {"transforms": [augment.Flip(), augment.Noise()]}),
        lambda: (augment.as_transform, {"value": augment.Flip()}),
        lambda: (augment.Affine(), {"x": pictures(), "rng": rng()}),
        lambda: (augment.Noise().draw_for, {"x": pictures(), "rng": rng()}),
        lambda: (augment.Crop().draw, {"n": 3, "rng": rng()}),
        lambda: (
            augment.Mixup(10).on_batch,
            {"batch": Batch(pictures(), labels()), "rng": rng()},
        ),
        lambda: (
            augment.Augmented,
            {
                "data": few(),
                "bank": kinds.split().labelled,
                "transform": augment.Noise(),
                "share": 0.5,
            },
        ),
        lambda: (
            augment.Augmented(few(), transform=augment.Noise()).batches,
            {"batch_size": 4, "rng": rng()},
        ),
        lambda: (
            banks.bank,
            {"model": kinds.vae(rng(), classes=10), "per_class": 1, "rng": rng()},
        ),
        lambda: (banks.labelled_by, {"model": kinds.classifier(rng()), "pool": few()}),
        lambda: (
            banks.pseudo_labelled,
            {
                "split": kinds.split(),
                "steps": 1,
                "transform": augment.Noise(),
                "share": 0.5,
                "make_classifier": small_classifier,
                "rng": rng(),
            },
        ),
        lambda: (
            banks.interpolation_bank,
            {
                "model": kinds.autoencoder(rng()),
                "data": kinds.split().labelled,
                "per_class": 1,
                "reach": 0.5,
                "rng": rng(),
            },
        ),
    ],
    "evaluation": [
        lambda: (evaluate.estimate, {"values": [0.1, 0.2, 0.4]}),
        lambda: (evaluate.paired_gain, {"treated": [0.3, 0.5], "baseline": [0.1, 0.2]}),
        lambda: (evaluate.claim, {"sentence": "It holds.", "holds": True}),
        lambda: (
            evaluate.classification_accuracy_score,
            {
                "bank": few(),
                "test": unseen(),
                "steps": 1,
                "rng": rng(),
                "network": Dense(4),
            },
        ),
        lambda: (evaluate.frechet_distance, {"x": rows(4), "y": rows(5)}),
        lambda: (evaluate.nearest_distance, {"x": rows(4), "train": rows(5)}),
        lambda: (
            evaluate.copy_rate,
            {"samples": rows(4), "train": rows(5), "held_out": rows(6), "quantile": 0.1},
        ),
        lambda: (evaluate.mode_shares, {"x": rows(4), "centres": rows(2), "radius": 0.5}),
        lambda: (evaluate.modes_covered, {"x": rows(4), "centres": rows(2), "radius": 0.5}),
        lambda: (
            evaluate.under_corruptions,
            {"model": kinds.classifier(rng()), "test": unseen(), "rng": rng()},
        ),
        lambda: (
            evaluate.Arm,
            {
                "name": "a",
                "bank": lambda split, rng: split.labelled,
                "transform": augment.Noise(),
                "share": 0.5,
                "start": None,
                "loss": None,
            },
        ),
        lambda: (evaluate.Score, {"name": "s", "function": len, "better": "lower"}),
        lambda: (evaluate.recall, {"label": 1}),
        lambda: (evaluate.average_precision, {"label": 1}),
        lambda: (evaluate.expected_cost, {"costs": [[0.0, 1.0], [2.0, 0.0]]}),
        lambda: (evaluate.once_per_repeat, {"function": len}),
        lambda: (evaluate.Arm.duplicates, {"share": 0.5}),
        lambda: (evaluate.Arm.more_labels, {"labels_per_class": 3, "share": 0.5}),
        lambda: (
            evaluate.study,
            {
                "arms": [arm()],
                "data": data.digits(),
                **STUDY,
                "score": evaluate.accuracy,
                "make_classifier": small_classifier,
                "show_progress": False,
                "batch_size": 4,
                "lr": 1e-3,
            },
        ),
    ],
    "plots": [
        lambda: (
            plots.image_grid,
            {
                "images": pictures(),
                "columns": 2,
                "rows": ["a", "b"],
                "about": "digits",
                "boxes": None,
            },
        ),
        lambda: (plots.histories, {"curves": {"a": [1.0, 2.0]}, "ylabel": "y", "xlabel": "x"}),
        lambda: (
            plots.curves,
            {"at": [1.0, 2.0], "values": {"a": [1.0, 2.0]}, "xlabel": "x", "ylabel": "y"},
        ),
        lambda: (plots.plane, {"extent": 1.0, "points": 4}),
        lambda: (
            plots.density,
            {
                "where": plots.plane(1.0, 4),
                "values": torch.linspace(0, 1, 16),
                "samples": rows(3),
                "about": "density",
                "unit": "1",
            },
        ),
        lambda: (plots.samples, {"points": {"a": rows(3)}, "axes": ("x", "y")}),
        lambda: (plots.layers, {"networks": {"a": "v <- h"}}),
        lambda: (
            plots.forest,
            {"effects": {"a": (1.0, 0.5, 1.5)}, "xlabel": "x", "digits": 1},
        ),
    ],
    "widgets": [
        lambda: (
            widgets.ChainsExplorer,
            {
                "model": rbm_of_labels(),
                "judge": kinds.classifier(rng()),
                "steps": 1,
                "seed": 0,
            },
        ),
        lambda: (
            widgets.ChangesExplorer,
            {"model": kinds.classifier(rng()), "pictures": pictures(), "labels": labels()},
        ),
        lambda: (
            widgets.DenoisingExplorer,
            {
                "toy": data.ring(),
                "denoisers": {0.1: kinds.autoencoder(rng(), shape=2, loss="squared")},
                "extent": 2.0,
            },
        ),
        lambda: (widgets.GibbsExplorer, {"model": rbm.RBM(2, 2, rng=rng()), "seed": 0}),
        lambda: (
            widgets.LatentExplorer,
            {"model": kinds.vae(rng(), latent=2), "data": kinds.split().labelled},
        ),
        lambda: (
            widgets.LiveTraining,
            {
                "training": training_steps(kinds.vae(rng()), few(), steps=1, rng=rng()),
                "picture": None,
                "figure": None,
                "driver": None,
                "pace": 0.1,
            },
        ),
        lambda: (
            widgets.MixtureExplorer,
            {"points": plane().x, "max_components": 2, "passes": 1, "seed": 0},
        ),
        lambda: (
            widgets.WalkingExplorer,
            {
                "toy": data.ring(),
                "model": kinds.score_network(rng(), shape=2),
                "extent": 3.0,
                "rng": rng(),
            },
        ),
    ],
}


def small_classifier(shape, *, classes, rng) -> classifier.Classifier:
    """A network of one layer, for studies that only have to begin."""
    return classifier.Classifier(shape, classes=classes, network=Dense(), rng=rng)


def rbm_of_labels() -> rbm.RBM:
    """A trained RBM with label units."""
    return trained(kinds.rbm(rng(), classes=10), few())


# One value of each type; each is wrong wherever an annotation names no type it is of.
VALUES: dict[str, Callable[[], object]] = {
    "nothing": lambda: None,
    "text": lambda: "3",
    "integer": lambda: 3,
    "fraction": lambda: 3.5,
    "truth": lambda: True,
    "numbers": lambda: [3, 4],
    "texts": lambda: ["a", "b"],
    "mapping": lambda: {"a": 1},
    "tensor": lambda: torch.zeros(2, 2),
    "array": lambda: np.zeros((2, 2)),
    "rng": rng,
    "data set": plane,
    "model": lambda: kinds.vae(rng()),
    "object": object,
}
# what an annotation accepts of them
RIGHT: dict[Any, set[str]] = {
    NoneType: {"nothing"},
    str: {"text"},
    int: {"integer"},
    float: {"integer", "fraction"},
    bool: {"truth"},
    Tensor: {"tensor"},
    torch.Generator: {"rng"},
    Dataset: {"data set"},
    BatchSource: {"data set"},
    Callable: {"model"},  # a module can be called
    Architecture: {"model"},  # it may have an encoder and a decoder; refused a line later
    Mapping: {"mapping"},
    dict: {"mapping"},
    Sequence: {"numbers", "texts"},
    tuple: {"numbers", "texts"},
    Iterable: {"numbers", "texts", "text", "mapping", "tensor", "array"},
    Any: set(VALUES),
    object: set(VALUES),
}
SERIES = (tuple, list, Sequence, Collection)

# Out of range for every number and count, unless `ACCEPTED` says why not.
NUMBERS = {"nan": NAN, "infinite": INFINITE, "minus infinite": -INFINITE}
COUNTS = {"minus one": -1}
# Right or wrong as the argument may have it; whoever refuses them must say so clearly.
DOUBTFUL = {
    int: {"zero": 0},
    float: {"zero": 0.0, "minus one": -1.0},
    str: {"no word": "", "a strange word": "nonsense"},
}


def right_values(hint: Any) -> set[str]:
    """Which of `VALUES` are of the annotated type."""
    origin, inner = get_origin(hint), get_args(hint)
    if hint in RIGHT:
        return RIGHT[hint]
    if origin is Annotated:
        return right_values(inner[0])
    if origin in (Union, UnionType):
        return set().union(*map(right_values, inner))
    if origin in SERIES:
        if origin is tuple and inner[-1] is not ... and len(inner) != 2:
            return set()
        element = right_values(inner[0])
        return {
            name for name, part in (("numbers", "integer"), ("texts", "text")) if part in element
        }
    if origin in (Callable, Iterable):
        return RIGHT[origin]
    if isinstance(origin, type) and issubclass(origin, Mapping):
        key, content = map(right_values, inner)
        return {"mapping"} if "text" in key and "integer" in content else set()
    if isinstance(hint, type) and hint in vae.VAE.__mro__:
        return {"model"}
    return set()


def plain(hint: Any) -> set[type]:
    """The plain types of which the annotation is, or holds several of: int for tuple[int, ...]."""
    inner = [part for part in get_args(hint) if part is not ...]
    if get_origin(hint) in (Union, UnionType, Annotated, *SERIES):
        return set().union(*map(plain, inner))
    return {hint} & {int, float, str}


def wrong_values(hint: Any) -> dict[str, object]:
    """Name -> a value that must be refused."""
    right = right_values(hint)
    wrong = {name: make() for name, make in VALUES.items() if name not in right}
    kinds_of = plain(hint)
    if float in kinds_of or int in kinds_of:
        numbers = NUMBERS | (COUNTS if float not in kinds_of else {})
        single = {"integer", "fraction"} & right
        for name, value in numbers.items():
            if single:
                wrong[name] = value
            if "numbers" in right:
                wrong[f"{name} within"] = [value, value]
    return wrong


def doubtful_values(hint: Any) -> dict[str, object]:
    """Name -> a value that may be refused."""
    return {
        name: value
        for part in plain(hint)
        for name, value in DOUBTFUL[part].items()
        if {"integer", "fraction", "text"} & right_values(hint)
    }


# What is right to accept although a rule above calls it wrong: (entrance, argument, value) -> why.
WITHIN_A_STEP = "bare arithmetic within a step of training: what comes goes through"
ACCEPTED: dict[tuple[str, str, str], str] = {
    (name, argument, value): WITHIN_A_STEP
    for name, argument in (
        ("uniform", "low"),
        ("uniform", "high"),
        ("dropout_mask", "p"),
        ("inverted_dropout", "p"),
    )
    for value in ("nan", "infinite", "minus infinite")
}
# What the error calls an argument instead of its own name.
ALIASES = {("Dropout", "p"): "dropout"}


@dataclass(frozen=True)
class BadCall:
    """A right call with one argument spoilt."""

    area: str
    entrance: Callable[[], tuple[Callable, dict]]
    name: str
    argument: str
    what: str
    value: object
    must: bool

    def __str__(self) -> str:
        return f"{self.name}({self.argument}: {self.what})"


def name_of(function: Callable) -> str:
    """The entrance's name: "VAE.sample", "fit", and of what is called itself, its class."""
    if inspect.isroutine(function) or isinstance(function, type):
        return function.__qualname__
    return f"{type(function).__name__}()"


def annotations(function: Callable) -> dict[str, Any]:
    """The annotated types of its arguments, those of a constructor for a class."""
    if isinstance(function, type):
        function = function.__init__
    elif not inspect.isroutine(function):
        function = function.forward if isinstance(function, nn.Module) else type(function).__call__
    return get_type_hints(inspect.unwrap(function), include_extras=True)


# Settings that `fit` and others take by name: their types are those of the defaults.
SETTINGS = {
    "batch_size": int,
    "lr": float,
    "betas": tuple[float, float],
    "weight_decay": float,
    "schedule": str,
    "momentum": float,
    "gibbs_steps": int,
    "persistent_chains": int,
    "discriminator_steps": int,
    "players": Sequence[str],
    "layers": Sequence[int] | None,
    "network": Architecture,
    "rng": torch.Generator,
    "resume": bool,
    "monitors": Mapping[str, Callable] | None,
    "monitor_every": int,
    "show_progress": bool,
}


def bad_calls(areas: Collection[str] = ENTRANCES) -> Iterator[BadCall]:
    """Every right call of some areas with each of its arguments spoilt in every way."""
    for area, entrances in ((area, ENTRANCES[area]) for area in areas):
        for entrance in entrances:
            function, arguments = entrance()
            hints = annotations(function)
            for argument in arguments:
                hint = hints.get(argument, SETTINGS.get(argument, Any))
                about = area, entrance, name_of(function), argument
                for what, value in wrong_values(hint).items():
                    yield BadCall(*about, what, value, must=True)
                for what, value in doubtful_values(hint).items():
                    yield BadCall(*about, what, value, must=False)


def trace(models: Iterable[nn.Module]) -> list:
    """What a call must leave as it was if it fails."""
    left = [
        torch.get_rng_state().numpy().tobytes(),
        np.random.get_state()[1].tobytes(),  # noqa: NPY002
        random.getstate(),
        torch.get_default_dtype(),
        torch.get_num_threads(),
        torch.is_grad_enabled(),
        signal.getsignal(signal.SIGINT),
    ]
    for model in models:
        left.append({name: value.clone() for name, value in model.named_parameters()})
        left.append({name: value.clone() for name, value in model.named_buffers()})
        left.append((model.training, model.seen, model.steps_done))
    return left


def same(first: object, second: object) -> bool:
    """Equality that looks into tensors; NaN is NaN."""
    if isinstance(first, Tensor) and isinstance(second, Tensor):
        return first.shape == second.shape and torch.equal(first.nan_to_num(), second.nan_to_num())
    if isinstance(first, dict) and isinstance(second, dict):
        return first.keys() == second.keys() and all(same(first[k], second[k]) for k in first)
    if isinstance(first, (list, tuple)) and isinstance(second, (list, tuple)):
        return len(first) == len(second) and all(map(same, first, second))
    return first == second


def outcome(call: BadCall) -> tuple[str, str]:
    """How the call was answered, and with what words.

    "clear", "unnamed" (by the package, but not with the argument's name), "obscure", "trace" (the
    call failed and left something changed), "accepted" or "rightly accepted".
    """
    function, arguments = call.entrance()
    arguments[call.argument] = call.value
    owner = getattr(function, "__self__", function)
    models = [value for value in (owner, *arguments.values()) if isinstance(value, Model)]
    before = trace(models)
    try:
        result = function(**arguments)
        if isinstance(result, Iterator):
            next(result, None)
    except Exception as error:
        if not same(before, trace(models)):
            return "trace", f"{type(error).__name__}: {error}"
        return _verdict(call, error), f"{type(error).__name__}: {error}"
    right = not call.must or (call.name, call.argument, call.what) in ACCEPTED
    return "rightly accepted" if right else "accepted", type(result).__name__


def _verdict(call: BadCall, error: Exception) -> str:
    """Whether the innermost frame is a `raise` of the package, and names the argument."""
    frame = error.__traceback__
    while frame.tb_next is not None:
        frame = frame.tb_next
    path, number = frame.tb_frame.f_code.co_filename, frame.tb_lineno
    by_us = path.startswith(PACKAGE) and "raise" in linecache.getline(path, number).split()
    if not by_us:
        return "obscure"
    names = call.argument, ALIASES.get((call.name, call.argument), call.argument)
    return "clear" if re.search(rf"\b({'|'.join(names)})\b", str(error)) else "unnamed"


def main() -> None:
    """Print how bad calls were answered, area by area; with "-v" what was not clear, too."""
    import warnings

    import matplotlib

    matplotlib.use("Agg")
    warnings.simplefilter("ignore")
    counts: dict[str, Counter] = {}
    for call in bad_calls():
        with redirect_stdout(None):
            verdict, said = outcome(call)
        counts.setdefault(call.area, Counter())[verdict] += 1
        if "-v" in sys.argv and verdict not in ("clear", "rightly accepted"):
            print(f"{verdict:10} {call}: {said[:150]}", flush=True)
    columns = ["clear", "unnamed", "obscure", "accepted", "rightly accepted", "trace"]
    print(f"{'area':<14}", *(f"{column:>17}" for column in columns))
    counts["all"] = sum(counts.values(), Counter())
    for area, row in counts.items():
        print(f"{area:<14}", *(f"{row[column]:>17}" for column in columns))


if __name__ == "__main__":
    main()
