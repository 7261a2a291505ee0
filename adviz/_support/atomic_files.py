"""Where large arrays live: in memory, in a folder that appears whole, or in a file that its writer locks."""

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
from typing import IO, Any, Literal

import numpy as np

IN_MEMORY = 4 * 2**30  # bytes of arrays above which they are kept in temporary files
UNFINISHED = ".part"
# Characters of a name that are repeated in another: 255 bytes are the most that a name may have
SHORT = 40
Shapes = Mapping[str, tuple[int, ...]]
# {name: shape} and a type -> {name: array}
Allocate = Callable[[Shapes, np.dtype[Any]], dict[str, np.ndarray]]


@contextmanager
def in_memory() -> Iterator[Allocate]:
    """Yield `allocated`, for code that may as well write to files."""
    yield allocated


@contextmanager
def in_folder(out: str | Path) -> Iterator[Allocate]:
    """Yield a function that allocates in `<name>.npy` files, whose new folder appears when all of them are complete.

    Raises
    ------
    FileExistsError: the folder exists already.
    OSError: it cannot be made, or there is no room for the arrays; nothing stays.
    """
    folder = Path(out)
    if folder.exists():
        raise FileExistsError(
            f"expected a new folder for the features, got {folder}, which exists: remove it first"
        )
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(
        prefix=f".{folder.name[:SHORT]}-", dir=folder.parent
    ) as parent:
        part = Path(parent) / folder.name
        part.mkdir()

        def allocate(shapes: Shapes, dtype: np.dtype[Any]) -> dict[str, np.ndarray]:
            with _room_for(
                shapes, dtype, f"{folder.parent}: free some space, or choose another folder"
            ):
                return {
                    name: _npy_file(part / f"{name}.npy", shape, dtype)
                    for name, shape in shapes.items()
                }

        yield allocate
        part.rename(folder)


def allocated(
    shapes: Shapes, dtype: np.dtype[Any], *, limit: int | None = None
) -> dict[str, np.ndarray]:
    """Allocate in memory, and from the array on that would exceed `limit` (4 GiB) in files that vanish with them.

    Raises
    ------
    OSError: no room for such a file where temporary files go.
    """
    held, limit = 0, IN_MEMORY if limit is None else limit
    arrays: dict[str, np.ndarray] = {}
    for name, shape in shapes.items():
        held += _bytes(shape, dtype)
        if held <= limit:
            arrays[name] = np.empty(shape, dtype)
        else:
            where = f"the temporary folder {tempfile.gettempdir()}: free some space, or name another in TMPDIR"
            with tempfile.TemporaryFile() as file, _room_for({name: shape}, dtype, where):
                _reserve(file, _bytes(shape, dtype))
                arrays[name] = _mapped(file, dtype, shape, "r+")
    return arrays


