"""Pictures to draw, and a rule for every test here: pyplot is never touched."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

H, W = 24, 32


@pytest.fixture(autouse=True)
def no_pyplot_figure():
    yield
    assert plt.get_fignums() == []


@pytest.fixture
def image():
    return np.random.default_rng(0).integers(0, 256, (H, W, 3), dtype=np.uint8)


@pytest.fixture
def mask():
    region = np.zeros((H, W), bool)
    region[5:11, 8:20] = True
    return region


@pytest.fixture
def anomaly_map(mask):
    return (mask * 3.0 + np.random.default_rng(1).uniform(0, 1, (H, W))).astype(np.float32)


@pytest.fixture
def panel():
    def find(figure, label):
        found = [axes for axes in figure.axes if axes.get_label() == label]
        assert len(found) == 1, f"{label!r} in {[axes.get_label() for axes in figure.axes]}"
        return found[0]

    return find


@pytest.fixture
def printed():
    """All text of a matplotlib figure, legends included."""

    def find(figure):
        from matplotlib.text import Text

        return "\n".join(text.get_text() for text in figure.findobj(Text) if text.get_text())

    return find


@pytest.fixture
def inside():
    """Assert that no text is cut off at the edge and that no two texts overlap."""

    def check(figure):
        from matplotlib.text import Text

        figure.draw_without_rendering()
        width, height = figure.bbox.size
        boxes, hidden = [], set(_labels_outside_the_view(figure))
        for text in figure.findobj(Text):
            if text.get_text() and text.get_visible() and text not in hidden:
                box = text.get_window_extent()
                assert box.x0 >= -1, f"{text.get_text()!r} leaves the paper at the left"
                assert box.x1 <= width + 1, f"{text.get_text()!r} leaves the paper at the right"
                assert box.y0 >= -1, f"{text.get_text()!r} leaves the paper below"
                assert box.y1 <= height + 1, f"{text.get_text()!r} leaves the paper above"
                boxes.append((text.get_text(), box.padded(-1)))
        for first, (name, box) in enumerate(boxes):
            for other, second in boxes[first + 1 :]:
                assert not box.overlaps(second), f"{name!r} overlaps {other!r}"

    return check


def _labels_outside_the_view(figure):
    """Yield the labels of ticks beyond the ends of an axis, which are not drawn."""
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            low, high = sorted(axis.get_view_interval())
            for tick in axis.get_major_ticks():
                if not low <= tick.get_loc() <= high:
                    yield from (tick.label1, tick.label2)
