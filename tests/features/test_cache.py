import errno
import os
import pkgutil
import re
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

import adviz
from adviz import Backbone
from adviz._support import atomic_files as storage
from adviz.data import Geometry, Split
from adviz.features.backbone import CODE
from adviz.features.cache import Cache, Key
from test_architecture import import_graph

GEOMETRY = Geometry(32, crop=False)


class Net(nn.Module):
    """Three layers, which count how often they run."""

    def __init__(self, seed=0):
        super().__init__()
        torch.manual_seed(seed)
        self.one = nn.Conv2d(3, 4, 3, stride=2, padding=1)
        self.two = nn.Conv2d(4, 5, 3, stride=2, padding=1)
        self.three = nn.Conv2d(5, 6, 3, stride=2, padding=1)
        self.ran = []

    def forward(self, x):
        for name in ("one", "two", "three"):
            self.ran.append(name)
            x = getattr(self, name)(x)
        return x


@pytest.fixture
def split(tmp_path):
    return photos(tmp_path / "photos")


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "cache"


def photos(folder, seed=0):
    folder.mkdir()
    images = np.random.default_rng(seed).integers(0, 255, (3, 40, 40, 3), dtype=np.uint8)
    paths = [folder / f"{index}.bmp" for index in range(3)]
    for path, image in zip(paths, images, strict=True):
        Image.fromarray(image).save(path)
    return Split(paths, [0] * 3, [None] * 3, ["good"] * 3, geometry=GEOMETRY, root=folder)


def extract(source, cache, layers=("one", "two"), *, seed=0, **options):
    """Return the features and the layers that were run for them."""
    model = Net(seed)
    return Backbone(model, layers=layers, **options).extract(source, cache=cache), sorted(
        set(model.ran)
    )


def entries(cache):
    return sorted(path for path in cache.rglob("*") if path.is_file())


def assert_same(found, expected):
    assert list(found) == list(expected)
    for name in expected:
        np.testing.assert_array_equal(found[name], expected[name])


def assert_alike(found, expected):
    """The same up to the rounding of another batch, a few steps of float32 of the largest value."""
    assert list(found) == list(expected)
    for name in expected:
        np.testing.assert_allclose(
            found[name], expected[name], rtol=0, atol=1e-6 * np.abs(expected[name]).max()
        )


# hits


def test_features_from_the_cache_are_those_that_filled_it(split, cache):
    expected, _ = extract(split, False)
    first, ran = extract(split, cache)
    again, ran_again = extract(split, cache)
    assert (ran, ran_again) == (["one", "two"], [])
    for found in (first, again):
        assert_same(found, expected)
        for fact in ("image_size", "strides", "backbone", "digest", "ids"):
            assert getattr(found, fact) == getattr(expected, fact)
        assert (repr(found), found["one"].dtype) == (repr(expected), np.float32)


def test_the_same_files_elsewhere_are_found_and_keep_their_own_names(split, cache, tmp_path):
    extract(split, cache)
    copy = photos(tmp_path / "copy").subset([0, 1, 2])
    copy.root = None
    found, ran = extract(copy, cache)
    assert (ran, found.ids) == ([], [path.as_posix() for path in copy.paths])
    # The same pixels
    found, ran = extract(split.with_geometry(Geometry(32, resize=32, mask_rule=">0")), cache)
    assert ran == []


def test_a_list_of_files_shares_entries_with_a_split_of_them(split, cache):
    extract(split.with_geometry(Geometry()), cache)
    found, ran = extract([str(path) for path in split.paths], cache)
    assert (ran, found.ids) == ([], [str(path) for path in split.paths])


def test_fewer_layers_are_served_and_of_more_only_the_missing_are_extracted(split, cache):
    expected, _ = extract(split, False, ("one", "two", "three"))
    extract(split, cache, ("one", "three"))
    found, ran = extract(split, cache, ("three",))
    assert (list(found), ran) == (["three"], [])
    found, ran = extract(split, cache, ("one", "two", "three"))
    assert ran == ["one", "two"]  # and stops there
    assert_same(found, expected)


