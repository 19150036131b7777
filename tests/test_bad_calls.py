"""Bad calls get a sentence that names the argument, before any work and without leaving a trace."""

import importlib
import inspect
import pkgutil
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import redirect_stdout
from types import FunctionType, SimpleNamespace
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

import matplotlib
import pytest
import torch
from bad_calls import (
    ENTRANCES,
    SERIES,
    VALUES,
    bad_calls,
    outcome,
    right_values,
)

import genaug_lessons
from genaug_lessons.typed import ENTRANCES as OF_A_CLASS
from genaug_lessons.typed import is_record

# An ipywidget that was refused by its constructor complains when it is collected.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

OBSCURE = 0.03  # at most this share of the bad calls of an area may get an error from within
NOT_TYPED = ("exercises", "typed", "checks", "__main__")  # answer whatever comes in a sentence


@pytest.fixture(autouse=True)
def _no_windows(monkeypatch):
    monkeypatch.setattr(matplotlib.pyplot, "show", lambda: None)
    yield
    matplotlib.pyplot.close("all")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("area", ENTRANCES)
def test_right_calls_are_right(area):
    for entrance in ENTRANCES[area]:
        function, arguments = entrance()
        with redirect_stdout(None):
            result = function(**arguments)
            if isinstance(result, Iterator):
                next(result, None)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("area", ENTRANCES)
def test_a_bad_call_names_the_argument_and_leaves_no_trace(area):
    answers, others = Counter(), {"obscure": [], "unnamed": [], "accepted": [], "trace": []}
    for call in bad_calls([area]):
        with redirect_stdout(None):
            answer, words = outcome(call)
        answers[answer] += 1
        if answer in others:
            others[answer].append(f"{call}: {words}")
    assert answers.total() > 100
    assert others["accepted"] == []
    assert others["trace"] == []
    obscure = others["obscure"] + others["unnamed"]
    assert len(obscure) <= OBSCURE * answers.total(), "\n".join(obscure)


def test_there_are_thousands_of_bad_calls():
    assert sum(1 for _ in bad_calls()) > 5000


def public_functions():
    """Each public function of the package, and each public method with its class."""
    for info in pkgutil.walk_packages(genaug_lessons.__path__, "genaug_lessons."):
        if info.name.split(".")[1] in NOT_TYPED:
            continue
        module = importlib.import_module(info.name)
        for name, value in vars(module).items():
            if name.startswith("_") or getattr(value, "__module__", None) != info.name:
                continue
            if isinstance(value, FunctionType):
                yield f"{info.name}.{name}", value
            elif isinstance(value, type) and not is_record(value):
                for method, function in vars(value).items():
                    typed = not method.startswith("_") or method in OF_A_CLASS
                    if typed and isinstance(function, FunctionType):
                        yield f"{info.name}.{name}.{method}", function


READY = {torch.device: torch.device("cpu"), bytes: b""}


def stand_in(hint: Any) -> Any:
    """Something of the annotated type, which need not make sense."""
    origin, inner = get_origin(hint), get_args(hint)
    if right := sorted(right_values(hint) - {"nothing"}):
        return VALUES[right[0]]()
    if origin in (Annotated, Union) or type(hint).__name__ == "UnionType":
        return stand_in(inner[0])
    if origin in SERIES:
        parts = [part for part in inner if part is not ...]
        return tuple(map(stand_in, parts)) if origin is tuple else []
    if isinstance(origin or hint, type) and issubclass(origin or hint, Mapping):
        return {}
    if hint in READY:
        return READY[hint]
    if origin is Iterator:
        return iter(())
    if isinstance(hint, type) and not getattr(hint, "_is_protocol", False):
        return object.__new__(hint) if tuple not in hint.__mro__ else tuple.__new__(hint)
    members = [name for name in {**vars(hint), **inspect.get_annotations(hint)} if name[0] != "_"]
    return SimpleNamespace(**dict.fromkeys(members))


PUBLIC = dict(public_functions())


@pytest.mark.parametrize("function", PUBLIC.values(), ids=PUBLIC)
def test_every_public_argument_is_of_the_annotated_type_or_refused(function):
    hints = get_type_hints(inspect.unwrap(function), include_extras=True)
    parameters = list(inspect.signature(function).parameters.values())
    owned = [p for p in parameters if p.name == "self"]
    named = [p for p in parameters if p.name in hints and p.kind is not p.VAR_KEYWORD]
    single = [p for p in named if p.kind is not p.VAR_POSITIONAL]
    for parameter in single:
        for what in VALUES.keys() - right_values(hints[parameter.name]):
            arguments = {p.name: stand_in(hints[p.name]) for p in single}
            value = VALUES[what]()
            if value is parameter.default:
                continue
            arguments[parameter.name] = value
            with pytest.raises(TypeError, match=f"^{parameter.name} must be "):
                function(*[None] * len(owned), **arguments)
