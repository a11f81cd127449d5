"""Are draws distributed as observed structures are, given the cell? Proper scores, calibration, spread and detail.

What is compared is an observation: an image with the camera's noise, prepared as the data are. In real cells it is the
structure that a cell shows. Of simulated cells that know observations of all structures, the first one is it, and the
others are true draws: what a perfect model would score. Only pixels inside the cell count.
"""

from dataclasses import dataclass

import numpy as np

from icell_tf.evaluation.drawn import BATCH, Drawn
from icell_tf.evaluation.metrics import correlation, ensembles, similarity
from icell_tf.evaluation.metrics.scores import mean_over_structures, mean_ratio, over_structures, ratio_over_structures
from icell_tf.evaluation.neighbours import MEAN_OF, Neighbours

MOST_CELLS = 400
PATCH = 4  # pixels
BANDS = ((0.03, 0.1), (0.1, 0.2), (0.2, 0.3), (0.3, 0.5))  # cycles a pixel along x
COVERED = (0.5, 0.9)
BINS = 20  # of a rank histogram
DRAWN, NEAREST, MODE, TRUE = "draws", f"{MEAN_OF}_nearest", "algorithm_3", "true_draws"
MEAN, ONE, NEAREST_CELL, TRUE_ONE = "mean_of_draws", "draw", "nearest_cell", "true_draw"  # single images
PROPER = {
    "crps": "continuous ranked probability score by pixel, images in [0, 1]",
    "crps_of_patches": f"the same of means over patches of {PATCH} pixels a side",
    "energy_score": "energy score, Euclidean distance over the pixels inside the cell",
}
SIMILARITY = {
    "ssim": (similarity.ssim, "structural similarity index with the observed structure, mean inside the cell"),
    "dice": (
        similarity.dice,
        "Dice coefficient with the observed structure, each above its Otsu threshold inside",
    ),
}
PICTURED = {MODE: "Algorithm 3's image", MEAN: "the mean of the draws", ONE: "one draw"}


@dataclass(frozen=True, eq=False)
class Distribution:
    """What is measured of the ensembles for N cells and K structures; NaN where a cell tells nothing of a structure.

    Attributes:
      structures: K names.
      draws: the number of draws of each structure in each cell.
      cell_ids: N texts.
      proper: {score: {ensemble: (N, K)}}, scores as `PROPER` names them; the ensembles: the model's draws, the copies
        of the nearest training cells, Algorithm 3's image alone, and where they are known true draws.
      covered: {ensemble: {share: (N, K)}}, the part of the pixels within the central interval that holds that share.
      histograms: {ensemble: (K, BINS)}, counts of the `ensembles.ranks` of all pixels.
      variance: {ensemble: (N, K)}, mean over the pixels of the variance over the draws, images in [0, 1].
      similarity: {score: {image: (N, K)}}, scores as `SIMILARITY` names them; the images: Algorithm 3's, the mean of
        the draws, one draw, the structure of the nearest training cell, and where they are known a true draw.
      power: {ensemble or "observed": (N, K, bands)}, mean power in `BANDS`.
    """

    structures: tuple[str, ...]
    draws: int
    cell_ids: list[str]
    proper: dict[str, dict[str, np.ndarray]]
    covered: dict[str, dict[float, np.ndarray]]
    histograms: dict[str, np.ndarray]
    variance: dict[str, np.ndarray]
    similarity: dict[str, dict[str, np.ndarray]]
    power: dict[str, np.ndarray]


