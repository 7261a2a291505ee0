"""Reader for VisA: folders of normal and anomalous images, and a table that splits them."""

from __future__ import annotations

import csv
from pathlib import Path

from adviz.data.category import Category
from adviz.data.folder_tree import Entry, Tree, checked_category, lacking
from adviz.data.geometry import Geometry
from adviz.data.images import image_files_in
from adviz.data.paths import expanded, folders_in, is_inside

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
    """Return the images of an object as the table lists them, and everything that is wrong."""
    table = root / SPLIT
    tree = Tree(category, root / category, "VisA")
    if not table.is_file():
        tree.problems.append(lacking(root, SPLIT, "file"))
        return tree
    try:
        rows = [row for row in _rows(table, COLUMNS) if row["object"] == category]
        names = _defects(root / category / "image_anno.csv")
    except ValueError as error:
        tree.problems.append(error)
        return tree
    # a table from elsewhere must not make us read other files
    for row in rows:
        for name in (row["image"], row["mask"]):
            if name and not is_inside(name):
                message = f"expected files of the data set in {table}, got {name!r}"
                tree.problems.append(ValueError(message))
                return tree
    # by name, as all other readers list images
    for row in sorted(rows, key=lambda row: row["image"]):
        defect = "good" if row["label"] == "normal" else names.get(row["image"], "anomaly")
        mask = root / row["mask"] if row["mask"] else None
        tree.entries.append(Entry(root / row["image"], row["split"], defect, mask))
    tree.problems.extend(_problems(table, tree))
    return tree


def _rows(file: Path, columns: list[str]) -> list[dict[str, str]]:
    """Return the rows of a table with these columns."""
    rows: list[dict[str, str]] = []
    try:
        with file.open(encoding="utf-8", newline="") as lines:
            reader = csv.DictReader(lines, strict=True)
            header = list(reader.fieldnames or [])
            if header == columns:
                rows = [{name: row[name] or "" for name in columns} for row in reader]
    except (csv.Error, UnicodeDecodeError) as error:
        raise ValueError(f"expected a table in {file}, got {error}: get it again") from error
    if header != columns:
        expected = f"expected the columns {','.join(columns)} in {file}"
        raise ValueError(f"{expected}, got {','.join(header)}: get it again")
    return rows


def _defects(file: Path) -> dict[str, str]:
    """Return the defect that a table names for every image; nothing where there is no table."""
    if not file.is_file():
        return {}
    return {row["image"]: row["label"] for row in _rows(file, ["image", "label", "mask"])}


def _problems(table: Path, tree: Tree) -> list[Exception]:
    """Return what is wrong with the files that the table names, and with those that it does not."""
    problems: list[Exception] = []
    masks = {entry.mask for entry in tree.entries if entry.mask}
    files = [entry.path for entry in tree.entries] + sorted(masks)
    missing = [path for path in files if not path.is_file()]
    if missing:
        problems.append(
            FileNotFoundError(
                f"expected all files that {table} names, found {len(missing)} missing, first "
                f"{missing[0]}: unpack the data set again"
            )
        )
    parts = sorted({entry.part for entry in tree.entries} - {"train", "test"})
    if parts:
        message = f"expected the splits train and test in {table}, got {', '.join(parts)}"
        problems.append(ValueError(message))
    anomalous = [entry.path for entry in tree.of("train") if entry.known]
    if anomalous:
        message = f"expected only normal training images in {table}, got {anomalous[0]}"
        problems.append(ValueError(message))
    for part in ("train", "test"):
        if not tree.of(part):
            message = f"expected {part} images of {tree.name!r} in {table}, got none"
            problems.append(ValueError(message))
    orphans = [
        mask for mask in image_files_in(tree.root / "Data/Masks/Anomaly") if mask not in masks
    ]
    if orphans:
        problems.append(
            ValueError(
                f"expected every mask to belong to an image of {table}, got {len(orphans)} "
                f"without one, first {orphans[0]}: remove it, or restore its row"
            )
        )
    return problems