def test_images_in_memory_are_found_by_their_pixels(cache):
    images = np.random.default_rng(0).integers(0, 256, (3, 32, 32), dtype=np.uint8)
    expected, _ = extract(Split.from_arrays(images, [0] * 3, geometry=GEOMETRY), cache)
    found, ran = extract(
        Split.from_arrays(images.copy(), [1] * 3, names=list("abc"), geometry=GEOMETRY), cache
    )
    assert (ran, found.ids) == ([], ["a", "b", "c"])
    assert_same(found, expected)
    images[1, 2, 3] ^= 1
    for others in (images, images.reshape(3, 16, 64)):
        found, ran = extract(Split.from_arrays(others, [0] * 3, geometry=GEOMETRY), cache)
        assert ran == ["one", "two"]
    assert_same(found, extract(Split.from_arrays(others, [0] * 3, geometry=GEOMETRY), False)[0])


@pytest.fixture
def many(tmp_path):
    """Twelve different photographs."""
    (tmp_path / "many").mkdir()
    images = np.random.default_rng(5).integers(0, 255, (12, 40, 40, 3), dtype=np.uint8)
    paths = [tmp_path / "many" / f"{index}.bmp" for index in range(12)]
    for path, image in zip(paths, images, strict=True):
        Image.fromarray(image).save(path)
    return Split(paths, [0] * 12, [None] * 12, ["good"] * 12, geometry=GEOMETRY)


class Counting(Net):
    """Counts the images that it is shown."""

    def __init__(self):
        super().__init__()
        self.shown = 0

    def forward(self, x):
        self.shown += len(x)
        return super().forward(x)


def shown(source, cache, layers=("one", "two"), **options):
    """Return the features, and how many images the network was shown for them."""
    model = Counting()
    return Backbone(model, layers=layers, **options).extract(source, cache=cache), model.shown


@pytest.mark.parametrize(
    "chosen",
    [
        slice(2, 7),
        slice(None, None, -1),
        [5, 0, 11],
        [3],
        [4, 4, 2],
        np.arange(12) % 3 == 0,
        slice(0, 12),
    ],
    ids=str,
)
def test_some_of_the_images_in_any_order_are_found_and_the_network_is_not_run(many, cache, chosen):
    every, count = shown(many, cache)
    assert count == 12
    part = many[chosen]
    found, count = shown(part, cache)
    assert count == 0
    assert_same(found, {name: values[np.arange(12)[chosen]] for name, values in every.items()})
    assert found.ids == part.ids
    assert len(entries(cache)) == 2  # they are stored once
    if isinstance(chosen, slice) and chosen.step is None:
        assert all(
            isinstance(values.base, np.memmap) or isinstance(values, np.memmap)
            for values in found.values()
        )


def test_of_more_images_only_the_new_ones_are_shown_to_the_network(many, cache):
    expected, _ = shown(many, False)
    shown(many[:8], cache)
    for _ in range(2):
        found, count = shown(many, cache)
        assert_alike(found, expected)
        shown(many[:8], cache)
    assert count == 0
    assert shown(many[:8], cache)[1] == 0
    shown(many[:4], cache, ["three"])
    found, count = shown(many, cache, ("one", "three"))
    assert count == 8  # of which one layer lacks, though "one" has them all
    assert_alike(found, shown(many, False, ("one", "three"))[0])


def test_new_images_are_counted_between_known_ones(many, cache):
    shown(many.subset([1, 3, 5, 7, 9]), cache)
    found, count = shown(many, cache, dtype="float32")
    assert count == 7
    assert_alike(found, shown(many, False)[0])


