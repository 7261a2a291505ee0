"""Training of a student on stored features, and checkpoints from which it continues bit for bit."""

from __future__ import annotations

import json
import math
import time
import warnings
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from adviz._support import archive, logger, progress_bar
from adviz.detectors.distillation.reverse_networks import distance

KIND = "checkpoint of ReverseDistillation"
# An epoch's state is written after the first, and when this many times a write's duration passed
WRITE_PAUSE = 20
PLATEAU = 0.01  # a loss that has not fallen by this fraction has stalled
# Numbers of images -> their layers, (n, C, h, w) float32, finest first
Teacher = Callable[[np.ndarray], list[Tensor]]
# Numbers of images -> which locations of each layer count, (n, h, w) bool
Inside = Callable[[np.ndarray], list[Tensor]]


@dataclass(frozen=True)
class Recipe:
    """How to train; see `ReverseDistillation` for the meaning."""

    loss: Literal["flat", "position"]
    epochs: int
    batch: int
    learning_rate: float
    betas: tuple[float, float]
    schedule: Literal["cosine"] | None
    patience: int | None
    precision: Literal["float32", "bfloat16"]
    seed: int


class Training:
    """A network, its optimiser and how far they are; everything that a next epoch depends on.

    The order of the images is drawn from (seed, epoch) and the learning rate follows from the step,
    so that neither a generator nor a schedule has a state of its own.
    """

    def __init__(self, network: nn.Module, recipe: Recipe, device: torch.device) -> None:
        self.recipe = recipe
        self.device = device
        self.network = network.to(device).to(memory_format=torch.channels_last)
        self.optimiser = torch.optim.Adam(
            network.parameters(), lr=recipe.learning_rate, betas=recipe.betas
        )
        self.losses: list[float] = []
        self._inside: Inside | None = None

    def run(
        self,
        teacher: Teacher,
        count: int,
        keep: Callable[[Training], None] | None,
        inside: Inside | None = None,
    ) -> bool:
        """Train to the end, or until the loss stalls or an interruption.

        The latter warns, and what is learned stays.

        Parameters
        ----------
        teacher: gives the features of some of the `count` training images.
        keep: is called after every epoch; None = nothing to do.
        inside: says which locations count; None = all.

        Returns
        -------
        Whether it came to its end; after an interruption the network may be within an epoch.

        Raises
        ------
        ValueError: a loss that is not finite.
        """
        self._inside = inside
        log = logger()
        started = time.monotonic()
        progress = progress_bar(label="student", total=self.recipe.epochs)
        progress.update(len(self.losses))
        try:
            while len(self.losses) < self.recipe.epochs and not stalled(
                self.losses, self.recipe.patience
            ):
                self.losses.append(self._epoch(teacher, count))
                log.debug("student: epoch %d, loss %.4g", len(self.losses), self.losses[-1])
                progress.update(1)
                progress.set_postfix(loss=f"{self.losses[-1]:.4f}")
                if keep is not None:
                    keep(self)
        except KeyboardInterrupt:
            done = f"{len(self.losses)} of {self.recipe.epochs} epochs"
            warnings.warn(f"interrupted: the student has learned for {done}", stacklevel=3)
            return False
        finally:
            progress.close()
        seconds = time.monotonic() - started
        log.info("student: %d epochs on %d images in %.2f s", len(self.losses), count, seconds)
        return True

    def _epoch(self, teacher: Teacher, count: int) -> float:
        """Go through all images once; return the mean loss over them while it went on."""
        self.network.train()
        epoch = len(self.losses)
        order = batches(count, self.recipe.batch, self.recipe.seed, epoch)
        total = 0.0
        for number, images in enumerate(order):
            rate = self._rate(epoch + number / len(order))
            for group in self.optimiser.param_groups:
                group["lr"] = rate
            if self._inside is None:
                loss = self._step(teacher(images))
            else:
                loss = self._step(teacher(images), self._inside(images))
            if not math.isfinite(loss):
                raise ValueError(
                    f"expected a finite loss, got {loss} in epoch {epoch + 1} of "
                    f"{self.recipe.epochs} at learning rate {rate:.3g}: train with a lower "
                    "learning_rate, or precision='float32'"
                )
            total += len(images) * loss
        return total / count

    def _step(self, expected: Sequence[Tensor], inside: Sequence[Tensor] | None = None) -> float:
        """Change the weights by the loss of one batch, and return that loss."""
        mixed = self.recipe.precision == "bfloat16"
        with torch.autocast(self.device.type, torch.bfloat16, enabled=mixed):
            rebuilt = self.network(expected)
        loss = distance(expected, [layer.float() for layer in rebuilt], self.recipe.loss, inside)
        self.optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimiser.step()
        return float(loss.detach())

    def _rate(self, epoch: float) -> float:
        """Return the learning rate at a time in epochs.

        The cosine's reaches 0 at the end (arXiv 1608.03983, Eq. 5).
        """
        if self.recipe.schedule is None:
            return self.recipe.learning_rate
        progress = epoch / self.recipe.epochs
        return self.recipe.learning_rate * (1 + math.cos(math.pi * progress)) / 2


def batches(count: int, batch: int, seed: int, epoch: int) -> list[np.ndarray]:
    """Return the numbers of `count` images in an epoch's order, in batches.

    A last batch of one image, whose batch statistics would be its own, joins the batch before
    (ours).
    """
    order = np.random.default_rng([seed, epoch]).permutation(count)
    drawn = np.split(order, range(batch, count, batch))
    if len(drawn) > 1 and len(drawn[-1]) == 1:
        return [*drawn[:-2], np.concatenate(drawn[-2:])]
    return drawn


