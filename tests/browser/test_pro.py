"""The PRO explorer, in JupyterLab and as an exported file: the FPR, the limit and the regions."""

import inspect
import re

import checks
import explorer_data
import pytest
from driving import Driven, Exported, Live
from lab_server import write_notebook
from pages import axe, opened_file
from playwright.sync_api import expect

from adviz import explore, metrics

CELL = "from adviz import explore\nview = explore.pro(categories, predictions)\nview"
# Where a curve of the background is, CSS pixels of the chart, away from the point and the limit
ON_A_CURVE = """chart => {
  const outer = chart.getBoundingClientRect();
  for (const path of [...chart.querySelectorAll('.av-thin')].reverse()) {
    const length = path.getTotalLength();
    for (let at = 0.1; at < 0.9; at += 0.05) {
      const { x, y } = path.getPointAtLength(at * length);
      const under = document.elementFromPoint(outer.left + x, outer.top + y);
      if (under && !under.closest('.av-threshold')) return { x, y };
    }
  }
}"""


@pytest.fixture(scope="module")
def view():
    return explore.pro(explorer_data.categories, explorer_data.predictions)


@pytest.fixture(scope="module")
def file(view, tmp_path_factory):
    return view.export(tmp_path_factory.mktemp("exported") / "pro.html")


@pytest.fixture(scope="module")
def exported(chromium, file):
    with opened_file(chromium, file) as page:
        yield page


@pytest.fixture(scope="module")
def live(lab, shared_page):
    write_notebook(lab.folder, "pro.ipynb", inspect.getsource(explorer_data), CELL)
    shared_page.run("pro.ipynb")
    return shared_page


@pytest.fixture(params=["exported", "live"])
def driven(request):
    page = request.getfixturevalue(request.param)
    place = Live(page.browser, "view") if request.param == "live" else Exported(page.browser)
    found = Driven(page.explorer(), place)
    found.complete()
    expect(found.find(".av-definitions")).to_be_visible()
    yield found
    found.reset()


def chart(driven):
    return driven.find("svg.av-curves")


def handle(driven, name):
    return driven.find(f'.av-curves .av-threshold[aria-label="{name}"]')


def drag(driven, grip, by):
    """Drag something by so many pixels of the screen."""
    grip.scroll_into_view_if_needed()
    box = grip.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    driven.page.mouse.move(x, y)
    driven.page.mouse.down()
    for step in range(1, 5):
        driven.page.mouse.move(x + by * step / 4, y)
    driven.page.mouse.up()


def test_regions_fill_up_as_the_rate_rises(driven):
    point = handle(driven, "false positive rate")
    driven.press("ArrowRight", point)
    driven.becomes(fpr=0.0201)
    expect(driven.status).to_contain_text(re.compile(r"FPR 0\.020\d, mean overlap 0\.\d{3}"))
    driven.redraws(lambda: drag(driven, driven.find(".av-line-point"), 60))
    driven.until(lambda: driven.state("fpr") > 0.03, "a higher FPR")
    driven.redraws(lambda: driven.press("Home", point))
    driven.becomes(fpr=0.0)
    driven.press("Control+z")
    driven.until(lambda: driven.state("fpr") > 0, "a rate before")


def test_the_limit_is_chosen_and_dragged(driven):
    driven.find('button[aria-label="limit: 0.05"]').click()
    driven.becomes(limit=0.05)
    expect(chart(driven)).to_contain_text("PRO up to 0.05")
    rule = handle(driven, "limit of PRO")
    driven.press("ArrowRight", rule)
    driven.becomes(limit=0.051)
    before = driven.find(".av-line-area").get_attribute("d")
    drag(driven, rule.locator(".av-grip"), -40)
    driven.until(lambda: driven.state("limit") < 0.045, "a lower limit")
    assert driven.find(".av-line-area").get_attribute("d") != before
    driven.find('button[aria-label="limit: 1"]').click()
    driven.becomes(limit=1)


@pytest.mark.parametrize("limit", [0.3, 0.05])
def test_the_numbers_are_those_of_the_metrics(driven, limit):
    driven.place.assign({"limit": limit})
    driven.becomes(limit=limit)
    maps = explorer_data.predictions["mesh"]["SPADE"].anomaly_map
    masks = explorer_data.categories["mesh"].test.masks_array()
    cards = driven.find(".av-definition")
    for number, name in enumerate(metrics.PRO_DEFINITIONS):
        expect(cards.nth(number)).to_contain_text(f"{metrics.pro(maps, masks, name, limit):.4f}")
    rows = driven.find(".av-regions tbody tr")
    integrals = sorted(metrics.region_curves(maps, masks, limit).integral)
    assert rows.count() == len(integrals)
    for row, integral in list(zip(rows.all(), integrals, strict=True))[::7]:
        expect(row.locator("td").nth(3)).to_have_text(f"{integral:.3f}")


