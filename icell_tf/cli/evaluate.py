"""Evaluates a trained model on its test cells: python train/evaluate.py --model=RUN_DIR."""

from pathlib import Path

from absl import flags

from icell_tf.cli.command import define_data_dir, define_folder, ensure_prepared
from icell_tf.evaluation.subject import load_subject
from icell_tf.reports.report import evaluate, table
from icell_tf.runs.run import Run
from icell_tf.runs.weights import BEST, LAST

MODEL = define_folder("model", None, "the run of train/conditional.py", required=True)
REFERENCE = define_folder("reference", None, "its run of train/reference.py (default: where it lay in training)")
DATASET = flags.DEFINE_string("dataset", None, "prepared data set (default: the one it was trained on)")
DATA_DIR = define_data_dir()
OUTPUT = define_folder("output", None, "where the report goes (default: MODEL/evaluation)")
DRAWS = flags.DEFINE_integer("draws", 32, "draws of z_s for the mean prediction and their spread", lower_bound=2)
SEED = flags.DEFINE_integer("seed", 0, "of draws, generated cells and the choice of pictures", lower_bound=0)
WEIGHTS = flags.DEFINE_enum("weights", "best", ["best", "last"], "weights best on validation, or the last")


def main():
    ensure_prepared(DATASET.value or Run.load(MODEL.value).config.dataset, DATA_DIR.value)
    weights = BEST if WEIGHTS.value == "best" else LAST
    subject = load_subject(MODEL.value, weights, DATASET.value, DATA_DIR.value, REFERENCE.value)
    output = Path(OUTPUT.value or Path(MODEL.value) / "evaluation")
    tell = lambda part: print(f"Evaluating: {part}", flush=True)  # noqa: E731
    run_dir = MODEL.value if weights == BEST else None  # whose model card tells of the best weights
    report = evaluate(subject, output, run_dir, DRAWS.value, SEED.value, tell)
    print(table(report.content))
    print("\n".join(f"wrote {path}" for path in report.paths))
