"""What both widgets say of their state."""

from __future__ import annotations

from typing import Any

import traitlets


def synchronised_bytes() -> Any:
    """Return a synchronised trait of bytes; the browser sends a memoryview."""
    return traitlets.Bytes(b"").tag(sync=True, from_json=lambda value, _: bytes(value))
