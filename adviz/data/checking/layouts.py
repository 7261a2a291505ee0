"""Which data set a folder holds, recognised by the names in it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from adviz.data.checking.walking import walk
from adviz.data.folder_names import GOOD_WORDS
from adviz.data.folder_tree import Entry, Tree, folder_called
from adviz.data.images import image_files_in
from adviz.data.paths import folders_in, is_hidden_below
from adviz.data.readers import mvtec_style as folders
from adviz.data.readers import sorted_photos
from adviz.data.readers import visa as visa_tree
from adviz.data.readers.classification_sets import SOURCES
from adviz.data.readers.fine_grained import Photograph, cub200, cub_classes, flowers102
from adviz.data.readers.mvtec_family import BTAD, LOCO, PUBLIC, TEST_SETS, ad2_shape
from adviz.data.split import UNLABELLED

CUB = "CUB-200-2011"
FLOWERS = "Flowers-102"
MTD = "MTD"
VISA = "VisA"
UNKNOWN = ""
MAX_DEPTH = 2  # levels of folders around data sets, as `available` has them
VARYING_SIZES = (CUB, FLOWERS, MTD)  # photographs and tiles, whose sizes differ by nature
# Words that readers do not take for good, and that may mean it all the same.
SEEMINGLY_GOOD = GOOD_WORDS | frozenset(
    "okey defectless gut bon bueno buono goed regular correct conform reference golden free "
    "negative".split()
)
NEGATIONS = frozenset("not no non nok n nicht un in anomaly bad".split())


def recognise(path: Path) -> list[Tree]:
    """Return the categories in a folder by their names alone; none if the layout is not known."""
    return _data_set(path) or _data_sets_within(path, MAX_DEPTH)


def looks_good(name: str) -> bool:
    """Tell whether a folder's name says good in some language; to ask the user, not to decide."""
    letters = [letter if letter.isalnum() else " " for letter in name.casefold()]
    words = set("".join(letters).split())
    return not words & NEGATIONS and bool(words & SEEMINGLY_GOOD)


def _data_sets_within(path: Path, depth: int) -> list[Tree]:
    """Return the categories in the folders of a folder, down to a depth."""
    trees = []
    if depth:
        for child in folders_in(path):
            trees += _data_set(child) or _data_sets_within(child, depth - 1)
    return trees


def _data_set(path: Path) -> list[Tree]:
    """Return the categories of the data set or category that a folder is; nothing is raised."""
    try:
        for is_layout, read in LAYOUTS:
            if is_layout(path):
                return read(path)
        tree = _category(path)
    except OSError as error:  # its file name is what was looked for, and need not exist
        closed = OSError(
            f"expected folders that can be opened, got {error.strerror} within {path}: "
            "it is not read"
        )
        tree = Tree(path.name, path, UNKNOWN, problems=[closed])
    return [tree] if tree else []


def _category(path: Path) -> Tree | None:
    """Return a category of an MVTec-style data set, or photographs sorted into good and bad."""
    # Names that only one published layout has; then a user's own data.
    if (path / "test_public").is_dir():
        return _mvtec_ad2(path)
    if (path / "train" / "ok").is_dir() and (path / "test" / "ko").is_dir():
        return folders.arranged(path, BTAD)
    for kind in ("logical_anomalies", "structural_anomalies"):
        if (path / "test" / kind).is_dir():
            return folders.arranged(path, LOCO)
    if sorted_photos.is_sorted(path):
        return sorted_photos.arranged(path)
    has_parts = folder_called(path, "train") and folder_called(path, "test")
    if has_parts or folders.has_good_training(path):
        return folders.arranged(path)
    return None


def _mvtec_ad2(path: Path) -> Tree:
    """Return all three test sets of a category of MVTec AD 2."""
    tree = folders.arranged(path, PUBLIC)
    for test in TEST_SETS[1:]:
        part = f"test_{test}"
        other = folders.arranged(path, ad2_shape(test))
        for entry in other.of("test"):
            tree.entries.append(Entry(entry.path, part, entry.defect))
        tree.problems.extend(problem for problem in other.problems if part in str(problem))
    return tree


def _is_visa(path: Path) -> bool:
    return (path / visa_tree.SPLIT).is_file() or bool(visa_tree.objects(path))


def _visa(path: Path) -> list[Tree]:
    return [visa_tree.arranged(path, name) for name in visa_tree.objects(path)]


def _is_visa_category(path: Path) -> bool:
    return (path / "Data" / "Images").is_dir()


def _visa_category(path: Path) -> list[Tree]:
    return [visa_tree.arranged(path.parent, path.name)]


def _is_magnetic_tile(path: Path) -> bool:
    return (path / "MT_Free").is_dir()


def _magnetic_tile(path: Path) -> list[Tree]:
    """Return the magnetic tile data set, which has no list of training images."""
    tree = Tree(path.name, path, MTD)
    for folder in sorted(path.glob("MT_*/Imgs")):
        kind = folder.parent.name.removeprefix("MT_")
        defect = "good" if kind == "Free" else kind.lower()
        images = []
        masks = {}
        for file in image_files_in(folder):
            if file.suffix.lower() == ".png":
                masks[file.stem] = file
            else:
                images.append(file)
        for image in images:
            tree.entries.append(Entry(image, "", defect, masks.get(image.stem)))
        for stem in sorted(set(masks) - {image.stem for image in images}):
            tree.problems.append(
                ValueError(f"expected an image beside the mask {masks[stem]}, found none")
            )
    return [tree]


def _is_cub(path: Path) -> bool:
    return (path / "train_test_split.txt").is_file()


def _cub(path: Path) -> list[Tree]:
    return _photographs(path, CUB, lambda: cub200(path, cub_classes(path)))


def _is_flowers(path: Path) -> bool:
    return (path / "setid.mat").is_file() or (path / "imagelabels.mat").is_file()


def _flowers(path: Path) -> list[Tree]:
    return _photographs(
        path, FLOWERS, lambda: flowers102(path, list(SOURCES["flowers102"].classes))
    )


def _photographs(path: Path, layout: str, read: Callable[[], list[Photograph]]) -> list[Tree]:
    """Return photographs by their lists; unlabelled, as any class may be the normal one."""
    # Segmentations show where a bird or flower is, not what is unusual.
    tree = Tree(path.name, path, layout, unused=("segmentations", "segmim"))
    try:
        for photograph in read():
            entry = Entry(photograph.path, photograph.part, photograph.kind, label=UNLABELLED)
            tree.entries.append(entry)
    except (ValueError, FileNotFoundError) as error:
        tree.problems.append(error)
        tree.entries.extend(Entry(file, "", label=UNLABELLED) for file in _images_below(path))
    return [tree]


def _images_below(path: Path) -> list[Path]:
    images = []
    for folder in walk(path).folders:
        if not is_hidden_below(folder, path):
            images += image_files_in(folder)
    return sorted(images)


# Data sets of several categories or of none: how each is recognised and read, the most particular
# first.
LAYOUTS: list[tuple[Callable[[Path], bool], Callable[[Path], list[Tree]]]] = [
    (_is_visa, _visa),
    (_is_visa_category, _visa_category),
    (_is_cub, _cub),
    (_is_flowers, _flowers),
    (_is_magnetic_tile, _magnetic_tile),
]
