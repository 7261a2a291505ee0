"""A loaded detector is the saved one: same scores bit for bit, same facts, same refusals."""

import dataclasses
import itertools
import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from random_features import make_features
from test_contract import DETECTORS, features_for

import adviz
from adviz import DN2, SPADE, Features, PaDiM, PatchCore, Prediction, ReverseDistillation
from adviz._support import archive
from adviz.data import Geometry
from adviz.detectors import own_classes
from adviz.detectors.base import Detector
from adviz.detectors.presets import PRESETS, AtMost

MORE = {
    "PatchCore, IVF-PQ": lambda: PatchCore(coreset=0.5, index="ivfpq"),
    "PatchCore, whole bank": lambda: PatchCore(coreset=1, projection=4, sampler="random"),
    "SPADE, IVF-PQ per layer": lambda: SPADE(
        layers=(4,), search="ivfpq", match="per_layer", segment_above=-np.inf
    ),
}
EVERY = {**DETECTORS, **MORE}
SHORT = {"ReverseDistillation": {"epochs": 2, "student": "small"}}
SHORT["ConventionalDistillation"] = SHORT["ReverseDistillation"]


def fitted(make):
    """Return a detector, of which students are trained for two epochs only, fitted to features with
    all their facts.
    """
    detector = make()
    detector = (
        type(detector)(**SHORT[type(detector).__name__])
        if type(detector).__name__ in SHORT
        else detector
    )
    return detector.fit(marked(features_for(detector, 12, 0)))


def marked(features, geometry=Geometry(64, crop=False)):  # noqa: B008  # frozen
    ids = [f"train/good/{number} ü.png" for number in range(features.n_images)]
    return Features(
        dict(features),
        image_size=(64, 64),
        backbone="lite",
        digest="0123",
        ids=ids,
        geometry=geometry,
    )


@pytest.fixture(params=EVERY.values(), ids=EVERY, scope="module")
def detector(request):
    return fitted(request.param)


@pytest.fixture
def file(tmp_path):
    return tmp_path / "detector.safetensors"


def leaves(value, name):
    """Yield (name, plain value) of everything in an object, of indexes what they answer."""
    if isinstance(value, torch.nn.Module):
        value = value.state_dict()
    if isinstance(value, torch.Tensor):
        value = value.detach().numpy()
    if hasattr(value, "nprobe"):
        query = np.random.default_rng(0).normal(size=(20, value.d)).astype(np.float32)
        value = {
            "answers": value.search(query, 5),
            "facts": (value.ntotal, value.d, value.nprobe, value.nlist),
        }
    if isinstance(value, dict | Features):
        yield name, list(value)
        for key in value:
            yield from leaves(value[key], f"{name}.{key}")
    if isinstance(value, list | tuple):
        for number, one in enumerate(value):
            yield from leaves(one, f"{name}.{number}")
    elif isinstance(value, np.ndarray):
        yield name, (value.dtype, value.shape, value.tobytes())
    elif hasattr(value, "tocsr"):
        yield name, (value.shape, value.data.tobytes(), value.indices.tobytes())
    elif hasattr(value, "__dict__") and not isinstance(value, int):
        yield from leaves(vars(value), name)
    elif not isinstance(value, dict):
        yield name, value


def assert_same(found, expected):
    pairs = list(
        itertools.zip_longest(leaves(found, ""), leaves(expected, ""), fillvalue=("nothing", None))
    )
    assert len(pairs) > 1
    assert [here[0] for here, there in pairs if here != there] == []


def test_the_loaded_detector_is_the_saved_one(detector, file):
    digest = detector.save(file)
    found = type(detector).load(file, digest=digest)
    assert type(found) is type(detector)
    assert repr(found) == repr(detector)
    assert found == detector
    assert found.facts == detector.facts
    assert found.geometry_ == detector.geometry_ == Geometry(64, crop=False)
    assert set(vars(found)) == set(vars(detector))
    for name in sorted(vars(detector)):  # whatever a fit adds must be in the file
        assert_same({name: vars(found)[name]}, {name: vars(detector)[name]})
    for name, value in vars(detector).items():
        assert isinstance(value, AtMost) == isinstance(vars(found)[name], AtMost)
    test = marked(features_for(detector, 5, 1, defect=3))
    assert_same(found.predict(test), detector.predict(test))
    assert type(adviz.load(file)) is type(detector)


