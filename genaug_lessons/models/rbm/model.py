"""Restricted Boltzmann machines: an energy over visible and hidden units, trained by its chains.

    p(v, h) = exp(-E(v, h)) / Z,   E(v, h) = -a'v - b'h - v'W h

Given one layer, the units of the other are independent, so that a Gibbs chain draws whole layers
in turn. The gradient of log p(v) is the difference of two means of -dF/dtheta, over the data and
over the model, where F(v) = -log sum_h exp(-E(v, h)) is the free energy. Contrastive divergence
(CD-k) takes the second mean from k steps of a chain that starts at the data, persistent CD from
chains that go on from update to update.

With labels, the one-hot label is a softmax unit beside the visible ones. Gaussian visible units
have unit variance and E(v, h) = |v - a|^2 / 2 - b'h - v'W h: standardise the data first.

Source: Smolensky 1986; Hinton 2002, Neural Computation 14(8) (CD); Tieleman 2008, ICML
(persistent CD); Hinton 2012, "A practical guide to training restricted Boltzmann machines".

Letters: v (B, V) visible units, flat, with the label's units last; h (B, H) hidden units;
W (V, H), a (V,), b (H,); x (B, *shape) examples, y (B,) labels; energies in nats.
"""

import math
from collections.abc import Iterator, Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from genaug_lessons.checks import choice, count, number
from genaug_lessons.data import Batch
from genaug_lessons.model import Generative, Update
from genaug_lessons.nn import beside
from genaug_lessons.random import bernoulli, normal
from genaug_lessons.typed import check_types

START_STD = 0.01  # of the first weights; biases start at 0
GAP = "free-energy gap"


def softplus(x: Tensor) -> Tensor:
    """log(1 + exp(x)) of each number; torch's default is x itself from 20 on, off by 2e-9."""
    return F.softplus(x, threshold=40)


