"""Images given as arrays, tensors, PIL images or lists, as 8-bit arrays by one documented rule."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from typing import Any, Literal, get_args

import numpy as np
from PIL import Image

from adviz._support import as_numpy, got
from adviz.data.image_decoding import DAMAGED, UnsupportedImage, from_memory
from adviz.data.images import DEPTHS, as_rgb

Channels = Literal["rgb", "bgr"]
COUNTS = (1, 3, 4)  # channels of an image: grey; red, green, blue; and with alpha, which is dropped


def check_channels(channels: str) -> None:
    """Refuse (ValueError) another order of colours than the two there are."""
    if channels not in get_args(Channels):
        raise ValueError(
            'channels must be "rgb" or "bgr" (as OpenCV reads images), '
            f"{got(channels, ['rgb', 'bgr'])}"
        )


def image_array(
    item: Any, channels: Channels = "rgb", name: str = "image", bits: int | None = None
) -> np.ndarray:
    """Return an image in memory as 8-bit grey or RGB.

    A PIL image is treated as the same image in a file would be, whatever its mode, its orientation
    tag obeyed. Of arrays, tensors and lists, channels may come first or last; one channel is grey,
    and a fourth (alpha) is dropped. Booleans become 0 and 255, floats in 0..1 are multiplied by 255
    and rounded, integers of other types must lie in 0..255, and uint16 is scaled as 16-bit files
    are.

    Parameters
    ----------
    item: PIL image; array, tensor or lists (h, w), (h, w, c) or (c, h, w) with c = 1, 3 or 4.
    channels: order of the colours of arrays, tensors and lists: "bgr" is OpenCV's. PIL images know
        theirs.
    name: for messages, such as "number 3".
    bits: that values of more than 8 use, see `adviz.data.Geometry`; None = 16, with a warning where
        they use fewer.

    Returns
    -------
    (h, w) grey or (h, w, 3) RGB uint8; a view of the values where they need no change.

    Raises
    ------
    ValueError: a shape that is no image, or rows or channels first alike; values that are no 8-bit
        image's; a damaged PIL image.
    TypeError: no numbers.
    """
    if isinstance(item, Image.Image):
        return _of_pil(item, name, bits)
    values = as_numpy(item)
    if values.dtype.kind not in "biuf" or values.ndim == 0:
        raise TypeError(
            "expected images as PIL images, arrays or tensors of numbers, "
            f"got a {type(item).__name__} as {name}"
        )
    if values.ndim == 4:
        raise ValueError(
            f"expected one image, got a batch of shape {values.shape} as {name}: give the batch "
            "itself, not in a list"
        )
    if values.ndim not in (2, 3):
        raise ValueError(
            f"expected an image (h, w), (h, w, 3) or (3, h, w), got shape {values.shape} as "
            f"{name}: give a single image as [image]"
        )
    values = _channels_last(values, name)
    return _as_rgb_order(_eight_bits(values, name, bits), channels)


def batch_array(images: Any, channels: Channels = "rgb", bits: int | None = None) -> np.ndarray:
    """Return N images of one size as (N, h, w) or (N, h, w, 3) uint8, by the rule of `image_array`.

    Parameters
    ----------
    images: array or tensor (N, h, w), (N, h, w, c) or (N, c, h, w); or images as `image_array`
        takes them, one by one.
    channels, bits: as for `image_array`.

    Raises
    ------
    ValueError, TypeError: as `image_array`; or images of different sizes.
    """
    # one array of all images, which may be passed on without a copy
    is_tensor = hasattr(images, "detach")
    if is_tensor or (isinstance(images, np.ndarray) and images.dtype.kind in "biuf"):
        values = _checked_batch(as_numpy(images))
        if values.dtype == np.uint8:
            return _as_rgb_order(values, channels, n_axes=4)
        eight_bits = [_eight_bits(image, f"number {i}", bits) for i, image in enumerate(values)]
        return _stacked([_as_rgb_order(image, channels) for image in eight_bits])
    if not isinstance(images, Iterable) or isinstance(images, str | bytes):
        raise TypeError(
            f"expected an array, a tensor or a list of images, got a {type(images).__name__}"
        )
    return _stacked(
        [image_array(image, channels, f"number {i}", bits) for i, image in enumerate(images)]
    )


def _checked_batch(values: np.ndarray) -> np.ndarray:
    """Return a batch of numbers as (N, h, w) or (N, h, w, 3)."""
    if values.ndim not in (3, 4):
        raise ValueError(
            f"images must be (N, h, w), (N, h, w, 3) or (N, 3, h, w), got shape {values.shape} "
            f"of {values.dtype}"
        )
    if values.ndim == 4:
        return _channels_last(values, "images")
    if 0 in values.shape[1:]:
        raise ValueError(f"images must be (N, h, w), got shape {values.shape}: they have no pixels")
    return values


def _of_pil(image: Image.Image, name: str, bits: int | None) -> np.ndarray:
    """Return a PIL image as (h, w, 3) uint8."""
    try:
        stored = from_memory(image)
        if stored.deep is not None:
            bits = _bits_to_use(stored.deep, bits)
        return np.asarray(as_rgb(stored, name, bits))
    except UnsupportedImage:
        raise
    except DAMAGED as error:  # it may be read from its file only now
        raise ValueError(
            f"expected a readable PIL image, got one of mode {image.mode} as {name} ({error})"
        ) from error


def _channels_last(values: np.ndarray, name: str) -> np.ndarray:
    """Return (..., h, w) or (..., h, w, 3): without alpha, and without an axis for grey."""
    if 0 in values.shape[-3:]:
        raise ValueError(f"expected an image with pixels, got shape {values.shape} as {name}")
    if values.ndim == 2:
        return values
    # (3, h, w) or (h, w, 3): the axis of 1, 3 or 4 is the channels
    may_be_first = values.shape[-3] in COUNTS
    may_be_last = values.shape[-1] in COUNTS
    if may_be_first and may_be_last:
        raise ValueError(
            f"expected channels that can be told from rows, got shape {values.shape} as {name}, "
            f"which may be (h, w, {values.shape[-1]}) or ({values.shape[-3]}, h, w): give PIL "
            "images, Image.fromarray(array) of (h, w, 3)"
        )
    if not may_be_first and not may_be_last:
        raise ValueError(
            f"expected 1, 3 or 4 channels, first or last, got shape {values.shape} as {name}: "
            "choose one or three, such as image[..., :1] or image[..., [2, 1, 0]]"
        )
    if may_be_first:
        values = np.moveaxis(values, -3, -1)
    return values[..., 0] if values.shape[-1] == 1 else values[..., :3]


def warn_of_fewer_bits(bits: int, stacklevel: int) -> None:
    """Warn of 16-bit images whose values fit into fewer bits, and that are read by 16."""
    warnings.warn(
        "expected images that use all of their 16 bits, got values that fit into "
        f"{bits}: they are read as dark images; give geometry=Geometry(bits={bits}), the "
        "detector's geometry_, or a Split of the data set",
        stacklevel=stacklevel,
    )


def _bits_to_use(values: np.ndarray, bits: int | None) -> int:
    """Return the bits that values are read by; where not given 16, with a warning if fewer do."""
    if bits is not None:
        return bits
    enough = next((depth for depth in DEPTHS if values.max() < 2**depth), 16)
    if enough < 16:
        warn_of_fewer_bits(enough, stacklevel=6)
    return 16


def _eight_bits(values: np.ndarray, name: str, bits: int | None) -> np.ndarray:
    """Return (h, w) or (h, w, 3) values as uint8."""
    if values.dtype == np.uint8:
        return values
    if values.dtype == bool:
        return values * np.uint8(255)
    if values.dtype.kind == "u" and values.itemsize == 2:
        deep = np.ascontiguousarray(values, np.uint16)
        return np.asarray(as_rgb(from_memory(deep), name, _bits_to_use(deep, bits)))
    low = values.min()
    high = values.max()
    if values.dtype.kind == "f":
        if not (low >= 0 and high <= 1):  # NaN is neither
            raise ValueError(
                f"expected floats in 0..1 or 8-bit integers, got {values.dtype} from {low:.4g} to "
                f"{high:.4g} as {name}: give images before they are normalised; values in 0..255 "
                "become image.astype(np.uint8)"
            )
        return (values.astype(np.float64) * 255).round().astype(np.uint8)
    if low < 0 or high > 255:
        raise ValueError(
            f"expected values in 0..255, got {values.dtype} from {low} to {high} as {name}: "
            "images of 16 bits are uint16, image.astype(np.uint16)"
        )
    return values.astype(np.uint8)


def _as_rgb_order(values: np.ndarray, channels: Channels, n_axes: int = 3) -> np.ndarray:
    """Return colours as RGB; grey, which has an axis less than `n_axes`, is as it is."""
    return values[..., ::-1] if channels == "bgr" and values.ndim == n_axes else values


def _stacked(images: Sequence[np.ndarray]) -> np.ndarray:
    """Return images of one size as one array; grey ones get three channels where others have."""
    sizes = {image.shape[:2] for image in images}
    if len(sizes) > 1:
        examples = ", ".join(f"{height}x{width}" for height, width in sorted(sizes)[:3])
        raise ValueError(
            f"expected images of one size, got {len(sizes)} ({examples}, ...): Backbone.extract "
            "takes a list of images of any size; for a Split resize them to one, or write them to "
            "files"
        )
    if not images:
        return np.zeros((0, 1, 1), np.uint8)
    if any(image.ndim == 3 for image in images):
        images = [
            image if image.ndim == 3 else np.repeat(image[..., None], 3, 2) for image in images
        ]
    return np.stack(images)
