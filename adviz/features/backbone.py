"""Images to `Features`: `Backbone` runs a frozen network and keeps what its layers say."""

from __future__ import annotations

import copy
import pkgutil
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import numpy as np
import PIL
import torch
from torch import Tensor, nn

from adviz._support import Allocate, bar, check_known, got, in_folder, in_memory, room_for, workers
from adviz.data import Channels, Geometry
from adviz.features import networks, runtimes
from adviz.features.cache import Cache, Key, Piece, digests, fingerprint
from adviz.features.features import Features, Layer, filled, in_boxes, listed, patches_inside
from adviz.features.inputs import Images, Source, images_of

IMAGENET = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
# Of red, green and blue: ITU-R BT.601, as Pillow converts images to grey
GREY = 0.299, 0.587, 0.114
SIDE = 224  # pixels of the images that networks are asked about, where they do not say their own
DTYPES = {"float32": "float32", "float16": "float16", "bfloat16": "float32"}  # asked for -> kept
# What decides how a file becomes features: a changed line empties the cache, so that nobody works
# on those of old code.
CODE = (
    "features/backbone.py",
    "features/inputs.py",
    "features/runtimes.py",
    "features/networks.py",
    "features/patch_layout.py",
    "features/features.py",
    "_support/arrays.py",
    "data/in_memory.py",
    "data/split.py",
    "data/sample.py",
    "data/geometry.py",
    "data/images.py",
    "data/stored.py",
    "data/mask_arrays.py",
    "data/paths.py",
)


