"""The model card: what it tells of a run, and that it names what is not to be trusted."""

import dataclasses
import json
import math

from icell_tf.config import PRESETS
from icell_tf.evaluation.metrics.scores import Part, Score, proportion
from icell_tf.reports import model_card
from icell_tf.runs.run import Run
from icell_tf.spec import PREPROCESSING_VERSION, CellSpec

NAMES = ("tom20", "zo1")
SPEC = CellSpec("ZYX", (16, 64, 64), (1.2, 0.6, 0.6), NAMES)
SMALL = PRESETS["small"]
RUN = Run("conditional", SMALL["conditional"], SPEC, "hela/1.0.0", SMALL["reference"], "runs/small-reference")
COUNTS = {"train": {"tom20": 200, "zo1": 100}, "test": {"tom20": 30, "zo1": 29}}
CURVES = [{"epoch": 0, "reconstruction": 0.5}, {"epoch": 1, "reconstruction": 0.25, "val_integration": 0.125}]
CLASSIFICATION = proportion("accuracy", 50, 59, rivals={"chance": 0.5}), proportion("recall", 7, 10, structure="zo1")
R = Score("r", 0.7, 30, (0.6, 0.8), {"class_mean": 0.75}, {"ceiling": 0.99}, structure="tom20")
GENERATED = Score("recall", 0.1, 30), Score("judge_accuracy", 0.5, 30)  # coverage, no structure's recall
PARTS = [
    Part("classification", "Classification", "", CLASSIFICATION),
    Part("integration", "Integration", "", (R,)),
    Part("draws", "Draws", "", (Score("spread_ratio", 0.25, 30),)),
    Part("generated", "Generated", "", GENERATED),
    Part("latent", "Latent", "", (Score("mmd_p", 0.001, 200, code="z_r"), Score("ks", math.nan, 0))),
]


def lines(text, heading):
    return text.partition(f"\n## {heading}\n\n")[2].partition("\n## ")[0].strip().splitlines()


def test_before_the_evaluation_the_card_tells_data_recipe_and_curves():
    text = model_card.text("my-run", RUN, COUNTS, CURVES)
    assert text.startswith("# Model card: my-run\n")
    assert "trained for 2 of 80 epochs" in text
    assert lines(text, "Data")[0] == (
        "hela/1.0.0: frames of 16 x 64 x 64 px at 1.2 x 0.6 x 0.6 µm, prepared with major_axis, maximum, version "
        f"{PREPROCESSING_VERSION} (alignment, normalization, version); channels membrane, nucleus, structure. Cells by "
        "split:"
    )
    assert "| tom20 | 200 | 30 |" in text and "| all | 300 | 59 |" in text
    assert "| `epochs` | 80 | 80 |" in text and "| `generate_from` | targets |  |" in text
    assert "| reconstruction | 0.2500 |" in text and "| val_integration | 0.1250 |" in text
    assert "Not evaluated yet" in text and "not recorded" in text
    assert lines(text, "Known weaknesses") == [
        "- Not measurable, with fewer than 30 held-out cells: zo1 (29).",
        "- Not evaluated: nothing is known of how good it is.",
    ]


def test_the_card_says_from_which_weights_a_run_started():
    assert "\nStarted from random weights.\n" in model_card.text("my-run", RUN, COUNTS, CURVES)
    started = dataclasses.replace(RUN, config=dataclasses.replace(RUN.config, init="runs/source"))
    told = "\nStarted from trained weights: phase 2 from those of `runs/source`.\n"
    assert told in model_card.text("my-run", started, COUNTS, CURVES)


def test_weaknesses_follow_from_the_scores():
    assert model_card.weaknesses(RUN, COUNTS, PARTS)[1:] == [
        "Classification, zo1_recall: only 0.7 of 10 cells are recognised.",
        "Integration, behind a baseline, given in brackets: tom20_r 0.7 (class_mean 0.75).",
        "Draws, spread_ratio: draws vary 0.25 times as much as cells do.",
        "Generated, judge_accuracy: an independent classifier recognises the structure in 0.5 of generated cells.",
        "Latent, z_r_mmd_p: the codes are not distributed as the prior (p = 0.001).",
        "Latent, ks: could not be measured.",
    ]
    enough = {"test": {"tom20": 30, "zo1": 30}}
    assert model_card.weaknesses(RUN, enough, [Part("a", "a", "", (proportion("accuracy", 9, 10),))]) == [
        "None was found, which does not mean that there are none."
    ]
    simulated = dataclasses.replace(RUN, dataset="integrated_cell/simulated_64/1.1.0")
    assert model_card.weaknesses(simulated, enough, PARTS)[0].startswith("Trained on simulated cells alone")


def test_the_scorecard_is_in_the_card():
    text = model_card.text("my-run", RUN, COUNTS, CURVES, PARTS)
    assert "| tom20_r | 0.7 | 0.6 to 0.8 | 30 cells | class_mean 0.75, ceiling 0.99 |" in text
    assert "Not evaluated" not in text


def test_a_run_of_phase_1_has_no_scorecard():
    text = model_card.text("my-run", Run("reference", SMALL["reference"], SPEC), COUNTS, [])
    assert "Scorecard" not in text and "Not measurable" not in text and "trained for no epoch" in text
    assert "| `epochs` | 80 |" in text


def test_notes_of_the_owner_and_what_it_was_trained_with_stay(tmp_path, prepared):
    run = Run("conditional", SMALL["conditional"], prepared.spec, prepared.dataset, SMALL["reference"])
    model_card.record_training(tmp_path, run, prepared, CURVES)
    path = tmp_path / model_card.CARD_FILE
    first = path.read_text()
    environment = json.loads((tmp_path / model_card.ENVIRONMENT_FILE).read_text())
    assert CellSpec.from_dict(environment["spec"]) == prepared.spec
    assert model_card.TO_FILL_IN in first and "tensorflow 2" in first and "CPU, " in first
    counts = model_card.count(prepared)
    assert {split: sum(by_structure.values()) for split, by_structure in counts.items()} == prepared.splits
    assert all(sum(by.get(name, 0) for by in counts.values()) == 8 for name in prepared.spec.structures)
    path.write_text(first.replace(model_card.TO_FILL_IN, "HeLa, CC0."))
    model_card.write(tmp_path, run, counts, CURVES, PARTS)
    second = path.read_text()
    assert second.endswith("## Notes\n\nHeLa, CC0.\n") and "spread_ratio" in second
    assert lines(second, "Training") == lines(first, "Training")
    assert sorted(file.name for file in tmp_path.iterdir()) == [model_card.ENVIRONMENT_FILE, model_card.CARD_FILE]


def test_only_cells_that_are_trained_on_count(prepared):
    counts = model_card.count(dataclasses.replace(prepared, train_split="train[:10]"))
    assert sum(counts["train"].values()) == 10 and sum(counts["test"].values()) == prepared.splits["test"]
