"""The paired study: several arms, many repeats, one question: did the augmentation help?

Every repeat picks its labelled rows; every arm trains a classifier on them from the same initial
weights, or from those it learnt beforehand, for the same number of steps. The gain of an arm is
the mean over repeats of its accuracy minus that of the arm "none" in the same repeat, with a 95%
interval. The classifiers of all repeats are trained as one stacked model.

`joblib.parallel_config` spreads the arms over processes or a cluster (`spread.py`); the result is
the same.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from genaug_lessons.augment import Augmented
from genaug_lessons.checks import count
from genaug_lessons.data import Dataset, digits, split
from genaug_lessons.ensemble import Ensemble, StackedData
from genaug_lessons.evaluate.arm import Arm
from genaug_lessons.evaluate.estimate import Estimate, estimate, paired_gain
from genaug_lessons.evaluate.spread import run_arms
from genaug_lessons.models.classifier import Classifier
from genaug_lessons.typed import check_types

BASELINE = "none"


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
    results = run_arms(
        [Arm(BASELINE), *arms],
        splits,
        show_progress=show_progress,
        steps=steps,
        make_classifier=make_classifier,
        settings=settings,
    )
    test = splits[0].test
    accuracies = {
        name: result.ensemble.accuracies(test).tolist() for name, result in results.items()
    }
    seconds = {name: result.seconds for name, result in results.items()}
    classifiers = {name: result.ensemble for name, result in results.items()}
    where = "development rows" if development else "test rows"
    question = (
        f"{labels_per_class} labels a class, {repeats} repeats, {steps} steps, "
        f"scored on {len(test)} {where}"
    )
    return Study(accuracies, seconds, classifiers, question)


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
