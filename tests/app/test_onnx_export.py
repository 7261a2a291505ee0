"""The exported file, run with onnxruntime as a camera's computer would."""

import dataclasses
import json

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

import adviz
from adviz import DN2, Backbone, PaDiM, PatchCore, calibrate, data
from adviz.app import cli, onnx_export
from adviz.app.commands.export_model import pillow_lines, preparation
from adviz.app.learned import learn
from adviz.data import CATEGORIES, Geometry, Split

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")
pytest.importorskip("onnxscript")

SIDE = 32


class Small(nn.Module):
    """Two layers of strides 4 and 8; it overwrites the first one's output, as networks do."""

    def __init__(self, channels=3):
        super().__init__()
        self.first = nn.Conv2d(channels, 8, 5, stride=4, padding=2)
        self.second = nn.Conv2d(8, 12, 3, stride=2, padding=1)

    def forward(self, images):
        return self.second(self.first(images).relu_()).relu_()


def small_backbone(channels=3, **options):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return Backbone(Small(channels).eval(), ["first", "second"], **options)


@pytest.fixture(scope="module")
def split():
    pixels = np.random.default_rng(0).integers(0, 256, (12, 40, 40, 3), np.uint8)
    return Split.from_arrays(pixels, [0] * 12, geometry=Geometry(SIDE, resize=36))


@pytest.fixture(scope="module")
def backbone():
    return small_backbone()


@pytest.fixture(scope="module")
def detector(backbone, split):
    return PatchCore(layers=("first", "second"), coreset=0.2).fit(backbone.extract(split))


@pytest.fixture(scope="module")
def exported(detector, backbone, split, tmp_path_factory):
    path = tmp_path_factory.mktemp("exported") / "model.onnx"
    threshold = calibrate(detector.predict(backbone.extract(split)), split, rule="max_good")
    report = adviz.export_model(
        detector, path, backbone=backbone, images=split, threshold=threshold
    )
    return path, threshold, report


def run(path, pixels):
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return session.run(["score", "anomaly_map"], {"images": pixels})


def pixels_of(split):
    return np.stack([split.image(index) for index in range(len(split))])


def assert_agree(path, split, detector, backbone):
    """The issue's bound: 1e-4 of every score, and of the maps' largest value."""
    prediction = detector.predict(backbone.extract(split))
    score, maps = run(path, pixels_of(split))
    np.testing.assert_allclose(score, prediction.score, rtol=1e-4)
    atol = 1e-4 * prediction.anomaly_map.max()
    np.testing.assert_allclose(maps, prediction.anomaly_map, rtol=0, atol=atol)


def test_scores_and_maps_are_those_of_predict_for_any_number_of_images(
    exported, split, detector, backbone
):
    assert_agree(exported[0], split, detector, backbone)
    score, maps = run(exported[0], pixels_of(split))
    alone = run(exported[0], pixels_of(split)[5:6])
    np.testing.assert_allclose(alone[0], score[5:6], rtol=1e-5)
    np.testing.assert_allclose(alone[1], maps[5:6], rtol=1e-5)


def test_the_file_says_what_it_takes_and_what_it_is_made_of(exported, detector, tmp_path):
    path, threshold, report = exported
    model = onnx.load(path)
    onnx.checker.check_model(model)
    metadata = {entry.key: entry.value for entry in model.metadata_props}
    assert metadata["adviz.version"] == adviz.__version__
    assert metadata["adviz.detector"] == "PatchCore"
    assert json.loads(metadata["adviz.options"])["coreset"] == 0.2
    assert metadata["adviz.detector_digest"] == detector.save(tmp_path / "detector.adviz")
    assert Geometry(**json.loads(metadata["adviz.geometry"])) == detector.geometry_
    assert float(metadata["adviz.threshold"]) == threshold.value
    assert "EXIF orientation" in metadata["adviz.input"]
    (images,) = model.graph.input
    sides = [side.dim_value or side.dim_param for side in images.type.tensor_type.shape.dim]
    assert sides == ["N", SIDE, SIDE, 3]
    assert [output.name for output in model.graph.output] == ["score", "anomaly_map"]
    # The report
    assert (report.path, report.size, report.n_images) == (path, path.stat().st_size, 8)
    assert 0 <= report.score_difference < 1e-4
    assert 0 <= report.map_difference < 1e-4
    assert "model.onnx" in repr(report)
    assert "on 8 images" in repr(report)


