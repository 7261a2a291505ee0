import os

import numpy as np
import published_trees as trees
import pytest
from PIL import Image

from adviz import data
from adviz._support import progress
from adviz.data import checking
from adviz.data.checking import published

WHOLE = data.Geometry(40, crop=False)
BUILDERS = {
    "MVTec style": trees.mvtec,
    "MVTec LOCO AD": trees.loco,
    "MVTec AD 2": trees.ad2,
    "BTAD": trees.btad,
    "VisA": trees.visa,
    "CUB-200-2011": trees.cub,
    "Flowers-102": trees.flowers,
    "MTD": trees.tiles,
}
PUBLISHED = {
    "MVTec LOCO AD": {"pushpins": {"train": 2, "validation": 1, "test logical_anomalies": 2}},
    "BTAD": {"01": {"train": 2}},
    "VisA": {
        "candle": {"train": 2, "test good": 1, "test defective": 2},
        "pcb1": {"train": 2},
        "all": {"train": 4},
    },
    "CUB-200-2011": {"all": {"train": 4, "test": 4}},
    "Flowers-102": {"all": {"train": 3, "validation": 3, "test": 3}},
    "MTD": {"all": {"good": 2, "defective": 10}},
}


@pytest.fixture
def small(monkeypatch):
    """Publish counts of the generated trees in place of the real ones."""
    rows = {
        (name, category): {part: (count, "here") for part, count in parts.items()}
        for name, found in PUBLISHED.items()
        for category, parts in found.items()
    }
    monkeypatch.setattr(published, "published_table", lambda: rows)


@pytest.fixture
def plate(tmp_path):
    return trees.mvtec(tmp_path) / "plate"


def kinds(check):
    return [finding.kind for finding in check.findings]


def only(path, kind, geometry=WHOLE):
    """Return the one finding of a tree, which must be of this kind."""
    check = data.check(path, geometry=geometry)
    assert kinds(check) == [kind]
    return check.findings[0]


# What is there


@pytest.mark.parametrize("layout", BUILDERS)
def test_a_clean_tree_is_recognised_and_nothing_is_found(tmp_path, small, layout):
    path = BUILDERS[layout](tmp_path)
    check = data.check(path, geometry=WHOLE)
    assert check.layout == layout
    assert check.findings == []
    assert check.ok
    assert "\nno problems, no notes\n" in repr(check)


@pytest.mark.parametrize("layout", BUILDERS)
def test_a_category_and_the_folder_around_are_recognised_too(tmp_path, small, layout):
    """A data set may lie two levels down, and a category can be checked alone."""
    path = BUILDERS[layout](tmp_path / "set")
    assert data.check(tmp_path, geometry=WHOLE).layout == layout
    alone = next(
        (
            path / name
            for name in ("plate", "pushpins", "can", "01", "candle")
            if (path / name).is_dir()
        ),
        path,
    )
    check = data.check(alone, geometry=WHOLE)
    assert (check.layout, kinds(check)) == (layout, [])


def test_counts_are_those_of_the_readers(tmp_path):
    for build, read in (
        (trees.loco, data.mvtec_loco),
        (trees.ad2, data.mvtec_ad2),
        (trees.btad, data.btad),
    ):
        path = build(tmp_path / build.__name__)
        name = next(iter(child.name for child in path.iterdir()))
        category, counts = (
            read(path, name),
            {one.part: one.images for one in data.check(path).counts},
        )
        assert counts["train"] == len(category.train)
        assert counts["test good"] if "test good" in counts else counts["test_public good"] == 1
        assert (
            sum(count for part, count in counts.items() if part.endswith("defective"))
            == category.test.labels.sum()
        )
    counts = {one.part: one.images for one in data.check(tmp_path / "ad2").counts}
    assert (counts["test_private"], counts["test_private_mixed"]) == (2, 1)


