"""How an image becomes the square that a backbone sees, and a mask with it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from PIL import Image

from adviz.names import got

FILTERS = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
    "area": Image.Resampling.BOX,
}
LARGEST = 100_000_000  # pixels before the crop; a line of 20,000 pixels would need 4 GB
ASPECTS = ("square", "shorter")
MASK_RULES = (">0.5", ">0", "==1", "nearest")


@dataclass(frozen=True)
class Geometry:
    """Resize, then crop the centre; the defaults are the protocol of SPADE, PaDiM and PatchCore on MVTec AD.

    Reverse distillation's is ``Geometry(size=256, crop=False)``.

    Attributes
    ----------
    size: side of the square result, pixels.
    resize: side to resize to before the crop, pixels; None = ``round(size * 256 / 224)`` (256 for 224, 320 for 280,
        366 for 320), or `size` without a crop.
    crop: cut the centre `size` x `size` out of the resized image; without it the whole image is resized to `size`.
    interpolation: "bilinear" (PatchCore, RD), "lanczos" (the public SPADE and PaDiM ports), "bicubic", "nearest" or
        "area"; all but "nearest" are anti-aliased (Pillow).
    aspect: "square" resizes to a square (the papers' words), "shorter" resizes the shorter side and keeps the ratio
        (the public codes); the same for square images.
    mask_rule: when a resized mask pixel counts as defect: ">0.5" of it is covered (RD; the default), ">0", "==1" (what
        official PatchCore's integer cast amounts to: it erodes thin defects), or "nearest" (no interpolation).
    bits: that the values of files of more than 8 bits use, 8 to 16 (a camera of 12 bits writes 16-bit files); None = a
        data set's are told from its training images, and are 16 elsewhere. Nothing to 8-bit images.

    Examples
    --------
    >>> data.Geometry(320).resized, data.Geometry(256, crop=False).resized
    (366, 256)
    """

    size: int = 224
    resize: int | None = None
    crop: bool = True
    interpolation: str = "bilinear"
    aspect: Literal["square", "shorter"] = "square"
    mask_rule: str = ">0.5"
    bits: int | None = None

    def __post_init__(self) -> None:
        if self.bits is not None and not (isinstance(self.bits, int) and 8 <= self.bits <= 16):
            raise ValueError(f"bits must be 8 to 16, or None, got {self.bits}")
        if self.size < 1:
            raise ValueError(f"size must be at least 1 pixel, got {self.size}")
        if self.interpolation not in FILTERS:
            raise ValueError(f"interpolation must be one of {', '.join(FILTERS)}, {got(self.interpolation, FILTERS)}")
        if self.aspect not in ASPECTS:
            raise ValueError(f'aspect must be "square" or "shorter", {got(self.aspect, ASPECTS)}')
        if self.mask_rule not in MASK_RULES:
            raise ValueError(f"mask_rule must be one of {', '.join(MASK_RULES)}, {got(self.mask_rule, MASK_RULES)}")
        if self.resized < self.size or (not self.crop and self.resized != self.size):
            what = "at least" if self.crop else "without a crop exactly"
            raise ValueError(f"resize must be {what} size={self.size}, got resize={self.resize}")
        if not self.crop and self.aspect == "shorter":
            raise ValueError('aspect="shorter" needs crop=True, or images of other shapes would not become square')

    @property
    def resized(self) -> int:
        """Side before the crop, pixels."""
        return self.resize if self.resize is not None else round(self.size * 256 / 224) if self.crop else self.size

    @property
    def pixels(self) -> tuple[int, int, str, str, int]:
        """All that decides an image's pixels; geometries that treat masks alone differently share it."""
        return self.size, self.resized, self.interpolation, self.aspect, self.bits or 16

    def image(self, image: Image.Image) -> np.ndarray:
        """Return the (size, size, 3) uint8 array that a backbone sees.

        Examples
        --------
        >>> from PIL import Image
        >>> data.Geometry(64).image(Image.new("RGB", (100, 80))).shape
        (64, 64, 3)
        """
        return np.asarray(self._fit(image, FILTERS[self.interpolation]))

    def mask(self, mask: Image.Image) -> np.ndarray:
        """Return the (size, size) bool array for an "L" mask of 0 and 255: True = defect.

        Examples
        --------
        >>> from PIL import Image
        >>> data.Geometry(64).mask(Image.new("L", (100, 80), 255)).mean()
        np.float64(1.0)
        """
        rule = Image.Resampling.NEAREST if self.mask_rule == "nearest" else Image.Resampling.BILINEAR
        values = np.asarray(self._fit(mask, rule))
        return values == 255 if self.mask_rule == "==1" else values > 0 if self.mask_rule == ">0" else values > 127

    def scale(self, size: tuple[int, int]) -> tuple[float, float]:
        """Return how many new pixels one pixel of an image of `size` (width, height) becomes, across and down.

        Examples
        --------
        >>> data.Geometry(224).scale((512, 1024))
        (0.5, 0.25)
        """
        width, height = self._resized(size)
        return width / size[0], height / size[1]

    def window(self, size: tuple[int, int]) -> tuple[slice, slice]:
        """Return the rows and columns of an image of `size` (width, height) that the crop keeps, to a pixel.

        Examples
        --------
        >>> data.Geometry(224).window((256, 512))
        (slice(32, 480, None), slice(16, 240, None))
        """
        (left, top), (across, down) = self._corner(size), self.scale(size)
        rows = slice(round(top / down), round((top + self.size) / down))
        return rows, slice(round(left / across), round((left + self.size) / across))

    def _fit(self, image: Image.Image, rule: Image.Resampling) -> Image.Image:
        left, top = self._corner(image.size)
        return image.resize(self._resized(image.size), rule).crop((left, top, left + self.size, top + self.size))

    def _resized(self, size: tuple[int, int]) -> tuple[int, int]:
        if self.aspect == "square":
            return self.resized, self.resized
        width, height = (int(side * self.resized / min(size)) for side in size)  # torchvision truncates
        if width * height > LARGEST:
            raise ValueError(
                f"expected an image that can be resized to {self.resized} pixels on its shorter side, got one of "
                f'{size[0]}x{size[1]}, which would become {width}x{height}: use aspect="square", or cut it into pieces'
            )
        return width, height

    def _corner(self, size: tuple[int, int]) -> tuple[int, int]:
        width, height = self._resized(size)
        return round((width - self.size) / 2), round((height - self.size) / 2)
