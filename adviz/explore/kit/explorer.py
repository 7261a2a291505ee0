"""Explorers that draw themselves in the browser: one anywidget each, whose state is plain traits.

The traits hold what a person chose and nothing else. What is shown follows from them and from named
parts of the data (`kit.parts`), which the browser asks for; Python only answers.
"""

from __future__ import annotations

import base64
import threading
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import anywidget
import traitlets
from traitlets import Dict, TraitError, Unicode

from adviz._support import got
from adviz.explore.kit import pictures
from adviz.explore.kit.bundle import bundle, styles
from adviz.explore.kit.export import MOST, export
from adviz.explore.kit.packing import packed
from adviz.explore.kit.parts import Parts
from adviz.explore.kit.tasks import Task, Tasks
from adviz.plots import StaticFigure


class Explorer(anywidget.AnyWidget):  # type: ignore[misc]
    """What all explorers share: state in traits, parts of data by key, work beside the kernel.

    Attributes
    ----------
    source: where the parts come from.
    """

    MODULE = ""
    # names of the traits that a person sets
    STATE: tuple[str, ...] = ()
    # kinds of parts that an exported page asks for
    KINDS: tuple[str, ...] = ()
    # kind of a part -> what is said while it is made; others take no time worth a word
    LABELS: ClassVar[Mapping[str, str]] = {}
    # trait -> function of the explorer that returns what it can be; subclasses add to it
    ONE_OF: ClassVar[Mapping[str, Callable[[Any], Sequence[Any]]]] = {}
    # attributes that are no state; all others would be misspelt
    OWN: ClassVar[frozenset[str]] = frozenset({"source", "links"})

    # not chosen, but told to the browser
    facts = Dict().tag(sync=True)
    options = Dict().tag(sync=True)
    opening = Dict().tag(sync=True)  # parts of the first picture: drawn without asking
    busy = Unicode().tag(sync=True)
    error = Unicode().tag(sync=True)

    def __init_subclass__(cls) -> None:
        if "MODULE" in vars(cls):  # anywidget makes a subclass of every instance's class
            cls._esm = bundle(cls.MODULE)
            cls._css = styles()
        super().__init_subclass__()

    def __init__(
        self,
        source: Parts,
        state: Mapping[str, Any],
        *,
        options: Mapping[str, Any] | None = None,
    ) -> None:
        self.source = source
        self.links: list[tuple[Explorer, Explorer, str]] = []
        self._answering = threading.Lock()
        self._tasks = Tasks(self._tell)
        every = [vars(one).get("ONE_OF", {}) for one in reversed(type(self).__mro__)]
        self._allowed = {name: found for each in every for name, found in each.items()}
        self._register_validator(Explorer._check_choice, tuple(self._allowed))
        for name, value in state.items():  # first: defaults of other traits follow from them
            setattr(self, name, value)
        super().__init__(options=dict(options or {}), facts=source.facts)
        self.opening = {key: self._opened(key) for key in self._first_parts()}
        self.on_msg(self._answer)

    def __setattr__(self, name: str, value: Any) -> None:
        known = name.startswith("_") or hasattr(type(self), name) or name in self.OWN
        if not known:
            raise AttributeError(
                f"expected some of {', '.join(self.STATE)}, {got(name, self.STATE)}"
            )
        super().__setattr__(name, value)

    def __repr__(self) -> str:
        return f"{type(self).__name__}: a widget, to be used in Jupyter; static() draws it"

    # state

    @property
    def state(self) -> dict[str, Any]:
        """What a person chose, as plain data; setting it restores that."""
        return {name: getattr(self, name) for name in self.STATE}

    @state.setter
    def state(self, values: Mapping[str, Any]) -> None:
        unknown = sorted(set(values) - set(self.STATE))
        if unknown:
            raise ValueError(f"expected some of {', '.join(self.STATE)}, got {', '.join(unknown)}")
        before = self.state
        # the category first, for others are of it
        names = [name for name in self.STATE if name in values]
        try:
            for name in names:
                setattr(self, name, values[name])
        except TraitError:
            for name, value in before.items():
                setattr(self, name, value)
            raise

    def _check_choice(self, proposal: Any) -> Any:
        name = proposal["trait"].name
        return self._one_of(name, proposal["value"], self._allowed[name](self))

    @staticmethod
    def _one_of(name: str, value: Any, allowed: Sequence[Any]) -> Any:
        if value not in allowed:
            names = ", ".join(map(str, allowed))
            raise TraitError(f"{name} must be one of {names}, got {value!r}")
        return value

    @traitlets.validate("zoom", "closeup")
    def _check_zoom(self, proposal: Any) -> list[float]:
        zoom = list(proposal["value"])
        if zoom and not (len(zoom) == 3 and zoom[2] >= 1):
            raise TraitError(
                f"{proposal['trait'].name} must be [] or [row, column, magnification of 1 or "
                f"more], of a plane [x, y, magnification], got {zoom}"
            )
        return zoom

    # parts

    def part(self, key: str) -> dict[str, Any]:
        """Return data that is displayed, by its key, as arrays and JPEG files.

        Parameters
        ----------
        key: such as "found/mesh/SPADE/10" or "test/mesh/10"; its source lists them.
        """
        return dict(self.source.part(key))

    def _first_parts(self) -> list[str]:
        """Return the keys of the parts that the first picture needs."""
        return []

    def _opened(self, key: str) -> dict[str, Any]:
        heads, values = packed(self.part(key))
        return {"heads": heads, "values": values}

    # messages

    def _answer(self, _widget: Any, message: Any, _buffers: Any) -> None:
        """Answer the browser: parts at once, or in the background where making them takes long."""
        if message.get("stop"):
            self.stop()
        keys = list(message.get("ask", ()))
        slow = [key for key in keys if self._is_slow(key)]
        quick = [key for key in keys if key not in slow]
        if quick:
            self._send_parts(quick)
        for key in slow:
            task = Task(
                key=key,
                label=self.LABELS.get(key.split("/")[0], ""),
                run=partial(self.part, key),
                done=partial(self._send_made, key),
                failed=partial(self._send_failure, key),
            )
            self._tasks.add(task)

    def _is_slow(self, key: str) -> bool:
        return self.source.slow(key)

    def _send_parts(self, keys: Sequence[str]) -> None:
        answers: list[dict[str, Any]] = []
        buffers: list[bytes] = []
        for key in keys:
            try:
                heads, values = packed(self.part(key))
            # whatever it is: the person at the screen must see it, not only a log
            except Exception as error:
                answers.append({"key": key, "error": _words_of(error)})
            else:
                answers.append({"key": key, "heads": heads})
                buffers += values
        with self._answering:
            self.send({"parts": answers}, buffers)

    def _send_made(self, key: str, _part: Any) -> None:
        self._send_parts([key])

    def _send_failure(self, key: str, error: Exception | None) -> None:
        answer = {"key": key, "stopped": True}
        if error is not None:
            answer = {"key": key, "error": _words_of(error)}
        with self._answering:
            self.send({"parts": [answer]})

    def _tell(self, text: str) -> None:
        self.busy = f"computing {text}" if text else ""

    def _fail(self, error: Exception | None) -> None:
        self.error = "" if error is None else f"Error: {_words_of(error)}"

    def wait(self, seconds: float = 300) -> None:
        """Wait until nothing is being computed.

        Raises
        ------
        TimeoutError: it took longer; it goes on.
        """
        self._tasks.wait(seconds)

    def stop(self) -> None:
        """Stop what is being computed at its next step; choosing it again starts it again."""
        self._tasks.stop()

    def close(self) -> None:
        """Take the explorer off the page, and stop its work."""
        if hasattr(self, "_tasks"):  # one that was refused is closed as well, by ipywidgets
            self.stop()
        layout = self.layout
        super().close()
        if layout is not None:  # a widget of its own, which ipywidgets leaves
            layout.close()

    # pictures and files

    def static(self) -> StaticFigure:
        """Return what is displayed as a matplotlib figure, for papers and pages without widgets."""
        raise AttributeError(f"{type(self).__name__} does not say what to draw")

    def save(self, path: str) -> None:
        """Write that figure to a file; the ending chooses the format (.pdf, .svg, .png)."""
        self.static().savefig(path, bbox_inches="tight")

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> Any:
        """Return the widget, and for pages that show none (GitHub, nbviewer) a picture."""
        found = super()._repr_mimebundle_(include=include, exclude=exclude)
        if found is None:
            return None
        data, metadata = found if isinstance(found, tuple) else (found, {})
        picture = self.picture()
        if not picture:
            return data, metadata
        return {**data, "image/jpeg": base64.b64encode(picture).decode()}, metadata

    def picture(self) -> bytes:
        """Return what pages without widgets and without scripts show, as a JPEG file.

        Empty where there is nothing to draw yet.
        """
        try:
            files = [figure._repr_jpeg_() for figure in self._figures()]
        except Exception:  # nothing to draw yet, or an error that the status line shows
            return b""
        return files[0] if len(files) == 1 else pictures.stacked(files)

    def _figures(self) -> list[StaticFigure]:
        """Return the figures that show what is displayed, from top to bottom."""
        return [self.static()]

    def export(
        self,
        path: str | Path,
        *,
        title: str = "",
        images: Sequence[int] | None = None,
        categories: Sequence[str] | None = None,
        k: int | None = None,
        half: bool = False,
        quality: int | None = None,
        photos: bool = False,
        most: float = MOST,
    ) -> Path:
        """Write this explorer, and those that are linked with it, as one HTML file.

        It needs neither kernel nor network: every click answers as in a notebook. Options are those
        of `adviz.explore.export`.

        Examples
        --------
        >>> view = explore.results(category, prediction)
        >>> view.export("mesh.html")
        PosixPath('mesh.html')
        """
        return export(
            path,
            self,
            title=title,
            images=images,
            categories=categories,
            k=k,
            half=half,
            quality=quality,
            photos=photos,
            most=most,
        )

    def export_keys(
        self,
        *,
        images: Sequence[int] | None = None,
        k: int | None = None,
        photos: bool = False,
    ) -> list[str]:
        """Return the keys of the parts that an exported page of this explorer asks for.

        Options are those of `Parts.keys`.
        """
        return list(self.source.keys(kinds=self.KINDS, images=images, k=k, photos=photos))

    def exported_state(self, images: Sequence[int] | None = None) -> dict[str, Any]:
        """Return the state that an exported page begins with, which holds some test images."""
        return self.state


def _words_of(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
