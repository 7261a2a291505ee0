"""`data.check` and `adviz check` of folders that are no data set yet; no image is opened."""

import json
import os
import re
import shlex
import subprocess
import sys

import published_trees as trees
import pytest

from adviz import data
from adviz.app import cli, learned
from adviz.data import images
from adviz.data.checking import advice

WHOLE = data.Geometry(40, crop=False)


def typed(check):
    """Return the lines to type."""
    return [step.strip() for step in check.steps if step.startswith("  ")]


def advised(path):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("adviz.data.checking.image_info", None)  # no image is opened
        check = data.check(path)
    assert (check.layout, check.counts, check.ok) == ("", [], False)
    assert [finding.kind for finding in check.findings] == ["arrangement"]
    assert "MT_Free" not in repr(check)  # no list of data sets
    assert max(map(len, textual(check))) <= 80
    return check


def textual(check):
    """Return the lines of prose, which are wrapped; what is typed is not."""
    return [line for line in check.body().splitlines() if not line.startswith("    ")]


def follow(check, root):
    """Type the lines that arrange files, as a shell would."""
    lines = [line for line in typed(check) if line.split()[0] in ("cd", "mkdir", "mv")]
    subprocess.run("\n".join(["set -e", *lines]), check=True, cwd=root, shell=True)  # noqa: S602 - what is typed


def test_a_flat_folder_is_to_be_sorted_or_read_without_labels(tmp_path):
    trees.put(tmp_path / "my photos", *(f"IMG_{number:04}.jpg" for number in range(8)))
    check = advised(tmp_path / "my photos")
    assert "8 images lie in one folder, not sorted into good and bad" in check.findings[0].message
    assert advice.FEWEST == learned.FEWEST
    assert "Sort them into good, at least 5 (`adviz learn` takes 12), and bad" in " ".join(
        check.body().split()
    )
    assert {"mkdir good bad", "mv IMG_0000.jpg good", "mv IMG_0007.jpg bad"} <= {*typed(check)}
    assert typed(check)[-1] == f"photos = data.unlabelled({str(tmp_path / 'my photos')!r})"
    follow(check, tmp_path)
    assert data.check(tmp_path / "my photos").layout == "sorted photos"
    assert f"adviz check {shlex.quote(str(tmp_path / 'my photos'))}" in typed(check)


def test_names_that_say_which_is_which_are_used(tmp_path):
    trees.put(tmp_path / "a", *(f"OK_{number}.png" for number in range(6)), "NG_1.png", "NG_2.png")
    check = advised(tmp_path / "a")
    assert {"mv OK?* good", "mv NG?* bad"} <= {*typed(check)}
    follow(check, tmp_path)
    category = data.folder(tmp_path / "a")
    assert (len(category.train), category.test.labels.tolist()) == (5, [0, 1, 1])


def test_names_that_begin_as_the_folders_are_called_are_moved_without_an_error(tmp_path):
    files = [*(f"good_{number}.png" for number in range(6)), "bad_1.png", "bad_2.png"]
    trees.put(tmp_path / "a", *files)
    follow(advised(tmp_path / "a"), tmp_path)
    assert sorted(file.name for file in (tmp_path / "a" / "good").iterdir()) == files[:6]
    assert sorted(file.name for file in (tmp_path / "a" / "bad").iterdir()) == files[6:]


def test_folders_in_other_languages_are_to_be_renamed(tmp_path):
    trees.put(
        tmp_path, *(f"gut/{number}.png" for number in range(6)), "schlecht/1.png", "kratzer/1.png"
    )
    check = advised(tmp_path)
    assert "images in 3 folders, gut (6), kratzer (1), schlecht (1)" in check.findings[0].message
    assert typed(check)[1:5] == ["mv gut good", "mkdir bad", "mv kratzer bad", "mv schlecht bad"]
    follow(check, tmp_path)
    assert sorted(set(data.folder(tmp_path).test.defects)) == ["good", "kratzer", "schlecht"]


def test_classes_ask_which_one_is_good(tmp_path):
    trees.put(
        tmp_path, *(f"{name}/{number}.png" for name in ("apple", "pear") for number in range(6))
    )
    assert "no name tells which one holds the good ones" in advised(tmp_path).findings[0].message


def test_train_and_test_of_classes_are_to_be_renamed(tmp_path):
    for part in ("train", "test"):
        trees.put(
            tmp_path,
            *(f"{part}/{name}/{number}.png" for name in ("intakt", "riss") for number in range(3)),
        )
    check = advised(tmp_path)
    assert "train holds a folder for each of 2 classes (intakt, riss)" in check.findings[0].message
    assert "mv train/intakt train/good" in typed(check)
    follow(check, tmp_path)
    category = data.folder(tmp_path)
    assert (len(category.train), category.test.defects) == (3, ["good"] * 3 + ["riss"] * 3)


