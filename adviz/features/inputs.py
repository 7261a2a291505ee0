"""Images that a `Backbone` runs over, from splits, files, arrays, and lists of these."""

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
    check_channels,
    image_array,
    image_size,
    letterbox_boxes,
    open_image,
    warn_of_fewer_bits,
)
from adviz.data import image_files_in as images_in

Source = Split | np.ndarray | Iterable[Any]
# What errors advise
FOR_ADDRESS = "download it first"
FOR_BYTES = "decode a path with os.fsdecode, an image file with PIL.Image.open(io.BytesIO(...))"
FOR_FILE = "give its name, or PIL.Image.open(file)"
FOR_SAMPLE = "choose from its split, split[2:5] or split.subset([2, 4])"


@dataclass(frozen=True, eq=False)
class Images:
    """Images to extract from.

    Attributes
    ----------
    count: N.
    ids: N names.
    read: number -> (H, W, 3) uint8.
    size: (H, W), the same for all.
    geometry: how they were resized and cropped; None = not at all, or by a subclass's own code.
    files: N files or an array, which together with the geometry decide the pixels; None = something
        else decides them.
    boxes: (N, 4) edges of the images in their padding, see `Split.boxes`; None = nothing is padded.
    """

    count: int
    ids: list[str]
    read: Callable[[int], np.ndarray]
    size: tuple[int, int]
    geometry: Geometry | None = None
    files: Sequence[str | Path] | np.ndarray | None = None
    boxes: np.ndarray | None = None

    def padded_by_mirroring(self, index: int) -> np.ndarray:
        """Return an image with its padding replaced by its mirror image, (H, W, 3).

        Mirrored padding leaks least into the features: in the middle halves of built-in images,
        efficientnet_lite0's features of strides 4 to 16 in the rows at the cut differ from those of
        the full image by 0.47 of their length with mirrored padding, 0.57 with repeated edges, 0.66
        without padding, 0.78 with grey and 0.89 with black (means over four categories and three
        layers).
        """
        image = self.read(index)
        if self.boxes is None:
            return image
        top, left, bottom, right = self.boxes[index].tolist()
        height, width, _ = image.shape
        padding = ((top, height - bottom), (left, width - right), (0, 0))
        return np.pad(image[top:bottom, left:right], padding, mode="symmetric")


def images_of(
    source: Source, geometry: Geometry | None = None, channels: Channels = "rgb"
) -> Images:
    """Return the images of a source, see `Backbone.extract`.

    Raises
    ------
    TypeError: one path or image instead of a list, or something else than images.
    ValueError: an array that is no image, or a geometry or `channels` with a split.
    """
    check_channels(channels)
    if isinstance(source, Split):
        if geometry is not None:
            raise ValueError(
                "a split has its own geometry: "
                "give source.with_geometry(geometry) instead of geometry="
            )
        if channels != "rgb":
            raise ValueError(
                "a split knows the order of its colours: "
                "give channels= to Split.from_arrays instead"
            )
        return _of_split(source, source.ids)
    _check_source(source)
    is_tensor = hasattr(source, "detach")  # of torch, which is not imported for that
    if is_tensor or (isinstance(source, np.ndarray) and source.dtype.kind in "biuf"):
        return _of_array(as_numpy(source), geometry, channels)
    return _of_list(list(source), geometry or Geometry(), channels)


def _check_source(source: Any) -> None:
    """Refuse what is no list of images, with what to do for each kind of thing."""
    files = "expected a Split, an array or a list of files"
    if isinstance(source, str | os.PathLike):
        raise TypeError(f"{files}, got one path: {_advice_for_path(source)}")
    if isinstance(source, bytes | bytearray):
        raise TypeError(f"{files}, got bytes: {FOR_BYTES}")
    kind = type(source).__name__
    if isinstance(source, Image.Image | Sample):
        image = "image" if isinstance(source, Image.Image) else "sample.image"
        raise TypeError(f"expected a Split, an array or a list, got one {kind}: use [{image}]")
    if hasattr(source, "read"):
        raise TypeError(f"{files}, got an open file: {FOR_FILE}")
    if hasattr(source, "train") and hasattr(source, "test"):
        raise TypeError(
            "expected a Split, got a Category: extract category.train and category.test one by one"
        )
    if hasattr(source, "columns"):
        raise TypeError(f"{files}, got a table: give its column of paths")
    if isinstance(source, Mapping | Set):
        raise TypeError(f"{files} in order, got a {kind}: give a list")
    if not isinstance(source, Iterable):
        raise TypeError(f"{files}, got a {kind}")


