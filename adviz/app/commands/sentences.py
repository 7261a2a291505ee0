"""Sentences in lines that fit a terminal."""

from __future__ import annotations

import textwrap

WIDTH = 100  # characters of a line


def indented(text: str, spaces: int = 2) -> str:
    """Return a sentence in lines that begin with spaces; names are not cut."""
    return textwrap.fill(
        text,
        WIDTH,
        initial_indent=" " * spaces,
        subsequent_indent=" " * (spaces + 2),
        break_long_words=False,
        break_on_hyphens=False,
    )
