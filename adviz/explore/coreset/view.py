"""The coreset of a memory bank: the chosen patches, those they are nearest to, and the metrics."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any, ClassVar

import numpy as np
import traitlets
from traitlets import Float, Int, List, TraitError, Unicode

from adviz.core import CoresetTrace, rows_kept
from adviz.data import Category
from adviz.explore.coreset.bank import Bank, Usage
from adviz.explore.coreset.figure import COLOURS, DISTANCE, figure
from adviz.explore.coreset.source import BankSource
from adviz.explore.kit.explorer import Explorer
from adviz.explore.kit.packing import part_key
from adviz.explore.kit.tasks import Task
from adviz.plots import StaticFigure

START = 0.01  # of the rows, which are shown first


def coreset(
    categories: Category | Mapping[str, Category],
    traces: CoresetTrace | Mapping[str, Any],
    predictions: Mapping[Any, Any] | None = None,
    *,
    results: Mapping[Any, Any] | None = None,
) -> CoresetView:
    """Show which training patches a coreset keeps and leaves out, and what that costs.

    Parameters
    ----------
    categories: one category, or several by name.
    traces: ``PatchCore().fit(train).trace_``, or several over the same rows by name, such as
        ``{"greedy": trace, "random": trace}``; distances are measured between the first one's
        points. With several categories, category's name -> such a trace or mapping.
    predictions: name -> {coreset size as a fraction: prediction}, as
        `PatchCore.predict_coreset_sizes` returns for one name; they give the bank's usage
        and the metrics. With a single trace the inner mapping is enough; with several categories,
        category's name -> such a mapping.
    results: what `evaluate` says of these, keyed as they are; what is not given is computed beside
        the page.

    Raises
    ------
    ValueError: nothing to show, traces of different rows, or predictions of other test images or of
        another bank.
    TypeError: no traces.

    Examples
    --------
    >>> explore.coreset(category, detector.trace_, {0.01: prediction})
    CoresetView: a widget, to be used in Jupyter; ...
    """
    if not isinstance(traces, CoresetTrace | Mapping):
        came = f"got a {type(traces).__name__}"
        raise TypeError(
            f"expected the trace of a fitted PatchCore, detector.trace_, or several by name, {came}"
        )
    if isinstance(categories, Category):
        one = categories.name
        if not isinstance(predictions or {}, Mapping):
            got = type(predictions).__name__
            raise TypeError(
                "expected predictions as {fraction of the bank: prediction}, such as {0.01: it}, "
                f"got a {got}"
            )
        categories, traces = {one: categories}, {one: traces}
        predictions, results = {one: predictions or {}}, {one: results or {}}
    return CoresetView(categories, traces, predictions or {}, results or {})  # type: ignore[arg-type]


class Entries(List[int]):  # type: ignore[misc]
    """A trait that holds entries, ascending and each once; arrays will do."""

    def validate(self, obj: Any, value: Any) -> Any:
        """Return the entries as a list."""
        return super().validate(obj, np.unique(np.asarray(value, np.int64)).tolist())


class CoresetView(Explorer):
    """All patches in the plane and on their training images, those that a sampler chose marked.

    Attributes
    ----------
    category, sampler: what is displayed.
    budget: the coreset size that is wanted; see `size`.
    colour: what the points' colours mean, one of "distance to the coreset", "order of choice",
        "training image", "row in the image", "column in the image".
    image: index of a training image.
    picked: an entry; None = none.
    lasso: outline of a selection, [x, y, x, y, ...] in the plane; [] = none.
    chosen: entries that are selected without an outline.
    zoom: of the plane: [] = all of it, or [x, y, magnification].
    test: index of a test image, whose patches are compared with the bank; None = none.
    patch: [row, column] of a location of that test image; [] = none.
    closeup: of the large picture: [] = all of it, or [row, column, magnification].
    opacity: of the map over that picture, 0 to 1.
    """

    MODULE = "coreset.js"
    KINDS = ("small", "train", "test", "photo", "points", "order", "distances", "tested")
    STATE = (
        "category", "sampler", "budget", "colour", "image", "picked", "lasso", "chosen", "zoom",
        "test", "patch", "closeup", "opacity",
    )  # fmt: skip
    ONE_OF: ClassVar[Mapping[str, Any]] = {
        "category": lambda self: self.source.banks,
        "sampler": lambda self: self._bank.traces,
        "colour": lambda _: COLOURS,
    }
    source: BankSource

    category = Unicode().tag(sync=True)
    sampler = Unicode().tag(sync=True)
    budget = Int(min=1).tag(sync=True)
    colour = Unicode(DISTANCE).tag(sync=True)
    image = Int(0).tag(sync=True)
    picked = Int(None, allow_none=True).tag(sync=True)
    lasso = List(Float()).tag(sync=True)
    chosen = Entries(Int()).tag(sync=True)
    zoom = List(Float()).tag(sync=True)
    test = Int(None, allow_none=True).tag(sync=True)
    patch = List(Int()).tag(sync=True)
    closeup = List(Float()).tag(sync=True)
    opacity = Float(0.6, min=0, max=1).tag(sync=True)

    def __init__(
        self,
        categories: Mapping[str, Category],
        traces: Mapping[str, CoresetTrace | Mapping[str, CoresetTrace]],
        predictions: Mapping[str, Any],
        results: Mapping[str, Any],
    ) -> None:
        if not categories or any(not traces.get(name) for name in categories):
            raise ValueError(
                f"expected traces for each of {list(categories)}, got them for {list(traces)}"
            )
        banks = {
            name: _bank(
                category, traces[name], predictions.get(name) or {}, results.get(name) or {}
            )
            for name, category in categories.items()
        }
        source = BankSource(categories, banks)
        category = next(iter(banks))
        state = {"category": category, "sampler": next(iter(banks[category].traces))}
        super().__init__(source, state)
        self.observe(self._learn, ["category", "sampler"])
        self._learn()

    # state

    @traitlets.default("budget")
    def _first_size(self) -> int:
        bank = next(iter(self.source.banks.values()))
        return rows_kept(START, bank.total)

    @traitlets.validate("image", "test")
    def _check_image(self, proposal: Any) -> int | None:
        name, value = proposal["trait"].name, proposal["value"]
        one = self._category
        count = len(one.train if name == "image" else one.test)
        if value is not None and not 0 <= value < count:
            raise TraitError(f"{name} must be between 0 and {count - 1}, got {value}")
        return value if value is None else int(value)

    @traitlets.validate("picked")
    def _check_picked(self, proposal: Any) -> int | None:
        row = proposal["value"]
        if row is not None and not 0 <= row < self._bank.total:
            raise TraitError(
                f"picked must be an entry from 0 to {self._bank.total - 1} or None, got {row}"
            )
        return row if row is None else int(row)

    @traitlets.validate("chosen")
    def _check_chosen(self, proposal: Any) -> list[int]:
        rows: list[int] = proposal["value"]
        if rows and not 0 <= rows[0] <= rows[-1] < self._bank.total:
            raise TraitError(
                f"chosen must be entries from 0 to {self._bank.total - 1}, got {rows[0]} to "
                f"{rows[-1]}"
            )
        return rows

    @traitlets.validate("lasso")
    def _check_lasso(self, proposal: Any) -> list[float]:
        outline = list(proposal["value"])
        if outline and (len(outline) < 6 or len(outline) % 2 or not np.isfinite(outline).all()):
            raise TraitError("lasso must be [] or [x, y, ...] of three corners or more")
        return outline

    @traitlets.validate("patch")
    def _check_patch(self, proposal: Any) -> list[int]:
        patch = list(proposal["value"])
        if patch and (len(patch) != 2 or min(patch) < 0):
            raise TraitError(f"patch must be [] or [row, column] of a location, got {patch}")
        return patch

    @traitlets.observe("category")
    def _enter_category(self, _change: Any) -> None:
        """Begin elsewhere with what the former category alone had."""
        if self._property_lock:  # the browser sets all of it itself
            return
        names = list(self._bank.traces)
        self.picked, self.test = None, None
        self.lasso, self.chosen, self.zoom, self.patch, self.closeup = [], [], [], [], []
        self.image = 0
        if self.sampler not in names:
            self.sampler = names[0]
        self.budget = rows_kept(START, self._bank.total)

    @traitlets.observe("picked", "image")
    def _follow(self, change: Any) -> None:
        """Show the picked entry's image; another image's pick is given up."""
        if self.picked is None or self._property_lock:
            return
        image = int(self._bank.trace.image[self.picked])
        if change["name"] == "picked":
            self.image = image
        elif self.image != image:
            self.picked = None

    @traitlets.observe("lasso", "chosen")
    def _select(self, change: Any) -> None:
        """Keep one selection: an outline or entries."""
        if change["new"] and not self._property_lock:
            setattr(self, "chosen" if change["name"] == "lasso" else "lasso", [])

    @traitlets.observe("test")
    def _forget_patch(self, _change: Any) -> None:
        if self.patch and not self._property_lock:
            self.patch = []

    # what follows

    @property
    def size(self) -> int:
        """The displayed coreset size: of those offered the nearest to `budget`, as a ratio."""
        sizes = self._bank.steps(self.sampler)
        return min(sizes, key=lambda size: abs(np.log(size / self.budget)))

    @property
    def radius(self) -> float | None:
        """Covering radius of the displayed bank (Eq. 5); None while it is being computed."""
        return self._bank.radius(self.sampler, self.size)

    @property
    def usage(self) -> Usage | None:
        """How test patches used the displayed bank.

        None where there is no prediction with a bank of this size.
        """
        return self._bank.usage.get(self.sampler, {}).get(self.size)

    @property
    def selected(self) -> np.ndarray:
        """The entries that are selected, (k,) int64, ascending: in the lasso, or those chosen."""
        if self.lasso:
            return self._bank.inside(self.lasso)
        return np.array(self.chosen, np.int64)

    @property
    def _bank(self) -> Bank:
        return self.source.banks[self.category]

    @property
    def _category(self) -> Category:
        return self.source.categories[self.category]

    # work beside the kernel

    def _learn(self, _change: Any = None) -> None:
        """Compute what is not known of the category yet, and tell each piece as it comes."""
        name = self.category
        self._tasks.stop(lambda key: key in self.source.banks and key != name)
        if self._bank.learned:
            return
        task = Task(
            key=name,
            label=f"{name}: coverage and metrics",
            run=partial(self._lessons, self._bank.lessons()),
            done=self._fail_no_more,
            failed=self._fail,
        )
        self._tasks.add(task)

    def _lessons(self, lessons: Iterator[None]) -> None:
        for _ in lessons:
            self.facts = self.source.facts

    def _fail_no_more(self, _result: Any) -> None:
        self._fail(None)

    # parts and pictures

    def _first_parts(self) -> list[str]:
        """Return the keys of the parts that the first picture needs."""
        kinds = ("points",), ("order", self.sampler)
        keys = [part_key(kind, self.category, *names) for kind, *names in kinds]
        if self.sampler in self._bank.distances:
            keys.append(part_key("distances", self.category, self.sampler, self.size))
        return keys

    def static(self) -> StaticFigure:
        """Return the scatter, the covering radius and the image AUROC as a matplotlib figure."""
        return figure(self._bank, self.category, self.sampler, self.size, self.colour, self.image)

    def exported_state(self, images: Any = None) -> dict[str, Any]:
        """Return the state that an exported page begins with: at a test image that it holds."""
        elsewhere = images is not None and self.test not in images
        return self.state | ({"test": None, "patch": []} if elsewhere else {})


def _bank(
    category: Category, traces: Any, predictions: Mapping[Any, Any], results: Mapping[Any, Any]
) -> Bank:
    """Return a category's bank, whose single trace and its predictions may come without a name."""
    if isinstance(traces, CoresetTrace):
        name = traces.sampler
        traces = {name: traces}
        predictions, results = (
            {name: found} if any(isinstance(key, float | int) for key in found) else found
            for found in (predictions, results)
        )
    return Bank(traces, category.test, len(category.train), predictions, results)
