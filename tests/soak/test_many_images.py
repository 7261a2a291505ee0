"""5,000 images are fitted in bounded memory (`make soak`), and 200 in a fraction of what their
patches would take.
"""

import gc
import json
import os
import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from record import record

from adviz import Features, PatchCore
from adviz.detectors.patchcore import patch_store as training_patches

LIMIT_GB, IMAGES = 6, 5000
# Bytes: bounds, norms, counts and origins; the search's grid lies in a file, as the points do
PER_PATCH = 70


@pytest.fixture(scope="module")
def features(tmp_path_factory):
    """Return features of 200 images as an extraction leaves them on disk: float16, memory-mapped."""
    rng, folder, layers = np.random.default_rng(0), tmp_path_factory.mktemp("features"), {}
    for name, channels, side in (("layer2", 40, 16), ("layer3", 112, 8)):
        np.save(
            folder / name,
            rng.standard_normal((200, channels, side, side), np.float32).astype(np.float16),
        )
        layers[name] = np.load(folder / f"{name}.npy", mmap_mode="r")
    return Features(layers, image_size=(128, 128))


def test_two_hundred_images_are_fitted_without_holding_their_patches(features, monkeypatch):
    monkeypatch.setattr(training_patches, "KEPT", 0)
    monkeypatch.setattr(training_patches, "IN_MEMORY", 0)
    PatchCore(coreset=0.002).fit(features.select(images=[0, 1]))
    patches, peaks, left = 200 * 256, [], []
    tracemalloc.start(1)  # sees numpy's arrays, which all that grows with the images is made of
    try:
        for _ in range(2):
            tracemalloc.reset_peak()
            detector = PatchCore(coreset=0.002).fit(features)
            peaks.append(tracemalloc.get_traced_memory()[1])
            assert len(detector.trace_.points) == patches
            del detector
            gc.collect()
            left.append(tracemalloc.get_traced_memory()[0])
    finally:
        tracemalloc.stop()
    # 6 MiB for a batch; all patches alone would take 30
    assert max(peaks) < patches * PER_PATCH + 6 * 2**20
    assert left[1] - left[0] < 100_000


@pytest.mark.soak
def test_five_thousand_images(tmp_path):
    command = [
        sys.executable,
        Path(__file__).with_name("many_images.py"),
        tmp_path,
        str(IMAGES),
        str(LIMIT_GB),
    ]
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    run = subprocess.run(command, check=False, capture_output=True, text=True, env=environment)
    assert run.returncode == 0, run.stderr[-2000:]
    steps = {step.pop("step"): step for step in map(json.loads, run.stdout.splitlines())}
    record("five thousand images", steps)
    for name, step in steps.items():
        assert step["peak_anonymous_mib"] < 4096, name  # of 5722 that the process may have
    first, again = steps["PatchCore: fit"], steps["PatchCore again: fit"]
    assert first["bank"] == [51200, 152]
    assert first["radius"] == again["radius"]
    assert again["peak_anonymous_mib"] < 1.1 * first["peak_anonymous_mib"]
    assert steps["extract test"]["left_mib"] < 1.1 * steps["extract train"]["left_mib"]
