"""From claims and rows to verdicts: holds, does not hold, or cannot be said."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING

import numpy as np

from adviz._support import got
from adviz.sweep import Experiment, ExperimentResult
from adviz.tables.claims.others import DISTILLATION_CLAIMS, SPADE_CLAIMS
from adviz.tables.claims.patchcore import CLAIMS as PATCHCORE_CLAIMS
from adviz.tables.claims.stated import Claim, Computed, Number, Side, Stated
from adviz.tables.claims.verdicts import FAILS, HOLDS, UNKNOWN, Checked, Verdict
from adviz.tables.claims.wording import Compared, compared, described, numbers
from adviz.tables.comparison import compare
from adviz.tables.filled import Filled
from adviz.tables.lines import placed, printed_values
from adviz.tables.printed import UNCERTAIN, Name
from adviz.tables.setting import Setting
from adviz.tables.table import Table, assembled

if TYPE_CHECKING:
    import pandas as pd

STATED: Mapping[str, Mapping[str, Claim]] = {
    "spade": SPADE_CLAIMS,
    "patchcore": PATCHCORE_CLAIMS,
    "rd": DISTILLATION_CLAIMS,
}
NAN = float("nan")


@dataclass(frozen=True, eq=False)
class Claims:
    """Claims of the papers, and the experiments that they are checked on; see `plan_claims`.

    Attributes
    ----------
    setting: on what.
    claims: key -> claim.
    tables: key -> its numbers as a table.

    Examples
    --------
    >>> claims = tables.plan_claims("spade", tables.reduced())
    >>> len(claims.check([]).verdicts) == len(claims.claims)
    True
    """

    setting: Setting
    claims: Mapping[str, Claim]
    tables: Mapping[str, Table]

    @property
    def experiments(self) -> list[Experiment]:
        """All that they need, each once."""
        return list(
            dict.fromkeys(one for table in self.tables.values() for one in table.experiments)
        )

    def check(self, rows: Iterable[ExperimentResult]) -> Checked:
        """Return what rows say of each claim; rows of other experiments do not matter.

        Examples
        --------
        >>> tables.plan_claims("spade", tables.reduced()).check([]).verdicts[0].ours
        '... experiments have no row'
        """
        there = list(rows)
        return Checked(tuple(_check(key, self, there) for key in self.claims), self.setting)

    def __repr__(self) -> str:
        return f"{len(self.claims)} claims, checked on {len(self.experiments)} experiments: {', '.join(self.claims)}"


def plan_claims(
    paper: str,
    setting: Setting | None = None,
    *,
    keys: Iterable[str] | None = None,
    pro: str | None = None,
) -> Claims:
    """Return what a paper claims in words, with the experiments that it can be checked on.

    Parameters
    ----------
    paper: "spade", "patchcore" or "rd".
    setting: on what; None = the paper's data and networks.
    keys: which claims; None = all.
    pro: as for `plan`.

    Raises
    ------
    ValueError: no such paper or claim.

    Examples
    --------
    >>> claims = tables.plan_claims("spade", tables.reduced())
    >>> len(claims.experiments) > 0
    True
    """
    if paper not in STATED:
        raise ValueError(
            f"expected a paper, one of {', '.join(map(repr, STATED))}, {got(paper, STATED)}"
        )
    there = STATED[paper]
    wanted = list(there if keys is None else keys)
    if unknown := [key for key in wanted if key not in there]:
        raise ValueError(
            f"expected some of the claims {', '.join(map(repr, there))}, got {unknown}"
        )
    chosen = setting or Setting()
    claims = {key: there[key] for key in wanted}
    return Claims(
        chosen, claims, {key: _table(key, claim, chosen, pro) for key, claim in claims.items()}
    )


def _table(key: str, claim: Claim, setting: Setting, pro: str | None) -> Table:
    """Return the numbers of a claim as a table; cells of other categories than it names are left out."""
    frame = placed(claim.paper, [_place(one) for one in numbers(claim)])
    whole = assembled(Name(claim.paper, key, claim.sentence, "claim"), frame, setting, pro)
    wanted = set(numbers(claim))
    return dataclasses.replace(
        whole, cells=tuple(cell for cell in whole.cells if _number(cell) in wanted)
    )


def _place(one: Number) -> tuple[str, str, str, str]:
    return one.category, one.method, one.variant, one.metric


def _number(cell: object) -> Number:
    return Number(*(getattr(cell, name) for name in ("method", "variant", "metric", "category")))


def _check(key: str, plan: Claims, rows: list[ExperimentResult]) -> Verdict:
    claim, table = plan.claims[key], plan.tables[key]
    filled = {_number(one.cell): one for one in compare(table, rows).filled}
    left_out = {number for number, one in filled.items() if one.cell.reason.startswith("left out")}
    done = [one for one in claim.relations if not {one.left, one.right} & left_out]
    ours = [
        compared(one, _ours(one.left, filled, key, plan), _ours(one.right, filled, key, plan))
        for one in done
    ]
    printed = [
        compared(one, _printed(one.left, claim, key), _printed(one.right, claim, key))
        for one in claim.relations
    ]
    used = {row.experiment: row for one in filled.values() for row in one.results}
    missing = len(set(table.experiments) - set(used))
    words = [described(claim, ours), _why(filled, missing, ours)]
    return Verdict(
        key=key,
        claim=claim,
        verdict=_joined(ours, claim),
        printed=_joined(printed, claim),
        ours="; ".join(word for word in words if word),
        paper=described(claim, printed),
        source=_source(claim, key),
        results=tuple(used.values()),
        missing=missing,
    )


def _joined(figures: list[Compared], claim: Claim) -> str:
    found = [one.verdict for one in figures]
    if claim.any:
        return HOLDS if True in found else UNKNOWN if None in found or not found else FAILS
    return FAILS if False in found else UNKNOWN if None in found or not found else HOLDS


def _ours(side: Side, filled: Mapping[Number, Filled], key: str, plan: Claims) -> float:
    if isinstance(side, Computed):
        return side.function()
    if isinstance(side, Stated):
        return _text_number(plan.claims[key].paper, key, side.name)
    one = filled.get(side)
    if one is None:
        return NAN
    # A method that is not ours: what its paper prints, if the data are the same
    if not one.cell.experiments:
        return one.cell.printed
    return NAN if one.missing else one.ours


def _printed(side: Side, claim: Claim, key: str) -> float:
    if isinstance(side, Computed):
        return NAN
    if isinstance(side, Stated):
        return _text_number(claim.paper, key, side.name)
    return printed_values(claim.paper).get(_place(side), NAN)


def _source(claim: Claim, key: str) -> str:
    """Return where the printed numbers stand, and which of them are uncertain."""
    frame = placed(claim.paper, [_place(one) for one in numbers(claim)]).dropna(subset="value")
    stated = _stated().query("paper == @claim.paper and claim == @key")
    tables = [f"Table {one}" if one != "text" else "text" for one in dict.fromkeys(frame["table"])]
    words = ", ".join([*tables, *dict.fromkeys(stated["place"])])
    doubts = frame[frame["note"].str.startswith(UNCERTAIN)]
    notes = [
        f"{line.variant or line.method} {line.value:g}: {line.note}" for line in doubts.itertuples()
    ]
    notes += [f"{line.value:g}: {line.note}" for line in stated.itertuples()]
    return "; ".join(one for one in [words, *notes] if one)


def _why(filled: Mapping[Number, Filled], missing: int, ours: list[Compared]) -> str:
    """Say why nothing, or not everything, can be said."""
    if missing:
        return f"{missing} experiments have no row"
    reasons = {
        one.cell.reason for one in filled.values() if one.cell.reason and np.isnan(one.cell.printed)
    }
    reasons -= {reason for reason in reasons if reason.startswith("left out")}
    if reasons:
        return "; ".join(sorted(reasons))
    if not ours:
        return "left out in this setting"
    lost = any(not one.known for one in ours)
    return "a number is not in the rows, or these data have no such category" if lost else ""


@lru_cache
def _stated() -> pd.DataFrame:
    import pandas as pd

    with files("adviz.tables").joinpath("reference", "claims.csv").open(encoding="utf-8") as file:
        return pd.read_csv(file, keep_default_na=False)


def _text_number(paper: str, key: str, name: str) -> float:
    found = _stated().query("paper == @paper and claim == @key and name == @name")
    return float(found["value"].iloc[0])
