"""Reverse distillation (arXiv 2201.10703): a student rebuilds the teacher's features from a narrow code of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
import torch
from torch import Tensor

from adviz import maps
from adviz.detectors.base import Detector, usable
from adviz.detectors.distillation_networks import Embedding, Size, build, plan_for, similarity
from adviz.detectors.distillation_training import Checkpoint, Recipe, Training, fingerprint, read_header, restore
from adviz.detectors.presets import AtMost
from adviz.detectors.teacher import check_teacher, joined_layers, teacher_batch, teacher_layers
from adviz.devices import check_device
from adviz.prediction import Prediction
from adviz.progress import bar

if TYPE_CHECKING:
    from adviz.features import Features

BATCH = 8  # test images at once
AFTER_TRAINING = ("map", "map_layers", "score", "align_corners", "sigma", "patience")  # no part of what is learned


@dataclass(repr=False)
class ReverseDistillation(Detector):
    """How far is what a student, trained on normal images, makes of an image's code from what the teacher sees.

    The teacher is the features. A bottleneck turns them into a code of half the coarsest grid, the student rebuilds
    every layer from it, and only both are trained. Knows positions: test images must have the training images' size.
    The defaults are the authors' and want a GPU; ``preset("cpu")`` is for trying out without one.

    Attributes
    ----------
    layers: strides or names of the teacher's layers, each with half the grid of the finer one; the coarsest grid must
        be even.
    bottleneck: "oce+mff" (fusion of all layers, then a residual stage), "oce" (the stage alone, on the deepest layer)
        or "pre": no bottleneck but the teacher's own next layer, which the features must have (Table 5).
    mff_projection: 1x1 convolution after the fusion (paper; the official code has one that it does not use).
    loss: "flat": cosine of a layer of an image as one vector (official code); "position": of every cell (Eq. 1-2).
    map: "sum" of the layers' maps (Eq. 3) or their "product" (official code's other mode).
    map_layers: which layers' maps enter (Table 7), names or strides; None = all.
    score: "max" or "sum" of the smoothed map (sum: official code's one-class protocol).
    skip: the student also receives the teacher's features: the path that leaks the anomaly (Section 3.2).
    student: "mirrored" (official code's numbers of blocks) or "small": one block each in every stage (ours).
    width: factor on the inner channels of all blocks (ours).
    epochs, batch, learning_rate, betas: of Adam.
    schedule: of the learning rate, None or "cosine" (ours).
    patience: stop when the best loss of so many epochs is not 1 % below the best before; None = never (ours).
    precision: of the convolutions in training, "float32" or "bfloat16" (mixed; ours).
    align_corners: of the bilinear maps (official code).
    sigma: of the map's smoothing, pixels.
    seed: of the first weights and of the images' order.
    checkpoint: file that training continues from if it is there, and is written to as training goes on (at most a
        twentieth of the time) and at its end; no part of the method.
    device: "auto" (a GPU if there is one), "cpu" or "cuda"; no part of the method.

    Facts after `fit`: `losses_` (epochs,), the mean loss of every epoch while it went on; `epochs_`, how many it were;
    `parameters_`, how many numbers are trained; `signed_`, layers with negative values, for which a 1x1 convolution
    follows the student's last ReLU; `batch_` (after clipping), `device_`, `image_size_`.
    """

    layers: tuple[int | str, ...] = (4, 8, 16)
    bottleneck: Embedding = "oce+mff"
    mff_projection: bool = False
    loss: Literal["flat", "position"] = "flat"
    map: Literal["sum", "product"] = "sum"
    map_layers: tuple[int | str, ...] | None = None
    score: Literal["max", "sum"] = "max"
    skip: bool = False
    student: Size = "mirrored"
    width: float = 1.0
    epochs: int = 200
    batch: int = AtMost(16)
    learning_rate: float = 0.005
    betas: tuple[float, float] = (0.5, 0.999)
    schedule: Literal["cosine"] | None = None
    patience: int | None = None
    precision: Literal["float32", "bfloat16"] = "float32"
    align_corners: bool = True
    sigma: float = 4.0
    seed: int = 0
    checkpoint: str | Path | None = field(default=None, compare=False)
    device: str = field(default="auto", compare=False)

    def __post_init__(self) -> None:
        self._check_choices(
            bottleneck=("oce+mff", "oce", "pre"),
            loss=("flat", "position"),
            map=("sum", "product"),
            score=("max", "sum"),
            student=("mirrored", "small"),
            schedule=("cosine", None),
            precision=("float32", "bfloat16"),
        )
        if self.epochs < 1 or self.batch < 2 or (self.patience is not None and self.patience < 1):
            raise ValueError(
                "expected at least 1 epoch, 2 images a batch (for the batch normalisation) and 1 epoch of patience, "
                f"got epochs={self.epochs}, batch={self.batch}, patience={self.patience}"
            )
        if not (self.learning_rate > 0 and self.width > 0 and self.sigma >= 0):
            raise ValueError(
                "learning_rate and width must be above 0 and sigma 0 or more pixels, got "
                f"{self.learning_rate}, {self.width}, {self.sigma}"
            )
        if self.device != "auto":
            check_device(self.device)

    def fit(self, features: Features) -> ReverseDistillation:
        """Train bottleneck and student on the features of normal images.

        An interruption (Ctrl-C) keeps the model trained so far, with a warning.

        Raises
        ------
        ValueError: fewer than two images, a batch larger than that, a layer these features do not have, grids that do
            not halve, NaN features, a loss that is not finite, or a checkpoint of another configuration.
        """
        own_code = self.bottleneck == "pre"
        chosen = self._fitting(features, teacher_layers(features, self.layers, with_code=own_code))
        try:
            self._prepare(chosen)
            training = self._training()
            kept = self._checkpoint(chosen)
            if kept is not None:
                kept.resume(training)
            keep = None if kept is None else kept.keep
            complete = training.run(lambda i: teacher_batch(chosen, i, self.device_), chosen.n_images, keep)
            if kept is not None and complete:
                kept.write(training)
        except BaseException:
            del self.layers_  # nothing usable was learned, not even when Ctrl-C came before the first step
            raise
        self._adopt(training)
        return self

    def predict(self, features: Features) -> Prediction:
        """Score images.

        Returns
        -------
        A `Prediction` whose ``layer_maps`` are M1, M2, ... (Eq. 1: one minus the cosine, 0 to 2) at the layers' own
        resolution, all of them whatever `map_layers` says, and that has no neighbours.

        Raises
        ------
        ValueError: not fitted, other layers, channels or backbone than in training, another image size, or NaN
            features.
        """
        chosen = self._known(features)
        found: dict[str, list[np.ndarray]] = {name: [] for name in self._taught()}
        for teacher, student in self._pairs(chosen):
            for name, wanted, given in zip(found, teacher, student, strict=True):
                # float64: 1 - cosine cancels all but the last digits where the student is good
                found[name].append((1 - similarity(wanted.double(), given.double())).clamp_min(0).float().cpu().numpy())
        layer_maps = {name: np.concatenate(parts) for name, parts in found.items()}
        anomaly_map = maps.smooth(self._joined(layer_maps, features.image_size), self.sigma)
        return Prediction(
            score=anomaly_map.max((1, 2)) if self.score == "max" else anomaly_map.sum((1, 2), dtype=np.float64),
            anomaly_map=anomaly_map,
            layer_maps=layer_maps,
            detector="ReverseDistillation",
            backbone=features.backbone,
            digest=features.digest,
        )

    def rebuild(self, features: Features) -> dict[str, np.ndarray]:
        """Return what the student makes of the images: layer -> (N, C, h, w) float32, in the teacher's shapes."""
        chosen = self._known(features)
        names = self._taught()
        parts = [[layer.cpu().numpy() for layer in student] for _, student in self._pairs(chosen)]
        return {name: np.concatenate([part[number] for part in parts]) for number, name in enumerate(names)}

    def norms(self, features: Features) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """Return the lengths of the feature vectors: layer -> the teacher's and the student's, (N, h, w) float32 each.

        The cosine does not see them: with the flat loss only the student's ratio between cells is learned.
        """
        chosen = self._known(features)
        names = self._taught()
        parts = [[[layer.norm(dim=1).cpu().numpy() for layer in side] for side in pair] for pair in self._pairs(chosen)]
        sides = [{n: np.concatenate([part[s][i] for part in parts]) for i, n in enumerate(names)} for s in (0, 1)]
        return {name: (sides[0][name], sides[1][name]) for name in names}

    @classmethod
    def load(cls, path: str | Path, *, device: str = "auto") -> Self:
        """Return the detector that wrote a checkpoint, fitted as far as it was trained then.

        Raises
        ------
        FileNotFoundError: no such file.
        ValueError: not a checkpoint.
        """
        header = read_header(path)
        options: dict[str, Any] = {n: tuple(v) if isinstance(v, list) else v for n, v in header["options"].items()}
        options["batch"] = AtMost(options["batch"]) if header["clip"] else options["batch"]
        detector = cls(**options, checkpoint=path, device=device)
        shapes = header["configuration"]
        detector.layers_, detector._channels = tuple(shapes["channels"]), dict(shapes["channels"])
        detector._backbone = (shapes["backbone"], shapes["digest"])
        detector.image_size_, detector.signed_ = tuple(shapes["image_size"]), tuple(shapes["signed"])
        detector.batch_, detector.strides_ = shapes["batch"], dict(header["strides"])
        training = detector._training()
        restore(path, training)
        detector._adopt(training)
        return detector

    def _prepare(self, features: Features) -> None:
        """Refuse features that these networks cannot learn from; note their sizes and signs."""
        check_teacher(features, with_code=self.bottleneck == "pre")
        self.batch_ = usable(self.batch, features.n_images, "batch")
        self.image_size_, self.strides_ = features.image_size, dict(features.strides)
        self.signed_ = tuple(name for name in self._taught() if float(features[name].min()) < 0)
        joined_layers(self._taught(), self.strides_, self.map_layers)

    def _training(self) -> Training:
        names, own_code = self._taught(), self.bottleneck == "pre"
        networks = plan_for(
            self._backbone[0],
            [self._channels[name] for name in names],
            embedding=self.bottleneck,
            code=self._channels[self.layers_[-1]] if own_code else None,
            mff_projection=self.mff_projection,
            skip=self.skip,
            student=self.student,
            width=self.width,
            signed=[names.index(name) for name in self.signed_],
        )
        options = {option.name: getattr(self, option.name) for option in fields(Recipe)}
        recipe = Recipe(**{**options, "batch": self.batch_})
        self.device_ = ("cuda" if torch.cuda.is_available() else "cpu") if self.device == "auto" else self.device
        return Training(build(networks, self.seed), recipe, torch.device(self.device_))

    def _adopt(self, training: Training) -> None:
        self.network_ = training.network.eval()
        self.losses_ = np.array(training.losses)
        self.epochs_ = len(training.losses)
        self.parameters_ = sum(values.numel() for values in self.network_.parameters())

    def _checkpoint(self, features: Features) -> Checkpoint | None:
        """Return the file that this training continues from, with all that its course depends on."""
        if self.checkpoint is None:
            return None
        options = {option.name: getattr(self, option.name) for option in fields(self) if option.compare}
        # without a schedule a training of more epochs begins as one of fewer
        free = {*AFTER_TRAINING, "layers", *(["epochs"] if self.schedule is None else [])}
        configuration = {
            **{name: value for name, value in options.items() if name not in free},
            "batch": self.batch_,
            "backbone": self._backbone[0],
            "digest": self._backbone[1],
            "channels": self._channels,
            "image_size": self.image_size_,
            "signed": self.signed_,
            "images": features.n_images,
            "features": fingerprint(features.values()),
        }
        facts = {"options": options, "clip": isinstance(self.batch, AtMost), "strides": self.strides_}
        return Checkpoint(self.checkpoint, configuration, facts)

    def _taught(self) -> tuple[str, ...]:
        """Return the layers that the student rebuilds."""
        return self.layers_[:-1] if self.bottleneck == "pre" else self.layers_

    def _joined(self, layer_maps: dict[str, np.ndarray], size: tuple[int, int]) -> np.ndarray:
        """Return the (N, H, W) sum or product of the chosen layers' maps at the images' size (Eq. 3)."""
        names = joined_layers(self._taught(), self.strides_, self.map_layers)
        resized = [maps.resize(layer_maps[name], size, align_corners=self.align_corners) for name in names]
        return np.asarray((np.add if self.map == "sum" else np.multiply).reduce(resized))

    def _known(self, features: Features) -> Features:
        """Return the layers of the test features, checked against the training's."""
        chosen = self._predicting(features)
        if features.image_size != self.image_size_:
            raise ValueError(
                f"reverse distillation knows positions: expected images of the training size {self.image_size_}, got "
                f"{features.image_size}; resize them alike"
            )
        return chosen

    def _pairs(self, features: Features) -> Iterator[tuple[list[Tensor], list[Tensor]]]:
        """Yield the layers of some images after the others, as the teacher and as the student has them."""
        taught = len(self._taught())
        with torch.inference_mode():
            for start in bar(range(0, features.n_images, BATCH), label="ReverseDistillation"):
                teacher = teacher_batch(features, slice(start, start + BATCH), self.device_)
                yield teacher[:taught], self.network_(teacher)
