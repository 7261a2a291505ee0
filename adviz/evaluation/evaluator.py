"""`evaluate`: a prediction, compared with the labels and masks of its images."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, cast

import numpy as np

from adviz import metrics
from adviz.data import checked_size, height_and_width
from adviz.evaluation.inputs import LabelledImages, check_inputs, labelled, prediction_of
from adviz.evaluation.result import Result
from adviz.metrics import Curve, checked_definition, checked_limit

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from adviz.data import Split
    from adviz.prediction import Prediction

PIXEL_METRICS = ("pixel_auroc", "pixel_ap", "pro")


class LabelledSplit(LabelledImages, Protocol):
    """What `evaluate` needs of a split, such as `adviz.data.Split`."""

    @property
    def image_size(self) -> tuple[int, int]:
        """H, W after resize and crop."""

    @property
    def has_masks(self) -> bool:
        """Whether there are pixel masks at all."""

    def masks_array(self) -> np.ndarray:
        """(N, H, W) bool; a split without some masks also has `known_pixels`, as `Split` does."""


def evaluate(
    prediction: Prediction | ArrayLike,
    split: LabelledSplit | ArrayLike,
    *,
    maps: ArrayLike | None = None,
    masks: ArrayLike | None = None,
    size: int | tuple[int, int] | None = None,
    pro: str = "global",
    pro_limit: float = 0.3,
) -> Result:
    """Compare a prediction with the labels and masks of the split it was made on.

    Parameters
    ----------
    prediction: N scores and, for the pixel metrics, (N, H, W) anomaly maps; or (N,) scores alone.
    split: the N images, or their (N,) labels; those with label -1 are left out. Without masks the
        pixel metrics are NaN, with a reason. Where some anomalous images have a mask and others do
        not, the pixel metrics are of the images whose pixels are known, and `Result.reasons` says
        which are left out of them.
    maps: (N, H, W) anomaly maps, where `prediction` is an array of scores.
    masks: (N, H, W), above 0 = defect, where `split` is an array of labels.
    size: pixels; None, or the side of the square or the (height, width) to which maps and masks are
        resized before the pixel metrics, by the mean over the area of a new pixel. A new mask pixel
        is anomalous when more than half of its area is, so that small regions can vanish; one
        counts as padding when half of its area or more is.
    pro: one of `adviz.metrics.PRO_DEFINITIONS`, "global", "global-200" or "per-image"; see
        `adviz.metrics.pro`.
    pro_limit: highest false positive rate of PRO, in (0, 1].

    Raises
    ------
    ValueError: other images, another number of them or another map size than the split's; NaN or
        infinite scores; a label other than -1, 0 and 1; a mask that cannot be read, or of another
        size than its image (raised by the split); bad option.

    Examples
    --------
    >>> result = evaluate(prediction, category.test, pro_limit=0.05)
    >>> result.pro_name, result.image_auroc > 0.9
    ('PRO-global@0.05', True)
    >>> scores, maps = prediction.score, prediction.anomaly_map
    >>> labels, masks = category.test.labels, category.test.masks_array()
    >>> evaluate(scores, labels, maps=maps, masks=masks, pro_limit=0.05).pro == result.pro
    True
    """
    checked_definition(pro)
    checked_limit(pro_limit)
    if size is not None:
        checked_size("size", size)
    predicted: Prediction = prediction_of(prediction, maps)
    images: LabelledSplit = labelled(split, masks, predicted)
    check_inputs(predicted, images, "evaluate")
    labels = np.asarray(images.labels)
    _check_match(predicted, images, labels)
    is_labelled = labels >= 0
    is_anomalous = labels[is_labelled] == 1
    image = _image_metrics(np.asarray(predicted.score)[is_labelled], is_anomalous)
    if reason := _no_pixels_reason(predicted, images, is_anomalous):
        undefined = dict.fromkeys(PIXEL_METRICS, float("nan"))
        pixel = _Metrics(undefined, dict.fromkeys(PIXEL_METRICS, reason), {})
    else:
        pixel = _pixel_metrics(*counted_pixels(predicted, images, size), pro, pro_limit)
        if left_out := _left_out_reason(images):
            pixel = pixel._replace(reasons=dict.fromkeys(PIXEL_METRICS, left_out) | pixel.reasons)
    return Result(
        category=images.name,
        detector=predicted.detector,
        backbone=predicted.backbone,
        digest=predicted.digest,
        n_good=int(np.count_nonzero(~is_anomalous)),
        n_anomalous=int(np.count_nonzero(is_anomalous)),
        n_unlabelled=int(np.count_nonzero(~is_labelled)),
        pro_definition=pro,
        pro_limit=float(pro_limit),
        reasons=image.reasons | pixel.reasons,
        curves=image.curves | pixel.curves,
        **image.values,
        **pixel.values,
    )


class _Metrics(NamedTuple):
    """Some of a `Result`'s attributes: metrics, reasons of those that are NaN, and curves."""

    values: dict[str, Any]
    reasons: dict[str, str]
    curves: dict[str, Curve]


def _check_match(prediction: Prediction, split: LabelledSplit, labels: np.ndarray) -> None:
    prediction.check_images(getattr(split, "ids", ()))
    if not np.isin(labels, (-1, 0, 1)).all():
        raise ValueError(f"labels must be -1, 0 or 1, got {np.unique(labels)[:5].tolist()}")
    maps = prediction.anomaly_map
    if maps is not None and maps.shape[1:] != tuple(split.image_size):
        raise ValueError(
            "the anomaly maps must have the size of the split's images, "
            f"{tuple(split.image_size)}, got {maps.shape[1:]}; "
            "evaluate on the split whose features were predicted, or resize the maps with "
            "adviz.maps.resize"
        )


