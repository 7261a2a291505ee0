"""Methods side by side, the images on which they disagree most first."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import ipywidgets as widgets
import numpy as np

from adviz import plots
from adviz._support import progress
from adviz.data import Category
from adviz.explore.kit import markup, theme
from adviz.explore.kit.disagreement import (
    COLUMNS,
    Numbers,
    Standing,
    compared,
    highest_first,
    in_words,
    map_disagreement,
    score_disagreement,
    standing,
)
from adviz.explore.kit.image_stepper import Found, by_name, truth_of
from adviz.explore.kit.pixel_view import PickingView
from adviz.explore.kit.texts import NO_TRUTH, computing
from adviz.explore.kit.view import labelled, value_of
from adviz.plots import StaticFigure, style
from adviz.prediction import Prediction

ORDERS = ("disagreement of scores", "disagreement of maps", "score of the detector", "as stored")
RELATIVE = (0.0, 2.0)  # of map / threshold: 1, the decision, is the middle of the scale
TILE = 140  # CSS pixels, width of a map: five beside the image at 1280
KEPT = 64
Limits = tuple[float, float]


def compare(
    categories: Category | Mapping[str, Category], predictions: Prediction | Mapping[str, Any]
) -> CompareView:
    """Show methods side by side, image by image, beginning where they disagree most.

    Parameters
    ----------
    categories, predictions: as for `explore.results`; detectors, or configurations of one, by the
        names to show.

    Returns
    -------
    A `CompareView`; display it as the last line of a cell.

    Raises
    ------
    ValueError: as `explore.results`.

    Examples
    --------
    >>> from adviz import DN2
    >>> other = DN2().fit(train).predict(test)
    >>> view = explore.compare(category, {"PatchCore": prediction, "DN2": other})
    >>> view.x, view.y
    ('PatchCore', 'DN2')
    """
    return CompareView(*by_name(categories, predictions))


class CompareView(PickingView):
    """Step through the images in an order of disagreement.

    Every method's map, score, rank and verdict follow.

    Methods have different units, so each map has its own printed scale, from percentiles over all
    test images, unless maps are divided by their thresholds. The state is that of `ResultsView`,
    where `detector` is the method whose map lies over the image, and `order` (see `ORDERS`),
    `relative` (map / threshold), `x` and `y` (methods of the scatter) and `picked` ((row, column)
    of a pixel, or None), all settable; `table` holds the metrics, and `disagreement` is what images
    are ordered by.
    """

    def __init__(
        self, categories: Mapping[str, Category], predictions: Mapping[str, Mapping[str, Found]]
    ) -> None:
        self._numbers: dict[tuple[str, str], Numbers] = {}
        self._asked = ""
        self._truth = lru_cache(None)(lambda name: truth_of(categories[name].test))
        self._by = lru_cache(KEPT)(self._values_of)
        self._scatter_of = lru_cache(KEPT)(self._scatter)
        self._tile_of, self._scale_of = (
            lru_cache(KEPT)(self._tile),
            lru_cache(KEPT)(self._percentiles),
        )
        order = widgets.Dropdown(
            options=ORDERS, description="order", layout=widgets.Layout(width="290px")
        )
        self._order = labelled(order, "order", self._filter)
        relative = widgets.Checkbox(
            description="map / threshold", indent=False, layout=widgets.Layout(width="150px")
        )
        self._relative = labelled(relative, "relative", self._redraw)
        axes = [
            widgets.Dropdown(description=f"scatter {name}", layout=widgets.Layout(width="240px"))
            for name in "xy"
        ]
        self._x, self._y = (
            labelled(axis, name, self._redraw) for axis, name in zip(axes, "xy", strict=True)
        )
        super().__init__(categories, predictions)
        self._detector.observe(self._reorder, names="value")
        controls = self.children[0]
        first, last = controls.children[:3], controls.children[3:]
        controls.children = [*first, self._order, *last, self._relative, self._x, self._y]

    order = value_of(
        "order",
        "What the images are ordered by, one of `ORDERS`; another starts at its first image.",
    )
    relative = value_of("relative", "Whether maps are divided by their pixel-F1 thresholds.")
    x = value_of("x", "Method on the scatter's horizontal axis.")
    y = value_of("y", "Method on the scatter's vertical axis.")

    @property
    def table(self) -> dict[str, Numbers]:
        """Method -> its metrics in this category (see `disagreement.compared`).

        As far as computed: `wait` for all.
        """
        keys = {name: (self.category, name) for name in self._methods}
        return {name: self._numbers[key] for name, key in keys.items() if key in self._numbers}

    @property
    def disagreement(self) -> np.ndarray | None:
        """What the images are ordered by, (N,), highest first.

        None where they are not, or cannot be, ordered.
        """
        if len(self._methods) < len(self._needed()):
            return None
        return self._by(self.category, self.order, self.detector)

    @property
    def _methods(self) -> dict[str, Prediction]:
        """The category's predictions; those still to be computed are left out."""
        return {
            name: p
            for name, p in self._predictions[self.category].items()
            if isinstance(p, Prediction)
        }

    def _needed(self) -> list[str]:
        return list(self._predictions[self.category])

    def _values_of(self, category: str, order: str, method: str) -> np.ndarray | None:
        found = self._methods
        if order == "score of the detector":
            return found[method].score
        if order == "disagreement of scores":
            return score_disagreement(np.stack([p.score for p in found.values()]))
        maps = [p.unpadded() for p in found.values() if p.anomaly_map is not None]
        return map_disagreement(maps) if order == "disagreement of maps" and len(maps) > 1 else None

    def _filter(self, change: Any = None) -> None:
        """Go through the images of one defect type, or through all, in the chosen order."""
        with self._together():
            super()._filter(change)
            if (by := self.disagreement) is not None:
                rank = {int(image): place for place, image in enumerate(highest_first(by))}
                self._shown.sort(key=rank.__getitem__)

    def _reorder(self, _change: Any) -> None:
        if self.order == "score of the detector" and not self._quiet:
            self._filter()

    def _computed(self, key: tuple[str, str], result: Any) -> None:
        super()._computed(key, result)
        self._filter()

    def _measure(self) -> None:
        """Compute the metrics that are missing in the background."""
        category = self.category
        missing = [name for name in self._methods if (category, name) not in self._numbers]
        if missing and not (self.busy and self._asked == category):
            self._asked = category
            self._compute(
                "metrics", lambda: self._measure_all(category, missing), lambda _: self._redraw()
            )

    def _measure_all(self, category: str, methods: list[str]) -> None:
        truth = self._truth(category)
        for name in progress.progress_bar(methods, label="detectors"):
            found = self._predictions[category][name]
            if isinstance(found, Prediction):
                self._numbers[category, name] = compared(found, *truth)
                self._redraw()  # each shows as soon as it is there

    def _draw(self) -> tuple[str, str]:
        self._offer_axes()
        self._show_image()
        self._measure()
        self._values.value = self._read_out()
        return self._html(), self._headline

    @property
    def _headline(self) -> str:
        by, place = self.disagreement, f"{self.category} · {self._place()}"
        what = f"score of {self.detector}" if self.order == "score of the detector" else self.order
        return place if by is None else f"{place} · {what} {by[self.image]:.3g}"

    def _offer_axes(self) -> None:
        """Offer the category's methods for the scatter: at first the first two."""
        names = tuple(self._methods)
        for control, place in ((self._x, 0), (self._y, 1)):
            if tuple(control.options) != names:
                kept = control.value
                control.options = names
                control.value = kept if kept in names else names[min(place, len(names) - 1)]

    def _show_image(self) -> None:
        sample, values = self._sample, self._shown_map(self.detector)
        self._overlay.unit = self.detector + (
            " / threshold" if self._threshold(self.detector) else ""
        )
        limits = None if values is None else self._limits_for(self.detector)
        self._overlay.show(sample.image, values, sample.mask, limits=limits)

    def _threshold(self, method: str) -> float | None:
        """Return what a method's maps are divided by; None = they are not."""
        value = self.table.get(method, {}).get("pixel_threshold", 0.0)
        return value if self.relative and value > 0 else None

    def _shown_map(self, method: str) -> np.ndarray | None:
        maps, by = self._methods[method].anomaly_map, self._threshold(method)
        return None if maps is None else maps[self.image] / (by or 1.0)

    def _limits_for(self, method: str) -> Limits:
        return RELATIVE if self._threshold(method) else self._scale_of(self.category, method)

    def _percentiles(self, category: str, method: str) -> Limits:
        return plots.shared_limits(self._methods[method].unpadded())

    def _standing(self, method: str) -> Standing:
        return standing(
            self._methods[method].score, self._categories[self.category].test.labels, self.image
        )

    def _tile(self, category: str, method: str, image: int, by: float | None) -> str:
        """Return a method's map with its scale; `by` is what it is divided by."""
        maps = self._methods[method].anomaly_map
        if maps is None:
            grey = np.full((*self._sample.image.shape[:2], 3), 128, np.uint8)
            return markup.tile(grey, title=method, caption="no map", width=TILE)
        limits = self._limits_for(method)
        return markup.map_tile(
            method, maps[image] / (by or 1.0), limits, self._sample.mask, width=TILE
        )

    def _html(self) -> str:
        shown = []
        for name in self._methods:
            drawn, one = (
                self._tile_of(self.category, name, self.image, self._threshold(name)),
                self._standing(name),
            )
            place = one.place.replace(", ", "<br>")
            said = f"<div class='adviz-small'>{place}<br><b>{one.verdict}</b></div>"
            shown.append(f"<div style='width:{TILE}px'>{drawn}{said}</div>")
        mask = self._sample.mask
        if mask is not None:
            truth = np.repeat(np.uint8(255) * mask[..., None], 3, axis=2)
            shown.insert(0, markup.tile(truth, title="ground truth", width=TILE))
        rows = {name: in_words(self.table.get(name)) for name in self._methods}
        table = markup.table(rows, COLUMNS, title=self.category, marked=[self.detector])
        chart, places = self._scatter_of(self.category, self.x, self.y)
        below = [
            f"<div class='adviz-table'>{table}</div>",
            markup.ringed(chart, places[self.image]),
        ]
        lacks = theme.note(NO_TRUTH) if mask is None else ""
        return markup.row(shown, title=self._scales()) + lacks + markup.row(below, gap=24)

    def _scales(self) -> str:
        """Say what the maps' colours mean, and what is missing."""
        words = "each detector on its own scale: percentiles 0.5 to 99.8 of all its maps"
        if self.relative:
            words = "map / threshold, 1 = the F1-optimal one of its pixels"
            known = self.table
            unknown = [name for name in self._methods if not self._threshold(name)]
            undefined, pending = (
                [n for n in unknown if (n in known) == there] for there in (True, False)
            )
            words += (
                f"; that of {', '.join(undefined)} is undefined without maps and masks"
                if undefined
                else ""
            )
            words += f"; {computing('that of ' + ', '.join(pending))}" if pending else ""
        return words

    def _scatter(self, category: str, x: str, y: str) -> tuple[str, np.ndarray]:
        """Return the chart of two methods' scores, and where on it each image is.

        Drawing takes 60 ms, ringing none.
        """
        scores = np.stack([self._methods[x].score, self._methods[y].score], 1)
        labels = self._categories[category].test.labels
        cuts = self._standing(x).threshold, self._standing(y).threshold
        figure = plots.score_scatter(
            scores[:, 0], scores[:, 1], labels, names=(x, y), thresholds=cuts
        )
        places = figure.axes[0].transData.transform(scores) / figure.bbox.size
        said = f"scores of {x} and {y} of every test image, this one ringed"
        return theme.svg(figure, text=said, width=380), places * (1, -1) + (0, 1)

    def _read_out(self) -> str:
        """Return every method's value at the picked pixel.

        The fraction of all its pixels that is lower is printed as well.
        """
        if self.picked is None:
            return theme.note("Click the image to read out a pixel.")
        rows = {}
        for name, found in self._methods.items():
            maps = found.anomaly_map
            if maps is not None:
                value = maps[self.image][self.picked]
                rows[name] = [
                    style.number(value),
                    f"{np.count_nonzero(maps < value) / maps.size:.1%}",
                ]
        return markup.table(
            rows, ["map", "lower pixels"], title=f"pixel {self.picked[0]}, {self.picked[1]}"
        )

    def static(self) -> StaticFigure:
        """Return the row of the displayed image as a matplotlib figure."""
        sample, methods = self._sample, self._methods
        standings = {name: self._standing(name) for name in methods}
        return plots.comparison_row(
            sample.image,
            sample.mask,
            {name: self._shown_map(name) for name in methods},
            limits={
                name: self._limits_for(name)
                for name, p in methods.items()
                if p.anomaly_map is not None
            },
            captions={
                name: f"rank {one.rank} of {one.count}\n{one.verdict}"
                for name, one in standings.items()
            },
            title=self._headline + (" · map / threshold" if self.relative else ""),
        )
