"""adviz: see why an image was called anomalous.

Nothing is imported before it is used: ``import adviz`` costs a few milliseconds and touches neither disk nor network.

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
    from adviz import archive, data, explore, maps, metrics, plots, sweep, tables
    from adviz.backbone import Backbone
    from adviz.calibration import Threshold, calibrate
    from adviz.detectors import *  # noqa: F403
    from adviz.evaluation import evaluate
    from adviz.features import Features
    from adviz.loading import load
    from adviz.prediction import Neighbors, Prediction, ensemble
    from adviz.reporting import report
    from adviz.result import Result

__version__ = "0.1.0"
_DETECTORS = dir(detectors)
__all__ = [
    "Backbone",
    "Features",
    "Neighbors",
    "Prediction",
    "Result",
    "Threshold",
    "archive",
    "calibrate",
    "data",
    "ensemble",
    "evaluate",
    "explore",
    "load",
    "maps",
    "metrics",
    "plots",
    "report",
    "sweep",
    "tables",
]
__all__ += _DETECTORS

_HOME = {
    **dict.fromkeys(_DETECTORS, "detectors"),
    "Backbone": "backbone",
    "Features": "features",
    "Neighbors": "prediction",
    "Prediction": "prediction",
    "ensemble": "prediction",
    "Threshold": "calibration",
    "calibrate": "calibration",
    "Result": "result",
    "evaluate": "evaluation",
    "load": "loading",
    "report": "reporting",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        from adviz.names import got

        raise AttributeError(f"adviz has no such attribute; it offers {', '.join(__all__)}, {got(name, __all__)}")
    module = importlib.import_module(f"adviz.{_HOME.get(name, name)}")
    value = getattr(module, name) if name in _HOME else module
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
