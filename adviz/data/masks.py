"""Ground-truth masks: how a file, or a folder of files, becomes the pixels that are defects."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from adviz.data.image_decoding import DecodedImage, as_rgba, load
from adviz.data.images import image_files_in, largest_value
from adviz.data.mask_arrays import ArrayMask

LEVELS = 64  # masks of more grey levels are soft, not labels
INNER = 0.1  # fraction of a label's pixels that lie inside it; of a soft edge's next to none


def open_mask(path: str | Path | ArrayMask, labels: Labels | None = None) -> Image.Image:
    """Read a ground-truth mask as an "L" image of 0 (normal) and 255 (defect).

    It is a file, the union of a folder of files, or one mask of many in an array file. A pixel's
    value is the largest of its colour channels, after palettes are looked up, on black where it is
    transparent; 16-bit values are divided by 257 when the file has any above 255. A pixel is a
    defect from value 128 on (so JPEG or anti-aliased masks work); in files whose largest value is
    below 128 (label numbers 0, 1, 2, ...) every value above 0 is one, and so it is in masks of
    several labels on both sides of 128: see `Labels`. A folder, as MVTec LOCO AD has one for every
    image, marks what any of its files does. The orientation tag is obeyed, as it is in images. In
    an `ArrayMask` every value above 0 is a defect.

    Parameters
    ----------
    path: the file, folder, or mask of an array file.
    labels: what the masks of the data set are; None = as this one by itself looks.

    Raises
    ------
    FileNotFoundError: there is nothing at `path`, or a folder without images.
    ValueError: a file cannot be read, see `open_image`, or the files of a folder differ in size.
    """
    if isinstance(path, ArrayMask):
        return path.open()
    files = mask_files(path)
    if not files:
        raise FileNotFoundError(
            f"expected masks in the folder {path}, found none: add them, or remove it"
        )
    union = _marked_pixels(files[0], labels)
    for file in files[1:]:
        marked = _marked_pixels(file, labels)
        if marked.shape != union.shape:
            first_size = f"{union.shape[1]}x{union.shape[0]}"
            size = f"{marked.shape[1]}x{marked.shape[0]}"
            raise ValueError(
                f"expected masks of one size in the folder {path}, got {first_size} and {size}: "
                f"replace {file.name}"
            )
        union |= marked
    return Image.fromarray(union.astype(np.uint8) * np.uint8(255))


def mask_files(path: str | Path) -> list[Path]:
    """Return the files that make a mask: `path` itself, or the images of that folder, sorted."""
    path = Path(path)
    return image_files_in(path) if path.is_dir() else [path]


def _marked_pixels(path: Path, labels: Labels | None) -> np.ndarray:
    """Return the pixels that a mask file marks as defects, (H, W) bool."""
    mask = mask_values(path)
    low = mask.low(mask.marked)
    if low is None:
        return mask.marked
    are_defects = are_labels([low]) if labels is None else labels.meant
    return mask.above if are_defects else mask.marked


@dataclass(eq=False)
class Labels:
    """Tells masks of several labels, of which each is a defect, from masks with soft edges.

    A mask with values on both sides of 128 can be either: labels such as 50, 100, 150 and 200, or a
    defect of 255 whose edge is anti-aliased. Labels are few and fill areas, also in other masks of
    the same set; a soft edge is a line.

    Attributes
    ----------
    files: the masks, as `open_mask` takes them.
    """

    files: Sequence[str | Path | ArrayMask | None] = ()

    @functools.cached_property
    def meant(self) -> bool:
        """Whether every value but the background's is a defect; all files are opened to tell."""
        paths: list[Path] = []
        for mask in self.files:
            if isinstance(mask, str | Path):
                paths += mask_files(mask)
        with ThreadPoolExecutor() as pool:
            ambiguous = [low for low in pool.map(_low_of, paths) if low is not None]
        return are_labels(ambiguous)


@dataclass(frozen=True)
class Low:
    """The pixels of a mask that are above the background and below 128, beside others from 128 on.

    Attributes
    ----------
    levels: the mask's values above 0.
    count: how many pixels these are.
    inner: how many of them have neighbours of their own value alone.
    alone: how many have no neighbour of a higher value, as a pixel of a soft edge has.
    numbered: whether the file holds numbers with a palette.
    """

    levels: frozenset[int]
    count: int
    inner: int
    alone: int
    numbered: bool


def are_labels(masks: Sequence[Low]) -> bool:
    """Return whether the ambiguous masks of a data set hold labels."""
    levels = frozenset[int]().union(*(mask.levels for mask in masks))
    if not masks or len(levels) > LEVELS:
        return False
    # labels fill areas, whose inner pixels have neighbours of their own value alone
    inner = sum(mask.inner for mask in masks)
    count = sum(mask.count for mask in masks)
    return inner >= INNER * count or all(mask.numbered for mask in masks)


