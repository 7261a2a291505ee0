"""timm is imported without torch's compiler, which is whole for whoever uses it afterwards."""

import subprocess
import sys

import pytest

from adviz.features import timm_import


def printed(*lines):
    """Return what a new process prints; this one has imported much already."""
    script = "import sys\nfrom adviz.features import import_timm\n" + "\n".join(lines)
    result = subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True
    )
    return result.stdout.split()


@pytest.fixture(scope="module")
def afterwards():
    """Return what is there after timm's import, then after the compiler's."""
    return printed(
        "from adviz import Backbone",
        "Backbone('efficientnet_lite0', layers=(4,), weights='random')",
        "print('timm' in sys.modules, 'torch._dynamo' in sys.modules)",
        "import torch, torchvision, torch._dynamo",
        "from torch._dynamo.utils import is_compile_supported",
        "from torchvision.ops import roi_align as module",
        "roi_align = sys.modules['torchvision.ops.roi_align']",
        "print(is_compile_supported('cpu') == roi_align.is_compile_supported('cpu'))",
        "boxes = torch.tensor([[0., 0., 0., 4., 4.]])",
        "print(module(torch.ones(1, 1, 8, 8), boxes, 1).item())",
        "print(torch._dynamo.disable.__module__, sys.modules['torch._dynamo'] is torch._dynamo)",
    )


def test_the_compiler_is_not_imported(afterwards):
    assert afterwards[:2] == ["True", "False"]


def test_torchvision_asks_the_compiler_when_an_operator_runs(afterwards):
    assert afterwards[2:4] == ["True", "1.0"]


def test_the_next_import_finds_the_compiler(afterwards):
    assert afterwards[4].startswith("torch._dynamo.")
    assert afterwards[5] == "True"


def test_what_else_is_asked_for_is_the_compilers():
    found = printed(
        "from adviz.features import timm_import as ours",
        "sys.modules[ours.UTILS] = one = ours._StandIn(ours.UTILS, {})",
        "counters = one.counters",
        "import torch._dynamo.utils as true",
        "print(counters is true.counters, true is not one)",
    )
    assert found == ["True", "True"]


def test_with_the_compiler_there_timm_is_imported_as_ever():
    found = printed(
        "import torch._dynamo as before",
        "print(import_timm().__name__, sys.modules['torch._dynamo'] is before)",
        "print(import_timm() is sys.modules['timm'])",
    )
    assert found == ["timm", "True", "True"]


def test_a_function_is_marked_once_and_is_called():
    calls = []

    def double(value):
        calls.append(value)
        return 2 * value

    marked = timm_import._disable(double, True, reason="a test")
    assert (marked(2), marked(value=3)) == (4, 6)
    assert (calls, marked.__name__) == ([2, 3], "double")
