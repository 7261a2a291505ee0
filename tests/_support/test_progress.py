"""Progress bars: one for a sweep, whatever it does inside."""

import threading

import pytest

from adviz._support import progress


@pytest.fixture(autouse=True)
def shown(monkeypatch):
    monkeypatch.setenv("ADVIZ_PROGRESS", "1")
    monkeypatch.setattr(progress, "SHOWN_EVERY", 0.0)


def test_work_behind_a_bar_draws_none_of_its_own(capsys):
    outer, said = progress.progress_bar(range(2), label="outer"), []
    outer.set_postfix_str = said.append
    with progress.progress_behind(outer):
        for _ in outer:
            inner = progress.progress_bar(range(3), label="inner")
            inner.set_postfix(loss="1")
            assert list(inner) == [0, 1, 2]
            progress.progress_bar(label="unknown").update(2)
    drawn = capsys.readouterr().err
    assert "outer" in drawn
    assert "inner" not in drawn
    assert said == ["inner 0/3", "inner 1/3", "inner 2/3", "unknown 2/?"] * 2


def test_who_watches_is_told_of_the_work_behind_a_bar_as_well():
    seen = []
    with progress.watched(lambda *what: seen.append(what)):
        outer = progress.progress_bar(range(1), label="outer")
        with progress.progress_behind(outer):
            for _ in outer:
                list(progress.progress_bar(range(2), label="inner"))
    assert seen == [("outer", 0, 1), ("inner", 0, 2), ("inner", 1, 2)]


def test_a_bar_in_a_notebook_leaves_nothing_where_it_was_displayed(monkeypatch):
    """A closed widget is an error after the page was loaded again."""
    from tqdm import auto, notebook

    shown = []

    class Handle:
        def __init__(self, content):
            shown.append(content)

        def update(self, content):
            shown[-1] = content

    monkeypatch.setattr(auto, "tqdm", notebook.tqdm_notebook)
    monkeypatch.setattr("IPython.display.display", lambda content, display_id: Handle(content))
    progress._vanishing.cache_clear()
    assert list(progress.progress_bar(range(2), label="outer")) == [0, 1]
    assert [content.data for content in shown] == [""]

    def broken():
        for _ in progress.progress_bar(range(2), label="broken"):
            raise ValueError("here")

    with pytest.raises(ValueError, match="here"):
        broken()
    progress._vanishing.cache_clear()
    assert type(shown[-1]).__name__ == "TqdmHBox"


def test_steps_are_reported_in_this_thread_only_and_bars_come_back():
    told = []
    with progress.watched(lambda *step: told.append(step)):
        assert list(progress.progress_bar("ab", label="letters")) == ["a", "b"]
        by_hand = progress.progress_bar(label="coreset", total=10)
        by_hand.update(4)
        by_hand.set_postfix(loss="1")
        by_hand.close()
        other = threading.Thread(target=lambda: list(progress.progress_bar("xyz", label="other")))
        other.start()
        other.join()
    assert told == [("letters", 0, 2), ("letters", 1, 2), ("coreset", 4, 10)]
    assert list(progress.progress_bar("cd", label="letters")) == ["c", "d"]
    assert len(told) == 3
