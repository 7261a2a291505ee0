"""Resize and crop of images and masks to the square or rectangle that a backbone sees."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from PIL import Image

from adviz._support import got, require_attributes

FILTERS = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
    "area": Image.Resampling.BOX,
}
LARGEST = 100_000_000  # pixels before the crop; a line of 20,000 pixels would need 4 GB
ASPECTS = ("square", "shorter", "letterbox")
# What people see; a network is fed the mirrored image there, see `adviz.features`
PADDING = (128, 128, 128)
MASK_RULES = (">0.5", ">0", "==1", "nearest")
ODD = 0.1  # of the photographs on either end of all shapes do not decide the rectangle
SQUARE = 1.1  # a ratio of the sides up to which photographs are taken for squares
ALIKE = 1.02  # the widest ratio, divided by the tallest, up to which photographs have one shape
# Of a rectangle, divided by that of a square of 224 pixels
SMALLEST_AREA = 0.75
LARGEST_AREA = 1.35
Size = int | tuple[int, int]  # the side of a square, or (height, width)


@dataclass(frozen=True)
class Geometry:
    """Resize, then crop the centre; the defaults are those of SPADE, PaDiM and PatchCore.

    That is their protocol on MVTec AD. Reverse distillation's is ``Geometry(size=256,
    crop=False)``. Sizes are (height, width), as everywhere in adviz; only the methods that take the
    size of an image file have it as Pillow does, (width, height).

    Attributes
    ----------
    size: side of the square result, or (height, width), pixels; a pair of equal sides becomes the
        one number.
    resize: side, or (height, width), to resize to before the crop, pixels; None = ``round(side *
        256 / 224)`` of each side of `size` (256 for 224, 320 for 280, 366 for 320), or `size`
        without a crop.
    crop: cut the centre of `size` out of the resized image; without it the whole image is resized
        to `size`.
    interpolation: "bilinear" (PatchCore, RD), "lanczos" (the public SPADE and PaDiM ports),
        "bicubic", "nearest" or "area"; all but "nearest" are anti-aliased (Pillow).
    aspect: "square" resizes to exactly `resize`, whatever the shape of the image (the papers'
        words, for a square; a rectangle is stretched to as well). "shorter" keeps the ratio and
        covers `resize`, so that for a square the shorter side becomes it (the public codes).
        "letterbox" keeps the ratio, fits the whole image into `resize` and pads it; the padding
        counts neither in scores nor in metrics. The same for images of the shape of `resize`.
    mask_rule: when a resized mask pixel counts as defect: ">0.5" of it is covered (RD; the
        default), ">0", "==1" (what official PatchCore's integer cast amounts to: it erodes thin
        defects), or "nearest" (no interpolation).
    bits: that the values of files of more than 8 bits use, 8 to 16 (a camera of 12 bits writes
        16-bit files); None = a data set's are told from its training images, and are 16 elsewhere.
        Nothing to 8-bit images.

    Raises
    ------
    TypeError: a size that is neither an integer nor a pair of them.
    ValueError: a size below 1, a `resize` that does not hold `size`, or an unknown name.

    Examples
    --------
    >>> data.Geometry(320).resized, data.Geometry(256, crop=False).resized
    (366, 256)
    >>> data.Geometry((256, 512), crop=False).shape
    (256, 512)
    """

    size: Size = 224
    resize: Size | None = None
    crop: bool = True
    interpolation: str = "bilinear"
    aspect: Literal["square", "shorter", "letterbox"] = "square"
    mask_rule: str = ">0.5"
    bits: int | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "size", checked_size("size", self.size))
        if self.resize is not None:
            object.__setattr__(self, "resize", checked_size("resize", self.resize))
        if self.bits is not None and not (isinstance(self.bits, int) and 8 <= self.bits <= 16):
            raise ValueError(f"bits must be 8 to 16, or None, got {self.bits!r}")
        choices = {"interpolation": FILTERS, "aspect": ASPECTS, "mask_rule": MASK_RULES}
        for name, allowed in choices.items():
            value = getattr(self, name)
            if value not in allowed:
                expected = f"{name} must be one of {', '.join(allowed)}"
                raise ValueError(f"{expected}, {got(value, allowed)}")
        self._check_resize()

    def _check_resize(self) -> None:
        """Refuse a `resize` that does not hold the result."""
        height, width = height_and_width(self.resized)
        rows, columns = self.shape
        if self.crop and (height < rows or width < columns):
            raise ValueError(f"resize must be at least size={self.size}, got resize={self.resize}")
        if self.crop:
            return
        if self.resized != self.size:
            raise ValueError(
                f"resize must be without a crop exactly size={self.size}, got resize={self.resize}"
            )
        if self.aspect == "shorter":
            raise ValueError(
                'aspect="shorter" needs crop=True, or images of other shapes would not become one '
                'size: use "square" (stretched) or "letterbox" (padded) to keep the whole image'
            )

    @property
    def shape(self) -> tuple[int, int]:
        """(H, W) of the result, pixels."""
        return height_and_width(self.size)

    @property
    def resized(self) -> Size:
        """Side, or (height, width), before the crop, pixels."""
        if self.resize is not None:
            return self.resize
        if not self.crop:
            return self.size
        if isinstance(self.size, int):
            return round(self.size * 256 / 224)
        height, width = self.size
        return round(height * 256 / 224), round(width * 256 / 224)

    @property
    def pixels(self) -> tuple[Size, Size, str, str, int]:
        """All that decides an image's pixels; equal where only masks are treated differently."""
        return self.size, self.resized, self.interpolation, self.aspect, self.bits or 16

    def image(self, image: Image.Image) -> np.ndarray:
        """Return the (H, W, 3) uint8 array that a backbone sees.

        Padding is grey here; a network is fed the mirrored image there.

        Parameters
        ----------
        image: an RGB one of Pillow, turned as its EXIF orientation says; a split's `image` reads
            files so.

        Raises
        ------
        TypeError: a path, an array, or anything else.

        Examples
        --------
        >>> from PIL import Image
        >>> data.Geometry(64).image(Image.new("RGB", (100, 80))).shape
        (64, 64, 3)
        """
        require_attributes(
            image,
            "resize crop mode",
            'a PIL image, such as ImageOps.exif_transpose(Image.open(path)).convert("RGB")',
        )
        return np.asarray(self._fit(image, FILTERS[self.interpolation]))

    def mask(self, mask: Image.Image) -> np.ndarray:
        """Return the (H, W) bool array for an "L" mask of 0 and 255: True = defect, not padding.

        Examples
        --------
        >>> from PIL import Image
        >>> data.Geometry(64).mask(Image.new("L", (100, 80), 255)).mean()
        np.float64(1.0)
        """
        if self.mask_rule == "nearest":
            values = np.asarray(self._fit(mask, Image.Resampling.NEAREST))
        else:
            values = np.asarray(self._fit(mask, Image.Resampling.BILINEAR))
        if self.mask_rule == "==1":
            return np.asarray(values == 255)
        threshold = 0 if self.mask_rule == ">0" else 127
        return np.asarray(values > threshold)

    def scale(self, size: tuple[int, int]) -> tuple[float, float]:
        """Return the factors by which an image is enlarged, across and down.

        The image is of `size` (width, height).

        Examples
        --------
        >>> data.Geometry(224).scale((512, 1024))
        (0.5, 0.25)
        """
        width, height = self._resized(size)
        return width / size[0], height / size[1]

    def window(self, size: tuple[int, int]) -> tuple[slice, slice]:
        """Return the rows and columns of an image of `size` (width, height) that the crop keeps.

        They are rounded to whole pixels.

        Examples
        --------
        >>> data.Geometry(224).window((256, 512))
        (slice(32, 480, None), slice(16, 240, None))
        """
        # the crop, in pixels of the image before it was resized
        across, down = self.scale(size)
        left, top = self._corner(size)
        height, width = self.shape
        first_row = max(0, round(top / down))
        first_column = max(0, round(left / across))
        last_row = min(size[1], round((top + height) / down))
        last_column = min(size[0], round((left + width) / across))
        return slice(first_row, last_row), slice(first_column, last_column)

    def box(self, size: tuple[int, int]) -> tuple[int, int, int, int]:
        """Return the top, left, bottom and right edge of an image in the result.

        The image is of `size` (width, height). The pixels from top to below bottom and from left
        to before right are the image's, all others padding; only ``aspect="letterbox"`` pads.

        Examples
        --------
        >>> data.Geometry(224, crop=False, aspect="letterbox").box((1000, 500))
        (56, 0, 168, 224)
        """
        width, height = self._resized(size)
        left, top = self._corner(size)
        rows, columns = self.shape
        return max(0, -top), max(0, -left), min(rows, height - top), min(columns, width - left)

    def valid(self, size: tuple[int, int]) -> np.ndarray:
        """Return (H, W) bool, False where an image of `size` (width, height) is padded.

        Examples
        --------
        >>> data.Geometry(4, crop=False, aspect="letterbox").valid((80, 40)).astype(int)
        array([[0, 0, 0, 0],
               [1, 1, 1, 1],
               [1, 1, 1, 1],
               [0, 0, 0, 0]])
        """
        top, left, bottom, right = self.box(size)
        # (H, W)
        inside = np.zeros(self.shape, dtype=bool)
        inside[top:bottom, left:right] = True
        return inside

    def _fit(self, image: Image.Image, rule: Image.Resampling) -> Image.Image:
        """Return an image or mask resized, then cropped or padded."""
        left, top = self._corner(image.size)
        height, width = self.shape
        resized = image.resize(self._resized(image.size), rule)
        if left >= 0 and top >= 0:
            return resized.crop((left, top, left + width, top + height))
        background = PADDING if image.mode == "RGB" else 0
        padded = Image.new(image.mode, (width, height), background)
        padded.paste(resized, (-left, -top))
        return padded

    def _resized(self, size: tuple[int, int]) -> tuple[int, int]:
        """Return (width, height) of an image of `size` before the crop, without padding."""
        width, height = size
        rows, columns = height_and_width(self.resized)
        if self.aspect == "square":
            return columns, rows
        target_is_taller = rows * width >= columns * height
        # the whole image fits into the target
        if self.aspect == "letterbox":
            if target_is_taller:
                return columns, max(1, round(height * columns / width))
            return max(1, round(width * rows / height)), rows
        # the image covers the target
        if target_is_taller:
            new_size = int(width * rows / height), rows  # torchvision truncates
        else:
            new_size = columns, int(height * columns / width)
        if math.prod(new_size) > LARGEST:
            raise ValueError(
                f"expected an image that can be resized to {self.resized} pixels on its shorter "
                f"side, got one of {width}x{height}, which would become "
                f'{new_size[0]}x{new_size[1]}: use aspect="square", or cut it into pieces'
            )
        return new_size

    def _corner(self, size: tuple[int, int]) -> tuple[int, int]:
        """Return the left and top edge of the crop in the resized image, negative for padding."""
        width, height = self._resized(size)
        rows, columns = self.shape
        return round((width - columns) / 2), round((height - rows) / 2)


