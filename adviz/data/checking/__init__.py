"""Look through a data set's folder: what is there, what is missing, what looks wrong."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from adviz.data.checking.files import image_facts, mask_facts
from adviz.data.checking.layouts import recognised
from adviz.data.checking.published import counted, data_set
from adviz.data.checking.report import Check, Counted, Finding, named
from adviz.data.checking.rules import Seen, judged
from adviz.data.checking.walking import Walk, walked
from adviz.data.geometry import Geometry
from adviz.data.images import REMEDIES, Labels, mask_files, remedy, suffixes
from adviz.data.paths import is_hidden_below
from adviz.data.tree import Tree
from adviz.progress import bar

__all__ = ["Check", "Counted", "Finding", "check"]


def check(path: str | Path, *, geometry: Geometry | None = None) -> Check:
    """Look through the folder of a data set, or of one category, and say what looks wrong with it.

    Recognised are MVTec AD and whatever is laid out like it, photographs sorted into ``good`` and ``bad``, MVTec
    LOCO AD, MVTec AD 2, BTAD, VisA, the magnetic tiles, CUB-200-2011 and Flowers-102; elsewhere the images alone
    are looked at. Every image and mask is opened once, in threads. Compared by their pixels are the images of each
    category; the counts are compared with the published ones where these are known. What is scaled or dropped on
    reading is said: the bits of files of more than 8, alpha channels, further bands, labels in masks. Nothing is
    changed, and bad data raise nothing: they are what is reported.

    Parameters
    ----------
    path: the folder.
    geometry: what is to become of the images, to find the defects that it removes; None = ``Geometry()``.

    Returns
    -------
    What was found; it prints itself. ``check.ok`` is False if there is anything that can change results.

    Raises
    ------
    FileNotFoundError: there is no such folder.

    Examples
    --------
    >>> data.check(category.test.root).ok
    True
    """
    if not os.path.isdir(path):
        raise FileNotFoundError(f"expected the folder of a data set, found none at {path}")
    base, geometry = Path(os.path.abspath(path)), geometry or Geometry()
    trees = recognised(base)
    images = sorted({entry.path for tree in trees for entry in tree.entries})
    masks = sorted({entry.mask for tree in trees for entry in tree.entries if entry.mask})
    seen_images = _opened(images, image_facts, "images")
    labels = {entry.mask: tree_labels for tree, tree_labels in _labels(trees) for entry in tree.entries if entry.mask}
    seen_masks = _opened(masks, lambda mask: mask_facts(mask, geometry, labels[mask]), "masks")
    counts, findings = counted(trees)
    for tree in trees:
        findings += judged(Seen(tree, seen_images, seen_masks, geometry, base))
    findings += _elsewhere(walked(base), trees, base)
    names = dict.fromkeys(data_set(tree) or tree.layout for tree in trees)
    return Check(base, ", ".join(filter(None, names)), counts, sorted(findings, key=lambda one: not one.serious))


def _labels(trees: list[Tree]) -> list[tuple[Tree, Labels]]:
    """Return what tells labels from soft edges in the masks of every category."""
    return [(tree, Labels([entry.mask for entry in tree.entries])) for tree in trees]


def _opened(files: list[Path], open_one: Callable[[Path], Any], label: str) -> dict[Path, Any]:
    """Return what every file is; decoding releases the interpreter's lock."""
    with warnings.catch_warnings(), ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        warnings.simplefilter("ignore")  # Pillow's, about what becomes a finding
        found = pool.map(open_one, files)
        return dict(zip(files, bar(found, label=f"checking {label}", total=len(files)), strict=True))


def _elsewhere(walk: Walk, trees: list[Tree], base: Path) -> Iterable[Finding]:
    """Yield what is wrong with files and links that no layout accounts for."""
    entries = [entry for tree in trees for entry in tree.entries]
    used = {entry.path for entry in entries}.union(*(mask_files(entry.mask) for entry in entries if entry.mask))
    places = {file.parent for file in used}
    unused = {tree.root / name for tree in trees for name in tree.unused}
    rest = [file for file in walk.files if file not in used and not unused & {*file.parents}]
    hidden = [file for file in rest if is_hidden_below(file, base)]
    strange = [file for file in rest if file not in hidden and file.suffix.lower() not in suffixes()]
    ignored = [file for file in strange if file.parent in places or file.suffix.lower() in REMEDIES]
    images = [file for file in rest if file not in hidden and file.suffix.lower() in suffixes()]
    folders = [folder for folder in walk.folders if folder.suffix.lower() in suffixes()]
    for kind, message, files, serious in (
        ("links in circles", "links lead back to a folder above them: remove them", walk.loops, True),
        ("broken links", "links lead nowhere: restore what they point to", walk.broken, True),
        ("closed folders", "folders cannot be opened: change their permissions", walk.closed, True),
        ("unused images", "images lie where this layout has none, and are not read", images, True),
        ("folders called like images", "folders have the name of an image, and are not read", folders, False),
        ("hidden files", "hidden files are not read", hidden, False),
        ("other files", f"files are not read, by their suffixes ({_kinds(ignored)})", ignored, False),
    ):
        if files:
            yield Finding(kind, f"{len(files)} {message}", named(files, base), serious)


def _kinds(files: list[Path]) -> str:
    """Return the suffixes of files, with what to do about those of pictures."""
    names = sorted({file.suffix.lower() for file in files})
    said = [f"{name}: {remedy(name)}" if name in REMEDIES else name or "no suffix" for name in names]
    return "; ".join(said)
