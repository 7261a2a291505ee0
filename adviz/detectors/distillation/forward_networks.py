"""The student of conventional distillation: the teacher's shape once more, from the pixels on."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn

from adviz.detectors.distillation.networks import Plan, Step, convolution, heads, stage


class ForwardStudent(nn.Module):
    """A second network of the teacher's shape, which is fed the image as well: conventional distillation (Figure 2a).

    The stem halves the image's grid by 3x3 convolutions of stride 2, whose channels double up to
    the finest layer's. The first residual stage stays on that grid, every further one halves it.
    """

    def __init__(self, plan: Plan, halvings: int, inputs: int = 3) -> None:
        super().__init__()
        stem = [inputs, *(max(1, plan.channels[0] >> left) for left in range(halvings)[::-1])]
        self.stem = nn.Sequential(
            *(
                layer
                for a, b in pairwise(stem)
                for layer in (*convolution(a, b, 3, "down"), nn.ReLU(inplace=True))
            )
        )
        steps: list[Step] = ["same", *["down"] * (len(plan.channels) - 1)]  # type: ignore[list-item]
        self.stages = nn.ModuleList(
            stage(a, b, depth, plan.kind, plan.width, step)
            for (a, b), depth, step in zip(
                pairwise((stem[-1], *plan.channels)), plan.depths, steps, strict=True
            )
        )
        self.heads = heads(plan, range(len(plan.channels)))

    def forward(self, layers: Sequence[Tensor]) -> list[Tensor]:
        """Return the student's layers, finest first, for the teacher's, of which only the last is read: the image."""
        found: list[Tensor] = []
        x = self.stem(layers[-1])
        for part, head in zip(self.stages, self.heads, strict=True):
            x = part(x)
            found.append(head(x))
        return found
