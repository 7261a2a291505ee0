"""The results folder: one JSON file per experiment, written atomically, with how it came about."""

from __future__ import annotations

import json
import math
import os
import uuid
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from adviz._support import check_version, digest_of, parse_json, remove_leftovers, write_atomically
from adviz.sweep.experiment import Experiment

FORMAT = 1
LIMIT = 2**28  # bytes of a result; a thousand images take a hundred kilobytes
QUARANTINE = "quarantine"
# Name in results stored before -> name now
RENAMED_METRICS = {"errors_at_full_recall": "false_positives_at_full_recall"}


@dataclass(frozen=True, eq=False)
class ExperimentResult:
    """The result of one experiment: metrics, scores and curves, and what it took.

    Attributes
    ----------
    experiment: what was run.
    facts: about data and weights: "backbone", "digest" (of the weights), "images" (digest of the
        test and training images), "n_train", "n_test", "aggregation_" and other facts of the fitted
        detector.
    metrics: name -> value in [0, 1], or a count of images; NaN where it is undefined, and `reasons`
        says why. PRO comes in all definitions: "pro", "pro_200" and "pro_per_image", up to a false
        positive rate of 0.3.
    reasons: metric -> why it is undefined.
    images: "ids", "labels", "defects", "scores" and "pro" (per image; None without anomalous
        pixels) of the N test images.
    regions: "image" (its index), "area" (pixels), "integral" (of its own PRO curve) and "auroc" of
        every anomalous region; may be empty.
    curves: name -> (x, y), thinned for display.
    measured: what may differ from run to run: "seconds", "bytes", "versions", "machine".
    path: its file; None = nowhere.

    Examples
    --------
    >>> from adviz import DN2
    >>> result = sweep.run(sweep.grid("demo", ["hex_nut"], [DN2()]), "results").results[0]
    >>> result.metrics["image_auroc"] > 0.5
    True
    """

    experiment: Experiment
    facts: dict[str, Any]
    metrics: dict[str, float]
    reasons: dict[str, str]
    images: dict[str, list[Any]]
    regions: dict[str, list[float]]
    curves: dict[str, list[list[float]]]
    measured: dict[str, Any]
    path: Path | None = None

    def content(self) -> dict[str, Any]:
        """Return all but what was measured on this machine, as JSON has it.

        Equal experiments have equal contents.

        Examples
        --------
        >>> from adviz import DN2
        >>> result = sweep.run(sweep.grid("demo", ["hex_nut"], [DN2()]), "results").results[0]
        >>> "measured" in result.content()
        False
        """
        names = ("facts", "metrics", "reasons", "images", "regions", "curves")
        content = {name: getattr(self, name) for name in names}
        return dict(_as_json({"experiment": self.experiment.facts()} | content))


def write(result: ExperimentResult, folder: Path) -> Path:
    """Store a result atomically, and return its file.

    Raises
    ------
    OSError: it cannot be written; no unfinished file stays.
    """
    content = result.content()
    record = {
        "format": FORMAT,
        "digest": digest_of(content),
        **content,
        "measured": _as_json(result.measured),
    }
    path = path_of(result.experiment, folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_atomically(path, json.dumps(record, indent=1).encode())
    except OSError as error:
        raise OSError(
            f"expected to write a result to {folder}, got {error}: free some space, or choose "
            "another results folder; results that are there stay"
        ) from error
    return path


def read(experiment: Experiment, folder: Path) -> ExperimentResult | None:
    """Return the result of an experiment, or None where there is none that can be used.

    A damaged file, or one of another version, is put aside with a warning.
    """
    try:
        return stored(experiment, folder)
    except ValueError as error:
        _put_aside(path_of(experiment, folder), str(error))
        return None


def stored(experiment: Experiment, folder: Path) -> ExperimentResult | None:
    """Return the result of an experiment, or None where there is none; no file is changed.

    Raises
    ------
    ValueError: its file is damaged, or of another version.
    """
    path = path_of(experiment, folder)
    try:
        with path.open("rb") as file:
            record = _checked(file.read(LIMIT + 1), experiment)
    except FileNotFoundError:
        return None
    metrics = {}
    for name, value in record.pop("metrics").items():
        # JSON has no NaN: undefined metrics are stored as null
        metrics[_current(name)] = math.nan if value is None else value
    record["reasons"] = {_current(name): reason for name, reason in record["reasons"].items()}
    return ExperimentResult(experiment=experiment, metrics=metrics, path=path, **record)


def _current(metric: str) -> str:
    """Return today's name of a stored metric."""
    return RENAMED_METRICS.get(metric, metric)


def results_folder(folder: str | Path | None) -> Path:
    """Return the folder of the results; None = what ``$ADVIZ_RESULTS`` names, or ``./results``."""
    if folder is None:
        folder = os.environ.get("ADVIZ_RESULTS", "results")
    return Path(folder).expanduser()


def path_of(experiment: Experiment, folder: Path) -> Path:
    """Return where the result of an experiment is, or will be."""
    return folder / f"{experiment.key}.json"


def _checked(text: bytes, experiment: Experiment) -> dict[str, Any]:
    """Return what a result's file holds, without format and digest.

    Raises
    ------
    ValueError: it is not what was written for this experiment.
    """
    if len(text) > LIMIT:
        raise ValueError(f"it has more than {LIMIT} bytes")
    record = parse_json(text)
    check_version(record.pop("format", None), FORMAT)
    measured = record.pop("measured", None)
    digest = record.pop("digest", None)
    # The digest covers all but "measured", which differs from run to run and may be edited
    if digest_of(record) != digest or not isinstance(measured, dict):
        raise ValueError("its contents are not those that were written")
    if record.pop("experiment") != json.loads(json.dumps(experiment.facts())):
        raise ValueError("it is of another experiment")
    return record | {"measured": measured}


def check_folder(folder: Path) -> None:
    """Make the results folder, and remove the unfinished files of killed processes.

    Raises
    ------
    OSError: it cannot be made or written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_atomically(folder / ".writable", b"")
        (folder / ".writable").unlink()
        remove_leftovers(folder)
    except OSError as error:
        raise OSError(
            f"expected a results folder that can be written to, got {folder} ({error}): choose "
            "another"
        ) from error


def _put_aside(path: Path, reason: str) -> None:
    """Move a file that cannot be used to the folder "quarantine", where a person may look at it."""
    folder = path.parent / QUARANTINE
    folder.mkdir(exist_ok=True)
    target = folder / f"{path.stem}-{uuid.uuid4().hex[:8]}.json"
    os.replace(path, target)
    warnings.warn(
        f"expected a complete result in {path}, but {reason}; it is now {target}, and the "
        "experiment is run again",
        stacklevel=4,
    )


def _as_json(value: Any) -> Any:
    """Return what JSON can hold: NaN becomes null, arrays and their numbers become Python's."""
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, Mapping):
        return {str(name): _as_json(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_as_json(item) for item in value]
    if isinstance(value, float) and math.isnan(value):
        return None
    return value
