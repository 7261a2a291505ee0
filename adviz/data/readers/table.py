"""Reader for tables: a row for every image with its label and, if there are, its mask and part."""

from __future__ import annotations

import csv
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adviz._support import got
from adviz.data.category import Category
from adviz.data.folder_names import (
    is_ambiguous,
    part_of,
    plain,
    says_bad,
    says_good,
    says_unlabelled,
)
from adviz.data.folder_tree import Entry, Tree
from adviz.data.geometry import Geometry
from adviz.data.paths import expanded, is_nothing, real_name
from adviz.data.readers.sorted_photos import EVERY, every_fifth
from adviz.data.split import ANOMALOUS, GOOD, NAMES, UNLABELLED

if TYPE_CHECKING:
    import pandas as pd

# what columns are called that nobody named, in the order in which they are looked for; compared by
# `plain`
USUAL = {
    "image": ("image", "image_path", "path", "file", "file_name", "file_path"),
    "label": ("label", "labels", "label_index"),
    "mask": ("mask", "masks", "mask_path", "mask_file", "ground_truth", "gt", "gt_path"),
    "part": ("part", "split", "set", "subset"),
    "defect": ("defect", "defects", "defect_type", "anomaly_type"),
}
NEEDED = ("image", "label")
NUMBERS = {
    **dict.fromkeys(("0", "0.0", "false"), GOOD),
    **dict.fromkeys(("1", "1.0", "true"), ANOMALOUS),
    **dict.fromkeys(("-1", "-1.0"), UNLABELLED),
}
# What programs write where there is nothing
WRITTEN_NOTHING = ("nan", "none", "null", "na", "n/a", "<na>")
SEPARATORS = ",;\t"
LABELS = '0 or "good", 1 or "bad", -1 or nothing'
PARTS = '"train", "validation" or "test"'


@dataclass(frozen=True)
class Row:
    """One row of a table; `part` is "" where the table has no such column."""

    number: int
    image: Path
    label: int
    defect: str
    mask: Path | None
    part: str


def table(
    frame: pd.DataFrame | Mapping[str, Sequence[Any]] | str | Path,
    *,
    root: str | Path | None = None,
    image: str | None = None,
    label: str | None = None,
    mask: str | None = None,
    part: str | None = None,
    defect: str | None = None,
    name: str = "",
    geometry: Geometry | None = None,
) -> Category:
    """Make a category of a table with a row for every image.

    It is a pandas DataFrame, columns by name, or a CSV file.

    Parameters
    ----------
    frame: the table; the file of one is read as text, with commas, semicolons or tabs between the
        columns.
    root: the folder that paths are relative to; None = the current one, and for a CSV file its own.
    image: the column of image files; None = the one called "image", "path", "file", ...
    label: the column that says which images are good: 0, False, or "good" or another word for it;
        1, True, or "bad" or another word for it. Where some rows say "good", every other text is
        the name of a defect. Empty or -1 = unlabelled. None = the column called "label", ...
    mask: the column of ground-truth files; empty, None or NaN = no mask. None = the column called
        "mask", ..., if there is one.
    part: the column that says "train", "validation" or "test" ("training", "val", "testing"); None
        = the column called "part", "split", ..., if there is one. Without it all images are for the
        test but the good ones, of which every fifth is, in the order of their files' names.
    defect: the column of names of defects, for the anomalous images; None = the column called
        "defect", ..., if there is one, and else what `label` says.
    name: the category's; "" = the name of the folder that paths are relative to, if one is given.
    geometry: how images and masks are resized and cropped; None = ``Geometry()``.

    Raises
    ------
    ValueError: a column that is not there, a label or part that says nothing, or numbers in a
        column "is_good"; an image in two rows; an anomalous or unlabelled image for training or
        validation; a good image with a defect's name; no image to learn from, or none for the test.
    FileNotFoundError: a file is not there.
    TypeError: no table.

    Examples
    --------
    >>> files = [f"train/good/{number:03}.png" for number in range(10)] + ["test/dent/000.png"]
    >>> masks = [None] * 10 + ["ground_truth/dent/000_mask.png"]
    >>> labels = ["good"] * 10 + ["dent"]
    >>> columns = {"path": files, "label": labels, "mask": masks}
    >>> data.table(columns, root=category.test.root, name="nut").test
    Split(3 images of 224x224: 1 dent, 2 good)
    """
    columns, base = _columns(frame, root)
    # columns by role
    names = {"image": image, "label": label, "mask": mask, "part": part, "defect": defect}
    chosen = {role: _chosen(columns, role, name) for role, name in names.items()}
    cells = {role: columns[column] for role, column in chosen.items() if column is not None}
    _check_direction(chosen["label"] or "", cells["label"])
    rows = _rows(cells, base or Path())
    _check_unique(rows)
    _check_files(rows)
    if base and not name:
        name = real_name(base)
    tree = Tree(name, base or Path(), "table")
    # files are known to be there: now what each image is for
    for row, its_part in zip(rows, _parts(rows), strict=True):
        _check_part(row, its_part)
        tree.entries.append(Entry(row.image, its_part, row.defect, row.mask, label=row.label))
    for needed in ("train", "test"):
        if not tree.of(needed):
            raise ValueError(
                f"expected images for {needed}, found none among {len(rows)} rows: add some"
            )
    return tree.category(geometry)