@pytest.mark.parametrize(
    "arrangement", ["{side}/train/{number}", "train/{side}/{number}", "{side}/{number}"]
)
@pytest.mark.parametrize(
    ("suffix", "sides", "empty", "box"),
    [
        ("txt", ("images", "labels"), "", "0 .5 .5 .1 .1"),
        (
            "xml",
            ("JPEGImages", "Annotations"),
            "<annotation/>",
            "<annotation><object></object></annotation>",
        ),
    ],
)
def test_trees_of_object_detection_are_sorted_by_their_boxes(
    tmp_path, arrangement, suffix, sides, empty, box
):
    root = tmp_path / "boxes"
    for number in range(4):
        trees.put(root, f"{arrangement.format(side=sides[0], number=number)}.jpg")
        label = root / f"{arrangement.format(side=sides[1], number=number)}.{suffix}"
        label.parent.mkdir(parents=True, exist_ok=True)
        label.write_text(box if number == 3 else empty)
    check = advised(root)
    assert "4 images with boxes around objects" in check.findings[0].message
    _run(check)
    assert [
        len(list((tmp_path / "boxes_sorted" / kind).iterdir())) for kind in ("good", "bad")
    ] == [3, 1]


def test_coco_is_sorted_by_its_table(tmp_path):
    root = trees.put(tmp_path / "coco", *(f"val2017/{number}.jpg" for number in range(4)))
    (root / "annotations").mkdir()
    table = {
        "images": [{"id": n, "file_name": f"{n}.jpg"} for n in range(4)],
        "annotations": [{"image_id": 2}],
    }
    (root / "annotations/instances_val2017.json").write_text(json.dumps(table))
    check = advised(root)
    _run(check)
    assert [file.name for file in (tmp_path / "coco_sorted/bad").iterdir()] == ["val2017_2.jpg"]
    assert len(list((tmp_path / "coco_sorted/good").iterdir())) == 3


def _run(check):
    """Run the lines of Python."""
    lines = [
        step[2:] for step in check.steps if step.startswith("  ") and "adviz check" not in step
    ]
    exec("\n".join(lines), {})  # noqa: S102 - what a user pastes


def test_labelme_is_told_by_its_points(tmp_path):
    trees.put(tmp_path / "a", "1.jpg", "2.jpg")
    (tmp_path / "a/1.json").write_text('{"shapes": [{"points": [[1, 2]]}]}')
    assert "(labelme)" in advised(tmp_path / "a").findings[0].message


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("photos.zip", "unzip photos.zip -d photos"),
        ("my photos.tar.gz", "mkdir 'my photos'; tar -xf 'my photos.tar.gz' -C 'my photos'"),
        ("photos.7z", "7z x photos.7z -ophotos"),
        ("film.MP4", "ffmpeg -i film.MP4 -vf fps=2 frames/%05d.png"),
        ("report.pdf", "pdfimages -png report.pdf images/page"),
        ("x.npy", "from adviz import data"),
        ("a.CR2", "adviz check {}"),
        ("notes.txt", "mkdir good bad"),
    ],
)
def test_files_that_are_no_images_are_answered_with_what_to_do(tmp_path, name, line):
    (tmp_path / name).write_bytes(b"x")
    check = advised(tmp_path)
    assert f"(such as {name})" in check.findings[0].message
    assert line.format(shlex.quote(str(tmp_path))) in typed(check)


def test_photographs_of_a_telephone_need_a_plug_in(tmp_path, monkeypatch):
    for number in range(8):
        (tmp_path / f"IMG_{number}.HEIC").write_bytes(b"x")
    monkeypatch.setattr(images, "find_spec", lambda name: None)
    images.suffixes.cache_clear()
    check = advised(tmp_path)
    images.suffixes.cache_clear()
    assert "8 files .heic (such as IMG_0.HEIC)" in check.findings[0].message
    assert 'pip install "adviz-anomaly[heic]"' in typed(check)


@pytest.mark.parametrize(
    "there", [(), (".ipynb_checkpoints/a.png",), ("__MACOSX/a.png", ".DS_Store")]
)
def test_an_empty_folder_asks_for_photographs(tmp_path, there):
    for name in there:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    check = advised(tmp_path)
    assert "expected images, found nothing in it" in check.findings[0].message
    assert "adviz demo" in typed(check)


def test_images_further_down_are_named(tmp_path):
    trees.put(tmp_path, *(f"{line}/2024/cam/{n}.png" for line in ("a", "b") for n in range(2)))
    assert {f"adviz check {tmp_path / line / '2024/cam'}" for line in ("a", "b")} <= {
        *typed(advised(tmp_path))
    }


