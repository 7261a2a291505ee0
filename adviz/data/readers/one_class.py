"""Classification data sets in the one-class protocol: one class is normal, the others novel."""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from adviz._support import got
from adviz.data.category import Category
from adviz.data.folder_tree import Entry, Tree
from adviz.data.geometry import Geometry
from adviz.data.images import image_files_in
from adviz.data.paths import data_root, folders_in, listing
from adviz.data.readers.classification_sets import SOURCES, Source
from adviz.data.readers.download import fetch, unpack
from adviz.data.readers.fine_grained import cub200, cub_classes, flowers102
from adviz.data.readers.idx import read_idx
from adviz.data.split import Split

SIZE = 96  # pixels, of the square that images of 28 or 32 pixels are resized to
PARTS = ("train", "test")
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
    """Return a category in which one class of a classification data set is normal.

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
    names = list(source.classes) or _names_on_disk(dataset, folder)
    chosen = _class_index(dataset, names, normal)
    if dataset == "caltech256":
        return _caltech_tree(folder, chosen, seed).category(geometry)
    if dataset in LISTED:
        return _listed_tree(dataset, folder, names, chosen).category(geometry)
    geometry = geometry or Geometry(SIZE, crop=False)
    train, test = (_split_of_arrays(dataset, folder, part, chosen, geometry) for part in PARTS)
    return Category(train.name, train, test)


def classes(dataset: str, *, root: str | Path | None = None) -> list[str]:
    """Return the names of a data set's classes, in its own order.

    Caltech-256's and the birds' are read from disk.

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
    return _names_on_disk(dataset, _folder(dataset, root, False))


def _names_on_disk(dataset: str, folder: Path) -> list[str]:
    """Return the class names of a data set that has them in its files."""
    return cub_classes(folder) if dataset == "cub200" else list(_class_folders(folder))


def _source(dataset: str) -> Source:
    if dataset not in SOURCES:
        raise ValueError(
            f"expected one of the data sets {', '.join(SOURCES)}, {got(dataset, SOURCES)}"
        )
    return SOURCES[dataset]


def _class_index(dataset: str, names: Sequence[str], normal: int | str) -> int:
    """Return the index of a class that is given by name or index."""
    if isinstance(normal, str) and normal in names:
        return names.index(normal)
    is_integer = isinstance(normal, int | np.integer) and not isinstance(normal, bool)
    if is_integer and 0 <= normal < len(names):  # type: ignore[operator]
        return int(normal)
    numbered = ", ".join(f"{index} {name!r}" for index, name in enumerate(names))
    raise ValueError(f"expected a class of {dataset} ({numbered}), {got(normal, names)}")


def _folder(dataset: str, root: str | Path | None, download: bool) -> Path:
    """Return the folder of a data set, downloading it if asked to."""
    source = SOURCES[dataset]
    base = data_root(root)
    folders = [base / folder for folder in source.folders]
    # the folder itself may hold the files
    if root is not None:
        folders.append(base)
    else:  # only folders that bear the data set's name, as all IDX files are called alike
        folders.append(DEBIAN / source.folders[-1])
    for folder in folders:
        if folder.is_dir() and any(folder.glob(source.marker)):
            return folder
    if download:
        return _downloaded(source, folders[0])
    remedies = ["pass download=True", f"or pass as root= the folder with {source.needs}"]
    if source.also:
        remedies.insert(1, source.also)
    searched = ", ".join(map(str, folders))
    raise FileNotFoundError(
        f"expected {dataset} in one of {searched}; found none: {'; '.join(remedies)}. See "
        "data/README.md"
    )


def _downloaded(source: Source, folder: Path) -> Path:
    """Fetch the files of a data set into a folder, unpack the archives, and return the folder."""
    for name, md5 in source.files:
        is_archive = ".tar" in name or name.endswith(".tgz")
        # an archive that holds the folder itself goes beside it
        target = folder.parent if is_archive and not source.holds else folder
        file = fetch(source.address + name, md5, target)
        if is_archive:
            unpack(file, source.holds or folder.name)
            file.unlink()
    return folder


