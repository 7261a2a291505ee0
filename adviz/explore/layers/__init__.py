"""Which layer sees the defect, and how should layers be joined? An explorer."""

from adviz.explore.layers.view import LayersView, layers

__all__ = ["LayersView", "layers"]
