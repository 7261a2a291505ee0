"""The layout of a layer's output: which of its values belongs to which location of the image.

Many networks return outputs that are not (N, C, h, w): tokens in rows, in columns or in units,
after or before class and register tokens, or channels last. If the shape leaves doubt, the layout
is measured: where a band of the image changes, the locations of that band change most. With bands
as narrow as a location, and one channel, the right layout is the one for which this holds::

    for row in range(h):
        changed = image.clone()
        changed[row * stride : (row + 1) * stride] = other_image[row * stride : (row + 1) * stride]
        change = (layout(run(changed)) - layout(run(image))) ** 2  # (h, w)
        assert change.sum(axis=1).argmax() == row

and likewise for columns. Five bands a side are enough, since rows are then ordered by where they
react on average (`_correlation`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

# From (1, C, H, W) images to {layer: output of its module}
Run = Callable[[Tensor], Mapping[str, Any]]
# (dimension, centre of a band in 0..1) -> outputs of the image with that band changed
Changes = dict[tuple[int, float], Mapping[str, Any]]

# Most tokens that are not part of the grid: of the class, of a distilled teacher, registers
EXTRA = 16
ROWS, COLUMNS = 2, 3  # dimensions of (N, C, H, W)
# Width of the outermost bands as a fraction of a side, at least 2 pixels: a layer that does not
# change with such a band does not see the border
BLIND = 0.01
SILENT = 1e-10  # squared change relative to the largest, below which it is rounding
# Least correlation of where locations react with where a layout puts them. Over 60 architectures of
# timm with random weights the right layout has .76 to .99, and a wrong one .52 at most (one token
# off, or units in rows but for their insides).
CORRELATED = 0.6
# Least standard deviation of the locations' log reactions from which the order can be told
LOCAL = 0.5
BETTER = 0.1  # correlation by which another layout must exceed the usual one


class RefusedLayer(ValueError):
    """The error of a layer that gives no feature map."""


@dataclass(frozen=True)
class Layout:
    """How an output becomes (N, C, h, w).

    Attributes
    ----------
    axes: the order in which its dimensions are (N, C, ...).
    grid: (h, w) on which tokens are laid out; None = the output has four dimensions.
    first: tokens before those of the grid.
    by_columns: tokens go down the columns.
    in_rows: turns tokens that a network orders by units into rows and columns, (N, h, w, C).
    """

    axes: tuple[int, ...]
    grid: tuple[int, int] | None = None
    first: int = 0
    by_columns: bool = False
    in_rows: Callable[[Tensor], Tensor] | None = None

    def __call__(self, output: Tensor) -> Tensor:
        """Return the output as (N, C, h, w)."""
        if self.in_rows is not None:
            output = self.in_rows(output)
        values = output.permute(self.axes)
        if self.grid is None:
            return values
        height, width = self.grid
        values = values[:, :, self.first : self.first + height * width]
        if self.by_columns:
            return values.reshape(*values.shape[:2], width, height).transpose(2, 3)
        return values.reshape(*values.shape[:2], height, width)


def tensor_of(output: Any) -> Tensor:
    """Return a layer's output if it is a tensor, or the only one of a tuple, list or mapping.

    Raises
    ------
    RefusedLayer: several tensors, or none.
    """
    values = output
    if isinstance(output, Mapping):
        values = list(output.values())
    elif not isinstance(output, list | tuple):
        values = [output]
    tensors = [value for value in values if isinstance(value, Tensor)]
    if len(tensors) != 1:
        shapes = ", ".join(str(tuple(tensor.shape)) for tensor in tensors) or "none"
        raise RefusedLayer(
            f"expected a layer that returns one tensor, got a {type(output).__name__} "
            f"with the tensors {shapes}: name a layer inside it, or after it"
        )
    return tensors[0]


def find_layouts(
    outputs: Mapping[str, Tensor],
    run: Run,
    model: nn.Module,
    modules: Mapping[str, str],
    images: Tensor,
    *,
    probe: bool,
) -> dict[str, Layout]:
    """Return each layer's layout, by its shape or, if that is ambiguous, by measurement.

    For a measurement the network runs on an image of noise and on ten that differ from it in one
    band.

    Parameters
    ----------
    outputs: layer -> its output for `images`.
    run: the network.
    model, modules: the network, and layer -> sub-module.
    images: (n, C, H, W), whose shape, type and device are used.
    probe: False = take the usual layout for right.

    Raises
    ------
    RefusedLayer: no grid over the image; locations in no known order; or a border of the image that
        no location sees.
    """
    size = int(images.shape[ROWS]), int(images.shape[COLUMNS])
    possible: dict[str, list[Layout]] = {}
    for layer, output in outputs.items():
        possible[layer] = list(_possible(output, model, modules[layer], size))
        if len(output) != len(images) or not possible[layer]:
            raise RefusedLayer(
                f"expected a layer that returns features on a grid over {size} images, one row for "
                f"each, got {tuple(output.shape)} for {len(images)} images from {modules[layer]}: "
                "name another layer"
            )
    layouts = {layer: candidates[0] for layer, candidates in possible.items()}
    if not probe:
        return layouts
    reductions = {stage["module"]: int(stage["reduction"]) for stage in feature_info(model)}
    strides = {layer: reductions.get(modules[layer]) for layer in possible}
    grids = {layer: _unambiguous_grid(outputs[layer], possible[layer]) for layer in possible}
    doubtful = [layer for layer, grid in grids.items() if not _covers(grid, strides[layer], size)]
    if not doubtful:
        return layouts
    base, changes = _changed_outputs(run, images)
    for layer in doubtful:
        if not _covers(grids[layer], strides[layer], size, rounded_down=True):
            layouts[layer] = _best(layer, possible[layer], base, changes, type(model).__name__)
        _refuse_blind(layer, layouts[layer], base, changes, run, images)
    return layouts


def _possible(
    output: Tensor, model: nn.Module, module: str, size: tuple[int, int]
) -> Iterator[Layout]:
    """Yield the layouts that fit an output's shape, the usual one first."""
    if output.ndim == 4:
        orders = [(0, 1, 2, 3), (0, 3, 1, 2), (0, 1, 3, 2), (0, 3, 2, 1)]
        if getattr(model, "output_fmt", "NCHW") == "NHWC":
            orders = [orders[1], orders[0], *orders[2:]]
        for axes in orders:
            if _fits(output.shape[axes[2]], output.shape[axes[3]], size):
                yield Layout(axes)
    if output.ndim != 3:
        return
    block = module.rpartition(".")[2]
    reroll: Any = getattr(model, "reroll", None)
    if reroll is not None and module == f"blocks.{block}":  # timm's Hiera
        yield Layout((0, 3, 1, 2), in_rows=lambda tokens: reroll(tokens, int(block)))
    usual = getattr(model, "num_prefix_tokens", 0)
    for order in ((0, 2, 1), (0, 1, 2)):
        for first, grid in _splits(output.shape[order[2]], usual, size):
            yield Layout(order, grid, first)
            yield Layout(order, grid, first, by_columns=True)


