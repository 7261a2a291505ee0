"""The papers' claims in words, each as inequalities between numbers that are checked on results.

The claims are in ``reference/claims.csv``, their inequalities, a row each, in
``reference/claim_inequalities.csv``. `Claims.check` fills both sides of every inequality with our
results, and with the printed values, and says of each claim whether it holds.
"""

from __future__ import annotations

import csv
import dataclasses
import html
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from adviz._support import got
from adviz.sweep import Experiment, ExperimentResult
from adviz.tables.cell_results import LABELS as METRIC_LABELS
from adviz.tables.cell_results import FilledCell
from adviz.tables.comparison import STYLES, compare
from adviz.tables.figures.coreset_example import covering_radii
from adviz.tables.intervals import interval
from adviz.tables.methods import OURS
from adviz.tables.paper_values import (
    PAPERS,
    UNCERTAIN,
    TableName,
    ValueKey,
    printed_values,
    reference_file,
    values_by_key,
)
from adviz.tables.setting import Setting
from adviz.tables.table import NAN, Table, plan_rows

if TYPE_CHECKING:
    import pandas as pd

# Verdicts, and their marks in HTML
HOLDS, FAILS, UNKNOWN = "holds", "does not hold", "cannot be said"
MARKS = {HOLDS: "✓", FAILS: "✗", UNKNOWN: "?"}
# Whether an inequality holds -> its mark in a text; None without an interval: both look equal
INEQUALITY_MARKS = {True: "✓", False: "✗", None: "="}
UNDECIDED = "?"  # its mark where the interval has both
TEXT = "the text"  # in place of the other method: a number that stands in the text alone
COVERING = "covering_radius"  # a metric that no experiment is needed for
LABELS = {**METRIC_LABELS, COVERING: "covering radius"}
# Decimals; 1 for the other metrics
DIGITS = {"time_s": 3, "memory_mb": 0, "misclassified": 0, "full_recall": 0, COVERING: 2}
ROUNDING = 1e-9  # of a margin
# Seconds of two runs are compared as if each were known to this factor: other work on a machine
# changes them, and so does the network's part, which is the same in all methods
SECONDS_KNOWN_TO = 2**0.5
Interval = tuple[float, float]


@dataclass(frozen=True)
class Inequality:
    """An inequality between two values of one metric.

    Attributes
    ----------
    left, right: keys of the two values; the right one is None where it is `text_value`.
    sign: ">", "<", "≈" (they differ by at most `margin`) or "≥" (left >= right - margin).
    margin: in the metric's unit; ours, for "about as good" and the like.
    text_value, text_place, note: a number that the paper states in its text alone, the section,
        and how it is stated there.
    elsewhere: the variant that says the same as `left` on other data than the paper's; "" = the
        same one.
    """

    left: ValueKey
    sign: str
    right: ValueKey | None
    margin: float = 0.0
    text_value: float = NAN
    text_place: str = ""
    note: str = ""
    elsewhere: str = ""

    def on_other_data(self) -> Inequality:
        """Return the inequality that says the same on other data than the paper's."""
        if not self.elsewhere:
            return self
        return dataclasses.replace(self, left=self.left._replace(variant=self.elsewhere))

    def check(
        self, values: Mapping[ValueKey, float], interval: Interval | None = None
    ) -> CheckedInequality:
        """Look up both values, NaN where unknown, and compare them.

        Parameters
        ----------
        values: of every method and variant.
        interval: of the difference, left minus right; None = not known.
        """
        left = values.get(self.left, NAN)
        right = self.text_value if self.right is None else values.get(self.right, NAN)
        return CheckedInequality(self, left, right, interval)

    def text(self, value: float) -> str:
        """Return a value with the decimals of the metric."""
        return f"{value:.{DIGITS.get(self.left.metric, 1)}f}"


@dataclass(frozen=True)
class CheckedInequality:
    """An inequality with its two values, NaN where they are unknown.

    Attributes
    ----------
    inequality, left, right: what is compared.
    interval: of left minus right, 95 %; None = the values are taken as they are.
    """

    inequality: Inequality
    left: float
    right: float
    interval: Interval | None = None

    @property
    def known(self) -> bool:
        """Whether both values are known."""
        return bool(np.isfinite([self.left, self.right]).all())

    @property
    def holds(self) -> bool | None:
        """Whether it holds.

        None where a value is unknown, where both are equal as shown, or where some of the interval
        says so and some says otherwise.
        """
        inequality = self.inequality
        is_strict = inequality.sign in "<>"
        if not self.known:
            return None
        if self.interval is not None:
            low, high = self.interval
            has_zero = low <= 0 <= high
            if is_strict and has_zero:
                return None
            verdicts = {self._holds_for(low), self._holds_for(high)}
            if has_zero:
                verdicts.add(True)  # both ends may be outside the margin
            return verdicts.pop() if len(verdicts) == 1 else None
        # Values that look equal are neither above nor below
        if is_strict and inequality.text(self.left) == inequality.text(self.right):
            return None
        return self._holds_for(self.left - self.right)

    def _holds_for(self, difference: float) -> bool:
        """Return whether it holds for a difference, left minus right."""
        inequality = self.inequality
        margin = inequality.margin + ROUNDING
        if inequality.sign == "≈":
            return abs(difference) <= margin
        if inequality.sign == "≥":
            return difference >= -margin
        return difference > 0 if inequality.sign == ">" else difference < 0


