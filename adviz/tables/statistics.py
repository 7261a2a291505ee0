"""What rows say beyond averages: is a difference chance, where are the errors, what is solved, how large are defects.

Methods are given as a name -> their rows, as `by_line` takes them from a filled table.

Examples
--------
>>> from adviz import DN2
>>> report = sweep.run(sweep.grid("demo", ["hex_nut"], [DN2(k_images=1), DN2()]), "results")
>>> one, five = ([row] for row in report.rows)
>>> tables.statistics.differences(one, five, names=("K = 1", "K = 5"), draws=100)
image AUROC: K = 5 against K = 1...
"""

from __future__ import annotations

import html
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from adviz import metrics
from adviz.data import sides_of
from adviz.sweep import Row
from adviz.tables.comparison import STYLES, Comparison

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Summary", "by_line", "by_size", "differences", "errors", "perfect"]
INTERVAL = (0.025, 0.975)
SIZES = ("small", "middle", "large")  # thirds of all defect regions
STANDARD_ERRORS = 1.96  # on both sides of a mean: 95 %
TOTAL, MEAN = "all", "mean"
Methods = Mapping[str, Sequence[Row]]


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
        shown = self.frame.rename(index=_escaped, columns=_escaped)
        styled = shown.style.format(
            precision=self.digits, na_rep="-", escape="html"
        ).set_table_styles(STYLES)
        caption = f"<b>{html.escape(self.title)}</b>"
        return f"{styled.set_caption(caption).to_html()}<p style='max-width:900px'>{html.escape(self.legend)}</p>"


def by_line(comparison: Comparison) -> dict[str, list[Row]]:
    """Return the rows of every line of a filled table that has some: "PatchCore, coreset=25%" -> rows."""
    found: dict[str, dict[str, Row]] = {}
    for one in comparison.filled:
        name = ", ".join([one.cell.method, *(part for part in one.cell.variant.split(";") if part)])
        found.setdefault(name, {}).update({row.experiment.key: row for row in one.rows})
    return {name: list(rows.values()) for name, rows in found.items() if rows}


def differences(
    before: Sequence[Row],
    after: Sequence[Row],
    *,
    names: tuple[str, str] | None = None,
    draws: int = 1000,
    seed: int = 0,
) -> Summary:
    """Return how much better a method separates the images than another, and how sure that is.

    Parameters
    ----------
    before, after: rows of two methods; those of categories and seeds that both have are compared. A
        method that does not depend on a seed is compared with every seed of the other.
    names: of the two, for the title; None = those of their detectors.
    draws: test sets drawn with replacement, for each category.
    seed: of the draws.

    Returns
    -------
    Summary with a line for every category and one for the mean over them: AUROC before and after,
        their difference and its 95 % interval in percentage points, and the share of draws in which
        `after` is better.

    Raises
    ------
    ValueError: no category in common, or rows of different test images.

    Notes
    -----
    Paired bootstrap over images, see `metrics.auroc_differences`. The interval is about other test
    images from the same place, not about other seeds or categories; several seeds are averaged
    first. Categories are drawn apart.
    """
    import pandas as pd

    one, other = _by_category(before), _by_category(after)
    shared = [category for category in one if category in other]
    if not shared:
        raise ValueError(
            f"expected rows of the same categories, got {sorted(one)} and {sorted(other)}"
        )
    lines, drawn = {}, []
    for category in shared:
        pairs = _pairs(one[category], other[category])
        number = [seed, zlib.crc32(category.encode())]
        found = np.mean([_differences(*pair, draws, number) for pair in pairs], axis=0)
        values = [_scores(rows) for rows in zip(*pairs, strict=True)]
        lines[category] = _interval(values[0], values[1], 100 * found)
        drawn.append(100 * found)
    middle = np.mean([[line["before"], line["after"]] for line in lines.values()], axis=0)
    lines[MEAN] = _interval(float(middle[0]), float(middle[1]), np.mean(drawn, axis=0))
    frame = pd.DataFrame.from_dict(lines, orient="index")
    first, second = names or (_title(before), _title(after))
    return Summary(
        f"image AUROC: {second} against {first}",
        frame,
        f"difference in percentage points; low, high: 95 % interval of {draws} paired bootstrap draws of test images; "
        "better: share of the draws with a difference above 0, in %. An interval with 0 in it may be chance.",
    )


def errors(methods: Methods) -> Summary:
    """Count the images on the wrong side at two thresholds, for every category and in all (PatchCore, Fig. S3).

    Returns
    -------
    Summary: "FP" and "FN" at the F1-optimal threshold, "full recall" = good images flagged where
        every anomalous one is; integers, or the mean over seeds where there are several.
    """
    import pandas as pd

    names = {
        "false_positives": "FP",
        "false_negatives": "FN",
        "errors_at_full_recall": "full recall",
    }
    columns: dict[tuple[str, str], dict[str, float]] = {}
    for method, rows in methods.items():
        for category, found in _by_category(rows).items():
            columns.setdefault((method, "images"), {})[category] = found[0].facts["n_test"]
            for metric, name in names.items():
                columns.setdefault((method, name), {})[category] = float(
                    np.mean([row.metrics[metric] for row in found])
                )
    frame = pd.DataFrame(columns)
    frame.loc[TOTAL] = frame.sum()
    whole = [column for column in frame if (frame[column] % 1 == 0).all()]
    frame = frame.astype(dict.fromkeys(whole, int))
    return Summary(
        "images on the wrong side",
        frame,
        "FP, FN: false positives and negatives at the category's F1-optimal threshold (chosen on these labels, as the "
        "papers do: optimistic); full recall: good images flagged at the highest threshold that flags every anomalous "
        "one. Means over seeds.",
    )


