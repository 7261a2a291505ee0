"""Detectors: dataclasses of hyper-parameters with `fit(features)` and `predict(features)`.

`predict` returns a `Prediction`.

Which there are is said in `__init__.pyi`, a line each, to type checkers and at run time;
`dir(adviz.detectors)` lists them. Each is imported when it is used.
"""

import lazy_loader

__getattr__, _, _names = lazy_loader.attach_stub(__name__, __file__)
# For other rooms
_SHARED = {
    *("AtMost", "Detector", "contents", "facts_of", "method_options", "own_classes", "restored"),
}
__all__ = sorted(set(_names) - _SHARED)


def __dir__() -> list[str]:
    return list(__all__)
