"""The Python code of README.md and of the pages that teach runs, block by block, and prints what
they say.
"""

import re
import shutil
import sys
from pathlib import Path
from types import ModuleType

import pytest

from adviz import data
from adviz.app.cli import main

ROOT = Path(__file__).resolve().parents[1]
PAGES = (
    "README.md",
    "docs/add-a-detector.md",
    "docs/cluster.md",
    "docs/explorers.md",
    "docs/interfaces.md",
    "docs/own-backbone.md",
    "docs/own-photographs.md",
    "docs/papers-tables.md",
    "docs/pro.md",
    "docs/report.md",
    "docs/scale.md",
    "docs/thresholds.md",
    "docs/when-it-fails.md",
    "docs/trace-a-number.md",
    "docs/units-of-good.md",
    "docs/what-a-score-is.md",
    "notebooks/solutions.md",
)
BLOCK = re.compile(r"^(<!-- not run: .+ -->\n)?```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
REGISTRATION = re.compile(r"from \.\w+ import (\w+) as \1\n")


def blocks(text):
    """Yield (line of the page, code, text up to the next block) of every block that is to be run.

    A comment above a block may deny it, and says why; a registration line is shown, not run.
    """
    every = list(BLOCK.finditer(text))
    ends = [found.start() for found in every[1:]] + [len(text)]
    for found, end in zip(every, ends, strict=True):
        if found[1] is None and not REGISTRATION.fullmatch(found[2]):
            yield text[: found.start(2)].count("\n"), found[2], text[found.end() : end]


def unsaid(printed, code, after):
    """Return the printed lines that stand neither in the code's comments nor in the text after it,
    in their order.
    """
    said, missing = "\n".join([line.partition("#")[2] for line in code.splitlines()] + [after]), []
    for line in filter(None, map(str.strip, printed.splitlines())):
        place = said.find(line)
        if place < 0:
            missing.append(line)
        else:
            said = said[place + len(line) :]
    return missing


def run(text, name, read):
    """Run a page's blocks in a module of their own; `read` returns what was printed since it was
    last called.
    """
    page = ModuleType(name)
    sys.modules[name] = page  # where classes defined in it are found again
    for line, code, after in blocks(text):
        read()
        exec(compile("\n" * line + code, name, "exec"), page.__dict__)  # noqa: S102
        missing = unsaid(read(), code, after)
        assert not missing, f"{name}, block at line {line}: prints {missing}, which it does not say"


@pytest.fixture
def read(capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ADVIZ_RESULTS", raising=False)
    yield lambda: capsys.readouterr().out
    for name in [name for name in sys.modules if name.startswith("page_")]:
        del sys.modules[name]


@pytest.mark.parametrize("page", PAGES)
def test_a_pages_code_runs_and_prints_what_it_says(page, read):
    file = ROOT / page
    text = file.read_text(encoding="utf-8")
    assert list(blocks(text))
    run(text, "page_" + re.sub(r"\W", "_", file.stem), read)


def test_registration_lines_that_pages_show_are_there():
    stub = (ROOT / "adviz" / "detectors" / "__init__.pyi").read_text()
    shown = [
        found[0]
        for page in PAGES
        # Fmt: skip
        for found in REGISTRATION.finditer((ROOT / page).read_text(encoding="utf-8"))
    ]
    assert shown
    assert all(line in stub for line in shown)


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("```python\n1 / 0\n```\n", ZeroDivisionError),
        ("```python\nx = 1\n```\n\n```python\nassert x == 2\n```\n", AssertionError),
        ("```python\nprint('two')\n# one\n```\n", AssertionError),
        ("```python\nprint('one')\nprint('two')\n# two\n# one\n```\n", AssertionError),
        ("```python\nprint('one')\n```\n\n```python\n1\n```\none", AssertionError),
    ],
)
def test_code_that_is_not_true_is_noticed(text, error, read):
    with pytest.raises(error):
        run(text, "page_wrong", read)


def test_a_block_is_left_out_only_with_a_reason(read):
    wrong, right = "```python\n1 / 0\n```\n", "```python\nprint('x\\ny', 2)  # x\n```\n| y 2 |"
    run(f"<!-- not run: needs a data set -->\n{wrong}{right}", "page_right", read)
    with pytest.raises(ZeroDivisionError):
        run(f"<!-- not run: -->\n{wrong}", "page_wrong", read)


def readme_commands():
    """Return the commands of the README's blocks, without what is said of them."""
    lines = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    return [line.partition("#")[0].split() for line in lines if re.match(r"(make|adviz) ", line)]


def test_what_the_readme_tells_make_to_do_are_targets():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    told = [words[1] for words in readme_commands() if words[0] == "make"]
    assert told
    assert all(f"\n{target}:" in makefile for target in told)


def test_the_readmes_commands_do_what_they_say(read, capsys):
    good = Path("my_part", "good")
    good.mkdir(parents=True)
    category = data.demo("hex_nut")
    for number in range(24):
        shutil.copy(category.train.paths[number], good / f"{number:02}.png")
    shutil.copy(category.test.paths[0], "photo.jpg")
    commands = [words[1:] for words in readme_commands() if words[0] == "adviz"]
    assert [words[0] for words in commands] == ["check", "learn", "judge", "new"]
    for words in commands:
        assert main(words) == 0, (words, capsys.readouterr())
    written = {file.name for file in Path().rglob("*") if file.is_file()}
    assert {"my_part.adviz", "my_part.ipynb", "photo.jpg.html", "photo.jpg.map.png"} <= written
