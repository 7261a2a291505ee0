"""Stories on a desk: every step has its state, and a check that says which sentence is untrue."""

import json
import re

import numpy as np
import pytest

from adviz import explore


def true(_desk):
    return True


STEPS = [
    ("It begins here.", {"image": 1}, lambda desk: desk.image == 1),
    ("A patch.", {"image": 2, "picked": [4, 5]}, lambda desk: desk.pixel == (4, 5)),
    ("Another detector.", {"detector": "PaDiM", "views": ["compare"]}, true),
]


def test_steps_have_whole_states(desk):
    desk.opacity, begin = 0.3, desk.image
    told = explore.story(desk, STEPS)
    assert [one["sentence"] for one in desk.steps] == [sentence for sentence, _, _ in STEPS]
    assert (told.step, desk.image) == (0, 1)
    told.step = 2
    assert (desk.detector, desk.views, desk.image) == ("PaDiM", ["compare"], begin)
    told.step = 1
    assert (desk.picked, desk.detector) == ([4, 5], "PatchCore")
    assert desk.opacity == 0.3
    assert "step" not in desk.steps[0]["state"]
    json.dumps(desk.steps)


def test_setting_a_step_again_forgets_what_a_reader_looked_at(desk):
    told = explore.story(desk, STEPS)
    desk.image = 4
    told.step = 1
    told.step = 0
    assert desk.image == 1


def test_checks_see_their_states_and_leave_the_desk_as_it_was(desk):
    seen, begin = [], desk.image

    def check(desk):
        seen.append((desk.image, desk.picked))
        return True

    told = explore.story(desk, [(sentence, state, check) for sentence, state, _ in STEPS])
    told.step = 1
    desk.picked = [7, 7]
    before = desk.state
    told.check()
    assert seen == [(1, []), (2, [4, 5]), (begin, [])]
    assert desk.state == before


def wrong(_desk):
    return False


def broken(_desk):
    raise KeyError("PaDiM")


def silent(_desk):
    return None


@pytest.mark.parametrize(
    ("check", "words"),
    [
        (wrong, "step 2 of 2, “It is never so.”: This is not true."),
        (silent, "step 2 of 2, “It is never so.”: This is not true."),
        (broken, "step 2 of 2, “It is never so.”: KeyError: 'PaDiM'"),
    ],
)
def test_an_untrue_sentence_is_named(desk, check, words):
    told = explore.story(desk, [STEPS[0], ("It is never so.", {}, check)])
    before = desk.state
    with pytest.raises(AssertionError) as error:
        told.check()
    assert str(error.value) == words
    assert desk.state == before


@pytest.mark.parametrize("state", [{"image": 99}, {"views": ["scatter"]}, {"imag": 1}])
def test_a_state_that_cannot_be_is_refused_and_nothing_changes(desk, state):
    before = desk.state
    with pytest.raises(ValueError, match="The desk cannot show this"):
        explore.story(desk, [STEPS[0], ("No.", state, true)])
    assert (desk.state, desk.steps) == (before, [])


def test_a_story_has_steps(desk):
    with pytest.raises(ValueError, match="one step or more"):
        explore.story(desk, [])
    told = explore.story(desk, STEPS)
    with pytest.raises(Exception, match="step must be one of the story's 3, got 3"):
        told.step = 3


def test_another_story_on_the_same_desk(desk):
    explore.story(desk, STEPS).step = 2
    other = explore.story(desk, STEPS[:1])
    assert other.step == 0
    assert len(desk.steps) == 1


def test_it_is_exported_with_the_views_of_all_its_steps(desk, tmp_path):
    desk.views = ["results"]
    told = explore.story(desk, STEPS)
    page = told.export(tmp_path / "story.html", title="Three steps").read_text(encoding="utf-8")
    assert "<title>Three steps</title>" in page
    assert "It begins here." in page
    assert "numbers" in {key.split("/")[0] for key in desk.export_keys()}
    assert told.static().savefig


def test_a_file_holds_the_images_that_its_steps_show(desk, category, tmp_path):
    steps = [
        ("An image.", {"image": 1}, true),
        ("The false alarms.", {"image": 2, "only": "false positives"}, true),
    ]
    desk.threshold = -1.0  # all good images are
    begin = desk.state
    told = explore.story(desk, steps)
    good = np.flatnonzero(category.test.labels == 0).tolist()
    assert told.images == sorted({1, 2, *good})
    assert len(told.images) < len(category.test)
    assert (told.step, desk.threshold) == (0, begin["thresholds"][desk._key])
    page = told.export(tmp_path / "story.html").read_text(encoding="utf-8")
    held = re.findall(rf'id="0:test/{category.name}/(\d+)"', page)
    assert [int(image) for image in held] == told.images


def test_it_is_displayed_as_its_desk(desk):
    told = explore.story(desk, STEPS)
    assert repr(told).startswith("Story of 3 steps")
    data = told._repr_mimebundle_()
    data = data[0] if isinstance(data, tuple) else data
    assert data["application/vnd.jupyter.widget-view+json"]["model_id"] == desk.model_id
