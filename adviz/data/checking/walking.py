"""All files below a folder, links followed once, and what cannot be followed."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, eq=False)
class Walk:
    """What lies below a folder: `folders` and `files`, `loops` (links to a folder above) and `broken` links."""

    folders: list[Path] = field(default_factory=list)
    files: list[Path] = field(default_factory=list)
    loops: list[Path] = field(default_factory=list)
    broken: list[Path] = field(default_factory=list)
    closed: list[Path] = field(default_factory=list)


def walked(root: Path) -> Walk:
    """Return everything below a folder; a folder that is a link to one above it is named and not entered."""
    walk = Walk()
    _enter(root, walk, ())
    return walk


def _enter(folder: Path, walk: Walk, above: tuple[tuple[int, int], ...]) -> None:
    try:
        status = folder.stat()
        children = sorted(os.scandir(folder), key=lambda child: child.name)
    except OSError:
        walk.closed.append(folder)
        return
    if (here := (status.st_dev, status.st_ino)) in above:
        walk.loops.append(folder)
        return
    walk.folders.append(folder)
    for child in children:
        path = folder / child.name
        if path.is_dir():
            _enter(path, walk, (*above, here))
        elif path.is_file():
            walk.files.append(path)
        elif child.is_symlink():
            walk.broken.append(path)
