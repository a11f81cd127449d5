"""Pictures of what the parts of the scorecard measured, with volumes as their maxima from three sides."""

import numpy as np

from icell_tf.inference.pictures import arranged, window_of
from icell_tf.reports import distributions, score_figures
from icell_tf.reports.exhibit import Exhibit
from icell_tf.viz import figures, volumes

PICTURED = 5  # cells, each in all structures
DRAWN_BESIDE = 5  # draws beside the observed cell


def draw(context, part):
    """Returns the pictures of a part, `Exhibit`s; none of some parts. Args: `Context`; `Part`."""
    return DRAWN[part.key](context, part.measured) if part.key in DRAWN else []


def _reconstruction(context, measured):
    test, names = context.test, context.integrator.structures
    rows = _one_of_each(test)
    x, labels = test.x(rows), [names[k] for k in test.y[rows]]
    show, reconstructed = _view(test.spec, x), context.integrator.reconstruct(x)["x_rs_hat"]
    picture = figures.observed_over_reconstructed(show(x), show(reconstructed), labels, contrast="percentile")
    caption = f"Test cells over their reconstructions by the conditional model{_from_where(test.spec)}."
    return [Exhibit("reconstructed", "Reconstructions", caption, picture)]


def _classification(context, measured):
    caption = (
        "How often the predicted structure is right, over its probability, in 15 bins of equal width; below, how many "
        f"of the n = {len(measured.y)} test cells a bin has."
    )
    return [Exhibit("calibration", "Calibration", caption, score_figures.reliability_curve(measured))]


def _integration(context, measured):
    test, spec, names = context.test, context.test.spec, context.integrator.structures
    rows = _one_of_each(test)[:PICTURED]
    x = test.x(rows)
    show = _view(spec, x)
    integrated = show(context.integrator.integrate(spec.reference(x))["structures"])
    caption = f"Test cells: the observed cell, then each structure as Algorithm 3 predicts it there{_from_where(spec)}."
    picture = figures.integration_grid(show(x), integrated, names)
    pictures = [Exhibit("integrated", "All structures in one cell", caption, picture)]
    picture = figures.structure_grid(integrated, names)
    caption = "The predicted structures of the same cells, alone."
    pictures.append(Exhibit("structures", "Predicted structures", caption, picture))
    if (expected := test.expected(rows)) is not None:
        picture = figures.structure_grid(show(expected / np.float32(255)), names)
        caption = "What is expected of the predicted structures: the mean of many simulated draws in the same cells."
        pictures.append(Exhibit("expected", "Expected localizations", caption, picture))
    caption = (
        f"Mean over n = {len(test)} test cells. Filled: the model, by Algorithm 3 and by the mean of draws. Hollow: "
        "what the training cells predict without it: a structure's mean image, and the structure of the cell, or the "
        "mean of the 20 cells, nearest in the code or in the pixels of the shape."
    )
    picture = score_figures.integration_by_structure(measured)
    return [*pictures, Exhibit("integration_beside_its_rivals", "Integration beside its rivals", caption, picture)]


def _truth(context, measured):
    if measured is None:  # the data set doesn't know it
        return []
    test, spec, names = context.test, context.test.spec, context.integrator.structures
    rows = _one_of_each(test)[:PICTURED]
    x_r, known = spec.reference(test.x(rows)), test.truth(rows) / np.float32(255)
    show, predicted = _view(spec, x_r), context.integrator.integrate(x_r)["structures"]
    columns, panels = [], [[] for _ in rows]
    for k, name in enumerate(names):
        columns += [name, "predicted"]
        for images in (known, predicted):
            shown = show(np.concatenate([x_r, images[..., k : k + 1]], axis=-1))
            for row, image in zip(panels, shown, strict=True):
                row.append(figures.overlay(image, contrast="percentile"))
    picture = figures.montage(panels, columns, [names[k] for k in test.y[rows]])
    caption = (
        "Test cells, each in a row that is called after the structure it would be shown with in training: every "
        "structure as observed in that cell (without one that isn't known), and as Algorithm 3 predicts it"
        f"{_from_where(spec)}."
    )
    return [Exhibit("truth", "Known structures of the same cell", caption, picture)]


def _distribution(context, measured):
    test, spec, names = context.test, context.test.spec, context.integrator.structures
    rows = _one_of_each(test)
    parts, y = [test.x(rows)], test.y[rows]
    x_r = spec.reference(parts[0])
    for images in (context.integrator.integrate(x_r)["structures"], *context.integrator.draw(x_r, DRAWN_BESIDE)):
        parts.append(np.concatenate([x_r, images[np.arange(len(y)), ..., y][..., None]], axis=-1))
    columns = ["observed", "Algorithm 3", *(f"draw {i + 1}" for i in range(DRAWN_BESIDE))]
    cells = zip(*map(_view(spec, x_r), parts), strict=True)
    panels = [[figures.overlay(image, contrast="percentile") for image in row] for row in cells]
    picture = figures.montage(panels, columns, [names[k] for k in y])
    caption = (
        "Test cells, each with its structure as observed, as Algorithm 3 predicts it, and as the model draws it"
        f"{_from_where(spec)}."
    )
    ranks = (
        "How often an observed pixel lies at each rank among the draws. Draws of the true distribution are flat; the "
        "more the ends stand out, the less the draws vary."
    )
    return [
        Exhibit("drawn", "Draws beside observed cells", caption, picture),
        Exhibit("ranks", "Ranks among the draws", ranks, score_figures.rank_histograms(measured)),
    ]


def _generated(context, shapes):
    names = context.integrator.structures
    spec, sample = context.integrator.spec, context.integrator.sample
    drawn = np.concatenate([sample(np.arange(len(names)), context.seed + row)["x_rs"] for row in range(3)])
    cells = figures.cell_grid(_view(spec, drawn)(drawn), columns=len(names), labels=names, contrast="percentile")
    varies = "z_r, of the shape and of the structure" if context.integrator.sharp else "z_r and z_s"
    of_cells = (
        f"Cells drawn from the prior: each is another draw of {varies}, a column shows one structure"
        f"{_from_where(spec)}."
    )
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


def _view(spec, x):
    """Returns a function from images of some cells, (..., C), to what is shown of them.

    That is planes as they are, and of volumes the maxima from above, from the front and from the side in one picture,
    cut to where the cells lie. Args: their `CellSpec`; the cells, (N, *shape, C), reference channels first.
    """
    if "Z" not in spec.axes:
        return lambda images: images
    window = window_of(spec, x.max(axis=0))
    return lambda images: arranged(spec, images, volumes.projections, window)


def _from_where(spec):
    """The end of a caption's first sentence."""
    return ", from above, from the front (below) and from the side (right), as maxima" if "Z" in spec.axes else ""


def _one_of_each(test):
    """The row of a test cell of each structure that occurs."""
    return np.unique(test.y, return_index=True)[1]


DRAWN = {
    "reconstruction": _reconstruction,
    "classification": _classification,
    "integration": _integration,
    "truth": _truth,
    "distribution": _distribution,
    "generated": _generated,
    "memorisation": _memorisation,
    "latent": _latent,
}
