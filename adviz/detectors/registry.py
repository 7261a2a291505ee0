"""Detectors by name: adviz's own by their class, others by where it is defined ("module:Class")."""

from __future__ import annotations

import dataclasses
import hashlib
import importlib
import inspect
from collections.abc import Mapping
from types import CodeType
from typing import TYPE_CHECKING, Any

from adviz import detectors

if TYPE_CHECKING:
    from adviz.detectors.base import Detector

# Class attributes of these types are part of a class's code
PLAIN = (bool, int, float, str, bytes, tuple, type(None))


def own_classes() -> dict[str, type[Detector]]:
    """Return adviz's own detectors, name -> class; all of them are imported."""
    return {name: getattr(detectors, name) for name in dir(detectors)}


def name_of(cls: type[Any]) -> str:
    """Return the name by which `class_of` finds a class."""
    is_listed = getattr(detectors, cls.__name__, None) is cls
    return cls.__name__ if is_listed else f"{cls.__module__}:{cls.__qualname__}"


def is_user_defined(name: str) -> bool:
    """Return whether a name is that of a class that is not adviz's."""
    return ":" in name


def class_of(name: str) -> type[Any]:
    """Return the class of a name; one that is not adviz's has its module imported and so executed.

    Raises
    ------
    AttributeError: no such class of adviz.  ValueError: no such module, or class in it.
    """
    if not is_user_defined(name):
        if name not in dir(detectors):
            names = ", ".join(dir(detectors))
            raise AttributeError(f"expected one of {names}, or module:Class, got {name!r}")
        return getattr(detectors, name)  # type: ignore[no-any-return]
    module_name, _, path = name.partition(":")
    try:
        value: Any = importlib.import_module(module_name)
        for attribute in path.split("."):
            value = getattr(value, attribute)
    except (ImportError, AttributeError) as error:
        raise ValueError(
            f"expected to find the detector {path} in {module_name}, got {type(error).__name__}: "
            f"{error}. Define it at the top of a notebook or module, in no function; where other "
            "processes work (Dask), in a module that all of them can import"
        ) from error
    return value  # type: ignore[no-any-return]


def current_options(cls: type[Any], options: Mapping[str, Any]) -> dict[str, Any]:
    """Return options that were stored, under the names that they have now."""
    names: Mapping[str, str] = getattr(cls, "renamed", {})
    return {names.get(name, name): value for name, value in options.items()}


def stored_options(cls: type[Any], options: Mapping[str, Any]) -> dict[str, Any]:
    """Return options under the names that they were first stored by, on which keys depend."""
    renamed: Mapping[str, str] = getattr(cls, "renamed", {})
    names = {name: former for former, name in renamed.items()}
    return {names.get(name, name): value for name, value in options.items()}


def check(detector: Any) -> None:
    """Refuse what no experiment can describe, and could not make again from its description.

    Raises
    ------
    TypeError: not an instance of a dataclass with `fit` and `predict`, or without layers.
    ValueError: its class cannot be found by its name, or another one is there.
    """
    cls = type(detector)
    has_methods = all(callable(getattr(detector, name, None)) for name in ("fit", "predict"))
    is_instance = dataclasses.is_dataclass(detector) and not isinstance(detector, type)
    if not is_instance or not has_methods:
        raise TypeError(
            "expected a detector: an object of a @dataclass, so that its options are known, with "
            f"fit(features) and predict(features), got {detector!r}"
        )
    if not hasattr(detector, "layers"):
        raise TypeError(
            f"expected a detector that says which layers it reads, got {cls.__name__} without: "
            "give it a field, layers: tuple[int | str, ...] = (8, 16)"
        )
    name = name_of(cls)
    if is_user_defined(name) and class_of(name) is not cls:
        raise ValueError(
            f"expected the {name} that is there now, got one of an earlier definition: make it "
            "again"
        )


def code_of(cls: type[Any]) -> str:
    """Return 16 hexadecimal digits that change with the code of a class that is not adviz's.

    They stand for its methods and plain class attributes, and those that it inherits, as Python
    compiled them (another Python gives others); functions that these call are not looked at.
    """
    total = hashlib.blake2b(digest_size=8)
    for ancestor in cls.__mro__:
        if ancestor is object or ancestor.__module__.startswith("adviz."):
            continue
        for name, value in sorted(vars(ancestor).items()):
            if name == "__post_init__" or not name.startswith("__"):
                total.update(repr((name, _attribute_as_text(value))).encode())
    return total.hexdigest()


def _attribute_as_text(value: Any) -> Any:
    """Return what a class attribute is, as tuples and texts."""
    function = value.fget if isinstance(value, property) else getattr(value, "__func__", value)
    if inspect.isfunction(function):
        return type(value).__name__, _compiled(inspect.unwrap(function).__code__)
    return repr(value) if isinstance(value, PLAIN) else ""


def _compiled(code: CodeType) -> Any:
    """Return a function's code and constants, and those of the functions within it."""
    constants = []
    for constant in code.co_consts:
        is_inner_function = isinstance(constant, CodeType)
        constants.append(_compiled(constant) if is_inner_function else _constant(constant))
    return code.co_code, code.co_names, code.co_varnames, constants


def _constant(value: Any) -> str:
    """Return a constant's text; the order of a set's members changes from process to process."""
    return repr(sorted(map(repr, value))) if isinstance(value, frozenset) else repr(value)
