"""Files for what was computed: what is written is read, and everything else is refused."""

import errno
import io
import json
import os
import pickle
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of

from adviz._support import archive
from adviz._support import atomic_files as storage
from adviz._support.archive import files, header, records
from adviz._support.archive.trees import CODES, TYPES

TREE = {
    "bank": np.arange(12, dtype=np.float32).reshape(3, 4),
    "facts": {
        "grid": (3, 4),
        "names": ["a", "ü"],
        "rate": 0.1,
        "none": None,
        "yes": True,
        "nan": float("nan"),
    },
    "layers": {"array": np.array([1, 2], np.int16), "map": {"tuple": np.array(2.5)}},
    "flags": np.array([[True, False]]),
}
SMALL = {"bank": TREE["bank"], "grid": (3, 4), "yes": np.array([True])}


def same(found, expected):
    """Compare trees: types, values, and of arrays type, shape and bits."""
    assert type(found) is type(expected)
    if isinstance(expected, np.ndarray):
        assert (found.dtype, found.shape) == (expected.dtype, expected.shape)
        assert found.tobytes() == expected.tobytes()
    elif isinstance(expected, dict):
        assert list(found) == list(expected)
        for name, value in expected.items():
            same(found[name], value)
    elif isinstance(expected, list | tuple):
        assert len(found) == len(expected)
        for one, other in zip(found, expected, strict=True):
            same(one, other)
    else:
        assert repr(found) == repr(expected)


def rewritten(path, about=None, entries=None, data=None):
    """Change a file's header and correct its digest, as a person can and an accident cannot."""
    whole = path.read_bytes()
    length = int.from_bytes(whole[:8], "little")
    head, tail = json.loads(whole[8 : 8 + length]), whole[8 + length :] if data is None else data
    metadata = head.pop("__metadata__")
    inner = {**json.loads(metadata["adviz"]), **(about or {})}
    head = head if entries is None else entries(head)
    text = json.dumps(
        {"__metadata__": {"digest": header.ZEROS, "adviz": json.dumps(inner)}, **head}
    ).encode()
    text += b" " * (-len(text) % 8)
    digest = files.new_hash(len(text).to_bytes(8, "little") + text)
    digest.update(tail)
    found = text.replace(header.ZEROS.encode(), digest.hexdigest().encode(), 1)
    path.write_bytes(len(text).to_bytes(8, "little") + found + tail)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "file.safetensors"


def refused(path, message, kinds="T", **options):
    with pytest.raises(ValueError, match=message) as caught:
        archive.read(path, kinds, **options)
    assert str(path) in str(caught.value)


# ---- what is written is read


def test_a_tree_comes_back_as_it_was(path):
    digest = archive.write(path, "T", TREE)
    found = archive.read(path, ["S", "T"], digest=digest)
    assert (found.kind, found.digest) == ("T", digest)
    same(found.content, TREE)
    assert "T: bank, facts" in repr(found)
    assert archive.kind_of(path) == "T"
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_the_same_content_has_the_same_digest_and_another_another(path):
    first = archive.write(path, "T", TREE)
    assert archive.write(path, "T", TREE) == first
    assert archive.write(path, "S", TREE) != first
    assert archive.write(path, "T", {**TREE, "flags": np.array([[True, True]])}) != first


def test_other_programs_can_read_it(path):
    archive.write(path, "T", TREE)
    found = safetensors.numpy.load_file(path)
    assert set(found) == {"bank", "layers.array", "layers.map.tuple", "flags"}
    np.testing.assert_array_equal(found["bank"], TREE["bank"])
    with safetensors.safe_open(path, "np") as file:
        assert set(json.loads(file.metadata()["adviz"])) == {"format", "kind", "shapes", "content"}


def test_every_array_begins_at_a_multiple_of_its_numbers_size(path):
    archive.write(path, "T", {code: np.ones(3, dtype) for code, dtype in TYPES.items()})
    with path.open("rb") as file:
        found = header.read_header(file)
    assert len(found.text) % 8 == 0
    assert all(entry.begin % entry.dtype.itemsize == 0 for entry in found.entries)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.lists(inner).map(tuple) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
