"""Runtimes of a network: torch, or OpenVINO on a CPU, with the same feature maps."""

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
AGREEMENT = 1e-3  # difference of OpenVINO's float32 from torch's, relative to a layer's maximum
# From normalised (n, 3, H, W) images to {layer: (n, C, h, w)}
Forward = Callable[[Tensor], dict[str, np.ndarray]]
_processes: dict[str, int] = {}  # ids of the processes in which libraries were started


class Layouts:
    """The layouts of a network's layers, determined once for each layer, image size and weights."""

    def __init__(self, model: nn.Module, probe: bool) -> None:
        self._model = model
        self._probe = probe
        self._known: dict[tuple[object, ...], layouts.Layout] = {}
        self._lock = threading.Lock()

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_lock": None}  # which no other process can have

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, _lock=threading.Lock())

    def known(self, module: str, size: tuple[int, ...], digest: str) -> bool:
        """Return whether a sub-module's layout for images of a size is known."""
        return (module, size, digest) in self._known

    def get(self, module: str, size: tuple[int, ...], digest: str) -> layouts.Layout:
        """Return the layout of a sub-module for images of a size."""
        return self._known[module, size, digest]

    def find(
        self,
        outputs: Mapping[str, Tensor],
        run: Callable[[Tensor], Mapping[str, Any]],
        modules: Mapping[str, str],
        images: Tensor,
        digest: str,
    ) -> None:
        """Determine the layouts that are not known; parameters as for `layouts.find_layouts`."""
        size = tuple(images.shape[2:])
        with self._lock:
            new = {
                layer: output
                for layer, output in outputs.items()
                if not self.known(modules[layer], size, digest)
            }
            if not new:
                return
            for layer, layout in layouts.find_layouts(
                new, run, self._model, modules, images, probe=self._probe
            ).items():
                self._known[modules[layer], size, digest] = layout


class Torch:
    """Runs the network with torch, in its own type or with autocast to bfloat16."""

    def __init__(
        self, model: nn.Module, device: torch.device, bfloat16: bool, probe: bool = True
    ) -> None:
        self._model = model
        self._device = device
        self._bfloat16 = bfloat16
        self._layouts = Layouts(model, probe)

    @property
    def version(self) -> str:
        """What features depend on: torch's version, the kind of device, the allowed precision."""
        return f"torch {torch.__version__} {self._device.type} {precision.allowed()}"

    @contextmanager
    def ready(
        self, modules: Mapping[str, str], shape: tuple[int, ...], digest: str
    ) -> Iterator[Forward]:
        """Yield a thread-safe function that runs batches of `shape` or shorter.

        Parameters
        ----------
        modules: layer -> the name of its sub-module.
        shape: (n, C, H, W) of a full batch.
        digest: of the network's weights.
        """
        dtype = networks.dtype_of(self._model)
        size = tuple(shape[2:])

        def feature_map(layer: str, output: Any) -> np.ndarray:
            layout = self._layouts.get(modules[layer], size, digest)
            return _feature_map(layout, output)

        def keep(layer: str, output: Any) -> Tensor | np.ndarray:
            if self._layouts.known(modules[layer], size, digest):
                return feature_map(layer, output)
            # A clone, since the network may overwrite its output
            return layouts.tensor_of(output).clone()

        with _hooked(self._model, modules, keep) as run:

            @torch.inference_mode()
            def forward(batch: Tensor) -> dict[str, np.ndarray]:
                batch = batch.to(dtype).contiguous(memory_format=torch.channels_last)
                with torch.autocast(self._device.type, torch.bfloat16, enabled=self._bfloat16):
                    outputs = run(batch)
                    # Tensors of layers whose layout was not known
                    new = {name: out for name, out in outputs.items() if isinstance(out, Tensor)}
                    if new:
                        self._layouts.find(new, run_channels_last, modules, batch, digest)
                for layer, output in new.items():
                    outputs[layer] = feature_map(layer, output)
                return outputs

            def run_channels_last(image: Tensor) -> dict[str, Any]:
                return run(image.contiguous(memory_format=torch.channels_last))

            yield forward


def _feature_map(layout: layouts.Layout, output: Any) -> np.ndarray:
    """Return an output as a contiguous (n, C, h, w) array; another order is slow to copy later."""
    values = layout(layouts.tensor_of(output))
    return values.float().cpu().clone(memory_format=torch.contiguous_format).numpy()


