"""The run that judges the tests is judged itself: which faults it makes, and what it says of them."""

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.mutation.edits import edits_of, required_arguments, sample

REPOSITORY = Path(__file__).resolve().parents[2]


def edited(source):
    """Return operator -> the sources that its edits make."""
    found = {}
    for place in edits_of("code.py", source.encode()):
        for edit in place:
            found.setdefault(edit.operator, set()).add(edit.applied(source.encode()).decode())
    return found


@pytest.mark.parametrize(
    ("source", "operator", "expected"),
    [
        ("a = b < c", "comparison", {"a = (b <= c)"}),
        ("a = 0 < b <= c", "comparison", {"a = (0 <= b <= c)", "a = (0 < b < c)"}),
        ("a = b / 2**c", "arithmetic", {"a = (b * 2 ** c)", "a = b / (2 * c)"}),
        ("a = -b", "arithmetic", {"a = (b)"}),
        ("a = 3", "constant", {"a = 4", "a = 2"}),
        ("a = 2.0", "constant", {"a = 2.2"}),
        ("a = True", "constant", {"a = False"}),
        ("if not a:\n    b()", "not", {"if (a):\n    b()"}),
        ("if a:\n    b()", "negation", {"if (not (a)):\n    b()"}),
        ("a = b and c", "and/or", {"a = (b or c)"}),
        ("a = min(b, c)", "min/max", {"a = max(b, c)"}),
        ("a = f(b, c, d)", "arguments", {"a = f(b, d, c)"}),
        ("a = b.sum(axis=1)", "axis", {"a = b.sum(axis=0)"}),
        ("a = b.sum(axis=1)", "keyword", {"a = b.sum()"}),
        ("a = b[c:d]", "slice", {"a = b[:d]", "a = b[c:]"}),
        (
            "def f(a):\n    return a + b",
            "return",
            {"def f(a):\n    return None", "def f(a):\n    return a"},
        ),
        ("a.sort()", "statement", {"pass"}),
        ("a += b", "statement", {"pass"}),
        ("ä = (b  # c\n     + d)", "arithmetic", {"ä = ((b - d))"}),
    ],
)
def test_every_operator_makes_its_faults(source, operator, expected):
    assert edited(source)[operator] == expected


@pytest.mark.parametrize(
    "source",
    [
        '"""Doc 1."""',
        'raise ValueError(f"expected {1 + 1}")',
        "a: list[1]",
        "def __repr__(self):\n    return 1",
        "__all__ = [1]",
        'warnings.warn("a", stacklevel=3)'.replace("warnings.warn", "x = warnings.warn"),
        "a = zip(*b, strict=True)",
        "a = min(b, *c)",
    ],
)
def test_words_types_and_assertions_stay(source):
    assert set(edited(source)) <= {"min/max"}


def test_an_argument_without_a_default_is_not_dropped(tmp_path):
    (tmp_path / "a.py").write_text(
        "def f(a, *, b, c=1): ...\nclass D:\n    e: int\n    g: int = 1\n"
    )
    required = required_arguments(tmp_path.glob("*.py"))
    assert required == {"f": {"a", "b"}, "D": {"e"}}
    places = edits_of("b.py", b"x = f(a=y, b=y, c=y) or D(e=y, g=y)", required)
    dropped = [edit.text for place in places for edit in place if edit.operator == "keyword"]
    assert dropped == ["f(a=y, b=y)", "D(e=y)"]


@pytest.mark.parametrize("path", ["adviz/metrics/thresholds.py", "adviz/detectors/dn2.py"])
def test_every_fault_of_a_real_file_changes_its_meaning(path):
    source = (REPOSITORY / path).read_bytes()
    before = ast.dump(ast.parse(source))
    edits = [edit for place in edits_of(path, source) for edit in place]
    assert len(edits) > 20
    for edit in edits:
        assert ast.dump(ast.parse(edit.applied(source))) != before, edit


def test_swapped_arguments_that_are_the_same_are_no_fault():
    assert "arguments" not in edited("a = f(b, c, c)")


def test_a_sample_is_drawn_from_all_files_by_its_seed():
    places = {
        name: edits_of(name, b"a = 1\n" * count)
        for name, count in (("large", 90), ("small", 9), ("empty", 0))
    }
    drawn = sample(places, 33, seed=0)
    assert [edit.path for edit in drawn] == ["large"] * 30 + ["small"] * 3
    assert len({(edit.path, edit.start) for edit in drawn}) == 33
    assert sample(places, 33, seed=0) == drawn != sample(places, 33, seed=1)
    assert len(sample(places, 0, seed=0)) == 99


CODE = """

LIMIT = 3

def clipped(value):
    if value > LIMIT:
        value = LIMIT
    while value < 0:
        value += 1
    return value

def unseen(value):
    return value + 1


HALF = "." * (8 // 2)
"""
TESTS = """
import pytest
from adviz import clip

@pytest.fixture(scope="module")
def one():
    return clip.clipped(1)

def test_first(): assert clip.clipped(7) == 3
def test_shared(one): assert isinstance(one, int)
def test_shared_too(one): assert one == 1
def test_below(): assert clip.clipped(-2) == 0
"""
RUN = """
import json, pathlib
from tests.mutation.edits import edits_of
from tests.mutation.running import measured, outcomes
path = "adviz/clip.py"
places = edits_of(path, pathlib.Path(path).read_bytes())
first = {(edit.line, edit.operator): edit for place in places for edit in place[::-1]}
wanted = [(3, "constant"), (6, "comparison"), (9, "arithmetic"), (10, "return"), (13, "arithmetic"), (16, "arithmetic")]
edits = [first[place] for place in wanted]
tests = measured(["tests_of_clip"], [path])
found = [o for _, o in outcomes({"clip": edits}, tests, jobs=2, patience=4.0)]
print(json.dumps([[str(o.edit), o.by, o.test.partition("::")[2], o.tests] for o in found]))
"""


def test_what_the_run_says_of_faults_is_so(tmp_path):
    """A package with a test for all but two lines: what is killed, by what, what hangs and what
    nobody sees.
    """
    (tmp_path / "adviz").mkdir()
    (tmp_path / "adviz" / "__init__.py").touch()
    (tmp_path / "adviz" / "clip.py").write_text(CODE)
    (tmp_path / "tests_of_clip").mkdir()
    (tmp_path / "tests_of_clip" / "test_clip.py").write_text(TESTS)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    paths = os.pathsep.join([str(tmp_path), str(REPOSITORY)])
    done = subprocess.run(
        [sys.executable, "-c", RUN],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": paths, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    found = {
        edit.split(" in: ")[0]: rest for edit, *rest in json.loads(done.stdout.splitlines()[-1])
    }
    by = {edit.partition(":")[2].strip(): rest for edit, rest in found.items()}
    assert by == {
        "3 constant: 3  ->  4": ["test", "test_first", 4],  # on import: any test may see it
        # Is no fault: 3 is set to 3
        "6 comparison: value > LIMIT  ->  (value >= LIMIT)": ["survived", "", 4],
        "9 arithmetic: value += 1  ->  value -= 1": ["time", "", 1],
        "10 return: return value  ->  return None": [
            "test",
            by["10 return: return value  ->  return None"][1],
            4,
        ],
        "13 arithmetic: value + 1  ->  (value - 1)": ["survived", "", 0],
        "16 arithmetic: 8 // 2  ->  (8 / 2)": ["import", "", 4],
    }
