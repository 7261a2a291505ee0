"""`export_model`: network, detector and maps in one ONNX file, for a camera's computer."""

from __future__ import annotations

import dataclasses
import json
import math
import tempfile
import warnings
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from adviz._support import replace_file, require_attributes
from adviz.data import UNLABELLED, Geometry, Split
from adviz.detectors import Detector
from adviz.evaluation import Threshold
from adviz.features import Backbone, BackboneGraph

if TYPE_CHECKING:
    from adviz.prediction import Prediction

AGREEMENT = 1e-4  # largest relative difference between the file's scores or maps and ours
# Scores are compared relative to themselves, but at least to this fraction of the largest: that of
# an image in the bank is 0, but for rounding
LEAST = 0.01
COMPARED = 8  # images at most
LARGEST = 2**31 - 2**24  # bytes of arrays: an ONNX file ends at 2 GiB
PACKAGES = ("onnx", "onnxruntime", "onnxscript")
INPUT = "images"
OUTPUTS = ("score", "anomaly_map")


@dataclass(frozen=True)
class ExportedModel:
    """An ONNX file, and how far what it computes is from what `predict` returns.

    Attributes
    ----------
    path: of the file.
    size: bytes.
    image_size: (H, W) of its input, pixels.
    n_images: how many images were compared, with onnxruntime.
    score_difference: largest difference of a score, as a fraction of it.
    map_difference: largest difference of a map's pixel, as a fraction of all maps' largest value.
    """

    path: Path
    size: int
    image_size: tuple[int, int]
    n_images: int
    score_difference: float
    map_difference: float

    def __repr__(self) -> str:
        return (
            f"ExportedModel({self.path.name}, {self.size / 1e6:.1f} MB: scores within "
            f"{_power_above(self.score_difference)} of predict's and maps within "
            f"{_power_above(self.map_difference)}, on {self.n_images} images)"
        )


def export_model(
    detector: Detector,
    path: str | Path,
    *,
    backbone: Backbone,
    images: Split | None = None,
    threshold: Threshold | float | None = None,
) -> ExportedModel:
    """Write a network and a fitted PaDiM or PatchCore to one ONNX file, which needs no adviz.

    Its input is ``images``, (N, H, W, 3) uint8, RGB, turned as the EXIF orientation says, then
    resized and cropped as the detector's ``geometry_`` says: ``geometry_.image(photograph)``, of
    ``ImageOps.exif_transpose(Image.open(path)).convert("RGB")``. Its outputs are ``score``, (N,)
    float32, and ``anomaly_map``, (N, H, W) float32. Normalisation, network, patches, search,
    reweighting, enlarging and smoothing are inside. Its metadata (``adviz.geometry``,
    ``adviz.detector``, ``adviz.options``, ``adviz.threshold``, digests and versions) is text.

    Before it is put in place, the file is run with onnxruntime, and its scores and maps compared
    with those of ``predict``.

    Parameters
    ----------
    detector: fitted, on float32 features of images that a `Geometry` prepared, not letterboxed.
    path: the file, in a folder that exists; an earlier file is replaced in one step.
    backbone: the one whose features the detector was fitted on.
    images: to compare on, of which at most eight are taken, spread over all; None = three that are
        made up. Real ones are the better test.
    threshold: written into the metadata; it changes no output.

    Raises
    ------
    ValueError: not fitted, a detector or an option that cannot be exported, another backbone,
        images of unknown or letterboxed geometry, or arrays of more than 2 GiB.
    RuntimeError: the file's scores or maps differ from ours by more than 1e-4; nothing is written.
    ModuleNotFoundError: the extra ``adviz-anomaly[onnx]`` is not installed.
    OSError: the file cannot be written, or its folder is not there (FileNotFoundError); what was
        there before is untouched.

    Examples
    --------
    >>> import adviz
    >>> adviz.export_model(detector, "model.onnx", backbone=backbone, images=category.test)
    ExportedModel(model.onnx, 3.4 MB: scores within 1e-... on 8 images)
    """
    require_installed()
    import onnx

    path = Path(path)
    require_attributes(detector, "fit predict graph", "a fitted detector, then the file's name")
    require_attributes(backbone, "extract with_layers", "the Backbone, as backbone=")
    if not path.resolve().parent.is_dir() or path.is_dir():
        raise FileNotFoundError(f"expected a file in a folder that exists, got {path}")
    geometry = _geometry_of(detector)
    backbone = backbone.with_layers(detector.layers_)
    network = BackboneGraph(backbone, geometry.shape)
    model = nn.Sequential(network, detector.graph(network.grids, geometry.shape)).eval()
    # What it has to agree with
    compared = _compared(images, geometry)
    prediction = detector.predict(backbone.extract(compared, cache=False))
    if isinstance(threshold, Threshold):
        threshold.is_anomalous(prediction)  # refuses another detector's
    pixels = np.stack([compared.image(index) for index in range(len(compared))])
    # The file
    description = _description(detector, geometry, threshold)
    graph = _onnx(model, pixels[:2])
    onnx.helper.set_model_props(graph, description)
    content = graph.SerializeToString()
    score_difference, map_difference = _differences(content, pixels, prediction)
    if not max(score_difference, map_difference) <= AGREEMENT:  # NaN is refused as well
        raise RuntimeError(
            f"expected the exported model to agree with predict to {AGREEMENT} of a score and of "
            f"the maps' largest value, got {score_difference:.2g} and {map_difference:.2g}: "
            "nothing is written; try images of your own as images=, or another version of torch "
            "or onnxruntime"
        )
    replace_file(path, content)
    return ExportedModel(
        path, len(content), geometry.shape, len(pixels), score_difference, map_difference
    )


