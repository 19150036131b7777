"""Deep belief networks: restricted Boltzmann machines stacked, undirected on top, directed below.

    p(v, h1, ..., hL) = p(v | h1) p(h1 | h2) ... p(h[L-1], hL)

The last factor is the top RBM's, the others are sigmoid layers that point down: the lower RBMs
lend them their weights. Going up, q(h1 | v) q(h2 | h1) ... is a guess at the posterior that
turns every layer's weights around. With it,

    log p(v) >= E_q[log p(v, h1, ..., h[L-1]) - log q(h1, ..., h[L-1] | v)]

An RBM more on top, started with the weights of the one below turned around, leaves this bound
where it was, and training it raises the bound. Labels, where there are any, are units beside the
top RBM's visible ones.

Source: Hinton et al. 2006, Neural Computation 18(7). Fine-tuning: Hinton &
Salakhutdinov 2006, Science 313.

Letters: v (B, V) the lowest visible units, h1 ... hL hidden layers; x (B, *shape) examples.
"""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn.utils import skip_init

from genaug_lessons.checks import count, counts
from genaug_lessons.data import Batch, Source
from genaug_lessons.model import Generative, Update
from genaug_lessons.models.rbm import GAP, RBM, check_states, log_likelihood
from genaug_lessons.nn import Net
from genaug_lessons.random import bernoulli, check_device
from genaug_lessons.training import Training, fit
from genaug_lessons.typed import check_types


class DBN(Generative):
    """A deep belief network.

    Args:
        shape: shape of one example.
        hidden: units of each hidden layer, from the lowest up.
        classes: number of labels for label units on top; None for none.
        visible: "binary" for data in [0, 1], "gaussian" for real data with unit variance.
        rng: initial weights are drawn from it; the model lives on its device.

    Attributes:
        layers: the RBMs, from the lowest up.

    An update trains the `layers` named in the settings, (0,) being the lowest alone, each on what
    those below draw from the batch; all at once unless told. `fit_greedily` trains one after the
    other.
    """

    defaults = {**RBM.defaults, "layers": None}

    def __init__(
        self,
        shape: int | tuple[int, ...],
        hidden: Sequence[int] = (128, 128),
        *,
        classes: int | None = None,
        visible: str = "binary",
        rng: torch.Generator,
    ):
        super().__init__(shape, classes=classes)
        hidden = counts("hidden", hidden)
        if not hidden:
            raise ValueError("hidden must hold the units of at least one layer, got ()")
        shapes, kinds = [shape, *hidden[:-1]], [visible] + ["binary"] * (len(hidden) - 1)
        labels = [None] * (len(hidden) - 1) + [classes]
        self.layers = nn.ModuleList(
            RBM(below, units, classes=label, visible=kind, rng=rng)
            for below, units, label, kind in zip(shapes, hidden, labels, kinds, strict=True)
        )
        self.support = self.layers[0].support

    @property
    def top(self) -> RBM:
        """The highest RBM, the undirected part."""
        return self.layers[-1]

    @torch.no_grad()
    def encoder(self) -> Net:
        """The way up as dense layers of sigmoid units: (B, *shape) -> (B, hidden[-1]) means.

        The layers have copies of the weights and biases of the RBMs, labels left out: what
        `Classifier.on` starts from.

        Source: Hinton & Salakhutdinov 2006, Science 313 (fine-tuning a stack of RBMs).
        """
        layers = [nn.Flatten()]
        for rbm in self.layers:
            layer = skip_init(nn.Linear, rbm.size, rbm.hidden, device=self.device)
            layer.to(rbm.W.dtype).weight.copy_(rbm.W[: rbm.size].T)
            layer.bias.copy_(rbm.b)
            layers += [layer, nn.Sigmoid()]
        return Net(*layers)

    def updater(self, **settings) -> "StackUpdate":
        """Contrastive divergence of some layers, persistent or not."""
        return StackUpdate(self, **settings)

    def sample(
        self,
        n: int,
        *,
        label: int | Tensor | None = None,
        gibbs_steps: int = 100,
        rng: torch.Generator,
    ) -> Tensor:
        """n new examples (n, *shape): a Gibbs chain in the top RBM, then one pass down.

        The lowest step returns the mean of the visible units, as an RBM does.

        Args:
            n: how many, at least 1.
            label: one label or (n,) labels, clamped, for a model with label units; refused by the
                others.
            gibbs_steps: length of the chain on top, at least 1.
            rng: on the model's device.
        """
        gibbs_steps = count("gibbs_steps", gibbs_steps)
        return self._checked_sample(n, label, rng, gibbs_steps=gibbs_steps)

    def _sample(
        self, n: int, labels: Tensor | None, rng: torch.Generator, *, gibbs_steps: int
    ) -> Tensor:
        """The top RBM's examples, passed down."""
        x = self.top.sample(n, label=labels, gibbs_steps=gibbs_steps, rng=rng)
        for layer in reversed(self.layers[:-1]):
            x = layer.visible_mean(bernoulli(x, rng))
        return self.layers[0].to_examples(x.flatten(1))

    def log_weight(
        self, states: Sequence[Tensor], label: Tensor | None = None, *, log_z: float | Tensor
    ) -> Tensor:
        """log p(v, h1, ..., h[L-1]) - log q(h1, ..., h[L-1] | v), (B,) in nats.

        In log p(v | h) - log q(h | v) of one RBM its energy cancels: the free energy of h less
        that of v is left.

        Args:
            states: [v, h1, ..., h[L-1]], each (B, units).
            label: (B,) labels for a model with label units; then p is that of the label, too.
            log_z: log Z of the top RBM.
        """
        weight = log_likelihood(self.top, states[-1], label, log_z=log_z)
        for layer, v, h in zip(self.layers[:-1], states[:-1], states[1:], strict=True):
            weight = weight + layer.hidden_free_energy(h) - layer.free_energy(v)
        return weight

    @torch.no_grad()
    def variational_bound(
        self,
        x: Tensor,
        label: Tensor | None = None,
        *,
        log_z: float | Tensor,
        draws: int = 10,
        rng: torch.Generator,
    ) -> Tensor:
        """An unbiased estimate of the lower bound on log p(x) or log p(x, label), (B,) in nats.

        Args:
            x: (B, *shape) examples, 0 and 1 for binary units.
            label: (B,) labels for a model with label units.
            log_z: log Z of the top RBM, from `log_partition` or `annealed_log_partition`.
            draws: of q for each example, at least 1.
            rng: on the model's device.

        Raises:
            ValueError: values that are no states of the visible units; draws below 1.
        """
        draws = count("draws", draws)
        check_device(rng, self.device, "model")
        check_states(self.layers[0], x)
        v, total = x.flatten(1), 0.0
        for _ in range(draws):
            states = [v]
            for layer in self.layers[:-1]:
                states.append(layer.draw_hidden(states[-1], rng))
            total = total + self.log_weight(states, label, log_z=log_z)
        return total / draws


