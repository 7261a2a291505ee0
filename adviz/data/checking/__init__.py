"""Check a data set's folder: its contents, what is missing, what looks wrong."""

from __future__ import annotations

import os
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from adviz._support import did_you_mean, progress_bar
from adviz.data.checking.advice import (
    advise,
    is_for_other_tasks,
    is_home_or_root,
    next_steps,
    remedy_for_file,
)
from adviz.data.checking.copies import near_copies
from adviz.data.checking.files import ImageInfo, MaskInfo, image_info, mask_info
from adviz.data.checking.fitting import check_shapes, remedy, treatment
from adviz.data.checking.layouts import recognise
from adviz.data.checking.leaks import find_leaks
from adviz.data.checking.missing import Missing, missing_from_category, missing_from_test
from adviz.data.checking.published import compare_counts, data_set_of, published_counts
from adviz.data.checking.report import Check, Counted, Finding, relative_names
from adviz.data.checking.rules import CheckedCategory, check_category
from adviz.data.checking.walking import Walk, walk
from adviz.data.folder_tree import Tree
from adviz.data.geometry import Geometry
from adviz.data.images import REMEDIES, suffixes
from adviz.data.images import remedy as remedy_for_suffix
from adviz.data.masks import Labels, mask_files
from adviz.data.paths import children, expanded, is_hidden_below
from adviz.data.split import ANOMALOUS, GOOD

__all__ = [
    "Check",
    "Counted",
    "Finding",
    "Missing",
    "check",
    "missing_from_category",
    "missing_from_test",
    "published_counts",
]

Info = TypeVar("Info", ImageInfo, MaskInfo)


def check(
    path: str | Path,
    *,
    geometry: Geometry | None = None,
    watch: Callable[[Check], None] | None = None,
    parts: Mapping[Path, str] | None = None,
) -> Check:
    """Check the folder of a data set, or of one category: what it holds and what looks wrong.

    Recognised are MVTec AD and whatever is laid out like it, photographs sorted into ``good`` and
    ``bad``, MVTec LOCO AD, MVTec AD 2, BTAD, VisA, the magnetic tiles, CUB-200-2011 and
    Flowers-102. The layout is told from names alone. Of any other folder no image is opened: the
    answer is what to do with it, with the lines to type.

    Every image and mask of a known layout is opened once, in threads. Compared by their pixels are
    the images of each category, and by small thumbnails those of train and test, so that a
    photograph that was stored again is found; the counts are compared with the published ones where
    these are known. What is scaled or dropped on reading is said: the bits of files of more than 8,
    alpha channels, further bands, labels in masks. What tells good from bad without a look at the
    part (a file format, a size, a camera that one side alone has) is named from three images on
    each side on, where it is less than 1 % probable to be luck. Nothing is changed, and bad data
    raise nothing: they are what is reported.

    Parameters
    ----------
    path: the folder; ``~`` is the user's.
    geometry: what is to become of the images, to find the defects that it removes; None =
        ``Geometry()``.
    watch: called once with the layout and the counts, which are known before any image is opened;
        see `Check.head`.
    parts: absolute path of an image -> "train" or "test", where it is divided otherwise than the
        layout says, such as by `adviz learn`; copies are then looked for across these.

    Returns
    -------
    What was found; it prints itself. ``check.ok`` is False if there is anything that can change
    results.

    Raises
    ------
    FileNotFoundError: there is no such folder.

    Examples
    --------
    >>> check = data.check(category.test.root)
    >>> check.ok
    True
    >>> print(check.treatment[0])
    the images are 256x256: kept as they are, and the centre is cut out: 16 pixels (6 %) on each
    side are not seen
    """
    base = _existing_folder(path)
    trees = [] if is_home_or_root(base) else recognise(base)
    if not trees or (all(map(_has_no_good_training, trees)) and is_for_other_tasks(base)):
        result = advise(base)
        if watch is not None:
            watch(result)
        return result

    # What names alone tell is handed to `watch` before any image is opened.
    counts, findings = compare_counts(trees)
    layouts = dict.fromkeys(data_set_of(tree) or tree.layout for tree in trees)
    result = Check(base, ", ".join(filter(None, layouts)), counts)
    if watch is not None:
        watch(result)

    if parts:
        trees = [_divided(tree, parts) for tree in trees]
    sizes: Counter[tuple[tuple[int, int], Geometry]] = Counter()
    for category in _opened(trees, geometry, base):
        findings += check_category(category)
        findings += find_leaks(category)
        findings += near_copies(category)
        findings += check_shapes(category)
        for entry in category.readable:
            sizes[category.images[entry.path].size, category.geometry] += 1
    findings += _unused_files(walk(base), trees, base)
    # Serious findings first; within both in the order of the rules.
    findings.sort(key=lambda finding: not finding.serious)
    tested = {entry.known for entry in trees[0].entries if entry.part != "train"}
    steps = next_steps(
        trees,
        base,
        sound=not any(finding.serious for finding in findings),
        measurable={GOOD, ANOMALOUS} <= tested,
        geometry=remedy(findings, (size for size, _ in sizes)),
    )
    return replace(result, findings=findings, treatment=treatment(sizes), steps=steps)