def test_images_are_gathered_from_several_entries(many, cache):
    shown(many[:6], cache)
    shown(many[6:], cache)
    found, count = shown(many[::-1], cache)
    assert count == 0
    assert_alike(found, shown(many[::-1], False)[0])


def test_rows_of_images_in_memory_and_of_other_types_are_found_too(cache):
    images = np.random.default_rng(0).integers(0, 256, (5, 32, 32), dtype=np.uint8)
    split = Split.from_arrays(images, [0] * 5, geometry=GEOMETRY)
    shown(split, cache, dtype="float16")
    found, count = shown(split[3:1:-1], cache, dtype="float16")
    assert count == 0
    every = shown(split, False, dtype="float16")[0]
    assert_same(found, {name: values[3:1:-1] for name, values in every.items()})
    assert shown(split[:2], cache)[1] == 2  # in float32


def test_changing_a_part_changes_no_entry(many, cache):
    expected = {name: np.array(values) for name, values in shown(many, cache)[0].items()}
    for values in shown(many[2:5], cache)[0].values():
        values[:] = 7
    assert_same(shown(many, cache)[0], expected)


def test_a_damaged_row_is_noticed_where_it_is_wanted(many, cache):
    expected = {name: np.array(values) for name, values in shown(many, cache, ["one"])[0].items()}
    (entry,) = entries(cache)
    data = bytearray(entry.read_bytes())
    data[np.lib.format.open_memmap(entry).offset + 5 * expected["one"][0].nbytes + 3] ^= 1
    entry.write_bytes(data)
    assert shown(many[:5], cache, ["one"])[1] == 0  # of other rows
    with pytest.warns(
        UserWarning, match=r"1 damaged file.*checksum of its row 5 is another"
    ) as caught:
        found, count = shown(many[4:7], cache, ["one"])
    assert (len(caught), count) == (1, 3)
    assert_alike(found, {"one": expected["one"][4:7]})


@pytest.mark.parametrize("damage", ["index", "end", "shorter", "older"])
def test_what_says_which_rows_there_are_is_checked_too(many, cache, damage):
    shown(many, cache, ["one"])
    (entry,) = entries(cache)
    data = bytearray(entry.read_bytes())
    if damage == "index":
        data[-60] ^= 1
    data = {"end": data[:-1] + b"0", "shorter": data[:-4], "older": data[: -12 * 24 - 24]}.get(
        damage, data
    )
    entry.write_bytes(data)
    expected, _ = shown(many[2:4], False, ["one"])
    # The entry is whole or not: its rows cannot be found
    found, count = shown(many[2:4], cache, ["one"])
    assert count == 2
    assert_alike(found, expected)


def test_a_pooled_layer_is_another_than_the_whole(split, cache):
    whole, _ = extract(split, cache)
    pooled, ran = extract(split, cache, pool=True)
    assert (ran, pooled.backbone) == (["one", "two"], "Net (pooled)")
    for name in whole:  # float32 means of 256 values of order 1
        np.testing.assert_allclose(pooled[name], whole[name].mean((2, 3), keepdims=True), atol=1e-5)
    again, ran = extract(split, cache, pool=True)
    assert ran == []
    assert_same(again, pooled)


def test_named_networks_use_the_users_cache_and_own_modules_do_not(split, cache, monkeypatch):
    """The code of an own module is unknown: it could get features of other code, same weights."""
    monkeypatch.setenv("ADVIZ_CACHE", str(cache))
    extract(split, None)
    assert entries(cache) == []
    network = Backbone("resnet18", layers=(4, 8), weights="random")
    first = network.extract(split)
    monkeypatch.setattr(network._model, "forward", None)
    assert_same(network.extract(split), first)
    assert len(entries(cache)) == 2


def test_a_layer_is_found_under_any_name(split, cache):
    Backbone("resnet18", layers=(4, 8), weights="random").extract(split, cache=cache)
    network = Backbone("resnet18", layers=["layer2", "layer1.0"], weights="random")
    network.extract(split, cache=cache)
    assert len(entries(cache)) == 3


