"""Lines that no table prints, those of figures, ablations and claims, in the form of the printed ones."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from adviz.tables.printed import TITLES, values
from adviz.tables.setting import MVTEC

if TYPE_CHECKING:
    import pandas as pd

DATASET = "mvtec_ad"
KEY = ["category", "method", "variant", "metric"]
SCORES = ("image_auroc", "pixel_auroc", "pro")
# Others: percentages
UNITS = {"misclassified": "count", "full_recall": "count", "time_s": "s", "memory_mb": "MB"}
Line = tuple[str, str]  # method and variant, as in `adviz.reference`
Place = tuple[str, str, str, str]  # category, method, variant and metric


def lines(
    paper: str, wanted: Iterable[Line], metrics: Sequence[str] = SCORES, *, each: bool = False
) -> pd.DataFrame:
    """Return lines as `values` has them, with what a table of the paper prints for them, or NaN.

    Parameters
    ----------
    paper: as in `NAMES`.
    wanted: methods and variants.
    metrics: of every line.
    each: a value for every category, not the average alone.
    """
    categories = MVTEC if each else ("average",)
    places = [
        (category, method, variant, metric)
        for method, variant in wanted
        for metric in metrics
        for category in categories
    ]
    return placed(paper, places)


def placed(paper: str, places: Iterable[Place]) -> pd.DataFrame:
    """Return places on MVTec AD as `values` has them, with what a table of the paper prints for them, or NaN."""
    import pandas as pd

    found = (
        pd.DataFrame(places, columns=KEY).drop_duplicates().merge(_all(paper), on=KEY, how="left")
    )
    found["unit"] = found["metric"].map(UNITS).fillna("%")
    return found.assign(
        paper=paper, dataset=DATASET, note=found["note"].fillna(""), table=found["table"].fillna("")
    )


def unprinted(like: pd.DataFrame, wanted: Iterable[Line]) -> pd.DataFrame:
    """Return lines with the places of a table's first line, of which the paper prints none."""
    import pandas as pd

    first = like[
        (like["method"] == like["method"].iloc[0]) & (like["variant"] == like["variant"].iloc[0])
    ]
    nothing = {"value": float("nan"), "std": float("nan"), "note": ""}
    return pd.concat(
        [first.assign(method=method, variant=variant, **nothing) for method, variant in wanted]
    )


@lru_cache
def printed_values(paper: str) -> dict[Place, float]:
    """Return all that the paper's tables print on MVTec AD: place -> value."""
    whole = _all(paper)
    return dict(
        zip(whole[KEY].itertuples(index=False, name=None), whole["value"].tolist(), strict=True)
    )


@lru_cache
def _all(paper: str) -> pd.DataFrame:
    """Return what the paper's tables print on MVTec AD, each place once."""
    import pandas as pd

    tables = [values(paper, table) for table in TITLES[paper]]
    whole = pd.concat([one[one["dataset"] == DATASET] for one in tables])
    return whole.drop_duplicates(KEY)[[*KEY, "value", "std", "note", "table"]]
