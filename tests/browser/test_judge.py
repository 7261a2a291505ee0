"""The page that `adviz judge` writes, opened as somebody who has the file alone."""

import numpy as np
import pytest
from pages import opened_file
from playwright.sync_api import expect

from adviz import PatchCore
from adviz.app import cli
from adviz.app.learned import learn
from sorted_nuts import copy_nuts


@pytest.fixture(scope="module")
def judged(tmp_path_factory):
    """Return what was learned, and the page of a photograph."""
    folder = tmp_path_factory.mktemp("judged")
    nuts = copy_nuts(folder / "nuts", n_good=12, n_bad=1)
    learned = learn(nuts, detector=PatchCore(coreset=0.05)).save(folder / "nut.adviz")
    photograph = str(nuts / "bad" / "nut 00.png")
    options = ["--with", str(folder / "nut.adviz"), "--to", str(folder / "out")]
    assert cli.main(["judge", photograph, *options]) == 0
    return learned, nuts / "bad" / "nut 00.png", folder / "out" / "nut 00.png.html"


@pytest.mark.parametrize("width", [1280, 600])
def test_the_page_says_the_verdict_and_answers_a_click(chromium, judged, width):
    learned, photograph, page = judged
    prediction = learned.predict(photograph)
    word = "anomalous" if learned.threshold.is_anomalous(prediction)[0] else "good"
    with opened_file(chromium, page, width=width) as opened:
        explorer = opened.explorer()
        expect(explorer.locator(".av-status")).to_contain_text(f"predicted {word}")
        canvas = explorer.locator("canvas.av-picture-canvas")
        readout = explorer.locator(".av-readout").first
        row, column = np.unravel_index(np.argmax(prediction.anomaly_map[0]), (224, 224))
        expect(readout).to_contain_text(f"row {row}, column {column}")
        side = canvas.bounding_box()["width"]
        canvas.click(position={"x": 60.5 * side / 224, "y": 100.5 * side / 224})
        expect(readout).to_contain_text("row 100, column 60")
        # Whose pictures come out of the learned file
        expect(explorer.get_by_text("nearest", exact=True).first).to_be_visible()
        assert opened.wider() == 0
