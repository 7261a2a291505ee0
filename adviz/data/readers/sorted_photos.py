"""Reader for photographs sorted into good/ and bad/, the first data set that most people have."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from adviz.data.folder_names import part_of, says_bad, says_good
from adviz.data.folder_tree import (
    Entry,
    Tree,
    flat,
    folder_called,
    folder_that,
    good_folder,
    holds_images,
    without_masks,
)
from adviz.data.images import image_files_in, no_images_hint
from adviz.data.paths import folders_in, real_name

LAYOUT = "sorted photos"
EVERY = 5  # of the good photographs every fifth is not learned from, but tested with


def is_sorted(path: Path) -> bool:
    """Return whether a folder holds good/ and bad/, whatever they are called, and no train/.

    good/ alone is enough where no other images lie beside it, and the folder is no part of a
    category itself.
    """
    if folder_called(path, "train") or not good_folder(path):
        return False
    if _bad_folder(path):
        return True
    other_folders = [child for child in folders_in(path) if not says_good(child.name)]
    if image_files_in(path) or any(holds_images(child) for child in other_folders):
        return False
    return part_of(real_name(path)) is None


def arranged(path: Path) -> Tree:
    """Return the photographs of a folder, and what is wrong with their arrangement.

    Of good/ the 5th, 10th, 15th, ... photograph, in the order of the names, are for the test.
    Images directly in bad/ have its name as their defect, those in a folder of it that folder's
    name.
    """
    tree = Tree(real_name(path), path, LAYOUT)
    good_path = good_folder(path, tree.problems) or path / "good"
    good = flat(good_path, tree.problems)
    if len(good) < EVERY:
        expected = f"expected at least {EVERY} images in {good_path}, of which every {EVERY}th is "
        came = f"found {len(good)}: add some" if good else no_images_hint(good_path)
        tree.problems.append(ValueError(f"{expected}kept for the test, {came}"))
    tested = every_fifth(good)
    tree.entries.extend(Entry(file, "test" if file in tested else "train") for file in good)
    bad = _bad_folder(path, tree.problems)
    if bad is not None:
        _add_bad(tree, bad)
    return tree


def every_fifth(good: Sequence[Path]) -> set[Path]:
    """Return the good images that are kept for the test, of all in the order of their names."""
    return set(good[EVERY - 1 :: EVERY])


def _bad_folder(path: Path, problems: list[Exception] | None = None) -> Path | None:
    return folder_that(says_bad, path, "bad", problems)


def _add_bad(tree: Tree, bad: Path) -> None:
    """Add the images of bad/, and of its folders, to the test."""
    files = without_masks(image_files_in(bad), tree.problems)
    tree.entries.extend(Entry(file, "test", bad.name, label=1) for file in files)
    for kind in folders_in(bad):
        files = flat(kind, tree.problems)
        tree.entries.extend(Entry(file, "test", kind.name, label=1) for file in files)
    if not any(entry.known for entry in tree.entries):
        expected = f"expected images in {bad} or its folders"
        tree.problems.append(ValueError(f"{expected}, {no_images_hint(bad)}"))
