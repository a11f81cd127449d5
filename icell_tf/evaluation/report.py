"""Evaluates a trained model on the test cells: classification, and integration beside its rivals."""

import json
from pathlib import Path

import numpy as np

from icell_tf.evaluation import figures, metrics

METRICS_FILE = "metrics.json"
BATCH = 50
PICTURED = 5


def evaluate(integrator, prepared, output, draws=32, seed=0):
    """Measures a model on the test split, writes metrics.json and pictures, and returns (metrics, paths of pictures).

    Integration is the Pearson correlation over all pixels of the frame, mean over the test cells: with the expected
    localization where the data set knows it (simulated cells), for every structure in every cell; else with the one
    structure that was observed, and a structure that no test cell shows is left out.

    Args:
      integrator: the trained `Integrator`.
      prepared: the `PreparedCells` it was trained on; the rivals are made from its training cells.
      output: folder for the results.
      draws: draws of z_s for the prediction `mean_of_draws`.
      seed: of the draws.

    Raises: ValueError: if the data set has no test cells, or other structures or another frame than the model.
    """
    _check_same_cells(integrator, prepared.cells)
    test, output = prepared.examples("test", BATCH), Path(output)
    output.mkdir(parents=True, exist_ok=True)
    training = _training_cells(integrator, prepared)
    results = [_measure(integrator, batch, training, draws, seed) for batch in test]
    y = np.concatenate([result["y"] for result in results])
    predicted = np.concatenate([result["predicted"] for result in results])
    content = {
        "dataset": prepared.cells.dataset,
        "test_cells": len(y),
        "accuracy": metrics.accuracy(y, predicted),
        "balanced_accuracy": metrics.balanced_accuracy(y, predicted),
        "confusion": metrics.confusion(y, predicted, len(integrator.structures)).tolist(),
        "compared_with": "expected" if results[0]["expected"] else "observed",
        "integration": _integration(results, integrator.structures, "r"),
        "integration_inside_cell": _integration(results, integrator.structures, "r_inside"),
    }
    content["integration_mean"] = _means(content["integration"])
    (output / METRICS_FILE).write_text(json.dumps(content, indent=2) + "\n")
    return content, _draw(integrator, prepared, output, seed)


def table(content):
    """Returns the metrics as text: accuracy, then a line a structure."""
    rivals = list(content["integration_mean"])
    width = max(len(name) for name in content["integration"]) + 2
    lines = [
        f"{content['dataset']}: {content['test_cells']} test cells",
        f"classification accuracy {content['accuracy']:.3f}, balanced {content['balanced_accuracy']:.3f}",
        f"correlation of predicted with {content['compared_with']} localization:",
        "".ljust(width) + "".join(rival.rjust(15) for rival in rivals),
    ]
    rows = {**content["integration"], "mean": content["integration_mean"]}
    for name, row in rows.items():
        values = (f"{row[rival]:.3f}" if rival in row else "-" for rival in rivals)
        lines.append(name.ljust(width) + "".join(value.rjust(15) for value in values))
    return "\n".join(lines)


def _check_same_cells(integrator, cells):
    def described(thing):
        frame = f"frames of {thing.image_size} px at {thing.pixel_size:g} µm"
        return f"{', '.join(thing.structures)} in {frame}, prepared with {thing.preparation}"

    if described(cells) != described(integrator):
        raise ValueError(
            f"--dataset: {cells.dataset} has {described(cells)}, but the model was trained on {described(integrator)}"
        )


def _training_cells(integrator, prepared):
    structure, y, codes = [], [], []
    for batch in prepared.examples(prepared.train_split, BATCH):
        x_rs = batch["image"].astype(np.float32) / 255
        structure.append(batch["image"][..., -1])
        y.append(batch["structure"])
        codes.append(integrator.encode_reference(x_rs[..., :-1])["z_r"])
    structure, y = np.concatenate(structure), np.concatenate(y)
    means = metrics.class_means(structure, y, len(integrator.structures))
    return {"structure": structure, "y": y, "z_r": np.concatenate(codes), "class_mean": means}


