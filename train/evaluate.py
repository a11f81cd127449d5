"""Evaluates a trained model on its test cells: python train/evaluate.py --model=RUN_DIR."""

from pathlib import Path

from absl import app, flags
from command import define_data_dir, ensure_prepared, run

from icell_tf.checkpoints import BEST, LAST
from icell_tf.config import Run
from icell_tf.data import PreparedCells, find_prepared
from icell_tf.evaluation.report import METRICS_FILE, evaluate, table
from icell_tf.experiment import load_integrator

MODEL = flags.DEFINE_string("model", None, "the run of train/conditional.py", required=True)
DATASET = flags.DEFINE_string("dataset", None, "prepared data set (default: the one it was trained on)")
DATA_DIR = define_data_dir()
OUTPUT = flags.DEFINE_string("output", None, "where metrics.json and pictures go (default: MODEL/evaluation)")
DRAWS = flags.DEFINE_integer("draws", 32, "draws of z_s for the mean prediction", lower_bound=1)
WEIGHTS = flags.DEFINE_enum("weights", "best", ["best", "last"], "weights best on validation, or the last")


def main():
    integrator = load_integrator(MODEL.value, BEST if WEIGHTS.value == "best" else LAST)
    config = Run.load(MODEL.value).config
    dataset = DATASET.value or config.dataset
    ensure_prepared(dataset, DATA_DIR.value)
    prepared = PreparedCells(find_prepared(dataset, DATA_DIR.value), config.train_split)
    output = Path(OUTPUT.value or Path(MODEL.value) / "evaluation")
    content, pictures = evaluate(integrator, prepared, output, DRAWS.value)
    print(table(content))
    print("\n".join(f"wrote {path}" for path in [output / METRICS_FILE, *pictures]))


if __name__ == "__main__":
    app.run(lambda argv: run(main, argv))
