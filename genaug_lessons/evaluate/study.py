"""The paired study: several arms, many repeats, one question: did the augmentation help?

Every repeat picks its labelled rows; every arm trains a classifier on them from the same initial
weights, or from those it learnt beforehand, for the same number of steps. The gain of an arm is
the mean over repeats of its accuracy (or another score) minus that of the arm "none" in the same
repeat, with a 95% interval. The classifiers of all repeats are trained as one stacked model.

`joblib.parallel_config` spreads the arms over processes or a cluster (`spread.py`); the result is
the same.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from genaug_lessons.augment import Augmented
from genaug_lessons.checks import count
from genaug_lessons.data import Dataset, digits, split
from genaug_lessons.ensemble import Ensemble, StackedData
from genaug_lessons.evaluate.arm import Arm, labels_in_words
from genaug_lessons.evaluate.estimate import Estimate, estimate, paired_gain
from genaug_lessons.evaluate.scores import Score, accuracy
from genaug_lessons.evaluate.spread import run_arms
from genaug_lessons.models.classifier import Classifier
from genaug_lessons.typed import check_types

BASELINE = "none"


@dataclass(frozen=True)
class Study:
    """The result: scores paired over repeats. Shows itself as a table and a forest plot.

    Attributes:
        scores: arm -> one score per repeat; "none" is the baseline.
        seconds: arm -> CPU seconds for its banks, its starts and the training of its classifiers.
        classifiers: arm -> the ensemble of its trained classifiers.
        question: what was asked, in words.
        score: by what the arms were judged.
    """

    scores: dict[str, list[float]]
    seconds: dict[str, float]
    classifiers: dict[str, Ensemble] = field(repr=False)
    question: str
    score: Score = accuracy

    @property
    def accuracies(self) -> dict[str, list[float]]:
        """Arm -> one accuracy per repeat, 0 to 1: the scores of a study that judges by accuracy.

        Raises:
            AttributeError: it judges by another score.
        """
        if self.score != accuracy:
            raise AttributeError(f"this study judges by {self.score.name}: look at its scores")
        return self.scores

    @property
    def gains(self) -> dict[str, Estimate]:
        """Arm -> paired gain over "none": by how much its score is better, below 0 if worse."""
        baseline = self.scores[BASELINE]
        return {
            name: paired_gain(values, baseline) if self._rises else paired_gain(baseline, values)
            for name, values in self.scores.items()
            if name != BASELINE
        }

    def verdict(self, arm: str) -> str:
        """By which side of 0 the interval lies: "helps", "harms" or "no effect found"."""
        gain = self.gains[arm]
        if gain.low > 0:
            return "helps"
        return "harms" if gain.high < 0 else "no effect found"

    def __str__(self) -> str:
        percent, change = self.score.percent, self._change
        head = f"{self.score.name} %" if percent else self.score.name
        change = f"{change} in points [95% interval]" if percent else f"{change} [95% interval]"
        intervals = {name: self._interval(gain) for name, gain in self.gains.items()}
        width = max(map(len, self.scores))
        space = max(map(len, [change, *intervals.values()]))

        def line(name: str, interval: str = "") -> str:
            mean = f"{self._shown(estimate(self.scores[name]).mean):>{len(head)}}"
            return f"{name:<{width}}  {mean}  {interval:<{space}}  {self.seconds[name]:.1f} s"

        return "\n".join(
            [
                self.question,
                f"{'arm':<{width}}  {head}  {change:<{space}}  cost",
                line(BASELINE),
                *(f"{line(name, text)}  {self.verdict(name)}" for name, text in intervals.items()),
            ]
        )

    def _ipython_display_(self) -> None:
        from genaug_lessons import plots  # matplotlib is slow to import

        print(self)
        scale = 100 if self.score.percent else 1
        points = {
            name: tuple(scale * value for value in gain[:3]) for name, gain in self.gains.items()
        }
        label = f"{self._change} in {self.score.name} {'over' if self._rises else 'from'} none"
        if self.score.percent:
            label += " (percentage points)"
        print(plots.forest(points, xlabel=label, digits=self._digits))

    @property
    def _rises(self) -> bool:
        return self.score.better == "higher"

    @property
    def _change(self) -> str:
        """What is good, in a word."""
        return "gain" if self._rises else "fall"

    @property
    def _digits(self) -> int:
        return 1 if self.score.percent else 3

    def _shown(self, value: float, *, sign: bool = False) -> str:
        """A score or a gain as it is printed."""
        value = 100 * value if self.score.percent else value
        return f"{value:+5.{self._digits}f}" if sign else f"{value:.{self._digits}f}"

    def _interval(self, gain: Estimate) -> str:
        mean, low, high = (self._shown(value, sign=True) for value in gain[:3])
        return f"{mean} [{low}, {high}]"


def study(
    arms: Sequence[Arm],
    *,
    data: tuple[Dataset, Dataset] | Dataset | None = None,
    repeats: int = 12,
    labels_per_class: int | Sequence[int] = 5,
    steps: int = 1200,
    first_repeat: int = 0,
    development: bool = False,
    score: Score = accuracy,
    make_classifier: Callable[..., Classifier] = Classifier,
    show_progress: bool = True,
    **settings,
) -> Study:
    """Train every arm, and the baseline "none", on the same repeats, and pair the results.

    Args:
        arms: what to compare; names must differ.
        data: a data set, or (train, test); the embedded digits by default.
        repeats: at least 2. 12 give intervals of about +-0.5 to 0.9 points on digits.
        labels_per_class: labelled rows of each class in every repeat, one number or one a class.
        steps: updates of every classifier. Below about 1200, strong augmentation is judged
            before it has had time to work.
        first_repeat: number of the first repeat; other numbers repeat the study on other rows.
        development: score on training rows, to choose settings without touching the test half.
        score: by what the classifiers are judged: accuracy, or another `Score`.
        make_classifier: called with (shape, classes=..., rng=...), for arms without `start`.
        show_progress: a bar over arms and repeats.
        **settings: of the classifier's training, such as lr or batch_size.

    Raises:
        ValueError: fewer than two repeats, arms without or with equal names, an arm that does not
            fit the data, or what `split` or the score says.
        Leak: a bank or a start has seen rows of the test half.
    """
    repeats, steps = count("repeats", repeats, at_least=2), count("steps", steps)
    first_repeat = count("first_repeat", first_repeat, at_least=0)
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
    scores = {name: _scores(result.ensemble, test, score) for name, result in results.items()}
    seconds = {name: result.seconds for name, result in results.items()}
    classifiers = {name: result.ensemble for name, result in results.items()}
    where = "development rows" if development else "test rows"
    by = "" if score == accuracy else f"by {score.name} "
    question = (
        f"{labels_in_words(labels_per_class)}, {repeats} repeats, {steps} steps, "
        f"scored {by}on {len(test)} {where}"
    )
    return Study(scores, seconds, classifiers, question, score)


def _scores(ensemble: Ensemble, test: Dataset, score: Score) -> list[float]:
    """What each classifier of the ensemble scores on the test half."""
    if score == accuracy:
        return ensemble.accuracies(test).tolist()
    ensemble.check_test(test)
    y = test.y.cpu()  # some devices know no doubles
    return [score(log_p.cpu().double().exp(), y) for log_p in ensemble.log_probs(test.values)]


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
