"""Remarks below a table: protocols, constants, and data that are incomplete or not the paper's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from adviz.data import published_counts
from adviz.sweep import Experiment, ExperimentResult, MissingData, in_sentences, listed
from adviz.tables.methods import departures
from adviz.tables.paper_values import DIFFERS
from adviz.tables.setting import CLASSES_UNKNOWN, ONE_CLASS, PROTOCOLS
from adviz.tables.table import Cell

NAMED = 3  # categories that a sentence names of many


def remarks(
    cells: Iterable[Cell],
    results: Mapping[Experiment, ExperimentResult],
    broken: Mapping[Experiment, str],
    missing_data: MissingData,
) -> list[str]:
    """Return sentences on protocols, constants, data and experiments of a table, for its legend.

    Parameters
    ----------
    cells: of the table; missing data that it does not need are left out.
    results, broken, missing_data: from a `sweep.Report`.
    """
    cells = list(cells)
    filled = [cell for cell in cells if cell.experiments]
    # Repeated sentences are dropped at the end
    texts = [PROTOCOLS[cell.dataset] for cell in filled if cell.dataset in PROTOCOLS]
    texts += [departures(cell.method, cell.metric, cell.experiments[0].detector) for cell in filled]
    texts += [
        f"{cell.method}, {cell.unit}: {cell.note.removeprefix(DIFFERS).strip()}"
        for cell in cells
        if cell.note.startswith(DIFFERS)
    ]
    texts += [
        cell.reason
        for cell in cells
        if cell.reason in CLASSES_UNKNOWN.values() and not np.isnan(cell.printed)
    ]
    experiments: set[Experiment] = set()
    for cell in cells:
        experiments |= set(cell.experiments)
    texts += _fewer_images(experiments)
    # Gaps in data of other tables are none of this one's
    data = {(experiment.data, experiment.category) for experiment in experiments}
    texts += in_sentences({pair: items for pair, items in missing_data.items() if pair in data})
    if n_broken := len(experiments & set(broken)):
        texts.append(
            f"{n_broken} of {len(experiments)} experiments are broken, see the notes and the "
            "report of the run"
        )
    if images := _other_images(cells, results):
        texts.append(f"these are not all images of the paper, or others: {listed(images, NAMED)}")
    return list(dict.fromkeys(filter(None, texts)))


def _fewer_images(experiments: Iterable[Experiment]) -> list[str]:
    """Return how many images of the one-class data sets are used, where it is not all of them."""
    texts = set()
    for experiment in experiments:
        if experiment.data in ONE_CLASS and (experiment.shots or experiment.every > 1):
            train = "all" if experiment.shots is None else f"{experiment.shots} drawn"
            test = "all" if experiment.every == 1 else f"one in {experiment.every}"
            texts.add(f"{experiment.data}: {train} training images of a class, {test} for testing")
    return sorted(texts)


def _other_images(
    cells: Iterable[Cell], results: Mapping[Experiment, ExperimentResult]
) -> list[str]:
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


def _image_difference(result: ExperimentResult) -> str:
    """Return how the numbers of images differ from MVTec AD's, or ""."""
    experiment = result.experiment
    published = published_counts("MVTec AD", experiment.category)
    if not published or not {"n_train", "n_test"} <= result.facts.keys():
        return ""
    n_train = result.facts["n_train"]
    n_test = result.facts["n_test"]
    # A row with few shots has its own number of training images
    published_test = published["test good"] + published["test defective"]
    if (n_train, n_test) == (experiment.shots or published["train"], published_test):
        return ""
    return (
        f"{experiment.category} has {n_train} + {n_test} (training + test) "
        f"instead of {published['train']} + {published_test}"
    )
