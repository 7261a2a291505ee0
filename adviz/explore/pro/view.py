"""Per-region overlap (PRO) at every false positive rate, and each region's contribution."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import ipywidgets as widgets
import numpy as np

from adviz import plots
from adviz.data import Category
from adviz.explore.kit import markup, theme
from adviz.explore.kit.background_view import PreparedView, Steps
from adviz.explore.kit.checked import Found, by_name
from adviz.explore.kit.texts import computing
from adviz.explore.kit.view import labelled, wrapped
from adviz.explore.pro.measured import Measured, curve_chart, measure
from adviz.explore.pro.regions import RegionList, picture_words, region_table, values_table
from adviz.plots import StaticFigure, style
from adviz.prediction import Prediction

LIMITS, CONNECTIVITIES = (0.3, 0.05), (8, 4)
STEPS = 300  # of the slider
WIDTH, WORST = 270, 8  # CSS pixels of a picture; how many of the worst regions are listed
Key = tuple[str, str, float, int]  # category, detector, limit, connectivity


def pro(
    categories: Category | Mapping[str, Category], predictions: Prediction | Mapping[str, Any]
) -> ProView:
    """Show how PRO comes about: the overlap with each region at every false positive rate.

    Parameters
    ----------
    categories, predictions: as for `explore.results`; there have to be masks and maps to show more
        than that.

    Returns
    -------
    A `ProView`; display it as the last line of a cell.

    Raises
    ------
    ValueError: as `explore.results`.

    Examples
    --------
    >>> view = explore.pro(category, prediction)
    >>> view.fpr = 0.1
    >>> view.limit, view.connectivity
    (0.3, 8)
    """
    return ProView(*by_name(categories, predictions))


class ProView(PreparedView):
    """An image at a false positive rate (FPR), the PRO curve, and every region's contribution.

    The state is plain data, readable and settable: `category`, `detector`, `defect`, `image`,
    `fpr`, `limit` (0.3 or 0.05), `connectivity` (8 or 4) and `region` (its number in the category
    from 1, 0 = none); `regions` and `values` are what follows from it.
    """

    def __init__(
        self, categories: Mapping[str, Category], predictions: Mapping[str, Mapping[str, Found]]
    ) -> None:
        self._measured: dict[Key, Measured] = {}
        self._masks = lru_cache(2)(self._read_masks)
        slider = widgets.FloatSlider(
            0.02,
            min=0,
            max=LIMITS[0],
            step=LIMITS[0] / STEPS,
            description="FPR",
            readout_format=".4f",
            continuous_update=False,
            layout=widgets.Layout(width="420px"),
        )
        self._fpr = labelled(slider, "fpr", self._redraw)
        wide = {"description_width": "initial", "button_width": "60px"}
        self._limit = labelled(
            widgets.ToggleButtons(options=LIMITS, description="limit", style=wide),
            "limit",
            self._change_limit,
        )
        self._connectivity = labelled(
            widgets.ToggleButtons(options=CONNECTIVITIES, description="connectivity", style=wide),
            "connectivity",
            self._redraw,
        )
        self._list = RegionList(self._go)
        super().__init__(categories, predictions)
        row = wrapped([self._fpr, self._limit, self._connectivity, self._list], align="center")
        controls, *rest = self.children  # type: ignore[has-type]
        self.children = [controls, row, *rest]

    @property
    def fpr(self) -> float:
        """Fraction of all normal pixels, 0 to `limit`, that may be predicted anomalous."""
        return float(self._fpr.value)

    @fpr.setter
    def fpr(self, share: float) -> None:
        if not 0 <= share <= self.limit:
            raise ValueError(f"fpr must be between 0 and the limit {self.limit:g}, got {share}")
        self._fpr.value = share

    @property
    def limit(self) -> float:
        """FPR up to which PRO is integrated: 0.3 or 0.05."""
        return float(self._limit.value)

    @limit.setter
    def limit(self, share: float) -> None:
        self._limit.value = _one_of(share, LIMITS, "limit")

    @property
    def connectivity(self) -> int:
        """8: pixels of a region may touch at a corner; 4: only at an edge."""
        return int(self._connectivity.value)

    @connectivity.setter
    def connectivity(self, neighbors: int) -> None:
        self._connectivity.value = _one_of(neighbors, CONNECTIVITIES, "connectivity")

    @property
    def region(self) -> int:
        """Number of the region that is framed, in the category from 1; 0 = none.

        Setting it goes to its image.
        """
        return self._list.chosen

    @region.setter
    def region(self, number: int) -> None:
        found = {row["number"]: row["image"] for row in self.regions}
        if number and number not in found:
            raise ValueError(
                f"region must be one of the {len(found)} regions from 1, or 0 for none, got "
                f"{number}"
            )
        self._list.chosen = number
        self._go(found.get(number, self.image))

    @property
    def values(self) -> dict[str, float]:
        """The displayed numbers: PRO by definition, pixel AUROC.

        The threshold and the mean overlap are those at the current FPR.
        """
        found = self._found
        if found is None:
            return {}
        line = found.regions.threshold(self.fpr)
        now = {"threshold": line, "FPR": found.regions.false_positive_rate(line)}
        return {**found.values, **now, "overlap": float(found.regions.overlap(line).mean())}

    @property
    def regions(self) -> list[dict[str, Any]]:
        """All regions of the category as plain data, by image.

        Empty until they are known, see `wait`.

        Each has number (from 1), image (index), id, defect, area (pixels), box (top, left, height,
        width), overlap (at this FPR), integral (of its own curve up to the limit), auroc, and its
        weight in PRO and in the pixel AUROC.
        """
        found = self._found
        if found is None:
            return []
        r, split = found.regions, self._categories[self.category].test
        ids, overlap = split.ids, r.overlap(r.threshold(self.fpr))
        images = found.images[r.image].tolist()
        return [
            {
                "number": number + 1,
                "image": image,
                "id": ids[image],
                "defect": split.defects[image],
                "area": int(r.area[number]),
                "box": tuple(r.box[number].tolist()),
                "overlap": float(overlap[number]),
                "integral": float(r.integral[number]),
                "auroc": float(r.auroc[number]),
                "weight_pro": 1 / len(images),
                "weight_auroc": float(r.area[number] / r.area.sum()),
            }
            for number, image in enumerate(images)
        ]

    @property
    def _key(self) -> Key:
        return self.category, self.detector, self.limit, self.connectivity

    @property
    def _found(self) -> Measured | None:
        return self._measured.get(self._key)

    def _change_limit(self, _change: Any) -> None:
        with self._together():
            # A value beyond goes to the end
            self._fpr.max, self._fpr.step = self.limit, self.limit / STEPS

    def _go(self, image: int) -> None:
        with self._together():
            if image not in self._shown:
                self.defect = "all"
            self.image = image

    def _impossible(self) -> str:
        """Return why there is no PRO of this category and detector, or the empty string."""
        split = self._categories[self.category].test
        if self._prediction.anomaly_map is None:
            return f"{self.detector} has no maps: there is no PRO."
        if not (split.labels == 1).any():
            return "No image is labelled anomalous: there is no region, and no PRO."
        if not split.has_masks:
            return "There are no masks: which pixels are defects is not known, and there is no PRO."
        return ""

    def _steps(self) -> Steps:
        key = self._key
        return {} if self._found or self._impossible() else {key: lambda: self._measure(key)}

    def _read_masks(self, category: str) -> tuple[np.ndarray, np.ndarray]:
        """Return the images whose pixels are known, and their masks."""
        split = self._categories[category].test
        known = np.flatnonzero(split.known_pixels)
        return known, split.subset(known).masks_array()

    def _measure(self, key: Key) -> None:
        category, detector, limit, connectivity = key
        known, masks = self._masks(category)
        found: Any = self._predictions[category][detector]
        maps = found.anomaly_map[known]
        valid = None if found.valid is None else found.valid[known]
        self._measured[key] = measure(maps, masks, known, limit, connectivity, valid)

    def _draw(self) -> tuple[str, str]:
        page, text = super()._draw()
        self._list.show(self.regions)
        if self._found is None:
            return page, f"{text} · {self._impossible() or computing('PRO')}"
        now = self.values
        return page, f"{text} · FPR {now['FPR']:.4f}, mean overlap {now['overlap']:.3f}"

    def _verdict(self) -> str:
        return f"score {style.number(float(self._prediction.score[self.image]))}"

    def _html(self) -> str:
        found = self._found
        if found is None:
            said = self._impossible() or f"{computing('PRO')}."
            return super()._html() + theme.note(said)
        rows = self.regions
        here = [row for row in rows if row["image"] == self.image]
        worst = sorted(rows, key=lambda row: (row["integral"], row["number"]))
        top = [*self._pictures(here), curve_chart(found, self.values, self.limit)]
        tables = region_table("regions of this image", here, self.region)
        tables += region_table("the worst regions of the category", worst[:WORST], self.region)
        below = [values_table(self.values, found.reasons), f"<div>{tables}</div>"]
        return markup.row(top, gap=12) + markup.row(below, gap=24)

    def _flagged(self) -> np.ndarray:
        maps: Any = self._prediction.anomaly_map
        flagged = np.asarray(maps[self.image] >= self.values["threshold"])
        valid = self._prediction.valid
        return flagged if valid is None else flagged & valid[self.image]

    def _pictures(self, here: list[dict[str, Any]]) -> list[str]:
        """Return the pixels predicted anomalous in the displayed image, and its map."""
        sample, limits, maps = self._sample, self._shared_limits(), self._prediction.anomaly_map
        if sample.mask is None or maps is None or limits is None:
            return [
                markup.tile(
                    sample.image,
                    title="image",
                    caption="its ground truth is not known",
                    width=WIDTH,
                )
            ]
        flagged = self._flagged()
        filled = plots.region_fill(sample.image, sample.mask, flagged)
        boxes = [row["box"] for row in here if row["number"] == self.region]
        words = picture_words(sample.mask, flagged)
        heat = plots.outlined(plots.heat(maps[self.image], limits), flagged, dashed=True)
        mapped = markup.tile(heat, title="map; dashed: predicted anomalous", width=WIDTH)
        return [
            markup.tile(
                filled, title="predicted anomalous", caption=words, width=WIDTH, boxes=boxes
            ),
            f"<div>{mapped}{markup.scale(limits, width=WIDTH)}</div>",
        ]

    def static(self) -> StaticFigure:
        """Return the picture, the curve and the regions as a matplotlib figure.

        Without PRO it is the row of the image.
        """
        found, sample = self._found, self._sample
        if found is None or sample.mask is None:
            return super().static()
        now = self.values
        return plots.pro_page(
            plots.region_fill(sample.image, sample.mask, self._flagged()),
            found.curve,
            found.regions.integral,
            areas=found.regions.area,
            limit=self.limit,
            point=(now["FPR"], now["overlap"]),
            value=now["PRO-global"],
            title=f"{self.category} · {self.detector}: "
            f"image {self.image + 1} at an FPR of {now['FPR']:.3f}",
        )


def _one_of(value: float, allowed: tuple[float, ...], name: str) -> float:
    if value not in allowed:
        raise ValueError(
            f"{name} must be one of {', '.join(f'{one:g}' for one in allowed)}, got {value!r}"
        )
    return allowed[allowed.index(value)]
