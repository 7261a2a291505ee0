"""Reader for folders arranged like MVTec AD: train/good, test/<defect>, ground_truth/<defect>."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from adviz.data.category import Category
from adviz.data.folder_names import (
    KNOWN,
    RARE_TRUTH_WORDS,
    is_ambiguous,
    is_mask_folder,
    plain,
    says_good,
    says_unlabelled,
)
from adviz.data.folder_tree import (
    SEE_README,
    Entry,
    Tree,
    checked_category,
    checked_folder,
    flat,
    folder_called,
    good_folder,
    holds_images,
    lacking,
    lacking_good,
    without_masks,
)
from adviz.data.geometry import Geometry
from adviz.data.images import image_files_in, no_images_hint
from adviz.data.mask_pairing import masks_by_image
from adviz.data.paths import data_root, expanded, folders_in, listing, real_name
from adviz.data.readers import sorted_photos
from adviz.data.split import Split

DEPTH = 2  # levels of folders around categories, for `available`


@dataclass(frozen=True)
class Shape:
    """The names of the folders of an MVTec-style tree.

    Other cases and synonyms are understood, see `adviz.data.folder_names`.

    Attributes
    ----------
    layout: the name of the data set, for messages.
    good: the folder of normal images in train, validation and test.
    test, truth: the folders of test images and of masks, "" where there are none; of one that lies
        in the other only the masks are read.
    validation: whether there must be validation/<good>; where it need not, it may.
    """

    layout: str = "MVTec style"
    good: str = "good"
    test: str = "test"
    truth: str = "ground_truth"
    validation: bool = False


def folder(path: str | Path, *, geometry: Geometry | None = None) -> Category:
    """Read one category, arranged like MVTec AD, or sorted into ``good`` and ``bad``.

    Expected are ``train/good/*`` and ``test/<defect>/*`` with, optionally,
    ``ground_truth/<defect>/<image>_mask.png`` (or ``<image>.png``, or a folder ``<image>`` of masks
    whose union counts). ``test/good`` holds normal images; images directly in ``test/`` or in
    ``test/unlabeled`` have no label; every other folder under ``test/`` holds anomalous images and
    names their defect. ``validation/good``, if there is one, becomes the category's `validation`.

    Or ``good/*`` and ``bad/*`` or ``bad/<defect>/*``, without masks: of the good photographs, in
    the order of their names, every fifth is kept for the test, and the others are for training.
    ``good/*`` alone is enough to learn from, and to see false alarms; nothing can be measured then.

    Names count in any case and with any separator: ``good`` may be called ``OK``, ``normal``,
    ``pass``, ``non_defective``, ``defect-free``, ``good parts``, ``good_2``, ...; ``bad`` may be
    ``NG``, ``defect``, ``anomaly``, ``abnormal``, ``fail``, ..., and its name becomes the defect's;
    ``train``, ``test`` and ``validation`` may be ``training``, ``testing`` and ``val``, and
    ``ground_truth`` may be ``masks``, ``gt``, ``labels``, ... . ``positive`` and ``negative``, or
    ``0`` and ``1``, say not which is which, and are refused. A mask may end in ``_MASK``, ``_gt``,
    ``_label``, ``_seg``, begin with ``mask_``, and lie directly in ``ground_truth`` where only one
    image can be meant. What systems leave in folders (``.ipynb_checkpoints``, ``Thumbs.db``,
    ``__MACOSX``, ``@eaDir``, ...) is passed over.

    Parameters
    ----------
    path: the category's folder; its name becomes the category's. ``~`` is the user's folder.
    geometry: how images and masks are resized and cropped; None = ``Geometry()`` (resize 256,
        centre crop 224) for an MVTec-style tree. Sorted photographs that are not square keep their
        shape instead, and all that is in them: they are resized to a rectangle of about as many
        pixels (portraits of 3:4 to 256 x 192), and where their shapes differ they are letterboxed.

    Raises
    ------
    FileNotFoundError: the folder, its ``train/good`` or its ``test`` does not exist, or a
        ``validation`` has images and no ``good``.
    ValueError: no good training image (of sorted photographs: under five), no test image, images in
        deeper folders, two folders of good images beside each other (``good`` and ``ok``), a mask
        that belongs to no image, or one that two images could have (``000.png`` and ``000.jpg``).

    Examples
    --------
    >>> data.folder(category.test.root).test
    Split(46 images of 224x224: 8 chip, 9 dent, 20 good, 9 scratch)
    """
    path = expanded(path)
    if not path.is_dir():
        expected = "expected a folder with train/good and test, or with good and bad"
        came = "got the file" if path.is_file() else "found none at"
        raise FileNotFoundError(f"{expected}, {came} {path}")
    if sorted_photos.is_sorted(path):
        return sorted_photos.arranged(path).category(geometry)
    if not any(folder_called(path, part) for part in ("train", "test")):
        raise _unsorted(path)
    return arranged(path).category(geometry)


def unlabelled(path: str | Path, *, geometry: Geometry | None = None) -> Split:
    """Read a folder of images without labels.

    There are scores and maps of such images, and no metrics. Where all of them are good, they can
    be learned from.

    Parameters
    ----------
    path: a folder with images directly in it; its name becomes the split's. ``~`` is the user's
        folder.
    geometry: how images are resized and cropped; None = ``Geometry()``.

    Raises
    ------
    FileNotFoundError: there is no such folder.
    ValueError: there are no images in it, or some in deeper folders.

    Examples
    --------
    >>> photos = data.unlabelled(category.test.root / "test" / "dent")
    >>> photos
    Split(9 images of 224x224: 9 unlabelled)
    >>> photos.name, photos.ids[0], photos.labels[0]
    ('dent', '000.png', np.int8(-1))
    """
    path = checked_folder(path, "images")
    tree = Tree(real_name(path), path, "images")
    tree.entries.extend(Entry(file, "test", "unlabelled") for file in flat(path, tree.problems))
    if tree.problems:
        raise tree.problems[0]
    if not tree.entries:
        raise ValueError(f"expected images in {path}, found {listing(path)}: add some")
    return tree.split("test", geometry)


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

    Examples
    --------
    >>> screw = data.mvtec("data/mvtec", "screw")
    >>> screw.train.image_size
    (224, 224)
    """
    path = checked_category(root, category, "MVTec AD", list(available(root)))
    return folder(path, geometry=geometry)


def available(root: str | Path | None = None) -> dict[str, Path]:
    """Return the categories up to two levels below a folder: ``{"mvtec/screw": folder, ...}``.

    They are those that `folder` reads, sorted: with ``train/good``, or with ``good`` and ``bad``,
    whatever people call these.

    Parameters
    ----------
    root: where to look; None = the folder that ``$ADVIZ_DATA`` names, or ``./data``.

    Examples
    --------
    >>> data.available(category.test.root.parent)["hex_nut"].name
    'hex_nut'
    """
    base = data_root(root)
    return {path.relative_to(base).as_posix(): path for path in sorted(_categories(base, DEPTH))}


def _categories(path: Path, depth: int) -> Iterator[Path]:
    """Yield the folders of categories below a folder; there is none within another."""
    try:
        below = folders_in(path) if depth else []
    except OSError:  # a folder that cannot be opened
        return
    for child in below:
        if is_category(child):
            yield child
        else:
            yield from _categories(child, depth - 1)


def is_category(path: Path) -> bool:
    """Return whether a folder holds good training images, or photographs sorted into good and bad.

    Of a folder that cannot be opened it is False.
    """
    try:
        return has_good_training(path) or sorted_photos.is_sorted(path)
    except OSError:
        return False


def has_good_training(path: Path) -> bool:
    """Return whether there is a folder train/good, whatever both are called."""
    train = folder_called(path, "train")
    return train is not None and good_folder(train) is not None


def _unsorted(path: Path) -> Exception:
    """Return the error for a folder neither arranged in parts nor sorted: what to do."""
    expected = f"expected folders good and bad, or test and a folder train/good in {path}"
    contents = listing(path)
    loose = image_files_in(path)
    if loose:
        return FileNotFoundError(
            f"{expected}, found {contents}: sort the {len(loose)} images into good and bad, or "
            f"read them without labels: data.unlabelled({str(path)!r})"
        )
    names = [child.name for child in folders_in(path)]
    ambiguous = [name for name in names if is_ambiguous(name)]
    if ambiguous:
        return FileNotFoundError(
            f"{expected}, found {', '.join(names)}, of which {', '.join(ambiguous)} may be either: "
            "rename them good and bad"
        )
    if good_folder(path):
        return FileNotFoundError(
            f"{expected}, found {contents}: put the folders and images of defects into "
            f"{path / 'bad'}, and move others away"
        )
    return FileNotFoundError(
        f"{expected}, found {contents}: rename them (understood are {KNOWN}), or pass the folder "
        f"that holds them; {SEE_README}"
    )


def arranged(path: Path, shape: Shape | None = None) -> Tree:
    """Return the images of a category's folder, and all that is wrong with its arrangement."""
    shape = shape or Shape()
    tree = Tree(real_name(path), path, shape.layout)
    problems = tree.problems
    # good images to learn from, and to choose thresholds with
    for part, needed in (("train", True), ("validation", shape.validation)):
        part_folder = folder_called(path, part, problems)
        good = None if part_folder is None else good_folder(part_folder, problems)
        if good is not None:
            tree.entries.extend(Entry(file, part) for file in flat(good, problems))
        elif needed or (part_folder is not None and holds_images(part_folder)):
            problems.append(lacking_good(path, part_folder, f"{part}/{shape.good}"))
    # the test, whose masks are paired with images only when all of these are known
    test = folder_called(path, shape.test, problems)
    truth = _truth(path, test, shape, problems)
    images: list[tuple[Path, str]] = []
    if test is None:
        remedy = ""
        if shape == Shape():  # no published data set
            remedy = "add it, with good images to test with in its folder good"
        problems.append(lacking(path, shape.test, remedy=remedy))
    else:
        images = _test_images(test, truth, problems)
    # an empty folder is a problem of its own: there may be files of a format that is not read
    if not tree.of("train"):
        empty = path / "train" / shape.good
        expected = f"expected at least one good image in {empty}"
        problems.append(ValueError(f"{expected}, {no_images_hint(empty)}"))
    if not images:
        empty = path / shape.test
        expected = f"expected images in {empty} or its folders"
        problems.append(ValueError(f"{expected}, {no_images_hint(empty)}"))
    masks = {} if truth is None else masks_by_image(truth, images, problems)
    tree.entries.extend(Entry(file, "test", defect, masks.get(file)) for file, defect in images)
    return tree


def _truth(path: Path, test: Path | None, shape: Shape, problems: list[Exception]) -> Path | None:
    """Return the folder of masks; None where there is none.

    Where the layout has it beside the test images, it may also lie among them, or have one of the
    names that may as well mean something else.
    """
    if not shape.truth:
        return None
    beside_test = "/" not in shape.truth
    if beside_test and (truth := folder_called(path, shape.truth, problems)):
        return truth
    candidates = []
    if test:
        candidates += [child for child in folders_in(test) if plain(child.name) == "groundtruth"]
    if beside_test:
        rare = [child for child in folders_in(path) if plain(child.name) in RARE_TRUTH_WORDS]
        candidates += [child for child in rare if holds_images(child)]
    return candidates[0] if candidates else None


def _test_images(
    test: Path, truth: Path | None, problems: list[Exception]
) -> list[tuple[Path, str]]:
    """Return the test images, each with its defect, "good" or "unlabelled"."""
    folders = [child for child in folders_in(test) if child != truth]
    ambiguous = [child.name for child in folders if is_ambiguous(child.name)]
    if good_folder(test, problems) is None and ambiguous:
        problems.append(
            ValueError(
                f"expected the folders in {test} to say which images are good, got "
                f"{', '.join(ambiguous)}, which may be either: rename the one of good images good; "
                "that of defective ones may be called as you like"
            )
        )
    for child in folders:
        siblings = [folder.name for folder in folders if folder != child]
        if image_files_in(child) and is_mask_folder(child.name, siblings):
            problems.append(
                ValueError(
                    f"expected images in {child}, whose name says that they are masks: move it to "
                    f"{test.parent / 'ground_truth'}, into the folder of the defect; if they are "
                    "images, rename it"
                )
            )
    images = [(file, "unlabelled") for file in without_masks(image_files_in(test), problems)]
    for child in folders:
        defect = _defect(child.name)
        images += [(file, defect) for file in flat(child, problems)]
    return images


def _defect(folder: str) -> str:
    """Return the defect, "good" or "unlabelled", that a test folder's name says."""
    if says_good(folder):
        return "good"
    return "unlabelled" if says_unlabelled(folder) else folder
