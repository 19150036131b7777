"""What every trainable family shares: a model describes its losses and makes one update.

Gradient families list their `objectives()`, and `GradientUpdate` turns these into updates. A
family with a way of its own (a full pass of EM, a chain of samples) returns its own from
`updater()`: an `Update` of its own. Nothing here knows how often an update is made: `training.py`
iterates.
"""

import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from genaug_lessons.checks import choice, count, counts
from genaug_lessons.data import Batch, Dataset, Source, refuse_leaks
from genaug_lessons.nn import Net
from genaug_lessons.random import check_device
from genaug_lessons.typed import check_types


class Objective(NamedTuple):
    """A scalar loss and the only parameters it may move.

    `loss(batch, rng)` draws its noise from rng and returns a scalar tensor.
    """

    name: str
    parameters: list[nn.Parameter]
    loss: Callable[[Batch, torch.Generator], Tensor]


class Update:
    """What makes one update of a model: called with a batch and an rng, it returns the losses.

    A family with a way of its own says so in `__call__`, and has the rest where it needs it. One
    update may hold another, to do something before or after it.

    Attributes:
        names: what has a learning rate of its own; nothing unless a family says otherwise.
        batches_per_update: how many batches of `batch_size` rows one update is handed, as one.
    """

    names: Sequence[str] = ()
    batches_per_update = 1

    def __call__(self, batch: Batch, rng: torch.Generator) -> dict[str, Tensor]:
        """Change the model; return loss name -> scalar tensor, as it was before the change."""
        raise TypeError(f"{type(self).__name__} describes no update")

    def set_rates(self, rates: Mapping[str, float]) -> None:
        """Use these learning rates, name -> rate, in the next update."""

    def state_dict(self) -> dict:
        """What is remembered between updates, as of torch's optimisers; {} for nothing."""
        return {}

    def load_state_dict(self, state: Mapping) -> None:
        """Remember this instead."""


