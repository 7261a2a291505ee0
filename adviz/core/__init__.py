"""Array algorithms under the detectors: maps, nearest neighbours, coresets.

Nothing here knows splits, features or predictions.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
