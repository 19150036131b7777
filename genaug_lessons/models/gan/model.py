"""Generative adversarial networks: two players, each with a loss of its own.

A generator G turns noise z ~ N(0, I) into examples x; a discriminator D gives each example a
number, its logit, whose sigmoid is the probability that the example is real. The discriminator
learns to tell, the generator to be taken for real:

    min_G max_D  E log D(x) + E log(1 - D(G(z)))

Source: Goodfellow et al. 2014, arXiv:1406.2661. Labels: Mirza & Osindero 2014, arXiv:1411.1784.
Noise on all that the discriminator sees: Soenderby et al. 2017, arXiv:1610.04490. The losses are
in `losses.py`, what is known of the game in `game.py`.

Letters: z (B, Z) latent, x (B, *shape) examples, y (B,) labels, C classes, logits (B,).
"""

from collections.abc import Collection
from typing import NamedTuple

import torch
from torch import Tensor

from genaug_lessons.checks import choice, count, number
from genaug_lessons.data import Batch
from genaug_lessons.model import Generative, GradientUpdate, Model, Objective, default_support
from genaug_lessons.models.gan.losses import LOSSES
from genaug_lessons.nn import Architecture, Dense, check_architecture, refuse_dropout
from genaug_lessons.random import normal
from genaug_lessons.typed import check_types

GENERATOR = Dense(1024, 512, 256, batch_norm=True)
DISCRIMINATOR = Dense(512, 256, leak=0.2)


class Turn(NamedTuple):
    """What the players' losses look at: real examples, and fakes that have the same labels.

    x and fake are (B, *shape), label is (B,) or None.
    """

    x: Tensor
    fake: Tensor
    label: Tensor | None


class GAN(Generative):
    """A generator and a discriminator.

    Args:
        shape: shape of one example.
        latent: number of latent dimensions Z.
        generator: what the generator is, a decoder of `Dense`, `Conv` or another `Architecture`;
            sizes are listed from the data's side to the noise's.
        discriminator: what the discriminator is, an encoder; it may drop values.
        classes: number of labels for a conditional GAN; None for an unconditional one.
        loss: "non-saturating", "minimax" or "least-squares".
        support: "unit" for data in [0, 1], "real" for any; by default that of pictures, "unit", for
            a shape (C, H, W), and "real" for others.
        instance_noise: std, in the units of x, of the noise on all that the discriminator is
            trained on.
        rng: initial weights are drawn from it; the model lives on its device.

    Unless told, the generator is batch-normalised and the discriminator's ReLUs leak: with neither,
    wide networks miss modes even of a toy. The training defaults do without momentum, which the
    players' circling would carry on.
    """

    defaults = {
        **Model.defaults,
        "betas": (0.0, 0.9),
        "discriminator_steps": 1,
        "players": ("discriminator", "generator"),
    }

    def __init__(
        self,
        shape: int | tuple[int, ...],
        *,
        latent: int = 100,
        generator: Architecture = GENERATOR,
        discriminator: Architecture = DISCRIMINATOR,
        classes: int | None = None,
        loss: str = "non-saturating",
        support: str | None = None,
        instance_noise: float = 0.0,
        rng: torch.Generator,
    ):
        super().__init__(shape, classes=classes, support=default_support(shape, support))
        self.latent, self.loss = count("latent", latent), choice("loss", loss, LOSSES)
        self.instance_noise = number("instance_noise", instance_noise, at_least=0)
        check_architecture("generator", generator)
        check_architecture("discriminator", discriminator)
        settings = {"classes": self.classes, "rng": rng}
        self.generator = generator.decoder(self.latent, self.shape, **settings)
        refuse_dropout(self, generator)
        self.discriminator = discriminator.encoder(self.shape, 1, **settings)

    def generate(self, z: Tensor, label: Tensor | None = None) -> Tensor:
        """The generator's examples (B, *shape) for noise z (B, Z) and labels (B,)."""
        x = self.through(self.generator, z, label)
        return x.sigmoid() if self.support == "unit" else x

    def discriminate(
        self, x: Tensor, label: Tensor | None = None, rng: torch.Generator | None = None
    ) -> Tensor:
        """The discriminator's logits (B,); noise and dropout come from rng while training."""
        if self.training and self.instance_noise:
            x = x + self.instance_noise * normal(x.shape, rng)
        return self.through(self.discriminator, x, label, rng).squeeze(-1)

    def discriminator_objective(
        self, x: Tensor, fake: Tensor, label: Tensor | None, rng: torch.Generator
    ) -> Tensor:
        """The discriminator's loss on real examples and as many fakes.

        No gradient reaches the generator.
        """
        both = None if label is None else label.repeat(2)
        logits = self.discriminate(torch.cat([x, fake.detach()]), both, rng)
        return LOSSES[self.loss][0](*logits.chunk(2))

    def generator_objective(
        self, fake: Tensor, label: Tensor | None, rng: torch.Generator
    ) -> Tensor:
        """The generator's loss on fakes it has made."""
        return LOSSES[self.loss][1](self.discriminate(fake, label, rng))

    def turn(self, batch: Batch | Turn, rng: torch.Generator) -> Turn:
        """The batch with as many fakes of the same labels; what is a turn already stays one."""
        if isinstance(batch, Turn):
            return batch
        noise, label = normal((len(batch.x), self.latent), rng), self.label_of(batch)
        return Turn(batch.x, self.generate(noise, label), label)

    def objectives(self) -> list[Objective]:
        """The discriminator's loss, then the generator's, each per example.

        Both take a batch, for which they make fakes, or a `Turn`, which has them.
        """

        def discriminator(batch: Batch | Turn, rng: torch.Generator) -> Tensor:
            return self.discriminator_objective(*self.turn(batch, rng), rng)

        def generator(batch: Batch | Turn, rng: torch.Generator) -> Tensor:
            _, fake, label = self.turn(batch, rng)
            return self.generator_objective(fake, label, rng)

        return [
            Objective("discriminator", list(self.discriminator.parameters()), discriminator),
            Objective("generator", list(self.generator.parameters()), generator),
        ]

    def updater(self, **settings) -> "GameUpdate":
        """The players in turn; `discriminator_steps` and `players` are settings of their own."""
        return GameUpdate(self, **settings)

    def _sample(self, n: int, labels: Tensor | None, rng: torch.Generator) -> Tensor:
        """What the generator makes of z ~ N(0, I)."""
        return self.generate(normal((n, self.latent), rng), labels)

    @torch.no_grad()
    def probability_real(self, x: Tensor, label: Tensor | None = None) -> Tensor:
        """D(x), (B,): 1 for examples that the discriminator takes for real, 0 for fakes.

        With the least-squares loss D is the bare output, which may leave [0, 1].
        """
        self.eval()
        output = self.discriminate(x, label)
        return output if self.loss == "least-squares" else output.sigmoid()

    def descent_direction(self, x: Tensor, label: Tensor | None = None) -> Tensor:
        """Where its own loss would have the generator move each fake, (B, *shape).

        Minus the gradient of the loss of one fake with respect to that fake.
        """
        self.eval()
        x = x.detach().requires_grad_()
        loss = LOSSES[self.loss][1](self.discriminate(x, label)) * len(x)  # the rows do not mix
        return -torch.autograd.grad(loss, x)[0]


