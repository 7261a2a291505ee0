"""Files of arrays: written block by block, and read so that what is used is what was checked."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np

from adviz._support.archive.header import ZEROS, Entry, announced, sides, written
from adviz._support.archive.tree import packed, unpacked
from adviz._support.atomic_files import IN_MEMORY, whole_file

BLOCK = 2**24  # bytes that are read, hashed or written at once


@dataclass(frozen=True, eq=False)
class Archive:
    """What a file holds: its kind, its contents (dictionaries, numbers, arrays), and its digest.

    Examples
    --------
    >>> from adviz import archive
    >>> digest = archive.write("numbers.adviz", "Numbers", {"squares": np.arange(3) ** 2})
    >>> archive.read("numbers.adviz", "Numbers").content["squares"]
    array([0, 1, 4])
    """

    kind: str
    content: dict[str, Any]
    digest: str

    def __repr__(self) -> str:
        return f"Archive({self.kind}: {', '.join(self.content)}; digest {self.digest[:16]})"


def write(path: str | Path, kind: str, content: Mapping[str, Any]) -> str:
    """Write a file that is there completely or not at all, and return its digest.

    Arrays are written as they lie, block by block: memory-mapped ones never are in memory as a
    whole, and of a broadcast view only what it repeats is written (unless it is larger than every
    other array).

    Parameters
    ----------
    path: the file, in a folder that exists; a file that is there is replaced in one step.
    kind: what it is, for `read`.
    content: names -> numbers, texts, None, arrays of numbers, and dictionaries, lists and tuples of
        these.

    Returns
    -------
    digest: 64 hexadecimal digits, of all bytes.

    Raises
    ------
    TypeError: something that is none of these, such as an array of objects.
    ValueError: more beside the arrays than a header may hold (16 MiB).
    OSError: it cannot be written; nothing stays, and what was there before is untouched.

    Examples
    --------
    >>> from adviz import archive
    >>> len(archive.write("numbers.adviz", "Numbers", {"squares": np.arange(3) ** 2, "name": "squares"}))
    64
    """
    target, arrays = Path(path), dict[str, np.ndarray]()
    body = packed(dict(content), "", arrays)
    kept, shapes = _unrepeated(arrays)
    # Each begins at a multiple of its numbers' size
    order = sorted(kept, key=lambda name: -kept[name].dtype.itemsize)
    header = written(
        {"kind": kind, "shapes": shapes, "content": body}, {name: kept[name] for name in order}
    )
    try:
        with whole_file(target) as file:
            file.write(len(header).to_bytes(8, "little") + header)
            state = _hasher(header)
            for block in (block for name in order for block in _blocks(kept[name])):
                state.update(block)
                file.write(block)
            digest = str(state.hexdigest())
            file.seek(8 + header.index(ZEROS.encode()))
            file.write(digest.encode())
    except OSError as error:
        raise unwritten(kind, target, error) from error
    return digest


def unwritten(kind: str, target: Path, error: OSError) -> OSError:
    """Return the same kind of error, which says what to do."""
    what = f"expected to write a {kind} to {target}, got: {error.strerror or error}"
    return OSError(
        error.errno, f"{what}; choose a folder that is there, can be written to and has room"
    )


def read(path: str | Path, kinds: str | Iterable[str], *, digest: str | None = None) -> Archive:
    """Read what `write` wrote; it is checked to the last byte before any of it is used.

    Arrays are in memory, or from the one on that would exceed 4 GiB mapped from the file, where
    writing to them changes memory alone.

    Parameters
    ----------
    path: the file.
    kinds: which kinds are expected.
    digest: what `write` returned, where it must be that very file; None = any that agrees with
        itself.

    Raises
    ------
    FileNotFoundError: no such file.
    ValueError: the file is no archive, truncated, longer than announced, changed, of another kind
        or version, or not the one that is asked for.

    Examples
    --------
    >>> from adviz import archive
    >>> digest = archive.write("numbers.adviz", "Numbers", {"two": 2})
    >>> archive.read("numbers.adviz", "Numbers", digest=digest).content
    {'two': 2}
    """
    path, kinds = Path(path), [kinds] if isinstance(kinds, str) else list(kinds)
    what = " or ".join(kinds)
    check_file(path, what)
    with path.open("rb") as file:
        try:
            return _read(file, kinds, digest)
        except (ValueError, RecursionError) as error:
            why = "its JSON is nested too deeply" if isinstance(error, RecursionError) else error
            raise ValueError(f"expected a saved {what} in {path}, but {why}") from error


def kind_of(path: str | Path) -> str:
    """Return what kind of thing a file says that it holds, from its header alone; "" where it is no archive.

    Examples
    --------
    >>> from adviz import archive
    >>> digest = archive.write("numbers.adviz", "Numbers", {"two": 2})
    >>> archive.kind_of("numbers.adviz")
    'Numbers'
    """
    if not Path(path).is_file():
        return ""
    try:
        with Path(path).open("rb") as file:
            return str(announced(file).about["kind"])
    except (ValueError, RecursionError):
        return ""


def check_file(path: Path, what: str) -> None:
    """Refuse what is no regular file: a pipe would never end.

    Raises
    ------
    FileNotFoundError: there is nothing.  ValueError: it is something else.
    """
    if not path.exists():
        raise FileNotFoundError(f"expected a saved {what}, found no file at {path}")
    if not path.is_file():
        raise ValueError(f"expected a saved {what}, got {path}, which is no regular file")


def _unrepeated(
    arrays: Mapping[str, np.ndarray],
) -> tuple[dict[str, np.ndarray], dict[str, list[int]]]:
    """Return arrays without what broadcast views repeat, and the shapes that these have."""
    kept, shapes = dict(arrays), dict[str, list[int]]()
    repeats = {name: _repeating(array) for name, array in arrays.items()}
    largest = max(
        (array.size for name, array in arrays.items() if True not in repeats[name]), default=0
    )
    for name, array in arrays.items():
        if True in repeats[name] and array.size <= largest:
            kept[name] = array[
                tuple(slice(0, 1) if again else slice(None) for again in repeats[name])
            ]
            shapes[name] = list(array.shape)
    return kept, shapes


def _repeating(array: np.ndarray) -> list[bool]:
    return [side > 1 and step == 0 for side, step in zip(array.shape, array.strides, strict=True)]


def _repeated(arrays: dict[str, np.ndarray], shapes: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Bring arrays to the shapes that they had, none of which is larger than the largest array that is there."""
    largest = max((array.size for array in arrays.values()), default=0)
    for name, shape in shapes.items():
        if name not in arrays or not sides(shape) or len(shape) != arrays[name].ndim:
            raise ValueError(f"the shape it gives for {name} is none")
        view = np.broadcast_to(arrays[name], tuple(shape))
        if view.size > largest:
            raise ValueError(f"the shape it gives for {name} is larger than every array in it")
        arrays[name] = view
    return arrays