def test_a_loaded_detector_is_saved_as_the_same_file(detector, file, tmp_path):
    digest = detector.save(file)
    assert type(detector).load(file).save(tmp_path / "again") == digest
    assert (tmp_path / "again").read_bytes() == file.read_bytes()


def test_a_loaded_detector_refuses_what_the_saved_one_refused(detector, file):
    detector.save(file)
    found, test = type(detector).load(file), features_for(detector, 5, 1)
    with pytest.raises(ValueError, match="expected images prepared as in training"):
        found.predict(marked(test, Geometry(64)))
    wider = Features(
        {name: np.repeat(array, 2, axis=1) for name, array in test.items()}, image_size=(64, 64)
    )
    with pytest.raises(ValueError, match="expected the channels of the training features"):
        found.predict(wider)
    other = Features(dict(test), image_size=(64, 64), backbone="lite", digest="4567")
    with pytest.raises(ValueError, match="training's backbone lite 0123, got lite 4567"):
        found.predict(other)


@pytest.mark.soak
def test_another_process_gets_the_same_scores(tmp_path):
    """One that never saw the detectors' training, with the threads as here."""
    test = {}
    for name in ("DN2, IVF", "PaDiM", "PatchCore", "ReverseDistillation"):
        detector = fitted(EVERY[name])
        detector.save(tmp_path / f"{name}.safetensors")
        test[name] = detector.predict(marked(features_for(detector, 5, 1, defect=3))).score
    code = f"""
import sys; sys.path[:0] = {[str(path) for path in Path(__file__).parents[:2]]!r}
import torch; torch.set_num_threads({torch.get_num_threads()})
from pathlib import Path
import adviz, test_contract, test_save_load
for path in sorted(Path({str(tmp_path)!r}).glob("*.safetensors")):
    found = adviz.load(path)
    features = test_contract.features_for(found, 5, 1, defect=3)
    score = found.predict(test_save_load.marked(features)).score
    print(path.stem, score.tobytes().hex(), sep=";")
"""
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    assert dict(line.split(";") for line in result.stdout.splitlines()) == {
        name: score.tobytes().hex() for name, score in test.items()
    }


@pytest.mark.parametrize(
    ("name", "preset"), [(name, preset) for name, all_ in PRESETS.items() for preset in all_]
)
def test_presets_keep_their_name(file, name, preset):
    cls = own_classes()[name]
    detector = cls.preset(preset)
    kept = cls(**{**PRESETS[name][preset], **({"epochs": 1} if "epochs" in vars(detector) else {})})
    features = marked(features_for(detector, 12, 0))
    kept.fit(features).save(file)
    found = cls.load(file)
    assert (found.title, repr(found)) == (kept.title, repr(kept))
    assert found.differences(preset) == kept.differences(preset)


# options that came after files were written: the defaults are what those files mean
CAME_LATER = {
    "DN2": ["image_distance"],
    "SPADE": ["image_distance"],
    "PaDiM": ["border"],
    "PatchCore": ["layer_dimension", "score_neighbors", "border"],
    "ReverseDistillation": ["narrow_bottleneck", "border"],
    "ConventionalDistillation": ["border"],
}


@pytest.mark.parametrize("name", CAME_LATER)
def test_files_of_before_an_option_are_read_as_they_were_meant(file, name):
    detector = own_classes()[name](**SHORT.get(name, {}))
    detector.fit(marked(features_for(detector, 12, 0))).save(file)
    content = archive.read(file, name).content
    for option in CAME_LATER[name]:
        del content["options"][option]
    archive.write(file, name, content)
    test = marked(features_for(detector, 3, 1))
    np.testing.assert_array_equal(
        adviz.load(file).predict(test).score, detector.predict(test).score
    )


