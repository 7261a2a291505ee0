"""What each explorer answers to beyond what all do, by the explorer's name; as `checks.py`."""

import re

from playwright.sync_api import expect

# --- results


def a_tile_picks(driven):
    """A click in a small picture picks the pixel in all of them."""
    click_tile(driven, "image", 0.5, 0.25)
    row, column = driven.until(lambda: driven.state("picked"), "a pick")
    assert abs(row - 112) <= 2
    assert abs(column - 56) <= 2
    expect(driven.find(".av-tile-cross").last).to_be_visible()


def the_grid_chooses(driven):
    """A click in the gallery, which has a place beside the picture, goes to an image."""
    grid = driven.find(".av-right .av-gallery[data-shape=grid]")
    grid.locator("[data-image='7']").click()
    driven.becomes(image=7)
    expect(grid.locator("[aria-selected=true]")).to_have_attribute("data-image", "7")


def no_map_has_a_place(driven):
    """A detector without a map leaves the tiles where they are, and no controls of a map."""
    before = driven.find(".av-tile").last.bounding_box()
    driven.choose("detector", "DN2")
    driven.becomes(detector="DN2")
    expect(driven.find(".av-tile").last).to_contain_text("no map")
    assert driven.find(".av-tile").last.bounding_box()["x"] == before["x"]
    expect(driven.find(".av-opacity")).to_be_hidden()
    expect(driven.find(".av-fade")).to_be_hidden()
    expect(driven.find(".av-contour")).to_be_visible()


# --- retrieval


def whole_images_and_back(driven):
    """The button compares whole images, and a pick goes back to a patch."""
    title = driven.find(".av-right h2").first
    driven.push("whole-images")
    driven.becomes(whole=True)
    expect(driven.status).to_contain_text("whole images")
    expect(title).to_contain_text("normal images most like it")
    expect(driven.find(".av-card-cut:visible")).to_have_count(0)
    expect(driven.find(".av-is-score")).to_contain_text("k = 5: the score")
    expect(driven.find(".av-by-rank p").first).to_contain_text("of the first 5 is the score")
    driven.pick(112, 56)
    driven.becomes(whole=False, picked=[112, 56])
    expect(title).to_contain_text("nearest patch")
    driven.push("whole-images")
    driven.becomes(whole=True)
    driven.push("whole-images")
    driven.becomes(whole=False)


def a_neighbour_is_chosen(driven):
    """By its card, its bar, a key on the bars, and its small picture; again: none."""
    pressed = driven.find(".av-card-choose[aria-pressed=true]")
    driven.find(".av-card-choose").nth(1).click()
    driven.until(lambda: driven.state("rank") > 0, "a rank")
    expect(pressed).to_have_count(1)
    pressed.click()
    driven.becomes(rank=0)
    bars = driven.find("svg.av-ranks-chart")
    wide = (bars.bounding_box()["width"] - 52) / 5
    bars.click(position={"x": 50 + 2.5 * wide, "y": 80})
    driven.becomes(rank=3)
    expect(driven.find(".av-ranks-said")).to_contain_text("rank 3")
    driven.press("ArrowRight", bars)
    driven.becomes(rank=4)
    driven.find(".av-crowd-one:visible").nth(1).click()
    driven.becomes(rank=2)
    driven.find(".av-crowd-one:visible").nth(1).click()
    driven.becomes(rank=0)


def fewer_neighbours(driven):
    """The slider and a click on a score set k; the map follows."""
    driven.redraws(lambda: driven.slide("k", 1))
    driven.becomes(k=1)
    driven.redraws(lambda: driven.find(".av-by-k button").filter(has_text="k = 3").click())
    driven.becomes(k=3)
    expect(driven.find(".av-by-k button[aria-pressed=true]")).to_contain_text("k = 3")
    driven.redraws(lambda: driven.slide("k", 5))
    driven.becomes(k=5)


def without_neighbours(driven):
    """PaDiM's patch stands beside the mean of the normal images; DN2 compares whole ones."""
    driven.choose("detector", "PaDiM")
    driven.becomes(detector="PaDiM")
    expect(driven.find(".av-right h2").first).to_contain_text("the mean of the normal images")
    expect(driven.find(".av-card:visible")).to_have_count(2)
    expect(driven.find(".av-k")).to_be_hidden()
    driven.choose("detector", "DN2")
    driven.becomes(detector="DN2")
    expect(driven.find(".av-right h2").first).to_contain_text("normal images most like it")
    expect(driven.find(".av-whole-images")).to_be_hidden()


