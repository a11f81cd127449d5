"""Matplotlib's figures as RGB arrays, with no window and no state: `Figure` objects, drawn by Agg."""

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg


def render(figure):
    """Draws a `matplotlib.figure.Figure`, on its background; its size in inches times its dpi is the picture's size.

    Returns: uint8 (height, width, 3).
    """
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()
