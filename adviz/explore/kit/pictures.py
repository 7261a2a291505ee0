"""Pictures of a split: small ones on sheets, their mean."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence

import numpy as np
from PIL import Image

from adviz._support import progress
from adviz.data import Split
from adviz.explore.kit.packing import Part, jpeg

SMALL = 96  # side of a small picture, pixels
COLUMNS = 8  # small pictures in a row of a sheet
PAGE = 64  # small pictures in a sheet
QUALITY = 85  # of sheets
WHITE = (255, 255, 255)  # of stored pictures, which are on paper
EMPTY = 128  # grey beside an image that is no square

Range = tuple[float, float]


def mean_image(split: Split) -> np.ndarray:
    """Return the mean of all images, (H, W, 3) uint8."""
    total = np.zeros((*split.image_size, 3))
    for index in progress.progress_bar(range(len(split)), label="images"):
        total += split.image(index)
    return (total / len(split)).round().astype(np.uint8)


def picture_part(kind: str, split: Split, number: int) -> Part:
    """Return the part that holds a picture of a split; empty where there is none.

    Parameters
    ----------
    kind: "small": a sheet; "photo": the file's own pixels; "train": the image; "test": the image
        with its mask, if known.
    number: of the sheet or the image.
    """
    if kind == "small":
        return {"image": jpeg(image_sheet(split, number), QUALITY)}
    if kind == "photo":
        photograph = split.photograph(number)
        return {} if photograph is None else {"image": jpeg(photograph)}
    part: Part = {"image": jpeg(split.image(number))}
    mask = split.mask(number) if kind == "test" else None
    if mask is not None:
        part["mask"] = np.packbits(mask)
    return part


def stacked(files: Sequence[bytes]) -> bytes:
    """Return JPEG files below each other, on white, as one JPEG file."""
    images = [Image.open(io.BytesIO(file)) for file in files]
    width = max(image.width for image in images)
    page = Image.new("RGB", (width, sum(image.height for image in images)), WHITE)
    top = 0
    for image in images:
        page.paste(image, (0, top))
        top += image.height
    return jpeg(np.asarray(page), QUALITY)


def pages(count: int) -> int:
    """Return how many sheets so many small pictures need."""
    return -(-count // PAGE)


def small_box(size: tuple[int, int]) -> tuple[int, int, int, int]:
    """Return where an image of (height, width) lies in the square of its small picture.

    As top, left, height and width: the longer side fills the square, the shorter one is centred.
    """
    height, width = size
    scale = SMALL / max(height, width)
    rows = max(1, round(height * scale))
    columns = max(1, round(width * scale))
    return (SMALL - rows) // 2, (SMALL - columns) // 2, rows, columns


def image_sheet(split: Split, page: int) -> np.ndarray:
    """Return the small pictures of a page, `COLUMNS` in a row, (h, w, 3) uint8."""
    return _sheet(split, page, lambda _, small: small)


def map_sheet(split: Split, page: int, maps: np.ndarray, limits: Range) -> np.ndarray:
    """Return the small pictures of a page with maps, (N, H, W), laid over them."""
    from adviz import plots  # loads matplotlib

    def laid_over(index: int, small: np.ndarray) -> np.ndarray:
        one = Image.fromarray(maps[index].astype(np.float32))
        shrunk = one.resize(small.shape[1::-1], Image.Resampling.BILINEAR)
        return plots.overlay(small, np.asarray(shrunk), limits=limits)

    return _sheet(split, page, laid_over)


def _sheet(split: Split, page: int, change: Callable[[int, np.ndarray], np.ndarray]) -> np.ndarray:
    first = page * PAGE
    indices = range(first, min(first + PAGE, len(split)))
    top, left, height, width = small_box(split.image_size)
    rows = -(-len(indices) // COLUMNS)
    sheet = np.full((rows * SMALL, COLUMNS * SMALL, 3), EMPTY, np.uint8)
    for place, index in enumerate(progress.progress_bar(indices, label="images")):
        image = Image.fromarray(split.image(index))
        small = np.asarray(image.resize((width, height), Image.Resampling.BILINEAR))
        row, column = divmod(place, COLUMNS)
        y = row * SMALL + top
        x = column * SMALL + left
        sheet[y : y + height, x : x + width] = change(index, small)
    return sheet
