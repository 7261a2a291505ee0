import pytest

from adviz.explore.deviations.flips import (
    ALONE,
    CUMULATIVE,
    Step,
    configurations,
    described,
    key,
    options,
    steps_of,
)

FLIPS = {"a": (1, 2), "b": ("x", "y"), "c": (None, None)}


def test_one_after_the_other():
    steps = [Step("b", (), ("b",)), Step("a", ("b",), ("b", "a"))]
    assert steps_of(("b", "a"), CUMULATIVE) == steps
    assert configurations(("b", "a"), CUMULATIVE) == [(), ("b",), ("b", "a")]


def test_each_alone_needs_all_together_as_well():
    assert steps_of(("b", "a"), ALONE) == [Step("b", (), ("b",)), Step("a", (), ("a",))]
    assert configurations(("b", "a"), ALONE) == [(), ("b",), ("a",), ("b", "a")]
    assert configurations(("b",), ALONE) == [(), ("b",)]
    assert configurations((), ALONE) == [()]


def test_another_mode_is_refused():
    with pytest.raises(
        ValueError, match="mode must be one of 'one after the other', 'each alone', got 'both'"
    ):
        steps_of((), "both")


def test_a_configuration_is_what_differs_from_the_start_in_whatever_order():
    assert key(FLIPS, ("a", "b")) == key(FLIPS, ("b", "a"))
    assert key(FLIPS, ("a", "c")) == key(FLIPS, ("a",))
    assert len({key(FLIPS, names) for names in ((), ("a",), ("b",), ("a", "b"))}) == 4
    assert key({"a": (1, 3)}, ("a",)) != key(FLIPS, ("a",))
    assert options(FLIPS, ("b", "c")) == {"b": "y", "c": None}


def test_options_are_described_shortly():
    assert described("size", (224, "256")) == "size: 224 → 256"
    assert described("layers", (("layer1",), tuple(range(40)))).endswith(
        " → (0, 1, 2, 3, 4, 5, 6, 7…"
    )
