"""A threshold of the image score, the errors that it makes, and their tags."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np

from adviz import plots
from adviz.data import Category, audit
from adviz.explore.kit import error_tags, markup, outcomes
from adviz.explore.kit.background_view import Steps
from adviz.explore.kit.image_stepper import EVERYTHING, Found, by_name
from adviz.explore.thresholds.galleries import KINDS, MOST, SIDE, Walls, words
from adviz.explore.thresholds.gating import GatePanel, Gating, gating
from adviz.explore.thresholds.tagging import TaggedView
from adviz.plots import THUMBNAILS, Gallery, StaticFigure, style
from adviz.prediction import Prediction


def thresholds(
    categories: Category | Mapping[str, Category],
    predictions: Prediction | Mapping[str, Any],
    *,
    gate: Mapping[str, float] | None = None,
) -> ThresholdsView:
    """Move the threshold of the image score, look at the errors that it makes, and tag them.

    Parameters
    ----------
    categories, predictions: as for `explore.results`.
    gate: detector's name -> seconds that its second stage takes for one image, for detectors whose
        image score decides which images are segmented (SPADE); a slider over that decision is shown
        for them.

    Returns
    -------
    A `ThresholdsView`; display it as the last line of a cell.

    Raises
    ------
    ValueError: as `explore.results`; a gate of an unknown detector, or seconds that are no number
        of 0 or more.

    Examples
    --------
    >>> view = explore.thresholds(category, prediction)
    >>> view.threshold = 25.0
    >>> view.status
    'hex_nut · PatchCore · image 1 of 46 · anomalous: chip · score ..., predicted anomalous at 25'
    """
    return ThresholdsView(*by_name(categories, predictions), gate=gate)


class ThresholdsView(TaggedView):
    """Scores by defect type with the threshold, its confusion matrix, and galleries of errors.

    An image is predicted anomalous from the threshold on, which at first is the
    F1-optimal one. The state is plain data, readable and settable: `category`, `detector`,
    `defect`, `image`, `threshold`, `pooled`, `relative`, `gate`, `tags` and `notes`; `errors`,
    `outcome` and `gating` are what follows from it.
    """

    def __init__(
        self,
        categories: Mapping[str, Category],
        predictions: Mapping[str, Mapping[str, Found]],
        *,
        gate: Mapping[str, float] | None = None,
    ) -> None:
        self._seconds = _checked_gate(gate or {}, predictions)
        self._taus: dict[tuple[str, str], float] = {}
        self._areas: dict[str, np.ndarray] = {}  # category -> defect pixels of its images
        # (category, detector, image) -> small overlay
        self._small: dict[tuple[str, str, int], np.ndarray] = {}
        self._tiles: dict[tuple[str, str, int], str] = {}  # and as HTML
        self._guesses: dict[tuple[str, str, int], list[tuple[str, str]]] = {}
        self._walls = Walls(self._go)
        self._gate = GatePanel(lambda tau: setattr(self, "gate", tau))
        super().__init__(categories, predictions)
        self.children = [*self.children, self._tagging, self._walls, self._gate]

    @property
    def gate(self) -> float | None:
        """Score tau above which an image goes on to the second stage.

        None where the detector has none.
        """
        found = self.gating
        if found is None:
            return None
        start = found.tau[found.free] if found.anomalous else -np.inf
        below = float(found.tau[1] - 1e-6 * max(1.0, abs(found.tau[1])))  # gates nothing away
        return self._taus.get(
            (self.category, self.detector), float(start) if np.isfinite(start) else below
        )

    @gate.setter
    def gate(self, tau: float) -> None:
        if self.detector not in self._seconds:
            raise ValueError(
                f"{self.detector} has no second stage: name it in gate={{detector: seconds per "
                f"image}}"
            )
        if not np.isfinite(tau):
            raise ValueError(f"gate must be a finite score, got {tau}")
        self._taus[self.category, self.detector] = float(tau)
        self._redraw()

    @property
    def gating(self) -> Gating | None:
        """What every tau saves and loses, as plain arrays.

        None where the detector has no second stage.
        """
        if self.detector not in self._seconds:
            return None
        labels = self._categories[self.category].test.labels
        return gating(self._prediction.score, labels, self._areas.get(self.category))

    @property
    def errors(self) -> list[dict[str, Any]]:
        """The errors of the displayed detector in all categories, the worst of each kind first.

        As plain data.

        Each has kind ("false positive", "false negative" or, flagged without a label,
        "unlabelled"), category, image (index), id, defect, score, threshold, tag and note (a
        person's, may be empty) and suggestions (tags).
        """
        found = self._errors()
        for error in found:
            if error["kind"] == "false negative":
                error["suggestions"] = [
                    tag for tag, _ in self._guess(error["category"], self.detector, error["image"])
                ]
        return found

    def _errors(self) -> list[dict[str, Any]]:
        """Return `errors`, with the suggestions that are known by now."""
        kinds: dict[str, list[dict[str, Any]]] = {kind: [] for kind in KINDS}
        for category in self._known():
            scores, labels = self._judged(category)
            line, ids = self._line(category), self._categories[category].test.ids
            for kind, images in zip(KINDS, outcomes.wrong(scores, labels, line), strict=True):
                for image in images.tolist():
                    tag, note = self._tagging.marks.get(
                        (self.detector, category, ids[image]), ("", "")
                    )
                    guesses = self._guesses.get((category, self.detector, image), [])
                    kinds[kind].append(
                        {
                            "kind": kind,
                            "category": category,
                            "image": image,
                            "id": ids[image],
                            "defect": self._categories[category].test.defects[image],
                            "score": float(scores[image]),
                            "threshold": line,
                            "tag": tag,
                            "note": note,
                            "suggestions": [name for name, _ in guesses]
                            if kind == "false negative"
                            else [],
                        }
                    )
        return [error for found in kinds.values() for error in sorted(found, key=_worst)]

    def _guess(self, category: str, detector: str, image: int) -> list[tuple[str, str]]:
        """Return what kind of error a missed image may be, and why."""
        key = category, detector, image
        if key not in self._guesses:
            split, found = self._categories[category].test, self._predictions[category][detector]
            maps = found.anomaly_map if isinstance(found, Prediction) else None
            rule = split.geometry.mask_rule
            audited = audit(split.subset([image]), rules=(rule,))
            kept = float(audited[f"kept {rule}"].iloc[0]) if len(audited) else None
            mask = self._photo(category, "test", image).mask
            one = None if maps is None else maps[image]
            self._guesses[key] = error_tags.suggest(mask, one, kept)
        return self._guesses[key]

    def _picture(self, category: str, detector: str, image: int) -> np.ndarray:
        """Return a small overlay of an image, on the scale of its category."""
        key = category, detector, image
        if key not in self._small:
            photo, found = (
                self._photo(category, "test", image).image,
                self._predictions[category][detector],
            )
            maps = found.anomaly_map if isinstance(found, Prediction) else None
            step = max(1, min(photo.shape[:2]) // SIDE)
            small = np.ascontiguousarray(photo[::step, ::step])
            if isinstance(found, Prediction) and maps is not None:
                if (category, detector) not in self._limits:
                    self._limits[category, detector] = plots.shared_limits(found.unpadded())
                limits: Any = self._limits[category, detector]
                small = plots.overlay(small, maps[image][::step, ::step], limits=limits)
            self._small[key] = small
            self._tiles[key] = markup.picture(
                small, width=SIDE, text=self._categories[category].test.ids[image]
            )
        return self._small[key]

    def _steps(self) -> Steps:
        steps, detector = super()._steps(), self.detector
        for error in self._on_walls():
            key = error["category"], detector, error["image"]
            if key not in self._tiles:
                steps["picture", key] = partial(self._picture, *key)
            if error["kind"] == "false negative" and key not in self._guesses:
                steps["guess", key] = partial(self._guess, *key)
        if detector in self._seconds and self._masked and self.category not in self._areas:
            steps["areas", self.category] = partial(self._measure, self.category)
        return steps

    def _on_walls(self, most: int = MOST) -> list[dict[str, Any]]:
        """Return the errors that have a picture, the first ones of each kind."""
        found = self._errors()
        return [
            error
            for kind in KINDS
            for error in [one for one in found if one["kind"] == kind][:most]
        ]

    def _measure(self, category: str) -> None:
        split = self._categories[category].test
        masks = (
            split.mask(index) if label == 1 else None for index, label in enumerate(split.labels)
        )
        self._areas[category] = np.array([0 if mask is None else mask.sum() for mask in masks])

    def _draw(self) -> tuple[str, str]:
        page, detector = super()._draw(), self.detector
        shown = {
            (c, i): picture for (c, name, i), picture in self._tiles.items() if name == detector
        }
        found, here = self._errors(), (self.category, self.image)
        self._walls.show(found, shown, here)
        sample_id, label = (
            self._categories[here[0]].test.ids[here[1]],
            self._categories[here[0]].test.labels[here[1]],
        )
        kind = next(
            (error["kind"] for error in found if (error["category"], error["image"]) == here), ""
        )
        guesses = (
            self._guesses.get((here[0], detector, here[1]), []) if kind == "false negative" else []
        )
        self._tagging.show((detector, here[0], sample_id), int(label), guesses, bool(kind))
        self._gate.show(
            self.gating, self.gate or 0.0, self._seconds.get(detector, 0.0), self._gate_words()
        )
        return page

    def _gate_words(self) -> str:
        """Return what cannot be known about the gate, and what was gated away already."""
        said, segmented = [], self._prediction.segmented
        if segmented is not None and not segmented.all():
            said.append(
                f"In this prediction {np.count_nonzero(~segmented)} images were not segmented "
                "already."
            )
        if self.gating is not None and not self.gating.anomalous:
            said.append("No image is labelled anomalous: what would be lost cannot be known.")
        elif not self._masked:
            said.append("There are no masks: how many defect pixels would be lost cannot be known.")
        return " ".join(said)

    def _go(self, category: str, image: int) -> None:
        """Show an image of any category."""
        with self._together():
            self.category = category
            if self._categories[category].test.defects[image] != self.defect:
                self.defect = EVERYTHING
            self.image = image

    def static(self) -> StaticFigure:
        """Return the scores with the threshold, above the walls of errors.

        As a matplotlib figure.
        """
        found, walls = self.errors, []
        for kind, (_, title, _) in KINDS.items():
            chosen = [error for error in found if error["kind"] == kind]
            if kind == "unlabelled" and not chosen:
                continue
            shown = chosen[: 2 * THUMBNAILS]
            pictures = [
                self._picture(error["category"], self.detector, error["image"]) for error in shown
            ]
            lines = [
                f"{e['category']} · {e['defect']} {style.number(e['score'])}\n{words(e)}"
                for e in shown
            ]
            rest = f", the first {len(shown)}" if len(shown) < len(chosen) else ""
            walls.append(Gallery(f"{title} ({len(chosen)}{rest})", pictures, lines))
        line, test = style.number(self.threshold), self._categories[self.category].test
        return plots.decision_page(
            self._prediction.score,
            test.defects,
            walls,
            threshold=self.threshold,
            marks=self._marks(),
            current=self.image,
            title=f"{self.category} · {self.detector}: predicted anomalous from {line} on",
        )


def _worst(error: Mapping[str, Any]) -> float:
    """Order errors by how far from the line they are, in units of it.

    Categories have scales of their own.
    """
    line = float(error["threshold"])
    return -abs(float(error["score"]) - line) / (abs(line) or 1.0)


def _checked_gate(
    gate: Mapping[str, float], predictions: Mapping[str, Mapping[str, Found]]
) -> dict[str, float]:
    names = {name for found in predictions.values() for name in found}
    for name, seconds in gate.items():
        if name not in names:
            raise ValueError(
                f"expected gate to name some of the detectors {', '.join(sorted(names))}, got "
                f"{name!r}"
            )
        if not 0 <= seconds < float("inf"):
            raise ValueError(
                f"expected the seconds of {name}'s second stage for one image, 0 or more, got "
                f"{seconds}"
            )
    return dict(gate)
