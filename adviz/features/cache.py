"""The feature cache: arrays on disk by image and layer, shared by processes that may be killed at any moment.

An entry is one file, ``<how and layer, hashed>-<images, hashed>-<checksum of all its bytes>.npy``,
of the images that were extracted together. Behind its array stands which image each row is of, and
the row's own checksum (`_Rows`), so that some of the images, in any order and out of several
entries, are served as well. It is written under another name, by an owner who holds a lock on it,
and gets this one in a single step when it is complete; a file whose checksum is not the one in its
name is removed. So nothing that a killed process leaves behind can be read, and no clock decides
what is right.
"""

from __future__ import annotations

import errno
import hashlib
import os
import struct
import sys
import warnings
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from adviz._support import Allocate, Part, Shapes, allocated, checksum, remove, remove_leftovers

# This process has no room; nothing is wrong with the file
EXHAUSTED = (errno.EMFILE, errno.ENFILE, errno.ENOMEM)
DIGEST = 20  # bytes of the digest of an image's contents
WORD = b"adviz rows 1"  # marks what stands behind an entry's array
LIMIT = 10.0  # GB, where ADVIZ_CACHE_LIMIT is not set


class Key(NamedTuple):
    """What features are of, and how they were made.

    Attributes
    ----------
    how: all that decides the features of an image, hashed; see `fingerprint`.
    digests: N, of the images' contents; see `digests`.
    """

    how: str
    digests: tuple[bytes, ...]

    @property
    def images(self) -> str:
        """All images in their order, hashed."""
        return _together(self.digests)


class Piece(NamedTuple):
    """Some images' rows of an entry: image ``numbers[i]`` is ``array[rows[i]]``; numbers ascend."""

    array: np.ndarray
    numbers: np.ndarray
    rows: np.ndarray

    def copy_to(self, whole: np.ndarray) -> None:
        """Write the rows to the places of their images, one by one: no second copy of them all."""
        for number, row in zip(self.numbers, self.rows, strict=True):
            whole[number] = self.array[row]


class Found(NamedTuple):
    """What a cache has of some layers.

    Attributes
    ----------
    whole: layer -> (N, C, h, w) of all images, mapped into memory where they lie together; writes
        change memory only.
    pieces: layer -> what there is of the others, which lack an image; may be empty.
    """

    whole: dict[str, np.ndarray]
    pieces: dict[str, list[Piece]]


