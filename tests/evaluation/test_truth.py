"""The truth in the same cell and its scores, by predictors whose quality is known."""

import dataclasses

import numpy as np
import pytest

from icell_tf.data.prepared import PreparedCells
from icell_tf.evaluation import truth
from icell_tf.evaluation.evaluators import choose
from icell_tf.evaluation.integration import RIVALS
from icell_tf.evaluation.metrics import correlation
from icell_tf.evaluation.subject import Subject
from icell_tf.reports import pooled, report, truth_table
from icell_tf.spec import CellSpec
from tests.building import build
from tests.made_up import MadeUpModel, subject
from tests.multiplexed import CONFIG, NAMES, write_folder
from tests.short_evaluation import by_name, coded_cells, evaluate

SIZE, FIELDS = 32, 6
SPEC = CellSpec("YX", (SIZE, SIZE), (1, 1), NAMES)
ROWS, COLUMNS = np.mgrid[:SIZE, :SIZE]
CELL = np.hypot(ROWS - 15.5, COLUMNS - 15.5) < 13
INTERIOR = correlation.interior(np.repeat(CELL[None, ..., None], 2, axis=-1))[0]


def expected(x_r):
    """Both structures, (B, H, W, 2): the nucleus, and its opposite."""
    return np.stack([x_r[..., 1], CELL - x_r[..., 1]], axis=-1)


class Oracle:
    structures, mirrored = NAMES, False

    def encode_reference(self, x_r):
        return {"z_r": x_r.mean(axis=(1, 2))}

    def integrate(self, x_r, samples=0, seed=0):
        return {"structures": expected(x_r), "mean": -expected(x_r)}


class Mistaken(Oracle):
    """Takes each structure for the other."""

    def integrate(self, x_r, samples=0, seed=0):
        return {"structures": expected(x_r)[..., ::-1], "mean": expected(x_r)}


def cells(n, seed, known=None):
    """n cells with random nuclei, that show the structures in turn; `known` is what is known of them, (n, K)."""
    images = np.random.default_rng(seed).integers(1, 255, (n, SIZE, SIZE, 3), np.uint8)
    images[..., 0] = 255
    images = np.where(CELL[..., None], images, 0).astype(np.uint8)
    y = np.arange(n) % 2
    both = np.rint(255 * expected(images[..., :2] / 255)).astype(np.uint8)
    images[..., 2] = both[np.arange(n), ..., y]
    both[~(np.ones((n, 2), bool) if known is None else known)[:, None, None].repeat(SIZE, 1).repeat(SIZE, 2)] = 0
    coded = coded_cells(images, y, images[..., :2].mean(axis=(1, 2)), SPEC, fov_ids=[f"{i % FIELDS}" for i in range(n)])
    return dataclasses.replace(coded, truth=lambda rows: both[rows])


def measure(model, test):
    return truth.measure(model, test, cells(12, seed=1), draws=2)


def test_an_oracle_is_ahead_in_every_structure_also_the_one_that_is_not_shown():
    measured = measure(Oracle(), cells(18, seed=0))
    assert not np.isnan(measured.r["model"]).any()
    found = by_name(truth.scores(measured))
    assert found["r"].value == pytest.approx(1, abs=1e-3) and found["r_of_draws"].value == pytest.approx(-1, abs=1e-3)
    assert found["r"].landmarks["other_structure"] == pytest.approx(-1, abs=1e-2)
    assert (found["structures_won"].value, found["structures_won"].n) == (2, 2)
    for structure in ("", "actin_", "tubulin_"):
        assert set(found[f"{structure}r"].rivals) == set(RIVALS)
        for rival in RIVALS:
            margin = found[f"{structure}margin_over_{rival}"]
            assert (margin.n, margin.unit, margin.ahead) == (FIELDS, "fields of view", ())
            assert 0.5 < margin.interval[0] <= margin.value <= margin.interval[1]
            assert margin.value == pytest.approx(1 - found[f"{structure}r"].rivals[rival], abs=1e-3)


def test_the_other_structure_in_the_right_place_is_behind():
    found = by_name(truth.scores(measure(Mistaken(), cells(18, seed=0))))
    assert found["r"].value < -0.9 and found["structures_won"].value == 0
    assert found["actin_margin_over_class_mean"].interval[1] < 0
    assert found["actin_margin_over_class_mean"].ahead == ("no better",)
    assert found["r"].ahead == RIVALS


def test_only_known_structures_count():
    known = np.ones((12, 2), bool)
    known[:4, 1] = False
    measured = measure(Oracle(), cells(12, seed=0, known=known))
    for name, r in measured.r.items():
        by_hand = known & known[:, ::-1] if name == truth.COPIED else known
        np.testing.assert_array_equal(~np.isnan(r), by_hand)
    figures = truth.main_figures(measured)
    assert figures["truth"]["tubulin"]["nearest"] == pytest.approx(measured.r["nearest"][4:, 1].mean())
    means = [row["nearest"] for row in figures["truth"].values()]
    assert figures["truth_mean"]["nearest"] == pytest.approx(np.mean(means))
    one = measure(Oracle(), cells(12, seed=0, known=np.tile([True, False], (12, 1))))
    assert {score.structure for score in truth.scores(one)} == {None, "actin"}
    assert np.isnan(by_name(truth.scores(one))["r"].landmarks["other_structure"])
    figures = truth.main_figures(one)
    assert list(figures["truth"]) == ["actin"] and np.isnan(figures["truth_mean"]["other_structure"])
    scores = [{"part": "truth"} | score.to_json() for score in truth.scores(one)]
    assert truth_table.lines(figures | {"scores": scores})[2].split()[::8] == ["actin", "–"]


