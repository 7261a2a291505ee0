"""An image that changes step by step: slider, rule and keys move it, its maps follow."""

import numpy as np
import pytest
from driving import Driven, Exported
from pages import axe, opened_file
from playwright.sync_api import expect

from adviz import Prediction, explore


@pytest.fixture
def file(tmp_path):
    maps = np.zeros((3, 64, 64), np.float32)
    maps[[0, 1, 2], 10, [10, 20, 30]] = [1, 2, 5]
    found = Prediction(score=maps.max((1, 2)), anomaly_map=maps, detector="PaDiM")
    images = np.random.default_rng(0).integers(0, 255, (3, 64, 64, 3), dtype=np.uint8)
    view = explore.series([0, 2, 4], images, {"PaDiM": found}, {"PaDiM": 2.0}, name="pixels")
    return view.export(tmp_path / "series.html")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_slider_rule_and_keys_go_to_a_step(chromium, file, scheme):
    with opened_file(chromium, file, scheme=scheme) as page:
        driven = Driven(page.explorer(), Exported(page.browser))
        good = "pixels: 0 · PaDiM 0.50 times its threshold, predicted good"
        expect(driven.status).to_have_text(good)
        driven.press("ArrowRight", driven.find(".av-step input"))
        driven.becomes(value=2)
        driven.press("End", driven.find(".av-threshold"))
        driven.becomes(value=4)
        bad = "pixels: 4 · PaDiM 2.50 times its threshold, predicted anomalous"
        expect(driven.status).to_have_text(bad)
        expect(driven.find(".av-tile-lines").last).to_have_text(bad.split("PaDiM ")[1])
        driven.press("[", driven.find(".av-threshold"))
        driven.becomes(value=2)
        driven.find(".av-tile canvas").last.click(position={"x": 30, "y": 30})
        expect(driven.find(".av-tile-cross").last).to_be_visible()
        found = axe(page.browser)
        assert found == [], "\n".join(found)


@pytest.mark.parametrize("width", [320, 900])
def test_it_fits(chromium, file, width):
    with opened_file(chromium, file, width=width) as page:
        assert page.wider() <= 0
