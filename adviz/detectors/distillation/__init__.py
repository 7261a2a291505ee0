"""Reverse distillation (Deng and Li, CVPR 2022), and conventional distillation beside it."""

from adviz.detectors.distillation.conventional import ConventionalDistillation
from adviz.detectors.distillation.reverse import ReverseDistillation

__all__ = ["ConventionalDistillation", "ReverseDistillation"]
