"""A threshold of the image score, the errors that it makes, and their tags."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np
import traitlets
from traitlets import Bool, Dict, TraitError, Unicode

from adviz import plots
from adviz.data import Category
from adviz.evaluation import Null
from adviz.explore.kit import outcomes
from adviz.explore.kit.image_explorer import ImageExplorer
from adviz.explore.kit.packing import part_key
from adviz.explore.thresholds.gating import Gating, gating
from adviz.explore.thresholds.marks import (
    Place,
    check_image,
    check_tag,
    place_of,
    read_chosen,
    write_chosen,
)
from adviz.explore.thresholds.tags import Tag
from adviz.plots import THUMBNAILS, Gallery, StaticFigure, style
from adviz.prediction import Prediction

# Kind of error -> title of its gallery
KINDS = {
    "false positive": "False alarms: good images predicted anomalous",
    "false negative": "Missed: anomalous images predicted good",
    "unlabelled": "Unlabelled images predicted anomalous: whether these are errors is unknown",
}
SIDE = 104  # pixels, about the width of a static picture
OF_ALL = ("small", "maps", "guess", "areas", "pixels")  # kinds of parts of every image
ALL = "*"  # stands for the category in the key of a threshold of all categories

Mark = tuple[str, str]  # tag and note


def thresholds(
    categories: Category | Mapping[str, Category],
    predictions: Prediction | Mapping[str, Any],
    *,
    gate: Mapping[str, float] | None = None,
    nulls: Null | Mapping[str, Any] | None = None,
) -> ThresholdsView:
    """Move the threshold of the image score, look at the errors that it makes, and tag them.

    Parameters
    ----------
    categories, predictions: as for `explore.results`.
    gate: detector's name -> seconds that its second stage takes for one image, for detectors whose
        image score decides which images are segmented (SPADE); a chart of what each value of that
        decision saves and loses is shown for them.
    nulls: as for `explore.results`.

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
    >>> view.outcome.threshold
    25.0
    """
    return ThresholdsView(categories, predictions, gate=gate, nulls=nulls)


class ThresholdsView(ImageExplorer):
    """Scores by defect type with the threshold, its confusion matrix, and galleries of errors.

    An image is predicted anomalous from the threshold on, which at first is the F1-optimal one.
    What follows from the state: `threshold`, `outcome`, `errors`, `gate`, `gating`, `tags` and
    `notes`.

    Attributes
    ----------
    pooled: whether there is one threshold for all categories, not one for each; `thresholds` holds
        it as "*/detector".
    relative: whether maps are divided by the threshold of their pixels, so that 1 is the decision.
    gates: "category/detector" -> chosen tau of the first stage; without an entry the highest that
        loses no anomalous image.
    marks: "category/detector" -> {image's index as text: [tag, note]}, a person's words; `tags` and
        `notes` are easier to read and to set.
    others: as those of `ImageExplorer`.
    """

    MODULE = "thresholds.js"
    KINDS = (*ImageExplorer.KINDS, "maps", "guess", "areas", "pixels")
    STATE = (*ImageExplorer.STATE, "pooled", "relative", "gates", "marks")

    pooled = Bool(False).tag(sync=True)
    relative = Bool(False).tag(sync=True)
    gates = Dict().tag(sync=True)
    marks = Dict().tag(sync=True)
    said = Unicode().tag(sync=True)  # what became of saving or loading tags

    def __init__(
        self,
        categories: Category | Mapping[str, Category],
        predictions: Prediction | Mapping[str, Any],
        *,
        gate: Mapping[str, float] | None = None,
        nulls: Null | Mapping[str, Any] | None = None,
    ) -> None:
        # Places of the marks that were ever here: a file that holds more is not overwritten
        self._seen: set[Place] = set()
        self._seconds = dict(gate or {})
        super().__init__(categories, predictions, nulls=nulls, options={"gate": self._seconds})
        self._check_seconds()
        self._count_skipped()

    def _count_skipped(self) -> None:
        """Tell the browser how many images a first stage gated away when it was predicted."""
        skipped = {}
        for key, (category, detector) in self._keys().items():
            prediction = self.source.predictions[category][detector]
            segmented = prediction.segmented if isinstance(prediction, Prediction) else None
            if segmented is not None and not segmented.all():
                skipped[key] = int(np.count_nonzero(~segmented))
        self.options = {**self.options, "skipped": skipped}

    def _computed(self, category: str, detector: str, prediction: Any) -> None:
        super()._computed(category, detector, prediction)
        self._count_skipped()

    def _check_seconds(self) -> None:
        names = self._all_detectors()
        for name, seconds in self._seconds.items():
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

    def _all_detectors(self) -> list[str]:
        """Return the names of the detectors of all categories."""
        names: dict[str, None] = {}
        for predictions in self.source.predictions.values():
            names.update(dict.fromkeys(predictions))
        return list(names)

    def _keys(self) -> dict[str, tuple[str, str]]:
        """Return "category/detector" -> category, detector."""
        found = self.source.predictions
        pairs = [(category, detector) for category in found for detector in found[category]]
        return {f"{category}/{detector}": (category, detector) for category, detector in pairs}

    # the threshold

    def _threshold_key(self, category: str, detector: str) -> str:
        return f"{ALL if self.pooled else category}/{detector}"

    def _first_threshold(self, category: str, detector: str) -> float:
        if self.pooled:
            return outcomes.first_threshold(*self._sharing(category, detector))[0]
        return super()._first_threshold(category, detector)

    def _judged(self, category: str, detector: str) -> tuple[np.ndarray, np.ndarray]:
        """Return the scores and labels of a category's images."""
        prediction = self.source.prediction(category, detector)
        return np.asarray(prediction.score, np.float64), self._labels(category)

    def _labels(self, category: str) -> np.ndarray:
        return self.source.categories[category].test.labels

    def _sharing(self, category: str, detector: str) -> tuple[np.ndarray, np.ndarray]:
        """Return scores and labels of all images that share a category's threshold."""
        names = self._known(detector) if self.pooled else [category]
        scores = []
        labels = []
        for name in names or [category]:
            found = self._judged(name, detector)
            scores.append(found[0])
            labels.append(found[1])
        return np.concatenate(scores), np.concatenate(labels)

    def _known(self, detector: str) -> list[str]:
        """Return the categories with a prediction by a detector."""
        known = []
        for category, predictions in self.source.predictions.items():
            if isinstance(predictions.get(detector), Prediction):
                known.append(category)
        return known

    @property
    def outcome(self) -> outcomes.Outcome:
        """What the threshold does to the images of the displayed category."""
        return outcomes.outcome(*self._judged(self.category, self.detector), self.threshold)

    # the errors

    @property
    def errors(self) -> list[dict[str, Any]]:
        """The errors of the displayed detector in all categories, as plain data.

        The worst of each kind come first. Each has kind ("false positive", "false negative" or,
        predicted anomalous without a label, "unlabelled"), category, image (index), id, defect,
        score, threshold, tag and note (a person's, may be empty) and suggestions (tags).
        """
        kinds: dict[str, list[dict[str, Any]]] = {kind: [] for kind in KINDS}
        for category in self._known(self.detector):
            line = self._threshold_of(category, self.detector)
            wrong = outcomes.wrong(*self._judged(category, self.detector), line)
            for kind, images in zip(KINDS, wrong, strict=True):
                kinds[kind] += [
                    self._error(kind, category, image, line) for image in images.tolist()
                ]
        found = []
        for errors in kinds.values():
            found += sorted(errors, key=_worst)
        return found

    def _error(self, kind: str, category: str, image: int, threshold: float) -> dict[str, Any]:
        test = self.source.categories[category].test
        tag, note = self._mark(category, self.detector, image)
        guesses = self._guess(category, image) if kind == "false negative" else []
        return {
            "kind": kind,
            "category": category,
            "image": image,
            "id": test.ids[image],
            "defect": test.defects[image],
            "score": float(self.source.prediction(category, self.detector).score[image]),
            "threshold": threshold,
            "tag": tag,
            "note": note,
            "suggestions": guesses,
        }

    def _guess(self, category: str, image: int) -> list[str]:
        """Return the tags that are suggested for a missed image."""
        key = part_key("guess", category, self.detector, image)
        return [tag for tag, _reason in self.part(key)["tags"]]

    # the gate

    @property
    def gate(self) -> float | None:
        """Score tau above which an image goes on to the second stage.

        None where the detector has none. Settable; `gates` holds what was set.
        """
        found = self.gating
        if found is None:
            return None
        return float(self.gates.get(self._key, found.start))

    @gate.setter
    def gate(self, tau: float) -> None:
        if self.detector not in self._seconds:
            raise ValueError(
                f"{self.detector} has no second stage: name it in gate={{detector: seconds per "
                f"image}}"
            )
        self.gates = {**self.gates, self._key: float(tau)}

    @property
    def gating(self) -> Gating | None:
        """What every tau saves and loses, as plain arrays.

        None where the detector has no second stage.
        """
        if self.detector not in self._seconds:
            return None
        areas = None
        if self._test.has_masks:
            areas = self.part(part_key("areas", self.category))["pixels"]
        return gating(*self._judged(self.category, self.detector), areas)

    @traitlets.validate("gates")
    def _check_gates(self, proposal: Any) -> dict[str, float]:
        for key, tau in proposal["value"].items():
            if not isinstance(tau, int | float) or not isfinite(tau):
                raise TraitError(f"gate must be a finite score, got {tau} for {key}")
        return dict(proposal["value"])

    # tags and notes

    @traitlets.validate("marks")
    def _check_marks(self, proposal: Any) -> dict[str, dict[str, list[str]]]:
        keys = self._keys()
        checked = {}
        for key, marks in proposal["value"].items():
            if key not in keys:
                raise TraitError(f"marks must be of some of {', '.join(keys)}, got {key!r}")
            kept = {}
            for image, mark in marks.items():
                if self._checked_mark(keys[key][0], image, mark) != ("", ""):
                    kept[image] = list(mark)
            if kept:
                checked[key] = kept
        return checked

    def _checked_mark(self, category: str, image: str, mark: Any) -> Mark:
        labels = self._labels(category)
        if not (image.isascii() and image.isdigit() and int(image) < len(labels)):
            raise TraitError(
                f"marks must be of images 0 to {len(labels) - 1} of {category}, got {image!r}"
            )
        texts = list(mark)
        if len(texts) != 2 or not all(isinstance(text, str) for text in texts):
            raise TraitError(f"a mark must be [tag, note], got {mark!r}")
        tag, note = texts
        name = f"{category}/{self.source.categories[category].test.ids[int(image)]}"
        try:
            check_tag(tag, int(labels[int(image)]), name)
        except ValueError as error:
            raise TraitError(str(error)) from None
        return tag, note

    @traitlets.observe("marks")
    def _remember_marks(self, _change: Any) -> None:
        self._seen.update(self._all_marks())
        self.said = ""

    def _mark(self, category: str, detector: str, image: int) -> Mark:
        tag, note = self.marks.get(f"{category}/{detector}", {}).get(str(image), ("", ""))
        return tag, note

    def _all_marks(self) -> dict[Place, Mark]:
        """Return (detector, category, image's id) -> tag and note."""
        found = {}
        keys = self._keys()
        for key, marks in self.marks.items():
            category, detector = keys[key]
            ids = self.source.categories[category].test.ids
            for image, (tag, note) in marks.items():
                found[detector, category, ids[int(image)]] = tag, note
        return found

    def _words(self, which: int) -> dict[str, str]:
        """Return tags (0) or notes (1) of the displayed detector."""
        found = {}
        for (detector, category, image), mark in self._all_marks().items():
            if detector == self.detector and mark[which]:
                found[f"{category}/{image}"] = mark[which]
        return found

    @property
    def tags(self) -> dict[str, str]:
        """A person's tags of the displayed detector: "category/image's id" -> tag.

        Setting them replaces all.
        """
        return self._words(0)

    @tags.setter
    def tags(self, tags: Mapping[str, str]) -> None:
        notes = self.notes
        self._replace({key: (tags.get(key, ""), notes.get(key, "")) for key in [*notes, *tags]})

    @property
    def notes(self) -> dict[str, str]:
        """A person's notes, by the same names; setting them replaces all and leaves the tags."""
        return self._words(1)

    @notes.setter
    def notes(self, notes: Mapping[str, str]) -> None:
        tags = self.tags
        self._replace({key: (tags.get(key, ""), notes.get(key, "")) for key in [*tags, *notes]})

    def _replace(self, named: Mapping[str, Mark]) -> None:
        """Replace tags and notes of the displayed detector; keys are "category/image's id"."""
        labels = self._labels_by_id()
        places: dict[Place, Mark] = {}
        for key, mark in named.items():
            category, image = place_of(key, labels)
            check_image(category, image, labels)
            check_tag(mark[0], labels[category][image], key)
            places[self.detector, category, image] = mark
        others = {
            place: mark for place, mark in self._all_marks().items() if place[0] != self.detector
        }
        self._keep({**others, **places})

    def _keep(self, places: Mapping[Place, Mark]) -> None:
        """Set `marks` to tags and notes by detector, category and image's id."""
        self._seen.update(places)
        marks: dict[str, dict[str, list[str]]] = {}
        for (detector, category, image), mark in places.items():
            index = self.source.categories[category].test.ids.index(image)
            marks.setdefault(f"{category}/{detector}", {})[str(index)] = list(mark)
        self.marks = marks

    def _labels_by_id(self) -> dict[str, dict[str, int]]:
        """Return category -> image's id -> label."""
        found = {}
        for name, category in self.source.categories.items():
            test = category.test
            found[name] = dict(zip(test.ids, test.labels.tolist(), strict=True))
        return found

    # the file of tags

    def save_tags(self, path: str | Path) -> None:
        """Write the tags of all detectors to a JSON file, atomically.

        Each entry has detector, category, image (id), threshold (the present one), tag, suggested
        and note. Of the false negatives of the displayed detector that nobody tagged, the first
        suggestion is written, marked as such.

        Raises
        ------
        ValueError: the file holds a person's tags that were never in this view, and would be lost.
        OSError: it cannot be written.
        """
        tags = []
        marks = self._all_marks()
        for (detector, category, image), (tag, note) in marks.items():
            line = self._threshold_of(category, detector)
            tags.append(Tag(detector, category, image, line, tag, False, note))
        for error in self.errors:
            place = self.detector, error["category"], error["id"]
            if error["suggestions"] and place not in marks:
                tags.append(Tag(*place, error["threshold"], error["suggestions"][0], True))
        write_chosen(path, tags, self._seen)

    def load_tags(self, path: str | Path) -> int:
        """Read a person's tags from a file that `save_tags` wrote, and return how many.

        The file's win over those here.

        Raises
        ------
        ValueError: no such JSON, an unknown detector, image or tag; nothing is changed then.
        OSError: there is no such file.
        """
        chosen = read_chosen(path, self._all_detectors(), self._labels_by_id())
        read = {tag.place: (tag.tag, tag.note) for tag in chosen}
        self._keep({**self._all_marks(), **read})
        return len(chosen)

    def _answer(self, widget: Any, message: Any, buffers: Any) -> None:
        """Save or load tags as the page asks for, beside what all explorers answer."""
        if "tags" in message:
            self._use_file(message["tags"], message["path"])
        super()._answer(widget, message, buffers)

    def _use_file(self, what: str, path: str) -> None:
        """Save or load tags, and say what was done."""
        try:
            if what == "load":
                text = f"{self.load_tags(path)} tags read from {path}"
            else:
                self.save_tags(path)
                text = f"{len(self._all_marks())} tags written to {path}"
        # whatever it is: the person at the screen must see it, not only a log
        except Exception as error:
            text = f"Error: {type(error).__name__}: {error}"
        self.said = text

    # pictures and files

    def static(self) -> StaticFigure:
        """Return the scores with the threshold, above the galleries of errors.

        As a matplotlib figure.
        """
        errors = self.errors
        galleries = []
        for kind, title in KINDS.items():
            chosen = [error for error in errors if error["kind"] == kind]
            if kind != "unlabelled" or chosen:
                galleries.append(self._gallery(title, chosen))
        scores, labels = self._sharing(self.category, self.detector)
        best, name = outcomes.first_threshold(scores, labels)
        marks = {name: best}
        whole = outcomes.full_recall(scores, labels)
        if isfinite(whole):
            marks["100% recall"] = whole
        line = style.number(self.threshold)
        return plots.decision_page(
            self.prediction.score,
            self._test.defects,
            galleries,
            threshold=self.threshold,
            marks=marks,
            current=self.image,
            title=f"{self.category} · {self.detector}: predicted anomalous from {line} on",
        )

    def _gallery(self, title: str, errors: list[dict[str, Any]]) -> Gallery:
        shown = errors[: 2 * THUMBNAILS]
        pictures = [self._small(error["category"], error["image"]) for error in shown]
        captions = []
        for error in shown:
            score = style.number(error["score"])
            words = error["tag"] or _guessed(error["suggestions"])
            captions.append(f"{error['category']} · {error['defect']} {score}\n{words}")
        rest = f", the first {len(shown)}" if len(shown) < len(errors) else ""
        return Gallery(f"{title} ({len(errors)}{rest})", pictures, captions)

    def _small(self, category: str, image: int) -> np.ndarray:
        """Return a small overlay of an image, on the scale of its category."""
        photo = self.source.sample(category, image).image
        step = max(1, min(photo.shape[:2]) // SIDE)
        small = np.ascontiguousarray(photo[::step, ::step])
        maps = self.source.prediction(category, self.detector).anomaly_map
        limits = self._limits_of(category, self.detector)
        if maps is None or limits is None:
            return small
        return plots.overlay(small, maps[image][::step, ::step], limits=limits)

    def export_keys(
        self,
        *,
        images: Sequence[int] | None = None,
        k: int | None = None,
        photos: bool = False,
    ) -> list[str]:
        """Return the keys of the parts that an exported page of this explorer asks for.

        The galleries show errors of all images, whatever `images` holds.
        """
        keys = super().export_keys(images=images, k=k, photos=photos)
        return list(dict.fromkeys([*keys, *self.source.keys(kinds=OF_ALL)]))


def _worst(error: Mapping[str, Any]) -> float:
    """Order errors by how far from the threshold they are, in units of it.

    Categories have scales of their own.
    """
    threshold = float(error["threshold"])
    return -abs(float(error["score"]) - threshold) / (abs(threshold) or 1.0)


def _guessed(suggestions: list[str]) -> str:
    return f"{' or '.join(suggestions)}?" if suggestions else ""
