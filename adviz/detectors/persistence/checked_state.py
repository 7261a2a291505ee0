"""Checked reading of a detector's state from a file, which need not be what `save` wrote."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from adviz._support import is_of_type
from adviz.core import index_from_arrays, index_to_arrays

State = Mapping[str, Any]


class CheckedState:
    """The state in a file, read value by value, each checked by its type, its shape and its range.

    Shapes are given in letters, each of which must stand for one number throughout.

    Parameters
    ----------
    state: name -> value.
    known: letters whose number is known.

    Attributes
    ----------
    sides: letter -> number, as far as they are known by now.
    """

    def __init__(self, state: State, **known: int) -> None:
        self._unread = dict(state)
        self.sides = known

    def array(
        self, name: str, dtype: str, shape: str, *, nan: bool = False, below: int | None = None
    ) -> np.ndarray:
        """Return an array.

        Parameters
        ----------
        name: of the array.
        dtype: numpy's name of its type; "int" = any signed integers.
        shape: its sides in letters, as in "N C".
        nan: whether NaN and infinity are fine.
        below: all values are from 0 to below this; None = any.
        """
        array = self._unread.pop(name)
        if not isinstance(array, np.ndarray) or array.ndim != len(shape.split()):
            raise TypeError(f"expected {name} as an array ({shape}), got {_described(array)}")
        # A file's bytes are little-endian, whatever an array had in memory
        found = array.dtype.newbyteorder("=")
        right_type = found.kind == "i" if dtype == "int" else found == np.dtype(dtype)
        if not right_type:
            raise TypeError(
                f"expected {name} of type {dtype}, got {array.dtype} of shape {array.shape}"
            )
        sides = zip(shape.split(), array.shape, strict=True)
        expected = tuple(self.sides.setdefault(letter, side) for letter, side in sides)
        if array.shape != expected:
            raise ValueError(f"expected {name} of shape ({shape}) = {expected}, got {array.shape}")
        # Entry by entry, which needs no mask as large as the array
        if not nan and array.dtype.kind == "f" and not all(np.isfinite(row).all() for row in array):
            raise ValueError(f"expected finite numbers, got NaN or infinity in {name}")
        if below is not None and array.size and not 0 <= array.min() <= array.max() < below:
            raise ValueError(
                f"expected {name} from 0 to {below - 1}, got {array.min()} to {array.max()}"
            )
        return array

    def value(
        self, name: str, kind: Any, *, least: int | None = None, most: int | None = None
    ) -> Any:
        """Return a number, text or tuple of a declared type, its numbers within bounds."""
        value = self._unread.pop(name)
        if not is_of_type(value, kind):
            raise TypeError(f"expected {name} as {kind}, got {_described(value)}")
        for number in value if isinstance(value, tuple) else (value,):
            too_small = least is not None and number < least
            if too_small or (most is not None and number > most):
                raise ValueError(f"expected {name} from {least} to {most}, got {value}")
        return value

    def nested(self, name: str) -> Any:
        """Return a dictionary, or None."""
        return self.value(name, dict | None)

    def end(self) -> None:
        """Refuse what nobody has read."""
        if self._unread:
            names = ", ".join(map(str, self._unread))
            raise ValueError(f"it holds more than is known: {names}")


def _described(value: Any) -> str:
    """Return what a value is: of an array its type and shape, not its numbers."""
    if isinstance(value, np.ndarray):
        return f"an array of {value.dtype} of shape {value.shape}"
    return f"{str(value)[:80]} ({type(value).__name__})"


def index_arrays(index: Any) -> dict[str, np.ndarray] | None:
    """Return the arrays of an approximate index; None where there is none."""
    return None if index is None else index_to_arrays(index)


def restore_index(state: CheckedState, bank: np.ndarray, *, approximate: bool) -> Any:
    """Return the index over the rows of a bank, or None where the options ask for none."""
    arrays = state.nested("index")
    if (arrays is not None) != approximate:
        raise ValueError("expected an index where the options ask for one, and none otherwise")
    return index_from_arrays(arrays, bank) if approximate else None


def positive_integers(values: Any, names: Sequence[str]) -> dict[str, int]:
    """Return a whole number above 0 for each name."""
    complete = isinstance(values, dict) and set(values) == set(names)
    if not complete or not all(is_of_type(value, int) and value > 0 for value in values.values()):
        raise ValueError(
            f"expected a number for each of {', '.join(names)}, got {str(values)[:80]}"
        )
    return {name: values[name] for name in names}
