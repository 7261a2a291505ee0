"""Widgets to look at predictions with, one question each; they take plain records and never a detector."""

from adviz.explore.compare import CompareView, compare
from adviz.explore.layers import LayersView, layers
from adviz.explore.results import ResultsView, results
from adviz.explore.retrieval import RetrievalView, retrieval
from adviz.explore.training import TrainingView, training

__all__ = [
    "CompareView",
    "LayersView",
    "ResultsView",
    "RetrievalView",
    "TrainingView",
    "compare",
    "layers",
    "results",
    "retrieval",
    "training",
]