@pytest.mark.parametrize(
    "options",
    [
        {"aggregation": "adaptive", "layer_dimension": 16, "dimension": 6, "score_neighbors": 7},
        {"aggregation": "adaptive", "layer_dimension": 3, "dimension": 8, "border": "mirror"},
    ],
    ids=str,
)
def test_what_two_poolings_and_several_neighbours_make_is_the_same_after_loading(file, options):
    detector = PatchCore(**options).fit(marked(make_features(6)))
    detector.save(file)
    test = marked(make_features(3, 1, defect=1))
    before, after = detector.predict(test), PatchCore.load(file).predict(test)
    np.testing.assert_array_equal(after.score, before.score)
    np.testing.assert_array_equal(after.anomaly_map, before.anomaly_map)
    np.testing.assert_array_equal(after.neighbors["patch"].image, before.neighbors["patch"].image)


def test_a_file_that_asks_for_a_huge_pooling_is_not_believed(file):
    PatchCore(aggregation="adaptive", dimension=8).fit(marked(make_features(6))).save(file)
    content = archive.read(file, "PatchCore").content
    content["options"]["layer_dimension"] = 2**40
    archive.write(file, "PatchCore", content)
    with pytest.raises(ValueError, match="its parts do not fit"):
        PatchCore.load(file)


@settings(max_examples=15, deadline=None, derandomize=True, database=None)
@given(
    images=st.integers(2, 6),
    seed=st.integers(0, 99),
    scale=st.sampled_from([1e-9, 1e-3, 1.0, 1e6]),
    half=st.booleans(),
    make=st.sampled_from([DN2, SPADE, PaDiM, PatchCore]),
)
def test_saved_is_loaded_for_any_features(tmp_path_factory, images, seed, scale, half, make):
    dtype = np.float16 if half and 1e-3 <= scale < 1e6 else np.float32
    features = [make_features(images, seed), make_features(3, seed + 1)]
    for part in features:
        part._layers = {name: (array * scale).astype(dtype) for name, array in part.items()}
    file = tmp_path_factory.mktemp("saved") / "detector"
    detector = make().fit(features[0])
    detector.save(file)
    assert_same(make.load(file).predict(features[1]), detector.predict(features[1]))


def test_a_memory_mapped_gallery_is_as_good(file, tmp_path, monkeypatch):
    train, test = make_features(6, 0), make_features(3, 1, defect=1)
    detector = SPADE().fit(train)
    detector.save(file)
    monkeypatch.setattr("adviz._support.archive.files.IN_MEMORY", 1000)
    found = SPADE.load(file)
    assert isinstance(found._gallery["layer1"], np.memmap)
    assert_same(found.predict(test), detector.predict(test))


# ---- what is refused


def test_what_is_not_fitted_or_does_not_say_what_it_has_learned_is_refused(file):
    class PatchCore(adviz.PatchCore):  # of the same name
        pass

    @dataclasses.dataclass(repr=False)
    class More(Mean):
        def fit(self, features):
            self.count_ = features.n_images
            return super().fit(features)

    for unfitted in (DN2(), Mean()):
        with pytest.raises(
            ValueError, match=f"{type(unfitted).__name__} must be fitted before it is saved"
        ):
            unfitted.save(file)
    for own, unsaid in ((PatchCore(), "bank_, bank_image_, bank_location_"), (More(), "count_")):
        with pytest.raises(
            TypeError, match=rf"in `learned` all that fit sets, .* with .*{unsaid}.* adviz\.archive"
        ):
            own.fit(make_features(3)).save(file)
    assert not file.exists()