class Backbone:
    """A frozen, pretrained network that turns images into `Features`.

    Parameters
    ----------
    name_or_module: "efficientnet_lite0", "..1" or "..2" (their ImageNet weights come with pip and
        work offline); any timm name, best with its weight tag ("wide_resnet50_2.tv_in1k" is what
        the papers used); or your own module (torchvision's, for instance), of which `layers` names
        the parts; it is put into evaluation mode. Out of DataParallel or torch.compile it is taken.
        It runs in its own floating-point type. A network of one channel is fed grey, 0.299 red +
        0.587 green + 0.114 blue; others than 1 and 3 are refused.
    layers: strides (4, 8, 16, 32 = "layer1" ... "layer4" of a ResNet, and called so for every
        network); these names; or names of sub-modules. Networks in which several layers share a
        stride (ViTs) need names of sub-modules, such as "blocks.5". "image" is what the network is
        fed, (N, 3, H, W) normalised pixels of stride 1.
    weights: a safetensors or torch file for a named network, of which nothing need be there but
        what the layers need; "random" for a seeded random initialisation; None for the published
        ones.
    device: "auto" (CUDA if there is one, else CPU) or a torch device.
    dtype: "float32" or "float16", of the features that are kept, while the network itself runs in
        float32; "bfloat16" runs the network in bfloat16, faster on processors that have it but
        several per cent off, and keeps float32.
    mean, std: per-channel normalisation of images in [0, 1]; None = the network's own, else
        ImageNet's; their averages for a network of one channel.
    image_size: side in pixels for networks that must know it when they are built (ViTs); None =
        their own.
    runtime: "torch", or "openvino" on a CPU (an extra: ``pip install "adviz[openvino]"``), which
        traces the network and compiles it for one image and batch size, in seconds; its features
        are torch's up to 1e-3 of a layer's largest value, which is checked.
    pool: keep only every layer's mean over its cells, (N, C, 1, 1): all that `DN2` reads, in a few
        kilobytes an image.
    probe: where the shape of an output leaves doubt (tokens, channels last, a border that may be
        cut), find out once for each layer and image size where its cells lie, by eleven images of
        noise; False = take tokens for rows.

    Attributes
    ----------
    label: the name, with what is not the default of weights, runtime, precision and pooling:
        "efficientnet_lite0 (bfloat16)", "resnet18 (random)", "resnet18 (mine.pth)". It is what
        features and every result row record. The tag of published weights ("resnet18.a1_in1k") is
        in it only where these were loaded; an own module is called by its class.
    digest: of the weights, 16 hexadecimal digits.

    Raises
    ------
    ValueError: an unknown name, tag, layer, stride or device, a file that is not this network's or
        lacks what the layers need, or a network of other channels. `extract` raises it where a
        layer gives no map: tokens in no known order, or a border of the image that no cell sees (a
        patch size of 14 at 256 pixels).
    TypeError: neither a name nor a module, or one that torch.jit compiled.
    RuntimeError: weights that cannot be downloaded (with three remedies).
    ModuleNotFoundError: OpenVINO is asked for and not installed.

    Examples
    --------
    >>> Backbone("efficientnet_lite0", layers=(8, 16)).strides
    {'layer2': 8, 'layer3': 16}
    >>> Backbone("efficientnet_lite0", layers=["layer2", "layer3"], weights="random").label
    'efficientnet_lite0 (random)'
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
        runtime: str = "torch",
        pool: bool = False,
        probe: bool = True,
    ) -> None:
        if dtype not in DTYPES:
            raise ValueError(f"dtype must be one of {', '.join(DTYPES)}, {got(dtype, DTYPES)}")
        if runtime not in runtimes.NAMES:
            raise ValueError(
                f"runtime must be one of {', '.join(runtimes.NAMES)}, {got(runtime, runtimes.NAMES)}"
            )
        self._own = not isinstance(name_or_module, str)
        self._weights = weights
        if isinstance(name_or_module, str):
            model = networks.create(name_or_module, weights, image_size)
            self.name = _true_name(name_or_module, weights, model)
        elif weights is not None:
            raise ValueError(
                "weights= goes with a network's name; load them into your own module before passing it"
            )
        else:
            model = networks.unwrapped(name_or_module)
            self.name = type(model).__name__
        self.modules, self.strides = self._resolved(model, layers)
        self.dtype = np.dtype(DTYPES[dtype])
        cuda = runtime == "torch" and torch.cuda.is_available()
        check_known(device if runtime == "torch" else "auto")
        self.device = torch.device(("cuda" if cuda else "cpu") if device == "auto" else device)
        own_type = networks.dtype_of(model)
        if dtype == "bfloat16" and own_type != torch.float32:
            raise ValueError(
                f'expected a network in float32 for dtype="bfloat16", got one in {_short(own_type)}'
            )
        run = runtimes.OpenVINO if runtime == "openvino" else runtimes.Torch
        self._runtime = run(model, self.device, dtype == "bfloat16", probe)
        config = getattr(model, "pretrained_cfg", None) or {}
        self._channels = networks.channels_of(
            model, image_size or (config.get("input_size") or [SIDE])[-1]
        )
        self.mean = _per_channel("mean", mean, config.get("mean", IMAGENET[0]), self._channels)
        self.std = _per_channel("std", std, config.get("std", IMAGENET[1]), self._channels)
        unusual = {
            Path(weights or "").name: weights is not None,  # "random" or a file
            runtime: runtime != "torch",
            dtype: dtype == "bfloat16",
            _short(own_type): own_type != torch.float32,
            "pooled": pool,
        }
        self.label = _label(self.name, unusual)
        self.digest, self._structure = networks.digest(model), str(model)
        self._image_size, self._pool, self._probe = image_size, pool, probe
        self._model = model.eval().to(self.device).to(memory_format=torch.channels_last)

    def _resolved(
        self, model: nn.Module, layers: Sequence[Layer]
    ) -> tuple[dict[str, str], dict[str, int]]:
        """Return which sub-modules give the layers, and their strides; all weights that they need are there."""
        modules, strides = networks.resolve(model, listed(layers))
        if self._weights not in (None, "random"):
            inside = [module for module in modules.values() if module != networks.PIXELS]
            networks.check_filled(model, inside, self._weights)
        return modules, strides

    def with_layers(self, layers: Sequence[Layer]) -> Backbone:
        """Return a backbone that keeps other layers of the same network; layers and errors as for the class."""
        other = copy.copy(self)
        other.modules, other.strides = self._resolved(self._model, layers)
        return other

    def extract(
        self,
        source: Source,
        *,
        geometry: Geometry | None = None,
        batch_size: int | None = None,
        out: str | Path | None = None,
        cache: str | Path | Literal[False] | None = None,
        channels: Channels = "rgb",
    ) -> Features:
        """Run the network over images and keep the chosen layers, or return what an earlier run kept.

        Parameters
        ----------
        source: a `Split`; a list of image files, PIL images, arrays and tensors of any size, mixed;
            or one array or tensor (N, H, W, c) or (N, c, H, W), which keeps its size unless a
            geometry is given. Images in memory have channels last or first, 1 (grey), 3 (RGB) or 4
            (alpha is dropped), and values in 0..255, or floats in 0..1, which are multiplied by 255
            and rounded; booleans become 0 and 255, uint16 is scaled as 16-bit files are.
        geometry: how a list's images are resized and cropped; None = ``Geometry()`` (to 256, centre
            crop 224). For a fitted detector give its ``geometry_``; a `Split` has its own.
        batch_size: images at once, bounds the memory beside the result; None = 4 on a CPU (whose
            caches that suits), 32 on a GPU.
        out: a new folder for memory-mapped `<layer>.npy` files, which are not cached; None keeps
            the features in the feature cache, else in memory, or in a temporary file when they
            exceed 4 GiB.
        cache: None = the feature cache of this user ($ADVIZ_CACHE, at most $ADVIZ_CACHE_LIMIT GB,
            10 by default), but not for own modules, of which weights and structure are known and
            not the code; a folder = a cache there, for own modules too; False = none. Plain arrays
            are never cached, `Split.from_arrays` is.
        channels: order of the colours of arrays and tensors, "rgb" or "bgr" (as OpenCV reads
            images). Files, PIL images and splits know theirs.

        Raises
        ------
        ValueError: no image, images of another shape, an unreadable file, a NaN or infinity in the
            features, or a geometry beside a split, which has its own.
        TypeError: what is no list of images: one path, a table, an open file, ...
        FileExistsError, OSError, MemoryError: `out` exists, there is no room for it, or on a GPU
            for a batch.

        Examples
        --------
        >>> backbone.extract(category.test)
        Features(efficientnet_lite0, 46 images of (224, 224), layer1: 24x56x56, ...)
        """
        images = images_of(source, geometry, channels)
        batch_size = (4 if self.device.type == "cpu" else 32) if batch_size is None else batch_size
        if batch_size < 1:
            raise ValueError(f"batch_size must be at least 1 image, got {batch_size}")
        _check_cache(cache)
        self._model.eval()
        if self._own:  # which may have changed
            self.digest, self._structure = networks.digest(self._model), str(self._model)
        if images.count == 0:
            raise ValueError("expected at least one image to extract features from, got none")
        off = out is not None or cache is False or (cache is None and self._own)
        key = None if off else self._key(images)
        arrays: dict[str, np.ndarray] = {}
        held: dict[str, list[Piece]] = {}
        storage = in_memory() if out is None else in_folder(out)
        if key is not None:
            kept = Cache(cache or None)
            arrays, held = kept.load(key, self.modules, self.dtype)
            storage = kept.writing(key, self.modules, unchanged=lambda: self._key(images) == key)
        missing = {layer: module for layer, module in self.modules.items() if layer not in arrays}
        if missing:
            arrays |= self._run(missing, images, min(batch_size, images.count), storage, held)
        return self._features({layer: arrays[layer] for layer in self.modules}, images)

    def _features(self, arrays: Mapping[str, np.ndarray], images: Images) -> Features:
        """Return the layers with all that is known about them."""
        height, strides = images.size[0], self.strides
        if not self._pool:
            self._warn_of_rests(arrays, images.size)
        found = Features(
            arrays,
            image_size=images.size,
            strides={
                layer: strides.get(layer) or round(height / array.shape[2])
                for layer, array in arrays.items()
            },
            backbone=self.label,
            digest=self.digest,
            ids=images.ids,
            geometry=images.geometry,
        )
        return in_boxes(found, images.boxes)

    def _warn_of_rests(self, arrays: Mapping[str, np.ndarray], size: tuple[int, int]) -> None:
        """Warn where cells lie elsewhere than on the equal parts of the image that maps take them for.

        A network that rounds down has cells every `stride` pixels, which end before the image does.
        """
        for layer, stride in self.strides.items():
            covered = [cells * stride for cells in arrays[layer].shape[2:]]
            rests = [side - end for side, end in zip(size, covered, strict=True)]
            if max(rests) <= stride / 2:
                continue
            larger = tuple(-(-side // stride) * stride for side in size)
            warnings.warn(
                f"expected sides that are multiples of {stride}, the stride of {layer}, got {size}: its cells cover "
                f"{tuple(covered)} of them, so that its maps lie up to {max(rests)} pixels off at the lower right; "
                f"give a geometry of {larger}",
                stacklevel=3,
            )
            return

    def _key(self, images: Images) -> Key | None:
        """Return what decides the features, of whichever layers; None when the images may be anything."""
        files = None if images.files is None else digests(images.files)
        if files is None:
            return None
        facts = {
            "geometry": images.geometry.pixels if images.geometry else (),
            "pillow": PIL.__version__,
            "network": (self.label, self.digest, self._structure, self._image_size, self._probe),
            "normalisation": (self.mean, self.std),
            "runtime": (self._runtime.version, version("timm")),
            "dtype": self.dtype.str,
            "code": [pkgutil.get_data("adviz", name) for name in CODE],
        }
        return Key(fingerprint(facts), files)

    def _run(
        self,
        modules: Mapping[str, str],
        images: Images,
        batch_size: int,
        storage: AbstractContextManager[Allocate],
        held: Mapping[str, list[Piece]],
    ) -> dict[str, np.ndarray]:
        """Extract layers into arrays of `storage`; of images that are held in all of them they are copied."""
        arrays: dict[str, np.ndarray] = {}
        lock = threading.Lock()
        todo = _not_held(images.count, [held.get(layer, []) for layer in modules])
        shape = batch_size, self._channels, *images.size
        inside = {layer: module for layer, module in modules.items() if layer != networks.PIXELS}
        with storage as allocate, room_for(shape), self._ready(inside, shape) as forward:

            def keep(start: int) -> None:
                nonlocal arrays
                rows = todo[start : start + batch_size]
                batch = np.stack([images.padded_by_mirroring(index) for index in rows.tolist()])
                pixels = self._normalised(batch)
                found = forward(pixels)
                if len(inside) < len(modules):
                    found[networks.PIXELS] = pixels.cpu().numpy()
                if images.boxes is not None:
                    found = {
                        layer: filled(values, images.boxes[rows], images.size)
                        for layer, values in found.items()
                    }
                if self._pool:
                    found = {
                        layer: self._pooled(values, images, rows) for layer, values in found.items()
                    }
                with lock:
                    if not arrays:
                        shapes = {
                            layer: (images.count, *values.shape[1:])
                            for layer, values in found.items()
                        }
                        arrays = allocate({layer: shapes[layer] for layer in modules}, self.dtype)
                        for layer, pieces in held.items():
                            for piece in pieces:
                                piece.copy_to(arrays[layer])
                for layer, values in found.items():
                    with np.errstate(over="ignore"):  # float16: reported by the check
                        arrays[layer][rows] = values
                    _check_finite(arrays[layer][rows], layer, images.ids[rows[0]])

            starts = range(0, len(todo), batch_size)
            for _ in bar(self._map(keep, starts), label=f"features {self.name}", total=len(starts)):
                pass
        return arrays

    def _pooled(self, values: np.ndarray, images: Images, rows: np.ndarray) -> np.ndarray:
        """Return the mean of every (n, C, h, w) layer over its patches, padding left out, (n, C, 1, 1)."""
        if images.boxes is None:
            return np.asarray(values.mean((2, 3), keepdims=True))
        inside = patches_inside(images.boxes[rows], images.size, (values.shape[2], values.shape[3]))
        return np.asarray(values.mean((2, 3), keepdims=True, where=inside[:, None]))

    def _map(self, work: Callable[[int], Any], starts: range) -> Iterator[Any]:
        """Do the batches; on a CPU one thread for each of torch's, which beats sharing every layer among them."""
        with workers(self.device) as pool:
            yield from pool.map(work, starts)

    @contextmanager
    def _ready(
        self, modules: Mapping[str, str], shape: tuple[int, ...]
    ) -> Iterator[runtimes.Forward]:
        """Yield the runtime's forward pass, none for no layers."""
        if not modules:
            yield lambda _: {}
            return
        with self._runtime.ready(modules, shape, self.digest) as forward:
            yield forward

    def _normalised(self, images: np.ndarray) -> Tensor:
        batch = torch.from_numpy(images).to(self.device).permute(0, 3, 1, 2).float() / 255
        if self._channels == 1:
            batch = (batch * torch.tensor(GREY, device=self.device).view(1, 3, 1, 1)).sum(
                1, keepdim=True
            )
        mean, std = (
            torch.tensor(values, device=self.device).view(1, -1, 1, 1)
            for values in (self.mean, self.std)
        )
        return (batch - mean) / std

    def __repr__(self) -> str:
        layers = ", ".join(
            f"{n} (stride {self.strides[n]})" if n in self.strides else n for n in self.modules
        )
        return f"Backbone({self.label!r}, layers: {layers}; weights {self.digest}, {self.device}, {self.dtype})"


