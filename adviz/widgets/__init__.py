"""The two parts of explorers that Jupyter does not have: an image under a map, and a scatter of many points."""

from adviz.widgets.overlay import PatchOverlay

__all__ = ["PatchOverlay"]
