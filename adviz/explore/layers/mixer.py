"""The controls of a mix: which layers, how much of each, how they are joined, and presets."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import ipywidgets as widgets

from adviz.core import maps
from adviz.explore.kit.view import Quiet, discard, labelled, wrapped
from adviz.explore.layers.mixing import JOINS, Join, Mix, presets

OWN, FREE = "the detector's own", "own choice"
HEAVIEST, WIDEST = 5.0, 16.0  # weight, and pixels of sigma, that the sliders reach
LONG = {"description_width": "initial"}


class Mixer(widgets.VBox):  # type: ignore[misc]
    """Checkboxes and weights of layers, the way they are joined, and presets.

    `react` is called after each change.
    """

    def __init__(self, react: Callable[[Any], None]) -> None:
        self._react, self._quiet = react, Quiet()
        self._own: Mix | None = None
        self._enlarge = "bilinear"  # and the border have no control: they are the detector's own
        self._border: maps.Border = "reflect"
        self._chosen: dict[str, widgets.Checkbox] = {}
        self._weights: dict[str, widgets.FloatSlider] = {}
        preset = widgets.Dropdown(description="preset", layout=widgets.Layout(width="290px"))
        self._preset = labelled(preset, "preset", self._take_preset)
        join = widgets.Dropdown(
            options=list(JOINS),
            description="fusion",
            style=LONG,
            layout=widgets.Layout(width="120px", margin="2px 12px"),
        )
        self._join = labelled(join, "join", self._changed)
        root = widgets.Checkbox(
            description="root",
            indent=False,
            tooltip="square root of the fused map",
            layout=widgets.Layout(width="70px"),
        )
        self._root = labelled(root, "root", self._changed)
        sigma = widgets.FloatSlider(
            4.0, min=0, max=WIDEST, step=0.5, description="sigma (px)", readout_format=".1f",
            continuous_update=False, style=LONG, layout=widgets.Layout(width="260px"),
        )  # fmt: skip
        self._sigma = labelled(sigma, "sigma", self._changed)
        self._layers = wrapped([], align="center").add_class("adviz-layers")
        super().__init__(
            [
                wrapped([self._preset, self._join, self._root, self._sigma], align="center"),
                self._layers,
            ]
        )

    def offer(self, names: tuple[str, ...], own: Mix | None) -> None:
        """Offer the layers of a detector, and its own mix.

        What was chosen of other layers is given up.

        What is offered already is left alone: this is also called by work in the background, while
        a person chooses.
        """
        if names == tuple(self._chosen) and own == self._own:
            return
        follow = not self._chosen or self.preset == OWN
        new = names != tuple(self._chosen)
        with self._quiet:
            self._own = own
            if new:
                self._make_rows(names)
            self._preset.options = [*([OWN] if own else []), *presets(names), FREE]
            if own and (follow or new):
                self._show(own)
            elif new:
                self._show(Mix(names, (1.0,) * len(names)))
        self._name_preset()

    def _make_rows(self, names: tuple[str, ...]) -> None:
        """Make a checkbox and a weight for every layer."""
        self._chosen, self._weights = {}, {}
        for name in names:
            box = widgets.Checkbox(
                True, description=name, indent=False, layout=widgets.Layout(width="auto")
            )
            weight = widgets.FloatSlider(
                1.0, min=0, max=HEAVIEST, step=0.1, readout_format=".1f", continuous_update=False,
                description="\N{MULTIPLICATION SIGN}", tooltip=f"weight of {name}", style=LONG,
                layout=widgets.Layout(width="150px", margin="0 12px 0 6px"),
            )  # fmt: skip
            self._chosen[name] = labelled(box, f"layer-{name}", self._changed)
            self._weights[name] = labelled(weight, f"weight-{name}", self._changed)
        pairs = [widgets.HBox([self._chosen[name], self._weights[name]]) for name in names]
        former = self._layers.children
        self._layers.children = [
            widgets.Label("layers", layout=widgets.Layout(margin="0 8px 0 12px")),
            *pairs,
        ]
        for part in former:
            discard(part)

    @property
    def mix(self) -> Mix:
        """What the controls say; settable."""
        layers = tuple(name for name, box in self._chosen.items() if box.value)
        weights = tuple(round(float(self._weights[name].value), 6) for name in layers)
        root, sigma = bool(self._root.value), float(self._sigma.value)
        return Mix(layers, weights, self._join.value, root, sigma, self._enlarge, self._border)

    @mix.setter
    def mix(self, mix: Mix) -> None:
        _check(mix, tuple(self._chosen))
        with self._quiet:
            self._show(mix)
        self._changed()

    @property
    def layers(self) -> tuple[str, ...]:
        """Names of the layers that enter; settable, as all that follow."""
        return self.mix.layers

    @layers.setter
    def layers(self, names: Sequence[str]) -> None:
        chosen = tuple(name for name in self._chosen if name in names)
        if len(chosen) != len(set(names)):
            raise ValueError(
                f"expected layers among {', '.join(self._chosen)}, got {', '.join(names)}"
            )
        self.mix = replace(
            self.mix, layers=chosen, weights=tuple(self.weights[name] for name in chosen)
        )

    @property
    def join(self) -> Join:
        """How they are joined."""
        return self.mix.join

    @join.setter
    def join(self, join: Join) -> None:
        self.mix = replace(self.mix, join=join)

    @property
    def root(self) -> bool:
        """Whether the root of the joined map is taken."""
        return self.mix.root

    @root.setter
    def root(self, root: bool) -> None:
        self.mix = replace(self.mix, root=root)

    @property
    def sigma(self) -> float:
        """Of the smoothing, pixels."""
        return self.mix.sigma

    @sigma.setter
    def sigma(self, sigma: float) -> None:
        self.mix = replace(self.mix, sigma=sigma)

    @property
    def weights(self) -> dict[str, float]:
        """The weights of all layers, chosen or not."""
        return {name: float(slider.value) for name, slider in self._weights.items()}

    @weights.setter
    def weights(self, weights: Mapping[str, float]) -> None:
        _check(Mix((*weights,), (*weights.values(),)), tuple(self._chosen))
        with self._quiet:
            for name, weight in weights.items():
                self._weights[name].value = weight
        self._changed()

    @property
    def preset(self) -> str:
        """Name of the preset that the controls agree with; "own choice" where there is none."""
        return str(self._preset.value)

    @preset.setter
    def preset(self, name: str) -> None:
        if name not in self._preset.options or name == FREE:
            there = ", ".join(repr(option) for option in self._preset.options if option != FREE)
            raise ValueError(f"preset must be one of {there}, got {name!r}")
        self._preset.value = name

    def _show(self, mix: Mix) -> None:
        """Bring the controls to a mix; layers that do not enter keep their weights."""
        self._enlarge = mix.enlarge
        self._border = mix.border
        for name, box in self._chosen.items():
            box.value = name in mix.layers
        for name, weight in zip(mix.layers, mix.weights, strict=True):
            self._weights[name].value = weight
        self._join.value, self._root.value, self._sigma.value = mix.join, mix.root, mix.sigma

    def _take_preset(self, _change: Any = None) -> None:
        if self._quiet or self.preset == FREE:
            return
        with self._quiet:
            if self.preset == OWN and self._own:
                self._show(self._own)
            else:
                layers = presets([*self._chosen])[self.preset]
                now = self.mix
                self._show(replace(now, layers=layers, weights=(1.0,) * len(layers)))
        self._react(None)

    def _changed(self, _change: Any = None) -> None:
        if not self._quiet:
            self._name_preset()
            self._react(None)

    def _name_preset(self) -> None:
        """Let the drop-down say which preset the controls agree with, if any."""
        mix = self.mix
        equal = {OWN} if mix == self._own else set()
        if set(mix.weights) == {1.0}:
            equal |= {
                name for name, layers in presets([*self._chosen]).items() if layers == mix.layers
            }
        if self.preset not in equal:
            with self._quiet:
                self._preset.value = next(
                    (name for name in self._preset.options if name in equal), FREE
                )


def _check(mix: Mix, names: tuple[str, ...]) -> None:
    """Refuse what the controls cannot show."""
    if not set(mix.layers) <= set(names):
        raise ValueError(
            f"expected layers among {', '.join(names)}, got {', '.join(mix.layers) or 'none'}"
        )
    if mix.join not in JOINS:
        raise ValueError(f"expected a fusion by {', '.join(JOINS)}, got {mix.join!r}")
    if not all(0 <= weight <= HEAVIEST for weight in mix.weights) or not 0 <= mix.sigma <= WIDEST:
        raise ValueError(
            f"weights must be between 0 and {HEAVIEST:g} and sigma between 0 and {WIDEST:g} "
            "pixels, got "
            f"{list(mix.weights)} and {mix.sigma:g}"
        )
