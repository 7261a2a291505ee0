"""The feature cache: arrays on disk by image and layer, safe if a process is killed at any moment.

An entry is one file, ``<how and layer, hashed>-<images, hashed>-<checksum of all its bytes>.npy``,
of the images that were extracted together. After its array it has the digest of each row's image
and each row's checksum (`_Rows`), so that some of the images, in any order and out of several
entries, are served as well. It is written under another name, locked by its writer, and renamed in
a single step when it is complete; a file whose checksum is not the one in its name is removed. So
nothing that a killed process leaves behind can be read, and correctness does not depend on clocks.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import struct
import sys
import warnings
import zlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from adviz._support import (
    Allocate,
    Shapes,
    UnfinishedArray,
    allocate_arrays,
    checksum,
    remove,
    remove_leftovers,
)

# Errors of a process without resources, which say nothing about the file
EXHAUSTED = (errno.EMFILE, errno.ENFILE, errno.ENOMEM)
DIGEST = 20  # bytes of the digest of an image's contents
WORD = b"adviz rows 1"  # marks the rows' digests and checksums after an entry's array
LIMIT = 10.0  # GB, the default of ADVIZ_CACHE_LIMIT


# Two hashes of 20 bytes and a CRC-32
ENTRY = re.compile(r"[0-9a-f]{40}-[0-9a-f]{40}-[0-9a-f]{8}\.npy")


class Entry(NamedTuple):
    """A file of the cache.

    Attributes
    ----------
    path: the file.
    size: bytes.
    used: when it was last read or written, nanoseconds since 1970.
    """

    path: Path
    size: int
    used: int


class Key(NamedTuple):
    """The images of features, and how these were computed.

    Attributes
    ----------
    how: the `fingerprint` of all that decides the features of an image.
    digests: the N `digests` of the images' contents.
    """

    how: str
    digests: tuple[bytes, ...]

    @property
    def images(self) -> str:
        """The hash of all images in their order."""
        return _combined(self.digests)


class Piece(NamedTuple):
    """Some images of an entry: image ``images[i]`` is ``array[rows[i]]``; `images` ascends."""

    array: np.ndarray  # (n_rows, C, h, w)
    images: np.ndarray
    rows: np.ndarray

    def copy_to(self, features: np.ndarray) -> None:
        """Copy the images into (N, C, h, w) features, one by one to save memory."""
        for image, row in zip(self.images, self.rows, strict=True):
            features[image] = self.array[row]


class Loaded(NamedTuple):
    """The cached features of some layers.

    Attributes
    ----------
    complete: layer -> (N, C, h, w) of all images, memory-mapped if they are in one entry; writes
        change memory only.
    pieces: layer -> the cached images of an incomplete layer; layers without any are left out.
    """

    complete: dict[str, np.ndarray]
    pieces: dict[str, list[Piece]]


class Cache:
    """A folder of arrays, the least recently used of which are removed when it exceeds its limit.

    Parameters
    ----------
    root: the entries are in ``<root>/features``; None = $ADVIZ_CACHE, by default the user's cache
        folder. No folder is made before something is stored.

    Attributes
    ----------
    limit: bytes, from $ADVIZ_CACHE_LIMIT (GB, by default 10); 0 switches the cache off.

    Raises
    ------
    ValueError: $ADVIZ_CACHE_LIMIT is no number of gigabytes.
    """

    def __init__(self, root: str | Path | None = None) -> None:
        self.folder = _root(root) / "features"
        self.limit = _limit()
        if sys.platform == "win32":  # without POSIX locks
            self.limit = 0

    def load(self, key: Key, layers: Mapping[str, str], dtype: np.dtype[Any]) -> Loaded:
        """Return the cached features of some layers; damaged entries are removed, with one warning.

        Parameters
        ----------
        key: the images, and how the features are computed.
        layers: name -> sub-module; entries are found by the sub-module.
        dtype: the type that the arrays must have.
        """
        loaded = Loaded({}, {})
        damaged: list[str] = []
        if self.limit == 0:
            return loaded
        remove_leftovers(self.folder)
        names = self._names()
        n_images = len(key.digests)
        for layer, module in layers.items():
            stem = _stem(key, module)
            same_images = []  # entries of these very images, in this order
            other_images = []
            for name in names:
                if name.startswith(f"{stem}{key.images}-"):
                    same_images.append(self.folder / name)
                elif name.startswith(stem):
                    other_images.append(self.folder / name)
            read = partial(_read, n_images=n_images, dtype=dtype)
            array = self._first_readable(same_images, read, damaged)
            if array is not None:
                loaded.complete[layer] = array
                continue
            pieces = self._pieces(key, other_images, dtype, damaged)
            n_cached = sum(len(piece.images) for piece in pieces)
            if pieces and n_cached == n_images:
                loaded.complete[layer] = _joined(pieces, n_images, dtype)
            elif pieces:
                loaded.pieces[layer] = pieces
        if damaged:
            warnings.warn(
                f"expected features as they were stored, got {len(damaged)} damaged file(s) in the "
                f"feature cache: {'; '.join(damaged)}; removed, the features are extracted again",
                stacklevel=3,
            )
        return loaded

    def entries(self) -> list[Entry]:
        """Return what is stored, the least recently used first."""
        entries = []
        for name in self._names():
            with suppress(OSError):  # another process removed it
                status = (self.folder / name).stat()
                entries.append(Entry(self.folder / name, status.st_size, status.st_mtime_ns))
        return sorted(entries, key=lambda entry: (entry.used, entry.path.name))

    def clear(self) -> list[Entry]:
        """Remove all entries, and unfinished ones of processes that have died; return the entries.

        Who has mapped an entry keeps it, and who has just listed it extracts its features again.
        Files with other names than an entry's are left alone, as are those being written.
        """
        remove_leftovers(self.folder)
        removed = []
        for entry in self.entries():
            if ENTRY.fullmatch(entry.path.name):
                remove(entry.path)
                if not entry.path.exists():
                    removed.append(entry)
        return removed

    def _pieces(
        self, key: Key, paths: list[Path], dtype: np.dtype[Any], damaged: list[str]
    ) -> list[Piece]:
        """Return the key's images in these entries, each image once, out of few entries.

        The next entry is the one with most of the images that are still missing.
        """
        missing: dict[bytes, list[int]] = {}  # digest -> indices of its images
        for image, digest in enumerate(key.digests):
            missing.setdefault(digest, []).append(image)
        entries = {}
        for path in paths:
            rows = _rows_of(path)
            if rows is not None:
                entries[path] = rows
        pieces = []
        while missing and entries:
            counts = {path: rows.count(missing) for path, rows in entries.items()}
            path = max(counts, key=counts.__getitem__)
            if not counts[path]:
                break
            rows = entries.pop(path)
            used = {digest: row for row, digest in enumerate(rows.digests) if digest in missing}
            read = partial(_read_rows, rows=rows, used=used.values(), dtype=dtype)
            array = self._first_readable([path], read, damaged)
            if array is not None:
                pairs = []  # an image may be in the key several times
                for digest, row in used.items():
                    pairs += [(image, row) for image in missing.pop(digest)]
                images, image_rows = np.array(sorted(pairs)).T
                pieces.append(Piece(array, images, image_rows))
        return pieces

    def _first_readable(
        self, paths: list[Path], read: Callable[[Path], np.ndarray], damaged: list[str]
    ) -> np.ndarray | None:
        """Return the first array that can be read, None if there is none.

        Damaged files are removed and appended to `damaged`.
        """
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
            with suppress(OSError):  # the folder may be another user's
                os.utime(path)
            return array
        return None

    @contextmanager
    def writing(
        self, key: Key, layers: Mapping[str, str], *, unchanged: Callable[[], bool]
    ) -> Iterator[Allocate]:
        """Yield a function that allocates arrays, which are stored if the block ends without error.

        The values of the dictionary that it returned are then replaced by memory-mapped arrays of
        the stored files. If nothing can be stored the arrays are in memory, with one warning.

        Parameters
        ----------
        key, layers: as for `load`; at the end the arrays have all of its images.
        unchanged: called at the end; False = the images no longer have this key, store nothing.
        """
        if self.limit == 0:
            yield allocate_arrays
            return
        parts: dict[str, UnfinishedArray] = {}
        arrays: dict[str, np.ndarray] = {}

        def allocate(shapes: Shapes, dtype: np.dtype[Any]) -> dict[str, np.ndarray]:
            try:
                n_values = sum(int(np.prod(shape)) for shape in shapes.values())
                self._check_limit(n_values * dtype.itemsize)
                self.folder.mkdir(parents=True, exist_ok=True)
                for layer, shape in shapes.items():
                    parts[layer] = UnfinishedArray(self.folder, shape, dtype)
                    arrays[layer] = parts[layer].array
            except OSError as error:
                self._warn_uncached(error)
                _discard(parts)
                arrays.update(allocate_arrays(shapes, dtype))
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
        parts: dict[str, UnfinishedArray],
        arrays: dict[str, np.ndarray],
    ) -> None:
        try:
            for layer, part in parts.items():
                stem = f"{_stem(key, layers[layer])}{key.images}-"
                arrays[layer] = part.publish(stem, _Rows.of(key.digests, part.array).packed())
            self._evict(keep={part.path.name for part in parts.values()})
        except OSError as error:
            self._warn_uncached(error)

    def _check_limit(self, n_bytes: int) -> None:
        if n_bytes > self.limit:
            raise OSError(
                f"they take {n_bytes / 1e9:.3g} GB and the limit is {self.limit / 1e9:.3g} GB: "
                "raise ADVIZ_CACHE_LIMIT"
            )

    def _evict(self, keep: set[str]) -> None:
        """Remove the least recently used entries until the limit holds."""
        entries = self.entries()
        excess = sum(entry.size for entry in entries) - self.limit  # bytes
        for entry in entries:
            if excess > 0 and entry.path.name not in keep:
                remove(entry.path)
                excess -= entry.size

    def _warn_uncached(self, error: OSError) -> None:
        warnings.warn(
            f"the features are right but not kept in the feature cache {self.folder} ({error}); "
            "set ADVIZ_CACHE to a folder with room, or pass cache=False",
            stacklevel=2,
        )

    def _names(self) -> list[str]:
        try:
            return sorted(name for name in os.listdir(self.folder) if name.endswith(".npy"))
        except OSError:
            return []


def fingerprint(configuration: Mapping[str, object]) -> str:
    """Return 40 hexadecimal digits that change when the repr of a value does."""
    text = repr(sorted(configuration.items()))
    return hashlib.blake2b(text.encode(), digest_size=20).hexdigest()


def contents_digest(images: Sequence[str | Path] | np.ndarray) -> str | None:
    """Return one digest of files in order, or of an array; None if a file cannot be read."""
    image_digests = digests(images)
    return None if image_digests is None else _combined(image_digests)


def digests(images: Sequence[str | Path] | np.ndarray) -> tuple[bytes, ...] | None:
    """Return the digest of each file or row of an array; None if a file cannot be read."""

    def digest(image: str | Path | np.ndarray) -> bytes:
        # The digest includes shape and type; by its key it differs from every file's
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


def _combined(digests: Sequence[bytes]) -> str:
    return hashlib.blake2b(b"".join(digests), digest_size=DIGEST).hexdigest()


def _root(root: str | Path | None) -> Path:
    root = root or os.environ.get("ADVIZ_CACHE")
    if not root:
        from platformdirs import user_cache_dir

        root = user_cache_dir("adviz")
    return Path(root).expanduser()


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


def _stem(key: Key, module: str) -> str:
    return fingerprint({"key": key.how, "part": module}) + "-"


def _read(path: Path, n_images: int, dtype: np.dtype[Any]) -> np.ndarray:
    """Return an entry's array, all of whose bytes are checked."""
    digits = checksum(path)
    if not path.stem.endswith(digits):
        raise ValueError(f"its checksum is {digits}")
    return _open_array(path, n_images, dtype)


