"""Evaluates a trained model on its test cells: python train/evaluate.py --model=RUN_DIR."""

from pathlib import Path

from absl import app, flags
from command import run

from icell_tf.checkpoints import BEST, LAST
from icell_tf.config import Run
from icell_tf.data import PreparedCells, find_prepared
from icell_tf.evaluation.report import METRICS_FILE, evaluate, table
from icell_tf.experiment import load_integrator

flags.DEFINE_string("model", None, "the run of train/conditional.py", required=True)
flags.DEFINE_string("dataset", None, "prepared data set (default: the one it was trained on)")
flags.DEFINE_string("data_dir", None, "where prepared data sets lie (default: TFDS' own)")
flags.DEFINE_string("output", None, "where metrics.json and pictures go (default: MODEL/evaluation)")
flags.DEFINE_integer("draws", 32, "draws of z_s for the mean prediction", lower_bound=1)
flags.DEFINE_enum("weights", "best", ["best", "last"], "weights best on validation, or the last")


def main():
    values = flags.FLAGS
    output = Path(values.output or Path(values.model) / "evaluation")
    dataset = values.dataset or Run.load(values.model).config.dataset
    prepared = PreparedCells(find_prepared(dataset, values.data_dir))
    integrator = load_integrator(values.model, BEST if values.weights == "best" else LAST)
    content, pictures = evaluate(integrator, prepared, output, values.draws)
    print(table(content))
    print("\n".join(f"wrote {path}" for path in [output / METRICS_FILE, *pictures]))


if __name__ == "__main__":
    app.run(lambda argv: run(main, argv))
