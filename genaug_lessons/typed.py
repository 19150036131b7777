"""Arguments of another type than annotated are refused where a reader hands them in.

`check_types(__name__)`, the last line of a module, has every public function and method of it
look at its arguments before it does anything else:

    DBN((1, 8, 8), hidden=256, rng=rng)
    # TypeError: hidden must be a sequence of integers, got 256

Annotations are read as a reader means them: an integer is one of any library, a truth value is no
number, a number may be an integer or an array without axes, and a list does for a tuple. All
elements are looked at, and no random state. Whether a value makes sense (`checks.py`) is asked
afterwards.
"""

import inspect
import operator
import sys
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import wraps
from numbers import Real
from reprlib import repr as shortened
from types import FunctionType, NoneType, UnionType
from typing import Annotated, Any, NamedTuple, NoReturn, Union, get_args, get_origin, get_type_hints

import numpy as np
import torch
from torch import Tensor

ENTRANCES = {"__init__", "__call__"}  # of a class, besides what has a public name
STARS = {inspect.Parameter.VAR_POSITIONAL: "*", inspect.Parameter.VAR_KEYWORD: "**"}
PLAIN = (NoneType, bool, Real, complex, str, bytes, dict, set)  # shown as they are
CAME = {Tensor: "a tensor", np.ndarray: "a NumPy array", torch.Generator: "a random generator"}
BRACKETS = {list: "[{}]", tuple: "({})"}
SHOWN = 4  # elements of a sequence


class Kind(NamedTuple):
    """What an annotation accepts: some types at a glance, the rest by `fits`; and in words."""

    types: frozenset[type]
    fits: Callable[[Any], bool]
    words: str
    plural: str

    def accepts(self, value: object) -> bool:
        """Whether it is of this kind."""
        return type(value) in self.types or self.fits(value)


def check_types(module: str) -> None:
    """Have the public functions and methods of the module check their arguments' types."""
    names = vars(sys.modules[module])
    own = {
        name: value
        for name, value in names.items()
        if not name.startswith("_") and getattr(value, "__module__", None) == module
    }
    for name, value in own.items():
        if isinstance(value, FunctionType):
            names[name] = typed(value)
        elif isinstance(value, type) and not is_record(value):
            _check_methods(value)


def typed(function: Callable) -> Callable:
    """The function, which raises a TypeError for an argument of another type than annotated.

    Its parameters are written out in a new function, as `dataclass` writes a constructor: that
    costs a call a tenth of a microsecond, a loop over whatever comes ten times as much.
    """
    hints = get_type_hints(function, include_extras=True)
    parameters = inspect.signature(function).parameters.values()
    kinds = {parameter.name: _kind(hints.get(parameter.name, Any)) for parameter in parameters}
    body = [
        _check(parameter)
        for parameter in parameters
        if kinds[parameter.name] is not ANYTHING and parameter.kind is not parameter.VAR_KEYWORD
    ]
    if not body:
        return function
    scope = {"_function": function, "_wrong": _wrong, "_type": type}
    for parameter in parameters:
        name, kind = parameter.name, kinds[parameter.name]
        known = {"kind": kind, "types": kind.types, "default": parameter.default}
        scope |= {f"_{what}_{name}": value for what, value in known.items()}
    takes, hands_on = _header(parameters)
    lines = [f"def _checked({takes}):", "__tracebackhide__ = True", *body]
    source = "\n ".join([*lines, f"return _function({hands_on})"])
    exec(compile(source, f"<types of {function.__qualname__}>", "exec"), scope)
    return wraps(function)(scope["_checked"])


def _check(parameter: inspect.Parameter) -> str:
    """The line that checks an argument; its default may be of any type."""
    name = parameter.name
    if parameter.kind is parameter.VAR_POSITIONAL:
        wrong = f"_wrong({name!r}, _kind_{name}, _part)"
        return f"for _part in {name}: _kind_{name}.accepts(_part) or {wrong}"
    wrong = f"_type({name}) not in _types_{name} and not _kind_{name}.fits({name})"
    given = "" if parameter.default is parameter.empty else f" and {name} is not _default_{name}"
    return f"if {wrong}{given}: _wrong({name!r}, _kind_{name}, {name})"


