"""Outlines of regions painted into a picture, for pages that show pictures and no axes."""

from __future__ import annotations

import numpy as np

from adviz.plots import style
from adviz.plots.checks import check_image, check_mask, takes_arrays

DASH = 4  # pixels of a dash, and of the gap after it


@takes_arrays
def outlined(
    image: np.ndarray, region: np.ndarray, *, colour: str = "#FFFFFF", dashed: bool = False
) -> np.ndarray:
    """Return a picture with the border of a region painted on it, with a stroke of the opposite brightness outside.

    Parameters
    ----------
    image: (H, W, 3) uint8, left as it is.
    region: (H, W) bool; the border is its outermost pixels, also along the edge of the picture.
    colour: of the border, "#RRGGBB".
    dashed: whether the border has gaps: the second cue next to the colour.

    Returns
    -------
    (H, W, 3) uint8.

    Raises
    ------
    ValueError: shapes or dtypes that do not fit.

    Examples
    --------
    >>> plots.outlined(category.test.image(0), category.test.mask(0), colour="#FF0000").shape
    (224, 224, 3)
    """
    check_image(image)
    check_mask(region, (image.shape[0], image.shape[1]))
    painted = image.copy()
    if not region.any():
        return painted
    paint = style.rgb(colour)
    padded = np.pad(region, 1)
    inner = region & ~_all_around(padded)
    outer = ~region & _any_around(padded)
    if dashed:
        rows, columns = np.indices(region.shape)
        inner &= (rows + columns) // DASH % 2 == 0
    painted[outer] = 0 if paint.mean() > 127 else 255
    painted[inner] = paint
    return painted


def _all_around(padded: np.ndarray) -> np.ndarray:
    """Return where a pixel and its four neighbours are all set; (H + 2, W + 2) to (H, W)."""
    everywhere: np.ndarray = (
        padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    )
    return everywhere


def _any_around(padded: np.ndarray) -> np.ndarray:
    """Return where any of a pixel's four neighbours is set; (H + 2, W + 2) to (H, W)."""
    somewhere: np.ndarray = (
        padded[:-2, 1:-1] | padded[2:, 1:-1] | padded[1:-1, :-2] | padded[1:-1, 2:]
    )
    return somewhere
