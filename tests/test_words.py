"""Labels that people see use the words of docs/glossary.md.

The labels are collected from the source: every string that is no docstring, no key of a mapping, no
CSS class, style or HTML tag, and no name in the program such as "full_recall". So a message that is
put together from several strings is seen in its pieces, and a label that comes from another room is
not seen.
"""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
GLOSSARY = ROOT / "docs" / "glossary.md"
FOLDERS = ("adviz/explore", "adviz/plots", "adviz/app/report")
# Phrases in which a forbidden word has another meaning, and files in which it has
ALLOWED_PHRASES = ("covering radius", "mixed precision")
ALLOWED_FILES = {
    # A table has cells
    "cell": ("adviz/explore/tables/", "adviz/plots/table.py"),
    "cells": ("adviz/explore/tables/", "adviz/plots/table.py"),
}
TAG = re.compile(r"<[^>]*>?")
# One word in small letters with none of a sentence's signs: a key, an option or a class, no label
CODE = re.compile(r"[a-z0-9]*[_-][a-z0-9_-]*|[\w-]+:[^ ].*")


def forbidden_words(page):
    """Return {forbidden word: term} of the tables with a column "instead of"."""
    words = {}
    has_column = False
    for line in page.splitlines():
        columns = [column.strip() for column in line.strip("| ").split(" | ")]
        if not line.startswith("|"):
            has_column = False
        elif columns[-1].rstrip(" |") == "instead of":
            has_column = True
        elif has_column and not line.startswith("|--"):
            instead = line.strip().strip("|").split("|")[-1].strip()
            words |= {word.strip(): columns[0] for word in instead.split(",") if word.strip()}
    return words


def labels(source):
    """Yield (line, text) of the strings in a module that people may see."""
    tree = ast.parse(source)
    hidden = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            hidden.add(node.value)  # a docstring
        elif isinstance(node, ast.Dict):
            hidden.update(key for key in node.keys if key is not None)
        elif isinstance(node, ast.Subscript):
            hidden.update(ast.walk(node.slice))
        elif isinstance(node, ast.Compare):
            hidden.update(ast.walk(node))  # compared with a key or an option
        elif isinstance(node, ast.Call):
            hidden.update(not_shown(node))
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if any(
                isinstance(target, ast.Name) and target.id in ("__all__", "STATE")
                for target in targets
            ):
                hidden.update(ast.walk(node))
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in hidden:
            yield node.lineno, TAG.sub(" ", node.value)


def not_shown(call):
    """Yield the arguments of a call that name a class, a key or an attribute."""
    name = ast.unparse(call.func).split(".")[-1]
    traits = {"observe", "default", "validate"}
    if name in {"add_class", "remove_class", "getattr", "setattr", "hasattr", "get", *traits}:
        yield from call.args
    elif name in {"labelled", "linked", "_through", "value_of", "_choice", "_button", "_dropdown"}:
        # The second argument is the name, or the first
        yield from (argument for argument in call.args[:2] if isinstance(argument, ast.Constant))


def wrong_words(source, forbidden, file=""):
    """Yield "line: word in text" for every label with a forbidden word."""
    for line, text in labels(source):
        if CODE.fullmatch(text):
            continue
        checked = text
        for phrase in ALLOWED_PHRASES:
            checked = checked.replace(phrase, "")
        for word, term in forbidden.items():
            if file.startswith(ALLOWED_FILES.get(word, "\0")):
                continue
            # A capital letter is a symbol; other words are found at the start of a sentence, too
            flags = 0 if word.isupper() else re.IGNORECASE
            if re.search(rf"(?<![\w-]){re.escape(word)}(?![\w-])", checked, flags):
                yield f"{line}: {word!r} in {text!r}, say {term!r}"


FORBIDDEN = forbidden_words(GLOSSARY.read_text(encoding="utf-8"))


def test_the_glossary_has_the_words_of_the_design():
    assert {"budget", "wall", "flagged", "share", "cell", "judge", "mix", "join"} <= set(FORBIDDEN)
    assert FORBIDDEN["budget"] == "coreset size"
    assert FORBIDDEN["K"] == "nearest neighbours"


@pytest.mark.parametrize("folder", FOLDERS)
def test_labels_use_the_words_of_the_glossary(folder):
    broken = []
    for file in sorted((ROOT / folder).rglob("*.py")):
        name = file.relative_to(ROOT).as_posix()
        for problem in wrong_words(file.read_text(encoding="utf-8"), FORBIDDEN, name):
            broken.append(f"{name}:{problem}")
    assert broken == []


def test_the_page_of_the_report_uses_the_words_of_the_glossary():
    page = (ROOT / "adviz/app/report/page.html.jinja").read_text(encoding="utf-8")
    text = re.sub(r"<style>.*?</style>|{[%{].*?[%}]}|<[^>]*>", " ", page, flags=re.DOTALL)
    assert list(wrong_words(repr(text).join(["x = ", ""]), FORBIDDEN)) == []


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ('button = widgets.Button(description="budget")', ["budget"]),
        ('text = f"<b>{count}</b> images flagged"', ["flagged"]),
        ('title = "Wall of errors"', ["wall"]),
        ('text = f"K = {k}"', ["K"]),
        ('raise ValueError("expected a cell")', ["cell"]),
        ('radius = "covering radius"', []),
        ('"""A docstring about the budget."""', []),
        ('row = {"flagged": "yes"}', []),
        ('widget.add_class("adviz-budget-line")', []),
        ("html = \"<div class='wall'>text</div>\"", []),
        ('options["join"]', []),
        ('text = "walls"', ["walls"]),
    ],
)
def test_a_forbidden_word_is_found_in_labels_alone(source, words):
    found = [problem.split("'")[1] for problem in wrong_words(source, FORBIDDEN)]
    assert found == words


def test_cells_of_tables_are_allowed():
    source = 'text = "run this cell"'
    assert list(wrong_words(source, FORBIDDEN, "adviz/explore/tables/view.py")) == []
    assert list(wrong_words(source, FORBIDDEN, "adviz/explore/layers/view.py")) != []