class Model(nn.Module):
    """What every trainable family shares.

    Args:
        shape: shape of one example, an int or a tuple.
        classes: number of labels, at least 2; None for a model without labels.
        support: "unit" or "real"; unless given, that of its class.

    Attributes:
        shape: the shape of one example.
        classes: number of labels it knows; None for a model without labels.
        support: the values it works on, as in `data.Dataset`.
        stack: how many models are trained at once, for an ensemble; None for a single one.
        needs_labels: whether it learns from labelled data only.
        takes_unlabelled: whether it learns from rows without a label, y = -1, too.
        takes_soft_labels: whether it learns from class probabilities, as Mixup makes them.
        seen: ids of the rows it was trained on; None before. A part of `state_dict`.
        steps_done: updates made so far; a part of `state_dict`, too.
        defaults: training settings of the family; it rejects others. One without a batch size
            gets all rows in every batch.
    """

    support = "real"
    classes: int | None = None
    needs_labels = False
    takes_unlabelled = False
    takes_soft_labels = False
    stack: int | None = None
    defaults: Mapping[str, object] = {
        "batch_size": 64,
        "lr": 1e-3,
        "betas": (0.9, 0.999),
        "weight_decay": 0.0,
        "schedule": "constant",
    }

    def __init__(
        self,
        shape: int | tuple[int, ...],
        *,
        classes: int | None = None,
        support: str | None = None,
    ):
        super().__init__()
        self.shape = check_shape(shape)
        if support is not None:
            self.support = choice("support", support, ("unit", "real"))
        if classes is not None:
            self.classes, self.needs_labels = count("classes", classes, 2), True
        self.seen: Tensor | None = None
        self.steps_done = 0

    @property
    def device(self) -> torch.device:
        """Where the parameters live."""
        return next(self.parameters()).device

    def objectives(self) -> list[Objective]:
        """The losses, in the order in which they take their turns within one update."""
        raise TypeError(f"{type(self).__name__} describes no objectives")

    def updater(self, **settings) -> Update:
        """What makes one update; families with their own way return their own."""
        return GradientUpdate(self.objectives(), **settings)

    def check_data(self, data: Source) -> None:
        """Raise a ValueError unless the data fit the model."""
        if tuple(data.shape) != self.shape:
            raise ValueError(f"data must have examples of shape {self.shape}, got {data.shape}")
        if data.stack != self.stack:
            wanted, given = (f"{n or 'no'} stacked data sets" for n in (self.stack, data.stack))
            raise ValueError(f"data must hold {wanted} for {type(self).__name__}, got {given}")
        if "batch_size" not in self.defaults and not isinstance(data, Dataset):
            name, given = type(self).__name__, type(data).__name__
            raise ValueError(f"data must be a Dataset: {name} takes all rows at once, got {given}")
        if self.support != "real" and data.support == "real":
            raise ValueError(
                f'data must have support "{self.support}" for this model, got "{data.support}"'
            )
        if self.needs_labels and data.classes is None:
            raise ValueError("data must have labels for this model, got y=None")
        if self.classes is not None and data.classes not in (None, self.classes):
            raise ValueError(f"data must have {self.classes} classes, got {data.classes}")
        if self.needs_labels and not (self.takes_unlabelled or data.labelled):
            name = type(self).__name__
            raise ValueError(f"data must be labelled throughout: {name} cannot learn y = -1")
        if data.soft_labels and self.classes is not None and not self.takes_soft_labels:
            name = type(self).__name__
            raise ValueError(
                f"data must have one label a row: {name} cannot learn the labels that Mixup and "
                "CutMix blend"
            )
        if data.device.type != self.device.type:
            raise ValueError(f"data must be on the model's device {self.device}, got {data.device}")

    def check_test(self, test: Dataset) -> None:
        """Raise unless `test` holds labelled rows of the model's shape and classes, none seen."""
        if test.shape != self.shape:
            raise ValueError(f"test must have examples of shape {self.shape}, got {test.shape}")
        if not test.labelled:
            raise ValueError("test must be labelled throughout: y = -1 has no right answer")
        if test.classes != self.classes:
            raise ValueError(f"test must have {self.classes} classes, got {test.classes}")
        refuse_leaks(self.seen, test, f"the {type(self).__name__.lower()}")

    def labels_for(self, n: int, label: int | Tensor | None) -> Tensor | None:
        """The n labels to sample, (n,) int64, or None for a model without labels.

        Raises:
            ValueError: n below 1; a label missing, unwanted or unknown.
        """
        n = count("n", n)
        if self.classes is None:
            if label is not None:
                raise ValueError("label must not be given: this model knows no labels")
            return None
        if label is None:
            raise ValueError(
                f"label must be given, 0 to {self.classes - 1}: this model is conditional"
            )
        labels = torch.as_tensor(label, device=self.device)
        if labels.dtype.is_floating_point or labels.ndim > 1 or labels.numel() not in (1, n):
            raise ValueError(f"label must be an int or ({n},) int64 labels, got {label!r}")
        if labels.min() < 0 or labels.max() >= self.classes:
            raise ValueError(f"label must lie in 0 to {self.classes - 1}, got {label!r}")
        return labels.long().expand(n)

    def label_of(self, batch: Batch) -> Tensor | None:
        """The labels (B,) of a batch that the model learns from; None for one without labels."""
        return None if self.classes is None else batch.y

    def check_label(self, label: Tensor | None) -> None:
        """Raise a ValueError for a label that is missing or unwanted."""
        if self.classes is None and label is not None:
            raise ValueError("label must not be given: this model knows no labels")
        if self.classes is not None and label is None:
            raise ValueError("label must be given: this model is conditional")

    def through(
        self,
        network: nn.Module,
        x: Tensor,
        label: Tensor | None = None,
        rng: torch.Generator | None = None,
    ) -> Tensor:
        """What a network of the model makes of x, and of the labels where the model is conditional.

        Args:
            network: as an `Architecture` makes them; a `Net` gets rng for its dropout.
            x: (B, ...) what goes in.
            label: (B,) labels.
            rng: drives dropout while training.

        Raises:
            ValueError: a label missing or unwanted.
        """
        self.check_label(label)
        inputs = (x,) if label is None else (x, label)
        return network(*inputs, rng=rng) if isinstance(network, Net) else network(*inputs)

    def get_extra_state(self) -> Tensor:
        """What `state_dict` holds besides tensors: `steps_done`, then the ids in `seen`, int64."""
        ids = torch.empty(0, dtype=torch.int64) if self.seen is None else self.seen
        return torch.cat([torch.tensor([self.steps_done]).to(ids), ids])

    def set_extra_state(self, state: Tensor) -> None:
        """Take `steps_done` and `seen` from what `get_extra_state` made of them."""
        self.steps_done, self.seen = int(state[0]), state[1:] if len(state) > 1 else None

    def _load_from_state_dict(self, state_dict, prefix, *arguments) -> None:
        """As torch's, but a state without the rows seen, saved by an older version, says so."""
        if (name := f"{prefix}_extra_state") not in state_dict:
            state_dict = {**state_dict, name: self.get_extra_state()}
            warnings.warn(
                f"the state of this {type(self).__name__} does not say which rows it has seen, so "
                "that a score on them is not noticed; set .seen to their ids",
                stacklevel=4,
            )
        super()._load_from_state_dict(state_dict, prefix, *arguments)


