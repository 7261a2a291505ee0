"""What the data sets of experiments lack, in words, before anything is computed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from adviz.data import (
    Missing,
    labelled_test_frames,
    magnetic_tile,
    missing_from_category,
    missing_from_test,
    training_clips,
)
from adviz.sweep.experiment import Experiment
from adviz.sweep.sources import DEMO, MAGNETIC_TILES, ONE_CLASS, SHANGHAITECH, folder_of, load

# (data set, category) -> what it lacks; complete categories do not occur
MissingData = Mapping[tuple[str, str], Sequence[Missing]]


def missing_data(experiments: Iterable[Experiment], root: str | Path | None = None) -> MissingData:
    """Return what the data sets of experiments lack; no image is read, no video decoded.

    In MVTec-style trees these are categories, folders, good and defective test images, masks, and
    in the categories of MVTec AD files whose number is left out; in other trees whatever stops
    their reader, and masks.

    Parameters
    ----------
    experiments: their data sets and categories count.
    root: folder of the data sets; None = what ``$ADVIZ_DATA`` names, or ``./data``.

    Returns
    -------
    (data set, category) -> what is missing, with whether it stops the category (else metrics are
    undefined, or images are fewer). Complete categories do not occur.

    Examples
    --------
    >>> from adviz import DN2
    >>> sweep.missing_data(sweep.grid("demo", ["hex_nut"], [DN2()]))
    {}
    >>> missing = sweep.missing_data(sweep.grid("mvtec", ["cable"], [DN2()]), root="data")
    >>> missing["mvtec", "cable"][0].stops
    True
    """
    by_files: dict[tuple[str, str], Experiment] = {}
    for experiment in experiments:
        category = experiment.category
        if experiment.data in ONE_CLASS:
            category = ""  # all classes are in the same files, so that one of them is enough
        if experiment.data != DEMO:
            by_files.setdefault((experiment.data, category), experiment)
    missing = {}
    for experiment in by_files.values():
        items = _missing(experiment, None if root is None else Path(root))
        if items:
            missing[experiment.data, experiment.category] = items
    return missing


def _missing(experiment: Experiment, root: Path | None) -> list[Missing]:
    dataset = experiment.data
    folder = folder_of(dataset, root)
    try:
        if dataset in ONE_CLASS:
            load(experiment, root)
            return []
        if dataset in SHANGHAITECH:
            training_clips(folder, experiment.category)
            test = labelled_test_frames(folder, experiment.category)
        elif dataset == MAGNETIC_TILES:
            test = magnetic_tile(folder).test
        else:
            return missing_from_category(folder / experiment.category)
    except (OSError, ValueError) as error:
        return [Missing(f"readable images ({error})", stops=True)]
    return [Missing(what) for what in missing_from_test(test, "good images", "masks")]


def in_sentences(missing: MissingData) -> list[str]:
    """Return a sentence on data that are incomplete, and one on metrics that are undefined.

    Categories that lack the same are named together.
    """
    categories: dict[tuple[bool, str, str], list[str]] = {}
    for (dataset, category), items in missing.items():
        for item in items:
            key = (item.optional, dataset, item.what)
            categories.setdefault(key, []).append(category)
    sentences = []
    for optional, start in ((False, "data incomplete"), (True, "some metrics are undefined")):
        phrases = [
            f"{dataset}: no {what} of {listed(names)}"
            for (is_optional, dataset, what), names in categories.items()
            if is_optional == optional
        ]
        if phrases:
            sentences.append(f"{start}: {'; '.join(phrases)}")
    return sentences


def listed(names: Sequence[str], most: int = 15) -> str:
    """Return names with commas, the first few of many."""
    text = ", ".join(names[:most])
    if len(names) > most:
        text += f", ... ({len(names)} in all)"
    return text
