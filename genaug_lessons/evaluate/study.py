"""The paired study: several arms, many repeats, one question: did the augmentation help?

Every repeat picks its labelled rows; every arm trains a classifier on them from the same initial
weights, or from those it learnt beforehand, for the same number of steps. The gain of an arm is
the mean over repeats of its accuracy minus that of the arm "none" in the same repeat, with a 95%
interval. The classifiers of all repeats are trained as one stacked model.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import torch

from genaug_lessons.augment import Augmented, as_transform
from genaug_lessons.augment.policy import Change
from genaug_lessons.checks import count, probability
from genaug_lessons.data import Dataset, Split, digits, refuse_leaks, split
from genaug_lessons.ensemble import Ensemble, StackedData
from genaug_lessons.evaluate.estimate import Estimate, estimate, paired_gain
from genaug_lessons.models.classifier import Classifier
from genaug_lessons.progress import progress
from genaug_lessons.random import generator, spawn
from genaug_lessons.training import training_steps
from genaug_lessons.typed import check_types

BASELINE = "none"


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
    """

    name: str
    bank: Callable[[Split, torch.Generator], Dataset] | None = None
    transform: Change | None = None
    share: float = 0.5
    start: Callable[[Split, torch.Generator], Classifier] | None = None

    def __post_init__(self):  # refused now, not when its turn comes
        probability("share", self.share)
        if self.transform is not None:
            as_transform(self.transform)

    @classmethod
    def duplicates(cls, share: float = 0.5) -> "Arm":
        """The control: the bank holds nothing but the labelled rows again."""
        return cls("duplicates", bank=lambda split, _: split.labelled, share=share)

    @classmethod
    def more_labels(cls, labels_per_class: int, share: float = 0.8) -> "Arm":
        """What collecting more real labels would buy: the bank is a larger draw of them."""
        name = f"{count('labels_per_class', labels_per_class)} real labels a class"
        return cls(name, bank=lambda split, _: split.with_labels(labels_per_class), share=share)


@dataclass(frozen=True)
class Study:
    """The result: accuracies paired over repeats. Shows itself as a table and a forest plot.

    Attributes:
        accuracies: arm -> one accuracy per repeat, 0 to 1; "none" is the baseline.
        seconds: arm -> CPU seconds for its banks, its starts and the training of its classifiers.
        classifiers: arm -> the ensemble of its trained classifiers.
        question: what was asked, in words.
    """

    accuracies: dict[str, list[float]]
    seconds: dict[str, float]
    classifiers: dict[str, Ensemble] = field(repr=False)
    question: str

    @property
    def gains(self) -> dict[str, Estimate]:
        """Arm -> paired gain in accuracy over "none"."""
        baseline = self.accuracies[BASELINE]
        return {
            name: paired_gain(values, baseline)
            for name, values in self.accuracies.items()
            if name != BASELINE
        }

    def verdict(self, arm: str) -> str:
        """By which side of 0 the interval lies: "helps", "harms" or "no effect found"."""
        gain = self.gains[arm]
        if gain.low > 0:
            return "helps"
        return "harms" if gain.high < 0 else "no effect found"

    def __str__(self) -> str:
        width = max(map(len, self.accuracies))
        base, cost = estimate(self.accuracies[BASELINE]), self.seconds[BASELINE]
        lines = [
            self.question,
            f"{'arm':<{width}}  accuracy %  gain in points [95% interval]  cost",
            f"{BASELINE:<{width}}  {100 * base.mean:10.1f}  {'':29}  {cost:.1f} s",
        ]
        for name, gain in self.gains.items():
            accuracy = 100 * estimate(self.accuracies[name]).mean
            low, high = 100 * gain.low, 100 * gain.high
            interval = f"{100 * gain.mean:+5.1f} [{low:+5.1f}, {high:+5.1f}]"
            lines.append(
                f"{name:<{width}}  {accuracy:10.1f}  {interval:<29}  {self.seconds[name]:.1f} s  "
                f"{self.verdict(name)}"
            )
        return "\n".join(lines)

    def _ipython_display_(self) -> None:
        from genaug_lessons import plots  # matplotlib is slow to import

        print(self)
        points = {
            name: tuple(100 * value for value in gain[:3]) for name, gain in self.gains.items()
        }
        print(plots.forest(points, xlabel="gain in accuracy over none (percentage points)"))


