"""Where should the line be drawn, and what goes wrong on either side of it? An explorer."""

from adviz.explore.thresholds.view import ThresholdsView, thresholds

__all__ = ["ThresholdsView", "thresholds"]
