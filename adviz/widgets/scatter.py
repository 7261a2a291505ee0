"""Hundreds of thousands of points, of which a person selects some with a lasso or picks one."""

from __future__ import annotations

from pathlib import Path

import anywidget
import numpy as np
import traitlets

from adviz.widgets.traits import synchronised_bytes

HERE = Path(__file__).parent


class PatchScatter(anywidget.AnyWidget):  # type: ignore[misc]
    """Points in the plane, on one scale for both axes; some of them ringed, selected or picked.

    Drag round points to select them, click one to pick it; arrow keys go to the next along the order (Alt: 25 on), and
    Escape gives both up. All state is in traits, so that a reloaded page shows the same.

    Parameters
    ----------
    points: (M, 2) float.
    colours: (M, 3) uint8.
    order: (n,) int, points to ring, the first `count` of them at a time; such as a coreset in the order of choice.
    size: (width, height) on the screen, CSS pixels.
    label: said by screen readers.

    Attributes
    ----------
    count: how many of `order` are ringed.  current: the point that is picked, -1 = none.  chosen: (k,) int64, the
    points that are selected; all settable.

    Raises
    ------
    ValueError: arrays of another shape or type, points that are not finite, or an order of points that do not exist.
    """

    _esm = HERE / "scatter.js"
    _css = HERE / "overlay.css"

    points = synchronised_bytes()
    colours = synchronised_bytes()
    order = synchronised_bytes()
    selected = synchronised_bytes()
    count = traitlets.Int(0, min=0).tag(sync=True)
    current = traitlets.Int(-1, min=-1).tag(sync=True)
    size = traitlets.List([560, 420]).tag(sync=True)
    dot = traitlets.Float(1.5, min=0.5).tag(sync=True)
    label = traitlets.Unicode("scatter of patches").tag(sync=True)

    def __init__(
        self,
        points: np.ndarray,
        colours: np.ndarray,
        order: np.ndarray | None = None,
        *,
        size: tuple[int, int] = (560, 420),
        label: str = "scatter of patches",
    ) -> None:
        if points.ndim != 2 or points.shape[1] != 2 or not len(points) or not np.isfinite(points).all():
            raise ValueError(f"points must be (M, 2), finite, M at least 1, got {points.shape}")
        order = np.empty(0, np.int64) if order is None else np.asarray(order)
        if order.ndim != 1 or (order.size and not 0 <= order.min() <= order.max() < len(points)):
            raise ValueError(f"order must name points from 0 to {len(points) - 1}, got {order.shape}")
        self._length = len(points)
        super().__init__(
            points=np.ascontiguousarray(points, "<f4").tobytes(),
            colours=self._checked(colours),
            order=order.astype("<u4").tobytes(),
            count=len(order),
            size=list(size),
            label=label,
        )

    def paint(self, colours: np.ndarray) -> None:
        """Give the points other colours, (M, 3) uint8."""
        self.colours = self._checked(colours)

    @property
    def chosen(self) -> np.ndarray:
        """The points that are selected, (k,) int64."""
        return np.frombuffer(self.selected, "<u4").astype(np.int64)

    @chosen.setter
    def chosen(self, points: np.ndarray) -> None:
        points = np.asarray(points, dtype=np.int64)
        if points.size and not 0 <= points.min() <= points.max() < self._length:
            raise ValueError(f"expected points from 0 to {self._length - 1}, got {points.min()} to {points.max()}")
        self.selected = points.astype("<u4").tobytes()

    def _checked(self, colours: np.ndarray) -> bytes:
        if colours.shape != (self._length, 3) or colours.dtype != np.uint8:
            raise ValueError(f"colours must be ({self._length}, 3) uint8, got {colours.shape} of {colours.dtype}")
        return np.ascontiguousarray(colours).tobytes()
