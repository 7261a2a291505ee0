"""The texts and pictures of a report, before they become a page."""

from __future__ import annotations

import datetime
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from adviz import plots
from adviz.app.report.drawings import address, svg
from adviz.data import ANOMALOUS, GOOD, UNLABELLED, Category, Split
from adviz.evaluation import Result, Threshold, evaluate
from adviz.explore import Outcome, first_threshold, outcome, wrong
from adviz.plots import CURVE_KINDS, style
from adviz.prediction import Prediction
from adviz.sweep import surroundings

KINDS = {GOOD: "good", ANOMALOUS: "anomalous", UNLABELLED: "unlabelled"}
UNDEFINED = "—"
# Metrics at the threshold of best F1; the table of thresholds has those of the thresholds used.
AT_BEST_F1 = ("threshold", "false positives", "false negatives")
# Areas under the curves, as attributes of a result.
AREAS = {"roc": "image_auroc", "precision_recall": "image_ap", "pro": "pro"}
OPTIMISTIC = "set on these images themselves, so that its errors are optimistic"
LOW_SCORES = "set on training images, which the detector knows and scores too low"
FLAT = 1.5  # width / height from which the two pictures of an image stand one below the other
STRIP_WIDTH = 7.6  # inches: a page of 600 pixels then shrinks its letters little
SCALE_STEPS = 9  # colours of a printed scale
DEFINITIONS = {
    "image AUROC": "how often an anomalous image scores above a good one; 0.5 is chance, 1 is "
    "perfect",
    "image AP": "average precision: the area under the precision-recall curve of the images",
    "pixel AUROC": "as image AUROC, for the pixels of all images; mostly high, as most pixels are "
    "plainly good",
    "pixel AP": "average precision of the pixels; stricter than pixel AUROC where defects are "
    "small",
    "PRO": "mean fraction of each defect region found, averaged over false positive rates of the "
    "pixels up to a limit",
    "best F1": "the highest harmonic mean of precision and recall that any threshold reaches on "
    "these images",
    "false positives at 100 % recall": "good images predicted anomalous at the highest threshold "
    "that misses no anomalous image",
}


@dataclass(frozen=True)
class GalleryImage:
    """An image with its score; `image` and `overlay` are pictures as data URLs."""

    index: int
    name: str
    defect: str
    score: str
    image: str
    overlay: str


@dataclass(frozen=True)
class Gallery:
    """The first images of one kind; `total` is how many there are."""

    title: str
    total: int
    images: Sequence[GalleryImage]


@dataclass(frozen=True)
class Decision:
    """A threshold, the rule that set it, and a reason to distrust its errors, or ""."""

    threshold: float
    rule: str
    caveat: str = ""


@dataclass(frozen=True)
class Section:
    """One detector's part of the report.

    Attributes
    ----------
    verdict: a sentence on what the threshold does.
    errors: false positives and negatives, precision, recall and F1.
    strip: the scores of all images, as SVG.
    scale: lowest and highest value of the anomaly maps' colours and their gradient in CSS; None
        without maps.
    """

    name: str
    verdict: str
    decision: Decision
    threshold: str
    rule: str
    caveat: str
    errors: Sequence[str]
    strip: str
    scale: tuple[str, str, str] | None
    galleries: Sequence[Gallery]


@dataclass(frozen=True)
class Metrics:
    """A table of metrics.

    Attributes
    ----------
    table: {metric: its text for each detector}, with the detectors' names first under "".
    undefined: the reasons for metrics that are undefined, each with their names.
    incomplete: the same of metrics that leave images out.
    definitions: {beginning of a metric's name: what it means}.
    """

    table: Mapping[str, Sequence[str]]
    undefined: Sequence[str]
    incomplete: Sequence[str]
    definitions: Mapping[str, str]


@dataclass(frozen=True)
class ScoreRow:
    """The scores of one image: (text, whether predicted anomalous) of each detector."""

    index: int
    image: str
    defect: str
    scores: Sequence[tuple[str, bool]]


@dataclass(frozen=True)
class Contents:
    """All of a report.

    Attributes
    ----------
    images: how many there are of each kind, in words.
    curves: drawings in SVG, "" if no curve is defined.
    padded: whether images are padded to the size of the detectors' input.
    flat: whether the images are so wide that two do not stand side by side.
    """

    category: str
    images: str
    date: str
    metrics: Metrics
    curves: str
    sections: Sequence[Section]
    scores: Sequence[ScoreRow]
    configuration: Mapping[str, str]
    padded: bool
    flat: bool


