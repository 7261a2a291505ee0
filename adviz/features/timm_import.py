"""timm, imported without `torch._dynamo`, torch's compiler.

timm and torchvision import the compiler to mark two functions of theirs and to ask one question
when an operator runs. That takes longer than all else that timm imports, and neither building a
network nor extracting features needs it.
"""

from __future__ import annotations

import functools
import importlib
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

COMPILER = "torch._dynamo"
UTILS = "torch._dynamo.utils"
ASKED = "is_compile_supported"  # by torchvision, of the latter


def import_timm() -> Any:
    """Return timm; its first import leaves torch's compiler to whoever uses it."""
    if "timm" in sys.modules or COMPILER in sys.modules:
        return importlib.import_module("timm")
    stand_ins = _StandIn(COMPILER, {"disable": _disable}), _StandIn(UTILS, {ASKED: _ask})
    sys.modules.update({one.__name__: one for one in stand_ins})
    try:
        return importlib.import_module("timm")
    finally:
        _leave()


class _StandIn(ModuleType):
    """Stands for a module of the compiler while timm is imported; asked for more it makes room."""

    def __init__(self, name: str, functions: dict[str, Callable[..., Any]]) -> None:
        super().__init__(name)
        self.__dict__.update(functions)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # of the import system
            raise AttributeError(name)
        _leave()
        return getattr(importlib.import_module(self.__name__), name)


def _leave() -> None:
    """Let the next import find the true modules."""
    for name in (COMPILER, UTILS):
        if isinstance(sys.modules.get(name), _StandIn):
            del sys.modules[name]


def _ask(device_type: str) -> bool:
    return bool(getattr(importlib.import_module(UTILS), ASKED)(device_type))


def _disable(
    function: Callable[..., Any], recursive: bool = True, *, reason: str | None = None
) -> Callable[..., Any]:
    """Mark a function as none of the compiler's when it is called for the first time."""

    @functools.cache
    def marked() -> Callable[..., Any]:
        disable = importlib.import_module(COMPILER).disable
        return disable(function, recursive, reason=reason)  # type: ignore[no-any-return]

    return functools.update_wrapper(lambda *values, **named: marked()(*values, **named), function)
