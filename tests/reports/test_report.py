"""The report of a small untrained model: what is written, for the whole scorecard and for parts; what is refused."""

import dataclasses
import json
import os
import shutil
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from icell_tf import paper
from icell_tf.evaluation.integration import RIVALS
from icell_tf.reports import metrics_file, model_card
from icell_tf.reports.code_table import CODES_FILE
from icell_tf.reports.metrics_file import METRICS_FILE
from icell_tf.reports.page import PAGE_FILE
from icell_tf.reports.report import make_writable, table, why_not_recorded, write
from icell_tf.spec import CellSpec
from tests.conftest import SPEC

HEADINGS = ["Reconstruction", "Classification", "None of these", "Integration", "Truth in the same cell"]
HEADINGS += ["Draws", "Distribution of draws", "Detection of draws", "Generated cells", "Memorisation"]
HEADINGS += ["Latent space", "What z_s holds"]
PICTURES = {  # of each part
    "reconstruction": {"reconstructed"},
    "classification": {"calibration"},
    "unseen": set(),
    "integration": {"integrated", "structures", "expected", "integration_beside_its_rivals"},
    "truth": set(),
    "draws": set(),
    "distribution": {"drawn", "ranks"},
    "detection": set(),
    "generated": {"generated", "shapes"},
    "memorisation": {"nearest_training_cells"},
    "latent": {"dimensions"},
    "variation": set(),
}


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory):
    return tmp_path_factory.mktemp("runs") / "tiny-conditional"


@pytest.fixture(scope="module")
def report(evaluation, subject, cells, run_dir):
    """The content of metrics.json and the paths of a whole report."""
    context, parts, _ = evaluation
    make_writable(run_dir / "evaluation")
    exhibits = paper.draw(subject, cells, context.seed)
    return write(context, parts, run_dir / "evaluation", exhibits, run_dir)


def test_metrics_name_run_data_set_and_seed(report, run_dir, evaluation, prepared):
    content, text = report[0], (run_dir / "evaluation" / METRICS_FILE).read_text()
    assert json.loads(text) == content and "NaN" not in text
    assert (content["dataset"], content["run"]) == (prepared.dataset, "tiny-conditional")
    assert CellSpec.from_dict(content["spec"]) == prepared.spec
    assert (content["seed"], content["test_cells"]) == (evaluation[0].seed, prepared.splits["test"])
    assert content["parts"] == list(PICTURES)


def test_every_file_that_is_named_is_there_and_pictures_open(report, run_dir):
    content, paths = report
    assert len(set(paths)) == len(paths)
    written = {path for path in (run_dir / "evaluation").iterdir()}
    assert written == {path for path in paths if path.parent == run_dir / "evaluation"}
    assert {PAGE_FILE, METRICS_FILE, "cells.csv", "pairs.npz", CODES_FILE} <= {path.name for path in written}
    assert {path.name for path in written} == {*content["files"], METRICS_FILE}
    pictures = [path for path in paths if path.suffix == ".png" and path.parent == run_dir / "evaluation"]
    assert {"figure_2", "figure_s1"}.union(*PICTURES.values()) <= {path.stem for path in pictures}
    for path in pictures:
        with Image.open(path) as picture:
            assert picture.width > 100 and np.asarray(picture).std() > 1


def test_page_card_and_tensorboard_hold_every_part(report, run_dir, evaluation):
    text = (run_dir / "evaluation" / PAGE_FILE).read_text(encoding="utf-8")
    scores = (run_dir / model_card.CARD_FILE).read_text(encoding="utf-8")
    for part, heading in zip(evaluation[1], HEADINGS, strict=True):
        assert part.heading == heading and f">{heading}</h3>" in text and f"### {heading}\n" in scores
    for title in ("Observed cells of each structure", "Calibration", "Shapes", "Nearest training cells"):
        assert f"<h3>{title}</h3>" in text
    assert list((run_dir / "tensorboard" / "evaluation").glob("events*"))
    assert "Not evaluated" not in scores


def test_an_earlier_report_is_replaced(report, run_dir, evaluation, tmp_path):
    output = shutil.copytree(run_dir / "evaluation", tmp_path / "evaluation")
    (output / "notes.txt").write_text("of the user")
    _, paths = write(*evaluation[:2], output)
    assert {path.name for path in output.iterdir()} == {path.name for path in paths} | {"notes.txt"}
    assert "figure_2.png" in report[0]["files"] and not (output / "figure_2.png").exists()


