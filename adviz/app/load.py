"""Read whatever adviz saved; the class is chosen from a fixed list, never imported by name."""

from __future__ import annotations

from pathlib import Path

from adviz._support import check_file, kind_of
from adviz.app.learned import Learned
from adviz.detectors import Detector, own_classes
from adviz.evaluation import Null, Result, Threshold
from adviz.prediction import Prediction

Record = Learned | Null | Prediction | Result | Threshold
RECORDS: dict[str, type[Record]] = {
    "Learned": Learned,
    "Null": Null,
    "Prediction": Prediction,
    "Result": Result,
    "Threshold": Threshold,
}


def load(path: str | Path, *, digest: str | None = None) -> Detector | Record:
    """Read a saved detector, prediction, result, threshold, null; nothing in the file is executed.

    What ``adviz learn`` wrote, too: its detector, threshold and ``predict(photograph)``.

    Where it matters what it is, use the class: ``PatchCore.load(path)`` refuses everything else.

    Parameters
    ----------
    path: the file.
    digest: what ``save`` returned, where it must be that very file; None = any file that agrees
        with itself.

    Raises
    ------
    FileNotFoundError: no such file.
    ValueError: it is none of these, or what their own ``load`` refuses.

    Examples
    --------
    >>> import adviz
    >>> digest = prediction.save("saved.adviz")
    >>> adviz.load("saved.adviz", digest=digest)
    Prediction(PatchCore, 46 images, maps 224x224, ...)
    """
    check_file(Path(path), "adviz object")
    # A name in a file chooses one of our classes; nothing is imported by it.
    kind = kind_of(path)
    if kind in RECORDS:
        return RECORDS[kind].load(path, digest=digest)
    detectors = own_classes()
    if kind in detectors:
        return detectors[kind].load(path, digest=digest)
    if kind:
        raise ValueError(
            f"expected one of {', '.join([*detectors, *RECORDS])} in {path}, got a {kind}: a class "
            "of your own reads its files itself, with its load"
        )
    return Prediction.load(path)  # which says what is wrong with it
