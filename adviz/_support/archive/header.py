"""What a safetensors file announces: checked before anything that it announces is read or allocated."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from typing import IO, Any, NamedTuple

import numpy as np

from adviz._support.archive.tree import TYPES, check_version, code_of, parsed

FORMAT = 1
LIMIT = 2**24  # bytes of a header; safetensors' own limit is 100 MB
METADATA = "__metadata__"
ZEROS = "0" * 64  # stands for the digest in what is hashed
LARGEST = 2**48  # of a side or an offset; the numbers of a real file are far below


class Entry(NamedTuple):
    """Where an array lies among the bytes after the header."""

    name: str
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    begin: int
    end: int


class Header(NamedTuple):
    """A header that makes sense and fits its file's length.

    Attributes
    ----------
    text: its bytes, without the 8 that tell their number.
    about: "kind", "content" (packed) and "shapes" (name -> shape that a broadcast array has).
    digest: what the file says of itself.
    entries: its arrays in the order of their bytes.
    """

    text: bytes
    about: dict[str, Any]
    digest: str
    entries: list[Entry]


def written(about: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> bytes:
    """Return the header for arrays in this order, padded to a multiple of 8 bytes, with zeros for the digest.

    Raises
    ------
    ValueError: it is longer than `LIMIT`.
    """
    inner = json.dumps({"format": FORMAT, **about}, allow_nan=False)
    header: dict[str, Any] = {METADATA: {"digest": ZEROS, "adviz": inner}}
    end = 0
    for name, array in arrays.items():
        begin, end = end, end + array.nbytes
        header[name] = {
            "dtype": code_of(array),
            "shape": list(array.shape),
            "data_offsets": [begin, end],
        }
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    if len(text) > LIMIT:
        raise ValueError(
            f"expected at most {LIMIT} bytes beside the arrays, got {len(text)}: keep numbers as arrays"
        )
    return text


def announced(file: IO[bytes]) -> Header:
    """Read the header of a file that is exactly as long as it says.

    Raises
    ------
    ValueError: what is wrong with it, as the end of a sentence.
    """
    size, start = os.fstat(file.fileno()).st_size, file.read(8)
    length = int.from_bytes(start, "little")
    if len(start) < 8 or length > LIMIT:
        foreign = start[:4] == b"PK\3\4" or (
            len(start) == 8 and start[:1] == b"\x80" and start[1] <= 5
        )
        kind = "a zip file or a pickle, which adviz never opens" if foreign else "truncated or none"
        raise ValueError(
            f"it is {kind} (its first 8 bytes announce no header of up to {LIMIT} bytes)"
        )
    text = file.read(length)
    if len(text) < length:
        raise ValueError(
            f"it is truncated: it announces a header of {length} bytes and has {len(text)}"
        )
    header = parsed(text)
    about, digest = _about(header.pop(METADATA, None))
    entries = sorted(
        (_entry(name, said) for name, said in header.items()),
        key=lambda entry: (entry.begin, entry.end),
    )
    end = 0
    for entry in entries:
        if entry.begin != end or entry.end - end != math.prod(entry.shape) * entry.dtype.itemsize:
            raise ValueError(
                f"the bytes announced for {entry.name} are not those of its shape, or overlap with others"
            )
        end = entry.end
    if size != 8 + length + end:
        what = "truncated" if size < 8 + length + end else "longer than announced"
        raise ValueError(f"it is {what}: it announces {8 + length + end} bytes and has {size}")
    return Header(text, about, digest, entries)


def _about(metadata: Any) -> tuple[dict[str, Any], str]:
    """Return what the file says of itself, where it is of this version, and its digest."""
    if not isinstance(metadata, dict) or not isinstance(metadata.get("adviz"), str):
        raise ValueError("adviz did not write it: its metadata do not say so")
    about, digest = parsed(metadata["adviz"].encode()), metadata.get("digest")
    check_version(about.pop("format", None), FORMAT)
    kinds = {"kind": str, "shapes": dict, "content": dict}
    if {name: type(value) for name, value in about.items()} != kinds:
        raise ValueError("it does not say what it is")
    if (
        set(metadata) != {"adviz", "digest"}
        or not isinstance(digest, str)
        or len(digest) != len(ZEROS)
    ):
        raise ValueError("it has no digest, or more than adviz writes")
    return about, digest


def _entry(name: str, said: Any) -> Entry:
    """Return what the header says of an array, where that makes sense by itself."""
    if not isinstance(said, dict) or set(said) != {"dtype", "shape", "data_offsets"}:
        raise ValueError(f"what it says of {name} cannot be understood")
    if not isinstance(said["dtype"], str) or said["dtype"] not in TYPES:
        raise ValueError(f"{name} is of the type {said['dtype']!r}, which is not expected")
    shape, offsets = said["shape"], said["data_offsets"]
    if not sides(shape) or not sides(offsets) or len(offsets) != 2:
        raise ValueError(
            f"{name} has no such shape or place: {str(shape)[:80]}, {str(offsets)[:80]}"
        )
    return Entry(name, TYPES[said["dtype"]], tuple(shape), *offsets)


def sides(numbers: Any) -> bool:
    """Return whether these can be the sides of an array: up to 16 plain integers, none too large."""
    if not isinstance(numbers, list) or len(numbers) > 16:
        return False
    return all(type(number) is int and 0 <= number < LARGEST for number in numbers)
