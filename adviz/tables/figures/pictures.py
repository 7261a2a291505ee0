"""Figures of images and maps: their experiments are predicted again, for results hold no maps."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from adviz import metrics
from adviz.data import Category
from adviz.detectors import ConventionalDistillation, ReverseDistillation
from adviz.plots import Picture, overlay, picture_groups, shared_limits
from adviz.prediction import Prediction
from adviz.sweep import DEMO, SHANGHAITECH, Experiment, ExperimentResult, listed
from adviz.tables.paper_values import TableName
from adviz.tables.setting import MVTEC, PHOTOGRAPHS

if TYPE_CHECKING:
    from adviz.plots import StaticFigure

Predict = Callable[[Experiment], tuple[Category, Prediction]]
MAX_GROUPS = 60  # errors on a page
# Categories of reverse distillation's Figs 6 and 7
LARGE = ("metal_nut", "transistor", "hazelnut")
SMALL = ("carpet", "tile", "wood", "cable", "pill", "toothbrush", "screw")
NUT = "hazelnut"  # SPADE's Fig. 2
# SPADE's Fig. 3, and what stands for it among the built-in categories
OBJECT_AND_TEXTURE = ("cable", "grid")
BUILT_IN_PAIR = ("transistor", "mesh")
N_CATEGORIES = 4  # of SPADE's Fig. 1, birds and flowers first
GOOD_PIXELS = 0.99  # of good test images, so many are below what is shown as detected
RELATIVE = "map / threshold"
WITHOUT_MASKS = (
    "; of birds and flowers, which have no masks, map ≥ 99 % of the pixels of good test images. "
    "Which class of them is normal is our choice"
)


class Predicted(NamedTuple):
    """A category's images with their prediction and the F1-optimal threshold of the scores."""

    result: ExperimentResult
    category: Category
    prediction: Prediction
    threshold: float


def false_positives(
    name: TableName, results: list[ExperimentResult], predict: Predict
) -> StaticFigure:
    """Draw the false positives at the F1-optimal threshold (Fig. S1)."""
    return _errors(name, results, predict, 0, "there is no false alarm")


def false_negatives(
    name: TableName, results: list[ExperimentResult], predict: Predict
) -> StaticFigure:
    """Draw the false negatives at the F1-optimal threshold (Fig. S2)."""
    return _errors(name, results, predict, 1, "no anomalous image is missed")


def largest(name: TableName, results: list[ExperimentResult], predict: Predict) -> StaticFigure:
    """Draw the image with the largest defect of each category (RD, Fig. 6)."""
    return _by_size(name, _in_categories(results, LARGE), predict, -1)


def smallest(name: TableName, results: list[ExperimentResult], predict: Predict) -> StaticFigure:
    """Draw the image with the smallest defect of each category (RD, Fig. 7)."""
    return _by_size(name, _in_categories(results, SMALL), predict, 0)


def retrieved(name: TableName, results: list[ExperimentResult], predict: Predict) -> StaticFigure:
    """Draw anomalous images with the nearest normal image and what is detected (SPADE, Fig. 1)."""
    photographs = [result for result in results if result.experiment.data in PHOTOGRAPHS]
    others = [result for result in results if result not in photographs]
    return _retrieved(name, [*photographs, *others][:N_CATEGORIES], predict)


def one_retrieved(
    name: TableName, results: list[ExperimentResult], predict: Predict
) -> StaticFigure:
    """Draw one anomalous image with its neighbour and what is detected (SPADE, Fig. 2)."""
    return _retrieved(name, _in_categories(results, (NUT,))[:1], predict)


def on_scene(name: TableName, results: list[ExperimentResult], predict: Predict) -> StaticFigure:
    """Draw an object, a texture and a scene with what is detected (SPADE, Fig. 3)."""
    scenes = [result for result in results if result.experiment.data in SHANGHAITECH]
    others = [result for result in results if result not in scenes]
    names = OBJECT_AND_TEXTURE if on_mvtec(others) else BUILT_IN_PAIR
    pair = [one for each in names for one in others if one.experiment.category == each]
    return _retrieved(name, [*(pair or others[:2]), *scenes], predict)


