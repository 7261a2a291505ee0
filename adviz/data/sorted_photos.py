"""Reader for photographs that somebody sorted into good/ and bad/, the first data set that most people have."""

from __future__ import annotations

from pathlib import Path

from adviz.data.images import images_of, no_images_hint
from adviz.data.tree import Entry, Tree, flat

LAYOUT = "sorted photos"
GOOD, BAD = "good", "bad"
EVERY = 5  # of the good photographs every fifth is not learned from, but tested with


def is_sorted(path: Path) -> bool:
    """Tell whether a folder holds good/ and bad/, and is no MVTec-style category."""
    return (path / GOOD).is_dir() and (path / BAD).is_dir() and not (path / "train").is_dir()


def arranged(path: Path) -> Tree:
    """Return the photographs of a folder, and what is wrong with their arrangement.

    Of good/ the 5th, 10th, 15th, ... photograph, in the order of the names, are for the test. Images directly in bad/
    have the defect "bad", those in a folder of it that folder's name.
    """
    tree = Tree(path.name, path, LAYOUT)
    good = flat(path / GOOD, tree.problems)
    if len(good) < EVERY:
        what = f"expected at least {EVERY} images in {path / GOOD}, of which every {EVERY}th is kept for the test"
        found = f"found {len(good)}: add some" if good else no_images_hint(path / GOOD)
        tree.problems.append(ValueError(f"{what}, {found}"))
    tree.entries.extend(
        Entry(file, "test" if number % EVERY == 0 else "train") for number, file in enumerate(good, start=1)
    )
    kinds = sorted(child for child in (path / BAD).iterdir() if child.is_dir() and not child.name.startswith("."))
    tree.entries.extend(Entry(file, "test", BAD, label=1) for file in images_of(path / BAD))
    for kind in kinds:
        tree.entries.extend(Entry(file, "test", kind.name, label=1) for file in flat(kind, tree.problems))
    if not any(entry.known for entry in tree.entries):
        tree.problems.append(
            ValueError(f"expected images in {path / BAD} or its folders, {no_images_hint(path / BAD)}")
        )
    return tree
