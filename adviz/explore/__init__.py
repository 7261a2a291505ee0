"""Widgets to look at predictions with, one question each; they take plain records and never a detector."""

from adviz.explore.compare import CompareView, compare
from adviz.explore.coreset import CoresetView, coreset
from adviz.explore.deviations import DeviationsView, deviations
from adviz.explore.layers import LayersView, layers
from adviz.explore.pro import ProView, pro
from adviz.explore.results import ResultsView, results
from adviz.explore.retrieval import RetrievalView, retrieval
from adviz.explore.tables import TablesView, tables
from adviz.explore.thresholds import ThresholdsView, thresholds
from adviz.explore.training import TrainingView, training

__all__ = [
    "CompareView",
    "CoresetView",
    "DeviationsView",
    "LayersView",
    "ProView",
    "ResultsView",
    "RetrievalView",
    "TablesView",
    "ThresholdsView",
    "TrainingView",
    "compare",
    "coreset",
    "deviations",
    "layers",
    "pro",
    "results",
    "retrieval",
    "tables",
    "thresholds",
    "training",
]


def __dir__() -> list[str]:
    return sorted(__all__)
