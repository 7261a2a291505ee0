"""``python -m benchmarks.gpu``: does a GPU give what the CPU gives, and how much sooner?

``--fake`` runs the paths without a GPU: torch's "cuda" is the CPU then, faiss' search on GPUs one that checks what it
is given, and what a GPU would refuse is refused: tensors of both devices in one operation, numpy arrays of a GPU's
tensors. It says nothing of speed and rounding.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from functools import partial
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves, tree_map

from adviz import (
    SPADE,
    AnomalyDINO,
    Backbone,
    ConventionalDistillation,
    PatchCore,
    ReverseDistillation,
    data,
)
from adviz._support import devices
from adviz.core import coreset as samplers
from adviz.core import nearest, neighbors
from adviz.features import Features
from benchmarks.timing import machine, once

# Operations that may have tensors of two devices
BETWEEN_DEVICES = {
    "to",
    "copy_",
    "__getitem__",
    "__setitem__",
    "__set__",
    "__deepcopy__",
    "_has_compatible_shallow_copy_type",
}
# Methods of optimisers, by versions of torch
ASK_THE_DRIVER = ("_cuda_graph_capture_health_check", "_accelerator_graph_capture_health_check")
ROUNDING = 1e-4  # relative to the largest value
TRAINED = 1e-2  # the same after an epoch, whose steps enlarge what rounding changed; to be learned on a real GPU
Arrays = dict[str, np.ndarray]


def main(arguments: list[str] | None = None) -> None:
    """Print the table; fail where CPU and GPU disagree."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu", description=__doc__)
    parser.add_argument("--fake", action="store_true", help="without a GPU: do the paths run?")
    fake = parser.parse_args(arguments).fake
    with faked_gpu() if fake else nullcontext([]) as calls:
        if not torch.cuda.is_available():
            parser.error("expected a GPU that torch can use, found none: --fake does without")
        print(f"{machine()}{'; the GPU is a fake' if fake else ''}\n")
        print("| what | CPU, s | GPU, s | ratio | largest difference |\n|---|---:|---:|---:|---:|")
        for name, run in paths(small=fake):
            calls.clear()
            print(row(name, run), flush=True)
            assert calls or not fake, f"{name}: nothing was computed on the GPU"


def row(name: str, run: Callable[[str], Arrays]) -> str:
    """Return a row of the table, once both devices are found to agree."""
    on_cpu, on_gpu = run("cpu"), run("cuda")  # which also loads and compiles what is needed once
    cpu, gpu = (once(partial(run, device)) for device in ("cpu", "cuda"))
    difference = 0.0
    for key, expected in on_cpu.items():
        given = on_gpu[key]
        if expected.dtype.kind == "i":
            assert np.array_equal(given, expected), f"{name}: other {key} on the GPU"
        else:
            away = float(np.abs(given - expected).max() / np.abs(expected).max())
            limit = TRAINED if name.startswith("an epoch") else ROUNDING
            assert away < limit, f"{name}: {key} differ by {away:.1e} of the largest"
            difference = max(difference, away)
    return f"| {name} | {cpu:.3g} | {gpu:.3g} | {cpu / gpu:.1f} | {difference:.0e} |"


