"""Trees of dictionaries, numbers and arrays as strict JSON beside a list of arrays, and back."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

TAGS = {"array", "tuple", "float", "map"}  # how JSON says what it has no word for
FLOATS = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}
TYPES = {
    code: np.dtype(name)
    for code, name in (
        ("BOOL", "?"),
        *(
            (f"{kind.upper()}{8 * size}", f"<{kind}{size}")
            for kind in "iu"
            for size in (1, 2, 4, 8)
        ),
        *((f"F{8 * size}", f"<f{size}") for size in (2, 4, 8)),
    )
}
CODES = {dtype: code for code, dtype in TYPES.items()}  # of safetensors


def code_of(array: np.ndarray) -> str | None:
    """Return safetensors' name for an array's type, in whichever byte order it lies; None = it has none."""
    return CODES.get(array.dtype.newbyteorder("<"))


def packed(value: Any, name: str, arrays: dict[str, np.ndarray]) -> Any:
    """Return a value as JSON has it, in which arrays, put aside under unique names, are named.

    Raises
    ------
    TypeError: something that is neither a number, a text, None, an array of numbers, nor made of
        these.
    """
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, np.ndarray) and code_of(value):
        while name in arrays or name in ("", "__metadata__"):
            name += "_"
        arrays[name] = np.asarray(value)
        return {"array": name}
    if isinstance(value, float) and not math.isfinite(value):
        return {"float": str(float(value))}
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Mapping) and all(isinstance(key, str) for key in value):
        inner = {
            key: packed(one, f"{name}.{key}" if name else key, arrays) for key, one in value.items()
        }
        return {"map": inner} if TAGS & set(inner) else inner
    if isinstance(value, list | tuple):
        items = [packed(one, f"{name}.{number}", arrays) for number, one in enumerate(value)]
        return items if isinstance(value, list) else {"tuple": items}
    kind = (
        f"an array of {value.dtype}"
        if isinstance(value, np.ndarray)
        else f"{value!r} ({type(value).__name__})"
    )
    raise TypeError(
        f"expected numbers, texts, arrays of numbers, dictionaries or lists of these, got {kind} as {name}"
    )


def unpacked(value: Any, arrays: Mapping[str, np.ndarray], used: list[str]) -> Any:
    """Return what `packed` packed; the names of the arrays that it meets are appended to `used`.

    Raises
    ------
    ValueError: what `packed` does not write.
    """
    if isinstance(value, list):
        return [unpacked(one, arrays, used) for one in value]
    if not isinstance(value, dict):
        return value
    if not TAGS & set(value):
        return {key: unpacked(one, arrays, used) for key, one in value.items()}
    match value if len(value) == 1 else {}:
        case {"array": str(name)} if name in arrays:
            used.append(name)
            return arrays[name]
        case {"tuple": list(items)}:
            return tuple(unpacked(one, arrays, used) for one in items)
        case {"float": str(word)} if word in FLOATS:
            return FLOATS[word]
        case {"map": dict(inner)}:
            return {key: unpacked(one, arrays, used) for key, one in inner.items()}
    raise ValueError(f"it says {str(value)[:80]}, which means nothing")


def parsed(text: bytes) -> dict[str, Any]:
    """Return strict JSON's object: without names that come twice, NaN, or numbers that no float can hold.

    Raises
    ------
    ValueError: it is something else.
    """
    try:
        found = json.loads(
            text.decode(), object_pairs_hook=_once, parse_constant=_finite, parse_float=_finite
        )
    except RecursionError:
        raise ValueError("its JSON is nested too deeply") from None
    except ValueError as error:
        raise ValueError(f"there is no JSON where that should be ({error})") from error
    if not isinstance(found, dict):
        raise ValueError(f"there is a {type(found).__name__} where a JSON object should be")
    return found


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(dict(pairs)) != len(pairs):
        raise ValueError("a name comes twice")
    return dict(pairs)


def _finite(text: str) -> float:
    if not math.isfinite(float(text)):
        raise ValueError(f"{text} is no number")
    return float(text)


def check_version(version: Any, known: int) -> None:
    """Refuse a format's number that is not the one this version reads; say what to do.

    Raises
    ------
    ValueError: another number, or none.
    """
    if type(version) is not int or version < 1:
        raise ValueError(
            f"it names no format (got {version!r}): it is damaged, or adviz did not write it"
        )
    if version > known:
        raise ValueError(
            f"it is of format {version}, a newer adviz's; this one reads format {known}: update adviz"
        )
    if version < known:
        raise ValueError(
            f"it is of format {version}, an older adviz's; this one reads format {known}: make it again"
        )
