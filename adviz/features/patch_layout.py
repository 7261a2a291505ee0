"""Where in an image the cells of a layer lie: told by a shape that leaves no doubt, else found out on changed images.

Many networks keep a layer's output in a form of their own: tokens in rows, in columns or in units,
behind or before class and register tokens, channels last. The shape does not tell these apart, so
the network is asked: where a band of the image changes, the cells that lie there change most.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

# (1, C, H, W) images -> {layer: what its module returned}
Run = Callable[[Tensor], Mapping[str, Any]]
# (dimension, where a band lies in 0..1) -> outputs
Changes = dict[tuple[int, float], Mapping[str, Any]]

# Tokens at most that are no part of the grid: of the class, of a distilled teacher, registers
EXTRA = 16
ROWS, COLUMNS = 2, 3  # dimensions of (N, C, H, W)
# Of a side, at least 2 pixels: a border as wide that changes nothing was never looked at
BLIND = 0.01
SILENT = 1e-10  # of the largest squared change: nothing but rounding
# Correlations of where cells react with where a layout puts them. Over 60 architectures of timm
# with random weights the right layout has .76 to .99, and a wrong one .52 at most (one token off,
# or units in rows but for their insides).
FOUND = 0.6
# Standard deviation of the cells' reactions, in logarithms: where it is less, the order cannot be
# told
LOCAL = 0.5
BETTER = 0.1  # than the usual layout, for another to be taken


class RefusedLayer(ValueError):
    """A layer that gives no map: what was expected, what came, what to do."""


@dataclass(frozen=True)
class Layout:
    """How an output becomes (N, C, h, w).

    Attributes
    ----------
    axes: the order in which its dimensions are (N, C, ...).
    grid: (h, w) on which tokens are laid out; None = the output has four dimensions.
    first: tokens before those of the grid.
    by_columns: tokens go down the columns.
    in_rows: what puts tokens that a network keeps in units back into rows and columns, (N, h, w,
        C).
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
    """Return what a layer gave: a tensor, or the only one of a tuple, list or dictionary.

    Raises
    ------
    RefusedLayer: several tensors, or none.
    """
    values = list(output.values()) if isinstance(output, Mapping) else output
    parts = values if isinstance(values, list | tuple) else [values]
    tensors = [part for part in parts if isinstance(part, Tensor)]
    if len(tensors) != 1:
        shapes = ", ".join(str(tuple(tensor.shape)) for tensor in tensors) or "none"
        raise RefusedLayer(
            f"expected a layer that returns one tensor, got a {type(output).__name__} with the tensors {shapes}: "
            "name a layer inside it, or after it"
        )
    return tensors[0]


def found_for(
    outputs: Mapping[str, Tensor],
    run: Run,
    model: nn.Module,
    modules: Mapping[str, str],
    fed: Tensor,
    *,
    probe: bool,
) -> dict[str, Layout]:
    """Return how each layer's output becomes a grid over the image.

    A four-dimensional output whose shape leaves no doubt costs nothing; for all others the network
    runs on an image and on ten that differ from it in one band.

    Parameters
    ----------
    outputs: layer -> what it gave for the images `fed`.
    run: the network.
    model, modules: whose sub-modules the layers are.
    fed: (n, C, H, W), of which shape, type and device count.
    probe: False = take the usual layout for right.

    Raises
    ------
    RefusedLayer: no grid over the image; cells in no known order; or a border of the image that no
        cell sees.
    """
    size = int(fed.shape[ROWS]), int(fed.shape[COLUMNS])
    possible: dict[str, list[Layout]] = {}
    for layer, output in outputs.items():
        possible[layer] = list(_possible(output, model, modules[layer], size))
        if len(output) != len(fed) or not possible[layer]:
            raise RefusedLayer(
                f"expected a layer that returns features on a grid over {size} images, one row for each, got "
                f"{tuple(output.shape)} for {len(fed)} images from {modules[layer]}: name another layer"
            )
    reductions = _reductions(model)
    chosen = {layer: layouts[0] for layer, layouts in possible.items()}
    if not probe:
        return chosen
    grids = {layer: _ordered_grid(outputs[layer], layouts) for layer, layouts in possible.items()}
    strides = {layer: reductions.get(modules[layer]) for layer in possible}
    doubtful = [layer for layer, grid in grids.items() if not _covers(grid, strides[layer], size)]
    if not doubtful:
        return chosen
    base, changes = _changed(run, fed)
    for layer in doubtful:
        if not _covers(grids[layer], strides[layer], size, but_for_a_rest=True):
            chosen[layer] = _best(layer, possible[layer], base, changes, type(model).__name__)
        _refuse_blind(layer, chosen[layer], base, changes, run, fed)
    return chosen


