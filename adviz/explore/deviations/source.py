"""Runs of configurations as facts and parts: their numbers, their maps, and how these differ."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

import numpy as np

from adviz.data import Category, Split
from adviz.explore.deviations import changes
from adviz.explore.deviations.flips import Flips, described, short
from adviz.explore.deviations.runs import METRICS, Run, Runs, interval, smallest_step, standing
from adviz.explore.kit.facts import number_or_none
from adviz.explore.kit.found import stepped
from adviz.explore.kit.packing import Part, jpeg, names_of, part_key
from adviz.explore.kit.parts import Facts, Images, Parts, wanted
from adviz.plots import signed_heat

ALL = "+"  # in keys, in place of a category: all of those whose run was made


class RunSource(Parts):
    """What runs found, each once.

    A run is named by the numbers of the options that differ from the start, such as "0-2", the
    start by "". Keys: "picture/CATEGORY/READ/IMAGE" is an image as a run read it,
    "run/CATEGORY/RUN/IMAGE" its map, "change/CATEGORY/BEFORE/AFTER/IMAGE" how two maps differ, and
    "interval/CATEGORY/RUN/COUNT" what chance makes of the whole change of image AUROC; COUNT is how
    many categories are in it.

    Parameters
    ----------
    categories: by name.
    targets: name -> option -> (value at the start, value at the target).
    runs: those that were made.
    start: name of the configuration in which nothing is flipped.
    units: options that change the unit of maps.
    """

    def __init__(
        self,
        categories: Mapping[str, Category],
        targets: Mapping[str, Flips],
        runs: Runs,
        start: str,
        units: Collection[str],
    ) -> None:
        super().__init__()
        self.categories = dict(categories)
        self.targets = dict(targets)
        self.runs = runs
        self.start = start
        self.units = frozenset(units)
        self._numbers: dict[tuple[str, str], int] = {}
        for flips in targets.values():
            for name, (before, after) in flips.items():
                if repr(before) != repr(after):
                    self._numbers.setdefault((name, repr(after)), len(self._numbers))
        self._read: dict[str, list[tuple[Any, Split]]] = {}

    @property
    def title(self) -> str:
        """What is shown, for the titles of pages."""
        return f"{', '.join(self.categories)}: {self.start} → {', '.join(self.targets)}"

    @property
    def facts(self) -> Facts:
        """Options of the targets, labels of the images, and numbers of the runs that were made."""
        return {
            "id": self.id,
            "start": self.start,
            "metrics": list(METRICS),
            "targets": {name: self.options_of(flips) for name, flips in self.targets.items()},
            "categories": {name: _labels(one) for name, one in self.categories.items()},
            "runs": {
                name: {self.name_of(key): self._run_facts(name, run) for key, run in made.items()}
                for name, made in self._made().items()
            },
        }

    def options_of(self, flips: Flips) -> list[Facts]:
        """Return the options of a target, as plain data."""
        return [
            {
                "name": name,
                "text": described(name, pair),
                "before": short(pair[0]),
                "after": short(pair[1]),
                "number": self._numbers.get((name, repr(pair[1])), -1)
                if repr(pair[0]) != repr(pair[1])
                else -1,
                "unit": name in self.units,
            }
            for name, pair in flips.items()
        ]

    def _made(self) -> dict[str, dict[Any, Run]]:
        """Return category -> what differs from the start -> run."""
        found: dict[str, dict[Any, Run]] = {name: {} for name in self.categories}
        for (category, key), run in self.runs.made.items():
            found[category][key] = run
        return found

    def name_of(self, key: Collection[tuple[str, str]]) -> str:
        """Return the name of a run by what differs from the start."""
        return "-".join(str(number) for number in sorted(self._numbers[one] for one in key))

    def _run(self, category: str, name: str) -> Run:
        options = {str(number): one for one, number in self._numbers.items()}
        chosen = name.split("-") if name else []
        return self.runs.made[category, frozenset(options[number] for number in chosen)]

    def _run_facts(self, category: str, run: Run) -> Facts:
        geometry = run.split.geometry
        return {
            "points": {name: number_or_none(value) for name, value in run.points.items()},
            "reasons": run.reasons,
            "pro": run.pro_name,
            "limits": run.limits,
            "size": list(run.split.image_size),
            "read": self._read_number(category, run.split),
            "places": repr((geometry.size, geometry.resized, geometry.aspect)),
        }

    def _read_number(self, category: str, split: Split) -> int:
        """Return in which of the ways the images of a category were read that are known so far."""
        ways = self._read.setdefault(category, [])
        geometry = repr(split.geometry)
        for number, (known, _) in enumerate(ways):
            if known == geometry:
                return number
        ways.append((geometry, split))
        return len(ways) - 1

    def _make(self, key: str) -> Part:
        kind, *names = names_of(key)
        if kind == "interval":
            return {"interval": self._interval(*names)}
        category = names[0]
        image = int(names[-1])
        if kind == "picture":
            split = self._read[category][int(names[1])][1]
            part: Part = {"image": jpeg(split.image(image))}
            mask = split.mask(image)
            return part if mask is None else part | {"mask": np.packbits(mask)}
        if kind == "run":
            run = self._run(category, names[1])
            words = standing(run.prediction.score, run.split.labels, image)
            maps = run.prediction.anomaly_map
            found: Part = {"words": [words]}
            return found if maps is None else found | stepped(maps[image])
        if kind == "change":
            before, after = (self._run(category, name) for name in names[1:3])
            return self._change(before, after, self._changes_unit(*names[1:3]), image)
        raise KeyError(f"expected a picture, a run, a change or an interval, got {key}")

    def _changes_unit(self, before: str, after: str) -> bool:
        numbers = set(after.split("-")) ^ set(before.split("-"))
        return any(
            name in self.units and str(number) in numbers
            for (name, _), number in self._numbers.items()
        )

    def _change(self, before: Run, after: Run, own: bool, image: int) -> Part:
        values = changes.difference(before, after, own, images=image)
        if values is None:
            words = "" if changes.same_places(before, after) else changes.OTHER_PLACES
            return {"change": {"limit": 0.0, "words": words}}
        limit = changes.difference_limit(before, after, own)
        if not limit:
            words = "" if np.any(values) else "The step does not change the maps."
            return {"change": {"limit": 0.0, "words": words}}
        picture = jpeg(signed_heat(values, (-limit, limit)))
        unit = "fraction of the scale" if own else "anomaly score"
        return {"image": picture, "change": {"limit": limit, "words": "", "unit": unit}}

    def _interval(self, category: str, name: str, _count: str) -> Facts:
        """Return the interval of the change from the start, and what a pair of images is worth."""
        chosen = self._with_run(name) if category == ALL else [category]
        pairs = [(self._run(one, ""), self._run(one, name)) for one in chosen]
        low, high = interval(pairs)
        smallest = {
            one: number_or_none(smallest_step(first.split.labels))
            for one, (first, _) in zip(chosen, pairs, strict=True)
        }
        return {"low": number_or_none(low), "high": number_or_none(high), "pair": smallest}

    def _with_run(self, name: str) -> list[str]:
        names = {one: [self.name_of(key) for key in made] for one, made in self._made().items()}
        return [one for one, made in names.items() if "" in made and name in made]

    def image_counts(self) -> list[int]:
        """Return how many test images each category has."""
        return [len(one.test) for one in self.categories.values()]

    def _keys(self, images: Images, k: int | None) -> Iterator[str]:
        """Yield the keys of all runs that were made, and of all steps between two of them."""
        for category, made in self._made().items():
            some = wanted(images, category, len(self.categories[category].test))
            for key, run in made.items():
                name = self.name_of(key)
                read = self._read_number(category, run.split)
                yield from (part_key("picture", category, read, image) for image in some)
                yield from (part_key("run", category, name, image) for image in some)
                yield part_key("interval", category, name, 1)
                yield part_key("interval", ALL, name, len(self._with_run(name)))
                for before in made:
                    if before < key:
                        first = self.name_of(before)
                        yield from (part_key("change", category, first, name, i) for i in some)


def _labels(category: Category) -> Facts:
    test = category.test
    return {"labels": test.labels.tolist(), "defects": list(test.defects), "count": len(test)}
