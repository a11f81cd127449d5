"""The whole report of a small untrained model, and of an oracle in its place: what is measured, written and refused."""

import dataclasses
import functools
import json
import os
import shutil
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from icell_tf.data.prepared import TRUTHS, DatasetError, PreparedCells
from icell_tf.evaluation import judge, scorecard
from icell_tf.evaluation.coded_cells import code_cells
from icell_tf.reports import model_card
from icell_tf.reports.code_table import CODES_FILE
from icell_tf.reports.page import PAGE_FILE
from icell_tf.reports.report import METRICS_FILE, _why_no_card, _write_metrics, evaluate, table

PARTS = {
    "reconstruction": "Reconstruction",
    "classification": "Classification",
    "unseen": "None of these",
    "integration": "Integration",
    "samples": "Samples",
    "generated": "Generated cells",
    "identity": "Memorisation",
    "latent": "Latent space",
}
RIVALS = ("class_mean", "nearest", "mean_of_nearest", "nearest_pixels", "mean_of_nearest_pixels")
SEED = 3  # of every report here, so that they share a judge
PREDICTIONS = {"model", "mean_of_draws", *RIVALS}


class Oracle:
    """The integrator, but for integration and classification: there it knows the truth of the cells it is given."""

    def __init__(self, integrator, cells):
        self.integrator = integrator
        self.y = {
            image.tobytes(): k for coded in cells.values() for image, k in zip(coded.images, coded.y, strict=True)
        }
        test = cells["test"]
        self.expected = {image[..., :2].tobytes(): e for image, e in zip(test.images, test.expected, strict=True)}

    def __getattr__(self, name):
        return getattr(self.integrator, name)

    def encode(self, x_rs):
        y = [self.y[image.tobytes()] for image in np.rint(255 * x_rs).astype(np.uint8)]
        return self.integrator.encode(x_rs) | {"probabilities": np.eye(len(self.structures))[y]}

    def integrate(self, x_r, samples=0, seed=0):
        found = [self.expected[image.tobytes()] for image in np.rint(255 * x_r).astype(np.uint8)]
        return self.integrator.integrate(x_r, samples, seed) | {"structures": np.stack(found) / np.float32(255)}


class Observed(PreparedCells):
    """The same cells without what only simulated ones know, and no test cell with the last structure."""

    def examples(self, split, batch_size):
        for batch in super().examples(split, batch_size):
            kept = batch["structure"] < len(self.builder.info.features["structure"].names) - (split == "test")
            yield {name: values[kept] for name, values in batch.items() if name not in TRUTHS}


@pytest.fixture(scope="module", autouse=True)
def short_training():
    """A judge of three steps, trained once for the same cells."""
    train, trained = functools.partial(judge.train_judge, steps=3), {}

    def once(images, y, structures, seed):
        given = (images.tobytes(), y.tobytes(), structures, seed)
        if given not in trained:
            trained[given] = train(images, y, structures, seed)
        return trained[given]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(judge, "train_judge", once)
        yield


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory):
    return tmp_path_factory.mktemp("runs") / "tiny-conditional"


@pytest.fixture(scope="module")
def report(subject, run_dir):
    told = []
    report = evaluate(subject, run_dir / "evaluation", run_dir, draws=2, seed=SEED, tell=told.append)
    assert told == ["coding the cells", *told[1:-1], "pictures"]
    return report


def test_metrics_have_the_main_figures_and_every_score(report, run_dir, prepared):
    content, names = report.content, list(prepared.cells.structures)
    assert json.loads((run_dir / "evaluation" / METRICS_FILE).read_text()) == content
    assert (content["dataset"], content["run"], content["seed"]) == (prepared.cells.dataset, "tiny-conditional", SEED)
    assert np.sum(content["confusion"]) == content["test_cells"] == prepared.splits["test"]
    assert content["accuracy"] == np.trace(content["confusion"]) / content["test_cells"]
    assert 0 <= content["balanced_accuracy"] <= 1
    assert content["compared_with"] == "expected"
    assert list(content["integration"]) == list(content["integration_inside_cell"]) == names
    for row in (*content["integration"].values(), content["integration_mean"]):
        assert set(row) == PREDICTIONS | {"ceiling"} and all(-1 <= value <= 1 for value in row.values())
        assert row["ceiling"] > row["model"]
    assert all(set(row) == PREDICTIONS for row in content["integration_inside_cell"].values())
    assert list(content["scores"]) == list(PARTS) and content["scores"]["unseen"] == {}
    assert content["scores"]["integration"]["r"]["value"] == pytest.approx(content["integration_mean"]["model"])
    assert "NaN" not in (run_dir / "evaluation" / METRICS_FILE).read_text()


