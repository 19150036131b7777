"""Autoencoders: plain, linear, denoising, contractive; dense or convolutional.

An encoder squeezes x into a code z, a decoder makes x again; both learn to lose little:

    L(x, r(x~)) + lambda |dz/dx|^2,   r(x) = decode(encode(x))

where x~ is x, or x corrupted for a denoising autoencoder, and lambda is 0 unless the autoencoder is
contractive. Without hidden layers and with squared error it finds the plane of PCA (Baldi &
Hornik 1989). It has no distribution over codes, so it does not sample.

Source: Vincent et al. 2010, JMLR 11 (denoising); Rifai et al. 2011, ICML (contractive).

Letters: x (B, *shape) data, z (B, Z) codes, h (B, Z) codes of a sigmoid or tanh layer with
weights W (Z, D).
"""

import torch
from torch import Tensor, nn

from genaug_lessons.augment import Transform, as_transform
from genaug_lessons.augment.policy import Change
from genaug_lessons.checks import choice, count, number
from genaug_lessons.data import Batch, Source
from genaug_lessons.model import Model, Objective
from genaug_lessons.models.likelihoods import bernoulli_log_likelihood
from genaug_lessons.nn import (
    Architecture,
    Dense,
    Net,
    Transposed,
    check_architecture,
    refuse_dropout,
)
from genaug_lessons.random import generator
from genaug_lessons.typed import check_types

CODES = {"linear": nn.Identity, "relu": nn.ReLU, "sigmoid": nn.Sigmoid, "tanh": nn.Tanh}


def contractive_penalty_sigmoid(h: Tensor, weight: Tensor) -> Tensor:
    """Squared Frobenius norm (B,) of dh/dx for h = sigmoid(W x + b).

    Args:
        h: (B, Z) codes.
        weight: (Z, D) weights W.

    Source: Rifai et al. 2011, ICML.
    """
    return (h * (1 - h)).square() @ weight.square().sum(1)


def contractive_penalty_tanh(h: Tensor, weight: Tensor) -> Tensor:
    """Squared Frobenius norm (B,) of dh/dx for h = tanh(W x + b); as for the sigmoid."""
    return (1 - h.square()).square() @ weight.square().sum(1)


def denoising_score(x: Tensor, reconstruction: Tensor, std: float) -> Tensor:
    """The score that a denoiser knows at x, (r(x) - x) / std^2, of the shape of x.

    The best reconstruction under Gaussian noise and squared error makes it exactly the score of
    the data's density smoothed by that noise; for small std that is the score of the density.

    Args:
        x: (B, *shape) places.
        reconstruction: (B, *shape) r(x).
        std: of the noise in training, above 0.

    Source: Alain & Bengio 2014, arXiv:1211.4246; Vincent 2011, Neural Computation 23(7).
    """
    return (reconstruction - x) / number("std", std, above=0) ** 2


