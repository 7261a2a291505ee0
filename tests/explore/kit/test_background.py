import threading
import time

import pytest

from adviz._support import progress
from adviz.explore.kit.background import Work


@pytest.fixture
def told():
    return []


@pytest.fixture
def work(told):
    return Work(told.append, told.append)


def test_the_result_is_handed_on_from_another_thread(work, told):
    results = []
    work.start("adding", lambda: (1 + 1, threading.current_thread()), results.append)
    assert told[0] == "adding …"  # at once
    work.wait(10)
    ((total, thread),) = results
    assert total == 2
    assert thread is not threading.current_thread()
    assert told[-1] == ""


def test_an_error_is_told_and_no_result_handed_on(work, told):
    results = []
    work.start("dividing", lambda: 1 / 0, results.append)
    work.wait(10)
    assert results == []
    assert isinstance(told[1], ZeroDivisionError)


def endless(entered):
    for _ in progress.progress_bar(iter(int, 1), label="counting"):
        entered.set()


def test_stopping_ends_it_at_the_next_step(work, told):
    entered, results = threading.Event(), []
    work.start("counting", lambda: endless(entered), results.append)
    assert entered.wait(10)
    assert work.busy
    work.stop()
    work.wait(10)
    assert not work.busy
    assert results == []
    assert told[-1] == ""


def test_what_is_newer_takes_the_place_of_what_runs(work, told):
    entered, results = threading.Event(), []
    work.start("counting", lambda: endless(entered), results.append)
    assert entered.wait(10)
    work.start("second", lambda: "second", results.append)
    work.wait(10)
    assert results == ["second"]
    assert told.count("") == 1  # busy all along


def test_work_that_showing_a_result_starts_is_waited_for_too(work):
    results, go = [], threading.Event()
    work.start(
        "first",
        lambda: "first",
        lambda _: work.start("second", lambda: go.wait(10), results.append),
    )
    threading.Timer(0.05, go.set).start()
    work.wait(10)
    assert results == [True]


def test_waiting_too_long_says_so(work):
    entered = threading.Event()
    work.start("counting", lambda: endless(entered), print)
    with pytest.raises(TimeoutError, match=r"still busy after 0\.01 s"):
        work.wait(0.01)
    work.stop()
    work.wait(10)


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


def test_waiting_lasts_until_what_was_started_at_the_end_has_ended_too(work):
    results = []
    work.start(
        "first",
        lambda: None,
        lambda _: work.start("second", lambda: time.sleep(0.1), results.append),
    )
    work.wait(10)
    assert results == [None]
    work.start("slow", lambda: time.sleep(0.3), results.append)
    with pytest.raises(TimeoutError, match="still busy after"):
        work.wait(0.01)
    work.wait(10)


def test_a_label_may_change_as_the_work_goes_on(work, told, monkeypatch):
    monkeypatch.setattr("adviz.explore.kit.background.QUIET", -1)
    names = ["first"]

    def both():
        for _ in progress.progress_bar(range(2), label="steps"):
            names.append("second")

    work.start(lambda: names[-1], both, lambda _: None)
    work.wait(10)
    assert told == ["first …", "first: steps 0%", "second: steps 50%", ""]
