"""Experiments that wait: a queue that one worker at a time empties, and that grows meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from time import monotonic
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from adviz.sweep import Experiment

MINUTES = 90  # seconds, beyond which minutes are said


class Waiting:
    """What waits, in the order in which it was asked for, each once.

    Safe to use from several threads.
    """

    def __init__(self) -> None:
        self._queue = dict[Any, None]()
        self._worker: object | None = None
        self._began, self._done = 0.0, 0
        self._lock = threading.RLock()

    def __len__(self) -> int:
        return len(self._queue)

    def __iter__(self) -> Iterator[Experiment]:
        return iter(list(self._queue))

    def __contains__(self, one: object) -> bool:
        return one in self._queue

    @property
    def idle(self) -> bool:
        """Whether nobody works."""
        return self._worker is None

    def add(self, wanted: Iterable[Experiment]) -> object | None:
        """Put experiments at the end; return a new worker if one has to begin, else None."""
        with self._lock:
            if not self._queue:
                self._began, self._done = monotonic(), 0
            self._queue.update(dict.fromkeys(wanted))
            if not self._queue or self._worker is not None:
                return None
            self._worker = object()
            return self._worker

    def batch(self, worker: object) -> list[Experiment]:
        """Return all that waits; nothing if another works now.

        If nothing waits, this worker has finished.
        """
        with self._lock:
            if self._worker is not worker:
                return []
            if not self._queue:
                self._worker = None
            return list(self._queue)

    def finished(self, one: Experiment) -> None:
        """Take an experiment out that was done."""
        with self._lock:
            self._queue.pop(one, None)
            self._done += 1

    def drop(self, batch: Iterable[Experiment]) -> None:
        """Take experiments out that need not be done."""
        with self._lock:
            for one in batch:
                self._queue.pop(one, None)

    def give_up(self, worker: object | None = None) -> bool:
        """Empty the queue and dismiss the worker, if it is the one that is given.

        Return whether nobody works now.
        """
        with self._lock:
            if worker is None or self._worker is worker:
                self._queue.clear()
                self._worker = None
            return self._worker is None

    def __str__(self) -> str:
        left = len(self._queue)
        text = f"{self._done} of {self._done + left} done"
        if not self._done:
            return text
        seconds = (monotonic() - self._began) / self._done * left
        return (
            f"{text}, about "
            f"{f'{seconds / 60:.0f} min' if seconds > MINUTES else f'{seconds:.0f} s'} left"
        )
