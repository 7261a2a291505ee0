"""A prediction and its labels to numbers: `evaluate` and its `Result`, `calibrate` and its `Threshold`."""

from adviz.evaluation.evaluator import counted_pixels, evaluate
from adviz.evaluation.result import Result, Shown
from adviz.evaluation.threshold import Threshold, calibrate

__all__ = ["Result", "Shown", "Threshold", "calibrate", "counted_pixels", "evaluate"]
