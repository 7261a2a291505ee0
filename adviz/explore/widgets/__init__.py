"""The parts of explorers that Jupyter does not have.

An image under a map, and a table to pick from.
"""

from adviz.explore.widgets.grid import Entry, Head, TableGrid
from adviz.explore.widgets.overlay import PatchOverlay

__all__ = ["Entry", "Head", "PatchOverlay", "TableGrid"]


def __dir__() -> list[str]:
    return sorted(__all__)