def over_images(name: TableName, results: list[ExperimentResult], predict: Predict) -> StaticFigure:
    """Draw an anomalous image of each category, tinted by its map (PatchCore, Fig. 1)."""
    chosen = []
    for result in results:
        predicted = _predicted(result, predict)
        if _is_anomalous(result).any():
            chosen.append((predicted, _middle(result)))
    if not chosen:
        return _empty(name, "no anomalous image")
    groups = []
    for predicted, image in chosen:
        usual = _good_pixels(predicted)
        scores = _map(predicted, image)
        # A map that is not above what is usual stays grey
        limits = (usual, max(float(scores.max()), 1.1 * usual))
        tinted = overlay(predicted.category.test.image(image), scores, limits=limits)
        groups.append([Picture(tinted, truth=_mask(predicted, image))])
    captions = [_caption(predicted, image).replace(": ", "\n", 1) for predicted, image in chosen]
    return picture_groups(
        groups,
        ("",),
        captions,
        per_row=3 if len(groups) <= 6 else 5,
        title=f"{name}: {name.title}",
        note=(
            "Tinted from what 99 % of the pixels of good test images are below to each map's own "
            "largest value. Shown: the anomalous image with the middle score. Thresholds of scores "
            "are F1-optimal."
        ),
    )


def two_directions(
    name: TableName, results: list[ExperimentResult], predict: Predict
) -> StaticFigure:
    """Draw the maps of conventional and of reverse distillation (RD, Fig. 1)."""
    students: dict[str, dict[type, ExperimentResult]] = {}
    for result in results:
        by_class = students.setdefault(result.experiment.category, {})
        by_class[type(result.experiment.detector)] = result
    groups = []
    captions = []
    for category, by_class in students.items():
        if len(by_class) < 2 or not _is_anomalous(by_class[ReverseDistillation]).any():
            continue
        image = _middle(by_class[ReverseDistillation])
        forward = _predicted(by_class[ConventionalDistillation], predict)
        reverse = _predicted(by_class[ReverseDistillation], predict)
        shown, reverse_map = _image_and_map(reverse, image)
        groups.append([shown, Picture(values=_relative_map(forward, image)), reverse_map])
        scores = [one.result.images["scores"][image] / one.threshold for one in (forward, reverse)]
        captions.append(
            f"{category}, {reverse.result.images['defects'][image]}: score / threshold = "
            f"{scores[0]:.2f} (conventional), {scores[1]:.2f} (reverse)"
        )
    if not groups:
        return _empty(name, "no category has a result of both")
    names = ("image", "conventional map", "reverse map")
    return _with_maps(groups, names, captions, 2, f"{name}: {name.title}")


# (paper, figure) -> drawing of a result for each category
FIGURES: dict[
    tuple[str, str], Callable[[TableName, list[ExperimentResult], Predict], StaticFigure]
] = {
    ("patchcore", "1"): over_images,
    ("patchcore", "S1"): false_positives,
    ("patchcore", "S2"): false_negatives,
    ("rd", "1"): two_directions,
    ("rd", "6"): largest,
    ("rd", "7"): smallest,
    ("spade", "1"): retrieved,
    ("spade", "2"): one_retrieved,
    ("spade", "3"): on_scene,
}


def _errors(
    name: TableName, results: list[ExperimentResult], predict: Predict, label: int, no_errors: str
) -> StaticFigure:
    """Draw the images with a label that are on the wrong side of the threshold, and their maps."""
    groups: list[list[Picture]] = []
    captions: list[str] = []
    n_errors = 0
    for result in results:
        wrong = _wrong(result, label)
        n_errors += len(wrong)
        shown = wrong[: MAX_GROUPS - len(groups)]
        if not len(shown):
            continue  # no prediction in vain
        predicted = _predicted(result, predict)
        groups += [_image_and_map(predicted, int(image)) for image in shown]
        captions += [_caption(predicted, int(image)) for image in shown]
    if not groups:
        categories = [result.experiment.category for result in results]
        return _empty(name, f"{no_errors}: {listed(categories)}")
    count = str(n_errors)
    if n_errors > len(groups):
        count += f", the first {len(groups)} shown"
    title = f"{name}: {name.title} ({count})"
    return _with_maps(groups, ("image", "map"), captions, 4, title)


def _by_size(
    name: TableName, results: list[ExperimentResult], predict: Predict, position: int
) -> StaticFigure:
    """Draw a normal and an anomalous image of each category.

    Parameters
    ----------
    position: of the anomalous image in the order of defect areas; 0 = smallest, -1 = largest.
    """
    groups = []
    captions = []
    for result in results:
        predicted = _predicted(result, predict)
        anomalous = [int(image) for image in np.flatnonzero(_is_anomalous(result))]
        areas = [(_defect_area(predicted, image), image) for image in anomalous]
        ordered = sorted((area, image) for area, image in areas if area)
        if not ordered:
            continue
        area, image = ordered[position]
        normal = Picture(predicted.category.train.image(0))
        groups.append([normal, *_image_and_map(predicted, image)])
        captions.append(f"{_caption(predicted, image)}\ndefect: {100 * area:.2g} % of the image")
    if not groups:
        return _empty(name, "no defect has a mask")
    names = ("normal", "anomalous", "map")
    return _with_maps(groups, names, captions, 2, f"{name}: {name.title}")


