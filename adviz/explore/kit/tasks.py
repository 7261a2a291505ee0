"""Long work in one thread beside the kernel's main one: in order, reported, stoppable."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from time import monotonic
from typing import Any

from adviz._support import progress

QUIET = 0.1  # seconds between two reports of progress
Label = str | Callable[[], str]


class Stopped(Exception):
    """The work was stopped, or something newer took its place."""


@dataclass
class Task:
    """Something to do.

    Attributes
    ----------
    key: names it: what waits or runs already is not added again.
    label: said while it runs, or a function of nothing that returns it; "" = it is short, nothing
        is said.
    run: makes the result; every step of a progress bar inside can stop it.
    done: called with the result, in the thread.
    failed: called with the exception that ended it; None = it was stopped.
    """

    key: Hashable
    label: Label
    run: Callable[[], Any]
    done: Callable[[Any], None]
    failed: Callable[[Exception | None], None]


class Tasks:
    """A queue of tasks and the thread that does them, which ends when there are none.

    Parameters
    ----------
    tell: called with what is being done and how far it is, and with "" when all is done.
    """

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell
        self._lock = threading.Lock()
        self._waiting: list[Task] = []
        self._running: Task | None = None
        self._stop = threading.Event()
        self._idle = threading.Event()
        self._idle.set()

    @property
    def busy(self) -> bool:
        """Whether something is being done or waits."""
        return not self._idle.is_set()

    def add(self, task: Task, *, first: bool = False) -> None:
        """Do something after what waits, or before it (`first`)."""
        with self._lock:
            known = [one.key for one in self._waiting]
            if self._running is not None and not self._stop.is_set():
                known.append(self._running.key)
            if task.key in known:
                return
            self._waiting.insert(0 if first else len(self._waiting), task)
            if self._idle.is_set():
                self._idle.clear()
                threading.Thread(target=self._work, daemon=True).start()

    def stop(self, unneeded: Callable[[Hashable], bool] = lambda _key: True) -> None:
        """Stop what is being done and drop what waits, all or what is `unneeded` by its key."""
        with self._lock:
            dropped = [task for task in self._waiting if unneeded(task.key)]
            self._waiting = [task for task in self._waiting if not unneeded(task.key)]
            if self._running is not None and unneeded(self._running.key):
                self._stop.set()
        for task in dropped:
            task.failed(None)

    def wait(self, seconds: float) -> None:
        """Wait until all is done.

        Raises
        ------
        TimeoutError: it took longer; it goes on.
        """
        if not self._idle.wait(seconds):
            raise TimeoutError(f"still busy after {seconds:g} s; wait longer, or stop it")

    def _work(self) -> None:
        while True:
            with self._lock:
                self._running = self._waiting.pop(0) if self._waiting else None
                self._stop = threading.Event()
                if self._running is None:
                    self._tell("")
                    self._idle.set()
                    return
            self._do(self._running, self._stop)

    def _do(self, task: Task, stop: threading.Event) -> None:
        if task.label:
            self._tell(f"{text_of(task.label)} …")
        try:
            with progress.watched(self._reporter(task.label, stop)):
                result = task.run()
            if stop.is_set():
                raise Stopped
            task.done(result)
        except Stopped:
            task.failed(None)
        # whatever it is: the person at the screen must see it, not only a log
        except Exception as error:
            task.failed(None if stop.is_set() else error)

    def _reporter(self, label: Label, stop: threading.Event) -> progress.Report:
        last = monotonic()

        def report(step: str, done: int, total: int | None) -> None:
            nonlocal last
            if stop.is_set():
                raise Stopped
            if label and monotonic() - last > QUIET:
                last = monotonic()
                amount = f"{done / total:.0%}" if total else str(done)
                self._tell(f"{text_of(label)}: {step} {amount}")

        return report


def text_of(label: Label) -> str:
    """Return what a label says now."""
    return label if isinstance(label, str) else label()
