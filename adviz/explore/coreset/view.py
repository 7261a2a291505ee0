"""The coreset of a memory bank: the chosen patches, those they are nearest to, and the metrics."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

import numpy as np

from adviz import plots
from adviz.core import CoresetTrace
from adviz.data import Category
from adviz.explore.coreset import page
from adviz.explore.coreset.bank import METRICS, RADIUS, Bank, Curve
from adviz.explore.coreset.controls import CoresetControls
from adviz.explore.kit import markup, theme
from adviz.explore.kit.evidence import cell_box
from adviz.explore.kit.texts import computing
from adviz.plots import StaticFigure, style

CROPS = 24  # patches of a selection
NUMBERED = 5  # chosen cells of an image whose number is written beside them
PATCH = 76  # CSS pixels, width of a selected patch
CHART = 205  # CSS pixels, width of a small chart: five of them side by side at 1280


def coreset(
    categories: Category | Mapping[str, Category],
    traces: CoresetTrace | Mapping[str, Any],
    predictions: Mapping[Any, Any] | None = None,
    *,
    results: Mapping[Any, Any] | None = None,
) -> CoresetView:
    """Show which training patches a coreset keeps and leaves out, and what that costs.

    Parameters
    ----------
    categories: one category, or several by name.
    traces: ``PatchCore().fit(train).trace_``, or several over the same rows by name, such as
        ``{"greedy": trace, "random": trace}``; distances are measured between the first one's
        points. With several categories, category's name -> such a trace or mapping.
    predictions: name -> {coreset size as a fraction: prediction}, as
        `PatchCore.predict_coreset_sizes` returns for one name; they give the bank's usage
        and the metrics. With a single trace the inner mapping is enough; with several categories,
        category's name -> such a mapping.
    results: what `evaluate` says of these, keyed as they are; what is not given is computed beside
        the page.

    Raises
    ------
    ValueError: nothing to show, traces of different rows, or predictions of other test images or of
        another bank.
    TypeError: no traces.

    Examples
    --------
    >>> explore.coreset(category, detector.trace_, {0.01: prediction})
    CoresetView: a widget, to be used in Jupyter; ...
    """
    if not isinstance(traces, CoresetTrace | Mapping):
        came = f"got a {type(traces).__name__}"
        raise TypeError(
            f"expected the trace of a fitted PatchCore, detector.trace_, or several by name, {came}"
        )
    if isinstance(categories, Category):
        one = categories.name
        if not isinstance(predictions or {}, Mapping):
            got = type(predictions).__name__
            raise TypeError(
                "expected predictions as {fraction of the bank: prediction}, such as {0.01: it}, "
                f"got a {got}"
            )
        categories, traces = {one: categories}, {one: traces}
        predictions, results = {one: predictions or {}}, {one: results or {}}
    return CoresetView(categories, traces, predictions or {}, results or {})  # type: ignore[arg-type]


class CoresetView(CoresetControls):
    """All patches in the plane and on their training images, those that a sampler chose marked.

    Move the coreset size along the order of choice; click a point, or a patch of the training
    image, to see the chosen patch nearest to it; drag round points to see their patches. The state
    is plain data, readable and settable: `category`, `sampler` (names), `budget` (coreset size),
    `colour` (of the points), `image` (index of a training image), `picked` (an entry, None = none),
    `chosen` (the entries selected); `radius` and `usage` tell what is known of the current bank.
    """

    def __init__(
        self,
        categories: Mapping[str, Category],
        traces: Mapping[str, CoresetTrace | Mapping[str, CoresetTrace]],
        predictions: Mapping[str, Any],
        results: Mapping[str, Any],
    ) -> None:
        if not categories or any(not traces.get(name) for name in categories):
            raise ValueError(
                f"expected traces for each of {list(categories)}, got them for {list(traces)}"
            )
        banks = {
            name: _bank(
                category, traces[name], predictions.get(name) or {}, results.get(name) or {}
            )
            for name, category in categories.items()
        }
        self._charts: dict[tuple[Any, ...], str] = {}  # what a chart shows -> the chart
        self._known: tuple[Any, dict[str, dict[str, Curve]]] = None, {}
        super().__init__(categories, banks)

    def _draw(self) -> tuple[str, str]:
        state = self._state()
        if self._seen.get("page") != state:
            self._show_points(state)
            self._show_image(state)
            bank, order = self._bank, self._bank.order(self.sampler, self.budget)
            names = [_short(name) for name in self._categories[self.category].train.ids]
            parts = [
                self._selection(),
                page.values(bank, self.sampler, self.budget) + self._remarks(),
                "<div class='adviz-charts'><div>" + "".join(self._marked_charts()) + "</div></div>",
                markup.row(
                    [
                        page.image_bars(bank.trace, order, names, self.image),
                        page.position_map(bank, order),
                        self._most_used(),
                    ],
                    gap=24,
                ),
            ]
            self._beside.value = self._explained()
            self._seen["page"], self._seen["html"] = state, "".join(parts)
        return self._seen["html"], self._sentence()

    def _state(self) -> tuple[Any, ...]:
        """Return all that decides what is shown."""
        picked, selected = self._scatter.current, self._scatter.selected
        bank = self._bank
        return (
            bank.version,
            self.category,
            self.sampler,
            self.budget,
            self.colour,
            self.image,
            picked,
            selected,
        )

    def _sentence(self) -> str:
        bank, radius, used = self._bank, self.radius, self.usage
        words = [self.category, self.sampler, f"{page.rows(self.budget)} of {bank.total}"]
        words[-1] += f" ({page.share(self.budget / bank.total)})"
        words.append(
            computing("covering radius") if radius is None else f"{RADIUS} {style.number(radius)}"
        )
        words += [f"{page.share(used.share)} of the bank used at test time"] if used else []
        words += [f"entry {self.picked} picked"] if self.picked is not None else []
        words += [f"{len(self.chosen)} entries selected"] if len(self.chosen) else []
        return " · ".join(words)

    def _show_points(self, state: tuple[Any, ...]) -> None:
        """Bring rings, colours and the legend of the scatter up to date."""
        bank = self._bank
        if self._seen.get("order") != self.sampler:
            self._scatter.ring(bank.traces[self.sampler].order, 0)
        # Rings would hide the colours
        self._scatter.count = 0 if self.colour == page.ORDER else self.budget
        key = (*state[:5], self.image if self.colour == page.IMAGE else None)
        if self._seen.get("points") != key:
            colours, painting, legend = page.painted(
                bank, self.sampler, self.budget, self.colour, self.image
            )
            self._scatter.paint(colours, painting)
            held = " + ".join(f"{value:.0%}" for value in bank.plane[1])
            note = (
                f"The plane holds {held} of the variance of {bank.trace.points.shape[1]} "
                "dimensions."
            )
            self._legend.value = (
                f"{legend}<div class='adviz-small' style='max-width:440px'>{note}</div>"
            )
        self._seen["order"], self._seen["points"] = self.sampler, key

    def _show_image(self, state: tuple[Any, ...]) -> None:
        """Show the training image under the distances of its cells, its chosen cells framed."""
        bank, image = self._bank, self.image
        key = (*state[:4], image)
        if self._seen.get("image") != key:
            distance = bank.distance(self.sampler, self.budget)
            left_out = None if distance is None else bank.map_of(image, distance)
            photo = self._photo(self.category, image)
            with self._overlay.hold_sync():
                self._overlay.show(photo, left_out, limits=page.distance_limits(bank, self.budget))
                self._overlay.cells = list(bank.grid)
                order = bank.order(self.sampler, self.budget)
                mine = order[bank.trace.image[order] == image].tolist()
                numbers = self._ranks(mine[:NUMBERED])
                self._overlay.mark(
                    [self._box(row) for row in mine], [*numbers, *[""] * (len(mine) - len(numbers))]
                )
            self._seen["image"] = key
        box = None if self.picked is None else self._box(self.picked)
        self._overlay.picked = [] if box is None else [box[0] + box[2] // 2, box[1] + box[3] // 2]

    def _ranks(self, chosen: list[int]) -> list[str]:
        """Return the numbers of choice of some chosen rows, from 1."""
        order = self._bank.traces[self.sampler].order
        return [str(int(np.flatnonzero(order == row)[0]) + 1) for row in chosen]

    def _box(self, row: int) -> markup.Box:
        """Return (top, left, height, width) of a row's cell, pixels of its training image."""
        bank, size = self._bank, self._categories[self.category].train.image_size
        return cell_box(divmod(int(bank.trace.location[row]), bank.grid[1]), size, bank.grid)

    def _patch(
        self, row: int, title: str, caption: str, *, width: int = 120, colour: str = ""
    ) -> str:
        """Return a row's patch: its cell framed, and one cell around it."""
        image = self._photo(self.category, int(self._bank.trace.image[row]))
        top, left, high, wide = self._box(row)
        cut = markup.crop(image, (top, left, high, wide))
        inner = [(high, wide, high, wide)]
        return markup.tile(
            cut, title=title, caption=caption, width=width, boxes=inner, sharp=True, colour=colour
        )

    def _where(self, row: int) -> str:
        """Return the training image and the cell that a row comes from."""
        trace, bank = self._bank.trace, self._bank
        name = _short(self._categories[self.category].train.ids[int(trace.image[row])])
        place = divmod(int(trace.location[row]), bank.grid[1])
        return f"{name} · location {place[0]}, {place[1]}"

    def _explained(self) -> str:
        """Return the picked row and the chosen row that stands for it."""
        if self.picked is None:
            words = "Click a point or a patch to see the chosen patch nearest to it."
            return theme.note(words)
        bank, row = self._bank, self.picked
        place = np.flatnonzero(bank.order(self.sampler, self.budget) == row)
        nearest, distance = bank.nearest_chosen(row, self.sampler, self.budget)
        mine = f"{self._where(row)} · " + (f"choice {place[0] + 1}" if len(place) else "not chosen")
        other = (
            f"{self._where(nearest)} · choice {self._ranks([nearest])[0]} · distance "
            f"{style.number(distance)}"
        )
        parts = [self._patch(row, "this patch", mine)]
        if not len(place):
            parts.append(self._patch(nearest, "nearest chosen patch", other))
        return markup.row(parts, gap=16)

    def _selection(self) -> str:
        """Return the patches of the selected rows, evenly along the selection.

        The title counts those that were chosen.
        """
        chosen, bank = self.chosen, self._bank
        if not len(chosen):
            return ""
        kept = np.isin(chosen, bank.order(self.sampler, self.budget))
        expected = len(chosen) * self.budget / bank.total
        shown = np.unique(np.linspace(0, len(chosen) - 1, CROPS).round().astype(int))
        rest = len(chosen) - len(shown)
        title = (
            f"{page.rows(len(chosen))} selected, {kept.sum()} of them in the bank ({expected:.3g} "
            "if drawn evenly)"
        )
        title += f"; {len(shown)} shown, {rest} more" if rest else ""
        parts = [
            self._patch(row, "kept", self._where(row), width=PATCH, colour=style.ORANGE)
            if inside
            else self._patch(
                row, "left out", self._where(row), width=PATCH, colour=style.UNLABELLED
            )
            for row, inside in zip(chosen[shown].tolist(), kept[shown].tolist(), strict=True)
        ]
        return f"<div class='adviz-selection'>{markup.row(parts, title=title)}</div>"

    def _remarks(self) -> str:
        """Return what cannot be shown, and why."""
        bank, trace, words = self._bank, self._bank.traces[self.sampler], []
        if trace.sampler == "proxies":
            words.append(
                "Learned proxies are no patches: rings and radius are those of the patch nearest "
                "to each."
            )
        results = [one for found in bank.results.values() for one in found.values()]
        found = [
            (getattr(one, key), one.reasons[key])
            for one in results
            for key in METRICS
            if key in one.reasons
        ]
        undefined = {reason for value, reason in found if np.isnan(value)}
        fewer = {reason for value, reason in found if not np.isnan(value)}
        words += [f"Metrics are undefined: {reason}." for reason in sorted(undefined)]
        words += [f"Metrics of the pixels: {reason}." for reason in sorted(fewer)]
        if not bank.predictions and not results:
            words.append("There are no predictions: usage and metrics are not known.")
        elif self.usage is None and bank.predictions.get(self.sampler):
            sizes = ", ".join(map(str, bank.predictions[self.sampler]))
            words.append(
                f"AUROC, PRO and use are known for {sizes} entries of {self.sampler}: "
                "move the coreset size there."
            )
        return "".join(map(theme.note, words))

    def _marked_charts(self) -> list[str]:
        """Return the charts, which are drawn anew only when more is known.

        A line over them marks the coreset size.
        """
        bank, drawn = self._bank, self._charts
        along = plots.position_on_axis(self.budget, bank.limits)
        shown = []
        for title, curves in self._curves().items():
            key = (
                self.category,
                title,
                *(values.tobytes() for curve in curves.values() for values in curve),
            )
            if key not in drawn:
                figure = plots.coreset_size_chart(curves, title, limits=bank.limits)
                drawn[key] = theme.svg(figure, text=f"{title} by coreset size", width=CHART)
            shown.append(page.marked_chart(drawn[key], along))
        return shown

    def _curves(self) -> dict[str, dict[str, Curve]]:
        """Return the charts' curves, collected anew only when more is known."""
        key = self.category, self._bank.version
        if self._known[0] != key:
            self._known = key, self._bank.curves()
        return self._known[1]

    def _most_used(self) -> str:
        """Return the bank's row that was the nearest of most test patches."""
        used = self.usage
        if used is None:
            return ""
        times = f"nearest of {used.times} of {used.patches} test patches"
        return self._patch(used.row, "most used entry", f"{self._where(used.row)} · {times}")

    def static(self) -> StaticFigure:
        """Return the scatter, the covering radius and the image AUROC as a matplotlib figure."""
        bank = self._bank
        colours, painting, _ = page.painted(
            bank, self.sampler, self.budget, self.colour, self.image
        )
        held, ends = sum(bank.plane[1]), page.distance_limits(bank, self.budget)
        scale = (
            f", 0 (dark) to {style.number(ends[1])} (bright)"
            if ends and self.colour == page.DISTANCE
            else ""
        )
        return plots.coreset_figure(
            bank.plane[0],
            colours,
            bank.order(self.sampler, self.budget),
            bank.curves(),
            limits=bank.limits,
            coreset_size=self.budget,
            painting=painting,
            title=f"{self.category}: {page.rows(self.budget)} of {bank.total}, {self.sampler}",
            note=f"colour: {self.colour}{scale}; rings: the coreset; "
            f"the plane has {held:.0%} of the variance",
        )


def _bank(
    category: Category, traces: Any, predictions: Mapping[Any, Any], results: Mapping[Any, Any]
) -> Bank:
    """Return a category's bank, whose single trace and its predictions may come without a name."""
    if isinstance(traces, CoresetTrace):
        name = traces.sampler
        traces = {name: traces}
        predictions, results = (
            {name: found} if any(isinstance(key, float | int) for key in found) else found
            for found in (predictions, results)
        )
    return Bank(traces, category.test, len(category.train), predictions, results)


def _short(name: str) -> str:
    """Return a file's name without its folder and ending, which the normal images share."""
    return PurePath(name).stem
