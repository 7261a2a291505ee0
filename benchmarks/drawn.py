"""Explorers that draw themselves, and those before them: how soon each answers, and what it sends.

`benchmarks.explorers` prints these tables. The clock is the page's own. It runs from the event to
the end of the frame after the answer: of the former explorers what the kernel draws (of opacity the canvas
itself), of those that draw themselves the element that an action names.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

FORMER = ("results", "retrieval", "thresholds", "compare")  # have a counterpart in a former tree
PATIENCE = 3000  # milliseconds that an answer may take
REST = 250  # milliseconds without a change after which an answer is complete
PICTURE = ("canvas.av-picture-canvas", "data-drawn")
THRESHOLD = (".av-strip .av-threshold", "aria-valuenow")
DRAWN = (".av-explorer", "data-drawn")
CLOUD = ("canvas.av-cloud-marks", "data-drawn")
LASSO = (".av-cloud-lasso", "d")

# Starts the clock at every event, and stops it at the frame after a change of an attribute of one
# element, or of anything outside of the controls (`watched` null).
WATCH = """([root, watched, controls]) => {
  window.benchmark?.observer.disconnect();
  const bench = window.benchmark = { start: performance.now() };
  const begin = () => {
    bench.start = performance.now();
    bench.answered = bench.last = undefined;
  };
  bench.begin = begin;
  if (!window.benchmarkListens) {
    const kinds = ['pointerdown', 'keydown', 'input', 'change'];
    for (const kind of [...kinds, 'pointermove', 'pointerup'])
      document.addEventListener(kind, () => {
        const now = window.benchmark;
        if (!(now.armed === 'any' ? kinds.includes(kind) : now.armed === kind)) return;
        now.begin();
        now.armed = '';
      }, true);
    window.benchmarkListens = true;
  }
  bench.observer = new MutationObserver(list => {
    for (const { target } of list) {
      const element = target.closest ? target : target.parentElement;
      if (!element || (watched ? !element.matches(watched[0]) : element.closest(controls))) continue;
      bench.last = performance.now();
      requestAnimationFrame(() => {
        const painted = new MessageChannel();  // a message comes after the frame
        painted.port1.onmessage = () => { bench.answered ??= performance.now(); };
        painted.port2.postMessage(0);
      });
    }
  });
  const what = { subtree: true, childList: !watched, characterData: !watched, attributes: true };
  const names = watched ? [watched[1]] : ['src', 'data-drawn', 'style'];
  bench.observer.observe(root, { ...what, attributeFilter: names });
}"""
# Before an event of a kind, or of any that a control answers
ARM = "kind => { window.benchmark.armed = kind; window.benchmark.answered = undefined; }"
# Resolves, when nothing has changed for a while, to the milliseconds that the answer took, or null
ANSWER = """async ([patience, rest]) => {
  const bench = window.benchmark;
  const pause = time => new Promise(done => setTimeout(done, time));
  while (!bench.answered && performance.now() < bench.start + patience) await pause(4);
  while (performance.now() - bench.last < rest) await pause(30);
  return bench.answered ? bench.answered - bench.start : null;
}"""
FORMER_CONTROLS = ",".join(
    f".widget-{name}" for name in "slider dropdown button checkbox toggle-buttons text".split()
)


@dataclass
class Measured:
    """What one action of one explorer took."""

    explorer: str
    action: str
    way: str  # "before", "now" or "file"
    times: list[float] = field(default_factory=list)  # milliseconds
    received: float | None = None  # kilobytes a move

    def row(self) -> str:
        """Return it as a row of a table."""
        if not self.times:
            return f"| {self.explorer} | {self.action} | {self.way} | 0 | - | - | - |"
        median = statistics.median(self.times)
        worst = percentile_95(self.times)
        bytes_ = "-" if self.received is None else f"{self.received:.1f}"
        count = len(self.times)
        words = f"{self.explorer} | {self.action} | {self.way} | {count}"
        return f"| {words} | {median:.0f} | {worst:.0f} | {bytes_} |"


HEAD = (
    "| explorer | action | where | moves | median ms | p95 ms | received kB a move |\n"
    "|---|---|---|---:|---:|---:|---:|"
)


def percentile_95(times: list[float]) -> float:
    """Return the 95th percentile, or the only value."""
    return statistics.quantiles(times, n=20)[-1] if len(times) > 1 else times[0]


class Explorer:
    """An explorer on a page, and how its controls are found there."""

    def __init__(self, page: Any, root: Any, *, former: bool) -> None:
        self.page = page
        self.root = root
        self.former = former

    def one(self, former: str, own: str) -> Any:
        """Return the element that a selector of its kind finds."""
        return self.root.locator(former if self.former else own).first

    @property
    def picture(self) -> Any:
        return self.one("canvas.adviz-overlay", "canvas.av-picture-canvas")

    def pick(self, turn: int) -> None:
        """Click somewhere else in the large picture."""
        box = self.picture.bounding_box()
        x = (37 * turn + 20) % int(box["width"] - 8) + 4
        y = (61 * turn + 30) % int(box["height"] - 8) + 4
        self.picture.click(position={"x": x, "y": y})

    def arrow(self, turn: int) -> None:
        self.picture.press("ArrowRight" if turn % 8 < 4 else "ArrowLeft")

    def image(self, _turn: int) -> None:
        self.one(".adviz-next button, button.adviz-next, .adviz-next", "button.av-next").click()

    def detector(self, turn: int) -> None:
        select = self.one(".adviz-detector select", ".av-detector select")
        count = select.locator("option").count()
        select.select_option(index=(turn + 1) % count)

    def neighbours(self, turn: int) -> None:
        slider = self.one(".adviz-k .noUi-handle", ".av-k input")
        slider.press("ArrowLeft" if turn % 6 < 3 else "ArrowRight")

    def opacity(self, turn: int) -> None:
        slider = self.one(".adviz-opacity .noUi-handle", ".av-opacity input")
        slider.press("ArrowLeft" if turn % 8 < 4 else "ArrowRight")

    def threshold(self, turn: int) -> None:
        handle = self.one(".adviz-threshold .noUi-handle", ".av-strip .av-threshold")
        handle.press("ArrowRight" if turn % 8 < 4 else "ArrowLeft")


def pressing(selector: str) -> Move:
    """Return what moves a slider by a key, to and fro."""

    def move(explorer: Explorer, turn: int) -> None:
        slider = explorer.root.locator(selector).first
        slider.press("ArrowRight" if turn % 8 < 4 else "ArrowLeft")

    return move


def choosing(selector: str) -> Move:
    """Return what chooses the next entry of a list."""

    def move(explorer: Explorer, turn: int) -> None:
        select = explorer.root.locator(f"{selector} select").first
        select.select_option(index=(turn + 1) % select.locator("option").count())

    return move


def zooming(explorer: Explorer, turn: int) -> None:
    """Magnify a scatter by a key, or less."""
    explorer.root.locator(CLOUD[0]).first.press("+" if turn % 8 < 4 else "-")


def clicking(selector: str) -> Move:
    """Return what clicks elements one after the other, or places of the only one."""

    def move(explorer: Explorer, turn: int) -> None:
        found = explorer.root.locator(selector)
        box = found.nth(turn % found.count()).bounding_box()
        x = (37 * turn + 20) % max(1, int(box["width"] - 8)) + 4
        y = (61 * turn + 30) % max(1, int(box["height"] - 8)) + 4
        found.nth(turn % found.count()).click(position={"x": x, "y": y}, force=True)

    return move


def outlining(measured: str) -> Move:
    """Return what draws round most points; measured from its last move, or the pointer's release."""

    def move(explorer: Explorer, turn: int) -> None:
        page, slip = explorer.page, 0.02 * (turn % 5)
        box = explorer.root.locator(CLOUD[0]).first.bounding_box()
        corners = [(0.2 + slip, 0.2), (0.8, 0.25), (0.75, 0.8 - slip), (0.25, 0.75), (0.2, 0.3)]
        first, *others = [
            (box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in corners
        ]
        page.keyboard.down("Shift")
        page.mouse.move(*first)
        page.mouse.down()
        for place in others:
            page.mouse.move(*place, steps=8)
        page.evaluate(ARM, measured)
        if measured == "pointermove":
            page.mouse.move(*first)
            page.wait_for_timeout(REST)
        page.mouse.up()
        page.keyboard.up("Shift")

    return move


Move = Callable[[Explorer, int], None]
# Explorer -> action -> how it is done, and what answers it where explorers draw themselves
IMAGES: dict[str, tuple[Move, tuple[str, str]]] = {
    "next image": (Explorer.image, PICTURE),
    "detector": (Explorer.detector, PICTURE),
}
PICKS: dict[str, tuple[Move, tuple[str, str]]] = {
    "pick": (Explorer.pick, PICTURE),
    "pick by arrow": (Explorer.arrow, PICTURE),
}
ACTIONS: dict[str, dict[str, tuple[Move, tuple[str, str]]]] = {
    "results": {"opacity": (Explorer.opacity, PICTURE), **IMAGES},
    "retrieval": {
        **PICKS,
        "k": (Explorer.neighbours, PICTURE),
        "opacity": (Explorer.opacity, PICTURE),
        **IMAGES,
    },
    "thresholds": {"threshold": (Explorer.threshold, THRESHOLD), **IMAGES},
    "compare": {**PICKS, **IMAGES},
    "layers": {
        "weight": (pressing(".av-weight input"), PICTURE),
        "fusion": (choosing(".av-join"), PICTURE),
        **PICKS,
        **IMAGES,
    },
    "pro": {
        "limit": (pressing(".av-pro [role=slider] >> nth=0"), DRAWN),
        "rate": (pressing(".av-pro [role=slider] >> nth=1"), DRAWN),
        "region": (clicking("button.av-next-region"), DRAWN),
        **IMAGES,
    },
    "coreset": {
        "size": (pressing(".av-size input"), CLOUD),
        "point": (clicking("canvas.av-cloud-marks"), CLOUD),
        "training image": (clicking(".av-stepper button.av-next"), PICTURE),
    },
    "coreset_160k": {
        "lasso, each move": (outlining("pointermove"), LASSO),
        "lasso, release": (outlining("pointerup"), CLOUD),
        "size": (pressing(".av-size input"), CLOUD),
        "point": (clicking("canvas.av-cloud-marks"), CLOUD),
        "zoom": (zooming, CLOUD),
    },
    "deviations": {"step": (clicking(".av-waterfall [role=button]"), DRAWN)},
    "tables": {
        "cell": (clicking(".av-cell-table td:not(:empty)"), DRAWN),
        "paper": (choosing(".av-paper"), DRAWN),
    },
    "desk": {
        **PICKS,
        "threshold": (Explorer.threshold, THRESHOLD),
        **IMAGES,
    },
}


def former_answer(name: str, action: str) -> str:
    """Return what the kernel's answer changes in the former explorers; "" = the answer is drawn."""
    if action == "opacity":
        return ""
    if name == "compare" and action.startswith("pick"):
        return ".adviz-values"
    return ".adviz-view"


class Received:
    """Bytes that came through the page's web sockets since the last time it was asked."""

    def __init__(self, page: Any) -> None:
        self._bytes = 0
        session = page.context.new_cdp_session(page)
        session.on("Network.webSocketFrameReceived", self._count)
        session.send("Network.enable")

    def _count(self, event: dict[str, Any]) -> None:
        frame = event["response"]
        length = len(frame["payloadData"])
        # binary frames are told as base64
        self._bytes += length * 3 // 4 if frame["opcode"] == 2 else length

    def take(self) -> int:
        found, self._bytes = self._bytes, 0
        return found


def measured(
    explorer: Explorer, name: str, way: str, repeats: int, received: Received | None
) -> Iterator[Measured]:
    """Do every action of an explorer some times, one after the other has been answered."""
    page = explorer.page
    for action, (move, answer) in ACTIONS[name].items():
        found = Measured(name, action, way)
        watched = None if explorer.former else list(answer)
        place = former_answer(name, action) if explorer.former else ""
        answering = explorer.root.locator(place).first if place else explorer.root
        handle = answering.element_handle()
        page.evaluate(WATCH, [handle, watched, FORMER_CONTROLS])
        if received:
            page.wait_for_timeout(500)  # what was asked for ahead has come
            received.take()
        for turn in range(repeats):
            page.evaluate(ARM, "any")
            try:
                move(explorer, turn)
            except Exception as error:
                if "Timeout" not in type(error).__name__:
                    raise
                break  # there is no such control
            time_taken = page.evaluate(ANSWER, [PATIENCE, REST])
            if time_taken is not None:
                found.times.append(time_taken)
        if received:
            found.received = received.take() / 1000 / max(1, repeats)
        yield found


@dataclass
class File:
    """An exported explorer, opened from disk."""

    category: str
    megabytes: float
    written: float  # seconds
    first: float  # seconds from opening the file to the first complete picture
    clicks: list[float]  # milliseconds

    def row(self) -> str:
        median = statistics.median(self.clicks)
        worst = percentile_95(self.clicks)
        size = f"{self.megabytes:.1f} | {self.written:.1f} | {self.first:.2f}"
        return f"| {self.category} | {size} | {median:.0f} | {worst:.0f} |"


FILE_HEAD = (
    "| exported | MB | written s | first picture s | click median ms | click p95 ms |\n"
    "|---|---:|---:|---:|---:|---:|"
)


def exported(browser: Any, view: Any, name: str, folder: Path, repeats: int) -> File:
    """Export an explorer, open the file and pick patches in it."""
    start = time.perf_counter()
    file = view.export(folder / f"{name}.html")
    written = time.perf_counter() - start
    context = browser.new_context(offline=True, viewport={"width": 1280, "height": 1000})
    page = context.new_page()
    start = time.perf_counter()
    page.goto(file.as_uri())
    page.wait_for_selector("canvas.av-picture-canvas[data-drawn]")
    first = time.perf_counter() - start
    explorer = Explorer(page, page.locator(".av-explorer").first, former=False)
    page.evaluate(WATCH, [explorer.root.element_handle(), list(PICTURE), FORMER_CONTROLS])
    clicks = []
    for turn in range(repeats):
        page.evaluate(ARM, "any")
        explorer.pick(turn)
        clicks.append(page.evaluate(ANSWER, [PATIENCE, REST]) or float(PATIENCE))
    context.close()
    return File(name, file.stat().st_size / 1e6, written, first, clicks)
