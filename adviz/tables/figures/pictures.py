"""Figures of images and maps: the experiments are done again, for rows hold none."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from adviz import metrics
from adviz.data import Category
from adviz.plots import Picture, picture_groups, shared_limits
from adviz.prediction import Prediction
from adviz.sweep import Experiment, ExperimentResult, listed
from adviz.tables.figures.plans import FigurePlan
from adviz.tables.setting import MVTEC

if TYPE_CHECKING:
    from adviz.plots import StaticFigure

Predict = Callable[[Experiment], tuple[Category, Prediction]]
MOST = 60  # errors on a page
LARGE, SMALL = (
    ("metal_nut", "transistor", "hazelnut"),
    ("carpet", "tile", "wood", "cable", "pill", "toothbrush", "screw"),
)
NUT = "hazelnut"  # SPADE's Fig. 2
SHOWN = 4  # categories of SPADE's Fig. 1, whose data sets are others
RELATIVE = "map / threshold"


class Found(NamedTuple):
    """A category's images, what was found in them, and the F1-optimal threshold of the image scores."""

    row: ExperimentResult
    category: Category
    prediction: Prediction
    threshold: float


def false_positives(
    plan: FigurePlan, rows: list[ExperimentResult], predict: Predict
) -> StaticFigure:
    """Draw the good images that are flagged at the F1-optimal threshold (Fig. S1)."""
    return _errors(plan, rows, predict, 0, "no good image is flagged")


def false_negatives(
    plan: FigurePlan, rows: list[ExperimentResult], predict: Predict
) -> StaticFigure:
    """Draw the anomalous images that are not flagged at the F1-optimal threshold (Fig. S2)."""
    return _errors(plan, rows, predict, 1, "no anomalous image is missed")


def largest(plan: FigurePlan, rows: list[ExperimentResult], predict: Predict) -> StaticFigure:
    """Draw the image with the largest defect of each category (RD, Fig. 6)."""
    return _by_size(plan, rows, predict, LARGE, -1)


def smallest(plan: FigurePlan, rows: list[ExperimentResult], predict: Predict) -> StaticFigure:
    """Draw the image with the smallest defect of each category (RD, Fig. 7)."""
    return _by_size(plan, rows, predict, SMALL, 0)


def retrieved(plan: FigurePlan, rows: list[ExperimentResult], predict: Predict) -> StaticFigure:
    """Draw an anomalous image of some categories with its neighbour and what was detected (SPADE, Fig. 1)."""
    return _retrieved(plan, _chosen(rows, ())[:SHOWN], predict)


def one_retrieved(plan: FigurePlan, rows: list[ExperimentResult], predict: Predict) -> StaticFigure:
    """Draw one anomalous image with its neighbour and what was detected (SPADE, Fig. 2)."""
    return _retrieved(plan, _chosen(rows, (NUT,))[:1], predict)


def _errors(
    plan: FigurePlan, rows: list[ExperimentResult], predict: Predict, label: int, none: str
) -> StaticFigure:
    groups: list[list[Picture]] = []
    captions: list[str] = []
    count = 0
    for row in rows:
        wrong = _wrong(row, label)
        count += len(wrong)
        if not len(wrong) or len(groups) >= MOST:
            continue
        found = _found(row, predict)
        for image in wrong[: MOST - len(groups)]:
            groups.append(_pair(found, int(image)))
            captions.append(_caption(found, int(image)))
    if not groups:
        names = [row.experiment.category for row in rows]
        return _empty(plan, f"{none}: {listed(names)}")
    left = f", the first {len(groups)} shown" if count > len(groups) else ""
    title = f"{plan.name}: {plan.name.title} ({count}{left})"
    return _with_maps(groups, ("image", "map"), captions, 4, title)


def _by_size(
    plan: FigurePlan,
    rows: list[ExperimentResult],
    predict: Predict,
    wanted: tuple[str, ...],
    place: int,
) -> StaticFigure:
    groups, captions = [], []
    for row in _chosen(rows, wanted):
        found = _found(row, predict)
        areas = {int(image): _area(found, int(image)) for image in np.flatnonzero(_truth(found))}
        order = sorted((area, image) for image, area in areas.items() if area)
        if not order:
            continue
        area, image = order[place]
        normal = Picture(found.category.train.image(0))
        groups.append([normal, *_pair(found, image)])
        captions.append(f"{_caption(found, image)}\ndefect: {100 * area:.2g} % of the image")
    if not groups:
        return _empty(plan, "no defect has a mask")
    return _with_maps(
        groups, ("normal", "anomalous", "map"), captions, 2, f"{plan.name}: {plan.name.title}"
    )


def _with_maps(
    groups: list[list[Picture]],
    names: tuple[str, ...],
    captions: list[str],
    per_row: int,
    title: str,
) -> StaticFigure:
    """Draw groups with maps that are divided by their category's threshold, on one scale that holds the threshold."""
    low, high = shared_limits([picture.values for group in groups for picture in group])
    note = "Maps are divided by the F1-optimal threshold of their category's image scores: 1 is where an image is flagged."
    return picture_groups(
        groups, names, captions, per_row=per_row, limits=(min(low, 0.9), max(high, 1.1)), threshold=1.0, title=title,
        quantity=RELATIVE, note=note,
    )  # fmt: skip


