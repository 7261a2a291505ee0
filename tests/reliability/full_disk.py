"""Does on a disk of 600 kB what needs more; a program of its own, run by test_disks.py.

It is told the disk, which its caller has mounted where nobody else sees it. A write to a mapped
file that finds no room kills a process, so each thing is done in a child of its own, forked before
torch starts any thread.
"""

import json
import os
import sys
import tempfile
import traceback
import warnings
from pathlib import Path

import numpy as np
import torch
from conditions import small_features
from torch import nn

from adviz import DN2, Backbone, ReverseDistillation
from adviz._support import atomic_files as storage
from adviz._support.atomic_files import replace_file
from adviz.data import Split
from adviz.explore.thresholds.tags import Tag, read_tags, write_tags
from adviz.sweep import Experiment, ExperimentResult
from adviz.sweep.results import write

# 2 MB of features
IMAGES = np.random.default_rng(0).integers(0, 255, (8, 64, 64, 3), dtype=np.uint8)


def network():
    torch.manual_seed(0)
    return Backbone(nn.Sequential(nn.Conv2d(3, 16, 3, padding=1)), layers=["0"])


def fill(disk):
    """Leave a few kilobytes on the disk, and return the file that takes the rest."""
    free = os.statvfs(disk).f_bavail * os.statvfs(disk).f_bsize
    (disk / "ballast").write_bytes(bytes(free - 8192))
    return disk / "ballast"


def features_in_a_folder(disk):
    network().extract(IMAGES, out=disk / "features")


def features_in_a_temporary_file(disk):
    tempfile.tempdir, storage.IN_MEMORY = str(disk), 0
    network().extract(IMAGES, cache=False)


def features_in_the_cache(disk):
    found = network().extract(Split.from_arrays(IMAGES, [0] * 8), cache=disk / "cache")["0"]
    np.testing.assert_array_equal(
        found, network().extract(Split.from_arrays(IMAGES, [0] * 8), cache=False)["0"]
    )
    (disk / "cache" / "features").rmdir()  # nothing is left in it
    (disk / "cache").rmdir()


def a_checkpoint(disk):
    train, options = (
        small_features(6),
        {"layers": (4, 8, 16), "epochs": 2, "student": "small", "width": 0.25},
    )
    ballast = fill(disk)
    found = ReverseDistillation(**options, checkpoint=disk / "student.safetensors").fit(train)
    ballast.unlink()
    np.testing.assert_array_equal(found.losses_, ReverseDistillation(**options).fit(train).losses_)


def a_row(disk):
    one = Experiment("demo", "bottle", DN2())
    curves = {"roc": [list(np.random.default_rng(0).random(1000)), [0.0] * 1000]}
    ballast = fill(disk)
    try:
        write(ExperimentResult(one, {}, {"image_auroc": 0.5}, {}, {}, {}, curves, {}), disk)
    finally:
        ballast.unlink()


def tags(disk):
    before = [Tag("PatchCore", "nut", "0.png", 0.5, "dirt", False)]
    write_tags(disk / "tags.json", before)
    ballast = fill(disk)
    try:
        write_tags(disk / "tags.json", before * 1000)
    finally:
        ballast.unlink()
        assert read_tags(disk / "tags.json") == before
        (disk / "tags.json").unlink()


def a_page(disk):
    (disk / "page.html").write_text("the last one")
    try:
        replace_file(disk / "page.html", bytes(10**6))
    finally:
        assert (disk / "page.html").read_text() == "the last one"
        (disk / "page.html").unlink()


def done(work, disk):
    """Do it in a child; return how the child ended, what it warned of or raised, and what lies on
    the disk now.
    """
    report, child = disk.parent / f"{disk.name}.json", os.fork()
    if not child:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                work(disk)
                error = ""
            except Exception as what:
                error = (
                    f"{type(what).__name__}: {what}"
                    if isinstance(what, OSError)
                    else traceback.format_exc()
                )
        report.write_text(
            json.dumps({"error": error, "warnings": [str(one.message) for one in caught]})
        )
        os._exit(0)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    said = json.loads(report.read_text()) if report.exists() else {}
    report.unlink(missing_ok=True)
    return {"status": status, "left": sorted(path.name for path in disk.rglob("*")), **said}


if __name__ == "__main__":
    place = Path(sys.argv[1])
    works = (
        features_in_a_folder,
        features_in_a_temporary_file,
        features_in_the_cache,
        a_checkpoint,
        a_row,
        tags,
        a_page,
    )
    sys.stdout.write(json.dumps({work.__name__: done(work, place) for work in works}))