def test_the_published_counts_add_up():
    rows = published.published_table()
    sums = {
        "MVTec AD": (15, 3629, 1725),
        "VisA": (12, 8659, 962 + 1200),
    }
    for name, (categories, train, test) in sums.items():
        own = [
            parts
            for (data_set, category), parts in rows.items()
            if data_set == name and category != "all"
        ]
        assert len(own) == categories
        assert sum(parts["train"][0] for parts in own) == rows[name, "all"]["train"][0] == train
        tested = sum(
            count for parts in own for part, (count, _) in parts.items() if part != "train"
        )
        assert tested == rows[name, "all"]["test"][0] == test
    assert set(published.mvtec_defects()) == published.categories("MVTec AD")
    assert len(published.categories("MVTec LOCO AD")) == 5
    # The paper's number of defects
    assert sum(map(len, published.mvtec_defects().values())) == 73
    assert all(source for parts in rows.values() for _, source in parts.values())


def toothbrushes(root, train=60):
    """Return a category with the names and counts that MVTec AD has for it."""
    path = root / "mvtec/toothbrush"
    trees.put(path, *(f"train/good/{index:03}.png" for index in range(train)))
    trees.put(path, *(f"test/good/{index:03}.png" for index in range(12)))
    trees.put(path, *(f"test/defective/{index:03}.png" for index in range(30)))
    trees.put(
        path,
        *(f"ground_truth/defective/{index:03}_mask.png" for index in range(30)),
        image=trees.mask(),
    )
    return path


def test_a_whole_category_of_mvtec_ad_is_known_by_its_defects(tmp_path):
    check = data.check(toothbrushes(tmp_path), geometry=WHOLE)
    assert check.layout == "MVTec AD"
    assert check.findings == []
    assert "60 train of 60, 12 test good of 12, 30 test defective of 30" in repr(check)


def test_missing_images_are_serious_and_more_than_published_are_not(tmp_path):
    path = toothbrushes(tmp_path)
    (path / "train/good/007.png").unlink()
    finding = only(path, "counts")
    assert finding.serious
    assert finding.category == "toothbrush"
    assert "fewer images than published: 59 of 60 train (Bergmann" in finding.message
    trees.put(path, "train/good/007.png", "train/good/100.png")
    finding = only(path, "counts")
    assert not finding.serious
    assert "more images than published: 61 of 60 train" in finding.message


def test_a_name_alone_does_not_make_it_mvtec_ad(tmp_path):
    check = data.check(trees.mvtec(tmp_path, "bottle"), geometry=WHOLE)
    assert check.layout == "MVTec style"
    assert [one.published for one in check.counts] == [None, None, None]


def test_missing_categories_are_named(tmp_path, small):
    trees.visa(tmp_path, "candle")
    trees.visa(tmp_path / "other", "pcb1")
    (tmp_path / "split_csv/1cls.csv").write_bytes(
        (tmp_path / "split_csv/1cls.csv").read_bytes()
        + (tmp_path / "other/split_csv/1cls.csv").read_bytes()
    )
    (tmp_path / "other/pcb1").rename(tmp_path / "cashew")
    finding = data.check(tmp_path).of("missing categories")[0]
    assert "1 of 2 categories of VisA are not here: pcb1" in finding.message
    assert not finding.serious


# What is missing


def test_what_a_reader_refuses_is_a_finding_in_the_same_words(plate):
    trees.put(plate, "ground_truth/hole/007_mask.png", image=trees.mask())
    (plate / "train/good").rename(plate / "train/goood")
    check = data.check(plate)
    messages = [finding.message for finding in check.of("arrangement")]
    with pytest.raises(FileNotFoundError) as raised:
        data.folder(plate)
    assert messages[0] == str(raised.value)
    assert "at least one good image" in messages[1]
    assert "got 1 without one, first" in messages[2]
    assert not check.ok


@pytest.mark.parametrize("layout", ["VisA", "CUB-200-2011", "Flowers-102"])
def test_images_that_a_list_names_in_vain_are_found(tmp_path, small, layout):
    path = BUILDERS[layout](tmp_path)
    sorted(file for file in path.rglob("*") if file.suffix.lower() == ".jpg")[-1].unlink()
    check = data.check(path)
    assert "found 1 missing, first" in check.of("arrangement")[0].message
    assert not check.ok


def test_a_mask_of_a_tile_without_image_is_found(tmp_path, small):
    trees.put(trees.tiles(tmp_path), "MT_Crack/Imgs/exp9.png", image=trees.mask())
    assert (
        "image beside the mask" in data.check(tmp_path, geometry=WHOLE).of("arrangement")[0].message
    )


