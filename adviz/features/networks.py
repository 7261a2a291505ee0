"""Networks by name, their weights and these weights' digest, and the modules of their layers."""

from __future__ import annotations

import difflib
import hashlib
import socket
import sys
import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import torch
from torch import Tensor, nn

from adviz._support import got, timed
from adviz.features.embedded import WEIGHTS, weights_file
from adviz.features.features import stage_of, stride_of
from adviz.features.patch_layout import feature_info
from adviz.features.timm_import import import_timm

EMBEDDED = tuple(WEIGHTS)
# Names of the parts after the features in weights files, which may differ from the network's or be
# missing
HEADS = (
    "fc",
    "head",
    "heads",
    "head_dist",
    "classifier",
    "last_linear",
    "projector",
    "predictor",
    "projection_head",
)
PIXELS = "image"  # the layer that is the network's input
PATIENCE = 4  # seconds that a connection to the hub may take
REMEDIES = (
    "Three ways to get weights: (1) run once with network access: they are then kept in Hugging "
    "Face's cache, the folder $HF_HOME (~/.cache/huggingface), which can be copied to other "
    'machines; (2) for a Backbone of your own, download the file and pass weights="path/to/'
    'model.safetensors"; (3) use a backbone that ships with pip: '
    f"{', '.join(EMBEDDED)}."
)


def create(name: str, weights: str | Path | None, image_size: int | None = None) -> nn.Module:
    """Build a network by name with its weights; arguments as for `adviz.Backbone`."""
    timm = import_timm()

    if name in EMBEDDED:
        if image_size is not None:
            raise _takes_no_size(name, {"img_size": image_size})
        if weights is None:
            return _build_embedded(name)
        return _build(f"tf_{name}", weights, {})
    base, _, tag = name.partition(".")
    new_name = new_timm_name(name)
    if new_name:
        raise ValueError(
            f"{name} is now {new_name}: use that name, under which its weights are published"
        )
    if not timm.is_model(base):
        close = difflib.get_close_matches(base, [*EMBEDDED, *timm.list_models()], n=3)
        raise ValueError(
            f"expected {', '.join(EMBEDDED)} or a name that timm knows, got {name!r}; "
            f"close: {', '.join(close)}"
        )
    tags = [full_name.partition(".")[2] for full_name in timm.list_pretrained(f"{base}.*")]
    if tag and tag not in tags:
        published = ", ".join(tags) or "none"
        raise ValueError(
            f"expected one of the weight tags of {base} ({published}), {got(tag, tags)}"
        )
    if weights is None and not tags:
        raise ValueError(
            f"timm publishes no weights for {base}; pass a file, or weights='random'. {REMEDIES}"
        )
    options = {}
    if image_size is not None:
        options["img_size"] = image_size
    if weights is None:
        return _download(name, options)
    return _build(name, weights, options)


def new_timm_name(name: str) -> str:
    """Return timm's new name of a network that it renamed; "" for all others.

    Examples
    --------
    >>> from adviz.features import new_timm_name
    >>> new_timm_name("tv_resnet50"), new_timm_name("resnet50")
    ('resnet50.tv_in1k', '')
    """
    registry = import_timm().models._registry
    return str(getattr(registry, "_deprecated_models", {}).get(name) or "")


def digest(model: nn.Module) -> str:
    """Return 16 digits of the SHA-256 of all weights: their names, shapes, types and bytes."""
    sha256 = hashlib.sha256()
    for name, value in sorted(model.state_dict().items()):
        for tensor in _plain(value):
            values = tensor.detach().cpu().contiguous()
            sha256.update(f"{name} {tuple(values.shape)} {values.dtype}".encode())
            sha256.update(values.view(-1).view(torch.uint8).numpy().tobytes())
    return sha256.hexdigest()[:16]


def _plain(value: Any) -> list[Tensor]:
    """Return an entry of a state dict as plain tensors; quantised modules have several in one."""
    if isinstance(value, list | tuple):
        return [tensor for part in value for tensor in _plain(part)]
    if not isinstance(value, Tensor):
        # Such as a module's extra state
        return [torch.tensor(list(repr(value).encode()), dtype=torch.uint8)]
    if value.is_quantized:
        return [value.int_repr(), value.dequantize()]  # integers, and their scale
    return [value]


