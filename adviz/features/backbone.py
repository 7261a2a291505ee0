"""`Backbone`: a frozen network whose intermediate feature maps are the `Features` of images."""

from __future__ import annotations

import copy
import pkgutil
import threading
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import numpy as np
import PIL
import torch
from torch import Tensor, nn

from adviz._support import (
    Allocate,
    advice_on_gpu_memory,
    allocate_arrays,
    check_device_name,
    device_here,
    got,
    in_folder,
    logger,
    progress_bar,
    workers,
)
from adviz.data import Channels, Geometry, Split
from adviz.features import networks, runtimes
from adviz.features.cache import Cache, Key, Piece, digests, fingerprint
from adviz.features.features import Features, Layer, fill_padding, in_boxes, listed, patches_inside
from adviz.features.inputs import Images, Source, images_of
from adviz.features.sharding import extract_sharded

IMAGENET = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
# Of red, green and blue: ITU-R BT.601, as Pillow converts images to grey
GREY = 0.299, 0.587, 0.114
SIDE = 224  # pixels of test images for networks that do not state their own size
# The option `dtype` -> the type of the features
DTYPES = {"float32": "float32", "float16": "float16", "bfloat16": "float32"}
# The modules that decide how a file becomes features. Their code is part of the cache's key: a
# changed line makes old entries unreachable.
CODE = (
    "features/backbone.py",
    "features/inputs.py",
    "features/runtimes.py",
    "features/networks.py",
    "features/patch_layout.py",
    "features/features.py",
    "_support/arrays.py",
    "data/image_arrays.py",
    "data/split.py",
    "data/sample.py",
    "data/geometry.py",
    "data/images.py",
    "data/masks.py",
    "data/image_decoding.py",
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
        sub-modules. It is put into evaluation mode, is unwrapped from DataParallel or
        torch.compile, and runs in its own floating-point type. The input of a network of one
        channel is grey, 0.299 red + 0.587 green + 0.114 blue; numbers of channels other than 1 and
        3 are refused.
    layers: strides (4, 8, 16, 32 = "layer1" ... "layer4" of a ResNet, and called so for every
        network); these names; or names of sub-modules. Networks in which several layers share a
        stride (ViTs) need names of sub-modules, such as "blocks.5". "image" is the network's input,
        (N, 3, H, W) normalised pixels of stride 1.
    weights: a safetensors or torch file for a named network, which may lack weights that the layers
        do not need; "random" for a seeded random initialisation; None for the published ones.
    device: "auto" (CUDA if there is one, else CPU) or a torch device.
    dtype: "float32" or "float16", of the features, while the network itself runs in float32;
        "bfloat16" runs the network in bfloat16, faster on processors that have it but several per
        cent off, and returns float32.
    mean, std: per-channel normalisation of images in [0, 1]; None = the network's own, else
        ImageNet's; their averages for a network of one channel.
    image_size: side in pixels for networks that are built for one size (ViTs); None = their own.
    runtime: "torch", or "openvino" on a CPU (an extra: ``pip install
        "adviz-anomaly[openvino]"``), which traces the network and compiles it for one image and
        batch size, in seconds; its features are torch's up to 1e-3 of a layer's largest value,
        which is checked.
    pool: return only every layer's mean over its locations, (N, C, 1, 1): all that `DN2` reads, a
        few kilobytes an image.
    probe: where the shape of an output is ambiguous (tokens, channels last, a border that may be
        cut), measure once for each layer and image size which location sees which part of the
        image, with eleven images of noise; False = take tokens for rows.

    Attributes
    ----------
    label: the name, with weights, runtime, precision and pooling if they are not the default:
        "efficientnet_lite0 (bfloat16)", "resnet18 (random)", "resnet18 (mine.pth)". Features and
        results record it. It has the tag of published weights ("resnet18.a1_in1k") only if these
        were loaded; the name of an own module is its class's.
    digest: of the weights, 16 hexadecimal digits.

    Raises
    ------
    ValueError: an unknown name, tag, layer, stride or device, a file that is not this network's or
        lacks what the layers need, or a network of other channels. `extract` raises it where a
        layer gives no feature map: tokens in no known order, or a border of the image that no
        location sees (a patch size of 14 at 256 pixels).
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
        _check_choice("dtype", dtype, DTYPES)
        _check_choice("runtime", runtime, runtimes.NAMES)
        self._own = not isinstance(name_or_module, str)
        self._weights = weights
        model, self.name = _network(name_or_module, weights, image_size)
        self.modules, self.strides = self._resolved(model, layers)
        self.dtype = np.dtype(DTYPES[dtype])
        self.device = _device(device, runtime)
        own_type = networks.dtype_of(model)
        if dtype == "bfloat16" and own_type != torch.float32:
            raise ValueError(
                f'expected a network in float32 for dtype="bfloat16", got one in {_short(own_type)}'
            )
        runtime_class = runtimes.OpenVINO if runtime == "openvino" else runtimes.Torch
        self._runtime = runtime_class(model, self.device, dtype == "bfloat16", probe)
        config = networks.config(model)
        input_size = config.get("input_size") or [SIDE]
        self._channels = networks.channels_of(model, image_size or input_size[-1])
        self.mean = _per_channel("mean", mean, config.get("mean", IMAGENET[0]), self._channels)
        self.std = _per_channel("std", std, config.get("std", IMAGENET[1]), self._channels)
        # The words of the label in parentheses, and whether they are in it
        differs_from_default = {
            Path(weights or "").name: weights is not None,  # "random" or a file
            runtime: runtime != "torch",
            dtype: dtype == "bfloat16",
            _short(own_type): own_type != torch.float32,
            "pooled": pool,
        }
        self.label = _label(self.name, differs_from_default)
        self.digest = networks.digest(model)
        self._structure = str(model)
        self._image_size = image_size
        self._pool = pool
        self._probe = probe
        self._model = model.eval().to(self.device).to(memory_format=torch.channels_last)

    def _resolved(
        self, model: nn.Module, layers: Sequence[Layer]
    ) -> tuple[dict[str, str], dict[str, int]]:
        """Return the sub-modules and strides of layers, once their weights are checked."""
        modules, strides = networks.resolve(model, listed(layers))
        if self._weights not in (None, "random"):
            networks.check_filled(model, _without_pixels(modules).values(), self._weights)
        return modules, strides

    def with_layers(self, layers: Sequence[Layer]) -> Backbone:
        """Return a backbone with other layers of the same network; layers and errors as above."""
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
        client: Any = None,
    ) -> Features:
        """Return the features of images, computed or from the feature cache.

        Parameters
        ----------
        source: a `Split`; a list of image files, PIL images, arrays and tensors of any size, mixed;
            or one array or tensor (N, H, W, c) or (N, c, H, W), which keeps its size unless a
            geometry is given. Images in memory have channels last or first, 1 (grey), 3 (RGB) or 4
            (alpha is dropped), and values in 0..255, or floats in 0..1, which are multiplied by 255
            and rounded; booleans become 0 and 255, uint16 is scaled as 16-bit files are.
        geometry: how a list's images are resized and cropped; None = ``Geometry()`` (to 256, centre
            crop 224). For a fitted detector give its ``geometry_``; a `Split` has its own.
        batch_size: images per batch, which bounds the memory used; None = 4 on a CPU (whose caches
            that suits), 32 on a GPU.
        out: a new folder for memory-mapped `<layer>.npy` files, which are not cached; None keeps
            the features in the feature cache, else in memory, or in a temporary file when they
            exceed 4 GiB.
        cache: None = the feature cache of this user ($ADVIZ_CACHE, at most $ADVIZ_CACHE_LIMIT GB,
            10 by default), but not for own modules, whose weights and structure are known but not
            their code; a folder = a cache there, for own modules too; False = none. Plain arrays
            are never cached, `Split.from_arrays` is.
        channels: order of the colours of arrays and tensors, "rgb" or "bgr" (as OpenCV reads
            images). Files, PIL images and splits know theirs.
        client: a Dask client, whose workers extract a split into the folder `out`, 256 images at a
            time; all of them see that folder and the images by these names. The features are those
            of a call without it, bit for bit on processors of one kind. If it is stopped or fails,
            the same call goes on from the images that are complete. None = in this process.

        Raises
        ------
        ValueError: no image, images of another shape, an unreadable file, a NaN or infinity in the
            features, a geometry with a split, which has its own, or a client without `out`.
        TypeError: no list of images: one path, a table, an open file, ...; with a client no split,
            or a backbone that cannot be sent to its workers.
        FileExistsError, OSError, MemoryError: `out` exists, the disk is too small for it, or the
            GPU's memory for a batch.

        Examples
        --------
        >>> backbone.extract(category.test)
        Features(efficientnet_lite0, 46 images of (224, 224), layer1: 24x56x56, ...)
        """
        log = logger()
        started = time.perf_counter()
        images = images_of(source, geometry, channels)
        if batch_size is None:
            batch_size = 4 if self.device.type == "cpu" else 32
        if batch_size < 1:
            raise ValueError(f"batch_size must be at least 1 image, got {batch_size}")
        _check_cache(cache)
        self._model.eval()
        if self._own:  # an own module may have changed
            self.digest = networks.digest(self._model)
            self._structure = str(self._model)
        if images.count == 0:
            raise ValueError("expected at least one image to extract features from, got none")
        if client is not None:
            if out is None:
                raise ValueError(
                    "expected out=, a folder that all workers see, with client=, got none"
                )
            # Parts of a subclass are plain splits
            if not isinstance(source, Split) or images.files is None:
                raise TypeError(
                    f"expected a Split with client=, got a {type(source).__name__}: read the files "
                    "with data.unlabelled or data.folder"
                )
            configuration = self._configuration(images)
            arrays = extract_sharded(self, source, client, Path(out), batch_size, configuration)
            return self._features(arrays, images)
        arrays = {}  # layer -> (N, C, h, w)
        pieces: dict[str, list[Piece]] = {}
        storage = nullcontext(allocate_arrays) if out is None else in_folder(out)
        # By default not for own modules, since no key has their code
        uncached = out is not None or cache is False or (cache is None and self._own)
        key = None if uncached else self._key(images)
        if key is not None:
            feature_cache = Cache(cache or None)
            arrays, pieces = feature_cache.load(key, self.modules, self.dtype)
            # Nothing is stored if a file changed while it was extracted
            storage = feature_cache.writing(
                key, self.modules, unchanged=lambda: self._key(images) == key
            )
        missing = {layer: module for layer, module in self.modules.items() if layer not in arrays}
        if missing:
            arrays |= self._run(missing, images, min(batch_size, images.count), storage, pieces)
        computed = _missing_images(images.count, [pieces.get(layer, []) for layer in missing])
        log.info(
            "%s: features of %d images, %d of them from the cache, in %.2f s",
            self.label,
            images.count,
            images.count - len(computed),
            time.perf_counter() - started,
        )
        log.debug("%s: computed were the layers %s", self.label, ", ".join(missing) or "none")
        return self._features({layer: arrays[layer] for layer in self.modules}, images)

    def _features(self, arrays: Mapping[str, np.ndarray], images: Images) -> Features:
        """Return layers as `Features`, with their strides, images and network."""
        if not self._pool:
            self._warn_of_uncovered_borders(arrays, images.size)
        height, _ = images.size
        # Of layers that do not state their stride, H / h
        strides = {
            layer: self.strides.get(layer) or round(height / array.shape[2])
            for layer, array in arrays.items()
        }
        features = Features(
            arrays,
            image_size=images.size,
            strides=strides,
            backbone=self.label,
            digest=self.digest,
            ids=images.ids,
            geometry=images.geometry,
        )
        return in_boxes(features, images.boxes)

    def _warn_of_uncovered_borders(
        self, arrays: Mapping[str, np.ndarray], size: tuple[int, int]
    ) -> None:
        """Warn if a layer's locations end before the image does, while maps stretch them over it.

        That is so for networks that round h = H / stride down.
        """
        for layer, stride in self.strides.items():
            covered = [locations * stride for locations in arrays[layer].shape[2:]]
            uncovered = max(side - end for side, end in zip(size, covered, strict=True))
            if uncovered <= stride / 2:
                continue
            larger = tuple(-(-side // stride) * stride for side in size)
            warnings.warn(
                f"expected sides that are multiples of {stride}, the stride of {layer}, got {size}:"
                f" its locations cover {tuple(covered)}, so that its maps lie up to {uncovered}"
                f" pixels off at the lower right; give a geometry of {larger}",
                stacklevel=3,
            )
            return

    def _key(self, images: Images) -> Key | None:
        """Return the cache's key: all that decides the features; None = the images are unknown."""
        files = None if images.files is None else digests(images.files)
        if files is None:
            return None
        return Key(fingerprint(self._configuration(images)), files)

    def _configuration(self, images: Images) -> dict[str, object]:
        """Return all that decides the features of an image, beside its file."""
        return {
            "geometry": images.geometry.pixels if images.geometry else (),
            "pillow": PIL.__version__,
            "network": (self.label, self.digest, self._structure, self._image_size, self._probe),
            "normalisation": (self.mean, self.std),
            "runtime": (self._runtime.version, version("timm")),
            "dtype": self.dtype.str,
            "code": [pkgutil.get_data("adviz", name) for name in CODE],
        }

    def _run(
        self,
        modules: Mapping[str, str],
        images: Images,
        batch_size: int,
        storage: AbstractContextManager[Allocate],
        pieces: Mapping[str, list[Piece]],
    ) -> dict[str, np.ndarray]:
        """Return layers of all images in arrays of `storage`.

        Images that the cache has in all layers are copied from its `pieces`, the others computed.
        """
        arrays: dict[str, np.ndarray] = {}
        lock = threading.Lock()
        missing = _missing_images(images.count, [pieces.get(layer, []) for layer in modules])
        shape = (batch_size, self._channels, *images.size)
        submodules = _without_pixels(modules)
        with (
            storage as allocate,
            advice_on_gpu_memory(shape),
            self._ready(submodules, shape) as forward,
        ):

            def extract_batch(start: int) -> None:
                nonlocal arrays
                rows = missing[start : start + batch_size]  # indices of images
                outputs = self._outputs(forward, images, rows)
                with lock:
                    if not arrays:  # the first batch tells the layers' shapes
                        shapes = {
                            layer: (images.count, *outputs[layer].shape[1:]) for layer in modules
                        }
                        arrays = allocate(shapes, self.dtype)
                        _copy_pieces(pieces, arrays)
                for layer, array in arrays.items():
                    with np.errstate(over="ignore"):  # infinite float16 fails the check below
                        array[rows] = outputs[layer]
                    _check_finite(array[rows], layer, images.ids[rows[0]])

            starts = range(0, len(missing), batch_size)
            batches = self._map(extract_batch, starts)
            for _ in progress_bar(batches, label=f"features {self.name}", total=len(starts)):
                pass
        return arrays

    def _outputs(
        self, forward: runtimes.Forward, images: Images, rows: np.ndarray
    ) -> dict[str, np.ndarray]:
        """Return the layers of some images, and their pixels, without the influence of padding."""
        batch = np.stack([images.padded_by_mirroring(index) for index in rows.tolist()])
        pixels = self._normalised(batch)  # (n, C, H, W)
        outputs = forward(pixels)
        if networks.PIXELS in self.modules:
            outputs[networks.PIXELS] = pixels.cpu().numpy()
        if images.boxes is not None:
            for layer, values in outputs.items():  # (n, C, h, w)
                outputs[layer] = fill_padding(values, images.boxes[rows], images.size)
        if self._pool:
            for layer, values in outputs.items():
                outputs[layer] = self._pooled(values, images, rows)
        return outputs

    def _pooled(self, values: np.ndarray, images: Images, rows: np.ndarray) -> np.ndarray:
        """Return the mean of (n, C, h, w) features over the locations off the padding."""
        if images.boxes is None:
            return np.asarray(values.mean((2, 3), keepdims=True))
        _, _, height, width = values.shape
        inside = patches_inside(images.boxes[rows], images.size, (height, width))
        # inside is (n, h, w), pooled (n, C, 1, 1)
        pooled = values.mean((2, 3), keepdims=True, where=inside[:, None])
        return np.asarray(pooled)

    def _map(self, work: Callable[[int], Any], starts: range) -> Iterator[Any]:
        """Call `work` for each batch, on a CPU in as many threads as torch may use.

        That is faster than torch's own threads, which share the work of every layer.
        """
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
        """Return (n, H, W, 3) uint8 images as the network's normalised input, (n, C, H, W)."""
        batch = torch.from_numpy(images).to(self.device)
        batch = batch.permute(0, 3, 1, 2).float() / 255  # (n, 3, H, W)
        if self._channels == 1:
            batch = (batch * self._channel_tensor(GREY)).sum(1, keepdim=True)
        return (batch - self._channel_tensor(self.mean)) / self._channel_tensor(self.std)

    def _channel_tensor(self, values: Sequence[float]) -> Tensor:
        """Return one value per channel, (1, C, 1, 1)."""
        return torch.tensor(values, device=self.device).view(1, -1, 1, 1)

    def __repr__(self) -> str:
        strides = {layer: f" (stride {stride})" for layer, stride in self.strides.items()}
        layers = ", ".join(f"{layer}{strides.get(layer, '')}" for layer in self.modules)
        return (
            f"Backbone({self.label!r}, layers: {layers}; "
            f"weights {self.digest}, {self.device}, {self.dtype})"
        )


def _device(name: str, runtime: str) -> torch.device:
    """Return the device of a name or "auto"; the runtime itself refuses what it cannot use."""
    check_device_name(name if runtime == "torch" else "auto")
    if name == "auto" and runtime != "torch":
        name = "cpu"
    return torch.device(device_here(name))


def _without_pixels(modules: Mapping[str, str]) -> dict[str, str]:
    """Return {layer: sub-module} without the layer of the pixels, which no sub-module computes."""
    return {layer: module for layer, module in modules.items() if layer != networks.PIXELS}


def _missing_images(count: int, layers: Sequence[Sequence[Piece]]) -> np.ndarray:
    """Return the indices of the images, ascending, that the pieces of some layer do not have."""
    missing = np.zeros(count, dtype=bool)
    for pieces in layers:
        cached = np.zeros(count, dtype=bool)
        for piece in pieces:
            cached[piece.images] = True
        missing |= ~cached  # an image is computed for all layers or none
    return np.flatnonzero(missing)


def _copy_pieces(pieces: Mapping[str, list[Piece]], arrays: Mapping[str, np.ndarray]) -> None:
    for layer, pieces_of_layer in pieces.items():
        for piece in pieces_of_layer:
            piece.copy_to(arrays[layer])


def _check_cache(cache: object) -> None:
    if cache is None or cache is False:
        return
    if not isinstance(cache, str | Path) or not str(cache):
        raise ValueError(
            f"cache must be None (the user's), a folder, or False (none), got {cache!r}"
        )


def _check_choice(option: str, value: str, choices: Iterable[str]) -> None:
    if value not in choices:
        raise ValueError(f"{option} must be one of {', '.join(choices)}, {got(value, choices)}")


def _network(
    name_or_module: str | nn.Module, weights: str | Path | None, image_size: int | None
) -> tuple[nn.Module, str]:
    """Return a network, and its name with the tag of its weights if they are published ones."""
    if not isinstance(name_or_module, str):
        if weights is not None:
            raise ValueError(
                "weights= goes with a network's name; "
                "load them into your own module before passing it"
            )
        model = networks.unwrapped(name_or_module)
        return model, type(model).__name__
    model = networks.create(name_or_module, weights, image_size)
    name, _, tag = name_or_module.partition(".")
    if weights is None and not tag and name not in networks.EMBEDDED:
        tag = networks.config(model).get("tag", "")  # of the weights that timm chose
    if weights is None and tag:
        name = f"{name}.{tag}"
    return model, name


def _per_channel(
    name: str, option: Sequence[float] | None, default: Sequence[float], channels: int
) -> tuple[float, ...]:
    """Return the mean or standard deviation of every channel; grey's default is the average.

    Raises
    ------
    ValueError: not one finite number for each channel, or a deviation that is not positive.
    """
    if option is None:
        return (sum(default) / len(default),) if channels == 1 else tuple(default)
    values = tuple(map(float, option)) if isinstance(option, Iterable) else ()
    valid = len(values) == channels and bool(np.isfinite(values).all())
    if name == "mean":
        bound, example = "", IMAGENET[0]
    else:
        bound, example = " and above 0", IMAGENET[1]
        valid = valid and min(values) > 0
    if not valid:
        raise ValueError(
            f"expected {channels} finite number(s) for {name}, one for each channel{bound}, "
            f"got {option!r}: give such as {name}={example[:channels]}"
        )
    return values


def _short(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


def _label(name: str, differs_from_default: Mapping[str, bool]) -> str:
    words = [word for word, differs in differs_from_default.items() if differs]
    return f"{name} ({', '.join(words)})" if words else name


def _check_finite(values: np.ndarray, layer: str, first: str) -> None:
    if not np.isfinite(values).all():
        raise ValueError(
            f"expected finite features, got NaN or infinity in {layer} from {first} on: "
            "check the weights, or use dtype='float32' if they overflow float16"
        )