@dataclass(frozen=True)
class Claim:
    """A sentence of a paper.

    Attributes
    ----------
    paper, place: where it stands.
    sentence: in our words.
    inequalities: what it says in numbers.
    needs: "all" inequalities, or "one" ("sometimes").
    """

    paper: str
    place: str
    sentence: str
    inequalities: tuple[Inequality, ...]
    needs: str = "all"

    def on(self, setting: Setting) -> Claim:
        """Return the claim that says the same on the data of a setting."""
        if setting.uses_paper_data:
            return self
        there = tuple(inequality.on_other_data() for inequality in self.inequalities)
        return dataclasses.replace(self, inequalities=there)

    @property
    def keys(self) -> list[ValueKey]:
        """The keys of all its values, each once."""
        keys: list[ValueKey] = []
        for inequality in self.inequalities:
            keys.append(inequality.left)
            if inequality.right is not None:
                keys.append(inequality.right)
        return list(dict.fromkeys(keys))

    @property
    def experiment_keys(self) -> list[ValueKey]:
        """The keys of the values that come from experiments."""
        return [key for key in self.keys if key.metric != COVERING]

    def verdict(self, checked: Iterable[CheckedInequality]) -> str:
        """Return "holds", "does not hold" or "cannot be said"."""
        verdicts = [inequality.holds for inequality in checked]
        is_unknown = None in verdicts or not verdicts
        # One inequality decides: for "sometimes" one that holds, else one that does not
        if self.needs == "one":
            if True in verdicts:
                return HOLDS
            return UNKNOWN if is_unknown else FAILS
        if False in verdicts:
            return FAILS
        return UNKNOWN if is_unknown else HOLDS


@lru_cache
def stated_claims(paper: str) -> dict[str, Claim]:
    """Return the claims of a paper, as they are in ``reference/claims.csv``: key -> claim."""
    inequalities: dict[str, list[Inequality]] = {}
    for record in _records("claim_inequalities.csv"):
        if record["paper"] == paper:
            inequalities.setdefault(record["claim"], []).append(_inequality(record))
    return {
        record["claim"]: Claim(
            paper=paper,
            place=record["place"],
            sentence=record["sentence"],
            inequalities=tuple(inequalities[record["claim"]]),
            needs=record["needs"],
        )
        for record in _records("claims.csv")
        if record["paper"] == paper
    }


def _records(name: str) -> list[dict[str, str]]:
    with reference_file(name).open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _inequality(record: Mapping[str, str]) -> Inequality:
    category = record["category"]
    metric = record["metric"]
    right = None
    if record["other_method"] != TEXT:
        right = ValueKey(category, record["other_method"], record["other_variant"], metric)
    return Inequality(
        left=ValueKey(category, record["method"], record["variant"], metric),
        sign=record["sign"],
        right=right,
        margin=float(record["margin"] or 0),
        text_value=float(record["text_value"] or "nan"),
        text_place=record["text_place"],
        note=record["note"],
        elsewhere=record["elsewhere"],
    )


