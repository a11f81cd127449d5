"""Scores of draws: do they vary as cells do, and does a structure stay where it can be?

The sums are of intensity, not of objects. Preprocessing leaves camera noise in a cell, and a model learns that noise
from the cells. So each fraction is compared with that of observed cells and, where it is known, with that of the
expected localization, which has no noise.
"""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from icell_tf import structures
from icell_tf.evaluation import views
from icell_tf.evaluation.drawn import BATCH, Drawn
from icell_tf.evaluation.metrics import correlation
from icell_tf.evaluation.metrics.scores import Score, bootstrap, mean_score
from icell_tf.evaluation.metrics.shapes import outline
from icell_tf.spec import NUCLEUS, spatial_axes

DRAWS, MOST_CELLS = 32, 100
TOLERANCE = 64  # a nucleus is dilated by a 64th of the image's longest side: blur and resampling widen structures
OUTSIDE_CELL = "outside the cell, where preprocessing leaves none in observed ones"


@dataclass(frozen=True, eq=False)
class Leaks:
    """Fractions of the structures' intensity outside a mask, (N, K) each.

    They are NaN where a cell doesn't show a structure, and where the cells have no channel for the mask.

    Attributes:
      model: of Algorithm 3's images. drawn: of all draws together, a cell's brighter draws counting more.
      observed: of the observed structure, in all cells of the split.
      expected: of the expected localizations, or None.
    """

    model: np.ndarray
    drawn: np.ndarray
    observed: np.ndarray
    expected: np.ndarray | None

    def complement(self):
        """Returns the fractions inside the mask."""
        fractions = (self.model, self.drawn, self.observed, self.expected)
        return Leaks(*(None if part is None else 1 - part for part in fractions))


@dataclass(frozen=True, eq=False)
class Draws:
    """What is measured of N cells' predictions and draws.

    Attributes:
      structures: K names.
      draws: how many, per cell.
      spread: (N, K), root of the mean over the frame of the variance (unbiased) over the draws, images in [0, 1].
      true_spread: (N, K), the same of simulated localizations, or None.
      outside_cell, outside_nucleus: `Leaks`, through the masks of `cell_and_nucleus`.
    """

    structures: tuple[str, ...]
    draws: int
    spread: np.ndarray
    true_spread: np.ndarray | None
    outside_cell: Leaks
    outside_nucleus: Leaks


def cell_and_nucleus(x, spec):
    """Finds the cell, where its reference channels aren't all 0, and in it the nucleus, dilated.

    The nucleus is what is above Otsu's threshold in its smoothed channel, holes filled, as `shapes.outline` finds it:
    on simulated cells it overlaps with the solid's projection by 0.91 (median of the intersection over the union).

    Args: x (N, *shape, C) in [0, 1], with the structure or without; their `CellSpec`.
    Returns: {"cell", "nucleus": (N, *shape) bool}; no nucleus where the cells have no channel of it.
    """
    masks, nuclei = {"cell": correlation.cell_mask(spec.reference(x))}, spec.channel(x, NUCLEUS)
    if nuclei is not None:
        size = max(1, round(max(spec.shape) / TOLERANCE))
        outlines = (outline(np.rint(255 * nucleus).astype(np.uint8)) for nucleus in nuclei)
        dilated = np.stack([ndimage.binary_dilation(nucleus, iterations=size) for nucleus in outlines])
        masks[NUCLEUS] = dilated & masks["cell"]
    return masks


def fraction_outside(images, mask):
    """Returns the part of the intensity that lies outside a mask.

    Args: images (N, *shape, K), 0 or more; mask (N, *shape) bool. Returns: (N, K), NaN for an image of zeros.
    """
    axes = spatial_axes(images)
    total, outside = images.sum(axis=axes), np.where(mask[..., None], 0, images).sum(axis=axes)
    return np.divide(outside, total, out=np.full(np.shape(total), np.nan), where=total > 0)


def measure(integrator, cells, draws=DRAWS, seed=0, most=MOST_CELLS, drawn=None):
    """Predicts and draws all structures in the first cells of a split.

    Args:
      integrator: the trained `Integrator`.
      cells: `CodedCells`.
      draws: how many, 2 or more.
      seed: of the draws.
      most: how many cells at most; the observed structure is measured in all.
      drawn: `Drawn` in these cells, of as many draws and of that seed, if it is shared.

    Returns: `Draws`.
    """
    if draws < 2:
        raise ValueError(f"draws is {draws}, but two are the fewest that can differ")
    parts, spec, drawn = [], cells.spec, drawn or Drawn(integrator, cells, draws, seed)
    for rows in views.batches(min(most, len(cells)), spec, BATCH):
        x_r = spec.reference(cells.x(rows))
        result = drawn.integrate(rows)
        variance = np.square(result["std"], dtype=np.float64) * (draws / (draws - 1))
        part = {"spread": np.sqrt(variance.mean(axis=spatial_axes(variance)))}
        images = {"model": result["structures"], "drawn": result["mean"]}
        if (expected := cells.expected(rows)) is not None:
            images["expected"] = expected.astype(np.float32) / 255
        for where, mask in cell_and_nucleus(x_r, spec).items():
            part |= {(where, name): fraction_outside(image, mask) for name, image in images.items()}
        parts.append(part)
    measured = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    observed, spread = _observed(cells), measured["spread"]
    unknown = np.full(spread.shape, np.nan)
    leaks = [
        Leaks(
            measured.get((at, "model"), unknown),
            measured.get((at, "drawn"), unknown),
            observed[at],
            measured.get((at, "expected")),
        )
        for at in ("cell", NUCLEUS)
    ]
    true_spread = None if cells.spread is None else cells.spread[: len(spread)]
    return Draws(integrator.structures, draws, spread, true_spread, *leaks)


