"""The networks of reverse distillation: the one-class bottleneck and the mirrored student."""

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
        depths = (1,) * len(channels)
        code_depth = 1
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
        every_second = x[:, :, ::2, ::2].contiguous(memory_format=torch.channels_last)
        return nn.functional.conv2d(every_second, self.weight)


def convolution(inputs: int, outputs: int, size: int, step: Step = "same") -> list[nn.Module]:
    """Return a convolution without bias and its batch normalisation.

    Where it goes up it is a 2x2 transposed one.
    """
    if step == "up":
        up = nn.ConvTranspose2d(inputs, outputs, 2, stride=2, bias=False)
        return [up, nn.BatchNorm2d(outputs)]
    unsafe = size == 1 and step == "down" and inputs < SAFE
    kind = Halving if unsafe else nn.Conv2d
    stride = 2 if step == "down" else 1
    layer = kind(inputs, outputs, size, stride=stride, padding=size // 2, bias=False)
    nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
    return [layer, nn.BatchNorm2d(outputs)]


def downwards(channels: Sequence[int]) -> list[nn.Module]:
    """Return 3x3 convolutions that halve the grid, from each number of channels to the next."""
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(channels):
        layers += [*convolution(inputs, outputs, 3, "down"), nn.ReLU(inplace=True)]
    return layers


class Residual(nn.Module):
    """ResNet's residual block.

    Its first 3x3 convolution may halve the grid or, as a 2x2 transposed one, double it.
    """

    def __init__(
        self, inputs: int, outputs: int, kind: Kind, width: float = 1.0, step: Step = "same"
    ) -> None:
        super().__init__()
        quarter = 1 if kind == "basic" else 4
        inner = max(1, round(width * outputs / quarter))
        if kind == "basic":
            body = [
                *convolution(inputs, inner, 3, step),
                nn.ReLU(inplace=True),
                *convolution(inner, outputs, 3),
            ]
        else:
            body = [
                *convolution(inputs, inner, 1),
                nn.ReLU(inplace=True),
                *convolution(inner, inner, 3, step),
                nn.ReLU(inplace=True),
                *convolution(inner, outputs, 1),
            ]
        self.body = nn.Sequential(*body)
        self.shortcut: nn.Module = nn.Identity()
        if step != "same" or inputs != outputs:
            self.shortcut = nn.Sequential(*convolution(inputs, outputs, 1, step))

    def forward(self, x: Tensor) -> Tensor:
        """Return (n, outputs, h', w') of (n, inputs, h, w)."""
        return torch.relu(self.body(x) + self.shortcut(x))


def stage(
    inputs: int, outputs: int, depth: int, kind: Kind, width: float, step: Step
) -> nn.Sequential:
    """Return residual blocks of which the first may change grid and channels."""
    blocks = [Residual(inputs, outputs, kind, width, step)]
    for _ in range(depth - 1):
        blocks.append(Residual(outputs, outputs, kind, width))
    return nn.Sequential(*blocks)


def heads(plan: Plan, numbers: Iterable[int]) -> nn.ModuleList:
    """Return what follows the last ReLU of each stage.

    It is a 1x1 convolution where the teacher's values can be negative (ours: the paper's teachers
    end in a ReLU as well), else nothing.
    """
    return nn.ModuleList(
        nn.Conv2d(plan.channels[n], plan.channels[n], 1) if n in plan.signed else nn.Identity()
        for n in numbers
    )


class OneClassEmbedding(nn.Module):
    """OCBE (Section 3.2, Figure 4): multi-scale feature fusion, then a halving residual stage.

    The fusion brings every layer to the coarsest grid by 3x3 convolutions of stride 2, whose
    channels are those of the layers on the way, and concatenates. Without it ("oce") the stage sees
    the deepest layer alone.
    """

    def __init__(self, plan: Plan) -> None:
        super().__init__()
        channels = plan.channels if plan.embedding == "oce+mff" else plan.channels[-1:]
        self.ways = nn.ModuleList(
            nn.Sequential(*downwards(channels[start:])) for start in range(len(channels))
        )
        fused = channels[-1] * len(channels)
        self.projection: nn.Sequential | None = None
        if plan.mff_projection and plan.embedding == "oce+mff":
            self.projection = nn.Sequential(*convolution(fused, fused, 1), nn.ReLU(inplace=True))
        self.stage = stage(fused, plan.code, plan.code_depth, plan.kind, plan.code_width, "down")

    def forward(self, layers: Sequence[Tensor]) -> Tensor:
        """Return the (n, code, h/2, w/2) embedding of the teacher's layers, finest first.

        h, w are the coarsest layer's.
        """
        deepest = layers[-len(self.ways) :]
        halved = [way(layer) for way, layer in zip(self.ways, deepest, strict=True)]
        fused = torch.cat(halved, 1)  # (n, channels * layers, h, w)
        if self.projection is not None:
            fused = self.projection(fused)
        return torch.as_tensor(self.stage(fused))


class Student(nn.Module):
    """The teacher in reverse (3.1): residual stages that each double the grid, from the code on.

    ``skip`` adds a 1x1 convolution of the teacher's own layer: the path that leaks.
    """

    def __init__(self, plan: Plan) -> None:
        super().__init__()
        deepest_first = plan.channels[::-1]
        self.stages = nn.ModuleList()
        pairs = pairwise((plan.code, *deepest_first))
        for (inputs, outputs), depth in zip(pairs, plan.depths, strict=True):
            self.stages.append(stage(inputs, outputs, depth, plan.kind, plan.width, "up"))
        self.heads = heads(plan, reversed(range(len(plan.channels))))
        self.skips: nn.ModuleList | None = None
        if plan.skip:
            self.skips = nn.ModuleList(nn.Conv2d(c, c, 1, bias=False) for c in deepest_first)

    def forward(self, code: Tensor, teacher: Sequence[Tensor]) -> list[Tensor]:
        """Return the student's layers in the teacher's shapes, finest first.

        `teacher` is read by skip paths only.
        """
        rebuilt: list[Tensor] = []
        x = code
        for number, (residual_stage, head) in enumerate(zip(self.stages, self.heads, strict=True)):
            x = residual_stage(x)
            if self.skips is not None:
                x = x + self.skips[number](teacher[-1 - number])
            rebuilt.append(head(x))
        return rebuilt[::-1]


class Distillation(nn.Module):
    """Bottleneck and student: everything that is trained; of the teacher only features exist."""

    def __init__(self, plan: Plan) -> None:
        super().__init__()
        self.bottleneck = None if plan.embedding == "pre" else OneClassEmbedding(plan)
        self.student = Student(plan)

    def forward(self, teacher: Sequence[Tensor]) -> list[Tensor]:
        """Return the student's layers, finest first, given the teacher's.

        With ``pre`` the last of these is the teacher's stage 4.
        """
        if self.bottleneck is None:
            return list(self.student(teacher[-1], teacher[:-1]))
        return list(self.student(self.bottleneck(teacher), teacher))


def build(plan: Plan, seed: int) -> Distillation:
    """Return the networks with initial weights that depend on the seed alone."""
    return seeded(lambda: Distillation(plan), seed)


def seeded(make: Callable[[], Network], seed: int) -> Network:
    """Return the network that `make` gives after the seed is set.

    The global generator stays as it is.
    """
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)  # no other device's generator is touched
        return make()


