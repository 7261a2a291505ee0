"""A person's words for errors: what is kept of them, and the file they are kept in."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

FORMAT = "adviz error tags 1"


@dataclass(frozen=True)
class Tag:
    """One image's kind of error under one detector.

    Attributes
    ----------
    detector, category: their names.
    image: the image's id, see `adviz.data.Split.ids`.
    threshold: at which the image was an error, score units.
    tag: one of the words of `adviz.explore.thresholds.errors`.
    suggested: True = by `errors.suggest`, False = chosen by a person.
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
    """Write tags as JSON; the file is either the old or the new one, never half of it.

    Raises
    ------
    OSError: the folder does not exist, or cannot be written to.
    """
    path = Path(path)
    text = json.dumps({"format": FORMAT, "tags": [asdict(tag) for tag in tags]}, indent=1, ensure_ascii=False)
    handle, name = tempfile.mkstemp(prefix=".tags-", dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text + "\n")
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise


def read_tags(path: str | Path) -> list[Tag]:
    """Read what `write_tags` wrote.

    Raises
    ------
    OSError: there is no such file.
    ValueError: it is no such JSON; the place is named.
    """
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"expected tags as JSON in {path}, got something else: {error}") from error
    if not isinstance(content, Mapping) or content.get("format") != FORMAT or not isinstance(content.get("tags"), list):
        raise ValueError(f'expected a file with "format": "{FORMAT}" and a list of "tags", got another in {path}')
    return [_tag(entry, f"tag {number} of {path}") for number, entry in enumerate(content["tags"], 1)]


def _tag(entry: Any, place: str) -> Tag:
    kinds: dict[str, tuple[type, ...]] = dict.fromkeys(("detector", "category", "image", "tag", "note"), (str,))
    kinds |= {"suggested": (bool,), "threshold": (float, int)}
    names = [field.name for field in fields(Tag)]
    if not isinstance(entry, Mapping) or set(entry) != set(names):
        got = list(entry) if isinstance(entry, Mapping) else entry
        raise ValueError(f"expected {', '.join(names)} in {place}, got {got}")
    for name, allowed in kinds.items():
        if type(entry[name]) not in allowed:
            raise ValueError(f"expected {name} as {allowed[0].__name__} in {place}, got {entry[name]!r}")
    return Tag(**entry)
