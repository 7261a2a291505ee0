"""Files to 8-bit RGB arrays and masks, by one documented rule."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from adviz.data.arrays import ArrayMask

ORIENTATION = 0x0112  # EXIF tag; from 5 on rows and columns are swapped
SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp")


def open_image(path: str | Path) -> Image.Image:
    """Read an image file as 8-bit RGB.

    Grey values are repeated in the three channels, palettes are looked up, an alpha channel is dropped, 16-bit values
    are divided by 257 (65535 becomes 255, whatever the image's own range is, so that brightness stays comparable
    between images), and the camera's orientation tag is obeyed.

    Raises
    ------
    FileNotFoundError: there is no such file.
    ValueError: the file is no image that Pillow can read, is truncated, or holds more than 16 bits a channel.
    """
    image = ImageOps.exif_transpose(_load(path))
    if image.mode.startswith("I"):
        image = Image.fromarray(_to_8_bits(np.asarray(image), path))
    if image.mode == "F":
        raise ValueError(
            f"expected an image of 8 or 16 bits a channel, got floating point values in {path}: convert it"
        )
    return image.convert("RGB")


def open_mask(path: str | Path | ArrayMask) -> Image.Image:
    """Read a ground-truth file, or a mask in an array file, as an "L" image of 0 (normal) and 255 (defect).

    A pixel's value is the largest of its colour channels, after palettes are looked up, on black where it is
    transparent; 16-bit values are divided by 257 when the file has any above 255. A pixel is a defect from value 128 on
    (so JPEG or anti-aliased masks work); in files whose largest value is below 128 (label numbers 0, 1, 2, ...) every
    value above 0 is one.
    """
    if isinstance(path, ArrayMask):
        return path.open()
    image = _load(path)
    if image.mode.startswith("I"):
        values = np.asarray(image)
        values = _to_8_bits(values, path) if values.max() > 255 else values
    else:
        colours = np.asarray(image.convert("RGBA"), dtype=np.float32)
        values = colours[..., :3].max(2) * colours[..., 3] / 255
    least = 128 if values.max() >= 128 else 1
    return Image.fromarray(np.where(values >= least, 255, 0).astype(np.uint8))


def image_size(path: str | Path) -> tuple[int, int]:
    """Return (width, height) in pixels as `open_image` would, from the file's header alone."""
    with Image.open(path) as image:
        turned = image.getexif().get(ORIENTATION, 1) >= 5
        return (image.height, image.width) if turned else (image.width, image.height)


def _load(path: str | Path) -> Image.Image:
    try:
        with Image.open(path) as image:
            image.load()
            return image.copy() if not image.getexif() else image
    except FileNotFoundError:
        raise FileNotFoundError(f"expected an image file, found nothing at {path}") from None
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise ValueError(
            f"expected a readable image, got {path} ({error}): replace the file, or remove it from the data set"
        ) from error


def _to_8_bits(values: np.ndarray, path: str | Path) -> np.ndarray:
    if values.size and (values.min() < 0 or values.max() > 65535):
        raise ValueError(f"expected at most 16 bits a channel, got values up to {values.max()} in {path}: convert it")
    return np.round(values / 257).astype(np.uint8)