def measure(integrator, test, training, draws=32, seed=0, most=MOST_CELLS, neighbours=None, drawn=None):
    """Draws the structures of which there are observations, in test cells, and compares.

    Args:
      integrator: the trained `Integrator`.
      test, training: `CodedCells` of the test and the training split.
      draws: number of draws of each structure in each cell, 2 or more.
      seed: of the draws, and of ties between ranks.
      most: the first test cells are taken, at most so many; but where some cells have observations of all structures,
        all of these and no others.
      neighbours: `Neighbours` of that training split, if there are any yet.
      drawn: `Drawn` in the test cells, of as many draws and of that seed, if it is shared.

    Returns: `Distribution`.
    """
    drawn = drawn or Drawn(integrator, test, draws, seed)
    spec, neighbours = test.spec, neighbours or Neighbours(integrator, training)
    known = test.observed_rows
    rows = known if len(known) else np.arange(min(most, len(test)))
    pixels = neighbours.find(test)
    nearest = pixels.get("mean_of_nearest_pixels_mirrored", pixels["mean_of_nearest_pixels"])[rows]
    table, rng = _Table(len(rows), spec), np.random.default_rng(seed)
    size = drawn.cells_at_once if len(known) else BATCH
    for start in range(0, len(rows), size):
        part = rows[start : start + size]
        x = test.x(part)
        x_r, masks = spec.reference(x), correlation.cell_mask(spec.reference(x))
        modes = integrator.integrate(x_r)["structures"]
        if len(known):
            images = drawn.draws(part.tolist())
        else:  # only the structure that a cell shows
            images = np.stack([*integrator.draw(x_r, draws, seed, test.y[part])], axis=1)[..., None]
        for place, row in enumerate(part):
            observations = test.observations(row) if len(known) else None
            for k in range(len(spec.structures)) if len(known) else [test.y[row]]:
                found = {DRAWN: images[place, ..., k if len(known) else 0], MODE: modes[place, None, ..., k]}
                found = {name: np.ascontiguousarray(shown) for name, shown in found.items()}
                copies = nearest[start + place, k]
                found[NEAREST] = neighbours.copies(copies[copies >= 0]) / np.float32(255)
                if observations is None:
                    observed = spec.structure(x[place])
                else:
                    exposed = observations[..., k] / np.float32(255)
                    observed, found[TRUE] = exposed[0], exposed[1:]
                table.add(start + place, k, observed, found, masks[place], rng)
    return table.measured(spec.structures, draws, [test.cell_ids[row] for row in rows])


class _Table:
    """Collects what is measured of one cell and structure after the other."""

    def __init__(self, cells, spec):
        self._shape, self._values, self._histograms = (cells, len(spec.structures)), {}, {}
        self._pixel_size = spec.pixel_size

    def add(self, i, k, observed, found, mask, rng):
        """Args: observed (*shape); found, {ensemble: (M, *shape)}; mask (*shape) bool."""
        patches = ensembles.averaged(mask[None].astype(np.float32), PATCH) >= 0.5
        small = ensembles.averaged(observed[None], PATCH)
        for name, image in _single_images(found).items():
            for metric, (compare, _) in SIMILARITY.items():
                self._set(("similarity", metric, name), i, k, compare(image, observed, mask))
        self._set(("power", "observed"), i, k, self._power(observed[None], mask))
        for name, draws in found.items():
            if not len(draws):  # no training cell has the structure, or no observation is left as a true draw
                continue
            one = [draws], observed[None], mask[None]
            self._set(("proper", "crps", name), i, k, ensembles.crps(*one))
            self._set(("proper", "energy_score", name), i, k, ensembles.energy_score(*one))
            if patches.any():
                of_patches = ensembles.crps([ensembles.averaged(draws, PATCH)], small, patches)
                self._set(("proper", "crps_of_patches", name), i, k, of_patches)
            self._set(("power", name), i, k, self._power(draws, mask))
            if len(draws) < 2:
                continue
            ranks = ensembles.ranks(draws, observed, mask, rng)
            for share in COVERED:
                self._set(("covered", name, share), i, k, np.mean(np.abs(ranks - 0.5) <= share / 2))
            histogram = self._histograms.setdefault(name, np.zeros((self._shape[1], BINS), np.int64))
            histogram[k] += np.histogram(ranks, BINS, (0, 1))[0]
            self._set(("variance", name), i, k, draws[:, mask].var(axis=0, ddof=1, dtype=np.float64).mean())

    def _power(self, images, mask):
        """The mean power of images (M, *shape), of pixels inside a mask (*shape) alone. Returns: (bands,)."""
        return ensembles.radial_power(np.where(mask, images, 0), BANDS, self._pixel_size).mean(axis=0)

    def _set(self, key, i, k, value):
        shape = (*self._shape, *np.shape(np.squeeze(value)))
        self._values.setdefault(key, np.full(shape, np.nan))[i, k] = np.squeeze(value)

    def measured(self, structures, draws, cell_ids):
        nested = {"proper": {}, "covered": {}, "variance": {}, "similarity": {}, "power": {}}
        for (kind, *names, last), values in self._values.items():
            place = nested[kind]
            for name in names:
                place = place.setdefault(name, {})
            place[last] = values
        return Distribution(tuple(structures), draws, cell_ids, histograms=self._histograms, **nested)


def _single_images(found):
    """Returns {name: (*shape)} of ensembles, {name: (M, *shape)}; none of an empty one."""
    first = {ONE: DRAWN, MODE: MODE, NEAREST_CELL: NEAREST, TRUE_ONE: TRUE}
    images = {name: found[ensemble][0] for name, ensemble in first.items() if len(found.get(ensemble, ()))}
    return images | {MEAN: found[DRAWN].mean(axis=0)}


