"""What the widgets share: their JavaScript and styles, and one kind of state."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import traitlets


def synchronised_bytes() -> Any:
    """Return a synchronised trait of bytes; the browser sends a memoryview."""
    return traitlets.Bytes(b"").tag(sync=True, from_json=lambda value, _: bytes(value))


def source(name: str) -> str:
    """Return the text of a file beside this one.

    Given a path, anywidget would keep every widget ever made, to reload it.
    """
    return (Path(__file__).parent / name).read_text(encoding="utf-8")
