"""What the papers printed: the tables of `adviz/reference`, as they are."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING

from adviz._support import meant

if TYPE_CHECKING:
    import pandas as pd

UNCERTAIN = ("uncertain:", "reconstructed:")  # how notes begin that say so of a value
DIFFERS = "differs:"  # how a note begins that says why a number of ours is another one


@dataclass(frozen=True)
class Name:
    """A table or figure of a paper, or an ablation beside them.

    Attributes
    ----------
    paper: "spade", "patchcore" or "rd".
    table: as the paper numbers it, "1" or "S1"; an ablation has a name.
    title: what it is about.
    kind: "Table", "Fig." or "ablation".
    """

    paper: str
    table: str
    title: str
    kind: str = "Table"

    def __str__(self) -> str:
        return f"{PAPERS[self.paper]}, {self.kind} {self.table}"


PAPERS = {"spade": "SPADE", "patchcore": "PatchCore", "rd": "Reverse distillation"}
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
    Name(paper, table, title) for paper, tables in TITLES.items() for table, title in tables.items()
)


def named(paper: str, table: str | int) -> Name:
    """Return a table's name.

    Raises
    ------
    ValueError: no such table; those there are are listed.
    """
    for name in NAMES:
        if (name.paper, name.table) == (paper, str(table)):
            return name
    there = "; ".join(f"{p}: {', '.join(tables)}" for p, tables in TITLES.items())
    raise ValueError(
        f"expected a paper and one of its tables ({there}), got {paper!r}, {table!r}{meant(paper, TITLES)}"
    )


@lru_cache
def values(paper: str, table: str | int) -> pd.DataFrame:
    """Return a table as it is printed, in long form: one line for each value.

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

    name = named(paper, table)
    short = "text" if name.table == "text" else f"table{name.table}"
    with (
        files("adviz.tables")
        .joinpath("reference", f"{paper}_{short}.csv")
        .open(encoding="utf-8") as file
    ):
        found = pd.read_csv(
            file, dtype={"table": str}, keep_default_na=False, na_values={"value": "", "std": ""}
        )
    return found.astype({"value": float, "std": float})
