"""The report in TensorBoard, next to the curves of training: scores as scalars and as tables, and the pictures."""

import math
from pathlib import Path

import tensorflow as tf

from icell_tf.reports.model_card import scores_table

FOLDER = "evaluation"


def write(log_dir, step, parts, pictures=None):
    """Writes the scorecard and pictures, in place of those of an earlier evaluation.

    Args:
      log_dir: TensorBoard's folder of the run; what is written goes to its folder `evaluation`.
      step: the last epoch, counted from 0 as the curves' are.
      parts: the scorecard's `Part`s. A score is the scalar HEADING/NAME. A part is the text HEADING, a table with
        intervals, n and baselines. A score that could not be measured, NaN, is in the table alone.
      pictures: {name: RGB uint8 (h, w, 3)}.
    """
    folder = Path(log_dir) / FOLDER
    for old in folder.glob("events.out.tfevents.*"):
        old.unlink()
    writer = tf.summary.create_file_writer(str(folder))
    with writer.as_default(step=step):
        for part in parts:
            for score in part.scores:
                if math.isfinite(score.value):
                    tf.summary.scalar(f"{part.heading}/{score.name}", score.value)
            tf.summary.text(part.heading, scores_table(part))
        for name, picture in (pictures or {}).items():
            tf.summary.image(name, picture[None])
    writer.close()
