"""Extracts with one cache in processes that are killed or race; a program run by test_cache.py.

It forks its workers before torch starts any thread, so that each costs milliseconds instead of an
import of torch.
"""

import os
import pkgutil
import signal
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import nn

from adviz import Backbone
from adviz._support import atomic_files as storage
from adviz.data import Geometry, Split

STEPS = [
    (os, "posix_fallocate"),
    (os, "fsync"),
    (os, "replace"),
    (os, "utime"),
    (os, "listdir"),
    (pkgutil, "get_data"),
]
STEPS += [(storage, name) for name in ("_lock", "_npy_array", "checksum", "remove")]


def network():
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(3, 4, 3, stride=2, padding=1), nn.ReLU(), nn.Conv2d(4, 6, 3, stride=2, padding=1)
    )
    return Backbone(model, layers=["0", "2"])


def split(folder):
    folder.mkdir(exist_ok=True)
    paths = [folder / f"{index}.png" for index in range(6)]
    for path, image in zip(
        paths, np.random.default_rng(0).integers(0, 255, (6, 32, 32, 3), np.uint8), strict=True
    ):
        Image.fromarray(image).save(path)
    return Split(paths, [0] * 6, [None] * 6, ["good"] * 6, geometry=Geometry(32, crop=False))


def extract(images, cache):
    return {
        name: np.array(array)
        for name, array in network().extract(images, batch_size=2, cache=cache).items()
    }


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


def kill_at(step):
    """Kill this process before one of its steps."""
    counter = iter(range(10**9))

    def killing(function):
        def call(*arguments, **options):
            if next(counter) == step:
                os.kill(os.getpid(), signal.SIGKILL)
            return function(*arguments, **options)

        return call

    for module, name in STEPS:
        setattr(module, name, killing(getattr(module, name)))
    nn.ReLU.forward = killing(nn.ReLU.forward)


def killed(images, folder):
    """Kill a run at each step, and at any time; the next two runs must give the right features."""
    expected = extract_in_child(images, folder)
    step, died = 0, True
    while died:
        cache = folder / f"step{step}"
        died = status_of(forked(dying, step, images, cache)) == -signal.SIGKILL
        confirm(images, cache, expected)
        step += 1
    dead = 0
    for trial, moment in enumerate(np.random.default_rng(0).uniform(0, 0.12, size=15)):
        cache = folder / f"time{trial}"
        child = forked(extract, images, cache)
        time.sleep(moment)
        os.kill(child, signal.SIGKILL)
        dead += status_of(child) == -signal.SIGKILL
        confirm(images, cache, expected)
    sys.stdout.write(f"{step - 1} steps, {dead} of 15 at any time\n")


def dying(step, images, cache):
    kill_at(step)
    extract(images, cache)


def confirm(images, cache, expected):
    assert status_of(forked(check, images, cache, expected)) == 0, cache
    files = sorted(path.suffix for path in (cache / "features").iterdir())
    assert files == [".npy"] * 2, files


def check(images, cache, expected):
    with warnings.catch_warnings():
        # A killed run leaves nothing that would have to be reported as damaged
        warnings.simplefilter("error")
        for _ in range(2):  # rebuilds or finds; finds
            found = extract(images, cache)
            for name, values in expected.items():
                np.testing.assert_array_equal(found[name], values)


def racing(images, folder):
    """Let four processes fill one entry at once, four times."""
    expected = extract_in_child(images, folder)
    for trial in range(4):
        cache, (ready, go) = folder / f"race{trial}", os.pipe()
        children = [forked(race, ready, go, images, cache, expected) for _ in range(4)]
        os.close(go)
        os.close(ready)
        assert [status_of(child) for child in children] == [0] * 4
        assert sorted(path.suffix for path in (cache / "features").iterdir()) == [".npy"] * 2
    sys.stdout.write("4 races\n")


def race(ready, go, images, cache, expected):
    os.close(go)
    os.read(ready, 1)  # until the parent closes its end
    check(images, cache, expected)


def extract_in_child(images, folder):
    """Extract without a cache in a child: threads of this process would not survive a fork."""
    file = folder / "expected.npz"
    assert status_of(forked(save, file, images)) == 0
    return dict(np.load(file))


def save(file, images):
    np.savez(file, **extract(images, False))


if __name__ == "__main__":
    torch.set_num_threads(2)
    {"killed": killed, "racing": racing}[sys.argv[1]](
        split(Path(sys.argv[2]) / "images"), Path(sys.argv[2])
    )
