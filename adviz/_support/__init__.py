"""What all rooms stand on and that knows nothing of anomaly detection: files, errors, progress, devices."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
