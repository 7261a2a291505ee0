"""All files below a folder; links are followed once, and what cannot be followed is listed."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, eq=False)
class Walk:
    """Folders and files below a folder, links that cannot be followed, and closed folders.

    Attributes
    ----------
    folders, files: all of them, also behind links.
    loops: links to a folder above them.
    broken: links to nothing.
    closed: folders that may not be opened.
    """

    folders: list[Path] = field(default_factory=list)
    files: list[Path] = field(default_factory=list)
    loops: list[Path] = field(default_factory=list)
    broken: list[Path] = field(default_factory=list)
    closed: list[Path] = field(default_factory=list)


def walk(root: Path) -> Walk:
    """Return everything below a folder; a link to a folder above it is listed and not entered."""
    result = Walk()
    _enter(root, result, ())
    return result


def _enter(folder: Path, result: Walk, ancestors: tuple[tuple[int, int], ...]) -> None:
    """Add a folder and what lies below it; `ancestors` are (device, inode) of those around it."""
    try:
        status = folder.stat()
        children = sorted(os.scandir(folder), key=lambda child: child.name)
    except OSError:
        result.closed.append(folder)
        return
    # A link to a folder above has that folder's identity.
    identity = (status.st_dev, status.st_ino)
    if identity in ancestors:
        result.loops.append(folder)
        return
    result.folders.append(folder)
    for child in children:
        path = folder / child.name
        if path.is_dir():
            _enter(path, result, (*ancestors, identity))
        elif path.is_file():
            result.files.append(path)
        elif child.is_symlink():
            result.broken.append(path)
