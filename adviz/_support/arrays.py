"""Numpy arrays from tensors of any device, lists and columns of a table."""

from __future__ import annotations

from typing import Any

import numpy as np


def as_numpy(values: Any) -> np.ndarray:
    """Return numbers as a numpy array; an array of numbers is returned uncopied.

    Tensors are taken off their device and out of their graph, bfloat16 becomes float32; lists and
    tuples may hold tensors; Python objects that are all numbers, as in a table's column, become
    float64.

    Raises
    ------
    TypeError: lists of unequal lengths, or something that is no array of anything.

    Examples
    --------
    >>> from adviz._support import as_numpy
    >>> as_numpy([[1, 2], [3, 4]]).shape
    (2, 2)
    """
    if isinstance(values, np.ndarray) and values.dtype != object:
        return values
    if hasattr(values, "detach"):
        return _of_tensor(values)
    if isinstance(values, list | tuple) and any(hasattr(value, "detach") for value in values):
        values = [as_numpy(value) for value in values]
    try:
        array = np.asarray(values)
    except (ValueError, TypeError, RuntimeError) as error:
        kind = type(values).__name__
        raise TypeError(
            f"expected an array, a tensor or a list of numbers, got a {kind} ({error})"
        ) from error
    if array.dtype == object:
        return _of_objects(array)
    return array


def _of_tensor(tensor: Any) -> np.ndarray:
    """Return a tensor's values, without importing torch."""
    tensor = tensor.detach().cpu()
    if str(tensor.dtype) == "torch.bfloat16":  # which numpy lacks
        tensor = tensor.float()
    return np.asarray(tensor.numpy())


def _of_objects(array: np.ndarray) -> np.ndarray:
    """Return Python objects as float64 if all are numbers, as in a nullable column, else as is."""
    if array.ndim == 0 or any(isinstance(value, str | bytes) for value in array.flat):
        return array
    try:
        return array.astype(np.float64)
    except (ValueError, TypeError):
        return array
