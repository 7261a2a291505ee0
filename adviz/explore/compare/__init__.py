"""Where do methods disagree? An explorer."""

from adviz.explore.compare.view import CompareView, compare

__all__ = ["CompareView", "compare"]