def stalled(losses: Sequence[float], patience: int | None) -> bool:
    """Say whether the best of the last `patience` losses is not 1 % below the best before them."""
    if patience is None or len(losses) <= patience:
        return False
    return min(losses[-patience:]) > (1 - PLATEAU) * min(losses[:-patience])


def fingerprint(arrays: Iterable[np.ndarray]) -> str:
    """Return the CRC-32 of all values as 8 hexadecimal digits, image by image."""
    value = 0
    for array in arrays:
        for image in array:
            value = zlib.crc32(np.ascontiguousarray(image).data, value)
    return f"{value:08x}"


class Checkpoint:
    """A file that a training writes itself to, see `adviz.archive`; nothing in it is executed.

    Parameters
    ----------
    path: of the file; it appears in one step.
    configuration: JSON values that a training must share with the file to continue from it.
    facts: JSON values that are stored beside.
    """

    def __init__(
        self, path: str | Path, configuration: dict[str, Any], facts: dict[str, Any]
    ) -> None:
        self.path = Path(path)
        self.configuration = configuration
        self.facts = facts
        self._next = 0.0  # time of the next write

    def keep(self, training: Training) -> None:
        """Write the training, unless writing would then take more than a twentieth of the time."""
        if time.monotonic() >= self._next:
            self.write(training)

    def write(self, training: Training) -> None:
        """Write the training as it is after its last epoch; a failure only warns."""
        started = time.monotonic()
        try:
            self._write(training)
        except OSError as error:
            warnings.warn(
                f"the training goes on but is not kept in {self.path} ({error}): free some space, "
                "or choose another file; what was kept there before stays",
                stacklevel=2,
            )
        self._next = time.monotonic() + WRITE_PAUSE * (time.monotonic() - started)

    def _write(self, training: Training) -> None:
        states = training.optimiser.state_dict()["state"]
        header = {"configuration": self.configuration, "losses": training.losses, **self.facts}
        content = {
            "header": json.loads(json.dumps(header)),
            "network": _arrays(training.network.state_dict()),
            "optimiser": {str(number): _arrays(values) for number, values in states.items()},
        }
        self.path.parent.mkdir(parents=True, exist_ok=True)
        archive.write(self.path, KIND, content)

    def resume(self, training: Training) -> None:
        """Bring the training to the state in the file, if there is one.

        Raises
        ------
        ValueError: the file is no checkpoint, or one of another configuration; what differs is
            named.
        """
        if not self.path.exists():
            return
        header = read_header(self.path)
        stored = header["configuration"]
        expected = json.loads(json.dumps(self.configuration))
        differences = []
        for name in {**expected, **stored}:
            if expected.get(name) != stored.get(name):
                differences.append(f"{name} {expected.get(name)!r}, got {stored.get(name)!r}")
        if differences:
            raise ValueError(
                f"expected a checkpoint of this configuration in {self.path}: "
                f"{'; '.join(differences)}. Continue with the options and images it was written "
                "with, remove the file, or choose another one"
            )
        restore(self.path, training)


def is_checkpoint(path: str | Path) -> bool:
    """Return whether a file says that it is a checkpoint."""
    return archive.kind_of(path) == KIND or _format_1(path) is not None


def read_header(path: str | Path) -> dict[str, Any]:
    """Return what a checkpoint says beside its tensors; raises as `read_checkpoint`."""
    return dict(read_checkpoint(path)["header"])


def read_checkpoint(path: str | Path) -> dict[str, Any]:
    """Return a checkpoint's "header", "network" and "optimiser" (number -> name -> array).

    Raises
    ------
    FileNotFoundError: no such file.
    ValueError: not a checkpoint, damaged, or of a newer adviz.
    """
    old = _format_1(path)
    return archive.read(path, KIND).content if old is None else old


def _format_1(path: str | Path) -> dict[str, Any] | None:
    """Return a checkpoint of the first format, which had no digest; None = it is something else."""
    from safetensors import SafetensorError, safe_open

    if not Path(path).is_file():
        return None
    try:
        with safe_open(path, "np") as file:
            header = json.loads((file.metadata() or {})["adviz"])
            if header.pop("format", None) != 1 or "configuration" not in header:
                return None
            content: dict[str, Any] = {"header": header, "network": {}, "optimiser": {}}
            for name in file.keys():
                group, _, rest = name.partition(".")
                number, _, key = rest.partition(".")
                into = (
                    content["network"]
                    if group == "network"
                    else content["optimiser"].setdefault(number, {})
                )
                into[rest if group == "network" else key] = file.get_tensor(name)
    except (SafetensorError, KeyError, ValueError, AttributeError):
        return None
    return content


def restore(path: str | Path, training: Training) -> None:
    """Put a checkpoint's weights, optimiser and losses into a training of the same networks."""
    content = read_checkpoint(path)
    with archive.restoring(KIND, path):
        training.network.load_state_dict(_tensors(content["network"]))
        groups = training.optimiser.state_dict()["param_groups"]
        state = {int(number): _tensors(values) for number, values in content["optimiser"].items()}
        training.optimiser.load_state_dict({"state": state, "param_groups": groups})
        training.losses = list(content["header"]["losses"])


def _arrays(tensors: Mapping[str, Tensor]) -> dict[str, np.ndarray]:
    return {name: values.detach().cpu().numpy() for name, values in tensors.items()}


def _tensors(arrays: Mapping[str, np.ndarray]) -> dict[str, Tensor]:
    return {name: torch.from_numpy(values) for name, values in arrays.items()}
