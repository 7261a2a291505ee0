"""Array algorithms under the detectors: maps, nearest neighbours, coresets. No noun of adviz is known here."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
