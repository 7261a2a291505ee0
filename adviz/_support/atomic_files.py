"""Files that are written atomically, and large arrays in memory or in such files.

A file is written under a hidden name, which its writer locks, and renamed when it is complete. What
is left of a killed writer is known by its free lock and removed.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import sys
import tempfile
import uuid
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

import numpy as np

IN_MEMORY = 4 * 2**30  # bytes of arrays above which they are kept in temporary files
UNFINISHED = ".part"
# Characters of a folder's name in a temporary name, which may have 255 bytes
SHORT = 40
Shapes = Mapping[str, tuple[int, ...]]
# From {name: shape} and a type to {name: array}
Allocate = Callable[[Shapes, np.dtype[Any]], dict[str, np.ndarray]]


@contextmanager
def in_folder(out: str | Path) -> Iterator[Allocate]:
    """Yield a function that allocates arrays in `<name>.npy` files of a new folder.

    The folder appears under its name when the block ends without an error.

    Raises
    ------
    FileExistsError: the folder exists already.
    OSError: it cannot be made, or there is no room for the arrays; nothing stays.
    """
    folder = Path(out)
    check_new_folder(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    prefix = f".{folder.name[:SHORT]}-"
    with tempfile.TemporaryDirectory(prefix=prefix, dir=folder.parent) as parent:
        unfinished = Path(parent) / folder.name
        unfinished.mkdir()

        def allocate(shapes: Shapes, dtype: np.dtype[Any]) -> dict[str, np.ndarray]:
            arrays: dict[str, np.ndarray] = {}
            size = sum(_n_bytes(shape, dtype) for shape in shapes.values())
            advice = "free some space, or choose another folder"
            with explained_write(size, f"{folder.parent}", advice):
                for name, shape in shapes.items():
                    arrays[name] = new_npy_file(unfinished / f"{name}.npy", shape, dtype)
            return arrays

        yield allocate
        unfinished.rename(folder)


def check_new_folder(folder: Path) -> None:
    """Refuse a folder for features that exists; FileExistsError."""
    if folder.exists():
        raise FileExistsError(
            f"expected a new folder for the features, got {folder}, which exists: remove it first"
        )


def new_npy_file(path: Path, shape: tuple[int, ...], dtype: np.dtype[Any]) -> np.ndarray:
    """Return an array in a new file of numpy's format, whose space on disk is taken.

    Raises
    ------
    OSError: it exists, cannot be made, or there is no room.
    """
    with path.open("x+b") as file:
        return _npy_array(file, shape, dtype)[0]


def allocate_arrays(
    shapes: Shapes, dtype: np.dtype[Any], *, limit: int | None = None
) -> dict[str, np.ndarray]:
    """Allocate arrays in memory, and in temporary files from the one on that exceeds `limit`.

    The files vanish with their arrays; None = 4 GiB.

    Raises
    ------
    OSError: no room for such a file where temporary files go.
    """
    limit = IN_MEMORY if limit is None else limit
    n_bytes = 0
    arrays: dict[str, np.ndarray] = {}
    for name, shape in shapes.items():
        n_bytes += _n_bytes(shape, dtype)
        if n_bytes <= limit:
            arrays[name] = np.empty(shape, dtype)
            continue
        size = _n_bytes(shape, dtype)
        folder = f"the temporary folder {tempfile.gettempdir()}"
        advice = "free some space, or name another in TMPDIR"
        with tempfile.TemporaryFile() as file, explained_write(size, folder, advice):
            _reserve(file, size)
            arrays[name] = np.memmap(file, dtype, "r+", 0, shape)
    return arrays


class UnfinishedArray:
    """An array in an unfinished file, locked until it is published or its process dies."""

    def __init__(self, folder: Path, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        self.path, self._file = _locked_file(folder)
        try:
            self.array, self._offset = _npy_array(self._file, shape, dtype)
        except BaseException:
            self.discard()
            raise

    def publish(self, stem: str, end: bytes = b"") -> np.ndarray:
        """Name the complete file `<stem><checksum>.npy` and return its array.

        Writes to that array stay in memory. `end` is written behind the array, where readers of the
        format do not look.
        """
        self.array.flush()
        self._file.seek(0, os.SEEK_END)
        self._file.write(end)
        self._file.flush()
        digits = checksum(self._file)
        os.fsync(self._file.fileno())
        target = self.path.with_name(f"{stem}{digits}.npy")
        os.replace(self.path, target)
        self.path = target
        return np.memmap(self._file, self.array.dtype, "c", self._offset, self.array.shape)

    def discard(self) -> None:
        """Close the file, and remove it if it is unfinished; its arrays live on."""
        if self.path.suffix == UNFINISHED:
            remove(self.path)
        self._file.close()


@contextmanager
def atomic_file(target: Path) -> Iterator[IO[bytes]]:
    """Yield a file that becomes `target` when the block ends without an error, else is removed.

    It lies beside the target under a hidden name of its own, ``.adviz-<the target's name,
    hashed>.<32 hexadecimal digits>.part``. What a killed process left of an earlier try at the same
    target is removed.

    Raises
    ------
    OSError: it cannot be written, or the target is a folder.
    """
    if target.is_dir():
        raise IsADirectoryError(
            errno.EISDIR, "expected a file to write to, got a folder", str(target)
        )
    # Hashed, so that its length does not depend on the target's name
    prefix = f".adviz-{zlib.crc32(os.fsencode(target.name)):08x}."
    remove_leftovers(target.parent, prefix)
    path, file = _locked_file(target.parent, prefix)
    with file:
        try:
            yield file
            file.flush()
            os.fsync(file.fileno())
            os.replace(path, target)
        except BaseException:
            remove(path)
            raise


def write_atomically(target: Path, content: bytes) -> None:
    """Write a file atomically: it is complete or absent, whenever this process dies.

    Raises
    ------
    OSError: it cannot be written; nothing stays.
    """
    with atomic_file(target) as file:
        file.write(content)


def replace_file(path: Path, content: bytes) -> None:
    """Replace a person's file atomically; its file system needs no locks.

    Raises
    ------
    OSError: it cannot be written; nothing stays.
    """
    path = path.resolve()  # a link stays one
    if path.exists() and not path.is_file():  # a device, such as /dev/null
        path.write_bytes(content)
        return
    unfinished = path.with_name(f".{uuid.uuid4().hex}{UNFINISHED}")
    try:
        with unfinished.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if path.exists():
            shutil.copymode(path, unfinished)
        os.replace(unfinished, path)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise


def remove_leftovers(folder: Path, prefix: str | None = None) -> None:
    """Remove unfinished files of dead writers, which are those that nobody locks.

    With a prefix only those of `atomic_file`, so that a folder may hold other people's ``.part``
    files.
    """
    pattern = ""
    if prefix is not None:
        pattern = re.escape(prefix) + "[0-9a-f]{32}" + re.escape(UNFINISHED)
    try:
        paths = [path for path in folder.glob(f"*{UNFINISHED}") if re.match(pattern, path.name)]
    except OSError:  # no folder can have this name: writing to it will raise
        return
    for path in sorted(paths):
        with suppress(OSError), path.open("rb") as file:
            if _lock(file, wait=False):
                path.unlink()


def checksum(file: str | Path | IO[bytes]) -> str:
    """Return the CRC-32 of a file as 8 hexadecimal digits; ValueError if it is empty."""
    return f"{zlib.crc32(np.memmap(file, np.uint8, 'r').data):08x}"


def remove(path: Path) -> None:
    """Remove a file or folder if that is possible."""
    with suppress(OSError):  # another process was first, or it may not be removed
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def _locked_file(folder: Path, prefix: str = "") -> tuple[Path, IO[bytes]]:
    """Return a new file with a random name, which this process locks."""
    while True:
        path = folder / f"{prefix}{uuid.uuid4().hex}{UNFINISHED}"
        file = path.open("x+b")
        try:
            _lock(file, wait=True)
        except OSError:  # a file system without locks
            file.close()
            remove(path)
            raise
        if path.exists():
            return path, file
        # Before it was locked, another process took its writer for dead and removed it
        file.close()


def _lock(file: IO[bytes], *, wait: bool) -> bool:
    """Lock a file, and return whether it is locked."""
    if sys.platform == "win32":  # without such locks no writer is taken for dead
        return wait
    import fcntl

    try:
        fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    return True


@contextmanager
def explained_write(n_bytes: int, folder: str, advice: str) -> Iterator[None]:
    """Say in an OSError how much was to be written and where; without room, what to do (`advice`).

    Raises
    ------
    OSError: in place of the one that came.
    """
    try:
        yield
    except OSError as error:
        features = f"{n_bytes / 1e9:.3g} GB of features"
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            words = f"expected room for {features} ({error.strerror}) in {folder}: {advice}"
        else:
            words = f"expected to write {features} in {folder}, got an error ({error})"
        raise OSError(error.errno, words) from error


def _npy_array(
    file: IO[bytes], shape: tuple[int, ...], dtype: np.dtype[Any]
) -> tuple[np.memmap[Any, Any], int]:
    """Return an array in a new file of numpy's format, and where it begins in the file."""
    header = {"shape": shape, "fortran_order": False, "descr": np.lib.format.dtype_to_descr(dtype)}
    np.lib.format.write_array_header_1_0(file, header)
    file.flush()
    offset = file.tell()
    _reserve(file, offset + _n_bytes(shape, dtype))
    return np.memmap(file, dtype, "r+", offset, shape), offset


def _reserve(file: IO[bytes], size: int) -> None:
    """Take the space on disk: writing to a mapped file without it would kill the process."""
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(file.fileno(), 0, size)
        return
    zeros = bytes(2**20)  # macOS
    for start in range(file.tell(), size, len(zeros)):
        file.write(zeros[: size - start])
    file.flush()


def _n_bytes(shape: tuple[int, ...], dtype: np.dtype[Any]) -> int:
    return int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