def test_photographs_are_prepared_by_the_geometry_of_the_metadata(exported, split, detector):
    metadata = onnx.load(exported[0]).metadata_props
    (text,) = [entry.value for entry in metadata if entry.key == "adviz.geometry"]
    geometry = Geometry(**json.loads(text))
    photograph = Image.fromarray(split.pixels[3])
    np.testing.assert_array_equal(geometry.image(photograph), split.image(3))


def test_a_grey_network_its_pixels_and_made_up_images(split, tmp_path):
    backbone = small_backbone(1).with_layers(["first", "image"])
    detector = PaDiM(layers=("image", "first"), dimension=6).fit(backbone.extract(split))
    path = tmp_path / "model.onnx"
    report = adviz.export_model(detector, path, backbone=backbone)
    assert report.n_images == 3
    assert_agree(path, split, detector, backbone)


def test_a_file_that_does_not_agree_is_not_put_in_place(
    detector, backbone, split, tmp_path, monkeypatch
):
    path = tmp_path / "model.onnx"
    path.write_text("before")

    def wrong(self, patch_scores):
        return self.rows @ patch_scores @ self.columns * 1.001

    monkeypatch.setattr("adviz.detectors.map_graph.MapGraph.forward", wrong)
    with pytest.raises(RuntimeError, match=r"agree with predict to 0.0001 .* nothing is written"):
        adviz.export_model(detector, path, backbone=backbone, images=split)
    assert path.read_text() == "before"
    assert [file.name for file in tmp_path.iterdir()] == ["model.onnx"]


def refused(detector, backbone, tmp_path, **options):
    path = tmp_path / "model.onnx"
    try:
        adviz.export_model(detector, path, backbone=backbone, **options)
    finally:
        assert not path.exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"dtype": "float16"}, "expected a backbone in float32 to export"),
        ({"dtype": "bfloat16"}, "expected a backbone in float32 to export"),
        ({"pool": True}, "expected a backbone of feature maps to export"),
    ],
)
def test_features_that_are_no_float32_maps_are_refused(options, message, split, tmp_path):
    backbone = small_backbone(**options)
    detector = PatchCore(layers=("first",), coreset=1.0).fit(backbone.extract(split))
    with pytest.raises(ValueError, match=message):
        refused(detector, backbone, tmp_path)


def test_a_detector_that_cannot_be_exported_is_refused(backbone, split, tmp_path):
    detector = DN2(layers=("second",)).fit(backbone.extract(split))
    with pytest.raises(ValueError, match="expected a PaDiM or a PatchCore to export, got a DN2"):
        refused(detector, backbone, tmp_path)
    with pytest.raises(ValueError, match="PatchCore must be fitted before it is exported"):
        refused(PatchCore(), backbone, tmp_path)
    with pytest.raises(TypeError, match="expected a fitted detector, then the file's name, got"):
        refused("model.onnx", backbone, tmp_path)
    with pytest.raises(TypeError, match="expected the Backbone, as backbone=, got a str"):
        refused(detector, "efficientnet_lite0", tmp_path)
    with pytest.raises(FileNotFoundError, match="expected a file in a folder that exists, got"):
        refused(detector, backbone, tmp_path / "missing")


