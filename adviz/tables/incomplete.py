"""What a comparison has to say of data that are incomplete, or are not the paper's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from adviz.data import published_counts
from adviz.sweep import Experiment, ExperimentResult, MissingData, in_sentences, listed
from adviz.tables.methods import departures
from adviz.tables.printed import DIFFERS
from adviz.tables.setting import NO_PROTOCOL, PROTOCOLS
from adviz.tables.table import Cell

# Metric of a table -> metric of a row, where they differ
KEPT_UNDER = {"misclassified": "false_positives"}
NAMED = 3  # categories that a sentence names of many


def why_nothing(
    cell: Cell, pro: str, rows: Iterable[ExperimentResult], broken: Mapping[Experiment, str]
) -> str:
    """Return why a cell has no number, though experiments were tried; "" where none was, or where all is well."""
    name = KEPT_UNDER.get(cell.metric, pro if cell.metric == "pro" else cell.metric)
    words = {row.experiment.category: row.reasons[name] for row in rows if name in row.reasons}
    words |= {
        one.category: broken[one].splitlines()[-1] for one in cell.experiments if one in broken
    }
    return "; ".join(f"{category}: {text}" for category, text in words.items())


def remarks(
    cells: Iterable[Cell],
    known: Mapping[Experiment, ExperimentResult],
    broken: Mapping[Experiment, str],
    missing_data: MissingData,
) -> list[str]:
    """Return sentences on protocols, constants, data and experiments of a table, for its legend.

    Parameters
    ----------
    cells: of the table; missing data that it does not need are left out.
    known, broken, missing_data: from a `sweep.Report`.
    """
    cells = tuple(cells)
    wanted = {one for cell in cells for one in cell.experiments}
    pairs = {(one.data, one.category) for one in wanted}
    words = list(
        dict.fromkeys(
            PROTOCOLS[c.dataset] for c in cells if c.dataset in PROTOCOLS and c.experiments
        )
    )
    said_of = (
        departures(c.method, c.metric, c.experiments[0].detector) for c in cells if c.experiments
    )
    words += list(dict.fromkeys(filter(None, said_of)))
    words += list(
        dict.fromkeys(_difference(c) for c in cells if c.experiments and c.note.startswith(DIFFERS))
    )
    words += list(
        dict.fromkeys(
            c.reason for c in cells if c.reason in NO_PROTOCOL.values() and c.printed == c.printed
        )
    )
    words += in_sentences({pair: what for pair, what in missing_data.items() if pair in pairs})
    if failed := len(wanted & set(broken)):
        words.append(
            f"{failed} of {len(wanted)} experiments are broken, see the notes and the report of the run"
        )
    printed = [cell for cell in cells if cell.dataset == "mvtec_ad" and not np.isnan(cell.printed)]
    used = dict.fromkeys(one for cell in printed for one in cell.experiments if one in known)
    other = dict.fromkeys(text for one in used if (text := _other_images(known[one])))
    if other:
        words.append(
            f"these are not all images of the paper, or others: {listed(list(other), NAMED)}"
        )
    return words


def _difference(cell: Cell) -> str:
    return f"{cell.method}, {cell.unit}: {cell.note.removeprefix(DIFFERS).strip()}"


def _other_images(row: ExperimentResult) -> str:
    """Return how numbers of images differ from MVTec AD's; "" where they do not."""
    one = row.experiment
    counts = published_counts("MVTec AD", one.category)
    if not counts or not {"n_train", "n_test"} <= row.facts.keys():
        return ""
    n_train = row.facts["n_train"]
    n_test = row.facts["n_test"]
    published_test = counts["test good"] + counts["test defective"]
    if (n_train, n_test) == (one.shots or counts["train"], published_test):
        return ""
    return (
        f"{one.category} has {n_train} + {n_test} (training + test) instead of "
        f"{counts['train']} + {published_test}"
    )
