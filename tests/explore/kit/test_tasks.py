"""Tasks in the background: in order, once, stoppable, and what fails is told."""

import threading

import pytest

from adviz._support import progress
from adviz.explore.kit.tasks import Task, Tasks

SECONDS = 10  # more than anything here takes on a loaded machine


@pytest.fixture
def log():
    return []


def task(log, key, run=lambda: None, label=""):
    return Task(
        key,
        label,
        run,
        done=lambda result: log.append((key, result)),
        failed=lambda error: log.append((key, "stopped" if error is None else str(error))),
    )


def test_tasks_are_done_in_order_and_each_once(log):
    tasks = Tasks(lambda _text: None)
    begun = threading.Event()
    hold = threading.Event()

    def first():
        begun.set()
        return hold.wait(SECONDS)

    tasks.add(task(log, "first", first))
    assert begun.wait(SECONDS)
    for key in ("second", "third", "second", "first"):
        tasks.add(task(log, key, lambda: 1))
    tasks.add(task(log, "urgent", lambda: 2), first=True)
    assert tasks.busy
    hold.set()
    tasks.wait(SECONDS)
    assert log == [("first", True), ("urgent", 2), ("second", 1), ("third", 1)]
    assert not tasks.busy


def test_what_has_a_label_is_told_with_its_progress_and_then_nothing(log):
    told = []
    tasks = Tasks(told.append)

    def work():
        for _ in progress.progress_bar(range(3), label="steps"):
            threading.Event().wait(0.11)  # a report is due after a tenth of a second

    tasks.add(task(log, "long", work, "metrics"))
    tasks.add(task(log, "short"))
    tasks.wait(SECONDS)
    assert told[0] == "metrics …"
    assert any(text.startswith("metrics: steps ") for text in told)
    assert told[-1] == ""


def test_work_is_stopped_at_its_next_step_and_what_waits_is_dropped(log):
    tasks = Tasks(lambda _text: None)
    begun = threading.Event()

    def work():
        for _ in progress.progress_bar(range(10_000), label="steps"):
            begun.set()
            threading.Event().wait(0.005)

    tasks.add(task(log, "long", work))
    tasks.add(task(log, "waiting"))
    assert begun.wait(SECONDS)
    tasks.stop()
    tasks.wait(SECONDS)
    assert sorted(log) == [("long", "stopped"), ("waiting", "stopped")]
    tasks.add(task(log, "long", lambda: "again"))
    tasks.wait(SECONDS)
    assert log[-1] == ("long", "again")


def test_what_was_stopped_and_is_asked_for_again_at_once_is_done(log):
    tasks = Tasks(lambda _text: None)
    begun = threading.Event()
    go_on = threading.Event()

    def work():
        begun.set()
        go_on.wait(SECONDS)
        for _ in progress.progress_bar(range(2), label="steps"):
            pass

    tasks.add(task(log, "part", work))
    assert begun.wait(SECONDS)
    tasks.stop()
    tasks.add(task(log, "part", lambda: "new"))
    go_on.set()
    tasks.wait(SECONDS)
    assert log == [("part", "stopped"), ("part", "new")]


def test_only_what_is_unneeded_is_stopped(log):
    tasks = Tasks(lambda _text: None)
    hold = threading.Event()
    tasks.add(task(log, "a", lambda: hold.wait(SECONDS)))
    tasks.add(task(log, "b"))
    tasks.add(task(log, "c"))
    tasks.stop(lambda key: key == "b")
    hold.set()
    tasks.wait(SECONDS)
    assert log == [("b", "stopped"), ("a", True), ("c", None)]


def test_an_exception_is_told_and_the_next_task_is_done(log):
    tasks = Tasks(lambda _text: None)

    def broken():
        raise ValueError("no such thing")

    tasks.add(task(log, "broken", broken))
    tasks.add(task(log, "next", lambda: 1))
    tasks.wait(SECONDS)
    assert log == [("broken", "no such thing"), ("next", 1)]


def test_waiting_has_an_end():
    tasks = Tasks(lambda _text: None)
    hold = threading.Event()
    tasks.add(task([], "a", lambda: hold.wait(SECONDS)))
    with pytest.raises(TimeoutError, match=r"still busy after 0\.05 s"):
        tasks.wait(0.05)
    hold.set()
    tasks.wait(SECONDS)
