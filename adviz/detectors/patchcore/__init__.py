"""PatchCore (Roth et al., CVPR 2022): a coreset of locally aware patches, and the distance to it."""

from adviz.detectors.patchcore.detector import PatchCore

__all__ = ["PatchCore"]