def require_installed() -> None:
    """Refuse to go on without the extra's packages.

    Raises
    ------
    ModuleNotFoundError: one is missing.
    """
    missing = [name for name in PACKAGES if find_spec(name) is None]
    if missing:
        raise ModuleNotFoundError(
            f"export_model needs {', '.join(missing)}, not installed here: "
            'pip install "adviz-anomaly[onnx]"'
        )


def backbone_of(detector: Detector, weights: str | Path | None = None) -> Backbone:
    """Return the network that a detector was fitted with, by its label.

    Parameters
    ----------
    detector: fitted.
    weights: the file of the network's weights, where they are not published ones.

    Raises
    ------
    ValueError: its label does not tell which, or it needs a file of weights.
    """
    label = detector.backbone_
    name, _, words = label.partition(" (")
    words = words.removesuffix(")")
    is_file = weights is not None and words == Path(weights).name
    if not name or (words not in ("", "random") and not is_file):
        raise ValueError(
            f"expected a detector fitted on a network that its name alone tells, got {label!r}: "
            "give the file of its weights, or call adviz.export_model in Python with backbone="
        )
    chosen = "random" if words == "random" else weights
    return Backbone(name, layers=list(detector.layers_), weights=chosen)


def _geometry_of(detector: Detector) -> Geometry:
    """Return how images are prepared; refuse those that the file's user could not prepare."""
    if not hasattr(detector, "layers_"):
        raise ValueError(
            f"{type(detector).__name__} must be fitted before it is exported: call fit(features) "
            "first"
        )
    geometry = detector.geometry_
    if geometry is None:
        raise ValueError(
            "expected a detector that knows how its images were resized and cropped, got "
            "geometry_=None: fit it on backbone.extract(split), or extract(images, "
            "geometry=data.Geometry(...))"
        )
    if geometry.aspect == "letterbox":
        raise ValueError(
            "expected images without padding, got a letterboxed geometry, whose padding differs "
            'from image to image: fit the detector with aspect="square" or "shorter"'
        )
    return geometry


def _compared(images: Split | None, geometry: Geometry) -> Split:
    """Return the images to compare on, two or more."""
    if images is None:
        return Split.from_arrays(_made_up(geometry.shape), [UNLABELLED] * 3, geometry=geometry)
    require_attributes(images, "image with_geometry", "a Split as images=, such as category.test")
    if not len(images):
        raise ValueError("expected at least one image to compare on, got none")
    chosen = np.unique(np.linspace(0, len(images) - 1, COMPARED).round().astype(int))
    if len(chosen) == 1:
        chosen = np.repeat(chosen, 2)
    return images.with_geometry(geometry).subset(chosen)


