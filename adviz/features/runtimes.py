"""What runs a network on a batch of images: torch, or OpenVINO on a CPU. Both return the same layers."""

from __future__ import annotations

import importlib.util
import os
import sys
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from adviz._support import float32 as precision
from adviz.features import networks
from adviz.features import patch_layout as layouts

NAMES = ("torch", "openvino")
AGREEMENT = 1e-3  # of a layer's largest value: what OpenVINO's float32 may differ from torch's
# Normalised (n, 3, H, W) images -> {layer: (n, C, h, w)}
Forward = Callable[[Tensor], dict[str, np.ndarray]]
_homes: dict[str, int] = {}  # of what does not survive a fork: the process in which it was started


class Layouts:
    """How the outputs of a network's layers become grids; found once for each size, layer and weights."""

    def __init__(self, model: nn.Module, probe: bool) -> None:
        self._model = model
        self._probe = probe
        self._known: dict[tuple[object, ...], layouts.Layout] = {}
        self._lock = threading.Lock()

    def known(self, module: str, size: tuple[int, ...], digest: str) -> bool:
        """Tell whether the layout of a sub-module's output for images of a size is known."""
        return (module, size, digest) in self._known

    def get(self, module: str, size: tuple[int, ...], digest: str) -> layouts.Layout:
        """Return that layout."""
        return self._known[module, size, digest]

    def find(
        self,
        outputs: Mapping[str, Tensor],
        run: Callable[[Tensor], Mapping[str, Any]],
        modules: Mapping[str, str],
        fed: Tensor,
        digest: str,
    ) -> None:
        """Find those that are not known; parameters as for `layouts.found_for`."""
        size = tuple(fed.shape[2:])
        with self._lock:
            new = {
                layer: raw
                for layer, raw in outputs.items()
                if not self.known(modules[layer], size, digest)
            }
            if not new:
                return
            found = layouts.found_for(new, run, self._model, modules, fed, probe=self._probe)
            for layer, layout in found.items():
                self._known[modules[layer], size, digest] = layout


class Torch:
    """Runs the network as it is, in its own type, or in bfloat16 where torch's autocast deems that safe."""

    def __init__(
        self, model: nn.Module, device: torch.device, bfloat16: bool, probe: bool = True
    ) -> None:
        self._model = model
        self._device = device
        self._bfloat16 = bfloat16
        self._layouts = Layouts(model, probe)

    @property
    def version(self) -> str:
        """What else may change features: the version, the kind of device, and the precision the user allows."""
        return f"torch {torch.__version__} {self._device.type} {precision.allowed()}"

    @contextmanager
    def ready(
        self, modules: Mapping[str, str], shape: tuple[int, ...], digest: str
    ) -> Iterator[Forward]:
        """Yield a function that runs batches of `shape` or shorter, safe in threads.

        Parameters
        ----------
        modules: layer -> the name of the sub-module that gives it.
        shape: (n, C, H, W) of a full batch.
        digest: of the network's weights.
        """
        dtype = networks.dtype_of(self._model)
        size = tuple(shape[2:])

        def grid(layer: str, output: Any) -> np.ndarray:
            return _grid(self._layouts.get(modules[layer], size, digest), output)

        def keep(layer: str, output: Any) -> Tensor | np.ndarray:
            if self._layouts.known(modules[layer], size, digest):
                return grid(layer, output)
            return layouts.tensor_of(output).clone()  # since the network may go on in place

        with _listening(self._model, modules, keep) as run:

            @torch.inference_mode()
            def forward(batch: Tensor) -> dict[str, np.ndarray]:
                batch = batch.to(dtype).contiguous(memory_format=torch.channels_last)
                with torch.autocast(self._device.type, torch.bfloat16, enabled=self._bfloat16):
                    found = run(batch)
                    raw = {
                        layer: output
                        for layer, output in found.items()
                        if isinstance(output, Tensor)
                    }
                    if raw:
                        self._layouts.find(raw, probed, modules, batch, digest)
                return found | {layer: grid(layer, output) for layer, output in raw.items()}

            def probed(image: Tensor) -> dict[str, Any]:
                return run(image.contiguous(memory_format=torch.channels_last))

            yield forward


