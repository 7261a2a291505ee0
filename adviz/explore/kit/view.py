"""What all explorers share: labelled controls, a status line that also shows errors.

And work that can be stopped.
"""

from __future__ import annotations

import base64
import html
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import ipywidgets as widgets
from ipywidgets.widgets.widget_link import DirectionalLink, Link

from adviz.explore.kit import theme
from adviz.explore.kit.background import Label, Work
from adviz.plots import StaticFigure


class Quiet(threading.local):
    """Whether we are setting a control, not a person.

    ``with quiet:`` says so, and callbacks ask ``if quiet``.

    Every thread has its own answer: what a person sets while work in the background draws is still
    a person's.
    """

    _depth = 0

    def __enter__(self) -> None:
        self._depth += 1

    def __exit__(self, *_error: object) -> None:
        self._depth -= 1

    def __bool__(self) -> bool:
        return self._depth > 0


class View(widgets.VBox):  # type: ignore[misc]
    """Controls above a status line above what they show.

    A subclass says what that is in `_draw` and `static`.

    Every part has a CSS class ("adviz-status", "adviz-busy", "adviz-view", and one per control), by
    which tests and styles find it. An exception in a callback is shown in the status line, and the
    page keeps what it showed.
    """

    def __init__(self, controls: list[widgets.Widget]) -> None:
        self._text, self._drawing, self._quiet = "", threading.RLock(), Quiet()
        self._work = Work(self._tell, self._fail)
        self._status = widgets.HTML().add_class("adviz-status")
        self._page = widgets.HTML().add_class("adviz-view")
        self._progress = widgets.Label()
        stop = widgets.Button(
            description="stop", tooltip="stop this work", layout=widgets.Layout(width="80px")
        )
        stop.add_class("adviz-stop").on_click(lambda _: self.stop())
        self._busy = widgets.HBox(
            [stop, self._progress], layout=widgets.Layout(display="none")
        ).add_class("adviz-busy")
        sheet = widgets.HTML(f"<style>{theme.SHEET}</style>", layout=widgets.Layout(display="none"))
        row = wrapped([*controls, sheet.add_class("adviz-sheet")], align="center").add_class(
            "adviz-controls"
        )
        super().__init__([row, self._status, self._busy, self._page])
        self.add_class("adviz-explorer")

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}: a widget, to be used in Jupyter; static() draws it as a figure"
        )

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        """Return the widget and, for pages that show none (GitHub, nbconvert).

        The picture of `static`.
        """
        bundle: dict[str, Any] = super()._repr_mimebundle_(include=include, exclude=exclude)
        try:
            picture = self.static()._repr_jpeg_()
        except Exception:  # nothing to draw yet, or an error that the widget's status line shows
            return bundle
        bundle["image/jpeg"] = base64.b64encode(picture).decode()
        return bundle

    @property
    def status(self) -> str:
        """The status line, as plain text."""
        return self._text

    @property
    def busy(self) -> bool:
        """Whether something is being computed in the background; see `wait` and `stop`."""
        return self._work.busy

    def wait(self, seconds: float = 300) -> None:
        """Wait until nothing is being computed.

        Raises
        ------
        TimeoutError: it took longer; it goes on.
        """
        self._work.wait(seconds)

    def stop(self) -> None:
        """Stop what is being computed at its next step, and drop its result.

        Choosing it again starts it again.
        """
        if self.busy:
            self._work.stop()
            self._say("stopped")

    def close(self) -> None:
        """Take the explorer off the page and give up its memory.

        Jupyter itself keeps all that was ever displayed.
        """
        if hasattr(self, "_work"):  # a view that was refused is closed as well, by ipywidgets
            self.stop()
        discard(self)

    def static(self) -> StaticFigure:
        """Return what is displayed as a matplotlib figure, for pages that show no widgets.

        It is meant for papers, too.
        """
        raise AttributeError(f"{type(self).__name__} does not say what to draw")

    def save(self, path: str) -> None:
        """Write that figure to a file; the ending chooses the format (.pdf, .svg, .png)."""
        self.static().savefig(path, bbox_inches="tight")

    def _draw(self) -> tuple[str, str]:
        """Return what the present state shows, as HTML, and the status line's text."""
        raise AttributeError(f"{type(self).__name__} does not say what to show")

    @contextmanager
    def _together(self) -> Iterator[None]:
        """Draw once after several changes, not after each; work that ends meanwhile waits."""
        with self._drawing:
            with self._quiet:
                yield
            self._redraw()

    def _redraw(self, _change: Any = None) -> None:
        """Show the present state, or say what went wrong."""
        if self._quiet:
            return
        with self._drawing, self._quiet:  # what drawing sets does not draw again
            try:
                page, text = self._draw()
            # Whatever it is: the person at the screen must see it, not only a log
            except Exception as error:
                self._fail(error)
            else:
                self._say(text)  # first: who sees the new page finds its status line there
                self._page.value = page

    def _compute(
        self, label: Label, function: Callable[[], Any], then: Callable[[Any], None]
    ) -> None:
        """Call `function` in the background, showing that it is busy.

        Unless it is stopped, `then` gets its result.

        `label` says what is being done; a function that returns it where that changes.
        """

        def finish(result: Any) -> None:
            with self._drawing:
                then(result)

        self._work.start(label, function, finish)

    def _say(self, text: str) -> None:
        self._text = text
        self._status.value = html.escape(text)
        self._status.remove_class("adviz-error")

    def _fail(self, error: Exception) -> None:
        self._say(f"Error: {type(error).__name__}: {error}")
        self._status.add_class("adviz-error")

    def _tell(self, text: str) -> None:
        """Show how far the work is; no text: there is none."""
        self._progress.value = f"computing {text}" if text else ""
        self._busy.layout.display = None if text else "none"