def _observed(cells):
    spec = cells.spec
    found = {where: np.full((len(cells), len(spec.structures)), np.nan) for where in ("cell", NUCLEUS)}
    for rows in cells.batches():
        x = cells.x(rows)
        index = np.arange(rows.start, rows.stop)
        for where, mask in cell_and_nucleus(x, spec).items():
            found[where][index, cells.y[rows]] = fraction_outside(spec.structure(x)[..., None], mask).squeeze(axis=1)
    return found


def scores(measured, seed=0):
    """Returns the `Score`s of `Draws`, over all structures and for each. Args: `Draws`; seed of the resampling.

    spread: of the draws, see `Draws`; spread_ratio: to the true spread, where that is known;
    outside_cell, outside_cell_in_draws: fraction of the intensity outside the cell, of Algorithm 3 and of the draws;
    outside_nucleus, outside_nucleus_in_draws: outside the dilated nucleus, of each structure that belongs there;
    in_nucleus, in_nucleus_in_draws: in the nucleus (in planes as it is projected: above and below it, too), of each
      other one. Cells without a channel of the nucleus have none of these.
    """
    every = range(len(measured.structures))
    found = _spread_scores(measured, every, seed)
    found += _leak_scores("outside_cell", measured.outside_cell, every, OUTSIDE_CELL, seed)
    for k, name in enumerate(measured.structures):
        found += _spread_scores(measured, [k], seed, structure=name)
        found += _leak_scores("outside_cell", measured.outside_cell, [k], OUTSIDE_CELL, seed, structure=name)
        if structures.in_nucleus(name):
            metric, leaks, about = "outside_nucleus", measured.outside_nucleus, "outside the nucleus"
        else:
            metric, leaks = "in_nucleus", measured.outside_nucleus.complement()
            about = "over, in and under the nucleus"
        about = f"{about}, dilated by a 64th of the frame"
        found += _leak_scores(metric, leaks, [k], about, seed, better="near", structure=name)
    return found


def _spread_scores(measured, columns, seed, structure=None):
    about = f"root of the mean over the frame of the variance over {measured.draws} draws, images in [0, 1]"
    fields = {"better": "near", "structure": structure}
    spread = measured.spread[:, columns].mean(axis=1)
    if measured.true_spread is None:
        return [mean_score("spread", spread, seed, about=about, **fields)]
    true = measured.true_spread[:, columns].mean(axis=1)
    ratio, interval = _ratio_of_means(spread, true), bootstrap([spread, true], _ratio_of_means, seed, paired=True)
    of_ratio = {"landmarks": {"as in simulated cells": 1.0}, "about": "mean spread of draws over mean true spread"}
    return [
        mean_score("spread", spread, seed, landmarks={"true": float(true.mean())}, about=about, **fields),
        Score("spread_ratio", float(ratio), len(spread), interval, **of_ratio, **fields),
    ]


def _ratio_of_means(a, b, axis=0):
    return a.mean(axis=axis) / b.mean(axis=axis)


def _leak_scores(metric, leaks, columns, where, seed, better="lower", structure=None):
    if np.isnan(leaks.model).all():
        return []
    cells = {"observed": leaks.observed, "expected": leaks.expected}
    landmarks = {
        kind: _mean_of_columns(values[:, columns])
        for kind, values in cells.items()
        if values is not None and not np.isnan(values[:, columns]).all()
    }
    fields = {"landmarks": landmarks, "better": better, "structure": structure}
    found = []
    for suffix, values, images in (("", leaks.model, "Algorithm 3's images"), ("_in_draws", leaks.drawn, "draws")):
        about = f"fraction of the structure's intensity {where}, in {images}"
        found.append(mean_score(metric + suffix, np.nanmean(values[:, columns], axis=1), seed, about=about, **fields))
    return found


def _mean_of_columns(values):
    """The mean over structures of the mean over the cells that show them."""
    shown = values[:, ~np.isnan(values).all(axis=0)]
    return float(np.nanmean(shown, axis=0).mean())
