"""What a report holds, as texts and pictures, before it becomes a page."""

from __future__ import annotations

import datetime
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from adviz import plots
from adviz.data import Category, Split
from adviz.evaluation import Result, Shown, Threshold, evaluate
from adviz.explore import Outcome, address, first_threshold, outcome, outlined, theme, wrong
from adviz.plots import CURVE_KINDS, style
from adviz.prediction import Prediction
from adviz.sweep import surroundings

KINDS = {-1: "unlabelled", 0: "good", 1: "anomalous"}
UNDEFINED = "-"
# The table of thresholds has those that are used
AT_BEST_F1 = ("threshold", "false positives", "false negatives")
# A ratio of width to height from which the two pictures of an image stand one below the other
FLAT = 1.5
STRIP = 7.6  # inches: a page of 600 pixels then shrinks its letters little
SCALE_STEPS = 9  # colours of a printed scale
DEFINITIONS = {
    "image AUROC": "how often an anomalous image scores above a good one; 0.5 is chance, 1 is perfect",
    "image AP": "average precision: the area under the precision-recall curve of the images",
    "pixel AUROC": "as image AUROC, for the pixels of all images; mostly high, as most pixels are plainly good",
    "pixel AP": "average precision of the pixels; stricter than pixel AUROC where defects are small",
    "PRO": "mean fraction of each defect region found, averaged over false positive rates of the pixels up to a limit",
    "best F1": "the highest harmonic mean of precision and recall that any threshold reaches on these images",
    "errors at full recall": "good images predicted anomalous at the highest threshold without a miss",
}


@dataclass(frozen=True)
class Shot:
    """An image of the gallery: what it is, its score, and its pictures as addresses of themselves."""

    name: str
    defect: str
    score: str
    image: str
    overlay: str


@dataclass(frozen=True)
class Gallery:
    """Some images of one kind; `total` says how many there are."""

    title: str
    total: int
    shots: tuple[Shot, ...]


@dataclass(frozen=True)
class Chapter:
    """What the report says of one detector."""

    name: str
    verdict: str
    line: str
    rule: str
    caveat: str
    costs: tuple[str, ...]
    strip: str
    scale: tuple[str, str, str] | None
    galleries: tuple[Gallery, ...]


@dataclass(frozen=True)
class Contents:
    """All of a report; pictures are addresses of themselves, and charts are drawings in SVG."""

    category: str
    images: str
    date: str
    metrics: Mapping[str, Sequence[str]]
    reasons: Sequence[str]
    left_out: Sequence[str]
    definitions: Mapping[str, str]
    curves: str
    chapters: Sequence[Chapter]
    scores: Sequence[tuple[str, str, Sequence[tuple[str, bool]]]]
    configuration: Mapping[str, str]
    padded: bool
    flat: bool


def collected(
    category: Category,
    predictions: Mapping[str, Prediction],
    lines: Mapping[str, Threshold | float],
    configuration: Mapping[str, object],
    pictures: int,
) -> Contents:
    """Measure and draw; arguments as for `adviz.report`."""
    split = category.test
    height, width = split.image_size
    results = {name: evaluate(prediction, split) for name, prediction in predictions.items()}
    chosen = {
        name: _line(lines.get(name), prediction, split) for name, prediction in predictions.items()
    }
    shown = {name: result.shown() for name, result in results.items()}
    rows = [row.name for row in next(iter(shown.values())) if row.name not in AT_BEST_F1]
    printed = [row for found in shown.values() for row in found if row.name in rows]
    return Contents(
        category=category.name,
        images=_counted(category),
        date=datetime.date.today().isoformat(),
        metrics={"": list(predictions)}
        | {row: [_of(row, shown[name]) for name in predictions] for row in rows},
        reasons=_reasons([row for row in printed if row.undefined]),
        left_out=_reasons([row for row in printed if not row.undefined]),
        definitions={
            name: text
            for name, text in DEFINITIONS.items()
            if any(row.startswith(name) for row in rows)
        },
        curves=_curves(results),
        chapters=[
            _chapter(name, predictions[name], *chosen[name], split, pictures)
            for name in predictions
        ],
        scores=_scores(split, predictions, {name: line for name, (line, _, _) in chosen.items()}),
        configuration=_configuration(category, predictions, configuration),
        padded=split.geometry.aspect == "letterbox",
        flat=width >= FLAT * height,
    )


def _line(
    given: Threshold | float | None, prediction: Prediction, split: Split
) -> tuple[float, str, str]:
    """Return a threshold, the rule it was set by, and what to be careful with."""
    if isinstance(given, Threshold):
        given.flag(prediction)  # refuses the prediction of another detector
        rule = given.rule if given.rate is None else f"{given.rule} {given.rate:g}"
        where = f"set on {given.n_good} good and {given.n_anomalous} anomalous images"
        caveats = [
            "set on these test images themselves, so that its errors are optimistic"
            if given.on_test
            else "",
            "set on training images, which the detector knows and scores too low"
            if given.on_train
            else "",
        ]
        return given.value, f"{rule}, {where}", "; ".join(filter(None, caveats))
    if given is not None:
        if not np.isfinite(given):
            raise ValueError(f"expected finite thresholds, got {given}")
        return float(given), "given as a number", ""
    value, rule = first_threshold(prediction.score, split.labels)
    return value, rule, "set on these test images themselves, so that its errors are optimistic"


def _of(row: str, shown: Sequence[Shown]) -> str:
    found = next(one for one in shown if one.name == row)
    return UNDEFINED if found.undefined else found.text


def _reasons(shown: Sequence[Shown]) -> list[str]:
    """Return the names of the metrics that have a reason, for each reason once."""
    names: dict[str, dict[str, None]] = {}
    for row in shown:
        if row.reason:
            names.setdefault(row.reason, {})[row.name] = None
    return [f"{', '.join(metrics)} ({reason})" for reason, metrics in names.items()]


