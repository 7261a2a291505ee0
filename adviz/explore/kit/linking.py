"""Explorers that share what a person chose."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import ipywidgets
import traitlets

if TYPE_CHECKING:
    from adviz.explore.kit.explorer import Explorer


def link(*explorers: Explorer, names: Sequence[str] = ()) -> None:
    """Let explorers share their state: in the browser, without the kernel, and in exported pages.

    The others take over what the first one shows. In marimo, which has no manager of ipywidgets,
    the kernel links them.

    Parameters
    ----------
    explorers: two or more; what they show should be of the same categories.
    names: of the traits that are shared; () = all that two of them have in common.

    Raises
    ------
    ValueError: fewer than two explorers, or a name that is no trait of both.

    Examples
    --------
    >>> view = explore.retrieval(category, prediction)
    >>> errors = explore.thresholds(category, prediction)
    >>> explore.link(view, errors)
    """
    if len(explorers) < 2:
        raise ValueError(f"expected two or more explorers to link, got {len(explorers)}")
    join = traitlets.link if _in_marimo() else ipywidgets.jslink
    first, *others = explorers
    for other in others:
        common = [name for name in first.STATE if name in other.STATE]
        unknown = sorted(set(names) - set(common))
        if unknown:
            raise ValueError(
                f"expected names that both explorers have ({', '.join(common)}), got "
                f"{', '.join(unknown)}"
            )
        shared = [name for name in common if name in (names or common)]
        other.state = {name: getattr(first, name) for name in shared}
        for name in shared:
            join((first, name), (other, name))
            first.links.append((first, other, name))
            other.links.append((first, other, name))


def _in_marimo() -> bool:
    marimo = sys.modules.get("marimo")
    return marimo is not None and bool(marimo.running_in_notebook())


def linked_with(explorer: Explorer) -> list[Explorer]:
    """Return an explorer and all that are linked with it, also through others."""
    found = [explorer]
    for one in found:  # grows meanwhile
        for pair in one.links:
            found += [other for other in pair[:2] if other not in found]
    return found
