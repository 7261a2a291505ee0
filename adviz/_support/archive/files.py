"""Files of arrays: written block by block, and checked to the last byte before they are used."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np

from adviz._support.archive.header import ZEROS, Entry, Header, header_text, is_shape, read_header
from adviz._support.archive.trees import pack, unpack
from adviz._support.atomic_files import IN_MEMORY, atomic_file

BLOCK = 2**24  # bytes that are read, hashed or written at once


@dataclass(frozen=True, eq=False)
class Archive:
    """A file's kind, its contents (dictionaries, numbers, arrays), and its digest.

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
    """Write a file atomically, and return its digest.

    Arrays are written block by block: memory-mapped ones never are in memory as a whole, and a
    broadcast view is written without its repetitions (unless it is larger than every other array).

    Parameters
    ----------
    path: the file, in a folder that exists; an earlier file is replaced in one step.
    kind: the kind of contents, for `read`.
    content: names -> numbers, texts, None, arrays of numbers, and dictionaries, lists and tuples of
        these.

    Returns
    -------
    digest: 64 hexadecimal digits, of all bytes.

    Raises
    ------
    TypeError: something that is none of these, such as an array of objects.
    ValueError: contents without arrays larger than a header may be (16 MiB).
    OSError: it cannot be written; nothing is left of it, and an earlier file is untouched.

    Examples
    --------
    >>> from adviz import archive
    >>> numbers = {"squares": np.arange(3) ** 2, "name": "squares"}
    >>> len(archive.write("numbers.adviz", "Numbers", numbers))
    64
    """
    target = Path(path)
    arrays: dict[str, np.ndarray] = {}
    packed = pack(dict(content), "", arrays)
    arrays, shapes = _without_repetitions(arrays)
    # From the widest type to the narrowest each array begins at a multiple of its numbers' size
    arrays = dict(sorted(arrays.items(), key=lambda item: -item[1].dtype.itemsize))
    header = header_text({"kind": kind, "shapes": shapes, "content": packed}, arrays)
    hasher = new_hash(header)
    try:
        with atomic_file(target) as file:
            file.write(header)
            for array in arrays.values():
                for block in _blocks(array):
                    hasher.update(block)
                    file.write(block)
            digest = str(hasher.hexdigest())
            # The digest replaces its zeros, which were hashed
            file.seek(header.index(ZEROS.encode()))
            file.write(digest.encode())
    except OSError as error:
        raise OSError(
            error.errno,
            f"expected to write a {kind} to {target}, got: {error.strerror or error}; "
            "choose a folder that is there, can be written to and has room",
        ) from error
    return digest


def read(path: str | Path, kinds: str | Iterable[str], *, digest: str | None = None) -> Archive:
    """Read what `write` wrote, once every byte of it is checked.

    Arrays are in memory; from the one on that exceeds 4 GiB they are mapped from the file, and
    writing to them changes memory alone.

    Parameters
    ----------
    path: the file.
    kinds: which kinds are expected.
    digest: the result of `write`, to accept that very file only; None = any undamaged file.

    Raises
    ------
    FileNotFoundError: no such file.
    ValueError: the file is no archive, truncated, longer than announced, changed, of another kind
        or version, or of another digest.

    Examples
    --------
    >>> from adviz import archive
    >>> digest = archive.write("numbers.adviz", "Numbers", {"two": 2})
    >>> archive.read("numbers.adviz", "Numbers", digest=digest).content
    {'two': 2}
    """
    path = Path(path)
    kinds = [kinds] if isinstance(kinds, str) else list(kinds)
    expected = " or ".join(kinds)
    check_file(path, expected)
    with path.open("rb") as file:
        try:
            header = read_header(file)
            _check_identity(header, kinds, digest)
            return _read_content(file, header)
        except (ValueError, RecursionError) as error:
            deep = isinstance(error, RecursionError)
            problem = "its JSON is nested too deeply" if deep else error
            raise ValueError(f"expected a saved {expected} in {path}, but {problem}") from error


