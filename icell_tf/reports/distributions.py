"""Drawings of distributions: shapes of generated and real cells, distances to training cells, and codes."""

import numpy as np
from matplotlib.figure import Figure

from icell_tf.evaluation.metrics.shapes import SHAPES
from icell_tf.viz.plots import render

COLORS = {"held-out": "#444444", "training": "#3b78b5", "reconstructed": "#4d9a4d", "generated": "#c2410c"}
BINS = 25
DPI = 110
DRAWN = ("cell_area", "nucleus_area", "cell_eccentricity", "nucleus_to_cell")


def draw_shapes(shapes):
    """Draws histograms of area, eccentricity and nucleus-to-cell ratio.

    Args: {sample: {shape: (N,)}}, as of `generated.measure_all_shapes`. Returns: uint8 (h, w, 3).
    """
    figure = Figure(figsize=(3.0 * len(DRAWN), 2.8), dpi=DPI, layout="constrained")
    for axes, name in zip(figure.subplots(1, len(DRAWN)), DRAWN, strict=True):
        _histograms(axes, {sample: values[name] for sample, values in shapes.items()})
        axes.set_xlabel(SHAPES[name])
    axes.legend(frameon=False, fontsize="small")
    return render(figure)


def draw_nearest(distances):
    """Draws histograms of the distance to the nearest training cell.

    Args: {space: {sample: (N,)}}, as of `memorisation.measure`. Returns: uint8 (h, w, 3).
    """
    figure = Figure(figsize=(4.0 * len(distances), 2.8), dpi=DPI, layout="constrained")
    (row,) = figure.subplots(1, len(distances), squeeze=False)
    for axes, (space, samples) in zip(row, distances.items(), strict=True):
        _histograms(axes, samples)
        axes.set_xlabel(f"distance to the nearest training cell, {space}")
    axes.legend(frameon=False, fontsize="small")
    return render(figure)


def draw_dimensions(tables):
    """Draws for each dimension of the codes what it tells the decoder, its mean and its standard deviation.

    Args: {"z_r" and "z_s": {"share", "mean", "std": (Z,)}}, as of `latent.tables`. Returns: uint8 (h, w, 3).
    """
    figure = Figure(figsize=(9.0, 2.2 * len(tables)), dpi=DPI, layout="constrained")
    rows = figure.subplots(len(tables), 2, squeeze=False)
    for (bars, points), (name, table) in zip(rows, tables.items(), strict=True):
        dimensions = np.arange(len(table["share"])) + 1  # as codes.csv numbers them
        bars.bar(dimensions, 100 * table["share"], color=COLORS["generated"])
        bars.set_xticks(dimensions)
        points.set_xticks(dimensions)
        bars.set(title=f"{name}: lost without it, % of both codes", xlabel="dimension")
        points.errorbar(dimensions, table["mean"], table["std"], fmt="o", color=COLORS["held-out"], markersize=3)
        for level in (-1, 0, 1):
            points.axhline(level, color="#bbbbbb", linewidth=0.8, zorder=0)
        points.set(title=f"{name}: mean and standard deviation; prior 0 and 1", xlabel="dimension")
        for axes in (bars, points):
            _bare(axes)
            axes.title.set_fontsize("medium")
    return render(figure)


def _histograms(axes, samples):
    """Draws outlines of densities in bins that all samples share. Args: {sample: (N,) with NaN for none}."""
    seen = {name: values[~np.isnan(values)] for name, values in samples.items()}
    seen = {name: values for name, values in seen.items() if len(values)}
    if not seen:
        return
    pooled = np.concatenate(list(seen.values()))
    bins = np.histogram_bin_edges(pooled, BINS, range=tuple(np.quantile(pooled, [0, 0.995])))
    for name, values in seen.items():
        filled = name == "held-out"
        style = {"histtype": "stepfilled", "alpha": 0.3} if filled else {"histtype": "step", "linewidth": 1.5}
        axes.hist(np.clip(values, *bins[[0, -1]]), bins, density=True, color=COLORS[name], label=name, **style)
    axes.set_yticks([])
    _bare(axes)


def _bare(axes):
    axes.spines[["top", "right"]].set_visible(False)
