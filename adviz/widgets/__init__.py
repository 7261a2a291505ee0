"""The two parts of explorers that Jupyter does not have: an image under a map, and a scatter of many points."""

from adviz.widgets.overlay import PatchOverlay
from adviz.widgets.scatter import PatchScatter

__all__ = ["PatchOverlay", "PatchScatter"]
