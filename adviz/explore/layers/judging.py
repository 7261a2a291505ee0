"""Metrics of a fusion of layers.

Of an image, of a category and of several categories, each computed once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache

import numpy as np

from adviz import metrics
from adviz.data import Category
from adviz.explore.kit import markup, theme
from adviz.explore.kit.texts import UNDEFINED, computing
from adviz.explore.kit.truth import truth_of
from adviz.explore.layers.mixing import Mix, mix_all
from adviz.plots import signed
from adviz.prediction import Prediction

NAMES = {"image_auroc": "image AUROC", "pixel_auroc": "pixel AUROC", "pro": "PRO-global"}
KEPT = 64
NAN = float("nan")
Values = dict[str, float]
# Category, detector, mix of its layers (None = the detector's own map and score)
Key = tuple[str, str, Mix | None]


def measured(
    prediction: Prediction,
    mix: Mix | None,
    labels: np.ndarray,
    masks: np.ndarray | None,
    known: np.ndarray | None = None,
) -> dict[str, float]:
    """Judge a mix of a prediction's layers, or with None the prediction itself.

    Parameters
    ----------
    labels: (N,) int: 0 good, 1 anomalous, -1 unlabelled, which are left out.
    masks: (N, H, W) bool; None = unknown.
    known: (N,) bool, the images whose masks are known; None = all that have a label.

    Returns
    -------
    "image_auroc" (of a mix: by its maps' maxima), "pixel_auroc" and "pro" (PRO-global up to 0.3),
        in [0, 1]; NaN where they are undefined.
    """
    scores, found = prediction.score, prediction.anomaly_map
    if mix is not None and found is not None:
        found = mix_all(
            prediction.layer_maps, mix, (found.shape[1], found.shape[2]), prediction.boxes
        )
        scores = found.max((1, 2))
    kept = labels >= 0
    values = {"image_auroc": metrics.auroc(scores[kept], labels[kept] == 1)}
    pixels = (float("nan"),) * 2
    if found is not None and masks is not None:
        judged = kept if known is None else known
        valid = None if prediction.valid is None else prediction.valid[judged]
        pixels = metrics.auroc_and_pro(
            np.asarray(found[judged], np.float32), masks[judged], valid=valid
        )
    return {**values, "pixel_auroc": pixels[0], "pro": pixels[1]}


class Judge:
    """Keeps what predictions and mixes of their layers achieve.

    Nothing is computed twice.
    """

    def __init__(self, categories: Mapping[str, Category]) -> None:
        self._known: dict[Key, Values] = {}
        self._truth = lru_cache(None)(lambda name: truth_of(categories[name].test))

    def measure(self, key: Key, prediction: Prediction) -> None:
        """Compute what is looked up by `key`; takes up to a second a category."""
        self._known[key] = measured(prediction, key[2], *self._truth(key[0]))

    def missing(self, keys: Sequence[Key]) -> list[Key]:
        """Return those that have not been computed."""
        return [key for key in keys if key not in self._known]

    def mean(self, keys: Sequence[Key]) -> Values:
        """Return the mean of what has been computed.

        Over those categories where a metric is defined.
        """
        found = {name: [self._known[key][name] for key in keys] for name in NAMES}
        return {
            name: _mean([value for value in values if value == value])
            for name, values in found.items()
        }


def of_image(one: np.ndarray, mask: np.ndarray | None, valid: np.ndarray | None = None) -> Values:
    """Return pixel AUROC and PRO of one (H, W) map by its (H, W) mask.

    NaN without a mask, or a defect in it.

    Pixels count that are `valid`, (H, W) bool; None = all.
    """
    if mask is None or not mask.any():
        return {"pixel_auroc": NAN, "pro": NAN}
    auroc, pro = metrics.auroc_and_pro(
        one[None], mask[None], valid=None if valid is None else valid[None]
    )
    return {"pixel_auroc": auroc, "pro": pro}


def metric_table(title: str, found: Mapping[str, Values] | None) -> str:
    """Return what a mix and the detector itself achieve.

    The HTML table has their signed difference in points as well.

    Parameters
    ----------
    found: "mix" and "detector" -> metrics; None = still being computed.
    """
    if found is None:
        return f"<div>{theme.head(title)}{theme.note(computing('It'))}</div>"
    names = [name for name in NAMES if name in found["mix"]]
    rows = {
        "this fusion": [_text(found["mix"][name]) for name in names],
        "the detector": [_text(found["detector"][name]) for name in names],
        "difference": [_points(found["mix"][name] - found["detector"][name]) for name in names],
    }
    return markup.table(rows, [NAMES[name] for name in names], title=title, marked=["this fusion"])


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if values else NAN


def _text(value: float) -> str:
    return f"{value:.3f}" if value == value else UNDEFINED


def _points(difference: float) -> str:
    return f"{signed(100 * difference)} points" if difference == difference else ""
