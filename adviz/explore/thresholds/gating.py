"""What a first stage saves and loses.

Only images whose score is above tau are looked at a second time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import ipywidgets as widgets
import numpy as np

from adviz.data import ANOMALOUS
from adviz.explore.kit import markup, theme
from adviz.explore.kit.svg import Chart
from adviz.explore.kit.view import Quiet, labelled
from adviz.plots import style

STEPS = 200  # of a slider over scores


@dataclass(frozen=True, eq=False)
class Gating:
    """What each threshold tau of the first stage saves and loses; the first one gates nothing away.

    Attributes
    ----------
    tau: (T,) float, rising, score units; -inf and then every distinct score. An image is segmented
        when its score is above tau.
    saved: (T,) share of all images that are not segmented, 0..1.
    images_lost: (T,) int, anomalous images that are not segmented; none where nothing is labelled.
    pixels_lost: (T,) share of all defect pixels that lie in them, 0..1; NaN where no masks are
        known.
    anomalous, images: how many anomalous images and how many images there are.
    """

    tau: np.ndarray
    saved: np.ndarray
    images_lost: np.ndarray
    pixels_lost: np.ndarray
    anomalous: int
    images: int

    def at(self, tau: float) -> int:
        """Return which entry holds for a value of tau between those listed."""
        return int(np.searchsorted(self.tau, tau, side="right")) - 1

    @property
    def free(self) -> int:
        """The last entry that loses no anomalous image."""
        return int(np.flatnonzero(self.images_lost == 0)[-1])


def gating(scores: np.ndarray, labels: np.ndarray, areas: np.ndarray | None = None) -> Gating:
    """Return what a first stage saves and loses at every tau.

    SPADE 3.2: only images with a score above tau are segmented.

    Parameters
    ----------
    scores: (N,) float, of the first stage.
    labels: (N,) int: 0 good, 1 anomalous, -1 unlabelled.
    areas: (N,) defect pixels of every image; None = not known.

    Raises
    ------
    ValueError: no image, or arrays of different lengths.
    """
    lengths = {len(values) for values in (scores, labels, areas) if values is not None}
    if len(lengths) != 1 or not len(scores):
        raise ValueError(
            f"expected scores, labels and areas of one length, at least 1, got {sorted(lengths)}"
        )
    scores = np.asarray(scores, np.float64)
    tau = np.append(-np.inf, np.unique(scores))
    pixels = (
        np.zeros(len(scores))
        if areas is None
        else np.where(labels == ANOMALOUS, areas, 0).astype(float)
    )
    order = np.argsort(scores, kind="stable")
    # How many scores are at or below tau
    passed = np.searchsorted(scores[order], tau, side="right")
    lost = np.append(0, np.cumsum((labels == ANOMALOUS)[order]))[passed]
    gone = np.append(0.0, np.cumsum(pixels[order]))[passed]
    share = gone / pixels.sum() if areas is not None and pixels.any() else np.full(len(tau), np.nan)
    return Gating(
        tau, passed / len(scores), lost, share, int((labels == ANOMALOUS).sum()), len(scores)
    )


class GatePanel(widgets.VBox):  # type: ignore[misc]
    """A slider over tau, and what each value saves and loses.

    Hidden where there is no second stage.

    Parameters
    ----------
    react: called when a person moved the slider.
    """

    def __init__(self, react: Callable[[float], None]) -> None:
        self._quiet, self._drawn, self._react = Quiet(), ("", ""), react
        self.slider = labelled(
            widgets.FloatSlider(
                description="τ of stage 1", continuous_update=False, readout_format=".4g",
                style={"description_width": "initial"}, layout=widgets.Layout(width="520px"),
            ),
            "gate",
            self._moved,
        )  # fmt: skip
        self.page = widgets.HTML().add_class("adviz-gating")
        super().__init__([self.slider, self.page])

    def show(self, found: Gating | None, tau: float, seconds: float, words: str) -> None:
        """Show one value of tau; `found` = None: there is no second stage.

        Parameters
        ----------
        tau: score units.
        seconds: that the second stage takes for one image.
        words: said below.
        """
        self.layout.display = "none" if found is None else None
        if found is None:
            return
        scores = found.tau[1:]
        with self._quiet:
            set_range(self.slider, scores[0], scores[-1], tau)
        numbers = markup.table(
            _rows(found, found.at(tau), seconds),
            ["current", "of"],
            title="only images above τ go on",
        )
        lost = (
            found.images_lost / found.anomalous
            if found.anomalous
            else np.full(len(found.tau), np.nan)
        )
        chart = _chart(found, lost, found.at(tau))
        said = theme.note(words) if words else ""
        self.page.value = markup.row([chart, numbers + said], gap=24)

    def _moved(self, change: Any) -> None:
        if not self._quiet:
            self._react(float(change["new"]))


def set_range(slider: widgets.FloatSlider, low: float, high: float, value: float) -> None:
    """Give a slider the range of scores with some room, and a value that may lie outside of it."""
    room = 0.02 * (high - low) or max(1e-6, 0.01 * abs(high))
    low, high = min(low - room, value), max(high + room, value)
    with slider.hold_sync():
        slider.max = max(slider.max, high)
        slider.min, slider.value = low, value
        slider.max, slider.step = high, (high - low) / STEPS


def _chart(found: Gating, lost: np.ndarray, at: int) -> str:
    """Return what is saved against what is lost, one step for each tau, and where tau is now."""
    chart = Chart(
        (0, 1),
        (0, 1.05),
        names=("fraction of the images saved", "fraction lost"),
        size=(520, 260),
        top=26,
    )
    lines = (
        ("anomalous images", lost, style.VERMILLION, "solid", "circle"),
        ("defect pixels", found.pixels_lost, style.BLUE, "dashed", "square"),
    )
    known = [line for line in lines if np.isfinite(line[1]).all()]
    chart.rule(found.saved[at], "current τ")
    for name, values, colour, dash, shape in known:
        chart.path(np.repeat(found.saved, 2)[1:], np.repeat(values, 2)[:-1], colour, dash=dash)
        chart.dots(
            found.saved[[at]],
            values[[at]],
            [f"{name}: {values[at]:.1%}"],
            colour,
            shape=shape,
            size=6,
        )
    chart.legend([(name, colour, dash) for name, _, colour, dash, _ in known])
    return chart.svg("what each threshold of the first stage saves, and what it loses")


def _rows(found: Gating, at: int, seconds: float) -> dict[str, list[str]]:
    saved = round(float(found.saved[at]) * found.images)
    rows = {
        "images saved": [f"{saved} ({found.saved[at]:.0%})", str(found.images)],
        "seconds saved": [f"{saved * seconds:.2f}", f"{found.images * seconds:.2f}"],
    }
    if found.anomalous:
        share = found.images_lost[at] / found.anomalous
        rows["anomalous images lost"] = [
            f"{found.images_lost[at]} ({share:.0%})",
            str(found.anomalous),
        ]
    if np.isfinite(found.pixels_lost[at]):
        rows["defect pixels lost"] = [f"{found.pixels_lost[at]:.1%}", "100%"]
    return rows
