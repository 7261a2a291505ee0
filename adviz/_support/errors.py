"""What came in place of what was expected, in words for errors: an unknown name, or another kind of thing."""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import SequenceMatcher

NEAR = 0.6  # difflib's measure of likeness, 0..1, from which on a name was probably meant


def got(value: object, there: Iterable[object]) -> str:
    """Return the end of an error about a name that is none of those there are, with the one that was probably meant.

    Examples
    --------
    >>> from adviz import names
    >>> names.got("hexnut", ["brick", "hex_nut"]), names.got("screw", ["brick", "hex_nut"])
    ("got 'hexnut': did you mean 'hex_nut'?", "got 'screw'")
    """
    return f"got {value!r}{meant(value, there)}"


def meant(value: object, there: Iterable[object]) -> str:
    """Return ": did you mean 'hex_nut'?" where a name is near, and "" where none is or the value itself is there."""
    names = [name for name in there if isinstance(name, str)]
    near = _nearest(value, names) if isinstance(value, str) and value not in names else None
    return "" if near is None else f": did you mean {near!r}?"


def require(thing: object, attributes: str, expected: str) -> None:
    """Refuse another kind of thing by the attributes that it lacks, before it fails deep inside.

    Raises
    ------
    TypeError: it lacks one of the attributes, names with spaces between.
    """
    if not all(hasattr(thing, name) for name in attributes.split()):
        raise TypeError(f"expected {expected}, got a {type(thing).__name__}")


def stage_of(stride: int) -> str:
    """Return what the layer of a stride is called: after the ResNet's stages, or "stride14" where they have none such.

    Examples
    --------
    >>> from adviz import names
    >>> names.stage_of(8), names.stride_of("layer2"), names.stride_of("blocks.5")
    ('layer2', 8, None)
    """
    number = int(stride).bit_length() - 2
    return f"layer{number}" if stride == 2 ** (number + 1) and number >= 0 else f"stride{stride}"


def stride_of(name: object) -> int | None:
    """Return the stride of the layer that is called so after the ResNet's stages, None for another name."""
    number = re.fullmatch(r"layer(\d)", name) if isinstance(name, str) else None
    return None if number is None else 2 ** (int(number[1]) + 1)


def _nearest(value: str, there: list[str]) -> str | None:
    """Return the name that is nearest, if it is near and no other is as near."""
    measured = sorted(
        (-SequenceMatcher(None, _plain(value), _plain(name)).ratio(), name) for name in there
    )
    near = [name for measure, name in measured if measure == measured[0][0] <= -NEAR]
    return near[0] if len(near) == 1 else None


def _plain(name: str) -> str:
    """Return a name without what people vary: case, and what stands between words."""
    return "".join(letter for letter in name.casefold() if letter.isalnum() or letter in "<>=.+")
