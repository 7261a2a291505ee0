"""`adviz cache`: what lies on disk, and how it goes."""

import fcntl
import os
import subprocess
import sys

import numpy as np
import pytest

from adviz import Backbone, data
from adviz.app import cli


@pytest.fixture
def root(tmp_path, monkeypatch):
    monkeypatch.setenv("ADVIZ_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    return tmp_path / "cache"


@pytest.fixture
def features(root):
    """Two files of features, of two layers."""
    images = data.Split.from_arrays(np.zeros((2, 32, 32, 3), "uint8"), [0, 0])
    split = images.with_geometry(data.Geometry(32, crop=False))
    return Backbone("efficientnet_lite0", layers=(8, 16), weights="random").extract(split)


def test_an_empty_cache_is_shown_and_not_made(root, capsys):
    assert cli.main(["cache"]) == 0
    out = capsys.readouterr().out
    assert "features of images" in out
    assert "0 files" in out
    assert not root.exists()


def test_sizes_and_ages_are_those_of_the_files(root, features, tmp_path, capsys):
    files = list((root / "features").iterdir())
    size = sum(file.stat().st_size for file in files)
    for file in files:
        os.utime(file, (0, file.stat().st_mtime - 3 * 86_400 - 60))
    picture = root / "demo-v4" / "seed0" / "a.png"
    picture.parent.mkdir(parents=True)
    picture.write_bytes(bytes(1_500_000))
    blob = tmp_path / "hub" / "models--timm--resnet18" / "blobs" / "1"
    blob.parent.mkdir(parents=True)
    blob.write_bytes(bytes(2_500_000))
    assert cli.main(["cache"]) == 0
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert f"features of images {size / 1e6:.1f} MB 2 files last used 3 days ago" in lines
    assert "built-in images, drawn 1.5 MB 1 files last used today" in lines
    assert "networks that timm downloaded 2.5 MB 1 files last used today" in lines
    assert str(root / "features") in lines


def test_clearing_removes_features_and_nothing_else(root, features, tmp_path, capsys):
    folder = root / "features"
    assert len(list(folder.iterdir())) == 2
    own = folder / "mine.npy"
    own.write_bytes(b"a person's")
    outside = tmp_path / "outside.npy"
    outside.write_bytes(b"not ours")
    picture = root / "demo-v4" / "a.png"
    picture.parent.mkdir()
    picture.touch()
    before = {layer: array.copy() for layer, array in features.items()}
    assert cli.main(["cache", "--clear"]) == 1  # it says that a file is not adviz's
    captured = capsys.readouterr()
    assert "removed 2 files of features" in captured.out
    assert captured.err.startswith("adviz: 1 files could not be removed")
    assert sorted(folder.iterdir()) == [own]
    assert outside.exists()
    assert picture.exists()
    # Who has mapped them keeps them
    for layer, array in features.items():
        np.testing.assert_array_equal(array, before[layer])
    own.unlink()
    assert cli.main(["cache", "--clear"]) == 0


def test_what_another_process_is_writing_stays_and_what_a_dead_one_left_goes(root, features):
    folder = root / "features"
    dead = folder / f"{'a' * 32}.part"
    dead.touch()
    alive = folder / f"{'b' * 32}.part"
    with alive.open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        code = "import sys; from adviz.app import cli; sys.exit(cli.main(['cache', '--clear']))"
        done = subprocess.run([sys.executable, "-c", code], check=False)
        assert done.returncode == 0
    assert list(folder.iterdir()) == [alive]


def test_all_of_it_is_the_images_too(root, features, tmp_path, capsys):
    for name in ("demo-v4", "frames-v1", "mine"):
        (root / name).mkdir()
        (root / name / "a.png").write_bytes(b"12345")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "b.png").touch()
    (root / "demo-v3").symlink_to(elsewhere)
    assert cli.main(["cache", "--clear", "all"]) == 0
    out = capsys.readouterr().out
    assert f"from {root / 'demo-v4'}" in out
    assert sorted(path.name for path in root.iterdir()) == ["demo-v3", "features", "mine"]
    assert (elsewhere / "b.png").exists()


def test_a_limit_that_is_none_is_one_line(monkeypatch, capsys):
    monkeypatch.setenv("ADVIZ_CACHE_LIMIT", "much")
    assert cli.main(["cache"]) == 2
    assert capsys.readouterr().err.startswith("adviz: expected ADVIZ_CACHE_LIMIT in GB")
