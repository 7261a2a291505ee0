"""What all explorers call the same thing; docs/visual-language.md lists it."""

from __future__ import annotations

from collections.abc import Sequence

PENDING = "…"  # in a table: being computed, or still to be done
UNDEFINED = "undefined"  # in a table: there is no such number, and a sentence says why
NOTHING = "—"  # in a table: nothing was asked for
NO_TRUTH = "There is no ground truth of this image."


def lacking(names: Sequence[str]) -> str:
    """Return what an image lacks as a sentence.

    Such as "There is no ground truth and no map of this image.".
    """
    return f"There is no {' and no '.join(names)} of this image." if names else ""


def computing(what: str) -> str:
    """Return that something is being computed, for the status line and for notes."""
    return f"{what} is being computed"
