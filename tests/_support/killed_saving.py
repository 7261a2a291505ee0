"""Saves in processes that are killed or race for one file; a program run by test_archive.py."""

import os
import signal
import sys
import time
from pathlib import Path

import numpy as np

from adviz._support import archive
from adviz._support import atomic_files as storage
from adviz._support.archive import files

STEPS = [
    (os, "fsync"),
    (os, "replace"),
    (storage, "_lock"),
    (storage, "_locked_file"),
    (files, "_blocks"),
]
SIZE = 50_000  # numbers an array; the blocks below cut that


def content(value):
    return {name: np.full((4, SIZE), value, np.float32) for name in "ab"} | {"value": value}


def forked(work, *arguments):
    """Return the process id of a child that calls work(*arguments) and exits with 0 on success."""
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


def confirm(path, allowed):
    """Check that the file is one of those that were written as a whole, and say which."""
    found = archive.read(path, "T").content
    value = found["value"]
    assert value in allowed, value
    for name in "ab":
        np.testing.assert_array_equal(found[name], np.full((4, SIZE), value, np.float32))
    return value


def dying(step, path):
    """Save, and kill this process before one of its steps."""
    counter = iter(range(10**9))

    def killing(function):
        def call(*arguments, **options):
            if next(counter) == step:
                os.kill(os.getpid(), signal.SIGKILL)
            return function(*arguments, **options)

        return call

    for module, name in STEPS:
        setattr(module, name, killing(getattr(module, name)))
    archive.write(path, "T", content(2))


def saving(path):
    while True:
        for value in (3, 4):
            archive.write(path, "T", content(value))


def killed(folder):
    """Kill a save at each step, and at any time: the file is the old or the new one."""
    path, step, died = folder / "file", 0, True
    while died:
        archive.write(path, "T", content(1))
        died = status_of(forked(dying, step, path)) == -signal.SIGKILL
        before = confirm(path, (1, 2)) if died else confirm(path, (2,))
        assert before == 1 or not died or step > 3, step
        step += 1
    for moment in np.random.default_rng(0).uniform(0, 0.05, size=20):
        child = forked(saving, path)
        time.sleep(moment)
        os.kill(child, signal.SIGKILL)
        assert status_of(child) == -signal.SIGKILL
        confirm(path, (2, 3, 4))
    archive.write(path, "T", content(5))  # which tidies up
    assert [file.name for file in folder.iterdir()] == ["file"]
    sys.stdout.write(f"{step - 1} steps\n")


def several(path, value):
    for _ in range(25):
        archive.write(path, "T", content(value))


def racing(folder):
    """Let four processes write one file while it is read: it is always one of theirs."""
    path, values = folder / "file", (1, 2, 3, 4)
    archive.write(path, "T", content(1))
    children = [forked(several, path, value) for value in values]
    seen = [confirm(path, values) for _ in range(40)]
    assert [status_of(child) for child in children] == [0] * 4
    confirm(path, values)
    assert [file.name for file in folder.iterdir()] == ["file"]
    sys.stdout.write(f"{len(seen)} reads\n")


if __name__ == "__main__":
    files.BLOCK = 2**17
    {"killed": killed, "racing": racing}[sys.argv[1]](Path(sys.argv[2]))