@dataclasses.dataclass(repr=False)
class Mean(Detector):
    """A detector of somebody else, which says what it has learned."""

    learned = {"mean_": "float32 C", "count_used_": int}  # noqa: RUF012
    layers: tuple[int | str, ...] = (16,)

    def fit(self, features):
        (array,) = self._fitting(features).values()
        self.mean_, self.count_used_ = array.mean((0, 2, 3)), len(array)
        return self

    def predict(self, features):
        (array,) = self._predicting(features).values()
        return Prediction(np.abs(array.mean((2, 3)) - self.mean_).max(1))

    def _check_learned(self):
        if self.count_used_ < 1:
            raise ValueError(f"expected at least one image, got {self.count_used_}")


def test_a_detector_of_ones_own_is_saved_by_what_it_says(file):
    name = f"{Mean.__module__}:Mean"
    detector, test = Mean().fit(marked(make_features(6))), marked(make_features(3, 1))
    digest = detector.save(file)
    found = Mean.load(file, digest=digest)
    assert set(vars(found)) == set(vars(detector))
    assert found == detector
    np.testing.assert_array_equal(found.predict(test).score, detector.predict(test).score)
    with pytest.raises(
        ValueError,
        match=rf"expected one of AnomalyDINO, .*, got a {name}: .* own reads its",
    ):
        adviz.load(file)
    with pytest.raises(ValueError, match=rf"expected a saved DN2 in .* it is a saved {name}"):
        DN2.load(file)
    content = archive.read(file, name).content
    for fact, wrong in {"count_used_": 0, "mean_": np.zeros(9, np.float32)}.items():
        archive.write(file, name, altered(content, ("state", fact), wrong))
        with pytest.raises(ValueError, match="its parts do not fit: expected"):
            Mean.load(file)


@pytest.mark.parametrize(
    ("name", "wrong", "error", "message"),
    [
        (
            "mean_",
            np.zeros(10),
            TypeError,
            r"mean_ of type float32, got float64 of shape \(10,\): .*",
        ),
        ("mean_", np.zeros((2, 5), np.float32), TypeError, r"array \(C\), got .* \(2, 5\): .*"),
        (
            "mean_",
            np.zeros(9, np.float32),
            ValueError,
            r"mean_ of shape \(C\) = \(10,\), got \(9,\): .*",
        ),
        ("mean_", np.full(10, np.nan, np.float32), ValueError, "got NaN or infinity in mean_: .*"),
        ("mean_", [0.0] * 10, TypeError, r"mean_ as an array \(C\), got \[0.0, .* \(list\): .*"),
        ("count_used_", 2.5, TypeError, r"count_used_ as <class 'int'>, got 2.5 \(float\): .*"),
        ("count_used_", 0, ValueError, "at least one image, got 0: .*"),
    ],
)
def test_what_could_not_be_loaded_is_not_saved(file, name, wrong, error, message):
    detector = Mean().fit(make_features(6))
    setattr(detector, name, wrong)
    with pytest.raises(error, match=f"{message}what fit sets must be what `learned` of Mean says"):
        detector.save(file)
    assert not file.exists()
    delattr(detector, name)
    with pytest.raises(TypeError, match=rf"fit of Mean to set all .* got no {name}: set"):
        detector.save(file)
    assert not file.exists()


def test_numpys_numbers_and_byte_order_are_saved_as_a_file_holds_them(file):
    detector = Mean().fit(make_features(6))
    detector.count_used_ = np.int64(6)
    detector.mean_ = detector.mean_.astype(">f4")
    detector.save(file)
    found = Mean.load(file)
    assert type(found.count_used_) is int
    np.testing.assert_array_equal(found.mean_, detector.mean_)


def test_a_class_that_moved_between_a_script_and_a_module_reads_its_files(file, monkeypatch):
    detector = Mean().fit(make_features(6))
    modules = [("__main__", "moved"), ("moved", "__main__"), ("__main__", "__main__")]
    for saved_in, loaded_in in modules:
        monkeypatch.setattr(Mean, "__module__", saved_in)
        digest = detector.save(file)
        monkeypatch.setattr(Mean, "__module__", loaded_in)
        np.testing.assert_array_equal(Mean.load(file, digest=digest).mean_, detector.mean_)


