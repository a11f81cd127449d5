"""train/evaluate.py, on a run."""

import functools
import json

from icell_tf.evaluation import detection, detector, judge

from .conftest import run


def test_evaluate_prints_the_table_and_writes_where_the_run_lies(folder, monkeypatch):
    monkeypatch.setattr(judge, "train_judge", functools.partial(judge.train_judge, steps=3))
    out = run(folder, "evaluate.py", "--model=runs/demo-conditional", "--draws=2", "--weights=last")
    assert "classification accuracy" in out and "wrote runs/demo-conditional/evaluation/metrics.json" in out
    content = json.loads((folder / "runs/demo-conditional/evaluation/metrics.json").read_text())
    assert set(content["integration"]["tom20"]) >= {"model", "class_mean"} and 0 <= content["accuracy"] <= 1
    run_dir = folder / "runs/demo-conditional"
    assert not (run_dir / "known.npz").exists()  # the weights that a user loads are not the last, but the best
    for line in out.splitlines():
        assert not line.startswith("wrote ") or (folder / line.removeprefix("wrote ")).is_file()


def test_evaluate_measures_parts_alone_and_leaves_the_models_card(folder):
    card = folder / "runs/demo-conditional/model_card.md"
    before = card.read_text()
    out = run(folder, "evaluate.py", "--model=runs/demo-conditional", "--parts=latent,classification")
    assert "model card and TensorBoard of runs/demo-conditional are left" in out and card.read_text() == before
    output = folder / "runs/demo-conditional/evaluation-classification-latent"
    content = json.loads((output / "metrics.json").read_text())
    assert {score["part"] for score in content["scores"]} == {"classification", "latent"}
    assert {path.name for path in output.iterdir()} == {*content["files"], "metrics.json"}


def test_evaluate_gives_a_run_the_threshold_by_which_it_tells_unknown_structures(folder, prepared):
    command = ["evaluate.py", "--model=runs/demo-conditional", "--parts=unseen"]
    out = run(folder, *command)
    path = folder / "runs/demo-conditional/known.npz"
    assert "wrote runs/demo-conditional/known.npz" in out and path.is_file()
    assert f"of {prepared.splits['test']} test cells with known structures\n" in out
    integrated = ["integrate.py", "--model=runs/demo-conditional", "--limit=2", str(prepared.folder)]
    told = run(folder, *integrated)
    assert "unknown structures in classes.csv are told by a threshold that accepts" in told
    header, *rows = (folder / "integrated/classes.csv").read_text().splitlines()
    assert header.split(",")[4:6] == ["unknown", "distance"] and len(rows) == 2
    first = path.read_bytes()
    path.unlink()
    assert "unknown" not in run(folder, *integrated, "--overwrite")
    run(folder, *command)
    assert path.read_bytes() == first  # the same cells, the same file
    path.unlink()


def test_evaluate_has_a_detector_for_each_number_of_steps(folder, monkeypatch):
    monkeypatch.setattr(detection, "ENOUGH", 5)
    untrained = functools.cache(detector.build_detector)
    monkeypatch.setattr(detection, "train_detector", lambda examples, steps, seed: untrained(examples.spec))
    steps = ["--detector_steps=1", "--detector_steps=2"]
    out = run(folder, "evaluate.py", "--model=runs/demo-conditional", "--parts=detection", *steps)
    content = json.loads((folder / "runs/demo-conditional/evaluation-detection/metrics.json").read_text())
    metrics = {f"auc_of_{sample}_{number}" for sample in ("draws", "new_cells") for number in (1, 2)}
    assert {score["metric"] for score in content["scores"]} == metrics
    assert sum(line.startswith("detector: auc of ") for line in out.splitlines()) == len(metrics)
