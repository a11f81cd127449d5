"""Figure 1: the model as it was built, the reference model above, the conditional model below."""

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch, Polygon, Rectangle

from icell_tf.inference import latent_space
from icell_tf.paper.choice import HELD_OUT, reconstructed, source
from icell_tf.paper.network_tables import parameters
from icell_tf.reports.exhibit import Exhibit
from icell_tf.viz import figures, panels, plots

SIZE = (16.0, 10.4)  # inches, which are also the units of all coordinates
REFERENCE, CONDITIONAL, DISCRIMINATOR, CODE = "#dbe8f7", "#fdeccf", "#f7d9d9", "#ffffff"
LOSS, LINE = "#b3261e", "#333333"
UPPER, LOWER = 7.55, 2.95  # heights of the two autoencoders
# Left edges and widths of the columns: image, encoder, codes, decoder, image, discriminator.
IMAGE, ENC, CODES, DEC, DECODED, DEC_D = (0.4, 1.8), (2.8, 2.0), (5.4, 2.0), (8.0, 2.0), (10.6, 1.8), (13.2, 2.1)
TALL, SHORT = 2.4, 1.3
MIDDLE = (TALL + SHORT) / 4  # half the height of a trapezoid in its middle


def model_diagram(subject, cells, seed):
    """Returns Figure 1: networks with their true shapes, codes, discriminators and losses, and a held-out cell."""
    held_out, networks = cells[HELD_OUT], subject.networks
    i = int(np.random.default_rng(seed).integers(len(held_out)))
    spec, x_rs = held_out.spec, held_out.x([i])
    images = {"x_r": spec.reference(x_rs), "x_rs": x_rs, "x_rs_hat": reconstructed(subject, held_out, [i])}
    if subject.reference_trained:
        images["x_r_hat"] = latent_space.decode_reference(networks["dec_r"], held_out.z_r[[i]])
    (planes,) = spec.plane(x_rs)
    where = (0, *figures.around_cell(planes))
    overlays = {name: figures.overlay(spec.plane(x)[where], contrast="percentile") for name, x in images.items()}
    caption = (
        "The model as it was built. Above, the reference model learns a code z_r of cell and nuclear shape; below, the "
        "conditional model learns where a structure y sits in a cell of that shape, and in z_s what shape and "
        "structure leave open. Trapezoids are networks with their layers and trained parameters, white boxes codes "
        "with their dimensions, red shapes discriminators, red texts losses with the paper's equations; dashed lines "
        "carry draws from the prior. "
        f"The cell is {held_out.cell_ids[i]}. {source(subject, f'1 cell of {held_out.split}', seed)}"
    )
    return Exhibit("figure_1", "The model", caption, plots.render(draw_model(networks, overlays)), paper="Figure 1")


def draw_model(networks, images):
    """Draws the diagram.

    Args:
      networks: all eight by their symbols.
      images: {"x_r", "x_r_hat", "x_rs", "x_rs_hat": uint8 (h, w, 3)}; a place without an image is left empty.

    Returns: a matplotlib Figure of 1600x1040 px.
    """
    figure = Figure(figsize=SIZE, dpi=100, facecolor="white")
    ax = figure.add_axes((0, 0, 1, 1))
    ax.set(xlim=(0, SIZE[0]), ylim=(0, SIZE[1]), aspect="equal")
    ax.axis("off")
    for bottom, top, color, title in (
        (5.25, 10.25, "#f4f8fd", "Reference model, phase 1"),
        (0.15, 5.15, "#fffaf0", "Conditional model, phase 2"),
    ):
        _rounded(ax, (0.15, bottom), 15.7, top - bottom, 0.1, fc=color, ec="none")
        ax.text(0.35, top - 0.25, title, fontsize=13, weight="bold", va="top", color=LINE)
    _draw_reference(ax, networks, images)
    _draw_conditional(ax, networks, images)
    _arrow(ax, (6.1, UPPER - 0.45), (6.1, LOWER + 1.475), LOSS, "<->", "--")
    ax.text(6.2, 4.83, r"$\mathrm{MSE}(z^r, \hat{z}^r)$, eq. 8", fontsize=10, color=LOSS, va="center")
    return figure


