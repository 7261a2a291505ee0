"""Threads that each do matrix products of their own: faster than sharing every product, whose parts stay in caches."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager

import torch


@contextmanager
def workers(device: str | torch.device) -> Iterator[Executor]:
    """Give as many threads as torch may use on a CPU, each of which runs torch on itself alone; one on a GPU.

    Results then do not depend on the number of threads. On an interruption only the work in hand is finished.
    """
    count = torch.get_num_threads() if torch.device(device).type == "cpu" else 1
    pool = ThreadPoolExecutor(count, initializer=torch.set_num_threads, initargs=(1,))
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)
