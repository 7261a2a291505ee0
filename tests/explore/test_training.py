import numpy as np
import pytest

from adviz import explore


def test_the_curve_grows_with_every_update():
    view = explore.training(3, title="student")
    assert view.status == "epoch 0 of 3: not started"
    pictures = {view._page.value}
    for losses in ([2.0], [2.0, 1.0], [2.0, 1.0, 0.51234]):
        view.update(np.array(losses))
        pictures.add(view._page.value)
        (line,) = view.static().axes[0].lines
        np.testing.assert_array_equal(line.get_ydata(), losses)
        np.testing.assert_array_equal(line.get_xdata(), np.arange(len(losses)) + 1)
    assert len(pictures) == 4
    assert view.status == "epoch 3 of 3 · loss 0.512"
    np.testing.assert_array_equal(view.losses, [2, 1, 0.51234])


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
        view.status
        == "Error: ValueError: losses must be finite, got 1 of 1 values that are NaN or infinite"
    )
    with pytest.raises(ValueError, match="at least one epoch to show, got epochs=0"):
        explore.training(0)
