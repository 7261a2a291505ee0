"""Widgets to look at predictions with, one question each.

They take plain records and never a detector.
"""

import sys
from types import ModuleType
from typing import Any

import lazy_loader

__getattr__, _, _names = lazy_loader.attach_stub(__name__, __file__)
# For other rooms
_SHARED = {"Embedded", "Outcome", "embedded", "first_threshold", "outcome", "wrong"}
__all__ = sorted(set(_names) - _SHARED)


def __dir__() -> list[str]:
    return list(__all__)


class _Face(ModuleType):
    """`explore.retrieval` is the function, also after the folder of that name was imported.

    Python sets a sub-module as an attribute of its package whenever it is imported first.
    """

    def __setattr__(self, name: str, value: Any) -> None:
        if not (isinstance(value, ModuleType) and name in __all__):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Face