def similarity(teacher: Tensor, student: Tensor) -> Tensor:
    """Return the (n, h, w) cosine of (n, C, h, w) features at every location (Eq. 1: 1 - it)."""
    return torch.nn.functional.cosine_similarity(teacher, student, dim=1)


def distance(
    teacher: Sequence[Tensor],
    student: Sequence[Tensor],
    loss: Literal["flat", "position"],
    inside: Sequence[Tensor] | None = None,
) -> Tensor:
    """Return the loss of a batch, 0 to 2 a layer: the sum over layers of one minus the cosine.

    "position": the mean over locations, then over images (Eq. 1-2). "flat": a whole layer of an
    image is one vector, then the mean over images (official code). Only locations that are inside
    count, (n, h, w) bool a layer; None = all.
    """
    if inside is not None:
        return _distance_inside(teacher, student, loss, inside)
    total = torch.zeros((), device=teacher[0].device)
    # With "pre" the teacher has one layer more
    for expected, rebuilt in zip(teacher, student, strict=False):
        if loss == "position":
            cosine = similarity(expected, rebuilt)  # (n, h, w)
        else:
            cosine = similarity(expected.flatten(1), rebuilt.flatten(1))  # (n,)
        total = total + (1 - cosine).mean()
    return total


def _distance_inside(
    teacher: Sequence[Tensor],
    student: Sequence[Tensor],
    loss: Literal["flat", "position"],
    inside: Sequence[Tensor],
) -> Tensor:
    """Return `distance` over the locations that are inside."""
    total = torch.zeros((), device=teacher[0].device)
    for expected, rebuilt, counted in zip(teacher, student, inside, strict=False):
        weights = counted.to(expected)  # (n, h, w)
        if loss == "position":
            distances = (1 - similarity(expected, rebuilt)) * weights
            of_image = distances.sum((1, 2)) / weights.sum((1, 2))  # (n,)
        else:
            expected_inside = (expected * weights[:, None]).flatten(1)
            rebuilt_inside = (rebuilt * weights[:, None]).flatten(1)
            of_image = 1 - similarity(expected_inside, rebuilt_inside)
        total = total + of_image.mean()
    return total
