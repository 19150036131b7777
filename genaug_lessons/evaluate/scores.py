"""By what a study judges: accuracy, or whatever matters more where classes are not alike.

A score is a function of what a classifier says of the test rows, and which of its values are
better. Another one is a few lines:

    def log_loss(p, y):
        return -p.gather(1, y[:, None]).log().mean().item()

    study(arms, score=Score("log loss", log_loss, better="lower"))

Letters: p (N, C) probabilities of the classes, float64, on the CPU; y (N,) the true labels.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor
from torch.nn import functional as F

from genaug_lessons.checks import choice, count, numbers
from genaug_lessons.checks import number as checked_number
from genaug_lessons.typed import check_types


@dataclass(frozen=True)
class Score:
    """What is computed from probabilities and labels, and whether more of it is better.

    Args:
        name: what tables and figures call it.
        function: of p (N, C), float64 on the CPU, and y (N,); returns a finite number.
        better: "higher" or "lower".
        percent: whether it is a share, which is shown in per cent.
    """

    name: str
    function: Callable[[Tensor, Tensor], float]
    better: str = "higher"
    percent: bool = False

    def __post_init__(self):
        choice("better", self.better, ("higher", "lower"))

    def __call__(self, p: Tensor, y: Tensor) -> float:
        """The score of one classifier.

        Raises:
            TypeError: the function gives something else than a number.
            ValueError: it gives NaN or infinity, or what the function raises.
        """
        return checked_number(f"what the score {self.name!r} gives", self.function(p, y))


def _accuracy(p: Tensor, y: Tensor) -> float:
    return (p.argmax(-1) == y).double().mean().item()


def _brier(p: Tensor, y: Tensor) -> float:
    return (p - F.one_hot(y, p.shape[-1])).square().sum(-1).mean().item()


accuracy = Score("accuracy", _accuracy, percent=True)
"""Share of right answers, 0 to 1."""

brier = Score("Brier score", _brier, better="lower")
"""Mean squared distance of the probabilities to the truth, 0 to 2: sum over classes (p - 1[y])^2.

Twice what scikit-learn gives for two classes. Source: Brier 1950, Monthly Weather Review 78(1).
"""


def recall(label: int) -> Score:
    """Share of the rows of one class that are found, 0 to 1.

    Raises:
        ValueError: when scoring: no such class, or no row of it.
    """
    label = count("label", label, 0)
    return Score(f"recall of class {label}", partial(_recall, label=label), percent=True)


def average_precision(label: int) -> Score:
    """Mean precision over the rows of one class, ranked by its probability, 0 to 1.

    It judges the ranking and no threshold, which suits a rare class.

    Raises:
        ValueError: when scoring: no such class, or no row of it.

    Source: as in scikit-learn's `average_precision_score`.
    """
    label = count("label", label, 0)
    function = partial(_average_precision, label=label)
    return Score(f"average precision of class {label}", function)


def expected_cost(costs: Sequence[Sequence[float]] | Tensor) -> Score:
    """Mean cost of the decisions that the probabilities advise.

    Each row gets the answer j with the least sum_i p_i costs[i, j], and pays costs[y, j].

    Args:
        costs: (C, A), what answer j costs where the truth is class i. Answers may be more than
            the classes: "ask an expert", say.

    Raises:
        ValueError: costs that are not finite or not a table; when scoring: of other classes.

    Source: Elkan 2001, IJCAI, equation 1.
    """
    table = _table(costs)
    return Score("expected cost", partial(_expected_cost, costs=table), better="lower")


def _recall(p: Tensor, y: Tensor, *, label: int) -> float:
    return (p.argmax(-1) == y)[_rows_of(label, p, y)].double().mean().item()


def _average_precision(p: Tensor, y: Tensor, *, label: int) -> float:
    from sklearn.metrics import average_precision_score  # slow to import

    return float(average_precision_score(_rows_of(label, p, y).numpy(), p[:, label].numpy()))


def _expected_cost(p: Tensor, y: Tensor, *, costs: Tensor) -> float:
    if len(costs) != p.shape[-1]:
        raise ValueError(
            f"costs must have a row for each of {p.shape[-1]} classes, got {len(costs)}"
        )
    answers = (p @ costs).argmin(-1)  # (N,)
    return costs[y, answers].mean().item()


def _rows_of(label: int, p: Tensor, y: Tensor) -> Tensor:
    """Which rows, (N,), are of the class."""
    if label >= p.shape[-1]:
        raise ValueError(f"label must lie in 0 to {p.shape[-1] - 1}, got {label}")
    rows = y == label
    if not rows.any():
        raise ValueError(f"test must hold rows of class {label} to score it, got none")
    return rows


def _table(costs: Sequence[Sequence[float]] | Tensor) -> Tensor:
    if isinstance(costs, Tensor):
        if costs.ndim != 2:
            raise ValueError(f"costs must be a table (C, A), got shape {tuple(costs.shape)}")
        costs = costs.tolist()
    rows = [numbers("costs", row) for row in costs]
    if len(rows) < 2 or len({len(row) for row in rows}) > 1 or not rows[0]:
        raise ValueError(
            f"costs must be a table of at least 2 equal rows, got {[len(row) for row in rows]} "
            "columns a row"
        )
    return torch.tensor(rows, dtype=torch.float64)


check_types(__name__)
