"""Matplotlib's figures as RGB arrays, with no window and no state: `Figure` objects, drawn by Agg."""

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg


def render(figure):
    """Draws a figure.

    Args:
      figure: a `matplotlib.figure.Figure`; its size in inches times its dpi is the picture's size.

    Returns: uint8 (height, width, 3), on the figure's background.
    """
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()
