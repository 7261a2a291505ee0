"""What one image file and one mask are, each opened once."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from adviz.data.geometry import Geometry
from adviz.data.images import DAMAGED, ORIENTATION, as_rgb, mask_files, open_mask, opened


@dataclass(frozen=True)
class ImageFacts:
    """An image: what its file holds, or why it cannot be read.

    Attributes
    ----------
    size: (width, height) as shown, pixels.
    pixels: a digest of them.
    frames: how many images the file holds.
    turned: whether its orientation tag turns it.
    mode, format: as stored, in Pillow's words: "RGB" and "PNG", whatever the file is called.
    """

    path: Path
    size: tuple[int, int] = (0, 0)
    pixels: bytes = b""
    frames: int = 1
    turned: bool = False
    problem: str = ""
    mode: str = ""
    format: str = ""


@dataclass(frozen=True)
class MaskFacts:
    """A mask: its size, how many pixels it marks, how many of them are left after resize and crop, or its problem."""

    path: Path
    size: tuple[int, int] = (0, 0)
    marked: int = 0
    kept: int = 0
    problem: str = ""


def image_facts(path: Path) -> ImageFacts:
    """Return what an image file is; nothing is raised."""
    try:
        with opened(path) as image:
            mode, kind = image.mode, image.format or ""
            frames = 1 if image.format == "MPO" else int(getattr(image, "n_frames", 1))  # a camera's preview
            pixels = as_rgb(ImageOps.exif_transpose(image), path)
            turned = image.getexif().get(ORIENTATION, 1) != 1  # after the pixels: of a PNG file it may come last
        digest = hashlib.sha256(repr(pixels.size).encode() + pixels.tobytes()).digest()  # the quickest on most CPUs
        return ImageFacts(path, pixels.size, digest, frames, turned, mode=mode, format=kind)
    except (*DAMAGED, MemoryError) as error:
        return ImageFacts(path, problem=_short(error))


def mask_facts(path: Path, geometry: Geometry) -> MaskFacts:
    """Return what a mask is; nothing is raised."""
    try:
        mask = open_mask(path)
        marked = int(np.count_nonzero(np.asarray(mask)))
        return MaskFacts(path, mask.size, marked, int(geometry.mask(mask).sum()) if marked else 0)
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
    cause = error.__cause__ or error
    kind = type(cause)
    name = kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__.rpartition('.')[2]}.{kind.__name__}"
    return f"{name}: {cause}"[:200]
