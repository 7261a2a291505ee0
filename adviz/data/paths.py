"""Paths as people type them, and the contents of folders without what systems leave there."""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath

import numpy as np

# what systems leave in folders, beside names that begin with a dot: Windows, macOS, Linux, NAS of
# Synology and QNAP
LEFT_BY_SYSTEMS = frozenset(
    (
        *("thumbs.db", "ehthumbs.db", "ehthumbs_vista.db", "desktop.ini", "$recycle.bin"),
        *("recycler", "system volume information"),
        *("__macosx", "icon\r", "network trash folder", "temporary items"),
        *("lost+found", "__pycache__"),
        *("@eadir", "@tmp", "@recycle", "@recently-snapshot", "#recycle", "#snapshot"),
    )
)


def data_root(root: str | Path | None) -> Path:
    """Return the folder of data sets: `root`, or else what ``$ADVIZ_DATA`` names, or ``./data``."""
    return expanded(os.environ.get("ADVIZ_DATA", "data") if root is None else root)


def expanded(path: str | bytes | os.PathLike[str]) -> Path:
    """Return a path with ``~`` for the user's folder written out; a relative one stays relative.

    Bytes are decoded.
    """
    if not isinstance(path, str | bytes | os.PathLike):
        raise TypeError(f"expected a path, such as 'photos/screws', got a {type(path).__name__}")
    return Path(os.path.expanduser(os.fsdecode(path)))


def real_name(path: Path) -> str:
    """Return the name of a folder, also of "." and ".."; of a link its own."""
    return os.path.basename(os.path.abspath(path))


def is_hidden(name: str) -> bool:
    """Return whether a name begins with a dot, or is of a file or folder that systems make."""
    return name.startswith(".") or name.casefold() in LEFT_BY_SYSTEMS


def is_hidden_below(path: Path, base: Path) -> bool:
    """Return whether a path, or a folder between it and `base`, is hidden."""
    return any(is_hidden(part) for part in path.relative_to(base).parts)


def is_inside(name: str) -> bool:
    """Return whether a relative path of a published list stays within the data set's folder."""
    path = PurePosixPath(name)
    return not path.is_absolute() and ".." not in path.parts


def children(folder: Path) -> list[Path]:
    """Return the contents of a folder, sorted, without hidden ones; none if there is no folder."""
    return sorted(folder / entry.name for entry in _entries(folder))


def folders_in(folder: Path) -> list[Path]:
    """Return the folders in a folder, sorted, without hidden ones."""
    return sorted(folder / entry.name for entry in _entries(folder) if _is_folder(entry))


def _is_folder(entry: os.DirEntry[str]) -> bool:
    """Return whether it is a folder or a link to one."""
    if entry.is_symlink():  # an entry itself raises an error of links in a circle
        return os.path.isdir(entry.path)
    return entry.is_dir()


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    if not folder.is_dir():
        return []
    with os.scandir(folder) as entries:
        return [entry for entry in entries if not is_hidden(entry.name)]


def listing(folder: Path, limit: int = 10) -> str:
    """Return the names of the contents of a folder, for messages."""
    names = [child.name for child in children(folder)]
    if len(names) > limit:
        names[limit:] = [f"and {len(names) - limit} more"]
    return ", ".join(names) or "nothing"


def is_nothing(value: object) -> bool:
    """Return whether a value of a table is empty: None, NaN, pandas' NA, or a text of spaces."""
    if isinstance(value, str):
        return not value.strip()
    if isinstance(value, float | np.floating):
        return bool(np.isnan(value))
    # Without importing pandas
    return value is None or type(value).__name__ in ("NAType", "NaTType")
