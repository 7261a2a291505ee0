"""One progress bar for all long work; `ADVIZ_PROGRESS=0` switches every bar off, and `watched` takes their place."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Sized
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

SHOWN_EVERY = 0.2  # seconds
Report = Callable[[str, int, int | None], None]
_report: ContextVar[Report | None] = ContextVar("report", default=None)


@contextmanager
def watched(report: Report) -> Iterator[None]:
    """Tell `report` of every step of the work inside, in this thread, instead of showing bars.

    It gets (label, steps done, all steps or None). What it raises ends the work: so an explorer
    stops a refit.
    """
    token = _report.set(report)
    try:
        yield
    finally:
        _report.reset(token)


def bar(iterable: Iterable[Any] | None = None, *, label: str, total: int | None = None) -> Any:
    """Return a tqdm bar (a widget in notebooks) over `iterable`, or one to update by hand when there is none."""
    report = _report.get()
    if report is not None:
        return _Reported(report, iterable, label, total)
    from tqdm.auto import tqdm

    disable = os.environ.get("ADVIZ_PROGRESS") == "0"
    return tqdm(iterable, desc=label, total=total, disable=disable, leave=False, dynamic_ncols=True)


@contextmanager
def behind(outer: Any) -> Iterator[None]:
    """Say behind the bar `outer` how far the work inside is, in place of bars: a notebook keeps a line for each."""
    if _report.get() is not None:
        yield
        return
    last = 0.0

    def report(label: str, done: int, total: int | None) -> None:
        nonlocal last
        if (now := time.monotonic()) - last >= SHOWN_EVERY:
            last = now
            outer.set_postfix_str(f"{label} {done}/{'?' if total is None else total}")

    with watched(report):
        yield


class _Reported:
    """What the library uses of a tqdm bar, telling a function instead of drawing."""

    def __init__(
        self, report: Report, iterable: Iterable[Any] | None, label: str, total: int | None
    ) -> None:
        self.report, self.iterable, self.label, self.done = report, iterable, label, 0
        self.total = len(iterable) if total is None and isinstance(iterable, Sized) else total

    def update(self, steps: int = 1) -> None:
        self.done += steps
        self.report(self.label, self.done, self.total)

    def __iter__(self) -> Iterator[Any]:
        for item in self.iterable or ():
            self.update(0)
            yield item
            self.done += 1

    def set_postfix(self, **_values: str) -> None:
        """Ignore them; the label and the numbers are enough."""

    def close(self) -> None:
        """Nothing was opened."""
