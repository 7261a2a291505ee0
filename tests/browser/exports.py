"""Explorers of `explorer_data` and the files that they were exported to, made once in a process."""

import base64
import functools
import re
import tempfile
import zlib
from pathlib import Path

import numpy as np
from checks import EXPLORERS

from adviz import Features, PaDiM, data, explore

CODE = re.compile(r'(<script type="text/plain" id="[^"]+">)([^<]+)')  # of a page's explorers
LINKED = ["results", "thresholds", "compare"]
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


@functools.cache
def file_of_some():
    """Return a file of an explorer with images 0 and 3 alone."""
    return views()["retrieval"].export(Path(folder().name) / "some.html", images=[0, 3], k=2)


@functools.cache
def file_of_linked():
    """Return a file of linked explorers: they stand in it although one of them was exported."""
    import explorer_data

    given = explorer_data.categories, explorer_data.predictions
    linked = [getattr(explore, name)(*given) for name in LINKED]
    explore.link(*linked)
    return linked[0].export(Path(folder().name) / "linked.html", title="Three views of one thing")


@functools.cache
def file_with_photographs():
    """Return a file whose images have more pixels than the network saw."""
    rng = np.random.default_rng(0)
    whole = data.demo("mesh", geometry=data.Geometry(112))
    category = data.Category("mesh", whole.train.subset(range(6)), whole.test.subset(range(2)))
    old, new = (
        Features({"layer": rng.random((count, 4, 14, 14), np.float32)}, image_size=(112, 112))
        for count in (6, 2)
    )
    found = PaDiM(layers=("layer",)).fit(old).predict(new)
    return explore.results(category, found).export(Path(folder().name) / "photos.html", photos=True)


def with_changed_code(file, text, changed, target):
    """Write a page whose code has another text in place of one that it has; return its path."""
    found = []

    def replace(match):
        code = zlib.decompress(base64.b64decode(match[2])).decode()
        found.append(text in code)
        stored = zlib.compress(code.replace(text, changed).encode())
        return match[1] + base64.b64encode(stored).decode()

    page = CODE.sub(replace, file.read_text(encoding="utf-8"))
    assert any(found), f"no {text!r} in the code of {file}"
    target.write_text(page, encoding="utf-8")
    return target
