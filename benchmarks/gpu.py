"""``python -m benchmarks.gpu``: does a GPU give what the CPU gives, and how much sooner?

``--fake`` runs the paths without a GPU: torch's "cuda" is the CPU then, and faiss' search on a GPU one that checks what
it is given. It says nothing of speed, and leaves out training, whose optimisers ask the driver.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any
from unittest.mock import patch

import faiss
import numpy as np
import torch
from torch.overrides import TorchFunctionMode

from adviz import SPADE, AnomalyDINO, Backbone, PatchCore, ReverseDistillation, data
from adviz._support import devices
from adviz.core import coreset as samplers
from adviz.core import nearest
from adviz.features import Features
from benchmarks.timing import machine, once

ROUNDING = 1e-4  # relative to the largest value
Arrays = dict[str, np.ndarray]


def main(arguments: list[str] | None = None) -> None:
    """Print the table; fail where CPU and GPU disagree."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu", description=__doc__)
    parser.add_argument("--fake", action="store_true", help="without a GPU: do the paths run?")
    fake = parser.parse_args(arguments).fake
    with faked_gpu() if fake else ExitStack():
        if not torch.cuda.is_available():
            parser.error("expected a GPU that torch can use, found none: --fake does without")
        print(f"{machine()}{'; the GPU is a fake' if fake else ''}\n")
        print("| what | CPU, s | GPU, s | ratio | largest difference |\n|---|---:|---:|---:|---:|")
        for name, run in paths(small=fake):
            print(row(name, run), flush=True)


def row(name: str, run: Callable[[str], Arrays]) -> str:
    """Return a row of the table, once both devices are found to agree."""
    on_cpu, on_gpu = run("cpu"), run("cuda")  # which also loads and compiles what is needed once
    cpu, gpu = (once(partial(run, device)) for device in ("cpu", "cuda"))
    difference = 0.0
    for key, expected in on_cpu.items():
        given = on_gpu[key]
        if expected.dtype.kind == "i":
            assert (given == expected).mean() > 0.999, f"{name}: other {key} on the GPU"
        else:
            away = float(np.abs(given - expected).max() / np.abs(expected).max())
            assert away < ROUNDING, f"{name}: {key} differ by {away:.1e} of the largest"
            difference = max(difference, away)
    return f"| {name} | {cpu:.3g} | {gpu:.3g} | {cpu / gpu:.1f} | {difference:.0e} |"


def paths(*, small: bool) -> Iterator[tuple[str, Callable[[str], Arrays]]]:
    """Yield name -> a function of the device for everything that computes on one."""
    category = data.demo("hex_nut", n_train=6 if small else 64)
    network = Backbone("efficientnet_lite0", layers=(8, 16, 32), device="cpu")
    images = category.test.subset(range(3 if small else 46))
    train, test = network.extract(category.train), network.extract(images)
    rng = np.random.default_rng(0)
    query, bank = (
        rng.normal(size=(n, 152)).astype(np.float32) for n in (784, 300 if small else 50_000)
    )
    grid = samplers.to_grid(bank)

    def features(device: str) -> Arrays:
        backbone = Backbone("efficientnet_lite0", layers=(8, 16), device=device)
        return dict(backbone.extract(images, cache=False).items())

    def search(device: str) -> Arrays:
        distance, index = nearest(query, bank, 5, device=device)
        return {"distances": distance, "rows": index}

    def coreset(device: str) -> Arrays:
        order, radius = samplers.k_center_greedy(grid, len(bank) // 10, device=device)
        return {"order": order, "radii": radius[1:]}

    yield "features", features
    yield "search", search
    yield "greedy coreset", coreset
    detectors = [PatchCore(coreset=0.02), SPADE(layers=(8, 16), k_images=5), AnomalyDINO()]
    if not small:
        detectors.append(ReverseDistillation(layers=(8, 16), epochs=20, student="small"))
    for detector in detectors:
        yield type(detector).__name__, of_detector(detector, train, test)


def of_detector(detector: Any, train: Features, test: Features) -> Callable[[str], Arrays]:
    """Return a function of the device that fits a detector and predicts."""

    def run(device: str) -> Arrays:
        prediction = detector.set_params(device=device).fit(train).predict(test)
        return {"scores": prediction.score, "maps": prediction.anomaly_map}

    return run


# A fake GPU


class CudaIsTheCpu(TorchFunctionMode):
    """Calls of torch that ask for "cuda" get the CPU."""

    def __torch_function__(
        self, function: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """Call the function with other devices."""
        kwargs = {name: _without_cuda(value) for name, value in (kwargs or {}).items()}
        return function(*map(_without_cuda, args), **kwargs)


def _without_cuda(value: Any) -> Any:
    is_cuda = isinstance(value, str | torch.device) and str(value).startswith("cuda")
    return torch.device("cpu") if is_cuda else value


def checked_knn_gpu(
    resources: object, query: np.ndarray, bank: np.ndarray, k: int, *, device: int
) -> tuple[np.ndarray, np.ndarray]:
    """Search on the CPU what faiss would search on a GPU, once it is what that takes."""
    assert isinstance(resources, FakeResources)
    assert device == 0
    for rows in (query, bank):
        assert isinstance(rows, np.ndarray)
        assert rows.dtype == np.float32
        assert rows.ndim == 2
        assert rows.flags.c_contiguous
    assert query.shape[1] == bank.shape[1]
    assert 1 <= k <= min(2048, len(bank))  # faiss' own limit on GPUs
    distance, index = faiss.knn(query, bank, k)
    return distance, index


class FakeResources:
    """Stands for faiss' memory on a GPU."""


@contextmanager
def faked_gpu() -> Iterator[None]:
    """Let torch and faiss take the CPU for a GPU."""
    mode = CudaIsTheCpu()
    start = devices._start_worker

    def start_worker(inference: bool) -> None:
        CudaIsTheCpu().__enter__()
        start(inference)

    with ExitStack() as stack:
        stack.enter_context(patch.object(torch.cuda, "is_available", lambda: True))
        stack.enter_context(patch.object(torch.cuda, "device_count", lambda: 1))
        stack.enter_context(patch.object(devices, "_start_worker", start_worker))
        for name, value in {
            "StandardGpuResources": FakeResources,
            "get_num_gpus": lambda: 1,
            "knn_gpu": checked_knn_gpu,
        }.items():
            stack.enter_context(patch.object(faiss, name, value, create=True))
        stack.enter_context(mode)
        yield


if __name__ == "__main__":
    main()