def _header(parameters: Iterable[inspect.Parameter]) -> tuple[str, str]:
    """What a function with these parameters takes, and how it hands them on, as source."""
    takes, hands_on, starred = [], [], False
    for parameter in parameters:
        name, star = parameter.name, STARS.get(parameter.kind, "")
        by_name = parameter.kind is parameter.KEYWORD_ONLY
        if by_name and not starred:
            takes.append("*")
        starred = starred or by_name or star == "*"
        default = "" if parameter.default is parameter.empty else f"=_default_{name}"
        takes.append(f"{star}{name}{default}")
        hands_on.append(f"{name}={name}" if by_name else f"{star}{name}")
    return ", ".join(takes), ", ".join(hands_on)


def _check_methods(cls: type) -> None:
    for name, value in list(vars(cls).items()):
        if name.startswith("_") and name not in ENTRANCES:
            continue
        if isinstance(value, FunctionType):
            setattr(cls, name, typed(value))
        elif isinstance(value, (classmethod, staticmethod)):
            setattr(cls, name, type(value)(typed(value.__func__)))


def is_record(cls: type) -> bool:
    """Whether it only holds what it is given (a named tuple), or says what others must have."""
    return issubclass(cls, tuple) or getattr(cls, "_is_protocol", False)


def _wrong(name: str, kind: Kind, value: object) -> NoReturn:
    __tracebackhide__ = True  # Jupyter and pytest leave this frame out
    raise TypeError(f"{name} must be {kind.words}, got {_what_came(value)}")


def _what_came(value: object) -> str:
    """The value in a few words: numbers and text as they are, others by what they are."""
    for kind, words in CAME.items():
        if isinstance(value, kind):
            return words
    if isinstance(value, (list, tuple)) and type(value) in BRACKETS:
        parts = [_what_came(part) for part in value[:SHOWN]] + ["..."] * (len(value) > SHOWN)
        return BRACKETS[type(value)].format(", ".join(parts))
    if isinstance(value, PLAIN):
        return shortened(value)
    if isinstance(value, type):
        return f"the class {value.__name__}"
    if callable(value) and hasattr(value, "__name__"):
        return f"the function {value.__name__}"
    return _with_article(type(value).__name__)


def _kind(hint: Any) -> Kind:
    """The kind that an annotation means."""
    origin, inner = get_origin(hint), get_args(hint)
    if hint in SIMPLE:
        return SIMPLE[hint]
    if origin is Annotated:
        return _kind(inner[0])._replace(words=inner[1], plural=inner[2])
    if origin in (Union, UnionType):
        return _any_of([_kind(part) for part in inner])
    if origin is tuple and inner[-1] is not ...:
        return _together([_kind(part) for part in inner])
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return _dictionary(*map(_kind, inner))
    if origin in (tuple, list, Sequence, Collection):
        return _series(_kind(inner[0]), Collection if origin is Collection else Sequence)
    if origin is Callable:
        return SIMPLE[Callable]
    return _of_class(origin or hint)


def _of_class(cls: Any) -> Kind:
    """Instances of a class, or what has all that a protocol asks for."""
    if not isinstance(cls, type):  # a type variable
        return ANYTHING
    if getattr(cls, "_is_protocol", False):
        members = [name for name in {**vars(cls), **inspect.get_annotations(cls)} if name[0] != "_"]
        words = f"an object with {' and '.join(members)}"
        return Kind(
            frozenset(), lambda value: all(hasattr(value, m) for m in members), words, words
        )
    name = cls.__name__
    return Kind(frozenset({cls}), lambda value: isinstance(value, cls), _with_article(name), name)


def _any_of(kinds: list[Kind]) -> Kind:
    types = frozenset().union(*(kind.types for kind in kinds))
    words, plural = (_listed([kind[place] for kind in kinds]) for place in (2, 3))
    return Kind(types, lambda value: any(kind.fits(value) for kind in kinds), words, plural)


def _listed(words: list[str]) -> str:
    return f"{', '.join(words[:-1])} or {words[-1]}"


