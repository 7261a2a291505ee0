"""Groups of pictures: every picture in its place, one scale for all maps, the outlines."""

import numpy as np
import pytest

from adviz import plots
from adviz.plots import Picture

NAMES = ("image", "map")


def pair(image, mask, anomaly_map):
    return [Picture(image, truth=mask), Picture(values=anomaly_map)]


def test_every_picture_has_its_place_and_maps_share_a_scale(
    image, mask, anomaly_map, panel, printed, inside
):
    groups = [pair(image, mask, anomaly_map + number) for number in range(3)]
    captions = ["bottle, crack: score = 0.71 of the threshold", "mesh", "capsule, print: 0.9"]
    figure = plots.picture_groups(
        groups, NAMES, captions, per_row=2, limits=(0.0, 5.0), threshold=2.5,
        title="Errors", note="A note.",
        quantity="map / threshold",
    )  # fmt: skip
    for number in range(3):
        shown = panel(figure, f"group {number} map").images[0]
        np.testing.assert_array_equal(shown.get_array(), anomaly_map + number)
        assert shown.get_clim() == (0.0, 5.0)
        np.testing.assert_array_equal(
            panel(figure, f"group {number} image").images[0].get_array(), image
        )
    first, second, third = (
        panel(figure, f"group {number} image").get_position() for number in range(3)
    )
    assert (first.y0, first.x0) == (second.y0, third.x0)
    assert second.x0 > first.x0
    assert third.y1 < first.y0
    gaps = (
        panel(figure, "group 0 map").get_position().x0 - first.x1,
        second.x0 - panel(figure, "group 0 map").get_position().x1,
    )
    assert gaps[1] > 3 * gaps[0]  # what belongs together lies together
    words = printed(figure)
    assert "outline of the ground truth" in words
    assert "outline of map ≥ 2.5" in words
    assert panel(figure, "scale") is not None
    inside(figure)


def test_outlines_are_drawn_where_asked(image, mask, anomaly_map, panel, printed):
    figure = plots.picture_groups(
        [pair(image, mask, anomaly_map)], NAMES, ["x"], limits=(0, 1), threshold=None
    )
    assert len(panel(figure, "group 0 image").collections) == 1
    assert not panel(figure, "group 0 map").collections
    bare = plots.picture_groups([[Picture(image, truth=mask & False)]], ("image",), ["x"])
    assert not panel(bare, "group 0 image").collections
    assert "outline" not in printed(bare)
    assert [axes.get_label() for axes in bare.axes] == ["group 0 image"]


def test_what_does_not_fit_is_refused(image, anomaly_map):
    with pytest.raises(ValueError, match="not both"):
        Picture(image, anomaly_map)
    with pytest.raises(ValueError, match="mask must have the shape"):
        Picture(image, truth=np.zeros((3, 3), bool))
    with pytest.raises(ValueError, match="needs groups"):
        plots.picture_groups([], NAMES, [])
    with pytest.raises(ValueError, match="captions must hold one entry"):
        plots.picture_groups([[Picture(image)]], ("image",), [])
    with pytest.raises(ValueError, match="limits must be finite"):
        plots.picture_groups([[Picture(values=anomaly_map)]], ("map",), ["x"])