def test_of_an_unknown_layout_no_image_is_opened_and_the_next_step_is_said(tmp_path, monkeypatch):
    """280 photographs were decoded for two minutes before this answer."""
    trees.put(tmp_path, "a/1.png", "b/2.png")
    monkeypatch.setattr(Image, "open", None)
    check = data.check(tmp_path)
    assert check.layout == ""
    assert kinds(check) == ["arrangement"]
    assert not check.ok
    assert "images in 2 folders, a (1), b (1)" in check.findings[0].message
    assert check.counts == []
    assert "no known layout" in repr(check)
    assert "    mv a good\n" in repr(check)


def test_an_empty_folder_is_reported_and_a_missing_one_raises(tmp_path):
    assert kinds(data.check(tmp_path)) == ["arrangement"]
    (tmp_path / "file").touch()
    for path in ("nowhere", "file"):
        with pytest.raises(
            FileNotFoundError, match=f"expected the folder of a data set, found none at .*{path}"
        ):
            data.check(tmp_path / path)


# What looks wrong


def test_unreadable_and_truncated_images_and_masks_are_found(plate):
    image = plate / "train/good/001.png"
    image.write_bytes(image.read_bytes()[:500])
    (plate / "ground_truth/hole/000_mask.png").write_bytes(b"")
    check = data.check(plate, geometry=WHOLE)
    assert kinds(check) == ["unreadable images", "unreadable masks"]
    assert check.findings[0].files == ("train/good/001.png",)
    assert "1 image cannot be read, first: OSError: " in check.findings[0].message
    assert check.findings[1].files == ("ground_truth/hole/000_mask.png",)


def test_training_images_in_the_test_set_are_found_by_their_pixels(plate):
    """One copied byte for byte, one in another format, one that differs in a single value."""
    (plate / "test/good/100.png").write_bytes((plate / "train/good/000.png").read_bytes())
    with Image.open(plate / "train/good/001.png") as image:
        image.save(plate / "test/hole/101.bmp")
        values = np.asarray(image).copy()
    values[3, 4, 1] ^= 1
    Image.fromarray(values).save(plate / "test/good/102.png")
    check = data.check(plate, geometry=WHOLE)
    found = check.of("duplicates across parts")[0]
    assert found.serious
    assert sorted(found.files) == [
        "test/good/100.png",
        "test/hole/101.bmp",
        "train/good/000.png",
        "train/good/001.png",
    ]
    assert "2 training images are also outside train" in found.message
    assert "(1 the same to the last byte, 1 by their pixels)" in found.message


def test_images_of_the_same_values_and_another_shape_are_no_duplicates(plate):
    for name, size in (("a", (20, 30)), ("b", (30, 20))):
        Image.new("RGB", size, (9, 9, 9)).save(plate / f"train/good/{name}.png")
    assert "duplicates within train" not in kinds(data.check(plate))


def test_duplicates_within_training_and_test_images_are_notes(plate):
    (plate / "train/good/100.png").write_bytes((plate / "train/good/000.png").read_bytes())
    (plate / "test/good/100.png").write_bytes((plate / "test/good/000.png").read_bytes())
    check = data.check(plate, geometry=WHOLE)
    assert kinds(check) == ["duplicates within test", "duplicates within train"]
    assert check.ok
    assert check.findings[1].files == ("train/good/000.png", "train/good/100.png")


def test_the_same_image_in_two_categories_is_no_duplicate(tmp_path):
    for name in ("one", "two"):
        trees.mvtec(tmp_path, name)
    (tmp_path / "two/test/good/9.png").write_bytes(
        (tmp_path / "one/train/good/000.png").read_bytes()
    )
    assert data.check(tmp_path, geometry=WHOLE).findings == []


def test_tiny_and_enormous_images_are_found(plate):
    Image.new("RGB", (1, 1)).save(plate / "train/good/003.png")
    finding = only(plate, "tiny images")
    assert finding.serious
    assert "smallest 1x1" in finding.message
    Image.new("L", (20_000, 40)).save(plate / "train/good/003.png")
    check = data.check(plate, geometry=WHOLE)
    expected = ["enormous images", "other shape", "sizes vary", "squeezed images"]
    assert sorted(kinds(check)) == expected
    assert "largest 20000x40" in check.of("enormous images")[0].message


