"""What a person does with an explorer, wherever it stands.

In JupyterLab, in Notebook 7 or in an exported page: `Driven` knows its controls and marks, and the
place tells and sets its state (`Exported`, `Live`).
"""

from __future__ import annotations

import ast
import json
import time

from playwright.sync_api import expect

STILL = 5  # times that a place is the same before it is clicked on
PATIENCE = 15.0  # seconds; a loaded machine draws late
SIDE = 224  # of the images that are driven, pixels
# Names of the state in an exported page's model, as JSON
READ = """([number, names]) => {
  const { state } = globalThis.adviz.models[number];
  const found = names.length ? names : Object.keys(state);
  return Object.fromEntries(found.map(name => [name, state[name]]));
}"""
WRITE = """([number, values]) => {
  const model = globalThis.adviz.models[number];
  for (const [name, value] of Object.entries(values)) model.set(name, value);
}"""
# Runs a line in the kernel of the notebook on top, and resolves to what an expression is then
ASK = """async ([line, expression]) => {
  const { kernel } = globalThis.jupyterapp.shell.currentWidget.sessionContext.session;
  const reply = await kernel.requestExecute({
    code: line, silent: true, store_history: false, user_expressions: { asked: expression },
  }).done;
  if (reply.content.status !== 'ok') throw new Error(JSON.stringify(reply.content));
  const { asked } = reply.content.user_expressions;
  if (asked.status !== 'ok') throw new Error(JSON.stringify(asked));
  return asked.data['text/plain'];
}"""
# Where the middle of a dot is in its chart, and the chart in the window, CSS pixels
PLACE_OF_DOT = """(chart, image) => {
  const outer = chart.getBoundingClientRect();
  const dot = chart.querySelectorAll('path.av-dot')[image].getBoundingClientRect();
  return {
    x: dot.left + dot.width / 2 - outer.left,
    y: dot.top + dot.height / 2 - outer.top,
    left: outer.left,
    top: outer.top,
  };
}"""
NOT_CHOSEN = {"facts", "options", "opening", "busy", "error"}


class Exported:
    """The state of explorer `number` of an exported page, as its model has it."""

    def __init__(self, page, number=0):
        self.page = page
        self.number = number

    def state(self):
        found = self.page.evaluate(READ, [self.number, []])
        return {name: value for name, value in found.items() if name not in NOT_CHOSEN}

    def assign(self, values):
        self.page.evaluate(WRITE, [self.number, values])


class Live:
    """The state of an explorer as the kernel has it, under the variable's `name`."""

    def __init__(self, page, name):
        self.page = page
        self.name = name

    def state(self):
        text = self.page.evaluate(
            ASK, ["import json", f"json.dumps({self.name}.state, default=list)"]
        )
        return json.loads(ast.literal_eval(text))

    def assign(self, values):
        self.page.evaluate(ASK, [f"{self.name}.state = {values!r}", "None"])


