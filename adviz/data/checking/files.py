"""Properties of one image file and of one mask, each opened once."""

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

THUMBNAIL = 32  # pixels of a side: small enough that noise averages out, and copies stay alike
# EXIF tags: of the image, of the camera's own block, and of the time in that block.
MAKE = 0x010F
MODEL = 0x0110
SOFTWARE = 0x0131
CAMERA_BLOCK = 0x8769
TIME = 0x9003
# The luminance table of the JPEG standard (ITU T.81, Table K.1), which libjpeg and Pillow scale by
# their quality.
LUMINANCE = np.array(
    [
        *(16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55),
        *(14, 13, 16, 24, 40, 57, 69, 56, 14, 17, 22, 29, 51, 87, 80, 62),
        *(18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92),
        *(49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99),
    ]
)


@dataclass(frozen=True)
class ImageInfo:
    """Properties of an image file, or why it cannot be read.

    Attributes
    ----------
    size: (width, height) as displayed, pixels.
    pixels: a digest of them, at full depth.
    frames: how many images the file holds.
    turned: whether its orientation tag turns it.
    problem: why it cannot be read, "" if it can.
    mode, format: as stored, in Pillow's words: "RGB" and "PNG", whatever the file is called;
        "RGB;16" of 16 bits each.
    bits: how many of more than 8 its values need; 0 in files of 8 bits.
    largest: the largest value of a file of more than 8 bits.
    transparent: whether it has an alpha channel, or a transparent colour, that is not opaque
        everywhere.
    dropped: how many bands beside grey, RGB or CMYK and alpha are not read.
    grey: whether its colour channels are equal (in the thumbnail).
    quality: of a JPEG file, 1..100, estimated from its table; 0 of other files.
    camera, software, taken: from the file's header, "" where it is silent; `taken` has digits only,
        year first.
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
class MaskInfo:
    """Properties of a mask, or why it cannot be read.

    Attributes
    ----------
    size: (width, height) as displayed, pixels.
    area: how many pixels it marks.
    cropped_area: how many pixels are marked after resize and crop.
    problem: why it cannot be read, "" if it can.
    low: for each of its files, the values above the background and below 128, where others are from
        128 on.
    """

    path: Path
    size: tuple[int, int] = (0, 0)
    area: int = 0
    cropped_area: int = 0
    problem: str = ""
    low: tuple[Low, ...] = ()


def image_info(path: Path) -> ImageInfo:
    """Return the properties of an image file; nothing is raised."""
    try:
        return _read_image(path)
    except (*DAMAGED, MemoryError) as error:
        return ImageInfo(path, problem=_problem(error))


def _read_image(path: Path) -> ImageInfo:
    with opened(path) as image:
        frames = int(getattr(image, "n_frames", 1))
        if image.format == "MPO":  # one photograph, and the camera's previews of it
            frames = 1
        header = {}
        # Pillow would decode all of a PNG file to look for EXIF data behind the pixels.
        if image.format != "PNG" or "exif" in image.info:
            header = _header(image)
    stored = load(path)
    rgb = as_rgb(stored, path)
    largest = 0
    values = np.asarray(rgb)
    if stored.deep is not None:
        largest = int(stored.deep.max())
        values = stored.deep
    # SHA-256, as most CPUs have instructions for it.
    digest = hashlib.sha256(repr(rgb.size).encode() + values.tobytes()).digest()
    return ImageInfo(
        path,
        size=rgb.size,
        pixels=digest,
        frames=frames,
        turned=stored.turned,
        mode=stored.mode,
        format=stored.format,
        bits=needed(stored, path),
        largest=largest,
        transparent=stored.transparent,
        dropped=stored.dropped,
        **header,
        **_thumbnail(rgb),
    )


def _header(image: Image.Image) -> dict[str, Any]:
    """Return how an image was made by its header; a damaged one is silent, and does no harm."""
    exif = image.getexif()
    try:
        camera_block = exif.get_ifd(CAMERA_BLOCK)
    except DAMAGED:
        camera_block = {}
    return {
        "quality": _jpeg_quality(getattr(image, "quantization", None) or {}),
        "camera": f"{_text(exif.get(MAKE))} {_text(exif.get(MODEL))}".strip(),
        "software": _text(exif.get(SOFTWARE)),
        "taken": _digits(camera_block.get(TIME)),
    }


def _jpeg_quality(tables: dict[int, list[int]]) -> int:
    """Return the quality, 1..100, whose luminance table is nearest to a file's; 0 without one."""
    if not tables:
        return 0
    luminance = tables[min(tables)]
    return 1 + int(np.abs(_luminance_sums() - sum(luminance)).argmin())


@cache
def _luminance_sums() -> np.ndarray:
    """Return the (100,) sums of libjpeg's luminance tables of the qualities 1 to 100."""
    quality = np.arange(1, 101)
    percent = np.where(quality < 50, 5000 // quality, 200 - 2 * quality)
    scaled = (LUMINANCE * percent[:, None] + 50) // 100  # (100, 64)
    return np.asarray(scaled.clip(1, 255).sum(1))


def _thumbnail(rgb: Image.Image) -> dict[str, Any]:
    """Return an RGB image as a thumbnail, and whether it is grey."""
    small = rgb.resize((THUMBNAIL, THUMBNAIL), Image.Resampling.BILINEAR, reducing_gap=3.0)
    spread = np.ptp(np.asarray(small), axis=2)  # (32, 32), between the channels
    is_grey = int(spread.max()) <= 1  # JPEG rounds each channel
    return {"grey": is_grey, "thumbnail": small.convert("L").tobytes()}


def _text(value: object) -> str:
    """Return a text of a file's header; cameras pad them with zeros and spaces."""
    if not isinstance(value, str):
        return ""
    return value.replace("\0", " ").strip()


def _digits(value: object) -> str:
    """Return a time as digits, "20240131120000"; "" if they are too few for a day, or all zero."""
    digits = "".join(letter for letter in _text(value) if letter in "0123456789")
    if len(digits) < 8 or not digits.strip("0"):
        return ""
    return digits


def mask_info(path: Path, geometry: Geometry, labels: Labels | None = None) -> MaskInfo:
    """Return the properties of a mask, one among others of its data set; nothing is raised."""
    try:
        mask = open_mask(path, labels)
        area = int(np.count_nonzero(np.asarray(mask)))
        cropped_area = 0
        if area:
            cropped_area = int(geometry.mask(mask).sum())
        low = []
        for file in mask_files(path):
            values = mask_values(file)
            low_values = values.low(values.marked)
            if low_values is not None:
                low.append(low_values)
        return MaskInfo(path, mask.size, area, cropped_area, low=tuple(low))
    except (*DAMAGED, MemoryError) as error:
        return MaskInfo(path, problem=_problem(error))


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


def _problem(error: BaseException) -> str:
    """Return why a file cannot be read, and what to do."""
    if isinstance(error, UnsupportedImage):
        return error.short
    cause = error.__cause__ or error
    name = type(cause).__name__
    module = type(cause).__module__
    if module != "builtins":
        name = f"{module.rpartition('.')[2]}.{name}"
    remedy = "replace it"
    if isinstance(cause, PermissionError):
        remedy = "change its permissions"
    return f"{name}: {cause}"[:200] + f": {remedy}"
