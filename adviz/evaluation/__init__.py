"""Predictions and labels in, metrics and thresholds out: `evaluate` and `calibrate`."""

from adviz.evaluation.error_rates import ErrorRate, ErrorRates
from adviz.evaluation.evaluator import counted_pixels, evaluate
from adviz.evaluation.null import Distribution, Null
from adviz.evaluation.result import Result, Shown
from adviz.evaluation.threshold import Threshold, calibrate
from adviz.evaluation.two_sample import Drift, Shift, drift

__all__ = [
    "Distribution",
    "Drift",
    "ErrorRate",
    "ErrorRates",
    "Null",
    "Result",
    "Shift",
    "Shown",
    "Threshold",
    "calibrate",
    "counted_pixels",
    "drift",
    "evaluate",
]
