"""Everything about the cells of a table, as plain data: their texts, experiments and methods."""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from adviz.data import size_text
from adviz.explore.tables.shown import PENDING

if TYPE_CHECKING:
    from adviz.sweep import Experiment, ExperimentResult
    from adviz.tables import Book, Comparison, FilledCell

MIB = 2**20
COMES_WITH_ADVIZ = "comes with adviz"  # in place of a file
UNDEFINED = "undefined"  # there is no such number, and a sentence says why
SEVERAL = " / "  # between values that differ from result to result
Data = dict[str, Any]
PARTS = ("features", "fit", "predict", "forward", "evaluate")  # of an experiment's seconds


class Describer:
    """Describes the cells of one table; experiments and methods that they share are said once.

    Parameters
    ----------
    book: which knows what went wrong, and where the results are.
    comparison: the table.
    waiting: experiments that are queued.

    Attributes
    ----------
    experiments: all that the cells have, as plain data.
    methods: how experiments are done: name -> text.
    """

    def __init__(self, book: Book, comparison: Comparison, waiting: Container[Experiment]) -> None:
        self._book = book
        self._comparison = comparison
        self._waiting = waiting
        self._numbers: dict[Experiment, int] = {}
        self._printed = _printed_values(comparison)
        self.experiments: list[Data] = []
        self.methods: list[dict[str, str]] = []

    def cell(self, one: FilledCell, line: str, place: str) -> Data:
        """Return what there is to know about a cell.

        Parameters
        ----------
        one: the cell.
        line, place: what its line and its place in it are called.
        """
        printed, ours, delta = one.texts
        there = {result.experiment for result in one.results}
        errors = [
            self._book.broken[experiment]
            for experiment in one.cell.experiments
            if experiment in self._book.broken and experiment not in there
        ]
        why = last_line(errors[0]) if errors else ""
        return {
            "line": line,
            "place": place,
            "metric": one.metric,
            "printed": printed,
            "ours": ours,
            "delta": delta,
            "state": self._state(one, why),
            "theirs": not one.cell.experiments,
            "values": values_in_words(one),
            "hints": _hints(one, why),
            "remarks": self._remarks(one),
            "rows": self._rows(one),
            "method": self._method(one),
            "errors": [[last_line(text), text] for text in dict.fromkeys(errors)],
        }

    def _state(self, one: FilledCell, why: str) -> str:
        """Say what is the matter with a cell that lacks experiments, in a word."""
        if not one.cell.experiments:
            return ""
        if not one.missing:
            return "" if one.texts[1] else UNDEFINED
        if any(experiment in self._waiting for experiment in one.cell.experiments):
            return "queued"
        if why:
            return "broken"
        count = len(one.cell.experiments)
        done = count - one.missing
        return f"{done}/{count}" if done else PENDING

    def _remarks(self, one: FilledCell) -> list[str]:
        cell = one.cell
        table = self._comparison.table
        words = []
        if cell.experiments:
            definition = self._comparison.definition(cell.metric)
            words.append(f"{one.metric} of ours is {definition}.")
        if cell.reason:
            words.append(f"There is nothing of ours here: {cell.reason}.")
        if cell.note:
            sign = "* " if one.uncertain else ""
            words.append(f"{sign}The printed value: {cell.note}")
        if cell.data:
            words.append(f"These are {cell.data}: no printed value can be compared with them.")
        stored_metric = table.stored_metric(cell.metric)
        why = {result.reasons.get(stored_metric) for result in one.results}
        return words + [f"Undefined: {text}" for text in sorted(filter(None, why))]

    def _rows(self, one: FilledCell) -> list[list[Any]]:
        """Return (name, printed value, value, number of the experiment) of a cell's experiments."""
        results = {result.experiment: result for result in one.results}
        several = len({experiment.seed for experiment in one.cell.experiments}) > 1
        printed = self._printed.get(_line_of(one), {})
        rows: list[list[Any]] = []
        for experiment in one.cell.experiments:
            name = experiment.category
            if several:
                name = f"{name}, seed {experiment.seed}"
            result = results.get(experiment)
            value = ""
            if result is not None:
                value = one.cell.text(self._comparison.value(one.cell, result)) or UNDEFINED
            number = self._number(experiment, result)
            rows.append([name, printed.get(experiment.category, ""), value, number])
        return rows

    def _number(self, experiment: Experiment, result: ExperimentResult | None) -> int:
        if experiment not in self._numbers:
            self._numbers[experiment] = len(self.experiments)
            self.experiments.append(self._experiment(experiment, result))
        return self._numbers[experiment]

    def _experiment(self, experiment: Experiment, result: ExperimentResult | None) -> Data:
        comes_with_adviz = result is not None and result.path is None
        file = COMES_WITH_ADVIZ if comes_with_adviz else f"{experiment.key}.json"
        found: Data = {"key": experiment.key, "file": file}
        if result is None:
            return found | {"state": self._missing_words(experiment), "images": "", "seconds": ""}
        train, test = (result.facts.get(name, "?") for name in ("n_train", "n_test"))
        return found | {"state": "", "images": f"{train} / {test}", "seconds": _seconds(result)}

    def _missing_words(self, experiment: Experiment) -> str:
        """Say why an experiment has no value."""
        if experiment in self._waiting:
            return "queued"
        if experiment in self._book.broken:
            return f"broken: {last_line(self._book.broken[experiment])}"
        if experiment in self._book.damaged:
            return f"missing: the file cannot be used, {self._book.damaged[experiment]}"
        return "missing"

    def _method(self, one: FilledCell) -> int:
        """Return the number of how a cell's experiments are done; -1: there are none."""
        if not one.cell.experiments:
            return -1
        method = method_of(one.cell.experiments, one.results)
        if method not in self.methods:
            self.methods.append(method)
        return self.methods.index(method)