@pytest.mark.parametrize("keys", [*([key] for key in PICTURES), ["classification", "integration"]], ids="-".join)
def test_a_report_on_some_parts_has_theirs_alone(evaluation, tmp_path, keys):
    context, parts, _ = evaluation
    parts = [part for part in parts if part.key in keys]
    content, paths = write(context, parts, tmp_path)
    measured = set(keys) - {"unseen", "truth", "detection"}
    assert content["parts"] == keys and {score["part"] for score in content["scores"]} == measured
    tables = {"cells.csv", "pairs.npz"} if len(keys) == 2 else set()
    pictures = {f"{name}.png" for key in keys for name in PICTURES[key]}
    assert {path.name for path in paths} == {PAGE_FILE, METRICS_FILE} | tables | pictures
    assert {path.name for path in tmp_path.iterdir()} == {path.name for path in paths}
    text = (tmp_path / PAGE_FILE).read_text(encoding="utf-8")
    assert text.count("<h3 id=") == len(keys) and all(f">{part.heading}</h3>" in text for part in parts)
    lines = table(content).splitlines()
    assert ("classification" in keys) == any(line.startswith("classification accuracy") for line in lines)
    assert ("integration" in keys) == any(line.startswith("tom20") for line in lines)


def test_an_output_that_cannot_be_written_to_is_refused(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    with pytest.raises(ValueError, match="--output: .*file/out can't be made"):
        make_writable(tmp_path / "file" / "out")
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(ValueError, match="--output: .* can't be written to"):
        make_writable(tmp_path)


def test_the_runs_card_is_left_alone_by_parts_by_other_data_and_where_it_is_read_only(subject, tmp_path, monkeypatch):
    run = subject.run
    assert why_not_recorded(subject, tmp_path) == ""
    assert "complete scorecard" in why_not_recorded(subject, tmp_path, complete=False)
    newer = dataclasses.replace(run, dataset=subject.prepared.dataset.rpartition("/")[0] + "/9.0.0")
    assert why_not_recorded(dataclasses.replace(subject, run=newer), tmp_path) == ""
    other = dataclasses.replace(run, dataset="cells/mine/1.0.0")
    assert "cells/mine" in why_not_recorded(dataclasses.replace(subject, run=other), tmp_path)
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    assert why_not_recorded(subject, tmp_path) == f"{tmp_path} can't be written to"


def test_table_has_a_line_a_structure():
    content = {"dataset": "d", "test_cells": 4, "accuracy": 0.5, "balanced_accuracy": 0.25, "compared_with": "expected"}
    content["integration"] = {"tom20": {"model": 0.123, "ceiling": 0.9}, "zo1": {"model": -0.5, "ceiling": 0.8}}
    content["integration_mean"] = {"model": -0.188, "ceiling": 0.85}
    lines = table(content).splitlines()
    assert lines[0] == "d: 4 test cells" and "0.500, balanced 0.250" in lines[1]
    rows = ["model ceiling", "tom20 0.123 0.900", "zo1 -0.500 0.800", "mean -0.188 0.850"]
    assert [" ".join(line.split()) for line in lines[3:]] == rows


def test_the_head_of_the_page_names_the_best_rival_of_those_that_have_a_mean(tmp_path, monkeypatch):
    means = dict.fromkeys(RIVALS)
    figures = {"compared_with": "observed", "integration": {}, "truth": {}}
    figures["integration_mean"] = means | {"model": 0.5, "nearest": 0.25}
    figures["truth_mean"] = means | {"model": 0.75}
    content_of = metrics_file.content_of
    monkeypatch.setattr(metrics_file, "content_of", lambda parts, **about: content_of(parts, **about) | figures)
    cells = SimpleNamespace(dataset="d", spec=SPEC)
    told = {"subject": SimpleNamespace(name="run"), "progress": lambda step: None}
    write(SimpleNamespace(prepared=cells, test=[], seed=0, **told), [], tmp_path)
    text = (tmp_path / PAGE_FILE).read_text(encoding="utf-8")
    assert "correlate with r = 0.500; the best that training cells alone offer is 0.250 (nearest)." in text
    assert "correlate with r = 0.750; there is nothing that training cells alone offer." in text


def test_table_says_what_the_model_is_ahead_in_and_what_a_detector_sees():
    def score(metric, value, interval, structure=None, **fields):
        return {"part": "", "metric": metric, "structure": structure, "value": value, "interval": interval, **fields}

    scores = [score("margin", 0.1, [0.05, 0.15])]
    scores += [score("margin", 0.2, [0.1, 0.3], "tom20"), score("margin", 0.01, [-0.1, 0.12], "zo1")]
    scores += [score("crps_gain", -0.0021, [-0.003, -0.001]), score("crps_gain", -0.002, None, "tom20")]
    landmarks = {"chance": 0.5, "real cells": 0.52}
    scores += [score("auc_of_draws_1000", 0.9, [0.8, 0.95], landmarks=landmarks) | {"part": "detection"}]
    lines = table({"dataset": "d", "test_cells": 4, "scores": scores}).splitlines()
    assert "0.100 (0.050 to 0.150); above 0 in 1 of 2 structures" in lines[1] and "Algorithm 3" in lines[1]
    assert "-0.0021 (-0.003 to -0.001); above 0 in 0 of 1 structures" in lines[2]
    assert lines[3] == "detector: auc of draws 1000 0.900 (0.800 to 0.950); chance 0.500, real cells 0.520"
