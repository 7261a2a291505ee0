"""Time of an image in a file of `export_model`, run by onnxruntime, and in adviz; one thread:
`python -m benchmarks.exported_model [category]`.
"""

import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import numpy as np
import onnxruntime
import torch

import adviz
from adviz import Backbone, PaDiM, PatchCore, data

ROUNDS = 20


def measured(run):
    """Return seconds by the clock and of this process, of one call."""
    clock, process = time.perf_counter(), time.process_time()
    run()
    return time.perf_counter() - clock, time.process_time() - process


def main(name="hex_nut"):
    """Print a line for every detector: medians over interleaved calls, in milliseconds."""
    torch.set_num_threads(1)
    category = data.demo(name)
    backbone = Backbone("efficientnet_lite0")
    train = backbone.extract(category.train)
    pixels = np.stack([category.test.image(index) for index in range(ROUNDS)])
    print(f"{name}, medians of {ROUNDS} images one by one, ms: by the clock (of the process)")
    for detector in (PatchCore(coreset=0.01), PatchCore(), PaDiM()):
        detector.fit(train)
        chosen = backbone.with_layers(detector.layers_)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "model.onnx"
            exported = adviz.export_model(detector, path, backbone=backbone, images=category.test)
            options = onnxruntime.SessionOptions()
            options.intra_op_num_threads = 1
            session = onnxruntime.InferenceSession(path, options)

            def ours(image, detector=detector, chosen=chosen):
                detector.predict(chosen.extract(image[None], cache=False))

            def theirs(image, session=session):
                session.run(None, {"images": image[None]})

            times = {ours: [], theirs: []}
            for run in times:  # not counted
                run(pixels[0])
            for image in pixels:
                for run, values in times.items():
                    values.append(measured(lambda run=run, image=image: run(image)))
            saved = Path(folder) / "detector.adviz"
            detector.save(saved)
            texts = []
            for values in times.values():
                clock, process = (1000 * median(column) for column in zip(*values, strict=True))
                texts.append(f"{clock:.0f} ({process:.0f})")
            print(
                f"{detector.title}, {getattr(detector, 'bank_size_', '')}: adviz {texts[0]}, "
                f"onnxruntime {texts[1]}; {exported.size / 1e6:.1f} MB, the detector's own file "
                f"{saved.stat().st_size / 1e6:.1f} MB; scores within "
                f"{exported.score_difference:.1e}, maps within {exported.map_difference:.1e}"
            )


if __name__ == "__main__":
    main(*sys.argv[1:])