def _splits(count: int, usual: int, size: tuple[int, int]) -> Iterator[tuple[int, tuple[int, int]]]:
    """Yield (number of tokens before the grid, grid) for `count` tokens, the usual split first."""
    usual_grid = _grid(count - usual, size)
    if usual_grid is not None:
        yield usual, usual_grid
    for extra in range(EXTRA + 1):
        grid = _grid(count - extra, size)
        if grid is None or min(grid) < 2 or extra > grid[0] * grid[1]:
            continue  # too few locations to be distinguished
        # Most networks put the extra tokens first
        for first in range(extra, -1, -1):
            if (first, extra) != (usual, usual):
                yield first, grid


def _grid(count: int, size: tuple[int, int]) -> tuple[int, int] | None:
    """Return the grid (h, w) of `count` locations over an image; None = there is none."""
    if count < 1:
        return None
    rows = max(1, round((count * size[0] / size[1]) ** 0.5))
    columns = count // rows
    if rows * columns != count or rows > size[0]:
        return None
    # Stricter than `_fits`, since a wider shape would take tokens of the grid for extra ones
    has_image_shape = abs(rows * size[1] / size[0] - columns) <= 1
    if size[0] == size[1]:
        has_image_shape = rows == columns
    return (rows, columns) if has_image_shape else None


def _fits(rows: int, columns: int, size: tuple[int, int]) -> bool:
    """Return whether a grid has the image's shape.

    A network rounds both sides alike: up, down, or down to one location less, where convolutions do
    not pad. So one stride must give both numbers of locations.
    """
    for fewer in (0, 1, 2):
        # Bounds of 1 / stride
        lowest = max((rows + fewer - 1) / size[0], (columns + fewer - 1) / size[1])
        highest = min((rows + fewer) / size[0], (columns + fewer) / size[1])
        if lowest <= highest:
            return rows <= size[0]
    return False


def _unambiguous_grid(output: Tensor, layouts: list[Layout]) -> tuple[int, int] | None:
    """Return the (h, w) of a four-dimensional output if its shape fits one order only."""
    # Exchanged rows and columns, which fit square images, occur in no layer of four dimensions
    ordered = [layout.axes for layout in layouts if layout.axes in ((0, 1, 2, 3), (0, 3, 1, 2))]
    if output.ndim != 4 or len(ordered) != 1:
        return None
    _, _, row_axis, column_axis = ordered[0]
    return output.shape[row_axis], output.shape[column_axis]