def test_every_file_that_is_named_is_there_and_pictures_open(report, run_dir):
    assert len(set(report.paths)) == len(report.paths)
    written = {path for path in (run_dir / "evaluation").iterdir()}
    assert written == {path for path in report.paths if path.parent == run_dir / "evaluation"}
    assert {PAGE_FILE, METRICS_FILE, "cells.csv", "pairs.npz", CODES_FILE} <= {path.name for path in written}
    pictures = [path for path in report.paths if path.suffix == ".png"]
    assert {"integrated", "expected", "figure_2", "figure_s1", "calibration"} <= {path.stem for path in pictures}
    for path in pictures:
        with Image.open(path) as picture:
            assert picture.width > 100 and np.asarray(picture).std() > 1


def test_page_card_and_tensorboard_hold_every_part(report, run_dir):
    text = (run_dir / "evaluation" / PAGE_FILE).read_text(encoding="utf-8")
    scores = (run_dir / model_card.CARD_FILE).read_text(encoding="utf-8")
    for part, heading in zip(report.parts, PARTS.values(), strict=True):
        assert part.heading == heading and f">{heading}</h3>" in text and f"### {heading}\n" in scores
    for title in ("Observed cells of each structure", "Calibration", "Shapes", "Nearest training cells"):
        assert f"<h3>{title}</h3>" in text
    assert list((run_dir / "tensorboard" / "evaluation").glob("events*"))
    assert "Not evaluated" not in scores


def test_an_oracle_scores_one_and_an_earlier_report_is_replaced(report, run_dir, subject, cells, tmp_path):
    output = shutil.copytree(run_dir / "evaluation", tmp_path / "evaluation")
    (output / "notes.txt").write_text("of the user")
    oracle = dataclasses.replace(
        subject, integrator=Oracle(subject.integrator, cells), curves={}, reference_trained=False
    )
    found = evaluate(oracle, output, draws=2, seed=SEED, tell=lambda _: None)
    content = found.content
    assert content["accuracy"] == content["balanced_accuracy"] == 1
    for row in (*content["integration"].values(), *content["integration_inside_cell"].values()):
        assert row["model"] == pytest.approx(1)
        assert all(row[rival] < 0.999 for rival in RIVALS)
    scores = content["scores"]["integration"]
    assert scores["structures_won"]["value"] == len(subject.integrator.structures) and scores["margin"]["value"] > 0
    # Without phase 1 there are no curves and no reconstructions by its decoder, nor those of the earlier report.
    assert (run_dir / "evaluation" / "figure_s1.png").is_file() and (run_dir / "evaluation" / "figure_s3.png").is_file()
    assert {path.name for path in output.iterdir()} == {path.name for path in found.paths} | {"notes.txt"}
    assert not {"figure_s1.png", "figure_s3.png"} & {path.name for path in found.paths}
    assert not any(name.startswith("reference") for name in content["scores"]["reconstruction"])
    assert json.loads((output / METRICS_FILE).read_text()) == content


def test_without_expectations_only_observed_structures_count(subject, prepared):
    observed, integrator = Observed(prepared.folder), subject.integrator
    cells = {split: code_cells(integrator, observed, split) for split in ("train", "test")}
    measured = scorecard.measure(
        dataclasses.replace(subject, prepared=observed), cells, draws=2, seed=SEED, tell=lambda _: None
    )
    content, test = scorecard.content(measured), cells["test"]
    assert content["compared_with"] == "observed" and test.expected is None and list(measured.parts) == list(PARTS)
    known = np.unique(test.y).tolist()
    assert list(content["integration"]) == [prepared.cells.structures[k] for k in known] and 9 not in known
    predicted = integrator.integrate(test.x_rs()[..., :-1])["structures"]
    r = [np.corrcoef(predicted[i, ..., k].ravel(), test.images[i, ..., -1].ravel())[0, 1] for i, k in enumerate(test.y)]
    for row, k in zip(content["integration"].values(), known, strict=True):
        assert set(row) == PREDICTIONS and row["model"] == pytest.approx(np.mean(np.array(r)[test.y == k]), abs=1e-5)
    of_structures = [row["model"] for row in content["integration"].values()]
    assert content["integration_mean"]["model"] == pytest.approx(np.mean(of_structures))