class Driven:
    """An explorer that is used as a person uses it.

    Parameters
    ----------
    root: locator of its outermost element.
    place: `Exported` or `Live`.
    """

    def __init__(self, root, place):
        self.root = root
        self.page = root.page
        self.place = place
        expect(root).to_be_visible()
        self.first = self.state()

    # --- what it shows

    def state(self, name=None):
        found = self.place.state()
        return found if name is None else found[name]

    def find(self, selector):
        return self.root.locator(selector)

    @property
    def canvas(self):
        """Return the large picture."""
        return self.find("canvas.av-picture-canvas").first

    @property
    def status(self):
        return self.find(".av-status").first

    @property
    def handle(self):
        """Return the threshold in the chart of scores."""
        return self.find(".av-strip .av-threshold").first

    def drawn(self):
        """Return how often it has been drawn."""
        return int(self.root.get_attribute("data-drawn") or 0)

    def drawing(self):
        """Return the large picture's pixels, as a text that can be compared."""
        return self.canvas.evaluate("canvas => canvas.toDataURL()")

    def facts(self):
        """Return the numbers of the chart: threshold now, least, most."""
        names = ("now", "min", "max")
        return [float(self.handle.get_attribute(f"aria-value{name}")) for name in names]

    # --- waiting

    def until(self, condition, words):
        """Wait until a function returns something true, and return that."""
        end = time.monotonic() + PATIENCE
        found = condition()
        while not found:
            if time.monotonic() > end:
                raise AssertionError(f"expected {words}; the state is {self.state()}")
            self.page.wait_for_timeout(20)
            found = condition()
        return found

    def becomes(self, **values):
        """Wait until the state has these values."""
        self.until(lambda: self._has(values), f"{values}")

    def _has(self, values):
        state = self.state()
        return all(alike(state[name], value) for name, value in values.items())

    def redraws(self, act):
        """Do `act`, which must show in the large picture."""
        before = self.drawing()
        act()
        self.until(lambda: self.drawing() != before, "another picture")

    def complete(self):
        """Wait until the displayed image and its detector's findings are there."""
        self.until(lambda: self.canvas.get_attribute("data-drawn"), "a picture")
        expect(self.find(".av-stale")).to_have_count(0)

    def reset(self):
        """Go back to the state in which it was opened, as Python or a link would."""
        if self.state() != self.first:
            self.place.assign(self.first)
            self.becomes(**self.first)
        self.complete()

    # --- controls

    def choose(self, control, value):
        self.find(f".av-{control} select").first.select_option(value)

    def slide(self, control, value):
        self.find(f".av-{control} input[type=range]").first.fill(str(value))

    def tick(self, control):
        self.find(f".av-{control} input[type=checkbox]").first.click()

    def push(self, name):
        self.find(f"button.av-{name}").first.click()

    def press(self, key, at=None):
        """Press a key where the focus is, or on an element."""
        if at is None:
            self.root.evaluate("root => root.focus()")
            self.page.keyboard.press(key)
        else:
            at.press(key)

    # --- marks

    def place_of(self, row, column):
        """Return where the middle of a pixel of the whole image is on the canvas."""
        box = self.canvas.bounding_box()
        x = (column + 0.5) * box["width"] / SIDE
        y = (row + 0.5) * box["height"] / SIDE
        return {"x": x, "y": y}

    def pick(self, row, column):
        self.canvas.scroll_into_view_if_needed()
        self.canvas.click(position=self.place_of(row, column))

    def wheel(self, row, column, turn, *, held="Control"):
        """Turn the wheel over a pixel, with a key held."""
        self.canvas.hover(position=self.place_of(row, column))
        self.page.keyboard.down(held)
        self.page.mouse.wheel(0, turn)
        self.page.keyboard.up(held)

    def drag_threshold(self, by):
        """Drag the threshold's handle by so many pixels of the screen."""
        grip = self.handle.locator(".av-grip")
        grip.hover(force=True)  # once it stands still
        box = grip.bounding_box()
        x = box["x"] + box["width"] / 2
        y = box["y"] + box["height"] / 2
        self.page.mouse.move(x, y)
        self.page.mouse.down()
        for step in range(1, 6):
            self.page.mouse.move(x + by * step / 5, y)
        self.page.mouse.up()

    def click_dot(self, image):
        """Click on an image's dot in the chart of scores."""
        chart = self.find("svg.av-strip").first
        chart.scroll_into_view_if_needed()
        places = []

        def stands_still():
            places.append(chart.evaluate(PLACE_OF_DOT, image))
            last = places[-STILL:]  # the page may scroll on under a chart that is drawn already
            return len(last) == STILL and all(place == last[0] for place in last)

        self.until(stands_still, "a chart that stands still")
        chart.click(position={"x": places[-1]["x"], "y": places[-1]["y"]})

    def thumbnails(self, *, chosen=False):
        """Return the small pictures of the gallery that are in sight, but for the displayed one's."""
        below = self.find(".av-scores .av-gallery")
        gallery = below if below.count() else self.find(".av-gallery").first
        return gallery.locator(f"[role=option][aria-selected={str(chosen).lower()}]")

    def listed(self):
        """Return how many images the filters leave."""
        return int(self.find(".av-counter").first.inner_text().split(" of ")[1])

    def entry(self, words):
        """Open the menu and return one of its entries."""
        first = self.find(".av-menu-item").first
        if first.is_visible():  # it closes by itself soon after it was used
            self.press("Escape", first)
            expect(first).to_be_hidden()
        self.find(".av-tools button.av-menu").click()
        expect(first).to_be_visible()
        return self.find(".av-menu-item").filter(has_text=words)


def alike(found, expected):
    """Whether two values of a state are equal; numbers to seven digits."""
    if isinstance(expected, dict) and isinstance(found, dict):
        return found.keys() == expected.keys() and all(
            alike(found[name], expected[name]) for name in expected
        )
    if isinstance(expected, list | tuple) and isinstance(found, list):
        pairs = zip(found, expected, strict=False)
        return len(found) == len(expected) and all(alike(*pair) for pair in pairs)
    if isinstance(expected, float) and isinstance(found, int | float):
        return abs(found - expected) <= 1e-7 * max(1.0, abs(expected))
    return found == expected
