"""Reverse distillation (arXiv 2201.10703): a student rebuilds the features from a narrow code."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

from torch import nn

from adviz._support import restoring
from adviz.core import maps
from adviz.detectors.base import LATER, method_options
from adviz.detectors.distillation.base import Distiller, Watch, watching
from adviz.detectors.distillation.reverse_networks import Embedding, Size, build, plan_for
from adviz.detectors.distillation.teacher import check_teacher, teacher_layers
from adviz.detectors.distillation.training import (
    KIND,
    Checkpoint,
    Training,
    fingerprint,
    is_checkpoint,
    read_header,
    restore,
)
from adviz.detectors.presets import AtMost
from adviz.detectors.registry import current_options

if TYPE_CHECKING:
    from adviz.features import Features


@dataclass(repr=False)
class ReverseDistillation(Distiller):
    """Distance of a teacher's features to those that a student rebuilds from a narrow code of them.

    The teacher is the features. A bottleneck turns them into a code of half the coarsest grid, the
    student rebuilds every layer from it, and only both are trained. Knows positions: test images
    must have the training images' size. The defaults are the authors' and want a GPU;
    ``preset("cpu")`` is for trying out without one.

    Attributes
    ----------
    layers: strides or names of the teacher's layers, each with half the grid of the finer one; the
        coarsest grid must be even.
    bottleneck: "oce+mff" (fusion of all layers, then a residual stage), "oce" (the stage alone, on
        the deepest layer) or "pre": no bottleneck but the teacher's own next layer, which the
        features must have (Table 5).
    narrow_bottleneck: the residual stage's blocks are as wide inside as a plain ResNet's: on a
        WideResNet, half as wide as the official code's (anomalib, where the width per group is
        lost: 30.8 million numbers and not 58.9).
    mff_projection: 1x1 convolution after the fusion (paper; the official code has one that it does
        not use).
    loss: "flat": cosine of a layer of an image as one vector (official code); "position": of every
        cell (Eq. 1-2).
    map: "sum" of the layers' maps (Eq. 3) or their "product" (official code's other mode).
    map_layers: which layers' maps enter (Table 7), names or strides; None = all.
    image_score: "max" or "sum" of the smoothed map (sum: official code's one-class protocol).
    skip: the student also receives the teacher's features: the path that leaks the anomaly (Section
        3.2).
    student: "mirrored" (official code's numbers of blocks) or "small": one block each in every
        stage (ours).
    width: factor on the inner channels of all blocks (ours).
    epochs, batch, learning_rate, betas: of Adam.
    schedule: of the learning rate, None or "cosine" (ours).
    patience: stop when the best loss of so many epochs is not 1 % below the best before; None =
        never (ours).
    precision: of the convolutions in training, "float32" or "bfloat16" (mixed; ours).
    align_corners: of the bilinear maps (official code).
    sigma: of the map's smoothing, pixels.
    border: of the map's smoothing, "reflect" or "mirror" (anomalib), see `maps.smooth`.
    seed: of the first weights and of the images' order.
    checkpoint: file that training continues from if it is there, and is written to as training goes
        on (at most a twentieth of the time) and at its end; no part of the method.
    device: "auto" (a GPU if there is one), "cpu" or "cuda"; no part of the method.

    Facts after `fit`: `losses_` (epochs,), the mean loss of every epoch while it went on;
        `epochs_`, how many it were; `parameters_`, how many numbers are trained; `signed_`, layers
        with negative values, for which a 1x1 convolution follows the student's last ReLU; `code_`,
        (C, h, w) of what the student is fed; `batch_` (after clipping), `device_`, `image_size_`.

    Presets, and what still differs from what they are named after (the images' preparation is
    `data.Geometry`, the network and its weights are `Backbone`'s, and how maps are evaluated is
    `evaluate`'s):

    * "official" (the authors' code): other first weights and another order of the images. It runs
      the teacher in every epoch, on images that are never changed, so its features, computed once,
      are the same. Its bottleneck has a 1x1 convolution, 8.4 million numbers on WideResNet50, that
      nothing calls: ours leaves it out.
    * "paper": its 1x1 convolution after the fusion keeps all channels, which is ours: the text
        gives no number.
    * "anomalib" (2.7): as "official", and how long is trained is left to its trainer and 32 images
      are a batch by default: the preset has the authors' 200 and 16.
    * "cpu": ours, for trying out, named after nothing.

    Examples
    --------
    >>> from adviz import ReverseDistillation
    >>> student = ReverseDistillation(layers=(8, 16), student="small", width=0.25, epochs=1)
    >>> student.fit(train.select(images=range(16))).losses_.shape
    (1,)
    """

    limits: ClassVar[tuple[str, ...]] = (
        "It is trained: another seed gives other scores.",
        "It knows positions as far as borders are seen: parts must lie alike in all images.",
    )
    layers: tuple[int | str, ...] = (4, 8, 16)
    bottleneck: Embedding = "oce+mff"
    narrow_bottleneck: bool = field(default=False, metadata=LATER)
    mff_projection: bool = False
    loss: Literal["flat", "position"] = "flat"
    map: Literal["sum", "product"] = "sum"
    map_layers: tuple[int | str, ...] | None = None
    image_score: Literal["max", "sum"] = "max"
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
    border: maps.Border = field(default="reflect", metadata=LATER)
    seed: int = 0
    checkpoint: str | Path | None = field(default=None, compare=False)
    device: str = field(default="auto", compare=False)

    def __post_init__(self) -> None:
        self._check_choices(bottleneck=("oce+mff", "oce", "pre"))
        self._check_options()

    @property
    def layers_read(self) -> tuple[int | str, ...]:
        """The layers to rebuild, and the teacher's next stage where that is the bottleneck."""
        strides = [layer for layer in self.layers if isinstance(layer, int)]
        if not self._own_input() or not strides:
            return self.layers
        return (*self.layers, 2 * max(strides))

    def fit(self, features: Features, *, watch: Watch | None = None) -> ReverseDistillation:
        """Train bottleneck and student on the features of normal images.

        An interruption (Ctrl-C) keeps the model trained so far, with a warning.

        Parameters
        ----------
        features: of N >= 2 images.
        watch: called after every epoch with the losses of all epochs so far, (epochs,); no part of
            the method.

        Raises
        ------
        ValueError: fewer than two images, a batch larger than that, a layer these features do not
            have, grids that do not halve, NaN features, a loss that is not finite, or a checkpoint
            of another configuration.
        """
        chosen = self._fitting(
            features, teacher_layers(features, self.layers, with_code=self._own_input())
        )
        try:
            self._prepare(chosen)
            training = self._training()
            checkpoint = self._checkpoint(chosen)
            if checkpoint is None:
                self._train(training, chosen, watching(watch, None))
            else:
                checkpoint.resume(training)
                complete = self._train(training, chosen, watching(watch, checkpoint.keep))
                if complete:
                    checkpoint.write(training)
        except BaseException:
            # Nothing usable was learned, not even when Ctrl-C came before the first step
            del self.layers_
            raise
        self._adopt(training.network, training.losses)
        return self

    @classmethod
    def load(
        cls, path: str | Path, *, digest: str | None = None, device: str | None = None
    ) -> Self:
        """Read a fitted detector that `save` wrote, or one as far as it wrote a checkpoint.

        See `Detector.load`. One from a checkpoint has its `checkpoint` and goes on with it when it
        is fitted again.
        """
        if digest is not None or not is_checkpoint(path):
            return super().load(path, digest=digest, device=device)
        with restoring(KIND, path):
            detector = cls._begun(read_header(path), path, device or "auto")
            training = detector._training()
        restore(path, training)
        detector._adopt(training.network, training.losses)
        return detector

    @classmethod
    def _begun(cls, header: dict[str, Any], path: str | Path, device: str) -> Self:
        """Return the detector that wrote a checkpoint's header, without what it learned."""
        options: dict[str, Any] = {}
        for name, value in current_options(cls, header["options"]).items():
            options[name] = tuple(value) if isinstance(value, list) else value
        if header["clip"]:
            options["batch"] = AtMost(options["batch"])
        detector = cls(**options, checkpoint=path, device=device)
        configuration = header["configuration"]
        detector.layers_ = tuple(configuration["channels"])
        detector.geometry_ = None
        detector._channels = dict(configuration["channels"])
        detector._n_images = configuration["images"]
        detector._backbone = configuration["backbone"], configuration["digest"]
        detector.image_size_ = tuple(configuration["image_size"])
        detector.signed_ = tuple(configuration["signed"])
        detector.batch_ = configuration["batch"]
        detector.strides_ = dict(header["strides"])
        return detector

    def _own_input(self) -> bool:
        return self.bottleneck == "pre"

    def _prepare(self, features: Features) -> None:
        """Refuse features that these networks cannot learn from; note their sizes and signs."""
        check_teacher(features, with_code=self._own_input())
        super()._prepare(features)

    def _training(self) -> Training:
        return self._start(self._network())

    def _network(self) -> nn.Module:
        code = None  # twice the deepest layer's channels
        if self._own_input():
            code = self._channels[self.layers_[-1]]
        plan = plan_for(
            self._backbone[0],
            [self._channels[name] for name in self._taught()],
            embedding=self.bottleneck,
            code=code,
            mff_projection=self.mff_projection,
            skip=self.skip,
            student=self.student,
            width=self.width,
            narrow_bottleneck=self.narrow_bottleneck,
            signed=self._signed(),
        )
        # The code is the deepest layer that is read, or half its grid
        step = self.strides_[self.layers_[-1]]
        if not self._own_input():
            step *= 2
        self.code_ = (plan.code, *(side // step for side in self.image_size_))
        return build(plan, self.seed)

    def _checkpoint(self, features: Features) -> Checkpoint | None:
        """Return the file that this training continues from, and all that its course depends on."""
        if self.checkpoint is None:
            return None
        options = method_options(self)
        # Without a schedule a training of more epochs begins as one of fewer
        free = {*self.read_by_predict, "patience", "layers"}
        if self.schedule is None:
            free.add("epochs")
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
        facts = {
            "options": options,
            "clip": isinstance(self.batch, AtMost),
            "strides": self.strides_,
        }
        return Checkpoint(self.checkpoint, configuration, facts)
