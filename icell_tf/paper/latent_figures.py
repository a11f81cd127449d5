"""Figures S4 and S5: cells in the first two dimensions of the codes, and what the decoders draw there."""

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Circle

from icell_tf.inference import latent_space
from icell_tf.paper.choice import HELD_OUT, TRAINING, source
from icell_tf.reports.exhibit import Exhibit
from icell_tf.structures import colors, display
from icell_tf.viz import figures, panels, plots

CONTRAST = "percentile"
POSITIONS = "-3, -1.5, 0, 1.5 and 3"  # latent_space.DEVIATIONS, for captions
_DARK = "#181818"  # the structures' colours are made for black


def reference_codes(subject, cells, seed):
    """Returns Figure S4: (a) the first two dimensions of z_r, (b) the shapes on a grid through them."""
    names = {TRAINING: ("training", "#6fb7ff"), HELD_OUT: ("held out", "orange")}
    groups = [(label, color, {split: cells[split].z_r}) for split, (label, color) in names.items()]
    caption = (
        "(a) First two dimensions of the reference latent space; circles are 1, 2 and 3 standard deviations of the "
        f"prior. {source(subject, _counts(cells), seed)}"
    )
    title, picture = "Codes of cell and nuclear shape", _scatter(groups, "r")
    scatter = Exhibit("figure_s4a", title, caption, picture, paper="Figure S4 (a)")
    codes = _grid(subject)
    if subject.reference_trained:
        decoder, images = "Dec_r", latent_space.decode_reference(subject.networks["dec_r"], codes)
    else:  # phase 1's decoder may be gone; that of phase 2 draws the shape, too
        spec, (first, *others) = subject.integrator.spec, subject.integrator.structures
        decoder = f"{' and '.join(spec.reference_names)} of Dec_{{r,s}} at y = {first}, z_s = 0"
        y = np.array([1, *(0 for _ in others)])
        images = spec.reference(subject.integrator.decode(y, codes, np.zeros_like(codes[0]))["x_rs_hat"])
    picture, positions = _draw_grid(subject, images, "r")
    caption = f"(b) Cell and nuclear shapes that {decoder} draws {positions}; the others are 0. "
    caption += source(subject, f"{len(images)} codes", seed)
    grid = Exhibit("figure_s4b", "Shapes in latent space", caption, picture, paper="Figure S4 (b)")
    return [scatter, grid]


def structure_codes(subject, cells, seed, structure="tom20"):
    """Returns Figure S5: (a) the first two dimensions of z_s, (b) a structure's variation on a grid through them.

    Args:
      subject, cells, seed: see `paper.draw`.
      structure: whose localization (b) shows; where the data set lacks it, its first.
    """
    names = subject.integrator.structures
    groups = [
        (display(name), color, {split: cells[split].z_s[cells[split].y == k] for split in (TRAINING, HELD_OUT)})
        for k, (name, color) in enumerate(zip(names, colors(names), strict=True))
    ]
    caption = (
        "(a) First two dimensions of the structure latent space, coloured by structure: small points are training "
        "cells, outlined ones held-out cells; circles are 1, 2 and 3 standard deviations of the prior. "
        f"{source(subject, _counts(cells), seed)}"
    )
    title, picture = "Codes of structure localization", _scatter(groups, "s")
    scatter = Exhibit("figure_s5a", title, caption, picture, paper="Figure S5 (a)")
    shown = structure if structure in names else names[0]
    y = np.eye(len(names))[names.index(shown)]
    codes = _grid(subject)
    images = subject.integrator.decode(y, np.zeros_like(codes[0]), codes)["x_rs_hat"]
    picture, positions = _draw_grid(subject, images, "s")
    missing = "" if shown == structure else f" (the data set has no {display(structure)}; this is its first structure)"
    caption = (
        f"(b) {display(shown)}{missing} in a cell of z_r = 0, as Dec_{{r,s}} draws it {positions}; the others are 0. "
        f"{source(subject, f'{len(images)} codes', seed)}"
    )
    title = f"{display(shown)} in latent space"
    return [scatter, Exhibit("figure_s5b", title, caption, picture, paper="Figure S5 (b)")]


def _grid(subject):
    """(25, Z) codes, row by row."""
    return latent_space.grid_codes(np.zeros(subject.integrator.latent_dim)).reshape(-1, subject.integrator.latent_dim)


def _draw_grid(subject, images, space):
    """Returns the picture of a grid of cells, (25, *shape, C), and the part of the caption that describes the grid."""
    spec = subject.integrator.spec
    planes = spec.plane(images)
    where = (slice(None), *figures.around_cell(spec.reference(planes).max(axis=0)))
    overlays = [figures.overlay(plane, contrast=CONTRAST) for plane in planes[where]]
    count = len(latent_space.DEVIATIONS)
    rows = [overlays[i : i + count] for i in range(0, len(overlays), count)]
    columns = [f"{value:g} σ" for value in latent_space.DEVIATIONS]
    _, width, _ = overlays[0].shape
    extent = width * spec.pixel_width
    positions = (
        f"at {POSITIONS} standard deviations of the prior in z_{space},1 (to the right) and z_{space},2 (upwards), "
        f"cropped to {extent:.0f} µm with a bar of {panels.bar_length(extent)} µm"
    )
    return panels.montage(rows, columns, columns[::-1], spec.pixel_width), positions


def _counts(cells):
    return " and ".join(f"{len(cells[split])} cells of {cells[split].split}" for split in (TRAINING, HELD_OUT))


def _scatter(groups, space):
    """Draws (label, colour, {split: (N, Z) codes}) groups: small points for training cells, outlined for held-out."""
    figure = Figure(figsize=(8, 6), dpi=100, layout="constrained")
    ax = figure.subplots()
    ax.set_facecolor(_DARK)
    for radius in (1, 2, 3):
        ax.add_patch(Circle((0, 0), radius, fill=False, edgecolor="#707070", linewidth=1))
    for label, color, codes in groups:
        for split, marks in ((TRAINING, {"s": 7, "alpha": 0.7}), (HELD_OUT, {"s": 26, "edgecolors": "white"})):
            if split in codes:
                ax.scatter(*codes[split][:, :2].T, color=color, linewidths=0.5, **marks)
        ax.scatter([], [], s=26, color=color, label=label)
    ax.set(xlabel=f"$z^{space}_1$", ylabel=f"$z^{space}_2$", aspect="equal")
    reach = max(3.3, *(np.abs(c[:, :2]).max(initial=0) * 1.05 for _, _, codes in groups for c in codes.values()))
    ax.set(xlim=(-reach, reach), ylim=(-reach, reach))
    ax.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), facecolor=_DARK, labelcolor="white", fontsize=9)
    return plots.render(figure)
