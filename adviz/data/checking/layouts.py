"""Which data set a folder holds, told from the names in it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from adviz.data.checking.walking import walked
from adviz.data.folder_tree import Entry, Tree, folder_called
from adviz.data.images import images_of
from adviz.data.paths import folders_in, is_hidden_below
from adviz.data.readers import mvtec_style as folders
from adviz.data.readers import sorted_photos
from adviz.data.readers import visa as visa_tree
from adviz.data.readers.catalogue import SOURCES
from adviz.data.readers.fine_grained import Photograph, cub200, cub_classes, flowers102
from adviz.data.readers.mvtec_family import BTAD, LOCO, PUBLIC, TEST_SETS, ad2_shape

CUB, FLOWERS, MTD, VISA, UNKNOWN = "CUB-200-2011", "Flowers-102", "MTD", "VisA", ""
DEPTH = 2  # levels of folders around data sets, as `available` has them
VARYING = (CUB, FLOWERS, MTD)  # photographs and tiles, whose sizes differ by nature
SEEMINGLY_GOOD = {
    *(
        "good",
        "ok",
        "okay",
        "okey",
        "normal",
        "pass",
        "passed",
        "fine",
        "clean",
        "perfect",
        "healthy",
        "intact",
    ),
    *(
        "accept",
        "accepted",
        "nondefective",
        "defectless",
        "flawless",
        "io",
        "gut",
        "bon",
        "bueno",
        "buono",
        "goed",
    ),
    *(
        "regular",
        "correct",
        "conform",
        "reference",
        "golden",
        "undamaged",
        "free",
        "negative",
        "goods",
    ),
}
NEGATIONS = {"not", "no", "non", "nok", "n", "nicht", "un", "in", "anomaly", "bad"}


def recognised(path: Path) -> list[Tree]:
    """Return what a folder holds, category by category, told from names alone; nothing of no known layout."""
    return _one(path) or _within(path, DEPTH)


def looks_good(name: str) -> bool:
    """Tell whether a folder is probably one of good images, in some language; to ask the user, never to decide."""
    words = "".join(letter if letter.isalnum() else " " for letter in name.casefold()).split()
    return not set(words) & NEGATIONS and any(word in SEEMINGLY_GOOD for word in words)


def _within(path: Path, depth: int) -> list[Tree]:
    """Return the data sets in the folders of a folder, down to a depth."""
    found = []
    for child in folders_in(path) if depth else ():
        found += _one(child) or _within(child, depth - 1)
    return found


def _one(path: Path) -> list[Tree]:
    """Return the data set that a folder is, if it is one; nothing is raised."""
    try:
        for there, reader in WHOLE:
            if there(path):
                return reader(path)
        tree = _category(path)
    except OSError as error:  # its file name is what was looked for, and need not be there
        closed = OSError(
            f"expected folders that can be opened, got {error.strerror} within {path}: it is not read"
        )
        tree = Tree(path.name, path, UNKNOWN, problems=[closed])
    return [tree] if tree else []


def _category(path: Path) -> Tree | None:
    """Return a category of an MVTec-style data set."""
    if (path / "test_public").is_dir():
        return _ad2(path)
    if (path / "train" / "ok").is_dir() and (path / "test" / "ko").is_dir():
        return folders.arranged(path, BTAD)
    if any(
        (path / "test" / kind).is_dir() for kind in ("logical_anomalies", "structural_anomalies")
    ):
        return folders.arranged(path, LOCO)
    if sorted_photos.is_sorted(path):
        return sorted_photos.arranged(path)
    in_parts = folder_called(path, "train") and folder_called(path, "test")
    return folders.arranged(path) if in_parts or folders.has_good_training(path) else None


def _ad2(path: Path) -> Tree:
    """Return all three test sets of a category of MVTec AD 2."""
    tree = folders.arranged(path, PUBLIC)
    for test in TEST_SETS[1:]:
        other = folders.arranged(path, ad2_shape(test))
        entries = other.of("test")
        tree.entries.extend(Entry(entry.path, f"test_{test}", entry.defect) for entry in entries)
        tree.problems.extend(
            problem for problem in other.problems if f"test_{test}" in str(problem)
        )
    return tree


def _visa_root(path: Path) -> bool:
    return (path / visa_tree.SPLIT).is_file() or bool(visa_tree.objects(path))


def _visa(path: Path) -> list[Tree]:
    return [visa_tree.arranged(path, name) for name in visa_tree.objects(path)]


def _tiles(path: Path) -> list[Tree]:
    """Return the magnetic tile data set, where nobody says which images are for training."""
    tree = Tree(path.name, path, MTD)
    for place in sorted(path.glob("MT_*/Imgs")):
        files = images_of(place)
        images = [file for file in files if file.suffix.lower() != ".png"]
        masks = {file.stem: file for file in files if file.suffix.lower() == ".png"}
        defect = "good" if place.parent.name == "MT_Free" else place.parent.name[3:].lower()
        tree.entries.extend(Entry(file, "", defect, masks.get(file.stem)) for file in images)
        orphans = sorted(set(masks) - {file.stem for file in images})
        tree.problems.extend(
            ValueError(f"expected an image beside the mask {masks[stem]}, found none")
            for stem in orphans
        )
    return [tree]


def _listed(
    path: Path,
    layout: str,
    read: Callable[[Path, list[str]], list[Photograph]],
    names: Callable[[Path], list[str]],
) -> list[Tree]:
    """Return photographs whose lists say what they are; which class is normal is for the user to choose."""
    tree = Tree(path.name, path, layout, unused=("segmentations", "segmim"))
    try:
        tree.entries.extend(
            Entry(image.path, image.part, image.kind, label=-1) for image in read(path, names(path))
        )
    except (ValueError, FileNotFoundError) as error:
        tree.problems.append(error)
        tree.entries.extend(Entry(file, "", label=-1) for file in _below(path))
    return [tree]


def _below(path: Path) -> list[Path]:
    folders = [folder for folder in walked(path).folders if not is_hidden_below(folder, path)]
    return sorted(file for folder in folders for file in images_of(folder))


def _flower_names(path: Path) -> list[str]:
    return list(SOURCES["flowers102"].classes)


# (how it is recognised, how it is listed), the most particular first
WHOLE: list[tuple[Callable[[Path], bool], Callable[[Path], list[Tree]]]] = [
    (_visa_root, _visa),
    (
        lambda path: (path / "Data" / "Images").is_dir(),
        lambda path: [visa_tree.arranged(path.parent, path.name)],
    ),
    (
        lambda path: (path / "train_test_split.txt").is_file(),
        lambda path: _listed(path, CUB, cub200, cub_classes),
    ),
    (
        lambda path: (path / "setid.mat").is_file() or (path / "imagelabels.mat").is_file(),
        lambda path: _listed(path, FLOWERS, flowers102, _flower_names),
    ),
    (lambda path: (path / "MT_Free").is_dir(), _tiles),
]
