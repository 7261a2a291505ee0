"""`Split`: the images of a training or test set with their labels and masks."""

from __future__ import annotations

import copy
import dataclasses
import operator
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, overload

import numpy as np
from PIL import Image

from adviz._support import as_numpy
from adviz.data.geometry import Geometry, letterbox_boxes, photograph
from adviz.data.image_arrays import Channels, batch_array, check_channels
from adviz.data.images import Depth, image_size, open_image
from adviz.data.mask_arrays import ArrayMask
from adviz.data.masks import Labels, open_mask
from adviz.data.paths import expanded, is_nothing
from adviz.data.sample import Sample

GOOD = 0
ANOMALOUS = 1
UNLABELLED = -1
NAMES = {GOOD: "good", ANOMALOUS: "anomalous", UNLABELLED: "unlabelled"}


class Split:
    """The training or the test images of a data set, read from disk when asked for, or in memory.

    Parameters
    ----------
    paths: N image files.
    labels: N integers: 0 good, 1 anomalous, -1 unlabelled.
    masks: N ground-truth files, folders of files whose union is the mask (MVTec LOCO AD), or masks
        of an array file (`ArrayMask`); None, NaN or "" where there is none (a good image needs
        none).
    defects: N folder or defect names.
    geometry: how images and masks are resized and cropped; None = ``Geometry()``. Of files of more
        than 8 bits it says how many they use; where it does not, they are told from the files when
        these are first asked for, in a `Category` from its training images.
    name: the category's name, for tables and titles.
    root: folder that `ids` are relative to; None = `ids` are the paths as given.
    pixels: (N, h, w) grey or (N, h, w, 3) RGB uint8, the images themselves, whose `paths` are then
        names and no files, and which have no masks; see `from_arrays`.

    Raises
    ------
    ValueError: the sequences differ in length, a label is not -1, 0 or 1, or `pixels` are no such
        array.
    TypeError: no sequences, or masks that are no files.

    Examples
    --------
    >>> files = sorted((category.test.root / "test" / "dent").glob("*.png"))
    >>> data.Split(files, [1] * 9, [None] * 9, ["dent"] * 9)
    Split(9 images of 224x224: 9 dent)
    """

    def __init__(
        self,
        paths: Sequence[str | Path],
        labels: Sequence[int] | np.ndarray,
        masks: Sequence[str | Path | ArrayMask | None],
        defects: Sequence[str],
        *,
        geometry: Geometry | None = None,
        name: str = "",
        root: str | Path | None = None,
        pixels: np.ndarray | None = None,
    ) -> None:
        paths = _as_list(paths)
        masks = _as_list(masks)
        defects = _as_list(defects)
        labels = as_numpy(labels)
        lengths = {
            "paths": len(paths),
            "labels": len(labels),
            "masks": len(masks),
            "defects": len(defects),
        }
        if len(set(lengths.values())) > 1:
            raise ValueError(
                f"paths, labels, masks and defects must have one length, got {lengths}"
            )
        _check_labels(labels)
        # the names of images in memory are no paths: "~" stays what it is
        self.paths = [expanded(path) if pixels is None else Path(path) for path in paths]
        self.labels = np.asarray(labels, dtype=np.int8)
        self.masks = [_as_mask(mask) for mask in masks]
        _check_pixels(pixels, self.masks)
        self.defects = [printable(defect) for defect in defects]
        if geometry is not None and not isinstance(geometry, Geometry):
            example = "data.Geometry(256, crop=False)"
            raise TypeError(f"geometry must be a Geometry, such as {example}, got {geometry!r}")
        self._geometry = geometry or Geometry()
        self._depth = Depth(self.paths if pixels is None else ())
        self._labels = Labels(self.masks)
        self.name = printable(name)
        self.root = None if root is None else Path(root)
        self.pixels = pixels

    @classmethod
    def from_arrays(
        cls,
        images: Any,
        labels: Sequence[int] | np.ndarray,
        defects: Sequence[str] | None = None,
        *,
        names: Sequence[str] | None = None,
        geometry: Geometry | None = None,
        name: str = "",
        channels: Channels = "rgb",
    ) -> Split:
        """Make a split of images in memory, which are treated as the same images in files would be.

        Parameters
        ----------
        images: an array or tensor (N, h, w), (N, h, w, c) or (N, c, h, w) with 1, 3 or 4 channels
            (grey, RGB, alpha dropped), or a list of PIL images, arrays and tensors of one size.
            Arrays of uint8 are not copied; booleans become 0 and 255, floats in 0..1 are multiplied
            by 255, other integers must lie in 0..255, and uint16 is scaled as 16-bit files are, by
            the geometry's bits.
        labels: N integers: 0 good, 1 anomalous, -1 unlabelled. There are no masks.
        defects: N names; None = "good", "anomalous" and "unlabelled".
        names: of the N images, for `ids`; None = "0", "1", ...
        geometry, name: as for `Split`.
        channels: order of the colours of arrays and tensors, "rgb" or "bgr" (as OpenCV reads
            images).

        Raises
        ------
        ValueError: the sequences differ in length, a label is not -1, 0 or 1, or `images` are no
            such images.
        TypeError: `images` are no arrays, tensors or PIL images.

        Examples
        --------
        >>> data.Split.from_arrays(np.zeros((3, 80, 60), "uint8"), labels=[0, 0, 1])
        Split(3 images of 224x224: 1 anomalous, 2 good)
        """
        check_channels(channels)
        pixels = batch_array(images, channels, None if geometry is None else geometry.bits)
        labels = as_numpy(labels)
        _check_labels(labels)
        if names is None:
            names = [str(index) for index in range(len(pixels))]
        if defects is None:
            defects = [NAMES[int(label)] for label in labels]
        return cls(
            [str(name) for name in names],
            labels,
            [None] * len(pixels),
            [str(defect) for defect in defects],
            geometry=geometry,
            name=name,
            pixels=pixels,
        )

    @property
    def geometry(self) -> Geometry:
        """How images and masks are resized and cropped, and how many bits deep files use."""
        if self._geometry.bits is not None or self._depth.bits is None:
            return self._geometry
        return dataclasses.replace(self._geometry, bits=self._depth.bits)

    def __len__(self) -> int:
        """Return N."""
        return len(self.paths)

    @overload
    def __getitem__(self, index: int) -> Sample: ...

    @overload
    def __getitem__(self, index: slice | Sequence[int] | np.ndarray) -> Split: ...

    def __getitem__(self, index: int | slice | Sequence[int] | np.ndarray) -> Sample | Split:
        """Return the `Sample` of an index, or the `subset` of a slice or of several indices."""
        # several images
        if isinstance(index, slice):
            return self.subset(range(len(self))[index])
        if np.ndim(index) > 0:
            return self.subset(as_numpy(index))
        # one image
        i = int(as_indices([operator.index(index)], len(self))[0])  # type: ignore[arg-type]
        label = int(self.labels[i])
        return Sample(
            self.image(i),
            self.mask(i),
            None if label == UNLABELLED else label,
            self.defects[i],
            self.paths[i],
        )

    def __iter__(self) -> Iterator[Sample]:
        return (self[index] for index in range(len(self)))

    def image(self, index: int) -> np.ndarray:
        """Return image `index`, (H, W, 3) uint8.

        Examples
        --------
        >>> category.test.image(0).shape
        (224, 224, 3)
        """
        return self._geometry.image(self._original(index))

    def photograph(self, index: int, longest: int = 2048) -> np.ndarray | None:
        """Return the same region as ``image(index)`` with the pixels of the file.

        Padding is grey, and enlarged as the image is.

        Parameters
        ----------
        longest: pixels of the longer side at most.

        Returns
        -------
        (h, w, 3) uint8, in the file's own ratio of the sides; None where the file has no more
        pixels there than the image has.

        Raises
        ------
        ValueError: `longest` is below 1.

        Examples
        --------
        >>> small = category.test.with_geometry(data.Geometry(64))
        >>> small.image(0).shape, small.photograph(0).shape
        ((64, 64, 3), (224, 224, 3))
        """
        if longest < 1:
            raise ValueError(f"longest must be 1 pixel or more, got {longest}")
        return photograph(self._geometry, self._original(index), longest)

    def _original(self, index: int) -> Image.Image:
        """Return an image as 8-bit RGB before it is resized."""
        if self.pixels is None:
            return open_image(self.paths[index], self.geometry.bits or 16)
        pixels = np.ascontiguousarray(self.pixels[index])
        return Image.fromarray(pixels).convert("RGB")

    def mask(self, index: int) -> np.ndarray | None:
        """Return the mask of image `index`, (H, W) bool, or None where no ground truth exists.

        Examples
        --------
        >>> category.test.mask(0).dtype
        dtype('bool')
        """
        if self.labels[index] == GOOD:
            return np.zeros(self.image_size, dtype=bool)
        path = self.masks[index]
        if path is None:
            return None
        mask = open_mask(path, self._labels)
        # a mask of another size would be resized onto the wrong pixels
        size = image_size(self.paths[index])
        if mask.size != size:
            expected = f"expected a mask of the image's size {size[0]}x{size[1]}"
            raise ValueError(
                f"{expected}, got {mask.size[0]}x{mask.size[1]} in {path} for "
                f"{self.paths[index]}: replace the mask"
            )
        return self._geometry.mask(mask)

    @property
    def image_size(self) -> tuple[int, int]:
        """(H, W) of images, masks and maps after resize and crop, pixels."""
        return self._geometry.shape

    @property
    def boxes(self) -> np.ndarray | None:
        """Top, left, bottom and right edge of every image in its padding, (N, 4) int64.

        None where nothing is padded. The sizes of the images are read from the files' headers.
        """
        return letterbox_boxes(
            self._geometry, (self._own_size(index) for index in range(len(self)))
        )

    def _own_size(self, index: int) -> tuple[int, int]:
        """Return (width, height) of an image before it is resized."""
        if self.pixels is None:
            return image_size(self.paths[index])
        height, width = self.pixels[index].shape[:2]
        return width, height

    @property
    def ids(self) -> list[str]:
        """N names that say which file an index is: paths relative to `root`, with "/"."""
        names = []
        for path in self.paths:
            if self.root and path.is_relative_to(self.root):
                path = path.relative_to(self.root)
            names.append(printable(path.as_posix()))
        return names

    @property
    def has_masks(self) -> bool:
        """Whether any anomalous image has a ground-truth mask."""
        return any(self.masks[index] is not None for index in self._anomalous)

    @property
    def _anomalous(self) -> list[int]:
        """The indices of the anomalous images."""
        return np.flatnonzero(self.labels == ANOMALOUS).tolist()

    @property
    def known_pixels(self) -> np.ndarray:
        """Whether it is known which pixels of an image are defects, (N,) bool.

        It is of good images, and of anomalous ones with a mask.

        Examples
        --------
        >>> category.test.known_pixels.all()
        np.True_
        """
        has_mask = np.array([mask is not None for mask in self.masks], dtype=bool)
        return np.asarray((self.labels == GOOD) | ((self.labels == ANOMALOUS) & has_mask))

    def masks_array(self) -> np.ndarray:
        """Return all masks as (N, H, W) bool; a good or unlabelled image's is all False.

        Raises
        ------
        ValueError: an anomalous image has no mask; the file is named.
            ``split.subset(split.known_pixels)`` has none such.

        Examples
        --------
        >>> category.test.subset([0, 20]).masks_array().any(axis=(1, 2))
        array([ True, False])
        """
        unmasked = [self.paths[index] for index in self._anomalous if self.masks[index] is None]
        if unmasked:
            raise ValueError(
                f"expected a mask for every anomalous image, got none for {len(unmasked)} of them, "
                f"first {unmasked[0]}: add it under ground_truth/, or take "
                "split.subset(split.known_pixels), as evaluate does"
            )
        masks = np.zeros((len(self), *self.image_size), dtype=bool)
        for index in self._anomalous:
            masks[index] = self.mask(index)
        return masks

    def subset(self, indices: Sequence[int] | np.ndarray) -> Split:
        """Return the images at `indices`: integers in any order, or N booleans.

        Examples
        --------
        >>> category.test.subset(category.test.labels == 0)
        Split(20 images of 224x224: 20 good)
        """
        chosen = as_indices(indices, len(self)).tolist()
        split = Split(
            [self.paths[i] for i in chosen],
            self.labels[chosen],
            [self.masks[i] for i in chosen],
            [self.defects[i] for i in chosen],
            geometry=self._geometry,
            name=self.name,
            root=self.root,
            pixels=None if self.pixels is None else self.pixels[chosen],
        )
        return split._read_as(self)

    def with_geometry(self, geometry: Geometry) -> Split:
        """Return the same images, resized and cropped in another way.

        Examples
        --------
        >>> category.test.with_geometry(data.Geometry(128)).image(0).shape
        (128, 128, 3)
        """
        split = Split(
            self.paths,
            self.labels,
            self.masks,
            self.defects,
            geometry=geometry,
            name=self.name,
            root=self.root,
            pixels=self.pixels,
        )
        return split._read_as(self)

    def _read_as(self, other: Split) -> Split:
        """Use another split's bits and meaning of mask values, which its files tell together."""
        self._depth = other._depth
        self._labels = other._labels
        return self

    def _with_depth_of(self, train: Split) -> Split:
        """Return the same images, deep files read by as many bits as the training images need."""
        split = copy.copy(self)
        split._depth = train._depth
        return split

    def __repr__(self) -> str:
        counts = ", ".join(f"{n} {defect}" for defect, n in sorted(Counter(self.defects).items()))
        height, width = self.image_size
        padded = ", letterboxed" if self._geometry.aspect == "letterbox" else ""
        return f"Split({len(self)} images of {height}x{width}{padded}: {counts})"


