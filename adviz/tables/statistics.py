"""Statistics beyond averages: significance, errors, solved categories, and defects by size.

Methods are given as a name -> their results, as `by_row` takes them from a filled table.

Examples
--------
>>> from adviz import DN2
>>> report = sweep.run(sweep.grid("demo", ["hex_nut"], [DN2(k_images=1), DN2()]), "results")
>>> first, second = report.results
>>> tables.statistics.differences([first], [second], names=("K = 1", "K = 5"), draws=100)
image AUROC: K = 5 against K = 1...
"""

from __future__ import annotations

import html
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from adviz import metrics
from adviz.data import height_and_width
from adviz.sweep import ExperimentResult
from adviz.tables.comparison import STYLES, Comparison
from adviz.tables.table import NAN

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Summary", "by_row", "by_size", "differences", "errors", "perfect"]
INTERVAL = (0.025, 0.975)  # quantiles
SIZES = ("small", "middle", "large")  # thirds of all defect regions
STANDARD_ERRORS = 1.96  # on both sides of a mean: 95 %
TOTAL = "all"
MEAN = "mean"
# Name -> results
Methods = Mapping[str, Sequence[ExperimentResult]]


def __dir__() -> list[str]:
    return sorted(__all__)


@dataclass(frozen=True, eq=False)
class Summary:
    """A small table, shown as text and HTML.

    Attributes
    ----------
    title: what it is about.
    frame: the numbers, unrounded.
    legend: what the columns mean.
    digits: decimals of the floats that are shown.
    """

    title: str
    frame: pd.DataFrame
    legend: str
    digits: int = 1

    def to_frame(self) -> pd.DataFrame:
        """Return the numbers, unrounded."""
        return self.frame

    def __repr__(self) -> str:
        text = self.frame.to_string(
            float_format=lambda value: f"{value:.{self.digits}f}", na_rep="-"
        )
        return f"{self.title}\n{text}\n{self.legend}"

    def _repr_html_(self) -> str:
        styled = self.frame.rename(index=_escaped, columns=_escaped).style
        styled = styled.format(precision=self.digits, na_rep="-", escape="html")
        styled = styled.set_table_styles(STYLES)
        styled = styled.set_caption(f"<b>{html.escape(self.title)}</b>")
        return f"{styled.to_html()}<p style='max-width:900px'>{html.escape(self.legend)}</p>"


def by_row(comparison: Comparison) -> dict[str, list[ExperimentResult]]:
    """Return the results of each table row that has some: "PatchCore, coreset=25%" -> results."""
    methods: dict[str, dict[str, ExperimentResult]] = {}
    for filled in comparison.filled:
        settings = [part for part in filled.cell.variant.split(";") if part]
        name = ", ".join([filled.cell.method, *settings])
        results = methods.setdefault(name, {})
        results.update({result.experiment.key: result for result in filled.results})
    return {name: list(results.values()) for name, results in methods.items() if results}


def differences(
    before: Sequence[ExperimentResult],
    after: Sequence[ExperimentResult],
    *,
    names: tuple[str, str] | None = None,
    draws: int = 1000,
    seed: int = 0,
) -> Summary:
    """Compare the image AUROC of two methods, with a bootstrap interval of the difference.

    Parameters
    ----------
    before, after: results of two methods, compared in the categories and seeds that both have. A
        single result of a category, as of a method that does not depend on a seed, is compared with
        every seed of the other; the legend names seeds that differ.
    names: of the two, for the title; None = those of their detectors.
    draws: test sets drawn with replacement, for each category.
    seed: of the draws.

    Returns
    -------
    Summary with a row for every category and one for the mean over them: AUROC before and after,
        their difference and its 95 % interval in percentage points, and the fraction of draws in
        which `after` is better.

    Raises
    ------
    ValueError: no category in common, or results of different test images.

    Notes
    -----
    Paired bootstrap over images, see `metrics.auroc_differences`. The interval is about other test
    images of the same kind, not about other seeds or categories; several seeds are averaged
    first. Categories are drawn apart.
    """
    import pandas as pd

    results_before = _by_category(before)
    results_after = _by_category(after)
    categories = [category for category in results_before if category in results_after]
    if not categories:
        raise ValueError(
            "expected rows of the same categories, got "
            f"{sorted(results_before)} and {sorted(results_after)}"
        )
    rows: dict[str, dict[str, float]] = {}
    all_differences = []  # for each category (draws,), percentage points
    other_seeds: dict[str, None] = {}
    for category in categories:
        # Seeds are averaged before the interval: it is about images, not about seeds
        pairs = _pairs(results_before[category], results_after[category])
        for one, other in pairs:
            drawn = _is_drawn(one) and _is_drawn(other)
            if drawn and one.experiment.seed != other.experiment.seed:
                text = f"{one.experiment.seed} and {other.experiment.seed}"
                other_seeds[text] = None
        seeds = (seed, zlib.crc32(category.encode()))
        draws_of_pairs = [_bootstrap(first, second, draws, seeds) for first, second in pairs]
        category_differences = 100 * np.mean(draws_of_pairs, axis=0)  # (draws,)
        rows[category] = _difference_row(
            _mean_auroc(first for first, _ in pairs),
            _mean_auroc(second for _, second in pairs),
            category_differences,
        )
        all_differences.append(category_differences)
    # Categories are drawn apart, so that their draws can be averaged one by one
    rows[MEAN] = _difference_row(
        float(np.mean([row["before"] for row in rows.values()])),
        float(np.mean([row["after"] for row in rows.values()])),
        np.mean(all_differences, axis=0),
    )
    different = ""
    if other_seeds:
        different = f" Seeds that differ are compared: {', '.join(other_seeds)}."
    name_before, name_after = names or (before[0].experiment.title, after[0].experiment.title)
    return Summary(
        f"image AUROC: {name_after} against {name_before}",
        pd.DataFrame.from_dict(rows, orient="index"),
        f"difference in percentage points; low, high: 95 % interval of {draws} paired bootstrap "
        "draws of test images; better: fraction of the draws with a difference above 0, in %. An "
        f"interval with 0 in it may be chance.{different}",
    )