def _image_metrics(score: np.ndarray, is_anomalous: np.ndarray) -> _Metrics:
    """Evaluate (n,) image scores against their labels."""
    best = metrics.f1_threshold(score, is_anomalous)
    values = {
        "image_auroc": metrics.auroc(score, is_anomalous),
        "image_ap": metrics.average_precision(score, is_anomalous),
        "threshold_f1": best.threshold,
        "f1": best.f1,
        "false_positives": best.false_positives,
        "false_negatives": best.false_negatives,
        "false_positives_at_full_recall": metrics.false_positives_at_full_recall(
            score, is_anomalous
        ),
    }
    reasons = {}
    curves = {}
    if reason := metrics.undefined_reason(is_anomalous, "image"):
        reasons["image_auroc"] = f"{reason} in the test set"
    else:
        curves["roc"] = metrics.roc_curve(score, is_anomalous).thinned()
    if reason := metrics.undefined_reason(is_anomalous, "image", needs="anomalous"):
        reasons = dict.fromkeys(values, f"{reason} in the test set")
    else:
        curves["precision_recall"] = metrics.precision_recall_curve(score, is_anomalous).thinned()
    return _Metrics(values, reasons, curves)


def _no_pixels_reason(
    prediction: Prediction, split: LabelledSplit, is_anomalous: np.ndarray
) -> str:
    """Return why there are no pixels to evaluate; the empty string where there are."""
    if prediction.anomaly_map is None:
        return "the detector has no maps"
    if reason := metrics.undefined_reason(is_anomalous, "image", needs="anomalous"):
        return f"{reason} in the test set"
    return "" if split.has_masks else "the test set has no masks"


def _known_pixels(split: LabelledSplit) -> np.ndarray:
    """Return of which images the masks are known, (N,) bool: all labelled ones, if not told."""
    known = getattr(split, "known_pixels", None)
    return np.asarray(split.labels) >= 0 if known is None else np.asarray(known, bool)


def _left_out_reason(split: LabelledSplit) -> str:
    """Return which anomalous images the pixel metrics leave out; the empty string where none."""
    is_anomalous = np.asarray(split.labels) == 1
    without_mask = np.flatnonzero(is_anomalous & ~_known_pixels(split))
    if not len(without_mask):
        return ""
    first = cast("Split", split).ids[int(without_mask[0])]
    of_all = f"of {np.count_nonzero(is_anomalous)} anomalous images"
    if len(without_mask) == 1:
        return f"1 {of_all} has no mask and is left out: {first}"
    return f"{len(without_mask)} {of_all} have no mask and are left out, first {first}"


def counted_pixels(
    prediction: Prediction, split: LabelledSplit, size: int | tuple[int, int] | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Return maps and masks of the images whose masks are known, and which pixels are no padding.

    These are the good images, and the anomalous ones that have a mask.

    Returns
    -------
    maps, masks: (n, H, W) float and bool, resized by area to `size`.
    valid: (n, H, W) bool, False in padding; None = nothing is padded.
    """
    maps = np.asarray(prediction.anomaly_map)
    valid = prediction.valid
    is_labelled = np.asarray(split.labels) >= 0
    is_known = _known_pixels(split)
    if not is_known.any():
        masks = np.zeros((0, *split.image_size), dtype=bool)
    elif (is_known == is_labelled).all():
        masks = split.masks_array()
        if not is_known.all():
            masks = masks[is_known]
    else:
        masks = cast("Split", split).subset(is_known).masks_array()
    if not is_known.all():
        maps = maps[is_known]
        valid = None if valid is None else valid[is_known]
    if size is None:
        return maps, masks, valid
    from adviz.core import resize

    height_width = height_and_width(checked_size("size", size))
    # One mask at a time: a float copy of all is large
    resized_masks = [resize(mask[None], height_width, method="area") > 0.5 for mask in masks]
    masks = np.concatenate(resized_masks)
    maps = resize(maps, height_width, method="area")
    if valid is None:
        return maps, masks, None
    # Fraction of each new pixel that is no padding, where maps are 0: the mean is over it alone
    fraction = resize(valid, height_width, method="area")
    valid = fraction > 0.5
    maps = np.where(valid, maps / np.maximum(fraction, np.finfo(np.float32).tiny), 0)
    return maps.astype(np.float32), masks & valid, valid


def _pixel_metrics(
    maps: np.ndarray, masks: np.ndarray, valid: np.ndarray | None, pro: str, limit: float
) -> _Metrics:
    """Evaluate (n, H, W) anomaly maps against their masks."""
    pixels = metrics.pixel_metrics(maps, masks, limit=limit, valid=valid)
    area = pixels.pro
    pro_reason = pixels.reasons.get("pro", "")
    if pro != "global":
        area, pro_reason = metrics.pro_with_reason(maps, masks, pro, limit, valid=valid)
    values = {
        "pixel_auroc": pixels.auroc,
        "pixel_ap": pixels.average_precision,
        "pro": area,
    }
    reasons = {
        "pixel_auroc": pixels.reasons.get("auroc", ""),
        "pixel_ap": pixels.reasons.get("average_precision", ""),
        "pro": pro_reason,
    }
    curves = {}
    for name, curve in pixels.curves.items():
        curves["pro" if name == "pro" else f"pixel_{name}"] = curve
    return _Metrics(values, {name: reason for name, reason in reasons.items() if reason}, curves)