@pytest.mark.parametrize(
    "other", [{"image_size": 64}, {"pixel_size": 0.6}, {"preparation": "none, maximum, 1"}, {"structures": ("tom20",)}]
)
def test_a_data_set_of_other_cells_is_refused_before_anything_is_written(subject, prepared, tmp_path, other):
    others = SimpleNamespace(cells=dataclasses.replace(prepared.cells, **other))
    with pytest.raises(ValueError, match="--dataset: .* has .* but the model was trained on "):
        evaluate(dataclasses.replace(subject, prepared=others), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_data_set_without_test_cells_is_refused_before_anything_is_written(subject, prepared, tmp_path):
    class Untested(PreparedCells):
        splits = {"train": 60, "validation": 10}

    with pytest.raises(DatasetError, match="no cells in split 'test', only in train, validation"):
        evaluate(dataclasses.replace(subject, prepared=Untested(prepared.folder)), tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("cut_off", ["", '{"files": ["report.ht', "[]", '{"files": 3}', '{"files": [["a"], "a/b"]}'])
def test_an_earlier_report_that_was_cut_off_or_is_anothers_is_no_obstacle(tmp_path, cut_off):
    path = tmp_path / METRICS_FILE
    path.write_text(cut_off)
    (tmp_path / "kept.txt").touch()
    _write_metrics({"files": []}, path)
    assert json.loads(path.read_text()) == {"files": []} and (tmp_path / "kept.txt").is_file()


def test_only_files_in_the_folder_itself_are_removed(tmp_path):
    output = tmp_path / "evaluation"
    output.mkdir()
    for path in (tmp_path / "config.json", output / "old.png"):
        path.touch()
    (output / METRICS_FILE).write_text(
        json.dumps({"files": ["../config.json", str(tmp_path / "config.json"), "old.png"]})
    )
    _write_metrics({"files": []}, output / METRICS_FILE)
    assert (tmp_path / "config.json").is_file() and not (output / "old.png").exists()


def test_an_output_that_cannot_be_written_to_is_refused_before_the_work(subject, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    with pytest.raises(ValueError, match="--output: .*file/out can't be made .*; give another folder"):
        evaluate(subject, tmp_path / "file" / "out")
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(ValueError, match="--output: .* can't be written to; give another folder"):
        evaluate(subject, tmp_path)


def test_the_runs_card_is_left_alone_by_other_data_and_where_it_cannot_be_written(subject, tmp_path, monkeypatch):
    run = subject.run
    assert _why_no_card(subject, tmp_path) == ""
    newer = dataclasses.replace(run.cells, dataset=run.cells.dataset.rpartition("/")[0] + "/9.0.0")
    assert _why_no_card(dataclasses.replace(subject, run=dataclasses.replace(run, cells=newer)), tmp_path) == ""
    other = dataclasses.replace(run, cells=dataclasses.replace(run.cells, dataset="cells/mine/1.0.0"))
    told = _why_no_card(dataclasses.replace(subject, run=other), tmp_path)
    assert told.startswith("they tell of cells/mine, on which the model was trained, not of ")
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    assert _why_no_card(subject, tmp_path) == f"{tmp_path} can't be written to"


def test_a_model_that_diverged_is_refused_by_name(subject, prepared):
    class Diverged:
        def encode(self, x_rs):
            return {name: np.full((len(x_rs), 4), np.nan) for name in ("probabilities", "z_r", "z_s")}

        encode_reference = encode

    with pytest.raises(ValueError, match="--model: its probabilities of cells in split 'test' are not numbers"):
        code_cells(Diverged(), prepared, "test")


def test_table_has_a_line_a_structure():
    content = {"dataset": "d", "test_cells": 4, "accuracy": 0.5, "balanced_accuracy": 0.25, "compared_with": "expected"}
    content["integration"] = {"tom20": {"model": 0.123, "ceiling": 0.9}, "zo1": {"model": -0.5, "ceiling": 0.8}}
    content["integration_mean"] = {"model": -0.188, "ceiling": 0.85}
    lines = table(content).splitlines()
    assert lines[0] == "d: 4 test cells" and "0.500, balanced 0.250" in lines[1]
    assert [line.split() for line in lines[3:]] == [
        ["model", "ceiling"],
        ["tom20", "0.123", "0.900"],
        ["zo1", "-0.500", "0.800"],
        ["mean", "-0.188", "0.850"],
    ]
