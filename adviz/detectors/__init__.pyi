# The detectors, a line each, and all that a new one needs beside its file. Python reads this file too, see __init__.py.
from .anomaly_dino import AnomalyDINO as AnomalyDINO
from .conventional_distillation import ConventionalDistillation as ConventionalDistillation
from .dn2 import DN2 as DN2
from .padim import PaDiM as PaDiM
from .patchcore import PatchCore as PatchCore
from .reverse_distillation import ReverseDistillation as ReverseDistillation
from .spade import SPADE as SPADE
