"""One progress bar for all long work; `ADVIZ_PROGRESS=0` switches every bar off, and `watched` takes their place."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sized
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

Report = Callable[[str, int, int | None], None]
_report: ContextVar[Report | None] = ContextVar("report", default=None)


@contextmanager
def watched(report: Report) -> Iterator[None]:
    """Tell `report` of every step of the work inside, in this thread, instead of showing bars.

    It gets (label, steps done, all steps or None). What it raises ends the work: so an explorer stops a refit.
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


class _Reported:
    """What the library uses of a tqdm bar, telling a function instead of drawing."""

    def __init__(self, report: Report, iterable: Iterable[Any] | None, label: str, total: int | None) -> None:
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