def test_pixels_of_the_rim_and_beyond_do_not_count():
    class OnlyInside(Oracle):
        def integrate(self, x_r, samples=0, seed=0):
            noise = np.random.default_rng(0).random((len(x_r), SIZE, SIZE, 2))
            images = np.where(INTERIOR[..., None], expected(x_r), noise)
            return {"structures": images, "mean": images}

    r = measure(OnlyInside(), cells(6, seed=0)).r
    np.testing.assert_allclose(r["model"], 1, atol=1e-3)
    assert INTERIOR.sum() < 0.8 * CELL.sum()


def test_correlations_are_those_by_hand():
    test, training = cells(6, seed=0), cells(12, seed=1)
    r = truth.measure(Oracle(), test, training, draws=2).r
    both, mean = test.truth([3])[0], training.class_means
    for k in range(2):
        by_hand = np.corrcoef(mean[INTERIOR, k], both[INTERIOR, k])[0, 1]
        assert r["class_mean"][3, k] == pytest.approx(by_hand, abs=1e-5)
    by_hand = np.corrcoef(both[INTERIOR, 0], both[INTERIOR, 1])[0, 1]
    np.testing.assert_allclose(r[truth.COPIED][3], by_hand)


def test_intervals_are_over_fields_of_view():
    """Copies of one cell say no more than one: the interval is that of the fields' means."""
    values, fields = np.repeat([0.1, 0.2, 0.6], 50)[:, None], np.repeat(["a", "b", "c"], 50)
    r = {name: np.zeros_like(values) for name in (*RIVALS, "mean_of_draws", truth.COPIED)} | {"model": values}
    score = by_name(truth.scores(truth.Truth(("actin",), list(fields), list(fields), r)))["r"]
    assert score.value == pytest.approx(0.3) and score.n == 3
    assert score.interval == pytest.approx((0.1, 0.6))
    alone = truth.Truth(("actin",), ["a"] * 150, ["a"] * 150, r)
    assert by_name(truth.scores(alone))["r"].interval is None
    assert by_name(truth.scores(alone))["structures_won"].value == 0


def test_a_data_set_without_it_says_what_to_do():
    _, (part,) = evaluate(subject(SPEC, {"train": 8, "test": 4}, truths=False), choose(["truth"]))
    assert not part.scores and part.measured is None and '"truth": true' in part.about


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """A data set of twelve cells in six fields of view, built from files, two structures known of each."""
    folder = tmp_path_factory.mktemp("multiplexed")
    write_folder(folder / "cells")
    return PreparedCells(build(folder / "data", CONFIG, folder / "cells").data_path)


def test_a_build_is_evaluated(prepared, tmp_path):
    made_up = Subject(MadeUpModel(prepared.spec), subject(SPEC, {"train": 2}).run, prepared, "made-up")
    context, parts = evaluate(made_up, choose(["classification", "integration", "truth"]))
    assert len(parts[1].measured.r["model"]) == len(parts[2].measured.r["model"]) == len(context.test)
    assert np.isnan(parts[1].measured.r["model"]).any() and not np.isnan(parts[2].measured.r["model"]).any()
    content, paths = report.write(context, parts, tmp_path)
    assert content["compared_with"] == "observed" and list(content["truth"]) == list(NAMES)
    assert {"truth.csv", "truth.png"} <= {path.name for path in paths}
    lines = report.table(content).splitlines()
    start = next(i for i, line in enumerate(lines) if "known structures of the same cell" in line)
    assert [line.split()[0] for line in lines[start + 2 : start + 5]] == [*NAMES, "mean"]
    assert "other_structure" in lines[start + 1]
    assert [line.split()[0] for line in lines[start + 7 : start + 10]] == [*NAMES, "mean"]


def test_folds_are_pooled(prepared, tmp_path):
    folders = [tmp_path / part for part in "123"]
    for part, folder in zip("123", folders, strict=True):
        fold = PreparedCells(prepared.folder, fold=f"{part}/3")
        pooled.measure_fold(MadeUpModel(prepared.spec), fold, folder, draws=2)
    content = pooled.pool(folders, fold, tmp_path)
    scores = {(s["metric"], s["structure"]): s for s in content["scores"] if s["part"] == "truth"}
    assert (
        content["test_cells"] == 12
        and scores["r", None]["n"] == 6
        and scores["margin_over_nearest", "actin"]["interval"]
    )
    assert "over 6 fields of view:" in pooled.table(content)
    (folders[0] / "truth.csv").write_text((folders[0] / "truth.csv").read_text().replace("tubulin", "golgi"))
    with pytest.raises(ValueError, match=f"{folders[0]}/truth.csv has cells of golgi: evaluate all folds anew"):
        pooled.pool(folders, fold, tmp_path)