def test_images_that_nobody_could_prepare_are_refused(backbone, split, tmp_path):
    detector = PatchCore(layers=("first",), coreset=1.0).fit(backbone.extract(pixels_of(split)))
    with pytest.raises(ValueError, match="how its images were resized and cropped, got geometry_"):
        refused(detector, backbone, tmp_path)
    geometry = Geometry(SIDE, crop=False, aspect="letterbox")
    detector = PatchCore(layers=("first",), coreset=1.0).fit(
        backbone.extract(split.with_geometry(geometry))
    )
    with pytest.raises(ValueError, match="expected images without padding, got a letterboxed"):
        refused(detector, backbone, tmp_path)


def test_another_backbone_or_threshold_is_refused(detector, backbone, split, exported, tmp_path):
    other = Backbone(Small().eval(), ["first", "second"])
    with pytest.raises(ValueError, match="expected features of the training's backbone"):
        refused(detector, other, tmp_path)
    of_another = dataclasses.replace(exported[1], detector="PaDiM")
    with pytest.raises(ValueError, match="expected a prediction of the detector 'PaDiM'"):
        refused(detector, backbone, tmp_path, threshold=of_another)
    with pytest.raises(ValueError, match="expected a finite threshold, got nan"):
        refused(detector, backbone, tmp_path, threshold=float("nan"))
    with pytest.raises(ValueError, match="expected at least one image to compare on"):
        refused(detector, backbone, tmp_path, images=split.subset([]))


def test_arrays_that_no_file_holds_are_refused(detector, backbone, tmp_path, monkeypatch):
    monkeypatch.setattr(onnx_export, "LARGEST", 1000)
    with pytest.raises(ValueError, match=r"less than 2 GiB, .* fit with a smaller coreset"):
        refused(detector, backbone, tmp_path)


def test_a_missing_package_is_named(detector, backbone, tmp_path, monkeypatch):
    monkeypatch.setattr(onnx_export, "PACKAGES", ("onnx", "no_such_package"))
    with pytest.raises(ModuleNotFoundError, match=r"needs no_such_package.*adviz-anomaly\[onnx\]"):
        refused(detector, backbone, tmp_path)


@pytest.mark.soak
@pytest.mark.parametrize("name", CATEGORIES)
def test_built_in_images_have_our_scores(name, tmp_path):
    category = data.demo(name)
    backbone = Backbone("efficientnet_lite0")
    train = backbone.extract(category.train)
    for detector in (PatchCore(), PatchCore.preset("anomalib"), PaDiM()):
        path = tmp_path / "model.onnx"
        adviz.export_model(detector.fit(train), path, backbone=backbone, images=category.test)
        assert_agree(path, category.test, detector, backbone)


# ---- The command


