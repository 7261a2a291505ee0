"""docs/reliability.md: every entry is numbered, different from the others, and held by tests that
exist.
"""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
ENTRY = re.compile(r"\| (\d+) \| (.+) \| (.+) \| (.+) \|")
TEST = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`( \(soak\))?")


def entries(text):
    """Return (number, fault, outcome, tests) of every line of the tables; a test is (file, name,
    marked as soak).
    """
    found = [match.groups() for line in text.splitlines() if (match := ENTRY.fullmatch(line))]
    return [
        (
            int(number),
            fault,
            outcome,
            [(file, name, bool(soak)) for file, name, soak in TEST.findall(tests)],
        )
        for number, fault, outcome, tests in found
    ]


@cache
def functions(file):
    """Return the tests of a file: name -> whether it, or the file, belongs to the soak."""
    path = ROOT / file
    if not path.is_file():
        return {}
    tree = ast.parse(path.read_text())
    whole = [
        node
        for node in tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "pytestmark"
    ]
    soak = any("soak" in ast.unparse(node.value) for node in whole)
    found = [
        node
        for node in tree.body
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    ]
    return {
        one.name: soak or any("mark.soak" in ast.unparse(mark) for mark in one.decorator_list)
        for one in found
    }


def faults(text):
    """Return what is wrong with a page."""
    found, wrong = entries(text), []
    lines = [
        line for line in text.splitlines() if line.startswith("| ") and re.match(r"\| \d", line)
    ]
    if len(lines) != len(found):
        wrong.append(f"{len(lines)} lines of tables, of which {len(found)} are entries")
    if [number for number, *_ in found] != list(range(1, len(found) + 1)):
        wrong.append("the numbers have gaps or repeat")
    named = [fault for _, fault, *_ in found]
    wrong += [f"{fault!r} comes twice" for fault in set(named) if named.count(fault) > 1]
    for number, _, _, tests in found:
        if not tests:
            wrong.append(f"{number} names no test")
        for file, name, soak in tests:
            if name not in functions(file):
                wrong.append(f"{number}: there is no {file}::{name}")
            elif functions(file)[name] != soak:
                wrong.append(
                    f"{number}: {name} {'is no soak test' if soak else 'is a soak test and not marked so'}"
                )
    return wrong


PAGE = (ROOT / "docs" / "reliability.md").read_text()


def test_every_entry_is_held_by_a_test():
    assert faults(PAGE) == []
    assert len(entries(PAGE)) >= 100
    tests = {test for *_, found in entries(PAGE) for test in found}
    assert len(tests) >= 60


BAD = {
    "| 1 | a | b | `tests/test_reliability.py::test_of_nothing` |": "1: there is no",
    "| 1 | a | b | `tests/test_nothing.py::test_a` |": "1: there is no",
    "| 1 | a | b | nothing |": "1 names no test",
    "| 2 | a | b | `tests/test_reliability.py::test_every_entry_is_held_by_a_test` |": "the numbers",
    "| 1 | a | `tests/test_reliability.py::test_every_entry_is_held_by_a_test` |": "1 lines of tables, of which 0",
    "| 1 | a | b | `tests/test_reliability.py::test_every_entry_is_held_by_a_test` (soak) |": "1: test_every",
}


@pytest.mark.parametrize("text", BAD)
def test_a_wrong_entry_is_noticed(text):
    assert any(one.startswith(BAD[text]) for one in faults(text))


def test_a_soak_test_that_is_not_marked_is_noticed():
    (line,) = [
        line for line in PAGE.splitlines() if "test_killed_while_training_at_any_time" in line
    ]
    assert any(
        "is a soak test and not marked so" in one for one in faults(line.replace(" (soak)", ""))
    )


def test_an_entry_that_comes_twice_is_noticed():
    line = "| {} | a | b | `tests/test_reliability.py::test_every_entry_is_held_by_a_test` |"
    assert faults(f"{line.format(1)}\n{line.format(2)}") == ["'a' comes twice"]
