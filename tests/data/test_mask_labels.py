"""Masks of several labels: each means the same in every file; soft edges stay what they were."""

import numpy as np
import published_trees as trees
import pytest
import raw_files
from PIL import Image, ImageDraw, ImageFilter

from adviz import data
from adviz.data.masks import Labels, open_mask

PLACES = [
    (slice(5, 15), slice(5, 15)),
    (slice(30, 40), slice(5, 15)),
    (slice(60, 70), slice(5, 15)),
    (slice(60, 70), slice(50, 60)),
]
SIDE = 96


def voc():
    """Return the palette of Pascal VOC and labelme: a number's bits spread over three colours."""
    colours = []
    for number in range(256):
        red, green, blue = 0, 0, 0
        for place in range(8):
            red |= (number >> 3 * place & 1) << 7 - place
            green |= (number >> 3 * place + 1 & 1) << 7 - place
            blue |= (number >> 3 * place + 2 & 1) << 7 - place
        colours += [red, green, blue]
    return colours


def labelled(values, dtype=np.uint8):
    """Return an array with a square of 100 pixels for each label."""
    array = np.zeros((SIDE, SIDE), dtype)
    for place, value in zip(PLACES, values, strict=False):
        array[place] = value
    return array


def palette(array, colours):
    image = Image.fromarray(array).convert("L")
    image = Image.frombytes("P", image.size, image.tobytes())
    if colours:
        image.putpalette(colours)
    return image


def saved(tmp_path, image, name="a.png"):
    image.save(tmp_path / name)
    return tmp_path / name


def marked(path, labels=None):
    return int(np.count_nonzero(np.asarray(open_mask(path, labels))))


@pytest.mark.parametrize(
    "values", [[50, 100, 150, 200], [1, 255], [127, 128], [1, 2, 3, 255], [10, 250, 20, 240]]
)
@pytest.mark.parametrize("mode", ["L", "RGB", "P", "RGBA", "I;16"])
def test_of_grey_labels_every_one_is_a_defect(tmp_path, values, mode):
    array = labelled(values)
    if mode == "I;16":
        image = Image.fromarray(array.astype(np.uint16) * 257)
    elif mode == "P":
        image = palette(array, [level for level in range(256) for _ in range(3)])
    else:
        image = Image.fromarray(array).convert(mode)
    assert marked(saved(tmp_path, image)) == 100 * len(values)


@pytest.mark.parametrize("values", [[1, 8, 16], [8], [8, 1], [4, 16, 255], [255, 64], [3, 2, 1, 8]])
@pytest.mark.parametrize("mode", ["P", "RGB", "RGBA"])
def test_of_coloured_labels_every_one_is_a_defect(tmp_path, values, mode):
    """Also dark ones: of VOC 8 is (64, 0, 0), 64 is (32, 0, 0), 4 is (0, 0, 128)."""
    image = palette(labelled(values), voc())
    assert marked(saved(tmp_path, image.convert(mode))) == 100 * len(values)


def test_thin_labels_with_a_palette_are_defects(tmp_path):
    array = np.zeros((SIDE, SIDE), np.uint8)
    array[10, 5:90] = 8
    array[20:30, 20:30] = 1
    assert marked(saved(tmp_path, palette(array, voc()))) == 185


@pytest.mark.parametrize("suffix", ["png", "gif", "tif"])
def test_numbers_without_colours_are_defects(tmp_path, suffix):
    """A palette of black alone, as Pillow writes one that nobody gave."""
    assert marked(saved(tmp_path, palette(labelled([1, 2, 200]), None), f"a.{suffix}")) == 300


def test_a_number_that_the_palette_has_no_colour_for_is_a_defect(tmp_path):
    assert marked(saved(tmp_path, palette(labelled([1, 2]), [0, 0, 0, 128, 0, 0]))) == 200


def test_black_is_the_background_wherever_a_palette_has_it(tmp_path):
    array = labelled([1, 2])
    array[array == 0] = 3
    image = palette(array, [9, 9, 9, 250, 0, 0, 0, 60, 0, 0, 0, 0])
    assert marked(saved(tmp_path, image)) == 200


def test_a_palette_without_black_is_read_by_its_brightness(tmp_path):
    """A plot's colours: dark purple for nothing, yellow for the defect."""
    image = palette(labelled([1]), [68, 1, 84, 253, 231, 36])
    assert marked(saved(tmp_path, image)) == 100
    assert marked(saved(tmp_path, image.convert("RGB"), "b.png")) == 100


@pytest.mark.parametrize("values", [[1, 2, 300], [100, 40000], [1, 255, 256]])
def test_numbers_of_instances_in_16_bits_are_defects(tmp_path, values):
    path = saved(tmp_path, Image.fromarray(labelled(values, np.uint16)))
    assert marked(path) == 100 * len(values)
    colours = np.dstack([labelled(values, np.uint16)] * 3)
    assert marked(raw_files.png(tmp_path / "b.png", colours)) == 100 * len(values)


def test_a_label_that_is_all_of_its_file_and_a_thin_one_beside_another_mean_the_same(tmp_path):
    """A thin line of 50 along 200 may be either; the other masks of the data set tell."""
    thin = np.zeros((SIDE, SIDE), np.uint8)
    thin[20:40, 20:40] = 200
    thin[40, 20:40] = 50
    path = saved(tmp_path, Image.fromarray(thin))
    other = saved(tmp_path, Image.fromarray(labelled([50, 200])), "b.png")
    assert marked(path) == 400
    assert marked(path, Labels([path, other, None, tmp_path / "gone.png"])) == 420
    split = data.Split(
        [path] * 2, [1, 1], [path, other], ["a"] * 2, geometry=data.Geometry(SIDE, crop=False)
    )
    assert [int(split.mask(index).sum()) for index in (0, 1)] == [420, 200]
    assert (
        int(split.subset([0]).mask(0).sum())
        == int(split.with_geometry(split.geometry).mask(0).sum())
        == 420
    )
    assert data.audit(split)["area"].tolist() == [420, 200]


