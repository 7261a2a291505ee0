"""What long work did, for engineers: messages under the name "adviz" of Python's `logging`.

They are about work of seconds and more: features extracted or found in the cache, detectors fitted,
experiments, downloads. Nothing is said unless a program sets up `logging`, or ``ADVIZ_LOG`` asks
for the messages on standard error.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

LEVELS = {"info": logging.INFO, "debug": logging.DEBUG}
FORMAT = "%(asctime)s adviz %(levelname)s: %(message)s"


@cache
def logger() -> logging.Logger:
    """Return the logger "adviz"; the first call looks at ``ADVIZ_LOG``.

    ``ADVIZ_LOG=info`` or ``debug`` prints its messages of that level and above on standard error,
    unless the program has handlers of its own, which then get them.

    Raises
    ------
    ValueError: ``ADVIZ_LOG`` is neither.

    Examples
    --------
    >>> from adviz._support import logger
    >>> logger().name
    'adviz'
    """
    adviz = logging.getLogger("adviz")
    name = os.environ.get("ADVIZ_LOG", "")
    if name and name.lower() not in LEVELS:
        raise ValueError(
            f"expected ADVIZ_LOG as info or debug, got {name!r}: set one of them, or unset it"
        )
    if name:
        adviz.setLevel(LEVELS[name.lower()])
    if not name:
        adviz.addHandler(logging.NullHandler())
    elif not adviz.hasHandlers():
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter(FORMAT, "%H:%M:%S"))
        adviz.addHandler(handler)
    return adviz


@contextmanager
def timed(message: str, *values: object) -> Iterator[None]:
    """Log at level info what the work inside did and how long it took, once it has succeeded.

    Parameters
    ----------
    message: in the form of `logging`, such as "%s fitted on %d images".
    values: for the message.

    Examples
    --------
    >>> from adviz._support import timed
    >>> with timed("counted to %d", 1000):
    ...     total = sum(range(1000))
    """
    log = logger()
    started = time.perf_counter()
    yield
    log.info(f"{message} in %.2f s", *values, time.perf_counter() - started)
