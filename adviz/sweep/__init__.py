"""Experiments to rows on disk: resumable, traceable, on one machine or a Dask cluster."""

from adviz.sweep.estimate import Estimate, estimate
from adviz.sweep.experiment import Experiment, grid
from adviz.sweep.gaps import Gap, gaps
from adviz.sweep.measuring import predict
from adviz.sweep.rows import Row
from adviz.sweep.running import Report, run

__all__ = ["Estimate", "Experiment", "Gap", "Report", "Row", "estimate", "gaps", "grid", "predict", "run"]


def __dir__() -> list[str]:
    return sorted(__all__)