def test_changing_the_features_changes_no_entry(split, cache):
    found, _ = extract(split, cache)
    expected = {name: np.array(array) for name, array in found.items()}
    for _ in range(2):
        for array in found.values():
            array[:] = 7
        found, ran = extract(split, cache)
        assert ran == []
        assert_same(found, expected)


# misses


def test_a_changed_pixel_is_seen_under_the_same_name_size_and_time(split, cache):
    extract(split, cache)
    path = split.paths[1]
    status, data = path.stat(), bytearray(path.read_bytes())
    data[-1] ^= 128
    path.write_bytes(data)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert (path.stat().st_size, path.stat().st_mtime_ns) == (status.st_size, status.st_mtime_ns)
    found, ran = extract(split, cache)
    assert ran == ["one", "two"]
    assert_alike(found, extract(split, False)[0])


@pytest.mark.parametrize(
    "options",
    [
        {"seed": 1},
        {"dtype": "float16"},
        {"dtype": "bfloat16"},
        {"mean": (0.4, 0.4, 0.4)},
        {"std": (0.5, 0.5, 0.5)},
    ],
    ids=str,
)
def test_another_way_to_run_the_network_is_another_entry(split, cache, options):
    extract(split, cache)
    found, ran = extract(split, cache, **options)
    assert ran == ["one", "two"]
    assert_same(found, extract(split, False, **options)[0])


def test_other_images_pixels_or_code_are_another_entry(split, cache, monkeypatch):
    extract(split, cache)
    others = [split.with_geometry(Geometry(32))]
    others += [split.with_geometry(Geometry(32, crop=False, interpolation="nearest"))]
    for other in others:
        found, ran = extract(other, cache)
        assert ran == ["one", "two"]
        assert_same(found, extract(other, False)[0])
    monkeypatch.setattr(pkgutil, "get_data", lambda package, name: b"another version of this file")
    assert extract(split, cache)[1] == ["one", "two"]


def test_a_network_of_the_same_weights_and_another_structure_is_another_entry(split, cache):
    class Padded(Net):
        """Zeros around the image are replaced by its edge; the weights stay."""

        def __init__(self):
            super().__init__()
            self.one.padding_mode = "replicate"
            self.one._reversed_padding_repeated_twice = [1, 1, 1, 1]

    expected = extract(split, cache)[0]
    model = Padded()
    found = Backbone(model, layers=["one", "two"]).extract(split, cache=cache)
    assert found.digest == expected.digest
    assert set(model.ran) == {"one", "two"}
    assert not np.array_equal(found["one"], expected["one"])


@pytest.mark.parametrize(
    "changed", ["adviz.features.backbone.PIL.__version__", "adviz.features.backbone.version"]
)
def test_other_versions_of_what_reads_images_or_makes_networks_are_another_entry(
    split, cache, monkeypatch, changed
):
    extract(split, cache)
    monkeypatch.setattr(changed, "0.0" if changed.endswith("__") else lambda package: "0.0")
    assert extract(split, cache)[1] == ["one", "two"]


def test_another_runtime_is_another_entry(split, cache, monkeypatch):
    extract(split, cache)
    monkeypatch.setattr("adviz.features.runtimes.Torch.version", "torch 0.0", raising=False)
    backbone = Backbone(Net(), layers=["one"])
    backbone._runtime.version = "torch 0.0"
    backbone.extract(split, cache=cache)
    assert len(entries(cache)) == 3