KINDS = st.sampled_from(
    [dtype for dtype in CODES if dtype.kind != "b"]
    + [np.dtype(">f4"), np.dtype(">i8"), np.dtype("?")]
)
ARRAYS = KINDS.flatmap(
    lambda dtype: arrays_of.arrays(
        dtype, arrays_of.array_shapes(min_dims=0, max_dims=4, min_side=0)
    )
)


@settings(max_examples=25, deadline=None, derandomize=True, database=None)
@given(
    tree=st.dictionaries(
        st.text(max_size=8), VALUES | ARRAYS | st.dictionaries(st.text(max_size=3), ARRAYS)
    )
)
def test_saved_is_loaded(tree):
    with tempfile.TemporaryDirectory() as folder:
        digest = archive.write(Path(folder) / "x", "T", tree)
        found = archive.read(Path(folder) / "x", "T", digest=digest).content
    little = {
        name: value.astype(value.dtype.newbyteorder("<"))
        if isinstance(value, np.ndarray)
        else value
        for name, value in tree.items()
    }
    for name, value in little.items():
        if isinstance(value, dict):
            little[name] = {
                key: one.astype(one.dtype.newbyteorder("<")) if isinstance(one, np.ndarray) else one
                for key, one in value.items()
            }
    same(found, little)


def test_views_in_any_layout_are_written_as_they_read(path):
    base = np.arange(60, dtype=np.float32).reshape(3, 4, 5)
    tree = {
        "t": base.T,
        "s": base[::-1, ::2, ::-1],
        "f": np.asfortranarray(base[0]),
        "part": base[1:, 0],
    }
    archive.write(path, "T", tree)
    same(
        archive.read(path, "T").content,
        {name: np.ascontiguousarray(value) for name, value in tree.items()},
    )


def test_blocks_do_not_show(path, monkeypatch):
    rng = np.random.default_rng(0)
    tree = {
        "a": rng.normal(size=(7, 13)),
        "b": rng.normal(size=(50,)).astype(np.float32),
        "c": rng.normal(size=(1, 40)),
    }
    digest = archive.write(path, "T", tree)
    monkeypatch.setattr(files, "BLOCK", 64)
    assert archive.write(path, "T", tree) == digest
    same(archive.read(path, "T").content, tree)


def test_a_broadcast_view_takes_the_room_of_what_it_repeats(path):
    small = np.arange(10, dtype=np.int32).reshape(2, 1, 1, 5)
    wide = np.broadcast_to(small, (2, 50, 60, 5))
    archive.write(path, "T", {"wide": wide, "full": np.zeros((2, 50, 60, 5), np.int8)})
    assert path.stat().st_size < 2 * 50 * 60 * 5 + 1000
    np.testing.assert_array_equal(archive.read(path, "T").content["wide"], wide)
    archive.write(path, "T", {"wide": wide})  # alone nothing vouches for its size
    assert path.stat().st_size > wide.nbytes
    np.testing.assert_array_equal(archive.read(path, "T").content["wide"], wide)


def test_large_arrays_are_neither_copied_when_written_nor_in_memory_when_read(
    path, tmp_path, monkeypatch
):
    mapped = np.lib.format.open_memmap(tmp_path / "features.npy", "w+", np.float32, (64, 2**16))
    mapped[:] = np.arange(64)[:, None]
    monkeypatch.setattr(files, "BLOCK", 2**20)
    tracked = python(
        f"""
        import tracemalloc, numpy as np
        from adviz import archive
        from adviz._support.archive import files
        files.BLOCK, files.IN_MEMORY = 2**20, 2**20
        mapped = np.load({str(tmp_path / "features.npy")!r}, mmap_mode="r")
        tracemalloc.start()
        archive.write({str(path)!r}, "T", {{"mapped": mapped, "turned": mapped.T}})
        found = archive.read({str(path)!r}, "T").content
        print(tracemalloc.get_traced_memory()[1], isinstance(found["mapped"], np.memmap))
        print((found["turned"] == mapped.T).all())
        found["mapped"][:] = 7
        print((archive.read({str(path)!r}, "T").content["mapped"] == mapped).all())
        """
    )
    most, *facts = tracked.split()
    assert int(most) < 8 * 2**20  # of 2 x 16 MiB
    assert facts == ["True", "True", "True"]


