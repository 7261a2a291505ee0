"""Readers for Caltech-UCSD birds and Oxford flowers: photographs, and lists of class and part."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from adviz.data.paths import is_inside

PARTS = {"train": "trnid", "validation": "valid", "test": "tstid"}  # of the flowers
# what SciPy raises of damaged .mat files, beside its own error
UNREADABLE = (OSError, TypeError, ValueError, KeyError, NotImplementedError, zlib.error)


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
            f"expected images.txt, image_class_labels.txt and train_test_split.txt in {folder} to "
            f"list the same images, got {counts}: get them again"
        )
    numbers = {str(number) for number in range(1, len(names) + 1)}
    unknown = (set(kinds.values()) - numbers) | (set(parts.values()) - {"0", "1"})
    if unknown:
        expected = f"expected classes 1 to {len(names)} and 0 or 1 for training in {folder}"
        raise ValueError(f"{expected}, got {min(unknown)!r}")
    photographs = []
    for key, name in paths.items():
        if not is_inside(name):
            expected = f"expected files of the data set in {folder / 'images.txt'}"
            raise ValueError(f"{expected}, got {name!r}")
        part = "train" if parts[key] == "1" else "test"
        kind = names[int(kinds[key]) - 1]
        photographs.append(Photograph(folder / "images" / name, part, kind))
    return _existing(photographs, folder)


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
        expected = f"expected classes 1 to {len(names)} in {folder / 'imagelabels.mat'}"
        raise ValueError(f"{expected}, got {labels.max()}")
    # no image may be in two parts
    chosen = np.concatenate(list(parts.values()))
    repeated = len(np.unique(chosen)) < len(chosen)
    if repeated or not set(chosen.tolist()) <= set(range(1, len(labels) + 1)):
        raise ValueError(
            f"expected each of {len(labels)} images at most once in {folder / 'setid.mat'}: get it "
            "again"
        )
    photographs = []
    for part, key in PARTS.items():
        for number in sorted(parts[key].tolist()):
            path = folder / "jpg" / f"image_{number:05}.jpg"
            photographs.append(Photograph(path, part, names[labels[number - 1] - 1]))
    return _existing(photographs, folder)


def _check_list(file: Path) -> None:
    """Refuse a list that is not there."""
    if not file.is_file():
        raise FileNotFoundError(
            f"expected the list {file.name} in {file.parent}, found none: unpack the data set again"
        )


def _pairs(file: Path) -> dict[str, str]:
    """Return the lines "number value" of a list."""
    _check_list(file)
    pairs: dict[str, str] = {}
    n_repeated = 0
    for line in file.read_text(encoding="utf-8", errors="replace").splitlines():
        if not line:
            continue
        fields = line.split(maxsplit=1)
        if len(fields) != 2:
            expected = f"expected a number and a value in every line of {file}"
            raise ValueError(f"{expected}, got {' '.join(fields)!r}")
        number, value = fields
        n_repeated += number in pairs
        pairs[number] = value.strip()
    if n_repeated:
        raise ValueError(
            f"expected every number once in {file}, got {n_repeated} repeated: get it again"
        )
    return pairs


def _numbers(file: Path, names: list[str]) -> dict[str, np.ndarray]:
    """Return vectors of whole numbers from a MATLAB file, which is parsed and never run."""
    from scipy.io import loadmat
    from scipy.io.matlab import MatReadError

    _check_list(file)
    try:
        content = loadmat(file, variable_names=names)
        numbers = {name: np.asarray(content[name]).ravel() for name in names}
        return {
            name: values.astype(np.int64, casting="same_kind") for name, values in numbers.items()
        }
    except (*UNREADABLE, MatReadError) as error:
        raise ValueError(
            f"expected {', '.join(names)} in {file}, got {error}: get it again"
        ) from error


def _existing(photographs: list[Photograph], folder: Path) -> list[Photograph]:
    """Return photographs, refusing files that are not there."""
    missing = [image.path for image in photographs if not image.path.is_file()]
    if missing:
        raise FileNotFoundError(
            f"expected all {len(photographs)} images that the lists in {folder} name, found "
            f"{len(missing)} missing, first {missing[0]}: unpack the data set again"
        )
    return photographs
