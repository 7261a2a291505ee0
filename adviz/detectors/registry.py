"""Detectors by name: adviz's own by their classes' names, others by where they are defined, "module:Class"."""

from __future__ import annotations

import dataclasses
import hashlib
import importlib
import inspect
from types import CodeType
from typing import Any

from adviz import detectors

PLAIN = (bool, int, float, str, bytes, tuple, type(None))


def name_of(cls: type[Any]) -> str:
    """Return the name that `found` knows a class by."""
    ours = getattr(detectors, cls.__name__, None) is cls
    return cls.__name__ if ours else f"{cls.__module__}:{cls.__qualname__}"


def is_own(name: str) -> bool:
    """Return whether a name is that of a class that is not adviz's."""
    return ":" in name


def found(name: str) -> type[Any]:
    """Return the class of a name; for one that is not adviz's, its module is imported, which executes it.

    Raises
    ------
    AttributeError: no such class of adviz.  ValueError: no such module, or class in it.
    """
    if not is_own(name):
        if name not in dir(detectors):
            raise AttributeError(
                f"expected one of {', '.join(dir(detectors))}, or module:Class, got {name!r}"
            )
        return getattr(detectors, name)  # type: ignore[no-any-return]
    module, _, path = name.partition(":")
    try:
        value = importlib.import_module(module)
        for part in path.split("."):
            value = getattr(value, part)
    except (ImportError, AttributeError) as error:
        raise ValueError(
            f"expected to find the detector {path} in {module}, got {type(error).__name__}: {error}. Define it at the "
            "top of a notebook or module, in no function; where other processes work (Dask), in a module that all of "
            "them can import"
        ) from error
    return value  # type: ignore[return-value]


def check(detector: Any) -> None:
    """Refuse what no experiment can describe, and could not make again from its description.

    Raises
    ------
    TypeError: not an instance of a dataclass with `fit` and `predict`, or without layers.
    ValueError: its class cannot be found by its name, or another one is there.
    """
    cls = type(detector)
    whole = all(callable(getattr(detector, name, None)) for name in ("fit", "predict"))
    if isinstance(detector, type) or not dataclasses.is_dataclass(detector) or not whole:
        raise TypeError(
            "expected a detector: an object of a @dataclass, so that its options are known, with fit(features) and "
            f"predict(features), got {detector!r}"
        )
    if not hasattr(detector, "layers"):
        raise TypeError(
            f"expected a detector that says which layers it reads, got {cls.__name__} without: give it a field, "
            "layers: tuple[int | str, ...] = (8, 16)"
        )
    if is_own(name := name_of(cls)) and found(name) is not cls:
        raise ValueError(
            f"expected the {name} that is there now, got one of an earlier definition: make it again"
        )


def code_of(cls: type[Any]) -> str:
    """Return 16 hexadecimal digits that change with the code of a class that is not adviz's.

    They stand for its methods and plain class attributes, and those that it inherits, as Python
    compiled them (another Python gives others); functions that these call are not looked at.
    """
    total = hashlib.blake2b(digest_size=8)
    for one in cls.__mro__:
        if one is not object and not one.__module__.startswith("adviz."):
            for name, value in sorted(vars(one).items()):
                if name == "__post_init__" or not name.startswith("__"):
                    total.update(repr((name, _said(value))).encode())
    return total.hexdigest()


def _said(value: Any) -> Any:
    """Return what a class attribute is, as tuples and texts."""
    function = value.fget if isinstance(value, property) else getattr(value, "__func__", value)
    if inspect.isfunction(function):
        return type(value).__name__, _compiled(inspect.unwrap(function).__code__)
    return repr(value) if isinstance(value, PLAIN) else ""


def _compiled(code: CodeType) -> Any:
    constants = [
        _compiled(one) if isinstance(one, CodeType) else _constant(one) for one in code.co_consts
    ]
    return code.co_code, code.co_names, code.co_varnames, constants


def _constant(value: Any) -> str:
    """Return a constant's text; the order of a set's members changes from process to process."""
    return repr(sorted(map(repr, value))) if isinstance(value, frozenset) else repr(value)
