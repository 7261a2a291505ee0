"""Views that need more than a prediction, and compute it once in the background."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from typing import Any

from adviz._support import progress
from adviz.data import Category
from adviz.explore.kit.checked import Found
from adviz.explore.kit.image_stepper import SteppedView

Steps = dict[Hashable, Callable[[], Any]]


class PreparedView(SteppedView):
    """Shows what is known at once, computes what `_steps` names, and then shows the rest.

    A step keeps its own result, so that work which was stopped or overtaken is not lost.
    """

    def __init__(
        self, categories: Mapping[str, Category], predictions: Mapping[str, Mapping[str, Found]]
    ) -> None:
        self._wanted: set[Hashable] = set()
        super().__init__(categories, predictions)

    def _steps(self) -> Steps:
        """Return what is missing for what is displayed, by name.

        The name of the same thing is always the same.
        """
        return {}

    def _draw(self) -> tuple[str, str]:
        page = super()._draw()
        self._prepare()
        return page

    def _prepare(self) -> None:
        """Begin what is missing; what is under way is not begun again."""
        steps = self._steps()
        if not steps or (self.busy and set(steps) <= self._wanted):
            return
        self._wanted, self._pending = set(steps), None

        def work() -> None:
            for step in progress.progress_bar(list(steps.values()), label="steps"):
                step()

        self._compute("looking closer", work, lambda _: self._redraw())
