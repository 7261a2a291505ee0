"""One category from images to metrics: seconds and memory of every stage, beside the published way
of doing it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import faiss
import numpy as np
import torch
from scipy import ndimage
from torch.nn import functional

from adviz import SPADE, Backbone, PaDiM, PatchCore, evaluate
from adviz.core.coreset import anchor_distance, project
from adviz.data import Split
from adviz.features.features import Features
from benchmarks.data import splits
from benchmarks.embedding import by_definition
from benchmarks.features import Plain
from benchmarks.greedy import Greedy
from benchmarks.timing import Options, Row, Section, once, peak_memory

LAYERS = ("layer2", "layer3")
PART = 8  # images that the published way's stages are timed on; each costs the same
PICKS = 100


def run(options: Options) -> Iterator[Section]:
    """Run the embedded network, and with `--full` WideResNet50 with seeded random weights; once,
    not interleaved.
    """
    yield _section("efficientnet_lite0", None, options)
    if options.full:
        yield _section("wide_resnet50_2.tv_in1k", "random", options)


def _section(name: str, weights: str | None, options: Options) -> Section:
    train, test = splits(options.quick)
    section = Section(f"End to end: {len(train)} training, {len(test)} test images, {name}")
    section.facts.append(
        "every stage once; memory is what the process takes more at its peak, results included"
    )
    backbone = Backbone(name, weights=weights, device="cpu")
    extract = partial(backbone.extract, cache=False)
    features = _timed(section, "extract training images", partial(extract, train))
    queries = _timed(section, "extract test images", partial(extract, test))
    ours, banks = {}, {}
    for share in (0.10, 0.01):
        detector = PatchCore(coreset=share, aggregation="adaptive", image_score="max")
        ours[share], banks[share] = _detector(
            section, f"PatchCore {share:.0%}", detector, features, queries, test
        )
    _detector(
        section,
        "SPADE",
        SPADE(),
        features,
        queries.select(images=range(min(PART, len(test)))),
        None,
    )
    _detector(section, "PaDiM", PaDiM(), features, queries, test)
    trunk = section.seconds("extract training images") + section.seconds("extract test images")
    for share in (0.10, 0.01):
        theirs = _published(Plain(name, weights), train, test, features, banks[share].bank_)
        total, both = trunk + ours[share], sum(theirs.values())
        stages = ", ".join(f"{stage} {seconds:.1f}" for stage, seconds in theirs.items())
        section.rows.append(
            Row(f"adviz, fit + test, PatchCore {share:.0%}", total, 1.0, "sum of the above")
        )
        section.rows.append(
            Row(
                f"published way, PatchCore {share:.0%}",
                both,
                both / total,
                f"extrapolated: {stages}",
            )
        )
        if weights and share == 0.10:
            section.expect(
                "fit + test, WideResNet50, float32", f"published way, PatchCore {share:.0%}", 3.5
            )
    return section


def _timed(section: Section, name: str, task: Callable[[], object]) -> object:
    """Run a stage once, note its time and memory, and return its result."""
    found: list[object] = []
    with peak_memory() as peak:
        seconds = once(lambda: found.append(task()))
        section.rows.append(Row(name, seconds, None, f"{peak():.0f} MiB"))
    return found[0]


def _detector(
    section: Section,
    name: str,
    detector: object,
    features: Features,
    queries: Features,
    test: Split | None,
) -> tuple[float, object]:
    """Fit, predict and evaluate; return the seconds of it all and the fitted detector."""
    start = len(section.rows)
    _timed(section, f"{name} fit", partial(detector.fit, features))
    prediction = _timed(
        section, f"{name} predict, {queries.n_images} images", partial(detector.predict, queries)
    )
    if test is not None:
        result = _timed(section, f"{name} evaluate", partial(evaluate, prediction, test))
        section.facts.append(f"{name}: image AUROC {result.image_auroc:.3f}, PRO {result.pro:.3f}")
    return sum(row.seconds for row in section.rows[start:]), detector


def _published(
    plain: Plain, train: Split, test: Split, features: Features, bank: np.ndarray
) -> dict[str, float]:
    """Return the seconds of PatchCore's stages written as they were published, from a part of each.

    Eager network in batches of two; unfold, interpolate and two poolings; projection; the
    approximate greedy rule at one matrix-vector product a pick; a flat faiss index asked image by
    image; resize and blur image by image.
    """
    layers = {name: np.ascontiguousarray(features[name][:PART]) for name in LAYERS}
    images = np.stack([train.image(index) for index in range(min(PART, len(train)))])
    both, count = len(train) + len(test), len(images)
    cells = layers[LAYERS[0]].shape[2] * layers[LAYERS[0]].shape[3]
    rows = by_definition(layers).numpy()
    points = np.resize(project(rows, 128, seed=0), (len(train) * cells, 128))
    greedy = Greedy(points, cap=anchor_distance(points, seed=0))
    flat = faiss.IndexFlatL2(bank.shape[1])
    flat.add(bank)
    read = once(lambda: [train.image(index) for index in range(count)])
    return {
        "network": (read + once(lambda: [plain(images[i : i + 2]) for i in range(0, count, 2)]))
        * both
        / count,
        "embedding": once(lambda: by_definition(layers)) * both / count,
        "projection": once(lambda: project(rows, 128, seed=0)) * len(train) / count,
        "coreset": once(lambda: greedy.pick(PICKS)) * len(bank) / PICKS,
        "search": once(lambda: [flat.search(part, 1) for part in np.split(rows, count)])
        * len(test)
        / count,
        "maps": once(lambda: [_map(cells) for _ in range(count)]) * len(test) / count,
    }


def _map(cells: int) -> np.ndarray:
    side = round(cells**0.5)
    resized = functional.interpolate(torch.zeros(1, 1, side, side), (224, 224), mode="bilinear")
    return ndimage.gaussian_filter(resized[0, 0].numpy(), 4)