def _columns(frame: Any, root: str | Path | None) -> tuple[dict[str, list[Any]], Path | None]:
    """Return the cells of every column, and the folder that paths are relative to, if given."""
    base = None if root is None else expanded(root)
    if isinstance(frame, str | Path):
        file = expanded(frame)
        return _read(file), base or file.parent
    if not isinstance(frame, Mapping) and not hasattr(frame, "columns"):
        raise TypeError(
            "expected a DataFrame, columns by name, or the path of a CSV file, got a "
            f"{type(frame).__name__}: pandas.DataFrame(...) makes one of rows"
        )
    names = list(frame if isinstance(frame, Mapping) else frame.columns)
    for name, count in Counter(names).items():
        if count > 1:
            raise ValueError(
                f"expected columns of different names, got {name!r} more than once: rename one"
            )
    columns = {str(name): list(frame[name]) for name in names}
    lengths = {name: len(cells) for name, cells in columns.items()}
    if len(set(lengths.values())) > 1:
        raise ValueError(f"expected columns of one length, got {lengths}")
    return columns, base


def _read(file: Path) -> dict[str, list[Any]]:
    """Return the columns of a CSV file as text."""
    if not file.is_file():
        raise FileNotFoundError(f"expected a CSV file, found none at {file}")
    try:
        with file.open(encoding="utf-8-sig", newline="") as lines:
            header = lines.readline()
            separator = max(SEPARATORS, key=header.count)
            names = next(csv.reader([header], delimiter=separator), [])
            rows = [row for row in csv.reader(lines, delimiter=separator, strict=True) if row]
    except (csv.Error, UnicodeDecodeError) as error:
        raise ValueError(
            f"expected a table as CSV in UTF-8 in {file}, got {error}: save it so, or read it with "
            "pandas"
        ) from error
    for number, row in enumerate(rows, start=2):
        if len(row) != len(names):
            expected = f"expected {len(names)} columns in every line of {file}"
            raise ValueError(f"{expected}, got others in line {number}")
    # from rows to columns
    cells = zip(*rows, strict=True) if rows else ([] for _ in names)
    return {name.strip(): list(column) for name, column in zip(names, cells, strict=True)}


def _chosen(columns: Mapping[str, Sequence[Any]], role: str, name: str | None) -> str | None:
    """Return the name of the column for a role: the one given, or else one that is usual."""
    names = ", ".join(columns) or "none"
    if name is not None:
        if name not in columns:
            expected = f"expected a column of the table for {role}= ({names})"
            raise ValueError(f"{expected}, {got(name, columns)}")
        return name
    for usual in USUAL[role]:
        for column in columns:
            if plain(column) == plain(usual):
                return column
    if role in NEEDED:
        expected = f"expected a column {' or '.join(USUAL[role][:3])}"
        raise ValueError(f"{expected}, got the columns {names}: name it with {role}=")
    return None


def _check_direction(column: str, cells: Sequence[Any]) -> None:
    """Refuse numbers in a column whose name says that 1 is good, as "is_good" does.

    They are read as 1 = bad.
    """
    numbers = any(str(value).strip().casefold() in NUMBERS for value in cells)
    if numbers and says_good(plain(column).removeprefix("is")):
        raise ValueError(
            f"expected labels in which 1 is bad, got numbers in the column {column!r}, which "
            "sounds as if 1 were good: give one of the opposite, such as "
            f"frame.assign(label=1 - frame[{column!r}].astype(int))"
        )


def _rows(cells: Mapping[str, Sequence[Any]], base: Path) -> list[Row]:
    """Return the rows of the columns by role; files are not looked for yet."""
    names_good = any(isinstance(value, str) and says_good(value) for value in cells["label"])
    rows = []
    for number, value in enumerate(cells["image"]):
        image = _file(value, base, number, "image")
        if image is None:
            expected = "expected an image in every row"
            raise ValueError(f"{expected}, got none in row {number}: drop the row")
        label, defect = _label(cells["label"][number], number, names_good)
        if "defect" in cells:
            defect = _defect(cells["defect"][number], number, label, defect)
        mask = _file(cells["mask"][number], base, number, "mask") if "mask" in cells else None
        part = _part(cells["part"][number], number) if "part" in cells else ""
        rows.append(Row(number, image, label, defect, mask, part))
    return rows


