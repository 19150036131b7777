"""Generative adversarial networks: two players, each with a loss of its own.

A generator G turns noise z ~ N(0, I) into examples x; a critic D gives each example a number, its
logit, whose sigmoid is the probability that the example is real. The critic learns to tell, the
generator to be taken for real:

    min_G max_D  E log D(x) + E log(1 - D(G(z)))

Source: Goodfellow et al. 2014, arXiv:1406.2661. Labels: Mirza & Osindero 2014, arXiv:1411.1784.
Noise on all that the critic sees: Soenderby et al. 2017, arXiv:1610.04490. The losses and what is
known of the game are in `gan_game.py`.

Letters: z (B, Z) latent, x (B, *shape) examples, y (B,) labels, C classes, logits (B,).
"""

import math
from collections.abc import Collection

import torch
from torch import Tensor

from genaug_lessons.checks import choice, count, counts, number
from genaug_lessons.data import Batch
from genaug_lessons.model import GradientUpdate, Model, Objective
from genaug_lessons.models.gan_game import LOSSES
from genaug_lessons.nn import mlp
from genaug_lessons.random import check_device, normal
from genaug_lessons.typed import check_types

LEAK = 0.2  # slope of the critic's ReLUs below 0


class GAN(Model):
    """A generator and a critic, both dense.

    Args:
        shape: shape of one example.
        latent: number of latent dimensions Z.
        generator_hidden: widths of the generator.
        critic_hidden: widths of the critic.
        classes: number of labels for a conditional GAN; None for an unconditional one.
        loss: "non-saturating", "minimax" or "least-squares".
        support: "unit" for data in [0, 1], "real" for any; by default that of pictures, "unit", for
            a shape (C, H, W), and "real" for others.
        dropout: share of the hidden values that the critic drops while training, in [0, 1).
        instance_noise: std, in the units of x, of the noise on all that the critic is trained on.
        rng: initial weights are drawn from it; the model lives on its device.

    The generator is batch-normalised, the critic's ReLUs leak: with neither, wide networks miss
    modes even of a toy. The training defaults do without momentum, which the players' circling
    would carry on.
    """

    defaults = {
        **Model.defaults,
        "betas": (0.0, 0.9),
        "critic_steps": 1,
        "players": ("critic", "generator"),
    }

    def __init__(
        self,
        shape: int | tuple[int, ...],
        *,
        latent: int = 100,
        generator_hidden: tuple[int, ...] = (256, 512, 1024),
        critic_hidden: tuple[int, ...] = (512, 256),
        classes: int | None = None,
        loss: str = "non-saturating",
        support: str | None = None,
        dropout: float = 0.0,
        instance_noise: float = 0.0,
        rng: torch.Generator,
    ):
        super().__init__(shape, classes=classes)
        pictures = len(self.shape) == 3
        self.latent, self.loss = count("latent", latent), choice("loss", loss, LOSSES)
        self.instance_noise = number("instance_noise", instance_noise, least=0)
        self.support = choice(
            "support", support or ("unit" if pictures else "real"), ("unit", "real")
        )
        size, labels = math.prod(self.shape), self.classes or 0
        generator_hidden = counts("generator_hidden", generator_hidden)
        critic_hidden = counts("critic_hidden", critic_hidden)
        made = (self.latent + labels, *generator_hidden, size)
        seen = (size + labels, *critic_hidden, 1)
        self.maker = mlp(made, batch_norm=True, rng=rng)
        self.critic = mlp(seen, dropout=dropout, leak=LEAK, rng=rng)

    def generate(self, z: Tensor, label: Tensor | None = None) -> Tensor:
        """The generator's examples (B, *shape) for noise z (B, Z) and labels (B,)."""
        x = self.maker(self.with_label(z, label))
        return (x.sigmoid() if self.support == "unit" else x).unflatten(-1, self.shape)

    def criticise(
        self, x: Tensor, label: Tensor | None = None, rng: torch.Generator | None = None
    ) -> Tensor:
        """The critic's logits (B,); noise and dropout come from the generator while training."""
        if self.training and self.instance_noise:
            x = x + self.instance_noise * normal(x.shape, rng)
        return self.critic(self.with_label(x.flatten(1), label), rng).squeeze(-1)

    def critic_objective(
        self, x: Tensor, fake: Tensor, label: Tensor | None, rng: torch.Generator
    ) -> Tensor:
        """The critic's loss on real examples and as many fakes; no gradient reaches the maker."""
        both = None if label is None else label.repeat(2)
        logits = self.criticise(torch.cat([x, fake.detach()]), both, rng)
        return LOSSES[self.loss][0](*logits.chunk(2))

    def generator_objective(
        self, fake: Tensor, label: Tensor | None, rng: torch.Generator
    ) -> Tensor:
        """The generator's loss on fakes it has made."""
        return LOSSES[self.loss][1](self.criticise(fake, label, rng))

    def fakes(self, batch: Batch, rng: torch.Generator) -> tuple[Tensor, Tensor | None]:
        """As many fakes as the batch has rows, and the labels they share with these."""
        label = None if self.classes is None else batch.y
        return self.generate(normal((len(batch.x), self.latent), rng), label), label

    def objectives(self) -> list[Objective]:
        """The critic's loss, then the generator's, each per example."""

        def critic(batch: Batch, rng: torch.Generator) -> Tensor:
            return self.critic_objective(batch.x, *self.fakes(batch, rng), rng)

        def maker(batch: Batch, rng: torch.Generator) -> Tensor:
            return self.generator_objective(*self.fakes(batch, rng), rng)

        return [
            Objective("critic", list(self.critic.parameters()), critic),
            Objective("generator", list(self.maker.parameters()), maker),
        ]

    def updater(self, **settings) -> "GameUpdate":
        """The players in turn; `critic_steps` and `players` are settings of their own."""
        return GameUpdate(self, **settings)

    @torch.no_grad()
    def sample(self, n: int, *, label: int | Tensor | None = None, rng: torch.Generator) -> Tensor:
        """n new examples (n, *shape), what the generator makes of z ~ N(0, I).

        Args:
            n: how many, at least 1.
            label: one label or (n,) labels for a conditional model; refused by the others.
            rng: on the model's device.
        """
        check_device(rng, self.device, "model")
        labels = self.labels_for(n, label)
        self.eval()
        return self.generate(normal((n, self.latent), rng), labels)

    @torch.no_grad()
    def belief(self, x: Tensor, label: Tensor | None = None) -> Tensor:
        """The critic's D(x), (B,): 1 for examples it takes to be real for certain, 0 for fakes.

        With the least-squares loss D is the bare output, which may leave [0, 1].
        """
        self.eval()
        output = self.criticise(x, label)
        return output if self.loss == "least-squares" else output.sigmoid()

    def pull(self, x: Tensor, label: Tensor | None = None) -> Tensor:
        """Where its own loss would have the generator move each fake, (B, *shape).

        Minus the gradient of the loss of one fake with respect to that fake.
        """
        self.eval()
        x = x.detach().requires_grad_()
        loss = LOSSES[self.loss][1](self.criticise(x, label)) * len(x)  # the rows do not mix
        return -torch.autograd.grad(loss, x)[0]


