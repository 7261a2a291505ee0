"""Links within a built site that lead nowhere."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit


class _Page(HTMLParser):
    """What a page links to, and the anchors that it has."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.targets: list[str] = []
        self.anchors: set[str] = {"", "top"}
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in ("href", "src", "data-plotly") and value is not None:
                self.targets.append(value)
            elif name in ("id", "name") and value is not None:
                self.anchors.add(value)


def broken_links(folder: Path) -> list[str]:
    """Return "page: target" of every link to a file or an anchor that is not there."""
    # Pages of explorers are complete in themselves; the theme has a template there
    paths = [path for path in folder.rglob("*.html") if "_static" not in path.parts]
    pages = {path: _Page(path.read_text(encoding="utf-8")) for path in paths}
    broken = []
    for path, page in pages.items():
        for target in page.targets:
            parts = urlsplit(target)
            if parts.scheme or parts.netloc:
                continue
            file = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if not file.exists():
                broken.append(f"{path.relative_to(folder)}: {target}")
            elif file in pages and unquote(parts.fragment) not in pages[file].anchors:
                broken.append(f"{path.relative_to(folder)}: {target}")
    return sorted(set(broken))