def _is_empty(value: Any) -> bool:
    """Return whether a value is empty, or what programs write for nothing."""
    return is_nothing(value) or str(value).strip().casefold() in WRITTEN_NOTHING


def _file(value: Any, base: Path, number: int, role: str) -> Path | None:
    """Return the file that a value names, None of an empty one."""
    if _is_empty(value):
        return None
    if not isinstance(value, str | Path):
        raise ValueError(f"expected the path of a file as {role}, got {value!r} in row {number}")
    path = base / expanded(value)
    if not path.exists() and "\\" in str(value):  # written by Windows
        path = base / str(value).replace("\\", "/")
    return path


def _label(value: Any, number: int, names_good: bool) -> tuple[int, str]:
    """Return the label and the defect that a value says.

    Where some value of the column says "good" (`names_good`), other texts are names of defects.
    """
    if is_nothing(value):
        return UNLABELLED, NAMES[UNLABELLED]
    text = str(value).strip()
    if text.casefold() in NUMBERS:
        label = NUMBERS[text.casefold()]
        return label, NAMES[label]
    if isinstance(value, str):
        if says_good(text):
            return GOOD, NAMES[GOOD]
        if says_unlabelled(text):
            return UNLABELLED, NAMES[UNLABELLED]
        if says_bad(text) or (names_good and not is_ambiguous(text)):
            return ANOMALOUS, text
    meaning = "may be either" if is_ambiguous(text) else "says neither"
    raise ValueError(
        f"expected {LABELS} (unlabelled) as label, got {value!r} in row {number}, which {meaning}: "
        "rename it"
    )


def _defect(value: Any, number: int, label: int, default: str) -> str:
    """Return the name of a row's defect, which only an anomalous image has."""
    text = str(value).strip()
    if _is_empty(value) or says_good(text):
        return default
    if label == GOOD:
        raise ValueError(
            f"expected no defect of a good image, got {text!r} in row {number}: correct its label "
            "or it"
        )
    return text if label == ANOMALOUS else default


def _part(value: Any, number: int) -> str:
    """Return "train", "validation" or "test", as a value says."""
    part = None if is_nothing(value) else part_of(str(value).strip())
    if part is None:
        came = "nothing" if is_nothing(value) else repr(value)
        raise ValueError(
            f"expected {PARTS} as part, got {came} in row {number}: correct it, or drop the row"
        )
    return part


def _check_unique(rows: Sequence[Row]) -> None:
    """Refuse an image in two rows."""
    first_rows: dict[str, Row] = {}
    for row in rows:
        first = first_rows.setdefault(os.path.abspath(row.image), row)
        if first is row:
            continue
        numbers = f"{row.image} in rows {first.number} and {row.number}"
        if (first.label, first.defect) != (row.label, row.defect):
            raise ValueError(
                f"expected one label for an image, got {first.defect!r} and {row.defect!r} for "
                f"{numbers}: correct one"
            )
        raise ValueError(
            f"expected every image once, got {numbers}: drop one row; where an image has several "
            "masks, put these into a folder and name that, and their union counts"
        )


def _check_files(rows: Sequence[Row]) -> None:
    """Refuse files that are not there."""
    images = [row.image for row in rows if not row.image.is_file()]
    masks = [row.mask for row in rows if row.mask is not None and not row.mask.exists()]
    for role, missing in (("image", images), ("mask", masks)):
        if missing:
            raise FileNotFoundError(
                f"expected the file of every {role}, found {len(missing)} missing, first "
                f"{missing[0]}: pass as root= the folder that the paths are relative to, or drop "
                "these rows"
            )


def _parts(rows: Sequence[Row]) -> list[str]:
    """Return the part of every row; where none says it every fifth good image is for the test."""
    if any(row.part for row in rows):
        return [row.part for row in rows]
    good = sorted(row.image for row in rows if row.label == GOOD)
    if len(good) < EVERY:
        raise ValueError(
            f"expected at least {EVERY} good images, of which every {EVERY}th is kept for the "
            f"test, got {len(good)}: add some, or say in a column part which are for training and "
            "which for the test"
        )
    tested = every_fifth(good)
    training = set(good) - tested
    return ["train" if row.image in training else "test" for row in rows]


def _check_part(row: Row, part: str) -> None:
    """Refuse an image that is not good for training or validation."""
    if part != "test" and row.label != GOOD:
        raise ValueError(
            f"expected only good images for {part}, got {row.defect!r} for {row.image} in row "
            f"{row.number}: put it into the test, or drop the row"
        )