def errors(methods: Methods) -> Summary:
    """Count false positives and negatives at two thresholds, by category (PatchCore, Fig. S3).

    Returns
    -------
    Summary: "FP" and "FN" at the F1-optimal threshold, "FP at 100 % recall" = false positives at
        100 % recall; integers, or the mean over seeds where there are several.
    """
    import pandas as pd

    names = {
        "false_positives": "FP",
        "false_negatives": "FN",
        "false_positives_at_full_recall": "FP at 100 % recall",
    }
    columns: dict[tuple[str, str], dict[str, float]] = {}
    for method, results in methods.items():
        for category, category_results in _by_category(results).items():
            n_images = category_results[0].facts["n_test"]
            columns.setdefault((method, "images"), {})[category] = n_images
            for metric, name in names.items():
                counts = [result.metrics[metric] for result in category_results]
                columns.setdefault((method, name), {})[category] = float(np.mean(counts))
    frame = pd.DataFrame(columns)
    frame.loc[TOTAL] = frame.sum()
    # Means over seeds stay floats, counts of one seed are shown as integers
    integers = [column for column in frame if (frame[column] % 1 == 0).all()]
    return Summary(
        "images on the wrong side",
        frame.astype(dict.fromkeys(integers, int)),
        "FP, FN: false positives and negatives at the category's F1-optimal threshold (chosen on "
        "these labels, as the papers do: optimistic); FP at 100 % recall: false positives at the "
        "highest threshold that misses no anomalous image. Means over seeds.",
    )


def perfect(methods: Methods) -> Summary:
    """Return the categories that a method solves: an image AUROC of exactly 1 with every seed."""
    import pandas as pd

    rows = {}
    for method, results in methods.items():
        by_category = _by_category(results)
        solved = []
        for category, category_results in by_category.items():
            if {result.metrics["image_auroc"] for result in category_results} == {1}:
                solved.append(category)
        rows[method] = {
            "solved": len(solved),
            "of": len(by_category),
            "categories": ", ".join(solved) or "none",
        }
    return Summary(
        "categories solved perfectly",
        pd.DataFrame.from_dict(rows, orient="index"),
        "solved: image AUROC of exactly 1, with every seed.",
    )


def by_size(methods: Methods) -> Summary:
    """Return the overlap and AUROC of defect regions, in thirds by area (for RD's Figs 6 and 7).

    Returns
    -------
    Summary with a row for every method and third: "from" and "to" in % of the image, "regions",
        and for "overlap" (the area under a region's own PRO curve up to an FPR of 0.3; its mean
        over all regions is PRO) and "AUROC" (of the region's pixels against all normal ones) the
        mean, and half the length of its 95 % interval ("±"), in %.

    Raises
    ------
    ValueError: no region in any result.

    Notes
    -----
    The thirds are those of all methods' regions together, which are the same regions where the
    images are.
    """
    import pandas as pd

    areas = {method: _region_areas(results) for method, results in methods.items()}
    all_areas = np.concatenate([*areas.values(), np.empty(0)])  # (n_regions of all methods,)
    if not len(all_areas):
        raise ValueError(
            f"expected rows with regions of defects, got none for {sorted(methods)}: "
            "are there masks?"
        )
    # One set of edges, so that a third is the same regions for all methods
    edges = np.quantile(all_areas, (0, 1 / 3, 2 / 3, 1))
    rows = []
    for method, results in methods.items():
        third = np.searchsorted(edges[1:3], areas[method], side="left")  # (n_regions,)
        overlaps = _region_values(results, "integral")
        aurocs = _region_values(results, "auroc")
        for number, size in enumerate(SIZES):
            overlap, overlap_half = _mean_and_half_interval(overlaps[third == number])
            auroc, auroc_half = _mean_and_half_interval(aurocs[third == number])
            row = {
                "method": method,
                "size": size,
                "from": edges[number],
                "to": edges[number + 1],
                "regions": np.count_nonzero(third == number),
                "overlap": overlap,
                "overlap ±": overlap_half,
                "AUROC": auroc,
                "AUROC ±": auroc_half,
            }
            rows.append(row)
    return Summary(
        "regions of defects by size",
        pd.DataFrame(rows).set_index(["method", "size"]),
        "from, to: area in % of the image; overlap: the region's own PRO up to a false positive "
        "rate of 0.3; AUROC: its pixels against all normal ones; ±: 95 % interval of the mean.",
        digits=2,
    )


