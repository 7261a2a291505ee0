"""The parts of explorers that Jupyter does not have: an image under a map, many points, and a table to pick from."""

from adviz.widgets.grid import Entry, Head, TableGrid
from adviz.widgets.overlay import PatchOverlay
from adviz.widgets.scatter import PatchScatter

__all__ = ["Entry", "Head", "PatchOverlay", "PatchScatter", "TableGrid"]


def __dir__() -> list[str]:
    return sorted(__all__)
