"""What one image file and one mask are, each opened once."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from adviz.data.geometry import Geometry
from adviz.data.image_decoding import DAMAGED, ORIENTATION, UnsupportedImage, load, opened
from adviz.data.images import as_rgb, needed
from adviz.data.masks import Labels, Low, mask_files, mask_values, open_mask

THUMBNAIL = 32  # pixels of a side: noise averages out, and what a copy keeps is left
MAKE, MODEL, SOFTWARE = 0x010F, 0x0110, 0x0131  # EXIF tags of the image
EXIF, TAKEN = 0x8769, 0x9003  # the camera's own block, and the time of the photograph in it
# the luminance table of the JPEG standard (ITU T.81, Table K.1), which libjpeg and Pillow scale by
# their quality
LUMINANCE = np.array(
    [
        *(16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55),
        *(14, 13, 16, 24, 40, 57, 69, 56, 14, 17, 22, 29, 51, 87, 80, 62),
        *(18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92),
        *(49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99),
    ]
)


@dataclass(frozen=True)
class ImageFacts:
    """An image: what its file holds, or why it cannot be read.

    Attributes
    ----------
    size: (width, height) as shown, pixels.
    pixels: a digest of them, at full depth.
    frames: how many images the file holds.
    turned: whether its orientation tag turns it.
    mode, format: as stored, in Pillow's words: "RGB" and "PNG", whatever the file is called;
        "RGB;16" of 16 bits each.
    bits: how many of more than 8 its values need; 0 in files of 8 bits.
    largest: the largest value of a file of more than 8 bits.
    transparent: whether it has an alpha channel, or a transparent colour, that is not opaque
        everywhere.
    dropped: how many bands beside grey, RGB or CMYK and alpha are not read.
    grey: whether its colour channels are equal (in the thumbnail).
    quality: of a JPEG file, 1..100, estimated from its table; 0 of other files.
    camera, software, taken: as the file says, "" where it does not; `taken` has digits only, year
        first.
    thumbnail: 32 x 32 grey values, row by row.
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
    grey: bool = False
    quality: int = 0
    camera: str = ""
    software: str = ""
    taken: str = ""
    thumbnail: bytes = b""


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
            # A camera's preview
            frames = 1 if image.format == "MPO" else int(getattr(image, "n_frames", 1))
            # of a PNG file that says nothing before its pixels, all of it would be decoded
            made = _made(image) if image.format != "PNG" or "exif" in image.info else {}
        stored = load(path)
        pixels = as_rgb(stored, path)
        shown = np.asarray(pixels) if stored.deep is None else stored.deep
        # The quickest on most CPUs
        digest = hashlib.sha256(repr(pixels.size).encode() + shown.tobytes()).digest()
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
            **made,
            **_small(pixels),
        )
    except (*DAMAGED, MemoryError) as error:
        return ImageFacts(path, problem=_short(error))


def _quality(tables: dict[int, list[int]]) -> int:
    """Return the quality, 1..100, whose luminance table is nearest to that of a JPEG file; 0 without tables."""
    if not tables:
        return 0
    return 1 + int(np.abs(_sums() - sum(tables[min(tables)])).argmin())


@cache
def _sums() -> np.ndarray:
    """Return the (100,) sums of the luminance tables of the qualities 1 to 100, as libjpeg makes them."""
    quality = np.arange(1, 101)
    percent = np.where(quality < 50, 5000 // quality, 200 - 2 * quality)
    scaled = (LUMINANCE * percent[:, None] + 50) // 100  # (100, 64)
    return np.asarray(scaled.clip(1, 255).sum(1))


def _made(image: Image.Image) -> dict[str, Any]:
    """Return what a file's header says of how it was made; a damaged one says nothing, and does no harm."""
    exif = image.getexif()
    try:
        own = exif.get_ifd(EXIF)
    except DAMAGED:
        own = {}
    return {
        "quality": _quality(getattr(image, "quantization", None) or {}),
        "camera": f"{_text(exif.get(MAKE))} {_text(exif.get(MODEL))}".strip(),
        "software": _text(exif.get(SOFTWARE)),
        "taken": _digits(own.get(TAKEN)),
    }


def _small(pixels: Image.Image) -> dict[str, Any]:
    """Return an RGB image as a thumbnail, and whether it is grey."""
    small = pixels.resize((THUMBNAIL, THUMBNAIL), Image.Resampling.BILINEAR, reducing_gap=3.0)
    spread = np.ptp(np.asarray(small), axis=2)  # (32, 32), of the channels
    # JPEG rounds each channel
    return {"grey": int(spread.max()) <= 1, "thumbnail": small.convert("L").tobytes()}


def _text(value: object) -> str:
    """Return a text of a file's header; cameras pad them with zeros and spaces."""
    return value.replace("\0", " ").strip() if isinstance(value, str) else ""


def _digits(value: object) -> str:
    """Return a time as digits, "20240131120000"; "" if there are not enough for a day, or it is all zeros."""
    digits = "".join(letter for letter in _text(value) if letter in "0123456789")
    return digits if len(digits) >= 8 and digits.strip("0") else ""


def mask_facts(path: Path, geometry: Geometry, labels: Labels | None = None) -> MaskFacts:
    """Return what a mask is, beside the others of its data set; nothing is raised."""
    try:
        mask = open_mask(path, labels)
        marked = int(np.count_nonzero(np.asarray(mask)))
        kept = int(geometry.mask(mask).sum()) if marked else 0
        found = [mask_values(file) for file in mask_files(path)]
        low = [one.low(one.marked) for one in found]
        return MaskFacts(
            path, mask.size, marked, kept, low=tuple(one for one in low if one is not None)
        )
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
    if isinstance(error, UnsupportedImage):
        return error.short
    cause = error.__cause__ or error
    kind = type(cause)
    name = (
        kind.__name__
        if kind.__module__ == "builtins"
        else f"{kind.__module__.rpartition('.')[2]}.{kind.__name__}"
    )
    how = "change its permissions" if isinstance(cause, PermissionError) else "replace it"
    return f"{name}: {cause}"[:200] + f": {how}"
