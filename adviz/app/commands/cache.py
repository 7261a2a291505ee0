"""`adviz cache`: what adviz keeps on disk, how large and how old it is, and how to be rid of it."""

from __future__ import annotations

import argparse
import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from adviz.app.commands.errors import Failed, UsageError

if TYPE_CHECKING:
    from adviz.features import Cache

SUMMARY = "show what lies on disk (features, built-in images, networks), and clear it"
NEEDS: dict[str, str] = {}
# Folders beside the features, and what is in them
IMAGES = {
    r"demo-v\d+": "built-in images, drawn",
    r"frames-v\d+": "frames of videos, decoded",
}
DAY = 86_400  # seconds


@dataclass(frozen=True)
class Kept:
    """A kind of files that lie on disk.

    Attributes
    ----------
    what: in words.
    path: the folder.
    sizes: bytes of the files.
    newest: when one was last used, seconds since 1970; 0 where there are none.
    note: what else is to be known.
    """

    what: str
    path: Path
    sizes: Sequence[int]
    newest: float
    note: str = ""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes."""
    clear_help = (
        "remove the features, which are made again when needed, without asking; `--clear all` "
        "removes the images as well, which no program should be reading then"
    )
    parser.add_argument(
        "--clear", nargs="?", const="features", choices=("features", "all"), help=clear_help
    )


def main(options: argparse.Namespace) -> None:
    """Show what lies on disk, or remove it and say what was removed."""
    from adviz.features import Cache

    try:
        cache = Cache()
    except ValueError as error:
        raise UsageError(str(error)) from error
    root = cache.folder.parent
    if options.clear is None:
        print(_table([_features(cache), *_images(root), _networks()]))
        print(
            f"at most {cache.limit / 1e9:g} GB of features are kept (ADVIZ_CACHE_LIMIT), the least "
            "recently used go first; ADVIZ_CACHE says where\n"
            "adviz cache --clear removes the features; results of sweeps are yours, and not here"
        )
        return
    before = cache.entries()
    removed = cache.clear()
    print(
        f"removed {len(removed)} files of features, {_gigabytes([entry.size for entry in removed])}"
        f", from {cache.folder}"
    )
    if options.clear == "all":
        for kept in _images(root):
            _remove_folder(kept.path)
            print(f"removed {kept.what}, {_gigabytes(kept.sizes)}, from {kept.path}")
    if len(removed) < len(before):
        raise Failed(f"{len(before) - len(removed)} files could not be removed, or are not adviz's")


def _features(cache: Cache) -> Kept:
    entries = cache.entries()
    newest = max((entry.used for entry in entries), default=0) / 1e9
    return Kept("features of images", cache.folder, [entry.size for entry in entries], newest)


def _images(root: Path) -> Iterator[Kept]:
    """Yield the folders of images that adviz made."""
    folders = sorted(root.iterdir()) if root.is_dir() else []
    for folder in folders:
        for name, what in IMAGES.items():
            if re.fullmatch(name, folder.name) and folder.is_dir() and not folder.is_symlink():
                yield _kept(what, folder)


def _networks() -> Kept:
    """Return the networks that timm downloaded, for adviz or for another program."""
    from huggingface_hub import constants

    folder = Path(constants.HF_HUB_CACHE)
    sizes: list[int] = []
    newest = 0.0
    for model in sorted(folder.glob("models--timm--*")):
        kept = _kept("", model)
        sizes += kept.sizes
        newest = max(newest, kept.newest)
    note = "other programs use them too: never cleared here (`hf cache` does)"
    return Kept("networks that timm downloaded", folder, sizes, newest, note)


def _kept(what: str, folder: Path) -> Kept:
    sizes = []
    newest = 0.0
    for file in folder.rglob("*"):
        if file.is_file() and not file.is_symlink():
            status = file.stat()
            sizes.append(status.st_size)
            newest = max(newest, status.st_mtime)
    return Kept(what, folder, sizes, newest)


def _remove_folder(folder: Path) -> None:
    from adviz._support import remove

    remove(folder)
    if folder.exists():
        raise Failed(f"{folder} could not be removed as a whole: look at its permissions")


def _table(rows: Sequence[Kept]) -> str:
    """Return a line for each kind, and where it is."""
    lines = []
    for kept in rows:
        age = _age(kept.newest) if kept.sizes else ""
        count = f"{len(kept.sizes)} files"
        lines.append(f"{kept.what:<30} {_gigabytes(kept.sizes):>9} {count:>13}  {age}".rstrip())
        lines.append(f"  {kept.path}")
        if kept.note and kept.sizes:
            lines.append(f"  {kept.note}")
    return "\n".join(lines)


def _gigabytes(sizes: Sequence[int]) -> str:
    size = sum(sizes)
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.1f} MB"


def _age(newest: float) -> str:
    days = int((time.time() - newest) // DAY)
    if days < 1:
        return "last used today"
    return f"last used {days} day{'' if days == 1 else 's'} ago"
