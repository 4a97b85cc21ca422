"""Curves over training."""

import numpy as np
import pytest

from dcgan_core.figures.curves import learning_curves


@pytest.mark.parametrize("smooth", [1, 3, 1000])
def test_learning_curves_show_the_log(run, smooth):
    log = run.log()
    figure = learning_curves(log, smooth)
    curves = {line.get_label(): line for axis in figure.axes for line in axis.lines}
    assert {"D", "G", "D(x), data", "D(G(z)), samples"} <= curves.keys()
    width = min(smooth, len(log))
    assert len(curves["D"].get_ydata()) == len(log) - width + 1
    assert curves["D"].get_ydata()[0] == pytest.approx(np.mean([row["loss_d"] for row in log[:width]]))
    assert curves["G"].get_xdata()[0] == pytest.approx(np.mean([row["images"] for row in log[:width]]))
