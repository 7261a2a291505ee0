"""Reader for IDX files, the format of MNIST, gzipped or not: a magic number, sizes, values."""

from __future__ import annotations

import gzip
import io
import math
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

UINT8 = 0x08  # the type code of unsigned bytes, the only one that images and labels use
EXPANSION = 1032  # no deflate stream becomes more than this times as large
PIECE = 1 << 20


def read_idx(path: str | Path, dimensions: int) -> np.ndarray:
    """Return the unsigned bytes of an IDX file.

    The sizes that the header announces are compared with the file before anything is allocated, and
    never more is read than announced.

    Parameters
    ----------
    path: the file; gzipped when its name ends in ".gz".
    dimensions: 3 for images (N, h, w), 1 for labels (N,).

    Raises
    ------
    ValueError: another magic number, a size of 0, or more or fewer values than announced.
    """
    path = Path(path)
    opener: Callable[..., Any] = open
    available = path.stat().st_size
    if path.suffix == ".gz":
        opener = gzip.open
        available *= EXPANSION
    try:
        with opener(path, "rb") as file:
            shape = _shape(file, dimensions)
            count = math.prod(shape)
            # a damaged header may announce more than any memory holds
            if count > available:
                raise ValueError(
                    f"expected {count} values of shape {shape}, got room for at most {available}"
                )
            return np.frombuffer(_values(file, count), np.uint8).reshape(shape)
    except (ValueError, EOFError, zlib.error, gzip.BadGzipFile) as error:
        message = f"expected a whole IDX file, got {path} ({error}): get it again"
        raise ValueError(message) from error


def _shape(file: io.BufferedIOBase, dimensions: int) -> tuple[int, ...]:
    """Return the sizes that the header announces."""
    header = file.read(4 + 4 * dimensions)
    magic = bytes((0, 0, UINT8, dimensions))
    if header[:4] != magic:
        came = header[:4].hex() or "nothing"
        raise ValueError(f"expected the magic number {magic.hex()}, got {came}")
    if len(header) != 4 + 4 * dimensions:
        raise ValueError(f"expected a header of {4 + 4 * dimensions} bytes, got {len(header)}")
    shape = tuple(int(size) for size in np.frombuffer(header, ">u4", offset=4))
    if 0 in shape:
        raise ValueError(f"expected at least one value, got the sizes {shape}")
    return shape


def _values(file: io.BufferedIOBase, count: int) -> bytearray:
    """Return `count` bytes, after which none may follow.

    Memory grows with the bytes in the file, not with the number that its header announces.
    """
    values = bytearray()
    while piece := file.read(min(PIECE, count + 1 - len(values))):
        values += piece
    if len(values) != count:
        got = f"only {len(values)}" if len(values) < count else "more"
        raise ValueError(f"expected {count} values, got {got}")
    return values