def _as_mask(mask: str | Path | ArrayMask | None) -> Path | ArrayMask | None:
    """Return a mask as it is kept; None, NaN and empty texts become None."""
    if is_nothing(mask):
        return None
    if isinstance(mask, ArrayMask):
        return mask
    if not isinstance(mask, str | bytes | os.PathLike):
        raise TypeError(
            "expected masks as files, or None where there is none, got a "
            f"{type(mask).__name__}: save them as PNG, 255 where the defect is"
        )
    return expanded(mask)


def _as_list(values: Any) -> list[Any]:
    """Return N values of any container as a list; one text alone would be read letter by letter."""
    if isinstance(values, str | bytes | Path):
        raise TypeError(f"expected a list of N, got {values!r}: use [{values!r}]")
    if not isinstance(values, Iterable):
        raise TypeError(f"expected a list of N, got {values!r}: use [{values!r}] * N")
    return list(values)


def _check_labels(labels: np.ndarray) -> None:
    values = set(labels.ravel().tolist())
    if labels.ndim != 1:
        raise ValueError(f"labels must have shape (N,), one per image, got shape {labels.shape}")
    if not values <= {GOOD, ANOMALOUS, UNLABELLED}:
        examples = sorted(values, key=str)[:5]
        raise ValueError(
            f"labels must be 0 (good), 1 (anomalous) or -1 (unlabelled), got {examples}"
        )