class RBM(Generative):
    """A restricted Boltzmann machine.

    Args:
        shape: shape of one example.
        hidden: number of hidden units H.
        classes: number of labels for a model with label units; None for none.
        visible: "binary" for data in [0, 1], "gaussian" for real data with unit variance.
        rng: initial weights are drawn from it; the model lives on its device.

    A grey value between 0 and 1 is the chance that the binary unit is 1. Each update draws it anew,
    so that training raises the likelihood of binary pictures.

    Training defaults to persistent CD of one step; `persistent_chains=0` makes it CD-k with k =
    `gibbs_steps`. The loss reported is the free-energy gap: F of the batch less F of the chains.
    Minus its gradient, with the chains held fixed, is the update's direction; it does not measure
    progress, as lower F on the data may mean lower F everywhere.
    """

    defaults = {
        "batch_size": 64,
        "lr": 0.05,
        "momentum": 0.0,
        "weight_decay": 0.0,
        "schedule": "constant",
        "gibbs_steps": 1,
        "persistent_chains": 64,
    }

    def __init__(
        self,
        shape: int | tuple[int, ...],
        hidden: int,
        *,
        classes: int | None = None,
        visible: str = "binary",
        rng: torch.Generator,
    ):
        super().__init__(shape, classes=classes)
        self.hidden = hidden = count("hidden", hidden)
        self.visible = choice("visible", visible, ("binary", "gaussian"))
        self.support = "unit" if visible == "binary" else "real"
        self.size = math.prod(self.shape)
        units, device = self.size + (self.classes or 0), rng.device
        W = START_STD * normal((hidden, units), rng)
        self.W = nn.Parameter(W.T)  # stored by columns, which makes an update's products faster
        self.a = nn.Parameter(torch.zeros(units, device=device))
        self.b = nn.Parameter(torch.zeros(hidden, device=device))

    def to_visible(self, x: Tensor, label: Tensor | None = None) -> Tensor:
        """The visible units v (B, V) of examples x (B, *shape) and their labels (B,)."""
        self.check_label(label)
        x = x.flatten(1)
        return x if label is None else beside(x, F.one_hot(label, self.classes).to(x))

    def to_examples(self, v: Tensor) -> Tensor:
        """The examples (B, *shape) in visible units v (B, V), without their labels."""
        return v[:, : self.size].unflatten(1, self.shape)

    def energy(self, v: Tensor, h: Tensor) -> Tensor:
        """E(v, h), (B,) in nats: the lower, the likelier."""
        return self.visible_energy(v) - h @ self.b - ((v @ self.W) * h).sum(1)

    def visible_energy(self, v: Tensor) -> Tensor:
        """What the visible units add to the energy by themselves, (B,)."""
        if self.visible == "binary":
            return -(v @ self.a)
        values, label = self._parts(v - self.a)[0], self._parts(v)[1]
        return 0.5 * values.square().sum(1) - label @ self.a[self.size :]

    def free_energy(self, v: Tensor) -> Tensor:
        """F(v) = -log sum_h exp(-E(v, h)), (B,) in nats; p(v) = exp(-F(v)) / Z."""
        return self.visible_energy(v) - softplus(self.hidden_input(v)).sum(1)

    def hidden_free_energy(self, h: Tensor) -> Tensor:
        """-log sum_v exp(-E(v, h)), (B,) in nats, an integral for Gaussian v."""
        values, label = self._parts(self.visible_input(h))
        if self.visible == "binary":
            summed = softplus(values).sum(1)
        else:
            squares = values.square() - self.a[: self.size].square()
            summed = 0.5 * (squares + math.log(2 * math.pi)).sum(1)
        if self.classes is not None:
            summed = summed + label.logsumexp(1)
        return -(h @ self.b) - summed

    def hidden_input(self, v: Tensor) -> Tensor:
        """b + W'v, (B, H), the log odds of each hidden unit."""
        return torch.addmm(self.b, v, self.W)

    def hidden_mean(self, v: Tensor) -> Tensor:
        """p(h_j = 1 | v), (B, H)."""
        return self.hidden_input(v).sigmoid_()

    def visible_input(self, h: Tensor) -> Tensor:
        """a + W h, (B, V)."""
        return torch.addmm(self.a, h, self.W.T)

    def visible_mean(self, h: Tensor) -> Tensor:
        """E[v | h], (B, V): p(v_i = 1 | h) for binary units and for each label."""
        values, label = self._parts(self.visible_input(h))
        values = values.sigmoid() if self.visible == "binary" else values
        return values if self.classes is None else torch.cat([values, label.softmax(1)], 1)

    def draw_hidden(self, v: Tensor, rng: torch.Generator) -> Tensor:
        """h ~ p(h | v), (B, H)."""
        return bernoulli(self.hidden_mean(v), rng)

    def draw_visible(self, h: Tensor, rng: torch.Generator, label: Tensor | None = None) -> Tensor:
        """v ~ p(v | h), (B, V), the label's units drawn too unless given, (B, C)."""
        values, chances = self._parts(self.visible_mean(h))
        if self.visible == "binary":
            values = bernoulli(values, rng)
        else:
            values = values + normal(values.shape, rng)
        if self.classes is None:
            return values
        if label is None:
            drawn = torch.multinomial(chances, 1, generator=rng).squeeze(1)
            label = F.one_hot(drawn, self.classes).to(values)
        return torch.cat([values, label], 1)

    def draw_data(self, x: Tensor, label: Tensor | None, rng: torch.Generator) -> Tensor:
        """The states v (B, V) of examples x (B, *shape), grey values drawn as chances of a 1."""
        return self.to_visible(bernoulli(x, rng) if self.visible == "binary" else x, label)

    @torch.no_grad()
    def gibbs_chain(
        self, v: Tensor, *, clamp_label: bool = False, rng: torch.Generator
    ) -> Iterator[Tensor]:
        """The states v (B, V) after one step, two steps, ... without end, from the v given.

        A step draws h ~ p(h | v), then v ~ p(v | h); with `clamp_label` labels stay as they are.
        """
        label = self._parts(v)[1] if clamp_label else None
        while True:
            v = self.draw_visible(self.draw_hidden(v, rng), rng, label)
            yield v

    def sample(
        self,
        n: int,
        *,
        label: int | Tensor | None = None,
        gibbs_steps: int = 100,
        rng: torch.Generator,
    ) -> Tensor:
        """n new examples (n, *shape), each the end of a chain that starts at noise.

        The last half-step returns the mean of the visible units, a grey picture, rather than a
        draw; `gibbs_chain` has the draws.

        Args:
            n: how many, at least 1.
            label: one label or (n,) labels, clamped, for a model with label units; refused by the
                others.
            gibbs_steps: length of the chain, at least 1; the longer, the closer to the model.
            rng: on the model's device.
        """
        gibbs_steps = count("gibbs_steps", gibbs_steps)
        return self._checked_sample(n, label, rng, gibbs_steps=gibbs_steps)

    def _sample(
        self, n: int, labels: Tensor | None, rng: torch.Generator, *, gibbs_steps: int
    ) -> Tensor:
        """The mean of the visible units at the end of a chain for each row."""
        v = self.to_visible(self._noise(n, rng), labels)
        clamp_label = self.classes is not None
        chain = self.gibbs_chain(v, clamp_label=clamp_label, rng=rng)
        for _ in range(gibbs_steps - 1):
            v = next(chain)
        return self.to_examples(self.visible_mean(self.draw_hidden(v, rng)))

    def updater(self, **settings) -> "ContrastiveUpdate":
        """Contrastive divergence, persistent or not."""
        return ContrastiveUpdate(self, **settings)

    def _noise(self, n: int, rng: torch.Generator) -> Tensor:
        shape = (n, self.size)
        noise = normal(shape, rng)
        return (noise if self.visible == "gaussian" else noise.ge(0)).to(self.W)

    def _parts(self, v: Tensor) -> tuple[Tensor, Tensor]:
        """The units of the example (B, size) and those of the label (B, C), perhaps none."""
        return v[:, : self.size], v[:, self.size :]


