"""Compute here with several threads, then in processes that are begun in every way; print what came
as JSON.

python forked.py spawn forkserver joblib  ->  {name: True where a child's numbers are this process's, or else why}
"""

import functools
import json
import multiprocessing
import sys
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import torch
from conditions import small_features
from torch import nn
from torch.utils.data import DataLoader

from adviz import DN2, SPADE, Backbone, PaDiM, PatchCore, evaluate
from adviz.core import coreset, maps, neighbors
from adviz.data import Geometry, Split

SECONDS = 60  # after which a child that gave no answer is taken for one that hangs
IMAGES = np.random.default_rng(0).integers(0, 256, (6, 64, 64, 3), dtype=np.uint8)
SPLIT = Split.from_arrays(IMAGES, [0, 0, 0, 1, 1, 1], geometry=Geometry(64, crop=False))
ROWS = np.random.default_rng(0).normal(size=(4096, 64)).astype(np.float32)


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1), nn.ReLU(), nn.Conv2d(8, 16, 3, 2, 1))


def jobs():
    """Return what is computed in both processes: name -> a function without arguments that returns
    numbers.
    """
    train, test = small_features(8), small_features(6, seed=1, defect=1)
    backbone = Backbone(network(), layers=["0", "2"])
    detectors = {
        "PatchCore": PatchCore(layers=(8, 16), coreset=0.5),
        "PaDiM": PaDiM(layers=(8, 16)),
        "DN2": DN2(layers=(16,)),
        "SPADE": SPADE(layers=(8, 16), image_layers=(16,), k_images=3, k_images_score=3),
    }
    fitted = {name: detector.fit(train) for name, detector in detectors.items()}
    made = {name: functools.partial(scores_of, detector, test) for name, detector in fitted.items()}
    made["fit in the child"] = lambda: (
        PatchCore(layers=(8, 16), coreset=0.5).fit(train).predict(test).score
    )
    made["Backbone.extract"] = lambda: backbone.extract(SPLIT)["2"]
    made["faiss"] = lambda: neighbors.nearest(ROWS[:500], ROWS, 3)[0]
    made["greedy"] = lambda: coreset.k_center_greedy(ROWS, 100)[1]
    made["maps"] = lambda: maps.resize(ROWS.reshape(-1, 64, 64), (200, 200))
    made["metrics"] = lambda: np.array(
        [evaluate(detectors["PaDiM"].predict(test), SPLIT).image_auroc]
    )
    return made


def answer(queue, job):
    queue.put(np.asarray(job()))


def in_child(context, job):
    """Return a job's numbers from a process, or why there are none; a process that hangs is ended."""
    queue = context.Queue()
    process = context.Process(target=answer, args=(queue, job))
    process.start()
    try:
        return queue.get(timeout=SECONDS)
    except Exception as error:
        return f"no answer in {SECONDS} s: {type(error).__name__}"
    finally:
        process.kill()
        process.join()


def agrees(found, expected):
    return bool(np.array_equal(found, expected)) if isinstance(found, np.ndarray) else found


def with_openvino(backbone=None):
    """Return what OpenVINO's runtime says in this process: of a backbone that came with it, or of a
    new one.
    """
    try:
        (backbone or Backbone(network(), layers=["2"], runtime="openvino")).extract(SPLIT)
    except RuntimeError as error:
        return np.array(str(error))
    return np.array("no error")


def by_pool(job):
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("fork")) as pool:
        return pool.submit(job).result(timeout=SECONDS)


def scores_of(detector, test):
    """What a process that was begun anew gets: the things themselves, pickled."""
    return detector.predict(test).score


def features_of(module, split):
    return Backbone(module, layers=["2"]).extract(split)["2"]


def begun_anew(method, *arguments):
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context(method)) as pool:
        futures = [pool.submit(call, *given) for call, *given in arguments]
        return [future.result(timeout=SECONDS) for future in futures]


def by_joblib(*arguments):
    import joblib

    return joblib.Parallel(n_jobs=2, timeout=SECONDS)(
        joblib.delayed(call)(*given) for call, *given in arguments
    )


def loaded():
    """Return the images of a split as torch's loader gives them, read by two processes that it
    forks.
    """
    loader = DataLoader(SPLIT, batch_size=4, num_workers=2, collate_fn=list, timeout=SECONDS)
    return np.stack([sample.image for batch in loader for sample in batch])


if __name__ == "__main__":
    torch.set_num_threads(2)
    everything = jobs()
    expected = {name: np.asarray(job()) for name, job in everything.items()}
    fork = multiprocessing.get_context("fork")
    found = {name: agrees(in_child(fork, job), expected[name]) for name, job in everything.items()}
    found["torch's loader"] = agrees(loaded(), IMAGES)
    detector, test = (
        PatchCore(layers=(8, 16), coreset=0.5).fit(small_features(8)),
        small_features(6, seed=1, defect=1),
    )
    pairs = [(scores_of, detector, test), (features_of, network(), SPLIT)]
    here = [call(*given) for call, *given in pairs]
    found["a pool of forks"] = agrees(by_pool(functools.partial(*pairs[0])), here[0])
    for method in sys.argv[1:]:
        there = by_joblib(*pairs) if method == "joblib" else begun_anew(method, *pairs)
        found[method] = [agrees(*both) for both in zip(there, here, strict=True)]
    compiled = Backbone(network(), layers=["2"], runtime="openvino")
    compiled.extract(SPLIT)
    found["OpenVINO"] = str(in_child(fork, functools.partial(with_openvino, compiled)))
    found["OpenVINO anew"] = str(in_child(fork, with_openvino))
    sys.stdout.write(json.dumps(found))
