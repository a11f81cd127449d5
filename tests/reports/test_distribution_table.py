import dataclasses

import numpy as np
import pytest

from icell_tf.evaluation import distribution
from icell_tf.evaluation.distribution import DRAWN, MODE, NEAREST, TRUE, Distribution
from icell_tf.reports import distribution_table
from tests.short_evaluation import by_name

NAMES = ("tom20", "zo1", "lysosome")
SINGLE = (distribution.MEAN, distribution.ONE, MODE, distribution.NEAREST_CELL)


def made_up(y, ensembles=(DRAWN, NEAREST, MODE), seed=0):
    """Random measurements of cells that show the structures y, or, of y None, all structures."""
    rng, n = np.random.default_rng(seed), len(y)
    shown = np.stack([np.ones(3, bool) if k is None else np.arange(3) == k for k in y])

    def values(*more):
        return np.where(shown.reshape(n, 3, *(1 for _ in more)), rng.random((n, 3, *more)), np.nan)

    varied = [name for name in ensembles if name != MODE]
    return Distribution(
        NAMES,
        32,
        [f"{seed}, cell {i}" for i in range(n)],
        proper={score: {name: values() for name in ensembles} for score in distribution.PROPER},
        covered={name: {share: values() for share in distribution.COVERED} for name in varied},
        histograms={name: rng.integers(0, 99, (3, distribution.BINS)) for name in varied},
        variance={name: values() for name in varied},
        similarity={score: {name: values() for name in SINGLE} for score in distribution.SIMILARITY},
        power={name: values(len(distribution.BANDS)) for name in (*ensembles, "observed")},
    )


def some_of(measured, rows, histograms):
    """The same of some cells, with histograms of their own."""

    def chosen(values):
        return {k: chosen(v) if isinstance(v, dict) else v[rows] for k, v in values.items()}

    nested = {name: chosen(getattr(measured, name)) for name in distribution_table.MEASURED if name != "histograms"}
    return dataclasses.replace(measured, cell_ids=measured.cell_ids[rows], histograms=histograms, **nested)


def written(folder, *folds):
    folders = [folder / str(number) for number in range(len(folds))]
    for fold, into in zip(folds, folders, strict=True):
        into.mkdir()
        assert distribution_table.write(fold, into) == [into / "distribution.npz"]
    return folders


def as_json(measured):
    return [score.to_json() for score in distribution.scores(measured)]


def test_two_folds_are_read_as_if_all_cells_were_measured_at_once(tmp_path):
    whole = made_up([0, 1, 2, 0, 1, None, 2, 0, 1])
    few = {name: values // 3 for name, values in whole.histograms.items()}
    rest = {name: values - few[name] for name, values in whole.histograms.items()}
    folders = written(tmp_path, some_of(whole, slice(4), few), some_of(whole, slice(4, None), rest))
    found = distribution_table.read(folders, NAMES)
    assert (found.structures, found.draws, found.cell_ids) == (NAMES, 32, whole.cell_ids)
    np.testing.assert_equal(
        *({name: getattr(each, name) for name in distribution_table.MEASURED} for each in (found, whole))
    )
    assert as_json(found) == as_json(whole) and len(as_json(found)) > 4 * 15


def test_true_draws_that_one_fold_lacks_are_compared_in_the_others(tmp_path):
    known, unknown = made_up([None] * 4, (DRAWN, NEAREST, MODE, TRUE)), made_up([0, 1, 1], seed=1)
    found = distribution_table.read(written(tmp_path, known, unknown), NAMES)
    assert np.isnan(found.variance[TRUE][4:]).all() and found.power[TRUE].shape == (7, 3, len(distribution.BANDS))
    np.testing.assert_array_equal(found.histograms[DRAWN], known.histograms[DRAWN] + unknown.histograms[DRAWN])
    np.testing.assert_array_equal(found.histograms[TRUE], known.histograms[TRUE])
    pooled, of_known = (by_name(distribution.scores(measured)) for measured in (found, known))
    assert pooled["crps"].n == 12 + 3
    assert pooled["spread_of_draws"] == of_known["spread_of_draws"]
    for name in ("power_1", "tom20_power_4"):
        assert pooled[name].landmarks[TRUE] == of_known[name].landmarks[TRUE]


def test_files_that_do_not_belong_together_are_refused(tmp_path):
    one = made_up([0, 1, 2])
    folders = written(tmp_path, one, dataclasses.replace(one, draws=8))
    with pytest.raises(ValueError, match=r"1.distribution\.npz has 8 draws .*0.distribution\.npz has 32: evaluate"):
        distribution_table.read(folders, NAMES)
    with pytest.raises(ValueError, match=r"0.distribution\.npz has the structures tom20, zo1, lysosome, not tom20"):
        distribution_table.read(folders, NAMES[:2])
    with pytest.raises(ValueError, match=r"no folder with a distribution\.npz"):
        distribution_table.read([], NAMES)


def test_a_line_a_structure_has_its_scores():
    measured = made_up([0, 0, 1, 1])
    for by_ensemble in measured.proper.values():
        by_ensemble[NEAREST][2:] = np.nan  # no training cell shows zo1
    scores = [{"part": "distribution"} | score for score in as_json(measured)]
    lines = distribution_table.lines({"phase": "sampler", "scores": scores})
    assert "draws of phase 3 " in lines[0]
    assert "draws of z_s " in distribution_table.lines({"phase": "conditional", "scores": scores})[0]
    header, tom20, zo1, mean = (line.split() for line in lines[2:])
    assert header[:5] == ["structure", "cells", "crps", "crps_of_20_nearest", "crps_gain"]
    assert header[5:] == ["coverage_90", "power_1", "power_2", "power_3", "power_4"]
    crps, found = measured.proper["crps"], by_name(distribution.scores(measured))
    assert tom20[:2] == ["tom20", "2"] and mean[:2] == ["mean", "4"]
    assert tom20[2:4] == [f"{np.nanmean(crps[name][:, 0]):.4f}" for name in (DRAWN, NEAREST)]
    gain = found["tom20_crps_gain"]
    assert " ".join(tom20[4:8]) == "{:.4f} ({:.4f} to {:.4f})".format(gain.value, *gain.interval)
    named = [found[f"tom20_{name}"].value for name in ("coverage_90", "power_1", "power_2", "power_3", "power_4")]
    assert tom20[8:] == [f"{value:.3f}" for value in named]
    assert zo1[3:5] == ["–", "–"] and len(zo1) == 10
    assert distribution_table.lines({"scores": []}) == []
