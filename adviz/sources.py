"""Where the images come from that a `Backbone` runs over: splits, files, arrays, and lists of both."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from adviz.data import Geometry, Split
from adviz.data.geometry import boxes_of
from adviz.data.images import Depth, image_size, open_image

Item = str | Path | np.ndarray
Source = Split | np.ndarray | Sequence[Item]


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
    files: what they are made of, with the geometry alone: N files or an array; None = something else.
    boxes: (N, 4) where the images lie in their padding, see `Split.boxes`; None = nothing is padded.
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

        In the middle halves of built-in images, efficientnet_lite0's features of strides 4 to 16 in the rows at the cut
        differ from those of the whole image by 0.47 of their length with mirrored padding, 0.57 with repeated edges,
        0.66 without padding, 0.78 with grey and 0.89 with black (means over four categories and three layers).
        """
        image = self.read(number)
        if self.boxes is None:
            return image
        top, left, bottom, right = self.boxes[number].tolist()
        outside = (top, image.shape[0] - bottom), (left, image.shape[1] - right), (0, 0)
        return np.pad(image[top:bottom, left:right], outside, mode="symmetric")


def images_of(source: Source, geometry: Geometry | None = None) -> Images:
    """Return the images of a source, see `Backbone.extract`.

    Raises
    ------
    TypeError: one path instead of a list, or an item that is neither a path nor an array.
    ValueError: an array that is no image, or a geometry beside a split.
    """
    if isinstance(source, str | Path):
        raise TypeError(f"expected a Split, an array or a list of files, got one path: use [{str(source)!r}]")
    if isinstance(source, Split):
        if geometry is not None:
            raise ValueError("a split has its own geometry: give source.with_geometry(geometry) instead of geometry=")
        return _of_split(source, source.ids)
    if isinstance(source, np.ndarray):
        return _of_array(source, geometry)
    if hasattr(source, "train") and hasattr(source, "test"):
        raise TypeError("expected a Split, got a Category: extract category.train and category.test one by one")
    return _of_list(list(source), geometry or Geometry())


def _of_split(split: Split, ids: list[str]) -> Images:
    if type(split) is not Split or type(split.geometry) is not Geometry:  # a subclass may make other pixels
        return Images(len(split), ids, split.image, split.image_size, boxes=split.boxes)
    files = split.paths if split.pixels is None else split.pixels
    return Images(len(split), ids, split.image, split.image_size, split.geometry, files, split.boxes)


def _of_array(images: np.ndarray, geometry: Geometry | None) -> Images:
    if images.ndim != 4 or images.shape[3] != 3 or images.dtype != np.uint8:
        one = ": give a single image as [image]" if images.dtype == np.uint8 and images.ndim in (2, 3) else ""
        raise ValueError(f"images must be (N, H, W, 3) uint8 RGB, got shape {images.shape} of {images.dtype}{one}")
    if geometry is not None:
        return _of_list(list(images), geometry)
    height, width = images.shape[1:3]
    return Images(len(images), [str(i) for i in range(len(images))], images.__getitem__, (height, width))


def _of_list(items: list[Item], geometry: Geometry) -> Images:
    for number, item in enumerate(items):
        if isinstance(item, np.ndarray):
            _check_image(item, number)
        elif not isinstance(item, str | Path):
            raise TypeError(f"expected image files and arrays, got a {type(item).__name__} as number {number}")
    ids = [str(number) if isinstance(item, np.ndarray) else str(item) for number, item in enumerate(items)]
    paths = [item for item in items if not isinstance(item, np.ndarray)]
    geometry = _with_bits(geometry, [Path(path) for path in paths])
    if len(paths) == len(items):
        kinds = [-1] * len(paths), [None] * len(paths), [""] * len(paths)
        return _of_split(Split(paths, *kinds, geometry=geometry), ids)

    def read(number: int) -> np.ndarray:
        item = items[number]
        image = (
            Image.fromarray(item).convert("RGB")
            if isinstance(item, np.ndarray)
            else open_image(item, geometry.bits or 16)
        )
        return geometry.image(image)

    known = geometry if type(geometry) is Geometry else None
    sizes = ((item.shape[1], item.shape[0]) if isinstance(item, np.ndarray) else image_size(item) for item in items)
    return Images(len(items), ids, read, geometry.shape, known, boxes=boxes_of(geometry, sizes))


def _with_bits(geometry: Geometry, paths: list[Path]) -> Geometry:
    """Return a geometry that says how files of more than 8 bits are read, which a list of some cannot tell for all."""
    depth = Depth(paths)
    if geometry.bits is not None or depth.bits is None:
        return geometry
    if depth.bits < 16:
        warnings.warn(
            f"expected files that use all of their 16 bits, got values that fit into {depth.bits}: they are read as "
            f"dark images; give geometry=Geometry(bits={depth.bits}), the detector's geometry_, or a Split",
            stacklevel=4,
        )
    return dataclasses.replace(geometry, bits=16)


def _check_image(image: np.ndarray, number: int) -> None:
    if image.dtype != np.uint8 or image.ndim not in (2, 3) or image.shape[2:] not in ((), (3,)) or not image.size:
        raise ValueError(
            f"expected (h, w, 3) RGB or (h, w) grey uint8 images, got shape {image.shape} of {image.dtype} as number "
            f"{number}: values in 0..1 become (255 * image).round().astype(np.uint8)"
        )