def kind_of(path: str | Path) -> str:
    """Return the kind that a file's header states; "" where it is no archive.

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
            return str(read_header(file).description["kind"])
    except (ValueError, RecursionError):
        return ""


def check_file(path: Path, what: str) -> None:
    """Refuse a path that is no regular file: a pipe would never end.

    Raises
    ------
    FileNotFoundError: there is nothing.  ValueError: it is something else.
    """
    if not path.exists():
        raise FileNotFoundError(f"expected a saved {what}, found no file at {path}")
    if not path.is_file():
        raise ValueError(f"expected a saved {what}, got {path}, which is no regular file")


def _without_repetitions(
    arrays: Mapping[str, np.ndarray],
) -> tuple[dict[str, np.ndarray], dict[str, list[int]]]:
    """Return arrays without what broadcast views repeat, and the full shapes of these views.

    A view that is larger than every array without repetitions is returned as it is: a reader could
    not tell its shape from one that is made up to fill the memory.
    """
    repeated_axes = {name: _repeated_axes(array) for name, array in arrays.items()}
    sizes = [array.size for name, array in arrays.items() if not any(repeated_axes[name])]
    largest = max(sizes, default=0)
    reduced = dict(arrays)
    shapes = {}
    for name, array in arrays.items():
        if any(repeated_axes[name]) and array.size <= largest:
            once = [slice(0, 1) if repeated else slice(None) for repeated in repeated_axes[name]]
            reduced[name] = array[tuple(once)]
            shapes[name] = list(array.shape)
    return reduced, shapes


def _repeated_axes(array: np.ndarray) -> list[bool]:
    axes = zip(array.shape, array.strides, strict=True)
    return [length > 1 and stride == 0 for length, stride in axes]


def _with_repetitions(
    arrays: dict[str, np.ndarray], shapes: Mapping[str, Any]
) -> dict[str, np.ndarray]:
    """Broadcast arrays to their full shapes, none larger than the largest array of the file."""
    largest = max((array.size for array in arrays.values()), default=0)
    views = dict(arrays)
    for name, shape in shapes.items():
        if name not in arrays or not is_shape(shape) or len(shape) != arrays[name].ndim:
            raise ValueError(f"the shape it gives for {name} is none")
        views[name] = np.broadcast_to(arrays[name], tuple(shape))
        if views[name].size > largest:
            raise ValueError(f"the shape it gives for {name} is larger than every array in it")
    return views


def _blocks(array: np.ndarray) -> Iterator[memoryview]:
    """Yield the bytes of an array, little-endian and in C order, some at a time."""
    if not array.size:
        return
    rows = np.atleast_1d(array)
    little_endian = array.dtype.newbyteorder("<")
    step = max(1, BLOCK // (rows.nbytes // len(rows)))
    for start in range(0, len(rows), step):
        block = np.ascontiguousarray(rows[start : start + step], dtype=little_endian)
        yield block.reshape(-1).view(np.uint8).data


def new_hash(header: bytes) -> Any:
    """Return the hash of a file up to its arrays; the header has zeros for the digest."""
    return hashlib.blake2b(header, digest_size=len(ZEROS) // 2)


def _check_identity(header: Header, kinds: list[str], digest: str | None) -> None:
    """Refuse a file of another kind, or another one than the digest asks for."""
    kind = header.description["kind"]
    if kind not in kinds:
        remedy = "load it as that, or with adviz.load"
        if ":" in kind:  # "module:Class", of somebody else
            remedy = f"load it with that class, {kind.rpartition(':')[2]}.load(path)"
        raise ValueError(f"it is a saved {kind}: {remedy}")
    if digest is not None and digest != header.digest:
        raise ValueError(
            f"its digest is {header.digest}, not {digest}: "
            "it is another file than the one asked for"
        )


def _read_content(file: IO[bytes], header: Header) -> Archive:
    """Read the arrays after the header, check the digest, and put the contents together."""
    hasher = new_hash(header.text.replace(header.digest.encode(), ZEROS.encode(), 1))
    arrays = {}
    n_bytes = 0
    for entry in header.entries:
        n_bytes += entry.end - entry.begin
        mapped = n_bytes > IN_MEMORY and entry.end > entry.begin
        arrays[entry.name] = _read_array(file, entry, len(header.text), hasher, mapped=mapped)
    if hasher.hexdigest() != header.digest:
        raise ValueError(
            "its bytes are not those that were written (the digest differs): "
            "take another copy of it"
        )
    # Numpy computes nonsense with other bytes as truth values
    for name, array in arrays.items():
        if array.dtype == bool and array.size and array.view(np.uint8).max() > 1:
            raise ValueError(f"{name} holds truth values other than 0 and 1")
    used: list[str] = []
    views = _with_repetitions(arrays, header.description["shapes"])
    content = unpack(header.description["content"], views, used)
    if sorted(used) != sorted(arrays) or not isinstance(content, dict):
        raise ValueError("its contents do not name each of its arrays once")
    return Archive(header.description["kind"], content, header.digest)


def _read_array(
    file: IO[bytes], entry: Entry, offset: int, hasher: Any, *, mapped: bool
) -> np.ndarray:
    """Return an array, having hashed every byte that it is made of."""
    if mapped:
        array = np.memmap(file, entry.dtype, "c", offset + entry.begin, entry.shape)
    else:
        array = np.empty(entry.shape, entry.dtype)  # type: ignore[assignment]
    array_bytes = array.reshape(-1).view(np.uint8)
    for start in range(0, len(array_bytes), BLOCK):
        block = array_bytes[start : start + BLOCK].data
        if not mapped and file.readinto(block) != len(block):  # type: ignore[attr-defined]
            raise ValueError("it became shorter while it was read")
        hasher.update(block)
    return array
