"""Image files: which files of a folder are images, and how one is read as 8-bit RGB."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from PIL import Image

from adviz.data.image_decoding import (
    ORIENTATION,
    DecodedImage,
    UnsupportedImage,
    is_deep,
    load,
    opened,
)
from adviz.data.paths import children, is_hidden_below

DEPTHS = (8, 10, 12, 14, 16)  # bits of cameras whose files are of 16
HEADERS = 64  # of so many files of a data set it is looked up whether they are of more than 8 bits
# Of the formats that Pillow opens those of photographs: no icons, textures, documents, drawings,
# videos or stubs.
FORMATS = frozenset(
    "AVIF BMP DIB GIF JPEG JPEG2000 MPO PCX PNG PPM QOI SGI SUN TGA TIFF WEBP".split()
)
HEIF = (".heic", ".heics", ".heif", ".heifs", ".hif")
AVIF = (".avif", ".avifs")
ARRAYS = (".npy", ".npz")
RAW = (".raw", ".dng", ".cr2", ".cr3", ".nef", ".arw", ".exr", ".hdr")
DOCUMENTS = (".fits", ".fit", ".dcm", ".psd", ".pdf")
# what to do with pictures that are not read, by suffix
REMEDIES = {
    **dict.fromkeys(HEIF, 'pip install "adviz-anomaly[heic]"'),
    **dict.fromkeys(AVIF, "they need a newer Pillow: pip install -U pillow"),
    **dict.fromkeys(ARRAYS, "give the arrays to data.Split.from_arrays, or save them as images"),
    **dict.fromkeys(RAW + DOCUMENTS, "convert them to PNG or TIFF"),
}


@functools.cache
def suffixes() -> tuple[str, ...]:
    """Return the suffixes, in small letters, of the image files that can be read here."""
    Image.init()
    readable = FORMATS & {*Image.OPEN, "MPO"}  # which the reader of JPEG files opens
    by_suffix = Image.registered_extensions()
    known = {suffix for suffix, name in by_suffix.items() if name in readable}
    if find_spec("pillow_heif"):
        known.update(HEIF)
    return tuple(sorted(known))


def image_files_in(folder: Path) -> list[Path]:
    """Return a folder's image files, sorted.

    Hidden files, other suffixes, folders and broken links are passed over.
    """
    readable = suffixes()
    files = [file for file in children(folder) if file.suffix.lower() in readable]
    return [file for file in files if file.is_file()]


def remedy(suffix: str) -> str:
    """Return what to do with files of a suffix that is not read."""
    return REMEDIES.get(suffix.lower(), "add images, or convert them to PNG or TIFF")


def no_images_hint(folder: Path) -> str:
    """Return what to do about a folder without images, for the end of a message.

    It reads "found none: add some", or ``found 8 files .HEIC: pip install
    "adviz-anomaly[heic]"``, of the suffix that most files have.
    """
    counts: Counter[str] = Counter()
    for file in folder.rglob("*"):
        unread = file.suffix and file.suffix.lower() not in suffixes()
        if unread and file.is_file() and not is_hidden_below(file, folder):
            counts[file.suffix] += 1
    if not counts:
        return "found none: add some"
    suffix, count = counts.most_common(1)[0]
    plural = "s" if count > 1 else ""
    return f"found {count} file{plural} {suffix}: {remedy(suffix)}"


def image_size(path: str | Path) -> tuple[int, int]:
    """Return (width, height) in pixels as `open_image` would, decoding as little as possible."""
    with opened(path) as image:
        width, height = image.size
        # Of a PNG file the tag may come last: all of it would be decoded
        if width != height and image.getexif().get(ORIENTATION, 1) >= 5:
            return height, width
        return width, height


def open_image(path: str | Path, bits: int | None = None) -> Image.Image:
    """Read an image file as 8-bit RGB.

    Grey values are repeated in the three channels, palettes are looked up, an alpha channel and
    bands beyond the third are dropped, CMYK is converted by Pillow's formula (no colour profile),
    and the camera's orientation tag is obeyed. Values of more than 8 bits a channel are divided by
    ``(2**bits - 1) / 255``, by one number of bits for a whole data set, so that brightness stays
    comparable between images: see `Depth`. Of an animation or a stack of pages the first one is
    read. `adviz.data.check` names files of which something is dropped.

    Parameters
    ----------
    path: the file.
    bits: that the values of files of more than 8 bits use, 8 to 16; None = as many as this file by
        itself needs.

    Raises
    ------
    FileNotFoundError: there is no such file.
    ValueError: the file is no image that Pillow can read, is truncated, holds floating point
        values, more than 16 bits a channel or more than `bits`, two or five bands, or more pixels
        than twice Pillow's `MAX_IMAGE_PIXELS` (179 million).
    """
    return as_rgb(load(path), path, bits)


def as_rgb(stored: DecodedImage, path: str | Path, bits: int | None = None) -> Image.Image:
    """Return an image as 8-bit RGB by the rule of `open_image`; `path` is for messages."""
    image = stored.image
    if image.mode == "F":
        raise UnsupportedImage(
            path,
            "floating point values",
            "convert it to 8 or 16 bits by one rule for all images, such as np.round(255 * image) "
            "of values in 0..1",
        )
    if stored.signed and np.asarray(image).max() > 127:
        raise UnsupportedImage(path, "negative values", "convert it to 8 or 16 bits without a sign")
    if stored.deep is not None:
        # without a data set this image alone decides
        bits = needed(stored, path) if bits is None else bits
        image = _scaled_to_8_bits(stored, path, bits)
    if image.mode == "La":  # colours multiplied by alpha
        image = image.convert("LA")
    if "transparency" in image.info:  # dropped on purpose, of which Pillow warns
        image = image.copy()
        del image.info["transparency"]
    try:
        return image.convert("RGB")
    except ValueError as error:
        colours = f"colours of mode {image.mode}"
        raise UnsupportedImage(path, colours, "convert it to RGB") from error


def needed(stored: DecodedImage, path: str | Path) -> int:
    """Return the bits of more than 8 that a file needs, one of `DEPTHS`; 0 of other files.

    What says that 0 is white needs all that its type holds: the largest value is black then.
    """
    if stored.deep is None:
        return 0
    largest = largest_value(stored.deep, path)
    if stored.bits is not None:
        return stored.bits
    return next(bits for bits in DEPTHS if largest < 2**bits)


def largest_value(values: np.ndarray, path: str | Path) -> int:
    """Return the largest value of an image, refusing what 16 bits without a sign do not hold."""
    lowest = int(values.min())
    largest = int(values.max())
    if lowest < 0:
        sign = "convert it to 8 or 16 bits without a sign"
        raise UnsupportedImage(path, f"values from {lowest}", sign)
    if largest > 65535:
        width = "convert it to at most 16 bits a channel"
        raise UnsupportedImage(path, f"values up to {largest}", width)
    return largest


def _scaled_to_8_bits(stored: DecodedImage, path: str | Path, bits: int) -> Image.Image:
    """Return the values of a file of more than 8 bits as an 8-bit image."""
    assert stored.deep is not None  # noqa: S101 - for the type checker
    largest = largest_value(stored.deep, path)
    if largest >= 2**bits:
        enough = next(depth for depth in DEPTHS if largest < 2**depth)
        raise ValueError(
            f"expected values up to {2**bits - 1} ({bits} bits, as the training images have), "
            f"got {largest} in {path}: give Geometry(bits={enough}), for all images alike, or "
            "remove it"
        )
    # a table of 2**bits entries is quicker than arithmetic on every pixel
    values = _lookup_table(bits, stored.inverted)[stored.deep]  # (h, w) or (h, w, channels)
    if values.ndim == 3 and values.shape[2] == 4:
        return Image.frombytes("CMYK", values.shape[1::-1], values.tobytes())
    return Image.fromarray(values)


@functools.cache
def _lookup_table(bits: int, inverted: bool) -> np.ndarray:
    """Return the 8-bit value of every value of so many bits, (2**bits,) uint8."""
    white = 2**bits - 1
    values = np.round(np.arange(white + 1) * 255 / white)
    if inverted:
        values = 255 - values
    return np.asarray(values.astype(np.uint8))


@dataclass(eq=False)
class Depth:
    """The number of bits that the images of one data set use, which no single one can tell.

    Cameras of 10, 12 and 14 bits write files of 16, of which a dark photograph uses even less.

    Attributes
    ----------
    files: the training images.
    """

    files: Sequence[Path] = ()

    @functools.cached_property
    def bits(self) -> int | None:
        """The least of 8, 10, 12, 14, 16 that holds all values; None where all images are of 8.

        The headers of up to 64 files say whether any is of more than 8 bits; only then all files
        are decoded, once.
        """
        step = max(1, -(-len(self.files) // HEADERS))
        if not any(is_deep(file) for file in self.files[::step]):
            return None
        with ThreadPoolExecutor() as pool:
            return max(pool.map(_needed_bits, self.files)) or None


def _needed_bits(path: Path) -> int:
    """Return the bits that a file needs; 0 if it is of 8 bits or cannot be read."""
    try:
        return needed(load(path), path)
    except (FileNotFoundError, ValueError):
        return 0
