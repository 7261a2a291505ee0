"""Where the images come from that a `Backbone` runs over: splits, files, arrays, and lists of both."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from adviz._support import as_numpy
from adviz.data import (
    ORIENTATION,
    Channels,
    Depth,
    Geometry,
    Sample,
    Split,
    batch_array,
    boxes_of,
    check_channels,
    image_array,
    image_size,
    open_image,
    warn_of_fewer_bits,
)
from adviz.data import images_of as images_in

Source = Split | np.ndarray | Iterable[Any]
OF_ADDRESS = "download it first"
OF_BYTES = "decode a path with os.fsdecode, an image file with PIL.Image.open(io.BytesIO(...))"
OF_FILE = "give its name, or PIL.Image.open(file)"
OF_SAMPLE = "choose from its split, split[2:5] or split.subset([2, 4])"


@dataclass(frozen=True, eq=False)
class Images:
    """Images to extract from.

    Attributes
    ----------
    count: N.
    ids: N names.
    read: number -> (H, W, 3) uint8.
    size: (H, W), the same for all.
    geometry: that made them; None = they are as they were given, or made by code that nobody knows.
    files: what they are made of, with the geometry alone: N files or an array; None = something
        else.
    boxes: (N, 4) where the images lie in their padding, see `Split.boxes`; None = nothing is
        padded.
    """

    count: int
    ids: list[str]
    read: Callable[[int], np.ndarray]
    size: tuple[int, int]
    geometry: Geometry | None = None
    files: Sequence[str | Path] | np.ndarray | None = None
    boxes: np.ndarray | None = None

    def fed(self, number: int) -> np.ndarray:
        """Return what a network is fed: the image, mirrored into its padding, which leaks least into the features.

        In the middle halves of built-in images, efficientnet_lite0's features of strides 4 to 16 in
        the rows at the cut differ from those of the whole image by 0.47 of their length with
        mirrored padding, 0.57 with repeated edges, 0.66 without padding, 0.78 with grey and 0.89
        with black (means over four categories and three layers).
        """
        image = self.read(number)
        if self.boxes is None:
            return image
        top, left, bottom, right = self.boxes[number].tolist()
        outside = (top, image.shape[0] - bottom), (left, image.shape[1] - right), (0, 0)
        return np.pad(image[top:bottom, left:right], outside, mode="symmetric")


def images_of(
    source: Source, geometry: Geometry | None = None, channels: Channels = "rgb"
) -> Images:
    """Return the images of a source, see `Backbone.extract`.

    Raises
    ------
    TypeError: one path or image instead of a list, or what is no image.
    ValueError: an array that is no image, or a geometry or `channels` beside a split.
    """
    check_channels(channels)
    if isinstance(source, Split):
        if geometry is not None:
            raise ValueError(
                "a split has its own geometry: give source.with_geometry(geometry) instead of geometry="
            )
        if channels != "rgb":
            raise ValueError(
                "a split knows the order of its colours: give channels= to Split.from_arrays instead"
            )
        return _of_split(source, source.ids)
    _check_source(source)
    if hasattr(source, "detach") or (
        isinstance(source, np.ndarray) and source.dtype.kind in "biuf"
    ):
        return _of_array(as_numpy(source), geometry, channels)
    return _of_list(list(source), geometry or Geometry(), channels)


def _check_source(source: Any) -> None:
    """Refuse what is no list of images and could be taken for one, with what to do in this very case."""
    if isinstance(source, str | os.PathLike):
        raise TypeError(
            f"expected a Split, an array or a list of files, got one path: {_remedy_for_path(source)}"
        )
    if isinstance(source, bytes | bytearray):
        raise TypeError(f"expected a Split, an array or a list of files, got bytes: {OF_BYTES}")
    if isinstance(source, Image.Image | Sample):
        one = "image" if isinstance(source, Image.Image) else "sample.image"
        raise TypeError(
            f"expected a Split, an array or a list, got one {type(source).__name__}: use [{one}]"
        )
    if hasattr(source, "read"):
        raise TypeError(
            f"expected a Split, an array or a list of files, got an open file: {OF_FILE}"
        )
    if hasattr(source, "train") and hasattr(source, "test"):
        raise TypeError(
            "expected a Split, got a Category: extract category.train and category.test one by one"
        )
    if hasattr(source, "columns"):
        raise TypeError(
            "expected a Split, an array or a list of files, got a table: give its column of paths"
        )
    if isinstance(source, Mapping | Set):
        kind = type(source).__name__
        raise TypeError(
            f"expected a Split, an array or a list of files in order, got a {kind}: give a list"
        )
    if not isinstance(source, Iterable):
        raise TypeError(
            f"expected a Split, an array or a list of files, got a {type(source).__name__}"
        )


def _remedy_for_path(path: str | os.PathLike[Any]) -> str:
    text = os.fspath(path)
    if "://" in str(text):
        return OF_ADDRESS
    if not os.path.isdir(text):
        return f"use [{text!r}]"
    reader = "unlabelled" if images_in(Path(os.fsdecode(text))) else "folder"
    return f"read it with data.{reader}({text!r})"


def _of_split(split: Split, ids: list[str]) -> Images:
    # A subclass may make other pixels
    if type(split) is not Split or type(split.geometry) is not Geometry:
        return Images(len(split), ids, split.image, split.image_size, boxes=split.boxes)
    files = split.paths if split.pixels is None else split.pixels
    return Images(
        len(split), ids, split.image, split.image_size, split.geometry, files, split.boxes
    )


def _of_array(images: np.ndarray, geometry: Geometry | None, channels: Channels) -> Images:
    if images.ndim != 4:
        raise ValueError(
            f"images must be (N, H, W, 3) RGB or (N, 3, H, W), got shape {images.shape} of {images.dtype}: give a "
            "single image as [image], and N grey ones as images[..., None]"
        )
    pixels = batch_array(images, channels, None if geometry is None else geometry.bits)
    if geometry is not None:
        return _of_list(list(pixels), geometry, "rgb")
    if pixels.ndim == 3:
        pixels = np.repeat(pixels[..., None], 3, axis=3)
    height, width = pixels.shape[1:3]
    return Images(
        len(pixels), [str(i) for i in range(len(pixels))], pixels.__getitem__, (height, width)
    )


def _of_list(given: list[Any], geometry: Geometry, channels: Channels) -> Images:
    items = [
        _item(item, f"number {number}", channels, geometry.bits)
        for number, item in enumerate(given)
    ]
    ids = [item if isinstance(item, str) else str(number) for number, item in enumerate(items)]
    paths = [item for item in items if isinstance(item, str)]
    geometry = _with_bits(geometry, [Path(path) for path in paths])
    if len(paths) == len(items):
        kinds = [-1] * len(paths), [None] * len(paths), [""] * len(paths)
        return _of_split(Split(paths, *kinds, geometry=geometry), ids)

    def read(number: int) -> np.ndarray:
        item = items[number]
        if isinstance(item, str):
            return geometry.image(open_image(item, geometry.bits or 16))
        values = np.ascontiguousarray(
            image_array(item, name=f"number {number}", bits=geometry.bits)
        )
        return geometry.image(Image.fromarray(values).convert("RGB"))

    known = geometry if type(geometry) is Geometry else None
    return Images(
        len(items), ids, read, geometry.shape, known, boxes=boxes_of(geometry, map(_size, items))
    )


def _size(item: str | Image.Image | np.ndarray) -> tuple[int, int]:
    """Return (width, height) as the image is shown."""
    if isinstance(item, str):
        return image_size(item)
    if isinstance(item, np.ndarray):
        height, width = item.shape[:2]
        return width, height
    turned = item.getexif().get(ORIENTATION, 1) >= 5
    return (item.height, item.width) if turned else (item.width, item.height)


def _with_bits(geometry: Geometry, paths: list[Path]) -> Geometry:
    """Return a geometry that says how files of more than 8 bits are read, which a list of some cannot tell for all."""
    depth = Depth(paths)
    if geometry.bits is not None or depth.bits is None:
        return geometry
    if depth.bits < 16:
        warn_of_fewer_bits(depth.bits, stacklevel=5)
    return dataclasses.replace(geometry, bits=16)


def _item(
    item: Any, name: str, channels: Channels, bits: int | None
) -> str | Image.Image | np.ndarray:
    """Return a path as text, a PIL image as it is (it may be read from its file when it is needed), or pixels."""
    if isinstance(item, str | os.PathLike):
        path = os.fspath(item)
        if isinstance(path, bytes):
            path = os.fsdecode(path)
        if "://" in path:
            raise ValueError(f"expected a file, got the address {path!r} as {name}: {OF_ADDRESS}")
        return str(path)
    if isinstance(item, bytes | bytearray):
        raise TypeError(
            f"expected image files, PIL images, arrays and tensors, got bytes as {name}: {OF_BYTES}"
        )
    if hasattr(item, "read"):
        raise TypeError(
            f"expected image files, PIL images, arrays and tensors, got an open file as {name}: {OF_FILE}"
        )
    if isinstance(item, Sample):
        raise TypeError(
            f"expected image files, PIL images, arrays and tensors, got a Sample as {name}: {OF_SAMPLE}"
        )
    if isinstance(item, Image.Image):
        return item
    return image_array(item, channels, name, bits)
