"""The feature cache: arrays on disk by key and layer, shared by processes that may be killed at any moment.

An entry is one file, ``<key and layer, hashed>-<checksum of all its bytes>.npy``. It is written under another name, by
an owner who holds a lock on it, and gets this one in a single step when it is complete; a file whose checksum is not
the one in its name is removed. So nothing that a killed process leaves behind can be read, and no clock decides what is
right.
"""

from __future__ import annotations

import errno
import hashlib
import os
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np

from adviz.storage import Allocate, Part, Shapes, allocated, checksum, remove, remove_leftovers

EXHAUSTED = (errno.EMFILE, errno.ENFILE, errno.ENOMEM)  # this process has no room; nothing is wrong with the file
LIMIT = 10.0  # GB, where ADVIZ_CACHE_LIMIT is not set


class Cache:
    """A folder of arrays, the least recently used of which are removed when it exceeds its limit.

    Parameters
    ----------
    root: its entries lie in ``<root>/features``; None = $ADVIZ_CACHE, and the user's cache folder where that is not
        set. Nothing is made before something is stored.

    Attributes
    ----------
    limit: bytes, from $ADVIZ_CACHE_LIMIT (GB; 10 where it is not set); 0 stores nothing and finds nothing.

    Raises
    ------
    ValueError: $ADVIZ_CACHE_LIMIT is no number of gigabytes.
    """

    def __init__(self, root: str | Path | None = None) -> None:
        self.folder = _root(root) / "features"
        self.limit = _limit() if sys.platform != "win32" else 0  # the locks below are POSIX

    def load(self, key: str, layers: Mapping[str, str], images: int, dtype: np.dtype[Any]) -> dict[str, np.ndarray]:
        """Return what is there of some layers, checked; a damaged entry is removed, with one warning for all.

        Parameters
        ----------
        key: what decides the values of all layers, hashed; see `fingerprint`.
        layers: name -> which part of the network it is, the same under any name.
        images, dtype: N and the type that the arrays must have.

        Returns
        -------
        arrays: name -> (N, C, h, w), memory-mapped; writing to them changes memory only.
        """
        found: dict[str, np.ndarray] = {}
        damaged: list[str] = []
        if self.limit == 0:
            return found
        remove_leftovers(self.folder)
        names = self._names()
        for layer, part in layers.items():
            for path in (self.folder / name for name in names if name.startswith(_stem(key, part))):
                try:
                    found[layer] = _read(path, images, dtype)
                except (FileNotFoundError, PermissionError):  # another process needed the space, or owns the file
                    continue
                except (OSError, ValueError, EOFError) as error:
                    if getattr(error, "errno", None) in EXHAUSTED:
                        raise
                    damaged.append(f"{path} ({error})")
                    remove(path)
                    continue
                with suppress(OSError):  # may be a folder that others fill
                    os.utime(path)
                break
        if damaged:
            warnings.warn(
                f"expected features as they were stored, got {len(damaged)} damaged file(s) in the feature cache: "
                f"{'; '.join(damaged)}; removed, the features are extracted again",
                stacklevel=3,
            )
        return found

    @contextmanager
    def writing(self, key: str, layers: Mapping[str, str], *, unchanged: Callable[[], bool]) -> Iterator[Allocate]:
        """Yield a function that allocates arrays, which are stored when the block ends without an error.

        The values of the dictionary that it returned are then exchanged for mappings of what was stored. Where nothing
        can be stored the arrays are as good, and one warning says why.

        Parameters
        ----------
        key, layers: as for `load`.
        unchanged: asked at the end; nothing is stored when what the key stands for is no longer so.
        """
        if self.limit == 0:
            yield allocated
            return
        parts: dict[str, Part] = {}
        arrays: dict[str, np.ndarray] = {}

        def allocate(shapes: Shapes, dtype: np.dtype[Any]) -> dict[str, np.ndarray]:
            try:
                self._check_room(sum(int(np.prod(shape)) for shape in shapes.values()) * dtype.itemsize)
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
        self, key: str, layers: Mapping[str, str], parts: dict[str, Part], arrays: dict[str, np.ndarray]
    ) -> None:
        try:
            for layer, part in parts.items():
                arrays[layer] = part.publish(_stem(key, layers[layer]))
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

    def digest(image: str | Path | np.ndarray) -> bytes:
        if isinstance(image, np.ndarray):  # shape and type are part of what it is; no file has this digest's key
            kind = repr((image.shape, image.dtype.str)).encode()
            return hashlib.blake2b(kind + np.ascontiguousarray(image).tobytes(), digest_size=20, key=b"array").digest()
        with open(image, "rb") as file:
            return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=20)).digest()

    try:
        with ThreadPoolExecutor() as pool:
            return hashlib.blake2b(b"".join(pool.map(digest, images)), digest_size=20).hexdigest()
    except OSError:
        return None


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
        raise ValueError(f"expected ADVIZ_CACHE_LIMIT in GB, such as 10, or 0 for no feature cache; got {text!r}")
    return int(size)


def _stem(key: str, part: str) -> str:
    return fingerprint({"key": key, "part": part}) + "-"


def _read(path: Path, images: int, dtype: np.dtype[Any]) -> np.ndarray:
    found = checksum(path)
    if path.stem[-len(found) :] != found:
        raise ValueError(f"its checksum is {found}")
    array = np.lib.format.open_memmap(path, "c")
    if array.ndim != 4 or len(array) != images or array.dtype != dtype:
        raise ValueError(f"it holds {array.shape} of {array.dtype}")
    return array


def _discard(parts: dict[str, Part]) -> None:
    for part in parts.values():
        part.discard()
    parts.clear()