class Autoencoder(Model):
    """An autoencoder, dense or convolutional.

    Args:
        shape: shape of one example; (channels, height, width) for the convolutional network.
        network: what its encoder and decoder are: `Dense`, `Conv` or another `Architecture`,
            without dropout.
        latent: number of code units Z.
        code: what the code units do: "linear", "relu", "sigmoid" or "tanh".
        loss: "cross-entropy" for data in [0, 1], "squared" for real data.
        corruption: changes what the encoder sees while training, not what the decoder should
            restore: a corruption, any other transform of such examples, or a list of them.
        contraction: weight lambda of the contractive penalty, at least 0.
        tied: the decoder uses the encoder's weights, transposed.
        rng: initial weights are drawn from it; the model lives on its device.

    Raises:
        ValueError: a setting out of its range, or settings that do not go together: contraction
            needs one layer of sigmoid or tanh units, tied weights a dense network; a corruption
            that does not fit such examples, or blends labels.
    """

    def __init__(
        self,
        shape: int | tuple[int, ...],
        *,
        network: Architecture = Dense(128),
        latent: int = 16,
        code: str = "linear",
        loss: str = "cross-entropy",
        corruption: Change | None = None,
        contraction: float = 0.0,
        tied: bool = False,
        rng: torch.Generator,
    ):
        super().__init__(shape)
        check_architecture("network", network)
        latent = count("latent", latent)
        contraction = number("contraction", contraction, at_least=0)
        choice("code", code, CODES)
        choice("loss", loss, ("cross-entropy", "squared"))
        if tied and not isinstance(network, Dense):
            raise ValueError(f"tied weights need a Dense network, got {network!r}")
        self.latent, self.code, self.network = latent, code, network
        self.loss, self.contraction = loss, contraction
        self.corruption = None if corruption is None else as_transform(corruption)
        if self.corruption is not None:
            _check_corruption(self.corruption, self.shape, rng.device)
        if contraction:
            self._check_contractible()
        self.support = "unit" if loss == "cross-entropy" else "real"
        encoder = network.encoder(self.shape, latent, rng=rng)
        layers = encoder if isinstance(encoder, Net) else [encoder]
        self.encoder = Net(*layers, CODES[code]())
        if tied:
            self.decoder = _mirrored(encoder, self.shape, rng)
        else:
            self.decoder = network.decoder(latent, self.shape, rng=rng)
        refuse_dropout(self, network)

    def encode(self, x: Tensor) -> Tensor:
        """Codes (B, Z) of x (B, *shape)."""
        return self.encoder(x)

    def decode(self, z: Tensor) -> Tensor:
        """Examples (B, *shape) made from codes (B, Z)."""
        output = self.decoder(z)
        return output.sigmoid() if self.loss == "cross-entropy" else output

    def reconstruct(self, x: Tensor) -> Tensor:
        """r(x), (B, *shape): x through the code and back."""
        return self.decode(self.encode(x))

    @torch.no_grad()
    def reconstruction_error(self, x: Tensor) -> Tensor:
        """Squared error of each reconstruction, (B,), summed over the values; whatever the loss."""
        return (self.reconstruct(x) - x).square().flatten(1).sum(-1)

    def reconstruction_loss(self, x: Tensor, corrupted: Tensor) -> Tensor:
        """What restoring x costs, (B,): in nats for cross-entropy, else in the square of x.

        Summed over the values of each example.
        """
        output = self.decoder(self.encode(corrupted)).flatten(1)
        if self.loss == "cross-entropy":
            return -bernoulli_log_likelihood(x.flatten(1), output)
        return (output - x.flatten(1)).square().sum(-1)

    def contractive_penalty(self, x: Tensor) -> Tensor:
        """Squared Frobenius norm (B,) of the Jacobian of the code at x, in closed form.

        Raises:
            ValueError: an encoder other than one layer of sigmoid or tanh units.
        """
        self._check_contractible()
        h, weight = self.encode(x), self.encoder[1].weight
        if self.code == "sigmoid":
            return contractive_penalty_sigmoid(h, weight)
        return contractive_penalty_tanh(h, weight)

    def check_data(self, data: Source) -> None:
        """Raise a ValueError unless the data fit the model and the corruption."""
        super().check_data(data)
        if self.corruption is not None:
            self.corruption.check_data(data)

    def objectives(self) -> list[Objective]:
        """The mean over the batch of the reconstruction loss, and lambda times the penalty."""

        def loss(batch: Batch, rng: torch.Generator) -> Tensor:
            x = batch.x
            seen = batch if self.corruption is None else self.corruption.on_batch(Batch(x), rng)
            losses = self.reconstruction_loss(x, seen.x)
            if self.contraction:
                losses = losses + self.contraction * self.contractive_penalty(x)
            return losses.mean()

        return [Objective("reconstruction", list(self.parameters()), loss)]

    def _check_contractible(self) -> None:
        if self.network != Dense() or self.code not in ("sigmoid", "tanh"):
            raise ValueError(
                'the contractive penalty needs network=Dense() and code "sigmoid" or "tanh", where '
                f"it has a closed form, got {self.network!r} and {self.code!r}; for other encoders "
                "use a small corruption=GaussianNoise(std)"
            )


def _check_corruption(corruption: Transform, shape: tuple[int, ...], device: torch.device) -> None:
    """Raise a ValueError unless it changes black examples of this shape and nothing else."""
    if corruption.blends_labels:
        raise ValueError(f"corruption must leave labels alone, got {corruption!r}")
    x = torch.zeros((2, *shape), device=device)
    try:
        corrupted = corruption.on_batch(Batch(x), generator(0, device)).x
    except ValueError as error:
        raise ValueError(f"corruption must fit examples of shape {shape}: {error}") from None
    if corrupted.shape != x.shape:
        given = tuple(corrupted.shape[1:])
        raise ValueError(f"corruption must keep the shape {shape}, got {given}")


def _mirrored(encoder: Net, shape: tuple[int, ...], rng: torch.Generator) -> Net:
    """The dense layers backwards, with the same weights and ReLU between them."""
    forwards = [layer for layer in encoder if isinstance(layer, nn.Linear)]
    layers = []
    for layer in reversed(forwards):
        layers += [Transposed(layer, rng=rng), nn.ReLU()]
    return Net(*layers[:-1], nn.Unflatten(1, shape))


check_types(__name__)