def _made_up(size: tuple[int, int]) -> np.ndarray:
    """Return three images, (3, H, W, 3) uint8: grey, a gradient, and noise."""
    height, width = size
    grey = np.full((height, width, 3), 128.0)
    gradient = np.zeros_like(grey) + np.linspace(0, 255, width)[:, None]
    noise = np.random.default_rng(0).uniform(0, 255, grey.shape)
    return np.stack([grey, gradient, noise]).astype(np.uint8)


def _onnx(model: nn.Module, pixels: np.ndarray) -> Any:
    """Return a model as ONNX; `pixels`, (2, H, W, 3), are an example of its input."""
    tensors = [*model.parameters(), *model.buffers()]
    size = sum(tensor.numel() * tensor.element_size() for tensor in tensors)
    if size > LARGEST:
        raise ValueError(
            f"expected arrays of less than 2 GiB, which is where an ONNX file ends, got "
            f"{size / 2**30:.1f} GiB: fit with a smaller coreset or dimension"
        )
    batch = torch.export.Dim("N")
    with torch.inference_mode(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the exporter, about its own insides
        program = torch.onnx.export(
            model,
            (torch.from_numpy(pixels),),
            input_names=[INPUT],
            output_names=list(OUTPUTS),
            dynamic_shapes=({0: batch},),
            dynamo=True,
            verbose=False,
        )
    assert program is not None  # noqa: S101 - it is None for torch's former exporter alone
    return program.model_proto


def _description(
    detector: Detector, geometry: Geometry, threshold: Threshold | float | None
) -> dict[str, str]:
    """Return the metadata: name -> text."""
    from adviz import __version__

    with tempfile.TemporaryDirectory(prefix="adviz-export-") as folder:
        digest = detector.save(Path(folder) / "detector.adviz")
    description = {
        "adviz.version": __version__,
        "adviz.detector": type(detector).__name__,
        "adviz.options": json.dumps(detector.get_params()),
        "adviz.detector_digest": digest,
        "adviz.backbone": detector.backbone_,
        "adviz.geometry": json.dumps(dataclasses.asdict(geometry)),
        "adviz.input": "images: (N, H, W, 3) uint8, RGB, of photographs that are first turned as "
        "their EXIF orientation says (PIL.ImageOps.exif_transpose), then resized and cropped as "
        "adviz.geometry says",
    }
    if threshold is not None:
        value = threshold.value if isinstance(threshold, Threshold) else float(threshold)
        if not math.isfinite(value):
            raise ValueError(f"expected a finite threshold, got {threshold}")
        description["adviz.threshold"] = repr(value)
    return description


def _differences(content: bytes, pixels: np.ndarray, prediction: Prediction) -> tuple[float, float]:
    """Return the largest differences of scores and maps from ours, relative to them.

    Images are run together, and the first one alone, as a camera does.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    largest = float(np.abs(prediction.score).max())
    scale = np.maximum(np.abs(prediction.score), LEAST * largest)  # (N,)
    expected_maps = np.asarray(prediction.anomaly_map)
    score_difference = 0.0
    map_difference = 0.0
    for count in (len(pixels), 1):
        score, maps = session.run(list(OUTPUTS), {INPUT: pixels[:count]})
        score_error = np.abs(score - prediction.score[:count]) / scale[:count]
        map_error = np.abs(maps - expected_maps[:count]) / np.abs(expected_maps).max()
        score_difference = np.maximum(score_difference, score_error.max())
        map_difference = np.maximum(map_difference, map_error.max())
    return float(score_difference), float(map_difference)


def _power_above(difference: float) -> str:
    """Return the power of ten that a difference is below: "1e-06" of 4.8e-07."""
    return f"{10.0 ** math.ceil(math.log10(max(difference, 1e-8))):.0e}"
