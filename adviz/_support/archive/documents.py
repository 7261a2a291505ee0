"""Small JSON files that a person may read: with a digest, and written atomically."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from adviz._support.archive.files import check_file
from adviz._support.archive.trees import parse_json
from adviz._support.atomic_files import write_atomically

LIMIT = 2**26  # bytes of a document


def digest_of(content: Mapping[str, Any]) -> str:
    """Return 32 hexadecimal digits of JSON, whatever its order and spacing."""
    return hashlib.blake2b(json.dumps(content, sort_keys=True).encode(), digest_size=16).hexdigest()


def write_json(path: str | Path, content: Mapping[str, Any]) -> str:
    """Write strict JSON atomically, with its digest added as "digest"; return the digest.

    Raises
    ------
    ValueError: it contains NaN, infinity or "digest".
    TypeError: it contains something that JSON cannot express.
    OSError: it cannot be written; an earlier file is untouched.

    Examples
    --------
    >>> from adviz import archive
    >>> len(archive.write_json("note.json", {"two": 2}))
    32
    """
    if "digest" in content:
        raise ValueError('expected content without "digest", which is added')
    digest = digest_of(content)
    text = json.dumps({**content, "digest": digest}, indent=1, ensure_ascii=False, allow_nan=False)
    write_atomically(Path(path), (text + "\n").encode())
    return digest


def read_json(
    path: str | Path, what: str, *, limit: int = LIMIT
) -> tuple[dict[str, Any], str | None]:
    """Read a JSON object that is not larger than expected.

    Parameters
    ----------
    path: the file.
    what: the expected content, for errors.
    limit: bytes.

    Returns
    -------
    content: all but "digest".
    digest: the digest in the file, which is that of the content; None = there is none.

    Raises
    ------
    FileNotFoundError: no such file.
    ValueError: no strict JSON object, too large, or another digest than its content's.

    Examples
    --------
    >>> from adviz import archive
    >>> digest = archive.write_json("note.json", {"two": 2})
    >>> archive.read_json("note.json", "a note")
    ({'two': 2}, '...')
    """
    path = Path(path)
    check_file(path, what)
    with path.open("rb") as file:
        text = file.read(limit + 1)
    try:
        if len(text) > limit:
            raise ValueError(f"it has more than {limit} bytes")
        content = parse_json(text)
        digest = content.pop("digest", None)
        if digest is not None and digest != digest_of(content):
            raise ValueError("it is not what was written (the digest differs): take another copy")
    except ValueError as error:
        raise ValueError(f"expected {what} as JSON in {path}, but {error}") from error
    return content, digest
