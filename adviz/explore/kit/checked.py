"""What explorers are given: categories and what detectors found in them, checked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from adviz.data import Category
from adviz.evaluation import Null
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


def nulls_by_name(
    nulls: Null | Mapping[str, Any] | None, predictions: Mapping[str, Mapping[str, Found]]
) -> dict[str, dict[str, Null]]:
    """Return nulls by category and detector: of one category as for it alone, see `results`.

    Raises
    ------
    TypeError, ValueError: as `adviz.explore.results`.
    """
    if nulls is None:
        return {}
    by_category: Mapping[str, Any] = {} if isinstance(nulls, Null) else nulls
    if len(predictions) == 1:
        (category,) = predictions
        if not isinstance(by_category.get(category), Mapping):
            by_category = {category: nulls}
    elif isinstance(nulls, Null) or any(isinstance(each, Null) for each in nulls.values()):
        raise ValueError(
            "expected nulls by category and detector, since each was fitted on one category: "
            f"of {', '.join(predictions)}, got {nulls!r}"
        )
    named = {}
    for category, each in by_category.items():
        detectors = list(predictions.get(category, {}))
        if isinstance(each, Null):
            if len(detectors) > 1:
                expected = ", ".join(detectors)
                raise ValueError(f"expected nulls by detector, of {expected}, got {each!r}")
            each = dict.fromkeys(detectors, each)
        named[category] = dict(each)
    return named


def check_nulls(
    nulls: Mapping[str, Mapping[str, Null]], predictions: Mapping[str, Mapping[str, Found]]
) -> None:
    """Refuse nulls of what is not shown, and of other detectors than those that predicted.

    Raises
    ------
    TypeError: no null.
    ValueError: another category or detector.
    """
    for category, each in nulls.items():
        if category not in predictions:
            known = ", ".join(predictions)
            raise ValueError(f"expected nulls of categories {known}, got one of {category!r}")
        for detector, null in each.items():
            if detector not in predictions[category]:
                known = ", ".join(predictions[category])
                raise ValueError(f"expected nulls of {known}, got one of {detector!r}")
            if not isinstance(null, Null):
                raise TypeError(
                    f"expected a Null of {detector}, such as "
                    f"Null.of(detector.predict_left_out(train)), got a {type(null).__name__}"
                )
            found = predictions[category][detector]
            if isinstance(found, Prediction):
                null.check(found)


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
