"""Ablations beyond the papers' tables: the rows that a paper prints, and ours below them."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

from adviz._support import got
from adviz.tables.paper_values import TableName, TableRow, printed_rows, unprinted_rows, values
from adviz.tables.setting import Setting
from adviz.tables.table import Table, plan_rows

# PatchCore, Fig. S4
SIZES = (288, 360, 448)
NEIGHBORHOODS = (3, 5, 7, 9)
NETWORK = "backbone=wide_resnet50"
RESOLUTION: tuple[TableRow, ...] = (
    ("PatchCore", "coreset=10%"),
    *(
        ("PatchCore", f"coreset=10%;image_size={size};neighborhood={p}")
        for size, p in product(SIZES, NEIGHBORHOODS)
    ),
)
# K = 5 is the table's own row; 2 is DN2's text, "paper-literal" SPADE's 50
RETRIEVED: tuple[TableRow, ...] = (
    ("SPADE", "k_images_score=2"),
    ("SPADE", "preset=paper-literal"),
    ("SPADE", "preset=port"),
)
# The same networks, trained and not
UNTRAINED: tuple[TableRow, ...] = (
    ("PatchCore", f"coreset=10%;{NETWORK};weights=random"),
    ("PatchCore", f"coreset=1%;{NETWORK};weights=random"),
    ("SPADE", NETWORK),
    ("SPADE", f"{NETWORK};weights=random"),
    ("PaDiM", NETWORK),
    ("PaDiM", f"{NETWORK};weights=random"),
)
# The authors' code, where their tables' text is "paper"
PUBLIC_CODE: tuple[TableRow, ...] = tuple(
    ("PatchCore", f"coreset={percentage}%;preset=official") for percentage in (25, 10, 1)
)
# No table prints it
FOREST: tuple[TableRow, ...] = (("Isolation forest", ""),)
# The loss as in the text: a vector for each position, not one for the whole map
TEXT: tuple[TableRow, ...] = (("RD4AD", "preset=paper"),)


@dataclass(frozen=True)
class Ablation:
    """An ablation.

    Attributes
    ----------
    paper: "spade", "patchcore" or "rd".
    title: its subject.
    table: whose rows come first; "" = none.
    rows: that follow.
    """

    paper: str
    title: str
    table: str
    rows: tuple[TableRow, ...]


ABLATIONS = {
    "layers": Ablation(
        paper="spade",
        title="SPADE's layers one by one and added up from the deepest: 3; 2+3; 1+2+3",
        table="6",
        rows=(("SPADE", "layers=2+3"),),
    ),
    "retrieved images": Ablation(
        paper="spade",
        title=(
            "which K scores an image: 5; 2, as in the paper of DN2; 50, as in SPADE's text; "
            "and its public port"
        ),
        table="1",
        rows=RETRIEVED,
    ),
    "baselines": Ablation(
        paper="spade",
        title="baselines of Table 3, and an isolation forest: PRO by category",
        table="3",
        rows=FOREST,
    ),
    "resolution": Ablation(
        paper="patchcore",
        title="image size and neighbourhood (the numbers of Fig. S4)",
        table="",
        rows=RESOLUTION,
    ),
    "public code": Ablation(
        paper="patchcore",
        title='as in the text, and as in the authors\' code (preset "official")',
        table="1",
        rows=PUBLIC_CODE,
    ),
    "loss": Ablation(
        paper="rd",
        title='as in the authors\' code, and as in the text (preset "paper"): the loss by position',
        table="1",
        rows=TEXT,
    ),
    "random backbone": Ablation(
        paper="patchcore",
        title="backbones, and one that was never trained (weights=random)",
        table="S6",
        rows=UNTRAINED,
    ),
}


def ablation(name: str, setting: Setting | None = None, *, pro: str | None = None) -> Table:
    """Return an ablation as a table for `compare`, with printed values where the paper has them.

    Parameters
    ----------
    name: one of `ABLATIONS`.
    setting: on what; None = the paper's data and networks.
    pro: as for `plan`.

    Raises
    ------
    ValueError: no such ablation or definition.

    Examples
    --------
    >>> len(tables.ablation("layers", tables.reduced()).experiments) > 0
    True
    """
    import pandas as pd

    if name not in ABLATIONS:
        known = ", ".join(map(repr, ABLATIONS))
        raise ValueError(f"expected one of the ablations {known}, {got(name, ABLATIONS)}")
    chosen = ABLATIONS[name]
    if chosen.table:
        printed = values(chosen.paper, chosen.table)
        rows = pd.concat([printed, unprinted_rows(printed, chosen.rows)])
    else:
        rows = printed_rows(chosen.paper, chosen.rows)
    return plan_rows(TableName(chosen.paper, name, chosen.title, "ablation"), rows, setting, pro)
