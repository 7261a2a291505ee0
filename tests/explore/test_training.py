import numpy as np
import pytest
from traitlets import TraitError

from adviz import explore


def test_the_curve_grows_with_every_update():
    view = explore.training(3, title="student")
    assert view.facts["losses"] == []
    for losses in ([2.0], [2.0, 1.0], [2.0, 1.0, 0.51234]):
        view.update(np.array(losses))
        assert view.facts["losses"] == losses
        (line,) = view.static().axes[0].lines
        np.testing.assert_array_equal(line.get_ydata(), losses)
        np.testing.assert_array_equal(line.get_xdata(), np.arange(len(losses)) + 1)
    assert (view.facts["epochs"], view.facts["title"]) == (3, "student")
    np.testing.assert_array_equal(view.losses, [2, 1, 0.51234])
    assert (view.epochs, view.error) == (3, "")


def test_the_losses_are_the_views_own():
    losses = np.array([2.0, 1.0])
    view = explore.training(2)
    view.update(losses)
    losses[:] = 7
    np.testing.assert_array_equal(view.losses, [2, 1])


def test_what_cannot_be_drawn_is_said_and_the_training_goes_on():
    view = explore.training(2)
    view.update(np.array([np.nan]))
    assert (
        view.error
        == "Error: ValueError: losses must be finite, got 1 of 1 values that are NaN or infinite"
    )
    assert view.facts["losses"] == [None]
    view.update(np.array([1.0, 0.5]))
    assert view.error == ""
    with pytest.raises(ValueError, match="at least one epoch to show, got epochs=0"):
        explore.training(0)


def test_an_epoch_can_be_looked_at():
    view = explore.training(3)
    view.update(np.array([2.0, 1.0]))
    view.epoch = 1
    assert view.state == {"epoch": 1}
    for wrong in (3, -1):
        with pytest.raises(TraitError, match=f"one of the 2 epochs so far.*got {wrong}"):
            view.epoch = wrong


def test_it_is_exported_as_a_page(tmp_path):
    view = explore.training(3, title="student")
    view.update(np.array([2.0, 1.0]))
    page = view.export(tmp_path / "training.html").read_text()
    assert "<title>student</title>" in page
    assert '"losses": [2.0, 1.0]' in page
    with pytest.raises(ValueError, match="no images="):
        view.export(tmp_path / "training.html", images=[0])
    with pytest.raises(KeyError, match="a training has none"):
        view.part("test/nut/0")