def perfect(methods: Methods) -> Summary:
    """Return the categories that a method solves: every anomalous image above every good one, with every seed."""
    import pandas as pd

    lines = {}
    for method, rows in methods.items():
        found = _by_category(rows)
        solved = [
            name
            for name, each in found.items()
            if all(row.metrics["image_auroc"] == 1 for row in each)
        ]
        lines[method] = {
            "solved": len(solved),
            "of": len(found),
            "categories": ", ".join(solved) or "none",
        }
    return Summary(
        "categories solved perfectly",
        pd.DataFrame.from_dict(lines, orient="index"),
        "solved: image AUROC of exactly 1, with every seed.",
    )


def by_size(methods: Methods) -> Summary:
    """Return how well regions of defects are found, in thirds by their share of the image (for RD's Figs 6 and 7).

    Returns
    -------
    Summary with a line for every method and third: "from" and "to" in % of the image, "regions",
        and for "overlap" (the area under a region's own PRO curve up to an FPR of 0.3; its mean
        over all regions is PRO) and "AUROC" (of the region's pixels against all normal ones) the
        mean, and half the length of its 95 % interval ("±"), in %.

    Raises
    ------
    ValueError: no region in any row.

    Notes
    -----
    The thirds are those of all methods' regions together, which are the same regions where the
    images are.
    """
    import pandas as pd

    shares = {
        name: np.concatenate([_shares(row) for row in rows]) for name, rows in methods.items()
    }
    every = np.concatenate([*shares.values(), np.empty(0)])
    if not len(every):
        raise ValueError(
            f"expected rows with regions of defects, got none for {sorted(methods)}: are there masks?"
        )
    edges = np.quantile(every, (0, 1 / 3, 2 / 3, 1))
    lines = []
    for name, rows in methods.items():
        third = np.searchsorted(edges[1:3], shares[name], side="left")
        values = {
            key: np.concatenate([row.regions.get(key, []) for row in rows])
            for key in ("integral", "auroc")
        }
        for place, size in enumerate(SIZES):
            chosen = {key: 100 * each[third == place] for key, each in values.items()}
            line = {"method": name, "size": size, "from": edges[place], "to": edges[place + 1]}
            line["regions"] = len(chosen["auroc"])
            for key, title in (("integral", "overlap"), ("auroc", "AUROC")):
                line[title], line[f"{title} ±"] = _mean_and_half(chosen[key])
            lines.append(line)
    return Summary(
        "regions of defects by size",
        pd.DataFrame(lines).set_index(["method", "size"]),
        "from, to: area in % of the image; overlap: the region's own PRO up to a false positive rate of 0.3; AUROC: "
        "its pixels against all normal ones; ±: 95 % interval of the mean.",
        digits=2,
    )


def _by_category(rows: Sequence[Row]) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(row.experiment.category, []).append(row)
    return found


def _pairs(before: Sequence[Row], after: Sequence[Row]) -> list[tuple[Row, Row]]:
    """Return the rows of equal seeds; a single row goes with all of the others."""
    if len(before) == 1 or len(after) == 1:
        return [(one, other) for one in before for other in after]
    seeds = {row.experiment.seed: row for row in after}
    pairs = [(row, seeds[row.experiment.seed]) for row in before if row.experiment.seed in seeds]
    if not pairs:
        raise ValueError(
            f"expected rows of the same seeds, got {[row.experiment.seed for row in (*before, *after)]}"
        )
    return pairs


def _differences(before: Row, after: Row, draws: int, seed: Sequence[int]) -> np.ndarray:
    """Return the bootstrap of a pair of rows, their images brought into one order."""
    images = [
        dict(zip(row.images["ids"], range(len(row.images["ids"])), strict=True))
        for row in (before, after)
    ]
    if set(images[0]) != set(images[1]):
        what = f"{len(images[0])} and {len(images[1])} images"
        raise ValueError(
            f"expected two rows of the same test images, got {what} of {before.experiment.category}"
        )
    labels = np.array(before.images["labels"])
    order = [images[1][one] for one in before.images["ids"]]
    scores = np.array(before.images["scores"]), np.array(after.images["scores"])[order]
    known = labels >= 0
    number = int(np.random.default_rng(seed).integers(2**31))
    return metrics.auroc_differences(
        scores[0][known], scores[1][known], labels[known], draws, number
    )


def _scores(rows: Sequence[Row]) -> float:
    return float(np.mean([100 * row.metrics["image_auroc"] for row in rows]))


def _interval(before: float, after: float, drawn: np.ndarray) -> dict[str, float]:
    low, high = np.quantile(drawn, INTERVAL)
    better = float(100 * np.mean(drawn > 0)) if np.isfinite(drawn).all() else float("nan")
    return {
        "before": before,
        "after": after,
        "difference": after - before,
        "low": low,
        "high": high,
        "better": better,
    }


def _title(rows: Sequence[Row]) -> str:
    return rows[0].experiment.title


def _shares(row: Row) -> np.ndarray:
    """Return the areas of a row's regions, in % of the map that was judged."""
    height, width = sides_of(row.experiment.size or row.experiment.geometry.size)
    return 100 * np.array(row.regions.get("area", []), float) / (height * width)


def _mean_and_half(values: np.ndarray) -> tuple[float, float]:
    if not len(values):
        return float("nan"), float("nan")
    spread = float(values.std(ddof=1)) if len(values) > 1 else float("nan")
    return float(values.mean()), STANDARD_ERRORS * spread / np.sqrt(len(values))


def _escaped(name: object) -> object:
    return html.escape(name) if isinstance(name, str) else name
