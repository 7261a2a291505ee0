"""Reader for MVTec-style trees: train/good, test/<defect>, ground_truth/<defect>; others name them otherwise."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from adviz.data import sorted_photos
from adviz.data.category import Category
from adviz.data.geometry import Geometry
from adviz.data.images import images_of
from adviz.data.tree import UNLABELLED_FOLDERS, Entry, Tree, checked_category, flat, missing

MASK_ENDINGS = ("_mask", "")


@dataclass(frozen=True)
class Shape:
    """What the folders of an MVTec-style tree are called.

    Attributes
    ----------
    layout: the name of the data set, for messages.
    good: the folder of normal images in train, validation and test.
    test, truth: the folders of test images and of masks; of one that lies in the other only the masks are read.
    validation: whether there must be validation/<good>; where it need not, it may.
    """

    layout: str = "MVTec style"
    good: str = "good"
    test: str = "test"
    truth: str = "ground_truth"
    validation: bool = False


def folder(path: str | Path, *, geometry: Geometry | None = None) -> Category:
    """Read one category from an MVTec-style tree, or from a folder of photographs sorted into ``good`` and ``bad``.

    Expected are ``train/good/*`` and ``test/<defect>/*`` with, optionally, ``ground_truth/<defect>/<image>_mask.png``
    (or ``<image>.png``, or a folder ``<image>`` of masks whose union counts). ``test/good`` holds normal images; images
    directly in ``test/`` or in ``test/unlabeled`` have no label; every other folder under ``test/`` holds anomalous
    images and names their defect. ``validation/good``, if there is one, becomes the category's `validation`.

    Or ``good/*`` and ``bad/*`` or ``bad/<defect>/*``, without masks: of the good photographs, in the order of their
    names, every fifth is kept for the test, and the others are for training.

    Parameters
    ----------
    path: the category's folder; its name becomes the category's.
    geometry: how images and masks are resized and cropped; None = ``Geometry()`` (resize 256, centre crop 224) for an
        MVTec-style tree. Sorted photographs that are not square keep their shape instead, and all that is in them:
        they are resized to a rectangle of about as many pixels (portraits of 3:4 to 256 x 192), and where their
        shapes differ they are letterboxed.

    Raises
    ------
    FileNotFoundError: the folder, its ``train/good`` or its ``test`` does not exist.
    ValueError: no good training image (of sorted photographs: under five), no test image, images in deeper folders, a
        mask that belongs to no image, or one that two images could have (``000.png`` and ``000.jpg``).

    Examples
    --------
    >>> data.folder(category.test.root).test
    Split(46 images of 224x224: 8 chip, 9 dent, 20 good, 9 scratch)
    """
    path = Path(path)
    if not path.is_dir():
        raise FileNotFoundError(
            f"expected a folder with train/good and test, or with good and bad, found none at {path}"
        )
    tree = sorted_photos.arranged(path) if sorted_photos.is_sorted(path) else arranged(path)
    return tree.category(geometry)


def mvtec(root: str | Path, category: str, *, geometry: Geometry | None = None) -> Category:
    """Read a category of MVTec AD (arXiv 1905.10887's layout), or of any data set laid out like it.

    Parameters
    ----------
    root: the folder that holds one folder a category.
    category: "bottle", "cable", ...
    geometry: see `folder`.

    Raises
    ------
    FileNotFoundError: `root` or the category does not exist; the categories that do are listed.

    Examples
    --------
    >>> screw = data.mvtec("data/mvtec", "screw")
    >>> screw.train.image_size
    (224, 224)
    """
    there = list(available(root)) if Path(root).is_dir() else []
    return folder(checked_category(root, category, "MVTec AD", there), geometry=geometry)


def available(root: str | Path | None = None) -> dict[str, Path]:
    """Return the categories under a folder, up to two levels down: ``{"mvtec/screw": folder, ...}``, sorted.

    Parameters
    ----------
    root: where to look; None = the folder that ``$ADVIZ_DATA`` names, or ``./data``.

    Examples
    --------
    >>> data.available(category.test.root.parent)["hex_nut"].name
    'hex_nut'
    """
    base = Path(root if root is not None else os.environ.get("ADVIZ_DATA", "data"))
    found = [path.parent.parent for depth in ("*", "*/*") for path in base.glob(f"{depth}/train/good") if path.is_dir()]
    sorted_ = [path.parent for depth in ("*", "*/*") for path in base.glob(f"{depth}/bad")]
    found += filter(sorted_photos.is_sorted, sorted_)
    return {path.relative_to(base).as_posix(): path for path in sorted(found)}


