"""Images to `Features`: `Backbone` runs a frozen network and keeps what its layers say."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from adviz import networks
from adviz.data import Geometry, Split
from adviz.data.images import open_image
from adviz.features import Features, Layer, listed
from adviz.progress import bar

IMAGENET = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
IN_MEMORY = 4 * 2**30  # bytes of features above which `extract` keeps them in a temporary file


class Backbone:
    """A frozen, pretrained network that turns images into `Features`.

    Parameters
    ----------
    name_or_module: "efficientnet_lite0", "..1" or "..2" (their ImageNet weights come with pip and work offline); any
        timm name, best with its weight tag ("wide_resnet50_2.tv_in1k" is what the papers used); or your own module
        (torchvision's, for instance), of which `layers` names the parts; it is put into evaluation mode.
    layers: strides (4, 8, 16, 32 = "layer1" ... "layer4" of a ResNet, and called so for every network) or names of
        sub-modules. Networks in which several layers share a stride (ViTs) need names, such as "blocks.5".
    weights: a safetensors or torch file for a named network; "random" for a seeded random initialisation; None for
        the published ones.
    device: "auto" (CUDA if there is one, else CPU) or a torch device.
    dtype: "float32" or "float16", of the features that are kept; the network itself runs in float32.
    mean, std: per-channel normalisation of images in [0, 1]; None = the network's own, else ImageNet's.
    image_size: side in pixels for networks that must know it when they are built (ViTs); None = their own.

    Raises
    ------
    ValueError: an unknown name, tag, layer or stride, or a file that is not this network's.
    RuntimeError: weights that cannot be downloaded (with three remedies).
    """

    def __init__(
        self,
        name_or_module: str | nn.Module,
        layers: Sequence[Layer] = (4, 8, 16, 32),
        *,
        weights: str | Path | None = None,
        device: str = "auto",
        dtype: str = "float32",
        mean: Sequence[float] | None = None,
        std: Sequence[float] | None = None,
        image_size: int | None = None,
    ) -> None:
        if dtype not in ("float32", "float16"):
            raise ValueError(f'dtype must be "float32" or "float16", got {dtype!r}')
        if isinstance(name_or_module, str):
            self.name, model = name_or_module, networks.create(name_or_module, weights, image_size)
        elif weights is not None:
            raise ValueError("weights= goes with a network's name; load them into your own module before passing it")
        else:
            self.name, model = type(name_or_module).__name__, name_or_module
        self.modules, self.strides = networks.resolve(model, listed(layers))
        self.dtype = np.dtype(dtype)
        self.device = torch.device(("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device)
        config = getattr(model, "pretrained_cfg", None) or {}
        self.mean = tuple(config.get("mean", IMAGENET[0]) if mean is None else mean)
        self.std = tuple(config.get("std", IMAGENET[1]) if std is None else std)
        if weights is None and "." not in self.name and config.get("tag") and self.name not in networks.EMBEDDED:
            self.name += f".{config['tag']}"  # a bare name stands for weights that timm chooses: say which
        self.digest = networks.digest(model)
        self._model = model.eval().to(self.device).to(memory_format=torch.channels_last)

    def extract(
        self,
        source: Split | np.ndarray | Sequence[str | Path],
        *,
        batch_size: int | None = None,
        out: str | Path | None = None,
    ) -> Features:
        """Run the network over images and keep the chosen layers.

        Parameters
        ----------
        source: a `Split`; (N, H, W, 3) uint8 RGB images; or image files (resized to 256, centre crop 224).
        batch_size: images at once, bounds the memory beside the result; None = 4 on a CPU (whose caches that suits), 32
            on a GPU.
        out: a new folder for memory-mapped `<layer>.npy` files; None keeps the features in memory, or in a temporary
            file when they exceed 4 GiB.

        Raises
        ------
        ValueError: no image, images of another shape, an unreadable file, or a NaN or infinity in the features.
        FileExistsError: `out` exists already.
        """
        count, read, ids = _images(source)
        batch_size = (4 if self.device.type == "cpu" else 32) if batch_size is None else batch_size
        if batch_size < 1:
            raise ValueError(f"batch_size must be at least 1 image, got {batch_size}")
        self.digest = networks.digest(self._model.eval())  # of an own module, the weights may have changed
        if count == 0:
            raise ValueError("expected at least one image to extract features from, got none")
        arrays: dict[str, np.ndarray] = {}
        with _storage(out) as allocate, self._listening() as forward:

            def keep(start: int) -> tuple[int, ...]:
                images = np.stack([read(index) for index in range(start, min(start + batch_size, count))])
                found = forward(images)
                with lock:
                    for name, values in found.items():
                        if name not in arrays:
                            arrays[name] = allocate(name, (count, *values.shape[1:]), self.dtype)
                for name, values in found.items():
                    rows = slice(start, start + len(values))
                    with np.errstate(over="ignore"):  # float16: reported by the check
                        arrays[name][rows] = values
                    _check_finite(arrays[name][rows], name, ids[start])
                return images.shape[1:3]

            lock = threading.Lock()
            starts = range(0, count, batch_size)
            sizes = set(bar(self._map(keep, starts), label=f"features {self.name}", total=len(starts)))
        (size,) = sizes
        arrays = {name: arrays[name] for name in self.modules}
        strides = {name: self.strides.get(name) or round(size[0] / array.shape[2]) for name, array in arrays.items()}
        return Features(arrays, image_size=size, strides=strides, backbone=self.name, digest=self.digest, ids=ids)

    def _map(self, work: Callable[[int], Any], starts: range) -> Iterator[Any]:
        """Do the batches; on a CPU one thread for each of torch's, which beats sharing every layer among them."""
        workers = torch.get_num_threads() if self.device.type == "cpu" else 1
        with ThreadPoolExecutor(workers, initializer=torch.set_num_threads, initargs=(1,)) as pool:
            try:
                yield from pool.map(work, starts)
            finally:
                pool.shutdown(cancel_futures=True)  # when interrupted, only the batches in hand are finished

    @contextmanager
    def _listening(self) -> Iterator[Callable[[np.ndarray], dict[str, np.ndarray]]]:
        """Yield forward(images) -> {layer: (n, C, h, w)}, which stops after the deepest layer; safe in threads."""
        local = threading.local()

        def listen(name: str) -> Callable[..., None]:
            def hook(_module: nn.Module, _inputs: Any, output: Tensor) -> None:
                if name in local.found:  # a module used several times: its first output, whatever else is asked for
                    return
                local.found[name] = networks.as_grid(output, self._model, local.size).float().cpu().numpy().copy()
                if len(local.found) == len(self.modules):
                    raise _Done

            return hook

        def forward(images: np.ndarray) -> dict[str, np.ndarray]:
            local.found, local.size = {}, images.shape[1:3]
            self._run(images)
            idle = [module for name, module in self.modules.items() if name not in local.found]
            if idle:
                raise ValueError(
                    f"expected layers that take part in a forward pass, got {', '.join(idle)}, which do not"
                )
            return dict(local.found)

        parts = dict(self._model.named_modules())
        handles = [parts[module].register_forward_hook(listen(name)) for name, module in self.modules.items()]
        try:
            yield forward
        finally:
            for handle in handles:
                handle.remove()

    @torch.inference_mode()
    def _run(self, images: np.ndarray) -> None:
        """Pass one batch through the network, up to the deepest layer that is listened to."""
        batch = torch.from_numpy(images).to(self.device).permute(0, 3, 1, 2).float() / 255
        mean, std = (torch.tensor(values, device=self.device).view(1, 3, 1, 1) for values in (self.mean, self.std))
        try:
            self._model(((batch - mean) / std).contiguous(memory_format=torch.channels_last))
        except _Done:
            pass
        except AssertionError as error:
            raise ValueError(
                f"{self.name} refused images of {images.shape[1:3]}: give image_size= ({error})"
            ) from error

    def __repr__(self) -> str:
        layers = ", ".join(f"{n} (stride {self.strides[n]})" if n in self.strides else n for n in self.modules)
        return f"Backbone({self.name!r}, layers: {layers}; weights {self.digest}, {self.device}, {self.dtype})"


class _Done(Exception):
    """Stops a forward pass whose rest nobody needs."""


def _images(source: Split | np.ndarray | Sequence[str | Path]) -> tuple[int, Callable[[int], np.ndarray], list[str]]:
    """Return how many images there are, how to get one as (H, W, 3) uint8, and their names."""
    if isinstance(source, Split):
        return len(source), source.image, source.ids
    if isinstance(source, str | Path):
        raise TypeError(f"expected a Split, an array or a list of files, got one path: use [{str(source)!r}]")
    if isinstance(source, np.ndarray):
        if source.ndim != 4 or source.shape[3] != 3 or source.dtype != np.uint8:
            raise ValueError(f"images must be (N, H, W, 3) uint8 RGB, got shape {source.shape} of {source.dtype}")
        return len(source), source.__getitem__, [str(index) for index in range(len(source))]
    geometry, paths = Geometry(), list(source)
    return len(paths), lambda index: geometry.image(open_image(paths[index])), [str(path) for path in paths]


@contextmanager
def _storage(out: str | Path | None) -> Iterator[Callable[..., np.ndarray]]:
    """Yield allocate(name, shape, dtype); a folder appears under its name only when everything is in it."""
    if out is None:
        held = 0

        def allocate(_name: str, shape: tuple[int, ...], dtype: np.dtype[Any]) -> np.ndarray:
            nonlocal held
            held += int(np.prod(shape)) * dtype.itemsize
            return np.empty(shape, dtype) if held <= IN_MEMORY else _mapped(shape, dtype)

        yield allocate
        return
    folder = Path(out)
    if folder.exists():
        raise FileExistsError(f"expected a new folder for the features, got {folder}, which exists: remove it first")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as parent:
        part = Path(parent) / folder.name
        part.mkdir()
        yield lambda name, shape, dtype: np.lib.format.open_memmap(part / f"{name}.npy", "w+", dtype, shape)
        part.rename(folder)


def _mapped(shape: tuple[int, ...], dtype: np.dtype[Any]) -> np.ndarray:
    """Allocate in a file that vanishes with the array."""
    with tempfile.TemporaryFile() as file:
        return np.memmap(file, dtype, "w+", shape=shape)


def _check_finite(values: np.ndarray, layer: str, first: str) -> None:
    if not np.isfinite(values).all():
        raise ValueError(
            f"expected finite features, got NaN or infinity in {layer} from {first} on: check the weights, or use "
            "dtype='float32' if they overflow float16"
        )
