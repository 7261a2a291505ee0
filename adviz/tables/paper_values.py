"""The papers' printed values: whole tables, or one by category, method, variant and metric."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from itertools import product
from typing import TYPE_CHECKING, NamedTuple

from adviz._support import did_you_mean
from adviz.tables.setting import MVTEC

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

    import pandas as pd

UNCERTAIN = ("uncertain:", "reconstructed:")  # how notes begin that say so of a value
DIFFERS = "differs:"  # how a note begins that says why a number of ours is another one

MVTEC_AD = "mvtec_ad"  # the data set's name in the reference files
SCORES = ("image_auroc", "pixel_auroc", "pro")
# Units of metrics that are not percentages
UNITS = {"misclassified": "count", "full_recall": "count", "time_s": "s", "memory_mb": "MB"}

TableRow = tuple[str, str]  # method and variant, as in `adviz/tables/reference`


class ValueKey(NamedTuple):
    """What a value on MVTec AD is of; the names are those of `adviz/tables/reference`."""

    category: str
    method: str
    variant: str
    metric: str


KEY = list(ValueKey._fields)


@dataclass(frozen=True)
class TableName:
    """The name of a table or figure of a paper, or of an ablation or claim.

    Attributes
    ----------
    paper: "spade", "patchcore" or "rd".
    table: as the paper numbers it, "1" or "S1"; ablations and claims have a name.
    title: its subject.
    kind: "Table", "Fig.", "ablation" or "claim".
    """

    paper: str
    table: str
    title: str
    kind: str = "Table"

    def __str__(self) -> str:
        return f"{PAPERS[self.paper]}, {self.kind} {self.table}"


# Paper -> the name of its method
PAPERS = {"spade": "SPADE", "patchcore": "PatchCore", "rd": "Reverse distillation"}
# Paper -> number of a table -> title
TITLES = {
    "spade": {
        "1": "image AUROC on MVTec AD, average",
        "2": "pixel AUROC by category",
        "3": "PRO by category",
        "4": "image AUROC on ShanghaiTech Campus",
        "5": "pixel AUROC on ShanghaiTech Campus",
        "6": "which layers: PRO by category",
        "7": "retrieved against random images: PRO",
    },
    "patchcore": {
        "1": "image AUROC on MVTec AD, and misclassified images",
        "2": "pixel AUROC on MVTec AD, average",
        "3": "PRO on MVTec AD, average",
        "4": "larger images, other backbones, an ensemble",
        "5": "time of an image, and what it buys",
        "6": "mini ShanghaiTech Campus and magnetic tiles",
        "S1": "image AUROC by category",
        "S2": "pixel AUROC by category",
        "S3": "PRO by category",
        "S4": "larger images by category",
        "S5": "few training images",
        "S6": "backbones",
        "text": "numbers that are in the text alone",
    },
    "rd": {
        "1": "image AUROC by category",
        "2": "pixel AUROC and PRO by category",
        "3": "time and memory",
        "4": "one class is normal, all others are not",
        "5": "bottlenecks",
        "6": "backbones",
        "7": "which layers' maps",
        "text": "numbers that are in the text alone",
    },
}
NAMES = tuple(
    TableName(paper, table, title)
    for paper, tables in TITLES.items()
    for table, title in tables.items()
)


def table_name(paper: str, table: str | int) -> TableName:
    """Return a table's name.

    Raises
    ------
    ValueError: no such table; the message lists the tables of all papers.
    """
    for name in NAMES:
        if (name.paper, name.table) == (paper, str(table)):
            return name
    known = "; ".join(f"{paper}: {', '.join(tables)}" for paper, tables in TITLES.items())
    raise ValueError(
        f"expected a paper and one of its tables ({known}), got {paper!r}, {table!r}"
        f"{did_you_mean(paper, TITLES)}"
    )


def reference_file(name: str) -> Traversable:
    """Return a file of `adviz/tables/reference`."""
    return files("adviz.tables").joinpath("reference", name)


@lru_cache
def values(paper: str, table: str | int) -> pd.DataFrame:
    """Return a table as it is printed, in long form: one row for each value.

    Parameters
    ----------
    paper, table: see `NAMES`.

    Returns
    -------
    Columns as in `adviz/tables/reference/README.md`: dataset, category, method, variant, metric,
        value and std (float, in `unit`), and note; a note that begins with "uncertain:" or
        "reconstructed:" says so of the value.

    Raises
    ------
    ValueError: no such table.

    Examples
    --------
    >>> tables.values("spade", 2)["value"].max() < 100
    np.True_
    """
    import pandas as pd

    name = table_name(paper, table)
    short = "text" if name.table == "text" else f"table{name.table}"
    with reference_file(f"{paper}_{short}.csv").open(encoding="utf-8") as file:
        frame = pd.read_csv(
            file, dtype={"table": str}, keep_default_na=False, na_values={"value": "", "std": ""}
        )
    return frame.astype({"value": float, "std": float})


@lru_cache
def values_by_key(paper: str) -> dict[ValueKey, float]:
    """Return every value that the paper's tables print on MVTec AD."""
    frame = _mvtec_values(paper)
    keys = [ValueKey(*key) for key in frame[KEY].itertuples(index=False, name=None)]
    return dict(zip(keys, frame["value"].tolist(), strict=True))


def printed_rows(
    paper: str,
    rows: Iterable[TableRow],
    metrics: Sequence[str] = SCORES,
    *,
    by_category: bool = False,
) -> pd.DataFrame:
    """Return chosen rows in the form of `values`: a printed value where a table has it, else NaN.

    Parameters
    ----------
    paper: as in `NAMES`.
    rows: methods and variants.
    metrics: of every row.
    by_category: a value for every category, not the average alone.
    """
    categories = MVTEC if by_category else ("average",)
    keys = [
        ValueKey(category, method, variant, metric)
        for (method, variant), metric, category in product(rows, metrics, categories)
    ]
    return printed_values(paper, keys)


def printed_values(paper: str, keys: Iterable[ValueKey]) -> pd.DataFrame:
    """Return chosen values on MVTec AD in the form of `values`: NaN where no table prints one."""
    import pandas as pd

    # A value that no table prints finds no partner in the merge
    frame = pd.DataFrame(keys, columns=KEY).drop_duplicates()
    frame = frame.merge(_mvtec_values(paper), on=KEY, how="left")
    return frame.assign(
        paper=paper,
        dataset=MVTEC_AD,
        unit=frame["metric"].map(UNITS).fillna("%"),
        note=frame["note"].fillna(""),
        table=frame["table"].fillna(""),
    )


def unprinted_rows(printed: pd.DataFrame, rows: Iterable[TableRow]) -> pd.DataFrame:
    """Return rows that the paper does not print: the columns of a table's first row, and NaN."""
    import pandas as pd

    method, variant = printed[["method", "variant"]].iloc[0]
    first = printed[(printed["method"] == method) & (printed["variant"] == variant)]
    empty = first.assign(value=float("nan"), std=float("nan"), note="")
    return pd.concat([empty.assign(method=method, variant=variant) for method, variant in rows])


@lru_cache
def _mvtec_values(paper: str) -> pd.DataFrame:
    """Return what the paper's tables print on MVTec AD; of a value printed twice, the first."""
    import pandas as pd

    # Some values stand in two tables, a few of them different; see reference/README.md
    tables = [values(paper, table) for table in TITLES[paper]]
    frame = pd.concat([table[table["dataset"] == MVTEC_AD] for table in tables])
    return frame.drop_duplicates(KEY)[[*KEY, "value", "std", "note", "table"]]