def arranged(path: Path, shape: Shape | None = None) -> Tree:
    """Return what lies in the folder of a category, and everything that is wrong with its arrangement."""
    shape = shape or Shape()
    tree = Tree(path.name, path, shape.layout)
    found: dict[str, list[tuple[Path, str]]] = {}
    for part, place in (("train", path / "train" / shape.good), ("validation", path / "validation" / shape.good)):
        lacking = missing(path, f"{part}/{shape.good}") if part == "train" or shape.validation else None
        tree.problems.extend([lacking] if lacking else [])
        found[part] = [(file, "good") for file in flat(place, tree.problems)]
    lacking = missing(path, shape.test)
    tree.problems.extend([lacking] if lacking else [])
    found["test"] = [] if lacking else _test_images(path, shape, tree.problems)
    if not found["train"]:
        where = path / "train" / shape.good
        tree.problems.append(ValueError(f"expected at least one good image in {where}, found none: add some"))
    if not found["test"]:
        where = path / shape.test
        tree.problems.append(ValueError(f"expected images in {where} or its folders, found none: add some"))
    masks = _masks(path / shape.truth, [file for file, _ in found["test"]], tree.problems)
    tree.entries.extend(
        Entry(file, part, defect, masks.get(file)) for part, images in found.items() for file, defect in images
    )
    return tree


def _test_images(path: Path, shape: Shape, problems: list[Exception]) -> list[tuple[Path, str]]:
    place = path / shape.test
    loose = [(file, "unlabelled") for file in images_of(place)]
    folders = sorted(
        child
        for child in place.iterdir()
        if child.is_dir() and not child.name.startswith(".") and child != path / shape.truth
    )
    return loose + [(file, _defect(child.name, shape)) for child in folders for file in flat(child, problems)]


def _defect(name: str, shape: Shape) -> str:
    return "unlabelled" if name.lower() in UNLABELLED_FOLDERS else "good" if name == shape.good else name


def _masks(path: Path, images: list[Path], problems: list[Exception]) -> dict[Path, Path]:
    """Return the mask of every test image that has one; every mask must belong to one image."""
    folders = [child for child in path.iterdir() if child.is_dir()] if path.is_dir() else []
    several = [child for place in folders for child in place.iterdir() if child.is_dir() and images_of(child)]
    masks = {*images_of(path), *several}.union(*map(images_of, folders))
    by_name = {(mask.parent.name, mask.name if mask.is_dir() else mask.stem): mask for mask in sorted(masks)}
    found = {}
    for image in images:
        keys = [(image.parent.name, image.stem + end) for end in MASK_ENDINGS]
        if mask := next((by_name[key] for key in keys if key in by_name), None):
            found[image] = mask
    if orphans := sorted(masks - set(found.values())):
        problems.append(
            ValueError(
                f"expected every mask to belong to a test image, got {len(orphans)} without one, first {orphans[0]}: "
                "remove it, or restore its image"
            )
        )
    if shared := sorted(mask for mask, count in Counter(found.values()).items() if count > 1):
        names = ", ".join(image.name for image in images if found.get(image) == shared[0])
        problems.append(ValueError(f"expected a mask to belong to one image, got {names} for {shared[0]}: rename one"))
    return found