class GameUpdate(GradientUpdate):
    """The critic's steps, each on rows of its own, then the generator's, on the newest fakes.

    The generator faces the critic that has just learnt: the players take turns. The fakes that
    the critic saw last serve the generator, too.

    Attributes:
        players: who moves, of "critic" and "generator"; changeable while it runs. A generator
            that rests makes what it would when sampled.
    """

    def __init__(self, model: GAN, *, critic_steps: int, players: Collection[str], **settings):
        critic_steps = count("critic_steps", critic_steps)
        super().__init__(model.objectives(), **settings)
        if not players or set(players) - set(self.names):
            raise ValueError(f"players must be one or more of {self.names}, got {players!r}")
        self.model, self.players, self.batches_per_update = model, players, critic_steps

    def __call__(self, batch: Batch, rng: torch.Generator) -> dict[str, Tensor]:
        model, losses = self.model, {}
        if "generator" not in self.players:
            model.maker.eval()
        for part in _parts(batch, self.batches_per_update):
            fake, label = model.fakes(part, rng)
            if "critic" in self.players:
                loss = model.critic_objective(part.x, fake, label, rng)
                losses["critic"] = self.step(0, loss)
        if "generator" in self.players:
            losses["generator"] = self.step(1, model.generator_objective(fake, label, rng))
        return losses


def _parts(batch: Batch, count: int) -> list[Batch]:
    """The batch dealt out to `count` parts, fewer where it has fewer rows.

    Row by row, so that each part gets its share of augmented rows, which come first in a batch.
    """
    hands = [slice(first, None, count) for first in range(min(count, len(batch.x)))]
    labels = [None if batch.y is None else batch.y[hand] for hand in hands]
    return [batch._replace(x=batch.x[hand], y=y) for hand, y in zip(hands, labels, strict=True)]


check_types(__name__)
