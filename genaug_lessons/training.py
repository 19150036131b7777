"""One training loop for every model: the model says how one update is made, the loop iterates.

    for step in training_steps(model, dataset, steps=500, rng=rng):
        print(step.index, step.losses)

Pausing is not calling next. A step is made whole or not at all: an interrupt waits until it is
done, and what breaks it off (a second interrupt, an error, a loss that is no longer finite) takes
the training back to where it was some moments before. The model can be used and the same iterator
goes on in each case. `fit` is the same loop without looking.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor

from genaug_lessons.checks import count, number
from genaug_lessons.copies import Copies, Copy
from genaug_lessons.data import Batch, Dataset, Leak, Source
from genaug_lessons.interrupts import deferred_interrupt
from genaug_lessons.model import Model, Update
from genaug_lessons.progress import progress
from genaug_lessons.random import check_device
from genaug_lessons.settings import checked_settings
from genaug_lessons.typed import check_types

AT_ONCE = ("cpu",)  # where losses are looked at in every step; elsewhere that is to wait for them


class Diverged(FloatingPointError):
    """A loss or a weight became infinite or NaN; the model is as it was some steps before."""


class Step(NamedTuple):
    """One finished update: its number from 1, its losses, and the monitors due at this step."""

    index: int
    losses: dict[str, Tensor]
    monitors: dict[str, float]


@dataclass(repr=False)
class Training:
    """An iterator of updates.

    A step that is broken off takes the training back to its newest copy: that of the step before
    where steps are slow, else one of the last tenth of a second or so.

    Raises:
        Diverged: a loss is not finite, which a CPU notices at once and others at the next copy, or
            weights are not. The training is back at a copy from which it went on well.

    Attributes:
        model: the model, usable between any two steps.
        steps: updates this run makes in all.
        rates: objective -> learning rate, changeable while it runs; the schedule multiplies it.
            Empty for families that have none.
        ids: of the rows that the model sees from the first step on.
        history: loss name -> one scalar tensor per step made (`losses()` turns them to floats).
        monitored: monitor name -> list of (step, value).
        copies: of model and update, to go back to.
    """

    model: Model
    steps: int
    rates: dict[str, float]
    schedule: str
    update: Update
    new_batches: Callable[[], Iterator[Batch]]
    rng: torch.Generator
    monitors: Mapping[str, Callable[[Model], float]]
    monitor_every: int
    ids: Tensor | None
    index: int = 0
    history: dict[str, list[Tensor]] = field(default_factory=dict)
    monitored: dict[str, list[tuple[int, float]]] = field(default_factory=dict)

    def __post_init__(self):
        self.copies, self.batches = Copies(self.model, self.update), self.new_batches()
        self.model.eval()

    @property
    def lr(self) -> float:
        """The learning rate, of the first objective where they differ; setting it sets all."""
        self._check_rates()
        return next(iter(self.rates.values()))

    @lr.setter
    def lr(self, lr: float) -> None:
        """Give every objective this learning rate."""
        self._check_rates()
        self.rates = dict.fromkeys(self.rates, number("lr", lr, at_least=0))

    def __iter__(self) -> "Training":
        return self

    def __next__(self) -> Step:
        if self.index >= self.steps:
            raise StopIteration
        gradients = torch.set_grad_enabled(torch.is_grad_enabled())
        with deferred_interrupt(), gradients:  # an interrupt may leave them off
            try:
                self._copy_if_due()
                losses = self._make_whole_step()
            except FloatingPointError as error:
                self._go_back(sound=True)
                raise Diverged(f"{error}: {self._advice()}") from None
            return Step(self.index, losses, self._look())

    def __repr__(self) -> str:
        return f"Training of {type(self.model).__name__}: {self.index} of {self.steps} steps"

    def losses(self) -> dict[str, list[float]]:
        """The history as numbers; the first moment at which anyone waits for the device."""
        return {name: torch.stack(values).tolist() for name, values in self.history.items()}

    def _check_rates(self) -> None:
        if not self.rates:
            raise AttributeError(f"{type(self.model).__name__} is trained without a learning rate")

    def _make_whole_step(self) -> dict[str, Tensor]:
        try:
            return self._make_step()
        except FloatingPointError:
            raise
        except BaseException:
            self._go_back()
            raise

    def _make_step(self) -> dict[str, Tensor]:
        if self.rates:
            factor = _lr_factor(self.schedule, self.index / self.steps)
            self.update.set_rates({name: factor * rate for name, rate in self.rates.items()})
        if self.index == 0:
            self.model.seen = _union(self.model.seen, self.ids)
        self.model.train()
        losses = self.update(next(self.batches), self.rng)
        self.model.eval()
        self.index += 1
        self.model.steps_done += 1
        for name, loss in losses.items():
            self.history.setdefault(name, []).append(loss)
            if loss.device.type in AT_ONCE:
                self._check_loss(name, loss)
        if self.index == self.steps:
            self._check_finite()
        return losses

    def _look(self) -> dict[str, float]:
        if self.index % self.monitor_every and self.index != self.steps:
            return {}
        try:
            values = {name: monitor(self.model) for name, monitor in self.monitors.items()}
        finally:
            self.model.eval()
        for name, value in values.items():
            self.monitored.setdefault(name, []).append((self.index, value))
        return values

    def _copy_if_due(self) -> None:
        if self.copies.due():
            self._check_finite()
            self.copies.keep(self.index, {name: len(kept) for name, kept in self.history.items()})

    def _go_back(self, *, sound: bool = False) -> None:
        """Be as at the newest copy, or at the newest whose weights gave finite losses."""
        self.model.eval()
        self.batches = self.new_batches()  # an iterator that was broken off has ended
        kept = self.copies.kept
        if not kept:
            return
        while sound and len(kept) > 1 and not self._is_sound(kept[-1]):
            kept.pop()
        self.index, lengths, *_ = self.copies.restore()
        self.history = {
            name: earlier
            for name, losses in self.history.items()
            if (earlier := losses[: lengths.get(name, 0)])
        }
        self.monitored = {
            name: earlier
            for name, looks in self.monitored.items()
            if (earlier := [look for look in looks if look[0] <= self.index])
        }

    def _is_sound(self, copy: Copy) -> bool:
        newer = self._losses_since(copy).values()
        return bool(newer) and all(losses[0].isfinite() for losses in newer)

    def _losses_since(self, copy: Copy) -> dict[str, list[Tensor]]:
        newer = {name: values[copy.lengths.get(name, 0) :] for name, values in self.history.items()}
        return {name: losses for name, losses in newer.items() if losses}

    def _check_finite(self) -> None:
        """Raise a FloatingPointError unless losses since the newest copy and all weights are."""
        kept = self.copies.kept
        for name, losses in self._losses_since(kept[-1]).items() if kept else ():
            values = torch.stack(losses)
            if not values.isfinite().all():
                self._check_loss(name, values[~values.isfinite()][0])
        for name, weight in self.model.named_parameters():
            if weight.requires_grad and not weight.isfinite().all():
                raise FloatingPointError(f"{name} is not finite after step {self.index}")

    def _check_loss(self, name: str, loss: Tensor) -> None:
        if not math.isfinite(value := loss.item()):
            raise FloatingPointError(f"{name} is {value} at step {self.index} of {self.steps}")

    def _advice(self) -> str:
        remedy = "data of a smaller scale, such as standardised data"
        if self.rates:
            remedy = f"lr below {max(self.rates.values()):g}, or {remedy}"
        return f"training is back at step {self.index}, where the model can be used; try {remedy}"


def training_steps(
    model: Model,
    data: Source | Tensor,
    *,
    steps: int,
    rng: torch.Generator,
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
        rng: batches and noise are drawn from it; on the model's device.
        resume: continue a model that was already trained (with fresh optimiser state).
        monitors: name -> function of the model; quality, which losses often do not measure.
        monitor_every: steps between two looks; the last step is always looked at.
        **settings: batch_size, lr and what else the family's `defaults` list.

    Raises:
        ValueError: data of the wrong shape, support or device; steps or batch_size below 1; a
            setting the family does not know, or out of range; a trained model without `resume`.
        Leak: the data are a test half.
    """
    data = Dataset(data, support=model.support) if isinstance(data, Tensor) else data
    settings, monitors = checked_settings(model, settings), monitors or {}
    steps, monitor_every = count("steps", steps), count("monitor_every", monitor_every)
    if data.held_out:
        raise Leak("data must not be a test half: train on the labelled part or the pool instead")
    model.check_data(data)
    check_device(rng, model.device, "model")
    if model.steps_done and not resume:
        raise ValueError(
            f"model was already trained for {model.steps_done} steps: pass resume=True to go on, "
            "or make a new one to start afresh"
        )
    schedule = settings.pop("schedule", "constant")
    batch_size = settings.pop("batch_size", None)
    update = model.updater(**settings)
    if batch_size is not None:
        batch_size *= update.batches_per_update
    batches = partial(data.batches, batch_size, rng)
    rates = dict.fromkeys(update.names, settings.get("lr"))
    return Training(
        model, steps, rates, schedule, update, batches, rng, monitors, monitor_every, data.ids
    )


