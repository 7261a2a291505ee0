"""5,000 images through extraction and the detectors, under a hard limit of memory; prints a line of
JSON per step.

python tests/soak/many_images.py FOLDER [IMAGES] [LIMIT_GB] [DETECTOR ...]
"""

import gc
import json
import os
import resource
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from memory import MIB, Peak
from PIL import Image

from adviz import SPADE, Backbone, Features, PaDiM, PatchCore, data
from adviz.data import Geometry, Split

N_TEST = 300
MADE = {
    "PatchCore": lambda: PatchCore(coreset=0.01),
    "PatchCore again": lambda: PatchCore(coreset=0.01),
    "PaDiM": lambda: PaDiM(),
    "SPADE": lambda: SPADE(layers=(8, 16), k_images=10),
}


@contextmanager
def told(step: str, **more: Any) -> Iterator[dict[str, Any]]:
    """Print what the work inside took."""
    start = time.perf_counter()
    with Peak() as peak:
        yield more
    gc.collect()
    sizes = {f"peak_{name}_mib": round(most / MIB) for name, most in peak.most.items()}
    left = round(peak.end["anonymous"] / MIB)
    seconds = round(time.perf_counter() - start, 1)
    sys.stdout.write(
        json.dumps({"step": step, "seconds": seconds, **sizes, "left_mib": left, **more}) + "\n"
    )
    sys.stdout.flush()


def varied(sources: list[np.ndarray], count: int, folder: Path, seed: int) -> list[Path]:
    """Write `count` 256 px images: flipped, shifted and unevenly lit variants of others, with noise
    of their own.
    """
    rng = np.random.default_rng(seed)
    folder.mkdir()
    paths = [folder / f"{number:04d}.png" for number in range(count)]
    for path in paths:
        image = sources[rng.integers(len(sources))]
        image = np.rot90(image, rng.integers(4))[:: rng.choice([-1, 1])]
        image = np.roll(image, rng.integers(-128, 128, 2), (0, 1)) * rng.uniform(0.85, 1.15, 3)
        image = image + rng.normal(0, 3, image.shape)
        Image.fromarray(image.clip(0, 255).astype(np.uint8)).save(path, compress_level=1)
    return paths


def split(category: str, count: int, folder: Path, seed: int) -> Split:
    """Return `count` variants of the built-in training images, 256 px, not cropped."""
    whole = data.demo(category, geometry=Geometry(256, crop=False)).train
    paths = varied([whole[index].image for index in range(len(whole))], count, folder, seed)
    return Split(paths, [0] * count, [None] * count, ["good"] * count, geometry=whole.geometry)


def detected(name: str, train: Features, test: Features) -> None:
    """Fit and predict, and say what came out."""
    detector = MADE[name]()
    with told(f"{name}: fit") as facts:
        detector.fit(train)
        if isinstance(detector, PatchCore):
            facts |= {"patches": len(detector.trace_.points), "bank": list(detector.bank_.shape)}
            assert np.isfinite(detector.trace_.radius).all()
            assert len(np.unique(detector.trace_.order)) == len(detector.bank_)
            facts["radius"] = round(float(detector.trace_.radius[-1]), 3)
    with told(f"{name}: predict") as facts:
        prediction = detector.predict(test)
        assert np.isfinite(prediction.score).all()
        facts |= {
            "images": len(prediction.score),
            "mean_score": round(float(prediction.score.mean()), 3),
        }


def main(folder: Path, count: int, limit: float, detectors: list[str]) -> None:
    """Run all steps; what needs more than `limit` GB of its own fails with a MemoryError."""
    resource.setrlimit(resource.RLIMIT_DATA, (int(limit * 1e9),) * 2)
    with told("draw", images=count + N_TEST):
        splits = (
            split("mesh", count, folder / "train", 0),
            split("mesh", N_TEST, folder / "test", 1),
        )
    features = []
    for part, name in zip(splits, ("train", "test"), strict=True):
        out = folder / f"{name} features"
        with told(f"extract {name}", images=len(part)) as facts:
            backbone = Backbone("efficientnet_lite0", dtype="float16", layers=(4, 8, 16, 32))
            features.append(backbone.extract(part, out=out))
            facts["disk_mib"] = round(sum(file.stat().st_size for file in out.iterdir()) / MIB)
    os.sync()
    for name in detectors:
        detected(name, *features)


if __name__ == "__main__":
    given = sys.argv[2:]
    images, gigabytes = int(given[0]) if given else 5000, float(given[1]) if len(given) > 1 else 6.0
    main(Path(sys.argv[1]), images, gigabytes, given[2:] or list(MADE))