def collect(
    category: Category,
    predictions: Mapping[str, Prediction],
    thresholds: Mapping[str, Threshold | float],
    configuration: Mapping[str, object],
    pictures: int,
) -> Contents:
    """Evaluate the predictions and draw; arguments as for `adviz.report`."""
    split = category.test
    height, width = split.image_size
    results = {}
    decisions = {}
    for name, prediction in predictions.items():
        results[name] = evaluate(prediction, split)
        decisions[name] = _decision(thresholds.get(name), prediction, split)
    sections = [
        _section(name, prediction, decisions[name], split, pictures)
        for name, prediction in predictions.items()
    ]
    return Contents(
        category=category.name,
        images=_image_counts(category),
        date=datetime.date.today().isoformat(),
        metrics=_metrics(results),
        curves=_curves(results),
        sections=sections,
        scores=_score_rows(split, predictions, decisions),
        configuration=_configuration(category, predictions, configuration),
        padded=split.geometry.aspect == "letterbox",
        flat=width >= FLAT * height,
    )


def _decision(
    threshold: Threshold | float | None, prediction: Prediction, split: Split
) -> Decision:
    """Return a threshold that was passed, or the one that these test images suggest."""
    if threshold is None:
        value, rule = first_threshold(prediction.score, split.labels)
        return Decision(value, rule, OPTIMISTIC)
    if not isinstance(threshold, Threshold):
        if not np.isfinite(threshold):
            raise ValueError(f"expected finite thresholds, got {threshold}")
        return Decision(float(threshold), "given as a number")
    threshold.is_anomalous(prediction)  # refuses the prediction of another detector
    rule = threshold.rule
    if threshold.rate is not None:
        rule += f" {threshold.rate:g}"
    rule += f", set on {threshold.n_good} good and {threshold.n_anomalous} anomalous images"
    caveats = []
    if threshold.on_test or threshold.is_set_on(split):
        caveats.append(OPTIMISTIC)
    if threshold.on_train:
        caveats.append(LOW_SCORES)
    return Decision(threshold.value, rule, "; ".join(caveats))


def _image_counts(category: Category) -> str:
    counts = Counter(category.test.labels.tolist())
    tested = [f"{counts[label]} {kind}" for label, kind in KINDS.items() if counts[label]]
    return f"{len(category.train)} good images to learn from; tested on {', '.join(tested)}"


def _metrics(results: Mapping[str, Result]) -> Metrics:
    # The first line has the detectors' names.
    table = {"": list(results)}
    # Reason -> names of metrics, which are keys to have each once.
    undefined: dict[str, dict[str, None]] = {}
    incomplete: dict[str, dict[str, None]] = {}
    for result in results.values():
        for metric in result.shown():
            if metric.name in AT_BEST_F1:
                continue
            text = UNDEFINED if metric.undefined else metric.text
            table.setdefault(metric.name, []).append(text)
            if metric.reason:
                reasons = undefined if metric.undefined else incomplete
                reasons.setdefault(metric.reason, {})[metric.name] = None
    definitions = {
        name: definition
        for name, definition in DEFINITIONS.items()
        if any(metric.startswith(name) for metric in table)
    }
    return Metrics(table, _reasons(undefined), _reasons(incomplete), definitions)


def _reasons(names_by_reason: Mapping[str, Mapping[str, None]]) -> list[str]:
    """Return "pixel AUROC, pixel AP (the test set has no masks)" for each reason."""
    return [f"{', '.join(names)} ({reason})" for reason, names in names_by_reason.items()]


def _curves(results: Mapping[str, Result]) -> str:
    """Return one drawing for each kind of curve, so that a narrow page can stack them."""
    drawings = []
    for kind, area in AREAS.items():
        curves = {}
        areas = {}
        for name, result in results.items():
            if kind in result.curves:
                curves[name] = result.curves[kind]
                areas[name] = getattr(result, area)
        if curves:
            chart = plots.curves_chart({kind: curves}, areas={kind: areas})
            text = f"{CURVE_KINDS[kind].title} curves of all detectors"
            drawings.append(svg(chart.static(), text=text))
    return "".join(drawings)


def _section(
    name: str, prediction: Prediction, decision: Decision, split: Split, pictures: int
) -> Section:
    threshold = decision.threshold
    counts = outcome(prediction.score, split.labels, threshold)
    strip = plots.score_strip_static(
        prediction.score, split.defects, threshold=threshold, width=STRIP_WIDTH
    )
    strip_text = f"{name}: scores of all test images by kind of defect, the threshold dashed"
    # One colour scale for all images of a detector.
    limits = None
    scale = None
    if prediction.anomaly_map is not None:
        limits = plots.shared_limits(prediction.unpadded())
        scale = (style.number(limits[0]), style.number(limits[1]), _gradient())
    return Section(
        name=name,
        verdict=_verdict(name, counts, decision),
        decision=decision,
        threshold=style.number(threshold),
        rule=decision.rule,
        caveat=decision.caveat,
        errors=_errors(counts),
        strip=svg(strip, text=strip_text),
        scale=scale,
        galleries=_galleries(prediction, split, threshold, limits, pictures),
    )