class Part:
    """An array in an unfinished file, which is locked until it is published or discarded, or its process dies."""

    def __init__(self, folder: Path, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        self.path, self._file = _locked_file(folder)
        try:
            self.array, self._offset = _npy(self._file, shape, dtype)
        except BaseException:
            self.discard()
            raise

    def publish(self, stem: str, end: bytes = b"") -> np.ndarray:
        """Name the complete file `<stem><checksum>.npy` and return its array, writes to which stay in memory.

        `end` is written behind the array, where readers of the format do not look.
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
        return _mapped(self._file, self.array.dtype, self.array.shape, "c", self._offset)

    def discard(self) -> None:
        """Close the file, and remove it if it is unfinished; its arrays live on."""
        if self.path.suffix == UNFINISHED:
            remove(self.path)
        self._file.close()


@contextmanager
def whole_file(target: Path) -> Iterator[IO[bytes]]:
    """Yield a file that becomes `target` when the block ends without an error; else nothing stays of it.

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
    # As long as that, whatever the target's name is
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


def write_whole(target: Path, content: bytes) -> None:
    """Write a file that is there completely or not at all, whenever this process dies.

    Raises
    ------
    OSError: it cannot be written; nothing stays.
    """
    with whole_file(target) as file:
        file.write(content)


def replace_file(path: Path, content: bytes) -> None:
    """Write a person's file, where there may be no locks: it is then whole, or as it was before.

    Raises
    ------
    OSError: it cannot be written; nothing stays.
    """
    path = path.resolve()  # a link stays one
    if path.exists() and not path.is_file():  # a device, such as /dev/null
        path.write_bytes(content)
        return
    part = path.with_name(f".{uuid.uuid4().hex}{UNFINISHED}")
    try:
        with part.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if path.exists():
            shutil.copymode(path, part)
        os.replace(part, path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def remove_leftovers(folder: Path, prefix: str | None = None) -> None:
    """Remove unfinished files whose writer is dead, which is so when nobody holds their lock (clocks say nothing).

    With a prefix only those of `whole_file`, so that a folder may hold other people's ``.part``
    files.
    """
    ours = re.compile(
        "" if prefix is None else re.escape(prefix) + "[0-9a-f]{32}" + re.escape(UNFINISHED)
    )
    try:
        found = sorted(path for path in folder.glob(f"*{UNFINISHED}") if ours.match(path.name))
    except OSError:  # no folder can have this name, and who writes to it will say so
        return
    for path in found:
        with suppress(OSError), path.open("rb") as file:
            if _lock(file, wait=False):
                path.unlink()


def checksum(file: str | Path | IO[bytes]) -> str:
    """Return the CRC-32 of all bytes of a file as 8 hexadecimal digits; ValueError if it is empty."""
    return f"{zlib.crc32(np.memmap(file, np.uint8, 'r').data):08x}"


def remove(path: Path) -> None:
    """Remove a file or folder if that is possible."""
    with suppress(OSError):  # another process was first, or it is not ours to remove
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def _locked_file(folder: Path, prefix: str = "") -> tuple[Path, IO[bytes]]:
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
        file.close()  # another process saw it unlocked, took its writer for dead and removed it


def _lock(file: IO[bytes], *, wait: bool) -> bool:
    if sys.platform == "win32":  # has no such locks: nothing is taken for a dead writer's
        return wait
    import fcntl

    try:
        fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    return True


@contextmanager
def _room_for(shapes: Shapes, dtype: np.dtype[Any], where: str) -> Iterator[None]:
    """Say of an error how much was to be written, and `where`, with what to do."""
    try:
        yield
    except OSError as error:
        size = sum(_bytes(shape, dtype) for shape in shapes.values())
        raise OSError(
            error.errno,
            f"expected room for {size / 1e9:.3g} GB of features ({error.strerror}) in {where}",
        ) from error


def _npy_file(path: Path, shape: tuple[int, ...], dtype: np.dtype[Any]) -> np.ndarray:
    with path.open("x+b") as file:
        return _npy(file, shape, dtype)[0]


def _npy(
    file: IO[bytes], shape: tuple[int, ...], dtype: np.dtype[Any]
) -> tuple[np.memmap[Any, Any], int]:
    """Return an array in a new file of numpy's format, whose space is taken, and where it begins."""
    header = {"shape": shape, "fortran_order": False, "descr": np.lib.format.dtype_to_descr(dtype)}
    np.lib.format.write_array_header_1_0(file, header)
    file.flush()
    offset = file.tell()
    _reserve(file, offset + _bytes(shape, dtype))
    return _mapped(file, dtype, shape, "r+", offset), offset


def _reserve(file: IO[bytes], size: int) -> None:
    """Take the space on disk: a mapped file that finds none when it is written to would kill the process."""
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(file.fileno(), 0, size)
        return
    zeros = bytes(2**20)  # macOS
    for start in range(file.tell(), size, len(zeros)):
        file.write(zeros[: size - start])
    file.flush()


def _bytes(shape: tuple[int, ...], dtype: np.dtype[Any]) -> int:
    return int(np.prod(shape, dtype=np.int64)) * dtype.itemsize


def _mapped(
    file: IO[bytes],
    dtype: np.dtype[Any],
    shape: tuple[int, ...],
    mode: Literal["r+", "w+", "c"],
    offset: int = 0,
) -> np.memmap[Any, Any]:
    return np.memmap(file, dtype, mode, offset, shape)