@dataclass(frozen=True, eq=False)
class Claims:
    """Claims of the papers, and the experiments that they are checked on; see `plan_claims`.

    Attributes
    ----------
    setting: on what.
    claims: key -> claim.
    tables: key -> its values as a table.

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
        experiments: list[Experiment] = []
        for table in self.tables.values():
            experiments += table.experiments
        return list(dict.fromkeys(experiments))

    def check(self, rows: Iterable[ExperimentResult]) -> Checked:
        """Check every claim on results; those of other experiments do not matter.

        Examples
        --------
        >>> tables.plan_claims("spade", tables.reduced()).check([]).verdicts[0].ours
        '... experiments have no row'
        """
        results = list(rows)
        verdicts = [
            _verdict(key, claim, self.tables[key], results) for key, claim in self.claims.items()
        ]
        return Checked(tuple(verdicts), self.setting)

    def __repr__(self) -> str:
        return (
            f"{len(self.claims)} claims, checked on {len(self.experiments)} experiments: "
            f"{', '.join(self.claims)}"
        )


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
    if paper not in PAPERS:
        known = ", ".join(map(repr, PAPERS))
        raise ValueError(f"expected a paper, one of {known}, {got(paper, PAPERS)}")
    stated = stated_claims(paper)
    chosen = list(stated if keys is None else keys)
    if unknown := [key for key in chosen if key not in stated]:
        known = ", ".join(map(repr, stated))
        raise ValueError(f"expected some of the claims {known}, got {unknown}")
    setting = setting or Setting()
    claims = {key: stated[key] for key in chosen}
    planned = {key: _table(key, claim.on(setting), setting, pro) for key, claim in claims.items()}
    return Claims(setting, claims, planned)


def _table(key: str, claim: Claim, setting: Setting, pro: str | None) -> Table:
    """Return the values of a claim as a table, without cells that the claim does not name."""
    name = TableName(claim.paper, key, claim.sentence, "claim")
    table = plan_rows(name, printed_values(claim.paper, claim.experiment_keys), setting, pro)
    # On other data a table gets a cell for every category, also for those not named, and cells
    # of printed values
    keys = set(claim.experiment_keys)
    cells = [cell for cell in table.cells if cell.value_key in keys]
    if not table.setting.uses_paper_data:
        cells = [cell for cell in cells if cell.data or cell.method not in OURS]
    return dataclasses.replace(table, cells=tuple(cells))


def _verdict(key: str, claim: Claim, table: Table, results: list[ExperimentResult]) -> Verdict:
    """Check a claim on our results and on the printed values."""
    cells = compare(table, results).filled
    our_values = {
        filled.cell.value_key: _our_value(filled, table.setting.uses_paper_data) for filled in cells
    }
    if any(value_key.metric == COVERING for value_key in claim.keys):
        our_values |= _covering_values()
    ours = claim.on(table.setting)
    filled_by_key = {filled.cell.value_key: filled for filled in cells}
    on_ours = [
        inequality.check(our_values, _interval(inequality, filled_by_key, table))
        for inequality in _telling(ours, filled_by_key)
    ]
    printed_value = values_by_key(claim.paper)
    on_printed = [inequality.check(printed_value) for inequality in claim.inequalities]
    used: dict[Experiment, ExperimentResult] = {}
    for filled in cells:
        used |= {result.experiment: result for result in filled.results}
    missing = len(set(table.experiments) - set(used))
    our_texts = [
        _inequality_text(ours, on_ours),
        _why_unknown(cells, our_values, missing, on_ours),
    ]
    return Verdict(
        key=key,
        claim=claim,
        verdict=claim.verdict(on_ours),
        printed=claim.verdict(on_printed),
        ours="; ".join(filter(None, our_texts)),
        paper=_inequality_text(claim, on_printed),
        source=_source(claim),
        results=tuple(used.values()),
        missing=missing,
    )


def _telling(claim: Claim, filled: Mapping[ValueKey, FilledCell]) -> list[Inequality]:
    """Return the inequalities of a claim that its results can say something of, each once.

    What a setting leaves out, such as some numbers of shots, is no part of the claim there; nor is
    a comparison of results with themselves, where one network stands for two.
    """
    telling: dict[object, Inequality] = {}
    for inequality in claim.inequalities:
        keys = (inequality.left, inequality.right)
        sides = [filled[key] for key in keys if key is not None and key in filled]
        if any(map(_is_left_out, sides)):
            continue
        compared = tuple(side.cell.experiments for side in sides)
        if len(compared) < 2 or not all(compared):
            telling[keys] = inequality
        elif compared[0] != compared[1]:
            telling.setdefault((inequality.left.metric, compared), inequality)
    return list(telling.values())


def _interval(
    inequality: Inequality, filled: Mapping[ValueKey, FilledCell], table: Table
) -> Interval | None:
    """Return the interval of left minus right; None where results have no values by image.

    Of seconds it is what `SECONDS_KNOWN_TO` leaves open.
    """
    left = filled.get(inequality.left)
    right: FilledCell | float | None = inequality.text_value
    if inequality.right is not None:
        right = filled.get(inequality.right)
    if left is None or right is None:
        return None
    if inequality.left.metric == "time_s" and isinstance(right, FilledCell):
        factor = SECONDS_KNOWN_TO
        return left.ours / factor - right.ours * factor, left.ours * factor - right.ours / factor
    if isinstance(right, FilledCell) and not right.cell.experiments:
        right = right.cell.printed  # a method that is not ours, on the paper's data
    return interval(left, right, table.stored_metric(inequality.left.metric))


def _is_left_out(filled: FilledCell) -> bool:
    return filled.cell.reason.startswith("left out")


def _our_value(filled: FilledCell, uses_paper_data: bool) -> float:
    if not filled.cell.experiments:
        # A method that is not ours: its printed value, on the paper's data alone
        return filled.cell.printed if uses_paper_data else NAN
    return NAN if filled.missing else filled.ours


def _covering_values() -> dict[ValueKey, float]:
    """Return the covering radii of the samplers on the point sets of PatchCore's Fig. 3."""
    return {
        ValueKey("", sampler, f"{points} points", COVERING): radius
        for (points, sampler), radius in covering_radii().items()
    }