def _draw_reference(ax, networks, images):
    y = UPPER
    _image(ax, IMAGE, y, images.get("x_r"), "$x^r$", networks["enc_r"].inputs[0])
    _network(ax, ENC, y, networks["enc_r"], r"$\mathrm{Enc}_r$", REFERENCE, TALL, SHORT)
    _box(ax, CODES, y, 0.9, "$z^r$", networks["dec_r"].inputs[0])
    _network(ax, DEC, y, networks["dec_r"], r"$\mathrm{Dec}_r$", REFERENCE, SHORT, TALL)
    _image(ax, DECODED, y, images.get("x_r_hat"), r"$\hat{x}^r$", networks["dec_r"].outputs[0])
    _network(ax, DEC_D, y, networks["dec_d_r"], r"$\mathrm{DecD}_r$", DISCRIMINATOR, TALL, SHORT)
    _row_of_arrows(ax, y)
    ax.text(11.5, y - 1.62, r"$H(\hat{x}^r, x^r)$, eq. 3", fontsize=10, color=LOSS, ha="center")
    ax.text(14.25, y - 1.62, "observed or generated? eq. 6", fontsize=10, color=LOSS, ha="center")
    _discriminated_codes(ax, 9.45, y + 0.45, networks["enc_d_r"], "r", "eq. 5", y + MIDDLE)
    _pill(ax, 14.25, 9.45, "$x^r$ observed", (14.25, y + MIDDLE))


def _draw_conditional(ax, networks, images):
    y = LOWER
    _image(ax, IMAGE, y, images.get("x_rs"), "$x^{r,s}$", networks["enc_rs"].inputs[0])
    _network(ax, ENC, y, networks["enc_rs"], r"$\mathrm{Enc}_{r,s}$", CONDITIONAL, TALL, SHORT)
    codes = {code.name: code for code in networks["dec_rs"].inputs}
    for height, symbol, name in ((1.1, r"$\hat{z}^r$", "z_r"), (0.0, r"$\hat{y}$", "y"), (-1.1, "$z^s$", "z_s")):
        _box(ax, CODES, y + height, 0.75, symbol, codes[name])
        _arrow(ax, (4.8, y + height / 3), (5.4, y + height))
        _arrow(ax, (7.4, y + height), (8.0, y + height / 3))
    ax.text(6.4, y - 0.55, r"$-\log \hat{y}_y$, eq. 10", fontsize=9, color=LOSS, ha="center", va="center")
    _network(ax, DEC, y, networks["dec_rs"], r"$\mathrm{Dec}_{r,s}$", CONDITIONAL, SHORT, TALL)
    _image(ax, DECODED, y, images.get("x_rs_hat"), r"$\hat{x}^{r,s}$", networks["dec_rs"].outputs[0])
    _network(ax, DEC_D, y, networks["dec_d_rs"], r"$\mathrm{DecD}_{r,s}$", DISCRIMINATOR, TALL, SHORT)
    _row_of_arrows(ax, y, codes=False)
    ax.text(11.5, y + 1.42, r"$H(\hat{x}^{r,s}, x^{r,s})$, eq. 13", fontsize=10, color=LOSS, ha="center")
    ax.text(14.25, y + 1.42, "which structure, or generated? eq. 14", fontsize=10, color=LOSS, ha="center")
    _discriminated_codes(ax, 0.75, y - 1.475, networks["enc_d_s"], "s", "eq. 11", y - MIDDLE)
    _pill(ax, 14.25, 0.75, "$x^{r,s}$ observed", (14.25, y - MIDDLE))


def _discriminated_codes(ax, y, code_edge, network, space, equation, decoder_edge):
    """A latent discriminator above or below the codes, and the prior, which goes into it and into the decoder."""
    towards = 1 if y > code_edge else -1
    text = rf"$\mathrm{{EncD}}_{space}$   {parameters(network):,} parameters"
    _rounded(ax, (CODES[0] - 0.3, y - 0.35), 2.6, 0.7, 0.05, fc=DISCRIMINATOR, ec=LINE)
    ax.text(6.4, y + 0.13, text, fontsize=10, ha="center", va="center")
    ax.text(6.4, y - 0.17, _layers(network), fontsize=9, ha="center", va="center")
    _arrow(ax, (6.4, code_edge), (6.4, y - towards * 0.35))
    ax.text(5.05, y, f"prior or encoded? {equation}", fontsize=10, color=LOSS, ha="right", va="center")
    prior = rf"$\tilde{{z}}^{space} \sim N(0, I)$"
    _pill(ax, 9.0, y, prior, (9.0, decoder_edge), "--")
    _arrow(ax, (8.1, y), (7.7, y), style="--")


