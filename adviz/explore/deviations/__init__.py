"""Explorer: which differences between two configurations change a metric, and how much."""

from adviz.explore.deviations.view import DeviationsView, deviations

__all__ = ["DeviationsView", "deviations"]