class Generative(Model):
    """A model that makes new examples: a family says in `_sample` how, `sample` does the rest.

    A family with settings of its own has them in the signature of its own `sample`, where their
    types are checked and their meaning is documented, and hands them to `_checked_sample`.
    """

    def sample(self, n: int, *, label: int | Tensor | None = None, rng: torch.Generator) -> Tensor:
        """n new examples (n, *shape).

        Args:
            n: how many, at least 1.
            label: one label or (n,) labels for a conditional model; refused by the others.
            rng: on the model's device.

        Raises:
            ValueError: n below 1; a label missing, unwanted or unknown; rng on another device.
        """
        return self._checked_sample(n, label, rng)

    @torch.no_grad()
    def _checked_sample(
        self, n: int, label: int | Tensor | None, rng: torch.Generator, **settings
    ) -> Tensor:
        check_device(rng, self.device, "model")
        labels = self.labels_for(n, label)
        self.eval()
        return self._sample(int(n), labels, rng, **settings)

    def _sample(self, n: int, labels: Tensor | None, rng: torch.Generator) -> Tensor:
        """n examples (n, *shape) of the labels (n,): checked, evaluating, without gradients."""
        raise TypeError(f"{type(self).__name__} draws no examples")


def default_support(shape: int | tuple[int, ...], support: str | None) -> str:
    """The support that is given, else that of pictures, "unit", for (C, H, W), "real" for others.

    Raises:
        ValueError: a support other than "unit", "real" and None.
    """
    pictures = len(check_shape(shape)) == 3
    return choice("support", support or ("unit" if pictures else "real"), ("unit", "real"))


def check_shape(shape: int | tuple[int, ...]) -> tuple[int, ...]:
    """The shape of one example as a tuple of ints; raises a ValueError unless each is above 0."""
    sizes = counts("shape", shape if isinstance(shape, Iterable) else (shape,))
    if not sizes:
        raise ValueError(f"shape must hold at least one size, got {shape!r}")
    return sizes


class GradientUpdate(Update):
    """One update of gradient families: each objective takes a step of Adam on its parameters.

    Frozen parameters, those with `requires_grad=False`, stay as they are.

    Raises:
        ValueError: every parameter is frozen.

    Source: Loshchilov & Hutter 2019, arXiv:1711.05101 (AdamW; Adam where weight_decay is 0).
    """

    def __init__(
        self,
        objectives: list[Objective],
        *,
        lr: float,
        betas: tuple[float, float],
        weight_decay: float,
    ):
        self.objectives = objectives
        if not any(trainable(objective.parameters) for objective in objectives):
            raise ValueError("model must have parameters to train, got only frozen ones")
        self.optimizers = [
            torch.optim.AdamW(
                objective.parameters,
                lr=lr,
                betas=betas,
                weight_decay=weight_decay,
                fused=objective.parameters[0].device.type in ("cpu", "cuda"),
            )
            for objective in objectives
        ]

    def __call__(self, batch: Batch, rng: torch.Generator) -> dict[str, Tensor]:
        return {
            objective.name: self.step(turn, objective.loss(batch, rng))
            for turn, objective in enumerate(self.objectives)
        }

    def step(self, turn: int, loss: Tensor) -> Tensor:
        """One step down the loss of the objective whose turn it is; returns the loss."""
        parameters = self.objectives[turn].parameters
        if learning := trainable(parameters):
            for parameter in parameters:
                parameter.grad = None
            loss.backward(inputs=learning)
            self.optimizers[turn].step()  # passes over parameters without a gradient
        return loss.detach()

    @property
    def names(self) -> list[str]:
        """What has a learning rate of its own: the objectives."""
        return [objective.name for objective in self.objectives]

    def set_rates(self, rates: Mapping[str, float]) -> None:
        """Each objective's learning rate in the next update."""
        for name, optimizer in zip(self.names, self.optimizers, strict=True):
            for group in optimizer.param_groups:
                group["lr"] = rates[name]

    def state_dict(self) -> dict[int, dict]:
        """What the optimisers remember, by turn."""
        return {turn: optimizer.state_dict() for turn, optimizer in enumerate(self.optimizers)}

    def load_state_dict(self, state: Mapping[int, dict]) -> None:
        """Have the optimisers remember this instead."""
        for turn, optimizer in enumerate(self.optimizers):
            optimizer.load_state_dict(state[turn])


def trainable(parameters: Iterable[nn.Parameter]) -> list[nn.Parameter]:
    """The parameters that are not frozen."""
    return [parameter for parameter in parameters if parameter.requires_grad]


check_types(__name__)
