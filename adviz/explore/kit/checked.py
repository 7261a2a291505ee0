"""What explorers are given: categories and what detectors found in them, checked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from adviz.data import Category
from adviz.prediction import Prediction

Found = Prediction | Callable[[], Prediction]


def by_name(
    categories: Category | Mapping[str, Category], predictions: Prediction | Mapping[str, Any]
) -> tuple[Mapping[str, Category], Mapping[str, Mapping[str, Found]]]:
    """Return categories by name, and for each of them predictions by detector.

    Single ones are given a name.
    """
    if not isinstance(categories, Category | Mapping) or not isinstance(
        predictions, Prediction | Mapping
    ):
        kinds = f"a {type(categories).__name__} and a {type(predictions).__name__}"
        raise TypeError(
            "expected a Category or several by name, then a Prediction or several by name, got "
            f"{kinds}"
        )
    if isinstance(predictions, Prediction):
        predictions = {predictions.detector or "detector": predictions}
    if isinstance(categories, Category):
        return {categories.name: categories}, {categories.name: predictions}
    return categories, predictions


def check(
    categories: Mapping[str, Category], predictions: Mapping[str, Mapping[str, Found]]
) -> None:
    """Refuse nothing to show, categories without predictions, and predictions of other images.

    Raises
    ------
    TypeError, ValueError: as `adviz.explore.results`.
    """
    if not categories:
        raise ValueError("expected at least one category to show, got none")
    for name, category in categories.items():
        if not predictions.get(name):
            there = ", ".join(key for key, found in predictions.items() if found) or "no category"
            raise ValueError(f"expected predictions for category {name!r}, got them for {there}")
        for detector, prediction in predictions[name].items():
            if not callable(prediction):
                check_prediction(name, category, detector, prediction)


def check_prediction(name: str, category: Category, detector: str, prediction: Any) -> None:
    """Refuse what is no prediction of a category's test images.

    Raises
    ------
    TypeError: no prediction.
    ValueError: of another number of images, or of others.
    """
    if not isinstance(prediction, Prediction):
        kind = type(prediction).__name__
        raise TypeError(
            f"expected a Prediction of {detector}, or a function that returns one, got {kind}"
        )
    if len(prediction) != len(category.test):
        raise ValueError(
            f"expected {detector}'s prediction of the {len(category.test)} test images of {name}, "
            f"got one of {len(prediction)} images"
        )
    prediction.check_images(category.test.ids)
