"""Experiments to rows on disk: resumable, traceable, on one machine or a Dask cluster."""

from adviz.sweep.dry_run import Estimate, estimate
from adviz.sweep.experiment import Experiment, grid

# for other rooms
from adviz.sweep.gaps import MVTEC_AD as MVTEC_AD
from adviz.sweep.gaps import Gap, gaps
from adviz.sweep.gaps import listed as listed
from adviz.sweep.gaps import remarks as remarks
from adviz.sweep.measuring import predict
from adviz.sweep.meters import surroundings as surroundings
from adviz.sweep.rows import Row
from adviz.sweep.rows import path_of as path_of
from adviz.sweep.rows import results_folder as results_folder
from adviz.sweep.rows import stored as stored
from adviz.sweep.running import Report, run
from adviz.sweep.running import Watch as Watch
from adviz.sweep.sources import CAMPUS as CAMPUS
from adviz.sweep.sources import DEMO as DEMO
from adviz.sweep.sources import TILES as TILES
from adviz.sweep.sources import folder_of as folder_of

__all__ = [
    "Estimate",
    "Experiment",
    "Gap",
    "Report",
    "Row",
    "estimate",
    "gaps",
    "grid",
    "predict",
    "run",
]


def __dir__() -> list[str]:
    return sorted(__all__)
