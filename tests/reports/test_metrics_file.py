import json

import numpy as np
import pytest

from icell_tf.evaluation import integration
from icell_tf.evaluation.integration import RIVALS, Integration
from icell_tf.evaluation.metrics.scores import Part, Score
from icell_tf.reports import metrics_file
from icell_tf.reports.metrics_file import METRICS_FILE

PREDICTIONS = {"model", "mean_of_draws", *RIVALS}


def test_the_content_has_the_main_figures_and_every_score(evaluation, prepared):
    context, parts, _ = evaluation
    content, names = metrics_file.content_of(parts), list(prepared.spec.structures)
    assert content["schema_version"] == 2 and content["parts"] == [part.key for part in parts]
    assert np.sum(content["confusion"]) == prepared.splits["test"]
    assert content["accuracy"] == np.trace(content["confusion"]) / prepared.splits["test"]
    assert 0 <= content["balanced_accuracy"] <= 1
    assert content["compared_with"] == "expected"
    assert list(content["integration"]) == list(content["integration_inside_cell"]) == names
    for row in (*content["integration"].values(), content["integration_mean"]):
        assert set(row) == PREDICTIONS | {"ceiling"} and all(-1 <= value <= 1 for value in row.values())
        assert row["ceiling"] > row["model"]
    assert all(set(row) == PREDICTIONS for row in content["integration_inside_cell"].values())
    assert len(content["scores"]) == sum(len(part.scores) for part in parts)
    (r,) = [score for score in content["scores"] if score["metric"] == "r" and score["structure"] == "tom20"]
    assert r["part"] == "integration" and r["value"] == pytest.approx(content["integration"]["tom20"]["model"])


def test_a_part_has_its_scores_and_figures_alone():
    content = metrics_file.content_of([Part("latent", "Latent space", "", (Score("mmd_p", 0.5, 9, code="z_r"),))])
    assert content.keys() == {"schema_version", "parts", "scores"} and content["parts"] == ["latent"]
    (score,) = content["scores"]
    assert (score["part"], score["metric"], score["code"], score["structure"]) == ("latent", "mmd_p", "z_r", None)


def test_what_could_not_be_measured_is_null(tmp_path):
    """A rival that predicts one grey everywhere correlates with nothing; the other rivals are judged without it."""
    r = {name: np.full((4, 2), 0.5) for name in PREDICTIONS}
    r["nearest"] = np.full((4, 2), np.nan)
    pairs = {name: [np.eye(2)] for name in ("tom20", "zo1")}
    measured = Integration(tuple(pairs), "observed", r, r, pairs)
    scores = tuple(integration.scores(measured))
    assert all(", nearest," not in score.about for score in scores if score.metric == "margin")
    content = metrics_file.content_of([Part("integration", "", "", scores, measured)]) | {"files": []}
    assert content["integration_mean"]["nearest"] is None and content["integration"]["zo1"]["model"] == 0.5
    path = metrics_file.write(content, tmp_path / METRICS_FILE)
    assert json.loads(path.read_text()) == json.loads(json.dumps(content))


@pytest.mark.parametrize("cut_off", ["", '{"files": ["report.ht', "[]", '{"files": 3}', '{"files": [["a"], "a/b"]}'])
def test_an_earlier_report_that_was_cut_off_or_is_anothers_is_no_obstacle(tmp_path, cut_off):
    path = tmp_path / METRICS_FILE
    path.write_text(cut_off)
    (tmp_path / "kept.txt").touch()
    metrics_file.write({"files": []}, path)
    assert json.loads(path.read_text()) == {"files": []} and (tmp_path / "kept.txt").is_file()


def test_only_files_in_the_folder_itself_are_removed(tmp_path):
    output = tmp_path / "evaluation"
    output.mkdir()
    for path in (tmp_path / "config.json", output / "old.png"):
        path.touch()
    named = ["../config.json", str(tmp_path / "config.json"), "old.png"]
    (output / METRICS_FILE).write_text(json.dumps({"files": named}))
    metrics_file.write({"files": []}, output / METRICS_FILE)
    assert (tmp_path / "config.json").is_file() and not (output / "old.png").exists()
