"""How is the training going? The loss of every epoch, while it goes on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import traitlets
from traitlets import Int, TraitError

from adviz import plots
from adviz.explore.kit.explorer import Explorer
from adviz.explore.kit.packing import Part
from adviz.explore.kit.parts import Facts, Images, Parts
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


class Losses(Parts):
    """The losses of a training; all of it is facts.

    Attributes
    ----------
    losses: (epochs so far,) float.
    """

    def __init__(self, epochs: int, title: str) -> None:
        super().__init__()
        self.losses = np.zeros(0)
        self._epochs = epochs
        self._title = title

    @property
    def facts(self) -> Facts:
        """The losses, None where one is not finite, with the number of epochs and the title."""
        losses = [loss if np.isfinite(loss) else None for loss in self.losses.tolist()]
        return {"id": self.id, "epochs": self._epochs, "title": self._title, "losses": losses}

    @property
    def title(self) -> str:
        """What is trained."""
        return self._title or "training"

    def _make(self, key: str) -> Part:
        raise KeyError(f"{key!r} is no part: a training has none")

    def _keys(self, images: Images, k: int | None) -> Iterator[str]:
        yield from ()


class TrainingView(Explorer):
    """A curve that grows with every `update`.

    Attributes
    ----------
    epoch: the one that is looked at, from 1; 0 = the last one so far.
    epochs: how many there will be.
    losses: (epochs so far,) float.
    """

    MODULE = "training.js"
    STATE = ("epoch",)
    source: Losses

    epoch = Int(0).tag(sync=True)

    def __init__(self, epochs: int, title: str = "") -> None:
        if epochs < 1:
            raise ValueError(f"expected at least one epoch to show, got epochs={epochs}")
        self._title = title
        self._epochs = epochs
        super().__init__(Losses(epochs, title), {})

    @traitlets.validate("epoch")
    def _check_epoch(self, proposal: Any) -> int:
        done = len(self.losses)
        if not 0 <= proposal["value"] <= done:
            raise TraitError(
                f"epoch must be one of the {done} epochs so far from 1, or 0 for the last, got "
                f"{proposal['value']}"
            )
        return int(proposal["value"])

    @property
    def epochs(self) -> int:
        """How many epochs there will be."""
        return self._epochs

    @property
    def losses(self) -> np.ndarray:
        """The losses so far."""
        return self.source.losses

    def update(self, losses: np.ndarray) -> None:
        """Show the losses of all epochs so far."""
        self.source.losses = np.array(losses, dtype=float)
        self.facts = self.source.facts
        wrong = np.count_nonzero(~np.isfinite(self.losses))
        of_all = f"{wrong} of {len(self.losses)} values that are NaN or infinite"
        self._fail(ValueError(f"losses must be finite, got {of_all}") if wrong else None)

    def static(self) -> StaticFigure:
        """Return the curve so far as a matplotlib figure."""
        return plots.loss_curve(self.losses, epochs=self.epochs, title=self._title)