@pytest.mark.soak  # the exporter takes seconds for a whole network
def test_the_command_writes_the_file_of_a_saved_detector(split, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    backbone = Backbone("efficientnet_lite0", layers=(8,), weights="random")
    detector = PatchCore(layers=(8,), coreset=0.5).fit(backbone.extract(split, cache=False))
    detector.save("nut.adviz")
    prediction = detector.predict(backbone.extract(split, cache=False))
    calibrate(prediction, split, rule="max_good").save("threshold.adviz")
    assert cli.main(["export-model", "nut.adviz", "--threshold", "threshold.adviz"]) == 0
    said = capsys.readouterr().out
    assert "adviz: wrote nut.onnx" in said
    assert f"(N, {SIDE}, {SIDE}, 3) uint8, RGB" in said
    words = " ".join(said.split())
    assert "resized to 36x36 pixels, whatever its shape (bilinear and anti-aliased, as" in words
    assert f"then the middle {SIDE}x{SIDE} pixels cut out" in words
    assert "Geometry(size" not in said
    assert "Anomalous from score" in said
    assert_agree("nut.onnx", split, detector, backbone)


@pytest.mark.parametrize(
    ("geometry", "words"),
    [
        (
            Geometry((192, 256), crop=False, interpolation="nearest"),
            "turned as its EXIF orientation says, then resized to 256x192 pixels, whatever its "
            "shape (nearest, as Pillow does), and nothing "
            "cut off",
        ),
        (
            Geometry(224, aspect="shorter", bits=12),
            "turned as its EXIF orientation says, then resized, its shape kept, so that it just "
            "covers 256x256 pixels (bilinear and anti-aliased, as Pillow does), then the middle "
            "224x224 pixels cut out; values of more than 8 bits are divided by 16.0588 first (12 bits are used)",
        ),
    ],
)
def test_what_a_cameras_program_must_do_is_said_in_words(geometry, words):
    assert preparation(geometry) == words


@pytest.mark.parametrize(
    "geometry",
    [
        Geometry((64, 96), crop=False, interpolation="lanczos"),
        Geometry(48),
        Geometry(48, aspect="shorter"),
        Geometry((31, 64), resize=(50, 71), aspect="shorter", interpolation="area"),
    ],
)
@pytest.mark.parametrize("shape", [(90, 131), (131, 90)])
def test_the_printed_lines_prepare_a_turned_photograph_as_adviz_does(geometry, shape, tmp_path):
    values = np.random.default_rng(0).integers(0, 256, (*shape, 3), np.uint8)
    exif = Image.Exif()
    exif[0x0112] = 6
    file = tmp_path / "turned.jpg"
    Image.fromarray(values).save(file, exif=exif)
    assert_lines_give(file, geometry)


def test_the_printed_lines_prepare_a_photograph_of_12_bits(tmp_path):
    values = np.random.default_rng(0).integers(0, 4096, (60, 90), np.uint16)
    Image.fromarray(values).save(tmp_path / "deep.png")
    assert_lines_give(tmp_path / "deep.png", Geometry((48, 64), crop=False, bits=12))


def assert_lines_give(file, geometry):
    names = {"FILE": file}
    exec("\n".join(pillow_lines(geometry)), names)  # noqa: S102 - what is printed
    expected = Split([file], [-1], [None], [""], geometry=geometry).image(0)
    np.testing.assert_array_equal(names["images"], expected[None])


def test_the_geometry_refuses_a_path_and_an_array(tmp_path):
    for wrong in (tmp_path / "a.jpg", "a.jpg", np.zeros((40, 40, 3), np.uint8)):
        with pytest.raises(TypeError, match=r"expected a PIL image, such as .*, got a \w+$"):
            Geometry(32).image(wrong)


def test_the_command_takes_what_adviz_learn_wrote(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    (tmp_path / "nut" / "good").mkdir(parents=True)
    for number in range(12):
        pixels = rng.integers(0, 256, (64, 64, 3), np.uint8)
        Image.fromarray(pixels).save(tmp_path / "nut" / "good" / f"{number}.png")
    learned = learn("nut", detector=PatchCore(layers=(16,), coreset=0.1)).save("nut.adviz")
    assert cli.main(["export-model", "nut.adviz", "--to", "camera.onnx"]) == 0
    said = capsys.readouterr().out
    assert f"Anomalous from score {learned.threshold.value:.5g} on." in said
    assert all(f"    {line}\n" in said for line in pillow_lines(learned.detector.geometry_))
    photograph = tmp_path / "nut" / "good" / "3.png"
    pixels = learned.detector.geometry_.image(Image.open(photograph))
    score, _ = run("camera.onnx", pixels[None])
    np.testing.assert_allclose(score, learned.predict(photograph).score, rtol=1e-4)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["missing.adviz"], "missing.adviz"),
        (["threshold.adviz"], "or a detector, in threshold.adviz, got a Threshold"),
        (["own.adviz"], "a network that its name alone tells, got 'Small (mine.pth)'"),
    ],
)
def test_a_wrong_request_ends_with_one_line_and_status_2(
    arguments, message, exported, detector, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    exported[1].save("threshold.adviz")
    monkeypatch.setattr(detector, "_backbone", ("Small (mine.pth)", ""))
    detector.save("own.adviz")
    assert cli.main(["export-model", *arguments]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not list(tmp_path.glob("*.onnx"))