def _by_category(results: Sequence[ExperimentResult]) -> dict[str, list[ExperimentResult]]:
    by_category: dict[str, list[ExperimentResult]] = {}
    for result in results:
        by_category.setdefault(result.experiment.category, []).append(result)
    return by_category


def _is_drawn(result: ExperimentResult) -> bool:
    """Tell whether a result depends on its seed."""
    detector = result.experiment.detector
    by_method = getattr(detector, "depends_on_seed", hasattr(detector, "seed"))
    return bool(by_method) or result.experiment.shots is not None


def _pairs(
    before: Sequence[ExperimentResult], after: Sequence[ExperimentResult]
) -> list[tuple[ExperimentResult, ExperimentResult]]:
    """Return the results of equal seeds; a single result is paired with all of the others."""
    if len(before) == 1 or len(after) == 1:
        return list(product(before, after))
    after_by_seed = {result.experiment.seed: result for result in after}
    pairs = []
    for result in before:
        if result.experiment.seed in after_by_seed:
            pairs.append((result, after_by_seed[result.experiment.seed]))
    if not pairs:
        seeds = [result.experiment.seed for result in (*before, *after)]
        raise ValueError(f"expected rows of the same seeds, got {seeds}")
    return pairs


def _bootstrap(
    before: ExperimentResult, after: ExperimentResult, draws: int, seeds: Sequence[int]
) -> np.ndarray:
    """Return the bootstrap differences of AUROC of two results on the same images, (draws,)."""
    ids = before.images["ids"]
    # Results may hold the same images in another order
    position = {image_id: index for index, image_id in enumerate(after.images["ids"])}
    if set(ids) != set(position):
        raise ValueError(
            f"expected two rows of the same test images, got {len(set(ids))} and "
            f"{len(position)} images of {before.experiment.category}"
        )
    labels = np.array(before.images["labels"])
    scores_before = np.array(before.images["scores"])
    # In the order of the images of `before`
    scores_after = np.array(after.images["scores"])[[position[image_id] for image_id in ids]]
    # -1 marks images without a label
    labelled = labels >= 0
    seed = int(np.random.default_rng(seeds).integers(2**31))
    return metrics.auroc_differences(
        scores_before[labelled], scores_after[labelled], labels[labelled], draws, seed
    )


def _mean_auroc(results: Iterable[ExperimentResult]) -> float:
    return float(np.mean([100 * result.metrics["image_auroc"] for result in results]))


def _difference_row(before: float, after: float, differences: np.ndarray) -> dict[str, float]:
    """Return a row of `differences`: two AUROCs, and the interval of their (draws,) differences."""
    low, high = np.quantile(differences, INTERVAL)
    better = NAN
    if np.isfinite(differences).all():
        better = float(100 * np.mean(differences > 0))
    return {
        "before": before,
        "after": after,
        "difference": after - before,
        "low": low,
        "high": high,
        "better": better,
    }


def _region_areas(results: Sequence[ExperimentResult]) -> np.ndarray:
    """Return the areas of the defect regions of some results, in % of the evaluated maps."""
    areas = []
    for result in results:
        height, width = height_and_width(result.experiment.size or result.experiment.geometry.size)
        pixels = np.array(result.regions.get("area", []), float)
        areas.append(100 * pixels / (height * width))
    return np.concatenate(areas)


def _region_values(results: Sequence[ExperimentResult], name: str) -> np.ndarray:
    """Return a value of all defect regions of some results, in %."""
    return 100 * np.concatenate([result.regions.get(name, []) for result in results])


def _mean_and_half_interval(values: np.ndarray) -> tuple[float, float]:
    """Return the mean and half the length of its 95 % interval."""
    if not len(values):
        return NAN, NAN
    if len(values) == 1:
        return float(values[0]), NAN
    # 1.96 standard errors of the mean
    half = STANDARD_ERRORS * values.std(ddof=1) / np.sqrt(len(values))
    return float(values.mean()), float(half)


def _escaped(name: object) -> object:
    return html.escape(name) if isinstance(name, str) else name
