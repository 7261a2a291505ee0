"""SPADE (Cohen and Hoshen, 2020): the nearest normal images, and the nearest patches in them."""

from adviz.detectors.spade.detector import SPADE

__all__ = ["SPADE"]