def _open_array(path: Path, n_images: int, dtype: np.dtype[Any]) -> np.ndarray:
    array = np.lib.format.open_memmap(path, "c")
    if array.ndim != 4 or len(array) != n_images or array.dtype != dtype:
        raise ValueError(f"it holds {array.shape} of {array.dtype}")
    return array


class _Rows(NamedTuple):
    """The digest of each row's image and the CRC-32 of each row, as they follow an entry's array.

    In the file: all digests, all checksums, their number, `WORD`, and a CRC-32 of all this.
    """

    digests: list[bytes]
    checksums: list[int]

    @classmethod
    def of(cls, digests: Sequence[bytes], array: np.ndarray) -> _Rows:
        return cls(list(digests), [zlib.crc32(row) for row in array])

    def count(self, digests: Collection[bytes]) -> int:
        """Return how many rows are of images with these digests."""
        return sum(digest in digests for digest in self.digests)

    def packed(self) -> bytes:
        """Return the rows as they follow an entry's array."""
        checksums = struct.pack(f"<{len(self.checksums)}I", *self.checksums)
        count = struct.pack("<Q", len(self.digests))
        content = b"".join(self.digests) + checksums + count + WORD
        return content + struct.pack("<I", zlib.crc32(content))


def _rows_of(path: Path) -> _Rows | None:
    """Return the rows of an entry, None if they are damaged."""
    end = struct.Struct(f"<Q{len(WORD)}sI")  # count, word, CRC-32
    with suppress(OSError, struct.error, ValueError), path.open("rb") as file:
        file_size = file.seek(0, os.SEEK_END)
        file.seek(file_size - end.size)
        count, word, crc = end.unpack(file.read())
        size = count * (DIGEST + 4)  # bytes of all digests and checksums
        if word != WORD or size + end.size > file_size:
            return None
        file.seek(file_size - end.size - size)
        content = file.read(size + end.size - 4)
        if zlib.crc32(content) != crc:
            return None
        digests = [content[start : start + DIGEST] for start in range(0, count * DIGEST, DIGEST)]
        checksums = struct.unpack(f"<{count}I", content[count * DIGEST : size])
        return _Rows(digests, list(checksums))
    return None


def _read_rows(path: Path, rows: _Rows, used: Iterable[int], dtype: np.dtype[Any]) -> np.ndarray:
    """Return an entry's array, of which the used rows are checked."""
    array = _open_array(path, len(rows.digests), dtype)
    for row in used:
        if zlib.crc32(array[row]) != rows.checksums[row]:
            raise ValueError(f"the checksum of its row {row} is another")
    return array


def _joined(pieces: Sequence[Piece], n_images: int, dtype: np.dtype[Any]) -> np.ndarray:
    """Return all images of a layer, uncopied if they are consecutive rows of one entry."""
    first = pieces[0]
    start = int(first.rows[0])
    consecutive = np.arange(start, start + n_images)
    if len(pieces) == 1 and np.array_equal(first.rows, consecutive):
        return np.asarray(first.array[start : start + n_images])
    # Copies, (N, C, h, w)
    features = allocate_arrays({"": (n_images, *first.array.shape[1:])}, dtype)[""]
    for piece in pieces:
        piece.copy_to(features)
    return features


def _discard(parts: dict[str, UnfinishedArray]) -> None:
    for part in parts.values():
        part.discard()
    parts.clear()
