"""PatchCore from the first import to metrics, beside anomalib: each in a process of its own."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from unittest.mock import patch

from benchmarks.timing import ABSENT, Options, Row, Section, installed

TRAIN, TEST = 60, 40
SIZE = 256  # pixels
BACKBONE = "wide_resnet50_2"  # with random weights, each library's own
BATCH = 8
ROUNDS = 2  # anomalib takes minutes
Run = Callable[[Path], float]  # from images to the image AUROC


def run(options: Options) -> Iterator[Section]:
    """Time both in turn; what counts is processor time, which other work disturbs least."""
    train, test = (8, 6) if options.quick else (TRAIN, TEST)
    section = Section(
        f"From import to metrics: {train} + {test} images of {SIZE} px, {BACKBONE} (random "
        "weights), PatchCore 10%"
    )
    section.facts.append(
        "seconds are processor time, of a process that begins with its imports; anomalib's own options, ours are "
        'those of `PatchCore.preset("anomalib")`; features are not cached'
    )
    section.facts.append(
        "adviz evaluates all its metrics on all test images, anomalib image and pixel AUROC and F1 on half of them, "
        "after its threshold on the other half; AUROCs of random weights say nothing"
    )
    with tempfile.TemporaryDirectory() as folder:
        write_images(Path(folder), train, test)
        ways: dict[str, Run] = {"adviz": of_adviz}
        if installed("anomalib"):
            ways["anomalib"] = of_anomalib
        found: dict[str, list[tuple[float, float, float]]] = {name: [] for name in ways}
        for _ in range(min(options.repeats, ROUNDS)):
            for name, way in ways.items():
                found[name].append(alone(partial(way, Path(folder)), options.threads))
    for name, rounds in found.items():
        seconds, gigabytes, auroc = map(statistics.median, zip(*rounds, strict=True))
        ratios = [theirs[0] / ours[0] for theirs, ours in zip(rounds, found["adviz"], strict=True)]
        note = f"{gigabytes:.1f} GB at most, image AUROC {auroc:.2f}"
        section.rows.append(Row(name, seconds, statistics.median(ratios), note))
    if "anomalib" not in ways:
        section.rows.append(Row("anomalib", None, None, ABSENT))
    section.expect("import to metrics, PatchCore 10%", "anomalib", 14)
    yield section


def write_images(folder: Path, train: int, test: int) -> None:
    """Write images of `brick` as people keep their own: train/good, test/*, ground_truth/*."""
    from PIL import Image

    from adviz import data

    category = data.demo("brick", n_train=train)
    images = category.test
    good = [index for index, label in enumerate(images.labels) if label == 0][: test // 2]
    defective = [index for index, label in enumerate(images.labels) if label == 1][: test // 2]
    parts = {
        "train/good": [category.train.paths[index] for index in range(train)],
        "test/good": [images.paths[index] for index in good],
        "test/defect": [images.paths[index] for index in defective],
    }
    for name, paths in parts.items():
        (folder / name).mkdir(parents=True)
        for number, path in enumerate(paths):
            shutil.copy(path, folder / name / f"{number:03}.png")
    masks = folder / "ground_truth/defect"
    masks.mkdir(parents=True)
    truth = images.subset(defective).with_geometry(data.Geometry(SIZE, crop=False)).masks_array()
    for number, mask in enumerate(truth):
        Image.fromarray(mask.astype("uint8") * 255).save(masks / f"{number:03}_mask.png")


def of_adviz(folder: Path) -> float:
    """Fit, predict and evaluate with adviz."""
    from adviz import Backbone, PatchCore, data, evaluate

    category = data.folder(folder, geometry=data.Geometry(SIZE, crop=False))
    backbone = Backbone(f"{BACKBONE}.tv_in1k", layers=(8, 16), weights="random")
    train, test = (
        backbone.extract(split, cache=False) for split in (category.train, category.test)
    )
    detector = PatchCore.preset("anomalib").set_params(coreset=0.1).fit(train)
    return evaluate(detector.predict(test), category.test).image_auroc


def of_anomalib(folder: Path) -> float:
    """Fit and test with anomalib, its own metrics included."""
    import warnings

    warnings.simplefilter("ignore")
    from anomalib.data import Folder
    from anomalib.engine import Engine
    from anomalib.models import Patchcore

    images = Folder(
        "own",
        root=folder,
        normal_dir="train/good",
        normal_test_dir="test/good",
        abnormal_dir="test/defect",
        mask_dir="ground_truth/defect",
        train_batch_size=BATCH,
        eval_batch_size=BATCH,
        num_workers=0,
    )
    model = Patchcore(BACKBONE, ("layer2", "layer3"), pre_trained=False, coreset_sampling_ratio=0.1)
    engine = Engine(accelerator="cpu", default_root_dir=folder / "anomalib", logger=False)
    with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere), redirect_stderr(nowhere):
        engine.fit(model=model, datamodule=images)
        (result,) = engine.test(model=model, datamodule=images, verbose=False)
    return float(result["image_AUROC"])


def alone(work: Callable[[], float], threads: int) -> tuple[float, float, float]:
    """Return the processor seconds, gigabytes at most and result of work in a fresh process."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=_report, args=(work, there))
    with patch.dict(os.environ, OMP_NUM_THREADS=str(threads)):  # of all libraries
        process.start()
    there.close()
    try:
        seconds, gigabytes, result = here.recv()
    except EOFError:
        raise RuntimeError("the process ended without a result; its error stands above") from None
    finally:
        process.join()
    return seconds, gigabytes, result


def _report(work: Callable[[], float], connection: Connection) -> None:
    result = work()
    connection.send((time.process_time(), _peak_gigabytes(), result))


def _peak_gigabytes() -> float:
    """Return the most memory that this process had; `resource` also counts the one that started it."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    (line,) = [one for one in status.splitlines() if one.startswith("VmHWM")]
    return int(line.split()[1]) * 1024 / 1e9