def _advice_for_path(path: str | os.PathLike[Any]) -> str:
    text = os.fspath(path)
    if "://" in str(text):
        return FOR_ADDRESS
    if not os.path.isdir(text):
        return f"use [{text!r}]"
    reader = "unlabelled" if images_in(Path(os.fsdecode(text))) else "folder"
    return f"read it with data.{reader}({text!r})"


def _of_split(split: Split, ids: list[str]) -> Images:
    images = Images(len(split), ids, split.image, split.image_size, boxes=split.boxes)
    if type(split) is not Split or type(split.geometry) is not Geometry:
        return images  # a subclass may make other pixels
    files = split.paths if split.pixels is None else split.pixels
    return dataclasses.replace(images, geometry=split.geometry, files=files)


def _of_array(images: np.ndarray, geometry: Geometry | None, channels: Channels) -> Images:
    if images.ndim != 4:
        raise ValueError(
            f"images must be (N, H, W, 3) RGB or (N, 3, H, W), got shape {images.shape} of "
            f"{images.dtype}: give a single image as [image], and N grey ones as images[..., None]"
        )
    if geometry is not None:
        pixels = batch_array(images, channels, geometry.bits)
        return _of_list(list(pixels), geometry, "rgb")
    pixels = batch_array(images, channels, None)  # (N, H, W, 3) uint8
    if pixels.ndim == 3:  # grey, (N, H, W)
        pixels = np.repeat(pixels[..., None], 3, axis=3)
    count, height, width, _ = pixels.shape
    return Images(count, list(map(str, range(count))), pixels.__getitem__, (height, width))


def _of_list(sources: list[Any], geometry: Geometry, channels: Channels) -> Images:
    items = [
        _item(source, f"number {index}", channels, geometry.bits)
        for index, source in enumerate(sources)
    ]
    ids = [item if isinstance(item, str) else str(index) for index, item in enumerate(items)]
    paths = [item for item in items if isinstance(item, str)]
    geometry = _with_bits(geometry, [Path(path) for path in paths])
    count = len(items)
    # Files alone are a split, whose features the cache can store
    if len(paths) == count:
        split = Split(paths, [-1] * count, [None] * count, [""] * count, geometry=geometry)
        return _of_split(split, ids)

    def read(index: int) -> np.ndarray:
        item = items[index]
        if isinstance(item, str):
            return geometry.image(open_image(item, geometry.bits or 16))
        pixels = image_array(item, name=f"number {index}", bits=geometry.bits)
        return geometry.image(Image.fromarray(np.ascontiguousarray(pixels)).convert("RGB"))

    boxes = letterbox_boxes(geometry, map(_displayed_size, items))
    known_geometry = geometry if type(geometry) is Geometry else None
    return Images(count, ids, read, geometry.shape, known_geometry, boxes=boxes)


def _displayed_size(item: str | Image.Image | np.ndarray) -> tuple[int, int]:
    """Return (width, height) of an image after its EXIF rotation."""
    if isinstance(item, str):
        return image_size(item)
    if isinstance(item, np.ndarray):
        height, width = item.shape[:2]
        return width, height
    width, height = item.size
    # From 5 on the orientations exchange height and width
    turned = item.getexif().get(ORIENTATION, 1) >= 5
    return (height, width) if turned else (width, height)


def _with_bits(geometry: Geometry, paths: list[Path]) -> Geometry:
    """Return a geometry that fixes how files of more than 8 bits are read.

    Some files of a camera do not tell how many bits its others use.
    """
    depth = Depth(paths)
    if geometry.bits is not None or depth.bits is None:
        return geometry
    if depth.bits < 16:
        warn_of_fewer_bits(depth.bits, stacklevel=5)
    return dataclasses.replace(geometry, bits=16)


def _item(
    item: Any, name: str, channels: Channels, bits: int | None
) -> str | Image.Image | np.ndarray:
    """Return a path as text, a PIL image unread, or an array of pixels."""
    images = "expected image files, PIL images, arrays and tensors"
    if isinstance(item, str | os.PathLike):
        path = os.fspath(item)
        if isinstance(path, bytes):
            path = os.fsdecode(path)
        if "://" in path:
            raise ValueError(f"expected a file, got the address {path!r} as {name}: {FOR_ADDRESS}")
        return str(path)
    if isinstance(item, bytes | bytearray):
        raise TypeError(f"{images}, got bytes as {name}: {FOR_BYTES}")
    if hasattr(item, "read"):
        raise TypeError(f"{images}, got an open file as {name}: {FOR_FILE}")
    if isinstance(item, Sample):
        raise TypeError(f"{images}, got a Sample as {name}: {FOR_SAMPLE}")
    if isinstance(item, Image.Image):
        return item
    return image_array(item, channels, name, bits)