def wrapped(parts: list[widgets.Widget], *, align: str = "flex-start") -> widgets.HBox:
    """Return widgets side by side, continued on the next line where the page is narrow.

    `align` is CSS' align-items.
    """
    return widgets.HBox(parts, layout=widgets.Layout(flex_flow="row wrap", align_items=align))


def labelled(control: widgets.Widget, name: str, react: Callable[[Any], None]) -> widgets.Widget:
    """Give a control its CSS class ``adviz-<name>`` and call `react` when its value changes."""
    control.add_class(f"adviz-{name}")
    control.observe(react, names="value")
    return control


def linked(source: widgets.Widget, target: widgets.Widget, name: str, *, both: bool = True) -> None:
    """Let `name` of the target follow the source's value in the browser.

    With `both`, also the other way round.
    """
    link = (widgets.jslink if both else widgets.jsdlink)((source, "value"), (target, name))
    # Who discards the source finds it there
    source._adviz_links = [*getattr(source, "_adviz_links", ()), link]


def discard(widget: widgets.Widget) -> None:
    """Close a widget with all that it is made of.

    Closing alone leaves its parts, layout, style and links for ever.
    """
    found: dict[int, widgets.Widget] = {}
    waiting = [widget]
    while waiting:
        one = waiting.pop()
        if id(one) not in found:
            found[id(one)] = one
            ends = isinstance(one, Link | DirectionalLink)  # belong to whoever shows them
            waiting += [] if ends else _widgets_in(vars(one))
    for one in found.values():
        widgets.Widget.close(one)


def _widgets_in(value: Any, depth: int = 4) -> list[widgets.Widget]:
    """Return the widgets in an attribute, or in mappings and lists of them."""
    if isinstance(value, widgets.Widget):
        return [value]
    inside = list(value.values()) if isinstance(value, Mapping) else value
    if not depth or not isinstance(inside, list | tuple):
        return []
    return [one for part in inside for one in _widgets_in(part, depth - 1)]


def value_of(name: str, text: str) -> Any:
    """Return a property that reads and sets the value of the control ``_<name>``."""
    control = f"_{name}"
    return property(
        lambda self: getattr(self, control).value,
        lambda self, value: setattr(getattr(self, control), "value", value),
        doc=text,
    )


class Stepper(widgets.HBox):  # type: ignore[misc]
    """A slider over items with previous and next buttons and a counter that starts at 1."""

    def __init__(self, name: str, react: Callable[[Any], None]) -> None:
        self.slider = widgets.IntSlider(
            min=1, max=1, description=name, readout=False, layout=widgets.Layout(width="300px")
        )
        labelled(self.slider, name, react)
        self._counter = widgets.Label(
            layout=widgets.Layout(min_width="70px", justify_content="center")
        )
        self._counter.add_class("adviz-counter")
        buttons = [self._button("previous", "◀", -1), self._button("next", "▶", 1)]
        super().__init__([self.slider, buttons[0], self._counter, buttons[1]])
        self.slider.observe(self._count, names=["value", "max"])

    def _button(self, name: str, icon: str, step: int) -> widgets.Button:
        button = widgets.Button(description=icon, tooltip=name, layout=widgets.Layout(width="40px"))
        button.add_class(f"adviz-{name}")
        button.on_click(lambda _: self.move(step))
        return button

    def move(self, step: int) -> None:
        """Go `step` items on, and stay at the ends."""
        self.slider.value = min(max(self.slider.value + step, 1), self.slider.max)

    def reset(self, length: int) -> None:
        """Go to the first of `length` items."""
        self.slider.value = 1
        self.slider.max = length
        self._count()

    def _count(self, _change: Any = None) -> None:
        self._counter.value = f"{self.slider.value} of {self.slider.max}"
