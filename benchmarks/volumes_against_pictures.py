"""Are pictures predicted better by a model of volumes, whose predictions are projected, than by a model of pictures?

    python benchmarks/volumes_against_pictures.py --volumes=runs/small_3d-conditional --pictures=simulated_64
    python benchmarks/volumes_against_pictures.py --volumes runs/hela-3d/fold-*/conditional \\
        --pictures runs/hela/fold-*/conditional

Both models predict every structure in the same test cells, found by their cell_id: the model of volumes from membrane
and nucleus of the volume, the model of pictures from those of the picture. What is compared are pictures: of the model
of volumes

    algorithm_3  Algorithm 3's volume, projected by its maximum along z;
    draws        --draws draws, each projected, and then averaged. A maximum of means is no mean of maxima: the
                 expected picture is the mean of many projected cells, so this order is the right one;
    mean_volume  the mean of the same draws, projected: what the other order gives;

and of the model of pictures Algorithm 3's image and the mean of as many draws. Draws are of the generators of phase 3,
or, of a model without phase 3, of z_s.

Compared is, for every structure, with the expected localization in the picture, where the data set of pictures knows
it (simulated cells); else with the structure as the picture shows it (real cells, one structure a cell). To be fair,
both models' pictures are set to 0 outside the cell as the picture shows it: where it lies, either model is told. Both
frames must be the same along y and x. r is taken over the frame, as in `integration`, and inside the cell, where its
outline doesn't help. That the volumes show the same cells as the pictures is checked: their projected membrane and
nucleus must correlate with the picture's.

Printed are mean r by structure and over structures, and the differences, volumes minus pictures, cell by cell, with
95 % intervals by resampling cells (of cells that show one structure each, within each structure). Run it on cells that
neither model was trained on: it takes the test split that each run has. The folds of two cross-validations must be
divided alike. All pairs of folds are given at once, the first with the first, and their cells are pooled. A cell that
is a test cell of only one of a pair is left out.
"""

import argparse
import time

import numpy as np

from icell_tf.data.prepared import open_prepared
from icell_tf.evaluation import views
from icell_tf.evaluation.integration import mean_r
from icell_tf.evaluation.metrics import correlation
from icell_tf.evaluation.metrics.scores import over_structures
from icell_tf.inference.loading import load
from icell_tf.inference.moments import Moments
from icell_tf.messages import counted, sentences, show
from icell_tf.runs import shipped
from icell_tf.runs.run import Run

BATCH = 12  # cells
ALIKE = 0.9  # median correlation of the projected reference channels with the picture's
PAIRS = {"Algorithm 3": ("algorithm_3", "picture_algorithm_3"), "draws": ("draws", "picture_draws")}
COLUMNS = ("algorithm_3", "picture_algorithm_3", "draws", "picture_draws", "mean_volume")


def common_cells(volumes, pictures):
    """Returns the rows of the test cells that two `PreparedCells` share, (N,) each, in the order of the pictures.

    Raises: SystemExit: they have other frames or structures, or share no cell.
    """
    for name in ("plane_shape", "plane_pixel_size", "structures"):
        found = getattr(volumes.spec, name), getattr(pictures.spec, name)
        if found[0] != found[1]:
            raise SystemExit(f"{name} is {found[0]} in {volumes.dataset}, but {found[1]} in {pictures.dataset}")
    places = {cell: row for row, cell in enumerate(volumes.labels("test")["cell_id"].tolist())}
    pairs = [(places[c], row) for row, c in enumerate(pictures.labels("test")["cell_id"].tolist()) if c in places]
    if not pairs:
        raise SystemExit(f"{volumes.dataset} and {pictures.dataset} have no test cell in common")
    return np.array(pairs).T


def predict(model, x_r, draws, seed):
    """Returns {prediction: (B, Y, X, K)} of a model of volumes or pictures, as pictures show it."""
    plane, projected, volume = model.spec.plane, Moments(), Moments()
    found = {"algorithm_3": plane(model.integrate(x_r)["structures"])}
    for drawn in model.draw(x_r, draws, seed):
        projected.add(plane(drawn))
        volume.add(drawn)
    return found | {"draws": projected.mean, "mean_volume": plane(volume.mean)}


