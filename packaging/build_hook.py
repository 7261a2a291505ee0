"""Puts the notebooks into the wheel, their pictures stored smaller than in the repository.

The JPEG pictures of the explorers are most of what the notebooks weigh (8 of 13 MB). In the wheel
they have fewer pixels and a lower quality; texts, tables and charts are untouched, and the source
distribution has the notebooks as they are.
"""

from __future__ import annotations

import base64
import io
import json
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from PIL import Image

QUALITY = 60  # of a JPEG; hard to tell from the 90 of the repository
WIDTH = 1000  # pixels at most; the repository's have 1200
PICTURE = "image/jpeg"


class NotebooksHook(BuildHookInterface):  # type: ignore[type-arg]
    """A build hook of hatchling for the target wheel."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Write the smaller notebooks to a temporary folder, and have them packed from there."""
        if version == "editable":  # it uses the repository's own
            return
        self.folder = tempfile.TemporaryDirectory(prefix="adviz-notebooks-")
        for path in sorted(Path(self.root, "notebooks").glob("*.ipynb")):
            smaller = Path(self.folder.name, path.name)
            smaller.write_text(with_smaller_pictures(path.read_text("utf-8")), "utf-8")
            build_data["force_include"][str(smaller)] = f"adviz/notebooks/{path.name}"
        build_data["force_include"]["notebooks/solutions.md"] = "adviz/notebooks/solutions.md"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Remove the temporary folder."""
        if version != "editable":
            self.folder.cleanup()


def with_smaller_pictures(notebook: str) -> str:
    """Return a notebook's JSON with smaller JPEG pictures."""
    content = json.loads(notebook)
    for cell in content["cells"]:
        for output in cell.get("outputs", []):
            picture = output.get("data", {}).get(PICTURE)
            if picture is not None:
                output["data"][PICTURE] = _smaller("".join(picture))
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def _smaller(picture: str) -> str:
    """Return a JPEG file in base64 that is smaller, or as it is where none is."""
    with Image.open(io.BytesIO(base64.b64decode(picture))) as image:
        image.thumbnail((WIDTH, image.height), Image.Resampling.LANCZOS)
        file = io.BytesIO()
        image.save(file, "JPEG", quality=QUALITY, optimize=True, progressive=True)
    return min(base64.b64encode(file.getvalue()).decode(), picture, key=len)
