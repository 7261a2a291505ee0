"""Several explorers as one workspace: one picture, one state, and the views that were chosen."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar
from weakref import WeakKeyDictionary

import traitlets
from traitlets import Bool, Int, List, TraitError, Unicode

from adviz.core import CoresetTrace
from adviz.data import Category
from adviz.evaluation import Null
from adviz.explore.compare.view import CompareView
from adviz.explore.coreset.bank import Bank
from adviz.explore.coreset.source import points_part
from adviz.explore.kit.explorer import Explorer
from adviz.explore.kit.image_explorer import ImageExplorer
from adviz.explore.kit.packing import names_of, part_key
from adviz.explore.kit.source import Source
from adviz.explore.layers import parts
from adviz.explore.layers.view import CHOICES, LayersView
from adviz.explore.pro.view import ProView
from adviz.explore.results import ResultsView
from adviz.explore.retrieval.view import Channels, RetrievalView
from adviz.explore.thresholds.view import OF_ALL, ThresholdsView
from adviz.plots import StaticFigure
from adviz.prediction import Prediction

# Name of a view -> the explorer that shows the same
VIEWS: dict[str, type[ImageExplorer]] = {
    "results": ResultsView,
    "retrieval": RetrievalView,
    "compare": CompareView,
    "thresholds": ThresholdsView,
    "pro": ProView,
    "bank": RetrievalView,
    "layers": LayersView,
}
BESIDE = 2  # views that stand beside the picture without scrolling, above the chart of scores
FIRST = 1000  # rows of a trace that tell it from others

# What desks of one source were given, by the digests that name them in keys
_banks: WeakKeyDictionary[Source, dict[str, Bank]] = WeakKeyDictionary()


def desk(
    categories: Category | Mapping[str, Category],
    predictions: Prediction | Mapping[str, Any],
    views: Sequence[str] = (),
    *,
    channels: Mapping[str, Channels] | None = None,
    units: Mapping[str, str] | None = None,
    gate: Mapping[str, float] | None = None,
    traces: CoresetTrace | Mapping[str, CoresetTrace] | None = None,
    nulls: Null | Mapping[str, Any] | None = None,
) -> Desk:
    """Lay several explorers out as one workspace: a pick in any of them moves all.

    Parameters
    ----------
    categories, predictions: as for `explore.results`.
    views: "results", "retrieval", "compare", "thresholds", "pro", "bank", "layers", in their order;
        () = those that say something about these predictions, as many as fit into 1280 x 800
        pixels. A person adds and removes them by hand.
    channels, units: as for `explore.retrieval`.
    gate: as for `explore.thresholds`.
    traces: what a fitted PatchCore kept (``detector.trace_``), of several categories by name; the
        view "bank" lights the entries that an image matches.
    nulls: as for `explore.results`.

    Returns
    -------
    A `Desk`; display it as the last line of a cell.

    Raises
    ------
    ValueError: as the explorers, or a trace of another category.
    traitlets.TraitError: an unknown view.

    Examples
    --------
    >>> view = explore.desk(category, prediction)
    >>> view.views
    ['retrieval', 'layers', 'thresholds']
    >>> view.views = ["compare", *view.views]
    >>> view.state = {"image": 20, "picked": [100, 120]}
    >>> view.export("desk.html")
    PosixPath('desk.html')
    """
    return Desk(
        categories,
        predictions,
        views,
        channels=channels,
        units=units,
        gate=gate,
        traces=traces,
        nulls=nulls,
    )


class Desk(RetrievalView, ThresholdsView, CompareView, ProView, LayersView):
    """A workspace of several explorers on one state, which is that of all of them.

    What follows from the state has the names that it has there: `evidence`, `outcome`, `errors`,
    `table`, `disagreement`, `mixed` and the others; `values` are those of `ProView`.

    Attributes
    ----------
    views: names of the views beside the picture, in their order.
    steps: of the story that is told on it (`explore.story`): sentence and state.
    step: which of them is told, from 0; setting it restores its state.
    others: as those of `RetrievalView`, `ThresholdsView`, `CompareView`, `ProView` and
        `LayersView`.
    """

    MODULE = "desk.js"
    STATE = tuple(
        dict.fromkeys(
            [
                "views",
                "step",
                *ProView.STATE,  # a region goes to its image: what is set later has the last word
                *RetrievalView.STATE,
                *ThresholdsView.STATE,
                *CompareView.STATE,
                *LayersView.STATE,
            ]
        )
    )
    LABELS: ClassVar[Mapping[str, str]] = {
        **ProView.LABELS,
        **LayersView.LABELS,
        "points": "the plane of the memory bank",
    }

    views = List(Unicode()).tag(sync=True)
    step = Int(0, min=0).tag(sync=True)
    steps = List().tag(sync=True)
    order = Unicode("score").tag(sync=True)
    filled = Bool(False).tag(sync=True)  # other views want to see the map

    def __init__(
        self,
        categories: Any,
        predictions: Any,
        views: Sequence[str] = (),
        *,
        channels: Mapping[str, Channels] | None = None,
        units: Mapping[str, str] | None = None,
        gate: Mapping[str, float] | None = None,
        traces: CoresetTrace | Mapping[str, CoresetTrace] | None = None,
        nulls: Null | Mapping[str, Any] | None = None,
    ) -> None:
        # The constructors of the views take different things: theirs are done here one by one
        self._channels = dict(channels or {})
        self._seconds = dict(gate or {})
        self._seen = set()
        self._begins_later = False
        self._wanted = list(views)
        if isinstance(traces, CoresetTrace):
            traces = {next(iter(Source.of(categories, predictions).categories)): traces}
        self._traces = dict(traces or {})
        source = Source.of(categories, predictions, nulls)  # which the explorer gets as well
        parts.add_to(source)
        options = {
            "banks": self._add_banks(source),
            "channels": list(self._channels),
            "units": dict(units or {}),
            "gate": self._seconds,
        }
        ImageExplorer.__init__(self, categories, predictions, nulls=nulls, options=options)
        self._check_seconds()
        self._count_skipped()
        self.views = self._wanted or self.views
        self._follow()
        self.observe(self._measure_fusion, ["category", "detector", *CHOICES])
        self.observe(self._enter_views, "views")
        self._enter_views()

    def _add_banks(self, source: Source) -> dict[str, str]:
        """Let a source make the points of memory banks, and return their keys by category."""
        unknown = [name for name in self._traces if name not in source.categories]
        if unknown:
            known = ", ".join(source.categories)
            raise ValueError(f"expected traces of {known}, got one of {', '.join(unknown)}")
        banks = _banks.setdefault(source, {})
        keys = {}
        for name, trace in self._traces.items():
            category, digest = source.categories[name], _digest(trace)
            banks[digest] = Bank({trace.sampler: trace}, category.test, len(category.train))
            keys[name] = part_key("points", name, digest)
        source.add("points", lambda key: points_part(banks[names_of(key)[2]]))
        return keys

    # state

    @traitlets.default("views")
    def _views_to_begin_with(self) -> list[str]:
        """Return the views that were wanted, or that say something about these predictions."""
        if self._wanted:
            return self._wanted
        beside = {
            "retrieval": self._searched(),
            "bank": bool(self._traces),
            "compare": any(len(each) > 1 for each in self.source.predictions.values()),
            "layers": self._layered(),
        }
        views = [name for name, telling in beside.items() if telling][:BESIDE]
        if any(len(category.test) > 1 for category in self.source.categories.values()):
            views.append("thresholds")
        return views or ["results"]

    def _searched(self) -> bool:
        """Return whether any detector compared with neighbours, as far as is known."""
        for category in self.source.facts["categories"].values():
            for found in category["detectors"].values():
                if found is None or found["k"] or found["wholeK"]:
                    return True
        return False

    def _layered(self) -> bool:
        """Return whether any detector has maps of several layers, as far as is known."""
        return any(
            isinstance(found, Prediction)
            and found.anomaly_map is not None
            and len(found.layer_maps) > 1
            for detectors in self.source.predictions.values()
            for found in detectors.values()
        )

    @traitlets.validate("views")
    def _check_views(self, proposal: Any) -> list[str]:
        names = list(proposal["value"])
        unknown = [name for name in names if name not in VIEWS]
        if unknown or len(set(names)) < len(names):
            raise TraitError(
                f"views must be some of {', '.join(VIEWS)}, each once, got {', '.join(names)}"
            )
        if "bank" in names and not self._traces:
            raise TraitError(
                "the view bank needs traces=, such as the trace_ of a fitted PatchCore"
            )
        return names

    @traitlets.validate("step")
    def _check_step(self, proposal: Any) -> int:
        step = int(proposal["value"])
        if step and step >= len(self.steps):
            raise TraitError(f"step must be one of the story's {len(self.steps)}, got {step}")
        return step

    @traitlets.observe("step")
    def _tell_step(self, _change: Any) -> None:
        # _property_lock: the browser sets the state itself
        if self.steps and not self._property_lock:
            self.state = self.steps[self.step]["state"]

    def _enter_views(self, _change: Any = None) -> None:
        """Compute what the views need."""
        self._compute_missing()
        self._measure()
        self._measure_fusion()

    def _needed(self) -> list[tuple[str, str]]:
        compared = "compare" in self.views
        return super()._needed() if compared else ImageExplorer._needed(self)

    def _measure(self, _change: Any = None) -> None:
        if "compare" in self.views:
            super()._measure()

    def _numbers_keys(self) -> list[str]:
        layered = "layers" in self.views and self._has_layers()
        return [*super()._numbers_keys(), *(self._numbers(self._comparable) if layered else [])]

    def _measure_fusion(self, _change: Any = None) -> None:
        if "layers" in self.views and self._has_layers():
            super()._measure_fusion()
        else:
            self._stop_others([])

    def _has_layers(self) -> bool:
        """Return whether the displayed detector has maps of layers, as far as is known."""
        if self.source.missing(self.category, self.detector) is not None:
            return False
        return self.prediction.anomaly_map is not None and bool(self.prediction.layer_maps)

    def _with_layers(self, detector: str, prediction: Any) -> Any:
        return prediction  # here it may have none

    def _first_parts(self) -> list[str]:
        layers = self._first_layers() if "layers" in self.views else []
        return [*super()._first_parts(), *layers]

    # pictures and files

    def static(self) -> StaticFigure:
        """Return what the first view shows as a matplotlib figure."""
        return self._drawn((self.views or ["results"])[0])

    def _figures(self) -> list[StaticFigure]:
        return [self._row(), *(self._drawn(name) for name in self.views if name != "results")]

    def _drawn(self, view: str) -> StaticFigure:
        if view == "layers" and not self._has_layers():
            return self._row()
        return VIEWS[view].static(self)

    def _exported_views(self) -> list[str]:
        """Return the views that a file can show: those that are there, and those of the story."""
        told = [name for step in self.steps for name in step["state"]["views"]]
        return list(dict.fromkeys([*self.views, *told]))

    @property
    def KINDS(self) -> tuple[str, ...]:  # type: ignore[override]
        """Kinds of parts that an exported page asks for."""
        kinds = dict.fromkeys(ImageExplorer.KINDS)
        for name in self._exported_views():
            kinds.update(dict.fromkeys(VIEWS[name].KINDS))
        return tuple(kinds)

    def export_keys(
        self,
        *,
        images: Sequence[int] | None = None,
        k: int | None = None,
        photos: bool = False,
    ) -> list[str]:
        """Return the keys of the parts that an exported page of these views asks for."""
        keys = Explorer.export_keys(self, images=images, k=k, photos=photos)
        views = self._exported_views()
        if "thresholds" in views:
            keys += self.source.keys(kinds=OF_ALL)
        if "bank" in views:
            keys += self.options["banks"].values()
        if "layers" in views:
            told = [step["state"] for step in self.steps]
            for chosen in (self.state, *told):
                keys += parts.keys(self.source, chosen, images)
        if "retrieval" not in views:
            keys = [key for key in keys if names_of(key)[1] != "train"]
        return list(dict.fromkeys(keys))

    def exported_state(self, images: Sequence[int] | None = None) -> dict[str, Any]:
        """Return the state that an exported page begins with, and the story that it tells."""
        return super().exported_state(images) | {"steps": self.steps}


def _digest(trace: CoresetTrace) -> str:
    """Return a name for a trace: from what it chose first, for all its points may be gigabytes."""
    chosen = trace.order[:FIRST]
    values = trace.order, trace.image, trace.location, trace.points[chosen]
    return hashlib.blake2b(b"".join(one.tobytes() for one in values), digest_size=8).hexdigest()