# --- thresholds


def the_threshold_as_a_number(driven):
    """It is typed, or set to one that is worth knowing."""
    key = f"{driven.state('category')}/{driven.state('detector')}"
    field = driven.find(".av-threshold-field input")
    field.fill("0.02")
    field.press("Enter")
    driven.becomes(thresholds={key: 0.02})
    driven.root.focus()
    expect(field).to_have_value("0.02")
    driven.push("full")
    driven.until(lambda: driven.state("thresholds").get(key, 0.02) != 0.02, "100% recall")
    expect(driven.find(".av-matrix .av-error-count").first).to_contain_text("0missed")
    driven.push("best")
    driven.becomes(thresholds={})
    field.fill("no number")
    field.press("Enter")
    driven.root.focus()
    driven.becomes(thresholds={})


def one_threshold_for_all(driven):
    """One threshold holds for all categories, and has an entry of its own."""
    driven.tick("pooled")
    driven.becomes(pooled=True)
    expect(driven.find(".av-matrices")).to_contain_text("2 categories, one threshold")
    driven.press("ArrowRight", driven.handle)
    driven.until(lambda: "*/SPADE" in driven.state("thresholds"), "a threshold of all")
    driven.tick("pooled")
    driven.becomes(pooled=False)
    expect(driven.find(".av-matrices")).to_contain_text("each at its own threshold")


def the_map_by_its_threshold(driven):
    """The map is divided; 1 is the decision, and the colours say so."""
    driven.redraws(lambda: driven.tick("relative"))
    driven.becomes(relative=True)
    expect(driven.find(".av-readout")).to_contain_text("map / threshold")
    expect(driven.find(".av-scale").first).to_contain_text("2.0")


def counts_filter(driven):
    """A count of errors leaves only these, in either matrix; again: all."""
    missed = driven.find(".av-matrix:visible .av-error-count").filter(has_text="missed").first
    missed.click()
    driven.becomes(only="false negatives")
    assert driven.listed() == int(re.match(r"\d+", missed.inner_text()).group())
    missed.click()
    driven.becomes(only="all")
    other = driven.find(".av-matrix:visible .av-error-count").filter(has_text="false").last
    other.click()
    driven.becomes(only="false positives")


def errors_of_all_categories(driven):
    """A click on an error goes to it, also to another category; so do the arrows."""
    wrong = driven.find(".av-of-false-positive [role=option]").filter(has_text="hex_nut").first
    wrong.click()
    driven.becomes(category="hex_nut")
    expect(driven.status).to_contain_text("false alarm")
    first = driven.state()
    driven.push("next-error")
    driven.until(lambda: driven.state("image") != first["image"], "the next error")
    driven.push("previous-error")
    driven.becomes(category="hex_nut", image=first["image"])


def an_error_is_tagged(driven):
    """Its type and a note are kept, and shown with its small picture."""
    driven.find(".av-of-false-negative [role=option]").filter(has_text="mesh").first.click()
    driven.until(lambda: driven.find(".av-tag select").is_enabled(), "a tag")
    image = str(driven.state("image"))
    driven.choose("tag", "fine-grained")
    driven.becomes(marks={"mesh/SPADE": {image: ["fine-grained", ""]}})
    shown = driven.find(".av-of-false-negative [aria-selected=true]")
    expect(shown).to_contain_text("fine-grained")
    note = driven.find(".av-note input")
    note.fill("a thin wire")
    note.press("Enter")
    driven.becomes(marks={"mesh/SPADE": {image: ["fine-grained", "a thin wire"]}})
    expect(driven.find(".av-tag-file")).to_be_hidden()  # there is no kernel that could write
    expect(driven.find(".av-tagging")).to_contain_text("Tags last until this page is closed")


def the_gate(driven):
    """Tau of the first stage is dragged and moved by keys; the table follows."""
    handle = driven.find(".av-gate .av-threshold")
    table = driven.find(".av-gate-table")
    before = table.inner_text()
    driven.press("Home", handle)
    driven.until(lambda: "mesh/SPADE" in driven.state("gates"), "a gate")
    lowest = driven.state("gates")["mesh/SPADE"]
    expect(table).not_to_have_text(before)
    grip = handle.locator(".av-grip")
    grip.scroll_into_view_if_needed()
    box = grip.bounding_box()
    x = box["x"] + box["width"] / 2
    y = box["y"] + box["height"] / 2
    driven.page.mouse.move(x, y)
    driven.page.mouse.down()
    driven.page.mouse.move(x + 150, y, steps=4)
    driven.page.mouse.up()
    driven.until(lambda: driven.state("gates")["mesh/SPADE"] > lowest, "a higher gate")


