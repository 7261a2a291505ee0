"""The trainable half of reverse distillation: the one-class bottleneck and the student that mirrors the teacher."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, TypeVar

import torch
from torch import Tensor, nn

Kind = Literal["basic", "bottleneck"]
Step = Literal["same", "down", "up"]
Embedding = Literal["oce+mff", "oce", "pre"]
Size = Literal["mirrored", "small"]
Network = TypeVar("Network", bound=nn.Module)
# teacher -> residual block, the student's blocks per stage from the deepest on, blocks of the OCE,
# and the width of a bottleneck block's inside, in quarters of its output: what the authors' code
# builds
PUBLISHED: dict[str, tuple[Kind, tuple[int, ...], int, float]] = {
    "resnet18": ("basic", (2, 2, 2), 2, 1.0),
    "resnet34": ("basic", (3, 4, 6), 3, 1.0),
    "resnet50": ("bottleneck", (3, 4, 6), 3, 1.0),
    "wide_resnet50_2": ("bottleneck", (3, 4, 6), 3, 2.0),
}
SAFE = 16  # input channels from which on oneDNN's strided 1x1 convolution can be trusted
# Channels of the finest layer from which on a teacher that is not in the table is taken for a
# ResNet50
DEEP = 256


@dataclass(frozen=True)
class Plan:
    """What to build for a teacher.

    Attributes
    ----------
    channels: of the teacher's layers, finest first.
    kind: residual blocks of two 3x3 convolutions ("basic") or 1x1, 3x3, 1x1 ("bottleneck").
    depths: blocks of the student's stages in the order they are run, so deepest first in reverse,
        one for each layer.
    code_depth: blocks of the OCE.
    width: inner channels of the student's blocks, relative to their output ("basic") or a quarter
        of it ("bottleneck").
    code_width: the same of the OCE's blocks.
    embedding: what turns the teacher's features into the student's input.
    code: channels of the student's input.
    mff_projection: the 1x1 convolution after the concatenation.
    skip: the student also sees the teacher's layers.
    signed: layers (numbers) whose values can be negative, which a block that ends in ReLU cannot
        give.
    """

    channels: tuple[int, ...]
    kind: Kind
    depths: tuple[int, ...]
    code_depth: int
    width: float
    code_width: float
    embedding: Embedding
    code: int
    mff_projection: bool = False
    skip: bool = False
    signed: tuple[int, ...] = ()


def plan_for(
    backbone: str,
    channels: Sequence[int],
    *,
    embedding: Embedding = "oce+mff",
    code: int | None = None,
    mff_projection: bool = False,
    skip: bool = False,
    student: Size = "mirrored",
    width: float = 1.0,
    narrow_bottleneck: bool = False,
    signed: Sequence[int] = (),
) -> Plan:
    """Choose the blocks for a teacher: the published ones by its name, else by its channels.

    Parameters
    ----------
    backbone: name of the teacher, as `Features` record it; "" = unknown.
    channels: of its layers, finest first.
    embedding, mff_projection, skip, signed: see `Plan`.
    code: channels of the teacher's own stage 4, for ``embedding="pre"``.
    student: "mirrored", or "small": one block each in the stages and in the OCE (ours).
    width: a further factor on the inner channels (ours).
    narrow_bottleneck: the OCE's blocks have the width of a plain ResNet's, whatever the teacher's.

    Notes
    -----
    An unknown teacher gets ResNet50's blocks if its finest layer has 256 channels or more, else
    ResNet18's. A code has twice the channels of the deepest layer, as a ResNet's stage 4.
    """
    name = backbone.partition(" ")[0].partition(".")[0].removeprefix("tv_")
    deep: Kind = "bottleneck" if channels[0] >= DEEP else "basic"
    unknown = PUBLISHED["resnet50" if deep == "bottleneck" else "resnet18"]
    kind, depths, code_depth, factor = PUBLISHED.get(name, unknown)
    depths = (*depths, *[depths[-1]] * len(channels))[: len(channels)]
    if student == "small":
        depths, code_depth = (1,) * len(channels), 1
    code_factor = min(factor, 1.0) if narrow_bottleneck else factor
    return Plan(
        channels=tuple(channels),
        kind=kind,
        depths=depths,
        code_depth=code_depth,
        width=factor * width,
        code_width=code_factor * width,
        embedding=embedding,
        code=2 * channels[-1] if code is None else code,
        mff_projection=mff_projection,
        skip=skip,
        signed=tuple(signed),
    )


class Halving(nn.Conv2d):
    """A 1x1 convolution of stride 2, written as one of stride 1 on every second row and column.

    For fewer than `SAFE` input channels that come last: there oneDNN's own one writes past its
    memory in the backward pass (below 8 with AVX2, 16 with AVX-512: its issue 6035, in torch 2.15
    as well).
    """

    def forward(self, x: Tensor) -> Tensor:
        """Return (n, outputs, h/2, w/2) of (n, inputs, h, w)."""
        kept = x[:, :, ::2, ::2].contiguous(memory_format=torch.channels_last)
        return nn.functional.conv2d(kept, self.weight)


def convolution(inputs: int, outputs: int, size: int, step: Step = "same") -> list[nn.Module]:
    """Return a convolution (2x2 transposed where it goes up) without bias, and its batch normalisation."""
    layer: nn.Module
    if step == "up":
        layer = nn.ConvTranspose2d(inputs, outputs, 2, stride=2, bias=False)
    else:
        kind = Halving if (size, step) == (1, "down") and inputs < SAFE else nn.Conv2d
        layer = kind(
            inputs, outputs, size, stride=2 if step == "down" else 1, padding=size // 2, bias=False
        )
        nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
    return [layer, nn.BatchNorm2d(outputs)]


class Residual(nn.Module):
    """ResNet's residual block, whose first 3x3 convolution may halve the grid or, as 2x2 transposed one, double it."""

    def __init__(
        self, inputs: int, outputs: int, kind: Kind, width: float = 1.0, step: Step = "same"
    ) -> None:
        super().__init__()
        inner = max(1, round(width * outputs / (1 if kind == "basic" else 4)))
        if kind == "basic":
            body = [
                *convolution(inputs, inner, 3, step),
                nn.ReLU(inplace=True),
                *convolution(inner, outputs, 3),
            ]
        else:
            body = [*convolution(inputs, inner, 1), nn.ReLU(inplace=True)]
            body += [
                *convolution(inner, inner, 3, step),
                nn.ReLU(inplace=True),
                *convolution(inner, outputs, 1),
            ]
        self.body = nn.Sequential(*body)
        same = step == "same" and inputs == outputs
        self.shortcut = (
            nn.Identity() if same else nn.Sequential(*convolution(inputs, outputs, 1, step))
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return (n, outputs, h', w') of (n, inputs, h, w)."""
        return torch.relu(self.body(x) + self.shortcut(x))


def stage(
    inputs: int, outputs: int, depth: int, kind: Kind, width: float, step: Step
) -> nn.Sequential:
    """Return residual blocks of which the first may change grid and channels."""
    first = Residual(inputs, outputs, kind, width, step)
    return nn.Sequential(
        first, *(Residual(outputs, outputs, kind, width) for _ in range(depth - 1))
    )


def heads(plan: Plan, numbers: Iterable[int]) -> nn.ModuleList:
    """Return what follows the last ReLU of each stage: a 1x1 convolution where the teacher's values can be negative.

    Ours: the paper's teachers end in a ReLU as well.
    """
    return nn.ModuleList(
        nn.Conv2d(plan.channels[n], plan.channels[n], 1) if n in plan.signed else nn.Identity()
        for n in numbers
    )


class OneClassEmbedding(nn.Module):
    """OCBE (Section 3.2, Figure 4): multi-scale feature fusion, then a residual stage that halves the grid.

    The fusion brings every layer to the coarsest grid by 3x3 convolutions of stride 2, whose
    channels are those of the layers on the way, and concatenates. Without it ("oce") the stage sees
    the deepest layer alone.
    """

    def __init__(self, plan: Plan) -> None:
        super().__init__()
        channels = plan.channels if plan.embedding == "oce+mff" else plan.channels[-1:]
        self.ways = nn.ModuleList(
            nn.Sequential(
                *(
                    layer
                    for a, b in pairwise(channels[start:])
                    for layer in (*convolution(a, b, 3, "down"), nn.ReLU(inplace=True))
                )
            )
            for start in range(len(channels))
        )
        fused = channels[-1] * len(channels)
        project = plan.mff_projection and plan.embedding == "oce+mff"
        self.projection = (
            nn.Sequential(*convolution(fused, fused, 1), nn.ReLU(inplace=True)) if project else None
        )
        self.stage = stage(fused, plan.code, plan.code_depth, plan.kind, plan.code_width, "down")

    def forward(self, layers: Sequence[Tensor]) -> Tensor:
        """Return the (n, code, h/2, w/2) embedding of the teacher's layers, finest first; h, w are the coarsest's."""
        reached = [
            way(layer) for way, layer in zip(self.ways, layers[-len(self.ways) :], strict=True)
        ]
        fused = torch.cat(reached, 1)
        return torch.as_tensor(
            self.stage(fused if self.projection is None else self.projection(fused))
        )


class Student(nn.Module):
    """The teacher in reverse: residual stages that each double the grid, from the code to the finest layer (3.1).

    ``skip`` adds a 1x1 convolution of the teacher's own layer: the path that leaks.
    """

    def __init__(self, plan: Plan) -> None:
        super().__init__()
        deepest_first = plan.channels[::-1]
        kind, width = plan.kind, plan.width
        self.stages = nn.ModuleList(
            stage(a, b, depth, kind, width, "up")
            for (a, b), depth in zip(
                pairwise((plan.code, *deepest_first)), plan.depths, strict=True
            )
        )
        self.heads = heads(plan, range(len(plan.channels))[::-1])
        self.skips = (
            nn.ModuleList(nn.Conv2d(c, c, 1, bias=False) for c in deepest_first)
            if plan.skip
            else None
        )

    def forward(self, code: Tensor, teacher: Sequence[Tensor]) -> list[Tensor]:
        """Return what the student says in the teacher's shapes, finest first; `teacher` is read by skip paths only."""
        found: list[Tensor] = []
        x = code
        for number, (part, head) in enumerate(zip(self.stages, self.heads, strict=True)):
            x = part(x)
            if self.skips is not None:
                x = x + self.skips[number](teacher[-1 - number])
            found.append(head(x))
        return found[::-1]


class Distillation(nn.Module):
    """Bottleneck and student: everything that is trained; the teacher exists as its features only."""

    def __init__(self, plan: Plan) -> None:
        super().__init__()
        self.bottleneck = None if plan.embedding == "pre" else OneClassEmbedding(plan)
        self.student = Student(plan)

    def forward(self, teacher: Sequence[Tensor]) -> list[Tensor]:
        """Return the student's layers, finest first, for the teacher's: with ``pre`` its stage 4 comes last."""
        if self.bottleneck is None:
            return list(self.student(teacher[-1], teacher[:-1]))
        return list(self.student(self.bottleneck(teacher), teacher))


def build(plan: Plan, seed: int) -> Distillation:
    """Return the networks with initial weights that depend on the seed alone; the global generator stays as it is."""
    return seeded(lambda: Distillation(plan), seed)


def seeded(make: Callable[[], Network], seed: int) -> Network:
    """Return the network that `make` gives after the seed is set; the global generator stays as it is."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)  # no other device's generator is touched
        return make()


def similarity(teacher: Tensor, student: Tensor) -> Tensor:
    """Return the (n, h, w) cosine between the (n, C, h, w) vectors of every cell (Eq. 1 is one minus it)."""
    return torch.nn.functional.cosine_similarity(teacher, student, dim=1)


def distance(
    teacher: Sequence[Tensor],
    student: Sequence[Tensor],
    loss: Literal["flat", "position"],
    inside: Sequence[Tensor] | None = None,
) -> Tensor:
    """Return the loss of a batch, 0 to 2 a layer: the sum over layers of one minus the cosine.

    "position": the mean over cells, then over images (Eq. 1-2). "flat": a whole layer of an image
    is one vector, then the mean over images (official code). Only cells that are inside count, (n,
    h, w) bool a layer; None = all.
    """
    if inside is not None:
        return _distance_inside(teacher, student, loss, inside)
    total = torch.zeros((), device=teacher[0].device)
    # With "pre" the teacher has one layer more
    for wanted, given in zip(teacher, student, strict=False):
        pair = (wanted, given) if loss == "position" else (wanted.flatten(1), given.flatten(1))
        total = total + (1 - similarity(*pair)).mean()
    return total


def _distance_inside(
    teacher: Sequence[Tensor],
    student: Sequence[Tensor],
    loss: Literal["flat", "position"],
    inside: Sequence[Tensor],
) -> Tensor:
    """Return `distance` over the cells that are inside."""
    total = torch.zeros((), device=teacher[0].device)
    for wanted, given, counted in zip(teacher, student, inside, strict=False):
        weights = counted.to(wanted)  # (n, h, w)
        if loss == "position":
            cells = (1 - similarity(wanted, given)) * weights
            total = total + (cells.sum((1, 2)) / weights.sum((1, 2))).mean()
        else:
            parts = [(layer * weights[:, None]).flatten(1) for layer in (wanted, given)]
            total = total + (1 - similarity(*parts)).mean()
    return total
