"""Files to 8-bit RGB arrays and masks, by one documented rule."""

from __future__ import annotations

import functools
import struct
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from adviz.data.arrays import ArrayMask

ORIENTATION = 0x0112  # EXIF tag; from 5 on rows and columns are swapped
# Of the formats that Pillow opens those of photographs: no icons, textures, documents, drawings, videos or stubs.
FORMATS = (
    *("AVIF", "BMP", "DIB", "GIF", "JPEG", "JPEG2000", "MPO", "PCX", "PNG", "PPM", "QOI", "SGI", "SUN", "TGA"),
    *("TIFF", "WEBP"),
)
HEIF = (".heic", ".heics", ".heif", ".heifs", ".hif")
# what to do with pictures that are not read, by suffix
REMEDIES = {
    **dict.fromkeys(HEIF, 'pip install "adviz[heic]"'),
    **dict.fromkeys((".avif", ".avifs"), "they need a newer Pillow: pip install -U pillow"),
    **dict.fromkeys((".npy", ".npz"), "give the arrays to data.Split.from_arrays, or save them as images"),
    **dict.fromkeys((".raw", ".dng", ".cr2", ".cr3", ".nef", ".arw", ".exr", ".hdr"), "convert them to PNG or TIFF"),
    **dict.fromkeys((".fits", ".fit", ".dcm", ".psd", ".pdf"), "convert them to PNG or TIFF"),
}
# what Pillow raises for damaged files; an image beyond twice its `MAX_IMAGE_PIXELS` is taken for a decompression bomb
DAMAGED = (
    *(OSError, SyntaxError, ValueError, TypeError, KeyError, IndexError, EOFError, OverflowError, ZeroDivisionError),
    *(struct.error, zlib.error, Image.DecompressionBombError),
)


def open_image(path: str | Path) -> Image.Image:
    """Read an image file as 8-bit RGB.

    Grey values are repeated in the three channels, palettes are looked up, an alpha channel is dropped, CMYK is
    converted by Pillow's formula (no colour profile), 16-bit values are divided by 257 (65535 becomes 255, whatever the
    image's own range is, so that brightness stays comparable between images), and the camera's orientation tag is
    obeyed. Of an animation or a stack of pages the first one is read; `adviz.data.check` names such files.

    Raises
    ------
    FileNotFoundError: there is no such file.
    ValueError: the file is no image that Pillow can read, is truncated, holds more than 16 bits a channel, or more
        pixels than twice Pillow's `MAX_IMAGE_PIXELS` (179 million).
    """
    return as_rgb(_load(path), path)


def as_rgb(image: Image.Image, path: str | Path) -> Image.Image:
    """Return an image as 8-bit RGB by the rule of `open_image`, which see; `path` is for messages."""
    if image.mode.startswith("I"):
        image = Image.fromarray(_to_8_bits(np.asarray(image), path))
    if image.mode == "F":
        raise ValueError(
            f"expected an image of 8 or 16 bits a channel, got floating point values in {path}: convert it"
        )
    return image.convert("RGB")


def open_mask(path: str | Path | ArrayMask) -> Image.Image:
    """Read a ground-truth file, the union of a folder of them, or one mask of many in a file, as an "L" image.

    It is 0 (normal) and 255 (defect).

    A pixel's value is the largest of its colour channels, after palettes are looked up, on black where it is
    transparent; 16-bit values are divided by 257 when the file has any above 255. A pixel is a defect from value 128 on
    (so JPEG or anti-aliased masks work); in files whose largest value is below 128 (label numbers 0, 1, 2, ...) every
    value above 0 is one. A folder, as MVTec LOCO AD has one for every image, marks what any of its files does. The
    orientation tag is obeyed, as it is in images. In an `ArrayMask` every value above 0 is a defect.

    Raises
    ------
    FileNotFoundError: there is nothing there, or a folder without images.
    ValueError: a file cannot be read, see `open_image`, or the files of a folder differ in size.
    """
    if isinstance(path, ArrayMask):
        return path.open()
    files = mask_files(path)
    if not files:
        raise FileNotFoundError(f"expected masks in the folder {path}, found none: add them, or remove it")
    union = _binary(files[0])
    for file in files[1:]:
        another = _binary(file)
        if another.shape != union.shape:
            sizes = " and ".join(f"{width}x{height}" for height, width in (union.shape, another.shape))
            raise ValueError(f"expected masks of one size in the folder {path}, got {sizes}: replace {file.name}")
        union |= another
    return Image.fromarray(union.astype(np.uint8) * np.uint8(255))


