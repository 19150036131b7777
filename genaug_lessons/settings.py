"""The settings of a training, checked before any work; those of one family its updater checks."""

from collections.abc import Sequence
from functools import partial

from genaug_lessons.checks import choice, count, number, numbers
from genaug_lessons.model import Model
from genaug_lessons.typed import check_types


def checked_settings(model: Model, settings: dict) -> dict:
    """The settings with the family's defaults for those that are not given.

    Raises:
        TypeError: a setting of another type.
        ValueError: a setting the family does not know, or out of its range.
    """
    unknown = sorted(set(settings) - set(model.defaults))
    if unknown:
        raise ValueError(
            f"{type(model).__name__} does not know the setting {unknown[0]!r}; "
            f"it has {sorted(model.defaults)}"
        )
    settings = {**model.defaults, **settings}
    checks = {
        "batch_size": count,
        "lr": partial(number, above=0),
        "weight_decay": partial(number, at_least=0),
        "schedule": partial(choice, known=("constant", "cosine")),
        "betas": _betas,
    }
    return {
        name: checks[name](name, value) if name in checks else value
        for name, value in settings.items()
    }


def _betas(name: str, values) -> tuple[float, float]:
    if not isinstance(values, Sequence) or len(values) != 2:
        raise TypeError(f"{name} must be two numbers in [0, 1), got {values!r}")
    return numbers(name, values, at_least=0, below=1)


check_types(__name__)
