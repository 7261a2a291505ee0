"""Remarks below a table: protocols, constants, and data that are incomplete or not the paper's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from adviz.sweep import MVTEC_AD, Experiment, Gap, Row, listed
from adviz.sweep import remarks as gap_remarks
from adviz.tables.methods import departures
from adviz.tables.paper_values import DIFFERS
from adviz.tables.setting import NO_PROTOCOL, PROTOCOLS
from adviz.tables.table import Cell

NAMED = 3  # categories that a sentence names of many


def remarks(
    cells: Iterable[Cell],
    results: Mapping[Experiment, Row],
    broken: Mapping[Experiment, str],
    gaps: Sequence[Gap],
) -> list[str]:
    """Return sentences on protocols, constants, data and experiments of a table, for its legend.

    Parameters
    ----------
    cells: of the table; gaps in data that it does not need are left out.
    results, broken, gaps: from a `sweep.Report`.
    """
    cells = list(cells)
    filled = [cell for cell in cells if cell.experiments]
    # Repeated sentences are dropped at the end
    texts = [PROTOCOLS[cell.dataset] for cell in filled if cell.dataset in PROTOCOLS]
    texts += [departures(cell.method, cell.metric, cell.experiments[0].detector) for cell in filled]
    texts += [
        f"{cell.method}, {cell.unit}: {cell.note.removeprefix(DIFFERS).strip()}"
        for cell in filled
        if cell.note.startswith(DIFFERS)
    ]
    texts += [
        cell.reason
        for cell in cells
        if cell.reason in NO_PROTOCOL.values() and not np.isnan(cell.printed)
    ]
    experiments: set[Experiment] = set()
    for cell in cells:
        experiments |= set(cell.experiments)
    # Gaps in data of other tables are none of this one's
    data = {(experiment.data, experiment.category) for experiment in experiments}
    texts += gap_remarks([gap for gap in gaps if (gap.data, gap.category) in data])
    if n_broken := len(experiments & set(broken)):
        texts.append(
            f"{n_broken} of {len(experiments)} experiments are broken, see the notes and the "
            "report of the run"
        )
    if images := _other_images(cells, results):
        texts.append(f"these are not all images of the paper, or others: {listed(images, NAMED)}")
    return list(dict.fromkeys(filter(None, texts)))


def _other_images(cells: Iterable[Cell], results: Mapping[Experiment, Row]) -> list[str]:
    """Return how the results behind printed values differ in images from MVTec AD, each once."""
    compared: list[Experiment] = []
    for cell in cells:
        if cell.dataset == "mvtec_ad" and not np.isnan(cell.printed):
            compared += cell.experiments
    texts = [
        _image_difference(results[experiment])
        for experiment in dict.fromkeys(compared)
        if experiment in results
    ]
    return list(dict.fromkeys(filter(None, texts)))


def _image_difference(result: Row) -> str:
    """Return how the numbers of images differ from MVTec AD's, or ""."""
    experiment = result.experiment
    published = MVTEC_AD.get(experiment.category)
    if published is None or not {"n_train", "n_test"} <= result.facts.keys():
        return ""
    n_train = result.facts["n_train"]
    n_test = result.facts["n_test"]
    # A row with few shots has its own number of training images
    published_test = published.good + published.defective
    if (n_train, n_test) == (experiment.shots or published.train, published_test):
        return ""
    return (
        f"{experiment.category} has {n_train} + {n_test} (training + test) "
        f"instead of {published.train} + {published_test}"
    )