def load(model: nn.Module, path: str | Path) -> None:
    """Load the weights of a file into `model`, by name; nothing in the file is executed.

    Names may have a common prefix ("module.", "state_dict.model.", ...). The classifier may differ
    or be missing; missing floating-point weights become NaN, so that `check_filled` refuses layers
    that need them. Weights of other shapes (position embeddings of another image size) are
    converted as timm converts published ones.

    Raises
    ------
    FileNotFoundError: no file at `path`.
    ValueError: not a weights file, several networks in it, or its names or shapes are not this
        model's.
    """
    state = read(path)
    expected = model.state_dict()
    heads = _heads(model)
    weights = _without_prefix(state, expected, heads, path)
    if _mismatches(weights, expected, heads) != ([], []):
        weights = _converted(weights, model)
    unknown, misshapen = _mismatches(weights, expected, heads)
    if unknown or misshapen:
        missing = [name for name in expected if name not in weights]
        first = (misshapen or unknown)[0]
        raise ValueError(
            f"expected {len(expected)} tensors named and shaped as in {type(model).__name__}, got "
            f"{path} with {len(missing)} missing, {len(unknown)} unknown and {len(misshapen)} of "
            f"another shape, first {first!r}: pass the weights of this very architecture"
        )
    loaded = {}
    for name, tensor in expected.items():
        if name in weights and weights[name].shape == tensor.shape:
            loaded[name] = weights[name]
        elif tensor.is_floating_point():
            loaded[name] = torch.full_like(tensor, torch.nan)
        else:
            loaded[name] = tensor  # counters and index tables, which no training changes
    model.load_state_dict(loaded)


def check_filled(model: nn.Module, modules: Iterable[str], path: str | Path) -> None:
    """Refuse layers that need weights which the file did not have; see `load`.

    Parameters
    ----------
    model: the network, whose missing weights are NaN.
    modules: the sub-modules of the layers.
    path: of the file, for the message.

    Raises
    ------
    ValueError: weights are missing.
    """
    names = [name for name, _ in model.named_modules()]
    # What is registered after the last of the modules is not needed
    ends = [0]
    for index, name in enumerate(names, 1):
        if any(name == module or name.startswith(f"{module}.") for module in modules):
            ends.append(index)
    needed = set(names[: max(ends)])
    missing = [
        name
        for name, tensor in model.state_dict().items()
        if name.rpartition(".")[0] in needed and _is_missing(tensor)
    ]
    if missing:
        raise ValueError(
            f"expected all weights that {', '.join(modules)} need in {path}, got none of "
            f"{len(missing)}, first {missing[0]!r}: pass a file that has them, or choose layers "
            "before them"
        )


def _is_missing(tensor: Tensor) -> bool:
    if not tensor.is_floating_point() or not tensor.numel():
        return False
    return bool(tensor.isnan().all())


def _without_prefix(
    state: Mapping[str, Tensor],
    expected: Mapping[str, Tensor],
    heads: Sequence[str],
    path: str | Path,
) -> dict[str, Tensor]:
    """Return the tensors with the most frequent prefix of a network's names, without it.

    Raises
    ------
    ValueError: the file has none of its names, or several prefixes with different weights for all
        names but those of `heads`.
    """
    counts = _prefixes(state, expected)
    if not counts:
        names = ", ".join(map(repr, list(state)[:3]))
        raise ValueError(
            f"expected {len(expected)} tensors such as {next(iter(expected))!r} in {path}, got "
            f"{len(state)} with other names, such as {names}: "
            "pass the weights of this very architecture"
        )
    most = max(counts.values())
    # A prefix with fewer optional tensors may hold another network: its weights are compared
    needed = [name for name in expected if not _is_optional(name, heads)]
    prefixes = [
        prefix
        for prefix, count in counts.most_common()
        if count == most or all(f"{prefix}{name}" in state for name in needed)
    ]
    first, *others = [_below(state, prefix) for prefix in prefixes]
    for other in others:
        common = [name for name in expected if name in first and name in other]
        if not all(torch.equal(first[name], other[name]) for name in common):
            raise ValueError(
                f"expected the weights of one network in {path}, got several, under "
                f"{', '.join(map(repr, prefixes))}: save the one you mean in a file of its own"
            )
    return first


