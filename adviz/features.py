"""Images to feature maps: `Backbone` runs a frozen network, `Features` holds what its layers said."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from adviz import networks
from adviz.data import Geometry, Split
from adviz.data.images import open_image
from adviz.progress import bar

Layer = int | str
IMAGENET = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
IN_MEMORY = 4 * 2**30  # bytes of features above which `extract` keeps them in a temporary file


class Features(Mapping[str, np.ndarray]):
    """What a backbone's layers say about N images; a mapping from a layer's name to its array.

    Parameters
    ----------
    layers: name -> (N, C, h, w) float32 or float16, in memory or memory-mapped.
    image_size: (H, W) of the images, pixels, the same for all.
    strides: name -> pixels per cell; None = H / h.
    backbone: name of the network, for the record.
    digest: digest of its weights, for the record.
    ids: N names of the images; None = "0", "1", ...
    """

    def __init__(
        self,
        layers: Mapping[str, np.ndarray],
        *,
        image_size: tuple[int, int],
        strides: Mapping[str, int] | None = None,
        backbone: str = "",
        digest: str = "",
        ids: Sequence[str] | None = None,
    ) -> None:
        counts = {name: len(array) for name, array in layers.items()}
        bad = {name: array.shape for name, array in layers.items() if array.ndim != 4}
        if bad or not layers or len(set(counts.values())) != 1:
            raise ValueError(f"layers must map names to (N, C, h, w) arrays of one N, got {bad or counts}")
        self._layers = dict(layers)
        self.image_size = (int(image_size[0]), int(image_size[1]))
        self.strides = dict(strides or {name: round(image_size[0] / a.shape[2]) for name, a in layers.items()})
        self.backbone, self.digest = backbone, digest
        self.ids = list(ids) if ids is not None else [str(index) for index in range(self.n_images)]
        if len(self.ids) != self.n_images:
            raise ValueError(f"ids must name the {self.n_images} images, got {len(self.ids)} names")

    def __getitem__(self, layer: str) -> np.ndarray:
        return self._layers[layer]

    def __iter__(self) -> Iterator[str]:
        return iter(self._layers)

    def __len__(self) -> int:
        """Return the number of layers."""
        return len(self._layers)

    @property
    def n_images(self) -> int:
        """N."""
        return len(next(iter(self._layers.values())))

    def select(
        self, layers: Sequence[Layer] | None = None, images: Sequence[int] | np.ndarray | None = None
    ) -> Features:
        """Return some layers (by name or stride) and some images; None = all.

        Raises
        ------
        ValueError: a layer or stride that these features do not have, or a stride that several layers share.
        """
        names = list(self) if layers is None else [self._name(layer) for layer in layers]
        index = slice(None) if images is None else np.asarray(images, dtype=int)
        return Features(
            {name: self[name][index] for name in names},
            image_size=self.image_size,
            strides={name: self.strides[name] for name in names},
            backbone=self.backbone,
            digest=self.digest,
            ids=list(np.array(self.ids, dtype=object)[index]),
        )

    def _name(self, layer: Layer) -> str:
        names = [name for name in self if layer in (name, self.strides[name])]
        if len(names) != 1:
            there = ", ".join(f"{name} (stride {stride})" for name, stride in self.strides.items())
            what = "several layers have it, choose one by name" if names else "extract it with Backbone(layers=...)"
            raise ValueError(f"expected a layer or stride of these features ({there}), got {layer!r}: {what}")
        return names[0]

    def __repr__(self) -> str:
        shapes = ", ".join(f"{n}: {'x'.join(map(str, a.shape[1:]))}" for n, a in self._layers.items())
        return f"Features({self.backbone or 'arrays'}, {self.n_images} images of {self.image_size}, {shapes})"


class Backbone:
    """A frozen, pretrained network that turns images into `Features`.

    Parameters
    ----------
    name_or_module: "efficientnet_lite0", "..1" or "..2" (their ImageNet weights come with pip and work offline); any
        timm name, best with its weight tag ("wide_resnet50_2.tv_in1k" is what the papers used); or your own module
        (torchvision's, for instance), of which `layers` names the parts.
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
        self.modules, self.strides = networks.resolve(model, layers)
        self.dtype = np.dtype(dtype)
        self.device = torch.device(("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device)
        config = getattr(model, "pretrained_cfg", None) or {}
        embedded = self.name in networks.EMBEDDED
        self.mean = tuple(mean or ((0.5,) * 3 if embedded else config.get("mean", IMAGENET[0])))
        self.std = tuple(std or ((0.5,) * 3 if embedded else config.get("std", IMAGENET[1])))
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
        batch_size = batch_size or (4 if self.device.type == "cpu" else 32)
        if count == 0:
            raise ValueError("expected at least one image to extract features from, got none")
        with _storage(out) as allocate:
            arrays: dict[str, np.ndarray] = {}
            for start in bar(range(0, count, batch_size), label=f"features {self.name}"):
                images = np.stack([read(index) for index in range(start, min(start + batch_size, count))])
                for name, values in self._forward(images).items():
                    if name not in arrays:
                        arrays[name] = allocate(name, (count, *values.shape[1:]), self.dtype)
                    arrays[name][start : start + len(values)] = values
                    _check_finite(arrays[name][start : start + len(values)], name, ids[start])
        size = images.shape[1:3]
        strides = {name: self.strides.get(name) or round(size[0] / array.shape[2]) for name, array in arrays.items()}
        return Features(arrays, image_size=size, strides=strides, backbone=self.name, digest=self.digest, ids=ids)

    @torch.inference_mode()
    def _forward(self, images: np.ndarray) -> dict[str, np.ndarray]:
        """Return the chosen layers for one batch; the network stops after the deepest of them."""
        batch = torch.from_numpy(images).to(self.device).permute(0, 3, 1, 2).float() / 255
        mean, std = (torch.tensor(values, device=self.device).view(1, 3, 1, 1) for values in (self.mean, self.std))
        batch = ((batch - mean) / std).contiguous(memory_format=torch.channels_last)
        found: dict[str, np.ndarray] = {}

        def keep(name: str) -> Callable[..., None]:
            def hook(_module: nn.Module, _inputs: Any, output: Tensor) -> None:
                found[name] = networks.as_grid(output, self._model, images.shape[1:3]).float().cpu().numpy().copy()
                if len(found) == len(self.modules):
                    raise _Done

            return hook

        parts = dict(self._model.named_modules())
        handles = [parts[module].register_forward_hook(keep(name)) for name, module in self.modules.items()]
        try:
            self._model(batch)
        except _Done:
            pass
        finally:
            for handle in handles:
                handle.remove()
        return {name: found[name] for name in self.modules}

    def __repr__(self) -> str:
        layers = ", ".join(f"{n} (stride {self.strides[n]})" if n in self.strides else n for n in self.modules)
        return f"Backbone({self.name!r}, layers: {layers}; weights {self.digest}, {self.device}, {self.dtype})"


class _Done(Exception):
    """Stops a forward pass whose rest nobody needs."""


def _images(source: Split | np.ndarray | Sequence[str | Path]) -> tuple[int, Callable[[int], np.ndarray], list[str]]:
    """Return how many images there are, how to get one as (H, W, 3) uint8, and their names."""
    if isinstance(source, Split):
        return len(source), source.image, source.ids
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
        yield lambda _name, shape, dtype: _temporary(shape, dtype)
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


def _temporary(shape: tuple[int, ...], dtype: np.dtype[Any]) -> np.ndarray:
    """Allocate in memory, or above `IN_MEMORY` bytes in a file that vanishes with the array."""
    if np.prod(shape) * dtype.itemsize <= IN_MEMORY:
        return np.empty(shape, dtype)
    with tempfile.TemporaryFile() as file:
        return np.memmap(file, dtype, "w+", shape=shape)


def _check_finite(values: np.ndarray, layer: str, first: str) -> None:
    if not np.isfinite(values).all():
        raise ValueError(f"expected finite features, got NaN or infinity in {layer} from {first} on: check the weights")