def paths(*, small: bool) -> Iterator[tuple[str, Callable[[str], Arrays]]]:
    """Yield name -> a function of the device for everything that computes on one."""
    category = data.demo("hex_nut", n_train=6 if small else 64)
    network = Backbone("efficientnet_lite0", layers=("image", 8, 16, 32), device="cpu")
    images = category.test.subset(range(3 if small else 46))
    train, test = network.extract(category.train), network.extract(images)
    rng = np.random.default_rng(0)
    query, bank = (
        rng.normal(size=(n, 152)).astype(np.float32) for n in (784, 300 if small else 50_000)
    )
    grid = samplers.to_grid(bank)

    networks = {
        device: Backbone("efficientnet_lite0", layers=(8, 16), device=device)
        for device in ("cpu", "cuda")
    }

    def features(device: str) -> Arrays:
        return dict(networks[device].extract(images, cache=False).items())

    def search(device: str) -> Arrays:
        distance, index = nearest(query, bank, 5, device=device)
        return {"distances": distance, "rows": index}

    def search_of_torch(device: str) -> Arrays:
        with patch.object(neighbors, "has_faiss", lambda *, gpu=False: False):
            return search(device)

    def coreset(device: str) -> Arrays:
        order, radius = samplers.k_center_greedy(grid, len(bank) // 10, device=device)
        return {"order": order, "radii": radius[1:]}

    yield "features", features
    if neighbors.has_faiss(gpu=True):
        yield "search, faiss", search
    yield "search, torch", search_of_torch
    yield "greedy coreset", coreset
    for detector in (PatchCore(coreset=0.02), SPADE(layers=(8, 16), k_images=5), AnomalyDINO()):
        yield type(detector).__name__, of_detector(detector, train, test)
    for student in (
        ReverseDistillation(layers=(8, 16), epochs=1, student="small"),
        ConventionalDistillation(layers=(8, 16), epochs=1),
    ):
        yield f"an epoch of {type(student).__name__}", of_detector(student, train, test)


def of_detector(detector: Any, train: Features, test: Features) -> Callable[[str], Arrays]:
    """Return a function of the device that fits a detector and predicts."""

    def run(device: str) -> Arrays:
        prediction = detector.set_params(device=device).fit(train).predict(test)
        return {"scores": prediction.score, "maps": prediction.anomaly_map}

    return run


# A fake GPU


class CudaIsTheCpu(TorchFunctionMode):
    """Calls of torch that ask for "cuda" get tensors of the CPU, which are treated as a GPU's.

    Refused are operations on tensors of both devices, and numpy arrays of a GPU's tensors, as torch refuses them.

    Attributes
    ----------
    calls: names of the functions that had a tensor of the GPU.
    """

    def __init__(self, calls: list[str]) -> None:
        super().__init__()
        self.calls = calls

    def __torch_function__(
        self, function: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """Call the function with other devices, once its tensors are found to be on one."""
        kwargs = kwargs or {}
        name = getattr(function, "__name__", "")
        if name in ("device", "_parse_to"):  # which make no tensor
            return function(*args, **kwargs)
        given = tree_leaves((args, kwargs))
        tensors = [value for value in given if isinstance(value, torch.Tensor)]
        on_gpu = any(map(_on_gpu, tensors))
        if on_gpu:
            self.calls.append(name)
            if function == torch.Tensor.device.__get__:
                return torch.device("cuda", 0)
            if function == torch.Tensor.is_cuda.__get__:
                return True
            if name in ("numpy", "__array__"):
                raise TypeError("expected a tensor of the CPU, got a GPU's: numpy cannot read it")
        if (
            name not in BETWEEN_DEVICES
            and len({_on_gpu(each) for each in tensors if each.dim()}) > 1
        ):
            raise RuntimeError(f"expected all tensors on one device, got both in {name}")
        asked = {_kind_of(value) for value in given if _is_device(value)} | ({"cpu"} & {name})
        result = function(*tree_map(_without_cuda, args), **tree_map(_without_cuda, kwargs))
        if name in ("__setitem__", "copy_"):
            return result  # where it is stays
        if name == "__set__":  # as of `parameter.data = values`
            args[0].is_fake_gpu = _on_gpu(args[1])
            return result
        if name == "to" and len(tensors) > 1:
            on_gpu = _on_gpu(tensors[1])
        elif asked:
            on_gpu = "cuda" in asked
        return tree_map(partial(_at, on_gpu=on_gpu), result)


def _is_device(value: object) -> bool:
    return isinstance(value, torch.device) or (
        isinstance(value, str) and _kind_of(value) in ("cpu", "cuda")
    )


def _kind_of(device: object) -> str:
    return str(device).partition(":")[0]


def _without_cuda(value: Any) -> Any:
    return torch.device("cpu") if _is_device(value) else value


def _on_gpu(tensor: torch.Tensor) -> bool:
    return getattr(tensor, "is_fake_gpu", False)


def _at(value: Any, *, on_gpu: bool) -> Any:
    """Return a tensor as one of the GPU or of the CPU: a copy, if it was on the other."""
    if not isinstance(value, torch.Tensor):
        return value
    if getattr(value, "is_fake_gpu", on_gpu) != on_gpu:
        value = value.clone()
    value.is_fake_gpu = on_gpu
    return value


class FakeResources:
    """Stands for faiss' memory on a GPU."""


def checked_knn_gpu(
    resources: object, query: np.ndarray, bank: np.ndarray, k: int, *, device: int
) -> tuple[np.ndarray, np.ndarray]:
    """Search on the CPU what faiss would search on a GPU, once it is what that takes."""
    assert isinstance(resources, FakeResources)
    import faiss

    assert 0 <= device < faiss.get_num_gpus()
    for rows in (query, bank):
        assert isinstance(rows, np.ndarray)
        assert rows.dtype == np.float32
        assert rows.ndim == 2
        assert rows.flags.c_contiguous
    assert query.shape[1] == bank.shape[1]
    assert 1 <= k <= min(2048, len(bank))  # faiss' own limit on GPUs
    distance, index = faiss.knn(query, bank, k)
    return distance, index


@contextmanager
def faked_gpu(count: int = 1) -> Iterator[list[str]]:
    """Let torch and faiss take the CPU for some GPUs; yield the names of what is then called there."""
    import faiss

    calls: list[str] = []
    start = devices._start_worker

    def start_worker(inference: bool) -> None:
        CudaIsTheCpu(calls).__enter__()
        start(inference)

    def knn_gpu(*args: Any, **options: Any) -> tuple[np.ndarray, np.ndarray]:
        calls.append("knn_gpu")
        return checked_knn_gpu(*args, **options)

    with ExitStack() as stack:
        for module, name, value in (
            (torch.cuda, "is_available", lambda: True),
            (torch.cuda, "device_count", lambda: count),
            *((torch.optim.Optimizer, name, lambda self: None) for name in ASK_THE_DRIVER),
            (devices, "_start_worker", start_worker),
            (faiss, "StandardGpuResources", FakeResources),
            (faiss, "get_num_gpus", lambda: count),
            (faiss, "knn_gpu", knn_gpu),
        ):
            stack.enter_context(patch.object(module, name, value, create=True))
        # Real and fake memory are not to be mixed
        neighbors._reserved_gpu.cache_clear()
        stack.callback(neighbors._reserved_gpu.cache_clear)
        stack.enter_context(CudaIsTheCpu(calls))
        yield calls


if __name__ == "__main__":
    main()
