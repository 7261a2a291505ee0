"""adviz: see why an image was called anomalous.

Nothing is imported before it is used: ``import adviz`` costs a few milliseconds and touches neither
disk nor network.

Examples
--------
The examples of all docstrings go on from these lines:

>>> import numpy as np
>>> from adviz import Backbone, PatchCore, data, evaluate, explore, metrics, plots, sweep, tables
>>> category = data.demo("hex_nut")
>>> backbone = Backbone("efficientnet_lite0")
>>> train, test = backbone.extract(category.train), backbone.extract(category.test)
>>> detector = PatchCore(coreset=0.01).fit(train)
>>> prediction = detector.predict(test)
>>> evaluate(prediction, category.test)
hex_nut, PatchCore: 20 good and 26 anomalous images
  image AUROC 0.9...
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from adviz import detectors

if TYPE_CHECKING:
    from adviz import data, explore, metrics, plots, sweep, tables
    from adviz._support import archive
    from adviz.app.coco import to_coco
    from adviz.app.load import load
    from adviz.app.onnx_export import export_model
    from adviz.app.outlier_detector import OutlierDetector
    from adviz.app.report import report
    from adviz.core import coreset, maps
    from adviz.detectors import *  # noqa: F403
    from adviz.evaluation import Null, Result, Threshold, calibrate, drift, evaluate
    from adviz.features import Backbone, Features
    from adviz.prediction import Neighbors, Prediction, ensemble

__version__ = "0.1.0"  # the one place; CHANGELOG.md and CITATION.cff are held to it
_DETECTORS = dir(detectors)
__all__ = [
    "Backbone",
    "Features",
    "Neighbors",
    "Null",
    "OutlierDetector",
    "Prediction",
    "Result",
    "Threshold",
    "archive",
    "calibrate",
    "coreset",
    "data",
    "drift",
    "ensemble",
    "evaluate",
    "explore",
    "export_model",
    "load",
    "maps",
    "metrics",
    "plots",
    "report",
    "sweep",
    "tables",
    "to_coco",
]
__all__ += _DETECTORS

# Where each name is defined; a module's name alone stands for the module itself.
_HOME = {
    **dict.fromkeys(_DETECTORS, "detectors"),
    "Backbone": "features",
    "Features": "features",
    "Neighbors": "prediction",
    "Null": "evaluation",
    "OutlierDetector": "app.outlier_detector",
    "Prediction": "prediction",
    "Result": "evaluation",
    "Threshold": "evaluation",
    "archive": "_support",
    "calibrate": "evaluation",
    "coreset": "core",
    "drift": "evaluation",
    "ensemble": "prediction",
    "evaluate": "evaluation",
    "export_model": "app.onnx_export",
    "load": "app.load",
    "maps": "core",
    "report": "app.report",
    "to_coco": "app.coco",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(_unknown(name))
    if name in _HOME:
        value = getattr(importlib.import_module(f"adviz.{_HOME[name]}"), name)
    else:
        value = importlib.import_module(f"adviz.{name}")
    globals()[name] = value
    return value


def _unknown(name: str) -> str:
    """Return the error for a name that adviz does not have."""
    from importlib.metadata import PackageNotFoundError, distribution

    from adviz._support import got

    message = f"adviz has no such attribute; it offers {', '.join(__all__)}, {got(name, __all__)}"
    try:
        other = distribution("adviz")
    except PackageNotFoundError:
        return message
    return (
        f"{message}. The package adviz {other.version} (advertools visualizations) is installed as "
        "well; both are imported as adviz, and one has overwritten files of the other: "
        "`pip uninstall adviz adviz-anomaly`, then `pip install adviz-anomaly`"
    )


def __dir__() -> list[str]:
    return sorted(__all__)
