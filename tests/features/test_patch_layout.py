"""Layouts of layers: each is made by a network whose order is known by construction."""

import threading
from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import nn

from adviz import DN2, Backbone, data
from adviz.features import patch_layout as layouts

PATCH = 8
SIDE = 64


class Patches(nn.Module):
    """Cells of 8 x 8 pixels, (N, C, 8, 8), in the form that `form` gives them."""

    def __init__(self, form, channels=6, **facts):
        super().__init__()
        torch.manual_seed(0)
        self.cells = nn.Conv2d(3, channels, PATCH, PATCH)
        self.out = nn.Identity()
        self.form = form
        self.calls = 0
        for name, value in facts.items():
            setattr(self, name, value)

    def forward(self, x):
        self.calls += 1
        return self.out(self.form(self.cells(x)))


def tokens(grid):
    """Row by row."""
    return grid.flatten(2).transpose(1, 2)


def by_columns(grid):
    return tokens(grid.transpose(2, 3))


def extra(grid, count):
    """Tokens that react to the whole image."""
    return grid.mean((2, 3))[:, None].expand(-1, count, -1)


def units(grid):
    """Each unit of 2 x 2 cells after the other, as Hiera does."""
    n, c, h, w = grid.shape
    return grid.reshape(n, c, h // 2, 2, w // 2, 2).permute(0, 2, 4, 3, 5, 1).reshape(n, -1, c)


def shuffled(grid):
    order = torch.randperm(
        grid.shape[2] * grid.shape[3], generator=torch.Generator().manual_seed(1)
    )
    return tokens(grid)[:, order]


def windows(grid):
    """Windows of 4 x 4 cells, as many rows as images and windows."""
    n, c, h, w = grid.shape
    return grid.reshape(n, c, h // 4, 4, w // 4, 4).permute(0, 2, 4, 3, 5, 1).reshape(-1, 16, c)


def images(count=3, size=(SIDE, SIDE)):
    return np.random.default_rng(0).integers(0, 256, (count, *size, 3), dtype=np.uint8)


RIGHT = {
    "rows": tokens,
    "columns": by_columns,
    "a class token first": lambda grid: torch.cat([extra(grid, 1), tokens(grid)], 1),
    "a class token last": lambda grid: torch.cat([tokens(grid), extra(grid, 1)], 1),
    "a class token first and four registers last": lambda grid: torch.cat(
        [extra(grid, 1), tokens(grid), extra(grid, 4)], 1
    ),
    "a class token and the token of a distilled teacher": lambda grid: torch.cat(
        [extra(grid, 2), tokens(grid)], 1
    ),
    "channels first": lambda grid: grid.flatten(2),
    "channels last": lambda grid: grid.permute(0, 2, 3, 1),
    "columns before rows": lambda grid: grid.transpose(2, 3).flatten(2).transpose(1, 2),
    "in a tuple with its shape": lambda grid: (tokens(grid), (8, 8)),
    "in a dictionary": lambda grid: {"x": grid},
}


@pytest.mark.parametrize("form", RIGHT)
@pytest.mark.parametrize("size", [(SIDE, SIDE), (SIDE, 2 * SIDE)])
def test_every_order_of_cells_becomes_the_grid(form, size):
    model = Patches(RIGHT[form])
    found = Backbone(model, ["cells", "out"]).extract(images(size=size))
    np.testing.assert_array_equal(found["out"], found["cells"])


def test_channels_as_many_as_rows_are_told_from_rows():
    """(N, 8, 8, 8): only where the image changes tells which is which."""
    first, last = (
        Backbone(Patches(form, channels=8), ["cells", "out"])
        for form in (nn.Identity(), RIGHT["channels last"])
    )
    for network in (first, last):
        found = network.extract(images())
        np.testing.assert_array_equal(found["out"], found["cells"])


def test_a_network_that_says_its_prefix_is_believed_only_if_it_is_so():
    prefixed = Patches(
        lambda grid: torch.cat([tokens(grid), extra(grid, 1)], 1), num_prefix_tokens=1
    )
    found = Backbone(prefixed, ["cells", "out"]).extract(images())
    np.testing.assert_array_equal(found["out"], found["cells"])


@pytest.mark.parametrize("form", [units, shuffled, lambda grid: tokens(grid.flip(2))])
def test_tokens_in_no_known_order_are_refused(form):
    with pytest.raises(
        ValueError,
        match=r"got out of Patches, \(1, 64, 6\): these tokens are not in rows .*probe=False",
    ):
        Backbone(Patches(form), ["out"]).extract(images())
    trusted = Backbone(Patches(form), ["out"], probe=False).extract(images())["out"]
    assert trusted.shape == (3, 6, 8, 8)


WITHOUT_A_GRID = {
    "windows": (windows, r"one row for each, got \(12, 16, 6\) for 3 images from out"),
    "tokens before images": (
        lambda grid: tokens(grid).transpose(0, 1),
        r"got \(64, 3, 6\) for 3 images",
    ),
    "a vector": (lambda grid: grid.mean((2, 3)), r"got \(3, 6\) for 3 images"),
    "no square": (lambda grid: tokens(grid)[:, :3, :2], r"got \(3, 3, 2\)"),
    "two tensors": (
        lambda grid: (grid, extra(grid, 1)),
        r"a tuple with the tensors \(3, 6, 8, 8\), \(3, 1, 6\)",
    ),
    "no tensor": (lambda grid: None, "a NoneType with the tensors none"),
}


@pytest.mark.parametrize("what", WITHOUT_A_GRID)
@pytest.mark.parametrize("runtime", ["torch", "openvino"])
def test_what_is_no_grid_is_refused_with_its_shape(what, runtime):
    form, message = WITHOUT_A_GRID[what]
    with pytest.raises(ValueError, match=message):
        Backbone(Patches(form), ["out"], runtime=runtime).extract(images(), batch_size=3)


def test_openvino_lays_out_as_torch_does():
    form = RIGHT["a class token first and four registers last"]
    found = Backbone(Patches(form), ["cells", "out"], runtime="openvino").extract(images())
    # The same numbers in another order
    np.testing.assert_allclose(found["out"], found["cells"], atol=1e-6)
    with pytest.raises(ValueError, match="these tokens are not in rows"):
        Backbone(Patches(units), ["out"], runtime="openvino").extract(images())


# networks of timm, whose weights have nothing to do with their order


def moved(network, place, side=224):
    """Return where a change at `place` (fractions of the sides) is largest, and the location."""
    plain = images(1, (side // 8 + 1,) * 2)[0].repeat(8, 0).repeat(8, 1)[:side, :side].copy()
    changed = plain.copy()
    rows, columns = (slice(int(share * side) - 12, int(share * side) + 12) for share in place)
    changed[rows, columns] = (255, 0, 0)
    found = network.extract(np.stack([plain, changed]), cache=False)
    for array in found.values():
        change = np.square(array[1] - array[0]).sum(0)
        row, column = np.unravel_index(change.argmax(), change.shape)
        yield (row + 0.5) / len(change), (column + 0.5) / len(change), 1 / len(change)


@pytest.mark.parametrize(
    ("name", "layers"),
    [
        ("hiera_tiny_224", ("blocks.0", "blocks.2", "blocks.9")),
        ("deit_tiny_distilled_patch16_224", ("patch_embed", "blocks.1")),
        ("swin_tiny_patch4_window7_224", (4, "layers.1.blocks.0")),
        ("levit_128s", ("stages.0",)),
        ("resnet18", (8, 32)),
    ],
)
def test_a_spot_is_found_where_it_is(name, layers):
    network = Backbone(name, layers=layers, weights="random")
    for place in ((0.2, 0.2), (0.3, 0.8)):
        for row, column, cell in moved(network, place):
            # within the spot's half (12 of 224 pixels) and a cell
            assert abs(row - place[0]) <= 12 / 224 + cell
            assert abs(column - place[1]) <= 12 / 224 + cell


def test_hieras_tokens_are_those_that_it_reorders_itself():
    network = Backbone("hiera_tiny_224", layers=("blocks.0",), weights="random")
    pixels = images(1, (224, 224))
    found = network.extract(pixels, cache=False)["blocks.0"]
    batch = (
        torch.from_numpy(pixels).permute(0, 3, 1, 2) / 255
        - torch.tensor(network.mean)[:, None, None]
    ) / (torch.tensor(network.std)[:, None, None])
    with torch.inference_mode():
        expected = network._model.forward_intermediates(
            batch, indices=[0], intermediates_only=True, coarse=False
        )[0]
    np.testing.assert_allclose(found, expected.numpy(), atol=1e-4)


def test_windows_inside_a_swin_are_refused():
    network = Backbone("swin_tiny_patch4_window7_224", ["layers.0.blocks.0.attn"], weights="random")
    with pytest.raises(ValueError, match=r"one row for each, got \(64, 49, 96\) for 1 images"):
        network.extract(images(1, (224, 224)))


# what it costs


def test_a_plain_convolution_is_asked_nothing_and_tokens_once():
    plain = Patches(nn.Identity())
    Backbone(plain, ["out"]).extract(images(), batch_size=3)
    assert plain.calls == 1
    last = Patches(lambda grid: grid.permute(0, 2, 3, 1))
    Backbone(last, ["out"]).extract(images(), batch_size=3)
    assert last.calls == 1
    laid_out = Patches(tokens)
    network = Backbone(laid_out, ["out"])
    network.extract(images(), batch_size=3)
    once = laid_out.calls
    assert 1 < once <= 12
    network.extract(images(), batch_size=3)
    network.with_layers(["out"]).extract(images(), batch_size=3)
    assert laid_out.calls == once + 2
    network.extract(images(size=(128, 128)), batch_size=3)
    assert laid_out.calls == once + 2 + once


def test_a_probe_draws_nothing_from_the_global_generator():
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    with torch.random.fork_rng(devices=[]):
        model = Patches(tokens)
    Backbone(model, ["out"]).extract(images())
    torch.testing.assert_close(torch.rand(1), expected)


def test_one_backbone_in_several_threads_gives_the_same():
    network = Backbone(Patches(RIGHT["a class token last"]), ["cells", "out"])
    found = [None] * 4

    def work(number):
        found[number] = network.extract(images(12), batch_size=1)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for features in found:
        np.testing.assert_array_equal(features["out"], found[0]["cells"])


def test_tokens_that_all_react_alike_are_laid_out_as_usual():
    """As those of attention that was never trained."""
    alike = Patches(lambda grid: tokens(grid) * 1e-3 + extra(grid, 64))
    found = Backbone(alike, ["out"]).extract(images())["out"]
    assert found.shape == (3, 6, 8, 8)


def test_a_network_that_reacts_to_nothing_is_laid_out_as_usual():
    model = Patches(tokens)
    nn.init.zeros_(model.cells.weight)
    found = Backbone(model, ["cells", "out"]).extract(images())
    np.testing.assert_array_equal(found["out"], found["cells"])


# borders that are not seen


@pytest.mark.parametrize(
    ("size", "message"),
    [
        (
            (68, 64),
            r"the 4 rows at the bottom of 68 change nothing"
            r".*64 or 72 pixels, such as Geometry\(64, crop=False\)",
        ),
        ((64, 71), "the 7 columns at the right of 71 change nothing.*64 or 72 pixels"),
    ],
)
@pytest.mark.parametrize("form", [tokens, nn.Identity()])
def test_a_border_that_is_not_seen_is_refused_with_the_nearest_sizes(size, message, form):
    with pytest.raises(ValueError, match=message):
        Backbone(Patches(form), ["out"]).extract(images(size=size))


def test_a_border_of_two_pixels_is_too_narrow_to_matter():
    found = Backbone(Patches(tokens), ["out"]).extract(images(size=(65, 65)))
    assert found["out"].shape == (3, 6, 8, 8)


def test_a_network_that_crops_is_refused():
    class Cropping(Patches):
        def forward(self, x):
            return super().forward(x[:, :, 8:, :])

    with pytest.raises(ValueError, match="the 8 rows at the top of 80 change nothing"):
        Backbone(Cropping(tokens), ["out"]).extract(images(size=(80, 72)))


def test_a_dinov2_at_256_pixels_is_refused_with_252_and_266():
    network = Backbone(
        "vit_small_patch14_dinov2.lvd142m", ["blocks.0"], weights="random", image_size=256
    )
    with pytest.raises(
        ValueError, match=r"the 4 rows at the bottom of 256 .*252 or 266 pixels.*image_size="
    ):
        network.extract(images(1, (256, 256)))


@pytest.mark.parametrize(
    ("name", "side"), [("resnet18", 225), ("efficientnet_lite0", 97), ("convnext_atto", 248)]
)
def test_convolutions_that_see_the_whole_of_an_odd_size_are_not_refused(name, side):
    network = Backbone(name, (8, 16), weights="random")
    for row, column, cell in moved(network, (0.7, 0.3), side):
        assert abs(row - 0.7) <= 12 / side + cell
        assert abs(column - 0.3) <= 12 / side + cell


def test_cells_that_end_before_the_image_does_are_told():
    """ConvNeXt rounds 250 / 16 down to 15 locations, 240 pixels; ResNets round up to 16."""
    small = Backbone("convnext_atto", (8, 16), weights="random")
    words = (
        r"multiples of 16, the stride of layer3, got \(250, 250\): its locations "
        r"cover \(240, 240\), .* "
        r"up to 10 pixels off .* geometry of \(256, 256\)"
    )
    with pytest.warns(UserWarning, match=words):
        assert small.extract(images(1, (250, 250)))["layer3"].shape[2:] == (15, 15)
    small.extract(images(1, (256, 256)))
    Backbone("resnet18", (8, 16), weights="random").extract(images(1, (250, 250)))


def test_detectors_work_on_what_was_laid_out():
    split = data.demo("hex_nut").test.subset(range(4)).with_geometry(data.Geometry(64))
    found = Backbone(Patches(by_columns), ["out"]).extract(split, cache=False)
    assert np.isfinite(DN2(layers=("out",), k_images=1).fit(found).predict(found).score).all()


def test_a_layer_of_a_power_of_two_is_plain_and_another_is_not():
    image = torch.zeros(1, 3, 64, 64)
    for cells, plain in ((16, True), (8, True), (9, False), (21, False)):
        output = torch.zeros(1, 40, cells, cells)
        possible = list(layouts._possible(output, nn.Identity(), "", (64, 64)))
        grid = layouts._unambiguous_grid(output, possible)
        assert layouts._covers(grid, None, tuple(image.shape[2:])) is plain


class Halving(nn.Module):
    """Convolutions and pools of 2 x 2, which round a side down or up, after all pixels are seen."""

    def __init__(self, up):
        super().__init__()
        torch.manual_seed(0)
        channels = 3, 8, 12, 16, 20
        self.steps = nn.ModuleList(
            nn.Sequential(nn.Conv2d(a, b, 3, padding=1), nn.AvgPool2d(2, ceil_mode=up))
            for a, b in pairwise(channels)
        )

    def forward(self, x):
        for step in self.steps:
            x = step(x)
        return x


@pytest.mark.parametrize("up", [False, True])
@pytest.mark.parametrize("size", [(60, 600), (600, 60), (33, 77), (49, 161), (47, 250), (63, 126)])
def test_convolutions_are_taken_for_what_they_are_at_every_size(size, up):
    """60 and 600 pixels give 8 and 75 locations of stride 8: right, if not the sides' ratio."""
    model = Halving(up)
    names = [f"steps.{number}" for number in range(4)]
    found = Backbone(model, ["image", *names]).extract(images(1, size))
    values = torch.from_numpy(found["image"])
    with torch.inference_mode():
        for name, step in zip(names, model.steps, strict=True):
            values = step(values)
            # Another order of sums
            np.testing.assert_allclose(found[name], values, rtol=0, atol=1e-5)
