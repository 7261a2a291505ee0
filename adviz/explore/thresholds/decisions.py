"""A threshold of the image score: the errors that it makes, and its verdict on an image."""

from __future__ import annotations

import html
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import ipywidgets as widgets
import numpy as np

from adviz import metrics, plots
from adviz.data import Category
from adviz.explore.kit import error_tags, markup, outcomes
from adviz.explore.kit.background_view import PreparedView, Steps
from adviz.explore.kit.image_stepper import Found
from adviz.explore.kit.texts import UNDEFINED, computing, lacking
from adviz.explore.kit.view import labelled, wrapped
from adviz.explore.thresholds.gating import set_range
from adviz.explore.thresholds.strips import score_strip
from adviz.plots import THRESHOLD_COLOUR, TRUTH_COLOUR, style
from adviz.prediction import Prediction

MAP, RELATIVE = "map", "map / threshold"
RATIOS = (0.0, 2.0)  # the scale of map / threshold: 1, the decision, is its middle
WIDTH = 190  # CSS pixels of a picture


class DecisionView(PreparedView):
    """A threshold for each category and detector, or one for all categories.

    It splits their images into predicted anomalous and predicted good.

    What takes long (the best threshold of all pixels) is computed in the background once, see
    `_steps`.
    """

    def __init__(
        self, categories: Mapping[str, Category], predictions: Mapping[str, Mapping[str, Found]]
    ) -> None:
        # (category or "" for all, detector) -> threshold
        self._lines: dict[tuple[str, str], float] = {}
        # (category, detector) -> F1-optimal threshold of pixels
        self._pixels: dict[tuple[str, str], float] = {}
        self._peaks: dict[tuple[str, str], bool] = {}  # whether scores are maxima of maps
        self._pictures = lru_cache(8)(self._row)
        line = self._line_controls()
        super().__init__(categories, predictions)
        controls, *rest = self.children  # type: ignore[has-type]
        self.children = [controls, line, *rest]

    def _line_controls(self) -> widgets.HBox:
        slider = widgets.FloatSlider(
            description="threshold",
            continuous_update=False,
            readout_format=".4g",
            layout=widgets.Layout(width="420px"),
        )
        self._slider = labelled(slider, "threshold", self._slide)
        best, full = (
            "the threshold with the highest F1",
            "the highest threshold without a miss",
        )
        self._best = widgets.Button(
            description="best F1", tooltip=best, layout=widgets.Layout(width="90px")
        )
        self._best.add_class("adviz-best").on_click(lambda _: self._jump(best=True))
        self._full = widgets.Button(
            description="100% recall", tooltip=full, layout=widgets.Layout(width="100px")
        )
        self._full.add_class("adviz-full").on_click(lambda _: self._jump(best=False))
        one = widgets.Checkbox(
            description="one threshold for all categories",
            indent=False,
            layout=widgets.Layout(width="250px"),
        )
        self._pooled = labelled(one, "pooled", self._redraw)
        shown = widgets.ToggleButtons(
            options=[MAP, RELATIVE],
            tooltips=[
                "scores as they are",
                "divided by the threshold of the pixels: 1 is the decision",
            ],
            style={"button_width": "130px"},
        )
        self._display = labelled(shown, "relative", self._redraw)
        parts = [self._slider, self._best, self._full, self._pooled, self._display]
        return wrapped(parts, align="center")

    @property
    def threshold(self) -> float:
        """Image score from which on an image is flagged.

        It is that of this category and detector, or of all categories if `pooled`.
        """
        return self._line(self.category)

    @threshold.setter
    def threshold(self, score: float) -> None:
        if not np.isfinite(score):
            raise ValueError(f"threshold must be a finite score, got {score}")
        self._lines[self._owner(self.category)] = float(score)
        self._redraw()

    @property
    def pooled(self) -> bool:
        """Whether there is one threshold for all categories, not one for each."""
        return bool(self._pooled.value)

    @pooled.setter
    def pooled(self, one: bool) -> None:
        self._pooled.value = one

    @property
    def relative(self) -> bool:
        """Whether maps are divided by the threshold of their pixels, so that 1 is the decision."""
        return bool(self._display.value == RELATIVE)

    @relative.setter
    def relative(self, divided: bool) -> None:
        self._display.value = RELATIVE if divided else MAP

    @property
    def outcome(self) -> outcomes.Outcome:
        """What the threshold does to the images of the displayed category."""
        return self._outcome(self.category, self.threshold)

    def _known(self, detector: str = "") -> list[str]:
        """Return the categories with a prediction by a detector, or by the displayed one."""
        found = {
            name: predictions.get(detector or self.detector)
            for name, predictions in self._predictions.items()
        }
        return [name for name, prediction in found.items() if isinstance(prediction, Prediction)]

    def _judged(self, category: str, detector: str = "") -> tuple[np.ndarray, np.ndarray]:
        """Return the scores and labels of a category's images."""
        found = self._predictions[category][detector or self.detector]
        if not isinstance(found, Prediction):
            raise TypeError(f"{detector or self.detector} of {category} has not been computed yet")
        return np.asarray(found.score, np.float64), self._categories[category].test.labels

    def _sharing(self, category: str, detector: str = "") -> tuple[np.ndarray, np.ndarray]:
        """Return scores and labels of all images that share a category's threshold."""
        names = self._known(detector) if self.pooled else [category]
        scores, labels = zip(*(self._judged(name, detector) for name in names), strict=True)
        return np.concatenate(scores), np.concatenate(labels)

    def _owner(self, category: str, detector: str = "") -> tuple[str, str]:
        """Return what a threshold belongs to."""
        return ("" if self.pooled else category), detector or self.detector

    def _line(self, category: str, detector: str = "") -> float:
        """Return a category's threshold: a person's choice, or where to start."""
        chosen = self._lines.get(self._owner(category, detector))
        return (
            outcomes.first_threshold(*self._sharing(category, detector))[0]
            if chosen is None
            else chosen
        )

    def _outcome(self, category: str, threshold: float) -> outcomes.Outcome:
        return outcomes.outcome(*self._judged(category), threshold)

    def _slide(self, change: Any) -> None:
        if not self._quiet:
            self.threshold = float(change["new"])

    def _jump(self, *, best: bool) -> None:
        scores, labels = self._sharing(self.category)
        self.threshold = (
            outcomes.first_threshold(scores, labels)[0]
            if best
            else outcomes.full_recall(scores, labels)
        )

    def _pixel_line(self) -> tuple[float | None, str]:
        """Return the threshold that the map is held against, and in words which it is and why."""
        key, maps = (self.category, self.detector), self._prediction.anomaly_map
        if maps is None:
            return None, ""
        if key not in self._peaks:
            self._peaks[key] = error_tags.score_is_peak(self._prediction.score, maps)
        if self._peaks[key]:
            return (
                self.threshold,
                "the threshold of the image score, which is the maximum of the map",
            )
        if not self._categories[self.category].test.has_masks:
            return (
                None,
                "The score is not the map's maximum and there are no masks: no threshold of pixels "
                "is known.",
            )
        return self._pixels.get(
            key
        ), "the F1-optimal threshold of the pixels, as the score is not the map's maximum"

    def _steps(self) -> Steps:
        key = self.category, self.detector
        pixel, why = self._pixel_line()
        return (
            {("pixels", *key): lambda: self._find_pixel_line(*key)}
            if why and pixel is None and self._masked
            else {}
        )

    @property
    def _masked(self) -> bool:
        return self._categories[self.category].test.has_masks

    def _find_pixel_line(self, category: str, detector: str) -> None:
        split, found = self._categories[category].test, self._predictions[category][detector]
        maps: Any = found.anomaly_map  # type: ignore[union-attr]  # asked for only where there is one
        known = split.known_pixels
        masks = split.subset(known).masks_array()
        self._pixels[category, detector] = metrics.f1_threshold(
            maps[known].ravel(), masks.ravel()
        ).threshold

    def _draw(self) -> tuple[str, str]:
        scores, labels = self._sharing(self.category)
        set_range(self._slider, scores.min(), scores.max(), self.threshold)
        self._best.disabled = self._full.disabled = not (labels == 1).any()
        self._pooled.disabled = len(self._categories) == 1
        return super()._draw()

    def _html(self) -> str:
        key = self.category, self.detector, self.image, *self._pixel_line(), self.relative
        split, ends = (
            self._categories[self.category].test,
            (float(self._slider.min), float(self._slider.max)),
        )
        strip = score_strip(
            self._judged(self.category)[0], split, ends, self.threshold, self._marks(), self.image
        )
        return self._pictures(*key) + markup.row([strip, self._tables()], gap=16)

    def _row(
        self,
        category: str,
        detector: str,
        image: int,
        pixel: float | None,
        why: str,
        relative: bool,
    ) -> str:
        """Return image | ground truth | map | overlay.

        Pixels above the threshold of pixels are outlined.
        """
        sample, maps, limits = self._sample, self._prediction.anomaly_map, self._shared_limits()
        parts = [markup.tile(sample.image, title="image", width=WIDTH)]
        if sample.mask is not None:
            truth = np.repeat(np.uint8(255) * sample.mask[..., None], 3, axis=2)
            parts.append(markup.tile(truth, title="ground truth", width=WIDTH))
        missing = [
            name for name, part in (("ground truth", sample.mask), ("map", maps)) if part is None
        ]
        said = [lacking(missing)] if missing else []
        if maps is None or limits is None:
            return markup.row(parts) + _small(said)
        divided = relative and pixel is not None and pixel > 0
        if relative and not divided:
            said.append("Nothing positive to divide the map by: it is shown as it is.")
        shown, ends = (maps[self.image] / pixel, RATIOS) if divided else (maps[self.image], limits)
        heat, mixed = plots.heat(shown, ends), plots.overlay(sample.image, shown, limits=ends)
        if pixel is not None:
            above = maps[self.image] >= pixel
            heat, mixed = (
                plots.outlined(one, above, colour=THRESHOLD_COLOUR, dashed=True)
                for one in (heat, mixed)
            )
            said.append(f"Dashed: map ≥ {style.number(pixel)}, {why}.")
        elif why:
            said.append(why if not self._masked else f"{computing('The threshold of the pixels')}.")
        if sample.mask is not None:
            mixed = plots.outlined(mixed, sample.mask, colour=TRUTH_COLOUR)
        parts += [
            markup.tile(heat, title="map", width=WIDTH),
            markup.tile(mixed, title="overlay", width=WIDTH),
        ]
        words = "map / threshold: 1 is the decision" if divided else "anomaly score"
        return markup.row(markup.in_pairs(parts)) + markup.row(
            [markup.scale(ends, words, width=WIDTH), _small(said)], gap=16
        )

    def _marks(self) -> dict[str, float]:
        """Return the thresholds worth knowing, by name."""
        scores, labels = self._sharing(self.category)
        best, name = outcomes.first_threshold(scores, labels)
        whole = outcomes.full_recall(scores, labels)
        return {name: best, **({"100% recall": whole} if np.isfinite(whole) else {})}

    def _tables(self) -> str:
        """Return the confusion matrices, and what this and other thresholds cost."""
        now = self.outcome
        rows = {"current": _costs(now)}
        rows |= {
            name: _costs(self._outcome(self.category, value))
            for name, value in self._marks().items()
        }
        names = ["threshold", "FP", "FN", "precision", "recall", "F1"]
        parts = [markup.table(rows, names), _matrix(now, self.category)]
        known = self._known()
        if len(known) > 1:
            first, *rest = (self._outcome(name, self._line(name)) for name in known)
            total = sum(rest, start=first)
            rule = "one threshold" if self.pooled else "each at its own threshold"
            parts.append(_matrix(total, f"{len(known)} categories, {rule}"))
        return "<div>" + "".join(parts) + "</div>"

    def _verdict(self) -> str:
        """Return the image's score and what the threshold makes of it."""
        scores, labels = self._judged(self.category)
        score, label = scores[self.image], int(labels[self.image])
        flagged = bool(score >= self.threshold)
        kind = {(True, 0): ": a false positive", (False, 1): ": a false negative"}.get(
            (flagged, label), ""
        )
        done = "predicted anomalous" if flagged else "predicted good"
        return f"score {style.number(score)}, {done} at {style.number(self.threshold)}{kind}"


def _costs(found: outcomes.Outcome) -> list[str]:
    ratios = (found.precision, found.recall, found.f1)
    counts = [str(found.false_positives), str(found.false_negatives)]
    return [
        style.number(found.threshold),
        *counts,
        *(UNDEFINED if np.isnan(ratio) else f"{ratio:.3f}" for ratio in ratios),
    ]


def _matrix(found: outcomes.Outcome, title: str) -> str:
    rows = {
        "anomalous": [found.true_positives, found.false_negatives],
        "good": [found.false_positives, found.true_negatives],
        "unlabelled": [found.unlabelled_flagged, found.unlabelled_passed],
    }
    shown = {name: [str(count) for count in counts] for name, counts in rows.items() if sum(counts)}
    return markup.table(shown, ["predicted anomalous", "predicted good"], title=title)


def _small(sentences: list[str]) -> str:
    return (
        f"<div class='adviz-small' style='max-width:560px'>{html.escape(' '.join(sentences))}</div>"
    )
