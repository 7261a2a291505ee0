"""Reverse and conventional distillation as methods.md has them (arXiv 2201.10703), in plain
functions of the weights.

Everything reads a dictionary of weights by the place that they have in the method (`part`), in the
order in which the paper applies them; a normalisation has four tensors (and a counter): scale,
shift, running mean, running variance.
"""

import numpy as np
import torch
import torch.nn.functional as F
from plain_maps import bilinear, gaussian
from plain_spade import Plain


class Part:
    """The weights of one part of a network, taken one after the other."""

    def __init__(self, weights, place, training):
        self.values = iter(
            [w for name, w in weights.items() if name.startswith(place + ".") and w.ndim]
        )
        self.training = training

    def convolution(self, x, stride=1, up=False):
        """A convolution without bias, padded to keep the grid, and its batch normalisation."""
        weight = next(self.values)
        x = (
            F.conv_transpose2d(x, weight, stride=2)
            if up
            else F.conv2d(x, weight, None, stride, weight.shape[-1] // 2)
        )
        scale, shift, mean, variance = (next(self.values) for _ in range(4))
        if self.training:
            mean, variance = x.mean((0, 2, 3)), x.var((0, 2, 3), correction=0)
        x = (x - mean[:, None, None]) / torch.sqrt(variance[:, None, None] + 1e-5)
        return scale[:, None, None] * x + shift[:, None, None]

    def block(self, x, kind, stride=1, up=False):
        """A residual block: two 3x3 convolutions, or 1x1, 3x3, 1x1, of which the first 3x3 changes
        the grid.
        """
        first = {"stride": stride, "up": up}
        if kind == "basic":
            y = self.convolution(torch.relu(self.convolution(x, **first)))
        else:
            y = torch.relu(self.convolution(x))
            y = self.convolution(torch.relu(self.convolution(y, **first)))
        rest = list(self.values)  # of the shortcut, or of the blocks that follow
        self.values = iter(rest)
        changes = up or stride == 2 or y.shape[1] != x.shape[1]
        return torch.relu(y + (self.convolution(x, **first) if changes else x))

    def stage(self, x, kind, depth, stride=1, up=False):
        for number in range(depth):
            x = self.block(x, kind, *((stride, up) if number == 0 else (1, False)))
        return x

    def done(self):
        assert next(self.values, None) is None, "weights are left over"


def embedding(weights, teacher, kind, depth, training=False, *, fusion=True, projection=False):
    """OCBE: every layer to the coarsest grid by 3x3 convolutions of stride 2, joined; then a stage
    that halves it.
    """
    reached = []
    for number, x in enumerate(teacher if fusion else teacher[-1:]):
        way = Part(weights, f"bottleneck.ways.{number}", training)
        for _ in range(len(teacher) - 1 - number if fusion else 0):
            x = torch.relu(way.convolution(x, stride=2))
        way.done()
        reached.append(x)
    x = torch.cat(reached, 1)
    if projection:
        part = Part(weights, "bottleneck.projection", training)
        x = torch.relu(part.convolution(x))
        part.done()
    part = Part(weights, "bottleneck.stage", training)
    x = part.stage(x, kind, depth, stride=2)
    part.done()
    return x


def head(weights, place, x):
    """Ours: a 1x1 convolution after a layer's last ReLU where teachers' values can be negative."""
    found = [value for name, value in weights.items() if name.startswith(place + ".")]
    return F.conv2d(x, *found) if found else x


def decoder(weights, code, teacher, kind, depths, training=False, *, skip=False):
    """The student: stages that double the grid by 2x2 transposed convolutions, from the deepest
    layer to the finest.
    """
    found, x = [], code
    for number, depth in enumerate(depths):
        part = Part(weights, f"student.stages.{number}", training)
        x = part.stage(x, kind, depth, up=True)
        part.done()
        if skip:
            x = x + F.conv2d(teacher[-1 - number], weights[f"student.skips.{number}.weight"])
        found.append(head(weights, f"student.heads.{number}", x))
    return found[::-1]


def reverse(
    weights, teacher, *, kind="basic", depths=(1, 1, 1), code_depth=1, training=False, **options
):
    """The student's layers, finest first; `options`: embedding ("oce+mff", "oce", "pre"),
    projection, skip.
    """
    which = options.get("embedding", "oce+mff")
    if which == "pre":
        *teacher, code = teacher
    else:
        how = {"fusion": which == "oce+mff", "projection": options.get("projection", False)}
        code = embedding(weights, teacher, kind, code_depth, training, **how)
    return decoder(weights, code, teacher, kind, depths, training, skip=options.get("skip", False))


def forward(weights, image, *, halvings, kind="basic", depths=(1, 1, 1), training=False):
    """The student of conventional distillation: halve the image to the finest grid, then one stage
    a layer.
    """
    stem, found = Part(weights, "stem", training), []
    x = image
    for _ in range(halvings):
        x = torch.relu(stem.convolution(x, stride=2))
    stem.done()
    for number, depth in enumerate(depths):
        part = Part(weights, f"stages.{number}", training)
        x = part.stage(x, kind, depth, stride=2 if number else 1)
        part.done()
        found.append(head(weights, f"heads.{number}", x))
    return found


def cosine(a, b, axis):
    return (a * b).sum(axis) / ((a * a).sum(axis) * (b * b).sum(axis)) ** 0.5


def loss(teacher, student, kind):
    """`position`: 1 - cosine of every cell, mean over cells and images; `flat`: of whole layers;
    summed over layers.
    """
    if kind == "flat":
        pairs = [(t.flatten(1), s.flatten(1)) for t, s in zip(teacher, student, strict=True)]
    else:
        pairs = list(zip(teacher, student, strict=True))
    return sum((1 - cosine(t, s, 1)).mean() for t, s in pairs)


def trained(network, weights, teacher, kind, steps, *, rate=0.005, betas=(0.5, 0.999), taught=None):
    """Adam on full batches; return the weights after so many steps, the loss before each, and the
    last gradients.
    """
    names = [name for name in weights if "running" not in name and "num_batches" not in name]
    weights = {name: value.double() for name, value in weights.items()}
    first, second = ({name: torch.zeros_like(weights[name]) for name in names} for _ in range(2))
    losses = []
    for step in range(1, steps + 1):
        values = {name: weights[name].clone().requires_grad_() for name in names}
        found = loss(teacher[:taught], network({**weights, **values}, teacher, training=True), kind)
        gradient = dict(zip(names, torch.autograd.grad(found, list(values.values())), strict=True))
        losses.append(float(found.detach()))
        for name, g in gradient.items():
            first[name] = betas[0] * first[name] + (1 - betas[0]) * g
            second[name] = betas[1] * second[name] + (1 - betas[1]) * g**2
            mean, square = (
                first[name] / (1 - betas[0] ** step),
                second[name] / (1 - betas[1] ** step),
            )
            weights[name] = weights[name] - rate * mean / (torch.sqrt(square) + 1e-8)
    return weights, losses, gradient


def judged(teacher, student, size, *, product=False, score="max", sigma=4.0, border="reflect"):
    """Eq. 1 and 3: one minus the cosine of every cell; bilinear with aligned corners, summed,
    smoothed; its maximum.
    """
    each = {name: np.maximum(1 - cosine(teacher[name], student[name], 1), 0) for name in student}
    large = [bilinear(layer_map, size, align_corners=True) for layer_map in each.values()]
    smoothed = gaussian(np.prod(large, axis=0) if product else np.sum(large, axis=0), sigma, border)
    return Plain(smoothed.max((1, 2)) if score == "max" else smoothed.sum((1, 2)), smoothed, each)