def _blocks(array: np.ndarray) -> Iterator[memoryview]:
    """Yield the bytes of an array, little-endian and in C order, some at a time."""
    if not array.size:
        return
    rows = array.reshape(1) if array.ndim == 0 else array
    step = max(1, BLOCK // (rows.nbytes // len(rows)))
    for start in range(0, len(rows), step):
        part = np.ascontiguousarray(rows[start : start + step], dtype=array.dtype.newbyteorder("<"))
        yield part.reshape(-1).view(np.uint8).data


def _hasher(header: bytes) -> Any:
    """Return the hash of a file up to its arrays, with zeros for the digest."""
    return hashlib.blake2b(len(header).to_bytes(8, "little") + header, digest_size=len(ZEROS) // 2)


def _read(file: IO[bytes], kinds: Sequence[str], wanted: str | None) -> Archive:
    header = announced(file)
    kind, digest = header.about["kind"], header.digest
    if kind not in kinds:
        raise ValueError(f"it is a saved {kind}: load it as that, or with adviz.load")
    if wanted is not None and wanted != digest:
        raise ValueError(
            f"its digest is {digest}, not {wanted}: it is another file than the one asked for"
        )
    state = _hasher(header.text.replace(digest.encode(), ZEROS.encode(), 1))
    arrays = dict(_arrays(file, 8 + len(header.text), header.entries, state))
    if state.hexdigest() != digest:
        raise ValueError(
            "its bytes are not those that were written (the digest differs): take another copy of it"
        )
    for name, array in arrays.items():
        if array.dtype == bool and array.size and array.view(np.uint8).max() > 1:
            raise ValueError(f"{name} holds truth values other than 0 and 1")
    used: list[str] = []
    content = unpacked(header.about["content"], _repeated(arrays, header.about["shapes"]), used)
    if sorted(used) != sorted(arrays) or not isinstance(content, dict):
        raise ValueError("its contents do not name each of its arrays once")
    return Archive(kind, content, digest)


def _arrays(
    file: IO[bytes], offset: int, entries: Sequence[Entry], state: Any
) -> Iterator[tuple[str, np.ndarray]]:
    """Yield the arrays, having hashed every byte that they are made of."""
    held = 0
    for name, dtype, shape, begin, end in entries:
        held += end - begin
        here = held <= IN_MEMORY or begin == end
        array = (
            np.empty(shape, dtype) if here else np.memmap(file, dtype, "c", offset + begin, shape)
        )
        raw = array.reshape(-1).view(np.uint8)
        for start in range(0, len(raw), BLOCK):
            part = raw[start : start + BLOCK].data
            if here and file.readinto(part) != len(part):  # type: ignore[attr-defined]
                raise ValueError("it became shorter while it was read")
            state.update(part)
        yield name, array