def _possible(
    output: Tensor, model: nn.Module, module: str, size: tuple[int, int]
) -> Iterator[Layout]:
    """Yield the layouts that an output's shape admits, the usual one first."""
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
    """Yield how many of `count` tokens may come before a grid, and the grid; the usual number first."""
    grids = [(extra, _grid(count - extra, size)) for extra in (usual, *range(EXTRA + 1))]
    if grids[0][1] is not None:
        yield usual, grids[0][1]
    for extra, grid in grids[1:]:
        if grid is None or min(grid) < 2 or extra > grid[0] * grid[1]:
            continue  # too few cells to be told from others
        # Most networks put them first.
        for first in range(extra, -1, -1):
            if (first, extra) != (usual, usual):
                yield first, grid


def _grid(count: int, size: tuple[int, int]) -> tuple[int, int] | None:
    """Return the (h, w) of so many cells over an image, None where they make no grid of its shape."""
    if count < 1:
        return None
    rows = max(1, round((count * size[0] / size[1]) ** 0.5))
    columns = count // rows
    # Narrower than `_fits`, since a wider shape would take tokens of the grid for extra ones.
    whole = rows * columns == count and abs(rows * size[1] / size[0] - columns) <= 1
    square = size[0] != size[1] or rows == columns
    return (rows, columns) if whole and square and rows <= size[0] else None


def _fits(rows: int, columns: int, size: tuple[int, int]) -> bool:
    """Tell whether a grid has the image's shape.

    A network rounds both sides alike: up, down, or down to one cell less, where convolutions do not
    pad.
    """
    for fewer in (0, 1, 2):
        densities = [
            (cells + fewer, side) for cells, side in zip((rows, columns), size, strict=True)
        ]
        lowest = max((cells - 1) / side for cells, side in densities)
        highest = min(cells / side for cells, side in densities)
        if lowest <= highest:
            return rows <= size[0]
    return False


def _ordered_grid(output: Tensor, layouts: list[Layout]) -> tuple[int, int] | None:
    """Return the (h, w) of an output of four dimensions whose shape admits one order; None for all others."""
    # On a square image rows and columns could be exchanged, which no layer of four dimensions does.
    ordered = [layout.axes for layout in layouts if layout.axes in ((0, 1, 2, 3), (0, 3, 1, 2))]
    if output.ndim != 4 or len(ordered) != 1:
        return None
    _, _, row_axis, column_axis = ordered[0]
    return output.shape[row_axis], output.shape[column_axis]