def test_the_code_that_decides_features_is_all_that_they_pass_through():
    """Whatever `backbone` imports to read images and run networks is in the key, however deep."""
    package = Path(adviz.__file__).parent
    graph = import_graph(package)
    reached, todo = set(), ["adviz.features.backbone", "adviz.data.split"]
    while todo:
        module = todo.pop()
        file = module.removeprefix("adviz.").replace(".", "/") + ".py"
        if file not in reached and (package / file).is_file():
            reached.add(file)
            todo += graph[module]
    stores_features = {"features/cache.py", "features/sharding.py", "_support/atomic_files.py"}
    sends_networks = {"features/network_plugin.py"}  # as they are
    finds_weights = {"features/embedded.py"}  # the digest of the weights is in the key
    imports = {"features/timm_import.py"}  # timm's version is in the key
    reports = {
        f"_support/{name}.py" for name in ("progress", "errors", "devices", "float32", "log")
    }
    assert {"features/runtimes.py", "features/networks.py", "data/geometry.py"} <= reached
    others = stores_features | sends_networks | finds_weights | imports | reports
    assert reached - others == set(CODE)


def test_what_is_no_file_read_by_a_split_is_not_cached(split, cache, tmp_path):
    class Darker(Split):
        def image(self, index):
            return super().image(index) // 2

    class Mirrored(Geometry):
        def image(self, image):
            return super().image(image)[:, ::-1]

    darker = Darker(split.paths, split.labels, split.masks, split.defects, geometry=GEOMETRY)
    images = np.stack([split.image(index) for index in range(3)])
    for source in (darker, split.with_geometry(Mirrored(32, crop=False)), images):
        extract(source, cache)
    Backbone(Net(), layers=["one"]).extract(split, cache=cache, out=tmp_path / "out")
    assert entries(cache) == []


def test_files_that_change_during_the_extraction_are_not_stored(split, cache):
    class Slow(Net):
        def forward(self, x):
            Image.new("RGB", (40, 40)).save(split.paths[0])
            return super().forward(x)

    Backbone(Slow(), layers=["one"]).extract(split, cache=cache)
    assert entries(cache) == []


# damage


def flip(position):
    def damage(path):
        data = bytearray(path.read_bytes())
        data[position] ^= 1
        path.write_bytes(data)

    return damage


def to_folder(path):
    path.unlink()
    path.mkdir()
    (path / "something").touch()


def of_other_shape(path):
    """Replace by a complete array with its checksum, as a faulty version could leave it."""
    np.save(path, np.zeros((1, 2, 3, 4), np.float32))
    path.rename(path.with_name(f"{path.name[:82]}{storage.checksum(path)}.npy"))


