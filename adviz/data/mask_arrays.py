"""Masks in .npy files, one of many in a file, mapped into memory; nothing in one is executed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image


@dataclass(frozen=True)
class ArrayMask:
    """A mask that is one of many in a file: `index` of an (N, H, W) array, whose > 0 = defect."""

    file: Path
    index: int

    def open(self) -> Image.Image:
        """Return the mask as an "L" image of 0 and 255 (defect); errors as for `open_array`."""
        values = open_array(self.file, 3)[self.index]
        return Image.fromarray(np.where(values > 0, 255, 0).astype(np.uint8))

    def __str__(self) -> str:
        return f"{self.file}, frame {self.index}"


def open_array(path: Path, dimensions: int) -> np.ndarray:
    """Map an .npy file of booleans or numbers into memory, read-only; nothing in it is executed.

    Raises
    ------
    FileNotFoundError: there is no such file.
    ValueError: it is no such file, holds Python objects or another number of dimensions, or is
        shorter or longer than its header says.
    """
    try:
        # Refuses objects, which would have to be unpickled
        values = np.lib.format.open_memmap(path, mode="r")
        size = path.stat().st_size
        announced = values.offset + values.nbytes
    except FileNotFoundError:
        raise FileNotFoundError(f"expected an array file, found nothing at {path}") from None
    except (OSError, ValueError, EOFError) as error:
        raise ValueError(
            f"expected a complete .npy file of numbers, got {path} ({error}): get it again"
        ) from error
    if values.ndim != dimensions or values.dtype.kind not in "biuf":
        raise ValueError(
            f"expected booleans or numbers in {dimensions} dimensions in {path}, got "
            f"{values.dtype} in {values.ndim}"
        )
    if size != announced:
        raise ValueError(
            f"expected {announced} bytes in {path}, as its header says, got {size}: get it again"
        )
    return values
