import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from icell_tf.viz import plots


def test_a_figure_is_drawn_in_its_size_and_colours():
    figure = Figure(figsize=(2, 1), dpi=50, facecolor="white")
    figure.add_artist(Rectangle((0, 0.5), 0.5, 0.5, fc=(1, 0, 0), ec="none", transform=figure.transFigure))
    picture = plots.render(figure)
    assert picture.shape == (50, 100, 3) and picture.dtype == np.uint8
    assert (picture[:24, :49] == (255, 0, 0)).all()  # the upper left quarter
    assert (picture[26:] == 255).all() and (picture[:, 51:] == 255).all()