def mask_files(path: str | Path) -> list[Path]:
    """Return the files that make a mask: `path` itself, or the images of that folder, sorted."""
    path = Path(path)
    return images_of(path) if path.is_dir() else [path]


@functools.cache
def suffixes() -> tuple[str, ...]:
    """Return the suffixes, in small letters, of the image files that can be read here."""
    Image.init()
    readable = {*FORMATS} & {*Image.OPEN, "MPO"}  # which the reader of JPEG files opens
    found = [suffix for suffix, name in Image.registered_extensions().items() if name in readable]
    if find_spec("pillow_heif"):
        found.extend(HEIF)
    return tuple(sorted(set(found)))


def no_images_hint(folder: Path) -> str:
    """Return how to go on where a folder, or those below it, hold no image: "found none: add some", or what is there.

    It reads ``found 8 files .HEIC: pip install "adviz[heic]"``, of the suffix that most files have.
    """
    files = [file for file in folder.rglob("*") if file.is_file()] if folder.is_dir() else []
    shown = [file for file in files if not any(part.startswith(".") for part in file.relative_to(folder).parts)]
    counts = Counter(file.suffix for file in shown if file.suffix and file.suffix.lower() not in suffixes())
    if not counts:
        return "found none: add some"
    suffix, count = counts.most_common(1)[0]
    several = "s" if count > 1 else ""
    return f"found {count} file{several} {suffix}: {remedy(suffix)}"


def remedy(suffix: str) -> str:
    """Return what to do with files of a suffix that is not read."""
    return REMEDIES.get(suffix.lower(), "add images, or convert them to PNG or TIFF")


def images_of(folder: Path) -> list[Path]:
    """Return a folder's image files, sorted; hidden files, other suffixes, folders and broken links are passed over."""
    files = folder.iterdir() if folder.is_dir() else ()
    return sorted(f for f in files if f.suffix.lower() in suffixes() and not f.name.startswith(".") and f.is_file())


def image_size(path: str | Path) -> tuple[int, int]:
    """Return (width, height) in pixels as `open_image` would, decoding as little as possible."""
    with opened(path) as image:
        if image.width == image.height:  # of a PNG file the tag may come last: all of it would be decoded
            return image.size
        turned = image.getexif().get(ORIENTATION, 1) >= 5
        return (image.height, image.width) if turned else (image.width, image.height)


def _binary(path: Path) -> np.ndarray:
    """Return a mask file as (H, W) bool."""
    image = _load(path)
    if image.mode.startswith("I"):
        values = np.asarray(image)
        values = _to_8_bits(values, path) if values.max() > 255 else values
    elif image.mode in ("1", "L") and "transparency" not in image.info:
        values = np.asarray(image.convert("L"))
    else:
        colours = np.asarray(image.convert("RGBA"), dtype=np.float32)
        values = colours[..., :3].max(2) * colours[..., 3] / 255
    return np.asarray(values >= (128 if values.max() >= 128 else 1))


def _load(path: str | Path) -> Image.Image:
    """Return an image with its pixels, turned as its orientation tag says."""
    with opened(path) as image:
        return ImageOps.exif_transpose(image)


@contextmanager
def opened(path: str | Path) -> Iterator[Image.Image]:
    """Open a file and say what is wrong with it in one way, whatever Pillow raises."""
    try:
        with Image.open(path) as image:
            yield image
    except FileNotFoundError:
        raise FileNotFoundError(f"expected an image file, found nothing at {path}") from None
    except DAMAGED as error:
        raise ValueError(
            f"expected a readable image, got {path} ({error}): replace the file, or remove it from the data set"
        ) from error


def _to_8_bits(values: np.ndarray, path: str | Path) -> np.ndarray:
    if values.size and (values.min() < 0 or values.max() > 65535):
        raise ValueError(f"expected at most 16 bits a channel, got values up to {values.max()} in {path}: convert it")
    return np.round(values / 257).astype(np.uint8)
