"""Devices that compute, and the threads of a CPU."""

from __future__ import annotations

import functools
import os
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager

import torch

_thread = threading.local()  # keeps the inference mode that a worker entered


@functools.cache
def survive_forks() -> None:
    """Make processes that are forked from this one compute on one thread.

    A child has the thread that called fork and no other, but OpenMP, which runs torch's and faiss'
    threads, takes its parent's pool for its own and waits for ever. On one thread no pool is asked
    for, and results are the same. Call this before torch or faiss compute; further calls do
    nothing.
    """
    if hasattr(os, "register_at_fork"):  # not on Windows, which cannot fork
        os.register_at_fork(after_in_child=_use_one_thread)


def _use_one_thread() -> None:
    torch.set_num_threads(1)
    faiss = sys.modules.get("faiss")
    if faiss is not None:
        faiss.omp_set_num_threads(1)


survive_forks()


def device_here(name: str) -> str:
    """Return what a device's name stands for: "auto" is "cuda" where there is one, else "cpu"."""
    if name != "auto":
        return name
    return "cuda" if torch.cuda.is_available() else "cpu"


def check_device(device: str | torch.device) -> None:
    """Refuse a device that this machine does not have.

    Raises
    ------
    ValueError: neither "auto" nor "cpu" nor, where there are, "cuda" or one of "cuda:0", "cuda:1",
        ...
    """
    name = str(device)
    if name in ("auto", "cpu"):
        return
    kind, _, number = name.partition(":")
    exists = torch.cuda.is_available() and kind == "cuda"
    if number:
        exists = exists and number.isdigit() and int(number) < torch.cuda.device_count()
    if not exists:
        raise ValueError(
            f'device must be "auto", "cpu", or "cuda" on a machine that has one, got {name!r}'
        )


def check_device_name(device: str) -> None:
    """Refuse a CUDA device that this machine lacks, and names that torch does not know.

    "auto" and torch's other devices pass.

    Raises
    ------
    ValueError: either.
    """
    try:
        kind = "auto" if device == "auto" else torch.device(device).type
    except RuntimeError:
        kind = "cuda"  # refused below, with the names of the devices
    if kind == "cuda":
        check_device(device)


@contextmanager
def advice_on_gpu_memory(shape: tuple[int, ...]) -> Iterator[None]:
    """Turn the error of a GPU without memory for (n, 3, H, W) images into advice.

    Raises
    ------
    MemoryError: in place of torch's error.
    """
    try:
        yield
    except torch.OutOfMemoryError as error:
        batch_size, _, height, width = shape
        raise MemoryError(
            f"expected room on the GPU for {batch_size} images of {height}x{width} at once, "
            f"got none ({error}): pass batch_size={max(1, batch_size // 4)}, or device='cpu'"
        ) from error


@contextmanager
def workers(device: str | torch.device) -> Iterator[Executor]:
    """Yield a pool of as many threads as torch may use, each running torch on one; of 1 on a GPU.

    That is faster than sharing every product, whose parts stay in a core's cache, and results do
    not depend on the number of threads. An interruption waits for running tasks only.
    """
    threads = torch.get_num_threads()
    count = threads if torch.device(device).type == "cpu" else 1
    mode = torch.is_inference_mode_enabled()
    pool = ThreadPoolExecutor(count, initializer=_start_worker, initargs=(mode,))
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)
        # A worker's setting is also that of threads that are started later
        torch.set_num_threads(threads)


def _start_worker(inference: bool) -> None:
    """Make a worker run torch on one thread, in inference mode if its starter is in it."""
    torch.set_num_threads(1)
    _thread.mode = torch.inference_mode(inference)
    _thread.mode.__enter__()
