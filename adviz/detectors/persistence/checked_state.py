"""What a file holds of a detector, handed out name by name after checking it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from adviz._support import fits
from adviz.core import index_from_arrays, index_to_arrays

Kept = Mapping[str, Any]


class Held:
    """The state in a file, handed out name by name, each checked by its type, its shape and its values.

    Shapes are given in letters, which must stand for one number each throughout.
    """

    def __init__(self, state: Kept, **known: int) -> None:
        self._state, self.sides = dict(state), known

    def array(
        self, name: str, dtype: str, shape: str, *, nan: bool = False, below: int | None = None
    ) -> np.ndarray:
        """Return an array of a type ("int" = any signed integers) and shape; finite, or integers from 0 to `below`."""
        array = self._state.pop(name)
        if not isinstance(array, np.ndarray) or array.ndim != len(shape.split()):
            raise TypeError(f"expected {name} as an array ({shape}), got {str(array)[:80]}")
        if array.dtype.kind != "i" if dtype == "int" else array.dtype != np.dtype(dtype):
            raise TypeError(f"expected {name} of type {dtype}, got {array.dtype}")
        expected = tuple(
            self.sides.setdefault(letter, side)
            for letter, side in zip(shape.split(), array.shape, strict=True)
        )
        if array.shape != expected:
            raise ValueError(f"expected {name} of shape ({shape}) = {expected}, got {array.shape}")
        if (
            not nan
            and array.dtype.kind == "f"
            and not all(np.isfinite(part).all() for part in array)
        ):
            raise ValueError(f"expected finite numbers, got NaN or infinity in {name}")
        if below is not None and array.size and not 0 <= array.min() <= array.max() < below:
            raise ValueError(
                f"expected {name} from 0 to {below - 1}, got {array.min()} to {array.max()}"
            )
        return array

    def fact(
        self, name: str, kind: Any, *, least: int | None = None, most: int | None = None
    ) -> Any:
        """Return a number, text or tuple of a declared type, within bounds."""
        value = self._state.pop(name)
        if not fits(value, kind):
            raise TypeError(f"expected {name} as {kind}, got {str(value)[:80]}")
        values = value if isinstance(value, tuple) else (value,)
        if any(
            (least is not None and one < least) or (most is not None and one > most)
            for one in values
        ):
            raise ValueError(f"expected {name} from {least} to {most}, got {value}")
        return value

    def part(self, name: str) -> Any:
        """Return a dictionary, or None."""
        return self.fact(name, dict | None)

    def end(self) -> None:
        """Refuse what nobody asked for."""
        if self._state:
            raise ValueError(f"it holds more than is known: {', '.join(map(str, self._state))}")


def index_kept(index: Any) -> dict[str, np.ndarray] | None:
    """Return the arrays of an approximate index, None where there is none."""
    return None if index is None else index_to_arrays(index)


def index_restored(held: Held, bank: np.ndarray, *, wanted: bool) -> Any:
    """Return the index over the rows of a bank, or None, as the options want it."""
    arrays = held.part("index")
    if (arrays is not None) != wanted:
        raise ValueError("expected an index where the options ask for one, and none otherwise")
    return index_from_arrays(arrays, bank) if wanted else None


def whole_numbers(values: Any, names: Sequence[str]) -> dict[str, int]:
    """Return a whole number above 0 for each name."""
    whole = isinstance(values, dict) and set(values) == set(names)
    if not whole or not all(fits(value, int) and value > 0 for value in values.values()):
        raise ValueError(
            f"expected a number for each of {', '.join(names)}, got {str(values)[:80]}"
        )
    return {name: values[name] for name in names}