def _grid(layout: layouts.Layout, output: Any) -> np.ndarray:
    """Return an output as (n, C, h, w); contiguous, since in another order a slow copy would follow."""
    grid = layout(layouts.tensor_of(output))
    return grid.float().cpu().clone(memory_format=torch.contiguous_format).numpy()


class OpenVINO:
    """Runs the network traced and compiled by OpenVINO, on a CPU; once for each size, set of layers and weights."""

    def __init__(
        self, model: nn.Module, device: torch.device, bfloat16: bool, probe: bool = True
    ) -> None:
        _check_process()
        self._openvino = _openvino()
        if device.type != "cpu":
            raise ValueError(
                f'expected a CPU for runtime="openvino", got device={str(device)!r}: leave out one of the two'
            )
        if networks.dtype_of(model) != torch.float32:
            raise ValueError(
                f'expected a network in float32 for runtime="openvino", got one in {_name(networks.dtype_of(model))}: '
                "pass module.float(), or leave out the runtime"
            )
        self._core = self._openvino.Core()
        if bfloat16 and "BF16" not in self._core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
            raise ValueError(
                'expected a CPU on which OpenVINO has bfloat16 for dtype="bfloat16", got one without'
            )
        self._model, self._precision = model, "bf16" if bfloat16 else "f32"
        self._layouts = Layouts(model, probe)
        self._compiled: tuple[object, Any] = (None, None)  # what was compiled last, and for what
        self.version = f"openvino {self._openvino.__version__}"

    @contextmanager
    def ready(
        self, modules: Mapping[str, str], shape: tuple[int, ...], digest: str
    ) -> Iterator[Forward]:
        """Yield a function that runs batches of `shape` or shorter, safe in threads; as `Torch.ready`.

        Raises
        ------
        RuntimeError: the compiled network does not agree with torch's; or a process forked from one
            that used OpenVINO.
        """
        _check_process()
        wanted = tuple(modules.items()), shape, digest
        if self._compiled[0] != wanted:
            self._compiled = wanted, self._compile(modules, shape, digest)
        compiled, local = self._compiled[1], threading.local()
        known = [self._layouts.get(module, tuple(shape[2:]), digest) for module in modules.values()]

        def forward(batch: Tensor) -> dict[str, np.ndarray]:
            if not hasattr(local, "request"):
                local.request = compiled.create_infer_request()
            count = len(batch)
            # It takes full batches only
            filled = torch.cat([batch, batch[-1:].expand(shape[0] - count, -1, -1, -1)])
            local.request.infer([filled.contiguous().numpy()])
            outputs = [
                torch.from_numpy(local.request.get_output_tensor(index).data)
                for index in range(len(modules))
            ]
            grids = [layout(output[:count]) for layout, output in zip(known, outputs, strict=True)]
            return {layer: grid.clone().numpy() for layer, grid in zip(modules, grids, strict=True)}

        yield forward

    def _compile(self, modules: Mapping[str, str], shape: tuple[int, ...], digest: str) -> Any:
        from openvino.frontend import FrontEndManager
        from openvino.frontend.pytorch.ts_decoder import TorchScriptPythonDecoder

        example = torch.rand(shape, generator=torch.Generator().manual_seed(0))
        network = _Outputs(self._model, modules).eval()
        expected = network(example)

        def run(image: Tensor) -> dict[str, Any]:
            return dict(zip(modules, network(image), strict=True))

        outputs = dict(zip(modules, expected, strict=True))
        with torch.inference_mode():
            # Says what is wrong, as with torch
            self._layouts.find(outputs, run, modules, example, digest)
        with torch.inference_mode(), warnings.catch_warnings():
            # Tracing is deprecated, but the only way that hooks can be followed
            warnings.simplefilter("ignore")
            decoder = TorchScriptPythonDecoder(
                network, example_input=example, trace_kwargs={"check_trace": False}
            )
            frontend = FrontEndManager().load_by_framework("pytorch")
            graph = frontend.convert(frontend.load(decoder))
        graph.reshape(list(shape))
        threads = torch.get_num_threads()
        options = {
            # Left to itself it takes bfloat16 wherever it is fast
            "INFERENCE_PRECISION_HINT": self._precision,
            "INFERENCE_NUM_THREADS": threads,
            "NUM_STREAMS": threads,  # one batch each, as with torch
        }
        compiled = self._core.compile_model(graph, "CPU", options)
        if self._precision == "f32":
            self._compare(compiled, example, dict(zip(modules, expected, strict=True)))
        return compiled

    def _compare(self, compiled: Any, example: Tensor, expected: Mapping[str, Tensor]) -> None:
        found = compiled.create_infer_request().infer([example.numpy()])
        for index, (layer, values) in enumerate(expected.items()):
            if not values.isfinite().all():
                continue  # reported when features are kept
            largest = values.abs().max().clamp(min=1e-30)
            error = float((torch.from_numpy(found[index]) - values).abs().max() / largest)
            if not error <= AGREEMENT:
                raise RuntimeError(
                    f"expected OpenVINO to agree with torch to {AGREEMENT} of a layer's largest value, got {error:.2g} "
                    f'in {layer}: use runtime="torch" for this network'
                )