class OpenVINO:
    """Runs the network with OpenVINO on a CPU, compiled for one batch shape, layers and weights."""

    def __init__(
        self, model: nn.Module, device: torch.device, bfloat16: bool, probe: bool = True
    ) -> None:
        _check_process()
        self._openvino = _openvino()
        if device.type != "cpu":
            raise ValueError(
                f'expected a CPU for runtime="openvino", got device={str(device)!r}: '
                "leave out one of the two"
            )
        dtype = networks.dtype_of(model)
        if dtype != torch.float32:
            raise ValueError(
                'expected a network in float32 for runtime="openvino", '
                f"got one in {str(dtype).removeprefix('torch.')}: "
                "pass module.float(), or leave out the runtime"
            )
        self._core = self._openvino.Core()
        if bfloat16 and "BF16" not in self._core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
            raise ValueError(
                'expected a CPU on which OpenVINO has bfloat16 for dtype="bfloat16", '
                "got one without"
            )
        self._model = model
        self._precision = "bf16" if bfloat16 else "f32"
        self._layouts = Layouts(model, probe)
        self._compiled: Any = None
        self._compiled_for: object = None  # layers, shape and digest
        self.version = f"openvino {self._openvino.__version__}"

    @contextmanager
    def ready(
        self, modules: Mapping[str, str], shape: tuple[int, ...], digest: str
    ) -> Iterator[Forward]:
        """Yield a thread-safe function that runs batches of `shape` or shorter; see `Torch.ready`.

        Raises
        ------
        RuntimeError: the compiled network does not agree with torch's; or this process was forked
            from one that used OpenVINO.
        """
        _check_process()
        configuration = (tuple(modules.items()), shape, digest)
        if self._compiled_for != configuration:
            self._compiled = self._compile(modules, shape, digest)
            self._compiled_for = configuration
        compiled = self._compiled
        local = threading.local()
        batch_size = shape[0]
        size = tuple(shape[2:])

        def forward(batch: Tensor) -> dict[str, np.ndarray]:
            if not hasattr(local, "request"):
                local.request = compiled.create_infer_request()
            count = len(batch)
            # The compiled network takes full batches only: repeat the last image
            repetitions = batch[-1:].expand(batch_size - count, -1, -1, -1)
            local.request.infer([torch.cat([batch, repetitions]).contiguous().numpy()])
            features = {}
            for index, (layer, module) in enumerate(modules.items()):
                output = torch.from_numpy(local.request.get_output_tensor(index).data)
                layout = self._layouts.get(module, size, digest)
                features[layer] = layout(output[:count]).clone().numpy()
            return features

        yield forward

    def _compile(self, modules: Mapping[str, str], shape: tuple[int, ...], digest: str) -> Any:
        """Return the network, compiled for batches of a shape."""
        from openvino.frontend import FrontEndManager
        from openvino.frontend.pytorch.ts_decoder import TorchScriptPythonDecoder

        example = torch.rand(shape, generator=torch.Generator().manual_seed(0))
        network = _Outputs(self._model, modules).eval()

        def run(image: Tensor) -> dict[str, Any]:
            return dict(zip(modules, network(image), strict=True))

        expected = run(example)
        with torch.inference_mode():
            # Before compiling, since its errors say what is wrong with a layer
            self._layouts.find(expected, run, modules, example, digest)
        with torch.inference_mode(), warnings.catch_warnings():
            # Tracing is deprecated, but nothing else follows hooks
            warnings.simplefilter("ignore")
            decoder = TorchScriptPythonDecoder(
                network, example_input=example, trace_kwargs={"check_trace": False}
            )
            frontend = FrontEndManager().load_by_framework("pytorch")
            graph = frontend.convert(frontend.load(decoder))
        graph.reshape(list(shape))
        threads = torch.get_num_threads()
        options = {
            # By default OpenVINO uses bfloat16 wherever it is fast
            "INFERENCE_PRECISION_HINT": self._precision,
            "INFERENCE_NUM_THREADS": threads,
            "NUM_STREAMS": threads,  # one batch each, as with torch
        }
        compiled = self._core.compile_model(graph, "CPU", options)
        if self._precision == "f32":
            self._check_agreement(compiled, example, expected)
        return compiled

    def _check_agreement(
        self, compiled: Any, example: Tensor, expected: Mapping[str, Tensor]
    ) -> None:
        """Refuse a compiled network whose float32 outputs are not torch's."""
        outputs = compiled.create_infer_request().infer([example.numpy()])
        for index, (layer, values) in enumerate(expected.items()):
            if not values.isfinite().all():
                continue  # reported when features are stored
            largest = values.abs().max().clamp(min=1e-30)
            difference = torch.from_numpy(outputs[index]) - values
            error = float(difference.abs().max() / largest)
            if not error <= AGREEMENT:  # NaN is refused as well
                raise RuntimeError(
                    f"expected OpenVINO to agree with torch to {AGREEMENT} of a layer's largest "
                    f'value, got {error:.2g} in {layer}: use runtime="torch" for this network'
                )