def drawn(kind, rng, side):
    image = Image.new("L", (side, side))
    draw = ImageDraw.Draw(image)
    for _ in range(3):
        left, top = (int(value) for value in rng.integers(0, side, 2))
        width = int(rng.integers(side // 32, side // 3))
        if kind == "ellipse":
            draw.ellipse((left, top, left + width, top + width // 2), fill=255)
        elif kind == "rectangle":
            draw.rectangle((left, top, left + width, top + width // 2), fill=255)
        elif kind == "polygon":
            draw.polygon(
                [(left + int(x), top + int(y)) for x, y in rng.integers(-width, width, (6, 2))],
                fill=255,
            )
        else:
            draw.line((left, top, left + width, top - width // 3), fill=255, width=1 + width // 16)
    return image


@pytest.mark.parametrize("kind", ["ellipse", "rectangle", "polygon", "line"])
@pytest.mark.parametrize(
    "made", ["box", "bilinear", "bicubic", "lanczos", "enlarged", "blurred", "jpeg", "as png"]
)
def test_soft_edges_count_from_128_on(tmp_path, kind, made):
    """Anti-aliased, blurred and JPEG masks are what they always were, one by one and together."""
    rng = np.random.default_rng(0)
    paths, expected = [], []
    for number in range(8):
        image = drawn(kind, rng, 256)
        if made in ("box", "bilinear", "bicubic", "lanczos"):
            rule = {"box": 4, "bilinear": 2, "bicubic": 3, "lanczos": 1}[made]
            image = image.resize((64, 64) if number % 2 else (128, 128), Image.Resampling(rule))
        elif made == "enlarged":
            image = image.resize((64, 64), Image.Resampling.NEAREST).resize(
                (192, 192), Image.Resampling.BILINEAR
            )
        elif made == "blurred":
            image = image.filter(ImageFilter.GaussianBlur(2))
        path = saved(tmp_path, image, f"{number}.{'jpg' if made in ('jpeg', 'as png') else 'png'}")
        values = np.asarray(Image.open(path))
        if made == "as png":
            path = saved(tmp_path, Image.fromarray(values), f"{number}.png")
        paths.append(path)
        expected.append(values >= (128 if values.max() >= 128 else 1))
    together = Labels(paths)
    for path, right in zip(paths, expected, strict=True):
        for labels in (None, together):
            np.testing.assert_array_equal(np.asarray(open_mask(path, labels)) > 0, right)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_masks_of_shares_count_from_a_half_on(tmp_path, dtype):
    if dtype == np.float64:
        with pytest.raises(ValueError, match="floating point values of 64 bits"):
            open_mask(raw_files.tiff(tmp_path / "a.tif", labelled([1.0], dtype)))
        return
    assert marked(raw_files.tiff(tmp_path / "a.tif", labelled([1], dtype))) == 100


def tree(tmp_path, *masks):
    """Return a category with one mask for each of its defective images."""
    root = tmp_path / "plate"
    size = (SIDE, SIDE)
    trees.put(root, *(f"train/good/{n}.png" for n in range(3)), "test/good/0.png", image=None)
    for number, mask in enumerate(masks):
        trees.put(root, f"test/hole/{number}.png", image=trees.picture(size))
        trees.put(root, f"ground_truth/hole/{number}_mask.png", image=mask)
    return root


def test_a_check_says_which_labels_there_are(tmp_path):
    root = tree(
        tmp_path,
        *(Image.fromarray(labelled(values)) for values in ([50, 100, 150, 200], [100, 200], [255])),
    )
    found = data.check(root).of("masks of labels")[0]
    assert found.message.startswith(
        "2 masks hold labels (50, 100, 150, 200): everything but the background 0 counts"
    )
    assert not found.serious


def test_a_check_asks_what_thin_lines_of_other_greys_are(tmp_path):
    array = np.zeros((SIDE, SIDE), np.uint8)
    array[10, 5:90] = 100
    array[30:40, 30:40] = 255
    found = data.check(tree(tmp_path, Image.fromarray(array))).of("masks of grey levels")[0]
    question = "1 masks hold 2 grey levels: which are defects?"
    assert f"{question} From 128 on they count, 85 pixels below do not" in found.message
    assert found.serious


def test_a_check_says_nothing_of_soft_edges(tmp_path):
    masks = [
        drawn(kind, np.random.default_rng(1), 4 * SIDE).resize((SIDE, SIDE), Image.Resampling.BOX)
        for kind in ("ellipse", "polygon")
    ]
    check = data.check(tree(tmp_path, *masks))
    assert not check.of("masks of labels")
    assert not check.of("masks of grey levels")


def test_a_check_finds_inverted_masks(tmp_path):
    inverted = Image.fromarray(255 - labelled([255]))
    check = data.check(tree(tmp_path, inverted, inverted))
    assert "2 of 2 masks mark more than half of the image, up to 99%: inverted?" in str(
        check.of("masks inverted")[0]
    )
    assert not check.ok


def test_one_large_defect_of_many_is_a_note(tmp_path):
    small, large = labelled([255]), labelled([255])
    large[20:90] = 255
    check = data.check(tree(tmp_path, *map(Image.fromarray, (small, small, large))))
    assert [one.files for one in check.of("masks inverted")] == [("ground_truth/hole/2_mask.png",)]
    assert not check.of("masks inverted")[0].serious
