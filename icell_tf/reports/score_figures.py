"""Drawings of scores: the reliability of probabilities, integration beside its rivals, ranks among draws."""

import numpy as np
from matplotlib.figure import Figure

from icell_tf.evaluation import distribution
from icell_tf.evaluation.classification import reliability
from icell_tf.evaluation.integration import known_structures, mean_r
from icell_tf.evaluation.metrics.scores import proportion
from icell_tf.viz import plots

# (colour, marker) of each prediction: the model's filled, those made of training cells hollow
LOOKS = {
    "class_mean": ("tab:green", "s"),
    "nearest": ("tab:orange", "^"),
    "mean_of_nearest": ("tab:red", "^"),
    "nearest_pixels": ("tab:brown", "v"),
    "mean_of_nearest_pixels": ("tab:purple", "v"),
    "ceiling": ("black", "_"),
    "mean_of_draws": ("tab:cyan", "o"),
    "model": ("tab:blue", "o"),
}
FILLED = ("model", "mean_of_draws", "ceiling")


def reliability_curve(classification):
    """Draws accuracy over confidence, with Wilson's intervals, above how many cells each bin has; uint8 (h, w, 3)."""
    curve = reliability(classification.confidence, classification.predicted == classification.y)
    figure = Figure(figsize=(5, 5.6), dpi=100, layout="constrained")
    top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=(4, 1))
    top.plot([0, 1], [0, 1], ":", color="grey", label="calibrated")
    for n, confidence, accuracy in zip(curve.n, curve.confidence, curve.accuracy, strict=True):
        if n:
            low, high = proportion("accuracy", round(accuracy * n), n).interval
            top.plot([confidence, confidence], [low, high], color="tab:blue", linewidth=1)
    top.plot(curve.confidence, curve.accuracy, "o", color="tab:blue", label="cells of a bin, 95% interval")
    top.set(ylabel="share recognised", xlim=(0, 1.02), ylim=(-0.02, 1.02))
    figure.legend(loc="outside upper center", ncols=2, fontsize=9, frameon=False)
    bottom.bar(curve.edges[:-1], curve.n, np.diff(curve.edges), align="edge", color="tab:blue", edgecolor="white")
    bottom.set(xlabel="probability of the predicted structure", ylabel="cells", yscale="log", ylim=(0.7, None))
    for ax in (top, bottom):
        ax.grid(alpha=0.25)
    return plots.render(figure)


def integration_by_structure(integration):
    """Draws each prediction's mean r over the frame, a row a structure and one of their mean; uint8 (h, w, 3)."""
    known = known_structures(integration)
    rows = [[k] for k in known] + [list(known)]
    labels = [*(integration.structures[k] for k in known), "mean"]
    figure = Figure(figsize=(8, 1.6 + 0.34 * len(rows)), dpi=100, layout="constrained")
    ax = figure.subplots()
    for name, (color, marker) in LOOKS.items():
        if name in integration.r:
            means = [mean_r(integration.r[name], row) for row in rows]
            fill = color if name in FILLED else "none"
            label = {"model": "Algorithm 3"}.get(name, name.replace("_", " "))
            rank = 3 if name == "model" else 2
            ax.plot(means, range(len(rows)), marker, color=color, markerfacecolor=fill, label=label, zorder=rank)
    ax.set_yticks(range(len(rows)), labels)
    ax.invert_yaxis()
    ax.axhline(len(rows) - 1.5, color="grey", linewidth=0.8)
    ax.set_xlabel(f"Pearson r with the {integration.compared_with} localization")
    ax.grid(alpha=0.25)
    ax.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), fontsize=9)
    return plots.render(figure)


def rank_histograms(measured):
    """Draws where observed pixels lie among the draws, a panel a structure that was compared; uint8 (h, w, 3).

    Args: measured: a `Distribution`.
    """
    drawn = measured.histograms[distribution.DRAWN]
    shown = np.flatnonzero(drawn.sum(axis=1))
    columns = min(5, len(shown))
    rows = -(-len(shown) // columns)
    figure = Figure(figsize=(1.2 + 1.7 * columns, 0.8 + 1.5 * rows), dpi=100, layout="constrained")
    axes = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).ravel()
    edges = np.linspace(0, 1, distribution.BINS + 1)
    for k, ax in zip(shown, axes, strict=False):
        for name, color in ((distribution.DRAWN, "tab:blue"), (distribution.TRUE, "black")):
            if name in measured.histograms:
                counts = measured.histograms[name][k]
                label = name.replace("_", " ") if ax is axes[0] else None
                ax.stairs(counts / counts.mean(), edges, color=color, fill=name == distribution.DRAWN, label=label)
        ax.axhline(1, linestyle=":", color="grey")
        ax.set_title(measured.structures[k], fontsize=9)
    for ax in axes[len(shown) :]:
        ax.set_visible(False)
    figure.supxlabel("rank of the observed pixel among the draws", fontsize=9)
    figure.supylabel("pixels, 1: calibrated", fontsize=9)
    figure.legend(loc="outside upper center", ncols=2, fontsize=9, frameon=False)
    return plots.render(figure)