def fitting(sizes: Iterable[tuple[int, int]]) -> Geometry:
    """Return a geometry that keeps the shape and the edges of photographs.

    Where all are square, to a tenth, that is ``Geometry()``. Where all have one shape, it is the
    rectangle that is nearest to that shape among those whose sides are multiples of 32 pixels and
    whose area is about that of a square of 224; where their shapes differ, they are letterboxed to
    the rectangle in the middle between the widest and the tallest, without the tenth that is widest
    and the tenth that is tallest: a single panorama shrinks no other image.

    Parameters
    ----------
    sizes: (width, height) of the images, pixels; none = ``Geometry()``.

    Examples
    --------
    >>> from adviz.data.geometry import fitting
    >>> fitting([(3000, 4000)] * 20).shape, fitting([(640, 640), (600, 630)]).shape
    ((256, 192), (224, 224))
    >>> both = fitting([(3000, 4000), (4000, 3000)])
    >>> both.shape, both.aspect, both.crop
    ((224, 224), 'letterbox', False)
    """
    ratios = sorted(height / width for width, height in sizes)
    if not ratios or (ratios[-1] <= SQUARE and 1 / ratios[0] <= SQUARE):
        return Geometry()
    # a single panorama does not decide the rectangle of all
    n_odd = round(ODD * (len(ratios) - 1))
    usual = ratios[n_odd : len(ratios) - n_odd]
    # the geometric mean: twice as wide and twice as tall are equally far from a square
    shape = _shape_near(math.sqrt(usual[0] * usual[-1]))
    if ratios[-1] / ratios[0] <= ALIKE:
        return Geometry(shape, crop=False)
    return Geometry(shape, crop=False, aspect="letterbox")