class Cache:
    """A folder of arrays, the least recently used of which are removed when it exceeds its limit.

    Parameters
    ----------
    root: its entries lie in ``<root>/features``; None = $ADVIZ_CACHE, and the user's cache folder
        where that is not set. Nothing is made before something is stored.

    Attributes
    ----------
    limit: bytes, from $ADVIZ_CACHE_LIMIT (GB; 10 where it is not set); 0 stores nothing and finds
        nothing.

    Raises
    ------
    ValueError: $ADVIZ_CACHE_LIMIT is no number of gigabytes.
    """

    def __init__(self, root: str | Path | None = None) -> None:
        self.folder = _root(root) / "features"
        self.limit = _limit() if sys.platform != "win32" else 0  # the locks below are POSIX

    def load(self, key: Key, layers: Mapping[str, str], dtype: np.dtype[Any]) -> Found:
        """Return what is there of some layers, checked; a damaged entry is removed, with one warning for all.

        Parameters
        ----------
        key: what decides the values of all layers, and the images.
        layers: name -> which part of the network it is, the same under any name.
        dtype: the type that the arrays must have.
        """
        found = Found({}, {})
        damaged: list[str] = []
        if self.limit == 0:
            return found
        remove_leftovers(self.folder)
        names = self._names()
        for layer, part in layers.items():
            paths = [self.folder / name for name in names if name.startswith(_stem(key, part))]
            exact = [
                path for path in paths if path.name.startswith(_stem(key, part) + key.images + "-")
            ]
            whole = self._checked(
                exact, partial(_read, images=len(key.digests), dtype=dtype), damaged
            )
            if whole:
                found.whole[layer] = whole[0]
                continue
            others = [path for path in paths if path not in exact]
            pieces = self._pieces(key, others, dtype, damaged)
            held = sum(len(piece.numbers) for piece in pieces)
            if pieces and held == len(key.digests):
                found.whole[layer] = _joined(pieces, held, dtype)
            elif pieces:
                found.pieces[layer] = pieces
        if damaged:
            warnings.warn(
                f"expected features as they were stored, got {len(damaged)} damaged file(s) in the feature cache: "
                f"{'; '.join(damaged)}; removed, the features are extracted again",
                stacklevel=3,
            )
        return found

    def _pieces(
        self, key: Key, paths: list[Path], dtype: np.dtype[Any], damaged: list[str]
    ) -> list[Piece]:
        """Return which rows of these entries are of images of the key, each image once, from few entries."""
        wanted: dict[bytes, list[int]] = {}
        for number, digest in enumerate(key.digests):
            wanted.setdefault(digest, []).append(number)
        entries = [(path, rows) for path in paths if (rows := _rows_of(path)) is not None]
        pieces = []
        while wanted and entries:
            hits = [sum(digest in wanted for digest in rows.digests) for _, rows in entries]
            best = max(range(len(entries)), key=hits.__getitem__)
            if not hits[best]:
                break
            path, rows = entries.pop(best)
            chosen = {digest: row for row, digest in enumerate(rows.digests) if digest in wanted}
            read = self._checked(
                [path], partial(_read_rows, rows=rows, chosen=chosen, dtype=dtype), damaged
            )
            for array in read:
                numbers = [
                    (number, row) for digest, row in chosen.items() for number in wanted.pop(digest)
                ]
                pieces.append(
                    Piece(array, *(np.array(each) for each in zip(*sorted(numbers), strict=True)))
                )
        return pieces

    def _checked(
        self, paths: list[Path], read: Callable[[Path], np.ndarray], damaged: list[str]
    ) -> list[np.ndarray]:
        """Return the first array that can be read, in a list, which is empty where none can."""
        for path in paths:
            try:
                array = read(path)
            # Another process needed the space, or owns the file
            except (FileNotFoundError, PermissionError):
                continue
            except (OSError, ValueError, EOFError) as error:
                if getattr(error, "errno", None) in EXHAUSTED:
                    raise
                damaged.append(f"{path} ({error})")
                remove(path)
                continue
            with suppress(OSError):  # may be a folder that others fill
                os.utime(path)
            return [array]
        return []

    @contextmanager
    def writing(
        self, key: Key, layers: Mapping[str, str], *, unchanged: Callable[[], bool]
    ) -> Iterator[Allocate]:
        """Yield a function that allocates arrays, which are stored when the block ends without an error.

        The values of the dictionary that it returned are then exchanged for mappings of what was
        stored. Where nothing can be stored the arrays are as good, and one warning says why.

        Parameters
        ----------
        key, layers: as for `load`; all of its images are to be there at the end.
        unchanged: asked at the end; nothing is stored when what the key stands for is no longer so.
        """
        if self.limit == 0:
            yield allocated
            return
        parts: dict[str, Part] = {}
        arrays: dict[str, np.ndarray] = {}

        def allocate(shapes: Shapes, dtype: np.dtype[Any]) -> dict[str, np.ndarray]:
            try:
                self._check_room(
                    sum(int(np.prod(shape)) for shape in shapes.values()) * dtype.itemsize
                )
                for layer, shape in shapes.items():
                    parts[layer] = Part(self.folder, shape, dtype)
                    arrays[layer] = parts[layer].array
            except OSError as error:
                self._warn_uncached(error)
                _discard(parts)
                arrays.update(allocated(shapes, dtype))
            return arrays

        try:
            yield allocate
            if parts and unchanged():
                self._publish(key, layers, parts, arrays)
        finally:
            _discard(parts)

    def _publish(
        self,
        key: Key,
        layers: Mapping[str, str],
        parts: dict[str, Part],
        arrays: dict[str, np.ndarray],
    ) -> None:
        try:
            for layer, part in parts.items():
                stem = f"{_stem(key, layers[layer])}{key.images}-"
                arrays[layer] = part.publish(stem, _Rows.of(key.digests, part.array).packed())
            self._evict(keep={part.path.name for part in parts.values()})
        except OSError as error:
            self._warn_uncached(error)

    def _check_room(self, size: int) -> None:
        """Refuse what is too large, and make the folder for the rest."""
        if size > self.limit:
            raise OSError(
                f"they take {size / 1e9:.3g} GB and the limit is {self.limit / 1e9:.3g} GB: raise ADVIZ_CACHE_LIMIT"
            )
        self.folder.mkdir(parents=True, exist_ok=True)

    def _evict(self, keep: set[str]) -> None:
        """Remove what was not used for longest until the limit holds, whatever other processes remove meanwhile."""
        entries = []
        for name in self._names():
            with suppress(OSError):
                status = (self.folder / name).stat()
                entries.append((status.st_mtime_ns, name, status.st_size))
        excess = sum(size for _, _, size in entries) - self.limit
        for _, name, size in sorted(entries):
            if excess > 0 and name not in keep:
                remove(self.folder / name)
                excess -= size

    def _warn_uncached(self, error: OSError) -> None:
        warnings.warn(
            f"the features are right but not kept in the feature cache {self.folder} ({error}); set ADVIZ_CACHE to a "
            "folder with room, or pass cache=False",
            stacklevel=2,
        )

    def _names(self) -> list[str]:
        try:
            return sorted(name for name in os.listdir(self.folder) if name.endswith(".npy"))
        except OSError:
            return []


def fingerprint(facts: Mapping[str, object]) -> str:
    """Return 40 hexadecimal digits that change when a value does; values are compared by their repr."""
    return hashlib.blake2b(repr(sorted(facts.items())).encode(), digest_size=20).hexdigest()


def contents(images: Sequence[str | Path] | np.ndarray) -> str | None:
    """Return a digest of the bytes of files in order, or of the rows of an array; None when a file cannot be read."""
    found = digests(images)
    return None if found is None else _together(found)


