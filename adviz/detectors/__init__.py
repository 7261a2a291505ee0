"""The detectors: a dataclass of hyper-parameters each, `fit(features)` and `predict(features) -> Prediction`."""

from adviz.detectors.conventional_distillation import ConventionalDistillation
from adviz.detectors.dn2 import DN2
from adviz.detectors.padim import PaDiM
from adviz.detectors.patchcore import PatchCore
from adviz.detectors.reverse_distillation import ReverseDistillation
from adviz.detectors.spade import SPADE

__all__ = ["DN2", "SPADE", "ConventionalDistillation", "PaDiM", "PatchCore", "ReverseDistillation"]


def __dir__() -> list[str]:
    return sorted(__all__)