class _Outputs(nn.Module):
    """A network that returns the outputs of some of its layers, in order."""

    def __init__(self, model: nn.Module, modules: Mapping[str, str]) -> None:
        super().__init__()
        self.model = model
        self._layers = dict(modules)

    @torch.inference_mode()
    def forward(self, batch: Tensor) -> tuple[Tensor, ...]:
        def copy(_layer: str, output: Any) -> Tensor:
            return layouts.tensor_of(output).clone()

        with _hooked(self.model, self._layers, copy) as run:
            outputs = run(batch)
        return tuple(outputs[layer] for layer in self._layers)


class _AllLayersReached(Exception):
    """Stops a forward pass after the deepest layer."""


@contextmanager
def _hooked(
    model: nn.Module, modules: Mapping[str, str], keep: Callable[[str, Any], Any]
) -> Iterator[Callable[[Tensor], dict[str, Any]]]:
    """Yield a thread-safe function that runs a network and returns {layer: keep(layer, output)}.

    The forward pass stops after the deepest layer.
    """
    local = threading.local()  # the outputs of the forward pass that a thread runs

    def hook_for(layer: str) -> Callable[..., None]:
        def hook(_module: nn.Module, _inputs: Any, output: Any) -> None:
            outputs = getattr(local, "outputs", None)
            if outputs is None:  # this thread runs the network for something else
                return
            if layer in outputs:  # of a module that is used several times the first output counts
                return
            outputs[layer] = keep(layer, output)
            if len(outputs) == len(modules):
                raise _AllLayersReached

        return hook

    def run(batch: Tensor) -> dict[str, Any]:
        outputs: dict[str, Any] = {}
        local.outputs = outputs
        try:
            model(batch)
        except _AllLayersReached:
            pass
        except (layouts.RefusedLayer, MemoryError, torch.OutOfMemoryError):
            raise
        except Exception as error:  # a network raises anything for images that do not fit
            raise ValueError(
                f"{type(model).__name__} refused images of {tuple(batch.shape[2:])}: "
                "give image_size= if it is a named network, else images or a module that fit "
                f"({type(error).__name__}: {error})"
            ) from error
        finally:
            local.outputs = None
        idle = [module for layer, module in modules.items() if layer not in outputs]
        if idle:
            raise ValueError(
                "expected layers that take part in a forward pass, "
                f"got {', '.join(idle)}, which do not"
            )
        return outputs

    submodules = dict(model.named_modules())
    handles = [
        submodules[module].register_forward_hook(hook_for(layer))
        for layer, module in modules.items()
    ]
    try:
        yield run
    finally:
        for handle in handles:
            handle.remove()


def _check_process() -> None:
    """Refuse a process that was forked from one that uses OpenVINO: it would wait for ever."""
    process = _processes.setdefault("openvino", os.getpid())
    if process != os.getpid():
        raise RuntimeError(
            "expected the process in which OpenVINO was started, got one that was forked from it, "
            "where its threads do not live: start processes with "
            'multiprocessing.get_context("spawn"), or use runtime="torch"'
        )


def _openvino() -> Any:
    """Import OpenVINO without its telemetry, which reports imports and conversions."""
    if importlib.util.find_spec("openvino") is None:
        raise ModuleNotFoundError(
            'runtime="openvino" needs the package openvino, which is not installed: '
            'pip install "adviz-anomaly[openvino]"'
        )
    telemetry = "openvino_telemetry"
    silenced = telemetry not in sys.modules
    if silenced:
        # Then importing it fails, and OpenVINO goes on without it
        sys.modules[telemetry] = None  # type: ignore[assignment]
    try:
        import openvino
        import openvino.tools.ovc
    finally:
        if silenced:
            del sys.modules[telemetry]
    return openvino