def python(code):
    import textwrap

    result = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


@pytest.mark.parametrize(
    "value",
    [
        np.array([None]),
        np.array(["a"]),
        np.array([1j]),
        {1, 2},
        {1: 2},
        object(),
        b"bytes",
        np.array([1], "M8[s]"),
    ],
    ids=lambda value: type(value).__name__ + str(getattr(value, "dtype", "")),
)
def test_what_has_no_place_in_a_file_is_refused_and_leaves_none(path, value):
    with pytest.raises(
        TypeError, match=r"expected numbers, texts, arrays of numbers.* as inner\.thing"
    ):
        archive.write(path, "T", {"inner": {"thing": value}})
    assert list(path.parent.iterdir()) == []


def test_more_facts_than_a_header_holds_are_refused(path):
    with pytest.raises(ValueError, match="at most 16777216 bytes beside the arrays"):
        archive.write(path, "T", {"text": "x" * 2**24})
    assert list(path.parent.iterdir()) == []


# ---- damage by accident


def test_every_flipped_byte_is_refused(path):
    archive.write(path, "T", SMALL)
    whole = path.read_bytes()
    for place in range(len(whole)):
        for mask in (0x01, 0x20):  # 0x20 turns a letter's case
            damaged = bytearray(whole)
            damaged[place] ^= mask
            path.write_bytes(damaged)
            refused(path, "expected a saved T in")


def test_every_truncation_and_every_longer_file_is_refused(path):
    archive.write(path, "T", SMALL)
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        refused(path, "truncated")
    for more in (b"\0", b" ", whole):
        path.write_bytes(whole + more)
        refused(path, "longer than announced")


def test_the_digest_that_was_kept_elsewhere_is_demanded(path):
    digest = archive.write(path, "T", TREE)
    archive.write(path, "T", {**TREE, "flags": np.array([[False, False]])})  # whole, and another's
    refused(path, "another file than the one asked for", digest=digest)
    archive.read(path, "T")


def test_a_file_that_shrinks_while_it_is_read_is_refused(path, monkeypatch):
    archive.write(path, "T", {"x": np.zeros(10**5)})  # more than is read ahead
    read_header = files.read_header

    def shrinking(file):
        found = read_header(file)
        os.truncate(path, path.stat().st_size - 4)
        return found

    monkeypatch.setattr(files, "read_header", shrinking)
    refused(path, "became shorter")


# ---- other files, and those made by people


def pickled():
    class Evil:
        def __reduce__(self):
            return os.mkdir, ("executed",)

    return pickle.dumps(Evil())


def zipped():
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as inside:
        inside.writestr("data.pkl", b"x")
    return file.getvalue()


OTHERS = {
    "empty": (b"", "truncated or none"),
    "text": (b"hello, this is some text", "truncated or none"),
    "zip": (zipped(), "a zip file or a pickle, which adviz never opens"),
    "huge header": (
        (2**63).to_bytes(8, "little") + b"{}" * 8,
        "announce no header of up to 16777216 bytes",
    ),
    "header beyond the file": (
        (2**20).to_bytes(8, "little") + b"{}",
        "truncated: it announces a header of 1048576",
    ),
    "no header": (bytes(16), "no JSON"),
    "no JSON": ((4).to_bytes(8, "little") + b"\xff\xff\xff\xff", "no JSON"),
    "a list": ((2).to_bytes(8, "little") + b"[]", "a list where a JSON object"),
    "deep": ((200_000).to_bytes(8, "little") + b"[" * 200_000, "nested too deeply"),
    "twice": ((16).to_bytes(8, "little") + b'{"a": 1, "a": 2}', "a name comes twice"),
    "not a number": ((10).to_bytes(8, "little") + b'{"a": NaN}', "NaN is no number"),
    "too large a number": ((12).to_bytes(8, "little") + b'{"a": 1e999}', "1e999 is no number"),
    "no metadata": ((2).to_bytes(8, "little") + b"{}", "adviz did not write it"),
}


@pytest.mark.parametrize("name", OTHERS)
def test_other_files_are_refused(path, name):
    content, message = OTHERS[name]
    path.write_bytes(content)
    refused(path, message)
    assert archive.kind_of(path) == ""


