"""A chart with hover, and the same chart on paper."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Collection
from functools import cached_property
from typing import Any

import plotly.graph_objects as go
import plotly.io
from PIL import Image

from adviz.plots import style

COLOURS = 128  # of the stored picture: lines and their blurred edges need no more


class Chart:
    """A chart in two ways from the same numbers: plotly with hover, matplotlib for paper.

    Jupyter stores both. JupyterLab shows the interactive one; GitHub, print and whoever lacks
    plotly show the picture.

    Parameters
    ----------
    title: of the chart, for its name.
    interactive, static: draw it with plotly and with matplotlib; called when first needed.

    Examples
    --------
    >>> chart = plots.score_histogram(prediction.score, category.test.labels, title="hex nut")
    >>> chart
    Chart('hex nut')
    >>> chart.static()
    <StaticFigure size ... with 1 Axes>
    """

    def __init__(
        self,
        title: str,
        interactive: Callable[[], go.Figure],
        static: Callable[[], style.StaticFigure],
    ) -> None:
        self.title = title
        self._interactive = interactive
        self._static = static

    @cached_property
    def figure(self) -> go.Figure:
        """The interactive chart.

        Examples
        --------
        >>> chart = plots.score_histogram(prediction.score, category.test.labels)
        >>> [trace.name.split()[0] for trace in chart.figure.data]
        ['good', 'anomalous']
        """
        return self._interactive()

    def static(self) -> style.StaticFigure:
        """Return the chart for paper, drawn anew: whoever changes it changes no other.

        Examples
        --------
        >>> chart = plots.score_histogram(prediction.score, category.test.labels)
        >>> chart.static().savefig("scores.pdf")
        """
        return self._static()

    def __repr__(self) -> str:
        return f"Chart({self.title!r})"

    def _repr_mimebundle_(
        self, include: Collection[str] | None = None, exclude: Collection[str] | None = None
    ) -> dict[str, Any]:
        """Return what Jupyter shows and stores: plotly's description and a picture."""
        shown: dict[str, Any] = plotly.io.renderers["plotly_mimetype"].to_mimebundle(
            self.figure.to_dict()
        )
        shown["image/png"] = base64.b64encode(_small_png(self.static())).decode()
        return {
            kind: value
            for kind, value in shown.items()
            if (not include or kind in include) and kind not in (exclude or ())
        }


def _small_png(figure: style.StaticFigure) -> bytes:
    """Return the picture in few colours, a quarter of what all of them take."""
    whole = io.BytesIO()
    figure.savefig(
        whole,
        format="png",
        dpi=style.DOTS_PER_INCH,
        facecolor=style.PAPER,
        bbox_inches=figure.bbox_inches,
        pad_inches=0,
    )
    small = io.BytesIO()
    picture = Image.open(whole).convert("RGB")
    picture.quantize(COLOURS, dither=Image.Dither.NONE).save(small, "PNG", optimize=True)
    return small.getvalue()
