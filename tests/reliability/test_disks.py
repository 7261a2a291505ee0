"""Disks that are full, folders that refuse, and names that are long: nothing is lost and nothing
half-written stays.
"""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from conditions import forbidden, small_features

from adviz import Backbone, ReverseDistillation, data, sweep
from adviz._support.atomic_files import replace_file
from adviz.data import Split
from adviz.explore.thresholds.tags import Tag, write_tags
from adviz.sweep.results import check_folder

MOUNT = 'mount -t tmpfs -o size=600k none "$1/disk" && shift && exec "$@"'


@pytest.fixture(scope="module")
def full(tmp_path_factory):
    """What came of everything that `full_disk.py` did on a real full disk."""
    folder = tmp_path_factory.mktemp("full")
    (folder / "disk").mkdir()
    inside = ["unshare", "--map-root-user", "--mount", "sh", "-c", MOUNT, "sh", str(folder)]
    if (
        not shutil.which("unshare")
        or subprocess.run([*inside, "true"], capture_output=True, check=False).returncode
    ):
        pytest.skip(
            "a disk can be mounted for one process on Linux alone, and not in every container"
        )
    program = [sys.executable, str(Path(__file__).with_name("full_disk.py")), str(folder / "disk")]
    result = subprocess.run([*inside, *program], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


FULL = r"No space left on device.*"


@pytest.mark.parametrize(
    ("what", "error"),
    [
        (
            "features_in_a_folder",
            rf"OSError: .*expected room for 0.0021 GB of features \({FULL}choose another folder",
        ),
        (
            "features_in_a_temporary_file",
            rf"OSError: .*expected room for .*{FULL}temporary folder .*TMPDIR",
        ),
        (
            "a_row",
            rf"OSError: expected to write a result to .*{FULL}free some space.*results that are there stay",
        ),
        ("tags", rf"OSError: .*{FULL}"),
        ("a_page", rf"OSError: .*{FULL}"),
    ],
)
def test_a_full_disk_is_an_error_that_leaves_what_was_there(full, what, error):
    found = full[what]
    assert found["status"] == 0, "it was killed: SIGBUS, as a mapped file found no room"
    assert found["warnings"] == []
    assert re.fullmatch(error, found["error"])
    assert found["left"] == []


@pytest.mark.parametrize(
    ("what", "warning"),
    [
        ("features_in_the_cache", rf"the features are right but not kept .*{FULL}set ADVIZ_CACHE"),
        ("a_checkpoint", rf"the training goes on but is not kept in .*{FULL}free some space"),
    ],
)
def test_a_full_disk_under_what_is_kept_costs_no_result(full, what, warning):
    found = full[what]
    assert (found["status"], found["error"], found["left"]) == (0, "", [])
    assert found["warnings"]
    assert all(re.match(warning, one) for one in found["warnings"])


@pytest.fixture(scope="module")
def once():
    """Everything that is imported late is imported before root becomes nobody."""
    ReverseDistillation(layers=(4, 8, 16), epochs=1, student="small").fit(small_features(2))


def refuses(folder):
    """Whether this process may not write there; a file system may know no permissions."""
    try:
        (folder / "new").write_text("")
    except PermissionError:
        return [path.name for path in folder.iterdir()] == ["there"]
    return False


def network():
    import torch
    from torch import nn

    torch.manual_seed(0)
    return Backbone(nn.Sequential(nn.Conv2d(3, 4, 3)), layers=["0"])


IMAGES = np.random.default_rng(0).integers(0, 255, (3, 16, 16, 3), dtype=np.uint8)
SPLIT = Split.from_arrays(IMAGES, [0, 0, 0], geometry=data.Geometry(16, crop=False))


def test_a_cache_that_is_read_only_costs_nothing_but_the_cache(once):
    expected = network().extract(SPLIT, cache=False)["0"]
    with forbidden() as folder:
        assert refuses(folder)
        with pytest.warns(
            UserWarning, match="right but not kept in the feature cache .*Permission denied"
        ) as caught:
            found = network().extract(SPLIT, cache=folder)["0"]
    assert len(caught) == 1
    np.testing.assert_array_equal(found, expected)


def test_a_checkpoint_that_cannot_be_written_costs_no_training(once):
    options = {"layers": (4, 8, 16), "epochs": 2, "student": "small"}
    expected = ReverseDistillation(**options).fit(small_features(4)).losses_
    with (
        forbidden() as folder,
        pytest.warns(
            UserWarning,
            match=r"the training goes on but is not kept in .*deep/student .*Permission denied",
        ),
    ):
        found = ReverseDistillation(**options, checkpoint=folder / "deep" / "student").fit(
            small_features(4)
        )
    np.testing.assert_array_equal(found.losses_, expected)


TAGS = [Tag("PatchCore", "nut", "0.png", 0.5, "dirt", False)]
WRITERS = {
    "results": (
        lambda folder: sweep.run([], folder),
        "expected a results folder that can be written to, got .*choose another",
    ),
    "features": (lambda folder: network().extract(IMAGES, out=folder / "new"), "Permission denied"),
    "demo": (
        lambda folder: data.demo("bottle", root=folder),
        "the cache folder .* cannot be written .*ADVIZ_CACHE",
    ),
    "tags": (
        lambda folder: write_tags(folder / "there", TAGS),
        "Permission denied",
    ),
    "page": (lambda folder: replace_file(folder / "there", b"new"), "Permission denied"),
}


@pytest.mark.parametrize("what", WRITERS)
def test_a_read_only_folder_is_named_and_left_as_it_was(once, what):
    write, error = WRITERS[what]
    with forbidden() as folder:
        with pytest.raises(OSError, match=error) as caught:
            write(folder)
        assert str(folder) in str(caught.value)
        assert [path.name for path in folder.iterdir()] == ["there"]
        assert (folder / "there").read_text() == "as it was"


def test_a_cache_on_a_drive_that_is_not_there_costs_nothing_but_the_cache(monkeypatch):
    gone = "/proc/no-such-drive/adviz" if sys.platform == "linux" else "/dev/null/adviz"
    expected = network().extract(SPLIT, cache=False)["0"]
    with pytest.warns(
        UserWarning, match="right but not kept in the feature cache .*set ADVIZ_CACHE"
    ) as caught:
        found = network().extract(SPLIT, cache=gone)["0"]
    assert len(caught) == 1
    np.testing.assert_array_equal(found, expected)
    monkeypatch.setenv("ADVIZ_CACHE", gone)
    with pytest.raises(
        OSError, match=r"the cache folder .*no-such-drive.* cannot be written .*ADVIZ_CACHE"
    ):
        data.demo("bottle")


def test_a_cache_folder_of_an_impossible_name_costs_nothing_but_the_cache(tmp_path):
    expected = network().extract(SPLIT, cache=False)["0"]
    with pytest.warns(
        UserWarning, match="right but not kept in the feature cache .*File name too long"
    ) as caught:
        found = network().extract(SPLIT, cache=tmp_path / ("x" * 300))["0"]
    assert len(caught) == 1
    np.testing.assert_array_equal(found, expected)


def test_names_as_long_as_a_disk_allows_are_taken(tmp_path):
    """What is written beside a file before it takes the file's place has another name, which may be
    no longer.
    """
    long = "ö" * 127  # 254 of 255 bytes
    network().extract(IMAGES, out=tmp_path / long)
    write_tags(tmp_path / f"{long[:-3]}.json", [])
    train, options = small_features(2), {"layers": (4, 8, 16), "epochs": 1, "student": "small"}
    ReverseDistillation(**options, checkpoint=tmp_path / f"{long[:-1]}.s").fit(train)
    replace_file(tmp_path / f"{long[:-2]}.h", b"page")
    check_folder(tmp_path / f"{long[:-4]}.rows")
    assert len(list(tmp_path.iterdir())) == 5


def test_a_device_is_written_to_and_not_replaced(tmp_path):
    """`adviz demo --html /dev/null` by root must not make an ordinary file of it."""
    device = Path("/dev/null")
    replace_file(device, b"page")
    assert device.is_char_device()
    link = tmp_path / "link.html"
    link.symlink_to(tmp_path / "page.html")
    replace_file(link, b"page")
    assert link.is_symlink()
    assert (tmp_path / "page.html").read_bytes() == b"page"
    (tmp_path / "page.html").chmod(0o640)
    replace_file(tmp_path / "page.html", b"next")
    assert (tmp_path / "page.html").stat().st_mode & 0o777 == 0o640
