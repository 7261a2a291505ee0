"""Where numbers are computed: on which device, and on a CPU on how many threads side by side."""

from __future__ import annotations

import functools
import os
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager

import torch

_own = threading.local()  # of each worker: the mode that it entered


@functools.cache
def survive_forks() -> None:
    """Let processes that are forked from this one compute on one thread, instead of waiting for ever.

    A child has the thread that called fork and no other, but OpenMP, on which torch and faiss share
    their work, takes the pool of its parent for its own. On one thread no pool is asked for, and
    results are the same. Whatever uses torch or faiss calls this before; as often as it likes, it
    is done once.
    """
    if hasattr(os, "register_at_fork"):  # not on Windows, which cannot fork
        os.register_at_fork(after_in_child=_use_one_thread)


def _use_one_thread() -> None:
    torch.set_num_threads(1)
    faiss = sys.modules.get("faiss")
    if faiss is not None:
        faiss.omp_set_num_threads(1)


survive_forks()


def check_device(device: str | torch.device) -> None:
    """Refuse a device that this machine does not have.

    Raises
    ------
    ValueError: neither "cpu" nor, where there are, "cuda" or one of "cuda:0", "cuda:1", ...
    """
    kind, _, number = str(device).partition(":")
    there = torch.cuda.is_available() and (
        not number or (number.isdigit() and int(number) < torch.cuda.device_count())
    )
    if str(device) != "cpu" and not (kind == "cuda" and there):
        raise ValueError(
            f'device must be "cpu", or "cuda" on a machine that has one, got {str(device)!r}'
        )


def check_known(device: str) -> None:
    """Refuse what is neither "auto" nor torch's name for a device, and a GPU of CUDA's that this machine does not have.

    Raises
    ------
    ValueError: either.
    """
    try:
        kind = "auto" if device == "auto" else torch.device(device).type
    except RuntimeError:
        kind = "cuda"  # refused, with the names of those there are
    if kind == "cuda":
        check_device(device)


@contextmanager
def room_for(shape: tuple[int, ...]) -> Iterator[None]:
    """Say of a GPU that has no memory for a batch of a shape (n, 3, H, W) what to do.

    Raises
    ------
    MemoryError: in place of torch's error.
    """
    try:
        yield
    except torch.OutOfMemoryError as error:
        raise MemoryError(
            f"expected room on the GPU for {shape[0]} images of {shape[2]}x{shape[3]} at once, got none ({error}): "
            f"pass batch_size={max(1, shape[0] // 4)}, or device='cpu'"
        ) from error


@contextmanager
def workers(device: str | torch.device) -> Iterator[Executor]:
    """Give as many threads as torch may use on a CPU, each of which runs torch on itself alone; one on a GPU.

    That is faster than sharing every product, as its parts stay in a core's cache, and results do
    not depend on the number of threads. On an interruption only the work in hand is finished.
    """
    threads = torch.get_num_threads()
    count = threads if torch.device(device).type == "cpu" else 1
    pool = ThreadPoolExecutor(
        count, initializer=_settle, initargs=(torch.is_inference_mode_enabled(),)
    )
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)
        # What a worker sets is also what threads begin with that are started later
        torch.set_num_threads(threads)


def _settle(inference: bool) -> None:
    """Make a worker run torch on one thread, in the mode of who started it: tensors of one mode refuse the other."""
    torch.set_num_threads(1)
    _own.mode = torch.inference_mode(inference)
    _own.mode.__enter__()
