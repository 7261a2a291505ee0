"""How is the training going? The loss of every epoch, while it goes on."""

from __future__ import annotations

import numpy as np

from adviz import plots
from adviz.explore.kit import theme
from adviz.explore.kit.view import View
from adviz.plots import StaticFigure


def training(epochs: int, *, title: str = "") -> TrainingView:
    """Show the losses of a training that another cell runs.

    ``detector.fit(features, watch=view.update)``.

    Parameters
    ----------
    epochs: how many there will be, >= 1.
    title: text over the chart.

    Returns
    -------
    A `TrainingView`; display it as the last line of a cell before the training.

    Examples
    --------
    >>> view = explore.training(epochs=3)
    >>> view.update(np.array([1.0, 0.5]))
    >>> len(view.losses)
    2
    """
    return TrainingView(epochs, title)


class TrainingView(View):
    """A curve that grows with every `update`; the losses so far are `losses`, (epochs,) float."""

    def __init__(self, epochs: int, title: str = "") -> None:
        if epochs < 1:
            raise ValueError(f"expected at least one epoch to show, got epochs={epochs}")
        self.epochs, self._title = epochs, title
        self.losses = np.zeros(0)
        super().__init__([])
        self._redraw()

    def update(self, losses: np.ndarray) -> None:
        """Show the losses of all epochs so far."""
        self.losses = np.array(losses, dtype=float)
        self._redraw()

    def static(self) -> StaticFigure:
        """Return the curve so far as a matplotlib figure."""
        return plots.loss_curve(self.losses, epochs=self.epochs, title=self._title)

    def _draw(self) -> tuple[str, str]:
        done = len(self.losses)
        text = f"epoch {done} of {self.epochs}" + (
            f" · loss {self.losses[-1]:.3f}" if done else ": not started"
        )
        return theme.svg(self.static(), text=f"loss of every epoch: {text}", width=theme.WIDE), text