def _prefixes(state: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> Counter[str]:
    """Count the prefixes that, taken from a file's names, leave names that a network expects."""
    counts: Counter[str] = Counter()
    for name in state:
        # "a.b.c" has the prefixes "", "a." and "a.b."
        prefix = ""
        suffix = name
        while suffix:
            if suffix in expected:
                counts[prefix] += 1
            part, _, suffix = suffix.partition(".")
            prefix += f"{part}."
    return counts


def _below(state: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    names = [name for name in state if name.startswith(prefix)]
    return {name.removeprefix(prefix): state[name] for name in names}


def _heads(model: nn.Module) -> tuple[str, ...]:
    """Return the names of a network's classifier: its own, and the usual ones in files."""
    own = config(model).get("classifier") or ()
    if isinstance(own, str):
        own = (own,)
    return (*HEADS, *own)


def config(model: nn.Module) -> dict[str, Any]:
    """Return timm's configuration of a network; {} for other networks."""
    return getattr(model, "pretrained_cfg", None) or {}


def _is_optional(name: str, heads: Sequence[str]) -> bool:
    """Return whether a tensor may be missing in a file, or have another shape than expected."""
    head = name.startswith(tuple(f"{head}." for head in heads))
    return head or name.endswith("num_batches_tracked")


def _mismatches(
    state: Mapping[str, Tensor], expected: Mapping[str, Tensor], heads: Sequence[str]
) -> tuple[list[str], list[str]]:
    """Return the names of tensors that a network does not have, and of those of another shape."""
    names = [name for name in state if not _is_optional(name, heads)]
    unknown = [name for name in names if name not in expected]
    misshapen = [
        name
        for name in expected
        if name in state
        and state[name].shape != expected[name].shape
        and not _is_optional(name, heads)
    ]
    return unknown, misshapen


def _converted(state: dict[str, Tensor], model: nn.Module) -> dict[str, Tensor]:
    """Return tensors as timm converts those that it downloads, unchanged if that fails."""
    convert = getattr(sys.modules[type(model).__module__], "checkpoint_filter_fn", None)
    if convert is None:
        return state
    try:
        return dict(convert(dict(state), model))
    except Exception:  # it was written for the published files: anything may go wrong with others
        return state


def read(path: str | Path) -> dict[str, Tensor]:
    """Return the tensors of a safetensors file, or of a torch file without code, by name.

    Nested mappings are read too: {"model": {"conv1.weight": ...}} has a tensor
    "model.conv1.weight".
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"expected a weights file, found none at {path}")
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            return dict(load_file(path))
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # safetensors, pickle and zip errors share no base class
        raise ValueError(
            f"expected a safetensors file or a torch file of tensors only, got {path} ({error}): "
            "download it again, or save the model's state_dict() with safetensors"
        ) from error
    tensors = dict(_tensors(state)) if isinstance(state, Mapping) else {}
    if not tensors:
        kind = type(state).__name__
        raise ValueError(
            f"expected a mapping of names to tensors in {path}, got {kind} without any"
        )
    return tensors


def _tensors(state: Mapping[Any, Any], prefix: str = "") -> Iterator[tuple[str, Tensor]]:
    """Yield (name, tensor) of nested mappings, names joined with dots, skipping other values."""
    for name, value in state.items():
        if isinstance(value, Tensor):
            yield f"{prefix}{name}", value
        elif isinstance(value, Mapping):
            yield from _tensors(value, f"{prefix}{name}.")


def _build(name: str, weights: str | Path, options: dict[str, Any]) -> nn.Module:
    """Build a network of timm with the weights of a file, or with seeded random ones."""
    timm = import_timm()

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)  # weights="random" means the same weights on every call
        try:
            model: nn.Module = timm.create_model(name, pretrained=False, **options)
        except TypeError as error:
            raise _takes_no_size(name, options) from error
    if weights != "random":
        load(model, weights)
    return model


def _download(name: str, options: dict[str, Any]) -> nn.Module:
    """Build a network of timm with its published weights, from the hub or the hub's cache."""
    timm = import_timm()

    try:
        with _without_waiting(), timed("%s: built with the published weights", name):
            model: nn.Module = timm.create_model(name, pretrained=True, **options)
    except TypeError as error:
        raise _takes_no_size(name, options) from error
    except Exception as error:  # hub, http and socket errors share no base class
        reason = type(error).__name__
        raise RuntimeError(
            f"the weights of {name!r} could not be downloaded ({reason}). {REMEDIES}"
        ) from error
    return model


@contextmanager
def _without_waiting() -> Iterator[None]:
    """Make the hub's client use its cache alone where the hub cannot be reached.

    Else it tries five times for each of two files, which takes 46 seconds without a network.
    """
    from huggingface_hub import constants

    before = constants.HF_HUB_OFFLINE
    constants.HF_HUB_OFFLINE = before or not _reachable(constants.ENDPOINT)
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = before


def _reachable(address: str) -> bool:
    """Return whether an address, or its proxy, takes a connection within `PATIENCE` seconds."""
    target = urlsplit(address)
    proxies = getproxies()
    proxy = proxies.get(target.scheme) or proxies.get("all")
    if proxy and not proxy_bypass(target.hostname or ""):
        target = urlsplit(proxy if "://" in proxy else f"//{proxy}")
    usual_port = 443 if target.scheme == "https" else 80
    address_and_port = (target.hostname, target.port or usual_port)
    answered = threading.Event()

    def connect() -> None:
        with (
            suppress(OSError, UnicodeError),
            socket.create_connection(address_and_port, timeout=PATIENCE),
        ):
            answered.set()

    # In a thread, since no timeout limits how long a name is looked up
    attempt = threading.Thread(target=connect, daemon=True)
    attempt.start()
    attempt.join(PATIENCE)
    return answered.is_set()


def _takes_no_size(name: str, options: dict[str, Any]) -> ValueError:
    return ValueError(
        f"{name} takes images of any size and no image_size, got {options}: leave it out"
    )


def _build_embedded(name: str) -> nn.Module:
    """Build a network whose weights come with pip, in another implementation's names.

    The tensors are assigned in order; every shape must agree.
    """
    path = weights_file(name)
    tensors = list(read(path).values())
    model = _build(f"tf_{name}", "random", {})
    expected = model.state_dict()
    if [tensor.shape for tensor in tensors] != [tensor.shape for tensor in expected.values()]:
        kind = type(model).__name__
        raise ValueError(
            f"expected {len(expected)} tensors of the shapes of {kind} in {path}: reinstall it"
        )
    model.load_state_dict(dict(zip(expected, tensors, strict=True)))
    return model


def resolve(model: nn.Module, layers: Sequence[int | str]) -> tuple[dict[str, str], dict[str, int]]:
    """Return {layer name: module name}, and {layer name: stride} of the known strides.

    Parameters
    ----------
    model: the network.
    layers: strides, named "layer1" (stride 4), "layer2" (8), ... after the ResNet's stages; or such
        a name for its stride; or sub-modules' names; or `PIXELS`, of stride 1, which stands for
        itself.

    Raises
    ------
    ValueError: no such sub-module, one with the name of the pixels or of another stage, or a stride
        that no layer has or several share.
    """
    info = {part["module"]: int(part["reduction"]) for part in feature_info(model)}
    parts = {name for name, _ in model.named_modules() if name}
    modules: dict[str, str] = {}
    strides: dict[str, int] = {}
    for layer in layers:
        if layer in modules or layer in strides.values():
            raise ValueError(f"expected every layer once, got {layer!r} twice in {list(layers)}")
        if layer == PIXELS:
            if PIXELS in parts:
                raise ValueError(
                    f"{PIXELS!r} means the pixels, and this network has a part called so: "
                    "rename the part"
                )
            modules[PIXELS] = PIXELS
            strides[PIXELS] = 1
        # "layer2" is a sub-module if there is one, and else a stride
        elif isinstance(layer, str) and (layer in parts or stride_of(layer) not in info.values()):
            modules[layer] = _part(layer, parts, info)
            if stride_of(layer) == info.get(layer, 0):  # a ResNet's own
                strides[layer] = info[layer]
        else:
            stride = int(stride_of(layer) or layer)
            name = stage_of(stride)
            modules[name] = _of_stride(stride, parts, info)
            strides[name] = stride
    if not modules:
        raise ValueError("layers must name at least one layer, got none")
    return modules, strides


def _part(layer: str, parts: set[str], info: Mapping[str, int]) -> str:
    """Return the name of a sub-module, once it is clear that no stage is meant.

    Raises
    ------
    ValueError: there is none, or the name has two meanings.
    """
    if layer not in parts:
        counts = Counter(info.values())
        stages = [stage_of(stride) for stride, count in counts.items() if count == 1]
        also = f", or {', '.join(stages)}" if set(stages) - parts else ""
        raise ValueError(
            f"expected one of the sub-modules {_examples(parts)}{also}, "
            f"{got(layer, parts.union(stages))}"
        )
    stride = stride_of(layer)
    meanings = [module for module, reduction in info.items() if reduction == stride]
    if len(meanings) == 1 and meanings[0] != layer:
        raise ValueError(
            f"{layer!r} is a part of this network, and also what its layer of stride {stride} "
            f"({meanings[0]!r}) is called: give {stride}, or the name of a part of {layer!r}"
        )
    return layer


def _of_stride(stride: int, parts: set[str], info: Mapping[str, int]) -> str:
    """Return the only sub-module of a stride.

    Raises
    ------
    ValueError: none has it, or several.
    """
    matches = [module for module, reduction in info.items() if reduction == stride]
    if len(matches) == 1:
        return matches[0]
    if matches:
        problem = f"{len(matches)} layers have it"
    elif info:
        problem = f"this network has strides {sorted(set(info.values()))}"
    else:
        problem = "this network has no known strides"
    names = ", ".join(matches or info) or _examples(parts)
    raise ValueError(
        f"stride {stride} does not name one layer ({problem}): give names, such as {names}"
    )


def _examples(names: set[str]) -> str:
    """Return the first dozen names of sub-modules, the outermost first."""
    outer = [name for name in names if name.count(".") < 2]
    outer.sort(key=lambda name: (name.count("."), name))
    if len(outer) > 12:
        outer[12:] = ["..."]
    return ", ".join(outer)


def unwrapped(model: nn.Module) -> nn.Module:
    """Return the network inside a DataParallel or compiled one, whose layers have no hooks.

    Raises
    ------
    TypeError: no module, or one on whose layers torch allows no hooks.
    ValueError: one on the meta device, without weights.
    """
    while True:
        inner: Any = getattr(model, "_orig_mod", None)
        if isinstance(model, nn.DataParallel | nn.parallel.DistributedDataParallel):
            inner = model.module
        if not isinstance(inner, nn.Module):
            break
        model = inner
    if not isinstance(model, nn.Module):
        raise TypeError(
            f"expected the name of a network or a torch module, got a {type(model).__name__}"
        )
    if isinstance(model, torch.jit.ScriptModule):
        raise TypeError(
            "expected a module whose layers can be listened to, got one that torch.jit compiled, "
            "whose layers cannot: pass the module that it was made of"
        )
    if any(tensor.is_meta for tensor in model.state_dict().values() if isinstance(tensor, Tensor)):
        raise ValueError(
            f"expected a network with its weights, got a {type(model).__name__} on the meta "
            "device, which has none: load them before you pass it"
        )
    return model


def dtype_of(model: nn.Module) -> torch.dtype:
    """Return the type of a network's first floating-point weights; float32 without any."""
    types = (tensor.dtype for tensor in model.parameters() if tensor.is_floating_point())
    return next(types, torch.float32)


def channels_of(model: nn.Module, side: int) -> int:
    """Return the number of channels of a network's images, 3 or 1 (grey).

    A network may turn three channels into others before its first convolution. If that takes
    another number than three, the network is run up to it.

    Parameters
    ----------
    model: the network.
    side: of the images for this, pixels.

    Raises
    ------
    ValueError: it is fed another number than 1 or 3.
    """
    first = next((part for part in model.modules() if isinstance(part, nn.Conv2d)), None)
    if first is None or first.in_channels == 3:
        return 3
    input_channels: list[int] = []

    def stop(_module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        input_channels.append(int(inputs[0].shape[1]))
        raise InterruptedError

    handle = first.register_forward_pre_hook(stop)
    weights = next(model.parameters())
    try:
        # Errors are reported when features are extracted
        with torch.inference_mode(), suppress(Exception):
            model(torch.zeros((1, 3, side, side), dtype=dtype_of(model), device=weights.device))
    finally:
        handle.remove()
    if input_channels != [3]:
        return 3
    if first.in_channels != 1:
        raise ValueError(
            f"expected a network of 3 channels (red, green, blue) or 1 (grey), got a "
            f"{type(model).__name__} of {first.in_channels}: images here have no others, so put a "
            "layer before it that makes them of three"
        )
    return 1
