"""Exported pages as somebody opens them who has the file alone: from disk, without a network."""

import json
import os
from contextlib import contextmanager
from pathlib import Path

import pytest

AXE = (
    Path(__file__).resolve().parents[1] / "javascript" / "node_modules" / "axe-core" / "axe.min.js"
)
NO_AXE = "the accessibility tests need axe-core: `npm ci` in tests/javascript (`make test` does it)"
OWN = ("file:", "blob:", "data:")
BAD = ("serious", "critical")
# preload: axe would fetch style sheets, which the page's policy forbids
RUN_AXE = "() => axe.run(document, { resultTypes: ['violations'], preload: false })"
WIDER = """selector => Math.max(0, ...[...document.querySelectorAll(selector)].map(
  one => one.clientWidth ? one.scrollWidth - one.clientWidth : 0))"""


class ExportedPage:
    """A page that was opened from a file.

    `browser` is the page itself, `problems` what went wrong in it, `asked` the addresses outside of
    the file that it asked for.
    """

    def __init__(self, browser):
        self.browser = browser
        self.problems = []
        self.asked = []
        browser.on("pageerror", lambda error: self.problems.append(str(error)))
        browser.on("console", self._told)
        browser.on("request", self._requested)

    def _told(self, message):
        if message.type in ("error", "warning"):
            self.problems.append(f"{message.type}: {message.text}")

    def _requested(self, request):
        if not request.url.startswith(OWN):
            self.asked.append(request.url)

    def explorer(self, number=0):
        """Return an explorer of the page."""
        return self.browser.locator(".av-explorer").nth(number)

    def wider(self, selector="html"):
        """Return by how many pixels the page, or elements of it, have to be scrolled sideways."""
        return self.browser.evaluate(WIDER, selector)


@contextmanager
def opened_file(chromium, file, *, scheme="light", width=1280, height=1000, quiet=True, **options):
    """Open a file offline; at the end fail if the page complained or asked for anything else.

    Parameters
    ----------
    scheme: "light" or "dark".
    width, height: of the window, pixels.
    quiet: whether anything that goes wrong in the page is a failure.
    options: of playwright's context.
    """
    context = chromium.new_context(
        offline=True,
        color_scheme=scheme,
        viewport={"width": width, "height": height},
        permissions=["clipboard-read", "clipboard-write"],
        **options,
    )
    page = ExportedPage(context.new_page())
    page.browser.set_default_timeout(20_000)
    try:
        page.browser.goto(Path(file).as_uri())
        if quiet:
            page.browser.wait_for_selector(".av-explorer[data-drawn]")
        yield page
        assert page.asked == [], f"the page asked for {page.asked}"
        if quiet:
            assert page.problems == [], f"the page complains: {page.problems}"
    finally:
        context.close()


def axe(browser, selector=None):
    """Return what axe-core finds wrong with a page, in words: serious and critical findings."""
    if not AXE.exists():
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(NO_AXE)
    if not browser.evaluate("() => 'axe' in globalThis"):
        browser.add_script_tag(content=AXE.read_text(encoding="utf-8"))
    found = browser.evaluate(RUN_AXE)["violations"]
    return [_words(one) for one in found if one["impact"] in BAD]


def _words(finding):
    places = [
        f"{json.dumps(node['target'])}: {node['failureSummary']}\n    {node['html'][:200]}"
        for node in finding["nodes"][:5]
    ]
    more = len(finding["nodes"])
    return f"{finding['impact']} {finding['id']} ({more}): {finding['help']}\n  " + "\n  ".join(
        places
    )
