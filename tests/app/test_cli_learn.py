"""`adviz learn` and `adviz judge`: from a folder of photographs to a verdict and a page."""

import json
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from urllib.parse import unquote

import numpy as np
import pytest
from PIL import Image

import adviz
from adviz import Backbone, PatchCore, data
from adviz.app import cli
from adviz.app import learned as rules
from adviz.app.commands import judge
from adviz.app.learned import Learned, learn
from sorted_nuts import copy_nuts


@pytest.fixture(scope="module")
def photographs(tmp_path_factory):
    return copy_nuts(tmp_path_factory.mktemp("photographs") / "my part")


@pytest.fixture(scope="module")
def learned(photographs):
    return learn(photographs, detector=PatchCore(coreset=0.05))


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def saved(learned, here):
    """What was learned, in the folder where the command is called."""
    return learned.save(here / "nut.adviz")


def told(capsys):
    """Return what was printed, each text on one line."""
    captured = capsys.readouterr()
    return " ".join(captured.out.split()), captured.err


def test_every_third_good_photograph_is_held_out_and_only_the_others_are_fitted(
    photographs, learned
):
    names = [f"good/nut {number:02d}.png" for number in range(20)]
    assert list(learned.held_out) == names[2::3]
    assert sorted([*learned.learned_from, *learned.held_out]) == names
    # The same by hand, out of other parts
    paths = [photographs / name for name in learned.learned_from]
    geometry = data.Geometry(224, crop=False)
    features = Backbone("efficientnet_lite0", layers=(8, 16)).extract(paths, geometry=geometry)
    detector = PatchCore(coreset=0.05).fit(features)
    np.testing.assert_array_equal(detector.bank_, learned.detector.bank_)


def test_without_the_first_photographs_the_other_thirds_are_held_out(tmp_path):
    """As `learn` says; the two that are moved are the only ones that never are."""
    folder = copy_nuts(tmp_path / "nuts", n_good=20, n_bad=1)
    names = sorted(file.name for file in (folder / "good").iterdir())
    held_out = []
    for name in names[:3]:
        held_out += [path.name for path in rules.photographs(folder).validation.paths]
        (folder / "good" / name).unlink()
    assert sorted(held_out) == names[2:]


def test_where_no_good_photograph_is_left_those_held_out_are_tested_as_well(photographs, learned):
    part = rules.photographs(photographs)
    assert tuple(part.train.ids) == learned.learned_from
    assert tuple(part.validation.ids) == learned.held_out
    tested = [name for name in part.test.ids if not name.startswith("bad/")]
    assert tuple(tested) == learned.held_out
    assert (part.test.labels == 1).sum() == 9
    assert {split.geometry for split in (part.train, part.validation, part.test)} == {
        data.Geometry(224, crop=False)
    }
    tree = rules.photographs(data.demo("hex_nut").test.root)
    assert tree.test.ids == data.demo("hex_nut").test.ids
    assert len(tree.train) + len(tree.validation) == len(data.demo("hex_nut").train)