class GameUpdate(GradientUpdate):
    """The discriminator's steps, each on rows of its own, then the generator's, on the last fakes.

    The generator faces the discriminator that has just learnt: the players take turns. The fakes
    that the discriminator saw last serve the generator, too. What each is to lower is the loss of
    its objective.

    Attributes:
        players: who moves, of "discriminator" and "generator"; changeable while it runs. A
            generator that rests makes what it would when sampled.
    """

    def __init__(
        self, model: GAN, *, discriminator_steps: int, players: Collection[str], **settings
    ):
        discriminator_steps = count("discriminator_steps", discriminator_steps)
        super().__init__(model.objectives(), **settings)
        if not players or set(players) - set(self.names):
            raise ValueError(f"players must be one or more of {self.names}, got {players!r}")
        self.model, self.players, self.batches_per_update = model, players, discriminator_steps

    def __call__(self, batch: Batch, rng: torch.Generator) -> dict[str, Tensor]:
        model, losses = self.model, {}
        if "generator" not in self.players:
            model.generator.eval()
        for part in _parts(batch, self.batches_per_update):
            turn = model.turn(part, rng)
            if "discriminator" in self.players:
                losses["discriminator"] = self.step(0, self.objectives[0].loss(turn, rng))
        if "generator" in self.players:
            losses["generator"] = self.step(1, self.objectives[1].loss(turn, rng))
        return losses


def _parts(batch: Batch, count: int) -> list[Batch]:
    """The batch dealt out to `count` parts, fewer where it has fewer rows.

    Row by row, so that each part gets its share of augmented rows, which come first in a batch.
    """
    hands = [slice(first, None, count) for first in range(min(count, len(batch.x)))]
    labels = [None if batch.y is None else batch.y[hand] for hand in hands]
    return [batch._replace(x=batch.x[hand], y=y) for hand, y in zip(hands, labels, strict=True)]


check_types(__name__)
