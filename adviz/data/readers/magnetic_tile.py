"""Reader for the magnetic tile data set (MTD): images of varying size, masks beside them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from adviz.data.category import Category
from adviz.data.folder_tree import SEE_README, Entry, Tree, checked_folder, lacking
from adviz.data.geometry import Geometry
from adviz.data.paths import children

HELD_OUT = 0.2  # of the good tiles, for the test set (PatchCore, 4.1, after DifferNet)
FREE = "MT_Free"
DEFECTS = ("MT_Blowhole", "MT_Break", "MT_Crack", "MT_Fray", "MT_Uneven")
NAME = "magnetic_tile"


def magnetic_tile(
    root: str | Path, *, seed: int = 0, held_out: float = HELD_OUT, geometry: Geometry | None = None
) -> Category:
    """Read the magnetic tile data set; a fraction of the good tiles is held out for the test.

    The test has these and all defective tiles. Expected are the folders ``MT_Free`` (good),
    ``MT_Blowhole``, ``MT_Break``, ``MT_Crack``, ``MT_Fray`` and ``MT_Uneven``, each with
    ``Imgs/<name>.jpg`` and the tile's mask beside it, ``Imgs/<name>.png``. The data set names no
    test images: a fraction of the good tiles is drawn from the seed, as in PatchCore (arXiv
    2106.08265, 4.1) and in DifferNet before it, whose draws are not published.

    Parameters
    ----------
    root: the folder that holds these six folders.
    seed: of the draw of good test images.
    held_out: fraction of the good tiles that are tested, 0 < held_out < 1; rounded, but at least
        one tile.
    geometry: how images of varying size become squares; None = ``Geometry()``, PatchCore's words
        for all its images: resized to 256 x 256 whatever the sides are, then the centre of 224.
        ``Geometry(aspect="shorter")`` keeps the ratio of the sides, and cuts the ends of long tiles
        off.

    Raises
    ------
    FileNotFoundError: `root` or one of the six folders does not exist.
    ValueError: `held_out` is no such fraction, there are fewer than two good tiles, no defective
        one, or a mask belongs to no image. A defective tile without a mask is read; only pixel
        metrics refuse it.

    Examples
    --------
    >>> tiles = data.magnetic_tile("data/mtd", geometry=data.Geometry(aspect="shorter"))
    >>> sorted(set(tiles.test.defects))
    ['blowhole', 'break', 'crack', 'fray', 'good', 'uneven']
    """
    if not 0 < held_out < 1:
        raise ValueError(
            f"held_out must be a fraction of the good tiles above 0 and below 1, got {held_out}"
        )
    root = checked_folder(root, "the magnetic tile data set")
    good = _tiles(root, FREE)
    if len(good) < 2:
        raise ValueError(
            f"expected at least 2 images in {root / FREE}, to learn from and to test, got "
            f"{len(good)}"
        )
    order = np.random.default_rng(seed).permutation(len(good))
    n_tested = min(max(1, round(held_out * len(good))), len(good) - 1)
    tested = set(order[:n_tested].tolist())
    # tested and other tiles stay in the order of their names
    tree = Tree(NAME, root, NAME)
    for index, (image, _) in enumerate(good):
        tree.entries.append(Entry(image, "test" if index in tested else "train"))
    for folder in DEFECTS:
        defect = folder.removeprefix("MT_").lower()
        for image, mask in _tiles(root, folder):
            tree.entries.append(Entry(image, "test", defect, mask))
    if all(entry.defect == "good" for entry in tree.entries):
        raise ValueError(
            f"expected images in {root / DEFECTS[0] / 'Imgs'} and the like, found none: "
            f"{SEE_README}"
        )
    return tree.category(geometry)


def _tiles(root: Path, folder: str) -> list[tuple[Path, Path | None]]:
    """Return a folder's images, sorted, each with its mask if there is one.

    Every mask must belong to an image.
    """
    path = root / folder / "Imgs"
    if not path.is_dir():
        raise lacking(root, f"{folder}/Imgs")
    files = children(path)
    images = [file for file in files if file.suffix.lower() == ".jpg"]
    masks = {file.stem: file for file in files if file.suffix.lower() == ".png"}
    orphans = sorted(masks.keys() - {image.stem for image in images})
    if orphans:
        raise ValueError(
            f"expected every mask to lie beside its image, got {len(orphans)} without one, first "
            f"{masks[orphans[0]]}: remove it, or restore its image"
        )
    return [(image, masks.get(image.stem)) for image in images]
