"""Detectors as files: what each has learned as arrays, and back."""

from adviz.detectors.persistence.save_load import contents as contents
from adviz.detectors.persistence.save_load import restored as restored
