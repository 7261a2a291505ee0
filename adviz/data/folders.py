"""Reader for MVTec-style trees: train/good, test/<defect>, ground_truth/<defect>."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from adviz.data.geometry import Geometry
from adviz.data.images import SUFFIXES
from adviz.data.split import ANOMALOUS, GOOD, UNLABELLED, Category, Split

UNLABELLED_FOLDERS = ("unlabeled", "unlabelled")
MASK_ENDINGS = ("_mask", "")


def folder(path: str | Path, *, geometry: Geometry | None = None) -> Category:
    """Read one category from an MVTec-style tree.

    Expected are ``train/good/*`` and ``test/<defect>/*`` with, optionally, ``ground_truth/<defect>/<image>_mask.png``
    (or ``<image>.png``). ``test/good`` holds normal images; images directly in ``test/`` or in ``test/unlabeled`` have
    no label; every other folder under ``test/`` holds anomalous images and names their defect.

    Parameters
    ----------
    path: the category's folder; its name becomes the category's.
    geometry: how images and masks are resized and cropped; None = ``Geometry()`` (resize 256, centre crop 224).

    Raises
    ------
    FileNotFoundError: the folder, its ``train/good`` or its ``test`` does not exist.
    ValueError: no good training image, no test image, or a mask that belongs to no image.
    """
    path = Path(path)
    if not path.is_dir():
        raise FileNotFoundError(f"expected a folder with train/good and test, found none at {path}")
    train, test = _flat(_existing(path, "train/good")), _test_images(_existing(path, "test"))
    if not train:
        raise ValueError(f"expected at least one good image in {path / 'train' / 'good'}, found none: add some")
    if not test:
        raise ValueError(f"expected images in {path / 'test'} or its folders, found none: add some")
    labels = [_label(defect) for _, defect in test]
    split = Split(
        [file for file, _ in test],
        labels,
        _masks(path / "ground_truth", test),
        [defect for _, defect in test],
        geometry=geometry,
        name=path.name,
        root=path,
    )
    good = Split(
        train,
        np.zeros(len(train)),
        [None] * len(train),
        ["good"] * len(train),
        geometry=geometry,
        name=path.name,
        root=path,
    )
    return Category(split.name, good, split)


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
    """
    root = Path(root)
    if not root.is_dir():
        raise FileNotFoundError(f"expected the folder of MVTec AD, found none at {root}: see data/README.md")
    if not (root / category).is_dir():
        there = ", ".join(available(root)) or "none"
        raise FileNotFoundError(f"expected a category of {root} (there are: {there}), got {category!r}")
    return folder(root / category, geometry=geometry)


def available(root: str | Path | None = None) -> dict[str, Path]:
    """Return the categories under a folder, up to two levels down: ``{"mvtec/screw": folder, ...}``, sorted.

    Parameters
    ----------
    root: where to look; None = the folder that ``$ADVIZ_DATA`` names, or ``./data``.
    """
    base = Path(root if root is not None else os.environ.get("ADVIZ_DATA", "data"))
    found = [path.parent.parent for depth in ("*", "*/*") for path in base.glob(f"{depth}/train/good") if path.is_dir()]
    return {path.relative_to(base).as_posix(): path for path in sorted(found)}


def _existing(path: Path, name: str) -> Path:
    if not (path / name).is_dir():
        there = ", ".join(sorted(child.name for child in path.iterdir())) or "nothing"
        raise FileNotFoundError(f"expected a folder {name} in {path}, found {there}: see data/README.md for the layout")
    return path / name


def _images(path: Path) -> list[Path]:
    files = path.iterdir() if path.is_dir() else ()
    return sorted(f for f in files if f.is_file() and f.suffix.lower() in SUFFIXES and not f.name.startswith("."))


def _test_images(path: Path) -> list[tuple[Path, str]]:
    folders = sorted(child for child in path.iterdir() if child.is_dir() and not child.name.startswith("."))
    loose = [(file, "unlabelled") for file in _images(path)]
    return loose + [
        (file, "unlabelled" if child.name.lower() in UNLABELLED_FOLDERS else child.name)
        for child in folders
        for file in _flat(child)
    ]


def _flat(path: Path) -> list[Path]:
    """Return a folder's images, which must not hide in folders of their own."""
    deeper = [file for child in sorted(path.iterdir()) if child.is_dir() for file in _images(child)]
    if deeper:
        raise ValueError(
            f"expected images directly in {path}, got some in deeper folders, first {deeper[0]}: move them"
        )
    return _images(path)


def _label(defect: str) -> int:
    return {"good": GOOD, "unlabelled": UNLABELLED}.get(defect.lower(), ANOMALOUS)


def _masks(path: Path, test: list[tuple[Path, str]]) -> list[Path | None]:
    """One mask file (or None) per test image; every mask must belong to an image."""
    files = set(_images(path)).union(*map(_images, path.iterdir() if path.is_dir() else ()))
    by_name = {(file.parent.name, file.stem): file for file in sorted(files)}
    found = [
        next((by_name[key] for end in MASK_ENDINGS if (key := (defect, file.stem + end)) in by_name), None)
        for file, defect in test
    ]
    orphans = sorted(files - set(found))
    if orphans:
        raise ValueError(
            f"expected every mask to belong to a test image, got {len(orphans)} without one, first {orphans[0]}: "
            "remove it, or restore its image"
        )
    return found
