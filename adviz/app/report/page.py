"""Write the page of a report."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from adviz._support import replace_file, require_attributes
from adviz.app.report.contents import Contents, collect
from adviz.app.report.live import live_explorer
from adviz.app.templates import template
from adviz.data import Category
from adviz.evaluation import Threshold
from adviz.explore import Embedded
from adviz.prediction import Prediction


def report(
    category: Category,
    predictions: Prediction | Mapping[str, Prediction],
    path: str | Path,
    *,
    thresholds: Threshold | float | Mapping[str, Threshold | float] | None = None,
    configuration: Mapping[str, object] | None = None,
    title: str = "",
    pictures: int = 8,
    live: float = 40.0,
) -> Path:
    """Write the results of detectors on a category as one HTML file that loads nothing.

    It holds the metrics with their definitions, the thresholds and what they cost, the curves, the
    images that are wrong or highest, all scores, and how it was made; and `explore.thresholds`, in
    which the threshold is moved, images are opened and maps are looked at. It needs no server.
    Printed, or where scripts are off, pictures take the place of the explorer.

    Parameters
    ----------
    category: its test images are shown; where there are no labels or no masks, the page says what
        it cannot know.
    predictions: of the test images; one, or name -> prediction.
    path: the file to write, such as "report.html"; one that is there is replaced.
    thresholds: score from which an image is predicted anomalous, for all detectors or name ->
        threshold, as `adviz.calibrate` sets it. None = set on these test images (F1-optimal;
        without anomalous images just above every good one), which the page says, as errors counted
        there are optimistic.
    configuration: name -> whatever should be kept with the numbers, such as the detectors; printed
        by `repr`.
    title: over the page; empty = the category's name.
    pictures: the most images of a kind (missed, false alarms, highest scores) for each detector, >=
        1.
    live: megabytes that the explorer may take; where all images would take more, it opens the
        errors and the images with the highest scores. 0 = no explorer, and no script.

    Returns
    -------
    The file.

    Raises
    ------
    ValueError: a prediction of other images, a threshold of another detector or for none of these,
        no prediction, `pictures` below 1, `live` below 0.
    FileNotFoundError, IsADirectoryError: there is no such folder to write in, or `path` is one.
    OSError: the file cannot be written; one that was there stays as it was.

    Examples
    --------
    >>> import adviz
    >>> adviz.report(category, prediction, "report.html", pictures=2).name
    'report.html'
    """
    require_attributes(
        category, "test train", "a Category, then the predictions of its test images"
    )
    path = Path(path)
    if path.is_dir():
        raise IsADirectoryError(
            f"expected a file to write, such as report.html, got the folder {path}"
        )
    if not path.absolute().parent.is_dir():
        raise FileNotFoundError(
            f"expected a folder to write the report in, found none at {path.parent}: create it"
        )
    if pictures < 1:
        raise ValueError(f"pictures must be 1 or more, got {pictures}")
    if not live >= 0:
        raise ValueError(f"live must be 0 megabytes or more, got {live}")
    if not isinstance(predictions, Prediction | Mapping):
        raise TypeError(
            f"expected a Prediction, or several by name, got a {type(predictions).__name__}"
        )
    if isinstance(predictions, Prediction):
        predictions = {predictions.detector or "detector": predictions}
    thresholds = _by_name(thresholds, predictions)
    contents = collect(category, predictions, thresholds, configuration or {}, pictures)
    explorer = live_explorer(category, predictions, contents, live) if live else None
    page = render(contents, title or category.name or "report", explorer)
    replace_file(path, page.encode())
    return path


def render(contents: Contents, title: str, explorer: Embedded | None) -> str:
    """Return the page."""
    page = template("adviz.app.report", "page.html.jinja")
    return page.render(contents=contents, title=title, explorer=explorer)


def _by_name(
    thresholds: Threshold | float | Mapping[str, Threshold | float] | None,
    predictions: Mapping[str, Prediction],
) -> dict[str, Threshold | float]:
    """Return the thresholds that were given, by the name of their prediction."""
    if not predictions:
        raise ValueError("predictions must hold at least one prediction, got none")
    if thresholds is None:
        return {}
    if not isinstance(thresholds, Mapping):
        return dict.fromkeys(predictions, thresholds)
    unknown = sorted(set(thresholds) - set(predictions))
    if unknown:
        raise ValueError(f"thresholds must be for some of {list(predictions)}, got {unknown}")
    return dict(thresholds)
