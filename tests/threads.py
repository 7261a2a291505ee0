"""The same work on one thread and on two."""

import torch
from threadpoolctl import threadpool_limits


def on_threads(count, work):
    """Do something with so many threads of torch, faiss, OpenMP and BLAS."""
    before = torch.get_num_threads()
    try:
        with threadpool_limits(count):
            torch.set_num_threads(count)
            return work()
    finally:
        torch.set_num_threads(before)