def _shape_near(ratio: float) -> tuple[int, int]:
    """Return the (height, width) whose ratio is nearest to that given, of about 224 x 224 pixels.

    Both are multiples of 32; of equally near ones that of the nearest area counts.
    """
    area = 224**2
    sides = range(32, 2048, 32)

    def distance(shape: tuple[int, int]) -> tuple[float, float]:
        height, width = shape
        of_ratio = abs(math.log(height / width / ratio))
        of_area = abs(math.log(height * width / area))
        return round(of_ratio, 3), of_area

    shapes = itertools.product(sides, sides)
    allowed = [s for s in shapes if SMALLEST_AREA * area <= math.prod(s) <= LARGEST_AREA * area]
    return min(allowed, key=distance)


def photograph(geometry: Geometry, image: Image.Image, longest: int) -> np.ndarray | None:
    """Return what a geometry keeps of an RGB image, with the image's own pixels.

    Padding is grey, and enlarged as the image is.

    Parameters
    ----------
    longest: pixels of the longer side at most.

    Returns
    -------
    (h, w, 3) uint8; None where that is no more than ``geometry.image`` has in both directions.
    """
    rows, columns = geometry.shape
    across, down = geometry.scale(image.size)
    width = columns / across
    height = rows / down
    shrink = min(1.0, longest / max(width, height))
    width = max(1, round(width * shrink))
    height = max(1, round(height * shrink))
    if width <= columns and height <= rows:
        return None

    # the image without its padding: where it lies in the result, and in the file
    top, left, bottom, right = geometry.box(image.size)
    corner_left, corner_top = geometry._corner(image.size)
    region = (
        max(0.0, (left + corner_left) / across),
        max(0.0, (top + corner_top) / down),
        min(float(image.width), (right + corner_left) / across),
        min(float(image.height), (bottom + corner_top) / down),
    )
    left, right = (round(edge * width / columns) for edge in (left, right))
    top, bottom = (round(edge * height / rows) for edge in (top, bottom))
    shape = max(1, right - left), max(1, bottom - top)
    seen = image.resize(shape, Image.Resampling.BICUBIC, box=region)
    if shape == (width, height):
        return np.asarray(seen)
    padded = Image.new("RGB", (width, height), PADDING)
    padded.paste(seen, (left, top))
    return np.asarray(padded)