def test_a_region_is_gone_to_framed_and_highlighted(driven):
    driven.place.assign({"defect": "good", "image": 0})
    driven.becomes(defect="good")
    driven.push("next-region")
    driven.until(lambda: driven.state("region") > 0, "a region")
    worst = driven.find(".av-regions tbody tr").first
    expect(worst).to_have_class(re.compile("av-chosen"))
    number, image = driven.state("region"), driven.state("image")
    expect(worst.locator("td").first).to_have_text(str(image + 1))
    driven.becomes(defect="all")
    expect(chart(driven)).to_contain_text(f"region {number}")
    driven.push("next-region")
    driven.until(lambda: driven.state("region") != number, "the next region")
    driven.find(".av-regions tbody tr button").first.click()
    driven.becomes(region=number, image=image)


def test_a_region_belongs_to_its_category(driven):
    driven.push("next-region")
    driven.until(lambda: driven.state("region") > 0, "a region")
    driven.choose("category", "hex_nut")
    driven.becomes(category="hex_nut", region=0)
    expect(driven.find(".av-definitions")).to_be_visible()


def test_regions_are_sorted_by_a_click_on_a_head(driven):
    driven.find(".av-regions thead button").filter(has_text="pixels").click()
    driven.becomes(region_order="area")
    areas = [int(text) for text in driven.find(".av-regions td:nth-child(3)").all_inner_texts()]
    assert areas == sorted(areas)


def test_a_click_on_a_curve_or_a_defect_chooses_its_region(driven):
    place = chart(driven).evaluate(ON_A_CURVE)
    chart(driven).click(position=place)
    driven.until(lambda: driven.state("region") > 0, "a region")
    driven.place.assign({"region": 0})
    driven.becomes(region=0)
    mask = explorer_data.categories["mesh"].test.mask(driven.state("image"))
    if mask is None or not mask.any():
        image = int(explorer_data.categories["mesh"].test.labels.argmax())
        driven.place.assign({"image": image})
        driven.becomes(image=image)
        driven.complete()
        mask = explorer_data.categories["mesh"].test.mask(image)
    row, column = (int(one) for one in sorted(zip(*mask.nonzero(), strict=True))[mask.sum() // 2])
    driven.pick(row, column)
    driven.becomes(picked=[row, column])
    driven.until(lambda: driven.state("region") > 0, "a region")


def test_connectivity_and_filling(driven):
    driven.find('button[aria-label="connectivity: 4"]').click()
    driven.becomes(connectivity=4, region=0)
    expect(driven.find(".av-definitions")).to_be_visible()
    expect(driven.find(".av-scale-line")).to_contain_text("normal pixels predicted anomalous")
    driven.redraws(lambda: driven.tick("filled"))
    driven.becomes(filled=False)
    expect(driven.find(".av-picture .av-scale-line")).to_be_hidden()


def test_where_there_is_no_pro_it_says_why(driven):
    driven.choose("detector", "DN2")
    driven.becomes(detector="DN2")
    expect(driven.find(".av-pro .av-note")).to_have_text("DN2 has no maps: there is no PRO.")
    expect(driven.find(".av-definitions")).to_be_hidden()
    expect(driven.status).to_contain_text("there is no PRO")


@pytest.mark.parametrize("check", checks.SHARED, ids=lambda check: check.__name__)
def test_it_answers_as_the_others_do(driven, check):
    """With the map in the picture, as there."""
    driven.place.assign({"filled": False})
    driven.becomes(filled=False)
    mapped = Driven(driven.root, driven.place)
    mapped.complete()
    check(mapped)
    mapped.reset()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_is_accessible(chromium, file, scheme):
    with opened_file(chromium, file, scheme=scheme) as page:
        driven = Driven(page.explorer(), Exported(page.browser))
        driven.complete()
        driven.push("next-region")
        driven.press("?")
        found = axe(page.browser)
        assert found == [], "\n".join(found)


@pytest.mark.parametrize("width", [360, 900])
def test_it_fits_into_a_narrow_window(chromium, file, width):
    with opened_file(chromium, file, width=width) as page:
        driven = Driven(page.explorer(), Exported(page.browser))
        driven.complete()
        assert page.wider() <= 0
        assert page.wider(".av-foot, .av-controls, .av-definitions") <= 0


def test_a_reloaded_page_shows_the_same(live):
    driven = Driven(live.explorer(), Live(live.browser, "view"))
    driven.push("next-region")
    driven.until(lambda: driven.state("region") > 0, "a region")
    text = driven.status.inner_text()
    live.reload()
    expect(live.explorer().locator(".av-status")).to_have_text(text)
    driven.place.assign({"region": 0})
