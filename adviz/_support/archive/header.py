"""The header of a safetensors file, checked before anything that it announces is read.

The `safetensors` library reads and checks headers as well, but memory-maps the file while it does,
so that a file which shrinks kills the process; it writes the two metadata texts in random order, so
that equal contents would have different digests; and it needs contiguous copies of all arrays.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from typing import IO, Any, NamedTuple

import numpy as np

from adviz._support.archive.records import is_of_type
from adviz._support.archive.trees import TYPES, check_version, code_of, parse_json

FORMAT = 1
LIMIT = 2**24  # bytes of a header; safetensors' own limit is 100 MB
METADATA = "__metadata__"
ZEROS = "0" * 64  # in the digest's place while the file is hashed
LARGEST = 2**48  # of an axis or an offset; the numbers of a real file are far below


class Entry(NamedTuple):
    """The name, type, shape and byte range of an array; bytes are counted from the header's end."""

    name: str
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    begin: int
    end: int


class Header(NamedTuple):
    """A header that makes sense and fits its file's length.

    Attributes
    ----------
    text: its bytes, with the 8 before them that tell their number.
    description: "kind", "content" (packed) and "shapes" (name -> shape of a broadcast array).
    digest: the digest that the file states.
    entries: its arrays in the order of their bytes.
    """

    text: bytes
    description: dict[str, Any]
    digest: str
    entries: list[Entry]


def header_text(description: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> bytes:
    """Return the header for arrays in this order, with zeros for the digest.

    It begins with its length in 8 bytes, and is padded to a multiple of 8 bytes.

    Raises
    ------
    ValueError: it is longer than `LIMIT`.
    """
    metadata = json.dumps({"format": FORMAT, **description}, allow_nan=False)
    header: dict[str, Any] = {METADATA: {"digest": ZEROS, "adviz": metadata}}
    begin = 0
    for name, array in arrays.items():
        end = begin + array.nbytes
        shape = list(array.shape)
        header[name] = {"dtype": code_of(array), "shape": shape, "data_offsets": [begin, end]}
        begin = end
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    if len(text) > LIMIT:
        raise ValueError(
            f"expected at most {LIMIT} bytes beside the arrays, got {len(text)}: "
            "keep numbers as arrays"
        )
    return len(text).to_bytes(8, "little") + text


def read_header(file: IO[bytes]) -> Header:
    """Read the header of a file that is exactly as long as it says.

    Raises
    ------
    ValueError: what is wrong with it, as the end of a sentence.
    """
    text = _header_bytes(file)
    header = parse_json(text[8:])
    description, digest = _metadata(header.pop(METADATA, None))
    entries = [_entry(name, info) for name, info in header.items()]
    entries.sort(key=lambda entry: (entry.begin, entry.end))
    end = 0
    for entry in entries:
        # The arrays follow each other without holes
        n_bytes = math.prod(entry.shape) * entry.dtype.itemsize
        if (entry.begin, entry.end) != (end, end + n_bytes):
            raise ValueError(
                f"the bytes announced for {entry.name} are not those of its shape, "
                "or overlap with others"
            )
        end = entry.end
    size = os.fstat(file.fileno()).st_size
    announced = len(text) + end
    if size != announced:
        problem = "truncated" if size < announced else "longer than announced"
        raise ValueError(f"it is {problem}: it announces {announced} bytes and has {size}")
    return Header(text, description, digest, entries)


def _header_bytes(file: IO[bytes]) -> bytes:
    """Return the header with the 8 bytes before it."""
    prefix = file.read(8)
    length = int.from_bytes(prefix, "little")
    if len(prefix) < 8 or length > LIMIT:
        is_zip = prefix[:4] == b"PK\3\4"
        is_pickle = len(prefix) == 8 and prefix[:1] == b"\x80" and prefix[1] <= 5
        problem = "truncated or none"
        if is_zip or is_pickle:
            problem = "a zip file or a pickle, which adviz never opens"
        raise ValueError(
            f"it is {problem} (its first 8 bytes announce no header of up to {LIMIT} bytes)"
        )
    text = file.read(length)
    if len(text) < length:
        raise ValueError(
            f"it is truncated: it announces a header of {length} bytes and has {len(text)}"
        )
    return prefix + text


def _metadata(metadata: Any) -> tuple[dict[str, Any], str]:
    """Return the description of a file of this version, and the digest that it states."""
    if not isinstance(metadata, dict) or not isinstance(metadata.get("adviz"), str):
        raise ValueError("adviz did not write it: its metadata do not say so")
    description = parse_json(metadata["adviz"].encode())
    check_version(description.pop("format", None), FORMAT)
    types = {name: type(value) for name, value in description.items()}
    if types != {"kind": str, "shapes": dict, "content": dict}:
        raise ValueError("it does not say what it is")
    digest = metadata.get("digest")
    if len(metadata) != 2 or not isinstance(digest, str) or len(digest) != len(ZEROS):
        raise ValueError("it has no digest, or more than adviz writes")
    return description, digest


def _entry(name: str, info: Any) -> Entry:
    """Return the header's entry of an array, where it makes sense by itself."""
    if not isinstance(info, dict) or set(info) != {"dtype", "shape", "data_offsets"}:
        raise ValueError(f"what it says of {name} cannot be understood")
    dtype = info["dtype"]
    if not isinstance(dtype, str) or dtype not in TYPES:
        raise ValueError(f"{name} is of the type {dtype!r}, which is not expected")
    shape = info["shape"]
    offsets = info["data_offsets"]
    if not is_shape(shape) or not is_shape(offsets) or len(offsets) != 2:
        raise ValueError(
            f"{name} has no such shape or place: {str(shape)[:80]}, {str(offsets)[:80]}"
        )
    return Entry(name, TYPES[dtype], tuple(shape), *offsets)


def is_shape(numbers: Any) -> bool:
    """Return whether this can be an array's shape: up to 16 plain integers, none too large."""
    if not is_of_type(numbers, tuple[int, ...]) or len(numbers) > 16:
        return False
    return all(0 <= number < LARGEST for number in numbers)