def fit(
    model: Model, data: Source | Tensor, *, steps: int, show_progress: bool = True, **arguments
) -> Training:
    """`training_steps` run to its end, with a progress bar. Returns the finished `Training`.

    An interrupt ends it after the step under way, says so in one sentence, and ends what stands
    behind it, too: the cell, the loop, the study. The model stays usable, and a further
    `fit(..., resume=True)` goes on from there. A second interrupt does not wait for the step.

    Raises:
        KeyboardInterrupt: it was interrupted.
        Diverged: a loss or a weight became infinite or NaN.
    """
    training = training_steps(model, data, steps=steps, **arguments)
    try:
        for _ in progress(training, steps, type(model).__name__) if show_progress else training:
            pass
    except KeyboardInterrupt:
        print(f"interrupted after {training.index} of {steps} steps; the model can be used")
        raise
    return training


def _lr_factor(schedule: str, done: float) -> float:
    """1 for "constant"; for "cosine" from 1 at the start to 0 at the end (arXiv:1608.03983)."""
    return 1.0 if schedule == "constant" else 0.5 * (1 + math.cos(math.pi * done))


def _union(seen: Tensor | None, ids: Tensor | None) -> Tensor | None:
    if seen is None or ids is None:
        return seen if ids is None else ids.unique()
    return torch.cat([seen.to(ids), ids]).unique()


check_types(__name__)
