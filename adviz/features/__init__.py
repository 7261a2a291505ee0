"""Images to `Features`: networks, the ways to run them, and the cache of what was extracted."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
