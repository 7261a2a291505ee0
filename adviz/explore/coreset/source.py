"""What the coreset explorer shows, as facts and named parts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from adviz.data import Category
from adviz.explore.coreset.bank import METRICS, Bank
from adviz.explore.kit import pictures
from adviz.explore.kit.facts import category_facts, number_or_none
from adviz.explore.kit.found import small_integers
from adviz.explore.kit.packing import Part, names_of, part_key
from adviz.explore.kit.parts import Facts, Images, Parts, wanted
from adviz.explore.kit.source import index

# Kind -> the names in its keys
KINDS = {
    "small": "test or train/category/page",
    "train": "category/image",
    "test": "category/image",
    "photo": "test or train/category/image",
    "points": "category",
    "order": "category/sampler",
    "distances": "category/sampler/size",
    "tested": "category/sampler/size/image",
}
QUICK = {"train", "test", "order", "tested"}


COARSE = 64  # steps of a distance that are one in a file of half the precision: 1024 are left


class BankSource(Parts):
    """The memory banks of categories, and what samplers keep of them.

    Parameters
    ----------
    categories, banks: by name.

    Attributes
    ----------
    categories, banks: name -> as given.
    """

    def __init__(self, categories: Mapping[str, Category], banks: Mapping[str, Bank]) -> None:
        super().__init__()
        self.categories = dict(categories)
        self.banks = dict(banks)
        self._category_facts = {name: category_facts(one) for name, one in categories.items()}

    @property
    def facts(self) -> Facts:
        """Everything small: ``BankFacts`` of bank.js."""
        return {
            "id": self.id,
            "small": pictures.SMALL,
            "columns": pictures.COLUMNS,
            "page": pictures.PAGE,
            "categories": {name: self._facts_of(name) for name in self.banks},
        }

    def _facts_of(self, category: str) -> Facts:
        bank = self.banks[category]
        return self._category_facts[category] | {
            "grid": [int(count) for count in bank.grid],
            "total": bank.total,
            "dimensions": int(bank.trace.points.shape[1]),
            "limits": list(bank.limits),
            "learned": bank.learned,
            "reasons": _reasons(bank),
            "samplers": {name: self._facts_of_sampler(bank, name) for name in bank.traces},
        }

    def _facts_of_sampler(self, bank: Bank, name: str) -> Facts:
        sizes = bank.steps(name)
        far = bank.distances.get(name, {})
        radius = {size: bank.radius(name, size) for size in sizes}
        results = bank.results.get(name, {})
        return {
            "sizes": sizes,
            "proxies": bank.traces[name].sampler == "proxies",
            "covered": name in bank.distances,
            "radius": [None if one is None else number_or_none(one) for one in radius.values()],
            "farthest": [float(far[size].max()) if size in far else None for size in sizes],
            "results": {
                str(size): {key: number_or_none(getattr(one, key)) for key in METRICS}
                for size, one in results.items()
            },
            "usage": {
                str(size): {**vars(one), "share": one.share}
                for size, one in bank.usage[name].items()
            },
            "predicted": list(bank.predictions.get(name, {})),
            "tested": self._tested_sizes(bank, name),
        }

    @property
    def title(self) -> str:
        """Categories and their samplers."""
        return "; ".join(f"{name}: {', '.join(bank.traces)}" for name, bank in self.banks.items())

    def image_counts(self) -> list[int]:
        """Return how many test images each category has that a bank was tried on."""
        return [
            len(self.categories[name].test)
            for name, bank in self.banks.items()
            if any(self._tested_sizes(bank, sampler) for sampler in bank.traces)
        ]

    @staticmethod
    def _tested_sizes(bank: Bank, sampler: str) -> list[int]:
        """Return the sizes whose prediction tells what test patches were compared with."""
        return [size for size in bank.usage[sampler] if size in bank.steps(sampler)]

    def compute_all(self) -> None:
        """Learn everything about every bank."""
        for bank in self.banks.values():
            for _ in bank.lessons():
                pass

    def slow(self, key: str) -> bool:
        """Return whether making a part may take longer than a person notices."""
        kind, *names = names_of(key)
        if kind == "distances" and len(names) == 3 and names[0] in self.banks:
            return names[1] not in self.banks[names[0]].distances
        return kind not in QUICK and key not in self._held

    def _keys(self, images: Images, k: int | None) -> Iterator[str]:
        for category in self.banks:
            shown = wanted(images, category, len(self.categories[category].test))
            yield from self._keys_of(category, shown)

    def _keys_of(self, category: str, images: list[int]) -> Iterator[str]:
        bank, train = self.banks[category], self.categories[category].train
        yield part_key("points", category)
        for page in range(pictures.pages(len(train))):
            yield part_key("small", "train", category, page)
        for kind in ("train", "photo/train"):
            for image in np.unique(bank.trace.image).tolist():
                yield part_key(kind, category, image)
        tested = False
        for sampler in bank.traces:
            yield part_key("order", category, sampler)
            for size in bank.steps(sampler):
                yield part_key("distances", category, sampler, size)
            for size in self._tested_sizes(bank, sampler):
                tested = True
                for image in images:
                    yield part_key("tested", category, sampler, size, image)
        if not tested:
            return
        for page in sorted({image // pictures.PAGE for image in images}):
            yield part_key("small", "test", category, page)
        for kind in ("test", "photo/test"):
            for image in images:
                yield part_key(kind, category, image)

    def part(self, key: str, *, k: int | None = None, half: bool = False) -> Part:
        """Return one part; its values are not to be changed.

        Parameters
        ----------
        key: as `part_key` makes it, of a kind and names (C category, S sampler, n size, i image, p
            page):

            small/test/C/p, small/train/C/p, test/C/i, train/C/i, photo/...: as those of `Source`
            points/C: x and y (M) uint16, steps of the plane; frame (3) float64, see
                `Bank.whole_numbers`; held (2) float64, of the variance; image and location (M)
            order/C/S: order (n) uint32, rows in the order of choice
            distances/C/S/n: distance (M) uint16, of 65535 steps up to most (1) float64; nearest
                (M), place in the order of choice
            tested/C/S/n/i: distance (h * w) float32; row (h * w) int32, -1 = none; grid (2) uint16
        k: means nothing here.
        half: whether distances are known to a thousandth of the largest, which files store in less.

        Raises
        ------
        KeyError: no such part.
        """
        part = super().part(key)
        if half and names_of(key)[0] == "distances":
            steps: Any = part["distance"]
            return {**part, "distance": steps // COARSE * COARSE + COARSE // 2}
        return part

    def _make(self, key: str) -> Part:
        kind, *names = names_of(key)
        if kind not in KINDS or len(names) != 1 + KINDS[kind].count("/"):
            raise KeyError(f"{key!r} is no part: expected one of {KINDS}")
        try:
            if kind in ("small", "photo"):
                return self._picture(kind, *names)
            if kind in ("train", "test"):
                return self._picture(kind, kind, *names)
            return self._of_bank(kind, self.banks[names[0]], *names[1:])
        except KeyError as error:
            raise KeyError(f"{key!r} is no part: {error.args[0]}") from None

    def _picture(self, kind: str, folder: str, category: str, number: str) -> Part:
        one = self.categories[category]
        split = {"train": one.train, "test": one.test}[folder]
        count = pictures.pages(len(split)) if kind == "small" else len(split)
        return pictures.picture_part(kind, split, index(number, count, f"{folder} {kind}"))

    def _of_bank(self, kind: str, bank: Bank, sampler: str = "", *numbers: str) -> Part:
        if kind == "points":
            return points_part(bank)
        if kind == "order":
            return {"order": bank.traces[sampler].order.astype(np.uint32)}
        size = int(numbers[0])
        if kind == "tested":
            image = index(numbers[1], len(bank.split), "test image")
            distance, row = bank.tested(sampler, size, image)
            shape = np.array(distance.shape, np.uint16)
            return {
                "distance": distance.ravel(),
                "row": row.ravel().astype(np.int32),
                "grid": shape,
            }
        return self._distances(bank, sampler, size)

    def _distances(self, bank: Bank, sampler: str, size: int) -> Part:
        if sampler not in bank.distances:
            bank.learn(sampler)
        distance = bank.distances[sampler][size]
        most = float(distance.max()) or 1.0
        steps = (distance.astype(np.float64) / most * np.iinfo(np.uint16).max).round()
        return {
            "distance": steps.astype(np.uint16),
            "most": np.array([most]),
            "nearest": small_integers(bank.nearest[sampler][size]),
        }


def points_part(bank: Bank) -> Part:
    """Return the part "points" of a bank, see `BankSource.part`."""
    x, y = bank.whole_numbers[0].T
    return {
        "x": x,
        "y": y,
        "frame": bank.whole_numbers[1],
        "held": bank.plane[1],
        "image": small_integers(bank.trace.image),
        "location": small_integers(bank.trace.location),
    }


def _reasons(bank: Bank) -> dict[str, Any]:
    """Return why metrics are undefined, and why those of pixels count fewer images."""
    found = [
        (getattr(one, key), one.reasons[key])
        for results in bank.results.values()
        for one in results.values()
        for key in METRICS
        if key in one.reasons
    ]
    return {
        "undefined": sorted({reason for value, reason in found if np.isnan(value)}),
        "fewer": sorted({reason for value, reason in found if not np.isnan(value)}),
    }
