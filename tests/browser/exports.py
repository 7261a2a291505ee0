"""Explorers of `explorer_data` and the files that they were exported to, made once in a process."""

import functools
import tempfile
from pathlib import Path

from checks import EXPLORERS

from adviz import explore

GATE = {"SPADE": 0.25}  # seconds of an image in the second stage


@functools.cache
def views():
    """Return the explorers of one source, by name."""
    import explorer_data  # takes seconds

    given = explorer_data.categories, explorer_data.predictions
    return {name: getattr(explore, name)(*given, **options(name)) for name in EXPLORERS}


def options(name):
    return {"gate": GATE} if name == "thresholds" else {}


@functools.cache
def folder():
    """Return a folder that lives as long as the process."""
    return tempfile.TemporaryDirectory(prefix="adviz-exported-")


@functools.cache
def file_of(name):
    """Return the file of an explorer alone."""
    return views()[name].export(Path(folder().name) / f"{name}.html")


@functools.cache
def file_of_all():
    """Return a file that holds all explorers, without links between them."""
    return explore.export(Path(folder().name) / "all.html", list(views().values()))
