"""What one image file and one mask are, each opened once."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from adviz.data.geometry import Geometry
from adviz.data.images import Labels, Low, as_rgb, mask_files, mask_values, needed, open_mask
from adviz.data.stored import DAMAGED, ORIENTATION, Unsuited, load, opened


@dataclass(frozen=True)
class ImageFacts:
    """An image: what its file holds, or why it cannot be read.

    Attributes
    ----------
    size: (width, height) as shown, pixels.
    pixels: a digest of them, at full depth.
    frames: how many images the file holds.
    turned: whether its orientation tag turns it.
    mode, format: as stored, in Pillow's words: "RGB" and "PNG", whatever the file is called; "RGB;16" of 16 bits each.
    bits: how many of more than 8 its values need; 0 in files of 8 bits.
    largest: the largest value of a file of more than 8 bits.
    transparent: whether it has an alpha channel, or a transparent colour, that is not opaque everywhere.
    dropped: how many bands beside grey, RGB or CMYK and alpha are not read.
    """

    path: Path
    size: tuple[int, int] = (0, 0)
    pixels: bytes = b""
    frames: int = 1
    turned: bool = False
    problem: str = ""
    mode: str = ""
    format: str = ""
    bits: int = 0
    largest: int = 0
    transparent: bool = False
    dropped: int = 0


@dataclass(frozen=True)
class MaskFacts:
    """A mask: what its file holds, or why it cannot be read.

    Attributes
    ----------
    size: (width, height) as shown, pixels.
    marked: how many pixels it marks.
    kept: how many of them are left after resize and crop.
    low: of each of its files what is above the background and below 128, beside others from 128 on.
    """

    path: Path
    size: tuple[int, int] = (0, 0)
    marked: int = 0
    kept: int = 0
    problem: str = ""
    low: tuple[Low, ...] = ()


def image_facts(path: Path) -> ImageFacts:
    """Return what an image file is; nothing is raised."""
    try:
        with opened(path) as image:
            frames = 1 if image.format == "MPO" else int(getattr(image, "n_frames", 1))  # a camera's preview
        stored = load(path)
        pixels = as_rgb(stored, path)
        shown = np.asarray(pixels) if stored.deep is None else stored.deep
        digest = hashlib.sha256(repr(pixels.size).encode() + shown.tobytes()).digest()  # the quickest on most CPUs
        return ImageFacts(
            path,
            pixels.size,
            digest,
            frames,
            stored.turned,
            mode=stored.mode,
            format=stored.format,
            bits=needed(stored, path),
            largest=0 if stored.deep is None else int(stored.deep.max()),
            transparent=stored.transparent,
            dropped=stored.dropped,
        )
    except (*DAMAGED, MemoryError) as error:
        return ImageFacts(path, problem=_short(error))


def mask_facts(path: Path, geometry: Geometry, labels: Labels | None = None) -> MaskFacts:
    """Return what a mask is, beside the others of its data set; nothing is raised."""
    try:
        mask = open_mask(path, labels)
        marked = int(np.count_nonzero(np.asarray(mask)))
        kept = int(geometry.mask(mask).sum()) if marked else 0
        found = [mask_values(file) for file in mask_files(path)]
        low = [one.low(one.marked) for one in found]
        return MaskFacts(path, mask.size, marked, kept, low=tuple(one for one in low if one is not None))
    except (*DAMAGED, MemoryError) as error:
        return MaskFacts(path, problem=_short(error))


def mask_is_turned(path: Path) -> bool:
    """Tell whether a mask has an orientation tag of its own."""
    try:
        with Image.open(mask_files(path)[0]) as mask:
            return bool(mask.getexif().get(ORIENTATION, 1) != 1)
    except (*DAMAGED, MemoryError):
        return False


def same_bytes(files: list[Path]) -> bool:
    """Tell whether files are the same to the last byte."""
    return len({hashlib.blake2b(file.read_bytes()).digest() for file in files}) == 1


def _short(error: BaseException) -> str:
    """Return what is wrong with a file, and what to do."""
    if isinstance(error, Unsuited):
        return error.short
    cause = error.__cause__ or error
    kind = type(cause)
    name = kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__.rpartition('.')[2]}.{kind.__name__}"
    return f"{name}: {cause}"[:200] + ": replace it"