DAMAGE = {
    "data": flip(-1),
    "header": flip(70),
    "truncated": lambda path: os.truncate(path, path.stat().st_size - 4),
    "empty": lambda path: os.truncate(path, 0),
    "longer": lambda path: path.write_bytes(path.read_bytes() + b"0"),
    "garbage": lambda path: path.write_bytes(b"garbage"),
    "folder": to_folder,
    "other shape": of_other_shape,
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_a_damaged_entry_is_rebuilt_with_one_warning(split, cache, kind):
    expected, _ = extract(split, cache)
    expected = {name: np.array(array) for name, array in expected.items()}
    for path in entries(cache):
        DAMAGE[kind](path)
    with pytest.warns(
        UserWarning, match="got 2 damaged file.*removed, the features are extracted again"
    ) as caught:
        found, ran = extract(split, cache)
    assert (len(caught), ran) == (1, ["one", "two"])
    assert_same(found, expected)
    found, ran = extract(split, cache)
    assert (len(entries(cache)), ran) == (2, [])
    assert_same(found, expected)


def test_a_deleted_entry_is_rebuilt_silently(split, cache):
    expected, _ = extract(split, cache)
    entries(cache)[0].unlink()
    found, ran = extract(split, cache)
    assert "one" in ran
    assert_same(found, expected)


@pytest.mark.parametrize("code", [errno.EACCES, errno.EMFILE])
def test_an_entry_that_is_whole_but_cannot_be_opened_stays(split, cache, monkeypatch, code):
    """Another user's file is passed over; where this process may open no more files it says so."""
    extract(split, cache)

    def refusing(path):
        raise OSError(code, os.strerror(code))

    with monkeypatch.context() as patch:
        patch.setattr("adviz.features.cache.checksum", refusing)
        if code == errno.EMFILE:
            with pytest.raises(OSError, match="Too many open files"):
                extract(split, cache)
        else:
            assert extract(split, cache)[1] == ["one", "two"]
    assert extract(split, cache)[1] == []


def test_an_image_that_cannot_be_read_gives_the_same_error_with_and_without_the_cache(split, cache):
    extract(split, cache)
    split.paths[1].write_bytes(b"no image")
    for where in (cache, False):
        with pytest.raises(ValueError, match=r"expected a readable image, got .*1\.bmp"):
            extract(split, where)
    split.paths[1].unlink()
    for where in (cache, False):
        with pytest.raises(
            FileNotFoundError, match=r"expected an image file, found nothing at .*1\.bmp"
        ):
            extract(split, where)


# room


def test_the_least_recently_used_entries_make_room(split, cache, monkeypatch, tmp_path):
    splits = [split, *(photos(tmp_path / f"others{seed}", seed) for seed in (1, 2, 3))]
    size = 3 * 4 * 16 * 16 * 4  # of layer "one"; the header comes on top
    monkeypatch.setenv("ADVIZ_CACHE_LIMIT", str(3.5 * size / 1e9))
    for age, other in enumerate(splits[:3]):
        extract(other, cache, ["one"])
        (newest,) = [path for path in entries(cache) if path.stat().st_mtime_ns > 100]
        os.utime(newest, ns=(age, age))
    assert extract(splits[0], cache, ["one"])[1] == []  # used last now
    extract(splits[3], cache, ["one"])
    assert len(entries(cache)) == 3
    assert [extract(other, cache, ["one"])[1] for other in (splits[0], splits[2], splits[3])] == [
        [],
        [],
        [],
    ]
    assert extract(splits[1], cache, ["one"])[1] == ["one"]


def test_the_entry_just_written_stays_whatever_the_clock_says(split, cache, monkeypatch, tmp_path):
    monkeypatch.setenv("ADVIZ_CACHE_LIMIT", str(1.5 * 3 * 4 * 16 * 16 * 4 / 1e9))
    extract(split, cache, ["one"])
    os.utime(entries(cache)[0], ns=(2**62, 2**62))  # in the far future
    other = photos(tmp_path / "other", 1)
    extract(other, cache, ["one"])
    assert len(entries(cache)) == 1
    assert extract(other, cache, ["one"])[1] == []


def test_features_larger_than_the_limit_are_not_cached(split, cache, monkeypatch):
    expected, _ = extract(split, False)
    monkeypatch.setenv("ADVIZ_CACHE_LIMIT", "1e-6")
    with pytest.warns(
        UserWarning, match=r"not kept .* the limit is 1e-06 GB: raise ADVIZ_CACHE_LIMIT"
    ) as caught:
        found, _ = extract(split, cache)
    assert len(caught) == 1
    assert_same(found, expected)
    assert entries(cache) == []


def test_a_limit_of_zero_switches_the_cache_off_and_no_number_is_refused(split, cache, monkeypatch):
    monkeypatch.setenv("ADVIZ_CACHE_LIMIT", "0")
    assert extract(split, cache)[1] == extract(split, cache)[1] == ["one", "two"]
    assert entries(cache) == []
    for text in ("ten", "-1", "nan", "inf"):
        monkeypatch.setenv("ADVIZ_CACHE_LIMIT", text)
        with pytest.raises(
            ValueError,
            match=re.escape(
                f"ADVIZ_CACHE_LIMIT in GB, such as 10, or 0 for no feature cache; got '{text}'"
            ),
        ):
            Cache()


# disks that refuse


@pytest.mark.parametrize(
    ("step", "code"),
    [("posix_fallocate", errno.ENOSPC), ("fsync", errno.EIO), ("replace", errno.EROFS)],
)
@pytest.mark.parametrize("call", [1, 2])
def test_a_full_or_failing_disk_loses_nothing_but_the_cache(
    split, cache, monkeypatch, step, code, call
):
    expected, _ = extract(split, False)
    done, calls = getattr(os, step), []

    def refusing(*arguments):
        calls.append(arguments)
        if len(calls) >= call:
            raise OSError(code, os.strerror(code))
        return done(*arguments)

    monkeypatch.setattr(os, step, refusing)
    with pytest.warns(
        UserWarning, match=f"not kept in the feature cache .*{os.strerror(code)}.*set ADVIZ_CACHE"
    ) as caught:
        found, _ = extract(split, cache)
    assert len(caught) == 1
    assert_same(found, expected)
    assert [path for path in entries(cache) if path.suffix != ".npy"] == []


def test_a_cache_that_cannot_be_a_folder_loses_nothing(split, cache):
    cache.write_text("a file")
    with pytest.warns(UserWarning, match="not kept in the feature cache") as caught:
        found, _ = extract(split, cache)
    assert len(caught) == 1
    assert_same(found, extract(split, False)[0])


def test_a_failing_extraction_leaves_nothing(split, cache):
    model = Net()
    model.one.weight.data[:] = torch.nan
    with pytest.raises(ValueError, match="NaN or infinity in one"):
        Backbone(model, layers=["one"]).extract(split, cache=cache)

    class Interrupted(Net):
        def forward(self, x):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Backbone(Interrupted(), layers=["one"]).extract(split, cache=cache)
    assert entries(cache) == []


# processes


def test_data_reach_the_disk_before_their_name(split, cache, monkeypatch):
    done = []
    for step in ("fsync", "replace"):
        function = getattr(os, step)
        monkeypatch.setattr(os, step, lambda *a, f=function, s=step: (done.append(s), f(*a))[1])
    extract(split, cache)
    assert done == ["fsync", "replace"] * 2


def test_unfinished_files_of_dead_processes_are_removed_and_those_of_living_ones_kept(split, cache):
    extract(split, cache)
    living = storage.UnfinishedArray(cache / "features", (2, 2), np.dtype(np.float32))
    dead = cache / "features" / "dead.part"
    dead.write_bytes(b"half")
    extract(split, cache)
    assert living.path.exists()
    assert not dead.exists()
    living.discard()
    assert [path.suffix for path in entries(cache)] == [".npy"] * 2


def test_a_file_taken_for_dead_before_it_was_locked_is_made_again(cache, monkeypatch):
    lock, removed = storage._lock, []

    def late(file, *, wait):
        if wait and not removed:
            removed.append(file.name)
            storage.remove_leftovers(cache)
        return lock(file, wait=wait)

    cache.mkdir()
    monkeypatch.setattr(storage, "_lock", late)
    part = storage.UnfinishedArray(cache, (2, 2), np.dtype(np.float32))
    assert [str(part.path)] != removed
    assert part.path.exists()
    part.discard()


def run(what, folder):
    script = Path(__file__).with_name("killed_extraction.py")
    result = subprocess.run(
        [sys.executable, script, what, folder], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_killed_at_any_moment_the_next_run_is_right(tmp_path):
    steps, died = re.findall(r"\d+", run("killed", tmp_path))[:2]
    assert int(steps) >= 15
    assert int(died) >= 1


def test_processes_that_fill_one_entry_at_once_are_all_right(tmp_path):
    assert run("racing", tmp_path) == "4 races\n"


def test_nothing_is_made_before_it_is_needed(split, cache):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        key = Key("how", (bytes(20),) * 3)
        assert Cache(cache).load(key, {"one": "one"}, np.dtype(np.float32)) == ({}, {})
    assert not cache.exists()
