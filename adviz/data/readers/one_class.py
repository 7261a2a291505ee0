"""Classification data sets in the papers' one-class protocol: one class is normal, all others are novel."""

from __future__ import annotations

import os
import re
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from adviz._support import got
from adviz.data.category import Category
from adviz.data.folder_tree import Entry, Tree
from adviz.data.geometry import Geometry
from adviz.data.images import images_of
from adviz.data.paths import expanded, folders_in, listing
from adviz.data.readers.catalogue import SOURCES, Source
from adviz.data.readers.download import fetch, unpack
from adviz.data.readers.fine_grained import cub200, cub_classes, flowers102
from adviz.data.readers.idx import read_idx
from adviz.data.split import Split

SIZE = 96  # pixels, of the square that images of 28 or 32 pixels are resized to
HELD_OUT = 0.2  # of every class of Caltech-256, which has no test set of its own
DEBIAN = Path("/usr/share/datasets")
# Photographs, and lists that say what they are
LISTED = {"cub200": cub200, "flowers102": flowers102}
RECORD = 1 + 3 * 32 * 32  # bytes of an image of CIFAR-10: its class, then red, green and blue


def novelty(
    dataset: str,
    normal: int | str,
    *,
    root: str | Path | None = None,
    download: bool = False,
    seed: int = 0,
    geometry: Geometry | None = None,
) -> Category:
    """Return one class of a classification data set as normal: its training images, and the test images of all classes.

    `train` has all training images of the class; `test` has every test image, with label 0 if it is
    of that class and 1 otherwise, and `defects` names the class of each. The papers take the mean
    AUROC over all classes as `normal`. Caltech-256 has no test set: 20 % of every class's images,
    drawn with the seed, are held out for it. The flowers' own validation images of the class become
    `validation`. SPADE's Fig. 1 shows birds and flowers without saying which of them were normal;
    its insects on flowers of one class are labelled nowhere.

    Parameters
    ----------
    dataset: "mnist", "fashion_mnist", "cifar10", "caltech256", "cub200" (the version of 2011) or
        "flowers102".
    normal: a class, by name or by its index in `classes`.
    root: the folder that torchvision was given as its root, or the one that holds the files
        themselves; None looks below the folder that ``$ADVIZ_DATA`` names, or ``./data``, and where
        Debian's packages put them.
    download: fetch the data set into `root` if it is not there; nothing is ever fetched otherwise.
    seed: of Caltech-256's test set.
    geometry: how images are resized and cropped; None = ``Geometry(96, crop=False)`` for images of
        28 or 32 pixels, and ``Geometry()`` for photographs.

    Raises
    ------
    FileNotFoundError: the data set is not there (with the ways to get it), or a file of it is
        missing.
    ValueError: an unknown data set or class (they are listed), a damaged file, or images and labels
        of unequal number.
    RuntimeError: it cannot be downloaded.

    Examples
    --------
    >>> flower = data.novelty("flowers102", "pink primrose", root="data")
    >>> set(flower.train.defects)
    {'pink primrose'}
    """
    source = _source(dataset)
    folder = _folder(dataset, root, download)
    if dataset == "caltech256":
        return _of_folders(dataset, folder, normal, seed, geometry)
    if dataset in LISTED:
        return _of_list(dataset, folder, normal, geometry)
    chosen = _index(dataset, source.classes, normal)
    read = _cifar if dataset == "cifar10" else _mnist
    name, splits = f"{dataset}: {source.classes[chosen]}", {}
    for part in ("train", "test"):
        images, labels = read(folder, part)
        if labels.max() >= len(source.classes):
            raise ValueError(
                f"expected {len(source.classes)} classes in {folder}, got a label of {labels.max()}"
            )
        kept = np.flatnonzero(labels == chosen) if part == "train" else np.arange(len(labels))
        if not len(kept):
            raise ValueError(f"expected training images of {name!r} in {folder}, got none")
        splits[part] = Split.from_arrays(
            images[kept] if part == "train" else images,
            labels[kept] != chosen,
            [source.classes[label] for label in labels[kept]],
            names=[f"{part}/{index:05}" for index in kept],
            geometry=geometry or Geometry(SIZE, crop=False),
            name=name,
        )
    return Category(name, splits["train"], splits["test"])


def classes(dataset: str, *, root: str | Path | None = None) -> list[str]:
    """Return the names of a data set's classes, in its own order; Caltech-256's and the birds' are read from disk.

    Raises
    ------
    FileNotFoundError, ValueError: as for `novelty`.

    Examples
    --------
    >>> data.classes("mnist")[3]
    '3'
    """
    source = _source(dataset)
    if source.classes:
        return list(source.classes)
    folder = _folder(dataset, root, False)
    return cub_classes(folder) if dataset == "cub200" else list(_class_folders(folder))


def _source(dataset: str) -> Source:
    if dataset not in SOURCES:
        raise ValueError(
            f"expected one of the data sets {', '.join(SOURCES)}, {got(dataset, SOURCES)}"
        )
    return SOURCES[dataset]


def _index(dataset: str, names: Sequence[str], normal: int | str) -> int:
    """Return the index of a class from its name or index."""
    if isinstance(normal, str) and normal in names:
        return names.index(normal)
    if (
        isinstance(normal, int | np.integer)
        and not isinstance(normal, bool)
        and 0 <= normal < len(names)
    ):
        return int(normal)
    there = ", ".join(f"{index} {name!r}" for index, name in enumerate(names))
    raise ValueError(f"expected a class of {dataset} ({there}), {got(normal, names)}")


