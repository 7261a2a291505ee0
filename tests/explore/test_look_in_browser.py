"""docs/visual-language.md, held to the explorers that draw themselves: their labels and colours."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
JAVASCRIPT = ROOT / "adviz/explore/js"
GUIDE = (ROOT / "docs/visual-language.md").read_text(encoding="utf-8")
CONTROL = re.compile(
    r'\b(?:select|slider|checkbox|button|textField|choice)\(\s*"[\w-]+",\s*"([^"]+)"'
)


def table(head):
    """Return the rows of the guide's table with this head, as lists of columns."""
    lines = GUIDE[GUIDE.index(head) :].split("\n\n")[0].splitlines()[2:]
    return [[text.strip() for text in line.strip("|").split("|")] for line in lines]


def test_every_control_has_a_label_of_the_guide():
    said = {
        text.strip() for row in table("| control in the browser |") for text in row[1].split(",")
    }
    files = JAVASCRIPT.glob("*.js")
    labels = {
        label for file in files for label in CONTROL.findall(file.read_text(encoding="utf-8"))
    }
    assert len(labels) > 20
    assert labels <= said
    # These are no controls of controls.js, but choices and buttons with a drawing
    drawn = {"all images", "errors", "false alarms", "missed", "reset", "hold to hide the map"}
    orders = {"score", "as stored", "disagreement of scores", "disagreement of maps"}
    assert said == labels | drawn | orders
    source = " ".join(file.read_text(encoding="utf-8") for file in JAVASCRIPT.glob("*.js"))
    for text in drawn | orders:
        assert f'"{text}"' in source, text


def test_every_colour_is_a_variable_of_the_guide():
    sheet = (JAVASCRIPT / "base.css").read_text(encoding="utf-8")
    named = {
        name
        for row in table("| variable | what it is of |")
        for name in re.findall(r"--\w+", row[0])
    }
    assert set(re.findall(r"^  (--\w+):", sheet, re.MULTILINE)) == named
