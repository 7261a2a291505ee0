"""The papers' claims in our words, each as comparisons of numbers; no number of a paper is written here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

MARGIN = 1.0  # percentage points (ours): what "about as good" means
WIDE_MARGIN = 5.0  # percentage points (ours): where a paper says "almost"
Kind = Literal["above", "below", "about", "at least"]


@dataclass(frozen=True)
class Number:
    """A number that rows and maybe the paper's tables have: line, metric and category, as in `adviz.reference`."""

    method: str
    variant: str
    metric: str
    category: str = "average"


@dataclass(frozen=True)
class Stated:
    """A number that stands in the paper's text alone: its name in ``adviz/tables/reference/claims.csv``."""

    name: str


@dataclass(frozen=True)
class Computed:
    """A number that no experiment is needed for."""

    name: str
    function: Callable[[], float]


Side = Number | Stated | Computed


@dataclass(frozen=True)
class Relation:
    """What is said of two numbers: left is above, below, about (within the margin) or at least (less it) right."""

    left: Side
    kind: Kind
    right: Side
    margin: float = 0.0


@dataclass(frozen=True)
class Claim:
    """A sentence of a paper.

    Attributes
    ----------
    paper, place: where it stands.
    sentence: in our words.
    relations: what it comes to in numbers.
    any: whether one relation that holds is enough ("sometimes"); otherwise all must.
    """

    paper: str
    place: str
    sentence: str
    relations: tuple[Relation, ...]
    any: bool = False


SHOTS = (1, 2, 5, 10, 16, 20, 50)
ALL = ("image_auroc", "pixel_auroc", "pro")


def core(variant: str, metric: str = "image_auroc") -> Number:
    """Return a number of PatchCore; counts and times are of the whole data set."""
    return Number("PatchCore", variant, metric, "" if metric in WHOLE else "average")


WHOLE = ("misclassified", "full_recall", "time_s", "memory_mb")


def of(method: str, variant: str = "", metric: str = "image_auroc") -> Number:
    """Return a number of another method."""
    return Number(method, variant, metric, "" if metric in WHOLE else "average")


def above(left: Side, *right: Side) -> tuple[Relation, ...]:
    """Return that left is above each of the others."""
    return tuple(Relation(left, "above", one) for one in right)


def below(left: Side, *right: Side) -> tuple[Relation, ...]:
    """Return that left is below each of the others."""
    return tuple(Relation(left, "below", one) for one in right)


def about(left: Side, right: Side, margin: float = MARGIN) -> tuple[Relation, ...]:
    """Return that two numbers differ by no more than a margin."""
    return (Relation(left, "about", right, margin),)


def at_least(left: Side, right: Side, margin: float = MARGIN) -> tuple[Relation, ...]:
    """Return that left is no more than a margin below right."""
    return (Relation(left, "at least", right, margin),)
