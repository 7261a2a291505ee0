import numpy as np
import pytest
from matplotlib.patches import Rectangle

from adviz.plots import contact_sheet, neighbor_strip, patch_strip

BOX = (4, 8, 6, 10)


@pytest.fixture
def neighbors():
    return list(np.random.default_rng(5).integers(0, 256, (8, 24, 32, 3), dtype=np.uint8))


def boxes(axes):
    """Return (left, top, width, height) of the marked boxes of a panel, the halo left out."""
    return [
        (*patch.get_xy(), patch.get_width(), patch.get_height())
        for patch in axes.patches
        if isinstance(patch, Rectangle) and patch.get_label() == "box"
    ]


def test_strip_shows_query_then_neighbors_with_their_distances(image, neighbors, panel):
    figure = neighbor_strip(
        image, neighbors[:3], np.array([1.25, 20.0, 300.0]), captions=["a.png", "b.png", "c.png"]
    )
    np.testing.assert_array_equal(panel(figure, "query").images[0].get_array(), image)
    for index in range(3):
        np.testing.assert_array_equal(
            panel(figure, f"neighbor {index}").images[0].get_array(), neighbors[index]
        )
    texts = [panel(figure, f"neighbor {index}").get_xlabel() for index in range(3)]
    assert texts == ["1 · d² = 1.2\na.png", "2 · d² = 20.0\nb.png", "3 · d² = 300.0\nc.png"]
    lefts = [
        panel(figure, name).get_position().x0
        for name in ("query", "neighbor 0", "neighbor 1", "neighbor 2")
    ]
    assert lefts == sorted(lefts)


def test_many_neighbors_continue_below_the_first(image, neighbors, panel, inside):
    figure = neighbor_strip(
        image,
        neighbors,
        np.arange(8.0),
        captions=["a rather long path/to/good/000.png"] * 8,
        title="t" * 300,
    )
    first, seventh = (panel(figure, f"neighbor {index}").get_position() for index in (0, 6))
    assert seventh.x0 == pytest.approx(first.x0)
    assert seventh.y1 < first.y0
    inside(figure)


def test_distance_has_the_name_it_was_given(image, neighbors, panel):
    figure = neighbor_strip(image, neighbors[:1], np.array([0.0]), unit="distance")
    assert panel(figure, "neighbor 0").get_xlabel() == "1 · distance = 0"


def test_below_small_images_the_rank_has_a_line_of_its_own(image, neighbors, panel):
    """Else the captions of neighbours overlap."""
    labels = []
    for width in (7.2, 12.0):
        figure = neighbor_strip(image, neighbors[:6], np.full(6, 10_299.0), width=width)
        labels.append(panel(figure, "neighbor 5").get_xlabel())
    assert labels == ["6\nd² = 10299", "6 · d² = 10299"]


def test_boxes_cover_the_pixels_of_the_cells(image, neighbors, panel, inside):
    others = [(0, 0, 6, 10), (18, 22, 6, 10)]
    figure = patch_strip(
        image, BOX, neighbors[:2], others, np.array([1.0, 2.0]), captions=["a", "b"], title="cell"
    )
    for name, (top, left, height, width) in zip(
        ("query", "neighbor 0", "neighbor 1"), [BOX, *others], strict=True
    ):
        expected = [(left - 0.5, top - 0.5, width, height)]
        assert boxes(panel(figure, name)) == expected
        assert boxes(panel(figure, f"{name} patch")) == expected
    assert panel(figure, "neighbor 1 patch").get_xlabel() == "2 · d² = 2.000\nb"
    inside(figure)


