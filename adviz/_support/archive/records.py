"""Dataclasses as dictionaries, and back: each value of the type that the class declares.

A library such as cattrs converts values to the declared type (1.5 to 1, "ab" to ("a", "b")) and
gives missing fields their defaults; here a value of another type, or a missing one, is refused.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

C = TypeVar("C")
# Marks a field that is younger than the format: files without it are read with its default
LATER = {"later": True}


def current_names(content: Mapping[str, Any], old_names: Mapping[str, str]) -> dict[str, Any]:
    """Return saved contents under the current names of their fields."""
    renamed = {}
    for name, value in content.items():
        current = old_names.get(name, name)
        renamed[name if current in content else current] = value
    return renamed


def parts(record: Any) -> dict[str, Any]:
    """Return a dataclass as a dictionary, dataclasses inside likewise; nothing is copied.

    Examples
    --------
    >>> from adviz import archive
    >>> archive.parts(data.Geometry(128))["size"]
    128
    """
    return {
        field.name: _as_dictionary(getattr(record, field.name))
        for field in dataclasses.fields(record)
    }


def _as_dictionary(value: Any) -> Any:
    if dataclasses.is_dataclass(value):
        return parts(value)
    if isinstance(value, Mapping):
        return {key: _as_dictionary(item) for key, item in value.items()}
    return value


def typed(cls: type[C], content: Mapping[str, Any]) -> C:
    """Return a dataclass from its `parts`, after checking every value's type.

    Raises
    ------
    ValueError: other names than its fields'.
    TypeError: a value of another type than declared. What else the class refuses, it refuses
        itself.

    Examples
    --------
    >>> from adviz import archive
    >>> archive.typed(data.Geometry, archive.parts(data.Geometry(128))).size
    128
    """
    fields = dataclasses.fields(cls)  # type: ignore[arg-type]
    names = [field.name for field in fields]
    required = {field.name for field in fields if field.metadata != LATER}
    if not isinstance(content, Mapping) or not required <= set(content) <= set(names):
        raise ValueError(f"expected {', '.join(names)} of a {cls.__name__}, got {list(content)}")
    hints = get_type_hints(cls)
    values = {
        name: _restored(value, hints[name], f"{cls.__name__}.{name}")
        for name, value in content.items()
    }
    return cls(**values)


def _restored(value: Any, hint: Any, name: str) -> Any:
    """Return a value of the declared type, in which dictionaries are dataclasses again."""
    if isinstance(hint, type) and dataclasses.is_dataclass(hint) and isinstance(value, Mapping):
        return typed(hint, value)
    if get_origin(hint) is dict and isinstance(value, Mapping):
        inner = get_args(hint)[1]
        return {key: _restored(item, inner, f"{name}[{key!r}]") for key, item in value.items()}
    if not is_of_type(value, hint):
        kind = type(value).__name__
        raise TypeError(f"expected {name} as {hint}, got {str(value)[:80]} ({kind})")
    return value


def is_of_type(value: Any, hint: Any) -> bool:
    """Return whether a value is of a declared type.

    Types are numbers, texts, arrays, tuples, choices and unions of them. Integers are floats as
    well, lists are tuples as well, and truth values are neither integers nor floats.
    """
    origin = get_origin(hint)
    inner = get_args(hint)
    if origin in (Union, UnionType):
        return any(is_of_type(value, choice) for choice in inner)
    if origin is Literal:
        return any(type(value) is type(choice) and value == choice for choice in inner)
    if origin is tuple:
        if not isinstance(value, tuple | list):
            return False
        if inner[1:] == (Ellipsis,):  # tuple[int, ...]
            inner = inner[:1] * len(value)
        return len(inner) == len(value) and all(map(is_of_type, value, inner))
    if hint in (int, float) and isinstance(value, bool):
        return False
    if hint is None:
        return value is None
    if hint is float:
        return isinstance(value, float | int)
    return isinstance(hint, type) and isinstance(value, hint)


@contextmanager
def restoring(what: str, path: str | Path) -> Iterator[None]:
    """Turn any error of an object that is made from a file into one that names the file.

    Raises
    ------
    ValueError: a part is missing, or does not fit the others.

    Examples
    --------
    >>> from adviz import archive
    >>> with archive.restoring("Result", "old.adviz"):
    ...     {}["score"]
    Traceback (most recent call last):
    ValueError: ...
    """
    try:
        yield
    except KeyError as error:
        raise ValueError(f"expected a saved {what} in {path}, but it has no {error}") from error
    except (
        ValueError,
        TypeError,
        AttributeError,
        LookupError,
        ArithmeticError,
        RuntimeError,
        MemoryError,
    ) as error:
        raise ValueError(
            f"expected a saved {what} in {path}, but its parts do not fit: {error}"
        ) from error
