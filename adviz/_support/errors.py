"""Parts of error messages: the value that came, and the name that was probably meant."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import SequenceMatcher

NEAR = 0.6  # least similarity by difflib, 0..1, of a name that was probably meant


def got(value: object, known: Iterable[object]) -> str:
    """Return the end of an error about an unknown name: "got ...", and a suggestion.

    Examples
    --------
    >>> from adviz._support import got
    >>> got("hexnut", ["brick", "hex_nut"]), got("screw", ["brick", "hex_nut"])
    ("got 'hexnut': did you mean 'hex_nut'?", "got 'screw'")
    """
    return f"got {value!r}{did_you_mean(value, known)}"


def did_you_mean(value: object, known: Iterable[object]) -> str:
    """Return ": did you mean 'hex_nut'?" for an unknown name near a known one, else ""."""
    names = [name for name in known if isinstance(name, str)]
    if not isinstance(value, str) or value in names:
        return ""
    nearest = _nearest(value, names)
    return "" if nearest is None else f": did you mean {nearest!r}?"


def require_attributes(thing: object, attributes: str, expected: str) -> None:
    """Raise a TypeError if an object lacks attributes, before it fails deep inside.

    Raises
    ------
    TypeError: it lacks one of the attributes, which are named with spaces between.
    """
    if not all(hasattr(thing, name) for name in attributes.split()):
        raise TypeError(f"expected {expected}, got a {type(thing).__name__}")


def _nearest(value: str, names: list[str]) -> str | None:
    """Return the most similar name, if it is near and no other is as similar.

    `difflib.get_close_matches` names one of two that are equally similar.
    """
    similarities = {
        name: SequenceMatcher(None, _plain(value), _plain(name)).ratio() for name in names
    }
    highest = max(similarities.values(), default=0)
    nearest = [name for name, similarity in similarities.items() if similarity == highest]
    return nearest[0] if highest >= NEAR and len(nearest) == 1 else None


def _plain(name: str) -> str:
    """Return a name without what people vary: upper case, and characters between words."""
    letters = [letter for letter in name.casefold() if letter.isalnum() or letter in "<>=.+"]
    return "".join(letters)