class StackUpdate(Update):
    """One update of each of some layers, on what the layers below draw from the batch.

    Source: Hinton et al. 2006, Neural Computation 18(7).
    """

    def __init__(self, model: DBN, *, layers: Sequence[int] | None, **settings):
        known = list(range(len(model.layers)))
        chosen = known if layers is None else layers
        if not isinstance(chosen, Sequence) or not chosen or set(chosen) - set(known):
            raise ValueError(f"layers must be one or more of {known}, got {layers!r}")
        self.model = model
        self.updates = {depth: model.layers[depth].updater(**settings) for depth in sorted(chosen)}

    @torch.no_grad()
    def __call__(self, batch: Batch, rng: torch.Generator) -> dict[str, Tensor]:
        losses = {}
        for depth, layer in enumerate(self.model.layers[: max(self.updates) + 1]):
            if depth in self.updates:
                losses[_name(depth)] = self.updates[depth](batch, rng)[GAP]
            if depth < max(self.updates):
                v = layer.draw_data(batch.x, None, rng)
                batch = batch._replace(x=layer.draw_hidden(v, rng))
        return losses

    @property
    def names(self) -> list[str]:
        """What has a learning rate of its own: the layers."""
        return [_name(depth) for depth in self.updates]

    def set_rates(self, rates: Mapping[str, float]) -> None:
        """Each layer's learning rate in the next update."""
        for depth, update in self.updates.items():
            update.set_rates({GAP: rates[_name(depth)]})

    def state_dict(self) -> dict[int, dict]:
        """What the updates of the layers remember, by depth."""
        return {depth: update.state_dict() for depth, update in self.updates.items()}

    def load_state_dict(self, state: Mapping[int, dict]) -> None:
        """Have the updates remember this instead."""
        for depth, update in self.updates.items():
            update.load_state_dict(state[depth])


def _name(depth: int) -> str:
    return f"{GAP}, layer {depth}"


def fit_greedily(model: DBN, data: Source | Tensor, *, steps: int, **arguments) -> list[Training]:
    """Train the layers one after the other, from the lowest up; the finished `Training` of each.

    Args:
        model: a DBN that has not been trained.
        data: as for `fit`.
        steps: updates of each layer.
        **arguments: as for `fit`; a falling rate falls for each layer anew.

    Source: Hinton et al. 2006, Neural Computation 18(7).
    """
    return [
        fit(model, data, steps=steps, layers=(depth,), resume=depth > 0, **arguments)
        for depth in range(len(model.layers))
    ]


@torch.no_grad()
def transpose_into(lower: RBM, upper: RBM) -> None:
    """Give the upper RBM the lower one's weights, transposed: the bound is then log p(v).

    Raises:
        ValueError: RBMs whose layers do not match, with labels, or with Gaussian units.
    """
    sizes = [(rbm.size, rbm.hidden, rbm.classes, rbm.visible) for rbm in (lower, upper)]
    wanted = (lower.hidden, lower.size, None, "binary")
    if sizes[1] != wanted or lower.visible != "binary" or lower.classes is not None:
        raise ValueError(
            f"upper must be a binary RBM of {lower.hidden} x {lower.size} units without labels "
            f"above another such, got {upper.size} x {upper.hidden}"
        )
    upper.W.copy_(lower.W.T)
    upper.a.copy_(lower.b)
    upper.b.copy_(lower.a)


check_types(__name__)