def _with_maps(
    groups: list[list[Picture]],
    names: tuple[str, ...],
    captions: list[str],
    per_row: int,
    title: str,
) -> StaticFigure:
    """Draw groups with maps relative to their category's threshold, all on one colour range."""
    return picture_groups(
        groups,
        names,
        captions,
        per_row=per_row,
        limits=_limits([picture.values for group in groups for picture in group]),
        threshold=1.0,
        title=title,
        quantity=RELATIVE,
        note=(
            "Maps are divided by the F1-optimal threshold of their category's image scores: "
            "1 is the threshold."
        ),
    )


def _limits(relative_maps: Sequence[np.ndarray | None]) -> tuple[float, float]:
    """Return the colour range of maps relative to a threshold, 1, which is among them."""
    low, high = shared_limits(relative_maps)
    return min(low, 0.9), max(high, 1.1)


def _retrieved(name: TableName, results: list[ExperimentResult], predict: Predict) -> StaticFigure:
    """Draw a typical anomalous image of each category, its nearest normal image, and detections."""
    groups = []
    captions = []
    for result in results:
        predicted = _predicted(result, predict)
        maps = predicted.prediction.anomaly_map  # (N, H, W)
        if maps is None or not _is_anomalous(result).any():
            continue
        threshold = _pixel_threshold(predicted)
        image = _typical(result, maps >= threshold)
        # (N, 1, 1, k) of the first stage, nearest first
        nearest = int(predicted.prediction.neighbors["image"].image[image, 0, 0, 0])
        groups.append(_detection(predicted, image, nearest, maps[image] >= threshold))
        captions.append(
            f"{_caption(predicted, image)}; "
            f"neighbour: {predicted.category.train.ids[nearest]}; "
            f"detected: map ≥ {threshold:.4g}"
        )
    if not groups:
        return _empty(name, "no anomalous image")
    has_photographs = any(result.experiment.data in PHOTOGRAPHS for result in results)
    return picture_groups(
        groups,
        ("anomalous image", "nearest normal image", "detected mask", "detected pixels"),
        captions,
        per_row=1,
        title=f"{name}: {name.title}",
        note=(
            "Detected: map ≥ the threshold with the best F1 over all pixels of the category"
            f"{WITHOUT_MASKS if has_photographs else ''}. "
            "Shown: the image with the middle score among those in which something is detected. "
            "Scores are of images, their threshold is F1-optimal."
        ),
    )


def _detection(
    predicted: Predicted, image: int, nearest: int, detected: np.ndarray
) -> list[Picture]:
    """Return an image, the nearest normal one, and its detected pixels as a mask and alone.

    Parameters
    ----------
    detected: (H, W) bool.
    """
    pixels = predicted.category.test.image(image)  # (H, W, 3)
    mask = np.repeat(detected[..., None] * np.uint8(255), 3, axis=2)
    return [
        Picture(pixels, truth=_mask(predicted, image)),
        Picture(predicted.category.train.image(nearest)),
        Picture(mask),
        Picture(np.where(detected[..., None], pixels, np.uint8(255))),
    ]


def _in_categories(
    results: list[ExperimentResult], categories: tuple[str, ...]
) -> list[ExperimentResult]:
    """Return the results of the paper's categories; on other data all of them."""
    # The paper's categories mean nothing on data that only share a name with them
    of_paper = [result for result in results if result.experiment.category in categories]
    return of_paper if of_paper and on_mvtec(results) else results


def on_mvtec(results: list[ExperimentResult]) -> bool:
    """Return whether results are of categories of MVTec AD."""
    return any(
        result.experiment.data != DEMO and result.experiment.category in MVTEC for result in results
    )


def _predicted(result: ExperimentResult, predict: Predict) -> Predicted:
    category, prediction = predict(result.experiment)
    if list(category.test.ids) != list(result.images["ids"]):
        raise ValueError(
            f"expected the test images of {result.experiment!r}, got others: have the data changed?"
        )
    return Predicted(result, category, prediction, result.metrics["threshold_f1"])