def _row_of_arrows(ax, y, codes=True):
    edges = [(IMAGE, ENC), (ENC, CODES), (CODES, DEC), (DEC, DECODED), (DECODED, DEC_D)]
    for (left, width), (right, _) in edges if codes else (edges[0], *edges[3:]):
        _arrow(ax, (left + width, y), (right, y))


def _image(ax, column, y, picture, symbol, tensor):
    left, side = column
    if picture is not None:
        picture = panels.enlarge(picture)
        rows, columns, _ = picture.shape
        height, width = (side * pixels / max(rows, columns) / 2 for pixels in (rows, columns))
        middle = left + side / 2
        extent = (middle - width, middle + width, y - height, y + height)
        ax.imshow(picture, extent=extent, zorder=2, interpolation="bilinear")
    ax.add_patch(Rectangle((left, y - side / 2), side, side, fc="white", ec=LINE, zorder=1))
    ax.text(left + side / 2, y - side / 2 - 0.2, f"{symbol}   {_shape(tensor)}", fontsize=11, ha="center", va="center")
    ax.set(xlim=(0, SIZE[0]), ylim=(0, SIZE[1]))  # imshow moves them


def _network(ax, column, y, network, symbol, color, left_height, right_height):
    """A trapezoid: wide where images go in or come out."""
    left, width = column
    corners = [(left, y + side * left_height / 2) for side in (-1, 1)]
    corners += [(left + width, y + side * right_height / 2) for side in (1, -1)]
    ax.add_patch(Polygon(corners, closed=True, fc=color, ec=LINE, linewidth=1.2))
    weights = f"{parameters(network):,} parameters"
    for height, text, size in ((0.33, symbol, 15), (-0.05, _layers(network), 9), (-0.33, weights, 9)):
        ax.text(left + width / 2, y + height, text, fontsize=size, ha="center", va="center")


def _box(ax, column, y, height, symbol, tensor):
    left, width = column
    ax.add_patch(Rectangle((left, y - height / 2), width, height, fc=CODE, ec=LINE, linewidth=1.2))
    ax.text(left + width / 2, y, f"{symbol}   {_shape(tensor)}", fontsize=13, ha="center", va="center")


def _pill(ax, x, y, text, target, style="-"):
    """A rounded label whose arrow ends at the target, straight above or below it."""
    _rounded(ax, (x - 0.9, y - 0.25), 1.8, 0.5, 0.25, fc="white", ec=LINE)
    ax.text(x, y, text, fontsize=11, ha="center", va="center")
    _arrow(ax, (x, y - 0.25 if target[1] < y else y + 0.25), target, style=style)


def _rounded(ax, corner, width, height, radius, **colors):
    ax.add_patch(FancyBboxPatch(corner, width, height, f"round,pad=0,rounding_size={radius}", **colors))


def _arrow(ax, start, end, color=LINE, heads="->", style="-"):
    arrow = {"arrowstyle": heads, "color": color, "linewidth": 1.3, "linestyle": style, "shrinkA": 0, "shrinkB": 0}
    ax.annotate("", end, start, arrowprops=arrow)


def _layers(network):
    """What a network is made of, in a line: its convolutions' widths, or its dense layers'."""
    convolutions = [layer for layer in network.layers if "Conv" in type(layer).__name__]
    if not convolutions:
        return "FC " + ", ".join(str(layer.units) for layer in network.layers if "Dense" in type(layer).__name__)
    direction = "↑" if "Transpose" in type(convolutions[0]).__name__ else "↓"
    return f"{len(convolutions)} conv {direction}, {convolutions[0].filters} to {convolutions[-1].filters}"


def _shape(tensor):
    return "×".join(map(str, tensor.shape[1:]))