def last_line(text: str) -> str:
    """Return what a traceback ends with."""
    lines = text.strip().splitlines()
    return lines[-1] if lines else ""


def values_in_words(one: FilledCell) -> str:
    """Return printed, ours and delta, with what is said beside them."""
    printed, ours, delta = one.texts
    cell = one.cell
    words = []
    if printed:
        spread = cell.text(cell.std)
        words.append(f"printed {printed} ± {spread}" if spread else f"printed {printed}")
    if ours:
        words.append(f"ours {ours} ({one.seeds} seeds)" if one.seeds > 1 else f"ours {ours}")
    if delta:
        words.append(f"delta {delta} points" if cell.unit == "%" else f"delta {delta}")
    if not words:
        return "no value yet" if cell.experiments else "no value"
    unit = {"count": " (a count)", "%": " (values in %)"}.get(cell.unit, f" {cell.unit}")
    return " · ".join(words) + unit


def _hints(one: FilledCell, why: str) -> list[str]:
    """Return what else there is to say of a cell in few words."""
    count = len(one.cell.experiments)
    words = [
        one.cell.note,
        one.cell.reason,
        f"broken: {why}" if why else "",
        f"{one.missing} of {count} experiments missing" if one.missing else "",
    ]
    return [text for text in words if text]


def _line_of(one: FilledCell) -> tuple[str, str, str, str]:
    cell = one.cell
    return cell.dataset, cell.method, cell.variant, cell.metric


def _printed_values(comparison: Comparison) -> dict[tuple[str, ...], dict[str, str]]:
    """Return the printed values of the categories, for each line that has any."""
    values: dict[tuple[str, ...], dict[str, str]] = {}
    for one in comparison.filled:
        printed = one.texts[0]
        if printed and not one.cell.category.startswith("average"):
            values.setdefault(_line_of(one), {})[one.cell.category] = printed
    return values


def _seconds(result: ExperimentResult) -> str:
    spent = result.measured.get("seconds", {})
    return f"{sum(spent.get(part, 0.0) for part in PARTS):.1f}"


def method_of(
    experiments: Sequence[Experiment], results: Sequence[ExperimentResult]
) -> dict[str, str]:
    """Return how the experiments of a cell are done: what they are asked for, and what was found.

    Parameters
    ----------
    experiments: of the cell.
    results: those that there are.
    """
    first = experiments[0]
    changed = first.detector.differences(type(first.detector)())
    options = [f"{name}={pair[0]!r}" for name, pair in changed.items() if name != "seed"]
    said = ", ".join(options) or "none"
    networks = " + ".join(first.backbones)
    weights = "" if first.weights == "published" else ", random weights"
    size = f"{size_text(first.size)} px" if first.size else "their own size"
    lines = {
        "detector": f"{first.detector.title}; options that differ from the defaults: {said}",
        "backbone": networks + weights,
        "images": _images(first),
        "evaluated at": f"{size}; features in {first.dtype}",
        "seeds": ", ".join(str(seed) for seed in sorted({one.seed for one in experiments})),
    }
    if not results:
        return lines
    peak = max((result.measured.get("peak_bytes") or 0 for result in results), default=0)
    return lines | {
        "weights' digest": _joined(result.facts.get("digest", "") for result in results),
        "machine": _joined(_machine(result) for result in results),
        "peak memory": f"{peak / MIB:.0f} MiB",
        "versions": _joined(_versions(result) for result in results),
    }


def _images(experiment: Experiment) -> str:
    geometry = experiment.geometry
    words = [
        f"{experiment.data}, {size_text(geometry.resized)} → {size_text(geometry.size)} px",
        "cropped" if geometry.crop else "",
        f"one test image in {experiment.every}" if experiment.every > 1 else "",
        f"{experiment.shots} shots" if experiment.shots else "",
    ]
    return ", ".join(filter(None, words))


def _machine(result: ExperimentResult) -> str:
    machine = result.measured.get("machine", {})
    threads = result.measured.get("threads")
    words = [
        machine.get("processor"),
        machine.get("gpu"),
        f"{machine['cores']} cores" if machine.get("cores") else "",
        f"{threads} thread(s)" if threads else "",
    ]
    return ", ".join(filter(None, words))


def _versions(result: ExperimentResult) -> str:
    versions = result.measured.get("versions", {})
    return ", ".join(f"{name} {text}" for name, text in versions.items())


def _joined(texts: Iterable[str]) -> str:
    return SEVERAL.join(filter(None, dict.fromkeys(texts)))
