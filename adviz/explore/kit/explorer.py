"""Explorers that draw themselves in the browser: one anywidget each, whose state is plain traits.

The traits hold what a person chose and nothing else. What is shown follows from them and from named
parts of the data (`kit.source`), which the browser asks for; Python only answers.
"""

from __future__ import annotations

import base64
import math
import threading
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import anywidget
import traitlets
from traitlets import Bool, Dict, Float, Int, List, TraitError, Unicode

from adviz._support import got
from adviz.explore.kit import pictures
from adviz.explore.kit.bundle import bundle, styles
from adviz.explore.kit.export import MOST, export
from adviz.explore.kit.packing import packed, part_key
from adviz.explore.kit.source import Source
from adviz.explore.kit.tasks import Task, Tasks
from adviz.plots import StaticFigure
from adviz.prediction import Prediction

EVERYTHING = "all"
ONLY = ("all", "errors", "false positives", "false negatives")
SHOWN_AS = ("map", "outline")
ORDERS = ("score", "as stored")
# what is said while a kind of part is made; the others take no time worth a word
LABELS = {
    "mean": "the mean of the normal images",
    "numbers": "metrics",
    "disagreement": "disagreement",
    "pixels": "the threshold of the pixels",
    "areas": "defect pixels",
}


class Explorer(anywidget.AnyWidget):  # type: ignore[misc]
    """What explorers of test images share.

    All attributes can be read, set, observed and linked.

    Attributes
    ----------
    category, detector: what is displayed.
    defect: of the images that are gone through; "all" = every image.
    only: "all", or which errors of the threshold are gone through: "errors", "false positives",
        "false negatives".
    order: "score", the highest first, or "as stored".
    image: index into the test split, from 0.
    thresholds: "category/detector" -> chosen threshold of the image score; without an entry the one
        to begin with, the F1-optimal one.
    picked: [row, column] of a pixel; [] = the map's peak.
    zoom: [] = the whole image, or [row, column, magnification].
    limits: "category/detector" -> [low, high] of the map's colours; without an entry those that all
        its maps share.
    opacity: of the map over the image, 0 to 1.
    fade: whether low values of the map let more of the image through.
    contour: whether the ground truth is outlined.
    shown_as: "map", or "outline" where the map is at or above the threshold.
    """

    MODULE = ""
    # kinds of parts that an exported page asks for
    KINDS: tuple[str, ...] = ("small", "test", "found", "photo")
    STATE: tuple[str, ...] = (
        "category", "detector", "defect", "only", "order", "image", "thresholds", "picked",
        "zoom", "limits", "opacity", "fade", "contour", "shown_as",
    )  # fmt: skip
    ORDERS: tuple[str, ...] = ORDERS
    # attributes that are no state; all others would be misspelt
    OWN: ClassVar[frozenset[str]] = frozenset({"source", "links"})

    category = Unicode().tag(sync=True)
    detector = Unicode().tag(sync=True)
    defect = Unicode(EVERYTHING).tag(sync=True)
    only = Unicode(EVERYTHING).tag(sync=True)
    order = Unicode("score").tag(sync=True)
    image = Int(0).tag(sync=True)
    thresholds = Dict().tag(sync=True)
    picked = List(Int()).tag(sync=True)
    zoom = List(Float()).tag(sync=True)
    limits = Dict().tag(sync=True)
    opacity = Float(0.7, min=0, max=1).tag(sync=True)
    fade = Bool(True).tag(sync=True)
    contour = Bool(True).tag(sync=True)
    shown_as = Unicode("map").tag(sync=True)
    # not chosen, but told to the browser
    facts = Dict().tag(sync=True)
    options = Dict().tag(sync=True)
    opening = Dict().tag(sync=True)  # parts of the first picture: drawn without asking
    busy = Unicode().tag(sync=True)
    error = Unicode().tag(sync=True)

    def __init_subclass__(cls) -> None:
        if "MODULE" in vars(cls):  # anywidget makes a subclass of every instance's class
            cls._esm = bundle(cls.MODULE)
            cls._css = styles()
        super().__init_subclass__()

    def __init__(
        self,
        categories: Any,
        predictions: Any,
        *,
        options: Mapping[str, Any] | None = None,
    ) -> None:
        self.source = Source.of(categories, predictions)
        self.links: list[tuple[Explorer, Explorer, str]] = []
        self._answering = threading.Lock()
        self._tasks = Tasks(self._tell)
        category = next(iter(self.source.categories))
        super().__init__(
            category=category,
            detector=next(iter(self.source.predictions[category])),
            options=dict(options or {}),
            facts=self.source.facts,
        )
        self.opening = {key: self._opened(key) for key in self._first_parts()}
        self.on_msg(self._answer)
        self.observe(self._compute_missing, ["category", "detector"])
        self._compute_missing()

    def __setattr__(self, name: str, value: Any) -> None:
        known = name.startswith("_") or hasattr(type(self), name) or name in self.OWN
        if not known:
            raise AttributeError(
                f"expected some of {', '.join(self.STATE)}, {got(name, self.STATE)}"
            )
        super().__setattr__(name, value)

    def __repr__(self) -> str:
        return f"{type(self).__name__}: a widget, to be used in Jupyter; static() draws it"

    # state

    @property
    def state(self) -> dict[str, Any]:
        """What a person chose, as plain data; setting it restores that."""
        return {name: getattr(self, name) for name in self.STATE}

    @state.setter
    def state(self, values: Mapping[str, Any]) -> None:
        unknown = sorted(set(values) - set(self.STATE))
        if unknown:
            raise ValueError(f"expected some of {', '.join(self.STATE)}, got {', '.join(unknown)}")
        before = self.state
        # the category first, for others are of it
        names = [name for name in self.STATE if name in values]
        try:
            for name in names:
                setattr(self, name, values[name])
        except TraitError:
            for name, value in before.items():
                setattr(self, name, value)
            raise

    @property
    def threshold(self) -> float:
        """Image score from which on an image of this category and detector is predicted anomalous.

        Settable; `thresholds` holds those that were set. NaN: none was, and none can be told.
        """
        chosen = self.thresholds.get(self._threshold_key)
        return float(self._first_threshold() if chosen is None else chosen)

    @threshold.setter
    def threshold(self, score: float) -> None:
        self.thresholds = {**self.thresholds, self._threshold_key: float(score)}

    @property
    def _threshold_key(self) -> str:
        return self._key

    @property
    def _key(self) -> str:
        return f"{self.category}/{self.detector}"

    def _first_threshold(self) -> float:
        threshold = self._detector_facts["threshold"]
        return math.nan if threshold is None else float(threshold)

    @property
    def _category_facts(self) -> dict[str, Any]:
        return dict(self.source.facts["categories"][self.category])

    @property
    def _detector_facts(self) -> dict[str, Any]:
        self.prediction  # noqa: B018  (says so where it is still to be computed)
        return dict(self._category_facts["detectors"][self.detector])

    @property
    def _map_limits(self) -> tuple[float, float] | None:
        """Ends of the displayed maps' colours: those chosen, else those that they all share."""
        ends = self.limits.get(self._key) or self._detector_facts["limits"]
        return None if ends is None else (ends[0], ends[1])

    @property
    def prediction(self) -> Prediction:
        """The displayed detector's prediction of the displayed category.

        Raises
        ------
        RuntimeError: it has not been computed yet.
        """
        return self.source.prediction(self.category, self.detector)

    @traitlets.validate("category")
    def _check_category(self, proposal: Any) -> str:
        return self._one_of("category", proposal["value"], list(self.source.categories))

    @traitlets.validate("detector")
    def _check_detector(self, proposal: Any) -> str:
        names = list(self.source.predictions[self.category])
        return self._one_of("detector", proposal["value"], names)

    @traitlets.validate("defect")
    def _check_defect(self, proposal: Any) -> str:
        defects = dict.fromkeys(self.source.categories[self.category].test.defects)
        return self._one_of("defect", proposal["value"], [EVERYTHING, *defects])

    @traitlets.validate("only")
    def _check_only(self, proposal: Any) -> str:
        return self._one_of("only", proposal["value"], ONLY)

    @traitlets.validate("order")
    def _check_order(self, proposal: Any) -> str:
        return self._one_of("order", proposal["value"], self.ORDERS)

    @traitlets.validate("shown_as")
    def _check_shown_as(self, proposal: Any) -> str:
        return self._one_of("shown_as", proposal["value"], SHOWN_AS)

    @staticmethod
    def _one_of(name: str, value: str, allowed: Sequence[str]) -> str:
        if value not in allowed:
            raise TraitError(f"{name} must be one of {', '.join(allowed)}, got {value!r}")
        return value

    @traitlets.validate("image")
    def _check_image(self, proposal: Any) -> int:
        count = len(self.source.categories[self.category].test)
        if not 0 <= proposal["value"] < count:
            raise TraitError(f"image must be between 0 and {count - 1}, got {proposal['value']}")
        return int(proposal["value"])

    @traitlets.validate("picked")
    def _check_picked(self, proposal: Any) -> list[int]:
        picked = list(proposal["value"])
        size = self.source.categories[self.category].test.image_size
        inside = len(picked) == 2 and 0 <= picked[0] < size[0] and 0 <= picked[1] < size[1]
        if picked and not inside:
            raise TraitError(
                f"picked must be [] or [row, column] of an image of {size[0]}x{size[1]} pixels, "
                f"got {picked}"
            )
        return picked

    @traitlets.validate("zoom")
    def _check_zoom(self, proposal: Any) -> list[float]:
        zoom = list(proposal["value"])
        if zoom and not (len(zoom) == 3 and zoom[2] >= 1):
            raise TraitError(
                f"zoom must be [] or [row, column, magnification of 1 or more], got {zoom}"
            )
        return zoom

    @traitlets.validate("thresholds")
    def _check_thresholds(self, proposal: Any) -> dict[str, float]:
        for key, value in proposal["value"].items():
            if not isinstance(value, int | float) or value != value or abs(value) == float("inf"):
                raise TraitError(f"a threshold must be a finite score, got {value} for {key}")
        return dict(proposal["value"])

    @traitlets.validate("limits")
    def _check_limits(self, proposal: Any) -> dict[str, list[float]]:
        for key, value in proposal["value"].items():
            if len(value) != 2 or not value[0] <= value[1]:
                raise TraitError(f"limits must be [low, high], got {value} for {key}")
        return {key: [float(end) for end in value] for key, value in proposal["value"].items()}

    @traitlets.observe("category")
    def _enter_category(self, _change: Any) -> None:
        """Keep what the new category has, and begin elsewhere for the rest."""
        test = self.source.categories[self.category].test
        detectors = list(self.source.predictions[self.category])
        if self.detector not in detectors:
            self.detector = detectors[0]
        if self.defect not in (EVERYTHING, *test.defects):
            self.defect = EVERYTHING
        if self.image >= len(test):
            self.image = 0

    @traitlets.observe("image", "category")
    def _forget_pick(self, _change: Any) -> None:
        # _property_lock: the browser sets both itself, the pick after the image
        if self.picked and not self._property_lock:
            self.picked = []

    # parts

    def part(self, key: str) -> dict[str, Any]:
        """Return data that is displayed, by its key, as arrays and JPEG files.

        Parameters
        ----------
        key: such as "found/mesh/SPADE/10" or "test/mesh/10"; `kit.source` lists them.
        """
        return dict(self.source.part(key))

    def _first_parts(self) -> list[str]:
        """Return the keys of the parts that the first picture needs."""
        keys = [part_key("test", self.category, self.image)]
        if self.source.missing(self.category, self.detector) is None:
            keys.append(part_key("found", self.category, self.detector, self.image))
        return keys

    def _opened(self, key: str) -> dict[str, Any]:
        heads, values = packed(self.part(key))
        return {"heads": heads, "values": values}

    def _needed(self) -> list[tuple[str, str]]:
        """Return (category, detector) of the predictions that are displayed."""
        return [(self.category, self.detector)]

    def _compute_missing(self, _change: Any = None) -> None:
        """Compute predictions that are displayed and were given as functions; drop others."""
        needed = self._needed()
        self._tasks.stop(lambda key: isinstance(key, tuple) and key not in needed)
        for category, detector in reversed(needed):
            function = self.source.missing(category, detector)
            if function is None:
                continue
            task = Task(
                key=(category, detector),
                label=f"{category} · {detector}",
                run=function,
                done=partial(self._computed, category, detector),
                failed=self._fail,
            )
            self._tasks.add(task, first=True)

    def _computed(self, category: str, detector: str, prediction: Any) -> None:
        self.source.computed(category, detector, prediction)
        self.error = ""
        self.facts = self.source.facts

    # messages

    def _answer(self, _widget: Any, message: Any, _buffers: Any) -> None:
        """Answer the browser: parts at once, or in the background where making them takes long."""
        if message.get("stop"):
            self.stop()
        keys = list(message.get("ask", ()))
        slow = [key for key in keys if self._is_slow(key)]
        quick = [key for key in keys if key not in slow]
        if quick:
            self._send_parts(quick)
        for key in slow:
            task = Task(
                key=key,
                label=LABELS.get(key.split("/")[0], ""),
                run=partial(self.part, key),
                done=partial(self._send_made, key),
                failed=partial(self._send_failure, key),
            )
            self._tasks.add(task)

    def _is_slow(self, key: str) -> bool:
        return self.source.slow(key)

    def _send_parts(self, keys: Sequence[str]) -> None:
        answers: list[dict[str, Any]] = []
        buffers: list[bytes] = []
        for key in keys:
            try:
                heads, values = packed(self.part(key))
            # whatever it is: the person at the screen must see it, not only a log
            except Exception as error:
                answers.append({"key": key, "error": _words_of(error)})
            else:
                answers.append({"key": key, "heads": heads})
                buffers += values
        with self._answering:
            self.send({"parts": answers}, buffers)

    def _send_made(self, key: str, _part: Any) -> None:
        self._send_parts([key])

    def _send_failure(self, key: str, error: Exception | None) -> None:
        answer = {"key": key, "stopped": True}
        if error is not None:
            answer = {"key": key, "error": _words_of(error)}
        with self._answering:
            self.send({"parts": [answer]})

    def _tell(self, text: str) -> None:
        self.busy = f"computing {text}" if text else ""

    def _fail(self, error: Exception | None) -> None:
        self.error = "" if error is None else f"Error: {_words_of(error)}"

    def wait(self, seconds: float = 300) -> None:
        """Wait until nothing is being computed.

        Raises
        ------
        TimeoutError: it took longer; it goes on.
        """
        self._tasks.wait(seconds)

    def stop(self) -> None:
        """Stop what is being computed at its next step; choosing it again starts it again."""
        self._tasks.stop()

    def close(self) -> None:
        """Take the explorer off the page, and stop its work."""
        if hasattr(self, "_tasks"):  # one that was refused is closed as well, by ipywidgets
            self.stop()
        layout = self.layout
        super().close()
        if layout is not None:  # a widget of its own, which ipywidgets leaves
            layout.close()

    # pictures and files

    def static(self) -> StaticFigure:
        """Return what is displayed as a matplotlib figure, for papers and pages without widgets."""
        raise AttributeError(f"{type(self).__name__} does not say what to draw")

    def save(self, path: str) -> None:
        """Write that figure to a file; the ending chooses the format (.pdf, .svg, .png)."""
        self.static().savefig(path, bbox_inches="tight")

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> Any:
        """Return the widget, and for pages that show none (GitHub, nbviewer) a picture."""
        found = super()._repr_mimebundle_(include=include, exclude=exclude)
        if found is None:
            return None
        data, metadata = found if isinstance(found, tuple) else (found, {})
        picture = self.picture()
        if not picture:
            return data, metadata
        return {**data, "image/jpeg": base64.b64encode(picture).decode()}, metadata

    def picture(self) -> bytes:
        """Return what pages without widgets and without scripts show, as a JPEG file.

        Empty where there is nothing to draw yet.
        """
        try:
            files = [figure._repr_jpeg_() for figure in self._figures()]
        except Exception:  # nothing to draw yet, or an error that the status line shows
            return b""
        return files[0] if len(files) == 1 else pictures.stacked(files)

    def _figures(self) -> list[StaticFigure]:
        """Return the figures that show what is displayed, from top to bottom."""
        return [self.static()]

    def export(
        self,
        path: str | Path,
        *,
        title: str = "",
        images: Sequence[int] | None = None,
        k: int | None = None,
        half: bool = False,
        photos: bool = False,
        most: float = MOST,
    ) -> Path:
        """Write this explorer, and those that are linked with it, as one HTML file.

        It needs neither kernel nor network: every click answers as in a notebook. Options are those
        of `adviz.explore.export`.

        Examples
        --------
        >>> view = explore.results(category, prediction)
        >>> view.export("mesh.html")
        PosixPath('mesh.html')
        """
        return export(
            path,
            self,
            title=title,
            images=images,
            k=k,
            half=half,
            photos=photos,
            most=most,
        )

    def export_keys(
        self,
        *,
        images: Sequence[int] | None = None,
        k: int | None = None,
        photos: bool = False,
    ) -> list[str]:
        """Return the keys of the parts that an exported page of this explorer asks for.

        Options are those of `Source.keys`.
        """
        return list(self.source.keys(kinds=self.KINDS, images=images, k=k, photos=photos))


def _words_of(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
