"""The page that `adviz.report` writes, opened as a colleague opens a file from a mail."""

import numpy as np
import pytest

import adviz
from adviz import Prediction, data


@pytest.fixture(scope="module")
def page_file(tmp_path_factory):
    category = data.demo("hex_nut")
    rng = np.random.default_rng(0)
    labels = category.test.labels
    maps = rng.random((len(labels), *category.test.image_size), np.float32)
    found = Prediction(labels + rng.random(len(labels)), maps, detector="A")
    return adviz.report(
        category, {"A": found, "B": found}, tmp_path_factory.mktemp("report") / "report.html"
    )


@pytest.mark.parametrize(("theme", "width"), [("light", 1280), ("dark", 1280), ("light", 400)])
def test_the_report_opens_without_errors_and_without_the_network(chromium, page_file, theme, width):
    page = chromium.new_page(viewport={"width": width, "height": 900}, color_scheme=theme)
    told, asked = [], []
    page.on("console", lambda message: told.append(message.text))
    page.on("pageerror", lambda error: told.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(page_file.as_uri())
    assert page.evaluate(
        "Array.from(document.images).every(image => image.complete && image.naturalWidth > 0)"
    )
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.get_by_text("All scores").first.click()
    page.locator("summary", has_text="46 images").click()
    assert page.locator("#scores + details tr").count() == 47
    # the explorer answers: a row of the table opens its image, and pictures of it are for print
    page.locator("tr[data-image='20']").click()
    page.wait_for_function("adviz.models[0].get('image') === 20", timeout=5000)
    assert page.locator("main .av-explorer .av-picture canvas").is_visible()
    assert not page.get_by_text("every test image at its score").first.is_visible()
    page.emulate_media(media="print")
    assert page.get_by_text("every test image at its score").first.is_visible()
    assert not page.locator("main").is_visible()
    page.close()
    assert told == []
    assert [url for url in asked if not url.startswith(("file:", "data:", "blob:"))] == []


def test_without_scripts_it_is_readable(chromium, page_file):
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(page_file.as_uri())
    assert page.get_by_text("every test image at its score").first.is_visible()
    assert page.locator("figure img").first.is_visible()
    assert not page.locator("#explorer").is_visible()
    context.close()
