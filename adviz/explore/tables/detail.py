"""Everything about one cell of a table, as HTML.

Its value, its experiments, and how they were done.
"""

from __future__ import annotations

import html
from collections.abc import Container, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from adviz.data import size_text
from adviz.explore.kit import markup
from adviz.explore.tables.layout import last_line

if TYPE_CHECKING:
    from adviz.sweep import Experiment, ExperimentResult
    from adviz.tables import Book, Comparison, FilledCell

MIB = 2**20
SEVERAL = " / "  # between values that differ from row to row


def detail(
    book: Book, comparison: Comparison, one: FilledCell, name: str, waiting: Container[Experiment]
) -> str:
    """Return a page about a cell.

    Parameters
    ----------
    book: which knows what went wrong, and where the rows are.
    comparison, one, name: the table, the cell, and what it is called.
    waiting: experiments that are queued.
    """
    parts = [f"<div><b>{html.escape(name)}</b>: {html.escape(_values(one))}</div>"]
    parts += [f"<div>{html.escape(text)}</div>" for text in _remarks(comparison, one)]
    if one.cell.experiments:
        table = _experiments(book, comparison, one, waiting)
        box = f"<div style='max-height:300px;overflow:auto'>{table}</div>"
        parts.append(markup.row([box, _how(one, book.folder)], gap=28))
    there = {row.experiment for row in one.results}
    errors = (book.broken[e] for e in one.cell.experiments if e in book.broken and e not in there)
    parts += [
        f"<details><summary>broken: {html.escape(last_line(text))}</summary>"
        f"<pre style='white-space:pre-wrap'>{html.escape(text)}</pre></details>"
        for text in dict.fromkeys(errors)
    ]
    return f"<div class='adviz-small'>{''.join(parts)}</div>"


def _values(one: FilledCell) -> str:
    """Return printed, ours and delta, with what is said beside them."""
    printed, ours, delta = one.texts
    cell, words = one.cell, []
    if printed:
        words.append(
            f"printed {printed}" + (f" ± {cell.text(cell.std)}" if cell.text(cell.std) else "")
        )
    if ours:
        words.append(f"ours {ours}" + (f" ({one.seeds} seeds)" if one.seeds > 1 else ""))
    if delta:
        words.append(f"delta {delta}" + (" points" if cell.unit == "%" else ""))
    unit = {"count": " (a count)", "%": " (values in %)"}.get(cell.unit, f" {cell.unit}")
    return " · ".join(words) + (
        unit if words else "no value yet" if cell.experiments else "no value"
    )


def _remarks(comparison: Comparison, one: FilledCell) -> list[str]:
    cell = one.cell
    words = [
        f"{one.metric} of ours is {comparison.definition(cell.metric)}." if cell.experiments else ""
    ]
    if cell.reason:
        words.append(f"There is nothing of ours here: {cell.reason}.")
    if cell.note:
        words.append(("* " if one.uncertain else "") + f"The printed value: {cell.note}")
    if cell.experiments and not comparison.table.setting.uses_paper_data:
        words.append(
            "These are other data than the paper's: there is no printed value to compare with."
        )
    stored_metric = comparison.table.stored_metric(cell.metric)
    why = {row.reasons.get(stored_metric) for row in one.results}
    words += [f"Undefined: {text}" for text in sorted(filter(None, why))]
    return list(filter(None, words))


def _state(book: Book, one: Experiment, waiting: Container[Experiment]) -> str:
    """Say why an experiment has no value."""
    if one in waiting:
        return "queued"
    if one in book.broken:
        return f"broken: {last_line(book.broken[one])}"
    return (
        f"missing: the file cannot be used, {book.damaged[one]}"
        if one in book.damaged
        else "missing"
    )