def _low_of(path: Path) -> Low | None:
    """Return the ambiguous pixels of a mask file.

    None where there are none, or the file cannot be read (which is said when it is needed).
    """
    try:
        mask = mask_values(path)
    except (FileNotFoundError, ValueError):
        return None
    return mask.low(mask.marked)


@dataclass(frozen=True, eq=False)
class MaskValues:
    """The values of a mask file.

    Attributes
    ----------
    values: (H, W) from 0 to 255.
    above: (H, W) bool, what is not background, however little above it.
    numbered: whether they are numbers with a palette: of a few colours that are no greys, or of
        none.
    lossy: whether they were compressed so that they changed.
    """

    values: np.ndarray
    above: np.ndarray
    numbered: bool = False
    lossy: bool = False

    @functools.cached_property
    def marked(self) -> np.ndarray:
        """What the values of this file by themselves mark, (H, W) bool."""
        # label numbers such as 1 and 2 are all dark
        threshold = 128 if self.values.max() >= 128 else 1
        return np.asarray(self.values >= threshold)

    def low(self, marked: np.ndarray) -> Low | None:
        """Return the pixels above the background that are not marked; None where none is ambiguous.

        The counts are those of this loop over the values of a mask, edges repeated::

            for row, column in np.argwhere(above & ~marked):
                value = values[row, column]
                around = values[row - 1 : row + 2, column - 1 : column + 2]
                if around.max() <= value:
                    alone += 1
                    inner += around.min() >= value
        """
        n_above = np.count_nonzero(self.above)
        has_no_background = n_above == self.above.size
        if self.lossy or has_no_background or n_above == np.count_nonzero(marked):
            return None
        below = self.above & ~marked
        # every pixel with its eight neighbours; beyond the edge the nearest pixel repeats
        padded = np.pad(self.values, 1, mode="edge")
        around = np.lib.stride_tricks.sliding_window_view(padded, (3, 3))  # (H, W, 3, 3)
        alone = below & (around.max((2, 3)) <= self.values)
        inner = alone & (around.min((2, 3)) >= self.values)
        levels = np.unique(self.values[self.above]).round().astype(int)
        return Low(
            frozenset(levels.tolist()),
            count=int(np.count_nonzero(below)),
            inner=int(np.count_nonzero(inner)),
            alone=int(np.count_nonzero(alone)),
            numbered=self.numbered,
        )


def mask_values(path: Path) -> MaskValues:
    """Return the values of a mask file; errors as for `open_image`."""
    stored = load(path)
    image = stored.image
    lossy = stored.format in ("JPEG", "MPO")
    if stored.deep is not None:
        return _of_deep(stored, path)
    if image.mode == "F":
        values = np.asarray(image)
        above = values > 0
        if values.max() <= 1:
            values = values * 255
        return MaskValues(values, above)
    if image.mode in ("1", "L") and "transparency" not in image.info:
        values = np.asarray(image.convert("L"))
        return MaskValues(values, values > 0, lossy=lossy)
    # on black where it is transparent
    colours = np.asarray(as_rgba(image), dtype=np.float32)  # (H, W, 4)
    values = colours[..., :3].max(2) * colours[..., 3] / 255
    if image.mode == "P":
        return _of_palette(image, colours, values)
    return MaskValues(values, values > 0, lossy=lossy)


def _of_deep(stored: DecodedImage, path: Path) -> MaskValues:
    """Return the values of a mask of more than 8 bits."""
    assert stored.deep is not None  # noqa: S101 - for the type checker
    values = stored.deep if stored.deep.ndim == 2 else stored.deep.max(2)
    largest = largest_value(values, path)
    if stored.inverted:
        values = 65535 - values
        largest = int(values.max())
    if stored.image.mode == "RGBA":
        values = values * (np.asarray(stored.image)[..., 3] / 255)
    above = values > 0
    if largest > 255:
        values = np.round(values / 257)
    return MaskValues(values, above)


def _of_palette(image: Image.Image, colours: np.ndarray, values: np.ndarray) -> MaskValues:
    """Return the values of a mask with a palette, where labels are numbers.

    The colour of a label may be missing, or as dark as the background's.

    Parameters
    ----------
    colours: (H, W, 4) red, green, blue and alpha that the palette gives.
    values: (H, W) the largest of the three colours.
    """
    indices = np.asarray(image)
    used, first = np.unique(indices, return_index=True)
    used_colours = colours.reshape(-1, 4)[first]  # (n_used, 4)
    opaque = colours[..., 3] > 0
    palette_says_nothing = len(used) > 1 and len(np.unique(used_colours, axis=0)) == 1
    if palette_says_nothing:
        values = np.where(opaque, indices, 0)
        return MaskValues(values, values > 0, numbered=True)
    is_grey = not np.ptp(used_colours[:, :3], axis=1).any()
    if is_grey or len(used) > LEVELS:
        return MaskValues(values, values > 0)
    # where the first colour is black it is the background, and others may be as dark
    begins_black = not any((image.getpalette() or [255])[:3])
    above = (indices > 0) & opaque if begins_black else values > 0
    return MaskValues(values, above, numbered=True)
