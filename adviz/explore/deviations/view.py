"""Which differences between two configurations change a metric, one option at a time."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import lru_cache
from typing import Any

import ipywidgets as widgets

from adviz._support import progress
from adviz.data import Category
from adviz.explore.deviations import page
from adviz.explore.deviations.flips import (
    MODES,
    TOGETHER,
    Flips,
    Step,
    configurations,
    described,
    short,
    steps_of,
)
from adviz.explore.deviations.option_list import OptionList
from adviz.explore.deviations.runs import METRICS, Path, Run, Runs, mean
from adviz.explore.kit import theme
from adviz.explore.kit.image_stepper import EVERYTHING, KEPT
from adviz.explore.kit.view import Stepper, View, labelled, value_of, wrapped
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


class DeviationsView(View):
    """Pick a target, flip options, press run: a waterfall and a table of changed points follow.

    With a category chosen, its test images follow with the maps before and after one step. The
    state is plain data, readable and settable: `target`, `mode` ("one after the other" or "each
    alone"), `metric`, `category` ("mean" = average over categories), `order` and `flipped` (names
    of options), `step` (an option's name or "all together"), `defect` ("all" = every image),
    `image` (index into the test split, from 0); readable: `results`.
    """

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
        self._categories, self._steps, self._start, self._units = (
            categories,
            steps,
            start,
            frozenset(units),
        )
        self._runs, self._doing = Runs(categories, run), ""
        self._photo = lru_cache(KEPT)(lambda split, index: split[index])
        self._lists = {
            target: OptionList(flips, self._offer_steps) for target, flips in steps.items()
        }
        super().__init__(self._controls())
        controls, status, busy, table = self.children  # type: ignore[has-type]
        table.layout.flex, table.layout.min_width = "1 1 420px", "0"
        self._left = widgets.VBox(layout=widgets.Layout(flex="0 0 auto", margin="0 16px 0 0"))
        self._chart, self._maps = (
            widgets.HTML().add_class(f"adviz-{name}") for name in ("chart", "maps")
        )
        self._below = wrapped([self._step, self._defect, self._images])
        top = wrapped([self._left, table])
        self.children = [controls, status, busy, top, self._chart, self._below, self._maps]
        with self._together():
            self._change_category()
            self._change_target()

    def _controls(self) -> list[widgets.Widget]:
        names = [*([MEAN] if len(self._categories) > 1 else []), *self._categories]
        self._target = _choice("target", list(self._steps), self._change_target)
        self._mode = _choice("flips", list(MODES), self._offer_steps, "mode")
        self._metric = _choice("metric", list(METRICS), self._redraw)
        self._category = _choice("category", names, self._change_category)
        self._step = _choice("step", [TOGETHER], self._redraw)
        self._defect = _choice("defect", [EVERYTHING], self._filter)
        self._images = Stepper("image", self._redraw)
        self._button = widgets.Button(
            button_style="primary", tooltip="compute what is missing, in the background"
        )
        self._button.add_class("adviz-run").on_click(lambda _: self.run())
        return [self._target, self._mode, self._metric, self._category, self._button]

    target = value_of("target", "Name of the configuration to which the flips lead.")
    mode = value_of(
        "mode", 'Whether a flip adds to those before it ("one after the other") or is "each alone".'
    )
    metric = value_of("metric", 'What is compared: "image AUROC", "pixel AUROC" or "PRO".')
    category = value_of(
        "category",
        'Category whose waterfall and maps are displayed; "mean" = the average over all.',
    )
    step = value_of("step", 'The step whose maps are shown: an option\'s name, or "all together".')
    defect = value_of("defect", 'Defect type whose images are gone through; "all" = every image.')

    @property
    def order(self) -> tuple[str, ...]:
        """All options of the target, in the order in which they are flipped."""
        return self._lists[self.target].order

    @order.setter
    def order(self, names: Sequence[str]) -> None:
        self._lists[self.target].order = names

    @property
    def flipped(self) -> tuple[str, ...]:
        """The options that are flipped, in that order."""
        return self._lists[self.target].flipped

    @flipped.setter
    def flipped(self, names: Sequence[str]) -> None:
        with self._together():
            self._lists[self.target].flipped = names

    @property
    def image(self) -> int:
        """Index of the displayed test image, from 0, in the whole test split."""
        return self._shown[int(self._images.slider.value) - 1]

    @image.setter
    def image(self, index: int) -> None:
        if index not in self._shown:
            raise ValueError(
                f"image must be one of the {len(self._shown)} on offer, {self._shown}, got {index}"
            )
        self._images.slider.value = self._shown.index(index) + 1

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
        columns = [
            self._start,
            *(step.name for step in steps_of(self.flipped, self.mode)),
            self._end,
        ]
        numbers = {
            name: list(values)
            for name, values in zip(columns, zip(*rows, strict=True), strict=True)
        }
        return {"category": list(table), **numbers}

    def run(self) -> None:
        """Compute what is missing of what is displayed, in the background.

        `wait` waits for it, `stop` stops it.
        """
        if not self.busy and self._missing():
            self._compute(lambda: self._doing or "runs", self._run_missing, self._redraw)

    def _run_missing(self) -> None:
        """Run one configuration after the other.

        What is chosen meanwhile counts, what is done is kept.
        """
        steps = progress.progress_bar(label="runs")
        while True:
            steps.update(0)  # raises when it is to stop
            with self._drawing:
                missing, flips, wanted = (
                    self._missing(),
                    self._flips,
                    len(configurations(self.flipped, self.mode)),
                )
            if not missing:
                return
            category, names = missing[0]
            place = wanted - sum(name == category for name, _ in missing) + 1
            self._doing = f"{category}: {place} of {wanted}"
            self._tell(f"{self._doing} …")
            self._runs.make(category, flips, names)
            self._redraw()

    @property
    def _flips(self) -> Flips:
        return self._steps[self.target]

    @property
    def _end(self) -> str:
        """What the last column is called: the target, where everything is flipped."""
        return self.target if set(self.flipped) == set(self._flips) else TOGETHER

    def _missing(self) -> list[tuple[str, tuple[str, ...]]]:
        """Return (category, names of flipped options) of the runs that what is displayed needs."""
        wanted = configurations(self.flipped, self.mode)
        return [
            (c, names)
            for c in self._categories
            for names in wanted
            if not self._runs.found(c, self._flips, names)
        ]

    def _table(self) -> dict[str, Path]:
        """Return the way from start to end for every category.

        With several categories, the mean of those that are known is among them.
        """
        steps = steps_of(self.flipped, self.mode)
        rows = {
            name: self._runs.path(name, self._flips, steps, self.flipped, self.metric)
            for name in self._categories
        }
        return rows | {MEAN: mean(list(rows.values()))} if len(rows) > 1 else rows

    def _change_target(self, _change: Any = None) -> None:
        """Offer the target's options."""
        self._left.children = [self._lists[self.target]]
        self._offer_steps()

    def _offer_steps(self, _change: Any = None) -> None:
        """Offer the maps of every step there is, and stay at the displayed one."""
        before, names = self.step, [TOGETHER, *self.flipped]
        with self._together():
            if names != list(self._step.options):
                self._step.options = names
                self._step.value = before if before in names else TOGETHER

    def _change_category(self, _change: Any = None) -> None:
        """Offer the category's defects and start at its first image; the mean has none."""
        one = self._categories.get(self.category)
        with self._together():
            self._defect.options = [EVERYTHING, *dict.fromkeys(one.test.defects if one else ())]
            self._filter()
            self._below.layout.display = None if one else "none"

    def _filter(self, _change: Any = None) -> None:
        """Go through the images of one defect type, or through all."""
        one = self._categories.get(self.category)
        defects = one.test.defects if one else [""]
        self._shown = [
            index for index, defect in enumerate(defects) if self.defect in (EVERYTHING, defect)
        ]
        with self._together():
            self._images.reset(len(self._shown))

    def _draw(self) -> tuple[str, str]:
        missing, wanted = (
            self._missing(),
            len(self._categories) * len(configurations(self.flipped, self.mode)),
        )
        self._button.description = f"run {len(missing)} missing" if missing else "nothing missing"
        self._button.disabled = not missing
        table, columns, way = (
            self._table(),
            [self._start, *self.flipped, self._end],
            f"{self._start} → {self._end}",
        )
        pending = {name for name, _ in missing} | ({MEAN} if missing else set())
        words = page.remarks(self.mode, table, self.category, way, self._ends(), self.metric)
        text = [
            way,
            self.mode,
            self.metric,
            self.category,
            f"{wanted - len(missing)} of {wanted} runs",
        ]
        maps = theme.note("Choose a category to see its maps before and after a step.")
        if self.category in self._categories:
            maps, test = self._pictures(), self._categories[self.category].test
            text.append(f"image {self.image + 1} of {len(test)}: {test.defects[self.image]}")
        self._chart.value = page.chart(self._waterfall(), f"what each step from {way} is worth")
        self._maps.value = maps
        return page.table(columns, table, pending, self.category) + page.paragraph(
            words
        ), " · ".join(text)

    def _waterfall(self) -> page.Waterfall:
        path, flips = self._table()[self.category], self._flips
        steps = zip(
            (described(name, flips[name]) for name in self.flipped), path.steps, strict=True
        )
        names = (
            {run.pro_name for pair in self._ends().values() for run in pair}
            if self.metric == "PRO"
            else ()
        )
        return (
            (self._start, path.start),
            tuple(steps),
            (self._end, path.end),
            " / ".join(sorted(names)) or self.metric,
            f"{self.category}: {self._start} → {self._end}, {self.mode}",
        )

    def _ends(self) -> dict[str, tuple[Run, Run]]:
        """Return the first and the last run of the displayed categories where both were made."""
        shown = [self.category] if self.category in self._categories else self._categories
        pairs = {name: self._pair(name, (), self.flipped) for name in shown}
        return {name: pair for name, pair in pairs.items() if pair}

    def _pair(
        self, category: str, before: Sequence[str], after: Sequence[str]
    ) -> tuple[Run, Run] | None:
        first, last = (self._runs.found(category, self._flips, names) for names in (before, after))
        return (first, last) if first and last else None

    def _pictures(self) -> str:
        """Return the displayed image with its maps before and after the step."""
        steps = {step.name: step for step in steps_of(self.flipped, self.mode)}
        step = steps.get(self.step, Step(TOGETHER, (), self.flipped))
        pair = self._pair(self.category, step.before, step.after)
        if pair is None:
            return theme.note("Run, and the maps before and after the step will be here.")
        values = self._flips.get(step.name, (self._start, self._end))
        before, after = (
            short(value) if step.name == TOGETHER else f"{step.name}: {short(value)}"
            for value in values
        )
        unit = ", ".join(
            name for name in step.after if name in self._units and name not in step.before
        )
        samples = self._photo(pair[0].split, self.image), self._photo(pair[1].split, self.image)
        return page.pictures(pair, samples, self.image, (before, after), unit)

    def static(self) -> StaticFigure:
        """Return the displayed waterfall as a matplotlib figure."""
        return page.figure(self._waterfall())


def _choice(
    label: str, values: Sequence[str], react: Callable[[Any], None], name: str = ""
) -> widgets.Dropdown:
    layout = widgets.Layout(width="auto")
    return labelled(
        widgets.Dropdown(options=values, description=label, layout=layout), name or label, react
    )
