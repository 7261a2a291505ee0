"""What every explorer answers to, wherever it stands: each function does it and says what must follow.

They begin and end in the state in which the explorer was opened (`Driven.reset`).
"""

import ast
import csv
import re
from pathlib import Path

from playwright.sync_api import expect

EXPLORERS = ["results", "retrieval", "thresholds", "compare"]
PATCH = 8  # pixels of a location: 28 x 28 of them


def a_pick(driven):
    """A click picks a pixel, arrow keys go from patch to patch, Escape goes back to the peak."""
    driven.pick(112, 56)
    driven.becomes(picked=[112, 56])
    expect(driven.find(".av-readout").first).to_contain_text("row 112, column 56")
    driven.press("ArrowRight", driven.canvas)
    driven.until(lambda: driven.state("picked") != [112, 56], "a pick beside it")
    row, column = driven.state("picked")
    assert (row // PATCH, column // PATCH) == (112 // PATCH, 56 // PATCH + 1)
    driven.press("ArrowDown", driven.canvas)
    driven.becomes(picked=[row + PATCH, column])
    driven.press("Escape", driven.canvas)
    driven.becomes(picked=[])


def images_by_keys_and_buttons(driven):
    """Brackets and buttons go through the gallery, and a pick belongs to its image."""
    driven.choose("order", "as stored")
    driven.becomes(order="as stored")
    driven.pick(40, 40)
    driven.becomes(picked=[40, 40])
    driven.press("]")
    driven.becomes(image=1, picked=[])
    driven.push("next")
    driven.becomes(image=2)
    expect(driven.find(".av-counter").first).to_have_text("3 of 12")
    driven.push("previous")
    driven.press("[")
    driven.becomes(image=0)


def detectors(driven):
    """Digits and the drop-down choose the detector; the status line names it."""
    driven.press("2")
    driven.becomes(detector="PatchCore")
    expect(driven.status).to_contain_text("PatchCore")
    driven.choose("detector", "PaDiM")
    driven.becomes(detector="PaDiM")
    driven.press("4")
    driven.becomes(detector="DN2")
    expect(driven.status).to_contain_text("DN2")  # which has no map
    driven.redraws(lambda: driven.press("1"))
    driven.becomes(detector="SPADE")


def filters(driven):
    """The drop-downs leave some of the images, and go to the first of them."""
    driven.choose("defect", "good")
    driven.becomes(defect="good")
    assert driven.listed() == 5
    driven.choose("defect", "all")
    driven.choose("only", "false positives")
    driven.becomes(only="false positives", defect="all")
    few = driven.listed()
    driven.choose("only", "errors")
    driven.becomes(only="errors")
    assert few <= driven.listed() < 12
    driven.choose("only", "all")
    driven.becomes(only="all")
    assert driven.listed() == 12


def another_category(driven):
    driven.choose("category", "hex_nut")
    driven.becomes(category="hex_nut", defect="all")
    if "x" not in driven.state():  # compare goes on to the most disputed image
        driven.becomes(image=0)
    expect(driven.status).to_contain_text("hex_nut")


def how_the_map_is_drawn(driven):
    """Opacity, fading, outline and ground truth are seen in the picture."""
    driven.redraws(lambda: driven.slide("opacity", 0.3))
    driven.becomes(opacity=0.3)
    driven.redraws(lambda: driven.tick("fade"))
    driven.becomes(fade=False)
    driven.redraws(lambda: driven.tick("contour"))
    driven.becomes(contour=False)
    driven.redraws(lambda: driven.choose("style", "outline"))
    driven.becomes(shown_as="outline")


def the_map_is_hidden_while_a_key_is_held(driven):
    seen = driven.drawing()
    driven.canvas.focus()
    driven.redraws(lambda: driven.page.keyboard.down("m"))
    driven.redraws(lambda: driven.page.keyboard.up("m"))
    assert driven.drawing() == seen


def limits_of_the_colours(driven):
    """The ends of the scale are moved, and given back."""
    low = driven.find(".av-picture .av-scale input[type=range]").first
    driven.redraws(lambda: driven.press("ArrowRight", low))
    driven.until(lambda: driven.state("limits"), "limits")
    (limits,) = driven.state("limits").values()
    assert limits[0] < limits[1]
    driven.push("scale-reset")
    driven.becomes(limits={})


def zoom(driven):
    """Control and wheel magnify round the pointer, 0 and a double click go back."""
    driven.redraws(lambda: driven.wheel(30, 60, -300))
    driven.until(lambda: driven.state("zoom"), "a zoom")
    near = driven.state("zoom")
    assert len(near) == 3
    assert near[2] > 1
    expect(driven.find(".av-picture .av-badge").first).to_be_visible()
    driven.press("0", driven.canvas)
    driven.becomes(zoom=[])
    driven.press("+", driven.canvas)
    driven.until(lambda: len(driven.state("zoom")) == 3, "a zoom by a key")
    driven.canvas.dblclick(position=driven.place_of(100, 100))
    driven.becomes(zoom=[])


def the_threshold(driven):
    """It is dragged, moved by keys and set to another one that is worth knowing."""
    before, least, most = driven.facts()
    driven.drag_threshold(60 if before < (least + most) / 2 else -60)
    driven.until(lambda: driven.state("thresholds"), "a threshold")
    dragged = driven.facts()[0]
    assert dragged != before
    key = f"{driven.state('category')}/{driven.state('detector')}"
    driven.becomes(thresholds={key: dragged})
    driven.press("ArrowRight", driven.handle)
    driven.until(lambda: driven.state("thresholds")[key] > dragged, "a higher threshold")
    other = driven.find(".av-strip .av-other").first
    words = other.get_attribute("aria-label")
    driven.press("Enter", other)
    driven.until(lambda: driven.state("thresholds")[key] != dragged, words)
    said = driven.handle.get_attribute("aria-valuetext")
    assert re.search(r": \d+ false alarms, \d+ missed", said)


def a_dot_and_a_thumbnail(driven):
    """A click on an image's dot or small picture goes there; so do the keys."""
    driven.click_dot(7)
    driven.becomes(image=7)
    other = driven.thumbnails().first
    image = int(other.get_attribute("data-image"))
    other.click()
    driven.becomes(image=image)
    here = driven.thumbnails(chosen=True)
    expect(here).to_have_attribute("data-image", str(image))
    forward = here.get_attribute("data-place") != "11"
    driven.press("ArrowRight" if forward else "ArrowLeft", here)
    driven.page.keyboard.press("Enter")
    driven.until(lambda: driven.state("image") != image, "the image beside it")


def the_menu(driven):
    """The numbers as a table, the picture and the chart as files, the state as a line of Python."""
    with driven.page.expect_download() as told:
        driven.entry("CSV").click()
    text = Path(told.value.path()).read_text(encoding="utf-8")
    head, *rows = csv.reader(text.splitlines())
    assert rows
    assert {len(row) for row in rows} == {len(head)}
    for words, begin in (("PNG", b"\x89PNG"), ("SVG", b"<svg")):
        with driven.page.expect_download() as told:
            driven.entry(words).click()
        content = Path(told.value.path()).read_bytes()
        assert content.startswith(begin)
        assert words != "SVG" or re.search(rb'^<svg[^>]* class="av-(chart|ranks-chart)', content)
    driven.choose("order", "as stored")
    driven.becomes(order="as stored")
    driven.entry("Python").click()
    expect(driven.find(".av-menu-said").first).to_have_text("copied")
    line = driven.page.evaluate("() => navigator.clipboard.readText()")
    name, values = line.split(" = ", 1)
    assert name == "view.state"
    said = ast.literal_eval(values)
    state = driven.state()
    assert said.items() <= state.items()
    assert said["order"] == "as stored"
    driven.page.keyboard.press("Escape")


def the_menu_at_the_pointer(driven):
    """A right click opens it, and Escape closes it."""
    driven.canvas.click(button="right", position=driven.place_of(20, 20))
    expect(driven.find(".av-menu-item").first).to_be_focused()
    driven.page.keyboard.press("Escape")
    expect(driven.find(".av-menu-item").first).to_be_hidden()


def help_is_shown(driven):
    help_panel = driven.find("aside.av-help")
    driven.press("?")
    expect(help_panel).to_be_visible()
    driven.press("Escape")
    expect(help_panel).to_be_hidden()
    driven.push("help")
    expect(help_panel).to_be_visible()
    driven.push("help")


def python_sets_it(driven):
    """What Python, or a linked explorer, sets is shown."""
    driven.place.assign({"image": 3, "detector": "PatchCore", "picked": [60, 100]})
    driven.becomes(image=3, detector="PatchCore", picked=[60, 100])
    expect(driven.status).to_contain_text("PatchCore")
    expect(driven.find(".av-readout").first).to_contain_text("row 60, column 100")


SHARED = [
    a_pick,
    images_by_keys_and_buttons,
    detectors,
    filters,
    another_category,
    how_the_map_is_drawn,
    the_map_is_hidden_while_a_key_is_held,
    limits_of_the_colours,
    zoom,
    the_threshold,
    a_dot_and_a_thumbnail,
    the_menu,
    the_menu_at_the_pointer,
    help_is_shown,
    python_sets_it,
]
