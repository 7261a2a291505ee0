"""Download and unpacking of published files: atomically, and only with the known checksum."""

from __future__ import annotations

import hashlib
import os
import tarfile
import tempfile
import zlib
from collections.abc import Iterator
from http.client import HTTPException
from pathlib import Path
from typing import BinaryIO
from urllib.request import urlopen

from adviz._support import progress_bar, timed

PIECE = 1 << 20
TIMEOUT = 60  # seconds without an answer
# Times that an archive of photographs may grow when it is unpacked; they are compressed already
EXPANSION = 20
BLOCK = 512  # bytes that tar takes for every file, however small


def fetch(url: str, md5: str, folder: Path) -> Path:
    """Download a file into a folder atomically, and return it.

    Raises
    ------
    RuntimeError: the address cannot be reached, or what came has another MD5 checksum.
    """
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / url.rpartition("/")[2]
    digest = hashlib.md5(usedforsecurity=False)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".download-") as scratch:
        part = Path(scratch, "part")
        try:
            # all addresses are our own
            with (
                timed("downloaded %s", url),
                urlopen(url, timeout=TIMEOUT) as answer,  # noqa: S310
                part.open("wb") as file,
            ):
                length = int(answer.headers.get("Content-Length") or 0)
                n_pieces = -(-length // PIECE) or None
                for piece in progress_bar(_pieces(answer), label=target.name, total=n_pieces):
                    digest.update(piece)
                    file.write(piece)
        except (OSError, HTTPException) as error:
            raise RuntimeError(
                f"expected to download {url}, got {error}: get the file in another way"
            ) from error
        if digest.hexdigest() != md5:
            expected = f"expected {url} to have the MD5 checksum {md5}"
            raise RuntimeError(f"{expected}, got {digest.hexdigest()}: not kept")
        os.replace(part, target)
    return target


def unpack(archive: Path, name: str) -> None:
    """Unpack the folder `name` of a tar file beside it, atomically.

    Raises
    ------
    RuntimeError: there is no such folder in it, it would write elsewhere, something is there
        already, or it is a bomb, which holds more than 20 times its own size.
    """
    with tempfile.TemporaryDirectory(dir=archive.parent, prefix=".unpack-") as scratch:
        try:
            with tarfile.open(archive) as tar:
                # a small archive may unpack to more than the disk holds
                _check_size(tar, EXPANSION * archive.stat().st_size)
                tar.extractall(scratch, filter="data")
            os.replace(Path(scratch, name), archive.parent / name)
        except (tarfile.TarError, OSError, EOFError, zlib.error) as error:
            raise RuntimeError(
                f"expected a folder {name} in {archive}, got {error}: unpack it yourself"
            ) from error


def _check_size(tar: tarfile.TarFile, limit: int) -> None:
    """Refuse an archive that holds more bytes than the limit, before any of them is written."""
    total = 0
    for member in tar:
        total += member.size + BLOCK
        if total > limit + tarfile.RECORDSIZE:  # what an empty archive has
            raise tarfile.TarError(
                f"more than {limit / 1e6:.3g} MB in it, {EXPANSION} times its size"
            )


def _pieces(answer: BinaryIO) -> Iterator[bytes]:
    while piece := answer.read(PIECE):
        yield piece