def a_row_of_costs(driven):
    """A click on what another threshold costs sets that one."""
    row = driven.find(".av-costs:visible tr[data-name='100% recall']")
    row.click()
    driven.until(lambda: driven.state("thresholds"), "a threshold")
    expect(row.locator(".av-cost-name")).to_have_attribute("aria-pressed", "true")


# --- compare


def a_tile_chooses_the_detector(driven):
    """A click in a detector's map chooses it and picks the pixel."""
    click_tile(driven, "PatchCore", 0.5, 0.25)
    driven.becomes(detector="PatchCore")
    row, column = driven.until(lambda: driven.state("picked"), "a pick")
    assert abs(row - 112) <= 2
    assert abs(column - 56) <= 2
    driven.find("button.av-tile-title").filter(has_text="PaDiM").click()
    driven.becomes(detector="PaDiM")


def two_detectors_scores(driven):
    """A dot of the scatter goes to its image, and drop-downs choose the two detectors."""
    dots = driven.find(".av-two .av-dots path.av-dot")
    dots.nth(8).click(force=True)
    driven.becomes(image=8)
    driven.choose("scatter-x", "PaDiM")
    driven.becomes(x="PaDiM")
    driven.choose("scatter-y", "DN2")
    driven.becomes(y="DN2")
    expect(driven.find(".av-scatter")).to_contain_text("PaDiM: image score")
    expect(driven.find(".av-scatter")).to_contain_text("DN2: image score")


def orders_of_disagreement(driven):
    """An order that a person chooses begins at its first image."""
    for order in ("disagreement of maps", "score", "disagreement of scores"):
        driven.choose("order", order)
        driven.becomes(order=order)
        expect(driven.find(".av-counter").first).to_have_text("1 of 12")
    expect(driven.status).to_contain_text("disagreement of scores")


def maps_by_their_thresholds(driven):
    """All maps are divided by the thresholds of their pixels."""
    driven.redraws(lambda: driven.tick("relative"))
    driven.becomes(relative=True)
    expect(driven.find(".av-scales")).to_contain_text("1 = the F1-optimal threshold")
    expect(driven.find(".av-pixel")).to_contain_text("map / threshold")


def a_row_of_metrics(driven):
    """A click on a row of either table chooses its detector."""
    row = driven.find(".av-metrics tbody tr").filter(has_text="PaDiM")
    row.locator("td").first.click()
    driven.becomes(detector="PaDiM")
    expect(row.locator("button")).to_have_attribute("aria-pressed", "true")
    driven.find(".av-pixel tbody button").filter(has_text="PatchCore").click()
    driven.becomes(detector="PatchCore")


def the_read_out(driven):
    """The table of pixel values follows the pick."""
    table = driven.find(".av-pixel")
    driven.pick(112, 56)
    expect(table).to_contain_text("Row 112, column 56: picked")
    values = table.locator("tbody").inner_text()
    assert values.count("%") == 3
    assert "no map" in values
    driven.pick(30, 180)
    expect(table).to_contain_text("Row 30, column 180: picked")
    expect(table.locator("tbody")).not_to_have_text(values)


def click_tile(driven, title, down, across):
    """Click in a tile, at fractions of its height and width."""
    heading = driven.page.get_by_text(title, exact=True)
    canvas = driven.find(".av-tile").filter(has=heading).locator("canvas")
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    canvas.click(position={"x": across * box["width"], "y": down * box["height"]})


QUESTIONS = {
    "results": [a_tile_picks, the_grid_chooses, no_map_has_a_place],
    "retrieval": [
        whole_images_and_back,
        a_neighbour_is_chosen,
        fewer_neighbours,
        without_neighbours,
    ],
    "thresholds": [
        the_threshold_as_a_number,
        one_threshold_for_all,
        the_map_by_its_threshold,
        counts_filter,
        errors_of_all_categories,
        an_error_is_tagged,
        the_gate,
        a_row_of_costs,
    ],
    "compare": [
        a_tile_chooses_the_detector,
        two_detectors_scores,
        orders_of_disagreement,
        maps_by_their_thresholds,
        a_row_of_metrics,
        the_read_out,
    ],
}