def _series(element: Kind, base: type) -> Kind:
    def fits(value):
        if _is_row(value):
            return all(element.accepts(part) for part in value[:1])  # they share one type
        if isinstance(value, (str, bytes, Mapping)) or not isinstance(value, base):
            return False
        return all(element.accepts(part) for part in value)

    words = f"a sequence of {element.plural}"
    return Kind(frozenset(), fits, words, f"sequences of {element.plural}")


def _together(kinds: list[Kind]) -> Kind:
    """A tuple of as many values, each of its own kind."""

    def fits(value):
        series = isinstance(value, (tuple, list)) or _is_row(value)
        return (
            series
            and len(value) == len(kinds)
            and all(kind.accepts(part) for kind, part in zip(kinds, value, strict=True))
        )

    alike = len({kind.words for kind in kinds}) == 1
    listed = ", ".join(kind.words for kind in kinds)
    words = f"a tuple of {len(kinds)} {kinds[0].plural}" if alike else f"a tuple ({listed})"
    return Kind(frozenset(), fits, words, words.replace("a tuple", "tuples", 1))


def _dictionary(key: Kind, content: Kind) -> Kind:
    def fits(value):
        return isinstance(value, Mapping) and all(
            key.accepts(name) and content.accepts(part) for name, part in value.items()
        )

    words = f"a dictionary from {key.words} to {content.words}"
    return Kind(frozenset(), fits, words, words.replace("a dictionary", "dictionaries", 1))


def _is_truth(value: object) -> bool:
    """A truth value of any library, or an array of one without axes."""
    dtype = getattr(value, "dtype", None)
    return dtype in (torch.bool, np.bool_) and value.ndim == 0


def _is_integer(value: object) -> bool:
    """An integer of any library, or an array of one."""
    if isinstance(value, bool) or getattr(value, "dtype", None) in (torch.bool, np.bool_):
        return False
    try:
        operator.index(value)
    except TypeError:
        return False
    return True


def _is_number(value: object) -> bool:
    """A real number of any library, or an array of numbers without axes."""
    if isinstance(value, Tensor):
        return value.ndim == 0 and not value.is_complex() and value.dtype != torch.bool
    if isinstance(value, (np.ndarray, np.generic)):
        return value.ndim == 0 and value.dtype.kind in "iuf"
    return isinstance(value, Real) and not isinstance(value, bool)


def _is_row(value: object) -> bool:
    """Whether it is an array of one axis."""
    return isinstance(value, (Tensor, np.ndarray)) and value.ndim == 1


def _with_article(name: str) -> str:
    """The name as it is read: "a GAN", "an RBM", "an Autoencoder"."""
    vowels = "AEFHILMNORSX" if name.isupper() else "AEIOUaeiou"  # capitals are spelt out
    return f"{'an' if name[0] in vowels else 'a'} {name}"


def _simple(
    types: tuple[type, ...], words: str, plural: str, fits: Callable[[Any], bool] | None = None
) -> Kind:
    return Kind(frozenset(types), fits or (lambda value: isinstance(value, types)), words, plural)


ANYTHING = _simple((), "anything", "anything", lambda value: True)
SIMPLE: dict[Any, Kind] = {
    Any: ANYTHING,
    object: ANYTHING,
    None: _simple((NoneType,), "None", "None"),
    NoneType: _simple((NoneType,), "None", "None"),
    bool: _simple((bool, np.bool_), "True or False", "truth values", _is_truth),
    int: _simple((int,), "an integer", "integers", _is_integer),
    float: _simple((float, int), "a number", "numbers", _is_number),
    str: _simple((str,), "text", "text"),
    Callable: _simple((), "a function", "functions", callable),
    Sequence: _series(ANYTHING, Sequence)._replace(words="a sequence"),
    tuple: _series(ANYTHING, Sequence)._replace(words="a sequence"),
    Mapping: _simple((Mapping,), "a dictionary", "dictionaries"),
    dict: _simple((Mapping,), "a dictionary", "dictionaries"),
    Tensor: _simple((Tensor, torch.nn.Parameter), "a tensor", "tensors"),
    torch.Generator: _simple((torch.Generator,), "made with generator(seed)", "random generators"),
}
