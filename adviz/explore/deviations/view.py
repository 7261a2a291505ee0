"""Which differences between two configurations change a metric, one option at a time."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, ClassVar

import traitlets
from traitlets import Dict, Float, Int, List, TraitError, Unicode

from adviz import plots
from adviz._support import progress
from adviz.data import Category
from adviz.explore.deviations.flips import (
    CUMULATIVE,
    MODES,
    TOGETHER,
    Flips,
    configurations,
    described,
    steps_of,
)
from adviz.explore.deviations.runs import METRICS, Path, Runs, mean
from adviz.explore.deviations.source import RunSource
from adviz.explore.kit.explorer import Explorer
from adviz.explore.kit.image_explorer import EVERYTHING
from adviz.explore.kit.tasks import Task
from adviz.plots import StaticFigure

MEAN = "mean"
UNITS = ("aggregation", "distance", "match")
Function = Callable[[str, dict[str, Any]], Any]


def deviations(
    categories: Category | Mapping[str, Category],
    steps: Mapping[str, Flips],
    run: Function,
    *,
    start: str = "paper",
    units: Collection[str] = UNITS,
) -> DeviationsView:
    """Show how much each option that differs between two configurations changes AUROC or PRO.

    Parameters
    ----------
    categories: one category, or several by name.
    steps: target's name -> option -> (value at the start, value at the target), as
        ``PatchCore.preset("paper").differences("official")`` returns it. Any named choice can be an
        option.
    run: function of (category's name, options) that returns a `Prediction` of the test images; the
        options are those that are flipped, with the target's values, such as
        ``replace(PatchCore.preset("paper"), **options)`` takes. Where options change how images are
        read it returns (prediction, split), and where they change how it is evaluated (prediction,
        split, result). It is called in the background, once for every configuration and category.
    start: name of the configuration in which nothing is flipped.
    units: options that change the unit of scores and maps; maps before and after then have scales
        of their own.

    Returns
    -------
    A `DeviationsView`; display it as the last line of a cell. It keeps all scores and maps (4 bytes
    a pixel of a run).

    Raises
    ------
    ValueError: no category, no target, or a target without an option.

    Examples
    --------
    >>> run = lambda category, options: PatchCore(coreset=0.01, **options).fit(train).predict(test)
    >>> view = explore.deviations(category, {"wider": {"sigma": (4.0, 8.0)}}, run)
    """
    named = {categories.name: categories} if isinstance(categories, Category) else categories
    return DeviationsView(named, steps, run, start=start, units=units)


class DeviationsView(Explorer):
    """Pick a target, flip options, press run: a waterfall and a table of changed points follow.

    With a category chosen, its test images follow with the maps before and after one step.

    Attributes
    ----------
    target: name of the configuration to which the flips lead.
    mode: whether a flip adds to those before it ("one after the other") or is "each alone".
    metric: what is compared: "image AUROC", "pixel AUROC" or "PRO".
    category: whose waterfall and maps are displayed; "mean" = the average over all.
    orders: target -> its options in the order in which they are flipped; without an entry as given.
    flips: target -> the options that are flipped; without an entry all.
    step: whose maps are displayed: an option's name, or "all together".
    defect: defect type whose images are gone through; "all" = every image.
    image: index into the test split, from 0.
    picked: [row, column] of a pixel of the maps; [] = none.
    zoom: [] = the whole image, or [row, column, magnification].
    """

    MODULE = "deviations.js"
    STATE = (
        "target", "mode", "metric", "category", "orders", "flips", "step", "defect", "image",
        "picked", "zoom",
    )  # fmt: skip
    KINDS = ("picture", "run", "change", "interval")
    ONE_OF: ClassVar[Mapping[str, Any]] = {
        "target": lambda self: self.source.targets,
        "mode": lambda _: MODES,
        "metric": lambda _: METRICS,
        "category": lambda self: self._categories,
        "step": lambda self: [TOGETHER, *self._flips],
        "defect": lambda self: [EVERYTHING, *self._defects],
    }
    source: RunSource

    target = Unicode().tag(sync=True)
    mode = Unicode(CUMULATIVE).tag(sync=True)
    metric = Unicode("image AUROC").tag(sync=True)
    category = Unicode().tag(sync=True)
    orders = Dict().tag(sync=True)
    flips = Dict().tag(sync=True)
    step = Unicode(TOGETHER).tag(sync=True)
    defect = Unicode(EVERYTHING).tag(sync=True)
    image = Int(0).tag(sync=True)
    picked = List(Int()).tag(sync=True)
    zoom = List(Float()).tag(sync=True)

    def __init__(
        self,
        categories: Mapping[str, Category],
        steps: Mapping[str, Flips],
        run: Function,
        *,
        start: str = "paper",
        units: Collection[str] = UNITS,
    ) -> None:
        if not categories or MEAN in categories:
            raise ValueError(
                f"expected at least one category, none of them called {MEAN!r}, got "
                f"{list(categories)}"
            )
        if not steps or not all(steps.values()):
            raise ValueError(f"expected targets with at least one option each, got {dict(steps)}")
        self._doing = ""
        source = RunSource(categories, steps, Runs(categories, run), start, units)
        first = MEAN if len(categories) > 1 else next(iter(categories))
        super().__init__(source, {"target": next(iter(steps)), "category": first})
        self.observe(self._go_on, list(self.STATE))

    # state

    @traitlets.validate("orders")
    def _check_orders(self, proposal: Any) -> dict[str, list[str]]:
        for target, names in proposal["value"].items():
            known = list(self._flips_of("orders", target))
            if sorted(names) != sorted(known):
                raise TraitError(
                    f"order must name each of {', '.join(known)} once, got {list(names)}"
                )
        return {target: list(names) for target, names in proposal["value"].items()}

    @traitlets.validate("flips")
    def _check_flips(self, proposal: Any) -> dict[str, list[str]]:
        for target, names in proposal["value"].items():
            known = self._flips_of("flips", target)
            unknown = [name for name in names if name not in known]
            if unknown:
                raise TraitError(f"flipped must name options of {', '.join(known)}, got {unknown}")
        return {target: list(names) for target, names in proposal["value"].items()}

    def _flips_of(self, trait: str, target: str) -> Flips:
        return self.source.targets[self._one_of(trait, target, list(self.source.targets))]

    @property
    def _categories(self) -> list[str]:
        names = list(self.source.categories)
        return [MEAN, *names] if len(names) > 1 else names

    @property
    def _defects(self) -> list[str]:
        return list(dict.fromkeys(self._one.test.defects)) if self._one else []

    @property
    def _one(self) -> Category | None:
        """The displayed category; None = the mean over all."""
        return self.source.categories.get(self.category)

    @traitlets.validate("image")
    def _check_image(self, proposal: Any) -> int:
        one = self._one
        most = len(one.test) if one else max(self.source.image_counts())
        if not 0 <= proposal["value"] < most:
            raise TraitError(f"image must be between 0 and {most - 1}, got {proposal['value']}")
        return int(proposal["value"])

    @traitlets.validate("picked")
    def _check_picked(self, proposal: Any) -> list[int]:
        picked = list(proposal["value"])
        if picked and len(picked) != 2:
            raise TraitError(f"picked must be [] or [row, column], got {picked}")
        return picked

    @traitlets.observe("target")
    def _enter_target(self, _change: Any) -> None:
        if self.target and self.step not in (TOGETHER, *self._flips):
            self.step = TOGETHER

    @traitlets.observe("category")
    def _enter_category(self, _change: Any) -> None:
        """Keep what the new category has, and begin elsewhere for the rest."""
        one = self._one
        if one is None:
            return
        if self.defect not in (EVERYTHING, *one.test.defects):
            self.defect = EVERYTHING
        if self.image >= len(one.test):
            self.image = 0

    @traitlets.observe("defect")
    def _enter_defect(self, _change: Any) -> None:
        """Go to the first image of a defect type; a browser that chose it does so itself."""
        one = self._one
        if one is None or self.defect == EVERYTHING or self._property_lock:
            return
        if one.test.defects[self.image] != self.defect:
            self.image = list(one.test.defects).index(self.defect)

    def _go_on(self, _change: Any = None) -> None:
        self.error = ""
        if self.facts.get("stopped"):
            self.facts = self.source.facts

    @property
    def order(self) -> tuple[str, ...]:
        """All options of the target, in the order in which they are flipped. Settable."""
        return tuple(self.orders.get(self.target, self._flips))

    @order.setter
    def order(self, names: Sequence[str]) -> None:
        self.orders = {**self.orders, self.target: list(names)}

    @property
    def flipped(self) -> tuple[str, ...]:
        """The options that are flipped, in that order. Settable."""
        chosen = self.flips.get(self.target, list(self._flips))
        return tuple(name for name in self.order if name in chosen)

    @flipped.setter
    def flipped(self, names: Sequence[str]) -> None:
        self.flips = {**self.flips, self.target: list(names)}

    # what follows from it

    @property
    def results(self) -> dict[str, list[Any]]:
        """The displayed table, unrounded, as columns.

        "category", the start, each flipped option, the end.

        Points of the metric; the options' columns hold differences. NaN is not computed, or
        undefined.
        """
        table = self._table()
        rows = [
            [path.start, *(after - before for before, after in path.steps), path.end]
            for path in table.values()
        ]
        columns = [self.source.start, *self.flipped, self._end]
        pairs = zip(columns, zip(*rows, strict=True), strict=True)
        return {"category": list(table), **{name: list(values) for name, values in pairs}}

    @property
    def status(self) -> str:
        """What the status line says."""
        if self.error:
            return str(self.error)
        count = len(configurations(self.flipped, self.mode)) * len(self.source.categories)
        words = [
            f"{self.source.start} → {self._end}",
            self.mode,
            self.metric,
            self.category,
            f"{count - len(self._missing())} of {count} runs",
        ]
        one = self._one
        if one is not None:
            defect = one.test.defects[self.image]
            words.append(f"image {self.image + 1} of {len(one.test)}: {defect}")
        text = " · ".join(words)
        return f"stopped · {text}" if self.facts.get("stopped") else text

    @property
    def _flips(self) -> Flips:
        return self.source.targets[self.target]

    @property
    def _end(self) -> str:
        """What the last column is called: the target, where everything is flipped."""
        return self.target if set(self.flipped) == set(self._flips) else TOGETHER

    def _missing(self) -> list[tuple[str, tuple[str, ...]]]:
        """Return (category, names of flipped options) of the runs that what is displayed needs."""
        wanted = configurations(self.flipped, self.mode)
        return [
            (category, names)
            for category in self.source.categories
            for names in wanted
            if not self.source.runs.found(category, self._flips, names)
        ]

    def _table(self) -> dict[str, Path]:
        """Return the way from start to end for every category.

        With several categories, the mean of those that are known is among them.
        """
        steps = steps_of(self.flipped, self.mode)
        runs = self.source.runs
        rows = {
            name: runs.path(name, self._flips, steps, self.flipped, self.metric)
            for name in self.source.categories
        }
        return rows | {MEAN: mean(list(rows.values()))} if len(rows) > 1 else rows

    # work

    def run(self) -> None:
        """Compute what is missing of what is displayed, in the background.

        `wait` waits for it, `stop` stops it.
        """
        self._go_on()
        if self._missing():
            task = Task(
                key="runs",
                label=lambda: self._doing or "runs",
                run=self._run_missing,
                done=lambda _: None,
                failed=self._give_up,
            )
            self._tasks.add(task)

    def _run_missing(self) -> None:
        """Run one configuration after the other.

        What is chosen meanwhile counts, what is done is kept.
        """
        steps = progress.progress_bar(label="runs")
        while missing := self._missing():
            steps.update(0)  # raises when it is to stop
            flips = self._flips
            wanted = len(configurations(self.flipped, self.mode))
            category, names = missing[0]
            place = wanted - sum(name == category for name, _ in missing) + 1
            self._doing = f"{category}: {place} of {wanted}"
            self._tell(f"{self._doing} …")
            self.source.runs.make(category, flips, names)
            self.facts = self.source.facts

    def _give_up(self, error: Exception | None) -> None:
        if error is None:
            self.facts = {**self.source.facts, "stopped": True}
        else:
            self._fail(error)

    def _answer(self, widget: Any, message: Any, buffers: Any) -> None:
        if message.get("run"):
            self.run()
        super()._answer(widget, message, buffers)

    # pictures

    def exported_state(self, images: Sequence[int] | None = None) -> dict[str, Any]:
        """Return the state that an exported page begins with: at an image that it holds."""
        elsewhere = images is not None and self.image not in images
        return self.state | ({"image": images[0], "picked": []} if images and elsewhere else {})

    def static(self) -> StaticFigure:
        """Return the displayed waterfall as a matplotlib figure."""
        path = self._table()[self.category]
        names = [described(name, self._flips[name]) for name in self.flipped]
        quantity = self.metric
        if self.metric == "PRO":
            quantity = " / ".join(sorted(self._pro_names())) or quantity
        return plots.waterfall(
            (self.source.start, path.start),
            dict(zip(names, path.steps, strict=True)),
            (self._end, path.end),
            quantity=quantity,
            title=f"{self.category}: {self.source.start} → {self._end}, {self.mode}",
        )

    def _pro_names(self) -> set[str]:
        """Return the definitions of PRO at the start and at the end of the displayed categories."""
        every = self.source.categories
        shown = [self.category] if self.category in every else list(every)
        found = set()
        for name in shown:
            ends = [
                self.source.runs.found(name, self._flips, names) for names in ((), self.flipped)
            ]
            if all(ends):
                found |= {run.pro_name for run in ends if run}
        return found
