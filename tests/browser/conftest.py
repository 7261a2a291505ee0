"""A JupyterLab with Notebook 7 and a Chromium for all browser tests, and one page for each.

Files that explorers were exported to are opened by `pages.opened_file`.
"""

import os
import shutil
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from lab_server import CONTRAST, RUN_ALL, RUN_CELL, SHUT_DOWN, TOKEN, running_lab
from pages import opened_file
from playwright.sync_api import TimeoutError as TooLate
from playwright.sync_api import sync_playwright

from adviz import explore

SCREENSHOTS = Path(__file__).resolve().parents[2] / "screenshots"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = [
    "--no-sandbox",  # root in a container
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--no-first-run",
]
# Scroll bars are seen, as on a person's screen: a page that scrolls where it should not is noticed
LAUNCH = {"headless": True, "args": FLAGS, "ignore_default_args": ["--hide-scrollbars"]}
# Ms for anything but running cells; a loaded machine needs seconds to draw a page
PATIENCE = 30_000
QUICK = 1500  # ms in which a control that is wired has long answered
MISSING = (
    "the browser tests need Chromium: as root `apt-get install chromium` (`make test` does it "
    "where it can), or set "
    f"ADVIZ_CHROMIUM to its path; looked for {', '.join(BROWSERS)}"
)


class LabPage:
    """A browser page that shows a JupyterLab.

    `browser` is the page itself, `problems` its uncaught exceptions.
    """

    def __init__(self, browser):
        self.browser, self.problems, self.console = browser, [], []
        browser.set_default_timeout(PATIENCE)
        browser.on("pageerror", self._raised)
        browser.on(
            "console",
            lambda message: self.console.append(message.text) if message.type == "error" else None,
        )

    def _raised(self, error):
        text = error.stack or str(error)
        # Notebook 7 fails over settings of extensions that are JupyterLab's alone
        settings = "'schema'" in text and "notebook_core" in text
        # the manager of widgets looks for a notebook that a reload has closed already
        reloading = "reading 'widgets'" in text and "jupyterlab-manager" in text
        # JupyterLab's timer takes its splash screen away a second time; nothing else is in the stack
        splash = "'removeChild'" in text and "jlab_core" in text and text.count("\n    at ") == 1
        if not (settings or reloading or splash):
            self.problems.append(text)

    def run_all(self, name, seconds=60):
        """Open the notebook, run it, and return its code cells as stored.

        Source, execution_count, outputs.
        """
        return self.browser.evaluate(RUN_ALL, [name, seconds])

    def run(self, name, seconds=180):
        """Open the notebook and run it, as `run_all`; no cell may raise."""
        cells = self.run_all(name, seconds)
        assert [
            output
            for cell in cells
            for output in cell["outputs"]
            if output["output_type"] == "error"
        ] == []
        return cells

    def run_cell(self, number):
        """Run one cell of the notebook on top, counted from 0."""
        self.browser.evaluate(RUN_CELL, number)

    def reload(self):
        """Save the notebook and load the page again; the kernel lives on."""
        self.browser.evaluate(
            "async () => { await window.jupyterapp.commands.execute('docmanager:save'); }"
        )
        self.browser.reload()
        self.browser.wait_for_function("window.jupyterapp !== undefined")
        self.browser.evaluate("async () => { await window.jupyterapp.restored; }")

    def explorer(self, number=0):
        """Return an explorer of the notebook, scrolled into sight: what is off screen sleeps."""
        found = self.find(".av-explorer").nth(number)
        found.wait_for(state="attached")
        found.scroll_into_view_if_needed()
        return found

    def find(self, selector):
        """Return a locator inside the notebook on top, never in one of a hidden tab."""
        return self.browser.locator(f".jp-NotebookPanel:not(.lm-mod-hidden) {selector}")

    def changes(self, act, number=0, patience=PATIENCE):
        """Do `act`, and wait until explorer `number` of the notebook shows something else.

        Without an error.
        """
        shown, status = self.find(".adviz-view").nth(number), self.find(".adviz-status").nth(number)
        before = shown.inner_html()
        act()
        self.browser.wait_for_function(
            "([shown, before]) => shown.innerHTML !== before",
            arg=[shown.element_handle(), before],
            timeout=patience,
        )
        assert "Error" not in status.inner_text()

    def stays(self, act, number=0):
        """Do `act`, which no callback hears: what `changes` waits for must not come."""
        with pytest.raises(TooLate):
            self.changes(act, number, patience=QUICK)

    def use_theme(self, name):
        """Switch to "JupyterLab Dark" or "JupyterLab Light", and wait until it is there."""
        self.browser.evaluate(
            "name => window.jupyterapp.commands.execute('apputils:change-theme', {theme: name})",
            name,
        )
        light = str(name == "JupyterLab Light").lower()
        self.browser.wait_for_function(
            f"document.body.dataset.jpThemeLight === '{light}'", timeout=PATIENCE
        )

    def contrast(self, selector):
        """Return the smallest WCAG contrast of a text inside the element with its background."""
        return self.find(selector).first.evaluate(CONTRAST)

    def screenshot(self, name):
        SCREENSHOTS.mkdir(exist_ok=True)
        self.browser.screenshot(path=SCREENSHOTS / f"{name}.png")


