"""Reader for the magnetic tile data set (MTD): grey images of varying size, each mask beside its image."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from adviz.data.category import Category
from adviz.data.geometry import Geometry
from adviz.data.paths import children, expanded, listing
from adviz.data.split import ANOMALOUS, GOOD, Split

HELD_OUT = 0.2  # of the good tiles, for the test set (PatchCore, 4.1, after DifferNet)
FREE = "MT_Free"
DEFECTS = ("MT_Blowhole", "MT_Break", "MT_Crack", "MT_Fray", "MT_Uneven")
NAME = "magnetic_tile"
HELP = "see data/README.md for the layout"


def magnetic_tile(
    root: str | Path, *, seed: int = 0, held_out: float = HELD_OUT, geometry: Geometry | None = None
) -> Category:
    """Read the magnetic tile data set: good tiles for training; held-out good ones and all defective ones for testing.

    Expected are the folders ``MT_Free`` (good), ``MT_Blowhole``, ``MT_Break``, ``MT_Crack``,
    ``MT_Fray`` and ``MT_Uneven``, each with ``Imgs/<name>.jpg`` and the tile's mask beside it,
    ``Imgs/<name>.png``. The data set names no test images: a share of the good tiles is drawn from
    the seed, as in PatchCore (arXiv 2106.08265, 4.1) and in DifferNet before it, whose draws are
    not published.

    Parameters
    ----------
    root: the folder that holds these six folders.
    seed: of the draw of good test images.
    held_out: share of the good tiles that are tested, 0 < held_out < 1; rounded, but at least one.
    geometry: how images of varying size become squares; None = ``Geometry()``, PatchCore's words
        for all its images: resized to 256 x 256 whatever the sides are, then the centre of 224.
        ``Geometry(aspect="shorter")`` keeps the ratio of the sides, and cuts the ends of long tiles
        off.

    Raises
    ------
    FileNotFoundError: `root` or one of the six folders does not exist.
    ValueError: `held_out` is no such share, there are fewer than two good tiles, no defective one,
        or a mask belongs to no image. A defective tile without a mask is read; only pixel metrics
        refuse it.

    Examples
    --------
    >>> tiles = data.magnetic_tile("data/mtd", geometry=data.Geometry(aspect="shorter"))
    >>> sorted(set(tiles.test.defects))
    ['blowhole', 'break', 'crack', 'fray', 'good', 'uneven']
    """
    root = expanded(root)
    if not 0 < held_out < 1:
        raise ValueError(
            f"held_out must be a share of the good tiles above 0 and below 1, got {held_out}"
        )
    if not root.is_dir():
        raise FileNotFoundError(
            f"expected the folder of the magnetic tile data set, found none at {root}: {HELP}"
        )
    good = _tiles(root, FREE)
    if len(good) < 2:
        raise ValueError(
            f"expected at least 2 images in {root / FREE}, to learn from and to test, got {len(good)}"
        )
    order = np.random.default_rng(seed).permutation(len(good))
    tested = set(order[: min(max(1, round(held_out * len(good))), len(good) - 1)].tolist())
    test = [(path, None, "good") for index, (path, _) in enumerate(good) if index in tested]
    defective = [
        (path, mask, folder[3:].lower())
        for folder in DEFECTS
        for path, mask in _tiles(root, folder)
    ]
    if not defective:
        raise ValueError(
            f"expected images in {root / DEFECTS[0] / 'Imgs'} and the like, found none: {HELP}"
        )
    train = [(path, None, "good") for index, (path, _) in enumerate(good) if index not in tested]

    def split(tiles: Sequence[tuple[Path, Path | None, str]]) -> Split:
        paths, masks, defects = zip(*tiles, strict=True)
        labels = [GOOD if defect == "good" else ANOMALOUS for defect in defects]
        return Split(paths, labels, masks, defects, geometry=geometry, name=NAME, root=root)

    return Category(NAME, split(train), split([*test, *defective]))


def _tiles(root: Path, folder: str) -> list[tuple[Path, Path | None]]:
    """Return a folder's images by name, each with its mask if there is one; every mask must belong to an image."""
    place = root / folder / "Imgs"
    if not place.is_dir():
        raise FileNotFoundError(
            f"expected a folder {folder}/Imgs in {root}, found {listing(root)}: {HELP}"
        )
    files = {(path.stem, path.suffix.lower()): path for path in children(place)}
    orphans = [
        path
        for (stem, suffix), path in files.items()
        if suffix == ".png" and (stem, ".jpg") not in files
    ]
    if orphans:
        raise ValueError(
            f"expected every mask to lie beside its image, got {len(orphans)} without one, first {orphans[0]}: remove "
            "it, or restore its image"
        )
    return [
        (path, files.get((stem, ".png")))
        for (stem, suffix), path in files.items()
        if suffix == ".jpg"
    ]