def study(
    arms: Sequence[Arm],
    *,
    data: tuple[Dataset, Dataset] | Dataset | None = None,
    repeats: int = 12,
    labels_per_class: int = 5,
    steps: int = 1200,
    first_repeat: int = 0,
    development: bool = False,
    make_classifier: Callable[..., Classifier] = Classifier,
    show_progress: bool = True,
    **settings,
) -> Study:
    """Train every arm, and the baseline "none", on the same repeats, and pair the results.

    Args:
        arms: what to compare; names must differ.
        data: a data set, or (train, test); the embedded digits by default.
        repeats: at least 2. 12 give intervals of about +-0.5 to 0.9 points on digits.
        labels_per_class: labelled rows of each class in every repeat.
        steps: updates of every classifier. Below about 1200, strong augmentation is judged
            before it has had time to work.
        first_repeat: number of the first repeat; other numbers repeat the study on other rows.
        development: score on training rows, to choose settings without touching the test half.
        make_classifier: called with (shape, classes=..., rng=...), for arms without `start`.
        show_progress: a bar over arms and repeats.
        **settings: of the classifier's training, such as lr or batch_size.

    Raises:
        ValueError: fewer than two repeats, arms without or with equal names, an arm that does not
            fit the data, or what `split` says.
        Leak: a bank or a start has seen rows of the test half.
    """
    repeats, steps = count("repeats", repeats, least=2), count("steps", steps)
    first_repeat = count("first_repeat", first_repeat, least=0)
    _check_arms(arms)
    sets = _sets(data)
    splits = [
        split(*sets, labels_per_class=labels_per_class, repeat=repeat, development=development)
        for repeat in range(first_repeat, first_repeat + repeats)
    ]
    labelled = StackedData([part.labelled for part in splits])
    for arm in arms:
        if arm.transform is not None:
            Augmented(labelled, transform=arm.transform)  # refused now, not when its turn comes
    arms = [Arm(BASELINE), *arms]
    accuracies, seconds, classifiers = {}, {}, {}
    jobs = _run_arms(arms, splits, labelled, steps, make_classifier, settings)
    made = sum((arm.bank is not None) + (arm.start is not None) for arm in arms)
    total = len(arms) + repeats * made
    for done in progress(jobs, total, "study") if show_progress else jobs:
        if done is not None:
            name, ensemble, cpu = done
            accuracies[name] = ensemble.accuracies(splits[0].test).tolist()
            seconds[name], classifiers[name] = cpu, ensemble
    where = "development rows" if development else "test rows"
    question = (
        f"{labels_per_class} labels a class, {repeats} repeats, {steps} steps, "
        f"scored on {len(splits[0].test)} {where}"
    )
    return Study(accuracies, seconds, classifiers, question)


def _run_arms(
    arms: Sequence[Arm],
    splits: Sequence[Split],
    labelled: StackedData,
    steps: int,
    make_classifier: Callable[..., Classifier],
    settings: dict,
) -> Iterator[tuple[str, Ensemble, float] | None]:
    """Yield None after each bank or start, and (name, ensemble, CPU seconds) after each arm."""

    def afresh(_: Split, rng: torch.Generator) -> Classifier:
        return make_classifier(labelled.shape, classes=labelled.classes, rng=rng)

    test = splits[0].test
    for arm in arms:
        start, source = time.process_time(), labelled
        banks = []
        if arm.bank is not None:
            for part in splits:
                banks.append(arm.bank(part, generator(part.repeat)))
                if not isinstance(banks[-1], Dataset):
                    raise TypeError(
                        f"what the bank of arm {arm.name!r} makes must be a Dataset, "
                        f"got {type(banks[-1]).__name__}"
                    )
                yield None
        if arm.bank is not None or arm.transform is not None:
            bank = StackedData(banks) if banks else None
            source = Augmented(labelled, bank=bank, transform=arm.transform, share=arm.share)
        refuse_leaks(source.ids, test, f"arm {arm.name!r}")
        rng = generator(splits[0].repeat)  # the same for every arm: paired weights and batches
        members = []
        for part, weights in zip(splits, spawn(rng, len(splits)), strict=True):
            members.append((arm.start or afresh)(part, weights))
            if arm.start is not None:
                yield None
        ensemble = Ensemble(members)
        ensemble.check_test(test)
        training = training_steps(  # going on: a start may have been trained already
            ensemble, source, steps=steps, resume=True, rng=rng, **settings
        )
        for _ in training:
            pass
        yield arm.name, ensemble, time.process_time() - start


def _sets(data: tuple[Dataset, Dataset] | Dataset | None) -> tuple[Dataset, ...]:
    """What `split` cuts: (train, test), or one data set."""
    if data is None:
        return (digits(),)
    return (data,) if isinstance(data, Dataset) else tuple(data)


def _check_arms(arms: Sequence[Arm]) -> None:
    names = [arm.name for arm in arms]
    if not arms or len({*names, BASELINE}) <= len(names):
        raise ValueError(f'arms must have different names, none of them "none", got {names}')


check_types(__name__)
