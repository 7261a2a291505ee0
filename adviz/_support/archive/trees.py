"""Trees of dictionaries, numbers and arrays as strict JSON and a list of arrays, and back."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

TAGS = {"array", "tuple", "float", "map"}  # mark what JSON itself cannot express
FLOATS = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}
# safetensors' names of the types that are written, all little-endian
TYPES = {"BOOL": np.dtype("?")}
for _name in ("i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8"):
    TYPES[f"{_name[0].upper()}{8 * int(_name[1])}"] = np.dtype(f"<{_name}")
CODES = {dtype: code for code, dtype in TYPES.items()}


def code_of(array: np.ndarray) -> str | None:
    """Return safetensors' name for an array's type in any byte order; None = it has none."""
    return CODES.get(array.dtype.newbyteorder("<"))


def pack(value: Any, name: str, arrays: dict[str, np.ndarray]) -> Any:
    """Return a value as JSON, with every array added to `arrays` and replaced by its name there.

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
        prefix = f"{name}." if name else ""
        packed = {key: pack(item, f"{prefix}{key}", arrays) for key, item in value.items()}
        # A key that looks like a tag
        return {"map": packed} if TAGS & set(packed) else packed
    if isinstance(value, list | tuple):
        items = [pack(item, f"{name}.{index}", arrays) for index, item in enumerate(value)]
        return items if isinstance(value, list) else {"tuple": items}
    kind = f"{value!r} ({type(value).__name__})"
    if isinstance(value, np.ndarray):
        kind = f"an array of {value.dtype}"
    raise TypeError(
        "expected numbers, texts, arrays of numbers, dictionaries or lists of these, "
        f"got {kind} as {name}"
    )


def unpack(value: Any, arrays: Mapping[str, np.ndarray], used: list[str]) -> Any:
    """Return what `pack` packed; the names of the arrays in it are appended to `used`.

    Raises
    ------
    ValueError: what `pack` does not write.
    """
    if isinstance(value, list):
        return [unpack(item, arrays, used) for item in value]
    if not isinstance(value, dict):
        return value
    if not TAGS & set(value):
        return {key: unpack(item, arrays, used) for key, item in value.items()}
    match value if len(value) == 1 else {}:
        case {"array": str(name)} if name in arrays:
            used.append(name)
            return arrays[name]
        case {"tuple": list(items)}:
            return tuple(unpack(item, arrays, used) for item in items)
        case {"float": str(word)} if word in FLOATS:
            return FLOATS[word]
        case {"map": dict(inner)}:
            return {key: unpack(item, arrays, used) for key, item in inner.items()}
    raise ValueError(f"it says {str(value)[:80]}, which means nothing")


def parse_json(text: bytes) -> dict[str, Any]:
    """Return the object in a strict JSON text: no repeated names, NaN, or too large numbers.

    Raises
    ------
    ValueError: it is something else.
    """
    try:
        content = json.loads(
            text.decode(),
            object_pairs_hook=_without_repeated_names,
            parse_constant=_finite,
            parse_float=_finite,
        )
    except RecursionError:
        raise ValueError("its JSON is nested too deeply") from None
    except ValueError as error:
        raise ValueError(f"there is no JSON where that should be ({error})") from error
    if not isinstance(content, dict):
        raise ValueError(f"there is a {type(content).__name__} where a JSON object should be")
    return content


def _without_repeated_names(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(dict(pairs)) != len(pairs):
        raise ValueError("a name comes twice")
    return dict(pairs)


def _finite(text: str) -> float:
    if not math.isfinite(float(text)):
        raise ValueError(f"{text} is no number")
    return float(text)


def check_version(version: Any, known: int) -> None:
    """Refuse a format's number that is not the one this version reads, and say what to do.

    Raises
    ------
    ValueError: another number, or none.
    """
    if type(version) is not int or version < 1:
        raise ValueError(
            f"it names no format (got {version!r}): it is damaged, or adviz did not write it"
        )
    if version == known:
        return
    age, remedy = ("a newer", "update adviz") if version > known else ("an older", "make it again")
    raise ValueError(
        f"it is of format {version}, {age} adviz's; this one reads format {known}: {remedy}"
    )
