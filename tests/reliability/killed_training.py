"""Trains with a checkpoint in processes that are killed; a program of its own, run by
test_processes.py.

It forks its workers before torch starts any thread, so that each costs milliseconds instead of an
import of torch.
"""

import os
import signal
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import torch
from conditions import small_features

from adviz import ReverseDistillation
from adviz.detectors.distillation import training as distillation_training

OPTIONS = {"layers": (4, 8, 16), "epochs": 4, "student": "small", "width": 0.25, "batch": 4}
STEPS = [(os, "replace"), (os, "fsync")]


def train(file):
    return ReverseDistillation(**OPTIONS, checkpoint=file).fit(small_features(12))


def forked(work, *arguments):
    child = os.fork()
    if child:
        return child
    status = 1
    try:
        work(*arguments)
        status = 0
    finally:
        os._exit(status)


def status_of(child):
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def store(file, result):
    detector = train(file)
    np.savez(
        result,
        losses=detector.losses_,
        score=detector.predict(small_features(3, seed=1, defect=1)).score,
    )


def confirm(file, expected):
    """Continue, and compare bit for bit; then what the file holds."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for detector in (train(file), ReverseDistillation.load(file)):
            np.testing.assert_array_equal(detector.losses_, expected["losses"])
            score = detector.predict(small_features(3, seed=1, defect=1)).score
            np.testing.assert_array_equal(score, expected["score"])


def killed_while_writing(file, step):
    """Kill this process at a step of the third write: before the file is complete, or before it has
    its name.
    """
    calls = iter(range(100))
    original = getattr(*step)

    def killing(*arguments, **options):
        if next(calls) == 2:
            os.kill(os.getpid(), signal.SIGKILL)
        return original(*arguments, **options)

    setattr(*step, killing)
    train(file)


def main(what, folder):
    """Kill at a step of a write, with "times" at all and at any time; the next run must end as if nothing had been."""
    distillation_training.WRITE_PAUSE = 0  # every epoch is written
    assert status_of(forked(store, folder / "whole", folder / "expected.npz")) == 0
    expected, dead = dict(np.load(folder / "expected.npz", allow_pickle=False)), 0
    kills = [
        (killed_while_writing, step, None) for step in (STEPS if what == "times" else STEPS[:1])
    ]
    if what == "times":
        kills += [
            (train, None, moment) for moment in np.random.default_rng(0).uniform(0.02, 1.5, size=12)
        ]
    for number, (work, step, moment) in enumerate(kills):
        file = folder / str(number) / "student"
        child = forked(work, file, *([step] if step else []))
        if moment is not None:
            time.sleep(moment)
            os.kill(child, signal.SIGKILL)
        dead += status_of(child) == -signal.SIGKILL
        assert status_of(forked(confirm, file, expected)) == 0
    left = sorted({path.name for path in folder.glob("*/*")})
    sys.stdout.write(f"{dead} of {len(kills)}, left: {', '.join(left)}\n")


if __name__ == "__main__":
    torch.set_num_threads(1)
    main(sys.argv[1], Path(sys.argv[2]))
