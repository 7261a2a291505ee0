"""The explorer in a report, with as many images as there is room for."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from adviz.app.report.contents import Contents
from adviz.data import Category
from adviz.explore import Embedded, embedded, export_size, thresholds, wrong
from adviz.prediction import Prediction


def live_explorer(
    category: Category,
    predictions: Mapping[str, Prediction],
    contents: Contents,
    most: float,
) -> Embedded:
    """Return an explorer of a report's thresholds for its page.

    Parameters
    ----------
    most: megabytes that it may take, about.
    """
    view = thresholds(category, dict(predictions))
    view.thresholds = {
        f"{view.category}/{section.name}": section.decision.threshold
        for section in contents.sections
    }
    size = export_size(view, half=True)
    images = None
    if size > most:
        room = max(1, int(len(category.test) * most / size))
        images = _first(category, predictions, contents)[:room]
    first = images or _first(category, predictions, contents)
    view.image = first[0]
    return embedded(view, images=images, half=True)


def _first(
    category: Category, predictions: Mapping[str, Prediction], contents: Contents
) -> list[int]:
    """Return all test images: those that a detector has wrong first, then by score."""
    order: dict[int, None] = {}
    for section in contents.sections:
        scores = np.asarray(predictions[section.name].score, np.float64)
        errors = wrong(scores, category.test.labels, section.decision.threshold)
        for kind in (errors.false_negatives, errors.false_positives, errors.unlabelled):
            order |= dict.fromkeys(kind.tolist())
    scores = np.asarray(next(iter(predictions.values())).score, np.float64)
    order |= dict.fromkeys(np.argsort(-scores, kind="stable").tolist())
    return list(order)