def test_varying_sizes_are_a_note(plate):
    trees.put(plate, "test/good/001.png", image=trees.picture((60, 50)))
    finding = only(plate, "sizes vary")
    assert not finding.serious
    assert finding.files == ("test/good/001.png",)
    assert "2 sizes, most often 48x40 (6), 60x50 (1)" in finding.message


@pytest.mark.parametrize(
    ("size", "more"), [((48, 40), ["masks of another size", "sizes vary"]), ((40, 40), [])]
)
def test_turned_images_with_masks_drawn_before_turning_are_found(tmp_path, size, more):
    """Of square images the mask has the right size, and marks the wrong pixels without an error."""
    exif = Image.Exif()
    exif[0x0112] = 6
    trees.put(
        tmp_path,
        "train/good/0.png",
        "test/good/1.png",
        image=None if size == (48, 40) else trees.picture(size),
    )
    if size == (40, 40):
        trees.put(tmp_path, "test/good/1.png", image=trees.picture(size))
    (tmp_path / "test/hole").mkdir()
    trees.picture(size).save(tmp_path / "test/hole/0.png", exif=exif)
    trees.put(tmp_path, "ground_truth/hole/0.png", image=trees.mask(size=size))
    check = data.check(tmp_path, geometry=WHOLE)
    assert sorted(kinds(check)) == sorted(["turned images", *more])
    assert check.of("turned images")[0].files == ("test/hole/0.png",)
    # Turned like its image: all is well
    trees.mask(size=size).save(tmp_path / "ground_truth/hole/0.png", exif=exif)
    assert "turned images" not in kinds(data.check(tmp_path, geometry=WHOLE))


def test_empty_and_full_masks_and_those_of_another_size_are_found(plate):
    trees.put(plate, "ground_truth/hole/000_mask.png", image=trees.mask(0))
    finding = only(plate, "empty masks")
    assert finding.files == ("ground_truth/hole/000_mask.png",)
    trees.put(plate, "ground_truth/hole/000_mask.png", image=trees.mask(box=(0, 0, 48, 40)))
    assert only(plate, "full masks").serious
    trees.put(plate, "ground_truth/hole/000_mask.png", image=trees.mask(size=(48, 41)))
    assert only(plate, "masks of another size").files == ("test/hole/000.png",)


def test_defective_images_without_mask_are_serious_only_where_others_have_one(plate):
    (plate / "ground_truth/hole/000_mask.png").unlink()
    assert only(plate, "images without mask").files == ("test/hole/000.png",)
    (plate / "ground_truth/bent/000_mask.png").unlink()
    assert not only(plate, "no masks").serious


def test_defects_lost_to_the_crop_are_found_and_told_from_thin_ones(plate):
    # 3 of 48 columns go
    trees.put(plate, "ground_truth/hole/000_mask.png", image=trees.mask(box=(0, 0, 2, 40)))
    geometry = data.Geometry(35)  # resized to 40, of which 2.5 are cut off on each side
    finding = only(plate, "lost defects", geometry)
    assert finding.files == ("test/hole/000.png",)
    assert (
        "1 defects are gone after resize and crop to 35 pixels (1 outside the crop, 0 too thin"
        in finding.message
    )
    trees.put(plate, "ground_truth/hole/000_mask.png", image=trees.mask(box=(20, 20, 21, 21)))
    finding = only(plate, "lost defects", data.Geometry(8, crop=False))
    assert "0 outside the crop, 1 too thin for the mask rule '>0.5'" in finding.message
    assert data.check(plate, geometry=WHOLE).ok


def test_stacks_are_found_and_a_cameras_preview_is_not(plate):
    pages = [trees.picture() for _ in range(3)]
    pages[0].save(plate / "train/good/100.tif", save_all=True, append_images=pages[1:])
    finding = only(plate, "several images in a file")
    assert finding.files == ("train/good/100.tif",)
    assert "up to 3; only the first is read" in finding.message
    (plate / "train/good/100.tif").unlink()
    pages[0].save(plate / "train/good/100.jpg", "MPO", save_all=True, append_images=pages[1:])
    assert data.check(plate, geometry=WHOLE).findings == []


