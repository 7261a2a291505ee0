"""The results folder: one file a row, which is there completely or not at all, and says how it came about."""

from __future__ import annotations

import json
import os
import uuid
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from adviz._support import check_version, digest_of, parsed, remove_leftovers, write_whole
from adviz.sweep.experiment import Experiment

FORMAT = 1
LIMIT = 2**28  # bytes of a row; a thousand images take a hundred kilobytes
QUARANTINE = "quarantine"


@dataclass(frozen=True, eq=False)
class Row:
    """What an experiment found.

    Attributes
    ----------
    experiment: what was done.
    facts: about data and weights: "backbone", "digest" (of the weights), "images" (digest of the
        test and training images), "n_train", "n_test", "aggregation_" and other facts of the fitted
        detector.
    metrics: name -> value in [0, 1], or a count of images; NaN where it is undefined, and `reasons`
        says why. PRO comes in all definitions: "pro", "pro_200" and "pro_per_image", up to a false
        positive rate of 0.3.
    reasons: metric -> why it is undefined.
    images: "ids", "labels", "defects" and "scores" of the N test images.
    regions: "area" (pixels), "integral" (of its own PRO curve) and "auroc" of every anomalous
        region; may be empty.
    curves: name -> (x, y), thinned for display.
    measured: what may differ from run to run: "seconds", "bytes", "versions", "machine".
    path: its file; None = nowhere.

    Examples
    --------
    >>> from adviz import DN2
    >>> row = sweep.run(sweep.grid("demo", ["hex_nut"], [DN2()]), "results").rows[0]
    >>> row.metrics["image_auroc"] > 0.5
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
        """Return all but what was measured on this machine, as JSON has it: equal experiments have equal contents.

        Examples
        --------
        >>> from adviz import DN2
        >>> row = sweep.run(sweep.grid("demo", ["hex_nut"], [DN2()]), "results").rows[0]
        >>> "measured" in row.content()
        False
        """
        names = ("facts", "metrics", "reasons", "images", "regions", "curves")
        content = {
            "experiment": self.experiment.facts(),
            **{name: getattr(self, name) for name in names},
        }
        return dict(_nulls(content))


def write(row: Row, folder: Path) -> Path:
    """Store a row in one step, and return its file.

    Raises
    ------
    OSError: it cannot be written; nothing half-written stays.
    """
    content = row.content()
    whole = {
        "format": FORMAT,
        "digest": digest_of(content),
        **content,
        "measured": _nulls(row.measured),
    }
    target = path_of(row.experiment, folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_whole(target, json.dumps(whole, indent=1).encode())
    except OSError as error:
        raise OSError(
            f"expected to write a row to {folder}, got {error}: free some space, or choose another results folder; "
            "rows that are there stay"
        ) from error
    return target


def read(experiment: Experiment, folder: Path) -> Row | None:
    """Return the row of an experiment, or None where there is none that can be used.

    A damaged file, or one of another version, is put aside with a warning.
    """
    try:
        return stored(experiment, folder)
    except ValueError as error:
        _put_aside(path_of(experiment, folder), str(error))
        return None


def stored(experiment: Experiment, folder: Path) -> Row | None:
    """Return the row of an experiment, or None where there is none; nothing is changed on disk.

    Raises
    ------
    ValueError: its file is damaged, or of another version.
    """
    path = path_of(experiment, folder)
    try:
        with path.open("rb") as file:
            whole = _checked(file.read(LIMIT + 1), experiment)
    except FileNotFoundError:
        return None
    metrics = {
        name: float("nan") if value is None else value
        for name, value in whole.pop("metrics").items()
    }
    return Row(experiment=experiment, metrics=metrics, path=path, **whole)


def results_folder(folder: str | Path | None) -> Path:
    """Return the folder of the rows: the one that is given, or what ``$ADVIZ_RESULTS`` names, or ``./results``."""
    return Path(
        os.environ.get("ADVIZ_RESULTS", "results") if folder is None else folder
    ).expanduser()


def path_of(experiment: Experiment, folder: Path) -> Path:
    """Return where the row of an experiment is, or will be."""
    return folder / f"{experiment.key}.json"


def _checked(text: bytes, experiment: Experiment) -> dict[str, Any]:
    """Return the parts of a row's file; ValueError: it is not what was written for this experiment."""
    if len(text) > LIMIT:
        raise ValueError(f"it has more than {LIMIT} bytes")
    whole = parsed(text)
    check_version(whole.pop("format", None), FORMAT)
    measured, digest = whole.pop("measured", None), whole.pop("digest", None)
    if digest_of(whole) != digest or not isinstance(measured, dict):
        raise ValueError("its contents are not those that were written")
    if whole.pop("experiment") != json.loads(json.dumps(experiment.facts())):
        raise ValueError("it is of another experiment")
    return whole | {"measured": measured}


def check_folder(folder: Path) -> None:
    """Make the results folder, and refuse one that cannot be written to; what a killed process left is removed.

    Raises
    ------
    OSError: it cannot be made or written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_whole(folder / ".writable", b"")
        (folder / ".writable").unlink()
        remove_leftovers(folder)
    except OSError as error:
        raise OSError(
            f"expected a results folder that can be written to, got {folder} ({error}): choose another"
        ) from error


def _put_aside(path: Path, why: str) -> None:
    """Move a file that cannot be used to a folder of such files, where a person may look at it."""
    aside = path.parent / QUARANTINE
    aside.mkdir(exist_ok=True)
    target = aside / f"{path.stem}-{uuid.uuid4().hex[:8]}.json"
    os.replace(path, target)
    warnings.warn(
        f"expected a complete row in {path}, but {why}; it is now {target}, and the experiment is done again",
        stacklevel=4,
    )


def _nulls(value: Any) -> Any:
    """Return what JSON can hold: NaN becomes null, arrays and their numbers become Python's."""
    if isinstance(value, Mapping):
        return {str(name): _nulls(one) for name, one in value.items()}
    if isinstance(value, np.ndarray | list | tuple):
        return [_nulls(one) for one in (value.tolist() if isinstance(value, np.ndarray) else value)]
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and value != value else value
