"""What does a memory bank keep, and what does that cost? An explorer."""

from adviz.explore.coreset.view import CoresetView, coreset

__all__ = ["CoresetView", "coreset"]