def test_names_that_differ_in_suffix_or_case_only_are_found(plate):
    trees.put(plate, "train/good/000.jpg", "train/good/A.png", "train/good/a.png")
    finding = only(plate, "names collide")
    assert sorted(finding.files) == [
        "train/good/000.jpg",
        "train/good/000.png",
        "train/good/A.png",
        "train/good/a.png",
    ]


def test_links_that_lead_nowhere_or_in_circles_are_found(plate):
    (plate / "train/good/900.png").symlink_to("gone.png")
    (plate / "train/good/901.png").symlink_to("901.png")
    (plate / "test/again").symlink_to(plate, target_is_directory=True)
    check = data.check(plate, geometry=WHOLE)
    assert check.of("broken links")[0].files == ("train/good/900.png", "train/good/901.png")
    assert check.of("links in circles")[0].files == ("test/again",)


def test_links_to_images_elsewhere_are_followed(tmp_path):
    trees.mvtec(tmp_path / "real")
    (tmp_path / "linked").symlink_to(tmp_path / "real", target_is_directory=True)
    assert data.check(tmp_path / "linked", geometry=WHOLE).findings == []


def test_what_is_not_read_is_listed(plate):
    trees.put(plate, "train/good/.hidden.png", "train/bad/000.png")
    (plate / "train/good/notes.txt").write_text("x")
    (plate / "train/good/000.npy").write_bytes(b"x")
    (plate / "train/good/folder.png").mkdir()
    (plate / "license.txt").write_text("as it comes with the data set")
    (plate / "Thumbs.db").write_bytes(b"x")
    check = data.check(plate, geometry=WHOLE)
    files = {finding.kind: finding.files for finding in check.findings}
    assert files == {
        "unused images": ("train/bad/000.png",),
        "folders called like images": ("train/good/folder.png",),
        "hidden files": ("Thumbs.db", "train/good/.hidden.png"),
        "other files": ("train/good/000.npy", "train/good/notes.txt"),
    }
    assert [finding.kind for finding in check.serious] == ["unused images"]


def test_a_folder_that_cannot_be_opened_is_found(plate, monkeypatch):
    scandir = os.scandir

    def refuse(path):
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    (plate / "closed").mkdir()
    monkeypatch.setattr(os, "scandir", refuse)
    assert only(plate, "closed folders").files == ("closed",)


def test_a_part_that_cannot_be_opened_is_not_called_by_what_was_looked_for_in_it(
    plate, monkeypatch
):
    def refuse(path):
        raise PermissionError(13, "Permission denied", str(path / "test" / "logical_anomalies"))

    monkeypatch.setattr(checking.layouts, "_category", refuse)
    (finding,) = data.check(plate).of("arrangement")
    assert f"got Permission denied within {plate}" in finding.message
    assert "logical_anomalies" not in finding.message


def test_images_that_may_not_be_read_are_not_to_be_replaced(plate, monkeypatch):
    opener = Image.open

    def refuse(path, *rest, **options):
        if str(path).endswith("train/good/000.png"):
            raise PermissionError(13, "Permission denied", str(path))
        return opener(path, *rest, **options)

    monkeypatch.setattr(Image, "open", refuse)
    assert "Permission denied" in only(plate, "unreadable images").message
    assert only(plate, "unreadable images").message.endswith(": change its permissions")
    with pytest.raises(
        ValueError, match=r"expected an image that may be read, got .*000\.png .*: change its perm"
    ):
        data.folder(plate).train.image(0)


