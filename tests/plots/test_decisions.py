import numpy as np
import pytest

from adviz.plots import Gallery, decision_page, outlined, score_strip_static, strip_rows

SCORES = np.array([0.1, 0.9, 0.5, 0.7, 0.3])
DEFECTS = ["good", "hole", "good", "crack", "good"]


def axes_of(figure):
    return {axes.get_label(): axes for axes in figure.axes}


def test_every_image_is_a_dot_at_its_score_in_its_line():
    axes = axes_of(
        score_strip_static(SCORES, DEFECTS, threshold=0.6, marks={"full recall": 0.7}, current=3)
    )["scores"]
    names = [label.get_text() for label in axes.get_yticklabels()]
    assert names == ["good (3)", "crack (1)", "hole (1)"]
    drawn = [
        (x, round(y))
        for line in axes.lines
        if line.get_markersize() == 7
        for x, y in line.get_xydata()
    ]
    assert drawn == [(0.1, 0), (0.5, 0), (0.3, 0), (0.7, -1), (0.9, -2)]
    rings = [
        tuple(point)
        for line in axes.lines
        if line.get_markersize() == 15
        for point in line.get_xydata()
    ]
    assert [x for x, _ in rings] == [0.7]
    vertical = [line.get_xdata()[0] for line in axes.lines if list(line.get_ydata()) == [0, 1]]
    assert vertical == [0.7, 0.6]
    assert axes.get_xlim()[1] > 0.9


def test_lines_of_a_strip():
    rows = strip_rows(["b", "unlabelled", "good", "a", "b"])
    assert [(kind, images.tolist()) for kind, images, _ in rows] == [
        ("good", [2]), ("a", [3]), ("b", [0, 4]), ("unlabelled", [1]),
    ]  # fmt: skip
    assert all(abs(heights + line).max() <= 0.3 for line, (_, _, heights) in enumerate(rows))


def test_walls_hold_the_pictures_they_were_given():
    pictures = [np.full((20, 20, 3), value, np.uint8) for value in range(10)]
    galleries = [
        Gallery("wrong", pictures, [f"picture {n}\nsaid" for n in range(10)]),
        Gallery("nothing missed", [], []),
    ]
    figure = decision_page(SCORES, DEFECTS, galleries, threshold=0.6)
    shown = axes_of(figure)
    for number, picture in enumerate(pictures):
        np.testing.assert_array_equal(
            shown[f"gallery 0 image {number}"].images[0].get_array(), picture
        )
    texts = [text.get_text() for text in figure.texts]
    assert {"wrong", "nothing missed", "picture 3\nsaid"} <= set(texts)
    # The next row
    assert (
        shown["gallery 0 image 8"].get_position().y1 < shown["gallery 0 image 0"].get_position().y0
    )
    with pytest.raises(
        ValueError, match="captions must hold one entry for each of the 10 images, got 0"
    ):
        decision_page(SCORES, DEFECTS, [Gallery("wrong", pictures, [])])


def test_the_outline_is_the_border_of_the_region():
    image = np.full((12, 12, 3), 100, np.uint8)
    region = np.zeros((12, 12), bool)
    region[0:5, 3:8] = True
    painted = outlined(image, region, colour="#D55E00")
    border = region.copy()
    border[1:4, 4:7] = False  # also along the edge of the picture
    assert (painted[border] == [0xD5, 0x5E, 0]).all()
    assert (painted[1:4, 4:7] == 100).all()
    assert (painted[5, 3:8] == 255).all()  # the stroke outside, of the opposite brightness
    assert (painted[6:] == 100).all()
    assert (image == 100).all()
    white = outlined(image, region)
    assert (white[5, 3:8] == 0).all()
    np.testing.assert_array_equal(outlined(image, np.zeros_like(region)), image)


def test_a_dashed_outline_has_gaps():
    image, region = np.zeros((40, 40, 3), np.uint8), np.zeros((40, 40), bool)
    region[5:35, 5:35] = True
    solid, dashed = (
        int((outlined(image, region, dashed=d) == 255).all(-1).sum()) for d in (False, True)
    )
    assert 0.4 * solid < dashed < 0.6 * solid


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="defects"):
        score_strip_static(SCORES, DEFECTS[:2])
    with pytest.raises(ValueError, match="mask must be bool"):
        outlined(np.zeros((4, 4, 3), np.uint8), np.zeros((4, 4)))


@pytest.mark.parametrize("width", [4.0, 7.6])
def test_a_narrow_strip_keeps_its_letters_inside(inside, width):
    figure = score_strip_static(
        np.array([1.0, 200_000.0]), ["good", "a very long defect type"], threshold=3, width=width
    )
    assert figure.get_figwidth() == width
    inside(figure)


@pytest.mark.parametrize("width", [3.9, np.nan])
def test_a_strip_without_room_is_refused(width):
    with pytest.raises(ValueError, match=f"width must be 4 inches or more, got {width}"):
        score_strip_static(np.array([1.0, 2.0]), ["good", "good"], width=width)
