"""Ablations that no table prints, or not all of them: the paper's lines where there are some, and ours below."""

from __future__ import annotations

from dataclasses import dataclass

from adviz._support import got
from adviz.tables.lines import SCORES, Line, lines, unprinted
from adviz.tables.printed import Name, values
from adviz.tables.setting import Setting
from adviz.tables.table import Table, assembled

SIZES, NEIGHBORHOODS = (288, 360, 448), (3, 5, 7, 9)  # PatchCore, Fig. S4
NETWORK = "backbone=wide_resnet50"
RESOLUTION: tuple[Line, ...] = (
    ("PatchCore", "coreset=10%"),
    *(
        ("PatchCore", f"coreset=10%;image_size={size};neighborhood={p}")
        for size in SIZES
        for p in NEIGHBORHOODS
    ),
)
SCORED: tuple[Line, ...] = tuple(
    ("SPADE", variant) for variant in ("k_images_score=2", "preset=paper-literal", "preset=port")
)
UNTRAINED: tuple[Line, ...] = (
    *(("PatchCore", f"coreset={share};{NETWORK};weights=random") for share in ("10%", "1%")),
    *(
        (method, text)
        for method in ("SPADE", "PaDiM")
        for text in (NETWORK, f"{NETWORK};weights=random")
    ),
)


@dataclass(frozen=True)
class Ablation:
    """An ablation: its paper and title, the table whose lines come first ("" = none), and the lines that it adds."""

    paper: str
    title: str
    table: str
    lines: tuple[Line, ...]


ABLATIONS = {
    "layers": Ablation(
        "spade",
        "SPADE's layers one by one and added up from the deepest: 3; 2+3; 1+2+3",
        "6",
        (("SPADE", "layers=2+3"),),
    ),
    "retrieved images": Ablation(
        "spade",
        "which K scores an image: 5; 2, as in the paper of DN2; 50, as in SPADE's text; and its public port",
        "1",
        SCORED,
    ),
    "resolution": Ablation(
        "patchcore", "image size and neighbourhood (the numbers of Fig. S4)", "", RESOLUTION
    ),
    "random backbone": Ablation(
        "patchcore", "backbones, and one that was never trained (weights=random)", "S6", UNTRAINED
    ),
}


def ablation(name: str, setting: Setting | None = None, *, pro: str | None = None) -> Table:
    """Return an ablation as a table: `compare` shows it, with printed values in the lines that the paper has.

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
        raise ValueError(
            f"expected one of the ablations {', '.join(map(repr, ABLATIONS))}, {got(name, ABLATIONS)}"
        )
    one = ABLATIONS[name]
    if one.table:
        printed = values(one.paper, one.table)
        whole = pd.concat([printed, unprinted(printed, one.lines)])
    else:
        whole = lines(one.paper, one.lines, SCORES)
    return assembled(Name(one.paper, name, one.title, "ablation"), whole, setting, pro)