def _experiments(
    book: Book, comparison: Comparison, one: FilledCell, waiting: Container[Experiment]
) -> str:
    """Return a table of a cell's experiments: what each found, and its file."""
    printed, rows = _printed(comparison, one), {row.experiment: row for row in one.results}
    several = len({e.seed for e in one.cell.experiments}) > 1
    lines: dict[str, list[str]] = {}
    for experiment in one.cell.experiments:
        category, row = experiment.category, rows.get(experiment)
        if row is None:
            found = [_state(book, experiment, waiting), "", "", f"{experiment.key}.json"]
        else:
            value = one.cell.text(comparison.value(one.cell, row)) or "undefined"
            images = f"{row.facts.get('n_train', '?')} / {row.facts.get('n_test', '?')}"
            found = [value, images, _seconds(row), row.path.name if row.path is not None else ""]
        lines[f"{category}, seed {experiment.seed}" if several else category] = [
            printed.get(category, ""),
            *found,
        ]
    columns = ["printed", "ours", "train / test", "seconds", "result file"]
    first = 0 if printed else 1
    return markup.table({name: texts[first:] for name, texts in lines.items()}, columns[first:])


def _printed(comparison: Comparison, one: FilledCell) -> dict[str, str]:
    """Return the printed values of the categories in a cell's line, where the paper prints any."""
    cell = one.cell
    line = (cell.dataset, cell.method, cell.variant, cell.metric)
    there = [
        f
        for f in comparison.filled
        if (f.cell.dataset, f.cell.method, f.cell.variant, f.cell.metric) == line
    ]
    return {
        f.cell.category: f.texts[0]
        for f in there
        if f.texts[0] and not f.cell.category.startswith("average")
    }


def _seconds(row: ExperimentResult) -> str:
    spent = row.measured.get("seconds", {})
    whole = sum(
        spent.get(part, 0.0) for part in ("features", "fit", "predict", "forward", "evaluate")
    )
    return f"{whole:.1f}"


def _how(one: FilledCell, folder: Path) -> str:
    """Return how the experiments of a cell are done.

    What their rows say, and what they are asked for.
    """
    first, rows = one.cell.experiments[0], one.results
    changed = first.detector.differences(type(first.detector)())
    options = ", ".join(f"{name}={pair[0]!r}" for name, pair in changed.items() if name != "seed")
    size = f"{size_text(first.size)} px" if first.size else "their own size"
    seeds = sorted({e.seed for e in one.cell.experiments})
    peak = max((row.measured.get("peak_bytes") or 0 for row in rows), default=0)
    lines = {
        "detector": f"{first.detector.title}; "
        f"options that differ from the defaults: {options or 'none'}",
        "backbone": " + ".join(first.backbones)
        + ("" if first.weights == "published" else ", random weights"),
        "weights' digest": _joined(row.facts.get("digest", "") for row in rows),
        "images": f"{first.data}, {size_text(first.geometry.resized)} → "
        f"{size_text(first.geometry.size)} px"
        + (", cropped" if first.geometry.crop else "")
        + (f", one test image in {first.every}" if first.every > 1 else "")
        + (f", {first.shots} shots" if first.shots else ""),
        "evaluated at": f"{size}; features in {first.dtype}",
        "seeds": ", ".join(map(str, seeds)),
        "machine": _joined(_machine(row) for row in rows),
        "peak memory": f"{peak / MIB:.0f} MiB",
        "versions": _joined(_versions(row) for row in rows),
        "results are in": str(folder),
    }
    measured = ("weights' digest", "machine", "peak memory", "versions")
    shown = {name: text for name, text in lines.items() if rows or name not in measured}
    body = "".join(
        "<tr><th style='text-align:left;vertical-align:top;padding:1px 12px 1px "
        "0;white-space:nowrap'>"
        f"{html.escape(name)}</th><td "
        f"style='text-align:left;overflow-wrap:anywhere'>{html.escape(text)}</td></tr>"
        for name, text in shown.items()
    )
    return (
        f"<div style='flex:1 1 340px;min-width:0'><table class='adviz-numbers'>{body}</table></div>"
    )


def _machine(row: ExperimentResult) -> str:
    machine = row.measured.get("machine", {})
    cores = f"{machine['cores']} cores" if machine.get("cores") else ""
    threads = f"{row.measured['threads']} thread(s)" if row.measured.get("threads") else ""
    return ", ".join(filter(None, [machine.get("processor"), machine.get("gpu"), cores, threads]))


def _versions(row: ExperimentResult) -> str:
    return ", ".join(f"{name} {text}" for name, text in row.measured.get("versions", {}).items())


def _joined(texts: Iterable[str]) -> str:
    return SEVERAL.join(filter(None, dict.fromkeys(texts)))
