"""Use every control of an explorer, at random but the same in every round, and look at what stays
in memory.
"""

import gc
import os
import sys
import threading
from dataclasses import dataclass

import numpy as np
from ipywidgets.widgets.widget import _instances as living_widgets
from matplotlib.figure import Figure
from memory import resident

from adviz.explore import CoresetView, TablesView
from adviz.explore.kit.image_explorer import ImageExplorer

PILING = ("widgets", "figures", "threads", "files")


@dataclass(frozen=True)
class Held:
    """What a process holds: objects of Python, and bytes of its own; what must not pile up, one by
    one.
    """

    blocks: int
    anonymous: int
    widgets: int
    figures: int
    threads: int
    files: int


# Names of attributes that traitlets puts together stay in the interpreter's cache of lookups, up to
# 4,096 of them.
_forget_lookups = getattr(sys, "_clear_internal_caches", None) or sys._clear_type_cache


def held() -> Held:
    """Look at this process."""
    gc.collect()
    _forget_lookups()
    figures = sum(issubclass(type(one), Figure) for one in gc.get_objects())
    threads, files = threading.active_count(), len(os.listdir("/proc/self/fd"))
    return Held(
        sys.getallocatedblocks(),
        resident()["anonymous"],
        len(living_widgets),
        figures,
        threads,
        files,
    )


def choose(view, rng):
    """Do with one trait of an explorer in the browser what a person could, and ask for the parts
    that its page needs then; three numbers are drawn, whatever it is.
    """
    first, second, third = rng.random(3)
    test = view.source.categories[view.category].test
    height, width = test.image_size
    pixel = [int(first * height), int(second * width)]
    key = f"{view.category}/{view.detector}"

    def one_of(names):
        return list(names)[int(first * len(names))]

    detectors = view.source.predictions[view.category]
    values = {
        "category": one_of(view.source.categories),
        "detector": one_of(detectors),
        "x": one_of(detectors),
        "y": one_of(detectors),
        "defect": one_of(["all", *sorted(set(test.defects))]),
        "only": one_of(["all", "errors", "false positives", "false negatives"]),
        "order": one_of(view.ORDERS),
        "image": int(first * len(test)),
        "picked": pixel if third < 0.8 else [],
        "zoom": [*pixel, 1 + 7 * third],
        "opacity": first,
        "k": 1 + int(5 * first),
        "rank": int(5 * first),
        "thresholds": {key: first},
        "gates": {key: first},
        "limits": {key: [0.0, first]},
        "marks": {key: {"0": ["nominal variance", "a remark"]}},
        "shown_as": one_of(["map", "outline"]),
        "layers": ["layer2"] if third < 0.5 else [],
        "weights": {"layer1": round(5 * first, 1)} if third < 0.5 else {},
        "join": one_of(["", "sum", "mean", "product"]),
        "root": one_of([None, False, True]),
        "sigma": one_of([None, 0.0, 2.0]),
        "fpr": first,
        "limit": 0.01 + 0.9 * first,
        "connectivity": 8 if first < 0.5 else 4,
        "region": int(2 * first),
        "region_order": one_of(["integral", "area", "number"]),
    }
    name = view.STATE[int(rng.random() * len(view.STATE))]
    value = getattr(view, name)
    setattr(view, name, not value if isinstance(value, bool) else values[name])
    names = [view.category, view.detector]
    keys = [f"test/{names[0]}/{view.image}", f"found/{'/'.join(names)}/{view.image}"]
    keys += [f"small/test/{names[0]}/0", f"maps/{'/'.join(names)}/0"]
    view._answer(view, {"ask": keys}, [])
    view.wait()
    assert view.error == ""


def choose_of_tables(view, rng):
    """Do with one trait of the explorer of tables what a person could, and ask for the table."""
    values = {
        "paper": list(view.facts["papers"]),
        "table": view.source.table_names(view.paper),
        "pro": list(view.facts["pro"]),
        "shows": ["printed | ours", "ours", "delta"],
        "others": [False, True],
        "cell": view.places,
    }
    name = list(values)[int(rng.random() * len(values))]
    setattr(view, name, values[name][int(rng.random() * len(values[name]))])
    key = view.source.key(view.paper, view.table, view.pro)
    view._answer(view, {"ask": [key]}, [])
    view.wait()
    assert view.error == ""


def choose_of_bank(view, rng):
    """Do with one trait of the explorer of coresets what a person could, as `choose`."""
    first, second, third = rng.random(3)
    bank, one = view.source.banks[view.category], view.source.categories[view.category]
    row = int(first * bank.total)
    low, high = bank.plane[0].min(0), bank.plane[0].max(0)
    x, y = low + (high - low) * (first, second)
    values = {
        "category": view.category,
        "sampler": list(bank.traces)[int(first * len(bank.traces))],
        "budget": 1 + int(first * bank.total),
        "colour": ("distance to the coreset", "order of choice", "training image")[int(3 * first)],
        "image": int(first * len(one.train)),
        "picked": row if third < 0.8 else None,
        "lasso": [*low, x, low[1], x, y],
        "chosen": list(range(row, bank.total))[: int(second * 50)],
        "zoom": [x, y, 1 + 7 * third],
        "test": int(first * len(one.test)) if third < 0.8 else None,
        "patch": [int(4 * first), int(4 * second)],
        "closeup": [8.0, 8.0, 1 + 7 * third],
        "opacity": first,
    }
    name = view.STATE[int(rng.random() * len(view.STATE))]
    setattr(view, name, values[name])
    keys = [f"points/{view.category}", f"distances/{view.category}/{view.sampler}/{view.size}"]
    keys += [f"train/{view.category}/{view.image}", f"order/{view.category}/{view.sampler}"]
    view._answer(view, {"ask": keys}, [])
    view.wait()
    assert view.selected.size <= bank.total
    assert view.error == ""


def choose_of_deviations(view, rng):
    """Do with one trait of the explorer of deviations what a person could, run, and ask for maps."""
    names = list(view.order)
    values = {
        "target": list(view.source.targets),
        "mode": ["one after the other", "each alone"],
        "metric": ["image AUROC", "pixel AUROC", "PRO"],
        "category": list(view.source.categories),
        "order": [names, names[::-1]],
        "flipped": [names, names[:1], []],
        "step": ["all together", *names],
        "image": [0, 1],
    }
    name = list(values)[int(rng.random() * len(values))]
    setattr(view, name, values[name][int(rng.random() * len(values[name]))])
    view.run()
    view.wait()
    if view.category in view.source.categories:
        keys = [f"picture/{view.category}/0/{view.image}", f"run/{view.category}//{view.image}"]
        view._answer(view, {"ask": keys}, [])
    assert view.error == ""


def chooser(view):
    """Return the function that uses a view."""
    if isinstance(view, ImageExplorer):
        return choose
    if isinstance(view, CoresetView):
        return choose_of_bank
    return choose_of_tables if isinstance(view, TablesView) else choose_of_deviations


def rounds(view, count, picks, *, seed=0):
    """Use a view `count` times `picks` times, the same way each time; return what was held after
    each round.
    """
    act = chooser(view)
    after = []
    gc.collect()
    gc.freeze()  # what is there already need not be looked at again
    for _ in range(count):
        rng = np.random.default_rng(seed)
        for _ in range(picks):
            act(view, rng)
        after.append(held())
    gc.unfreeze()
    return after
