"""The parts of explorers that Jupyter does not have.

An image under a map, and many points.
"""

from adviz.explore.widgets.overlay import PatchOverlay
from adviz.explore.widgets.scatter import PatchScatter

__all__ = ["PatchOverlay", "PatchScatter"]


def __dir__() -> list[str]:
    return sorted(__all__)
