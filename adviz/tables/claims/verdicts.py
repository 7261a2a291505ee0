"""What became of claims, shown as text and HTML."""

from __future__ import annotations

import html
from dataclasses import dataclass
from typing import TYPE_CHECKING

from adviz.sweep import ExperimentResult
from adviz.tables.claims.stated import Claim
from adviz.tables.comparison import STYLES
from adviz.tables.printed import PAPERS
from adviz.tables.setting import Setting

if TYPE_CHECKING:
    import pandas as pd

HOLDS, FAILS, UNKNOWN = "holds", "does not hold", "cannot be said"
MARKS = {HOLDS: "✓", FAILS: "✗", UNKNOWN: "?"}


@dataclass(frozen=True, eq=False)
class Verdict:
    """What became of a claim.

    Attributes
    ----------
    key, claim: which.
    verdict: "holds", "does not hold" or "cannot be said", of our rows.
    printed: the same of the numbers that the paper prints; "cannot be said" where it prints too
        few.
    ours: the numbers of our rows, in words, and why nothing can be said.
    paper: those of the paper, in words.
    source: where these stand, and what is uncertain about them.
    rows: what ours rests on.
    missing: experiments without a row.
    """

    key: str
    claim: Claim
    verdict: str
    printed: str
    ours: str
    paper: str
    source: str
    results: tuple[ExperimentResult, ...]
    missing: int


@dataclass(frozen=True, eq=False)
class Checked:
    """All claims with their verdicts, shown as text and HTML.

    Examples
    --------
    >>> checked = tables.plan_claims("spade", tables.reduced()).check([])
    >>> len(checked.to_frame()) == len(checked.verdicts)
    True
    """

    verdicts: tuple[Verdict, ...]
    setting: Setting

    def __getitem__(self, key: str) -> Verdict:
        """Return the verdict of a claim.

        Raises
        ------
        KeyError: no such claim; those there are are listed.
        """
        for one in self.verdicts:
            if one.key == key:
                return one
        raise KeyError(f"expected one of {[one.key for one in self.verdicts]}, got {key!r}")

    def to_frame(self) -> pd.DataFrame:
        """Return a line for every claim: where it stands, our words, both verdicts, the numbers, the files of rows."""
        import pandas as pd

        lines = [
            {
                "paper": one.claim.paper,
                "place": one.claim.place,
                "claim": one.claim.sentence,
                "verdict": one.verdict,
                "ours": one.ours,
                "verdict on the printed numbers": one.printed,
                "printed": one.paper,
                "source": one.source,
                "missing": one.missing,
                "rows": " ".join(row.path.name for row in one.results if row.path is not None),
            }
            for one in self.verdicts
        ]
        return pd.DataFrame(lines, index=pd.Index([one.key for one in self.verdicts], name="key"))

    def __repr__(self) -> str:
        lines = []
        for one in self.verdicts:
            lines.append(
                f"{one.verdict.upper()}: {one.claim.sentence} ({PAPERS[one.claim.paper]}, {one.claim.place})"
            )
            lines.append(f"    ours:    {one.ours}")
            lines.append(
                f"    printed: {one.paper} ({one.printed}; {one.source})"
                if one.paper
                else "    printed: nothing"
            )
        return "\n".join([*lines, self._legend()])

    def _repr_html_(self) -> str:
        frame = self.to_frame()[["place", "claim", "verdict", "ours", "printed"]]
        frame["claim"] = frame["claim"].map(html.escape)
        for column in ("ours", "printed"):  # a line for each comparison
            frame[column] = [
                "<br>".join(map(html.escape, text.split("; "))) for text in frame[column]
            ]
        sources = [
            f"<br><small>{html.escape(one.source)}</small>" if one.paper else ""
            for one in self.verdicts
        ]
        frame["printed"] += sources
        frame["verdict"] = [f"<b>{MARKS[one.verdict]} {one.verdict}</b>" for one in self.verdicts]
        frame["place"] = [
            f"{PAPERS[one.claim.paper]}, {html.escape(one.claim.place)}" for one in self.verdicts
        ]
        wrapped = [
            *STYLES,
            {
                "selector": "td",
                "props": "text-align: left; white-space: normal; vertical-align: top; padding: 4px 8px",
            },
        ]
        styled = frame.style.hide(axis="index").set_table_styles(wrapped)
        return f"{styled.to_html()}<p style='max-width:900px'>{html.escape(self._legend())}</p>"

    def _legend(self) -> str:
        words = "Margins are ours. ✓ and ✗: the comparison before it is right or wrong; =: equal, which says nothing."
        if self.setting.papers:
            return words
        return (
            f"{words} The rows are of other data than the paper's: what holds there need not here."
        )
