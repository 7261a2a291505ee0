"""What forward and reverse distillation share: a student that is trained to say what the teacher says, and its maps."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
import torch
from torch import Tensor, nn

from adviz._support import bar, check_device
from adviz.core import maps
from adviz.detectors.base import Detector, spread, usable, without_padding
from adviz.detectors.distillation.networks import similarity
from adviz.detectors.distillation.teacher import joined_layers, teacher_batch
from adviz.detectors.distillation.training import Recipe, Training
from adviz.prediction import Prediction

if TYPE_CHECKING:
    from adviz.features import Features

BATCH = 8  # test images at once
Watch = Callable[[np.ndarray], None]  # is given the losses of all epochs so far, (epochs,)


class Distiller(Detector):
    """A teacher that is its features, and a student, which a subclass builds.

    The last of `layers_` is read but not taught where the student's input is a layer of its own
    (the image, or the teacher's own next stage). The options here are those of
    `ReverseDistillation`; a subclass makes fields of those that it offers, and the others stay as
    they are.
    """

    loss: Literal["flat", "position"]
    map: Literal["sum", "product"]
    map_layers: tuple[int | str, ...] | None
    score: Literal["max", "sum"]
    width: float
    epochs: int
    batch: int
    learning_rate: float
    betas: tuple[float, float] = (0.5, 0.999)
    patience: int | None = None
    align_corners: bool = True
    sigma: float
    border: maps.Border = "reflect"
    device: str

    def _check_options(self) -> None:
        """Refuse numbers and names that cannot be meant."""
        self._check_choices(
            loss=("flat", "position"),
            map=("sum", "product"),
            score=("max", "sum"),
            student=("mirrored", "small"),
            schedule=("cosine", None),
            precision=("float32", "bfloat16"),
            border=get_args(maps.Border),
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

    def predict(self, features: Features) -> Prediction:
        """Score images.

        Returns
        -------
        A `Prediction` whose ``layer_maps`` are M1, M2, ... (Eq. 1: one minus the cosine, 0 to 2) at
            the layers' own resolution, all of them whatever `map_layers` says, and that has no
            neighbours.

        Raises
        ------
        ValueError: not fitted, other layers, channels or backbone than in training, another image
            size, or NaN features.
        """
        chosen = self._known(features)
        found: dict[str, list[np.ndarray]] = {name: [] for name in self._taught()}
        for teacher, student in self._pairs(chosen):
            for name, wanted, given in zip(found, teacher, student, strict=True):
                # float64: 1 - cosine cancels all but the last digits where the student is good
                found[name].append(
                    (1 - similarity(wanted.double(), given.double()))
                    .clamp_min(0)
                    .float()
                    .cpu()
                    .numpy()
                )
        layer_maps = {
            name: spread(np.concatenate(parts), features) for name, parts in found.items()
        }
        anomaly_map = maps.smooth(
            self._joined(layer_maps, features.image_size), self.sigma, border=self.border
        )
        anomaly_map = without_padding(anomaly_map, features)
        return Prediction(
            score=anomaly_map.max((1, 2))
            if self.score == "max"
            else anomaly_map.sum((1, 2), dtype=np.float64),
            anomaly_map=anomaly_map,
            layer_maps=layer_maps,
            detector=type(self).__name__,
            backbone=features.backbone,
            digest=features.digest,
            ids=tuple(features.ids),
            boxes=features.boxes,
        )

    def rebuild(self, features: Features) -> dict[str, np.ndarray]:
        """Return what the student makes of the images: layer -> (N, C, h, w) float32, in the teacher's shapes."""
        chosen = self._known(features)
        names = self._taught()
        parts = [[layer.cpu().numpy() for layer in student] for _, student in self._pairs(chosen)]
        return {
            name: np.concatenate([part[number] for part in parts])
            for number, name in enumerate(names)
        }

    def norms(self, features: Features) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """Return the lengths of the feature vectors: layer -> the teacher's and the student's, (N, h, w) float32 each.

        The cosine does not see them: with the flat loss only the student's ratio between cells is
        learned.
        """
        chosen = self._known(features)
        names = self._taught()
        parts = [
            [[layer.norm(dim=1).cpu().numpy() for layer in side] for side in pair]
            for pair in self._pairs(chosen)
        ]
        sides = [
            {n: np.concatenate([part[s][i] for part in parts]) for i, n in enumerate(names)}
            for s in (0, 1)
        ]
        return {name: (sides[0][name], sides[1][name]) for name in names}

    def _own_input(self) -> bool:
        """Say whether the last of `layers_` is the student's input and no layer to rebuild."""
        raise AttributeError(f"{type(self).__name__} does not say what its student is fed")

    def _prepare(self, features: Features) -> None:
        """Note what the training depends on beside the options."""
        self.batch_ = usable(self.batch, features.n_images, "batch")
        self.image_size_, self.strides_ = features.image_size, dict(features.strides)
        self.signed_ = tuple(name for name in self._taught() if float(features[name].min()) < 0)
        joined_layers(self._taught(), self.strides_, self.map_layers)

    def _signed(self) -> list[int]:
        return [self._taught().index(name) for name in self.signed_]

    def _network(self) -> nn.Module:
        """Return the networks for the features that were prepared, with their first weights."""
        raise AttributeError(f"{type(self).__name__} does not say what its student is")

    def _start(self, network: nn.Module) -> Training:
        """Return the training of a network that has its first weights."""
        options = {option.name: getattr(self, option.name) for option in fields(Recipe)}
        recipe = Recipe(**{**options, "batch": self.batch_})
        self.device_ = self._device()
        return Training(network, recipe, torch.device(self.device_))

    def _device(self) -> str:
        return (
            ("cuda" if torch.cuda.is_available() else "cpu")
            if self.device == "auto"
            else self.device
        )

    def _train(
        self, training: Training, features: Features, after_epoch: Callable[[Training], None] | None
    ) -> bool:
        """Train on all images; say whether it came to its end."""
        inside = [
            features.inside(array.shape[2:]) for array in features.select(self._taught()).values()
        ]

        def counted(images: np.ndarray) -> list[Tensor]:
            return [
                torch.from_numpy(cells[images]).to(self.device_)
                for cells in inside
                if cells is not None
            ]

        return training.run(
            lambda images: teacher_batch(features, images, self.device_),
            features.n_images,
            after_epoch,
            counted if features.boxes is not None else None,
        )

    def _adopt(self, network: nn.Module, losses: Sequence[float] | np.ndarray) -> None:
        self.network_ = network.eval()
        self.losses_ = np.array(losses, dtype=np.float64)
        self.epochs_ = len(losses)
        self.parameters_ = sum(values.numel() for values in self.network_.parameters())

    def _taught(self) -> tuple[str, ...]:
        """Return the layers that the student rebuilds."""
        return self.layers_[:-1] if self._own_input() else self.layers_

    def _joined(self, layer_maps: dict[str, np.ndarray], size: tuple[int, int]) -> np.ndarray:
        """Return the (N, H, W) sum or product of the chosen layers' maps at the images' size (Eq. 3)."""
        names = joined_layers(self._taught(), self.strides_, self.map_layers)
        resized = [
            maps.resize(layer_maps[name], size, align_corners=self.align_corners) for name in names
        ]
        return np.asarray((np.add if self.map == "sum" else np.multiply).reduce(resized))

    def _known(self, features: Features) -> Features:
        """Return the layers of the test features, checked against the training's."""
        chosen = self._predicting(features)
        if features.image_size != self.image_size_:
            raise ValueError(
                f"a student knows positions: expected images of the training size {self.image_size_}, got "
                f"{features.image_size}; resize them alike"
            )
        return chosen

    def _pairs(self, features: Features) -> Iterator[tuple[list[Tensor], list[Tensor]]]:
        """Yield the layers of some images after the others, as the teacher and as the student has them."""
        taught = len(self._taught())
        with torch.inference_mode():
            for start in bar(range(0, features.n_images, BATCH), label=type(self).__name__):
                teacher = teacher_batch(features, slice(start, start + BATCH), self.device_)
                yield teacher[:taught], self.network_(teacher)


def watching(
    watch: Watch | None, keep: Callable[[Training], None] | None
) -> Callable[[Training], None] | None:
    """Return what to do after every epoch: keep the training, then show its losses; None = nothing."""
    if watch is None:
        return keep

    def after_epoch(training: Training) -> None:
        if keep is not None:
            keep(training)
        watch(np.array(training.losses))

    return after_epoch
