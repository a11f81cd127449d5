import csv
import dataclasses

import numpy as np
import pytest

from icell_tf.evaluation import classification, integration
from icell_tf.evaluation.classification import Classification
from icell_tf.evaluation.integration import Integration
from icell_tf.reports import cell_table
from tests.short_evaluation import by_name, coded_cells

NAMES = ("tom20", "zo1", "lysosome")
PREDICTIONS = ("mean_of_draws", *integration.RIVALS)


def measured(y, seed):
    """Cells of structures y, of which random things were measured."""
    rng, y, n = np.random.default_rng(seed), np.array(y), len(y)
    test = coded_cells(np.zeros((n, 16, 16, 3), np.uint8), y, cell_ids=[f"{seed}, cell {i}" for i in range(n)])
    shown = np.eye(3, dtype=bool)[y]
    r, inside = ({p: np.where(shown, rng.random((n, 3)), np.nan) for p in ("model", *PREDICTIONS)} for _ in range(2))
    classified = Classification(NAMES, y, rng.integers(0, 3, n), rng.random(n), {"majority": rng.integers(0, 3, n)})
    pairs = {name: [rng.random((m, m))] for k, name in enumerate(NAMES) if (m := (y == k).sum())}
    return test, classified, Integration(NAMES, "observed", r, inside, pairs)


def write_folds(folder):
    """Writes two folds of random measurements. Returns: what was measured, and the folders."""
    folds = [measured([0, 1, 0, 1], seed=1), measured([1, 0, 2, 0, 1], seed=2)]
    folders = [folder / "fold-1", folder / "fold-2"]
    for fold, written in zip(folds, folders, strict=True):
        written.mkdir()
        cell_table.write(*fold, written)
    return folds, folders


def test_rows_are_the_cells(tmp_path):
    test, classified, integrated = measured([0, 1, 0, 2], seed=1)
    paths = cell_table.write(test, classified, integrated, tmp_path)
    with paths[0].open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["cell_id"] for row in rows] == test.cell_ids
    assert [row["structure"] for row in rows] == ["tom20", "zo1", "tom20", "lysosome"]
    assert [row["predicted"] for row in rows] == [NAMES[k] for k in classified.predicted]
    assert float(rows[1]["r_nearest"]) == pytest.approx(integrated.r["nearest"][1, 1], abs=1e-6)
    assert float(rows[3]["r_inside_model"]) == pytest.approx(integrated.r_inside["model"][3, 2], abs=1e-6)
    pairs = integrated.pairs["tom20"][0]
    assert float(rows[2]["own_shape"]) == pytest.approx(pairs[1, 1], abs=1e-6)
    assert float(rows[2]["other_shapes"]) == pytest.approx(pairs[1, 0], abs=1e-6)
    assert rows[3]["other_shapes"] == ""
    with np.load(paths[1]) as arrays:
        np.testing.assert_array_equal(arrays["tom20"], pairs)


def test_folds_are_read_as_one_evaluation(tmp_path):
    folds, folders = write_folds(tmp_path)
    classified, integrated = cell_table.read(folders, NAMES)
    np.testing.assert_array_equal(classified.predicted, np.r_[folds[0][1].predicted, folds[1][1].predicted])
    np.testing.assert_array_equal(classified.rivals["majority"][4:], folds[1][1].rivals["majority"])
    joined = np.concatenate([fold[2].r_inside["nearest"] for fold in folds])
    np.testing.assert_allclose(integrated.r_inside["nearest"], joined, atol=1e-6)
    assert [len(matrix) for matrix in integrated.pairs["zo1"]] == [2, 2] and integrated.compared_with == "observed"
    scores = by_name(integration.scores(integrated) + classification.scores(classified))
    assert scores["r"].n == scores["accuracy"].n == scores["shape_p"].n + 1 == 9  # the lysosome has no other
    both = np.concatenate([fold[2].r["model"][:, 1] for fold in folds])
    assert scores["zo1_r"].value == pytest.approx(np.nanmean(both), abs=1e-6) and scores["zo1_r"].n == 4


def test_files_that_do_not_belong_together_are_refused(tmp_path):
    fold = measured([0, 1], seed=1)
    cell_table.write(*fold, tmp_path)
    with pytest.raises(ValueError, match=r"cells\.csv.*zo1.*tom20, lysosome"):
        cell_table.read([tmp_path], ("tom20", "lysosome"))
    (tmp_path / "other").mkdir()
    other = dataclasses.replace(fold[1], rivals={})
    cell_table.write(fold[0], other, fold[2], tmp_path / "other")
    with pytest.raises(ValueError, match=r"other.cells\.csv.*columns"):
        cell_table.read([tmp_path, tmp_path / "other"], NAMES)
    with pytest.raises(ValueError, match="no cells"):
        cell_table.read([], NAMES)