class _Outputs(nn.Module):
    """A network that returns what some of its layers say, in order."""

    def __init__(self, model: nn.Module, modules: Mapping[str, str]) -> None:
        super().__init__()
        self.model, self._layers = model, dict(modules)

    @torch.inference_mode()
    def forward(self, batch: Tensor) -> tuple[Tensor, ...]:
        with _listening(self.model, self._layers, _copied) as run:
            found = run(batch)
        return tuple(found[layer] for layer in self._layers)


def _copied(_layer: str, output: Any) -> Tensor:
    return layouts.tensor_of(output).clone()


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


class _Done(Exception):
    """Stops a forward pass whose rest nobody needs."""


@contextmanager
def _listening(
    model: nn.Module, modules: Mapping[str, str], keep: Callable[[str, Any], Any]
) -> Iterator[Callable[[Tensor], dict[str, Any]]]:
    """Yield run(batch) -> {layer: keep(layer, its output)}, which stops after the deepest layer; safe in threads."""
    local = threading.local()

    def listen(layer: str) -> Callable[..., None]:
        def hook(_module: nn.Module, _inputs: Any, output: Any) -> None:
            found = getattr(local, "found", None)
            if found is None:  # this thread runs the network for somebody else
                return
            # A module used several times: its first output, whatever else is asked for
            if layer in found:
                return
            found[layer] = keep(layer, output)
            if len(found) == len(modules):
                raise _Done

        return hook

    def run(batch: Tensor) -> dict[str, Any]:
        found: dict[str, Any] = {}
        local.found = found
        try:
            model(batch)
        except (_Done, layouts.RefusedLayer, MemoryError, torch.OutOfMemoryError) as error:
            if not isinstance(error, _Done):
                raise
        # What a network says of images that it cannot take may be of any kind
        except Exception as error:
            raise ValueError(
                f"{type(model).__name__} refused images of {tuple(batch.shape[2:])}: give image_size= if it is a named "
                f"network, else images or a module that fit ({type(error).__name__}: {error})"
            ) from error
        finally:
            local.found = None
        idle = [module for layer, module in modules.items() if layer not in found]
        if idle:
            raise ValueError(
                f"expected layers that take part in a forward pass, got {', '.join(idle)}, which do not"
            )
        return found

    parts = dict(model.named_modules())
    handles = [
        parts[module].register_forward_hook(listen(layer)) for layer, module in modules.items()
    ]
    try:
        yield run
    finally:
        for handle in handles:
            handle.remove()


def _check_process() -> None:
    """Refuse a process that was forked from one with OpenVINO's threads, for which it would wait for ever."""
    home = _homes.setdefault("openvino", os.getpid())
    if home != os.getpid():
        raise RuntimeError(
            "expected the process in which OpenVINO was started, got one that was forked from it, where its threads do "
            'not live: start processes with multiprocessing.get_context("spawn"), or use runtime="torch"'
        )


def _openvino() -> Any:
    """Import OpenVINO without its telemetry, which would report this import and every conversion to its makers."""
    if importlib.util.find_spec("openvino") is None:
        raise ModuleNotFoundError(
            'runtime="openvino" needs the package openvino, which is not installed: pip install "adviz[openvino]"'
        )
    reporter = "openvino_telemetry"
    silenced = reporter not in sys.modules
    if silenced:
        sys.modules[reporter] = None  # type: ignore[assignment]  # an import of it fails, which OpenVINO provides for
    try:
        import openvino
        import openvino.tools.ovc
    finally:
        if silenced:
            del sys.modules[reporter]
    return openvino
