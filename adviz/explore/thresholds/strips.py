"""The scores of all images by defect type, as a chart in the page."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from adviz.data import Split
from adviz.explore.kit.svg import SHAPES, Chart
from adviz.plots import KIND_COLOURS, strip_rows, style

WIDTH, LINE = 660, 32  # CSS pixels: of the chart, and the height of a defect type's line


def score_strip(
    scores: np.ndarray,
    split: Split,
    ends: tuple[float, float],
    threshold: float,
    marks: Mapping[str, float],
    current: int,
) -> str:
    """Return every image as a dot at its score, one line per defect type, with the thresholds.

    `plots` has it static.

    Parameters
    ----------
    scores: (N,) float.
    split: the N images, whose names the dots say when pointed at.
    ends: of the axis, score units.
    threshold: what is flagged, to its right, is shaded.
    marks: name -> other thresholds.
    current: the image to ring.
    """
    rows = strip_rows(split.defects)
    lines = [
        (float(-line), f"{kind} ({len(images)})") for line, (kind, images, _) in enumerate(rows)
    ]
    names, size = ("anomaly score of the image", ""), (WIDTH, 100 + LINE * len(rows))
    chart = Chart(
        ends, (0.5 - len(rows), 0.5), names=names, size=size, left=150, top=40, lines=lines
    )
    chart.span(threshold, ends[1], style.SKY)
    for level, (name, value) in enumerate(marks.items()):
        chart.rule(value, name, level=level)
    chart.rule(threshold, dash="dashed", width=2.5)
    ids = split.ids
    for line, (kind, images, heights) in enumerate(rows):
        colour = KIND_COLOURS.get(kind, style.ANOMALOUS)
        texts = [
            f"image {image + 1} · {ids[image]} · {style.number(scores[image])}" for image in images
        ]
        chart.dots(scores[images], heights, texts, colour, shape=list(SHAPES)[line % len(SHAPES)])
        for image, height in zip(images, heights, strict=True):
            if image == current:
                chart.ring(scores[image], height)
    return chart.svg("every image's score by defect type, and the threshold")
