"""The page that `adviz judge` writes, opened as somebody who has the file alone."""

import numpy as np
import pytest
from pages import opened_file
from playwright.sync_api import expect

from adviz import PaDiM, PatchCore
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


def test_nothing_stands_on_the_page_that_does_nothing(chromium, judged):
    learned, photograph, page = judged
    with opened_file(chromium, page) as opened:
        explorer = opened.explorer()
        # One photograph and one detector: nothing to choose, to step through or to count
        expect(explorer.locator("select:visible")).to_have_count(1)  # how the map is drawn
        status = explorer.locator(".av-status")
        expect(status).to_contain_text(f"{photograph.name} · PatchCore · score")
        explorer.locator("button.av-help").click()
        listed = explorer.locator("aside.av-help dt:visible").all_inner_texts()
        assert listed == [
            "neighbours",
            "click on a neighbour or its bar",
            "click on the image",
            "Ctrl + wheel, pinch, + and -",
            "m, held",
            "right click, or ⋯",
            "Ctrl+Z, or ↶",
            "?",
        ]
        # The bar of colours begins where the photographs that were held out are usual
        low, high = learned.limits
        bar = explorer.locator(".av-limits input")
        least = float(bar.first.get_attribute("min"))
        most = float(bar.first.get_attribute("max"))
        assert least == pytest.approx(low)
        highest = learned.predict(photograph).anomaly_map.max()
        assert most == pytest.approx(max(high, highest), rel=1e-3)
        expect(explorer.locator(".av-scale-low")).to_have_text(f"{low:.2f}")
        bar.last.fill(str((least + most) / 2))
        expect(explorer.locator(".av-scale-high")).not_to_have_text(f"{high:.2f}")
        explorer.locator("button.av-scale-reset").click()
        expect(explorer.locator(".av-scale-low")).to_have_text(f"{low:.2f}")
        expect(explorer.locator(".av-scale-high")).to_have_text(f"{high:.2f}")


def test_the_menu_offers_a_chart_where_there_is_one(chromium, judged, tmp_path):
    _, photograph, page = judged
    padim = learn(photograph.parents[1], detector=PaDiM(dimension=20))  # it has no neighbours
    padim.why(photograph).export(tmp_path / "padim.html")
    for file, charts in ((page, 1), (tmp_path / "padim.html", 0)):
        with opened_file(chromium, file) as opened:
            explorer = opened.explorer()
            explorer.locator("button.av-menu").click()
            entries = explorer.locator("button.av-menu-item:visible")
            expect(entries.filter(has_text="chart")).to_have_count(charts)
            expect(entries.filter(has_text="numbers")).to_have_count(1)
