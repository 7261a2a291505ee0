"""What tells good from bad without a look at the part; photographs that are stored again."""

import io
import itertools
import struct
from math import comb

import numpy as np
import published_trees as trees
import pytest
from PIL import Image

from adviz import data
from adviz.data.checking import leaks
from adviz.data.checking.files import image_info

WHOLE = data.Geometry(40, crop=False)
GROUPS = {"train/good": 12, "test/good": 6, "test/hole": 5}


def tree(root, save=None, groups=None):
    """Write a category; `save` writes the images of some folders: {folder: f(image, path)}.

    The path has no suffix.
    """
    for folder, count in (groups or GROUPS).items():
        (root / folder).mkdir(parents=True, exist_ok=True)
        for number in range(count):
            path = root / folder / f"{folder.replace('/', '_')}_{number:03}"
            (save or {}).get(folder, as_png)(trees.picture(), path)
    return root


def as_png(image, path):
    image.save(f"{path}.png")


def to(suffix, mode="RGB", size=None, **options):
    def save(image, path):
        image = image.resize(size or image.size).convert(mode)
        image.save(f"{path}.{suffix}", **options)

    return save


def with_exif(tags, own=None):
    def save(image, path):
        exif = Image.Exif()
        exif.update(tags)
        exif.get_ifd(0x8769).update(own or {})
        image.save(f"{path}.jpg", exif=exif)

    return save


def found(root):
    check = data.check(root, geometry=WHOLE)
    return check, {
        one.kind: one for one in check.findings if one.kind.startswith(("leak", "other"))
    }


@pytest.mark.parametrize(
    ("kind", "bad", "good", "said"),
    [
        ("format", to("jpg"), as_png, "all 5 defective images are JPEG, no good image is (PNG)"),
        (
            "format",
            as_png,
            to("jpg", quality=95),
            "all 5 defective images are PNG, no good image is (JPEG)",
        ),
        ("format", to("webp"), to("jpg"), "are WEBP, no good image is (JPEG)"),
        ("format", to("tif"), to("webp"), "are TIFF, no good image is (WEBP)"),
        (
            "size",
            to("png", size=(50, 40)),
            as_png,
            "all 5 defective images are 50x40 pixels, no good image is (48x40)",
        ),
        ("size", to("png", size=(24, 20)), as_png, "are 24x20 pixels"),
        (
            "colour",
            to("png", "L"),
            as_png,
            "all 5 defective images are grey, no good image is (in colour)",
        ),
        ("colour", as_png, to("png", "L"), "are in colour, no good image is (grey)"),
        ("mode", to("png", "P"), as_png, "have the mode P, no good image has (RGB)"),
        ("mode", to("tif", "CMYK"), to("tif"), "have the mode CMYK, no good image has (RGB)"),
        (
            "JPEG quality",
            to("jpg", quality=60),
            to("jpg", quality=92),
            "have the JPEG quality 60, no good image has (92)",
        ),
        (
            "camera",
            with_exif({0x010F: "Ace", 0x0110: "M1"}),
            with_exif({0x010F: "Bee"}),
            "were taken with Ace M1",
        ),
    ],
)
def test_what_a_detector_could_tell_all_defective_images_by_is_serious(
    tmp_path, kind, bad, good, said
):
    check, leaking = found(
        tree(tmp_path, {"test/hole": bad, "train/good": good, "test/good": good})
    )
    assert list(leaking) == [f"leak by {kind}"]
    assert said in leaking[f"leak by {kind}"].message
    assert leaking[f"leak by {kind}"].serious
    assert not check.ok
    assert len(leaking[f"leak by {kind}"].files) == 5


@pytest.mark.parametrize(
    ("kind", "bad", "good"),
    [
        ("format", to("bmp"), as_png),
        ("format", to("tif"), to("bmp")),
        ("mode", to("png", "RGBA"), as_png),
        ("software", with_exif({0x0131: "Editor 3"}), with_exif({0x0131: "Camera 1.0"})),
        (
            "date",
            with_exif({}, {0x9003: "2024:05:02 10:00:00"}),
            with_exif({}, {0x9003: "2024:04:02 10:00:00"}),
        ),
    ],
)
def test_what_no_detector_sees_is_a_note(tmp_path, kind, bad, good):
    """PNG and BMP keep every pixel, and alpha is dropped: the numbers may be right all the same."""
    check, leaking = found(
        tree(tmp_path, {"test/hole": bad, "train/good": good, "test/good": good})
    )
    assert list(leaking) == [f"leak by {kind}"]
    assert check.ok


@pytest.mark.parametrize("suffix", ["png", "jpg", "bmp", "webp"])
def test_images_of_one_kind_leak_nothing(tmp_path, suffix):
    assert found(tree(tmp_path, dict.fromkeys(GROUPS, to(suffix))))[1] == {}


def test_one_image_of_another_format_says_nothing(tmp_path):
    tree(tmp_path)
    to("jpg")(trees.picture(), tmp_path / "test/hole/999")
    to("jpg")(trees.picture(), tmp_path / "train/good/999")
    assert found(tmp_path)[1] == {}


