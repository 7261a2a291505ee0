"""An explorer that is used for hours holds no more than one that is used for a minute."""

import gc
import time
import tracemalloc
import weakref
from dataclasses import asdict

import numpy as np
import pytest
from ipywidgets.widgets.widget import _instances as living_widgets
from memory import MIB
from picking import PILING, held, rounds
from record import record
from views import built_in, explorers, made_up

from adviz import explore

NAMES = (
    "results",
    "retrieval",
    "layers",
    "coreset",
    "thresholds",
    "pro",
    "compare",
    "deviations",
    "tables",
)
# Of a round; 3 rounds in 3 explorers, 10 in all 9: 108 and 10,080
PICKS = {"always": 12, "soak": 112}
WARM = 4  # rounds after which caches have seen what they will see
# Bytes of Python's own that a round may add: the record of the round is one. The explorer of
# deviations keeps a run, and pictures of it, for every choice of options, that of layers metrics;
# a later round may make other choices.
FEW = 6 * 1024
ALWAYS = ("retrieval", "coreset", "thresholds")
KEEPS = {"deviations": 150_000, "layers": 100_000}


@pytest.fixture(scope="module")
def material(tmp_path_factory):
    return made_up(tmp_path_factory.mktemp("made up"))


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # tags are saved beside the notebook


@pytest.mark.parametrize(
    "name",
    [name if name in ALWAYS else pytest.param(name, marks=pytest.mark.soak) for name in NAMES],
)
def test_some_picks_leave_nothing_behind(material, name, tmp_path):
    before = set(living_widgets)
    view = explorers(material, tmp_path / "rows")[name]()
    view.wait()
    rounds(view, 1, PICKS["always"])
    tracemalloc.start(1)
    try:
        bytes_held, after = [], []
        for _ in range(2):
            after += rounds(view, 1, PICKS["always"])
            gc.collect()
            bytes_held.append(tracemalloc.get_traced_memory()[0])
    finally:
        tracemalloc.stop()
    for what in PILING:
        assert getattr(after[1], what) <= getattr(after[0], what), what
    assert bytes_held[1] - bytes_held[0] < KEEPS.get(name, FEW)
    known = weakref.ref(view)
    view.close()
    del view
    gc.collect()
    assert known() is None
    assert set(living_widgets) == before


def test_a_curve_that_is_closed_is_gone():
    before = set(living_widgets)
    view = explore.training(3)
    view.update(np.ones(2))
    view.close()
    assert set(living_widgets) == before


@pytest.mark.soak
def test_ten_thousand_picks(tmp_path):
    material, figures = built_in(), {}
    for name, make in explorers(material, tmp_path / "rows").items():
        view, start = make(), time.perf_counter()
        view.wait()
        after = rounds(view, 10, PICKS["soak"])
        early, last, picks = after[WARM - 1], after[-1], (10 - WARM) * PICKS["soak"]
        figures[name] = {
            "seconds": round(time.perf_counter() - start),
            "picks": 10 * PICKS["soak"],
            "grown_mib": round((last.anonymous - early.anonymous) / MIB, 1),
            "grown_blocks_a_pick": round((last.blocks - early.blocks) / picks, 2),
            **{what: [getattr(one, what) for one in (early, last)] for what in PILING},
        }
        view.close()
        del view
    figures["end"] = asdict(held())
    record("ten thousand picks", figures)
    for name in NAMES:
        found = figures[name]
        for what in PILING:
            assert found[what][1] <= found[what][0], f"{name}: {what}"
        assert found["grown_mib"] < 8, name
        assert found["grown_blocks_a_pick"] < 0.2, name