def digests(images: Sequence[str | Path] | np.ndarray) -> tuple[bytes, ...] | None:
    """Return the digest, `DIGEST` bytes, of each file or of each row of an array; None when a file cannot be read."""

    def digest(image: str | Path | np.ndarray) -> bytes:
        # Shape and type are part of what it is; no file has this digest's key
        if isinstance(image, np.ndarray):
            kind = repr((image.shape, image.dtype.str)).encode()
            data = kind + np.ascontiguousarray(image).tobytes()
            return hashlib.blake2b(data, digest_size=DIGEST, key=b"array").digest()
        with open(image, "rb") as file:
            return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=DIGEST)).digest()

    try:
        with ThreadPoolExecutor() as pool:
            return tuple(pool.map(digest, images))
    except OSError:
        return None


def _together(found: Sequence[bytes]) -> str:
    return hashlib.blake2b(b"".join(found), digest_size=DIGEST).hexdigest()


def _root(root: str | Path | None) -> Path:
    chosen = root or os.environ.get("ADVIZ_CACHE")
    if not chosen:
        from platformdirs import user_cache_dir

        chosen = user_cache_dir("adviz")
    return Path(chosen).expanduser()


def _limit() -> int:
    text = os.environ.get("ADVIZ_CACHE_LIMIT", str(LIMIT))
    try:
        size = float(text) * 1e9
    except ValueError:
        size = -1
    if not 0 <= size < float("inf"):
        raise ValueError(
            f"expected ADVIZ_CACHE_LIMIT in GB, such as 10, or 0 for no feature cache; got {text!r}"
        )
    return int(size)


def _stem(key: Key, part: str) -> str:
    return fingerprint({"key": key.how, "part": part}) + "-"


def _read(path: Path, images: int, dtype: np.dtype[Any]) -> np.ndarray:
    found = checksum(path)
    if path.stem[-len(found) :] != found:
        raise ValueError(f"its checksum is {found}")
    array = np.lib.format.open_memmap(path, "c")
    if array.ndim != 4 or len(array) != images or array.dtype != dtype:
        raise ValueError(f"it holds {array.shape} of {array.dtype}")
    return array


class _Rows(NamedTuple):
    """What stands behind an entry's array: of which image each row is, by its digest, and each row's CRC-32."""

    digests: list[bytes]
    checksums: list[int]

    @classmethod
    def of(cls, found: Sequence[bytes], array: np.ndarray) -> _Rows:
        return cls(list(found), [zlib.crc32(row) for row in array])

    def packed(self) -> bytes:
        """Return both as bytes, with their number, a word that says what they are, and a CRC-32 of all at the end."""
        numbers = struct.pack(f"<{len(self.checksums)}I", *self.checksums)
        body = b"".join(self.digests) + numbers + struct.pack("<Q", len(self.digests)) + WORD
        return body + struct.pack("<I", zlib.crc32(body))


def _rows_of(path: Path) -> _Rows | None:
    """Return what stands behind an entry's array; None where that cannot be read: the images are extracted again."""
    with suppress(OSError, struct.error, ValueError), path.open("rb") as file:
        fixed = struct.calcsize(f"<Q{len(WORD)}sI")
        size = file.seek(-fixed, os.SEEK_END) + fixed
        count, word, total = struct.unpack(f"<Q{len(WORD)}sI", file.read())
        length = count * (DIGEST + 4)
        if word == WORD and length + fixed <= size:
            file.seek(size - fixed - length)
            body = file.read(length + fixed - 4)
            if zlib.crc32(body) == total:
                found = [body[start : start + DIGEST] for start in range(0, count * DIGEST, DIGEST)]
                return _Rows(
                    found, list(struct.unpack(f"<{count}I", body[count * DIGEST : length]))
                )
    return None


def _read_rows(
    path: Path, rows: _Rows, chosen: Mapping[bytes, int], dtype: np.dtype[Any]
) -> np.ndarray:
    """Return an entry's array, of which the chosen rows are checked."""
    array = np.lib.format.open_memmap(path, "c")
    if array.ndim != 4 or len(array) != len(rows.digests) or array.dtype != dtype:
        raise ValueError(f"it holds {array.shape} of {array.dtype}")
    for row in chosen.values():
        if zlib.crc32(array[row]) != rows.checksums[row]:
            raise ValueError(f"the checksum of its row {row} is another")
    return array


def _joined(pieces: Sequence[Piece], images: int, dtype: np.dtype[Any]) -> np.ndarray:
    """Return all images' rows: a part of an entry where they lie in it one after the other, else copies."""
    first = pieces[0]
    start = int(first.rows[0])
    if len(pieces) == 1 and np.array_equal(first.rows, np.arange(start, start + images)):
        return np.asarray(first.array[start : start + images])
    whole = allocated({"": (images, *first.array.shape[1:])}, dtype)[""]
    for piece in pieces:
        piece.copy_to(whole)
    return whole


def _discard(parts: dict[str, Part]) -> None:
    for part in parts.values():
        part.discard()
    parts.clear()
