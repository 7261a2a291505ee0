"""An image under its anomaly map, on which a person points at a pixel."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any, ClassVar

import anywidget
import matplotlib
import numpy as np
import traitlets
from PIL import Image

from adviz.explore.widgets.traits import source, synchronised_bytes


class PatchOverlay(anywidget.AnyWidget):  # type: ignore[misc]
    """An image under a map, with the ground truth's contour, markers, and a pixel that is picked.

    Click or use the arrow keys (Alt: eight cells) to pick; + and - or the mouse wheel (once the
    image has the focus, or with Ctrl) zoom, dragging moves, 0 or a double click shows everything
    again. What is under the pointer is read out below. All state is in traits, so that a reloaded
    page shows the same.

    Parameters
    ----------
    image: (H, W, 3) uint8.
    scores: (h, w) float, a map of any resolution over the image; NaN is not drawn. None = no map.
    mask: (H, W) bool ground truth, whose contour is drawn; None = not known.
    limits: values at the ends of the colour scale; None = the map's smallest and largest.
    width: of the picture on the screen, CSS pixels.
    unit: what the map's values are, as read out.
    label: said by screen readers.

    Attributes
    ----------
    picked: [row, column] of the image's pixel that is picked, or []; settable.
    view: [top, left, height, width] of the part that is shown, image pixels, or [] for all of it.
    cells: [rows, columns] of the grid in which pixels are picked: the frame is around one location,
        arrow keys go to the next; the map's grid unless it is set, the image's without a map.
    opacity: of the map, 0 to 1.  fade: whether low values let more of the image through.
    contour: whether the ground truth is drawn.  limits: as above.
    markers: rectangles in image pixels, each
        ``{"top", "left", "height", "width", "kind", "text"}``; kind "match" is a solid orange
        frame, "other" a dashed blue one.

    Raises
    ------
    ValueError: an array of another shape, a mask of another size than the image, or limits that are
        not two numbers.

    Examples
    --------
    >>> from adviz.explore.widgets import PatchOverlay
    >>> image, mask = category.test.image(0), category.test.mask(0)
    >>> shown = PatchOverlay(image, prediction.anomaly_map[0], mask)
    >>> shown.picked = [100, 120]
    """

    _esm = source("overlay.js")
    _css = source("overlay.css")

    image = synchronised_bytes()
    scores = synchronised_bytes()
    colours = synchronised_bytes()
    mask = synchronised_bytes()
    shape = traitlets.List([1, 1]).tag(sync=True)
    grid = traitlets.List([0, 0]).tag(sync=True)
    cells = traitlets.List([0, 0]).tag(sync=True)
    limits = traitlets.List([0.0, 1.0]).tag(sync=True)
    opacity = traitlets.Float(0.7, min=0, max=1).tag(sync=True)
    fade = traitlets.Bool(True).tag(sync=True)
    contour = traitlets.Bool(True).tag(sync=True)
    picked = traitlets.List([]).tag(sync=True)
    view = traitlets.List([]).tag(sync=True)
    markers = traitlets.List([]).tag(sync=True)
    width = traitlets.Int(360, min=60).tag(sync=True)
    unit = traitlets.Unicode("map").tag(sync=True)
    label = traitlets.Unicode("image with its anomaly map").tag(sync=True)
    hint = traitlets.Unicode("click, or use the arrow keys, to pick a pixel").tag(sync=True)

    COLOURS: ClassVar[str] = "cividis"

    def __init__(
        self,
        image: np.ndarray,
        scores: np.ndarray | None = None,
        mask: np.ndarray | None = None,
        *,
        limits: tuple[float, float] | None = None,
        width: int = 360,
        unit: str = "map",
        label: str = "image with its anomaly map",
    ) -> None:
        table = (
            (matplotlib.colormaps[self.COLOURS](np.arange(256))[:, :3] * 255)
            .round()
            .astype(np.uint8)
        )
        super().__init__(colours=table.tobytes(), width=width, unit=unit, label=label)
        self.show(image, scores, mask, limits=limits)

    def show(
        self,
        image: np.ndarray,
        scores: np.ndarray | None = None,
        mask: np.ndarray | None = None,
        *,
        limits: tuple[float, float] | None = None,
    ) -> None:
        """Show another image, in one message to the browser.

        An image of another size ends the zoom, and a pick outside of it.

        Parameters and errors: as for the class.
        """
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
            raise ValueError(f"image must be (H, W, 3) uint8, got {image.shape} of {image.dtype}")
        if scores is not None and (scores.ndim != 2 or not scores.size):
            raise ValueError(f"scores must be an (h, w) map, got shape {scores.shape}")
        if mask is not None and mask.shape != image.shape[:2]:
            raise ValueError(f"mask must have the image's size {image.shape[:2]}, got {mask.shape}")
        low, high = _limits(scores) if limits is None else limits
        if not low <= high:
            raise ValueError(f"limits must be two numbers, the smaller first, got {limits}")
        shape = list(image.shape[:2])
        inside = bool(self.picked) and self.picked[0] < shape[0] and self.picked[1] < shape[1]
        with self.hold_sync():
            if shape != list(self.shape):
                self.view = []
            self.picked = self.picked if inside else []
            self.shape, self.image = shape, _png(image)
            self.grid = self.cells = [0, 0] if scores is None else list(scores.shape)
            self.limits = [float(low), float(high)]
            self.scores = b"" if scores is None else np.ascontiguousarray(scores, "<f4").tobytes()
            self.mask = b"" if mask is None else np.ascontiguousarray(mask, np.uint8).tobytes()

    def mark(
        self, rectangles: Sequence[tuple[float, float, float, float]], texts: Sequence[str] = ()
    ) -> None:
        """Replace the markers by solid frames around (top, left, height, width) in image pixels."""
        texts = texts or [""] * len(rectangles)
        names = ("top", "left", "height", "width")
        self.markers = [
            {**dict(zip(names, map(float, corners), strict=True)), "kind": "match", "text": text}
            for corners, text in zip(rectangles, texts, strict=True)
        ]

    @traitlets.validate("picked")
    def _check_picked(self, proposal: Any) -> list[int]:
        """Refuse a pixel that the image does not have."""
        picked = [int(number) for number in proposal["value"]]
        if picked and not (
            len(picked) == 2 and all(0 <= a < n for a, n in zip(picked, self.shape, strict=False))
        ):
            raise traitlets.TraitError(
                f"picked must be [row, column] within {self.shape} or [], got {picked}"
            )
        return picked


def _limits(scores: np.ndarray | None) -> tuple[float, float]:
    finite = np.empty(0) if scores is None else scores[np.isfinite(scores)]
    return (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)


def _png(image: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(image).save(file, "PNG", compress_level=1)
    return file.getvalue()
