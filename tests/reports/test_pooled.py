import csv
import json
from types import SimpleNamespace

import numpy as np
import pytest

from icell_tf.data.prepared import PreparedCells
from icell_tf.evaluation import truth
from icell_tf.evaluation.neighbours import Neighbours
from icell_tf.reports import distribution_table, pooled, truth_table
from icell_tf.spec import CellSpec
from tests.reports.test_cell_table import NAMES, write_folds

CELLS = SimpleNamespace(spec=CellSpec("YX", (16, 16), (1.2, 1.2), NAMES), dataset="fake/1.0.0")


def scores_of(content):
    """Returns {metric: score as JSON} over all structures."""
    return {score["metric"]: score for score in content["scores"] if score["structure"] is None}


def test_scores_are_of_all_cells(tmp_path):
    found, folders = write_folds(tmp_path)
    content = pooled.pool(folders, CELLS, tmp_path)
    assert json.loads((tmp_path / pooled.POOLED_FILE).read_text()) == content
    assert content["schema_version"] == 2 and CellSpec.from_dict(content["spec"]) == CELLS.spec
    assert (content["dataset"], content["folds"], content["test_cells"]) == ("fake/1.0.0", 2, 9)
    of_sampler = pooled.pool(folders, CELLS, tmp_path, phase="sampler")
    assert (content["phase"], of_sampler["phase"]) == ("conditional", "sampler")
    scores = scores_of(content)
    hits = sum((classified.predicted == test.y).sum() for test, classified, _ in found)
    assert content["accuracy"] == scores["accuracy"]["value"] == pytest.approx(hits / 9)
    assert np.sum(content["confusion"]) == scores["r"]["n"] == 9
    for k, name in enumerate(NAMES):
        for rival in ("model", "class_mean"):
            of_all = np.concatenate([integrated.r[rival][:, k] for _, _, integrated in found])
            assert content["integration"][name][rival] == pytest.approx(np.nanmean(of_all), abs=1e-6)
    assert 0 < scores["shape_p"]["value"] <= 1


def test_the_table_has_a_line_a_structure_with_every_prediction(tmp_path):
    content = pooled.pool(write_folds(tmp_path)[1], CELLS, tmp_path)
    lines = pooled.table(content).splitlines()
    scores = scores_of(content)
    accuracy = scores["accuracy"]
    assert lines[0] == "fake/1.0.0: 9 cells, each tested once, in 2 folds"
    low, high = accuracy["interval"]
    assert f"accuracy {accuracy['value']:.3f} ({low:.3f} to {high:.3f})" in lines[1]
    header, *rows = (line.split() for line in lines[3:8])
    assert header[:3] == ["structure", "recall", "model"] and "mean_of_nearest_pixels" in header
    assert [row[0] for row in rows] == [*NAMES, "mean"]
    assert rows[1][2] == f"{content['integration']['zo1']['model']:.3f}"
    assert lines[-1].endswith(f"permutation p = {scores['shape_p']['value']:.4f}")


def test_a_cell_in_two_folds_is_refused(tmp_path):
    _, folders = write_folds(tmp_path)
    with pytest.raises(ValueError, match="1, cell 0 .*more than one"):
        pooled.pool([folders[0], *folders], CELLS, tmp_path)


def test_folds_of_a_data_set_are_measured_with_their_own_training_cells(prepared, make_integrator, tmp_path):
    integrator = make_integrator()
    others = tuple(name for name in prepared.spec.structures if name not in integrator.structures)
    folders = [tmp_path / part for part in "12"]
    for part, folder in zip("12", folders, strict=True):
        fold = PreparedCells(prepared.folder, fold=f"{part}/2", leave_out=others)
        pooled.measure_fold(integrator, fold, folder, draws=2)
    content = pooled.pool(folders, fold, tmp_path)
    assert np.sum(content["confusion"], axis=1).tolist() == [8, 8, 8]
    assert content["compared_with"] == "observed"
    assert scores_of(content)["accuracy"]["n"] == 24
    assert all(-1 <= row["model"] <= 1 for row in content["integration"].values())
    assert content["parts"] == ["classification", "integration", "distribution"]
    measured = distribution_table.read(folders, integrator.structures)
    assert scores_of(content)["crps"]["n"] == (~np.isnan(measured.variance["draws"])).any(axis=1).sum() > 0
    tables = [csv.DictReader((folder / "cells.csv").read_text().splitlines()) for folder in folders]
    assert set(measured.cell_ids) <= {row["cell_id"] for rows in tables for row in rows}
    title = [line.startswith("CRPS") for line in pooled.table(content).splitlines()].index(True)
    rows = [line.split() for line in pooled.table(content).splitlines()[title + 2 :]]
    assert [row[0] for row in rows] == ["structure", *integrator.structures, "mean"]


def test_the_neighbours_are_searched_once_a_fold(prepared, make_integrator, tmp_path, monkeypatch):
    searched, search = [], Neighbours._search
    monkeypatch.setattr(Neighbours, "_search", lambda self, cells: searched.append(cells) or search(self, cells))
    monkeypatch.setattr(truth, "why_not", lambda prepared: "")
    monkeypatch.setattr(truth, "measure", lambda *arguments, neighbours: neighbours.find(arguments[1]))
    monkeypatch.setattr(truth_table, "write", lambda *arguments: None)
    integrator = make_integrator()
    others = tuple(name for name in prepared.spec.structures if name not in integrator.structures)
    pooled.measure_fold(integrator, PreparedCells(prepared.folder, fold="1/4", leave_out=others), tmp_path, draws=2)
    assert len(searched) == 1
