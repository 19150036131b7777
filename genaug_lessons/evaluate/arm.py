"""One arm of a study: a way to augment, and the training of its classifiers on all repeats.

An arm is the smallest part of a study that runs by itself: the classifiers of its repeats are one
stacked model, whose batches and dropout come from one stream of chance.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import torch

from genaug_lessons.augment import Augmented, as_transform
from genaug_lessons.augment.policy import Change
from genaug_lessons.checks import probability
from genaug_lessons.data import Dataset, Source, Split, refuse_leaks
from genaug_lessons.data.splits import check_labels_per_class
from genaug_lessons.ensemble import Ensemble, Loss, StackedData
from genaug_lessons.evaluate.sharing import clock
from genaug_lessons.models.classifier import Classifier
from genaug_lessons.random import generator, spawn
from genaug_lessons.training import training_steps
from genaug_lessons.typed import check_types


@dataclass(frozen=True)
class Arm:
    """One way to augment.

    Args:
        name: what tables and figures call it.
        bank: makes synthetic (or further real) data for a repeat: bank(split, rng).
        transform: changes pictures of the batch instead: a transform, of torchvision too, or a
            list of them. With a bank as well, it changes the whole batch after the bank's share
            has been mixed in.
        share: part of each batch that is augmented, 0 to 1: taken from the bank, or changed by the
            transform where there is no bank.
        start: makes the classifier that a repeat starts from, start(split, rng), in place of
            the study's `make_classifier`: pretrained on the pool, say. It gets the rng that the
            other arms draw the initial weights of that repeat from.
        loss: what the classifiers minimise in place of the cross-entropy, loss(model, batch, rng),
            one number for each example as in `Ensemble`. With it, a bank may hold rows without a
            label (y = -1), such as `split.pool`: a share of each batch is then unlabelled.
    """

    name: str
    bank: Callable[[Split, torch.Generator], Dataset] | None = None
    transform: Change | None = None
    share: float = 0.5
    start: Callable[[Split, torch.Generator], Classifier] | None = None
    loss: Loss | None = None

    def __post_init__(self):  # refused now, not when its turn comes
        probability("share", self.share)
        if self.transform is not None:
            as_transform(self.transform)

    @classmethod
    def duplicates(cls, share: float = 0.5) -> "Arm":
        """The control: the bank holds nothing but the labelled rows again."""
        return cls("duplicates", bank=_labelled_rows, share=share)

    @classmethod
    def more_labels(cls, labels_per_class: int | Sequence[int], share: float = 0.8) -> "Arm":
        """What collecting more real labels would buy: the bank is a larger draw of them."""
        labels_per_class = check_labels_per_class(labels_per_class)
        bank = partial(_more_rows, labels_per_class=labels_per_class)
        return cls(labels_in_words(labels_per_class, "real labels"), bank=bank, share=share)


def labels_in_words(labels_per_class: int | Sequence[int], what: str = "labels") -> str:
    """How many labels: "5 labels a class", or "20, 20, 2 labels of the classes"."""
    labels_per_class = check_labels_per_class(labels_per_class)
    if isinstance(labels_per_class, int):
        return f"{labels_per_class} {what} a class"
    return f"{', '.join(map(str, labels_per_class))} {what} of the classes"


class ArmResult(NamedTuple):
    """The trained classifiers of an arm, one a repeat, and the CPU seconds that it took."""

    ensemble: Ensemble
    seconds: float


def run_arm(
    arm: Arm,
    splits: Sequence[Split],
    *,
    steps: int,
    make_classifier: Callable[..., Classifier],
    settings: Mapping[str, object],
    tick: Callable[[], object] = lambda: None,
) -> ArmResult:
    """Make the banks and starts of the arm and train its classifiers, one for each split.

    Args:
        arm: the way to augment.
        splits: one for each repeat.
        steps: updates of the classifiers.
        make_classifier: called with (shape, classes=..., rng=...), for an arm without `start`.
        settings: of the classifiers' training.
        tick: called after each bank and each start.

    Raises:
        TypeError: a bank that is no data set.
        ValueError: a bank or a start that does not fit the data, or a loss of another shape than
            one number for each example.
        Leak: a bank or a start has seen rows of the test half.
    """
    begun = clock()
    labelled, test = StackedData([part.labelled for part in splits]), splits[0].test
    source = _source(arm, splits, labelled, tick)
    refuse_leaks(source.ids, test, f"arm {arm.name!r}")

    def afresh(_: Split, rng: torch.Generator) -> Classifier:
        return make_classifier(labelled.shape, classes=labelled.classes, rng=rng)

    rng = generator(splits[0].repeat)  # the same for every arm: paired weights and batches
    members = []
    for part, weights in zip(splits, spawn(rng, len(splits)), strict=True):
        members.append((arm.start or afresh)(part, weights))
        if arm.start is not None:
            tick()
    ensemble = Ensemble(members, loss=arm.loss)
    ensemble.check_test(test)
    training = training_steps(  # going on: a start may have been trained already
        ensemble, source, steps=steps, resume=True, rng=rng, **settings
    )
    for _ in training:
        pass
    return ArmResult(ensemble, clock() - begun)


def _source(
    arm: Arm, splits: Sequence[Split], labelled: StackedData, tick: Callable[[], object]
) -> Source:
    """What the classifiers of the arm draw their batches from."""
    banks = []
    for part in splits if arm.bank is not None else ():
        banks.append(arm.bank(part, generator(part.repeat)))
        if not isinstance(banks[-1], Dataset):
            raise TypeError(
                f"what the bank of arm {arm.name!r} makes must be a Dataset, "
                f"got {type(banks[-1]).__name__}"
            )
        tick()
    if arm.bank is None and arm.transform is None:
        return labelled
    bank = StackedData(banks) if banks else None
    return Augmented(labelled, bank=bank, transform=arm.transform, share=arm.share)


def _labelled_rows(split: Split, _: torch.Generator) -> Dataset:  # a lambda could not be pickled
    return split.labelled


def _more_rows(
    split: Split, _: torch.Generator, *, labels_per_class: int | tuple[int, ...]
) -> Dataset:
    return split.with_labels(labels_per_class)


check_types(__name__)