class ContrastiveUpdate(Update):
    """One update of CD-k or persistent CD: uphill by data statistics less chain statistics.

    Momentum carries on a share of the update before; weight decay shrinks W, not the biases.

    Attributes:
        chains: (M, H) hidden states of the persistent chains, which start at the first batch;
            None before it, and for CD.

    Source: Hinton 2012 (momentum, decay); Tieleman 2008 (the chains).
    """

    def __init__(
        self,
        model: RBM,
        *,
        lr: float,
        momentum: float,
        weight_decay: float,
        gibbs_steps: int,
        persistent_chains: int,
    ):
        self.model, self.lr, self.weight_decay = model, lr, weight_decay
        self.momentum = number("momentum", momentum, at_least=0, below=1)
        self.gibbs_steps = count("gibbs_steps", gibbs_steps)
        self.persistent_chains = count("persistent_chains", persistent_chains, 0)
        self.chains: Tensor | None = None
        self.parameters = [model.W, model.a, model.b]
        self.velocity = (
            [torch.zeros_like(parameter) for parameter in self.parameters] if momentum else []
        )

    @torch.no_grad()
    def __call__(self, batch: Batch, rng: torch.Generator) -> dict[str, Tensor]:
        model = self.model
        v = model.draw_data(batch.x, model.label_of(batch), rng)
        h = self._start(v, rng)
        for _ in range(self.gibbs_steps - 1):
            h = model.draw_hidden(model.draw_visible(h, rng), rng)
        both = torch.cat([v, model.draw_visible(h, rng)])  # rows of the data, ends of chains
        weight = both.new_full((len(both),), 1 / len(v))
        weight[len(v) :] = -1 / len(h)
        inputs = model.hidden_input(both)
        mean = inputs.sigmoid()
        if self.persistent_chains:
            self.chains = bernoulli(mean[len(v) :], rng)
        # softplus(u) = max(u, 0) - log max(p, 1 - p) for p = sigmoid(u), much faster than log1p
        likelier = (mean - 0.5).abs_().add_(0.5)
        gap = weight @ (model.visible_energy(both) - inputs.relu_().sub_(likelier.log_()).sum(1))
        self._ascend(both, mean.mul_(weight[:, None]), weight)
        return {GAP: gap}

    @property
    def names(self) -> list[str]:
        """What has a learning rate: the one loss."""
        return [GAP]

    def set_rates(self, rates: Mapping[str, float]) -> None:
        """The learning rate of the next update."""
        self.lr = rates[GAP]

    def state_dict(self) -> dict:
        """What it remembers between updates: where the chains are, and the velocity."""
        return {"chains": self.chains, "velocity": self.velocity}

    def load_state_dict(self, state: Mapping) -> None:
        """Remember this instead."""
        self.chains, self.velocity = state["chains"], state["velocity"]

    def _start(self, v: Tensor, rng: torch.Generator) -> Tensor:
        """The hidden states that the chains go on from, or start from, at the rows v."""
        if self.chains is not None:
            return self.chains
        rows = torch.arange(self.persistent_chains or len(v), device=v.device) % len(v)
        return self.model.draw_hidden(v[rows], rng)

    def _ascend(self, v: Tensor, weighted_h: Tensor, weight: Tensor) -> None:
        """A step up the sum over rows, with weights (rows,), of v'W h + a'v + b'h."""
        lr = self.lr
        for velocity in self.velocity:
            velocity.mul_(self.momentum)
        of_W, of_a, of_b = (
            self.velocity or self.parameters
        )  # with no momentum, update the parameters in place
        W, a, b = (parameter.requires_grad for parameter in self.parameters)  # False where frozen
        if W and self.weight_decay:
            of_W.add_(self.model.W, alpha=-lr * self.weight_decay)
        if W:
            of_W.addmm_(v.T, weighted_h, alpha=lr)
        if a:
            of_a.addmv_(v.T, weight, alpha=lr)
        if b:
            of_b.add_(weighted_h.sum(0), alpha=lr)
        for parameter, velocity in zip(self.parameters, self.velocity, strict=False):
            if parameter.requires_grad:
                parameter.add_(velocity)


check_types(__name__)