def test_a_pickle_is_never_executed(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path.write_bytes(pickled())
    refused(path, "a zip file or a pickle, which adviz never opens")
    assert not (tmp_path / "executed").exists()


def test_other_peoples_safetensors_are_refused(path):
    safetensors.numpy.save_file({"x": np.zeros(2)}, path)
    refused(path, "adviz did not write it")
    safetensors.numpy.save_file({"x": np.zeros(2)}, path, {"adviz": "{}"})
    refused(path, "it names no format")


def test_what_is_no_file_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="expected a saved T, found no file at"):
        archive.read(tmp_path / "none", "T")
    refused(tmp_path, "no regular file")
    os.mkfifo(tmp_path / "pipe")
    refused(tmp_path / "pipe", "no regular file")  # and does not wait for ever
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    with pytest.raises((FileNotFoundError, OSError), match="loop"):
        archive.read(tmp_path / "loop", "T")


@pytest.mark.parametrize(
    ("version", "message"),
    [(2, "a newer adviz's; this one reads format 1: update adviz")]
    + [(version, "names no format") for version in (0, "1", None, True, 1.0)],
)
def test_another_version_says_what_to_do(path, version, message):
    archive.write(path, "T", TREE)
    rewritten(path, {"format": version})
    refused(path, message)


def test_an_older_format_says_what_to_do(path, monkeypatch):
    archive.write(path, "T", TREE)
    monkeypatch.setattr(header, "FORMAT", 2)
    refused(path, "of format 1, an older adviz's; this one reads format 2: make it again")


def test_another_kind_is_refused(path):
    archive.write(path, "PatchCore", TREE)
    refused(
        path, "it is a saved PatchCore: load it as that, or with adviz.load", kinds=["Result", "T"]
    )


def test_a_rewritten_file_is_read_so_that_the_cases_below_mean_something(path):
    archive.write(path, "T", TREE)
    rewritten(path)
    same(archive.read(path, "T").content, TREE)


def entry(**changes):
    return lambda head: {**head, "bank": {**head["bank"], **changes}}


CRAFTED = {
    "type": (entry(dtype="BF16"), "of the type 'BF16', which is not expected"),
    "object type": (entry(dtype="O"), "of the type 'O', which is not expected"),
    "no type": (entry(dtype=3), "of the type 3"),
    "shape": (entry(shape=[3, 5]), "not those of its shape"),
    "negative": (entry(shape=[-3, -4]), "no such shape"),
    "truth": (entry(shape=[True, 12]), "no such shape"),
    "not whole": (entry(shape=[3.0, 4.0]), "no such shape"),
    "overflow": (entry(shape=[2**62, 4]), "no such shape"),
    "enormous": (entry(shape=[2**40, 2**40]), "not those of its shape"),
    "text": (entry(shape="34"), "no such shape"),
    "many sides": (entry(shape=[1] * 17 + [12]), "no such shape"),
    "offsets": (entry(data_offsets=[0]), "no such shape or place"),
    "backwards": (entry(data_offsets=[48, 0]), "overlap with others"),
    "overlap": (
        lambda h: {**h, "flags": {**h["flags"], "data_offsets": [0, 2]}},
        "overlap with others",
    ),
    "shifted": (entry(data_offsets=[4, 48]), "overlap with others"),
    "hole": (entry(data_offsets=[16, 64]), "overlap with others"),
    "beyond": (
        lambda h: {**h, "z": {"dtype": "U8", "shape": [9], "data_offsets": [62, 71]}},
        "truncated",
    ),
    "unnamed": (
        lambda h: {**h, "z": {"dtype": "U8", "shape": [0], "data_offsets": [62, 62]}},
        "each of its arrays once",
    ),
    "missing": (lambda h: {n: e for n, e in h.items() if n != "flags"}, "longer than announced"),
    "more said": (entry(strides=[1]), "cannot be understood"),
    "nothing said": (lambda h: {**h, "bank": None}, "cannot be understood"),
}


@pytest.mark.parametrize("name", CRAFTED)
def test_a_header_that_lies_is_refused(path, name):
    archive.write(path, "T", TREE)
    change, message = CRAFTED[name]
    rewritten(path, entries=change)
    refused(path, message)


