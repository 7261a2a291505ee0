"""Parts of the data by name, and as bytes: what the browser asks for and gets."""

from __future__ import annotations

import io
import json
from typing import Any

import numpy as np
from PIL import Image

QUALITY = 90
# A JPEG file as bytes, an array, or what becomes JSON
Value = bytes | np.ndarray | list[Any] | dict[str, Any]
Part = dict[str, Value]


def part_key(kind: str, *names: str | int) -> str:
    """Return the key of a part; its twin in the browser is ``partKey`` of store.js.

    Names may hold any sign: "/" and "%" are written as "%2F" and "%25".
    """
    escaped = [str(name).replace("%", "%25").replace("/", "%2F") for name in names]
    return "/".join([kind, *escaped])


def names_of(key: str) -> tuple[str, ...]:
    """Return the kind and the names that `part_key` made a key of."""
    return tuple(name.replace("%2F", "/").replace("%25", "%") for name in key.split("/"))


def jpeg(image: np.ndarray, quality: int = QUALITY) -> bytes:
    """Return an (H, W, 3) uint8 image as a JPEG file, with colours at full resolution."""
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=quality, subsampling=0)
    return file.getvalue()


def bytes_of(part: Part) -> int:
    """Return about how many bytes a part takes in memory."""
    total = 0
    for value in part.values():
        if isinstance(value, np.ndarray):
            total += value.nbytes
        elif isinstance(value, bytes):
            total += len(value)
        else:
            total += len(json.dumps(value))
    return total


def packed(part: Part) -> tuple[list[dict[str, Any]], list[bytes]]:
    """Return what the values of a part are, as plain data, and their bytes.

    Returns
    -------
    heads: for each value its name, its dtype ("f4", "u2", ... of an array, "jpeg" or "json") and
        the shape of an array ([] otherwise).
    values: the bytes of each; arrays row by row, the least significant byte first.
    """
    heads = []
    values = []
    for name, value in part.items():
        if isinstance(value, np.ndarray):
            array = np.ascontiguousarray(value, value.dtype.newbyteorder("<"))
            kind = f"{array.dtype.kind}{array.dtype.itemsize}"
            head = {"name": name, "dtype": kind, "shape": list(value.shape)}
            content = array.tobytes()
        elif isinstance(value, bytes):
            head = {"name": name, "dtype": "jpeg", "shape": []}
            content = value
        else:
            head = {"name": name, "dtype": "json", "shape": []}
            content = json.dumps(value, allow_nan=False).encode()
        heads.append(head)
        values.append(content)
    return heads, values
