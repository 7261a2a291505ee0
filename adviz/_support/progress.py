"""The progress bar of all long work; `ADVIZ_PROGRESS=0` switches it off."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Sized
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from typing import Any

SHOWN_EVERY = 0.2  # seconds
# Takes a label, the steps done, and all steps or None
Report = Callable[[str, int, int | None], None]
_report: ContextVar[Report | None] = ContextVar("report", default=None)


@contextmanager
def watched(report: Report) -> Iterator[None]:
    """Call `report` at every step of the work inside, in this thread, instead of showing bars.

    What it raises ends the work: so an explorer stops a refit.
    """
    token = _report.set(report)
    try:
        yield
    finally:
        _report.reset(token)


def progress_bar(
    iterable: Iterable[Any] | None = None, *, label: str, total: int | None = None
) -> Any:
    """Return a tqdm bar over `iterable`, a widget in notebooks; without one, to update by hand."""
    report = _report.get()
    if report is not None:
        return _ReportingBar(report, iterable, label, total)
    from tqdm.auto import tqdm

    disable = os.environ.get("ADVIZ_PROGRESS") == "0"
    kind: Any = tqdm
    in_notebook = any(base.__name__ == "tqdm_notebook" for base in tqdm.__mro__)
    if in_notebook and not disable:
        kind = _vanishing(tqdm)
    return kind(iterable, desc=label, total=total, disable=disable, leave=False, dynamic_ncols=True)


@cache
def _vanishing(notebook_bar: type) -> type:
    """Return a class of bars that leave nothing behind when they are closed.

    tqdm closes the widget alone: the place where it was displayed stays, and after a reload the
    page shows an error there.
    """
    from IPython.display import HTML, display

    class VanishingBar(notebook_bar):  # type: ignore[misc]
        def __init__(
            self,
            iterable: Iterable[Any] | None,
            desc: str,
            total: int | None,
            disable: bool,
            leave: bool,
            dynamic_ncols: bool,
        ) -> None:
            super().__init__(
                iterable,
                desc=desc,
                total=total,
                disable=disable,
                leave=leave,
                dynamic_ncols=dynamic_ncols,
                display=False,
            )
            self.handle = display(self.container, display_id=True)

        def close(self) -> None:
            super().close()
            failed = self.total and self.n < self.total  # then the bar stays, and says where
            if self.handle is not None and not failed:
                self.handle.update(HTML(""))

    return VanishingBar


@contextmanager
def progress_behind(outer: Any) -> Iterator[None]:
    """Show the progress of the work inside behind the bar `outer` instead of in further bars."""
    if _report.get() is not None:
        yield
        return
    last_shown = 0.0

    def report(label: str, done: int, total: int | None) -> None:
        nonlocal last_shown
        time_now = time.monotonic()
        if time_now - last_shown >= SHOWN_EVERY:
            last_shown = time_now
            steps = "?" if total is None else total
            outer.set_postfix_str(f"{label} {done}/{steps}")

    with watched(report):
        yield


class _ReportingBar:
    """The methods of a tqdm bar that adviz uses, which call a function instead of drawing."""

    def __init__(
        self, report: Report, iterable: Iterable[Any] | None, label: str, total: int | None
    ) -> None:
        if total is None and isinstance(iterable, Sized):
            total = len(iterable)
        self.report = report
        self.iterable = iterable
        self.label = label
        self.done = 0
        self.total = total

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