ABOUT = {
    "an array twice": (
        {"content": {"a": {"array": "bank"}, "b": {"array": "bank"}}},
        "each of its arrays once",
    ),
    "an array that is not there": ({"content": {"a": {"array": "none"}}}, "which means nothing"),
    "an unknown word": ({"content": {"a": {"tuple": 3}}}, "which means nothing"),
    "an unknown number": ({"content": {"a": {"float": "one"}}}, "which means nothing"),
    "two words": ({"content": {"a": {"tuple": [], "array": "bank"}}}, "which means nothing"),
    "no contents": ({"content": [1]}, "does not say what it is"),
    "not even a dictionary": ({"content": {"tuple": []}}, "each of its arrays once"),
    "no kind": ({"kind": ["T"]}, "does not say what it is"),
    "more": ({"code": "import os"}, "does not say what it is"),
    "a shape of nothing": ({"shapes": {"none": [3]}}, "the shape it gives for none is none"),
    "a shape of text": ({"shapes": {"bank": "ab"}}, "the shape it gives for bank is none"),
    "a shape that does not fit": ({"shapes": {"bank": [3, 5]}}, "expected a saved T"),
    "a shape too large": ({"shapes": {"flags": [1000, 2]}}, "larger than every array in it"),
    "a shape beyond all": ({"shapes": {"layers.map.tuple": [2**40]}}, "the shape it gives for"),
}


@pytest.mark.parametrize("name", ABOUT)
def test_contents_that_lie_are_refused(path, name):
    archive.write(path, "T", TREE)
    change, message = ABOUT[name]
    rewritten(path, change)
    refused(path, message)


def test_truth_values_are_0_or_1(path):
    archive.write(path, "T", {"flags": np.array([True, False])})
    rewritten(path, data=b"\x01\x02")
    refused(path, "truth values other than 0 and 1")


# ---- a save that fails


