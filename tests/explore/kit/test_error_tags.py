import numpy as np

from adviz.explore.kit import error_tags


def test_whether_a_score_is_the_maximum_of_its_map():
    maps = np.random.default_rng(0).random((3, 5, 5), np.float32)
    peaks = maps.max(axis=(1, 2))
    assert error_tags.score_is_peak(peaks, maps)
    assert not error_tags.score_is_peak(peaks * np.array([1, 1, 1.01]), maps)


MASK = np.zeros((100, 100), bool)
MASK[10:20, 10:20] = True


def peak_at(row, column):
    one = np.zeros((100, 100))
    one[row, column] = 1
    return one


def test_suggestions():
    def tags(*arguments):
        return [tag for tag, _ in error_tags.suggest(*arguments)]

    assert tags(MASK, peak_at(15, 15), 1.0) == ["localised but under-weighted"]
    assert tags(MASK, peak_at(50, 15), 1.0) == ["not recovered"]
    # Row 19 is the last
    assert "31 px from the defect" in error_tags.suggest(MASK, peak_at(50, 15), 1.0)[0][1]
    assert tags(MASK, peak_at(15, 15), 0.04) == ["cropped away"]
    assert tags(np.zeros_like(MASK), peak_at(15, 15), 0.0) == ["cropped away"]
    assert tags(MASK, peak_at(15, 15), 0.05) == ["localised but under-weighted"]
    assert tags(None, peak_at(15, 15), None) == []
    assert tags(MASK, None, None) == []
    small = np.zeros_like(MASK)
    small[0, :19] = True
    assert error_tags.suggest(small, peak_at(0, 3), None)[1] == (
        "fine-grained",
        "19 px, 0.19% of the image",
    )
    small[0, :20] = True
    assert tags(small, None, None) == []  # 0.2 % is not below it


def test_every_suggestion_is_a_word_of_the_vocabulary():
    found = [
        *error_tags.suggest(MASK, peak_at(0, 0), 0.0),
        *error_tags.suggest(MASK[:12], peak_at(0, 0)[:12], 1.0),
    ]
    assert {tag for tag, _ in found} <= set(error_tags.FALSE_NEGATIVE_TAGS)
