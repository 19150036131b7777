"""One unconditional model for each class, trained side by side: together they know labels."""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from genaug_lessons.checks import count
from genaug_lessons.data import Batch
from genaug_lessons.model import Generative, Model, Update
from genaug_lessons.typed import check_types


class PerClass(Generative):
    """One unconditional model per class: what lets it augment a classifier.

    Args:
        make_model: makes one unconditional model; called once per class.
        classes: number of labels.
    """

    needs_labels = True

    def __init__(self, make_model: Callable[[], Model], *, classes: int):
        classes = count("classes", classes)
        models = [make_model() for _ in range(classes)]
        if models[0].classes is not None:
            raise ValueError("make_model must make unconditional models, got a conditional one")
        super().__init__(models[0].shape)
        self.models, self.classes, self.support = nn.ModuleList(models), classes, models[0].support
        self.defaults = dict(models[0].defaults)
        if "batch_size" in self.defaults:
            self.defaults["batch_size"] = 256

    def updater(self, **settings) -> "_PerClassUpdate":
        """Each class's model takes a step on the batch's rows of that class."""
        return _PerClassUpdate([model.updater(**settings) for model in self.models])

    def _sample(self, n: int, labels: Tensor | None, rng: torch.Generator) -> Tensor:
        """Each row from the model of its label."""
        x = torch.empty((n, *self.shape), device=self.device)
        for value in labels.unique().tolist():
            rows = labels == value
            x[rows] = self.models[value].sample(int(rows.sum()), rng=rng)
        return x


class _PerClassUpdate(Update):
    def __init__(self, updates: list[Update]):
        self.updates = updates
        self.batches_per_update = updates[0].batches_per_update

    def __call__(self, batch: Batch, rng: torch.Generator) -> dict[str, Tensor]:
        losses = {}
        for label, update in enumerate(self.updates):
            rows = batch.y == label
            if rows.any():
                own = update(Batch(batch.x[rows]), rng)
                losses |= {f"{name}, class {label}": loss for name, loss in own.items()}
        return losses

    @property
    def names(self) -> list[str]:
        return list(self.updates[0].names)

    def set_rates(self, rates: Mapping[str, float]) -> None:
        for update in self.updates:
            update.set_rates(rates)

    def state_dict(self) -> dict[int, dict]:
        states = (update.state_dict() for update in self.updates)
        return {label: state for label, state in enumerate(states) if state}

    def load_state_dict(self, state: Mapping[int, dict]) -> None:
        for label, remembered in state.items():
            self.updates[label].load_state_dict(remembered)


check_types(__name__)
