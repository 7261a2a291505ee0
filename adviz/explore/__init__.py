"""Widgets to look at predictions with, one question each; they take plain records and never a detector."""

from adviz.explore.results import ResultsView, results

__all__ = ["ResultsView", "results"]