def _covers(
    grid: tuple[int, int] | None,
    stride: int | None,
    size: tuple[int, int],
    but_for_a_rest: bool = False,
) -> bool:
    """Tell whether a grid is beyond doubt one of cells that cover the image, or all of it but a rest of a cell.

    It is where the network says its stride and so many cells are needed, or where they are with a
    power of two.
    """
    if grid is None:
        return False
    strides = (
        [2**power for power in range(size[0].bit_length() + 1)] if stride is None else [stride]
    )
    for each in strides:
        counts = [{math.ceil(side / each)} for side in size]
        if but_for_a_rest:
            counts = [{math.ceil(side / each), side // each} for side in size]
        if all(cells in count for cells, count in zip(grid, counts, strict=True)):
            return True
    return False


def _reductions(model: nn.Module) -> dict[str, int]:
    """Return {sub-module: stride}, as far as the network says it."""
    return {part["module"]: int(part["reduction"]) for part in feature_info(model)}


def feature_info(model: nn.Module) -> list[dict[str, Any]]:
    """Return what a network of timm says of its stages, of those that it has; [] for other networks."""
    info = getattr(model, "feature_info", [])
    stages = list(info.get_dicts() if hasattr(info, "get_dicts") else info)
    parts = dict(model.named_modules())
    return [stage for stage in stages if stage.get("module") in parts]


def _changed(run: Run, fed: Tensor) -> tuple[Mapping[str, Any], Changes]:
    """Return a network's outputs on an image of noise, and on the same with other noise in one band of it."""
    plain, other = _noises(fed)
    changes: Changes = {}
    for dimension in (ROWS, COLUMNS):
        side = int(fed.shape[dimension])
        for start, stop in _bands(side):
            image = _with_band(plain, other, dimension, start, stop)
            changes[dimension, (start + stop) / 2 / side] = run(image)
    return run(plain), changes


def _noises(fed: Tensor) -> tuple[Tensor, Tensor]:
    """Return two images as large as those that are fed: coarse and fine noise, of deviation 1 each."""
    generator = torch.Generator().manual_seed(0)
    _, channels, height, width = fed.shape
    images = []
    for _ in range(2):
        coarse = torch.randn((1, channels, height // 8 + 1, width // 8 + 1), generator=generator)
        coarse = coarse.repeat_interleave(8, ROWS).repeat_interleave(8, COLUMNS)[
            :, :, :height, :width
        ]
        fine = torch.randn((1, channels, height, width), generator=generator)
        images.append((coarse + fine).to(fed))
    return images[0], images[1]


def _bands(side: int) -> list[tuple[int, int]]:
    """Return (start, stop) of a narrow band at each border, and of three that share what lies between."""
    narrow = min(_narrow(side), side // 5)
    third = (side - 2 * narrow) / 3
    edges = [0, narrow, narrow + round(third), narrow + round(2 * third), side - narrow, side]
    return [(start, stop) for start, stop in pairwise(edges) if stop > start]


def _narrow(side: int) -> int:
    return max(2, math.ceil(BLIND * side))


def _with_band(plain: Tensor, other: Tensor, dimension: int, start: int, stop: int) -> Tensor:
    image = plain.clone()
    length = stop - start
    image.narrow(dimension, start, length).copy_(other.narrow(dimension, start, length))
    return image


def _best(
    layer: str, layouts: list[Layout], base: Mapping[str, Any], changes: Changes, network: str
) -> Layout:
    """Return the layout under which a change of the image is where the image changed.

    Raises
    ------
    RefusedLayer: it is so under none.
    """
    before = tensor_of(base[layer])
    after = {band: tensor_of(outputs[layer]) for band, outputs in changes.items()}
    reactions = [_reactions(layout, before, after) for layout in layouts]
    local = [_spread(found) >= LOCAL for found in reactions]
    agreements = [_agreement(found) for found in reactions]
    # Where all cells react alike, another order agrees by chance alone.
    highest = max(value for value, told in zip(agreements, [True, *local[1:]], strict=True) if told)
    best = 0 if agreements[0] >= highest - BETTER else agreements.index(highest)
    if agreements[best] < FOUND and not local[0]:
        # As of attention that was never trained: nothing speaks against the usual order
        return layouts[0]
    if agreements[best] < FOUND:
        what = (
            "these tokens are not in rows"
            if before.ndim == 3
            else "its cells are not in the image's rows"
        )
        raise RefusedLayer(
            f"expected a layer whose cells lie as the image's pixels do, got {layer} of {network}, "
            f"{tuple(before.shape)}: {what} (where the image changes and where the layer does correlate by "
            f"{agreements[best]:.2f} in the best order): name another layer, or give Backbone(..., probe=False) to lay "
            "them out in rows all the same"
        )
    return layouts[best]


def _reactions(
    layout: Layout, before: Tensor, after: Mapping[tuple[int, float], Tensor]
) -> dict[int, tuple[Tensor, Tensor]]:
    """Return how much more than others the cells react to bands, (bands, h, w), and where these lie; by dimension.

    Reactions are logarithms of squared changes, less their mean over the cells, as some bands are
    wide, and over the bands, as some cells react to everything. Dimensions of one cell, or in which
    fewer than two bands change anything, say nothing.
    """
    grid = layout(before)
    squares = {
        band: (layout(output) - grid).double().square().sum(1)[0] for band, output in after.items()
    }
    found = {}
    for dimension in (ROWS, COLUMNS):
        changes = torch.stack(
            [square for (axis, _), square in squares.items() if axis == dimension]
        )
        places = torch.tensor(
            [place for axis, place in squares if axis == dimension], dtype=torch.float64
        )
        largest = changes.amax()
        felt = changes.flatten(1).amax(1) > SILENT * largest
        if grid.shape[dimension] == 1 or felt.sum() < 2:
            continue
        logs = (changes[felt] + SILENT * largest).log()
        logs = logs - logs.mean((1, 2), keepdim=True)
        logs = logs - logs.mean(0, keepdim=True)
        found[dimension] = logs, places.to(logs.device)[felt]
    return found


def _spread(reactions: Mapping[int, tuple[Tensor, Tensor]]) -> float:
    """Return the standard deviation of the cells' reactions, of the dimension in which it is smaller."""
    return min((float(logs.std()) for logs, _ in reactions.values()), default=0.0)


def _agreement(reactions: Mapping[int, tuple[Tensor, Tensor]]) -> float:
    """Return the lower of two correlations: of rows, and of columns, with where the cells react.

    A cell reacts where the bands lie, on average with its reactions as weights.
    """
    found = []
    for dimension, (logs, places) in reactions.items():
        where = torch.einsum("bhw,b->hw", logs, places - places.mean())
        order = torch.arange(
            where.shape[dimension - ROWS], dtype=torch.float64, device=where.device
        )
        order = order[:, None] if dimension == ROWS else order[None, :]
        pair = torch.stack([where.flatten(), order.expand_as(where).flatten()])
        found.append(float(torch.corrcoef(pair)[0, 1].nan_to_num()))
    return min(found, default=0.0)


def _refuse_blind(
    layer: str, layout: Layout, base: Mapping[str, Any], changes: Changes, run: Run, fed: Tensor
) -> None:
    """Refuse a layer that never looks at a border of the image, over which its map would be stretched.

    Raises
    ------
    RefusedLayer: what is not seen, and the nearest sizes of which all is.
    """
    before = tensor_of(base[layer])
    if not any(_change(before, outputs[layer]) for outputs in changes.values()):
        return
    for dimension, borders, lines in (
        (ROWS, ("top", "bottom"), "rows"),
        (COLUMNS, ("left", "right"), "columns"),
    ):
        side = int(fed.shape[dimension])
        places = sorted(place for axis, place in changes if axis == dimension)
        for place, border in zip((places[0], places[-1]), borders, strict=True):
            if _change(before, changes[dimension, place][layer]) > 0:
                continue
            blind = _blind(layer, dimension, place > 0.5, run, fed)
            cells = layout(before).shape[dimension]
            raise RefusedLayer(
                f"expected a layer that sees the whole image, got {layer}, for which the {blind} {lines} at the "
                f"{border} of {side} change nothing, so that its map would lie elsewhere than the network looked: "
                f"{_sizes(side, blind, cells)}"
            )


def _change(before: Tensor, output: Any) -> float:
    """Return the sum of the squared changes of an output; 0 where it is not finite, which is reported elsewhere."""
    change = float((tensor_of(output) - before).double().square().sum())
    return change if math.isfinite(change) else 0.0


def _blind(layer: str, dimension: int, at_end: bool, run: Run, fed: Tensor) -> int:
    """Return how many lines of pixels at a border change nothing in a layer, by halving."""
    plain, other = _noises(fed)
    before = tensor_of(run(plain)[layer])
    side = int(fed.shape[dimension])
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


def _sizes(side: int, blind: int, cells: int) -> str:
    """Return what to do about a border that is not seen."""
    cell = (side - blind) / cells
    if not cell.is_integer():
        return "give images of another size, or a layer before it"
    smaller, larger = round(cell * cells), round(cell * (cells + 1))
    return (
        f"give images of {smaller} or {larger} pixels, such as Geometry({smaller}, crop=False), and the same "
        "image_size= where the Backbone has one"
    )
