"""What training is told, checked before any work; settings of one family stand in its updater."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from genaug_lessons.checks import choice, count, number
from genaug_lessons.model import Model


def check_kinds(model: Model, data) -> None:
    """Raise a ValueError unless these are a model and something that it can train on."""
    if not isinstance(model, Model):
        raise ValueError(f"model must be a Model of this package, got {type(model).__name__}")
    if not hasattr(data, "batches"):
        raise ValueError(
            f"data must be a Dataset, an Augmented data set or a tensor, got {type(data).__name__}"
        )


def checked_settings(model: Model, settings: dict) -> dict:
    """The settings with the family's defaults for those that are not given.

    Raises:
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
        "weight_decay": partial(number, least=0),
        "schedule": partial(choice, known=("constant", "cosine")),
        "betas": _betas,
    }
    return {
        name: checks[name](name, value) if name in checks else value
        for name, value in settings.items()
    }


def _betas(name: str, values) -> tuple[float, float]:
    if not isinstance(values, Sequence) or len(values) != 2:
        raise ValueError(f"{name} must be two numbers in [0, 1), got {values!r}")
    return tuple(number(f"each of {name}", value, least=0, below=1) for value in values)


def checked_monitors(
    monitors: Mapping[str, Callable[[Model], float]] | None,
) -> Mapping[str, Callable[[Model], float]]:
    """The monitors, perhaps none; raises a ValueError unless they are functions by name."""
    monitors = {} if monitors is None else monitors
    if not isinstance(monitors, Mapping) or not all(map(callable, monitors.values())):
        raise ValueError(f"monitors must map names to functions of the model, got {monitors!r}")
    return monitors
