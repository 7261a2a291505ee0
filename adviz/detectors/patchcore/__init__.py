"""PatchCore (Roth et al., CVPR 2022): distances to a coreset of locally aware patches."""

from adviz.detectors.patchcore.detector import PatchCore

__all__ = ["PatchCore"]