def _inequality_text(claim: Claim, checked: Iterable[CheckedInequality]) -> str:
    """Return inequalities in words: "image AUROC: PatchCore 90.0 > PaDiM 80.0 ✓, > SPADE 70.0 ✓".

    Those with an unknown value are left out, but a number of the text is always named.
    """
    names = _short_names(claim)
    texts: list[str] = []
    previous_label = ""
    previous_left = ""
    for sides in checked:
        inequality = sides.inequality
        if not sides.known and inequality.right is not None:
            continue
        label = LABELS[inequality.left.metric]
        if inequality.left.category not in ("", "average"):
            label += f" of {inequality.left.category}"
        left = names[inequality.left]
        if np.isfinite(sides.left):
            left += f" {inequality.text(sides.left)}"
        right_name = "the text's" if inequality.right is None else names[inequality.right]
        right = f"{inequality.sign} {right_name} {inequality.text(sides.right)}"
        if inequality.margin:
            right += f" within {inequality.margin:g}"
        if sides.known:
            right += _mark(sides)
        # What the text before says already is not repeated
        if (label, left) == (previous_label, previous_left):
            texts[-1] += f", {right}"
        elif label == previous_label:
            texts.append(f"{left} {right}")
        else:
            texts.append(f"{label}: {left} {right}")
        previous_label = label
        previous_left = left
    return "; ".join(texts)


def _mark(sides: CheckedInequality) -> str:
    """Return the interval of the difference, where there is one, and whether it holds."""
    if sides.interval is None or set(sides.interval) == {0}:
        return f" {INEQUALITY_MARKS[sides.holds]}"
    digits = DIGITS.get(sides.inequality.left.metric, 1)
    if not any(round(limit, digits) for limit in sides.interval):
        digits += 1  # "+0.0 to +0.0" would not say on which side it is
    low, high = (f"{round(limit, digits) + 0:+.{digits}f}" for limit in sides.interval)  # no -0.0
    mark = UNDECIDED if sides.holds is None else INEQUALITY_MARKS[sides.holds]
    return f" ({low} to {high}) {mark}"


def _short_names(claim: Claim) -> dict[ValueKey, str]:
    """Return names that tell the values of a claim apart: without what all of them share."""
    keys = claim.keys
    shared: set[str] = set()
    if len(keys) > 1:
        shared = set.intersection(*(set(key.variant.split(";")) for key in keys))
    several_methods = len({key.method for key in keys}) > 1
    names = {}
    for key in keys:
        parts = [part for part in key.variant.split(";") if part and part not in shared]
        if several_methods:
            parts.insert(0, key.method)
        names[key] = ", ".join(parts) or "default"
    return names


def _source(claim: Claim) -> str:
    """Return where the printed values stand, and which of them are uncertain."""
    # Places: tables of the printed values, then sections of the text
    frame = printed_values(claim.paper, claim.experiment_keys).dropna(subset="value")
    stated = [inequality for inequality in claim.inequalities if inequality.right is None]
    places = ["text" if table == "text" else f"Table {table}" for table in frame["table"]]
    places += [inequality.text_place for inequality in stated]
    texts = [", ".join(dict.fromkeys(places))]
    for value in frame[frame["note"].str.startswith(UNCERTAIN)].itertuples():
        texts.append(f"{value.variant or value.method} {value.value:g}: {value.note}")
    texts += [f"{inequality.text_value:g}: {inequality.note}" for inequality in stated]
    return "; ".join(filter(None, texts))


def _why_unknown(
    cells: Iterable[FilledCell],
    our_values: Mapping[ValueKey, float],
    missing: int,
    checked: list[CheckedInequality],
) -> str:
    """Return why nothing, or not everything, can be said; "" where all is known."""
    if missing:
        return f"{missing} experiments have no row"
    reasons = {
        filled.cell.reason
        for filled in cells
        if np.isnan(our_values[filled.cell.value_key]) and not _is_left_out(filled)
    }
    if reasons - {""}:
        return "; ".join(sorted(reasons - {""}))
    if not checked:
        return "left out in this setting"
    if all(inequality.known for inequality in checked):
        return ""
    return "a number is not in the results, or these data have no such category"


