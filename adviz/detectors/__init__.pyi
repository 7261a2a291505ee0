# The detectors, a line each, and all that a new one needs beside its file. Python reads this file
# too, see __init__.py.
from .anomaly_dino import AnomalyDINO as AnomalyDINO

# What other rooms use of what all detectors share.
from .base import Detector as Detector
from .base import facts_of as facts_of
from .base import method_options as method_options
from .distillation import ConventionalDistillation as ConventionalDistillation
from .distillation import ReverseDistillation as ReverseDistillation
from .dn2 import DN2 as DN2
from .padim import PaDiM as PaDiM
from .patchcore import PatchCore as PatchCore
from .persistence import contents as contents
from .persistence import restored as restored
from .presets import AtMost as AtMost
from .registry import own_classes as own_classes
from .spade import SPADE as SPADE
