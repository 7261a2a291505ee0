"""Look through a data set's folder: what is there, what is missing, what looks wrong."""

from __future__ import annotations

import os
import warnings
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

from adviz._support import bar, meant
from adviz.data.checking.advice import advised, file_instead, go_on, is_everything, is_for_others
from adviz.data.checking.copies import near_copies
from adviz.data.checking.files import image_facts, mask_facts
from adviz.data.checking.fitting import remedy_of, shaped, treatment
from adviz.data.checking.layouts import recognised
from adviz.data.checking.leaks import told
from adviz.data.checking.missing import Missing, missing_from_category, missing_from_test
from adviz.data.checking.published import compare_counts, data_set_of, published_counts
from adviz.data.checking.report import Check, Counted, Finding, named
from adviz.data.checking.rules import Seen, judged
from adviz.data.checking.walking import Walk, walked
from adviz.data.geometry import Geometry
from adviz.data.images import REMEDIES, Labels, mask_files, remedy, suffixes
from adviz.data.layout import Tree
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


def check(
    path: str | Path,
    *,
    geometry: Geometry | None = None,
    watch: Callable[[Check], None] | None = None,
) -> Check:
    """Look through the folder of a data set, or of one category, and say what looks wrong with it.

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
    the images are 256x256: kept as they are, and the centre is cut out: 16 pixels (6 %) on each side are not seen
    """
    base = _folder(path)
    trees = [] if is_everything(base) else recognised(base)
    if not trees or (_learns_nothing(trees) and is_for_others(base)):
        return _shown(advised(base), watch)
    counts, findings = compare_counts(trees)
    names = dict.fromkeys(data_set_of(tree) or tree.layout for tree in trees)
    found = _shown(Check(base, ", ".join(filter(None, names)), counts), watch)
    images = sorted({entry.path for tree in trees for entry in tree.entries})
    masks = sorted({entry.mask for tree in trees for entry in tree.entries if entry.mask})
    fits = {tree.root: _geometry(tree, geometry) for tree in trees}
    fit_of = {entry.mask: fits[tree.root] for tree in trees for entry in tree.entries if entry.mask}
    seen_images = _opened(images, image_facts, "images")
    labels = {
        entry.mask: tree_labels
        for tree, tree_labels in _labels(trees)
        for entry in tree.entries
        if entry.mask
    }
    seen_masks = _opened(masks, lambda mask: mask_facts(mask, fit_of[mask], labels[mask]), "masks")
    sizes: Counter[tuple[tuple[int, int], Geometry]] = Counter()
    for tree in trees:
        seen = Seen(tree, seen_images, seen_masks, fits[tree.root], base)
        findings += [*judged(seen), *told(seen), *near_copies(seen), *shaped(seen)]
        sizes.update((seen_images[entry.path].size, seen.geometry) for entry in seen.readable)
    findings += _elsewhere(walked(base), trees, base)
    findings.sort(key=lambda one: not one.serious)
    steps = go_on(
        trees,
        base,
        sound=not any(finding.serious for finding in findings),
        measurable={GOOD, ANOMALOUS}
        <= {entry.known for entry in trees[0].entries if entry.part != "train"},
        geometry=remedy_of(findings, (size for size, _ in sizes)),
    )
    return replace(found, findings=findings, treatment=treatment(sizes), steps=steps)


def _geometry(tree: Tree, asked: Geometry | None) -> Geometry:
    """Return what becomes of a category's images: what was asked for, or what its reader does of itself."""
    return asked or tree.fitting or Geometry()


def _learns_nothing(trees: list[Tree]) -> bool:
    """Tell whether there are folders train and test, and no good image in train."""
    return all(tree.layout == "MVTec style" and not tree.of("train") for tree in trees)


def _shown(found: Check, watch: Callable[[Check], None] | None) -> Check:
    if watch is not None:
        watch(found)
    return found


def _folder(path: str | Path) -> Path:
    """Return a folder's whole path, or say what is there instead."""
    place = Path(os.path.abspath(expanded(path)))
    if place.is_dir():
        return place
    message = f"expected the folder of a data set, found none at {path}"
    if place.is_file():
        raise FileNotFoundError(f"{message}, which is a file: {file_instead(place)}")
    there = [child.name for child in children(place.parent)] if place.parent.is_dir() else []
    raise FileNotFoundError(f"{message}{meant(place.name, there)}")


def _labels(trees: list[Tree]) -> list[tuple[Tree, Labels]]:
    """Return what tells labels from soft edges in the masks of every category."""
    return [(tree, Labels([entry.mask for entry in tree.entries])) for tree in trees]


def _opened(files: list[Path], open_one: Callable[[Path], Any], label: str) -> dict[Path, Any]:
    """Return what every file is; decoding releases the interpreter's lock."""
    with warnings.catch_warnings(), ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        warnings.simplefilter("ignore")  # Pillow's, about what becomes a finding
        found = pool.map(open_one, files)
        return dict(
            zip(files, bar(found, label=f"checking {label}", total=len(files)), strict=True)
        )


def _elsewhere(walk: Walk, trees: list[Tree], base: Path) -> Iterable[Finding]:
    """Yield what is wrong with files and links that no layout accounts for."""
    entries = [entry for tree in trees for entry in tree.entries]
    used = {entry.path for entry in entries}.union(
        *(mask_files(entry.mask) for entry in entries if entry.mask)
    )
    places = {file.parent for file in used}
    unused = {tree.root / name for tree in trees for name in tree.unused}
    rest = [file for file in walk.files if file not in used and not unused & {*file.parents}]
    hidden = [file for file in rest if is_hidden_below(file, base)]
    strange = [
        file for file in rest if file not in hidden and file.suffix.lower() not in suffixes()
    ]
    ignored = [file for file in strange if file.parent in places or file.suffix.lower() in REMEDIES]
    images = [file for file in rest if file not in hidden and file.suffix.lower() in suffixes()]
    roots = {tree.root for tree in trees}
    beside = [file for file in images if not roots & {*file.parents}]
    images = [file for file in images if roots & {*file.parents}]
    folders = [folder for folder in walk.folders if folder.suffix.lower() in suffixes()]
    for kind, message, files, serious in (
        (
            "links in circles",
            "links lead back to a folder above them: remove them",
            walk.loops,
            True,
        ),
        ("broken links", "links lead nowhere: restore what they point to", walk.broken, True),
        ("closed folders", "folders cannot be opened: change their permissions", walk.closed, True),
        ("unused images", "images lie where this layout has none, and are not read", images, True),
        (
            "images elsewhere",
            "images are in none of these data sets, and are not looked at",
            beside,
            False,
        ),
        (
            "folders called like images",
            "folders have the name of an image, and are not read",
            folders,
            False,
        ),
        ("hidden files", "hidden files are not read", hidden, False),
        (
            "other files",
            f"files are not read, by their suffixes ({_kinds(ignored)})",
            ignored,
            False,
        ),
    ):
        if files:
            yield Finding(kind, f"{len(files)} {message}", named(files, base), serious)


def _kinds(files: list[Path]) -> str:
    """Return the suffixes of files, with what to do about those of pictures."""
    names = sorted({file.suffix.lower() for file in files})
    said = [
        f"{name}: {remedy(name)}" if name in REMEDIES else name or "no suffix" for name in names
    ]
    return "; ".join(said)
