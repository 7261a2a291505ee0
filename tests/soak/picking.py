"""Use every control of an explorer, at random but the same in every round, and look at what stays
in memory.
"""

import gc
import os
import sys
import threading
from dataclasses import dataclass

import ipywidgets as widgets
import numpy as np
from ipywidgets.widgets.widget import _instances as living_widgets
from matplotlib.figure import Figure
from memory import resident

from adviz.explore.kit.explorer import Explorer
from adviz.explore.kit.image_explorer import ImageExplorer
from adviz.explore.widgets import PatchOverlay, PatchScatter

CHOICES = widgets.Dropdown | widgets.Select | widgets.ToggleButtons | widgets.SelectionSlider
NUMBERS = (
    widgets.IntSlider | widgets.FloatSlider | widgets.BoundedFloatText | widgets.BoundedIntText
)
PILING = ("widgets", "figures", "threads", "files")
# No such tags; all layers off
REFUSED = ("FileNotFoundError", "IsADirectoryError", "at least one layer with a weight")
TEXTS = ("", "0.5", "scratch", "a longer remark")


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


def controls(view):
    """Return the widgets inside a view that a person could use now, outermost first."""
    found, waiting = [], [view]
    while waiting:
        one = waiting.pop(0)
        if getattr(one, "disabled", False) or getattr(one.layout, "display", None) == "none":
            continue
        waiting += getattr(one, "children", ())
        stop = "adviz-stop" in getattr(one, "_dom_classes", ())
        usable = CHOICES | NUMBERS | widgets.Checkbox | widgets.Text | PatchOverlay | PatchScatter
        if isinstance(one, usable) or (isinstance(one, widgets.Button) and not stop):
            found.append(one)
    return found


def use(control, rng):
    """Do with one control what a person could; three numbers are drawn, whatever it is."""
    first, second, third = rng.random(3)
    if isinstance(control, CHOICES):
        control.index = int(first * len(control.options))
    elif isinstance(control, NUMBERS):
        steps = round((control.max - control.min) / control.step)
        control.value = min(control.min + control.step * int(first * (steps + 1)), control.max)
    elif isinstance(control, widgets.Checkbox):
        control.value = not control.value
    elif isinstance(control, widgets.Text):
        control.value = TEXTS[int(first * len(TEXTS))]
    elif isinstance(control, widgets.Button):
        control.click()
    elif isinstance(control, PatchOverlay):
        control.picked = [
            int(part * side) for part, side in zip((first, second), control.shape, strict=True)
        ]
    elif isinstance(control, PatchScatter):
        count = len(control.points) // 8
        if third < 0.5:
            control.current = int(first * count)
        else:
            control.chosen = np.arange(int(first * count), count)[: int(second * count)]


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


def rounds(view, count, picks, *, seed=0):
    """Use a view `count` times `picks` times, the same way each time; return what was held after
    each round.
    """
    after = []
    gc.collect()
    gc.freeze()  # what is there already need not be looked at again
    for _ in range(count):
        rng = np.random.default_rng(seed)
        for _ in range(picks):
            if isinstance(view, ImageExplorer):
                choose(view, rng)
                continue
            if isinstance(view, Explorer):
                act = choose_of_tables if "paper" in view.STATE else choose_of_deviations
                act(view, rng)
                continue
            there = controls(view)
            use(there[int(rng.random() * len(there))], rng)
            view.wait()
            if view.status.startswith("Error") and not any(text in view.status for text in REFUSED):
                raise AssertionError(view.status)
        after.append(held())
    gc.unfreeze()
    return after