@pytest.mark.parametrize(("bad", "speaks"), [(2, False), (3, True)])
def test_of_fewer_than_three_images_nothing_is_said(tmp_path, bad, speaks):
    """1 of 1,140 ways to draw 3 of 20 images; 2 of 20 would be 1 of 190: nothing is said."""
    groups = {"train/good": 12, "test/good": 5, "test/hole": bad}
    assert bool(found(tree(tmp_path, {"test/hole": to("jpg")}, groups))[1]) == speaks


def test_among_few_images_it_may_be_luck(tmp_path):
    """3 of 7 images have one format by luck in 1 of 35 draws, which is not below 1 %."""
    groups = {"train/good": 1, "test/good": 3, "test/hole": 3}
    assert found(tree(tmp_path, {"test/hole": to("jpg")}, groups))[1] == {}


def test_images_of_many_sizes_are_no_leak(tmp_path):
    """Every image has its own size, so that defective and good ones share none by nature."""
    sizes = itertools.cycle([(40 + 7 * step % 23, 50) for step in range(23)])
    varying = lambda image, path: image.resize(next(sizes)).save(f"{path}.png")  # noqa: E731
    assert found(tree(tmp_path, dict.fromkeys(GROUPS, varying)))[1] == {}


def test_sizes_that_follow_each_other_are_one(tmp_path):
    """Every defective image is smaller than every good one, and no two images have one size."""
    sizes = iter(range(200, 100, -1))
    shrinking = lambda image, path: image.resize((next(sizes), 60)).save(f"{path}.png")  # noqa: E731
    finding = found(tree(tmp_path, dict.fromkeys(GROUPS, shrinking)))[1]["leak by size"]
    assert (
        "all 5 defective images are smaller (178x60 to 182x60) than the others (183x60 to 200x60)"
        in finding.message
    )


def test_good_test_images_of_another_format_than_all_others_are_serious(tmp_path):
    """Then it is the good ones that look unusual, and the AUROC is below one half."""
    check, leaking = found(tree(tmp_path, {"test/good": to("jpg")}))
    assert "all 6 good test images are JPEG, no defective image, and none learned from, is" in str(
        leaking
    )
    assert not check.ok


def test_a_test_set_of_another_format_than_train_is_a_note(tmp_path):
    check, leaking = found(tree(tmp_path, {"train/good": to("jpg")}))
    assert list(leaking) == ["other format in test"]
    assert (
        "all 6 good test images are PNG, no image learned from is (JPEG)"
        in leaking["other format in test"].message
    )
    assert check.ok


def test_what_both_kinds_of_training_images_have_may_do_no_harm(tmp_path):
    tree(tmp_path, {"test/hole": to("jpg")})
    for number in range(8):
        to("jpg")(trees.picture(), tmp_path / f"train/good/more{number}")
    check, leaking = found(tmp_path)
    assert list(leaking) == ["leak by format"]
    assert "both were learned from" in leaking["leak by format"].message
    assert check.ok


def test_a_part_of_the_defective_images_is_a_note(tmp_path):
    groups = {"train/good": 20, "test/good": 8, "test/hole": 6, "test/bent": 6}
    check, leaking = found(tree(tmp_path, {"test/hole": to("jpg")}, groups))
    assert (
        "6 of 12 defective images are JPEG, and 0 of 28 good ones"
        in leaking["leak by format"].message
    )
    assert check.ok


def test_numbers_that_go_on_are_a_note_and_numbers_that_begin_anew_are_nothing(tmp_path):
    for start, folder in ((1, "train/good"), (13, "test/good"), (101, "test/hole")):
        for number in range(start, start + 6):
            trees.put(tmp_path / "on", f"{folder}/IMG_{number:04}.png")
            trees.put(tmp_path / "anew", f"{folder}/IMG_{number - start:04}.png")
    check, leaking = found(tmp_path / "on")
    assert (
        "have higher numbers (IMG_0101 to IMG_0106) than the others (IMG_0001 to IMG_0018)"
        in str(leaking)
    )
    assert check.ok
    assert found(tmp_path / "anew")[1] == {}


@pytest.mark.parametrize("name", ["20240{}02_{}0{}11.png", "cam1-2024-0{}-02-{}0{}11.png"])
def test_dates_in_names_are_read(tmp_path, name):
    for month, folder in ((4, "train/good"), (4, "test/good"), (5, "test/hole")):
        trees.put(
            tmp_path,
            *(f"{folder}/{name.format(month, number, number)}{number}.png" for number in range(6)),
        )
    _, leaking = found(tmp_path)
    assert "all 6 defective images were taken on 2024-05-02, no good image was (2024-04-02)" in str(
        leaking
    )


def test_sorted_photographs_leak_too(tmp_path):
    trees.put(
        tmp_path,
        *(f"OK/{number}.png" for number in range(12)),
        *(f"NG/{number}.jpg" for number in range(4)),
    )
    assert not found(tmp_path)[0].ok