def measure(models, prepared, draws=32, seed=0, most=None):
    """Predicts the structures of the common test cells by both models.

    Args:
      models, prepared: {"volumes", "pictures"}: the `Integrator`, and its `PreparedCells`.
      draws, seed: of the draws.
      most: cells at most, the first ones; None: all.

    Returns: {"frame", "inside": {prediction: (N, K)}}, Pearson r, NaN where nothing is known; and (N,) r of the
      projected reference channels of the volumes with the pictures'.
    """
    rows = common_cells(prepared["volumes"], prepared["pictures"])[:, :most]
    spec, first = prepared["pictures"].spec, prepared["pictures"].read("test", [rows[1, 0]])
    knows = "expected" in first and first["expected"].size > 0
    found, alike = {"frame": {}, "inside": {}}, []
    begun = time.perf_counter()
    for part in views.batches(rows.shape[1], models["volumes"].spec, BATCH):
        show(f"cell {part.start + 1} of {rows.shape[1]}, after {time.perf_counter() - begun:.0f} s")
        records = {}
        for name, indices in zip(models, rows[:, part], strict=True):
            features = ("image", "structure", *(("expected",) if knows and name == "pictures" else ()))
            records[name] = prepared[name].read("test", indices, features)
        x = {name: of["image"].astype(np.float32) / 255 for name, of in records.items()}
        references = {name: models[name].spec.reference(images) for name, images in x.items()}
        projected = models["volumes"].spec.plane(references["volumes"])
        alike.append(correlation.pearson(projected, references["pictures"]).mean(axis=1))
        of_both = {name: predict(models[name], references[name], draws, seed) for name in models}
        predicted = of_both["volumes"] | {f"picture_{name}": images for name, images in of_both["pictures"].items()}
        del predicted["picture_mean_volume"]  # of pictures it is the mean of draws
        mask, y = correlation.cell_mask(references["pictures"]), records["pictures"]["structure"]
        shown = np.ones((len(y), len(spec.structures)), bool) if knows else np.eye(len(spec.structures), dtype=bool)[y]
        target = records["pictures"]["expected"] if knows else spec.structure(x["pictures"])[..., None]
        for name, images in predicted.items():
            images = np.where(mask[..., None], images, 0)
            for region, inside in (("frame", None), ("inside", mask)):
                r = correlation.pearson(images, np.broadcast_to(target, images.shape), inside)
                found[region].setdefault(name, []).append(np.where(shown, r, np.nan))
    joined = {region: {name: np.concatenate(r) for name, r in of.items()} for region, of in found.items()}
    return joined, np.concatenate(alike)


def pooled(found):
    """Joins what `measure` returns for several pairs of models."""
    r = {
        region: {name: np.concatenate([of[region][name] for of, _ in found]) for name in names}
        for region, names in found[0][0].items()
    }
    return r, np.concatenate([alike for _, alike in found])


def report(r, structures, where, compared_with):
    """Returns a table of mean r, and of the differences with their intervals, as text. Args: {prediction: (N, K)}."""
    known = [k for k in range(len(structures)) if not np.isnan(r["algorithm_3"][:, k]).all()]
    rows, width = {structures[k]: [k] for k in known} | {"mean": known}, max(map(len, structures))
    lines = [f"r {where} with the {compared_with} localization, and volumes minus pictures", " " * width]
    lines[-1] += "".join(f"{name:>21}" for name in COLUMNS) + "".join(f"{f'gain of {what}':>28}" for what in PAIRS)
    for name, chosen in rows.items():
        line = name.ljust(width) + "".join(f"{mean_r(r[column], chosen):21.3f}" for column in COLUMNS)
        for first, second in PAIRS.values():
            gain = over_structures("gain", (r[first] - r[second])[:, chosen])
            interval = "" if gain.interval is None else "({:+.3f} to {:+.3f})".format(*gain.interval)
            line += f"{gain.value:+.3f} {interval}".rjust(28)
        lines.append(line)
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--volumes", nargs="+", required=True, help="runs of phase 2 or 3, or models that ship")
    parser.add_argument("--pictures", nargs="+", required=True, help="as many models of pictures")
    parser.add_argument("--volumes_dataset", help="prepared data set (default: the run's own)")
    parser.add_argument("--pictures_dataset", help="prepared data set (default: the run's own)")
    parser.add_argument("--data_dir", help="where prepared data sets lie (default: TFDS' own)")
    parser.add_argument("--draws", type=int, default=32, help="draws in each cell (default: 32)")
    parser.add_argument("--cells", type=int, help="test cells at most (default: all)")
    parser.add_argument("--seed", type=int, default=0, help="of the draws")
    given = parser.parse_args()
    for name in ("draws", "cells"):
        if (count := getattr(given, name)) is not None and count < 1:
            parser.error(f"--{name} is {count}, but must be at least 1")
    if len(given.volumes) != len(given.pictures):
        parser.error(f"--volumes names {counted(len(given.volumes), 'model')}, --pictures {len(given.pictures)}")
    pairs = []
    for paths in zip(given.volumes, given.pictures, strict=True):
        models, prepared = {}, {}
        for name, path in zip(("volumes", "pictures"), paths, strict=True):
            models[name] = load(path)
            config = Run.load(shipped.resolve(path)).config
            prepared[name] = open_prepared(config, getattr(given, f"{name}_dataset"), given.data_dir)
        if [models[name].spec.axes for name in models] != ["ZYX", "YX"]:
            parser.error("--volumes must name models of volumes and --pictures models of pictures")
        pairs.append((models, prepared))
    structures = {models["pictures"].structures for models, _ in pairs}
    if len(structures) > 1:
        parser.error(f"the pairs have different structures: {sorted(structures)}")
    r, alike = pooled([measure(*pair, given.draws, given.seed, given.cells) for pair in pairs])
    print(
        f"{len(alike)} test cells; projected membrane and nucleus with the picture's: median r {np.median(alike):.3f}"
    )
    if np.median(alike) < ALIKE:
        raise SystemExit("these are not the same cells, or not in the same frame")
    compared_with = "observed" if np.isnan(r["frame"]["algorithm_3"]).any() else "expected"
    for region, where in (("frame", "over the frame"), ("inside", "inside the cell")):
        print("\n" + report(r[region], *structures, where, compared_with))


if __name__ == "__main__":
    with sentences():
        main()
