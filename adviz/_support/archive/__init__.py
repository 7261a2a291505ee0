"""Saved files: arrays as safetensors and JSON, written atomically, checked to the last byte.

A file is a safetensors file, which other programs can read. Its metadata hold two texts: "adviz",
JSON with the format's number, the kind of thing and its contents, in which arrays are named; and
"digest", the BLAKE2b of the file with zeros in the digest's place. **The digest guards against
accidents, not against people**: who rewrites a file can write its digest anew. Against them keep
what `write` returns in another place, and demand it from `read`. Either way nothing in a file is
ever executed: it can hold wrong numbers, but no code.

`write` and `read` take trees of dictionaries and arrays; `write_json` and `read_json` do the same
for small files that a person may want to read.
"""

from adviz._support.archive.documents import read_json, write_json
from adviz._support.archive.files import Archive, kind_of, read, write
from adviz._support.archive.records import parts, restoring, typed

__all__ = [
    "Archive",
    "kind_of",
    "parts",
    "read",
    "read_json",
    "restoring",
    "typed",
    "write",
    "write_json",
]


def __dir__() -> list[str]:
    return sorted(__all__)
