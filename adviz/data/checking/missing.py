"""What an MVTec-style category or a test set lacks, told from the names of its files."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from adviz.data.checking.published import MVTEC, categories
from adviz.data.readers import sorted_photos
from adviz.data.readers.mvtec_style import mvtec
from adviz.data.split import ANOMALOUS, GOOD, Split

NUMBERED = re.compile(r"\d{3}")  # how MVTec AD names its files, from 000 on without a gap
SOME_MASKS = "masks of "  # of some images, where others have one
MAX_NAMES = 5  # in a message


@dataclass(frozen=True)
class Missing:
    """Something that a category lacks.

    Attributes
    ----------
    what: "folder test", "masks of test/crack/003.png, ...", to be read after "no".
    stops: whether the category cannot be read; else metrics are undefined, or images are fewer.
    optional: whether the category is complete without it, as a user's own is without masks.
    """

    what: str
    stops: bool = False
    optional: bool = False


def missing_from_category(folder: Path) -> list[Missing]:
    """Return what a category's folder lacks: folders, test images, masks, files of MVTec AD.

    Parameters
    ----------
    folder: an MVTec-style category, or photographs sorted into ``good`` and ``bad``. No image is
        opened.

    Examples
    --------
    >>> data.missing_from_category(category.test.root)
    []
    >>> data.missing_from_category(category.test.root / "train")
    [Missing(what='folder train/good', stops=True, optional=False)]
    """
    missing_folder = _missing_folder(folder)
    if missing_folder:
        return [Missing(missing_folder, stops=True)]
    try:
        category = mvtec(folder.parent, folder.name)
    except (OSError, ValueError) as error:
        return [Missing(f"readable tree ({error})", stops=True)]

    # A category of MVTec AD has masks and both kinds of images; a user's own need not.
    is_published = folder.name in categories(MVTEC)
    missing = []
    for what in missing_from_test(category.test):
        # Masks of some images only are a mistake in anybody's data.
        optional = not is_published and not what.startswith(SOME_MASKS)
        missing.append(Missing(what, optional=optional))
    if is_published:
        files = [*_skipped_numbers(category.train), *_skipped_numbers(category.test)]
        if files:
            missing.append(Missing(f"files {_first_names(files)}"))
    return missing


def missing_from_test(
    test: Split, good: str = "images in test/good", masks: str = "masks in ground_truth"
) -> list[str]:
    """Return what a test set lacks to measure a detector: good images, defective ones, masks.

    Parameters
    ----------
    test: its labels and paths of masks are looked at; no image is opened.
    good, masks: what to call good images and the masks, where all of them are missing.

    Examples
    --------
    >>> data.missing_from_test(category.test)
    []
    >>> data.missing_from_test(category.train)
    ['images of defects in test']
    """
    missing = []
    if GOOD not in test.labels:
        missing.append(good)
    if ANOMALOUS not in test.labels:
        missing.append("images of defects in test")
    elif not test.has_masks:
        missing.append(masks)
    else:
        images = [
            name
            for name, label, mask in zip(test.ids, test.labels, test.masks, strict=True)
            if label == ANOMALOUS and mask is None
        ]
        if images:
            missing.append(f"{SOME_MASKS}{_first_names(images)}")
    return missing


def _missing_folder(folder: Path) -> str:
    """Return which folder is missing, the outermost; "" if none is."""
    if not folder.parent.is_dir():
        return f"folder {folder.parent}, and so nothing"
    if not folder.is_dir():
        return "category folder"
    if sorted_photos.is_sorted(folder):
        return ""
    for name in ("train/good", "test"):
        if not (folder / name).is_dir():
            return f"folder {name}"
    return ""


def _skipped_numbers(split: Split) -> list[str]:
    """Return the files, without suffix, that must be missing because a higher number exists."""
    stems_by_folder: dict[Path, set[str]] = defaultdict(set)
    for path in split.paths:
        stems_by_folder[path.parent].add(path.stem)
    skipped = []
    for folder, stems in stems_by_folder.items():
        if not all(NUMBERED.fullmatch(stem) for stem in stems):
            continue
        expected = {f"{number:03}" for number in range(int(max(stems)))}
        for stem in sorted(expected - stems):
            skipped.append(f"{folder.parent.name}/{folder.name}/{stem}")
    return skipped


def _first_names(names: Sequence[str]) -> str:
    """Return names with commas, the first few of many."""
    text = ", ".join(names[:MAX_NAMES])
    if len(names) > MAX_NAMES:
        text += f", ... ({len(names)} in all)"
    return text
