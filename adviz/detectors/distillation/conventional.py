"""Conventional distillation (arXiv 2201.10703, Figure 2a): the student sees the image too."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Literal

from torch import nn

from adviz.core import maps
from adviz.detectors.base import LATER
from adviz.detectors.distillation.base import Distiller, Watch, watching
from adviz.detectors.distillation.forward_networks import ForwardStudent
from adviz.detectors.distillation.reverse_networks import Size, plan_for, seeded
from adviz.detectors.distillation.teacher import (
    PIXELS,
    check_teacher,
    pixels_and_layers,
    stem_halvings,
)
from adviz.detectors.presets import AtMost

if TYPE_CHECKING:
    from adviz.features import Features


@dataclass(repr=False)
class ConventionalDistillation(Distiller):
    """Distance of a teacher's features of an image to those of a student trained on normal images.

    The didactic counterpart of `ReverseDistillation` (Figure 2a of arXiv 2201.10703, after MKD and
    Uninformed Students): teacher and student have the same shape and get the same image, so that
    nothing keeps the student from seeing a defect as the teacher does. Blocks, losses, training,
    maps and scores are those of `ReverseDistillation`, so that the two differ in the direction
    alone; it is no published method's code. The teacher is the features, which must hold the
    pixels: ``Backbone(..., layers=("image", 4, 8, 16))``. Knows positions as far as borders are
    seen; test images must have the training images' size.

    Attributes
    ----------
    layers: strides or names of the teacher's layers, each with half the grid of the finer one, the
        finest with the image's grid halved some times.
    student: "mirrored": as many residual blocks as the teacher's stages have (a ResNet's; a
        ResNet18's or 50's for others, by their channels); "small": one in every stage.
    width: factor on the inner channels of all blocks.
    loss, map, map_layers, image_score, epochs, batch, learning_rate, schedule, precision, sigma,
        border, seed, device: see `ReverseDistillation`.

    Facts after `fit`: as `ReverseDistillation`'s.

    Presets, and what still differs from what they are named after:

    * "fair": the training of ``ReverseDistillation.preset("official")``, which it is to be compared
      with; the number of trained parameters is another, since there is no bottleneck.
    * "cpu": that of ``ReverseDistillation.preset("cpu")``; ours, named after no code.

    Examples
    --------
    >>> from adviz import ConventionalDistillation
    >>> pixels = backbone.with_layers(["image", 16]).extract(category.train.subset(range(8)))
    >>> student = ConventionalDistillation(layers=(16,), student="small", width=0.25, epochs=1)
    >>> student.fit(pixels).losses_.shape
    (1,)
    """

    _fed_pixels: ClassVar[bool] = True
    limits: ClassVar[tuple[str, ...]] = (
        "It is no published method: it is there to be compared with `ReverseDistillation`.",
        "Nothing keeps its student from seeing a defect as the teacher does.",
    )
    layers: tuple[int | str, ...] = (4, 8, 16)
    loss: Literal["flat", "position"] = "flat"
    map: Literal["sum", "product"] = "sum"
    map_layers: tuple[int | str, ...] | None = None
    image_score: Literal["max", "sum"] = "max"
    student: Size = "mirrored"
    width: float = 1.0
    epochs: int = 200
    batch: int = AtMost(16)
    learning_rate: float = 0.005
    schedule: Literal["cosine"] | None = None
    precision: Literal["float32", "bfloat16"] = "float32"
    sigma: float = 4.0
    border: maps.Border = field(default="reflect", metadata=LATER)
    seed: int = 0
    device: str = field(default="auto", compare=False)

    def __post_init__(self) -> None:
        self._check_options()

    @property
    def layers_read(self) -> tuple[int | str, ...]:
        """The layers to rebuild, and the pixels."""
        return (*self.layers, PIXELS)

    def fit(self, features: Features, *, watch: Watch | None = None) -> ConventionalDistillation:
        """Train the student on normal images and the teacher's features of them.

        An interruption (Ctrl-C) keeps the model trained so far, with a warning.

        Parameters
        ----------
        features: of N >= 2 images, with the layer "image".
        watch: called after every epoch with the losses of all epochs so far, (epochs,); no part of
            the method.

        Raises
        ------
        ValueError: fewer than two images, a batch larger than that, no pixels or no such layer in
            these features, grids that do not halve, NaN features, or a loss that is not finite.
        """
        chosen = self._fitting(features, pixels_and_layers(features, self.layers))
        try:
            check_teacher(chosen.select(self._taught()), with_code=True)
            self._halvings = stem_halvings(chosen)
            self._prepare(chosen)
            training = self._start(self._network())
            self._train(training, chosen, watching(watch, None))
        except BaseException:
            del self.layers_  # nothing usable was learned
            raise
        self._adopt(training.network, training.losses)
        return self

    def _own_input(self) -> bool:
        return True

    def _network(self) -> nn.Module:
        *channels, inputs = self._channels.values()
        plan = plan_for(
            self._backbone[0],
            channels,
            student=self.student,
            width=self.width,
            signed=self._signed(),
        )
        halvings = self._halvings or 0  # noted by `fit`, or read from a file
        return seeded(lambda: ForwardStudent(plan, halvings, inputs), self.seed)
