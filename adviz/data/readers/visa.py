"""Reader for VisA: a folder of normal and one of anomalous images for every object, and a table that splits them."""

from __future__ import annotations

import csv
from pathlib import Path, PurePosixPath

from adviz.data.category import Category
from adviz.data.folder_tree import Entry, Tree, checked_category, missing
from adviz.data.geometry import Geometry
from adviz.data.images import images_of
from adviz.data.paths import expanded, folders_in

SPLIT = "split_csv/1cls.csv"
COLUMNS = ["object", "split", "label", "image", "mask"]


def visa(root: str | Path, category: str, *, geometry: Geometry | None = None) -> Category:
    """Read an object of VisA (Zou et al., ECCV 2022), split as ``split_csv/1cls.csv`` says.

    That table is the one-class protocol, with normal images only for training; the two-class ones
    in the same folder are for supervised methods and are not read. `Split.defects` holds what
    ``<object>/image_anno.csv`` calls the defects of an image ("scratch", or several with commas),
    and "anomaly" where that file is missing. Masks hold the numbers of defect types; whatever is
    above 0 is a defect.

    Parameters
    ----------
    root: the folder that holds ``split_csv`` and a folder for every object.
    category: "candle", "capsules", "cashew", "chewinggum", "fryum", "macaroni1", "macaroni2",
        "pcb1" to "pcb4" or "pipe_fryum".
    geometry: how images and masks are resized and cropped; None = ``Geometry()``. Images are not
        square.

    Raises
    ------
    FileNotFoundError: a folder, the table, or an image or mask that the table names is missing.
    ValueError: the table has other columns, no images of the object, anomalous images for training,
        or names a file outside `root`; or a mask belongs to no image.

    Examples
    --------
    >>> candle = data.visa("data/visa", "candle")
    >>> candle.train.has_masks, candle.test.has_masks
    (False, True)
    """
    base = expanded(root)
    checked_category(base, category, "VisA", objects(base))
    return arranged(base, category).category(geometry)


def objects(root: Path) -> list[str]:
    """Return the objects that lie in the folder of VisA."""
    return [child.name for child in folders_in(root) if (child / "Data" / "Images").is_dir()]


def arranged(root: Path, category: str) -> Tree:
    """Return what the table says of an object, and everything that is wrong with it."""
    tree = Tree(category, root / category, "VisA")
    if lacking := missing(root, SPLIT, is_there=Path.is_file):
        tree.problems.append(lacking)
        return tree
    try:
        rows = [row for row in _rows(root / SPLIT, COLUMNS) if row["object"] == category]
        names = _defects(root / category / "image_anno.csv")
    except ValueError as error:
        tree.problems.append(error)
        return tree
    if outside := [
        name for row in rows for name in (row["image"], row["mask"]) if name and not _is_below(name)
    ]:
        tree.problems.append(
            ValueError(f"expected files of the data set in {root / SPLIT}, got {outside[0]!r}")
        )
        return tree
    for row in sorted(rows, key=lambda row: row["image"]):
        defect = "good" if row["label"] == "normal" else names.get(row["image"], "anomaly")
        mask = root / row["mask"] if row["mask"] else None
        tree.entries.append(Entry(root / row["image"], row["split"], defect, mask))
    tree.problems.extend(_problems(root, tree))
    return tree


def _rows(file: Path, columns: list[str]) -> list[dict[str, str]]:
    """Return the rows of a table with these columns."""
    try:
        with file.open(encoding="utf-8", newline="") as lines:
            table = csv.DictReader(lines, strict=True)
            found = list(table.fieldnames or [])
            rows = (
                [{name: row[name] or "" for name in columns} for row in table]
                if found == columns
                else []
            )
    except (csv.Error, UnicodeDecodeError) as error:
        raise ValueError(f"expected a table in {file}, got {error}: get it again") from error
    if found != columns:
        raise ValueError(
            f"expected the columns {','.join(columns)} in {file}, got {','.join(found)}: get it again"
        )
    return rows


def _defects(file: Path) -> dict[str, str]:
    """Return what is said of every image, where the file is there."""
    return (
        {row["image"]: row["label"] for row in _rows(file, ["image", "label", "mask"])}
        if file.is_file()
        else {}
    )


def _is_below(name: str) -> bool:
    path = PurePosixPath(name)
    return not path.is_absolute() and ".." not in path.parts


def _problems(root: Path, tree: Tree) -> list[Exception]:
    """Return what is wrong with the files that the table names, and with those that it does not."""
    found: list[Exception] = []
    masks = {entry.mask for entry in tree.entries if entry.mask}
    gone = [
        path
        for path in [*(entry.path for entry in tree.entries), *sorted(masks)]
        if not path.is_file()
    ]
    if gone:
        found.append(
            FileNotFoundError(
                f"expected all files that {root / SPLIT} names, found {len(gone)} missing, first {gone[0]}: "
                "unpack the data set again"
            )
        )
    if parts := sorted({entry.part for entry in tree.entries} - {"train", "test"}):
        found.append(
            ValueError(
                f"expected the splits train and test in {root / SPLIT}, got {', '.join(parts)}"
            )
        )
    if bad := [entry for entry in tree.of("train") if entry.known]:
        found.append(
            ValueError(f"expected only normal training images in {root / SPLIT}, got {bad[0].path}")
        )
    for part in ("train", "test"):
        if not tree.of(part):
            found.append(
                ValueError(f"expected {part} images of {tree.name!r} in {root / SPLIT}, got none")
            )
    if orphans := [
        mask for mask in images_of(tree.root / "Data/Masks/Anomaly") if mask not in masks
    ]:
        found.append(
            ValueError(
                f"expected every mask to belong to an image of {root / SPLIT}, got {len(orphans)} without one, first "
                f"{orphans[0]}: remove it, or restore its row"
            )
        )
    return found