def _check_pixels(pixels: np.ndarray | None, masks: Sequence[object]) -> None:
    if pixels is None:
        return
    shape = np.shape(pixels)
    dtype = getattr(pixels, "dtype", None)
    is_grey_or_rgb = len(shape) in (3, 4) and shape[3:] in ((), (3,))
    if dtype != np.uint8 or not is_grey_or_rgb or 0 in shape[1:3]:
        raise ValueError(
            f"images must be (N, h, w) or (N, h, w, 3) uint8, got shape {shape} of {dtype}"
        )
    if shape[0] != len(masks):
        raise ValueError(
            f"expected an image in memory for each of {len(masks)} names and labels, got {shape[0]}"
        )
    if any(mask is not None for mask in masks):
        raise ValueError(
            "expected no masks beside images in memory: write both to files, or leave out the masks"
        )


def printable(name: str) -> str:
    r"""Return a name that can be printed and stored: a byte that is no UTF-8 becomes ``\udce9``."""
    return name.encode(errors="backslashreplace").decode()


def as_indices(chosen: Sequence[int] | np.ndarray, length: int) -> np.ndarray:
    """Return (n,) int64 positions from integers, or from `length` booleans.

    Negative integers count from the end.

    Raises
    ------
    TypeError: neither integers nor booleans.
    ValueError: booleans of another number.
    IndexError: an integer outside.
    """
    values = np.atleast_1d(as_numpy(chosen))
    if values.dtype == bool:
        if values.shape != (length,):
            raise ValueError(
                f"expected one boolean for each of the {length} images, got shape {values.shape}"
            )
        return np.flatnonzero(values)
    if values.size and not np.issubdtype(values.dtype, np.integer):
        raise TypeError(
            f"expected integers or booleans to choose images by, got dtype {values.dtype}"
        )
    indices = values.astype(int)
    outside = indices[(indices < -length) | (indices >= length)]
    if outside.size:
        raise IndexError(
            f"expected numbers of images below {length}, as there are {length}, got {outside[0]}"
        )
    return np.asarray(np.arange(length)[indices])
