"""What `import adviz` and the Tab key offer, in whatever order it is asked for."""

import dataclasses
import importlib
import pkgutil
import re
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

import adviz
from adviz import data, detectors

NAMES = "archive coreset data detectors explore maps metrics plots sweep tables".split()
MODULES = [adviz, *(getattr(adviz, name) for name in NAMES), adviz.tables.statistics]
# What an instance shows. Whoever adds an attribute adds it here, or begins its name with an
# underscore.
SHOWN = {
    "Backbone": "device digest dtype extract label mean modules name std strides with_layers",
    "Category": "name test train validation with_geometry without",
    "Features": "backbone boxes digest geometry get ids image_size inside items keys n_images select strides values",
    "Geometry": "aspect bits box crop image interpolation mask mask_rule pixels resize resized scale shape size valid "
    "window",
    "Neighbors": "distance grid image location order",
    "Null": "backbone check detector digest good in_words load n_images of p_values save",
    "Prediction": "anomaly_map backbone boxes check_images detector digest ids layer_maps load neighbors save score "
    "segmented to_frame to_units unpadded valid",
    "Result": "backbone category curves detector digest false_positives_at_full_recall f1 "
    "false_negatives false_positives image_ap image_auroc load n_anomalous n_good n_unlabelled pixel_ap "
    "pixel_auroc pro pro_definition pro_limit pro_name reasons save shown threshold_f1 to_frame",
    "Sample": "defect image label mask path",
    "Split": "boxes defects from_arrays geometry has_masks ids image image_size known_pixels labels mask masks "
    "masks_array name paths photograph pixels root subset with_geometry",
    "Threshold": "error_rates backbone category detector digest is_anomalous is_set_on images load n_anomalous n_good "
    "on_test on_train rate rule save to_frame value",
}
# of a detector, beside its options and what it finds out, which ends in an underscore
DETECTOR = (
    "backbone_ card depends_on_seed differences facts fit get_params graph layers_read learned limits load predict "
    "predict_left_out preset read_by_predict renamed save set_params title usage work"
)
MORE = {
    "PaDiM": "contributions gaussian",
    "PatchCore": "predict_coreset_sizes",
    "ReverseDistillation": "norms rebuild",
}
# The last three are fixed
MORE["ConventionalDistillation"] = "norms rebuild align_corners betas patience"


@pytest.mark.parametrize("package", [adviz, data])
def test_no_public_function_shares_its_name_with_a_module(package):
    """Importing such a module, at any time, would put it in the function's place."""
    modules = {module.name for module in pkgutil.iter_modules(package.__path__)}
    for name in modules.intersection(package.__all__):
        assert isinstance(getattr(package, name), ModuleType), name


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__)
def test_dir_lists_what_a_user_needs(module):
    assert dir(module) == sorted(module.__all__)
    assert all(getattr(module, name) is not None for name in module.__all__)


def test_every_public_module_says_what_it_shows():
    shown = {module.__name__.rpartition(".")[2] for module in MODULES}
    assert {name for name in adviz.__all__ if isinstance(getattr(adviz, name), ModuleType)} <= shown


@pytest.fixture(scope="module")
def instances():
    split = data.Split.from_arrays(np.zeros((2, 8, 8), np.uint8), [0, 1])
    prediction = adviz.Prediction(np.arange(2.0))
    layer = np.zeros((1, 2, 2, 1), int)
    made = [data.Category("made up", split, split), split, split[0], split.geometry, prediction]
    made += [adviz.Features({"layer": np.zeros((2, 3, 4, 4), np.float32)}, image_size=(8, 8))]
    made += [
        adviz.Neighbors(layer.astype(float), layer, layer),
        adviz.Backbone("resnet18", weights="random"),
    ]
    made += [adviz.Null.of(prediction)]
    made += [adviz.evaluate(prediction, split), adviz.calibrate(prediction, split)]
    return {type(one).__name__: one for one in made}


def public(instance):
    return {name for name in dir(instance) if not name.startswith("_")}


@pytest.mark.parametrize("noun", SHOWN)
def test_instances_show_what_is_meant(noun, instances):
    assert public(instances[noun]) == set(SHOWN[noun].split())


@pytest.mark.parametrize("name", detectors.__all__)
def test_detectors_show_their_options_and_what_all_share(name):
    detector = getattr(adviz, name)()
    options = {field.name for field in dataclasses.fields(detector)}
    assert public(detector) == {*options, *DETECTOR.split(), *MORE.get(name, "").split()}


def test_an_unknown_name_lists_what_there_is():
    with pytest.raises(
        AttributeError,
        match=f"it offers {', '.join(adviz.__all__)}, got .*did you mean 'PatchCore'",
    ):
        adviz.PatchCare  # noqa: B018 - the attribute access is the test


def test_the_package_of_the_same_name_is_named_where_a_name_is_missing(monkeypatch, tmp_path):
    """Another project's distribution `adviz` installs a module of the same name."""
    info = tmp_path / "adviz-0.3.1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: adviz\nVersion: 0.3.1\n")
    with pytest.raises(AttributeError) as alone:
        adviz.serp_heatmap  # noqa: B018 - the attribute access is the test
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(
        AttributeError, match=r"package adviz 0\.3\.1 .*pip uninstall adviz adviz-ano"
    ):
        adviz.serp_heatmap  # noqa: B018
    assert "uninstall" not in str(alone.value)


def test_a_detector_is_registered_by_one_line():
    """Its file or folder and class, in `__init__.pyi`; all else reads that."""
    stub = Path(adviz.detectors.__file__).with_suffix(".pyi").read_text()
    lines = re.findall(r"^from \.(\w+) import (\w+) as \2$", stub, re.MULTILINE)
    shared = {name for _, name in lines} - set(dir(adviz.detectors))  # of all, for other rooms
    assert shared == adviz.detectors._SHARED
    assert set(dir(adviz.detectors)) <= set(adviz.__all__)
    for module, name in lines:
        if name not in shared:
            cls = getattr(adviz, name)
            assert cls is getattr(adviz.detectors, name)
            assert f"{cls.__module__}.".startswith(f"adviz.detectors.{module}.")


def test_every_detector_of_the_package_is_registered():
    """A class with fit and predict of its own that no other builds on; not a table's baselines."""
    from adviz.detectors.base import Detector

    for module in pkgutil.iter_modules(adviz.detectors.__path__):
        importlib.import_module(f"adviz.detectors.{module.name}")
    classes, leaves = [Detector], set()
    for one in classes:
        below = [c for c in one.__subclasses__() if c.__module__.startswith("adviz.detectors.")]
        classes += below
        leaves |= set() if below else {one.__name__}
    assert leaves == set(dir(adviz.detectors))
