"""Which differences between two configurations make the difference between their numbers? An explorer."""

from adviz.explore.deviations.view import DeviationsView, deviations

__all__ = ["DeviationsView", "deviations"]
