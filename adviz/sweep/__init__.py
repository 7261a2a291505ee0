"""Experiments to rows on disk: resumable, traceable, on one machine or a Dask cluster."""

from adviz.sweep.experiment import Experiment, grid
from adviz.sweep.measuring import predict
from adviz.sweep.rows import Row
from adviz.sweep.running import Report, run

__all__ = ["Experiment", "Report", "Row", "grid", "predict", "run"]