@dataclass(frozen=True, eq=False)
class Verdict:
    """A claim with its verdicts on our results and on the printed values.

    Attributes
    ----------
    key, claim: which.
    verdict: "holds", "does not hold" or "cannot be said", of our results.
    printed: the same of the values that the paper prints; "cannot be said" where it prints too
        few.
    ours: our values, in words, and why nothing can be said.
    paper: those of the paper, in words.
    source: where these stand, and what is uncertain about them.
    rows: the results that ours rest on.
    missing: experiments without a result.
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
        KeyError: no such claim; the message lists all.
        """
        by_key = {verdict.key: verdict for verdict in self.verdicts}
        if key not in by_key:
            raise KeyError(f"expected one of {list(by_key)}, got {key!r}")
        return by_key[key]

    def __add__(self, other: Checked) -> Checked:
        """Return the claims of both, in one table."""
        return Checked((*self.verdicts, *other.verdicts), self.setting)

    def to_frame(self) -> pd.DataFrame:
        """Return a row for every claim: its place and sentence, both verdicts, and the numbers."""
        import pandas as pd

        rows = {}
        for verdict in self.verdicts:
            paths = [result.path for result in verdict.results if result.path is not None]
            rows[verdict.key] = {
                "paper": verdict.claim.paper,
                "place": verdict.claim.place,
                "claim": verdict.claim.sentence,
                "verdict": verdict.verdict,
                "ours": verdict.ours,
                "verdict on the printed numbers": verdict.printed,
                "printed": verdict.paper,
                "source": verdict.source,
                "missing": verdict.missing,
                "rows": " ".join(path.name for path in paths),
            }
        index = pd.Index(rows, name="key")
        return pd.DataFrame(list(rows.values()), index=index)

    def __repr__(self) -> str:
        lines = []
        for verdict in self.verdicts:
            claim = verdict.claim
            printed = "nothing"
            if verdict.paper:
                printed = f"{verdict.paper} ({verdict.printed}; {verdict.source})"
            lines += [
                f"{verdict.verdict.upper()}: {claim.sentence} "
                f"({PAPERS[claim.paper]}, {claim.place})",
                f"    ours:    {verdict.ours}",
                f"    printed: {printed}",
            ]
        return "\n".join([*lines, self._legend()])

    def _repr_html_(self) -> str:
        import pandas as pd

        rows = []
        for verdict in self.verdicts:
            claim = verdict.claim
            printed = _html_lines(verdict.paper)
            if verdict.paper:
                printed += f"<br><small>{html.escape(verdict.source)}</small>"
            rows.append(
                {
                    "place": f"{PAPERS[claim.paper]}, {html.escape(claim.place)}",
                    "claim": html.escape(claim.sentence),
                    "verdict": f"<b>{MARKS[verdict.verdict]} {verdict.verdict}</b>",
                    "ours": _html_lines(verdict.ours),
                    "printed": printed,
                }
            )
        cells = {
            "selector": "td",
            "props": "text-align: left; white-space: normal; vertical-align: top; padding: 4px 8px",
        }
        styled = pd.DataFrame(rows).style.hide(axis="index").set_table_styles([*STYLES, cells])
        return f"{styled.to_html()}<p style='max-width:900px'>{html.escape(self._legend())}</p>"

    def _legend(self) -> str:
        drawn = "test images" if len(self.setting.seeds) == 1 else "test images and seeds"
        drawn = "test images" if len(self.setting.seeds) == 1 else "test images and seeds"
        text = (
            "Margins are ours. In brackets: the 95 % interval of the difference, left minus right, "
            f"over {drawn} drawn with replacement. ✓ and ✗: the comparison before it is right or "
            "wrong in all of the interval; ?: in part of it; =: equal, which says nothing."
        )
        metrics = {key.metric for verdict in self.verdicts for key in verdict.claim.keys}
        if "time_s" in metrics:
            text += (
                " Our seconds are compared as if other work on the machine may have made a factor "
                "of 2 between them."
            )
        if not self.setting.uses_paper_data:
            text += (
                " The results are of other data than the paper's: what holds there need not here. "
                "What would compare one network of ours with itself is left out."
            )
        return text


def _html_lines(text: str) -> str:
    """Return a text with a line for each of its comparisons."""
    return "<br>".join(map(html.escape, text.split("; ")))
