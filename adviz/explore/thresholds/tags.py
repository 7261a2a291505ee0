"""A person's words for errors: what is kept of them, and the file they are kept in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from adviz._support import archive

NAME = "adviz error tags "
FIRST, FORMAT = f"{NAME}1", f"{NAME}2"
LIMIT = 2**26  # bytes; a tag has a few hundred


@dataclass(frozen=True)
class Tag:
    """One image's kind of error under one detector.

    Attributes
    ----------
    detector, category: their names.
    image: the image's id, see `adviz.data.Split.ids`.
    threshold: at which the image was an error, score units.
    tag: one of the words of `adviz.explore.kit.error_tags`.
    suggested: True = by `error_tags.suggest`, False = chosen by a person.
    note: a person's own words, may be empty.
    """

    detector: str
    category: str
    image: str
    threshold: float
    tag: str
    suggested: bool
    note: str = ""

    @property
    def place(self) -> tuple[str, str, str]:
        """What the tag belongs to: detector, category and image."""
        return self.detector, self.category, self.image


def write_tags(path: str | Path, tags: Sequence[Tag]) -> None:
    """Write tags as JSON with a digest.

    The file is either the old or the new one, never half of it.

    Raises
    ------
    OSError: the folder does not exist, or cannot be written to.
    """
    archive.write_json(path, {"format": FORMAT, "tags": [asdict(tag) for tag in tags]})


def read_tags(path: str | Path) -> list[Tag]:
    """Read what `write_tags` wrote, or wrote before there were digests (format 1).

    Raises
    ------
    OSError: there is no such file.
    ValueError: it is no such JSON, truncated, changed, too large or of a newer adviz; the place is
        named.
    """
    content, digest = archive.read_json(path, "tags", limit=LIMIT)
    version = content.get("format")
    if isinstance(version, str) and version.startswith(NAME) and version not in (FIRST, FORMAT):
        raise ValueError(
            f"expected {FORMAT!r} or older in {path}, got {version!r}, a newer adviz's: update "
            "adviz"
        )
    if (
        version not in (FIRST, FORMAT)
        or set(content) != {"format", "tags"}
        or not isinstance(content["tags"], list)
    ):
        raise ValueError(
            f'expected a file with "format": "{FORMAT}" and a list of "tags", got another in {path}'
        )
    if (digest is None) != (version == FIRST):
        raise ValueError(
            f'expected a "digest" in {FORMAT!r} and none before, got another in {path}: take '
            "another copy"
        )
    return [
        _tag(entry, f"tag {number} of {path}") for number, entry in enumerate(content["tags"], 1)
    ]


def _tag(entry: Any, place: str) -> Tag:
    kinds: dict[str, tuple[type, ...]] = dict.fromkeys(
        ("detector", "category", "image", "tag", "note"), (str,)
    )
    kinds |= {"suggested": (bool,), "threshold": (float, int)}
    names = [field.name for field in fields(Tag)]
    if not isinstance(entry, Mapping) or set(entry) != set(names):
        got = list(entry) if isinstance(entry, Mapping) else entry
        raise ValueError(f"expected {', '.join(names)} in {place}, got {got}")
    for name, allowed in kinds.items():
        if type(entry[name]) not in allowed:
            raise ValueError(
                f"expected {name} as {allowed[0].__name__} in {place}, got {entry[name]!r}"
            )
    return Tag(**entry)