def _not_held(count: int, layers: Sequence[Sequence[Piece]]) -> np.ndarray:
    """Return the numbers of the images, ascending, that some layer lacks; all of a layer without pieces."""
    lacking = np.zeros(count, dtype=bool)
    for pieces in layers:
        present = np.zeros(count, dtype=bool)
        for piece in pieces:
            present[piece.numbers] = True
        lacking |= ~present
    return np.flatnonzero(lacking)


def _check_cache(cache: object) -> None:
    if not (cache is None or cache is False or (isinstance(cache, str | Path) and str(cache))):
        raise ValueError(
            f"cache must be None (the user's), a folder, or False (none), got {cache!r}"
        )


def _true_name(name: str, weights: str | Path | None, model: nn.Module) -> str:
    """Return a network's name with the tag of its weights if they are the published ones, else without."""
    base, _, tag = name.partition(".")
    if weights is not None:
        return base
    # A bare name stands for weights that timm chooses: say which
    if not tag and name not in networks.EMBEDDED:
        tag = (getattr(model, "pretrained_cfg", None) or {}).get("tag", "")
    return f"{base}.{tag}" if tag else base


def _per_channel(
    name: str, given: Sequence[float] | None, usual: Sequence[float], channels: int
) -> tuple[float, ...]:
    """Return the mean or standard deviation of every channel, the average of what is usual for grey images.

    Raises
    ------
    ValueError: not one finite number for each channel, or a deviation that is not positive.
    """
    if given is None:
        return (sum(usual) / len(usual),) if channels == 1 else tuple(usual)
    values = tuple(float(value) for value in given) if isinstance(given, Iterable) else ()
    if (
        len(values) != channels
        or not np.isfinite(values).all()
        or (name == "std" and min(values) <= 0)
    ):
        example = IMAGENET[name == "std"][:channels]
        raise ValueError(
            f"expected {channels} finite number(s) for {name}, one for each channel"
            f"{' and above 0' if name == 'std' else ''}, got {given!r}: give such as {name}={example}"
        )
    return values


def _short(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


def _label(name: str, unusual: Mapping[str, bool]) -> str:
    how = ", ".join(word for word, said in unusual.items() if said)
    return f"{name} ({how})" if how else name


def _check_finite(values: np.ndarray, layer: str, first: str) -> None:
    if not np.isfinite(values).all():
        raise ValueError(
            f"expected finite features, got NaN or infinity in {layer} from {first} on: check the weights, or use "
            "dtype='float32' if they overflow float16"
        )