def _folder(dataset: str, root: str | Path | None, download: bool) -> Path:
    """Return where a data set lies, after fetching it if asked to."""
    source = SOURCES[dataset]
    base = expanded(root if root is not None else os.environ.get("ADVIZ_DATA", "data"))
    places = [base / folder for folder in source.folders]
    # without a root: only places that bear the data set's name, as all IDX files are called alike
    places += [base] if root is not None else [DEBIAN / source.folders[-1]]
    for place in places:
        if place.is_dir() and any(place.glob(source.marker)):
            return place
    if download:
        return _downloaded(source, places[0])
    ways = [
        "pass download=True",
        *filter(None, [source.also]),
        f"or pass as root= the folder with {source.needs}",
    ]
    looked = ", ".join(map(str, places))
    raise FileNotFoundError(
        f"expected {dataset} in one of {looked}; found none: {'; '.join(ways)}. See data/README.md"
    )


def _downloaded(source: Source, place: Path) -> Path:
    for name, md5 in source.files:
        packed = ".tar" in name or name.endswith(".tgz")
        file = fetch(
            source.address + name, md5, place.parent if packed and not source.holds else place
        )
        if packed:
            unpack(file, source.holds or place.name)
            file.unlink()
    return place


def _mnist(folder: Path, part: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the (N, h, w) images and (N,) labels of four IDX files' training or test half."""
    stem = "train" if part == "train" else "t10k"
    images = read_idx(_idx_file(folder, f"{stem}-images-idx3-ubyte"), dimensions=3)
    labels = read_idx(_idx_file(folder, f"{stem}-labels-idx1-ubyte"), dimensions=1)
    if len(images) != len(labels):
        raise ValueError(
            f"expected a label for each of the {len(images)} {stem} images in {folder}, got {len(labels)}"
        )
    return images, labels


def _idx_file(folder: Path, name: str) -> Path:
    for candidate in (name, name.replace("-idx", ".idx")):
        for file in (folder / candidate, folder / f"{candidate}.gz"):
            if file.is_file():
                return file
    raise FileNotFoundError(
        f"expected a file {name} or {name}.gz in {folder}, found {listing(folder)}"
    )


def _cifar(folder: Path, part: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the (N, 32, 32, 3) images and (N,) labels of CIFAR-10's binary version."""
    names = (
        [f"data_batch_{number}.bin" for number in range(1, 6)]
        if part == "train"
        else ["test_batch.bin"]
    )
    batches = []
    for file in (folder / name for name in names):
        if not file.is_file():
            raise FileNotFoundError(
                f"expected a file {file.name} in {folder}, found {listing(folder)}"
            )
        values = np.fromfile(file, np.uint8)
        if not values.size or values.size % RECORD:
            raise ValueError(
                f"expected images of {RECORD} bytes in {file}, got {values.size} bytes: get it again"
            )
        batches.append(values.reshape(-1, RECORD))
    values = np.concatenate(batches)
    images = values[:, 1:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
    return np.ascontiguousarray(images), values[:, 0]


def _class_folders(folder: Path) -> dict[str, Path]:
    """Return the class folders of Caltech-256 by the names behind their numbers."""
    found = [path for path in folders_in(folder) if re.match(r"\d{3}\.", path.name)]
    return {path.name.partition(".")[2]: path for path in found}


def _of_folders(
    dataset: str, folder: Path, normal: int | str, seed: int, geometry: Geometry | None
) -> Category:
    """Make a category of a folder of images for every class."""
    folders = _class_folders(folder)
    chosen = list(folders)[_index(dataset, list(folders), normal)]
    name = f"{dataset}: {chosen}"
    train: list[tuple[Path, str]] = []
    test: list[tuple[Path, str]] = []
    for kind, place in folders.items():
        files = images_of(place)
        # each class draws for itself, so that a missing class does not change the others
        order = np.random.default_rng((seed, zlib.crc32(kind.encode()))).permutation(len(files))
        held = sorted(order[: max(1, round(HELD_OUT * len(files)))].tolist())
        test += [(files[index], kind) for index in held]
        if kind == chosen:
            train = [(file, kind) for index, file in enumerate(files) if index not in held]
    if not train:
        raise ValueError(
            f"expected at least 2 images in {folders[chosen]}, to learn from and to test, got fewer"
        )

    def split(images: list[tuple[Path, str]]) -> Split:
        files, kinds = [file for file, _ in images], [kind for _, kind in images]
        labels = [int(kind != chosen) for kind in kinds]
        return Split(
            files, labels, [None] * len(files), kinds, geometry=geometry, name=name, root=folder
        )

    return Category(name, split(train), split(test))


def _of_list(dataset: str, folder: Path, normal: int | str, geometry: Geometry | None) -> Category:
    """Make a category of photographs whose class and part are listed."""
    names = classes(dataset, root=folder)
    chosen = names[_index(dataset, names, normal)]
    entries = [
        Entry(image.path, image.part, image.kind, label=int(image.kind != chosen))
        for image in LISTED[dataset](folder, names)
        if image.part == "test" or image.kind == chosen
    ]
    tree = Tree(f"{dataset}: {chosen}", folder, dataset, entries)
    for part in ("train", "test"):
        if not tree.of(part):
            raise ValueError(f"expected {part} images of {chosen!r} in {folder}, got none")
    return tree.category(geometry)