def test_a_class_of_the_same_name_elsewhere_or_with_other_parts_is_refused(file, monkeypatch):
    @dataclasses.dataclass(repr=False)
    class Other(Mean):
        learned = {"median_": "float32 C"}  # noqa: RUF012

    Other.__name__ = "Mean"
    Other.__qualname__ = "Mean"
    detector = Mean().fit(make_features(6))
    monkeypatch.setattr(Mean, "__module__", "__main__")
    detector.save(file)
    with pytest.raises(
        ValueError, match=r"expected a saved __main__:Mean in .* it has no 'median_'"
    ):
        Other.load(file)
    with pytest.raises(
        ValueError, match=r"it is a saved __main__:Mean: .* class, Mean\.load\(path\)"
    ):
        PatchCore.load(file)
    monkeypatch.setattr(Mean, "__module__", "one")
    detector.save(file)
    monkeypatch.setattr(Mean, "__module__", "two")
    with pytest.raises(
        ValueError, match=r"saved two:Mean in .* it is a saved one:Mean: load it with"
    ):
        Mean.load(file)


def test_a_fit_that_does_not_note_its_features_is_told_so(file):
    detector = Mean()
    detector.mean_ = np.zeros(10, np.float32)
    for use in (lambda: detector.save(file), lambda: detector.predict(make_features(3))):
        with pytest.raises(
            ValueError, match=r"got only mean_: begin its fit with .* = self\._fitting\(features\)"
        ):
            use()


def test_an_option_that_could_not_be_read_again_is_refused(file):
    detector = DN2().fit(make_features(6))
    detector.layers = {32}
    with pytest.raises(
        ValueError, match="expected the options of DN2 as they are documented, got layers="
    ):
        detector.save(file)


def test_the_class_that_loads_is_the_one_that_saved(file):
    DN2().fit(make_features(6)).save(file)
    with pytest.raises(ValueError, match=r"expected a saved PatchCore in .* it is a saved DN2"):
        PatchCore.load(file)
    archive.write(file, "adviz.detectors.dn2.DN2", {})
    with pytest.raises(ValueError, match=r"expected one of .*DN2, .*, got a adviz"):
        adviz.load(file)
    file.write_bytes(pickle.dumps(DN2()))
    for load in (adviz.load, DN2.load, ReverseDistillation.load):
        with pytest.raises(ValueError, match="a zip file or a pickle, which adviz never opens"):
            load(file)
    with pytest.raises(FileNotFoundError, match="found no file"):
        adviz.load(file.with_name("none"))


def test_a_damaged_detector_is_refused(detector, file):
    digest = detector.save(file)
    whole = file.read_bytes()
    for place in np.linspace(8, len(whole) - 1, 12).astype(int):
        damaged = bytearray(whole)
        damaged[place] ^= 16
        file.write_bytes(damaged)
        with pytest.raises(ValueError, match="expected a saved "):
            type(detector).load(file)
    file.write_bytes(whole)
    with pytest.raises(ValueError, match="another file than the one asked for"):
        type(detector).load(file, digest="0" + digest[1:] if digest[0] != "0" else "1" + digest[1:])


