"""Dataclasses as contents of a file, and back: each value of the type that the class declares."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

import numpy as np

C = TypeVar("C")
# Marks a field that came after files were written: one without it has its default
LATER = {"later": True}


def parts(record: Any) -> dict[str, Any]:
    """Return what a dataclass is made of: field -> value, dataclasses inside likewise; nothing is copied.

    Examples
    --------
    >>> from adviz import archive
    >>> archive.parts(data.Geometry(128))["size"]
    128
    """
    return {
        field.name: _opened(getattr(record, field.name)) for field in dataclasses.fields(record)
    }


def _opened(value: Any) -> Any:
    if dataclasses.is_dataclass(value):
        return parts(value)
    return (
        {key: _opened(one) for key, one in value.items()} if isinstance(value, Mapping) else value
    )


def typed(cls: type[C], content: Mapping[str, Any]) -> C:
    """Return a dataclass from `parts` of one, dataclasses inside likewise, after checking every value's type.

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
    return cls(**checked(cls, content))


def checked(cls: type[Any], content: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values for a dataclass's fields; raises as `typed`."""
    hints, names = get_type_hints(cls), [field.name for field in dataclasses.fields(cls)]
    later = {field.name for field in dataclasses.fields(cls) if field.metadata == LATER}
    if not isinstance(content, Mapping) or not set(names) - later <= set(content) <= set(names):
        raise ValueError(f"expected {', '.join(names)} of a {cls.__name__}, got {list(content)}")
    return {
        name: _closed(content[name], hints[name], f"{cls.__name__}.{name}")
        for name in names
        if name in content
    }


def _closed(value: Any, hint: Any, name: str) -> Any:
    """Return a value of the declared type, with dictionaries turned into the dataclasses that are declared."""
    if isinstance(hint, type) and dataclasses.is_dataclass(hint) and isinstance(value, Mapping):
        return typed(hint, value)
    if get_origin(hint) is dict and isinstance(value, Mapping):
        inner = get_args(hint)[1]
        return {key: _closed(one, inner, f"{name}[{key!r}]") for key, one in value.items()}
    if not fits(value, hint):
        raise TypeError(
            f"expected {name} as {hint}, got {str(value)[:80]} ({type(value).__name__})"
        )
    return value


def fits(value: Any, hint: Any) -> bool:
    """Return whether a value is of a declared type: one of numbers, texts, arrays, tuples, choices and unions of them.

    Integers are floats as well, lists are tuples as well, and truth values are neither integers nor
    floats.
    """
    origin, inner = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        return any(fits(value, one) for one in inner)
    if origin is Literal:
        return any(type(value) is type(one) and value == one for one in inner)
    if origin is tuple:
        if not isinstance(value, tuple | list):
            return False
        wanted = inner[:1] * len(value) if inner[1:] == (Ellipsis,) else inner
        return len(wanted) == len(value) and all(map(fits, value, wanted))
    if hint in (int, float) and isinstance(value, bool):
        return False
    kinds = {float: (float, int), None: (NoneType,), np.ndarray: (np.ndarray,)}
    return isinstance(value, kinds.get(hint, hint if isinstance(hint, type) else ()))


@contextmanager
def restoring(what: str, path: str | Path) -> Iterator[None]:
    """Turn whatever goes wrong when contents are put together into one error, which names the file.

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