def _verdict(name: str, counts: Outcome, decision: Decision) -> str:
    """Return one sentence on what the threshold does, and whether other images may tell."""
    n_anomalous = counts.true_positives + counts.false_negatives
    n_good = counts.false_positives + counts.true_negatives
    n_unlabelled = counts.unlabelled_flagged + counts.unlabelled_passed
    phrases = []
    if n_anomalous:
        phrases.append(f"{counts.true_positives} of {n_anomalous} anomalous")
    if n_good:
        phrases.append(f"{counts.false_positives} of {n_good} good")
    if n_unlabelled:
        phrases.append(f"{counts.unlabelled_flagged} of {n_unlabelled} unlabelled")
    text = f"{name} predicts {' and '.join(phrases)} images as anomalous"
    if OPTIMISTIC in decision.caveat:
        text += ", by a threshold that was set on these same images: expect more errors on others"
    return f"{text}."


def _errors(counts: Outcome) -> list[str]:
    """Return false positives and negatives, precision, recall and F1."""
    texts = [str(counts.false_positives), str(counts.false_negatives)]
    for ratio in (counts.precision, counts.recall, counts.f1):
        texts.append(UNDEFINED if np.isnan(ratio) else f"{ratio:.3f}")
    return texts


def _gradient() -> str:
    """Return the colours of the anomaly maps, from low to high, in CSS."""
    colours = plots.heat(np.linspace(0, 1, SCALE_STEPS), (0, 1)).tolist()  # (steps, 3)
    return ", ".join(f"rgb{tuple(colour)}" for colour in colours)


def _galleries(
    prediction: Prediction,
    split: Split,
    threshold: float,
    limits: tuple[float, float] | None,
    pictures: int,
) -> list[Gallery]:
    errors = wrong(prediction.score, split.labels, threshold)
    highest = np.argsort(-np.asarray(prediction.score, np.float64), kind="stable")
    indices_by_title = {
        "misses: anomalous, predicted good": errors.false_negatives,
        "false alarms: good, predicted anomalous": errors.false_positives,
        "predicted anomalous, unlabelled": errors.unlabelled,
        "highest scores": highest,
    }
    galleries = []
    for title, indices in indices_by_title.items():
        if len(indices):
            images = [
                _gallery_image(prediction, split, index, limits)
                for index in indices[:pictures].tolist()
            ]
            galleries.append(Gallery(title, len(indices), images))
    return galleries


def _gallery_image(
    prediction: Prediction, split: Split, index: int, limits: tuple[float, float] | None
) -> GalleryImage:
    sample = split[index]
    shown = sample.image if sample.mask is None else plots.outlined(sample.image, sample.mask)
    overlay = ""
    if prediction.anomaly_map is not None and limits is not None:
        anomaly_map = prediction.anomaly_map[index]
        overlay = address(plots.overlay(sample.image, anomaly_map, limits=limits))
    return GalleryImage(
        index=index,
        name=split.ids[index],
        defect=split.defects[index],
        score=style.number(float(prediction.score[index])),
        image=address(shown),
        overlay=overlay,
    )


def _score_rows(
    split: Split, predictions: Mapping[str, Prediction], decisions: Mapping[str, Decision]
) -> list[ScoreRow]:
    """Return the scores of every image, the highest of the first detector first."""
    # Sorted as float64, in which thresholds are compared as well.
    first = next(iter(predictions.values()))
    order = np.argsort(-np.asarray(first.score, np.float64), kind="stable")
    ids = split.ids
    rows = []
    for index in order.tolist():
        scores = []
        for name, prediction in predictions.items():
            score = float(prediction.score[index])
            scores.append((style.number(score), score >= decisions[name].threshold))
        rows.append(ScoreRow(index, ids[index], split.defects[index], scores))
    return rows


def _configuration(
    category: Category, predictions: Mapping[str, Prediction], more: Mapping[str, object]
) -> dict[str, str]:
    """Return what made the numbers: what the user passed, backbones, geometry, versions."""
    texts = {}
    for name, value in more.items():
        texts[name] = value if isinstance(value, str) else repr(value)
    for name, prediction in predictions.items():
        backbone = prediction.backbone or "unknown"
        digest = prediction.digest or "unknown"
        texts[f"backbone of {name}"] = f"{backbone} (weights {digest})"
    split = category.test
    height, width = split.image_size
    # `resize` may be left open by the user; what it comes to is printed.
    options = asdict(split.geometry) | {"resize": split.geometry.resized}
    geometry = [f"{name}={value}" for name, value in options.items() if value is not None]
    texts["images"] = f"{height} x {width} pixels; {', '.join(geometry)}"
    versions = surroundings(1)["versions"]
    texts["versions"] = ", ".join(f"{name} {version}" for name, version in versions.items())
    return texts