def test_a_checkpoint_path_and_a_device_of_elsewhere_do_no_harm(tmp_path, file):
    """A file must not say where a later fit writes to."""
    train = features_for(ReverseDistillation(), 6, 0)
    options = {**SHORT["ReverseDistillation"], "checkpoint": tmp_path / "kept"}
    ReverseDistillation(**options).fit(train).save(file)
    os.remove(tmp_path / "kept")
    found = ReverseDistillation.load(file)
    assert found.checkpoint is None
    found.fit(train)
    assert not (tmp_path / "kept").exists()
    content = archive.read(file, "ReverseDistillation").content
    content["options"]["checkpoint"] = str(tmp_path / "evil")
    archive.write(file, "ReverseDistillation", content)
    with pytest.raises(ValueError, match="got checkpoint="):
        ReverseDistillation.load(file)


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without CUDA")
def test_a_device_that_is_not_here_names_the_remedy(file):
    PatchCore().fit(make_features(3)).save(file)
    content = archive.read(file, "PatchCore").content
    content["options"]["device"] = "cuda"
    archive.write(file, "PatchCore", content)
    with pytest.raises(
        ValueError, match="computes on 'cuda', which is not here: load it with device=\"cpu\""
    ):
        PatchCore.load(file)
    assert PatchCore.load(file, device="cpu").device == "cpu"
    with pytest.raises(ValueError, match='device must be "auto", "cpu"'):
        PatchCore.load(file, device="cuda")
    DN2().fit(make_features(6)).save(file)
    with pytest.raises(ValueError, match="DN2 computes on the CPU alone, got device='cpu'"):
        DN2.load(file, device="cpu")


def arrays_in(content, path=()):
    for name, value in content.items():
        if isinstance(value, dict):
            yield from arrays_in(value, (*path, name))
        else:
            yield (*path, name), value


def altered(content, path, value):
    """Return a copy of nested dictionaries with one value exchanged, or removed where it is
    `altered` itself.
    """
    name, *rest = path
    if rest:
        return {**content, name: altered(content[name], rest, value)}
    return (
        {key: one for key, one in content.items() if key != name}
        if value is altered
        else {**content, name: value}
    )


def wrong_values(value):
    """Yield what a file might hold in a value's place that agrees with its digest and not with the
    rest.
    """
    yield altered
    yield "text" if not isinstance(value, str) else 3
    if isinstance(value, np.ndarray):
        yield None
        yield value[:-1] if value.ndim and len(value) > 1 else value[None]
        yield value[None]
        yield value.astype(np.complex64).real.astype(
            np.float64 if value.dtype != np.float64 else np.float32
        )
        if value.dtype.kind == "f" and value.size:
            yield np.full_like(value, np.nan)
        elif value.dtype.kind in "i" and value.ndim:
            yield np.full_like(value, -1)
            yield np.full_like(value, np.iinfo(value.dtype).max)
    elif isinstance(value, tuple):
        yield value * 3
        yield tuple(-1 for _ in value)
    elif isinstance(value, int) and not isinstance(value, bool):
        yield -1


# texts and records: any will do; files of before there were bits, number of images or bound, have none
FREE = {"ids", "strides", "radius", "digest", "backbone", "sampler", "seed", "device", "bits"}
FREE |= {"n_images", "bound"}


@pytest.mark.parametrize(
    "name", ["AnomalyDINO", "DN2, IVF", "SPADE", "PaDiM", "PatchCore", "ConventionalDistillation"]
)
def test_contents_that_do_not_fit_are_refused_or_do_no_harm(name, file, monkeypatch):
    """Files that people made: one error that names the file, or a detector that predicts or
    refuses.
    """
    detector = fitted(EVERY[name])
    monkeypatch.setattr(os, "fsync", lambda _: None)  # which takes most of the time
    detector.save(file)
    kind = type(detector).__name__
    content, test = archive.read(file, kind).content, marked(features_for(detector, 2, 1))
    refused = harmless = 0
    every = list(arrays_in(content))
    several = [one for one in every if "network" not in one[0]] + [
        one for one in every if "network" in one[0]
    ][:4]
    for path, value in several:
        for wrong in wrong_values(value):
            archive.write(file, kind, altered(content, path, wrong))
            try:
                found = type(detector).load(file)
            except ValueError as error:
                assert str(file) in str(error)  # noqa: PT017
                refused += 1
                continue
            assert "options" in path or FREE & set(path) or set(path) & {"losses", "batch"}, (
                path,
                wrong,
            )
            harmless += 1
            try:
                found.predict(test)
            except ValueError:
                pass
    assert refused > harmless > 0
