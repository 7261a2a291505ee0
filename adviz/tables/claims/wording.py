"""The numbers of a claim in words, as short as they can be told apart."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from adviz.tables.claims.stated import Claim, Computed, Number, Relation, Side, Stated
from adviz.tables.filled import LABELS

# Of what is shown; others 1
DIGITS = {"time_s": 3, "memory_mb": 0, "misclassified": 0, "full_recall": 0}
PLANE_DIGITS = 2
SIGNS = {"above": ">", "below": "<", "about": "≈", "at least": "≥"}
MARKS = {True: "✓", False: "✗", None: "="}
DEFAULT = "default"
TEXT = "the text's"


@dataclass(frozen=True)
class Compared:
    """A relation with its two numbers, and what it comes to: None = cannot be said, for they are equal or unknown."""

    relation: Relation
    left: float
    right: float
    verdict: bool | None

    @property
    def known(self) -> bool:
        """Whether there are both numbers."""
        return bool(np.isfinite([self.left, self.right]).all())


def compared(relation: Relation, left: float, right: float) -> Compared:
    """Compare two numbers; those that are equal to the digit that is shown are neither above nor below."""
    if np.isnan(left) or np.isnan(right):
        return Compared(relation, left, right, None)
    if relation.kind == "about":
        return Compared(relation, left, right, bool(abs(left - right) <= relation.margin + 1e-9))
    if relation.kind == "at least":
        return Compared(relation, left, right, bool(left >= right - relation.margin - 1e-9))
    if shown(relation, left) == shown(relation, right):
        return Compared(relation, left, right, None)
    return Compared(relation, left, right, (left > right) == (relation.kind == "above"))


def shown(relation: Relation, value: float) -> str:
    """Return a number with the digits of its metric."""
    if isinstance(relation.left, Computed):
        return f"{value:.{PLANE_DIGITS}f}"
    digits = DIGITS.get(relation.left.metric, 1) if isinstance(relation.left, Number) else 1
    return f"{value:.{digits}f}"


def described(claim: Claim, figures: Iterable[Compared]) -> str:
    """Return relations whose numbers are known in words: "image AUROC: PatchCore ... > PaDiM ... ✓, > SPADE ...".

    A number of the text alone is told even where the other one is not known.
    """
    words: list[str] = []
    before: tuple[str, str] = "", ""
    for one in figures:
        stated = isinstance(one.relation.right, Stated) and np.isfinite(one.right)
        if not one.known and not stated:
            continue
        label, left = _label(one.relation), _name(one.relation.left, claim)
        first = f"{left} {shown(one.relation, one.left)}" if np.isfinite(one.left) else left
        second = f"{SIGNS[one.relation.kind]} {_name(one.relation.right, claim)} {shown(one.relation, one.right)}"
        margin = f" within {one.relation.margin:g}" if one.relation.margin else ""
        mark = f" {MARKS[one.verdict]}" if one.known else ""
        if (label, first) == before:
            words[-1] += f", {second}{margin}{mark}"
        else:
            head = f"{label}: " if label and label != before[0] else ""
            words.append(f"{head}{first} {second}{margin}{mark}")
        before = label, first
    return "; ".join(words)


def numbers(claim: Claim) -> list[Number]:
    """Return all numbers of a claim that rows may have, each once."""
    sides = [side for one in claim.relations for side in (one.left, one.right)]
    return list(dict.fromkeys(side for side in sides if isinstance(side, Number)))


def _label(relation: Relation) -> str:
    """Return what is compared: the metric, and the category if it is one."""
    left = relation.left
    if not isinstance(left, Number):
        return "covering radius"
    where = f" of {left.category}" if left.category not in ("", "average") else ""
    return f"{LABELS[left.metric]}{where}"


def _name(side: Side, claim: Claim) -> str:
    if isinstance(side, Stated):
        return TEXT
    if isinstance(side, Computed):
        return side.name
    every = numbers(claim)
    several = len({one.method for one in every}) > 1
    common = set.intersection(*(_parts(one) for one in every)) if len(every) > 1 else set()
    kept = [part for part in side.variant.split(";") if part and part not in common]
    return ", ".join([*([side.method] if several else []), *kept]) or DEFAULT


def _parts(one: Number) -> set[str]:
    return set(one.variant.split(";"))
