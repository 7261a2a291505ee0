"""The detectors: a dataclass of hyper-parameters each, `fit(features)` and `predict(features) -> Prediction`.

Which there are is said in `__init__.pyi`, a line each, to type checkers and at run time; `dir(adviz.detectors)` lists
them. Each is imported when it is used.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
