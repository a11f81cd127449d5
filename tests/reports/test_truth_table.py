import numpy as np
import pytest

from icell_tf.evaluation.integration import RIVALS
from icell_tf.evaluation.truth import COPIED, Truth
from icell_tf.reports import truth_table

NAMES = ("actin", "tubulin", "golgi")


def measured(cells, seed=0):
    """Random correlations of cells; the last structure is known of the first cell only."""
    rng = np.random.default_rng(seed)
    names = ("model", "mean_of_draws", *RIVALS, COPIED)
    r = {name: rng.uniform(-1, 1, (len(cells), 3)) for name in names}
    for values in r.values():
        values[1:, 2] = np.nan
    return Truth(NAMES, list(cells), [f"field of {cell}" for cell in cells], r)


def test_folds_are_read_as_one(tmp_path):
    folds, folders = [measured("ab"), measured("cde", seed=1)], [tmp_path / "1", tmp_path / "2"]
    for fold, folder in zip(folds, folders, strict=True):
        folder.mkdir()
        assert truth_table.write(fold, folder) == [folder / "truth.csv"]
    found = truth_table.read(folders, NAMES)
    assert found.cell_ids == list("abcde") and found.fov_ids[4] == "field of e" and found.structures == NAMES
    assert list(found.r) == list(folds[0].r)
    for name, r in found.r.items():
        np.testing.assert_allclose(r, np.concatenate([fold.r[name] for fold in folds]), atol=1e-6)


def test_files_that_do_not_belong_together_are_refused(tmp_path):
    truth_table.write(measured("ab"), tmp_path)
    with pytest.raises(ValueError, match=r"truth\.csv has cells of golgi: evaluate all folds anew"):
        truth_table.read([tmp_path], NAMES[:2])
    (tmp_path / "other").mkdir()
    other = measured("cd")
    del other.r["nearest"]
    truth_table.write(other, tmp_path / "other")
    with pytest.raises(ValueError, match=r"other/truth\.csv has other columns"):
        truth_table.read([tmp_path, tmp_path / "other"], NAMES)
    with pytest.raises(ValueError, match="no cells in the truth.csv"):
        truth_table.read([], NAMES)


def test_without_it_there_are_no_lines():
    assert truth_table.lines({"scores": []}) == []
