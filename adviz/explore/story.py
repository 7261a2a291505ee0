"""Stories: sentences, each with the state of a desk that shows it and a check that it is true."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from traitlets import TraitError

from adviz.explore.desk import Desk
from adviz.plots import StaticFigure

Check = Callable[[Desk], Any]
Step = tuple[str, Mapping[str, Any], Check]


def story(desk: Desk, steps: Sequence[Step]) -> Story:
    """Tell a story on a desk: a reader goes on with *next* and *back*, and looks for himself.

    Parameters
    ----------
    desk: its state now is what every step begins with.
    steps: sentence, what of the desk's state shows it, and a check: a function of the desk in that
        state that returns whether the sentence is true.

    Returns
    -------
    A `Story`; display it as the last line of a cell.

    Raises
    ------
    ValueError: no steps, or a state that the desk cannot have.

    Examples
    --------
    >>> desk = explore.desk(category, prediction)
    >>> def is_high(desk):
    ...     return desk.prediction.score[desk.image] >= desk.threshold
    >>> highest = {"image": int(prediction.score.argmax())}
    >>> told = explore.story(desk, [("It is predicted anomalous.", highest, is_high)])
    >>> told.check()
    """
    return Story(desk, steps)


class Story:
    """A desk on which a story is told.

    Attributes
    ----------
    desk: it has `steps`, and `step` says which of them is told.
    """

    def __init__(self, desk: Desk, steps: Sequence[Step]) -> None:
        if not steps:
            raise ValueError("expected a story of one step or more, got none")
        self.desk = desk
        self._checks = [check for _, _, check in steps]
        told: list[dict[str, Any]] = []
        with _as_before(desk) as begin:
            for number, (sentence, state, _check) in enumerate(steps):
                _show(desk, {**begin, **state}, _name(number, len(steps), sentence))
                told.append({"sentence": sentence, "state": _without_step(desk.state)})
        desk.step = 0
        desk.steps = told
        desk.state = told[0]["state"]

    @property
    def step(self) -> int:
        """Which step is told, from 0; settable."""
        return int(self.desk.step)

    @step.setter
    def step(self, number: int) -> None:
        self.desk.step = number

    def check(self) -> None:
        """Check that every sentence is still true.

        Raises
        ------
        AssertionError: one is not; it says which.
        """
        told = self.desk.steps
        with _as_before(self.desk):
            for number, (one, check) in enumerate(zip(told, self._checks, strict=True)):
                name = _name(number, len(told), one["sentence"])
                self.desk.state = one["state"]
                self.desk.wait()
                try:
                    true = bool(check(self.desk))
                except Exception as error:
                    raise AssertionError(f"{name} {type(error).__name__}: {error}") from error
                if not true:
                    raise AssertionError(f"{name} This is not true.")

    def export(self, path: str | Path, *, title: str = "") -> Path:
        """Write the story with its desk as one HTML file.

        It holds `images`, with distances as 16-bit floats; `desk.export` writes all, and has more
        options.
        """
        return self.desk.export(path, title=title, images=self.images, half=True)

    @property
    def images(self) -> list[int]:
        """Test images that the steps show: theirs, and those that their filters leave."""
        shown: set[int] = set()
        with _as_before(self.desk):
            for one in self.desk.steps:
                self.desk.state = one["state"]
                self.desk.wait()
                shown.add(self.desk.image)
                if self.desk.filtered:
                    shown.update(self.desk.listed)
        return sorted(shown)

    def static(self) -> StaticFigure:
        """Return what the present step shows as a matplotlib figure."""
        return self.desk.static()

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> Any:
        return self.desk._repr_mimebundle_(include=include, exclude=exclude)

    def __repr__(self) -> str:
        return f"Story of {len(self.desk.steps)} steps: a widget, to be used in Jupyter"


@contextmanager
def _as_before(desk: Desk) -> Iterator[dict[str, Any]]:
    """Give the desk the state back that it has now, which is yielded without its step."""
    before = desk.state
    try:
        yield _without_step(before)
    finally:
        desk.state = before


def _show(desk: Desk, state: dict[str, Any], name: str) -> None:
    try:
        desk.state = state
    except (TraitError, ValueError) as error:
        raise ValueError(f"{name} The desk cannot show this: {error}") from error


def _without_step(state: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in state.items() if name != "step"}


def _name(number: int, count: int, sentence: str) -> str:
    return f"step {number + 1} of {count}, “{sentence}”:"
