"""A fitted detector's model card: what goes beside its file for people who did not fit it."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from adviz.detectors.persistence import save_load

if TYPE_CHECKING:
    from adviz.detectors.base import Detector

# What holds for all detectors; each class says the rest in `limits`
LIMITS = (
    "It sees what its features see: a defect to which no layer reacts is found by no threshold.",
    "What was normal is what the training images have in common. Another light, camera, focus or "
    "orientation can raise false alarms on good images.",
    "Scores are no probabilities. Set a threshold with `adviz.calibrate`, on good images that it "
    "was not fitted on.",
)
UNKNOWN = "not known"


def card(detector: Detector, digest: str | None) -> str:
    """Return a detector's card; see `Detector.card`.

    Raises
    ------
    ValueError: not fitted.  TypeError: a class that does not say all that it has learned.
    """
    content = save_load.contents(detector)
    name = type(detector).__name__
    sections = {
        f"# {name}": _description(detector),
        "## Options": _table(("option", "value"), _in_code(detector.get_params())),
        "## Fitted on": _table(("", ""), _training(detector)),
        "## Size": _sizes(content["state"]),
        "## Load and verify": _loading(detector, digest),
        "## Known limits": "\n".join(f"- {limit}" for limit in (*detector.limits, *LIMITS)),
    }
    return "\n\n".join(f"{head}\n\n{body}" for head, body in sections.items()) + "\n"


def _description(detector: Detector) -> str:
    lines = (inspect.getdoc(type(detector)) or "A detector of anomalies in images.").splitlines()
    preset = "" if detector.title == type(detector).__name__ else f" Options: `{detector.title}`."
    return f"{lines[0]}{preset}"


def _training(detector: Detector) -> dict[str, str]:
    """Return what is known about the training images and their features."""
    label, digest = detector._backbone
    n_images = getattr(detector, "_n_images", None)
    layers = [f"{name} ({count} channels)" for name, count in detector._channels.items()]
    return {
        "training images": UNKNOWN if n_images is None else str(n_images),
        "backbone": _code(label) if label else UNKNOWN,
        "digest of its weights": _code(digest) if digest else UNKNOWN,
        "layers": ", ".join(layers),
        "geometry of the images": _code(repr(detector.geometry_))
        if detector.geometry_
        else UNKNOWN,
        **_in_code(detector.facts),
    }


def _sizes(state: Mapping[str, Any]) -> str:
    arrays = dict(_arrays(state))
    rows = {}
    for name, array in arrays.items():
        shape = " x ".join(map(str, array.shape)) or "one number"
        rows[_code(name)] = f"{shape}, {array.dtype}, {array.nbytes / 1e6:.3g} MB"
    total = sum(array.nbytes for array in arrays.values())
    return _table(("array", "size"), {**rows, "all": f"{total / 1e6:.3g} MB"})


def _arrays(tree: Any, path: str = "") -> Iterator[tuple[str, np.ndarray]]:
    """Yield the arrays in a tree of dictionaries and lists, by the names that lead to them."""
    if isinstance(tree, np.ndarray):
        yield path, tree
    elif isinstance(tree, Mapping):
        for name, value in tree.items():
            yield from _arrays(value, f"{path}.{name}" if path else str(name))
    elif isinstance(tree, list | tuple):
        for number, value in enumerate(tree):
            yield from _arrays(value, f"{path}.{number}")


def _loading(detector: Detector, digest: str | None) -> str:
    cls = type(detector)
    module = "adviz" if cls.__module__.startswith("adviz.") else cls.__module__
    text = repr(digest) if digest else "..."
    return f"""```python
from {module} import {cls.__name__}

detector = {cls.__name__}.load("detector.safetensors", digest={text})
features = backbone.extract(images, geometry=detector.geometry_)
prediction = detector.predict(features)
```

The digest is what `save` returned: with it no other file is accepted, without it any undamaged one
is. Nothing in the file is executed. `predict` refuses features of another backbone, of other layers
and of another geometry, as far as they are known."""


def _table(head: tuple[str, str], rows: Mapping[str, str]) -> str:
    lines = [f"| {head[0]} | {head[1]} |", "|---|---|"]
    lines += [f"| {name} | {value} |" for name, value in rows.items()]
    return "\n".join(lines)


def _in_code(values: Mapping[str, Any]) -> dict[str, str]:
    return {_code(name): _code(repr(value)) for name, value in values.items()}


def _code(text: str) -> str:
    """Return a text as code in a table of Markdown, whatever its characters."""
    plain = " ".join(text.replace("`", "'").split())
    return "`" + plain.replace("|", r"\|") + "`"