def _wrong(result: ExperimentResult, label: int) -> np.ndarray:
    """Return the images with this label on the wrong side, the most certain error first."""
    # (N,) each
    scores = np.array(result.images["scores"])
    labels = np.array(result.images["labels"])
    # `>=`, as `metrics.f1_threshold` counts
    is_predicted_anomalous = scores >= result.metrics["threshold_f1"]
    wrong = np.flatnonzero((labels == label) & (is_predicted_anomalous != bool(label)))
    order = np.argsort(scores[wrong], kind="stable")
    return wrong[order if label else order[::-1]]


def _is_anomalous(result: ExperimentResult) -> np.ndarray:
    return np.asarray(np.array(result.images["labels"]) == 1)


def _defect_area(predicted: Predicted, image: int) -> float:
    """Return the fraction of an image that is defect, 0 without a mask."""
    mask = _mask(predicted, image)
    return 0.0 if mask is None else float(mask.mean())


def _image_and_map(predicted: Predicted, image: int) -> list[Picture]:
    """Return an image with its ground truth, and its map divided by the threshold."""
    pixels = predicted.category.test.image(image)
    relative_map = _relative_map(predicted, image)
    return [Picture(pixels, truth=_mask(predicted, image)), Picture(values=relative_map)]


def _relative_map(predicted: Predicted, image: int) -> np.ndarray:
    """Return an image's (H, W) map divided by the threshold."""
    return np.asarray(_map(predicted, image) / predicted.threshold)


def _map(predicted: Predicted, images: int | np.ndarray) -> np.ndarray:
    """Return the map of an image, (H, W), or of several."""
    if predicted.prediction.anomaly_map is None:
        raise ValueError(f"expected a detector with maps, got {predicted.result.experiment!r}")
    return np.asarray(predicted.prediction.anomaly_map[images])


def _mask(predicted: Predicted, image: int) -> np.ndarray | None:
    test = predicted.category.test
    return test.mask(image) if test.has_masks else None


def _caption(predicted: Predicted, image: int) -> str:
    images = predicted.result.images
    relative = images["scores"][image] / predicted.threshold
    caption = (
        f"{predicted.result.experiment.category}, {images['defects'][image]}: "
        f"score / threshold = {relative:.2f}"
    )
    mask = _mask(predicted, image)
    if images["labels"][image] == 1 and mask is not None and not mask.any():
        caption += "; no defect is left in the crop"
    return caption


def _middle(result: ExperimentResult) -> int:
    """Return the anomalous image with the middle score."""
    return _typical(result, np.full((len(result.images["scores"]), 1, 1), True))


def _typical(result: ExperimentResult, detected: np.ndarray) -> int:
    """Return the anomalous image with the middle score.

    Parameters
    ----------
    detected: (N, H, W) bool; images in which nothing is detected are passed over, unless that is
        all of them.
    """
    scores = np.array(result.images["scores"])
    anomalous = np.flatnonzero(_is_anomalous(result) & detected.any((1, 2)))
    if not len(anomalous):
        anomalous = np.flatnonzero(_is_anomalous(result))
    # The upper of two middle ones
    order = np.argsort(scores[anomalous])
    return int(anomalous[order[len(anomalous) // 2]])


def _pixel_threshold(predicted: Predicted) -> float:
    """Return the threshold with the best F1 over all pixels; without masks a normal quantile."""
    test = predicted.category.test
    maps = predicted.prediction.anomaly_map  # (N, H, W)
    if maps is None:
        return predicted.threshold
    if not test.has_masks:
        return _good_pixels(predicted)
    known = test.known_pixels  # (N,) bool, images whose pixels are labelled
    masks = test.subset(known).masks_array()
    return float(metrics.f1_threshold(maps[known].ravel(), masks.ravel()).threshold)


def _good_pixels(predicted: Predicted) -> float:
    """Return what most pixels of the good test images' maps are below."""
    good = np.flatnonzero(predicted.category.test.labels == 0)
    return float(np.quantile(_map(predicted, good), GOOD_PIXELS))


def _empty(name: TableName, remark: str) -> StaticFigure:
    from adviz.plots import style

    figure, axes = style.static_chart(f"{name}: {name.title}", "", "", label="nothing", height=1.6)
    axes.set_axis_off()
    style.say(axes, remark)
    return figure


def first_of_each(results: Iterable[ExperimentResult]) -> list[ExperimentResult]:
    """Return one result for each category and detector: that of the lowest seed."""
    first: dict[tuple[str, type], ExperimentResult] = {}
    for result in sorted(results, key=lambda result: result.experiment.seed):
        key = (result.experiment.category, type(result.experiment.detector))
        first.setdefault(key, result)
    return list(first.values())
