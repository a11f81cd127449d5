"""Figures 2, 3, S1, S2 and S6: observed cells, predicted structures, and reconstructions, in the paper's colours."""

import numpy as np

from icell_tf.inference import latent_space
from icell_tf.messages import counted
from icell_tf.paper.choice import HELD_OUT, TRAINING, choose, reconstructed, source
from icell_tf.reports.exhibit import Exhibit
from icell_tf.structures import display
from icell_tf.viz import figures, panels

OBSERVED_CELLS = 6  # a row of Figure 2
PREDICTED_CELLS = 5  # columns of Figures 3 and S6
RECONSTRUCTED_CELLS = 8  # columns of Figures S1 and S2, or as many as there are structures, if more
CONTRAST = "percentile"
_REFERENCE_COLORS = "the membrane is magenta, the nucleus cyan"
_COLORS = f"{_REFERENCE_COLORS}, the structure yellow"
_SCALED = "every channel of every panel is scaled on its own"


def observed_cells(subject, cells, seed):
    """Returns Figures 2 and S6 (a): six training cells of each structure, fewer where fewer exist.

    Figure 2 has the structure with membrane and nucleus, S6 (a) the structure alone.
    """
    training = cells[TRAINING]
    rng = np.random.default_rng(seed)
    chosen = [choose(training.y, k, OBSERVED_CELLS, rng) for k in range(len(subject.integrator.structures))]
    shown = np.concatenate(chosen)
    planes = training.planes(shown)
    where = _crop(planes)
    end = f"{_cropped(subject, where)} {source(subject, _count(training, shown), seed)}"
    rows = [list(images) for images in np.split(planes[where], np.cumsum([len(some) for some in chosen])[:-1])]
    rows = [row + [None] * (OBSERVED_CELLS - len(row)) for row in rows]
    what = "Observed training cells, six of each structure or as many as there are: "
    names = (
        ("figure_2", "Figure 2", "Observed cells of each structure"),
        ("figure_s6a", "Figure S6 (a)", "Observed structures alone"),
    )
    return _with_reference_and_alone(subject, names, rows, None, lambda about: f"{what}{about}; {_SCALED}. {end}")


def predicted_cells(subject, cells, seed):
    """Returns Figures 3 and S6 (b): the structures predicted in five held-out cells, and one observed.

    Rows are structures, columns the five cells. The last column is an observed cell with the structure labelled.
    Figure 3 has membrane and nucleus as observed in the five cells; S6 (b) has the structures alone.
    """
    held_out, spec, names = cells[HELD_OUT], subject.integrator.spec, subject.integrator.structures
    rng = np.random.default_rng(seed)
    chosen = np.sort(rng.permutation(len(held_out))[:PREDICTED_CELLS])
    x_r = spec.reference(held_out.planes(chosen))
    predicted = held_out.seen_by(lambda x: subject.integrator.integrate(spec.reference(x))["structures"], chosen)
    observed_cells, elsewhere = _one_of_each(cells, len(names), rng)
    found = [image for image in observed_cells if image is not None]
    where = _crop(np.concatenate([x_r, spec.reference(np.stack(found))]))
    rows = []
    for k, observed in enumerate(observed_cells):
        images = np.concatenate([x_r, predicted[..., k : k + 1]], axis=-1)[where]
        rows.append([*images, None if observed is None else observed[where[1:]]])
    columns = [*(f"cell {i + 1}" for i in range(len(chosen))), "observed"]
    what = (
        f"Structures (rows) predicted by Algorithm 3 in the same {len(chosen)} held-out cells (columns) from membrane "
        f"and nucleus alone. The last column is an observed {held_out.split} cell with that structure labelled"
        f"{elsewhere}. "
    )
    count = f"{_count(held_out, chosen)} and {len(found)} observed ones beside them"
    end = f"so brightness says nothing across panels. {_cropped(subject, where)} {source(subject, count, seed)}"
    names = (
        ("figure_3", "Figure 3", "Predicted structures in their cells"),
        ("figure_s6b", "Figure S6 (b)", "Predicted structures alone"),
    )
    return _with_reference_and_alone(
        subject, names, rows, columns, lambda about: f"{what}{about.capitalize()}; {_SCALED}, {end}"
    )


def _with_reference_and_alone(subject, names, rows, columns, caption):
    """Two exhibits, (key, paper, title) each, of rows of planes or None: all channels, and the structure alone."""
    spec = subject.integrator.spec
    shown = (lambda x: x, _COLORS), (lambda x: spec.structure(x)[..., None], "only the structure is shown")
    exhibits, labels = [], [display(name) for name in subject.integrator.structures]
    for (key, paper, title), (channels, about) in zip(names, shown, strict=True):
        overlays = [_overlays(None if x is None else channels(x) for x in row) for row in rows]
        picture = panels.montage(overlays, columns, labels, _across(spec))
        exhibits.append(Exhibit(key, title, caption(about), picture, paper=paper))
    return exhibits


