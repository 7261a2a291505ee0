"""One row of metrics from a prediction and the split it was made on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, cast

import numpy as np

from adviz import metrics
from adviz._support import require
from adviz.data import checked_size, sides_of
from adviz.evaluation.result import Result
from adviz.metrics import Curve, checked_definition, checked_limit

if TYPE_CHECKING:
    from adviz.data import Split
    from adviz.prediction import Prediction

__all__ = ["LabelledSplit", "Result", "counted_pixels", "evaluate"]

PIXEL_METRICS = ("pixel_auroc", "pixel_ap", "pro")


class LabelledSplit(Protocol):
    """What `evaluate` asks of a split; `adviz.data.Split` has it."""

    @property
    def name(self) -> str:
        """Category name, may be empty."""

    @property
    def labels(self) -> np.ndarray:
        """(N,) int, 0 = good, 1 = anomalous, -1 = unlabelled."""

    @property
    def image_size(self) -> tuple[int, int]:
        """H, W after resize and crop."""

    @property
    def has_masks(self) -> bool:
        """Whether there are pixel masks at all."""

    def __len__(self) -> int: ...

    def masks_array(self) -> np.ndarray:
        """(N, H, W) bool; where masks are lacking, a split says so by `known_pixels`, as `adviz.data.Split` does."""


def evaluate(
    prediction: Prediction,
    split: LabelledSplit,
    *,
    size: int | tuple[int, int] | None = None,
    pro: str = "global",
    pro_limit: float = 0.3,
) -> Result:
    """Compare a prediction with the labels and masks of the split it was made on.

    Parameters
    ----------
    prediction: N scores and, for the pixel metrics, (N, H, W) anomaly maps.
    split: the N images; those with label -1 are left out. Without masks the pixel metrics are NaN,
        with a reason. Where some anomalous images have a mask and others do not, the pixel metrics
        are of the images whose pixels are known, and `Result.reasons` says which are left out of
        them.
    size: pixels; None, or the side of the square or the (height, width) to which maps and masks are
        resized before the pixel metrics, by the mean over the area of a new pixel. A new mask pixel
        is anomalous when more than half of its area is, so that small regions can vanish; one
        counts as padding when half of its area or more is.
    pro: "global", "global-200" or "per-image"; see `adviz.metrics.pro`.
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
    """
    checked_definition(pro)
    checked_limit(pro_limit)
    if size is not None:
        checked_size("size", size)
    require(prediction, "score check_images", "a Prediction, then the Split of its images")
    require(
        split,
        "labels",
        "the Split of the predicted images after the Prediction, such as category.test",
    )
    labels = np.asarray(split.labels)
    _check_match(prediction, split, labels)
    kept = labels >= 0
    truth = labels[kept] == 1
    values, reasons, curves = _image_metrics(np.asarray(prediction.score)[kept], truth)
    if reason := _no_pixels(prediction, split, truth):
        found = _Metrics(
            dict.fromkeys(PIXEL_METRICS, float("nan")), dict.fromkeys(PIXEL_METRICS, reason), {}
        )
    else:
        found = _pixel_metrics(*counted_pixels(prediction, split, size), pro, pro_limit)
        left_out = dict.fromkeys(PIXEL_METRICS, _without_masks(split))
        found = found._replace(
            reasons={name: why for name, why in (left_out | found.reasons).items() if why}
        )
    return Result(
        category=split.name,
        detector=prediction.detector,
        backbone=prediction.backbone,
        digest=prediction.digest,
        n_good=int(np.count_nonzero(~truth)),
        n_anomalous=int(np.count_nonzero(truth)),
        n_unlabelled=int(np.count_nonzero(~kept)),
        pro_definition=pro,
        pro_limit=float(pro_limit),
        reasons=reasons | found.reasons,
        curves=curves | found.curves,
        **values,
        **found.values,
    )


class _Metrics(NamedTuple):
    """Some attributes of a `Result`, the reasons of the NaN among them, and curves."""

    values: dict[str, Any]
    reasons: dict[str, str]
    curves: dict[str, Curve]


def _check_match(prediction: Prediction, split: LabelledSplit, labels: np.ndarray) -> None:
    if len(prediction) != len(split):
        raise ValueError(
            f"prediction and split must describe the same images, got {len(prediction)} and {len(split)}; "
            "evaluate on the split whose features were predicted"
        )
    prediction.check_images(getattr(split, "ids", ()))
    if not np.isin(labels, (-1, 0, 1)).all():
        raise ValueError(f"labels must be -1, 0 or 1, got {np.unique(labels)[:5].tolist()}")
    maps = prediction.anomaly_map
    if maps is not None and maps.shape[1:] != tuple(split.image_size):
        raise ValueError(
            f"the anomaly maps must have the size of the split's images, {tuple(split.image_size)}, got "
            f"{maps.shape[1:]}; evaluate on the split whose features were predicted, or resize the maps with "
            "adviz.maps.resize"
        )


def _image_metrics(score: np.ndarray, truth: np.ndarray) -> _Metrics:
    """Judge the image scores."""
    best = metrics.f1_threshold(score, truth)
    values = {
        "image_auroc": metrics.auroc(score, truth),
        "image_ap": metrics.average_precision(score, truth),
        "threshold_f1": best.threshold,
        "f1": best.f1,
        "false_positives": best.false_positives,
        "false_negatives": best.false_negatives,
        "errors_at_full_recall": metrics.errors_at_full_recall(score, truth),
    }
    both = metrics.undefined_reason(truth, "image")
    anomalous = metrics.undefined_reason(truth, "image", needs="anomalous")
    reasons = {name: both if name == "image_auroc" else anomalous for name in values}
    curves = {}
    if not both:
        curves["roc"] = metrics.roc_curve(score, truth).thinned()
    if not anomalous:
        curves["precision_recall"] = metrics.precision_recall_curve(score, truth).thinned()
    return _Metrics(
        values, {name: f"{why} in the test set" for name, why in reasons.items() if why}, curves
    )


def _no_pixels(prediction: Prediction, split: LabelledSplit, truth: np.ndarray) -> str:
    """Say why there is nothing to compare pixel by pixel; the empty string where there is."""
    if prediction.anomaly_map is None:
        return "the detector has no maps"
    if reason := metrics.undefined_reason(truth, "image", needs="anomalous"):
        return f"{reason} in the test set"
    return "" if split.has_masks else "the test set has no masks"


def _known_pixels(split: LabelledSplit) -> np.ndarray:
    """Return whether the pixels of an image are known, (N,) bool; of another kind of split its masks are complete."""
    known = getattr(split, "known_pixels", None)
    return np.asarray(split.labels) >= 0 if known is None else np.asarray(known, bool)


def _without_masks(split: LabelledSplit) -> str:
    """Say which anomalous images the pixel metrics leave out; the empty string where none."""
    anomalous = np.asarray(split.labels) == 1
    bare = np.flatnonzero(anomalous & ~_known_pixels(split))
    if not len(bare):
        return ""
    first = cast("Split", split).ids[int(bare[0])]
    said = f"of {np.count_nonzero(anomalous)} anomalous images"
    if len(bare) == 1:
        return f"1 {said} has no mask and is left out: {first}"
    return f"{len(bare)} {said} have no mask and are left out, first {first}"


def counted_pixels(
    prediction: Prediction, split: LabelledSplit, size: int | tuple[int, int] | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Return maps and masks of the images whose pixels are known, (n, H, W) each, and which pixels are no padding.

    These are the good images, and the anomalous ones that have a mask. In place of the pixels that
    are no padding stands None where all count. All three are resized by area where asked for.
    """
    maps = np.asarray(prediction.anomaly_map)
    valid = prediction.valid
    labelled = np.asarray(split.labels) >= 0
    known = _known_pixels(split)
    if not known.any():
        masks = np.zeros((0, *split.image_size), dtype=bool)
    elif (known == labelled).all():
        masks = split.masks_array()
        masks = masks if known.all() else masks[known]
    else:
        masks = cast("Split", split).subset(known).masks_array()
    if not known.all():
        maps = maps[known]
        valid = None if valid is None else valid[known]
    if size is None:
        return maps, masks, valid
    from adviz.core import resize

    sides = sides_of(checked_size("size", size))
    # One by one: a float mask is large
    small = [resize(mask[None], sides, method="area") > 0.5 for mask in masks]
    masks, resized = np.concatenate(small), resize(maps, sides, method="area")
    if valid is None:
        return resized, masks, None
    parts = resize(valid, sides, method="area")  # of a new pixel that are no padding
    counted = parts > 0.5
    resized = np.where(counted, resized / np.maximum(parts, np.finfo(np.float32).tiny), 0).astype(
        np.float32
    )
    return resized, masks & counted, counted


def _pixel_metrics(
    maps: np.ndarray, masks: np.ndarray, valid: np.ndarray | None, pro: str, limit: float
) -> _Metrics:
    """Judge the anomaly maps."""
    found = metrics.pixel_metrics(maps, masks, limit=limit, valid=valid)
    area, why = found.pro, found.reasons.get("pro", "")
    if pro != "global":
        area, why = metrics.pro_with_reason(maps, masks, pro, limit, valid=valid)
    values = {"pixel_auroc": found.auroc, "pixel_ap": found.average_precision, "pro": area}
    undefined = (found.reasons.get("auroc"), found.reasons.get("average_precision"), why)
    reasons = {name: reason for name, reason in zip(values, undefined, strict=True) if reason}
    curves = {
        name if name == "pro" else f"pixel_{name}": curve for name, curve in found.curves.items()
    }
    return _Metrics(values, reasons, curves)