def _retrieved(plan: FigurePlan, rows: list[ExperimentResult], predict: Predict) -> StaticFigure:
    groups, captions = [], []
    for row in rows:
        found = _found(row, predict)
        maps, level = found.prediction.anomaly_map, _pixel_threshold(found)
        image = None if maps is None else _typical(found, maps >= level)
        if maps is None or image is None:
            continue
        test, detected = found.category.test, maps[image] >= level
        nearest = int(found.prediction.neighbors["image"].image[image, 0, 0, 0])
        picture = test.image(image)
        mask = np.repeat(detected[..., None] * np.uint8(255), 3, axis=2)
        only = np.where(detected[..., None], picture, np.uint8(255))
        groups.append([
            Picture(picture, truth=_mask(found, image)), Picture(found.category.train.image(nearest)), Picture(mask),
            Picture(only),
        ])  # fmt: skip
        neighbor = found.category.train.ids[nearest]
        captions.append(
            f"{_caption(found, image)}; neighbour: {neighbor}; detected: map ≥ {level:.4g}"
        )
    if not groups:
        return _empty(plan, "no anomalous image")
    names = ("anomalous image", "nearest normal image", "detected mask", "detected pixels")
    note = (
        "Detected: map ≥ the threshold with the best F1 over all pixels of the category. Shown: the image with the "
        "middle score among those in which something is detected. Scores are of images, their threshold is F1-optimal."
    )
    return picture_groups(
        groups, names, captions, per_row=1, title=f"{plan.name}: {plan.name.title}", note=note
    )


def _chosen(rows: list[ExperimentResult], wanted: tuple[str, ...]) -> list[ExperimentResult]:
    """Return the rows of the paper's categories; on other data all of them."""
    there = [row for row in rows if row.experiment.category in wanted]
    on_mvtec = any(
        row.experiment.data != "demo" and row.experiment.category in MVTEC for row in rows
    )
    return there if there and on_mvtec else rows


def _found(row: ExperimentResult, predict: Predict) -> Found:
    category, prediction = predict(row.experiment)
    if list(category.test.ids) != list(row.images["ids"]):
        raise ValueError(
            f"expected the test images of {row.experiment!r}, got others: have the data changed?"
        )
    return Found(row, category, prediction, row.metrics["threshold_f1"])


def _wrong(row: ExperimentResult, label: int) -> np.ndarray:
    """Return the images with this label on the wrong side, the most certain error first."""
    scores, labels = np.array(row.images["scores"]), np.array(row.images["labels"])
    flagged = scores >= row.metrics["threshold_f1"]
    wrong = np.flatnonzero((labels == label) & (flagged != bool(label)))
    order = np.argsort(scores[wrong], kind="stable")
    return wrong[order if label else order[::-1]]


def _truth(found: Found) -> np.ndarray:
    return np.asarray(np.array(found.row.images["labels"]) == 1)


def _area(found: Found, image: int) -> float:
    """Return the share of an image that is defect, 0 without a mask."""
    mask = _mask(found, image)
    return 0.0 if mask is None else float(mask.mean())


def _pair(found: Found, image: int) -> list[Picture]:
    """Return an image with its ground truth, and its map divided by the threshold."""
    if found.prediction.anomaly_map is None:
        raise ValueError(f"expected a detector with maps, got {found.row.experiment!r}")
    shown = Picture(found.category.test.image(image), truth=_mask(found, image))
    return [shown, Picture(values=found.prediction.anomaly_map[image] / found.threshold)]


def _mask(found: Found, image: int) -> np.ndarray | None:
    return found.category.test.mask(image) if found.category.test.has_masks else None


def _caption(found: Found, image: int) -> str:
    images, name = found.row.images, found.row.experiment.category
    text = f"{name}, {images['defects'][image]}: score / threshold = {images['scores'][image] / found.threshold:.2f}"
    mask = _mask(found, image)
    gone = images["labels"][image] == 1 and mask is not None and not mask.any()
    return text + ("; no defect is left in the crop" if gone else "")


def _typical(found: Found, detected: np.ndarray) -> int | None:
    """Return the anomalous image with the middle score, of those in which something is detected if there are some."""
    scores = np.array(found.row.images["scores"])
    anomalous = np.flatnonzero(_truth(found) & detected.any((1, 2)))
    anomalous = anomalous if len(anomalous) else np.flatnonzero(_truth(found))
    return (
        int(anomalous[np.argsort(scores[anomalous])[len(anomalous) // 2]])
        if len(anomalous)
        else None
    )


def _pixel_threshold(found: Found) -> float:
    """Return the threshold with the best F1 over all pixels; without masks that of the images."""
    test, maps = found.category.test, found.prediction.anomaly_map
    if maps is None or not test.has_masks:
        return found.threshold
    known = test.known_pixels
    return float(
        metrics.f1_threshold(
            maps[known].ravel(), test.subset(known).masks_array().ravel()
        ).threshold
    )


def _empty(plan: FigurePlan, remark: str) -> StaticFigure:
    from adviz.plots import style

    figure, axes = style.static_chart(
        f"{plan.name}: {plan.name.title}", "", "", label="nothing", height=1.6
    )
    axes.set_axis_off()
    style.say(axes, remark)
    return figure


def first_of_each(rows: Iterable[ExperimentResult]) -> list[ExperimentResult]:
    """Return one row for each category: that of the lowest seed."""
    found: dict[str, ExperimentResult] = {}
    for row in sorted(rows, key=lambda one: one.experiment.seed):
        found.setdefault(row.experiment.category, row)
    return list(found.values())
