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


def false_alarms(n_held_out: int, rate: float) -> str:
    """Return how many false alarms to expect of a threshold on so many good photographs."""
    from adviz.app.learned import false_alarms as rates

    average, likely = (f"{100 * one:.2g} %" for one in rates(n_held_out, rate))
    return (
        f"about {average} on average over such thresholds (of one alone it can be {likely}: 95 of "
        "100 are below)"
    )
