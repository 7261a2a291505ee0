"""Conversion and checks of the arrays that public plotting functions take."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping, Sized
from typing import Any, ParamSpec, TypeVar

import numpy as np
from PIL import Image

from adviz._support import as_numpy

P = ParamSpec("P")
R = TypeVar("R")


def takes_arrays(function: Callable[P, R]) -> Callable[P, R]:
    """Convert tensors, lists, columns of a table and PIL images where a function takes arrays."""
    parameters = inspect.signature(function).parameters
    annotations = {name: str(parameter.annotation) for name, parameter in parameters.items()}

    def converted(name: str, value: Any) -> Any:
        annotation = annotations.get(name, "")
        if "ndarray" not in annotation and "Curve" not in annotation:
            return value
        return as_array(value, lists=annotation.startswith("np.ndarray"))

    @functools.wraps(function)
    def converting(*args: P.args, **kwargs: P.kwargs) -> R:
        positional: list[Any] = []
        for name, value in zip(annotations, args, strict=False):
            positional.append(converted(name, value))
        # Arguments beyond the parameters go on, so that the function itself raises
        positional += args[len(annotations) :]
        keywords = {name: converted(name, value) for name, value in kwargs.items()}
        return function(*positional, **keywords)

    return converting


def as_array(value: Any, *, lists: bool = True) -> Any:
    """Convert a tensor, column, PIL image or list to an array, also inside mappings and lists.

    Anything else is returned unchanged.
    """
    if isinstance(value, Image.Image):
        return np.asarray(value.convert("RGB"))
    if hasattr(value, "detach") or hasattr(value, "to_numpy"):
        return as_numpy(value)
    if isinstance(value, Mapping):
        return {name: as_array(item) for name, item in value.items()}
    # Not for subclasses, such as named tuples, whose fields have meanings of their own
    if type(value) in (list, tuple):
        if lists and value and not isinstance(value[0], np.ndarray):
            return as_numpy(value)
        return type(value)(as_array(item) for item in value)
    return value


def check_image(image: np.ndarray, name: str = "image") -> None:
    """Raise unless `image` is (H, W, 3) uint8."""
    if np.ndim(image) != 3 or np.shape(image)[2] != 3 or 0 in np.shape(image):
        raise ValueError(f"{name} must have shape (H, W, 3), got shape {np.shape(image)}")
    if image.dtype != np.uint8:
        raise ValueError(f"{name} must hold uint8 values 0..255, got dtype {image.dtype}")


def image_size(image: np.ndarray) -> tuple[int, int]:
    """Return (H, W) of an image."""
    height, width = image.shape[:2]
    return height, width


def check_mask(mask: np.ndarray, size: tuple[int, int], name: str = "mask") -> None:
    """Raise unless `mask` is bool and as large as its image."""
    if np.shape(mask) != size:
        raise ValueError(
            f"{name} must have the shape (H, W) = {size} of its image, got shape {np.shape(mask)}"
        )
    if mask.dtype != np.bool_:
        raise ValueError(
            f"{name} must be bool, True where the defect is, got dtype {mask.dtype}; use mask > 0"
        )


def check_map(values: np.ndarray, size: tuple[int, int], name: str = "anomaly_map") -> None:
    """Raise unless a map is finite and as large as its image."""
    if np.shape(values) != size:
        raise ValueError(
            f"{name} must have the shape (H, W) = {size} of its image, "
            f"got shape {np.shape(values)}; bring it to the image's size with adviz.maps first"
        )
    check_finite(values, name)


def check_finite(values: np.ndarray, name: str) -> None:
    """Raise when a float array holds NaN or infinity."""
    bad = np.size(values) - np.count_nonzero(np.isfinite(values))
    if bad:
        raise ValueError(
            f"{name} must be finite, got {bad} of {np.size(values)} values that are NaN or infinite"
        )


def check_limits(limits: tuple[float, float]) -> None:
    """Raise unless the colour range is (low, high), finite, low < high."""
    if len(limits) != 2 or not all(np.isfinite(limits)) or limits[0] >= limits[1]:
        got = tuple(float(value) for value in limits)
        raise ValueError(
            f"limits must be finite (low, high) with low < high, got {got}; see shared_limits"
        )


def check_threshold(threshold: float | None) -> None:
    """Raise when a threshold is NaN or infinite."""
    if threshold is not None and not np.isfinite(threshold):
        raise ValueError(f"threshold must be finite, got {threshold}")


def check_length(values: Sized, expected: int, name: str, of: str) -> None:
    """Raise unless there is one value per item."""
    if len(values) != expected:
        raise ValueError(
            f"{name} must hold one entry for each of the {expected} {of}, got {len(values)}"
        )


def check_box(box: tuple[int, int, int, int], size: tuple[int, int], name: str) -> None:
    """Raise unless (top, left, height, width) lies inside an image of `size` (H, W)."""
    if len(box) != 4:
        raise ValueError(f"{name} must be (top, left, height, width), got {tuple(box)}")
    top, left, height, width = box
    begins_inside = min(top, left) >= 0 and min(height, width) >= 1
    if not begins_inside or top + height > size[0] or left + width > size[1]:
        raise ValueError(
            f"{name} (top, left, height, width) must lie in the {size} image, got {tuple(box)}"
        )


def check_scores(scores: np.ndarray, name: str = "scores") -> None:
    """Raise unless scores are (N,) finite numbers, N >= 1."""
    if np.ndim(scores) != 1 or len(scores) == 0:
        raise ValueError(f"{name} must have shape (N,) with N >= 1, got shape {np.shape(scores)}")
    check_finite(scores, name)
