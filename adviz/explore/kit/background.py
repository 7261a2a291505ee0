"""Long work beside the kernel's main thread.

So that the page stays alive and a button can stop it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from time import monotonic
from typing import Any

from adviz._support import progress

QUIET = 0.1  # seconds between two reports of progress
Label = str | Callable[[], str]


class Stopped(Exception):
    """The work was stopped, or something newer took its place."""


class Work:
    """Does one thing at a time; what is started later stops what came before.

    The result of what was stopped is dropped.

    Parameters
    ----------
    tell: called with a text as the work goes on, and with "" when it has ended, in whatever way.
    fail: called with the exception that ended it, unless it was stopped.
    """

    def __init__(self, tell: Callable[[str], None], fail: Callable[[Exception], None]) -> None:
        self._tell, self._fail = tell, fail
        self._thread: threading.Thread | None = None
        self._stop, self._starting = threading.Event(), threading.Lock()

    @property
    def busy(self) -> bool:
        """Whether something is being done."""
        return self._thread is not None and self._thread.is_alive()

    def start(self, label: Label, function: Callable[[], Any], then: Callable[[Any], None]) -> None:
        """Call ``then(function())`` in a thread of its own.

        Every step of a progress bar inside can stop it.

        `label` is a text, or a function that returns one where it changes as the work goes on.
        """
        # What ends at once may start something else before its own thread is known
        with self._starting:
            self.stop()
            self._stop = threading.Event()
            self._tell(f"{text_of(label)} …")
            work = (label, function, then, self._stop, self._thread)
            thread = threading.Thread(target=self._run, args=work, daemon=True)
            thread.start()
            self._thread = thread  # not before it is alive: who waits looks here

    def stop(self) -> None:
        """Stop at the next step, and drop the result."""
        self._stop.set()

    def wait(self, seconds: float) -> None:
        """Wait until nothing is being done.

        Raises
        ------
        TimeoutError: it took longer; it goes on.
        """
        end = monotonic() + seconds
        # What has ended may have started something else
        while self._thread is not None and self._thread.is_alive():
            if monotonic() >= end:
                raise TimeoutError(f"still busy after {seconds:g} s; wait longer, or stop it")
            self._thread.join(max(0.0, end - monotonic()))

    def _run(
        self,
        label: Label,
        function: Callable[[], Any],
        then: Callable[[Any], None],
        stop: threading.Event,
        before: threading.Thread | None,
    ) -> None:
        try:
            if before is not None:
                before.join()
            with progress.watched(self._reporter(label, stop)):
                result = function()
            if not stop.is_set():
                then(result)
        except Stopped:
            pass
        # Whatever it is: the person at the screen must see it, not only a log
        except Exception as error:
            if not stop.is_set():
                self._fail(error)
        finally:
            if stop is self._stop:
                self._tell("")

    def _reporter(self, label: Label, stop: threading.Event) -> progress.Report:
        last = monotonic()

        def report(step: str, done: int, total: int | None) -> None:
            nonlocal last
            if stop.is_set():
                raise Stopped
            if monotonic() - last > QUIET:
                last = monotonic()
                self._tell(
                    f"{text_of(label)}: {step} {done / total:.0%}"
                    if total
                    else f"{text_of(label)}: {step} {done}"
                )

        return report


def text_of(label: Label) -> str:
    """Return what a label says now."""
    return label if isinstance(label, str) else label()
