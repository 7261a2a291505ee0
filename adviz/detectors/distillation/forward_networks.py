"""The student of conventional distillation: the teacher's shape once more, from the pixels on."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn

from adviz.detectors.distillation.reverse_networks import Plan, Step, downwards, heads, stage


class ForwardStudent(nn.Module):
    """A network of the teacher's shape that is fed the image as well (Figure 2a).

    The stem halves the image's grid by 3x3 convolutions of stride 2, whose channels double up to
    the finest layer's. The first residual stage stays on that grid, every further one halves it.
    """

    def __init__(self, plan: Plan, halvings: int, inputs: int = 3) -> None:
        super().__init__()
        finest = plan.channels[0]
        stem_channels = [inputs]
        for left in reversed(range(halvings)):
            stem_channels.append(max(1, finest >> left))
        self.stem = nn.Sequential(*downwards(stem_channels))
        self.stages = nn.ModuleList()
        step: Step = "same"
        pairs = pairwise((stem_channels[-1], *plan.channels))
        for (inner, outer), depth in zip(pairs, plan.depths, strict=True):
            self.stages.append(stage(inner, outer, depth, plan.kind, plan.width, step))
            step = "down"
        self.heads = heads(plan, range(len(plan.channels)))

    def forward(self, layers: Sequence[Tensor]) -> list[Tensor]:
        """Return the student's layers, finest first, given the teacher's.

        Only the last of these is read: the image.
        """
        rebuilt: list[Tensor] = []
        x = self.stem(layers[-1])
        for residual_stage, head in zip(self.stages, self.heads, strict=True):
            x = residual_stage(x)
            rebuilt.append(head(x))
        return rebuilt