def _measure(integrator, batch, training, draws, seed):
    """Returns the correlations of one batch: (B, K) of all structures, or (B, K) with NaN for those not observed."""
    x_rs, y = batch["image"].astype(np.float32) / 255, batch["structure"]
    structures, expected = len(integrator.structures), batch.get("expected")
    integrated = integrator.integrate(x_rs[..., :-1], samples=draws, seed=seed)
    nearest = metrics.nearest_of_each_class(integrated["z_r"], training["z_r"], training["y"], structures)
    predictions = {
        "model": integrated["structures"],
        "mean_of_draws": integrated["mean"],
        "class_mean": np.broadcast_to(training["class_mean"], integrated["structures"].shape),
        "nearest": np.moveaxis(training["structure"][nearest], 1, -1),
    }
    known = expected is not None and expected.size > 0
    truth = expected if known else np.repeat(x_rs[..., -1:], structures, axis=-1)
    observed = np.ones((len(y), structures), bool) if known else np.eye(structures, dtype=bool)[y]
    mask = metrics.cell_mask(x_rs)

    def correlations(mask):
        return {n: np.where(observed, metrics.pearson(p, truth, mask), np.nan) for n, p in predictions.items()}

    result = {"y": y, "expected": known, "r": correlations(None), "r_inside": correlations(mask)}
    if known:
        result["r"]["ceiling"] = batch["ceiling"]
    result["predicted"] = integrator.classify(x_rs)["probabilities"].argmax(axis=-1)
    return result


def _integration(results, structures, key):
    """Returns {structure: {rival: mean correlation}}, without the structures that no test cell shows."""
    values = {rival: np.concatenate([r[key][rival] for r in results]) for rival in results[0][key]}
    shown = ~np.isnan(values["model"]).all(axis=0)
    return {
        name: {rival: float(np.nanmean(v[:, k])) for rival, v in values.items()}
        for k, name in enumerate(structures)
        if shown[k]
    }


def _means(integration):
    rivals = next(iter(integration.values()))
    return {rival: float(np.mean([row[rival] for row in integration.values()])) for rival in rivals}


def _draw(integrator, prepared, output, seed):
    """Draws test cells, each of another structure, and returns the pictures' paths."""
    cells = _one_of_each(prepared)
    x_rs, y = cells["image"].astype(np.float32) / 255, cells["structure"]
    names = integrator.structures
    labels = [names[k] for k in y]
    integrated = integrator.integrate(x_rs[..., :-1])["structures"]
    pictures = {
        "integrated.png": figures.integration_grid(x_rs[:PICTURED], integrated[:PICTURED], names),
        "structures.png": figures.structure_grid(integrated[:PICTURED], names),
        "reconstructed.png": figures.observed_over_reconstructed(
            x_rs, integrator.reconstruct(x_rs)["x_rs_hat"], labels, contrast="percentile"
        ),
        "generated.png": figures.cell_grid(
            np.concatenate([integrator.sample(np.arange(len(names)), seed + row)["x_rs"] for row in range(3)]),
            columns=len(names),
            labels=names,
            contrast="percentile",
        ),
    }
    if cells.get("expected") is not None and cells["expected"].size:
        expected = cells["expected"][:PICTURED] / np.float32(255)
        pictures["expected.png"] = figures.structure_grid(expected, names)
    for name, picture in pictures.items():
        figures.to_png(picture, output / name)
    return [output / name for name in pictures]


def _one_of_each(prepared):
    found = {}
    for batch in prepared.examples("test", BATCH):
        for i, k in enumerate(batch["structure"]):
            found.setdefault(int(k), {name: values[i] for name, values in batch.items()})
    cells = [found[k] for k in sorted(found)]
    return {name: np.stack([cell[name] for cell in cells]) for name in cells[0]}