def letterbox_boxes(geometry: Geometry, sizes: Iterable[tuple[int, int]]) -> np.ndarray | None:
    """Return the `Geometry.box` of N images, (N, 4) int64; None where none of them is padded.

    Parameters
    ----------
    sizes: (width, height) of the N images, pixels.
    """
    if geometry.aspect != "letterbox":
        return None
    boxes = np.array([geometry.box(size) for size in sizes], dtype=np.int64).reshape(-1, 4)
    if (boxes == (0, 0, *geometry.shape)).all():
        return None
    return boxes


def height_and_width(size: Size) -> tuple[int, int]:
    """Return (height, width) of a size, which may be the side of a square."""
    return (size, size) if isinstance(size, int) else size


def size_text(size: Size) -> str:
    """Return a size for people: "224", the side of a square, or "256x192", height x width."""
    return str(size) if isinstance(size, int) else f"{size[0]}x{size[1]}"


def checked_size(name: str, size: object) -> Size:
    """Return a size as a plain int, or as a pair of unequal ones."""
    expected = f"{name} must be a whole number of pixels, or a pair (height, width) of them"
    is_pair = isinstance(size, Sequence | np.ndarray) and not isinstance(size, str | bytes)
    sides: list[Any] = list(size) if is_pair else [size]  # type: ignore[call-overload]
    if not all(isinstance(side, int | np.integer) and not isinstance(side, bool) for side in sides):
        raise TypeError(f"{expected}, got {size!r}")
    pixels = [int(side) for side in sides]
    if is_pair and len(pixels) != 2:
        raise ValueError(f"{expected}, got {size!r}")
    if min(pixels) < 1:
        raise ValueError(f"{expected}, each at least 1, got {size!r}")
    height, width = pixels[0], pixels[-1]
    return height if height == width else (height, width)