def _split_of_arrays(
    dataset: str, folder: Path, part: str, chosen: int, geometry: Geometry
) -> Split:
    """Return the training images of a class, or all test images, of a data set in array files."""
    names = SOURCES[dataset].classes
    name = f"{dataset}: {names[chosen]}"
    read = _cifar if dataset == "cifar10" else _mnist
    images, labels = read(folder, part)  # (N, h, w) or (N, h, w, 3), (N,)
    if labels.max() >= len(names):
        raise ValueError(
            f"expected {len(names)} classes in {folder}, got a label of {labels.max()}"
        )
    # all test images, but the training images of one class alone
    indices = np.arange(len(labels))
    if part == "train":
        indices = np.flatnonzero(labels == chosen)
        images = images[indices]
        labels = labels[indices]
    if not len(indices):
        raise ValueError(f"expected training images of {name!r} in {folder}, got none")
    return Split.from_arrays(
        images,
        labels != chosen,
        [names[label] for label in labels],
        names=[f"{part}/{index:05}" for index in indices],
        geometry=geometry,
        name=name,
    )


def _mnist(folder: Path, part: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the (N, h, w) images and (N,) labels of four IDX files' training or test half."""
    stem = "train" if part == "train" else "t10k"
    images = read_idx(_idx_file(folder, f"{stem}-images-idx3-ubyte"), dimensions=3)
    labels = read_idx(_idx_file(folder, f"{stem}-labels-idx1-ubyte"), dimensions=1)
    if len(images) != len(labels):
        expected = f"expected a label for each of the {len(images)} {stem} images in {folder}"
        raise ValueError(f"{expected}, got {len(labels)}")
    return images, labels


def _idx_file(folder: Path, name: str) -> Path:
    """Return one of the four files, packed or not, with a hyphen before "idx" or a dot."""
    dotted = name.replace("-idx", ".idx")
    for candidate in (name, f"{name}.gz", dotted, f"{dotted}.gz"):
        if (folder / candidate).is_file():
            return folder / candidate
    raise FileNotFoundError(
        f"expected a file {name} or {name}.gz in {folder}, found {listing(folder)}"
    )


def _cifar(folder: Path, part: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the (N, 32, 32, 3) images and (N,) labels of CIFAR-10's binary version."""
    names = ["test_batch.bin"]
    if part == "train":
        names = [f"data_batch_{number}.bin" for number in range(1, 6)]
    batches = []
    for file in (folder / name for name in names):
        if not file.is_file():
            raise FileNotFoundError(
                f"expected a file {file.name} in {folder}, found {listing(folder)}"
            )
        values = np.fromfile(file, np.uint8)
        if not values.size or values.size % RECORD:
            expected = f"expected images of {RECORD} bytes in {file}"
            raise ValueError(f"{expected}, got {values.size} bytes: get it again")
        batches.append(values.reshape(-1, RECORD))
    records = np.concatenate(batches)  # (N, 3073)
    images = records[:, 1:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
    return np.ascontiguousarray(images), records[:, 0]


def _class_folders(folder: Path) -> dict[str, Path]:
    """Return the class folders of Caltech-256 by the names behind their numbers."""
    numbered = [path for path in folders_in(folder) if re.match(r"\d{3}\.", path.name)]
    return {path.name.partition(".")[2]: path for path in numbered}


def _caltech_tree(folder: Path, chosen: int, seed: int) -> Tree:
    """Return the images of Caltech-256, of which a fraction of every class is for the test."""
    folders = _class_folders(folder)
    normal = list(folders)[chosen]
    tree = Tree(f"caltech256: {normal}", folder, "caltech256")
    for name, class_folder in folders.items():
        files = image_files_in(class_folder)
        # each class draws for itself, so that a missing class does not change the others
        rng = np.random.default_rng((seed, zlib.crc32(name.encode())))
        n_tested = max(1, round(HELD_OUT * len(files)))
        tested = set(rng.permutation(len(files))[:n_tested].tolist())
        for index, file in enumerate(files):
            if index in tested:
                tree.entries.append(Entry(file, "test", name, label=int(name != normal)))
            elif name == normal:
                tree.entries.append(Entry(file, "train", name, label=0))
    if not tree.of("train"):
        raise ValueError(
            f"expected at least 2 images in {folders[normal]}, to learn from and to test, got fewer"
        )
    return tree


def _listed_tree(dataset: str, folder: Path, names: list[str], chosen: int) -> Tree:
    """Return photographs whose class and part are listed."""
    normal = names[chosen]
    entries = [
        Entry(image.path, image.part, image.kind, label=int(image.kind != normal))
        for image in LISTED[dataset](folder, names)
        if image.part == "test" or image.kind == normal
    ]
    tree = Tree(f"{dataset}: {normal}", folder, dataset, entries)
    for part in PARTS:
        if not tree.of(part):
            raise ValueError(f"expected {part} images of {normal!r} in {folder}, got none")
    return tree
