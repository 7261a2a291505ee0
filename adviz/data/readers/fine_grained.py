"""Birds and flowers of many kinds: photographs in folders, and lists that say of each what it is and what it is for."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np

PARTS = {"train": "trnid", "validation": "valid", "test": "tstid"}  # of the flowers


@dataclass(frozen=True)
class Photograph:
    """One photograph: its file, "train", "validation" or "test", and the name of its class."""

    path: Path
    part: str
    kind: str


def cub200(folder: Path, names: Sequence[str]) -> list[Photograph]:
    """Return the images of Caltech-UCSD Birds-200-2011 as its lists name them.

    The segmentations that can be had beside it show where a bird is, not what is unusual about it;
    they are not read.

    Raises
    ------
    FileNotFoundError: a list, or an image that it names, is missing.
    ValueError: the lists contradict each other.
    """
    paths = _pairs(folder / "images.txt")
    kinds = _pairs(folder / "image_class_labels.txt")
    parts = _pairs(folder / "train_test_split.txt")
    if not paths.keys() == kinds.keys() == parts.keys():
        counts = f"{len(paths)}, {len(kinds)} and {len(parts)}"
        raise ValueError(
            f"expected images.txt, image_class_labels.txt and train_test_split.txt in {folder} to list the same "
            f"images, got {counts}: get them again"
        )
    numbers = {str(number) for number in range(1, len(names) + 1)}
    if unknown := {*kinds.values()} - numbers or {*parts.values()} - {"0", "1"}:
        raise ValueError(
            f"expected classes 1 to {len(names)} and 0 or 1 for training in {folder}, got {min(unknown)!r}"
        )
    if outside := [
        name
        for name in paths.values()
        if PurePosixPath(name).is_absolute() or ".." in name.split("/")
    ]:
        raise ValueError(
            f"expected files of the data set in {folder / 'images.txt'}, got {outside[0]!r}"
        )
    found = [
        Photograph(
            folder / "images" / name,
            "train" if parts[key] == "1" else "test",
            names[int(kinds[key]) - 1],
        )
        for key, name in paths.items()
    ]
    return _existing(found, folder)


def cub_classes(folder: Path) -> list[str]:
    """Return the names of the birds, without their numbers."""
    named = _pairs(folder / "classes.txt")
    return [name.partition(".")[2] or name for name in named.values()]


def flowers102(folder: Path, names: Sequence[str]) -> list[Photograph]:
    """Return the images of Oxford Flowers-102 as its two .mat files name them.

    Raises
    ------
    FileNotFoundError: a list, or an image that it names, is missing.
    ValueError: a .mat file is damaged, or the two contradict each other.
    """
    labels = _numbers(folder / "imagelabels.mat", ["labels"])["labels"]
    parts = _numbers(folder / "setid.mat", list(PARTS.values()))
    if labels.size and not 1 <= labels.min() <= labels.max() <= len(names):
        raise ValueError(
            f"expected classes 1 to {len(names)} in {folder / 'imagelabels.mat'}, got {labels.max()}"
        )
    chosen = np.concatenate(list(parts.values()))
    if len(np.unique(chosen)) != len(chosen) or not {*chosen.tolist()} <= {
        *range(1, len(labels) + 1)
    }:
        raise ValueError(
            f"expected each of {len(labels)} images at most once in {folder / 'setid.mat'}: get it again"
        )
    found = [
        Photograph(folder / "jpg" / f"image_{number:05}.jpg", part, names[labels[number - 1] - 1])
        for part, key in PARTS.items()
        for number in sorted(parts[key].tolist())
    ]
    return _existing(found, folder)


def _pairs(file: Path) -> dict[str, str]:
    """Return the lines "number value" of a list."""
    if not file.is_file():
        raise FileNotFoundError(
            f"expected the list {file.name} in {file.parent}, found none: unpack the data set again"
        )
    rows = [
        line.split(maxsplit=1)
        for line in file.read_text(encoding="utf-8", errors="replace").splitlines()
        if line
    ]
    if bad := [row for row in rows if len(row) != 2]:
        raise ValueError(
            f"expected a number and a value in every line of {file}, got {' '.join(bad[0])!r}"
        )
    pairs = {number: value.strip() for number, value in rows}
    if len(pairs) != len(rows):
        raise ValueError(
            f"expected every number once in {file}, got {len(rows) - len(pairs)} repeated: get it again"
        )
    return pairs


def _numbers(file: Path, names: list[str]) -> dict[str, np.ndarray]:
    """Return vectors of whole numbers from a MATLAB file, which is parsed and never run."""
    from scipy.io import loadmat
    from scipy.io.matlab import MatReadError

    if not file.is_file():
        raise FileNotFoundError(
            f"expected the list {file.name} in {file.parent}, found none: unpack the data set again"
        )
    try:
        content = loadmat(file, variable_names=names)
        return {
            name: np.asarray(content[name]).ravel().astype(np.int64, casting="same_kind")
            for name in names
        }
    except (
        MatReadError,
        OSError,
        TypeError,
        ValueError,
        KeyError,
        NotImplementedError,
        zlib.error,
    ) as error:
        raise ValueError(
            f"expected {', '.join(names)} in {file}, got {error}: get it again"
        ) from error


def _existing(found: list[Photograph], folder: Path) -> list[Photograph]:
    if gone := [image.path for image in found if not image.path.is_file()]:
        raise FileNotFoundError(
            f"expected all {len(found)} images that the lists in {folder} name, found {len(gone)} missing, first "
            f"{gone[0]}: unpack the data set again"
        )
    return found
