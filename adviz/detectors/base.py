"""What all detectors share: choosing their layers, saying whether they are fitted, and showing themselves."""

from __future__ import annotations

import dataclasses
import html
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from adviz.features import Features


class Detector:
    """A dataclass of hyper-parameters; `fit` adds facts as attributes that end in an underscore."""

    layers: tuple[int | str, ...]
    layers_: tuple[str, ...]

    def _fitting(self, features: Features) -> Features:
        """Return the detector's layers of the training features, checked, and remember their names."""
        chosen = features.select(self.layers)
        _check(chosen)
        self.layers_ = tuple(chosen)
        self._backbone = features.backbone, features.digest
        self._channels = {name: array.shape[1] for name, array in chosen.items()}
        return chosen

    def _predicting(self, features: Features) -> Features:
        """Return the same layers of the test features, checked against those of the training."""
        if not hasattr(self, "layers_"):
            raise ValueError(f"{type(self).__name__} must be fitted before it predicts: call fit(features) first")
        chosen = features.select(self.layers_)
        channels = {name: array.shape[1] for name, array in chosen.items()}
        if channels != self._channels:
            raise ValueError(f"expected the channels of the training features {self._channels}, got {channels}")
        made = features.backbone, features.digest
        if all((*made, *self._backbone)) and made != self._backbone:
            raise ValueError(
                f"expected features of the training's backbone {' '.join(self._backbone)}, got {' '.join(made)}: "
                "extract both with one backbone"
            )
        _check(chosen)
        return chosen

    def _facts(self) -> dict[str, Any]:
        values = {name: value for name, value in vars(self).items() if name.endswith("_") and name[0] != "_"}
        return {name: v for name, v in values.items() if isinstance(v, int | float | str | tuple)}

    def __repr__(self) -> str:
        options = ", ".join(f"{f.name}={getattr(self, f.name)!r}" for f in dataclasses.fields(self))  # type: ignore[arg-type]
        facts = ", ".join(f"{name}={value!r}" for name, value in self._facts().items())
        return f"{type(self).__name__}({options})" + (f"; fitted: {facts}" if facts else "; not fitted")

    def _repr_html_(self) -> str:
        options = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}  # type: ignore[arg-type]
        cells = "".join(
            f"<tr><td style='text-align:left'>{html.escape(name)}</td>"
            f"<td style='text-align:left'><code>{html.escape(repr(value))}</code></td></tr>"
            for name, value in {**options, **self._facts()}.items()
        )
        state = "fitted" if hasattr(self, "layers_") else "not fitted"
        return f"<details><summary><b>{type(self).__name__}</b> ({state})</summary><table>{cells}</table></details>"


def usable(value: int | None, default: int, available: int, name: str) -> int:
    """Return how many to use: the user's value, refused beyond what exists, or the default, clipped to it."""
    if value is None:
        return min(default, available)
    if not 1 <= value <= available:
        raise ValueError(f"{name} must be between 1 and the {available} that exist, got {value}")
    return value


def compact(index: np.ndarray) -> np.ndarray:
    """Return non-negative integers in the smallest *signed* type from int16 on that holds them, safe to subtract."""
    return index.astype(np.promote_types(np.min_scalar_type(-1 - int(index.max(initial=0))), np.int16))


def _check(features: Features) -> None:
    if features.n_images == 0:
        raise ValueError("expected the features of at least one image, got none")
    for name, array in features.items():
        for image, values in zip(features.ids, array, strict=True):
            if not np.isfinite(values).all():
                raise ValueError(
                    f"expected finite features, got NaN or infinity in {name} of image {image}: check the weights, the "
                    "image, or extract with dtype='float32'"
                )