def reconstructed_cells(subject, cells, seed):
    """Returns Figures S1 and S2: cells over their reconstructions, training cells above held-out ones.

    S1 is there only if the reference model's decoder has its trained weights.
    """
    chosen = _spread(subject, cells, seed)
    models = (True, False) if subject.reference_trained else (False,)
    return [_reconstructed(subject, cells, chosen, seed, reference) for reference in models]


def _reconstructed(subject, cells, chosen, seed, reference):
    spec, pairs = subject.integrator.spec, {}
    for split, rows in chosen.items():
        coded, rows = cells[split], [i for i in rows if i is not None]
        x = coded.planes(rows)
        if reference:
            x_r_hat = latent_space.decode_reference(subject.networks["dec_r"], coded.z_r[rows])
            pairs[split] = spec.reference(x), spec.plane(x_r_hat)
        else:
            pairs[split] = x, spec.plane(reconstructed(subject, coded, rows))
    where = _crop(np.concatenate([x for x, _ in pairs.values()]))
    rows = []
    for split, places in chosen.items():
        for images in pairs[split]:
            left = iter(_overlays(images[where]))
            rows.append([None if i is None else next(left) for i in places])
    labels = [display(subject.integrator.structures[k]) for k in _columns(subject)]
    row_labels = ["training", "decoded", "held out", "decoded"]
    picture = panels.montage(rows, labels, row_labels, _across(spec))
    model, coded_by, colors, number = (
        ("reference", "Enc_r and Dec_r", _REFERENCE_COLORS, 1)
        if reference
        else ("conditional", "Enc_{r,s} and Dec_{r,s}", _COLORS, 2)
    )
    counts = " and ".join(_count(cells[split], pairs[split][0]) for split in chosen)
    caption = (
        f"Cells (rows 1 and 3) over what {coded_by} make of them (rows 2 and 4): training cells above, held-out cells "
        f"below. {colors.capitalize()}; {_SCALED}. {_cropped(subject, where)} {source(subject, counts, seed)}"
    )
    title = f"Reconstruction by the {model} model"
    return Exhibit(f"figure_s{number}", title, caption, picture, paper=f"Figure S{number}")


def _columns(subject):
    """The structure of each column of Figures S1 and S2: all in turn, each as often, until there are enough."""
    k = len(subject.integrator.structures)
    return np.repeat(np.arange(k), max(1, RECONSTRUCTED_CELLS // k)).tolist()


def _spread(subject, cells, seed):
    """{split: an index or None for each column}: a different cell for each column, of the column's structure."""
    rng, columns = np.random.default_rng(seed), _columns(subject)
    chosen = {}
    for split in (TRAINING, HELD_OUT):
        left = {k: choose(cells[split].y, k, columns.count(k), rng).tolist() for k in set(columns)}
        chosen[split] = [left[k].pop(0) if left[k] else None for k in columns]
    return chosen


def _one_of_each(cells, count, rng):
    """An observed cell of each structure or None, held out where there is one; and a text on those that are not."""
    found, elsewhere = [], []
    splits = [split for split in (HELD_OUT, "validation", TRAINING) if split in cells]
    for k in range(count):
        some = {split: choose(cells[split].y, k, 1, rng) for split in splits}
        split = next((split for split, rows in some.items() if len(rows)), None)
        found.extend(cells[split].planes(some[split]) if split else [None])
        if split != HELD_OUT:
            elsewhere.append(f"{f'a {split} cell' if split else 'none'} in row {k + 1}")
    return found, f" ({', '.join(elsewhere)})" if elsewhere else ""


def _crop(images):
    """Slices of (N, Y, X, 2 or 3) planes around all their cells, for one scale in all panels."""
    return (slice(None), *figures.around_cell(np.max(images, axis=0)))


def _cropped(subject, where):
    """A sentence for captions, about frame and scale bar."""
    spec = subject.integrator.spec
    sides = zip(where[1:], spec.plane_shape, spec.plane_pixel_size, strict=True)
    height, width = (len(range(*part.indices(pixels))) * size for part, pixels, size in sides)
    size = f"{width:.0f}" if height == width else f"{height:.0f} x {width:.0f}"
    shown = "Images show the maximum along z and are" if spec.rank > len(spec.plane_shape) else "Images are"
    return f"{shown} cropped to {size} µm; the bar is {panels.bar_length(width)} µm."


def _across(spec):
    """µm a pixel along x, as scale bars lie."""
    across = spec.pixel_width
    return across


def _count(coded, shown):
    return f"{counted(len(shown), 'cell')} of {coded.split}"


def _overlays(images):
    colors = {1: (figures.WHITE,)}
    return [
        None if x is None else figures.overlay(x, colors.get(x.shape[-1], figures.CHANNEL_COLORS), CONTRAST)
        for x in images
    ]