def test_so_many_photographs_promise_a_rate_and_one_less_does_not():
    assert rules.needed(0.05) == 57
    assert rules.least_rate(57 // 3) <= 0.05 < rules.least_rate(56 // 3)


@pytest.mark.parametrize(("n_good", "rate"), [(19, 0.05), (21, 0.05), (20, 0.2), (6, 1 / 7)])
def test_what_a_rate_means_for_one_threshold_is_what_drawn_photographs_give(n_good, rate):
    average, likely = rules.false_alarms(n_good, rate)
    scores = np.random.default_rng(0).uniform(size=(20000, n_good))
    # Of uniform scores the rate above a threshold is 1 - threshold
    split = data.Split.from_arrays(np.zeros((n_good, 8, 8, 3), np.uint8), [0] * n_good)
    score = np.sort(scores[0]).astype(np.float32)
    prediction = adviz.Prediction(score, detector="a", backbone="b")
    value = adviz.calibrate(prediction, split, rule="false_positive_rate", rate=rate).value
    rank = int((score < value).sum())
    rates = 1 - np.sort(scores, axis=1)[:, rank - 1]
    assert average == pytest.approx(rates.mean(), rel=0.02)
    assert average <= rate + 1e-9
    assert (rates < likely).mean() == pytest.approx(0.95, abs=0.01)
    if rank == n_good:
        assert likely == pytest.approx(1 - 0.05 ** (1 / n_good))


def test_the_threshold_is_just_above_the_photographs_that_were_held_out(photographs, learned):
    scores = [learned.predict(photographs / name).score[0] for name in learned.held_out]
    # 6 photographs promise 1 / 7 and no less
    assert learned.threshold.rate == pytest.approx(1 / 7)
    assert learned.threshold.n_good == 6
    assert max(scores) < learned.threshold.value <= max(scores) * (1 + 3e-5)


def test_a_tree_with_its_own_test_images_is_learned_from_its_training_images_alone(tmp_path):
    source = data.demo("hex_nut")
    for part, files in (("train", source.train.paths[:12]), ("test", source.test.paths[:5])):
        (tmp_path / "nut" / part / "good").mkdir(parents=True)
        for file in files:
            shutil.copy(file, tmp_path / "nut" / part / "good")
    learned = learn(tmp_path / "nut", detector=PatchCore(coreset=0.01))
    used = [*learned.learned_from, *learned.held_out]
    assert sorted(used) == [f"train/good/{file.name}" for file in source.train.paths[:12]]


def test_saved_and_read_it_gives_the_same_scores_bit_for_bit(photographs, learned, tmp_path):
    saved = learned.save(tmp_path / "nut.adviz")
    read = adviz.load(tmp_path / "nut.adviz", digest=saved.digest)
    assert isinstance(read, Learned)
    assert read.digest == saved.digest
    photograph = photographs / "bad" / "nut 00.png"
    expected, actual = learned.predict(photograph), read.predict(photograph)
    np.testing.assert_array_equal(expected.score, actual.score)
    np.testing.assert_array_equal(expected.anomaly_map, actual.anomaly_map)
    assert replace(read.threshold) == learned.threshold
    assert (read.learned_from, read.held_out, read.name) == (
        learned.learned_from,
        learned.held_out,
        "my part",
    )
    # Pictures of JPEG's quality 90: a few grey levels off, and each in its place
    for index in (0, len(read.pictures) - 1):
        exact = learned.pictures.image(index).astype(float)
        assert np.abs(read.pictures.image(index) - exact).mean() < 4


@pytest.fixture(scope="module")
def tall_and_wide(tmp_path_factory):
    """Photographs of 12 bits, every fourth of which stands upright."""
    folder = tmp_path_factory.mktemp("cameras") / "odd"
    (folder / "ok").mkdir(parents=True)
    rng = np.random.default_rng(0)
    for number in range(12):
        height, width = (90, 60) if number % 4 == 3 else (60, 90)
        coarse = Image.fromarray(rng.uniform(500, 4000, (6, 6)).astype(np.float32))
        values = np.asarray(coarse.resize((width, height), Image.Resampling.BILINEAR))
        Image.fromarray(values.astype(np.uint16)).save(folder / "ok" / f"ü {number:02d}.png")
    return folder


def test_photographs_of_any_shape_and_depth_are_read_alike_when_learned_and_judged(
    tall_and_wide, tmp_path
):
    detector = PatchCore(coreset=0.5)
    learned = learn(tall_and_wide, detector=detector)
    learned.save(tmp_path / "odd.adviz")
    read = Learned.load(tmp_path / "odd.adviz")
    assert read.detector.geometry_.bits == 12
    assert read.detector.geometry_.aspect == "letterbox"
    # In one batch, as when it was calibrated, and one by one
    for name in learned.held_out:
        assert not read.threshold.is_anomalous(read.predict(tall_and_wide / name))[0]
    view = read.why(tall_and_wide / learned.held_out[0])
    assert view.evidence.image[0] < len(learned.learned_from)
    assert list(view.limits.values()) == [list(learned.limits)]
    # Padding, whose map is 0, does not count
    maps = [learned.predict(tall_and_wide / name) for name in learned.held_out]
    inside = np.concatenate([one.anomaly_map[one.valid] for one in maps])
    low, high = learned.limits
    assert low == pytest.approx(np.median(inside), rel=1e-4)
    assert (low + high) / 2 == pytest.approx(inside.max(), rel=1e-4)


@pytest.mark.parametrize("damage", ["truncated", "changed", "another kind"])
def test_a_damaged_file_is_refused(learned, tmp_path, damage):
    file = tmp_path / "nut.adviz"
    learned.save(file)
    content = bytearray(file.read_bytes())
    if damage == "truncated":
        file.write_bytes(content[:-1])
    elif damage == "changed":
        content[-1] ^= 1
        file.write_bytes(content)
    else:
        learned.detector.save(file)
    with pytest.raises(ValueError, match="expected a saved Learned"):
        Learned.load(file)


def test_pictures_that_are_none_are_refused(learned, tmp_path):
    from adviz import archive

    learned.save(tmp_path / "nut.adviz")
    content = archive.read(tmp_path / "nut.adviz", "Learned").content
    lengths = content["pictures"]["lengths"]
    noise = np.zeros(int(lengths.sum()), np.uint8)
    for pictures, words in (
        ({"bytes": noise, "lengths": lengths}, "expected JPEG pictures of 224x224"),
        ({"bytes": noise[:-1], "lengths": lengths}, "expected 14 pictures"),
        ({"bytes": noise, "lengths": lengths[:-1]}, "expected 14 pictures"),
    ):
        archive.write(tmp_path / "bad.adviz", "Learned", {**content, "pictures": pictures})
        with pytest.raises(ValueError, match=words):
            Learned.load(tmp_path / "bad.adviz")


def test_a_threshold_of_another_detector_is_refused(learned, tmp_path):
    other = replace(learned, threshold=replace(learned.threshold, digest="0" * 16))
    other.save(tmp_path / "nut.adviz")
    with pytest.raises(ValueError, match="expected the threshold of its detector"):
        Learned.load(tmp_path / "nut.adviz")


# The command learn


def test_learn_says_what_it_did_and_what_comes_next(photographs, here, capsys):
    assert cli.main(["learn", str(photographs), "--coreset", "0.02", "--to", "nut.adviz"]) == 0
    out, err = told(capsys)
    assert "learned from 14 good photographs: PatchCore (coreset 0.02)" in out
    assert "held out 6, every third good photograph: good/nut 02.png, good/nut 05.png," in out
    assert "about 14 % on average over such thresholds (of one alone it can be 39 %" in out
    assert "nearly the same" not in out
    assert "the other 14 were learned from and not looked at like this" in out
    assert "that takes 57 good ones (have 20)" in out
    read = Learned.load("nut.adviz", digest=re.search("digest ([0-9a-f]{64})", out)[1])
    bad = sorted((photographs / "bad").iterdir())
    found = sum(bool(read.threshold.is_anomalous(read.predict(file))[0]) for file in bad)
    assert f"{found} of 9 bad ones are called anomalous" in out
    assert "other good ones" not in out  # all of them were used
    assert "next: adviz judge PHOTOGRAPH --with nut.adviz" in out
    assert f"adviz new '{photographs}'" in out
    assert err == ""


def test_where_photographs_held_out_are_copies_no_rate_is_promised(tmp_path, here, capsys):
    """Two of the six held out: one to the last byte, one stored again as JPEG."""
    folder = copy_nuts(tmp_path / "nuts", n_good=20, n_bad=1)
    good = folder / "good"
    shutil.copy(good / "nut 00.png", good / "nut 02.png")
    with Image.open(good / "nut 04.png") as photograph:
        photograph.convert("RGB").save(good / "nut 05.jpg", quality=70)
    (good / "nut 05.png").unlink()
    assert cli.main(["learn", str(folder), "--coreset", "0.01"]) == 0
    out, _ = told(capsys)
    assert (
        "no rate of false alarms can be promised: 2 of the 6 held out are nearly the same as one "
        "learned from (good/nut 02.png, good/nut 05.jpg)"
    ) in out
    assert "keep one photograph of each part" in out
    assert "% on average over such" not in out
    assert out.count("! ") == 2


def test_where_all_photographs_have_their_like_it_is_for_the_user_to_say(tmp_path, here, capsys):
    """Three shots of each part by a camera that stands still; a check cannot tell them from parts
    in one place.
    """
    folder = copy_nuts(tmp_path / "nuts", n_good=5, n_bad=1)
    noise = np.random.default_rng(0)
    for file in sorted((folder / "good").iterdir()):
        with Image.open(file) as image:
            pixels = np.asarray(image.convert("RGB"))
        file.unlink()
        for shot in range(3):
            noisy = pixels + noise.normal(0, 3, pixels.shape)
            shot_file = file.with_name(f"{file.stem}_{shot}.png")
            Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(shot_file)
    assert cli.main(["learn", str(folder), "--coreset", "0.01"]) == 0
    out, _ = told(capsys)
    assert "! nuts: 5 images outside train look like a training image" in out
    assert "5 of the 5 held out look nearly the same as one learned from (good/nut 00_2.png" in out
    assert "If these are several photographs of one part, no rate of false alarms can be" in out
    assert cli.main(["check", str(folder)]) == 0
    out, _ = told(capsys)
    assert "Of further good ones, if no two of all are of one part, about" in out


def test_learn_names_its_file_after_the_folder(photographs, here, capsys):
    arguments = ["learn", str(photographs), "--coreset", "0.01", "--rate", "0.3"]
    assert cli.main(arguments) == 0
    assert [file.name for file in here.iterdir()] == ["my part.adviz"]
    out, _ = told(capsys)
    assert "about 29 % on average over such thresholds (of one alone it can be 58 %" in out
    assert "so few photographs" not in out  # it was asked for
    assert Learned.load("my part.adviz").threshold.rate == 0.3


def test_learn_without_bad_photographs_has_nothing_to_try(tmp_path, here, capsys):
    folder = copy_nuts(tmp_path / "nuts", n_good=12, n_bad=0)
    (folder / "bad").rmdir()
    assert cli.main(["learn", str(folder), "--detector", "PaDiM"]) == 0
    out, _ = told(capsys)
    assert "PaDiM on efficientnet_lite0" in out
    assert "not tried: there are no photographs in bad/" in out


def test_what_learn_refuses_is_one_line_and_writes_nothing(photographs, tmp_path, here, capsys):
    few = copy_nuts(tmp_path / "few" / "nuts", n_good=11, n_bad=1)
    for arguments, words in (
        (["nowhere"], "expected the folder of a data set, found none at nowhere"),
        ([str(few)], r"expected at least 12 good photographs, .* got 11 in .*nuts: add some"),
        ([str(photographs), "--rate", "0.01"], "expected at least 297 good photographs for a rate"),
        ([str(photographs), "--rate", "1.5"], "rate must be above 0 and below 1, got 1.5"),
        ([str(photographs), "--coreset", "2"], "coreset must be a fraction"),
        ([str(photographs), "--coreset", "0.1", "--detector", "PaDiM"], "--coreset is PatchCore's"),
        (
            [str(photographs), "--to", "no/where.adviz"],
            "expected a file in a folder that can be written",
        ),
    ):
        assert cli.main(["learn", *arguments]) == 2
        assert re.fullmatch(f"adviz: .*{words}.*\n", capsys.readouterr().err)
    assert [path.name for path in here.iterdir()] == ["few"]


def test_learn_names_a_photograph_that_cannot_be_read(tmp_path, here, capsys):
    folder = copy_nuts(tmp_path / "nuts", n_good=12, n_bad=1)
    (folder / "good" / "nut 03.png").write_bytes(b"no image")
    assert cli.main(["learn", str(folder)]) == 2
    out, err = told(capsys)
    assert "! nuts: 1 image cannot be read, first: " in out
    assert "(good/nut 03.png)" in out
    assert "learning" not in out  # it stops at once
    expected = "adviz: expected photographs that can be read, got good/nut 03.png: replace or "
    assert err == f"{expected}remove what cannot be\n"
    assert not list(here.glob("*.adviz"))
    # Nor is a bad one passed over
    (folder / "good" / "nut 03.png").unlink()
    shutil.copy(folder / "good" / "nut 04.png", folder / "good" / "nut 33.png")
    (folder / "bad" / "nut 00.png").write_bytes(b"no image")
    assert cli.main(["learn", str(folder)]) == 2
    assert "(bad/nut 00.png)" in told(capsys)[0]


def test_learn_repeats_that_a_photograph_has_another_shape(tmp_path, here, capsys):
    folder = copy_nuts(tmp_path / "nuts", n_good=12, n_bad=1)
    with Image.open(folder / "good" / "nut 04.png") as photograph:
        photograph.crop((0, 0, 180, 256)).save(folder / "good" / "nut 04.png")
    assert cli.main(["learn", str(folder), "--coreset", "0.01"]) == 0
    out, _ = told(capsys)
    assert "! nuts: 1 good image has another shape than most (180x256, most are 256x256)" in out
    assert "(good/nut 04.png)" in out


# The command judge


def test_judge_finds_the_only_file_and_writes_map_and_page(photographs, saved, here, capsys):
    photograph = photographs / "bad" / "nut 00.png"
    assert cli.main(["judge", str(photograph)]) == 0
    out, err = told(capsys)
    prediction = saved.predict(photograph)
    word = "anomalous" if saved.threshold.is_anomalous(prediction)[0] else "good"
    assert f"{word} {prediction.score[0]:.5g} {photograph}" in out
    assert err == ""
    with Image.open(here / "judged" / "nut 00.png.map.png") as picture:
        assert min(picture.size) > 200
    page = (here / "judged" / "nut 00.png.html").read_text(encoding="utf-8")
    assert page.startswith("<!doctype html>")
    assert f"nut 00.png: {word}, score {prediction.score[0]:.5g}" in page
    assert len(list((here / "judged").iterdir())) == 2


def test_of_several_photographs_judge_writes_a_page_that_shows_all(
    photographs, saved, here, capsys
):
    (here / "broken & empty.png").write_bytes(b"no image")
    files = [photographs / "good" / "nut 02.png", photographs / "bad" / "nut 05.png"]
    assert cli.main(["judge", *map(str, files), "broken & empty.png"]) == 1
    assert "all of them: judged/index.html" in told(capsys)[0]
    page = (here / "judged" / "index.html").read_text(encoding="utf-8")
    assert "<h1>1 of 2 photographs are anomalous</h1>" in page
    heads = re.findall("<h2>(.*)</h2>", page)
    assert heads == ["Anomalous: 1", "Good: 1", "Could not be judged: 1"]
    assert page.index(str(files[1])) < page.index(str(files[0]))
    assert "<li>broken &amp; empty.png: expected a readable image" in page
    links = re.findall(r'(?:href|src)="([^"]*(?:html|png))"', page)
    assert len(links) == 4
    for link in links:
        assert (here / "judged" / unquote(link)).is_file()


def test_judge_prints_an_object_a_line_for_another_program(photographs, saved, here, capsys):
    arguments = [str(photographs / "bad"), str(photographs / "good" / "nut 02.png")]
    assert cli.main(["judge", *arguments, "--json", "--write", "nothing"]) == 0
    verdicts = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    files = [*sorted((photographs / "bad").iterdir()), photographs / "good" / "nut 02.png"]
    assert [verdict["photograph"] for verdict in verdicts] == list(map(str, files))
    for file, verdict in zip(files, verdicts, strict=True):
        score = float(saved.predict(file).score[0])
        assert verdict["score"] == score
        assert verdict["threshold"] == saved.threshold.value
        assert verdict["anomalous"] == (score >= saved.threshold.value)
        assert verdict["learned"] == saved.digest
    # A threshold that calls none anomalous, or all, would not be one
    assert {verdict["anomalous"] for verdict in verdicts} == {True, False}
    assert not verdicts[-1]["anomalous"]  # it was held out
    assert not (here / "judged").exists()


def test_photographs_of_one_name_get_files_of_their_own(photographs, saved, here, capsys):
    files = [str(photographs / name / "nut 02.png") for name in ("bad", "good")]
    assert cli.main(["judge", *files, "--write", "maps", "--to", "out"]) == 0
    written = sorted(path.relative_to(here) for path in (here / "out").rglob("*.png"))
    expected = ["out/bad/nut 02.png.map.png", "out/good/nut 02.png.map.png"]
    assert [path.as_posix() for path in written] == expected
    assert not list((here / "out").rglob("*.html"))


def test_photographs_that_cannot_be_read_are_a_line_each_and_do_not_stop_the_others(
    photographs, saved, here, capsys
):
    (here / "broken.png").write_bytes(b"no image")
    (here / "empty").mkdir()
    good = str(photographs / "good" / "nut 02.png")
    given = ["nowhere.png", "broken.png", good, "empty", "--write", "nothing"]
    assert cli.main(["judge", *given]) == 1
    out, err = told(capsys)
    nowhere, broken, empty = err.splitlines()
    assert nowhere == "adviz: expected a photograph or a folder, found nothing at nowhere.png"
    assert re.fullmatch(
        "adviz: expected a readable image, got broken.png .*: replace the file, or leave it out",
        broken,
    )
    assert empty.startswith("adviz: expected photographs in empty, found none")
    assert good in out
    assert "0 of 1 anomalous, 3 could not be judged" in out
    assert cli.main(["judge", *given, "--json"]) == 1
    told_of = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [one["photograph"] for one in told_of] == ["nowhere.png", "broken.png", good, "empty"]
    assert [set(one) == {"photograph", "error"} for one in told_of] == [True, True, False, True]
    assert not told_of[2]["anomalous"]


def test_what_is_printed_comes_in_the_order_of_the_photographs(photographs, saved, here):
    """Also where errors and verdicts go into one pipe, as in the log of a line."""
    (here / "broken.png").write_bytes(b"no image")
    good = str(photographs / "good" / "nut 02.png")
    command = [sys.executable, "-m", "adviz", "judge", good, "broken.png"]
    done = subprocess.run(
        [*command, "--write", "nothing"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        cwd=here,
    )
    lines = done.stdout.splitlines()
    assert done.returncode == 1
    assert lines[0].startswith("nut.adviz: PatchCore")
    assert good in lines[1]
    assert "broken.png" in lines[2]
    assert lines[3].startswith("0 of 1 anomalous, 1 could not be judged")


def test_a_photograph_unlike_those_learned_from_is_named_in_words_and_json(
    photographs, saved, here, capsys
):
    mesh = data.demo("mesh").test.paths[0]
    good = str(photographs / "good" / "nut 02.png")
    assert cli.main(["judge", str(mesh), good]) == 0
    out, _ = told(capsys)
    assert out.count("The verdict may mean nothing, as this photograph is unlike") == 1
    assert "it is unusual everywhere, not in one place" in out
    assert "1 of 2 anomalous, 1 unlike those learned from; open a page" in out
    (page,) = (here / "judged").rglob(f"{mesh.name}.html")
    written = page.read_text(encoding="utf-8")
    assert "; unlike those learned from</title>" in written
    (reason,) = saved.unlike(mesh, saved.predict(mesh))
    sentence = "The verdict may mean nothing, as this photograph is unlike those learned from: "
    sentence += f"{reason}."
    assert f"<p>{sentence}</p>" in written
    assert sentence in out
    assert cli.main(["judge", str(mesh), good, "--json", "--write", "nothing"]) == 0
    unlike, alike = (json.loads(line)["unlike"] for line in capsys.readouterr().out.splitlines())
    assert tuple(unlike) == saved.unlike(mesh, saved.predict(mesh))
    assert len(unlike) == 1
    assert alike == []


def test_the_verdict_does_not_depend_on_what_is_written(photographs, saved, here, capsys):
    grey = np.asarray(Image.open(photographs / "bad" / "nut 00.png").convert("L"))
    Image.fromarray(grey.astype(np.uint16) * 16).save("deep.png")  # 12 of 16 bits
    scores = []
    for write in ("nothing", "maps", "pages"):
        with pytest.warns(UserWarning, match="values that fit into 12"):
            assert cli.main(["judge", "deep.png", "--json", "--write", write]) == 0
        scores.append(json.loads(capsys.readouterr().out)["score"])
    assert len(set(scores)) == 1


def test_the_verdict_is_the_exit_status_where_that_is_asked_for(photographs, saved, here):
    scores = {file: saved.predict(file).score[0] for file in (photographs / "bad").iterdir()}
    worst = str(max(scores, key=scores.get))
    assert cli.main(["judge", worst, "--write", "nothing"]) == 0
    assert cli.main(["judge", worst, "--write", "nothing", "--fail"]) == judge.ANOMALOUS == 3
    held_out = str(photographs / saved.held_out[0])
    assert cli.main(["judge", held_out, "--write", "nothing", "--fail"]) == 0


def test_what_judge_refuses_is_one_line(photographs, learned, here, capsys):
    photograph = str(photographs / "bad" / "nut 00.png")

    def refused(*arguments):
        assert cli.main(["judge", *arguments]) == 2
        err = capsys.readouterr().err
        assert err.count("\n") == 1
        return err

    assert "run `adviz learn FOLDER` first" in refused(photograph)
    learned.save(here / "a.adviz")
    learned.save(here / "b.adviz")
    assert "found a.adviz, b.adviz: choose one: --with FILE" in refused(photograph)
    assert "found no file at c.adviz" in refused(photograph, "--with", "c.adviz")
    assert "expected a saved Learned in" in refused(photograph, "--with", photograph)
    digest = "0" * 64
    assert digest in refused(photograph, "--with", "a.adviz", "--digest", digest)
    assert "found nothing at nowhere.png" in refused("nowhere.png", "--with", "a.adviz")
    both = refused("nowhere.png", str(photographs), "--with", "a.adviz")
    assert "found nothing at nowhere.png; expected photographs in" in both


def test_other_weights_than_it_was_learned_with_are_refused(
    photographs, learned, here, capsys, monkeypatch
):
    detector = PatchCore.load(_saved_detector(learned, here))
    detector._backbone = (detector._backbone[0], "0" * 16)
    threshold = replace(learned.threshold, digest="0" * 16)
    replace(learned, detector=detector, threshold=threshold).save(here / "old.adviz")
    assert cli.main(["judge", str(photographs / "bad" / "nut 00.png")]) == 2
    assert re.search(
        "expected the weights 0{16} of efficientnet_lite0, .* learn the part again",
        capsys.readouterr().err,
    )


def _saved_detector(learned, folder):
    file = folder / "detector.safetensors"
    learned.detector.save(file)
    return file


def test_judging_leaves_the_feature_cache_alone(photographs, saved, here, monkeypatch):
    monkeypatch.setenv("ADVIZ_CACHE", str(here / "cache"))
    assert cli.main(["judge", str(photographs / "bad" / "nut 00.png")]) == 0
    assert not (here / "cache").exists()
