"""What stands in the cells of a table on the page, and its legend."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from adviz.tables import Comparison, Layout

BOTH, OURS, DELTA = "printed | ours", "ours", "delta"
SHOWS = (BOTH, OURS, DELTA)
NOTHING = "-"
PENDING = "…"  # being computed, or still to be done


def texts_of(cell: Mapping[str, Any], shows: str) -> tuple[str, str]:
    """Return the two texts of a cell that `cells.described` made: tables.js has its twin.

    Parameters
    ----------
    cell: of the table's part.
    shows: "printed | ours", "ours" or "delta".
    """
    printed = cell["printed"] if shows == BOTH else ""
    if cell["theirs"]:
        return (printed if shows == BOTH else NOTHING), ""
    ours = f"{cell['ours']} {cell['state']}".strip()
    if shows == DELTA:
        ours = cell["delta"] or (NOTHING if cell["ours"] else cell["state"])
    return printed, ours


def legend(
    layout: Layout, comparison: Comparison, shows: str, cells: Sequence[Mapping[str, Any]]
) -> str:
    """Say what stands in the cells, what every metric is, and what the signs mean.

    Parameters
    ----------
    layout, comparison: the table.
    shows: "printed | ours", "ours" or "delta".
    cells: those of the layout, as `cells.described` made them.
    """
    lines = [_shown_words(layout, comparison, shows)]
    named = {one.metric: one.cell.metric for one in comparison.filled}
    lines += [f"{name}: {comparison.definition(metric)}" for name, metric in named.items()]
    shown = [texts_of(one, shows) for one in cells]
    if any(first.endswith("*") for first, _ in shown):
        lines.append("*: the printed value is uncertain, its note is in the cell's detail")
    if comparison.table.setting.uses_paper_data and any(one["theirs"] for one in cells):
        lines.append("Grey and slanted: nothing of ours")
    if stand_ins := comparison.stand_ins:
        lines.append(f"Networks: {', '.join(stand_ins)}")
    if layout.hidden:
        lines.append(f"{layout.hidden} methods that are not ours are not shown")
    if any(PENDING in second for _, second in shown):
        lines.append(f"{PENDING}: still to be done")
    if any("/" in second for _, second in shown):
        lines.append("2/15: experiments of the cell that are done")
    return ". ".join(lines) + "."


def _shown_words(layout: Layout, comparison: Comparison, shows: str) -> str:
    if not comparison.table.setting.uses_paper_data:
        return "Printed values are the paper's, on its data; ours are of other images"
    if shows == OURS:
        return "Ours"
    if shows == DELTA:
        return "Ours - printed"
    return "Printed above ours" if layout.stacked else "Printed | ours"