def test_no_damage_raises(tmp_path):
    """Every file of a tree is overwritten in turn with each of several kinds of rubbish."""
    path = trees.visa(trees.loco(tmp_path), "candle") / "pushpins"
    for root in (path, tmp_path / "candle"):
        for file in sorted(file for file in root.rglob("*") if file.is_file())[::2]:
            whole = file.read_bytes()
            for rubbish in (
                b"",
                whole[: len(whole) // 2],
                b"\x89PNG\r\n\x1a\n" + b"\xff" * 99,
                b"object,\xff\n\0",
            ):
                file.write_bytes(rubbish)
                assert isinstance(repr(data.check(root, geometry=WHOLE)), str)
            file.write_bytes(whole)


# How it is shown


def test_names_from_files_are_escaped_on_the_page(tmp_path):
    evil = "<img src=x onerror=alert(1)>"
    trees.put(tmp_path / evil, "train/good/a&b.png", "test/good/0.png", f"test/{evil}/<b>.png")
    (tmp_path / evil / f"test/{evil}/<i>.png").write_bytes(b"")
    check = data.check(tmp_path / evil)
    page = check._repr_html_()
    assert "<img" not in page
    assert "<i>" not in page
    assert "&lt;img src=x onerror=alert(1)&gt;" in page
    assert "&lt;i&gt;.png" in page


def test_what_is_shown_is_short_and_what_is_kept_is_everything(plate):
    for index in range(9):
        (plate / f"train/good/{index + 100}.png").write_bytes(b"")
    check = data.check(plate, geometry=WHOLE)
    assert len(check.findings[0].files) == 9
    words = " ".join(repr(check).split())
    assert "(train/good/100.png, train/good/101.png, train/good/102.png and 6 more)" in words
    assert "\n1 problem, no notes\n" in repr(check)


def test_serious_findings_come_first(plate):
    trees.put(plate, "test/good/001.png", image=trees.picture((60, 50)))
    trees.put(plate, "ground_truth/hole/000_mask.png", image=trees.mask(0))
    check = data.check(plate, geometry=WHOLE)
    assert [finding.serious for finding in check.findings] == [True, False]
    assert str(check.findings[0]).startswith("! plate: 1 masks")
    assert str(check.findings[1]).startswith("- plate: images have 2 sizes")


def test_progress_is_shown(plate):
    seen = []
    with progress.watched(lambda label, done, total: seen.append((label, done, total))):
        data.check(plate)
    assert ("checking images", 0, 6) in seen
    assert ("checking masks", 1, 2) in seen


def test_every_image_is_decoded_once(plate, monkeypatch):
    opened = []
    monkeypatch.setattr(
        checking,
        "image_info",
        lambda path: opened.append(path) or checking.files.ImageInfo(path, (48, 40)),
    )
    data.check(plate)
    assert sorted(opened) == sorted(
        file for file in plate.rglob("*.png") if "ground_truth" not in file.parts
    )


def test_warnings_of_pillow_are_silent_but_the_image_is_named(plate, monkeypatch):
    """Up to twice this limit Pillow warns of a decompression bomb, beyond it refuses."""
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1500)  # the images have 1920
    assert data.check(plate, geometry=WHOLE).findings == []
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 900)
    check = data.check(plate, geometry=WHOLE)
    assert "DecompressionBombError" in check.of("unreadable images")[0].message
    assert len(check.of("unreadable images")[0].files) == 6


@pytest.mark.parametrize(("n_other", "said"), [(0, None), (1, "1 good image has"), (3, None)])
def test_the_few_good_images_of_another_shape_are_serious(tmp_path, n_other, said):
    """A fifth at most: where more differ, several shapes are meant."""
    for number in range(12):
        image = trees.picture()  # 48 x 40
        if number < n_other:
            image = image.transpose(Image.Transpose.ROTATE_90)
        elif number % 2:  # another size of the same shape
            image = image.resize((96, 80))
        (tmp_path / "good").mkdir(exist_ok=True)
        image.save(tmp_path / "good" / f"{number:02}.png")
    check = data.check(tmp_path)
    findings = check.of("other shape")
    assert [finding.files for finding in findings] == ([("good/00.png",)] if said else [])
    if said:
        assert findings[0].message.startswith(f"{said} another shape than most (40x48, most are")
        assert not check.ok


@pytest.mark.parametrize(("width", "found"), [(101, False), (102, False), (103, True)])
def test_a_shape_that_judge_calls_another_is_one(tmp_path, width, found):
    (tmp_path / "good").mkdir()
    for number in range(6):
        image = trees.picture().resize((width if number == 3 else 100, 100))
        image.save(tmp_path / "good" / f"{number}.png")
    assert bool(data.check(tmp_path).of("other shape")) == found