@pytest.mark.parametrize("box", [BOX, (0, 0, 6, 10), (18, 22, 6, 10), (23, 31, 1, 1)])
@pytest.mark.parametrize("context", [0.0, 1.0, 20.0])
def test_enlargement_shows_the_pixels_at_their_own_coordinates(
    image, neighbors, panel, box, context
):
    figure = patch_strip(image, box, neighbors[:1], [box], np.array([1.0]), context=context)
    axes = panel(figure, "query patch")
    left, right, bottom, top = axes.images[0].get_extent()
    shown = axes.images[0].get_array()
    rows, columns = (
        slice(int(top + 0.5), int(bottom + 0.5)),
        slice(int(left + 0.5), int(right + 0.5)),
    )
    np.testing.assert_array_equal(shown, image[rows, columns])
    assert rows.start <= box[0]
    assert rows.stop >= box[0] + box[2]
    assert columns.start <= box[1]
    assert columns.stop >= box[1] + box[3]
    (x0, x1), (y1, y0) = axes.get_xlim(), axes.get_ylim()
    assert (x0 + x1) / 2 == pytest.approx(box[1] + box[3] / 2 - 0.5)
    assert (y0 + y1) / 2 == pytest.approx(box[0] + box[2] / 2 - 0.5)
    assert min((x1 - x0) / box[3], (y1 - y0) / box[2]) == pytest.approx(1 + 2 * context)


def test_inputs_stay_as_they_were(image, neighbors):
    before, distances = image.copy(), np.array([3.0])
    patch_strip(image, BOX, neighbors[:1], [BOX], distances)
    neighbor_strip(image, neighbors[:1], distances)
    contact_sheet([image])
    np.testing.assert_array_equal(image, before)
    np.testing.assert_array_equal(distances, [3.0])


def test_contact_sheet_places_images_row_by_row(neighbors, panel, inside):
    inside(
        contact_sheet(
            neighbors[:2], title="a title that is longer than two small pictures are wide " * 3
        )
    )
    figure = contact_sheet(
        neighbors[:5], [f"good/{index}.png" for index in range(5)], 3, title="brick"
    )
    for index in range(5):
        np.testing.assert_array_equal(
            panel(figure, f"image {index}").images[0].get_array(), neighbors[index]
        )
        assert panel(figure, f"image {index}").get_xlabel() == f"good/{index}.png"
    places = [panel(figure, f"image {index}").get_position() for index in range(5)]
    assert len({round(box.y0, 6) for box in places[:3]}) == 1
    assert places[3].y1 < places[0].y0
    assert places[3].x0 == places[0].x0
    inside(figure)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda i, n: neighbor_strip(i, [], np.array([])), "at least one image, got none"),
        (
            lambda i, n: neighbor_strip(i, n[:2], np.array([1.0])),
            r"distances must have shape \(2,\), got shape \(1,\)",
        ),
        (lambda i, n: neighbor_strip(i, n[:1], np.array([np.nan])), "1 of 1 values that are NaN"),
        (lambda i, n: neighbor_strip(i, [n[0] / 255], np.ones(1)), "neighbor 0 must hold uint8"),
        (
            lambda i, n: neighbor_strip(i, n[:2], np.ones(2), captions=["a"]),
            "captions .* each of the 2 neighbors, got 1",
        ),
        (
            lambda i, n: patch_strip(i, (20, 0, 6, 6), n[:1], [BOX], np.ones(1)),
            r"box of query .*\(20, 0, 6, 6\)",
        ),
        (
            lambda i, n: patch_strip(i, BOX, n[:1], [(0, -1, 6, 6)], np.ones(1)),
            r"box of neighbor 0 .*\(0, -1, 6, 6\)",
        ),
        (
            lambda i, n: patch_strip(i, BOX, n[:1], [(0, 0, 6)], np.ones(1)),
            r"\(top, left, height, width\), got",
        ),
        (lambda i, n: patch_strip(i, BOX, n[:2], [BOX], np.ones(2)), "neighbor_boxes .* got 1"),
        (
            lambda i, n: patch_strip(i, BOX, n[:7], [BOX] * 7, np.ones(7)),
            "at most 6 neighbours, got 7",
        ),
        (
            lambda i, n: patch_strip(i, BOX, n[:1], [BOX], np.ones(1), context=-1),
            ">= 0 of box sizes, got -1",
        ),
        (lambda i, n: contact_sheet([]), "got 0 images"),
        (lambda i, n: contact_sheet(n, columns=0), "columns=0"),
        (lambda i, n: contact_sheet(n, ["a"]), "each of the 8 images, got 1"),
    ],
)
def test_errors_say_what_was_got(image, neighbors, call, message):
    with pytest.raises(ValueError, match=message):
        call(image, neighbors)
