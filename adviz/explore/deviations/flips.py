"""Which configurations lead from one to another, one named option at a time.

Plain data, nothing is run here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Flips = Mapping[str, tuple[Any, Any]]  # option -> (value at the start, value at the target)
CUMULATIVE, ALONE = "one after the other", "each alone"
MODES = (CUMULATIVE, ALONE)
TOGETHER = "all together"


@dataclass(frozen=True)
class Step:
    """One step of the way: what is flipped before it and after it, as names of options.

    Attributes
    ----------
    name: the option that is flipped, or "all together".
    """

    name: str
    before: tuple[str, ...]
    after: tuple[str, ...]


def steps_of(flipped: Sequence[str], mode: str) -> list[Step]:
    """Return one step for each option.

    Upon those before it ("one after the other"), or upon none ("each alone").

    Raises
    ------
    ValueError: another mode.
    """
    if mode not in MODES:
        raise ValueError(f"mode must be one of {', '.join(map(repr, MODES))}, got {mode!r}")
    if mode == ALONE:
        return [Step(name, (), (name,)) for name in flipped]
    return [
        Step(name, tuple(flipped[:place]), tuple(flipped[: place + 1]))
        for place, name in enumerate(flipped)
    ]


def configurations(flipped: Sequence[str], mode: str) -> list[tuple[str, ...]]:
    """Return what has to be run for all steps and for all of them together, the start first.

    Each once.
    """
    return list(
        dict.fromkeys([(), *(step.after for step in steps_of(flipped, mode)), tuple(flipped)])
    )


def key(flips: Flips, names: Sequence[str]) -> frozenset[tuple[str, str]]:
    """Return what tells configurations apart.

    The options that differ from the start, in whatever order.
    """
    differ = (name for name in names if repr(flips[name][0]) != repr(flips[name][1]))
    return frozenset((name, repr(flips[name][1])) for name in differ)


def options(flips: Flips, names: Sequence[str]) -> dict[str, Any]:
    """Return the target's values of the options that are flipped."""
    return {name: flips[name][1] for name in names}


def described(name: str, pair: tuple[Any, Any]) -> str:
    """Return an option with its value at the start and at the target.

    As in "distance: euclidean → squared".
    """
    return f"{name}: {short(pair[0])} → {short(pair[1])}"


def short(value: Any) -> str:
    """Return a value as a short text."""
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= 24 else f"{text[:23]}…"