def _covers(
    grid: tuple[int, int] | None,
    stride: int | None,
    size: tuple[int, int],
    rounded_down: bool = False,
) -> bool:
    """Return whether a grid has as many locations as its stride needs to cover the image.

    With `rounded_down` the last location of a side may be missing. Without a known stride it may be
    any power of two.
    """
    if grid is None:
        return False
    strides = [2**power for power in range(size[0].bit_length() + 1)]
    if stride is not None:
        strides = [stride]
    for step in strides:
        counts = [{math.ceil(side / step)} for side in size]
        if rounded_down:
            counts = [{math.ceil(side / step), side // step} for side in size]
        if grid[0] in counts[0] and grid[1] in counts[1]:
            return True
    return False


def feature_info(model: nn.Module) -> list[dict[str, Any]]:
    """Return timm's description of a network's stages, of those it has; [] for other networks."""
    info = getattr(model, "feature_info", [])
    if hasattr(info, "get_dicts"):
        info = info.get_dicts()
    submodules = dict(model.named_modules())
    return [stage for stage in info if stage.get("module") in submodules]


def _changed_outputs(run: Run, images: Tensor) -> tuple[Mapping[str, Any], Changes]:
    """Return a network's outputs on an image of noise, and on copies with one band changed."""
    plain, other = _noises(images)
    changes: Changes = {}
    for dimension in (ROWS, COLUMNS):
        side = int(images.shape[dimension])
        for start, stop in _bands(side):
            image = _with_band(plain, other, dimension, start, stop)
            changes[dimension, (start + stop) / 2 / side] = run(image)
    return run(plain), changes


def _noises(images: Tensor) -> tuple[Tensor, Tensor]:
    """Return two images of coarse and fine noise, of standard deviation 1 each, (1, C, H, W)."""
    generator = torch.Generator().manual_seed(0)
    return _noise(images, generator), _noise(images, generator)


def _noise(images: Tensor, generator: torch.Generator) -> Tensor:
    _, channels, height, width = images.shape
    coarse = torch.randn((1, channels, height // 8 + 1, width // 8 + 1), generator=generator)
    coarse = coarse.repeat_interleave(8, ROWS).repeat_interleave(8, COLUMNS)
    fine = torch.randn((1, channels, height, width), generator=generator)
    return (coarse[:, :, :height, :width] + fine).to(images)


def _bands(side: int) -> list[tuple[int, int]]:
    """Return (start, stop) of a narrow band at each border, and of three between them."""
    narrow = min(max(2, math.ceil(BLIND * side)), side // 5)
    third = (side - 2 * narrow) / 3
    edges = [0, narrow, narrow + round(third), narrow + round(2 * third), side - narrow, side]
    return [(start, stop) for start, stop in pairwise(edges) if stop > start]


def _with_band(plain: Tensor, other: Tensor, dimension: int, start: int, stop: int) -> Tensor:
    """Return a copy of an image with a band of rows or columns of another."""
    image = plain.clone()
    length = stop - start
    image.narrow(dimension, start, length).copy_(other.narrow(dimension, start, length))
    return image


def _best(
    layer: str, layouts: list[Layout], base: Mapping[str, Any], changes: Changes, network: str
) -> Layout:
    """Return the layout under which the layer changes most where the image changed.

    Raises
    ------
    RefusedLayer: there is none.
    """
    before = tensor_of(base[layer])
    after = {band: tensor_of(outputs[layer]) for band, outputs in changes.items()}
    reactions = [_reactions(layout, before, after) for layout in layouts]
    correlations = [_correlation(reaction) for reaction in reactions]
    usual = correlations[0]
    # If all locations react alike, the order of another layout correlates by chance alone
    local = [_spread(reaction) >= LOCAL for reaction in reactions]
    others = [c for c, is_local in zip(correlations[1:], local[1:], strict=True) if is_local]
    highest = max([usual, *others])
    if usual >= highest - BETTER:
        highest = usual
    if highest >= CORRELATED:
        return layouts[correlations.index(highest)]
    if not local[0]:
        # As of attention that was never trained: nothing speaks against the usual layout
        return layouts[0]
    problem = "its locations are not in the image's rows"
    if before.ndim == 3:
        problem = "these tokens are not in rows"
    raise RefusedLayer(
        f"expected a layer whose locations lie as the image's pixels do, got {layer} of {network}, "
        f"{tuple(before.shape)}: {problem} (where the image changes and where the layer does "
        f"correlate by {highest:.2f} in the best order): name another layer, or give "
        "Backbone(..., probe=False) to lay them out in rows all the same"
    )


def _reactions(
    layout: Layout, before: Tensor, after: Mapping[tuple[int, float], Tensor]
) -> dict[int, tuple[Tensor, Tensor]]:
    """Return, for rows and for columns, each location's reactions to bands and their centres.

    Reactions, (bands, h, w), are logarithms of squared changes, less their mean over the locations,
    as some bands are wide, and over the bands, as some locations react to everything. Dimensions of
    one location, or in which fewer than two bands change anything, are left out.
    """
    features = layout(before)  # (1, C, h, w)
    reactions = {}
    for dimension in (ROWS, COLUMNS):
        bands = [band for band in after if band[0] == dimension]
        differences = [layout(after[band]) - features for band in bands]
        changes = torch.stack([values.double().square().sum(1)[0] for values in differences])
        centres = torch.tensor([centre for _, centre in bands], dtype=torch.float64)
        largest = changes.amax()
        effective = changes.flatten(1).amax(1) > SILENT * largest  # (bands,)
        if features.shape[dimension] == 1 or effective.sum() < 2:
            continue
        logs = (changes[effective] + SILENT * largest).log()
        logs = logs - logs.mean((1, 2), keepdim=True)
        logs = logs - logs.mean(0, keepdim=True)
        reactions[dimension] = logs, centres.to(logs.device)[effective]
    return reactions


def _spread(reactions: Mapping[int, tuple[Tensor, Tensor]]) -> float:
    """Return the smaller standard deviation of the reactions, of rows or columns."""
    return min((float(logs.std()) for logs, _ in reactions.values()), default=0.0)


def _correlation(reactions: Mapping[int, tuple[Tensor, Tensor]]) -> float:
    """Return the smaller correlation of locations' indices with where they react, by dimension.

    A location reacts at the mean centre of the bands, weighted by its reactions.
    """
    correlations = []
    for dimension, (logs, centres) in reactions.items():
        reacts_at = torch.einsum("bhw,b->hw", logs, centres - centres.mean())
        rows, columns = torch.meshgrid(
            *(torch.arange(n, dtype=torch.float64, device=logs.device) for n in reacts_at.shape),
            indexing="ij",
        )
        index = rows if dimension == ROWS else columns  # (h, w)
        pair = torch.stack([reacts_at.flatten(), index.flatten()])
        correlations.append(float(torch.corrcoef(pair)[0, 1].nan_to_num()))
    return min(correlations, default=0.0)


def _refuse_blind(
    layer: str,
    layout: Layout,
    base: Mapping[str, Any],
    changes: Changes,
    run: Run,
    images: Tensor,
) -> None:
    """Refuse a layer that does not see a border of the image, over which its map would stretch.

    Raises
    ------
    RefusedLayer: the border, and the nearest sizes of images that are seen completely.
    """
    before = tensor_of(base[layer])
    if not any(_change(before, outputs[layer]) for outputs in changes.values()):
        return
    names = {ROWS: ("rows", "top", "bottom"), COLUMNS: ("columns", "left", "right")}
    for dimension, (lines, first_border, last_border) in names.items():
        side = int(images.shape[dimension])
        centres = sorted(centre for axis, centre in changes if axis == dimension)
        for centre, border in ((centres[0], first_border), (centres[-1], last_border)):
            if _change(before, changes[dimension, centre][layer]) > 0:
                continue
            blind = _blind_width(layer, dimension, centre > 0.5, run, images)
            locations = layout(before).shape[dimension]
            raise RefusedLayer(
                f"expected a layer that sees the whole image, got {layer}, for which the {blind} "
                f"{lines} at the {border} of {side} change nothing, so that its map would lie "
                f"elsewhere than the network looked: {_advice_on_size(side, blind, locations)}"
            )


def _change(before: Tensor, output: Any) -> float:
    """Return the squared change of an output; 0 for NaN, which is reported elsewhere."""
    change = float((tensor_of(output) - before).double().square().sum())
    return change if math.isfinite(change) else 0.0


def _blind_width(layer: str, dimension: int, at_end: bool, run: Run, images: Tensor) -> int:
    """Return how many rows or columns at a border a layer does not see, by bisection."""
    plain, other = _noises(images)
    before = tensor_of(run(plain)[layer])
    side = int(images.shape[dimension])
    unseen, seen = 0, side
    while seen - unseen > 1:
        width = (unseen + seen) // 2
        start = side - width if at_end else 0
        image = _with_band(plain, other, dimension, start, start + width)
        if _change(before, run(image)[layer]) > 0:
            seen = width
        else:
            unseen = width
    return unseen


def _advice_on_size(side: int, blind: int, locations: int) -> str:
    """Return advice on a border of `blind` pixels that is not seen."""
    stride = (side - blind) / locations
    if not stride.is_integer():
        return "give images of another size, or a layer before it"
    smaller = round(stride * locations)
    larger = round(stride * (locations + 1))
    return (
        f"give images of {smaller} or {larger} pixels, such as Geometry({smaller}, crop=False), "
        "and the same image_size= where the Backbone has one"
    )
