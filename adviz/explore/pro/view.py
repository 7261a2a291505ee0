"""Per-region overlap (PRO) at every false positive rate, and each region's contribution."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import traitlets
from traitlets import Bool, Float, Int, TraitError, Unicode

from adviz import plots
from adviz.data import ANOMALOUS, Category
from adviz.explore.kit.image_explorer import EVERYTHING, ImageExplorer
from adviz.explore.kit.packing import part_key
from adviz.explore.kit.regions import LIMITS, RATES, nearest
from adviz.explore.kit.source import CONNECTIVITIES
from adviz.metrics import PRO_DEFINITIONS, Curve
from adviz.plots import StaticFigure
from adviz.prediction import Prediction

REGION_ORDERS = ("integral", "area", "number")


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
    return ProView(categories, predictions)


class ProView(ImageExplorer):
    """An image at a false positive rate (FPR), the PRO curve, and every region's contribution.

    Attributes
    ----------
    fpr: fraction of all normal pixels, 0 to 1, that may be predicted anomalous; a value goes to the
        nearest one that is looked at (steps of 0.0001 up to 0.05, of 0.0005 up to 0.3).
    limit: FPR up to which PRO is integrated, such as 0.3 or 0.05; in (0, 1], in steps of 0.001 up
        to 0.1, of 0.005 up to 0.5.
    connectivity: 8: pixels of a region may touch at a corner; 4: only at an edge.
    region: number of the region that is looked at, in the category from 1; 0 = none. Setting it
        goes to its image.
    region_order: "integral", the worst region first, "area", the smallest first, or "number".
    filled: whether what is predicted anomalous is filled in the picture, in place of the map.
    others: as those of `ImageExplorer`.
    """

    MODULE = "pro.js"
    KINDS = (*ImageExplorer.KINDS, "regions")
    LABELS: ClassVar[Mapping[str, str]] = {**ImageExplorer.LABELS, "regions": "PRO"}
    ONE_OF: ClassVar[Mapping[str, Any]] = {
        "connectivity": lambda _: CONNECTIVITIES,
        "region_order": lambda _: REGION_ORDERS,
    }
    # a region goes to its image: what is set after it has the last word
    STATE = (
        "category", "detector", "connectivity", "region",
        *(name for name in ImageExplorer.STATE if name not in ("category", "detector")),
        "fpr", "limit", "region_order", "filled",
    )  # fmt: skip

    fpr = Float(0.02).tag(sync=True)
    limit = Float(0.3).tag(sync=True)
    connectivity = Int(CONNECTIVITIES[0]).tag(sync=True)
    region = Int(0).tag(sync=True)
    region_order = Unicode(REGION_ORDERS[0]).tag(sync=True)
    filled = Bool(True).tag(sync=True)

    @traitlets.validate("fpr")
    def _check_fpr(self, proposal: Any) -> float:
        if not 0 <= proposal["value"] <= 1:
            raise TraitError(
                f"fpr must be a false positive rate between 0 and 1, got {proposal['value']}"
            )
        return float(RATES[nearest(RATES, proposal["value"])])

    @traitlets.validate("limit")
    def _check_limit(self, proposal: Any) -> float:
        if not 0 < proposal["value"] <= 1:
            raise TraitError(
                f"limit must be a false positive rate in (0, 1], got {proposal['value']}"
            )
        return float(LIMITS[nearest(LIMITS, proposal["value"])])

    @traitlets.validate("region")
    def _check_region(self, proposal: Any) -> int:
        number = int(proposal["value"])
        count = len(self._measured.get("image", ())) if number else 0
        if not 0 <= number <= count:
            raise TraitError(
                f"region must be one of the {count} regions from 1, or 0 for none, got {number}"
            )
        return number

    @traitlets.observe("region")
    def _go_to_region(self, _change: Any) -> None:
        # _property_lock: the browser sets both itself
        if not self.region or self._property_lock:
            return
        image = int(self._measured["image"][self.region - 1])
        defect = self._test.defects[image]
        if self.defect not in (EVERYTHING, defect):
            self.defect = EVERYTHING
        self.only = EVERYTHING
        self.image = image

    @traitlets.observe("category", "connectivity")
    def _forget_region(self, _change: Any) -> None:
        if self.region and not self._property_lock:
            self.region = 0

    @property
    def _measured(self) -> dict[str, Any]:
        """The part that holds all about PRO; it is made where it is not there."""
        key = part_key("regions", self.category, self.detector, self.connectivity)
        return {} if self._impossible() else self.part(key)

    def _impossible(self) -> str:
        """Return why there is no PRO of this category and detector, or the empty string."""
        split = self._test
        if self.prediction.anomaly_map is None:
            return f"{self.detector} has no maps: there is no PRO."
        if not (split.labels == ANOMALOUS).any():
            return "No image is labelled anomalous: there is no region, and no PRO."
        if not split.has_masks:
            return "There are no masks: which pixels are defects is not known, and there is no PRO."
        return ""

    @property
    def values(self) -> dict[str, float]:
        """The displayed numbers: PRO by definition, pixel AUROC.

        The threshold and the mean overlap are those at the current FPR. Empty where there is no
        PRO, NaN where it is undefined.
        """
        found = self._measured
        if "image" not in found:
            return {}
        place = nearest(LIMITS, self.limit)
        at = nearest(RATES, self.fpr)
        values = {
            f"PRO-{name}": float(value)
            for name, value in zip(PRO_DEFINITIONS, found["values"][place], strict=True)
        }
        return {
            **values,
            "pixel AUROC": float(found["pixels"]["auroc"]),
            "threshold": float(found["threshold"][at]),
            "FPR": float(found["fpr"][at]),
            "overlap": float(_overlaps(found)[:, at].mean()),
        }

    @property
    def regions(self) -> list[dict[str, Any]]:
        """All regions of the category as plain data, by image.

        Each has number (from 1), image (index), id, defect, area (pixels), box (top, left, height,
        width), overlap (at this FPR), integral (of its own curve up to the limit), auroc, and its
        weight in PRO and in the pixel AUROC.
        """
        found = self._measured
        if "image" not in found:
            return []
        split = self._test
        integral = found["integrals"][:, nearest(LIMITS, self.limit)]
        overlap = _overlaps(found)[:, nearest(RATES, self.fpr)]
        area = found["area"]
        images = found["image"].tolist()
        return [
            {
                "number": number + 1,
                "image": image,
                "id": split.ids[image],
                "defect": split.defects[image],
                "area": int(area[number]),
                "box": tuple(found["box"][number].tolist()),
                "overlap": float(overlap[number]),
                "integral": float(integral[number]),
                "auroc": float(found["auroc"][number]),
                "weight_pro": 1 / len(images),
                "weight_auroc": float(area[number] / area.sum()),
            }
            for number, image in enumerate(images)
        ]

    def static(self) -> StaticFigure:
        """Return the picture, the curve and the regions as a matplotlib figure.

        Without PRO it is the row of the image.
        """
        found = self._measured
        sample = self.source.sample(self.category, self.image)
        maps: Any = self.prediction.anomaly_map
        if "image" not in found or sample.mask is None:
            anomaly_map = None if maps is None else maps[self.image]
            limits = self._map_limits
            return plots.anomaly_row(sample.image, sample.mask, anomaly_map, limits=limits)
        now = self.values
        predicted = np.asarray(maps[self.image] >= now["threshold"])
        if self.prediction.valid is not None:
            predicted &= self.prediction.valid[self.image]
        return plots.pro_page(
            plots.region_fill(sample.image, sample.mask, predicted),
            Curve(found["fpr"], _overlaps(found).mean(axis=0), found["threshold"]),
            np.array([row["integral"] for row in self.regions]),
            areas=found["area"],
            limit=self.limit,
            point=(now["FPR"], now["overlap"]),
            value=now["PRO-global"],
            title=f"{self.category} · {self.detector}: "
            f"image {self.image + 1} at an FPR of {now['FPR']:.3f}",
        )


def _overlaps(found: Mapping[str, Any]) -> np.ndarray:
    """Return the overlap with each region at every FPR, (R, K)."""
    return np.asarray(np.cumsum(found["counts"], axis=1) / found["area"][:, None])
