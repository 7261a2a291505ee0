"""Hundreds of thousands of points, of which a person selects some with a lasso or picks one."""

from __future__ import annotations

import anywidget
import numpy as np
import traitlets

from adviz.explore.widgets.traits import source, synchronised_bytes


class PatchScatter(anywidget.AnyWidget):  # type: ignore[misc]
    """Points in the plane, on one scale for both axes; some of them ringed, selected or picked.

    Drag round points to select them, click one to pick it; arrow keys go to the next along the
    order (Alt: 25 on), and Escape gives both up. All state is in traits, so that a reloaded page
    shows the same.

    Parameters
    ----------
    points: (M, 2) float.
    colours: (M, 3) uint8.
    order: (n,) int, points to ring, the first `count` of them at a time; such as a coreset in the
        order of choice.
    size: (width, height) on the screen, CSS pixels.
    label: said by screen readers.

    Attributes
    ----------
    count: how many of `order` are ringed.
    current: the point that is picked, -1 = none.
    chosen: (k,) int64, the points that are selected; all settable.

    Raises
    ------
    ValueError: arrays of another shape or type, points that are not finite, or an order of points
        that do not exist.

    Examples
    --------
    >>> from adviz.explore.widgets import PatchScatter
    >>> points = np.random.default_rng(0).normal(size=(9, 2))
    >>> shown = PatchScatter(points, np.zeros((9, 3), "uint8"))
    >>> shown.ring(np.array([2, 5]))
    """

    _esm = source("scatter.js")
    _css = source("overlay.css")

    points = synchronised_bytes()
    colours = synchronised_bytes()
    painting = synchronised_bytes()
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
        super().__init__(size=list(size), label=label)
        self.show(points, colours, order)

    def show(
        self, points: np.ndarray, colours: np.ndarray, order: np.ndarray | None = None
    ) -> None:
        """Show other points, in one message to the browser.

        What was selected or picked is given up.

        Parameters and errors: as for the class.
        """
        if (
            points.ndim != 2
            or points.shape[1] != 2
            or not len(points)
            or not np.isfinite(points).all()
        ):
            raise ValueError(f"points must be (M, 2), finite, M at least 1, got {points.shape}")
        before = getattr(self, "_length", 0)
        self._length = len(points)
        try:
            painted, ringed = (
                self._checked(colours),
                self._ordered(np.empty(0, int) if order is None else order),
            )
        except ValueError:
            self._length = before
            raise
        with self.hold_sync():
            self.selected, self.current, self.painting = b"", -1, b""
            self.points, self.colours = np.ascontiguousarray(points, "<f4").tobytes(), painted
            self.order, self.count = ringed, len(ringed) // 4

    def ring(self, order: np.ndarray, count: int | None = None) -> None:
        """Ring other points, the first `count` of (n,) int `order`; None = all of them."""
        with self.hold_sync():
            self.order = self._ordered(order)
            self.count = len(order) if count is None else count

    def paint(self, colours: np.ndarray, painting: np.ndarray | None = None) -> None:
        """Give the points other colours, (M, 3) uint8.

        `painting` = (M,) points, the last of which lie on top.
        """
        painted = self._checked(colours)
        if painting is not None and not np.array_equal(np.sort(painting), np.arange(self._length)):
            raise ValueError(
                f"painting must name each of the {self._length} points once, got "
                f"{np.shape(painting)}"
            )
        with self.hold_sync():
            self.painting = b"" if painting is None else painting.astype("<u4").tobytes()
            self.colours = painted

    @property
    def chosen(self) -> np.ndarray:
        """The points that are selected, (k,) int64."""
        return np.frombuffer(self.selected, "<u4").astype(np.int64)

    @chosen.setter
    def chosen(self, points: np.ndarray) -> None:
        points = np.asarray(points, dtype=np.int64)
        if points.size and not 0 <= points.min() <= points.max() < self._length:
            raise ValueError(
                f"expected points from 0 to {self._length - 1}, got {points.min()} to "
                f"{points.max()}"
            )
        self.selected = points.astype("<u4").tobytes()

    def _ordered(self, order: np.ndarray) -> bytes:
        order = np.asarray(order)
        if order.ndim != 1 or (order.size and not 0 <= order.min() <= order.max() < self._length):
            raise ValueError(
                f"order must name points from 0 to {self._length - 1}, got {order.shape}"
            )
        return order.astype("<u4").tobytes()

    def _checked(self, colours: np.ndarray) -> bytes:
        if colours.shape != (self._length, 3) or colours.dtype != np.uint8:
            raise ValueError(
                f"colours must be ({self._length}, 3) uint8, got {colours.shape} of {colours.dtype}"
            )
        return np.ascontiguousarray(colours).tobytes()
