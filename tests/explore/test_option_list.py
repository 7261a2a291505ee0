import pytest

from adviz.explore.deviations.option_list import OptionList, class_of

FLIPS = {"start": ("farthest", "anchors"), "distance": ("euclidean", "squared"), "size": (224, 256)}


@pytest.fixture
def made():
    """The list, and how often it has said that something changed."""
    said = []
    return OptionList(FLIPS, lambda: said.append(1)), said


def buttons(options):
    """Return whether (up, down) of each row are switched off."""
    return [tuple(button.disabled for button in row.children[1:]) for row in options.children]


def test_all_are_flipped_in_the_given_order(made):
    options, said = made
    assert options.flipped == options.order == ("start", "distance", "size")
    assert options.children[2].children[0].description == "size: 224 → 256"
    assert buttons(options) == [(True, False), (False, False), (False, True)]
    assert said == []


def test_moving(made):
    options, said = made
    options.children[0].children[2].click()
    assert options.order == ("distance", "start", "size")
    assert buttons(options) == [(True, False), (False, False), (False, True)]
    assert len(said) == 1
    options.children[2].children[1].click()
    assert options.order == ("distance", "size", "start")
    options.move("start", 1)
    options.move("distance", -1)
    assert options.order == ("distance", "size", "start")
    assert len(said) == 2  # nothing moved the last two times


def test_flipping(made):
    options, said = made
    options.flipped = ("size", "start")
    assert options.flipped == ("start", "size")
    assert len(said) == 1
    options.order = ("size", "distance", "start")
    assert options.flipped == ("size", "start")
    options.children[1].children[0].value = True
    assert options.flipped == ("size", "distance", "start")
    assert len(said) == 3


@pytest.mark.parametrize("names", [(), ("start", "start", "size"), ("start", "distance", "colour")])
def test_an_order_names_each_option_once(made, names):
    with pytest.raises(ValueError, match="order must name each of start, distance, size once, got"):
        made[0].order = names
    assert made[0].order == tuple(FLIPS)


def test_unknown_options_are_refused(made):
    with pytest.raises(
        ValueError, match=r"flipped must name options of start, distance, size, got \['colour'\]"
    ):
        made[0].flipped = ("start", "colour")


def test_any_name_gives_a_class(made):
    assert "adviz-option-distance" in made[0].children[1]._dom_classes
    assert class_of("judged at <b>") == "adviz-option-judged-at-b-"
    spaced = OptionList({"judged at": (None, 256)}, lambda: None)
    assert not any(" " in name for name in spaced.children[0]._dom_classes)
