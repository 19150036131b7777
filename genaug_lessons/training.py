"""One training loop for every model: the model says how one update is made, the loop iterates.

    for step in training_steps(model, dataset, steps=500, generator=rng):
        print(step.index, step.losses)

Pausing is not calling next; an interrupt between steps leaves a usable model. `fit` is the same
loop without looking.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor

from genaug_lessons.data import Batch, Dataset, Leak
from genaug_lessons.model import Model, Update
from genaug_lessons.progress import deferred_interrupt, progress
from genaug_lessons.random import check_device
from genaug_lessons.typed import check_types


class Step(NamedTuple):
    """One finished update: its number from 1, its losses, and the monitors due at this step."""

    index: int
    losses: dict[str, Tensor]
    monitors: dict[str, float]


@dataclass(repr=False)
class Training:
    """An iterator of updates.

    Attributes:
        model: the model, usable between any two steps.
        steps: updates this run makes in all.
        rates: objective -> learning rate, changeable while it runs; the schedule multiplies it.
            Empty for families that have none.
        history: loss name -> one scalar tensor per step made (`losses()` turns them to floats).
        monitored: monitor name -> list of (step, value).
    """

    model: Model
    steps: int
    rates: dict[str, float]
    schedule: str
    update: Update
    batches: Iterator[Batch]
    generator: torch.Generator
    monitors: Mapping[str, Callable[[Model], float]]
    monitor_every: int
    index: int = 0
    history: dict[str, list[Tensor]] = field(default_factory=dict)
    monitored: dict[str, list[tuple[int, float]]] = field(default_factory=dict)

    @property
    def lr(self) -> float:
        """The learning rate, of the first objective where they differ; setting it sets all."""
        self._check_rates()
        return next(iter(self.rates.values()))

    @lr.setter
    def lr(self, lr: float) -> None:
        """Give every objective this learning rate."""
        self._check_rates()
        self.rates = dict.fromkeys(self.rates, lr)

    def __iter__(self) -> "Training":
        return self

    def __next__(self) -> Step:
        if self.index >= self.steps:
            raise StopIteration
        if self.rates:
            factor = _lr_factor(self.schedule, self.index / self.steps)
            self.update.set_rates({name: factor * rate for name, rate in self.rates.items()})
        self.model.train()
        losses = self.update(next(self.batches), self.generator)
        self.model.eval()
        self.index += 1
        self.model.steps_done += 1
        for name, loss in losses.items():
            self.history.setdefault(name, []).append(loss)
        return Step(self.index, losses, self._look())

    def __repr__(self) -> str:
        return f"Training of {type(self.model).__name__}: {self.index} of {self.steps} steps"

    def losses(self) -> dict[str, list[float]]:
        """The history as numbers; the first moment at which anyone waits for the device."""
        return {name: torch.stack(values).tolist() for name, values in self.history.items()}

    def _check_rates(self) -> None:
        if not self.rates:
            raise AttributeError(f"{type(self.model).__name__} is trained without a learning rate")

    def _look(self) -> dict[str, float]:
        if self.index % self.monitor_every and self.index != self.steps:
            return {}
        values = {name: monitor(self.model) for name, monitor in self.monitors.items()}
        for name, value in values.items():
            self.monitored.setdefault(name, []).append((self.index, value))
        return values


def training_steps(
    model: Model,
    data,
    *,
    steps: int,
    generator: torch.Generator,
    resume: bool = False,
    monitors: Mapping[str, Callable[[Model], float]] | None = None,
    monitor_every: int = 100,
    **settings,
) -> Training:
    """Check everything, then return the iterator that trains `model` on `data`.

    Args:
        model: any model of the package.
        data: a `Dataset`, an `Augmented` data set, or a bare tensor where no labels are needed.
        steps: updates to make; at least 1.
        generator: batches and noise are drawn from it; on the model's device.
        resume: continue a model that was already trained (with fresh optimiser state).
        monitors: name -> function of the model; quality, which losses often do not measure.
        monitor_every: steps between two looks; the last step is always looked at.
        **settings: batch_size, lr and what else the family's `defaults` list.

    Raises:
        ValueError: data of the wrong shape, support or device; steps or batch_size below 1; a
            setting the family does not know; a trained model without `resume`.
        Leak: the data are a test half.
    """
    data = Dataset(data, support=model.support) if isinstance(data, Tensor) else data
    settings = _checked_settings(model, settings)
    counts = {"batch_size": 1, **settings, "steps": steps}
    for name in ("steps", "batch_size"):
        value = counts[name]
        if not isinstance(value, int) or value < 1:
            raise ValueError(f"{name} must be an integer of at least 1, got {value!r}")
    if monitor_every < 1:
        raise ValueError(f"monitor_every must be at least 1, got {monitor_every}")
    if data.held_out:
        raise Leak("data must not be a test half: train on the labelled part or the pool instead")
    model.check_data(data)
    check_device(generator, model.device, "model")
    if model.steps_done and not resume:
        raise ValueError(
            f"model was already trained for {model.steps_done} steps: pass resume=True to go on, "
            "or make a new one to start afresh"
        )
    schedule, monitors = settings.pop("schedule", "constant"), monitors or {}
    batch_size = settings.pop("batch_size", None)
    update = model.updater(**settings)
    model.seen = _union(model.seen, data.ids)
    if batch_size is not None:
        batch_size *= getattr(update, "batches_per_update", 1)
    batches = data.batches(batch_size, generator)
    rates = dict.fromkeys(getattr(update, "names", ()), settings.get("lr"))
    return Training(
        model, steps, rates, schedule, update, batches, generator, monitors, monitor_every
    )


def fit(model: Model, data, *, steps: int, show_progress: bool = True, **arguments) -> Training:
    """`training_steps` run to its end, with a progress bar. Returns the finished `Training`.

    Interrupting ends it after the step under way: model and history stay usable, and a further
    `fit(..., resume=True)` goes on from there.
    """
    training = training_steps(model, data, steps=steps, **arguments)
    with deferred_interrupt() as interrupted:
        for step in progress(training, steps, type(model).__name__) if show_progress else training:
            if interrupted.is_set():
                print(f"interrupted after {step.index} of {steps} steps; the model can be used")
                break
    return training


def _lr_factor(schedule: str, done: float) -> float:
    """1 for "constant"; for "cosine" from 1 at the start to 0 at the end (arXiv:1608.03983)."""
    return 1.0 if schedule == "constant" else 0.5 * (1 + math.cos(math.pi * done))


def _checked_settings(model: Model, settings: dict) -> dict:
    unknown = sorted(set(settings) - set(model.defaults))
    if unknown:
        raise ValueError(
            f"{type(model).__name__} does not know the setting {unknown[0]!r}; "
            f"it has {sorted(model.defaults)}"
        )
    settings = {**model.defaults, **settings}
    schedule = settings.get("schedule", "constant")
    if schedule not in ("constant", "cosine"):
        raise ValueError(f'schedule must be "constant" or "cosine", got {schedule!r}')
    if "lr" in settings and not settings["lr"] > 0:
        raise ValueError(f"lr must be above 0, got {settings['lr']}")
    return settings


def _union(seen: Tensor | None, ids: Tensor | None) -> Tensor | None:
    if seen is None or ids is None:
        return seen if ids is None else ids.unique()
    return torch.cat([seen.to(ids), ids]).unique()


check_types(__name__)