def test_of_the_users_own_folder_one_is_to_be_chosen(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    trees.put(tmp_path, "Pictures/1.png", "Documents/2.png", "Pictures/3.png")
    assert typed(advised("~")) == [
        f"adviz check {tmp_path / name}" for name in ("Pictures", "Documents")
    ]
    trees.put(
        tmp_path,
        *(f"work/nut/{kind}/{number}.png" for kind in ("good", "bad") for number in range(6)),
    )
    assert typed(advised(tmp_path)) == [f"adviz check {tmp_path / 'work/nut'}"]


def test_a_folder_without_end_is_looked_at_in_part(tmp_path, monkeypatch):
    monkeypatch.setattr(advice, "MAX_SEARCHED", 10)
    trees.put(tmp_path, *(f"{line}/x/y/{number}.png" for line in "abcdef" for number in range(4)))
    assert "(only 10 files were looked at)" in advised(tmp_path).findings[0].message


def test_what_is_no_folder_is_answered_with_what_to_do(tmp_path, capsys):
    (tmp_path / "nuts.zip").write_bytes(b"x")
    trees.put(tmp_path, "nuts/1.png")
    for name, said in (
        ("nuts.zip", f"which is a file: unpack it (unzip {tmp_path}/nuts.zip -d nuts)"),
        ("nuts/1.png", f"which is a file: give the folder that it is in, {tmp_path}/nuts"),
        ("nut", "did you mean 'nuts'?"),
    ):
        with pytest.raises(FileNotFoundError, match=re.escape(said)):
            data.check(tmp_path / name)
        assert cli.main(["check", str(tmp_path / name)]) == 2
        assert said in capsys.readouterr().err


def test_the_command_says_the_layout_first_and_how_to_go_on_last(tmp_path, capsys, monkeypatch):
    """What names say is printed before the first image is opened."""
    trees.put(tmp_path / "my part", *(f"OK/{number}.png" for number in range(12)), "NG/1.png")
    order = []
    monkeypatch.setattr("adviz.data.checking.image_info", _noting(order))
    data.check(tmp_path / "my part", watch=lambda found: order.append(found.head()))
    place = str(tmp_path / "my part")
    assert order[0] == f"{place}: sorted photos\n  my part: 10 train, 2 test good, 1 test defective"
    assert len(order) == 1 + 13
    monkeypatch.chdir(tmp_path / "my part")
    assert cli.main(["check", "."]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == order[0].splitlines()
    # Python's lines, then those without code
    assert lines.index(f"    DATA = {place!r}") < lines.index("  adviz learn .")
    assert lines[-2:] == [
        "  adviz new .",
        "    writes a notebook with the same steps, to look closer",
    ]
    assert f"    part = data.folder({place!r})" in lines


def _noting(order):
    from adviz.data.checking.files import image_info

    def note(path):
        order.append(path)
        return image_info(path)

    return note


def test_the_lines_of_python_run(tmp_path):
    """They are pasted by somebody who has never used the package."""
    root = trees.put(tmp_path / "part", *(f"good/{number}.png" for number in range(6)), "bad/1.png")
    lines = [
        step[2:]
        for step in data.check(root).steps
        if step.startswith("  ") and "adviz lab" not in step
    ]
    environment = {**os.environ, "ADVIZ_CACHE": str(tmp_path / "cache")}
    subprocess.run(
        [sys.executable, "-c", "\n".join(lines)], check=True, env=environment, capture_output=True
    )


def test_an_unknown_folder_ends_with_status_1_and_a_pointer(tmp_path, capsys):
    assert cli.main(["check", str(tmp_path)]) == 1
    captured = capsys.readouterr()
    assert captured.err == "adviz: no data set that can be read; the lines above lead to one\n"
    assert captured.out.startswith(
        f"{tmp_path}: no known layout\n  ! expected images, found nothing in it\n"
    )


# What can be measured, and what resizing does


def test_without_good_test_images_the_number_is_undefined(tmp_path):
    trees.put(
        tmp_path,
        *(f"{place}/{n}.png" for place in ("train/good", "test/einwandfrei ok") for n in range(3)),
    )
    finding = data.check(tmp_path, geometry=WHOLE).of("no good test images")[0]
    assert finding.serious
    assert "no good test image: image AUROC is undefined" in finding.message
    assert "is test/einwandfrei ok a folder of good images?" in finding.message


@pytest.mark.parametrize("names", [("test/ok",), ("test/Normal",), ("test/good", "test/unlabeled")])
def test_without_defective_test_images_nothing_is_measured(tmp_path, names):
    trees.put(tmp_path, *(f"{place}/{n}.png" for place in ("train/good", *names) for n in range(3)))
    check = data.check(tmp_path, geometry=WHOLE)
    assert [finding.kind for finding in check.findings] == ["no defective test images"]
    assert check.ok
    assert typed(check)[5] == "print(dict(zip(part.test.ids, prediction.score)))"


def test_without_labels_there_are_scores_alone(tmp_path):
    trees.put(tmp_path, *(f"{place}/{n}.png" for place in ("train/good", "test") for n in range(3)))
    check = data.check(tmp_path, geometry=WHOLE)
    assert [finding.kind for finding in check.findings] == ["no labels"]
    assert check.ok


@pytest.mark.parametrize(
    ("size", "said", "remedy"),
    [
        ((600, 60), "squeezed 10:1", "(64, 512)"),
        ((60, 600), "squeezed 10:1", "(512, 64)"),
        ((30, 3000), "squeezed 100:1", "(3200, 32)"),
        ((1600, 50), "squeezed 32:1", "(32, 1024)"),
        ((512, 256), "squeezed 2:1", "(256, 512)"),
        ((300, 200), "squeezed 1.5:1", "(256, 384)"),
        ((200, 300), "squeezed 1.5:1", "(384, 256)"),
    ],
)
def test_long_images_are_noted_with_what_keeps_their_shape(tmp_path, size, said, remedy):
    for name in ("train/good/0.png", "test/good/1.png", "test/hole/2.png"):
        trees.put(tmp_path, name, image=trees.picture(size))
    check = data.check(tmp_path)
    finding = check.of("squeezed images")[0]
    assert not finding.serious
    assert (
        f"3 images lose their shape, most are {size[0]}x{size[1]}: resized to 256x256, {said}"
        in finding.message
    )
    assert f"geometry=data.Geometry({remedy}, crop=False)" in finding.message
    assert 'geometry=data.Geometry(256, crop=False, aspect="letterbox")' in finding.message
    assert typed(check)[1].endswith(f", geometry=data.Geometry({remedy}, crop=False))")


def test_images_of_a_cameras_usual_shape_are_no_note_and_what_is_not_seen_is_said(tmp_path):
    """Of 400 pixels resized to 256 the crop leaves 16 on each side: 25 of 400, a sixteenth."""
    for name in ("train/good/0.png", "test/good/1.png", "test/hole/2.png"):
        trees.put(tmp_path, name, image=trees.picture((400, 300)))
    check = data.check(tmp_path)
    assert not check.of("squeezed images")
    assert check.treatment == (
        "the images are 400x300: resized to 256x256, squeezed 1.33:1, and the centre is "
        "cut out: 25 pixels (6 %) on the left and on the right and 19 pixels (6 %) at the top and "
        "at the bottom are not seen",
    )
    whole = data.check(tmp_path, geometry=data.Geometry(256, crop=False)).treatment
    assert whole == (
        "the images are 400x300: resized to 256x256, squeezed 1.33:1, all of it is seen",
    )


def test_a_crop_that_hides_much_is_noted(tmp_path):
    """Of 400x200 resized to 512x256, the centre of 224 leaves out 144 on the left: 112 of 400."""
    for name in ("train/good/0.png", "test/good/1.png", "test/hole/2.png"):
        trees.put(tmp_path, name, image=trees.picture((400, 200)))
    check = data.check(tmp_path, geometry=data.Geometry(aspect="shorter"))
    finding = check.of("cropped images")[0]
    assert "112 pixels (28 %) on the left and on the right" in finding.message
    assert not check.of("squeezed images")


def test_images_beside_the_data_sets_of_a_folder_are_a_note(tmp_path):
    trees.put(
        tmp_path, *(f"nut/{kind}/{number}.png" for kind in ("good", "bad") for number in range(6))
    )
    trees.put(tmp_path, "holiday.png")
    check = data.check(tmp_path, geometry=WHOLE)
    assert check.of("images elsewhere")[0].files == ("holiday.png",)
    assert check.ok


def test_images_that_padding_leaves_no_room_are_noted(tmp_path):
    """600 x 30 in a letterbox of 256 is 256 x 13: less than a stride of 32."""
    thin = data.Geometry(256, crop=False, aspect="letterbox")
    for name in ("train/good/0.png", "test/good/1.png", "test/hole/2.png"):
        trees.put(tmp_path, name, image=trees.picture((600, 30)))
    (finding,) = data.check(tmp_path, geometry=thin).of("thin images")
    assert not finding.serious
    assert "3 images become thinner than the 32 pixels" in finding.message
    assert "resized to 256x13" in finding.message
    assert "geometry=data.Geometry((32, 640), crop=False)" in finding.message  # 20:1
    for name in ("train/good/0.png", "test/good/1.png", "test/hole/2.png"):
        trees.put(tmp_path, name, image=trees.picture((600, 100)))
    assert not data.check(tmp_path, geometry=thin).of("thin images")  # 256 x 43
