"""What forward and reverse distillation share: training a student, its maps, and its file."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Any, ClassVar, Literal, get_args

import numpy as np
import torch
from torch import Tensor, nn

from adviz._support import check_device, device_here, progress_bar
from adviz.core import maps
from adviz.detectors.base import Detector, reported, usable
from adviz.detectors.distillation.reverse_networks import similarity
from adviz.detectors.distillation.teacher import fused_layers, teacher_batch
from adviz.detectors.distillation.training import Recipe, Training
from adviz.detectors.padding import spread, without_padding
from adviz.detectors.persistence.checked_state import CheckedState, State, positive_integers
from adviz.prediction import Prediction

if TYPE_CHECKING:
    from adviz.features import Features

BATCH = 8  # test images at once
MOST_HALVINGS = 16  # of a stem, above which a file is not believed
Watch = Callable[[np.ndarray], None]  # receives the losses of all epochs so far, (epochs,)


class Distiller(Detector):
    """A student network that is trained to reproduce a teacher's features; a subclass builds it.

    The teacher is the features. The last of `layers_` is read but not taught where the student's
    input is a layer of its own (the image, or the teacher's own next stage). The options here are
    those of `ReverseDistillation`; a subclass makes fields of those that it offers, and the others
    stay as they are.
    """

    read_by_predict: ClassVar[frozenset[str]] = frozenset(
        {"map", "map_layers", "image_score", "align_corners", "sigma", "border"}
    )
    renamed: ClassVar[Mapping[str, str]] = {"score": "image_score"}
    _fed_pixels: ClassVar[bool] = False  # whether the student's input is the image
    loss: Literal["flat", "position"]
    map: Literal["sum", "product"]
    map_layers: tuple[int | str, ...] | None
    image_score: Literal["max", "sum"]
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
    _halvings: int | None = None  # from the image to the finest layer, where pixels are fed

    def _check_options(self) -> None:
        """Refuse numbers and names that cannot be meant."""
        self._check_choices(
            loss=("flat", "position"),
            map=("sum", "product"),
            image_score=("max", "sum"),
            student=("mirrored", "small"),
            schedule=("cosine", None),
            precision=("float32", "bfloat16"),
            border=get_args(maps.Border),
        )
        if self.epochs < 1 or self.batch < 2 or (self.patience is not None and self.patience < 1):
            raise ValueError(
                "expected at least 1 epoch, 2 images a batch (for the batch normalisation) and 1 "
                f"epoch of patience, got epochs={self.epochs}, batch={self.batch}, "
                f"patience={self.patience}"
            )
        if not (self.learning_rate > 0 and self.width > 0 and self.sigma >= 0):
            raise ValueError(
                "learning_rate and width must be above 0 and sigma 0 or more pixels, got "
                f"{self.learning_rate}, {self.width}, {self.sigma}"
            )
        check_device(self.device)

    # What a subclass says

    def _own_input(self) -> bool:
        """Say whether the last of `layers_` is the student's input and no layer to rebuild."""
        raise AttributeError(f"{type(self).__name__} does not say what its student is fed")

    def _network(self) -> nn.Module:
        """Return the networks for the features that were prepared, with their first weights."""
        raise AttributeError(f"{type(self).__name__} does not say what its student is")

    # Prediction

    @reported
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
        chosen = self._checked(features)
        batches: dict[str, list[np.ndarray]] = {name: [] for name in self._taught()}
        for teacher, student in self._pairs(chosen):
            for name, expected, rebuilt in zip(batches, teacher, student, strict=True):
                # float64: 1 - cosine cancels all but the last digits where the student is good
                cosine = similarity(expected.double(), rebuilt.double())  # (n, h, w)
                batches[name].append((1 - cosine).clamp_min(0).float().cpu().numpy())
        layer_maps = {
            name: spread(np.concatenate(values), features) for name, values in batches.items()
        }
        # Eq. 3: one map of all layers, (N, H, W)
        fused = self._fused(layer_maps, features.image_size)
        smoothed = maps.smooth(fused, self.sigma, border=self.border)
        anomaly_map = without_padding(smoothed, features)  # (N, H, W)
        if self.image_score == "max":
            score = anomaly_map.max((1, 2))
        else:
            score = anomaly_map.sum((1, 2), dtype=np.float64)
        return Prediction(
            score=score,
            anomaly_map=anomaly_map,
            layer_maps=layer_maps,
            detector=type(self).__name__,
            backbone=features.backbone,
            digest=features.digest,
            ids=tuple(features.ids),
            boxes=features.boxes,
        )

    def rebuild(self, features: Features) -> dict[str, np.ndarray]:
        """Return the student's features: layer -> (N, C, h, w) float32, in the teacher's shapes."""
        chosen = self._checked(features)
        batches: dict[str, list[np.ndarray]] = {name: [] for name in self._taught()}
        for _, student in self._pairs(chosen):
            for name, rebuilt in zip(batches, student, strict=True):
                batches[name].append(rebuilt.cpu().numpy())
        return {name: np.concatenate(arrays) for name, arrays in batches.items()}

    def norms(self, features: Features) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """Return the lengths of the feature vectors: layer -> the teacher's and the student's.

        They are (N, h, w) float32 each. The cosine does not see them: with the flat loss only the
        student's ratio between locations is learned.
        """
        chosen = self._checked(features)
        teachers: dict[str, list[np.ndarray]] = {name: [] for name in self._taught()}
        students: dict[str, list[np.ndarray]] = {name: [] for name in self._taught()}
        for teacher, student in self._pairs(chosen):
            for name, expected, rebuilt in zip(teachers, teacher, student, strict=True):
                teachers[name].append(expected.norm(dim=1).cpu().numpy())
                students[name].append(rebuilt.norm(dim=1).cpu().numpy())
        return {
            name: (np.concatenate(teachers[name]), np.concatenate(students[name]))
            for name in teachers
        }

    def _fused(self, layer_maps: dict[str, np.ndarray], size: tuple[int, int]) -> np.ndarray:
        """Return the (N, H, W) sum or product of the chosen layers' maps at image size (Eq. 3)."""
        names = fused_layers(self._taught(), self.strides_, self.map_layers)
        resized = [
            maps.resize(layer_maps[name], size, align_corners=self.align_corners) for name in names
        ]
        combine = np.add if self.map == "sum" else np.multiply
        return np.asarray(combine.reduce(resized))

    def _checked(self, features: Features) -> Features:
        """Return the layers of the test features, checked against the training's."""
        chosen = self._predicting(features)
        if features.image_size != self.image_size_:
            raise ValueError(
                "a student knows positions: expected images of the training size "
                f"{self.image_size_}, got {features.image_size}; resize them alike"
            )
        return chosen

    def _pairs(self, features: Features) -> Iterator[tuple[list[Tensor], list[Tensor]]]:
        """Yield the teacher's and the student's layers of some images after the others."""
        count = len(self._taught())
        with torch.inference_mode():
            for start in progress_bar(
                range(0, features.n_images, BATCH), label=type(self).__name__
            ):
                teacher = teacher_batch(features, slice(start, start + BATCH), self.device_)
                yield teacher[:count], self.network_(teacher)

    # Training

    def _prepare(self, features: Features) -> None:
        """Note what the training depends on beside the options."""
        self.batch_ = usable(self.batch, features.n_images, "batch")
        self.image_size_ = features.image_size
        self.strides_ = dict(features.strides)
        self.signed_ = tuple(name for name in self._taught() if float(features[name].min()) < 0)
        fused_layers(self._taught(), self.strides_, self.map_layers)  # refuses others

    def _taught(self) -> tuple[str, ...]:
        """Return the layers that the student rebuilds."""
        return self.layers_[:-1] if self._own_input() else self.layers_

    def _signed(self) -> list[int]:
        """Return the numbers of the taught layers that have negative values."""
        return [self._taught().index(name) for name in self.signed_]

    def _start(self, network: nn.Module) -> Training:
        """Return the training of a network that has its first weights."""
        options = {option.name: getattr(self, option.name) for option in fields(Recipe)}
        recipe = Recipe(**{**options, "batch": self.batch_})
        self.device_ = device_here(self.device)
        return Training(network, recipe, torch.device(self.device_))

    def _train(
        self, training: Training, features: Features, after_epoch: Callable[[Training], None] | None
    ) -> bool:
        """Train on all images; say whether it came to its end."""

        def teacher(images: np.ndarray) -> list[Tensor]:
            return teacher_batch(features, images, self.device_)

        inside = []  # layer -> (N, h, w) bool; empty: nothing is padded
        for array in features.select(self._taught()).values():
            cells = features.inside(array.shape[2:])
            if cells is not None:
                inside.append(cells)

        def counted(images: np.ndarray) -> list[Tensor]:
            return [torch.from_numpy(cells[images]).to(self.device_) for cells in inside]

        return training.run(teacher, features.n_images, after_epoch, counted if inside else None)

    def _adopt(self, network: nn.Module, losses: Sequence[float] | np.ndarray) -> None:
        """Take a trained network and the mean losses of its epochs."""
        self.network_ = network.eval()
        self.losses_ = np.array(losses, dtype=np.float64)
        self.epochs_ = len(losses)
        self.parameters_ = sum(values.numel() for values in self.network_.parameters())

    def work(
        self, *, n_train: int, n_test: int, locations: int, channels: int
    ) -> tuple[float, float]:
        """Return about how many multiplications `fit` and `predict` need.

        Convolutions mix all channels at every location; a training step goes forwards and back.
        """
        forward = locations * (channels * self.width) ** 2
        return float(3 * self.epochs * n_train * forward), float(n_test * forward)

    # Its file

    def _state(self) -> dict[str, Any]:
        weights = self.network_.state_dict()
        return {
            "batch": self.batch_,
            "image_size": self.image_size_,
            "strides": self.strides_,
            "signed": self.signed_,
            "halvings": self._halvings,
            "losses": self.losses_,
            "network": {name: values.detach().cpu().numpy() for name, values in weights.items()},
        }

    def _restore(self, state: State) -> None:
        checked = CheckedState(state)
        halvings = checked.value("halvings", int | None)
        if (halvings is not None) != self._fed_pixels or not 0 <= (halvings or 0) <= MOST_HALVINGS:
            raise ValueError(
                "expected halvings for a student of the pixels, and none for another, got "
                f"{halvings}"
            )
        if self._fed_pixels:
            self._halvings = halvings
        self.batch_ = checked.value("batch", int, least=2)
        self.image_size_ = checked.value("image_size", tuple[int, int], least=1)
        self.strides_ = positive_integers(checked.nested("strides"), self.layers_)
        self.signed_ = checked.value("signed", tuple[str, ...])
        if len(set(self.signed_)) != len(self.signed_):
            raise ValueError(f"expected every signed layer once, got {str(self.signed_)[:80]}")
        fused_layers(self._taught(), self.strides_, self.map_layers)  # refuses others
        # The options and what was just read decide the networks' shapes
        network = self._network_with(checked.nested("network"))
        self.device_ = device_here(self.device)
        network = network.to(self.device_).to(memory_format=torch.channels_last)
        self._adopt(network, checked.array("losses", "float64", "E"))
        checked.end()

    def _network_with(self, arrays: dict[str, np.ndarray]) -> nn.Module:
        """Return the networks that the options describe with weights from a file.

        They are made without memory of their own: the weights' is theirs.
        """
        with torch.device("meta"):
            network = self._network()
        expected = {name: _shape_of(values) for name, values in network.state_dict().items()}
        weights = {name: torch.from_numpy(values) for name, values in arrays.items()}
        shapes = {name: _shape_of(values) for name, values in weights.items()}
        for name in {**expected, **shapes}:
            if expected.get(name) != shapes.get(name):
                raise ValueError(
                    "expected the weights of the student that the options describe, got others: "
                    f"{name}"
                )
        if not all(values.isfinite().all() for values in weights.values()):
            raise ValueError("expected finite weights, got NaN or infinity")
        network.load_state_dict({name: weights[name] for name in expected}, assign=True)
        return network


def _shape_of(values: Tensor) -> tuple[tuple[int, ...], torch.dtype]:
    return tuple(values.shape), values.dtype


def watching(
    watch: Watch | None, keep: Callable[[Training], None] | None
) -> Callable[[Training], None] | None:
    """Return what to do after every epoch: keep the training, show its losses; None = nothing."""
    if watch is None:
        return keep

    def after_epoch(training: Training) -> None:
        if keep is not None:
            keep(training)
        watch(np.array(training.losses))

    return after_epoch