def _counted(category: Category) -> str:
    test = Counter(KINDS[int(label)] for label in category.test.labels)
    parts = ", ".join(
        f"{test[kind]} {kind}" for kind in ("good", "anomalous", "unlabelled") if test[kind]
    )
    return f"{len(category.train)} good images to learn from; tested on {parts}"


def _curves(results: Mapping[str, Result]) -> str:
    """Return a drawing for each kind of curve, which a narrow page sets below each other, "" where none is defined."""
    areas = {"roc": "image_auroc", "precision_recall": "image_ap", "pro": "pro"}
    drawn = []
    for key, area in areas.items():
        curves = {
            name: result.curves[key] for name, result in results.items() if key in result.curves
        }
        values = {name: getattr(results[name], area) for name in curves}
        if curves:
            figure = plots.curves_static({key: curves}, areas={key: values})
            drawn.append(theme.svg(figure, text=f"{CURVE_KINDS[key][0]} curves of all detectors"))
    return "".join(drawn)


def _chapter(
    name: str,
    prediction: Prediction,
    line: float,
    rule: str,
    caveat: str,
    split: Split,
    pictures: int,
) -> Chapter:
    found = outcome(prediction.score, split.labels, line)
    limits = None if prediction.anomaly_map is None else plots.shared_limits(prediction.unpadded())
    errors = wrong(prediction.score, split.labels, line)
    highest = np.argsort(-np.asarray(prediction.score, np.float64), kind="stable")
    strip = plots.score_strip_static(prediction.score, split.defects, threshold=line, width=STRIP)
    kinds = {
        "missed: anomalous, predicted good": errors.false_negatives,
        "false alarms: good, predicted anomalous": errors.false_positives,
        "unlabelled, predicted anomalous": errors.unlabelled,
        "highest scores": highest,
    }
    return Chapter(
        name=name,
        verdict=_verdict(name, found),
        line=style.number(line),
        rule=rule,
        caveat=caveat,
        costs=_costs(found),
        strip=theme.svg(
            strip, text=f"{name}: scores of all test images by kind of defect, the threshold dashed"
        ),
        scale=None
        if limits is None
        else (style.number(limits[0]), style.number(limits[1]), _gradient()),
        galleries=tuple(
            Gallery(
                kind,
                len(images),
                tuple(_shot(prediction, split, int(i), limits) for i in images[:pictures]),
            )
            for kind, images in kinds.items()
            if len(images)
        ),
    )


def _verdict(name: str, found: Outcome) -> str:
    """Say in one sentence what the threshold does."""
    counts = (
        (found.true_positives, found.true_positives + found.false_negatives, "anomalous"),
        (found.false_positives, found.false_positives + found.true_negatives, "good"),
        (
            found.unlabelled_flagged,
            found.unlabelled_flagged + found.unlabelled_passed,
            "unlabelled",
        ),
    )
    parts = [f"{flagged} of {whole} {kind}" for flagged, whole, kind in counts if whole]
    return f"{name} predicts {' and '.join(parts)} images as anomalous."


def _costs(found: Outcome) -> tuple[str, ...]:
    """Return false positives and negatives, precision and recall; what is undefined is a dash."""
    ratios = (
        UNDEFINED if np.isnan(value) else f"{value:.3f}"
        for value in (found.precision, found.recall, found.f1)
    )
    return (str(found.false_positives), str(found.false_negatives), *ratios)


def _gradient() -> str:
    stops = plots.heat(np.linspace(0, 1, SCALE_STEPS), (0, 1)).tolist()
    return ", ".join(f"rgb{tuple(colour)}" for colour in stops)


def _shot(
    prediction: Prediction, split: Split, index: int, limits: tuple[float, float] | None
) -> Shot:
    sample = split[index]
    drawn = ""
    if prediction.anomaly_map is not None and limits is not None:
        drawn = address(plots.overlay(sample.image, prediction.anomaly_map[index], limits=limits))
    return Shot(
        name=split.ids[index],
        defect=split.defects[index],
        score=style.number(float(prediction.score[index])),
        image=address(outlined(sample.image, sample.mask)),
        overlay=drawn,
    )


def _scores(
    split: Split, predictions: Mapping[str, Prediction], lines: Mapping[str, float]
) -> list[tuple[str, str, list[tuple[str, bool]]]]:
    """Return name, defect and (score, whether flagged) by each detector, of every image, the first's highest first."""
    first = np.asarray(next(iter(predictions.values())).score, np.float64)
    ids = split.ids
    return [
        (
            ids[index],
            split.defects[index],
            [
                (
                    style.number(float(p.score[index])),
                    bool(np.float64(p.score[index]) >= lines[name]),
                )
                for name, p in predictions.items()
            ],
        )
        for index in np.argsort(-first, kind="stable").tolist()
    ]


def _configuration(
    category: Category, predictions: Mapping[str, Prediction], more: Mapping[str, object]
) -> dict[str, str]:
    split = category.test
    backbones = {
        name: f"{p.backbone or 'unknown'} (weights {p.digest or 'unknown'})"
        for name, p in predictions.items()
    }
    facts = asdict(split.geometry) | {"resize": split.geometry.resized}
    geometry = ", ".join(f"{name}={value}" for name, value in facts.items() if value is not None)
    height, width = split.image_size
    return {
        **{name: value if isinstance(value, str) else repr(value) for name, value in more.items()},
        **{f"backbone of {name}": text for name, text in backbones.items()},
        "images": f"{height} x {width} pixels; {geometry}",
        "versions": ", ".join(
            f"{name} {version}" for name, version in surroundings(1)["versions"].items()
        ),
    }