def test_how_probable_groups_without_a_common_value_are_is_counted_exactly():
    """Against all draws, one by one."""
    values = [0, 0, 1, 1, 1, 2, 3]
    draws = list(itertools.combinations(range(7), 3))
    apart = sum(
        {values[i] for i in draw}.isdisjoint({values[i] for i in set(range(7)) - {*draw}})
        for draw in draws
    )
    assert leaks.chance([2, 3, 1, 1], 3) == apart / comb(7, 3)
    assert leaks.chance([1] * 30, 7) == 1
    assert leaks.chance([84, 10], 10) == 1 / comb(94, 10)


@pytest.mark.parametrize("quality", [1, 10, 40, 50, 75, 90, 95, 100])
def test_the_quality_of_a_jpeg_file_is_what_pillow_was_told(tmp_path, quality):
    trees.picture().save(tmp_path / "a.jpg", quality=quality)
    assert image_info(tmp_path / "a.jpg").quality == quality


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
def test_a_damaged_header_of_the_camera_does_no_harm(tmp_path):
    # Points to where the camera's own block is not
    block = struct.pack("<HHHIII", 1, 0x8769, 4, 1, 99999, 0)
    trees.picture().save(tmp_path / "a.jpg", exif=b"Exif\0\0II*\0\x08\0\0\0" + block)
    facts = image_info(tmp_path / "a.jpg")
    assert (facts.problem, facts.taken) == ("", "")


# Photographs that were stored again


def jpeg(quality):
    def store(image):
        file = io.BytesIO()
        image.save(file, "JPEG", quality=quality)
        return Image.open(file).convert("RGB")

    return store


def half(image):
    return image.resize((image.width // 2, image.height // 2))


def nine_tenths(image):
    return image.resize(
        (round(image.width * 0.9), round(image.height * 0.9)), Image.Resampling.LANCZOS
    )


def brighter(image):
    return image.point(lambda value: min(255, round(value * 1.03)))


CATEGORIES = ("brick", "hex_nut", "transistor", "capsule", "mesh", "bottle")


@pytest.fixture
def copied(tmp_path, request):
    """Return a category of the built-in data set as links, to which images can be added."""

    def make(category):
        source = data.demo(category).test.root
        for file in source.rglob("*.png"):
            target = tmp_path / category / file.relative_to(source)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.symlink_to(file)
        return tmp_path / category

    return make


@pytest.mark.parametrize("category", CATEGORIES)
def test_photographs_of_different_parts_are_no_copies(category):
    assert data.check(data.demo(category).test.root).findings == []


@pytest.mark.parametrize("category", CATEGORIES)
@pytest.mark.parametrize("store", [jpeg(95), jpeg(40), half, nine_tenths, brighter])
def test_a_photograph_that_was_stored_again_is_found(copied, category, store):
    root = copied(category)
    with Image.open(root / "train/good/007.png") as image:
        store(image).save(root / "test/good/copy.png")
    check = data.check(root)
    assert check.of("near duplicates across parts")[0].files == (
        "test/good/copy.png",
        "train/good/007.png",
    )
    assert not check.ok


def test_parts_in_a_fixed_place_are_no_copies_of_each_other(tmp_path):
    """One picture, shifted by a pixel or two, with noise: training images are as much alike."""
    draw = np.random.default_rng(0)
    with Image.open(data.demo("transistor").train.paths[0]) as image:
        scene = image.convert("RGB").resize((140, 140))
    for folder, count in (("train/good", 80), ("test/good", 20), ("test/hole", 5)):
        (tmp_path / folder).mkdir(parents=True)
        for number in range(count):
            across, down = draw.uniform(-2, 2, 2)
            matrix = (1, 0, 6 + across, 0, 1, 6 + down)
            photo = scene.transform(
                (128, 128), Image.Transform.AFFINE, matrix, Image.Resampling.BICUBIC
            )
            noisy = np.asarray(photo) + draw.normal(0, 4, (128, 128, 3))
            Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(
                tmp_path / folder / f"{number:03}.png"
            )
    check = data.check(tmp_path)
    assert check.of("near duplicates across parts")  # or this would test nothing
    assert check.ok


def test_copies_are_looked_for_in_a_moderate_time_and_space(tmp_path):
    """5,000 thumbnails of noise; each hundredth is in train and, a grey level brighter, in test."""
    from adviz.data.checking.copies import near_copies
    from adviz.data.checking.files import ImageInfo
    from adviz.data.checking.rules import CheckedCategory
    from adviz.data.folder_tree import Entry, Tree

    values = np.random.default_rng(0).integers(0, 250, (5000, 1024), dtype=np.uint8)
    values[2500::100] = values[:2500:100] + 1
    paths = [tmp_path / str(number) for number in range(5000)]
    entries = [
        Entry(path, "train" if number < 2500 else "test") for number, path in enumerate(paths)
    ]
    facts = {
        path: ImageInfo(path, pixels=bytes([number % 256, number // 256]), thumbnail=one.tobytes())
        for number, (path, one) in enumerate(zip(paths, values, strict=True))
    }
    seen = CheckedCategory(
        Tree("noise", tmp_path, "MVTec style", entries), facts, {}, WHOLE, tmp_path
    )
    assert len(near_copies(seen)[0].files) == 2 * 25