def browser_path():
    chosen = os.environ.get("ADVIZ_CHROMIUM")
    return chosen or next((path for name in BROWSERS if (path := shutil.which(name))), None)


@pytest.fixture(scope="session")
def lab(tmp_path_factory):
    with running_lab(tmp_path_factory.mktemp("lab")) as server:
        yield server


@pytest.fixture(scope="session")
def chromium():
    path = browser_path()
    if path is None:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(MISSING)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, **LAUNCH)
        yield browser
        browser.close()


@contextmanager
def opened(lab, chromium, notebook=None):
    """Open an empty Lab; at the end stop its kernels and fail if the page threw an exception.

    Parameters
    ----------
    notebook: name of one that Notebook 7 opens instead.
    """
    permissions = ["clipboard-read", "clipboard-write"]
    context = chromium.new_context(viewport={"width": 1280, "height": 900}, permissions=permissions)
    page = LabPage(context.new_page())
    path = f"lab?token={TOKEN}&reset" if notebook is None else f"notebooks/{notebook}?token={TOKEN}"
    page.browser.goto(f"{lab.url}/{path}")
    page.browser.wait_for_function("window.jupyterapp !== undefined", timeout=2 * PATIENCE)
    try:
        yield page
        page.browser.evaluate(SHUT_DOWN)
        assert page.problems == [], "\n".join(page.problems)
    finally:
        context.close()


@pytest.fixture
def lab_page(lab, chromium, request):
    with opened(lab, chromium) as page:
        yield page
        page.screenshot(request.node.name)
        request.node.add_report_section("teardown", "browser console", "\n".join(page.console))


@pytest.fixture(scope="module")
def notebook_page(lab, chromium):
    """Return a function that opens a notebook in Notebook 7 and returns its page."""
    with ExitStack() as pages:
        yield lambda name: pages.enter_context(opened(lab, chromium, notebook=name))


@pytest.fixture(scope="module")
def exported_page(chromium, tmp_path_factory):
    """Return a function that exports explorers and opens the file offline, as `pages.opened_file`.

    What the page complains of, and what it asks a network for, fails the test.
    """
    folder = tmp_path_factory.mktemp("exported")
    with ExitStack() as pages:

        def opened_page(explorers, *, scheme="light", width=1280, **options):
            number = len(list(folder.iterdir()))
            file = explore.export(folder / f"{number}.html", explorers, **options)
            return pages.enter_context(opened_file(chromium, file, scheme=scheme, width=width))

        yield opened_page


@pytest.fixture(scope="module")
def shared_page(lab, chromium):
    """A page that all tests of a module share, for a notebook that takes long to run."""
    with opened(lab, chromium) as page:
        yield page


@pytest.fixture
def screenshot(shared_page, request):
    yield
    shared_page.screenshot(request.node.name)
    request.node.add_report_section("teardown", "browser console", "\n".join(shared_page.console))
