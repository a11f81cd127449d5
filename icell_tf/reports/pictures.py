"""Pictures of what the parts of the scorecard measured."""

import numpy as np

from icell_tf.reports import distributions, score_figures
from icell_tf.reports.exhibit import Exhibit
from icell_tf.viz import figures

PICTURED = 5  # cells, each in all structures


def draw(context, part):
    """Returns the pictures of a part, `Exhibit`s; none of some parts. Args: `Context`; `Part`."""
    return DRAWN[part.key](context, part.measured) if part.key in DRAWN else []


def _reconstruction(context, measured):
    test, names = context.test, context.integrator.structures
    rows = _one_of_each(test)
    x_rs, labels = test.x_rs(rows), [names[k] for k in test.y[rows]]
    reconstructed = context.integrator.reconstruct(x_rs)["x_rs_hat"]
    picture = figures.observed_over_reconstructed(x_rs, reconstructed, labels, contrast="percentile")
    caption = "Test cells over their reconstructions by the conditional model."
    return [Exhibit("reconstructed", "Reconstructions", caption, picture)]


def _classification(context, measured):
    caption = (
        "How often the predicted structure is right, over its probability, in 15 bins of equal width; below, how many "
        f"of the n = {len(measured.y)} test cells a bin has."
    )
    return [Exhibit("calibration", "Calibration", caption, score_figures.reliability_curve(measured))]


def _integration(context, measured):
    test, names = context.test, context.integrator.structures
    rows = _one_of_each(test)[:PICTURED]
    x_rs = test.x_rs(rows)
    integrated = context.integrator.integrate(x_rs[..., :-1])["structures"]
    caption = "Test cells: the observed cell, then each structure as Algorithm 3 predicts it there."
    picture = figures.integration_grid(x_rs, integrated, names)
    pictures = [Exhibit("integrated", "All structures in one cell", caption, picture)]
    picture = figures.structure_grid(integrated, names)
    caption = "The predicted structures of the same cells, alone."
    pictures.append(Exhibit("structures", "Predicted structures", caption, picture))
    if test.expected is not None:
        picture = figures.structure_grid(test.expected[rows] / np.float32(255), names)
        caption = "What is expected of the predicted structures: the mean of many simulated draws in the same cells."
        pictures.append(Exhibit("expected", "Expected localizations", caption, picture))
    caption = (
        f"Mean over n = {len(test)} test cells. Filled: the model, by Algorithm 3 and by the mean of draws. Hollow: "
        "what the training cells predict without it: a structure's mean image, and the structure of the cell, or the "
        "mean of the 20 cells, nearest in the code or in the pixels of the shape."
    )
    picture = score_figures.integration_by_structure(measured)
    return [*pictures, Exhibit("integration_beside_its_rivals", "Integration beside its rivals", caption, picture)]


def _generated(context, shapes):
    names = context.integrator.structures
    drawn = [context.integrator.sample(np.arange(len(names)), context.seed + row)["x_rs"] for row in range(3)]
    cells = figures.cell_grid(np.concatenate(drawn), columns=len(names), labels=names, contrast="percentile")
    of_cells = "Cells drawn from the prior: each is another draw of z_r and z_s, a column shows one structure."
    of_shapes = "Area, eccentricity and nucleus-to-cell ratio of generated cells, and of what they are compared with."
    return [
        Exhibit("generated", "New cells", of_cells, cells),
        Exhibit("shapes", "Shapes", of_shapes, distributions.draw_shapes(shapes)),
    ]


def _memorisation(context, distances):
    caption = "Distance to the nearest training cell: copies would lie left of the held-out cells."
    picture = distributions.draw_nearest(distances)
    return [Exhibit("nearest_training_cells", "Nearest training cells", caption, picture)]


def _latent(context, tables):
    caption = "What each dimension tells the decoder, and how it is distributed, compared with its prior, N(0, 1)."
    return [Exhibit("dimensions", "Dimensions of the codes", caption, distributions.draw_dimensions(tables))]


def _one_of_each(test):
    """The row of a test cell of each structure that occurs."""
    return np.unique(test.y, return_index=True)[1]


DRAWN = {
    "reconstruction": _reconstruction,
    "classification": _classification,
    "integration": _integration,
    "generated": _generated,
    "memorisation": _memorisation,
    "latent": _latent,
}
