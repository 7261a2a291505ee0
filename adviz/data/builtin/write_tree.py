"""Pictures on disk, in the layout of MVTec AD."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from pathlib import Path
from typing import Protocol, cast
from zlib import Z_RLE

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from adviz._support import progress_bar
from adviz.data.builtin.optics import photograph, shrink
from adviz.data.builtin.picture import Scene, Shot
from adviz.data.builtin.shapes import SIDE

WORKERS = 2  # numpy and Pillow let go of the interpreter's lock


class Painter(Protocol):
    """A category's module: the numbers of test pictures by kind, and how one is drawn."""

    GOOD: int
    DEFECTS: dict[str, int]

    def draw(self, shot: Shot) -> Scene: ...  # noqa: D102 - the class says it


def painter(category: str) -> Painter:
    """Return the module that draws `category`."""
    return cast(Painter, import_module(f"adviz.data.builtin.{category}"))


def shots(category: str, seed: int, n_train: int) -> Iterator[Shot]:
    """List every picture of a category, training first."""
    module = painter(category)
    for index in range(n_train):
        yield Shot(category, "train/good", index, seed)
    for index in range(module.GOOD):
        yield Shot(category, "test/good", index, seed)
    for defect, count in module.DEFECTS.items():
        for index in range(count):
            yield Shot(category, f"test/{defect}", index, seed, defect)


def take(shot: Shot) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Return a picture, (256, 256, 3), and where its defect is, (256, 256)."""
    scene = painter(shot.category).draw(shot)
    mask = np.zeros((SIDE, SIDE), bool)
    if shot.defect is not None:
        mask = shrink(scene.mask) > 0.5
    return photograph(scene.image, shot.rng("camera")), mask


def write(shot: Shot, root: Path) -> None:
    """Write one picture, and its mask if it has a defect, below `root`."""
    picture, defect = take(shot)
    _save(picture, root / shot.folder / f"{shot.index:03d}.png")
    if shot.defect is not None:
        mask = np.where(defect, np.uint8(255), np.uint8(0))
        _save(mask, root / "ground_truth" / shot.defect / f"{shot.index:03d}_mask.png")


def _save(pixels: NDArray[np.uint8], path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, compress_level=1, compress_type=Z_RLE)


def write_all(category: str, root: Path, seed: int, n_train: int) -> None:
    """Write the whole tree of a category into `root`, two pictures at a time."""
    # Freed at once: glibc then keeps freed memory up to twice this, which halves the time.
    np.empty(30 << 20, np.uint8)
    all_shots = list(shots(category, seed, n_train))
    with ThreadPoolExecutor(WORKERS) as pool:
        written = pool.map(lambda shot: write(shot, root), all_shots)
        try:
            for _ in progress_bar(written, label=f"drawing {category}", total=len(all_shots)):
                pass
        finally:
            # When interrupted, only the pictures in hand are finished
            pool.shutdown(cancel_futures=True)
