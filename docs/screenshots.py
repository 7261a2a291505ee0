"""Photograph explorers of the notebooks in JupyterLab for the README.

Run it after the notebooks: `.venv/bin/python docs/screenshots.py`.
"""

import sys
import tempfile
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "browser"))
from conftest import FLAGS, browser_path, opened  # noqa: E402
from lab_server import running_lab  # noqa: E402
from playwright.sync_api import sync_playwright  # noqa: E402

SHOTS = {
    "retrieval": ("02_spade_retrieval", 0),
    "coreset": ("03_patchcore_coreset", 0),
    "layers": ("06_layers", 0),
}
WIDTH = 1000  # pixels of the stored picture


def main() -> None:
    """Run the notebooks one after the other, and store a picture of one explorer of each."""
    with (
        tempfile.TemporaryDirectory() as folder,
        running_lab(Path(folder)) as lab,
        sync_playwright() as playwright,
        playwright.chromium.launch(executable_path=browser_path(), args=FLAGS) as browser,
    ):
        for name, (notebook, number) in SHOTS.items():
            with opened(lab, browser) as page:
                # The whole explorer on one screen
                page.browser.set_viewport_size({"width": 1280, "height": 1800})
                page.run_all(f"{notebook}.ipynb", seconds=600)
                page.browser.evaluate(
                    "() => window.jupyterapp.commands.execute('application:toggle-left-area')"
                )
                explorer = page.find(".jp-OutputArea-output:has(.adviz-status)").nth(number)
                explorer.scroll_into_view_if_needed()
                page.browser.wait_for_timeout(1000)  # pictures are decoded
                file = ROOT / "docs" / "images" / f"{name}.png"
                explorer.screenshot(path=file)
                with Image.open(file) as shot:
                    small = shot.convert("RGB").resize(
                        (WIDTH, WIDTH * shot.height // shot.width), Image.Resampling.LANCZOS
                    )
                small.save(file.with_suffix(".jpg"), quality=88)
                file.unlink()


if __name__ == "__main__":
    main()
