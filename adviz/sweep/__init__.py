"""Experiments to results on disk: resumable, traceable, on one machine or a Dask cluster."""

from adviz.sweep.dry_run import Estimate, estimate
from adviz.sweep.experiment import Experiment, grid
from adviz.sweep.measuring import predict

# for other rooms
from adviz.sweep.meters import surroundings as surroundings
from adviz.sweep.missing import MissingData as MissingData
from adviz.sweep.missing import in_sentences as in_sentences
from adviz.sweep.missing import listed as listed
from adviz.sweep.missing import missing_data
from adviz.sweep.results import ExperimentResult
from adviz.sweep.results import path_of as path_of
from adviz.sweep.results import results_folder as results_folder
from adviz.sweep.results import stored as stored
from adviz.sweep.running import Report, run
from adviz.sweep.running import Watch as Watch
from adviz.sweep.sources import DEMO as DEMO
from adviz.sweep.sources import MAGNETIC_TILES as MAGNETIC_TILES
from adviz.sweep.sources import SHANGHAITECH as SHANGHAITECH
from adviz.sweep.sources import folder_of as folder_of
from adviz.sweep.sources import load as load

__all__ = [
    "Estimate",
    "Experiment",
    "ExperimentResult",
    "Report",
    "estimate",
    "grid",
    "missing_data",
    "predict",
    "run",
]


def __dir__() -> list[str]:
    return sorted(__all__)
