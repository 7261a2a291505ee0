"""Where matrix products run: the device, and on a CPU threads that each do products of their own, in their caches."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager

import torch


def check_device(device: str) -> None:
    """Refuse a device that this machine does not have.

    Raises
    ------
    ValueError: neither "cpu" nor, where there is one, "cuda" or "cuda:0".
    """
    if device != "cpu" and not (str(device).startswith("cuda") and torch.cuda.is_available()):
        raise ValueError(f'device must be "cpu", or "cuda" on a machine that has one, got {device!r}')


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