def scores(measured, seed=0):
    """Returns the `Score`s of a `Distribution`, over all structures and for each.

    crps, crps_of_patches, energy_score: of the draws. crps_gain and so on: the nearest cells' minus the draws', cell by
    cell; above 0 the draws are ahead. coverage_50, coverage_90: of the central intervals. spread_of_draws: root of the
    draws' variance over that of true draws, where these are known. power_1 to power_4: mean power of the draws over
    that of observed cells, from coarse to fine. ssim_of_algorithm_3, ssim_of_mean_of_draws, ssim_of_draw, and dice_of_
    the same: how similar single images are to the observed one.
    """
    found = []
    for structure, columns in ((None, slice(None)), *((name, [k]) for k, name in enumerate(measured.structures))):
        if np.isnan(measured.variance[DRAWN][:, columns]).all():  # no cell tells anything of it
            continue
        shared = {"seed": seed, "structure": structure}
        for metric, about in PROPER.items():
            by_name = {name: values[:, columns] for name, values in measured.proper.get(metric, {}).items()}
            if not by_name or np.isnan(by_name[DRAWN]).all():  # no cell holds a whole patch
                continue
            found += _proper_scores(metric, by_name, about, shared)
        for share in COVERED:
            by_name = {name: shares[share][:, columns] for name, shares in measured.covered.items()}
            landmarks = {"calibrated": share} | _means(by_name, TRUE)
            about = f"part of the pixels inside the cell within the central {share:.0%} of {measured.draws} draws"
            fields = {"landmarks": landmarks, "better": "near", "about": about} | shared
            found.append(over_structures(f"coverage_{share:.0%}"[:-1], by_name[DRAWN], **fields))
        if TRUE in measured.variance and not np.isnan(measured.variance[TRUE][:, columns]).all():
            drawn, true = (measured.variance[name][:, columns] for name in (DRAWN, TRUE))
            pair = _where_known(drawn, true), true
            about = "root of the variance of draws over that of true ones, mean over the pixels inside the cell"
            fields = {"landmarks": {"true draws": 1.0}, "better": "near", "about": about} | shared
            found.append(ratio_over_structures("spread_of_draws", *pair, transform=np.sqrt, **fields))
        found += _similarity_scores(measured.similarity, columns, shared)
        found += _power_scores({name: values[:, columns] for name, values in measured.power.items()}, shared)
    return found


def _proper_scores(metric, by_name, about, shared):
    drawn, nearest = by_name[DRAWN], by_name.get(NEAREST)
    fields = {"rivals": _means(by_name, NEAREST, MODE), "landmarks": _means(by_name, TRUE), "better": "lower"}
    found = [over_structures(metric, drawn, about=f"{about}, of {DRAWN}", **fields, **shared)]
    if nearest is not None:
        gain = f"{about}: that of the copies of the {MEAN_OF} nearest training cells minus that of the draws"
        found.append(
            over_structures(f"{metric}_gain", nearest - drawn, rivals={"no better": 0.0}, about=gain, **shared)
        )
    return found


def _similarity_scores(similarities, columns, shared):
    found = []
    for metric, (_, about) in SIMILARITY.items():
        by_name = {name: values[:, columns] for name, values in similarities[metric].items()}
        fields = {"rivals": _means(by_name, NEAREST_CELL), "landmarks": _means(by_name, TRUE_ONE)} | shared
        for name, what in PICTURED.items():
            if not np.isnan(by_name[name]).all():
                found.append(over_structures(f"{metric}_of_{name}", by_name[name], about=f"{about}: {what}", **fields))
    return found


def _power_scores(power, shared):
    found = []
    for number, (low, high) in enumerate(BANDS):
        drawn, observed = power[DRAWN][..., number], power["observed"][..., number]
        others = [name for name in (NEAREST, MODE, TRUE) if name in power]
        landmarks = {"observed": 1.0}
        for name in others:
            other = power[name][..., number]
            landmarks[name] = float(mean_ratio(other, _where_known(observed, other)))
        about = f"power of draws over that of observed cells, {low:g} to {high:g} cycles a pixel"
        fields = {"landmarks": landmarks, "better": "near", "about": about} | shared
        found.append(ratio_over_structures(f"power_{number + 1}", drawn, observed, **fields))
    return found


def _where_known(values, others):
    """Returns values (N, K), NaN where others are: of the folds of a cross-validation, some may have no true draws."""
    return np.where(np.isnan(others), np.nan, values)


def _means(by_name, *names):
    """{name: mean over structures} of the ensembles that there are."""
    shown = {name: by_name[name] for name in names if name in by_name}
    return {name: mean_over_structures(values) for name, values in shown.items() if not np.isnan(values).all()}