def _divided(tree: Tree, parts: Mapping[Path, str]) -> Tree:
    """Return a category whose images are in the parts given."""
    entries = [replace(one, part=parts.get(one.path, one.part)) for one in tree.entries]
    return replace(tree, entries=entries)


def _has_no_good_training(tree: Tree) -> bool:
    """Tell whether a category has folders train and test, and no good image in train."""
    return tree.layout == "MVTec style" and not tree.of("train")


def _existing_folder(path: str | Path) -> Path:
    """Return a folder's absolute path, or say what is there instead."""
    folder = Path(os.path.abspath(expanded(path)))
    if folder.is_dir():
        return folder
    message = f"expected the folder of a data set, found none at {path}"
    if folder.is_file():
        raise FileNotFoundError(f"{message}, which is a file: {remedy_for_file(folder)}")
    names = []
    if folder.parent.is_dir():
        names = [child.name for child in children(folder.parent)]
    raise FileNotFoundError(f"{message}{did_you_mean(folder.name, names)}")


def _opened(trees: list[Tree], geometry: Geometry | None, base: Path) -> list[CheckedCategory]:
    """Return categories with the properties of their files, each opened once.

    Without `geometry` it is the one that the reader of a category chooses itself.
    """
    geometries = [geometry or tree.fitting or Geometry() for tree in trees]
    images: set[Path] = set()
    mask_options: dict[Path, tuple[Geometry, Labels]] = {}
    for tree, tree_geometry in zip(trees, geometries, strict=True):
        # Whether masks hold labels or soft edges is told from all masks of a category.
        labels = Labels([entry.mask for entry in tree.entries])
        for entry in tree.entries:
            images.add(entry.path)
            if entry.mask:
                mask_options[entry.mask] = (tree_geometry, labels)
    image_infos = _in_threads(sorted(images), image_info, "images")
    mask_infos = _in_threads(
        sorted(mask_options), lambda mask: mask_info(mask, *mask_options[mask]), "masks"
    )
    return [
        CheckedCategory(tree, image_infos, mask_infos, tree_geometry, base)
        for tree, tree_geometry in zip(trees, geometries, strict=True)
    ]


def _in_threads(files: list[Path], read: Callable[[Path], Info], label: str) -> dict[Path, Info]:
    """Return the properties of every file; decoding releases the interpreter's lock."""
    with warnings.catch_warnings(), ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        warnings.simplefilter("ignore")  # Pillow's, about what becomes a finding
        infos = progress_bar(pool.map(read, files), label=f"checking {label}", total=len(files))
        return dict(zip(files, infos, strict=True))


def _unused_files(contents: Walk, trees: list[Tree], base: Path) -> Iterator[Finding]:
    """Yield what is wrong with files and links that no layout accounts for."""
    used = _files_of(trees)
    folders_of_used = {file.parent for file in used}
    roots = {tree.root for tree in trees}
    # Folders that a layout has for other purposes, such as CUB's segmentations.
    ignored_folders = {tree.root / name for tree in trees for name in tree.unused}

    # Other files are named only where images lie, or if pictures can be had from them.
    hidden = []
    outside = []
    inside = []
    not_images = []
    for file in contents.files:
        folders = set(file.parents)
        is_image = file.suffix.lower() in suffixes()
        if file in used or ignored_folders & folders:
            continue
        if is_hidden_below(file, base):
            hidden.append(file)
        elif is_image and roots & folders:
            inside.append(file)
        elif is_image:
            outside.append(file)
        elif file.parent in folders_of_used or file.suffix.lower() in REMEDIES:
            not_images.append(file)
    like_images = [folder for folder in contents.folders if folder.suffix.lower() in suffixes()]

    problems = [
        ("links in circles", "links lead back to a folder above them: remove them", contents.loops),
        ("broken links", "links lead nowhere: restore what they point to", contents.broken),
        ("closed folders", "folders cannot be opened: change their permissions", contents.closed),
        ("unused images", "images lie where this layout has none, and are not read", inside),
    ]
    suffix_words = f"files are not read, by their suffixes ({_suffixes_of(not_images)})"
    notes = [
        (
            "images elsewhere",
            "images are in none of these data sets, and are not looked at",
            outside,
        ),
        (
            "folders called like images",
            "folders have the name of an image, and are not read",
            like_images,
        ),
        ("hidden files", "hidden files are not read", hidden),
        ("other files", suffix_words, not_images),
    ]
    for serious, groups in ((True, problems), (False, notes)):
        for kind, message, files in groups:
            if files:
                names = relative_names(files, base)
                yield Finding(kind, f"{len(files)} {message}", names, serious)


def _files_of(trees: list[Tree]) -> set[Path]:
    """Return the files of images and masks that the layouts account for."""
    files: set[Path] = set()
    for tree in trees:
        for entry in tree.entries:
            files.add(entry.path)
            if entry.mask:
                files.update(mask_files(entry.mask))
    return files


def _suffixes_of(files: list[Path]) -> str:
    """Return the suffixes of files, with what to do about those of pictures."""
    words = []
    for suffix in sorted({file.suffix.lower() for file in files}):
        if suffix in REMEDIES:
            words.append(f"{suffix}: {remedy_for_suffix(suffix)}")
        else:
            words.append(suffix or "no suffix")
    return "; ".join(words)