def test_a_full_disk_leaves_what_was_there(path, monkeypatch):
    archive.write(path, "T", TREE)
    before = path.read_bytes()

    def full(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(
        OSError, match=r"expected to write a T to .*No space left.*has room"
    ) as caught:
        archive.write(path, "T", {"x": np.zeros(3)})
    assert caught.value.errno == errno.ENOSPC
    assert (path.read_bytes(), [file.name for file in path.parent.iterdir()]) == (
        before,
        [path.name],
    )


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs Linux' /dev/full")
def test_a_disk_that_is_full_in_the_middle_of_an_array(path, monkeypatch):
    """The kernel itself refuses the bytes: the file is /dev/full under another name."""
    located = storage._locked_file

    def on_a_full_disk(folder, prefix):
        part, file = located(folder, prefix)
        file.close()
        return part, open("/dev/full", "r+b", buffering=0)

    monkeypatch.setattr(storage, "_locked_file", on_a_full_disk)
    with pytest.raises(OSError, match="No space left on device") as caught:
        archive.write(path, "T", {"x": np.zeros(10**6)})
    assert caught.value.errno == errno.ENOSPC
    assert list(path.parent.iterdir()) == []


def test_ctrl_c_leaves_what_was_there(path, monkeypatch):
    archive.write(path, "T", TREE)

    def interrupted(_):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        archive.write(path, "T", {"x": np.zeros(3)})
    monkeypatch.undo()
    same(archive.read(path, "T").content, TREE)
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_folders_that_are_not_there_or_read_only_are_an_error(tmp_path, monkeypatch):
    with pytest.raises(
        FileNotFoundError, match=r"expected to write a T to .*choose a folder that is there"
    ):
        archive.write(tmp_path / "none" / "file", "T", TREE)
    with pytest.raises(IsADirectoryError, match=r"expected to write a T to .*got a folder"):
        archive.write(tmp_path, "T", TREE)

    def read_only(*_):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(storage, "_locked_file", read_only)  # root may write everywhere
    with pytest.raises(PermissionError, match=r"expected to write a T to .*Permission denied"):
        archive.write(tmp_path / "file", "T", TREE)
    assert list(tmp_path.iterdir()) == []


def test_leftovers_go_and_other_peoples_files_stay(path):
    archive.write(path, "T", TREE)
    dead = path.parent / f".adviz-{storage.zlib.crc32(path.name.encode()):08x}.{'0' * 32}.part"
    kept = [
        path.parent / "film.part",
        path.parent / f"{'0' * 32}.part",
        path.parent / f".adviz-00000000.{'0' * 32}.part",
    ]
    for file in (dead, *kept):
        file.write_text("half")
    archive.write(path, "T", TREE)
    assert not dead.exists()
    assert all(file.exists() for file in kept)


@pytest.mark.parametrize("name", ["with space", "ünï", "a" * 255, "-rf", "new\nline"])
def test_any_name_will_do(tmp_path, name):
    archive.write(tmp_path / name, "T", TREE)
    same(archive.read(tmp_path / name, "T").content, TREE)


@pytest.mark.parametrize(("what", "said"), [("killed", "steps"), ("racing", "40 reads")])
def test_a_file_is_whole_whoever_dies_or_races(tmp_path, what, said):
    script = Path(__file__).with_name("killed_saving.py")
    result = subprocess.run(
        [sys.executable, script, what, tmp_path], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    assert said in result.stdout


# ---- small JSON files


def test_a_document_comes_back_and_a_change_is_seen(tmp_path):
    path = tmp_path / "notes.json"
    digest = archive.write_json(path, {"a": [1, 2.5, None, "ü"]})
    assert archive.read_json(path, "notes") == ({"a": [1, 2.5, None, "ü"]}, digest)
    text = path.read_text()
    # Order and spacing are free
    path.write_text(json.dumps({"digest": digest, "a": [1, 2.5, None, "ü"]}))
    assert archive.read_json(path, "notes")[1] == digest
    path.write_text(text.replace("2.5", "2.6"))
    with pytest.raises(ValueError, match=r"expected notes as JSON in .*digest differs"):
        archive.read_json(path, "notes")
    with pytest.raises(ValueError, match='content without "digest"'):
        archive.write_json(path, {"digest": 1})
    with pytest.raises(ValueError, match="not JSON compliant"):
        archive.write_json(path, {"a": float("nan")})
    with pytest.raises(FileNotFoundError, match="expected a saved notes"):
        archive.read_json(tmp_path / "none", "notes")


# ---- dataclasses


@dataclass(frozen=True)
class Inner:
    values: np.ndarray
    name: str = "x"


@dataclass(frozen=True)
class Outer:
    number: float
    count: int
    choice: Literal["a", "b"]
    pair: tuple[int, int]
    inner: dict[str, Inner]
    maybe: np.ndarray | None = None


OUTER = Outer(0.5, 2, "a", (1, 2), {"i": Inner(np.arange(3))})


def test_a_dataclass_comes_back():
    found = archive.typed(Outer, archive.parts(OUTER))
    assert isinstance(found.inner["i"], Inner)
    assert archive.parts(OUTER)["inner"]["i"]["values"] is OUTER.inner["i"].values
    same(archive.parts(found), archive.parts(OUTER))


@pytest.mark.parametrize(
    "change",
    [
        {"number": "a"},
        {"number": True},
        {"count": 1.0},
        {"count": True},
        {"choice": "c"},
        {"pair": (1, 2, 3)},
        {"pair": (1, "b")},
        {"inner": [1]},
        {"inner": {"i": {"values": [1], "name": "x"}}},
        {"inner": {"i": 3}},
        {"maybe": 3},
    ],
    ids=repr,
)
def test_a_value_of_another_type_is_refused(change):
    with pytest.raises(TypeError, match=r"expected (Outer|Inner)\.\w+.* as "):
        archive.typed(Outer, {**archive.parts(OUTER), **change})


def test_other_names_are_refused():
    for content in ({}, {**archive.parts(OUTER), "more": 1}, 3):
        with pytest.raises((ValueError, TypeError)):
            archive.typed(Outer, content)


def test_lists_are_tuples_and_integers_are_floats():
    assert records.is_of_type([1, 2], tuple[int, ...])
    assert records.is_of_type(3, float)
    assert not records.is_of_type(False, int | None)
    assert not records.is_of_type(1, Literal[True])
